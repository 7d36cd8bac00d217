/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "format/date.h"
#include "script.h"
#include "store/item.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}

static struct span
span_in(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

/* Heads. */

static const struct record good_head[] = {
	{ .type = RECORD_ENVELOPE,
	    .time_ms = 1600000000123,
	    .account = TEXT("work"),
	    .uid = 1000,
	    .by = SUBMITTED_TCP,
	    .sender = TEXT("me@example.org"),
	    .ret = RETURN_HEADERS,
	    .envid = TEXT("x+2By"),
	    .facts = FACT_BODY_8BIT | FACT_BODY_UTF8,
	    .header_line_max = 70,
	    .body_line_max = 998 },
	{ .type = RECORD_RECIPIENT,
	    .address = TEXT("a@example.net"),
	    .notify = NOTIFY_SUCCESS | NOTIFY_DELAY,
	    .orcpt_type = TEXT("rfc822"),
	    .orcpt = TEXT("team@h"),
	    .expanded = true },
	{ .type = RECORD_RECIPIENT,
	    .address = TEXT("\xc3\xa4@example.net"),
	    .original = TEXT("root"),
	    .needs_utf8 = true },
	{ .type = RECORD_RECIPIENT, .address = TEXT("c@example.net") },
	{ .type = RECORD_HEADER, .text = TEXT("From: me@example.org\r\nSubject: x\r\n\ty\r\n") },
};

/* The example with record `at` replaced by `other`; at == COUNT: appended. */
static void
write_head(struct buf *out, size_t at, const struct record *other)
{
	for (size_t i = 0; i < COUNT(good_head); i++)
		record_write(out, i == at ? other : &good_head[i]);
	if (at == COUNT(good_head))
		record_write(out, other);
}

static void
make_item(struct item *item)
{
	struct buf head = BUF_INIT(100000);

	write_head(&head, SIZE_MAX, NULL);
	item_init(item);
	item->message.body.size = 1000;
	assert_int_equal(item_read_head(item, span_in(&head), true, &err), ITEM_OK);
	buf_release(&head);
}

static void
check_example(const struct item *item)
{
	const struct envelope *e = &item->envelope;
	const struct message *m = &item->message;

	assert_int_equal(item->queued_ms, 1600000000123);
	assert_string_equal(item->account, "work");
	assert_int_equal(item->submitter.uid, 1000);
	assert_int_equal(item->submitter.by, SUBMITTED_TCP);
	assert_string_equal(e->sender, "me@example.org");
	assert_false(e->sender_needs_utf8);
	assert_int_equal(e->recipients[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_string_equal(e->recipients[0].orcpt_type, "rfc822");
	assert_string_equal(e->recipients[0].orcpt, "team@h");
	assert_true(e->recipients[0].expanded);
	assert_int_equal(e->recipients[1].notify, 0);
	assert_null(e->recipients[1].orcpt_type);
	assert_null(e->recipients[1].orcpt);
	assert_false(e->recipients[1].expanded);
	assert_int_equal(e->ret, RETURN_HEADERS);
	assert_string_equal(e->envid, "x+2By");
	assert_int_equal(e->count, 3);
	assert_string_equal(e->recipients[0].address, "a@example.net");
	assert_null(e->recipients[0].original);
	assert_false(e->recipients[0].needs_utf8);
	assert_string_equal(e->recipients[1].address, "\xc3\xa4@example.net");
	assert_string_equal(e->recipients[1].original, "root");
	assert_true(e->recipients[1].needs_utf8);
	assert_true(m->body_8bit && m->body_utf8);
	assert_false(m->header_8bit || m->body_nul);
	assert_int_equal(m->header_line_max, 70);
	assert_int_equal(m->body_line_max, 998);
	assert_int_equal(item->size, good_head[4].text.len + 2 + 1000);
	assert_int_equal(item_count(item, ITEM_WAITING), 3);
	assert_int_equal(item_count(item, ITEM_ACCEPTED), 0);
}

static void
heads_are_read(void **state)
{
	struct buf head = BUF_INIT(100000);
	struct item item;

	(void)state;
	write_head(&head, SIZE_MAX, NULL);
	for (int with_header = 0; with_header < 2; with_header++) {
		item_init(&item);
		item.message.body.size = 1000;
		assert_int_equal(item_read_head(&item, span_in(&head), with_header, &err), ITEM_OK);
		check_example(&item);
		assert_string_equal(item.message.header.data,
		    with_header ? good_head[4].text.data : "");
		item_release(&item);
	}
	buf_release(&head);
}

static void
heads_are_as_they_were_written(void **state)
{
	static const unsigned facts[] = {
		0,
		FACT_HEADER_8BIT,
		FACT_BODY_8BIT,
		FACT_BODY_UTF8,
		FACT_BODY_NUL,
		FACT_NULL_ENVID,
		FACT_SENDER_UTF8,
		63,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(facts); i++) {
		struct buf head = BUF_INIT(100000), again = BUF_INIT(100000);
		struct record envelope = good_head[0];
		struct item item;

		envelope.facts = facts[i];
		if ((facts[i] & FACT_NULL_ENVID) != 0)
			envelope.envid.len = 0;
		write_head(&head, 0, &envelope);
		item_init(&item);
		assert_int_equal(item_read_head(&item, span_in(&head), true, &err), ITEM_OK);
		assert_int_equal(item.envelope.envid == NULL, (facts[i] & FACT_NULL_ENVID) != 0);
		assert_int_equal(item_write_head(&item, &again, &err), 0);
		assert_int_equal(again.len, head.len);
		assert_memory_equal(again.data, head.data, head.len);
		item_release(&item);
		buf_release(&head);
		buf_release(&again);
	}
}

/* The example with one record replaced, and what is said of it. */
static const struct {
	size_t at;
	struct record other;
	const char *sentence;
} bad_heads[] = {
	{ 0, { .type = RECORD_HOLD }, "a record in its head is out of place" },
	{ 0, { .type = RECORD_BATCH }, "a record in its head is out of place" },
	{ 0, { .type = RECORD_RECIPIENT, .address = TEXT("x") },
	    "a record in its head is out of place" },
	{ 0, { .type = RECORD_HEADER }, "a record in its head is out of place" },
	{ 1, { .type = RECORD_ENVELOPE }, "a record in its head is out of place" },
	{ 1, { .type = RECORD_HEADER }, "a record in its head is out of place" },
	{ 2, { .type = RECORD_ENVELOPE }, "a record in its head is out of place" },
	{ 2, { .type = RECORD_HEADER }, "a record in its head is out of place" },
	{ 4, { .type = RECORD_RECIPIENT, .address = TEXT("x") }, "its head is not complete" },
	{ 5, { .type = RECORD_RECIPIENT, .address = TEXT("x") },
	    "a record in its head is out of place" },
	{ 5, { .type = RECORD_HEADER }, "a record in its head is out of place" },
	{ 0, { .type = RECORD_ENVELOPE, .by = 3 }, "its head tells of an unknown way to submit" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a"), .notify = 16 },
	    "what its head asks to be reported makes no sense" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a"), .orcpt = TEXT("b") },
	    "what its head asks to be reported makes no sense" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a"), .orcpt_type = TEXT("b") },
	    "what its head asks to be reported makes no sense" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a"), .expanded = true },
	    "what its head asks to be reported makes no sense" },
	{ 1,
	    { .type = RECORD_RECIPIENT,
		.address = TEXT("a"),
		.orcpt_type = TEXT("x"),
		.orcpt = TEXT("a\nb") },
	    "a name or an address in its head holds a control character" },
	{ 1,
	    { .type = RECORD_RECIPIENT,
		.address = TEXT("a"),
		.orcpt_type = TEXT("\x01"),
		.orcpt = TEXT("b") },
	    "a name or an address in its head holds a control character" },
	{ 0, { .type = RECORD_ENVELOPE, .ret = 3 },
	    "what its head asks to be reported makes no sense" },
	{ 0, { .type = RECORD_ENVELOPE, .priority = 20 },
	    "what its head asks of servers makes no sense" },
	{ 0, { .type = RECORD_ENVELOPE, .deliver_by = UINT64_MAX },
	    "what its head asks of servers makes no sense" },
	{ 0, { .type = RECORD_ENVELOPE, .hold_for = 1ULL << 63 },
	    "what its head asks of servers makes no sense" },
	{ 0, { .type = RECORD_ENVELOPE, .hold_until = DATE_UTC_MAX + 1 },
	    "what its head asks of servers makes no sense" },
	{ 0, { .type = RECORD_ENVELOPE, .sender = TEXT("a\r\nRSET") },
	    "a name or an address in its head holds a control character" },
	{ 0, { .type = RECORD_ENVELOPE, .envid = TEXT("a\n") },
	    "a name or an address in its head holds a control character" },
	{ 0, { .type = RECORD_ENVELOPE, .account = TEXT("\x1b[2J") },
	    "a name or an address in its head holds a control character" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a\0b") },
	    "a name or an address in its head holds a control character" },
	{ 1, { .type = RECORD_RECIPIENT, .address = TEXT("a"), .original = TEXT("\x7f") },
	    "a name or an address in its head holds a control character" },
	{ 1, { .type = RECORD_RECIPIENT }, "a recipient in its head has no address" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b") }, "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b\n") }, "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b\r") }, "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b\rc\r\n") },
	    "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b\nc\r\n") },
	    "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: b\r\r\n") },
	    "its header block makes no sense" },
	{ 4, { .type = RECORD_HEADER, .text = TEXT("a: \0b\r\n") },
	    "its header block makes no sense" },
};

