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
#include "store/id.h"
#include "store/record.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}

/* Checksums. */

static void
checksums_are_crc32c(void **state)
{
	unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		ones[i] = 0xff;
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	/* RFC 3720 appendix B.4. */
	assert_int_equal(checksum(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(checksum(0, ones, 32), 0x62a8ab43);
	assert_int_equal(checksum(0, up, 32), 0x46dd794e);
	assert_int_equal(checksum(0, down, 32), 0x113fdb5c);
	assert_int_equal(checksum(0, "123456789", 9), 0xe3069283);
	assert_int_equal(checksum(0, "", 0), 0);
	assert_int_equal(checksum(77, "", 0), 77);
}

static void
checksums_go_on(void **state)
{
	char text[61];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 37 + 11);
	for (size_t from = 0; from < 9; from++) {
		uint32_t whole = checksum(0, text + from, sizeof(text) - from);

		for (size_t at = from; at <= sizeof(text); at++)
			assert_int_equal(checksum(checksum(0, text + from, at - from), text + at,
					     sizeof(text) - at),
			    whole);
	}
}

/* Ids. */

static const struct {
	const char *text;
	bool is_id;
} ids[] = {
	{ "0123456789", true },
	{ "ABCDEFGHJK", true },
	{ "MNPQRSTVWX", true },
	{ "YZYZYZYZYZ", true },
	{ "", false },
	{ "123456789", false },
	{ "12345678901", false },
	{ "012345678I", false },
	{ "L123456789", false },
	{ "01234O6789", false },
	{ "U123456789", false },
	{ "a123456789", false },
	{ "../4567890", false },
	{ "012345678.", false },
	{ "012345678\n", false },
	{ "01234 6789", false },
	{ "012345678\xc3", false },
};

static void
ids_have_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_int_equal(queue_id_is(ids[i].text), ids[i].is_id);
}

static void
ids_sort_by_time(void **state)
{
	char before[QUEUE_ID_LEN + 1] = "", id[QUEUE_ID_LEN + 1];
	unsigned same = 0;
	struct err err;

	(void)state;
	err_init(&err);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(queue_id_make(id, &err), 0);
		assert_true(queue_id_is(id));
		/* The last two characters are chance. */
		assert_true(strncmp(before, id, QUEUE_ID_LEN - 2) <= 0);
		same += strcmp(before, id) == 0;
		memcpy(before, id, sizeof(id));
	}
	assert_true(same < 20);
}

/* The block. */

static const struct block example = {
	.version = FORMAT_VERSION,
	.body_len = 0x1122334455667788,
	.head_len = 0x99,
	.body_sum = 0xdeadbeef,
	.head_sum = 1,
};

static void
the_block_is_as_it_was_written(void **state)
{
	static const unsigned char
	    begin[] = "sendoff\n\2\0\0\0\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11"
		      "\x99\0\0\0\0\0\0\0\xef\xbe\xad\xde\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	unsigned char out[BLOCK_SIZE];
	struct block block;

	(void)state;
	block_write(out, &example);
	/* These octets are in people's files. */
	assert_memory_equal(out, begin, BLOCK_SIZE - 4);
	assert_int_equal(block_read(out, &block), BLOCK_OK);
	assert_int_equal(block.version, example.version);
	assert_true(block.body_len == example.body_len);
	assert_true(block.head_len == example.head_len);
	assert_int_equal(block.body_sum, example.body_sum);
	assert_int_equal(block.head_sum, example.head_sum);
}

