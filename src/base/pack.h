/* SPDX-License-Identifier: ISC */
/*
 * Numbers and strings as octets, for messages between our own processes: fixed widths, in the
 * machine's own order, for both ends are the same program. What is read is bounded all the same,
 * for the other process may be broken.
 */
#ifndef SENDOFF_BASE_PACK_H
#define SENDOFF_BASE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

void pack_number(struct buf *out, uint64_t number);
void pack_text(struct buf *out, struct span text);

/*
 * What is read from. After something that was not there, or was too long, nothing more is: numbers
 * are 0 and texts empty from then on, and `broken` is set; it is enough to ask for it at the end.
 */
struct unpack {
	struct span rest;
	bool broken;
};

uint64_t unpack_number(struct unpack *in);
/* The number, where it is at most `max`. */
uint64_t unpack_below(struct unpack *in, uint64_t max);
/* Borrowed from what is read. */
struct span unpack_text(struct unpack *in);
/* The same, as all that is in `to`, which has a ceiling of its own. */
void unpack_buf(struct unpack *in, struct buf *to);

#endif
