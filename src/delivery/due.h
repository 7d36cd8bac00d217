/* SPDX-License-Identifier: ISC */
/*
 * Whether it is a queued message's turn.
 */
#ifndef SENDOFF_DELIVERY_DUE_H
#define SENDOFF_DELIVERY_DUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/account.h"
#include "store/item.h"

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

/* What is asked of a run. */
struct due_rules {
	bool now;     /* whatever back-off says; what failed only by `ids`, what is held never */
	bool reached; /* a server was just reached: what failed for want of one waits no longer */
	struct selection selection;
};

enum due {
	DUE_NOW,   /* it is its turn */
	DUE_LATER, /* not yet: its back-off */
	DUE_TIMED, /* not yet: it is not to be sent before */
	DUE_IDLE,  /* it is held, or failed, and waits for a person */
	DUE_OTHER, /* not selected */
};

/* *at_ms: when it will be due, since 1970; only for DUE_LATER and DUE_TIMED. */
enum due due_when(const struct item *item, const struct config *config,
    const struct due_rules *rules, int64_t now_ms, int64_t *at_ms);

/* One who waits for it does so because no server said anything about him. */
bool due_was_not_reached(const struct item *item);

/* Whose times and limits hold for the item: its account's, else the default's. */
const struct account *due_account(const struct config *config, const struct item *item);

#endif
