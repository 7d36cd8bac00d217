/* SPDX-License-Identifier: ISC */
#include "delivery/lane.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "config/temp.h"
#include "delivery/breaker.h"
#include "delivery/notice.h"
#include "delivery/settle.h"
#include "routing/route.h"

enum {
	HOST_MAX = 320,      /* octets of this host's name */
	NAME_LEN_MAX = 1024, /* octets of a breaker's name */
	RECORDS_MAX = STORE_TAIL_MAX,
	TURNS_MAX = 1000,
	PACE_MAX_MS = 3600 * 1000, /* a message that would have to wait longer for its place is left
				      for another run */
};

void
lane_init(struct lane *lane, const struct config *config, const struct account *account,
    struct store *store, const struct run_options *options, struct run_result *result, bool *dirty)
{
	memset(lane, 0, sizeof(*lane));
	lane->store = store;
	lane->account = account;
	lane->watch = &options->watch;
	lane->result = result;
	lane->dirty = dirty;
	link_init(&lane->link, config, account, store, options->watch.stream);
	lane->link.now = options->now || options->reached;
}

static void
work_free(struct work *work)
{
	delivery_release(&work->delivery);
	envelope_release(&work->envelope);
	message_release(&work->message);
	item_release(&work->item);
	free(work);
}

void
lane_release(struct lane *lane)
{
	/* First: an envelope that went ahead is a work's. */
	link_release(&lane->link);
	while (lane->count > 0)
		work_free(lane->works[--lane->count]);
}

static void
tell(const struct work *work, const struct err *err, bool removed)
{
	const struct run_watch *watch = work->lane->watch;
	const struct attempt attempt = {
		.item = &work->item,
		.account = work->lane->account,
		.delivery = err == NULL ? &work->delivery : NULL,
		.err = err,
		.notice = work->notice,
		.repeats = work->repeats,
		.removed = removed,
	};

	if (watch->attempt != NULL)
		watch->attempt(watch->arg, &attempt);
}

int64_t
lane_next_ms(const struct lane *lane)
{
	return lane->link.until_ms > 0 ? lane->link.until_ms :
					 clock_wall_ms() + lane->account->retry_min_s * 1000;
}

/*
 * A queue file that could not be written: told, and the message left as it is, for a disk that has
 * room again.
 */
static void
tell_trouble(const struct work *work, const struct err *err)
{
	const struct run_watch *watch = work->lane->watch;

	work->lane->result->trouble++;
	work->lane->result->waiting++;
	run_result_due(work->lane->result, lane_next_ms(work->lane));
	if (watch->trouble != NULL)
		watch->trouble(watch->arg, work->item.id, err);
}

/* Removals must not come back after the next message is out. */
static int
sync_removals(struct lane *lane, struct err *err)
{
	if (!*lane->dirty)
		return 0;
	if (store_sync(lane->store, err) < 0)
		return -1;
	*lane->dirty = false;
	return 0;
}

/* Who has the message, though its attempt goes on, or ended before its time. */
static void
add_accepted(const struct work *work, bool ended, struct buf *records)
{
	if (work->notice == NOTICE_NONE)
		settle_accepted(&work->item, &work->delivery, ended, clock_wall_ms(), records);
}

/*
 * Before the last octet goes out: from now on the message may be delivered, and the file must say
 * so; also what became of the turn before.
 */
static int
record_sending(void *arg, struct err *err)
{
	struct work *work = arg;
	struct buf records = BUF_INIT(RECORDS_MAX);
	const struct record record = {
		.type = RECORD_SENDING,
		.time_ms = clock_wall_ms(),
		.attempt = work->item.attempts + 1,
		.notice = work->notice,
	};
	int result;

	add_accepted(work, false, &records);
	record_write(&records, &record);
	/*
	 * In this order, for file systems whose journal makes both durable at the first of the two
	 * syncs.
	 */
	result = store_append(&work->item, &records, err);
	if (result == 0)
		result = sync_removals(work->lane, err);
	buf_release(&records);
	return result;
}

/*
 * A sender of this host is told where mail to him goes; where there is no such place, the server
 * will say so.
 */
static void
route_notice(struct work *work)
{
	struct err nowhere;

	err_init(&nowhere);
	route_recipients(&work->envelope, work->lane->account, &nowhere);
	err_release(&nowhere);
}

