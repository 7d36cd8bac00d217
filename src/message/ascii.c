/* SPDX-License-Identifier: ISC */
#include "message/ascii.h"

#include <string.h>

#include "base/text.h"
#include "format/address.h"
#include "format/domain.h"
#include "format/fold.h"
#include "format/parameter.h"
#include "format/words.h"
#include "message/charset.h"
#include "message/message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	ATTRIBUTE_MAX = 40,  /* octets of a parameter's name; the longest that is known has 20 */
	UNIT_MAX = 2000,     /* octets of a quoted string or comment */
	COMMENT_ROOM = 30,   /* columns for a parenthesis and what stands behind it */
	DOMAIN_MAX = 1024,   /* octets of a domain, in UTF-8 or as A-labels */
	PARAMETERS_MAX = 30, /* of a field, that are looked for in another form */
};

static const char utf8[] = "utf-8";
static const char unknown[] = "unknown-8bit";

/* A field on its way out. */
struct ascii {
	struct fold fold;
	const char *charset; /* of its text: utf8 or unknown */
	bool encoded;        /* the word before is an encoded one */
	bool separator;      /* … is what stands between addresses */
	bool addresses;      /* the field holds addresses: their domains can be A-labels */
	bool raw;            /* 8-bit text was left as it is */
	unsigned parameters; /* with 8-bit text, so far */
};

/*
 * What stands between spaces; in structured fields also between quotation marks or parentheses,
 * which are part of it.
 */
struct word {
	struct span gap; /* the space before it */
	struct span text;
};

/* How words are told apart. */
enum syntax {
	SYNTAX_TEXT,   /* by space alone */
	SYNTAX_PHRASE, /* quoted strings and comments are words, and what is in the former can be
			  encoded */
	SYNTAX_STRICT, /* likewise, but only comments can be */
};

/*
 * Octets of what text begins with: a quoted string, a comment, a domain literal; else 1, as for one
 * that does not end (or is so long or deep that nobody wrote it: looking for ends must not take the
 * square of the text's length).
 */
static size_t
unit_length(struct span text)
{
	char opens = text.data[0], closes = opens == '(' ? ')' : opens == '[' ? ']' : '"';
	unsigned depth = 1;

	if (opens != '(' && opens != '[' && opens != '"')
		return 1;
	for (size_t i = 1; i < text.len && i < UNIT_MAX && depth <= ADDRESS_NESTING_MAX; i++) {
		if (text.data[i] == '\\')
			i++;
		else if (text.data[i] == closes && --depth == 0)
			return i + 1;
		else if (text.data[i] == '(' && opens == '(')
			depth++;
	}
	return 1;
}

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

static bool
begins_unit(char c)
{
	return c == '"' || c == '(';
}

static size_t
word_length(struct span text)
{
	size_t n = text.len > 0 && begins_unit(text.data[0]) ? unit_length(text) : 0;

	if (n > 1)
		return n;
	while (n < text.len && !ascii_is_space(text.data[n]) && !begins_unit(text.data[n]))
		n++;
	return n;
}

static bool
is_comment(struct span word, enum syntax syntax)
{
	return syntax != SYNTAX_TEXT && word.len > 1 && word.data[0] == '(' &&
	    word.data[word.len - 1] == ')';
}

/* Takes a word off *text, which ends in no space; false at the end. */
static bool
next_word(struct span *text, enum syntax syntax, struct word *word)
{
	if (syntax == SYNTAX_TEXT)
		return fold_next_word(text, &word->gap, &word->text);
	word->gap = (struct span){ text->data, 0 };
	while (word->gap.len < text->len && ascii_is_space(text->data[word->gap.len]))
		word->gap.len++;
	advance(text, word->gap.len);
	word->text = (struct span){ text->data, word_length(*text) };
	advance(text, word->text.len);
	return word->text.len > 0;
}

static bool
is_encoded_word(struct span word)
{
	return word.len > 6 && memcmp(word.data, "=?", 2) == 0 &&
	    memcmp(word.data + word.len - 2, "?=", 2) == 0;
}

static bool
is_separator(struct span word)
{
	return word.len == 1 && strchr(",;:", word.data[0]) != NULL;
}

