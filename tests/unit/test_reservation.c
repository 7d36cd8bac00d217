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

#include "faults.h"
#include "net/digest.h"
#include "store/reservation.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int64_t now_ms = 1795348830000;
static const char content[] = "0123", other[] = "4567", message[] = "<1@example.org>";

static char folder[] = "/tmp/test_key.XXXXXX";
static struct store store = STORE_INIT;
static struct err err;

static const char *
path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/queue/" STORE_KEYS "/%s", folder, name);
	return path;
}

static enum reservation_result
take_at(struct reservation *r, const char *name, const char *digest, int64_t ms)
{
	err_clear(&err);
	return reservation_take(r, &store, name, digest, message, ms, &err);
}

static enum reservation_result
take(struct reservation *r, const char *name, const char *digest)
{
	return take_at(r, name, digest, now_ms);
}

/* Takes the key, and lets go of it. */
static enum reservation_result
look(const char *name, const char *digest, int64_t ms)
{
	struct reservation r;
	enum reservation_result result = take_at(&r, name, digest, ms);

	reservation_release(&r);
	return result;
}

static void
done(const char *name, const char *text)
{
	struct buf receipt = BUF_INIT(1000);
	struct reservation r;

	buf_adds(&receipt, text);
	assert_int_equal(take(&r, name, content), RESERVATION_FREE);
	assert_int_equal(reservation_sending(&r, now_ms, &err), 0);
	assert_int_equal(reservation_done(&r, 67, &receipt, now_ms, &err), 0);
	reservation_release(&r);
	buf_release(&receipt);
}

static void
what_was_done_is_told(void **state)
{
	static const char *const texts[] = { "", "a: b\n", "done 1 0 0 0\n\n", "\n\n\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct reservation r;

		done("told", texts[i]);
		assert_int_equal(take_at(&r, "told", content, now_ms + 1000), RESERVATION_DONE);
		assert_int_equal(r.status, 67);
		assert_int_equal(r.begun_ms, now_ms);
		assert_string_equal(r.receipt.data, texts[i]);
		assert_string_equal(r.message_id.data, message);
		reservation_forget(&r);
		reservation_release(&r);
	}
}

static void
reserved_alone_is_free(void **state)
{
	struct reservation r;

	(void)state;
	assert_int_equal(take(&r, "alone", content), RESERVATION_FREE);
	assert_int_equal(look("alone", content, now_ms), RESERVATION_BUSY);
	assert_int_equal(look("alone", other, now_ms), RESERVATION_BUSY);
	reservation_release(&r);
	assert_int_equal(look("alone", other, now_ms), RESERVATION_FREE);
	assert_int_equal(take(&r, "alone", content), RESERVATION_FREE);
	reservation_forget(&r);
	reservation_release(&r);
	assert_int_equal(access(path_of("alone"), F_OK), -1);
}

static void
sending_is_doubt(void **state)
{
	struct reservation r;

	(void)state;
	assert_int_equal(take(&r, "doubt", content), RESERVATION_FREE);
	assert_int_equal(reservation_sending(&r, now_ms, &err), 0);
	assert_int_equal(reservation_sending(&r, now_ms, &err), 0);
	reservation_release(&r);
	assert_int_equal(take_at(&r, "doubt", content, now_ms + RESERVATION_LIFE_MS),
	    RESERVATION_DOUBT);
	assert_string_equal(r.message_id.data, message);
	reservation_release(&r);
	assert_int_equal(look("doubt", other, now_ms), RESERVATION_OTHER);
	assert_int_equal(look("doubt", content, now_ms + RESERVATION_LIFE_MS + 1),
	    RESERVATION_FREE);
}

static void
life_ends(void **state)
{
	(void)state;
	done("life", "x");
	assert_int_equal(look("life", content, now_ms + RESERVATION_LIFE_MS), RESERVATION_DONE);
	assert_int_equal(look("life", other, now_ms + RESERVATION_LIFE_MS), RESERVATION_OTHER);
	assert_int_equal(look("life", other, now_ms + RESERVATION_LIFE_MS + 1), RESERVATION_FREE);
	/* The clock was set back: it is no reason to send twice. */
	done("life", "x");
	assert_int_equal(look("life", content, now_ms - 1000), RESERVATION_DONE);
}

/*
 * What is left of "reserved", "sending" and "done" where the file ends early, or an octet is
 * another.
 */
