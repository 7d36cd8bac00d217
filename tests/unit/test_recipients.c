/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/message.h"
#include "message/resent.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A header block, and the recipients that -t takes from it, with '|' between them. */
static const struct {
	const char *header;
	const char *recipients;
} accepted[] = {
	{ "", "" },
	{ "From: x@y\r\nSubject: To: a@b\r\n", "" },
	{ "To: a@b\r\n", "a@b" },
	{ "To: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "a@b|c@d|e@f" },
	{ "Bcc: e@f\r\nSubject: x\r\nTo: a@b\r\n", "e@f|a@b" },
	{ "TO: a@b\r\ncc : c@d\r\nbCC\t: e@f\r\n", "a@b|c@d|e@f" },
	{ "To:a@b\r\n", "a@b" },
	{ "To: a@b\r\nTo: c@d\r\nTo: e@f\r\n", "a@b|c@d|e@f" },
	{ "To: a@b, c@d,e@f\r\n", "a@b|c@d|e@f" },
	{ "To: a@b,\r\n c@d,\r\n\te@f\r\n", "a@b|c@d|e@f" },
	{ "To:\r\n a@b\r\n", "a@b" },
	{ "Bcc: a@b,\r\n b@c\r\n", "a@b|b@c" },
	{ "To: a@b\r\nCc: A@b, a@B\r\nBcc: a@b\r\n", "a@b|A@b" },
	{ "To: Some One <a@b>, \"x, y\" <c@d>\r\n", "a@b|c@d" },
	{ "To: a@b (A, comment), =?utf-8?q?B=C3=A9?= <c@d>\r\n", "a@b|c@d" },
	{ "To: undisclosed-recipients:;\r\nBcc: a@b\r\n", "a@b" },
	{ "To: friends: a@b, c@d;, e@f\r\n", "a@b|c@d|e@f" },
	{ "To: \r\nCc:\r\nBcc: a@b\r\n", "a@b" },
	{ "To: (nobody)\r\n", "" },
	{ "To: root\r\n", "root" },
	{ "To: \xc3\xa9@b\r\n", "\xc3\xa9@b" },
	{ "X-To: a@b\r\nTo-X: a@b\r\nApparently-To: a@b\r\nReply-To: a@b\r\n", "" },
	{ "From: <<<\r\nReply-To: a@b@c\r\nTo: a@b\r\n", "a@b" },
	/* Resent- fields take over. */
	{ "Resent-To: n@w\r\nTo: a@b\r\nCc: c@d\r\nBcc: e@f\r\n", "n@w" },
	{ "To: a@b\r\nResent-To: n@w\r\n", "n@w" },
	{ "Resent-To: n@w\r\nResent-Cc: m@w\r\nResent-Bcc: o@w\r\nTo: a@b\r\n", "n@w|m@w|o@w" },
	{ "RESENT-TO : n@w\r\nresent-bcc\t:\r\n m@w\r\nTo: a@b\r\n", "n@w|m@w" },
	{ "Resent-From: me@w\r\nTo: a@b\r\n", "" },
	{ "Resent-Date: x\r\nTo: a@b\r\n", "" },
	{ "Resent-Subject: x\r\nTo: a@b\r\n", "" },
	{ "X-Resent-To: n@w\r\nPrev-Resent-To: n@w\r\nTo: a@b\r\n", "a@b" },
	{ "Resent-To: n@w\r\nTo: a@b@c\r\n", "n@w" },
	/* mutt: a block on top, above the journey. */
	{ "Resent-From: me@w\r\nResent-Date: x\r\nResent-Message-ID: <1@w>\r\nResent-To: n@w\r\n"
	  "Received: x\r\nResent-From: you@w\r\nResent-Date: y\r\nResent-To: o@w\r\nResent-Cc: p@w\r\n"
	  "Received: y\r\nFrom: a@b\r\nTo: c@d\r\n",
	    "n@w" },
	/* Another without a journey between. */
	{ "Resent-From: me@w\r\nResent-To: n@w\r\nResent-From: you@w\r\nResent-To: o@w\r\nTo: c@d\r\n",
	    "n@w" },
	{ "Resent-To: n@w\r\nResent-To: o@w\r\nResent-Cc: p@w\r\n", "n@w" },
	{ "Resent-To: n@w\r\nResent-Date: x\r\nResent-Cc: o@w\r\nResent-Date: y\r\nResent-Bcc: p@w\r\n",
	    "n@w|o@w" },
	{ "Resent-Sender: me@w\r\nResent-To: n@w\r\nResent-Sender: me@w\r\nResent-Cc: o@w\r\n",
	    "n@w" },
	{ "Resent-Message-ID: <1@w>\r\nResent-To: n@w\r\nResent-Message-ID: <2@w>\r\nResent-Cc: o@w\r\n",
	    "n@w" },
	{ "Resent-Reply-To: me@w\r\nResent-To: n@w\r\nResent-Reply-To: me@w\r\nResent-Cc: o@w\r\n",
	    "n@w" },
	{ "Resent-Cc: n@w\r\nResent-Cc: o@w\r\nResent-To: p@w\r\n", "n@w" },
	{ "Resent-Bcc: n@w\r\nResent-Bcc: o@w\r\nResent-To: p@w\r\n", "n@w" },
	{ "Resent-X: x\r\nResent-To: n@w\r\nResent-X: y\r\nResent-Cc: o@w\r\n", "n@w|o@w" },
	{ "Resent-To: n@w\r\nReturn-Path: <x>\r\nResent-Cc: o@w\r\n", "n@w" },
	{ "Resent-To: n@w\r\nDelivered-To: x@y\r\nResent-Cc: o@w\r\n", "n@w" },
	{ "Resent-To: n@w\r\nX-Original-To: x@y\r\nResent-Cc: o@w\r\n", "n@w" },
	{ "Received: x\r\nReturn-Path: <x>\r\nResent-To: n@w\r\nResent-Cc: o@w\r\nTo: a@b\r\n",
	    "n@w|o@w" },
	/* KMail: in the midst of the others. */
	{ "From: me@w\r\nResent-Message-ID: <1@w>\r\nResent-Date: x\r\nResent-From: me@w\r\nTo: a@b\r\n"
	  "Resent-To: n@w\r\nResent-Cc: o@w, p@w\r\nResent-Bcc: q@w\r\nX-KMail-Redirect-From: me@w\r\n",
	    "n@w|o@w|p@w|q@w" },
};

static const struct {
	const char *header;
	const char *sentence;
} refused[] = {
	{ "To: a@b@c\r\n", "in the To header: cannot parse the address \"a@b@c\": " },
	{ "To: a@b\r\nCC: c@d, <e@f\r\n", "in the Cc header: cannot parse the address \"<e@f\": " },
	{ "bcc : @\r\n", "in the Bcc header: cannot parse the address \"@\": " },
	{ "To: a@b\r\nresent-to: x y\r\n",
	    "in the Resent-To header: cannot parse the address \"x y\": " },
	{ "Resent-Cc: a@b\r\nResent-Bcc: \"x\r\n",
	    "in the Resent-Bcc header: cannot parse the address \"\"x\": " },
	{ "To: <>\r\n", "in the To header: " },
	{ "To: a@b (open\r\n", "in the To header: cannot parse the address \"a@b (open\": " },
};

static struct envelope envelope;

static int
take(const char *header)
{
	struct message m;
	int rc;

	message_init(&m);
	buf_adds(&m.header, header);
	rc = message_recipients(&m, &envelope, &err);
	message_release(&m);
	return rc;
}

static void
check_recipients(const char *wanted)
{
	struct buf got = BUF_INIT(10000);

	for (size_t i = 0; i < envelope.count; i++)
		buf_addf(&got, "%s%s", i > 0 ? "|" : "", envelope.recipients[i].address);
	assert_string_equal(got.data, wanted);
	buf_release(&got);
	envelope_release(&envelope);
}

static void
accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		assert_int_equal(take(accepted[i].header), 0);
		check_recipients(accepted[i].recipients);
	}
}

