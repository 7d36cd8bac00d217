/* SPDX-License-Identifier: ISC */
#include "command/queue.h"

#include <string.h>

#include "base/clock.h"
#include "command/queue_call.h"
#include "command/report.h"
#include "command/view.h"
#include "store/open.h"

static const struct queue_row rows[] = {
	{ "list", QUEUE_NONE, QUEUE_JSON | QUEUE_PROMETHEUS, "what waits, and why", queue_list },
	{ "show", QUEUE_ONE, QUEUE_JSON | QUEUE_MESSAGE | QUEUE_RAW,
	    "all that is known of a message", queue_show },
	{ "flush", QUEUE_ANY, QUEUE_VERBOSE, "try messages now", queue_flush },
	{ "hold", QUEUE_SOME, QUEUE_VERBOSE, "keep messages, and do not try them", queue_hold },
	{ "release", QUEUE_SOME, QUEUE_VERBOSE, "try them again in their turn", queue_release },
	{ "retry", QUEUE_SOME, QUEUE_VERBOSE, "forget that messages failed, and try them now",
	    queue_retry },
	{ "remove", QUEUE_SOME, QUEUE_VERBOSE, "drop messages: nobody gets them, nobody is told",
	    queue_remove },
};

static const struct queue_option_row options[] = {
	{ QUEUE_JSON, "--json", "for programs: an object a line" },
	{ QUEUE_PROMETHEUS, "--prometheus", "for a node exporter" },
	{ QUEUE_MESSAGE, "--message", "the message itself" },
	{ QUEUE_RAW, "--raw", "its file, record by record, even if it is damaged" },
	{ QUEUE_VERBOSE, "-v", "say what is done" },
};

const struct queue_row *
queue_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

const struct queue_option_row *
queue_option_row(size_t i)
{
	return i < sizeof(options) / sizeof(options[0]) ? &options[i] : NULL;
}

const struct queue_row *
queue_find(const char *name)
{
	for (size_t i = 0; queue_row(i) != NULL; i++)
		if (strcmp(queue_row(i)->name, name) == 0)
			return queue_row(i);
	return NULL;
}

int
queue_cannot(enum store_result result, const char *id, struct err *err)
{
	if (result == STORE_GONE)
		return err_set(err, ERR_NO_INPUT, "there is no message %s in the queue", id);
	if (result == STORE_BUSY) {
		err_set(err, ERR_TEMPORARY, "another process works on the message %s", id);
		return err_hint(err, "try again when it is done");
	}
	return err_wrap(err, "%s", id);
}

int
queue_not_yet(const struct item *item, struct err *err)
{
	struct buf when = BUF_INIT(64);

	view_time(item->not_before_ms, &when);
	err_set(err, ERR_TEMPORARY, "the message is to be sent at %s", when.data);
	err_hint(err, "sendoff queue release %s", item->id);
	buf_release(&when);
	return -1;
}

bool
queue_check_id(struct queue_call *call, const char *id, struct err *err)
{
	if (!call->missing && queue_id_is(id))
		return true;
	queue_cannot(STORE_GONE, id, err);
	return false;
}

void
queue_report(const struct err *err, struct err *first)
{
	report_error(stderr, NULL, err);
	if (first->kind == ERR_NONE)
		first->kind = err->kind;
}

static int
add_option(struct queue_call *call, const char *text, struct err *err)
{
	for (size_t i = 0; queue_option_row(i) != NULL; i++)
		if (strcmp(queue_option_row(i)->text, text) == 0 &&
		    (call->row->options & queue_option_row(i)->option) != 0) {
			call->options |= queue_option_row(i)->option;
			return 0;
		}
	return err_set(err, ERR_USAGE, "sendoff queue %s has no option %s", call->row->name, text);
}

/*
 * Options may stand anywhere, for no id begins with a hyphen.  Ids are moved to the front of argv.
 */
static int
read_words(struct queue_call *call, int argc, char **argv, struct err *err)
{
	call->ids = argv;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-') {
			call->all = call->all || strcmp(argv[i], "ALL") == 0;
			call->ids[call->id_count++] = argv[i];
		} else if (add_option(call, argv[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
check_words(const struct queue_call *call, struct err *err)
{
	const char *name = call->row->name;

	if ((call->options & (call->options - 1)) != 0)
		return err_set(err, ERR_USAGE, "sendoff queue %s takes one option at a time", name);
	switch (call->row->operands) {
	case QUEUE_NONE:
		return call->id_count == 0 ?
		    0 :
		    err_set(err, ERR_USAGE, "sendoff queue %s takes no ids", name);
	case QUEUE_ONE:
		return call->id_count == 1 && !call->all ?
		    0 :
		    err_set(err, ERR_USAGE, "sendoff queue %s takes one id", name);
	case QUEUE_ANY:
		return 0;
	default:
		return call->id_count > 0 ?
		    0 :
		    err_set(err, ERR_USAGE, "sendoff queue %s needs ids, or ALL", name);
	}
}

static int
find_row(struct queue_call *call, int argc, char **argv, struct err *err)
{
	call->row = argc > 0 ? queue_find(argv[0]) : NULL;
	if (call->row != NULL)
		return 0;
	if (argc > 0)
		err_set(err, ERR_USAGE, "sendoff queue has no command \"%s\"", argv[0]);
	else
		err_set(err, ERR_USAGE, "which command of sendoff queue?");
	err_hint(err, "list, show, flush, hold, release, retry or remove");
	return -1;
}

int
queue_command(const char *config_path, int argc, char **argv, struct err *err)
{
	struct queue_call call = {
		.out = stdout,
		.config_path = config_path,
		.config = CONFIG_INIT,
		.store = STORE_INIT,
		.now_ms = clock_wall_ms(),
	};
	int result = -1;

	if (find_row(&call, argc, argv, err) < 0 || read_words(&call, argc, argv, err) < 0 ||
	    check_words(&call, err) < 0)
		return -1;
	/*
	 * For lists alone, SIGPIPE ends the program in silence: a process that sends must not die
	 * because the reader of its output went away.
	 */
	if (call.row->operands == QUEUE_NONE || call.row->operands == QUEUE_ONE)
		view_begin(call.out);
	if (queue_open(&call.store, config_path, &call.config, &call.missing, err) == 0)
		result = call.row->run(&call, err);
	store_close(&call.store);
	config_release(&call.config);
	return result;
}
