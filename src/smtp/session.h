/* SPDX-License-Identifier: ISC */
/*
 * An SMTP session, client side (RFC 5321): connect, greet, secure, log in; send; say goodbye.
 *
 * The session reports what happened, per recipient; whether that means "again later" or "give up"
 * is decided above. After a function returned -1 the session can only be closed.
 */
#ifndef SENDOFF_SMTP_SESSION_H
#define SENDOFF_SMTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/reply.h"
#include "net/stream.h"
#include "smtp/settings.h"
#include "smtp/transaction.h"

/* What is said, and answered: one row of the table in wire.c each. */
enum verb {
	VERB_GREETING, /* nothing is said: the server's first reply */
	VERB_EHLO,
	VERB_STARTTLS,
	VERB_AUTH,
	VERB_AUTH_STEP, /* a response within AUTH */
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_CONTENT, /* the lone dot that ends DATA's content */
	VERB_RSET,
	VERB_QUIT,
	VERBS
};

#define EVERY_RECIPIENT SIZE_MAX

/* A reply that is due. */
struct expected {
	enum verb verb;
	struct transaction *tx; /* NULL where the verb belongs to none */
	size_t recipient;       /* of VERB_RCPT, and of the content in LMTP; else EVERY_RECIPIENT */
};

struct smtp {
	struct smtp_settings settings;
	struct stream stream;
	struct ehlo offers;    /* what the last EHLO told, without what is not to be used */
	struct reply reply;    /* the reply that was read last, or is being read */
	struct expected *fifo; /* replies due, in order: [first, first + due) */
	size_t first, due, fifo_cap;
	struct transaction *tx;        /* whose turn it is */
	struct transaction *announced; /* whose envelope went out ahead of its turn; borrowed until
					  then.  NULL: none */
	int64_t deadline;              /* of the login, then of each message, without content */
	int64_t progress;     /* clock_ms() when the last reply or the last octet went by */
	int64_t window_start; /* of the minute over which the speed of content is watched */
	uint64_t window_octets;
	uint64_t unread_octets; /* of content, sent since a reply was last looked for */
	bool in_content;        /* content is under way or its reply due: the deadline rests */
	bool unasked;           /* input was there before the flight that is queued now */
	bool quit;              /* QUIT is said */
	bool broken;            /* nothing more can be said */
	bool mail_stands; /* MAIL was answered, and no content taken since: RSET comes before the
			     next */
	uint64_t mails;   /* transactions begun (LIMITS' MAILMAX) */
	const char *mechanism; /* of the login; NULL: none */
};

/*
 * Connects to the server and brings the session to where mail can be sent: TLS as told, login where
 * there is a user.
 * Errors: those of dial_tcp(), dial_unix() and tls_start(); ERR_CONFIG (a password would go out
 * unprotected, or plain text off this machine), ERR_TEMPORARY, ERR_SERVICE, ERR_LOGIN, ERR_TLS,
 * ERR_PROTOCOL, ERR_TIMEOUT, ERR_LOST.
 */
int smtp_open(struct smtp *s, const struct smtp_settings *settings, struct err *err);

/* What stands around a message. */
struct around {
	bool last; /* no other message will follow, so that QUIT can join the last flight */
	/*
	 * The next message to send, or NULL: where the server lets us, its MAIL and RCPT (and DATA,
	 * where there is no CHUNKING) join the flight of this one's end; not where this one has
	 * recipients left for another turn, or where `next` has more than a turn takes.  It is then
	 * `announced`: its smtp_send() should come next, and it must stay until then, or until
	 * nothing but smtp_close() is called.  Where another comes before it, the announcement is
	 * taken back.
	 */
	struct transaction *next;
};

/*
 * Sends the message to the recipients of tx that are pending, or to as many of them as the server
 * takes at once.
 *
 * On 0 each recipient has an outcome or is pending (again): then smtp_send() is to be called once
 * more, on another session where smtp_may_send() is false.  All of them may be pending still: a
 * server that leaves us (421, or without a word) before it answered an announced envelope has seen
 * nothing of the message, and said nothing about it.
 *
 * On -1 the session broke; recipients without an outcome have got the error, with in_doubt set
 * where the server may have taken the message.  The recipients of an announced `next` are pending
 * again: nothing of it went out but its envelope.
 */
int smtp_send(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err);

/* True where the session can take another turn; always for a message that is announced. */
bool smtp_may_send(const struct smtp *s);

/*
 * Says QUIT if that is possible and due, waits shortly for the answer, and closes.  Releases
 * everything.
 */
void smtp_close(struct smtp *s);

#endif
