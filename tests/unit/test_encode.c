/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "complain.h"
#include "format/codec.h"
#include "format/encode.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10
/* é, ten times. */
#define E10 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define Q10 "=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9"

/* Text, and what it is in quoted-printable. */
static const struct {
	struct span text, encoded;
} qp_rows[] = {
	{ TEXT(""), TEXT("") },
	{ TEXT("a"), TEXT("a") },
	{ TEXT("a\n"), TEXT("a\r\n") },
	{ TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("\n\n"), TEXT("\r\n\r\n") },
	{ TEXT("\r"), TEXT("=0D") },
	{ TEXT("a\rb\r"), TEXT("a=0Db=0D") },
	{ TEXT("\r\r\n"), TEXT("=0D\r\n") },
	{ TEXT("\0\x01\x7f="), TEXT("=00=01=7F=3D") },
	{ TEXT("a b\tc"), TEXT("a b\tc") },
	{ TEXT("a "), TEXT("a=20") },
	{ TEXT("a \n b\t\r\n"), TEXT("a=20\r\n b=09\r\n") },
	{ TEXT("a  \n"), TEXT("a =20\r\n") },
	{ TEXT("a \rb"), TEXT("a =0Db") },
	{ TEXT("From me\nfrom you\n From\nFrom"), TEXT("=46rom me\r\nfrom you\r\n From\r\nFrom") },
	{ TEXT("From "), TEXT("=46rom=20") },
	{ TEXT(".\n.x\nx.\n"), TEXT("=2E\r\n=2Ex\r\nx.\r\n") },
	{ TEXT("--x\n-"), TEXT("--x\r\n-") },
	{ TEXT("Gr\xc3\xbc\xc3\x9f"
	       "e"),
	    TEXT("Gr=C3=BC=C3=9Fe") },
	{ TEXT("\xc3"), TEXT("=C3") },
	{ TEXT("\xc3\n\xff"), TEXT("=C3\r\n=FF") },
	/* The bound: 75 octets and the '=', or what ends the line. */
	{ TEXT(X70 "12345"), TEXT(X70 "12345") },
	{ TEXT(X70 "123456"), TEXT(X70 "12345=\r\n6") },
	{ TEXT(X70 "1234\x01"), TEXT(X70 "1234=\r\n=01") },
	{ TEXT(X70 "12\x01"), TEXT(X70 "12=01") },
	{ TEXT(X70 "123\x01"), TEXT(X70 "123=\r\n=01") },
	/* Characters are not parted. */
	{ TEXT(E10 E10),
	    TEXT(Q10 "=C3=A9=C3=A9=\r\n=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9") },
	/* What comes to stand at the begin of a line. */
	{ TEXT(X70 "12345From me"), TEXT(X70 "12345=\r\n=46rom me") },
	{ TEXT(X70 "12345.x"), TEXT(X70 "12345=\r\n=2Ex") },
	{ TEXT(X70 "12345--x"), TEXT(X70 "12345=\r\n=2D-x") },
};

/* The text in pieces of step octets. */
static void
encode(struct span text, size_t step, struct buf *out)
{
	struct qp qp = QP_INIT(out);

	while (text.len > 0) {
		size_t len = text.len < step ? text.len : step;

		qp_add(&qp, (struct span){ text.data, len });
		text.data += len;
		text.len -= len;
	}
	qp_end(&qp);
}

static void
encodes_quoted_printable(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(qp_rows); i++) {
		for (size_t step = 1; step <= 90; step++) {
			struct buf out = BUF_INIT(1000);

			encode(qp_rows[i].text, step, &out);
			if (!buf_ok(&out) || out.len != qp_rows[i].encoded.len ||
			    memcmp(out.data, qp_rows[i].encoded.data, out.len) != 0) {
				complain(qp_rows[i].text, out.data);
				failures++;
			}
			buf_release(&out);
		}
	}
	assert_int_equal(failures, 0);
}

static void
tells_the_length_of_quoted_printable(void **state)
{
	(void)state;
	assert_int_equal(qp_escaped(span_of("abc\n")), 0);
	assert_int_equal(qp_escaped(span_of("a=\xc3\xa9")), 3);
	assert_int_equal(qp_escaped(span_of("~ \t\r\n\v\x1f\x7f")), 3);
	assert_int_equal(qp_length(4, 3), 10);
	assert_int_equal(qp_length(strlen(X70 X70), 0), 143);
}

static void
fails_where_there_is_no_room(void **state)
{
	struct buf out = BUF_INIT(5);

	(void)state;
	encode(span_of("abc\xc3\xa9"), 100, &out);
	assert_false(buf_ok(&out));
	buf_release(&out);
}

/* Every length up to some lines, whole and in two pieces: each line but the last has 76 digits. */
static void
encodes_lines_of_base64(void **state)
{
	char octets[4 * BASE64_LINE];

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)(i * 7);
	for (size_t len = 0; len <= sizeof(octets); len++) {
		struct buf lines = BUF_INIT(1000), pieces = BUF_INIT(1000), digits = BUF_INIT(1000),
			   joined = BUF_INIT(1000);
		size_t first = len > 2 * BASE64_LINE ? 2 * BASE64_LINE : 0;
		struct span rest;

		base64_add_lines(&lines, (struct span){ octets, len });
		assert_int_equal(lines.len, base64_lines_length(len));
		base64_add_lines(&pieces, (struct span){ octets, first });
		base64_add_lines(&pieces, (struct span){ octets + first, len - first });
		assert_string_equal(lines.data, pieces.data);
		base64_add(&digits, (struct span){ octets, len });
		for (rest = (struct span){ lines.data, lines.len }; rest.len > 0;) {
			struct span line = span_cut(&rest, '\n');

			assert_true(line.len == 77 || (rest.len == 0 && line.len < 77));
			assert_int_equal(line.data[line.len - 1], '\r');
			buf_add(&joined, line.data, line.len - 1);
		}
		assert_string_equal(joined.data, digits.data);
		buf_release(&lines);
		buf_release(&pieces);
		buf_release(&digits);
		buf_release(&joined);
	}
}

static void
tells_the_length_of_base64(void **state)
{
	static const uint64_t rows[][2] = {
		{ 0, 0 },
		{ 1, 6 },
		{ 3, 6 },
		{ 4, 10 },
		{ 56, 78 },
		{ 57, 78 },
		{ 58, 84 },
		{ 114, 156 },
		{ UINT64_C(57) << 40, UINT64_C(78) << 40 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(base64_lines_length(rows[i][0]), rows[i][1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_quoted_printable),
		cmocka_unit_test(tells_the_length_of_quoted_printable),
		cmocka_unit_test(fails_where_there_is_no_room),
		cmocka_unit_test(encodes_lines_of_base64),
		cmocka_unit_test(tells_the_length_of_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
