/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message/message.h"
#include "with_err.h"

/* A row's text may hold NUL. */
#define TEXT(s) \
	{ \
		(s), sizeof(s) - 1 \
	}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * What comes in, and what it must become.  Facts: H header_8bit, 8 body_8bit, x body is no UTF-8, N
 * body_nul, R recipients_in_body; then the longest lines of header and body.
 */
static const struct row {
	struct span input;
	struct span header, body;
	const char *facts;
} rows[] = {
	/* Line ends. */
	{ TEXT("S: x\n\nb\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\r\n\r\nb\r\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\r\n\nb\nc\r\nd\n"), TEXT("S: x\r\n"), TEXT("b\r\nc\r\nd\r\n"), "4 1" },
	{ TEXT("S: x\r\r\n\r\r\nb\r\r\r\nc\n"), TEXT("S: x\r\n"), TEXT("b\r\nc\r\n"), "4 1" },
	{ TEXT("S: x\n\nb"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\nb\r"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\nb\r\r"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\n\r"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S: x\n\n\n\n"), TEXT("S: x\r\n"), TEXT("\r\n\r\n"), "4 0" },
	{ TEXT("S: x\n\nb\n\n"), TEXT("S: x\r\n"), TEXT("b\r\n\r\n"), "4 1" },
	/* A CR within a line never makes another one. */
	{ TEXT("S: x\rBcc: y\n\nb\rc\n"), TEXT("S: x Bcc: y\r\n"), TEXT("b c\r\n"), "11 3" },
	{ TEXT("S: x\r\r\ry\n\nb\r\r\rc\n"), TEXT("S: x   y\r\n"), TEXT("b   c\r\n"), "8 5" },
	{ TEXT("S: x\n\n\rb\n\r.\r\n"), TEXT("S: x\r\n"), TEXT(" b\r\n .\r\n"), "4 2" },
	{ TEXT("S: x\n\na\r\n.\r\nb\n"), TEXT("S: x\r\n"), TEXT("a\r\n.\r\nb\r\n"), "4 1" },
	{ TEXT("S: x\n\na\r.\r\r\nb\n"), TEXT("S: x\r\n"), TEXT("a .\r\nb\r\n"), "4 3" },
	{ TEXT("S: x\n\n\r\r\r\n\r\r\ra"), TEXT("S: x\r\n"), TEXT("\r\n   a\r\n"), "4 4" },
	{ TEXT("S\r: x\n\nb\n"), TEXT("S : x\r\n"), TEXT("b\r\n"), "5 1" },
	{ TEXT("S: x\n\rT: y\n\n"), TEXT("S: x\r\n T: y\r\n"), TEXT(""), "5 0" },
	/* NUL. */
	{ TEXT("S: x\0y\n\nb\0c\n"), TEXT("S: x y\r\n"), TEXT("b\0c\r\n"), "N 6 3" },
	{ TEXT("S: x\n \0\n\nb\n"), TEXT("S: x\r\n  \r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S\0: x\n\nb\n"), TEXT(""), TEXT("S\0: x\r\n\r\nb\r\n"), "N 0 5" },
	{ TEXT("\0"), TEXT(""), TEXT("\0\r\n"), "N 0 1" },
	/* Parts that are missing. */
	{ TEXT("\n"), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("\r"), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("\nb\n"), TEXT(""), TEXT("b\r\n"), "0 1" },
	{ TEXT("\r\nS: x\n\nb\n"), TEXT(""), TEXT("S: x\r\n\r\nb\r\n"), "0 4" },
	{ TEXT("S: x\n"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S: x"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S: x\r"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S: x\n\n"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S:\n\n"), TEXT("S:\r\n"), TEXT(""), "2 0" },
	{ TEXT("hello"), TEXT(""), TEXT("hello\r\n"), "0 5" },
	{ TEXT("hello\nworld\n"), TEXT(""), TEXT("hello\r\nworld\r\n"), "0 5" },
	{ TEXT(".\n"), TEXT(""), TEXT(".\r\n"), "0 1" },
	/* The first line that cannot be a header begins the body. */
	{ TEXT("S: x\nhello\n\nb\n"), TEXT("S: x\r\n"), TEXT("hello\r\n\r\nb\r\n"), "4 5" },
	{ TEXT("S: x\nhello world: y\nT: z\n"), TEXT("S: x\r\n"),
	    TEXT("hello world: y\r\nT: z\r\n"), "4 14" },
	{ TEXT("S: x\n: y\n"), TEXT("S: x\r\n"), TEXT(": y\r\n"), "4 3" },
	{ TEXT("S: x\n\xc3\xa9: y\n"), TEXT("S: x\r\n"), TEXT("\xc3\xa9: y\r\n"), "8 4 5" },
	{ TEXT(" S: x\nT: y\n\nb\n"), TEXT(""), TEXT(" S: x\r\nT: y\r\n\r\nb\r\n"), "0 5" },
	{ TEXT("  \nS: x\n"), TEXT(""), TEXT("  \r\nS: x\r\n"), "0 4" },
	{ TEXT("\t"), TEXT(""), TEXT("\t\r\n"), "0 1" },
	{ TEXT("S: x\n  \nT: y\n\nb\n"), TEXT("S: x\r\n  \r\nT: y\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n y\n\tz\n\nb\n"), TEXT("S: x\r\n y\r\n\tz\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S : x\nT\t:y\n\nb\n"), TEXT("S : x\r\nT\t:y\r\n"), TEXT("b\r\n"), "5 1" },
	/* There, a recipient field means that something broke the block. */
	{ TEXT("oops\nTo: a@b\n\nb\n"), TEXT(""), TEXT("oops\r\nTo: a@b\r\n\r\nb\r\n"), "R 0 7" },
	{ TEXT("S: x\noops\nbcc\t: a@b"), TEXT("S: x\r\n"), TEXT("oops\r\nbcc\t: a@b\r\n"),
	    "R 4 9" },
	{ TEXT("oops\nResent-CC:a@b\n"), TEXT(""), TEXT("oops\r\nResent-CC:a@b\r\n"), "R 0 13" },
	{ TEXT(" To: a@b\nCc: c@d\n"), TEXT(""), TEXT(" To: a@b\r\nCc: c@d\r\n"), "R 0 8" },
	{ TEXT("oops\n\nTo: a@b\n"), TEXT(""), TEXT("oops\r\n\r\nTo: a@b\r\n"), "0 7" },
	{ TEXT("oops\n \nTo: a@b\n"), TEXT(""), TEXT("oops\r\n \r\nTo: a@b\r\n"), "R 0 7" },
	{ TEXT("oops\nToo: a\n To: a\nTo a:\nTo\nX-To: a\nFrom: b\n"), TEXT(""),
	    TEXT("oops\r\nToo: a\r\n To: a\r\nTo a:\r\nTo\r\nX-To: a\r\nFrom: b\r\n"), "0 7" },
	{ TEXT("\nTo: a@b\n"), TEXT(""), TEXT("To: a@b\r\n"), "0 7" },
	{ TEXT("S: x\n\nTo: a@b\n"), TEXT("S: x\r\n"), TEXT("To: a@b\r\n"), "4 7" },
	/* mbox */
	{ TEXT("From me Thu Jan  1\nS: x\n\nb\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT(">From me Thu Jan  1\r\nS: x\n\nb\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("From me\n"), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("From me"), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("From me\n y\nS: x\n"), TEXT(""), TEXT(" y\r\nS: x\r\n"), "0 4" },
	{ TEXT("From me\nFrom you\nS: x\n"), TEXT(""), TEXT("From you\r\nS: x\r\n"), "0 8" },
	{ TEXT("S: x\nFrom me\nT: y\n"), TEXT("S: x\r\n"), TEXT("From me\r\nT: y\r\n"), "4 7" },
	{ TEXT("\nFrom me\nb\n"), TEXT(""), TEXT("From me\r\nb\r\n"), "0 7" },
	{ TEXT("From: me\n\n"), TEXT("From: me\r\n"), TEXT(""), "8 0" },
	{ TEXT("From : me\n\n"), TEXT("From : me\r\n"), TEXT(""), "9 0" },
	{ TEXT("from me\nS: x\n"), TEXT(""), TEXT("from me\r\nS: x\r\n"), "0 7" },
	/* What it holds. */
	{ TEXT("S: \xc3\xa9\n\nb\n"), TEXT("S: \xc3\xa9\r\n"), TEXT("b\r\n"), "H 5 1" },
	{ TEXT("S: x\n\n\xc3\xa9\n"), TEXT("S: x\r\n"), TEXT("\xc3\xa9\r\n"), "8 4 2" },
	{ TEXT("S: x\n\n\xf0\x9f\x93\xac\xe2\x82\xac\n"), TEXT("S: x\r\n"),
	    TEXT("\xf0\x9f\x93\xac\xe2\x82\xac\r\n"), "8 4 7" },
	{ TEXT("S: x\n\n\xe9\n"), TEXT("S: x\r\n"), TEXT("\xe9\r\n"), "8x 4 1" },
	{ TEXT("S: x\n\n\xc3\r\xa9\n"), TEXT("S: x\r\n"), TEXT("\xc3 \xa9\r\n"), "8x 4 3" },
	{ TEXT("S: x\n\n\xc3\n\xa9\n"), TEXT("S: x\r\n"), TEXT("\xc3\r\n\xa9\r\n"), "8x 4 1" },
	{ TEXT("S: x\n\n\xc3\xa9\xed\xa0\x80"), TEXT("S: x\r\n"), TEXT("\xc3\xa9\xed\xa0\x80\r\n"),
	    "8x 4 5" },
	{ TEXT("S: x\n\n\xf0\x9f\x93"), TEXT("S: x\r\n"), TEXT("\xf0\x9f\x93\r\n"), "8x 4 3" },
	{ TEXT("S: x\n\n0123456789012345678901234567890123456789\xc3\xa9"), TEXT("S: x\r\n"),
	    TEXT("0123456789012345678901234567890123456789\xc3\xa9\r\n"), "8 4 42" },
	{ TEXT("S: x\nLonger: y\n\n1\n123\n12\n"), TEXT("S: x\r\nLonger: y\r\n"),
	    TEXT("1\r\n123\r\n12\r\n"), "9 3" },
};

/* The same, where a lone dot ends the input. */
static const struct row dot_rows[] = {
	{ TEXT("S: x\n\nb\n.\nmore\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\nb\n.\r\nmore\n"), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\nb\n."), TEXT("S: x\r\n"), TEXT("b\r\n"), "4 1" },
	{ TEXT("S: x\n\nb\n..\n.x\n .\n"), TEXT("S: x\r\n"), TEXT("b\r\n..\r\n.x\r\n .\r\n"),
	    "4 2" },
	{ TEXT("S: x\n.\n\nb\n"), TEXT("S: x\r\n"), TEXT(""), "4 0" },
	{ TEXT("S: x\noops\n.\nTo: a@b\n"), TEXT("S: x\r\n"), TEXT("oops\r\n"), "4 4" },
	{ TEXT(".\nS: x\n"), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("."), TEXT(""), TEXT(""), "0 0" },
	{ TEXT("S: x\n\nb\n\n\nc"), TEXT("S: x\r\n"), TEXT("b\r\n\r\n\r\nc\r\n"), "4 1" },
	{ TEXT("S: x\n\na.\n.\nb"), TEXT("S: x\r\n"), TEXT("a.\r\n"), "4 2" },
};

static int
make_file(struct span text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, text.data, text.len, 0), text.len);
	return fd;
}