static void
refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		assert_int_equal(take("To: x@y\r\n"), 0);
		assert_int_equal(take(refused[i].header), -1);
		assert_int_equal(err.kind, ERR_ADDRESS);
		if (strncmp(err.what.data, refused[i].sentence, strlen(refused[i].sentence)) != 0)
			assert_string_equal(err.what.data, refused[i].sentence);
		check_recipients("x@y");
	}
}

static void
adds_to_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(take("To: a@b, c@d\r\n"), 0);
	assert_int_equal(take("To: c@d, e@f\r\n"), 0);
	check_recipients("a@b|c@d|e@f");
}

static void
refuses_a_broken_block(void **state)
{
	struct message m;

	(void)state;
	message_init(&m);
	buf_adds(&m.header, "To: a@b\r\n");
	m.recipients_in_body = true;
	assert_int_equal(message_recipients(&m, &envelope, &err), -1);
	assert_int_equal(err.kind, ERR_MESSAGE);
	assert_string_equal(err.what.data,
	    "a To, Cc or Bcc header stands behind a line that is no header, thus in the body");
	assert_non_null(strstr(err_hint_text(&err), "Name: text"));
	check_recipients("");
	message_release(&m);
}

/* Where the newest resending begins and ends: between the brackets. */
static const char *const blocks[] = {
	"A: x\r\n[]",
	"[Resent-To: x\r\n]",
	"A: x\r\n[Resent-To: x\r\nB: y\r\n]",
	"Received: x\r\n[Resent-To: x\r\n]Received: y\r\nResent-To: y\r\n",
	"[Resent-To: x\r\nB: y\r\n]resent-to: z\r\n",
};

static void
finds_the_newest_resending(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(blocks); i++) {
		struct span rest = span_of(blocks[i]), before = span_cut(&rest, '['),
			    inside = span_cut(&rest, ']');
		struct buf header = BUF_INIT(1000);
		struct span found;

		buf_addf(&header, "%.*s%.*s%s", (int)before.len, before.data, (int)inside.len,
		    inside.data, rest.data);
		found = resent_newest((struct span){ header.data, header.len });
		assert_int_equal(found.len, inside.len);
		if (found.len > 0)
			assert_int_equal(found.data - header.data, before.len);
		buf_release(&header);
	}
}

static int
setup(void **state)
{
	envelope_init(&envelope);
	return setup_err(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(adds_to_what_is_there),
		cmocka_unit_test(refuses_a_broken_block),
		cmocka_unit_test(finds_the_newest_resending),
	};

	return cmocka_run_group_tests(tests, setup, teardown_err);
}
