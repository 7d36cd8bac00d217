/* SPDX-License-Identifier: ISC */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"

enum {
	HOST_MAX = 1024,       /* octets of a name that the resolver is asked for */
	RESOLVE_LOOK_MS = 100, /* between two looks at the signals that came while it works */
};

/* One address on its way. */
struct attempt {
	const struct addrinfo *address;
	int fd; /* connecting, or -1 */
};

/* A race of addresses: started one after the other, the first that connects wins. */
struct race {
	struct attempt attempts[DIAL_ADDRESSES_MAX];
	size_t count; /* addresses to try */
	size_t started;
	struct sockaddr_storage source; /* to connect from; AF_UNSPEC: any */
	socklen_t source_len;
	struct buf reasons; /* "address: why not", separated by "; " */
	bool left;          /* something of it left this machine, or was answered by it */
};

static int
resolve_error(struct err *err, const char *host, int code)
{
	if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY)
		return err_set(err, ERR_HOST_UNKNOWN, "the name %s does not exist", host);
	return err_set(err, ERR_RESOLVE, "cannot look up %s: %s", host,
	    code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
}

/*
 * Whether this process is the one that getaddrinfo_a() has its thread in.  In a child of it, for a
 * handler of signals may fork, the C library still counts on that thread, and would wait for it in
 * vain.
 */
static bool
resolver_thread_is_here(void)
{
	static pid_t process;

	if (process == 0)
		process = getpid();
	return process == getpid();
}

/*
 * Without the thread a lookup takes as long as resolv.conf lets it.  The C library's locks are
 * free: a thread that has had RESOLVE_LOOK_MS to begin with waits for the network.
 */
static int
resolve_without_thread(struct gaicb *request, struct err *err)
{
	int code = getaddrinfo(request->ar_name, request->ar_service, request->ar_request,
	    &request->ar_result);

	return code == 0 ? 0 : resolve_error(err, request->ar_name, code);
}

/*
 * Asks the resolver without letting it take longer than the deadline: getaddrinfo(3) itself knows
 * no limit.
 */
static int
resolve_name(struct gaicb *request, int64_t deadline, struct err *err)
{
	struct gaicb *list[1] = { request };
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int code;

	if (!resolver_thread_is_here())
		return resolve_without_thread(request, err);
	code = getaddrinfo_a(GAI_NOWAIT, list, 1, &none);
	if (code != 0)
		return resolve_error(err, request->ar_name, code);
	for (code = gai_error(request); code == EAI_INPROGRESS; code = gai_error(request)) {
		int left = deadline_poll_ms(deadline_min(deadline, deadline_in(RESOLVE_LOOK_MS)));
		struct timespec limit = { 0, left * 1000000L };

		if (left == 0) {
			gai_cancel(request);
			return err_set(err, ERR_RESOLVE, "cannot look up %s: no answer in time",
			    request->ar_name);
		}
		gai_suspend((const struct gaicb *const *)list, 1, &limit);
		wait_deliver();
		if (!resolver_thread_is_here())
			return resolve_without_thread(request, err);
	}
	return code == 0 ? 0 : resolve_error(err, request->ar_name, code);
}

/*
 * "localhost" is this machine, whatever a resolver or a hosts file may say, or lack (RFC 6761
 * section 6.3).
 */
static bool
is_localhost(const char *host)
{
	struct span name = span_of(host);

	return span_is_nocase(name, "localhost") || span_is_nocase(name, "localhost.");
}

/* What needs nobody to be asked: EAI_NONAME where host is a name. */
static int
resolve_at_once(const char *host, const char *service, struct addrinfo **addresses)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };

	return getaddrinfo(is_localhost(host) ? NULL : host, service, &hints, addresses);
}

/* A request and what it points at. */
struct lookup {
	struct gaicb request;
	struct addrinfo hints;
	char service[8];
	char name[];
};

static struct lookup *
lookup_new(const char *host, const char *service)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup) + strlen(host) + 1);

	if (lookup == NULL)
		return NULL;
	strcpy(lookup->name, host);
	snprintf(lookup->service, sizeof(lookup->service), "%s", service);
	lookup->hints.ai_socktype = SOCK_STREAM;
	lookup->hints.ai_flags = AI_NUMERICSERV;
	lookup->request.ar_name = lookup->name;
	lookup->request.ar_service = lookup->service;
	lookup->request.ar_request = &lookup->hints;
	return lookup;
}

/* A lookup that is given up goes on in its thread, and needs its memory, until the process ends. */
static void
lookup_end(struct lookup *lookup)
{
	if (gai_error(&lookup->request) != EAI_INPROGRESS)
		free(lookup);
}

