/* SPDX-License-Identifier: ISC */
/*
 * Writes any octets as text, phrase, comment, list of addresses and file name of header fields, and
 * reads them back. The first octet chooses which, and how long the field's name is.
 */
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "format/address.h"
#include "format/codec.h"
#include "format/fold.h"
#include "format/header.h"
#include "format/mailboxes.h"
#include "format/parameter.h"
#include "format/words.h"
#include "fuzz.h"

enum { INPUT_MAX = 4000, NAME_MAX_LEN = 70, MODES = 6 };

/* No line too long, nothing but ASCII unless 8-bit characters may stay, folded as it should be. */
static void
check_lines(const struct buf *field, bool limited, bool may_be_8bit)
{
	struct span rest = { field->data, field->len };

	check(buf_ok(field));
	check(may_be_8bit || !span_has_8bit(rest));
	for (bool first = true; rest.len > 0; first = false) {
		struct span line = span_cut(&rest, '\n');

		check(line.len > 0 && line.data[line.len - 1] == '\r');
		line.len--;
		check(!span_has_control(line) || memchr(line.data, '\t', line.len) != NULL);
		check(memchr(line.data, '\r', line.len) == NULL);
		check(header_classify(line) == (first ? HEADER_FIELD : HEADER_CONTINUATION));
		check(span_trim(line).len > 0);
		check(!limited || line.len <= FOLD_COLUMNS);
		check(!limited || memmem(line.data, line.len, "=?utf-8?", 8) == NULL ||
		    line.len <= FOLD_COLUMNS_ENCODED);
	}
}

static int
hex(char c)
{
	check(ascii_is_digit(c) || (c >= 'A' && c <= 'F'));
	return ascii_is_digit(c) ? c - '0' : c - 'A' + 10;
}

/* What Q, or %, stands for. */
static void
add_decoded(struct buf *out, struct span text, char escape)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == escape) {
			check(text.len - i > 2);
			c = (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2]));
			i += 2;
		} else if (escape == '=' && c == '_') {
			c = ' ';
		}
		buf_addc(out, c);
	}
}

/* At "=?utf-8?": appends what the encoded word says and returns what is behind it. */
static struct span
add_word(struct buf *out, struct span text)
{
	struct span word = { text.data + 10, text.len - 10 };
	const char *end = memmem(word.data, word.len, "?=", 2);
	size_t before = out->len;

	check(text.len > 12 && end != NULL && end + 2 - text.data <= 75);
	word.len = (size_t)(end - word.data);
	if (memcmp(text.data + 8, "Q?", 2) == 0)
		add_decoded(out, word, '=');
	else
		check(memcmp(text.data + 8, "B?", 2) == 0 && base64_decode(out, word));
	/* No character is split. */
	check(utf8_valid((struct span){ out->data + before, out->len - before }));
	return (struct span){ end + 2, (size_t)(text.data + text.len - end) - 2 };
}

static bool
is_word(struct span text)
{
	return text.len > 12 && memcmp(text.data, "=?utf-8?", 8) == 0;
}

/* Decodes as RFC 2047 section 6.2 wants: space between encoded words is dropped. */
static void
decode(struct buf *out, struct span text)
{
	while (text.len > 0) {
		struct span behind;

		if (!is_word(text)) {
			buf_addc(out, text.data[0]);
			text = (struct span){ text.data + 1, text.len - 1 };
			continue;
		}
		text = behind = add_word(out, text);
		while (behind.len > 0 && ascii_is_space(behind.data[0]))
			behind = (struct span){ behind.data + 1, behind.len - 1 };
		if (is_word(behind))
			text = behind;
	}
}

static void
unfold(const struct buf *field, struct buf *out)
{
	struct span rest = { field->data, field->len };
	struct header_field read;

	check(header_next(&rest, &read));
	check(rest.len == 0);
	header_unfold(out, read.body);
}

static void
check_text(const struct buf *field, struct span text)
{
	struct buf cleaned = BUF_INIT(INPUT_MAX * 4), body = BUF_INIT(INPUT_MAX * 20),
		   read = BUF_INIT(INPUT_MAX * 4);
	struct span wanted;

	words_clean(&cleaned, text);
	wanted = span_trim((struct span){ cleaned.data, cleaned.len });
	unfold(field, &body);
	decode(&read, (struct span){ body.data, body.len });
	check(read.len == wanted.len && memcmp(read.data, wanted.data, wanted.len) == 0);
	buf_release(&cleaned);
	buf_release(&body);
	buf_release(&read);
}

