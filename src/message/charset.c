/* SPDX-License-Identifier: ISC */
#include "message/charset.h"

#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum {
	PIECE_SIZE = 16 * 1024, /* octets that one call of iconv(3) gives at most */
	UTF8_MAX = 4,           /* octets of a character */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char bom[] = "\xef\xbb\xbf";
static const char replacement[] = "\xef\xbf\xbd";

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

/* Errors. */

static uint64_t
count_lines(struct span text)
{
	uint64_t n = 0;

	while (text.len > 0) {
		const char *lf = memchr(text.data, '\n', text.len);

		if (lf == NULL)
			break;
		advance(&text, (size_t)(lf - text.data) + 1);
		n++;
	}
	return n;
}

/* The text is not in the charset: rest begins with what is none of it. */
static int
refuse(const struct charset *c, struct span rest, struct err *err)
{
	return err_set(err, ERR_MESSAGE,
	    "the text is not in %s: octet 0x%02X in line %" PRIu64 " (octet %" PRIu64
	    " of the text)",
	    c->name, (unsigned char)rest.data[0], c->lines + 1, c->octets + 1);
}

static int
refuse_end(const struct charset *c, struct err *err)
{
	return err_set(err, ERR_MESSAGE, "the text is not in %s: it ends amid a character",
	    c->name);
}

/* Takes octets off the text that have passed. */
static void
note_passed(struct charset *c, struct span *text, size_t n)
{
	c->octets += n;
	if (c->name != NULL)
		c->lines += count_lines((struct span){ text->data, n });
	advance(text, n);
}

/* UTF-8, or what may be it. */

/* The octets that text begins with which are ASCII and no NUL: eight at a time. */
static size_t
plain_length(struct span text)
{
	const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
	size_t n = 0;

	for (; text.len - n >= 8; n += 8) {
		uint64_t word;

		memcpy(&word, text.data + n, sizeof(word));
		/* A NUL borrows from its high bit. */
		if (((word | (word - ones)) & high) != 0)
			break;
	}
	while (n < text.len && text.data[n] != '\0' && !is_8bit(text.data[n]))
		n++;
	return n;
}

/* For charset_guess(): the octets are valid UTF-8, or one that is not. */
static void
note_octets(struct charset *c, struct span octets, bool valid)
{
	static const char unknown[] = "\x81\x8d\x8f\x90\x9d";

	c->characters += octets.len > 1;
	c->others += !valid;
	for (size_t i = 0; i < octets.len; i++) {
		unsigned char octet = (unsigned char)octets.data[i];
		bool c1 = octet >= 0x80 && octet <= 0x9f;

		c->c1 = c->c1 || c1;
		c->not_8bit = c->not_8bit || octet == 0 ||
		    (c1 && strchr(unknown, (char)octet) != NULL);
	}
}

/*
 * At a character: how many octets of the text are passed with it; 0 where more must come, or an
 * error.  *instead is what stands in their place, where something else does.
 */
static size_t
look_at(struct charset *c, struct span text, bool last, const char **instead)
{
	unsigned len = utf8_length(text);

	if (len == 0 && ((text.len < UTF8_MAX && !last) || c->name != NULL))
		return 0;
	if (len == strlen(bom) && !c->any && memcmp(text.data, bom, len) == 0) {
		c->marked = true;
		*instead = "";
	}
	if (len == 0 && c->repaired)
		*instead = replacement;
	if (c->name == NULL)
		note_octets(c, (struct span){ text.data, len > 0 ? len : 1 }, len > 0);
	return len > 0 ? len : 1;
}

