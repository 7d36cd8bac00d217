/* SPDX-License-Identifier: ISC */
/*
 * Reservations, by which an idempotency key is kept: a caller that does not know whether its last
 * call came through gives the same key again, and the message is not sent twice.
 *
 * A reservation is a file in the queue's folder keys/, named by the key's digest and locked while
 * it is in use.  It is a log: what was promised is appended and synced before it is relied upon.
 *
 * 	reserved	the content's digest and the Message-ID; nothing can be anywhere else yet
 * 	sending		the message is about to be queued, or its last octet to go out
 * 	done		exit status and receipt
 *
 * Where nothing stands behind "reserved" and the process is gone, nothing was sent; where nothing
 * stands behind "sending", nobody can know.  It is good for RESERVATION_LIFE_MS, and removed later:
 * whoever takes one looks at all of them, unless that was done in the last hour, so that each is
 * looked at some 25 times, however many there are.
 */
#ifndef SENDOFF_STORE_RESERVATION_H
#define SENDOFF_STORE_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum { RESERVATION_LIFE_MS = 24 * 3600 * 1000 };

enum reservation_result {
	RESERVATION_FREE,   /* it is ours now: reserved, locked, durable */
	RESERVATION_DONE,   /* the same content came through: status, receipt and when tell how */
	RESERVATION_BUSY,   /* another process works with it */
	RESERVATION_OTHER,  /* it stands for another content */
	RESERVATION_DOUBT,  /* the process that had it is gone, and the message may have been sent:
		       when,  message_id */
	RESERVATION_FAILED, /* err says why */
};

struct reservation {
	int dir, fd;      /* the folder, and the file; -1: none */
	char name[72];    /* the file's */
	struct buf path;  /* the folder's, for messages */
	int64_t begun_ms; /* when it was reserved, since 1970 */
	bool sending;
	int status;            /* RESERVATION_DONE */
	struct buf receipt;    /* RESERVATION_DONE */
	struct buf message_id; /* RESERVATION_DOUBT, RESERVATION_DONE */
};

/*
 * Takes the key of that name for a message whose content has that digest (both lower-case
 * hexadecimal).  *r is the caller's, for reservation_release(), whatever comes back. Errors:
 * ERR_CANT_CREATE, ERR_TEMPORARY, ERR_SYSTEM, ERR_CONFIG (a file there is none of ours).
 */
enum reservation_result reservation_take(struct reservation *r, const struct store *store,
    const char *name, const char *content, const char *message_id, int64_t now_ms, struct err *err);

/*
 * The message can be somewhere else from now on.  Does nothing the second time.  Errors: as
 * reservation_take().
 */
int reservation_sending(struct reservation *r, int64_t now_ms, struct err *err);

/* What came of it; the key is let go of.  Errors: as reservation_take(). */
int reservation_done(struct reservation *r, int status, const struct buf *receipt, int64_t now_ms,
    struct err *err);

/* Nothing was sent: the key is free again. */
void reservation_forget(struct reservation *r);

void reservation_release(struct reservation *r);

/* Removes those whose time is over and that nobody uses.  What cannot be removed stays. */
void reservation_sweep(const struct store *store, int64_t now_ms);

#endif