static void
heads_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_heads); i++) {
		struct buf head = BUF_INIT(100000);
		struct item item;

		write_head(&head, bad_heads[i].at, &bad_heads[i].other);
		item_init(&item);
		assert_int_equal(item_read_head(&item, span_in(&head), true, &err), ITEM_DAMAGED);
		assert_int_equal(err.kind, ERR_MESSAGE);
		assert_string_equal(err.what.data, bad_heads[i].sentence);
		item_release(&item);
		buf_release(&head);
	}
}

static void
heads_that_are_cut_or_changed_are_refused(void **state)
{
	struct buf head = BUF_INIT(100000);
	struct item item;

	(void)state;
	write_head(&head, SIZE_MAX, NULL);
	for (size_t len = 0; len < head.len; len++) {
		item_init(&item);
		assert_int_equal(item_read_head(&item, (struct span){ head.data, len }, true, &err),
		    ITEM_DAMAGED);
		assert_int_equal(err.kind, ERR_MESSAGE);
		item_release(&item);
	}
	for (size_t at = 0; at < head.len; at++) {
		head.data[at] ^= 0x10;
		item_init(&item);
		assert_int_equal(item_read_head(&item, span_in(&head), true, &err), ITEM_DAMAGED);
		item_release(&item);
		head.data[at] ^= 0x10;
	}
	buf_release(&head);
}

