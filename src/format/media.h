/* SPDX-License-Identifier: ISC */
/*
 * Media types (RFC 2045 section 5, RFC 6838): what a file is, by its name and by what it begins
 * with.
 */
#ifndef SENDOFF_FORMAT_MEDIA_H
#define SENDOFF_FORMAT_MEDIA_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* What is behind the last dot of a file's name; empty where there is none, or nothing before it. */
struct span media_extension(struct span name);

/*
 * The type of files with that extension, without regard to case; NULL where it is not in the table.
 */
const char *media_by_extension(struct span extension);

/*
 * The same out of the text of a mime.types file ("type ext ext", '#' begins a comment): appended to
 * out.  False where it is not there.
 */
bool media_by_list(struct span list, struct span extension, struct buf *out);

/*
 * The type of what begins with those octets (8 tell); NULL where they are no signature that is
 * known.
 */
const char *media_by_signature(struct span begin);

/* "type/subtype", with parameters perhaps, in ASCII, that may stand in a Content-Type as it is. */
bool media_is_valid(struct span type);

/*
 * The type in a Content-Type body is the given one ("message/rfc822"), or of that kind ("text/");
 * parameters do not count.
 */
bool media_is(struct span type, const char *wanted);

#endif
