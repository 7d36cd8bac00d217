/* SPDX-License-Identifier: ISC */
/*
 * Text in header fields: what is not ASCII goes in encoded words (RFC 2047), in UTF-8, Q or B,
 * whichever is shorter.
 *
 * Any octets are taken: control characters become spaces, octets that are no UTF-8 become '?',
 * space at both ends is dropped; so nothing in the text can end the field or begin another.  A
 * decoder gets back what is left, octet for octet: no character is split, text that looks like an
 * encoded word is encoded itself.  Words have at most 75 octets.
 */
#ifndef SENDOFF_FORMAT_WORDS_H
#define SENDOFF_FORMAT_WORDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "format/fold.h"

enum { WORDS_TEXT_MAX = 64 * 1024 }; /* octets of a text: what is more is cut off */

/*
 * Text of its own, as in Subject (RFC 5322 section 3.2.5, unstructured): only the words that need
 * it are encoded.
 */
void words_add_text(struct fold *f, struct span text);

/* The name before an address or a group (phrase): as it is, quoted, or encoded as a whole. */
void words_add_phrase(struct fold *f, struct span text);

/* A comment; text is without its parentheses and backslashes. */
void words_add_comment(struct fold *f, struct span text);

/*
 * The octets themselves, all of them, spaces at both ends and control characters too, in as many
 * encoded words as it takes: the first behind the gap (spaces; may be empty) and what opens it
 * ("("; may be empty).  Text is in that charset (at most 20 octets of name); words end between
 * characters of UTF-8, and anywhere in octets that are none.
 */
void words_add_encoded(struct fold *f, const char *charset, struct span gap, const char *opening,
    struct span text);

/*
 * Appends text without control characters and octets that are no UTF-8, at most what out can take.
 */
void words_clean(struct buf *out, struct span text);

#endif
