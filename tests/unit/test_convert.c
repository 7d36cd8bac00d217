/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "format/reencode.h"
#include "message/convert.h"
#include "message/mime.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define E "\xc3\xa9"
#define E10 E E E E E E E E E E
#define E100 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10
#define MIXED "Content-Type: multipart/mixed; boundary=b\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\n"
#define QP "Content-Transfer-Encoding: quoted-printable\n"
#define BASE64 "Content-Transfer-Encoding: base64\n"

enum { OUT_MAX = 16 * MESSAGE_HEADER_MAX };

#define ROW(what, eightbit, input, expected, reason) \
	{ \
		what, eightbit, { input, sizeof(input) - 1 }, expected, reason \
	}

/* Lines end in LF here. */
static const struct row {
	const char *what;
	bool eightbit;
	struct span input;
	const char *expected; /* NULL: refused … */
	const char *reason;   /* … with a sentence that holds this */
} rows[] = {
	ROW("text: the shorter of two", false,
	    TEXT "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\nplain text " E "\n",
	    TEXT "MIME-Version: 1.0\n" QP "\nplain text =C3=A9\n", NULL),
	ROW("text: the shorter of two", false,
	    TEXT "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n" E E E "\n",
	    TEXT "MIME-Version: 1.0\n" BASE64 "\nw6nDqcOpDQo=\n", NULL),
	ROW("no text", false,
	    "MIME-Version: 1.0\nContent-Type: a/b\nX: y\n\nplain text of no text " E "\n",
	    "MIME-Version: 1.0\nContent-Type: a/b\nX: y\n" BASE64
	    "\ncGxhaW4gdGV4dCBvZiBubyB0ZXh0IMOpDQo=\n",
	    NULL),
	ROW("MIME-Version is added", false, TEXT "\nplain text " E "\n",
	    TEXT "MIME-Version: 1.0\n" QP "\nplain text =C3=A9\n", NULL),
	ROW("all is added", false, "A: b\n\nplain text " E "\n",
	    "A: b\nMIME-Version: 1.0\n" TEXT QP "\nplain text =C3=A9\n", NULL),
	ROW("all is added: no UTF-8", false, "A: b\n\nplain text \xe9\n",
	    "A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n" QP
	    "\nplain text =E9\n",
	    NULL),
	ROW("all is added: ASCII", true, "A: b\n\nNUL\0\n",
	    "A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n" QP "\nNUL=00\n",
	    NULL),
	ROW("what is empty gives way", false, "Content-Type: \nA: b\n\nplain text " E "\n",
	    "A: b\nMIME-Version: 1.0\n" TEXT QP "\nplain text =C3=A9\n", NULL),
	ROW("NUL, with 8BITMIME", true, TEXT "MIME-Version: 1.0\n\nplain \0text\n",
	    TEXT "MIME-Version: 1.0\n" QP "\nplain =00text\n", NULL),
	ROW("a long line, with 8BITMIME", true, TEXT "MIME-Version: 1.0\n\n" X1000 "\n",
	    TEXT "MIME-Version: 1.0\n" QP "\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n" X10 X10 X10 X10 X10 X10 X10
		 "xxxxx=\n" X10 X10 "xxxxx\n",
	    NULL),
	ROW("with 8BITMIME, only what needs it", true,
	    "Subject: " E "\n" MIXED "\n" E "\n--b\n\n" E "\n--b\nContent-Type: a/b\n\n\0\n"
	    "--b--\n",
	    "Subject: " E "\n" MIXED "\n" E "\n--b\n\n" E "\n--b\nContent-Type: a/b\n" BASE64
	    "\nAA==\n--b--\n",
	    NULL),
	ROW("parts, each for itself", false,
	    MIXED "Content-Transfer-Encoding: 8bit\n\npre" E "\n--b\n" TEXT "\nplain text " E
		  "\n--b \nContent-Type: a/b\n\nabc\n--b\n\nplain text " E "\n\n--b--\nepi" E "\n",
	    MIXED "Content-Transfer-Encoding: 7bit\nMIME-Version: 1.0\n\npre??\n--b\n" TEXT QP
		  "\nplain text =C3=A9\n--b \n"
		  "Content-Type: a/b\n\nabc\n"
		  "--b\n" TEXT QP "\nplain text =C3=A9\n\n--b--\nepi??\n",
	    NULL),
	ROW("binary multiparts", true,
	    MIXED "Content-Transfer-Encoding: binary\n\n--b\n\nplain text \0\n--b--\n",
	    MIXED "Content-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n\n--b\n" QP
		  "\nplain text =00\n--b--\n",
	    NULL),
	ROW("no closing delimiter", false, MIXED "\n--b\n\nplain text " E "\n",
	    MIXED "\n--b\n" TEXT QP "\nplain text =C3=A9\n", NULL),
	ROW("the outer delimiter closes the inner one", false,
	    MIXED "\n--b\nContent-Type: multipart/mixed; boundary=\"c d\"\n\n"
		  "--c d\n\nplain text " E "\n--b\n\nb\n--b--\n",
	    MIXED "\n--b\nContent-Type: multipart/mixed; boundary=\"c d\"\n\n"
		  "--c d\n" TEXT QP "\nplain text =C3=A9\n--b\n\nb\n--b--\n",
	    NULL),
	ROW("behind its end a multipart has no parts", false,
	    MIXED "\n--b\n\na\n--b--\n--b\n\n" E "\n", MIXED "\n--b\n\na\n--b--\n--b\n\n??\n",
	    NULL),
	ROW("a longer line is no delimiter", false,
	    MIXED "\n--b\n\n" E "bc and more\n--bc\n--b--\n",
	    MIXED "\n--b\n" TEXT QP "\n=C3=A9bc and more\n--bc\n--b--\n", NULL),
	ROW("its boundary is nowhere", false, MIXED "MIME-Version: 1.0\n\n--c\n" E "\n",
	    MIXED "MIME-Version: 1.0\n" BASE64 "\nLS1jDQrDqQ0K\n", NULL),
	ROW("it has no boundary", false,
	    "Content-Type: multipart/mixed\nMIME-Version: 1.0\n\n" E "\n",
	    "Content-Type: multipart/mixed\nMIME-Version: 1.0\n" BASE64 "\nw6kNCg==\n", NULL),
	ROW("it has the end alone", false, MIXED "MIME-Version: 1.0\n\n" E "\n--b--\n",
	    MIXED "MIME-Version: 1.0\n" BASE64 "\nw6kNCi0tYi0tDQo=\n", NULL),
	ROW("a part without a header", false, MIXED "\n--b\nplain text " E "\n--b--\n",
	    MIXED "\n--b\n" TEXT QP "\nplain text =C3=A9\n--b--\n", NULL),
	ROW("a part of nothing", false, MIXED "\n" E "\n--b\n--b\nA: b\n--b--\n",
	    MIXED "\n??\n--b\n--b\nA: b\n--b--\n", NULL),
	ROW("a message in a message", false,
	    "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: " E "\n\n"
	    "plain text " E "\n",
	    "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\nMIME-Version: 1.0\n\nSubject: =?utf-8?B?w6k=?=\n"
	    "MIME-Version: 1.0\n" TEXT QP "\nplain text =C3=A9\n",
	    NULL),
	ROW("a digest", false,
	    "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nplain text " E
	    "\n--b--\n",
	    "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\nMIME-Version: 1.0\n" TEXT QP
	    "\nplain text =C3=A9\n--b--\n",
	    NULL),
	ROW("base64 in long lines", true, BASE64 "Content-Type: a/b\n\n" X1000 "\n",
	    BASE64 "Content-Type: a/b\n\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10 "xxxxxx\n" X10 X10 X10 X10 X10 X10 X10
		   "xxxxxx\n" X10 "xx\n",
	    NULL),
	ROW("strays in base64", false, BASE64 "\nQU" E "JD\n-RA==\n", BASE64 "\nQUJDRA==\n", NULL),
	ROW("strays in quoted-printable", false, QP "\na=C3=A9 " E "=\nb\0 =\xe9 =3d\n",
	    QP "\na=C3=A9 =C3=A9=\nb=00 ==E9 =3d\n", NULL),
	ROW("an encoding with trimmings", false,
	    "Content-Transfer-Encoding: Base64; (really)\n\nQUJD" E "\n",
	    "Content-Transfer-Encoding: Base64; (really)\n\nQUJD\n", NULL),
	ROW("one encoding, twice", false,
	    TEXT
	    "Content-Transfer-Encoding: 8bit\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n"
	    "plain text " E "\n",
	    TEXT QP "MIME-Version: 1.0\n\nplain text =C3=A9\n", NULL),
	ROW("an encoding that is none", false,
	    "Content-Transfer-Encoding: 8-bit\n" TEXT "MIME-Version: 1.0\n\nplain text " E "\n",
	    QP TEXT "MIME-Version: 1.0\n\nplain text =C3=A9\n", NULL),
	ROW("quoted-printable multiparts", false, QP MIXED "\n--b\n\nplain text " E "\n--b--\n",
	    "Content-Transfer-Encoding: 7bit\n" MIXED "MIME-Version: 1.0\n\n--b\n" TEXT QP
	    "\nplain text =C3=A9\n--b--\n",
	    NULL),
	ROW("messages in base64 are not gone into", false,
	    MIXED "\n" E "\n--b\nContent-Type: message/rfc822\n" BASE64 "\nQUJD\n--b--\n",
	    MIXED "\n??\n--b\nContent-Type: message/rfc822\n" BASE64 "\nQUJD\n--b--\n", NULL),
	ROW("a long header", true,
	    "A: " X100 X100 X100 X100 X100 X100 X100 X100 X100 " " X100 "\n\n",
	    "A:\n " X100 X100 X100 X100 X100 X100 X100 X100 X100 "\n " X100 "\n\n", NULL),
	ROW("a header that cannot be folded", true, "A: " X1000 "\n\n", NULL,
	    "the header field A has a line of more than 998"),
	ROW("a header of a part that cannot be folded", true,
	    MIXED "\n--b\nAb: " X1000 "\n\nx\n--b--\n", NULL, "header field Ab"),
	ROW("a NUL in the header of a part", true, MIXED "\n--b\nA: \0b\n\nx\n--b--\n",
	    MIXED "\n--b\nA:  b\n\nx\n--b--\n", NULL),
	ROW("a boundary with space at its end", false,
	    "Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\nplain text " E
	    "\n--b \n\nx\n--b--\n",
	    "Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n" TEXT QP
	    "\nplain text =C3=A9\n--b \n\nx\n--b--\n",
	    NULL),
	ROW("a boundary with space, not quoted", false,
	    "Content-Type: multipart/mixed; boundary=b c\n\n--b c\n\nplain text " E "\n--b c--\n",
	    "Content-Type: multipart/mixed; boundary=b c\n\n--b c\n" TEXT QP
	    "\nplain text =C3=A9\n--b c--\n",
	    NULL),
	ROW("domains become ASCII", true,
	    "To: " E " <a@" E ">\nCc: " E " <a@b>\nX: a@" E "\n\n" E "\n",
	    "To: =?utf-8?B?w6k=?= <a@xn--9ca>\nCc: " E " <a@b>\nX: a@" E "\n\n" E "\n", NULL),
	ROW("domains become ASCII, but not within", true,
	    "Content-Type: message/rfc822\nTo: a@" E "\n\nTo: b@" E "\n\n" E "\n",
	    "Content-Type: message/rfc822\nTo: a@xn--9ca\n\nTo: b@" E "\n\n" E "\n", NULL),
	ROW("domains within become ASCII, where all does", false,
	    "Content-Type: message/rfc822\n\nTo: b@" E "\n\n",
	    "Content-Type: message/rfc822\n\nTo: b@xn--9ca\n\n", NULL),
	ROW("addresses stay", false, "To: " E "@b\nSubject: " E "\n\n",
	    "To: " E "@b\nSubject: =?utf-8?B?w6k=?=\n\n", NULL),
	ROW("addresses within", false, "Content-Type: message/rfc822\n\nTo: " E "@b\n\n", NULL,
	    "the header field To holds 8-bit text in a place"),
	ROW("the charset of the body", false,
	    "Subject: \xe9\nContent-Type: text/plain; charset=iso-8859-1\n\nx\n",
	    "Subject: =?utf-8?B?w6k=?=\nContent-Type: text/plain; charset=iso-8859-1\n\nx\n", NULL),
	/* What is signed. */
	ROW("DKIM", false, "DKIM-Signature: v=1\n\n" E "\n", NULL,
	    "it has a DKIM-Signature, which would be broken"),
	ROW("DKIM within", false,
	    "Content-Type: message/rfc822\n\nDKIM-Signature: v=1\nSubject: " E "\n\n",
	    "Content-Type: message/rfc822\n\nDKIM-Signature: v=1\nSubject: =?utf-8?B?w6k=?=\n\n",
	    NULL),
	ROW("signed", false, "Content-Type: Multipart/Signed; boundary=b\n\n--b\n\n" E "\n--b--\n",
	    NULL, "signed or encrypted (Multipart/Signed)"),
	ROW("encrypted", false,
	    "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\n" E "\n--b--\n", NULL,
	    "signed or encrypted (multipart/encrypted)"),
	ROW("S/MIME", false, "Content-Type: application/pkcs7-mime; name=x\n\n" E "\n", NULL,
	    "signed or encrypted (application/pkcs7-mime)"),
	ROW("S/MIME in base64", false,
	    "Content-Type: application/pkcs7-mime; name=x\n" BASE64 "\nQUJ" E "D\n",
	    "Content-Type: application/pkcs7-mime; name=x\n" BASE64 "\nQUJD\n", NULL),
	ROW("a message in pieces", false, "Content-Type: message/partial; id=x\n\n" E "\n", NULL,
	    "(message/partial)"),
	ROW("signed, and needs nothing", false,
	    MIXED "\n--b\nContent-Type: multipart/signed; boundary=c\n\n--c\n\nx\n--c--\n"
		  "--b\n\nplain text " E "\n--b--\n",
	    MIXED "\n--b\nContent-Type: multipart/signed; boundary=c\n\n--c\n\nx\n--c--\n"
		  "--b\n" TEXT QP "\nplain text =C3=A9\n--b--\n",
	    NULL),
	ROW("signed, but its subject is not", false,
	    "Subject: " E "\nContent-Type: multipart/signed; boundary=c\n\n--c\n\nx\n--c--\n",
	    "Subject: =?utf-8?B?w6k=?=\nContent-Type: multipart/signed; boundary=c\n\n--c\n\nx\n--c--\n",
	    NULL),
	/* What makes no sense. */
	ROW("two types", false, "Content-Type: text/plain\nContent-Type: a/b\n\n" E "\n", NULL,
	    "two Content-Type fields"),
	ROW("one type, twice", false, TEXT TEXT "\nplain text " E "\n",
	    TEXT TEXT "MIME-Version: 1.0\n" QP "\nplain text =C3=A9\n", NULL),
	ROW("two types, and it does not matter", false,
	    MIXED "\n--b\nContent-Type: text/plain\nContent-Type: a/b\n\nx\n--b\n\n"
		  "plain text " E "\n--b--\n",
	    MIXED "\n--b\nContent-Type: text/plain\nContent-Type: a/b\n\nx\n--b\n" TEXT QP "\n"
		  "plain text =C3=A9\n--b--\n",
	    NULL),
	ROW("two encodings", false, QP BASE64 "\n" E "\n", NULL,
	    "two Content-Transfer-Encoding fields"),
	ROW("an unknown encoding", false, "Content-Transfer-Encoding: x-uuencode\n\n" E "\n", NULL,
	    "unknown Content-Transfer-Encoding"),
	ROW("a boundary within itself", false, MIXED "\n--b\n" MIXED "\n--b\n\n" E "\n--b--\n",
	    NULL, "have the same boundary"),
	ROW("a boundary in pieces", false,
	    "Content-Type: multipart/mixed; boundary*0=b\n\n--b\n\n" E "\n--b--\n", NULL,
	    "too long, in pieces, or no ASCII"),
	ROW("a boundary that is no ASCII", false,
	    "Content-Type: multipart/mixed; boundary=" E "\n\n--" E "\n\n" E "\n", NULL,
	    "too long, in pieces, or no ASCII"),
	ROW("a boundary that is no ASCII, with 8BITMIME", true,
	    "Content-Type: multipart/mixed; boundary=" E "\n\n--" E "\n\nplain "
	    "\0\n",
	    "Content-Type: multipart/mixed; boundary=" E "\n\n--" E "\n" QP "\nplain =00\n", NULL),
	/*
	 * No delimiter comes up that was none: neither where a line of text is broken, nor around
	 * parts.
	 */
	ROW("a boundary amid a long line, encoded again", true,
	    MIXED "\n--b\n" QP "\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx--b\n\0\n--b--\n",
	    MIXED "\n--b\n" QP "\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n=2D-b\n=00\n--b--\n",
	    NULL),
	ROW("a boundary amid a long line", true,
	    MIXED "\n--b\n\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx--b\n\0\n--b--\n",
	    MIXED "\n--b\n" QP "\n" X10 X10 X10 X10 X10 X10 X10 "xxxxx=\n=2D-b\n=00\n--b--\n",
	    NULL),
	ROW("long lines around parts", true,
	    MIXED
	    "\n" X100 X100 X100 X100 X100 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10
	    "xxxxxxxx--b\n--b\n\nx\n--b--\n",
	    MIXED
	    "\n" X100 X100 X100 X100 X100 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10
	    "xxxxxxxx\n --b\n--b\n\nx\n--b--\n",
	    NULL),
};

