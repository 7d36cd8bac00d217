/* SPDX-License-Identifier: ISC */
/*
 * Files in the queue's folder that cannot be used: foreign ones, messages that are damaged, and
 * those that a later version of sendoff wrote.  They are told of, and left as they are.
 */
#ifndef SENDOFF_COMMAND_UNUSABLE_H
#define SENDOFF_COMMAND_UNUSABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum { UNUSABLE_KEPT_MAX = 10000 }; /* such messages whose names are kept; more are counted */

struct unusable {
	struct buf ids;     /* of such messages */
	unsigned long more; /* … whose names were not kept */
};

void unusable_init(struct unusable *u);
void unusable_release(struct unusable *u);

/* A message that store_look() could not read. */
void unusable_add(struct unusable *u, const char *id);

struct unusable_file {
	const char *name;   /* foreign text */
	uint64_t size;      /* octets, and … */
	int64_t changed_ms; /* … since 1970, as its folder tells; 0: it does not */
	const char *why;    /* foreign text */
	bool later;         /* a later version wrote it: nothing is wrong */
};

/* Calls show() for each: messages first.  Errors: those of walk_foreign(). */
int unusable_show(const struct unusable *u, struct store *store,
    void (*show)(void *arg, const struct unusable_file *file), void *arg, struct err *err);

#endif
