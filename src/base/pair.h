/* SPDX-License-Identifier: ISC */
/*
 * Two processes of ours that speak with each other: messages over a socket pair, each with a type,
 * octets, and perhaps a descriptor. The end of one process is seen by the other one.
 */
#ifndef SENDOFF_BASE_PAIR_H
#define SENDOFF_BASE_PAIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	PAIR_MESSAGE_MAX = 16 * 1024 * 1024, /* octets of a message */
	PAIR_SEND_MS = 60 * 1000,            /* how long the other end may not listen */
};

/* Both ends, not blocking, closed on exec. Errors: ERR_SYSTEM. */
int pair_open(int ends[static 2], struct err *err);

/*
 * Sends a message; fd (-1: none) goes along as a descriptor of the same open file, and stays the
 * caller's. Waits (base/wait.h) where the other end does not listen.
 * Errors: ERR_SYSTEM (the other end is gone, does not listen, or the message is too long).
 */
int pair_send(int end, unsigned type, struct span data, int fd, struct err *err);

/* What has come of a message, and then the message. */
struct pair_message {
	unsigned type;
	struct buf data;
	int fd;       /* the receiver's to close; -1: none */
	bool partial; /* more of it is to come */
};

void pair_message_init(struct pair_message *m);
/* Closes the descriptor that nobody took (set fd to -1). */
void pair_message_release(struct pair_message *m);

enum pair_result {
	PAIR_MESSAGE, /* m is the next message */
	PAIR_NOTHING, /* no whole message yet: wait, and come back with the same m */
	PAIR_ENDED,   /* the other end is closed, or what it says makes no sense */
};

/* Takes the next message, without waiting. *m is emptied where it held one. */
enum pair_result pair_receive(int end, struct pair_message *m);

#endif
