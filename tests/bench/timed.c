/* SPDX-License-Identifier: ISC */
/*
 * Runs a command and tells on descriptor 3 what it took: microseconds on the clock, of processor
 * time in the program and in the kernel, and the most KiB it had resident; then its wait status.
 *
 *   timed COMMAND [ARGUMENT...] 3>FILE
 *
 * A program's peak of memory counts what its parent held before exec(2): from this small one,
 * unlike from Python, that is nothing.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT_FD = 3 };

static long long
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long long
us_of(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

int
main(int argc, char **argv)
{
	struct rusage usage;
	long long began;
	int failed, status;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: timed COMMAND [ARGUMENT...] 3>FILE\n", stderr);
		return 2;
	}
	fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	began = now_us();
	failed = posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ);
	if (failed != 0) {
		fprintf(stderr, "timed: %s: %s\n", argv[1], strerror(failed));
		return 2;
	}
	if (wait4(pid, &status, 0, &usage) < 0)
		return 2;
	dprintf(REPORT_FD, "%lld %lld %lld %ld %d\n", now_us() - began, us_of(usage.ru_utime),
	    us_of(usage.ru_stime), usage.ru_maxrss, status);
	return 0;
}
