/* SPDX-License-Identifier: ISC */
/*
 * sendmail's -q: the queue is run.
 */
#ifndef SENDOFF_COMMAND_RUN_QUEUE_H
#define SENDOFF_COMMAND_RUN_QUEUE_H

#include "base/err.h"
#include "command/option.h"

/*
 * -q once, behind the caller's back; -qf while he waits; -qTIME again and again, in a process of
 * its own, or with -qf in this one.  Errors: those of queue_open(), run_once() and runner_stay().
 */
int run_queue(const struct options *options, struct err *err);

#endif
