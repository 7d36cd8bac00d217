/* SPDX-License-Identifier: ISC */
/*
 * `sendoff queue …` and mailq: what waits, and what people do about it.
 */
#ifndef SENDOFF_COMMAND_QUEUE_H
#define SENDOFF_COMMAND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/*
 * `sendoff [-C FILE] queue COMMAND …`: argv begins with the word behind "queue".  Prints to
 * standard output.
 */
int queue_command(const char *config_path, int argc, char **argv, struct err *err);

/*
 * mailq and -bp, in Postfix's format (which scripts read).  Errors: those of config_load() and
 * store_open().
 */
int mailq_print(FILE *out, const char *config_path, struct err *err);

/*
 * The commands and their options: one row each, for --help, the manual's check and the completions.
 */
enum queue_operands {
	QUEUE_NONE, /* takes no ids */
	QUEUE_ONE,  /* one */
	QUEUE_ANY,  /* any number; none at all means every message that is not held */
	QUEUE_SOME, /* at least one, or ALL */
};

enum queue_option { /* or'ed */
	QUEUE_JSON = 1,
	QUEUE_PROMETHEUS = 2,
	QUEUE_MESSAGE = 4,
	QUEUE_VERBOSE = 8,
	QUEUE_RAW = 16,
};

struct queue_call;

struct queue_row {
	const char *name;
	enum queue_operands operands;
	unsigned options;
	const char *what; /* one line */
	int (*run)(struct queue_call *call, struct err *err);
};

struct queue_option_row {
	enum queue_option option;
	const char *text; /* as it is written */
	const char *what;
};

/* Row i, or NULL behind the last. */
const struct queue_row *queue_row(size_t i);
const struct queue_option_row *queue_option_row(size_t i);
/* The row of that name, or NULL. */
const struct queue_row *queue_find(const char *name);

#endif