static int
prepare_notice(struct work *work, struct err *err)
{
	struct buf host = BUF_INIT(HOST_MAX);
	const struct account *account = work->lane->account;
	struct notice_facts facts = {
		.from = account_address(account),
		.now_ms = clock_wall_ms(),
		.expire_ms = item_begin_ms(&work->item) + account->expire_s * 1000,
		.place = { .dir = temp_dir() },
	};
	int result;

	route_host_name(&host);
	facts.host = host.data;
	result = notice_make(&work->item, work->notice, &facts, &work->envelope, &work->message,
	    err);
	if (result == 0)
		route_notice(work);
	buf_release(&host);
	return result;
}

/* Only those who wait are tried. */
static void
choose_recipients(struct work *work)
{
	for (size_t i = 0; i < work->item.envelope.count; i++)
		if (work->item.recipients[i].state != ITEM_WAITING)
			work->delivery.tx.outcomes[i].state = OUTCOME_SETTLED;
}

/*
 * A notice comes first; but one that was tried last time must not keep those waiting who can have
 * the message.
 */
static enum notice
choose_notice(const struct item *item)
{
	if (item->notice_tried != NOTICE_NONE && item_count(item, ITEM_WAITING) > 0)
		return NOTICE_NONE;
	return settle_due_notice(item, clock_wall_ms());
}

/* What is to be sent: the message, or what its sender is to be told. */
static int
prepare(struct work *work, struct err *err)
{
	const struct account *account = work->lane->account;
	int result;

	work->notice = choose_notice(&work->item);
	work->repeats = work->notice == NOTICE_NONE ? work->item.in_doubt :
						      work->item.notice_in_doubt == work->notice;
	if (work->notice != NOTICE_NONE) {
		if (prepare_notice(work, err) < 0)
			return -1;
		result = delivery_init(&work->delivery, account, &work->envelope, &work->message,
		    err);
	} else {
		result = delivery_init(&work->delivery, account, &work->item.envelope,
		    &work->item.message, err);
		work->delivery.tx.begin_ms = item_begin_ms(&work->item);
		if (work->delivery.tx.outcomes != NULL)
			choose_recipients(work);
	}
	work->delivery.tx.before_end = record_sending;
	work->delivery.tx.arg = work;
	/* Too large for the account: that is an outcome, and recorded as one. */
	return result < 0 && err->kind != ERR_MESSAGE ? -1 : 0;
}

static struct work *
work_new(struct lane *lane, struct item *item)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->lane = lane;
	work->item = *item;
	item_init(item);
	envelope_init(&work->envelope);
	message_init(&work->message);
	return work;
}

static void
add_item(struct lane *lane, struct item *item)
{
	struct work *work = work_new(lane, item);
	struct err err;

	err_init(&err);
	if (work == NULL) {
		lane->result->trouble++;
	} else if (prepare(work, &err) < 0) {
		tell_trouble(work, &err);
		work_free(work);
	} else {
		lane->works[lane->count++] = work;
	}
	err_release(&err);
}

/* Takes the first work out. */
static struct work *
shift(struct lane *lane)
{
	struct work *work = lane->works[0];

	lane->count--;
	memmove(lane->works, lane->works + 1, lane->count * sizeof(struct work *));
	if (lane->ahead > 0)
		lane->ahead--;
	return work;
}

/* The message leaves the queue. */
static int
remove_item(struct work *work, struct err *err)
{
	if (store_remove(work->lane->store, &work->item, err) < 0)
		return -1;
	*work->lane->dirty = true;
	work->lane->result->removed++;
	return 0;
}

static bool
leaves_queue(const struct work *work, const struct settlement *s)
{
	return work->notice == NOTICE_NONE && !s->failed && !s->relay_notice && s->waiting == 0 &&
	    s->refused == 0;
}