static void
no_changed_bit_of_the_block_is_missed(void **state)
{
	unsigned char out[BLOCK_SIZE];
	struct block block;

	(void)state;
	block_write(out, &example);
	for (unsigned bit = 0; bit < 8 * BLOCK_SIZE; bit++) {
		enum block_result wanted = bit / 8 < 8 ? BLOCK_FOREIGN :
		    bit == 64 + 1                      ? BLOCK_EARLIER :
		    bit / 8 < 12                       ? BLOCK_LATER :
							 BLOCK_DAMAGED;

		out[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(block_read(out, &block), wanted);
		out[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	out[8] = 3;
	assert_int_equal(block_read(out, &block), BLOCK_LATER);
	assert_int_equal(block.version, 3);
	out[8] = 1;
	assert_int_equal(block_read(out, &block), BLOCK_EARLIER);
	assert_int_equal(block.version, 1);
}

/* Records. */

static const struct record full = {
	.type = RECORD_OUTCOME,
	.time_ms = -1,
	.next_ms = INT64_MAX,
	.attempt = 3,
	.uid = UINT64_MAX,
	.notify = 5,
	.ret = 6,
	.facts = 7,
	.header_line_max = 8,
	.body_line_max = 9,
	.state = 10,
	.notice = 11,
	.code = 12,
	.at = 13,
	.length = 14,
	.deliver_by = 15,
	.hold_for = 16,
	.priority = 17,
	.hold_until = 18,
	.by = 19,
	.in_doubt = true,
	.needs_utf8 = true,
	.expanded = true,
	.taken = true,
	.require_tls = true,
	.deliver_by_return = true,
	.recipients = TEXT("\0\1\2"),
	.account = TEXT("account"),
	.sender = TEXT("sender"),
	.envid = TEXT("envid"),
	.address = TEXT("address"),
	.original = TEXT("original"),
	.orcpt_type = TEXT("orcpt type"),
	.orcpt = TEXT("orcpt"),
	.server = TEXT("server"),
	.tls = TEXT("tls"),
	.auth = TEXT("auth"),
	.kind = TEXT("kind"),
	.enhanced = TEXT("4.2.1"),
	.text = TEXT("text\r\n"),
	.reply = TEXT("reply"),
};

static void
assert_span(struct span a, struct span b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.data, b.data, a.len);
}

static void
assert_record(const struct record *a, const struct record *b)
{
	assert_int_equal(a->type, b->type);
	assert_true(a->time_ms == b->time_ms && a->next_ms == b->next_ms);
	assert_true(a->attempt == b->attempt && a->uid == b->uid);
	assert_true(a->notify == b->notify && a->ret == b->ret && a->facts == b->facts &&
	    a->state == b->state);
	assert_true(a->header_line_max == b->header_line_max &&
	    a->body_line_max == b->body_line_max);
	assert_true(a->notice == b->notice && a->code == b->code && a->at == b->at &&
	    a->length == b->length);
	assert_true(a->deliver_by == b->deliver_by && a->hold_for == b->hold_for &&
	    a->priority == b->priority);
	assert_int_equal(a->hold_until, b->hold_until);
	assert_true(a->by == b->by && a->expanded == b->expanded);
	assert_span(a->orcpt_type, b->orcpt_type);
	assert_span(a->orcpt, b->orcpt);
	assert_true(a->require_tls == b->require_tls &&
	    a->deliver_by_return == b->deliver_by_return);
	assert_true(a->in_doubt == b->in_doubt && a->needs_utf8 == b->needs_utf8 &&
	    a->taken == b->taken);
	assert_span(a->recipients, b->recipients);
	assert_span(a->account, b->account);
	assert_span(a->sender, b->sender);
	assert_span(a->envid, b->envid);
	assert_span(a->address, b->address);
	assert_span(a->original, b->original);
	assert_span(a->server, b->server);
	assert_span(a->tls, b->tls);
	assert_span(a->auth, b->auth);
	assert_span(a->kind, b->kind);
	assert_span(a->enhanced, b->enhanced);
	assert_span(a->text, b->text);
	assert_span(a->reply, b->reply);
}

static void
records_are_as_they_were_written(void **state)
{
	static const enum record_type types[] = {
		RECORD_ENVELOPE,
		RECORD_RECIPIENT,
		RECORD_HEADER,
		RECORD_SENDING,
		RECORD_OUTCOME,
		RECORD_ATTEMPT,
		RECORD_NEXT,
		RECORD_NOTICE,
		RECORD_HOLD,
		RECORD_RELEASE,
		RECORD_FAILED,
		RECORD_RETRY,
		RECORD_BATCH,
		RECORD_AT,
	};
	struct buf out = BUF_INIT(100000);
	struct record record;
	struct span rest;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct record written = full, empty = { .type = types[i] };

		written.type = types[i];
		record_write(&out, &written);
		record_write(&out, &empty);
	}
	assert_true(buf_ok(&out));
	rest = (struct span){ out.data, out.len };
	for (size_t i = 0; i < COUNT(types); i++) {
		struct record written = full, empty = { .type = types[i] };

		written.type = types[i];
		assert_int_equal(record_read(&rest, &record), RECORD_OK);
		assert_record(&record, &written);
		assert_int_equal(record_read(&rest, &record), RECORD_OK);
		assert_record(&record, &empty);
	}
	assert_int_equal(record_read(&rest, &record), RECORD_END);
	buf_release(&out);
}

/* These octets are in people's files; the checksum was made by another program. */
static void
the_octets_of_a_record_do_not_change(void **state)
{
	static const char
	    wanted[] = "\032\000\000\000\150\053\063\064\021\012\010\000\000\000\003\000\000\000"
		       "\000\000\000\000\040\001\000\000\000\001\113\002\000\000\000\150\151";
	struct record record = {
		.type = RECORD_OUTCOME, .state = 3, .in_doubt = true, .text = TEXT("hi")
	};
	struct buf out = BUF_INIT(1000);

	(void)state;
	record_write(&out, &record);
	assert_int_equal(out.len, sizeof(wanted) - 1);
	assert_memory_equal(out.data, wanted, out.len);
	buf_release(&out);
}

static void
what_is_cut_or_changed_is_torn(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct record record;

	(void)state;
	record_write(&out, &full);
	for (size_t len = 1; len < out.len; len++) {
		struct span rest = { out.data, len };

		assert_int_equal(record_read(&rest, &record), RECORD_TORN);
		assert_int_equal(rest.len, len);
	}
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		struct span rest = { out.data, out.len };

		out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(record_read(&rest, &record), RECORD_TORN);
		assert_ptr_equal(rest.data, out.data);
		out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
	}
	buf_release(&out);
}

