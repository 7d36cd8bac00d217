/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message/spool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MAX = SPOOL_MEMORY_MAX };

static struct err err;
static char dir[] = "/tmp/test_spool-XXXXXX";

/*
 * What the next calls of open(2) with O_TMPFILE, and of write(2) and pread(2) to files, do instead
 * of their work.
 */
static int tmpfile_errno;
static int interrupts;
static size_t piece_max = SIZE_MAX;

int
open(const char *path, int flags, ...)
{
	bool is_tmpfile = (flags & O_TMPFILE) == O_TMPFILE;
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (is_tmpfile || (flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (is_tmpfile && tmpfile_errno != 0) {
		errno = tmpfile_errno;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static bool
is_interrupted(void)
{
	if (interrupts == 0)
		return false;
	interrupts--;
	errno = EINTR;
	return true;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (fd > 2 && is_interrupted())
		return -1;
	return syscall(SYS_write, fd, data, fd > 2 && len > piece_max ? piece_max : len);
}

ssize_t
pread(int fd, void *data, size_t len, off_t offset)
{
	if (is_interrupted())
		return -1;
	return syscall(SYS_pread64, fd, data, len > piece_max ? piece_max : len, offset);
}

static char
octet_at(uint64_t offset)
{
	return (char)(offset * 7 + offset / 256);
}

/* Pieces that fit are made in place. */
static bool in_place;

static int
write_piece(struct spool *s, const char *piece, size_t len)
{
	char *place;

	if (!in_place || len > SPOOL_PIECE_MAX)
		return spool_write(s, piece, len, &err);
	/* More is asked for than is used. */
	place = spool_reserve(s, len + (SPOOL_PIECE_MAX - len) / 2, &err);
	assert_non_null(place);
	memcpy(place, piece, len);
	return spool_commit(s, len, &err);
}

/* Writes octets from..to in pieces of step. */
static int
write_octets(struct spool *s, uint64_t from, uint64_t to, size_t step)
{
	char *piece = malloc(step);
	int rc = 0;

	assert_non_null(piece);
	while (rc == 0 && from < to) {
		size_t len = to - from < step ? (size_t)(to - from) : step;

		for (size_t i = 0; i < len; i++)
			piece[i] = octet_at(from + i);
		rc = write_piece(s, piece, len);
		from += len;
	}
	free(piece);
	return rc;
}

static void
check_read(const struct spool *s, uint64_t offset, size_t want, size_t wanted)
{
	char *scratch = malloc(want + 1);
	const char *data;
	size_t got;

	assert_non_null(scratch);
	assert_int_equal(spool_read(s, offset, scratch, want, &data, &got, &err), 0);
	assert_int_equal(got, wanted);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(data[i], octet_at(offset + i));
	free(scratch);
}

static const struct {
	uint64_t size;
	size_t step;
	bool in_file;
} sizes[] = {
	{ 0, 1, false },
	{ 1, 1, false },
	{ MAX - 1, 1000, false },
	{ MAX, 1000, false },
	{ MAX, MAX, false },
	{ MAX + 1, 1000, true },
	{ MAX + 1, MAX, true },
	{ MAX + 1, MAX + 1, true },
	{ 2 * MAX, MAX, true },
	{ 2 * MAX, 2 * MAX, true },
	{ 2 * MAX + 1, 3 * MAX, true },
	{ MAX + 1, SPOOL_PIECE_MAX, true },
	{ 1000000, 999, true },
	{ 1000000, SPOOL_PIECE_MAX, true },
	{ 1000000, SPOOL_PIECE_MAX - 1, true },
	{ 1000000, 1000000, true },
};

static void
check_size(uint64_t size, size_t step, bool in_file)
{
	struct spool s;

	spool_init(&s, &(struct spool_place){ .dir = dir });
	assert_int_equal(write_octets(&s, 0, size, step), 0);
	assert_int_equal(spool_finish(&s, &err), 0);
	assert_int_equal(s.size, size);
	assert_int_equal(s.fd >= 0, in_file);
	check_read(&s, 0, size, size);
	check_read(&s, 0, size + 1000, size);
	check_read(&s, size / 2, size, size - size / 2);
	check_read(&s, size, 10, 0);
	check_read(&s, size + 10, 10, 0);
	if (size > 10)
		check_read(&s, size - 10, 5, 5);
	spool_release(&s);
}

static void
gives_back_what_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		in_place = i >= COUNT(sizes);
		check_size(sizes[i % COUNT(sizes)].size, sizes[i % COUNT(sizes)].step,
		    sizes[i % COUNT(sizes)].in_file);
	}
	in_place = false;
}

static void
survives_short_and_interrupted_calls(void **state)
{
	(void)state;
	for (int times = 0; times < 6; times++) {
		interrupts = times;
		piece_max = 1000 + (size_t)times;
		check_size(300000, 777, true);
		interrupts = 0;
		piece_max = SIZE_MAX;
	}
}

/* The folder is empty; the file is nobody else's, has no name, and is closed on exec. */
static void
check_file(const struct spool *s)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	struct stat st;

	assert_non_null(folder);
	for (entry = readdir(folder); entry != NULL; entry = readdir(folder))
		assert_true(entry->d_name[0] == '.');
	closedir(folder);
	assert_int_equal(fstat(s->fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(s->fd, F_GETFD), FD_CLOEXEC);
}

static void
leaves_no_trace(void **state)
{
	static const int errnos[] = { 0, EOPNOTSUPP, EISDIR, ENOENT, EINVAL };
	mode_t before = umask(0);

	(void)state;
	for (size_t i = 0; i < COUNT(errnos); i++) {
		struct spool s;

		tmpfile_errno = errnos[i];
		spool_init(&s, &(struct spool_place){ .dir = dir });
		assert_int_equal(write_octets(&s, 0, MAX + 1, 1000), 0);
		tmpfile_errno = 0;
		check_file(&s);
		spool_release(&s);
		assert_int_equal(s.fd, -1);
	}
	umask(before);
}

static void
can_be_linked_nowhere(void **state)
{
	struct spool s;
	char from[64], to[64];

	(void)state;
	spool_init(&s, &(struct spool_place){ .dir = dir });
	assert_int_equal(write_octets(&s, 0, MAX + 1, 1000), 0);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", s.fd);
	snprintf(to, sizeof(to), "%s/name", dir);
	assert_int_equal(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), -1);
	spool_release(&s);
}

/* With room before it, and a name given later: for a queue that takes the file as it is. */
static void
leaves_room_and_can_be_linked(void **state)
{
	struct spool s;
	struct stat st;
	char from[64], to[64], room[65];

	(void)state;
	spool_init(&s, &(struct spool_place){ .dir = dir, .room = 64, .linkable = true });
	assert_int_equal(write_octets(&s, 0, 3 * MAX + 1, 1000), 0);
	assert_int_equal(spool_finish(&s, &err), 0);
	assert_true(s.place.linkable);
	check_read(&s, 0, 3 * MAX + 1, 3 * MAX + 1);
	check_read(&s, 3 * MAX, 10, 1);
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_size, 64 + 3 * MAX + 1);
	assert_int_equal(pread(s.fd, room, 65, 0), 65);
	for (int i = 0; i < 64; i++)
		assert_int_equal(room[i], 0);
	assert_int_equal(room[64], octet_at(0));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", s.fd);
	snprintf(to, sizeof(to), "%s/name", dir);
	assert_int_equal(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), 0);
	assert_int_equal(unlink(to), 0);
	spool_release(&s);
}