/* Passes all of the text but for a part of a character at its end, if it is not the last. */
static int
pass_utf8(struct charset *c, struct span *text, bool last, struct buf *out, struct err *err)
{
	struct span rest = *text;
	const char *from = rest.data; /* what goes as it is */

	while (rest.len > 0) {
		size_t n = plain_length(rest);
		const char *instead = NULL;

		if (n == 0)
			n = look_at(c, rest, last, &instead);
		if (n == 0)
			break;
		if (instead != NULL) {
			buf_add(out, from, (size_t)(rest.data - from));
			buf_adds(out, instead);
			from = rest.data + n;
		}
		c->any = true;
		advance(&rest, n);
	}
	buf_add(out, from, (size_t)(rest.data - from));
	note_passed(c, text, text->len - rest.len);
	if (rest.len > 0 && (last || rest.len >= UTF8_MAX))
		return refuse(c, rest, err);
	return buf_ok(out) ? 0 : err_memory(err);
}

/* Other charsets. */

/* The first character of all: a byte order mark is none of the text. */
static void
drop_mark(struct charset *c, struct buf *out, size_t begin)
{
	if (c->any || out->len == begin)
		return;
	c->any = true;
	if (out->len - begin >= strlen(bom) && memcmp(out->data + begin, bom, strlen(bom)) == 0)
		buf_splice(out, begin, strlen(bom), "", 0);
}

/* As pass_utf8(); last: the text is empty, and what a stateful charset holds back comes. */
static int
pass_converted(struct charset *c, struct span *text, bool last, struct buf *out, struct err *err)
{
	/* iconv(3) takes a pointer to octets that it does not write. */
	union {
		const char *data;
		char *in;
	} at = { .data = text->data };
	size_t left = text->len, n = 0;
	int why;

	do {
		char *room = buf_reserve(out, PIECE_SIZE), *to = room;
		size_t room_left = PIECE_SIZE, begin = out->len;

		if (room == NULL)
			return err_memory(err);
		n = iconv(c->converter, last ? NULL : &at.in, last ? NULL : &left, &to, &room_left);
		why = errno;
		buf_commit(out, (size_t)(to - room));
		drop_mark(c, out, begin);
	} while (n == (size_t)-1 && why == E2BIG);
	note_passed(c, text, text->len - left);
	if (n != (size_t)-1 || why == EINVAL)
		return 0;
	return left > 0 ? refuse(c, *text, err) : refuse_end(c, err);
}

/* Pieces. */

static int
pass(struct charset *c, struct span *text, bool last, struct buf *out, struct err *err)
{
	return c->converter != NULL ? pass_converted(c, text, last, out, err) :
				      pass_utf8(c, text, last, out, err);
}

static int
hold(struct charset *c, struct span rest, struct err *err)
{
	if (rest.len > sizeof(c->held))
		return refuse(c, rest, err);
	memcpy(c->held, rest.data, rest.len);
	c->held_len = rest.len;
	return 0;
}

/*
 * Completes the character that the last piece ended in, and takes what this needs, and perhaps
 * more, off the piece.
 */
static int
pass_seam(struct charset *c, struct span *piece, struct buf *out, struct err *err)
{
	char seam[2 * CHARSET_HELD_MAX];
	size_t held = c->held_len,
	       more = piece->len < CHARSET_HELD_MAX ? piece->len : CHARSET_HELD_MAX;
	struct span rest = { seam, held + more };

	memcpy(seam, c->held, held);
	memcpy(seam + held, piece->data, more);
	if (pass(c, &rest, false, out, err) != 0)
		return -1;
	if (more == piece->len || rest.len > more) {
		advance(piece, more);
		return hold(c, rest, err);
	}
	advance(piece, more - rest.len);
	return 0;
}

int
charset_add(struct charset *c, struct span piece, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < piece.len && c->octets + c->held_len + i < sizeof(c->begin); i++)
		c->begin[c->octets + c->held_len + i] = piece.data[i];
	if (c->held_len > 0 && piece.len > 0 && pass_seam(c, &piece, out, err) != 0)
		return -1;
	if (piece.len == 0)
		return 0;
	return pass(c, &piece, false, out, err) == 0 ? hold(c, piece, err) : -1;
}

int
charset_end(struct charset *c, struct buf *out, struct err *err)
{
	struct span rest = { c->held, c->held_len };

	if (c->converter != NULL && rest.len > 0)
		return refuse_end(c, err);
	return pass(c, &rest, true, out, err);
}

