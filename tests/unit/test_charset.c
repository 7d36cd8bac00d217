/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/charset.h"

#define TEXT(s) { (s), sizeof(s) - 1 }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text in a charset, and as UTF-8; NULL: refused, and the error says that. */
static const struct {
	const char *charset;
	struct span text;
	const char *utf8;
	const char *refusal;
} rows[] = {
	{ "UTF-8", TEXT(""), "", NULL },
	{ "UTF-8", TEXT("Gr\xc3\xbc\xc3\x9f" "e\n"), "Gr\xc3\xbc\xc3\x9f" "e\n", NULL },
	{ "utf8", TEXT("\xef\xbb\xbfhello"), "hello", NULL },
	{ "UTF-8", TEXT("a\nb\xfc"), NULL, "the text is not in UTF-8: octet 0xFC in line 2 (octet 4 of the text)" },
	{ "UTF-8", TEXT("\xed\xa0\x80"), NULL, "octet 0xED in line 1" },
	{ "ISO-8859-1", TEXT("Gr\xfc\xdf" "e"), "Gr\xc3\xbc\xc3\x9f" "e", NULL },
	{ "latin1", TEXT("\x80\xff"), "\xc2\x80\xc3\xbf", NULL },
	{ "ISO-8859-15", TEXT("\xa4"), "\xe2\x82\xac", NULL },
	{ "windows-1252", TEXT("\x80\x93x\x94"), "\xe2\x82\xac\xe2\x80\x9cx\xe2\x80\x9d", NULL },
	{ "windows-1252", TEXT("x\n\n\x81"), NULL, "the text is not in windows-1252: octet 0x81 in line 3 (octet 4 of the text)" },
	{ "KOI8-R", TEXT("\xf0\xd2"), "\xd0\x9f\xd1\x80", NULL },
	{ "Shift_JIS", TEXT("\x93\xfa\x96\x7b"), "\xe6\x97\xa5\xe6\x9c\xac", NULL },
	{ "Shift_JIS", TEXT("\x93\xfa\x96"), NULL, "the text is not in Shift_JIS: it ends amid a character" },
	{ "ISO-2022-JP", TEXT("\x1b$BF|K\\\x1b(B"), "\xe6\x97\xa5\xe6\x9c\xac", NULL },
	{ "UTF-16", TEXT("\xff\xfe" "a\0\xfc\0"), "a\xc3\xbc", NULL },
	{ "UTF-16LE", TEXT("\xff\xfe" "a\0"), "a", NULL },
	{ "US-ASCII", TEXT("a\xc3"), NULL, "octet 0xC3 in line 1 (octet 2 of the text)" },
	{ "no-such-charset", TEXT("a"), NULL, "the charset \"no-such-charset\" is not known" },
	{ "", TEXT("a"), NULL, "the charset \"\" is not known" },
	{ "ASCII//IGNORE", TEXT("a\xc3"), NULL, "the charset \"ASCII//IGNORE\" is not known" },
	{ "ASCII//TRANSLIT", TEXT("a"), NULL, "is not known" },
};

static void
converts_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT(100000);
		struct err err;
		int rc;

		err_init(&err);
		rc = charset_to_utf8(rows[i].text, rows[i].charset, &out, &err);
		if (rows[i].utf8 != NULL) {
			assert_int_equal(rc, 0);
			assert_string_equal(out.data, rows[i].utf8);
		} else {
			assert_int_equal(rc, -1);
			assert_int_equal(err.kind, ERR_MESSAGE);
			assert_non_null(strstr(err.what.data, rows[i].refusal));
		}
		buf_release(&out);
		err_release(&err);
	}
}

