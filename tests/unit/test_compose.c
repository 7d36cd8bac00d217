/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique.h"
#include "compose/compose.h"
#include "compose/work.h"
#include "format/encode.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct spool_place place = { .dir = "/tmp" };
static struct err err;
static char folder[] = "/tmp/sendoff-compose-XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	err_init(&err);
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	err_release(&err);
	return rmdir(folder);
}

static struct compose
nothing(void)
{
	return (struct compose){ .text_fd = -1, .html_fd = -1 };
}

/* A file of its own for the part; it is named "file" unless the part has a name. */
static void
fill_part(struct compose_part *part, struct span content)
{
	part->fd = memfd_create("file", MFD_CLOEXEC);
	assert_true(part->fd >= 0);
	if (part->path == NULL)
		part->path = "some/file";
	assert_int_equal(write(part->fd, content.data, content.len), (ssize_t)content.len);
}

/* The whole, and what its facts should be. */
static void
read_back(const struct message *m, struct buf *out)
{
	static char scratch[SPOOL_MEMORY_MAX];
	struct scan scan = { 0 };
	const char *data;
	size_t got;

	buf_add(out, m->header.data, m->header.len);
	buf_adds(out, "\r\n");
	for (uint64_t at = 0; at < m->body.size; at += got) {
		assert_int_equal(spool_read(&m->body, at, scratch, sizeof(scratch), &data, &got,
				     &err),
		    0);
		scan_add(&scan, (struct span){ data, got });
		buf_add(out, data, got);
	}
	scan_end(&scan);
	assert_int_equal(m->body_8bit, scan.has_8bit);
	assert_int_equal(m->body_utf8, !scan.not_utf8);
	assert_int_equal(m->body_nul, scan.has_nul);
	assert_int_equal(m->body_line_max, scan.line_max);
	assert_false(scan.bare_cr);
	assert_int_equal(m->header_8bit,
	    span_has_8bit((struct span){ m->header.data, m->header.len }));
	assert_true(m->header_line_max <= MESSAGE_LINE_MAX);
	assert_true(m->body.size == 0 || out->data[out->len - 1] == '\n');
}

/*
 * Makes the message; what differs with each, the root of its boundaries, becomes "=_B"; CRLF
 * becomes LF.
 */
static void
make(const struct compose *c, struct buf *out)
{
	struct message m;
	char *root, *cr;

	message_init(&m);
	if (compose_message(c, &place, &m, &err) != 0)
		fail_msg("%s", err.what.data);
	read_back(&m, out);
	message_release(&m);
	root = strstr(out->data, "boundary=\"=_");
	if (root != NULL && c->seed == NULL) {
		char *copy = strndup(root + strlen("boundary=\"=_"), UNIQUE_LEN), *at;

		assert_non_null(copy);
		while ((at = strstr(out->data, copy)) != NULL)
			buf_splice(out, (size_t)(at - out->data), UNIQUE_LEN, "B", 1);
		free(copy);
	}
	while ((cr = strstr(out->data, "\r\n")) != NULL)
		buf_splice(out, (size_t)(cr - out->data), 1, "", 0);
	assert_true(buf_ok(out));
}

static void
check(const struct compose *c, const char *wanted)
{
	struct buf out = BUF_INIT(SIZE_MAX);

	make(c, &out);
	assert_string_equal(out.data, wanted);
	buf_release(&out);
}

/* The message holds that text. */
static void
check_has(const struct compose *c, const char *wanted)
{
	struct buf out = BUF_INIT(SIZE_MAX);

	make(c, &out);
	if (strstr(out.data, wanted) == NULL)
		fail_msg("\"%s\" is not in:\n%s", wanted, out.data);
	buf_release(&out);
}

static void
check_fails(const struct compose *c, enum err_kind kind, const char *sentence)
{
	struct message m;

	message_init(&m);
	assert_int_equal(compose_message(c, &place, &m, &err), -1);
	if (strstr(err.what.data, sentence) == NULL)
		fail_msg("\"%s\" is not \"%s\"", err.what.data, sentence);
	assert_int_equal(err.kind, kind);
	message_release(&m);
}

/* Text. */

static void
writes_text(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ "", "us-ascii\nContent-Transfer-Encoding: 7bit\n\n" },
		{ "hello\nyou\n", "us-ascii\nContent-Transfer-Encoding: 7bit\n\nhello\nyou\n" },
		{ "hello\r\nyou", "us-ascii\nContent-Transfer-Encoding: 7bit\n\nhello\nyou\n" },
		{ "Gr\xc3\xbc\xc3\x9f"
		  "e",
		    "utf-8\nContent-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9f"
		    "e\n" },
		{ "\xef\xbb\xbf"
		  "a",
		    "us-ascii\nContent-Transfer-Encoding: 7bit\n\na\n" },
		{ "Gr\xfc\xdf"
		  "e",
		    "utf-8\nContent-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9f"
		    "e\n" },
		{ "a\rb", "us-ascii\nContent-Transfer-Encoding: quoted-printable\n\na=0Db\n" },
		{ "a\n\r", "us-ascii\nContent-Transfer-Encoding: quoted-printable\n\na\n=0D\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose c = nothing();
		struct buf wanted = BUF_INIT(1000);

		buf_addf(&wanted, "MIME-Version: 1.0\nContent-Type: text/plain; charset=%s",
		    rows[i].wanted);
		c.text = span_of(rows[i].text);
		check(&c, wanted.data);
		buf_release(&wanted);
	}
}

/* 998 octets to a line are text as it is, 999 are not; a NUL is not. */
static void
encodes_what_cannot_go_as_it_is(void **state)
{
	struct buf text = BUF_INIT(10000);
	struct compose c = nothing();

	(void)state;
	while (text.len < MESSAGE_LINE_MAX)
		buf_addc(&text, 'x');
	c.text = (struct span){ text.data, text.len };
	check_has(&c, "Content-Transfer-Encoding: 7bit\n");
	buf_addc(&text, 'x');
	c.text = (struct span){ text.data, text.len };
	check_has(&c, "Content-Transfer-Encoding: quoted-printable\n");
	buf_clear(&text);
	while (text.len < MESSAGE_LINE_MAX + 1)
		buf_adds(&text, "\xe6\x97\xa5");
	c.text = (struct span){ text.data, text.len };
	check_has(&c, "charset=utf-8\nContent-Transfer-Encoding: base64\n\n5pel5pel");
	c.text = (struct span){ "a\0b", 3 };
	check_has(&c, "Content-Transfer-Encoding: quoted-printable\n\na=00b\n");
	/* Whichever is shorter; quoted-printable, where none is. */
	c.text = (struct span){ "\0\0abc", 5 };
	check_has(&c, "Content-Transfer-Encoding: quoted-printable\n\n=00=00abc\n");
	c.text = (struct span){ "\0\0\0ab", 5 };
	check_has(&c, "Content-Transfer-Encoding: base64\n\nAAAAYWINCg==\n");
	/* Line ends of text are CRLF in base64, too. */
	c.text = (struct span){ "\0\0\0\n\0", 5 };
	check_has(&c, "Content-Transfer-Encoding: base64\n\nAAAADQoADQo=\n");
	buf_release(&text);
}

static void
converts_text(void **state)
{
	struct compose c = nothing();

	(void)state;
	c.charset = "KOI8-R";
	c.text = span_of("\xf0\xd2");
	check_has(&c, "charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xd0\x9f\xd1\x80\n");
	c.charset = "UTF-8";
	check_fails(&c, ERR_MESSAGE, "the text is not in UTF-8: octet 0xF0 in line 1");
	c.charset = "nonsense";
	check_fails(&c, ERR_MESSAGE, "the charset \"nonsense\" is not known");
}

static void
reads_text_from_a_descriptor(void **state)
{
	struct compose_part file = { .path = "x" };
	struct compose c = nothing();

	(void)state;
	fill_part(&file, span_of("hello\n"));
	lseek(file.fd, 0, SEEK_SET);
	c.text_fd = file.fd;
	check_has(&c, "\n\nhello\n");
	close(file.fd);
	c.text_fd = open("/", O_RDONLY | O_CLOEXEC);
	check_fails(&c, ERR_NO_INPUT, "cannot read the text: Is a directory");
	close(c.text_fd);
}

