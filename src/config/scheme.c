/* SPDX-License-Identifier: ISC */
#include "config/scheme.h"

/* The longer prefix of two that begin alike comes first. */
static const struct scheme schemes[] = {
	{ "smtps://", SERVER_SMTPS, 465, TLS_IMPLICIT, false, false, false },
	{ "smtp://", SERVER_SMTP, 587, TLS_STARTTLS, false, false, false },
	{ "lmtp://", SERVER_LMTP, 0, TLS_NONE, false, true, false },
	{ "unix:", SERVER_UNIX, 0, TLS_NONE, true, false, false },
	{ "lmtp:", SERVER_LMTP_UNIX, 0, TLS_NONE, true, true, false },
	{ "maildir:", SERVER_SMTP, 0, TLS_NONE, true, false, true },
	{ "mbox:", SERVER_SMTP, 0, TLS_NONE, true, false, true },
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

const struct scheme *
scheme_find(struct span url)
{
	for (size_t i = 0; i < SCHEMES; i++)
		if (span_starts_nocase(url, schemes[i].prefix))
			return &schemes[i];
	return NULL;
}

const struct scheme *
scheme_of(enum server_scheme scheme)
{
	size_t i = 0;

	while (schemes[i].scheme != scheme)
		i++;
	return &schemes[i];
}
