/* SPDX-License-Identifier: ISC */
/*
 * What a person and the log are told.
 */
#ifndef SENDOFF_COMMAND_REPORT_H
#define SENDOFF_COMMAND_REPORT_H

#include <stdio.h>

#include "base/err.h"
#include "config/account.h"
#include "delivery/attempt.h"
#include "message/message.h"
#include "submission/submit.h"

/*
 * One failure:
 *
 *	sendoff: account (host:port): what was wrong
 *	  server: the server's words, a line each
 *	  hint: what to do next
 *
 * account may be NULL.
 */
void report_error(FILE *out, const char *account, const struct err *err);

/* What became of a new message: its failures, each once, and where it is now. */
void report_submission(FILE *out, const struct account *account, const struct submission *s);

/*
 * One line to the log for a new message, for an attempt of a run, for a queue file or runner in
 * trouble, and for a failure before there was a message.  That the log file cannot be written is
 * told in syslog.
 */
void report_log_submission(const struct account *account, const struct submission *s);
void report_attempt(void *arg, const struct attempt *attempt);
void report_trouble(void *arg, const char *name, const struct err *err);
void report_log_error(const struct err *err);

/* Where a message was saved that could be neither sent nor queued: err's sentence tells. */
void report_log_saved(const struct err *err);

#endif