/* Text of more than a block.  What stands at the end of each block is cut at each of its octets. */

static const struct {
	const char *charset;
	struct span odd;
	const char *utf8; /* the same */
} cuts[] = {
	{ NULL, TEXT("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
	{ "UTF-8", TEXT("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
	{ NULL, TEXT("\r\n"), "\n" },
	{ "UTF-8", TEXT("\r\n"), "\n" },
	{ "ISO-8859-1", TEXT("\r\n\xfc\r\n"), "\n\xc3\xbc\n" },
	{ NULL, TEXT("\r\n\xfc\r\n"), "\n\xc3\xbc\n" },
	{ NULL, TEXT("\xfc\xf0\x9f"), "\xc3\xbc\xc3\xb0\xc5\xb8" },
	{ "ISO-2022-JP", TEXT("\x1b$BF|K\\\x1b(B"), "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "Shift_JIS", TEXT("\x93\xfa\x96\x7b"), "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "GB18030", TEXT("\x90\x30\x81\x30"), "\xf0\x90\x80\x80" },
};

static void
add_filler(struct buf *text, struct buf *wanted, size_t len)
{
	while (text->len < len) {
		char c = text->len % 60 == 59 ? '\n' : 'x';

		buf_addc(text, c);
		buf_addc(wanted, c);
	}
}

static void
check_cut(size_t row, size_t cut)
{
	struct buf text = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
	struct compose_part file = { .path = "x" };
	struct compose c = nothing();

	for (size_t i = 1; i <= 2; i++) {
		add_filler(&text, &wanted, i * COMPOSE_BLOCK - cut);
		buf_add(&text, cuts[row].odd.data, cuts[row].odd.len);
		buf_adds(&wanted, cuts[row].utf8);
	}
	add_filler(&text, &wanted, 3 * COMPOSE_BLOCK + 59);
	buf_addc(&wanted, '\n');
	fill_part(&file, (struct span){ text.data, text.len });
	lseek(file.fd, 0, SEEK_SET);
	c.charset = cuts[row].charset;
	c.text_fd = file.fd;
	make(&c, &out);
	assert_non_null(strstr(out.data, "bit\n\n"));
	assert_string_equal(strstr(out.data, "bit\n\n") + strlen("bit\n\n"), wanted.data);
	close(file.fd);
	buf_release(&text);
	buf_release(&wanted);
	buf_release(&out);
}

static void
cuts_text_anywhere(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(cuts); row++)
		for (size_t cut = 0; cut <= cuts[row].odd.len; cut++)
			check_cut(row, cut);
}

/*
 * What is encoded, in blocks: a lone CR and a NUL at the end of one; a line end in base64, which is
 * CRLF there, too.
 */
static void
encodes_long_text(void **state)
{
	static const struct span odd[] = { TEXT("\r"), TEXT("\0"), TEXT("\r\r\n") };
	static const char *const encoded[] = { "=0D", "=00", "=0D\n" };

	(void)state;
	for (size_t row = 0; row < COUNT(odd); row++)
		for (size_t cut = 0; cut <= odd[row].len; cut++) {
			struct buf text = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX),
				   out = BUF_INIT(SIZE_MAX);
			struct compose c = nothing();

			/* Behind the begin of a line. */
			while (COMPOSE_BLOCK - cut - text.len > 20) {
				buf_adds(&text, "1234567890\n");
				buf_adds(&wanted, "1234567890\n");
			}
			while (text.len < COMPOSE_BLOCK - cut) {
				buf_addc(&text, 'x');
				buf_addc(&wanted, 'x');
			}
			buf_add(&text, odd[row].data, odd[row].len);
			buf_addf(&wanted, "%s%s", encoded[row], "y\n");
			buf_adds(&text, "y");
			c.text = (struct span){ text.data, text.len };
			make(&c, &out);
			assert_string_equal(strstr(out.data, "quoted-printable\n\n") + 18,
			    wanted.data);
			buf_release(&text);
			buf_release(&wanted);
			buf_release(&out);
		}
}

static void
encodes_long_text_in_base64(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct buf text = BUF_INIT(SIZE_MAX), canonical = BUF_INIT(SIZE_MAX),
			   lines = BUF_INIT(SIZE_MAX);
		struct buf out = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX);
		struct compose c = nothing();
		struct span rest;

		for (size_t i = 0; i < shift; i++) {
			buf_addc(&text, '\0');
			buf_addc(&canonical, '\0');
		}
		while (text.len < 2 * COMPOSE_BLOCK) {
			buf_add(&text, "\0\0\r\n\0\n", 6);
			buf_add(&canonical, "\0\0\r\n\0\r\n", 7);
		}
		base64_add_lines(&lines, (struct span){ canonical.data, canonical.len });
		for (rest = (struct span){ lines.data, lines.len }; rest.len > 0;) {
			struct span line = span_cut(&rest, '\n');

			buf_add(&wanted, line.data, line.len - 1);
			buf_addc(&wanted, '\n');
		}
		c.text = (struct span){ text.data, text.len };
		make(&c, &out);
		assert_string_equal(strstr(out.data, "base64\n\n") + strlen("base64\n\n"),
		    wanted.data);
		buf_release(&text);
		buf_release(&canonical);
		buf_release(&lines);
		buf_release(&out);
		buf_release(&wanted);
	}
}

/* In UTF-16 what looks like a line end is none: U+0D0A, U+0A0D, and U+0A0A. */
static void
converts_long_utf16(void **state)
{
	static const char in[] = "x\0\x0a\x0d\x0d\x0a\x0a\x0a\n\0";
	static const char out_of_it[] = "x\xe0\xb4\x8a\xe0\xa8\x8d\xe0\xa8\x8a\n";
	struct buf text = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
	struct compose c = nothing();

	(void)state;
	buf_adds(&text, "\xff\xfe");
	while (text.len < 3 * COMPOSE_BLOCK) {
		buf_add(&text, in, sizeof(in) - 1);
		buf_adds(&wanted, out_of_it);
	}
	c.text = (struct span){ text.data, text.len };
	make(&c, &out);
	assert_string_equal(strstr(out.data, "8bit\n\n") + strlen("8bit\n\n"), wanted.data);
	/*
	 * It is none, as an octet that is left over shows at its end: octets, with their line ends.
	 */
	buf_addc(&text, 'y');
	c.text = (struct span){ text.data, text.len };
	check_has(&c, "base64\n\n77+977+9eAANCg0NCg0KDQoNCgB4");
	buf_release(&text);
	buf_release(&wanted);
	buf_release(&out);
}

