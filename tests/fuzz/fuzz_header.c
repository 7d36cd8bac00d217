/* SPDX-License-Identifier: ISC */
/*
 * Any octets as a header block.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/header.h"
#include "fuzz.h"

static bool
lies_in(struct span inner, struct span outer)
{
	return inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len;
}

/* Octets of the first line of text, without its end; *whole gets them with it. */
static struct span
first_line(struct span text, size_t *whole)
{
	struct span line = text;
	const char *lf = memchr(text.data, '\n', text.len);

	*whole = text.len;
	if (lf != NULL) {
		*whole = (size_t)(lf - text.data) + 1;
		line.len = *whole - 1;
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
	}
	return line;
}

/* What the walk left out: lines that are no field, nor the end. */
static void
check_skipped(struct span skipped)
{
	while (skipped.len > 0) {
		size_t whole;
		enum header_line kind = header_classify(first_line(skipped, &whole));

		check(kind != HEADER_FIELD && kind != HEADER_BLANK);
		skipped.data += whole;
		skipped.len -= whole;
	}
}

/* All line ends in a field's body are folding. */
static void
check_unfolded(struct span body)
{
	struct buf out = BUF_INIT(SIZE_MAX), again = BUF_INIT(SIZE_MAX);
	struct span rest;

	header_unfold(&out, body);
	check(buf_ok(&out) && out.len <= body.len);
	rest = (struct span){ out.data, out.len };
	check(span_trim(rest).len == out.len);
	check(out.len == 0 || memchr(out.data, '\n', out.len) == NULL);
	header_unfold(&again, rest);
	check(again.len == out.len && memcmp(again.data, out.data, out.len) == 0);
	buf_release(&out);
	buf_release(&again);
}

static void
check_field(const struct header_field *field, struct span left)
{
	struct header_field found;
	size_t whole;

	check(field->name.len > 0 && field->name.data == field->whole.data);
	check(!span_has_control(field->name) && !span_has_8bit(field->name));
	check(lies_in(field->name, field->whole) && lies_in(field->body, field->whole));
	check(field->body.data > field->name.data + field->name.len - 1 &&
	    field->body.data[-1] == ':');
	check(field->whole.data + field->whole.len == left.data);
	check(left.len == 0 || header_classify(first_line(left, &whole)) != HEADER_CONTINUATION);
	check_unfolded(field->body);
	check(header_next(&(struct span){ field->whole.data, field->whole.len }, &found));
	check(found.whole.len == field->whole.len && found.body.len == field->body.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span block = { size > 0 ? (const char *)data : "", size }, rest = block;
	const char *seen = block.data;
	struct buf unfolded = BUF_INIT(SIZE_MAX);
	struct header_field field;
	size_t whole;

	while (header_next(&rest, &field)) {
		check(field.whole.data >= seen);
		check_skipped((struct span){ seen, (size_t)(field.whole.data - seen) });
		check_field(&field, rest);
		seen = field.whole.data + field.whole.len;
	}
	check_skipped((struct span){ seen, (size_t)(rest.data - seen) });
	check(rest.len == 0 || header_classify(first_line(rest, &whole)) == HEADER_BLANK);
	check(rest.data + rest.len == block.data + block.len);
	header_unfold(&unfolded, block);
	buf_release(&unfolded);
	header_find(block, "To", &field);
	return 0;
}
