/* SPDX-License-Identifier: ISC */
/*
 * The least that a program must do to queue a message durably: what comes on standard input is in
 * DIRECTORY, under its name, whatever happens to the machine afterwards.
 *
 *   durable DIRECTORY NAME [again] < MESSAGE
 *
 * again: the file is synced once more behind its name, as file systems without a journal need it.
 *
 * Linked statically: no time goes to the dynamic linker.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

static int
fail(const char *what)
{
	perror(what);
	return 1;
}

static int
copy(int from, int to)
{
	static char block[BLOCK];
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, (size_t)n) != n)
			return -1;
	return (int)n;
}

int
main(int argc, char **argv)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int dir, fd;

	if (argc < 3) {
		fputs("usage: durable DIRECTORY NAME [again]\n", stderr);
		return 2;
	}
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir < 0 ? -1 : openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(argv[1]);
	if (copy(STDIN_FILENO, fd) < 0)
		return fail("copy");
	if (fsync(fd) < 0)
		return fail("fsync");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dir, argv[2], AT_SYMLINK_FOLLOW) < 0)
		return fail(argv[2]);
	if (fsync(dir) < 0)
		return fail("fsync of the directory");
	return argc > 3 && fsync(fd) < 0 ? fail("fsync") : 0;
}
