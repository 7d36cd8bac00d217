/* SPDX-License-Identifier: ISC */
/*
 * Which senders are not for outside, and what goes out in their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/address.h"
#include "format/header.h"
#include "routing/policy.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The name of this host, for the code under test: this program's gethostname() stands in for the C
 * library's.
 */
int gethostname(char *name, size_t size);

int
gethostname(char *name, size_t size)
{
	static const char host[] = "nas.example.net";

	if (size < sizeof(host))
		return -1;
	memcpy(name, host, sizeof(host));
	return 0;
}

#define OWN "from alice@example.org\n"
#define NEVER OWN "rewrite_from never\n"
#define ALWAYS "from alice@example.org *@lists.example.org\nrewrite_from always\n"
#define DOMAIN OWN "local_domain lan.example.org\n"
#define ADDRESS "\r\n <alice@example.org>\r\n"
#define SAME NULL

/* Settings, envelope sender, From; then what they become (NULL: nothing changes). */
static const struct {
	const char *settings, *sender, *from, *new_sender, *new_from;
} rows[] = {
	/* Nothing to hide. */
	{ OWN, "alice@example.org", " alice@example.org\r\n", SAME, SAME },
	{ OWN, "bob@example.com", " Bob <bob@example.com>\r\n", SAME, SAME },
	{ OWN, "", " bob@example.com\r\n", SAME, SAME },
	{ DOMAIN, "root@lan.example.org", " root@lan.example.org\r\n", SAME, SAME },
	{ NEVER, "root", " root\r\n", SAME, SAME },
	{ "", "root", " root\r\n", SAME, SAME },
	{ "from *@example.org\n", "root", " root\r\n", SAME, SAME },
	/* Without a domain, or with this host's. */
	{ OWN, "root", " bob@example.com\r\n", "alice@example.org", SAME },
	{ OWN, "root@localhost", " bob@example.com\r\n", "alice@example.org", SAME },
	{ OWN, "root@NAS.example.net", " bob@example.com\r\n", "alice@example.org", SAME },
	{ OWN, "root@nas", " bob@example.com\r\n", "alice@example.org", SAME },
	{ OWN, "root@sub.nas.example.net", " bob@example.com\r\n", SAME, SAME },
	{ OWN, "bob@example.com", " root\r\n", SAME, "\"root on nas.example.net\"" ADDRESS },
	{ OWN, "bob@example.com", " root@localhost\r\n", SAME,
	    "\"root on nas.example.net\"" ADDRESS },
	{ OWN, "bob@example.com", " root@nas\r\n", SAME, "root on nas" ADDRESS },
	{ OWN, "", " root\r\n", SAME, "\"root on nas.example.net\"" ADDRESS },
	{ OWN, "root", " root\r\n", "alice@example.org", "\"root on nas.example.net\"" ADDRESS },
	{ DOMAIN, "root@nas", " root@nas\r\n", "alice@example.org", "root on nas" ADDRESS },
	/* Their names. */
	{ OWN, "", " Charlie Root <root>\r\n", SAME,
	    "\"Charlie Root (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " \"Root, Charlie\" <root>\r\n", SAME,
	    "\"Root, Charlie (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " \"a \\\"b\\\"\" <root>\r\n", SAME,
	    "\"a \\\"b\\\" (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " root (Cron Daemon)\r\n", SAME,
	    "\"Cron Daemon (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " root@nas (Cron)\r\n", SAME, "\"Cron (root on nas)\"" ADDRESS },
	{ OWN, "", "\r\n Charlie\r\n Root\r\n <root>\r\n", SAME,
	    "\"Charlie Root (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " <root>\r\n", SAME, "\"root on nas.example.net\"" ADDRESS },
	{ OWN, "", " =?utf-8?q?J=C3=BCrgen?= <root>\r\n", SAME,
	    "=?utf-8?q?J=C3=BCrgen?= \"(root on nas.example.net)\"" ADDRESS },
	/* As folded as it was. */
	{ OWN, "", " =?utf-8?q?J=C3=BCrgen?=\r\n =?utf-8?q?_M?= <root>\r\n", SAME,
	    "=?utf-8?q?J=C3=BCrgen?=\r\n =?utf-8?q?_M?= \"(root on nas.example.net)\"" ADDRESS },
	/* What only looks like encoded words goes out as text, and takes nobody with it. */
	{ OWN, "", " \"=?utf-8?q?a?=\" <root>\r\n", SAME,
	    "=?utf-8?B?PT91dGYtOD9xP2E/PSAocm9vdCBvbiBuYXMuZXhhbXBsZS5u?=\r\n"
	    " =?utf-8?B?ZXQp?=" ADDRESS },
	{ OWN, "", " eve@example.com, =?utf-8?q?a?= <root>\r\n", SAME,
	    "\"eve@example.com\"" ADDRESS },
	/* Quoted strings, comments within each other, groups. */
	{ OWN, "", " \"a <b>, c\" <root>\r\n", SAME,
	    "\"a <b>, c (root on nas.example.net)\"" ADDRESS },
	{ OWN, "", " \"a (b\" <root@nas>\r\n", SAME, "\"a (b (root on nas)\"" ADDRESS },
	{ OWN, "", " root@nas (Cron (daily))\r\n", SAME, "\"Cron (daily) (root on nas)\"" ADDRESS },
	{ OWN, "", " root@nas (Cron <x> \\) y)\r\n", SAME,
	    "\"Cron <x> ) y (root on nas)\"" ADDRESS },
	{ OWN, "", " root@nas ()\r\n", SAME, "root on nas" ADDRESS },
	{ OWN, "", " root@nas, Bob <bob@example.com>\r\n", SAME, "root on nas" ADDRESS },
	{ OWN, "", " All: Charlie Root <root@nas>, bob@example.com;\r\n", SAME,
	    "\"Charlie Root (root on nas)\"" ADDRESS },
	/* One of several is enough; the first one names them. */
	{ OWN, "", " bob@example.com, root\r\n", SAME, "\"bob@example.com\"" ADDRESS },
	/* What cannot be read is nobody's. */
	{ OWN, "", " a b c\r\n", SAME, SAME },
	{ OWN, "", "\r\n", SAME, SAME },
	/* always: nobody but the account's own. */
	{ ALWAYS, "bob@example.com", " bob@example.com\r\n", "alice@example.org",
	    "\"bob@example.com\"" ADDRESS },
	{ ALWAYS, "bob@example.com", " Bob <bob@example.com>\r\n", "alice@example.org",
	    "\"Bob (bob@example.com)\"" ADDRESS },
	{ ALWAYS, "alice@example.org", " alice@example.org\r\n", SAME, SAME },
	{ ALWAYS, "all@lists.example.org", " all@lists.example.org\r\n", SAME, SAME },
	{ ALWAYS, "", " root\r\n", SAME, "\"root on nas.example.net\"" ADDRESS },
};

