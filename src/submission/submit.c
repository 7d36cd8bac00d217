/* SPDX-License-Identifier: ISC */
/*
 * A message that is being sent is queued when its caller has waited long enough, or when a signal
 * wants the process to end. Then a child goes on where the delivery stands, with the message's lock
 * and the connection, and the caller is let go.
 */
#include "submission/submit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "delivery/breaker.h"
#include "delivery/settle.h"

enum { NAME_MAX_LEN = 1024 }; /* octets of a breaker's name */

static struct runner
runner_of(const struct submission *s)
{
	return (struct runner){
		.queue_path = s->queue_path, .config_path = s->config_path, .watch = s->watch
	};
}

/*
 * That no runner could be started is no failure of this message: the next call, or a flush, starts
 * one.
 */
static void
start_runner(struct submission *s, bool now)
{
	const struct runner runner = runner_of(s);
	struct err err;

	if (s->queue_path == NULL)
		return;
	err_init(&err);
	if (runner_start(&runner, now, &err) < 0 && s->watch.trouble != NULL)
		s->watch.trouble(s->watch.arg, s->queue_path, &err);
	err_release(&err);
}

static int
queue_it(struct submission *s, const struct buf *records, struct err *err)
{
	const struct store_facts facts = {
		.account = s->account->name,
		.uid = getuid(),
		.now_ms = clock_wall_ms(),
		.records = records,
	};

	if (s->queue_path == NULL && s->config->queue_dir != NULL)
		return err_set(err, ERR_TEMPORARY, "it shall not be queued");
	if (s->queue_path == NULL)
		return err_set(err, ERR_CONFIG, "the configuration says: queue_dir none");
	if (s->commit != NULL && s->commit(s, err) < 0)
		return -1;
	if (s->store->dir < 0 && store_open(s->store, s->queue_path, true, err) < 0)
		return -1;
	if (store_add(s->store, s->envelope, s->message, &facts, &s->item, err) < 0)
		return -1;
	s->queued = true;
	return 0;
}

/* What keeps it in the queue. */
static void
add_stays(const struct submission *s, struct buf *records)
{
	const struct record at = {
		.type = RECORD_AT, .time_ms = clock_wall_ms(), .next_ms = s->not_before_ms
	};
	const struct record hold = {
		.type = RECORD_HOLD, .time_ms = clock_wall_ms(), .uid = getuid()
	};

	if (s->not_before_ms > 0)
		record_write(records, &at);
	if (s->hold)
		record_write(records, &hold);
}

static int
queue_only(struct submission *s, struct err *err)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	int result;

	add_stays(s, &records);
	result = queue_it(s, records.len > 0 ? &records : NULL, err);
	buf_release(&records);
	if (result < 0)
		return -1;
	s->fate = FATE_QUEUED;
	/* The runner is to find it unlocked. */
	close(s->item.fd);
	s->item.fd = -1;
	if (s->when == DELIVERY_BACKGROUND || s->not_before_ms > 0)
		start_runner(s, false);
	return 0;
}

/* The message as if it were queued already: for settling, which asks what there was before. */
static int
fresh_item(const struct submission *s, struct item *item, struct err *err)
{
	item_init(item);
	item->envelope = *s->envelope;
	item->queued_ms = clock_wall_ms();
	item->recipients = calloc(s->envelope->count + 1, sizeof(*item->recipients));
	return item->recipients != NULL ? 0 : err_memory(err);
}

static void
release_fresh_item(struct item *item)
{
	envelope_init(&item->envelope);
	free(item->recipients);
	item->recipients = NULL;
	item_release(item);
}

/* Nobody has it, nobody will: the caller is told, and has it still. */
static bool
is_refused(const struct settlement *settled)
{
	return settled->accepted == 0 && settled->waiting == 0;
}

static bool
is_sent(const struct settlement *settled)
{
	return settled->waiting == 0 && settled->refused == 0 && settled->settled == 0 &&
	    !settled->relay_notice;
}

