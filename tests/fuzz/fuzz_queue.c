/* SPDX-License-Identifier: ISC */
/*
 * Any octets as the file of a queued message.  The first octet chooses: 0: they are the file; else
 * they are body, head and tail, whose lengths stand before them (two octets each for body and
 * head), and block and checksums are put right, for no fuzzer finds one: then the records are what
 * is tried.  With 2, batches are where they say, too.
 *
 * What can be read is the same whether it is read from memory or from the store, is written again
 * as it was read, and can be appended to.  Whatever it is, it can be shown piece by
 * piece.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "fuzz.h"
#include "store/raw.h"
#include "store/store.h"

enum { INPUT_MAX = 60000 };

static const char id[] = "0123456789";

static struct store store = STORE_INIT;
static char folder[40];

static void
remove_folder(void)
{
	unlinkat(store.dir, id, 0);
	rmdir(folder);
}

static void
open_store(struct err *err)
{
	if (store.dir >= 0)
		return;
	strcpy(folder,
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz_queue-XXXXXX" :
					    "/tmp/fuzz_queue-XXXXXX");
	check(mkdtemp(folder) != NULL && store_open(&store, folder, false, err) == 0);
	check(atexit(remove_folder) == 0);
}

/* Checksums. */

static uint32_t
get32(const char *from)
{
	const unsigned char *p = (const unsigned char *)from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
put(char *to, uint64_t value, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		to[i] = (char)(value >> 8 * i);
}

/*
 * A record's length ends where the octets do, its checksum is right; what is too short for a record
 * stays.
 */
static void
mend_records(char *records, size_t len, bool batches)
{
	size_t at = 0;

	while (len - at >= 9) {
		uint32_t payload = get32(records + at), room = (uint32_t)(len - at - 9);

		if (payload > room)
			payload = room;
		put(records + at, payload, 4);
		if (batches && records[at + 8] == RECORD_BATCH && payload >= 13 &&
		    records[at + 9] == 13) {
			put(records + at + 10, 8, 4);
			put(records + at + 14, at, 8);
		}
		put(records + at + 4, checksum(0, records + at + 8, payload + 1), 4);
		at += 9 + payload;
	}
}

static void
mend(struct buf *file, const char *input, size_t size, bool batches)
{
	unsigned char octets[BLOCK_SIZE];
	struct block block = { .version = FORMAT_VERSION };
	char *data;

	if (size < 4)
		return;
	block.body_len = get32(input) & 0xffff;
	block.head_len = get32(input) >> 16;
	input += 4;
	size -= 4;
	if (block.body_len > size)
		block.body_len = size;
	if (block.head_len > size - block.body_len)
		block.head_len = size - block.body_len;
	buf_add(file, octets, BLOCK_SIZE);
	buf_add(file, input, size);
	data = file->data + BLOCK_SIZE;
	mend_records(data + block.body_len, (size_t)block.head_len, false);
	mend_records(data + block.body_len + block.head_len,
	    (size_t)(size - block.body_len - block.head_len), batches);
	block.body_sum = checksum(0, data, (size_t)block.body_len);
	block.head_sum = checksum(0, data + block.body_len, (size_t)block.head_len);
	block_write(octets, &block);
	memcpy(file->data, octets, BLOCK_SIZE);
}

/* Items. */

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static void
check_text(const char *text)
{
	check(text == NULL || !span_has_control(span_of(text)));
}

static void
check_item(const struct item *item)
{
	const struct envelope *e = &item->envelope;
	size_t all = 0;

	check(e->count > 0 && e->sender != NULL && item->account != NULL);
	check_text(e->sender);
	check_text(e->envid);
	check_text(item->account);
	for (int state = ITEM_WAITING; state <= ITEM_SETTLED; state++)
		all += item_count(item, (enum item_state)state);
	check(all == e->count);
	for (size_t i = 0; i < e->count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		check_text(e->recipients[i].address);
		check_text(e->recipients[i].original);
		check_text(e->recipients[i].orcpt_type);
		check_text(e->recipients[i].orcpt);
		check((e->recipients[i].orcpt == NULL) == (e->recipients[i].orcpt_type == NULL));
		check(!e->recipients[i].expanded || e->recipients[i].orcpt != NULL);
		check(e->recipients[i].address[0] != '\0');
		check(r->state != ITEM_ACCEPTED || (r->err.kind == ERR_NONE && !r->err.in_doubt));
		check(r->state != ITEM_WAITING || !r->err.in_doubt || item->in_doubt);
		check(!r->sending || item->active);
		check(memchr(r->err.what.data, 0x1b, r->err.what.len) == NULL);
		check(memchr(r->err.reply.data, 0x1b, r->err.reply.len) == NULL);
	}
	check(!span_has_control((struct span){ item->note.data, item->note.len }));
}

static void
check_same(const struct item *a, const struct item *b)
{
	check(a->envelope.count == b->envelope.count && a->size == b->size &&
	    a->queued_ms == b->queued_ms);
	check(same_text(a->envelope.sender, b->envelope.sender) &&
	    same_text(a->envelope.envid, b->envelope.envid));
	check(same_text(a->account, b->account) && a->submitter.uid == b->submitter.uid &&
	    a->submitter.by == b->submitter.by);
	check(a->held == b->held && a->failed == b->failed && a->in_doubt == b->in_doubt &&
	    a->attempts == b->attempts);
	check(a->next_ms == b->next_ms && a->notice_in_doubt == b->notice_in_doubt);
	for (size_t i = 0; i < a->envelope.count; i++) {
		check(same_text(a->envelope.recipients[i].address,
		    b->envelope.recipients[i].address));
		check(same_text(a->envelope.recipients[i].original,
		    b->envelope.recipients[i].original));
		check(same_text(a->envelope.recipients[i].orcpt, b->envelope.recipients[i].orcpt));
		check(a->envelope.recipients[i].notify == b->envelope.recipients[i].notify);
		check(a->recipients[i].state == b->recipients[i].state);
		check(a->recipients[i].err.kind == b->recipients[i].err.kind);
	}
}

/* Its head, written, is read as the same. */
static void
check_head(const struct item *item, struct err *err)
{
	struct buf once = BUF_INIT(STORE_HEAD_MAX), twice = BUF_INIT(STORE_HEAD_MAX);
	struct item again;

	check(item_write_head(item, &once, err) == 0);
	item_init(&again);
	again.message.body.size = item->message.body.size;
	check(item_read_head(&again, (struct span){ once.data, once.len }, true, err) == 0);
	check(again.message.header.len == item->message.header.len && again.size == item->size);
	check(item_write_head(&again, &twice, err) == 0);
	check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	item_release(&again);
	buf_release(&once);
	buf_release(&twice);
}

/* Reads the file from memory: 0, or -1. */
static int
read_file(const struct buf *file, struct item *item, struct err *err)
{
	struct block block;
	uint64_t size, at;

	item_init(item);
	if (file->len < BLOCK_SIZE ||
	    block_read((const unsigned char *)file->data, &block) != BLOCK_OK)
		return -1;
	size = file->len - BLOCK_SIZE;
	if (block.body_len > size || block.head_len > size - block.body_len)
		return -1;
	at = BLOCK_SIZE + block.body_len;
	item->message.body.size = block.body_len;
	if (checksum(0, file->data + at, (size_t)block.head_len) != block.head_sum ||
	    checksum(0, file->data + BLOCK_SIZE, (size_t)block.body_len) != block.body_sum ||
	    item_read_head(item, (struct span){ file->data + at, (size_t)block.head_len }, true,
		err) != 0)
		return -1;
	at += block.head_len;
	return item_read_tail(item, (struct span){ file->data + at, file->len - (size_t)at }, err);
}

/* The store's files. */

static void
write_file(const struct buf *file)
{
	int fd = openat(store.dir, id, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, file->data, file->len) == (ssize_t)file->len);
	close(fd);
}

