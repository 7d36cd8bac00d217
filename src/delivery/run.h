/* SPDX-License-Identifier: ISC */
/*
 * A run: goes through the queue once, tries what is due, and records what came of it.  Several runs
 * may go on at once, in any processes; each message is in one of them at a time.
 */
#ifndef SENDOFF_DELIVERY_RUN_H
#define SENDOFF_DELIVERY_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/account.h"
#include "delivery/delivery.h"
#include "store/item.h"
#include "store/store.h"

/*
 * What is tried: sendmail's -qI, -qR, -qS (text anywhere in id, a recipient, the sender; no case),
 * or ids as they are.
 */
enum selector_kind { SELECT_ID_PART, SELECT_RECIPIENT, SELECT_SENDER };

struct selector {
	enum selector_kind kind;
	bool is_not; /* -q!R: those that do not have it */
	const char *text;
};

struct selection {
	const struct selector *selectors; /* all of them must fit */
	size_t selector_count;
	char *const *ids; /* where id_count > 0: these alone */
	size_t id_count;
};

/* What is told of each message that was tried. */
struct attempt {
	const struct item *item;         /* as it is now, with all that was recorded */
	const struct account *account;   /* which was used; NULL: the configuration has none of the
					    item's name */
	const struct delivery *delivery; /* NULL: no server was asked: err tells why */
	const struct err *err;           /* what kept it from being tried; NULL */
	enum notice notice;              /* what was sent was no message but a notice about it */
	bool repeats; /* it may have been delivered before: an attempt had ended without an answer
		       */
	bool removed; /* it has left the queue */
};

struct run_watch {
	void (*attempt)(void *arg, const struct attempt *attempt); /* NULL: nobody listens */
	/* A message that cannot be used: damaged, foreign, unreadable. */
	void (*trouble)(void *arg, const char *name, const struct err *err);
	void *arg;
	const struct stream_watch *stream; /* the SMTP dialogue, or NULL */
};

struct run_options {
	bool now;     /* whatever back-off and breakers say; what failed only by `ids`, what is held
			 never */
	bool reached; /* a server was just reached: what failed for want of one need not wait any
			 longer */
	struct selection selection;
	struct run_watch watch;
};

struct run_result {
	unsigned long removed; /* messages that left the queue */
	unsigned long tried;   /* … were tried, and remain */
	unsigned long waiting; /* … are not due yet */
	unsigned long idle;    /* … are held or failed */
	unsigned long timed;   /* … are not to be sent yet */
	unsigned long busy;    /* … were another process's */
	unsigned long trouble; /* … cannot be used */
	int64_t next_ms;       /* when the next is due; INT64_MAX: none */
};

/* Something is due then. */
static inline void
run_result_due(struct run_result *result, int64_t at_ms)
{
	if (at_ms < result->next_ms)
		result->next_ms = at_ms;
}

/*
 * Runs once.  What becomes of single messages is told to the watch and is no error here.
 * Errors: ERR_IO (the directory cannot be read).
 */
int run_once(struct store *store, const struct config *config, const struct run_options *options,
    struct run_result *result, struct err *err);

#endif
