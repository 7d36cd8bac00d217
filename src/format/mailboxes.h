/* SPDX-License-Identifier: ISC */
/*
 * Lists of addresses as people write them, made ready for a header field.
 */
#ifndef SENDOFF_FORMAT_MAILBOXES_H
#define SENDOFF_FORMAT_MAILBOXES_H

#include "base/err.h"
#include "base/span.h"
#include "format/fold.h"

/*
 * Appends the list (UTF-8; what address_parse() takes) to the field: "Bob Müller <bob@example.org>,
 * eve@example.org". Names and comments are quoted or encoded (words.h), comments stand behind their
 * address, empty elements are dropped. The addresses are as struct address has them; 8-bit
 * characters in them stay as they are: whether they go out as UTF-8 or as A-labels is decided on
 * sending.
 * Errors: ERR_ADDRESS, ERR_SYSTEM; something may have been appended then.
 */
int mailboxes_add(struct fold *f, struct span list, struct err *err);

#endif
