/* SPDX-License-Identifier: ISC */
/*
 * What the files of an item share: item.c reads its tail, item_head.c reads and writes its head.
 * For them alone.
 */
#ifndef SENDOFF_STORE_ITEM_PART_H
#define SENDOFF_STORE_ITEM_PART_H

#include "store/item.h"

/* ERR_MESSAGE with that sentence: -1. */
int item_nonsense(struct err *err, const char *what);

/* Of what returned rc, and with -1 an error. */
enum item_result item_result_of(int rc, const struct err *err);

/*
 * What the reading of records came to in the end, with its error; `where`: "head" or "tail".
 * ITEM_OK for RECORD_END.
 */
enum item_result item_end_of_records(enum record_result result, const char *where, struct err *err);

#endif
