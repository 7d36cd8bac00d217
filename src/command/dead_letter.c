/* SPDX-License-Identifier: ISC */
#include "command/dead_letter.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	PERSONS_FROM = 1000, /* user numbers */
	NOBODY = 65534,
	PIECE = 16384, /* octets read at once */
	LOCK_WAIT_MS = 10000,
};

/*
 * A message on its way into the file: CRLF becomes LF, and a line that could begin another message
 * is quoted.
 */
struct letter {
	FILE *file;
	bool at_begin;  /* so far the line has '>' and the begin of "From " only, which are not
			   written yet */
	size_t quotes;  /* how many '>' */
	size_t matched; /* how many octets of "From " */
};

static const char FROM[] = "From ";

static int
open_home(const struct passwd *user, struct err *err)
{
	struct stat status;
	int dir;

	if (user == NULL ||
	    (user->pw_uid != 0 && (user->pw_uid < PERSONS_FROM || user->pw_uid == NOBODY)))
		return err_set(err, ERR_PERMISSION, "the user %ld is neither root nor a person",
		    (long)geteuid());
	dir = open(user->pw_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot open the home %s", user->pw_dir);
	if (fstat(dir, &status) == 0 && status.st_uid == user->pw_uid &&
	    (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return dir;
	close(dir);
	return err_set(err, ERR_PERMISSION, "others can write to the home %s", user->pw_dir);
}

static int
check_letter(int fd, struct err *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    status.st_nlink != 1)
		return err_set(err, ERR_PERMISSION,
		    "dead.letter is not a plain file of this user alone");
	if (status.st_size > DEAD_LETTER_MAX)
		return err_set(err, ERR_CANT_CREATE, "dead.letter has more than %d octets already",
		    DEAD_LETTER_MAX);
	if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 || deadline_lock(fd, deadline_in(LOCK_WAIT_MS)) < 0)
		return err_sys(err, ERR_CANT_CREATE, "dead.letter");
	return 0;
}

static int
open_letter(int dir, struct err *err)
{
	int fd = openat(dir, "dead.letter",
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);

	if (fd < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot open dead.letter");
	if (check_letter(fd, err) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * Writes what was held back of the line, which begins with one more '>' if it could begin another
 * message.
 */
static void
end_begin(struct letter *l)
{
	if (l->matched == strlen(FROM))
		fputc('>', l->file);
	while (l->quotes > 0) {
		fputc('>', l->file);
		l->quotes--;
	}
	fwrite(FROM, 1, l->matched, l->file);
	l->matched = 0;
	l->at_begin = false;
}

static void
put_octet(struct letter *l, char c)
{
	if (c == '\r')
		return;
	if (l->at_begin && l->matched == 0 && c == '>') {
		l->quotes++;
		return;
	}
	if (l->at_begin && c == FROM[l->matched]) {
		l->matched++;
		if (l->matched == strlen(FROM))
			end_begin(l);
		return;
	}
	if (l->at_begin)
		end_begin(l);
	fputc(c, l->file);
	l->at_begin = c == '\n';
}

static void
put_text(struct letter *l, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_octet(l, text[i]);
}

static int
put_body(struct letter *l, const struct spool *body, struct err *err)
{
	char scratch[PIECE];
	const char *data;
	size_t got;
	uint64_t at = 0;

	do {
		if (spool_read(body, at, scratch, sizeof(scratch), &data, &got, err) < 0)
			return -1;
		put_text(l, data, got);
		at += got;
	} while (got > 0);
	return 0;
}

/* The line that begins a message in an mbox file. */
static void
put_separator(FILE *file, const char *sender)
{
	time_t now = time(NULL);
	struct tm utc;
	char date[40] = "";

	if (gmtime_r(&now, &utc) != NULL)
		strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &utc);
	fprintf(file, "From %s %s\n",
	    sender != NULL && sender[0] != '\0' ? sender : "MAILER-DAEMON", date);
}

static int
write_letter(FILE *file, const struct message *message, const char *sender, struct err *err)
{
	struct letter letter = { .file = file, .at_begin = true };

	put_separator(file, sender);
	put_text(&letter, message->header.data, message->header.len);
	put_text(&letter, "\r\n", 2);
	if (put_body(&letter, &message->body, err) < 0)
		return -1;
	fputc('\n', file);
	if (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot write dead.letter");
	return 0;
}

static int
append(int fd, const struct message *message, const char *sender, struct err *err)
{
	off_t before = lseek(fd, 0, SEEK_END);
	FILE *file = fdopen(fd, "a");
	int result;

	if (file == NULL) {
		close(fd);
		return err_sys(err, ERR_SYSTEM, "dead.letter");
	}
	result = write_letter(file, message, sender, err);
	/* Half a message helps nobody, and hides the next one. */
	if (result < 0 && ftruncate(fd, before) < 0)
		err_wrap(err, "half of the message stays in the file");
	fclose(file);
	return result;
}

int
dead_letter_save(const struct message *message, const char *sender, struct buf *path,
    struct err *err)
{
	const struct passwd *user = getpwuid(geteuid());
	int dir = open_home(user, err), fd;

	if (dir < 0)
		return -1;
	buf_addf(path, "%s/dead.letter", user->pw_dir);
	fd = open_letter(dir, err);
	close(dir);
	return fd < 0 ? -1 : append(fd, message, sender, err);
}
