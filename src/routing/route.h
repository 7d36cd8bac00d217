/* SPDX-License-Identifier: ISC */
/*
 * From what a caller named to what goes out: local names, unqualified names, the default sender.
 */
#ifndef SENDOFF_ROUTING_ROUTE_H
#define SENDOFF_ROUTING_ROUTE_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "message/envelope.h"

/*
 * A name without a domain, or at this host (its name, with or without domain, and localhost),
 * belongs to no one whom the account's server knows.  Where it has an alias, it becomes what that
 * comes to.  Else it becomes local_to; else name@local_domain, where that is set; else the
 * account's own address.  The name that was given is kept as the recipient's original.
 *
 * Reports (RFC 3461): what was asked of a name is asked of the address that it became, and reports
 * call it by the name that was given (ORCPT, name@thishost; section 5.2.7.2).  Where an alias comes
 * to several, this holds for each of them (section 5.2.7.3, c), but for the report of success,
 * which is one of the alias, "expanded"; the first of them that was not there has that flag.
 * ENVID and RET are the message's, and stay.
 * Errors: ERR_ADDRESS (none of them is there), ERR_CONFIG (the aliases), ERR_SYSTEM.
 */
int route_recipients(struct envelope *envelope, const struct account *account, struct err *err);

/*
 * Settles the envelope's sender.  None yet: the account's own address, else login@local_domain or
 * login@host.  One without a domain: the same, but name@local_domain where that is set.  Any other,
 * and the null sender, stay.
 * Errors: ERR_SYSTEM.
 */
int route_sender(struct envelope *envelope, const struct account *account, const char *login,
    struct err *err);

/*
 * True for an address without a domain, or with one of this host's names, unless it is the
 * account's local_domain.
 */
bool route_is_local(const char *address, const struct account *account);
bool route_is_this_host(const char *domain);

/*
 * The name of this host, in full where it is known so; "localhost" where it has none.  Appended to
 * out.
 */
void route_host_name(struct buf *out);

#endif
