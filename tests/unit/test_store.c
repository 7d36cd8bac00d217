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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queued.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Opening. */

static void
check_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void
folders_are_made(void **state)
{
	mode_t parents = geteuid() == 0 ? 0755 : 0700;
	mode_t before = umask(022);
	struct store store;
	char path[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/p/q//r/queue/", root);
	assert_int_equal(store_open(&store, path, false, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
	reset_calls();
	assert_int_equal(store_open(&store, path, true, &err), 0);
	/* Each is synced into the one above it. */
	assert_int_equal(count_calls("fsync"), 4);
	assert_string_equal(store.path, path);
	assert_int_equal(fcntl(store.dir, F_GETFD, NULL), FD_CLOEXEC);
	store_close(&store);
	assert_int_equal(store.dir, -1);
	check_mode(path, 0700);
	snprintf(path, sizeof(path), "%s/p/q/r", root);
	check_mode(path, parents);
	snprintf(path, sizeof(path), "%s/p", root);
	check_mode(path, parents);
	reset_calls();
	snprintf(path, sizeof(path), "%s/p/q/r/queue", root);
	assert_int_equal(store_open(&store, path, true, &err), 0);
	assert_int_equal(count_calls("fsync"), 0);
	store_close(&store);
	umask(before);
}

static void
check_refusal(const char *path, bool make, enum err_kind kind, const char *sentence)
{
	struct store store;

	assert_int_equal(store_open(&store, path, make, &err), -1);
	assert_int_equal(err.kind, kind);
	if (strstr(err.what.data, sentence) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.what.data, sentence);
	assert_non_null(strstr(err.what.data, path));
	assert_int_equal(store.dir, -1);
	store_close(&store);
}

static void
folders_that_will_not_do_are_refused(void **state)
{
	char path[200], below[220];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", root);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	check_refusal(path, true, ERR_CONFIG, "is no folder");
	snprintf(below, sizeof(below), "%s/queue", path);
	check_refusal(below, true, ERR_CONFIG, "is no folder");
	snprintf(path, sizeof(path), "%s/open", root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0770), 0);
	check_refusal(path, true, ERR_CONFIG, "others can write");
	assert_int_equal(chmod(path, 0702), 0);
	check_refusal(path, true, ERR_CONFIG, "others can write");
	assert_int_equal(chmod(path, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1234, 0), 0);
		check_refusal(path, true, ERR_PERMISSION,
		    "belongs to the user with the number 1234");
	}
	check_refusal("/proc/nothing/queue", true, ERR_CANT_CREATE, "cannot be made: No such file");
}

/* A symbolic link on the way to the queue. */
struct link_row {
	uid_t user;   /* who has the queue */
	uid_t folder; /* whose folder the link lies in */
	mode_t mode;  /* of that */
	uid_t link;   /* whose it is */
	bool refused;
};

enum { ROOT, USER = 12345, STRANGER = 23456 };

static const struct link_row link_rows[] = {
	{ ROOT, ROOT, 0755, ROOT, false },
	{ ROOT, ROOT, 01777, ROOT, false },
	/* He has it in name alone: nobody but root can change what lies there. */
	{ ROOT, ROOT, 0755, STRANGER, false },
	{ ROOT, ROOT, 01777, STRANGER, true },
	{ ROOT, ROOT, 0775, STRANGER, true },
	{ ROOT, STRANGER, 0755, STRANGER, true },
	{ ROOT, STRANGER, 0755, ROOT, false },
	{ USER, ROOT, 0755, ROOT, false },
	{ USER, ROOT, 0755, USER, false },
	{ USER, ROOT, 0755, STRANGER, false },
	{ USER, ROOT, 01777, ROOT, false },
	{ USER, ROOT, 01777, USER, false },
	{ USER, ROOT, 01777, STRANGER, true },
	{ USER, USER, 0755, ROOT, false },
	{ USER, USER, 0755, STRANGER, false },
	{ USER, USER, 0777, STRANGER, true },
	{ USER, STRANGER, 0755, STRANGER, true },
	{ USER, STRANGER, 0755, USER, false },
};

/* What the link says, and the way over it; %s: its folder, and what it leads to. */
static const struct {
	const char *link, *way;
} link_shapes[] = {
	{ "%s/there/queue", "%s/f/link" },
	{ "%s/there/queue", "%s//f/./link/" },
	{ "%s/there", "%s/f/link/queue" },
	{ "../there/queue", "%s/f/link" },
	{ "../f/../there//queue/", "%s/f/link" },
	{ "%s/there", "%s/f/link/one/two" },
	{ "%s/there/queue", "%s/first" },
	{ "%s/there/queue", "%s/f/../first" },
};

static void
try_link(const struct link_row *row, size_t shape, const char *place)
{
	char folder[150], link[170], first[170], target[150], way[150];
	struct store store;
	int rc;

	snprintf(folder, sizeof(folder), "%s/f", place);
	snprintf(link, sizeof(link), "%s/f/link", place);
	snprintf(first, sizeof(first), "%s/first", place);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(target, sizeof(target), link_shapes[shape].link, place);
	snprintf(way, sizeof(way), link_shapes[shape].way, place);
#pragma GCC diagnostic pop
	unlink(link);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(lchown(link, row->link, 0), 0);
	if (access(first, F_OK) != 0)
		assert_int_equal(symlink("f/link", first), 0);
	assert_int_equal(chown(folder, row->folder, 0), 0);
	assert_int_equal(chmod(folder, row->mode), 0);
	err_clear(&err);
	assert_int_equal(seteuid(row->user), 0);
	rc = store_open(&store, way, true, &err);
	store_close(&store);
	assert_int_equal(seteuid(0), 0);
	if (rc != (row->refused ? -1 : 0))
		fail_msg("row %zu, shape %zu: %d: %s", (size_t)(row - link_rows), shape, rc,
		    err.what.data);
	if (!row->refused)
		return;
	assert_int_equal(err.kind, ERR_PERMISSION);
	assert_non_null(strstr(err.what.data, way));
	assert_non_null(strstr(err.what.data, "/link, which the user with the number 23456"));
	assert_non_null(strstr(err_hint_text(&err), "chown -h"));
}

/* Nobody but root and the queue's user may be able to lead it elsewhere. */
static void
links_on_the_way_are_looked_at(void **state)
{
	char place[100], path[120], command[200];

	(void)state;
	if (geteuid() != 0) {
		print_message("not root: links of other users cannot be made\n");
		skip();
	}
	assert_int_equal(chmod(root, 0755), 0);
	for (size_t i = 0; i < COUNT(link_rows) * COUNT(link_shapes); i++) {
		const struct link_row *row = &link_rows[i / COUNT(link_shapes)];

		snprintf(place, sizeof(place), "%s/links", root);
		assert_int_equal(mkdir(place, 0755), 0);
		snprintf(path, sizeof(path), "%s/there", place);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(chown(path, row->user, 0), 0);
		snprintf(path, sizeof(path), "%s/there/queue", place);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(chown(path, row->user, 0), 0);
		snprintf(path, sizeof(path), "%s/f", place);
		assert_int_equal(mkdir(path, 0755), 0);
		try_link(row, i % COUNT(link_shapes), place);
		snprintf(command, sizeof(command), "rm -rf %s", place);
		assert_int_equal(system(command), 0);
	}
}

static void
links_that_lead_nowhere(void **state)
{
	char path[200], below[220];

	(void)state;
	snprintf(path, sizeof(path), "%s/loop", root);
	assert_int_equal(symlink("loop", path), 0);
	check_refusal(path, true, ERR_CANT_CREATE, "Too many levels of symbolic links");
	snprintf(below, sizeof(below), "%s/queue", path);
	check_refusal(below, true, ERR_CANT_CREATE, "Too many levels of symbolic links");
	snprintf(path, sizeof(path), "%s/nowhere", root);
	assert_int_equal(symlink("missing", path), 0);
	check_refusal(path, false, ERR_CANT_CREATE, "No such file");
	snprintf(below, sizeof(below), "%s/queue", path);
	check_refusal(below, false, ERR_CANT_CREATE, "No such file");
}

/* Adding and taking. */

static void
what_is_taken_is_what_was_added(void **state)
{
	struct store store;
	mode_t before;

	(void)state;
	open_store(&store);
	/* Some callers have strange ones. */
	before = umask(0777);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct item item;
		struct stat st;
		char id[QUEUE_ID_LEN + 1];

		if (add(&store, &shapes[i], &item) != 0)
			fail_msg("%s: %s", shapes[i].name, err.what.data);
		assert_true(item.locked);
		check_item(&item, shapes[i].size);
		memcpy(id, item.id, sizeof(id));
		item_release(&item);
		assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
		check_item(&item, shapes[i].size);
		assert_true(item.locked);
		assert_int_equal(fstat(item.fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_nlink, 1);
		assert_int_equal(store_remove(&store, &item, &err), 0);
		assert_int_equal(store_sync(&store, &err), 0);
		item_release(&item);
		assert_int_equal(store_take(&store, id, &item, &err), STORE_GONE);
		item_release(&item);
	}
	umask(before);
	store_close(&store);
}

static void
adding_costs_two_syncs(void **state)
{
	struct store store;

	(void)state;
	open_store(&store);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct item item;

		assert_int_equal(add(&store, &shapes[i], &item), 0);
		assert_int_equal(count_calls("fsync") + count_calls("fdatasync"), 2);
		assert_string_equal(log_text[calls - 1], "fsync");
		assert_string_equal(log_text[calls - 2], "linkat");
		assert_string_equal(log_text[calls - 3], "fsync");
		assert_string_equal(log_text[calls - 4], "lock");
		/*
		 * In memory: all at once.  Spooled here: what stands around it.  Elsewhere: a copy.
		 */
		if (shapes[i].size <= SPOOL_MEMORY_MAX)
			assert_int_equal(count_calls("pwritev"), 1);
		else if (shapes[i].place == IN_STORE)
			assert_int_equal(count_calls("pwritev"), 2);
		assert_int_equal(store_remove(&store, &item, &err), 0);
		item_release(&item);
	}
	store_close(&store);
}

