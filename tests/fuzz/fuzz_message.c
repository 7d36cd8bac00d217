/* SPDX-License-Identifier: ISC */
/*
 * Reads any input as a message, takes its recipients, completes it, and checks that what results is
 * a message in wire form.  The first octet chooses: whether a dot ends the input, and how the input
 * is cut into pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "format/header.h"
#include "fuzz.h"
#include "message/message.h"

enum {
	PIECES_MAX = 100, /* these, and the rest in one, are what a socket takes */
	INPUT_MAX = 64 * 1024,
	BODY_MAX = 2 * INPUT_MAX + 2,
};

static void
demand(bool what)
{
	if (!what)
		abort();
}

static int
make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	demand(pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

static int
make_pieces(const uint8_t *data, size_t size, size_t step)
{
	int pair[2];

	demand(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	for (size_t n = 0; size > 0; n++) {
		size_t len = n < PIECES_MAX && step < size ? step : size;

		demand(send(pair[0], data, len, 0) == (ssize_t)len);
		data += len;
		size -= len;
	}
	close(pair[0]);
	return pair[1];
}

static int
read_fd(struct message *m, int fd, bool dot_ends, struct err *err)
{
	struct message_input input = { .fd = fd, .dot_ends = dot_ends };
	int rc;

	message_init(m);
	rc = message_read(m, &input, err);
	close(fd);
	return rc;
}

static struct span
read_body(const struct message *m, struct err *err)
{
	static char scratch[BODY_MAX];
	struct span body;

	demand(spool_read(&m->body, 0, scratch, sizeof(scratch), &body.data, &body.len, err) == 0);
	demand(body.len == m->body.size);
	return body;
}

/* The same input must give the same message, however it is cut. */
static void
compare(const struct message *a, const struct message *b, struct err *err)
{
	struct span x, y;
	char *copy;

	demand(a->header.len == b->header.len &&
	    memcmp(a->header.data, b->header.data, a->header.len) == 0);
	demand(a->header_8bit == b->header_8bit && a->header_line_max == b->header_line_max);
	demand(a->body_8bit == b->body_8bit && a->body_line_max == b->body_line_max);
	demand(a->body_utf8 == b->body_utf8 && a->body_nul == b->body_nul);
	demand(a->recipients_in_body == b->recipients_in_body);
	x = read_body(a, err);
	copy = malloc(x.len + 1);
	demand(copy != NULL);
	memcpy(copy, x.data, x.len);
	y = read_body(b, err);
	demand(x.len == y.len && memcmp(copy, y.data, x.len) == 0);
	free(copy);
}

/* CR and LF stand together only, and at the end.  Returns the longest line. */
static size_t
check_lines(struct span text)
{
	size_t longest = 0, begin = 0;

	demand(text.len == 0 || text.data[text.len - 1] == '\n');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\r')
			demand(i + 1 < text.len && text.data[i + 1] == '\n');
		if (text.data[i] != '\n')
			continue;
		demand(i > 0 && text.data[i - 1] == '\r');
		longest = i - 1 - begin > longest ? i - 1 - begin : longest;
		begin = i + 1;
	}
	return longest;
}

static void
check_header(const struct message *m)
{
	struct span block = { m->header.data, m->header.len }, rest = block;
	struct header_field field;

	demand(memchr(block.data, '\0', block.len) == NULL);
	demand(check_lines(block) == m->header_line_max);
	demand(span_has_8bit(block) == m->header_8bit);
	/* It is fields from end to end. */
	while (header_next(&rest, &field)) {
		demand(field.whole.data == block.data && field.whole.len <= block.len);
		block.data += field.whole.len;
		block.len -= field.whole.len;
	}
	demand(block.len == 0);
}

static void
check_body(const struct message *m, struct err *err)
{
	struct span body = read_body(m, err);

	demand(check_lines(body) == m->body_line_max);
	demand(span_has_8bit(body) == m->body_8bit);
	demand(utf8_valid(body) == m->body_utf8);
	demand((memchr(body.data, '\0', body.len) != NULL) == m->body_nul);
}

static void
check_recipients(const struct message *m, struct err *err)
{
	struct envelope envelope;

	envelope_init(&envelope);
	if (message_recipients(m, &envelope, err) != 0)
		demand(envelope.count == 0 &&
		    (err->kind == ERR_ADDRESS || err->kind == ERR_MESSAGE));
	for (size_t i = 0; i < envelope.count; i++)
		demand(!span_has_control(span_of(envelope.recipients[i].address)));
	envelope_release(&envelope);
}

static void
check_completed(struct message *m, const struct message_defaults *defaults, struct err *err)
{
	static const char *const gone[] = { "Bcc", "Resent-Bcc", "Return-Path", "Content-Length" };
	struct buf once = BUF_INIT(MESSAGE_HEADER_MAX);
	struct header_field field;

	demand(message_complete(m, defaults, err) == 0);
	check_header(m);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		demand(!header_find((struct span){ m->header.data, m->header.len }, gone[i],
		    &field));
	buf_add(&once, m->header.data, m->header.len);
	demand(message_complete(m, defaults, err) == 0);
	demand(m->header.len == once.len && memcmp(m->header.data, once.data, once.len) == 0);
	buf_release(&once);
}

/* The name is foreign too: the begin of the input. */
static void
complete(struct message *m, const uint8_t *data, size_t size, struct err *err)
{
	char *name = span_dup((struct span){ (const char *)data, size < 200 ? size : 200 });
	struct message_defaults defaults = {
		.from = "me@example.org",
		.full_name = name,
		.id_domain = "b.example",
		.now = 1600000000,
		.unique = "u",
	};

	demand(name != NULL);
	check_completed(m, &defaults, err);
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m, again;
	struct err err;
	bool dot_ends;
	size_t step;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	dot_ends = (data[0] & 1) != 0;
	step = data[0] / 2u + 1;
	err_init(&err);
	demand(read_fd(&m, make_file(data + 1, size - 1), dot_ends, &err) == 0);
	demand(read_fd(&again, make_pieces(data + 1, size - 1, step), dot_ends, &err) == 0);
	compare(&m, &again, &err);
	check_header(&m);
	check_body(&m, &err);
	check_recipients(&m, &err);
	complete(&m, data + 1, size - 1, &err);
	message_release(&m);
	message_release(&again);
	err_release(&err);
	return 0;
}
