/* SPDX-License-Identifier: ISC */
#include "base/span.h"

#include <string.h>

struct span
span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

bool
span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

bool
span_equal_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	return true;
}

bool
span_is_nocase(struct span s, const char *text)
{
	return span_equal_nocase(s, span_of(text));
}

bool
span_starts_nocase(struct span s, const char *text)
{
	struct span t = span_of(text);

	if (s.len < t.len)
		return false;
	s.len = t.len;
	return span_equal_nocase(s, t);
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && ascii_is_space(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && ascii_is_space(s.data[s.len - 1]))
		s.len--;
	return s;
}

struct span
span_cut(struct span *rest, char c)
{
	struct span head = *rest;
	const char *at = rest->len > 0 ? memchr(rest->data, c, rest->len) : NULL;

	if (at == NULL) {
		rest->data += rest->len;
		rest->len = 0;
		return head;
	}
	head.len = (size_t)(at - rest->data);
	rest->len -= head.len + 1;
	rest->data = at + 1;
	return head;
}

char *
span_dup(struct span s)
{
	return strndup(s.data, s.len);
}

bool
span_number(struct span s, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.data[i] - '0');

		if (!ascii_is_digit(s.data[i]) || digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (s.len == 0)
		return false;
	*number = n;
	return true;
}

bool
span_has_8bit(struct span s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.len; i++)
		all |= (unsigned char)s.data[i];
	return (all & 0x80) != 0;
}

bool
span_has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_control(s.data[i]))
			return true;
	return false;
}
