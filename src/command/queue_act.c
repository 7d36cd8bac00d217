/* SPDX-License-Identifier: ISC */
/*
 * What people do to messages: hold, release, remove.  Every id is tried; the first failure gives
 * the exit status.
 */
#include <unistd.h>

#include "base/clock.h"
#include "command/queue_call.h"
#include "command/walk.h"
#include "store/record.h"

/* What is done to each message. */
struct act {
	struct queue_call *call;
	/* To one that is locked by us; 0 or -1. */
	int (*apply)(struct act *act, struct item *item, struct err *err);
	const char *done;    /* for -v */
	unsigned long count; /* how many it was done to */
	struct err first;    /* the first failure's kind */
};

static int
act_on_item(struct act *act, struct item *item, struct err *err)
{
	if (act->apply(act, item, err) < 0)
		return err_wrap(err, "%s", item->id);
	act->count++;
	if ((act->call->options & QUEUE_VERBOSE) != 0)
		fprintf(act->call->out, "%s: %s\n", item->id, act->done);
	return 0;
}

static bool
act_on(struct act *act, const char *id)
{
	enum store_result result;
	struct item item;
	struct err err;
	bool done;

	err_init(&err);
	item_init(&item);
	if (queue_check_id(act->call, id, &err)) {
		result = store_take(&act->call->store, id, &item, &err);
		if (result != STORE_OK)
			queue_cannot(result, id, &err);
		else
			act_on_item(act, &item, &err);
	}
	done = err.kind == ERR_NONE;
	if (!done)
		queue_report(&err, &act->first);
	item_release(&item);
	err_release(&err);
	return done;
}

static bool
act_on_each(void *arg, const char *id)
{
	act_on(arg, id);
	return true;
}

/*
 * Acts on all that was named.  -1 where something went wrong: it has been printed, unless err has a
 * sentence.  The ids of those messages are dropped from the call.
 */
static int
act_on_all(struct act *act, struct err *err)
{
	struct queue_call *call = act->call;
	size_t kept = 0;

	for (size_t i = 0; i < call->id_count && !call->all; i++)
		if (act_on(act, call->ids[i]))
			call->ids[kept++] = call->ids[i];
	if (!call->all)
		call->id_count = kept;
	if (call->all && !call->missing && walk_messages(&call->store, act_on_each, act, err) < 0)
		return -1;
	if (act->first.kind == ERR_NONE)
		return 0;
	return err_told(err, act->first.kind);
}

static int
append(struct item *item, enum record_type type, struct err *err)
{
	const struct record record = { .type = type, .time_ms = clock_wall_ms(), .uid = getuid() };
	struct buf records = BUF_INIT(RECORD_MAX);
	int result;

	record_write(&records, &record);
	result = store_append(item, &records, err);
	buf_release(&records);
	return result;
}

static int
hold(struct act *act, struct item *item, struct err *err)
{
	(void)act;
	return item->held ? 0 : append(item, RECORD_HOLD, err);
}

static int
release(struct act *act, struct item *item, struct err *err)
{
	(void)act;
	return item->held || item->not_before_ms > 0 ? append(item, RECORD_RELEASE, err) : 0;
}

static int
retry(struct act *act, struct item *item, struct err *err)
{
	if (item->held) {
		err_set(err, ERR_TEMPORARY, "the message is held");
		return err_hint(err, "sendoff queue release %s", item->id);
	}
	if (item->not_before_ms > act->call->now_ms)
		return queue_not_yet(item, err);
	return append(item, RECORD_RETRY, err);
}

static int
take_out(struct act *act, struct item *item, struct err *err)
{
	return store_remove(&act->call->store, item, err);
}

int
queue_hold(struct queue_call *call, struct err *err)
{
	struct act act = { .call = call, .apply = hold, .done = "held" };

	err_init(&act.first);
	return act_on_all(&act, err);
}

/* What is released may be due at once, and there may be no runner that sees to it. */
int
queue_release(struct queue_call *call, struct err *err)
{
	struct act act = { .call = call, .apply = release, .done = "released" };
	int result;

	err_init(&act.first);
	result = act_on_all(&act, err);
	if (act.count > 0)
		queue_start_runner(call, &act.first);
	return result;
}

int
queue_retry(struct queue_call *call, struct err *err)
{
	struct act act = { .call = call, .apply = retry, .done = "to be tried again" };
	int result;

	err_init(&act.first);
	if (queue_can_send(call, err) < 0)
		return -1;
	result = act_on_all(&act, err);
	if ((result < 0 && !err->told) || act.count == 0)
		return result;
	/* The first failure gives the exit status: those of the flush come later. */
	if (queue_flush(call, err) < 0 && act.first.kind == ERR_NONE)
		return -1;
	return act.first.kind == ERR_NONE ? 0 : err_told(err, act.first.kind);
}

int
queue_remove(struct queue_call *call, struct err *err)
{
	struct act act = { .call = call, .apply = take_out, .done = "removed" };
	int result;

	err_init(&act.first);
	result = act_on_all(&act, err);
	if (act.count > 0 && store_sync(&call->store, err) < 0)
		return -1;
	return result;
}