/* More than one piece of what iconv(3) gives; each octet becomes two, or three. */
static void
converts_long_text(void **state)
{
	for (size_t len = 5000; len < 60000; len += 4999) {
		struct buf text = BUF_INIT(100000), out = BUF_INIT(300000);
		struct err err;

		(void)state;
		err_init(&err);
		for (size_t i = 0; i < len; i++)
			buf_addc(&text, i % 2 == 0 ? '\x80' : '\xfc');
		assert_int_equal(charset_to_utf8((struct span){ text.data, text.len }, "windows-1252", &out, &err), 0);
		assert_int_equal(out.len, (len + 1) / 2 * 3 + len / 2 * 2);
		assert_memory_equal(out.data + out.len - out.len % 5, "\xe2\x82\xac\xc3\xbc", out.len % 5);
		buf_release(&text);
		buf_release(&out);
		err_release(&err);
	}
}

static void
fails_where_there_is_no_room(void **state)
{
	struct buf out = BUF_INIT(3);
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(charset_to_utf8(span_of("abcd"), "UTF-8", &out, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	buf_clear(&out);
	assert_int_equal(charset_to_utf8(span_of("abcd"), "ISO-8859-1", &out, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	buf_release(&out);
	err_release(&err);
}

static const struct {
	struct span text;
	const char *charset;	/* what it is taken for */
	const char *utf8;
} guesses[] = {
	{ TEXT(""), "UTF-8", "" },
	{ TEXT("hello"), "UTF-8", "hello" },
	{ TEXT("Gr\xc3\xbc\xc3\x9f" "e"), "UTF-8", "Gr\xc3\xbc\xc3\x9f" "e" },
	{ TEXT("\xef\xbb\xbfhello"), "UTF-8", "hello" },
	{ TEXT("Gr\xfc\xdf" "e"), "ISO-8859-15", "Gr\xc3\xbc\xc3\x9f" "e" },
	{ TEXT("10 \xa4"), "ISO-8859-15", "10 \xe2\x82\xac" },
	{ TEXT("10 \x80, Gr\xfc\xdf" "e"), "windows-1252", "10 \xe2\x82\xac, Gr\xc3\xbc\xc3\x9f" "e" },
	{ TEXT("\x93x\x94"), "windows-1252", "\xe2\x80\x9cx\xe2\x80\x9d" },
	{ TEXT("\x81"), NULL, "\xef\xbf\xbd" },
	{ TEXT("\x90\xfc"), NULL, "\xef\xbf\xbd\xef\xbf\xbd" },
	{ TEXT("a\0\xfc"), NULL, "a" },
	/* Cut off amid a character. */
	{ TEXT("Gr\xc3\xbc\xc3\x9f" "e \xe2\x80"), "ISO-8859-15", NULL },
	{ TEXT("Gr\xc3\xbc\xc3\x9f" "e, \xc3\xbc \xe2\x80"), "UTF-8", "Gr\xc3\xbc\xc3\x9f" "e, \xc3\xbc \xef\xbf\xbd\xef\xbf\xbd" },
	{ TEXT("\xff\xfe" "a\0\xfc\0"), "UTF-16", "a\xc3\xbc" },
	{ TEXT("\xfe\xff\0a\0\xfc"), "UTF-16", "a\xc3\xbc" },
	{ TEXT("\xff\xfe" "abc"), "UTF-16", "\xef\xbf\xbd\xef\xbf\xbd" "abc" },
};

static void
guesses_charsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(guesses); i++) {
		struct buf out = BUF_INIT(100000);
		const char *charset = charset_guess(guesses[i].text);
		struct err err;

		err_init(&err);
		if (guesses[i].utf8 != NULL) {
			if (guesses[i].charset == NULL)
				assert_null(charset);
			else
				assert_string_equal(charset, guesses[i].charset);
		}
		buf_adds(&out, "<");
		assert_int_equal(charset_guessed_to_utf8(guesses[i].text, &out, &err), 0);
		if (guesses[i].utf8 != NULL)
			assert_string_equal(out.data + 1, guesses[i].utf8);
		buf_release(&out);
		err_release(&err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts_text),
		cmocka_unit_test(converts_long_text),
		cmocka_unit_test(fails_where_there_is_no_room),
		cmocka_unit_test(guesses_charsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
