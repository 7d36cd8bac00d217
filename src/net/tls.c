/* SPDX-License-Identifier: ISC */
#include "net/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

/*
 * What NORMAL still allows on Debian 12 and nobody should: TLS 1.0 and 1.1 (RFC 8996), and keys of under 2048 bits.
 */
#define PRIORITIES "-VERS-TLS1.0:-VERS-TLS1.1:%PROFILE_MEDIUM"

struct tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	const struct tls_settings *settings;	/* valid during the handshake */
	struct err *verdict;			/* where the verification puts its reason; during the handshake */
	bool refused;				/* … and has put it there */
	bool resend;				/* GnuTLS holds a record of ours: send it on before anything else */
	bool ended;
};

static enum stream_result
tls_failed(const struct tls *tls, int code, struct err *err)
{
	enum err_kind kind = ERR_TLS;

	if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
		return STREAM_AGAIN;
	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PUSH_ERROR || code == GNUTLS_E_PULL_ERROR)
		kind = ERR_LOST;
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED)
		err_set(err, kind, "the server says: %s",
		    gnutls_alert_get_name(gnutls_alert_get(tls->session)));
	else if (code == GNUTLS_E_PREMATURE_TERMINATION)
		err_set(err, kind, "the server cut the connection");
	else
		err_set(err, kind, "%s", gnutls_strerror(code));
	err->library_code = code;
	return STREAM_FAILED;
}

static enum stream_result
tls_recv(void *self, void *data, size_t cap, size_t *got, struct err *err)
{
	struct tls *tls = self;
	ssize_t n;

	/* A post-handshake message (a new session ticket) shows as AGAIN although more may be buffered. */
	do
		n = gnutls_record_recv(tls->session, data, cap);
	while (n == GNUTLS_E_AGAIN && gnutls_record_check_pending(tls->session) > 0);
	if (n > 0) {
		*got = (size_t)n;
		return STREAM_OK;
	}
	/* Without a close_notify it is an end too: what it means is for the reader, who knows what was still due. */
	if (n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION) {
		tls->ended = true;
		return STREAM_END;
	}
	return tls_failed(tls, (int)n, err);
}

static enum stream_result
tls_send(void *self, const void *data, size_t len, size_t *sent, struct err *err)
{
	struct tls *tls = self;
	ssize_t n = gnutls_record_send(tls->session, tls->resend ? NULL : data, tls->resend ? 0 : len);

	tls->resend = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
	if (n < 0)
		return tls_failed(tls, (int)n, err);
	*sent = (size_t)n;
	return STREAM_OK;
}

static bool
tls_pending(const void *self)
{
	const struct tls *tls = self;

	return gnutls_record_check_pending(tls->session) > 0;
}

static unsigned
tls_events(const void *self, unsigned wanted)
{
	(void)self;
	return wanted;
}

