/* SPDX-License-Identifier: ISC */
/*
 * A breaker's file is a name, an octet of NUL, and records as in record.h: ATTEMPT (failures, stamp
 * as uid), NEXT and OUTCOME (the failure).  It is written under another name and renamed, without a
 * sync: after a power loss nothing is known, and the server is asked again.
 */
#include "delivery/breaker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/unique.h"
#include "base/wait.h"
#include "delivery/backoff.h"
#include "store/failure.h"
#include "store/record.h"

enum {
	FILE_SIZE_MAX = 64 * 1024,
	PATH_SIZE = 64,
	AHEAD_MAX_MS = 3600 * 1000,
	LOCK_WAIT_MS = 1000, /* for others that take their places: each needs no more than a moment
			      */
};

void
breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .until_ms = 0 };
	err_init(&b->err);
}

void
breaker_release(struct breaker *b)
{
	err_release(&b->err);
}

void
breaker_server_name(const struct account *account, const struct server *server, struct buf *out)
{
	const char *command = account->tunnel_command;

	buf_addf(out, "server %d %s %u", (int)server->scheme, server->host, server->port);
	if (account->proxy != PROXY_NONE)
		buf_addf(out, " proxy %d %s %u %s", (int)account->proxy, account->proxy_host,
		    account->proxy_port, account->proxy_user != NULL ? account->proxy_user : "");
	if (account->source_ip != NULL)
		buf_addf(out, " from %s", account->source_ip);
	/* It may be long, and hold a secret. */
	if (command != NULL)
		buf_addf(out, " command %zu %08" PRIx32, strlen(command),
		    checksum(0, command, strlen(command)));
}

void
breaker_account_name(const struct account *account, struct buf *out)
{
	buf_addf(out, "account %s %s", account->name, account->user != NULL ? account->user : "");
}

/* Names may hold anything, and file names may not. */
static void
file_path(const char *name, const char *kind, char out[static PATH_SIZE])
{
	size_t len = strlen(name);
	uint32_t first = checksum(0, name, len), second = checksum(first, name, len);

	snprintf(out, PATH_SIZE, STORE_BREAKERS "/%s-%08" PRIx32 "%08" PRIx32, kind, first, second);
}

