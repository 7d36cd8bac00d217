/* SPDX-License-Identifier: ISC */
/*
 * --dry-run and --output: what would be sent, to whom and where to.
 */
#ifndef SENDOFF_COMMAND_SEND_SHOW_H
#define SENDOFF_COMMAND_SEND_SHOW_H

#include "base/err.h"
#include "command/job.h"
#include "command/send_option.h"

/*
 * Prints what the options want to see of a job whose message is complete; the sender policy is
 * applied to it.
 * Errors: ERR_MESSAGE (larger than the account allows), ERR_CANT_CREATE (the file), ERR_IO,
 * ERR_SYSTEM.
 */
int send_show(const struct job *job, const struct send_options *options, struct err *err);

#endif