/* A header block of that many octets. */
static int
read_header_of(size_t len, bool with_header)
{
	struct buf head = BUF_INIT(SIZE_MAX), text = BUF_INIT(SIZE_MAX);
	struct record header = { .type = RECORD_HEADER };
	struct item item;
	int rc;

	while (text.len + 2 < len)
		buf_addc(&text, 'x');
	buf_adds(&text, "\r\n");
	header.text = span_in(&text);
	write_head(&head, 4, &header);
	item_init(&item);
	rc = item_read_head(&item, span_in(&head), with_header, &err);
	item_release(&item);
	buf_release(&head);
	buf_release(&text);
	return rc;
}

static void
the_header_has_a_bound(void **state)
{
	(void)state;
	for (int with_header = 0; with_header < 2; with_header++) {
		assert_int_equal(read_header_of(MESSAGE_HEADER_MAX, with_header), ITEM_OK);
		assert_int_equal(read_header_of(MESSAGE_HEADER_MAX + 1, with_header), ITEM_DAMAGED);
		assert_int_equal(err.kind, ERR_MESSAGE);
	}
}

static void
too_many_recipients_are_told(void **state)
{
	struct buf small = BUF_INIT(100);
	struct item item;

	(void)state;
	make_item(&item);
	assert_int_equal(item_write_head(&item, &small, &err), -1);
	assert_int_equal(err.kind, ERR_CANT_CREATE);
	assert_string_equal(err.what.data, "the message has too many recipients to be queued");
	item_release(&item);
	buf_release(&small);
}

/* What is asked of servers. */

static const struct requests asked[] = {
	{ .priority = 0 },
	{ .require_tls = true },
	{ .deliver_by_s = 1 },
	{ .deliver_by_s = INT64_MAX, .deliver_by_return = true },
	{ .hold_for_s = 86400 },
	{ .hold_until_s = 1 },
	{ .hold_until_s = DATE_UTC_MAX },
	{ .has_priority = true, .priority = -9 },
	{ .has_priority = true, .priority = 0 },
	{ .has_priority = true, .priority = 9 },
	{ true, 7200, true, true, 4, 60, 1795291865 },
};

static void
requests_are_as_they_were_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct buf head = BUF_INIT(100000);
		struct item item, again;
		const struct requests *r = &again.envelope.requests;

		make_item(&item);
		item.envelope.requests = asked[i];
		assert_int_equal(item_write_head(&item, &head, &err), 0);
		item_init(&again);
		assert_int_equal(item_read_head(&again, span_in(&head), true, &err), ITEM_OK);
		assert_int_equal(r->require_tls, asked[i].require_tls);
		assert_int_equal(r->deliver_by_s, asked[i].deliver_by_s);
		assert_int_equal(r->deliver_by_return, asked[i].deliver_by_return);
		assert_int_equal(r->has_priority, asked[i].has_priority);
		assert_int_equal(r->priority, asked[i].priority);
		assert_int_equal(r->hold_for_s, asked[i].hold_for_s);
		assert_int_equal(r->hold_until_s, asked[i].hold_until_s);
		item_release(&item);
		item_release(&again);
		buf_release(&head);
	}
}

/* When a message's time began, in milliseconds of the script; the example was queued long after. */
static void
the_time_begins_when_waiting_ends(void **state)
{
	struct buf tail = BUF_INIT(1000);
	struct item item;

	(void)state;
	make_item(&item);
	assert_int_equal(item_begin_ms(&item), item.queued_ms);
	record_write(&tail,
	    &(struct record){ .type = RECORD_AT, .next_ms = item.queued_ms + 5000 });
	assert_int_equal(item_apply(&item, span_in(&tail), &err), ITEM_OK);
	assert_int_equal(item.not_before_ms, item.queued_ms + 5000);
	assert_int_equal(item_begin_ms(&item), item.queued_ms + 5000);
	buf_clear(&tail);
	record_write(&tail,
	    &(struct record){ .type = RECORD_RELEASE, .time_ms = item.queued_ms + 1000 });
	assert_int_equal(item_apply(&item, span_in(&tail), &err), ITEM_OK);
	assert_int_equal(item.not_before_ms, 0);
	assert_int_equal(item_begin_ms(&item), item.queued_ms + 1000);
	buf_clear(&tail);
	record_write(&tail, &(struct record){ .type = RECORD_AT, .next_ms = -1 });
	assert_int_equal(item_apply(&item, span_in(&tail), &err), ITEM_DAMAGED);
	assert_string_equal(err.what.data, "a record in its tail has a time that is none");
	item_release(&item);
	buf_release(&tail);
}

