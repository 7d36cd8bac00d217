/* SPDX-License-Identifier: ISC */
/*
 * A message on its way in: whoever has octets of it pushes them, in pieces of any size, and the
 * message that comes of them does not depend on how they were cut.  message_read() feeds a
 * descriptor, a server what follows DATA or BDAT; nothing here knows where octets come from.
 *
 * What becomes of them is told at message_read(); forms differ in their line ends alone, and in
 * what ends them.
 *
 * Lifetime: intake_begin(), intake_feed() any number of times, intake_end() once, intake_release().
 * The latter may follow any of them.
 */
#ifndef SENDOFF_MESSAGE_INTAKE_H
#define SENDOFF_MESSAGE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "message/message.h"
#include "message/scan.h"
#include "message/spool.h"

enum intake_form {
	INTAKE_TEXT, /* CRLF, LF and mixtures of them end lines; whoever feeds it knows the end */
	INTAKE_TERMINAL, /* the same, and a line of a lone dot is the end */
	/*
	 * SMTP's (RFC 5321 section 2.3.8): CRLF ends lines and nothing else does; a CR or LF by
	 * itself is a fault, for servers that differ on what it means can be made to see another
	 * message behind it.
	 */
	INTAKE_BDAT, /* RFC 3030: the chunks of a message, one after the other */
	INTAKE_DATA, /* dots that lines begin with are taken off, and CRLF . CRLF is the end (RFC
			5321 section 4.5.2); a lone dot at the very begin ends a message of nothing
		      */
};

struct intake_options {
	enum intake_form form;
	struct spool_place place; /* for the body */
	uint64_t size_limit;      /* octets of the whole in wire form; 0: none */
};

/* Why there will be no message. */
enum intake_fault {
	INTAKE_SOUND,            /* so far there is nothing wrong */
	INTAKE_BARE,             /* ERR_MESSAGE: a CR or an LF by itself */
	INTAKE_HEADER_TOO_LARGE, /* ERR_MESSAGE: more than MESSAGE_HEADER_MAX */
	INTAKE_TOO_LARGE,        /* ERR_MESSAGE: more than the limit */
	INTAKE_NOT_STORED,       /* ERR_CANT_CREATE, ERR_SYSTEM: no room for it, no memory */
};

/* To be read: ended, fault.  All else is intake.c's. */
struct intake {
	bool ended;              /* the end has come: no more is taken */
	enum intake_fault fault; /* the first one; what is fed after it is taken and dropped */

	struct message *message; /* borrowed */
	struct intake_options options;
	struct err err; /* the fault, in words */
	enum { STAGE_HEADER, STAGE_BROKEN, STAGE_BODY } stage;
	enum { DOTS_LINE, DOTS_AMID, DOTS_CR, DOTS_DOT, DOTS_DOT_CR } dots;
	bool any_line;      /* a line has been taken */
	uint64_t held_crs;  /* CRs that came last: what follows tells what they are */
	struct buf settled; /* a piece without its CRs */
	struct buf line;    /* a line, or the begin of one, without its LF */
	struct scan scan;   /* what the body holds */
};

/*
 * The message is fresh from message_init(), and stays the caller's, as does the folder that
 * options->place names: both have to live until the end.
 */
void intake_begin(struct intake *in, struct message *message, const struct intake_options *options);

/*
 * Takes octets, and returns how many: all of them; of INTAKE_DATA, none behind its end.  It never
 * fails: a fault is kept, and the end of INTAKE_DATA is found behind it, too, so that the session
 * can go on.
 */
size_t intake_feed(struct intake *in, struct span octets);

/*
 * All is there, and the message complete: a last line without a line end gets one, the facts are
 * noted, the body can be read.  Of INTAKE_DATA, the end must have come.
 * Errors: by in->fault (a CR that came last is one, too); ERR_CANT_CREATE (no room for it);
 * ERR_LOST (INTAKE_DATA broke off).
 */
int intake_end(struct intake *in, struct err *err);

void intake_release(struct intake *in);

#endif
