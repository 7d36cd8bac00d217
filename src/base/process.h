/* SPDX-License-Identifier: ISC */
/*
 * What makes a process independent of the call that began it: its session, its descriptors, and
 * what ps(1) shows of it.
 */
#ifndef SENDOFF_BASE_PROCESS_H
#define SENDOFF_BASE_PROCESS_H

#include <stddef.h>

#include "base/err.h"

/*
 * Before argv is used: remembers where its words lie, for process_title(), which overwrites them,
 * and returns a copy of them that stays until process_release(). NULL: no memory.
 */
char **process_init(int argc, char **argv);
void process_release(void);

/*
 * ps(1) shows "sendoff: text", and no longer the arguments of a call that is over, which name
 * other people's addresses. Cut where those arguments left no room for more.
 */
void process_title(const char *text);

/* "/" is its folder: none of the caller's is kept from being unmounted. */
void process_leave_folder(void);

/* /dev/null in place of the standard streams from `first` to `last` (STDIN_FILENO and so on). */
void process_quiet(int first, int last);

/* Nothing stays open but the standard streams, and of `keep` what is not -1. keep is sorted. */
void process_close_all_but(int *keep, size_t count);

/*
 * Begins a process that nobody waits for: with a session, and nothing of the caller's but `keep`
 * (-1: nothing). It ends when `live` returns. Returns when it is on its own: what ends the caller
 * from then on, its process group or its terminal, does not end it.
 * Errors: ERR_SYSTEM.
 */
int process_begin(void (*live)(void *arg), void *arg, int keep, struct err *err);

#endif
