/* SPDX-License-Identifier: ISC */
/*
 * Reaching a server: its addresses are tried side by side (Happy Eyeballs, RFC 8305).
 */
#ifndef SENDOFF_NET_DIAL_H
#define SENDOFF_NET_DIAL_H

#include <stdint.h>

#include "base/err.h"
#include "net/stream.h"

enum { DIAL_STAGGER_MS = 250 }; /* between two attempts (RFC 8305 section 8) */

/*
 * Connects s to the host, a name or an IPv4 or IPv6 address, within the deadline, the resolver's
 * time included.  source is the address to connect from, or NULL; then only addresses of its family
 * are tried.
 * Errors: ERR_HOST_UNKNOWN (the name does not exist), ERR_RESOLVE (no answer), ERR_CONNECT (no
 * address took the connection; the sentence has each with its reason), ERR_TIMEOUT, ERR_CONFIG
 * (source is no address), ERR_SYSTEM.
 */
int dial_tcp(struct stream *s, const char *host, uint16_t port, const char *source,
    int64_t deadline, struct err *err);

/*
 * Connects s to a Unix socket.  trusted_socket tells whether the process that listens is root's or
 * the effective user's.  Where the listener's backlog is full, it is tried again until the
 * deadline. Errors: ERR_CONNECT, ERR_TIMEOUT, ERR_CONFIG (the path is too long), ERR_SYSTEM.
 */
int dial_unix(struct stream *s, const char *path, int64_t deadline, struct err *err);

/*
 * Appends "[192.0.2.1]" or "[IPv6:…]", our end of the connection (RFC 5321 section 4.1.3), or
 * "[127.0.0.1]" for others.
 */
void dial_local_literal(const struct stream *s, struct buf *out);

#endif
