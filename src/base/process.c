/* SPDX-License-Identifier: ISC */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

#include "base/wait.h"

enum {
	DESCRIPTORS = 1 << 16, /* that are closed one by one */
	READY_MS = 5000,       /* for a process to be on its own */
};

/* The words of argv, one behind the other as the kernel has laid them. */
static char *title;
static size_t title_len;

/* The copy: the words, which may be put in another order, and what they point into. */
static char **words;
static char *octets;

char **
process_init(int argc, char **argv)
{
	size_t len = 0;
	char *at;

	for (int i = 0; i < argc; i++)
		len += strlen(argv[i]) + 1;
	words = calloc((size_t)argc + 1, sizeof(*words));
	octets = malloc(len + 1);
	if (words == NULL || octets == NULL)
		return NULL;
	at = octets;
	for (int i = 0; i < argc; i++) {
		words[i] = at;
		at = stpcpy(at, argv[i]) + 1;
	}
	title = argc > 0 ? argv[0] : NULL;
	title_len = 0;
	for (int i = 0; i < argc && argv[i] == title + title_len; i++)
		title_len += strlen(argv[i]) + 1;
	return words;
}

void
process_release(void)
{
	free(words);
	free(octets);
	words = NULL;
	octets = NULL;
}

void
process_title(const char *text)
{
	prctl(PR_SET_NAME, "sendoff");
	if (title_len == 0)
		return;
	memset(title, 0, title_len);
	snprintf(title, title_len, "sendoff: %s", text);
}

void
process_leave_folder(void)
{
	if (chdir("/") < 0)
		syslog(LOG_MAIL | LOG_WARNING, "cannot go to /: %m");
}

void
process_quiet(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* In a chroot there may be none. What is open for nothing can be neither read nor written.
	 */
	if (null < 0)
		null = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (null < 0)
		return;
	for (int fd = first; fd <= last; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

static int
compare_numbers(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* One by one where the kernel cannot close many at once (before Linux 5.9). */
static void
close_many(unsigned first, unsigned last)
{
	if (close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < DESCRIPTORS; fd++)
		close((int)fd);
}

void
process_close_all_but(int *keep, size_t count)
{
	unsigned from = STDERR_FILENO + 1;

	closelog();
	qsort(keep, count, sizeof(*keep), compare_numbers);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			close_many(from, (unsigned)keep[i] - 1);
		from = (unsigned)keep[i] + 1;
	}
	close_many(from, ~0U);
}

static void
begin_life(void (*live)(void *arg), void *arg, int keep, int ready)
{
	int kept[] = { keep, ready };

	wait_forget();
	setsid();
	process_leave_folder();
	process_close_all_but(kept, 2);
	process_quiet(STDIN_FILENO, STDERR_FILENO);
	/* Who waits for it sees the end of the pipe. */
	close(ready);
	live(arg);
	_exit(0);
}

int
process_begin(void (*live)(void *arg), void *arg, int keep, struct err *err)
{
	struct pollfd p = { .events = POLLIN };
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(err, ERR_SYSTEM, "cannot make a pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		begin_life(live, arg, keep, ready[1]);
	close(ready[1]);
	if (pid < 0)
		err_sys(err, ERR_SYSTEM, "cannot start a process");
	/* It closes its end when it is on its own; one that is held by somebody is not waited for.
	 */
	p.fd = ready[0];
	while (pid > 0 && poll(&p, 1, READY_MS) < 0 && errno == EINTR)
		;
	close(ready[0]);
	return pid < 0 ? -1 : 0;
}
