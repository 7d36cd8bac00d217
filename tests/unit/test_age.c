/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/age.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { RECORDS_MAX = 8 };

#define DAY ((int64_t)24 * 3600 * 1000)

/* Times in milliseconds, of an epoch of their own; a step is believed up to 100. */
static const struct {
	const char *name;
	int64_t queued_ms;
	struct {
		enum record_type type;
		int64_t time_ms, next_ms;
	} tail[RECORDS_MAX];
	int64_t now_ms, age_ms;
	int64_t hold_until_s;
} ages[] = {
	{ "new", 1000, { { 0 } }, 1000, 0, 0 },
	{ "never tried", 1000, { { 0 } }, 1100, 100, 0 },
	{ "never tried, long ago", 1000, { { 0 } }, 1101, 0, 0 },
	{ "never tried, for ever", 1000, { { 0 } }, INT64_MAX, 0, 0 },
	{ "queued by a clock that was ahead", 1000, { { 0 } }, 999, 0, 0 },
	{ "queued by one far ahead", INT64_MAX, { { 0 } }, 1000, 0, 0 },
	{ "queued by one far behind", INT64_MIN, { { 0 } }, INT64_MAX, 0, 0 },
	{ "… and tried", INT64_MIN, { { RECORD_ATTEMPT, INT64_MAX, 0 } }, INT64_MAX, 100, 0 },
	{ "tried often", 1000, { { RECORD_ATTEMPT, 1050, 0 }, { RECORD_ATTEMPT, 1150, 0 } }, 1200,
	    200, 0 },
	{ "a step that was not planned", 1000, { { RECORD_ATTEMPT, 9000, 0 } }, 9010, 110, 0 },
	{ "a step that was", 1000, { { RECORD_ATTEMPT, 1001, 0 }, { RECORD_NEXT, 1001, 1801 } },
	    1801, 801, 0 },
	{ "… and was longer", 1000, { { RECORD_ATTEMPT, 1001, 0 }, { RECORD_NEXT, 1001, 1801 } },
	    9000, 1, 0 },
	{ "… and is recorded", 1000,
	    { { RECORD_ATTEMPT, 1001, 0 }, { RECORD_NEXT, 1001, 1801 },
		{ RECORD_SENDING, 9000, 0 } },
	    9000, 801, 0 },
	{ "… and came a little late", 1000, { { RECORD_NEXT, 1001, 1801 } }, 2001, 1001, 0 },
	{ "… and came later", 1000, { { RECORD_NEXT, 1001, 1801 } }, 2002, 1, 0 },
	{ "a plan for ever", 1000, { { RECORD_NEXT, INT64_MIN, INT64_MAX } }, INT64_MAX,
	    INT64_C(1000000000000000), 0 },
	{ "… and came sooner", 1000, { { RECORD_ATTEMPT, 1001, 0 }, { RECORD_NEXT, 1001, 1801 } },
	    1300, 300, 0 },
	{ "what was planned is planned once", 1000,
	    { { RECORD_NEXT, 1000, 1800 }, { RECORD_SENDING, 1800, 0 },
		{ RECORD_ATTEMPT, 9000, 0 } },
	    9000, 900, 0 },
	{ "a clock that was ahead for a while", 1000,
	    { { RECORD_ATTEMPT, 1010, 0 }, { RECORD_ATTEMPT, 90000, 0 },
		{ RECORD_ATTEMPT, 1020, 0 } },
	    1030, 120, 0 },
	{ "a plan that was made then", 1000,
	    { { RECORD_NEXT, 90000, 90050 }, { RECORD_ATTEMPT, 1020, 0 } }, 1030, 110, 0 },
	{ "a plan that lies in the past", 1000, { { RECORD_NEXT, 1000, 500 } }, 1100, 100, 0 },
	{ "outcomes count as well", 1000,
	    { { RECORD_OUTCOME, 1100, 0 }, { RECORD_OUTCOME, 1200, 0 } }, 1300, 300, 0 },
	{ "what people do counts for nothing", 1000,
	    { { RECORD_HOLD, 1100, 0 }, { RECORD_RETRY, 1200, 0 }, { RECORD_FAILED, 1300, 0 } },
	    1400, 0, 0 },
	/* A wait that was wanted. */
	{ "for a time", 1000, { { RECORD_AT, 1000, 5000 } }, 4000, 0, 0 },
	{ "for a time that is over", 1000, { { RECORD_AT, 1000, 5000 } }, 5050, 50, 0 },
	{ "for a time, given late", 1000,
	    { { RECORD_ATTEMPT, 1090, 0 }, { RECORD_AT, 1090, 5000 } }, 5050, 50, 0 },
	{ "released", 1000, { { RECORD_ATTEMPT, 1090, 0 }, { RECORD_RELEASE, 3000, 0 } }, 3050, 50,
	    0 },
	{ "released early", 1000, { { RECORD_AT, 1000, 5000 }, { RECORD_RELEASE, 3000, 0 } }, 3050,
	    50, 0 },
	{ "by a server", 1000, { { 0 } }, 5050, 50, 5 },
	{ "by a server that was asked before", 1000,
	    { { RECORD_ATTEMPT, 1090, 0 }, { RECORD_ATTEMPT, 3000, 0 } }, 5050, 50, 5 },
	{ "… and is asked again", 1000,
	    { { RECORD_ATTEMPT, 1090, 0 }, { RECORD_NEXT, 1090, 9000 } }, 4000, 0, 5 },
	{ "by a server, that is over", 9000, { { 0 } }, 9050, 50, 5 },
};

