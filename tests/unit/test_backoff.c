/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/backoff.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { DAY_S = 86400 };

static const int64_t now_ms = 1800000000000;

/* The wait in milliseconds by the least and the greatest chance. */
static const struct {
	unsigned attempts;
	int64_t min_s, max_s, least_ms, most_ms;
} rows[] = {
	{ 1, 60, 3600, 45000, 75000 },
	{ 2, 60, 3600, 90000, 150000 },
	{ 3, 60, 3600, 180000, 300000 },
	{ 6, 60, 3600, 1440000, 2400000 },
	{ 7, 60, 3600, 2700000, 4500000 },
	{ 8, 60, 3600, 2700000, 4500000 },
	{ 1000, 60, 3600, 2700000, 4500000 },
	{ UINT_MAX, 60, 3600, 2700000, 4500000 },
	{ 0, 60, 3600, 45000, 75000 },
	{ 1, 1, 1, 750, 1250 },
	{ UINT_MAX, 1, 1, 750, 1250 },
	{ UINT_MAX, 1, DAY_S, 64800000, 108000000 },
	{ 3, 3600, 3600, 2700000, 4500000 },
};

static void
test_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t least = backoff_next_ms(now_ms, rows[i].attempts, rows[i].min_s,
		    rows[i].max_s, 0);
		int64_t most = backoff_next_ms(now_ms, rows[i].attempts, rows[i].min_s,
		    rows[i].max_s, UINT32_MAX);

		assert_int_equal(least - now_ms, rows[i].least_ms);
		/* The greatest chance is a little less than the whole. */
		assert_true(most - now_ms <= rows[i].most_ms &&
		    most - now_ms > rows[i].most_ms - rows[i].most_ms / 1000 - 1);
	}
}

/*
 * Whatever chance gives, it is due when it says, not before; and never so far ahead that it would
 * be taken for a clock set back.
 */
static void
test_next_is_due(void **state)
{
	(void)state;
	for (uint64_t chance = 0; chance <= UINT32_MAX; chance += 0x10001 * 99) {
		int64_t next = backoff_next_ms(now_ms, 9, 60, 3600, (uint32_t)chance);

		assert_false(backoff_is_due(next, now_ms, 3600));
		assert_false(backoff_is_due(next, next - 1, 3600));
		assert_true(backoff_is_due(next, next, 3600));
	}
}

static const struct {
	int64_t next_ms, now_ms, max_s;
	bool due;
} due[] = {
	{ 0, 1800000000000, 3600, true },
	{ 1800000000000, 1800000000000, 3600, true },
	{ 1799999999999, 1800000000000, 3600, true },
	{ 1800000000001, 1800000000000, 3600, false },
	{ 1800004500000, 1800000000000, 3600, false },
	/* The clock was set back: no attempt could have put it there. */
	{ 1800004500001, 1800000000000, 3600, true },
	{ 1800000000000, 0, 3600, true },
	{ INT64_MAX, 1800000000000, 3600, true },
	/* The clock stood before 1970, or a file says so. */
	{ INT64_MIN, 1800000000000, 3600, true },
	{ INT64_MIN, 0, 3600, true },
	{ 0, -1000, 3600, false },
	{ INT64_MAX, -1000, 3600, true },
};

static void
test_due(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(due); i++)
		assert_int_equal(backoff_is_due(due[i].next_ms, due[i].now_ms, due[i].max_s),
		    due[i].due);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_next_is_due),
		cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
