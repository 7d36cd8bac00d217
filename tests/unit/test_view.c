/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/view.h"

static void
shows_sizes(void **state)
{
	static const struct {
		uint64_t octets;
		const char *wanted;
	} cases[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 1535, "1.4K" },
		{ 1536, "1.4K" },
		{ 2047, "1.9K" },
		{ 10239, "9.9K" },
		{ 10240, "10K" },
		{ 1023999, "999K" },
		{ 1024000, "0.9M" },
		{ 1048576, "1.0M" },
		{ (uint64_t)35 << 20, "35M" },
		{ (uint64_t)1 << 30, "1.0G" },
		{ UINT64_MAX, "15E" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		view_size(cases[i].octets, &got);
		assert_string_equal(got.data, cases[i].wanted);
		buf_release(&got);
	}
}

static void
shows_ages(void **state)
{
	static const struct {
		int64_t ms;
		const char *wanted;
	} cases[] = {
		{ INT64_MIN, "0s" },
		{ -1, "0s" },
		{ 0, "0s" },
		{ 999, "0s" },
		{ 59999, "59s" },
		{ 60000, "1m" },
		{ 3599999, "59m" },
		{ 3600000, "1h" },
		{ 2 * 86400000 - 1, "47h" },
		{ 2 * 86400000, "2d" },
		{ INT64_C(864000000000), "10000d" },
		{ INT64_MAX, "106751991167d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		view_age(cases[i].ms, &got);
		assert_string_equal(got.data, cases[i].wanted);
		buf_release(&got);
	}
}

static void
shows_requests(void **state)
{
	static const struct {
		struct requests requests;
		const char *wanted;
	} cases[] = {
		{ { .require_tls = false }, "" },
		{ { .require_tls = true }, "verified TLS on the whole way" },
		{ { .deliver_by_s = 7200, .deliver_by_return = true },
		    "delivery within 2h, else it comes back" },
		{ { .deliver_by_s = 7201 }, "delivery within 7201s, else its sender is told" },
		{ { .deliver_by_s = 5400 }, "delivery within 90m, else its sender is told" },
		{ { .deliver_by_s = 172800 }, "delivery within 2d, else its sender is told" },
		{ { .has_priority = true }, "priority 0" },
		{ { .has_priority = true, .priority = -9 }, "priority -9" },
		{ { .hold_for_s = 60 }, "to be held by the server for 1m" },
		{ { .hold_until_s = 1795291865, .hold_for_s = 60 },
		    "not to be delivered before 2026-11-21 20:11:05 +0000" },
		{ { true, 1, true, true, 9, 0, 86400 },
		    "verified TLS on the whole way; delivery within 1s, else it comes back; "
		    "priority 9; not to be delivered before 1970-01-02 00:00:00 +0000" },
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);

		buf_adds(&got, "> ");
		view_requests(&cases[i].requests, &got);
		assert_string_equal(got.data + 2, cases[i].wanted);
		buf_release(&got);
	}
}

/* What is printed, and its length. */
static void
prints_safely(void **state)
{
	static const char hostile[] = "a\x1b[2J\xff\nJ\xc3\xb6rg",
			  safe[] = "a\\x1B[2J\\xFF\\x0AJ\xc3\xb6rg";
	char *out = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&out, &len);

	(void)state;
	assert_non_null(file);
	assert_int_equal(view_print_text(file, "plain"), 5);
	assert_int_equal(view_print_text(file, ""), 0);
	assert_int_equal(view_print_text(file, hostile), strlen(safe));
	assert_int_equal(fclose(file), 0);
	assert_memory_equal(out, "plain", 5);
	assert_string_equal(out + 5, safe);
	free(out);
}

/* One waiting recipient, tried once, as the fields say. */
static struct item
make_item(struct item_recipient *recipient)
{
	struct item item;

	item_init(&item);
	*recipient = (struct item_recipient){ .state = ITEM_WAITING };
	err_init(&recipient->err);
	item.recipients = recipient;
	item.attempts = 1;
	item.queued_ms = 1000;
	return item;
}

static void
knows_states(void **state)
{
	struct item_recipient recipient;
	struct item item = make_item(&recipient);

	(void)state;
	assert_int_equal(view_state(&item), VIEW_DEFERRED);
	assert_int_equal(view_next_ms(&item), 1000);
	item.next_ms = 5000;
	assert_int_equal(view_next_ms(&item), 5000);
	item.failed = true;
	assert_int_equal(view_state(&item), VIEW_FAILED);
	assert_int_equal(view_next_ms(&item), -1);
	item.held = true;
	assert_int_equal(view_state(&item), VIEW_HOLD);
	item.active = true;
	assert_int_equal(view_state(&item), VIEW_ACTIVE);
	item.active = item.held = item.failed = false;
	item.attempts = 0;
	assert_int_equal(view_state(&item), VIEW_INCOMING);
	err_release(&recipient.err);
	item.recipients = NULL;
	item_release(&item);
}

static void
assert_reason(const struct item *item, const char *wanted)
{
	struct buf got = BUF_INIT(SIZE_MAX);

	view_reason(item, 0, &got);
	assert_string_equal(got.data, wanted);
	buf_release(&got);
}

static void
gives_reasons(void **state)
{
	struct item_recipient recipient;
	struct item item = make_item(&recipient);

	(void)state;
	assert_reason(&item, "");
	buf_adds(&item.note, "the note");
	assert_reason(&item, "the note");
	err_set(&recipient.err, ERR_CONNECT, "cannot connect");
	assert_reason(&item, "cannot connect");
	buf_adds(&recipient.err.peer, "mx:25");
	assert_reason(&item, "mx:25: cannot connect");
	buf_adds(&recipient.err.reply, "450-4.2.0 one\n450 4.2.0 two");
	assert_reason(&item, "host mx:25 said: 450-4.2.0 one 450 4.2.0 two");
	item.in_doubt = true;
	assert_reason(&item,
	    "host mx:25 said: 450-4.2.0 one 450 4.2.0 two; "
	    "possible duplicate: an attempt ended without an answer");
	recipient.state = ITEM_REFUSED;
	assert_reason(&item,
	    "refused, the sender is to be told: host mx:25 said: 450-4.2.0 one 450 4.2.0 two");
	item.failed = true;
	assert_reason(&item, "failed: host mx:25 said: 450-4.2.0 one 450 4.2.0 two");
	err_release(&recipient.err);
	item.recipients = NULL;
	item_release(&item);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_sizes),
		cmocka_unit_test(shows_ages),
		cmocka_unit_test(shows_requests),
		cmocka_unit_test(prints_safely),
		cmocka_unit_test(knows_states),
		cmocka_unit_test(gives_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
