/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/message.h"
#include "message/phrase.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is added where it is missing. */
#define DATE "Date: Sun, 13 Sep 2020 14:26:40 +0200\r\n"
#define FROM "From: Me <me@example.org>\r\n"
#define ID "Message-ID: <unique@host.example>\r\n"
#define NOBODY "To: undisclosed-recipients:;\r\n"
#define MIME "MIME-Version: 1.0\r\n"
#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define ENCODING "Content-Transfer-Encoding: 8bit\r\n"
#define RESENT "Resent-" DATE "Resent-" FROM "Resent-" ID

/* A header that lacks nothing. */
#define ALL "Date: d\r\nFrom: f\r\nMessage-ID: <i>\r\nTo: t\r\n"

enum body { ASCII, UTF_8, UNKNOWN };

static const struct {
	const char *header;
	enum body body;
	const char *completed;
} rows[] = {
	/* What is missing. */
	{ "", ASCII, DATE FROM ID NOBODY },
	{ "S: x\r\n", ASCII, "S: x\r\n" DATE FROM ID NOBODY },
	{ ALL, ASCII, ALL },
	{ "DATE: d\r\nfrom: f\r\nMessage-Id: <i>\r\nTO: t\r\n", ASCII,
	    "DATE: d\r\nfrom: f\r\nMessage-Id: <i>\r\nTO: t\r\n" },
	{ "Date : d\r\nFrom\t: f\r\nMessage-ID \t:<i>\r\nTo :t\r\n", ASCII,
	    "Date : d\r\nFrom\t: f\r\nMessage-ID \t:<i>\r\nTo :t\r\n" },
	{ "To: t\r\n", ASCII, "To: t\r\n" DATE FROM ID },
	{ "Cc: t\r\n", ASCII, "Cc: t\r\n" DATE FROM ID },
	{ "To: t\r\nDate: d\r\nFrom: f\r\n", ASCII, "To: t\r\nDate: d\r\nFrom: f\r\n" ID },
	{ "To: t\r\nDate: d\r\nMessage-ID: i\r\n", ASCII,
	    "To: t\r\nDate: d\r\nMessage-ID: i\r\n" FROM },
	{ "To: t\r\nFrom: f\r\nMessage-ID: i\r\n", ASCII,
	    "To: t\r\nFrom: f\r\nMessage-ID: i\r\n" DATE },
	{ "To: t\r\nSender: s\r\nReply-To: r\r\n", ASCII,
	    "To: t\r\nSender: s\r\nReply-To: r\r\n" DATE FROM ID },
	{ "To:\r\n t\r\nDate:\r\n\td\r\nFrom: f\r\nMessage-ID:\r\n <i>\r\n", ASCII,
	    "To:\r\n t\r\nDate:\r\n\td\r\nFrom: f\r\nMessage-ID:\r\n <i>\r\n" },
	/* What is there but empty gives way; what is there twice stays. */
	{ "From:\r\nDate: \r\nMessage-ID:\t\r\nTo: t\r\n", ASCII, "To: t\r\n" DATE FROM ID },
	{ "From:\r\n \r\nfrom : \r\nTo: t\r\n", ASCII, "To: t\r\n" DATE FROM ID },
	{ "From:\r\nFrom: f\r\n" DATE ID "To: t\r\n", ASCII,
	    "From:\r\nFrom: f\r\n" DATE ID "To: t\r\n" },
	{ "To:\r\nDate: d\r\nFrom: f\r\nMessage-ID: i\r\n", ASCII,
	    "Date: d\r\nFrom: f\r\nMessage-ID: i\r\n" NOBODY },
	{ "Cc:\r\nDate: d\r\nFrom: f\r\nMessage-ID: i\r\n", ASCII,
	    "Cc:\r\nDate: d\r\nFrom: f\r\nMessage-ID: i\r\n" NOBODY },
	{ "To:\r\nCc: c\r\nDate: d\r\nFrom: f\r\nMessage-ID: i\r\n", ASCII,
	    "To:\r\nCc: c\r\nDate: d\r\nFrom: f\r\nMessage-ID: i\r\n" },
	{ ALL "From: g\r\nDate: e\r\n", ASCII, ALL "From: g\r\nDate: e\r\n" },
	/* What must not go out. */
	{ ALL "Bcc: x@y\r\n", ASCII, ALL },
	{ "Bcc: x@y\r\n" ALL, ASCII, ALL },
	{ ALL "BCC:x@y\r\nbcc : x@y\r\nBcc\t:\r\n x@y\r\nbcc \t :x\r\n", ASCII, ALL },
	{ ALL "Bcc: x@y,\r\n y@z,\r\n\tz@a\r\nS: x\r\n", ASCII, ALL "S: x\r\n" },
	{ ALL "Bcc:\r\nBcc: \r\n \r\n", ASCII, ALL },
	{ "Bcc: x@y\r\n", ASCII, DATE FROM ID NOBODY },
	{ ALL "Return-Path: <x@y>\r\nContent-Length: 12\r\nCONTENT-LENGTH : 3\r\n", ASCII, ALL },
	{ ALL "X-Bcc: x\r\nBccc: x\r\nBc: x\r\nBcc-X: x\r\n", ASCII,
	    ALL "X-Bcc: x\r\nBccc: x\r\nBc: x\r\nBcc-X: x\r\n" },
	{ ALL "S: x\r\n Bcc: not one\r\n", ASCII, ALL "S: x\r\n Bcc: not one\r\n" },
	/* All else stays as it is. */
	{ "X-A :  odd \r\n\t \r\n \tspace\r\n" ALL "x-a:\r\n", ASCII,
	    "X-A :  odd \r\n\t \r\n \tspace\r\n" ALL "x-a:\r\n" },
	{ "Received: a\r\nReceived: b\r\nDKIM-Signature: c\r\n" ALL, ASCII,
	    "Received: a\r\nReceived: b\r\nDKIM-Signature: c\r\n" ALL },
	/* 8-bit text. */
	{ ALL, UTF_8, ALL MIME TYPE ENCODING },
	{ ALL, UNKNOWN, ALL MIME "Content-Type: text/plain; charset=unknown-8bit\r\n" ENCODING },
	{ "To: t\r\n", UTF_8, "To: t\r\n" DATE FROM ID MIME TYPE ENCODING },
	{ ALL "Content-Type: text/plain; charset=latin1\r\n", UNKNOWN,
	    ALL "Content-Type: text/plain; charset=latin1\r\n" MIME ENCODING },
	{ ALL "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n", UTF_8,
	    ALL "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n" ENCODING },
	{ ALL
	    "Mime-Version: 1.0 (x)\r\ncontent-type: text/html\r\ncontent-transfer-encoding: 7bit\r\n",
	    UTF_8,
	    ALL
	    "Mime-Version: 1.0 (x)\r\ncontent-type: text/html\r\ncontent-transfer-encoding: 7bit\r\n" },
	{ ALL MIME TYPE "Content-Transfer-Encoding: quoted-printable\r\n", UTF_8,
	    ALL MIME TYPE "Content-Transfer-Encoding: quoted-printable\r\n" },
	{ ALL "Content-Transfer-Encoding: 8bit\r\n", UTF_8, ALL ENCODING MIME TYPE },
	{ ALL "Content-Type:\r\nMIME-Version: 1.0\r\n", UTF_8,
	    ALL "MIME-Version: 1.0\r\n" TYPE ENCODING },
	{ ALL MIME, ASCII, ALL MIME },
	/* Resent messages. */
	{ "Resent-To: n\r\nS: x\r\n", ASCII, RESENT "Resent-To: n\r\nS: x\r\n" },
	{ "Received: r\r\nResent-To: n\r\nS: x\r\n", UTF_8,
	    "Received: r\r\n" RESENT "Resent-To: n\r\nS: x\r\n" },
	{ "Resent-To: n\r\nResent-From: f\r\nS: x\r\n", ASCII,
	    "Resent-" DATE "Resent-" ID "Resent-To: n\r\nResent-From: f\r\nS: x\r\n" },
	{ RESENT "Resent-To: n\r\n", ASCII, RESENT "Resent-To: n\r\n" },
	{ "Resent-Bcc: n\r\nS: x\r\n", ASCII, RESENT "S: x\r\n" },
	{ "Resent-Bcc: n\r\nReceived: r\r\n"
	  "Resent-" DATE "Resent-From: f\r\nResent-Bcc: o\r\n",
	    ASCII,
	    RESENT "Received: r\r\n"
		   "Resent-" DATE "Resent-From: f\r\n" },
	{ "Resent-To: n\r\nReceived: r\r\n" RESENT "Resent-To: o\r\n", ASCII,
	    RESENT "Resent-To: n\r\nReceived: r\r\n" RESENT "Resent-To: o\r\n" },
	{ "Resent-From: f\r\nResent-To: n\r\nResent-From: g\r\n"
	  "Resent-" DATE,
	    ASCII,
	    "Resent-" DATE "Resent-" ID "Resent-From: f\r\nResent-To: n\r\nResent-From: g\r\n"
	    "Resent-" DATE },
	{ "Resent-Date:\r\nResent-To: n\r\nReceived: r\r\nResent-Date:\r\nDate:\r\n", ASCII,
	    RESENT "Resent-To: n\r\nReceived: r\r\nResent-Date:\r\nDate:\r\n" },
	{ "From:\r\nBcc: x\r\nResent-To: n\r\nresent-bcc\t: y,\r\n z\r\nTo:\r\n", ASCII,
	    "From:\r\n" RESENT "Resent-To: n\r\nTo:\r\n" },
};

