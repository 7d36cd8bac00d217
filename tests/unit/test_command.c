/* SPDX-License-Identifier: ISC */
/*
 * SMTP commands, read and written.  What is read is shown as what would be written, so that each
 * row that is taken is a round trip, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/command.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *line;
	enum command_verb verb;
	const char *rest;
} verb_rows[] = {
	{ "MAIL FROM:<a@b>", COMMAND_MAIL, "FROM:<a@b>" },
	{ "mail from:<a@b>", COMMAND_MAIL, "from:<a@b>" },
	{ "RcPt  TO:<a@b>  ", COMMAND_RCPT, "TO:<a@b>" },
	{ "EHLO mx.example", COMMAND_EHLO, "mx.example" },
	{ "HELO", COMMAND_HELO, "" },
	{ "LHLO x", COMMAND_LHLO, "x" },
	{ "DATA", COMMAND_DATA, "" },
	{ "DATA ", COMMAND_DATA, "" },
	{ "BDAT 99 LAST", COMMAND_BDAT, "99 LAST" },
	{ "STARTTLS", COMMAND_STARTTLS, "" },
	{ "AUTH PLAIN =", COMMAND_AUTH, "PLAIN =" },
	{ "RSET", COMMAND_RSET, "" },
	{ "NOOP x", COMMAND_NOOP, "x" },
	{ "QUIT", COMMAND_QUIT, "" },
	{ "VRFY me", COMMAND_VRFY, "me" },
	{ "EXPN all", COMMAND_EXPN, "all" },
	{ "HELP", COMMAND_HELP, "" },
	{ "", COMMAND_OTHER, "" },
	{ " DATA", COMMAND_OTHER, "DATA" },
	{ "DATAX", COMMAND_OTHER, "" },
	{ "MAILFROM:<a@b>", COMMAND_OTHER, "" },
	{ "GET / HTTP/1.1", COMMAND_OTHER, "/ HTTP/1.1" },
};

static void
test_verbs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(verb_rows); i++) {
		struct span rest = span_of(verb_rows[i].line);

		if (command_verb(&rest) != verb_rows[i].verb || !span_is(rest, verb_rows[i].rest))
			fail_msg("%s: \"%.*s\"", verb_rows[i].line, (int)rest.len, rest.data);
	}
}

/* What stands behind the verb, and what it comes to: the line as it is written, or the refusal. */
struct row {
	const char *rest, *result; /* result NULL: the same, behind the verb and with no change */
};

