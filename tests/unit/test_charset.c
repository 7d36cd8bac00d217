/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/charset.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text in a charset, and as UTF-8; NULL: refused, and the error says that. */
static const struct {
	const char *charset;
	struct span text;
	const char *utf8;
	const char *refusal;
} rows[] = {
	{ "UTF-8", TEXT(""), "", NULL },
	{ "UTF-8",
	    TEXT("Gr\xc3\xbc\xc3\x9f"
		 "e\n"),
	    "Gr\xc3\xbc\xc3\x9f"
	    "e\n",
	    NULL },
	{ "utf8", TEXT("\xef\xbb\xbfhello"), "hello", NULL },
	{ "UTF-8", TEXT("a\nb\xfc"), NULL,
	    "the text is not in UTF-8: octet 0xFC in line 2 (octet 4 of the text)" },
	{ "UTF-8", TEXT("\xed\xa0\x80"), NULL, "octet 0xED in line 1" },
	{ "ISO-8859-1",
	    TEXT("Gr\xfc\xdf"
		 "e"),
	    "Gr\xc3\xbc\xc3\x9f"
	    "e",
	    NULL },
	{ "latin1", TEXT("\x80\xff"), "\xc2\x80\xc3\xbf", NULL },
	{ "ISO-8859-15", TEXT("\xa4"), "\xe2\x82\xac", NULL },
	{ "windows-1252", TEXT("\x80\x93x\x94"), "\xe2\x82\xac\xe2\x80\x9cx\xe2\x80\x9d", NULL },
	{ "windows-1252", TEXT("x\n\n\x81"), NULL,
	    "the text is not in windows-1252: octet 0x81 in line 3 (octet 4 of the text)" },
	{ "KOI8-R", TEXT("\xf0\xd2"), "\xd0\x9f\xd1\x80", NULL },
	{ "Shift_JIS", TEXT("\x93\xfa\x96\x7b"), "\xe6\x97\xa5\xe6\x9c\xac", NULL },
	{ "Shift_JIS", TEXT("\x93\xfa\x96"), NULL,
	    "the text is not in Shift_JIS: it ends amid a character" },
	{ "ISO-2022-JP", TEXT("\x1b$BF|K\\\x1b(B"), "\xe6\x97\xa5\xe6\x9c\xac", NULL },
	{ "ISO-2022-JP", TEXT("a\x1b$BF|\x1b(B\n\x1b$BK\\"), "a\xe6\x97\xa5\n\xe6\x9c\xac", NULL },
	{ "ISO-2022-JP", TEXT("\x1b$BF"), NULL,
	    "the text is not in ISO-2022-JP: it ends amid a character" },
	/* A character that waits for another one to be joined with. */
	{ "windows-1258", TEXT("ae"), "ae", NULL },
	{ "UTF-16LE",
	    TEXT("a\0\xff\xfe"
		 "b\0"),
	    "a\xef\xbb\xbf"
	    "b",
	    NULL },
	{ "windows-1258",
	    TEXT("a\xcc"
		 "e\xec"),
	    "\xc3\xa0\xc3\xa9", NULL },
	{ "GB18030", TEXT("\x90\x30\x81\x30"), "\xf0\x90\x80\x80", NULL },
	{ "UTF-8", TEXT("\xf0\x9f\x98\x80\xe2\x82\xac"), "\xf0\x9f\x98\x80\xe2\x82\xac", NULL },
	{ "UTF-8",
	    TEXT("a\n\xf0\x9f\x98"
		 "bcd"),
	    NULL, "octet 0xF0 in line 2 (octet 3 of the text)" },
	{ "UTF-8",
	    TEXT("\xef\xbb\xbf\xef\xbb\xbf"
		 "a"),
	    "\xef\xbb\xbf"
	    "a",
	    NULL },
	{ "UTF-16",
	    TEXT("\xff\xfe"
		 "a\0\xfc\0"),
	    "a\xc3\xbc", NULL },
	{ "UTF-16", TEXT("\xfe\xff\xd8\x3d\xde\0"), "\xf0\x9f\x98\x80", NULL },
	{ "UTF-16LE",
	    TEXT("\xff\xfe"
		 "a\0"),
	    "a", NULL },
	{ "US-ASCII", TEXT("a\xc3"), NULL, "octet 0xC3 in line 1 (octet 2 of the text)" },
	{ "no-such-charset", TEXT("a"), NULL, "the charset \"no-such-charset\" is not known" },
	{ "", TEXT("a"), NULL, "the charset \"\" is not known" },
	{ "ASCII//IGNORE", TEXT("a\xc3"), NULL, "the charset \"ASCII//IGNORE\" is not known" },
	{ "ASCII//TRANSLIT", TEXT("a"), NULL, "is not known" },
};