/* Where the file had a name once, it cannot get one again; the room stays. */
static void
tells_that_it_cannot_be_linked(void **state)
{
	struct spool s;

	(void)state;
	tmpfile_errno = EOPNOTSUPP;
	spool_init(&s, &(struct spool_place){ .dir = dir, .room = 64, .linkable = true });
	assert_int_equal(write_octets(&s, 0, MAX + 1, 1000), 0);
	assert_int_equal(spool_finish(&s, &err), 0);
	tmpfile_errno = 0;
	assert_false(s.place.linkable);
	check_read(&s, 0, MAX + 1, MAX + 1);
	assert_int_equal(lseek(s.fd, 0, SEEK_CUR), 64 + MAX + 1);
	spool_release(&s);
}

static void
check_failure(int rc, enum err_kind kind, int number, const char *sentence)
{
	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, kind);
	assert_int_equal(err.sys_errno, number);
	assert_string_equal(err.what.data, sentence);
}

static void
tells_where_no_file_can_be_made(void **state)
{
	struct buf deep = BUF_INIT(10000), sentence = BUF_INIT(10000);
	struct spool s;

	(void)state;
	spool_init(&s, &(struct spool_place){ .dir = "/nonexistent" });
	assert_int_equal(write_octets(&s, 0, MAX, 1000), 0);
	check_failure(write_octets(&s, 0, 1, 1), ERR_CANT_CREATE, ENOENT,
	    "cannot make a file for the message in /nonexistent: No such file or directory");
	spool_release(&s);
	for (int i = 0; i < 5000; i++)
		buf_addc(&deep, '/');
	buf_addf(&sentence, "cannot make a file for the message in %s: File name too long",
	    deep.data);
	spool_init(&s, &(struct spool_place){ .dir = deep.data });
	check_failure(write_octets(&s, 0, MAX + 1, 1000), ERR_CANT_CREATE, ENAMETOOLONG,
	    sentence.data);
	spool_release(&s);
	buf_release(&deep);
	buf_release(&sentence);
}

