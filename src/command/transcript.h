/* SPDX-License-Identifier: ISC */
/*
 * -v: the SMTP dialogue, line by line, in a form that is safe on a terminal.  Secrets never get
 * here: the stream masks them.
 */
#ifndef SENDOFF_COMMAND_TRANSCRIPT_H
#define SENDOFF_COMMAND_TRANSCRIPT_H

#include <stdio.h>

#include "base/buf.h"
#include "net/stream.h"

struct transcript {
	FILE *out;                 /* borrowed */
	struct buf sent, received; /* lines that are not complete yet */
	struct stream_watch watch; /* for smtp_open() */
};

void transcript_init(struct transcript *t, FILE *out);
/* Prints what is left of unfinished lines. */
void transcript_release(struct transcript *t);

#endif
