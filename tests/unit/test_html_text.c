/* SPDX-License-Identifier: ISC */
/*
 * What each capability makes of HTML stands in tests/golden/html, NAME.html beside NAME.txt.  Here:
 * that it is so, and what cannot be seen there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glob.h>
#include <limits.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/text.h"
#include "format/width.h"
#include "html/html.h"

#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define GOLDEN "tests/golden/html/"

enum {
	GOLDEN_LEAST = 25, /* files that must be there */
	LONG_TEXT = 3 * 1000 * 1000,
	GUARD_S = 10, /* of processor time, for what takes less than one when it is linear */
};

static bool
read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	char piece[4096];
	size_t n;

	if (file == NULL)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(out, piece, n);
	fclose(file);
	return buf_ok(out);
}

static struct span
span_of_buf(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

static bool
same(const struct buf *a, struct span b)
{
	return buf_ok(a) && a->len == b.len && memcmp(a->data, b.data, b.len) == 0;
}

/* Golden files. */

/* One line of diff is enough to know where to look. */
static void
complain(const char *path, const struct buf *got, const struct buf *wanted)
{
	struct span a = span_of_buf(got), b = span_of_buf(wanted);

	for (unsigned line = 1; a.len > 0 || b.len > 0; line++) {
		struct span x = span_cut(&a, '\n'), y = span_cut(&b, '\n');

		if (x.len == y.len && memcmp(x.data, y.data, x.len) == 0)
			continue;
		print_error("%s: line %u is \"%.*s\", not \"%.*s\"\n", path, line, (int)x.len,
		    x.data, (int)y.len, y.data);
		return;
	}
	print_error("%s: the end differs\n", path);
}

static bool
check_golden(const char *path)
{
	struct buf html = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
	struct buf name = BUF_INIT(SIZE_MAX);
	bool good;

	buf_adds(&name, path);
	buf_truncate(&name, name.len - strlen("html"));
	buf_adds(&name, "txt");
	assert_true(read_file(path, &html));
	good = read_file(name.data, &wanted);
	html_to_text(span_of_buf(&html), &out);
	good = good && same(&out, span_of_buf(&wanted));
	if (!good)
		complain(name.data, &out, &wanted);
	buf_release(&html);
	buf_release(&wanted);
	buf_release(&out);
	buf_release(&name);
	return good;
}

static void
golden_files(void **state)
{
	glob_t found;
	int failures = 0;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.html", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= GOLDEN_LEAST);
	for (size_t i = 0; i < found.gl_pathc; i++)
		failures += !check_golden(found.gl_pathv[i]);
	globfree(&found);
	assert_int_equal(failures, 0);
}

/* Rows of HTML and text. */

struct row {
	struct span html, text;
};

static void
check_rows(const struct row *rows, size_t count)
{
	int failures = 0;

	for (size_t i = 0; i < count; i++) {
		struct buf out = BUF_INIT(SIZE_MAX), shown = BUF_INIT(SIZE_MAX);

		html_to_text(rows[i].html, &out);
		if (!same(&out, rows[i].text)) {
			text_printable(&shown, rows[i].html, false);
			buf_adds(&shown, "\": \"");
			text_printable(&shown, span_of_buf(&out), false);
			print_error("row %zu, \"%s\"\n", i, shown.data);
			failures++;
		}
		buf_release(&out);
		buf_release(&shown);
	}
	assert_int_equal(failures, 0);
}

#define CHECK_ROWS(rows) check_rows((rows), sizeof(rows) / sizeof((rows)[0]))

/* At the bounds, and one past them. */
static const struct row entity_rows[] = {
	{ TEXT("&thetasym;|&thetasymx;"), TEXT("ϑ|&thetasymx;\n") },
	{ TEXT("&#xD7FF;&#xE000;"), TEXT("\xed\x9f\xbf\xee\x80\x80\n") },
	{ TEXT("&#55295;&#55296;&#57343;&#57344;"),
	    TEXT("\xed\x9f\xbf\xef\xbf\xbd\xef\xbf\xbd\xee\x80\x80\n") },
	{ TEXT("&#1114111;&#1114112;"), TEXT("\xf4\x8f\xbf\xbf\xef\xbf\xbd\n") },
	{ TEXT("&#4294967361;&#18446744073709551681;"), TEXT("\xef\xbf\xbd\xef\xbf\xbd\n") },
	{ TEXT("&#x100000041;"), TEXT("\xef\xbf\xbd\n") },
	{ TEXT("&#00000000000000000000065;"), TEXT("A\n") },
	{ TEXT("&#127;|&#128;|&#159;|&#160;|&#161;"), TEXT("|€|Ÿ| |¡\n") },
	{ TEXT("x&"), TEXT("x&\n") },
	{ TEXT("x&#"), TEXT("x&#\n") },
	{ TEXT("x&#x"), TEXT("x&#x\n") },
	{ TEXT("&am"), TEXT("&am\n") },
	{ TEXT("&amp"), TEXT("&\n") },
	{ TEXT("&LT;&LT"), TEXT("<<\n") },
	{ TEXT("&frac12x"), TEXT("½x\n") },
	{ TEXT("&frac1"), TEXT("&frac1\n") },
	{ TEXT("&apos&apos;"), TEXT("&apos'\n") },
	{ TEXT("&zwnj;"), TEXT("") },
	/* In attributes. */
	{ TEXT("<img alt='&copy=1 &copyx &copy &copy; &notit; &eacute'>"),
	    TEXT("[&copy=1 &copyx © © &notit; é]\n") },
	/* What an entity stands for is text. */
	{ TEXT("&lt;b&gt; &#60;p&#62;"), TEXT("<b> <p>\n") },
};

static void
entities(void **state)
{
	(void)state;
	CHECK_ROWS(entity_rows);
}

static const struct row octet_rows[] = {
	{ TEXT("a\xff"
	       "b"),
	    TEXT("a\xef\xbf\xbd"
		 "b\n") },
	{ TEXT("\xe2\x82"), TEXT("\xef\xbf\xbd\xef\xbf\xbd\n") },
	{ TEXT("a\0b\x01"
	       "c\x1b[1m\x7f"),
	    TEXT("abc[1m\n") },
	{ TEXT("a\xc2\x80"
	       "b\xc2\x9f"),
	    TEXT("ab\n") },
	{ TEXT("<a\0b>x"), TEXT("<ab>x\n") },
	{ TEXT("<p\0>x"), TEXT("<p>x\n") },
	{ TEXT("<p a\0b='c'>x"), TEXT("x\n") },
	{ TEXT("<a href='h\0t\x01tp://x\xff\n/'>x</a>"), TEXT("x <http://x\xef\xbf\xbd/>\n") },
	{ TEXT("<a href='a\xc2\xa0"
	       "b\xc2\x85'>x</a>"),
	    TEXT("x <a%C2%A0b>\n") },
	{ TEXT("\xef\xbb\xbfx"), TEXT("x\n") },
};

static void
odd_octets(void **state)
{
	(void)state;
	CHECK_ROWS(octet_rows);
}

/* Where HTML ends in the middle of something. */
static const struct row end_rows[] = {
	{ TEXT(""), TEXT("") },
	{ TEXT(" "), TEXT("") },
	{ TEXT("<"), TEXT("<\n") },
	{ TEXT("</"), TEXT("</\n") },
	{ TEXT("</p"), TEXT("</p\n") },
	{ TEXT("<p"), TEXT("<p\n") },
	{ TEXT("<p "), TEXT("<p\n") },
	{ TEXT("<p a"), TEXT("<p a\n") },
	{ TEXT("<p a="), TEXT("<p a=\n") },
	{ TEXT("<p a='"), TEXT("<p a='\n") },
	{ TEXT("<p a='b'"), TEXT("<p a='b'\n") },
	{ TEXT("<p a=b"), TEXT("<p a=b\n") },
	{ TEXT("<p a=b>"), TEXT("") },
	{ TEXT("x<!"), TEXT("x<!\n") },
	{ TEXT("x<!-"), TEXT("x<!-\n") },
	{ TEXT("x<!--"), TEXT("x\n") },
	{ TEXT("x<!---"), TEXT("x\n") },
	{ TEXT("x<!----"), TEXT("x\n") },
	{ TEXT("x<!-->y"), TEXT("xy\n") },
	{ TEXT("x<!--->y"), TEXT("xy\n") },
	{ TEXT("x<!---->y"), TEXT("xy\n") },
	{ TEXT("x<!--!>y-->z"), TEXT("xz\n") },
	{ TEXT("x<!--a--!>y"), TEXT("xy\n") },
	{ TEXT("x<!--a--!"), TEXT("x\n") },
	{ TEXT("x<?"), TEXT("x<?\n") },
	{ TEXT("x<![CDATA["), TEXT("x\n") },
	{ TEXT("x<![CDATA[y"), TEXT("x\n") },
	{ TEXT("x<![CDATA[]]"), TEXT("x\n") },
	{ TEXT("x<![CDATA[]]>y"), TEXT("xy\n") },
	{ TEXT("x<![CDATA[]]]>y"), TEXT("xy\n") },
	{ TEXT("x<script>y"), TEXT("x\n") },
	{ TEXT("x<script>y</script"), TEXT("x\n") },
	{ TEXT("x<script>y</script>z"), TEXT("xz\n") },
	{ TEXT("x<script>y</"), TEXT("x\n") },
	{ TEXT("x<script>y</scripty>z</script x>w"), TEXT("xw\n") },
	{ TEXT("x<script>y</SCRIPT/>z"), TEXT("xz\n") },
	/* Once a tag never ends, nothing is a tag any more. */
	{ TEXT("x<b>y</b><i a='>z<b>"), TEXT("xy<i a='>z<b>\n") },
	{ TEXT("<img alt=x"), TEXT("<img alt=x\n") },
	{ TEXT("<img alt=x>"), TEXT("[x]\n") },
	{ TEXT("<a href=x>y"), TEXT("y <x>\n") },
	{ TEXT("<table><tr><td>x"), TEXT("x\n") },
	{ TEXT("<ul><li>"), TEXT("") },
	{ TEXT("<blockquote>"), TEXT("") },
	{ TEXT("<pre>\n"), TEXT("") },
};

static void
sudden_ends(void **state)
{
	(void)state;
	CHECK_ROWS(end_rows);
}

/* Tables that just fit, and that just do not; cells at the bounds. */
static const struct row table_rows[] = {
	/* 37 + 2 + 37 columns. */
	{ TEXT(
	      "<table><tr><td>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<td>bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb</table>"),
	    TEXT(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n") },
	{ TEXT(
	      "<table><tr><td>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<td>bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb</table>"),
	    TEXT(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n") },
	/* 32 columns are the most; without text they take no room. */
	{ TEXT("<table><tr><td colspan=31>a<td>b<tr><td>c<td>d</table>"), TEXT("a     b\nc  d\n") },
	{ TEXT("<table><tr><td colspan=32>a<td>b<tr><td>c<td>d</table>"), TEXT("a\nb\n\nc\nd\n") },
	{ TEXT(
	      "<table><tr><td colspan=0>a<td colspan=-1>b<td colspan=x>c<td colspan=1000000000000>d</table>"),
	    TEXT("a\nb\nc\nd\n") },
	{ TEXT("<table><tr><td rowspan=1000000000000>a<td>b<tr><td>c<tr><td>d</table>"),
	    TEXT("a  b\n   c\n   d\n") },
	{ TEXT("<table><tr><td rowspan=2>a<td>b</tr></tr><tr><td>c</tr><tr><td>d</table>"),
	    TEXT("a  b\n   c\nd\n") },
	/* Names of columns: only in the first row, only where all are, only where rows follow. */
	{ TEXT("<table><tr><th>a<th>b<tr><th>c<td>d</table>"), TEXT("a  b\n-  -\nc  d\n") },
	{ TEXT("<table><tr><th>a<td>b<tr><td>c<td>d</table>"), TEXT("a  b\nc  d\n") },
	{ TEXT("<table><tr><th>a<th>b</table>"), TEXT("a  b\n") },
	{ TEXT("<table><tr><td><tr><th>a<th>b<tr><td>c<td>d</table>"), TEXT("a  b\n-  -\nc  d\n") },
	/*
	 * No-break spaces around a cell are none of it; those within are no place for a line end.
	 */
	{ TEXT("<table><tr><td>&nbsp;a&nbsp;<td>&nbsp;<td>b&nbsp;c</table>"), TEXT("a  b c\n") },
};

static void
table_bounds(void **state)
{
	(void)state;
	CHECK_ROWS(table_rows);
}

static const struct row link_rows[] = {
	{ TEXT("<a href=x>a</a><a href=x>b</a>"), TEXT("ab <x>\n") },
	{ TEXT("<a href=x>a</a> <a href=x>b</a>c"), TEXT("a b <x>c\n") },
	{ TEXT("<a href=x>a</a> <a href=y>b</a>"), TEXT("a <x> b <y>\n") },
	{ TEXT("<a href=x>a</a><br><a href=x>b</a>"), TEXT("a <x>\nb\n") },
	{ TEXT("<a href=x>a</a><br>.<a href=x>b</a>"), TEXT("a <x>\n.b <x>\n") },
	{ TEXT("<a href=x>a</a>, b"), TEXT("a <x>, b\n") },
	{ TEXT("<a href=x>a </a>b"), TEXT("a <x> b\n") },
	{ TEXT("<a href=x>a<a href=y>b</a>c"), TEXT("a <x>b <y>c\n") },
	{ TEXT("<a href=x>a<table><tr><td>b</table></a>c"), TEXT("a\n\nb\n<x>\n\nc\n") },
	{ TEXT("<a href=x><p>a</p></a><p>b"), TEXT("a\n<x>\n\nb\n") },
	{ TEXT("a<p><a href=x><img></a>b"), TEXT("a\n\n<x>b\n") },
	{ TEXT("<a href=http://X/>x</a> <a href=https://x/>http://x</a> <a href=http://x//>x</a>"),
	    TEXT("x http://x x <http://x//>\n") },
	{ TEXT("<a href=mailto:>x</a> <a href=mailto:a@b>b</a>, <a href='MAILTO:a@b'>A@B</a>"),
	    TEXT("x <mailto:> b <a@b>, A@B\n") },
	{ TEXT("<a href=tel:12>1-2</a>, <a href=tel:12>123</a> <a href=tel:123>12</a>"),
	    TEXT("1-2, 123 <tel:12> 12 <tel:123>\n") },
	{ TEXT("<a href=' JavaScript:x'>a</a> <a href='#'>b</a> <a href='java\nscript:x'>c</a>"),
	    TEXT("a b c\n") },
};

static void
links(void **state)
{
	(void)state;
	CHECK_ROWS(link_rows);
}

/*
 * Nesting at its bound, 512, and past it: q that are too deep have no marks, and their end tags end
 * no others.
 */
static void
nests(void **state)
{
	(void)state;
	for (unsigned depth = 510; depth <= 514; depth++) {
		struct buf html = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);

		for (unsigned i = 0; i < depth; i++)
			buf_adds(&html, "<q>");
		buf_adds(&html, "<ol><li>list</ol>x</q>y");
		for (unsigned i = 1; i < depth; i++)
			buf_adds(&html, "</q>");
		buf_adds(&html, "<ol><li>z</ol>");
		html_to_text(span_of_buf(&html), &out);
		assert_true(buf_ok(&out));
		assert_non_null(strstr(out.data, "list"));
		assert_int_equal(strstr(out.data, "1. list") != NULL, depth <= 510);
		assert_non_null(strstr(out.data, depth <= 512 ? "x\"y" : "xy"));
		assert_non_null(strstr(out.data, "\n1. z\n"));
		buf_release(&html);
		buf_release(&out);
	}
}

/* What out has stays; what it cannot take is told. */
static void
ceilings(void **state)
{
	struct buf out = BUF_INIT(12);

	(void)state;
	buf_adds(&out, "x  ");
	html_to_text(span_of("<p>12345678"), &out);
	assert_true(same(&out, span_of("x  12345678\n")));
	buf_clear(&out);
	buf_adds(&out, "x  ");
	html_to_text(span_of("<p>123456789"), &out);
	assert_false(buf_ok(&out));
	assert_memory_equal(out.data, "x  ", 3);
	buf_release(&out);
}

static const struct {
	uint32_t code;
	unsigned width;
} width_rows[] = {
	{ ' ', 1 },
	{ 'a', 1 },
	{ 0xe9, 1 },
	{ 0x2ff, 1 },
	{ 0x300, 0 },
	{ 0x36f, 0 },
	{ 0x370, 1 },
	{ 0x10ff, 1 },
	{ 0x1100, 2 },
	{ 0x115f, 2 },
	{ 0x1160, 1 },
	{ 0x200a, 1 },
	{ 0x200b, 0 },
	{ 0x200f, 0 },
	{ 0x2010, 1 },
	{ 0x2e7f, 1 },
	{ 0x2e80, 2 },
	{ 0x3000, 2 },
	{ 0x302a, 0 },
	{ 0x303e, 2 },
	{ 0x303f, 1 },
	{ 0x3040, 1 },
	{ 0x3041, 2 },
	{ 0x4dbf, 2 },
	{ 0x4dc0, 1 },
	{ 0x4e00, 2 },
	{ 0x9fff, 2 },
	{ 0xabff, 1 },
	{ 0xac00, 2 },
	{ 0xd7a3, 2 },
	{ 0xd7a4, 1 },
	{ 0xfeff, 0 },
	{ 0xff01, 2 },
	{ 0xff60, 2 },
	{ 0xff61, 1 },
	{ 0xfffd, 1 },
	{ 0x1f600, 2 },
	{ 0x1f3fb, 0 },
	{ 0x20000, 2 },
	{ 0x3fffd, 2 },
	{ 0x3fffe, 1 },
	{ 0xe01ef, 0 },
	{ 0xe01f0, 1 },
	{ 0x10ffff, 1 },
};

static void
widths(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(width_rows) / sizeof(width_rows[0]); i++)
		if (width_of(width_rows[i].code) != width_rows[i].width) {
			print_error("U+%04X has %u\n", (unsigned)width_rows[i].code,
			    width_of(width_rows[i].code));
			failures++;
		}
	assert_int_equal(failures, 0);
	assert_true(width_may_break(0x65e5, 0x672c));
	assert_false(width_may_break(0x65e5, 0x3002)); /* a full stop */
	assert_true(width_may_break(0x3002, 0x65e5));
	assert_false(width_may_break(0x300c, 0x65e5)); /* an opening bracket */
	assert_true(width_may_break(0x65e5, 0x300c));
	assert_false(width_may_break('a', 0x65e5));
	assert_false(width_may_break(0x65e5, 'a'));
	assert_false(width_may_break(0xac00, 0xac01)); /* Korean */
}

/*
 * Images: each row is a document and what is found in it, one a line, with the octets at their
 * places.
 */
static const struct {
	struct span html;
	const char *found;
} image_rows[] = {
	{ TEXT(""), "" },
	{ TEXT("<p>no image</p>"), "" },
	{ TEXT("<img src=a.png>"), "a.png=a.png\n" },
	{ TEXT("x<IMG alt=x SRC = \"a b.png\" src=c><img src='d&amp;e.png'/>"),
	    "a b.png=a b.png\nd&e.png=d&amp;e.png\n" },
	{ TEXT("<img src=' a.png\n'>"), "a.png= a.png\n\n" },
	{ TEXT("<img><img src><img src=''><img src=' '><img src=a>"), "a=a\n" },
	{ TEXT("<img src=a&copy=1><img src=a&amp;b=1>"), "a&copy=1=a&copy=1\na&b=1=a&amp;b=1\n" },
	{ TEXT(
	      "<!-- <img src=a> --><script>'<img src=b>'</script><title><img src=c></title><img src=d>"),
	    "d=d\n" },
	{ TEXT("<p title='<img src=a>'><img src=b><noscript><img src=c></noscript>"),
	    "b=b\nc=c\n" },
	{ TEXT("<imgx src=a></img src=b><img/src=c/>"), "c/=c/\n" },
	{ TEXT("<img src=a><img src=\"b><img src=c>"), "a=a\n" },
	{ TEXT("<img src=a"), "" },
};

static void
finds_images(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(image_rows) / sizeof(image_rows[0]); i++) {
		struct span rest = image_rows[i].html, at;
		struct buf out = BUF_INIT(SIZE_MAX);

		while (html_next_image(&rest, &at, &out)) {
			buf_addc(&out, '=');
			assert_true(at.data >= image_rows[i].html.data &&
			    at.data + at.len <= rest.data);
			buf_add(&out, at.data, at.len);
			buf_addc(&out, '\n');
		}
		assert_int_equal(rest.len, 0);
		if (!same(&out, span_of(image_rows[i].found))) {
			print_error("images of row %zu: %s\n", i, out.data);
			failures++;
		}
		buf_release(&out);
	}
	assert_int_equal(failures, 0);
}

/* The charset that HTML names; NULL: none. */
static const struct {
	struct span html;
	const char *charset;
} meta_rows[] = {
	{ TEXT(""), NULL },
	{ TEXT("<meta charset=x>"), "x" },
	{ TEXT("<!DOCTYPE html><html><head><META CharSet=' ISO-8859-1 '/>"), "ISO-8859-1" },
	{ TEXT("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>"), "koi8-r" },
	{ TEXT("<meta content='text/html;charset = \"a b\"' http-equiv=' content-type '>"), "a b" },
	{ TEXT("<meta http-equiv=content-type content='text/html charset=x; y'>"), "x" },
	{ TEXT("<meta http-equiv=content-type content='charset charset=x y'>"), "x" },
	{ TEXT("<meta http-equiv=content-type content=\"charset='x\"><meta charset=y>"), "y" },
	{ TEXT("<meta http-equiv=content-type content='charset='>"), NULL },
	{ TEXT("<meta http-equiv=content-type content='text/html'>"), NULL },
	{ TEXT("<meta http-equiv=refresh content='charset=x'>"), NULL },
	{ TEXT("<meta name=x content='charset=x'>"), NULL },
	{ TEXT("<meta charset><meta charset=''><meta charset=y><meta charset=z>"), "y" },
	{ TEXT(
	      "<!-- <meta charset=x> --><title><meta charset=y></title><script><meta charset=z></script>"),
	    NULL },
	{ TEXT("<p title='<meta charset=x>'></meta charset=y><metal charset=z>"), NULL },
	{ TEXT("<meta charset=x"), NULL },
	{ TEXT("<meta http-equiv=content-type content='charset=\"x;y\"'>"), "x" },
	{ TEXT("<meta http-equiv=content-type content='charset=;charset=x'>"), "x" },
};

static void
finds_charsets(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(meta_rows) / sizeof(meta_rows[0]); i++) {
		struct span charset = html_meta_charset(meta_rows[i].html);
		const char *wanted = meta_rows[i].charset != NULL ? meta_rows[i].charset : "";

		if (!span_is(charset, wanted)) {
			print_error("charset of row %zu: \"%.*s\"\n", i, (int)charset.len,
			    charset.data);
			failures++;
		}
		assert_true(charset.len == 0 || charset.data >= meta_rows[i].html.data);
	}
	assert_int_equal(failures, 0);
}

/* The last octet of the tag may be the last of those that are looked at. */
static void
finds_charsets_near_the_begin(void **state)
{
	static const char tag[] = "<meta charset=x>";

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct buf html = BUF_INIT(SIZE_MAX);

		while (html.len < HTML_META_MAX - strlen(tag) + more)
			buf_addc(&html, ' ');
		buf_adds(&html, tag);
		assert_int_equal(html_meta_charset(span_of_buf(&html)).len, more == 0);
		buf_release(&html);
	}
}

