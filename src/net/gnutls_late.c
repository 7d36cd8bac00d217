/* SPDX-License-Identifier: ISC */
#include "net/gnutls_late.h"

struct gnutls_functions gnutls = { GNUTLS_FUNCTIONS(LATE_START) };

int
gnutls_late_load(struct err *err)
{
	static const char *const names[] = { GNUTLS_FUNCTIONS(LATE_NAME) };
	static struct late_library library = LATE_LIBRARY(SONAME_GNUTLS, "libgnutls30", names,
	    gnutls);

	return late_load(&library, err);
}