/*
 * Nothing may follow an encoded word at once, and nothing that may be one a separator; and there
 * the line can be broken.
 */
static struct span
gap_behind(const struct ascii *a, struct span gap)
{
	return gap.len == 0 && (a->encoded || a->separator) ? span_of(" ") : gap;
}

/* Appends an address whose domain alone is not in ASCII, with A-labels; false where it is none. */
static bool
add_with_a_labels(struct buf *out, struct span word)
{
	const char *at = memrchr(word.data, '@', word.len), *end = word.data + word.len;
	struct buf domain = BUF_INIT(DOMAIN_MAX), ascii = BUF_INIT(DOMAIN_MAX);
	struct span before, name;
	bool made;
	struct err ignored;

	if (at == NULL)
		return false;
	before = (struct span){ word.data, (size_t)(at - word.data) + 1 };
	name = span_trim((struct span){ at + 1, (size_t)(end - at) - 1 - (end[-1] == '>') });
	buf_add(&domain, name.data, name.len);
	err_init(&ignored);
	made = !span_has_8bit(before) && buf_ok(&domain) &&
	    domain_to_ascii(domain.data, &ascii, &ignored) == 0;
	err_release(&ignored);
	if (made)
		buf_addf(out, "%.*s%s%s", (int)before.len, before.data, ascii.data,
		    end[-1] == '>' ? ">" : "");
	buf_release(&domain);
	buf_release(&ascii);
	return made;
}

/* The word as it is. */
static void
add_as_it_is(struct ascii *a, struct span gap, struct span text)
{
	bool encoded = is_encoded_word(text);

	a->fold.reserve += encoded ? FOLD_COLUMNS - FOLD_COLUMNS_ENCODED : 0;
	fold_gap(&a->fold, gap_behind(a, gap), text.len);
	a->fold.reserve -= encoded ? FOLD_COLUMNS - FOLD_COLUMNS_ENCODED : 0;
	fold_raw(&a->fold, text);
	a->fold.encoded = a->fold.encoded || encoded;
	a->encoded = encoded;
	a->separator = is_separator(text);
	a->raw = a->raw || span_has_8bit(text);
}

static void
add_word(struct ascii *a, struct word word)
{
	struct buf address = BUF_INIT(word.text.len + DOMAIN_MAX);

	if (a->addresses && span_has_8bit(word.text) && add_with_a_labels(&address, word.text))
		word.text = (struct span){ address.data, address.len };
	add_as_it_is(a, word.gap, word.text);
	a->fold.out->failed = a->fold.out->failed || address.failed;
	buf_release(&address);
}

/* Appends what a word stands for. */
static void
add_meaning(struct buf *out, struct span word, enum syntax syntax)
{
	if (syntax == SYNTAX_TEXT || word.data[0] != '"') {
		buf_add(out, word.data, word.len);
		return;
	}
	for (size_t i = 1; i < word.len && word.data[i] != '"'; i++) {
		if (word.data[i] == '\\' && i + 1 < word.len)
			i++;
		buf_addc(out, word.data[i]);
	}
}

/*
 * A word that must be encoded, with those behind it that must be, too.  The space between two
 * encoded words is not seen, so that all of it is encoded with one of them.
 */
static void
add_run(struct ascii *a, struct span *text, enum syntax syntax, struct word word)
{
	struct buf run = BUF_INIT(MESSAGE_HEADER_MAX);
	struct span rest = *text;
	struct word next;

	if (a->encoded)
		buf_add(&run, word.gap.data, word.gap.len);
	add_meaning(&run, word.text, syntax);
	while (next_word(&rest, syntax, &next) && !is_comment(next.text, syntax)) {
		bool joined = span_has_8bit(next.text) || next.gap.len == 0;

		if (joined || is_encoded_word(next.text))
			buf_add(&run, next.gap.data, next.gap.len);
		if (!joined)
			break;
		add_meaning(&run, next.text, syntax);
		*text = rest;
	}
	if (a->encoded || (word.gap.len == 0 && syntax == SYNTAX_PHRASE))
		word.gap = span_of(" ");
	words_add_encoded(&a->fold, a->charset, word.gap, "", (struct span){ run.data, run.len });
	a->fold.out->failed = a->fold.out->failed || !buf_ok(&run);
	a->encoded = true;
	a->separator = false;
	buf_release(&run);
}

