/* SPDX-License-Identifier: ISC */
/*
 * The server that the benchmark sends to: it takes every message, as fast as it comes, and keeps
 * nothing.
 *
 *   sink [-t] [-x EXTENSION]... CERTIFICATE KEY
 *
 * -t: TLS sessions can be resumed, as with most servers.  -x: leaves out that extension. Prints the
 * three ports it listens on at 127.0.0.1 (and ::1): implicit TLS, STARTTLS, plain.  For every line
 * on standard input it prints what it has seen since it began: connections, logins, messages,
 * recipients, octets of content as they came (dots still doubled), the microseconds of processor
 * time it has used, and when it took the first message and the last one (microseconds of
 * CLOCK_MONOTONIC, or 0).  It ends with its input.
 *
 * One thread a connection.  Replies are written when all input is taken: a flight is answered in
 * one piece.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	IN_SIZE = 256 * 1024,
	OUT_SIZE = 64 * 1024,
	LINE_MAX_LEN = 16 * 1024,
	LEFT_OUT_MAX = 8,
	BACKLOG = 4096, /* dma comes with all its messages at once */
};

enum way_in { IMPLICIT, STARTTLS, PLAIN, WAYS };

struct listener {
	enum way_in way;
	int fd;
};

struct conn {
	int fd;
	gnutls_session_t tls; /* NULL: plain text */
	enum way_in way;
	bool logged_in;
	bool done;
	char *in; /* IN_SIZE octets; those in [begin, end) are not taken yet */
	size_t begin, end;
	char *out; /* OUT_SIZE octets */
	size_t out_len;
	char line[LINE_MAX_LEN];
};

static struct {
	atomic_ullong connections, logins, messages, recipients, octets;
	atomic_llong first_us, last_us;
} seen;

static gnutls_certificate_credentials_t credentials;
static gnutls_datum_t ticket_key; /* empty: no tickets */
static const char *left_out[LEFT_OUT_MAX + 1];

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "sink: %s: %s\n", what, why);
	exit(1);
}

/* The wire. */

static ssize_t
wire_recv(struct conn *c, char *to, size_t len)
{
	ssize_t n;

	do
		n = c->tls != NULL ? gnutls_record_recv(c->tls, to, len) : recv(c->fd, to, len, 0);
	while (c->tls != NULL ? n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN :
				n < 0 && errno == EINTR);
	return n;
}

static ssize_t
wire_send(struct conn *c, const char *from, size_t len)
{
	return c->tls != NULL ? gnutls_record_send(c->tls, from, len) :
				send(c->fd, from, len, MSG_NOSIGNAL);
}

static void
flush(struct conn *c)
{
	for (size_t at = 0; at < c->out_len && !c->done;) {
		ssize_t n = wire_send(c, c->out + at, c->out_len - at);

		if (n <= 0)
			c->done = true;
		else
			at += (size_t)n;
	}
	c->out_len = 0;
}

static void
say(struct conn *c, const char *text)
{
	size_t len = strlen(text);

	if (c->out_len + len + 2 > OUT_SIZE)
		flush(c);
	memcpy(c->out + c->out_len, text, len);
	memcpy(c->out + c->out_len + len, "\r\n", 2);
	c->out_len += len + 2;
}

/* Waits for more input, all replies being out. */
static bool
fill(struct conn *c)
{
	ssize_t n;

	flush(c);
	if (c->begin > 0) {
		memmove(c->in, c->in + c->begin, c->end - c->begin);
		c->end -= c->begin;
		c->begin = 0;
	}
	if (c->done || c->end == IN_SIZE)
		return false;
	n = wire_recv(c, c->in + c->end, IN_SIZE - c->end);
	if (n <= 0) {
		c->done = true;
		return false;
	}
	c->end += (size_t)n;
	return true;
}

/* The next line, without its end, goes to c->line. */
static bool
take_line(struct conn *c)
{
	char *lf;
	size_t len;

	while ((lf = memchr(c->in + c->begin, '\n', c->end - c->begin)) == NULL)
		if (!fill(c))
			return false;
	len = (size_t)(lf - (c->in + c->begin));
	if (len >= LINE_MAX_LEN)
		return false;
	memcpy(c->line, c->in + c->begin, len);
	c->begin += len + 1;
	if (len > 0 && c->line[len - 1] == '\r')
		len--;
	c->line[len] = '\0';
	return true;
}

/* The verbs. */

static bool
offers(const char *extension)
{
	for (size_t i = 0; left_out[i] != NULL; i++)
		if (strcasecmp(left_out[i], extension) == 0)
			return false;
	return true;
}

