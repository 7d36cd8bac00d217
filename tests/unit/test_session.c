/* SPDX-License-Identifier: ISC */
/*
 * Messages over one session, against a server that follows a script: it must hear exactly these
 * octets, and no more of them before it speaks, so that the flights are told apart, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "smtp/session.h"
#include "smtp/wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	MESSAGES = 9,
	QUIET_MS = 5,       /* how long the server waits for octets that must not come */
	PATIENCE_MS = 5000, /* … and for those that must */
	TIMEOUT_MS = 10000,
};

/*
 * The messages, by number.  Each has one recipient, a; 4 has two, a and b; 9 has hundreds.  5 is
 * just small enough to travel with its envelope, 6 and 7 are not.  8 has 8-bit text.  Lines begin
 * with dots here and there.
 */
static const struct {
	size_t recipients, lines;
} shapes[MESSAGES] = {
	{ 1, 1 },
	{ 1, 2 },
	{ 1, 3 },
	{ 2, 4 },
	{ 1, 1500 },
	{ 1, 3000 },
	{ 1, 3001 },
	{ 1, 1 },
	{ 500, 1 },
};

static struct message messages[MESSAGES];
static struct envelope envelopes[MESSAGES];
static struct transaction txs[MESSAGES];
static struct err err;

/*
 * The server's script, words between spaces:
 *
 *   M1      hears MAIL and RCPT of message 1          m1, a4, b4   hears MAIL, or RCPT alone
 *   B1      hears BDAT and content                    T1           hears the content with dots, and
 * the last dot D Q R . hears DATA, QUIT, RSET, a lone dot =250*2,550/5.1.1    says replies, in one
 * piece; nothing may have come ahead of them
 *   &=250   says it although something has come ahead
 *   @200    sleeps so many milliseconds
 *   ~99     hears any 99 octets
 *   !       closes
 *
 * At the end it hears nothing more but the end of the connection.
 */
struct server_script {
	const char *at;
	int fd;
	char failure[512]; /* what went wrong; "" if nothing */
};

static void
complain(struct server_script *script, const char *what, const char *word, size_t len)
{
	if (script->failure[0] == '\0')
		snprintf(script->failure, sizeof(script->failure), "%s at \"%.*s\" in \"%s\"", what,
		    (int)len, word, script->at);
}

static void
add_envelope(struct buf *out, char verb, size_t number)
{
	const struct envelope *e = &envelopes[number];

	if (verb == 'M' || verb == 'm')
		buf_addf(out, "MAIL FROM:<%s>\r\n", e->sender);
	for (size_t i = 0; i < e->count; i++)
		if (verb == 'M' || (verb != 'm' && (size_t)(verb - 'a') == i))
			buf_addf(out, "RCPT TO:<%s>\r\n", e->recipients[i].address);
}

static void
add_content(struct buf *out, size_t number, bool dotted)
{
	const struct message *m = &messages[number];
	struct buf plain = BUF_INIT(1 << 20);

	buf_add(&plain, m->header.data, m->header.len);
	buf_adds(&plain, "\r\n");
	buf_add(&plain, m->body.memory.data, m->body.memory.len);
	for (size_t i = 0; i < plain.len; i++) {
		if (dotted && plain.data[i] == '.' && (i == 0 || plain.data[i - 1] == '\n'))
			buf_addc(out, '.');
		buf_addc(out, plain.data[i]);
	}
	if (dotted)
		buf_adds(out, ".\r\n");
	buf_release(&plain);
}

/* What the server is to hear at this word. */
static void
expected(const char *word, struct buf *out)
{
	size_t number = word[1] >= '1' && word[1] <= '9' ? (size_t)(word[1] - '1') : 0;

	switch (word[0]) {
	case 'D':
		buf_adds(out, "DATA\r\n");
		break;
	case 'Q':
		buf_adds(out, "QUIT\r\n");
		break;
	case 'R':
		buf_adds(out, "RSET\r\n");
		break;
	case '.':
		buf_adds(out, ".\r\n");
		break;
	case 'B':
		buf_addf(out, "BDAT %llu LAST\r\n",
		    (unsigned long long)message_size(&messages[number]));
		add_content(out, number, false);
		break;
	case 'T':
		add_content(out, number, true);
		break;
	default:
		add_envelope(out, word[0], number);
	}
}

/* Hears exactly that; or, where want is NULL, any so many octets. */
static bool
hear(int fd, const char *want, size_t len)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char got[4096];

	while (len > 0) {
		ssize_t n = -1;

		if (poll(&pfd, 1, PATIENCE_MS) > 0)
			n = recv(fd, got, len < sizeof(got) ? len : sizeof(got), 0);
		if (n <= 0 || (want != NULL && memcmp(got, want, (size_t)n) != 0))
			return false;
		len -= (size_t)n;
		want = want != NULL ? want + n : NULL;
	}
	return true;
}

static bool
is_quiet(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	return poll(&pfd, 1, QUIET_MS) == 0;
}

