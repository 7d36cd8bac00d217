/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/parameter.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

struct row {
	const char *given;
	const char *wanted;
};

/* Values of filename, and what stands behind "attachment". */
static const struct row values[] = {
	{ "a.txt", "; filename=a.txt" },
	{ "", "; filename=\"\"" },
	{ "a b.txt", "; filename=\"a b.txt\"" },
	{ "a\"b\\c", "; filename=\"a\\\"b\\\\c\"" },
	{ "a;b=c", "; filename=\"a;b=c\"" },
	{ "it's*100%", "; filename=\"it's*100%\"" },
	{ "M\xc3\xbcller.pdf", "; filename*=UTF-8''M%C3%BCller.pdf" },
	{ "\xc3\xbc '*%()<>@,;:\\\"/[]?=!#$&+-.^_`{|}~",
	    ";\r\n filename*0*=UTF-8''%C3%BC%20%27%2A%25%28%29%3C%3E%40%2C%3B%3A%5C%22%2F%5B%5D;\r\n"
	    " filename*1*=%3F%3D!#$&+-.^_`{|}~" },
	{ "=?utf-8?Q?x?=", "; filename*=UTF-8''%3D%3Futf-8%3FQ%3Fx%3F%3D" },
	{ "\xe2\x80\xae"
	  "fdp.exe",
	    "; filename*=UTF-8''%E2%80%AEfdp.exe" },
	/* A line: 78 octets with the ';' that may follow. */
	{ X60 "1234567", ";\r\n filename=" X60 "1234567" },
	{ X60 "12345678",
	    ";\r\n filename*0*=UTF-8''" X10 X10 X10 X10 X10
	    "xxxxxxx;\r\n filename*1*=xxx12345678" },
	/* Pieces end between characters. */
	{ X10 X10 X10 X10 X10 "\xf0\x9f\x93\x8e\xf0\x9f\x93\x8e",
	    ";\r\n filename*0*=UTF-8''" X10 X10 X10 X10 X10
	    ";\r\n filename*1*=%F0%9F%93%8E%F0%9F%93%8E" },
};

static void
writes_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct buf out = BUF_INIT(1000), wanted = BUF_INIT(1000);
		struct fold f;

		fold_begin(&f, &out, span_of("Content-Disposition"));
		fold_token(&f, " ", span_of("attachment"));
		parameter_add(&f, "filename", span_of(values[i].given));
		buf_addf(&wanted, "Content-Disposition: attachment%s", values[i].wanted);
		assert_string_equal(out.data, wanted.data);
		buf_release(&out);
		buf_release(&wanted);
	}
}

/* Of any length, in lines of 78 octets. */
static void
writes_long_parameters(void **state)
{
	(void)state;
	for (size_t len = 1; len < 1000; len++) {
		struct buf name = BUF_INIT(4000), out = BUF_INIT(20000);
		struct fold f;

		for (size_t i = 0; i < len; i++)
			buf_adds(&name, i % 2 == 0 ? "\xe6\x97\xa5" : "a");
		fold_begin(&f, &out, span_of("Content-Disposition"));
		fold_token(&f, " ", span_of("attachment"));
		parameter_add(&f, "filename", (struct span){ name.data, name.len });
		parameter_add(&f, "size", span_of("1"));
		assert_true(buf_ok(&out));
		assert_true(f.longest <= FOLD_COLUMNS);
		buf_release(&name);
		buf_release(&out);
	}
}

/* Bodies of Content-Type, and their boundary; NULL: none. */
static const struct row bodies[] = {
	{ "multipart/mixed; boundary=abc", "abc" },
	{ " multipart/mixed;\r\n\tboundary=\"a b\"", "a b" },
	{ "multipart/mixed; charset=x; BOUNDARY = \"a\\\"b\\\\\" ; z=y", "a\"b\\" },
	{ "multipart/mixed (a; boundary=x (y) \\)) ; (b) boundary (c) = (d) z (e)", "z" },
	{ "multipart/mixed; boundary=a=b/c:d", "a=b/c:d" },
	/* What should be quoted and is not: as other readers take it. */
	{ "multipart/mixed; boundary=a b\tc ; x=y", "a b\tc" },
	{ "multipart/mixed; boundary=a b (c) d", "a b" },
	{ "multipart/mixed; boundary=a(b", "a(b" },
	{ "multipart/mixed; boundary= a b\r\n c \t", "a b\r\n c" },
	{ "multipart/mixed;; boundary=x;", "x" },
	{ "multipart/mixed; boundary=x; boundary=y", "x" },
	{ "multipart/mixed; boundary=\"a\r\n b\"", "a b" },
	{ "attachment; boundary=x", "x" },
	{ "multipart/mixed; boundary=\"\"", "" },
	{ "", NULL },
	{ "multipart/mixed", NULL },
	{ "multipart/mixed; charset=x", NULL },
	{ "multipart/mixed; boundary", NULL },
	{ "multipart/mixed; boundary=", NULL },
	{ "multipart/mixed; boundary=\"abc", NULL },
	{ "multipart/mixed; boundary=\"abc\\", NULL },
	{ "multipart/mixed; x y; boundary=abc", "abc" },
	{ "multipart/mixed; x; y=; =z; @; boundary=abc", "abc" },
	{ "multipart/mixed; x=\"y\" z; boundary=abc", "abc" },
	{ "multipart/mixed; x=\"y; boundary=abc", NULL },
	{ "multipart/mixed boundary=abc", NULL },
	{ "multipart/mixed; xboundary=abc", NULL },
	{ "multipart/mixed (; boundary=abc", NULL },
};

