/* SPDX-License-Identifier: ISC */
/*
 * Commands of SMTP (RFC 5321 section 4.1) as they are written and read, by clients and servers: the
 * verbs, and MAIL and RCPT with their parameters: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030),
 * SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY, ORCPT (RFC 3461, RFC 6533), AUTH (RFC 4954), BY
 * (RFC 2852), HOLDFOR and HOLDUNTIL (RFC 4865), MT-PRIORITY (RFC 6710), REQUIRETLS (RFC 8689).
 *
 * What is read is reduced to what it means: a path to the mailbox that address.h has, its source
 * route dropped and its local part quoted only where it must be.  Two liberties are taken because
 * clients do: space behind "FROM:" and "TO:", and at the end of the line.  What is written is read
 * back as the same.  A mailbox without a domain ("<postmaster>") is for the server to judge.
 */
#ifndef SENDOFF_FORMAT_COMMAND_H
#define SENDOFF_FORMAT_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	COMMAND_LINE_MAX = 12288,  /* octets with CRLF: what AUTH may need (RFC 4954 section 4) */
	COMMAND_ENVID_MAX = 100,   /* octets, decoded (RFC 3461 section 4.4) */
	COMMAND_ADDRESS_MAX = 500, /* octets of ORCPT's and AUTH's values (RFC 3461 section 4.2) */
};

enum command_verb {
	COMMAND_OTHER, /* none of these */
	COMMAND_AUTH,
	COMMAND_BDAT,
	COMMAND_DATA,
	COMMAND_EHLO,
	COMMAND_EXPN,
	COMMAND_HELO,
	COMMAND_HELP,
	COMMAND_LHLO,
	COMMAND_MAIL,
	COMMAND_NOOP,
	COMMAND_QUIT,
	COMMAND_RCPT,
	COMMAND_RSET,
	COMMAND_STARTTLS,
	COMMAND_VRFY,
};

enum notify { /* RFC 3461 section 4.1; 0: not given */
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8,
};

enum dsn_return { /* RFC 3461 section 4.3 */
	RETURN_DEFAULT,
	RETURN_FULL,
	RETURN_HEADERS,
};

enum body_type {
	BODY_UNSAID,
	BODY_7BIT,
	BODY_8BITMIME,
	BODY_BINARYMIME,
};

/* MAIL.  Spans are borrowed; one whose data is NULL was not given. */
struct mail_command {
	struct span path; /* the mailbox; empty: the null reverse-path */
	bool has_size;
	uint64_t size;
	enum body_type body;
	bool utf8; /* SMTPUTF8 */
	enum dsn_return ret;
	struct span envid; /* xtext */
	struct span auth;  /* the mailbox, decoded; empty: "<>" */
	bool require_tls;
	bool has_by, by_return, by_trace; /* mode R, else N; T */
	int64_t by_s;
	int64_t hold_for_s;   /* 0: not given */
	int64_t hold_until_s; /* since 1970; 0: not given */
	bool has_priority;
	int priority; /* -9 to 9 */
};

/* RCPT, likewise. */
struct rcpt_command {
	struct span path;       /* the mailbox */
	unsigned notify;        /* enum notify, or'ed */
	struct span orcpt_type; /* "rfc822", "utf-8" or another */
	struct span orcpt;      /* the address, decoded */
};

/*
 * Takes the verb off the front of *line, in any case, and the white space around what follows.
 */
enum command_verb command_verb(struct span *line);

/*
 * Reads what stands behind MAIL or RCPT.  `text` is emptied, and holds what the spans point into
 * (others point into `rest`): its ceiling is at least twice the length of rest.  `utf8`: the
 * transaction has SMTPUTF8.
 *
 * On failure err's reply_code and enhanced are what a server answers: 501 5.5.2 (no path), 501
 * 5.1.7 or 5.1.3 (an address that is none), 553 5.6.7 (UTF-8 without SMTPUTF8), 501 5.5.4 (a value
 * that makes no sense, a parameter that comes twice), 555 5.5.4 (an unknown parameter).
 * Errors: ERR_PROTOCOL; ERR_SYSTEM (memory).
 */
int command_read_mail(struct span rest, struct mail_command *mail, struct buf *text,
    struct err *err);
int command_read_rcpt(struct span rest, bool utf8, struct rcpt_command *rcpt, struct buf *text,
    struct err *err);

/*
 * Appends the line, without CRLF.  Values are in their ranges, the path is a mailbox as address.h
 * has it.  `utf8`: the transaction has SMTPUTF8, so that ORCPT's address may be UTF-8.
 * An ORCPT that would be longer than COMMAND_ADDRESS_MAX is left out: reports come without it, too.
 */
void command_add_mail(struct buf *out, const struct mail_command *mail);
void command_add_rcpt(struct buf *out, const struct rcpt_command *rcpt, bool utf8);

#endif
