/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/span.h"
#include "base/text.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

static bool
holds(const struct buf *b, const char *text)
{
	return b->len == strlen(text) && memcmp(b->data, text, b->len + 1) == 0;
}

static void
complain(struct span text, const char *wanted, const char *got)
{
	print_error("octets");
	for (size_t i = 0; i < text.len; i++)
		print_error(" %02X", (unsigned char)text.data[i]);
	print_error("\n  wanted %s\n  got    %s\n", wanted, got);
}

/* buf */

static void
buf_is_a_string_from_the_start(void **state)
{
	struct buf b = BUF_INIT(4), other;

	(void)state;
	assert_true(holds(&b, ""));
	assert_true(buf_ok(&b));
	buf_clear(&b);
	buf_truncate(&b, 0);
	buf_consume(&b, 0);
	buf_add(&b, NULL, 0);
	buf_adds(&b, "");
	buf_commit(&b, 0);
	buf_splice(&b, 0, 0, NULL, 0);
	assert_true(holds(&b, ""));
	buf_init(&other, 4);
	buf_addc(&other, 'x');
	assert_true(holds(&other, "x"));
	assert_true(holds(&b, ""));
	buf_release(&other);
	buf_release(&b);
	assert_int_equal(buf_empty[0], '\0');
}

static void
buf_keeps_its_ceiling(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	buf_adds(&b, "abc");
	buf_addc(&b, 'd');
	assert_true(buf_ok(&b));
	assert_true(holds(&b, "abcd"));
	assert_true(b.cap <= 5);
	buf_addc(&b, 'e');
	assert_false(buf_ok(&b));
	assert_true(holds(&b, "abcd"));
	/* What failed once takes nothing more, even where it would fit. */
	buf_truncate(&b, 0);
	buf_addc(&b, 'x');
	assert_true(holds(&b, ""));
	buf_clear(&b);
	buf_adds(&b, "abcde");
	assert_true(holds(&b, ""));
	assert_false(buf_ok(&b));
	buf_release(&b);
	assert_true(buf_ok(&b));
	buf_adds(&b, "abcd");
	assert_true(holds(&b, "abcd"));
	buf_release(&b);
}

static void
buf_adds_all_or_nothing(void **state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	buf_adds(&b, "abcd");
	buf_addf(&b, "%s-%d", "ef", 123);
	assert_false(buf_ok(&b));
	assert_true(holds(&b, "abcd"));
	buf_clear(&b);
	buf_addf(&b, "%s-%d", "ef", 12345);
	assert_true(buf_ok(&b));
	assert_true(holds(&b, "ef-12345"));
	buf_clear(&b);
	buf_adds(&b, "abcd");
	assert_null(buf_reserve(&b, 5));
	assert_false(buf_ok(&b));
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_release(&b);
}

static void
buf_without_a_ceiling(void **state)
{
	struct buf b = BUF_INIT(SIZE_MAX);

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "%d,", i % 10);
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 200000);
	assert_memory_equal(b.data + 199996, "8,9,", 5);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX - b.len));
	assert_false(buf_ok(&b));
	buf_release(&b);
}

static void
buf_reserves_and_commits(void **state)
{
	struct buf b = BUF_INIT(100);
	char *room;

	(void)state;
	buf_adds(&b, "ab");
	room = buf_reserve(&b, 98);
	assert_non_null(room);
	memcpy(room, "cdef", 4);
	buf_commit(&b, 2);
	assert_true(holds(&b, "abcd"));
	buf_release(&b);
}

/* At pos, n octets are replaced by text in "abcdef"; a ceiling of 8. */
static const struct {
	size_t pos, n;
	const char *text, *result;
	bool ok;
} splices[] = {
	{ 0, 0, "", "abcdef", true },
	{ 0, 0, "x", "xabcdef", true },
	{ 6, 0, "x", "abcdefx", true },
	{ 3, 0, "xy", "abcxydef", true },
	{ 3, 0, "xyz", "abcdef", false },
	{ 1, 2, "", "adef", true },
	{ 1, 2, "x", "axdef", true },
	{ 1, 2, "xy", "axydef", true },
	{ 1, 2, "xyzw", "axyzwdef", true },
	{ 1, 2, "xyzwv", "abcdef", false },
	{ 0, 6, "", "", true },
	{ 0, 6, "12345678", "12345678", true },
	{ 5, 1, "", "abcde", true },
	{ 6, 0, "", "abcdef", true },
};

