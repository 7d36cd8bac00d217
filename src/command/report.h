/* SPDX-License-Identifier: ISC */
/*
 * What a person and the log are told.
 */
#ifndef SENDOFF_COMMAND_REPORT_H
#define SENDOFF_COMMAND_REPORT_H

#include <stdio.h>

#include "base/err.h"
#include "config/account.h"
#include "message/message.h"
#include "queue/delivery.h"

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

/* The failures of a delivery, each once, and what became of the message. */
void report_delivery(FILE *out, const struct account *account, const struct delivery *d);

/* One line to the log for a delivery, and one for a failure before there was one.  log_err tells of the log file. */
int report_log_delivery(const struct account *account, const struct delivery *d, struct err *log_err);
void report_log_error(const struct err *err);

#endif
