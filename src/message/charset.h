/* SPDX-License-Identifier: ISC */
/*
 * Text in any character set, made UTF-8.
 */
#ifndef SENDOFF_MESSAGE_CHARSET_H
#define SENDOFF_MESSAGE_CHARSET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/*
 * Appends text in the charset (a name that iconv(3) knows) as UTF-8, octet for octet where that is its charset
 * already; a byte order mark is left out.  Strict: nothing is dropped or replaced.
 * Errors: ERR_MESSAGE (the charset is not known; the text is not in it: tells line and octet), ERR_SYSTEM.
 */
int charset_to_utf8(struct span text, const char *charset, struct buf *out, struct err *err);

/*
 * What text is in, where nobody says so:
 *
 *	UTF-8           it is valid; or more of its characters beyond ASCII are valid than octets are not: it is
 *	                damaged, cut off perhaps
 *	UTF-16          it begins with a byte order mark
 *	ISO-8859-15     no octet from 0x80 to 0x9F
 *	windows-1252    some, and all of them known there
 *	NULL            none of these
 */
const char *charset_guess(struct span text);

/*
 * Appends text in the charset that charset_guess() tells, or, where it tells none or text is damaged, as UTF-8 in which
 * U+FFFD stands for each octet that makes no sense.  Errors: ERR_SYSTEM.
 */
int charset_guessed_to_utf8(struct span text, struct buf *out, struct err *err);

#endif
