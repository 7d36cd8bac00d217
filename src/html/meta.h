/* SPDX-License-Identifier: ISC */
/*
 * The charset that HTML names for itself.  Pure.
 */
#ifndef SENDOFF_HTML_META_H
#define SENDOFF_HTML_META_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

enum { HTML_META_MAX = 1024 }; /* octets in which it must stand */

/*
 * Appends the name in the first <meta charset> or <meta http-equiv=content-type
 * content="…charset=…"> that has one, as it stands there, where it stands in the first
 * HTML_META_MAX octets (HTML, prescan a byte stream to determine its encoding). False, and nothing
 * is appended, where there is none, or out has no room for it.
 */
bool html_meta_charset(struct span html, struct buf *out);

#endif
