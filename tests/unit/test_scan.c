/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "message/scan.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { HAS_8BIT = 1, NOT_UTF8 = 2, HAS_NUL = 4, HAS_CONTROL = 8, BARE_CR = 16, BARE_LF = 32 };

static const struct {
	struct span octets;
	unsigned facts;
	uint64_t line_max;
} rows[] = {
	{ TEXT(""), 0, 0 },
	{ TEXT("hello\nyou\n"), BARE_LF, 5 },
	{ TEXT("hello\r\nyou\r\n"), 0, 5 },
	{ TEXT("you\nhello"), BARE_LF, 5 },
	{ TEXT("a\tb\f"), 0, 4 },
	{ TEXT("\n\r\n"), BARE_LF, 0 },
	{ TEXT("\r\n\n"), BARE_LF, 0 },
	{ TEXT("\n"), BARE_LF, 0 },
	{ TEXT("a\r\n\r\nb\r\n"), 0, 1 },
	{ TEXT("a\n\rb"), BARE_CR | BARE_LF, 2 },
	{ TEXT("a\rb\n"), BARE_CR | BARE_LF, 3 },
	{ TEXT("a\r"), BARE_CR, 2 },
	{ TEXT("a\r\r\n"), BARE_CR, 2 },
	{ TEXT("\r"), BARE_CR, 1 },
	{ TEXT("a\0b"), HAS_NUL | HAS_CONTROL, 3 },
	{ TEXT("abcdefgh\x1b"), HAS_CONTROL, 9 },
	{ TEXT("abcdefg\x7f"), HAS_CONTROL, 8 },
	{ TEXT("abcdefgh\x1f"
	       "bcdefgh"),
	    HAS_CONTROL, 16 },
	{ TEXT("Gr\xc3\xbc\xc3\x9f"
	       "e"),
	    HAS_8BIT, 7 },
	{ TEXT("12345678\xf0\x9f\x93\x8e"
	       "12345678"),
	    HAS_8BIT, 20 },
	{ TEXT("12\xf0\x9f\x93\x8e"
	       "34\xc3\xa9"
	       "12345\x1b"),
	    HAS_8BIT | HAS_CONTROL, 16 },
	{ TEXT("\xc3\xbf\x7f"
	       "12345"),
	    HAS_8BIT | HAS_CONTROL, 8 },
	{ TEXT("\0\xc3\x80"
	       "12345"),
	    HAS_8BIT | HAS_NUL | HAS_CONTROL, 8 },
	{ TEXT("\xe6\x97\xa5\xe6\x9c\xac"), HAS_8BIT, 6 },
	{ TEXT("\xfc"), HAS_8BIT | NOT_UTF8, 1 },
	{ TEXT("M\xfcller M\xfcller"), HAS_8BIT | NOT_UTF8, 13 },
	{ TEXT("\xc3"), HAS_8BIT | NOT_UTF8, 1 },
	{ TEXT("\xc3\n\xa9"), HAS_8BIT | NOT_UTF8 | BARE_LF, 1 },
	{ TEXT("\xf0\x9f\x93"), HAS_8BIT | NOT_UTF8, 3 },
	{ TEXT("\xf0\x9f\x93"
	       "a"),
	    HAS_8BIT | NOT_UTF8, 4 },
	{ TEXT("\xed\xa0\x80"), HAS_8BIT | NOT_UTF8, 3 },
	{ TEXT("\xc0\x80"), HAS_8BIT | NOT_UTF8, 2 },
	{ TEXT("\x80"), HAS_8BIT | NOT_UTF8, 1 },
	{ TEXT("\xff\xfe"
	       "a\0"),
	    HAS_8BIT | NOT_UTF8 | HAS_NUL | HAS_CONTROL, 4 },
};

static unsigned
facts_of(const struct scan *s)
{
	return (s->has_8bit ? HAS_8BIT : 0u) | (s->not_utf8 ? NOT_UTF8 : 0u) |
	    (s->has_nul ? HAS_NUL : 0u) | (s->has_control ? HAS_CONTROL : 0u) |
	    (s->bare_cr ? BARE_CR : 0u) | (s->bare_lf ? BARE_LF : 0u);
}

