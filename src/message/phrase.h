/* SPDX-License-Identifier: ISC */
/*
 * Display names: the phrase before <address>.
 */
#ifndef SENDOFF_MESSAGE_PHRASE_H
#define SENDOFF_MESSAGE_PHRASE_H

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends any text as a phrase (RFC 5322 section 3.2.5): as it is; quoted where it holds specials;
 * where it holds 8-bit characters, is long, or looks like an encoded word, as encoded words
 * (words.h) that fit a line begun with "Resent-From: ".  Control characters become spaces, octets
 * that are no UTF-8 become '?', space at both ends is dropped: nothing in the text can end the
 * field or begin another.  Text of nothing but space appends nothing; text of more than 8192 octets
 * is cut.
 */
void phrase_add(struct buf *out, struct span text);

#endif
