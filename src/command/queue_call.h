/* SPDX-License-Identifier: ISC */
/*
 * One call of `sendoff queue`, and the functions that its commands are.  Only for command/queue*.c.
 */
#ifndef SENDOFF_COMMAND_QUEUE_CALL_H
#define SENDOFF_COMMAND_QUEUE_CALL_H

#include <stdint.h>

#include "command/queue.h"
#include "config/account.h"
#include "store/item.h"
#include "store/store.h"

struct queue_call {
	FILE *out;
	const char *config_path; /* -C, or NULL */
	const struct queue_row *row;
	unsigned options; /* enum queue_option, or'ed */
	char **ids;       /* as they were given; none of them need be one */
	size_t id_count;
	bool all;             /* ALL is among them */
	struct config config; /* empty where there is none */
	struct store store;
	bool missing;   /* there is no queue yet; the store is closed */
	int64_t now_ms; /* since 1970 */
};

/*
 * The commands.  They return 0, or -1 with the error filled; or, where all has been said already,
 * with an error whose sentence is empty and whose kind gives the exit status: that of the first
 * failure.
 */
int queue_list(struct queue_call *call, struct err *err);
int queue_show(struct queue_call *call, struct err *err);
/* show --raw. */
int queue_raw(struct queue_call *call, struct err *err);
int queue_flush(struct queue_call *call, struct err *err);
int queue_hold(struct queue_call *call, struct err *err);
int queue_release(struct queue_call *call, struct err *err);
int queue_retry(struct queue_call *call, struct err *err);
int queue_remove(struct queue_call *call, struct err *err);

/* list --prometheus: the text exposition format, for a node exporter's textfile collector. */
int prometheus_print(struct queue_call *call, struct err *err);

struct json;

/*
 * The members of the message's object that list and show share, recipients first; `all`: also those
 * who have it.
 */
void queue_json_members(struct json *json, const struct item *item, bool all);

/*
 * Fills err for a message that could not be opened or taken: STORE_GONE, STORE_BUSY; the store has
 * filled it else.  -1.
 */
int queue_cannot(enum store_result result, const char *id, struct err *err);
/*
 * The same for text that need be no id: false where there can be no such message, and err is
 * filled.
 */
bool queue_check_id(struct queue_call *call, const char *id, struct err *err);

/* Fills err for a message that is not to be sent yet.  Always -1. */
int queue_not_yet(const struct item *item, struct err *err);

/* Errors: ERR_CONFIG (there is no configuration, and so no server). */
int queue_can_send(const struct queue_call *call, struct err *err);
/* For what is left to be tried later; a failure is reported. */
void queue_start_runner(const struct queue_call *call, struct err *first);

/* Prints the error, and keeps the first one's kind in *first. */
void queue_report(const struct err *err, struct err *first);

#endif
