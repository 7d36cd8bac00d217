/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <sys/file.h>
#include <time.h>

enum { LOCK_NAP_MS = 1 }; /* between two attempts to lock a file */

int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
deadline_in(int64_t ms)
{
	int64_t now = clock_ms();

	return ms < 0 || ms > DEADLINE_NONE - now ? DEADLINE_NONE : now + ms;
}

int64_t
deadline_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int
deadline_poll_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == DEADLINE_NONE)
		return -1;
	left = deadline - clock_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int
deadline_lock(int fd, int64_t deadline)
{
	const struct timespec nap = { 0, LOCK_NAP_MS * 1000000L };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || deadline_poll_ms(deadline) == 0)
			return -1;
		nanosleep(&nap, NULL);
	}
	return 0;
}