/* A descriptor on which each read(2) gives the next `first` octets, then pieces of `step`. */
static int
make_pieces(struct span text, size_t first, size_t step)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (size_t len = first; text.len > 0; len = step) {
		len = len < text.len ? len : text.len;
		assert_int_equal(send(pair[0], text.data, len, MSG_DONTWAIT), len);
		text.data += len;
		text.len -= len;
	}
	close(pair[0]);
	return pair[1];
}

static int
read_fd(struct message *m, int fd, bool dot_ends)
{
	struct message_input input = { .fd = fd, .dot_ends = dot_ends };
	int rc;

	message_init(m);
	rc = message_read(m, &input, &err);
	close(fd);
	return rc;
}

static void
read_text(struct message *m, struct span text)
{
	assert_int_equal(read_fd(m, make_file(text), false), 0);
}

static void
check_text(const char *data, size_t len, struct span wanted)
{
	assert_int_equal(len, wanted.len);
	assert_memory_equal(data, wanted.data, len);
}

static void
check_row(const struct row *row, int fd, bool dot_ends)
{
	struct message m;
	struct buf facts = BUF_INIT(100);
	char scratch[4096];
	const char *body;
	size_t len;

	assert_int_equal(read_fd(&m, fd, dot_ends), 0);
	check_text(m.header.data, m.header.len, row->header);
	assert_int_equal(spool_read(&m.body, 0, scratch, sizeof(scratch), &body, &len, &err), 0);
	check_text(body, len, row->body);
	assert_int_equal(message_size(&m), row->header.len + 2 + row->body.len);
	buf_addf(&facts, "%s%s%s%s%s", m.header_8bit ? "H" : "", m.body_8bit ? "8" : "",
	    m.body_utf8 ? "" : "x", m.body_nul ? "N" : "", m.recipients_in_body ? "R" : "");
	buf_addf(&facts, "%s%d %d", facts.len > 0 ? " " : "", (int)m.header_line_max,
	    (int)m.body_line_max);
	assert_string_equal(facts.data, row->facts);
	buf_release(&facts);
	message_release(&m);
}

