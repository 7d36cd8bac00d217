/* SPDX-License-Identifier: ISC */
/*
 * A queue in a folder of its own, and messages to put there.
 */
#ifndef SENDOFF_UNIT_QUEUED_H
#define SENDOFF_UNIT_QUEUED_H

#include <dirent.h>
#include <ftw.h>

#include "faults.h"
#include "format/address.h"
#include "script.h"
#include "store/store.h"
#include "with_err.h"

/*
 * In memory where there is such a place: what happens to a disk is made up, and its syncs would
 * take minutes.
 */
static const char *const places[] = { "/dev/shm", "/tmp" };
static char root[40], queue[64];
static const char *elsewhere;

/* Files. */

static inline int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline void
remove_all(const char *path)
{
	nftw(path, remove_one, 10, FTW_DEPTH | FTW_PHYS);
}

static inline const char *
path_of(const char *name)
{
	static char path[4][500];
	static unsigned next;

	snprintf(path[++next % 4], sizeof(path[0]), "%s/%s", queue, name);
	return path[next % 4];
}

static inline bool
exists(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

static inline uint64_t
size_of(const char *id)
{
	struct stat st;

	assert_int_equal(stat(path_of(id), &st), 0);
	return (uint64_t)st.st_size;
}

/* Names in the folder, but for run, keys and tmp. */
static inline size_t
count_names(const char *folder, char name[static 256])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	name[0] = '\0';
	if (dir == NULL)
		return 0;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, STORE_RUN) == 0 ||
		    strcmp(entry->d_name, STORE_KEYS) == 0 || strcmp(entry->d_name, STORE_TMP) == 0)
			continue;
		count++;
		snprintf(name, 256, "%s", entry->d_name);
	}
	closedir(dir);
	return count;
}

static inline size_t
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static inline void
open_store(struct store *store)
{
	if (store_open(store, queue, true, &err) != 0)
		fail_msg("%s", err.what.data);
}

/* Messages. */

static inline char
octet_at(uint64_t offset)
{
	return (char)(offset * 7 + offset / 256);
}

static inline void
make_envelope(struct envelope *e)
{
	struct address_list list = ADDRESS_LIST_INIT;

	envelope_init(e);
	e->notify_each = NOTIFY_FAILURE;
	assert_int_equal(address_parse(&list, span_of("a@example.net, b@example.net"), 0, &err), 0);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(envelope_add(e, &list.items[i], &err), 0);
	address_list_release(&list);
	e->sender = strdup("me@example.org");
	assert_non_null(e->sender);
}

/* Where the body goes, and how large it is. */
struct shape {
	const char *name;
	uint64_t size;
	enum { IN_STORE, ELSEWHERE, UNLINKABLE, OTHER_ROOM } place;
};

static const struct shape shapes[] = {
	{ "empty", 0, IN_STORE },
	{ "one", 1, IN_STORE },
	{ "small", 5000, IN_STORE },
	{ "memory, full", SPOOL_MEMORY_MAX, IN_STORE },
	{ "spooled", SPOOL_MEMORY_MAX + 1, IN_STORE },
	{ "spooled, large", 300000, IN_STORE },
	{ "spooled elsewhere", 300000, ELSEWHERE },
	{ "spooled, unlinkable", 300000, UNLINKABLE },
	{ "spooled, with other room", 300000, OTHER_ROOM },
};

static inline void
make_message(struct message *m, const struct store *store, const struct shape *shape)
{
	struct spool_place place = { .dir = elsewhere };
	char piece[1000];

	message_init(m);
	if (shape->place == IN_STORE)
		store_spool(store, &place);
	else if (shape->place != ELSEWHERE)
		place = (struct spool_place){
			.dir = store->path, .room = 17, .linkable = shape->place == OTHER_ROOM
		};
	spool_init(&m->body, &place);
	buf_adds(&m->header, "From: me@example.org\r\nSubject: x\r\n");
	m->body_nul = true;
	for (uint64_t at = 0; at < shape->size; at += sizeof(piece)) {
		uint64_t len = shape->size - at < sizeof(piece) ? shape->size - at : sizeof(piece);

		for (size_t i = 0; i < len; i++)
			piece[i] = octet_at(at + i);
		assert_int_equal(spool_write(&m->body, piece, (size_t)len, &err), 0);
	}
	assert_int_equal(spool_finish(&m->body, &err), 0);
}

static const struct store_facts facts = {
	.account = "work", .submitter = { 1000, SUBMITTED_COMMAND }, .now_ms = 1600000000123
};