/* Records what came of the work.  True where the message has left the queue. */
static bool
record_outcome(struct work *work, struct err *err)
{
	struct buf records = BUF_INIT(RECORDS_MAX);
	const struct account *account = work->lane->account;
	struct settlement settlement;
	bool removed;

	if (work->notice == NOTICE_NONE)
		settle_attempt(&work->item, &work->delivery, account, clock_wall_ms(), &records,
		    &settlement);
	else
		settle_notice(&work->item, &work->delivery, account, work->notice, clock_wall_ms(),
		    &records, &settlement);
	removed = leaves_queue(work, &settlement) && remove_item(work, err) == 0;
	if (!removed && store_append(&work->item, &records, err) == 0)
		removed = settle_is_done(&work->item) && remove_item(work, err) == 0;
	buf_release(&records);
	return removed;
}

static void
count_left(struct run_result *result, const struct item *item)
{
	if (item->held || item->failed)
		result->idle++;
	else
		result->tried++;
	if (!item->held && !item->failed)
		run_result_due(result,
		    item->not_before_ms > item->next_ms ? item->not_before_ms : item->next_ms);
}

/* A work has its outcome. */
static void
conclude(struct lane *lane, struct work *work)
{
	struct err err;
	bool removed;

	err_init(&err);
	if (!work->delivery.from_session)
		lane->answered++;
	removed = record_outcome(work, &err);
	tell(work, NULL, removed);
	delivery_release(&work->delivery);
	if (err.kind != ERR_NONE)
		tell_trouble(work, &err);
	else if (!removed && !lane->dead && settle_has_news(&work->item, clock_wall_ms()) &&
	    lane->count < LANE_MAX)
		add_item(lane, &work->item);
	else if (!removed)
		count_left(lane->result, &work->item);
	err_release(&err);
	work_free(work);
}

/* A turn has ended, and the next one's end has not gone out. */
static bool
is_between_turns(const struct work *work)
{
	if (work->delivery.tx.answers_due > 0)
		return false;
	for (size_t i = 0; i < work->item.envelope.count; i++)
		if (work->item.recipients[i].sending)
			return true;
	return false;
}

static void
save(struct work *work)
{
	struct buf records = BUF_INIT(RECORDS_MAX);
	struct err err;

	err_init(&err);
	add_accepted(work, is_between_turns(work), &records);
	if (store_append(&work->item, &records, &err) < 0)
		tell_trouble(work, &err);
	buf_release(&records);
	err_release(&err);
}

void
lane_save(struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++)
		if (!lane->works[i]->item.broken)
			save(lane->works[i]);
}

/*
 * The server is not to be had: what is in the lane waits for another run, with no word in its file
 * but of who has it.
 */
static void
die(struct lane *lane)
{
	lane->dead = true;
	/* First: an envelope that went ahead is a work's. */
	link_close(&lane->link);
	lane_save(lane);
	while (lane->count > 0) {
		struct work *work = shift(lane);

		lane->result->waiting++;
		run_result_due(lane->result, lane_next_ms(lane));
		work_free(work);
	}
}

/* `rate`: waits for the next place.  False where that would take too long. */
static bool
keep_pace(const struct lane *lane)
{
	struct buf name = BUF_INIT(NAME_LEN_MAX);
	int64_t now = clock_wall_ms(), at = now;
	bool taken = true;

	if (lane->account->rate == 0)
		return true;
	breaker_account_name(lane->account, &name);
	taken = breaker_take_place(lane->store, name.data, lane->account->rate, now, PACE_MAX_MS,
	    &at);
	buf_release(&name);
	if (taken && at > now)
		wait_poll(NULL, 0, deadline_in(at - now));
	return taken;
}

/*
 * What is to go ahead of its turn must be fit for the server by then; where it cannot be made so,
 * its turn will tell why.
 */
static bool
is_fit(struct lane *lane, struct work *work)
{
	struct err ignored;
	bool fit;

	err_init(&ignored);
	fit = !lane->link.open || delivery_adapt(&work->delivery, &lane->link, &ignored) == 0;
	err_release(&ignored);
	return fit;
}

/*
 * The next message's envelope may join the flight of this one's end; but not where all of the next
 * can go ahead soon.
 */
static bool
may_announce(struct lane *lane)
{
	const struct transaction *next = lane->count > 1 ? &lane->works[1]->delivery.tx : NULL;

	if (next == NULL || lane->account->rate > 0 ||
	    transaction_count(next, OUTCOME_PENDING) == 0 || !is_fit(lane, lane->works[1]))
		return false;
	return lane->account->window == 1 ||
	    (lane->link.open && !smtp_may_send_ahead(&lane->link.smtp, next));
}