static int
resolve(const char *host, uint16_t port, int64_t deadline, struct addrinfo **addresses,
    struct err *err)
{
	struct lookup *lookup;
	char service[8];
	int code, result;

	if (strlen(host) > HOST_MAX)
		return err_set(err, ERR_HOST_UNKNOWN, "the server's name is too long");
	snprintf(service, sizeof(service), "%u", port);
	code = resolve_at_once(host, service, addresses);
	if (code != EAI_NONAME)
		return code == 0 ? 0 : resolve_error(err, host, code);
	lookup = lookup_new(host, service);
	if (lookup == NULL)
		return err_memory(err);
	result = resolve_name(&lookup->request, deadline, err);
	if (result == 0)
		*addresses = lookup->request.ar_result;
	lookup_end(lookup);
	return result;
}

/* The next address of the list with the given family, from *at on; NULL where there is none. */
static const struct addrinfo *
next_of_family(const struct addrinfo **at, int family, bool same)
{
	while (*at != NULL) {
		const struct addrinfo *a = *at;

		*at = a->ai_next;
		if ((a->ai_family == family) == same)
			return a;
	}
	return NULL;
}

/* The order of RFC 8305 section 4: the resolver's, with the families taking turns. */
static void
order_addresses(struct race *race, const struct addrinfo *list)
{
	const struct addrinfo *first = list, *other = list;
	int family = list != NULL ? list->ai_family : AF_UNSPEC;

	while (race->count < DIAL_ADDRESSES_MAX) {
		const struct addrinfo *a = next_of_family(race->count % 2 == 0 ? &first : &other,
		    family, race->count % 2 == 0);

		if (a == NULL)
			a = next_of_family(race->count % 2 == 0 ? &other : &first, family,
			    race->count % 2 != 0);
		if (a == NULL)
			return;
		race->attempts[race->count++] = (struct attempt){ a, -1 };
	}
}

static void
add_address(struct buf *out, const struct addrinfo *a)
{
	char text[NI_MAXHOST];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) ==
	    0)
		buf_adds(out, text);
}

static void
attempt_failed(struct race *race, struct attempt *attempt, int reason)
{
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
	if (race->reasons.len > 0)
		buf_adds(&race->reasons, "; ");
	add_address(&race->reasons, attempt->address);
	buf_addf(&race->reasons, ": %s", strerror(reason));
}

/* Starts the next address.  The number of a socket that is connected at once, or -1. */
static int
attempt_start(struct race *race)
{
	struct attempt *attempt = &race->attempts[race->started++];
	const struct addrinfo *a = attempt->address;
	int on = 1;

	attempt->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    a->ai_protocol);
	if (attempt->fd < 0) {
		attempt_failed(race, attempt, errno);
		return -1;
	}
	/*
	 * A flight must not wait for the acknowledgement of the one before it (RFC 2920 section
	 * 3.1).
	 */
	setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (race->source_len > 0 &&
	    bind(attempt->fd, (const struct sockaddr *)&race->source, race->source_len) < 0) {
		attempt_failed(race, attempt, errno);
		return -1;
	}
	if (connect(attempt->fd, a->ai_addr, a->ai_addrlen) == 0)
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
	struct pollfd polls[DIAL_ADDRESSES_MAX];
	size_t index[DIAL_ADDRESSES_MAX];
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
	memcpy(&race->source, found->ai_addr, found->ai_addrlen);
	race->source_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* From an address only those of its family can be reached. */
static void
keep_family(struct race *race)
{
	size_t kept = 0;

	for (size_t i = 0; i < race->count; i++)
		if (race->source_len == 0 ||
		    race->attempts[i].address->ai_family == race->source.ss_family)
			race->attempts[kept++] = race->attempts[i];
	race->count = kept;
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
	struct addrinfo *addresses = NULL;
	int fd, result;

	buf_addf(&s->peer, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
	if (set_source(&race, source, err) < 0)
		return -1;
	if (resolve(host, port, deadline, &addresses, err) < 0) {
		/* Without a network it is no wonder. */
		if (err->kind == ERR_RESOLVE)
			err->local = !has_route();
		return -1;
	}
	order_addresses(&race, addresses);
	keep_family(&race);
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
	freeaddrinfo(addresses);
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
dial_unix(struct stream *s, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	buf_adds(&s->peer, path);
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_CONFIG, "the socket's path is longer than %zu octets",
		    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, ERR_SYSTEM, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
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
