/* SPDX-License-Identifier: ISC */
/*
 * Who queues a message and finds a runner's lock taken leaves a note in run/, and then looks at the
 * lock once more; a runner that ends gives up its lock, and then looks for a note once more. So one
 * of the two always sees the other. While a runner lives, it sees messages come by themselves.
 */
#include "submission/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "base/wait.h"
#include "config/account.h"
#include "submission/alarm.h"

enum {
	NAP_MIN_MS = 1000,
	NAP_BUSY_MS = 60 * 1000, /* where another process works on a message, or nothing would wake
				    us */
	NAP_TROUBLE_MS = 15 * 60 * 1000, /* where the queue cannot be run at all */
	LOCK_FD = 100,                   /* the lowest number for the lock's descriptor */
	TITLE_MAX = 256,
	NOTE_NAME_MAX = 64,
};

#define LOCK_NAME STORE_RUN "/lock"

/* There is something new; a server, or the network, is there (again). */
enum note { NOTE_NEW, NOTE_REACHED };

/*
 * The number of our network namespace, which is the octet of the lock's file that is locked, and
 * part of the notes' names. 0: the system does not tell.
 */
static uint64_t
network_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static void
note_name(enum note note, struct buf *name)
{
	buf_addf(name, STORE_RUN "/%s-%llu", note == NOTE_NEW ? "note" : "reached",
	    (unsigned long long)network_namespace());
}

static void
leave_note(const struct store *store, enum note note)
{
	struct buf name = BUF_INIT(NOTE_NAME_MAX);
	int fd;

	note_name(note, &name);
	/* Made anew, so that it is seen to come. */
	unlinkat(store->dir, name.data, 0);
	fd = openat(store->dir, name.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		close(fd);
	buf_release(&name);
}

static bool
take_note(const struct store *store, enum note note)
{
	struct buf name = BUF_INIT(NOTE_NAME_MAX);
	bool taken;

	note_name(note, &name);
	taken = unlinkat(store->dir, name.data, 0) == 0;
	buf_release(&name);
	return taken;
}

/*
 * What a killed process has open is closed from the highest number down (since Linux 4.3), and for
 * some of it that takes its time: the lock comes first, lest somebody finds it taken by one who is
 * about to end, and leaves him a note.
 */
static int
put_high(int lock)
{
	int high = fcntl(lock, F_DUPFD_CLOEXEC, LOCK_FD);

	if (high < 0)
		return lock;
	close(lock);
	return high;
}

enum lock_result { LOCK_OURS, LOCK_TAKEN, LOCK_NONE };

/* LOCK_OURS: *lock is held as long as it is open. LOCK_NONE: there is none to be had (errno). */
static enum lock_result
take_lock(const struct store *store, int *lock)
{
	struct flock octet = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)network_namespace(),
		.l_len = 1 };
	int fd, failure;

	mkdirat(store->dir, STORE_RUN, 0700);
	fd = openat(store->dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return LOCK_NONE;
	if (fcntl(fd, F_OFD_SETLK, &octet) == 0) {
		*lock = put_high(fd);
		return LOCK_OURS;
	}
	failure = errno;
	close(fd);
	errno = failure;
	return errno == EAGAIN || errno == EACCES ? LOCK_TAKEN : LOCK_NONE;
}

/* A queue that is seen to. */
struct tending {
	const struct runner *runner;
	struct store store;
	struct config config;
	struct lane_terms terms;
	struct run_result result;
	struct run *run; /* NULL: none, for something is in the way */
	struct alarm_clock clock;
	struct alarm_events events;
	char busy[ALARM_IDS_MAX][QUEUE_ID_LEN + 1]; /* of result.busy, those whose ids we have */
	size_t busy_count;
	bool scan;      /* the whole queue is to be looked at */
	bool reached;   /* … for a server was reached, or the network is there */
	bool recovered; /* that was done since the last look by the clock */
	int signal;     /* that shall end it; 0: none */
};