static void
read_message(struct message *m, struct span text)
{
	struct message_input input = { .fd = memfd_create("message", MFD_CLOEXEC) };

	assert_int_equal(write(input.fd, text.data, text.len), text.len);
	assert_int_equal(lseek(input.fd, 0, SEEK_SET), 0);
	message_init(m);
	assert_int_equal(message_read(m, &input, &err), 0);
	close(input.fd);
}

/* The message with LF line ends. */
static void
add_message(struct buf *out, const struct message *m)
{
	struct buf whole = BUF_INIT(OUT_MAX);
	char *scratch = test_malloc(m->body.size + 1);
	const char *data;
	size_t got;

	buf_add(&whole, m->header.data, m->header.len);
	buf_adds(&whole, "\r\n");
	assert_int_equal(spool_read(&m->body, 0, scratch, m->body.size, &data, &got, &err), 0);
	buf_add(&whole, data, got);
	for (size_t i = 0; i < whole.len; i++)
		if (whole.data[i] != '\r')
			buf_addc(out, whole.data[i]);
	assert_true(buf_ok(&whole));
	test_free(scratch);
	buf_release(&whole);
}

/* Octets of the longest line behind the header. */
static size_t
longest_line(const struct buf *message)
{
	const char *body = strstr(message->data, "\n\n") + 1;
	struct span rest = { body, message->len - (size_t)(body - message->data) };
	size_t longest = 0;

	while (rest.len > 0) {
		size_t len = span_cut(&rest, '\n').len;

		longest = len > longest ? len : longest;
	}
	return longest;
}

