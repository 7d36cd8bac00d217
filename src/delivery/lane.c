/* SPDX-License-Identifier: ISC */
#include "delivery/lane.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pack.h"
#include "base/pair.h"
#include "base/wait.h"
#include "delivery/age.h"
#include "delivery/breaker.h"
#include "delivery/settle.h"
#include "delivery/work.h"

enum {
	PACE_MAX_MS = 3600 * 1000, /* who would wait longer for his place is left for another run */
	SHORTAGE_MS = 10 * 1000, /* when to look again after memory, descriptors or the like ran out
				  */
	TITLE_MAX = 256,
};

struct lane {
	const struct lane_terms *terms;
	const struct account *account; /* NULL: none */
	int end;
	struct work_place place;
	struct link link;
	struct pair_message message;
	char ids[LANE_AHEAD][QUEUE_ID_LEN + 1]; /* told, and not taken yet */
	size_t id_count;
	struct work *works[2]; /* the one whose turn it is, and the next; NULL: none */
	bool last;             /* no more ids will come */
	bool stopping;         /* nothing more is begun */
	bool resting;          /* nothing is to be done but to listen */
	bool dead;             /* the link could not be opened: nothing more is tried */
	unsigned told;         /* attempts, since the last report */
};

void
lane_report_pack(struct buf *out, const struct lane_report *r)
{
	pack_text(out, span_of(r->id));
	pack_number(out, r->end);
	pack_number(out, (uint64_t)r->at_ms);
	pack_number(out, r->told);
	pack_number(out, r->answered);
	pack_number(out, r->dead);
	pack_number(out, r->failure);
}

bool
lane_report_unpack(struct span text, struct lane_report *r)
{
	struct unpack in = { .rest = text };
	struct span id = unpack_text(&in);

	*r = (struct lane_report){ .end = LANE_GONE };
	if (id.len != QUEUE_ID_LEN)
		return false;
	memcpy(r->id, id.data, id.len);
	r->end = (enum lane_end)unpack_below(&in, LANE_ENDS - 1);
	r->at_ms = (int64_t)unpack_number(&in);
	r->told = unpack_below(&in, true) != 0;
	r->answered = unpack_below(&in, true) != 0;
	r->dead = unpack_below(&in, true) != 0;
	r->failure = (enum err_kind)unpack_below(&in, ERR_KINDS - 1);
	return !in.broken;
}

/* The runner that does not hear it any more is seen to be gone by the pair itself. */
static void
report(struct lane *lane, struct lane_report r)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);
	struct err ignored;

	r.dead = lane->dead;
	r.told = lane->told > 0;
	lane->told = 0;
	lane_report_pack(&text, &r);
	err_init(&ignored);
	pair_send(lane->end, LANE_REPORT, (struct span){ text.data, text.len }, -1, &ignored);
	err_release(&ignored);
	buf_release(&text);
}

static void
report_end(struct lane *lane, const char *id, enum lane_end end, int64_t at_ms)
{
	struct lane_report r = { .end = end, .at_ms = at_ms };

	memcpy(r.id, id, QUEUE_ID_LEN + 1);
	report(lane, r);
}

/* When what the server's state keeps here is to be tried again. */
static int64_t
next_ms(const struct lane *lane)
{
	if (lane->link.until_ms > 0)
		return lane->link.until_ms;
	return clock_wall_ms() + lane->account->retry_min_s * 1000;
}

static void
tell_trouble(struct lane *lane, const char *id, const struct err *err)
{
	attempt_trouble(&lane->terms->watch, id, err);
	report_end(lane, id, LANE_TROUBLE,
	    lane->account != NULL ? next_ms(lane) : clock_wall_ms() + SHORTAGE_MS);
}

/* What the queue shall know of works that go no further now. */
static void
save_all(struct lane *lane)
{
	struct err err;

	err_init(&err);
	for (size_t i = 0; i < 2; i++)
		if (lane->works[i] != NULL && work_save(lane->works[i], &err) < 0)
			attempt_trouble(&lane->terms->watch, lane->works[i]->item.id, &err);
	err_release(&err);
}

/*
 * The runner is gone, or wants an end. To be ended between two messages costs nothing. An answer
 * that may mean "delivered" is waited for: without it the message would have to be sent again.
 */