static void
reads_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i], make_file(rows[i].input), false);
	for (size_t i = 0; i < COUNT(dot_rows); i++)
		check_row(&dot_rows[i], make_file(dot_rows[i].input), true);
}

static void
check_splits(const struct row *row, bool dot_ends)
{
	for (size_t at = 1; at < row->input.len; at++)
		check_row(row, make_pieces(row->input, at, row->input.len), dot_ends);
	check_row(row, make_pieces(row->input, 1, 1), dot_ends);
	check_row(row, make_pieces(row->input, 2, 3), dot_ends);
}

static void
reads_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_splits(&rows[i], false);
	for (size_t i = 0; i < COUNT(dot_rows); i++)
		check_splits(&dot_rows[i], true);
}

/* Unless a dot ends it, it must make no difference whether one could. */
static void
reads_the_same_at_a_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (memmem(rows[i].body.data, rows[i].body.len, ".\r\n", 3) == NULL)
			check_row(&rows[i], make_file(rows[i].input), true);
}

/* Bounds. */

static void
check_failure(int rc, enum err_kind kind, const char *sentence)
{
	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, kind);
	assert_non_null(strstr(err.what.data, sentence));
}

/* n times c, and a NUL; the caller frees it. */
static char *
run_of(char c, size_t n)
{
	char *run = malloc(n + 1);

	assert_non_null(run);
	memset(run, c, n);
	run[n] = '\0';
	return run;
}

