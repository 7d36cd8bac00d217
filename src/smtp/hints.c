/* SPDX-License-Identifier: ISC */
#include "smtp/hints.h"

#include <stddef.h>
#include <string.h>

/* One row a refusal, the more exact before the more general. */
static const struct hint {
	int code;
	const char *enhanced; /* NULL: any */
	const char *words;    /* must occur in the text, whatever their case; NULL: any */
	const char *hint;
} hints[] = {
	{ 432, NULL, NULL,
	    "the server wants the password once by PLAIN before other logins work: try auth plain" },
	{ 454, "4.7.0", NULL,
	    "the server cannot check logins at the moment: the password is not the problem" },
	{ 454, NULL, "login",
	    "the server counts logins: fewer at a time, or rate limits, may help" },
	{ 534, NULL, NULL,
	    "this provider wants an app password: make one in the settings of the mail account" },
	{ 535, "5.7.139", NULL,
	    "Microsoft has switched SMTP logins by password off for this mailbox: its administrator can "
	    "switch them on, or use token_command" },
	{ 535, NULL, "SmtpClientAuthentication",
	    "Microsoft has switched SMTP logins off for this mailbox: its administrator "
	    "can switch them on" },
	{ 535, NULL, "gsmtp",
	    "Gmail wants an app password (myaccount.google.com/apppasswords), not that of the account" },
	{ 535, NULL, NULL,
	    "check user and password; many providers want an app password made for mail programs" },
	{ 538, NULL, NULL, "the server wants TLS for this login: use smtps:// or tls starttls" },
	{ 530, NULL, "STARTTLS", "the server wants TLS: use smtps:// or tls starttls" },
	{ 530, NULL, NULL, "the server wants a login: set user and password_command" },
	{ 550, "5.7.60", NULL,
	    "the account may not send as this sender: set from to an address of its own" },
	{ 553, "5.7.1", NULL,
	    "the account may not send as this sender: set from to an address of its own" },
	{ 554, "5.2.252", NULL,
	    "the account may not send as this sender: set from to an address of its own" },
	{ 550, NULL, "not owned by",
	    "the account may not send as this sender: set from to an address of its own" },
	{ 553, NULL, "not owned by",
	    "the account may not send as this sender: set from to an address of its own" },
	{ 554, NULL, "relay access denied",
	    "the server relays only for who logs in: set user and password_command" },
	{ 550, NULL, "relay",
	    "the server relays only for who logs in: set user and password_command" },
	{ 504, "5.5.2", NULL, "the address has no full domain: set from, or local_domain" },
	{ 552, "5.3.4", NULL, "the message is larger than the server takes" },
	{ 554, NULL, "spamhaus",
	    "the server takes no mail from this machine's address: use your provider's submission server" },
	{ 550, NULL, "spamhaus",
	    "the server takes no mail from this machine's address: use your provider's submission server" },
};

static bool
occurs(const char *words, struct span text)
{
	size_t len = strlen(words);

	for (; text.len >= len; text.data++, text.len--)
		if (span_starts_nocase(text, words))
			return true;
	return false;
}

const char *
hint_for_reply(int code, const char *enhanced, struct span text)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		const struct hint *h = &hints[i];

		if (h->code == code &&
		    (h->enhanced == NULL || strcmp(h->enhanced, enhanced) == 0) &&
		    (h->words == NULL || occurs(h->words, text)))
			return h->hint;
	}
	return NULL;
}