static const struct message_defaults defaults = {
	.from = "me@example.org",
	.full_name = "Me",
	.id_domain = "host.example",
	.now = 1600000000,
	.unique = "unique",
};

static void
check_complete(const char *header, enum body body, const struct message_defaults *d,
    const char *wanted)
{
	struct message m;

	message_init(&m);
	buf_adds(&m.header, header);
	m.body_8bit = body != ASCII;
	m.body_utf8 = body != UNKNOWN;
	for (int times = 0; times < 2; times++) {
		assert_int_equal(message_complete(&m, d, &err), 0);
		assert_string_equal(m.header.data, wanted);
	}
	message_release(&m);
}

static void
completes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_complete(rows[i].header, rows[i].body, &defaults, rows[i].completed);
}

/* Names, and what they are as a phrase. */
static const struct {
	const char *name;
	const char *phrase;
} phrases[] = {
	{ "", "" },
	{ " \t ", "" },
	{ "Me", "Me" },
	{ "  Me and  You ", "\"Me and  You\"" },
	{ "  Me and You ", "Me and You" },
	{ "O'Neill-Smith {x} ~!#$%&*+/?=^_`|", "O'Neill-Smith {x} ~!#$%&*+/?=^_`|" },
	{ "John Q. Public", "\"John Q. Public\"" },
	{ "root (Cron Daemon)", "\"root (Cron Daemon)\"" },
	{ "a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\"" },
	{ "x@y, <z>", "\"x@y, <z>\"" },
	{ "=?utf-8?Q?x?=", "=?utf-8?B?PT91dGYtOD9RP3g/PQ==?=" },
	{ "A\r\nBcc: x@y", "\"A  Bcc: x@y\"" },
	{ "A\nB", "A B" },
	{ "A\x7f\x01"
	  "B",
	    "\"A  B\"" },
	{ "J\xc3\xb6rg", "=?utf-8?B?SsO2cmc=?=" },
	{ "J\xf6rg", "J?rg" },
	{ "J\xf6rg\xc3\xa9\n", "=?utf-8?B?Sj9yZ8Op?=" },
	{ "012345678901234567890123456789012345678901234567890123456789",
	    "012345678901234567890123456789012345678901234567890123456789" },
	{ "012345678901234567890123456789012345678901234567890123456789x",
	    "=?utf-8?Q?012345678901234567890123456789012345678901234567890?=\r\n"
	    " =?utf-8?Q?123456789x?=" },
	{ "x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
	    "=?utf-8?B?eMOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6k=?=\r\n =?utf-8?B?w6k=?=" },
};