static void
ehlo(struct conn *c, const char *arg)
{
	static const struct {
		const char *name, *line;
	} extensions[] = {
		{ "PIPELINING", "250-PIPELINING" },
		{ "CHUNKING", "250-CHUNKING" },
		{ "SIZE", "250-SIZE 0" },
		{ "8BITMIME", "250-8BITMIME" },
		{ "DSN", "250-DSN" },
	};

	(void)arg;
	say(c, "250-localhost");
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (offers(extensions[i].name))
			say(c, extensions[i].line);
	if (c->way == STARTTLS && c->tls == NULL)
		say(c, "250-STARTTLS");
	else if (c->tls != NULL)
		say(c, "250-AUTH PLAIN LOGIN");
	say(c, "250 ENHANCEDSTATUSCODES");
}

static void
helo(struct conn *c, const char *arg)
{
	(void)arg;
	say(c, "250 localhost");
}

static bool
start_tls(struct conn *c)
{
	int code;

	if (gnutls_init(&c->tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) < 0)
		return false;
	gnutls_set_default_priority(c->tls);
	gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, credentials);
	if (ticket_key.size > 0)
		gnutls_session_ticket_enable_server(c->tls, &ticket_key);
	gnutls_transport_set_int(c->tls, c->fd);
	do
		code = gnutls_handshake(c->tls);
	while (code < 0 && !gnutls_error_is_fatal(code));
	return code >= 0;
}

static void
starttls(struct conn *c, const char *arg)
{
	(void)arg;
	say(c, "220 2.0.0 go ahead");
	flush(c);
	if (c->tls != NULL || c->begin < c->end || !start_tls(c))
		c->done = true;
}

/* Any password will do: what matters is that one was given in the way that was announced. */
static bool
ask(struct conn *c, const char *challenge)
{
	say(c, challenge);
	return take_line(c) && c->line[0] != '\0' && strcmp(c->line, "*") != 0;
}

static void
auth(struct conn *c, const char *arg)
{
	bool plain = strncasecmp(arg, "PLAIN", 5) == 0, ok = c->tls != NULL;

	if (plain)
		ok = ok && (arg[5] == ' ' || ask(c, "334 "));
	else
		ok = ok && (strlen(arg) > 6 || ask(c, "334 VXNlcm5hbWU6")) &&
		    ask(c, "334 UGFzc3dvcmQ6");
	say(c, ok ? "235 2.7.0 welcome" : "535 5.7.8 no");
	c->logged_in = ok;
	if (ok)
		atomic_fetch_add(&seen.logins, 1);
}

static void
mail(struct conn *c, const char *arg)
{
	(void)arg;
	say(c, c->logged_in || c->way == PLAIN ? "250 2.1.0 ok" : "530 5.7.0 log in first");
}

static void
rcpt(struct conn *c, const char *arg)
{
	(void)arg;
	atomic_fetch_add(&seen.recipients, 1);
	say(c, "250 2.1.5 ok");
}

static long long
now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
count_message(struct conn *c, unsigned long long octets)
{
	long long now = now_us(CLOCK_MONOTONIC), never = 0;

	atomic_compare_exchange_strong(&seen.first_us, &never, now);
	atomic_store(&seen.last_us, now);
	atomic_fetch_add(&seen.messages, 1);
	atomic_fetch_add(&seen.octets, octets);
	say(c, "250 2.0.0 taken");
}

static void
bdat(struct conn *c, const char *arg)
{
	unsigned long long size = strtoull(arg, NULL, 10), left = size;

	while (left > 0 && (c->begin < c->end || fill(c))) {
		size_t there = c->end - c->begin, n = left < there ? (size_t)left : there;

		c->begin += n;
		left -= n;
	}
	if (left > 0)
		return;
	if (strcasestr(arg, "LAST") != NULL) {
		count_message(c, size);
		return;
	}
	atomic_fetch_add(&seen.octets, size);
	say(c, "250 2.0.0 next");
}

/*
 * The content ends with a lone dot; the last four octets that do not show its end are kept until
 * more has come.
 */
static void
data(struct conn *c, const char *arg)
{
	unsigned long long octets = 0;

	(void)arg;
	say(c, "354 go ahead");
	while (c->end - c->begin < 3)
		if (!fill(c))
			return;
	if (memcmp(c->in + c->begin, ".\r\n", 3) == 0) {
		c->begin += 3;
		count_message(c, 0);
		return;
	}
	for (;;) {
		size_t there = c->end - c->begin;
		const char *end = memmem(c->in + c->begin, there, "\r\n.\r\n", 5);

		if (end != NULL) {
			octets += (size_t)(end - (c->in + c->begin)) + 2;
			c->begin = (size_t)(end - c->in) + 5;
			count_message(c, octets);
			return;
		}
		if (there > 4) {
			octets += there - 4;
			c->begin += there - 4;
		}
		if (!fill(c))
			return;
	}
}

static void
ok(struct conn *c, const char *arg)
{
	(void)arg;
	say(c, "250 2.0.0 ok");
}

