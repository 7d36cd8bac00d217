/* SPDX-License-Identifier: ISC */
#include "message/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

enum { PIECE_SIZE = 16 * 1024 };	/* octets that one call of iconv(3) gives at most */

static const char bom[] = "\xef\xbb\xbf";
static const char replacement[] = "\xef\xbf\xbd";

static struct span
without_bom(struct span text)
{
	size_t len = strlen(bom);

	if (text.len >= len && memcmp(text.data, bom, len) == 0)
		return (struct span){ text.data + len, text.len - len };
	return text;
}

/* The text is not in the charset from at on. */
static int
refuse_text(struct span text, size_t at, const char *charset, struct err *err)
{
	unsigned long line = 1;

	for (size_t i = 0; i < at; i++)
		line += text.data[i] == '\n';
	if (at >= text.len)
		return err_set(err, ERR_MESSAGE, "the text is not in %s: it ends amid a character", charset);
	return err_set(err, ERR_MESSAGE, "the text is not in %s: octet 0x%02X in line %lu (octet %zu of the text)",
	    charset, (unsigned char)text.data[at], line, at + 1);
}

static int
add_utf8(struct span text, struct buf *out, struct err *err)
{
	size_t at = 0;

	while (at < text.len) {
		unsigned len = utf8_length((struct span){ text.data + at, text.len - at });

		if (len == 0)
			return refuse_text(text, at, "UTF-8", err);
		at += len;
	}
	text = without_bom(text);
	buf_add(out, text.data, text.len);
	return buf_ok(out) ? 0 : err_memory(err);
}

/* Converts piece by piece; the last call, without text, gives what a stateful charset holds back. */
static int
convert(iconv_t cd, struct span text, const char *charset, struct buf *out, struct err *err)
{
	/* iconv(3) takes a pointer to octets that it does not write. */
	union { const char *data; char *in; } at = { .data = text.data };
	size_t left = text.len;
	bool all = false;

	while (!all) {
		char *room = buf_reserve(out, PIECE_SIZE), *to = room;
		size_t room_left = PIECE_SIZE, n;

		if (room == NULL)
			return err_memory(err);
		all = left == 0;
		n = iconv(cd, all ? NULL : &at.in, all ? NULL : &left, &to, &room_left);
		buf_commit(out, (size_t)(to - room));
		if (n == (size_t)-1 && errno == EINVAL)
			return refuse_text(text, text.len, charset, err);
		if (n == (size_t)-1 && errno != E2BIG)
			return refuse_text(text, text.len - left, charset, err);
	}
	return 0;
}

/* glibc takes more than a name: "//IGNORE" behind it would drop characters in silence, "" be the locale's. */
static bool
is_name(const char *charset)
{
	return charset[0] != '\0' && strchr(charset, '/') == NULL;
}

static int
convert_from(struct span text, const char *charset, struct buf *out, struct err *err)
{
	struct buf converted = BUF_INIT(out->max);
	iconv_t cd = is_name(charset) ? iconv_open("UTF-8", charset) : (iconv_t)-1;
	struct span result;
	int rc;

	if (cd == (iconv_t)-1)
		return err_set(err, ERR_MESSAGE, "the charset \"%s\" is not known", charset);
	rc = convert(cd, text, charset, &converted, err);
	iconv_close(cd);
	result = without_bom((struct span){ converted.data, converted.len });
	buf_add(out, result.data, result.len);
	buf_release(&converted);
	return rc == 0 && !buf_ok(out) ? err_memory(err) : rc;
}

int
charset_to_utf8(struct span text, const char *charset, struct buf *out, struct err *err)
{
	struct span name = span_of(charset);

	if (span_is_nocase(name, "UTF-8") || span_is_nocase(name, "UTF8"))
		return add_utf8(text, out, err);
	return convert_from(text, charset, out, err);
}

/* UTF-8, and what is not. */
struct counts {
	size_t characters;	/* valid, of more than one octet */
	size_t others;		/* octets that are in none */
};

static struct counts
count(struct span text)
{
	struct counts counts = { 0 };

	while (text.len > 0) {
		unsigned len = utf8_length(text);

		counts.characters += len > 1;
		counts.others += len == 0;
		text.data += len > 0 ? len : 1;
		text.len -= len > 0 ? len : 1;
	}
	return counts;
}

static const char *
guess_8bit(struct span text)
{
	static const char unknown[] = "\x81\x8d\x8f\x90\x9d";
	bool controls = false;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == 0 || (c >= 0x80 && c <= 0x9f && strchr(unknown, (char)c) != NULL))
			return NULL;
		controls = controls || (c >= 0x80 && c <= 0x9f);
	}
	return controls ? "windows-1252" : "ISO-8859-15";
}

const char *
charset_guess(struct span text)
{
	struct counts counts = count(text);

	if (counts.others < counts.characters || counts.others == 0)
		return "UTF-8";
	if (text.len >= 2 && (memcmp(text.data, "\xff\xfe", 2) == 0 || memcmp(text.data, "\xfe\xff", 2) == 0))
		return "UTF-16";
	return guess_8bit(text);
}

static int
add_repaired(struct span text, struct buf *out, struct err *err)
{
	text = without_bom(text);
	while (text.len > 0) {
		unsigned len = utf8_length(text);

		if (len > 0)
			buf_add(out, text.data, len);
		else
			buf_adds(out, replacement);
		text.data += len > 0 ? len : 1;
		text.len -= len > 0 ? len : 1;
	}
	return buf_ok(out) ? 0 : err_memory(err);
}

int
charset_guessed_to_utf8(struct span text, struct buf *out, struct err *err)
{
	const char *charset = charset_guess(text);
	struct err ignored;
	size_t begin = out->len;
	int rc;

	if (utf8_valid(text))
		return add_utf8(text, out, err);
	if (charset == NULL || span_is(span_of(charset), "UTF-8"))
		return add_repaired(text, out, err);
	/* UTF-16 with something else behind its mark. */
	err_init(&ignored);
	rc = convert_from(text, charset, out, &ignored);
	if (rc != 0)
		buf_truncate(out, begin);
	rc = rc != 0 ? add_repaired(text, out, err) : 0;
	err_release(&ignored);
	return rc;
}
