/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <fcntl.h>
#include <string.h>
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

void
log_syslog(int priority, const char *line)
{
	openlog("sendoff", LOG_PID, LOG_MAIL);
	syslog(priority, "%s", line);
	closelog();
}

static void
add_time(struct buf *out)
{
	char stamp[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z ", &tm);
	buf_adds(out, stamp);
}

int
log_file(const char *path, const char *line, struct err *err)
{
	struct buf text = BUF_INIT(2 * LOG_LINE_MAX);
	int fd, result = 0;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot open the log file %s", path);
	add_time(&text);
	buf_addf(&text, "%s\n", line);
	if (write(fd, text.data, text.len) != (ssize_t)text.len)
		result = err_sys(err, ERR_CANT_CREATE, "cannot write the log file %s", path);
	buf_release(&text);
	close(fd);
	return result;
}
