/* SPDX-License-Identifier: ISC */
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/span.h"
#include "base/text.h"
#include "store/file.h"

enum { LINKS_MAX = 40 }; /* on one way, as the kernel has it */

/* Makes the folder and those above it; each is synced into the one above. */
static int
make_folder(const char *path, mode_t mode)
{
	struct span parent = { path, strlen(path) };
	char *above;
	int rc = mkdir(path, mode);

	if (rc != 0 && errno == EEXIST)
		return 0;
	while (parent.len > 1 && parent.data[parent.len - 1] == '/')
		parent.len--;
	while (parent.len > 0 && parent.data[parent.len - 1] != '/')
		parent.len--;
	while (parent.len > 1 && parent.data[parent.len - 1] == '/')
		parent.len--;
	above = span_dup(parent.len > 0 ? parent : span_of("."));
	if (above == NULL)
		return -1;
	if (rc != 0 && errno == ENOENT && parent.len > 1 &&
	    make_folder(above, geteuid() == 0 ? 0755 : 0700) == 0)
		rc = mkdir(path, mode);
	if (rc != 0 && errno == EEXIST)
		rc = 0;
	else if (rc == 0)
		rc = file_sync_folder(above);
	free(above);
	return rc;
}

static bool
is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* The link: who can change it, or put another in its place? */
static int
check_link(const char *queue, const char *link, uid_t owner, const char *folder, struct err *err)
{
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 2);
	struct stat st;

	if (is_trusted(owner) ||
	    (stat(folder, &st) == 0 && is_trusted(st.st_uid) &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0))
		return 0;
	text_printable(&shown, span_of(link), false);
	err_set(err, ERR_PERMISSION,
	    "the queue %s lies behind the link %s, which the user with the number %u can change",
	    queue, shown.data, (unsigned)owner);
	err_hint(err,
	    "have the link belong to you or to root (chown -h), or name in queue_dir the "
	    "folder that it leads to");
	buf_release(&shown);
	return -1;
}

/*
 * Puts what the link says before the rest of the way.  at: its folder, with a "/" at the end, and
 * its name from name_at on, which goes away; all of it where the link begins at the root.
 */
static int
follow(struct buf *at, size_t name_at, struct buf *rest)
{
	char *target = malloc(PATH_MAX);
	ssize_t len = target != NULL ? readlink(at->data, target, PATH_MAX) : -1;

	if (len > 0) {
		buf_splice(rest, 0, 0, "/", 1);
		buf_splice(rest, 0, 0, target, (size_t)len);
		buf_truncate(at, target[0] == '/' ? 0 : name_at);
	}
	free(target);
	return len > 0 && buf_ok(rest) ? 0 : -1;
}

/*
 * Looks at each link on the way.  What cannot be looked at is for open(2) to tell.  The folders on
 * the way are not asked whose they are: who owns one can put a link there, but that is his then.
 */
static int
check_links(const char *path, struct err *err)
{
	struct buf at = BUF_INIT(2 * PATH_MAX), rest = BUF_INIT(2 * PATH_MAX);
	unsigned links = 0;
	int rc = 0;

	buf_adds(&rest, path);
	while (rc == 0 && rest.len > 0 && links < LINKS_MAX) {
		size_t len = strcspn(rest.data, "/"), name_at = at.len;
		struct stat st;
		char *folder;

		buf_add(&at, rest.data, len > 0 ? len : 1);
		if (len > 0 && (!buf_ok(&at) || lstat(at.data, &st) != 0))
			break;
		buf_consume(&rest, len > 0 ? len : 1);
		if (len == 0 || !S_ISLNK(st.st_mode))
			continue;
		folder = span_dup(name_at > 0 ? (struct span){ at.data, name_at } : span_of("."));
		rc = folder != NULL ? check_link(path, at.data, st.st_uid, folder, err) :
				      err_memory(err);
		free(folder);
		if (rc == 0 && follow(&at, name_at, &rest) != 0)
			break;
		links++;
	}
	buf_release(&at);
	buf_release(&rest);
	return rc;
}

static int
check_folder(const char *path, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return file_fail(path, "be looked at", err);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_PERMISSION,
		    "the queue %s belongs to the user with the number %u, and this is %u", path,
		    (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, ERR_CONFIG, "others can write to the queue %s", path);
	return 0;
}

static int
fail_to_open(const char *path, struct err *err)
{
	if (errno == ENOTDIR)
		return err_sys(err, ERR_CONFIG, "the queue %s is no folder", path);
	if (errno == EACCES)
		return err_sys(err, ERR_PERMISSION, "the queue %s cannot be opened", path);
	return file_fail(path, "be opened", err);
}

int
folder_open(const char *path, bool make, struct err *err)
{
	int fd;

	if (check_links(path, err) != 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		if (make_folder(path, 0700) != 0)
			return file_fail(path, "be made", err);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_to_open(path, err);
	if (check_folder(path, fd, err) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * ext2, ext3 and ext4 are one in statfs(2).  A journal that is in use has a folder in
 * /proc/fs/jbd2, named by its device and by the number of its inode, which is always the same.
 */
static bool
has_journal(int folder)
{
	enum { JOURNAL_INODE = 8 };
	char device[64], path[PATH_MAX], target[PATH_MAX];
	const char *name;
	struct stat st;
	ssize_t len;

	if (fstat(folder, &st) != 0)
		return false;
	snprintf(device, sizeof(device), "/sys/dev/block/%u:%u", major(st.st_dev),
	    minor(st.st_dev));
	len = readlink(device, target, sizeof(target) - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	name = strrchr(target, '/');
	snprintf(path, sizeof(path), "/proc/fs/jbd2/%.250s-%d", name != NULL ? name + 1 : target,
	    JOURNAL_INODE);
	return access(path, F_OK) == 0;
}

/*
 * What is not known well is asked to sync once more, which costs a file that has not changed a
 * flush of the disk's cache.  With btrfs it would cost a third of the whole.
 */
bool
folder_forgets_files(int folder)
{
	struct statfs fs;

	if (fstatfs(folder, &fs) != 0)
		return true;
	switch (fs.f_type) {
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return false;
	case EXT4_SUPER_MAGIC:
		return !has_journal(folder);
	default:
		return true;
	}
}
