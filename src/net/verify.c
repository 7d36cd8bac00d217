/* SPDX-License-Identifier: ISC */
#include "net/verify.h"

#include <string.h>
#include <time.h>

#include "base/text.h"
#include "format/codec.h"
#include "net/anchors.h"
#include "net/gnutls_late.h"

#define PIN_PREFIX "sha256//"

enum {
	CHAIN_MAX = 16,  /* certificates of a chain that are looked at */
	SHA256_LEN = 32, /* octets */
	DIGEST_MAX = 64, /* octets of SHA-512 */
};

/* One judgement. */
struct judge {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	const struct tls_settings *settings;
	gnutls_x509_crt_t chain[CHAIN_MAX]; /* what the server presented, its own first */
	unsigned count;
	struct err *err;
};

/* The verdict in words. */

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
		type = gnutls.x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
		if (type != GNUTLS_SAN_DNSNAME)
			continue;
		if (out->len > 0)
			buf_adds(out, ", ");
		text_printable(out, (struct span){ name, len }, false);
	}
}

static void
add_dn(struct buf *out, gnutls_x509_crt_t crt, bool issuer)
{
	gnutls_datum_t text = { NULL, 0 };
	int code = issuer ? gnutls.x509_crt_get_issuer_dn3(crt, &text, 0) :
			    gnutls.x509_crt_get_dn3(crt, &text, 0);

	if (code < 0)
		return;
	text_printable(out, (struct span){ (const char *)text.data, text.size }, false);
	(*gnutls.free)(text.data);
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
	add_date(out, gnutls.x509_crt_get_expiration_time(crt));
	buf_adds(out, ", it is now ");
	add_date(out, time(NULL));
	buf_adds(out, ")");
}

static void
say_too_early(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	(void)settings;
	buf_adds(out, "a certificate of the server is not yet valid (the server's own from ");
	add_date(out, gnutls.x509_crt_get_activation_time(crt));
	buf_adds(out, ", it is now ");
	add_date(out, time(NULL));
	buf_adds(out, "; is this machine's clock right?)");
}

static void
say_issuer(struct buf *out, gnutls_x509_crt_t crt, const struct tls_settings *settings)
{
	const char *where = settings->trust_file != NULL ? settings->trust_file :
							   "the system's trust store";

	if (gnutls.x509_crt_check_issuer(crt, crt) != 0) {
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
	int algorithm = gnutls.x509_crt_get_pk_algorithm(crt, &bits);
	const char *signature = gnutls.sign_get_name(gnutls.x509_crt_get_signature_algorithm(crt));

	(void)settings;
	buf_addf(out,
	    "a certificate of the server is too weak (the server's own: %s key of %u bits, signed with %s)",
	    algorithm < 0 ? "unknown" :
			    gnutls.pk_algorithm_get_name((gnutls_pk_algorithm_t)algorithm),
	    bits, signature != NULL ? signature : "an unknown algorithm");
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
	buf_adds(out,
	    "the server's certificate demands an OCSP staple, and the server sent none that is valid");
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
	if (gnutls.certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0)
		return;
	buf_addf(out, ": %s", (const char *)text.data);
	(*gnutls.free)(text.data);
}

/*
 * The digest of the certificate, or of its key (SubjectPublicKeyInfo); the number of octets, 0
 * where there is none.
 */
static size_t
digest(gnutls_x509_crt_t crt, bool key, gnutls_digest_algorithm_t algorithm,
    unsigned char out[static DIGEST_MAX])
{
	gnutls_datum_t der = { NULL, 0 };
	gnutls_pubkey_t pubkey = NULL;
	size_t len = 0;
	int code;

	if (key) {
		code = gnutls.pubkey_init(&pubkey);
		if (code >= 0)
			code = gnutls.pubkey_import_x509(pubkey, crt, 0);
		if (code >= 0)
			code = gnutls.pubkey_export2(pubkey, GNUTLS_X509_FMT_DER, &der);
		gnutls.pubkey_deinit(pubkey);
	} else {
		code = gnutls.x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
	}
	if (code >= 0 && gnutls.hash_fast(algorithm, der.data, der.size, out) >= 0)
		len = gnutls.hash_get_len(algorithm);
	(*gnutls.free)(der.data);
	return len;
}

/* The pin of the server's key, in the form in which tls_fingerprint takes it. */
static void
add_pin(struct buf *out, gnutls_x509_crt_t crt)
{
	unsigned char id[DIGEST_MAX];
	size_t len = digest(crt, true, GNUTLS_DIG_SHA256, id);

	buf_adds(out, PIN_PREFIX);
	base64_add(out, (struct span){ (const char *)id, len });
}

/* Fills the error; the hint is the line that would trust this very key. */
static int
refuse(struct judge *judge, const struct buf *why)
{
	struct buf pin = BUF_INIT(128);

	add_pin(&pin, judge->chain[0]);
	err_set(judge->err, ERR_CERTIFICATE, "%s", why->data);
	err_hint(judge->err,
	    "if the server's operator confirms that this is its key: tls_fingerprint %s", pin.data);
	buf_release(&pin);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int
refuse_status(struct judge *judge, unsigned status)
{
	struct buf text = BUF_INIT(4096);
	int code;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]) && text.len == 0; i++)
		if ((status & reasons[i].status) != 0)
			reasons[i].say(&text, judge->chain[0], judge->settings);
	if (text.len == 0)
		say_other(&text, status);
	code = refuse(judge, &text);
	buf_release(&text);
	return code;
}