/* Converts text; what comes of it in out, with LF line ends, or false. */
static bool
convert(struct span text, bool eightbit, struct buf *out)
{
	const struct spool_place place = { .dir = "/tmp" };
	struct message m, converted;
	bool made;

	read_message(&m, text);
	assert_true(convert_is_needed(&m, eightbit));
	message_init(&converted);
	err_clear(&err);
	made = message_convert(&m, eightbit, &place, &converted, &err) == 0;
	if (made) {
		add_message(out, &converted);
		assert_true(!convert_is_needed(&converted, eightbit) || converted.header_8bit);
		assert_int_equal(converted.body_line_max, longest_line(out));
	} else {
		assert_int_equal(err.kind, ERR_MESSAGE);
	}
	message_release(&m);
	message_release(&converted);
	return made;
}

static unsigned
check_row(const struct row *row)
{
	struct buf out = BUF_INIT(OUT_MAX);
	bool made = convert(row->input, row->eightbit, &out);
	bool right = row->expected != NULL ? made && strcmp(out.data, row->expected) == 0 :
					     !made && strstr(err.what.data, row->reason) != NULL;

	if (!right)
		print_message("%s:\n%s\n%s\n", row->what, out.data, err.what.data);
	buf_release(&out);
	return !right;
}

static void
converts(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		wrong += check_row(&rows[i]);
	assert_int_equal(wrong, 0);
}