/* Numbers at the bounds of what can be written so. */
static const struct row number_rows[] = {
	{ TEXT("<ol type=a start=26><li>x<li>x</ol>"), TEXT("z. x\naa. x\n") },
	{ TEXT("<ol type=a start=18278><li>x<li>x</ol>"), TEXT("zzz. x\naaaa. x\n") },
	{ TEXT("<ol type=A start=9999999><li>x</ol>"), TEXT("UVXWI. x\n") },
	{ TEXT("<ol type=a start=99999999999999999999><li>x<li>x</ol>"),
	    TEXT("uvxwi. x\nuvxwj. x\n") },
	{ TEXT("<ol start=-99999999999999999999><li>x</ol>"), TEXT("-9999999. x\n") },
	{ TEXT("<ol type=a start=0><li>x<li>x</ol>"), TEXT("0. x\na. x\n") },
	{ TEXT("<ol type=I start=-1><li>x</ol>"), TEXT("-1. x\n") },
	{ TEXT("<ol type=i start=4><li>x</ol>"), TEXT("iv. x\n") },
	{ TEXT("<ol type=I start=1994><li>x</ol>"), TEXT("MCMXCIV. x\n") },
	{ TEXT("<ol type=i start=3888><li>x</ol>"), TEXT("mmmdccclxxxviii. x\n") },
	{ TEXT("<ol type=I start=3999><li>x<li>x</ol>"), TEXT("MMMCMXCIX. x\n4000. x\n") },
};

