/* SPDX-License-Identifier: ISC */
/*
 * Time that only moves forward, and deadlines on it.  A deadline is a point on clock_ms()'s scale.
 */
#ifndef SENDOFF_BASE_CLOCK_H
#define SENDOFF_BASE_CLOCK_H

#include <stdint.h>

#define DEADLINE_NONE INT64_MAX

/* Milliseconds since some fixed point; not changed by setting the clock. */
int64_t clock_ms(void);
/* Milliseconds since 1970, as the clock on the wall has it: it may jump. */
int64_t clock_wall_ms(void);
/* The point ms from now; DEADLINE_NONE for ms < 0. */
int64_t deadline_in(int64_t ms);
/* The earlier of two. */
int64_t deadline_min(int64_t a, int64_t b);
/* Milliseconds left, as poll(2) wants them: 0 when it has passed, -1 for DEADLINE_NONE. */
int deadline_poll_ms(int64_t deadline);

/*
 * flock(2) for writing, which is tried until the deadline.  0, or -1 with errno: EWOULDBLOCK where
 * somebody else has it all the time.
 */
int deadline_lock(int fd, int64_t deadline);

#endif
