/* SPDX-License-Identifier: ISC */
/*
 * TLS under a stream.  The only file that knows GnuTLS is tls.c.
 */
#ifndef SENDOFF_NET_TLS_H
#define SENDOFF_NET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/stream.h"

struct tls_settings {
	const char *host;	/* the name or address that the certificate must be for; also sent as SNI */
	const char *trust_file;	/* PEM file of trust anchors; NULL: the system's */
	const char *priorities;	/* GnuTLS priority string; NULL: the system's, without TLS 1.0 and 1.1 */
	bool verify;		/* false: any certificate will do, and s->verified stays false */
};

/*
 * Puts TLS (1.2 or later) on the stream.  The server's certificate must lead to a trust anchor, be valid now, name the
 * host (RFC 6125, in a subjectAltName), be for servers (extended key usage), and use no weak keys or signatures.
 * Input that nobody has taken when this is called is an attack (it was sent before TLS) and refused.
 * Errors: ERR_CERTIFICATE (with what was expected and what was presented), ERR_TLS (handshake, unread input),
 * ERR_TIMEOUT, ERR_LOST, ERR_CONFIG (trust file, priorities), ERR_SYSTEM.
 */
int tls_start(struct stream *s, const struct tls_settings *settings, int64_t deadline, struct err *err);

/* Appends "TLS1.3 ECDHE-… AES-256-GCM" for the log; nothing where the stream has no TLS. */
void tls_describe(const struct stream *s, struct buf *out);

#endif
