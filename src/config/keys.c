/* SPDX-License-Identifier: ISC */
#include "config/keys.h"

#include <stddef.h>

#include "config/setters.h"
#include "config/value.h"

#define IN_DRAFT(member) offsetof(struct draft, member)
#define IN_ACCOUNT(member) offsetof(struct draft, account.member)

#define A_TIME "a time such as 90, 90s, 10m, 2h or 5d, or off"
#define A_PATH "a path that begins with \"/\" or \"~/\""
#define A_TEXT "text in UTF-8"
#define A_COMMAND "a shell command"
#define A_DOMAIN "a domain name"
#define A_HOST "the name or the address of a server"
#define AN_URL "smtps://HOST[:PORT], smtp://HOST[:PORT], unix:/PATH, lmtp://HOST:PORT or lmtp:/PATH"
#define A_PIN "sha256//BASE64 of a key, or a certificate's SHA-256 or SHA-1 in hexadecimal"
#define A_PROXY "socks5://[USER:PASSWORD@]HOST[:PORT] or http://[USER:PASSWORD@]HOST[:PORT]"
#define A_PATH_OR_URL A_PATH ", or a pkcs11: URL"
#define AN_ADDRESS "an IPv4 or IPv6 address"
#define A_RETRY "a time, or two as in 1m..1h, from 1s to 7d"

