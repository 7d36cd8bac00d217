/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms (RFC 4422) by name, and what each takes.
 */
#ifndef SENDOFF_FORMAT_MECHANISM_H
#define SENDOFF_FORMAT_MECHANISM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* What a mechanism shows or proves. */
enum proof {
	PROOF_PASSWORD,
	PROOF_TOKEN,       /* OAuth 2.0 */
	PROOF_CERTIFICATE, /* that of the TLS connection */
	PROOF_TICKET,      /* Kerberos's: not ours to give */
};

struct mechanism {
	const char *name; /* upper case, as in EHLO */
	enum proof proof;
	bool client_first; /* the client begins: has an initial response */
	bool mutual;       /* the server proves itself too: success counts only after that */
	bool binding;      /* is bound to the TLS channel (tls-exporter, RFC 9266) */
	bool on_request;   /* used only where the configuration names it */
};

/* The mechanisms in the order in which they are tried; NULL behind the last. */
const struct mechanism *mechanism_at(size_t i);

/* By name, without regard to case; NULL where it is unknown. */
const struct mechanism *mechanism_find(struct span name);

#endif
