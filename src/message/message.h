/* SPDX-License-Identifier: ISC */
/*
 * A message in wire form: CRLF line ends everywhere, no bare CR or LF, no NUL in the header block.
 *
 * message_read() takes it from a descriptor; message_recipients() is sendmail's -t;
 * message_complete() adds what is missing and takes out what must not go out, Bcc among it, and so
 * comes after message_recipients().  All three work without DNS.
 *
 * Lifetime: message_init(), message_read() once, message_release() when done, also where reading
 * failed.
 */
#ifndef SENDOFF_MESSAGE_MESSAGE_H
#define SENDOFF_MESSAGE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/header.h"
#include "message/envelope.h"
#include "message/scan.h"
#include "message/spool.h"

enum {
	MESSAGE_HEADER_MAX = 1024 * 1024, /* octets of the header block */
	MESSAGE_LINE_MAX = 998, /* octets of a line without CRLF (RFC 5321 section 4.5.3.1.6) */
};

struct message {
	struct buf header; /* the fields, each line with CRLF; without the empty line that ends the
			      block */
	struct spool body; /* what follows the empty line; ends with CRLF unless it is empty */
	bool header_8bit;  /* an octet above 127 in header */
	bool body_8bit;    /* … in body */
	bool body_utf8;    /* body is valid UTF-8 as a whole */
	bool body_nul;     /* a NUL in body */
	uint64_t header_line_max, body_line_max; /* octets of the longest line, without CRLF */
	/*
	 * The header block was ended by a line that cannot stand in one, and before the next empty
	 * line there was one that looks like To, Cc, Bcc or a Resent- form of them: for -t that is
	 * an error, not a body.
	 */
	bool recipients_in_body;
};

struct message_input {
	int fd;                   /* may be non-blocking */
	bool dot_ends;            /* a line of a lone dot ends the input (a person at a terminal) */
	struct spool_place place; /* for the body */
	uint64_t size_limit;      /* octets of the whole in wire form; 0: none */
};

void message_init(struct message *m);
void message_release(struct message *m);

/*
 * Reads to the end of input.  CRLF, LF and mixtures of them end lines; CRs before an LF or at the
 * end of input belong to the line end, any other CR becomes a space; NUL becomes a space in the
 * header block (where it can stand behind the colon only) and is kept in the body; a last line
 * without a line end gets one.
 *
 * A leading mbox line ("From …", ">From …") is dropped, once.  The first line that cannot be a
 * header ends the header block and begins the body; so does a line of more than MESSAGE_HEADER_MAX
 * octets that is no field.  A line of nothing but spaces continues a field; where there is no field
 * yet, it begins the body.
 *
 * Memory is bounded by twice MESSAGE_HEADER_MAX, SPOOL_MEMORY_MAX and some 200 KiB, whatever comes.
 * intake.h reads what does not come from a descriptor.
 * Errors: ERR_NO_INPUT (not one octet), ERR_IO (reading failed), ERR_MESSAGE (header block or
 * message too large), ERR_CANT_CREATE (no room for it), ERR_SYSTEM.
 */
int message_read(struct message *m, const struct message_input *input, struct err *err);

/* Octets of the whole: header, empty line and body. */
uint64_t message_size(const struct message *m);

/* Sets header_8bit and header_line_max from the header: for those who changed it. */
void message_header_facts(struct message *m);
/* Adds what was seen of the body, or of a part of it, to the facts of it; scan_end() came before.
 */
void message_body_facts(struct message *m, const struct scan *seen);

/*
 * True where an address in the header holds UTF-8: such a message needs SMTPUTF8 (RFC 6531 section
 * 3.1).
 */
bool message_has_utf8_addresses(const struct message *m);
/* … in their domains alone: with A-labels there it would need none (RFC 5891 section 4). */
bool message_has_utf8_domains(const struct message *m);
/* True where an address in that field of a header holds UTF-8. */
bool message_field_has_utf8_address(const struct header_field *field);

/*
 * -t: adds to the envelope the recipients in all To, Cc and Bcc fields, or, where there are Resent-
 * fields, those of the newest block of them alone (RFC 5322 section 3.6.6; resent.h tells what that
 * is).  None at all is no error here.  On ERR_ADDRESS and ERR_MESSAGE the envelope is as it was.
 * Errors: ERR_ADDRESS (names the field), ERR_MESSAGE (recipients_in_body), ERR_SYSTEM.
 */
int message_recipients(const struct message *m, struct envelope *envelope, struct err *err);

struct message_defaults {
	const char *from;      /* address for a From that is missing; NULL or "": none is added */
	const char *full_name; /* its display name: any text, or NULL or "" */
	const char *id_domain; /* right side of a Message-ID that is missing */
	time_t now;
	const char *unique; /* left side of the Message-ID: letters and digits, unique in the world
			     */
};

/*
 * Removes Bcc, Resent-Bcc, Return-Path and Content-Length, and adds what is missing:
 *
 * - behind all other fields, in this order: Date (local time), From, Message-ID; "To:
 *   undisclosed-recipients:;" where there is neither To nor Cc; where the body holds 8-bit text,
 *   MIME-Version, Content-Type (text/plain in UTF-8, or in unknown-8bit where it is no UTF-8) and
 *   Content-Transfer-Encoding (8bit);
 * - for a resent message instead, on top of the newest block of Resent- fields and where that block
 *   has none: Resent-Date, Resent-From, Resent-Message-ID.  The original's fields are not touched.
 *
 * A field that is there but empty counts as missing, and gives way to the one added.  All else
 * stays byte for byte, in its order.  A second call changes nothing.
 * Errors: ERR_MESSAGE (the block would exceed MESSAGE_HEADER_MAX), ERR_SYSTEM; the header is as it
 * was then.
 */
int message_complete(struct message *m, const struct message_defaults *defaults, struct err *err);

/*
 * Appends the Message-ID with its angle brackets; where it has none, what stands there instead,
 * unfolded.  Nothing where there is no Message-ID.
 */
void message_id(const struct message *m, struct buf *out);

#endif
