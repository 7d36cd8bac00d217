/* SPDX-License-Identifier: ISC */
/*
 * When to try again.  Pure.
 */
#ifndef SENDOFF_DELIVERY_BACKOFF_H
#define SENDOFF_DELIVERY_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The time of the next attempt after `attempts` (1 and up) have failed: min, doubled with each, at
 * most max, and up to a quarter more or less of it by chance (any 32 bits), so that what failed
 * together does not come back together.
 */
int64_t backoff_next_ms(int64_t now_ms, unsigned attempts, int64_t min_s, int64_t max_s,
    uint32_t chance);

/*
 * True where next_ms has come; also where it lies further ahead than any back-off could have put
 * it, for then the clock was set back.
 */
bool backoff_is_due(int64_t next_ms, int64_t now_ms, int64_t max_s);

#endif