static void add_words(struct ascii *a, struct span text, enum syntax syntax);

/* A comment that holds others is encoded as a whole: it must not be parted between parentheses. */
static void
add_whole_comment(struct ascii *a, struct span gap, struct span inner)
{
	struct buf text = BUF_INIT(MESSAGE_HEADER_MAX);

	for (size_t i = 0; i < inner.len; i++) {
		if (inner.data[i] == '\\' && i + 1 < inner.len)
			i++;
		buf_addc(&text, inner.data[i]);
	}
	words_add_encoded(&a->fold, a->charset, gap, "(", (struct span){ text.data, text.len });
	a->fold.out->failed = a->fold.out->failed || !buf_ok(&text);
	buf_release(&text);
}

static void
add_comment(struct ascii *a, struct word word)
{
	struct span inner = { word.text.data + 1, word.text.len - 2 };
	struct span gap = word.gap.len > 0 ? word.gap : span_of(" ");
	size_t reserve = a->fold.reserve;

	a->encoded = a->separator = false;
	/* Of a line that ends in one, the parenthesis and a separator are part. */
	a->fold.reserve = strlen("),");
	if (memchr(inner.data, '(', inner.len) != NULL ||
	    memchr(inner.data, '\\', inner.len) != NULL) {
		add_whole_comment(a, gap, inner);
	} else {
		fold_gap(&a->fold, gap, COMMENT_ROOM);
		fold_raw(&a->fold, span_of("("));
		add_words(a, span_trim(inner), SYNTAX_TEXT);
	}
	fold_raw(&a->fold, span_of(")"));
	a->fold.reserve = reserve;
	a->encoded = a->separator = false;
}

static void
add_words(struct ascii *a, struct span text, enum syntax syntax)
{
	struct word word;

	while (next_word(&text, syntax, &word)) {
		bool raw = span_has_8bit(word.text);

		if (raw && is_comment(word.text, syntax))
			add_comment(a, word);
		else if (raw && syntax != SYNTAX_STRICT)
			add_run(a, &text, syntax, word);
		else
			add_word(a, word);
	}
}

static void
add_text(struct ascii *a, struct span body)
{
	add_words(a, body, SYNTAX_TEXT);
}

static void
add_strict(struct ascii *a, struct span body)
{
	add_words(a, body, SYNTAX_STRICT);
}

/* Addresses. */

/* Octets up to the first of those that stand for themselves. */
static size_t
length_to(struct span text, const char *stops)
{
	size_t i = 0;

	while (i < text.len && (text.data[i] == '\0' || strchr(stops, text.data[i]) == NULL))
		i += unit_length((struct span){ text.data + i, text.len - i });
	return i;
}

/* Text without the spaces at its end, which are *gap. */
static struct span
without_gap(struct span text, struct span *gap)
{
	struct span left = text;

	while (left.len > 0 && ascii_is_space(left.data[left.len - 1]))
		left.len--;
	*gap = (struct span){ left.data + left.len, text.len - left.len };
	return left;
}

/* What stands before '<' or ':' is a phrase; what ends otherwise is an address. */
static void
add_addresses(struct ascii *a, struct span body)
{
	a->addresses = true;
	a->fold.reserve = strlen(",");
	while (body.len > 0) {
		size_t len = length_to(body, "<>,;:");
		char stop = len < body.len ? body.data[len] : '\0';
		struct word behind = { .text = { body.data + len, stop != '\0' } };

		add_words(a, without_gap((struct span){ body.data, len }, &behind.gap),
		    stop == '<' || stop == ':' ? SYNTAX_PHRASE : SYNTAX_STRICT);
		advance(&body, len);
		if (stop == '<') {
			len = length_to(body, ">");
			behind.text.len = len < body.len ? len + 1 : body.len;
			/* There the line can be broken. */
			behind.gap = behind.gap.len > 0 ? behind.gap : span_of(" ");
		}
		if (behind.text.len > 0)
			add_word(a, behind);
		advance(&body, behind.text.len);
	}
}

