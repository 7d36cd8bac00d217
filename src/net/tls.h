/* SPDX-License-Identifier: ISC */
/*
 * TLS under a stream.  GnuTLS is known to tls.c and verify.c alone.
 */
#ifndef SENDOFF_NET_TLS_H
#define SENDOFF_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/stream.h"

/* A TLSA record (RFC 6698 section 2.1), from an authenticated answer. */
struct tlsa {
	unsigned char usage, selector, matching;
	unsigned char data[512];
	size_t len; /* octets of data */
};

struct tls_settings {
	const char *host; /* the name or address that the certificate must be for; also sent as SNI
			   */
	const char *trust_file; /* PEM file of trust anchors; NULL: the system's */
	const char *crl_file;   /* PEM file of revocation lists, or NULL */
	const char *priorities; /* GnuTLS priority string; NULL: the system's, without TLS 1.0
				   and 1.1 */
	bool only_tls13;        /* TLS 1.2 will not do either */
	const char *cert_file;  /* client certificate, PEM file or pkcs11: URL; NULL: none */
	const char *key_file;   /* its key, likewise; a file must be readable by its owner alone */
	/*
	 * Where there are pins, the server's own certificate must match one of them, and that is
	 * enough: chain, name and dates are not looked at.  "sha256//" and the base64 of the key's
	 * SHA-256 (SubjectPublicKeyInfo), or the certificate's SHA-256 or SHA-1 in hexadecimal,
	 * colons allowed.
	 */
	char *const *pins;
	size_t pin_count;
	/*
	 * Where there are records of usage 2 or 3, the server must match one of them, whatever else
	 * is trusted.
	 */
	const struct tlsa *tlsa;
	size_t tlsa_count;
	bool verify; /* false: any certificate will do, and s->verified stays false */
};

/*
 * Puts TLS (1.2 or later) on the stream.  The server's certificate must lead to a trust anchor, be
 * valid now, name the host (RFC 6125, in a subjectAltName), be for servers (extended key usage),
 * and use no weak keys or signatures; or match a pin or a TLSA record.
 * Input that nobody has taken when this is called is an attack (it was sent before TLS) and
 * refused.
 * Errors: ERR_CERTIFICATE (with what was expected and what was presented), ERR_TLS (handshake,
 * unread input), ERR_TIMEOUT, ERR_LOST, ERR_CONFIG (trust file, priorities, client certificate),
 * ERR_SYSTEM.
 */
int tls_start(struct stream *s, const struct tls_settings *settings, int64_t deadline,
    struct err *err);

/* True where the text has the form of a pin. */
bool tls_pin_is_valid(const char *pin);

/*
 * Appends the channel binding of type tls-exporter (RFC 9266), 32 octets; false where the stream
 * has none.
 */
bool tls_channel_binding(const struct stream *s, struct buf *out);

/* Appends "(TLS1.3)-(ECDHE-…)" for the log; nothing where the stream has no TLS. */
void tls_describe(const struct stream *s, struct buf *out);

#endif
