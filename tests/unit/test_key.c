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
#include "store/key.h"

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

static enum key_result
take_at(struct key *key, const char *name, const char *digest, int64_t ms)
{
	err_clear(&err);
	return key_take(key, &store, name, digest, message, ms, &err);
}

static enum key_result
take(struct key *key, const char *name, const char *digest)
{
	return take_at(key, name, digest, now_ms);
}

/* Takes the key, and lets go of it. */
static enum key_result
look(const char *name, const char *digest, int64_t ms)
{
	struct key key;
	enum key_result result = take_at(&key, name, digest, ms);

	key_release(&key);
	return result;
}

static void
done(const char *name, const char *text)
{
	struct buf receipt = BUF_INIT(1000);
	struct key key;

	buf_adds(&receipt, text);
	assert_int_equal(take(&key, name, content), KEY_FREE);
	assert_int_equal(key_sending(&key, now_ms, &err), 0);
	assert_int_equal(key_done(&key, 67, &receipt, now_ms, &err), 0);
	key_release(&key);
	buf_release(&receipt);
}

static void
what_was_done_is_told(void **state)
{
	static const char *const texts[] = { "", "a: b\n", "done 1 0 0 0\n\n", "\n\n\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct key key;

		done("told", texts[i]);
		assert_int_equal(take_at(&key, "told", content, now_ms + 1000), KEY_DONE);
		assert_int_equal(key.status, 67);
		assert_int_equal(key.begun_ms, now_ms);
		assert_string_equal(key.receipt.data, texts[i]);
		assert_string_equal(key.message_id.data, message);
		key_forget(&key);
		key_release(&key);
	}
}

static void
reserved_alone_is_free(void **state)
{
	struct key key;

	(void)state;
	assert_int_equal(take(&key, "alone", content), KEY_FREE);
	assert_int_equal(look("alone", content, now_ms), KEY_BUSY);
	assert_int_equal(look("alone", other, now_ms), KEY_BUSY);
	key_release(&key);
	assert_int_equal(look("alone", other, now_ms), KEY_FREE);
	assert_int_equal(take(&key, "alone", content), KEY_FREE);
	key_forget(&key);
	key_release(&key);
	assert_int_equal(access(path_of("alone"), F_OK), -1);
}

static void
sending_is_doubt(void **state)
{
	struct key key;

	(void)state;
	assert_int_equal(take(&key, "doubt", content), KEY_FREE);
	assert_int_equal(key_sending(&key, now_ms, &err), 0);
	assert_int_equal(key_sending(&key, now_ms, &err), 0);
	key_release(&key);
	assert_int_equal(take_at(&key, "doubt", content, now_ms + KEY_LIFE_MS), KEY_DOUBT);
	assert_string_equal(key.message_id.data, message);
	key_release(&key);
	assert_int_equal(look("doubt", other, now_ms), KEY_OTHER);
	assert_int_equal(look("doubt", content, now_ms + KEY_LIFE_MS + 1), KEY_FREE);
}

static void
life_ends(void **state)
{
	(void)state;
	done("life", "x");
	assert_int_equal(look("life", content, now_ms + KEY_LIFE_MS), KEY_DONE);
	assert_int_equal(look("life", other, now_ms + KEY_LIFE_MS), KEY_OTHER);
	assert_int_equal(look("life", other, now_ms + KEY_LIFE_MS + 1), KEY_FREE);
	/* The clock was set back: it is no reason to send twice. */
	done("life", "x");
	assert_int_equal(look("life", content, now_ms - 1000), KEY_DONE);
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
		enum key_result result,
		    wanted = place < reserved || place < sending ? KEY_FREE : KEY_DOUBT;

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
	struct key key;

	(void)state;
	assert_int_equal(look("first", content, now_ms), KEY_FREE);
	assert_int_equal(symlink("/etc/hostname", path_of("link")), 0);
	assert_int_equal(take(&key, "link", content), KEY_FAILED);
	key_release(&key);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(take(&key, "fifo", content), KEY_FAILED);
	assert_non_null(strstr(err.what.data, "is no key of this user"));
	key_release(&key);
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	assert_int_equal(take(&key, "folder", content), KEY_FAILED);
	key_release(&key);
	assert_int_equal(truncate(path_of("first"), 1LL << 40), 0);
	assert_int_equal(take(&key, "first", content), KEY_FAILED);
	assert_non_null(strstr(err.what.data, "is too large for a key"));
	key_release(&key);
}

static void
old_ones_are_removed(void **state)
{
	const struct timespec times[2] = { { .tv_sec = now_ms / 1000 },
		{ .tv_sec = now_ms / 1000 } };
	struct key used;

	(void)state;
	done("old", "x");
	assert_int_equal(take(&used, "used", content), KEY_FREE);
	assert_int_equal(utimensat(AT_FDCWD, path_of("old"), times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, path_of("used"), times, 0), 0);
	assert_int_equal(look("new", content, now_ms + KEY_LIFE_MS), KEY_FREE);
	assert_int_equal(access(path_of("old"), F_OK), 0);
	assert_int_equal(look("newer", content, now_ms + KEY_LIFE_MS + 1), KEY_FREE);
	assert_int_equal(access(path_of("old"), F_OK), -1);
	assert_int_equal(access(path_of("used"), F_OK), 0);
	key_release(&used);
}

static const int64_t later_ms = 1795348830000 + KEY_LIFE_MS + 1;

static void
set_time(const char *name, int64_t ms)
{
	const struct timespec times[2] = { { .tv_sec = ms / 1000 }, { .tv_sec = ms / 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

/* Between looking at a key and locking it: the first lock is that of the key that is taken. */
static void
use_old_one(void)
{
	static unsigned locks;
	struct key key;

	if (++locks < 2)
		return;
	before_lock = NULL;
	assert_int_equal(take_at(&key, "old", other, later_ms), KEY_FREE);
	assert_int_equal(key_done(&key, 0, &key.receipt, later_ms, &err), 0);
	key_release(&key);
	set_time("old", later_ms);
}

static void
old_ones_are_used_anew(void **state)
{
	char command[250];

	(void)state;
	/* No other one is old. */
	snprintf(command, sizeof(command), "rm -rf %s", path_of("*"));
	assert_int_equal(system(command), 0);
	done("old", "x");
	set_time("old", now_ms);
	before_lock = use_old_one;
	assert_int_equal(look("newest", content, later_ms), KEY_FREE);
	assert_null(before_lock);
	assert_int_equal(look("old", other, later_ms), KEY_DONE);
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
