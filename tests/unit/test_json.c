/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "command/json.h"

/* What a text is written as, between its quotation marks; the caller frees it. */
static char *
written(struct span text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&out, &len);

	assert_non_null(file);
	json_write_string(file, text);
	assert_int_equal(fclose(file), 0);
	assert_true(len >= 2 && out[0] == '"' && out[len - 1] == '"');
	out[len - 1] = '\0';
	memmove(out, out + 1, len - 1);
	return out;
}

#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}

static const struct {
	struct span text;
	const char *wanted;
} strings[] = {
	{ TEXT(""), "" },
	{ TEXT("plain text."), "plain text." },
	{ TEXT("a\"b\\c/"), "a\\\"b\\\\c/" },
	{ TEXT("line\nline\r\n\t"), "line\\nline\\u000d\\n\\u0009" },
	{ TEXT("a\0b"), "a\\u0000b" },
	{ TEXT("\x1b[2J\x7f"), "\\u001b[2J\\u007f" },
	{ TEXT("J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x93\xa7"),
	    "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x93\xa7" },
	/* C1 controls, at both bounds and one past them. */
	{ TEXT("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\u0080\\u009b\\u009f\xc2\xa0" },
	/* Direction marks, line separators, the byte order mark, and their neighbours. */
	{ TEXT("\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90"),
	    "\xe2\x80\x8d\\u200e\\u200f\xe2\x80\x90" },
	{ TEXT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf"),
	    "\xe2\x80\xa7\\u2028\\u202e\xe2\x80\xaf" },
	{ TEXT("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"),
	    "\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa" },
	{ TEXT("\xef\xbb\xbf"), "\\ufeff" },
	/* No UTF-8: too long a form, a surrogate, above U+10FFFF, cut short, a lone octet. */
	{ TEXT("\xc0\xaf"), "\\ufffd\\ufffd" },
	{ TEXT("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd" },
	{ TEXT("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ TEXT("\xe2\x82"), "\\ufffd\\ufffd" },
	{ TEXT("\xff\"\xfe"), "\\ufffd\\\"\\ufffd" },
	{ TEXT("\xc3\"x"), "\\ufffd\\\"x" },
};

static void
writes_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		char *got = written(strings[i].text);

		assert_string_equal(got, strings[i].wanted);
		free(got);
	}
}

static bool
is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* The length of the escape sequence at text, which is one that RFC 8259 has; 0: it is none. */
static size_t
escape_length(const char *text)
{
	if (text[1] == '"' || text[1] == '\\' || text[1] == 'n')
		return 2;
	return text[1] == 'u' && is_hex(text[2]) && is_hex(text[3]) && is_hex(text[4]) &&
		is_hex(text[5]) ?
	    6 :
	    0;
}

/* Valid between quotation marks, and safe on a terminal. */
static bool
is_sound(const char *text)
{
	struct buf printable = BUF_INIT(SIZE_MAX);
	bool sound = utf8_valid(span_of(text));

	text_printable(&printable, span_of(text), false);
	sound = sound && strcmp(printable.data, text) == 0;
	buf_release(&printable);
	while (sound && *text != '\0') {
		size_t n = *text == '\\' ? escape_length(text) : *text != '"';

		sound = n > 0;
		text += n;
	}
	return sound;
}

/*
 * Any octets at all: each alone, each pair, and many long ones by chance, with UTF-8's octets among
 * them.
 */
static void
is_valid_whatever_comes(void **state)
{
	char text[64];
	uint32_t random = 1;

	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		char pair[2] = { (char)(i >> 8), (char)i };
		char *got = written((struct span){ pair, sizeof(pair) });

		assert_true(is_sound(got));
		free(got);
	}
	for (unsigned i = 0; i < 100000; i++) {
		char *got;

		for (size_t k = 0; k < sizeof(text); k++) {
			random = random * 1664525 + 1013904223;
			text[k] = (char)((random >> 24) | (random & 0x10000 ? 0x80 : 0));
		}
		got = written((struct span){ text, random % sizeof(text) });
		assert_true(is_sound(got));
		free(got);
	}
}

static void
separates_values(void **state)
{
	char *out = NULL;
	size_t len = 0;
	struct json json = { open_memstream(&out, &len), false };

	(void)state;
	assert_non_null(json.out);
	json_begin(&json, NULL, '{');
	json_text(&json, "a", "x");
	json_text(&json, "b", NULL);
	json_number(&json, "n", INT64_MIN);
	json_begin(&json, "list", '[');
	json_begin(&json, NULL, '{');
	json_end(&json, '}');
	json_bool(&json, NULL, true);
	json_begin(&json, NULL, '[');
	json_end(&json, ']');
	json_bool(&json, NULL, false);
	json_end(&json, ']');
	json_null(&json, "z");
	json_end(&json, '}');
	assert_int_equal(fclose(json.out), 0);
	assert_string_equal(out,
	    "{\"a\": \"x\", \"b\": null, \"n\": -9223372036854775808, \"list\": [{}, true, [], false], \"z\": null}");
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_strings),
		cmocka_unit_test(is_valid_whatever_comes),
		cmocka_unit_test(separates_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