static void
quit(struct conn *c, const char *arg)
{
	(void)arg;
	say(c, "221 2.0.0 bye");
	flush(c);
	c->done = true;
}

static const struct verb {
	const char *name;
	void (*handle)(struct conn *c, const char *arg);
} verbs[] = {
	{ "EHLO", ehlo },
	{ "HELO", helo },
	{ "STARTTLS", starttls },
	{ "AUTH", auth },
	{ "MAIL", mail },
	{ "RCPT", rcpt },
	{ "BDAT", bdat },
	{ "DATA", data },
	{ "RSET", ok },
	{ "NOOP", ok },
	{ "QUIT", quit },
};

static void
handle_line(struct conn *c)
{
	size_t len = strcspn(c->line, " ");
	const char *arg = c->line + len + (c->line[len] == ' ' ? 1 : 0);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strlen(verbs[i].name) == len && strncasecmp(c->line, verbs[i].name, len) == 0) {
			verbs[i].handle(c, arg);
			return;
		}
	say(c, "502 5.5.1 unknown command");
}

/* Connections. */

static void *
serve(void *arg)
{
	struct conn *c = arg;

	c->in = malloc(IN_SIZE);
	c->out = malloc(OUT_SIZE);
	if (c->in != NULL && c->out != NULL && (c->way != IMPLICIT || start_tls(c))) {
		say(c, "220 localhost ESMTP");
		while (!c->done && take_line(c))
			handle_line(c);
	}
	if (c->tls != NULL) {
		gnutls_bye(c->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(c->tls);
	}
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
	return NULL;
}

static void
take_connection(const struct listener *listener)
{
	struct conn *c = calloc(1, sizeof(*c));
	int fd = accept(listener->fd, NULL, NULL), on = 1;
	pthread_t thread;

	if (c == NULL || fd < 0)
		die("accept", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->way = listener->way;
	atomic_fetch_add(&seen.connections, 1);
	if (pthread_create(&thread, NULL, serve, c) != 0)
		die("pthread_create", "failed");
	pthread_detach(thread);
}

static int
listen_at(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Listens at both loopback addresses, under one number.  Where there is no IPv6, at one. */
static void
listen_both(enum way_in way, struct listener *listeners, size_t *count)
{
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(four);
	int fd = listen_at((const struct sockaddr *)&four, sizeof(four));

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&four, &len) < 0)
		die("cannot listen", strerror(errno));
	listeners[(*count)++] = (struct listener){ way, fd };
	printf("%u%s", ntohs(four.sin_port), way == WAYS - 1 ? "\n" : " ");
	six.sin6_port = four.sin_port;
	fd = listen_at((const struct sockaddr *)&six, sizeof(six));
	if (fd >= 0)
		listeners[(*count)++] = (struct listener){ way, fd };
}

static void
tell(void)
{
	printf("%llu %llu %llu %llu %llu %lld %lld %lld\n", seen.connections, seen.logins,
	    seen.messages, seen.recipients, seen.octets, now_us(CLOCK_PROCESS_CPUTIME_ID),
	    seen.first_us, seen.last_us);
}

/* False at the end of standard input. */
static bool
answer_questions(void)
{
	char text[256];
	ssize_t n = read(STDIN_FILENO, text, sizeof(text));

	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			tell();
	return n > 0;
}

static void
run(const struct listener *listeners, size_t count)
{
	struct pollfd polls[2 * WAYS + 1] = { { STDIN_FILENO, POLLIN, 0 } };

	for (size_t i = 0; i < count; i++)
		polls[i + 1] = (struct pollfd){ listeners[i].fd, POLLIN, 0 };
	for (;;) {
		if (poll(polls, count + 1, -1) < 0)
			die("poll", strerror(errno));
		if (polls[0].revents != 0 && !answer_questions())
			return;
		for (size_t i = 0; i < count; i++)
			if (polls[i + 1].revents != 0)
				take_connection(&listeners[i]);
	}
}

int
main(int argc, char **argv)
{
	struct listener listeners[2 * WAYS];
	size_t count = 0, out = 0;
	int option;

	while ((option = getopt(argc, argv, "tx:")) == 't' || option == 'x')
		if (option == 't')
			gnutls_session_ticket_key_generate(&ticket_key);
		else if (out < LEFT_OUT_MAX)
			left_out[out++] = optarg;
	if (option != -1 || argc - optind != 2)
		die("usage", "sink [-t] [-x EXTENSION]... CERTIFICATE KEY");
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	gnutls_certificate_allocate_credentials(&credentials);
	if (gnutls_certificate_set_x509_key_file(credentials, argv[optind], argv[optind + 1],
		GNUTLS_X509_FMT_PEM) < 0)
		die("cannot read", argv[optind]);
	for (int way = 0; way < WAYS; way++)
		listen_both((enum way_in)way, listeners, &count);
	run(listeners, count);
	return 0;
}
