/* SPDX-License-Identifier: ISC */
/*
 * Reads any input as a message, takes its recipients, completes it, and checks that what results is
 * a message in wire form.  The first octet chooses: whether a dot ends the input, and how the input
 * is cut into pieces.  The same input is taken as SMTP's DATA and BDAT, and held against what they
 * are said to be, octet by octet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "format/header.h"
#include "fuzz.h"
#include "message/intake.h"
#include "message/message.h"

enum {
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

/* Octets that are fed in pieces, most of them short, as `seed` has it; 0: in one. */
struct feeding {
	struct message message;
	struct intake intake;
	size_t taken;
	int rc;
};

static void
feed(struct feeding *f, enum intake_form form, struct span octets, uint32_t seed, struct err *err)
{
	struct intake_options options = { .form = form };
	bool whole = seed == 0;

	*f = (struct feeding){ .taken = 0 };
	message_init(&f->message);
	intake_begin(&f->intake, &f->message, &options);
	while (f->taken < octets.len) {
		size_t len, took;

		seed = seed * 1664525 + 1013904223;
		len = seed >> 28 == 0 ? seed >> 16 & 0xfff : seed >> 24 & 0xf;
		len = whole || len > octets.len - f->taken ? octets.len - f->taken : len;
		took = intake_feed(&f->intake, (struct span){ octets.data + f->taken, len });
		f->taken += took;
		if (took < len)
			break;
	}
	err_clear(err);
	f->rc = intake_end(&f->intake, err);
}

static void
feeding_release(struct feeding *f)
{
	intake_release(&f->intake);
	message_release(&f->message);
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

/*
 * What DATA is, said anew: the content without its dots, and how much of the input it was; false
 * where it does not end.
 */
static bool
unstuff(struct span input, struct buf *content, size_t *taken)
{
	bool begin = true;

	for (size_t i = 0; i < input.len; i++) {
		struct span rest = { input.data + i, input.len - i };

		if (begin && rest.len >= 3 && memcmp(rest.data, ".\r\n", 3) == 0) {
			*taken = i + 3;
			return true;
		}
		if (!begin || *rest.data != '.')
			buf_addc(content, *rest.data);
		begin = *rest.data == '\n' && i > 0 && input.data[i - 1] == '\r';
	}
	*taken = input.len;
	return false;
}

static bool
has_bare(struct span content)
{
	for (size_t i = 0; i < content.len; i++)
		if (content.data[i] == '\r' ?
			i + 1 == content.len || content.data[i + 1] != '\n' :
			content.data[i] == '\n' && (i == 0 || content.data[i - 1] != '\r'))
			return true;
	return false;
}

/* As SMTP's, it is the message that its content is as text, or has a fault, or no end. */
static void
check_smtp(enum intake_form form, struct span input, uint32_t seed, struct err *err)
{
	struct buf content = BUF_INIT(INPUT_MAX);
	size_t taken = input.len;
	bool ends = true;
	struct feeding f, text;

	if (form == INTAKE_DATA)
		ends = unstuff(input, &content, &taken);
	else
		buf_add(&content, input.data, input.len);
	feed(&f, form, input, seed, err);
	demand(f.taken == taken);
	demand(f.intake.ended == (form == INTAKE_DATA && ends));
	if (ends && has_bare((struct span){ content.data, content.len })) {
		demand(f.intake.fault == INTAKE_BARE && f.rc == -1 && err->kind == ERR_MESSAGE);
	} else if (ends) {
		demand(f.rc == 0 && f.intake.fault == INTAKE_SOUND);
		feed(&text, INTAKE_TEXT, (struct span){ content.data, content.len }, 0, err);
		compare(&f.message, &text.message, err);
		feeding_release(&text);
	} else {
		demand(f.rc == -1 && (err->kind == ERR_LOST || err->kind == ERR_MESSAGE));
	}
	feeding_release(&f);
	buf_release(&content);
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
	struct span input;
	struct feeding again;
	struct message m;
	struct err err;
	bool dot_ends;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	input = (struct span){ (const char *)data + 1, size - 1 };
	dot_ends = (data[0] & 1) != 0;
	err_init(&err);
	demand(read_fd(&m, make_file(data + 1, size - 1), dot_ends, &err) == 0);
	feed(&again, dot_ends ? INTAKE_TERMINAL : INTAKE_TEXT, input, data[0], &err);
	demand(again.rc == 0);
	compare(&m, &again.message, &err);
	check_smtp(INTAKE_DATA, input, data[0], &err);
	check_smtp(INTAKE_BDAT, input, data[0], &err);
	check_header(&m);
	check_body(&m, &err);
	check_recipients(&m, &err);
	complete(&m, data + 1, size - 1, &err);
	message_release(&m);
	feeding_release(&again);
	err_release(&err);
	return 0;
}