static void
make_item(struct item *item, size_t row)
{
	item_init(item);
	item->queued_ms = ages[row].queued_ms;
	item->envelope.requests.hold_until_s = ages[row].hold_until_s;
	for (size_t i = 0; i < RECORDS_MAX && ages[row].tail[i].type != 0; i++) {
		const struct record record = { .type = ages[row].tail[i].type,
			.time_ms = ages[row].tail[i].time_ms,
			.next_ms = ages[row].tail[i].next_ms };

		record_write(&item->tail, &record);
	}
}

static void
test_ages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ages); i++) {
		struct item item;
		int64_t age;

		make_item(&item, i);
		age = age_ms(&item, ages[i].now_ms, 100);
		if (age != ages[i].age_ms)
			fail_msg("%s: %lld", ages[i].name, (long long)age);
		item_release(&item);
	}
}

/* Times that a wrong clock gave; after the records, the time until when the message waits. */
static const struct {
	int64_t timed_ms, not_before_ms, now_ms;
	bool is_wrong;
	int64_t mended_ms;
} times[] = {
	{ 0, 0, 100 * DAY, false, 0 },
	{ 100 * DAY, 101 * DAY, 100 * DAY, false, 0 },
	/* Late, but not wrong. */
	{ 100 * DAY, 5000 * DAY, 100 * DAY, false, 0 },
	/* It was set a little. */
	{ 101 * DAY, 102 * DAY, 100 * DAY, false, 0 },
	{ 101 * DAY + 1, 102 * DAY, 100 * DAY, true, 101 * DAY - 1 },
	/* In an hour, twelve years ahead. */
	{ 4400 * DAY, 4400 * DAY + 3600000, 100 * DAY, true, 100 * DAY + 3600000 },
	{ 4400 * DAY, 4400 * DAY, 100 * DAY, true, 100 * DAY },
	{ 4400 * DAY, 4399 * DAY, 100 * DAY, true, 100 * DAY },
	/* The time has come all the same. */
	{ 4400 * DAY, 99 * DAY, 100 * DAY, false, 0 },
	{ 100 * DAY, 101 * DAY, 4400 * DAY, false, 0 },
};

static void
test_wrong_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		struct buf records = BUF_INIT(1000);
		struct item item;

		item_init(&item);
		item.timed_ms = times[i].timed_ms;
		item.not_before_ms = times[i].not_before_ms;
		if (age_has_wrong_time(&item, times[i].now_ms) != times[i].is_wrong)
			fail_msg("row %zu", i);
		if (times[i].is_wrong) {
			age_mend_time(&item, times[i].now_ms, &records);
			assert_int_equal(item_apply(&item,
					     (struct span){ records.data, records.len }, &err),
			    ITEM_OK);
			assert_int_equal(item.not_before_ms, times[i].mended_ms);
			assert_int_equal(item.timed_ms, times[i].now_ms);
			assert_false(age_has_wrong_time(&item, times[i].now_ms));
		}
		item_release(&item);
		buf_release(&records);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_wrong_times),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
