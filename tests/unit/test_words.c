/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/fold.h"
#include "format/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define S20 "                    "

struct row {
	const char *text;
	const char *field;
};

/* What a Subject of that text is, behind "Subject:". */
static const struct row texts[] = {
	{ "", "" },
	{ " \t ", "" },
	{ "hello", " hello" },
	{ "  hello  world ", " hello  world" },
	{ "a\tb\x01"
	  "c",
	    " a b c" },
	{ "a\r\nBcc: x@y", " a  Bcc: x@y" },
	{ "Gr\xc3\xbc\xc3\x9f"
	  "e",
	    " =?utf-8?B?R3LDvMOfZQ==?=" },
	/* Q where it is shorter, or as short. */
	{ "Caf\xc3\xa9 noir", " =?utf-8?B?Q2Fmw6k=?= noir" },
	{ "abc\xc3\xa9", " =?utf-8?B?YWJjw6k=?=" },
	{ "abcde\xc3\xa9", " =?utf-8?Q?abcde=C3=A9?=" },
	/* Space between two encoded words is in one of them, one space beside them is not. */
	{ "\xc3\xa9 \xc3\xa9", " =?utf-8?B?w6kgw6k=?=" },
	{ "a \xc3\xa9 b", " a =?utf-8?B?w6k=?= b" },
	{ "a  \xc3\xa9  b", " a =?utf-8?Q?_=C3=A9_?= b" },
	{ "a" S20 "b", " a" S20 "b" },
	{ "a" S20 " b", " a =?utf-8?Q?____________________b?=" },
	/* What looks encoded. */
	{ "=?utf-8?Q?x?=", " =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=" },
	{ "=?utf-8?Q?x y?=", " =?utf-8?B?PT91dGYtOD9RP3g=?= y?=" },
	{ "a=?b", " =?utf-8?Q?a=3D=3Fb?=" },
	{ "a=b?", " a=b?" },
	/* No UTF-8. */
	{ "\xff", " ?" },
	{ "\xc3\xa9\xc3", " =?utf-8?B?w6k/?=" },
	/* Lines: 78 octets fit, 79 do not; with an encoded word on the line, 76 do. */
	{ X60 " 1234567", " " X60 " 1234567" },
	{ X60 " 12345678", " " X60 " 12345678" },
	{ X60 " 123456789", " " X60 "\r\n 123456789" },
	{ X60 "  123456789", " " X60 "\r\n  123456789" },
	{ "\xc3\xa9 " X10 X10 X10 " 1234567890123456789",
	    " =?utf-8?B?w6k=?= " X10 X10 X10 " 1234567890123456789" },
	{ "\xc3\xa9 " X10 X10 X10 " 12345678901234567890",
	    " =?utf-8?B?w6k=?= " X10 X10 X10 "\r\n 12345678901234567890" },
	{ "\xc3\xa9 " X60 " 1234567890123456", " =?utf-8?B?w6k=?=\r\n " X60 " 1234567890123456" },
	{ X10 X10 X10 X10 X10 " \xc3\xa9", " " X10 X10 X10 X10 X10 "\r\n =?utf-8?B?w6k=?=" },
	/*
	 * A word that fits no line is encoded; the first one where it does not fit beside the name.
	 */
	{ X60 "123456789", " " X60 "123456789" },
	{ X60 "1234567890",
	    " =?utf-8?Q?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?=\r\n =?utf-8?Q?xxxxx1234567890?=" },
	{ "a " X60 "12345678901234567", " a\r\n " X60 "12345678901234567" },
	{ "a " X60 "123456789012345678",
	    " a =?utf-8?Q?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?=\r\n =?utf-8?Q?xxxxxxx123456789012345678?=" },
	/* Characters of two to four octets are not split. */
	{ X10 X10 X10 X10 X10 "\xf0\x9f\x93\x8e\xc3\xa9",
	    " =?utf-8?Q?" X10 X10 X10 X10 X10 "?=\r\n =?utf-8?Q?=F0=9F=93=8E=C3=A9?=" },
	{ X10 X10 X10 X10 "xxx\xf0\x9f\x93\x8e\xc3\xa9",
	    " =?utf-8?Q?" X10 X10 X10 X10 "xxx=F0=9F=93=8E?=\r\n =?utf-8?Q?=C3=A9?=" },
	{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
	  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac",
	    " =?utf-8?B?5pel5pys6Kqe5pel5pys6Kqe5pel5pys6Kqe5pel5pys6Kqe5pel?=\r\n =?utf-8?B?5pys?=" },
};