static const struct {
	bool header_8bit, body_8bit, body_nul;
	uint64_t header_line_max, body_line_max;
	bool for_8bit, for_7bit;
} needs[] = {
	{ false, false, false, 998, 998, false, false },
	{ false, false, false, 999, 0, true, true },
	{ false, false, false, 0, 999, true, true },
	{ true, false, false, 0, 0, false, true },
	{ false, true, false, 0, 0, false, true },
	{ false, false, true, 0, 0, true, true },
};

static void
knows_when_it_is_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(needs); i++) {
		struct message m;

		message_init(&m);
		m.header_8bit = needs[i].header_8bit;
		m.body_8bit = needs[i].body_8bit;
		m.body_nul = needs[i].body_nul;
		m.header_line_max = needs[i].header_line_max;
		m.body_line_max = needs[i].body_line_max;
		assert_int_equal(convert_is_needed(&m, true), needs[i].for_8bit);
		assert_int_equal(convert_is_needed(&m, false), needs[i].for_7bit);
	}
}

/* For a server with 8BITMIME. */
static const struct {
	const char *header;
	bool needed;
} domains[] = {
	{ "To: a@" E "\r\n", true },
	{ "Resent-Cc: " E " <a@" E ">, b@c\r\n", true },
	{ "To: " E "@b\r\n", false },
	/* It needs SMTPUTF8 all the same. */
	{ "To: a@" E "\r\nCc: " E "@b\r\n", false },
	{ "To: a@" E "\r\nDKIM-Signature: v=1\r\n", false },
	{ "X: a@" E "\r\n", false },
	{ "To: a@" E " b\r\n", false },
	{ "To: " E " <a@b>\r\n", false },
};