static const struct row mail_rows[] = {
	{ "FROM:<a@b.example>", NULL },
	{ "FROM:<>", NULL },
	{ "from:<A@b.example>", "FROM:<A@b.example>" },
	{ "FROM: <a@b.example>", "FROM:<a@b.example>" },
	{ "FROM:<a@b.example>   ", "FROM:<a@b.example>" },
	{ "FROM:<root>", NULL },

	/* Paths. */
	{ "FROM:<\"a b\"@c.example>", NULL },
	{ "FROM:<\"a>b\"@c.example>", NULL },
	{ "FROM:<\"a\\\"b\"@c.example>", NULL },
	{ "FROM:<\"ab\"@c.example>", "FROM:<ab@c.example>" },
	{ "FROM:<\"a\\b\"@c.example>", "FROM:<ab@c.example>" },
	{ "FROM:<@x.example,@y.example:a@b.example>", "FROM:<a@b.example>" },
	{ "FROM:<@x.example:a@b.example> SIZE=1", "FROM:<a@b.example> SIZE=1" },
	{ "FROM:<a@[192.0.2.1]>", NULL },
	{ "FROM:<a@[IPv6:2001:db8::1]>", NULL },
	{ "", "501 5.5.2" },
	{ "FROM", "501 5.5.2" },
	{ "FROM:", "501 5.5.2" },
	{ "FROM:a@b.example", "501 5.5.2" },
	{ "FROM:<a@b.example", "501 5.5.2" },
	{ "FROM:<a@b.example>SIZE=1", "501 5.5.2" },
	{ "FROM:<a@b.example> >", "555 5.5.4" },
	{ "TO:<a@b.example>", "501 5.5.2" },
	{ "FROM:<a @b.example>", "501 5.5.2" },
	{ "FROM:<a(x)@b.example>", "501 5.5.2" },
	{ "FROM:<\"a\t\"@b.example>", "501 5.5.2" },
	{ "FROM:<\"a>", "501 5.5.2" },
	{ "FROM:<a..b@c.example>", "501 5.1.7" },
	{ "FROM:<a@>", "501 5.1.7" },
	{ "FROM:<@b.example>", "501 5.1.7" },
	{ "FROM:<a@b,c@d>", "501 5.1.7" },
	{ "FROM:<a@[x]>", "501 5.1.7" },
	{ "FROM:<\"\"@b.example>", "501 5.1.7" },

	/* Parameters. */
	{ "FROM:<a@b.example> SIZE=0", NULL },
	{ "FROM:<a@b.example> SIZE=18446744073709551615", NULL },
	{ "FROM:<a@b.example> size=12", "FROM:<a@b.example> SIZE=12" },
	{ "FROM:<a@b.example> SIZE=18446744073709551616", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE=", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE=-1", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE=1=1", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE=1 SIZE=1", "501 5.5.4" },
	{ "FROM:<a@b.example> SIZE=1  BODY=7BIT", "FROM:<a@b.example> SIZE=1 BODY=7BIT" },
	{ "FROM:<a@b.example> BODY=8BITMIME", NULL },
	{ "FROM:<a@b.example> BODY=BINARYMIME", NULL },
	{ "FROM:<a@b.example> BODY=9BIT", "501 5.5.4" },
	{ "FROM:<a@b.example> SMTPUTF8", NULL },
	{ "FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4" },
	{ "FROM:<\xc3\xa4@b.example> SMTPUTF8", NULL },
	{ "FROM:<\xc3\xa4@b.example>", "553 5.6.7" },
	{ "FROM:<a@\xc3\xa4.example>", "553 5.6.7" },
	{ "FROM:<\xc3@b.example> SMTPUTF8", "501 5.1.7" },
	{ "FROM:<a@b.example> RET=FULL", NULL },
	{ "FROM:<a@b.example> RET=hdrs", "FROM:<a@b.example> RET=HDRS" },
	{ "FROM:<a@b.example> RET=ALL", "501 5.5.4" },
	{ "FROM:<a@b.example> ENVID=QQ+2B+2041", NULL },
	{ "FROM:<a@b.example> ENVID=QQ+2b", "501 5.5.4" },
	{ "FROM:<a@b.example> ENVID=QQ+0A", "501 5.5.4" },
	{ "FROM:<a@b.example> ENVID=", "501 5.5.4" },
	{ "FROM:<a@b.example> AUTH=<>", NULL },
	{ "FROM:<a@b.example> AUTH=e+3Dmc2@example.com", NULL },
	{ "FROM:<a@b.example> AUTH=a+3Eb@c", "FROM:<a@b.example> AUTH=a>b@c" },
	{ "FROM:<a@b.example> AUTH=", "501 5.5.4" },
	{ "FROM:<a@b.example> AUTH=a+00", "501 5.5.4" },
	{ "FROM:<a@b.example> REQUIRETLS", NULL },
	{ "FROM:<a@b.example> REQUIRETLS=YES", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=120;R", NULL },
	{ "FROM:<a@b.example> BY=-120;NT", NULL },
	{ "FROM:<a@b.example> by=+120;rt", "FROM:<a@b.example> BY=120;RT" },
	{ "FROM:<a@b.example> BY=0;N", NULL },
	{ "FROM:<a@b.example> BY=999999999;R", NULL },
	{ "FROM:<a@b.example> BY=1000000000;R", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=0;R", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=-1;R", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=1", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=1;", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=1;X", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=1;RX", "501 5.5.4" },
	{ "FROM:<a@b.example> BY=;R", "501 5.5.4" },
	{ "FROM:<a@b.example> HOLDFOR=86400", NULL },
	{ "FROM:<a@b.example> HOLDFOR=0", "501 5.5.4" },
	{ "FROM:<a@b.example> HOLDFOR=1234567890", "501 5.5.4" },
	{ "FROM:<a@b.example> HOLDUNTIL=2030-01-01T00:00:00Z", NULL },
	{ "FROM:<a@b.example> HOLDUNTIL=2030-01-01T01:00:00+01:00",
	    "FROM:<a@b.example> HOLDUNTIL=2030-01-01T00:00:00Z" },
	{ "FROM:<a@b.example> HOLDUNTIL=tomorrow", "501 5.5.4" },
	{ "FROM:<a@b.example> HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z", "501 5.5.4" },
	{ "FROM:<a@b.example> HOLDUNTIL=2030-01-01T00:00:00Z HOLDFOR=1", "501 5.5.4" },
	{ "FROM:<a@b.example> MT-PRIORITY=0", NULL },
	{ "FROM:<a@b.example> MT-PRIORITY=-9", NULL },
	{ "FROM:<a@b.example> MT-PRIORITY=10", "501 5.5.4" },
	{ "FROM:<a@b.example> MT-PRIORITY=-0", "501 5.5.4" },
	{ "FROM:<a@b.example> MT-PRIORITY=", "501 5.5.4" },
	{ "FROM:<a@b.example> MT-PRIORITY=-", "501 5.5.4" },
	{ "FROM:<a@b.example> X-COLOUR=BLUE", "555 5.5.4" },
	{ "FROM:<a@b.example> XFORWARD", "555 5.5.4" },
	{ "FROM:<a@b.example> =1", "555 5.5.4" },
	{ "FROM:<a@b.example> NOTIFY=NEVER", "555 5.5.4" },
	{ "FROM:<> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a AUTH=<> REQUIRETLS BY=1;R HOLDFOR=1 "
	  "MT-PRIORITY=1",
	    NULL },
};

static const struct row rcpt_rows[] = {
	{ "TO:<a@b.example>", NULL },
	{ "TO: <a@b.example>", "TO:<a@b.example>" },
	{ "TO:<Postmaster>", NULL },
	{ "TO:<@x.example:a@b.example>", "TO:<a@b.example>" },
	{ "TO:<>", "501 5.1.3" },
	{ "FROM:<a@b.example>", "501 5.5.2" },
	{ "TO:<a@>", "501 5.1.3" },
	{ "TO:<a@b.example> NOTIFY=NEVER", NULL },
	{ "TO:<a@b.example> NOTIFY=SUCCESS,FAILURE,DELAY", NULL },
	{ "TO:<a@b.example> NOTIFY=delay,success", "TO:<a@b.example> NOTIFY=SUCCESS,DELAY" },
	{ "TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4" },
	{ "TO:<a@b.example> NOTIFY=SOMETIMES", "501 5.5.4" },
	{ "TO:<a@b.example> NOTIFY=DELAY,,SUCCESS", "501 5.5.4" },
	{ "TO:<a@b.example> NOTIFY=", "501 5.5.4" },
	{ "TO:<a@b.example> NOTIFY", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=rfc822;a+2Bb@c.example", NULL },
	{ "TO:<a@b.example> ORCPT=x400;/c=/", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=x400;/c+3D/", NULL },
	{ "TO:<a@b.example> ORCPT=rfc822;", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=;a@b", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=rfc822", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=rfc822;a+0Ab", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=rfc822;a+C3b", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=rfc 822;a", "501 5.5.4" },
	/* "ä" and "+" (RFC 6533 section 3); without SMTPUTF8 nothing beyond ASCII is written. */
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{E4}\\x{2B}@c.example", NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{1F600}@c.example", NULL },
	{ "TO:<a@b.example> ORCPT=UTF-8;\xc3\xa4@c.example",
	    "TO:<a@b.example> ORCPT=UTF-8;\\x{E4}@c.example" },
	{ "TO:<a@b.example> ORCPT=utf-8;+2B@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{0A}@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{D800}@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{110000}@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{E4@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{4}@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\y@c.example", "501 5.5.4" },
	{ "TO:<a@b.example> SIZE=1", "555 5.5.4" },
	{ "TO:<a@b.example> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4" },
	{ "TO:<\xc3\xa4@b.example>", "553 5.6.7" },
	{ "TO:<a@b.example> NOTIFY=DELAY ORCPT=rfc822;c@d.example", NULL },
};

/* "MAIL FROM:<…>", or "501 5.5.4". */
static void
read_and_write(bool is_mail, const char *rest, bool utf8, struct buf *out)
{
	struct buf text = BUF_INIT((size_t)2 * COMMAND_LINE_MAX);
	struct mail_command mail;
	struct rcpt_command rcpt;
	int result = is_mail ? command_read_mail(span_of(rest), &mail, &text, &err) :
			       command_read_rcpt(span_of(rest), utf8, &rcpt, &text, &err);

	buf_clear(out);
	if (result < 0)
		buf_addf(out, "%d %s", err.reply_code, err.enhanced);
	else if (is_mail)
		command_add_mail(out, &mail);
	else
		command_add_rcpt(out, &rcpt, utf8);
	assert_int_equal(result < 0, err.kind != ERR_NONE);
	err_clear(&err);
	buf_release(&text);
}

static void
check_rows(bool is_mail, const struct row *rows, size_t count)
{
	struct buf out = BUF_INIT(COMMAND_LINE_MAX), expected = BUF_INIT(COMMAND_LINE_MAX);
	size_t bad = 0;

	for (size_t i = 0; i < count; i++) {
		const char *result = rows[i].result != NULL ? rows[i].result : rows[i].rest;

		buf_clear(&expected);
		if (result[0] != '5')
			buf_adds(&expected, is_mail ? "MAIL " : "RCPT ");
		buf_adds(&expected, result);
		read_and_write(is_mail, rows[i].rest, false, &out);
		if (strcmp(out.data, expected.data) == 0)
			continue;
		print_error("%s: %s, not %s\n", rows[i].rest, out.data, expected.data);
		bad++;
	}
	buf_release(&out);
	buf_release(&expected);
	assert_int_equal(bad, 0);
}

static void
test_mail(void **state)
{
	(void)state;
	check_rows(true, mail_rows, COUNT(mail_rows));
}

static void
test_rcpt(void **state)
{
	(void)state;
	check_rows(false, rcpt_rows, COUNT(rcpt_rows));
}

/* In a transaction with SMTPUTF8. */
static void
test_utf8(void **state)
{
	struct buf out = BUF_INIT(COMMAND_LINE_MAX);

	(void)state;
	read_and_write(false, "TO:<\xc3\xa4@b.example> ORCPT=utf-8;\\x{E4}@b.example", true, &out);
	assert_string_equal(out.data,
	    "RCPT TO:<\xc3\xa4@b.example> ORCPT=utf-8;\xc3\xa4@b.example");
	buf_release(&out);
}

/* The longest of each, and one more octet. */
static void
test_lengths(void **state)
{
	static const struct {
		bool is_mail;
		const char *before;
		unsigned len; /* of the longest */
		const char *behind, *refusal;
	} rows[] = {
		{ true, "FROM:<", 256, "@b.example>", "501 5.1.7" },
		{ false, "TO:<", 256, "@b.example>", "501 5.1.3" },
		{ false, "TO:<a@", 255, ">", "501 5.1.3" },
		{ true, "FROM:<> ENVID=", 100, "", "501 5.5.4" },
		{ true, "FROM:<> AUTH=", 500, "", "501 5.5.4" },
		{ false, "TO:<a@b> ORCPT=rfc822;", 493, "", "501 5.5.4" },
	};
	struct buf rest = BUF_INIT(4096), out = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (unsigned more = 0; more < 2; more++) {
			buf_clear(&rest);
			buf_adds(&rest, rows[i].before);
			for (unsigned k = 0; k < rows[i].len + more; k++)
				buf_addc(&rest, 'x');
			buf_adds(&rest, rows[i].behind);
			read_and_write(rows[i].is_mail, rest.data, false, &out);
			if (strcmp(more ? out.data : out.data + 5,
				more ? rows[i].refusal : rest.data) != 0)
				fail_msg("%s, %u more: %s", rows[i].before, more, out.data);
		}
	buf_release(&rest);
	buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
