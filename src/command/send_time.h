/* SPDX-License-Identifier: ISC */
/*
 * Points in time as people give them.
 */
#ifndef SENDOFF_COMMAND_SEND_TIME_H
#define SENDOFF_COMMAND_SEND_TIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "2026-11-24T08:30", "2026-11-24 08:30:00+01:00", "…Z" (ISO 8601; without a zone: local time), or
 * "08:30": when the clock shows that next.  Milliseconds since 1970; false for text that is no such
 * time.
 */
bool send_time_parse(const char *text, int64_t now_ms, int64_t *ms);

#endif
