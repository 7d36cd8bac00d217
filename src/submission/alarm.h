/* SPDX-License-Identifier: ISC */
/*
 * What wakes a runner: a point of time on the wall's clock, and a clock that was set; messages that
 * come, or are let go of; a note that another process leaves; a network that comes up.
 */
#ifndef SENDOFF_SUBMISSION_ALARM_H
#define SENDOFF_SUBMISSION_ALARM_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/news.h"
#include "store/id.h"
#include "store/store.h"

enum {
	ALARM_POLLS = 3,
	ALARM_IDS_MAX = 64,      /* messages that are told by name; where more come, all count */
	ALARM_NETWORK_MS = 3000, /* from an address to a network that works */
};

/* What has happened; it adds up until it is cleared. */
struct alarm_events {
	char ids[ALARM_IDS_MAX][QUEUE_ID_LEN + 1]; /* messages that came or changed */
	size_t id_count;
	bool everything; /* too many of them, or none can be told by name */
	bool released;   /* a message that another process had is let go of, without a name */
	bool note;       /* something lies in run/ */
	bool network;    /* it is up for ALARM_NETWORK_MS */
	bool time;       /* the point of time has come, or the clock was set */
};

struct alarm_clock {
	int timer;          /* timerfd, or -1 */
	int files;          /* inotify, or -1 */
	int queue_watch;    /* of inotify: the queue's folder; the other one is run/ */
	struct news news;   /* netlink */
	int64_t network_at; /* when a network that came up will be told of; DEADLINE_NONE */
	int64_t at_ms;      /* the point of time that was set */
	bool was_set;       /* somebody has set the clock */
};

/* Begins to watch, and notices from now on what happens. */
void alarm_init(struct alarm_clock *clock, const struct store *store);
void alarm_release(struct alarm_clock *clock);

/* Sleep until at_ms, since 1970: the deadline for poll(2), whose descriptors are filled in. */
int64_t alarm_set(struct alarm_clock *clock, int64_t at_ms,
    struct pollfd polls[static ALARM_POLLS]);

/* Adds what has happened, by what poll(2) said of those descriptors. */
void alarm_take(struct alarm_clock *clock, const struct pollfd polls[static ALARM_POLLS],
    struct alarm_events *events);

/* False: this system does not tell of messages that come. */
static inline bool
alarm_sees_messages(const struct alarm_clock *clock)
{
	return clock->files >= 0;
}

#endif
