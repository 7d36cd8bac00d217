/* SPDX-License-Identifier: ISC */
/*
 * What is fed to an intake, however it is cut: SMTP's forms.  test_message.c has those of text, and
 * what becomes of lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/intake.h"
#include "with_err.h"

/* A row's text may hold NUL. */
#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What comes in, what it must become where it is sound, and what is left to the caller. */
static const struct row {
	enum intake_form form;
	struct span input;
	struct span header, body;
	size_t left;
	enum intake_fault fault;
} rows[] = {
	/* The end of DATA. */
	{ INTAKE_DATA, TEXT("S: x\r\n\r\nb\r\n.\r\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), 0, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\nb\r\n.\r\nQUIT\r\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), 6,
	    0 },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\nb\r\n.\r\n.\r\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), 3, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n.\r\nb\r\n"), TEXT("S: x\r\n"), TEXT(""), 3, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\n.\r\n"), TEXT("S: x\r\n"), TEXT(""), 0, 0 },
	{ INTAKE_DATA, TEXT(".\r\nQUIT\r\n"), TEXT(""), TEXT(""), 6, 0 },
	{ INTAKE_DATA, TEXT("\r\n.\r\n"), TEXT(""), TEXT(""), 0, 0 },
	{ INTAKE_DATA, TEXT("hello\r\n.\r\n"), TEXT(""), TEXT("hello\r\n"), 0, 0 },
	/* Dots. */
	{ INTAKE_DATA, TEXT("S: x\r\n\r\n..\r\n...\r\n.x\r\n. y\r\n.\r\n"), TEXT("S: x\r\n"),
	    TEXT(".\r\n..\r\nx\r\n y\r\n"), 0, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na.\r\nb.c\r\n.\r\n"), TEXT("S: x\r\n"),
	    TEXT("a.\r\nb.c\r\n"), 0, 0 },
	{ INTAKE_DATA, TEXT("..\r\n.\r\n"), TEXT(""), TEXT(".\r\n"), 0, 0 },
	{ INTAKE_DATA, TEXT(".S: x\r\n. y\r\n.\r\n"), TEXT("S: x\r\n y\r\n"), TEXT(""), 0, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n..y: z\r\n.\r\n"), TEXT("S: x\r\n.y: z\r\n"), TEXT(""), 0, 0 },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\n\r\n.\0\r\n\r\n.\r\n"), TEXT("S: x\r\n"),
	    TEXT("\r\n\0\r\n\r\n"), 0, 0 },
	/* What some servers take for an end of DATA, and what might be one in other places. */
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\n.\nMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\n.\r\nMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\n.\nMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r.\rMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r.\r\nMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\n.\rMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\n.\r\r\nMAIL\r\n.\r\n!"), TEXT(""), TEXT(""), 1,
	    INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\n\r.\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\n\r\na\r\n\n.\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("\n.\r\n\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("\r.\r\n\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	/* … in the header. */
	{ INTAKE_DATA, TEXT("S: x\nT: y\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\rT: y\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	{ INTAKE_DATA, TEXT("S: x\r\r\nT: y\r\n.\r\n!"), TEXT(""), TEXT(""), 1, INTAKE_BARE },
	/* BDAT. */
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\n.\r\n..\r\n"), TEXT("S: x\r\n"), TEXT(".\r\n..\r\n"), 0,
	    0 },
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\nb"), TEXT("S: x\r\n"), TEXT("b\r\n"), 0, 0 },
	{ INTAKE_BDAT, TEXT(""), TEXT(""), TEXT(""), 0, 0 },
	{ INTAKE_BDAT, TEXT("S: x\0y\r\n\r\nb\0\xc3\xa9\r\n"), TEXT("S: x y\r\n"),
	    TEXT("b\0\xc3\xa9\r\n"), 0, 0 },
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\nb\nc\r\n"), TEXT(""), TEXT(""), 0, INTAKE_BARE },
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\nb\rc\r\n"), TEXT(""), TEXT(""), 0, INTAKE_BARE },
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\nb\r\n\r"), TEXT(""), TEXT(""), 0, INTAKE_BARE },
	{ INTAKE_BDAT, TEXT("S: x\r\n\r\nb\r\r\n"), TEXT(""), TEXT(""), 0, INTAKE_BARE },
	{ INTAKE_BDAT, TEXT("\n"), TEXT(""), TEXT(""), 0, INTAKE_BARE },
	/* Text: what is behind the end of a terminal's goes with it. */
	{ INTAKE_TEXT, TEXT("S: x\n\na\r\nb\rc\n.\n"), TEXT("S: x\r\n"), TEXT("a\r\nb c\r\n.\r\n"),
	    0, 0 },
	{ INTAKE_TERMINAL, TEXT("S: x\n\na\n.\nb\n"), TEXT("S: x\r\n"), TEXT("a\r\n"), 0, 0 },
};

/* Feeds a piece; returns how many octets were taken. */
static size_t
feed(struct intake *in, struct span octets, size_t from, size_t to)
{
	return intake_feed(in, (struct span){ octets.data + from, to - from });
}

/* Whether the row becomes what it must, cut at these places and, each > 0, in pieces of `step`. */
static bool
is_as_wanted(const struct row *row, size_t one, size_t two, size_t step)
{
	struct intake_options options = { .form = row->form };
	struct message m;
	struct intake in;
	char scratch[4096];
	const char *body;
	size_t taken = 0, len;
	bool good;
	int rc;

	message_init(&m);
	intake_begin(&in, &m, &options);
	taken += feed(&in, row->input, 0, one);
	if (taken == one)
		taken += feed(&in, row->input, one, two);
	for (size_t more = 1; taken >= two && taken < row->input.len && more > 0; taken += more)
		more = feed(&in, row->input, taken,
		    taken + step < row->input.len ? taken + step : row->input.len);
	good = in.ended == (row->form == INTAKE_DATA || row->form == INTAKE_TERMINAL) &&
	    taken == row->input.len - row->left;
	rc = intake_end(&in, &err);
	good = good && in.fault == row->fault;
	if (row->fault != INTAKE_SOUND)
		good = good && rc == -1 && err.kind == ERR_MESSAGE;
	else
		good = good && rc == 0 && m.header.len == row->header.len &&
		    memcmp(m.header.data, row->header.data, row->header.len) == 0 &&
		    spool_read(&m.body, 0, scratch, sizeof(scratch), &body, &len, &err) == 0 &&
		    len == row->body.len && memcmp(body, row->body.data, len) == 0;
	intake_release(&in);
	message_release(&m);
	return good;
}

/* Once whole, at every two places, and octet by octet. */
static void
takes_each_form_in_all_pieces(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t one = 0; one <= rows[i].input.len; one++)
			for (size_t two = one; two <= rows[i].input.len; two++) {
				if (is_as_wanted(&rows[i], one, two, SIZE_MAX / 2) &&
				    is_as_wanted(&rows[i], one, two, 1))
					continue;
				print_error("row %zu, cut at %zu and %zu\n", i, one, two);
				failures++;
			}
	assert_int_equal(failures, 0);
}

