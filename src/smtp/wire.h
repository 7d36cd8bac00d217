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
void smtp_init(struct smtp *s, const struct account *account, const struct server *server,
    const struct stream_watch *watch);

/* Queues a command line (CRLF is added) and expects its reply.  Text must be free of CR and LF. */
void smtp_command(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same for a line that is ready: no format, for what is said a thousand times. */
void smtp_line(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    struct buf *line);

/* Expects a reply to something that is queued already, or to nothing (VERB_GREETING). */
void smtp_expect(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient);

/*
 * Sends and reads until at most `queued` octets wait to be sent and at most `due` replies are
 * missing.  Returns early where the content under way was refused (tx->content_unsent with its
 * reply read).
 * Errors: ERR_TIMEOUT, ERR_LOST, ERR_PROTOCOL, ERR_TEMPORARY (421), ERR_SYSTEM; peer and stage are
 * filled.
 */
int smtp_exchange(struct smtp *s, size_t queued, size_t due, struct err *err);

/*
 * The same until tx->answers_due is 0; replies behind the last one stay for who asks next, as may
 * output behind the content.
 */
int smtp_exchange_to_answer(struct smtp *s, const struct transaction *tx, struct err *err);

/*
 * The session is over: an announced envelope was in vain.  No transaction is touched any more
 * afterwards.
 */
void smtp_abandon(struct smtp *s);

/*
 * Sends what is queued and awaits the one reply that is due, to that verb: an error unless it says
 * that it worked.
 */
int smtp_ask(struct smtp *s, enum verb verb, struct err *err);

/* Commands the server let us put into one flight? */
bool smtp_may_pipeline(const struct smtp *s);

/*
 * Fills err from the reply to that verb: kind by verb and code, the server's words, peer and stage.
 * Always -1.
 */
int smtp_refused(const struct smtp *s, enum verb verb, struct err *err);

/* The same for a verb's command in general: peer and stage into err. */
void smtp_place(const struct smtp *s, enum verb verb, struct err *err);

#endif
