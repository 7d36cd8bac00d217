/* SPDX-License-Identifier: ISC */
#include "config/keys.h"

static const struct key keys[] = {
	{ "server", "URL", "a server; repeated: tried in order", &type_server, IN_ACCOUNT(servers),
	    .flags = KEY_REPEATS | KEY_NO_ECHO },
	{ "host", "HOST", "a server in msmtp's manner, whose defaults then hold", &type_bare_host,
	    IN_DRAFT(host), .flags = KEY_NO_ECHO },
	{ "port", "NUMBER", "the port of host", &type_count, IN_DRAFT(port), .limit = 65535 },
	{ "protocol", "smtp|lmtp", "msmtp: what host speaks", &type_either, IN_DRAFT(lmtp),
	    .initial = "smtp" },
	{ "socket", "FILE", "msmtp: a Unix socket to use in place of host and port", &type_path,
	    IN_DRAFT(socket), .flags = KEY_UNSETS },

	{ "user", "NAME", "the login name", &type_text, IN_ACCOUNT(user), .flags = KEY_UNSETS },
	{ "password", "PASSWORD", "the password itself", &type_password, IN_ACCOUNT(secret),
	    .flags = KEY_UNSETS | KEY_NO_ECHO },
	{ "password_file", "FILE", "a file that holds the password", &type_password_file,
	    IN_ACCOUNT(secret), .flags = KEY_UNSETS },
	{ "password_command", "COMMAND", "a shell command that prints the password",
	    &type_password_command, IN_ACCOUNT(secret), .flags = KEY_UNSETS | KEY_NO_ECHO },
	{ "passwordeval", "COMMAND", "msmtp's name of password_command", &type_password_command,
	    IN_ACCOUNT(secret), .flags = KEY_UNSETS | KEY_NO_ECHO },
	{ "token_command", "COMMAND", "a shell command that prints an OAuth 2.0 access token",
	    &type_token_command, IN_ACCOUNT(secret), .flags = KEY_UNSETS | KEY_NO_ECHO },
	{ "auth", "on|off|MECHANISM...", "whether and how to log in; mechanisms are tried in order",
	    &type_auth, IN_ACCOUNT(auth), .flags = KEY_BARE_IS_ON },
	{ "ntlm_domain", "DOMAIN", "the domain for NTLM", &type_text, IN_ACCOUNT(ntlm_domain),
	    .flags = KEY_UNSETS },
	{ "ntlmdomain", "DOMAIN", "msmtp's name of ntlm_domain", &type_text,
	    IN_ACCOUNT(ntlm_domain), .flags = KEY_UNSETS },
	{ "insecure_auth", "yes|no",
	    "log in even where no verified certificate tells who the server is", &type_switch,
	    IN_ACCOUNT(insecure_auth), .initial = "no" },

	{ "from", "ADDRESS...",
	    "addresses and patterns that this account sends for; the first is its own", &type_from,
	    IN_ACCOUNT(from), .flags = KEY_REPEATS | KEY_UNSETS },
	{ "full_name", "NAME", "the name in a From header that is added", &type_text,
	    IN_ACCOUNT(full_name), .flags = KEY_UNSETS },
	{ "from_full_name", "NAME", "msmtp's name of full_name", &type_text, IN_ACCOUNT(full_name),
	    .flags = KEY_UNSETS },
	{ "domain", "DOMAIN", "this machine's name for the server (EHLO)", &type_ehlo,
	    IN_ACCOUNT(domain), .flags = KEY_UNSETS },
	{ "local_domain", "DOMAIN", "the domain for addresses that have none", &type_host,
	    IN_ACCOUNT(local_domain), .flags = KEY_UNSETS, .expected = "a domain name" },
	{ "maildomain", "DOMAIN", "msmtp's name of local_domain", &type_host,
	    IN_ACCOUNT(local_domain), .flags = KEY_UNSETS, .expected = "a domain name" },
	{ "local_to", "ADDRESS", "where mail to local names goes", &type_address,
	    IN_ACCOUNT(local_to), .flags = KEY_UNSETS },

	{ "tls", "implicit|starttls|none|on|off",
	    "how the connection is secured; on and off are msmtp's", &type_word, IN_DRAFT(tls),
	    .flags = KEY_BARE_IS_ON | KEY_ANY_CASE },
	{ "tls_starttls", "on|off", "msmtp: whether tls on means STARTTLS", &type_switch,
	    IN_DRAFT(starttls), .flags = KEY_BARE_IS_ON, .initial = "on" },
	{ "tls_nostarttls", "", "msmtp: the same as tls_starttls off", &type_off,
	    IN_DRAFT(starttls), .flags = KEY_NO_VALUE },
	{ "tls_certcheck", "on|off", "msmtp: whether the server's certificate must be right",
	    &type_switch, IN_ACCOUNT(tls_verify), .flags = KEY_BARE_IS_ON, .initial = "on" },
	{ "tls_nocertcheck", "", "msmtp: the same as tls_certcheck off", &type_off,
	    IN_ACCOUNT(tls_verify), .flags = KEY_NO_VALUE },
	{ "tls_trust_file", "FILE|system", "the certificates of the authorities to trust, PEM",
	    &type_path_or_default, IN_ACCOUNT(tls_trust_file), .flags = KEY_UNSETS,
	    .initial = "system", .expected = "a path that begins with \"/\" or \"~/\", or system" },
	{ "tls_fingerprint", "PIN",
	    "trust this certificate or key, and no other; repeated: any of them", &type_fingerprint,
	    IN_ACCOUNT(tls_fingerprints), .flags = KEY_REPEATS | KEY_UNSETS },
	{ "tls_crl_file", "FILE", "revoked certificates, PEM", &type_path, IN_ACCOUNT(tls_crl_file),
	    .flags = KEY_UNSETS },
	{ "tls_cert_file", "FILE|URL", "our own certificate, PEM or a pkcs11: URL",
	    &type_path_or_url, IN_ACCOUNT(tls_cert_file), .flags = KEY_UNSETS },
	{ "tls_key_file", "FILE|URL", "its key, PEM or a pkcs11: URL", &type_path_or_url,
	    IN_ACCOUNT(tls_key_file), .flags = KEY_UNSETS },
	{ "tls_min", "1.2|1.3", "the oldest version of TLS to speak", &type_either,
	    IN_ACCOUNT(tls_only13), .initial = "1.2" },
	{ "dane", "auto|never", "compare the certificate with DNS, where DNSSEC vouches for it",
	    &type_word, IN_ACCOUNT(dane), .initial = "auto" },
	{ "tls_priorities", "STRING", "GnuTLS priority string", &type_text,
	    IN_ACCOUNT(tls_priorities), .flags = KEY_UNSETS },
	{ "tls_host", "HOST", "the name to expect in the server's certificate", &type_host,
	    IN_ACCOUNT(tls_host), .flags = KEY_UNSETS },
	{ "tls_host_override", "HOST", "msmtp's name of tls_host", &type_host, IN_ACCOUNT(tls_host),
	    .flags = KEY_UNSETS },

	{ "proxy", "URL", "a SOCKS5 or HTTP proxy to go through", &type_proxy,
	    IN_ACCOUNT(proxy_host), .flags = KEY_UNSETS | KEY_NO_ECHO },
	{ "proxy_host", "HOST", "msmtp: a SOCKS5 proxy", &type_proxy_host, IN_ACCOUNT(proxy_host),
	    .flags = KEY_UNSETS },
	{ "proxy_port", "NUMBER", "msmtp: its port", &type_count, IN_DRAFT(proxy_port),
	    .flags = KEY_UNSETS, .limit = 65535 },
	{ "tunnel_command", "COMMAND",
	    "a shell command to talk to instead; it gets host and port as $1 and $2", &type_text,
	    IN_ACCOUNT(tunnel_command), .flags = KEY_UNSETS | KEY_NO_ECHO,
	    .expected = "a shell command" },
	{ "source_ip", "ADDRESS", "the address to connect from", &type_ip, IN_ACCOUNT(source_ip),
	    .flags = KEY_UNSETS },
	{ "require_tls", "yes|no", "every server on the way must use verified TLS (REQUIRETLS)",
	    &type_switch, IN_ACCOUNT(require_tls), .initial = "no" },
	{ "deliver_by", "TIME [return|notify]", "how soon mail must be delivered (DELIVERBY)",
	    &type_deliver_by, IN_ACCOUNT(deliver_by_s), .flags = KEY_UNSETS },
	{ "hold_for", "TIME", "how long the server shall hold mail (FUTURERELEASE)", &type_period,
	    IN_ACCOUNT(hold_for_s), .flags = KEY_UNSETS, .limit = 1 },
	{ "mt_priority", "NUMBER", "priority of mail, -9 to 9 (MT-PRIORITY)", &type_priority,
	    IN_ACCOUNT(mt_priority), .flags = KEY_UNSETS },

	{ "timeout", "TIME|off",
	    "limit for handing a message over, without the time its content takes", &type_time,
	    IN_ACCOUNT(timeout_ms), .initial = "10m" },
	{ "connect_timeout", "TIME|off", "limit for reaching the server", &type_time,
	    IN_ACCOUNT(connect_timeout_ms), .initial = "30s" },
	{ "chunking", "auto|never", "use the server's CHUNKING extension", &type_word,
	    IN_ACCOUNT(chunking), .initial = "auto" },
	{ "pipelining", "auto|never", "use the server's PIPELINING extension", &type_word,
	    IN_ACCOUNT(pipelining), .initial = "auto" },
	{ "size_limit", "SIZE|off", "the largest message to send, in octets or with K, M or G",
	    &type_size, IN_ACCOUNT(size_limit), .initial = "off" },
	{ "queue_dir", "DIR|none", "where mail waits: one place for all accounts",
	    &type_path_or_default, IN_DRAFT(queue_dir), .flags = KEY_UNSETS | KEY_WHOLE,
	    .expected = "a path that begins with \"/\" or \"~/\", or none" },
	{ "aliases", "FILE|off", "who gets the mail of local names", &type_aliases,
	    IN_ACCOUNT(aliases), .flags = KEY_UNSETS },
	{ "rewrite_from", "auto|always|never",
	    "put the account's own address in the place of senders not for outside", &type_word,
	    IN_ACCOUNT(rewrite_from), .flags = KEY_UNSETS, .initial = "auto" },
	{ "delivery", "now|background|queue",
	    "deliver while the caller waits, behind its back, or later", &type_word,
	    IN_ACCOUNT(delivery), .flags = KEY_UNSETS, .initial = "now" },
	{ "wait", "TIME|off", "how long a caller waits before mail is queued", &type_wait,
	    IN_ACCOUNT(wait_ms), .flags = KEY_UNSETS, .initial = "10s" },
	{ "expire", "TIME", "how long mail is tried again before it goes back", &type_period,
	    IN_ACCOUNT(expire_s), .flags = KEY_UNSETS, .initial = "5d", .limit = 60,
	    .expected = "a time of at least 1m, such as 10m, 2h or 5d" },
	{ "retry", "MIN..MAX",
	    "the time between two attempts, which grows from the one to the other", &type_retry,
	    IN_ACCOUNT(retry_min_s), .flags = KEY_UNSETS, .initial = "1m..1h" },
	{ "fallback", "ACCOUNT", "the account to use where the servers of this one cannot be",
	    &type_text, IN_ACCOUNT(fallback), .flags = KEY_UNSETS,
	    .expected = "the name of an account" },
	{ "connections", "NUMBER", "how many connections a long queue has to a server at once",
	    &type_count, IN_ACCOUNT(connections), .flags = KEY_UNSETS, .initial = "2",
	    .limit = 20 },
	{ "rate", "NUMBER/min|off", "how many messages may go out a minute", &type_rate,
	    IN_ACCOUNT(rate), .flags = KEY_UNSETS, .initial = "off" },

	{ "log_file", "FILE", "a file for one line an attempt", &type_log_file,
	    IN_ACCOUNT(log_file), .flags = KEY_UNSETS },
	{ "logfile", "FILE", "msmtp's name of log_file", &type_log_file, IN_ACCOUNT(log_file),
	    .flags = KEY_UNSETS },
	{ "syslog", "on|off", "log to syslog too; msmtp's facility names mean on", &type_syslog,
	    IN_ACCOUNT(syslog), .flags = KEY_BARE_IS_ON, .initial = "on" },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

const struct key *
key_row(size_t i)
{
	return i < KEYS ? &keys[i] : NULL;
}

const struct key *
key_find(struct span name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (span_is(name, keys[i].name))
			return &keys[i];
	return NULL;
}

void
keys_release(void *base, size_t size)
{
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].place < size && keys[i].type->release != NULL)
			keys[i].type->release(base, keys[i].place);
}