/* "250*2,550/5.1.1" */
static void
say(int fd, const char *codes, size_t len)
{
	struct buf out = BUF_INIT(1 << 20);
	struct span rest = { codes, len };

	while (rest.len > 0) {
		struct span code = span_cut(&rest, ',');
		long times = 1;

		if (code.len > 4 && code.data[3] == '*')
			times = strtol(code.data + 4, NULL, 10);
		for (; times > 0; times--)
			buf_addf(&out, "%.3s %.*s\r\n", code.data,
			    code.len > 4 && code.data[3] == '/' ? (int)code.len - 4 : 0,
			    code.data + 4);
	}
	assert_int_equal(send(fd, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
	buf_release(&out);
}

static void
follow_word(struct server_script *script, const char *word, size_t len)
{
	struct buf out = BUF_INIT(1 << 20);

	switch (word[0]) {
	case '=':
		if (!is_quiet(script->fd))
			complain(script, "something came too early", word, len);
		say(script->fd, word + 1, len - 1);
		break;
	case '&':
		say(script->fd, word + 2, len - 2);
		break;
	case '@':
		poll(NULL, 0, (int)strtol(word + 1, NULL, 10));
		break;
	case '~':
		if (!hear(script->fd, NULL, strtoul(word + 1, NULL, 10)))
			complain(script, "too little came", word, len);
		break;
	case '!':
		shutdown(script->fd, SHUT_RDWR);
		break;
	default:
		expected(word, &out);
		if (!hear(script->fd, out.data, out.len))
			complain(script, "something else came, or nothing", word, len);
	}
	buf_release(&out);
}

static void *
serve(void *arg)
{
	struct server_script *script = arg;
	bool closed = false;
	char c;

	while (*script->at != '\0' && script->failure[0] == '\0') {
		const char *word = script->at;
		size_t len = strcspn(word, " ");

		follow_word(script, word, len);
		closed = closed || word[0] == '!';
		script->at = word + len + strspn(word + len, " ");
	}
	if (script->failure[0] == '\0' && !closed && recv(script->fd, &c, 1, 0) > 0)
		complain(script, "more came", "", 0);
	close(script->fd);
	return NULL;
}

/* Of before_end(): how often it was called for each message, and whether it fails. */
struct ending {
	struct smtp *smtp;
	struct transaction *tx;
	unsigned calls;
	bool fails;
	uint64_t put, sent; /* octets, when it was called */
};

static struct ending endings[MESSAGES];

static int
note_end(void *arg, struct err *why)
{
	struct ending *ending = arg;

	ending->calls++;
	ending->put = ending->smtp->stream.put_total;
	ending->sent = ending->smtp->stream.sent_total;
	assert_true(ending->tx->ends_at == UINT64_MAX);
	return ending->fails ? err_set(why, ERR_CANT_CREATE, "the disk is full") : 0;
}

/*
 * A case.  The plan, words between spaces: 1 sends message 1; 1>2 with 2 as the next one, 1. as the
 * last one.  The results: "0" or "-" for each word, then "+" or "-" for
 * smtp_may_send(), then once the session is closed, for each message of the plan and each
 * recipient: a accepted, f failed, d failed in doubt, p pending, s settled, t tried.
 */
struct session_case {
	const char *title;
	const char *offers; /* what EHLO told */
	const char *plan, *script, *result;
	const char *settled; /* numbers of messages whose recipient a is settled, or NULL */
	const char *stale;   /* … which were announced over another session, or NULL */
	const char *fails;   /* … whose before_end() fails, or NULL */
	const char *ends;    /* calls of before_end() for each message of the result, or NULL */
	int64_t timeout_ms;  /* 0: enough; -1: no limit */
	bool lmtp;
};

#define ALL "PIPELINING\nCHUNKING"
#define PIPE "PIPELINING"

static const struct session_case next_cases[] = {
	{ .title = "one alone",
	    .offers = ALL,
	    .plan = "1",
	    .script = "M1 B1 =250*3 Q =221",
	    .result = "0+ 1a" },
	{ .title = "one, the last",
	    .offers = ALL,
	    .plan = "1.",
	    .script = "M1 B1 Q =250*3,221",
	    .result = "0- 1a" },
	{ .title = "one after the other",
	    .offers = ALL,
	    .plan = "1 2",
	    .script = "M1 B1 =250*3 M2 B2 =250*3 Q =221",
	    .result = "00+ 1a 2a" },
	{ .title = "BDAT: one round trip a message",
	    .offers = ALL,
	    .plan = "1>2 2>3 3.",
	    .script = "M1 B1 M2 =250*5 B2 M3 =250*3 B3 Q =250,221",
	    .result = "000- 1a 2a 3a",
	    .ends = "111" },
	{ .title = "DATA: one round trip a message",
	    .offers = PIPE,
	    .plan = "1>2 2>3 3.",
	    .script = "M1 D =250*2,354 T1 M2 D =250*3,354 T2 M3 D =250*3,354 T3 Q =250,221",
	    .result = "000- 1a 2a 3a",
	    .ends = "111" },
	{ .title = "large, BDAT",
	    .offers = ALL,
	    .plan = "6>7 7>1 1",
	    .script = "M6 =250*2 B6 M7 =250*3 B7 M1 =250*3 B1 =250 Q =221",
	    .result = "000+ 6a 7a 1a",
	    .ends = "111" },
	{ .title = "large, DATA",
	    .offers = PIPE,
	    .plan = "6>7 7",
	    .script = "M6 D =250*2,354 T6 M7 D =250*3,354 T7 =250 Q =221",
	    .result = "00+ 6a 7a",
	    .ends = "11" },
	{ .title = "no PIPELINING: nothing goes ahead",
	    .offers = "",
	    .plan = "1>2 2",
	    .script = "m1 =250 a1 =250 D =354 T1 =250 m2 =250 a2 =250 D =354 T2 =250 Q =221",
	    .result = "00+ 1a 2a" },
	{ .title = "no PIPELINING but CHUNKING",
	    .offers = "CHUNKING",
	    .plan = "1>2 2.",
	    .script = "m1 =250 a1 =250 B1 =250 m2 =250 a2 =250 B2 =250 Q =221",
	    .result = "00+ 1a 2a" },
	{ .title = "replies to the next come late",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*3 @50 =250 @50 =250 B2 =250 Q =221",
	    .result = "00+ 1a 2a" },
	{ .title = "hundreds of recipients",
	    .offers = ALL,
	    .plan = "1>9 9>2 2",
	    .script = "M1 B1 M9 =250*3,250*501 B9 M2 =250*3 B2 =250 Q =221",
	    .result = "000+ 1a 2a" },

	/* Refusals. */
	{ .title = "content refused: the next goes on",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*2,550,250*2 B2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "content refused, and its envelope stands",
	    .offers = ALL,
	    .plan = "1>2 2.",
	    .script = "M1 B1 M2 =250*2,550,503,250 R M2 B2 Q =250*4,221",
	    .result = "00- 1f 2a" },
	{ .title = "the same in other words",
	    .offers = ALL,
	    .plan = "1>2 2>3 3",
	    .script = "M1 B1 M2 =250*2,452,550/5.5.1,250 R M2 B2 M3 =250*6 B3 =250 Q =221",
	    .result = "000+ 1f 2a 3a",
	    .ends = "111" },
	{ .title = "503 to the first of all is a refusal",
	    .offers = ALL,
	    .plan = "1",
	    .script = "M1 B1 =503*3 Q =221",
	    .result = "0+ 1f" },
	{ .title = "503 again after RSET is a refusal",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*2,550,503,250 R M2 B2 =250,503*3 Q =221",
	    .result = "00+ 1f 2f" },
	{ .title = "recipient refused: the envelope stands",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250,550,503*2,250 R M2 B2 =250*4 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "recipient refused, known before the content",
	    .offers = ALL,
	    .plan = "6>2 2",
	    .script = "M6 =250,550 R M2 B2 =250*4 Q =221",
	    .result = "00+ 6f 2a",
	    .ends = "01" },
	{ .title = "sender refused",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =550,503*2,250*2 B2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "the next one's recipient refused",
	    .offers = ALL,
	    .plan = "1>2 2>3 3",
	    .script = "M1 B1 M2 =250*4,550 R M3 B3 =250*4 Q =221",
	    .result = "000+ 1a 2f 3a",
	    .ends = "101" },
	{ .title = "the next one's sender refused",
	    .offers = ALL,
	    .plan = "1>2 2>3 3",
	    .script = "M1 B1 M2 =250*3,550,503 R M3 B3 =250*4 Q =221",
	    .result = "000+ 1a 2f 3a" },
	{ .title = "DATA: the next one's recipient refused, 354",
	    .offers = PIPE,
	    .plan = "1>2 2>3 3",
	    .script =
		"M1 D =250*2,354 T1 M2 D =250*2,550,354 . =554 R M3 D =250*3,354 T3 =250 Q =221",
	    .result = "000+ 1a 2f 3a",
	    .ends = "101" },
	{ .title = "DATA: the next one's recipient refused, 554",
	    .offers = PIPE,
	    .plan = "1>2 2>3 3",
	    .script = "M1 D =250*2,354 T1 M2 D =250*2,550,554 R M3 D =250*3,354 T3 =250 Q =221",
	    .result = "000+ 1a 2f 3a" },
	{ .title = "DATA refused",
	    .offers = PIPE,
	    .plan = "1>2 2 3",
	    .script = "M1 D =250*2,354 T1 M2 D =250*3,451 R M3 D =250*3,354 T3 =250 Q =221",
	    .result = "000+ 1a 2f 3a" },
	{ .title = "DATA: the envelope stands",
	    .offers = PIPE,
	    .plan = "1>2 2",
	    .script = "M1 D =250*2,354 T1 M2 D =550,503,250,503 R M2 D =250*3,354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "DATA: the envelope stands, and 354: not a dot",
	    .offers = PIPE,
	    .plan = "1>2 2",
	    .script = "M1 D =250*2,354 T1 M2 D =550,503,250,354",
	    .result = "00- 1f 2p" },
	{ .title = "DATA: sender refused, and 354: not a dot",
	    .offers = PIPE,
	    .plan = "1>2 2",
	    .script = "M1 D =250*2,354 T1 M2 D =250,550,250,354",
	    .result = "00- 1a 2f" },
	{ .title = "one of two refused",
	    .offers = ALL,
	    .plan = "4>1 1",
	    .script = "M4 B4 M1 =250,550,250*4 B1 =250 Q =221",
	    .result = "00+ 4fa 1a" },

	/* A session that is used again without more ado. */
	{ .title = "after a refused recipient, DATA",
	    .offers = PIPE,
	    .plan = "1 2",
	    .script = "M1 D =250,550,554 R M2 D =250*3,354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "after a refused recipient, 354",
	    .offers = PIPE,
	    .plan = "1 2",
	    .script = "M1 D =250,550,354 . =554 R M2 D =250*3,354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "after a refused sender",
	    .offers = PIPE,
	    .plan = "1 2",
	    .script = "M1 D =550,503*2 R M2 D =250*3,354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "after a refused content",
	    .offers = ALL,
	    .plan = "1 2",
	    .script = "M1 B1 =250*2,552 R M2 B2 =250*4 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "after one of two",
	    .offers = ALL,
	    .plan = "4 1",
	    .script = "M4 B4 =250*2,550,250 M1 B1 =250*3 Q =221",
	    .result = "00+ 4af 1a" },
	{ .title = "after a refused recipient, step by step",
	    .offers = "",
	    .plan = "1 2",
	    .script = "m1 =250 a1 =550 R =250 m2 =250 a2 =250 D =354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },

	/* Limits, and messages that are not announced. */
	{ .title = "MAILMAX=1",
	    .offers = ALL "\nLIMITS MAILMAX=1",
	    .plan = "1>2",
	    .script = "M1 B1 =250*3 Q =221",
	    .result = "0- 1a 2p" },
	{ .title = "MAILMAX=2",
	    .offers = ALL "\nLIMITS MAILMAX=2",
	    .plan = "1>2 2>3",
	    .script = "M1 B1 M2 =250*5 B2 =250 Q =221",
	    .result = "00- 1a 2a 3p" },
	{ .title = "MAILMAX=2, and no third try",
	    .offers = ALL "\nLIMITS MAILMAX=2",
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*2,550,503,250 Q =221",
	    .result = "00- 1f 2p" },
	{ .title = "RCPTMAX, the next",
	    .offers = ALL "\nLIMITS RCPTMAX=1",
	    .plan = "1>4 4>1 4",
	    .script = "M1 B1 =250*3 m4 a4 B4 =250*3 m4 b4 B4 =250*3 Q =221",
	    .result = "000+ 1a 4aa" },
	{ .title = "RCPTMAX, this one",
	    .offers = ALL "\nLIMITS RCPTMAX=1",
	    .plan = "4>1 4>1 1",
	    .script = "m4 a4 B4 =250*3 m4 b4 B4 M1 =250*5 B1 =250 Q =221",
	    .result = "000+ 4aa 1a",
	    .ends = "21" },
	{ .title = "the next cannot go",
	    .offers = ALL,
	    .plan = "1>8 8>2 2",
	    .script = "M1 B1 =250*3 M2 B2 =250*3 Q =221",
	    .result = "000+ 1a 8f 2a" },
	{ .title = "too many, then the announced one",
	    .offers = ALL,
	    .plan = "4>1 1 4",
	    .script = "M4 B4 M1 =250*2,452/4.5.3,250*3 B1 =250 m4 b4 B4 =250*3 Q =221",
	    .result = "000+ 4aa 1a" },
	{ .title = "too many, and another turn before the announced one",
	    .offers = ALL,
	    .plan = "4>1 4 1",
	    .script = "M4 B4 M1 =250*2,452/4.5.3,250*3 R m4 b4 B4 =250*4 M1 B1 =250*3 Q =221",
	    .result = "000+ 4aa 1a" },
	{ .title = "nobody to send to",
	    .offers = ALL,
	    .plan = "1 1 2",
	    .script = "M1 B1 =250*3 M2 B2 =250*3 Q =221",
	    .result = "000+ 1a 2a" },
	{ .title = "LMTP, BDAT",
	    .offers = ALL,
	    .plan = "4>1 1",
	    .lmtp = true,
	    .script = "M4 =250*3 B4 M1 =250,452,250*2 B1 =250 Q =221",
	    .result = "00+ 4af 1a",
	    .ends = "11" },
	{ .title = "LMTP, DATA",
	    .offers = PIPE,
	    .plan = "4>1 1",
	    .lmtp = true,
	    .script = "M4 D =250*3,354 T4 M1 D =250*4,354 T1 =250 Q =221",
	    .result = "00+ 4aa 1a",
	    .ends = "11" },
	{ .title = "LMTP, nobody is left",
	    .offers = PIPE,
	    .plan = "1 2",
	    .lmtp = true,
	    .script = "M1 D =250,550,354 . R M2 D =250*3,354 T2 =250 Q =221",
	    .result = "00+ 1f 2a" },
	{ .title = "LMTP is never sent ahead",
	    .offers = ALL,
	    .plan = "1* 1?",
	    .lmtp = true,
	    .script = "M1 =250*2 B1 =250 Q =221",
	    .result = "00+ 1a" },
	{ .title = "who is settled stays so",
	    .offers = ALL,
	    .plan = "1>4 4",
	    .settled = "4",
	    .script = "M1 B1 m4 b4 =250*5 B4 =250 Q =221",
	    .result = "00+ 1a 4sa" },
	{ .title = "who is settled is not refused",
	    .offers = ALL,
	    .plan = "4",
	    .settled = "4",
	    .script = "m4 b4 B4 =550,503*2 Q =221",
	    .result = "0+ 4sf" },
};

static const struct session_case loss_cases[] = {
	{ .title = "nothing is said",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 !",
	    .result = "-- 1d 2p" },
	{ .title = "lost before the answer",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =250*2 !",
	    .result = "-- 1d 2p" },
	{ .title = "421 is the answer",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =250*2,421 !",
	    .result = "-- 1f 2p" },
	{ .title = "421 to the sender",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =421 !",
	    .result = "-- 1f 2p" },
	{ .title = "421 to the recipient",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =250,421 !",
	    .result = "-- 1f 2p" },
	{ .title = "answered, then lost",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*3 !",
	    .result = "00- 1a 2p" },
	{ .title = "answered, then 421 to the next one's sender",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*3,421 !",
	    .result = "00- 1a 2p" },
	{ .title = "answered, then 421 to the next one's recipient",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .script = "M1 B1 M2 =250*4,421 !",
	    .result = "00- 1a 2p" },
	{ .title = "a recipient of the next is unknown, then 421",
	    .offers = ALL,
	    .plan = "1>4 4",
	    .script = "M1 B1 M4 =250*4,550,421 !",
	    .result = "00- 1a 4fp" },
	{ .title = "answered, then 421 to the next one's DATA",
	    .offers = PIPE,
	    .plan = "1>2 2",
	    .script = "M1 D =250*2,354 T1 M2 D =250*3,421 !",
	    .result = "00- 1a 2p" },
	{ .title = "DATA: lost before the answer",
	    .offers = PIPE,
	    .plan = "1>2",
	    .script = "M1 D =250*2,354 T1 M2 D !",
	    .result = "-- 1d 2p" },
	{ .title = "answered, and 421 to another's sender",
	    .offers = ALL,
	    .plan = "1>2 2 3",
	    .script = "M1 B1 M2 =250*5 B2 =250 M3 B3 =421 !",
	    .result = "00-- 1a 2a 3f" },
	{ .title = "lost amid the next one's content",
	    .offers = ALL,
	    .plan = "1>5 5>2",
	    .script = "M1 B1 M5 =250*5 ~20000 !",
	    .result = "0-- 1a 5f 2p" },
	{ .title = "lost amid large content",
	    .offers = ALL,
	    .plan = "6>2",
	    .script = "M6 =250*2 ~40000 !",
	    .result = "-- 6f 2p",
	    .ends = "00" },
	{ .title = "lost behind the next one's content",
	    .offers = ALL,
	    .plan = "1>2 2>3",
	    .script = "M1 B1 M2 =250*5 B2 M3 !",
	    .result = "0-- 1a 2d 3p" },
	{ .title = "lost behind the content, amid the envelope",
	    .offers = ALL,
	    .plan = "1>9",
	    .script = "M1 B1 ~300 !",
	    .result = "-- 1d" },
	{ .title = "who is settled is not in doubt",
	    .offers = ALL,
	    .plan = "4",
	    .settled = "4",
	    .script = "m4 b4 B4 !",
	    .result = "-- 4sd" },
	{ .title = "who has another turn is not in doubt",
	    .offers = ALL,
	    .plan = "4",
	    .script = "M4 B4 =250*2,452/4.5.3 !",
	    .result = "-- 4df" },
	{ .title = "LMTP: lost between the answers",
	    .offers = ALL,
	    .plan = "4>1",
	    .lmtp = true,
	    .script = "M4 =250*3 B4 M1 =250 !",
	    .result = "-- 4ad 1p" },
	{ .title = "nonsense in place of the answer",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =250*2,999",
	    .result = "-- 1d 2p" },
	{ .title = "taken before it was sent",
	    .offers = ALL,
	    .plan = "5",
	    .script = "&=250*3 ~1000 !",
	    .result = "0- 5d" },
	{ .title = "closed before the next one's turn",
	    .offers = ALL,
	    .plan = "1>2",
	    .script = "M1 B1 M2 =250*5",
	    .result = "0+ 1a 2t" },
	{ .title = "announced over a session that is gone",
	    .offers = ALL,
	    .plan = "1>2 2",
	    .stale = "12",
	    .script = "M1 B1 M2 =250*5 B2 =250 Q =221",
	    .result = "00+ 1a 2a" },
};

static const struct session_case end_cases[] = {
	{ .title = "it fails: not an octet",
	    .offers = ALL,
	    .plan = "1>2",
	    .fails = "1",
	    .script = "",
	    .result = "-- 1f 2p",
	    .ends = "10" },
	{ .title = "it fails: DATA without its dot",
	    .offers = PIPE,
	    .plan = "1>2",
	    .fails = "1",
	    .script = "M1 D =250*2,354",
	    .result = "-- 1f 2p",
	    .ends = "10" },
	{ .title = "it fails for the next",
	    .offers = ALL,
	    .plan = "1>2 2>3",
	    .fails = "2",
	    .script = "M1 B1 M2 =250*5",
	    .result = "0-- 1a 2f 3p",
	    .ends = "110" },
	{ .title = "nobody is left",
	    .offers = PIPE,
	    .plan = "1",
	    .script = "M1 D =250,550,354 . =250 Q =221",
	    .result = "0+ 1f",
	    .ends = "0" },
};

static const struct session_case time_cases[] = {
	{ .title = "each message has its own time",
	    .offers = ALL,
	    .plan = "1 2 3",
	    .timeout_ms = 600,
	    .script = "M1 B1 @350 =250*3 M2 B2 @350 =250*3 M3 B3 @350 =250*3 Q =221",
	    .result = "000+ 1a 2a 3a" },
	{ .title = "each that is announced",
	    .offers = ALL,
	    .plan = "1>2 2>3 3",
	    .timeout_ms = 600,
	    .script = "M1 B1 M2 @350 =250*5 B2 M3 @350 =250*3 B3 @350 =250 Q =221",
	    .result = "000+ 1a 2a 3a" },
	{ .title = "no answer in time",
	    .offers = ALL,
	    .plan = "1>2",
	    .timeout_ms = 200,
	    .script = "M1 B1 M2 @1000",
	    .result = "-- 1d 2p" },
	{ .title = "a content is thought about, an envelope waits",
	    .offers = ALL,
	    .plan = "6>9 9",
	    .timeout_ms = 600,
	    .script = "M6 =250*2 B6 @1500 &=250 M9 =250*501 B9 =250 Q =221",
	    .result = "00+ 6a" },
	{ .title = "no limit, and content that moves slowly",
	    .offers = ALL,
	    .plan = "6",
	    .timeout_ms = -1,
	    .script = "M6 =250*2 @300 B6 =250 Q =221",
	    .result = "0+ 6a" },
	{ .title = "content does not move",
	    .offers = ALL,
	    .plan = "6",
	    .timeout_ms = 200,
	    .script = "M6 =250*2 @1000 ~99 !",
	    .result = "-- 6f" },
};

static void
add_recipient(struct envelope *e, const char *address, bool is_sender)
{
	struct address_list list = ADDRESS_LIST_INIT;

	assert_int_equal(address_parse(&list, span_of(address), 0, &err), 0);
	if (is_sender)
		assert_int_equal(envelope_set_sender(e, &list.items[0], &err), 0);
	else
		assert_int_equal(envelope_add(e, &list.items[0], &err), 0);
	address_list_release(&list);
}

static void
make_message(size_t number)
{
	struct message *m = &messages[number];
	char text[80];

	message_init(m);
	buf_addf(&m->header, "Subject: %zu\r\n", number + 1);
	m->body_8bit = number + 1 == 8;
	for (size_t i = 0; i < shapes[number].lines; i++) {
		snprintf(text, sizeof(text), "%sline %zu of this message\r\n",
		    i % 3 == 0 ? "." : "", i);
		assert_int_equal(spool_write(&m->body, text, strlen(text), &err), 0);
	}
	assert_int_equal(spool_finish(&m->body, &err), 0);
	envelope_init(&envelopes[number]);
	snprintf(text, sizeof(text), "s%zu@example.org", number + 1);
	add_recipient(&envelopes[number], text, true);
	for (size_t i = 0; i < shapes[number].recipients; i++) {
		snprintf(text, sizeof(text), "r%zu-%zu@example.org", number + 1, i);
		add_recipient(&envelopes[number], text, false);
	}
}

static int
make_messages(void **state)
{
	(void)state;
	err_init(&err);
	for (size_t i = 0; i < MESSAGES; i++)
		make_message(i);
	return 0;
}

static int
release_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		message_release(&messages[i]);
		envelope_release(&envelopes[i]);
	}
	err_release(&err);
	return 0;
}

static bool
has_number(const char *numbers, size_t number)
{
	return numbers != NULL && strchr(numbers, (int)('1' + number)) != NULL;
}

static void
make_transactions(const struct session_case *c, struct smtp *s)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		assert_int_equal(transaction_init(&txs[i], &envelopes[i], &messages[i], &err), 0);
		endings[i] = (struct ending){
			.smtp = s, .tx = &txs[i], .fails = has_number(c->fails, i)
		};
		txs[i].before_end = note_end;
		txs[i].arg = &endings[i];
		if (has_number(c->settled, i))
			txs[i].outcomes[0].state = OUTCOME_SETTLED;
		txs[i].announced = has_number(c->stale, i);
		if (txs[i].announced)
			txs[i].outcomes[0].state = OUTCOME_TRIED;
	}
}

