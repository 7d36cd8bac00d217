/* SPDX-License-Identifier: ISC */
/*
 * Names are read in batches, and each batch is sorted: oldest first. Ids of messages whose turn it
 * is wait at their account's crew, for a worker that has room; so one account's messages never keep
 * another's from being looked at. Only where very many wait is the rest left for another scan.
 */
#include "submission/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pair.h"
#include "base/wait.h"

enum {
	BATCH_MAX = 1024,        /* names read at once */
	LOOKS = 32,              /* messages looked at in one step */
	PENDING_MAX = 65536,     /* ids that wait for a worker, of all accounts together */
	CREW_WORKERS_MAX = 20,   /* `connections` cannot be more */
	LONG_QUEUE = 40,         /* ids that wait and are worth more connections */
	PATIENCE_MS = 15 * 1000, /* what a worker whose last words are read may take to end */
	SHORTAGE_MS = 10 * 1000, /* when to look again after memory or processes ran out */
	FOLDER_LEN = QUEUE_ID_LEN + 1,
};

/* A worker of the run, and what it was told. */
struct hand {
	struct worker worker;
	struct pair_message message;
	char ids[LANE_AHEAD][FOLDER_LEN];
	size_t count;
	bool last; /* it was told to say goodbye */
};

/* The workers of an account, and the ids that wait for them. */
struct crew {
	const struct account *account; /* NULL: of messages whose account cannot be used */
	struct hand hands[CREW_WORKERS_MAX];
	unsigned hand_count;
	char (*pending)[FOLDER_LEN]; /* a ring of pending_size */
	size_t pending_first, pending_count, pending_size;
	unsigned long answered;
	bool dead;        /* its servers are not to be had in this run … */
	int64_t until_ms; /* … before that */
};

struct run {
	const struct lane_terms *terms;
	struct run_result *result;
	struct crew **crews;
	size_t crew_count;
	unsigned workers;     /* of all crews */
	size_t pending_total; /* likewise */
	bool scanning;
	bool passed_over; /* ids had no room: the scan is made again when they have */
	struct store_scan scan;
	char (*names)[FOLDER_LEN]; /* of this batch */
	size_t name_count, name_at;
	bool folder_ended;
	struct err failure; /* in reading the folder */
	int signal;         /* that shall end it; 0: none */
};

struct run *
run_new(const struct lane_terms *terms, struct run_result *result, struct err *err)
{
	struct run *run = calloc(1, sizeof(*run));

	*result = (struct run_result){ .next_ms = INT64_MAX };
	if (run != NULL)
		run->names = calloc(BATCH_MAX, sizeof(run->names[0]));
	if (run == NULL || run->names == NULL) {
		free(run);
		err_memory(err);
		return NULL;
	}
	run->terms = terms;
	run->result = result;
	err_init(&run->failure);
	return run;
}

void
run_free(struct run *run)
{
	run_stop(run);
	if (run->scanning)
		store_scan_end(&run->scan);
	for (size_t i = 0; i < run->crew_count; i++) {
		free(run->crews[i]->pending);
		free(run->crews[i]);
	}
	free(run->crews);
	free(run->names);
	err_release(&run->failure);
	free(run);
}

/* The account's crew; NULL: no memory. */
static struct crew *
crew_of(struct run *run, const struct account *account)
{
	struct crew *crew, **all;

	for (size_t i = 0; i < run->crew_count; i++)
		if (run->crews[i]->account == account)
			return run->crews[i];
	crew = calloc(1, sizeof(*crew));
	all = realloc(run->crews, (run->crew_count + 1) * sizeof(struct crew *));
	if (all != NULL)
		run->crews = all;
	if (crew == NULL || all == NULL) {
		free(crew);
		return NULL;
	}
	crew->account = account;
	run->crews[run->crew_count++] = crew;
	return crew;
}

/* Somebody works on it for us. */
static bool
is_in_hand(const struct run *run, const char *id)
{
	for (size_t c = 0; c < run->crew_count; c++)
		for (unsigned h = 0; h < run->crews[c]->hand_count; h++)
			for (size_t i = 0; i < run->crews[c]->hands[h].count; i++)
				if (strcmp(run->crews[c]->hands[h].ids[i], id) == 0)
					return true;
	return false;
}

