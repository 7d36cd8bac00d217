/* SPDX-License-Identifier: ISC */
/*
 * Foreign text: UTF-8, and the form in which it may be shown.
 */
#ifndef SENDOFF_BASE_TEXT_H
#define SENDOFF_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends foreign text in a form that is safe on a terminal and in a log: valid UTF-8 without
 * control characters stays, LF stays where keep_lf is true, all else becomes \xHH.  C1 controls and
 * bidirectional overrides count as control characters.
 */
void text_printable(struct buf *out, struct span text, bool keep_lf);

/* Appends a number of octets as people say it: "36.2 MB", "120 KB" (powers of 1000). */
void text_size(struct buf *out, uint64_t octets);

/* Octets of the valid UTF-8 sequence (RFC 3629) at text, 1 to 4; 0 where there is none. */
unsigned utf8_length(struct span text);
bool utf8_valid(struct span text);

/*
 * UTF-8 that comes in pieces: the state behind text, from the one before it; UTF8_WHOLE at the
 * begin. UTF8_WHOLE: all was valid, and ends with a whole character; UTF8_BROKEN: it is none, and
 * will not be; other values: so far it is valid, and ends amid a character.
 */
enum { UTF8_WHOLE = 0, UTF8_BROKEN = 48 };
unsigned utf8_pass(unsigned state, struct span text);

#endif
