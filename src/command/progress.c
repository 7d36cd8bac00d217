/* SPDX-License-Identifier: ISC */
#include "command/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum {
	BAR = 40,           /* characters; fewer where the terminal is narrow */
	BAR_MIN = 10,       /* a shorter one tells nothing */
	COLUMNS = 80,       /* where the terminal does not know */
	PATIENCE_MS = 1000, /* what is faster needs no line */
	EVERY_MS = 200,
};

/*
 * The characters that a line can have, asked for each time: windows change.  What wraps stays: a
 * return does not go back over it.  The last column is left alone, for some terminals wrap as soon
 * as it is full.
 */
static size_t
room(const struct progress *p)
{
	struct winsize size = { .ws_col = 0 };

	if (ioctl(fileno(p->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		size.ws_col = COLUMNS;
	return size.ws_col - 1U;
}

static void
add_bar(struct buf *line, uint64_t done, uint64_t total, size_t len)
{
	size_t marks = (size_t)(done * len / total);

	buf_addc(line, '[');
	for (size_t i = 0; i < len; i++)
		buf_addc(line, i < marks ? '#' : ' ');
	buf_adds(line, "] ");
}

/*
 * As much as there is room for: bar, percentage and sizes; without the bar; the percentage alone.
 */
static void
add_line(struct buf *line, const struct progress *p, size_t columns)
{
	uint64_t done = p->done < p->total ? p->done : p->total;
	struct buf percent = BUF_INIT(64), sizes = BUF_INIT(64);
	size_t around = strlen("[] ");

	buf_addf(&percent, "%3u %%", (unsigned)(done * 100 / p->total));
	buf_adds(&sizes, "  ");
	text_size(&sizes, done);
	buf_adds(&sizes, " of ");
	text_size(&sizes, p->total);
	around += percent.len + sizes.len;
	if (columns >= around + BAR_MIN)
		add_bar(line, done, p->total, columns - around < BAR ? columns - around : BAR);
	if (columns >= percent.len)
		buf_add(line, percent.data, percent.len);
	if (columns >= percent.len + sizes.len)
		buf_add(line, sizes.data, sizes.len);
	buf_release(&percent);
	buf_release(&sizes);
}

/* Writes over what stands there. */
static void
put_line(struct progress *p, const struct buf *line, size_t columns)
{
	size_t over = p->width < columns ? p->width : columns;

	fprintf(p->out, "\r%s%*s", line->data, over > line->len ? (int)(over - line->len) : 0, "");
	p->width = line->len;
}

static void
draw(struct progress *p)
{
	struct buf line = BUF_INIT(256);
	size_t columns = room(p);

	add_line(&line, p, columns);
	put_line(p, &line, columns);
	fflush(p->out);
	buf_release(&line);
}

static void
take_content(void *arg, size_t len)
{
	struct progress *p = arg;
	int64_t now = clock_ms();

	if (p->began_ms == 0)
		p->began_ms = now;
	p->done += len;
	if (p->total == 0 || now - p->began_ms < PATIENCE_MS || now - p->drawn_ms < EVERY_MS)
		return;
	p->drawn_ms = now;
	draw(p);
}

/* Lines of the dialogue are not shown. */
static void
ignore(void *arg, struct span text)
{
	(void)arg;
	(void)text;
}

void
progress_init(struct progress *progress, FILE *out, uint64_t total)
{
	*progress = (struct progress){ .out = out, .total = total };
	progress->watch = (struct stream_watch){ ignore, ignore, progress, take_content };
}

void
progress_end(struct progress *progress)
{
	struct buf none = BUF_INIT(1);

	if (progress->width == 0)
		return;
	put_line(progress, &none, room(progress));
	fputc('\r', progress->out);
	buf_release(&none);
}