/* Puts the ids in a ring twice as large. False: no memory. */
static bool
grow_pending(struct crew *crew)
{
	size_t size = crew->pending_size > 0 ? 2 * crew->pending_size : 64;
	char(*pending)[FOLDER_LEN] = malloc(size * sizeof(pending[0]));

	if (pending == NULL)
		return false;
	for (size_t i = 0; i < crew->pending_count && crew->pending_size > 0; i++)
		memcpy(pending[i], crew->pending[(crew->pending_first + i) % crew->pending_size],
		    FOLDER_LEN);
	free(crew->pending);
	crew->pending = pending;
	crew->pending_first = 0;
	crew->pending_size = size;
	return true;
}

static void
add_pending(struct run *run, struct crew *crew, const char *id)
{
	if (run->pending_total >= PENDING_MAX) {
		run->passed_over = true;
		return;
	}
	if (crew->pending_count == crew->pending_size && !grow_pending(crew)) {
		run->result->waiting++;
		run_result_due(run->result, clock_wall_ms() + SHORTAGE_MS);
		return;
	}
	memcpy(crew->pending[(crew->pending_first + crew->pending_count) % crew->pending_size], id,
	    FOLDER_LEN);
	crew->pending_count++;
	run->pending_total++;
}

/* The item's account, where it can be used. */
static const struct account *
account_of(const struct run *run, const struct item *item)
{
	const struct account *account = config_find(run->terms->config, item->account);

	return account != NULL && account->server_count > 0 && account->problem == NULL ? account :
											  NULL;
}

/* A message that cannot be used; perhaps for a want that passes. */
static void
tell_unusable(struct run *run, const char *id, const struct err *err)
{
	run->result->trouble++;
	attempt_trouble(&run->terms->watch, id, err);
	if (err->kind != ERR_TEMPORARY && err->kind != ERR_SYSTEM)
		return;
	run->result->waiting++;
	run_result_due(run->result, clock_wall_ms() + SHORTAGE_MS);
}

/* Counts what is left in the queue for now. */
static void
leave(struct run *run, enum lane_end end, int64_t at_ms)
{
	struct run_result *result = run->result;

	switch (end) {
	case LANE_REMOVED:
		result->removed++;
		break;
	case LANE_TRIED:
		result->tried++;
		break;
	case LANE_WAITING:
		result->unreached++;
		result->waiting++;
		break;
	case LANE_LATER:
		result->waiting++;
		break;
	case LANE_TIMED:
		result->timed++;
		break;
	case LANE_IDLE:
		result->idle++;
		break;
	case LANE_BUSY:
		result->busy++;
		break;
	case LANE_TROUBLE:
		result->waiting++;
		result->trouble++;
		break;
	case LANE_UNUSABLE:
		result->trouble++;
		break;
	default:
		break;
	}
	run_result_due(result, at_ms);
}

/* A message whose turn it is, as far as can be seen without a lock. */
static void
enlist(struct run *run, const struct item *item)
{
	struct crew *crew = crew_of(run, account_of(run, item));

	if (crew != NULL && crew->dead && clock_wall_ms() >= crew->until_ms)
		crew->dead = false;
	if (crew == NULL)
		leave(run, LANE_WAITING, clock_wall_ms() + SHORTAGE_MS);
	else if (crew->dead)
		leave(run, LANE_WAITING, crew->until_ms);
	else
		add_pending(run, crew, item->id);
}

static void
look(struct run *run, const char *id)
{
	static const enum lane_end ends[] = { [DUE_LATER] = LANE_LATER,
		[DUE_TIMED] = LANE_TIMED,
		[DUE_IDLE] = LANE_IDLE,
		[DUE_OTHER] = LANE_GONE };
	const struct lane_terms *terms = run->terms;
	int64_t at_ms = INT64_MAX;
	enum store_result result;
	struct item item;
	struct err err;
	enum due due;

	err_init(&err);
	item_init(&item);
	result = store_look(terms->store, id, false, &item, &err);
	if (result == STORE_OK && item.active) {
		leave(run, LANE_BUSY, INT64_MAX);
	} else if (result == STORE_OK) {
		due = due_when(&item, terms->config, &terms->rules, clock_wall_ms(), &at_ms);
		if (due == DUE_NOW)
			enlist(run, &item);
		else
			leave(run, ends[due], at_ms);
		run->result->unreached += due == DUE_LATER && due_was_not_reached(&item);
	} else if (result == STORE_LATER) {
		attempt_trouble(&terms->watch, id, &err);
	} else if (result != STORE_GONE) {
		tell_unusable(run, id, &err);
	}
	item_release(&item);
	err_release(&err);
}