static void
on_signal(void *arg, int signal)
{
	struct tending *t = arg;

	t->signal = signal;
	wait_break();
}

static void
tell_trouble(const struct tending *t, const struct err *err)
{
	attempt_trouble(&t->runner->watch, t->runner->queue_path, err);
}

static int
open_tending(struct tending *t, const struct runner *runner, bool make, struct err *err)
{
	*t = (struct tending){ .runner = runner, .store = STORE_INIT, .config = CONFIG_INIT };
	if (store_open(&t->store, runner->queue_path, make, err) < 0)
		return -1;
	t->scan = true;
	t->result.next_ms = INT64_MAX;
	t->terms = (struct lane_terms){
		.store = &t->store, .config = &t->config, .watch = runner->watch, .uid = runner->uid
	};
	wait_on_signals(on_signal, t);
	return 0;
}

static void
close_run(struct tending *t)
{
	if (t->run != NULL)
		run_free(t->run);
	t->run = NULL;
}

static void
close_tending(struct tending *t)
{
	int signal = t->signal;

	close_run(t);
	store_close(&t->store);
	config_release(&t->config);
	wait_release_signals();
	if (signal != 0)
		wait_die_of(signal);
}

/*
 * The configuration as it is now. Where it has changed, what was known of messages and accounts is
 * of no use any more. What is in the way, a configuration that is being edited perhaps, is told,
 * and may pass.
 */
static void
read_config(struct tending *t)
{
	struct config config = CONFIG_INIT;
	struct err err;
	int status;

	err_init(&err);
	status = config_load(&config, t->runner->config_path, &err);
	if (status == 0 && config.count == 0)
		status = err_set(&err, ERR_CONFIG,
		    "there is no configuration to run the queue with");
	if (status == 0 && t->run != NULL && !t->scan && config.stamp == t->config.stamp) {
		config_release(&config);
		return;
	}
	close_run(t);
	config_release(&t->config);
	t->config = config;
	if (status == 0)
		t->run = run_new(&t->terms, &t->result, &err);
	t->scan = t->run != NULL;
	if (t->run == NULL) {
		tell_trouble(t, &err);
		t->result = (struct run_result){ .waiting = store_has_any(&t->store),
			.next_ms = clock_wall_ms() + NAP_TROUBLE_MS };
	}
	err_release(&err);
}

/* Looks at a message that came or changed; one that is another process's is remembered. */
static void
look_at(struct tending *t, const char *id)
{
	unsigned long busy = t->result.busy;

	run_look(t->run, id);
	if (t->result.busy > busy && t->busy_count < ALARM_IDS_MAX)
		memcpy(t->busy[t->busy_count++], id, QUEUE_ID_LEN + 1);
}

/*
 * A message is let go of, and it is not told which: those that were another process's are looked at
 * again, or all, where it is not known which these are.
 */
static void
take_released(struct tending *t)
{
	struct alarm_events *e = &t->events;

	if (t->result.busy == 0)
		return;
	if (t->result.busy > t->busy_count || e->id_count + t->busy_count > ALARM_IDS_MAX) {
		t->scan = true;
		return;
	}
	memcpy(e->ids[e->id_count], t->busy[0], t->busy_count * sizeof(t->busy[0]));
	e->id_count += t->busy_count;
	t->result.busy -= t->busy_count;
	t->busy_count = 0;
}

/* Begins what there is to be done; also while workers are busy, who must not hold up others. */
static void
begin_looking(struct tending *t)
{
	struct err err;

	if (!t->scan && t->events.id_count == 0)
		return;
	err_init(&err);
	if (t->scan || t->run == NULL || !run_is_busy(t->run))
		t->terms.rules.reached = t->scan && t->reached;
	if (t->run == NULL || !run_is_busy(t->run))
		read_config(t);
	if (t->scan && t->run != NULL) {
		t->scan = t->reached = false;
		/* What is left in the queue is counted anew. */
		t->result = (struct run_result){ .next_ms = INT64_MAX };
		t->busy_count = 0;
		if (run_scan(t->run, &err) < 0)
			tell_trouble(t, &err);
	}
	for (size_t i = 0; i < t->events.id_count && t->run != NULL; i++)
		look_at(t, t->events.ids[i]);
	t->events.id_count = 0;
	err_release(&err);
}