/* Appends to what could be taken, and takes it again. */
static void
check_append(struct item *item, struct err *err)
{
	struct buf records = BUF_INIT(1000);
	struct item again;

	record_write(&records, &(struct record){ .type = RECORD_HOLD });
	check(store_append(item, &records, err) == 0);
	check(item->held);
	buf_release(&records);
	item_release(item);
	check(store_take(&store, id, &again, err) == STORE_OK);
	check(again.held);
	item_release(&again);
}

static void
check_raw(bool good, struct err *err)
{
	struct raw_file file;
	struct raw_piece piece;
	struct record_field field;
	struct span rest;
	size_t all = 0;

	check(raw_read(&store, id, &file, err) == STORE_OK);
	check(!good || (file.fits && file.body_ok && file.head_ok && !file.cut));
	rest = (struct span){ file.records.data, file.records.len };
	for (; raw_next(&rest, &piece); all += piece.len) {
		struct span payload = piece.frame.payload;

		check(piece.len > 0);
		while (piece.kind != RAW_OCTETS && record_next_field(&payload, &field))
			check(field.content.len <= piece.len);
	}
	check(all == file.records.len && file.records_at + all == file.size);
	raw_release(&file);
}

static void
check_store(const struct buf *file, const struct item *read, bool good, struct err *err)
{
	enum store_result result;
	struct item item;

	write_file(file);
	check_raw(good, err);
	result = store_look(&store, id, true, &item, err);
	check(result == STORE_OK || ((result == STORE_DAMAGED || result == STORE_LATER) && !good));
	if (result == STORE_OK)
		check_item(&item);
	item_release(&item);
	result = store_take(&store, id, &item, err);
	check(good ? result == STORE_OK : result == STORE_DAMAGED || result == STORE_LATER);
	if (good) {
		check_same(read, &item);
		check_append(&item, err);
	}
	item_release(&item);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf file = BUF_INIT(2 * INPUT_MAX);
	struct item item;
	struct err err;
	bool good;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	err_init(&err);
	open_store(&err);
	if (data[0] == 0)
		buf_add(&file, data + 1, size - 1);
	else
		mend(&file, (const char *)data + 1, size - 1, (data[0] & 2) != 0);
	good = read_file(&file, &item, &err) == 0;
	if (good) {
		check_item(&item);
		check_head(&item, &err);
	}
	check_store(&file, &item, good, &err);
	item_release(&item);
	buf_release(&file);
	err_release(&err);
	return 0;
}