static int
open_file(struct store *store, const char *path, int flags)
{
	return openat(store->dir, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

/* The folders are made when the first file is; that they are there already is as good. */
static int
make_file(struct store *store, const char *path, int flags)
{
	int fd = open_file(store, path, flags);

	if (fd < 0 && errno == ENOENT) {
		mkdirat(store->dir, STORE_RUN, 0700);
		mkdirat(store->dir, STORE_BREAKERS, 0700);
		fd = open_file(store, path, flags);
	}
	return fd;
}

static void
take_record(struct breaker *b, const struct record *record)
{
	switch (record->type) {
	case RECORD_ATTEMPT:
		b->failures = record->attempt > UINT32_MAX / 2 ? UINT32_MAX / 2 :
								 (unsigned)record->attempt;
		b->stamp = record->uid;
		break;
	case RECORD_NEXT:
		b->until_ms = record->next_ms;
		break;
	case RECORD_OUTCOME:
		failure_read(record, &b->err);
		break;
	default:
		break;
	}
}

static void
parse(struct span text, const char *name, struct breaker *b)
{
	struct record record;

	if (text.len <= strlen(name) || memcmp(text.data, name, strlen(name) + 1) != 0)
		return;
	text.data += strlen(name) + 1;
	text.len -= strlen(name) + 1;
	while (record_read(&text, &record) == RECORD_OK)
		take_record(b, &record);
}

void
breaker_read(struct store *store, const char *name, struct breaker *b)
{
	struct buf text = BUF_INIT(FILE_SIZE_MAX);
	char path[PATH_SIZE];
	ssize_t n;
	char *room;
	int fd;

	b->until_ms = 0;
	b->failures = 0;
	b->stamp = 0;
	err_clear(&b->err);
	file_path(name, "breaker", path);
	fd = store->dir >= 0 ? open_file(store, path, O_RDONLY) : -1;
	if (fd < 0)
		return;
	room = buf_reserve(&text, FILE_SIZE_MAX);
	n = room != NULL ? read(fd, room, FILE_SIZE_MAX) : -1;
	if (n > 0)
		parse((struct span){ room, (size_t)n }, name, b);
	buf_release(&text);
	close(fd);
}

bool
breaker_is_open(const struct breaker *b, int64_t now_ms, int64_t retry_max_s, uint64_t stamp)
{
	return b->failures > 0 && b->stamp == stamp &&
	    !backoff_is_due(b->until_ms, now_ms, retry_max_s);
}

static void
write_file(struct store *store, const char *path, const struct buf *text)
{
	struct buf other = BUF_INIT(PATH_SIZE + UNIQUE_LEN);
	int fd;
	bool written;

	buf_adds(&other, STORE_BREAKERS "/" STORE_NEW);
	unique_add(&other);
	fd = make_file(store, other.data, O_WRONLY | O_CREAT | O_EXCL);
	if (fd >= 0) {
		written = write(fd, text->data, text->len) == (ssize_t)text->len;
		close(fd);
		if (!written || renameat(store->dir, other.data, store->dir, path) < 0)
			unlinkat(store->dir, other.data, 0);
	}
	buf_release(&other);
}

void
breaker_fail(struct store *store, const char *name, struct breaker *b, const struct err *err,
    int64_t now_ms, int64_t retry_min_s, int64_t retry_max_s, uint64_t stamp)
{
	struct buf text = BUF_INIT(FILE_SIZE_MAX);
	struct record record = { .type = RECORD_ATTEMPT, .time_ms = now_ms };
	char path[PATH_SIZE];

	b->failures = b->stamp == stamp ? b->failures + 1 : 1;
	b->stamp = stamp;
	b->until_ms = backoff_next_ms(now_ms, b->failures, retry_min_s, retry_max_s,
	    unique_chance());
	err_copy(&b->err, err);
	/* The one message that it happened to may be in doubt; those who hear of it are not. */
	b->err.in_doubt = false;
	record.attempt = b->failures;
	record.uid = stamp;
	buf_add(&text, name, strlen(name) + 1);
	record_write(&text, &record);
	record = (struct record){ .type = RECORD_NEXT, .time_ms = now_ms, .next_ms = b->until_ms };
	record_write(&text, &record);
	record = (struct record){ .type = RECORD_OUTCOME, .time_ms = now_ms };
	failure_write(&record, &b->err);
	record_write(&text, &record);
	file_path(name, "breaker", path);
	if (buf_ok(&text) && store->dir >= 0)
		write_file(store, path, &text);
	buf_release(&text);
}

void
breaker_close(struct store *store, const char *name)
{
	char path[PATH_SIZE];

	file_path(name, "breaker", path);
	if (store->dir >= 0)
		unlinkat(store->dir, path, 0);
}

/* The file holds one number: when the next message may go out. */
static bool
take_place(int fd, int64_t step_ms, int64_t now_ms, int64_t most_ms, int64_t *at_ms)
{
	char text[32] = "";
	intmax_t next = 0;
	int len;

	if (pread(fd, text, sizeof(text) - 1, 0) < 0 || sscanf(text, "%" SCNdMAX, &next) != 1 ||
	    next < now_ms)
		next = now_ms;
	/* The clock was set back: nobody waits as long as that. */
	if (next - now_ms > AHEAD_MAX_MS + step_ms)
		next = now_ms;
	if (next - now_ms > (most_ms < AHEAD_MAX_MS ? most_ms : AHEAD_MAX_MS))
		return false;
	len = snprintf(text, sizeof(text), "%20" PRIdMAX "\n", next + step_ms);
	/* What cannot be written keeps nobody waiting. */
	if (pwrite(fd, text, (size_t)len, 0) == len)
		*at_ms = next;
	return true;
}

bool
breaker_take_place(struct store *store, const char *name, unsigned rate, int64_t now_ms,
    int64_t most_ms, int64_t *at_ms)
{
	char path[PATH_SIZE];
	bool taken;
	int fd;

	*at_ms = now_ms;
	file_path(name, "rate", path);
	fd = store->dir >= 0 ? make_file(store, path, O_RDWR | O_CREAT) : -1;
	/* Without a file there is nobody to wait for that we could know of. */
	if (fd < 0 || deadline_lock(fd, deadline_in(LOCK_WAIT_MS)) < 0) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	taken = take_place(fd, (60000 + rate - 1) / rate, now_ms, most_ms, at_ms);
	close(fd);
	return taken;
}

bool
breaker_keep_pace(struct store *store, const struct account *account, int64_t most_ms)
{
	struct buf name = BUF_INIT(BREAKER_NAME_MAX);
	int64_t now = clock_wall_ms(), at = now, deadline;
	bool taken;

	if (account->rate == 0)
		return true;
	breaker_account_name(account, &name);
	taken = breaker_take_place(store, name.data, account->rate, now, most_ms, &at);
	buf_release(&name);
	deadline = deadline_in(taken && at > now ? at - now : 0);
	while (wait_poll(NULL, 0, deadline) != 0)
		;
	return taken;
}