static void
buf_splices(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(splices) / sizeof(splices[0]); i++) {
		struct buf b = BUF_INIT(8);

		buf_adds(&b, "abcdef");
		buf_splice(&b, splices[i].pos, splices[i].n, splices[i].text,
		    strlen(splices[i].text));
		if (!holds(&b, splices[i].result) || buf_ok(&b) != splices[i].ok) {
			print_error("%zu, %zu, \"%s\": %s\n", splices[i].pos, splices[i].n,
			    splices[i].text, b.data);
			failures++;
		}
		buf_release(&b);
	}
	assert_int_equal(failures, 0);
}

static void
buf_shortens(void **state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	buf_adds(&b, "abcdef");
	buf_truncate(&b, 6);
	assert_true(holds(&b, "abcdef"));
	buf_truncate(&b, 4);
	assert_true(holds(&b, "abcd"));
	buf_consume(&b, 1);
	assert_true(holds(&b, "bcd"));
	buf_consume(&b, 3);
	assert_true(holds(&b, ""));
	buf_release(&b);
}

/* True where the octets of b's memory behind its text are all zero. */
static bool
is_wiped(const struct buf *b)
{
	for (size_t i = b->len; i < b->cap; i++)
		if (b->data[i] != '\0')
			return false;
	return true;
}

static void
buf_wipes_secrets(void **state)
{
	struct buf b;

	(void)state;
	buf_init_secret(&b, 64);
	buf_adds(&b, "secret");
	/* The memory behind the text is not ours to look at before it was written. */
	memset(b.data + b.len, 0, b.cap - b.len);
	buf_truncate(&b, 2);
	assert_true(holds(&b, "se"));
	assert_true(is_wiped(&b));
	buf_adds(&b, "cret");
	buf_consume(&b, 4);
	assert_true(holds(&b, "et"));
	assert_true(is_wiped(&b));
	buf_adds(&b, "cret");
	buf_splice(&b, 0, 4, "x", 1);
	assert_true(is_wiped(&b));
	buf_clear(&b);
	assert_true(holds(&b, ""));
	assert_true(is_wiped(&b));
	assert_true(b.secret);
	buf_release(&b);
	assert_true(b.secret);
}

static void
buf_grows_secrets(void **state)
{
	struct buf b = BUF_INIT_SECRET(1000);

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_addf(&b, "%c%c", 'a' + i % 26, 'z' - i % 26);
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	assert_memory_equal(b.data, "azbycx", 6);
	buf_addc(&b, 'x');
	assert_false(buf_ok(&b));
	buf_release(&b);
}

static void
wipe_writes_zeros(void **state)
{
	char text[8] = "secret!";

	(void)state;
	wipe(text + 1, 5);
	assert_memory_equal(text, "s\0\0\0\0\0!", 8);
}

/* err */

static void
err_kinds_are_complete(void **state)
{
	(void)state;
	assert_int_equal(err_exit_status(ERR_NONE), EX_OK);
	for (int kind = ERR_NONE; kind < ERR_KINDS; kind++) {
		const char *name = err_name((enum err_kind)kind);
		int status = err_exit_status((enum err_kind)kind);

		if (name == NULL || name[0] == '\0' || strpbrk(name, " =\"\n") != NULL)
			fail_msg("kind %d has no name of one word", kind);
		if (kind != ERR_NONE && (status < EX__BASE || status > EX__MAX))
			fail_msg("kind %s has no status of sysexits.h", name);
		for (int other = kind + 1; other < ERR_KINDS; other++)
			assert_string_not_equal(name, err_name((enum err_kind)other));
	}
}