static void
check_long(const char *begin, size_t n, const char *end, size_t header_len, size_t body_len)
{
	char *run = run_of('a', n);
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct message m;

	buf_adds(&text, begin);
	buf_adds(&text, run);
	buf_adds(&text, end);
	if (header_len > MESSAGE_HEADER_MAX) {
		check_failure(read_fd(&m, make_file((struct span){ text.data, text.len }), false),
		    ERR_MESSAGE, "the header block is larger than 1048576 octets");
	} else {
		read_text(&m, (struct span){ text.data, text.len });
		assert_int_equal(m.header.len, header_len);
		assert_int_equal(m.body.size, body_len);
	}
	message_release(&m);
	buf_release(&text);
	free(run);
}

static void
bounds_the_header(void **state)
{
	enum { MAX = MESSAGE_HEADER_MAX };

	(void)state;
	check_long("S: ", MAX - 5, "\n\nb\n", MAX, 3);
	check_long("S: ", MAX - 5, "\nb\n", MAX, 3);
	check_long("S: ", MAX - 5, "", MAX, 0);
	check_long("S: ", MAX - 4, "\n\nb\n", MAX + 1, 0);
	check_long("S: ", MAX - 5, "\n:\n", MAX, 3);
	check_long("S: ", MAX - 5, "\nT:\n", MAX + 1, 0);
	check_long("S: x\n ", MAX - 9, "\n\n", MAX, 0);
	check_long("S: x\n ", MAX - 8, "\n\n", MAX + 1, 0);
	check_long("S: ", 3 * MAX, "", MAX + 1, 0);
	/* A line that cannot be a header is of the body, however long it is. */
	check_long("", MAX, "\n", 0, MAX + 2);
	check_long("", MAX + 1, "\nTo: x\n", 0, MAX + 1 + 2 + 7);
	check_long("", 10 * MAX, "", 0, 10 * MAX + 2);
	check_long("S: x\n", 10 * MAX, ": x\n", 6, 10 * MAX + 5);
	check_long("From ", MAX, "\n\n", 0, MAX + 5 + 4);
	check_long("From ", MAX - 5, "\nS: x\n", 6, 0);
}

