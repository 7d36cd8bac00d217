/* SPDX-License-Identifier: ISC */
/*
 * What wakes a runner that sleeps.  The wall's clock, and the timer on it, are the tests' own: a
 * timer is a FIFO, and rings when something is written to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "queued.h"
#include "submission/runner.h"

enum {
	HOUR_MS = 3600 * 1000,
	PATIENCE_MS = 20000,
	NOTHING_MS = 200, /* long enough for what must not happen */
};

/* When the message of queued.h is a second old. */
static const int64_t START_MS = 1600000001123;

/* What the test and the process under test both see. */
static struct shared {
	int64_t ahead_ms;      /* how far the clock was set ahead */
	int create_errno;      /* timerfd_create() fails */
	int set_errno;         /* timerfd_settime() does so */
	unsigned set_failures; /* … so many times, behind the first call */
	_Atomic unsigned sets;
	struct itimerspec at; /* what it was set to last, and how */
	int flags;
	clockid_t scale;
	_Atomic unsigned runs, attempts;
	pid_t pid; /* who ran last */
} * shared;

static char timer_path[100], config_path[100];
static int timer_fd = -1; /* the FIFO, in the process under test */
static struct timespec begun;

int
clock_gettime(clockid_t scale, struct timespec *now)
{
	struct timespec then = *now;
	int64_t ms;

	if (scale != CLOCK_REALTIME || shared == NULL)
		return (int)syscall(SYS_clock_gettime, scale, now);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &then);
	ms = START_MS + shared->ahead_ms + (int64_t)(then.tv_sec - begun.tv_sec) * 1000 +
	    (then.tv_nsec - begun.tv_nsec) / 1000000;
	*now = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
	return 0;
}

