/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/ascii.h"
#include "message/message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

static const struct row {
	const char *field;
	const char *charset;
	const char *expected; /* NULL: it cannot be made ASCII */
} rows[] = {
	/* Text: only the words that need it, and the space between two encoded ones with them. */
	{ "Subject: Gr\xc3\xbc\xc3\x9f"
	  "e aus K\xc3\xb6ln",
	    NULL, "Subject: =?utf-8?B?R3LDvMOfZQ==?= aus =?utf-8?B?S8O2bG4=?=" },
	{ "Subject:\xc3\xa9 \t\xc3\xa9", NULL, "Subject: =?utf-8?B?w6kgCcOp?=" },
	{ "Subject: a  \xc3\xa9  b", NULL, "Subject: a  =?utf-8?B?w6k=?=  b" },
	{ "SUBJECT: =?utf-8?Q?x?= \xc3\xa9 =?utf-8?Q?y?= z", NULL,
	    "SUBJECT: =?utf-8?Q?x?= =?utf-8?Q?_=C3=A9_?= =?utf-8?Q?y?= z" },
	{ "Subject: a\r\n \xc3\xa9", NULL, "Subject: a =?utf-8?B?w6k=?=" },
	{ "X-Any: (\xc3\xa9) <\xc3\xa9@a>", NULL, "X-Any: =?utf-8?B?KMOpKSA8w6lAYT4=?=" },
	{ "Content-Description: \xc3\xa9", NULL, "Content-Description: =?utf-8?B?w6k=?=" },
	{ "Subject: " X50 " \xc3\xa9\xc3\xa9\xc3\xa9", NULL,
	    "Subject: " X50 "\r\n =?utf-8?B?w6nDqcOp?=" },
	/* Names, comments, groups; quoted or not. */
	{ "From: J\xc3\xb6rg M\xc3\xbcller <a@b>", NULL,
	    "From: =?utf-8?B?SsO2cmcgTcO8bGxlcg==?= <a@b>" },
	{ "From: J\xc3\xb6rg B. M\xc3\xbcller <a@b>", NULL,
	    "From: =?utf-8?B?SsO2cmc=?= B. =?utf-8?Q?M=C3=BCller?= <a@b>" },
	{ "From: J\xc3\xb6rg<a@b>", NULL, "From: =?utf-8?B?SsO2cmc=?= <a@b>" },
	{ "From: \"M\xc3\xbcller, \\\"J\\\"\" <a@b>, c@d", NULL,
	    "From: =?utf-8?B?TcO8bGxlciwgIkoi?= <a@b>, c@d" },
	{ "From: \"\xc3\xa9\"x (\xc3\xa9)y <a@b>", NULL,
	    "From: =?utf-8?B?w6l4?= (=?utf-8?B?w6k=?=)y <a@b>" },
	{ "To: =?utf-8?Q?x?= \xc3\xa9 <a@b>", NULL, "To: =?utf-8?Q?x?= =?utf-8?B?IMOp?= <a@b>" },
	{ "To: a@b (\xc3\xa9 c), (d (\xc3\xa9)) e@f", NULL,
	    "To: a@b (=?utf-8?B?w6k=?= c), (=?utf-8?B?ZCAow6kp?=) e@f" },
	{ "To: Gr\xc3\xbc"
	  "ppe: a@b, \xc3\xa9 <c@d>;",
	    NULL, "To: =?utf-8?Q?Gr=C3=BCppe?= : a@b, =?utf-8?B?w6k=?= <c@d>;" },
	{ "List-Id: \xc3\xa9 <a.b>", NULL, "List-Id: =?utf-8?B?w6k=?= <a.b>" },
	{ "Received: from a (\xc3\xa9) by b; date", NULL,
	    "Received: from a (=?utf-8?B?w6k=?=) by b; date" },
	/* Where nothing encoded may stand. */
	{ "From: \xc3\xa9@b", NULL, NULL },
	{ "From: \xc3\xa9 <\xc3\xa9@\xc3\xa9>", NULL, NULL },
	{ "From: a@\xc3\xa9 \xc3\xa9", NULL, NULL },
	{ "From: a@\xe2\x80\xa5.b", NULL, NULL },
	{ "From: a@\xe9", "", NULL },
	{ "Message-ID: <a@\xc3\xa9>", NULL, NULL },
	/* Domains alone. */
	{ "From: \xc3\xa9 <a@\xc3\xa9>", NULL, "From: =?utf-8?B?w6k=?= <a@xn--9ca>" },
	{ "To: a@\xc3\xa9.b , \"x@y\"@\xc3\xa9, < c@\xc3\xa9 >,d@e", NULL,
	    "To: a@xn--9ca.b , \"x@y\"@xn--9ca, < c@xn--9ca>, d@e" },
	{ "To: a@\xc3\xa9(\xc3\xa9)", NULL, "To: a@xn--9ca (=?utf-8?B?w6k=?=)" },
	/*
	 * Nothing stands at once before or behind an encoded word; where there was no space, none
	 * is meant.
	 */
	{ "To: a@b,\xc3\xa9<c@d>,\"\xc3\xa9\"x <e@f>", NULL,
	    "To: a@b, =?utf-8?B?w6k=?= <c@d>, =?utf-8?B?w6l4?= <e@f>" },
	{ "To: x\"\xc3\xa9\" <a@b>", NULL, "To: x =?utf-8?B?w6k=?= <a@b>" },
	{ "To: g:\xc3\xa9 <a@b>;,=?utf-8?Q?x?= <c@d>", NULL,
	    "To: g: =?utf-8?B?w6k=?= <a@b>; , =?utf-8?Q?x?= <c@d>" },
	{ "From: \"\xc3\xa9\"@b", NULL, NULL },
	{ "To: a@b, \xc3\xa9", NULL, NULL },
	{ "Received: from \xc3\xa9 by b; date", NULL, NULL },
	{ "Message-ID: <\xc3\xa9@b>", NULL, NULL },
	{ "Content-ID: <\xc3\xa9@b>", NULL, NULL },
	/* What is never closed hides nothing. */
	{ "From: \xc3\xa9 :( <a@b>", NULL, "From: =?utf-8?B?w6k=?= : ( <a@b>" },
	{ "From: \xc3\xa9 \"x <a@b>", NULL, "From: =?utf-8?B?w6k=?= \"x <a@b>" },
	/* Parameters. */
	{ "Content-Type: a/b; name=\"\xc3\xa9 \\\"b.pdf\"; x=y", NULL,
	    "Content-Type: a/b; name*=UTF-8''%C3%A9%20%22b.pdf; x=y" },
	{ "Content-Disposition: attachment;\r\n filename=\xc3\xa9 b", NULL,
	    "Content-Disposition: attachment; filename*=UTF-8''%C3%A9%20b" },
	{ "Content-Type: a/b; name*=utf-8''\xc3\xa9%20", NULL,
	    "Content-Type: a/b; name*=utf-8''%C3%A9%20" },
	{ "Content-Type: a/b (\xc3\xa9); x=y", NULL, "Content-Type: a/b (=?utf-8?B?w6k=?=); x=y" },
	{ "Content-Type: a/b; name=\"\xe9"
	  "a b\"",
	    NULL, "Content-Type: a/b; name*=unknown-8bit''%E9a%20b" },
	{ "Content-Type: a/b; name=\"\xe9\"", "iso-8859-1",
	    "Content-Type: a/b; name*=UTF-8''%C3%A9" },
	/*
	 * What is there in the other form as well, is there once: two of that form would be taken
	 * for one in pieces.
	 */
	{ "Content-Disposition: inline; filename=\"\xc3\xa9\"; filename*=UTF-8''%C3%A9", NULL,
	    "Content-Disposition: inline; filename*=UTF-8''%C3%A9" },
	{ "Content-Disposition: inline; filename*0*=UTF-8''%C3; filename*1*=%A9; filename=\xc3\xa9;x=y",
	    NULL, "Content-Disposition: inline; filename*0*=UTF-8''%C3; filename*1*=%A9;x=y" },
	{ "Content-Disposition: inline; filename*0=a; Filename=\xc3\xa9", NULL,
	    "Content-Disposition: inline; filename*0=a" },
	{ "Content-Disposition: inline; name=\"\xc3\xa9\"; filename*=UTF-8''%C3%A9", NULL,
	    "Content-Disposition: inline; name*=UTF-8''%C3%A9; filename*=UTF-8''%C3%A9" },
	/* Pieces. */
	{ "Content-Disposition: inline; filename*0=\"\xc3\xa9'\"; filename*1=\"\xc3\xa9\"", NULL,
	    "Content-Disposition: inline; filename*0*=utf-8''%C3%A9%27; filename*1*=%C3%A9" },
	{ "Content-Type: a/b; \xc3\xa9=x", NULL, NULL },
	{ "Content-Type: \xc3\xa9/b", NULL, NULL },
	{ "Content-Type: a/b; boundary=\"\xc3\xa9\"", NULL, NULL },
	{ "Content-Type: a/b; charset=\xc3\xa9", NULL, NULL },
	/* Other charsets. */
	{ "Subject: caf\xe9", "ISO-8859-1", "Subject: =?utf-8?B?Y2Fmw6k=?=" },
	{ "Subject: \x80", "windows-1252", "Subject: =?utf-8?B?4oKs?=" },
	{ "Subject: caf\xe9 x", "", "Subject: =?unknown-8bit?Q?caf=E9?= x" },
	{ "Subject: \xe9", "utf-8", "Subject: =?unknown-8bit?Q?=E9?=" },
	{ "Subject: \xe9", "IBM037", "Subject: =?unknown-8bit?Q?=E9?=" },
	{ "Subject: \xe9", "utf-7", "Subject: =?unknown-8bit?Q?=E9?=" },
	{ "Subject: \xe9", "iso-8859-1//IGNORE", "Subject: =?unknown-8bit?Q?=E9?=" },
	{ "Subject: \xc3\xa9", "iso-8859-1", "Subject: =?utf-8?B?w6k=?=" },
};

