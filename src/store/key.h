/* SPDX-License-Identifier: ISC */
/*
 * Idempotency keys: a caller that does not know whether its last call came through gives the same
 * key again, and the message is not sent twice.
 *
 * A key is a file in the queue's folder run/keys, named by its digest and locked while it is in
 * use.  It is a log: what was promised is appended and synced before it is relied upon.
 *
 * 	reserved	the content's digest and the Message-ID; nothing can be anywhere else yet
 * 	sending		the message is about to be queued, or its last octet to go out
 * 	done		exit status and receipt
 *
 * Where nothing stands behind "reserved" and the process is gone, nothing was sent; where nothing
 * stands behind "sending", nobody can know.  A key is good for KEY_LIFE_MS; files that are older
 * are removed when they are met.
 */
#ifndef SENDOFF_STORE_KEY_H
#define SENDOFF_STORE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

#define STORE_KEYS "run/keys"

enum { KEY_LIFE_MS = 24 * 3600 * 1000 };

enum key_result {
	KEY_FREE,   /* it is ours now: reserved, locked, durable */
	KEY_DONE,   /* the same content came through: status, receipt and when tell how */
	KEY_BUSY,   /* another process works with it */
	KEY_OTHER,  /* it stands for another content */
	KEY_DOUBT,  /* the process that had it is gone, and the message may have been sent: when,
		       message_id */
	KEY_FAILED, /* err says why */
};

struct key {
	int dir, fd;      /* the folder, and the file; -1: none */
	char name[72];    /* the file's */
	struct buf path;  /* the folder's, for messages */
	int64_t begun_ms; /* when it was reserved, since 1970 */
	bool sending;
	int status;            /* KEY_DONE */
	struct buf receipt;    /* KEY_DONE */
	struct buf message_id; /* KEY_DOUBT, KEY_DONE */
};

/*
 * Takes the key for a message whose content has that digest (both lower-case hexadecimal).  *key is
 * the caller's, for key_release(), whatever comes back.
 * Errors: ERR_CANT_CREATE, ERR_TEMPORARY, ERR_SYSTEM, ERR_CONFIG (a file there is none of ours).
 */
enum key_result key_take(struct key *key, const struct store *store, const char *name,
    const char *content, const char *message_id, int64_t now_ms, struct err *err);

/*
 * The message can be somewhere else from now on.  Does nothing the second time.  Errors: as
 * key_take().
 */
int key_sending(struct key *key, int64_t now_ms, struct err *err);

/* What came of it; the key is let go of.  Errors: as key_take(). */
int key_done(struct key *key, int status, const struct buf *receipt, int64_t now_ms,
    struct err *err);

/* Nothing was sent: the key is free again. */
void key_forget(struct key *key);

void key_release(struct key *key);

#endif
