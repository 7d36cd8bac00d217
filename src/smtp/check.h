/* SPDX-License-Identifier: ISC */
/*
 * Can the server take the message as it is?  Asked before it hears of it.  For the files of smtp/
 * only.
 */
#ifndef SENDOFF_SMTP_CHECK_H
#define SENDOFF_SMTP_CHECK_H

#include "smtp/session.h"

/*
 * Looks at size, 8-bit text, lines, addresses and requests, and decides on tx->utf8.
 * Errors: ERR_MESSAGE, ERR_ADDRESS, ERR_SERVICE; ERR_HOLD (requests.hold_until_s is to come, and
 * the server cannot hold the message until then); peer and stage are filled.
 */
int smtp_check(const struct smtp *s, struct transaction *tx, struct err *err);

#endif