static void
queue_rest(struct submission *s, const struct buf *records)
{
	/* Without a queue nothing went wrong with it. */
	if (s->queue_path == NULL || queue_it(s, records, &s->queue_err) < 0)
		return;
	close(s->item.fd);
	s->item.fd = -1;
	start_runner(s, false);
}

/* The delivery has come to its end in front of the caller. */
static int
settle_fresh(struct submission *s, struct err *err)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settled;
	struct item item;

	if (fresh_item(s, &item, err) < 0)
		return -1;
	settle_attempt(&item, &s->delivery, s->account, clock_wall_ms(), &records, &settled);
	if (is_sent(&settled)) {
		s->fate = FATE_SENT;
		if (s->store->dir >= 0 && store_has_any(s->store))
			start_runner(s, true);
	} else if (is_refused(&settled)) {
		s->fate = FATE_REFUSED;
		if (s->mail_refusals && (settled.refused > 0 || settled.failed))
			queue_rest(s, &records);
	} else {
		queue_rest(s, &records);
		/* Where only the report of success is missing, nothing is. */
		s->fate = s->queued                        ? FATE_QUEUED :
		    settled.accepted == s->envelope->count ? FATE_SENT :
							     FATE_UNSENT;
	}
	buf_release(&records);
	release_fresh_item(&item);
	return 0;
}

/*
 * The same where the message is in the queue meanwhile, and locked; mostly behind the caller's
 * back.
 */
static int
settle_queued(struct submission *s)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settled;
	struct err err;

	err_init(&err);
	settle_attempt(&s->item, &s->delivery, s->account, clock_wall_ms(), &records, &settled);
	s->fate = is_sent(&settled) ? FATE_SENT : FATE_QUEUED;
	if (s->fate == FATE_SENT && store_remove(s->store, &s->item, &err) == 0)
		store_sync(s->store, &err);
	else if (store_append(&s->item, &records, &err) < 0)
		s->fate = FATE_QUEUED;
	if (err.kind != ERR_NONE && s->watch.trouble != NULL)
		s->watch.trouble(s->watch.arg, s->item.id, &err);
	buf_release(&records);
	err_release(&err);
	if (s->item.fd >= 0)
		close(s->item.fd);
	s->item.fd = -1;
	if (store_has_any(s->store))
		start_runner(s, s->fate == FATE_SENT);
	return 0;
}

/*
 * What is known, before the last octet goes out, or when it did: who has it from a turn before; the
 * others may get it.
 */
static void
add_sending(const struct item *item, const struct delivery *d, bool in_doubt, struct buf *records)
{
	const struct record record = {
		.type = RECORD_SENDING, .time_ms = clock_wall_ms(), .attempt = 1
	};

	settle_accepted(item, d, false, clock_wall_ms(), records);
	if (in_doubt)
		record_write(records, &record);
}

/* Before the last octet goes out: only for one that is queued meanwhile. */
static int
record_sending(void *arg, struct err *err)
{
	struct submission *s = arg;
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	int result;

	if (!s->queued)
		return s->commit != NULL ? s->commit(s, err) : 0;
	add_sending(&s->item, &s->delivery, true, &records);
	result = store_append(&s->item, &records, err);
	buf_release(&records);
	return result;
}

/* The message is queued while it is on its way. */
static int
queue_meanwhile(struct submission *s, bool in_doubt, struct err *err)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct item item;
	int result = fresh_item(s, &item, err);

	if (result == 0) {
		add_sending(&item, &s->delivery, in_doubt, &records);
		result = queue_it(s, &records, err);
	}
	release_fresh_item(&item);
	buf_release(&records);
	return result;
}

/*
 * A child goes on, and the caller is let go.  Where there is none to be had, this process goes on
 * as before.
 */