/* A phrase, before an address: the address is what it was. */
static void
check_phrase(struct fold *f, struct buf *field, struct span text)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct buf body = BUF_INIT(INPUT_MAX * 20);
	struct err err;

	err_init(&err);
	words_add_phrase(f, text);
	fold_token(f, " ", span_of("<a@b>"));
	words_add_comment(f, text);
	fold_end(f);
	check_lines(field, false, false);
	unfold(field, &body);
	check(address_parse(&list, (struct span){ body.data, body.len }, ADDRESS_ONE, &err) == 0);
	check(strcmp(list.items[0].mailbox, "a@b") == 0);
	address_list_release(&list);
	buf_release(&body);
	err_release(&err);
}

/* The addresses are those of the list, in their order. */
static void
check_mailboxes(struct fold *f, struct buf *field, struct span text)
{
	struct address_list before = ADDRESS_LIST_INIT, after = ADDRESS_LIST_INIT;
	struct buf body = BUF_INIT(INPUT_MAX * 20);
	struct err err;
	int known;

	err_init(&err);
	known = address_parse(&before, text, 0, &err);
	check(mailboxes_add(f, text, &err) == known);
	fold_end(f);
	if (known == 0 && field->data[field->len - 3] != ':') {
		check_lines(field, false, true);
		unfold(field, &body);
		check(address_parse(&after, (struct span){ body.data, body.len }, 0, &err) == 0);
		check(before.count == after.count);
		for (size_t i = 0; i < before.count; i++)
			check(strcmp(before.items[i].mailbox, after.items[i].mailbox) == 0);
	}
	address_list_release(&before);
	address_list_release(&after);
	buf_release(&body);
	err_release(&err);
}

/* The pieces of a parameter, in their order, or its one value. */
static void
read_parameter(const struct buf *body, struct buf *out)
{
	struct buf value = BUF_INIT(INPUT_MAX * 4), name = BUF_INIT(100);
	struct span text = { body->data, body->len };
	bool extended = parameter_find(text, "filename*", &value) ||
	    parameter_find(text, "filename*0*", &value);

	if (!extended) {
		check(parameter_find(text, "filename", out));
	} else {
		check(value.len >= 7 && memcmp(value.data, "UTF-8''", 7) == 0);
		buf_consume(&value, 7);
		for (unsigned i = 1;; i++) {
			add_decoded(out, (struct span){ value.data, value.len }, '%');
			buf_clear(&value);
			buf_clear(&name);
			buf_addf(&name, "filename*%u*", i);
			if (!parameter_find(text, name.data, &value))
				break;
		}
	}
	buf_release(&value);
	buf_release(&name);
}

static void
check_parameter(struct fold *f, struct buf *field, struct span text)
{
	struct buf name = BUF_INIT(INPUT_MAX * 2), plain = BUF_INIT(100),
		   body = BUF_INIT(INPUT_MAX * 20);
	struct buf read = BUF_INIT(INPUT_MAX * 4);

	parameter_file_name(&name, text);
	check(utf8_valid((struct span){ name.data, name.len }) &&
	    memchr(name.data, '/', name.len) == NULL);
	check(!span_has_control((struct span){ name.data, name.len }));
	parameter_plain_name(&plain, (struct span){ name.data, name.len });
	check(buf_ok(&plain) && plain.len > 0 && plain.len <= 60 &&
	    !span_has_8bit((struct span){ plain.data, plain.len }));
	fold_token(f, " ", span_of("attachment"));
	parameter_add(f, "filename", (struct span){ name.data, name.len });
	fold_end(f);
	check_lines(field, true, false);
	unfold(field, &body);
	read_parameter(&body, &read);
	check(read.len == name.len && memcmp(read.data, name.data, name.len) == 0);
	buf_release(&name);
	buf_release(&plain);
	buf_release(&body);
	buf_release(&read);
}

/* Foreign fields are read, and given types looked at. */
static void
read_foreign(struct span text)
{
	struct buf value = BUF_INIT(INPUT_MAX), again = BUF_INIT(INPUT_MAX);
	bool found = parameter_find(text, "boundary", &value);

	check(found || value.len == 0);
	check(value.len < text.len || text.len == 0);
	if (parameter_is_sound(text))
		check(memchr(text.data, '/', text.len) != NULL);
	buf_release(&value);
	buf_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf field = BUF_INIT(INPUT_MAX * 20), name = BUF_INIT(NAME_MAX_LEN);
	struct span text = { (const char *)data + 1, size - 1 };
	struct fold f;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	while (name.len < (size_t)data[0] / MODES + 1)
		buf_addc(&name, 'X');
	fold_begin(&f, &field, (struct span){ name.data, name.len });
	switch (data[0] % MODES) {
	case 0:
		words_add_text(&f, text);
		fold_end(&f);
		check_lines(&field, true, false);
		check_text(&field, text);
		break;
	case 1:
		check_phrase(&f, &field, text);
		break;
	case 2:
		check_mailboxes(&f, &field, text);
		break;
	case 3:
		check_parameter(&f, &field, text);
		break;
	default:
		read_foreign(text);
	}
	buf_release(&field);
	buf_release(&name);
	return 0;
}
