/* SPDX-License-Identifier: ISC */
/*
 * A block of settings: what an account's lines say, together with what it inherits.  Inheriting is
 * copying: a field set in the block replaces the inherited one, and later changes of a parent do
 * not count.
 */
#ifndef SENDOFF_CONFIG_BLOCK_H
#define SENDOFF_CONFIG_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/account.h"
#include "config/grammar.h"
#include "config/keys.h"

enum { BLOCK_REPEATS_MAX = 256 }; /* lines of one key that adds */

enum inheritance {
	OWN, /* the line stands in this block */
	FROM_PARENT,
	FROM_DEFAULTS, /* not handed on to children, who have the defaults of their own place */
};

struct entry {
	const struct key *key;
	struct line line;
	enum inheritance inherited;
	struct origin first; /* the line of this block that this one repeats; line 0: none */
};

struct block {
	char *name;       /* the account's */
	struct origin at; /* where the block begins */
	struct entry *entries;
	size_t count;
};

/* Errors: ERR_SYSTEM. */
int block_init(struct block *block, struct span name, struct origin at, struct err *err);
void block_release(struct block *block);

/* The block goes on at another place; what it says so far counts as inherited. */
void block_reopen(struct block *block, struct origin at);

/*
 * Adds a line of the block's own.
 * Errors: ERR_CONFIG (with place: a second source of the password, too many lines), ERR_SYSTEM.
 */
int block_add(struct block *block, const struct key *key, const struct line *line, struct err *err);

/* Where the value of a field stands, the last of several; line 0: nowhere. */
struct origin block_origin(const struct block *block, enum field field);

/*
 * Copies what `from` says, with how == FROM_PARENT not what it has from the defaults.  Errors:
 * ERR_SYSTEM.
 */
int block_inherit(struct block *block, const struct block *from, enum inheritance how,
    struct err *err);

/*
 * Makes the account.  Warnings about repeated keys go to `warnings`.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int block_build(const struct block *block, struct string_list *warnings, struct account *account,
    struct err *err);

/*
 * Puts into config what the block says of the whole configuration (KEY_WHOLE), and defaults for the
 * rest.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int block_settle(const struct block *block, struct config *config, struct err *err);

#endif
