/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/media.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
finds_extensions(void **state)
{
	static const struct {
		const char *name, *extension;
	} rows[] = {
		{ "a.txt", "txt" },
		{ "a.tar.gz", "gz" },
		{ "a", "" },
		{ "", "" },
		{ ".profile", "" },
		{ ".a.b", "b" },
		{ "a.", "" },
		{ ".", "" },
		{ "..", "" },
		{ "a.B c", "B c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(span_is(media_extension(span_of(rows[i].name)), rows[i].extension));
}

static void
knows_extensions(void **state)
{
	static const struct {
		const char *extension, *type;
	} rows[] = {
		{ "3gp", "video/3gpp" },
		{ "zst", "application/zstd" },
		{ "pdf", "application/pdf" },
		{ "PDF", "application/pdf" },
		{ "Jpg", "image/jpeg" },
		{ "txt", "text/plain" },
		{ "eml", "message/rfc822" },
		{ "md", "text/markdown" },
		{ "docx",
		    "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
		{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ "woff2", "font/woff2" },
		{ "p7s", "application/pkcs7-signature" },
		{ "ics", "text/calendar" },
		{ "", NULL },
		{ "tx", NULL },
		{ "txtt", NULL },
		{ "0", NULL },
		{ "zzz", NULL },
		{ "markdownmarkdown", NULL },
		{ "pdf ", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *type = media_by_extension(span_of(rows[i].extension));

		if (rows[i].type == NULL)
			assert_null(type);
		else
			assert_string_equal(type, rows[i].type);
	}
	assert_null(media_by_extension((struct span)TEXT("pdf\0")));
}

/*
 * All that is in the table is found: it is sorted.  Every extension of three letters and digits is
 * asked for.
 */
static void
has_a_sorted_table(void **state)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < 36 * 36 * 36; i++) {
		char extension[4] = { digits[i / 1296], digits[i / 36 % 36], digits[i % 36], '\0' };
		const char *type = media_by_extension(span_of(extension));

		found += type != NULL;
		assert_true(type == NULL || media_is_valid(span_of(type)));
	}
	assert_int_equal(found, 94);
}

static void
reads_lists(void **state)
{
	static const char list[] = "# a comment foo\n"
				   "\n"
				   "application/foo\t\t\t foo  Fox # bar\n"
				   "application/none\n"
				   "bad type\tbad\n"
				   "nonsense\tbaz\n"
				   "application/baz\tbaz\n"
				   "application/last last";
	static const struct {
		const char *extension, *type;
	} rows[] = {
		{ "foo", "application/foo" },
		{ "FOX", "application/foo" },
		{ "last", "application/last" },
		{ "baz", "application/baz" },
		{ "bar", NULL },
		{ "comment", NULL },
		{ "application/foo", NULL },
		{ "", NULL },
		{ "type", NULL },
		{ "fo", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT(100);

		assert_int_equal(media_by_list(span_of(list), span_of(rows[i].extension), &out),
		    rows[i].type != NULL);
		assert_string_equal(out.data, rows[i].type != NULL ? rows[i].type : "");
		buf_release(&out);
	}
}

static void
knows_signatures(void **state)
{
	static const struct {
		struct span begin;
		const char *type;
	} rows[] = {
		{ TEXT("%PDF-1.7\n"), "application/pdf" },
		{ TEXT("%PDF-"), "application/pdf" },
		{ TEXT("%PDF"), NULL },
		{ TEXT("\x89PNG\r\n\x1a\n\0\0"), "image/png" },
		{ TEXT("\xff\xd8\xff\xe0"), "image/jpeg" },
		{ TEXT("GIF89a"), "image/gif" },
		{ TEXT("GIF87a"), "image/gif" },
		{ TEXT("GIF88a"), NULL },
		{ TEXT("PK\x03\x04xx"), "application/zip" },
		{ TEXT("PK\x05\x06"), "application/zip" },
		{ TEXT("PK"), NULL },
		{ TEXT("\x1f\x8b\x08"), "application/gzip" },
		{ TEXT(""), NULL },
		{ TEXT("hello"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *type = media_by_signature(rows[i].begin);

		if (rows[i].type == NULL)
			assert_null(type);
		else
			assert_string_equal(type, rows[i].type);
	}
}

static void
knows_types(void **state)
{
	struct buf longest = BUF_INIT(2000);

	(void)state;
	assert_true(media_is_valid(span_of("text/plain; charset=utf-8")));
	assert_false(media_is_valid(span_of("text/pl\xc3\xa4in")));
	assert_false(media_is_valid(span_of("text/plain;\r\n x=y")));
	assert_false(media_is_valid(span_of("text/plain; x=\"\t\"")));
	assert_false(media_is_valid(span_of("plain")));
	buf_adds(&longest, "a/");
	while (longest.len < 998)
		buf_addc(&longest, 'b');
	assert_true(media_is_valid((struct span){ longest.data, longest.len }));
	buf_addc(&longest, 'b');
	assert_false(media_is_valid((struct span){ longest.data, longest.len }));
	buf_release(&longest);
}

static void
compares_types(void **state)
{
	(void)state;
	assert_true(media_is(span_of("Text/Plain; charset=x"), "text/plain"));
	assert_true(media_is(span_of(" text/plain(x)"), "text/plain"));
	assert_true(media_is(span_of("text/html"), "text/"));
	assert_false(media_is(span_of("text/plaintext"), "text/plain"));
	assert_false(media_is(span_of("text"), "text/"));
	assert_false(media_is(span_of(""), "text/plain"));
	assert_false(media_is(span_of("application/text/"), "text/"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_extensions),
		cmocka_unit_test(knows_extensions),
		cmocka_unit_test(has_a_sorted_table),
		cmocka_unit_test(reads_lists),
		cmocka_unit_test(knows_signatures),
		cmocka_unit_test(knows_types),
		cmocka_unit_test(compares_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