static void
every_cut_and_every_flip(void **state)
{
	struct buf whole = BUF_INIT(10000);
	size_t reserved, sending;
	int fd;

	(void)state;
	done("torn", "result: sent\n");
	fd = open(path_of("torn"), O_RDWR | O_CLOEXEC);
	buf_commit(&whole, (size_t)pread(fd, buf_reserve(&whole, 5000), 5000, 0));
	reserved = (size_t)((char *)memmem(whole.data, whole.len, "sending", 7) - whole.data);
	sending = (size_t)((char *)memmem(whole.data, whole.len, "done", 4) - whole.data);
	for (size_t at = 0; at < 2 * whole.len; at++) {
		size_t place = at % whole.len;
		bool flips = at >= whole.len;
		char octet = (char)(whole.data[place] ^ 1);
		enum reservation_result result,
		    wanted = place < reserved || place < sending ? RESERVATION_FREE :
								   RESERVATION_DOUBT;

		assert_int_equal(pwrite(fd, whole.data, whole.len, 0), whole.len);
		if (flips)
			assert_int_equal(pwrite(fd, &octet, 1, (off_t)place), 1);
		else
			assert_int_equal(ftruncate(fd, (off_t)place), 0);
		result = look("torn", content, now_ms);
		if (result != wanted)
			fail_msg("%s %zu: %d", flips ? "flip" : "cut", place, result);
	}
	close(fd);
	buf_release(&whole);
}

static void
strange_files(void **state)
{
	struct reservation r;

	(void)state;
	assert_int_equal(look("first", content, now_ms), RESERVATION_FREE);
	assert_int_equal(symlink("/etc/hostname", path_of("link")), 0);
	assert_int_equal(take(&r, "link", content), RESERVATION_FAILED);
	reservation_release(&r);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(take(&r, "fifo", content), RESERVATION_FAILED);
	assert_non_null(strstr(err.what.data, "is no key of this user"));
	reservation_release(&r);
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	assert_int_equal(take(&r, "folder", content), RESERVATION_FAILED);
	reservation_release(&r);
	assert_int_equal(truncate(path_of("first"), 1LL << 40), 0);
	assert_int_equal(take(&r, "first", content), RESERVATION_FAILED);
	assert_non_null(strstr(err.what.data, "is too large for a key"));
	reservation_release(&r);
}