/* Where nobody says what it is in. */
static void
guesses_what_text_is_in(void **state)
{
	static const struct {
		struct span text;
		const char *utf8;
	} rows[] = {
		{ TEXT("10 \xa4"), "10 \xe2\x82\xac" },
		{ TEXT("10 \x80, Gr\xfc\xdf"
		       "e"),
		    "10 \xe2\x82\xac, Gr\xc3\xbc\xc3\x9f"
		    "e" },
		{ TEXT("\x81"), "\xef\xbf\xbd" },
		{ TEXT("Gr\xc3\xbc\xc3\x9f"
		       "e, \xc3\xbc \xe2\x80"),
		    "Gr\xc3\xbc\xc3\x9f"
		    "e, \xc3\xbc \xef\xbf\xbd\xef\xbf\xbd" },
		{ TEXT("\xff\xfe"
		       "a\0\xfc\0"),
		    "a\xc3\xbc" },
		{ TEXT("\xfe\xff\0a\0\xfc"), "a\xc3\xbc" },
		{ TEXT("\xff\xfe"
		       "abc"),
		    "\xef\xbf\xbd\xef\xbf\xbd"
		    "abc" },
		/* UTF-8's mark, and another charset: it is text. */
		{ TEXT("\xef\xbb\xbf\xfc"), "\xc3\xaf\xc2\xbb\xc2\xbf\xc3\xbc" },
		{ TEXT("\xef\xbb\xbf\xef\xbb\xbf\xc3\xbc\xc3\xbc\xfc"),
		    "\xef\xbb\xbf\xc3\xbc\xc3\xbc\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose c = nothing();
		struct buf wanted = BUF_INIT(1000);

		buf_addf(&wanted,
		    "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: 8bit\n\n%s\n",
		    rows[i].utf8);
		c.text = rows[i].text;
		check(&c, wanted.data);
		buf_release(&wanted);
	}
}

/* Where a message may have room before it, and the text alone is its body. */
static void
hands_text_over(void **state)
{
	const struct spool_place roomy = { .dir = "/tmp", .room = 1000, .linkable = true };
	struct buf text = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
	struct compose c = nothing();
	struct message m;

	(void)state;
	while (text.len < 2 * SPOOL_MEMORY_MAX)
		buf_adds(&text, "1234567\r\n");
	c.text = (struct span){ text.data, text.len };
	message_init(&m);
	assert_int_equal(compose_message(&c, &roomy, &m, &err), 0);
	assert_true(m.body.fd >= 0);
	assert_int_equal(m.body.place.room, 1000);
	assert_true(m.body.place.linkable);
	assert_int_equal(lseek(m.body.fd, 0, SEEK_END), 1000 + text.len);
	read_back(&m, &out);
	assert_string_equal(strstr(out.data, "\r\n\r\n") + 4, text.data);
	message_release(&m);
	buf_release(&text);
	buf_release(&out);
}

static void
bounds_what_is_read_as_a_whole(void **state)
{
	struct composer w = { .place = &place, .err = &err, .wire = BUF_INIT(2 * COMPOSE_BLOCK) };
	const struct compose c = nothing();

	(void)state;
	w.compose = &c;
	for (uint64_t max = 5; max <= 6; max++) {
		struct text_part html;
		int rc;

		text_part_init(&w, &html, "html");
		rc = text_part_read(&w, &html, -1, span_of("<p>abc"), max);
		assert_int_equal(rc, max == 5 ? -1 : 0);
		if (rc != 0) {
			assert_int_equal(err.kind, ERR_MESSAGE);
			assert_string_equal(err.what.data, "the HTML is larger than 5 octets");
		}
		text_part_release(&html);
	}
	buf_release(&w.wire);
}

/* The end of what is typed is typed once. */
static void
reads_text_from_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct compose c = nothing();

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	c.text_fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(c.text_fd >= 0);
	assert_int_equal(write(master, "hello\n\004", 7), 7);
	alarm(10);
	check_has(&c, "\n\nhello\n");
	alarm(0);
	close(c.text_fd);
	close(master);
}

/* Headers. */

static void
writes_headers(void **state)
{
	static const char *const headers[] = {
		"X-Mailer:  sendoff ",
		"Sender: J\xc3\xb6rg <j@x>",
		"X-Name: J\xc3\xb6rg",
		"X-Encoded: =?utf-8?Q?x?=",
		"X-Empty:",
		"Content-Language: de",
		NULL,
	};
	struct compose c = nothing();

	(void)state;
	c.from = "Bob M\xc3\xbcller <bob@example.org>";
	c.to = "a@b, c@d";
	c.cc = "";
	c.reply_to = "r@s";
	c.subject = "=?x?= Gr\xc3\xbc\xc3\x9f"
		    "e";
	c.in_reply_to = "<1@x>";
	c.references = "<0@x> <1@x>";
	c.priority = 1;
	c.headers = headers;
	check(&c,
	    "From: =?utf-8?Q?Bob_M=C3=BCller?= <bob@example.org>\n"
	    "To: a@b, c@d\n"
	    "Reply-To: r@s\n"
	    "Subject: =?utf-8?B?PT94Pz0gR3LDvMOfZQ==?=\n"
	    "In-Reply-To: <1@x>\n"
	    "References: <0@x> <1@x>\n"
	    "X-Priority: 1 (Highest)\n"
	    "Importance: high\n"
	    "X-Mailer: sendoff\n"
	    "Sender: =?utf-8?B?SsO2cmc=?= <j@x>\n"
	    "X-Name: =?utf-8?B?SsO2cmc=?=\n"
	    "X-Encoded: =?utf-8?Q?x?=\n"
	    "X-Empty:\n"
	    "Content-Language: de\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n\n");
	c.priority = 5;
	check_has(&c, "X-Priority: 5 (Lowest)\nImportance: low\n");
}

static void
refuses_headers(void **state)
{
	static const struct {
		const char *header;
		enum err_kind kind;
		const char *sentence;
	} rows[] = {
		{ "", ERR_USAGE, "\"\" is not a header" },
		{ "hello", ERR_USAGE, "\"hello\" is not a header" },
		{ ": x", ERR_USAGE, "is not a header" },
		{ " X: y", ERR_USAGE, "is not a header" },
		{ "X Y: z", ERR_USAGE, "is not a header" },
		{ "X\xc3\xa4: z", ERR_USAGE, "is not a header" },
		{ "X: a\nBcc: b@c", ERR_USAGE, "the header X holds a line end" },
		{ "X: a\r\n b", ERR_USAGE, "the header X holds a line end" },
		{ "X: a\rb", ERR_USAGE, "the header X holds a line end" },
		{ "X: \x1b[1m", ERR_USAGE, "the header X holds a control character" },
		{ "bcc: b@c", ERR_USAGE, "the header Bcc cannot be given" },
		{ "Content-type: a/b", ERR_USAGE, "the header Content-Type cannot be given" },
		{ "MIME-Version: 1.0", ERR_USAGE, "the header MIME-Version cannot be given" },
		{ "subject: x", ERR_USAGE, "the header Subject is given twice" },
		{ "Sender: a@", ERR_ADDRESS, "in the Sender header: cannot parse the address" },
	};
	struct compose c = nothing();

	(void)state;
	c.subject = "s";
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *headers[] = { rows[i].header, NULL };

		c.headers = headers;
		check_fails(&c, rows[i].kind, rows[i].sentence);
	}
	c.headers = (const char *const[]){ "Date: x", "DATE: y", NULL };
	check_fails(&c, ERR_USAGE, "the header Date is given twice");
	c.headers = (const char *const[]){ "X-A: x", "X-A: y", NULL };
	check_has(&c, "X-A: x\nX-A: y\n");
	c.headers = NULL;
	c.subject = "a\nb";
	check_fails(&c, ERR_USAGE, "the header Subject holds a line end");
	c.subject = NULL;
	c.to = "Bob <a@b";
	check_fails(&c, ERR_ADDRESS, "in the To header");
}

/* A word of 997 octets fits a line, one of 998 does not. */
static void
bounds_the_words_of_headers(void **state)
{
	struct compose c = nothing();
	struct buf word = BUF_INIT(2000);

	(void)state;
	buf_addc(&word, '<');
	while (word.len < 996)
		buf_addc(&word, 'x');
	buf_addc(&word, '>');
	for (int i = 0; i < 2; i++) {
		struct buf text = BUF_INIT(3000);

		buf_addf(&text, "<a@b> %s", word.data);
		c.references = text.data;
		if (i == 0)
			check_has(&c, word.data);
		else
			check_fails(&c, ERR_MESSAGE, "the header References is too long");
		buf_release(&text);
		buf_splice(&word, 1, 0, "x", 1);
	}
	buf_release(&word);
}

static void
bounds_the_header(void **state)
{
	struct compose c = nothing();
	struct buf text = BUF_INIT(2 * MESSAGE_HEADER_MAX);

	(void)state;
	while (text.len < MESSAGE_HEADER_MAX)
		buf_adds(&text, " " X100);
	c.references = text.data;
	check_fails(&c, ERR_MESSAGE, "the header block is larger than 1048576 octets");
	buf_release(&text);
}

/* Attachments. */

