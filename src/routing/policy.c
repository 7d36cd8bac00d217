/* SPDX-License-Identifier: ISC */
#include "routing/policy.h"

#include <stdlib.h>
#include <string.h>

#include "format/address.h"
#include "format/header.h"
#include "message/phrase.h"
#include "routing/route.h"

enum { NAME_LEN_MAX = 2048 }; /* octets of a display name */

static bool
fits_any(const struct account *account, const char *mailbox)
{
	for (size_t i = 0; i < account->from.count; i++)
		if (address_matches(span_of(mailbox), account->from.items[i]))
			return true;
	return false;
}

/* True where this address must not be seen outside, or would be refused there. */
static bool
must_go(const struct account *account, const char *mailbox)
{
	if (mailbox[0] == '\0' || account->rewrite_from == REWRITE_NEVER)
		return false;
	if (route_is_local(mailbox, account))
		return true;
	return account->rewrite_from == REWRITE_ALWAYS && !fits_any(account, mailbox) &&
	    strcmp(mailbox, account_address(account)) != 0;
}

static bool
any_must_go(const struct account *account, const struct address_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (must_go(account, from->items[i].mailbox))
			return true;
	return false;
}

/* Whose mail it is, in words: "root on nas", or a foreign address as it is. */
static void
add_origin(const char *mailbox, struct buf *out)
{
	struct span local = mailbox_local(mailbox);
	const char *domain = mailbox_domain(mailbox);
	struct buf host = BUF_INIT(NAME_LEN_MAX);

	route_host_name(&host);
	if (domain == NULL || strcmp(domain, "localhost") == 0)
		buf_addf(out, "%.*s on %s", (int)local.len, local.data, host.data);
	else if (route_is_this_host(domain))
		buf_addf(out, "%.*s on %s", (int)local.len, local.data, domain);
	else
		buf_adds(out, mailbox);
	buf_release(&host);
}

/* Octets of the quoted string or comment that text begins with; 1 where it begins with neither. */
static size_t
unit_length(struct span text)
{
	char opens = text.data[0], closes = opens == '(' ? ')' : '"';
	unsigned depth = 1;
	size_t n = 1;

	if (opens != '(' && opens != '"')
		return 1;
	for (; n < text.len && depth > 0; n++) {
		if (text.data[n] == '\\' && n + 1 < text.len)
			n++;
		else if (text.data[n] == closes)
			depth--;
		else if (text.data[n] == opens)
			depth++;
	}
	return n;
}

/*
 * The display name of the first mailbox as it is written: before "<", or in parentheses; empty
 * where there is none.  Body can be read as a list of addresses.
 */
static struct span
written_name(struct span body)
{
	struct span comment = { body.data, 0 };
	size_t begin = 0, len;

	for (size_t i = 0; i < body.len && body.data[i] != ','; i += len) {
		len = unit_length((struct span){ body.data + i, body.len - i });
		if (body.data[i] == '<')
			return span_trim((struct span){ body.data + begin, i - begin });
		if (body.data[i] == '(' && comment.len == 0 && len > 1)
			comment = (struct span){ body.data + i + 1, len - 2 };
		/* Behind the name of a group. */
		if (body.data[i] == ':')
			begin = i + 1;
	}
	return span_trim(comment);
}

/* Encoded words, and atoms between them. */
static bool
is_encoded(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (strchr("()<>[]:;@\\,\"", name.data[i]) != NULL ||
		    (unsigned char)name.data[i] >= 0x7f)
			return false;
	return memmem(name.data, name.len, "=?", 2) != NULL;
}

/* Encoded words are phrases already, and folded; all else is made one. */
static void
add_display_name(struct span body, const char *mailbox, struct buf *out)
{
	struct buf text = BUF_INIT(NAME_LEN_MAX), unfolded = BUF_INIT(NAME_LEN_MAX);
	struct span encoded = written_name(body), name;

	header_unfold(&unfolded, body);
	name = written_name((struct span){ unfolded.data, unfolded.len });
	if (is_encoded(encoded)) {
		buf_add(out, encoded.data, encoded.len);
		buf_addc(out, ' ');

		buf_addc(&text, '(');
		add_origin(mailbox, &text);
		buf_addc(&text, ')');
	} else if (name.len > 0) {
		address_unquote(name, &text);
		buf_adds(&text, " (");
		add_origin(mailbox, &text);
		buf_addc(&text, ')');
	} else {
		add_origin(mailbox, &text);
	}
	phrase_add(out, (struct span){ text.data, text.len });
	buf_release(&unfolded);
	buf_release(&text);
}

/* Puts the new field, and the old one under another name, in the old one's place. */
static int
replace_from(struct policy *policy, const struct account *account, const struct message *message,
    const struct header_field *from, const char *mailbox, struct err *err)
{
	struct buf field = BUF_INIT(MESSAGE_HEADER_MAX);
	size_t at = (size_t)(from->whole.data - message->header.data);

	buf_adds(&field, "From: ");
	add_display_name(from->body, mailbox, &field);
	buf_addf(&field, "\r\n <%s>\r\nX-Original-From:", account_address(account));
	buf_add(&field, from->body.data, from->body.len);
	buf_adds(&field, "\r\n");
	buf_add(&policy->header, message->header.data, message->header.len);
	buf_splice(&policy->header, at, from->whole.len, field.data, field.len);
	if (!buf_ok(&field) || !buf_ok(&policy->header)) {
		buf_release(&field);
		return err_set(err, ERR_MESSAGE,
		    "the header block would be too large with the account's own From");
	}
	buf_release(&field);
	return 0;
}

static int
apply_to_header(struct policy *policy, const struct account *account, const struct message *message,
    struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct header_field from;
	struct err unreadable;
	int result = 0;

	if (!header_find((struct span){ message->header.data, message->header.len }, "From", &from))
		return 0;
	err_init(&unreadable);
	/*
	 * A From that cannot be read is nobody's: it goes as it is, and the server will say what it
	 * thinks.
	 */
	if (address_parse(&list, from.body, 0, &unreadable) == 0 && any_must_go(account, &list)) {
		buf_adds(&policy->before, list.items[0].mailbox);
		result = replace_from(policy, account, message, &from, list.items[0].mailbox, err);
	}
	address_list_release(&list);
	err_release(&unreadable);
	return result;
}

int
policy_apply(struct policy *policy, const struct account *account, const struct envelope *envelope,
    const struct message *message, struct err *err)
{
	policy->sender = NULL;
	buf_init(&policy->header, MESSAGE_HEADER_MAX);
	buf_init(&policy->before, NAME_LEN_MAX);
	if (account_address(account) == NULL || account->rewrite_from == REWRITE_NEVER)
		return 0;
	if (must_go(account, envelope->sender)) {
		policy->sender = strdup(account_address(account));
		if (policy->sender == NULL)
			return err_memory(err);
		buf_adds(&policy->before, envelope->sender);
		buf_addc(&policy->before, ' ');
	}
	return apply_to_header(policy, account, message, err);
}

void
policy_release(struct policy *policy)
{
	free(policy->sender);
	policy->sender = NULL;
	buf_release(&policy->header);
	buf_release(&policy->before);
}
