/* SPDX-License-Identifier: ISC */
#include "format/date.h"

#include <stdlib.h>

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

void
date_add(struct buf *out, const struct tm *tm)
{
	long zone_min = labs(tm->tm_gmtoff) / 60;

	buf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm->tm_wday], tm->tm_mday,
	    months[tm->tm_mon], tm->tm_year + 1900, tm->tm_hour, tm->tm_min, tm->tm_sec,
	    tm->tm_gmtoff < 0 ? '-' : '+', zone_min / 60, zone_min % 60);
}
