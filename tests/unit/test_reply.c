/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "format/reply.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

/*
 * A dialogue with lines separated by LF, and what is made of it: "code:text" where complete,
 * "code+text" where more is to come, else a part of the error.  LF in the text is shown as '|'.
 */
static const struct {
	struct span lines;
	const char *result;
} replies[] = {
	{ TEXT("250 OK"), "250:OK" },
	{ TEXT("250"), "250:" },
	{ TEXT("250 "), "250:" },
	{ TEXT("250  two spaces "), "250: two spaces " },
	{ TEXT("220 mail.example.org ESMTP"), "220:mail.example.org ESMTP" },
	{ TEXT("354 End data with <CR><LF>.<CR><LF>"), "354:End data with <CR><LF>.<CR><LF>" },
	{ TEXT("334 "), "334:" },
	{ TEXT("334"), "334:" },
	{ TEXT("235 2.7.0 Authentication successful"), "235:2.7.0 Authentication successful" },
	{ TEXT("550 5.1.1 <x@y>: unknown"), "550:5.1.1 <x@y>: unknown" },
	{ TEXT("250-a\n250 b"), "250:a|b" },
	{ TEXT("250-a\n250-\n250-c\n250"), "250:a||c|" },
	{ TEXT("250-\n250 b"), "250:|b" },
	{ TEXT("250-a"), "250+a" },
	{ TEXT("250-"), "250+" },
	{ TEXT("250--"), "250+-" },
	{ TEXT("250 -"), "250:-" },
	{ TEXT("250 a\tb\x01\xff"), "250:a\tb\x01\xff" },
	{ TEXT("200 x"), "200:x" },
	{ TEXT("559 x"), "559:x" },
	{ TEXT("421 x"), "421:x" },
	{ TEXT("556 x"), "556:x" },
	/* What is no reply. */
	{ TEXT(""), "the server sent what is no SMTP reply: \"\"" },
	{ TEXT("2"), "no SMTP reply: \"2\"" },
	{ TEXT("25"), "no SMTP reply: \"25\"" },
	{ TEXT("2500"), "no SMTP reply" },
	{ TEXT("250OK"), "no SMTP reply" },
	{ TEXT("250\tOK"), "no SMTP reply: \"250\\x09OK\"" },
	{ TEXT("250\0OK"), "no SMTP reply: \"250\\x00OK\"" },
	{ TEXT("250\r"), "no SMTP reply: \"250\\x0D\"" },
	{ TEXT(" 250 OK"), "no SMTP reply" },
	{ TEXT("150 x"), "no SMTP reply" },
	{ TEXT("600 x"), "no SMTP reply" },
	{ TEXT("260 x"), "no SMTP reply" },
	{ TEXT("2x0 x"), "no SMTP reply" },
	{ TEXT("25x x"), "no SMTP reply" },
	{ TEXT("2/0 x"), "no SMTP reply" },
	{ TEXT("25: x"), "no SMTP reply" },
	{ TEXT("25/ x"), "no SMTP reply" },
	{ TEXT("+OK POP3 ready"), "no SMTP reply: \"+OK POP3 ready\"" },
	{ TEXT("* OK IMAP4rev1"), "no SMTP reply: \"* OK IMAP4rev1\"" },
	{ TEXT("HTTP/1.1 400 Bad Request"), "no SMTP reply: \"HTTP/1.1 400 Bad Request\"" },
	{ TEXT("SSH-2.0-OpenSSH_9.2"), "no SMTP reply" },
	{ TEXT("\x16\x03\x01\x02"), "no SMTP reply: \"\\x16\\x03\\x01\\x02\"" },
	{ TEXT("250-a\n251 b"), "the server changed the code within a reply: \"251 b\"" },
	{ TEXT("250-a\nb"), "no SMTP reply: \"b\"" },
	{ TEXT("250-a\n550 b"), "changed the code" },
	/* 80 octets are quoted, in whole characters. */
	{ TEXT("x2345678901234567890123456789012345678901234567890123456789012345678901234567890"),
	    "\"x2345678901234567890123456789012345678901234567890123456789012345678901234567890\"" },
	{ TEXT("x23456789012345678901234567890123456789012345678901234567890123456789012345678901"),
	    "\"x2345678901234567890123456789012345678901234567890123456789012345678901234567890...\"" },
	{ TEXT(
	      "x234567890123456789012345678901234567890123456789012345678901234567890123456789\xc3\xb6"),
	    "\"x234567890123456789012345678901234567890123456789012345678901234567890123456789...\"" },
};