static void
needs_domains_in_ascii(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(domains); i++) {
		struct message m;

		message_init(&m);
		buf_adds(&m.header, domains[i].header);
		message_header_facts(&m);
		assert_int_equal(convert_is_needed(&m, true), domains[i].needed);
		message_release(&m);
	}
}

/* Multiparts within each other, the innermost with 8-bit text. */
static bool
convert_nested(unsigned depth, size_t boundary_len)
{
	struct buf text = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);
	char *boundary = test_malloc(boundary_len + 1);
	bool made;

	memset(boundary, 'x', boundary_len);
	boundary[boundary_len] = '\0';
	for (unsigned i = 0; i < depth; i++)
		buf_addf(&text, "Content-Type: multipart/mixed; boundary=%u%s\n\n--%u%s\n", 100 + i,
		    boundary, 100 + i, boundary);
	buf_adds(&text, "\nplain text " E "\n");
	made = convert((struct span){ text.data, text.len }, false, &out);
	assert_int_equal(made, strstr(out.data, "plain text =C3=A9") != NULL);
	test_free(boundary);
	buf_release(&text);
	buf_release(&out);
	return made;
}

static void
keeps_bounds(void **state)
{
	(void)state;
	assert_true(convert_nested(MIME_DEPTH_MAX, 10));
	assert_false(convert_nested(MIME_DEPTH_MAX + 1, 10));
	assert_non_null(strstr(err.what.data, "more than 100 deep"));
	assert_true(convert_nested(1, MIME_BOUNDARY_MAX - 3));
	assert_false(convert_nested(1, MIME_BOUNDARY_MAX - 2));
	assert_non_null(strstr(err.what.data, "too long"));
}