static void
stop(struct lane *lane)
{
	lane->stopping = true;
	if (lane->works[0] != NULL && work_is_in_doubt(lane->works[0]))
		return;
	save_all(lane);
	_exit(0);
}

static void
on_signal(void *arg, int signal)
{
	(void)signal;
	stop(arg);
}

/* Takes what the runner has told. */
static void
listen_to_runner(void *arg)
{
	struct lane *lane = arg;
	enum pair_result result;

	while ((result = pair_receive(lane->end, &lane->message)) == PAIR_MESSAGE) {
		const struct buf *data = &lane->message.data;

		if (lane->message.type == LANE_LAST)
			lane->last = true;
		else if (lane->message.type == LANE_TAKE && data->len == QUEUE_ID_LEN &&
		    lane->id_count < LANE_AHEAD)
			memcpy(lane->ids[lane->id_count++], data->data, QUEUE_ID_LEN + 1);
	}
	if (result == PAIR_ENDED) {
		wait_on_input(-1, NULL, NULL);
		stop(lane);
	}
	if (lane->resting)
		wait_break();
}

/* The configuration has no account of that name (any more), or none that can be used. */
static void
leave_untried(struct lane *lane, struct item *item)
{
	const struct lane_terms *terms = lane->terms;
	struct buf records = BUF_INIT(RECORD_MAX);
	struct attempt attempt = { .item = item };
	struct settlement settlement;
	struct err why, err;

	err_init(&why);
	err_init(&err);
	err_set(&why, ERR_CONFIG, "the configuration has no account \"%s\" that could be used",
	    item->account);
	settle_untried(item, due_account(terms->config, item), &why, clock_wall_ms(), &records,
	    &settlement);
	if (store_append(item, &records, &err) < 0)
		attempt_trouble(&terms->watch, item->id, &err);
	attempt.err = &why;
	if (terms->watch.attempt != NULL)
		terms->watch.attempt(terms->watch.arg, &attempt);
	lane->told++;
	report_end(lane, item->id, settlement.failed ? LANE_IDLE : LANE_TRIED,
	    settlement.next_ms > 0 ? settlement.next_ms : INT64_MAX);
	buf_release(&records);
	err_release(&why);
	err_release(&err);
}

/* All is done, but it was cut off before the file was removed. */
static void
remove_done(struct lane *lane, struct item *item)
{
	struct err err;

	err_init(&err);
	if (store_remove(lane->terms->store, item, &err) < 0) {
		tell_trouble(lane, item->id, &err);
	} else {
		lane->place.dirty = true;
		report_end(lane, item->id, LANE_REMOVED, INT64_MAX);
	}
	err_release(&err);
}

/* A person named it: it is tried although it had failed. */
static int
revive(const struct lane *lane, struct item *item, struct err *err)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	const struct record record = {
		.type = RECORD_RETRY, .time_ms = clock_wall_ms(), .uid = lane->terms->uid
	};
	int result;

	record_write(&records, &record);
	result = store_append(item, &records, err);
	buf_release(&records);
	return result;
}

/* An item of ours whose turn it is becomes a work, or is told of at once. */
static void
try_item(struct lane *lane, struct item *item)
{
	struct work **slot = lane->works[0] == NULL ? &lane->works[0] : &lane->works[1];
	struct err err;

	err_init(&err);
	if (settle_is_done(item)) {
		remove_done(lane, item);
	} else if (item->failed && revive(lane, item, &err) < 0) {
		tell_trouble(lane, item->id, &err);
	} else if (lane->account == NULL) {
		leave_untried(lane, item);
	} else if (item_count(item, ITEM_WAITING) == 0 &&
	    settle_due_notice(item, clock_wall_ms()) == NOTICE_NONE) {
		report_end(lane, item->id, LANE_IDLE, INT64_MAX);
	} else {
		*slot = work_new(&lane->place, item, &err);
		if (*slot == NULL)
			tell_trouble(lane, item->id, &err);
	}
	err_release(&err);
}

/* The clock was years ahead when the message got its time, and is not now. */
static int
mend_time(struct item *item, struct err *err)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	int result = 0;

	if (!item->held && age_has_wrong_time(item, clock_wall_ms())) {
		age_mend_time(item, clock_wall_ms(), &records);
		result = store_append(item, &records, err);
	}
	buf_release(&records);
	return result;
}

