/* SPDX-License-Identifier: ISC */
/*
 * The parameters of Content-Type and Content-Disposition: name="value" (RFC 2045 section 5.1), and
 * RFC 2231 where the value is not ASCII or long.
 */
#ifndef SENDOFF_FORMAT_PARAMETER_H
#define SENDOFF_FORMAT_PARAMETER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "format/fold.h"

/*
 * Appends "; name=value" to a field that has its value already.  The value is UTF-8 without control
 * characters; a reader gets the very octets.  It goes as a token or quoted string where it is
 * ASCII, fits one line and does not look like an encoded word; else as name*=UTF-8''…, in as many
 * pieces as it needs (RFC 2231 sections 3 and 4).
 */
void parameter_add(struct fold *f, const char *name, struct span value);

/*
 * Appends the value of the first parameter of that name in the body of a field, comments and
 * quoting undone; RFC 2231 is not; what is no parameter is passed over.  False where there is none,
 * or what stands before it is never closed; out is as it was then.
 */
bool parameter_find(struct span body, const char *name, struct buf *out);

/* True where body is "type/subtype" and parameters as RFC 2045 section 5.1 has them, to its end. */
bool parameter_is_sound(struct span body);

/*
 * A file name as another machine may see it: the last component of a path is the caller's to take;
 * '/' and control characters and octets that are no UTF-8 become '_', and so do the names "." and
 * "..", and the empty one.
 */
void parameter_file_name(struct buf *out, struct span name);

/*
 * The same for readers that know no RFC 2231: ASCII, at most 60 octets, its extension kept;
 * characters beyond ASCII, quotes, backslashes and the '?' of "=?" become '_'.
 */
void parameter_plain_name(struct buf *out, struct span name);

#endif
