/* SPDX-License-Identifier: ISC */
/*
 * The table of keys: one row a key, with its meaning for people and for the program.  Keys that
 * mean the same under two names (msmtp's and ours) share a field.
 */
#ifndef SENDOFF_CONFIG_KEYS_H
#define SENDOFF_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "config/account.h"
#include "config/draft.h"

enum key_flags {
	KEY_REPEATS = 1,    /* each line adds to those before */
	KEY_BARE_IS_ON = 2, /* without a value it is "on" */
	KEY_UNSETS = 4,     /* an empty value goes back to the default */
	KEY_NO_ECHO = 8,    /* the value is never shown: a password may stand in it */
	KEY_NO_VALUE = 16,  /* stands alone */
	KEY_WHOLE = 32,     /* one for the whole configuration, not one an account */
};

struct value {
	struct span text; /* not empty, except for KEY_NO_VALUE */
	struct origin at;
};

struct key {
	struct config_key doc;
	enum field field;
	unsigned flags;
	/* Puts the value into the draft.  Errors: ERR_CONFIG without place, ERR_SYSTEM. */
	int (*set)(struct draft *draft, const struct key *key, const struct value *value,
	    struct err *err);
	size_t offset;                   /* in struct draft, for setters that serve several keys */
	bool (*check)(struct span text); /* what the text must be, for such setters; or NULL */
	const char *expected;            /* in errors: "expected …" */
};

/* NULL where the table has no such key. */
const struct key *key_find(struct span name);

#endif