static void
takes_tmp_where_no_folder_is_named(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, &(struct spool_place){ .dir = NULL });
	assert_string_equal(s.place.dir, "/tmp");
	assert_int_equal(write_octets(&s, 0, MAX + 1, 1000), 0);
	spool_release(&s);
}

/*
 * In a child: no file may grow beyond `limit` octets.  0 where the failure came when it should, and
 * was told.
 */
static int
write_to_full_disk(uint64_t limit)
{
	struct rlimit rlimit = { limit, limit };
	struct spool s;
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &rlimit);
	spool_init(&s, &(struct spool_place){ .dir = dir });
	rc = write_octets(&s, 0, 10 * MAX, 1000);
	if (rc == 0)
		rc = spool_finish(&s, &err);
	if (rc != -1 || s.size > limit + MAX + SPOOL_PIECE_MAX)
		return 10;
	return err.kind == ERR_CANT_CREATE && err.sys_errno == EFBIG &&
		strstr(err.what.data, dir) != NULL ?
	    0 :
	    11;
}

static void
tells_full_disks(void **state)
{
	static const uint64_t limits[] = { 0, 1, MAX, 3 * MAX + 5, 9 * MAX, 10 * MAX - 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(write_to_full_disk(limits[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void
tells_read_errors(void **state)
{
	struct spool s;
	const char *data;
	char scratch[100];
	size_t got;

	(void)state;
	spool_init(&s, &(struct spool_place){ .dir = "/tmp" });
	assert_int_equal(write_octets(&s, 0, MAX + 100, 1000), 0);
	assert_int_equal(spool_finish(&s, &err), 0);
	assert_int_equal(ftruncate(s.fd, MAX + 50), 0);
	check_failure(spool_read(&s, MAX, scratch, 100, &data, &got, &err), ERR_IO, 0,
	    "the message that was stored in /tmp is cut short");
	close(s.fd);
	check_failure(spool_read(&s, MAX, scratch, 100, &data, &got, &err), ERR_IO, EBADF,
	    "cannot read back the message from /tmp: Bad file descriptor");
	s.fd = -1;
	spool_release(&s);
}

static int
setup(void **state)
{
	(void)state;
	err_init(&err);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	err_release(&err);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_written),
		cmocka_unit_test(survives_short_and_interrupted_calls),
		cmocka_unit_test(leaves_no_trace),
		cmocka_unit_test(can_be_linked_nowhere),
		cmocka_unit_test(leaves_room_and_can_be_linked),
		cmocka_unit_test(tells_that_it_cannot_be_linked),
		cmocka_unit_test(tells_where_no_file_can_be_made),
		cmocka_unit_test(takes_tmp_where_no_folder_is_named),
		cmocka_unit_test(tells_full_disks),
		cmocka_unit_test(tells_read_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
