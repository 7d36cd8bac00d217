/* SPDX-License-Identifier: ISC */
#include "command/content.h"

#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { CHUNK = 64 * 1024 }; /* octets of the body that are read at once */

/*
 * Failures are told here: a stream forgets what it could not write, and a later fflush(3) succeeds.
 */
static int
put(FILE *out, struct span text, struct err *err)
{
	if (fwrite(text.data, 1, text.len, out) == text.len)
		return 0;
	return err_sys(err, ERR_IO, "cannot write to standard output");
}

/*
 * Lines end in LF, as files have them: in wire form no CR is without LF.  To a terminal goes
 * nothing that could control it.
 */
static int
print_content(FILE *out, struct span text, bool terminal, struct err *err)
{
	struct buf shown = BUF_INIT(SIZE_MAX);
	int result = 0;

	while (text.len > 0) {
		struct span run = span_cut(&text, '\r');

		if (terminal)
			text_printable(&shown, run, true);
		else
			buf_add(&shown, run.data, run.len);
	}
	result = buf_ok(&shown) ? put(out, (struct span){ shown.data, shown.len }, err) :
				  err_memory(err);
	buf_release(&shown);
	return result;
}

static int
print_body(FILE *out, const struct spool *body, bool terminal, struct err *err)
{
	static char scratch[CHUNK];
	uint64_t offset = 0;

	while (offset < body->size) {
		struct span text;
		const char *end;

		if (spool_read(body, offset, scratch, sizeof(scratch), &text.data, &text.len, err) <
		    0)
			return -1;
		if (text.len == 0)
			return err_set(err, ERR_IO, "the stored message is shorter than it was");
		/* Whole lines, so that no character is cut in two; but for those that are longer.
		 */
		end = memrchr(text.data, '\n', text.len);
		if (end != NULL)
			text.len = (size_t)(end - text.data) + 1;
		if (print_content(out, text, terminal, err) < 0)
			return -1;
		offset += text.len;
	}
	return 0;
}

int
content_print(FILE *out, const struct message *message, struct err *err)
{
	bool terminal = isatty(fileno(out));

	if (print_content(out, (struct span){ message->header.data, message->header.len }, terminal,
		err) < 0 ||
	    put(out, span_of("\n"), err) < 0 || print_body(out, &message->body, terminal, err) < 0)
		return -1;
	return fflush(out) == 0 ? 0 : err_sys(err, ERR_IO, "cannot write to standard output");
}