/* The session as it is once EHLO was answered. */
static void
begin(struct smtp *s, const struct smtp_settings *settings, const char *offers, int fd)
{
	struct buf text = BUF_INIT(1024);
	const int small = 1;

	smtp_init(s, settings);
	/* As little as can be, so that what the server does not hear stays here. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_int_equal(stream_open_socket(&s->stream, fd, &err), 0);
	buf_addf(&text, "mx.example.net\n%s", offers);
	ehlo_parse(&s->offers, (struct span){ text.data, text.len });
	buf_release(&text);
}

/* One word of the plan. */
static char
act(struct smtp *s, const char *word)
{
	struct transaction *tx = &txs[word[0] - '1'];
	struct around around = { .last = word[1] == '.' };
	int result;

	assert_true(smtp_may_send(s));
	if (word[1] == '>')
		around.next = &txs[word[2] - '1'];
	result = smtp_send(s, tx, &around, &err);
	assert_int_equal(tx->answers_due, 0);
	assert_int_equal(result < 0, err.kind != ERR_NONE);
	return result < 0 ? '-' : '0';
}

static char
letter(const struct outcome *outcome)
{
	switch (outcome->state) {
	case OUTCOME_ACCEPTED:
		return 'a';
	case OUTCOME_FAILED:
		return outcome->err.in_doubt ? 'd' : 'f';
	case OUTCOME_PENDING:
		return 'p';
	case OUTCOME_SETTLED:
		return 's';
	case OUTCOME_TRIED:
		return 't';
	default:
		return '?';
	}
}

/* " 1a 4ap", in the order in which the result wanted has them. */
static void
add_outcomes(const char *wanted, struct buf *out)
{
	for (const char *at = strchr(wanted, ' '); at != NULL; at = strchr(at + 1, ' ')) {
		const struct transaction *tx = &txs[at[1] - '1'];

		buf_addf(out, " %c", at[1]);
		for (size_t i = 0; i < tx->envelope->count; i++)
			buf_addc(out, letter(&tx->outcomes[i]));
	}
}

/* Before the last octet is out, and not long before it. */
static bool
is_called_in_time(const struct ending *ending)
{
	uint64_t ends_at = ending->tx->ends_at;

	return ending->calls == 0 || ends_at == UINT64_MAX ||
	    (ending->sent < ends_at && ending->put < ends_at &&
		ends_at - ending->put <= STREAM_PIECE);
}

static bool
check_ends(const struct session_case *c)
{
	struct buf calls = BUF_INIT(64);
	bool result;

	for (const char *at = strchr(c->result, ' '); at != NULL; at = strchr(at + 1, ' '))
		buf_addf(&calls, "%u", endings[at[1] - '1'].calls);
	if (c->ends != NULL && strcmp(calls.data, c->ends) != 0)
		print_error("%s: before_end() was called %s times, not %s\n", c->title, calls.data,
		    c->ends);
	result = c->ends == NULL || strcmp(calls.data, c->ends) == 0;
	for (size_t i = 0; i < MESSAGES; i++) {
		if (!is_called_in_time(&endings[i]))
			print_error("%s: before_end() was called too early or too late for %zu\n",
			    c->title, i + 1);
		result = result && is_called_in_time(&endings[i]);
	}
	buf_release(&calls);
	return result;
}

static void
follow_plan(const struct session_case *c, struct smtp *s, struct buf *result)
{
	for (const char *word = c->plan; word != NULL; word = strchr(word, ' ')) {
		word += *word == ' ';
		buf_addc(result, act(s, word));
	}
	buf_addc(result, smtp_may_send(s) ? '+' : '-');
}

static bool
check_result(const struct session_case *c, const struct server_script *script, const char *result)
{
	if (script->failure[0] != '\0')
		print_error("%s: %s (result %s)\n", c->title, script->failure, result);
	if (strcmp(result, c->result) != 0)
		print_error("%s: \"%s\", not \"%s\"\n", c->title, result, c->result);
	return script->failure[0] == '\0' && strcmp(result, c->result) == 0;
}

static bool
run_case(const struct session_case *c)
{
	const struct smtp_settings settings = {
		.host = "mx.example.net",
		.port = 25,
		.lmtp = c->lmtp,
		.timeout_ms = c->timeout_ms != 0 ? c->timeout_ms : TIMEOUT_MS,
	};
	struct server_script script = { .at = c->script };
	struct buf result = BUF_INIT(4096);
	struct smtp s;
	pthread_t thread;
	int fds[2];
	bool good;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	script.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, serve, &script), 0);
	begin(&s, &settings, c->offers, fds[0]);
	make_transactions(c, &s);
	follow_plan(c, &s, &result);
	smtp_close(&s);
	pthread_join(thread, NULL);
	add_outcomes(c->result, &result);
	good = check_result(c, &script, result.data) && check_ends(c);
	for (size_t i = 0; i < MESSAGES; i++)
		transaction_release(&txs[i]);
	buf_release(&result);
	err_clear(&err);
	return good;
}

