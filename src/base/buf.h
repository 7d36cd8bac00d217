/* SPDX-License-Identifier: ISC */
/*
 * A growing byte string with a mandatory ceiling.
 *
 * Invariants: data is never NULL and data[len] is always NUL, so that a buf can be read as a C
 * string at any time; len <= max.  Adding more than the ceiling allows, or running out of memory,
 * adds nothing and sets failed, which stays set until buf_clear() or buf_release(): callers add
 * freely and ask buf_ok() once at the end.
 *
 * Lifetime: buf_init() or BUF_INIT(max), then buf_release() when done.  A released buf may be used
 * again.
 */
#ifndef SENDOFF_BASE_BUF_H
#define SENDOFF_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;  /* the bytes; borrowed by readers until the next change */
	size_t len;  /* octets in use */
	size_t cap;  /* octets allocated; 0: data is the shared empty string */
	size_t max;  /* ceiling for len */
	bool failed; /* the ceiling or the memory did not allow an addition */
	bool secret; /* memory is wiped before it is given back or reused */
};

extern char buf_empty[1];

#define BUF_INIT(max_len) \
	{ \
		buf_empty, 0, 0, (max_len), false, false \
	}
#define BUF_INIT_SECRET(max_len) \
	{ \
		buf_empty, 0, 0, (max_len), false, true \
	}

void buf_init(struct buf *b, size_t max);
/* The same, for passwords and tokens: every byte given back to the allocator is wiped first. */
void buf_init_secret(struct buf *b, size_t max);
void buf_release(struct buf *b);
/* Empties b and clears failed; keeps the memory. */
void buf_clear(struct buf *b);

static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/*
 * Room for n more octets behind len; NULL (and failed) when there is none.  buf_commit() makes them
 * part of b.
 */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Shortens b to len octets (len <= b->len). */
void buf_truncate(struct buf *b, size_t len);
/* Removes the first n octets (n <= b->len). */
void buf_consume(struct buf *b, size_t n);
/* Removes n octets at pos and puts the len octets of data there instead. */
void buf_splice(struct buf *b, size_t pos, size_t n, const void *data, size_t len);

/* Writes zeros over memory in a way that the compiler keeps. */
void wipe(void *data, size_t len);

#endif
