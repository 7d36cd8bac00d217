/* SPDX-License-Identifier: ISC */
/*
 * Addresses as they stand in headers and on command lines: RFC 5322 section 3.4 with the obsolete
 * syntax of section 4.4 and UTF-8 (RFC 6532).  What can be parsed is reduced to the mailbox; what
 * cannot is refused with its text, and nothing is ever guessed.
 *
 * Three liberties are taken because so many programs write so: a phrase before <…> may hold '.',
 * '@' and other specials unquoted ("me@example.org <me@example.org>") and need not be UTF-8, and a
 * list may have empty elements ("a@b,,c@d,").
 *
 * Refused though some send it: dots in the wrong place ("a..b@c", "a.@c"; quoted they are right),
 * ';' between addresses, a tab in a local part, and the empty local part ("\"\"@c").
 */
#ifndef SENDOFF_FORMAT_ADDRESS_H
#define SENDOFF_FORMAT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

enum {
	ADDRESS_LOCAL_MAX = 256,  /* octets; RFC 5321 section 4.5.3.1.1 asks for 64, VERP and SRS
				     need more */
	ADDRESS_DOMAIN_MAX = 255, /* octets (RFC 5321 section 4.5.3.1.2) */
	ADDRESS_NESTING_MAX = 32, /* comments within comments, the outermost counted */
};

struct address {
	/*
	 * The mailbox as it goes between < and > in MAIL and RCPT, owned: "local@domain"; "local"
	 * alone where it has no domain; "" for the null address.  Comments, folding and white space
	 * around the parts are gone, a quoted local part is quoted only where it must be (RFC 5321
	 * section 4.1.2), a source route is dropped; letters keep their case.
	 */
	char *mailbox;
	size_t local_len; /* octets of the local part in mailbox, quotes and backslashes counted */
	bool qualified;   /* it has a domain */
	bool local_8bit;  /* the local part holds UTF-8: needs SMTPUTF8 */
	bool domain_8bit; /* the domain holds UTF-8: needs A-labels or SMTPUTF8 */
};

struct address_list {
	struct address *items;
	size_t count;
	size_t cap;
};

enum address_flags {
	ADDRESS_NULL = 1, /* "<>", and text of nothing but space, are the null address; else "<>" is
			     refused */
	ADDRESS_ONE = 2, /* exactly one mailbox: no list, not even an empty element, and no group */
};

#define ADDRESS_LIST_INIT \
	{ \
		NULL, 0, 0 \
	}

void address_list_release(struct address_list *list);

/*
 * Appends the addresses in text to list, in their order.  Text is an address-list: mailboxes and
 * groups, separated by commas; a header body may still be folded.  An empty group
 * ("undisclosed-recipients:;") adds nothing.  On failure list is as it was.
 * Errors: ERR_ADDRESS (the sentence quotes the offending text, printable and cut to 80 octets, and
 * names the reason), ERR_SYSTEM (memory).
 */
int address_parse(struct address_list *list, struct span text, unsigned flags, struct err *err);

/* True where both have the same local part (case counts) and the same domain (case does not). */
bool address_equal(const struct address *a, const struct address *b);

/* The domain of a mailbox as struct address has it; NULL where it has none. */
const char *mailbox_domain(const char *mailbox);
/* Its local part, with quotes and backslashes. */
struct span mailbox_local(const char *mailbox);

/*
 * Appends what a text with quoted strings stands for: without quotation marks, and backslashes
 * before what they quote.
 */
void address_unquote(struct span text, struct buf *out);

/* The domain of a, empty where it has none. */
struct span address_domain(const struct address *a);

/*
 * Matches against a pattern of the configuration: "alice@example.org", "*@example.org",
 * "*@*.example.org"; case does not count; '*' stands for any run of characters.
 */
bool address_matches(struct span mailbox, const char *pattern);

#endif