/* What has happened, in terms of what is to be done. */
static void
take_events(struct tending *t)
{
	struct alarm_events *e = &t->events;

	if (e->note) {
		t->reached = take_note(&t->store, NOTE_REACHED) || t->reached;
		t->scan = t->scan || t->reached;
		t->scan = (take_note(&t->store, NOTE_NEW) && !alarm_sees_messages(&t->clock)) ||
		    t->scan;
	}
	if (e->network)
		t->reached = true;
	if (e->time)
		t->recovered = false;
	if (e->released)
		take_released(t);
	t->scan = t->scan || e->time || e->network || e->everything;
	e->note = e->network = e->time = e->everything = e->released = false;
	/* Where one message found its server, others that did not will. */
	if (!t->recovered && t->result.answered > 0 && t->result.unreached > 0 && t->run != NULL &&
	    !run_is_busy(t->run))
		t->scan = t->reached = t->recovered = true;
}

static bool
is_busy(const struct tending *t)
{
	return t->scan || (t->run != NULL && run_is_busy(t->run));
}

static bool
is_idle(const struct run_result *result)
{
	return result->tried + result->waiting + result->busy + result->timed == 0;
}

/* When to look again, in milliseconds since 1970. */
static int64_t
next_look_ms(const struct tending *t)
{
	int64_t now_ms = clock_wall_ms(), at_ms = t->result.next_ms;

	if ((t->result.busy > 0 || !alarm_sees_messages(&t->clock)) && at_ms > now_ms + NAP_BUSY_MS)
		at_ms = now_ms + NAP_BUSY_MS;
	return at_ms > now_ms + NAP_MIN_MS ? at_ms : now_ms + NAP_MIN_MS;
}

/* Works, or sleeps until at_ms; not longer than until something happens. */
static void
pass_time(struct tending *t, int64_t at_ms)
{
	struct pollfd polls[ALARM_POLLS + RUN_WORKERS_MAX] = { { .fd = -1 } };
	int64_t deadline = alarm_set(&t->clock, at_ms, polls);
	struct err err;

	err_init(&err);
	if (t->run != NULL)
		run_step(t->run, polls, ALARM_POLLS, deadline);
	else
		wait_poll(polls, ALARM_POLLS, deadline);
	if (t->run != NULL && !run_read_all(t->run, &err))
		tell_trouble(t, &err);
	err_release(&err);
	alarm_take(&t->clock, polls, &t->events);
}

/*
 * Nothing is left that could be sent some day. Counts may speak of messages that are gone
 * meanwhile; of no message, they do.
 */
static bool
is_done(struct tending *t)
{
	return !is_busy(t) && t->events.id_count == 0 &&
	    (is_idle(&t->result) || !store_has_any(&t->store));
}

/* Until nothing is left to be done, or a signal comes. */
static void
tend_until_idle(struct tending *t)
{
	alarm_init(&t->clock, &t->store);
	for (;;) {
		begin_looking(t);
		if (t->signal != 0 || is_done(t))
			break;
		pass_time(t, is_busy(t) ? INT64_MAX : next_look_ms(t));
		take_events(t);
	}
	alarm_release(&t->clock);
}

/* The runner's beginning, handed to its process. */
struct beginning {
	const struct runner *runner;
	const struct due_rules *rules; /* runner_run() */
	bool reached;
	int lock; /* held */
	int64_t interval_ms;
};

static void
set_title(const struct runner *runner)
{
	struct buf title = BUF_INIT(TITLE_MAX);

	buf_addf(&title, "sees to the queue %s", runner->queue_path);
	process_title(title.data);
	buf_release(&title);
}

