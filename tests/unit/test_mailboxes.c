/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/mailboxes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Lists, and what they are behind "To:". */
static const struct {
	const char *list;
	const char *field;
} rows[] = {
	{ "a@b", " a@b" },
	{ "a@b,c@d", " a@b, c@d" },
	{ ",a@b,, c@d ,", " a@b, c@d" },
	{ "root", " root" },
	{ "<a@b>", " a@b" },
	{ "Bob <a@b>", " Bob <a@b>" },
	{ "Bob<a@b>", " Bob <a@b>" },
	{ "Bob M\xc3\xbcller <bob@example.org>, eve@example.org",
	    " =?utf-8?Q?Bob_M=C3=BCller?= <bob@example.org>, eve@example.org" },
	{ "\"M\xc3\xbcller, Bob\" <a@b>", " =?utf-8?B?TcO8bGxlciwgQm9i?= <a@b>" },
	{ "\"Doe, John\" <a@b>", " \"Doe, John\" <a@b>" },
	{ "John Q. Public <a@b>", " \"John Q. Public\" <a@b>" },
	{ "me@x.example <me@x.example>", " \"me@x.example\" <me@x.example>" },
	{ "\"a\\\"b\\\\c\" <a@b>", " \"a\\\"b\\\\c\" <a@b>" },
	{ "Bob \"The Man\" Smith <a@b>", " Bob The Man Smith <a@b>" },
	{ "Bob\r\n Smith <a@b>", " Bob Smith <a@b>" },
	{ "\"\" <a@b>", " a@b" },
	{ "=?utf-8?Q?x?= <a@b>", " =?utf-8?B?PT91dGYtOD9RP3g/PQ==?= <a@b>" },
	/* Addresses are never encoded. */
	{ "j\xc3\xb6rg@b\xc3\xbc"
	  "cher.example",
	    " j\xc3\xb6rg@b\xc3\xbc"
	    "cher.example" },
	{ "J\xc3\xb6rg <j\xc3\xb6rg@b>", " =?utf-8?B?SsO2cmc=?= <j\xc3\xb6rg@b>" },
	{ "\"a b\"@c", " \"a b\"@c" },
	{ "X <\"a>b\"@c>", " X <\"a>b\"@c>" },
	{ "X <\"a,b;:\"@c>", " X <\"a,b;:\"@c>" },
	{ "a@[192.0.2.1], b@[IPv6:2001:db8::1]", " a@[192.0.2.1], b@[IPv6:2001:db8::1]" },
	{ "X <@r1,@r2:a@b>, c@d", " X <a@b>, c@d" },
	{ "a . b @ c . d", " a.b@c.d" },
	/* Comments stand behind. */
	{ "a@b (work)", " a@b (work)" },
	{ "(first) a@b (K\xc3\xa4se)", " a@b (=?utf-8?Q?first_K=C3=A4se?=)" },
	{ "Bob (x (y) \\) z) <a@b (w)> (v)", " Bob <a@b> (x \\(y\\) \\) z w v)" },
	{ "a(x)@b, c@d", " a@b (x), c@d" },
	{ "a@b, (nobody), c@d", " a@b, c@d" },
	/* Groups. */
	{ "undisclosed-recipients:;", " undisclosed-recipients:;" },
	{ "Team: a@b, C <c@d>;", " Team: a@b, C <c@d>;" },
	{ "x@y, \xc3\xa4: a@b;, z@y", " x@y, =?utf-8?B?w6Q=?= : a@b;, z@y" },
	{ "\"\":;", " \"\":;" },
	{ "\" \": a@b;", " \"\": a@b;" },
	{ "Team: a@b; c@d", NULL },
	/* Lines. */
	{ "aaaaaaaaaaaaaaaaaaaa@example.org, bbbbbbbbbbbbbbbbbbbb@example.org, cccccccccccccccccccc@example.org",
	    " aaaaaaaaaaaaaaaaaaaa@example.org, bbbbbbbbbbbbbbbbbbbb@example.org,\r\n cccccccccccccccccccc@example.org" },
	{ "123456789012345678901234567890123456@example.org, 1234567890@example.org",
	    " 123456789012345678901234567890123456@example.org, 1234567890@example.org" },
	{ "123456789012345678901234567890123456@example.org, 12345678901@example.org",
	    " 123456789012345678901234567890123456@example.org,\r\n 12345678901@example.org" },
	/* What is no list. */
	{ "a@", NULL },
	{ "Bob <a@b", NULL },
	{ "a@b\nBcc: c@d", NULL },
	{ "a@b c@d", NULL },
	{ "\"a@b", NULL },
};

static void
writes_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT(1000), wanted = BUF_INIT(1000);
		struct fold f;
		struct err err;
		int rc;

		err_init(&err);
		fold_begin(&f, &out, span_of("To"));
		rc = mailboxes_add(&f, span_of(rows[i].list), &err);
		if (rows[i].field == NULL) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.kind, ERR_ADDRESS);
		} else {
			assert_int_equal(rc, 0);
			buf_addf(&wanted, "To:%s", rows[i].field);
			assert_string_equal(out.data, wanted.data);
		}
		buf_release(&out);
		buf_release(&wanted);
		err_release(&err);
	}
}

/* Long names and comments leave room for what stands right behind them. */
static void
keeps_lines_short(void **state)
{
	(void)state;
	for (size_t len = 1; len < 300; len++) {
		struct buf list = BUF_INIT(10000), out = BUF_INIT(10000);
		struct fold f;
		struct err err;

		err_init(&err);
		buf_adds(&list, "x@example.org (");
		for (size_t i = 0; i < len; i++)
			buf_adds(&list, i % 3 == 0 ? "\xc3\xa9" : "e");
		buf_adds(&list, "), G: ");
		for (size_t i = 0; i < len; i++)
			buf_adds(&list, "\xe6\x97\xa5");
		buf_adds(&list, " <y@example.org>;, ");
		for (size_t i = 0; i < len; i++)
			buf_adds(&list, "\xe6\x97\xa5");
		buf_adds(&list, ":;, z@example.org");
		fold_begin(&f, &out, span_of("To"));
		assert_int_equal(mailboxes_add(&f, (struct span){ list.data, list.len }, &err), 0);
		assert_true(f.longest <= FOLD_COLUMNS_ENCODED);
		buf_release(&list);
		buf_release(&out);
		err_release(&err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_lists),
		cmocka_unit_test(keeps_lines_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
