/* SPDX-License-Identifier: ISC */
/*
 * The wire of a session: commands are queued, each with the reply that is due for it; the exchange
 * sends and reads at the same time, and hands each reply to its verb's handler.  For the files of
 * smtp/ only.
 */
#ifndef SENDOFF_SMTP_WIRE_H
#define SENDOFF_SMTP_WIRE_H

#include "smtp/session.h"

/* A session that has said nothing yet, without a connection. */
void smtp_init(struct smtp *s, const struct smtp_settings *settings);

/* Queues a command line (CRLF is added) and expects its reply.  Text must be free of CR and LF. */
void smtp_command(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same for a line that is ready: no format, for what is said a thousand times. */
void smtp_line(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    struct buf *line);

/* Expects a reply to something that is queued already, or to nothing (VERB_GREETING). */
void smtp_expect(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient);

/* What an exchange goes on for. */
enum until {
	UNTIL_SENT,    /* nothing waits to be sent */
	UNTIL_REPLIED, /* … and no reply is due */
	/* s->tx has the answers to its content; replies and output behind it stay for who asks next
	 */
	UNTIL_ANSWERED,
};

/*
 * Sends and reads until that is so.  Returns early where the content under way was refused
 * (tx->content_unsent with its reply read).
 * Errors: ERR_TIMEOUT, ERR_LOST, ERR_PROTOCOL, ERR_TEMPORARY (421), ERR_SYSTEM; peer and stage are
 * filled, and the session is broken.
 */
int smtp_exchange(struct smtp *s, enum until until, struct err *err);

/*
 * Sends what is queued and awaits the one reply that is due, to that verb: an error unless it says
 * that it worked.
 */
int smtp_ask(struct smtp *s, enum verb verb, struct err *err);

/*
 * Fills err from the reply to that verb: kind by verb and code, the server's words, peer and stage.
 * Always -1.
 */
int smtp_refused(const struct smtp *s, enum verb verb, struct err *err);

/* The same for a verb's command in general: peer and stage into err. */
void smtp_place(const struct smtp *s, enum verb verb, struct err *err);

#endif
