/* SPDX-License-Identifier: ISC */
#include "format/fold.h"

void
fold_begin(struct fold *f, struct buf *out, struct span name)
{
	*f = (struct fold){ .out = out };
	fold_raw(f, name);
	fold_raw(f, span_of(":"));
	f->any = false;
}

void
fold_continue(struct fold *f, struct buf *out, size_t column)
{
	*f = (struct fold){ .out = out, .column = column, .longest = column };
}

size_t
fold_room(const struct fold *f, size_t columns)
{
	return f->column + f->reserve < columns ? columns - f->column - f->reserve : 0;
}

void
fold_gap(struct fold *f, struct span gap, size_t width)
{
	size_t columns = f->encoded ? FOLD_COLUMNS_ENCODED : FOLD_COLUMNS;

	if (f->any && gap.len > 0 && gap.len + width > fold_room(f, columns)) {
		buf_adds(f->out, "\r\n");
		f->column = 0;
		f->encoded = false;
	}
	fold_raw(f, gap);
}

void
fold_raw(struct fold *f, struct span text)
{
	buf_add(f->out, text.data, text.len);
	f->column += text.len;
	if (f->column > f->longest)
		f->longest = f->column;
	f->any = true;
}

void
fold_token(struct fold *f, const char *gap, struct span token)
{
	fold_gap(f, span_of(gap), token.len);
	fold_raw(f, token);
}

bool
fold_next_word(struct span *text, struct span *gap, struct span *word)
{
	size_t begin = 0, end;

	while (begin < text->len && ascii_is_space(text->data[begin]))
		begin++;
	for (end = begin; end < text->len && !ascii_is_space(text->data[end]); end++)
		continue;
	*gap = (struct span){ text->data, begin };
	*word = (struct span){ text->data + begin, end - begin };
	text->data += end;
	text->len -= end;
	return word->len > 0;
}

void
fold_text(struct fold *f, struct span text)
{
	struct span gap, word;

	for (text = span_trim(text); fold_next_word(&text, &gap, &word);) {
		if (gap.len == 0)
			gap = span_of(" ");
		fold_gap(f, gap, word.len);
		fold_raw(f, word);
	}
}

void
fold_end(struct fold *f)
{
	buf_adds(f->out, "\r\n");
	f->column = 0;
	f->encoded = false;
}