/* Locks the message and looks once more: until now another may have worked on it. */
static void
take(struct lane *lane, const char *id)
{
	static const enum lane_end ends[] = { [DUE_LATER] = LANE_LATER,
		[DUE_TIMED] = LANE_TIMED,
		[DUE_IDLE] = LANE_IDLE,
		[DUE_OTHER] = LANE_GONE };
	const struct lane_terms *terms = lane->terms;
	int64_t at_ms = INT64_MAX;
	struct item item;
	struct err err;
	enum store_result result;
	enum due due;

	err_init(&err);
	item_init(&item);
	result = store_take(terms->store, id, &item, &err);
	switch (result) {
	case STORE_OK:
		if (mend_time(&item, &err) < 0) {
			tell_trouble(lane, id, &err);
			break;
		}
		due = due_when(&item, terms->config, &terms->rules, clock_wall_ms(), &at_ms);
		if (due == DUE_NOW)
			try_item(lane, &item);
		else
			report_end(lane, id, ends[due], at_ms);
		break;
	case STORE_BUSY:
		report_end(lane, id, LANE_BUSY, INT64_MAX);
		break;
	case STORE_GONE:
		report_end(lane, id, LANE_GONE, INT64_MAX);
		break;
	default:
		if (err.kind == ERR_TEMPORARY || err.kind == ERR_SYSTEM) {
			tell_trouble(lane, id, &err);
			break;
		}
		attempt_trouble(&terms->watch, id, &err);
		report_end(lane, id, result == STORE_LATER ? LANE_GONE : LANE_UNUSABLE, INT64_MAX);
		break;
	}
	item_release(&item);
	err_release(&err);
}

static void
shift_works(struct lane *lane)
{
	work_free(lane->works[0]);
	lane->works[0] = lane->works[1];
	lane->works[1] = NULL;
}

/* Takes messages until there is one to send, and the one behind it, or none is left. */
static void
fill_works(struct lane *lane)
{
	while (lane->works[1] == NULL && lane->id_count > 0) {
		char id[QUEUE_ID_LEN + 1];

		memcpy(id, lane->ids[0], sizeof(id));
		lane->id_count--;
		memmove(lane->ids[0], lane->ids[1], lane->id_count * sizeof(lane->ids[0]));
		if (lane->dead)
			report_end(lane, id, LANE_WAITING, next_ms(lane));
		else
			take(lane, id);
	}
}

/* What is left of a message that was tried. */
static void
report_work(struct lane *lane, const struct work *work, bool removed)
{
	const struct item *item = &work->item;
	struct lane_report r = { .end = LANE_REMOVED, .at_ms = INT64_MAX };

	memcpy(r.id, item->id, sizeof(r.id));
	r.answered = !work->delivery.from_session;
	if (!removed && (item->held || item->failed)) {
		r.end = LANE_IDLE;
		r.failure = item->failed ? delivery_verdict(&work->delivery) : ERR_NONE;
	} else if (!removed) {
		r.end = LANE_TRIED;
		r.at_ms = item->not_before_ms > item->next_ms ? item->not_before_ms : item->next_ms;
	}
	report(lane, r);
}

/*
 * The first work has its outcome. Where its sender is to be told at once, the notice takes its
 * place.
 */
static void
conclude(struct lane *lane)
{
	struct work *work = lane->works[0], *notice = NULL;
	struct err err;
	bool removed;

	err_init(&err);
	lane->told++;
	if (work_conclude(work, &removed, &err) < 0) {
		tell_trouble(lane, work->item.id, &err);
	} else if (!removed && !lane->dead && !lane->stopping &&
	    settle_has_news(&work->item, clock_wall_ms())) {
		/* The item moves on, and must not be borrowed from any more. */
		delivery_release(&work->delivery);
		memset(&work->delivery, 0, sizeof(work->delivery));
		notice = work_new(&lane->place, &work->item, &err);
		if (notice == NULL)
			tell_trouble(lane, work->item.id, &err);
	} else {
		report_work(lane, work, removed);
	}
	err_release(&err);
	if (notice != NULL) {
		work_free(work);
		lane->works[0] = notice;
	} else {
		shift_works(lane);
	}
}

