/* SPDX-License-Identifier: ISC */
/*
 * The file of a queued message as it lies there, whatever its state: for who looks into one that
 * is damaged.  store.h reads those that are whole; record.h has the format.
 */
#ifndef SENDOFF_STORE_RAW_H
#define SENDOFF_STORE_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/record.h"
#include "store/store.h"

struct raw_file {
	uint64_t size;  /* octets of the file */
	bool has_block; /* it is not too short for one */
	enum block_result result;
	struct block block;    /* its lengths are true where they fit the file, else 0 */
	bool fits;             /* the block is whole, and the file not shorter than it says */
	bool body_ok, head_ok; /* the checksums are right */
	uint64_t records_at;   /* where in the file `records` begin */
	struct buf records;    /* head and tail; where the block does not fit: all behind it */
	bool cut;              /* there is more than what was read */
};

/*
 * Reads the file of that name: regular, whoever has it, locked or not.  raw_release() follows.
 * Errors: STORE_GONE, STORE_DAMAGED (no regular file), STORE_FAILED; never STORE_BUSY.
 */
enum store_result raw_read(const struct store *store, const char *id, struct raw_file *file,
    struct err *err);
void raw_release(struct raw_file *file);

enum raw_kind {
	RAW_RECORD,  /* its checksum is right */
	RAW_DAMAGED, /* its checksum is wrong, its length seems to be right */
	RAW_OCTETS,  /* no record, up to where one begins or all ends */
};

struct raw_piece {
	enum raw_kind kind;
	size_t len;                /* octets */
	struct record_frame frame; /* but for RAW_OCTETS */
};

/* Takes the next piece off rest; false where nothing is left. */
bool raw_next(struct span *rest, struct raw_piece *piece);

#endif
