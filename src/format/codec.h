/* SPDX-License-Identifier: ISC */
/*
 * Octets in the clothes of others: base64 as SASL wants it (RFC 4648 section 4), xtext (RFC 3461
 * section 4), and addresses of the type utf-8 (RFC 6533 section 3).
 */
#ifndef SENDOFF_FORMAT_CODEC_H
#define SENDOFF_FORMAT_CODEC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* Digits, padding counted, that stand for len octets. */
static inline size_t
base64_length(size_t len)
{
	return (len / 3 + (len % 3 > 0)) * 4;
}

/* Appends data in base64 without line breaks. */
void base64_add(struct buf *out, struct span data);
/* Writes it to `to`, where base64_length(data.len) octets fit, and returns what is behind it. */
char *base64_put(char *to, struct span data);

/*
 * Appends what text stands for.  Strict (RFC 4954 section 4): octets outside the alphabet, padding
 * in the wrong place, left-over bits and a length that is no multiple of four are refused.  False
 * then, and out is as it was; false too where the octets do not fit out (!buf_ok(out)).
 */
bool base64_decode(struct buf *out, struct span text);

/*
 * Appends data as xtext: octets 33 to 126 but '+' and '=' stand for themselves, all others become
 * +HH.
 */
void xtext_add(struct buf *out, struct span data);

/* True where text is xtext already (as -V and ORCPT give it); the empty text is. */
bool xtext_valid(struct span text);

/* Appends what xtext stands for; false where it is none, and out is as it was. */
bool xtext_decode(struct buf *out, struct span text);

/*
 * Appends an address as utf-8-addr-unitext, or where `ascii` as utf-8-addr-xtext: what ASCII has
 * for other purposes, and in the latter all that is not ASCII, becomes \x{HEX}.
 */
void utf8_xtext_add(struct buf *out, struct span address, bool ascii);

/*
 * Appends what either of the two stands for, valid UTF-8 without control characters; false where
 * text is none of them, and out is as it was.
 */
bool utf8_xtext_decode(struct buf *out, struct span text);

#endif
