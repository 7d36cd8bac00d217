/* SPDX-License-Identifier: ISC */
/*
 * The C libraries have no look-up in common that tells whether DNSSEC vouches for an answer, so the
 * servers are asked here, over UDP, and over TCP where the answer is too large for that.
 */
#include "net/dane.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/unique.h"
#include "base/wait.h"
#include "format/dns.h"
#include "net/resolve.h"
#include "net/stream.h"

#define RESOLV_CONF "/etc/resolv.conf"

enum {
	RESOLV_CONF_MAX = 64 << 10, /* octets that are read of it */
	QUESTION_MAX = 512,         /* octets */
	ANSWER_MAX = 16384,         /* octets that are looked at of an answer */
	TRY_MS = 2000,              /* for each server, in each of TRIES rounds */
	TRIES = 2,
};

enum found {
	FOUND,
	FOUND_NOTHING, /* there surely is no record */
	FOUND_UNKNOWN, /* nobody said */
};

struct resolver {
	struct address servers[DNS_SERVERS_MAX];
	size_t count;
	bool local;   /* all of them on this machine */
	bool trusted; /* with what they say about DNSSEC */
	bool refused; /* nobody listens at the server that was asked last */
	int64_t deadline;
	struct buf answer;
};

static bool
is_loopback(const struct address *server)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&server->sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&server->sa;

	return server->sa.ss_family == AF_INET ? ntohl(in->sin_addr.s_addr) >> 24 == 127 :
						 IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static void
add_server(struct resolver *r, const char *text)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_DGRAM };
	struct address *server = &r->servers[r->count];
	struct addrinfo *found;

	if (getaddrinfo(text, "53", &hints, &found) != 0)
		return;
	memcpy(&server->sa, found->ai_addr, found->ai_addrlen);
	server->len = found->ai_addrlen;
	freeaddrinfo(found);
	r->local = is_loopback(server) && (r->local || r->count == 0);
	r->count++;
}

/* A file that is not there, or names no server, means the one on this machine (resolv.conf(5)). */
static void
read_resolv_conf(struct resolver *r)
{
	int fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct buf text = BUF_INIT(RESOLV_CONF_MAX), name = BUF_INIT(RESOLV_CONF_MAX);
	struct dns_servers listed;
	struct stat status;
	char *room;

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		ssize_t n = 1;

		while (n > 0 && text.len < text.max) {
			room = buf_reserve(&text, text.max - text.len);
			n = room != NULL ? read(fd, room, text.max - text.len) : -1;
			if (n > 0)
				buf_commit(&text, (size_t)n);
		}
	}
	if (fd >= 0)
		close(fd);
	dns_servers(&listed, (struct span){ text.data, text.len });
	for (size_t i = 0; i < listed.count; i++) {
		buf_clear(&name);
		buf_add(&name, listed.address[i].data, listed.address[i].len);
		add_server(r, name.data);
	}
	if (r->count == 0)
		add_server(r, "127.0.0.1");
	r->trusted = listed.trusted || r->local;
	buf_release(&text);
	buf_release(&name);
}

