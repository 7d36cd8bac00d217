/* SPDX-License-Identifier: ISC */
/*
 * A worker: a process that does what may take long, or block, for one who must not. It has a
 * connection of an account, and nothing else. Who began it speaks with it over a pair
 * (base/pair.h), sees its end there, and can end it at any time.
 */
#ifndef SENDOFF_DELIVERY_WORKER_H
#define SENDOFF_DELIVERY_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	WORKER_BEAT_MS = 15 * 1000,  /* how often a worker that waits says so */
	WORKER_STUCK_MS = 90 * 1000, /* one that has not been heard of for so long is stuck */
	WORKER_KEEP_MAX = 4,         /* descriptors */
};

/* Types of messages that every worker sends; 0 is none. */
enum worker_says {
	WORKER_BEAT = 1, /* it is alive */
	WORKER_SAYS,     /* the first type that is free for others */
};

struct worker {
	pid_t pid;        /* 0: none */
	int end;          /* of the pair; -1: none */
	int64_t heard_ms; /* when it last said something, on clock_ms()'s scale; the user's to set
			   */
};

#define WORKER_NONE ((struct worker){ .pid = 0, .end = -1 })

/* How a worker begins. */
struct worker_birth {
	/* Its life: `end` is its end of the pair. When this returns, the process ends. */
	void (*live)(void *arg, int end);
	void *arg;
	const char *title;         /* for ps(1) */
	int keep[WORKER_KEEP_MAX]; /* descriptors that stay open; -1: none */
	bool output;               /* standard output stays open, too */
};

/*
 * Begins one. It keeps standard error; standard input, and output, are /dev/null. It leaves the
 * caller's session at once; but where there is a terminal, on which a password command may have to
 * ask, with worker_leave_session() alone. SIGTERM ends it (worker_stop()); SIGINT, SIGHUP and
 * SIGQUIT, which a terminal sends, are for who began it. Returns when the process has a session of
 * its own, or hears no such signal: nothing that ends its caller then ends it.
 * Errors: ERR_SYSTEM.
 */
int worker_start(struct worker *worker, const struct worker_birth *birth, struct err *err);

/* Waits for its end, for so long; what still lives is killed then. */
void worker_wait(struct worker *worker, int64_t patience_ms);

/* Tells it to end at once, with all that it began, and waits for that. */
void worker_stop(struct worker *worker);

/* In the worker, before it does what must not be broken off: it leaves its caller's session. */
void worker_leave_session(void);

/* In the worker: its caller is gone, or will be. Nothing of it stays open, standard error too. */
void worker_leave_caller(void);

#endif
