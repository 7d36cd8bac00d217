/* SPDX-License-Identifier: ISC */
#include "submission/prepare.h"

#include <string.h>
#include <time.h>

#include "base/unique.h"
#include "format/header.h"
#include "message/resent.h"
#include "routing/route.h"

enum { TEXT_MAX = 1024 }; /* octets of names */

/* A From, or Resent-From, will have to be added. */
static bool
lacks_from(const struct message *message)
{
	struct span header = { message->header.data, message->header.len };
	struct header_field from;

	return resent_newest(header).len > 0 || !header_find(header, "From", &from) ||
	    span_trim(from.body).len == 0;
}

static bool
needs_submitter(const struct preparation *p)
{
	if (account_address(p->account) == NULL)
		return true;
	return p->message != NULL && p->full_name == NULL && p->account->full_name == NULL &&
	    lacks_from(p->message);
}

/*
 * The right side of a Message-ID: the author's domain, for this host's name may mean nothing to
 * anyone.
 */
static void
add_id_domain(const char *from, struct buf *out)
{
	const char *domain = from != NULL ? mailbox_domain(from) : NULL;

	if (domain != NULL && domain[0] != '[')
		buf_adds(out, domain);
	else
		route_host_name(out);
}

/* `author`: who would send if the envelope's sender were not the null sender. */
static int
complete(const struct preparation *p, const char *author, const struct buf *known_as,
    struct err *err)
{
	struct buf domain = BUF_INIT(TEXT_MAX), unique = BUF_INIT(TEXT_MAX);
	const char *sender = p->envelope->sender;
	const char *from = sender[0] != '\0' && !p->sender_apart ? sender : author;
	struct message_defaults defaults = { .from = from, .now = time(NULL) };
	int result;

	defaults.full_name = p->full_name != NULL ? p->full_name :
	    p->account->full_name != NULL         ? p->account->full_name :
						    known_as->data;
	add_id_domain(from, &domain);
	unique_add(&unique);
	defaults.id_domain = domain.data;
	defaults.unique = unique.data;
	result = buf_ok(&unique) ? message_complete(p->message, &defaults, err) :
				   err_sys(err, ERR_SYSTEM, "no random numbers");
	buf_release(&domain);
	buf_release(&unique);
	return result;
}

int
prepare(const struct preparation *p, struct err *err)
{
	struct buf login = BUF_INIT(TEXT_MAX), known_as = BUF_INIT(TEXT_MAX);
	struct envelope author;
	int result;

	envelope_init(&author);
	if (needs_submitter(p))
		p->who(p->arg, &login, &known_as);
	result = route_sender(p->envelope, p->account, login.data, err);
	if (result == 0)
		result = route_sender(&author, p->account, login.data, err);
	if (result == 0)
		result = route_recipients(p->envelope, p->account, err);
	if (result == 0 && p->message != NULL)
		result = complete(p, author.sender, &known_as, err);
	envelope_release(&author);
	buf_release(&login);
	buf_release(&known_as);
	return result;
}
