/* SPDX-License-Identifier: ISC */
/*
 * Questions to the domain name system and its answers (RFC 1035 section 4), as far as TLSA records
 * need them; and who is to be asked.  All of it is foreign.
 */
#ifndef SENDOFF_FORMAT_DNS_H
#define SENDOFF_FORMAT_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_TLSA = 52,
	DNS_ANSWERS_MAX = 256,   /* records that are looked at */
	DNS_DATAGRAM_MAX = 1232, /* octets of an answer that we take in one datagram */
	DNS_SERVERS_MAX = 3,     /* of resolv.conf */
};

enum dns_code {
	DNS_NO_ERROR = 0,
	DNS_FORMAT_ERROR = 1,
	DNS_NO_SUCH_NAME = 3,
};

/*
 * Appends a question for the records of that type (class IN) of a name, which is taken as it is;
 * the final dot may be missing.  It asks for recursion and for the AD bit (RFC 6840 section 5.7);
 * extended (RFC 6891), for DNSSEC too, with room for DNS_DATAGRAM_MAX octets.  False where the name
 * cannot be one.
 */
bool dns_question(struct buf *out, unsigned id, const char *name, unsigned type, bool extended);

struct dns_answer {
	bool authenticated; /* the AD bit: the resolver says that DNSSEC vouches for it (RFC 4035
			       section 3.2.3) */
	bool truncated;     /* the TC bit: there is more, over TCP */
	unsigned code;      /* RCODE (enum dns_code) */
	struct span rest;   /* what dns_next() still has to look at */
	struct span message;
	unsigned left; /* records in rest */
};

/* Reads the head and skips the question.  False where the message is none. */
bool dns_open(struct dns_answer *answer, struct span message);

/* True where the message answers that question: its number, and its name and type. */
bool dns_answers(struct span message, struct span question);

/*
 * The data of the next record of that type (class IN), whatever its name; false behind the last, or
 * where it is broken.
 */
bool dns_next(struct dns_answer *answer, unsigned type, struct span *data);

/* What resolv.conf(5) says: where to ask. */
struct dns_servers {
	struct span address[DNS_SERVERS_MAX]; /* within the text */
	size_t count;
	bool trusted; /* "options trust-ad": their AD bits can be believed */
};

void dns_servers(struct dns_servers *servers, struct span resolv_conf);

#endif