static void
complain(struct span text, const char *wanted, const char *got)
{
	struct buf shown = BUF_INIT(SIZE_MAX);

	text_printable(&shown, text, false);
	print_error("\"%s\"\n  wanted %s\n  got    %s\n", shown.data, wanted, got);
	buf_release(&shown);
}

/* What is made of the lines, as the table has it. */
static void
read_reply(struct buf *out, struct span lines)
{
	struct reply r;
	struct err err;
	bool more = true;
	int result = 0;

	reply_init(&r);
	err_init(&err);
	while (more && result == 0) {
		more = lines.len > 0 && memchr(lines.data, '\n', lines.len) != NULL;
		result = reply_add_line(&r, span_cut(&lines, '\n'), &err);
	}
	if (result < 0) {
		assert_int_equal(err.kind, ERR_PROTOCOL);
		buf_adds(out, err.what.data);
	} else {
		buf_addf(out, "%d%c", r.code, r.complete ? ':' : '+');
		for (size_t i = 0; i < r.text.len; i++)
			buf_addc(out, r.text.data[i] == '\n' ? '|' : r.text.data[i]);
	}
	reply_release(&r);
	err_release(&err);
}

static void
reads_replies(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		const char *wanted = replies[i].result;
		bool whole = ascii_is_digit(wanted[0]);
		struct buf got = BUF_INIT(SIZE_MAX);

		read_reply(&got, replies[i].lines);
		if (whole ? strcmp(got.data, wanted) != 0 : strstr(got.data, wanted) == NULL) {
			complain(replies[i].lines, wanted, got.data);
			failures++;
		}
		buf_release(&got);
	}
	assert_int_equal(failures, 0);
}

/*
 * So many lines of so many octets each, code and separator counted; the error of the last one, or
 * NULL.
 */
static const struct {
	size_t lines, octets;
	const char *error;
} bounds[] = {
	{ 1, REPLY_LINE_MAX, NULL },
	{ 1, REPLY_LINE_MAX + 1, "too long a line" },
	{ REPLY_LINES_MAX, 5, NULL },
	{ REPLY_LINES_MAX + 1, 5, "too long a reply" },
	{ REPLY_LINES_MAX, 4, NULL },
	{ REPLY_LINES_MAX + 1, 4, "too long a reply" },
	/* 64 texts of 1023 octets and the LFs between them: one below the bound; 65 are past it. */
	{ 64, 1023 + 4, NULL },
	{ 65, 1023 + 4, "too long a reply" },
	{ 256, 255 + 4, NULL },
	{ 257, 255 + 4, "too long a reply" },
};

static void
keeps_bounds(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct buf line = BUF_INIT(SIZE_MAX);
		struct reply r;
		struct err err;
		int result = 0;

		reply_init(&r);
		err_init(&err);
		buf_adds(&line, "250-");
		while (line.len < bounds[i].octets)
			buf_addc(&line, 'x');
		for (size_t n = 1; n < bounds[i].lines; n++)
			assert_int_equal(reply_add_line(&r, (struct span){ line.data, line.len },
					     &err),
			    0);
		result = reply_add_line(&r, (struct span){ line.data, line.len }, &err);
		if (result != (bounds[i].error == NULL ? 0 : -1) ||
		    (result < 0 && strstr(err.what.data, bounds[i].error) == NULL)) {
			print_error("%zu lines of %zu octets: %s\n", bounds[i].lines,
			    bounds[i].octets, err.what.data);
			failures++;
		}
		buf_release(&line);
		reply_release(&r);
		err_release(&err);
	}
	assert_int_equal(failures, 0);
}

