/* SPDX-License-Identifier: ISC */
#include "net/digest.h"

#include <stdio.h>

#include "net/gnutls_late.h"

enum { OCTETS = DIGEST_HEX_LEN / 2 };

int
digest_begin(struct digest *d, struct err *err)
{
	gnutls_hash_hd_t state;

	d->state = NULL;
	if (gnutls_late_load(err) < 0)
		return -1;
	if (gnutls.hash_init(&state, GNUTLS_DIG_SHA256) < 0)
		return err_set(err, ERR_SYSTEM, "there is no SHA-256");
	d->state = state;
	return 0;
}

static void
drop(struct digest *d)
{
	unsigned char octets[OCTETS];

	gnutls.hash_deinit(d->state, octets);
	d->state = NULL;
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	if (d->state != NULL && len > 0 && gnutls.hash(d->state, data, len) < 0)
		drop(d);
}

int
digest_end(struct digest *d, char hex[DIGEST_HEX_LEN + 1], struct err *err)
{
	unsigned char octets[OCTETS];

	if (d->state == NULL)
		return hex == NULL ? 0 : err_set(err, ERR_SYSTEM, "there is no SHA-256");
	gnutls.hash_deinit(d->state, octets);
	d->state = NULL;
	for (size_t i = 0; i < OCTETS && hex != NULL; i++)
		snprintf(hex + 2 * i, 3, "%02x", octets[i]);
	return 0;
}
