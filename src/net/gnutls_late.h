/* SPDX-License-Identifier: ISC */
/*
 * What is used of GnuTLS, which is loaded with the first handshake.  For tls.c, verify.c and
 * digest.c only.
 */
#ifndef SENDOFF_NET_GNUTLS_LATE_H
#define SENDOFF_NET_GNUTLS_LATE_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/err.h"
#include "base/late.h"

/* free is a variable of the library, in which a pointer to the function is. */
#define GNUTLS_FUNCTIONS(FUNCTION) \
	FUNCTION(gnutls_, alert_get) \
	FUNCTION(gnutls_, alert_get_name) \
	FUNCTION(gnutls_, alert_send_appropriate) \
	FUNCTION(gnutls_, bye) \
	FUNCTION(gnutls_, certificate_allocate_credentials) \
	FUNCTION(gnutls_, certificate_free_credentials) \
	FUNCTION(gnutls_, certificate_get_peers) \
	FUNCTION(gnutls_, certificate_set_x509_crl_file) \
	FUNCTION(gnutls_, certificate_set_x509_key_file2) \
	FUNCTION(gnutls_, certificate_set_x509_system_trust) \
	FUNCTION(gnutls_, certificate_set_x509_trust) \
	FUNCTION(gnutls_, certificate_set_x509_trust_file) \
	FUNCTION(gnutls_, certificate_set_x509_trust_mem) \
	FUNCTION(gnutls_, certificate_verification_status_print) \
	FUNCTION(gnutls_, certificate_verify_peers) \
	FUNCTION(gnutls_, credentials_set) \
	FUNCTION(gnutls_, deinit) \
	FUNCTION(gnutls_, error_is_fatal) \
	FUNCTION(gnutls_, free) \
	FUNCTION(gnutls_, handshake) \
	FUNCTION(gnutls_, hash) \
	FUNCTION(gnutls_, hash_deinit) \
	FUNCTION(gnutls_, hash_fast) \
	FUNCTION(gnutls_, hash_get_len) \
	FUNCTION(gnutls_, hash_init) \
	FUNCTION(gnutls_, init) \
	FUNCTION(gnutls_, pk_algorithm_get_name) \
	FUNCTION(gnutls_, priority_set_direct) \
	FUNCTION(gnutls_, pubkey_deinit) \
	FUNCTION(gnutls_, pubkey_export2) \
	FUNCTION(gnutls_, pubkey_import_x509) \
	FUNCTION(gnutls_, pubkey_init) \
	FUNCTION(gnutls_, record_check_pending) \
	FUNCTION(gnutls_, record_get_direction) \
	FUNCTION(gnutls_, record_recv) \
	FUNCTION(gnutls_, record_send) \
	FUNCTION(gnutls_, server_name_set) \
	FUNCTION(gnutls_, session_channel_binding) \
	FUNCTION(gnutls_, session_get_desc) \
	FUNCTION(gnutls_, session_get_ptr) \
	FUNCTION(gnutls_, session_set_ptr) \
	FUNCTION(gnutls_, session_set_verify_function) \
	FUNCTION(gnutls_, set_default_priority_append) \
	FUNCTION(gnutls_, sign_get_name) \
	FUNCTION(gnutls_, strerror) \
	FUNCTION(gnutls_, transport_set_int2) \
	FUNCTION(gnutls_, x509_crt_check_issuer) \
	FUNCTION(gnutls_, x509_crt_deinit) \
	FUNCTION(gnutls_, x509_crt_export2) \
	FUNCTION(gnutls_, x509_crt_get_activation_time) \
	FUNCTION(gnutls_, x509_crt_get_dn3) \
	FUNCTION(gnutls_, x509_crt_get_expiration_time) \
	FUNCTION(gnutls_, x509_crt_get_issuer_dn3) \
	FUNCTION(gnutls_, x509_crt_get_pk_algorithm) \
	FUNCTION(gnutls_, x509_crt_get_raw_dn) \
	FUNCTION(gnutls_, x509_crt_get_raw_issuer_dn) \
	FUNCTION(gnutls_, x509_crt_get_signature_algorithm) \
	FUNCTION(gnutls_, x509_crt_get_subject_alt_name) \
	FUNCTION(gnutls_, x509_crt_import) \
	FUNCTION(gnutls_, x509_crt_init)

/*
 * gnutls.init() is gnutls_init(), and so on: once gnutls_late_load() has returned 0, and not
 * before.
 */
struct gnutls_functions {
	GNUTLS_FUNCTIONS(LATE_POINTER)
};
extern struct gnutls_functions gnutls;

/* As late_load(). */
int gnutls_late_load(struct err *err);

#endif
