/* SPDX-License-Identifier: ISC */
/*
 * The lines of an envelope, MAIL and RCPT, with the parameters that the server understands.  For
 * the files of smtp/ only.
 */
#ifndef SENDOFF_SMTP_LINES_H
#define SENDOFF_SMTP_LINES_H

#include "smtp/session.h"

/* Queues MAIL, a transaction's beginning.  smtp_check() came before. */
void smtp_queue_mail(struct smtp *s, struct transaction *tx);

/* Queues RCPT: the recipient is tried now. */
void smtp_queue_rcpt(struct smtp *s, struct transaction *tx, size_t recipient);

#endif
