/* SPDX-License-Identifier: ISC */
/*
 * Going through a queue in the order in which messages came, whatever their number, in bounded
 * memory.
 */
#ifndef SENDOFF_COMMAND_WALK_H
#define SENDOFF_COMMAND_WALK_H

#include <stdbool.h>

#include "base/err.h"
#include "store/store.h"

/* Names that are sorted at once, of 10 octets each.  What exceeds that follows, sorted alike. */
enum { WALK_SORTED_MAX = 131072 };

/* Sees one name.  False: enough of it. */
typedef bool walk_step(void *arg, const char *name);

/*
 * Calls step() for every message's id; a name is read before any message of its group is shown, so
 * that step() may remove messages.  Errors: ERR_IO (the directory cannot be read), ERR_SYSTEM
 * (memory).
 */
int walk_messages(struct store *store, walk_step *step, void *arg, struct err *err);

/*
 * The same for the names of what is foreign there, in no order; they may hold any octet but NUL and
 * '/'.
 */
int walk_foreign(struct store *store, walk_step *step, void *arg, struct err *err);

#endif
