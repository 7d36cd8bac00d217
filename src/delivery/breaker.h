/* SPDX-License-Identifier: ISC */
/*
 * What all processes of a user know about a server or a login that failed: until when it is left
 * alone.  A file each, in run/breakers/ of the queue, a folder of its own so that nobody who waits
 * for news in run/ is woken; what cannot be read there counts as nothing known, and what cannot be
 * written is not kept: no mail depends on it.
 */
#ifndef SENDOFF_DELIVERY_BREAKER_H
#define SENDOFF_DELIVERY_BREAKER_H

#include "base/err.h"
#include "config/account.h"
#include "store/store.h"

struct breaker {
	int64_t until_ms;  /* since 1970; 0: use it */
	unsigned failures; /* in a row */
	uint64_t stamp;    /* the configuration's, when it failed */
	struct err err;    /* the last failure */
};

void breaker_init(struct breaker *b);
void breaker_release(struct breaker *b);

/*
 * Names: one for a server with the whole way to it (proxy, command, address to connect from), which
 * all accounts that go this way share; one for an account's login and settings, with its user.
 * Appended to out, which has room for BREAKER_NAME_MAX octets.
 */
enum { BREAKER_NAME_MAX = 8192 };

void breaker_server_name(const struct account *account, const struct server *server,
    struct buf *out);
void breaker_account_name(const struct account *account, struct buf *out);

/* Reads what is known; nothing known: all 0. */
void breaker_read(struct store *store, const char *name, struct breaker *b);

/*
 * True where it is to be left alone now.  A configuration that has changed since (stamp) closes the
 * matter.
 */
bool breaker_is_open(const struct breaker *b, int64_t now_ms, int64_t retry_max_s, uint64_t stamp);

/* One more failure: *b is what was read, and becomes what is written. */
void breaker_fail(struct store *store, const char *name, struct breaker *b, const struct err *err,
    int64_t now_ms, int64_t retry_min_s, int64_t retry_max_s, uint64_t stamp);

/* It works (again). */
void breaker_close(struct store *store, const char *name);

/*
 * `rate`: takes the next place in the queue of those who send over the account, among all
 * processes.  *at_ms: when the message may go out: now, or later.  A place that lies more than
 * `most_ms` ahead is not taken, and false returned. No more than `rate` messages go out in any
 * minute.
 */
bool breaker_take_place(struct store *store, const char *name, unsigned rate, int64_t now_ms,
    int64_t most_ms, int64_t *at_ms);

/*
 * The same for the account, and waits until its turn. True at once where the account has no `rate`;
 * false where it would have to wait for more than `most_ms`.
 */
bool breaker_keep_pace(struct store *store, const struct account *account, int64_t most_ms);

#endif
