/* SPDX-License-Identifier: ISC */
/*
 * message_read(): what comes in is first made text with LF line ends, block by block; this goes
 * line by line through the header stage and then, in whole blocks again, to the body, where it gets
 * its CRLFs.
 */
#include "message/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"
#include "format/header.h"

enum {
	READ_SIZE = 64 * 1024,
	WIRE_SIZE = 2 * READ_SIZE + 4, /* a block of nothing but LFs, behind the begin of a UTF-8
					  sequence */
};

enum stage {
	STAGE_HEADER,
	STAGE_BROKEN, /* in the body, before its first empty line, where the header block ended
			 without one */
	STAGE_BODY,
};

struct intake {
	struct message *m;
	const struct message_input *input;
	struct err *err;
	enum stage stage;
	bool any_octet;         /* something was read */
	bool any_line;          /* a line has been taken */
	bool ended;             /* by a lone dot */
	uint64_t held_crs;      /* CRs that came last: what follows tells what they are */
	struct buf raw;         /* what read(2) gave */
	struct buf line;        /* a line, or the begin of one, without its LF */
	struct buf wire;        /* the body on its way to the spool */
	uint64_t body_line_len; /* octets of the body's last line, as long as it lacks its end */
};

static int intake_init(struct intake *in);
static int read_all(struct intake *in);
static int take_block(struct intake *in, char *data, size_t len);
static int take_text(struct intake *in, struct span text);
static int take_line(struct intake *in, bool whole);
static int add_body(struct intake *in, struct span text);
static int finish(struct intake *in);

int
message_read(struct message *m, const struct message_input *input, struct err *err)
{
	struct intake in = { .m = m, .input = input, .err = err };
	int rc = intake_init(&in);

	if (rc == 0)
		rc = read_all(&in);
	if (rc == 0)
		rc = finish(&in);
	buf_release(&in.raw);
	buf_release(&in.line);
	buf_release(&in.wire);
	return rc;
}

static int
intake_init(struct intake *in)
{
	spool_init(&in->m->body, &in->input->place);
	buf_init(&in->raw, READ_SIZE);
	buf_init(&in->line, MESSAGE_HEADER_MAX + 1);
	buf_init(&in->wire, WIRE_SIZE);
	if (buf_reserve(&in->raw, READ_SIZE) == NULL || buf_reserve(&in->wire, WIRE_SIZE) == NULL)
		return err_memory(in->err);
	return 0;
}

