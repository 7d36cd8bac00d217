/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shared by all bufs that hold nothing yet: always the empty string, never written. */
char buf_empty[1] = "";

enum { FIRST_CAP = 64 };

void
wipe(void *data, size_t len)
{
	explicit_bzero(data, len);
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

void
buf_init_secret(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT_SECRET(max);
}

static void
give_back(struct buf *b)
{
	if (b->cap == 0)
		return;
	if (b->secret)
		wipe(b->data, b->cap);
	free(b->data);
}

void
buf_release(struct buf *b)
{
	give_back(b);
	b->data = buf_empty;
	b->len = b->cap = 0;
	b->failed = false;
}

void
buf_clear(struct buf *b)
{
	if (b->secret && b->cap > 0)
		wipe(b->data, b->cap);
	if (b->cap > 0)
		b->data[0] = '\0';
	b->len = 0;
	b->failed = false;
}

/*
 * The next allocation that holds need octets (with the NUL): twice the last one, within the
 * ceiling.
 */
static size_t
next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (b->max < SIZE_MAX && cap > b->max + 1)
		cap = b->max + 1;
	return cap;
}

/* Makes room for len + extra octets and the NUL. */
static bool
grow(struct buf *b, size_t extra)
{
	size_t cap;
	char *data;

	if (b->failed || extra > b->max - b->len || b->len + extra == SIZE_MAX) {
		b->failed = true;
		return false;
	}
	if (b->len + extra + 1 <= b->cap)
		return true;
	cap = next_cap(b, b->len + extra + 1);
	if (b->secret) {
		data = malloc(cap);
		if (data != NULL)
			memcpy(data, b->data, b->len + 1);
	} else {
		data = realloc(b->cap > 0 ? b->data : NULL, cap);
		if (data != NULL && b->cap == 0)
			data[0] = '\0';
	}
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	if (b->secret)
		give_back(b);
	b->data = data;
	b->cap = cap;
	return true;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	return grow(b, n) ? b->data + b->len : NULL;
}

void
buf_commit(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || !grow(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	buf_commit(b, len);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->cap - b->len;
	va_list again;
	int n;

	/* Into the room that is there; once more where that is too little. */
	va_copy(again, ap);
	n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, fmt, ap);
	if (room > 0 && (n < 0 || (size_t)n >= room))
		b->data[b->len] = '\0';
	if (n < 0) {
		b->failed = true;
	} else if (grow(b, (size_t)n)) {
		if ((size_t)n >= room && n > 0)
			vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	if (b->secret)
		wipe(b->data + len, b->len - len);
	b->len = len;
	b->data[len] = '\0';
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	buf_truncate(b, b->len - n);
}

void
buf_splice(struct buf *b, size_t pos, size_t n, const void *data, size_t len)
{
	size_t tail = b->len - pos - n;

	if (len > n && !grow(b, len - n))
		return;
	if (b->cap == 0)
		return;
	memmove(b->data + pos + len, b->data + pos + n, tail);
	if (len > 0)
		memcpy(b->data + pos, data, len);
	if (b->secret && len < n)
		wipe(b->data + pos + len + tail, n - len);
	b->len = pos + len + tail;
	b->data[b->len] = '\0';
}