static void
writes_phrases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(phrases); i++) {
		struct buf out = BUF_INIT(1000);

		phrase_add(&out, span_of(phrases[i].name));
		assert_string_equal(out.data, phrases[i].phrase);
		buf_release(&out);
	}
}

/* No line of a header is longer than SMTP carries, whatever the name. */
static void
folds_long_names(void **state)
{
	struct message_defaults d = defaults;
	struct buf name = BUF_INIT(100000);
	struct message m;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_adds(&name, "\xf0\x9f\x93\xac");
	d.full_name = name.data;
	message_init(&m);
	assert_int_equal(message_complete(&m, &d, &err), 0);
	assert_true(m.header_line_max <= 76);
	assert_non_null(strstr(m.header.data, "?=\r\n <me@example.org>\r\n"));
	message_release(&m);
	buf_release(&name);
}

static void
writes_from(void **state)
{
	struct message_defaults d = defaults;

	(void)state;
	d.full_name = NULL;
	check_complete("To: t\r\n" DATE ID, ASCII, &d,
	    "To: t\r\n" DATE ID "From: me@example.org\r\n");
	d.full_name = " \n";
	check_complete("To: t\r\n" DATE ID, ASCII, &d,
	    "To: t\r\n" DATE ID "From: me@example.org\r\n");
	d.full_name = "A\nBcc: x@y";
	check_complete("To: t\r\n" DATE ID, ASCII, &d,
	    "To: t\r\n" DATE ID "From: \"A Bcc: x@y\" <me@example.org>\r\n");
	d.full_name = "J\xc3\xb6rg";
	check_complete("To: t\r\n" DATE ID, ASCII, &d,
	    "To: t\r\n" DATE ID "From: =?utf-8?B?SsO2cmc=?= <me@example.org>\r\n");
	d.full_name = "A name of fifty octets, which does not fit one line";
	check_complete("To: t\r\n" DATE ID, ASCII, &d,
	    "To: t\r\n" DATE ID
	    "From: \"A name of fifty octets, which does not fit one line\"\r\n <me@example.org>\r\n");
	d.from = NULL;
	check_complete("To: t\r\n" DATE ID, ASCII, &d, "To: t\r\n" DATE ID);
	d.from = "";
	check_complete("To: t\r\n" DATE ID "From:\r\n", ASCII, &d, "To: t\r\n" DATE ID "From:\r\n");
}

