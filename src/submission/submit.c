/* SPDX-License-Identifier: ISC */
#include "submission/submit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pair.h"
#include "base/wait.h"
#include "delivery/result.h"
#include "delivery/settle.h"
#include "submission/sending.h"

enum {
	GOODBYE_MS = 10 * 1000, /* for a worker that has told what came of it */
	GONE_MS = 1000,         /* for one that was let go of, to close what is the caller's */
};

/* That no runner could be started is no failure of this message: the next call starts one. */
static void
start_runner(struct submission *s, bool reached)
{
	struct err err;

	if (s->runner.queue_path == NULL)
		return;
	err_init(&err);
	if (runner_start(&s->runner, reached, &err) < 0)
		attempt_trouble(&s->runner.watch, s->runner.queue_path, &err);
	err_release(&err);
}

/* On success s->item is the message, locked. */
static int
queue_it(struct submission *s, const struct buf *records, struct err *err)
{
	const struct store_facts facts = {
		.account = s->account->name,
		.submitter = s->submitter,
		.now_ms = clock_wall_ms(),
		.records = records,
	};

	if (s->runner.queue_path == NULL && s->config->queue_dir != NULL)
		return err_set(err, ERR_TEMPORARY, "it shall not be queued");
	if (s->runner.queue_path == NULL)
		return err_set(err, ERR_CONFIG, "the configuration says: queue_dir none");
	if (s->commit != NULL && s->commit(s->arg, err) < 0)
		return -1;
	if (s->store->dir < 0 && store_open(s->store, s->runner.queue_path, true, err) < 0)
		return -1;
	if (store_add(s->store, s->envelope, s->message, &facts, &s->item, err) < 0)
		return -1;
	s->queued = true;
	return 0;
}

/* Whoever takes the message now is to find it unlocked. */
static void
unlock(struct submission *s)
{
	if (s->item.fd >= 0)
		close(s->item.fd);
	s->item.fd = -1;
}

static int
queue_only(struct submission *s, struct err *err)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	const struct record at = {
		.type = RECORD_AT, .time_ms = clock_wall_ms(), .next_ms = s->not_before_ms
	};
	const struct record hold = {
		.type = RECORD_HOLD, .time_ms = clock_wall_ms(), .uid = s->submitter.uid
	};
	int result;

	if (s->not_before_ms > 0)
		record_write(&records, &at);
	if (s->hold)
		record_write(&records, &hold);
	result = queue_it(s, records.len > 0 ? &records : NULL, err);
	buf_release(&records);
	if (result < 0)
		return -1;
	s->fate = FATE_QUEUED;
	unlock(s);
	if (s->when == DELIVERY_BACKGROUND || s->not_before_ms > 0)
		start_runner(s, false);
	return 0;
}

static void
queue_rest(struct submission *s, const struct buf *records)
{
	/* Without a queue nothing went wrong with it. */
	if (s->runner.queue_path == NULL || queue_it(s, records, &s->queue_err) < 0)
		return;
	unlock(s);
	start_runner(s, false);
}

/* The delivery has come to its end in front of the caller. */
static void
settle(struct submission *s)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settled;

	settle_new_attempt(s->envelope, &s->delivery, s->account, clock_wall_ms(), &records,
	    &settled);
	if (settlement_is_sent(&settled)) {
		s->fate = FATE_SENT;
		if (s->store->dir >= 0 && store_has_any(s->store))
			start_runner(s, true);
	} else if (settled.accepted == 0 && settled.waiting == 0) {
		/* Nobody has it, nobody will: the caller is told, and has it still. */
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
}

/* The waiter, while a worker sends. */
struct waiter {
	struct submission *s;
	struct worker worker;
	struct pair_message message;
	bool granted;     /* the last octet of a turn may be out, and its answer is not known */
	bool told;        /* the result is there */
	bool leaving;     /* the worker is let go of: it is answered no more */
	bool gone;        /* it has nothing of the caller's open any more */
	int64_t deadline; /* when the caller has waited long enough */
};