/* A text of exactly REPLY_TEXT_MAX octets, and one more. */
static void
keeps_the_bound_of_the_text(void **state)
{
	struct buf line = BUF_INIT(SIZE_MAX);
	struct reply r;
	struct err err;

	(void)state;
	reply_init(&r);
	err_init(&err);
	buf_adds(&line, "250-");
	while (line.len < 4 + REPLY_TEXT_MAX / 8 - 1)
		buf_addc(&line, 'x');
	for (int i = 0; i < 7; i++)
		assert_int_equal(reply_add_line(&r, (struct span){ line.data, line.len }, &err), 0);
	buf_addc(&line, 'x');
	buf_addc(&line, 'x');
	assert_int_equal(reply_add_line(&r, (struct span){ line.data, line.len }, &err), -1);
	assert_non_null(strstr(err.what.data, "too long a reply"));
	assert_int_equal(r.lines, 7);
	buf_truncate(&line, line.len - 1);
	assert_int_equal(reply_add_line(&r, (struct span){ line.data, line.len }, &err), 0);
	assert_int_equal(r.text.len, REPLY_TEXT_MAX);
	assert_int_equal(reply_add_line(&r, span_of("250"), &err), -1);
	buf_release(&line);
	reply_release(&r);
	err_release(&err);
}

static void
is_left_alone_by_failure_and_used_again(void **state)
{
	struct reply r;
	struct err err;

	(void)state;
	reply_init(&r);
	err_init(&err);
	assert_int_equal(reply_add_line(&r, span_of("250-a"), &err), 0);
	assert_int_equal(reply_class(&r), 2);
	assert_int_equal(reply_add_line(&r, span_of("550 b"), &err), -1);
	assert_int_equal(r.code, 250);
	assert_int_equal(r.lines, 1);
	assert_false(r.complete);
	assert_string_equal(r.text.data, "a");
	reply_clear(&r);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.lines, 0);
	assert_int_equal(reply_add_line(&r, span_of("550 b"), &err), 0);
	assert_true(r.complete);
	assert_string_equal(r.text.data, "b");
	assert_int_equal(reply_class(&r), 5);
	reply_clear(&r);
	assert_false(r.complete);
	reply_release(&r);
	err_release(&err);
}

static const struct {
	const char *line, *enhanced;
} statuses[] = {
	{ "250 2.1.0 Ok", "2.1.0" },
	{ "550 5.7.8 no", "5.7.8" },
	{ "450 4.7.25 later", "4.7.25" },
	{ "550 5.123.456 x", "5.123.456" },
	{ "250 2.0.0", "2.0.0" },
	{ "550-5.7.1 a", "5.7.1" },
	{ "250 OK", "" },
	{ "250", "" },
	{ "250 ", "" },
	{ "250 2", "" },
	{ "250 2.", "" },
	{ "250 2.1", "" },
	{ "250 2.1.", "" },
	{ "250 2.1. 0", "" },
	{ "250 2..1", "" },
	{ "250 2.1.0x", "" },
	{ "250 2.1.0.1", "" },
	{ "250 2.1.0\t", "" },
	{ "250 2.1234.0 x", "" },
	{ "250 2.1.1234 x", "" },
	{ "250 2.1.12345678901234567890 x", "" },
	{ "250 12.1.0 x", "" },
	{ "250  2.1.0 x", "" },
	/* The class must be the reply's. */
	{ "250 5.1.0 x", "" },
	{ "550 4.1.0 x", "" },
	{ "450 5.1.0 x", "" },
	{ "354 3.0.0 x", "" },
	{ "354 2.0.0 x", "" },
};

static void
finds_enhanced_statuses(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		char got[12];
		struct reply r;
		struct err err;

		reply_init(&r);
		err_init(&err);
		memset(got, 'x', sizeof(got));
		assert_int_equal(reply_add_line(&r, span_of(statuses[i].line), &err), 0);
		reply_enhanced(&r, got);
		if (strcmp(got, statuses[i].enhanced) != 0) {
			print_error("%s: \"%s\"\n", statuses[i].line, got);
			failures++;
		}
		reply_release(&r);
		err_release(&err);
	}
	assert_int_equal(failures, 0);
}

static void
finds_the_enhanced_status_of_many_lines(void **state)
{
	char got[12] = "x";
	struct reply r;
	struct err err;

	(void)state;
	reply_init(&r);
	err_init(&err);
	reply_enhanced(&r, got);
	assert_string_equal(got, "");
	assert_int_equal(reply_add_line(&r, span_of("550-5.7.1"), &err), 0);
	assert_int_equal(reply_add_line(&r, span_of("550 5.7.2 x"), &err), 0);
	reply_enhanced(&r, got);
	assert_string_equal(got, "5.7.1");
	reply_release(&r);
	err_release(&err);
}

