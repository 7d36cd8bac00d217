/* SPDX-License-Identifier: ISC */
/*
 * What the attributes of a tag say.  Pure.
 */
#ifndef SENDOFF_HTML_ATTRIBUTE_H
#define SENDOFF_HTML_ATTRIBUTE_H

#include <stdbool.h>

#include "base/span.h"

enum { HTML_NUMBER_MOST = 9999999 }; /* what is more counts as this */

/*
 * The number that the attribute of that name begins with, from `least` to HTML_NUMBER_MOST;
 * otherwise `none`.
 */
long html_number_value(struct span attributes, const char *name, long least, long none);
/* The attribute has that value, in any case. */
bool html_value_is(struct span attributes, const char *name, const char *value);

/*
 * The first word of what a style attribute, as it stands there, says of that property: each time of
 * the next declaration. Empty where there is none left.
 */
struct span html_next_style(struct span *style, const char *property);
/* One of the declarations of the style attribute has that value as its first word. */
bool html_style_is(struct span attributes, const char *property, const char *value);

/* By the hidden attribute, or by style. */
bool html_is_hidden(struct span attributes);

#endif