/* It outlives the waiter: one that comes at the very end is handled, too. */
static void
on_signal(void *arg, int signal)
{
	struct submission *s = arg;

	if (s->signal == 0)
		s->signal = signal;
	wait_break();
}

static int
say(struct waiter *w, unsigned type, const struct buf *data, int fd)
{
	struct err err;
	int result;

	err_init(&err);
	result = pair_send(w->worker.end, type,
	    data != NULL ? (struct span){ data->data, data->len } : (struct span){ "", 0 }, fd,
	    &err);
	err_release(&err);
	return result;
}

/* The worker asks whether the last octet of a turn may go out. */
static void
answer(struct waiter *w)
{
	struct buf text = BUF_INIT(PAIR_MESSAGE_MAX);
	struct err err;
	int said;

	err_init(&err);
	/* Who has it from turns before; who is named in this one. */
	result_unpack(&w->s->delivery, w->s->config,
	    (struct span){ w->message.data.data, w->message.data.len }, &err);
	err_clear(&err);
	w->granted = false;
	if (w->s->commit != NULL && w->s->commit(w->s->arg, &err) < 0) {
		err_pack(&text, &err);
		said = say(w, SENDING_NO, &text, -1);
	} else {
		said = say(w, SENDING_GO, NULL, -1);
		w->granted = said == 0;
	}
	/* It would wait for the answer as long as we wait for it. */
	if (said < 0)
		kill(w->worker.pid, SIGKILL);
	buf_release(&text);
	err_release(&err);
}

/* Hears what the worker says. False: it has ended. */
static bool
listen(struct waiter *w)
{
	struct submission *s = w->s;
	enum pair_result result = PAIR_NOTHING;
	bool sense = true;

	while (sense && (result = pair_receive(w->worker.end, &w->message)) == PAIR_MESSAGE) {
		const struct buf *data = &w->message.data;
		struct err err;

		w->worker.heard_ms = clock_ms();
		switch (w->message.type) {
		case SENDING_ASK:
			if (!w->leaving)
				answer(w);
			break;
		case SENDING_RESULT:
			err_init(&err);
			w->told = sense = result_unpack(&s->delivery, s->config,
					      (struct span){ data->data, data->len }, &err) == 0;
			err_release(&err);
			break;
		case SENDING_GONE:
			w->gone = true;
			break;
		default:
			break;
		}
	}
	return sense && result == PAIR_NOTHING;
}

/* The worker ended without a word of what came of it. */
static void
tell_of_loss(struct waiter *w)
{
	struct err err;

	err_init(&err);
	err_set(&err, ERR_TEMPORARY,
	    "the process that was sending the message ended before it could tell what came of it");
	transaction_break(&w->s->delivery.tx, &err, w->granted);
	err_release(&err);
}

/* Queues the message while it is on its way. */
static int
queue_meanwhile(struct waiter *w)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	int result;

	settle_new_accepted(w->s->envelope, &w->s->delivery, false, clock_wall_ms(), &records);
	if (w->granted)
		sending_add_doubt(&records);
	err_clear(&w->s->queue_err);
	result = queue_it(w->s, records.len > 0 ? &records : NULL, &w->s->queue_err);
	buf_release(&records);
	return result;
}

/*
 * The queued message goes to the worker; whom the caller need not wait for as soon as it has let go
 * of what is the caller's. One that does not hear is ended, unless its message may be delivered: a
 * runner will see to it.
 */
static void
let_go(struct waiter *w)
{
	struct submission *s = w->s;
	struct buf id = BUF_INIT(QUEUE_ID_LEN);
	struct pollfd p = { .fd = w->worker.end, .events = POLLIN };
	int64_t deadline = deadline_in(GONE_MS);
	bool lives;

	w->leaving = true;
	buf_adds(&id, s->item.id);
	lives = say(w, SENDING_LET_GO, &id, s->item.fd) == 0;
	while (lives && !w->gone && wait_poll(&p, 1, deadline) != 0)
		lives = listen(w);
	if (!w->gone && !w->granted)
		worker_stop(&w->worker);
	buf_release(&id);
}

