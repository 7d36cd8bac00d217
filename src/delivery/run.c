/* SPDX-License-Identifier: ISC */
/*
 * Names are read in batches, and each batch is sorted: oldest first, as far as that goes without
 * having read the whole directory.  So a long queue begins to move at once, and costs no more
 * memory than a short one.
 */
#include "delivery/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "delivery/backoff.h"
#include "delivery/lane.h"
#include "delivery/settle.h"

enum {
	BATCH_MAX = 1024,    /* names */
	LANES_MAX = 16,      /* accounts whose messages are on their way at the same time */
	WORKERS_MAX = 20,    /* `connections` cannot be more */
	LONG_QUEUE = 50,     /* names left in a batch that are worth another connection */
	WORKER_MS = 20,      /* how often is looked whether a worker has ended */
	SHORTAGE_MS = 60000, /* when to look again after memory, descriptors or the like ran out */
	STOP_S = 10, /* how long a server's answer is waited for when the run is told to end */
};

struct run {
	struct store *store;
	const struct config *config;
	const struct run_options *options;
	struct run_result *result;
	struct lane *lanes[LANES_MAX];
	size_t lane_count;
	size_t next_victim; /* the lane that gives way to another account */
	bool dirty;         /* removals are not durable yet */
	char (*names)[QUEUE_ID_LEN + 1];
	size_t name_count;
	bool is_worker; /* it goes from a batch's end to its begin, and has no workers itself */
	struct run_result *shared; /* the workers' results, in memory that all have; NULL: there are
				      none */
	pid_t workers[WORKERS_MAX];
	unsigned worker_count;
	bool stopped;
};

static bool
holds_text(const char *where, const char *text)
{
	return strcasestr(where, text) != NULL;
}

static bool
any_recipient_holds(const struct item *item, const char *text)
{
	for (size_t i = 0; i < item->envelope.count; i++)
		if (holds_text(item->envelope.recipients[i].address, text))
			return true;
	return false;
}

static bool
selector_fits(const struct selector *s, const struct item *item)
{
	bool fits = s->kind == SELECT_ID_PART ? holds_text(item->id, s->text) :
	    s->kind == SELECT_SENDER          ? holds_text(item->envelope.sender, s->text) :
						any_recipient_holds(item, s->text);

	return fits != s->is_not;
}

static bool
is_selected(const struct selection *selection, const struct item *item)
{
	for (size_t i = 0; i < selection->selector_count; i++)
		if (!selector_fits(&selection->selectors[i], item))
			return false;
	return true;
}

/* The item's account, where it can be used. */
static const struct account *
account_of(const struct run *run, const struct item *item)
{
	const struct account *account = config_find(run->config, item->account);

	return account != NULL && account->server_count > 0 && account->problem == NULL ? account :
											  NULL;
}

/* Whose times and limits hold for the item. */
static const struct account *
policy_of(const struct run *run, const struct item *item)
{
	const struct account *account = account_of(run, item);

	return account != NULL ? account : &run->config->accounts[0];
}

/* It failed before any server said anything about it; and not a moment ago. */
static bool
was_not_reached(const struct run *run, const struct item *item)
{
	if (clock_wall_ms() - item->tried_ms < policy_of(run, item)->retry_min_s * 1000)
		return false;
	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		if (r->state == ITEM_WAITING &&
		    (r->err.reply_code == 0 || r->err.kind == ERR_LOGIN))
			return true;
	}
	return false;
}

/* True where it is the message's turn; else it is counted among those that are left. */
static bool
is_due(struct run *run, const struct item *item)
{
	if (item->held || (item->failed && run->options->selection.id_count == 0)) {
		run->result->idle++;
		return false;
	}
	if (item->not_before_ms > clock_wall_ms()) {
		run->result->timed++;
		run_result_due(run->result, item->not_before_ms);
		return false;
	}
	if (item->failed || run->options->now || settle_is_done(item) ||
	    settle_has_news(item, clock_wall_ms()) ||
	    (run->options->reached && was_not_reached(run, item)) ||
	    backoff_is_due(item->next_ms, clock_wall_ms(), policy_of(run, item)->retry_max_s))
		return true;
	run->result->waiting++;
	run_result_due(run->result, item->next_ms);
	return false;
}

