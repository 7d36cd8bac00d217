/* SPDX-License-Identifier: ISC */
/*
 * The way through others: SOCKS5 (RFC 1928, RFC 1929), HTTP CONNECT (RFC 9110 section 9.3.6), or a
 * command.
 */
#ifndef SENDOFF_NET_PROXY_H
#define SENDOFF_NET_PROXY_H

#include <stdint.h>

#include "base/err.h"
#include "net/stream.h"

enum proxy_kind {
	PROXY_NONE,
	PROXY_SOCKS5,
	PROXY_HTTP,
};

/* An open connection to a proxy becomes one to the host: the name is resolved there, not here. */
struct proxy_target {
	const char *host;
	uint16_t port;
	const char *user, *password; /* for the proxy; NULL: none */
};

/*
 * Errors: ERR_CONNECT (the proxy refuses; the sentence says why), ERR_PROTOCOL, ERR_LOST,
 * ERR_TIMEOUT.
 */
int proxy_socks5(struct stream *s, const struct proxy_target *target, int64_t deadline,
    struct err *err);
int proxy_http(struct stream *s, const struct proxy_target *target, int64_t deadline,
    struct err *err);

/*
 * Connects s to the standard input and output of `/bin/sh -c command`, which gets the host and port
 * as $1 and $2 and ends with the stream.  Errors: ERR_SYSTEM.
 */
int proxy_command(struct stream *s, const char *command, const char *host, uint16_t port,
    int64_t deadline, struct err *err);

/*
 * Waits until something comes through the command, from a server that speaks first: until then
 * nobody knows whether it is reached.  Errors: ERR_TIMEOUT, ERR_SYSTEM.
 */
int proxy_await(struct stream *s, int64_t deadline, struct err *err);

#endif
