/* SPDX-License-Identifier: ISC */
/*
 * Replies of SMTP servers (RFC 5321 section 4.2), and what EHLO's tells (section 4.1.1.1).  All of
 * it is foreign.
 */
#ifndef SENDOFF_FORMAT_REPLY_H
#define SENDOFF_FORMAT_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	REPLY_LINE_MAX = 16384, /* octets of one line without its end: RFC 4954 section 4 lets a
				   challenge have 12288 */
	REPLY_LINES_MAX = 512,  /* lines of one reply */
	REPLY_TEXT_MAX = 65536, /* octets of all lines together */
};

struct reply {
	int code; /* 200 to 559; 0 before the first line */
	unsigned lines;
	bool complete;
	struct buf text; /* the lines behind their codes, separated by LF; raw foreign bytes */
};

void reply_init(struct reply *r);
void reply_release(struct reply *r);
/* Ready for the next reply; keeps the memory. */
void reply_clear(struct reply *r);

/*
 * Takes one more line, given without CRLF or LF; r is not complete.  A line is three digits
 * ([2-5][0-5][0-9]), then '-' for more to come, or space, or nothing; all lines of a reply have the
 * same code.  complete is set by the last one.  ERR_PROTOCOL leaves r as it was.
 * Errors: ERR_PROTOCOL (not a reply, codes differ, too many or too long lines; the line is quoted,
 * printable and cut), ERR_SYSTEM (memory).
 */
int reply_add_line(struct reply *r, struct span line, struct err *err);

/* The first digit: 2 done, 3 go on, 4 later, 5 no. */
static inline int
reply_class(const struct reply *r)
{
	return r->code / 100;
}

/*
 * The enhanced status (RFC 2034) at the start of the text, copied as "5.7.8" to out; "" where there
 * is none, or where its class is not the reply's.
 */
void reply_enhanced(const struct reply *r, char out[static 12]);

/* What nine digits can tell: all that RFC 2852 and RFC 4865 have for a number of seconds. */
enum { EHLO_SECONDS_MAX = 999999999 };

/* SASL mechanisms by name are told apart in smtp/; here the list is kept as the server wrote it. */
struct ehlo {
	bool pipelining, chunking, eightbitmime, smtputf8, dsn, enhanced_codes, starttls,
	    requiretls, binarymime;
	bool size; /* SIZE announced */
	bool auth; /* AUTH announced */
	bool deliver_by, future_release, mt_priority;
	uint64_t size_max; /* octets; 0: no fixed limit (RFC 1870 section 4) */
	uint64_t mail_max, rcpt_max, rcpt_domain_max; /* LIMITS (RFC 9422); 0: not given */
	int64_t deliver_by_min_s; /* DELIVERBY: what is returned when late has so many seconds at
				     least; 0: not given */
	int64_t hold_max_s; /* FUTURERELEASE: for how long, at most; EHLO_SECONDS_MAX: not given */
	int64_t hold_until_max_s; /* … and until when, since 1970; INT64_MAX: not given */
	struct buf mechanisms;    /* upper case, separated by single spaces, each once; at most 1024
				     octets */
};

void ehlo_init(struct ehlo *e);
void ehlo_release(struct ehlo *e);

/*
 * Reads the text of a reply to EHLO or LHLO (its first line, the greeting, is skipped).  Unknown
 * lines, duplicates, unusable parameters and the old "AUTH=LOGIN PLAIN" are tolerated; several AUTH
 * lines are joined, of several numbers the last counts.  e is emptied first.
 */
void ehlo_parse(struct ehlo *e, struct span text);

/* True where the mechanism (upper case) is in the list. */
bool ehlo_has_mechanism(const struct ehlo *e, const char *name);

#endif