/* A part whose header has so many octets. */
static bool
convert_header(size_t octets)
{
	struct buf text = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);
	bool made;

	buf_adds(&text, MIXED "\n" E "\n--b\n");
	for (; octets > 300; octets -= 100)
		buf_addf(&text, "A: %*s\n", 95, "x");
	buf_addf(&text, "A: %*s\n\nx\n--b--\n", (int)(octets - strlen("A: \r\n")), "x");
	made = convert((struct span){ text.data, text.len }, false, &out);
	buf_release(&text);
	buf_release(&out);
	return made;
}

static void
bounds_headers(void **state)
{
	(void)state;
	assert_true(convert_header(MESSAGE_HEADER_MAX - 2));
	assert_false(convert_header(MESSAGE_HEADER_MAX - 1));
	assert_non_null(strstr(err.what.data, "header of a part is larger"));
}

/*
 * Delimiters where the walker's window ends (and a spool's memory): each octet of them the first of
 * the next one.
 */
static void
finds_delimiters_everywhere(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 48; shift++) {
		struct buf text = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX),
			   expected = BUF_INIT(OUT_MAX);
		size_t octets = strlen("--b\r\n\r\n");

		buf_adds(&text, MIXED "\n--b\n\n");
		for (; octets < 2 * 64 * 1024 - 100; octets += 50)
			buf_addf(&text, "--%46s\n", "x");
		for (octets += shift; octets < 2 * 64 * 1024 + 8; octets++)
			buf_addc(&text, '-');
		buf_add(&expected, text.data, text.len);
		buf_adds(&text, "\n--b\n\nplain text " E "\n--b--\n");
		buf_adds(&expected, "\n--b\n" TEXT QP "\nplain text =C3=A9\n--b--\n");
		for (int i = 0; i < 1500; i++) {
			buf_addf(&text, "--%46s\n", "x");
			buf_addf(&expected, "--%46s\n", "x");
		}
		assert_true(convert((struct span){ text.data, text.len }, false, &out));
		assert_string_equal(out.data, expected.data);
		buf_release(&text);
		buf_release(&out);
		buf_release(&expected);
	}
}

