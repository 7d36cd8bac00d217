/* SPDX-License-Identifier: ISC */
/*
 * Dates as messages have them, and as SMTP's extensions do.
 */
#ifndef SENDOFF_FORMAT_DATE_H
#define SENDOFF_FORMAT_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends "Sat, 21 Nov 2026 21:11:05 +0100" (RFC 5322 section 3.3): English in any locale, in tm's
 * own zone.  The fields of tm are in their ranges, as localtime_r(3) leaves them.
 */
void date_add(struct buf *out, const struct tm *tm);

/* The last second that four digits of a year can tell: 9999-12-31T23:59:59Z. */
#define DATE_UTC_MAX INT64_C(253402300799)

/* Appends "2026-11-21T20:11:05Z" (RFC 3339); seconds since 1970, from 0 to DATE_UTC_MAX. */
void date_add_utc(struct buf *out, int64_t seconds);

/*
 * Reads such a time, in any zone ("...+01:00"), to seconds since 1970; what is less than a second
 * is dropped.  False for text that is no date-time of RFC 3339 section 5.6, or one before 1970.
 */
bool date_read_utc(struct span text, int64_t *seconds);

#endif
