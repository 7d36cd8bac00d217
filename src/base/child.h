/* SPDX-License-Identifier: ISC */
/*
 * Children of this process, of which nothing stays behind: neither where their time is up, nor
 * where this process is killed.  There must be no other thread.
 *
 * A command runs under a guard, a process of ours that tells how it ended.  The guard ends the
 * command, with all that it started in its process group, when we say so, or are no more: it sees
 * the end of a socket between us.  No signal to the command's group or to ours reaches it.
 */
#ifndef SENDOFF_BASE_CHILD_H
#define SENDOFF_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	pid_t guard;     /* 0: none */
	int watch;       /* readable when there is news of the command; -1: none */
	bool ended;      /* the command has */
	int signal;      /* then: which ended it, or 0 */
	int exit_status; /* and where none did: its exit status */
};

#define CHILD_INIT \
	{ \
		.watch = -1 \
	}

/*
 * Runs `/bin/sh -c command`, with first and second (NULL: none) as $1 and $2.  Its standard input
 * and output are copies of in and out (-1: /dev/null), its standard error is ours, its other
 * descriptors are those of ours that are not closed at exec; its signals are those of a login.  It
 * leads a process group of its own; but not where this process has a terminal: in the background,
 * the command could ask nobody for anything.  Then it alone is ended.
 * Errors: ERR_SYSTEM, ERR_TIMEOUT (it could not be started before the deadline).
 */
int child_start(struct child *child, const char *command, const char *first, const char *second,
    int in, int out, int64_t deadline, struct err *err);

/* Waits until the command has ended, or the deadline.  True where it has. */
bool child_wait(struct child *child, int64_t deadline);

/* Ends the command, and what else is in its group, whether it has ended or not. */
void child_kill(struct child *child);

/* Lets go of a command that has ended: what it left running may go on. */
void child_release(struct child *child);

/*
 * Has a child call work(question, answer), where answer has room for size octets (PIPE_BUF at
 * most), and brings them back: for what may take longer than it should, and cannot be interrupted.
 * The child has no descriptors but /dev/null. Errors: ERR_TIMEOUT (the child is killed), ERR_SYSTEM
 * (no child; or it ended without an answer).
 */
int child_ask(void (*work)(const void *question, void *answer), const void *question, void *answer,
    size_t size, int64_t deadline, struct err *err);

#endif
