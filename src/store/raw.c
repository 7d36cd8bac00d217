/* SPDX-License-Identifier: ISC */
#include "store/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/file.h"

enum { CHUNK = 64 * 1024 }; /* octets of a body that are read at once */

static enum store_result
failed(const struct store *store, const char *id, const char *what, struct err *err)
{
	err_sys(err, file_kind(errno), "the file %s/%s cannot be %s", store->path, id, what);
	return STORE_FAILED;
}

static enum store_result
open_file(const struct store *store, const char *id, int *fd, uint64_t *size, struct err *err)
{
	struct stat st;

	*fd = openat(store->dir, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return STORE_GONE;
	if (*fd < 0 && errno != ELOOP && errno != ENXIO && errno != ENODEV)
		return failed(store, id, "opened", err);
	if (*fd >= 0 && fstat(*fd, &st) != 0)
		return failed(store, id, "looked at", err);
	if (*fd < 0 || !S_ISREG(st.st_mode)) {
		err_set(err, ERR_MESSAGE, "the file %s/%s is no regular file", store->path, id);
		return STORE_DAMAGED;
	}
	*size = (uint64_t)st.st_size;
	return STORE_OK;
}

/* Whether the octets have that checksum; what cannot be read has none. */
static bool
has_sum(int fd, uint64_t at, uint64_t len, uint32_t wanted)
{
	static char chunk[CHUNK];
	uint32_t sum = 0;

	while (len > 0) {
		size_t want = len < sizeof(chunk) ? (size_t)len : sizeof(chunk), got;

		if (file_read(fd, chunk, want, at, &got) != 0 || got < want)
			return false;
		sum = checksum(sum, chunk, got);
		at += got;
		len -= got;
	}
	return sum == wanted;
}

static int
read_block(int fd, struct raw_file *file)
{
	unsigned char octets[BLOCK_SIZE];
	uint64_t behind;
	size_t got;

	if (file_read(fd, octets, sizeof(octets), 0, &got) != 0)
		return -1;
	file->has_block = got == sizeof(octets);
	if (!file->has_block)
		return 0;
	file->result = block_read(octets, &file->block);
	file->records_at = BLOCK_SIZE;
	behind = file->size - BLOCK_SIZE;
	file->fits = file->result == BLOCK_OK && file->block.body_len <= behind &&
	    file->block.head_len <= behind - file->block.body_len;
	if (file->fits)
		file->records_at += file->block.body_len;
	return 0;
}

static enum store_result
read_file(int fd, struct raw_file *file)
{
	const struct block *block = &file->block;
	size_t want, got;
	void *room;

	if (read_block(fd, file) != 0)
		return STORE_FAILED;
	want = (size_t)(file->size - file->records_at);
	file->cut = want > file->records.max;
	if (file->cut)
		want = file->records.max;
	room = buf_reserve(&file->records, want);
	if (room == NULL || file_read(fd, room, want, file->records_at, &got) != 0)
		return STORE_FAILED;
	buf_commit(&file->records, got);
	if (file->fits) {
		file->body_ok = has_sum(fd, BLOCK_SIZE, block->body_len, block->body_sum);
		file->head_ok = got >= block->head_len &&
		    checksum(0, file->records.data, (size_t)block->head_len) == block->head_sum;
	}
	return STORE_OK;
}

enum store_result
raw_read(const struct store *store, const char *id, struct raw_file *file, struct err *err)
{
	enum store_result result;
	int fd;

	*file = (struct raw_file){ .records = BUF_INIT(STORE_HEAD_MAX + STORE_TAIL_MAX) };
	result = open_file(store, id, &fd, &file->size, err);
	if (result == STORE_OK) {
		result = read_file(fd, file);
		if (result == STORE_FAILED)
			failed(store, id, "read", err);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

void
raw_release(struct raw_file *file)
{
	buf_release(&file->records);
}

/* A record of a known type that fits, whether it is whole or not. */
static bool
may_be_record(struct span rest, struct record_frame *frame)
{
	return record_frame(rest, frame) && record_type_name(frame->type) != NULL;
}

bool
raw_next(struct span *rest, struct raw_piece *piece)
{
	struct record_frame *frame = &piece->frame, next;
	struct span behind;

	if (rest->len == 0)
		return false;
	*piece = (struct raw_piece){ .kind = RAW_OCTETS, .len = rest->len };
	if (record_frame(*rest, frame)) {
		behind = (struct span){ rest->data + frame->len, rest->len - frame->len };
		if (frame->whole)
			piece->kind = RAW_RECORD;
		else if (record_type_name(frame->type) != NULL &&
		    (behind.len == 0 || may_be_record(behind, &next)))
			piece->kind = RAW_DAMAGED;
	}
	if (piece->kind != RAW_OCTETS)
		piece->len = frame->len;
	for (size_t i = 1; piece->kind == RAW_OCTETS && i < piece->len; i++)
		if (may_be_record((struct span){ rest->data + i, rest->len - i }, &next) &&
		    next.whole)
			piece->len = i;
	rest->data += piece->len;
	rest->len -= piece->len;
	return true;
}
