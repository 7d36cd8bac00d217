/* SPDX-License-Identifier: ISC */
#include "format/domain.h"

#include <idn2.h>
#include <string.h>

#include "base/late.h"
#include "base/span.h"

enum {
	DOMAIN_MAX = 253
}; /* octets of a name (RFC 1035 section 2.3.4, without the root's length octet) */

/*
 * Few have names beyond ASCII: libidn2 is loaded with the first.  idn2.free() is idn2_free(), and
 * so on.
 */
#define IDN2_FUNCTIONS(FUNCTION) \
	FUNCTION(idn2_, free) FUNCTION(idn2_, strerror) FUNCTION(idn2_, to_ascii_8z)

static struct {
	IDN2_FUNCTIONS(LATE_POINTER)
} idn2 = { IDN2_FUNCTIONS(LATE_START) };

static const char *const idn2_names[] = { IDN2_FUNCTIONS(LATE_NAME) };
static struct late_library idn2_library = LATE_LIBRARY(SONAME_IDN2, "libidn2-0", idn2_names, idn2);

bool
domain_is_host_name(const char *name)
{
	size_t label = 0, len = strlen(name);

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '.' && label == 0)
			return false;
		if (*p != '.' && !ascii_is_alpha(*p) && !ascii_is_digit(*p) && *p != '-' &&
		    *p != '_')
			return false;
		label = *p == '.' ? 0 : label + 1;
	}
	return label > 0 && len <= DOMAIN_MAX;
}

int
domain_to_ascii(const char *domain, struct buf *out, struct err *err)
{
	char *ascii = NULL;
	int code;

	if (!span_has_8bit(span_of(domain))) {
		buf_adds(out, domain);
		return buf_ok(out) ? 0 : err_memory(err);
	}
	if (late_load(&idn2_library, err) < 0)
		return -1;
	/* Never with IDN2_USE_STD3_ASCII_RULES: it deletes what it should refuse (libidn2 2.3). */
	code = idn2.to_ascii_8z(domain, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (code != IDN2_OK)
		return err_set(err, ERR_ADDRESS, "%s is no domain name: %s", domain,
		    idn2.strerror(code));
	/*
	 * libidn2 maps some characters to ASCII: what comes out must be a host name all the same.
	 */
	if (domain_is_host_name(ascii))
		buf_adds(out, ascii);
	else
		code = err_set(err, ERR_ADDRESS, "%s is no domain name", domain);
	idn2.free(ascii);
	return code == IDN2_OK ? 0 : -1;
}

void
host_port_add(struct buf *out, const char *host, uint16_t port)
{
	if (port == 0)
		buf_adds(out, host);
	else
		buf_addf(out, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}