static void
tell_trouble(struct run *run, const char *name, const struct err *err)
{
	run->result->trouble++;
	if (run->options->watch.trouble != NULL)
		run->options->watch.trouble(run->options->watch.arg, name, err);
}

/* A message that cannot be used; perhaps for a want that passes. */
static void
tell_unusable(struct run *run, const char *id, const struct err *err)
{
	tell_trouble(run, id, err);
	if (err->kind != ERR_TEMPORARY && err->kind != ERR_SYSTEM)
		return;
	run->result->waiting++;
	run_result_due(run->result, clock_wall_ms() + SHORTAGE_MS);
}

static void
lane_free(struct lane *lane)
{
	lane_finish(lane);
	lane_release(lane);
	free(lane);
}

/*
 * The account's lane; where too many accounts have one, another's comes to its end.  NULL: no
 * memory.
 */
static struct lane *
lane_for(struct run *run, const struct account *account)
{
	struct lane *lane;
	size_t i = run->lane_count;

	for (size_t k = 0; k < run->lane_count; k++)
		if (run->lanes[k]->account == account)
			return run->lanes[k];
	lane = malloc(sizeof(*lane));
	if (lane == NULL)
		return NULL;
	if (i == LANES_MAX) {
		i = run->next_victim++ % LANES_MAX;
		lane_free(run->lanes[i]);
	} else {
		run->lane_count++;
	}
	lane_init(lane, run->config, account, run->store, run->options, run->result, &run->dirty);
	run->lanes[i] = lane;
	return lane;
}

/* The configuration has no account of that name (any more), or none that can be used. */
static void
leave_untried(struct run *run, struct item *item)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	struct attempt attempt = { .item = item };
	struct settlement settlement;
	struct err why, err;

	err_init(&why);
	err_init(&err);
	err_set(&why, ERR_CONFIG, "the configuration has no account \"%s\" that could be used",
	    item->account);
	settle_untried(item, policy_of(run, item), &why, clock_wall_ms(), &records, &settlement);
	if (store_append(item, &records, &err) < 0)
		tell_trouble(run, item->id, &err);
	attempt.err = &why;
	if (run->options->watch.attempt != NULL)
		run->options->watch.attempt(run->options->watch.arg, &attempt);
	if (settlement.failed)
		run->result->idle++;
	else
		run->result->tried++;
	if (settlement.next_ms > 0)
		run_result_due(run->result, settlement.next_ms);
	buf_release(&records);
	err_release(&why);
	err_release(&err);
}

/* All is done, but it was cut off before the file was removed. */
static void
remove_done(struct run *run, struct item *item)
{
	struct err err;

	err_init(&err);
	if (store_remove(run->store, item, &err) < 0) {
		tell_trouble(run, item->id, &err);
	} else {
		run->dirty = true;
		run->result->removed++;
	}
	err_release(&err);
}

/* A person named it: it is tried although it had failed. */
static int
revive(struct item *item, struct err *err)
{
	struct buf records = BUF_INIT(RECORD_MAX);
	const struct record record = {
		.type = RECORD_RETRY, .time_ms = clock_wall_ms(), .uid = getuid()
	};
	int result;

	record_write(&records, &record);
	result = store_append(item, &records, err);
	buf_release(&records);
	return result;
}

/*
 * Its server was tried in this run already, and is not to be had.  lane: NULL where there is no
 * memory for one.
 */
static void
leave_waiting(struct run *run, const struct lane *lane)
{
	run->result->waiting++;
	run_result_due(run->result,
	    lane != NULL ? lane_next_ms(lane) : clock_wall_ms() + SHORTAGE_MS);
}

/* A locked item whose turn it is. */
static void
try_item(struct run *run, struct item *item)
{
	const struct account *account = account_of(run, item);
	struct lane *lane;
	struct err err;

	err_init(&err);
	if (settle_is_done(item)) {
		remove_done(run, item);
	} else if (item->failed && revive(item, &err) < 0) {
		tell_trouble(run, item->id, &err);
	} else if (account == NULL) {
		leave_untried(run, item);
	} else if (item_count(item, ITEM_WAITING) == 0 &&
	    settle_due_notice(item, clock_wall_ms()) == NOTICE_NONE) {
		run->result->idle++;
	} else {
		lane = lane_for(run, account);
		if (lane != NULL && !lane->dead)
			lane_push(lane, item);
		else
			leave_waiting(run, lane);
	}
	err_release(&err);
}

