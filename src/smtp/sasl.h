/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms (RFC 4422), client side.  The only file that knows libgsasl is sasl.c.
 */
#ifndef SENDOFF_SMTP_SASL_H
#define SENDOFF_SMTP_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "format/mechanism.h"

struct sasl_credentials {
	const char *user;
	const struct buf *secret; /* password or token; empty where the mechanism needs none */
	const char *host;         /* the server's name and port, as configured */
	uint16_t port;
	const char *domain;        /* NTLM's domain, or NULL */
	const struct buf *binding; /* the channel binding, or empty */
};

struct sasl;

/*
 * Begins a login.  *sasl is the caller's, for sasl_end(), whatever comes back; the credentials stay
 * valid that long.
 * Errors: ERR_LOGIN (the mechanism cannot be used), ERR_SYSTEM.
 */
int sasl_begin(struct sasl **sasl, const struct mechanism *mechanism,
    const struct sasl_credentials *credentials, struct err *err);

/*
 * Answers a challenge (decoded; empty at first for client_first): the response, not encoded, goes
 * to the secret buf response, which is emptied first.  Errors: ERR_LOGIN (the challenge is wrong,
 * or the server did not prove itself).
 */
int sasl_step(struct sasl *sasl, struct span challenge, struct buf *response, struct err *err);

/* True where nothing is left to do: a mutual mechanism has seen the server's proof. */
bool sasl_is_done(const struct sasl *sasl);

/*
 * What the server said about a refused token (RFC 7628 section 3.2.2): JSON, raw; empty where it
 * said nothing.
 */
struct span sasl_token_error(const struct sasl *sasl);

void sasl_end(struct sasl *sasl);

#endif
