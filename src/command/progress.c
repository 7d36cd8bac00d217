/* SPDX-License-Identifier: ISC */
#include "command/progress.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
	BAR = 40,		/* characters */
	PATIENCE_MS = 1000,	/* what is faster needs no line */
	EVERY_MS = 200,
};

static void
draw(struct progress *p)
{
	struct buf size = BUF_INIT(64), line = BUF_INIT(256);
	uint64_t done = p->done < p->total ? p->done : p->total;
	unsigned marks = (unsigned)(done * BAR / p->total);

	text_size(&size, p->total);
	buf_addc(&line, '[');
	for (unsigned i = 0; i < BAR; i++)
		buf_addc(&line, i < marks ? '#' : ' ');
	buf_addf(&line, "] %3u %%  ", (unsigned)(done * 100 / p->total));
	text_size(&line, done);
	buf_addf(&line, " of %s", size.data);
	fprintf(p->out, "\r%-*s", (int)p->width, line.data);
	fflush(p->out);
	if (line.len > p->width)
		p->width = line.len;
	buf_release(&size);
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
	if (progress->width > 0)
		fprintf(progress->out, "\r%*s\r", (int)progress->width, "");
	progress->width = 0;
}
