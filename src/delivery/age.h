/* SPDX-License-Identifier: ISC */
/*
 * For how long a message has been on its way, by a clock that may have been wrong: behind when the
 * message was queued, years ahead for an hour, set back; or by a machine that was asleep.  Pure.
 */
#ifndef SENDOFF_DELIVERY_AGE_H
#define SENDOFF_DELIVERY_AGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/item.h"

/*
 * The time that has gone by at now_ms since the message could be delivered first
 * (item_begin_ms()), as its attempts saw it: from one to the next, and from the last one to now.
 * What lies between two of them counts for believed_ms at most, or for as long as was to be waited,
 * if that is more; nothing, where the clock went back.  What goes beyond that since the last of
 * them does not count yet: the machine may have woken up this moment, and its network has not.
 *
 * So a message is old once it has been tried for that long, and no single step of the clock makes
 * it so.
 */
int64_t age_ms(const struct item *item, int64_t now_ms, int64_t believed_ms);

/*
 * True where the clock that gave the message its time (item->not_before_ms) was more than a day
 * ahead of now_ms: all that can be known of that time is how long the message was to wait.
 */
bool age_has_wrong_time(const struct item *item, int64_t now_ms);

/* Appends the record that lets such a message wait for that long from now_ms on. */
void age_mend_time(const struct item *item, int64_t now_ms, struct buf *records);

#endif
