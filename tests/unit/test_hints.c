/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "smtp/hints.h"

/* What servers have been seen to say, and a word of what is to be told; NULL: nothing. */
static const struct {
	int code;
	const char *enhanced, *text, *hint;
} rows[] = {
	{ 535, "5.7.8", "5.7.8 Username and Password not accepted. 5b1f17b1804b1-4532 - gsmtp",
	    "apppasswords" },
	{ 535, "5.7.8", "5.7.8 Error: authentication failed", "user and password" },
	{ 535, "", "Incorrect authentication data", "user and password" },
	{ 535, "5.7.139",
	    "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
	    "switched SMTP logins by password off" },
	{ 534, "5.7.9", "5.7.9 Application-specific password required.", "app password" },
	{ 432, "4.7.12", "4.7.12 A password transition is needed", "auth plain" },
	{ 454, "4.7.0", "4.7.0 Temporary authentication failure", "not the problem" },
	{ 454, "", "Too many login attempts", "counts logins" },
	{ 454, "", "TLS not available", NULL },
	{ 538, "5.7.11", "5.7.11 Encryption required", "smtps" },
	{ 530, "5.7.0", "5.7.0 Must issue a STARTTLS command first", "starttls" },
	{ 530, "5.7.0", "5.7.0 Authentication required", "wants a login" },
	{ 553, "5.7.1", "5.7.1 <x@y>: Sender address rejected: not owned by user z",
	    "may not send as" },
	{ 550, "5.7.60", "5.7.60 SMTP; Client does not have permissions to send as this sender",
	    "may not send as" },
	{ 554, "5.7.1", "5.7.1 <b@c>: Relay access denied", "logs in" },
	{ 550, "", "relay not permitted", "logs in" },
	{ 550, "5.1.1", "5.1.1 <b@c>: Recipient address rejected: User unknown", NULL },
	{ 552, "5.3.4", "5.3.4 Message size exceeds fixed limit", "larger" },
	{ 250, "", "fine", NULL },
	{ 550, "", "", NULL },
};

static void
tells_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *hint = hint_for_reply(rows[i].code, rows[i].enhanced,
		    span_of(rows[i].text));

		if ((hint == NULL) != (rows[i].hint == NULL) ||
		    (hint != NULL && strstr(hint, rows[i].hint) == NULL))
			fail_msg("%d %s: %s", rows[i].code, rows[i].text,
			    hint != NULL ? hint : "nothing");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
