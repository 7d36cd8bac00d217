/* SPDX-License-Identifier: ISC */
/*
 * Dates as messages have them.
 */
#ifndef SENDOFF_FORMAT_DATE_H
#define SENDOFF_FORMAT_DATE_H

#include <time.h>

#include "base/buf.h"

/*
 * Appends "Sat, 21 Nov 2026 21:11:05 +0100" (RFC 5322 section 3.3): English in any locale, in tm's own zone.  The
 * fields of tm are in their ranges, as localtime_r(3) leaves them.
 */
void date_add(struct buf *out, const struct tm *tm);

#endif