static void
keeps_the_facts(void **state)
{
	struct message_defaults d = defaults;
	struct message m;

	(void)state;
	message_init(&m);
	buf_adds(&m.header,
	    ALL "Bcc: \xc3\xa9 and a line that is longer than all others, but goes away\r\n");
	message_header_facts(&m);
	assert_true(m.header_8bit);
	assert_int_equal(message_complete(&m, &d, &err), 0);
	assert_false(m.header_8bit);
	assert_int_equal(m.header_line_max, strlen("Message-ID: <i>"));
	message_release(&m);
	message_init(&m);
	d.from = "\xc3\xa9@b";
	assert_int_equal(message_complete(&m, &d, &err), 0);
	assert_true(m.header_8bit);
	assert_int_equal(m.header_line_max, strlen(DATE) - 2);
	message_release(&m);
}

static void
bounds_the_header(void **state)
{
	size_t room = strlen(DATE FROM ID);
	struct message m;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		message_init(&m);
		buf_adds(&m.header, "Bcc: x\r\nTo: ");
		while (m.header.len < MESSAGE_HEADER_MAX - room + strlen("Bcc: x\r\n") - 2 + over)
			buf_addc(&m.header, 'x');
		buf_adds(&m.header, "\r\n");
		assert_true(buf_ok(&m.header));
		if (over == 0) {
			assert_int_equal(message_complete(&m, &defaults, &err), 0);
			assert_int_equal(m.header.len, MESSAGE_HEADER_MAX);
		} else {
			assert_int_equal(message_complete(&m, &defaults, &err), -1);
			assert_int_equal(err.kind, ERR_MESSAGE);
			assert_memory_equal(m.header.data, "Bcc: x\r\nTo: x", 13);
		}
		message_release(&m);
	}
}

/* A block of nothing but fields that go away takes no more time than another. */
static void
removes_many(void **state)
{
	struct message m;

	(void)state;
	message_init(&m);
	while (m.header.len < MESSAGE_HEADER_MAX - 1000)
		buf_adds(&m.header, "Bcc:\r\nDate:\r\n");
	assert_int_equal(message_complete(&m, &defaults, &err), 0);
	assert_string_equal(m.header.data, DATE FROM ID NOBODY);
	message_release(&m);
}

static const struct {
	const char *header;
	const char *id;
} ids[] = {
	{ "", "" },
	{ "To: t\r\n", "" },
	{ "Message-ID: <a@b>\r\n", "<a@b>" },
	{ "message-id : \t<a@b> \r\n", "<a@b>" },
	{ "Message-ID:\r\n <a@b>\r\n", "<a@b>" },
	{ "Message-ID: (x) <a@b> y\r\n", "<a@b>" },
	{ "Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", "<a@b>" },
	{ "Message-ID: a@b\r\n", "a@b" },
	{ "Message-ID: >a@b<\r\n", ">a@b<" },
	{ "Message-ID:\r\n", "" },
	{ "Resent-Message-ID: <a@b>\r\n", "" },
};

static void
finds_the_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct buf out = BUF_INIT(1000);
		struct message m;

		message_init(&m);
		buf_adds(&m.header, ids[i].header);
		message_id(&m, &out);
		assert_string_equal(out.data, ids[i].id);
		message_release(&m);
		buf_release(&out);
	}
}

static int
setup(void **state)
{
	return setenv("TZ", "CEST-2", 1) == 0 ? setup_err(state) : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completes),
		cmocka_unit_test(writes_phrases),
		cmocka_unit_test(folds_long_names),
		cmocka_unit_test(writes_from),
		cmocka_unit_test(keeps_the_facts),
		cmocka_unit_test(bounds_the_header),
		cmocka_unit_test(removes_many),
		cmocka_unit_test(finds_the_id),
	};

	return cmocka_run_group_tests(tests, setup, teardown_err);
}