static void
numbers(void **state)
{
	(void)state;
	CHECK_ROWS(number_rows);
}

/*
 * Lists that count down within one another are counted as long as what may be read ahead suffices,
 * which is four times the HTML: the first of twelve do, and the last count up.
 */
static void
counts_items(void **state)
{
	struct buf html = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		buf_adds(&html, "<ol reversed><li>x<li>x");
	html_to_text(span_of_buf(&html), &out);
	assert_true(span_starts_nocase(span_of_buf(&out), "2. x\n1. x\n   2. x\n   1. x\n"));
	assert_non_null(strstr(out.data, " 1. x\n"));
	assert_non_null(strstr(out.data, " 2. x\n"));
	assert_true(out.len > 4 && strcmp(out.data + out.len - 5, "2. x\n") == 0);
	buf_release(&html);
	buf_release(&out);
}

/*
 * What has made readers of HTML slow: each begins once, and is repeated.  Where that took time by
 * the square, the guard would end the program.
 */
static const struct {
	const char *first, *again;
} long_rows[] = {
	{ "", "<" },
	{ "", "</" },
	{ "", "<!" },
	{ "", "<!--" },
	{ "", "<![CDATA[" },
	{ "", "<a " },
	{ "", "<a b=\"" },
	{ "", "<a b='\"><a b=\"'>" },
	{ "<a ", "a=b " },
	{ "<a ", "a='" },
	{ "<!--", "-" },
	{ "<![CDATA[", "]" },
	{ "", "&" },
	{ "&#", "1" },
	{ "", "a" },
	{ "", "\xc2\xa0" },
	{ "a", " " },
	{ "<pre>", "\n" },
	{ "<pre>", " " },
	{ "", "<div>" },
	{ "", "<b>" },
	{ "", "<blockquote>" },
	{ "", "<ul><li>x" },
	{ "", "<table><tr><td>x" },
	{ "<table>", "<td>x" },
	{ "<table>", "<tr><td>x" },
	{ "<table>", "<tr><td rowspan=9 colspan=9>x" },
	{ "", "<div hidden>" },
	{ "", "<p hidden>x" },
	{ "", "<script>" },
	{ "", "<script></scrip" },
	{ "", "<title></titl" },
	{ "", "<ol reversed>" },
	{ "", "<ol reversed><li>" },
	{ "", "<ol reversed></ol>" },
	{ "", "<ol reversed><!" },
	{ "<ol reversed>", "<li type=i value=3888>" },
	{ "", "<a href=x>y</a>" },
	{ "", "<a href=x>y" },
	{ "", "<a href=x><img></a> " },
	{ "<ul><table><td><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote>",
	    "</ul>" },
};