/* In pieces of so many octets. */
static int
add_in_pieces(struct charset *c, struct span text, size_t size, struct buf *out, struct err *err)
{
	while (text.len > 0) {
		size_t len = text.len < size ? text.len : size;

		if (charset_add(c, (struct span){ text.data, len }, out, err) != 0)
			return -1;
		text.data += len;
		text.len -= len;
	}
	return charset_end(c, out, err);
}

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

/* However a text is cut, what it comes to is the same, and so is what is said of it. */
static void
converts_text_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t size = 1; size <= rows[i].text.len; size++) {
			struct buf out = BUF_INIT(1000000);
			struct charset c;
			struct err err;
			int rc;

			err_init(&err);
			rc = charset_init(&c, rows[i].charset, &err);
			if (rc == 0)
				rc = add_in_pieces(&c, rows[i].text, size, &out, &err);
			if (rows[i].utf8 != NULL) {
				assert_int_equal(rc, 0);
				assert_string_equal(out.data, rows[i].utf8);
			} else {
				assert_int_equal(rc, -1);
				assert_non_null(strstr(err.what.data, rows[i].refusal));
			}
			charset_release(&c);
			buf_release(&out);
			err_release(&err);
		}
}

/* Lines and octets are counted over all pieces. */
static void
tells_where_text_is_wrong(void **state)
{
	static const char *const names[] = { "UTF-8", "EUC-JP" };
	struct buf text = BUF_INIT(100000), out = BUF_INIT(200000);

	(void)state;
	while (text.len < 70000)
		buf_adds(&text, "123456789\n");
	buf_adds(&text,
	    "abc\xff"
	    "d");
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t size = 1; size <= 70001; size = size * 5 + 1) {
			struct charset c;
			struct err err;

			err_init(&err);
			assert_int_equal(charset_init(&c, names[i], &err), 0);
			assert_int_equal(add_in_pieces(&c, (struct span){ text.data, text.len },
					     size, &out, &err),
			    -1);
			assert_non_null(strstr(err.what.data,
			    ": octet 0xFF in line 7001 (octet 70004 of the text)"));
			charset_release(&c);
			buf_clear(&out);
			err_release(&err);
		}
	buf_release(&text);
	buf_release(&out);
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
		assert_int_equal(charset_to_utf8((struct span){ text.data, text.len },
				     "windows-1252", &out, &err),
		    0);
		assert_int_equal(out.len, (len + 1) / 2 * 3 + len / 2 * 2);
		assert_memory_equal(out.data + out.len - out.len % 5, "\xe2\x82\xac\xc3\xbc",
		    out.len % 5);
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
	const char *charset; /* what it is taken for */
} guesses[] = {
	{ TEXT(""), "UTF-8" },
	{ TEXT("hello"), "UTF-8" },
	{ TEXT("Gr\xc3\xbc\xc3\x9f"
	       "e"),
	    "UTF-8" },
	{ TEXT("\xef\xbb\xbfhello"), "UTF-8" },
	{ TEXT("Gr\xfc\xdf"
	       "e"),
	    "ISO-8859-15" },
	{ TEXT("10 \xa4"), "ISO-8859-15" },
	{ TEXT("10 \x80, Gr\xfc\xdf"
	       "e"),
	    "windows-1252" },
	{ TEXT("\x93x\x94"), "windows-1252" },
	{ TEXT("\x81"), NULL },
	{ TEXT("\x90\xfc"), NULL },
	{ TEXT("a\0\xfc"), NULL },
	/* Cut off amid a character. */
	{ TEXT("Gr\xc3\xbc\xc3\x9f"
	       "e \xe2\x80"),
	    "windows-1252" },
	{ TEXT("Gr\xc3\xbc\xc3\x9f"
	       "e, \xc3\xbc \xe2\x80"),
	    "UTF-8" },
	{ TEXT("\xff\xfe"
	       "a\0\xfc\0"),
	    "UTF-16" },
	{ TEXT("\xfe\xff\0a\0\xfc"), "UTF-16" },
	{ TEXT("\xff\xfe"
	       "abc"),
	    "UTF-16" },
	{ TEXT("\xff"
	       "\xff\xfe"),
	    "ISO-8859-15" },
	{ TEXT("\xef\xbb\xbf\xfc"), "ISO-8859-15" },
};

