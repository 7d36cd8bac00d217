/* SPDX-License-Identifier: ISC */
/*
 * SHA-256, by GnuTLS.
 */
#ifndef SENDOFF_NET_DIGEST_H
#define SENDOFF_NET_DIGEST_H

#include <stddef.h>

#include "base/err.h"

enum { DIGEST_HEX_LEN = 64 }; /* characters of a digest */

struct digest {
	void *state; /* GnuTLS's; NULL: none, or it failed */
};

/*
 * Lifetime: digest_begin(), digest_add() any number of times, digest_end(), also where the first
 * failed.
 * Errors: ERR_SYSTEM (no GnuTLS, memory).
 */
int digest_begin(struct digest *d, struct err *err);
void digest_add(struct digest *d, const void *data, size_t len);
/* The digest in lower case, where hex is not NULL.  Errors: ERR_SYSTEM. */
int digest_end(struct digest *d, char hex[DIGEST_HEX_LEN + 1], struct err *err);

#endif