static void
run_cases(const struct session_case *cases, size_t count)
{
	size_t bad = 0;

	for (size_t i = 0; i < count; i++)
		bad += !run_case(&cases[i]);
	assert_int_equal(bad, 0);
}

static void
test_next(void **state)
{
	(void)state;
	run_cases(next_cases, COUNT(next_cases));
}

static void
test_loss(void **state)
{
	(void)state;
	run_cases(loss_cases, COUNT(loss_cases));
}

static void
test_ends(void **state)
{
	(void)state;
	run_cases(end_cases, COUNT(end_cases));
}

static void
test_times(void **state)
{
	(void)state;
	run_cases(time_cases, COUNT(time_cases));
}

/*
 * What is left of the time for delivery, at the second 10,000; where it is to come back, late is
 * what has none left.
 */
static const struct {
	struct requests requests;
	int64_t begin_ms, left_s;
	bool late;
} waits[] = {
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 0, 60, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 10000000, 60, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 9999001, 60, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 9999000, 59, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 9940001, 1, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 9940000, 0, true },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 9930000, -10, true },
	{ { .deliver_by_s = 60 }, 9940000, 0, false },
	{ { .deliver_by_s = 60 }, 9930000, -10, false },
	/* The clock was set back; or says what cannot be. */
	{ { .deliver_by_s = 60, .deliver_by_return = true }, 20000000, 60, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, INT64_MAX, 60, false },
	{ { .deliver_by_s = 60, .deliver_by_return = true }, INT64_MIN, 60, false },
	/* No more than nine digits. */
	{ { .deliver_by_s = 999999999, .deliver_by_return = true }, 0, 999999999, false },
	{ { .deliver_by_s = 1000000000, .deliver_by_return = true }, 0, 999999999, false },
	{ { .deliver_by_s = INT64_MAX }, 1, 999990000, false },
	{ { .deliver_by_s = 999999999, .hold_for_s = 1 }, 0, 999999999, false },
	{ { .deliver_by_s = 1, .hold_for_s = INT64_MAX }, 0, 999999999, false },
	/* It can be delivered when the server lets go of it. */
	{ { .deliver_by_s = 60, .hold_for_s = 7 }, 0, 67, false },
	{ { .deliver_by_s = 60, .hold_until_s = 10001, .hold_for_s = 7 }, 0, 61, false },
	{ { .deliver_by_s = 60, .hold_until_s = 10000, .hold_for_s = 7 }, 10000000, 60, false },
	{ { .deliver_by_s = 60, .hold_until_s = 9990, .deliver_by_return = true }, 9930000, -10,
	    true },
	{ { .deliver_by_s = 60, .hold_until_s = 9990, .deliver_by_return = true }, 9990000, 50,
	    false },
};