/* The server is not to be had: works wait for another run, with no word but of who has them. */
static void
die(struct lane *lane)
{
	lane->dead = true;
	/* First: an envelope that went ahead is a work's. */
	link_close(&lane->link);
	save_all(lane);
	while (lane->works[0] != NULL) {
		report_end(lane, lane->works[0]->item.id, LANE_WAITING, next_ms(lane));
		shift_works(lane);
	}
}

/* The next message's envelope may join the flight of this one's end, where it is fit for that. */
static bool
may_announce(struct lane *lane)
{
	struct work *next = lane->works[1];
	struct err ignored;
	bool fit = true;

	if (next == NULL || lane->account->rate > 0 ||
	    transaction_count(&next->delivery.tx, OUTCOME_PENDING) == 0)
		return false;
	err_init(&ignored);
	if (lane->link.open)
		fit = delivery_adapt(&next->delivery, &lane->link, &ignored) == 0;
	err_release(&ignored);
	return fit;
}

static void
send_first(struct lane *lane)
{
	struct work *work = lane->works[0];
	struct around around = { .last = lane->last && lane->works[1] == NULL &&
		    lane->id_count == 0 };
	struct err err;

	if (!breaker_keep_pace(lane->terms->store, lane->account, PACE_MAX_MS)) {
		die(lane);
		return;
	}
	if (may_announce(lane))
		around.next = &lane->works[1]->delivery.tx;
	err_init(&err);
	if (delivery_undecided(&work->delivery) > 0)
		deliver(&work->delivery, &lane->link, &around, &err);
	lane->dead = work->delivery.from_session;
	/*
	 * What was left alone is no attempt; nor is what failed for want of our own, a network for
	 * example: somebody else may have it, and must not find the message put off.
	 */
	if (lane->dead && lane->link.tried && err.local) {
		lane->told++;
		work_tell(work);
	} else if (!lane->dead || lane->link.tried) {
		conclude(lane);
	}
	err_release(&err);
	if (lane->dead)
		die(lane);
}

/* Between two flights of messages: removals become durable, and the runner is listened to. */
static void
rest(struct lane *lane)
{
	struct err err;

	err_init(&err);
	if (work_sync_removals(&lane->place, &err) < 0)
		attempt_trouble(&lane->terms->watch, lane->terms->store->path, &err);
	err_release(&err);
	lane->resting = !lane->last && !lane->stopping;
	if (lane->resting)
		wait_poll(NULL, 0, DEADLINE_NONE);
	lane->resting = false;
}

static void
live(void *arg, int end)
{
	struct lane *lane = arg;

	lane->end = end;
	pair_message_init(&lane->message);
	wait_on_signals(on_signal, lane);
	wait_on_input(end, listen_to_runner, lane);
	while (!lane->stopping) {
		listen_to_runner(lane);
		fill_works(lane);
		if (lane->works[0] != NULL)
			send_first(lane);
		else if (lane->last && lane->id_count == 0)
			break;
		else
			rest(lane);
	}
	die(lane);
	rest(lane);
	link_release(&lane->link);
	pair_message_release(&lane->message);
}

int
lane_start(struct worker *worker, const struct lane_terms *terms, const struct account *account,
    struct err *err)
{
	struct lane lane = { .terms = terms, .account = account };
	struct buf title = BUF_INIT(TITLE_MAX);
	struct worker_birth birth = { .live = live, .arg = &lane, .output = true };
	int result;

	lane.place = (struct work_place){ terms->store, account, &terms->watch, false };
	link_init(&lane.link, terms->config, account, terms->store, terms->watch.stream);
	lane.link.now = terms->rules.now;
	lane.link.reached = terms->rules.reached;
	buf_addf(&title, "sends from %s over %s", terms->store->path,
	    account != NULL ? account->name : "no account");
	birth.title = title.data;
	birth.keep[0] = terms->store->dir;
	birth.keep[1] = birth.keep[2] = birth.keep[3] = -1;
	result = worker_start(worker, &birth, err);
	link_release(&lane.link);
	buf_release(&title);
	return result;
}
