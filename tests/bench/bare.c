/* SPDX-License-Identifier: ISC */
/*
 * The least that a program must do to send a message with GnuTLS: the floor that the benchmark
 * measures against.
 *
 *   bare HOST PORT implicit|starttls|plain CA-FILE USER PASSWORD SENDER RECIPIENT... <MESSAGE
 *
 * It reads the input (into an unnamed file where it is large), connects, verifies the server
 * against the one CA, logs in with PLAIN, sends, and nothing else (plain: without TLS and login).
 * It does not look at the message, which must be ready for the wire (CRLF); has no configuration,
 * no time limits, no addresses to check, no error worth reading; and it takes for granted that the
 * server has PIPELINING, CHUNKING and AUTH PLAIN.
 */
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IN_MEMORY = 128 * 1024, /* a larger message goes through a file */
	PIECE = 16384,          /* a TLS record */
	REPLIES = 65536,
};

struct message {
	char start[IN_MEMORY]; /* all of it, where it is not larger */
	size_t len;            /* octets in start */
	int fd;                /* or the file, which then holds all of it; -1 */
	size_t size;
};

struct session {
	int fd;
	gnutls_session_t tls; /* NULL: not yet */
	char *out;
	size_t out_len, out_cap;
	char in[REPLIES];
	size_t in_begin, in_end;
};

static void
die(const char *what)
{
	fprintf(stderr, "bare: %s\n", what);
	exit(1);
}

/* The message. */

static size_t
read_block(char *to, size_t cap)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < cap && n > 0) {
		n = read(STDIN_FILENO, to + len, cap - len);
		if (n < 0)
			die("read");
		len += (size_t)n;
	}
	return len;
}

static void
read_message(struct message *m)
{
	size_t n;

	m->fd = -1;
	m->size = m->len = read_block(m->start, IN_MEMORY);
	if (m->len < IN_MEMORY)
		return;
	m->fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (m->fd < 0)
		die("no unnamed file in /tmp");
	for (n = m->len; n > 0; n = read_block(m->start, IN_MEMORY), m->size += n)
		if (write(m->fd, m->start, n) != (ssize_t)n)
			die("write");
}

/* The wire. */

static void
push(struct session *s, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = s->tls != NULL ? gnutls_record_send(s->tls, data, len) :
					     send(s->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		data += n;
		len -= (size_t)n;
	}
}

static void
flush(struct session *s)
{
	for (size_t at = 0; at < s->out_len; at += PIECE)
		push(s, s->out + at, s->out_len - at < PIECE ? s->out_len - at : PIECE);
	s->out_len = 0;
}

static void
room(struct session *s, size_t len)
{
	if (s->out_len + len <= s->out_cap)
		return;
	s->out_cap = 2 * (s->out_len + len);
	s->out = realloc(s->out, s->out_cap);
	if (s->out == NULL)
		die("memory");
}

static void put(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct session *s, const char *fmt, ...)
{
	va_list ap;

	room(s, 1024);
	va_start(ap, fmt);
	s->out_len += (size_t)vsnprintf(s->out + s->out_len, 1024, fmt, ap);
	va_end(ap);
}

static void
fill(struct session *s)
{
	size_t cap;
	char *to;
	ssize_t n;

	memmove(s->in, s->in + s->in_begin, s->in_end - s->in_begin);
	s->in_end -= s->in_begin;
	s->in_begin = 0;
	to = s->in + s->in_end;
	cap = REPLIES - s->in_end;
	n = s->tls != NULL ? gnutls_record_recv(s->tls, to, cap) : recv(s->fd, to, cap, 0);
	if (n <= 0)
		die("the connection ended");
	s->in_end += (size_t)n;
}

/* Awaits one reply, of that class. */
static void
expect(struct session *s, char class)
{
	bool more = true;

	while (more) {
		const char *line = s->in + s->in_begin,
			   *lf = memchr(line, '\n', s->in_end - s->in_begin);

		if (lf == NULL) {
			fill(s);
			continue;
		}
		if (lf - line < 4 || line[0] != class)
			die("refused");
		more = line[3] == '-';
		s->in_begin += (size_t)(lf - line) + 1;
	}
}