/*
 * The lines of a reply to EHLO behind their codes, and what they announce: words for the flags,
 * then the mechanisms in parentheses, then the numbers that are not 0.
 */
static const struct {
	struct span text;
	const char *announced;
} ehlos[] = {
	{ TEXT(""), "()" },
	{ TEXT("mail.example.org"), "()" },
	/* The greeting announces nothing. */
	{ TEXT("PIPELINING"), "()" },
	{ TEXT("SIZE 1000\nDSN"), "dsn ()" },
	/* Postfix 3.7. */
	{ TEXT(
	      "mail.example.org\nPIPELINING\nSIZE 10240000\nVRFY\nETRN\nSTARTTLS\nAUTH PLAIN LOGIN\n"
	      "ENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8\nCHUNKING"),
	    "pipelining chunking 8bitmime smtputf8 dsn enhanced starttls size auth (PLAIN LOGIN) size=10240000" },
	/* Exim 4.96. */
	{ TEXT(
	      "mail.example.org Hello client [192.0.2.1]\nSIZE 52428800\n8BITMIME\nDSN\nPIPELINING\nPIPECONNECT\n"
	      "AUTH PLAIN LOGIN CRAM-MD5\nCHUNKING\nSTARTTLS\nPRDR\nSMTPUTF8\nHELP"),
	    "pipelining chunking 8bitmime smtputf8 dsn starttls size auth (PLAIN LOGIN CRAM-MD5) size=52428800" },
	/* Dovecot submission 2.3. */
	{ TEXT(
	      "mail.example.org\n8BITMIME\nAUTH PLAIN LOGIN\nBURL imap\nCHUNKING\nENHANCEDSTATUSCODES\nSIZE\n"
	      "STARTTLS\nPIPELINING"),
	    "pipelining chunking 8bitmime enhanced starttls size auth (PLAIN LOGIN)" },
	/* OpenSMTPD. */
	{ TEXT(
	      "mail.example.org Hello client [192.0.2.1], pleased to meet you\n8BITMIME\nENHANCEDSTATUSCODES\n"
	      "SIZE 36700160\nDSN\nSTARTTLS\nAUTH PLAIN LOGIN\nHELP"),
	    "8bitmime dsn enhanced starttls size auth (PLAIN LOGIN) size=36700160" },
	/* mox. */
	{ TEXT(
	      "mail.example.org\nPIPELINING\nSIZE 104857600\nREQUIRETLS\nAUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 "
	      "SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN\nFUTURERELEASE 5184000 2027-01-20T21:11:05Z\n"
	      "ENHANCEDSTATUSCODES\n8BITMIME\nLIMITS RCPTMAX=1000\nSMTPUTF8"),
	    "pipelining 8bitmime smtputf8 enhanced requiretls size auth future_release (SCRAM-SHA-256-PLUS "
	    "SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN) size=104857600 rcpt=1000 "
	    "hold=5184000 until=1800479465" },
	/* Stalwart. */
	{ TEXT(
	      "mail.example.org you had me at EHLO\nAUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\nPIPELINING\nCHUNKING\n"
	      "SMTPUTF8\nREQUIRETLS\nDELIVERBY 0\nMT-PRIORITY MIXER\nFUTURERELEASE 604800 x\nNO-SOLICITING\n"
	      "ENHANCEDSTATUSCODES\n8BITMIME\nBINARYMIME\nSIZE 104857600"),
	    "pipelining chunking 8bitmime smtputf8 enhanced requiretls binarymime size auth deliver_by future_release "
	    "mt_priority (PLAIN LOGIN XOAUTH2 OAUTHBEARER) size=104857600 hold=604800" },
	/* Gmail. */
	{ TEXT(
	      "smtp.gmail.com at your service, [192.0.2.1]\nSIZE 35882577\n8BITMIME\nAUTH LOGIN PLAIN XOAUTH2 "
	      "PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH\nENHANCEDSTATUSCODES\nPIPELINING\nCHUNKING\nSMTPUTF8"),
	    "pipelining chunking 8bitmime smtputf8 enhanced size auth (LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN "
	    "OAUTHBEARER XOAUTH) size=35882577" },
	/* Microsoft 365. */
	{ TEXT("AM0PR01.outlook.office365.com Hello [192.0.2.1]\nSIZE 157286400\nPIPELINING\nDSN\n"
	       "ENHANCEDSTATUSCODES\nAUTH LOGIN XOAUTH2\n8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8"),
	    "pipelining chunking 8bitmime smtputf8 dsn enhanced binarymime size auth (LOGIN XOAUTH2) size=157286400" },
	/* iCloud. */
	{ TEXT(
	      "iCloud SMTP - x\nPIPELINING\nSIZE 28319744\nETRN\nAUTH LOGIN PLAIN ATOKEN ATOKEN2 WSTOKEN WETOKEN "
	      "XOAUTH2\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8"),
	    "pipelining 8bitmime smtputf8 dsn enhanced size auth (LOGIN PLAIN ATOKEN ATOKEN2 WSTOKEN WETOKEN XOAUTH2) "
	    "size=28319744" },
	/* Amazon SES. */
	{ TEXT("email-smtp.amazonaws.com\n8BITMIME\nSIZE 10485760\nSTARTTLS\nAUTH PLAIN LOGIN\nOk"),
	    "8bitmime starttls size auth (PLAIN LOGIN) size=10485760" },
	/* SendGrid. */
	{ TEXT(
	      "smtp.sendgrid.net\n8BITMIME\nPIPELINING\nSIZE 31457280\nSTARTTLS\nAUTH PLAIN LOGIN\nAUTH=PLAIN LOGIN"),
	    "pipelining 8bitmime starttls size auth (PLAIN LOGIN) size=31457280" },
	/* GMX. */
	{ TEXT("gmx.net Hello [192.0.2.1]\n8BITMIME\nAUTH LOGIN PLAIN\nSIZE 69920427"),
	    "8bitmime size auth (LOGIN PLAIN) size=69920427" },
	/* The size. */
	{ TEXT("x\nSIZE"), "size ()" },
	{ TEXT("x\nSIZE 0"), "size ()" },
	{ TEXT("x\nSIZE 1"), "size () size=1" },
	{ TEXT("x\nSIZE  1 2"), "size () size=1" },
	{ TEXT("x\nsize 1"), "size () size=1" },
	{ TEXT("x\nSIZE -1"), "size ()" },
	{ TEXT("x\nSIZE 1k"), "size ()" },
	{ TEXT("x\nSIZE 1\xff"), "size ()" },
	{ TEXT("x\nSIZE 18446744073709551615"), "size () size=18446744073709551615" },
	{ TEXT("x\nSIZE 18446744073709551616"), "size ()" },
	{ TEXT("x\nSIZE 18446744073709551617"), "size ()" },
	{ TEXT("x\nSIZE 99999999999999999999999"), "size ()" },
	{ TEXT("x\nSIZE 000000000000000000000000001"), "size () size=1" },
	{ TEXT("x\nSIZE 1\nSIZE 2"), "size () size=2" },
	{ TEXT("x\nSIZE 1\nSIZE"), "size () size=1" },
	{ TEXT("x\nSIZE=1"), "()" },
	{ TEXT("x\nSIZE1"), "()" },
	/* Mechanisms. */
	{ TEXT("x\nAUTH"), "auth ()" },
	{ TEXT("x\nAUTH "), "auth ()" },
	{ TEXT("x\nAUTH="), "auth ()" },
	{ TEXT("x\nAUTH=LOGIN PLAIN"), "auth (LOGIN PLAIN)" },
	{ TEXT("x\nauth=login plain"), "auth (LOGIN PLAIN)" },
	{ TEXT("x\nauth plain"), "auth (PLAIN)" },
	{ TEXT("x\nAUTH PLAIN\nAUTH LOGIN"), "auth (PLAIN LOGIN)" },
	{ TEXT("x\nAUTH PLAIN Plain plain LOGIN PLAIN"), "auth (PLAIN LOGIN)" },
	{ TEXT("x\nAUTH  PLAIN\t LOGIN "), "auth (PLAIN LOGIN)" },
	{ TEXT("x\nAUTH\tPLAIN"), "auth (PLAIN)" },
	{ TEXT("x\nAUTH PLAIN\r"), "auth (PLAIN)" },
	{ TEXT("x\nAUTH PLAIN-X PLAIN"), "auth (PLAIN-X PLAIN)" },
	{ TEXT("x\nAUTH ECDSA-NIST256P-CHALLENGE"), "auth (ECDSA-NIST256P-CHALLENGE)" },
	{ TEXT("x\nAUTH X_Y"), "auth (X_Y)" },
	{ TEXT("x\nAUTH PL\0AIN LOGIN"), "auth (LOGIN)" },
	{ TEXT("x\nAUTH PL\xff LO,GIN (x) =PLAIN"), "auth ()" },
	{ TEXT("x\nAUTHPLAIN"), "()" },
	/* LIMITS. */
	{ TEXT("x\nLIMITS"), "()" },
	{ TEXT("x\nLIMITS MAILMAX=100 RCPTMAX=50 RCPTDOMAINMAX=1"),
	    "() mail=100 rcpt=50 domain=1" },
	{ TEXT("x\nlimits mailmax=100"), "() mail=100" },
	{ TEXT("x\nLIMITS NEW=1 RCPTMAX=50 X"), "() rcpt=50" },
	{ TEXT("x\nLIMITS RCPTMAX RCPTMAX= RCPTMAX=x MAILMAX=1x"), "()" },
	{ TEXT("x\nLIMITS RCPTMAX=99999999999999999999 MAILMAX==1"), "()" },
	/* Times: nine digits are a number of seconds. */
	{ TEXT("x\nDELIVERBY 3600"), "deliver_by () by=3600" },
	{ TEXT("x\nDELIVERBY 999999999"), "deliver_by () by=999999999" },
	{ TEXT("x\nDELIVERBY 1000000000"), "deliver_by ()" },
	{ TEXT("x\nDELIVERBY 0000000001"), "deliver_by ()" },
	{ TEXT("x\nDELIVERBY 60,NEW=1,X 70"), "deliver_by () by=60" },
	{ TEXT("x\nDELIVERBY ,60"), "deliver_by ()" },
	{ TEXT("x\nDELIVERBY -60"), "deliver_by ()" },
	{ TEXT("x\nDELIVERBY 60\nDELIVERBY x"), "deliver_by () by=60" },
	{ TEXT("x\nDELIVERBY 60\nDELIVERBY 61"), "deliver_by () by=61" },
	{ TEXT("x\nFUTURERELEASE 0 1970-01-01T00:00:00Z"), "future_release () hold=0 until=0" },
	{ TEXT("x\nFUTURERELEASE 999999998 9999-12-31T23:59:59Z 1"),
	    "future_release () hold=999999998 until=253402300799" },
	{ TEXT("x\nFUTURERELEASE 1000000000 2026-11-21T20:11:05Z"),
	    "future_release () until=1795291865" },
	{ TEXT("x\nFUTURERELEASE 1 2026-11-21T20:11:65Z"), "future_release () hold=1" },
	{ TEXT("x\nFUTURERELEASE 1209600 999999999"), "future_release () hold=1209600" },
	{ TEXT("x\nFUTURERELEASE 2026-11-21T20:11:05Z"), "future_release ()" },
	/* Foreign bytes. */
	{ TEXT("x\n\n\n \n\t\nDSN\n"), "dsn ()" },
	{ TEXT("x\nDSN\r\nCHUNKING\r"), "chunking dsn ()" },
	{ TEXT("x\n DSN \n"), "dsn ()" },
	{ TEXT("x\nDSN\nDSN\ndsn"), "dsn ()" },
	{ TEXT("x\nDSN RET"), "dsn ()" },
	{ TEXT("x\nDSNX\nXDSN\nDS"), "()" },
	{ TEXT("x\nDSN\0"), "()" },
	{ TEXT("x\n\0\xff\xfe\n=\n==\n8BITMIME"), "8bitmime ()" },
	{ TEXT("x\nBINARYMIME\nREQUIRETLS\nMT-PRIORITY\nDELIVERBY\nFUTURERELEASE"),
	    "requiretls binarymime deliver_by future_release mt_priority ()" },
};

