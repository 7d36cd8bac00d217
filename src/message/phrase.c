/* SPDX-License-Identifier: ISC */
#include "message/phrase.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "format/codec.h"

enum {
	TEXT_MAX = 8192,	/* octets of a name: what is more is cut off */
	PLAIN_MAX = 60,		/* octets of a name that is not encoded: fits one line */
	WORD_MAX = 36,		/* octets in an encoded word: with "Resent-From: ", at most 76 on the line */
};

/* Text of valid UTF-8 without control characters. */
static void
clean(struct buf *out, struct span text)
{
	while (text.len > 0 && out->len + 4 <= out->max) {
		unsigned len = utf8_length(text);

		if (len == 0)
			buf_addc(out, '?');
		else if (ascii_is_control(text.data[0]))
			buf_addc(out, ' ');
		else
			buf_add(out, text.data, len);
		text.data += len > 0 ? len : 1;
		text.len -= len > 0 ? len : 1;
	}
}

/* Nothing but atoms and spaces.  "=?" begins an encoded word, and must be quoted not to be taken for one. */
static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && strchr(" !#$%&'*+-/=?^_`{|}~", c) == NULL)
			return false;
	}
	return memmem(text.data, text.len, "=?", 2) == NULL;
}

static void
add_quoted(struct buf *out, struct span text)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text.data[i]);
	}
	buf_addc(out, '"');
}

/* Octets of whole characters that go into one encoded word. */
static size_t
word_length(struct span text)
{
	size_t len = 0;

	while (len < text.len) {
		unsigned next = utf8_length((struct span){ text.data + len, text.len - len });

		if (len + next > WORD_MAX)
			break;
		len += next;
	}
	return len;
}

static void
add_encoded(struct buf *out, struct span text)
{
	const char *separator = "";

	while (text.len > 0) {
		struct span word = { text.data, word_length(text) };

		buf_adds(out, separator);
		buf_adds(out, "=?utf-8?B?");
		base64_add(out, word);
		buf_adds(out, "?=");
		separator = "\r\n ";
		text.data += word.len;
		text.len -= word.len;
	}
}

void
phrase_add(struct buf *out, struct span text)
{
	struct buf cleaned = BUF_INIT(TEXT_MAX);
	struct span name;

	clean(&cleaned, text);
	name = span_trim((struct span){ cleaned.data, cleaned.len });
	if (name.len > PLAIN_MAX || span_has_8bit(name))
		add_encoded(out, name);
	else if (is_plain(name))
		buf_add(out, name.data, name.len);
	else
		add_quoted(out, name);
	out->failed = out->failed || !buf_ok(&cleaned);
	buf_release(&cleaned);
}