static void
attaches_files(void **state)
{
	struct compose_part parts[] = {
		{ .name = "a.txt" },
		{ .name = "Gr\xc3\xbc\xc3\x9f"
			  "e.pdf" },
		{ .path = "/x/y\tz" },
		{ .name = "e" },
	};
	struct compose c = nothing();

	(void)state;
	fill_part(&parts[0], span_of("hello\n"));
	fill_part(&parts[1], span_of("%PDF-1.7\n"));
	fill_part(&parts[2], (struct span){ "\0\1\2", 3 });
	fill_part(&parts[3], span_of(""));
	c.text = span_of("text");
	c.parts = parts;
	c.part_count = COUNT(parts);
	check(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/mixed; boundary=\"=_B_0\"\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "\n"
	    "text\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: text/plain; charset=us-ascii; name=a.txt\n"
	    "Content-Disposition: attachment; filename=a.txt\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "aGVsbG8K\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: application/pdf; name=Gr__e.pdf\n"
	    "Content-Disposition: attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "JVBERi0xLjcK\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: application/octet-stream; name=y_z\n"
	    "Content-Disposition: attachment; filename=y_z\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "AAEC\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: application/octet-stream; name=e\n"
	    "Content-Disposition: attachment; filename=e\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "\n"
	    "--=_B_0--\n");
	compose_close(parts, COUNT(parts));
}

/* Nothing is said: the attachment alone. */
static void
attaches_without_text(void **state)
{
	struct compose_part part = { .name = "a" };
	struct compose c = nothing();

	(void)state;
	fill_part(&part, (struct span){ "\0", 1 });
	c.parts = &part;
	c.part_count = 1;
	check(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/mixed; boundary=\"=_B_0\"\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: application/octet-stream; name=a\n"
	    "Content-Disposition: attachment; filename=a\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "AA==\n"
	    "\n"
	    "--=_B_0--\n");
	compose_close(&part, 1);
}

static void
finds_types(void **state)
{
	static const struct {
		const char *name, *given;
		struct span content;
		const char *type;
	} rows[] = {
		{ "a.PNG", NULL, TEXT("x"), "image/png" },
		{ "a", NULL, TEXT("\x89PNG\r\n\x1a\n"), "image/png" },
		{ "a.unheard-of", NULL, TEXT("GIF89a\0"), "image/gif" },
		{ "README", NULL, TEXT("hello\n"), "text/plain; charset=us-ascii" },
		{ "README", NULL,
		    TEXT("Gr\xc3\xbc\xc3\x9f"
			 "e\n"),
		    "text/plain; charset=utf-8" },
		{ "README", NULL,
		    TEXT("Gr\xfc\xdf"
			 "e\n"),
		    "application/octet-stream" },
		{ "README", NULL, TEXT("a\x1b"), "application/octet-stream" },
		{ "a.txt", NULL,
		    TEXT("Gr\xfc\xdf"
			 "e\n"),
		    "text/plain; charset=unknown-8bit" },
		{ "a.txt", NULL,
		    TEXT("\xff\xfe"
			 "a\0"),
		    "text/plain; charset=utf-16" },
		{ "a.html", NULL,
		    TEXT("Gr\xfc\xdf"
			 "e\n"),
		    "text/html" },
		{ "a.html", NULL, TEXT("x"), "text/html; charset=us-ascii" },
		{ "a.csv", "text/csv; charset=x", TEXT("x"), "text/csv; charset=x" },
		{ "a.csv", "text/csv; header=present", TEXT("x"),
		    "text/csv; header=present; charset=us-ascii" },
		{ "a.txt", "image/x-foo", TEXT("x"), "image/x-foo" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose_part part = { .name = rows[i].name, .type = rows[i].given };
		struct compose c = nothing();
		struct buf wanted = BUF_INIT(1000);

		fill_part(&part, rows[i].content);
		c.parts = &part;
		c.part_count = 1;
		buf_addf(&wanted, "Content-Type: %s; name=%s\n", rows[i].type, rows[i].name);
		check_has(&c, wanted.data);
		buf_release(&wanted);
		compose_close(&part, 1);
	}
}

static void
refuses_types(void **state)
{
	static const char *const types[] = { "", "text", "multipart/mixed; boundary=x",
		"text/plain\r\nX: y", "a/b; c" };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct compose_part part = { .name = "a", .type = types[i] };
		struct compose c = nothing();

		fill_part(&part, span_of("x"));
		c.parts = &part;
		c.part_count = 1;
		check_fails(&c, ERR_USAGE, "cannot be the type of an attachment");
		compose_close(&part, 1);
	}
}

/* Messages go as they are, or as octets. */
static void
attaches_messages(void **state)
{
	static const struct {
		struct span content;
		const char *wanted;
	} rows[] = {
		{ TEXT("A: b\n\nhello\n"), "message/rfc822; name=a.eml\n" },
		{ TEXT("A: b\r\n c\r\n\r\nhello"), "Encoding: 7bit\n\nA: b\n c\n\nhello\n--" },
		{ TEXT("A: b\n"), "message/rfc822; name=a.eml\n" },
		{ TEXT("A: b\n\n\xc3\xa9\n"), "Encoding: 8bit\n\nA: b\n\n\xc3\xa9\n" },
		{ TEXT("A: b\n\n\xff\n"), "Encoding: 8bit\n\nA: b\n\n\xff\n" },
		{ TEXT("A: b\n\n\0"), "application/octet-stream; name=a.eml\n" },
		{ TEXT("A: b\n\nx\ry\n"), "application/octet-stream; name=a.eml\n" },
		{ TEXT("hello\n"), "application/octet-stream; name=a.eml\n" },
		{ TEXT("\nhello\n"), "application/octet-stream; name=a.eml\n" },
		{ TEXT(" A: b\n\n"), "application/octet-stream; name=a.eml\n" },
		{ TEXT("From me\nA: b\n\n"), "application/octet-stream; name=a.eml\n" },
		{ TEXT(""), "application/octet-stream; name=a.eml\n" },
	};
	struct buf longer = BUF_INIT(2000);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose_part part = { .name = "a.eml" };
		struct compose c = nothing();

		fill_part(&part, rows[i].content);
		c.parts = &part;
		c.part_count = 1;
		check_has(&c, rows[i].wanted);
		compose_close(&part, 1);
	}
	buf_adds(&longer, "A: b\n\n");
	while (longer.len < 6 + MESSAGE_LINE_MAX)
		buf_addc(&longer, 'x');
	for (int i = 0; i < 2; i++) {
		struct compose_part part = { .name = "a", .type = "message/rfc822" };
		struct compose c = nothing();

		fill_part(&part, (struct span){ longer.data, longer.len });
		c.parts = &part;
		c.part_count = 1;
		check_has(&c,
		    i == 0 ? "message/rfc822; name=a\n" : "application/octet-stream; name=a\n");
		compose_close(&part, 1);
		buf_addc(&longer, 'x');
	}
	buf_release(&longer);
}

/* A line end amid two blocks is one, wherever it is cut. */
static void
attaches_messages_of_any_size(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 9; shift++) {
		struct compose_part part = { .name = "a.eml" };
		struct compose c = nothing();
		struct buf content = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX),
			   out = BUF_INIT(SIZE_MAX);

		buf_addf(&content, "A: b\r\n\r\n%.*s", (int)shift, X10);
		buf_addf(&wanted, "A: b\n\n%.*s", (int)shift, X10);
		while (content.len < 2 * COMPOSE_BLOCK) {
			buf_adds(&content, "xxxxxxx\r\n");
			buf_adds(&wanted, "xxxxxxx\n");
		}
		buf_adds(&wanted, "\n--=_B_0--\n");
		fill_part(&part, (struct span){ content.data, content.len });
		c.parts = &part;
		c.part_count = 1;
		make(&c, &out);
		assert_non_null(strstr(out.data, wanted.data));
		compose_close(&part, 1);
		buf_release(&content);
		buf_release(&wanted);
		buf_release(&out);
	}
}