static void
tls_close(void *self)
{
	struct tls *tls = self;

	if (!tls->ended && !tls->resend)
		gnutls_bye(tls->session, GNUTLS_SHUT_WR);
	gnutls_deinit(tls->session);
	gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

static const struct stream_layer tls_layer = { tls_recv, tls_send, tls_pending, tls_events, tls_close };

/* Verification: the verdict in words. */

static void
add_date(struct buf *out, time_t when)
{
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	buf_adds(out, text);
}

static void
add_names(struct buf *out, gnutls_x509_crt_t crt)
{
	char name[512];
	size_t len = sizeof(name) - 1;
	int type;

	for (unsigned i = 0; i < 32; i++, len = sizeof(name) - 1) {
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
		if (type != GNUTLS_SAN_DNSNAME)
			continue;
		if (out->len > 0)
			buf_adds(out, ", ");
		text_printable(out, (struct span){ name, len }, false);
	}
}

static bool
has_alt_name(gnutls_x509_crt_t crt)
{
	char name[1];
	size_t len = 0;

	return gnutls_x509_crt_get_subject_alt_name(crt, 0, name, &len, NULL) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

static void
add_dn(struct buf *out, gnutls_x509_crt_t crt, bool issuer)
{
	gnutls_datum_t text = { NULL, 0 };
	int code = issuer ? gnutls_x509_crt_get_issuer_dn3(crt, &text, 0) : gnutls_x509_crt_get_dn3(crt, &text, 0);

	if (code < 0)
		return;
	text_printable(out, (struct span){ (const char *)text.data, text.size }, false);
	gnutls_free(text.data);
}

static void
say_name(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	struct buf names = BUF_INIT(2048);

	add_names(&names, crt);
	buf_addf(out, "the server's certificate is not for %s but for %s", settings->host,
	    names.len > 0 ? names.data : "no name at all");
	buf_release(&names);
}

static void
say_expired(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)settings;
	buf_adds(out, "a certificate of the server expired (the server's own is valid until ");
	add_date(out, gnutls_x509_crt_get_expiration_time(crt));
	buf_adds(out, ", it is now ");
	add_date(out, time(NULL));
	buf_adds(out, ")");
}

static void
say_too_early(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)settings;
	buf_adds(out, "a certificate of the server is not yet valid (the server's own from ");
	add_date(out, gnutls_x509_crt_get_activation_time(crt));
	buf_adds(out, ", it is now ");
	add_date(out, time(NULL));
	buf_adds(out, "; is this machine's clock right?)");
}

static void
say_issuer(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	const char *where = settings->trust_file != NULL ? settings->trust_file : "the system's trust store";

	if (gnutls_x509_crt_check_issuer(crt, crt) != 0) {
		buf_addf(out, "the server's certificate is self-signed and not in %s", where);
		return;
	}
	buf_adds(out, "the issuer of the server's certificate is not trusted: ");
	add_dn(out, crt, true);
	buf_addf(out, " is not in %s, or the server left out an intermediate certificate", where);
}

static void
say_purpose(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)crt;
	(void)settings;
	buf_adds(out, "the server's certificate is not meant for servers (extended key usage)");
}

static void
say_weak(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	unsigned bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	const char *signature = gnutls_sign_get_name(gnutls_x509_crt_get_signature_algorithm(crt));

	(void)settings;
	buf_addf(out, "a certificate of the server is too weak (the server's own: %s key of %u bits, signed with %s)",
	    algorithm < 0 ? "unknown" : gnutls_pk_algorithm_get_name((gnutls_pk_algorithm_t)algorithm), bits,
	    signature != NULL ? signature : "an unknown algorithm");
}

static void
say_revoked(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)crt;
	(void)settings;
	buf_adds(out, "the server's certificate was revoked by its issuer");
}

static void
say_staple(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)crt;
	(void)settings;
	buf_adds(out, "the server's certificate demands an OCSP staple, and the server sent none that is valid");
}

/* The reasons of GnuTLS, most telling first, and how each is said. */
static const struct {
	unsigned status;
	void (*say)(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings);
} reasons[] = {
	{ GNUTLS_CERT_REVOKED, say_revoked },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA, say_issuer },
	{ GNUTLS_CERT_UNEXPECTED_OWNER, say_name },
	{ GNUTLS_CERT_EXPIRED, say_expired },
	{ GNUTLS_CERT_NOT_ACTIVATED, say_too_early },
	{ GNUTLS_CERT_PURPOSE_MISMATCH, say_purpose },
	{ GNUTLS_CERT_INSECURE_ALGORITHM, say_weak },
	{ GNUTLS_CERT_MISSING_OCSP_STATUS | GNUTLS_CERT_INVALID_OCSP_STATUS, say_staple },
};

/* Whatever GnuTLS says, where no row of the table does. */
static void
say_other(struct buf *out, unsigned status)
{
	gnutls_datum_t text = { NULL, 0 };

	buf_adds(out, "the server's certificate is refused");
	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0)
		return;
	buf_addf(out, ": %s", (const char *)text.data);
	gnutls_free(text.data);
}

