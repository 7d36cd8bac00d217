/* SPDX-License-Identifier: ISC */
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "net/gnutls_late.h"
#include "net/verify.h"

/*
 * What NORMAL still allows on Debian 12 and nobody should: TLS 1.0 and 1.1 (RFC 8996), and keys of
 * under 2048 bits.
 */
#define PRIORITIES "-VERS-TLS1.0:-VERS-TLS1.1:%PROFILE_MEDIUM"

struct tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	const struct tls_settings *settings; /* valid during the handshake */
	struct err *verdict; /* where the verification puts its reason; during the handshake */
	bool refused;        /* … and has put it there */
	bool resend;         /* GnuTLS holds a record of ours: send it on before anything else */
	bool ended;
};

static enum stream_result
tls_failed(const struct tls *tls, int code, struct err *err)
{
	enum err_kind kind = ERR_TLS;

	if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
		return STREAM_AGAIN;
	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PUSH_ERROR ||
	    code == GNUTLS_E_PULL_ERROR)
		kind = ERR_LOST;
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED)
		err_set(err, kind, "the server says: %s",
		    gnutls.alert_get_name(gnutls.alert_get(tls->session)));
	else if (kind == ERR_LOST)
		err_set(err, kind, "the connection broke");
	else
		err_set(err, kind, "%s", gnutls.strerror(code));
	err->library_code = code;
	return STREAM_FAILED;
}

static enum stream_result
tls_recv(void *self, void *data, size_t cap, size_t *got, struct err *err)
{
	struct tls *tls = self;
	ssize_t n;

	/*
	 * A post-handshake message (a new session ticket) shows as AGAIN although more may be
	 * buffered.
	 */
	do
		n = gnutls.record_recv(tls->session, data, cap);
	while (n == GNUTLS_E_AGAIN && gnutls.record_check_pending(tls->session) > 0);
	if (n > 0) {
		*got = (size_t)n;
		return STREAM_OK;
	}
	/*
	 * Without a close_notify it is an end too: what it means is for the reader, who knows what
	 * was still due.
	 */
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
	ssize_t n = gnutls.record_send(tls->session, tls->resend ? NULL : data,
	    tls->resend ? 0 : len);

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

	return gnutls.record_check_pending(tls->session) > 0;
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
		gnutls.bye(tls->session, GNUTLS_SHUT_WR);
	gnutls.deinit(tls->session);
	gnutls.certificate_free_credentials(tls->credentials);
	free(tls);
}

static const struct stream_layer tls_layer = { tls_recv, tls_send, tls_pending, tls_events,
	tls_close };

/* Called by the handshake; 0 lets it go on. */
static int
verify(gnutls_session_t session)
{
	struct tls *tls = gnutls.session_get_ptr(session);
	int code = verify_server(session, tls->credentials, tls->settings, tls->verdict);

	tls->refused = code == GNUTLS_E_CERTIFICATE_ERROR;
	return code;
}

/*
 * GnuTLS opens files as they are, and would wait for the writer of a FIFO for ever.  What is not
 * there, or is no file (a PKCS #11 URL), GnuTLS says more about.
 */
