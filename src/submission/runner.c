/* SPDX-License-Identifier: ISC */
/*
 * Who queues a message and finds a runner's lock taken leaves a note in run/, and then looks at the
 * lock once more; a runner that ends gives up its lock, and then looks for a note once more.  So
 * one of the two always sees the other.
 */
#include "submission/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "config/account.h"

enum {
	NAP_MIN_MS = 1000,
	NAP_BUSY_MS = 60 * 1000, /* where another process works on a message, or nothing would wake
				    us */
	NAP_TROUBLE_MS = 15 * 60 * 1000, /* where the queue cannot be run at all */
	LOCK_FD = 100,                   /* the lowest number for the lock's descriptor */
	NETWORK_MS = 3000,               /* from a new address to a network that works */
};

#define LOCK_NAME STORE_RUN "/lock"
#define NOTE_NAME STORE_RUN "/note" /* there is something new */
#define NOTE_REACHED_NAME \
	STORE_RUN "/note-reached" /* a server, or the network, is there (again) \
				   */

void
runner_leave_caller(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0)
		syslog(LOG_MAIL | LOG_WARNING, "cannot go to /: %m");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

/* Nothing of the caller's stays open but `keep` (-1: nothing). */
static void
detach(int keep)
{
	wait_on_signals(NULL, NULL);
	runner_leave_caller();
	closelog();
	if (keep > STDERR_FILENO) {
		close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
		close_range((unsigned)keep + 1, ~0U, 0);
	} else {
		close_range(STDERR_FILENO + 1, ~0U, 0);
	}
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

enum { LOCK_TAKEN = -1, LOCK_NONE = -2 };

/*
 * The lock, held by us: its descriptor; LOCK_TAKEN: another has it; LOCK_NONE: there is none to be
 * had (errno).
 */
static int
take_lock(const struct store *store)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	mkdirat(store->dir, STORE_RUN, 0700);
	fd = openat(store->dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return LOCK_NONE;
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return put_high(fd);
	close(fd);
	return errno == EAGAIN || errno == EACCES ? LOCK_TAKEN : LOCK_NONE;
}

static void
leave_note(const struct store *store, const char *name)
{
	int fd = openat(store->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		close(fd);
}

static bool
take_note(const struct store *store, const char *name)
{
	return unlinkat(store->dir, name, 0) == 0;
}

/*
 * What wakes a runner: a point of time on the wall's clock, and a clock that was set; notes; a
 * network that comes up. Without a timer, poll(2) measures the way to that point by a clock that
 * stands still while the machine is suspended: it is late by that, and does not notice a clock that
 * is set.
 */
struct alarm_clock {
	int timer;   /* timerfd, or -1 */
	int notes;   /* inotify, or -1 */
	int network; /* netlink, or -1 */
};

/* Sets the timer; the deadline for poll(2) beside it. */
static int64_t
alarm_set(const struct alarm_clock *clock, int64_t at_ms)
{
	const struct itimerspec at = { .it_value = {
					   (time_t)(at_ms / 1000), at_ms % 1000 * 1000000L } };
	int64_t now_ms = clock_wall_ms();

	if (clock->timer >= 0 &&
	    timerfd_settime(clock->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) ==
		0)
		return DEADLINE_NONE;
	/* The clock was set since the timer was last read: the time may have come already. */
	if (clock->timer >= 0 && errno == ECANCELED)
		return deadline_in(0);
	return deadline_in(at_ms > now_ms ? at_ms - now_ms : 0);
}

static void
alarm_init(struct alarm_clock *clock, const char *queue_path)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	struct buf path = BUF_INIT(ERR_TEXT_MAX);

	buf_addf(&path, "%s/" STORE_RUN, queue_path);
	clock->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	clock->notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (clock->notes >= 0 && inotify_add_watch(clock->notes, path.data, IN_CREATE) < 0) {
		close(clock->notes);
		clock->notes = -1;
	}
	clock->network = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (clock->network >= 0 &&
	    bind(clock->network, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(clock->network);
		clock->network = -1;
	}
	buf_release(&path);
	/* From now on a clock that is set is noticed, in the first run too. */
	alarm_set(clock, INT64_MAX);
}

static void
alarm_release(struct alarm_clock *clock)
{
	if (clock->timer >= 0)
		close(clock->timer);
	if (clock->notes >= 0)
		close(clock->notes);
	if (clock->network >= 0)
		close(clock->network);
}

static void
drain(int fd)
{
	char scratch[8192];

	while (fd >= 0 && read(fd, scratch, sizeof(scratch)) > 0)
		;
}

/*
 * Sleeps until at_ms since 1970, or until something wakes us, among which are a clock that was set
 * and the end of a suspension; where the system has no watch left for us, until it is time to look.
 * True where the network has changed.
 */
static bool
alarm_sleep(struct alarm_clock *clock, int64_t at_ms)
{
	struct pollfd polls[] = { { clock->notes, POLLIN, 0 }, { clock->network, POLLIN, 0 },
		{ clock->timer, POLLIN, 0 } };
	int64_t deadline = alarm_set(clock, at_ms);
	bool network;

	if (clock->notes < 0)
		deadline = deadline_min(deadline, deadline_in(NAP_BUSY_MS));
	wait_poll(polls, 3, deadline);
	network = (polls[1].revents & POLLIN) != 0;
	drain(clock->notes);
	/* Where the clock was set, reading fails with ECANCELED, and that is all: we are awake. */
	drain(clock->timer);
	if (network) {
		wait_poll(NULL, 0, deadline_in(NETWORK_MS));
		drain(clock->network);
	}
	return network;
}

/* When to look again, in milliseconds since 1970. */
static int64_t
next_look_ms(const struct run_result *result)
{
	int64_t now_ms = clock_wall_ms(), at_ms = result->next_ms;

	if (result->busy > 0 && at_ms > now_ms + NAP_BUSY_MS)
		at_ms = now_ms + NAP_BUSY_MS;
	return at_ms > now_ms + NAP_MIN_MS ? at_ms : now_ms + NAP_MIN_MS;
}

/* One run with the configuration as it is now. */
static int
run_fresh(const struct runner *runner, struct store *store, const struct run_options *options,
    struct run_result *result, struct err *err)
{
	struct config config = CONFIG_INIT;
	int status = config_load(&config, runner->config_path, err);

	*result = (struct run_result){ .next_ms = INT64_MAX };
	if (status == 0 && config.count == 0)
		status = err_set(err, ERR_CONFIG,
		    "there is no configuration to run the queue with");
	if (status == 0)
		status = run_once(store, &config, options, result, err);
	config_release(&config);
	return status;
}

static bool
is_idle(const struct run_result *result)
{
	return result->tried + result->waiting + result->busy + result->timed == 0;
}

static void
tell_trouble(const struct runner *runner, const struct err *err)
{
	if (runner->watch.trouble != NULL)
		runner->watch.trouble(runner->watch.arg, runner->queue_path, err);
}

/*
 * The same for who stays: what is in the way, a configuration that is being edited perhaps, is
 * told, and may pass.
 */
static void
run_anyway(const struct runner *runner, struct store *store, const struct run_options *options,
    struct run_result *result)
{
	struct err err;

	err_init(&err);
	if (run_fresh(runner, store, options, result, &err) < 0) {
		tell_trouble(runner, &err);
		*result = (struct run_result){
			.waiting = store_has_any(store),
			.next_ms = clock_wall_ms() + NAP_TROUBLE_MS,
		};
	}
	err_release(&err);
}

/* Runs until nothing is left to be done. */
static void
run_until_idle(const struct runner *runner, struct store *store, bool reached)
{
	struct run_options options = { .reached = reached, .watch = runner->watch };
	struct run_result result = { .next_ms = 0 };
	struct alarm_clock clock;

	alarm_init(&clock, runner->queue_path);
	do {
		options.reached = take_note(store, NOTE_REACHED_NAME) || options.reached;
		take_note(store, NOTE_NAME);
		run_anyway(runner, store, &options, &result);
		options.reached = false;
		if (!is_idle(&result))
			options.reached = alarm_sleep(&clock, next_look_ms(&result));
	} while (!is_idle(&result));
	alarm_release(&clock);
}

/* The runner's life.  `lock` is held. */
static void
live(const struct runner *runner, bool reached, int lock)
{
	struct store store = STORE_INIT;
	struct err err;

	err_init(&err);
	if (store_open(&store, runner->queue_path, false, &err) < 0) {
		tell_trouble(runner, &err);
		lock = LOCK_NONE;
	}
	while (lock >= 0) {
		run_until_idle(runner, &store, reached);
		close(lock);
		reached = take_note(&store, NOTE_REACHED_NAME);
		lock = take_note(&store, NOTE_NAME) || reached ? take_lock(&store) : LOCK_NONE;
	}
	store_close(&store);
	err_release(&err);
}

static int
fork_runner(const struct runner *runner, bool reached, int lock, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, ERR_SYSTEM, "cannot start a process to empty the queue");
	if (pid > 0)
		return 0;
	detach(lock);
	live(runner, reached, lock);
	_exit(0);
}

int
runner_start(const struct runner *runner, bool reached, struct err *err)
{
	struct store store = STORE_INIT;
	int lock, result = 0;

	if (store_open(&store, runner->queue_path, false, err) < 0)
		return -1;
	lock = take_lock(&store);
	if (lock == LOCK_TAKEN) {
		leave_note(&store, reached ? NOTE_REACHED_NAME : NOTE_NAME);
		lock = take_lock(&store);
	}
	if (lock == LOCK_NONE)
		result = err_sys(err, ERR_SYSTEM,
		    "nobody sees to the queue: cannot lock %s/" LOCK_NAME, store.path);
	store_close(&store);
	if (lock >= 0) {
		result = fork_runner(runner, reached, lock, err);
		close(lock);
	}
	return result;
}

int
runner_run(const struct runner *runner, const struct run_options *options, struct err *err)
{
	struct store store = STORE_INIT;
	struct run_result result;
	struct err failure;
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, ERR_SYSTEM, "cannot start a process to run the queue");
	if (pid > 0)
		return 0;
	detach(-1);
	err_init(&failure);
	if (store_open(&store, runner->queue_path, false, &failure) < 0 ||
	    run_fresh(runner, &store, options, &result, &failure) < 0)
		tell_trouble(runner, &failure);
	else if (!is_idle(&result))
		runner_start(runner, false, &failure);
	_exit(0);
}

int
runner_stay(const struct runner *runner, int64_t interval_ms, struct err *err)
{
	struct run_options options = { .watch = runner->watch };
	struct store store = STORE_INIT;
	struct run_result result;
	struct alarm_clock clock;

	if (store_open(&store, runner->queue_path, true, err) < 0)
		return -1;
	mkdirat(store.dir, STORE_RUN, 0700);
	alarm_init(&clock, runner->queue_path);
	for (;;) {
		int64_t until_ms = clock_wall_ms() + interval_ms;

		options.reached = take_note(&store, NOTE_REACHED_NAME) || options.reached;
		take_note(&store, NOTE_NAME);
		run_anyway(runner, &store, &options, &result);
		options.reached = alarm_sleep(&clock, until_ms);
	}
}
