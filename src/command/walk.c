/* SPDX-License-Identifier: ISC */
#include "command/walk.h"

#include <stdlib.h>
#include <string.h>

/*
 * Adds the next names to the group, up to its bound.  False where the folder ended or reading
 * failed (err tells).
 */
static bool
read_group(struct store_scan *scan, struct buf *group, struct err *err)
{
	const char *name;
	bool foreign;

	while (group->len < (size_t)WALK_SORTED_MAX * QUEUE_ID_LEN) {
		if (!store_scan_next(scan, &name, &foreign, err))
			return false;
		if (!foreign)
			buf_add(group, name, QUEUE_ID_LEN);
	}
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return memcmp(a, b, QUEUE_ID_LEN);
}

static bool
show_group(struct buf *group, walk_step *step, void *arg)
{
	char id[QUEUE_ID_LEN + 1] = "";

	if (group->len > 0)
		qsort(group->data, group->len / QUEUE_ID_LEN, QUEUE_ID_LEN, compare_names);
	for (size_t at = 0; at < group->len; at += QUEUE_ID_LEN) {
		memcpy(id, group->data + at, QUEUE_ID_LEN);
		if (!step(arg, id))
			return false;
	}
	return true;
}

int
walk_messages(struct store *store, walk_step *step, void *arg, struct err *err)
{
	struct buf group = BUF_INIT((size_t)WALK_SORTED_MAX * QUEUE_ID_LEN);
	struct store_scan scan;
	bool more = true;

	if (store_scan_begin(&scan, store, err) < 0)
		return -1;
	while (more && err->kind == ERR_NONE) {
		buf_clear(&group);
		more = read_group(&scan, &group, err);
		if (!buf_ok(&group))
			err_memory(err);
		if (err->kind == ERR_NONE)
			more = show_group(&group, step, arg) && more;
	}
	store_scan_end(&scan);
	buf_release(&group);
	return err->kind == ERR_NONE ? 0 : -1;
}

int
walk_foreign(struct store *store, walk_step *step, void *arg, struct err *err)
{
	struct store_scan scan;
	const char *name;
	bool foreign, more = true;

	if (store_scan_begin(&scan, store, err) < 0)
		return -1;
	while (more && store_scan_next(&scan, &name, &foreign, err))
		more = !foreign || step(arg, name);
	store_scan_end(&scan);
	return err->kind == ERR_NONE ? 0 : -1;
}