int
timerfd_create(clockid_t scale, int flags)
{
	assert_int_equal(flags, TFD_NONBLOCK | TFD_CLOEXEC);
	shared->scale = scale;
	errno = shared->create_errno;
	timer_fd = errno == 0 ? open(timer_path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
	return timer_fd;
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before)
{
	assert_int_equal(fd, timer_fd);
	assert_null(before);
	shared->at = *at;
	shared->flags = flags;
	if (shared->sets++ == 0 || shared->set_failures == 0)
		return 0;
	shared->set_failures--;
	errno = shared->set_errno;
	return -1;
}

/* A timer whose clock was set fails to be read, once. */
ssize_t
read(int fd, void *to, size_t size)
{
	ssize_t n = syscall(SYS_read, fd, to, size);

	if (fd != timer_fd || n <= 0)
		return n;
	errno = ECANCELED;
	return -1;
}

static int64_t
set_to_ms(void)
{
	return (int64_t)shared->at.it_value.tv_sec * 1000 + shared->at.it_value.tv_nsec / 1000000;
}

static void
note_trouble(void *arg, const char *name, const struct err *why)
{
	(void)arg;
	(void)name;
	(void)why;
	shared->pid = getpid();
	shared->runs++;
}

static void
note_attempt(void *arg, const struct attempt *attempt)
{
	(void)arg;
	(void)attempt;
	shared->attempts++;
}

static const struct runner runner = {
	.queue_path = queue,
	.config_path = config_path,
	.watch = { .trouble = note_trouble, .attempt = note_attempt },
};

/* Whether it comes to that number. */
static bool
comes_to(const _Atomic unsigned *count, unsigned number, int64_t ms)
{
	int64_t end = clock_ms() + ms;

	while (*count < number && clock_ms() < end)
		usleep(1000);
	return *count >= number;
}

static void
ring(void)
{
	int fd = open(timer_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

/*
 * Begins to run at intervals in a child. Its configuration is missing, so that each run is told of
 * as a trouble.
 */
static pid_t
stay(int64_t interval_ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		runner_stay(&runner, interval_ms, &err);
		_exit(1);
	}
	assert_true(pid > 0);
	shared->pid = pid;
	return pid;
}

static void
end(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	shared->pid = 0;
}

/* A test that failed leaves its process. */
static int
clean_up(void **state)
{
	(void)state;
	if (shared->pid > 0)
		kill(shared->pid, SIGKILL);
	return 0;
}

static int
begin_anew(void **state)
{
	*shared = (struct shared){ .pid = 0 };
	unlink(config_path);
	return begin(state);
}

/* The set-up itself, and the first run, set the timer, too. */
static void
test_interval(void **state)
{
	pid_t pid = stay(HOUR_MS);
	int64_t earliest_ms = clock_wall_ms() + HOUR_MS, set_ms;

	(void)state;
	assert_true(comes_to(&shared->sets, 2, PATIENCE_MS));
	set_ms = set_to_ms();
	assert_int_equal(shared->runs, 1);
	assert_int_equal(shared->scale, CLOCK_REALTIME);
	assert_int_equal(shared->flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	assert_in_range(set_ms, earliest_ms - PATIENCE_MS, earliest_ms + PATIENCE_MS);
	assert_int_equal(shared->at.it_interval.tv_sec, 0);
	end(pid);
}

/*
 * The machine was suspended, or the clock was set: it looks at once, and once; and sleeps by the
 * clock as it is now.
 */
static void
test_clock_was_set(void **state)
{
	pid_t pid = stay(HOUR_MS);
	int64_t set_ms;

	(void)state;
	assert_true(comes_to(&shared->sets, 2, PATIENCE_MS));
	set_ms = set_to_ms();
	shared->ahead_ms = 5 * (int64_t)HOUR_MS;
	ring();
	assert_true(comes_to(&shared->sets, 3, PATIENCE_MS));
	assert_int_equal(shared->runs, 2);
	assert_in_range(set_to_ms() - set_ms, 5 * HOUR_MS, 5 * HOUR_MS + PATIENCE_MS);
	assert_false(comes_to(&shared->sets, 4, NOTHING_MS));
	end(pid);
}

/* Between two sleeps: setting the timer tells so, once. */
static void
test_clock_was_set_during_a_run(void **state)
{
	pid_t pid;

	(void)state;
	shared->set_failures = 1;
	shared->set_errno = ECANCELED;
	pid = stay(HOUR_MS);
	assert_true(comes_to(&shared->runs, 2, PATIENCE_MS));
	assert_false(comes_to(&shared->runs, 3, NOTHING_MS));
	end(pid);
}

/* Where there is no timer, or it cannot be set, poll(2) has its limit. */
static void
test_without_timer(void **state)
{
	pid_t pid;

	(void)state;
	shared->create_errno = EMFILE;
	pid = stay(10);
	assert_true(comes_to(&shared->runs, 4, PATIENCE_MS));
	assert_int_equal(shared->sets, 0);
	end(pid);
	*shared = (struct shared){ .set_errno = EINVAL, .set_failures = 1000 };
	pid = stay(10);
	assert_true(comes_to(&shared->runs, 4, PATIENCE_MS));
	end(pid);
	/* … and it is no shorter. */
	*shared = (struct shared){ .create_errno = EMFILE };
	pid = stay(HOUR_MS);
	assert_true(comes_to(&shared->runs, 1, PATIENCE_MS));
	assert_false(comes_to(&shared->runs, 2, NOTHING_MS));
	end(pid);
}

static void
write_configuration(void)
{
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	/* Nobody listens there; port 1 is tcpmux's. */
	fprintf(file,
	    "queue_dir %s\nsyslog off\naccount work\nserver smtp://127.0.0.1:1\ntls none\n", queue);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(config_path, 0600), 0);
}

static void
queue_for(struct store *store, int64_t at_ms)
{
	const struct record record = { .type = RECORD_AT, .time_ms = START_MS, .next_ms = at_ms };
	struct buf records = BUF_INIT(RECORD_MAX);
	char id[QUEUE_ID_LEN + 1];
	struct item item;

	queue_one(store, id);
	assert_int_equal(store_take(store, id, &item, &err), STORE_OK);
	record_write(&records, &record);
	assert_int_equal(store_append(&item, &records, &err), 0);
	item_release(&item);
	buf_release(&records);
}

/*
 * A message that is to be sent at half past eight: the timer is set to just that, whatever the
 * sleep is by another clock.
 */
static void
test_a_point_of_time(void **state)
{
	struct store store;
	int64_t at_ms = START_MS + 10 * (int64_t)HOUR_MS + 7;

	(void)state;
	assert_int_equal(mkdir(queue, 0700), 0);
	open_store(&store);
	queue_for(&store, at_ms);
	write_configuration();
	/* What is no message is told of in each run, and shows who runs. */
	assert_int_equal(mkdir(path_of("foreign"), 0700), 0);
	assert_int_equal(runner_start(&runner, false, &err), 0);
	assert_true(comes_to(&shared->sets, 2, PATIENCE_MS));
	assert_int_equal(set_to_ms(), at_ms);
	assert_int_equal(shared->attempts, 0);
	/* It is too early still. */
	shared->ahead_ms = 9 * (int64_t)HOUR_MS;
	ring();
	assert_true(comes_to(&shared->sets, 3, PATIENCE_MS));
	assert_int_equal(set_to_ms(), at_ms);
	assert_int_equal(shared->attempts, 0);
	shared->ahead_ms = 10 * (int64_t)HOUR_MS + 7;
	ring();
	assert_true(comes_to(&shared->attempts, 1, PATIENCE_MS));
	end(shared->pid);
	store_close(&store);
}

static int
setup_clock(void **state)
{
	int result = setup(state);

	if (result != 0)
		return result;
	snprintf(timer_path, sizeof(timer_path), "%s/timer", root);
	snprintf(config_path, sizeof(config_path), "%s/config", root);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &begun);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	    0);
	return shared != MAP_FAILED ? mkfifo(timer_path, 0600) : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_interval, begin_anew, clean_up),
		cmocka_unit_test_setup_teardown(test_clock_was_set, begin_anew, clean_up),
		cmocka_unit_test_setup_teardown(test_clock_was_set_during_a_run, begin_anew,
		    clean_up),
		cmocka_unit_test_setup_teardown(test_without_timer, begin_anew, clean_up),
		cmocka_unit_test_setup_teardown(test_a_point_of_time, begin_anew, clean_up),
	};

	return cmocka_run_group_tests(tests, setup_clock, teardown);
}