/* Parameters. */

/*
 * The value as it stands, in quotation marks or not, with %HH for 8-bit octets (and all that could
 * be taken amiss).
 */
static void
add_percent(struct buf *out, struct span text, bool all)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (is_8bit(c) ||
		    (all && !ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '-'))
			buf_addf(out, "%%%02X", (unsigned char)c);
		else
			buf_addc(out, c);
	}
}

/*
 * One token: name*=…, or name="…" in octets of an unknown charset; all: not the value of an
 * extended parameter already.
 */
static void
add_extended(struct ascii *a, const char *name, const char *charset, struct span value, bool all)
{
	struct buf token = BUF_INIT(MESSAGE_HEADER_MAX);

	buf_addf(&token, "%s=%s%s", name, charset, charset[0] != '\0' ? "''" : "");
	add_percent(&token, value, all);
	fold_raw(&a->fold, span_of(";"));
	fold_token(&a->fold, " ", (struct span){ token.data, token.len });
	a->fold.out->failed = a->fold.out->failed || !buf_ok(&token);
	buf_release(&token);
}

/*
 * The body has that parameter in the form of RFC 2231, too, which tells what it tells: readers
 * would take two of them for one value in pieces.
 */
static bool
has_extended(struct span body, const char *name)
{
	static const char *const suffixes[] = { "*", "*0", "*0*" };
	bool has = false;

	for (size_t i = 0; i < COUNT(suffixes) && !has; i++) {
		struct buf other = BUF_INIT(ATTRIBUTE_MAX + strlen("*0*")),
			   value = BUF_INIT(body.len);

		buf_addf(&other, "%s%s", name, suffixes[i]);
		has = parameter_find(body, other.data, &value);
		buf_release(&other);
		buf_release(&value);
	}
	return has;
}

static void
add_named(struct ascii *a, const char *name, struct span value)
{
	struct buf meaning = BUF_INIT(MESSAGE_HEADER_MAX),
		   extended = BUF_INIT(ATTRIBUTE_MAX + strlen("*"));
	const char *star = strchr(name, '*');
	struct span text;

	add_meaning(&meaning, value, SYNTAX_PHRASE);
	text = (struct span){ meaning.data, meaning.len };
	buf_addf(&extended, "%s*", name);
	if (name[strlen(name) - 1] == '*')
		add_extended(a, name, "", value, false);
	/* A piece, name*1=…: the charset stands in the first one. */
	else if (star != NULL)
		add_extended(a, extended.data, strcmp(star, "*0") == 0 ? a->charset : "", text,
		    true);
	else if (a->charset == utf8)
		parameter_add(&a->fold, name, text);
	else
		add_extended(a, extended.data, unknown, text, true);
	a->fold.out->failed = a->fold.out->failed || !buf_ok(&meaning);
	buf_release(&meaning);
	buf_release(&extended);
}

/* What readers take the content apart by must be found by all of them. */
static bool
is_vital(struct span name)
{
	return span_starts_nocase(name, "boundary") || span_starts_nocase(name, "charset");
}

/* One of the parameters in body. */
static void
add_parameter(struct ascii *a, struct span text, struct span body)
{
	struct span value = text, name = span_trim(span_cut(&value, '='));
	struct buf copy = BUF_INIT(ATTRIBUTE_MAX);

	value = span_trim(value);
	buf_add(&copy, name.data, name.len);
	if (span_has_8bit(value) && !span_has_8bit(name) && !is_vital(name) && buf_ok(&copy) &&
	    copy.len > 0) {
		if (a->parameters++ >= PARAMETERS_MAX || !has_extended(body, copy.data))
			add_named(a, copy.data, value);
	} else {
		fold_raw(&a->fold, span_of(";"));
		add_strict(a, text);
	}
	a->encoded = false;
	buf_release(&copy);
}

static void
add_parameters(struct ascii *a, struct span body)
{
	size_t len = length_to(body, ";");
	struct span whole = body;

	add_strict(a, (struct span){ body.data, len });
	for (advance(&body, len); body.len > 0; advance(&body, len)) {
		struct span gap;

		advance(&body, 1);
		len = length_to(body, ";");
		add_parameter(a, without_gap((struct span){ body.data, len }, &gap), whole);
	}
}

