/* SPDX-License-Identifier: ISC */
#include "submission/sending.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pair.h"
#include "base/wait.h"
#include "delivery/breaker.h"
#include "delivery/result.h"
#include "delivery/settle.h"

enum { TITLE_MAX = 256 };

enum answer { ANSWER_NONE, ANSWER_GO, ANSWER_NO, ANSWER_DONE, ANSWER_LET_GO };

struct sending {
	struct submission *s;
	int end;
	struct link link;
	struct pair_message message;
	enum answer answer;
	struct err refusal; /* of ANSWER_NO */
	bool waiting;       /* for an answer: it breaks the wait */
	bool ended;         /* the delivery has come to its end */
	bool alone;         /* the waiter has let go: item is ours */
	bool orphan;        /* the waiter ended without a word */
	struct item item;
};

static void
tell_trouble(const struct sending *w, const struct err *err)
{
	attempt_trouble(&w->s->runner.watch,
	    w->item.id[0] != '\0' ? w->item.id : w->s->runner.queue_path, err);
}

/* Who has it from turns before would get it again. `ended`: nobody else has it. */
static void
record_accepted(struct sending *w, bool ended)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct err err;

	if (transaction_count(&w->s->delivery.tx, OUTCOME_ACCEPTED) == 0)
		return;
	err_init(&err);
	settle_accepted(&w->item, &w->s->delivery, ended, clock_wall_ms(), &records);
	if (store_append(&w->item, &records, &err) < 0)
		tell_trouble(w, &err);
	buf_release(&records);
	err_release(&err);
}

/*
 * The message is ours. Where it cannot be taken over, what comes of it cannot be recorded: then
 * nothing more is sent, and the runner, which finds it unlocked, sees to it; and likewise where
 * there is no session yet, or a command of ours has the caller's standard error open, for as long
 * as it runs: the caller may wait for the end of that. But what is known of it is recorded first.
 */
static void
take_over(struct sending *w)
{
	const struct submission *s = w->s;
	const struct transaction *tx = &s->delivery.tx;
	bool goes_on = w->ended || tx->answers_due > 0 ||
	    (w->link.open && w->link.used->tunnel_command == NULL);
	struct err err;
	int fd = w->message.fd;

	if (!goes_on && transaction_count(tx, OUTCOME_ACCEPTED) == 0)
		_exit(0);
	err_init(&err);
	w->message.fd = -1;
	if (s->silence != NULL)
		s->silence(s->arg);
	worker_leave_caller();
	if ((s->store->dir < 0 && store_open(s->store, s->runner.queue_path, false, &err) < 0) ||
	    store_adopt(s->store, w->message.data.data, fd, &w->item, &err) != STORE_OK) {
		tell_trouble(w, &err);
		_exit(0);
	}
	/* What it came to at its end is recorded as a whole (settle_alone()). */
	if (!w->ended)
		record_accepted(w, tx->answers_due == 0);
	if (!goes_on)
		_exit(0);
	w->alone = true;
	w->answer = ANSWER_LET_GO;
	pair_send(w->end, SENDING_GONE, (struct span){ "", 0 }, -1, &err);
	err_release(&err);
}

/* The waiter was killed: nobody has the message any more, unless it is out as a whole. */
static void
be_orphan(struct sending *w)
{
	w->orphan = true;
	wait_on_input(-1, NULL, NULL);
	if (w->s->delivery.tx.answers_due == 0)
		_exit(0);
	worker_leave_caller();
}

/* Takes what the waiter has said. */
static void
listen_to_waiter(void *arg)
{
	struct sending *w = arg;
	enum pair_result result = PAIR_NOTHING;

	while (!w->alone) {
		struct unpack in;

		result = pair_receive(w->end, &w->message);
		if (result != PAIR_MESSAGE)
			break;
		in = (struct unpack){ .rest = { w->message.data.data, w->message.data.len } };
		if (w->message.type == SENDING_GO)
			w->answer = ANSWER_GO;
		if (w->message.type == SENDING_DONE)
			w->answer = ANSWER_DONE;
		if (w->message.type == SENDING_NO) {
			err_unpack(&in, &w->refusal);
			w->answer = ANSWER_NO;
		}
		if (w->message.type == SENDING_LET_GO)
			take_over(w);
	}
	if (w->alone)
		wait_on_input(-1, NULL, NULL);
	else if (result == PAIR_ENDED)
		be_orphan(w);
	if (w->waiting)
		wait_break();
}

static enum answer
await_answer(struct sending *w)
{
	w->waiting = true;
	while (w->answer == ANSWER_NONE && !w->orphan)
		wait_poll(NULL, 0, DEADLINE_NONE);
	w->waiting = false;
	return w->answer;
}

void
sending_add_doubt(struct buf *records)
{
	const struct record record = {
		.type = RECORD_SENDING, .time_ms = clock_wall_ms(), .attempt = 1
	};

	record_write(records, &record);
}

