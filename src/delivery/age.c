/* SPDX-License-Identifier: ISC */
#include "delivery/age.h"

#define AHEAD_MS ((int64_t)24 * 3600 * 1000) /* a clock that was not just set a little */
#define SANE_MAX_MS ((int64_t)1000 * 1000 * 1000 * 1000 * 1000) /* 31,000 years */

/* A walk through the tail. */
struct walk {
	int64_t age_ms;
	int64_t mark_ms;    /* the last point in time that was seen */
	int64_t planned_ms; /* how long was to be waited from there */
	int64_t believed_ms;
	int64_t begin_ms; /* before that no time counts; 0: whenever it is */
};

/* What a file says may be any number. */
static int64_t
sane(int64_t ms)
{
	return ms < 0 ? 0 : ms < SANE_MAX_MS ? ms : SANE_MAX_MS;
}

static void
start_anew(struct walk *w, int64_t at_ms)
{
	w->age_ms = w->planned_ms = 0;
	w->mark_ms = sane(at_ms);
}

/* What is longer than can be believed counts for less: for nothing, where it is not recorded yet.
 */
static void
step_to(struct walk *w, int64_t at_ms, bool is_recorded)
{
	int64_t most_ms = w->planned_ms > w->believed_ms ? w->planned_ms : w->believed_ms;
	int64_t step_ms;

	at_ms = sane(at_ms > w->begin_ms ? at_ms : w->begin_ms);
	step_ms = at_ms - w->mark_ms;
	/* What was planned may come a little late. */
	if (step_ms > most_ms + w->planned_ms / 4)
		step_ms = is_recorded ? most_ms : 0;
	if (step_ms > 0)
		w->age_ms = sane(w->age_ms + step_ms);
	w->mark_ms = at_ms;
	w->planned_ms = 0;
}

static void
take(struct walk *w, const struct record *record)
{
	switch (record->type) {
	case RECORD_SENDING:
	case RECORD_OUTCOME:
	case RECORD_ATTEMPT:
		step_to(w, record->time_ms, true);
		break;
	case RECORD_NEXT:
		step_to(w, record->time_ms, true);
		if (record->next_ms > record->time_ms)
			w->planned_ms = sane(record->next_ms) - sane(record->time_ms);
		break;
	case RECORD_AT:
		start_anew(w, record->next_ms);
		break;
	case RECORD_RELEASE:
		start_anew(w, record->time_ms);
		break;
	default:
		break;
	}
}

int64_t
age_ms(const struct item *item, int64_t now_ms, int64_t believed_ms)
{
	struct walk walk = { .believed_ms = believed_ms };
	struct span rest = { item->tail.data, item->tail.len };
	struct record record;

	/* A server was to hold it, and is asked before that time. */
	walk.begin_ms = sane(item->envelope.requests.hold_until_s * 1000);
	start_anew(&walk, walk.begin_ms > item->queued_ms ? walk.begin_ms : item->queued_ms);
	while (record_read(&rest, &record) == RECORD_OK)
		take(&walk, &record);
	step_to(&walk, now_ms, false);
	return walk.age_ms;
}

bool
age_has_wrong_time(const struct item *item, int64_t now_ms)
{
	return item->not_before_ms > now_ms && sane(item->timed_ms) - AHEAD_MS > now_ms;
}

void
age_mend_time(const struct item *item, int64_t now_ms, struct buf *records)
{
	struct record record = { .type = RECORD_AT, .time_ms = now_ms, .next_ms = now_ms };

	if (item->not_before_ms > item->timed_ms)
		record.next_ms += sane(item->not_before_ms) - sane(item->timed_ms);
	record_write(records, &record);
}