/* Lifetime. */

static bool
is_utf8(const char *name)
{
	return span_is_nocase(span_of(name), "UTF-8") || span_is_nocase(span_of(name), "UTF8");
}

/*
 * glibc takes more than a name: "//IGNORE" behind it would drop characters in silence, "" be the
 * locale's.
 */
static bool
is_name(const char *charset)
{
	return charset[0] != '\0' && strchr(charset, '/') == NULL;
}

int
charset_init(struct charset *c, const char *name, struct err *err)
{
	iconv_t converter;

	*c = (struct charset){ .name = name };
	if (is_utf8(name)) {
		c->name = "UTF-8";
		return 0;
	}
	converter = is_name(name) ? iconv_open("UTF-8", name) : (iconv_t)-1;
	if (converter == (iconv_t)-1)
		return err_set(err, ERR_MESSAGE, "the charset \"%s\" is not known", name);
	c->converter = converter;
	return 0;
}

void
charset_init_repair(struct charset *c)
{
	*c = (struct charset){ .repaired = true };
}

void
charset_init_unknown(struct charset *c)
{
	*c = (struct charset){ .repaired = false };
}

void
charset_release(struct charset *c)
{
	if (c->converter != NULL)
		iconv_close(c->converter);
	c->converter = NULL;
}

int
charset_to_utf8(struct span text, const char *charset, struct buf *out, struct err *err)
{
	struct charset c;
	int rc = charset_init(&c, charset, err);

	if (rc == 0)
		rc = charset_add(&c, text, out, err);
	if (rc == 0)
		rc = charset_end(&c, out, err);
	charset_release(&c);
	return rc;
}

/* Guesses. */

bool
charset_has_utf16_mark(struct span begin)
{
	return begin.len >= 2 &&
	    (memcmp(begin.data, "\xff\xfe", 2) == 0 || memcmp(begin.data, "\xfe\xff", 2) == 0);
}

const char *
charset_guess(const struct charset *c)
{
	if (c->others < c->characters || c->others == 0)
		return "UTF-8";
	if (charset_has_utf16_mark((struct span){ c->begin, sizeof(c->begin) }))
		return "UTF-16";
	if (c->not_8bit)
		return NULL;
	return c->c1 ? "windows-1252" : "ISO-8859-15";
}

/* What browsers know, but UTF-8, UTF-16 and what nobody writes. */
static bool
is_for_html(const char *name)
{
	static const char *const begins[] = {
		"iso-8859-",
		"windows-",
		"cp125",
		"koi8-",
		"macintosh",
		"ibm866",
		"tis-620",
		"gb18030",
		"euc-jp",
		"iso-2022-jp",
	};

	for (size_t i = 0; i < COUNT(begins); i++)
		if (span_starts_nocase(span_of(name), begins[i]))
			return true;
	return false;
}

const char *
charset_of_html(const char *name)
{
	static const struct {
		const char *name, *meant;
	} labels[] = {
		{ "ascii", "windows-1252" },
		{ "us-ascii", "windows-1252" },
		{ "latin1", "windows-1252" },
		{ "iso-8859-1", "windows-1252" },
		{ "iso8859-1", "windows-1252" },
		{ "iso-8859-9", "windows-1254" },
		{ "gb2312", "GB18030" },
		{ "gbk", "GB18030" },
		{ "x-gbk", "GB18030" },
		{ "big5", "BIG5-HKSCS" },
		{ "shift_jis", "CP932" },
		{ "shift-jis", "CP932" },
		{ "x-sjis", "CP932" },
		{ "euc-kr", "CP949" },
		{ "ks_c_5601-1987", "CP949" },
	};

	for (size_t i = 0; i < COUNT(labels); i++)
		if (span_is_nocase(span_of(name), labels[i].name))
			return labels[i].meant;
	return is_for_html(name) ? name : NULL;
}
