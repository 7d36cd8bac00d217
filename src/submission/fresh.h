/* SPDX-License-Identifier: ISC */
/*
 * A message that is not queued: what its delivery comes to, in the records that it would have.
 */
#ifndef SENDOFF_SUBMISSION_FRESH_H
#define SENDOFF_SUBMISSION_FRESH_H

#include "delivery/settle.h"
#include "submission/submit.h"

/* As settle_attempt(), of s->delivery. Errors: ERR_SYSTEM (memory). */
int fresh_settle(const struct submission *s, struct buf *records, struct settlement *settlement,
    struct err *err);

/* As settle_accepted(), for one whose delivery goes on. Where memory is out, nothing is appended.
 */
void fresh_accepted(const struct submission *s, struct buf *records);

#endif