/* Where its folder does not keep what the file says of itself: once more, behind the name. */
static void
some_file_systems_need_a_third(void **state)
{
	struct store store;
	char name[256];

	(void)state;
	open_store(&store);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		for (enum way way = WAY_UNNAMED; way <= WAY_TMP; way++) {
			struct item item;
			size_t syncs = way == WAY_TMP ? 4 : 3;

			reset_calls();
			forgets_files = true;
			if (way == WAY_TMP) {
				fail_name = "openat tmpfile";
				name_errno = EOPNOTSUPP;
			}
			assert_int_equal(add_now(&store, &shapes[i], way == WAY_UNNAMED, &item), 0);
			assert_int_equal(count_calls("fsync"), syncs);
			assert_string_equal(log_text[calls - syncs],
			    way == WAY_TMP ? "renameat2" : "linkat");
			assert_int_equal(last_synced, item.fd);
			assert_int_equal(store_remove(&store, &item, &err), 0);
			item_release(&item);
		}
	}
	reset_calls();
	forgets_files = true;
	fail_at = 7;
	fail_errno = EIO;
	{
		struct item item;

		assert_int_equal(add_now(&store, &shapes[2], true, &item), -1);
	}
	assert_int_equal(err.kind, ERR_TEMPORARY);
	assert_non_null(strstr(err.what.data, "cannot be made durable"));
	assert_string_equal(log_text[6], "fsync");
	assert_int_equal(count_names(queue, name), 0);
	reset_calls();
	store_close(&store);
}

