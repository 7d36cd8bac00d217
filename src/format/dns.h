/* SPDX-License-Identifier: ISC */
/*
 * Answers of the domain name system (RFC 1035 section 4), as far as TLSA records need them.  All of
 * it is foreign.
 */
#ifndef SENDOFF_FORMAT_DNS_H
#define SENDOFF_FORMAT_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum {
	DNS_TYPE_TLSA = 52,
	DNS_ANSWERS_MAX = 256, /* records that are looked at */
};

struct dns_answer {
	bool authenticated; /* the AD bit: the resolver says that DNSSEC vouches for it (RFC 4035
			       section 3.2.3) */
	unsigned code;      /* RCODE: 0 is no error, 3 is no such name */
	struct span rest;   /* what dns_next() still has to look at */
	struct span message;
	unsigned left; /* records in rest */
};

/* Reads the head and skips the question.  False where the message is none. */
bool dns_open(struct dns_answer *answer, struct span message);

/*
 * The data of the next record of that type (class IN), whatever its name; false behind the last, or
 * where it is broken.
 */
bool dns_next(struct dns_answer *answer, unsigned type, struct span *data);

#endif