/* Pins. */

/*
 * Turns "AB:cd…" into octets; the number of them, 0 where it is no hexadecimal number of at most
 * DIGEST_MAX octets.
 */
static size_t
parse_hex(const char *text, unsigned char out[static DIGEST_MAX])
{
	size_t digits = 0;

	for (; *text != '\0'; text++) {
		const char *at = strchr("0123456789abcdef", ascii_lower(*text));

		if (*text == ':' && digits % 2 == 0)
			continue;
		if (at == NULL || digits >= 2 * (size_t)DIGEST_MAX)
			return 0;
		out[digits / 2] = (unsigned char)((digits % 2 == 0 ? 0 : out[digits / 2] << 4) |
		    (at - "0123456789abcdef"));
		digits++;
	}
	return digits % 2 == 0 ? digits / 2 : 0;
}

/* The octets of a "sha256//" pin; 0 where it is none. */
static size_t
parse_key_pin(const char *text, unsigned char out[static DIGEST_MAX])
{
	struct buf octets = BUF_INIT(DIGEST_MAX);
	size_t len = 0;

	if (strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) != 0)
		return 0;
	if (base64_decode(&octets, span_of(text + strlen(PIN_PREFIX))) && octets.len == SHA256_LEN)
		len = octets.len;
	memcpy(out, octets.data, len);
	buf_release(&octets);
	return len;
}

bool
tls_pin_is_valid(const char *pin)
{
	unsigned char octets[DIGEST_MAX];
	size_t len = parse_hex(pin, octets);

	return len == 32 || len == 20 || parse_key_pin(pin, octets) == 32;
}

static bool
pin_matches(const char *pin, gnutls_x509_crt_t crt)
{
	unsigned char wanted[DIGEST_MAX], got[DIGEST_MAX];
	size_t len = parse_key_pin(pin, wanted);

	if (len > 0)
		return digest(crt, true, GNUTLS_DIG_SHA256, got) == len &&
		    memcmp(wanted, got, len) == 0;
	len = parse_hex(pin, wanted);
	if (len == 0)
		return false;
	return digest(crt, false, len == 32 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_SHA1, got) == len &&
	    memcmp(wanted, got, len) == 0;
}

static int
judge_by_pins(struct judge *judge)
{
	struct buf why = BUF_INIT(4096);
	int code;

	for (size_t i = 0; i < judge->settings->pin_count; i++)
		if (pin_matches(judge->settings->pins[i], judge->chain[0]))
			return 0;
	buf_addf(&why, "the server's certificate is not the one that tls_fingerprint names (%s%s)",
	    judge->settings->pins[0], judge->settings->pin_count > 1 ? ", …" : "");
	code = refuse(judge, &why);
	buf_release(&why);
	return code;
}

/* Trust anchors. */

static void
add_anchor(void *arg, struct span der)
{
	struct judge *judge = arg;
	union {
		const char *in;
		unsigned char *out;
	} cast = { der.data };
	gnutls_datum_t datum = { cast.out, (unsigned)der.len };

	gnutls.certificate_set_x509_trust_mem(judge->credentials, &datum, GNUTLS_X509_FMT_DER);
}

/*
 * Adds from the system's bundle the issuers of what the server presented, and what it presented if
 * it is there itself. GnuTLS too finds issuers by their names, octet by octet, so that nothing is
 * lost by not loading the others.
 */