/* Within HTML, where the multipart says that it is 7bit. */
static void
attaches_messages_inline(void **state)
{
	static const struct {
		const char *content, *wanted;
	} rows[] = {
		{ "A: b\n\nx\n", "Content-Type: message/rfc822; name=a.eml\n" },
		{ "A: b\n\n\xc3\xa9\n", "Content-Type: application/octet-stream; name=a.eml\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose_part part = { .role = PART_INLINE, .name = "a.eml" };
		struct compose c = nothing();

		fill_part(&part, span_of(rows[i].content));
		c.html = span_of("x");
		c.parts = &part;
		c.part_count = 1;
		check_has(&c, rows[i].wanted);
		compose_close(&part, 1);
	}
}

/*
 * Files around the block that is read at a time come back octet for octet, from a file and from a
 * pipe.
 */
static void *
feed(void *argument)
{
	int *fds = argument;
	char block[1000];
	ssize_t n;

	lseek(fds[0], 0, SEEK_SET);
	while ((n = read(fds[0], block, sizeof(block))) > 0)
		if (write(fds[1], block, (size_t)n) != n)
			break;
	close(fds[1]);
	return NULL;
}

static void
check_content(struct compose_part *part, const struct buf *content)
{
	struct compose c = nothing();
	struct buf out = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX),
		   lines = BUF_INIT(SIZE_MAX);
	struct span rest;

	c.parts = part;
	c.part_count = 1;
	make(&c, &out);
	base64_add_lines(&lines, (struct span){ content->data, content->len });
	buf_adds(&wanted, "Content-Transfer-Encoding: base64\n\n");
	for (rest = (struct span){ lines.data, lines.len }; rest.len > 0;) {
		struct span line = span_cut(&rest, '\n');

		buf_add(&wanted, line.data, line.len - 1);
		buf_addc(&wanted, '\n');
	}
	buf_adds(&wanted, "\n--=_B_0--\n");
	assert_non_null(strstr(out.data, wanted.data));
	buf_release(&out);
	buf_release(&wanted);
	buf_release(&lines);
}

static void
attaches_files_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, COMPOSE_BLOCK - 1, COMPOSE_BLOCK, COMPOSE_BLOCK + 1,
		3 * COMPOSE_BLOCK + 57 };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		struct compose_part file = { .name = i % 2 == 0 ? "a" : "a.bin" }, pipe_part = file;
		struct buf content = BUF_INIT(SIZE_MAX);
		int pipe_fds[2], fds[2];
		pthread_t thread;

		/* Text is looked at as a whole before it goes. */
		while (content.len < sizes[i / 2])
			buf_addc(&content, i % 2 == 0 ? 'x' : (char)content.len);
		fill_part(&file, (struct span){ content.data, content.len });
		check_content(&file, &content);
		assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
		pipe_part.path = "pipe";
		pipe_part.fd = pipe_fds[0];
		fds[0] = file.fd;
		fds[1] = pipe_fds[1];
		assert_int_equal(pthread_create(&thread, NULL, feed, fds), 0);
		check_content(&pipe_part, &content);
		pthread_join(thread, NULL);
		compose_close(&file, 1);
		compose_close(&pipe_part, 1);
		buf_release(&content);
	}
}

/*
 * A file whose size is not what it was when it was looked at first; one that grows without end is
 * not read to it.
 */
static void
sees_that_a_file_changed(void **state)
{
	static const off_t sizes[][2] = {
		{ 10, 9 },
		{ 10, 11 },
		{ COMPOSE_BLOCK, 1 },
		{ COMPOSE_BLOCK, COMPOSE_BLOCK + 1 },
		{ 10, (off_t)1 << 50 },
	};
	struct message m;

	(void)state;
	message_init(&m);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct composer w = { .place = &place, .message = &m, .err = &err };
		struct compose_part part = { .name = "a" };
		struct source source;
		int rc;

		fill_part(&part, span_of("x"));
		assert_int_equal(ftruncate(part.fd, sizes[i][0]), 0);
		assert_int_equal(source_init(&source, &w, &part), 0);
		assert_int_equal(ftruncate(part.fd, sizes[i][1]), 0);
		do
			rc = source_read(&source);
		while (rc == 0 && source.block.len > 0);
		assert_int_equal(rc, -1);
		assert_int_equal(err.kind, ERR_NO_INPUT);
		assert_string_equal(err.what.data,
		    "cannot attach some/file: its size changed while it was read");
		source_release(&source);
		compose_close(&part, 1);
	}
	message_release(&m);
}

/* Opening. */

static void
open_fails(const char *path, const char *sentence)
{
	struct compose_part parts[] = { { .path = "/proc/self/status" }, { .path = path } };

	assert_int_equal(compose_open(parts, 2, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_string_equal(err.what.data, sentence);
	assert_int_equal(parts[0].fd, -1);
	assert_int_equal(parts[1].fd, -1);
}

static void
opens_what_can_be_attached(void **state)
{
	(void)state;
	open_fails("/nonexistent\x1b",
	    "cannot attach /nonexistent\\x1B: No such file or directory");
	open_fails("/", "cannot attach /: it is a directory");
	open_fails("/dev/null", "cannot attach /dev/null: it is a device");
}

/* The files of /proc say that they are empty. */
static void
attaches_files_of_unknown_size(void **state)
{
	struct compose_part part = { .path = "/proc/self/status", .name = "a.txt" };
	struct compose c = nothing();

	(void)state;
	assert_int_equal(compose_open(&part, 1, &err), 0);
	c.parts = &part;
	c.part_count = 1;
	/* "Name:\t" */
	check_has(&c, "\n\nTmFtZToJ");
	compose_close(&part, 1);
	assert_int_equal(part.fd, -1);
}

static void *
write_late(void *argument)
{
	int fd;

	usleep(50000);
	fd = open(argument, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "hello", 5) != 5)
		abort();
	close(fd);
	return NULL;
}

/* Opening does not wait for the writer, reading does. */
static void
waits_for_a_fifo(void **state)
{
	struct buf path = BUF_INIT(200);
	struct compose_part part = { .name = "a.bin" };
	struct compose c = nothing();
	pthread_t thread;

	(void)state;
	buf_addf(&path, "%s/fifo", folder);
	part.path = path.data;
	assert_int_equal(mkfifo(path.data, 0600), 0);
	assert_int_equal(compose_open(&part, 1, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_late, path.data), 0);
	c.parts = &part;
	c.part_count = 1;
	check_has(&c, "\n\naGVsbG8=\n");
	pthread_join(thread, NULL);
	compose_close(&part, 1);
	unlink(path.data);
	buf_release(&path);
}

/* HTML. */

static void
writes_html(void **state)
{
	struct compose_part parts[] = {
		{ .role = PART_INLINE, .name = "l\xc3\xb6go 1.png" },
		{ .role = PART_INLINE, .name = "b.png", .content_id = "b@x" },
		{ .role = PART_ATTACHED, .name = "c.bin" },
	};
	struct compose c = nothing();

	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++)
		fill_part(&parts[i], span_of("x"));
	c.text = span_of("t");
	c.html = span_of("<p>\xc3\xa9\n");
	c.parts = parts;
	c.part_count = COUNT(parts);
	check(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/mixed; boundary=\"=_B_0\"\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: multipart/alternative; boundary=\"=_B_1\"\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "\n"
	    "--=_B_1\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "\n"
	    "t\n"
	    "\n"
	    "--=_B_1\n"
	    "Content-Type: multipart/related; type=\"text/html\";\n boundary=\"=_B_2\"\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "\n"
	    "--=_B_2\n"
	    "Content-Type: text/html; charset=utf-8\n"
	    "Content-Transfer-Encoding: 8bit\n"
	    "\n"
	    "<p>\xc3\xa9\n"
	    "\n"
	    "--=_B_2\n"
	    "Content-Type: image/png; name=\"l_go 1.png\"\n"
	    "Content-Disposition: inline; filename*=UTF-8''l%C3%B6go%201.png\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-ID: <l__go_1.png>\n"
	    "\n"
	    "eA==\n"
	    "\n"
	    "--=_B_2\n"
	    "Content-Type: image/png; name=b.png\n"
	    "Content-Disposition: inline; filename=b.png\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-ID: <b@x>\n"
	    "\n"
	    "eA==\n"
	    "\n"
	    "--=_B_2--\n"
	    "--=_B_1--\n"
	    "--=_B_0\n"
	    "Content-Type: application/octet-stream; name=c.bin\n"
	    "Content-Disposition: attachment; filename=c.bin\n"
	    "Content-Transfer-Encoding: base64\n"
	    "\n"
	    "eA==\n"
	    "\n"
	    "--=_B_0--\n");
	compose_close(parts, COUNT(parts));
}

