/* SPDX-License-Identifier: ISC */
/*
 * The envelope: who sends, who shall get it, and what is to be reported of each (RFC 5321 section
 * 2.3.1, RFC 3461); and who handed it over.
 *
 * Lifetime: envelope_init(), then envelope_release() when done.  Members may be read and changed at
 * will; what is owned is freed with the envelope.
 */
#ifndef SENDOFF_MESSAGE_ENVELOPE_H
#define SENDOFF_MESSAGE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "format/address.h"
#include "format/command.h"

/*
 * What is asked of a recipient who was named twice: whatever one of the two asked for.  Where one
 * asked for nothing, that is the report of a failure, which comes unasked; NEVER holds only where
 * both say so.
 */
unsigned notify_join(unsigned a, unsigned b);

/* Extensions that the sender asks for: the account's wishes, or with a message its own. */
struct requests {
	bool require_tls;       /* RFC 8689 */
	long long deliver_by_s; /* RFC 2852, 0: not asked for */
	bool deliver_by_return;
	bool has_priority;
	int priority;         /* RFC 6710, -9 to 9 */
	long long hold_for_s; /* RFC 4865, 0: not asked for */
	/*
	 * The same as a point in time, since 1970, at most DATE_UTC_MAX; 0: not asked for.  It
	 * takes the place of hold_for_s.  What no server holds waits in the queue; once that time
	 * is over, nothing is asked for.
	 */
	long long hold_until_s;
};

struct recipient {
	char *address;   /* as it goes between < and >; owned */
	char *original;  /* what was given, where local_to, local_domain or an alias changed it; or
			    NULL; owned */
	bool needs_utf8; /* its local part or domain holds UTF-8 */
	unsigned notify; /* enum notify, or'ed */
	/*
	 * The original recipient (ORCPT, RFC 3461 section 4.2): the type of an address ("rfc822",
	 * "utf-8" or another), and the address, decoded, without control characters.  Both are
	 * NULL where there was none; owned.
	 */
	char *orcpt_type, *orcpt;
	/*
	 * The first of several that an alias (orcpt) came to.  Success was to be reported of the
	 * alias: once this one is accepted, it is, as an expanded one (RFC 3461 section 5.2.7.3).
	 */
	bool expanded;
};

struct envelope {
	char *sender; /* "" is the null sender; NULL: not yet known */
	bool sender_needs_utf8;
	struct recipient *recipients;
	size_t count, cap;
	unsigned notify_each; /* enum notify, or'ed: what envelope_add() asks of a recipient */
	enum dsn_return ret;
	char *envid;              /* xtext, or NULL; owned */
	struct requests requests; /* this message's own; what is not asked for is the account's to
				     ask for */
	/*
	 * Private to envelope_add(): a hash table of recipients, each cell an index plus one, or 0.
	 */
	size_t *cells;
	size_t cell_count; /* a power of two, or 0 */
	size_t indexed; /* recipients that the table knows; it is made anew where count is another
			 */
};

void envelope_init(struct envelope *e);
void envelope_release(struct envelope *e);

/*
 * Adds a recipient behind the others unless it is there already (address_equal()'s rule), in a time
 * that does not grow with their number; e->notify_each is asked of it.  One that is there gets
 * notify_join() of both, and stays what it is else: reports name it as it was named first.  On
 * failure the recipients are as they were.
 * Errors: ERR_SYSTEM (memory).
 */
int envelope_add(struct envelope *e, const struct address *address, struct err *err);

/*
 * The same, but with what `like` has: its notify, orcpt, expanded and original are copied.  Its
 * address is not looked at.
 */
int envelope_add_like(struct envelope *e, const struct address *address,
    const struct recipient *like, struct err *err);

/* Replaces the recipient's ORCPT by copies.  Errors: ERR_SYSTEM (memory). */
int recipient_set_orcpt(struct recipient *recipient, const char *type, struct span address,
    struct err *err);

/* Replaces the sender.  Errors: ERR_SYSTEM (memory). */
int envelope_set_sender(struct envelope *e, const struct address *address, struct err *err);

/* How a message came.  Numbers are in the queue's files. */
enum submitted_by {
	SUBMITTED_COMMAND = 0, /* a command line */
	SUBMITTED_SOCKET = 1,  /* the service's socket, which knows the user */
	SUBMITTED_TCP = 2,
};

/* Who handed a message over, as far as is known; told by who took it, never asked for below. */
struct submitter {
	uint64_t uid; /* of the user, or what stands for nobody: SUBMITTED_TCP */
	enum submitted_by by;
};

#endif
