/* SPDX-License-Identifier: ISC */
#include "smtp/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

struct sasl {
	Gsasl *context;
	Gsasl_session *session;
	const struct sasl_mechanism *mechanism;
	bool done;
};

/*
 * Inside verified TLS, PLAIN is one round trip and SCRAM three, and both show the server only what it may know; LOGIN
 * comes last because it is no standard.
 */
static const struct sasl_mechanism mechanisms[] = {
	{ "PLAIN", true, false },
	{ "SCRAM-SHA-256", true, true },
	{ "SCRAM-SHA-1", true, true },
	{ "LOGIN", false, false },
	{ "CRAM-MD5", false, false },
};

const struct sasl_mechanism *
sasl_mechanism(size_t i)
{
	return i < sizeof(mechanisms) / sizeof(mechanisms[0]) ? &mechanisms[i] : NULL;
}

const struct sasl_mechanism *
sasl_find(const char *name)
{
	for (size_t i = 0; sasl_mechanism(i) != NULL; i++)
		if (strcmp(sasl_mechanism(i)->name, name) == 0)
			return sasl_mechanism(i);
	return NULL;
}

static int
sasl_failed(const struct sasl *sasl, int code, struct err *err)
{
	err_set(err, ERR_LOGIN, "%s: %s", sasl->mechanism->name, gsasl_strerror(code));
	err->library_code = code;
	return -1;
}

static int
start(struct sasl *sasl, const char *user, const struct buf *secret, const char *host)
{
	int code = gsasl_init(&sasl->context);

	if (code != GSASL_OK)
		return code;
	code = gsasl_client_start(sasl->context, sasl->mechanism->name, &sasl->session);
	if (code != GSASL_OK)
		return code;
	code = gsasl_property_set(sasl->session, GSASL_AUTHID, user);
	if (code == GSASL_OK)
		code = gsasl_property_set_raw(sasl->session, GSASL_PASSWORD, secret->data, secret->len);
	if (code == GSASL_OK)
		code = gsasl_property_set(sasl->session, GSASL_SERVICE, "smtp");
	if (code == GSASL_OK)
		code = gsasl_property_set(sasl->session, GSASL_HOSTNAME, host);
	return code;
}

int
sasl_begin(struct sasl **sasl, const struct sasl_mechanism *mechanism, const char *user, const struct buf *secret,
    const char *host, struct err *err)
{
	int code;

	*sasl = calloc(1, sizeof(**sasl));
	if (*sasl == NULL)
		return err_memory(err);
	(*sasl)->mechanism = mechanism;
	code = start(*sasl, user, secret, host);
	return code == GSASL_OK ? 0 : sasl_failed(*sasl, code, err);
}

int
sasl_step(struct sasl *sasl, struct span challenge, struct buf *response, struct err *err)
{
	char *out = NULL;
	size_t len = 0;
	int code = gsasl_step(sasl->session, challenge.data, challenge.len, &out, &len);

	buf_clear(response);
	/* On failure libgsasl leaves `out` undefined: it must not be touched. */
	if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
		return sasl_failed(sasl, code, err);
	buf_add(response, out, len);
	if (out != NULL) {
		wipe(out, len);
		gsasl_free(out);
	}
	sasl->done = code == GSASL_OK;
	return buf_ok(response) ? 0 : err_memory(err);
}

bool
sasl_is_done(const struct sasl *sasl)
{
	return sasl->done;
}

void
sasl_end(struct sasl *sasl)
{
	if (sasl == NULL)
		return;
	if (sasl->session != NULL)
		gsasl_finish(sasl->session);
	if (sasl->context != NULL)
		gsasl_done(sasl->context);
	free(sasl);
}
