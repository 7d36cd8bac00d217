/* SPDX-License-Identifier: ISC */
/*
 * Text that comes in pieces, for what must see a few octets at once to know what to do with the
 * first of them: those that came last are held until more has come.
 */
#ifndef SENDOFF_FORMAT_LOOKAHEAD_H
#define SENDOFF_FORMAT_LOOKAHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum { LOOKAHEAD_MAX = 5 }; /* octets that can be seen at once */

/* Does what text begins with, and returns how many octets that was: one at least. */
typedef size_t lookahead_step(void *arg, struct span text);

/* Begins as all zeros, but for the number of octets that a step has to see. */
struct lookahead {
	size_t wanted;
	char held[LOOKAHEAD_MAX - 1];
	size_t held_len;
};

/* Steps through what was held and the piece, as long as there is as much as wanted; holds the rest.
 */
void lookahead_add(struct lookahead *l, struct span piece, lookahead_step *step, void *arg);
/* All is there: steps through what was held. */
void lookahead_end(struct lookahead *l, lookahead_step *step, void *arg);

#endif