static void
describe_ehlo(struct buf *out, const struct ehlo *e)
{
	const struct {
		const char *name;
		bool set;
	} flags[] = {
		{ "pipelining", e->pipelining },
		{ "chunking", e->chunking },
		{ "8bitmime", e->eightbitmime },
		{ "smtputf8", e->smtputf8 },
		{ "dsn", e->dsn },
		{ "enhanced", e->enhanced_codes },
		{ "starttls", e->starttls },
		{ "requiretls", e->requiretls },
		{ "binarymime", e->binarymime },
		{ "size", e->size },
		{ "auth", e->auth },
		{ "deliver_by", e->deliver_by },
		{ "future_release", e->future_release },
		{ "mt_priority", e->mt_priority },
	};
	const struct {
		const char *name;
		uint64_t number;
	} numbers[] = {
		{ "size", e->size_max },
		{ "mail", e->mail_max },
		{ "rcpt", e->rcpt_max },
		{ "domain", e->rcpt_domain_max },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].set)
			buf_addf(out, "%s ", flags[i].name);
	buf_addf(out, "(%s)", e->mechanisms.data);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].number > 0)
			buf_addf(out, " %s=%llu", numbers[i].name,
			    (unsigned long long)numbers[i].number);
	if (e->deliver_by_min_s != 0)
		buf_addf(out, " by=%lld", (long long)e->deliver_by_min_s);
	if (e->hold_max_s != EHLO_SECONDS_MAX)
		buf_addf(out, " hold=%lld", (long long)e->hold_max_s);
	if (e->hold_until_max_s != INT64_MAX)
		buf_addf(out, " until=%lld", (long long)e->hold_until_max_s);
}