/* Who is alone says in the queue's file that the last octet is about to go out. */
static int
record_sending(struct sending *w, struct err *err)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	int result;

	settle_accepted(&w->item, &w->s->delivery, false, clock_wall_ms(), &records);
	sending_add_doubt(&records);
	result = store_append(&w->item, &records, err);
	buf_release(&records);
	return result;
}

static int
before_end(void *arg, struct err *err)
{
	struct sending *w = arg;
	struct buf state = BUF_INIT(PAIR_MESSAGE_MAX);
	int result = 0;

	worker_leave_session();
	if (!w->alone) {
		w->answer = ANSWER_NONE;
		result_pack(&state, &w->s->delivery);
		result = pair_send(w->end, SENDING_ASK, (struct span){ state.data, state.len }, -1,
		    err);
		buf_release(&state);
		if (result == 0 && await_answer(w) == ANSWER_NO) {
			err_copy(err, &w->refusal);
			result = -1;
		}
		if (result < 0)
			return -1;
	}
	return w->alone ? record_sending(w, err) : 0;
}

/* What came of it, where it is ours: recorded, and told; and somebody sees to what is left. */
static void
settle_alone(struct sending *w)
{
	struct submission *s = w->s;
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settled;
	struct attempt attempt = {
		.item = &w->item, .account = s->account, .delivery = &s->delivery
	};
	struct err err;

	err_init(&err);
	settle_attempt(&w->item, &s->delivery, s->account, clock_wall_ms(), &records, &settled);
	if (settlement_is_sent(&settled) && store_remove(s->store, &w->item, &err) == 0) {
		attempt.removed = true;
		store_sync(s->store, &err);
	} else {
		store_append(&w->item, &records, &err);
	}
	if (s->runner.watch.attempt != NULL)
		s->runner.watch.attempt(s->runner.watch.arg, &attempt);
	if (err.kind != ERR_NONE)
		tell_trouble(w, &err);
	err_clear(&err);
	/* The runner is to find it unlocked. */
	item_release(&w->item);
	if (store_has_any(s->store) && runner_start(&s->runner, attempt.removed, &err) < 0)
		tell_trouble(w, &err);
	buf_release(&records);
	err_release(&err);
}

/* The waiter is told, and sees to the rest; or it has let go of the message meanwhile. */
static void
tell_result(struct sending *w)
{
	struct buf text = BUF_INIT(PAIR_MESSAGE_MAX);
	struct err err;

	err_init(&err);
	result_pack(&text, &w->s->delivery);
	w->answer = ANSWER_NONE;
	if (pair_send(w->end, SENDING_RESULT, (struct span){ text.data, text.len }, -1, &err) == 0)
		await_answer(w);
	buf_release(&text);
	err_release(&err);
}

/*
 * The worker shall end. Who is alone waits for an answer that may mean "delivered"; of anything
 * else the waiter, or the queue, has all that is to be known.
 */
static void
on_signal(void *arg, int signal)
{
	struct sending *w = arg;

	(void)signal;
	if (w->alone && w->s->delivery.tx.answers_due > 0)
		return;
	if (w->alone)
		record_accepted(w, true);
	_exit(0);
}

static void
live(void *arg, int end)
{
	struct sending *w = arg;
	struct submission *s = w->s;
	struct delivery *d = &s->delivery;
	struct err err;

	w->end = end;
	err_init(&err);
	wait_on_signals(on_signal, w);
	wait_on_input(end, listen_to_waiter, w);
	d->tx.before_end = before_end;
	d->tx.arg = w;
	/* The time until it may go out is part of the caller's wait. */
	if (breaker_keep_pace(s->store, s->account, s->wait_ms < 0 ? INT64_MAX : s->wait_ms)) {
		deliver(d, &w->link, &(struct around){ .last = true }, &err);
	} else {
		err_set(&err, ERR_TEMPORARY, "%u messages a minute have gone out",
		    s->account->rate);
		transaction_fail(&d->tx, &err);
	}
	w->ended = true;
	if (!w->alone && !w->orphan)
		tell_result(w);
	link_close(&w->link);
	if (!w->alone && s->silence != NULL)
		s->silence(s->arg);
	if (w->alone)
		settle_alone(w);
}

int
sending_start(struct worker *worker, struct submission *s, struct err *err)
{
	struct sending w = { .s = s };
	struct store none = STORE_INIT;
	struct buf title = BUF_INIT(TITLE_MAX);
	struct worker_birth birth = { .live = live, .arg = &w };
	int result;

	item_init(&w.item);
	err_init(&w.refusal);
	pair_message_init(&w.message);
	/* Who does not want it queued wants it tried, whatever failed a moment ago. */
	link_init(&w.link, s->config, s->account, s->runner.queue_path != NULL ? s->store : &none,
	    s->dialogue);
	buf_addf(&title, "sends over %s", s->account->name);
	birth.title = title.data;
	birth.keep[0] = s->store->dir;
	birth.keep[1] = s->message->body.fd;
	birth.keep[2] = birth.keep[3] = -1;
	result = worker_start(worker, &birth, err);
	link_release(&w.link);
	buf_release(&title);
	return result;
}