/* The message goes on to be read, and can be queued once more, without a change to the first. */
static void
a_message_stays_its_caller_s(void **state)
{
	struct store store;
	struct envelope envelope;
	struct message message;
	struct item first, second, looked;

	(void)state;
	open_store(&store);
	make_envelope(&envelope);
	make_message(&message, &store, &shapes[5]);
	assert_int_equal(store_add(&store, &envelope, &message, &facts, &first, &err), 0);
	assert_int_equal(store_add(&store, &envelope, &message, &facts, &second, &err), 0);
	assert_string_not_equal(first.id, second.id);
	message_release(&message);
	check_item(&first, shapes[5].size);
	check_item(&second, shapes[5].size);
	assert_int_equal(append(&first, "H"), 0);
	assert_int_equal(store_look(&store, second.id, true, &looked, &err), STORE_OK);
	assert_false(looked.held);
	check_item(&looked, shapes[5].size);
	item_release(&looked);
	/* The lock is the item's: it does not live on in the message's descriptor. */
	make_message(&message, &store, &shapes[5]);
	item_release(&second);
	assert_int_equal(store_add(&store, &envelope, &message, &facts, &second, &err), 0);
	{
		char id[QUEUE_ID_LEN + 1];

		memcpy(id, second.id, sizeof(id));
		item_release(&second);
		assert_int_equal(store_take(&store, id, &second, &err), STORE_OK);
	}
	message_release(&message);
	item_release(&first);
	item_release(&second);
	envelope_release(&envelope);
	store_close(&store);
}

