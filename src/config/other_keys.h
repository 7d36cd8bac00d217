/* SPDX-License-Identifier: ISC */
/*
 * Keys that this version knows but does not act on: msmtp's, and ours of earlier and later
 * versions.  Where mail stays the same or becomes safer without it, a key is ignored; else it is
 * refused.
 */
#ifndef SENDOFF_CONFIG_OTHER_KEYS_H
#define SENDOFF_CONFIG_OTHER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct other_key {
	const char *name;
	bool (*harmless)(struct span value); /* values that can be ignored; an empty value is none
						at all */
	const char *reason; /* why they can be, or what would go wrong with the others */
};

/* NULL where the table has no such key. */
const struct other_key *other_key_find(struct span name);
/* The row number i, or NULL behind the last. */
const struct other_key *other_key(size_t i);

#endif