/*
 * The account's lane, where its server was tried in this run already and is not to be had; else
 * NULL.
 */
static const struct lane *
dead_lane(const struct run *run, const char *account)
{
	for (size_t i = 0; i < run->lane_count; i++)
		if (run->lanes[i]->dead && strcmp(run->lanes[i]->account->name, account) == 0)
			return run->lanes[i];
	return NULL;
}

/* What keeps a message from being looked at, or taken. */
static void
note_result(struct run *run, const char *id, enum store_result result, const struct err *err)
{
	if (result == STORE_BUSY)
		run->result->busy++;
	else if (result == STORE_DAMAGED || result == STORE_FAILED)
		tell_unusable(run, id, err);
}

/*
 * False: not its turn, as far as can be seen without a lock; most of a long queue that waits is
 * seen so alone.
 */
static bool
look_is_due(struct run *run, const char *id, struct err *err)
{
	struct item item;
	enum store_result result;
	bool due;

	item_init(&item);
	result = store_look(run->store, id, false, &item, err);
	if (result == STORE_OK && item.active)
		result = STORE_BUSY;
	note_result(run, id, result, err);
	due = result == STORE_OK && is_selected(&run->options->selection, &item) &&
	    is_due(run, &item);
	if (due && dead_lane(run, item.account) != NULL) {
		leave_waiting(run, dead_lane(run, item.account));
		due = false;
	}
	item_release(&item);
	return due;
}

static void
take_item(struct run *run, const char *id, struct err *err)
{
	struct item item;
	enum store_result result;

	item_init(&item);
	result = store_take(run->store, id, &item, err);
	note_result(run, id, result, err);
	/* Once more: until now another may have worked on it. */
	if (result == STORE_OK && is_selected(&run->options->selection, &item) &&
	    is_due(run, &item))
		try_item(run, &item);
	item_release(&item);
}

