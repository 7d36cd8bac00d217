/* SPDX-License-Identifier: ISC */
#include "config/other_keys.h"

#include "config/value.h"

static bool
is_any(struct span value)
{
	(void)value;
	return true;
}

/* For keys that name something: nothing named. */
static bool
is_unset(struct span value)
{
	return value.len == 0 || span_is_nocase(value, "off");
}

/* For switches: bare is on. */
static bool
is_on(struct span value)
{
	bool on;

	return value.len == 0 || (value_switch(value, &on) && on);
}

static bool
is_off(struct span value)
{
	bool on;

	return value_switch(value, &on) && !on;
}

static bool
is_off_or_auto(struct span value)
{
	return is_off(value) || span_is(value, "auto");
}

static const struct other_key keys[] = {
	/* msmtp's */
	{ "add_missing_date_header", is_any, "a message without Date always gets one" },
	{ "add_missing_from_header", is_any, "a message without From always gets one" },
	{ "allow_from_override", is_on, "senders given with -f would be used" },
	{ "auto_from", is_off, "mail would have another sender" },
	{ "dsn_notify", is_unset, "the reports asked for would not come" },
	{ "dsn_return", is_unset, "the reports asked for would not come" },
	{ "eval", is_unset, "the line it makes would be missing" },
	{ "keepbcc", is_any, "Bcc is always removed, which tells less" },
	{ "logfile_time_format", is_any, "the log has its own format of time" },
	{ "remove_bcc_headers", is_any, "Bcc is always removed, which tells less" },
	{ "set_date_header", is_any, "a message without Date always gets one" },
	{ "set_from_header", is_off_or_auto, "the message would keep its own From header" },
	{ "set_msgid_header", is_any,
	    "a message without Message-ID always gets one, and keeps the one it has" },
	{ "tls_force_sslv3", is_any, "SSL 3 is broken; msmtp ignores it too" },
	{ "tls_min_dh_prime_bits", is_unset, "another limit would hold; use tls_priorities" },
	{ "undisclosed_recipients", is_off, "To and Cc would be shown" },

	/* ours once */
	{ "window", is_unset, "a long queue would take more time: set connections instead" },

	/* of later versions */
	{ "allow_sender", is_unset, "other senders would be allowed" },
	{ "log_format", is_unset, "the log would look different" },
	{ "mailq_users", is_unset, "the queue would be shown to others" },
	{ "password_credential", is_unset, "there would be no password" },
	{ "password_env", is_unset, "there would be no password" },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

const struct other_key *
other_key(size_t i)
{
	return i < KEYS ? &keys[i] : NULL;
}

const struct other_key *
other_key_find(struct span name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (span_is(name, keys[i].name))
			return &keys[i];
	return NULL;
}