static void
finds_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct buf out = BUF_INIT(100);

		buf_adds(&out, "<");
		assert_int_equal(parameter_find(span_of(bodies[i].given), "boundary", &out),
		    bodies[i].wanted != NULL);
		assert_string_equal(out.data + 1, bodies[i].wanted != NULL ? bodies[i].wanted : "");
		buf_release(&out);
	}
}

static void
finds_no_more_than_fits(void **state)
{
	struct buf out = BUF_INIT(3);

	(void)state;
	assert_true(parameter_find(span_of("a/b; c=def"), "c", &out));
	buf_clear(&out);
	assert_false(parameter_find(span_of("a/b; c=defg"), "c", &out));
	buf_release(&out);
}

static void
knows_sound_types(void **state)
{
	static const char *const sound[] = {
		"a/b",
		"text/plain; charset=utf-8",
		"text/plain;charset=\"utf-8\"",
		"a/b ; c=\"d \\\" e\" ; f=g",
		"a/b; c=\"\"",
	};
	static const char *const others[] = {
		"",
		"a",
		"a/",
		"/b",
		"a b/c",
		"a/b/c",
		"a/b;",
		"a/b; c",
		"a/b; c=",
		"a/b; c=d e",
		"a/b; c=\"d",
		"a/b c=d",
		"a/b; c=d/e",
		"a/b;; c=d",
		" a/b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sound); i++)
		assert_true(parameter_is_sound(span_of(sound[i])));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(parameter_is_sound(span_of(others[i])));
}

static const struct row names[] = {
	{ "a.txt", "a.txt" },
	{ "a/b\\c", "a_b\\c" },
	{ "/etc/passwd", "_etc_passwd" },
	{ "a\r\nb\tc\x7f\x1b", "a__b_c__" },
	{ "M\xc3\xbcller \"x\"", "M\xc3\xbcller \"x\"" },
	{ "M\xfcller", "M_ller" },
	{ "a\xc3", "a_" },
	{ "\xe2\x80\xae"
	  "fdp",
	    "\xe2\x80\xae"
	    "fdp" },
	{ "", "_" },
	{ ".", "_" },
	{ "..", "__" },
	{ "...", "..." },
	{ ".profile", ".profile" },
};

static const struct row plain[] = {
	{ "a.txt", "a.txt" },
	{ "M\xc3\xbcller.pdf", "M_ller.pdf" },
	{ "\xe6\x97\xa5\xe6\x9c\xac.txt", "__.txt" },
	{ "a\"b\\c", "a_b_c" },
	{ "=?x?=", "=_x?=" },
	{ X60, X60 },
	{ X60 "y", X60 },
	{ X60 "y.txt", X10 X10 X10 X10 X10 "xxxxxx.txt" },
	{ X60 ".123456789", X10 X10 X10 X10 X10 ".123456789" },
	{ X60 ".1234567890", X60 },
};

static void
check_names(const struct row *rows, size_t count, void (*add)(struct buf *out, struct span name))
{
	for (size_t i = 0; i < count; i++) {
		struct buf out = BUF_INIT(100);

		add(&out, span_of(rows[i].given));
		assert_string_equal(out.data, rows[i].wanted);
		buf_release(&out);
	}
}

static void
makes_file_names(void **state)
{
	(void)state;
	check_names(names, COUNT(names), parameter_file_name);
}

static void
makes_plain_names(void **state)
{
	(void)state;
	check_names(plain, COUNT(plain), parameter_plain_name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_parameters),
		cmocka_unit_test(writes_long_parameters),
		cmocka_unit_test(finds_parameters),
		cmocka_unit_test(finds_no_more_than_fits),
		cmocka_unit_test(knows_sound_types),
		cmocka_unit_test(makes_file_names),
		cmocka_unit_test(makes_plain_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
