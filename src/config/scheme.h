/* SPDX-License-Identifier: ISC */
/*
 * The schemes of server URLs, and what each means.
 */
#ifndef SENDOFF_CONFIG_SCHEME_H
#define SENDOFF_CONFIG_SCHEME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "config/account.h"

struct scheme {
	const char *prefix; /* of the URL, "smtps://" */
	enum server_scheme scheme;
	uint16_t port;     /* where the URL has none; 0: it has to be given */
	enum tls_mode tls; /* where the account does not say; never TLS_DEFAULT */
	bool socket;       /* what follows is the path of a Unix socket, where TLS makes no sense */
	bool lmtp;
	bool later; /* not in this version */
};

/* That of a URL, by its begin; NULL: none. */
const struct scheme *scheme_find(struct span url);

/* That of a server. */
const struct scheme *scheme_of(enum server_scheme scheme);

#endif