/*
 * The caller goes, and the message is queued. Without a word from a server that may have it the
 * worker is not needed: a runner begins anew.
 */
static void
leave(struct waiter *w, bool worker_goes_on)
{
	struct submission *s = w->s;

	if (worker_goes_on)
		let_go(w);
	else
		worker_stop(&w->worker);
	unlock(s);
	s->fate = FATE_QUEUED;
	/* What came of the attempt is told by who goes on with it. */
	s->tried = false;
	s->signal = 0;
	start_runner(s, false);
}

/* Until the worker has told what came of it. False: the caller does not wait for that. */
static bool
wait_for_worker(struct waiter *w)
{
	struct submission *s = w->s;
	struct pollfd p = { .fd = w->worker.end, .events = POLLIN };
	bool lives = true;

	while (lives && !w->told) {
		int64_t stuck = w->worker.heard_ms + WORKER_STUCK_MS;
		int n = wait_poll(&p, 1, deadline_min(w->deadline, stuck));

		/* First: what it has come to is worth more than a clock. */
		lives = listen(w);
		if (w->told || !lives)
			break;
		if (n == 0 && clock_ms() >= stuck) {
			worker_stop(&w->worker);
			break;
		}
		if (n == 0) {
			w->deadline = DEADLINE_NONE;
			/* Where it cannot be queued, there is nothing but to wait on. */
			if (queue_meanwhile(w) == 0) {
				leave(w, true);
				return false;
			}
		} else if (s->signal != 0) {
			if (queue_meanwhile(w) == 0) {
				leave(w, w->granted);
			} else {
				/* The message is the caller's. */
				worker_stop(&w->worker);
				s->fate = FATE_UNSENT;
				s->tried = false;
			}
			return false;
		}
	}
	if (!w->told)
		tell_of_loss(w);
	else
		say(w, SENDING_DONE, NULL, -1);
	/* It has the body's file open, and with it the lock that the message gets in the queue. */
	worker_wait(&w->worker, GOODBYE_MS);
	return true;
}

static void
send_now(struct submission *s)
{
	struct waiter w = { .s = s, .deadline = DEADLINE_NONE };
	struct err failure;
	bool told = true;

	err_init(&failure);
	pair_message_init(&w.message);
	if (sending_start(&w.worker, s, &failure) < 0) {
		transaction_fail(&s->delivery.tx, &failure);
	} else {
		if (s->wait_ms >= 0 && s->runner.queue_path != NULL)
			w.deadline = deadline_in(s->wait_ms);
		told = wait_for_worker(&w);
	}
	pair_message_release(&w.message);
	err_release(&failure);
	if (told)
		settle(s);
}

static int
try_now(struct submission *s, struct err *err)
{
	s->tried = s->prepared = true;
	if (delivery_init(&s->delivery, s->account, s->envelope, s->message, err) < 0 &&
	    err->kind != ERR_MESSAGE)
		return -1;
	err_clear(err);
	s->delivery.tx.begin_ms = clock_wall_ms();
	if (transaction_count(&s->delivery.tx, OUTCOME_PENDING) > 0)
		send_now(s);
	else
		settle(s);
	return 0;
}

int
submit(struct submission *s, struct err *err)
{
	int result;

	item_init(&s->item);
	err_init(&s->queue_err);
	memset(&s->delivery, 0, sizeof(s->delivery));
	s->signal = 0;
	s->tried = s->prepared = false;
	s->fate = FATE_UNSENT;
	wait_on_signals(on_signal, s);
	result = s->when == DELIVERY_NOW ? try_now(s, err) : queue_only(s, err);
	/* A signal that came too late to change anything must not hide what it came to. */
	wait_deliver();
	if (s->fate != FATE_UNSENT)
		s->signal = 0;
	if (s->fate == FATE_SENT || s->fate == FATE_QUEUED)
		wait_ignore_signals();
	else
		wait_release_signals();
	return result;
}

void
submission_release(struct submission *s)
{
	if (s->prepared)
		delivery_release(&s->delivery);
	item_release(&s->item);
	err_release(&s->queue_err);
}