static struct config config;
static const struct account *
account_with(const char *settings)
{
	const struct account *account = NULL;
	struct buf text = BUF_INIT(SIZE_MAX);

	buf_addf(&text, "server smtps://mail.example.org\n%s", settings);
	if (config_parse(&config, "test", text.data, text.len, &err) < 0 ||
	    config_account(&config, "default", NULL, &account, &err) < 0)
		fail_msg("%s: %s", settings, err.what.data);
	buf_release(&text);
	return account;
}

static void
check_text(size_t row, const char *text, const char *expected)
{
	if (strcmp(text, expected) != 0)
		fail_msg("row %zu: %s\nnot %s", row, text, expected);
}

/*
 * The whole block: the new field in the old one's place, and the old one behind it under another
 * name.
 */
static void
check_header(size_t row, const struct policy *policy, const char *from, const char *expected)
{
	struct buf block = BUF_INIT(SIZE_MAX);

	if (expected != NULL)
		buf_addf(&block, "To: x@example.net\r\nFrom: %sX-Original-From:%sSubject: x\r\n",
		    expected, from);
	check_text(row, policy->header.data, block.data);
	buf_release(&block);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct account *account = account_with(rows[i].settings);
		struct envelope envelope;
		struct message message;
		struct policy policy;

		envelope_init(&envelope);
		message_init(&message);
		envelope.sender = strdup(rows[i].sender);
		buf_addf(&message.header, "To: x@example.net\r\nFrom:%sSubject: x\r\n",
		    rows[i].from);
		assert_int_equal(policy_apply(&policy, account, &envelope, &message, &err), 0);
		check_text(i, policy.sender != NULL ? policy.sender : "",
		    rows[i].new_sender != NULL ? rows[i].new_sender : "");
		check_header(i, &policy, rows[i].from, rows[i].new_from);
		assert_string_equal(envelope.sender, rows[i].sender);
		policy_release(&policy);
		message_release(&message);
		envelope_release(&envelope);
		config_release(&config);
	}
}

