/* SPDX-License-Identifier: ISC */
/*
 * Names that occur once in the world.
 */
#ifndef SENDOFF_BASE_UNIQUE_H
#define SENDOFF_BASE_UNIQUE_H

#include <stdint.h>

#include "base/buf.h"

enum { UNIQUE_LEN = 26 }; /* characters */

/*
 * Appends UNIQUE_LEN letters and digits: 48 bits of time in milliseconds, so that they sort by it,
 * and 80 random bits, in base 32 without i, l, o and u.  Where the kernel gives no random bits,
 * buf_ok(out) is false.
 */
void unique_add(struct buf *out);

/*
 * Any 32 bits, for what shall not happen at the same time everywhere; the clock's where the kernel
 * gives no random ones.
 */
uint32_t unique_chance(void);

#endif
