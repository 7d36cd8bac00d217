/* SPDX-License-Identifier: ISC */
/*
 * TLSA records of a server (RFC 6698), from an answer that DNSSEC vouches for.
 */
#ifndef SENDOFF_NET_DANE_H
#define SENDOFF_NET_DANE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/tls.h"

enum { DANE_RECORDS_MAX = 16 };

/*
 * Asks for _PORT._tcp.HOST, by the servers of resolv.conf, and no longer than until the deadline.
 * *count is 0 where there are none, where the host is an address, or
 * where the resolver cannot be trusted to have checked DNSSEC: it is trusted where it runs on this
 * machine, or resolv.conf says trust-ad.
 * Errors: ERR_RESOLVE: a trusted resolver failed, which may be an attack that hides the records
 * (RFC 7672 section 2.1.2); but not where the host's addresses are not signed either: then nothing
 * could be hidden, and name servers that fail at types they do not know are many (section 2.2.2).
 */
int dane_look_up(const char *host, uint16_t port, int64_t deadline,
    struct tlsa records[static DANE_RECORDS_MAX], size_t *count, struct err *err);

#endif
