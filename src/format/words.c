/* SPDX-License-Identifier: ISC */
#include "format/words.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "format/codec.h"

enum {
	WORD_MAX = 75,      /* octets of an encoded word (RFC 2047 section 2) */
	CHARACTER_MAX = 12, /* octets of one encoded character, at most */
	PLAIN_MAX = 60,     /* octets of a phrase that is not encoded: fits one line */
	GAP_MAX = 20,       /* spaces between words that stay outside of encoded words */
};

static const char utf8[] = "utf-8";

/* Octets of a word but for its text: "=?charset?Q?" and "?=". */
static size_t
frame(const char *charset)
{
	return strlen("=?") + strlen(charset) + strlen("?Q?") + strlen("?=");
}

void
words_clean(struct buf *out, struct span text)
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

/* What Q leaves as it is in every place where encoded words may stand (RFC 2047 section 5 (3)). */
static bool
is_q_plain(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("!*+-/ ", c) != NULL);
}

/* Octets that Q makes of text. */
static size_t
q_length(struct span text)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++)
		len += is_q_plain(text.data[i]) ? 1 : 3;
	return len;
}

static size_t
b_length(struct span text)
{
	return base64_length(text.len);
}

static void
q_add(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == ' ')
			buf_addc(out, '_');
		else if (is_q_plain(c))
			buf_addc(out, c);
		else
			buf_addf(out, "=%02X", (unsigned char)c);
	}
}

static const struct encoding {
	const char *name;
	size_t (*length)(struct span text);
	void (*add)(struct buf *out, struct span text);
} encodings[] = {
	{ "Q?", q_length, q_add },
	{ "B?", b_length, base64_add },
};

/* Takes whole characters off *text that come to at most max octets, one at least. */
static struct span
take_characters(struct span *text, const struct encoding *encoding, size_t max)
{
	struct span head = { text->data, 0 };

	while (head.len < text->len) {
		unsigned next = utf8_length((struct span){
		    text->data + head.len, text->len - head.len });
		/* Text that is not UTF-8 may be parted anywhere. */
		struct span longer = { head.data, head.len + (next > 0 ? next : 1) };

		if (head.len > 0 && encoding->length(longer) > max)
			break;
		head = longer;
	}
	text->data += head.len;
	text->len -= head.len;
	return head;
}

/* One word; the line has room for it. */
static void
add_word(struct fold *f, const char *charset, const struct encoding *encoding, struct span text)
{
	struct buf word = BUF_INIT(WORD_MAX + CHARACTER_MAX);

	buf_addf(&word, "=?%s?%s", charset, encoding->name);
	encoding->add(&word, text);
	buf_adds(&word, "?=");
	f->out->failed = f->out->failed || !buf_ok(&word);
	f->encoded = true;
	fold_raw(f, (struct span){ word.data, word.len });
	buf_release(&word);
}

void
words_add_encoded(struct fold *f, const char *charset, struct span gap, const char *opening,
    struct span text)
{
	const struct encoding *encoding = &encodings[b_length(text) < q_length(text)];
	bool first = true;

	/*
	 * Where a word is on the line, the line is shorter; and it may be the second one, where the
	 * name is long.
	 */
	f->any = true;
	f->reserve += FOLD_COLUMNS - FOLD_COLUMNS_ENCODED;
	fold_gap(f, gap, strlen(opening) + frame(charset) + CHARACTER_MAX);
	f->reserve -= FOLD_COLUMNS - FOLD_COLUMNS_ENCODED;
	fold_raw(f, span_of(opening));
	for (; text.len > 0; first = false) {
		size_t room;

		if (!first)
			fold_gap(f, span_of(" "), FOLD_COLUMNS);
		room = fold_room(f, FOLD_COLUMNS_ENCODED);
		if (room > WORD_MAX)
			room = WORD_MAX;
		room = room > frame(charset) ? room - frame(charset) : 0;
		add_word(f, charset, encoding, take_characters(&text, encoding, room));
	}
}

/* Text is clean. */
static void
add_encoded(struct fold *f, const char *gap, const char *opening, struct span text)
{
	words_add_encoded(f, utf8, span_of(gap), opening, text);
}

/* A decoder could take it for an encoded word. */
static bool
looks_encoded(struct span text)
{
	return memmem(text.data, text.len, "=?", 2) != NULL;
}

