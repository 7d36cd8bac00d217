/* SPDX-License-Identifier: ISC */
/*
 * The SASL mechanisms that `auth` can name.  smtp/sasl.c does them; it lies above and cannot be
 * asked.
 */
#ifndef SENDOFF_CONFIG_MECHANISM_H
#define SENDOFF_CONFIG_MECHANISM_H

#include "base/span.h"

enum proof {
	PROOF_PASSWORD,
	PROOF_TOKEN,       /* OAuth 2.0 */
	PROOF_CERTIFICATE, /* that of the TLS connection */
	PROOF_TICKET,      /* Kerberos's: not ours to give */
};

struct mechanism {
	const char *name; /* upper case */
	enum proof proof; /* what it logs in with */
};

/* Without regard to case; NULL where there is none of that name. */
const struct mechanism *mechanism_find(struct span name);

#endif