static void
set_guard(void)
{
	struct rlimit guard;
	struct rusage used;

	assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
	assert_int_equal(getrlimit(RLIMIT_CPU, &guard), 0);
	guard.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + GUARD_S);
	assert_int_equal(setrlimit(RLIMIT_CPU, &guard), 0);
}

static void
takes_linear_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(long_rows) / sizeof(long_rows[0]); i++) {
		struct buf html = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
		struct span rest, at;

		set_guard();
		buf_adds(&html, long_rows[i].first);
		while (html.len < LONG_TEXT)
			buf_adds(&html, long_rows[i].again);
		html_to_text(span_of_buf(&html), &out);
		assert_true(buf_ok(&out));
		assert_true(out.len <= html.len * 8);
		buf_clear(&out);
		rest = span_of_buf(&html);
		while (html_next_image(&rest, &at, &out))
			continue;
		buf_release(&html);
		buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files),
		cmocka_unit_test(entities),
		cmocka_unit_test(odd_octets),
		cmocka_unit_test(sudden_ends),
		cmocka_unit_test(table_bounds),
		cmocka_unit_test(links),
		cmocka_unit_test(nests),
		cmocka_unit_test(ceilings),
		cmocka_unit_test(widths),
		cmocka_unit_test(finds_images),
		cmocka_unit_test(finds_charsets),
		cmocka_unit_test(finds_charsets_near_the_begin),
		cmocka_unit_test(numbers),
		cmocka_unit_test(counts_items),
		cmocka_unit_test(takes_linear_time),
	};

	return cmocka_run_group_tests_name("html_text", tests, NULL, NULL);
}
