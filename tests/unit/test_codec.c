/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "complain.h"
#include "format/codec.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

/* RFC 4648 section 10, RFC 4616 section 4, and the whole alphabet. */
static const struct {
	struct span octets, text;
} base64_rows[] = {
	{ TEXT(""), TEXT("") },
	{ TEXT("f"), TEXT("Zg==") },
	{ TEXT("fo"), TEXT("Zm8=") },
	{ TEXT("foo"), TEXT("Zm9v") },
	{ TEXT("foob"), TEXT("Zm9vYg==") },
	{ TEXT("fooba"), TEXT("Zm9vYmE=") },
	{ TEXT("foobar"), TEXT("Zm9vYmFy") },
	{ TEXT("\0tim\0tanstaaftanstaaf"), TEXT("AHRpbQB0YW5zdGFhZnRhbnN0YWFm") },
	{ TEXT("\0"), TEXT("AA==") },
	{ TEXT("\0\0"), TEXT("AAA=") },
	{ TEXT("\xff\xff\xff"), TEXT("////") },
	{ TEXT("\xfb\xef\xbe"), TEXT("++++") },
	{ TEXT(
	      "\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71\xd7\x9f"
	      "\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf"),
	    TEXT("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") },
};

static const struct span not_base64[] = {
	TEXT("Z"),
	TEXT("Zg"),
	TEXT("Zg="),
	TEXT("Zm9vY"),
	TEXT("Zm9vYg"),
	TEXT("Zm9vYg="),
	TEXT("="),
	TEXT("=="),
	TEXT("==="),
	TEXT("===="),
	TEXT("Z==="),
	TEXT("Zg==Zg=="),
	TEXT("Zm8=Zm8="),
	TEXT("Zg=a"),
	TEXT("=Zg="),
	TEXT("Z=g="),
	TEXT("Zm9v===="),
	TEXT("A==="),
	TEXT("AAAAA==="),
	/* Bits that are left over: one canonical form only. */
	TEXT("Zh=="),
	TEXT("Zi=="),
	TEXT("Zn=="),
	TEXT("Zo=="),
	TEXT("Zv=="),
	TEXT("Zm9="),
	TEXT("Zm+="),
	/* Octets outside the alphabet. */
	TEXT("Zm 9"),
	TEXT(" Zm9v"),
	TEXT("Zm9v "),
	TEXT("Zm9v\r\n"),
	TEXT("Zm\n9vYg=="),
	TEXT("Zm9-"),
	TEXT("Zm9_"),
	TEXT("Zm9\0"),
	TEXT("Zm9\xc3"),
	TEXT("Zm9,"),
	TEXT("Zm9:"),
	TEXT("Zm9@"),
	TEXT("Zm9["),
	TEXT("Zm9`"),
	TEXT("Zm9{"),
	TEXT("Zm9."),
	TEXT("Zm9*"),
};

static bool
holds(const struct buf *b, struct span s)
{
	return buf_ok(b) && b->len == s.len && memcmp(b->data, s.data, s.len) == 0 &&
	    b->data[b->len] == '\0';
}