static void
live(void *arg)
{
	struct beginning *b = arg;
	enum lock_result result = LOCK_OURS;
	struct tending t;
	struct err err;

	set_title(b->runner);
	err_init(&err);
	if (open_tending(&t, b->runner, false, &err) < 0) {
		attempt_trouble(&b->runner->watch, b->runner->queue_path, &err);
		_exit(0);
	}
	t.reached = b->reached;
	while (result == LOCK_OURS && t.signal == 0) {
		tend_until_idle(&t);
		close(b->lock);
		t.reached = take_note(&t.store, NOTE_REACHED);
		t.scan = take_note(&t.store, NOTE_NEW) || t.reached;
		result = t.scan && t.signal == 0 ? take_lock(&t.store, &b->lock) : LOCK_NONE;
	}
	close_tending(&t);
	err_release(&err);
}

int
runner_start(const struct runner *runner, bool reached, struct err *err)
{
	struct beginning beginning = { .runner = runner, .reached = reached };
	struct store store = STORE_INIT;
	enum lock_result lock;
	int result = 0;

	if (store_open(&store, runner->queue_path, false, err) < 0)
		return -1;
	lock = take_lock(&store, &beginning.lock);
	if (lock == LOCK_TAKEN) {
		leave_note(&store, reached ? NOTE_REACHED : NOTE_NEW);
		lock = take_lock(&store, &beginning.lock);
	}
	if (lock == LOCK_NONE)
		result = err_sys(err, ERR_SYSTEM,
		    "nobody sees to the queue: cannot lock %s/" LOCK_NAME, store.path);
	store_close(&store);
	if (lock == LOCK_OURS) {
		result = process_begin(live, &beginning, beginning.lock, err);
		close(beginning.lock);
	}
	return result;
}

static void
run_and_leave(void *arg)
{
	const struct beginning *b = arg;
	struct tending t;
	struct err err;
	int status;

	set_title(b->runner);
	err_init(&err);
	status = open_tending(&t, b->runner, false, &err);
	if (status == 0)
		status = config_load(&t.config, b->runner->config_path, &err);
	if (status == 0) {
		t.terms.rules = *b->rules;
		status = run_once(&t.terms, &t.result, &err);
	}
	if (status == 0 && !is_idle(&t.result))
		status = runner_start(b->runner, false, &err);
	if (status < 0)
		attempt_trouble(&b->runner->watch, b->runner->queue_path, &err);
}

int
runner_run(const struct runner *runner, const struct due_rules *rules, struct err *err)
{
	struct beginning beginning = { .runner = runner, .rules = rules };

	return process_begin(run_and_leave, &beginning, -1, err);
}

int
runner_stay(const struct runner *runner, int64_t interval_ms, struct err *err)
{
	struct tending t;

	if (open_tending(&t, runner, true, err) < 0)
		return -1;
	alarm_init(&t.clock, &t.store);
	for (int64_t until_ms = 0; t.signal == 0;) {
		if (t.scan)
			until_ms = clock_wall_ms() + interval_ms;
		begin_looking(&t);
		pass_time(&t, until_ms);
		/* Messages that come wait for their time. */
		t.events.id_count = 0;
		t.events.everything = t.events.released = false;
		take_events(&t);
	}
	alarm_release(&t.clock);
	close_tending(&t);
	return 0;
}

static void
stay_behind(void *arg)
{
	const struct beginning *b = arg;
	struct err err;

	set_title(b->runner);
	err_init(&err);
	if (runner_stay(b->runner, b->interval_ms, &err) < 0)
		attempt_trouble(&b->runner->watch, b->runner->queue_path, &err);
	err_release(&err);
}

int
runner_stay_behind(const struct runner *runner, int64_t interval_ms, struct err *err)
{
	struct beginning beginning = { .runner = runner, .interval_ms = interval_ms };

	return process_begin(stay_behind, &beginning, -1, err);
}
