/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "complain.h"
#include "format/header.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

static const struct {
	struct span line;
	enum header_line kind;
} lines[] = {
	{ TEXT(""), HEADER_BLANK },
	{ TEXT("Subject: x"), HEADER_FIELD },
	{ TEXT("Subject:"), HEADER_FIELD },
	{ TEXT("Subject :x"), HEADER_FIELD },
	{ TEXT("Subject \t : x"), HEADER_FIELD },
	{ TEXT("X-!#$%&'*+-./09;<=>?@AZ[\\]^_`az{|}~: x"), HEADER_FIELD },
	{ TEXT("a:b:c"), HEADER_FIELD },
	{ TEXT("From: a@b"), HEADER_FIELD },
	{ TEXT("From : a@b"), HEADER_FIELD },
	{ TEXT(">From: a@b"), HEADER_FIELD },
	{ TEXT("Subject: \xff\x00\x01"), HEADER_FIELD },
	{ TEXT(" x"), HEADER_CONTINUATION },
	{ TEXT("\tx"), HEADER_CONTINUATION },
	{ TEXT(" "), HEADER_CONTINUATION },
	{ TEXT(" Subject: x"), HEADER_CONTINUATION },
	{ TEXT("From a@b Sat Nov 21 21:11:05 2026"), HEADER_MBOX_FROM },
	{ TEXT(">From a@b Sat Nov 21 21:11:05 2026"), HEADER_MBOX_FROM },
	{ TEXT("From "), HEADER_MBOX_FROM },
	{ TEXT("From"), HEADER_OTHER },
	{ TEXT(">From"), HEADER_OTHER },
	{ TEXT(">>From x"), HEADER_OTHER },
	{ TEXT("from x"), HEADER_OTHER },
	{ TEXT("From\tx"), HEADER_OTHER },
	{ TEXT("Subject"), HEADER_OTHER },
	{ TEXT("Subject "), HEADER_OTHER },
	{ TEXT("Sub ject: x"), HEADER_OTHER },
	{ TEXT(": x"), HEADER_OTHER },
	{ TEXT(":"), HEADER_OTHER },
	{ TEXT(">"), HEADER_OTHER },
	{ TEXT("S\xc3\xbc: x"), HEADER_OTHER },
	{ TEXT("S\x7f: x"), HEADER_OTHER },
	{ TEXT("S\0: x"), HEADER_OTHER },
	{ TEXT("\r"), HEADER_OTHER },
	{ TEXT("hello world"), HEADER_OTHER },
	{ TEXT("Note that: this"), HEADER_OTHER },
};

