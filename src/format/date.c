/* SPDX-License-Identifier: ISC */
#include "format/date.h"

#include <stdlib.h>
#include <string.h>

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };

void
date_add(struct buf *out, const struct tm *tm)
{
	long zone_min = labs(tm->tm_gmtoff) / 60;

	buf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm->tm_wday],
	    tm->tm_mday, months[tm->tm_mon], tm->tm_year + 1900, tm->tm_hour, tm->tm_min,
	    tm->tm_sec, tm->tm_gmtoff < 0 ? '-' : '+', zone_min / 60, zone_min % 60);
}

void
date_add_utc(struct buf *out, int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Exactly so many digits off the front, for a number from min to max. */
static bool
take_number(struct span *text, size_t digits, int min, int max, int *number)
{
	*number = 0;
	if (text->len < digits)
		return false;
	for (; digits > 0; digits--, text->data++, text->len--) {
		if (!ascii_is_digit(text->data[0]))
			return false;
		*number = 10 * *number + (text->data[0] - '0');
	}
	return *number >= min && *number <= max;
}

/* One of these characters (in capitals, letters in either case) off the front. */
static bool
take_char(struct span *text, const char *either, char *taken)
{
	char c = text->len > 0 ? text->data[0] : '\0';

	*taken = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	if (*taken == '\0' || strchr(either, *taken) == NULL)
		return false;
	text->data++;
	text->len--;
	return true;
}

/* "2026-11-21T20:11:05.25"; a leap second is one. */
static bool
take_time(struct span *text, struct tm *tm)
{
	char c;

	if (!take_number(text, 4, 0, 9999, &tm->tm_year) || !take_char(text, "-", &c) ||
	    !take_number(text, 2, 1, 12, &tm->tm_mon) || !take_char(text, "-", &c) ||
	    !take_number(text, 2, 1, 31, &tm->tm_mday) || !take_char(text, "T", &c) ||
	    !take_number(text, 2, 0, 23, &tm->tm_hour) || !take_char(text, ":", &c) ||
	    !take_number(text, 2, 0, 59, &tm->tm_min) || !take_char(text, ":", &c) ||
	    !take_number(text, 2, 0, 60, &tm->tm_sec))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	if (!take_char(text, ".", &c))
		return true;
	if (text->len == 0 || !ascii_is_digit(text->data[0]))
		return false;
	for (; text->len > 0 && ascii_is_digit(text->data[0]); text->data++)
		text->len--;
	return true;
}

/* "Z", or "+01:00", and nothing behind it: seconds east of Greenwich. */
static bool
take_zone(struct span *text, int *east_s)
{
	int hours, minutes;
	char c, sign;

	*east_s = 0;
	if (!take_char(text, "Z+-", &sign))
		return false;
	if (sign == 'Z')
		return text->len == 0;
	if (!take_number(text, 2, 0, 23, &hours) || !take_char(text, ":", &c) ||
	    !take_number(text, 2, 0, 59, &minutes))
		return false;
	*east_s = (sign == '-' ? -60 : 60) * (60 * hours + minutes);
	return text->len == 0;
}

bool
date_read_utc(struct span text, int64_t *seconds)
{
	struct tm tm = { .tm_sec = 0 }, real;
	int east_s;
	int64_t at;

	if (!take_time(&text, &tm) || !take_zone(&text, &east_s))
		return false;
	real = tm;
	real.tm_sec = 0;
	at = timegm(&real);
	/* A day that there is not becomes another. */
	if (real.tm_mday != tm.tm_mday || at + tm.tm_sec - east_s < 0)
		return false;
	*seconds = at + tm.tm_sec - east_s;
	return true;
}
