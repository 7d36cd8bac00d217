/* SPDX-License-Identifier: ISC */
/*
 * Where the body of a message waits: in memory up to a small bound, above it in an unnamed file, so
 * that memory stays the same at any size and nothing is left behind when the process dies.  Written
 * once from front to end, finished, then read at any offset.
 *
 * Lifetime: spool_init(), spool_write() any number of times, spool_finish(), spool_read() any
 * number of times, spool_release().  The latter may follow any of them.
 */
#ifndef SENDOFF_MESSAGE_SPOOL_H
#define SENDOFF_MESSAGE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	SPOOL_MEMORY_MAX = 128 * 1024, /* octets kept in memory; also the size of one write(2) to
					  the file */
	SPOOL_PIECE_MAX = 32 * 1024,   /* octets that spool_reserve() can give */
};

/* Where the file is made, and how. */
struct spool_place {
	const char *dir; /* the folder, borrowed; NULL: /tmp.  The environment is the caller's to
			    ask */
	uint64_t room;   /* octets at the file's beginning that are left for the caller to write */
	bool linkable;   /* the file can be given a name later (linkat(2)) */
	const char *other; /* another folder, borrowed, for where the first has no room, or cannot
			      be written; NULL: none */
};

struct spool {
	struct buf memory; /* all of it, or what is not yet in the file: SPOOL_PIECE_MAX more than
			      SPOOL_MEMORY_MAX while it is written */
	int fd;            /* the unnamed file, or -1 */
	uint64_t size;     /* octets written so far */
	struct spool_place place;
};

void spool_init(struct spool *s, const struct spool_place *place);
void spool_release(struct spool *s);

/*
 * Appends.  The file (0600, closed on exec) is made when SPOOL_MEMORY_MAX is exceeded.  It is made
 * in the other folder, and what is in the first copied, where that fails; then it is not linkable.
 * Errors: ERR_CANT_CREATE (no file can be made, disk full; names the folder), ERR_SYSTEM (memory).
 */
int spool_write(struct spool *s, const void *data, size_t len, struct err *err);

/*
 * The same for what is made in place: room for n octets (SPOOL_PIECE_MAX at most) behind those
 * written so far, good until the next call; NULL with ERR_SYSTEM.  spool_commit() appends the first
 * n of them.  Errors: ERR_CANT_CREATE, as above.
 */
char *spool_reserve(struct spool *s, size_t n, struct err *err);
int spool_commit(struct spool *s, size_t n, struct err *err);

/* All is written: what is buffered goes to the file if there is one.  Errors: ERR_CANT_CREATE. */
int spool_finish(struct spool *s, struct err *err);

/*
 * Points *data at up to `want` octets at offset: in memory, or read into scratch (of want octets).
 * *got is less than `want` only at the end, and 0 behind it.  spool_finish() came before.  Errors:
 * ERR_IO.
 */
int spool_read(const struct spool *s, uint64_t offset, void *scratch, size_t want,
    const char **data, size_t *got, struct err *err);

#endif
