/* SPDX-License-Identifier: ISC */
/*
 * Sender policy (rewrite_from): providers take mail only from the addresses of the login, and cron,
 * PHP and many daemons write as root@thishost.  What goes out gets the account's own address then,
 * and says whose it was.  The message itself, in memory or in the queue, stays as it came.
 */
#ifndef SENDOFF_ROUTING_POLICY_H
#define SENDOFF_ROUTING_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "message/envelope.h"
#include "message/message.h"

/* What goes out instead; members are NULL or empty where nothing changes. */
struct policy {
	char *sender;      /* envelope sender */
	struct buf header; /* header block */
	struct buf before; /* what was replaced: the old addresses, for the log */
};

/*
 * auto: an envelope sender or From that has no domain, or this host's, becomes the account's
 * address.  always: so does one that none of the account's `from` patterns fits.  The null sender
 * stays.  The new From has the old one's name, or its address, as display name ("root on nas"), and
 * the old field is kept as X-Original-From. Nothing happens where the account has no address.
 * Errors: ERR_MESSAGE (the header block would be too large), ERR_SYSTEM.
 */
int policy_apply(struct policy *policy, const struct account *account,
    const struct envelope *envelope, const struct message *message, struct err *err);
void policy_release(struct policy *policy);

#endif
