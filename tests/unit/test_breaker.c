/* SPDX-License-Identifier: ISC */
/*
 * What is known of servers that failed, and the places of those who wait for their turn: in files
 * that may be anything.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/breaker.h"
#include "queued.h"

enum { MINUTE_MS = 60000, MIN_S = 60, MAX_S = 3600 };

static const int64_t now_ms = 1800000000000;
static const char NAME[] = "server 0 host.example 465";
static struct store store;
static struct err why;

/* The path of the only file in run/breakers/; "" where there is none. */
static const char *
only_file(void)
{
	static char path[800];
	char name[256];
	size_t count = count_names(path_of(STORE_BREAKERS), name);

	assert_true(count <= 1);
	path[0] = '\0';
	if (count == 1)
		snprintf(path, sizeof(path), "%s/%s", path_of(STORE_BREAKERS), name);
	return path;
}

static void
fail_at_now(uint64_t stamp)
{
	struct breaker b;

	breaker_init(&b);
	breaker_read(&store, NAME, &b);
	breaker_fail(&store, NAME, &b, &why, now_ms, MIN_S, MAX_S, stamp);
	breaker_release(&b);
}

/* A place in the queue: its time from now, or -1 where it is not taken. */
static int64_t
take(unsigned rate, int64_t now, int64_t most_ms)
{
	int64_t at = -5;

	return breaker_take_place(&store, NAME, rate, now, most_ms, &at) ? at - now : -1;
}

/* "3 open, temporary: text", or "nothing known". */
static void
check_breaker(const char *name, int64_t at_ms, uint64_t stamp, const char *expected)
{
	struct buf out = BUF_INIT(10000);
	struct breaker b;

	breaker_init(&b);
	breaker_read(&store, name, &b);
	if (b.failures == 0 && b.until_ms == 0 && b.err.kind == ERR_NONE)
		buf_adds(&out, "nothing known");
	else
		buf_addf(&out, "%u %s, %s: %s", b.failures,
		    breaker_is_open(&b, at_ms, MAX_S, stamp) ? "open" : "closed",
		    err_name(b.err.kind), b.err.what.data);
	assert_string_equal(out.data, expected);
	breaker_release(&b);
	buf_release(&out);
}

static void
test_failures(void **state)
{
	(void)state;
	check_breaker(NAME, now_ms, 7, "nothing known");
	fail_at_now(7);
	check_breaker(NAME, now_ms, 7, "1 open, connect: refused");
	check_breaker(NAME, now_ms + MIN_S * 750 - 1, 7, "1 open, connect: refused");
	check_breaker(NAME, now_ms + MIN_S * 1250, 7, "1 closed, connect: refused");
	/* The clock was set back by more than any wait. */
	check_breaker(NAME, now_ms - 10000 * 1000, 7, "1 closed, connect: refused");
	/* The configuration was changed, which ends the matter, and counts anew. */
	check_breaker(NAME, now_ms, 8, "1 closed, connect: refused");
	fail_at_now(7);
	fail_at_now(7);
	check_breaker(NAME, now_ms + MIN_S * 2999, 7, "3 open, connect: refused");
	fail_at_now(8);
	check_breaker(NAME, now_ms, 8, "1 open, connect: refused");
	check_breaker("server 0 other.example 465", now_ms, 8, "nothing known");
	breaker_close(&store, NAME);
	check_breaker(NAME, now_ms, 8, "nothing known");
	assert_string_equal(only_file(), "");
}

/*
 * A server is another one by each other way, whoever goes it; a login is one by account and user.
 * Commands may hold secrets.
 */
