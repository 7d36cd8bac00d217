/* SPDX-License-Identifier: ISC */
/*
 * A failure on its way into a record and back.
 */
#ifndef SENDOFF_STORE_FAILURE_H
#define SENDOFF_STORE_FAILURE_H

#include "base/err.h"
#include "store/record.h"

/* Sets the record's members that tell of a failure; they borrow from err. */
void failure_write(struct record *record, const struct err *err);

/* Fills err from them; the kind of a name that is not known is ERR_TEMPORARY. */
void failure_read(const struct record *record, struct err *err);

#endif