/*
 * What a server is to hold can be delivered no earlier; but once it is released, nobody holds it.
 */
static void
the_time_begins_when_no_server_holds_it(void **state)
{
	struct buf tail = BUF_INIT(1000);
	struct item item;

	(void)state;
	make_item(&item);
	item.envelope.requests.hold_until_s = item.queued_ms / 1000;
	assert_int_equal(item_begin_ms(&item), item.queued_ms);
	item.envelope.requests.hold_until_s = item.queued_ms / 1000 + 1;
	assert_int_equal(item_begin_ms(&item), (item.queued_ms / 1000 + 1) * 1000);
	item.envelope.requests.hold_until_s = DATE_UTC_MAX;
	assert_int_equal(item_begin_ms(&item), DATE_UTC_MAX * 1000);
	record_write(&tail,
	    &(struct record){ .type = RECORD_RELEASE, .time_ms = item.queued_ms + 1 });
	assert_int_equal(item_apply(&item, span_in(&tail), &err), ITEM_OK);
	assert_int_equal(item.envelope.requests.hold_until_s, 0);
	assert_int_equal(item_begin_ms(&item), item.queued_ms + 1);
	item_release(&item);
	buf_release(&tail);
}

/* Tails. */

static const struct {
	const char *script;
	const char *wanted;
} tails[] = {
	{ "", "waiting waiting waiting" },
	{ "[", "waiting waiting waiting" },
	/* A delivery, step by step. */
	{ "[ S", "waiting? waiting? waiting?, in doubt, attempts 1" },
	{ "[ S ( a01 w2 A n", "accepted accepted waiting, attempts 4" },
	{ "[ S ( a01", "accepted accepted waiting?, in doubt, attempts 1" },
	{ "[ S ( a01 w2", "accepted accepted waiting" },
	{ "[ S ( A", "waiting waiting waiting, attempts 2" },
	{ "[ S ( a012 A", "accepted accepted accepted, attempts 3" },
	{ "[ S ( a0 r1 w2 A n", "accepted refused waiting, attempts 5" },
	{ "[ S ( a0 z1 w2 A n", "accepted settled waiting, attempts 5" },
	/* No answer came. */
	{ "[ S ( a0 d12 A n", "accepted waiting? waiting?, in doubt, attempts 4" },
	{ "[ S ( a0 d12 A n [ S ( a12 A", "accepted accepted accepted, attempts 8" },
	/* Doubt does not go away with an attempt that got nowhere. */
	{ "[ S ( a0 d12 A n [ w12 A n", "accepted waiting? waiting?, in doubt, attempts 7" },
	{ "[ S ( a0 d12 A n [ r12 A", "accepted refused? refused?, attempts 7" },
	{ "[ S [ w012 A n", "waiting? waiting? waiting?, in doubt, attempts 3" },
	{ "[ S [ A n", "waiting? waiting? waiting?, in doubt, attempts 2" },
	{ "[ S [ S ( a012 A", "accepted accepted accepted, attempts 4" },
	{ "[ S [ S ( a01 A", "accepted accepted waiting?, in doubt, attempts 4" },
	{ "[ S ( w012 A n [ S", "waiting? waiting? waiting?, in doubt, attempts 4" },
	{ "[ S [ H", "waiting? waiting? waiting?, in doubt, held, attempts 1" },
	{ "[ S ( H", "waiting? waiting? waiting?, in doubt, held, attempts 1" },
	/* Those who have it are not in doubt when it is sent to the others. */
	{ "[ S ( a0 r1 w2 A n [ S", "accepted refused waiting?, in doubt, attempts 6" },
	/* A server without DSN. */
	{ "[ S ( q01 a2 A", "accepted+untold accepted+untold accepted, attempts 4" },
	{ "[ S ( q01 a2 A [ Sr ( Nr01 Ar", "accepted accepted accepted, attempts 7" },
	/* Notices. */
	{ "[ S ( r01 w2 A n ( Sf", "refused refused waiting, failure notice in doubt, attempts 5" },
	{ "[ S ( r01 w2 A n ( Sf ( Nf01 Af", "settled settled waiting, attempts 8" },
	{ "[ S ( r01 w2 A n ( Sf ( Nf01", "settled settled waiting, attempts 4" },
	{ "[ S ( r01 w2 A n ( Sf ( Af n", "refused refused waiting, attempts 7" },
	{ "[ S ( r01 w2 A n [ Sf [ Sf",
	    "refused refused waiting, failure notice in doubt, attempts 6" },
	{ "[ S ( r01 w2 A n [ Sf [ Sf ( Nf0 Af", "settled refused waiting, attempts 9" },
	{ "[ S ( r01 w2 A n [ Sf [ Sf ( Nf01", "settled settled waiting, attempts 5" },
	{ "[ w012 A n [ Sd", "waiting waiting waiting, delay notice in doubt, attempts 3" },
	{ "[ w012 A n [ Sd ( Nd012 Ad", "waiting+delay waiting+delay waiting+delay, attempts 6" },
	/* A notice says nothing of the message's own doubt. */
	{ "[ S [ Sd ( Nd012 Ad",
	    "waiting?+delay waiting?+delay waiting?+delay, in doubt, attempts 4" },
	{ "[ S ( Ad", "waiting? waiting? waiting?, in doubt, attempts 3" },
	/* People. */
	{ "[ H", "waiting waiting waiting, held" },
	{ "[ H ( U", "waiting waiting waiting" },
	{ "[ F", "waiting waiting waiting, failed" },
	{ "[ F [ R", "waiting waiting waiting" },
	{ "[ r0 A F [ R", "waiting waiting waiting, attempts 2" },
	{ "[ H F", "waiting waiting waiting, held, failed" },
	{ "[ T", "waiting waiting waiting, timed" },
	{ "[ T H", "waiting waiting waiting, held, timed" },
	{ "[ T [ U", "waiting waiting waiting" },
	{ "[ T [ R", "waiting waiting waiting, timed" },
	{ "[ T [ T", "waiting waiting waiting, timed" },
};