static void
test_names(void **state)
{
	static char host[] = "mx.example", other[] = "mx2.example", proxy[] = "p.example",
		    user[] = "me", you[] = "you", ip[] = "192.0.2.1", command[] = "ssh -i geheim x",
		    name[] = "a";
	const struct server servers[] = { { SERVER_SMTPS, host, 465 }, { SERVER_SMTP, host, 465 },
		{ SERVER_SMTPS, other, 465 }, { SERVER_SMTPS, host, 466 } };
	struct account accounts[] = {
		{ .name = name },
		{ .name = name, .proxy = PROXY_SOCKS5, .proxy_host = proxy, .proxy_port = 1080 },
		{ .name = name, .proxy = PROXY_HTTP, .proxy_host = proxy, .proxy_port = 1080 },
		{ .name = name, .proxy = PROXY_HTTP, .proxy_host = proxy, .proxy_port = 1081 },
		{ .name = name, .proxy = PROXY_HTTP, .proxy_host = other, .proxy_port = 1081 },
		{ .name = name,
		    .proxy = PROXY_HTTP,
		    .proxy_host = other,
		    .proxy_port = 1081,
		    .proxy_user = you },
		{ .name = name, .source_ip = ip },
		{ .name = name, .tunnel_command = command },
		{ .name = name, .tunnel_command = command + 1 },
	};
	enum { SERVERS = 4, ACCOUNTS = sizeof(accounts) / sizeof(accounts[0]) };
	struct buf seen = BUF_INIT(100000), one = BUF_INIT(BREAKER_NAME_MAX);

	(void)state;
	for (size_t i = 0; i < SERVERS * ACCOUNTS; i++) {
		buf_clear(&one);
		buf_addc(&one, '\n');
		breaker_server_name(&accounts[i / SERVERS], &servers[i % SERVERS], &one);
		buf_addc(&one, '\n');
		assert_true(buf_ok(&one));
		assert_null(strstr(seen.data, one.data));
		assert_null(strstr(one.data, "geheim"));
		buf_add(&seen, one.data, one.len);
	}
	buf_clear(&one);
	breaker_server_name(&accounts[0], &servers[0], &one);
	buf_clear(&seen);
	accounts[0].name = other;
	accounts[0].user = user;
	breaker_server_name(&accounts[0], &servers[0], &seen);
	assert_string_equal(one.data, seen.data);
	buf_clear(&one);
	breaker_account_name(&accounts[0], &one);
	buf_clear(&seen);
	accounts[0].user = you;
	breaker_account_name(&accounts[0], &seen);
	assert_string_not_equal(one.data, seen.data);
	buf_release(&one);
	buf_release(&seen);
}

/* Who waits for news in run/ is not woken by what is known there. */
static void
test_nobody_is_woken(void **state)
{
	char events[4096];
	int notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	(void)state;
	fail_at_now(7);
	take(60, now_ms, 0);
	assert_true(inotify_add_watch(notes, path_of("run"),
			IN_ALL_EVENTS & ~IN_OPEN & ~IN_ACCESS & ~IN_CLOSE) >= 0);
	fail_at_now(7);
	take(60, now_ms, INT64_MAX);
	breaker_close(&store, NAME);
	assert_int_equal(read(notes, events, sizeof(events)), -1);
	assert_int_equal(errno, EAGAIN);
	close(notes);
}

/* Whatever lies there in place of the file: nothing is known, and nobody waits. */
static void
put_text(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
put_huge(const char *path)
{
	put_text(path, "x", 1);
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
}

static void
put_empty(const char *path)
{
	put_text(path, "", 0);
}

static void
put_garbage(const char *path)
{
	char text[5000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 2654435761u >> 13);
	put_text(path, text, sizeof(text));
}

/* The name is right, what follows is not. */
static void
put_name_and_garbage(const char *path)
{
	put_text(path, "server 0 host.example 465\0\377\377\377\377garbage", 38);
}

static void
put_other_name(const char *path)
{
	put_text(path, "server 0 host.example 466", 26);
}

static void
put_numbers(const char *path)
{
	put_text(path, "99999999999999999999999999999", 29);
}

static void
put_link(const char *path)
{
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void
put_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
put_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void (*const hostile[])(const char *path) = {
	put_empty,
	put_huge,
	put_garbage,
	put_name_and_garbage,
	put_other_name,
	put_numbers,
	put_link,
	put_folder,
	put_fifo,
};

enum { HOSTILE = sizeof(hostile) / sizeof(hostile[0]) };

static void
test_hostile_breakers(void **state)
{
	char path[800];

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		fail_at_now(7);
		snprintf(path, sizeof(path), "%s", only_file());
		assert_int_equal(unlink(path), 0);
		hostile[i](path);
		check_breaker(NAME, now_ms, 7, "nothing known");
		/* Replaced where it can be; a folder cannot, and nothing is left beside it. */
		fail_at_now(7);
		check_breaker(NAME, now_ms, 7,
		    hostile[i] == put_folder ? "nothing known" : "1 open, connect: refused");
		assert_string_equal(only_file(), path);
		assert_int_equal(remove(path), 0);
	}
}

/* In place of the folder: a file, a link to nowhere, nothing that can be written. */
static void
test_no_folder(void **state)
{
	int64_t at;

	(void)state;
	remove_all(path_of("run"));
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			put_garbage(path_of("run"));
		else
			assert_int_equal(symlink("nowhere", path_of("run")), 0);
		fail_at_now(7);
		check_breaker(NAME, now_ms, 7, "nothing known");
		breaker_close(&store, NAME);
		assert_true(breaker_take_place(&store, NAME, 1, now_ms, 0, &at));
		assert_int_equal(at, now_ms);
		assert_int_equal(unlink(path_of("run")), 0);
	}
}