/* What stands at the place where a long line is cut is not at the begin of a line. */
static void
cuts_long_lines_unseen(void **state)
{
	static const char end[] = "To: a@b\n.\nc\n";
	char *run = run_of('a', MESSAGE_HEADER_MAX + sizeof(end) - 1),
	     *cut = run + MESSAGE_HEADER_MAX;
	struct span text = { run, MESSAGE_HEADER_MAX + sizeof(end) - 1 };
	struct message m;

	(void)state;
	memcpy(cut, end, sizeof(end) - 1);
	read_text(&m, text);
	assert_false(m.recipients_in_body);
	assert_int_equal(m.body_line_max, MESSAGE_HEADER_MAX + 7);
	message_release(&m);
	memcpy(cut, ".\nTo: a@b\n.", 11);
	assert_int_equal(read_fd(&m, make_file(text), true), 0);
	assert_true(m.recipients_in_body);
	assert_int_equal(m.body.size, MESSAGE_HEADER_MAX + 3 + 9);
	message_release(&m);
	free(run);
}

static void
check_limit(uint64_t limit, struct span text, bool fits)
{
	struct message_input input = { .fd = make_file(text), .size_limit = limit };
	struct message m;

	message_init(&m);
	if (fits)
		assert_int_equal(message_read(&m, &input, &err), 0);
	else
		check_failure(message_read(&m, &input, &err), ERR_MESSAGE,
		    "larger than the limit of");
	message_release(&m);
	close(input.fd);
}

static void
bounds_the_message(void **state)
{
	struct span small = TEXT("S: x\n\nb"), header = TEXT("S: x");
	char *run = run_of('\n', 5000000);
	struct span large = { run, 5000000 };

	(void)state;
	check_limit(0, small, true);
	check_limit(11, small, true);
	check_limit(10, small, false);
	check_limit(8, header, true);
	check_limit(7, header, false);
	check_limit(10000000, large, true);
	check_limit(9999999, large, false);
	check_limit(1000, large, false);
	free(run);
}

static void
refuses_nothing(void **state)
{
	struct message m;
	struct span empty = TEXT("");

	(void)state;
	check_failure(read_fd(&m, make_file(empty), false), ERR_NO_INPUT,
	    "no message: the input is empty");
	message_release(&m);
	check_failure(read_fd(&m, make_file(empty), true), ERR_NO_INPUT,
	    "no message: the input is empty");
	message_release(&m);
}

