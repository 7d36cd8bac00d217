/* SPDX-License-Identifier: ISC */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "format/domain.h"
#include "net/resolve.h"

enum {
	BACKLOG_NAP_MIN_MS = 10, /* between two attempts at a Unix socket with a full backlog, which
				    tells nobody when there is room */
	BACKLOG_NAP_MAX_MS = 250,
};

/* One address on its way. */
struct attempt {
	struct address address;
	int fd; /* connecting, or -1 */
};

/* A race of addresses: started one after the other, the first that connects wins. */
struct race {
	struct attempt attempts[RESOLVE_ADDRESSES_MAX];
	size_t count; /* addresses to try */
	size_t started;
	struct address source; /* to connect from; len 0: any */
	struct buf reasons;    /* "address: why not", separated by "; " */
	bool left;             /* something of it left this machine, or was answered by it */
};

static void
attempt_failed(struct race *race, struct attempt *attempt, int reason)
{
	const struct address *a = &attempt->address;
	char text[NI_MAXHOST] = "";

	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
	if (race->reasons.len > 0)
		buf_adds(&race->reasons, "; ");
	getnameinfo((const struct sockaddr *)&a->sa, a->len, text, sizeof(text), NULL, 0,
	    NI_NUMERICHOST);
	buf_addf(&race->reasons, "%s: %s", text, strerror(reason));
}

/* Starts the next address.  The number of a socket that is connected at once, or -1. */
static int
attempt_start(struct race *race)
{
	struct attempt *attempt = &race->attempts[race->started++];
	const struct address *a = &attempt->address;
	int on = 1;

	attempt->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (attempt->fd < 0) {
		attempt_failed(race, attempt, errno);
		return -1;
	}
	/*
	 * A flight must not wait for the acknowledgement of the one before it (RFC 2920 section
	 * 3.1).
	 */
	setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (race->source.len > 0 &&
	    bind(attempt->fd, (const struct sockaddr *)&race->source.sa, race->source.len) < 0) {
		attempt_failed(race, attempt, errno);
		return -1;
	}
	if (connect(attempt->fd, (const struct sockaddr *)&a->sa, a->len) == 0)
		return attempt->fd;
	/* TCP learns at once what this machine has against it, and later what others have. */
	if (errno == EINPROGRESS) {
		race->left = true;
	} else {
		race->left = race->left || !(err_is_local(errno) || errno == EHOSTUNREACH);
		attempt_failed(race, attempt, errno);
	}
	return -1;
}

/* What became of a socket that wait_poll() reports: its number when it is connected, or -1. */
static int
attempt_result(struct race *race, struct attempt *attempt)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code == 0)
		return attempt->fd;
	attempt_failed(race, attempt, code);
	return -1;
}

static size_t
attempts_running(const struct race *race, struct pollfd *polls, size_t *index)
{
	size_t n = 0;

	for (size_t i = 0; i < race->started; i++) {
		if (race->attempts[i].fd < 0)
			continue;
		polls[n] = (struct pollfd){ race->attempts[i].fd, POLLOUT, 0 };
		index[n++] = i;
	}
	return n;
}

/*
 * Waits for one of the running attempts, or until the next may start.  The connected socket, or -1.
 */
static int
race_wait(struct race *race, int64_t until)
{
	struct pollfd polls[RESOLVE_ADDRESSES_MAX];
	size_t index[RESOLVE_ADDRESSES_MAX];
	size_t n = attempts_running(race, polls, index);

	if (n == 0 || wait_poll(polls, n, until) <= 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int fd = polls[i].revents != 0 ? attempt_result(race, &race->attempts[index[i]]) :
						 -1;

		if (fd >= 0)
			return fd;
	}
	return -1;
}

static bool
race_is_on(const struct race *race)
{
	for (size_t i = 0; i < race->started; i++)
		if (race->attempts[i].fd >= 0)
			return true;
	return false;
}

/* The first socket that connects, or -1: all failed, or the deadline passed. */
static int
race_run(struct race *race, int64_t deadline)
{
	while (race->started < race->count || race_is_on(race)) {
		int64_t next = DEADLINE_NONE;
		int fd = -1;

		if (deadline_poll_ms(deadline) == 0)
			return -1;
		if (race->started < race->count) {
			fd = attempt_start(race);
			next = deadline_in(DIAL_STAGGER_MS);
		}
		while (fd < 0 && race_is_on(race) &&
		    deadline_poll_ms(deadline_min(next, deadline)) != 0) {
			size_t reasons = race->reasons.len;

			fd = race_wait(race, deadline_min(next, deadline));
			/* One that fails makes room for the next at once. */
			if (race->reasons.len > reasons && race->started < race->count)
				break;
		}
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static void
race_end(struct race *race, int winner)
{
	for (size_t i = 0; i < race->started; i++)
		if (race->attempts[i].fd >= 0 && race->attempts[i].fd != winner)
			close(race->attempts[i].fd);
	buf_release(&race->reasons);
}

static bool
is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)sa)
						  ->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(in6) ||
		    (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
	}
	return false;
}

