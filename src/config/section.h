/* SPDX-License-Identifier: ISC */
/*
 * A section: what an account's lines say, together with what it inherits.  Inheriting is copying: a
 * setting of the section's own replaces the inherited one, and later changes of a parent do not
 * count.
 */
#ifndef SENDOFF_CONFIG_SECTION_H
#define SENDOFF_CONFIG_SECTION_H

#include <stddef.h>

#include "base/err.h"
#include "config/grammar.h"
#include "config/keys.h"

enum { SECTION_REPEATS_MAX = 256 }; /* lines of one key that adds */

enum inheritance {
	OWN, /* the line stands in this section */
	FROM_PARENT,
	FROM_DEFAULTS, /* not handed on to children, who have the defaults of their own place */
};

struct statement {
	const struct key *key;
	struct line line;
	enum inheritance inherited;
	struct origin first; /* the line of this section that this one repeats; line 0: none */
};

struct section {
	char *name;       /* the account's */
	struct origin at; /* where it begins */
	struct statement *statements;
	size_t count;
};

/* Errors: ERR_SYSTEM. */
int section_init(struct section *section, struct span name, struct origin at, struct err *err);
void section_release(struct section *section);

/* The section goes on at another place; what it says so far counts as inherited. */
void section_reopen(struct section *section, struct origin at);

/*
 * Adds a line of the section's own.
 * Errors: ERR_CONFIG (with place: a second source of the password, too many lines), ERR_SYSTEM.
 */
int section_add(struct section *section, const struct key *key, const struct line *line,
    struct err *err);

/* The last statement about a place in the draft; NULL: there is none. */
struct statement *section_find(const struct section *section, size_t place);

/*
 * Copies what `from` says, with how == FROM_PARENT not what it has from the defaults.  Errors:
 * ERR_SYSTEM.
 */
int section_inherit(struct section *section, const struct section *from, enum inheritance how,
    struct err *err);

#endif
