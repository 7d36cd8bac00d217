/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"

static bool
needs_quotes(const char *value)
{
	return value[0] == '\0' || strpbrk(value, " \"'=\\\t\n") != NULL;
}

/*
 * Quotation marks and backslashes with a backslash before them: a value cannot end its own quotes.
 */
static void
add_escaped(struct buf *line, const char *value)
{
	const char *end = value + strnlen(value, LOG_FIELD_MAX);

	while (value < end) {
		struct span run = { value, strcspn(value, "\"\\") };

		if (run.len > (size_t)(end - value))
			run.len = (size_t)(end - value);
		text_printable(line, run, false);
		value += run.len;
		if (value < end) {
			buf_addc(line, '\\');
			buf_addc(line, *value++);
		}
	}
}

void
log_field(struct buf *line, const char *key, const char *value)
{
	const char *quote = needs_quotes(value) ? "\"" : "";

	buf_addf(line, "%s%s=%s", line->len > 0 ? " " : "", key, quote);
	add_escaped(line, value);
	buf_adds(line, quote);
}

void
log_number(struct buf *line, const char *key, long long value)
{
	buf_addf(line, "%s%s=%lld", line->len > 0 ? " " : "", key, value);
}

/* As RFC 3339 has it, or syslog(3). */
static void
add_time(struct buf *out, bool for_syslog)
{
	char stamp[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return;
	if (for_syslog)
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
	else
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z ", &tm);
	buf_adds(out, stamp);
}

/* The daemon's socket; to write to it takes no longer than the limit.  -1: there is none. */
static int
open_syslog(const struct timeval *limit, int *type)
{
	const struct sockaddr_un there = { .sun_family = AF_UNIX, .sun_path = _PATH_LOG };
	const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -1;
		*type = types[i];
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, limit, sizeof(*limit));
		if (connect(fd, (const struct sockaddr *)&there, sizeof(there)) == 0)
			return fd;
		close(fd);
	}
	return -1;
}

/*
 * syslog(3) itself waits for ever for a daemon that has stopped: then everybody who sends mail
 * hangs as soon as its socket is full, which may be with ten lines.
 */
void
log_syslog(int priority, const char *line)
{
	static bool stuck; /* it was waited for once, and is not again until it goes on */
	const struct timeval limit = { stuck ? 0 : LOG_WAIT_S, 1 };
	struct buf text = BUF_INIT(2 * LOG_LINE_MAX);
	int type, fd = open_syslog(&limit, &type);

	if (fd < 0)
		return;
	buf_addf(&text, "<%d>", LOG_MAIL | priority);
	add_time(&text, true);
	buf_addf(&text, "sendoff[%ld]: %s", (long)getpid(), line);
	/* In a stream, a NUL ends the line. */
	stuck = send(fd, text.data, text.len + (type == SOCK_STREAM ? 1 : 0), MSG_NOSIGNAL) < 0 &&
	    errno == EAGAIN;
	close(fd);
	buf_release(&text);
}

int
log_file(const char *path, const char *line, struct err *err)
{
	struct buf text = BUF_INIT(2 * LOG_LINE_MAX);
	int fd, result = 0;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot open the log file %s", path);
	add_time(&text, false);
	buf_addf(&text, "%s\n", line);
	if (write(fd, text.data, text.len) != (ssize_t)text.len)
		result = err_sys(err, ERR_CANT_CREATE, "cannot write the log file %s", path);
	buf_release(&text);
	close(fd);
	return result;
}
