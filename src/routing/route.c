/* SPDX-License-Identifier: ISC */
#include "routing/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/aliases.h"
#include "format/address.h"
#include "format/domain.h"

enum { NAME_MAX_LEN = 320 }; /* octets of an address or a host's name */

void
route_host_name(struct buf *out)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || !domain_is_host_name(name))
		strcpy(name, "localhost");
	buf_adds(out, name);
}

/* The host's own name, that name without its domain, and what every host calls itself. */
static bool
is_this_host(struct span domain, const struct buf *host)
{
	struct span full = { host->data, host->len }, rest = full, first = span_cut(&rest, '.');

	return span_equal_nocase(domain, full) || span_equal_nocase(domain, first) ||
	    span_is_nocase(domain, "localhost") || span_is_nocase(domain, "localhost.localdomain");
}

static bool
is_local(const char *address, const struct account *account, const struct buf *host)
{
	const char *domain = mailbox_domain(address);

	if (domain == NULL)
		return true;
	if (account->local_domain != NULL && span_is_nocase(span_of(domain), account->local_domain))
		return false;
	return is_this_host(span_of(domain), host);
}

bool
route_is_this_host(const char *domain)
{
	struct buf host = BUF_INIT(NAME_MAX_LEN);
	bool is;

	route_host_name(&host);
	is = is_this_host(span_of(domain), &host);
	buf_release(&host);
	return is;
}

bool
route_is_local(const char *address, const struct account *account)
{
	struct buf host = BUF_INIT(NAME_MAX_LEN);
	bool is;

	route_host_name(&host);
	is = is_local(address, account, &host);
	buf_release(&host);
	return is;
}

/* Where a local name goes: appended to out; nothing where the account knows no place for it. */
static void
local_target(const char *address, const struct account *account, struct buf *out)
{
	struct span name = mailbox_local(address);
	const char *own = account_address(account);

	if (account->local_to != NULL)
		buf_adds(out, account->local_to);
	else if (account->local_domain != NULL)
		buf_addf(out, "%.*s@%s", (int)name.len, name.data, account->local_domain);
	else if (own != NULL)
		buf_adds(out, own);
}

/* What routing works with. */
struct routing {
	const struct account *account;
	const struct buf *host;
	struct aliases *aliases; /* NULL: none */
	struct envelope *to;
};

/* Appends what a local name without an alias comes to. */
static int
route_name(const struct routing *r, const char *name, struct address_list *to, struct err *err)
{
	struct buf target = BUF_INIT(NAME_MAX_LEN);
	int result;

	local_target(name, r->account, &target);
	if (target.len == 0) {
		buf_release(&target);
		err_set(err, ERR_ADDRESS,
		    "%s is a name on this host, and the account \"%s\" does not say where its mail goes",
		    name, r->account->name);
		return err_hint(err,
		    "set local_to (an address) or local_domain in the configuration");
	}
	result = address_parse(to, (struct span){ target.data, target.len }, ADDRESS_ONE, err);
	buf_release(&target);
	return result;
}

static bool
alias_is_here(const char *mailbox, const void *arg)
{
	const struct routing *r = arg;

	return is_local(mailbox, r->account, r->host);
}

/* Appends what a name of this host comes to in the end. */
static int
find_targets(struct routing *r, const char *given, struct address_list *to, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	bool found = false;
	int result = 0;

	if (r->aliases != NULL)
		result = aliases_expand(r->aliases, mailbox_local(given), alias_is_here, r, &list,
		    &found, err);
	if (result == 0 && !found)
		result = route_name(r, given, to, err);
	for (size_t i = 0; result == 0 && i < list.count; i++)
		result = is_local(list.items[i].mailbox, r->account, r->host) ?
		    route_name(r, list.items[i].mailbox, to, err) :
		    address_parse(to, span_of(list.items[i].mailbox), ADDRESS_ONE, err);
	address_list_release(&list);
	return result;
}

static bool
are_several(const struct address_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (!address_equal(&list->items[0], &list->items[i]))
			return true;
	return false;
}

/* Where a report is asked for, it is to name what was given. */
static int
set_orcpt(const struct routing *r, const char *given, struct recipient *like, struct err *err)
{
	struct buf address = BUF_INIT(2 * NAME_MAX_LEN);
	int result;

	if (like->orcpt != NULL || like->notify == 0)
		return 0;
	buf_adds(&address, given);
	if (mailbox_domain(given) == NULL)
		buf_addf(&address, "@%s", r->host->data);
	result = recipient_set_orcpt(like, span_has_8bit(span_of(given)) ? "utf-8" : "rfc822",
	    (struct span){ address.data, address.len }, err);
	buf_release(&address);
	return result;
}

/*
 * RFC 3461 section 5.2.7.3 (c): of an alias's members only failure and delay are told, where they
 * were asked for; success of the alias.  `like` is what each of them gets.
 */
static bool
take_success(struct recipient *like)
{
	if ((like->notify & NOTIFY_SUCCESS) == 0)
		return false;
	like->notify &= ~(unsigned)NOTIFY_SUCCESS;
	/* Asked for success alone: then failure is not to be told. */
	if (like->notify == 0)
		like->notify = NOTIFY_NEVER;
	return true;
}