static void
test_no_store(void **state)
{
	struct store closed = STORE_INIT;
	struct breaker b;
	int64_t at;

	(void)state;
	breaker_init(&b);
	breaker_read(&closed, NAME, &b);
	assert_int_equal(b.failures, 0);
	/* What cannot be kept is known to this process all the same. */
	breaker_fail(&closed, NAME, &b, &why, now_ms, MIN_S, MAX_S, 7);
	assert_true(breaker_is_open(&b, now_ms, MAX_S, 7));
	breaker_close(&closed, NAME);
	assert_true(breaker_take_place(&closed, NAME, 1, now_ms, 0, &at));
	assert_int_equal(at, now_ms);
	breaker_release(&b);
}

static void
test_places(void **state)
{
	(void)state;
	assert_int_equal(take(60, now_ms, 0), 0);
	assert_int_equal(take(60, now_ms, 999), -1);
	assert_int_equal(take(60, now_ms, 1000), 1000);
	assert_int_equal(take(60, now_ms, INT64_MAX), 2000);
	assert_int_equal(take(60, now_ms + 2500, INT64_MAX), 500);
	assert_int_equal(take(60, now_ms + 100000, 0), 0);
	/* Never more than so many in a minute, where that is no whole number of milliseconds. */
	assert_int_equal(take(7, now_ms + 200000, 0), 0);
	assert_int_equal(take(7, now_ms + 200000, INT64_MAX), 8572);
}

/* Nobody waits for longer than an hour, whatever the file or the clock says. */
static void
test_places_far_ahead(void **state)
{
	int64_t last = 0;

	(void)state;
	for (unsigned i = 0; i <= 60; i++) {
		assert_int_equal(take(1, now_ms, INT64_MAX), last);
		last += MINUTE_MS;
	}
	assert_int_equal(take(1, now_ms, INT64_MAX), -1);
	assert_int_equal(take(1, now_ms + MINUTE_MS, INT64_MAX), 3600 * 1000);
	/* Set back: a day, a century, before 1970. */
	assert_int_equal(take(1, now_ms - 86400000, INT64_MAX), 0);
	assert_int_equal(take(1, now_ms / 2, INT64_MAX), 0);
	assert_int_equal(take(1, -1000, INT64_MAX), 0);
	assert_int_equal(take(1, now_ms, INT64_MAX), 0);
}

static void
test_hostile_places(void **state)
{
	char path[800];

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		assert_int_equal(take(1, now_ms, 0), 0);
		snprintf(path, sizeof(path), "%s", only_file());
		assert_int_equal(unlink(path), 0);
		hostile[i](path);
		assert_int_equal(take(1, now_ms, 0), 0);
		assert_int_equal(remove(path), 0);
	}
}

/* A process that stopped with the lock in its hands holds nobody up. */
static void
test_places_locked(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(take(1, now_ms, 0), 0);
	fd = open(only_file(), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(take(1, now_ms, 0), 0);
	close(fd);
	assert_int_equal(take(1, now_ms, INT64_MAX), MINUTE_MS);
}

/* Many processes: each has a place of its own. */
static void
test_places_of_many(void **state)
{
	enum { PROCESSES = 8, EACH = 25 };

	(void)state;
	for (unsigned i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			for (unsigned k = 0; k < EACH; k++)
				take(60, now_ms, INT64_MAX);
			_exit(0);
		}
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_true(wait(NULL) > 0);
	assert_int_equal(take(60, now_ms, INT64_MAX), PROCESSES * EACH * 1000);
}

static int
begin_store(void **state)
{
	begin(state);
	err_set(&why, ERR_CONNECT, "refused");
	open_store(&store);
	return 0;
}

static int
end_store(void **state)
{
	(void)state;
	store_close(&store);
	err_release(&why);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_store, end_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failures),
		TEST(test_names),
		TEST(test_nobody_is_woken),
		TEST(test_hostile_breakers),
		TEST(test_no_folder),
		TEST(test_no_store),
		TEST(test_places),
		TEST(test_places_far_ahead),
		TEST(test_hostile_places),
		TEST(test_places_locked),
		TEST(test_places_of_many),
	};

	err_init(&why);
	return cmocka_run_group_tests(tests, setup, teardown);
}