static void
add_fingerprint(struct buf *out, gnutls_x509_crt_t crt)
{
	unsigned char id[32];
	char text[BASE64_ENCODE_RAW_LENGTH(sizeof(id)) + 1] = "";
	size_t len = sizeof(id);

	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &len) < 0)
		return;
	base64_encode_raw(text, len, id);
	buf_addf(out, "sha256//%s", text);
}

static void
explain(struct tls *tls, gnutls_x509_crt_t crt, unsigned status)
{
	struct buf text = BUF_INIT(4096), pin = BUF_INIT(128);

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]) && text.len == 0; i++)
		if ((status & reasons[i].status) != 0)
			reasons[i].say(&text, crt, tls->settings);
	if (text.len == 0)
		say_other(&text, status);
	add_fingerprint(&pin, crt);
	tls->refused = true;
	err_set(tls->verdict, ERR_CERTIFICATE, "%s", text.data);
	err_hint(tls->verdict, "the server's key is %s; compare it with what its operator says", pin.data);
	buf_release(&text);
	buf_release(&pin);
}

static int
import_leaf(gnutls_session_t session, gnutls_x509_crt_t *crt)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	int code;

	if (chain == NULL || count == 0)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	code = gnutls_x509_crt_init(crt);
	if (code < 0)
		return code;
	code = gnutls_x509_crt_import(*crt, &chain[0], GNUTLS_X509_FMT_DER);
	if (code < 0)
		gnutls_x509_crt_deinit(*crt);
	return code;
}

/* gnutls_certificate_verify_peers() takes what it must not change as not const. */
static gnutls_typed_vdata_st
vdata(gnutls_vdata_types_t type, const char *text)
{
	union {
		const char *in;
		unsigned char *out;
	} cast = { text };

	return (gnutls_typed_vdata_st){ type, cast.out, 0 };
}

/* Called by the handshake; 0 lets it go on. */
static int
verify(gnutls_session_t session)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	gnutls_typed_vdata_st wanted[2] = {
		vdata(GNUTLS_DT_DNS_HOSTNAME, tls->settings->host),
		vdata(GNUTLS_DT_KEY_PURPOSE_OID, GNUTLS_KP_TLS_WWW_SERVER),
	};
	unsigned status = 0;
	gnutls_x509_crt_t crt;
	int code = import_leaf(session, &crt);

	if (code < 0)
		return code;
	code = gnutls_certificate_verify_peers(session, wanted, 2, &status);
	/* GnuTLS 3.7 takes the common name where there is no subjectAltName, and RFC 9525 section 2 does not. */
	if (code >= 0 && status == 0 && !has_alt_name(crt))
		status = GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER;
	if (code >= 0 && status != 0) {
		explain(tls, crt, status);
		code = GNUTLS_E_CERTIFICATE_ERROR;
	}
	gnutls_x509_crt_deinit(crt);
	return code;
}

static int
set_trust(struct tls *tls, struct err *err)
{
	const char *file = tls->settings->trust_file;
	int code;

	if (!tls->settings->verify)
		return 0;
	if (file == NULL)
		code = gnutls_certificate_set_x509_system_trust(tls->credentials);
	else
		code = gnutls_certificate_set_x509_trust_file(tls->credentials, file, GNUTLS_X509_FMT_PEM);
	if (code > 0)
		return 0;
	err_set(err, ERR_CONFIG, "no trusted certificates in %s%s%s", file != NULL ? file : "the system's trust store",
	    code < 0 ? ": " : "", code < 0 ? gnutls_strerror(code) : "");
	return file == NULL ? err_hint(err, "install the package ca-certificates, or set tls_trust_file") : -1;
}

static int
set_priorities(struct tls *tls, struct err *err)
{
	const char *wanted = tls->settings->priorities, *at = "";
	int code;

	if (wanted == NULL)
		code = gnutls_set_default_priority_append(tls->session, PRIORITIES, &at, 0);
	else
		code = gnutls_priority_set_direct(tls->session, wanted, &at);
	if (code >= 0)
		return 0;
	return err_set(err, ERR_CONFIG, "GnuTLS does not take the priorities \"%s\", from \"%s\" on: %s",
	    wanted != NULL ? wanted : PRIORITIES, at, gnutls_strerror(code));
}

