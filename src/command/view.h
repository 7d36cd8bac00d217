/* SPDX-License-Identifier: ISC */
/*
 * A queued message in words and numbers for people.  What comes from messages, senders and servers
 * may hold any octet: it is printed by view_print() alone.
 */
#ifndef SENDOFF_COMMAND_VIEW_H
#define SENDOFF_COMMAND_VIEW_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/span.h"
#include "store/item.h"

enum view_state {
	VIEW_INCOMING, /* not tried yet */
	VIEW_ACTIVE,   /* a process works on it now */
	VIEW_DEFERRED, /* tried, and to be tried again */
	VIEW_HOLD,     /* a person holds it back */
	VIEW_FAILED,   /* needs a person */
	VIEW_STATES
};

enum view_state view_state(const struct item *item);
/* Postfix's names of its queues, and "failed". */
const char *view_state_name(enum view_state state);

/* True for a recipient who has the message neither delivered nor given up. */
bool view_is_pending(const struct item_recipient *recipient);
const char *view_recipient_state_name(enum item_state state);

/*
 * Since 1970, when the message is tried next, at the earliest; -1: it is not to be tried.  A time
 * that is past: now.
 */
int64_t view_next_ms(const struct item *item);

/*
 * What keeps the message from the recipient, on one line, as Postfix words it; nothing where
 * nothing did.
 */
void view_reason(const struct item *item, size_t recipient, struct buf *out);

/* What is to be reported of a recipient: "failure,delay"; nothing where nothing was asked for. */
void view_notify(unsigned notify, struct buf *out);

/* How a message came: "command", "socket" or "tcp". */
const char *view_submitted_by(enum submitted_by by);

/*
 * What the message asks of servers: "verified TLS on the whole way; delivery within 2h, else it
 * comes back".  Nothing where it asks for nothing.
 */
void view_requests(const struct requests *requests, struct buf *out);

/* "12s", "5m", "3h", "4d". */
void view_age(int64_t ms, struct buf *out);
/* "320", "1.4K", "20M". */
void view_size(uint64_t octets, struct buf *out);
/* "2026-11-22 00:22:28 +0100". */
void view_time(int64_t ms, struct buf *out);

/* Appends foreign text as it may be shown on a terminal, on one line. */
void view_add(struct buf *out, struct span text);
/* Prints it so; returns how many octets that took. */
size_t view_print(FILE *out, struct span text);
size_t view_print_text(FILE *out, const char *text);

/* Before a long list is printed: it is written in large pieces, and `| head` is no failure. */
void view_begin(FILE *out);

#endif
