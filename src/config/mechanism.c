/* SPDX-License-Identifier: ISC */
#include "config/mechanism.h"

static const struct mechanism mechanisms[] = {
	{ "PLAIN", PROOF_PASSWORD },
	{ "LOGIN", PROOF_PASSWORD },
	{ "CRAM-MD5", PROOF_PASSWORD },
	{ "SCRAM-SHA-256", PROOF_PASSWORD },
	{ "SCRAM-SHA-1", PROOF_PASSWORD },
	{ "SCRAM-SHA-256-PLUS", PROOF_PASSWORD },
	{ "SCRAM-SHA-1-PLUS", PROOF_PASSWORD },
	{ "EXTERNAL", PROOF_CERTIFICATE },
	{ "OAUTHBEARER", PROOF_TOKEN },
	{ "XOAUTH2", PROOF_TOKEN },
	{ "GSSAPI", PROOF_TICKET },
	{ "DIGEST-MD5", PROOF_PASSWORD },
	{ "NTLM", PROOF_PASSWORD },
};

const struct mechanism *
mechanism_find(struct span name)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (span_is_nocase(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}