/* The work has all its outcomes at once; the first in the lane. */
static void
send_first(struct lane *lane, bool last)
{
	struct work *work = lane->works[0];
	struct around around = { .last = last && lane->count == 1 };
	struct err err;

	if (may_announce(lane))
		around.next = &lane->works[1]->delivery.tx;
	err_init(&err);
	if (delivery_undecided(&work->delivery) > 0)
		deliver(&work->delivery, &lane->link, &around, &err);
	err_release(&err);
	lane->dead = work->delivery.from_session;
	/* What was left alone is no attempt. */
	if (!lane->dead || lane->link.tried) {
		shift(lane);
		conclude(lane, work);
	}
	if (lane->dead)
		die(lane);
}

static bool
may_send_ahead(struct lane *lane)
{
	struct work *work = lane->ahead < lane->count ? lane->works[lane->ahead] : NULL;

	if (work == NULL || lane->account->window == 1 || lane->ahead >= lane->account->window ||
	    lane->account->rate > 0)
		return false;
	return lane->link.open && transaction_count(&work->delivery.tx, OUTCOME_PENDING) > 0 &&
	    is_fit(lane, work) && smtp_may_send_ahead(&lane->link.smtp, &work->delivery.tx);
}

/* A session that broke has answered all who were ahead, and so has one reply sometimes. */
static void
conclude_answered(struct lane *lane)
{
	while (lane->ahead > 0 && lane->works[0]->delivery.tx.answers_due == 0 &&
	    transaction_count(&lane->works[0]->delivery.tx, OUTCOME_PENDING) == 0) {
		struct work *work = shift(lane);

		conclude(lane, work);
	}
}

static void
send_ahead(struct lane *lane)
{
	struct work *work = lane->works[lane->ahead];
	struct err err;

	err_init(&err);
	lane->ahead++;
	deliver(&work->delivery, &lane->link, &(struct around){ .ahead = true }, &err);
	conclude_answered(lane);
	err_release(&err);
}

/* Those who are undecided after all that get it in another run. */
static void
give_up_turns(struct work *work)
{
	struct err err;

	err_init(&err);
	err_set(&err, ERR_TEMPORARY, "the server takes too few recipients at once");
	transaction_fail(&work->delivery.tx, &err);
	err_release(&err);
}

static void
await_first(struct lane *lane)
{
	struct work *work = lane->works[0];
	struct err err;

	err_init(&err);
	delivery_await(&work->delivery, &lane->link, &err);
	err_release(&err);
	shift(lane);
	if (delivery_undecided(&work->delivery) > 0 && work->turns++ == TURNS_MAX)
		give_up_turns(work);
	/* Another turn comes when those who are on the way are answered. */
	if (delivery_undecided(&work->delivery) > 0) {
		lane->works[lane->count++] = work;
		return;
	}
	conclude(lane, work);
	conclude_answered(lane);
}

/* One step on: something is sent, or answered. */
static void
step(struct lane *lane, bool last)
{
	if (lane->ahead == 0 && !keep_pace(lane)) {
		die(lane);
		return;
	}
	if (may_send_ahead(lane))
		send_ahead(lane);
	else if (lane->ahead > 0)
		await_first(lane);
	else
		send_first(lane, last);
}

void
lane_push(struct lane *lane, struct item *item)
{
	add_item(lane, item);
	while (lane->count > lane->account->window)
		step(lane, false);
}

void
lane_finish(struct lane *lane)
{
	struct err err;

	while (lane->count > 0)
		step(lane, true);
	err_init(&err);
	if (sync_removals(lane, &err) < 0 && lane->watch->trouble != NULL)
		lane->watch->trouble(lane->watch->arg, lane->store->path, &err);
	link_close(&lane->link);
	err_release(&err);
}

void
lane_stop(struct lane *lane)
{
	while (lane->ahead > 0)
		await_first(lane);
	die(lane);
	lane_finish(lane);
}

void
lane_abandon(struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++)
		close(lane->works[i]->item.fd);
	if (lane->link.open)
		close(lane->link.smtp.stream.fd);
}

bool
lane_is_in_doubt(const struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++)
		if (lane->works[i]->delivery.tx.answers_due > 0)
			return true;
	return false;
}
