/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/raw.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Records as text, one letter each:
 *
 *	H R	HOLD, RELEASE
 *	h r	the same, and a bit of them is wrong
 *	x	one of a type that this version does not know
 *	l	HOLD whose length says too much
 *	0	ten zeros
 *	.	an octet that is none of them
 */
static void
add_letter(struct buf *out, char letter)
{
	size_t at = out->len;
	struct record record = {
		.type = letter == 'R' || letter == 'r' ? RECORD_RELEASE : RECORD_HOLD,
		.time_ms = 17,
		.uid = 1000,
	};

	if (letter == '0') {
		buf_add(out, "\0\0\0\0\0\0\0\0\0", 10);
	} else if (letter == '.') {
		buf_addc(out, '.');
	} else if (letter == 'x') {
		/* No payload; the checksum is that of the type 120. */
		buf_add(out, "\0\0\0\0\0\0\0\0\x78", 9);
	} else {
		record_write(out, &record);
		if (letter == 'h' || letter == 'r')
			out->data[out->len - 1] ^= 1;
		if (letter == 'l')
			out->data[at + 3] ^= 1;
	}
	assert_true(buf_ok(out));
}

/* "H35 -10": the pieces, each with its kind and length; d: RAW_DAMAGED, -: RAW_OCTETS. */
static void
add_pieces(struct buf *out, struct span records)
{
	struct raw_piece piece;
	size_t all = 0, len = records.len;

	for (; raw_next(&records, &piece); all += piece.len) {
		char letter = piece.kind == RAW_OCTETS ? '-' :
		    piece.kind == RAW_DAMAGED          ? 'd' :
		    piece.frame.type == RECORD_HOLD    ? 'H' :
		    piece.frame.type == RECORD_RELEASE ? 'R' :
							 '?';

		buf_addf(out, "%s%c%zu", out->len > 0 ? " " : "", letter, piece.len);
	}
	assert_int_equal(all, len);
}

static const struct {
	const char *records;
	size_t cut; /* octets that are missing at the end */
	const char *pieces;
} cases[] = {
	{ "", 0, "" },
	{ "H", 0, "H35" },
	{ "HRH", 0, "H35 R35 H35" },
	{ "HRH", 1, "H35 R35 -34" },
	{ "H", 30, "-5" },
	/* A wrong checksum, and what the length says is true. */
	{ "h", 0, "d35" },
	{ "HhR", 0, "H35 d35 R35" },
	{ "HhrR", 0, "H35 d35 d35 R35" },
	{ "Hhr", 0, "H35 d35 d35" },
	/* A wrong length: on with the next one that is whole. */
	{ "HlR", 0, "H35 -35 R35" },
	{ "l", 0, "-35" },
	/* Octets that are none. */
	{ "0", 0, "-10" },
	{ "0H", 0, "-10 H35" },
	{ "H0R", 0, "H35 -10 R35" },
	{ "H.R..H.", 0, "H35 -1 R35 -2 H35 -1" },
	{ "h.H", 0, "-36 H35" },
	{ "xH", 0, "-9 H35" },
};

static void
pieces_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf records = BUF_INIT(1000), pieces = BUF_INIT(1000);

		for (const char *letter = cases[i].records; *letter != '\0'; letter++)
			add_letter(&records, *letter);
		add_pieces(&pieces, (struct span){ records.data, records.len - cases[i].cut });
		if (strcmp(pieces.data, cases[i].pieces) != 0)
			fail_msg("%s, %zu octets less: %s, not %s", cases[i].records, cases[i].cut,
			    pieces.data, cases[i].pieces);
		buf_release(&records);
		buf_release(&pieces);
	}
}

static void
fields_have_names_and_values(void **state)
{
	static const char *const wanted[] = { "time_ms 17", "uid 1000", "taken 1", "text hello",
		"(200) !" };
	struct record record = { .type = RECORD_HOLD,
		.time_ms = 17,
		.uid = 1000,
		.taken = true,
		.text = { "hello", 5 } };
	struct buf records = BUF_INIT(1000), shown = BUF_INIT(100);
	struct record_frame frame;
	struct record_field field;
	struct span payload;
	size_t count = 0;

	(void)state;
	record_write(&records, &record);
	assert_true(record_frame((struct span){ records.data, records.len }, &frame));
	assert_true(frame.whole);
	assert_int_equal(frame.len, records.len);
	/* Another version's field behind them, and what is none. */
	buf_consume(&records, records.len - frame.payload.len);
	buf_add(&records, "\310\1\0\0\0!\1\2", 8);
	payload = (struct span){ records.data, records.len };
	for (; record_next_field(&payload, &field); count++) {
		buf_clear(&shown);
		if (field.name != NULL)
			buf_adds(&shown, field.name);
		else
			buf_addf(&shown, "(%u)", field.tag);
		buf_addc(&shown, ' ');
		if (field.is_number)
			buf_addf(&shown, "%u", (unsigned)field.number);
		else
			buf_add(&shown, field.content.data, field.content.len);
		assert_true(count < COUNT(wanted));
		assert_string_equal(shown.data, wanted[count]);
	}
	assert_int_equal(count, COUNT(wanted));
	assert_int_equal(payload.len, 2);
	buf_release(&records);
	buf_release(&shown);
}

static void
types_have_names(void **state)
{
	(void)state;
	assert_string_equal(record_type_name(RECORD_ENVELOPE), "envelope");
	assert_string_equal(record_type_name(RECORD_AT), "at");
	assert_null(record_type_name(0));
	assert_null(record_type_name(RECORD_HEADER + 1));
	assert_null(record_type_name(RECORD_AT + 1));
	assert_null(record_type_name(255));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_found),
		cmocka_unit_test(fields_have_names_and_values),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
