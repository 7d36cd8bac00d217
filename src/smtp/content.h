/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on its way, by BDAT or by DATA.  For the files of smtp/ only.
 */
#ifndef SENDOFF_SMTP_CONTENT_H
#define SENDOFF_SMTP_CONTENT_H

#include "smtp/session.h"

/*
 * Queues BDAT and the content of tx, or what follows DATA's 354, with the dot that ends it, and
 * expects the answers.  Where s->in_content is set, it is sent in whole pieces as it is read; the
 * last one stays queued for what follows to join.  Else all of it is queued without a look at the
 * server.
 *
 * On 0 tx->answers_due is set; or the server answered before the end, and tx->content_unsent is:
 * then nothing may follow.
 * Errors: ERR_IO (the stored message cannot be read), ERR_SYSTEM, those of before_end() and of
 * smtp_exchange().
 */
int content_send(struct smtp *s, struct transaction *tx, struct err *err);

/*
 * 354 came although nobody is left to get the message: ends it at once (RFC 2920 section 3.1).
 * Errors: those of smtp_exchange().
 */
int content_send_none(struct smtp *s, struct transaction *tx, struct err *err);

#endif