static void
test_waits(void **state)
{
	const int64_t now_ms = 10000000;

	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		struct transaction tx = { .requests = waits[i].requests,
			.begin_ms = waits[i].begin_ms };
		int64_t left_s = transaction_time_left_s(&tx, now_ms);
		bool late = transaction_check_time(&tx, now_ms, &err) < 0;

		if (left_s != waits[i].left_s || late != waits[i].late)
			fail_msg("%zu: %lld left", i, (long long)left_s);
		assert_string_equal(late ? err.enhanced : "5.4.7", "5.4.7");
		err_clear(&err);
	}
	/* As late as nine digits can tell. */
	assert_int_equal(transaction_time_left_s(&(struct transaction){ .begin_ms = 1 }, INT64_MAX),
	    -999999999);
}

static void
test_holds(void **state)
{
	struct transaction tx = { .requests = { .hold_for_s = 7 } };

	(void)state;
	assert_int_equal(transaction_hold_until_s(&tx, 10000999), 10007);
	tx.requests.hold_until_s = 10001;
	assert_int_equal(transaction_hold_until_s(&tx, 10000999), 10001);
	/* Its time has come: not even that of the account is asked for. */
	assert_int_equal(transaction_hold_until_s(&tx, 10001000), 0);
	tx.requests = (struct requests){ .priority = 0 };
	assert_int_equal(transaction_hold_until_s(&tx, 10001000), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_holds),
	};

	return cmocka_run_group_tests_name("session", tests, make_messages, release_messages);
}
