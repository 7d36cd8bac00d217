/* SPDX-License-Identifier: ISC */
/*
 * What is fed goes through stages: of DATA, the dots come off; line ends become LF, and CRs vanish;
 * lines go to the header until one does not belong there; the rest is the body, where LF becomes
 * CRLF on the way to the spool.  A body that has its CRLFs goes there as it is, looked at once.
 */
#include "message/intake.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "format/header.h"

enum {
	PIECE_SIZE = SPOOL_PIECE_MAX / 2, /* octets that go through the stages at a time: with CRLF
					     for each LF, a piece for the spool */
	READ_SIZE = 128 * 1024,           /* octets of one read(2) */
};

void
intake_begin(struct intake *in, struct message *message, const struct intake_options *options)
{
	*in = (struct intake){ .message = message, .options = *options };
	err_init(&in->err);
	buf_init(&in->settled, PIECE_SIZE);
	buf_init(&in->line, MESSAGE_HEADER_MAX + 1);
	spool_init(&message->body, &options->place);
}

void
intake_release(struct intake *in)
{
	err_release(&in->err);
	buf_release(&in->settled);
	buf_release(&in->line);
}

/* Faults. */

static bool
is_strict(const struct intake *in)
{
	return in->options.form == INTAKE_DATA || in->options.form == INTAKE_BDAT;
}

static void
fail(struct intake *in, enum intake_fault fault)
{
	in->fault = fault;
	switch (fault) {
	case INTAKE_BARE:
		err_set(&in->err, ERR_MESSAGE,
		    "the message has a line end other than CRLF: a CR or an LF by itself");
		break;
	case INTAKE_HEADER_TOO_LARGE:
		err_set(&in->err, ERR_MESSAGE, "the header block is larger than %d octets",
		    MESSAGE_HEADER_MAX);
		break;
	case INTAKE_TOO_LARGE:
		err_set(&in->err, ERR_MESSAGE,
		    "the message is larger than the limit of %llu octets",
		    (unsigned long long)in->options.size_limit);
		break;
	default:
		/* The spool has said what it was, unless memory is out. */
		if (in->err.kind == ERR_NONE)
			err_memory(&in->err);
		break;
	}
}

static void
check_size(struct intake *in)
{
	uint64_t limit = in->options.size_limit;

	if (limit > 0 && message_size(in->message) > limit)
		fail(in, INTAKE_TOO_LARGE);
}

/* The body. */

/* Octets with CRLF, which in->scan has seen. */
static void
put_wire(struct intake *in, struct span octets)
{
	if (spool_write(&in->message->body, octets.data, octets.len, &in->err) != 0)
		fail(in, INTAKE_NOT_STORED);
	else
		check_size(in);
}

/* Text without CR. */
static void
put_text(struct intake *in, struct span text)
{
	struct spool *body = &in->message->body;

	while (text.len > 0 && in->fault == INTAKE_SOUND) {
		struct span piece = { text.data, text.len < PIECE_SIZE ? text.len : PIECE_SIZE };
		char *place = spool_reserve(body, 2 * piece.len, &in->err);

		if (place == NULL ||
		    spool_commit(body, scan_add_lf(&in->scan, piece, place), &in->err) != 0) {
			fail(in, INTAKE_NOT_STORED);
			return;
		}
		check_size(in);
		text.data += piece.len;
		text.len -= piece.len;
	}
}

/* Lines. */

static struct span
line_span(const struct intake *in)
{
	return (struct span){ in->line.data, in->line.len };
}

static enum header_line
classify_line(const struct intake *in, bool whole)
{
	enum header_line kind = header_classify(line_span(in));

	if (kind == HEADER_CONTINUATION && in->message->header.len == 0)
		return HEADER_OTHER;
	if (kind == HEADER_MBOX_FROM && (in->any_line || !whole))
		return HEADER_OTHER;
	return kind;
}

