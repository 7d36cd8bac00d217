/* SPDX-License-Identifier: ISC */
/*
 * How far a long message is on its way, in a line on a terminal:
 *
 *	[#########################               ]  63 %  22.8 MB of 36.2 MB
 *
 * It appears when sending has taken a second, and is wiped out before anything else is said.
 */
#ifndef SENDOFF_COMMAND_PROGRESS_H
#define SENDOFF_COMMAND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/stream.h"

struct progress {
	FILE *out;                  /* borrowed */
	uint64_t total, done;       /* octets of content */
	int64_t began_ms, drawn_ms; /* on clock_ms()'s scale; 0: not yet */
	size_t width;               /* characters of the line that stands there */
	struct stream_watch watch;  /* for smtp_open() */
};

void progress_init(struct progress *progress, FILE *out, uint64_t total);

/* Wipes the line out, where there is one. */
void progress_end(struct progress *progress);

#endif