static void
a_first_tail_is_taken_along(void **state)
{
	struct buf records = BUF_INIT(10000), text = BUF_INIT(1000);
	struct store_facts with = facts;
	struct envelope envelope;
	struct message message;
	struct store store;
	struct item item;
	char id[QUEUE_ID_LEN + 1];

	(void)state;
	open_store(&store);
	make_envelope(&envelope);
	make_message(&message, &store, &shapes[2]);
	script_write(&records, "a0 S", 0);
	with.records = &records;
	assert_int_equal(store_add(&store, &envelope, &message, &with, &item, &err), 0);
	script_describe(&text, &item);
	assert_string_equal(text.data, "accepted waiting!");
	/* Who added it goes on with it: SENDING was not cut off. */
	assert_int_equal(append(&item, "w1 A n"), 0);
	memcpy(id, item.id, sizeof(id));
	item_release(&item);
	take_and_describe(&store, id, &text);
	assert_string_equal(text.data, "ok: accepted waiting, attempts 2");
	with.records = &(struct buf){ buf_empty, 0, 0, 10, true, false };
	assert_int_equal(store_add(&store, &envelope, &message, &with, &item, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	envelope_release(&envelope);
	message_release(&message);
	buf_release(&records);
	buf_release(&text);
	store_close(&store);
}

/* An id that is taken is passed over; not for ever. */
static void
taken_ids_are_passed_over(void **state)
{
	struct store store;
	struct item item;
	char name[256];

	(void)state;
	open_store(&store);
	assert_int_equal(add_by(WAY_UNNAMED, &store, &shapes[2], 5, EEXIST, &item), 0);
	assert_int_equal(count_calls("linkat"), 2);
	assert_true(exists(item.id));
	assert_int_equal(store_remove(&store, &item, &err), 0);
	item_release(&item);
	reset_calls();
	fail_name = "linkat";
	name_errno = EEXIST;
	assert_int_equal(add_now(&store, &shapes[2], true, &item), -1);
	assert_int_equal(count_calls("linkat"), 20);
	assert_int_equal(count_names(queue, name), 0);
	reset_calls();
	store_close(&store);
}

/* Locks. */

static void
one_works_on_a_message_at_a_time(void **state)
{
	struct store store;
	struct item item, other;
	char id[QUEUE_ID_LEN + 1];
	int status;
	pid_t pid;

	(void)state;
	open_store(&store);
	queue_one(&store, id);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	assert_int_equal(store_take(&store, id, &other, &err), STORE_BUSY);
	item_release(&other);
	assert_int_equal(store_look(&store, id, false, &other, &err), STORE_OK);
	assert_true(other.active);
	item_release(&other);
	/* A child that goes on with it has the lock, too. */
	pid = fork();
	if (pid == 0) {
		while (getppid() != 1 && access(path_of("stop"), F_OK) != 0)
			usleep(1000);
		_exit(0);
	}
	item_release(&item);
	assert_int_equal(store_take(&store, id, &other, &err), STORE_BUSY);
	item_release(&other);
	close(open(path_of("stop"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path_of("stop"));
	assert_int_equal(store_look(&store, id, false, &other, &err), STORE_OK);
	assert_false(other.active);
	item_release(&other);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	item_release(&item);
	store_close(&store);
}

static char racing_id[QUEUE_ID_LEN + 1], winning_id[QUEUE_ID_LEN + 1];

static void
remove_racing(void)
{
	before_lock = NULL;
	assert_int_equal(unlink(path_of(racing_id)), 0);
}

static void
replace_racing(void)
{
	before_lock = NULL;
	assert_int_equal(rename(path_of(winning_id), path_of(racing_id)), 0);
}

static void
lengthen_racing(void)
{
	struct store store;
	struct item item;

	before_lock = NULL;
	open_store(&store);
	assert_int_equal(store_take(&store, racing_id, &item, &err), STORE_OK);
	assert_int_equal(append(&item, "a01 A"), 0);
	item_release(&item);
	store_close(&store);
}

/*
 * What was removed or replaced between opening and locking is gone; what was appended then is read.
 */
static void
others_may_come_before_the_lock(void **state)
{
	struct buf text = BUF_INIT(1000);
	struct store store;

	(void)state;
	open_store(&store);
	queue_one(&store, racing_id);
	before_lock = remove_racing;
	take_and_describe(&store, racing_id, &text);
	assert_string_equal(text.data, "gone");
	queue_one(&store, racing_id);
	queue_one(&store, winning_id);
	before_lock = replace_racing;
	take_and_describe(&store, racing_id, &text);
	assert_string_equal(text.data, "gone");
	before_lock = lengthen_racing;
	take_and_describe(&store, racing_id, &text);
	assert_string_equal(text.data, "ok: accepted accepted, attempts 2");
	buf_release(&text);
	store_close(&store);
}

/* Looking. */

static void
looking_costs_one_read(void **state)
{
	struct store store;
	struct item item, looked;
	size_t fds;

	(void)state;
	open_store(&store);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		assert_int_equal(add(&store, &shapes[i], &item), 0);
		assert_int_equal(append(&item, "H"), 0);
		fds = count_fds();
		reset_calls();
		assert_int_equal(store_look(&store, item.id, false, &looked, &err), STORE_OK);
		assert_int_equal(calls, 1);
		assert_int_equal(count_fds(), fds);
		assert_true(looked.active && looked.held);
		assert_false(looked.locked);
		assert_int_equal(looked.fd, -1);
		assert_int_equal(looked.message.header.len, 0);
		assert_int_equal(looked.message.body.size, 0);
		assert_int_equal(looked.size, item.size);
		item_release(&looked);
		assert_int_equal(store_look(&store, item.id, true, &looked, &err), STORE_OK);
		check_item(&looked, shapes[i].size);
		assert_int_equal(append(&looked, "U"), -1);
		item_release(&looked);
		assert_int_equal(count_fds(), fds);
		item_release(&item);
	}
	store_close(&store);
}

/* Files of every size around what is read at first. */
static void
files_of_any_size_are_read(void **state)
{
	struct buf text = BUF_INIT(1000);
	struct store store;

	(void)state;
	open_store(&store);
	for (uint64_t size = 16 * 1024 - 500; size < 16 * 1024 + 20; size++) {
		const struct shape shape = { "", size, IN_STORE };
		char id[QUEUE_ID_LEN + 1];
		struct item item;

		assert_int_equal(add(&store, &shape, &item), 0);
		memcpy(id, item.id, sizeof(id));
		assert_int_equal(append(&item, "a0 H"), 0);
		item_release(&item);
		take_and_describe(&store, id, &text);
		assert_string_equal(text.data, "ok: accepted waiting, held");
		assert_int_equal(store_look(&store, id, true, &item, &err), STORE_OK);
		assert_int_equal(item_count(&item, ITEM_ACCEPTED), 1);
		item_release(&item);
		unlink(path_of(id));
	}
	buf_release(&text);
	store_close(&store);
}

/* Failures. */

struct failure {
	int number;
	enum err_kind kind;
	const char *sentence;
};

static const struct failure failures[] = {
	{ ENOSPC, ERR_TEMPORARY, "has no room: No space left on device" },
	{ EDQUOT, ERR_TEMPORARY, "has no room: Disk quota exceeded" },
	{ EIO, ERR_TEMPORARY, "Input/output error" },
	{ ENFILE, ERR_TEMPORARY, "Too many open files" },
	{ ENOLCK, ERR_TEMPORARY, "No locks available" },
	{ ESTALE, ERR_TEMPORARY, "Stale file handle" },
	{ EACCES, ERR_CANT_CREATE, "Permission denied" },
	{ EPERM, ERR_CANT_CREATE, "Operation not permitted" },
	{ EROFS, ERR_CANT_CREATE, "Read-only file system" },
	{ EFBIG, ERR_CANT_CREATE, "File too large" },
	{ EXDEV, ERR_SYSTEM, "Invalid cross-device link" },
};

/* Lets the call with that number fail; false where there was none. */
static bool
fail_once(enum way way, struct store *store, const struct shape *shape, size_t failing,
    const struct failure *failure)
{
	size_t fds = count_fds(), made;
	struct item item;
	char name[256];
	int rc = add_by(way, store, shape, failing, failure->number, &item);

	made = calls;
	reset_calls();
	assert_int_equal(count_names(queue, name), rc == 0 ? 1 : 0);
	if (rc == 0) {
		check_item(&item, shape->size);
		unlink(path_of(item.id));
	} else {
		/* Locks have a sentence of their own. */
		assert_true(err.kind == failure->kind ||
		    strstr(err.what.data, "cannot be locked") != NULL);
		assert_non_null(strstr(err.what.data, queue));
		if (strstr(err.what.data,
			strrchr(failure->sentence, ':') != NULL ? strrchr(failure->sentence, ':') :
								  failure->sentence) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", err.what.data, failure->sentence);
	}
	item_release(&item);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_names(path_of("tmp"), name), 0);
	return failing <= made;
}

static void
nothing_stays_behind(void **state)
{
	static const size_t tried[] = { 2, 5, 7 };
	struct store store;

	(void)state;
	open_store(&store);
	for (size_t s = 0; s < COUNT(tried); s++)
		for (size_t f = 0; f < (s == 0 ? COUNT(failures) : 3); f++)
			for (int way = WAY_UNNAMED; way <= WAY_TMP; way++) {
				size_t failing = 1;

				while (fail_once((enum way)way, &store, &shapes[tried[s]], failing,
				    &failures[f]))
					failing++;
				assert_true(failing > 6);
			}
	store_close(&store);
}

static void
locks_that_do_not_work_are_told(void **state)
{
	static const int numbers[] = { ENOLCK, EINVAL, EOPNOTSUPP, EAGAIN };
	struct store store;

	(void)state;
	open_store(&store);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct item item;
		char id[QUEUE_ID_LEN + 1];

		assert_int_equal(add_by(WAY_UNNAMED, &store, &shapes[2], 3, numbers[i], &item), -1);
		assert_int_equal(err.kind, ERR_TEMPORARY);
		assert_non_null(strstr(err.what.data, "lies where files cannot be locked"));
		queue_one(&store, id);
		reset_calls();
		name_errno = numbers[i];
		fail_name = "lock";
		assert_int_equal(store_take(&store, id, &item, &err),
		    numbers[i] == EAGAIN ? STORE_BUSY : STORE_FAILED);
		reset_calls();
		item_release(&item);
	}
	store_close(&store);
}

/* Adds with calls of that name failing, and sees that it is as good. */
static void
check_other_way(const char *name, int number, const struct shape *shape, const char *naming)
{
	struct store store;
	struct item item;
	char id[QUEUE_ID_LEN + 1], left[256];

	open_store(&store);
	reset_calls();
	fail_name = name;
	name_errno = number;
	assert_int_equal(add_now(&store, shape, strcmp(name, "linkat") == 0, &item), 0);
	assert_int_equal(count_calls(naming), 1);
	reset_calls();
	check_item(&item, shape->size);
	memcpy(id, item.id, sizeof(id));
	assert_int_equal(append(&item, "H"), 0);
	item_release(&item);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	check_item(&item, shape->size);
	assert_int_equal(store_remove(&store, &item, &err), 0);
	item_release(&item);
	check_mode(path_of("tmp"), 0700);
	assert_int_equal(count_names(path_of("tmp"), left), 0);
	store_close(&store);
}

/* Through tmp/, where there is no O_TMPFILE; or nothing to link by. */
static void
other_file_systems_have_another_way(void **state)
{
	static const int unknown[] = { EOPNOTSUPP, EISDIR, ENOENT, EINVAL };

	(void)state;
	for (size_t s = 0; s < COUNT(shapes); s++) {
		check_other_way("openat tmpfile", unknown[s % COUNT(unknown)], &shapes[s],
		    "renameat2");
		check_other_way("linkat", ENOENT, &shapes[s], "renameat2");
	}
}

/* Where renameat2() is not known, either. */
static void
old_file_systems_have_a_third_way(void **state)
{
	struct store store;
	struct item item;
	char left[256];

	(void)state;
	open_store(&store);
	for (size_t s = 0; s < COUNT(shapes); s++) {
		size_t renaming;

		assert_int_equal(add_by(WAY_TMP, &store, &shapes[s], 0, 0, &item), 0);
		for (renaming = 0; strcmp(log_text[renaming], "renameat2") != 0; renaming++)
			continue;
		assert_int_equal(store_remove(&store, &item, &err), 0);
		item_release(&item);
		assert_int_equal(add_by(WAY_TMP, &store, &shapes[s], renaming + 1, EINVAL, &item),
		    0);
		assert_int_equal(count_calls("linkat"), 1);
		assert_int_equal(count_calls("unlinkat"), 1);
		reset_calls();
		check_item(&item, shapes[s].size);
		assert_int_equal(store_remove(&store, &item, &err), 0);
		item_release(&item);
		assert_int_equal(count_names(path_of("tmp"), left), 0);
	}
	store_close(&store);
}

static void
interrupted_and_short_calls_go_on(void **state)
{
	static const size_t tried[] = { 2, 5, 6 };
	struct store store;

	(void)state;
	open_store(&store);
	for (size_t s = 0; s < COUNT(tried); s++)
		for (size_t piece = 1000; piece < 1003; piece++) {
			struct envelope envelope;
			struct message message;
			struct item item;
			char id[QUEUE_ID_LEN + 1];

			make_envelope(&envelope);
			make_message(&message, &store, &shapes[tried[s]]);
			reset_calls();
			interrupts = 3;
			piece_max = piece;
			assert_int_equal(store_add(&store, &envelope, &message, &facts, &item,
					     &err),
			    0);
			memcpy(id, item.id, sizeof(id));
			envelope_release(&envelope);
			message_release(&message);
			interrupts = 3;
			piece_max = 5;
			assert_int_equal(append(&item, "a0 w1 A n"), 0);
			reset_calls();
			item_release(&item);
			assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
			check_item(&item, shapes[tried[s]].size);
			assert_int_equal(item_count(&item, ITEM_ACCEPTED), 1);
			assert_int_equal(store_remove(&store, &item, &err), 0);
			item_release(&item);
		}
	store_close(&store);
}

/* A failed append is none, now and later. */
static void
a_failed_append_breaks_the_item(void **state)
{
	static const char *const names[] = { "pwritev", "fdatasync" };
	struct buf text = BUF_INIT(1000);
	struct store store;
	char id[QUEUE_ID_LEN + 1];

	(void)state;
	open_store(&store);
	queue_one(&store, id);
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t f = 0; f < COUNT(failures); f++) {
			uint64_t size = size_of(id);
			struct item item;

			assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
			reset_calls();
			fail_name = names[i];
			name_errno = failures[f].number;
			assert_int_equal(append(&item, "H"), -1);
			assert_int_equal(err.kind, failures[f].kind);
			assert_non_null(strstr(err.what.data, failures[f].sentence));
			assert_non_null(strstr(err.what.data, queue));
			assert_true(item.broken);
			reset_calls();
			assert_int_equal(size_of(id), size);
			/* It could be written now; but nothing is built upon what failed. */
			assert_int_equal(append(&item, "U"), -1);
			assert_int_equal(calls, 0);
			assert_int_equal(size_of(id), size);
			item_release(&item);
			take_and_describe(&store, id, &text);
			assert_string_equal(text.data, "ok: waiting waiting");
		}
	buf_release(&text);
	store_close(&store);
}

static void
nothing_is_appended_that_makes_no_sense(void **state)
{
	static const char *const scripts[] = { "a5", "a0 w0" };
	struct buf bad = BUF_INIT(1), none = BUF_INIT(1), garbage = BUF_INIT(10);
	struct store store;
	struct item item;
	char id[QUEUE_ID_LEN + 1];

	(void)state;
	open_store(&store);
	queue_one(&store, id);
	buf_adds(&bad, "too long");
	buf_adds(&garbage, "garbage");
	for (size_t i = 0; i < COUNT(scripts) + 2; i++) {
		uint64_t size = size_of(id);

		assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
		assert_int_equal(store_append(&item, &none, &err), 0);
		reset_calls();
		assert_int_equal(i < COUNT(scripts) ?
			append(&item, scripts[i]) :
			store_append(&item, i == COUNT(scripts) ? &bad : &garbage, &err),
		    -1);
		assert_int_equal(calls, 0);
		assert_true(item.broken);
		assert_int_equal(size_of(id), size);
		item_release(&item);
	}
	buf_release(&bad);
	buf_release(&garbage);
	store_close(&store);
}

/* A tail of STORE_TAIL_MAX octets, and not one more. */
static void
a_tail_has_a_bound(void **state)
{
	struct store store;
	struct item item;
	struct buf records = BUF_INIT(SIZE_MAX);
	char id[QUEUE_ID_LEN + 1], *text = calloc(1, RECORD_MAX);
	size_t left;

	(void)state;
	assert_non_null(text);
	open_store(&store);
	queue_one(&store, id);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	for (left = STORE_TAIL_MAX; left > 0; left = STORE_TAIL_MAX - item.tail.len) {
		size_t len = left < 3000000 ? left : 2000000;
		/*
		 * A batch (the first is `taken`, the others tell where they are), and a record
		 * around the text.
		 */
		size_t around = (item.tail.len == 0 ? 9 + 13 + 6 : 9 + 13 + 13) + 9 + 5;
		struct record record = { .type = RECORD_FAILED, .text = { text, len - around } };

		buf_clear(&records);
		record_write(&records, &record);
		assert_int_equal(store_append(&item, &records, &err), 0);
	}
	assert_int_equal(item.tail.len, STORE_TAIL_MAX);
	item_release(&item);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	assert_int_equal(append(&item, "U"), -1);
	assert_int_equal(err.kind, ERR_CANT_CREATE);
	assert_non_null(strstr(err.what.data, "too many records"));
	item_release(&item);
	/* One more octet in the file: no tail of ours. */
	assert_int_equal(truncate(path_of(id), (off_t)size_of(id) + 1), 0);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_DAMAGED);
	item_release(&item);
	buf_release(&records);
	free(text);
	store_close(&store);
}