static void
reads_ehlo(void **state)
{
	struct ehlo e;
	int failures = 0;

	(void)state;
	/* One ehlo for all: nothing of the row before must be left. */
	ehlo_init(&e);
	for (size_t i = 0; i < sizeof(ehlos) / sizeof(ehlos[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		ehlo_parse(&e, ehlos[i].text);
		describe_ehlo(&got, &e);
		if (strcmp(got.data, ehlos[i].announced) != 0) {
			complain(ehlos[i].text, ehlos[i].announced, got.data);
			failures++;
		}
		buf_release(&got);
	}
	ehlo_release(&e);
	assert_int_equal(failures, 0);
}

static void
knows_the_mechanisms(void **state)
{
	struct ehlo e;

	(void)state;
	ehlo_init(&e);
	assert_false(ehlo_has_mechanism(&e, "PLAIN"));
	assert_false(ehlo_has_mechanism(&e, ""));
	ehlo_parse(&e, span_of("x\nAUTH SCRAM-SHA-256-PLUS LOGIN xoauth2"));
	assert_true(ehlo_has_mechanism(&e, "SCRAM-SHA-256-PLUS"));
	assert_false(ehlo_has_mechanism(&e, "SCRAM-SHA-256"));
	assert_true(ehlo_has_mechanism(&e, "LOGIN"));
	assert_true(ehlo_has_mechanism(&e, "XOAUTH2"));
	assert_false(ehlo_has_mechanism(&e, "OAUTH2"));
	assert_false(ehlo_has_mechanism(&e, "LOGIN XOAUTH2"));
	assert_false(ehlo_has_mechanism(&e, ""));
	ehlo_release(&e);
}

/* A name that does not fit is left out whole; shorter ones behind it may still fit. */
static void
bounds_the_mechanisms(void **state)
{
	struct buf text = BUF_INIT(SIZE_MAX);
	struct ehlo e;

	(void)state;
	ehlo_init(&e);
	buf_adds(&text, "x\nAUTH ");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "X");
	buf_adds(&text,
	    " ABCDEFGHIJKLMNOPQRSTUVWX PLAIN ABCDEFGHIJKLMNOPQRST ABCDEFGHIJKLMNOPQ LOGIN");
	ehlo_parse(&e, (struct span){ text.data, text.len });
	assert_true(buf_ok(&e.mechanisms));
	assert_int_equal(e.mechanisms.len, 1024);
	assert_string_equal(e.mechanisms.data + 1000, " PLAIN ABCDEFGHIJKLMNOPQ");
	ehlo_release(&e);
	buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_replies),
		cmocka_unit_test(keeps_bounds),
		cmocka_unit_test(keeps_the_bound_of_the_text),
		cmocka_unit_test(is_left_alone_by_failure_and_used_again),
		cmocka_unit_test(finds_enhanced_statuses),
		cmocka_unit_test(finds_the_enhanced_status_of_many_lines),
		cmocka_unit_test(reads_ehlo),
		cmocka_unit_test(knows_the_mechanisms),
		cmocka_unit_test(bounds_the_mechanisms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