/* Moves the line to the header block. */
static void
keep_header_line(struct intake *in)
{
	struct buf *header = &in->message->header;

	for (size_t i = 0; i < in->line.len; i++)
		if (in->line.data[i] == '\0')
			in->line.data[i] = ' ';
	if (in->line.len + strlen("\r\n") > MESSAGE_HEADER_MAX - header->len) {
		fail(in, INTAKE_HEADER_TOO_LARGE);
		return;
	}
	buf_add(header, in->line.data, in->line.len);
	buf_adds(header, "\r\n");
	buf_clear(&in->line);
	if (!buf_ok(header))
		fail(in, INTAKE_NOT_STORED);
}

/* Moves the line to the body. */
static void
keep_body_line(struct intake *in, bool whole)
{
	if (whole)
		buf_addc(&in->line, '\n');
	if (buf_ok(&in->line))
		put_text(in, line_span(in));
	else
		fail(in, INTAKE_NOT_STORED);
	buf_clear(&in->line);
}

static void
take_header_line(struct intake *in, bool whole)
{
	switch (classify_line(in, whole)) {
	case HEADER_FIELD:
	case HEADER_CONTINUATION:
		keep_header_line(in);
		break;
	case HEADER_MBOX_FROM:
		buf_clear(&in->line);
		break;
	case HEADER_BLANK:
		in->stage = STAGE_BODY;
		break;
	default:
		in->stage = STAGE_BROKEN;
		keep_body_line(in, whole);
		break;
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

/* STAGE_BROKEN: in the body, before its first empty line, and no empty line ended the header. */
static void
look_at_broken_line(struct intake *in)
{
	if (in->line.len == 0)
		in->stage = STAGE_BODY;
	else if (header_classify(line_span(in)) == HEADER_FIELD && names_recipients(line_span(in)))
		in->message->recipients_in_body = true;
}

/*
 * in->line holds a line to its end (whole), or MESSAGE_HEADER_MAX octets of one, or, after such,
 * more of it.
 */
static void
take_line(struct intake *in, bool whole)
{
	bool at_begin = in->scan.line == 0;

	if (in->options.form == INTAKE_TERMINAL && at_begin && span_is(line_span(in), ".")) {
		in->ended = true;
		buf_clear(&in->line);
		return;
	}
	if (in->stage == STAGE_BROKEN && at_begin)
		look_at_broken_line(in);
	if (in->stage == STAGE_HEADER)
		take_header_line(in, whole);
	else
		keep_body_line(in, whole);
	in->any_line = true;
}

/* Takes a line, or as much of one as is there, off *text. */
static void
collect_line(struct intake *in, struct span *text)
{
	const char *lf = memchr(text->data, '\n', text->len);
	size_t len = lf != NULL ? (size_t)(lf - text->data) : text->len;
	size_t room = MESSAGE_HEADER_MAX - in->line.len;
	bool whole = lf != NULL && len <= room, cut = len > room;

	if (cut)
		len = room;
	buf_add(&in->line, text->data, len);
	if (!buf_ok(&in->line)) {
		fail(in, INTAKE_NOT_STORED);
		return;
	}
	text->data += len + (whole ? 1 : 0);
	text->len -= len + (whole ? 1 : 0);
	if (whole || cut)
		take_line(in, whole);
}

/* Text in which LF alone ends lines, and CR does not exist. */
static void
take_text(struct intake *in, struct span text)
{
	while (text.len > 0 && in->fault == INTAKE_SOUND && !in->ended) {
		if (in->stage == STAGE_BODY && in->options.form != INTAKE_TERMINAL) {
			put_text(in, text);
			return;
		}
		collect_line(in, &text);
	}
}

/* Line ends. */

/* The CRs that were held turned out not to belong to a line end. */
static void
release_crs(struct intake *in)
{
	static const char
	    spaces[] = "                                                                ";

	while (in->held_crs > 0) {
		size_t n = in->held_crs < sizeof(spaces) - 1 ? (size_t)in->held_crs :
							       sizeof(spaces) - 1;

		in->held_crs -= n;
		take_text(in, (struct span){ spaces, n });
	}
}

/*
 * Between two pieces: tells what the CRs are that were held, now that more has come, and holds
 * those at the end.  What is left of the piece stands for itself.
 */
static void
take_seam(struct intake *in, struct span *piece)
{
	while (in->held_crs > 0 && piece->len > 0 && piece->data[0] == '\r') {
		in->held_crs++;
		piece->data++;
		piece->len--;
	}
	if (piece->len > 0 && in->held_crs > 0) {
		bool ends = piece->data[0] == '\n';

		if (is_strict(in) && (!ends || in->held_crs > 1)) {
			fail(in, INTAKE_BARE);
			return;
		}
		if (ends) {
			in->held_crs = 0;
			take_text(in, span_of("\n"));
			piece->data++;
			piece->len--;
		}
		release_crs(in);
	}
	while (piece->len > 0 && piece->data[piece->len - 1] == '\r') {
		in->held_crs++;
		piece->len--;
	}
}

/* The piece without its CRs: those before an LF are gone, others have become spaces. */
static struct span
settle_crs(struct intake *in, struct span piece)
{
	const char *cr = memchr(piece.data, '\r', piece.len);
	char *begin, *to;

	if (cr == NULL)
		return piece;
	buf_clear(&in->settled);
	begin = to = buf_reserve(&in->settled, PIECE_SIZE);
	if (begin == NULL) {
		fail(in, INTAKE_NOT_STORED);
		return (struct span){ "", 0 };
	}
	while (piece.len > 0) {
		size_t len = cr != NULL ? (size_t)(cr - piece.data) : piece.len, crs = 0;

		memcpy(to, piece.data, len);
		to += len;
		/* The piece does not end with them. */
		while (len + crs < piece.len && piece.data[len + crs] == '\r')
			crs++;
		piece.data += len + crs;
		piece.len -= len + crs;
		if (piece.len > 0 && piece.data[0] != '\n') {
			memset(to, ' ', crs);
			to += crs;
		}
		cr = memchr(piece.data, '\r', piece.len);
	}
	return (struct span){ begin, (size_t)(to - begin) };
}

static void
take_piece(struct intake *in, struct span piece)
{
	struct scan ahead;
	bool in_body;

	take_seam(in, &piece);
	if (piece.len == 0 || in->fault != INTAKE_SOUND)
		return;
	in_body = in->stage == STAGE_BODY && in->options.form != INTAKE_TERMINAL;
	ahead = in->scan;
	if (is_strict(in) || (in_body && memchr(piece.data, '\r', piece.len) != NULL)) {
		scan_add(&ahead, piece);
		if (is_strict(in) && (ahead.bare_cr || ahead.bare_lf)) {
			fail(in, INTAKE_BARE);
			return;
		}
		if (in_body && !ahead.bare_cr && !ahead.bare_lf) {
			in->scan = ahead;
			put_wire(in, piece);
			return;
		}
	}
	take_text(in, settle_crs(in, piece));
}

static void
take(struct intake *in, struct span octets)
{
	while (octets.len > 0 && in->fault == INTAKE_SOUND && !in->ended) {
		size_t len = octets.len < PIECE_SIZE ? octets.len : PIECE_SIZE;

		take_piece(in, (struct span){ octets.data, len });
		octets.data += len;
		octets.len -= len;
	}
}

/* DATA. */

/* The next dot behind a CRLF that is in the text, too; or the text's end. */
static const char *
find_line_dot(const char *text, const char *end)
{
	const char *dot = text;

	for (;;) {
		dot = dot < end ? memchr(dot, '.', (size_t)(end - dot)) : NULL;
		if (dot == NULL)
			return end;
		if (dot - text >= 2 && memcmp(dot - 2, "\r\n", 2) == 0)
			return dot;
		dot++;
	}
}

/* Where a line goes on: passes what comes before the next dot that begins one. */
static const char *
pass_lines(struct intake *in, const char *from, const char *end)
{
	const char *to;

	if (in->dots == DOTS_CR && *from == '\n') {
		to = from + 1;
		in->dots = DOTS_LINE;
	} else {
		to = find_line_dot(from, end);
		if (to - from >= 2 && memcmp(to - 2, "\r\n", 2) == 0)
			in->dots = DOTS_LINE;
		else
			in->dots = to[-1] == '\r' ? DOTS_CR : DOTS_AMID;
	}
	take(in, (struct span){ from, (size_t)(to - from) });
	return to;
}

static size_t
feed_data(struct intake *in, struct span octets)
{
	const char *p = octets.data, *end = p + octets.len;

	while (p < end && !in->ended) {
		switch (in->dots) {
		case DOTS_LINE:
			in->dots = *p == '.' ? DOTS_DOT : DOTS_AMID;
			p += *p == '.';
			break;
		case DOTS_DOT:
			in->dots = *p == '\r' ? DOTS_DOT_CR : DOTS_AMID;
			p += *p == '\r';
			break;
		case DOTS_DOT_CR:
			in->ended = *p == '\n';
			p += in->ended;
			if (!in->ended) {
				in->dots = DOTS_CR;
				take(in, span_of("\r"));
			}
			break;
		default:
			p = pass_lines(in, p, end);
			break;
		}
	}
	return (size_t)(p - octets.data);
}

size_t
intake_feed(struct intake *in, struct span octets)
{
	if (in->options.form == INTAKE_DATA)
		return feed_data(in, octets);
	take(in, octets);
	return octets.len;
}

/* The end. */

static void
end_lines(struct intake *in)
{
	if (is_strict(in) && in->held_crs > 0)
		fail(in, INTAKE_BARE);
	else if (in->line.len > 0)
		take_line(in, true);
	if (in->fault == INTAKE_SOUND && in->scan.line > 0)
		put_text(in, span_of("\n"));
	if (in->fault == INTAKE_SOUND)
		check_size(in);
}

int
intake_end(struct intake *in, struct err *err)
{
	if (in->fault == INTAKE_SOUND)
		end_lines(in);
	if (in->fault != INTAKE_SOUND) {
		err_move(err, &in->err);
		return -1;
	}
	if (in->options.form == INTAKE_DATA && !in->ended)
		return err_set(err, ERR_LOST, "the message broke off before its end");
	scan_end(&in->scan);
	message_header_facts(in->message);
	message_body_facts(in->message, &in->scan);
	return spool_finish(&in->message->body, err);
}

/* A descriptor. */

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
read_all(struct intake *in, int fd, struct err *err)
{
	struct buf block = BUF_INIT(READ_SIZE);
	char *place = buf_reserve(&block, READ_SIZE);
	bool any_octet = false;
	ssize_t n = 0;

	if (place == NULL)
		return err_memory(err);
	while (!in->ended && in->fault == INTAKE_SOUND) {
		n = read_some(fd, place, READ_SIZE);
		if (n <= 0)
			break;
		any_octet = true;
		intake_feed(in, (struct span){ place, (size_t)n });
	}
	if (n < 0)
		err_sys(err, ERR_IO, "cannot read the message");
	buf_release(&block);
	if (n < 0)
		return -1;
	return any_octet ? 0 : err_set(err, ERR_NO_INPUT, "no message: the input is empty");
}

int
message_read(struct message *m, const struct message_input *input, struct err *err)
{
	struct intake in;
	int rc;

	intake_begin(&in, m,
	    &(struct intake_options){
		.form = input->dot_ends ? INTAKE_TERMINAL : INTAKE_TEXT,
		.place = input->place,
		.size_limit = input->size_limit,
	    });
	rc = read_all(&in, input->fd, err);
	if (rc == 0)
		rc = intake_end(&in, err);
	intake_release(&in);
	return rc;
}