static int
check_file(const char *path, struct err *err)
{
	struct stat st;

	if (path == NULL || stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return err_set(err, ERR_CONFIG, "%s is not a regular file", path);
}

/*
 * The files that trust is in.  The system's store is no such file: verify.c takes from it what it
 * needs.
 */
static int
set_trust(struct tls *tls, struct err *err)
{
	const char *crl = tls->settings->crl_file;
	const char *file = verify_goes_by_tlsa(tls->settings) ? NULL : tls->settings->trust_file;
	int code = 1;

	if (check_file(file, err) < 0 || check_file(crl, err) < 0)
		return -1;
	if (file != NULL)
		code = gnutls.certificate_set_x509_trust_file(tls->credentials, file,
		    GNUTLS_X509_FMT_PEM);
	if (code <= 0)
		return err_set(err, ERR_CONFIG, "no trusted certificates in %s: %s", file,
		    code < 0 ? gnutls.strerror(code) : "there are none");
	if (crl != NULL)
		code = gnutls.certificate_set_x509_crl_file(tls->credentials, crl,
		    GNUTLS_X509_FMT_PEM);
	if (code < 0)
		return err_set(err, ERR_CONFIG, "no revocation list in %s: %s", crl,
		    gnutls.strerror(code));
	return 0;
}

/* A key that others can read is no secret: the same rule as for passwords. */
static int
check_key_file(const char *path, struct err *err)
{
	struct stat st;

	if (span_starts_nocase(span_of(path), "pkcs11:"))
		return 0;
	if (stat(path, &st) < 0)
		return err_sys(err, ERR_CONFIG, "cannot open the key %s", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	err_set(err, ERR_CONFIG, "others than its owner can read the key %s", path);
	return err_hint(err, "chmod 600 '%s'", path);
}

static int
set_client_certificate(struct tls *tls, struct err *err)
{
	const char *cert = tls->settings->cert_file;
	const char *key = tls->settings->key_file != NULL ? tls->settings->key_file : cert;
	int code;

	if (cert == NULL)
		return 0;
	if (check_file(cert, err) < 0 || check_file(key, err) < 0 || check_key_file(key, err) < 0)
		return -1;
	code = gnutls.certificate_set_x509_key_file2(tls->credentials, cert, key,
	    GNUTLS_X509_FMT_PEM, NULL, 0);
	return code >= 0 ?
	    0 :
	    err_set(err, ERR_CONFIG, "cannot use the client certificate %s with the key %s: %s",
		cert, key, gnutls.strerror(code));
}

static int
set_priorities(struct tls *tls, struct err *err)
{
	const char *wanted = tls->settings->priorities, *at = "";
	struct buf text = BUF_INIT(ERR_TEXT_MAX);
	int code;

	buf_adds(&text, wanted != NULL ? wanted : PRIORITIES);
	if (tls->settings->only_tls13)
		buf_adds(&text,
		    wanted != NULL ? ":-VERS-TLS1.0:-VERS-TLS1.1:-VERS-TLS1.2" : ":-VERS-TLS1.2");
	if (wanted == NULL)
		code = gnutls.set_default_priority_append(tls->session, text.data, &at, 0);
	else
		code = gnutls.priority_set_direct(tls->session, text.data, &at);
	if (code < 0)
		err_set(err, ERR_CONFIG,
		    "GnuTLS does not take the priorities \"%s\", from \"%s\" on: %s", text.data, at,
		    gnutls.strerror(code));
	buf_release(&text);
	return code < 0 ? -1 : 0;
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
	int code = gnutls.certificate_allocate_credentials(&tls->credentials);

	if (code >= 0)
		code = gnutls.init(&tls->session,
		    GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP);
	if (code >= 0)
		code = gnutls.credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE,
		    tls->credentials);
	if (code >= 0 && !is_address(settings->host))
		code = gnutls.server_name_set(tls->session, GNUTLS_NAME_DNS, settings->host,
		    strlen(settings->host));
	if (code < 0)
		return err_set(err, ERR_SYSTEM, "cannot set up TLS: %s", gnutls.strerror(code));
	if (set_trust(tls, err) < 0 || set_client_certificate(tls, err) < 0 ||
	    set_priorities(tls, err) < 0)
		return -1;
	gnutls.session_set_ptr(tls->session, tls);
	if (settings->verify)
		gnutls.session_set_verify_function(tls->session, verify);
	gnutls.transport_set_int2(tls->session, fd, fd);
	return 0;
}

/* Says why the handshake failed; the usual cause first: the port speaks something else. */
static int
handshake_failed(struct tls *tls, int code, struct err *err)
{
	if (tls->refused) {
		gnutls.alert_send_appropriate(tls->session, GNUTLS_E_CERTIFICATE_ERROR);
		return -1;
	}
	tls_failed(tls, code, err);
	err->kind = ERR_TLS;
	if (code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH || code == GNUTLS_E_UNEXPECTED_PACKET ||
	    code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET || code == GNUTLS_E_RECORD_OVERFLOW) {
		err_set(err, ERR_TLS, "the server does not speak TLS on this port");
		return err_hint(err,
		    "for STARTTLS, configure smtp://, not smtps:// (msmtp: tls_starttls on)");
	}
	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR ||
	    code == GNUTLS_E_PUSH_ERROR) {
		err_set(err, ERR_LOST, "the server closed the connection during the TLS handshake");
		return -1;
	}
	err_wrap(err, "the TLS handshake failed");
	gnutls.alert_send_appropriate(tls->session, code);
	return -1;
}

static int
handshake(struct tls *tls, struct stream *s, int64_t deadline, struct err *err)
{
	for (;;) {
		int code = gnutls.handshake(tls->session);

		if (code >= 0)
			return 0;
		if (gnutls.error_is_fatal(code))
			return handshake_failed(tls, code, err);
		if (code != GNUTLS_E_AGAIN)
			continue;
		if (stream_wait(s,
			gnutls.record_get_direction(tls->session) == 0 ? STREAM_READABLE :
									 STREAM_WRITABLE,
			deadline, err) < 0)
			return err_wrap(err, "TLS handshake");
	}
}

static void
tls_free(struct tls *tls)
{
	if (tls->session != NULL)
		gnutls.deinit(tls->session);
	if (tls->credentials != NULL)
		gnutls.certificate_free_credentials(tls->credentials);
	free(tls);
}

int
tls_start(struct stream *s, const struct tls_settings *settings, int64_t deadline, struct err *err)
{
	struct tls *tls;

	if (stream_has_input(s))
		return err_set(err, ERR_TLS,
		    "the server sent something before TLS began: someone may tamper with the connection");
	if (gnutls_late_load(err) < 0)
		return -1;
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

bool
tls_channel_binding(const struct stream *s, struct buf *out)
{
	const struct tls *tls = s->self;
	gnutls_datum_t binding = { NULL, 0 };

	if (s->layer != &tls_layer ||
	    gnutls.session_channel_binding(tls->session, GNUTLS_CB_TLS_EXPORTER, &binding) < 0)
		return false;
	buf_add(out, binding.data, binding.size);
	(*gnutls.free)(binding.data);
	return buf_ok(out);
}

void
tls_describe(const struct stream *s, struct buf *out)
{
	const struct tls *tls = s->self;
	char *text;

	if (s->layer != &tls_layer)
		return;
	text = gnutls.session_get_desc(tls->session);
	buf_adds(out, text != NULL ? text : "TLS");
	(*gnutls.free)(text);
}
