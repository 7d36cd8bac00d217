/* SPDX-License-Identifier: ISC */
/*
 * Names to addresses.
 */
#ifndef SENDOFF_NET_RESOLVE_H
#define SENDOFF_NET_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum { RESOLVE_ADDRESSES_MAX = 16 }; /* of one name; more are not tried */

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct addresses {
	size_t count;
	struct address list[RESOLVE_ADDRESSES_MAX];
};

/*
 * The addresses of host, a name or an IPv4 or IPv6 address (fe80::1%eth0 too), each with the port,
 * in the order in which they are to be tried (RFC 8305 section 4).  Names are looked up by
 * getaddrinfo(3), which takes as long as it likes: a child calls it, and is killed at the deadline.
 * A literal address, and "localhost" (this machine, whatever a resolver or a hosts file may say, or
 * lack: RFC 6761 section 6.3), are looked up here and at once.
 * Errors: ERR_HOST_UNKNOWN (the name does not exist), ERR_RESOLVE (no answer), ERR_SYSTEM (there
 * cannot be a child).
 */
int resolve(const char *host, uint16_t port, int64_t deadline, struct addresses *found,
    struct err *err);

#endif
