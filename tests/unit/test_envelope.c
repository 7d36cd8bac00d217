/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/envelope.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Addresses are added in their order, with '|' between them; what must be there afterwards. */
static const struct {
	const char *added;
	const char *recipients;
} rows[] = {
	{ "a@b", "a@b" },
	{ "a@b|c@d", "a@b|c@d" },
	{ "c@d|a@b", "c@d|a@b" },
	{ "a@b|a@b", "a@b" },
	{ "a@b|c@d|a@b|c@d", "a@b|c@d" },
	{ "a@example.org|a@EXAMPLE.ORG", "a@example.org" },
	{ "a@EXAMPLE.org|a@example.ORG", "a@EXAMPLE.org" },
	{ "a@b|A@b", "a@b|A@b" },
	{ "a@b|A@B", "a@b|A@B" },
	{ "root|root", "root" },
	{ "root|Root", "root|Root" },
	{ "root|root@b", "root|root@b" },
	{ "a@b|a@bc|aa@b", "a@b|a@bc|aa@b" },
	{ "\"a@b\"@c|\"a@B\"@c", "\"a@b\"@c|\"a@B\"@c" },
	{ "\"a@b\"@c|\"a@b\"@C", "\"a@b\"@c" },
	{ "a@[IPv6:2001:DB8::1]|a@[ipv6:2001:db8::1]", "a@[IPv6:2001:DB8::1]" },
	{ "a@b\xc3\xa9|a@B\xc3\xa9", "a@b\xc3\xa9" },
};

static void
add(struct envelope *e, struct span text)
{
	struct address_list list = ADDRESS_LIST_INIT;

	assert_int_equal(address_parse(&list, text, 0, &err), 0);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(envelope_add(e, &list.items[i], &err), 0);
	address_list_release(&list);
}

static void
check_recipients(const struct envelope *e, const char *wanted)
{
	struct buf got = BUF_INIT(10000);

	for (size_t i = 0; i < e->count; i++)
		buf_addf(&got, "%s%s", i > 0 ? "|" : "", e->recipients[i].address);
	assert_string_equal(got.data, wanted);
	buf_release(&got);
}

static void
adds_each_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span rest = span_of(rows[i].added);
		struct envelope e;

		envelope_init(&e);
		while (rest.len > 0)
			add(&e, span_cut(&rest, '|'));
		check_recipients(&e, rows[i].recipients);
		envelope_release(&e);
	}
}

static void
tells_utf8(void **state)
{
	struct envelope e;

	(void)state;
	envelope_init(&e);
	add(&e, span_of("a@b, \xc3\xa9@b, a@\xc3\xa9.b"));
	assert_int_equal(e.count, 3);
	assert_false(e.recipients[0].needs_utf8);
	assert_true(e.recipients[1].needs_utf8);
	assert_true(e.recipients[2].needs_utf8);
	assert_null(e.recipients[0].original);
	envelope_release(&e);
}

/* NOTIFY of one who is named twice: N, S, F, D; "" is none. */
static const struct {
	const char *a, *b, *joined;
} joins[] = {
	{ "", "", "" },
	{ "", "N", "" },
	{ "N", "N", "N" },
	{ "N", "S", "S" },
	{ "N", "SFD", "SFD" },
	{ "", "F", "F" },
	{ "", "S", "SF" },
	{ "", "D", "FD" },
	{ "S", "D", "SD" },
	{ "SF", "FD", "SFD" },
	{ "F", "F", "F" },
};

static unsigned
notify_of(const char *letters)
{
	return (strchr(letters, 'N') != NULL ? NOTIFY_NEVER : 0u) |
	    (strchr(letters, 'S') != NULL ? NOTIFY_SUCCESS : 0u) |
	    (strchr(letters, 'F') != NULL ? NOTIFY_FAILURE : 0u) |
	    (strchr(letters, 'D') != NULL ? NOTIFY_DELAY : 0u);
}

static void
joins_what_is_asked_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(joins); i++) {
		unsigned a = notify_of(joins[i].a), b = notify_of(joins[i].b);
		struct envelope e;

		assert_int_equal(notify_join(a, b), notify_of(joins[i].joined));
		assert_int_equal(notify_join(b, a), notify_of(joins[i].joined));
		envelope_init(&e);
		e.notify_each = a;
		add(&e, span_of("a@b"));
		e.notify_each = b;
		add(&e, span_of("c@d, a@B"));
		assert_int_equal(e.count, 2);
		assert_int_equal(e.recipients[0].notify, notify_of(joins[i].joined));
		assert_int_equal(e.recipients[1].notify, b);
		envelope_release(&e);
	}
}