static void
makes_text_of_html(void **state)
{
	struct compose c = nothing();

	(void)state;
	c.html = span_of("<p>hello");
	check(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/alternative; boundary=\"=_B_0\"\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "\n"
	    "hello\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: text/html; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "\n"
	    "<p>hello\n"
	    "\n"
	    "--=_B_0--\n");
}

/* HTML whose text is blank goes without one, alone or with what it shows. */
static void
makes_no_blank_text(void **state)
{
	struct compose_part part = { .role = PART_INLINE, .name = "a" };
	struct compose c = nothing();

	(void)state;
	c.html = span_of("<body>&nbsp;<img src='cid:a'><p hidden>not seen</body>\n");
	check(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/html; charset=us-ascii\n"
	    "Content-Transfer-Encoding: 7bit\n"
	    "\n"
	    "<body>&nbsp;<img src='cid:a'><p hidden>not seen</body>\n");
	fill_part(&part, span_of("x"));
	c.parts = &part;
	c.part_count = 1;
	check_has(&c,
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/related; type=\"text/html\";\n boundary=\"=_B_0\"\n"
	    "\n"
	    "--=_B_0\n"
	    "Content-Type: text/html; charset=us-ascii\n");
	compose_close(&part, 1);
	/* One that somebody gave is his. */
	c = nothing();
	c.html = span_of("<img>");
	c.text = span_of("");
	check_has(&c, "text/plain");
}

/* What HTML says of itself. */
static void
heeds_the_charset_of_html(void **state)
{
	static const struct {
		const char *charset;
		struct span html;
		const char *wanted;
	} rows[] = {
		{ NULL, TEXT("<meta charset=iso-8859-2>\xe8"), "<meta charset=utf-8>\xc4\x8d\n" },
		{ NULL,
		    TEXT(
			"<meta http-equiv=content-type content='text/html; charset=koi8-r'>\xf0\xd2"),
		    "content='text/html; charset=utf-8'>\xd0\x9f\xd1\x80\n" },
		{ NULL, TEXT("<meta charset=Shift_JIS>\x93\xfa\x96\x7b"),
		    ">\xe6\x97\xa5\xe6\x9c\xac\n" },
		/* ASCII octets that are none. */
		{ NULL, TEXT("<meta charset=ISO-2022-JP>\x1b$BF|K\\\x1b(B"),
		    ">\xe6\x97\xa5\xe6\x9c\xac\n" },
		{ NULL, TEXT("<meta charset=UTF-7>+AGE-"),
		    "us-ascii\nContent-Transfer-Encoding: 7bit\n\n<meta charset=utf-8>+AGE-\n" },
		/* As browsers read it. */
		{ NULL, TEXT("<meta charset=iso-8859-1>\x93\xfc"), ">\xe2\x80\x9c\xc3\xbc\n" },
		/* It is UTF-8, whatever it says, and where it is damaged. */
		{ NULL, TEXT("<meta charset=iso-8859-2>\xc3\xbc"), "=utf-8>\xc3\xbc\n" },
		{ NULL, TEXT("<meta charset=iso-8859-2>\xc3\xbc\xc3\xbc\xfc"),
		    ">\xc3\xbc\xc3\xbc\xef\xbf\xbd\n" },
		/* It is not what it says, or nobody knows that. */
		{ NULL, TEXT("<meta charset=utf-8>\xfc"), ">\xc3\xbc\n" },
		{ NULL, TEXT("<meta charset=utf-16>\xfc"), ">\xc3\xbc\n" },
		{ NULL, TEXT("<meta charset=nonsense>\xfc"), ">\xc3\xbc\n" },
		{ NULL, TEXT("<meta charset=euc-jp>\xfc\n\x80"), ">\xc3\xbc\n\xe2\x82\xac\n" },
		{ NULL, TEXT("<meta charset=windows-1251>\x98\x81"),
		    ">\xef\xbf\xbd\xef\xbf\xbd\n" },
		{ NULL, TEXT("\xff\xfe<\0m\0e\0t\0a\0 \0c\0h\0a\0r\0s\0e\0t\0=\0x\0>\0\xfc\0"),
		    "\n\n<meta charset=utf-8>\xc3\xbc\n" },
		/* As it stands there, where it is true. */
		{ NULL, TEXT("<meta charset=UTF-8>\xc3\xbc"), "<meta charset=UTF-8>\xc3\xbc\n" },
		{ NULL, TEXT("<p>\xc3\xbc<meta charset=>"), "<p>\xc3\xbc<meta charset=>\n" },
		{ NULL, TEXT("\xff\xfe<meta charset=koi8-r>\xf0"),
		    "charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xe6\xb4\xbc" },
		/* Somebody knows better. */
		{ "ISO-8859-1", TEXT("<meta charset=iso-8859-2>\xe8"),
		    "<meta charset=utf-8>\xc3\xa8\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compose c = nothing();

		c.charset = rows[i].charset;
		c.html = rows[i].html;
		check_has(&c, rows[i].wanted);
	}
	/* Text is no HTML. */
	check_has(&(struct compose){ .text_fd = -1,
		      .html_fd = -1,
		      .text = span_of("<meta charset=iso-8859-2>\xe8") },
	    ">\xc3\xa8\n");
}

static void
refuses_content_ids(void **state)
{
	static const char *const ids[] = { "", "a b", "<a>", "a\n", "\xc3\xa9", "a\"b" };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct compose_part part = {
			.role = PART_INLINE, .name = "a", .content_id = ids[i]
		};
		struct compose c = nothing();

		fill_part(&part, span_of("x"));
		c.parts = &part;
		c.part_count = 1;
		check_fails(&c, ERR_USAGE, "a content id cannot have");
		compose_close(&part, 1);
	}
}

/*
 * Two parts of one name: the second gets an id of its own; two given ones are the caller's error.
 */
static void
keeps_content_ids_apart(void **state)
{
	struct compose_part parts[] = {
		{ .role = PART_INLINE, .name = "a" },
		{ .role = PART_INLINE, .name = "a" },
	};
	struct compose c = nothing();

	(void)state;
	fill_part(&parts[0], span_of("x"));
	fill_part(&parts[1], span_of("y"));
	c.parts = parts;
	c.part_count = 2;
	check_has(&c, "Content-ID: <a@");
	check_has(&c, "Content-ID: <a>\n");
	parts[0].content_id = parts[1].content_id = "x";
	check_fails(&c, ERR_USAGE, "the content id x is given twice");
	compose_close(parts, 2);
}

/* Images of the HTML. */

