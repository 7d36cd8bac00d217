/* SPDX-License-Identifier: ISC */
/*
 * Header fields with raw 8-bit text, for those who take 7-bit alone (RFC 2047, RFC 2231).
 */
#ifndef SENDOFF_MESSAGE_ASCII_H
#define SENDOFF_MESSAGE_ASCII_H

#include <stdbool.h>

#include "base/buf.h"
#include "format/header.h"

/*
 * Appends the field, folded anew, with its 8-bit text as encoded words: in fields of text, in the
 * names and comments of fields with addresses, in the comments of others; in parameters (name="…")
 * as RFC 2231 has it, but for those that are there in that form too: these go.  Domains of
 * addresses get A-labels.  All other words stay as they are, encoded ones too; a reader gets the
 * same text, spaces between words included.
 *
 * Text that is no UTF-8 is taken to be in `charset` (as the body says; "" or NULL: unknown); where
 * it is not, or the charset is not one of the usual ones for 8-bit text, its octets are labelled
 * unknown-8bit (RFC 1428 section 3).
 *
 * False where 8-bit text remains, because it stands in an address or where nothing encoded may
 * stand: out is as it was then.
 */
bool ascii_add_field(struct buf *out, const struct header_field *field, const char *charset);

#endif
