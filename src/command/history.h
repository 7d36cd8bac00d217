/* SPDX-License-Identifier: ISC */
/*
 * What happened to a queued message, as its tail's records tell.
 */
#ifndef SENDOFF_COMMAND_HISTORY_H
#define SENDOFF_COMMAND_HISTORY_H

#include <stdio.h>

#include "command/json.h"
#include "store/item.h"

/* A line for each event, with its time. */
void history_print(FILE *out, const struct item *item);

/* The member "history": an object for each event. */
void history_json(struct json *json, const struct item *item);

#endif