/* An address is not sent as server name (RFC 6066 section 3). */
static bool
is_address(const char *host)
{
	return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

static int
set_up(struct tls *tls, int fd, struct err *err)
{
	const struct tls_settings *settings = tls->settings;
	int code = gnutls_certificate_allocate_credentials(&tls->credentials);

	if (code >= 0)
		code = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP);
	if (code >= 0)
		code = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	if (code >= 0 && !is_address(settings->host))
		code = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, settings->host, strlen(settings->host));
	if (code < 0)
		return err_set(err, ERR_SYSTEM, "cannot set up TLS: %s", gnutls_strerror(code));
	if (set_trust(tls, err) < 0 || set_priorities(tls, err) < 0)
		return -1;
	gnutls_session_set_ptr(tls->session, tls);
	if (settings->verify)
		gnutls_session_set_verify_function(tls->session, verify);
	gnutls_transport_set_int(tls->session, fd);
	return 0;
}

/* Says why the handshake failed; the usual cause first: the port speaks something else. */
static int
handshake_failed(struct tls *tls, int code, struct err *err)
{
	if (tls->refused) {
		gnutls_alert_send_appropriate(tls->session, GNUTLS_E_CERTIFICATE_ERROR);
		return -1;
	}
	tls_failed(tls, code, err);
	err->kind = ERR_TLS;
	if (code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH || code == GNUTLS_E_UNEXPECTED_PACKET ||
	    code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET || code == GNUTLS_E_RECORD_OVERFLOW) {
		err_set(err, ERR_TLS, "the server does not speak TLS on this port");
		return err_hint(err, "for STARTTLS, configure smtp://, not smtps:// (msmtp: tls_starttls on)");
	}
	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR) {
		err_set(err, ERR_LOST, "the server closed the connection during the TLS handshake");
		return -1;
	}
	err_wrap(err, "the TLS handshake failed");
	gnutls_alert_send_appropriate(tls->session, code);
	return -1;
}

static int
handshake(struct tls *tls, struct stream *s, int64_t deadline, struct err *err)
{
	for (;;) {
		int code = gnutls_handshake(tls->session);

		if (code >= 0)
			return 0;
		if (gnutls_error_is_fatal(code))
			return handshake_failed(tls, code, err);
		if (code != GNUTLS_E_AGAIN)
			continue;
		if (stream_wait(s, gnutls_record_get_direction(tls->session) == 0 ? STREAM_READABLE : STREAM_WRITABLE,
		    deadline, err) < 0)
			return err_wrap(err, "TLS handshake");
	}
}

static void
tls_free(struct tls *tls)
{
	if (tls->session != NULL)
		gnutls_deinit(tls->session);
	if (tls->credentials != NULL)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

int
tls_start(struct stream *s, const struct tls_settings *settings, int64_t deadline, struct err *err)
{
	struct tls *tls;

	if (stream_has_input(s))
		return err_set(err, ERR_TLS, "the server sent something before TLS began: someone may tamper with the connection");
	tls = calloc(1, sizeof(*tls));
	if (tls == NULL)
		return err_memory(err);
	tls->settings = settings;
	tls->verdict = err;
	if (set_up(tls, s->fd, err) < 0 || handshake(tls, s, deadline, err) < 0) {
		tls_free(tls);
		return -1;
	}
	tls->settings = NULL;
	tls->verdict = NULL;
	s->layer = &tls_layer;
	s->self = tls;
	s->encrypted = true;
	s->verified = settings->verify;
	return 0;
}

void
tls_describe(const struct stream *s, struct buf *out)
{
	const struct tls *tls = s->self;
	char *text;

	if (s->layer != &tls_layer)
		return;
	text = gnutls_session_get_desc(tls->session);
	buf_adds(out, text != NULL ? text : "TLS");
	gnutls_free(text);
}
