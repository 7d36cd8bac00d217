/* SPDX-License-Identifier: ISC */
/*
 * The table of keys, from which all comes that is to be known of one: its name and description, the
 * type of its value and where that goes, its default.  Keys that share a place are one setting
 * under several names, msmtp's and ours.
 */
#ifndef SENDOFF_CONFIG_KEYS_H
#define SENDOFF_CONFIG_KEYS_H

#include <stddef.h>

#include "base/span.h"
#include "config/draft.h"
#include "config/types.h"

enum key_flags {
	KEY_REPEATS = 1,    /* each line adds to those before */
	KEY_BARE_IS_ON = 2, /* without a value it is "on" */
	KEY_UNSETS = 4,     /* an empty value goes back to the default */
	KEY_NO_ECHO = 8,    /* the value is never shown: a password may stand in it */
	KEY_NO_VALUE = 16,  /* stands alone */
	KEY_ANY_CASE = 32,  /* its words may be written in capitals */
	KEY_WHOLE = 64,     /* one for the whole configuration, not one an account */
};

struct key {
	const char *name;
	const char *form; /* of its value: "URL", "on|off" */
	const char *what; /* one line */
	const struct type *type;
	size_t place; /* of its value in struct draft */
	unsigned flags;
	const char *initial;  /* the default, as a line would have it; NULL: nothing, or no fixed
				 value */
	unsigned limit;       /* the bound that some types have */
	const char *expected; /* in errors: "expected …"; NULL: what the type says */
};

/* The row number i, or NULL behind the last. */
const struct key *key_row(size_t i);
/* NULL where the table has no such key. */
const struct key *key_find(struct span name);

/* Frees the values in a draft or an account of that size; no pointer to them is left in it. */
void keys_release(void *base, size_t size);

/* Two settings of which one would silently not count. */
struct contradiction {
	size_t a, b;                              /* their places */
	bool (*holds)(const struct draft *draft); /* NULL: wherever both are set */
	const char *sentence;
};

/* The row number i, or NULL behind the last.  The first one that holds is to be told. */
const struct contradiction *contradiction_row(size_t i);

#endif
