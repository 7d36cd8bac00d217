/* SPDX-License-Identifier: ISC */
/*
 * Names and addresses that need nobody to be asked, Unix sockets, and commands in place of a
 * connection; what asks servers is tried by tests/integration/test_hangs.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/proxy.h"
#include "net/resolve.h"
#include "with_err.h"

enum {
	LIMIT_MS = 20000, /* for what is expected to come */
	SHORT_MS = 150,   /* for what is expected not to */
	CLIENTS = 3,      /* more than a backlog of 0 has room for */
};

static char folder[] = "/tmp/sendoff-dial-XXXXXX";
static char path[64];

static int
setup(void **state)
{
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	return setup_err(state);
}

static int
teardown(void **state)
{
	unlink(path);
	rmdir(folder);
	return teardown_err(state);
}

/* "192.0.2.1:25 [::1%2]:25", or the error. */
static void
show(const char *host, struct buf *out)
{
	struct addresses found = { .count = 0 };

	buf_clear(out);
	if (resolve(host, 25, deadline_in(LIMIT_MS), &found, &err) < 0)
		buf_addf(out, "%s: %s", err_name(err.kind), err.what.data);
	for (size_t i = 0; i < found.count; i++) {
		const struct sockaddr_in *in = (const void *)&found.list[i].sa;
		const struct sockaddr_in6 *in6 = (const void *)&found.list[i].sa;
		char text[INET6_ADDRSTRLEN];

		if (in->sin_family == AF_INET) {
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
			buf_addf(out, " %s:%u", text, ntohs(in->sin_port));
		} else {
			inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
			buf_addf(out, " [%s%%%u]:%u", text, in6->sin6_scope_id,
			    ntohs(in6->sin6_port));
		}
	}
}

static void
addresses(void **state)
{
	static const struct {
		const char *host, *want;
	} rows[] = {
		{ "192.0.2.1", " 192.0.2.1:25" },
		{ "2001:db8::1", " [2001:db8::1%0]:25" },
		{ "fe80::1%1", " [fe80::1%1]:25" },
		{ "fe80::1%lo", " [fe80::1%1]:25" },
		{ "::ffff:192.0.2.1", " [::ffff:192.0.2.1%0]:25" },
		{ "fe80::1%nonexistent",
		    "host-unknown: the name fe80::1%nonexistent does not exist" },
	};
	struct buf got = BUF_INIT(1024);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		show(rows[i].host, &got);
		assert_string_equal(got.data, rows[i].want);
	}
	buf_release(&got);
}

/* This machine, by IPv4 and IPv6, in any order. */
static void
localhost(void **state)
{
	const char *const names[] = { "localhost", "LocalHost", "localhost." };
	struct buf got = BUF_INIT(1024);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		show(names[i], &got);
		assert_non_null(strstr(got.data, " 127.0.0.1:25"));
	}
	buf_release(&got);
}

static void
long_name(void **state)
{
	char host[1026];

	(void)state;
	memset(host, 'x', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_int_equal(resolve(host, 25, deadline_in(LIMIT_MS), &(struct addresses){ 0 }, &err),
	    -1);
	assert_int_equal(err.kind, ERR_HOST_UNKNOWN);
}

/* Unix sockets. */

static struct sockaddr_un
address(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path);
	return address;
}

static int
listener(void)
{
	struct sockaddr_un here = address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

/* So many others that wait to be let in that there is room for nobody else. */
static void
fill_backlog(int clients[static CLIENTS])
{
	struct sockaddr_un there = address();

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(clients[i], (struct sockaddr *)&there, sizeof(there)) < 0)
			assert_int_equal(errno, EAGAIN);
	}
}

static int
dial(int64_t limit_ms)
{
	struct stream s;
	int result;

	stream_init(&s);
	result = dial_unix(&s, path, deadline_in(limit_ms), &err);
	if (result == 0)
		assert_true(s.local && s.trusted_socket);
	stream_release(&s);
	return result;
}

static void
assert_fails(enum err_kind kind, const char *what)
{
	assert_int_equal(dial(SHORT_MS), -1);
	assert_int_equal(err.kind, kind);
	assert_string_equal(err.what.data, what);
}

static void
unix_sockets(void **state)
{
	int fd;

	(void)state;
	assert_fails(ERR_CONNECT, "cannot connect: No such file or directory");
	fd = listener();
	assert_int_equal(dial(LIMIT_MS), 0);
	close(fd);
	assert_fails(ERR_CONNECT, "cannot connect: Connection refused");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_fails(ERR_CONNECT, "cannot connect: Connection refused");
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_fails(ERR_CONNECT, "cannot connect: Connection refused");
}

static void
unix_socket_with_a_full_backlog(void **state)
{
	int fd = listener(), clients[CLIENTS];

	(void)state;
	fill_backlog(clients);
	assert_fails(ERR_TIMEOUT,
	    "cannot connect in time: others wait already, and nobody lets them in");
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(fd);
}

/* The listener comes back to its work, while we try. */
static void
unix_socket_that_serves_late(void **state)
{
	int fd = listener(), clients[CLIENTS];
	pid_t pid;

	(void)state;
	fill_backlog(clients);
	pid = fork();
	if (pid == 0) {
		alarm(2 * LIMIT_MS / 1000); /* where the test fails */
		usleep(SHORT_MS * 1000);
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	assert_int_equal(dial(LIMIT_MS), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(fd);
}

/* Commands in place of a connection: each ends with the stream, and leaves nobody. */
static void
tunnels(void **state)
{
	const char *const commands[] = {
		"exec cat",
		"cat; echo done >&2; exit 3",
		"exit 3",
		"exec sleep 20",
		"trap '' HUP TERM PIPE; sleep 20 & sleep 20",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct stream s;

		stream_init(&s);
		assert_int_equal(proxy_command(&s, commands[i], "mail.example.net", 25,
				     deadline_in(LIMIT_MS), &err),
		    0);
		stream_release(&s);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
}

static void
silent_tunnel(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	assert_int_equal(proxy_command(&s, "sleep 20", "mail.example.net", 25,
			     deadline_in(LIMIT_MS), &err),
	    0);
	assert_int_equal(proxy_await(&s, deadline_in(SHORT_MS), &err), -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	stream_release(&s);
	stream_init(&s);
	assert_int_equal(proxy_command(&s, "echo $1 $2; cat", "mail.example.net", 25,
			     deadline_in(LIMIT_MS), &err),
	    0);
	assert_int_equal(proxy_await(&s, deadline_in(LIMIT_MS), &err), 0);
	assert_int_equal(stream_fill(&s, &err), STREAM_OK);
	assert_string_equal(s.in.data, "mail.example.net 25\n");
	stream_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(localhost, setup, teardown),
		cmocka_unit_test_setup_teardown(long_name, setup, teardown),
		cmocka_unit_test_setup_teardown(unix_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(unix_socket_with_a_full_backlog, setup, teardown),
		cmocka_unit_test_setup_teardown(unix_socket_that_serves_late, setup, teardown),
		cmocka_unit_test_setup_teardown(tunnels, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_tunnel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
