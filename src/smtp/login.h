/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954).  For the files of smtp/ only.
 */
#ifndef SENDOFF_SMTP_LOGIN_H
#define SENDOFF_SMTP_LOGIN_H

#include "smtp/session.h"

enum {
	AUTH_LINE_MAX = 512
}; /* octets of a command line with CRLF (RFC 4954 section 4, RFC 5321 section 4.5.3.1.4) */

/*
 * Logs in with the first mechanism that the server offers and the settings allow.  Where the server
 * refuses the credentials that is final; where it or our side cannot do the mechanism, the next one
 * is tried. Errors: ERR_LOGIN, ERR_TEMPORARY, and those of smtp_exchange().
 */
int smtp_login(struct smtp *s, struct err *err);

#endif