/* Removing and scanning. */

static void
removing_can_fail(void **state)
{
	struct store store;
	struct item item;
	char id[QUEUE_ID_LEN + 1];

	(void)state;
	open_store(&store);
	queue_one(&store, id);
	assert_int_equal(store_take(&store, id, &item, &err), STORE_OK);
	reset_calls();
	fail_name = "unlinkat";
	name_errno = EROFS;
	assert_int_equal(store_remove(&store, &item, &err), -1);
	assert_int_equal(err.kind, ERR_CANT_CREATE);
	assert_non_null(strstr(err.what.data, id));
	name_errno = ENOENT;
	assert_int_equal(store_remove(&store, &item, &err), 0);
	reset_calls();
	fail_name = "fsync";
	name_errno = EIO;
	assert_int_equal(store_sync(&store, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	reset_calls();
	item_release(&item);
	store_close(&store);
}

static void
scanning_tells_ours_from_foreign(void **state)
{
	static const char *const foreign[] = { "README", "0123456789.tmp", ".hidden", "a123456789",
		"ABCDEFGHJK" };
	struct store store;
	struct store_scan scan;
	const char *name;
	bool is_foreign;
	size_t ours = 0, others = 0;
	char id[QUEUE_ID_LEN + 1];

	(void)state;
	open_store(&store);
	assert_false(store_has_any(&store));
	for (size_t i = 0; i < COUNT(foreign); i++)
		if (i == 4)
			assert_int_equal(mkdir(path_of(foreign[i]), 0700), 0);
		else
			close(open(path_of(foreign[i]), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(mkdir(path_of("run"), 0700), 0);
	assert_int_equal(mkdir(path_of("tmp"), 0700), 0);
	assert_int_equal(mkdir(path_of("keys"), 0700), 0);
	close(open(path_of(".nfs000000000000f00d"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_false(store_has_any(&store));
	for (int i = 0; i < 3; i++)
		queue_one(&store, id);
	assert_true(store_has_any(&store));
	err_clear(&err);
	assert_int_equal(store_scan_begin(&scan, &store, &err), 0);
	while (store_scan_next(&scan, &name, &is_foreign, &err)) {
		ours += !is_foreign;
		others += is_foreign;
		assert_int_equal(queue_id_is(name) && strcmp(name, "ABCDEFGHJK") != 0, !is_foreign);
	}
	assert_int_equal(err.kind, ERR_NONE);
	store_scan_end(&scan);
	assert_int_equal(ours, 3);
	assert_int_equal(others, COUNT(foreign));
	/* A second scan begins anew. */
	assert_int_equal(store_scan_begin(&scan, &store, &err), 0);
	assert_true(store_scan_next(&scan, &name, &is_foreign, &err));
	store_scan_end(&scan);
	store_close(&store);
}

/* Killed before each call in turn. */

struct killing {
	struct store *store;
	const struct shape *shape;
	const char *script;
	char id[QUEUE_ID_LEN + 1];
	size_t at;
};

static void
add_and_die(void *arg)
{
	struct killing *k = arg;
	struct item item;

	reset_calls();
	die_at = k->at;
	_exit(add_now(k->store, k->shape, true, &item) == 0 ? DEAD : 2);
}

static void
adding_is_all_or_nothing(void **state)
{
	struct store store;

	(void)state;
	open_store(&store);
	for (size_t s = 0; s < COUNT(shapes); s++) {
		struct killing k = { .store = &store, .shape = &shapes[s] };
		bool queued = false;

		for (k.at = 1; k.at < 18; k.at++) {
			struct item item;
			char name[256];
			size_t names;

			die_in_child(add_and_die, &k);
			names = count_names(queue, name);
			assert_true(names <= 1);
			/* Once its name is there, all of it is. */
			assert_true(names == 1 || !queued);
			queued = names == 1;
			if (!queued)
				continue;
			assert_int_equal(store_take(&store, name, &item, &err), STORE_OK);
			check_item(&item, shapes[s].size);
			assert_int_equal(store_remove(&store, &item, &err), 0);
			item_release(&item);
		}
		assert_true(queued);
	}
	store_close(&store);
}

static void
append_and_die(void *arg)
{
	struct killing *k = arg;
	struct item item;

	reset_calls();
	die_at = k->at;
	if (store_take(k->store, k->id, &item, &err) != STORE_OK)
		_exit(2);
	_exit(append(&item, k->script) == 0 ? DEAD : 3);
}

static void
appending_is_all_or_nothing(void **state)
{
	struct buf text = BUF_INIT(1000);
	struct killing k = { .script = "a0 w1 A n" };
	struct store store;
	bool appended = false;

	(void)state;
	open_store(&store);
	k.store = &store;
	queue_one(&store, k.id);
	for (k.at = 1; k.at < 10; k.at++) {
		bool was = appended;

		die_in_child(append_and_die, &k);
		take_and_describe(&store, k.id, &text);
		appended = strcmp(text.data, "ok: accepted waiting, attempts 3") == 0;
		assert_true(appended || (!was && strcmp(text.data, "ok: waiting waiting") == 0));
	}
	assert_true(appended);
	buf_release(&text);
	store_close(&store);
}

/* An ordinary user, in a process that is not dumpable. */

static void
work_as_user(void *arg)
{
	struct store store;
	struct item item;
	char id[QUEUE_ID_LEN + 1];

	(void)arg;
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		_exit(3);
	prctl(PR_SET_DUMPABLE, 0);
	if (store_open(&store, queue, true, &err) != 0)
		_exit(4);
	for (size_t s = 0; s < COUNT(shapes); s++) {
		if (add(&store, &shapes[s], &item) != 0)
			_exit(5);
		if (access(path_of("tmp"), F_OK) == 0)
			_exit(6);
		memcpy(id, item.id, sizeof(id));
		item_release(&item);
		if (store_take(&store, id, &item, &err) != STORE_OK)
			_exit(7);
		item_release(&item);
	}
	_exit(DEAD);
}

static void
ordinary_users_need_no_other_way(void **state)
{
	(void)state;
	remove_all(queue);
	assert_int_equal(chmod(root, 0777), 0);
	die_in_child(work_as_user, NULL);
	assert_int_equal(chmod(root, 0700), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(folders_are_made),
		TEST(folders_that_will_not_do_are_refused),
		TEST(what_is_taken_is_what_was_added),
		TEST(links_on_the_way_are_looked_at),
		TEST(links_that_lead_nowhere),
		TEST(adding_costs_two_syncs),
		TEST(some_file_systems_need_a_third),
		TEST(a_message_stays_its_caller_s),
		TEST(a_first_tail_is_taken_along),
		TEST(taken_ids_are_passed_over),
		TEST(one_works_on_a_message_at_a_time),
		TEST(others_may_come_before_the_lock),
		TEST(looking_costs_one_read),
		TEST(files_of_any_size_are_read),
		TEST(nothing_stays_behind),
		TEST(locks_that_do_not_work_are_told),
		TEST(other_file_systems_have_another_way),
		TEST(old_file_systems_have_a_third_way),
		TEST(interrupted_and_short_calls_go_on),
		TEST(a_failed_append_breaks_the_item),
		TEST(nothing_is_appended_that_makes_no_sense),
		TEST(a_tail_has_a_bound),
		TEST(removing_can_fail),
		TEST(scanning_tells_ours_from_foreign),
		TEST(adding_is_all_or_nothing),
		TEST(appending_is_all_or_nothing),
		TEST(ordinary_users_need_no_other_way),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