void
run_look(struct run *run, const char *id)
{
	if (queue_id_is(id) && !is_in_hand(run, id))
		look(run, id);
}

int
run_scan(struct run *run, struct err *err)
{
	/* A server that is there again may be the one of a crew that has given up. */
	for (size_t i = 0; i < run->crew_count && run->terms->rules.reached; i++)
		run->crews[i]->dead = false;
	/* What was looked at already is looked at once more behind this one. */
	if (run->scanning) {
		run->passed_over = true;
		return 0;
	}
	store_sweep(run->terms->store, clock_wall_ms());
	if (store_scan_begin(&run->scan, run->terms->store, err) < 0)
		return -1;
	run->scanning = true;
	run->passed_over = run->folder_ended = false;
	run->name_count = run->name_at = 0;
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Reads the next batch; what is foreign is told. */
static void
read_batch(struct run *run)
{
	const char *name;
	bool foreign;
	struct err what;

	run->name_count = run->name_at = 0;
	while (run->name_count < BATCH_MAX) {
		if (!store_scan_next(&run->scan, &name, &foreign, &run->failure)) {
			run->folder_ended = true;
			break;
		}
		if (!foreign) {
			memcpy(run->names[run->name_count++], name, FOLDER_LEN);
			continue;
		}
		run->result->trouble++;
		err_init(&what);
		err_set(&what, ERR_CONFIG, "not a message of the queue: left alone");
		attempt_trouble(&run->terms->watch, name, &what);
		err_release(&what);
	}
	qsort(run->names, run->name_count, sizeof(run->names[0]), compare_names);
}

/* Looks at a few of the messages that are left. */
static void
scan_on(struct run *run)
{
	for (int i = 0; i < LOOKS && run->scanning; i++) {
		if (run->name_at < run->name_count) {
			run_look(run, run->names[run->name_at++]);
		} else if (!run->folder_ended) {
			read_batch(run);
		} else {
			store_scan_end(&run->scan);
			run->scanning = false;
		}
	}
}

bool
run_is_busy(const struct run *run)
{
	return run->scanning || run->passed_over || run->pending_total > 0 || run->workers > 0;
}

bool
run_read_all(struct run *run, struct err *err)
{
	if (run->failure.kind == ERR_NONE)
		return true;
	err_move(err, &run->failure);
	return false;
}

/* What waits for the crew is left for another run. */
static void
leave_pending(struct run *run, struct crew *crew)
{
	for (; crew->pending_count > 0; crew->pending_count--, run->pending_total--)
		leave(run, LANE_WAITING, crew->until_ms);
}

/* The crew does no more in this run. */
static void
give_up(struct run *run, struct crew *crew, int64_t until_ms)
{
	crew->dead = true;
	crew->until_ms = until_ms;
	leave_pending(run, crew);
}

static int64_t
shortly(const struct crew *crew)
{
	return clock_wall_ms() +
	    (crew->account != NULL ? crew->account->retry_min_s * 1000 : SHORTAGE_MS);
}

/* What a worker was told, and will not report. */
static void
leave_in_hand(struct run *run, struct crew *crew, struct hand *hand, const char *why)
{
	struct err err;

	err_init(&err);
	err_set(&err, ERR_SYSTEM, "%s", why);
	for (size_t i = 0; i < hand->count; i++)
		leave(run, LANE_WAITING, shortly(crew));
	/* The first is the one it worked on. */
	if (hand->count > 0)
		attempt_trouble(&run->terms->watch, hand->ids[0], &err);
	err_release(&err);
	if (hand->count > 0)
		give_up(run, crew, shortly(crew));
	hand->count = 0;
}

static void
end_hand(struct run *run, struct crew *crew, unsigned h)
{
	struct hand *hand = &crew->hands[h];

	worker_wait(&hand->worker, PATIENCE_MS);
	pair_message_release(&hand->message);
	crew->hands[h] = crew->hands[--crew->hand_count];
	run->workers--;
}

static void
take_report(struct run *run, struct crew *crew, struct hand *hand, const struct lane_report *r)
{
	struct run_result *result = run->result;

	for (size_t i = 0; i < hand->count; i++)
		if (strcmp(hand->ids[i], r->id) == 0) {
			hand->count--;
			memmove(hand->ids[i], hand->ids[i + 1],
			    (hand->count - i) * sizeof(hand->ids[0]));
			break;
		}
	leave(run, r->end, r->at_ms);
	result->told += r->told;
	result->answered += r->answered;
	crew->answered += r->answered;
	if (r->failure != ERR_NONE && result->failure == ERR_NONE)
		result->failure = r->failure;
	if (r->dead)
		give_up(run, crew, r->at_ms < INT64_MAX ? r->at_ms : shortly(crew));
}

/* Hears what a worker says. False: it has ended. */
static bool
hear(struct run *run, struct crew *crew, struct hand *hand)
{
	enum pair_result result;
	struct lane_report report;

	while ((result = pair_receive(hand->worker.end, &hand->message)) == PAIR_MESSAGE) {
		const struct buf *data = &hand->message.data;

		hand->worker.heard_ms = clock_ms();
		if (hand->message.type == LANE_REPORT &&
		    lane_report_unpack((struct span){ data->data, data->len }, &report))
			take_report(run, crew, hand, &report);
	}
	return result == PAIR_NOTHING;
}

/* Hears the workers; who has ended, or is stuck, is one no more. */
static void
hear_crew(struct run *run, struct crew *crew)
{
	for (unsigned h = crew->hand_count; h-- > 0;) {
		struct hand *hand = &crew->hands[h];

		if (!hear(run, crew, hand)) {
			leave_in_hand(run, crew, hand,
			    "the process that was sending it ended before it could tell what came of it");
			end_hand(run, crew, h);
		} else if (clock_ms() - hand->worker.heard_ms > WORKER_STUCK_MS) {
			kill(hand->worker.pid, SIGKILL);
			leave_in_hand(run, crew, hand,
			    "the process that was sending it was stuck, and was ended");
			end_hand(run, crew, h);
		}
	}
}

static void
say(struct hand *hand, unsigned type, const char *text)
{
	struct err err;

	err_init(&err);
	/* One that cannot be told anything is killed, and ends as one that died. */
	if (pair_send(hand->worker.end, type, span_of(text), -1, &err) < 0)
		kill(hand->worker.pid, SIGKILL);
	err_release(&err);
}

/* One more worker. False: there is none to be had. */
static bool
begin_hand(struct run *run, struct crew *crew)
{
	struct hand *hand = &crew->hands[crew->hand_count];
	struct err err;

	memset(hand, 0, sizeof(*hand));
	err_init(&err);
	if (lane_start(&hand->worker, run->terms, crew->account, &err) < 0) {
		if (crew->hand_count == 0) {
			attempt_trouble(&run->terms->watch, run->terms->store->path, &err);
			give_up(run, crew, clock_wall_ms() + SHORTAGE_MS);
		}
		err_release(&err);
		return false;
	}
	err_release(&err);
	pair_message_init(&hand->message);
	crew->hand_count++;
	run->workers++;
	return true;
}

/*
 * The first worker comes with the first message; more come for many messages, once a server has
 * shown that it takes them, as far as the account wants that.
 */
static bool
wants_hand(const struct run *run, const struct crew *crew)
{
	unsigned most = crew->account != NULL && crew->account->rate == 0 ?
	    (unsigned)crew->account->connections :
	    1;
	unsigned able = 0;

	for (unsigned h = 0; h < crew->hand_count; h++)
		able += !crew->hands[h].last;
	if (crew->pending_count == 0 || run->workers >= RUN_WORKERS_MAX ||
	    crew->hand_count >= CREW_WORKERS_MAX || able >= most)
		return false;
	return able == 0 || (crew->answered > 0 && crew->pending_count >= LONG_QUEUE);
}

/* Those that have least to do get the next ones. */
static void
deal(struct run *run, struct crew *crew)
{
	while (crew->pending_count > 0) {
		const char *id = crew->pending[crew->pending_first];
		struct hand *idlest = NULL;

		for (unsigned h = 0; h < crew->hand_count; h++) {
			struct hand *hand = &crew->hands[h];

			if (!hand->last && hand->count < LANE_AHEAD &&
			    (idlest == NULL || hand->count < idlest->count))
				idlest = hand;
		}
		if (idlest == NULL)
			break;
		memcpy(idlest->ids[idlest->count++], id, FOLDER_LEN);
		say(idlest, LANE_TAKE, id);
		crew->pending_first = (crew->pending_first + 1) % crew->pending_size;
		crew->pending_count--;
		run->pending_total--;
	}
}

/* Workers are told that no more will come: at the end, or where others wait for a place. */
static void
dismiss(struct crew *crew)
{
	for (unsigned h = 0; h < crew->hand_count; h++) {
		if (crew->hands[h].last)
			continue;
		crew->hands[h].last = true;
		say(&crew->hands[h], LANE_LAST, "");
	}
}

static void
manage(struct run *run)
{
	bool crowded = run->workers >= RUN_WORKERS_MAX;

	for (size_t i = 0; i < run->crew_count; i++) {
		struct crew *crew = run->crews[i];

		hear_crew(run, crew);
		while (wants_hand(run, crew) && begin_hand(run, crew))
			;
		deal(run, crew);
		if (crew->pending_count == 0 && ((!run->scanning && !run->passed_over) || crowded))
			dismiss(crew);
	}
}

static nfds_t
add_polls(const struct run *run, struct pollfd *polls)
{
	nfds_t count = 0;

	for (size_t i = 0; i < run->crew_count; i++)
		for (unsigned h = 0; h < run->crews[i]->hand_count; h++)
			polls[count++] = (struct pollfd){ .fd = run->crews[i]->hands[h].worker.end,
				.events = POLLIN };
	return count;
}

int
run_step(struct run *run, struct pollfd *polls, nfds_t count, int64_t deadline)
{
	bool was_busy = run_is_busy(run);
	nfds_t all;
	int n, ours = 0;

	if (run->scanning)
		scan_on(run);
	manage(run);
	if (run->passed_over && !run->scanning && run->pending_total < PENDING_MAX / 2 &&
	    run_scan(run, &run->failure) < 0)
		run->passed_over = false;
	all = count + add_polls(run, polls + count);
	if (run->workers > 0)
		deadline = deadline_min(deadline, deadline_in(WORKER_STUCK_MS));
	/* What has just come to its end is for the caller to see. */
	if (run->scanning || (was_busy && !run_is_busy(run)))
		deadline = deadline_in(0);
	n = wait_poll(polls, all, deadline);
	for (nfds_t i = 0; i < count && n > 0; i++)
		ours += polls[i].revents != 0;
	return n < 0 ? n : ours;
}

void
run_stop(struct run *run)
{
	int64_t deadline = deadline_in(RUN_STOP_MS);

	for (size_t i = 0; i < run->crew_count; i++)
		for (unsigned h = 0; h < run->crews[i]->hand_count; h++)
			kill(run->crews[i]->hands[h].worker.pid, SIGTERM);
	for (size_t i = 0; i < run->crew_count; i++) {
		struct crew *crew = run->crews[i];

		for (unsigned h = crew->hand_count; h-- > 0;) {
			int left = deadline_poll_ms(deadline);

			hear(run, crew, &crew->hands[h]);
			worker_wait(&crew->hands[h].worker, left);
			pair_message_release(&crew->hands[h].message);
		}
		run->workers -= crew->hand_count;
		crew->hand_count = 0;
	}
}

static void
on_signal(void *arg, int signal)
{
	struct run *run = arg;

	run->signal = signal;
	wait_break();
}

int
run_once(const struct lane_terms *terms, struct run_result *result, struct err *err)
{
	const struct selection *selection = &terms->rules.selection;
	struct run *run = run_new(terms, result, err);
	struct pollfd polls[RUN_WORKERS_MAX];
	int status = 0, signal;

	if (run == NULL)
		return -1;
	wait_on_signals(on_signal, run);
	for (size_t i = 0; i < selection->id_count; i++)
		run_look(run, selection->ids[i]);
	if (selection->id_count == 0)
		status = run_scan(run, err);
	while (status == 0 && run_is_busy(run) && run->signal == 0)
		run_step(run, polls, 0, DEADLINE_NONE);
	if (status == 0 && !run_read_all(run, err))
		status = -1;
	signal = run->signal;
	run_free(run);
	wait_release_signals();
	if (signal != 0)
		wait_die_of(signal);
	return status;
}
