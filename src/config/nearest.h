/* SPDX-License-Identifier: ISC */
/*
 * The word that was meant: the nearest among known ones, by letters changed, added, left out or
 * swapped.
 */
#ifndef SENDOFF_CONFIG_NEAREST_H
#define SENDOFF_CONFIG_NEAREST_H

#include "base/span.h"

struct nearest {
	struct span word;  /* as it was written */
	const char *name;  /* the nearest so far, or NULL where none is near enough */
	unsigned distance; /* how far name is from word; where there is none, the least that is too
			      far */
};

void nearest_begin(struct nearest *nearest, struct span word);
void nearest_try(struct nearest *nearest, const char *name);

#endif