/* read(2) that waits, also where who started us left the descriptor non-blocking. */
static ssize_t
read_some(int fd, char *to, size_t len)
{
	for (;;) {
		ssize_t n = read(fd, to, len);
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };

		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN && poll(&pollfd, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
}

static int
read_all(struct intake *in)
{
	while (!in->ended) {
		ssize_t n = read_some(in->input->fd, in->raw.data, READ_SIZE);

		if (n < 0)
			return err_sys(in->err, ERR_IO, "cannot read the message");
		if (n == 0)
			break;
		in->any_octet = true;
		if (take_block(in, in->raw.data, (size_t)n) != 0)
			return -1;
	}
	return in->any_octet ? 0 : err_set(in->err, ERR_NO_INPUT, "no message: the input is empty");
}

/* Line ends: after this stage, LF alone is one, and CR does not exist. */

/* The CRs that were held turned out not to belong to a line end. */
static int
release_crs(struct intake *in)
{
	static const char
	    spaces[] = "                                                                ";

	while (in->held_crs > 0) {
		size_t n = in->held_crs < sizeof(spaces) - 1 ? (size_t)in->held_crs :
							       sizeof(spaces) - 1;

		in->held_crs -= n;
		if (take_text(in, (struct span){ spaces, n }) != 0)
			return -1;
	}
	return 0;
}

/*
 * Takes the CRs out of data, in place: those before an LF vanish, those at the end are held, others
 * become spaces. Returns the octets left.
 */
static size_t
settle_crs(struct intake *in, char *data, size_t len)
{
	char *end = data + len, *from = memchr(data, '\r', len), *to = from;

	if (from == NULL)
		return len;
	while (from < end) {
		size_t crs = 0, rest;
		char *next;

		while (from + crs < end && from[crs] == '\r')
			crs++;
		from += crs;
		if (from == end) {
			in->held_crs = crs;
			break;
		}
		if (*from != '\n') {
			memset(to, ' ', crs);
			to += crs;
		}
		next = memchr(from, '\r', (size_t)(end - from));
		rest = (size_t)((next != NULL ? next : end) - from);
		memmove(to, from, rest);
		to += rest;
		from += rest;
	}
	return (size_t)(to - data);
}

static int
take_block(struct intake *in, char *data, size_t len)
{
	while (in->held_crs > 0 && len > 0 && *data == '\r') {
		in->held_crs++;
		data++;
		len--;
	}
	if (len == 0)
		return 0;
	if (*data == '\n')
		in->held_crs = 0;
	if (release_crs(in) != 0)
		return -1;
	len = settle_crs(in, data, len);
	return take_text(in, (struct span){ data, len });
}

/* Lines. */

/* Takes a line, or as much of one as is there, off *text. */
static int
collect_line(struct intake *in, struct span *text)
{
	const char *lf = memchr(text->data, '\n', text->len);
	size_t len = lf != NULL ? (size_t)(lf - text->data) : text->len;
	size_t room = MESSAGE_HEADER_MAX - in->line.len;
	bool whole = lf != NULL && len <= room, cut = len > room;

	if (cut)
		len = room;
	buf_add(&in->line, text->data, len);
	if (!buf_ok(&in->line))
		return err_memory(in->err);
	text->data += len + (whole ? 1 : 0);
	text->len -= len + (whole ? 1 : 0);
	return whole || cut ? take_line(in, whole) : 0;
}

static int
take_text(struct intake *in, struct span text)
{
	int rc = 0;

	while (rc == 0 && text.len > 0 && !in->ended) {
		if (in->stage == STAGE_BODY && !in->input->dot_ends)
			return add_body(in, text);
		rc = collect_line(in, &text);
	}
	return rc;
}

static struct span
line_span(const struct intake *in)
{
	return (struct span){ in->line.data, in->line.len };
}

static enum header_line
classify_line(const struct intake *in, bool whole)
{
	enum header_line kind = header_classify(line_span(in));

	if (kind == HEADER_CONTINUATION && in->m->header.len == 0)
		return HEADER_OTHER;
	if (kind == HEADER_MBOX_FROM && (in->any_line || !whole))
		return HEADER_OTHER;
	return kind;
}

/* Moves the line to the header block. */
static int
keep_header_line(struct intake *in)
{
	for (size_t i = 0; i < in->line.len; i++)
		if (in->line.data[i] == '\0')
			in->line.data[i] = ' ';
	if (in->line.len + strlen("\r\n") > MESSAGE_HEADER_MAX - in->m->header.len)
		return err_set(in->err, ERR_MESSAGE, "the header block is larger than %d octets",
		    MESSAGE_HEADER_MAX);
	buf_add(&in->m->header, in->line.data, in->line.len);
	buf_adds(&in->m->header, "\r\n");
	buf_clear(&in->line);
	return buf_ok(&in->m->header) ? 0 : err_memory(in->err);
}

/* Moves the line to the body. */
static int
keep_body_line(struct intake *in, bool whole)
{
	int rc;

	if (whole)
		buf_addc(&in->line, '\n');
	rc = buf_ok(&in->line) ? add_body(in, line_span(in)) : err_memory(in->err);
	buf_clear(&in->line);
	return rc;
}

static int
take_header_line(struct intake *in, bool whole)
{
	switch (classify_line(in, whole)) {
	case HEADER_FIELD:
	case HEADER_CONTINUATION:
		return keep_header_line(in);
	case HEADER_MBOX_FROM:
		buf_clear(&in->line);
		return 0;
	case HEADER_BLANK:
		in->stage = STAGE_BODY;
		return 0;
	default:
		in->stage = STAGE_BROKEN;
		return keep_body_line(in, whole);
	}
}

static bool
names_recipients(struct span line)
{
	struct span name = span_trim(span_cut(&line, ':'));

	if (span_starts_nocase(name, "Resent-")) {
		name.data += strlen("Resent-");
		name.len -= strlen("Resent-");
	}
	return span_is_nocase(name, "To") || span_is_nocase(name, "Cc") ||
	    span_is_nocase(name, "Bcc");
}

static void
look_at_broken_line(struct intake *in)
{
	if (in->line.len == 0)
		in->stage = STAGE_BODY;
	else if (header_classify(line_span(in)) == HEADER_FIELD && names_recipients(line_span(in)))
		in->m->recipients_in_body = true;
}

/*
 * in->line holds a line to its end (whole), or MESSAGE_HEADER_MAX octets of one, or, after such,
 * more of it.
 */
static int
take_line(struct intake *in, bool whole)
{
	bool at_begin = in->body_line_len == 0;
	int rc;

	if (in->input->dot_ends && at_begin && span_is(line_span(in), ".")) {
		in->ended = true;
		buf_clear(&in->line);
		return 0;
	}
	if (in->stage == STAGE_BROKEN && at_begin)
		look_at_broken_line(in);
	rc = in->stage == STAGE_HEADER ? take_header_line(in, whole) : keep_body_line(in, whole);
	in->any_line = true;
	return rc;
}

/* The body. */

/* Where text ends amid a UTF-8 sequence, the octets before that; else all of them. */
static size_t
whole_sequences(struct span text)
{
	for (size_t back = 1; back <= 3 && back <= text.len; back++) {
		unsigned char c = (unsigned char)text.data[text.len - back];
		size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (c >= 0xc0)
			return wanted > back ? text.len - back : text.len;
		if (c < 0x80)
			break;
	}
	return text.len;
}

/* The first octet above 127, or end.  In strides, for this is done for every octet of a message. */
static const char *
skip_ascii(const char *p, const char *end)
{
	const uint64_t high = 0x8080808080808080u;
	uint64_t words[4];

	for (; (size_t)(end - p) >= sizeof(words); p += sizeof(words)) {
		memcpy(words, p, sizeof(words));
		if (((words[0] | words[1] | words[2] | words[3]) & high) != 0)
			break;
	}
	while (p < end && !is_8bit(*p))
		p++;
	return p;
}

/* Keeps book of what the body holds. */
static void
note_body_facts(struct message *m, struct span text)
{
	const char *end = text.data + text.len, *p = skip_ascii(text.data, end);

	m->body_8bit = m->body_8bit || p < end;
	m->body_nul = m->body_nul || memchr(text.data, '\0', text.len) != NULL;
	while (m->body_utf8 && p < end) {
		unsigned len = utf8_length((struct span){ p, (size_t)(end - p) });

		m->body_utf8 = len > 0;
		p += len;
		if (p < end && !is_8bit(*p))
			p = skip_ascii(p, end);
	}
}

/* Gives the first len octets of in->wire to the spool. */
static int
spool_wire(struct intake *in, size_t len)
{
	struct message *m = in->m;
	uint64_t limit = in->input->size_limit;

	if (limit > 0 && message_size(m) + len > limit)
		return err_set(in->err, ERR_MESSAGE,
		    "the message is larger than the limit of %llu octets",
		    (unsigned long long)limit);
	note_body_facts(m, (struct span){ in->wire.data, len });
	if (spool_write(&m->body, in->wire.data, len, in->err) != 0)
		return -1;
	buf_consume(&in->wire, len);
	return 0;
}

static void
note_line_end(struct intake *in)
{
	if (in->body_line_len > in->m->body_line_max)
		in->m->body_line_max = in->body_line_len;
	in->body_line_len = 0;
}

/* Appends text to in->wire, which has room for it, with CRLF for LF. */
static void
add_wire(struct intake *in, struct span text)
{
	char *begin = in->wire.data + in->wire.len, *to = begin;
	const char *lf;

	while (text.len > 0) {
		size_t len;

		lf = memchr(text.data, '\n', text.len);
		len = lf != NULL ? (size_t)(lf - text.data) : text.len;
		memcpy(to, text.data, len);
		to += len;
		in->body_line_len += len;
		if (lf == NULL)
			break;
		*to++ = '\r';
		*to++ = '\n';
		note_line_end(in);
		text.data += len + 1;
		text.len -= len + 1;
	}
	buf_commit(&in->wire, (size_t)(to - begin));
}

static int
add_body(struct intake *in, struct span text)
{
	while (text.len > 0) {
		size_t len = text.len < READ_SIZE ? text.len : READ_SIZE;
		struct span wire = { in->wire.data, in->wire.len };

		if (in->wire.len + 2 * len > WIRE_SIZE &&
		    spool_wire(in, whole_sequences(wire)) != 0)
			return -1;
		add_wire(in, (struct span){ text.data, len });
		text.data += len;
		text.len -= len;
	}
	return 0;
}

static int
finish(struct intake *in)
{
	if (in->line.len > 0 && take_line(in, true) != 0)
		return -1;
	if (in->body_line_len > 0 && add_body(in, span_of("\n")) != 0)
		return -1;
	if (spool_wire(in, in->wire.len) != 0)
		return -1;
	message_header_facts(in->m);
	return spool_finish(&in->m->body, in->err);
}