/* However they are cut. */
static void
sees_what_octets_hold(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t step = 1; step <= 22; step++) {
			struct span rest = rows[i].octets;
			struct scan scan = { .look_for_control = true };

			while (rest.len > 0) {
				size_t len = rest.len < step ? rest.len : step;

				scan_add(&scan, (struct span){ rest.data, len });
				rest.data += len;
				rest.len -= len;
			}
			scan_end(&scan);
			if (facts_of(&scan) == rows[i].facts && scan.line_max == rows[i].line_max)
				continue;
			print_error("row %zu, step %zu: facts %u, longest line %u\n", i, step,
			    facts_of(&scan), (unsigned)scan.line_max);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* Where a line stands is known before its end. */
static void
counts_the_last_line(void **state)
{
	struct scan scan = { 0 };

	(void)state;
	scan_add(&scan, span_of("ab\ncde"));
	assert_int_equal(scan.line, 3);
	assert_int_equal(scan.line_max, 2);
	scan_add(&scan, span_of("f\r"));
	assert_int_equal(scan.line, 5);
	scan_add(&scan, span_of("\n"));
	assert_int_equal(scan.line, 0);
	assert_int_equal(scan.line_max, 4);
	assert_false(scan.bare_cr);
}

/* One octet is found, wherever it stands; what is around it is nothing. */
static void
sees_each_octet(void **state)
{
	static char text[5000];
	int failures = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t at = 0; at < sizeof(text); at++) {
		static const struct {
			char octet;
			unsigned facts;
		} octets[] = {
			{ '\0', HAS_NUL | HAS_CONTROL },
			{ '\xe9', HAS_8BIT | NOT_UTF8 },
			{ '\x7f', HAS_CONTROL },
			{ '\r', BARE_CR },
			{ '\n', BARE_LF },
			{ 'b', 0 },
		};

		for (size_t i = 0; i < COUNT(octets); i++) {
			struct scan scan = { .look_for_control = true };

			text[at] = octets[i].octet;
			scan_add(&scan, (struct span){ text, sizeof(text) });
			scan_end(&scan);
			failures += facts_of(&scan) != octets[i].facts;
		}
		text[at] = 'a';
	}
	assert_int_equal(failures, 0);
}

/* What has no CR becomes wire, and is looked at as if it came so, however it is cut. */
static void
makes_crlf(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span text = rows[i].octets;
		struct buf wire = BUF_INIT(SIZE_MAX / 2);
		struct scan wanted = { .look_for_control = true };

		if (memchr(text.data, '\r', text.len) != NULL)
			continue;
		for (size_t at = 0; at < text.len; at++)
			buf_add(&wire, text.data[at] == '\n' ? "\r\n" : text.data + at,
			    text.data[at] == '\n' ? 2 : 1);
		scan_add(&wanted, (struct span){ wire.data, wire.len });
		scan_end(&wanted);
		for (size_t step = 1; step <= 22; step++) {
			struct scan scan = { .look_for_control = true };
			char made[100];
			size_t len = 0;

			for (size_t at = 0; at < text.len; at += step)
				len += scan_add_lf(&scan,
				    (struct span){ text.data + at,
					text.len - at < step ? text.len - at : step },
				    made + len);
			scan_end(&scan);
			assert_int_equal(len, wire.len);
			assert_memory_equal(made, wire.data, len);
			assert_int_equal(facts_of(&scan), facts_of(&wanted));
			assert_int_equal(scan.line_max, wanted.line_max);
		}
		buf_release(&wire);
	}
}

/* Who does not ask for it is not told. */
static void
looks_for_control_where_it_is_wanted(void **state)
{
	struct scan scan = { 0 };

	(void)state;
	scan_add(&scan, span_of("\x1b"));
	assert_false(scan.has_control);
}

/* What is known of octets that passed elsewhere is not forgotten. */
static void
keeps_what_is_known(void **state)
{
	struct scan scan = { .has_8bit = true,
		.not_utf8 = true,
		.has_nul = true,
		.has_control = true,
		.bare_cr = true,
		.bare_lf = true,
		.line_max = 5 };

	(void)state;
	scan_add(&scan, span_of("a\xc3\xa9\r\n"));
	scan_end(&scan);
	assert_int_equal(facts_of(&scan), 2 * BARE_LF - 1);
	assert_int_equal(scan.line_max, 5);
}

static bool
finds(const char *needle, const char *text, size_t step)
{
	struct search search = { .needle = span_of(needle) };
	struct span rest = span_of(text);

	while (rest.len > 0) {
		size_t len = rest.len < step ? rest.len : step;

		search_add(&search, (struct span){ rest.data, len });
		rest.data += len;
		rest.len -= len;
	}
	return search.found;
}

static void
finds_what_is_searched(void **state)
{
	static const struct {
		const char *needle, *text;
		bool found;
	} searched[] = {
		{ "abc", "abc", true },
		{ "abc", "xxabcxx", true },
		{ "abc", "ababc", true },
		{ "abc", "ab", false },
		{ "abc", "abab", false },
		{ "abc", "", false },
		{ "a", "xa", true },
		{ "a", "x", false },
		{ "aaaaaab", "aaaaaaaaaaaaab", true },
		{ "aaaaaab", "aaaaabaaaaab", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789012345678X",
		    "x0123456789012345678901234567890123456789012345678901234567890123456789012345678Xx",
		    true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(searched); i++)
		for (size_t step = 1; step <= 90; step++)
			assert_int_equal(finds(searched[i].needle, searched[i].text, step),
			    searched[i].found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_what_octets_hold),
		cmocka_unit_test(sees_each_octet),
		cmocka_unit_test(looks_for_control_where_it_is_wanted),
		cmocka_unit_test(makes_crlf),
		cmocka_unit_test(counts_the_last_line),
		cmocka_unit_test(keeps_what_is_known),
		cmocka_unit_test(finds_what_is_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