static bool
peer_is_loopback(int fd)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	    is_loopback((const struct sockaddr *)&peer);
}

static int
set_source(struct race *race, const char *source, struct err *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *found;

	if (source == NULL)
		return 0;
	if (getaddrinfo(source, NULL, &hints, &found) != 0)
		return err_set(err, ERR_CONFIG, "%s is no address to connect from", source);
	memcpy(&race->source.sa, found->ai_addr, found->ai_addrlen);
	race->source.len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* All that are to be tried: from an address only those of its family can be reached. */
static void
take_addresses(struct race *race, const struct addresses *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (race->source.len == 0 ||
		    found->list[i].sa.ss_family == race->source.sa.ss_family)
			race->attempts[race->count++] = (struct attempt){ found->list[i], -1 };
}

/* Whether the kernel would send anything outside, to addresses for documentation (RFC 5737, 3849).
 */
static bool
has_route(void)
{
	const struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xc0000201)
	};
	const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(53),
		.sin6_addr.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = (fd >= 0 && connect(fd, (const struct sockaddr *)&in, sizeof(in)) == 0) ||
	    (fd6 >= 0 && connect(fd6, (const struct sockaddr *)&in6, sizeof(in6)) == 0);

	if (fd >= 0)
		close(fd);
	if (fd6 >= 0)
		close(fd6);
	return found;
}

int
dial_tcp(struct stream *s, const char *host, uint16_t port, const char *source, int64_t deadline,
    struct err *err)
{
	struct race race = { .reasons = BUF_INIT(ERR_TEXT_MAX) };
	struct addresses found;
	int fd, result;

	host_port_add(&s->peer, host, port);
	if (set_source(&race, source, err) < 0)
		return -1;
	if (resolve(host, port, deadline, &found, err) < 0) {
		/* Without a network it is no wonder. */
		if (err->kind == ERR_RESOLVE)
			err->local = !has_route();
		return -1;
	}
	take_addresses(&race, &found);
	fd = race_run(&race, deadline);
	if (fd >= 0) {
		result = stream_open_socket(s, fd, err);
		s->local = peer_is_loopback(fd);
	} else if (race.started == race.count && !race_is_on(&race)) {
		result = err_set(err, ERR_CONNECT, "cannot connect (%s)",
		    race.count > 0 ? race.reasons.data :
				     "no address of the family to connect from");
		err->local = race.count > 0 && !race.left;
	} else {
		result = err_set(err, ERR_TIMEOUT, "cannot connect in time%s%s",
		    race.reasons.len > 0 ? "; " : "", race.reasons.data);
	}
	race_end(&race, fd);
	return result;
}

/*
 * The kernel remembers who called listen(2): unlike the owner of the path, that cannot be changed
 * behind our back.
 */
static bool
listener_is_trusted(int fd)
{
	struct ucred listener;
	socklen_t len = sizeof(listener);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) < 0)
		return false;
	return listener.uid == 0 || listener.uid == geteuid();
}

int
dial_unix(struct stream *s, const char *path, int64_t deadline, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int64_t nap_ms = BACKLOG_NAP_MIN_MS;
	int fd;

	buf_adds(&s->peer, path);
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_CONFIG, "the socket's path is longer than %zu octets",
		    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, ERR_SYSTEM, "socket");
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EAGAIN && deadline_poll_ms(deadline) != 0) {
			wait_poll(NULL, 0, deadline_min(deadline, deadline_in(nap_ms)));
			if (nap_ms < BACKLOG_NAP_MAX_MS)
				nap_ms *= 2;
			continue;
		}
		if (errno == EAGAIN)
			err_set(err, ERR_TIMEOUT,
			    "cannot connect in time: others wait already, and nobody lets them in");
		else
			err_sys(err, ERR_CONNECT, "cannot connect");
		close(fd);
		return -1;
	}
	s->local = true;
	s->trusted_socket = listener_is_trusted(fd);
	return stream_open_socket(s, fd, err);
}

void
dial_local_literal(const struct stream *s, struct buf *out)
{
	struct sockaddr_storage here = { 0 };
	socklen_t len = sizeof(here);
	char text[INET6_ADDRSTRLEN] = "127.0.0.1";
	const char *prefix = "";

	if (getsockname(s->fd, (struct sockaddr *)&here, &len) == 0) {
		if (here.ss_family == AF_INET) {
			inet_ntop(AF_INET,
			    &((const struct sockaddr_in *)(const void *)&here)->sin_addr, text,
			    sizeof(text));
		} else if (here.ss_family == AF_INET6) {
			inet_ntop(AF_INET6,
			    &((const struct sockaddr_in6 *)(const void *)&here)->sin6_addr, text,
			    sizeof(text));
			prefix = "IPv6:";
		}
	}
	buf_addf(out, "[%s%s]", prefix, text);
}