/* Whatever stands in From, what goes out has one author: the account. */
static void
test_long(void **state)
{
	static const char *const parts[] = { "a",
		"=?utf-8?q?a?=", "=?utf-8?q?a?= ", "=?utf-8?q?a?=\r\n ", "\"a\" ", "(a)", "(", "\\",
		"a@b, ", "\xff" };
	const struct account *account = account_with(OWN);

	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++)
		for (size_t count = 1; count < 5000; count = count * 3 + 1) {
			struct address_list list = ADDRESS_LIST_INIT;
			struct header_field from;
			struct envelope envelope;
			struct message message;
			struct policy policy;

			envelope_init(&envelope);
			message_init(&message);
			envelope.sender = strdup("alice@example.org");
			buf_adds(&message.header, "From: ");
			for (size_t k = 0; k < count; k++)
				buf_adds(&message.header, parts[i]);
			buf_adds(&message.header, " <root>\r\n");
			assert_int_equal(policy_apply(&policy, account, &envelope, &message, &err),
			    0);
			if (policy.header.len > 0) {
				assert_true(header_find((struct span){ policy.header.data,
							    policy.header.len },
				    "From", &from));
				if (address_parse(&list, from.body, 0, &err) < 0)
					fail_msg("%zu times %s: %s", count, parts[i],
					    err.what.data);
				assert_int_equal(list.count, 1);
				assert_string_equal(list.items[0].mailbox, "alice@example.org");
			}
			address_list_release(&list);
			policy_release(&policy);
			message_release(&message);
			envelope_release(&envelope);
		}
	config_release(&config);
}

/* No line of the new field is longer than the old one's were, or than a line of text. */
static void
test_folded(void **state)
{
	const struct account *account = account_with(OWN);
	struct envelope envelope;
	struct message message;
	struct policy policy;
	struct span rest;

	(void)state;
	envelope_init(&envelope);
	message_init(&message);
	envelope.sender = strdup("alice@example.org");
	buf_adds(&message.header, "From:");
	for (unsigned i = 0; i < 50; i++)
		buf_adds(&message.header,
		    "\r\n =?utf-8?q?abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh?=");
	buf_adds(&message.header, "\r\n <root>\r\n");
	assert_int_equal(policy_apply(&policy, account, &envelope, &message, &err), 0);
	rest = (struct span){ policy.header.data, policy.header.len };
	assert_true(rest.len > message.header.len);
	while (rest.len > 0)
		assert_true(span_cut(&rest, '\n').len < 150);
	policy_release(&policy);
	message_release(&message);
	envelope_release(&envelope);
	config_release(&config);
}

/* A block that is full has no room for another From. */
static void
test_too_large(void **state)
{
	const struct account *account = account_with(OWN);

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		static const char
		    added[] = "From: \"root on nas.example.net\"\r\n <alice@example.org>\r\n"
			      "X-Original-From: root\r\n";
		struct envelope envelope;
		struct message message;
		struct policy policy;

		envelope_init(&envelope);
		message_init(&message);
		envelope.sender = strdup("alice@example.org");
		buf_adds(&message.header, "X: ");
		while (message.header.len <
		    MESSAGE_HEADER_MAX - strlen("\r\n") - strlen(added) + over)
			buf_addc(&message.header, 'x');
		buf_adds(&message.header, "\r\nFrom: root\r\n");
		assert_true(buf_ok(&message.header));
		assert_int_equal(policy_apply(&policy, account, &envelope, &message, &err),
		    over == 0 ? 0 : -1);
		if (over == 0)
			assert_int_equal(policy.header.len, MESSAGE_HEADER_MAX);
		else
			assert_int_equal(err.kind, ERR_MESSAGE);
		policy_release(&policy);
		message_release(&message);
		envelope_release(&envelope);
	}
	config_release(&config);
}

/* A message without From: complete.c sees to it. */
static void
test_no_from(void **state)
{
	const struct account *account = account_with(OWN);
	struct envelope envelope;
	struct message message;
	struct policy policy;

	(void)state;
	envelope_init(&envelope);
	message_init(&message);
	envelope.sender = strdup("root");
	buf_adds(&message.header, "Subject: x\r\n");
	assert_int_equal(policy_apply(&policy, account, &envelope, &message, &err), 0);
	assert_string_equal(policy.sender, "alice@example.org");
	assert_int_equal(policy.header.len, 0);
	assert_string_equal(policy.before.data, "root ");
	policy_release(&policy);
	message_release(&message);
	envelope_release(&envelope);
	config_release(&config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_from),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
