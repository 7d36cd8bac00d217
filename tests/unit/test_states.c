/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "delivery/breaker.h"
#include "queued.h"
#include "store/reservation.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char states[] = "src/store/STATES";

static struct store walked;
static char walked_id[QUEUE_ID_LEN + 1];
static uint64_t size_before;  /* the file's, before the last batch of the script */
static struct item held_item; /* of a process that lives on */

/* Plays a script: each batch is appended, by who has the message or ("[") by another. */
static void
play(const char *script)
{
	struct span rest = span_of(script);
	struct buf records = BUF_INIT(SIZE_MAX);
	struct item item;
	int64_t number = 0;
	bool open = false;

	do {
		char *word = span_dup(span_cut(&rest, ' '));
		bool begins = *word == '[' || *word == '(' || *word == '\0';

		if (begins && records.len > 0) {
			size_before = size_of(walked_id);
			assert_int_equal(store_append(&item, &records, &err), 0);
			buf_clear(&records);
		}
		if (*word == '[' && open)
			item_release(&item);
		if (*word == '[')
			assert_int_equal(store_take(&walked, walked_id, &item, &err), STORE_OK);
		open = open || *word == '[';
		if (!begins)
			script_record(&records, word, ++number);
		free(word);
	} while (rest.len > 0);
	if (records.len > 0) {
		size_before = size_of(walked_id);
		assert_int_equal(store_append(&item, &records, &err), 0);
	}
	if (open)
		item_release(&item);
	buf_release(&records);
}

static void
edit(uint64_t at, const void *data, size_t len)
{
	int fd = open(path_of(walked_id), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
	close(fd);
}

static void
flip(uint64_t at)
{
	int fd = open(path_of(walked_id), O_RDWR | O_CLOEXEC);
	char octet;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &octet, 1, (off_t)at), 1);
	octet ^= 1;
	assert_int_equal(pwrite(fd, &octet, 1, (off_t)at), 1);
	close(fd);
}

static void
cut(uint64_t size)
{
	assert_int_equal(truncate(path_of(walked_id), (off_t)size), 0);
}

/* Where the record with that number in the last batch begins; 0 is BATCH. */
static uint64_t
record_at(unsigned number)
{
	int fd = open(path_of(walked_id), O_RDONLY | O_CLOEXEC);
	unsigned char len[4];
	uint64_t at = size_before;

	assert_true(fd >= 0);
	while (number-- > 0) {
		assert_int_equal(pread(fd, len, 4, (off_t)at), 4);
		at += 9 + len[0] + len[1] * 256u + len[2] * 65536u;
	}
	close(fd);
	return at;
}

static void
zero(uint64_t from, uint64_t to)
{
	static const char zeros[4096];

	assert_true(to - from <= sizeof(zeros));
	edit(from, zeros, (size_t)(to - from));
}

/* Adding is killed behind a call. */
struct death {
	const char *call;
	size_t shape;
	bool by_tmp;
};

static void
add_until_death(void *arg)
{
	const struct death *death = arg;
	struct item item;

	reset_calls();
	die_after = death->call;
	if (death->by_tmp) {
		fail_name = "openat tmpfile";
		name_errno = EOPNOTSUPP;
	}
	add_now(&walked, &shapes[death->shape], !death->by_tmp, &item);
	_exit(1);
}

/* With a small body, and with a spooled one, which comes to the same. */
static void
die_adding(const char *call)
{
	struct death death = { call, 2, false };

	die_in_child(add_until_death, &death);
	if (strcmp(call, "linkat") != 0 && strcmp(call, "openat tmpfile") != 0) {
		death.shape = 5;
		die_in_child(add_until_death, &death);
	}
}

static void
die_adding_by_tmp(const char *call)
{
	struct death death = { call, 2, true };

	die_in_child(add_until_death, &death);
}

static void
e1(void)
{
	die_adding("openat tmpfile");
}
static void
e2(void)
{
	die_adding("pwritev");
}
static void
e3(void)
{
	die_adding("lock");
}
static void
e4(void)
{
	die_adding("fsync");
}
static void
e5(void)
{
	die_adding("linkat");
}

/* The power failed: what was not durable is taken away by hand. */
static void
forget_name(void)
{
	char name[256];

	assert_int_equal(count_names(queue, name), 1);
	assert_int_equal(unlink(path_of(name)), 0);
}

