/* SPDX-License-Identifier: ISC */
/*
 * Messages are tried now, while a person waits, who is told a line about each.
 */
#include <stdlib.h>
#include <unistd.h>

#include "command/queue_call.h"
#include "command/report.h"
#include "command/transcript.h"
#include "command/view.h"
#include "submission/runner.h"

enum {
	NAMED_MAX = 3, /* recipients in one line */
	TEXT_MAX = 3 * ERR_TEXT_MAX,
};

struct flush {
	struct queue_call *call;
	char **ids; /* what is to be tried, where ids were given */
	size_t id_count;
	struct err first; /* the first failure's kind */
};

int
queue_can_send(const struct queue_call *call, struct err *err)
{
	if (call->config.count > 0)
		return 0;
	return err_set(err, ERR_CONFIG, "there is no configuration to run the queue with");
}

void
queue_start_runner(const struct queue_call *call, struct err *first)
{
	const struct runner runner = {
		.queue_path = call->config.queue_dir,
		.config_path = call->config.given,
		.watch = { .attempt = report_attempt, .trouble = report_trouble },
		.uid = getuid(),
	};
	struct err err;

	if (call->config.count == 0)
		return;
	err_init(&err);
	/* The runner is forked: what is not written yet would be printed twice. */
	fflush(call->out);
	if (runner_start(&runner, false, &err) < 0)
		queue_report(&err, first);
	err_release(&err);
}

/* Those of that outcome, after the words; the number of them. */
static size_t
print_recipients(FILE *out, const char *words, const struct transaction *tx,
    enum outcome_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < tx->envelope->count; i++) {
		if (tx->outcomes[i].state != state || count++ >= NAMED_MAX)
			continue;
		fputs(count > 1 ? ", " : words, out);
		view_print_text(out, tx->envelope->recipients[i].address);
	}
	if (count > NAMED_MAX)
		fprintf(out, " and %zu more", count - NAMED_MAX);
	return count;
}

/* Our sentence, and the server's words. */
static void
print_error(FILE *out, const struct err *err)
{
	struct span rest = { err->reply.data, err->reply.len };

	fputs(": ", out);
	view_print_text(out, err->what.data);
	for (const char *before = ": "; rest.len > 0; before = " ") {
		fputs(before, out);
		view_print(out, span_cut(&rest, '\n'));
	}
}

static const struct err *
first_failure(const struct transaction *tx)
{
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_FAILED)
			return &tx->outcomes[i].err;
	return NULL;
}

static void
print_outcome(FILE *out, const struct attempt *attempt)
{
	const struct transaction *tx = &attempt->delivery->tx;
	const struct err *failure = first_failure(tx);

	if (attempt->notice != NOTICE_NONE)
		fputs(failure == NULL ? "the sender was told" : "the sender could not be told",
		    out);
	else if (print_recipients(out, "sent to ", tx, OUTCOME_ACCEPTED) > 0)
		print_recipients(out, "; not sent to ", tx, OUTCOME_FAILED);
	else
		print_recipients(out, "not sent to ", tx, OUTCOME_FAILED);
	if (failure != NULL)
		print_error(out, failure);
}

/* What becomes of it, where it stays. */
static void
print_rest(FILE *out, const struct item *item, int64_t now_ms)
{
	struct buf text = BUF_INIT(64);
	int64_t next_ms = view_next_ms(item);

	if (item->failed) {
		fputs("; it stays, and needs a person", out);
	} else if (next_ms > now_ms) {
		view_age(next_ms - now_ms, &text);
		fprintf(out, "; next attempt in %s", text.data);
	}
	buf_release(&text);
}

static void
tell_attempt(void *arg, const struct attempt *attempt)
{
	struct flush *flush = arg;
	FILE *out = flush->call->out;

	report_attempt(NULL, attempt);
	fprintf(out, "%s: ", attempt->item->id);
	if (attempt->delivery != NULL)
		print_outcome(out, attempt);
	else
		fputs("not tried", out);
	if (attempt->err != NULL)
		print_error(out, attempt->err);
	if (!attempt->removed)
		print_rest(out, attempt->item, flush->call->now_ms);
	fputc('\n', out);
	/* Several workers print: a line at a time. */
	fflush(out);
}