static void
copies_what_a_recipient_has(void **state)
{
	char given[] = "root", type[] = "rfc822", original[] = "root@h", other[] = "x@y";
	struct recipient like = { .original = given,
		.notify = NOTIFY_DELAY,
		.orcpt_type = type,
		.orcpt = original,
		.expanded = true };
	struct address_list list = ADDRESS_LIST_INIT;
	struct envelope e;

	(void)state;
	envelope_init(&e);
	e.notify_each = NOTIFY_NEVER;
	assert_int_equal(address_parse(&list, span_of("a@b"), 0, &err), 0);
	assert_int_equal(envelope_add_like(&e, &list.items[0], &like, &err), 0);
	/* The first one stays, whatever comes. */
	like = (struct recipient){
		.original = other, .notify = NOTIFY_SUCCESS, .orcpt_type = type, .orcpt = other
	};
	assert_int_equal(envelope_add_like(&e, &list.items[0], &like, &err), 0);
	add(&e, span_of("a@b"));
	assert_int_equal(e.count, 1);
	assert_string_equal(e.recipients[0].original, "root");
	assert_string_equal(e.recipients[0].orcpt_type, "rfc822");
	assert_string_equal(e.recipients[0].orcpt, "root@h");
	assert_int_equal(e.recipients[0].notify, NOTIFY_DELAY | NOTIFY_SUCCESS);
	assert_true(e.recipients[0].expanded);
	assert_int_equal(recipient_set_orcpt(&e.recipients[0], "utf-8", span_of("\xc3\xa4@h"),
			     &err),
	    0);
	assert_string_equal(e.recipients[0].orcpt_type, "utf-8");
	assert_string_equal(e.recipients[0].orcpt, "\xc3\xa4@h");
	address_list_release(&list);
	envelope_release(&e);
}

enum { MANY = 200000 };

static void
add_many(struct envelope *e)
{
	struct buf text = BUF_INIT(100);

	for (unsigned i = 0; i < MANY; i++) {
		buf_clear(&text);
		buf_addf(&text, "user%u@example.org", i);
		add(e, (struct span){ text.data, text.len });
	}
	buf_release(&text);
}

static void
takes_many(void **state)
{
	struct envelope e;

	(void)state;
	envelope_init(&e);
	add_many(&e);
	assert_int_equal(e.count, MANY);
	add_many(&e);
	assert_int_equal(e.count, MANY);
	assert_string_equal(e.recipients[MANY - 1].address, "user199999@example.org");
	envelope_release(&e);
}

/* Others may take recipients out and put others in. */
static void
follows_changes_from_outside(void **state)
{
	struct envelope e;

	(void)state;
	envelope_init(&e);
	add(&e, span_of("a@b, c@d, e@f"));
	free(e.recipients[1].address);
	e.recipients[1] = e.recipients[2];
	e.count = 2;
	add(&e, span_of("e@f, c@d, a@b"));
	check_recipients(&e, "a@b|e@f|c@d");
	free(e.recipients[0].address);
	e.recipients[0].address = strdup("x@y");
	add(&e, span_of("a@b, e@f"));
	check_recipients(&e, "x@y|e@f|c@d|a@b");
	envelope_release(&e);
}

static void
replaces_the_sender(void **state)
{
	struct address a = { .mailbox = strdup("\xc3\xa9@b"), .local_8bit = true };
	struct address b = { .mailbox = strdup("") };
	struct envelope e;

	(void)state;
	envelope_init(&e);
	assert_null(e.sender);
	assert_int_equal(envelope_set_sender(&e, &a, &err), 0);
	assert_string_equal(e.sender, "\xc3\xa9@b");
	assert_true(e.sender_needs_utf8);
	assert_int_equal(envelope_set_sender(&e, &b, &err), 0);
	assert_string_equal(e.sender, "");
	assert_false(e.sender_needs_utf8);
	envelope_release(&e);
	assert_null(e.sender);
	free(a.mailbox);
	free(b.mailbox);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_each_once),
		cmocka_unit_test(tells_utf8),
		cmocka_unit_test(joins_what_is_asked_twice),
		cmocka_unit_test(copies_what_a_recipient_has),
		cmocka_unit_test(takes_many),
		cmocka_unit_test(follows_changes_from_outside),
		cmocka_unit_test(replaces_the_sender),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
