/* SPDX-License-Identifier: ISC */
#include "format/mechanism.h"

/*
 * What proves most without showing anything comes first; then, inside verified TLS, PLAIN, which is
 * one round trip where SCRAM takes three and shows the server only what it may know; LOGIN is no
 * standard, CRAM-MD5 keeps the server from storing the password safely.
 */
static const struct mechanism mechanisms[] = {
	{ "EXTERNAL", PROOF_CERTIFICATE, true, false, false, false },
	{ "OAUTHBEARER", PROOF_TOKEN, true, false, false, false },
	{ "XOAUTH2", PROOF_TOKEN, true, false, false, false },
	{ "SCRAM-SHA-256-PLUS", PROOF_PASSWORD, true, true, true, false },
	{ "SCRAM-SHA-1-PLUS", PROOF_PASSWORD, true, true, true, false },
	{ "PLAIN", PROOF_PASSWORD, true, false, false, false },
	{ "SCRAM-SHA-256", PROOF_PASSWORD, true, true, false, false },
	{ "SCRAM-SHA-1", PROOF_PASSWORD, true, true, false, false },
	{ "LOGIN", PROOF_PASSWORD, false, false, false, false },
	{ "CRAM-MD5", PROOF_PASSWORD, false, false, false, false },
	{ "GSSAPI", PROOF_TICKET, true, true, false, true },
	{ "DIGEST-MD5", PROOF_PASSWORD, false, true, false, true },
	{ "NTLM", PROOF_PASSWORD, true, false, false, true },
};

const struct mechanism *
mechanism_at(size_t i)
{
	return i < sizeof(mechanisms) / sizeof(mechanisms[0]) ? &mechanisms[i] : NULL;
}

const struct mechanism *
mechanism_find(struct span name)
{
	for (size_t i = 0; mechanism_at(i) != NULL; i++)
		if (span_is_nocase(name, mechanism_at(i)->name))
			return mechanism_at(i);
	return NULL;
}
