/* SPDX-License-Identifier: ISC */
/*
 * Without a timer, poll(2) measures the way to a point on the wall's clock by one that stands still
 * while the machine is suspended: it is late by that, and does not notice a clock that is set.
 */
#include "submission/alarm.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { POLL_TIMER, POLL_FILES, POLL_NEWS };

static bool
watch_files(struct alarm_clock *clock, const struct store *store)
{
	struct buf run = BUF_INIT(ERR_TEXT_MAX);
	bool done;

	buf_addf(&run, "%s/" STORE_RUN, store->path);
	clock->queue_watch = inotify_add_watch(clock->files, store->path,
	    IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR);
	done = clock->queue_watch >= 0 &&
	    inotify_add_watch(clock->files, run.data, IN_CREATE | IN_ONLYDIR) >= 0;
	buf_release(&run);
	return done;
}

/* False: there is no timer that could be set. */
static bool
set_timer(struct alarm_clock *clock, int64_t at_ms)
{
	const struct itimerspec at = { .it_value = {
					   (time_t)(at_ms / 1000), at_ms % 1000 * 1000000L } };

	clock->at_ms = at_ms;
	if (clock->timer < 0)
		return false;
	if (timerfd_settime(clock->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) ==
	    0)
		return true;
	/* The clock was set since the timer was last read: the time may have come already. */
	clock->was_set = errno == ECANCELED;
	return clock->was_set;
}

void
alarm_init(struct alarm_clock *clock, const struct store *store)
{
	*clock = (struct alarm_clock){ .network_at = DEADLINE_NONE };
	mkdirat(store->dir, STORE_RUN, 0700);
	clock->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	clock->files = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (clock->files >= 0 && !watch_files(clock, store)) {
		close(clock->files);
		clock->files = -1;
	}
	news_init(&clock->news);
	/* From now on a clock that is set is noticed. */
	set_timer(clock, INT64_MAX);
}

void
alarm_release(struct alarm_clock *clock)
{
	if (clock->timer >= 0)
		close(clock->timer);
	if (clock->files >= 0)
		close(clock->files);
	news_release(&clock->news);
}

int64_t
alarm_set(struct alarm_clock *clock, int64_t at_ms, struct pollfd polls[static ALARM_POLLS])
{
	int64_t now_ms = clock_wall_ms();
	bool rings = set_timer(clock, at_ms);

	polls[POLL_TIMER] = (struct pollfd){ clock->timer, POLLIN, 0 };
	polls[POLL_FILES] = (struct pollfd){ clock->files, POLLIN, 0 };
	polls[POLL_NEWS] = (struct pollfd){ clock->news.fd, POLLIN, 0 };
	if (clock->was_set)
		return deadline_in(0);
	if (rings)
		return clock->network_at;
	return deadline_min(clock->network_at, deadline_in(at_ms > now_ms ? at_ms - now_ms : 0));
}

static void
take_file(const struct alarm_clock *clock, const struct inotify_event *event,
    struct alarm_events *events)
{
	const char *name = event->len > 0 ? event->name : "";

	/* That it was the last one is seen by who looks whether there is any. */
	if ((event->mask & IN_DELETE) != 0)
		return;
	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		events->everything = true;
	} else if (event->wd != clock->queue_watch) {
		events->note = true;
	} else if (name[0] == '#') {
		/* An unnamed file, which a message was before it got its name (O_TMPFILE). */
		events->released = events->released || (event->mask & IN_CLOSE_WRITE) != 0;
	} else if (queue_id_is(name) && events->id_count < ALARM_IDS_MAX) {
		memcpy(events->ids[events->id_count++], name, QUEUE_ID_LEN + 1);
	} else if (queue_id_is(name)) {
		events->everything = true;
	}
}

static void
take_files(const struct alarm_clock *clock, struct alarm_events *events)
{
	union {
		struct inotify_event align;
		char octets[8192];
	} input;

	for (;;) {
		ssize_t n = clock->files >= 0 ? read(clock->files, &input, sizeof(input)) : -1;

		if (n <= 0)
			break;
		for (const char *at = input.octets; at < input.octets + n;) {
			const struct inotify_event *event = (const void *)at;

			take_file(clock, event, events);
			at += sizeof(*event) + event->len;
		}
	}
}

void
alarm_take(struct alarm_clock *clock, const struct pollfd polls[static ALARM_POLLS],
    struct alarm_events *events)
{
	uint64_t scratch;

	if (polls[POLL_TIMER].revents != 0) {
		/* Where the clock was set, reading fails with ECANCELED, and that is all. */
		(void)!read(clock->timer, &scratch, sizeof(scratch));
		events->time = true;
	}
	if (clock->was_set || clock_wall_ms() >= clock->at_ms)
		events->time = true;
	clock->was_set = false;
	if (polls[POLL_FILES].revents != 0)
		take_files(clock, events);
	if (polls[POLL_NEWS].revents != 0 && news_take(&clock->news))
		clock->network_at = deadline_in(ALARM_NETWORK_MS);
	if (clock->network_at != DEADLINE_NONE && deadline_poll_ms(clock->network_at) == 0) {
		clock->network_at = DEADLINE_NONE;
		events->network = true;
	}
}
