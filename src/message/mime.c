/* SPDX-License-Identifier: ISC */
#include "message/mime.h"

#include <stdlib.h>
#include <string.h>

#include "format/header.h"

enum {
	WINDOW_SIZE = 64 * 1024,
	DELIMITER_MAX = 1000, /* octets of a line that can be a delimiter, with CRLF */
	HOLD_MAX = 3,         /* octets of CRLF and one hyphen: they may begin a delimiter */
};

int
mime_init(struct mime *m, const struct spool *spool, struct err *err)
{
	memset(m, 0, sizeof(*m));
	m->spool = spool;
	m->line_start = true;
	m->scratch = malloc(WINDOW_SIZE);
	for (size_t i = 0; i < MIME_DEPTH_MAX; i++)
		buf_init(&m->boundaries[i], MIME_BOUNDARY_MAX);
	return m->scratch != NULL ? 0 : err_memory(err);
}

void
mime_release(struct mime *m)
{
	for (size_t i = 0; i < MIME_DEPTH_MAX; i++)
		buf_release(&m->boundaries[i]);
	free(m->scratch);
	m->scratch = NULL;
}

bool
mime_open(struct mime *m, struct span boundary)
{
	struct buf *kept;

	if (m->open == MIME_DEPTH_MAX)
		return false;
	for (size_t i = 0; i < m->open; i++)
		if (span_is(boundary, m->boundaries[i].data))
			return false;
	kept = &m->boundaries[m->open];
	buf_clear(kept);
	buf_add(kept, boundary.data, boundary.len);
	if (!buf_ok(kept) || kept->len == 0)
		return false;
	m->open++;
	return true;
}

void
mime_close(struct mime *m)
{
	m->open--;
}

void
mime_go(struct mime *m, uint64_t at, bool line_start)
{
	m->at = at;
	m->line_start = line_start;
	m->window.len = 0;
}

static void
pass(struct mime *m, size_t len)
{
	m->at += len;
	m->window.data += len;
	m->window.len -= len;
}

/* The window holds as much as it can. */
static int
fill(struct mime *m, struct err *err)
{
	if (spool_read(m->spool, m->at, m->scratch, WINDOW_SIZE, &m->window.data, &m->window.len,
		err) < 0)
		return -1;
	return 0;
}

static bool
reaches_end(const struct mime *m)
{
	return m->at + m->window.len == m->spool->size;
}

/* The window holds so many octets, if there are so many. */
static int
need(struct mime *m, size_t len, struct err *err)
{
	return m->window.len >= len || reaches_end(m) ? 0 : fill(m, err);
}

/* Line, without its end, is the multipart's delimiter. */
static bool
is_delimiter_of(struct span line, const struct buf *boundary, bool *closes)
{
	size_t len = strlen("--") + boundary->len;

	if (line.len < len || memcmp(line.data + strlen("--"), boundary->data, boundary->len) != 0)
		return false;
	*closes = line.len >= len + 2 && memcmp(line.data + len, "--", 2) == 0;
	if (*closes)
		len += 2;
	while (len < line.len && ascii_is_space(line.data[len]))
		len++;
	return len == line.len;
}

/*
 * Which of the open multiparts the line (with its end) is a delimiter of: in *piece.  The text is
 * the caller's to set.
 */
static bool
is_delimiter(const struct mime *m, struct span line, struct mime_piece *piece)
{
	if (line.len < 3 || line.len > DELIMITER_MAX || line.data[0] != '-' || line.data[1] != '-')
		return false;
	if (line.data[line.len - 1] == '\n')
		line.len--;
	if (line.data[line.len - 1] == '\r')
		line.len--;
	piece->kind = MIME_DELIMITER;
	for (piece->level = m->open; piece->level-- > 0;)
		if (is_delimiter_of(line, &m->boundaries[piece->level], &piece->closes))
			return true;
	return false;
}

/*
 * The line that begins at that place of the window, cut at its end; false where its end is not in
 * the window.
 */
static bool
line_at(const struct mime *m, size_t at, struct span *line)
{
	const char *lf;

	*line = (struct span){ m->window.data + at, m->window.len - at };
	lf = memchr(line->data, '\n', line->len);
	if (lf != NULL)
		line->len = (size_t)(lf - line->data) + 1;
	return lf != NULL;
}

/* The window is what comes at the begin of a line: true where that is a delimiter. */
static bool
begins_with_delimiter(const struct mime *m, struct mime_piece *piece)
{
	struct span line;

	if (m->window.len == 0 || (!line_at(m, 0, &line) && !reaches_end(m)) ||
	    !is_delimiter(m, line, piece))
		return false;
	piece->text = line;
	return true;
}

