/* SPDX-License-Identifier: ISC */
#include "delivery/work.h"

#include <stdlib.h>

#include "base/clock.h"
#include "config/environment.h"
#include "delivery/notice.h"
#include "delivery/settle.h"
#include "routing/route.h"

enum {
	HOST_MAX = 320, /* octets of this host's name */
	RECORDS_MAX = STORE_TAIL_MAX,
};

int
work_sync_removals(struct work_place *place, struct err *err)
{
	if (!place->dirty)
		return 0;
	if (store_sync(place->store, err) < 0)
		return -1;
	place->dirty = false;
	return 0;
}

/* Who has the message, though its attempt goes on, or ended before its time. */
static void
add_accepted(const struct work *work, bool ended, struct buf *records)
{
	if (work->notice == NOTICE_NONE)
		settle_accepted(&work->item, &work->delivery, ended, clock_wall_ms(), records);
}

/*
 * Before the last octet goes out: from now on the message may be delivered, and the file must say
 * so; also what became of the turn before.
 */
static int
record_sending(void *arg, struct err *err)
{
	struct work *work = arg;
	struct buf records = BUF_INIT(RECORDS_MAX);
	const struct record record = {
		.type = RECORD_SENDING,
		.time_ms = clock_wall_ms(),
		.attempt = work->item.attempts + 1,
		.notice = work->notice,
	};
	int result;

	add_accepted(work, false, &records);
	record_write(&records, &record);
	/*
	 * In this order, for file systems whose journal makes both durable at the first of the two
	 * syncs.
	 */
	result = store_append(&work->item, &records, err);
	if (result == 0)
		result = work_sync_removals(work->place, err);
	buf_release(&records);
	return result;
}

/*
 * The notice. A sender of this host is told where mail to him goes; where there is no such place,
 * the server will say so.
 */
static int
make_notice(struct work *work, struct err *err)
{
	struct buf host = BUF_INIT(HOST_MAX);
	const struct account *account = work->place->account;
	struct notice_facts facts = {
		.from = account_address(account),
		.now_ms = clock_wall_ms(),
		.expire_ms = settle_expire_ms(&work->item, account, clock_wall_ms()),
		.place = { .dir = temp_dir() },
	};
	struct err nowhere;
	int result;

	route_host_name(&host);
	facts.host = host.data;
	result = notice_make(&work->item, work->notice, &facts, &work->envelope, &work->message,
	    err);
	if (result == 0) {
		err_init(&nowhere);
		route_recipients(&work->envelope, account, &nowhere);
		err_release(&nowhere);
	}
	buf_release(&host);
	return result;
}

/* A notice comes first; but one that was tried last time must not keep those waiting who can have
 * the message. */
static enum notice
choose_notice(const struct item *item)
{
	if (item->notice_tried != NOTICE_NONE && item_count(item, ITEM_WAITING) > 0)
		return NOTICE_NONE;
	return settle_due_notice(item, clock_wall_ms());
}

static int
prepare_notice(struct work *work, struct err *err)
{
	work->repeats = work->item.notice_in_doubt == work->notice;
	if (make_notice(work, err) < 0)
		return -1;
	return delivery_init(&work->delivery, work->place->account, &work->envelope, &work->message,
	    err);
}

/* Only those who wait are tried. */
static int
prepare_message(struct work *work, struct err *err)
{
	struct item *item = &work->item;
	struct transaction *tx = &work->delivery.tx;
	int result;

	work->repeats = item->in_doubt;
	result = delivery_init(&work->delivery, work->place->account, &item->envelope,
	    &item->message, err);
	tx->begin_ms = item_begin_ms(item);
	for (size_t i = 0; tx->outcomes != NULL && i < item->envelope.count; i++)
		if (item->recipients[i].state != ITEM_WAITING)
			tx->outcomes[i].state = OUTCOME_SETTLED;
	return result;
}

struct work *
work_new(struct work_place *place, struct item *item, struct err *err)
{
	struct work *work = calloc(1, sizeof(*work));
	int result;

	if (work == NULL) {
		err_memory(err);
		return NULL;
	}
	work->place = place;
	work->item = *item;
	envelope_init(&work->envelope);
	message_init(&work->message);
	work->notice = choose_notice(&work->item);
	result = work->notice != NOTICE_NONE ? prepare_notice(work, err) :
					       prepare_message(work, err);
	work->delivery.tx.before_end = record_sending;
	work->delivery.tx.arg = work;
	if (result == 0 || err->kind == ERR_MESSAGE) {
		/* Too large for the account: that is an outcome, and recorded as one. */
		err_clear(err);
		item_init(item);
		return work;
	}
	item_init(&work->item);
	work_free(work);
	return NULL;
}

void
work_free(struct work *work)
{
	delivery_release(&work->delivery);
	envelope_release(&work->envelope);
	message_release(&work->message);
	item_release(&work->item);
	free(work);
}

static int
remove_item(struct work *work, bool *removed, struct err *err)
{
	if (store_remove(work->place->store, &work->item, err) < 0)
		return -1;
	work->place->dirty = true;
	*removed = true;
	return 0;
}

static void
tell(const struct work *work, bool removed)
{
	const struct attempt_watch *watch = work->place->watch;
	const struct attempt attempt = {
		.item = &work->item,
		.account = work->place->account,
		.delivery = &work->delivery,
		.notice = work->notice,
		.repeats = work->repeats,
		.removed = removed,
	};

	if (watch->attempt != NULL)
		watch->attempt(watch->arg, &attempt);
}

void
work_tell(const struct work *work)
{
	tell(work, false);
}

int
work_conclude(struct work *work, bool *removed, struct err *err)
{
	struct buf records = BUF_INIT(RECORDS_MAX);
	const struct account *account = work->place->account;
	bool is_message = work->notice == NOTICE_NONE;
	struct settlement s;
	int result = 0;

	*removed = false;
	if (is_message)
		settle_attempt(&work->item, &work->delivery, account, clock_wall_ms(), &records,
		    &s);
	else
		settle_notice(&work->item, &work->delivery, account, work->notice, clock_wall_ms(),
		    &records, &s);
	/* Where nothing is left to be done, the removal is the record. */
	if (is_message && !s.failed && !s.relay_notice && s.waiting == 0 && s.refused == 0)
		result = remove_item(work, removed, err);
	if (!*removed) {
		err_clear(err);
		result = store_append(&work->item, &records, err);
		if (result == 0 && settle_is_done(&work->item))
			result = remove_item(work, removed, err);
	}
	tell(work, *removed);
	buf_release(&records);
	return result;
}

int
work_save(struct work *work, struct err *err)
{
	struct buf records = BUF_INIT(RECORDS_MAX);
	bool between_turns = false;
	int result = 0;

	if (work->item.broken)
		return 0;
	/* A turn has ended, and the next one's end has not gone out: nobody else has it. */
	for (size_t i = 0; i < work->item.envelope.count && !work_is_in_doubt(work); i++)
		between_turns = between_turns || work->item.recipients[i].sending;
	add_accepted(work, between_turns, &records);
	if (records.len > 0)
		result = store_append(&work->item, &records, err);
	buf_release(&records);
	return result;
}