/* n octets of these, over and over; the caller frees it. */
static char *
many(const char *these, size_t n)
{
	size_t len = strlen(these);
	char *octets = malloc(n);

	assert_non_null(octets);
	for (size_t i = 0; i < n; i++)
		octets[i] = these[i % len];
	return octets;
}

/* Large contents: DATA and BDAT of lines with dots, in pieces around the bounds within. */
static void
takes_large_contents(void **state)
{
	static const size_t steps[] = { 1000, 16383, 16384, 16385, 131072, 1000000 };
	static const char lines[] = "0123456789.\r\n..a\xc3\xa9\r\n\r\n";
	enum { TIMES = 40000 };
	size_t n = TIMES * (sizeof(lines) - 1);
	char *octets = many(lines, n);

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(steps); i++) {
		bool data = i % 2 == 0;
		struct intake_options options = { .form = data ? INTAKE_DATA : INTAKE_BDAT };
		struct message m;
		struct intake in;

		message_init(&m);
		intake_begin(&in, &m, &options);
		intake_feed(&in, span_of("\r\n"));
		for (size_t at = 0; at < n; at += steps[i / 2]) {
			size_t len = n - at < steps[i / 2] ? n - at : steps[i / 2];

			assert_int_equal(intake_feed(&in, (struct span){ octets + at, len }), len);
		}
		if (data)
			assert_int_equal(intake_feed(&in, span_of(".\r\n..")), 3);
		assert_int_equal(intake_end(&in, &err), 0);
		assert_int_equal(m.body.size, n - (data ? TIMES : 0));
		assert_int_equal(m.body_line_max, 11);
		assert_true(m.body_8bit && m.body_utf8 && !m.body_nul);
		intake_release(&in);
		message_release(&m);
	}
	free(octets);
}