static const struct key keys[] = {
	{ { "server", "URL", "a server: " AN_URL "; repeated: tried in order" }, FIELD_SERVER,
	    KEY_REPEATS | KEY_NO_ECHO, set_server, 0, NULL, AN_URL },
	{ { "host", "HOST", "a server in msmtp's manner, whose defaults then hold" }, FIELD_HOST,
	    KEY_NO_ECHO, set_host, 0, value_is_host, A_HOST },
	{ { "port", "NUMBER", "the port of host" }, FIELD_PORT, 0, set_port, IN_DRAFT(port), NULL,
	    "a number from 1 to 65535" },
	{ { "protocol", "smtp|lmtp", "msmtp: what host speaks" }, FIELD_PROTOCOL, 0, set_protocol,
	    0, NULL, "smtp or lmtp" },
	{ { "socket", "FILE", "msmtp: a Unix socket to use in place of host and port" },
	    FIELD_SOCKET, KEY_UNSETS, set_socket, IN_DRAFT(socket), NULL, A_PATH },

	{ { "user", "NAME", "the login name" }, FIELD_USER, KEY_UNSETS, set_text, IN_ACCOUNT(user),
	    value_is_text, A_TEXT },
	{ { "password", "PASSWORD", "the password itself" }, FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO,
	    set_password, 0, NULL, "the password" },
	{ { "password_file", "FILE", "a file that holds the password" }, FIELD_SECRET, KEY_UNSETS,
	    set_password_file, 0, NULL, A_PATH },
	{ { "password_command", "COMMAND", "a shell command that prints the password" },
	    FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO, set_password_command, 0, NULL, A_COMMAND },
	{ { "passwordeval", "COMMAND", "msmtp's name of password_command" }, FIELD_SECRET,
	    KEY_UNSETS | KEY_NO_ECHO, set_password_command, 0, NULL, A_COMMAND },
	{ { "token_command", "COMMAND", "a shell command that prints an OAuth 2.0 access token" },
	    FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO, set_token_command, 0, NULL, A_COMMAND },
	{ { "auth", "on|off|MECHANISM...",
	      "whether and how to log in; mechanisms are tried in order" },
	    FIELD_AUTH, KEY_BARE_IS_ON, set_auth, 0, NULL,
	    "on, off, or some of plain, login, cram-md5, scram-sha-256, scram-sha-1, scram-sha-256-plus, scram-sha-1-plus, "
	    "external, oauthbearer, xoauth2, gssapi, digest-md5, ntlm" },
	{ { "ntlm_domain", "DOMAIN", "the domain for NTLM" }, FIELD_NTLM_DOMAIN, KEY_UNSETS,
	    set_text, IN_ACCOUNT(ntlm_domain), value_is_text, A_TEXT },
	{ { "ntlmdomain", "DOMAIN", "msmtp's name of ntlm_domain" }, FIELD_NTLM_DOMAIN, KEY_UNSETS,
	    set_text, IN_ACCOUNT(ntlm_domain), value_is_text, A_TEXT },
	{ { "insecure_auth", "yes|no",
	      "log in even where no verified certificate tells who the server is" },
	    FIELD_INSECURE_AUTH, 0, set_switch, IN_ACCOUNT(insecure_auth), NULL, "yes or no" },

	{ { "from", "ADDRESS...",
	      "addresses and patterns that this account sends for; the first is its own" },
	    FIELD_FROM, KEY_REPEATS | KEY_UNSETS, set_from, 0, NULL,
	    "addresses, or patterns such as *@example.org" },
	{ { "full_name", "NAME", "the name in a From header that is added" }, FIELD_FULL_NAME,
	    KEY_UNSETS, set_text, IN_ACCOUNT(full_name), value_is_text, A_TEXT },
	{ { "from_full_name", "NAME", "msmtp's name of full_name" }, FIELD_FULL_NAME, KEY_UNSETS,
	    set_text, IN_ACCOUNT(full_name), value_is_text, A_TEXT },
	{ { "domain", "DOMAIN", "this machine's name for the server (EHLO)" }, FIELD_DOMAIN,
	    KEY_UNSETS, set_text, IN_ACCOUNT(domain), value_is_ehlo,
	    A_DOMAIN " in ASCII, or an address in brackets" },
	{ { "local_domain", "DOMAIN", "the domain for addresses that have none" },
	    FIELD_LOCAL_DOMAIN, KEY_UNSETS, set_text, IN_ACCOUNT(local_domain), value_is_host,
	    A_DOMAIN },
	{ { "maildomain", "DOMAIN", "msmtp's name of local_domain" }, FIELD_LOCAL_DOMAIN,
	    KEY_UNSETS, set_text, IN_ACCOUNT(local_domain), value_is_host, A_DOMAIN },
	{ { "local_to", "ADDRESS", "where mail to local names goes" }, FIELD_LOCAL_TO, KEY_UNSETS,
	    set_address, IN_ACCOUNT(local_to), NULL, "an address with a domain" },

	{ { "tls", "implicit|starttls|none",
	      "how the connection is secured; also msmtp's on and off" },
	    FIELD_TLS, KEY_BARE_IS_ON, set_tls, 0, NULL, "implicit, starttls, none, on or off" },
	{ { "tls_starttls", "on|off", "msmtp: whether tls on means STARTTLS" }, FIELD_TLS_STARTTLS,
	    KEY_BARE_IS_ON, set_switch, IN_DRAFT(starttls), NULL, "on or off" },
	{ { "tls_nostarttls", "", "msmtp: the same as tls_starttls off" }, FIELD_TLS_STARTTLS,
	    KEY_NO_VALUE, set_off, IN_DRAFT(starttls), NULL, "" },
	{ { "tls_certcheck", "on|off", "msmtp: whether the server's certificate must be right" },
	    FIELD_TLS_CERTCHECK, KEY_BARE_IS_ON, set_switch, IN_ACCOUNT(tls_verify), NULL,
	    "on or off" },
	{ { "tls_nocertcheck", "", "msmtp: the same as tls_certcheck off" }, FIELD_TLS_CERTCHECK,
	    KEY_NO_VALUE, set_off, IN_ACCOUNT(tls_verify), NULL, "" },
	{ { "tls_trust_file", "FILE|system", "the certificates of the authorities to trust, PEM" },
	    FIELD_TLS_TRUST_FILE, KEY_UNSETS, set_trust_file, IN_ACCOUNT(tls_trust_file), NULL,
	    A_PATH ", or system" },
	{ { "tls_fingerprint", "PIN",
	      "trust this certificate or key, and no other; repeated: any of them" },
	    FIELD_TLS_FINGERPRINT, KEY_REPEATS | KEY_UNSETS, set_fingerprint, 0, NULL, A_PIN },
	{ { "tls_crl_file", "FILE", "revoked certificates, PEM" }, FIELD_TLS_CRL_FILE, KEY_UNSETS,
	    set_path, IN_ACCOUNT(tls_crl_file), NULL, A_PATH },
	{ { "tls_cert_file", "FILE|URL", "our own certificate, PEM or a pkcs11: URL" },
	    FIELD_TLS_CERT_FILE, KEY_UNSETS, set_path_or_url, IN_ACCOUNT(tls_cert_file),
	    value_is_text, A_PATH_OR_URL },
	{ { "tls_key_file", "FILE|URL", "its key, PEM or a pkcs11: URL" }, FIELD_TLS_KEY_FILE,
	    KEY_UNSETS, set_path_or_url, IN_ACCOUNT(tls_key_file), value_is_text, A_PATH_OR_URL },
	{ { "tls_min", "1.2|1.3", "the oldest version of TLS to speak" }, FIELD_TLS_MIN, 0,
	    set_tls_min, 0, NULL, "1.2 or 1.3" },
	{ { "dane", "auto|never", "compare the certificate with DNS, where DNSSEC vouches for it" },
	    FIELD_DANE, 0, set_feature, IN_ACCOUNT(dane), NULL, "auto or never" },
	{ { "tls_priorities", "STRING", "GnuTLS priority string" }, FIELD_TLS_PRIORITIES,
	    KEY_UNSETS, set_text, IN_ACCOUNT(tls_priorities), value_is_text, A_TEXT },
	{ { "tls_host", "HOST", "the name to expect in the server's certificate" }, FIELD_TLS_HOST,
	    KEY_UNSETS, set_text, IN_ACCOUNT(tls_host), value_is_host, A_HOST },
	{ { "tls_host_override", "HOST", "msmtp's name of tls_host" }, FIELD_TLS_HOST, KEY_UNSETS,
	    set_text, IN_ACCOUNT(tls_host), value_is_host, A_HOST },

	{ { "proxy", "URL", "a SOCKS5 or HTTP proxy to go through" }, FIELD_PROXY,
	    KEY_UNSETS | KEY_NO_ECHO, set_proxy, 0, NULL, A_PROXY },
	{ { "proxy_host", "HOST", "msmtp: a SOCKS5 proxy" }, FIELD_PROXY, KEY_UNSETS,
	    set_proxy_host, 0, value_is_host, A_HOST },
	{ { "proxy_port", "NUMBER", "msmtp: its port" }, FIELD_PROXY_PORT, KEY_UNSETS, set_port,
	    IN_DRAFT(proxy_port), NULL, "a number from 1 to 65535" },
	{ { "tunnel_command", "COMMAND",
	      "a shell command to talk to instead; it gets host and port as $1 and $2" },
	    FIELD_TUNNEL_COMMAND, KEY_UNSETS | KEY_NO_ECHO, set_text, IN_ACCOUNT(tunnel_command),
	    value_is_text, A_COMMAND },
	{ { "source_ip", "ADDRESS", "the address to connect from" }, FIELD_SOURCE_IP, KEY_UNSETS,
	    set_text, IN_ACCOUNT(source_ip), value_is_ip, AN_ADDRESS },
	{ { "require_tls", "yes|no", "every server on the way must use verified TLS (REQUIRETLS)" },
	    FIELD_REQUIRE_TLS, 0, set_switch, IN_ACCOUNT(require_tls), NULL, "yes or no" },
	{ { "deliver_by", "TIME [return|notify]", "how soon mail must be delivered (DELIVERBY)" },
	    FIELD_DELIVER_BY, KEY_UNSETS, set_deliver_by, 0, NULL,
	    "a time, and return or notify behind it" },
	{ { "hold_for", "TIME", "how long the server shall hold mail (FUTURERELEASE)" },
	    FIELD_HOLD_FOR, KEY_UNSETS, set_hold, 0, NULL,
	    "a time such as 90, 90s, 10m, 2h or 5d" },
	{ { "mt_priority", "NUMBER", "priority of mail, -9 to 9 (MT-PRIORITY)" }, FIELD_MT_PRIORITY,
	    KEY_UNSETS, set_priority, 0, NULL, "a number from -9 to 9" },

	{ { "timeout", "TIME|off",
	      "limit for handing a message over, without the time its content takes" },
	    FIELD_TIMEOUT, 0, set_duration, IN_ACCOUNT(timeout_ms), NULL, A_TIME },
	{ { "connect_timeout", "TIME|off", "limit for reaching the server" }, FIELD_CONNECT_TIMEOUT,
	    0, set_duration, IN_ACCOUNT(connect_timeout_ms), NULL, A_TIME },
	{ { "chunking", "auto|never", "use the server's CHUNKING extension" }, FIELD_CHUNKING, 0,
	    set_feature, IN_ACCOUNT(chunking), NULL, "auto or never" },
	{ { "pipelining", "auto|never", "use the server's PIPELINING extension" }, FIELD_PIPELINING,
	    0, set_feature, IN_ACCOUNT(pipelining), NULL, "auto or never" },
	{ { "size_limit", "SIZE|off", "the largest message to send, in octets or with K, M or G" },
	    FIELD_SIZE_LIMIT, 0, set_size, IN_ACCOUNT(size_limit), NULL,
	    "a number of octets, or one with K, M or G behind it, or off" },
	{ { "queue_dir", "DIR|none", "where mail waits: one place for all accounts" },
	    FIELD_QUEUE_DIR, KEY_UNSETS | KEY_WHOLE, set_queue_dir, IN_DRAFT(queue_dir), NULL,
	    A_PATH ", or none" },
	{ { "aliases", "FILE|off", "who gets the mail of local names" }, FIELD_ALIASES, KEY_UNSETS,
	    set_aliases, IN_ACCOUNT(aliases), NULL, A_PATH ", or off" },
	{ { "rewrite_from", "auto|always|never",
	      "put the account's own address in the place of senders that are not for outside" },
	    FIELD_REWRITE_FROM, KEY_UNSETS, set_rewrite_from, 0, NULL, "auto, always or never" },
	{ { "delivery", "now|background|queue",
	      "deliver while the caller waits, behind its back, or later" },
	    FIELD_DELIVERY, KEY_UNSETS, set_delivery, 0, NULL, "now, background or queue" },
	{ { "wait", "TIME|off", "how long a caller waits before mail is queued" }, FIELD_WAIT,
	    KEY_UNSETS, set_wait, IN_ACCOUNT(wait_ms), NULL, A_TIME },
	{ { "expire", "TIME", "how long mail is tried again before it goes back" }, FIELD_EXPIRE,
	    KEY_UNSETS, set_expire, 0, NULL, "a time of at least 1m, such as 10m, 2h or 5d" },
	{ { "retry", "MIN..MAX",
	      "the time between two attempts, which grows from the one to the other" },
	    FIELD_RETRY, KEY_UNSETS, set_retry, 0, NULL, A_RETRY },
	{ { "fallback", "ACCOUNT", "the account to use where the servers of this one cannot be" },
	    FIELD_FALLBACK, KEY_UNSETS, set_text, IN_ACCOUNT(fallback), value_is_text,
	    "the name of an account" },
	{ { "connections", "NUMBER", "how many connections a long queue has to a server at once" },
	    FIELD_CONNECTIONS, KEY_UNSETS, set_connections, 0, NULL, "a number from 1 to 20" },
	{ { "rate", "NUMBER/min|off", "how many messages may go out a minute" }, FIELD_RATE,
	    KEY_UNSETS, set_rate, 0, NULL, "a number of messages such as 30/min, or off" },

	{ { "log_file", "FILE", "a file for one line an attempt" }, FIELD_LOG_FILE, KEY_UNSETS,
	    set_log_file, IN_ACCOUNT(log_file), NULL, A_PATH },
	{ { "logfile", "FILE", "msmtp's name of log_file" }, FIELD_LOG_FILE, KEY_UNSETS,
	    set_log_file, IN_ACCOUNT(log_file), NULL, A_PATH },
	{ { "syslog", "on|off", "log to syslog too; msmtp's facility names mean on" }, FIELD_SYSLOG,
	    KEY_BARE_IS_ON, set_syslog, IN_ACCOUNT(syslog), NULL,
	    "on, off, or a facility such as LOG_MAIL" },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

const struct config_key *
config_key(size_t i)
{
	return i < KEYS ? &keys[i].doc : NULL;
}

const struct key *
key_find(struct span name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (span_is(name, keys[i].doc.name))
			return &keys[i];
	return NULL;
}