static void
tails_mean_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		struct buf tail = BUF_INIT(100000), text = BUF_INIT(1000);
		struct item item;

		make_item(&item);
		script_write(&tail, tails[i].script, 0);
		if (item_read_tail(&item, span_in(&tail), &err) != ITEM_OK)
			fail_msg("\"%s\": %s", tails[i].script, err.what.data);
		script_describe(&text, &item);
		if (strcmp(text.data, tails[i].wanted) != 0)
			fail_msg("\"%s\": %s, not %s", tails[i].script, text.data, tails[i].wanted);
		assert_false(item.torn);
		assert_int_equal(item.tail.len, tail.len);
		assert_memory_equal(item.tail.data, tail.data, tail.len);
		item_release(&item);
		buf_release(&tail);
		buf_release(&text);
	}
}

/* What another process is sending is under way, not cut off; what it has let go of before is. */
static void
what_is_active_is_not_in_doubt(void **state)
{
	static const char *const scripts[][2] = {
		{ "[ S", "waiting! waiting! waiting!" },
		{ "[ S ( a0", "accepted waiting! waiting!" },
		{ "[ S [ S", "waiting?! waiting?! waiting?!, in doubt, attempts 1" },
		{ "[ S [ Sf", "waiting? waiting? waiting?, in doubt, attempts 1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct buf tail = BUF_INIT(100000), text = BUF_INIT(1000);
		struct item item;

		make_item(&item);
		item.active = true;
		script_write(&tail, scripts[i][0], 0);
		assert_int_equal(item_read_tail(&item, span_in(&tail), &err), ITEM_OK);
		script_describe(&text, &item);
		assert_string_equal(text.data, scripts[i][1]);
		item_release(&item);
		buf_release(&tail);
		buf_release(&text);
	}
}

static void
read_tail(struct item *item, const char *script)
{
	struct buf tail = BUF_INIT(100000);

	make_item(item);
	script_write(&tail, script, 0);
	assert_int_equal(item_read_tail(item, span_in(&tail), &err), ITEM_OK);
	buf_release(&tail);
}

static void
failures_and_times_are_kept(void **state)
{
	struct item item;

	(void)state;
	read_tail(&item, "[ S ( a0 w1 A n");
	assert_int_equal(item.recipients[0].err.kind, ERR_NONE);
	assert_int_equal(item.recipients[0].tried_ms, 2);
	assert_int_equal(item.recipients[1].err.kind, ERR_TEMPORARY);
	assert_string_equal(item.recipients[1].err.what.data, "later");
	assert_string_equal(item.recipients[1].err.reply.data, "450 4.2.1 words");
	assert_string_equal(item.recipients[1].err.enhanced, "4.2.1");
	assert_string_equal(item.recipients[1].err.peer.data, "host:25");
	assert_int_equal(item.recipients[1].err.reply_code, 450);
	assert_int_equal(item.recipients[1].tried_ms, 3);
	assert_int_equal(item.tried_ms, 4);
	assert_int_equal(item.next_ms, 1005);
	assert_string_equal(item.note.data, "later: 450 4.2.1 words");
	item_release(&item);
	read_tail(&item, "[ S ( w0 A n [ S");
	assert_int_equal(item.recipients[0].err.kind, ERR_LOST);
	assert_string_equal(item.recipients[0].err.what.data,
	    "sending was cut off; it may have been delivered");
	assert_string_equal(item.note.data, "sending was cut off; it may have been delivered");
	assert_int_equal(item.tried_ms, 5);
	assert_int_equal(item.recipients[0].tried_ms, 5);
	item_release(&item);
	read_tail(&item, "[ w0 A n F");
	assert_string_equal(item.note.data, "cannot");
	item_release(&item);
	read_tail(&item, "[ w0 A n F ( R");
	assert_string_equal(item.note.data, "later: 450 4.2.1 words");
	assert_int_equal(item.next_ms, 0);
	item_release(&item);
	read_tail(&item, "[ w0 A n ( a0");
	assert_int_equal(item.recipients[0].err.kind, ERR_NONE);
	item_release(&item);
	read_tail(&item, "[ r0 ( z0");
	assert_string_equal(item.recipients[0].err.what.data, "refused");
	item_release(&item);
}

/* One record, as a tail. */
static int
read_record(struct item *item, const struct record *record)
{
	struct buf tail = BUF_INIT(SIZE_MAX), records = BUF_INIT(SIZE_MAX);
	int rc;

	make_item(item);
	record_write(&records, record);
	file_add_batch(&tail, 0, true, span_in(&records));
	rc = item_read_tail(item, span_in(&tail), &err);
	buf_release(&tail);
	buf_release(&records);
	return rc;
}

static void
what_is_shown_is_printable(void **state)
{
	struct record record = { .type = RECORD_OUTCOME,
		.recipients = TEXT("\0\0\0\0\1\0\0\0"),
		.kind = TEXT("never heard of"),
		.text = TEXT("a\x1b[2Jb"),
		.reply = TEXT("450-x\n450 \xe2\x80\xae\xff"),
		.server = TEXT("h\r\n"),
		.enhanced = TEXT("4.2.10000000000") };
	struct item item;

	(void)state;
	assert_int_equal(read_record(&item, &record), 0);
	assert_int_equal(item.recipients[0].err.kind, ERR_TEMPORARY);
	assert_string_equal(item.recipients[0].err.what.data, "a\\x1B[2Jb");
	assert_string_equal(item.recipients[0].err.reply.data, "450-x\n450 \\xE2\\x80\\xAE\\xFF");
	assert_string_equal(item.note.data, "a\\x1B[2Jb: 450-x 450 \\xE2\\x80\\xAE\\xFF");
	assert_string_equal(item.recipients[0].err.enhanced, "");
	assert_null(strchr(item.recipients[0].err.peer.data, '\r'));
	item_release(&item);
}

static void
long_failures_are_cut(void **state)
{
	struct buf text = BUF_INIT(SIZE_MAX);
	struct record record = { .type = RECORD_OUTCOME,
		.recipients = TEXT("\0\0\0\0\3\0\0\0"),
		.kind = TEXT("refused") };
	struct item item;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_adds(&text, "\xff");
	record.text = span_in(&text);
	record.reply = span_in(&text);
	assert_int_equal(read_record(&item, &record), 0);
	assert_true(item.recipients[2].err.what.len > 0 &&
	    item.recipients[2].err.what.len <= ERR_TEXT_MAX);
	assert_true(item.note.len > 1000 && item.note.len <= item.note.max);
	assert_true(buf_ok(&item.note));
	item_release(&item);
	buf_release(&text);
}

static const struct {
	struct record record;
	const char *sentence;
} bad_records[] = {
	{ { .type = RECORD_ENVELOPE }, "a record in its tail is out of place" },
	{ { .type = RECORD_RECIPIENT, .address = TEXT("x") },
	    "a record in its tail is out of place" },
	{ { .type = RECORD_HEADER }, "a record in its tail is out of place" },
	{ { .type = RECORD_OUTCOME, .state = 4 },
	    "a record in its tail tells of an unknown outcome" },
	{ { .type = RECORD_OUTCOME, .recipients = TEXT("\3\0\0\0\1\0\0\0") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_OUTCOME, .recipients = TEXT("\0\0\0\0\4\0\0\0") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_OUTCOME, .recipients = TEXT("\0\0\0\0\0\0\0\0") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_OUTCOME, .recipients = TEXT("\0\0\0\0\1\0\0\0\1") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_OUTCOME, .recipients = TEXT("\2\0\0\0\xff\xff\xff\xff") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_NOTICE,
	      .notice = NOTICE_FAILED,
	      .recipients = TEXT("\3\0\0\0\1\0\0\0") },
	    "a record in its tail tells of recipients that it does not have" },
	{ { .type = RECORD_NOTICE, .recipients = TEXT("\0\0\0\0\1\0\0\0") },
	    "a record in its tail tells of an unknown notice" },
	{ { .type = RECORD_NOTICE, .notice = 4 },
	    "a record in its tail tells of an unknown notice" },
	{ { .type = RECORD_SENDING, .notice = 4 },
	    "a record in its tail tells of an unknown notice" },
	{ { .type = RECORD_ATTEMPT, .attempt = (uint64_t)1 << 32 },
	    "a record in its tail has a number that is too large" },
};

static void
records_that_make_no_sense_are_damage(void **state)
{
	struct record edge = {
		.type = RECORD_OUTCOME, .state = 3, .recipients = TEXT("\0\0\0\0\3\0\0\0")
	};
	struct item item;

	(void)state;
	for (size_t i = 0; i < COUNT(bad_records); i++) {
		assert_int_equal(read_record(&item, &bad_records[i].record), ITEM_DAMAGED);
		assert_int_equal(err.kind, ERR_MESSAGE);
		assert_string_equal(err.what.data, bad_records[i].sentence);
		item_release(&item);
	}
	assert_int_equal(read_record(&item, &edge), ITEM_OK);
	assert_int_equal(item_count(&item, ITEM_SETTLED), 3);
	item_release(&item);
	edge = (struct record){ .type = RECORD_ATTEMPT, .attempt = UINT32_MAX };
	assert_int_equal(read_record(&item, &edge), ITEM_OK);
	item_release(&item);
}

static void
what_is_settled_stays_so(void **state)
{
	static const char *const scripts[] = { "[ a0 w0", "[ a0 r0", "[ a0 z0", "[ z0 w0",
		"[ z0 a0", "[ z0 r0" };

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct buf tail = BUF_INIT(10000);
		struct item item;

		make_item(&item);
		script_write(&tail, scripts[i], 0);
		assert_int_equal(item_read_tail(&item, span_in(&tail), &err), ITEM_DAMAGED);
		assert_string_equal(err.what.data, "a record in its tail changes what is settled");
		item_release(&item);
		buf_release(&tail);
	}
}

