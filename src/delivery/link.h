/* SPDX-License-Identifier: ISC */
/*
 * A way out for an account: a transport to the first of its servers, or of its fallback accounts'
 * servers, that can be used now.  What is known to fail is left alone (breaker.h), and
 * what fails is made known.
 */
#ifndef SENDOFF_DELIVERY_LINK_H
#define SENDOFF_DELIVERY_LINK_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "delivery/transport.h"
#include "store/store.h"

struct link {
	const struct config *config;   /* where fallback accounts are found; borrowed */
	const struct account *account; /* whose mail it is; borrowed */
	struct store *store;           /* where breakers are; borrowed; may be closed */
	bool now;     /* breakers are not asked until a session broke that had been of no use */
	bool reached; /* the same for servers alone: the network is there again, or one answered */
	const struct stream_watch *watch; /* or NULL */

	const struct account *used;  /* whose server it is: the account, or a fallback; NULL: none
					yet */
	const struct server *server; /* which */
	struct transport transport;
	bool open;
	unsigned long sent; /* messages that were answered over this session */
	bool tried;         /* link_open() did something: not all was left alone */
	int64_t until_ms;   /* where link_open() failed: not before then, since 1970; 0: nothing is
			       known */
};

void link_init(struct link *link, const struct config *config, const struct account *account,
    struct store *store, const struct stream_watch *watch);
void link_release(struct link *link);

/*
 * Opens a session where none is open that can send.  Servers are tried in order, then those of the
 * fallback account, where one could not be reached or is out of service for now.
 * Errors: those of account_secret() and transport_open(); what a breaker keeps, where nothing else
 * was tried.
 */
int link_open(struct link *link, struct err *err);

/*
 * The session broke while it was used: a server that did nothing for us before is left alone for a
 * while.
 */
void link_broke(struct link *link, const struct err *err);

/* Says goodbye, where the session is open. */
void link_close(struct link *link);

#endif