static void
err_says_what_may_pass(void **state)
{
	(void)state;
	assert_true(err_is_temporary(ERR_TEMPORARY));
	assert_true(err_is_temporary(ERR_CONNECT));
	assert_true(err_is_temporary(ERR_TIMEOUT));
	assert_true(err_is_temporary(ERR_LOST));
	assert_true(err_is_temporary(ERR_RESOLVE));
	assert_true(err_is_temporary(ERR_SECRET));
	assert_true(err_is_temporary(ERR_SYSTEM));
	assert_false(err_is_temporary(ERR_REFUSED));
	assert_false(err_is_temporary(ERR_ADDRESS));
	assert_false(err_is_temporary(ERR_USAGE));
	assert_false(err_is_temporary(ERR_RECIPIENT_UNKNOWN));
	for (int kind = ERR_NONE; kind < ERR_KINDS; kind++)
		if (err_exit_status((enum err_kind)kind) == EX_TEMPFAIL)
			assert_true(err_is_temporary((enum err_kind)kind));
}

static void
err_is_filled_and_wrapped(void **state)
{
	struct err e;

	(void)state;
	err_init(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_int_equal(err_set(&e, ERR_CONFIG, "line %d", 7), -1);
	assert_true(holds(&e.what, "line 7"));
	assert_int_equal(err_wrap(&e, "cannot read %s", "x"), -1);
	assert_true(holds(&e.what, "cannot read x: line 7"));
	assert_int_equal(e.kind, ERR_CONFIG);
	err_set(&e, ERR_CONFIG, "again: %s", e.what.data);
	assert_true(holds(&e.what, "again: cannot read x: line 7"));
	assert_null(err_hint_text(&e));
	assert_int_equal(err_hint(&e, "try %d", 1), -1);
	assert_string_equal(err_hint_text(&e), "try 1");
	/* A new one drops all of the last. */
	e.in_doubt = true;
	e.reply_code = 550;
	buf_adds(&e.peer, "x:25");
	assert_int_equal(err_memory(&e), -1);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_false(e.in_doubt);
	assert_int_equal(e.reply_code, 0);
	assert_int_equal(e.peer.len, 0);
	assert_int_equal(e.hint.len, 0);
	err_set(&e, ERR_BUG, "x");
	assert_non_null(strstr(err_hint_text(&e), "report"));
	err_release(&e);
}

static void
err_keeps_errno(void **state)
{
	struct err e;

	(void)state;
	err_init(&e);
	errno = ENOENT;
	assert_int_equal(err_sys(&e, ERR_CANT_CREATE, "cannot open %s", "/x"), -1);
	assert_int_equal(e.sys_errno, ENOENT);
	assert_true(holds(&e.what, "cannot open /x: No such file or directory"));
	assert_int_equal(err_exit_status(e.kind), EX_CANTCREAT);
	err_release(&e);
}

static void
err_cuts_what_is_too_long(void **state)
{
	struct buf text = BUF_INIT(SIZE_MAX);
	struct err e;

	(void)state;
	err_init(&e);
	for (int i = 0; i < ERR_TEXT_MAX + 100; i++)
		buf_addc(&text, 'x');
	err_set(&e, ERR_PROTOCOL, "%s", text.data);
	assert_int_equal(e.what.len, ERR_TEXT_MAX);
	/* No room for a context: the sentence itself stays. */
	err_wrap(&e, "context");
	assert_int_equal(e.what.len, ERR_TEXT_MAX);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	buf_release(&text);
	err_release(&e);
}

static void
err_moves_and_copies(void **state)
{
	struct err a, b;

	(void)state;
	err_init(&a);
	err_init(&b);
	err_set(&a, ERR_LOGIN, "no");
	a.reply_code = 535;
	memcpy(a.enhanced, "5.7.8", 6);
	a.in_doubt = true;
	a.stage = "logging in";
	buf_adds(&a.reply, "5.7.8 no");
	buf_adds(&a.peer, "x:465");
	err_hint(&a, "hint");
	err_set(&b, ERR_BUG, "old");
	err_copy(&b, &a);
	assert_int_equal(a.kind, ERR_LOGIN);
	assert_true(holds(&a.what, "no"));
	assert_ptr_not_equal(a.what.data, b.what.data);
	err_release(&a);
	err_init(&a);
	err_move(&a, &b);
	assert_int_equal(b.kind, ERR_NONE);
	assert_int_equal(b.what.len, 0);
	err_move(&a, &a);
	assert_int_equal(a.kind, ERR_LOGIN);
	assert_int_equal(a.reply_code, 535);
	assert_string_equal(a.enhanced, "5.7.8");
	assert_true(a.in_doubt);
	assert_string_equal(a.stage, "logging in");
	assert_true(holds(&a.what, "no"));
	assert_true(holds(&a.reply, "5.7.8 no"));
	assert_true(holds(&a.peer, "x:465"));
	assert_true(holds(&a.hint, "hint"));
	err_release(&a);
	err_release(&b);
}

/* span */

static void
span_compares(void **state)
{
	(void)state;
	assert_true(span_is(span_of("a"), "a"));
	assert_false(span_is(span_of("a"), "A"));
	assert_false(span_is(span_of("ab"), "a"));
	assert_false(span_is(span_of("a"), "ab"));
	assert_true(span_is(span_of(""), ""));
	assert_true(span_is_nocase(span_of("aBz"), "AbZ"));
	assert_false(span_is_nocase(span_of("@["), "`{"));
	assert_false(span_is_nocase(span_of("\xc3\x84"), "\xc3\xa4"));
	assert_true(span_starts_nocase(span_of("IPv6:x"), "ipv6:"));
	assert_true(span_starts_nocase(span_of("x"), ""));
	assert_false(span_starts_nocase(span_of("IP"), "ipv6:"));
	assert_true(span_has_8bit(span_of("a\xff")));
	assert_false(span_has_8bit(span_of("a\x7f")));
	assert_true(span_has_control(span_of("a\x7f")));
	assert_true(span_has_control(span_of("\x1f")));
	assert_true(span_has_control((struct span)TEXT("\0")));
	assert_false(span_has_control(span_of(" ~\xff\x80")));
}

static void
span_trims(void **state)
{
	(void)state;
	assert_true(span_is(span_trim(span_of(" \t a b\t ")), "a b"));
	assert_true(span_is(span_trim(span_of("a")), "a"));
	assert_true(span_is(span_trim(span_of("\ra\n")), "\ra\n"));
	assert_int_equal(span_trim(span_of(" \t ")).len, 0);
	assert_int_equal(span_trim(span_of("")).len, 0);
}

static void
span_reads_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, number; /* 99: it is none */
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 99 },
		{ "007", 7, 7 },
		{ "8", 7, 99 },
		{ "255", 255, 255 },
		{ "256", 255, 99 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, 99 },
		{ "99999999999999999999", UINT64_MAX, 99 },
		{ "", 9, 99 },
		{ "-1", 9, 99 },
		{ "+1", 9, 99 },
		{ "1 ", 9, 99 },
		{ "1x", 9, 99 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t number = 99;

		assert_int_equal(span_number(span_of(rows[i].text), rows[i].max, &number),
		    rows[i].number != 99);
		assert_int_equal(number, rows[i].number);
	}
}