/* Torn and damaged tails. */

static const char two_batches[] = "[ S ( a01 w2 A n";

/* Where the batches of that tail begin and its records end; the last is its length. */
static size_t
list_edges(const struct buf *tail, size_t *begins, size_t *ends)
{
	struct span rest = span_in(tail);
	struct record record;
	size_t count = 0, batches = 0;

	while (record_read(&rest, &record) == RECORD_OK) {
		if (record.type == RECORD_BATCH)
			begins[batches++] = tail->len - rest.len - 22;
		ends[count++] = tail->len - rest.len;
	}
	return count;
}

/* A tail that ends anywhere is read to its last whole record. */
static void
torn_tails_are_read_to_their_last_record(void **state)
{
	struct buf tail = BUF_INIT(10000);
	size_t begins[10], ends[10], count;

	(void)state;
	script_write(&tail, two_batches, 0);
	count = list_edges(&tail, begins, ends);
	assert_int_equal(count, 7);
	for (size_t len = 0; len <= tail.len; len++) {
		struct item item;
		size_t whole = 0;

		for (size_t i = 0; i < count && ends[i] <= len; i++)
			whole = ends[i];
		make_item(&item);
		assert_int_equal(item_read_tail(&item, (struct span){ tail.data, len }, &err),
		    ITEM_OK);
		assert_int_equal(item.tail.len, whole);
		assert_int_equal(item.torn, len != whole);
		item_release(&item);
	}
	buf_release(&tail);
}