static void
zeros_are_no_record(void **state)
{
	char zeros[100] = { 0 };
	struct record record;

	(void)state;
	for (size_t len = 1; len <= sizeof(zeros); len++) {
		struct span rest = { zeros, len };

		assert_int_equal(record_read(&rest, &record), RECORD_TORN);
	}
}

/* A record around a payload. */
static void
wrap(struct buf *out, unsigned char type, struct span payload)
{
	uint32_t sum = checksum(checksum(0, &type, 1), payload.data, payload.len);
	uint32_t len = (uint32_t)payload.len;
	char octets[9];

	for (int i = 0; i < 4; i++) {
		octets[i] = (char)(len >> 8 * i);
		octets[4 + i] = (char)(sum >> 8 * i);
	}
	octets[8] = (char)type;
	buf_add(out, octets, 9);
	buf_add(out, payload.data, payload.len);
}

static const struct {
	unsigned char type;
	struct span payload;
	enum record_result result;
} strange[] = {
	{ RECORD_HOLD, TEXT(""), RECORD_OK },
	{ 0, TEXT(""), RECORD_LATER },
	{ RECORD_HEADER + 1, TEXT(""), RECORD_LATER },
	{ RECORD_SENDING - 1, TEXT(""), RECORD_LATER },
	{ RECORD_AT + 1, TEXT(""), RECORD_LATER },
	{ RECORD_OPTIONAL - 1, TEXT(""), RECORD_LATER },
	/* What may be skipped, in whatever form. */
	{ RECORD_OPTIONAL, TEXT(""), RECORD_OK },
	{ 255, TEXT("\xff\xff\xff\xff\xff"), RECORD_OK },
	/* A tag that is not known, with any content. */
	{ RECORD_HOLD, TEXT("\xff\0\0\0\0"), RECORD_OK },
	{ RECORD_HOLD, TEXT("\xff\3\0\0\0abc"), RECORD_OK },
	{ RECORD_HOLD, TEXT("\xff\3\0\0\0abc\4\10\0\0\0\1\2\3\4\5\6\7\10"), RECORD_OK },
	/* Fields that do not fit. */
	{ RECORD_HOLD, TEXT("\xff\3\0\0\0ab"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\xff\3\0\0\0abcd"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\xff\0\0\0"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\xff\xff\xff\xff\xff"), RECORD_NONSENSE },
	/* Numbers and flags of another size. */
	{ RECORD_HOLD, TEXT("\4\7\0\0\0\1\2\3\4\5\6\7"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\4\11\0\0\0\1\2\3\4\5\6\7\10\11"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\4\0\0\0\0"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\x20\1\0\0\0\2"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\x20\0\0\0\0"), RECORD_NONSENSE },
	{ RECORD_HOLD, TEXT("\x20\2\0\0\0\1\1"), RECORD_NONSENSE },
};

static void
strange_contents_are_told_from_torn_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strange); i++) {
		struct buf out = BUF_INIT(1000);
		struct record record;
		struct span rest;

		wrap(&out, strange[i].type, strange[i].payload);
		rest = (struct span){ out.data, out.len };
		assert_int_equal(record_read(&rest, &record), strange[i].result);
		assert_int_equal(rest.len, strange[i].result == RECORD_OK ? 0 : out.len);
		if (strange[i].payload.len == 21)
			assert_true(record.uid == 0x0807060504030201);
		buf_release(&out);
	}
}