static unsigned failures;

static void
check_row(const struct row *row)
{
	struct buf text = BUF_INIT(4096), out = BUF_INIT(4096);
	struct header_field field;
	struct span block;
	bool made;

	buf_addf(&text, "%s\r\n", row->field);
	block = (struct span){ text.data, text.len };
	assert_true(header_next(&block, &field));
	buf_adds(&out, "before\r\n");
	made = ascii_add_field(&out, &field, row->charset);
	failures += made != (row->expected != NULL);
	buf_clear(&text);
	buf_addf(&text, row->expected != NULL ? "before\r\n%s\r\n" : "before\r\n", row->expected);
	if (strcmp(out.data, text.data) != 0)
		print_message("%s, not %s", out.data, text.data);
	failures += strcmp(out.data, text.data) != 0;
	buf_release(&text);
	buf_release(&out);
}

static void
makes_fields_ascii(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
	assert_int_equal(failures, 0);
}

/* Long text comes in words of 75 octets at most, on lines of 76, and no character is parted. */
static void
folds_long_text(void **state)
{
	struct buf text = BUF_INIT(MESSAGE_HEADER_MAX), out = BUF_INIT(MESSAGE_HEADER_MAX);
	struct header_field field;
	struct span rest;

	(void)state;
	buf_adds(&text, "Subject: ");
	for (int i = 0; i < 5000; i++)
		buf_adds(&text, i % 7 == 3 ? " " : "\xe2\x82\xac");
	buf_adds(&text, "\r\n");
	rest = (struct span){ text.data, text.len };
	assert_true(header_next(&rest, &field));
	assert_true(ascii_add_field(&out, &field, NULL));
	rest = (struct span){ out.data, out.len };
	assert_false(span_has_8bit(rest));
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		assert_true(line.len <= 77);
		assert_true(memmem(line.data, line.len, "?=", 2) != NULL);
	}
	buf_release(&text);
	buf_release(&out);
}

/* Openings without an end must not cost the square of their number. */
static void
is_quick(void **state)
{
	static const char *const openings[] = { "(", "\"\\", "[", "(a ", "\\\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(openings); i++) {
		struct buf text = BUF_INIT(MESSAGE_HEADER_MAX),
			   out = BUF_INIT(16 * MESSAGE_HEADER_MAX);
		struct header_field field;
		struct span rest;

		buf_adds(&text, "From: \xc3\xa9");
		while (text.len < MESSAGE_HEADER_MAX / 8)
			buf_adds(&text, openings[i]);
		buf_adds(&text, "\r\n");
		rest = (struct span){ text.data, text.len };
		assert_true(header_next(&rest, &field));
		ascii_add_field(&out, &field, NULL);
		buf_release(&text);
		buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_fields_ascii),
		cmocka_unit_test(folds_long_text),
		cmocka_unit_test(is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
