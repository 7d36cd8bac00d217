/* SPDX-License-Identifier: ISC */
/*
 * The messages of one account on their way, over one link, in order.  Each has its outcome recorded
 * before the next one's last octet goes out; so at most `window` of them can be in doubt.
 */
#ifndef SENDOFF_DELIVERY_LANE_H
#define SENDOFF_DELIVERY_LANE_H

#include "delivery/delivery.h"
#include "delivery/link.h"
#include "delivery/run.h"
#include "store/item.h"

enum { LANE_MAX = 16 }; /* messages in memory at once */

/* A message, or a notice about one, on its way. */
struct work {
	struct lane *lane;
	struct item item;
	enum notice notice;
	struct envelope envelope; /* the notice's */
	struct message message;   /* the notice's */
	struct delivery delivery;
	bool repeats; /* an attempt before ended without an answer: this one may deliver it twice */
	unsigned turns; /* how often it was sent ahead, and some recipients stayed undecided */
};

struct lane {
	struct store *store;
	const struct account *account;
	const struct run_watch *watch;
	struct run_result *result;
	struct link link;
	struct work *works[LANE_MAX];
	size_t count;
	size_t ahead; /* the first of them are sent, and not answered */
	bool *dirty;  /* the directory has removals that are not durable */
	bool dead;    /* the link could not be opened: nothing more is tried in this run */
	unsigned long answered; /* messages that a server answered */
};

void lane_init(struct lane *lane, const struct config *config, const struct account *account,
    struct store *store, const struct run_options *options, struct run_result *result, bool *dirty);
/* What is still in the lane is left in the queue. */
void lane_release(struct lane *lane);

/*
 * Takes over a locked item that is to be tried, or whose sender is to be told something; *item is
 * empty then.  Sends as many messages as must be, so that not more are in memory than the window
 * needs.
 */
void lane_push(struct lane *lane, struct item *item);

/* When what is left in the queue for now is to be tried again, since 1970. */
int64_t lane_next_ms(const struct lane *lane);

/* Sends all that is in the lane, and says goodbye to the server. */
void lane_finish(struct lane *lane);

/* The run ends: waits for the answers that are due, and leaves the rest. */
void lane_stop(struct lane *lane);

/*
 * The process may end: records who has a message whose attempt goes on, for else they would get it
 * again.  Trouble is told.
 */
void lane_save(struct lane *lane);

/* In a child: closes what belongs to the parent (its link, its locks), without a word to anyone. */
void lane_abandon(struct lane *lane);

/* A message is in such a state that its fate would be unknown if the process ended now. */
bool lane_is_in_doubt(const struct lane *lane);

#endif
