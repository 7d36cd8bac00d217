/* SPDX-License-Identifier: ISC */
/*
 * A borrowed stretch of bytes, and the ASCII rules that mail formats use: the locale never matters
 * here.
 */
#ifndef SENDOFF_BASE_SPAN_H
#define SENDOFF_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *data; /* not NUL-terminated; valid as long as what it was cut from */
	size_t len;       /* octets */
};

struct span span_of(const char *s);

static inline bool
ascii_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Octets below space, and DEL: what must never stand in an envelope or reach a terminal. */
static inline bool
ascii_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline bool
is_8bit(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool span_is(struct span s, const char *text);
/* Compares without regard to ASCII case. */
bool span_is_nocase(struct span s, const char *text);
bool span_equal_nocase(struct span a, struct span b);
/* True where s begins with text, without regard to ASCII case. */
bool span_starts_nocase(struct span s, const char *text);
/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);
/* Cuts the part before the first `c` off the front of *rest; without a `c`, all of it. */
struct span span_cut(struct span *rest, char c);
/* A NUL-terminated copy; the caller frees it.  NULL where memory is out. */
char *span_dup(struct span s);

/* Reads decimal digits, and nothing else, of a number up to max; else false, and *number is kept.
 */
bool span_number(struct span s, uint64_t max, uint64_t *number);

bool span_has_8bit(struct span s);
bool span_has_control(struct span s);

#endif
