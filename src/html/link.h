/* SPDX-License-Identifier: ISC */
/*
 * Addresses of links, for people.
 */
#ifndef SENDOFF_HTML_LINK_H
#define SENDOFF_HTML_LINK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends the address in the value of an href attribute: entities decoded, without white space at
 * its ends, line ends, tabs and control characters; what cannot stand between angle brackets is
 * percent-encoded (RFC 3986 section 2.1); a mail address stands without "mailto:" where nothing
 * follows it.  False, and nothing is appended, where it leads nowhere outside of the HTML: a place
 * within it, a script, a part of the same message.
 */
bool link_address(struct span value, struct buf *out);

/*
 * True where the words of a link tell its address: scheme, last slash and case apart; of telephones
 * the digits.
 */
bool link_is_told(struct span address, struct span words);

#endif