static bool
must_encode(const struct fold *f, struct span gap, struct span word)
{
	size_t columns = f->any ? FOLD_COLUMNS : fold_room(f, FOLD_COLUMNS);
	size_t width = (gap.len > 0 ? gap.len : 1) + word.len;

	return span_has_8bit(word) || looks_encoded(word) || gap.len > GAP_MAX || width > columns;
}

/*
 * At a word that must be encoded: takes it off *text with all that follow it and must be, too.  The
 * space between encoded words is dropped by who decodes them, so it is encoded with them, and so
 * are all spaces around them but one.
 */
static struct span
take_run(const struct fold *f, struct span *text, struct span gap, struct span word)
{
	size_t extra = gap.len > 1 ? gap.len - 1 : 0;
	struct span run = { word.data - extra, extra + word.len };
	struct fold later = *f;

	later.any = true;
	for (;;) {
		struct span rest = *text;

		if (!fold_next_word(&rest, &gap, &word))
			return run;
		if (!must_encode(&later, gap, word))
			break;
		run.len = (size_t)(word.data + word.len - run.data);
		*text = rest;
	}
	run.len += gap.len - 1;
	text->data += gap.len - 1;
	text->len -= gap.len - 1;
	return run;
}

static void
add_clean_text(struct fold *f, struct span text)
{
	struct span gap, word;

	while (fold_next_word(&text, &gap, &word)) {
		if (must_encode(f, gap, word)) {
			add_encoded(f, " ", "", take_run(f, &text, gap, word));
			continue;
		}
		if (gap.len == 0)
			gap = span_of(" ");
		fold_gap(f, gap, word.len);
		fold_raw(f, word);
	}
}

/*
 * Nothing but atoms, and single spaces: how many there are between atoms tells nothing (RFC 5322
 * section 3.2.2).
 */
static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == ' ' && i > 0 && text.data[i - 1] == ' ')
			return false;
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) &&
		    strchr(" !#$%&'*+-/=?^_`{|}~", c) == NULL)
			return false;
	}
	return true;
}

/* Text with a backslash before each of the characters. */
static void
add_escaped(struct buf *out, struct span text, const char *characters)
{
	for (size_t i = 0; i < text.len; i++) {
		if (strchr(characters, text.data[i]) != NULL)
			buf_addc(out, '\\');
		buf_addc(out, text.data[i]);
	}
}

static void
add_quoted(struct fold *f, struct span text)
{
	struct buf quoted = BUF_INIT(2 * PLAIN_MAX + 2);

	buf_addc(&quoted, '"');
	add_escaped(&quoted, text, "\"\\");
	buf_addc(&quoted, '"');
	f->out->failed = f->out->failed || !buf_ok(&quoted);
	fold_token(f, " ", (struct span){ quoted.data, quoted.len });
	buf_release(&quoted);
}

static void
add_clean_phrase(struct fold *f, struct span text)
{
	if (text.len > PLAIN_MAX || span_has_8bit(text) || looks_encoded(text))
		add_encoded(f, " ", "", text);
	else if (is_plain(text))
		fold_text(f, text);
	else
		add_quoted(f, text);
}

static void
add_clean_comment(struct fold *f, struct span text)
{
	struct buf escaped = BUF_INIT(2 * PLAIN_MAX + 2);

	if (text.len > PLAIN_MAX || span_has_8bit(text) || looks_encoded(text)) {
		add_encoded(f, " ", "(", text);
		fold_raw(f, span_of(")"));
		return;
	}
	buf_addc(&escaped, '(');
	add_escaped(&escaped, text, "()\\");
	buf_addc(&escaped, ')');
	f->out->failed = f->out->failed || !buf_ok(&escaped);
	fold_token(f, " ", (struct span){ escaped.data, escaped.len });
	buf_release(&escaped);
}

/* Gives add the text as it may go out, if anything is left of it. */
static void
add_with(struct fold *f, struct span text, void (*add)(struct fold *f, struct span text))
{
	struct buf cleaned = BUF_INIT(WORDS_TEXT_MAX);
	struct span left;

	words_clean(&cleaned, text);
	left = span_trim((struct span){ cleaned.data, cleaned.len });
	if (left.len > 0)
		add(f, left);
	f->out->failed = f->out->failed || !buf_ok(&cleaned);
	buf_release(&cleaned);
}

void
words_add_text(struct fold *f, struct span text)
{
	add_with(f, text, add_clean_text);
}

void
words_add_phrase(struct fold *f, struct span text)
{
	add_with(f, text, add_clean_phrase);
}

void
words_add_comment(struct fold *f, struct span text)
{
	add_with(f, text, add_clean_comment);
}
