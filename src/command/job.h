/* SPDX-License-Identifier: ISC */
/*
 * One call as sendmail that takes a message: for sendmail.c, which reads, and hand_over.c, which sends.
 */
#ifndef SENDOFF_COMMAND_JOB_H
#define SENDOFF_COMMAND_JOB_H

#include <stdbool.h>

#include "command/option.h"
#include "config/account.h"
#include "message/envelope.h"
#include "message/message.h"
#include "queue/store.h"

struct job {
	const struct options *options;
	struct config config;
	const struct account *account;	/* NULL: none, yet */
	struct envelope envelope;
	struct envelope author;		/* its sender is who would send if the envelope's were not the null sender */
	struct message message;
	struct store store;		/* the queue, where it could be opened */
	bool is_lost;			/* the message has no place to go */
};

/*
 * Sends or queues the message, and tells.  Returns 0, or -1 with the exit status in err's kind, and in its sentence what has
 * not been said yet.
 */
int job_hand_over(struct job *job, struct err *err);

/* Keeps the message in ~/dead.letter, and says so, or why not. */
void job_save_letter(const struct job *job);

/* -oeq: nothing is printed. */
bool job_is_silent(const struct job *job);

#endif
