/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms (RFC 4422), client side.  The only file that knows libgsasl is sasl.c.
 */
#ifndef SENDOFF_SMTP_SASL_H
#define SENDOFF_SMTP_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct sasl_mechanism {
	const char *name;	/* upper case, as in EHLO */
	bool client_first;	/* the client begins: has an initial response */
	bool mutual;		/* the server proves itself too: success counts only after that */
};

/* The mechanisms this program knows, best first; NULL behind the last. */
const struct sasl_mechanism *sasl_mechanism(size_t i);
/* By name; NULL where it is unknown. */
const struct sasl_mechanism *sasl_find(const char *name);

struct sasl;

/*
 * Begins a login of user with the secret at the server called host.  *sasl is the caller's, for sasl_end().
 * Errors: ERR_LOGIN (the mechanism cannot be used), ERR_SYSTEM.
 */
int sasl_begin(struct sasl **sasl, const struct sasl_mechanism *mechanism, const char *user, const struct buf *secret,
    const char *host, struct err *err);

/*
 * Answers a challenge (decoded; empty at first for client_first): the response, not encoded, goes to the secret buf
 * response, which is emptied first.  Errors: ERR_LOGIN (the challenge is wrong, or the server did not prove itself).
 */
int sasl_step(struct sasl *sasl, struct span challenge, struct buf *response, struct err *err);

/* True where nothing is left to do: a mutual mechanism has seen the server's proof. */
bool sasl_is_done(const struct sasl *sasl);

void sasl_end(struct sasl *sasl);

#endif