static void
e6(void)
{
	die_adding("linkat");
	forget_name();
}

static void
e7(void)
{
	queue_one(&walked, walked_id);
}

static void
e8(void)
{
	struct item item;

	assert_int_equal(add_by(WAY_UNNAMED, &walked, &shapes[2], 6, EIO, &item), -1);
	assert_non_null(strstr(err.what.data, "cannot be made durable"));
	assert_string_equal(log_text[calls - 1], "unlinkat");
	reset_calls();
}

/* The file system needs the file synced once more: `failing` is the number of that call, 0: none.
 */
static void
add_forgetful(size_t failing)
{
	struct item item;

	reset_calls();
	forgets_files = true;
	fail_at = failing;
	fail_errno = EIO;
	assert_int_equal(add_now(&walked, &shapes[2], true, &item), failing > 0 ? -1 : 0);
	assert_int_equal(count_calls("fsync"), 3);
	assert_string_equal(log_text[6], "fsync");
	item_release(&item);
}

static void
e10(void)
{
	add_forgetful(0);
	forget_name();
}

static void
e11(void)
{
	add_forgetful(0);
}

static void
e12(void)
{
	add_forgetful(7);
	assert_string_equal(log_text[calls - 1], "unlinkat");
}

static void
t1(void)
{
	die_adding_by_tmp("mkdirat");
	assert_true(exists("tmp"));
}

