/* SPDX-License-Identifier: ISC */
#include "command/unusable.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "command/walk.h"

struct showing {
	struct store *store;
	void (*show)(void *arg, const struct unusable_file *file);
	void *arg;
};

void
unusable_init(struct unusable *u)
{
	buf_init(&u->ids, (size_t)UNUSABLE_KEPT_MAX * QUEUE_ID_LEN);
	u->more = 0;
}

void
unusable_release(struct unusable *u)
{
	buf_release(&u->ids);
}

void
unusable_add(struct unusable *u, const char *id)
{
	buf_add(&u->ids, id, QUEUE_ID_LEN);
	if (!buf_ok(&u->ids))
		u->more++;
}

static const char *
kind_of_file(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "foreign: its name is none that a message has";
	case S_IFLNK:
		return "foreign: a symbolic link";
	case S_IFDIR:
		return "foreign: a folder";
	case S_IFIFO:
		return "foreign: a pipe";
	case S_IFSOCK:
		return "foreign: a socket";
	default:
		return "foreign: a device";
	}
}

/*
 * What the folder knows of the file has to do.  It is not opened: that alone can block, or do
 * things to a device.
 */
static void
show_file(const struct showing *showing, const char *name, const char *why, bool later)
{
	struct unusable_file file = { .name = name, .why = why, .later = later };
	struct stat status;

	if (fstatat(showing->store->dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		file.size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
		file.changed_ms = (int64_t)status.st_mtim.tv_sec * 1000;
		if (why == NULL)
			file.why = kind_of_file(status.st_mode);
	} else if (why == NULL) {
		return;
	}
	showing->show(showing->arg, &file);
}

static bool
show_foreign(void *arg, const char *name)
{
	show_file(arg, name, NULL, false);
	return true;
}

/* Looks at the message once more: why it is damaged was not kept. */
static void
show_message(const struct showing *showing, const char *id)
{
	enum store_result result;
	struct item item;
	struct err err;

	err_init(&err);
	result = store_look(showing->store, id, false, &item, &err);
	if (result == STORE_DAMAGED || result == STORE_FAILED || result == STORE_LATER)
		show_file(showing, id, err.what.data, result == STORE_LATER);
	item_release(&item);
	err_release(&err);
}

int
unusable_show(const struct unusable *u, struct store *store,
    void (*show)(void *arg, const struct unusable_file *file), void *arg, struct err *err)
{
	struct showing showing = { store, show, arg };
	char id[QUEUE_ID_LEN + 1] = "";

	for (size_t at = 0; at < u->ids.len; at += QUEUE_ID_LEN) {
		memcpy(id, u->ids.data + at, QUEUE_ID_LEN);
		show_message(&showing, id);
	}
	return walk_foreign(store, show_foreign, &showing, err);
}