static void
a_record_has_a_ceiling(void **state)
{
	struct buf out = BUF_INIT(SIZE_MAX);
	struct record record = { .type = RECORD_HEADER };
	char *text = calloc(1, RECORD_MAX + 1);
	struct span rest;

	(void)state;
	assert_non_null(text);
	/* The text's field has five octets before it. */
	record.text = (struct span){ text, RECORD_MAX - 5 };
	record_write(&out, &record);
	assert_true(buf_ok(&out));
	rest = (struct span){ out.data, out.len };
	assert_int_equal(record_read(&rest, &record), RECORD_OK);
	assert_int_equal(record.text.len, RECORD_MAX - 5);
	buf_clear(&out);
	record.text = (struct span){ text, RECORD_MAX - 4 };
	record_write(&out, &record);
	assert_false(buf_ok(&out));
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	wrap(&out, 200, (struct span){ text, RECORD_MAX });
	rest = (struct span){ out.data, out.len };
	assert_int_equal(record_read(&rest, &record), RECORD_OK);
	assert_int_equal(record.type, RECORD_OPTIONAL);
	buf_clear(&out);
	wrap(&out, 200, (struct span){ text, RECORD_MAX + 1 });
	rest = (struct span){ out.data, out.len };
	assert_int_equal(record_read(&rest, &record), RECORD_TORN);
	buf_release(&out);
	free(text);
}

static void
a_buf_s_ceiling_is_told(void **state)
{
	(void)state;
	for (size_t max = 0; max < 100; max++) {
		struct buf out = BUF_INIT(max);

		record_write(&out,
		    &(struct record){ .type = RECORD_FAILED, .text = TEXT("0123456789") });
		assert_int_equal(buf_ok(&out), max >= 9 + 5 + 10);
		buf_release(&out);
	}
}

/* Ranges. */

static const struct {
	struct span octets;
	bool good;
	uint32_t first, count;
} ranges[] = {
	{ TEXT("\0\0\0\0\1\0\0\0"), true, 0, 1 },
	{ TEXT("\1\2\3\4\5\6\0\0"), true, 0x04030201, 0x605 },
	{ TEXT("\xfe\xff\xff\xff\1\0\0\0"), true, 0xfffffffe, 1 },
	{ TEXT("\xff\xff\xff\xff\1\0\0\0"), false, 0, 0 },
	{ TEXT("\0\0\0\0\xff\xff\xff\xff"), true, 0, 0xffffffff },
	{ TEXT("\1\0\0\0\xff\xff\xff\xff"), false, 0, 0 },
	{ TEXT("\0\0\0\0\0\0\0\0"), false, 0, 0 },
	{ TEXT("\0\0\0\0\1\0\0"), false, 0, 0 },
	{ TEXT(""), false, 0, 0 },
};

static void
ranges_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ranges); i++) {
		struct span rest = ranges[i].octets;
		uint32_t first, count;

		assert_int_equal(record_next_range(&rest, &first, &count), ranges[i].good);
		assert_int_equal(rest.len, ranges[i].good ? 0 : ranges[i].octets.len);
		if (ranges[i].good) {
			struct buf out = BUF_INIT(100);

			assert_int_equal(first, ranges[i].first);
			assert_int_equal(count, ranges[i].count);
			record_add_range(&out, first, count);
			assert_int_equal(out.len, 8);
			assert_memory_equal(out.data, ranges[i].octets.data, 8);
			buf_release(&out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_crc32c),
		cmocka_unit_test(checksums_go_on),
		cmocka_unit_test(ids_have_one_form),
		cmocka_unit_test(ids_sort_by_time),
		cmocka_unit_test(the_block_is_as_it_was_written),
		cmocka_unit_test(no_changed_bit_of_the_block_is_missed),
		cmocka_unit_test(records_are_as_they_were_written),
		cmocka_unit_test(the_octets_of_a_record_do_not_change),
		cmocka_unit_test(what_is_cut_or_changed_is_torn),
		cmocka_unit_test(zeros_are_no_record),
		cmocka_unit_test(strange_contents_are_told_from_torn_ones),
		cmocka_unit_test(a_record_has_a_ceiling),
		cmocka_unit_test(a_buf_s_ceiling_is_told),
		cmocka_unit_test(ranges_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
