/* SPDX-License-Identifier: ISC */
/*
 * What the sender of a queued message is told: delivery status notifications (RFC 3464, in a
 * multipart/report, RFC 6522; RFC 6533 where an address is not in ASCII).
 *
 * They are not queued: a notice is made from its message's file whenever it is to be sent, with the
 * same Message-ID each time, and the message stays until the notice was accepted.  So there is
 * never more than one of it.
 */
#ifndef SENDOFF_DELIVERY_NOTICE_H
#define SENDOFF_DELIVERY_NOTICE_H

#include "base/err.h"
#include "message/envelope.h"
#include "message/message.h"
#include "store/item.h"

/*
 * True where the sender wants to be told of the recipient: not the null sender, and NOTIFY allows
 * it (RFC 3461 section 4.1; not given: failures only).
 */
bool notice_is_wanted(const struct envelope *envelope, size_t recipient, enum notice notice);

/*
 * True for a recipient that the notice would speak of now, and of whom the sender wants to be told:
 * refused (FAILED); waiting, tried, and not told of (DELAYED); accepted, and not told of (RELAYED:
 * whether the server reports by itself, the caller knows).
 */
bool notice_concerns(const struct item *item, size_t recipient, enum notice notice);

struct notice_facts {
	const char *from; /* address for From: the account's own; NULL or "": MAILER-DAEMON at this
			     host */
	const char *host; /* this host's name: Reporting-MTA */
	int64_t now_ms;
	int64_t expire_ms;        /* NOTICE_DELAYED: until when it is tried; 0: not known */
	struct spool_place place; /* for the body, where it is long */
};

/*
 * Makes the notice about all recipients whom it concerns, of whom there is one at least: *message
 * in wire form, and *envelope with the null sender and the item's sender as its only recipient,
 * NOTIFY=NEVER.  Both are the caller's, for message_release() and envelope_release(), whatever
 * comes back; what they held before is not looked at.
 *
 * Parts: a text for people (what failed, the server's words, what becomes of the message);
 * message/delivery-status (or message/global-delivery-status); the message or its header.  The
 * message goes back whole where RET=FULL asks for it, in a notice of failure, where it has at most
 * NOTICE_FULL_MAX octets, and where nobody refused it for its size or form. Whatever comes from a
 * server or the message cannot break out of its field or part.
 *
 * The Message-ID is the same whenever the notice is made about the same recipients.
 *
 * Where a server would not take the message as it is (ERR_MESSAGE), the notice is in ASCII, for it
 * may go to the same one.
 * Errors: ERR_IO, ERR_CANT_CREATE, ERR_SYSTEM, ERR_BUG (about nobody).
 */
int notice_make(const struct item *item, enum notice notice, const struct notice_facts *facts,
    struct envelope *envelope, struct message *message, struct err *err);

enum { NOTICE_FULL_MAX = 10 * 1024 * 1024 }; /* octets of a message that goes back whole */

#endif