/* The same, whatever the pieces it comes in. */
static void
encodes_again_in_pieces(void **state)
{
	static const char text[] = "a=C3=A9=\r\nb " E "=4" E "\r\n==" X100 "=3D--=\r\n=\0=" X10;

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		struct buf qp = BUF_INIT(OUT_MAX), base64 = BUF_INIT(OUT_MAX);
		struct reencode q = REENCODE_INIT(&qp), b = REENCODE_INIT(&base64);

		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t len = sizeof(text) - 1 - at < step ? sizeof(text) - 1 - at : step;

			reencode_qp(&q, (struct span){ text + at, len });
			reencode_base64(&b, (struct span){ text + at, len });
		}
		reencode_end_qp(&q);
		reencode_end_base64(&b);
		assert_string_equal(qp.data,
		    "a=C3=A9=\r\nb =C3=A9=4=C3=A9\r\n==" X10 X10 X10 X10 X10 X10 X10
		    "xxx=\r\n" X10 X10 "xxxxxxx=3D--=\r\n==00=" X10);
		assert_string_equal(base64.data,
		    "a=C3=A9=b=4==" X10 X10 X10 X10 X10 X10 "xxx\r\n" X10 X10 X10
		    "xxxxxxx=3D===" X10 "\r\n");
		buf_release(&qp);
		buf_release(&base64);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_when_it_is_needed),
		cmocka_unit_test(needs_domains_in_ascii),
		cmocka_unit_test(converts),
		cmocka_unit_test(keeps_bounds),
		cmocka_unit_test(bounds_headers),
		cmocka_unit_test(finds_delimiters_everywhere),
		cmocka_unit_test(encodes_again_in_pieces),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
