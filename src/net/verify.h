/* SPDX-License-Identifier: ISC */
/*
 * Is the server the one we mean?  Called from within the handshake.  For tls.c only.
 */
#ifndef SENDOFF_NET_VERIFY_H
#define SENDOFF_NET_VERIFY_H

#include <gnutls/gnutls.h>

#include "base/err.h"
#include "net/tls.h"

/*
 * True where there are TLSA records that can be used: they alone decide then, and no other anchor
 * may be in the credentials, for a server can present the certificate that DNS names next to one
 * that another authority signed.
 */
bool verify_goes_by_tlsa(const struct tls_settings *settings);

/*
 * Judges what the server presented: by pins, by TLSA records, or by trust anchors, which are added
 * to credentials as they are needed.  0, or a GnuTLS error code; with GNUTLS_E_CERTIFICATE_ERROR
 * err says what is wrong.
 */
int verify_server(gnutls_session_t session, gnutls_certificate_credentials_t credentials,
    const struct tls_settings *settings, struct err *err);

#endif
