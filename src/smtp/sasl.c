/* SPDX-License-Identifier: ISC */
#include "smtp/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/late.h"
#include "format/codec.h"

enum { TOKEN_ERROR_MAX = 4096 }; /* octets of the server's words about a token that are kept */

/*
 * libgsasl is loaded with the first mechanism that is its: gsasl.init() is gsasl_init(), and so on,
 * in sessions.
 */
/* clang-format off */
#define GSASL_FUNCTIONS(FUNCTION) \
	FUNCTION(gsasl_, client_start) \
	FUNCTION(gsasl_, done) \
	FUNCTION(gsasl_, finish) \
	FUNCTION(gsasl_, free) \
	FUNCTION(gsasl_, init) \
	FUNCTION(gsasl_, property_set) \
	FUNCTION(gsasl_, property_set_raw) \
	FUNCTION(gsasl_, step) \
	FUNCTION(gsasl_, strerror)
/* clang-format on */

static struct {
	GSASL_FUNCTIONS(LATE_POINTER)
} gsasl = { GSASL_FUNCTIONS(LATE_START) };

static const char *const gsasl_names[] = { GSASL_FUNCTIONS(LATE_NAME) };
static struct late_library gsasl_library = LATE_LIBRARY(SONAME_GSASL, "libgsasl18", gsasl_names,
    gsasl);

struct sasl {
	const struct mechanism *mechanism;
	const struct sasl_credentials *credentials;
	Gsasl *context; /* libgsasl's, for the mechanisms that are its */
	Gsasl_session *session;
	unsigned steps; /* taken, of the mechanisms that are ours */
	bool done;
	struct buf token_error;
};

static bool
is_plain(const struct mechanism *mechanism)
{
	return strcmp(mechanism->name, "PLAIN") == 0;
}

/*
 * libgsasl has no OAuth; EXTERNAL is nothing but a name, and PLAIN, the login of most, a name and a
 * password: it would take longer to load libgsasl with its three libraries than to log in.
 */
static bool
is_ours(const struct mechanism *mechanism)
{
	return mechanism->proof == PROOF_TOKEN || mechanism->proof == PROOF_CERTIFICATE ||
	    is_plain(mechanism);
}

static int
sasl_failed(const struct sasl *sasl, int code, struct err *err)
{
	err_set(err, ERR_LOGIN, "%s: %s", sasl->mechanism->name, gsasl.strerror(code));
	err->library_code = code;
	return -1;
}

/*
 * The binding in base64, as libgsasl wants it; only for -PLUS, for with it the others fail
 * (libgsasl 2.2).
 */
static int
set_binding(struct sasl *sasl)
{
	struct buf text = BUF_INIT(1024);
	int code;

	base64_add(&text,
	    (struct span){ sasl->credentials->binding->data, sasl->credentials->binding->len });
	code = gsasl.property_set(sasl->session, GSASL_CB_TLS_EXPORTER, text.data);
	buf_release(&text);
	return code;
}

static int
set_properties(struct sasl *sasl)
{
	const struct sasl_credentials *credentials = sasl->credentials;
	int code = gsasl.property_set(sasl->session, GSASL_AUTHID, credentials->user);

	if (code == GSASL_OK)
		code = gsasl.property_set_raw(sasl->session, GSASL_PASSWORD,
		    credentials->secret->data, credentials->secret->len);
	if (code == GSASL_OK)
		code = gsasl.property_set(sasl->session, GSASL_SERVICE, "smtp");
	if (code == GSASL_OK)
		code = gsasl.property_set(sasl->session, GSASL_HOSTNAME, credentials->host);
	if (code == GSASL_OK && credentials->domain != NULL)
		code = gsasl.property_set(sasl->session, GSASL_REALM, credentials->domain);
	/* No security layer: TLS is there. */
	if (code == GSASL_OK)
		code = gsasl.property_set(sasl->session, GSASL_QOP, "qop-auth");
	if (code == GSASL_OK && sasl->mechanism->binding)
		code = set_binding(sasl);
	return code;
}

static int
start(struct sasl *sasl)
{
	int code = gsasl.init(&sasl->context);

	if (code == GSASL_OK)
		code = gsasl.client_start(sasl->context, sasl->mechanism->name, &sasl->session);
	return code == GSASL_OK ? set_properties(sasl) : code;
}