static bool
proxy_is_url(const struct draft *draft)
{
	return draft->proxy_is_url;
}

static bool
verifies_nothing(const struct draft *draft)
{
	return !draft->account.tls_verify;
}

static bool
requires_what_it_does_not(const struct draft *draft)
{
	return draft->account.require_tls && !draft->account.tls_verify;
}

static bool
host_has_two_ways_of_tls(const struct draft *draft)
{
	return draft->manner == MANNER_MSMTP &&
	    draft->tls == (draft->starttls ? TLS_WORD_IMPLICIT : TLS_WORD_STARTTLS);
}

static bool
socket_has_tls(const struct draft *draft)
{
	return draft->manner == MANNER_MSMTP && draft->tls != TLS_WORD_NONE &&
	    draft->tls != TLS_WORD_OFF;
}

static const struct contradiction contradictions[] = {
	{ IN_ACCOUNT(proxy_host), IN_ACCOUNT(tunnel_command), NULL,
	    "an account has either a proxy or \"tunnel_command\", not both" },
	{ IN_ACCOUNT(source_ip), IN_ACCOUNT(tunnel_command), NULL,
	    "\"tunnel_command\" connects by itself: \"source_ip\" would not count" },
	{ IN_DRAFT(proxy_port), IN_ACCOUNT(proxy_host), proxy_is_url,
	    "\"proxy_port\" belongs to msmtp's \"proxy_host\": with \"proxy\", the port stands in the URL" },
	{ IN_ACCOUNT(tls_only13), IN_ACCOUNT(tls_priorities), NULL,
	    "\"tls_priorities\" says which TLS to speak: \"tls_min\" would not count" },
	{ IN_ACCOUNT(tls_fingerprints), IN_ACCOUNT(tls_verify), verifies_nothing,
	    "with \"tls_certcheck off\" the certificate is not compared with \"tls_fingerprint\"" },
	{ IN_ACCOUNT(require_tls), IN_ACCOUNT(tls_verify), requires_what_it_does_not,
	    "\"require_tls\" wants certificates checked, and \"tls_certcheck off\" does not" },
	{ IN_ACCOUNT(servers), IN_DRAFT(host), NULL,
	    "an account has either \"server\" or msmtp's \"host\", not both" },

	/* What only goes with msmtp's host. */
	{ IN_DRAFT(port), IN_ACCOUNT(servers), NULL,
	    "\"port\" belongs to msmtp's \"host\": with \"server\", the port stands in the URL" },
	{ IN_DRAFT(lmtp), IN_ACCOUNT(servers), NULL,
	    "\"protocol\" belongs to msmtp's \"host\": with \"server\", write lmtp://HOST:PORT" },
	{ IN_DRAFT(socket), IN_ACCOUNT(servers), NULL,
	    "\"socket\" belongs to msmtp's \"host\": with \"server\", write unix:/PATH or lmtp:/PATH" },
	{ IN_DRAFT(starttls), IN_ACCOUNT(servers), NULL,
	    "\"tls_starttls\" belongs to msmtp's \"host\": with \"server\", smtp:// means STARTTLS" },
	{ IN_DRAFT(tls), IN_DRAFT(starttls), host_has_two_ways_of_tls,
	    "\"tls\" and \"tls_starttls\" contradict each other" },
	{ IN_DRAFT(tls), IN_DRAFT(socket), socket_has_tls, "a \"socket\" has no TLS" },
};

const struct contradiction *
contradiction_row(size_t i)
{
	return i < sizeof(contradictions) / sizeof(contradictions[0]) ? &contradictions[i] : NULL;
}