static void
tells_read_errors(void **state)
{
	struct message m;

	(void)state;
	check_failure(read_fd(&m, open("/", O_RDONLY), false), ERR_IO,
	    "cannot read the message: Is a directory");
	message_release(&m);
	check_failure(read_fd(&m, -1, false), ERR_IO,
	    "cannot read the message: Bad file descriptor");
	message_release(&m);
}

/* Pipes. */

struct producer {
	int fd;
	const char *piece;
	size_t times;
	unsigned pause_us;
	pthread_t reader; /* gets a signal before each piece, where pause_us is not 0 */
};

static void *
produce(void *arg)
{
	const struct producer *p = arg;
	struct timespec pause = { .tv_nsec = p->pause_us * 1000L };

	for (size_t i = 0; i < p->times; i++) {
		if (p->pause_us > 0) {
			nanosleep(&pause, NULL);
			pthread_kill(p->reader, SIGUSR1);
		}
		if (write(p->fd, p->piece, strlen(p->piece)) < 0)
			break;
	}
	close(p->fd);
	return NULL;
}

static void
ignore(int signal_number)
{
	(void)signal_number;
}

static void
check_slow_pipe(int flags)
{
	struct sigaction action = { .sa_handler = ignore };
	struct producer p = {
		.piece = "S: x\r\n", .times = 200, .pause_us = 100, .reader = pthread_self()
	};
	struct message m;
	pthread_t thread;
	int ends[2];

	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, flags), 0);
	p.fd = ends[1];
	assert_int_equal(pthread_create(&thread, NULL, produce, &p), 0);
	assert_int_equal(read_fd(&m, ends[0], false), 0);
	pthread_join(thread, NULL);
	assert_int_equal(m.header.len, 200 * 6);
	message_release(&m);
}

static void
waits_for_slow_writers(void **state)
{
	(void)state;
	check_slow_pipe(0);
	check_slow_pipe(O_NONBLOCK);
}

/* Large bodies. */

static uint64_t
digest(uint64_t h, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)data[i]) * 0x100000001b3u;
	return h;
}

static uint64_t
digest_of_body(const struct message *m)
{
	static char scratch[100000];
	uint64_t h = 0, offset = 0;
	const char *data;
	size_t len;

	do {
		assert_int_equal(spool_read(&m->body, offset, scratch, sizeof(scratch), &data, &len,
				     &err),
		    0);
		h = digest(h, data, len);
		offset += len;
	} while (len > 0);
	assert_int_equal(offset, m->body.size);
	return h;
}

/*
 * 5 MB of lines of all lengths, some of them UTF-8, with all kinds of line ends; what they must
 * become is in wire.
 */
static void
make_large(struct buf *text, struct buf *wire)
{
	static const char *const line_ends[] = { "\n", "\r\n", "\r\r\n" };

	buf_adds(text, "S: x\n\n");
	for (unsigned i = 0; text->len < 5000000; i++) {
		for (unsigned n = 0; n < i % 997; n += 2) {
			buf_adds(text, "\xc3\xa9");
			buf_adds(wire, "\xc3\xa9");
		}
		buf_adds(text, line_ends[i % 3]);
		buf_adds(wire, "\r\n");
	}
}

static void
check_large(int fd, const struct buf *wire)
{
	struct message m;

	assert_int_equal(read_fd(&m, fd, false), 0);
	assert_int_equal(m.body.size, wire->len);
	assert_true(digest_of_body(&m) == digest(0, wire->data, wire->len));
	assert_true(m.body_8bit && m.body_utf8 && !m.body_nul);
	assert_int_equal(m.body_line_max, 996);
	message_release(&m);
}

