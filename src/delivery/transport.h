/* SPDX-License-Identifier: ISC */
/*
 * A way by which messages leave: opened for one server of an account, it takes messages one after
 * the other.  Which kind it is follows from the server's scheme; SMTP with LMTP (smtp/) is the one
 * there is.
 */
#ifndef SENDOFF_DELIVERY_TRANSPORT_H
#define SENDOFF_DELIVERY_TRANSPORT_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "net/stream.h"
#include "smtp/session.h"

/* What the open server can do. */
struct transport_offers {
	bool eightbit; /* 8-bit text goes as it is (8BITMIME) */
	bool dsn;      /* it tells the sender itself what he wants to be told (DSN) */
};

struct transport {
	const struct transport_kind *kind; /* NULL: not open */
	struct transport_offers offers;
	struct buf peer;       /* "host:port" of the server that was talked to last; empty: none */
	struct buf tls;        /* its TLS, for the log; empty: none */
	const char *mechanism; /* of the login; NULL: none */
	struct smtp smtp;      /* for SMTP and LMTP */
};

/* One row a kind; the functions are as those below. */
struct transport_kind {
	int (*open)(struct transport *t, const struct account *account, const struct server *server,
	    const struct buf *secret, const struct stream_watch *watch, struct err *err);
	bool (*may_send)(const struct transport *t);
	int (*send)(struct transport *t, struct transaction *tx, const struct around *around,
	    struct err *err);
	void (*close)(struct transport *t);
};

void transport_init(struct transport *t);
/* Closes it, where it is open. */
void transport_release(struct transport *t);

/*
 * Opens it, which is not open.  `secret` is the password or token, empty where none is needed;
 * `watch` may be NULL.  On failure it is closed, and peer and tls tell how far it came.
 * Errors: those of smtp_open().
 */
int transport_open(struct transport *t, const struct account *account, const struct server *server,
    const struct buf *secret, const struct stream_watch *watch, struct err *err);

/* True where another message can be sent, or the rest of one: it is open, and is not spent. */
bool transport_may_send(const struct transport *t);

/* Sends a message to those who are pending: as smtp_send(). */
int transport_send(struct transport *t, struct transaction *tx, const struct around *around,
    struct err *err);

/* Says goodbye, where it is open. */
void transport_close(struct transport *t);

#endif