static void
encodes_base64(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(base64_rows) / sizeof(base64_rows[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		base64_add(&out, base64_rows[i].octets);
		if (!holds(&out, base64_rows[i].text)) {
			complain(base64_rows[i].text, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

static void
decodes_base64(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(base64_rows) / sizeof(base64_rows[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		if (!base64_decode(&out, base64_rows[i].text) ||
		    !holds(&out, base64_rows[i].octets)) {
			complain(base64_rows[i].text, "not decoded");
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

static void
refuses_what_is_not_base64(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(not_base64) / sizeof(not_base64[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		buf_adds(&out, "kept");
		if (base64_decode(&out, not_base64[i]) || !holds(&out, span_of("kept"))) {
			complain(not_base64[i], "accepted, or the buffer changed");
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

static void
appends_base64_within_the_ceiling(void **state)
{
	struct buf out = BUF_INIT(8);

	(void)state;
	base64_add(&out, span_of("foo"));
	base64_add(&out, span_of("foob"));
	assert_string_equal(out.data, "Zm9v");
	assert_false(buf_ok(&out));
	buf_clear(&out);
	base64_add(&out, span_of("foobar"));
	assert_true(buf_ok(&out));
	assert_string_equal(out.data, "Zm9vYmFy");
	buf_clear(&out);
	buf_adds(&out, "1234");
	assert_true(base64_decode(&out, span_of("Zm9vYg==")));
	assert_string_equal(out.data, "1234foob");
	assert_false(base64_decode(&out, span_of("Zg==")));
	assert_string_equal(out.data, "1234foob");
	buf_release(&out);
}

static void
takes_every_octet_through_base64(void **state)
{
	char octets[256];

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)i;
	for (size_t len = 0; len <= sizeof(octets); len++) {
		struct buf text = BUF_INIT(SIZE_MAX), back = BUF_INIT(SIZE_MAX);

		base64_add(&text, (struct span){ octets, len });
		assert_true(base64_decode(&back, (struct span){ text.data, text.len }));
		assert_true(holds(&back, (struct span){ octets, len }));
		buf_release(&text);
		buf_release(&back);
	}
}

static const struct {
	struct span octets;
	const char *xtext;
} xtext_rows[] = {
	{ TEXT(""), "" },
	{ TEXT("alice@example.org"), "alice@example.org" },
	{ TEXT("a+b=c"), "a+2Bb+3Dc" },
	{ TEXT("a b"), "a+20b" },
	{ TEXT("!~"), "!~" },
	{ TEXT(" \x7f"), "+20+7F" },
	{ TEXT("\0\n\xff"), "+00+0A+FF" },
	{ TEXT("\xc3\xb6"), "+C3+B6" },
	{ TEXT("<>\"\\"), "<>\"\\" },
};

static void
writes_xtext(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(xtext_rows) / sizeof(xtext_rows[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);

		xtext_add(&out, xtext_rows[i].octets);
		if (!holds(&out, span_of(xtext_rows[i].xtext)) ||
		    !xtext_valid(span_of(xtext_rows[i].xtext))) {
			complain(xtext_rows[i].octets, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

static const struct span not_xtext[] = {
	TEXT("+"),
	TEXT("a+"),
	TEXT("+2"),
	TEXT("+2b"),
	TEXT("+b2"),
	TEXT("+G0"),
	TEXT("+0G"),
	TEXT("=3D"),
	TEXT("a=b"),
	TEXT("a b"),
	TEXT("a\x7f"),
	TEXT("\xc3\xb6"),
	TEXT("a\0"),
	TEXT("+2B+"),
	TEXT("+ 0"),
	TEXT("++2B"),
	TEXT("+/0"),
	TEXT("+:0"),
	TEXT("+@0"),
	TEXT("\x1f"),
	TEXT("\n"),
};

static void
refuses_what_is_not_xtext(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(not_xtext) / sizeof(not_xtext[0]); i++) {
		if (xtext_valid(not_xtext[i])) {
			complain(not_xtext[i], "accepted");
			failures++;
		}
	}
	assert_int_equal(failures, 0);
	/* A length is a bound: what stands behind it does not count. */
	assert_false(xtext_valid((struct span){ "+2B", 2 }));
	assert_true(xtext_valid((struct span){ "+2B", 3 }));
}

static const struct {
	struct span address;
	const char *unitext, *xtext;
} utf8_addresses[] = {
	{ TEXT(""), "", "" },
	{ TEXT("bob@example.org"), "bob@example.org", "bob@example.org" },
	{ TEXT("j\xc3\xbcr@x"), "j\xc3\xbcr@x", "j\\x{FC}r@x" },
	{ TEXT("\xe2\x82\xac@x"), "\xe2\x82\xac@x", "\\x{20AC}@x" },
	{ TEXT("\xf0\x9f\x98\x80@x"), "\xf0\x9f\x98\x80@x", "\\x{1F600}@x" },
	{ TEXT("a+b=c\\d e\x7f@x"), "a\\x{2B}b\\x{3D}c\\x{5C}d\\x{20}e\\x{7F}@x",
	    "a\\x{2B}b\\x{3D}c\\x{5C}d\\x{20}e\\x{7F}@x" },
	/* What is no UTF-8 cannot break out. */
	{ TEXT("a\xff\x01"), "a\\x{FF}\\x{01}", "a\\x{FF}\\x{01}" },
};

static void
writes_addresses_of_the_type_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(utf8_addresses) / sizeof(utf8_addresses[0]); i++) {
		struct buf out = BUF_INIT(1000);

		utf8_xtext_add(&out, utf8_addresses[i].address, false);
		assert_string_equal(out.data, utf8_addresses[i].unitext);
		buf_clear(&out);
		utf8_xtext_add(&out, utf8_addresses[i].address, true);
		assert_string_equal(out.data, utf8_addresses[i].xtext);
		buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_base64),
		cmocka_unit_test(decodes_base64),
		cmocka_unit_test(refuses_what_is_not_base64),
		cmocka_unit_test(appends_base64_within_the_ceiling),
		cmocka_unit_test(takes_every_octet_through_base64),
		cmocka_unit_test(writes_xtext),
		cmocka_unit_test(refuses_what_is_not_xtext),
		cmocka_unit_test(writes_addresses_of_the_type_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
