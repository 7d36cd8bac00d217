/* SPDX-License-Identifier: ISC */
/*
 * What the store does to files: calls that are begun again where a signal came and continued where
 * they did half, and what their failures mean.  All return 0, or -1 with errno.  For the files of
 * store.h only.
 */
#ifndef SENDOFF_STORE_FILE_H
#define SENDOFF_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "message/spool.h"

/* The kind of a failure at the queue. */
enum err_kind file_kind(int number);
/* Fills err from errno: "the queue PATH cannot WHAT", or that it has no room.  Always -1. */
int file_fail(const char *path, const char *what, struct err *err);

/* Writes all of iov at offset; iov is changed. */
int file_write(int fd, struct iovec *iov, int count, uint64_t offset);
/* Reads up to want octets: *got is less only at the end of the file. */
int file_read(int fd, void *to, size_t want, uint64_t offset, size_t *got);
int file_cut(int fd, uint64_t size);
int file_sync(int fd);
int file_sync_data(int fd);
int file_sync_folder(const char *path);

/* A write lock over the whole file, without waiting. */
int file_lock(int fd);
/* True where another has it. */
bool file_is_locked(int fd);

/*
 * A message that was on its way through tmp/ when the machine stopped may have both its names,
 * there and in the queue: corrects *st so that it has one; `drop`: removes the first.  Other names
 * are left alone.
 */
int file_settle_second_name(int dir, const char *id, bool drop, struct stat *st);

/*
 * Removes the files of this user in dir/folder that are meant, were last changed before before_ms
 * since 1970, have no other name and are locked by nobody, this process among them.  What cannot be
 * looked at or removed stays.
 */
void file_remove_old(int dir, const char *folder, bool (*is_meant)(const char *name),
    int64_t before_ms);

/* The checksum of a body, read in pieces.  Errors: those of spool_read(), ERR_SYSTEM. */
int file_sum(const struct spool *body, uint32_t *sum, struct err *err);

/* Appends a BATCH and the records to out; tail_len: octets of the tail so far. */
void file_add_batch(struct buf *out, uint64_t tail_len, bool taken, struct span records);

#endif