/* So much of the tail is whole, and that is what it says. */
static void
check_tail(struct span tail, size_t whole, const char *wanted)
{
	struct buf text = BUF_INIT(1000);
	struct item item;

	make_item(&item);
	assert_int_equal(item_read_tail(&item, tail, &err), ITEM_OK);
	assert_int_equal(item.tail.len, whole);
	assert_int_equal(item.torn, whole != tail.len);
	script_describe(&text, &item);
	assert_string_equal(text.data, wanted);
	item_release(&item);
	buf_release(&text);
}

/* What is wrong in the last batch was never durable; what is wrong before it was. */
static void
damage_is_told_from_a_torn_end(void **state)
{
	struct buf tail = BUF_INIT(10000);
	size_t begins[10], ends[10], count;

	(void)state;
	script_write(&tail, two_batches, 0);
	count = list_edges(&tail, begins, ends);
	for (size_t at = 0; at < tail.len; at++) {
		bool last = at >= ends[1];
		struct item item;
		size_t whole = 0;

		for (size_t i = 0; i < count && ends[i] <= at; i++)
			whole = ends[i];
		tail.data[at] ^= 1;
		make_item(&item);
		assert_int_equal(item_read_tail(&item, span_in(&tail), &err),
		    last ? ITEM_OK : ITEM_DAMAGED);
		if (last) {
			assert_true(item.torn);
			assert_int_equal(item.tail.len, whole);
		} else {
			assert_string_equal(err.what.data,
			    "a record in its tail is damaged, and others follow it");
		}
		item_release(&item);
		tail.data[at] ^= 1;
	}
	buf_release(&tail);
}

/*
 * Whole records where a batch should begin: left from one that was torn, at the same place, before.
 */
static void
records_behind_a_batch_are_not_its_own(void **state)
{
	struct buf tail = BUF_INIT(10000);
	size_t len;

	(void)state;
	script_write(&tail, "[ w012", 0);
	len = tail.len;
	script_write(&tail, "a012", 0);
	check_tail(span_in(&tail), len, "waiting waiting waiting");
	/* Nor is a tail that begins without one. */
	check_tail((struct span){ tail.data + len, tail.len - len }, 0, "waiting waiting waiting");
	buf_release(&tail);
}

/* A batch that stands elsewhere than it says is left from something else. */
static void
a_batch_has_its_place(void **state)
{
	struct buf tail = BUF_INIT(10000);
	size_t begins[10], ends[10], len;

	(void)state;
	script_write(&tail, "[ w012", 0);
	list_edges(&tail, begins, ends);
	len = tail.len;
	script_write(&tail, "[ a012", 1);
	check_tail(span_in(&tail), len, "waiting waiting waiting");
	/* Nor does it prove that what is before it was durable. */
	tail.data[len - 1] ^= 1;
	check_tail(span_in(&tail), ends[0], "waiting waiting waiting");
	buf_release(&tail);
}