static void
go_behind(struct submission *s)
{
	pid_t pid = fork();

	if (pid > 0)
		s->leave(s);
	if (pid < 0)
		return;
	wait_on_signals(NULL, NULL);
	runner_leave_caller();
	s->behind = true;
}

/*
 * While the delivery waits: the caller has waited long enough (SIGALRM), or the process shall end.
 * What has gone out as a whole is waited for by the child even then, for without the answer it
 * would have to be sent again.
 */
static void
on_signal(void *arg, int signal)
{
	struct submission *s = arg;
	bool in_doubt = s->delivery.tx.answers_due > 0, was_queued = s->queued;

	/* Nothing is waited for but a goodbye: what it came to is settled in a moment, and told. */
	if (delivery_undecided(&s->delivery) == 0)
		return;
	if (!was_queued && queue_meanwhile(s, in_doubt, &s->queue_err) < 0) {
		/* The message is the caller's. */
		if (signal != SIGALRM)
			wait_die_of(signal);
		return;
	}
	if (!was_queued && (signal == SIGALRM || in_doubt)) {
		go_behind(s);
		return;
	}
	s->fate = FATE_QUEUED;
	s->leave(s);
}

static void
set_timer(int64_t ms)
{
	const struct itimerval timer = { .it_value = {
					     .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/*
 * `rate`: the time until it may go out is part of the caller's wait.  False: that would be too
 * long.
 */
static bool
keep_pace(struct submission *s)
{
	struct buf name = BUF_INIT(NAME_MAX_LEN);
	int64_t now = clock_wall_ms(), at = now;
	bool taken;

	if (s->account->rate == 0)
		return true;
	breaker_account_name(s->account, &name);
	taken = breaker_take_place(s->store, name.data, s->account->rate, now,
	    s->wait_ms < 0 ? INT64_MAX : s->wait_ms, &at);
	buf_release(&name);
	if (taken && at > now)
		wait_poll(NULL, 0, deadline_in(at - now));
	return taken;
}

static void
send_now(struct submission *s)
{
	struct store none = STORE_INIT;
	struct link link;
	struct err err;

	err_init(&err);
	/* Who does not want it queued wants it tried, whatever failed a moment ago. */
	link_init(&link, s->config, s->account, s->queue_path != NULL ? s->store : &none,
	    s->dialogue);
	wait_on_signals(on_signal, s);
	if (s->wait_ms >= 0 && s->queue_path != NULL)
		set_timer(s->wait_ms);
	if (keep_pace(s)) {
		deliver(&s->delivery, &link, &(struct around){ .last = true }, &err);
		link_close(&link);
	} else {
		err_set(&err, ERR_TEMPORARY, "%u messages a minute have gone out",
		    s->account->rate);
		transaction_fail(&s->delivery.tx, &err);
	}
	set_timer(0);
	link_release(&link);
	err_release(&err);
}

int
submit(struct submission *s, struct err *err)
{
	int result;

	item_init(&s->item);
	err_init(&s->queue_err);
	memset(&s->delivery, 0, sizeof(s->delivery));
	if (s->when != DELIVERY_NOW)
		return queue_only(s, err);
	s->tried = true;
	if (delivery_init(&s->delivery, s->account, s->envelope, s->message, err) < 0 &&
	    err->kind != ERR_MESSAGE)
		return -1;
	err_clear(err);
	s->delivery.tx.begin_ms = clock_wall_ms();
	s->delivery.tx.before_end = record_sending;
	s->delivery.tx.arg = s;
	if (transaction_count(&s->delivery.tx, OUTCOME_PENDING) > 0)
		send_now(s);
	result = s->queued ? settle_queued(s) : settle_fresh(s, err);
	/* A signal that came too late to change anything must not hide what it came to. */
	wait_deliver();
	wait_on_signals(NULL, NULL);
	return result;
}

void
submission_release(struct submission *s)
{
	if (s->tried)
		delivery_release(&s->delivery);
	item_release(&s->item);
	err_release(&s->queue_err);
}