/* What is this process's own trouble is known by errno, and by kind. */
static void
err_knows_own_trouble(void **state)
{
	struct err e;

	(void)state;
	err_init(&e);
	errno = ENETUNREACH;
	err_sys(&e, ERR_CONNECT, "x");
	assert_true(e.local);
	errno = ECONNREFUSED;
	err_sys(&e, ERR_CONNECT, "x");
	assert_false(e.local);
	errno = EIO;
	err_sys(&e, ERR_SYSTEM, "x");
	assert_true(e.local);
	err_set(&e, ERR_LOGIN, "x");
	assert_false(e.local);
	err_memory(&e);
	assert_true(e.local);
	err_release(&e);
}

static void
span_cuts(void **state)
{
	struct span rest = span_of("a,,bc");
	char *copy;

	(void)state;
	assert_true(span_is(span_cut(&rest, ','), "a"));
	assert_true(span_is(span_cut(&rest, ','), ""));
	assert_true(span_is(span_cut(&rest, ','), "bc"));
	assert_int_equal(rest.len, 0);
	assert_true(span_is(span_cut(&rest, ','), ""));
	rest = span_of("a,");
	assert_true(span_is(span_cut(&rest, ','), "a"));
	assert_int_equal(rest.len, 0);
	copy = span_dup((struct span){ "abc", 2 });
	assert_string_equal(copy, "ab");
	free(copy);
}