static void
classifies(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (header_classify(lines[i].line) != lines[i].kind) {
			complain(lines[i].line, "of the wrong kind");
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* What a walk finds: "name=body;" for each field, what is left behind '|'. */
static const struct {
	struct span block;
	const char *found;
} blocks[] = {
	{ TEXT(""), "|" },
	{ TEXT("To: a\r\n"), "To= a;|" },
	{ TEXT("To: a"), "To= a;|" },
	{ TEXT("To: a\n"), "To= a;|" },
	{ TEXT("To: a\r"), "To= a\\x0D;|" },
	{ TEXT("To:\r\n"), "To=;|" },
	{ TEXT("To:"), "To=;|" },
	{ TEXT("To :a\r\nCc\t:b\r\n"), "To=a;Cc=b;|" },
	{ TEXT("To: a\r\nCc: b\r\n"), "To= a;Cc= b;|" },
	{ TEXT("To: a\nCc: b\n"), "To= a;Cc= b;|" },
	{ TEXT("To: a,\r\n b\r\nCc: c\r\n"), "To= a,\\x0D\\x0A b;Cc= c;|" },
	{ TEXT("To: a,\n\tb\n c\nCc: c\n"), "To= a,\\x0A\\x09b\\x0A c;Cc= c;|" },
	{ TEXT("To:\r\n a\r\n"), "To=\\x0D\\x0A a;|" },
	{ TEXT("To: a\r\n \r\nCc: b\r\n"), "To= a\\x0D\\x0A ;Cc= b;|" },
	{ TEXT("To: a:b\r\n"), "To= a:b;|" },
	/* Lines that are none. */
	{ TEXT("From x\r\nTo: a\r\n"), "To= a;|" },
	{ TEXT(" x\r\nTo: a\r\n"), "To= a;|" },
	{ TEXT("To: a\r\njunk\r\n of: it\r\nCc: b\r\n"), "To= a;Cc= b;|" },
	{ TEXT("junk\r\n"), "|" },
	{ TEXT(": a\r\nCc: b\r\n"), "Cc= b;|" },
	/* The end. */
	{ TEXT("To: a\r\n\r\nCc: b\r\n"), "To= a;|\\x0D\\x0ACc: b\\x0D\\x0A" },
	{ TEXT("To: a\n\nCc: b\n"), "To= a;|\\x0ACc: b\\x0A" },
	{ TEXT("\r\nCc: b\r\n"), "|\\x0D\\x0ACc: b\\x0D\\x0A" },
	{ TEXT("junk\n\nCc: b\n"), "|\\x0ACc: b\\x0A" },
};

static void
walks(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct span block = blocks[i].block;
		struct buf found = BUF_INIT(SIZE_MAX);
		struct header_field field;

		while (header_next(&block, &field)) {
			buf_add(&found, field.name.data, field.name.len);
			buf_addc(&found, '=');
			text_printable(&found, field.body, false);
			buf_addc(&found, ';');
		}
		buf_addc(&found, '|');
		text_printable(&found, block, false);
		if (strcmp(found.data, blocks[i].found) != 0) {
			complain(blocks[i].block, found.data);
			failures++;
		}
		buf_release(&found);
	}
	assert_int_equal(failures, 0);
}

static void
gives_whole_fields(void **state)
{
	const char *text = "To: a,\r\n b\r\nSubject :\r\n";
	struct span block = span_of(text);
	struct header_field field;

	(void)state;
	assert_true(header_next(&block, &field));
	assert_true(span_is(field.whole, "To: a,\r\n b\r\n"));
	assert_ptr_equal(field.whole.data, text);
	assert_true(header_next(&block, &field));
	assert_true(span_is(field.whole, "Subject :\r\n"));
	assert_true(span_is(field.name, "Subject"));
	assert_int_equal(field.body.len, 0);
	assert_false(header_next(&block, &field));
}

static void
finds(void **state)
{
	struct span block = span_of("to: a\r\nTo: b\r\nToo: c\r\nX-Cc: d\r\n");
	struct header_field field;

	(void)state;
	assert_true(header_find(block, "To", &field));
	assert_true(span_is(field.body, " a"));
	assert_true(header_is(&field, "TO"));
	assert_false(header_is(&field, "Too"));
	assert_false(header_is(&field, "T"));
	assert_true(header_find(block, "TOO", &field));
	assert_true(span_is(field.body, " c"));
	assert_false(header_find(block, "Cc", &field));
	assert_false(header_find(span_of(""), "Cc", &field));
}

static const struct {
	struct span body;
	const char *unfolded;
} bodies[] = {
	{ TEXT(""), "" },
	{ TEXT(" a"), "a" },
	{ TEXT(" \t a b \t "), "a b" },
	{ TEXT(" a\r\n b"), "a b" },
	{ TEXT(" a\n b"), "a b" },
	{ TEXT(" a\r\n\tb"), "a\tb" },
	{ TEXT(" a \r\n  b"), "a   b" },
	{ TEXT("\r\n a"), "a" },
	{ TEXT("\r\n a\r\n "), "a" },
	{ TEXT(" a\r\n \r\n b"), "a  b" },
	{ TEXT("\r\n \r\n "), "" },
	/* Line ends that are no folding stay. */
	{ TEXT("a\r\nb"), "a\r\nb" },
	{ TEXT("a\nb"), "a\nb" },
	{ TEXT("a\r b"), "a\r b" },
	{ TEXT("a\r"), "a\r" },
	{ TEXT("a\r\n"), "a\r\n" },
	{ TEXT("a\n"), "a\n" },
	{ TEXT("a\r\r\n b"), "a\r b" },
};

static void
unfolds(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct buf out = BUF_INIT(SIZE_MAX);
		char *copy = malloc(bodies[i].body.len);

		/*
		 * Of a copy with nothing behind it.  What stood in the buffer before stays, its
		 * space too.
		 */
		memcpy(copy, bodies[i].body.data, bodies[i].body.len);
		buf_adds(&out, "x ");
		header_unfold(&out, (struct span){ copy, bodies[i].body.len });
		free(copy);
		if (strncmp(out.data, "x ", 2) != 0 ||
		    strcmp(out.data + 2, bodies[i].unfolded) != 0) {
			complain(bodies[i].body, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classifies),
		cmocka_unit_test(walks),
		cmocka_unit_test(gives_whole_fields),
		cmocka_unit_test(finds),
		cmocka_unit_test(unfolds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