static void
connect_to(struct session *s, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int on = 1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		die("getaddrinfo");
	s->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(s->fd, list->ai_addr, list->ai_addrlen) < 0)
		die("connect");
	freeaddrinfo(list);
}

static void
start_tls(struct session *s, const char *host, const char *ca_file)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t tls;

	gnutls_certificate_allocate_credentials(&credentials);
	if (gnutls_certificate_set_x509_trust_file(credentials, ca_file, GNUTLS_X509_FMT_PEM) < 1)
		die("no CA");
	gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP);
	gnutls_set_default_priority(tls);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_server_name_set(tls, GNUTLS_NAME_DNS, host, strlen(host));
	gnutls_session_set_verify_cert(tls, host, 0);
	gnutls_transport_set_int(tls, s->fd);
	if (gnutls_handshake(tls) < 0)
		die("handshake");
	s->tls = tls;
}

static void
ehlo(struct session *s)
{
	put(s, "EHLO localhost\r\n");
	flush(s);
	expect(s, '2');
}

static void
log_in(struct session *s, const char *user, const char *password)
{
	gnutls_datum_t plain, text;
	char both[512];

	plain.data = (unsigned char *)both;
	plain.size = (unsigned)snprintf(both, sizeof(both), "%c%s%c%s", 0, user, 0, password);
	if (plain.size >= sizeof(both) || gnutls_base64_encode2(&plain, &text) < 0)
		die("base64");
	put(s, "AUTH PLAIN %s\r\n", (const char *)text.data);
	gnutls_free(text.data);
	flush(s);
	expect(s, '2');
}

static void
send_content(struct session *s, const struct message *m)
{
	size_t left = m->size, part;
	off_t at = 0;

	room(s, m->len + PIECE);
	if (m->fd < 0) {
		memcpy(s->out + s->out_len, m->start, m->len);
		s->out_len += m->len;
		return;
	}
	for (; left > 0; left -= part) {
		size_t n = PIECE - s->out_len;

		part = left < n ? left : n;
		if (pread(m->fd, s->out + s->out_len, part, at) != (ssize_t)part)
			die("pread");
		at += (off_t)part;
		s->out_len += part;
		if (s->out_len == PIECE)
			flush(s);
	}
}

static void
send_message(struct session *s, const struct message *m, const char *sender, char **recipients,
    int count)
{
	put(s, "MAIL FROM:<%s> SIZE=%zu\r\n", sender, m->size);
	for (int i = 0; i < count; i++)
		put(s, "RCPT TO:<%s>\r\n", recipients[i]);
	if (m->fd >= 0)
		flush(s);
	put(s, "BDAT %zu LAST\r\n", m->size);
	send_content(s, m);
	put(s, "QUIT\r\n");
	flush(s);
	for (int i = 0; i < 1 + count + 2; i++)
		expect(s, '2');
}

int
main(int argc, char **argv)
{
	static struct message m;
	static struct session s;
	const char *host, *port, *ca_file;

	if (argc < 9)
		die("usage: bare HOST PORT implicit|starttls|plain CA-FILE USER PASSWORD SENDER RECIPIENT...");
	host = argv[1];
	port = argv[2];
	ca_file = argv[4];
	read_message(&m);
	connect_to(&s, host, port);
	if (strcmp(argv[3], "starttls") == 0) {
		expect(&s, '2');
		ehlo(&s);
		put(&s, "STARTTLS\r\n");
		flush(&s);
		expect(&s, '2');
		start_tls(&s, host, ca_file);
	} else {
		if (strcmp(argv[3], "plain") != 0)
			start_tls(&s, host, ca_file);
		expect(&s, '2');
	}
	ehlo(&s);
	if (s.tls != NULL)
		log_in(&s, argv[5], argv[6]);
	send_message(&s, &m, argv[7], argv + 8, argc - 8);
	if (s.tls != NULL)
		gnutls_bye(s.tls, GNUTLS_SHUT_WR);
	return 0;
}
