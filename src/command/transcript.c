/* SPDX-License-Identifier: ISC */
#include "command/transcript.h"

#include <string.h>

#include "base/text.h"

enum { LINE_MAX_SHOWN = 4096 }; /* octets of a line that are shown */

static void
print_line(struct transcript *t, const char *who, struct span line)
{
	struct buf text = BUF_INIT(5 * LINE_MAX_SHOWN);
	bool cut = line.len > LINE_MAX_SHOWN;

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (cut)
		line.len = LINE_MAX_SHOWN;
	text_printable(&text, line, false);
	fprintf(t->out, "%s %s%s\n", who, text.data, cut ? " …" : "");
	buf_release(&text);
}

/* Prints the lines that are complete now, and keeps the rest. */
static void
take(struct transcript *t, const char *who, struct buf *waiting, struct span text)
{
	struct span rest;
	size_t taken = 0;

	buf_add(waiting, text.data, text.len);
	rest = (struct span){ waiting->data, waiting->len };
	while (memchr(rest.data, '\n', rest.len) != NULL) {
		struct span line = span_cut(&rest, '\n');

		taken += line.len + 1;
		print_line(t, who, line);
	}
	buf_consume(waiting, taken);
	if (!buf_ok(waiting))
		buf_clear(waiting);
}

static void
take_sent(void *arg, struct span text)
{
	struct transcript *t = arg;

	take(t, "C:", &t->sent, text);
}

static void
take_received(void *arg, struct span text)
{
	struct transcript *t = arg;

	take(t, "S:", &t->received, text);
}

void
transcript_init(struct transcript *t, FILE *out)
{
	t->out = out;
	buf_init(&t->sent, STREAM_OUTPUT_MAX);
	buf_init(&t->received, STREAM_OUTPUT_MAX);
	t->watch = (struct stream_watch){ .sent = take_sent, .received = take_received, .arg = t };
}

void
transcript_release(struct transcript *t)
{
	if (t->sent.len > 0)
		print_line(t, "C:", (struct span){ t->sent.data, t->sent.len });
	if (t->received.len > 0)
		print_line(t, "S:", (struct span){ t->received.data, t->received.len });
	buf_release(&t->sent);
	buf_release(&t->received);
}