/* What passes is what came, but for a mark. */
static void
guesses_charsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(guesses); i++) {
		struct span text = guesses[i].text;
		struct buf out = BUF_INIT(100000);
		struct charset c;
		const char *charset;
		struct err err;

		err_init(&err);
		charset_init_unknown(&c);
		add_in_pieces(&c, text, text.len + 1, &out, &err);
		charset = charset_guess(&c);
		if (guesses[i].charset == NULL)
			assert_null(charset);
		else
			assert_string_equal(charset, guesses[i].charset);
		assert_int_equal(out.len, text.len - (c.marked ? 3 : 0));
		assert_memory_equal(out.data, text.data + (c.marked ? 3 : 0), out.len);
		/* However it is cut. */
		for (size_t size = 1; size < text.len; size++) {
			struct charset again;

			buf_clear(&out);
			charset_init_unknown(&again);
			add_in_pieces(&again, text, size, &out, &err);
			assert_ptr_equal(charset_guess(&again), charset);
			assert_int_equal(out.len, text.len - (c.marked ? 3 : 0));
			assert_int_equal(again.marked, c.marked);
			assert_int_equal(again.characters, c.characters);
			assert_int_equal(again.others, c.others);
		}
		buf_release(&out);
		err_release(&err);
	}
}

static const struct {
	struct span text;
	const char *utf8;
} damaged[] = {
	{ TEXT(""), "" },
	{ TEXT("\xef\xbb\xbf"
	       "a\xef\xbb\xbf"),
	    "a\xef\xbb\xbf" },
	{ TEXT("\x81"), "\xef\xbf\xbd" },
	{ TEXT("\xf0\x9f\x98"
	       "a"),
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "a" },
	{ TEXT("\xf0\x9f\x98\x80\xf0\x9f"), "\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd" },
	{ TEXT("\xfd\xc3\xbc\xe2\x82"), "\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd" },
};

static void
repairs_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(damaged); i++)
		for (size_t size = 1; size <= damaged[i].text.len + 1; size++) {
			struct buf out = BUF_INIT(1000);
			struct charset c;
			struct err err;

			err_init(&err);
			charset_init_repair(&c);
			assert_int_equal(add_in_pieces(&c, damaged[i].text, size, &out, &err), 0);
			assert_string_equal(out.data, damaged[i].utf8);
			buf_release(&out);
			err_release(&err);
		}
}

/* Names in HTML, and what is meant by them; NULL: nothing that is used. */
static void
knows_charsets_of_html(void **state)
{
	static const struct {
		const char *name, *meant;
	} names[] = {
		{ "ISO-8859-1", "windows-1252" },
		{ "latin1", "windows-1252" },
		{ "US-ASCII", "windows-1252" },
		{ "iso-8859-2", "iso-8859-2" },
		{ "Shift_JIS", "CP932" },
		{ "x-sjis", "CP932" },
		{ "GB2312", "GB18030" },
		{ "ISO-2022-JP", "ISO-2022-JP" },
		{ "koi8-r", "koi8-r" },
		{ "utf-8", NULL },
		{ "utf-16", NULL },
		{ "UTF-7", NULL },
		{ "IBM037", NULL },
		{ "", NULL },
		{ "x-user-defined", NULL },
		{ "../x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *meant = charset_of_html(names[i].name);

		if (names[i].meant == NULL)
			assert_null(meant);
		else
			assert_string_equal(meant, names[i].meant);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts_text),
		cmocka_unit_test(converts_text_in_pieces),
		cmocka_unit_test(converts_long_text),
		cmocka_unit_test(tells_where_text_is_wrong),
		cmocka_unit_test(fails_where_there_is_no_room),
		cmocka_unit_test(guesses_charsets),
		cmocka_unit_test(repairs_text),
		cmocka_unit_test(knows_charsets_of_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
