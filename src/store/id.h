/* SPDX-License-Identifier: ISC */
/*
 * Queue ids: the name of a queued message, and of its file.
 */
#ifndef SENDOFF_STORE_ID_H
#define SENDOFF_STORE_ID_H

#include <stdbool.h>

#include "base/err.h"

enum { QUEUE_ID_LEN = 10 }; /* characters */

/*
 * A new one: 40 bits of time in milliseconds since 2020, so that ids sort by it, and 10 random
 * bits, in base 32 (digits and upper case, without I, L, O and U).  Whether it is free is seen when
 * it is given to a file.
 * Errors: ERR_SYSTEM (no random numbers).
 */
int queue_id_make(char id[static QUEUE_ID_LEN + 1], struct err *err);

/* True for text that can be one. */
bool queue_id_is(const char *text);

#endif