static void
keeps_large_bodies(void **state)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2), wire = BUF_INIT(SIZE_MAX / 2);
	struct producer p = { .times = 1 };
	pthread_t thread;
	int ends[2];

	(void)state;
	make_large(&text, &wire);
	check_large(make_file((struct span){ text.data, text.len }), &wire);
	p.piece = text.data;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p.fd = ends[1];
	assert_int_equal(pthread_create(&thread, NULL, produce, &p), 0);
	check_large(ends[0], &wire);
	pthread_join(thread, NULL);
	buf_release(&text);
	buf_release(&wire);
}

static void
check_octet(char *text, size_t at, char octet, const char *facts)
{
	struct message m;
	struct buf got = BUF_INIT(10);

	text[at] = octet;
	read_text(&m, (struct span){ text, 200000 });
	buf_addf(&got, "%s%s%s", m.body_8bit ? "8" : "", m.body_utf8 ? "" : "x",
	    m.body_nul ? "N" : "");
	assert_string_equal(got.data, facts);
	text[at] = 'a';
	message_release(&m);
	buf_release(&got);
}

/* One octet is found, and not forgotten, wherever it stands. */
static void
finds_each_octet(void **state)
{
	char *text = run_of('a', 200000);

	(void)state;
	text[0] = '\n';
	for (size_t at = 1; at < 200000; at += at < 70 || at > 199930 ? 1 : 8191) {
		check_octet(text, at, '\xe9', "8x");
		check_octet(text, at, '\0', "N");
		check_octet(text, at, 'b', "");
	}
	free(text);
}

/*
 * In a child: reads 200 MB of the piece over and over; the status tells whether memory grew by more
 * than 16 MB.
 */
static int
read_endless(const char *piece)
{
	struct rusage before, after;
	struct producer p = { .piece = piece, .times = 200000000 / strlen(piece) };
	struct message m;
	pthread_t thread;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return 10;
	p.fd = ends[1];
	getrusage(RUSAGE_SELF, &before);
	if (pthread_create(&thread, NULL, produce, &p) != 0 || read_fd(&m, ends[0], false) != 0)
		return 11;
	pthread_join(thread, NULL);
	if (m.body.size < 2000000)
		return 12;
	message_release(&m);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_maxrss - before.ru_maxrss > 16 * 1024 ? 13 : 0;
}

static void
check_memory(const char *piece)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(read_endless(piece));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
stays_small(void **state)
{
	char *run = run_of('a', 100000);

	(void)state;
	check_memory(run);
	memset(run, '\r', 99999);
	check_memory(run);
	for (size_t i = 69; i < 100000; i += 70)
		run[i] = '\n';
	check_memory(run);
	memset(run, '\n', 100000);
	check_memory(run);
	free(run);
}

/* In a child: no file may grow beyond 1 MB. */
static int
read_to_full_disk(void)
{
	struct rlimit limit = { 1024 * 1024, 1024 * 1024 };
	char *run = run_of('\n', 3000000);
	struct message_input input = { .fd = make_file((struct span){ run, 3000000 }),
		.place.dir = "/var/tmp" };
	struct message m;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	message_init(&m);
	if (message_read(&m, &input, &err) == 0)
		return 10;
	free(run);
	message_release(&m);
	if (err.kind != ERR_CANT_CREATE)
		return 11;
	return strcmp(err.what.data, "cannot store the message in /var/tmp: File too large") != 0 ?
	    12 :
	    0;
}

static void
tells_full_disks(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(read_to_full_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whole),
		cmocka_unit_test(reads_in_pieces),
		cmocka_unit_test(reads_the_same_at_a_terminal),
		cmocka_unit_test(bounds_the_header),
		cmocka_unit_test(cuts_long_lines_unseen),
		cmocka_unit_test(bounds_the_message),
		cmocka_unit_test(refuses_nothing),
		cmocka_unit_test(tells_read_errors),
		cmocka_unit_test(waits_for_slow_writers),
		cmocka_unit_test(keeps_large_bodies),
		cmocka_unit_test(finds_each_octet),
		cmocka_unit_test(stays_small),
		cmocka_unit_test(tells_full_disks),
	};

	return cmocka_run_group_tests(tests, setup_err, teardown_err);
}