/* The end is found behind all that is too much, and the caller told what it was. */
static void
goes_on_behind_a_fault(void **state)
{
	static const struct {
		const char *begin, *over_and_over;
		uint64_t size_limit;
		const char *dir;
		enum intake_fault fault;
		enum err_kind kind;
	} faults[] = {
		{ "\r\n", "a\r\n", 1000, "/tmp", INTAKE_TOO_LARGE, ERR_MESSAGE },
		{ "", "S: x\r\n", 0, "/tmp", INTAKE_HEADER_TOO_LARGE, ERR_MESSAGE },
		{ "\r\n", "a\r\n", 0, "/nonexistent", INTAKE_NOT_STORED, ERR_CANT_CREATE },
	};
	enum { SIZE = 3 * 1024 * 1024 };

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct intake_options options = { .form = INTAKE_DATA,
			.place.dir = faults[i].dir,
			.size_limit = faults[i].size_limit };
		char *octets = many(faults[i].over_and_over, SIZE);
		struct message m;
		struct intake in;

		message_init(&m);
		intake_begin(&in, &m, &options);
		intake_feed(&in, span_of(faults[i].begin));
		assert_int_equal(intake_feed(&in, (struct span){ octets, SIZE }), SIZE);
		assert_int_equal(in.fault, faults[i].fault);
		assert_false(in.ended);
		assert_int_equal(intake_feed(&in, span_of("\r\n.\r\nQUIT\r\n")), 5);
		assert_true(in.ended);
		assert_int_equal(intake_end(&in, &err), -1);
		assert_int_equal(err.kind, faults[i].kind);
		intake_release(&in);
		message_release(&m);
		free(octets);
	}
}

static void
tells_data_that_broke_off(void **state)
{
	struct intake_options options = { .form = INTAKE_DATA };
	struct message m;
	struct intake in;

	(void)state;
	message_init(&m);
	intake_begin(&in, &m, &options);
	intake_feed(&in, span_of("S: x\r\n\r\nb\r\n.\r"));
	assert_int_equal(intake_end(&in, &err), -1);
	assert_int_equal(err.kind, ERR_LOST);
	intake_release(&in);
	message_release(&m);
}

/* By itself, without an end. */
static void
can_be_given_up(void **state)
{
	struct intake_options options = { .form = INTAKE_TEXT };
	struct message m;
	struct intake in;

	(void)state;
	message_init(&m);
	intake_begin(&in, &m, &options);
	intake_feed(&in, span_of("S: x\r\ny"));
	intake_release(&in);
	message_release(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_each_form_in_all_pieces),
		cmocka_unit_test(takes_large_contents),
		cmocka_unit_test(goes_on_behind_a_fault),
		cmocka_unit_test(tells_data_that_broke_off),
		cmocka_unit_test(can_be_given_up),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