static void
set_time(const char *name, int64_t ms)
{
	const struct timespec times[2] = { { .tv_sec = ms / 1000 }, { .tv_sec = ms / 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void
remove_all_keys(void)
{
	char command[250];

	snprintf(command, sizeof(command), "rm -rf %s", path_of(""));
	assert_int_equal(system(command), 0);
}

/* However many there are that are not old; but they are looked at once an hour only. */
static void
old_ones_are_removed(void **state)
{
	enum { LIVE = 1000, OLD = 300 };
	const int64_t hour_ms = 3600 * 1000, then_ms = now_ms + RESERVATION_LIFE_MS;
	struct reservation used;
	char name[20];

	(void)state;
	remove_all_keys();
	assert_int_equal(take(&used, "used", content), RESERVATION_FREE);
	set_time("used", now_ms);
	for (unsigned i = 0; i < LIVE + OLD; i++) {
		snprintf(name, sizeof(name), "%s%u", i < OLD ? "old" : "live", i);
		close(open(path_of(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		set_time(name, i < OLD ? now_ms : then_ms);
	}
	assert_int_equal(look("new", content, then_ms), RESERVATION_FREE);
	assert_int_equal(access(path_of("old0"), F_OK), 0);
	assert_int_equal(look("newer", content, then_ms + hour_ms - 1000), RESERVATION_FREE);
	assert_int_equal(access(path_of("old0"), F_OK), 0);
	assert_int_equal(look("newest", content, then_ms + hour_ms), RESERVATION_FREE);
	for (unsigned i = 0; i < LIVE + OLD; i++) {
		snprintf(name, sizeof(name), "%s%u", i < OLD ? "old" : "live", i);
		assert_int_equal(access(path_of(name), F_OK), i < OLD ? -1 : 0);
	}
	assert_int_equal(access(path_of("used"), F_OK), 0);
	/* So does a run, which looks at them each time. */
	store_sweep(&store, then_ms + RESERVATION_LIFE_MS);
	assert_int_equal(access(path_of("live1000"), F_OK), 0);
	store_sweep(&store, then_ms + RESERVATION_LIFE_MS + 1000);
	assert_int_equal(access(path_of("live1000"), F_OK), -1);
	assert_int_equal(access(path_of("used"), F_OK), 0);
	reservation_release(&used);
}

/* The clock was set back: nobody waits until it is as late again. */
static void
sweeping_goes_on_after_a_wrong_clock(void **state)
{
	(void)state;
	remove_all_keys();
	assert_int_equal(look("new", content, now_ms), RESERVATION_FREE);
	done("old", "x");
	set_time("old", now_ms - RESERVATION_LIFE_MS - 1000);
	set_time(".swept", now_ms + 10 * RESERVATION_LIFE_MS);
	assert_int_equal(look("newer", content, now_ms), RESERVATION_FREE);
	assert_int_equal(access(path_of("old"), F_OK), -1);
}

/* The folder is durable before anything in it is relied upon. */
static void
the_folder_is_durable(void **state)
{
	struct reservation r;

	(void)state;
	remove_all_keys();
	reset_calls();
	assert_int_equal(look("first", content, now_ms), RESERVATION_FREE);
	assert_int_equal(count_calls("fsync"), 3);
	assert_string_equal(log_text[0], "mkdirat");
	assert_string_equal(log_text[2], "fsync");
	assert_string_equal(log_text[3], "openat new");
	reset_calls();
	assert_int_equal(look("second", content, now_ms), RESERVATION_FREE);
	assert_int_equal(count_calls("fsync"), 2);
	remove_all_keys();
	for (size_t at = 1; at <= 5; at++) {
		reset_calls();
		fail_at = at;
		fail_errno = EIO;
		if (take(&r, "third", content) != RESERVATION_FAILED)
			fail_msg("call %zu (%s) failed", at, log_text[at - 1]);
		assert_int_equal(err.kind, ERR_TEMPORARY);
		reservation_release(&r);
	}
	/* Nobody takes it for durable who finds it. */
	reset_calls();
	assert_int_equal(look("third", content, now_ms), RESERVATION_FREE);
	assert_int_equal(count_calls("fsync"), 3);
}

static const int64_t later_ms = 1795348830000 + RESERVATION_LIFE_MS + 1;

/* Between looking at a key and locking it: the first lock is that of the key that is taken. */
static void
use_old_one(void)
{
	static unsigned locks;
	struct reservation r;

	if (++locks < 2)
		return;
	before_lock = NULL;
	assert_int_equal(take_at(&r, "old", other, later_ms), RESERVATION_FREE);
	assert_int_equal(reservation_done(&r, 0, &r.receipt, later_ms, &err), 0);
	reservation_release(&r);
	set_time("old", later_ms);
}

static void
old_ones_are_used_anew(void **state)
{
	(void)state;
	/* No other one is old. */
	remove_all_keys();
	done("old", "x");
	set_time("old", now_ms);
	before_lock = use_old_one;
	assert_int_equal(look("newest", content, later_ms), RESERVATION_FREE);
	assert_null(before_lock);
	assert_int_equal(look("old", other, later_ms), RESERVATION_DONE);
}

static void
digests(void **state)
{
	/* FIPS 180-4 */
	static const char
	    abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	char hex[DIGEST_HEX_LEN + 1];
	struct digest digest;

	(void)state;
	assert_int_equal(digest_begin(&digest, &err), 0);
	digest_add(&digest, "a", 1);
	digest_add(&digest, "", 0);
	digest_add(&digest, "bc", 2);
	assert_int_equal(digest_end(&digest, hex, &err), 0);
	assert_string_equal(hex, abc);
	assert_int_equal(digest_begin(&digest, &err), 0);
	assert_int_equal(digest_end(&digest, NULL, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_done_is_told),
		cmocka_unit_test(reserved_alone_is_free),
		cmocka_unit_test(sending_is_doubt),
		cmocka_unit_test(life_ends),
		cmocka_unit_test(every_cut_and_every_flip),
		cmocka_unit_test(strange_files),
		cmocka_unit_test(old_ones_are_removed),
		cmocka_unit_test(sweeping_goes_on_after_a_wrong_clock),
		cmocka_unit_test(the_folder_is_durable),
		cmocka_unit_test(old_ones_are_used_anew),
		cmocka_unit_test(digests),
	};
	char command[100], path[100];
	int failed;

	err_init(&err);
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue", folder);
	if (store_open(&store, path, true, &err) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_close(&store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		failed++;
	err_release(&err);
	return failed;
}
