/* SPDX-License-Identifier: ISC */
#include "html/fill.h"

#include <string.h>

#include "format/width.h"
#include "html/entity.h"

void
fill_init(struct fill *f, struct buf *out)
{
	*f = (struct fill){ .out = out };
	buf_init(&f->word, SIZE_MAX);
}

void
fill_release(struct fill *f)
{
	buf_release(&f->word);
}

/* An empty line between two that share part of their prefix: without the spaces at its end. */
static void
add_empty_line(struct fill *f)
{
	size_t len = f->shared_len;

	while (len > 0 && f->prefix[len - 1] == ' ')
		len--;
	buf_add(f->out, f->prefix, len);
	buf_addc(f->out, '\n');
}

static void
begin_line(struct fill *f)
{
	if (f->any) {
		buf_addc(f->out, '\n');
		for (; f->owed > 1; f->owed--)
			add_empty_line(f);
	}
	buf_add(f->out, f->first, f->prefix_len);
	memcpy(f->first, f->prefix, f->prefix_len);
	f->column = f->shared_len = f->prefix_len;
	f->owed = 0;
	f->begun++;
	f->any = true;
	f->space = false;
}

static void
clear_word(struct fill *f)
{
	buf_clear(&f->word);
	f->width = f->seen = f->seen_len = 0;
	f->last = 0;
	f->address = false;
}

/* Puts the word on this line or the next. */
static void
end_word(struct fill *f)
{
	bool within = f->any && f->owed == 0;

	if (!buf_ok(&f->word))
		f->out->failed = true;
	if (f->seen_len == 0) {
		f->blank = f->blank || (f->word.len > 0 && !within);
		clear_word(f);
		return;
	}
	if (!within ||
	    (!f->as_is && f->column > f->prefix_len &&
		f->column + f->space + f->seen > FILL_COLUMNS))
		begin_line(f);
	if (f->space)
		buf_addc(f->out, ' ');
	buf_add(f->out, f->word.data, f->seen_len);
	f->column += f->space + f->seen;
	f->space = f->blank = false;
	clear_word(f);
}

void
fill_char(struct fill *f, uint32_t code)
{
	bool in_address = f->address && f->last != '>';

	if (!f->as_is && !in_address &&
	    (width_may_break(f->last, code) || (f->address && width_may_break(0x3002, code))))
		end_word(f);
	if (code == '<' ? f->word.len == 0 : code == '/' && f->last == ':')
		f->address = true;
	html_add(&f->word, code == HTML_NO_BREAK_SPACE ? ' ' : code);
	f->width += width_of(code);
	f->last = code;
	if (html_is_soft(code))
		return;
	f->seen = f->width;
	f->seen_len = f->word.len;
}

void
fill_space(struct fill *f)
{
	end_word(f);
	f->space = f->any && f->owed == 0;
}

void
fill_lines(struct fill *f, size_t lines)
{
	end_word(f);
	if (f->blank && lines < 2)
		lines = 2;
	if (f->owed < lines)
		f->owed = lines;
	f->blank = f->space = false;
}

void
fill_break(struct fill *f)
{
	end_word(f);
	f->owed++;
	f->blank = f->space = false;
}

size_t
fill_push(struct fill *f, const char *mark, bool once)
{
	size_t before = f->prefix_len, len = strlen(mark);

	if (len > FILL_PREFIX_MAX - before)
		return before;
	memcpy(f->first + before, mark, len);
	memcpy(f->prefix + before, mark, len);
	if (once)
		memset(f->prefix + before, ' ', len);
	f->prefix_len += len;
	return before;
}

void
fill_pop(struct fill *f, size_t before)
{
	f->prefix_len = before;
	if (f->shared_len > before)
		f->shared_len = before;
}

void
fill_end(struct fill *f)
{
	end_word(f);
	if (f->any)
		buf_addc(f->out, '\n');
}