/* The same for a name in front of an address. */
static const struct row phrases[] = {
	{ "", "" },
	{ "Bob", " Bob" },
	{ " Bob Smith ", " Bob Smith" },
	{ "Bob  Smith", " \"Bob  Smith\"" },
	{ "J. Doe", " \"J. Doe\"" },
	{ "a\"b\\c", " \"a\\\"b\\\\c\"" },
	{ "x@y <z>", " \"x@y <z>\"" },
	{ "Bob M\xc3\xbcller", " =?utf-8?Q?Bob_M=C3=BCller?=" },
	{ "(\"\xc3\xbc\")", " =?utf-8?B?KCLDvCIp?=" },
	{ "=?utf-8?Q?x?=", " =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=" },
	{ X60, " " X60 },
	{ X60 "y",
	    " =?utf-8?Q?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?=\r\n =?utf-8?Q?xxxxxy?=" },
};

static const struct row comments[] = {
	{ "", "" },
	{ "work", " (work)" },
	{ "a (b) \\", " (a \\(b\\) \\\\)" },
	{ "K\xc3\xa4se", " (=?utf-8?B?S8Okc2U=?=)" },
	{ "=?", " (=?utf-8?B?PT8=?=)" },
	{ "\xc3\xa9 (\xc3\xa9)", " (=?utf-8?B?w6kgKMOpKQ==?=)" },
};

static void
check(const struct row *row, void (*add)(struct fold *f, struct span text))
{
	struct buf out = BUF_INIT(100000), wanted = BUF_INIT(100000);
	struct fold f;

	fold_begin(&f, &out, span_of("Subject"));
	add(&f, span_of(row->text));
	fold_end(&f);
	buf_addf(&wanted, "Subject:%s\r\n", row->field);
	assert_string_equal(out.data, wanted.data);
	assert_true(buf_ok(&out));
	buf_release(&out);
	buf_release(&wanted);
}

static void
writes_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		check(&texts[i], words_add_text);
}

static void
writes_phrases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(phrases); i++)
		check(&phrases[i], words_add_phrase);
}

static void
writes_comments(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(comments); i++)
		check(&comments[i], words_add_comment);
}

/* A name so long that nothing fits beside it. */
static void
breaks_behind_a_long_name(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct fold f;

	(void)state;
	fold_begin(&f, &out, span_of("X-" X60));
	words_add_text(&f, span_of("\xc3\xa9"));
	fold_end(&f);
	assert_string_equal(out.data, "X-" X60 ":\r\n =?utf-8?B?w6k=?=\r\n");
	buf_release(&out);
}

static void
cuts_endless_text(void **state)
{
	struct buf text = BUF_INIT(200000), out = BUF_INIT(1000000);
	struct fold f;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_adds(&text, "\xf0\x9f\x93\xac");
	fold_begin(&f, &out, span_of("Subject"));
	words_add_text(&f, (struct span){ text.data, text.len });
	fold_end(&f);
	assert_true(buf_ok(&out));
	assert_true(f.longest <= FOLD_COLUMNS_ENCODED);
	buf_release(&text);
	buf_release(&out);
}

static void
fails_where_there_is_no_room(void **state)
{
	struct buf out = BUF_INIT(20);
	struct fold f;

	(void)state;
	fold_begin(&f, &out, span_of("Subject"));
	words_add_text(&f, span_of("Caf\xc3\xa9"));
	assert_false(buf_ok(&out));
	buf_release(&out);
}

/* Words are never changed, however long. */
static void
folds_text_at_spaces(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ " a  b ", " a  b" },
		{ "=?x?=", " =?x?=" },
		{ X60 X60 " a", " " X60 X60 "\r\n a" },
		{ "a " X60 X60, " a\r\n " X60 X60 },
		{ X60 " 12345678\t9", " " X60 " 12345678\r\n\t9" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&rows[i], fold_text);
}

static void
tells_the_longest_line(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct fold f;

	(void)state;
	fold_begin(&f, &out, span_of("X"));
	fold_text(&f, span_of("a " X60 X60 " b"));
	fold_end(&f);
	assert_int_equal(f.longest, 121);
	for (int i = 0; i < 130; i++)
		fold_raw(&f, span_of("y"));
	assert_int_equal(f.longest, 130);
	buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_text),
		cmocka_unit_test(writes_phrases),
		cmocka_unit_test(writes_comments),
		cmocka_unit_test(breaks_behind_a_long_name),
		cmocka_unit_test(cuts_endless_text),
		cmocka_unit_test(fails_where_there_is_no_room),
		cmocka_unit_test(folds_text_at_spaces),
		cmocka_unit_test(tells_the_longest_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
