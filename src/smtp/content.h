/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on its way, by BDAT or by DATA, and the answers to it.  For the files of
 * smtp/ only.
 *
 * content_begin(), then content_queue_all() or content_send(), then content_end().  All but the
 * first can fail, and the session can only be closed then.
 */
#ifndef SENDOFF_SMTP_CONTENT_H
#define SENDOFF_SMTP_CONTENT_H

#include "smtp/session.h"

/* The content on its way: the header, an empty line, the body. */
struct content {
	struct smtp *smtp;
	struct transaction *tx;
	uint64_t at; /* octets taken so far */
	uint64_t size;
	bool stuff; /* for DATA: a dot at the start of a line is doubled (RFC 5321 section 4.5.2) */
	bool line_start;
	bool may_end; /* the transaction's before_end() has said so */
};

/* True where contents go by BDAT (RFC 3030). */
bool smtp_chunks(const struct smtp *s);

/* True where each recipient has an answer of its own (RFC 2033). */
bool smtp_is_lmtp(const struct smtp *s);

/*
 * Queues BDAT, or follows DATA's 354, and expects the answers: a refusal may come before the end.
 */
void content_begin(struct content *c, struct smtp *s, struct transaction *tx);

/*
 * Queues all of it, without a look at the server: for what is small.
 * Errors: ERR_IO (the stored message cannot be read), ERR_SYSTEM, those of before_end().
 */
int content_queue_all(struct content *c, struct err *err);

/*
 * Sends all of it in whole pieces but the last one, which stays queued for what follows to join.
 * Where the server answers before the end, it ends early, with s->in_content false: then nothing
 * may follow.
 * Errors: those of content_queue_all() and smtp_exchange().
 */
int content_send(struct content *c, struct err *err);

/* All of it is queued; the dot that ends DATA is added.  Errors: those of before_end(). */
int content_end(struct content *c, struct err *err);

/*
 * 354 came although nobody is left to get the message: ends it at once (RFC 2920 section 3.1).
 * Errors: those of smtp_exchange().
 */
int content_send_none(struct smtp *s, struct transaction *tx, struct err *err);

#endif