static void
write_file(const char *name, const char *content)
{
	struct buf path = BUF_INIT(300);
	int fd;

	buf_addf(&path, "%s/%s", folder, name);
	fd = open(path.data, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
	buf_release(&path);
}

static void
remove_file(const char *name)
{
	struct buf path = BUF_INIT(300);

	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(remove(path.data), 0);
	buf_release(&path);
}

static void
make_folder(const char *name)
{
	struct buf path = BUF_INIT(300);

	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(mkdir(path.data, 0700), 0);
	buf_release(&path);
}

static void
make_link(const char *to, const char *name)
{
	struct buf path = BUF_INIT(300);

	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(symlink(to, path.data), 0);
	buf_release(&path);
}

/* How often text occurs in the message made of this HTML. */
static size_t
count_in(const char *html, const char *text)
{
	struct compose c = nothing();
	struct buf out = BUF_INIT(SIZE_MAX);
	size_t count = 0;

	c.html = span_of(html);
	c.html_dir = folder;
	make(&c, &out);
	for (const char *p = out.data; (p = strstr(p, text)) != NULL; p++)
		count++;
	buf_release(&out);
	return count;
}

static void
takes_images_along(void **state)
{
	static const char *const others[] = {
		"http://x/a.png",
		"//x/a.png",
		"/etc/passwd",
		"cid:a.png",
		"data:image/png;base64,xx",
		"#a",
		"",
		"../a.png",
		"sub/../../a.png",
		"sub/../a.png",
		"..",
		".",
		"sub",
		"sub/",
		"link.png",
		"linked/b.png",
		"outside/passwd",
		"%2e%2e/a.png",
		"%2Fetc/passwd",
		"a%00.png",
	};
	struct compose c = nothing();

	(void)state;
	write_file("a.png", "a");
	write_file("a b.png", "b");
	make_folder("sub");
	write_file("sub/b.png", "b");
	make_link("a.png", "link.png");
	make_link("sub", "linked");
	make_link("/etc", "outside");
	assert_int_equal(count_in("<img src=\"a.png\">", "<img src=\"cid:"), 1);
	assert_int_equal(count_in("<img src=\"a.png\"> <img src=\"a.png\">", "<img src=\"cid:"), 2);
	assert_int_equal(count_in("<img src=\"a.png\"> <img src=\"a.png\">", "filename=a.png"), 1);
	assert_int_equal(count_in("<img src=\"a.png\"> <img src=\"./sub//b.png\">",
			     "Content-ID: <"),
	    2);
	assert_int_equal(count_in("<img src=\"a%20b.png?x#y\">", "filename=\"a b.png\""), 1);
	/* White space with which it was wrapped. */
	assert_int_equal(count_in("<img src=\"sub/\r\n\tb.\npng\">", "filename=b.png"), 1);
	for (size_t i = 0; i < COUNT(others); i++) {
		struct buf html = BUF_INIT(200);

		buf_addf(&html, "<img src=\"%s\">", others[i]);
		assert_int_equal(count_in(html.data, html.data), 1);
		assert_int_equal(count_in(html.data, "Content-ID"), 0);
		buf_release(&html);
	}
	c.html = span_of("<img src=\"missing.png\">");
	c.html_dir = folder;
	check_fails(&c, ERR_NO_INPUT,
	    "cannot take along missing.png, which the HTML shows: No such file or directory");
	remove_file("a.png");
	remove_file("a b.png");
	remove_file("sub/b.png");
	remove_file("sub");
	remove_file("link.png");
	remove_file("linked");
	remove_file("outside");
}

/* A message as it is. */

static void
read_base(struct message *base, const char *text)
{
	struct compose_part file = { .path = "x" };
	struct message_input input = { .place = place };

	message_init(base);
	fill_part(&file, span_of(text));
	lseek(file.fd, 0, SEEK_SET);
	input.fd = file.fd;
	assert_int_equal(message_read(base, &input, &err), 0);
	close(file.fd);
}

static void
check_base(const char *text, struct compose c, const char *content, const char *wanted)
{
	struct compose_part part = { .name = "a.bin" };
	struct message base;

	if (content != NULL && strncmp(content, "A:", 2) == 0)
		part.name = "a.eml";
	read_base(&base, text);
	c.base = &base;
	if (content != NULL) {
		fill_part(&part, span_of(content));
		c.parts = &part;
		c.part_count = 1;
	}
	check(&c, wanted);
	if (content != NULL)
		compose_close(&part, 1);
	message_release(&base);
}

#define PART(boundary) \
	"--" boundary "\n" \
	"Content-Type: application/octet-stream; name=a.bin\n" \
	"Content-Disposition: attachment; filename=a.bin\n" \
	"Content-Transfer-Encoding: base64\n" \
	"\n" \
	"eA==\n" \
	"\n"
#define ENDS "\n" PART("=_B_0") "--=_B_0--\n"
#define MIXED "Content-Type: multipart/mixed; boundary=\"=_B_0\"\n"

static void
wraps_a_base(void **state)
{
	static const struct {
		const char *base, *wanted;
	} rows[] = {
		{ "From: a@b\n\nhello\n",
		    "From: a@b\nMIME-Version: 1.0\n" MIXED "\n--=_B_0\n\nhello\n" ENDS },
		{ "A: b\n\n", "A: b\nMIME-Version: 1.0\n" MIXED "\n--=_B_0\n\n" ENDS },
		{ "A: b\nContent-type: text/html;\n charset=x\nC: d\ncontent-description: e\nMIME-version: 1.0\n"
		  "Content-Length: 5\n\nx\n",
		    "A: b\nC: d\nMIME-version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-type: text/html;\n charset=x\ncontent-description: e\n\nx\n" ENDS },
		/* What nobody declared. */
		{ "A: b\n\n\xc3\xa9\n",
		    "A: b\nMIME-Version: 1.0\n" MIXED "Content-Transfer-Encoding: 8bit\n\n--=_B_0\n"
		    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa9\n" ENDS },
		{ "A: b\n\n\xff\n",
		    "A: b\nMIME-Version: 1.0\n" MIXED "Content-Transfer-Encoding: 8bit\n\n--=_B_0\n"
		    "Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: 8bit\n\n\xff\n" ENDS },
		{ "Content-Transfer-Encoding: binary\n\nx\n",
		    "MIME-Version: 1.0\n" MIXED "Content-Transfer-Encoding: binary\n\n--=_B_0\n"
		    "Content-Transfer-Encoding: binary\n\nx\n" ENDS },
		/* Signed, and what is no multipart that ends as one should. */
		{ "Content-Type: multipart/signed; boundary=s\n\n--s\n\nx\n--s--\n",
		    "MIME-Version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-Type: multipart/signed; boundary=s\n\n--s\n\nx\n--s--\n" ENDS },
		{ "Content-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n",
		    "MIME-Version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n" ENDS },
		{ "Content-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n--s--t\n",
		    "MIME-Version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n--s--t\n" ENDS },
		{ "Content-Type: multipart/mixed\n\nx\n",
		    "MIME-Version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-Type: multipart/mixed\n\nx\n" ENDS },
		{ "Content-Type: multipart/mixed; boundary=s\nContent-Transfer-Encoding: base64\n\n--s\n\n--s--\n",
		    "MIME-Version: 1.0\n" MIXED
		    "\n--=_B_0\nContent-Type: multipart/mixed; boundary=s\n"
		    "Content-Transfer-Encoding: base64\n\n--s\n\n--s--\n" ENDS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_base(rows[i].base, nothing(), "x", rows[i].wanted);
}

static void
adds_to_a_base(void **state)
{
	static const char
	    head[] = "A: b\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"b c\"\n";
	static const struct {
		const char *more, *body, *encoding, *wanted;
	} rows[] = {
		{ "", "--b c\n\nx\n--b c--\n", "", "--b c\n\nx\n" PART("b c") "--b c--\n" },
		{ "", "pre\n--b c\n\nx\n--b c--  \nepilogue\n--b c--\n", "",
		    "pre\n--b c\n\nx\n" PART("b c") "--b c--  \nepilogue\n--b c--\n" },
		{ "", "--b c--\n", "", PART("b c") "--b c--\n" },
		{ "", "--b c\n\nx --b c--\n--b c--x\n--b c--\n", "",
		    "--b c\n\nx --b c--\n--b c--x\n" PART("b c") "--b c--\n" },
		{ "Content-Transfer-Encoding: 8bit\n", "--b c\n\n\xc3\xa9\n--b c--\n",
		    "Content-Transfer-Encoding: 8bit\n",
		    "--b c\n\n\xc3\xa9\n" PART("b c") "--b c--\n" },
		{ "Content-Transfer-Encoding: 7bit\n", "--b c\n\nx\n--b c--\n", "",
		    "--b c\n\nx\n" PART("b c") "--b c--\n" },
		{ "Content-Transfer-Encoding: binary\n", "--b c\n\nx\n--b c--\n",
		    "Content-Transfer-Encoding: binary\n", "--b c\n\nx\n" PART("b c") "--b c--\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf base = BUF_INIT(1000), wanted = BUF_INIT(2000);

		buf_addf(&base, "%s%s\n%s", head, rows[i].more, rows[i].body);
		buf_addf(&wanted, "%s%s\n%s", head, rows[i].encoding, rows[i].wanted);
		check_base(base.data, nothing(), "x", wanted.data);
		buf_release(&base);
		buf_release(&wanted);
	}
}

/* A message that is attached must not end the multipart that it is attached to. */
static void
keeps_the_boundary_of_a_base(void **state)
{
	(void)state;
	check_base("Content-Type: multipart/mixed; boundary=s\nMIME-Version: 1.0\n\n--s--\n",
	    nothing(), "A: b\n\n--s\n",
	    "Content-Type: multipart/mixed; boundary=s\nMIME-Version: 1.0\n\n--s\n"
	    "Content-Type: application/octet-stream; name=a.eml\nContent-Disposition: attachment; filename=a.eml\n"
	    "Content-Transfer-Encoding: base64\n\nQTogYgoKLS1zCg==\n\n--s--\n");
	check_base("Content-Type: multipart/mixed; boundary=s\nMIME-Version: 1.0\n\n--s--\n",
	    nothing(), "A: b\n\n--t\n",
	    "Content-Type: multipart/mixed; boundary=s\nMIME-Version: 1.0\n\n--s\n"
	    "Content-Type: message/rfc822; name=a.eml\nContent-Disposition: attachment; filename=a.eml\n"
	    "Content-Transfer-Encoding: 7bit\n\nA: b\n\n--t\n\n--s--\n");
}

static void
replaces_headers_of_a_base(void **state)
{
	struct compose c = nothing();

	(void)state;
	c.subject = "new";
	c.headers = (const char *const[]){ "TO: c@d", "X-A: 2", NULL };
	check_base("Subject: old\nTo: a@b\nX-A: 1\n\nx\n", c, NULL,
	    "X-A: 1\nSubject: new\nTO: c@d\nX-A: 2\n\nx\n");
	check_base("A: b\nContent-Type: text/html\n\n\xc3\xa9\n", nothing(), NULL,
	    "A: b\nContent-Type: text/html\n\n\xc3\xa9\n");
}

/* More than fits in memory, with the closing delimiter at every place around a chunk's end. */
static void
adds_to_a_large_base(void **state)
{
	(void)state;
	for (size_t len = 65536 - 12; len < 65536 + 4; len++) {
		struct buf base = BUF_INIT(SIZE_MAX), wanted = BUF_INIT(SIZE_MAX);

		buf_adds(&base,
		    "Content-Type: multipart/mixed; boundary=s\nMIME-Version: 1.0\n\n--s\n\n");
		buf_adds(&wanted, base.data);
		for (size_t i = 0; i < len; i++) {
			buf_addc(&base, i % 60 == 59 ? '\n' : 'x');
			buf_addc(&wanted, i % 60 == 59 ? '\n' : 'x');
		}
		buf_adds(&base, "\n--s--\n");
		buf_adds(&wanted, "\n" PART("s") "--s--\n");
		check_base(base.data, nothing(), "x", wanted.data);
		buf_release(&base);
		buf_release(&wanted);
	}
}

/*
 * What is made of a seed is the same each time; and it may occur in what is said, though nothing
 * else does.
 */
static void
makes_names_of_a_seed(void **state)
{
	struct compose_part parts[] = {
		{ .role = PART_INLINE, .name = "a" },
		{ .role = PART_INLINE, .name = "a" },
		{ .name = "a.eml" },
	};
	struct compose c = nothing();
	struct message base;

	(void)state;
	fill_part(&parts[0], span_of("x"));
	fill_part(&parts[1], span_of("y"));
	fill_part(&parts[2], span_of("A: b\n\n=_seed0_0\n"));
	c.seed = "seed";
	c.parts = parts;
	c.part_count = 2;
	check_has(&c, "boundary=\"=_seed0_0\"\n");
	check_has(&c, "Content-ID: <a@seed1>\n");
	c.text = span_of("x=_seed0_0\n");
	check_fails(&c, ERR_TEMPORARY,
	    "the boundary between the parts of the message occurs within one of them");
	c.part_count = 0;
	check_has(&c, "\n\nx=_seed0_0\n");
	c.text = span_of("x");
	c.parts = &parts[2];
	c.part_count = 1;
	check_fails(&c, ERR_TEMPORARY, "the boundary between the parts");
	read_base(&base, "A: b\n\n--=_seed0_0\n");
	c.base = &base;
	c.parts = parts;
	check_fails(&c, ERR_TEMPORARY, "the boundary between the parts");
	message_release(&base);
	compose_close(parts, 3);
}

/* Memory stays the same: nothing but the spool's file grows. */
static void
spools_what_is_large(void **state)
{
	struct compose_part part = { .name = "a.bin" };
	struct compose c = nothing();
	struct message m;

	(void)state;
	fill_part(&part, span_of("x"));
	assert_int_equal(ftruncate(part.fd, 20 * 1024 * 1024), 0);
	c.parts = &part;
	c.part_count = 1;
	message_init(&m);
	assert_int_equal(compose_message(&c, &place, &m, &err), 0);
	assert_true(m.body.fd >= 0);
	assert_true(m.body.size > base64_lines_length(20 * 1024 * 1024));
	assert_int_equal(m.body_line_max, 76);
	message_release(&m);
	compose_close(&part, 1);
}

static void
says_where_there_is_no_room(void **state)
{
	const struct spool_place nowhere = { .dir = "/nonexistent" };
	struct compose_part part = { .name = "a.bin" };
	struct compose c = nothing();
	struct message m;

	(void)state;
	fill_part(&part, span_of("x"));
	assert_int_equal(ftruncate(part.fd, 1024 * 1024), 0);
	c.parts = &part;
	c.part_count = 1;
	message_init(&m);
	assert_int_equal(compose_message(&c, &nowhere, &m, &err), -1);
	assert_int_equal(err.kind, ERR_CANT_CREATE);
	message_release(&m);
	compose_close(&part, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_text),
		cmocka_unit_test(encodes_what_cannot_go_as_it_is),
		cmocka_unit_test(converts_text),
		cmocka_unit_test(reads_text_from_a_descriptor),
		cmocka_unit_test(cuts_text_anywhere),
		cmocka_unit_test(encodes_long_text),
		cmocka_unit_test(encodes_long_text_in_base64),
		cmocka_unit_test(converts_long_utf16),
		cmocka_unit_test(guesses_what_text_is_in),
		cmocka_unit_test(hands_text_over),
		cmocka_unit_test(bounds_what_is_read_as_a_whole),
		cmocka_unit_test(reads_text_from_a_terminal),
		cmocka_unit_test(writes_headers),
		cmocka_unit_test(refuses_headers),
		cmocka_unit_test(bounds_the_words_of_headers),
		cmocka_unit_test(bounds_the_header),
		cmocka_unit_test(attaches_files),
		cmocka_unit_test(attaches_without_text),
		cmocka_unit_test(finds_types),
		cmocka_unit_test(refuses_types),
		cmocka_unit_test(attaches_messages),
		cmocka_unit_test(attaches_messages_of_any_size),
		cmocka_unit_test(attaches_messages_inline),
		cmocka_unit_test(attaches_files_of_any_size),
		cmocka_unit_test(sees_that_a_file_changed),
		cmocka_unit_test(opens_what_can_be_attached),
		cmocka_unit_test(attaches_files_of_unknown_size),
		cmocka_unit_test(waits_for_a_fifo),
		cmocka_unit_test(writes_html),
		cmocka_unit_test(makes_text_of_html),
		cmocka_unit_test(makes_no_blank_text),
		cmocka_unit_test(heeds_the_charset_of_html),
		cmocka_unit_test(refuses_content_ids),
		cmocka_unit_test(keeps_content_ids_apart),
		cmocka_unit_test(takes_images_along),
		cmocka_unit_test(wraps_a_base),
		cmocka_unit_test(adds_to_a_base),
		cmocka_unit_test(keeps_the_boundary_of_a_base),
		cmocka_unit_test(replaces_headers_of_a_base),
		cmocka_unit_test(adds_to_a_large_base),
		cmocka_unit_test(makes_names_of_a_seed),
		cmocka_unit_test(spools_what_is_large),
		cmocka_unit_test(says_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