/* text */

static const struct {
	struct span text;
	bool keep_lf;
	const char *printable;
} texts[] = {
	{ TEXT(""), false, "" },
	{ TEXT("plain text"), false, "plain text" },
	{ TEXT("a\nb"), false, "a\\x0Ab" },
	{ TEXT("a\nb\r"), true, "a\nb\\x0D" },
	{ TEXT("\0\x01\x1f\x7f"), false, "\\x00\\x01\\x1F\\x7F" },
	{ TEXT("\t"), true, "\\x09" },
	{ TEXT("\x1b[31mred"), true, "\\x1B[31mred" },
	{ TEXT("J\xc3\xb6rg \xe6\x97\xa5 \xf0\x9f\x98\x80"), false,
	    "J\xc3\xb6rg \xe6\x97\xa5 \xf0\x9f\x98\x80" },
	{ TEXT("J\xf6rg"), false, "J\\xF6rg" },
	{ TEXT("\xc3"), false, "\\xC3" },
	{ TEXT("\xe6\x97"), false, "\\xE6\\x97" },
	{ TEXT("\xc2\x80\xc2\x9b\xc2\x9f"), false, "\\xC2\\x80\\xC2\\x9B\\xC2\\x9F" },
	{ TEXT("\xc2\xa0"), false, "\xc2\xa0" },
	{ TEXT("\xe2\x80\xae"), false, "\\xE2\\x80\\xAE" },
	{ TEXT("\xe2\x80\x8e\xe2\x80\x8f"), false, "\\xE2\\x80\\x8E\\xE2\\x80\\x8F" },
	{ TEXT("\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9"), false,
	    "\\xE2\\x80\\xAA\\xE2\\x81\\xA6\\xE2\\x81\\xA9" },
	{ TEXT("\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"), false,
	    "\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
	{ TEXT("\\x41"), false, "\\x41" },
};

static void
text_is_printable(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		text_printable(&out, texts[i].text, texts[i].keep_lf);
		if (strcmp(out.data, texts[i].printable) != 0) {
			complain(texts[i].text, texts[i].printable, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

/* The bounds of each row of RFC 3629 section 4, and one past. */
static const struct {
	struct span text;
	unsigned length;
} sequences[] = {
	{ TEXT(""), 0 },
	{ TEXT("\0"), 1 },
	{ TEXT("\x7f"), 1 },
	{ TEXT("ab"), 1 },
	{ TEXT("\x80"), 0 },
	{ TEXT("\xbf"), 0 },
	{ TEXT("\xc0\x80"), 0 },
	{ TEXT("\xc1\xbf"), 0 },
	{ TEXT("\xc2\x80"), 2 },
	{ TEXT("\xc2\x7f"), 0 },
	{ TEXT("\xc2\xc0"), 0 },
	{ TEXT("\xdf\xbf"), 2 },
	{ TEXT("\xdf"), 0 },
	{ TEXT("\xe0\x9f\xbf"), 0 },
	{ TEXT("\xe0\xa0\x80"), 3 },
	{ TEXT("\xe0\xa0"), 0 },
	{ TEXT("\xe0\xa0\x7f"), 0 },
	{ TEXT("\xe0\xa0\xc0"), 0 },
	{ TEXT("\xe1\x80\x80"), 3 },
	{ TEXT("\xec\xbf\xbf"), 3 },
	{ TEXT("\xed\x9f\xbf"), 3 },
	{ TEXT("\xed\xa0\x80"), 0 },
	{ TEXT("\xee\x80\x80"), 3 },
	{ TEXT("\xef\xbf\xbf"), 3 },
	{ TEXT("\xf0\x8f\xbf\xbf"), 0 },
	{ TEXT("\xf0\x90\x80\x80"), 4 },
	{ TEXT("\xf0\x90\x80"), 0 },
	{ TEXT("\xf0\x90\x80\x7f"), 0 },
	{ TEXT("\xf1\x80\x80\x80"), 4 },
	{ TEXT("\xf3\xbf\xbf\xbf"), 4 },
	{ TEXT("\xf4\x8f\xbf\xbf"), 4 },
	{ TEXT("\xf4\x90\x80\x80"), 0 },
	{ TEXT("\xf5\x80\x80\x80"), 0 },
	{ TEXT("\xff"), 0 },
};

static void
text_knows_utf8(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		unsigned length = utf8_length(sequences[i].text);

		if (length != sequences[i].length) {
			complain(sequences[i].text, "another length", "this");
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	assert_true(utf8_valid(span_of("")));
	assert_true(utf8_valid(span_of("a\xc3\xb6\xe6\x97\xa5")));
	assert_false(utf8_valid(span_of("a\xc3\xb6\xe6\x97")));
	assert_false(utf8_valid(span_of("\xf6")));
}

/* In two pieces, it is what its sequences are one by one. */
static void
text_knows_utf8_in_pieces(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		struct span text = sequences[i].text, rest = text;

		for (unsigned n = utf8_length(rest); n > 0; n = utf8_length(rest)) {
			rest.data += n;
			rest.len -= n;
		}
		for (size_t at = 0; at <= text.len; at++) {
			struct span begin = { text.data, at },
				    end = { text.data + at, text.len - at };
			unsigned whole = utf8_pass(utf8_pass(UTF8_WHOLE, begin), end);

			if ((whole == UTF8_WHOLE) != (rest.len == 0)) {
				complain(text, "another verdict", "this");
				failures++;
			}
		}
		failures += utf8_pass(UTF8_BROKEN, text) != UTF8_BROKEN;
	}
	assert_int_equal(failures, 0);
	assert_int_equal(utf8_pass(UTF8_WHOLE, span_of("\xe2\x82\xac\xc3")),
	    utf8_pass(UTF8_WHOLE, span_of("\xc3")));
}

/* log */

static const struct {
	const char *value, *field;
} fields[] = {
	{ "x", "k=x" },
	{ "", "k=\"\"" },
	{ "a b", "k=\"a b\"" },
	{ "a\"b", "k=\"a\\\"b\"" },
	{ "a=b", "k=\"a=b\"" },
	{ "a'b", "k=\"a'b\"" },
	/* A backslash must not take away the one before a quotation mark, nor look like \xHH. */
	{ "a\\b", "k=\"a\\\\b\"" },
	{ "a\\\" x=y", "k=\"a\\\\\\\" x=y\"" },
	{ "\\x0A", "k=\"\\\\x0A\"" },
	{ "<a@b.c>", "k=<a@b.c>" },
	{ "a\nb", "k=\"a\\x0Ab\"" },
	{ "a\x01"
	  "b",
	    "k=a\\x01b" },
	{ "\xff", "k=\\xFF" },
	{ "J\xc3\xb6rg", "k=J\xc3\xb6rg" },
};

static void
log_quotes_fields(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct buf line = BUF_INIT(LOG_LINE_MAX);

		log_field(&line, "k", fields[i].value);
		if (strcmp(line.data, fields[i].field) != 0) {
			complain(span_of(fields[i].value), fields[i].field, line.data);
			failures++;
		}
		buf_release(&line);
	}
	assert_int_equal(failures, 0);
}

static void
log_joins_fields(void **state)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);

	(void)state;
	log_field(&line, "a", "1");
	log_number(&line, "b", -2);
	log_field(&line, "c", "x y");
	assert_string_equal(line.data, "a=1 b=-2 c=\"x y\"");
	buf_clear(&line);
	log_number(&line, "b", LLONG_MIN);
	assert_string_equal(line.data, "b=-9223372036854775808");
	buf_release(&line);
}

static void
log_appends_to_a_private_file(void **state)
{
	char folder[] = "/tmp/test_base.XXXXXX", text[256] = "";
	struct buf path = BUF_INIT(256);
	struct stat st;
	struct err e;
	FILE *f;

	(void)state;
	err_init(&e);
	assert_non_null(mkdtemp(folder));
	buf_addf(&path, "%s/log", folder);
	assert_int_equal(log_file(path.data, "a=1", &e), 0);
	assert_int_equal(log_file(path.data, "b=2", &e), 0);
	assert_int_equal(stat(path.data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	f = fopen(path.data, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text + strlen("2026-11-21T21:11:05+0100 "), "a=1\n");
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text + strlen("2026-11-21T21:11:05+0100 "), "b=2\n");
	assert_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_int_equal(unlink(path.data), 0);
	assert_int_equal(log_file(folder, "a=1", &e), -1);
	assert_int_equal(e.kind, ERR_CANT_CREATE);
	assert_int_equal(rmdir(folder), 0);
	buf_release(&path);
	err_release(&e);
}

/* clock */

static void
clock_counts_deadlines(void **state)
{
	int64_t now = clock_ms();

	(void)state;
	assert_true(clock_ms() >= now);
	assert_true(deadline_in(-1) == DEADLINE_NONE);
	assert_true(deadline_in(INT64_MAX) == DEADLINE_NONE);
	assert_true(deadline_in(0) >= now);
	assert_true(deadline_in(60000) >= now + 60000);
	assert_int_equal(deadline_poll_ms(DEADLINE_NONE), -1);
	assert_int_equal(deadline_poll_ms(now - 1), 0);
	assert_int_equal(deadline_poll_ms(0), 0);
	assert_int_equal(deadline_poll_ms(now + (int64_t)INT_MAX * 2), INT_MAX);
	assert_in_range(deadline_poll_ms(now + 3600000), 1, 3600000);
	assert_true(deadline_min(1, 2) == 1);
	assert_true(deadline_min(DEADLINE_NONE, 2) == 2);
}

/* A lock that somebody else has is waited for until the deadline, and one that is free, taken. */
static void
locks_within_a_deadline(void **state)
{
	char path[] = "/tmp/sendoff-lock-XXXXXX";
	int first = mkostemp(path, O_CLOEXEC), second;

	(void)state;
	assert_true(first >= 0);
	second = open(path, O_RDWR | O_CLOEXEC);
	assert_true(second >= 0);
	assert_int_equal(deadline_lock(first, deadline_in(0)), 0);
	assert_int_equal(deadline_lock(second, deadline_in(50)), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(deadline_lock(-1, DEADLINE_NONE), -1);
	assert_int_equal(errno, EBADF);
	close(first);
	assert_int_equal(deadline_lock(second, deadline_in(0)), 0);
	close(second);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_is_a_string_from_the_start),
		cmocka_unit_test(buf_keeps_its_ceiling),
		cmocka_unit_test(buf_adds_all_or_nothing),
		cmocka_unit_test(buf_without_a_ceiling),
		cmocka_unit_test(buf_reserves_and_commits),
		cmocka_unit_test(buf_splices),
		cmocka_unit_test(buf_shortens),
		cmocka_unit_test(buf_wipes_secrets),
		cmocka_unit_test(buf_grows_secrets),
		cmocka_unit_test(wipe_writes_zeros),
		cmocka_unit_test(err_kinds_are_complete),
		cmocka_unit_test(err_says_what_may_pass),
		cmocka_unit_test(err_is_filled_and_wrapped),
		cmocka_unit_test(err_keeps_errno),
		cmocka_unit_test(err_cuts_what_is_too_long),
		cmocka_unit_test(err_moves_and_copies),
		cmocka_unit_test(span_compares),
		cmocka_unit_test(span_trims),
		cmocka_unit_test(span_cuts),
		cmocka_unit_test(span_reads_numbers),
		cmocka_unit_test(err_knows_own_trouble),
		cmocka_unit_test(text_is_printable),
		cmocka_unit_test(text_knows_utf8),
		cmocka_unit_test(text_knows_utf8_in_pieces),
		cmocka_unit_test(log_quotes_fields),
		cmocka_unit_test(log_joins_fields),
		cmocka_unit_test(log_appends_to_a_private_file),
		cmocka_unit_test(clock_counts_deadlines),
		cmocka_unit_test(locks_within_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
