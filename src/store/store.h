/* SPDX-License-Identifier: ISC */
/*
 * The queue's directory (0700): one file a message, named by its id.  STATES lists every state it
 * can be in, what leads there, and what is done about it.
 *
 * 	ID	a message
 * 	run/	what runs keep: locks, breakers in a folder of their own; nothing is lost with it
 * 	keys/	reservations, by which idempotency keys are kept: reservation.h
 * 	tmp/	files on their way, only where the file system has no O_TMPFILE
 *
 * Anything else is foreign: it is reported by store_next() and store_take(), and never opened,
 * changed or removed.
 *
 * A message is locked by a write lock on its open file (F_OFD_SETLK): it ends with the process, is
 * inherited by a child that goes on with the message, and can be asked for without being taken, so
 * that looking never disturbs a run.
 */
#ifndef SENDOFF_STORE_STORE_H
#define SENDOFF_STORE_STORE_H

#include <dirent.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "message/envelope.h"
#include "message/message.h"
#include "store/item.h"

#define STORE_RUN "run"
#define STORE_KEYS "keys"
#define STORE_TMP "tmp"
#define STORE_BREAKERS "run/breakers"
#define STORE_NEW "new-" /* begins the names of files there that are about to get their own */

struct store {
	int dir; /* -1: not open */
	char *path;
};

#define STORE_INIT \
	{ \
		-1, NULL \
	}

/*
 * Opens the directory; `make`: also makes it (0700), and the folders above it (0755; 0700 where
 * they belong to a user), and syncs what was made.  It must belong to the effective user, and
 * nobody else may write there.
 * Errors: ERR_CANT_CREATE, ERR_TEMPORARY (no room: see store_add()); ERR_PERMISSION (another's; not
 * to be read); ERR_CONFIG (not a directory, others can write); where it is missing and not to be
 * made, sys_errno is ENOENT.
 */
int store_open(struct store *store, const char *path, bool make, struct err *err);
void store_close(struct store *store);

/* What is told with a message. */
struct store_facts {
	const char *account;
	struct submitter submitter;
	int64_t now_ms;
	const struct buf *records; /* its first tail: what is known of it already, or NULL */
};

/*
 * Queues a message, durably: writes, syncs, links, syncs the directory.  A body that lies in a file
 * which was spooled into this store (store_spool()) is not copied.  On success *item is the queued
 * message, open and locked, its body in the file; `message` keeps what it has.  On failure nothing
 * is left behind.
 * Errors: ERR_TEMPORARY (disk full, quota, no inodes, input/output error, no locks: may succeed
 * later), ERR_CANT_CREATE (read-only, no permission, gone), ERR_SYSTEM.
 */
int store_add(struct store *store, const struct envelope *envelope, const struct message *message,
    const struct store_facts *facts, struct item *item, struct err *err);

/*
 * Settings for message_read() with which store_add() need not copy: the folder, and room before the
 * body.
 */
void store_spool(const struct store *store, struct spool_place *place);

enum store_result {
	STORE_OK,
	STORE_GONE,    /* no such message (any more) */
	STORE_BUSY,    /* another process works on it */
	STORE_LATER,   /* a later version of sendoff wrote it, which err says (ERR_UNAVAILABLE); it
			  stays as it is, and nothing is wrong with it */
	STORE_DAMAGED, /* err says what is wrong with the file; it stays as it is */
	STORE_FAILED,  /* err says why it cannot be opened now */
};

/*
 * Opens the message of that name and locks it: with its header, ready to be sent.  The body's
 * checksum is right (STORE_DAMAGED else).  A torn tail is cut off.  *item is the caller's, for
 * item_release(), whatever comes back; it borrows the store's path.
 */
enum store_result store_take(struct store *store, const char *id, struct item *item,
    struct err *err);

/*
 * The same for a message whose open file another process of ours has locked and passed on: fd,
 * which becomes the item's whatever comes back. Its body was written a moment ago, and is not
 * read. A SENDING in it is of the attempt that goes on here: nobody is in doubt because of it.
 */
enum store_result store_adopt(struct store *store, const char *id, int fd, struct item *item,
    struct err *err);

/*
 * Opens it to be looked at, without lock.  `with_header`: its header block too, and its body can be
 * read; else nothing stays open.  The body's checksum is not looked at.
 */
enum store_result store_look(struct store *store, const char *id, bool with_header,
    struct item *item, struct err *err);

/*
 * Appends records to a locked item, syncs the file, and takes them into the item.  Outcomes come
 * before the attempt that they belong to, those of who has the message first: should the end be
 * torn off, the rest is still true.  On failure the item is broken, and the file as it was, as far
 * as that can be had.
 * Errors: as store_add(); ERR_CANT_CREATE for more than STORE_TAIL_MAX; ERR_MESSAGE (the records
 * make no sense).
 */
int store_append(struct item *item, const struct buf *records, struct err *err);

enum {
	STORE_HEAD_MAX = 64 * 1024 * 1024, /* octets of a head: a header block, and some 100,000
					      recipients */
	STORE_TAIL_MAX = 16 * 1024 * 1024, /* octets of a tail */
};

/* Removes a locked item; durable after store_sync().  Errors: ERR_CANT_CREATE (names the file). */
int store_remove(struct store *store, struct item *item, struct err *err);

/* Makes removals durable.  Errors: ERR_IO. */
int store_sync(struct store *store, struct err *err);

/* Going through the names, in no order; what is added or removed meanwhile may be missed. */
struct store_scan {
	DIR *dir;
};

int store_scan_begin(struct store_scan *scan, struct store *store, struct err *err);
/*
 * The next name: `name` is borrowed until the next call; *foreign: it is no id, or no regular file.
 * False at the end, or where reading failed (err is filled then).
 */
bool store_scan_next(struct store_scan *scan, const char **name, bool *foreign, struct err *err);
void store_scan_end(struct store_scan *scan);

/* True where there is at least one message: cheap. */
bool store_has_any(struct store *store);

/*
 * Removes what killed processes have left on its way, once it is STORE_LEFT_MS old: files in tmp/,
 * and in run/breakers/; and reservations whose time is over.  A message is none of it.  What cannot
 * be removed stays.
 */
void store_sweep(struct store *store, int64_t now_ms);

enum { STORE_LEFT_MS = 24 * 3600 * 1000 };

#endif