static void
tell_trouble(void *arg, const char *name, const struct err *err)
{
	(void)arg;
	report_trouble(NULL, name, err);
	fputs("sendoff: ", stderr);
	view_print_text(stderr, name);
	fputs(": ", stderr);
	view_print_text(stderr, err->what.data);
	fputc('\n', stderr);
}

static const char *
plural(unsigned long count)
{
	return count == 1 ? "" : "s";
}

static void
print_end(struct flush *flush, const struct run_result *result)
{
	FILE *out = flush->call->out;

	if (result->waiting > 0)
		fprintf(out, "%lu message%s not tried: the server cannot be used now\n",
		    result->waiting, plural(result->waiting));
	if (result->busy > 0)
		fprintf(out, "%lu message%s not tried: another process works on %s\n", result->busy,
		    plural(result->busy), result->busy == 1 ? "it" : "them");
	/*
	 * Of messages that were named it is told why they stay; others that are held or failed are
	 * meant to.
	 */
	if (flush->id_count > 0 && result->idle > 0 && result->told == 0)
		fprintf(out,
		    "%lu message%s not tried: everybody left was refused, and there is no sender to tell\n",
		    result->idle, plural(result->idle));
	else if (result->removed + result->tried + result->waiting + result->busy == 0 &&
	    result->told == 0)
		fputs("nothing to send\n", out);
}

/* An id that cannot be tried is told of, and left out. */
static void
add_id(struct flush *flush, char *id)
{
	enum store_result result;
	struct item item;
	struct err err;

	err_init(&err);
	item_init(&item);
	if (queue_check_id(flush->call, id, &err)) {
		result = store_look(&flush->call->store, id, false, &item, &err);
		if (result != STORE_OK) {
			queue_cannot(result, id, &err);
		} else if (item.held) {
			err_set(&err, ERR_TEMPORARY, "%s: the message is held", id);
			err_hint(&err, "sendoff queue release %s", id);
		} else if (item.not_before_ms > flush->call->now_ms) {
			queue_not_yet(&item, &err);
			err_wrap(&err, "%s", id);
		} else {
			flush->ids[flush->id_count++] = id;
		}
	}
	if (err.kind != ERR_NONE)
		queue_report(&err, &flush->first);
	item_release(&item);
	err_release(&err);
}

static int
run(struct flush *flush, struct err *err)
{
	struct queue_call *call = flush->call;
	struct transcript transcript;
	struct run_result result;
	struct lane_terms terms = {
		.store = &call->store,
		.config = &call->config,
		.rules = { .now = true,
		    .selection = { .ids = flush->ids, .id_count = flush->id_count } },
		.watch = { .attempt = tell_attempt, .trouble = tell_trouble, .arg = flush },
		.uid = getuid(),
	};
	int status;

	transcript_init(&transcript, stderr);
	terms.watch.stream = (call->options & QUEUE_VERBOSE) != 0 ? &transcript.watch : NULL;
	status = run_once(&terms, &result, err);
	transcript_release(&transcript);
	if (status < 0)
		return -1;
	print_end(flush, &result);
	if (flush->first.kind == ERR_NONE)
		flush->first.kind = result.failure;
	if (result.next_ms < INT64_MAX)
		queue_start_runner(call, &flush->first);
	if (flush->first.kind == ERR_NONE && result.tried + result.waiting + result.busy > 0)
		flush->first.kind = ERR_TEMPORARY;
	if (flush->first.kind == ERR_NONE && flush->id_count > 0 && result.idle > 0)
		flush->first.kind = ERR_REFUSED;
	return 0;
}

int
queue_flush(struct queue_call *call, struct err *err)
{
	struct flush flush = { .call = call };
	bool named = call->id_count > 0 && !call->all;
	int result = 0;

	if (queue_can_send(call, err) < 0)
		return -1;
	err_init(&flush.first);
	flush.ids = calloc(call->id_count + 1, sizeof(*flush.ids));
	if (flush.ids == NULL)
		return err_memory(err);
	for (size_t i = 0; i < call->id_count && named; i++)
		add_id(&flush, call->ids[i]);
	if (call->missing && !named)
		fputs("nothing to send\n", call->out);
	else if (!named || flush.id_count > 0)
		result = run(&flush, err);
	free(flush.ids);
	if (result < 0 || flush.first.kind == ERR_NONE)
		return result;
	return err_told(err, flush.first.kind);
}