/* With the faults that are set. */
static inline int
add_now(struct store *store, const struct shape *shape, bool linkable, struct item *item)
{
	struct envelope envelope;
	struct message message;
	size_t at = fail_at, dying = die_at;
	int rc;

	fail_at = die_at = 0;
	make_envelope(&envelope);
	make_message(&message, store, shape);
	message.body.place.linkable = message.body.place.linkable && linkable;
	calls = 0;
	fail_at = at;
	die_at = dying;
	rc = store_add(store, &envelope, &message, &facts, item, &err);
	envelope_release(&envelope);
	message_release(&message);
	return rc;
}

static inline int
add(struct store *store, const struct shape *shape, struct item *item)
{
	reset_calls();
	return add_now(store, shape, true, item);
}

/* Ways on which a message gets into the queue. */
enum way { WAY_UNNAMED, WAY_TMP };

/* The call with that number fails. */
static inline int
add_by(enum way way, struct store *store, const struct shape *shape, size_t failing, int number,
    struct item *item)
{
	reset_calls();
	fail_at = failing;
	fail_errno = number;
	if (way == WAY_TMP) {
		fail_name = "openat tmpfile";
		name_errno = EOPNOTSUPP;
	}
	return add_now(store, shape, way == WAY_UNNAMED, item);
}

/* A small message in the queue. */
static inline void
queue_one(struct store *store, char id[static QUEUE_ID_LEN + 1])
{
	struct item item;

	if (add(store, &shapes[2], &item) != 0)
		fail_msg("%s", err.what.data);
	memcpy(id, item.id, QUEUE_ID_LEN + 1);
	item_release(&item);
}

static inline void
check_body(const struct item *item, uint64_t size)
{
	char scratch[5000];
	const char *data;
	size_t got;

	assert_int_equal(item->message.body.size, size);
	for (uint64_t at = 0; at < size; at += got) {
		assert_int_equal(spool_read(&item->message.body, at, scratch, sizeof(scratch),
				     &data, &got, &err),
		    0);
		assert_true(got > 0);
		for (size_t i = 0; i < got; i++)
			assert_int_equal(data[i], octet_at(at + i));
	}
}

static inline void
check_item(const struct item *item, uint64_t size)
{
	assert_string_equal(item->account, "work");
	assert_int_equal(item->submitter.uid, 1000);
	assert_int_equal(item->queued_ms, 1600000000123);
	assert_string_equal(item->envelope.sender, "me@example.org");
	assert_int_equal(item->envelope.count, 2);
	assert_string_equal(item->envelope.recipients[1].address, "b@example.net");
	assert_int_equal(item->envelope.recipients[0].notify, NOTIFY_FAILURE);
	assert_null(item->envelope.envid);
	assert_true(item->message.body_nul);
	assert_string_equal(item->message.header.data, "From: me@example.org\r\nSubject: x\r\n");
	assert_int_equal(item->size, item->message.header.len + 2 + size);
	assert_true(item->fd >= 0);
	assert_int_equal(item->message.body.fd, item->fd);
	check_body(item, size);
}

/* "gone", "busy", "damaged", "failed", or "ok: " and the item in words. */
static inline void
take_and_describe(struct store *store, const char *id, struct buf *out)
{
	static const char *const results[] = { "ok: ", "gone", "busy", "later", "damaged",
		"failed" };
	struct item item;
	enum store_result result = store_take(store, id, &item, &err);

	buf_clear(out);
	buf_adds(out, results[result]);
	if (result == STORE_OK) {
		assert_true(item.locked && item.fd >= 0 && !item.torn && !item.broken);
		assert_int_equal(size_of(id), item.tail_at + item.tail.len);
		script_describe(out, &item);
	}
	item_release(&item);
}

static inline int
append(struct item *item, const char *script)
{
	struct buf records = BUF_INIT(SIZE_MAX);
	int rc;

	script_write(&records, script, 0);
	rc = store_append(item, &records, &err);
	buf_release(&records);
	return rc;
}

/* Set-up. */

static inline int
begin(void **state)
{
	(void)state;
	reset_calls();
	remove_all(queue);
	return 0;
}

static inline int
setup(void **state)
{
	setup_err(state);
	elsewhere = places[access(places[0], W_OK) == 0];
	snprintf(root, sizeof(root), "%s/test_queue-XXXXXX", places[access(places[0], W_OK) != 0]);
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(queue, sizeof(queue), "%s/queue", root);
	return 0;
}

static inline int
teardown(void **state)
{
	remove_all(root);
	return teardown_err(state);
}

#endif