/* What may stand in a field that is not here is text. */
static const struct kind {
	const char *name; /* a hyphen at its end: all that begin so */
	void (*add)(struct ascii *a, struct span body);
} kinds[] = {
	{ "From", add_addresses },
	{ "Sender", add_addresses },
	{ "Reply-To", add_addresses },
	{ "To", add_addresses },
	{ "Cc", add_addresses },
	{ "Resent-From", add_addresses },
	{ "Resent-Sender", add_addresses },
	{ "Resent-Reply-To", add_addresses },
	{ "Resent-To", add_addresses },
	{ "Resent-Cc", add_addresses },
	{ "Mail-Followup-To", add_addresses },
	{ "Mail-Reply-To", add_addresses },
	{ "Disposition-Notification-To", add_addresses },
	{ "Return-Receipt-To", add_addresses },
	{ "Errors-To", add_addresses },
	{ "Apparently-To", add_addresses },
	{ "X-Original-From", add_addresses },
	{ "List-ID", add_addresses },
	{ "Content-Type", add_parameters },
	{ "Content-Disposition", add_parameters },
	{ "Content-Description", add_text },
	{ "Content-", add_strict },
	{ "List-", add_strict },
	{ "ARC-", add_strict },
	{ "Date", add_strict },
	{ "Resent-Date", add_strict },
	{ "Message-ID", add_strict },
	{ "Resent-Message-ID", add_strict },
	{ "In-Reply-To", add_strict },
	{ "References", add_strict },
	{ "Received", add_strict },
	{ "Return-Path", add_strict },
	{ "Delivered-To", add_strict },
	{ "MIME-Version", add_strict },
	{ "DKIM-Signature", add_strict },
	{ "Authentication-Results", add_strict },
	{ "Autocrypt", add_strict },
};

static const struct kind *
kind_of(const struct header_field *field)
{
	static const struct kind text = { NULL, add_text };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		const char *name = kinds[i].name;
		bool prefix = name[strlen(name) - 1] == '-';

		if (prefix ? span_starts_nocase(field->name, name) : header_is(field, name))
			return &kinds[i];
	}
	return &text;
}

/*
 * Charsets whose converters are plain tables: what else iconv(3) knows is not for text that
 * strangers wrote.
 */
static bool
is_usual(const char *charset)
{
	static const char *const names[] = {
		"iso-8859-",
		"windows-125",
		"cp125",
		"koi8-",
		"gb2312",
		"gbk",
		"gb18030",
		"big5",
		"shift_jis",
		"euc-jp",
		"euc-kr",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_starts_nocase(span_of(charset), names[i]))
			return true;
	return false;
}

/* Appends body as UTF-8, or, where it cannot be made that, as it is: false. */
static bool
add_utf8(struct span body, const char *charset, struct buf *out)
{
	bool made = utf8_valid(body);
	size_t begin = out->len;
	struct err ignored;

	if (!made && charset != NULL && is_usual(charset)) {
		err_init(&ignored);
		made = charset_to_utf8(body, charset, out, &ignored) == 0;
		err_release(&ignored);
		if (made)
			return true;
		buf_truncate(out, begin);
	}
	buf_add(out, body.data, body.len);
	return made;
}

bool
ascii_add_field(struct buf *out, const struct header_field *field, const char *charset)
{
	struct buf body = BUF_INIT(MESSAGE_HEADER_MAX), text = BUF_INIT(4 * MESSAGE_HEADER_MAX);
	struct ascii a = { .raw = false };
	size_t begin = out->len;

	header_unfold(&body, field->body);
	buf_addc(&text, ' ');
	a.charset = add_utf8((struct span){ body.data, body.len }, charset, &text) ? utf8 : unknown;
	fold_begin(&a.fold, out, field->name);
	kind_of(field)->add(&a, (struct span){ text.data, text.len });
	fold_end(&a.fold);
	out->failed = out->failed || !buf_ok(&body) || !buf_ok(&text);
	buf_release(&body);
	buf_release(&text);
	if (a.raw)
		buf_truncate(out, begin);
	return !a.raw;
}