static bool
ask_by_datagram(struct resolver *r, const struct address *server, struct span question,
    int64_t deadline)
{
	struct pollfd p = { .events = POLLIN };
	int failed = 0;
	bool answered = false;

	p.fd = socket(server->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p.fd < 0)
		return false;
	/* Connected, it hears of nobody else, and of a port where nobody listens. */
	if (connect(p.fd, (const struct sockaddr *)&server->sa, server->len) < 0 ||
	    send(p.fd, question.data, question.len, 0) < 0)
		failed = errno;
	while (failed == 0 && !answered) {
		char *room;
		ssize_t n;

		buf_clear(&r->answer);
		room = buf_reserve(&r->answer, ANSWER_MAX);
		if (room == NULL)
			failed = ENOMEM;
		else if (deadline_poll_ms(deadline) == 0 || wait_poll(&p, 1, deadline) <= 0)
			failed = ETIMEDOUT;
		if (failed != 0)
			break;
		n = recv(p.fd, room, ANSWER_MAX, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			failed = errno;
		if (n > 0)
			buf_commit(&r->answer, (size_t)n);
		/* Anything else is late, or made up by somebody. */
		answered = dns_answers((struct span){ r->answer.data, r->answer.len }, question);
	}
	close(p.fd);
	r->refused = failed == ECONNREFUSED;
	return answered;
}

/* So many octets of the stream. */
static bool
read_octets(struct stream *s, size_t len, struct span *octets, int64_t deadline, struct err *err)
{
	while (!stream_take(s, len, octets)) {
		enum stream_result result;

		if (stream_wait(s, STREAM_READABLE, deadline, err) < 0)
			return false;
		result = stream_fill(s, err);
		if (result == STREAM_END || result == STREAM_FAILED)
			return false;
	}
	return true;
}

static bool
ask_by_stream(struct resolver *r, const struct address *server, struct span question,
    int64_t deadline)
{
	const unsigned char len[] = { (unsigned char)(question.len >> 8),
		(unsigned char)question.len };
	int fd = socket(server->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct span octets = { NULL, 0 };
	struct stream s;
	struct err err;
	bool answered = false;

	if (fd < 0)
		return false;
	err_init(&err);
	stream_init(&s);
	buf_clear(&r->answer);
	if (stream_open_socket(&s, fd, &err) == 0 &&
	    (connect(fd, (const struct sockaddr *)&server->sa, server->len) == 0 ||
		errno == EINPROGRESS) &&
	    stream_wait(&s, STREAM_WRITABLE, deadline, &err) == 0) {
		stream_put(&s, STREAM_TEXT, len, sizeof(len));
		stream_put(&s, STREAM_TEXT, question.data, question.len);
		/* So few octets fit a socket that has sent none yet. */
		if (stream_flush(&s, &err) == STREAM_OK &&
		    read_octets(&s, sizeof(len), &octets, deadline, &err)) {
			size_t size = (size_t)(unsigned char)octets.data[0] << 8 |
			    (unsigned char)octets.data[1];

			answered = read_octets(&s, size < ANSWER_MAX ? size : ANSWER_MAX, &octets,
				       deadline, &err) &&
			    dns_answers(octets, question);
		}
	}
	if (answered)
		buf_add(&r->answer, octets.data, octets.len);
	stream_release(&s);
	err_release(&err);
	return answered && buf_ok(&r->answer);
}

/* One server, once. */
static enum found
ask_server(struct resolver *r, const struct address *server, const char *name, unsigned type,
    bool extended)
{
	int64_t deadline = deadline_min(r->deadline, deadline_in(TRY_MS));
	struct buf question = BUF_INIT(QUESTION_MAX);
	struct dns_answer answer = { .code = DNS_NO_ERROR };
	enum found found = FOUND_NOTHING; /* where the name cannot be one */

	r->refused = false;
	if (dns_question(&question, unique_chance() & 0xffff, name, type, extended)) {
		struct span asked = { question.data, question.len };
		bool answered = ask_by_datagram(r, server, asked, deadline) &&
		    dns_open(&answer, (struct span){ r->answer.data, r->answer.len });

		if (answered && answer.truncated)
			answered = ask_by_stream(r, server, asked, deadline) &&
			    dns_open(&answer, (struct span){ r->answer.data, r->answer.len });
		if (!answered || (answer.code != DNS_NO_ERROR && answer.code != DNS_NO_SUCH_NAME))
			found = FOUND_UNKNOWN;
		else if (answer.code == DNS_NO_ERROR && answer.left > 0)
			found = FOUND;
	}
	buf_release(&question);
	/* A server that knows nothing of extensions (RFC 6891 section 7). */
	return answer.code == DNS_FORMAT_ERROR && extended ?
	    ask_server(r, server, name, type, false) :
	    found;
}

/* Leaves what was FOUND in r->answer. */
static enum found
ask(struct resolver *r, const char *name, unsigned type)
{
	size_t refused = 0;

	for (size_t i = 0; i < TRIES * r->count && deadline_poll_ms(r->deadline) != 0; i++) {
		enum found found = ask_server(r, &r->servers[i % r->count], name, type, true);

		if (found != FOUND_UNKNOWN)
			return found;
		refused += r->refused ? 1 : 0;
	}
	/*
	 * No resolver runs on this machine, or none is configured: the host is in /etc/hosts, and
	 * nobody signs that.
	 */
	return r->local && refused == TRIES * r->count ? FOUND_NOTHING : FOUND_UNKNOWN;
}

/* True unless it is known that the host's addresses are not signed. */
static bool
may_be_signed(struct resolver *r, const char *host)
{
	enum found found = ask(r, host, DNS_TYPE_A);
	struct dns_answer addresses;

	if (found == FOUND_NOTHING)
		found = ask(r, host, DNS_TYPE_AAAA);
	if (found != FOUND)
		return found == FOUND_UNKNOWN;
	return !dns_open(&addresses, (struct span){ r->answer.data, r->answer.len }) ||
	    addresses.authenticated;
}

static size_t
read_records(struct span message, struct tlsa records[static DANE_RECORDS_MAX])
{
	struct dns_answer answer;
	struct span data;
	size_t count = 0;

	if (!dns_open(&answer, message) || !answer.authenticated)
		return 0;
	while (count < DANE_RECORDS_MAX && dns_next(&answer, DNS_TYPE_TLSA, &data)) {
		struct tlsa *tlsa = &records[count];

		if (data.len < 4 || data.len - 3 > sizeof(tlsa->data))
			continue;
		tlsa->usage = (unsigned char)data.data[0];
		tlsa->selector = (unsigned char)data.data[1];
		tlsa->matching = (unsigned char)data.data[2];
		tlsa->len = data.len - 3;
		memcpy(tlsa->data, data.data + 3, tlsa->len);
		count++;
	}
	return count;
}

int
dane_look_up(const char *host, uint16_t port, int64_t deadline,
    struct tlsa records[static DANE_RECORDS_MAX], size_t *count, struct err *err)
{
	struct resolver r = { .deadline = deadline, .answer = BUF_INIT(ANSWER_MAX) };
	struct buf name = BUF_INIT(QUESTION_MAX);
	enum found found = FOUND_NOTHING;

	*count = 0;
	if (strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0')
		return 0;
	read_resolv_conf(&r);
	buf_addf(&name, "_%u._tcp.%s", port, host);
	if (r.trusted && buf_ok(&name))
		found = ask(&r, name.data, DNS_TYPE_TLSA);
	if (found == FOUND)
		*count = read_records((struct span){ r.answer.data, r.answer.len }, records);
	if (found == FOUND_UNKNOWN && !may_be_signed(&r, host))
		found = FOUND_NOTHING;
	if (found == FOUND_UNKNOWN)
		err_set(err, ERR_RESOLVE, "cannot look up %s (TLSA)", name.data);
	buf_release(&name);
	buf_release(&r.answer);
	return found == FOUND_UNKNOWN ? -1 : 0;
}