static void
add_anchors_by_name(struct judge *judge)
{
	gnutls_datum_t raw[2 * CHAIN_MAX];
	struct span names[2 * CHAIN_MAX];
	const char *bundle = anchors_system_bundle();
	size_t count = 0;

	for (unsigned i = 0; i < judge->count; i++) {
		if (gnutls.x509_crt_get_raw_issuer_dn(judge->chain[i], &raw[count]) >= 0)
			count++;
		if (gnutls.x509_crt_get_raw_dn(judge->chain[i], &raw[count]) >= 0)
			count++;
	}
	for (size_t i = 0; i < count; i++)
		names[i] = (struct span){ (const char *)raw[i].data, raw[i].size };
	if (bundle != NULL)
		anchors_find(bundle, names, count, add_anchor, judge);
	for (size_t i = 0; i < count; i++)
		(*gnutls.free)(raw[i].data);
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

static bool
has_alt_name(gnutls_x509_crt_t crt)
{
	char name[1];
	size_t len = 0;

	return gnutls.x509_crt_get_subject_alt_name(crt, 0, name, &len, NULL) !=
	    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* GnuTLS's own verification: chain, dates, name, purpose, strength, revocation. */
static int
verify_chain(struct judge *judge, unsigned *status)
{
	gnutls_typed_vdata_st wanted[2] = {
		vdata(GNUTLS_DT_DNS_HOSTNAME, judge->settings->host),
		vdata(GNUTLS_DT_KEY_PURPOSE_OID, GNUTLS_KP_TLS_WWW_SERVER),
	};
	int code = gnutls.certificate_verify_peers(judge->session, wanted, 2, status);

	/*
	 * GnuTLS 3.7 takes the common name where there is no subjectAltName, and RFC 9525 section 2
	 * does not.
	 */
	if (code >= 0 && *status == 0 && !has_alt_name(judge->chain[0]))
		*status = GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER;
	return code;
}

static int
judge_by_anchors(struct judge *judge)
{
	bool system = judge->settings->trust_file == NULL;
	unsigned status = 0;
	int code;

	if (system)
		add_anchors_by_name(judge);
	code = verify_chain(judge, &status);
	/*
	 * The whole store before a refusal: it may have more than the bundle (PKCS #11 trust
	 * modules, other places).
	 */
	if (code >= 0 && system && (status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0 &&
	    gnutls.certificate_set_x509_system_trust(judge->credentials) > 0)
		code = verify_chain(judge, &status);
	if (code < 0)
		return code;
	return status == 0 ? 0 : refuse_status(judge, status);
}

/* DANE. */

/*
 * Usages 0 and 1 are not for mail, and matching type 0, the whole key itself, is not published (RFC
 * 7672 section 3.1.3).
 */
static bool
tlsa_is_usable(const struct tlsa *tlsa)
{
	return (tlsa->usage == 2 || tlsa->usage == 3) && tlsa->selector <= 1 &&
	    tlsa->matching >= 1 && tlsa->matching <= 2;
}

static bool
tlsa_matches(const struct tlsa *tlsa, gnutls_x509_crt_t crt)
{
	unsigned char got[DIGEST_MAX];
	size_t len;

	if (!tlsa_is_usable(tlsa))
		return false;
	len = digest(crt, tlsa->selector == 1,
	    tlsa->matching == 1 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_SHA512, got);
	return len > 0 && len == tlsa->len && memcmp(got, tlsa->data, len) == 0;
}

/*
 * A record of usage 2 makes a certificate of the chain the one trust anchor; name and dates count
 * as ever.
 */
static bool
add_tlsa_anchor(struct judge *judge, const struct tlsa *tlsa)
{
	for (unsigned i = 0; i < judge->count; i++)
		if (tlsa_matches(tlsa, judge->chain[i]))
			return gnutls.certificate_set_x509_trust(judge->credentials,
				   &judge->chain[i], 1) > 0;
	return false;
}

static int
judge_by_tlsa(struct judge *judge)
{
	struct buf why = BUF_INIT(256);
	bool anchored = false;
	unsigned status = 0;
	int code;

	for (size_t i = 0; i < judge->settings->tlsa_count; i++) {
		const struct tlsa *tlsa = &judge->settings->tlsa[i];

		/*
		 * Usage 3: the server's key is the one, and its certificate's name and dates do not
		 * matter (RFC 7671 5.1).
		 */
		if (tlsa->usage == 3 && tlsa_matches(tlsa, judge->chain[0]))
			return 0;
		if (tlsa->usage == 2 && add_tlsa_anchor(judge, tlsa))
			anchored = true;
	}
	if (anchored) {
		code = verify_chain(judge, &status);
		if (code < 0 || status == 0)
			return code;
		return refuse_status(judge, status);
	}
	buf_addf(&why,
	    "the server's certificate is none that DNS (TLSA, secured by DNSSEC) names for %s",
	    judge->settings->host);
	code = refuse(judge, &why);
	buf_release(&why);
	return code;
}

bool
verify_goes_by_tlsa(const struct tls_settings *settings)
{
	for (size_t i = 0; i < settings->tlsa_count && settings->pin_count == 0; i++)
		if (tlsa_is_usable(&settings->tlsa[i]))
			return true;
	return false;
}

static int
import_chain(struct judge *judge)
{
	unsigned presented = 0;
	const gnutls_datum_t *peers = gnutls.certificate_get_peers(judge->session, &presented);
	int code = 0;

	if (peers == NULL || presented == 0)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	for (unsigned i = 0; i < presented && i < CHAIN_MAX && code >= 0; i++) {
		code = gnutls.x509_crt_init(&judge->chain[i]);
		if (code < 0)
			break;
		judge->count++;
		code = gnutls.x509_crt_import(judge->chain[i], &peers[i], GNUTLS_X509_FMT_DER);
	}
	return code;
}

int
verify_server(gnutls_session_t session, gnutls_certificate_credentials_t credentials,
    const struct tls_settings *settings, struct err *err)
{
	struct judge judge = {
		.session = session, .credentials = credentials, .settings = settings, .err = err
	};
	int code = import_chain(&judge);

	if (code >= 0) {
		if (settings->pin_count > 0)
			code = judge_by_pins(&judge);
		else if (verify_goes_by_tlsa(settings))
			code = judge_by_tlsa(&judge);
		else
			code = judge_by_anchors(&judge);
	}
	for (unsigned i = 0; i < judge.count; i++)
		gnutls.x509_crt_deinit(judge.chain[i]);
	return code;
}