int
sasl_begin(struct sasl **sasl, const struct mechanism *mechanism,
    const struct sasl_credentials *credentials, struct err *err)
{
	int code;

	*sasl = calloc(1, sizeof(**sasl));
	if (*sasl == NULL)
		return err_memory(err);
	(*sasl)->mechanism = mechanism;
	(*sasl)->credentials = credentials;
	buf_init(&(*sasl)->token_error, TOKEN_ERROR_MAX);
	if (is_ours(mechanism))
		return 0;
	if (late_load(&gsasl_library, err) < 0)
		return -1;
	code = start(*sasl);
	return code == GSASL_OK ? 0 : sasl_failed(*sasl, code, err);
}

/* A name in a GS2 header: ',' and '=' have a meaning there (RFC 5801 section 4). */
static void
add_saslname(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',' || *name == '=')
			buf_addf(out, "=%02X", (unsigned char)*name);
		else
			buf_addc(out, *name);
	}
}

/* RFC 7628 section 3.1, and what Google and Microsoft had before it. */
static void
add_token(const struct sasl *sasl, struct buf *out)
{
	const struct sasl_credentials *c = sasl->credentials;

	if (strcmp(sasl->mechanism->name, "XOAUTH2") == 0) {
		buf_addf(out, "user=%s\001auth=Bearer %s\001\001", c->user, c->secret->data);
		return;
	}
	buf_adds(out, "n,a=");
	add_saslname(out, c->user);
	buf_addf(out, ",\001host=%s\001port=%u\001auth=Bearer %s\001\001", c->host, c->port,
	    c->secret->data);
}

/* RFC 4616 section 2, without a name to act as. */
static void
add_plain(const struct sasl *sasl, struct buf *out)
{
	const struct sasl_credentials *c = sasl->credentials;

	buf_addc(out, '\0');
	buf_adds(out, c->user);
	buf_addc(out, '\0');
	buf_add(out, c->secret->data, c->secret->len);
}

/*
 * The steps of the mechanisms that are ours: one response, and for tokens an empty one to hear why
 * a token was refused.
 */
static int
own_step(struct sasl *sasl, struct span challenge, struct buf *response, struct err *err)
{
	bool bearer = sasl->mechanism->proof == PROOF_TOKEN;

	if (sasl->steps++ == 0) {
		if (bearer)
			add_token(sasl, response);
		if (is_plain(sasl->mechanism))
			add_plain(sasl, response);
		sasl->done = !bearer;
		return buf_ok(response) ? 0 : err_memory(err);
	}
	sasl->done = true;
	buf_add(&sasl->token_error, challenge.data, challenge.len);
	if (strcmp(sasl->mechanism->name, "OAUTHBEARER") == 0)
		buf_addc(response, '\001');
	return 0;
}

/*
 * libgsasl 2.2 reads some challenges (DIGEST-MD5's) as strings: they must end in NUL, which a span
 * need not.
 */
static int
library_step(struct sasl *sasl, struct span challenge, char **out, size_t *len)
{
	struct buf text = BUF_INIT_SECRET(challenge.len + 1);
	int code;

	buf_add(&text, challenge.data, challenge.len);
	code = buf_ok(&text) ? gsasl.step(sasl->session, text.data, text.len, out, len) :
			       GSASL_MALLOC_ERROR;
	buf_release(&text);
	return code;
}

int
sasl_step(struct sasl *sasl, struct span challenge, struct buf *response, struct err *err)
{
	char *out = NULL;
	size_t len = 0;
	int code;

	buf_clear(response);
	if (sasl->done)
		return err_set(err, ERR_LOGIN,
		    "%s: the server asks for more than the mechanism has", sasl->mechanism->name);
	if (is_ours(sasl->mechanism))
		return own_step(sasl, challenge, response, err);
	code = library_step(sasl, challenge, &out, &len);
	/* On failure libgsasl leaves `out` undefined: it must not be touched. */
	if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
		return sasl_failed(sasl, code, err);
	buf_add(response, out, len);
	if (out != NULL) {
		wipe(out, len);
		gsasl.free(out);
	}
	sasl->done = code == GSASL_OK;
	return buf_ok(response) ? 0 : err_memory(err);
}

bool
sasl_is_done(const struct sasl *sasl)
{
	return sasl->done;
}

struct span
sasl_token_error(const struct sasl *sasl)
{
	return (struct span){ sasl->token_error.data, sasl->token_error.len };
}

void
sasl_end(struct sasl *sasl)
{
	if (sasl == NULL)
		return;
	if (sasl->session != NULL)
		gsasl.finish(sasl->session);
	if (sasl->context != NULL)
		gsasl.done(sasl->context);
	buf_release(&sasl->token_error);
	free(sasl);
}