/* Text up to that place of the window. */
static int
give_text(struct mime *m, size_t len, struct mime_piece *piece)
{
	*piece = (struct mime_piece){ .kind = MIME_TEXT, .text = { m->window.data, len } };
	pass(m, len);
	m->line_start = false;
	return 0;
}

/* Where nothing in the window begins a delimiter, some octets at its end may do so still. */
static size_t
held_back(const struct mime *m)
{
	static const char begin[] = "\r\n-";

	if (reaches_end(m))
		return 0;
	for (size_t n = HOLD_MAX; n > 0; n--)
		if (m->window.len > n && memcmp(m->window.data + m->window.len - n, begin, n) == 0)
			return n;
	return 0;
}

/* Amid lines: text up to the next delimiter, or that delimiter. */
static int
search(struct mime *m, struct mime_piece *piece)
{
	const char *begin = m->window.data, *end = begin + m->window.len, *p = begin;
	struct span line;

	while ((p = memmem(p, (size_t)(end - p), "\r\n--", 4)) != NULL) {
		size_t at = (size_t)(p - begin);
		bool whole = line_at(m, at + 2, &line) || reaches_end(m);

		if (!whole && line.len < DELIMITER_MAX)
			return give_text(m, at, piece);
		if (whole && is_delimiter(m, line, piece)) {
			if (at > 0)
				return give_text(m, at, piece);
			piece->text = (struct span){ begin, 2 + line.len };
			return 0;
		}
		p += 2;
	}
	return give_text(m, m->window.len - held_back(m), piece);
}

int
mime_next(struct mime *m, struct mime_piece *piece, struct err *err)
{
	*piece = (struct mime_piece){ .kind = MIME_END };
	/*
	 * A line that can be a delimiter is in the window as a whole, with the line end before it.
	 */
	if (need(m, 2 + DELIMITER_MAX, err) < 0)
		return -1;
	if (m->line_start && begins_with_delimiter(m, piece))
		return 0;
	*piece = (struct mime_piece){ .kind = MIME_END };
	return m->window.len > 0 ? search(m, piece) : 0;
}

void
mime_pass(struct mime *m, const struct mime_piece *piece)
{
	pass(m, piece->text.len);
	m->line_start = true;
}

/* Appends the line that begins here to out and passes it. */
static int
take_line(struct mime *m, struct buf *out, struct err *err)
{
	struct span line;
	bool whole;

	do {
		if (need(m, 1, err) < 0)
			return -1;
		whole = line_at(m, 0, &line);
		buf_add(out, line.data, line.len);
		if (!buf_ok(out))
			return err_set(err, ERR_MESSAGE,
			    "the header of a part is larger than %zu octets", out->max);
		pass(m, line.len);
	} while (!whole && !reaches_end(m));
	return 0;
}

/*
 * What the line is that out ends with, and begins at `begin`: what is to be continued must be there
 * already.
 */
static enum header_line
classify(const struct buf *out, size_t begin)
{
	struct span line = { out->data + begin, out->len - begin };
	enum header_line kind;

	while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
		line.len--;
	kind = header_classify(line);
	if (kind == HEADER_CONTINUATION && begin == 0)
		return HEADER_OTHER;
	return kind == HEADER_MBOX_FROM && begin > 0 ? HEADER_OTHER : kind;
}

/* True where the line that begins here is a delimiter, or there is none. */
static int
ends_header(struct mime *m, bool *ends, struct err *err)
{
	struct mime_piece piece;

	if (need(m, 2 + DELIMITER_MAX, err) < 0)
		return -1;
	*ends = m->window.len == 0 || begins_with_delimiter(m, &piece);
	return 0;
}

/* NULs can stand behind the colon only, as in the header of a message. */
static void
replace_nuls(struct buf *out)
{
	for (size_t i = 0; i < out->len; i++)
		if (out->data[i] == '\0')
			out->data[i] = ' ';
}

/* A line of the header, or what ends it: *ends. */
static int
read_header_line(struct mime *m, struct buf *out, bool *blank, bool *ends, struct err *err)
{
	size_t begin = out->len;
	uint64_t at = m->at;

	if (ends_header(m, ends, err) < 0)
		return -1;
	if (*ends)
		return 0;
	if (take_line(m, out, err) < 0)
		return -1;
	switch (classify(out, begin)) {
	case HEADER_BLANK:
		*blank = *ends = true;
		buf_truncate(out, begin);
		return 0;
	case HEADER_OTHER:
		*ends = true;
		buf_truncate(out, begin);
		mime_go(m, at, true);
		return 0;
	default:
		return 0;
	}
}

int
mime_read_header(struct mime *m, struct buf *out, bool *blank, struct err *err)
{
	bool ends = false;

	*blank = false;
	while (!ends)
		if (read_header_line(m, out, blank, &ends, err) < 0)
			return -1;
	m->line_start = true;
	replace_nuls(out);
	return 0;
}
