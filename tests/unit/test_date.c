/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "format/date.h"

static const struct {
	int64_t seconds; /* since 1970, UTC */
	long zone_s;     /* seconds east of Greenwich */
	const char *date;
} dates[] = {
	{ 1795291865, 3600, "Sat, 21 Nov 2026 21:11:05 +0100" },
	{ 1795291865, 0, "Sat, 21 Nov 2026 20:11:05 +0000" },
	{ 1795291865, -18000, "Sat, 21 Nov 2026 15:11:05 -0500" },
	{ 1795291865, -12600, "Sat, 21 Nov 2026 16:41:05 -0330" },
	{ 1795291865, 20700, "Sun, 22 Nov 2026 01:56:05 +0545" },
	{ 1795291865, 50400, "Sun, 22 Nov 2026 10:11:05 +1400" },
	{ 1795291865, -43200, "Sat, 21 Nov 2026 08:11:05 -1200" },
	{ 1795291865, -1800, "Sat, 21 Nov 2026 19:41:05 -0030" },
	/* Local mean times have seconds; a date has not. */
	{ 1795291865, 3208, "Sat, 21 Nov 2026 21:04:33 +0053" },
	{ 0, 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ 951782400, 0, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 1772323199, 0, "Sat, 28 Feb 2026 23:59:59 +0000" },
	{ 1773532800, 0, "Sun, 15 Mar 2026 00:00:00 +0000" },
	{ 1776211200, 0, "Wed, 15 Apr 2026 00:00:00 +0000" },
	{ 1778803200, 0, "Fri, 15 May 2026 00:00:00 +0000" },
	{ 1781481600, 0, "Mon, 15 Jun 2026 00:00:00 +0000" },
	{ 1784073600, 0, "Wed, 15 Jul 2026 00:00:00 +0000" },
	{ 1786752000, 0, "Sat, 15 Aug 2026 00:00:00 +0000" },
	{ 1789430400, 0, "Tue, 15 Sep 2026 00:00:00 +0000" },
	{ 1792022400, 0, "Thu, 15 Oct 2026 00:00:00 +0000" },
	{ 1797292800, 0, "Tue, 15 Dec 2026 00:00:00 +0000" },
	{ 4102444800, 0, "Fri, 01 Jan 2100 00:00:00 +0000" },
};

static void
writes_dates(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		time_t local = (time_t)(dates[i].seconds + dates[i].zone_s);
		struct buf out = BUF_INIT(64);
		struct tm tm;

		assert_non_null(gmtime_r(&local, &tm));
		tm.tm_gmtoff = dates[i].zone_s;
		date_add(&out, &tm);
		if (strcmp(out.data, dates[i].date) != 0) {
			print_error("wanted %s, got %s\n", dates[i].date, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

static void
writes_leap_seconds(void **state)
{
	struct tm tm = { .tm_sec = 60,
		.tm_min = 59,
		.tm_hour = 23,
		.tm_mday = 31,
		.tm_mon = 11,
		.tm_year = 116,
		.tm_wday = 6 };
	struct buf out = BUF_INIT(64);

	(void)state;
	buf_adds(&out, "Date: ");
	date_add(&out, &tm);
	assert_string_equal(out.data, "Date: Sat, 31 Dec 2016 23:59:60 +0000");
	buf_release(&out);
}

/* Points in time, and how they are written; then what else is read, and as what. */
static const struct {
	int64_t seconds;
	const char *text;
	bool written;
} times[] = {
	{ 0, "1970-01-01T00:00:00Z", true },
	{ 951782400, "2000-02-29T00:00:00Z", true },
	{ 1795291865, "2026-11-21T20:11:05Z", true },
	{ DATE_UTC_MAX, "9999-12-31T23:59:59Z", true },
	{ 1795291865, "2026-11-21t20:11:05z", false },
	{ 1795291865, "2026-11-21T21:11:05+01:00", false },
	{ 1795291865, "2026-11-21T14:41:05-05:30", false },
	{ 1795291865, "2026-11-21T20:11:05-00:00", false },
	{ 1795291865, "2026-11-21T20:11:05.9Z", false },
	{ 1795291865, "2026-11-21T20:11:05.999999999999999999999+00:00", false },
	{ 1483228800, "2016-12-31T23:59:60Z", false },
	{ 0, "1970-01-01T01:00:00+01:00", false },
	{ 0, "1969-12-31T23:00:00-01:00", false },
	{ DATE_UTC_MAX + 60, "9999-12-31T23:59:59-00:01", false },
};

static const char *const no_times[] = {
	"",
	"2",
	"2026-11-21",
	"2026-11-21T20:11Z",
	"2026-11-21T20:11:05",
	"2026-11-21 20:11:05Z",
	"2026-11-21T20:11:05Zx",
	"2026-11-21T20:11:05+0100",
	"2026-11-21T20:11:05+01",
	"2026-11-21T20:11:05+01:0",
	"2026-11-21T20:11:05+01:000",
	"2026-11-21T20:11:05+24:00",
	"2026-11-21T20:11:05+01:60",
	"2026-11-21T20:11:05.Z",
	"2026-11-21T20:11:05.",
	"2026-00-21T20:11:05Z",
	"2026-13-21T20:11:05Z",
	"2026-11-00T20:11:05Z",
	"2026-11-32T20:11:05Z",
	"2026-02-29T00:00:00Z",
	"2026-11-31T00:00:00Z",
	"2026-11-21T24:00:00Z",
	"2026-11-21T20:60:05Z",
	"2026-11-21T20:11:61Z",
	"226-11-21T20:11:05Z",
	"12026-11-21T20:11:05Z",
	"+026-11-21T20:11:05Z",
	" 2026-11-21T20:11:05Z",
	"1969-12-31T23:59:59Z",
	"1970-01-01T00:00:00+00:01",
	"0000-01-01T00:00:00Z",
	"2026-11-21T20:11:05\xc3\xa9",
};

static void
writes_and_reads_times(void **state)
{
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct buf out = BUF_INIT(64);

		if (times[i].written)
			date_add_utc(&out, times[i].seconds);
		assert_string_equal(out.data, times[i].written ? times[i].text : "");
		if (!date_read_utc(span_of(times[i].text), &seconds) || seconds != times[i].seconds)
			fail_msg("%s", times[i].text);
		buf_release(&out);
	}
	for (size_t i = 0; i < sizeof(no_times) / sizeof(no_times[0]); i++) {
		seconds = 7;
		if (date_read_utc(span_of(no_times[i]), &seconds) || seconds != 7)
			fail_msg("%s", no_times[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_dates),
		cmocka_unit_test(writes_leap_seconds),
		cmocka_unit_test(writes_and_reads_times),
	};

	setlocale(LC_ALL, "");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