static void
t2(void)
{
	char name[256], path[400];
	struct stat st;

	die_adding_by_tmp("openat new");
	assert_int_equal(count_names(path_of("tmp"), name), 1);
	snprintf(path, sizeof(path), "%s/tmp/%s", queue, name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void
t3(void)
{
	char name[256];

	die_adding_by_tmp("fsync");
	assert_int_equal(count_names(path_of("tmp"), name), 1);
}

static void
t4(void)
{
	char name[256];

	die_adding_by_tmp("renameat2");
	assert_int_equal(count_names(path_of("tmp"), name), 0);
}

/* Both names, as linkat() leaves them where renameat2() is not known. */
static void
t5(void)
{
	char other[300];

	queue_one(&walked, walked_id);
	assert_int_equal(mkdir(path_of("tmp"), 0700), 0);
	snprintf(other, sizeof(other), "%s/tmp/%s", queue, walked_id);
	assert_int_equal(link(path_of(walked_id), other), 0);
}

static void
t6(void)
{
	char other[300];

	t5();
	snprintf(other, sizeof(other), "%s/tmp/%s", queue, walked_id);
	assert_int_equal(unlink(other), 0);
}

static void
t11(void)
{
	queue_one(&walked, walked_id);
	cut(0);
}

static void
t7(void)
{
	struct item item;

	assert_int_equal(add_by(WAY_TMP, &walked, &shapes[2], 0, 0, &item), 0);
	assert_int_equal(count_calls("fsync"), 3);
	reset_calls();
	item_release(&item);
}

/* The path of the only file in the folder. */
static const char *
only_file(const char *folder)
{
	static char path[800];
	char name[256];

	assert_int_equal(count_names(path_of(folder), name), 1);
	snprintf(path, sizeof(path), "%s/%s", path_of(folder), name);
	return path;
}

/* A run comes, so long after the file was written; true where that is gone then. */
static bool
sweeps(const char *folder, int64_t age_ms)
{
	int64_t written_s = 1600000000;
	const struct timespec times[2] = { { .tv_sec = written_s }, { .tv_sec = written_s } };
	char name[256];

	assert_int_equal(utimensat(AT_FDCWD, only_file(folder), times, AT_SYMLINK_NOFOLLOW), 0);
	store_sweep(&walked, written_s * 1000 + age_ms);
	return count_names(path_of(folder), name) == 0;
}

/* Somebody goes on with it at the last moment. */
static void
touch_it(void)
{
	assert_int_equal(utimensat(AT_FDCWD, only_file("tmp"), NULL, 0), 0);
}

static void
t8(void)
{
	t3();
	assert_false(sweeps("tmp", STORE_LEFT_MS));
	before_lock = touch_it;
	assert_false(sweeps("tmp", STORE_LEFT_MS + 1));
	before_lock = NULL;
	assert_true(sweeps("tmp", STORE_LEFT_MS + 1));
	/* What nobody can have put on its way is not ours to remove. */
	assert_int_equal(mkfifo(path_of("tmp/0000000000"), 0600), 0);
	assert_false(sweeps("tmp", STORE_LEFT_MS + 1));
	assert_int_equal(unlink(path_of("tmp/0000000000")), 0);
	assert_int_equal(mknod(path_of("tmp/README"), S_IFREG | 0600, 0), 0);
	assert_false(sweeps("tmp", STORE_LEFT_MS + 1));
	assert_int_equal(unlink(path_of("tmp/README")), 0);
}

static void
t9(void)
{
	t3();
	held_item.fd = open(only_file("tmp"), O_RDWR | O_CLOEXEC);
	assert_int_equal(file_lock(held_item.fd), 0);
	assert_false(sweeps("tmp", 3 * (int64_t)STORE_LEFT_MS));
}

static void
t10(void)
{
	t5();
	assert_false(sweeps("tmp", STORE_LEFT_MS + 1));
}

/* A breaker's file on its way, and killed behind that call. */
static void
fail_server(void *arg)
{
	struct breaker b;

	reset_calls();
	die_after = arg;
	breaker_init(&b);
	err_set(&err, ERR_CONNECT, "refused");
	breaker_fail(&walked, "server 0 host.example 465", &b, &err, 1600000000000, 60, 3600, 7);
	_exit(DEAD);
}

static void
b1(void)
{
	char call[] = "openat new";

	assert_int_equal(mkdir(path_of("run"), 0700), 0);
	assert_int_equal(mkdir(path_of(STORE_BREAKERS), 0700), 0);
	die_in_child(fail_server, call);
	assert_non_null(strstr(only_file(STORE_BREAKERS), "/new-"));
	assert_false(sweeps(STORE_BREAKERS, STORE_LEFT_MS));
}

static void
b2(void)
{
	b1();
	assert_true(sweeps(STORE_BREAKERS, STORE_LEFT_MS + 1));
}

static void
b3(void)
{
	die_in_child(fail_server, NULL);
	assert_non_null(strstr(only_file(STORE_BREAKERS), "/breaker-"));
	assert_false(sweeps(STORE_BREAKERS, STORE_LEFT_MS + 1));
}

static enum reservation_result
reserve(struct reservation *r, int64_t ms)
{
	return reservation_take(r, &walked, "abcd", "0123", "<1@example.org>", ms, &err);
}

/* 0: reserves; 1: also says that it is sending; 2: also what came of it. */
static void
call_with_key(unsigned steps)
{
	struct buf receipt = BUF_INIT(100);
	struct reservation r;

	assert_int_equal(reserve(&r, 1000), RESERVATION_FREE);
	if (steps > 0)
		assert_int_equal(reservation_sending(&r, 1000, &err), 0);
	if (steps > 1)
		assert_int_equal(reservation_done(&r, 0, &receipt, 1000, &err), 0);
	reservation_release(&r);
}

static void
check_key(enum reservation_result wanted)
{
	struct reservation r;

	assert_int_equal(reserve(&r, 2000), wanted);
	reservation_release(&r);
}

static void
die_reserving(void *arg)
{
	struct reservation r;

	reset_calls();
	die_after = arg;
	reserve(&r, 1000);
	_exit(1);
}

static void
k1(void)
{
	static char call[] = "mkdirat";

	die_in_child(die_reserving, call);
	assert_true(exists(STORE_KEYS));
	check_key(RESERVATION_FREE);
}

static void
k2(void)
{
	static char call[] = "pwritev";

	die_in_child(die_reserving, call);
	assert_true(exists(STORE_KEYS "/abcd"));
	check_key(RESERVATION_FREE);
}

static void
k3(void)
{
	call_with_key(0);
	check_key(RESERVATION_FREE);
}

static void
k4(void)
{
	call_with_key(1);
	check_key(RESERVATION_DOUBT);
}

static void
k5(void)
{
	call_with_key(2);
	check_key(RESERVATION_DONE);
}

static void
k6(void)
{
	struct reservation r;

	assert_int_equal(reserve(&r, 1000), RESERVATION_FREE);
	assert_int_equal(reservation_sending(&r, 1000, &err), 0);
	reservation_forget(&r);
	reservation_release(&r);
	assert_false(exists(STORE_KEYS "/abcd"));
	check_key(RESERVATION_FREE);
}

static void
d1(void)
{
	store_close(&walked);
	remove_all(queue);
	assert_int_equal(mkdir(queue, 0700), 0);
	open_store(&walked);
}

static void
a2(void)
{
	cut(size_before);
}
static void
a3(void)
{
	cut(record_at(1) - 1);
}
static void
a4(void)
{
	cut(record_at(3) - 1);
}
static void
a5(void)
{
	cut(record_at(2));
}
static void
a6(void)
{
	zero(record_at(2), record_at(3));
}
static void
a7(void)
{
	zero(record_at(0), record_at(1));
}
static void
a8(void)
{
	zero(size_before, size_of(walked_id));
}

static void
a9(void)
{
	uint64_t size = size_of(walked_id);

	cut(size_before);
	while (size_of(walked_id) < size)
		edit(size_of(walked_id), "From: somebody else\n", 20);
}

static void
fail_to_append(const char *call, int number)
{
	struct item item;

	assert_int_equal(store_take(&walked, walked_id, &item, &err), STORE_OK);
	reset_calls();
	fail_name = call;
	name_errno = number;
	assert_int_equal(append(&item, "a0 w1 A n"), -1);
	assert_string_equal(log_text[calls - 1], "ftruncate");
	reset_calls();
	item_release(&item);
}

static void
a11(void)
{
	fail_to_append("pwritev", ENOSPC);
}
static void
a13(void)
{
	fail_to_append("fdatasync", EIO);
}
static void
a15(void)
{
	zero(size_before - 60, size_before - 10);
}

static void
c1(void)
{
	struct item item;

	a4();
	assert_int_equal(store_take(&walked, walked_id, &item, &err), STORE_OK);
	item_release(&item);
}

static void
c2(void)
{
	c1();
	play("[ H");
}

static void
s2(void)
{
	assert_int_equal(store_take(&walked, walked_id, &held_item, &err), STORE_OK);
}

static void
s6(void)
{
	cut(record_at(3) - 1);
}

static void
remove_it(void)
{
	struct item item;

	assert_int_equal(store_take(&walked, walked_id, &item, &err), STORE_OK);
	assert_int_equal(store_remove(&walked, &item, &err), 0);
	item_release(&item);
}

static void
remove_and_sync(void)
{
	remove_it();
	assert_int_equal(store_sync(&walked, &err), 0);
}

/* The name's end did not come to the disk: the file is what it was. */
static void
remove_and_bring_back(void)
{
	char other[300];

	snprintf(other, sizeof(other), "%s/../kept", queue);
	assert_int_equal(link(path_of(walked_id), other), 0);
	assert_int_equal(unlink(path_of(walked_id)), 0);
	assert_int_equal(rename(other, path_of(walked_id)), 0);
}

static void
h2(void)
{
	cut(size_of(walked_id) - 3);
}

static void
x1(void)
{
	flip(20);
}
static void
x2(void)
{
	edit(8, "\3", 1);
}
static void
x3(void)
{
	flip(BLOCK_SIZE + 5000 + 20);
}
static void
x4(void)
{
	flip(BLOCK_SIZE + 4999);
}
static void
x5(void)
{
	cut(BLOCK_SIZE + 5000);
}
static void
x6(void)
{
	flip(size_before - 1);
}

/* Appends a batch around what was no record of ours. */
static void
append_raw(const struct buf *records)
{
	struct buf batch = BUF_INIT(10000);

	file_add_batch(&batch, 0, true, (struct span){ records->data, records->len });
	edit(size_of(walked_id), batch.data, batch.len);
	buf_release(&batch);
}

static void
x7(void)
{
	struct buf records = BUF_INIT(1000);
	uint32_t sum;

	script_write(&records, "H", 0);
	records.data[8] = 99;
	sum = checksum(0, records.data + 8, records.len - 8);
	for (int i = 0; i < 4; i++)
		records.data[4 + i] = (char)(sum >> 8 * i);
	append_raw(&records);
	buf_release(&records);
}

static void
x8(void)
{
	struct buf records = BUF_INIT(1000);

	script_write(&records, "a2", 0);
	append_raw(&records);
	buf_release(&records);
}

static void
x9(void)
{
	edit(0, "mbox", 4);
}

static void
x10(void)
{
	assert_int_equal(link(path_of(walked_id), path_of("0000000000")), 0);
}

static void
x11(void)
{
	assert_int_equal(rename(path_of(walked_id), path_of("../kept")), 0);
	assert_int_equal(symlink("../kept", path_of(walked_id)), 0);
}

static void
x12(void)
{
	assert_int_equal(unlink(path_of(walked_id)), 0);
	assert_int_equal(mkdir(path_of(walked_id), 0700), 0);
}

static void
x13(void)
{
	assert_int_equal(unlink(path_of(walked_id)), 0);
	assert_int_equal(mkfifo(path_of(walked_id), 0600), 0);
}

static void
x14(void)
{
	assert_int_equal(rename(path_of(walked_id), path_of("README")), 0);
}
static void
x15(void)
{
	assert_int_equal(chown(path_of(walked_id), 1234, 0), 0);
}

/* What builds each row: a script that is played on a queued message, and what happens then. */
static const struct row {
	const char *name;
	const char *script; /* NULL: nothing is queued yet */
	void (*then)(void);
	const char *says; /* what is said of the file; NULL: not looked at */
} rows[] = {
	{ "E1", NULL, e1, NULL },
	{ "E2", NULL, e2, NULL },
	{ "E3", NULL, e3, NULL },
	{ "E4", NULL, e4, NULL },
	{ "E5", NULL, e5, NULL },
	{ "E6", NULL, e6, NULL },
	{ "E7", NULL, e7, NULL },
	{ "E8", NULL, e8, NULL },
	{ "E9", NULL, e7, NULL },
	{ "E10", NULL, e10, NULL },
	{ "E11", NULL, e11, NULL },
	{ "E12", NULL, e12, NULL },
	{ "T1", NULL, t1, NULL },
	{ "T2", NULL, t2, NULL },
	{ "T3", NULL, t3, NULL },
	{ "T4", NULL, t4, NULL },
	{ "T5", NULL, t5, NULL },
	{ "T6", NULL, t6, NULL },
	{ "T7", NULL, t7, NULL },
	{ "T11", NULL, t11, "is too short for a queued message" },
	{ "T8", NULL, t8, NULL },
	{ "T9", NULL, t9, NULL },
	{ "T10", NULL, t10, NULL },
	{ "B1", NULL, b1, NULL },
	{ "B2", NULL, b2, NULL },
	{ "B3", NULL, b3, NULL },
	{ "K1", NULL, k1, NULL },
	{ "K2", NULL, k2, NULL },
	{ "K3", NULL, k3, NULL },
	{ "K4", NULL, k4, NULL },
	{ "K5", NULL, k5, NULL },
	{ "K6", NULL, k6, NULL },
	{ "D1", NULL, d1, NULL },
	{ "A1", "[ a0 w1 A n", NULL, NULL },
	{ "A2", "[ a0 w1 A n", a2, NULL },
	{ "A3", "[ a0 w1 A n", a3, NULL },
	{ "A4", "[ a0 w1 A n", a4, NULL },
	{ "A5", "[ a0 w1 A n", a5, NULL },
	{ "A6", "[ a0 w1 A n", a6, NULL },
	{ "A7", "[ a0 w1 A n", a7, NULL },
	{ "A8", "[ a0 w1 A n", a8, NULL },
	{ "A9", "[ a0 w1 A n", a9, NULL },
	{ "A10", "[ a0 w1 A n", NULL, NULL },
	{ "A11", "", a11, NULL },
	{ "A12", "[ a0 w1 A n", a4, NULL },
	{ "A13", "", a13, NULL },
	{ "A14", "[ a0 w1 A n", NULL, NULL },
	{ "A15", "[ a0 w1 A n [ H", a15,
	    "is damaged: a record in its tail is damaged, and others follow it" },
	{ "C1", "[ a0 w1 A n", c1, NULL },
	{ "C2", "[ a0 w1 A n", c2, NULL },
	{ "S1", "", NULL, NULL },
	{ "S2", "", s2, NULL },
	{ "S3", "[ S", NULL, NULL },
	{ "S4", "[ S", NULL, NULL },
	{ "S5", "[ S ( a0 w1 A n", NULL, NULL },
	{ "S6", "[ S ( a0 w1 A n", s6, NULL },
	{ "S7", "[ S ( d01 A n", NULL, NULL },
	{ "S8", "[ S [ w01 A n", NULL, NULL },
	{ "S9", "[ S", remove_it, NULL },
	{ "S10", "[ S", remove_and_bring_back, NULL },
	{ "S11", "[ S", remove_and_sync, NULL },
	{ "S12", "[ S ( a01 A", NULL, NULL },
	{ "S13", "[ S ( a0 S", NULL, NULL },
	{ "S14", "[ S ( a0 A", NULL, NULL },
	{ "S15", "[ w01 T", NULL, NULL },
	{ "N1", "[ S ( a0 r1 A", NULL, NULL },
	{ "N2", "[ S ( a0 r1 A ( Sf", NULL, NULL },
	{ "N3", "[ S ( a0 r1 A ( Sf ( Nf1 Af", NULL, NULL },
	{ "N4", "[ S ( a0 r1 A ( Sf", remove_and_bring_back, NULL },
	{ "H1", "[ H", NULL, NULL },
	{ "H2", "[ H", h2, NULL },
	{ "H3", "[ H [ U", NULL, NULL },
	{ "H4", "[ T", NULL, NULL },
	{ "H5", "[ T [ U", NULL, NULL },
	{ "F1", "[ F", NULL, NULL },
	{ "F2", "[ F [ R", NULL, NULL },
	{ "R1", "", remove_it, NULL },
	{ "R2", "", remove_and_bring_back, NULL },
	{ "R3", "", remove_and_sync, NULL },
	{ "R4", "", remove_and_sync, NULL },
	{ "X1", "", x1, "is damaged: the checksum of its block is wrong" },
	{ "X2", "", x2,
	    "was written by a later version of sendoff (format 3; this one reads up to 2): nothing is done with it" },
	{ "X3", "", x3, "is damaged: the checksum of its head is wrong" },
	{ "X4", "", x4, "is damaged: the checksum of its body is wrong" },
	{ "X5", "", x5, "is damaged: it is cut short" },
	{ "X6", "[ a0 w1 A n [ H", x6,
	    "is damaged: a record in its tail is damaged, and others follow it" },
	{ "X7", "", x7,
	    ": a later version of sendoff wrote a record in its tail that this one does not know" },
	{ "X8", "", x8,
	    "is damaged: a record in its tail tells of recipients that it does not have" },
	{ "X9", "", x9, "is no queued message" },
	{ "X10", "", x10, "has 2 names (hard links)" },
	{ "X11", "", x11, "is no regular file" },
	{ "X12", "", x12, "is no regular file" },
	{ "X13", "", x13, "is no regular file" },
	{ "X14", "", x14, "is no queued message: its name is none" },
	{ "X15", "", x15, "belongs to another user" },
};

static const char *
first_name(void)
{
	static char name[256];

	return count_names(queue, name) > 0 ? name : NULL;
}

/* What is said of what cannot be taken; it stays as it is. */
static void
check_damage(const struct row *row, const char *name, enum store_result result)
{
	struct buf before = BUF_INIT(100), after = BUF_INIT(100);
	struct stat st;
	struct item item;

	assert_int_equal(lstat(path_of(name), &st), 0);
	buf_addf(&before, "%lld", (long long)st.st_size);
	assert_int_equal(store_take(&walked, name, &item, &err), result);
	assert_int_equal(err.kind, result == STORE_LATER ? ERR_UNAVAILABLE : ERR_MESSAGE);
	assert_non_null(strstr(err.what.data, queue));
	assert_non_null(strstr(err.what.data, name));
	if (row->says != NULL && strstr(err.what.data, row->says) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", row->name, err.what.data, row->says);
	item_release(&item);
	/* Nor does a look hang, or say that all is well; but it does not read the body. */
	assert_int_equal(store_look(&walked, name, true, &item, &err),
	    strcmp(row->name, "X4") == 0 ? STORE_OK : result);
	item_release(&item);
	assert_int_equal(lstat(path_of(name), &st), 0);
	buf_addf(&after, "%lld", (long long)st.st_size);
	assert_string_equal(before.data, after.data);
	buf_release(&before);
	buf_release(&after);
}

/* What was mended can be worked with, and stays mended. */
static void
check_mended(const char *name, const struct buf *found)
{
	struct buf again = BUF_INIT(1000);
	char other[300];
	struct item item;

	assert_int_equal(store_look(&walked, name, true, &item, &err), STORE_OK);
	script_describe(&again, &item);
	assert_string_equal(again.data, found->data + strlen("ok: "));
	item_release(&item);
	snprintf(other, sizeof(other), "tmp/%s", name);
	assert_false(exists(other));
	assert_int_equal(store_take(&walked, name, &item, &err), STORE_OK);
	check_item(&item, 5000);
	assert_int_equal(append(&item, "F"), 0);
	item_release(&item);
	assert_int_equal(store_take(&walked, name, &item, &err), STORE_OK);
	assert_true(item.failed);
	item_release(&item);
	buf_release(&again);
}

static void
check_look(const char *name, const char *wanted)
{
	struct buf found = BUF_INIT(1000);
	struct stat before, after;
	struct item item;

	assert_int_equal(lstat(path_of(name), &before), 0);
	assert_int_equal(store_look(&walked, name, true, &item, &err), STORE_OK);
	script_describe(&found, &item);
	assert_string_equal(found.data, wanted);
	item_release(&item);
	assert_int_equal(lstat(path_of(name), &after), 0);
	assert_int_equal(before.st_nlink, after.st_nlink);
	assert_int_equal(before.st_size, after.st_size);
	buf_release(&found);
}

static void
walk(const struct row *row, const char *wanted)
{
	struct buf found = BUF_INIT(1000);
	const char *name;

	/* Opening a FIFO must not wait. */
	alarm(20);
	remove_all(queue);
	open_store(&walked);
	walked_id[0] = '\0';
	item_init(&held_item);
	if (row->script != NULL) {
		queue_one(&walked, walked_id);
		play(row->script);
	}
	if (row->then != NULL)
		row->then();
	reset_calls();
	name = first_name();
	/* Lists see what those who take it find, and mend nothing. */
	if (name != NULL && strncmp(wanted, "ok: ", 4) == 0)
		check_look(name, wanted + 4);
	if (name == NULL)
		buf_adds(&found, "none");
	else
		take_and_describe(&walked, name, &found);
	if (strcmp(found.data, wanted) != 0)
		fail_msg("%s: \"%s\", and %s says \"%s\" (%s)", row->name, found.data, states,
		    wanted, err.what.data);
	if (strcmp(wanted, "damaged") == 0)
		check_damage(row, name, STORE_DAMAGED);
	else if (strcmp(wanted, "later") == 0)
		check_damage(row, name, STORE_LATER);
	else if (strncmp(wanted, "ok: ", 4) == 0)
		check_mended(name, &found);
	item_release(&held_item);
	store_close(&walked);
	buf_release(&found);
}

static const struct row *
find_row(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* The row's `taken`, and that it has all that a row has. */
static void
read_row(FILE *file, char taken[static 200])
{
	static const char *const keys[] = { "\ton disk\t", "\ttaken\t", "\tmended\t",
		"\tmessage\t" };
	char line[300];
	size_t key = 0;

	while (key < COUNT(keys) && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "\t\t", 2) == 0)
			continue;
		if (strncmp(line, keys[key], strlen(keys[key])) != 0)
			fail_msg("\"%s\" is not the line that begins with \"%s\"", line, keys[key]);
		if (key++ == 1)
			snprintf(taken, 200, "%.*s", (int)strcspn(line + 7, "\n"), line + 7);
	}
	assert_int_equal(key, COUNT(keys));
}

static void
every_state_is_what_the_table_says(void **state)
{
	FILE *file = fopen(states, "re");
	char line[300], taken[200];
	size_t count = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		const struct row *row;
		size_t len = strcspn(line, "\t");

		if (len == 0 || strncmp(line + len, "\tafter\t", 7) != 0)
			continue;
		line[len] = '\0';
		row = find_row(line);
		if (row == NULL)
			fail_msg("nothing here builds %s", line);
		read_row(file, taken);
		count++;
		/* Only root can give files away. */
		if (strcmp(line, "X15") != 0 || geteuid() == 0)
			walk(row, taken);
	}
	fclose(file);
	/* Each once, and none here that is not there. */
	assert_int_equal(count, COUNT(rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_state_is_what_the_table_says, begin),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