static int
add_targets(struct routing *r, const struct address_list *to, struct recipient *like,
    struct err *err)
{
	bool owes_success = are_several(to) && take_success(like);

	for (size_t i = 0; i < to->count; i++) {
		size_t count = r->to->count;

		like->expanded = owes_success;
		if (envelope_add_like(r->to, &to->items[i], like, err) < 0)
			return -1;
		owes_success = owes_success && r->to->count == count;
	}
	return 0;
}

static int
route_local(struct routing *r, const struct recipient *given, struct err *err)
{
	struct address_list to = ADDRESS_LIST_INIT;
	struct recipient like = { .original = given->address, .notify = given->notify };
	int result = find_targets(r, given->address, &to, err);

	if (result == 0 && given->orcpt != NULL)
		result = recipient_set_orcpt(&like, given->orcpt_type, span_of(given->orcpt), err);
	if (result == 0)
		result = set_orcpt(r, given->address, &like, err);
	if (result == 0)
		result = add_targets(r, &to, &like, err);
	free(like.orcpt_type);
	free(like.orcpt);
	address_list_release(&to);
	return result;
}

static int
route_one(struct routing *r, const struct recipient *given, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	int result;

	if (is_local(given->address, r->account, r->host))
		return route_local(r, given, err);
	result = address_parse(&list, span_of(given->address), ADDRESS_ONE, err);
	if (result == 0)
		result = envelope_add_like(r->to, &list.items[0], given, err);
	address_list_release(&list);
	return result;
}

static bool
any_is_local(const struct envelope *envelope, const struct account *account, const struct buf *host)
{
	for (size_t i = 0; i < envelope->count; i++)
		if (is_local(envelope->recipients[i].address, account, host))
			return true;
	return false;
}

/* The aliases that hold for the account; *aliases is NULL where there are none. */
static int
read_aliases(const struct account *account, struct aliases **aliases, struct err *err)
{
	struct err failure;
	int result = 0;

	*aliases = NULL;
	if (account->aliases == NULL || account->aliases[0] == '\0')
		return 0;
	err_init(&failure);
	if (aliases_read(account->aliases, aliases, &failure) < 0 &&
	    !(account->aliases_usual && failure.sys_errno == ENOENT)) {
		err_move(err, &failure);
		result = -1;
	}
	err_release(&failure);
	return result;
}

static int
replace_local(struct envelope *envelope, const struct account *account, const struct buf *host,
    struct err *err)
{
	struct envelope routed;
	struct recipient *given = envelope->recipients;
	size_t count = envelope->count, cap = envelope->cap;
	struct routing r = { account, host, NULL, &routed };
	int result = read_aliases(account, &r.aliases, err);

	envelope_init(&routed);
	for (size_t i = 0; i < count && result == 0; i++)
		result = route_one(&r, &given[i], err);
	aliases_free(r.aliases);
	envelope->recipients = routed.recipients;
	envelope->count = routed.count;
	envelope->cap = routed.cap;
	routed.recipients = given;
	routed.count = count;
	routed.cap = cap;
	envelope_release(&routed);
	return result;
}

int
route_recipients(struct envelope *envelope, const struct account *account, struct err *err)
{
	struct buf host = BUF_INIT(NAME_MAX_LEN);
	int result = 0;

	route_host_name(&host);
	/* Mostly none is, and a thousand addresses need not be parsed and compared again. */
	if (any_is_local(envelope, account, &host))
		result = replace_local(envelope, account, &host, err);
	buf_release(&host);
	return result;
}

/*
 * Login names may hold what must be quoted in an address; the parser takes needless quotes off
 * again.
 */
static void
add_local_part(const char *login, struct buf *out)
{
	buf_addc(out, '"');
	for (; *login != '\0'; login++) {
		if (*login == '"' || *login == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *login);
	}
	buf_addc(out, '"');
}

static void
default_sender(const struct account *account, const char *login, struct buf *out)
{
	const char *own = account_address(account);

	if (own != NULL) {
		buf_adds(out, own);
		return;
	}
	add_local_part(login, out);
	buf_addc(out, '@');
	if (account->local_domain != NULL)
		buf_adds(out, account->local_domain);
	else
		route_host_name(out);
}

int
route_sender(struct envelope *envelope, const struct account *account, const char *login,
    struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct buf sender = BUF_INIT(NAME_MAX_LEN);
	int result;

	if (envelope->sender != NULL &&
	    (envelope->sender[0] == '\0' || mailbox_domain(envelope->sender) != NULL))
		return 0;
	if (envelope->sender != NULL && account->local_domain != NULL)
		buf_addf(&sender, "%s@%s", envelope->sender, account->local_domain);
	else
		default_sender(account, login, &sender);
	result = address_parse(&list, (struct span){ sender.data, sender.len }, ADDRESS_ONE, err);
	if (result == 0)
		result = envelope_set_sender(envelope, &list.items[0], err);
	address_list_release(&list);
	buf_release(&sender);
	return result;
}