/* A batch whose end was torn off, and cut; another was appended since. */
static void
a_batch_may_follow_one_that_was_cut(void **state)
{
	struct buf tail = BUF_INIT(10000);
	size_t begins[10], ends[10];

	(void)state;
	script_write(&tail, "[ a0 w12 A n", 0);
	list_edges(&tail, begins, ends);
	buf_truncate(&tail, ends[1]);
	script_write(&tail, "[ w12", 0);
	check_tail(span_in(&tail), tail.len, "accepted waiting waiting");
	buf_release(&tail);
}

/* What later versions add. */

/* The type of the first record of `records` becomes another. */
static void
set_type(struct buf *records, unsigned char type)
{
	uint32_t sum;

	records->data[8] = (char)type;
	sum = checksum(0, records->data + 8, records->len - 8);
	for (int i = 0; i < 4; i++)
		records->data[4 + i] = (char)(sum >> 8 * i);
}

static const struct {
	unsigned char type;
	enum item_result result;
} later[] = {
	{ 0, ITEM_LATER },
	{ RECORD_HEADER + 1, ITEM_LATER },
	{ 99, ITEM_LATER },
	{ RECORD_OPTIONAL - 1, ITEM_LATER },
	{ RECORD_OPTIONAL, ITEM_OK },
	{ 200, ITEM_OK },
	{ 255, ITEM_OK },
};

static void
later_records_in_a_tail_are_skipped_or_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(later); i++) {
		struct buf tail = BUF_INIT(10000), records = BUF_INIT(1000);
		struct item item;

		script_write(&records, "H", 0);
		set_type(&records, later[i].type);
		script_write(&records, "a0", 0);
		file_add_batch(&tail, 0, true, span_in(&records));
		make_item(&item);
		assert_int_equal(item_read_tail(&item, span_in(&tail), &err), later[i].result);
		if (later[i].result == ITEM_OK) {
			assert_false(item.held || item.torn);
			assert_int_equal(item.tail.len, tail.len);
			assert_int_equal(item_count(&item, ITEM_ACCEPTED), 1);
		} else {
			assert_int_equal(err.kind, ERR_MESSAGE);
			assert_string_equal(err.what.data,
			    "a later version of sendoff wrote a record in its tail that this one does not know");
		}
		item_release(&item);
		buf_release(&tail);
		buf_release(&records);
	}
}

/* In front of the head, and behind each of its records. */
static void
later_records_in_a_head_are_skipped_or_told(void **state)
{
	struct buf head = BUF_INIT(100000), record = BUF_INIT(1000);
	struct span rest;
	struct record read;

	(void)state;
	write_head(&head, SIZE_MAX, NULL);
	rest = span_in(&head);
	do {
		for (size_t i = 0; i < COUNT(later); i++) {
			struct buf whole = BUF_INIT(100000);
			size_t at = head.len - rest.len;
			struct item item;

			buf_clear(&record);
			script_write(&record, "H", 0);
			set_type(&record, later[i].type);
			buf_add(&whole, head.data, at);
			buf_add(&whole, record.data, record.len);
			buf_add(&whole, head.data + at, rest.len);
			item_init(&item);
			assert_int_equal(item_read_head(&item, span_in(&whole), true, &err),
			    later[i].result);
			if (later[i].result != ITEM_OK)
				assert_string_equal(err.what.data,
				    "a later version of sendoff wrote a record in its head that this one does not know");
			item_release(&item);
			buf_release(&whole);
		}
	} while (record_read(&rest, &read) == RECORD_OK);
	buf_release(&head);
	buf_release(&record);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_read),
		cmocka_unit_test(heads_are_as_they_were_written),
		cmocka_unit_test(heads_that_make_no_sense_are_refused),
		cmocka_unit_test(heads_that_are_cut_or_changed_are_refused),
		cmocka_unit_test(the_header_has_a_bound),
		cmocka_unit_test(too_many_recipients_are_told),
		cmocka_unit_test(requests_are_as_they_were_written),
		cmocka_unit_test(the_time_begins_when_waiting_ends),
		cmocka_unit_test(the_time_begins_when_no_server_holds_it),
		cmocka_unit_test(tails_mean_what_they_say),
		cmocka_unit_test(what_is_active_is_not_in_doubt),
		cmocka_unit_test(failures_and_times_are_kept),
		cmocka_unit_test(what_is_shown_is_printable),
		cmocka_unit_test(long_failures_are_cut),
		cmocka_unit_test(records_that_make_no_sense_are_damage),
		cmocka_unit_test(what_is_settled_stays_so),
		cmocka_unit_test(torn_tails_are_read_to_their_last_record),
		cmocka_unit_test(damage_is_told_from_a_torn_end),
		cmocka_unit_test(records_behind_a_batch_are_not_its_own),
		cmocka_unit_test(a_batch_has_its_place),
		cmocka_unit_test(a_batch_may_follow_one_that_was_cut),
		cmocka_unit_test(later_records_in_a_tail_are_skipped_or_told),
		cmocka_unit_test(later_records_in_a_head_are_skipped_or_told),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
