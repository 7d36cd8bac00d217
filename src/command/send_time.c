/* SPDX-License-Identifier: ISC */
#include "command/send_time.h"

#include <string.h>
#include <time.h>

#include "base/span.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* Exactly `digits` digits off the front, at most max. */
static bool
take_number(const char **text, unsigned digits, int max, int *number)
{
	*number = 0;
	for (; digits > 0; digits--) {
		if (!ascii_is_digit(**text))
			return false;
		*number = 10 * *number + (*(*text)++ - '0');
	}
	return *number <= max;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* "08:30" or, where seconds may stand, "08:30:15". */
static bool
take_clock(const char **text, bool seconds, struct tm *tm)
{
	if (!take_number(text, 2, 23, &tm->tm_hour) || !take_char(text, ':') ||
	    !take_number(text, 2, 59, &tm->tm_min))
		return false;
	return !seconds || **text != ':' ||
	    (take_char(text, ':') && take_number(text, 2, 59, &tm->tm_sec));
}

static bool
take_date(const char **text, struct tm *tm)
{
	if (!take_number(text, 4, 9999, &tm->tm_year) || !take_char(text, '-') ||
	    !take_number(text, 2, 12, &tm->tm_mon) || !take_char(text, '-') ||
	    !take_number(text, 2, 31, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return tm->tm_mon >= 0 && tm->tm_mday > 0;
}

/* "Z", "+01:00", "+0100", or nothing: *local. */
static bool
take_zone(const char **text, bool *local, int *east_s)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	*east_s = 0;
	*local = **text == '\0';
	if (*local || take_char(text, 'Z'))
		return **text == '\0';
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_number(text, 2, 23, &hours))
		return false;
	take_char(text, ':');
	*east_s = sign * 3600 * hours;
	if (!take_number(text, 2, 59, &minutes))
		return false;
	*east_s += sign * 60 * minutes;
	return **text == '\0';
}

/*
 * The seconds since 1970 of a local time, normalized into *tm.  An hour that comes twice is the
 * first of them that is later than after_s, where there is one; one that does not come at all is an
 * hour later.
 */
static int64_t
local_seconds(struct tm *tm, int64_t after_s)
{
	const struct tm given = *tm;

	for (int summer = 1; summer >= 0; summer--) {
		struct tm guess = given;
		int64_t seconds;

		/*
		 * Taken for summer time in winter, or the other way round, the hour becomes
		 * another.
		 */
		guess.tm_isdst = summer;
		seconds = mktime(&guess);
		if (guess.tm_hour != given.tm_hour || guess.tm_min != given.tm_min ||
		    seconds <= after_s)
			continue;
		*tm = guess;
		return seconds;
	}
	tm->tm_isdst = -1;
	return mktime(tm);
}

/* When the clock shows that next. */
static bool
parse_clock(const char *text, int64_t now_ms, int64_t *ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm, tomorrow;
	int64_t seconds;

	if (localtime_r(&now, &tm) == NULL)
		return false;
	tm.tm_sec = 0;
	if (!take_clock(&text, false, &tm) || *text != '\0')
		return false;
	tomorrow = tm;
	tomorrow.tm_mday++;
	seconds = local_seconds(&tm, now);
	if (seconds <= now)
		seconds = local_seconds(&tomorrow, now);
	*ms = seconds * 1000;
	return *ms > now_ms && *ms <= now_ms + 2LL * DAY_MS;
}

bool
send_time_parse(const char *text, int64_t now_ms, int64_t *ms)
{
	struct tm tm, given;
	int64_t seconds;
	bool local;
	int east_s;

	if (parse_clock(text, now_ms, ms))
		return true;
	memset(&tm, 0, sizeof(tm));
	if (!take_date(&text, &tm) || (!take_char(&text, 'T') && !take_char(&text, ' ')) ||
	    !take_clock(&text, true, &tm) || !take_zone(&text, &local, &east_s))
		return false;
	given = tm;
	seconds = local ? local_seconds(&tm, now_ms / 1000) : timegm(&tm) - east_s;
	*ms = seconds * 1000;
	/* A day that there is not has become another. */
	return tm.tm_mday == given.tm_mday && tm.tm_mon == given.tm_mon;
}