static void
consider(struct run *run, const char *id)
{
	struct err err;

	err_init(&err);
	if (run->options->now || look_is_due(run, id, &err))
		take_item(run, id, &err);
	err_release(&err);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Reads the next batch; what is foreign is told. */
static int
read_batch(struct run *run, struct store_scan *scan, struct err *err)
{
	const char *name;
	bool foreign;

	run->name_count = 0;
	while (run->name_count < BATCH_MAX && store_scan_next(scan, &name, &foreign, err)) {
		struct err what;

		if (!foreign) {
			memcpy(run->names[run->name_count++], name, QUEUE_ID_LEN + 1);
			continue;
		}
		if (run->is_worker)
			continue;
		err_init(&what);
		err_set(&what, ERR_CONFIG, "not a message of the queue: left alone");
		tell_trouble(run, name, &what);
		err_release(&what);
	}
	qsort(run->names, run->name_count, sizeof(run->names[0]), compare_names);
	return err->kind == ERR_NONE ? 0 : -1;
}

static void run_all(struct run *run, struct err *err);
static void on_signal(void *arg, int signal);

/*
 * A worker: the same run with a link of its own, from the other end of each batch.  Locks keep the
 * two apart.
 */
static void
work(struct run *parent, struct run_result *result)
{
	struct run run = { .store = parent->store,
		.config = parent->config,
		.options = parent->options,
		.result = result,
		.is_worker = true };
	struct err err;

	for (size_t i = 0; i < parent->lane_count; i++)
		lane_abandon(parent->lanes[i]);
	err_init(&err);
	wait_on_signals(on_signal, &run);
	run_all(&run, &err);
	fflush(stdout);
	_exit(0);
}

static void
start_workers(struct run *run, unsigned count)
{
	void *memory = mmap(NULL, WORKERS_MAX * sizeof(*run->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return;
	run->shared = memory;
	/* What is buffered must not be printed twice. */
	fflush(stdout);
	while (run->worker_count < count) {
		struct run_result *result = &run->shared[run->worker_count];
		pid_t pid;

		result->next_ms = INT64_MAX;
		pid = fork();
		if (pid == 0)
			work(run, result);
		if (pid < 0)
			break;
		run->workers[run->worker_count++] = pid;
	}
}

/* A long queue gets more connections, once its server has shown that it takes messages. */
static void
consider_workers(struct run *run, size_t names_left)
{
	if (run->is_worker || run->shared != NULL || names_left < LONG_QUEUE)
		return;
	for (size_t i = 0; i < run->lane_count; i++) {
		const struct account *account = run->lanes[i]->account;

		if (run->lanes[i]->answered > 0 && account->connections > 1 && account->rate == 0) {
			start_workers(run, account->connections - 1);
			return;
		}
	}
}

/* What the workers did counts as ours; what is left of the queue we have seen ourselves. */
static void
gather_workers(struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		/* Signals are seen while we wait, and told to the workers. */
		while (waitpid(run->workers[i], NULL, WNOHANG) == 0)
			wait_poll(NULL, 0, deadline_in(WORKER_MS));
		run->result->removed += run->shared[i].removed;
		run->result->tried += run->shared[i].tried;
		run_result_due(run->result, run->shared[i].next_ms);
	}
	if (run->shared != NULL)
		munmap(run->shared, WORKERS_MAX * sizeof(*run->shared));
}

static void
run_batch(struct run *run)
{
	for (size_t i = 0; i < run->name_count && !run->stopped; i++) {
		consider(run, run->names[run->is_worker ? run->name_count - 1 - i : i]);
		consider_workers(run, run->name_count - 1 - i);
	}
}

static void
run_directory(struct run *run, struct err *err)
{
	struct store_scan scan;

	if (store_scan_begin(&scan, run->store, err) < 0)
		return;
	do {
		if (read_batch(run, &scan, err) < 0)
			break;
		run_batch(run);
	} while (run->name_count == BATCH_MAX && !run->stopped);
	store_scan_end(&scan);
}

static void
run_ids(struct run *run)
{
	const struct selection *selection = &run->options->selection;

	for (size_t i = 0; i < selection->id_count && !run->stopped; i++)
		if (queue_id_is(selection->ids[i]))
			consider(run, selection->ids[i]);
}

static void
run_all(struct run *run, struct err *err)
{
	run->names = calloc(BATCH_MAX, sizeof(run->names[0]));
	if (run->names == NULL) {
		err_memory(err);
		return;
	}
	if (run->options->selection.id_count > 0)
		run_ids(run);
	else
		run_directory(run, err);
	/* One by one: while a lane comes to its end, a signal looks at those that are left. */
	for (; run->lane_count > 0; run->lane_count--) {
		struct lane *lane = run->lanes[run->lane_count - 1];

		if (run->stopped)
			lane_stop(lane);
		lane_free(lane);
	}
	free(run->names);
}

/* The process ends, and leaves nothing unsaid that it knows. */
static void
die_of(struct run *run, int signal)
{
	for (size_t i = 0; i < run->lane_count; i++)
		lane_save(run->lanes[i]);
	wait_die_of(signal == SIGALRM ? SIGTERM : signal);
}

/*
 * To be ended between two messages costs nothing.  An answer that may mean "delivered" is waited
 * for, shortly: without it the message would have to be sent again.
 */
static void
on_signal(void *arg, int signal)
{
	struct run *run = arg;
	bool in_doubt = false;

	for (unsigned i = 0; i < run->worker_count && !run->is_worker; i++)
		kill(run->workers[i], signal);
	for (size_t i = 0; i < run->lane_count; i++)
		in_doubt = in_doubt || lane_is_in_doubt(run->lanes[i]);
	if (!in_doubt || signal == SIGALRM)
		die_of(run, signal);
	run->stopped = true;
	alarm(STOP_S);
}

int
run_once(struct store *store, const struct config *config, const struct run_options *options,
    struct run_result *result, struct err *err)
{
	struct run run = { .store = store, .config = config, .options = options, .result = result };

	*result = (struct run_result){ .next_ms = INT64_MAX };
	err_clear(err);
	if (options->selection.id_count == 0)
		store_sweep(store, clock_wall_ms());
	wait_on_signals(on_signal, &run);
	run_all(&run, err);
	gather_workers(&run);
	wait_on_signals(NULL, NULL);
	if (run.stopped)
		wait_die_of(SIGTERM);
	if (run.dirty && err->kind == ERR_NONE)
		store_sync(store, err);
	return err->kind == ERR_NONE ? 0 : -1;
}
