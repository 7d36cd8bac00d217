/* SPDX-License-Identifier: ISC */
#include "config/grammar.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct config_file *
config_file_new(const char *name)
{
	struct config_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	buf_init_secret(&file->text, CONFIG_FILE_MAX);
	file->name = strdup(name);
	if (file->name == NULL) {
		free(file);
		return NULL;
	}
	return file;
}

void
config_file_free(struct config_file *file)
{
	struct config_file *next;

	for (; file != NULL; file = next) {
		next = file->next;
		buf_release(&file->text);
		free(file->name);
		free(file);
	}
}

void
origin_add(struct buf *out, struct origin at)
{
	text_printable(out, span_of(at.file->name), false);
	buf_addf(out, ":%u", at.line);
}

void
origin_add_short(struct buf *out, struct origin at, struct origin from)
{
	if (at.file == from.file)
		buf_addf(out, "line %u", at.line);
	else
		origin_add(out, at);
}

int
origin_err(struct origin at, struct err *err, const char *fmt, ...)
{
	struct buf sentence = BUF_INIT(ERR_TEXT_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&sentence, fmt, ap);
	va_end(ap);
	err_set(err, ERR_CONFIG, "%s", sentence.data);
	buf_release(&sentence);
	return origin_wrap(at, err);
}

int
origin_wrap(struct origin at, struct err *err)
{
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	origin_add(&place, at);
	err_wrap(err, "%s", place.data);
	buf_release(&place);
	return -1;
}

void
grammar_begin(struct grammar *g, const struct config_file *file)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";

	*g = (struct grammar){ file, { file->text.data, file->text.len }, 0 };
	/* Editors on Windows put it there, and nobody sees it. */
	if (span_starts_nocase(g->rest, byte_order_mark)) {
		g->rest.data += strlen(byte_order_mark);
		g->rest.len -= strlen(byte_order_mark);
	}
}

static bool
is_comment(struct span text)
{
	return text.len == 0 || text.data[0] == '#';
}

static bool
has_control(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_control(text.data[i]) && text.data[i] != '\t')
			return true;
	return false;
}

static int
check_text(struct span text, struct origin at, struct err *err)
{
	if (text.len > CONFIG_LINE_MAX)
		return origin_err(at, err, "the line is longer than %d octets", CONFIG_LINE_MAX);
	if (memchr(text.data, '\0', text.len) != NULL)
		return origin_err(at, err, "there is a NUL in the line: is this a text file?");
	if (!is_comment(span_trim(text)) && has_control(text))
		return origin_err(at, err, "there is a control character in the line");
	return 0;
}

static void
split(struct span text, struct line *line)
{
	size_t n = 0;

	while (n < text.len && !ascii_is_space(text.data[n]))
		n++;
	line->key = (struct span){ text.data, n };
	line->value = span_trim((struct span){ text.data + n, text.len - n });
	line->quoted = line->value.len >= 2 && line->value.data[0] == '"' &&
	    line->value.data[line->value.len - 1] == '"';
	if (line->quoted) {
		line->value.data++;
		line->value.len -= 2;
	}
}

int
grammar_next(struct grammar *g, struct line *line, struct err *err)
{
	*line = (struct line){ .at.file = g->file };
	while (g->rest.len > 0) {
		struct span text = span_cut(&g->rest, '\n');

		line->at.line = ++g->line;
		if (text.len > 0 && text.data[text.len - 1] == '\r')
			text.len--;
		if (check_text(text, line->at, err) == -1)
			return -1;
		text = span_trim(text);
		if (is_comment(text))
			continue;
		split(text, line);
		return 0;
	}
	return 0;
}

void
grammar_unescape(struct buf *out, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '\\' && i + 1 < value.len &&
		    strchr("\"\\", value.data[i + 1]) != NULL)
			i++;
		buf_addc(out, value.data[i]);
	}
}
