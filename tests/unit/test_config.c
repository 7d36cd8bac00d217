/* SPDX-License-Identifier: ISC */
/*
 * Configuration: a file's text and what comes of it.  Accounts are written as one line each, with
 * all that is not the default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/account.h"

struct row {
	const char *name;
	const char *text;
	const char *want; /* the accounts and warnings, or "error: sentence", " hint: …" where there
			     is one */
};

static void
add_list(struct buf *out, const char *name, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, i == 0 ? " %s=%s" : "%.0s,%s", name, list->items[i]);
}

static void
add_string(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(out, " %s=%s", name, value);
}

static void
add_servers(struct buf *out, const struct account *a)
{
	static const char *const schemes[] = {
		[SERVER_SMTPS] = "smtps",
		[SERVER_SMTP] = "smtp",
		[SERVER_LMTP] = "lmtp",
		[SERVER_UNIX] = "unix",
		[SERVER_LMTP_UNIX] = "lmtp-unix",
	};

	for (size_t i = 0; i < a->server_count; i++)
		buf_addf(out, " %s:%s:%u", schemes[a->servers[i].scheme], a->servers[i].host,
		    a->servers[i].port);
}

static void
add_login(struct buf *out, const struct account *a)
{
	static const char *const sources[] = { "none", "literal", "file", "command", "token" };

	add_string(out, "user", a->user);
	if (a->secret_source != SECRET_NONE)
		buf_addf(out, " %s=%s@%s", sources[a->secret_source], a->secret.data,
		    strrchr(a->secret_origin, ':') + 1);
	buf_adds(out, a->auth_off ? " auth=off" : "");
	add_list(out, "auth", &a->auth);
	add_string(out, "ntlm_domain", a->ntlm_domain);
	buf_adds(out, a->insecure_auth ? " insecure_auth" : "");
}

static void
add_tls(struct buf *out, const struct account *a)
{
	static const char *const modes[] = { "", " implicit", " starttls", " plain" };

	buf_adds(out, modes[a->tls]);
	buf_adds(out, a->tls_explicit_none ? " explicit_none" : "");
	buf_adds(out, a->tls_verify ? "" : " unverified");
	add_string(out, "trust", a->tls_trust_file);
	add_list(out, "pins", &a->tls_fingerprints);
	add_string(out, "crl", a->tls_crl_file);
	add_string(out, "cert", a->tls_cert_file);
	add_string(out, "key", a->tls_key_file);
	buf_adds(out, a->tls_only13 ? " only13" : "");
	buf_adds(out, a->dane == SETTING_NEVER ? " no_dane" : "");
	add_string(out, "priorities", a->tls_priorities);
	add_string(out, "tls_host", a->tls_host);
}

static void
add_way(struct buf *out, const struct account *a)
{
	static const char *const kinds[] = { [PROXY_SOCKS5] = "socks5", [PROXY_HTTP] = "http" };

	if (a->proxy != PROXY_NONE)
		buf_addf(out, " %s=%s:%u", kinds[a->proxy], a->proxy_host, a->proxy_port);
	add_string(out, "proxy_user", a->proxy_user);
	add_string(out, "proxy_password", a->proxy_password);
	add_string(out, "tunnel", a->tunnel_command);
	add_string(out, "source", a->source_ip);
}

static void
add_requests(struct buf *out, const struct account *a)
{
	buf_adds(out, a->require_tls ? " require_tls" : "");
	if (a->deliver_by_s != 0)
		buf_addf(out, " by=%lld%s", (long long)a->deliver_by_s,
		    a->deliver_by_return ? "R" : "N");
	if (a->hold_for_s != 0)
		buf_addf(out, " hold=%lld", (long long)a->hold_for_s);
	if (a->has_priority)
		buf_addf(out, " priority=%d", a->mt_priority);
}

static void
add_queue(struct buf *out, const struct account *a)
{
	static const char *const deliveries[] = { "", " background", " queue_only" };

	buf_adds(out, deliveries[a->delivery]);
	add_string(out, "fallback", a->fallback);
	if (a->wait_ms != 10000)
		buf_addf(out, " wait=%lld", (long long)a->wait_ms);
	if (a->expire_s != 432000)
		buf_addf(out, " expire=%lld", (long long)a->expire_s);
	if (a->retry_min_s != 60 || a->retry_max_s != 3600)
		buf_addf(out, " retry=%lld..%lld", (long long)a->retry_min_s,
		    (long long)a->retry_max_s);
	if (a->connections != 2)
		buf_addf(out, " connections=%u", a->connections);
	if (a->rate != 0)
		buf_addf(out, " rate=%u", a->rate);
}

static void
add_rest(struct buf *out, const struct account *a)
{
	static const char *const rewrites[] = { "", " rewrite=always", " rewrite=never" };

	add_list(out, "from", &a->from);
	add_string(out, "full_name", a->full_name);
	add_string(out, "aliases", a->aliases);
	buf_adds(out, rewrites[a->rewrite_from]);
	add_string(out, "domain", a->domain);
	add_string(out, "local_domain", a->local_domain);
	add_string(out, "local_to", a->local_to);
	if (a->timeout_ms != 600000)
		buf_addf(out, " timeout=%lld", (long long)a->timeout_ms);
	if (a->connect_timeout_ms != 30000)
		buf_addf(out, " connect=%lld", (long long)a->connect_timeout_ms);
	buf_adds(out, a->chunking == SETTING_NEVER ? " no_chunking" : "");
	buf_adds(out, a->pipelining == SETTING_NEVER ? " no_pipelining" : "");
	if (a->size_limit != 0)
		buf_addf(out, " size=%llu", (unsigned long long)a->size_limit);
	add_string(out, "log", a->log_file);
	buf_adds(out, a->syslog ? "" : " no_syslog");
	add_string(out, "problem", a->problem);
}

static void
add_queue_dir(struct buf *out, const struct config *config)
{
	char *usual = queue_dir_usual();

	if (config->queue_dir == NULL)
		buf_adds(out, "\nqueue: none");
	else if (strcmp(config->queue_dir, usual) != 0)
		buf_addf(out, "\nqueue: %s", config->queue_dir);
	free(usual);
}

static void
add_config(struct buf *out, const struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct account *a = &config->accounts[i];

		buf_addf(out, "%s%s@%s:", i == 0 ? "" : "\n", a->name, strrchr(a->origin, ':') + 1);
		add_servers(out, a);
		add_login(out, a);
		add_tls(out, a);
		add_way(out, a);
		add_requests(out, a);
		add_queue(out, a);
		add_rest(out, a);
	}
	add_queue_dir(out, config);
	for (size_t i = 0; i < config->warnings.count; i++)
		buf_addf(out, "\nwarning: %s", config->warnings.items[i]);
}

static void
add_error(struct buf *out, const struct err *err)
{
	buf_addf(out, "error: %s", err->what.data);
	if (err->hint.len > 0)
		buf_addf(out, " hint: %s", err->hint.data);
}

static void
parse(struct buf *out, const char *text, size_t len)
{
	struct config config;
	struct err err;

	err_init(&err);
	if (config_parse(&config, "conf", text, len, &err) == 0)
		add_config(out, &config);
	else
		add_error(out, &err);
	config_release(&config);
	err_release(&err);
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	struct buf got = BUF_INIT(1 << 20);

	parse(&got, row->text, strlen(row->text));
	assert_string_equal(got.data, row->want);
	buf_release(&got);
}

#define AT(line) "error: conf:" #line ": "
#define OURS "server smtps://mail.example.org\n"
#define OURS_IS "default@1: smtps:mail.example.org:465"
#define MSMTPS "host mail.example.org\n"
#define MSMTPS_IS "default@1: smtp:mail.example.org:25"

#define URLS "smtps://HOST[:PORT], smtp://HOST[:PORT], unix:/PATH, lmtp://HOST:PORT or lmtp:/PATH"
#define MECHANISMS \
	"on, off, or some of plain, login, cram-md5, scram-sha-256, scram-sha-1, scram-sha-256-plus, scram-sha-1-plus, " \
	"external, oauthbearer, xoauth2, gssapi, digest-md5, ntlm"
#define PROXIES "socks5://[USER:PASSWORD@]HOST[:PORT] or http://[USER:PASSWORD@]HOST[:PORT]"
#define PINS "sha256//BASE64 of a key, or a certificate's SHA-256 or SHA-1 in hexadecimal"
#define A_TIME "a time such as 90, 90s, 10m, 2h or 5d"

#define WHOLE \
	"\"queue_dir\" holds for all accounts: it stands before the first \"account\" line, or below a \"defaults\" line"
#define A_RETRY "a time, or two as in 1m..1h, from 1s to 7d"
#define AN_EXPIRY "a time of at least 1m, such as 10m, 2h or 5d"
#define A_RATE "a number of messages such as 30/min, or off"
#define BOTH "account a\nserver smtps://mail.example.org\n"
#define A_IS "a@1: smtps:mail.example.org:465"

#define KEY_PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SHA256_PIN "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define SHA1_PIN "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33"

static struct row rows[] = {
	/* grammar */
	{ "nothing", "", "" },
	{ "only comments", "# a\n\n   # b\n\t\n", "" },
	{ "one line", OURS, OURS_IS },
	{ "no line end", "server smtps://mail.example.org", OURS_IS },
	{ "CRLF", "server smtps://a.example\r\nuser me\r\n",
	    "default@1: smtps:a.example:465 user=me" },
	{ "byte order mark", "\xef\xbb\xbfserver smtps://a.example\n",
	    "default@1: smtps:a.example:465" },
	{ "space everywhere", "\t server \t smtps://a.example\t \n  user   me  you \n",
	    "default@1: smtps:a.example:465 user=me  you" },
	{ "hash in a value", OURS "password a#b # c\n", OURS_IS " literal=a#b # c@2" },
	{ "quotes go", OURS "user \"me\"\n", OURS_IS " user=me" },
	{ "quotes keep space", OURS "user \" me \"\n", OURS_IS " user= me " },
	{ "escapes in quotes", OURS "password \"a\\\"b\\\\c\\d\"\n",
	    OURS_IS " literal=a\"b\\c\\d@2" },
	{ "no escapes without quotes", OURS "password a\\\\b\\\"\n",
	    OURS_IS " literal=a\\\\b\\\"@2" },
	{ "inner quotes stay", OURS "password_command pass \"my mail\" x\n",
	    OURS_IS " command=pass \"my mail\" x@2" },
	{ "one quote is a quote", OURS "password \"ab\n", OURS_IS " literal=\"ab@2" },
	{ "quotes within quotes", OURS "password_command \"pass \"x\" y\"\n",
	    OURS_IS " command=pass \"x\" y@2" },
	{ "equals sign", "user = me\nserver smtps://mail.example.org\n",
	    AT(1) "there must be no \"=\" behind \"user\"" },
	{ "equals sign at the key", "password=geheim\n",
	    AT(1) "there must be a space, not \"=\", behind \"password\"" },
	{ "a password alone in a line", OURS "p4$$w0rd!\n",
	    AT(2) "the line does not begin with a key" },
	{ "upper case key", "Server smtps://a.example\n",
	    AT(1) "unknown key \"Server\" (did you mean \"server\"?)" },
	{ "control character", OURS "user m\033e\n",
	    AT(2) "there is a control character in the line" },
	{ "control character in a comment", OURS "# \014\n", OURS_IS },
	{ "unknown key", OURS "pasword x\n",
	    AT(2) "unknown key \"pasword\" (did you mean \"password\"?)" },
	{ "unknown key, letters swapped", OURS "usre x\n",
	    AT(2) "unknown key \"usre\" (did you mean \"user\"?)" },
	{ "unknown key, nothing near", OURS "frobnicate x\n", AT(2) "unknown key \"frobnicate\"" },
	{ "unknown key near an msmtp key", "tls_fingerprnt\n",
	    AT(1) "unknown key \"tls_fingerprnt\" (did you mean \"tls_fingerprint\"?)" },
	{ "unknown key near a directive", "acount x\n",
	    AT(1) "unknown key \"acount\" (did you mean \"account\"?)" },

	/* missing values */
	{ "user without value", OURS "user\n", AT(2) "\"user\" needs a value: text in UTF-8" },
	{ "user unset", OURS "user \"\"\n", OURS_IS },
	{ "msmtp unsets without value", MSMTPS "user\npassword\ntls_trust_file\n",
	    MSMTPS_IS " auth=off plain" },
	{ "server without value", "server\n", AT(1) "\"server\" needs a value: " URLS },
	{ "host without value", "host\n",
	    AT(1) "\"host\" needs a value: the name or the address of a server" },
	{ "from without value", OURS "from\n",
	    AT(2) "\"from\" needs a value: addresses, or patterns such as *@example.org" },
	{ "timeout without value", MSMTPS "timeout\n",
	    AT(2) "\"timeout\" needs a value: a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "include without value", "include\n", AT(1) "\"include\" needs a value: a file" },
	{ "include in parsed text", "include x\n", AT(1) "\"include\" is not possible here" },

	/* server */
	{ "smtps with port", "server smtps://mail.example.org:4650\n",
	    "default@1: smtps:mail.example.org:4650" },
	{ "smtp", "server smtp://mail.example.org\n", "default@1: smtp:mail.example.org:587" },
	{ "smtp with port", "server smtp://mail.example.org:25/\n", MSMTPS_IS },
	{ "scheme in capitals", "server SMTPS://Mail.Example.ORG\n",
	    "default@1: smtps:Mail.Example.ORG:465" },
	{ "IPv4", "server smtps://192.0.2.1\n", "default@1: smtps:192.0.2.1:465" },
	{ "IPv6", "server smtps://[2001:db8::1]\n", "default@1: smtps:2001:db8::1:465" },
	{ "IPv6 with port and zone", "server smtp://[fe80::1%eth0]:2525\n",
	    "default@1: smtp:fe80::1%eth0:2525" },
	{ "IPv6 without brackets", "server smtps://2001:db8::1\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },
	{ "international name",
	    "server smtps://b\xc3\xbc"
	    "cher.example\n",
	    "default@1: smtps:b\xc3\xbc"
	    "cher.example:465" },
	{ "unix", "server unix:/run/mail.sock\n", "default@1: unix:/run/mail.sock:0" },
	{ "unix, relative", "server unix:mail.sock\n",
	    AT(1) "bad value for \"server\": expected a path that begins with \"/\" behind \"unix:\"" },
	{ "several servers", "server smtps://a.example\nserver smtp://b.example\nserver unix:/c\n",
	    "default@1: smtps:a.example:465 smtp:b.example:587 unix:/c:0" },
	{ "unix, nothing", "server unix:\n",
	    AT(1) "bad value for \"server\": expected a path that begins with \"/\" behind \"unix:\"" },
	{ "lmtp", "server lmtp://localhost:24\n", "default@1: lmtp:localhost:24" },
	{ "lmtp, IPv6", "server LMTP://[::1]:2003/\n", "default@1: lmtp:::1:2003" },
	{ "lmtp without port", "server lmtp://localhost\n",
	    AT(1) "bad value for \"server\": lmtp://HOST needs a port behind it" },
	{ "lmtp without host", "server lmtp://:24\n",
	    AT(1) "bad value for \"server\": expected lmtp://HOST or lmtp://HOST:PORT, an IPv6 address in brackets" },
	{ "lmtp with a user", "server lmtp://me:geheim@localhost:24\n",
	    AT(1) "bad value for \"server\": the URL holds a user hint: write the name behind \"user\"; "
		  "sendoff.conf(5) tells where passwords stand" },
	{ "lmtp socket", "server lmtp:/run/dovecot/lmtp\n",
	    "default@1: lmtp-unix:/run/dovecot/lmtp:0" },
	{ "lmtp socket, relative", "server lmtp:run/lmtp\n",
	    AT(1) "bad value for \"server\": expected a path that begins with \"/\" behind \"lmtp:\"" },
	{ "no scheme", "server mail.example.org\n",
	    AT(1) "bad value for \"server\": expected " URLS },
	{ "unknown scheme", "server http://mail.example.org\n",
	    AT(1) "bad value for \"server\": expected " URLS },
	{ "scheme of a later version", "server maildir:/home/me/Mail\n",
	    AT(1) "bad value for \"server\": this version cannot deliver to maildir:" },
	{ "user in the URL", "server smtps://me:geheim@mail.example.org\n",
	    AT(1) "bad value for \"server\": the URL holds a user hint: write the name behind \"user\"; "
		  "sendoff.conf(5) tells where passwords stand" },
	{ "no host", "server smtps://\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },
	{ "no port", "server smtps://mail.example.org:\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },
	{ "port 0", "server smtps://mail.example.org:0\n",
	    AT(1) "bad value for \"server\": a port is a number from 1 to 65535" },
	{ "port too large", "server smtps://mail.example.org:65536\n",
	    AT(1) "bad value for \"server\": a port is a number from 1 to 65535" },
	{ "port that is none", "server smtps://mail.example.org:smtp\n",
	    AT(1) "bad value for \"server\": a port is a number from 1 to 65535" },
	{ "path behind the host", "server smtps://mail.example.org/x\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },
	{ "space in the URL", "server smtps://mail.example.org smtps://b.example\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },

	/* login */
	{ "login", OURS "user me@example.org\npassword_command pass mail\n",
	    OURS_IS " user=me@example.org command=pass mail@3" },
	{ "password", OURS "user me\npassword geheim\n", OURS_IS " user=me literal=geheim@3" },
	{ "password file", OURS "password_file /run/secret\n", OURS_IS " file=/run/secret@2" },
	{ "password file in the home", OURS "password_file ~/secret\n",
	    OURS_IS " file=/home/me/secret@2" },
	{ "password file, relative", OURS "password_file secret\n",
	    AT(2) "bad value for \"password_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "password and command", OURS "password a\npassword_command b\n",
	    AT(3) "\"password_command\" is one password too many: there is \"password\" (line 2)" },
	{ "file and password", OURS "password_file /a\n\npassword b\n",
	    AT(4) "\"password\" is one password too many: there is \"password_file\" (line 2)" },
	{ "command under two names", OURS "password_command a\npasswordeval b\n",
	    AT(3) "\"passwordeval\" is one password too many: there is \"password_command\" (line 2)" },
	{ "empty password and command", MSMTPS "password\npasswordeval b\n",
	    MSMTPS_IS " command=b@3 auth=off plain" },
	{ "auth on", OURS "user me\nauth on\n", OURS_IS " user=me" },
	{ "auth off", OURS "user me\nauth off\n", OURS_IS " user=me auth=off" },
	{ "auth names", OURS "user me\npassword x\nauth Plain, login scram-sha-256,SCRAM-SHA-1\n",
	    OURS_IS " user=me literal=x@3 auth=PLAIN,LOGIN,SCRAM-SHA-256,SCRAM-SHA-1" },
	{ "auth names, all of them",
	    OURS
	    "user me\npassword x\n"
	    "auth cram-md5 scram-sha-256-plus scram-sha-1-plus external oauthbearer xoauth2 gssapi digest-md5 ntlm\n",
	    OURS_IS
	    " user=me literal=x@3 auth=CRAM-MD5,SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,EXTERNAL,OAUTHBEARER,XOAUTH2,"
	    "GSSAPI,DIGEST-MD5,NTLM" },
	{ "auth without user", OURS "auth plain\n",
	    OURS_IS
	    " auth=PLAIN problem=conf:2: account \"default\" has \"auth\" but no \"user\"" },
	{ "auth not known", OURS "user me\nauth pain\n",
	    AT(3) "bad value \"pain\" for \"auth\": expected " MECHANISMS },
	{ "auth one known, one not", OURS "user me\nauth plain kerberos_v4\n",
	    AT(3) "bad value \"kerberos_v4\" for \"auth\": expected " MECHANISMS },
	{ "auth a mechanism, or on", OURS "user me\nauth plain on\n",
	    AT(3) "bad value \"on\" for \"auth\": expected " MECHANISMS },
	{ "auth without password", OURS "user me\nauth plain\n",
	    OURS_IS
	    " user=me auth=PLAIN problem=conf:3: account \"default\" has no password, which its \"auth\" wants" },
	{ "auth named twice", OURS "user me\nauth plain PLAIN\n", AT(3) "PLAIN is named twice" },
	{ "auth of commas", OURS "user me\nauth ,\n",
	    AT(3) "bad value \",\" for \"auth\": expected " MECHANISMS },

	/* what a login is made with */
	{ "token", OURS "user me\ntoken_command oama access me\n",
	    OURS_IS " user=me token=oama access me@3" },
	{ "token without value", OURS "token_command\n",
	    AT(2) "\"token_command\" needs a value: a shell command" },
	{ "token unset", OURS "token_command \"\"\n", OURS_IS },
	{ "token and password", OURS "password_command a\ntoken_command b\n",
	    AT(3) "\"token_command\" is one password too many: there is \"password_command\" (line 2)" },
	{ "token, and mechanisms for it",
	    OURS "user me\ntoken_command x\nauth xoauth2 oauthbearer\n",
	    OURS_IS " user=me token=x@3 auth=XOAUTH2,OAUTHBEARER" },
	{ "token, and one mechanism for it",
	    OURS "user me\ntoken_command x\nauth plain oauthbearer\n",
	    OURS_IS " user=me token=x@3 auth=PLAIN,OAUTHBEARER" },
	{ "token, and mechanisms for passwords",
	    OURS "user me\ntoken_command x\nauth plain login\n",
	    OURS_IS
	    " user=me token=x@3 auth=PLAIN,LOGIN "
	    "problem=conf:4: account \"default\" has a token, and its \"auth\" wants a password" },
	{ "token, mechanisms for passwords, and no login",
	    OURS "user me\ntoken_command x\nauth off\n", OURS_IS " user=me token=x@3 auth=off" },
	{ "mechanism for tokens without one", OURS "user me\npassword x\nauth xoauth2\n",
	    OURS_IS
	    " user=me literal=x@3 auth=XOAUTH2 "
	    "problem=conf:4: account \"default\" has no \"token_command\", which its \"auth\" wants" },
	{ "msmtp's token", MSMTPS "user me\nauth oauthbearer\npasswordeval x\n",
	    MSMTPS_IS " user=me token=x@4 auth=OAUTHBEARER plain" },
	{ "token or certificate", OURS "user me\nauth external xoauth2\npassword_command x\n",
	    OURS_IS " user=me token=x@4 auth=EXTERNAL,XOAUTH2" },
	{ "token or password", OURS "user me\nauth xoauth2 plain\npassword_command x\n",
	    OURS_IS " user=me command=x@4 auth=XOAUTH2,PLAIN" },
	{ "ticket", OURS "user me\nauth gssapi\n", OURS_IS " user=me auth=GSSAPI" },
	{ "ticket and password", OURS "user me\nauth gssapi\npassword_command x\n",
	    OURS_IS " user=me command=x@4 auth=GSSAPI" },
	{ "certificate", OURS "user me\nauth external\ntls_cert_file /c\n",
	    OURS_IS " user=me auth=EXTERNAL cert=/c" },
	{ "certificate is missing", OURS "user me\nauth external\n",
	    OURS_IS
	    " user=me auth=EXTERNAL "
	    "problem=conf:3: account \"default\" has no \"tls_cert_file\", which its \"auth\" wants" },
	{ "certificate without user", OURS "auth external\ntls_cert_file /c\n",
	    OURS_IS
	    " auth=EXTERNAL cert=/c problem=conf:2: account \"default\" has \"auth\" but no \"user\"" },
	{ "parent lacks what the child has",
	    "account a\nserver smtps://mail.example.org\nuser me\nauth oauthbearer\naccount b : a\ntoken_command x\n",
	    "a@1: smtps:mail.example.org:465 user=me auth=OAUTHBEARER "
	    "problem=conf:4: account \"a\" has no \"token_command\", which its \"auth\" wants\n"
	    "b@5: smtps:mail.example.org:465 user=me token=x@6 auth=OAUTHBEARER" },
	{ "child replaces the password by a token",
	    "account a\nserver smtps://mail.example.org\npassword x\naccount b : a\ntoken_command y\n",
	    "a@1: smtps:mail.example.org:465 literal=x@3\n"
	    "b@4: smtps:mail.example.org:465 token=y@5" },
	{ "ntlm_domain", OURS "ntlm_domain WORK\n", OURS_IS " ntlm_domain=WORK" },
	{ "ntlmdomain", MSMTPS "ntlmdomain WORK\n", MSMTPS_IS " auth=off ntlm_domain=WORK plain" },
	{ "ntlm_domain under both names", OURS "ntlm_domain a\nntlmdomain b\n",
	    AT(3) "repeated key \"ntlmdomain\" (line 2)" },
	{ "ntlm_domain no UTF-8", OURS "ntlm_domain \xff\n",
	    AT(2) "bad value \"\\xFF\" for \"ntlm_domain\": expected text in UTF-8" },
	{ "ntlm_domain unset",
	    "account a\nserver smtps://mail.example.org\nntlm_domain WORK\naccount b : a\nntlm_domain \"\"\n",
	    "a@1: smtps:mail.example.org:465 ntlm_domain=WORK\n"
	    "b@4: smtps:mail.example.org:465" },

	{ "insecure_auth yes", OURS "insecure_auth yes\n", OURS_IS " insecure_auth" },
	{ "insecure_auth no", OURS "insecure_auth no\n", OURS_IS },
	{ "insecure_auth maybe", OURS "insecure_auth maybe\n",
	    AT(2) "bad value \"maybe\" for \"insecure_auth\": expected yes or no" },

	/* from */
	{ "from", OURS "from me@example.org\n", OURS_IS " from=me@example.org" },
	{ "from, several",
	    OURS "from me@example.org, you@example.org *@b.example\nfrom *@*.c.example\n",
	    OURS_IS " from=me@example.org,you@example.org,*@b.example,*@*.c.example" },
	{ "from everything", OURS "from *\n", OURS_IS " from=*" },
	{ "from quoted local part", OURS "from \"a b\"@example.org c@d.example\n",
	    OURS_IS " from=\"a b\"@example.org,c@d.example" },
	{ "from unqualified", OURS "from root\n",
	    AT(2) "bad value \"root\" for \"from\": expected addresses, or patterns such as *@example.org" },
	{ "from with name", OURS "from Me <me@example.org>\n",
	    AT(2) "bad value \"Me\" for \"from\": expected addresses, or patterns such as *@example.org" },
	{ "from broken pattern", OURS "from *@a@b\n",
	    AT(2) "bad value \"*@a@b\" for \"from\": expected addresses, or patterns such as *@example.org" },
	{ "from pattern without domain", OURS "from al*\n",
	    AT(2) "bad value \"al*\" for \"from\": expected addresses, or patterns such as *@example.org" },
	{ "from with msmtp's names", MSMTPS "from %U@example.org\n",
	    AT(2) "this version cannot put names for %U, %H, %C and %M in \"from\"" },

	/* addresses and names */
	{ "full_name", OURS "full_name \"Ann \xc3\x85ngstr\xc3\xb6m\"\n",
	    OURS_IS " full_name=Ann \xc3\x85ngstr\xc3\xb6m" },
	{ "from_full_name", OURS "from_full_name Ann\n", OURS_IS " full_name=Ann" },
	{ "domain", OURS "domain nas.example.org\n", OURS_IS " domain=nas.example.org" },
	{ "domain literal", OURS "domain [192.0.2.1]\n", OURS_IS " domain=[192.0.2.1]" },
	{ "domain not ASCII",
	    OURS "domain b\xc3\xbc"
		 "cher.example\n",
	    AT(2) "bad value \"b\xc3\xbc"
		  "cher.example\" for \"domain\": expected a domain name in ASCII, or an "
		  "address in brackets" },
	{ "domain with a space", OURS "domain a b\n",
	    AT(2) "bad value \"a b\" for \"domain\": expected a domain name in ASCII, or an address in brackets" },
	{ "local_domain", OURS "local_domain example.org\n", OURS_IS " local_domain=example.org" },
	{ "maildomain", OURS "maildomain example.org\n", OURS_IS " local_domain=example.org" },
	{ "local_to", OURS "local_to me@example.org\n", OURS_IS " local_to=me@example.org" },
	{ "local_to unqualified", OURS "local_to me\n",
	    AT(2) "bad value \"me\" for \"local_to\": expected an address with a domain" },
	{ "aliases", OURS "aliases /etc/mail/aliases\n", OURS_IS " aliases=/etc/mail/aliases" },
	{ "aliases in the home", OURS "aliases ~/aliases\n", OURS_IS " aliases=/home/me/aliases" },
	{ "aliases off", OURS "aliases off\n", OURS_IS " aliases=" },
	{ "aliases, relative", OURS "aliases aliases\n",
	    AT(2) "bad value for \"aliases\": expected a path that begins with \"/\" or \"~/\"" },
	{ "aliases without value", OURS "aliases\n",
	    AT(2) "\"aliases\" needs a value: a path that begins with \"/\" or \"~/\", or off" },
	{ "aliases twice", OURS "aliases /a\naliases off\n",
	    AT(3) "repeated key \"aliases\" (line 2)" },
	{ "aliases of others",
	    "defaults\naliases /a\n" BOTH
	    "account b : a\naliases off\naccount c : b\naliases \"\"\naccount d : b\n",
	    "a@3: smtps:mail.example.org:465 aliases=/a\n"
	    "b@5: smtps:mail.example.org:465 aliases=\n"
	    "c@7: smtps:mail.example.org:465\n"
	    "d@9: smtps:mail.example.org:465 aliases=" },
	{ "rewrite_from", OURS "rewrite_from auto\n", OURS_IS },
	{ "rewrite_from always", OURS "rewrite_from always\n", OURS_IS " rewrite=always" },
	{ "rewrite_from never", OURS "rewrite_from never\n", OURS_IS " rewrite=never" },
	{ "rewrite_from, something else", OURS "rewrite_from sometimes\n",
	    AT(2) "bad value \"sometimes\" for \"rewrite_from\": expected auto, always or never" },
	{ "rewrite_from of others",
	    "defaults\nrewrite_from never\n" BOTH
	    "account b : a\nrewrite_from always\naccount c : b\nrewrite_from \"\"\n"
	    "account d : b\nrewrite_from auto\n",
	    "a@3: smtps:mail.example.org:465 rewrite=never\n"
	    "b@5: smtps:mail.example.org:465 rewrite=always\n"
	    "c@7: smtps:mail.example.org:465\n"
	    "d@9: smtps:mail.example.org:465" },

	/* tls */
	{ "tls implicit with smtps", OURS "tls implicit\n", OURS_IS " implicit" },
	{ "tls starttls with smtp", "server smtp://a.example\ntls starttls\n",
	    "default@1: smtp:a.example:587 starttls" },
	{ "tls none with smtp", "server smtp://a.example\ntls none\n",
	    "default@1: smtp:a.example:587 plain explicit_none" },
	{ "tls off with smtp", "server smtp://a.example\ntls off\n",
	    "default@1: smtp:a.example:587 plain" },
	{ "tls on with smtps", OURS "tls on\n", OURS_IS },
	{ "tls none with smtps", OURS "tls none\n",
	    AT(2) "smtps:// has TLS from the start: another word behind \"tls\" contradicts it (line 1)" },
	{ "tls starttls with smtps", OURS "tls starttls\n",
	    AT(2) "smtps:// has TLS from the start: another word behind \"tls\" contradicts it (line 1)" },
	{ "tls implicit with smtp", "tls implicit\nserver smtp://a.example\n",
	    AT(2) "smtp:// has STARTTLS: write smtps:// for implicit TLS (line 1)" },
	{ "tls none with unix", "server unix:/a\ntls none\n",
	    "default@1: unix:/a:0 plain explicit_none" },
	{ "tls implicit with unix", "server unix:/a\ntls implicit\n",
	    AT(2) "unix: has no TLS (line 1)" },
	{ "tls implicit with lmtp socket", "server lmtp:/a\ntls implicit\n",
	    AT(2) "lmtp:/PATH has no TLS (line 1)" },
	{ "tls none with lmtp socket", "server lmtp:/a\ntls none\n",
	    "default@1: lmtp-unix:/a:0 plain explicit_none" },
	{ "tls starttls with lmtp", "server lmtp://a.example:24\ntls starttls\n",
	    "default@1: lmtp:a.example:24 starttls" },
	{ "tls implicit with lmtp", "server lmtp://a.example:24\ntls implicit\n",
	    "default@1: lmtp:a.example:24 implicit" },
	{ "tls none with lmtp", "server lmtp://a.example:24\ntls none\n",
	    "default@1: lmtp:a.example:24 plain explicit_none" },
	{ "tls on with lmtp", "server lmtp://a.example:24\ntls on\n",
	    AT(2) "lmtp:// does not say which TLS is on: write tls starttls or tls implicit (line 1)" },
	{ "tls maybe", OURS "tls maybe\n",
	    AT(2) "bad value \"maybe\" for \"tls\": expected implicit, starttls, none, on or off" },
	{ "tls_trust_file", OURS "tls_trust_file /etc/ca.pem\n", OURS_IS " trust=/etc/ca.pem" },
	{ "tls_trust_file system", OURS "tls_trust_file system\n", OURS_IS },
	{ "tls_trust_file relative", OURS "tls_trust_file ca.pem\n",
	    AT(2) "bad value for \"tls_trust_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "tls_priorities", OURS "tls_priorities NORMAL:-VERS-TLS1.2\n",
	    OURS_IS " priorities=NORMAL:-VERS-TLS1.2" },
	{ "tls_host", OURS "tls_host mx.example.org\n", OURS_IS " tls_host=mx.example.org" },
	{ "tls_host_override", MSMTPS "tls_host_override mx.example.org\n",
	    MSMTPS_IS " auth=off plain tls_host=mx.example.org" },
	{ "tls_certcheck off", OURS "tls_certcheck off\n", OURS_IS " unverified" },
	{ "tls_fingerprint", OURS "tls_fingerprint " KEY_PIN "\n", OURS_IS " pins=" KEY_PIN },
	{ "tls_fingerprint, several",
	    OURS "tls_fingerprint " SHA256_PIN "\ntls_fingerprint " SHA1_PIN "\n",
	    OURS_IS " pins=" SHA256_PIN "," SHA1_PIN },
	{ "tls_fingerprint, msmtp", MSMTPS "tls_fingerprint " SHA1_PIN "\n",
	    MSMTPS_IS " auth=off plain pins=" SHA1_PIN },
	{ "tls_fingerprint too short", MSMTPS "tls_fingerprint 00:11\n",
	    AT(2) "bad value \"00:11\" for \"tls_fingerprint\": expected " PINS },
	{ "tls_fingerprint of MD5", MSMTPS "tls_fingerprint 00112233445566778899aabbccddeeff\n",
	    AT(2) "bad value \"00112233445566778899aabbccddeeff\" for \"tls_fingerprint\": expected " PINS },
	{ "tls_fingerprint no hexadecimal", OURS "tls_fingerprint SHA256:abc\n",
	    AT(2) "bad value \"SHA256:abc\" for \"tls_fingerprint\": expected " PINS },
	{ "tls_fingerprint two in a line", OURS "tls_fingerprint " KEY_PIN " x\n",
	    AT(2) "bad value \"" KEY_PIN " x\" for \"tls_fingerprint\": expected " PINS },
	{ "tls_fingerprint key of a wrong length", OURS "tls_fingerprint sha256//AAAA\n",
	    AT(2) "bad value \"sha256//AAAA\" for \"tls_fingerprint\": expected " PINS },
	{ "tls_fingerprint taken back", OURS "tls_fingerprint " KEY_PIN "\ntls_fingerprint \"\"\n",
	    OURS_IS },
	{ "tls_fingerprint taken back and given",
	    OURS "tls_fingerprint " KEY_PIN "\ntls_fingerprint \"\"\n"
		 "tls_fingerprint " SHA1_PIN "\n",
	    OURS_IS " pins=" SHA1_PIN },
	{ "tls_fingerprint not compared", OURS "tls_certcheck off\ntls_fingerprint " KEY_PIN "\n",
	    AT(3) "with \"tls_certcheck off\" the certificate is not compared with \"tls_fingerprint\" (line 2)" },
	{ "child's tls_fingerprint",
	    "account a\nserver smtps://mail.example.org\ntls_fingerprint " KEY_PIN "\n"
	    "account b : a\ntls_fingerprint " SHA1_PIN "\naccount c : a\ntls_fingerprint \"\"\n",
	    "a@1: smtps:mail.example.org:465 pins=" KEY_PIN "\n"
	    "b@4: smtps:mail.example.org:465 pins=" SHA1_PIN "\n"
	    "c@6: smtps:mail.example.org:465" },
	{ "tls_crl_file", OURS "tls_crl_file ~/crl.pem\n", OURS_IS " crl=/home/me/crl.pem" },
	{ "tls_crl_file relative", OURS "tls_crl_file crl.pem\n",
	    AT(2) "bad value for \"tls_crl_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "tls_crl_file unset",
	    "account a\nserver smtps://mail.example.org\ntls_crl_file /a\naccount b : a\ntls_crl_file \"\"\n",
	    "a@1: smtps:mail.example.org:465 crl=/a\n"
	    "b@4: smtps:mail.example.org:465" },
	{ "client certificate", OURS "tls_cert_file /c.pem\ntls_key_file ~/k.pem\n",
	    OURS_IS " cert=/c.pem key=/home/me/k.pem" },
	{ "client certificate and key in one file", OURS "tls_cert_file /c.pem\n",
	    OURS_IS " cert=/c.pem" },
	{ "client certificate in a token",
	    OURS "tls_cert_file pkcs11:token=a;object=b\ntls_key_file pkcs11:token=a\n",
	    OURS_IS " cert=pkcs11:token=a;object=b key=pkcs11:token=a" },
	{ "client certificate, relative", OURS "tls_cert_file c.pem\n",
	    AT(2) "bad value for \"tls_cert_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "client key, relative", OURS "tls_key_file k.pem\n",
	    AT(2) "bad value for \"tls_key_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "client key alone", OURS "tls_key_file /k.pem\n",
	    OURS_IS
	    " key=/k.pem "
	    "problem=conf:2: account \"default\" has \"tls_key_file\" but no \"tls_cert_file\"" },
	{ "client key of the parent, certificate of the child",
	    "account a\nserver smtps://mail.example.org\ntls_key_file /k\naccount b : a\ntls_cert_file /c\n",
	    "a@1: smtps:mail.example.org:465 key=/k "
	    "problem=conf:3: account \"a\" has \"tls_key_file\" but no \"tls_cert_file\"\n"
	    "b@4: smtps:mail.example.org:465 cert=/c key=/k" },
	{ "client certificate unset",
	    "account a\nserver smtps://mail.example.org\ntls_cert_file /c\ntls_key_file /k\n"
	    "account b : a\ntls_cert_file \"\"\ntls_key_file \"\"\n",
	    "a@1: smtps:mail.example.org:465 cert=/c key=/k\n"
	    "b@5: smtps:mail.example.org:465" },
	{ "tls_min 1.2", OURS "tls_min 1.2\n", OURS_IS },
	{ "tls_min 1.3", OURS "tls_min 1.3\n", OURS_IS " only13" },
	{ "tls_min 1.1", OURS "tls_min 1.1\n",
	    AT(2) "bad value \"1.1\" for \"tls_min\": expected 1.2 or 1.3" },
	{ "tls_min and tls_priorities", OURS "tls_min 1.3\ntls_priorities NORMAL\n",
	    AT(3) "\"tls_priorities\" says which TLS to speak: \"tls_min\" would not count (line 2)" },
	{ "child's tls_min",
	    "account a\nserver smtps://mail.example.org\ntls_min 1.3\naccount b : a\ntls_min 1.2\n",
	    "a@1: smtps:mail.example.org:465 only13\n"
	    "b@4: smtps:mail.example.org:465" },
	{ "dane", OURS "dane never\n", OURS_IS " no_dane" },
	{ "dane auto", OURS "dane auto\n", OURS_IS },
	{ "dane yes", OURS "dane yes\n",
	    AT(2) "bad value \"yes\" for \"dane\": expected auto or never" },
	{ "tls_nocertcheck", MSMTPS "tls_nocertcheck\n", MSMTPS_IS " auth=off plain unverified" },
	{ "tls_nocertcheck with value", MSMTPS "tls_nocertcheck on\n",
	    AT(2) "\"tls_nocertcheck\" takes no value" },

	/* the way to the server */
	{ "proxy", OURS "proxy socks5://localhost\n", OURS_IS " socks5=localhost:1080" },
	{ "proxy with port", OURS "proxy SOCKS5://[::1]:9050/\n", OURS_IS " socks5=::1:9050" },
	{ "proxy, HTTP", OURS "proxy http://proxy.example\n", OURS_IS " http=proxy.example:8080" },
	{ "proxy with user and password", OURS "proxy http://me:geheim@proxy.example:3128\n",
	    OURS_IS " http=proxy.example:3128 proxy_user=me proxy_password=geheim" },
	{ "proxy with a user alone", OURS "proxy http://me@proxy.example\n",
	    OURS_IS " http=proxy.example:8080 proxy_user=me proxy_password=" },
	{ "proxy with encoded characters",
	    OURS "proxy http://m%40e:a%3ab%2F%25%C3%a9@proxy.example\n",
	    OURS_IS " http=proxy.example:8080 proxy_user=m@e proxy_password=a:b/%\xc3\xa9" },
	{ "proxy with characters as they are", OURS "proxy http://me:a@b:c/d@proxy.example\n",
	    OURS_IS " http=proxy.example:8080 proxy_user=me proxy_password=a@b:c/d" },
	{ "proxy with half an encoded character", OURS "proxy http://me:geheim%4@proxy.example\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy with a percent sign", OURS "proxy http://me:geheim%zz@proxy.example\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy with NUL", OURS "proxy http://me:geheim%00@proxy.example\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy without user", OURS "proxy http://:geheim@proxy.example\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy without scheme", OURS "proxy localhost:1080\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy of another kind", OURS "proxy socks4://localhost\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy without host", OURS "proxy socks5://\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy with a wrong port", OURS "proxy socks5://localhost:65536\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy with a path", OURS "proxy http://proxy.example/x\n",
	    AT(2) "bad value for \"proxy\": expected " PROXIES },
	{ "proxy unset",
	    "account a\nserver smtps://mail.example.org\nproxy http://me:geheim@proxy.example\n"
	    "account b : a\nproxy \"\"\naccount c : a\nproxy socks5://localhost\n",
	    "a@1: smtps:mail.example.org:465 http=proxy.example:8080 proxy_user=me proxy_password=geheim\n"
	    "b@4: smtps:mail.example.org:465\n"
	    "c@6: smtps:mail.example.org:465 socks5=localhost:1080" },
	{ "proxy_host", MSMTPS "proxy_host localhost\n",
	    MSMTPS_IS " auth=off plain socks5=localhost:1080" },
	{ "proxy_host with port", MSMTPS "proxy_port 9050\nproxy_host ::1\n",
	    MSMTPS_IS " auth=off plain socks5=::1:9050" },
	{ "proxy_host with port behind", MSMTPS "proxy_host 127.0.0.1\nproxy_port 9050\n",
	    MSMTPS_IS " auth=off plain socks5=127.0.0.1:9050" },
	{ "proxy_host with its port unset", MSMTPS "proxy_host localhost\nproxy_port\n",
	    MSMTPS_IS " auth=off plain socks5=localhost:1080" },
	{ "proxy_host that is a URL", MSMTPS "proxy_host socks5://localhost\n",
	    AT(2) "bad value \"socks5://localhost\" for \"proxy_host\": expected the name or the address of a server" },
	{ "proxy_port that is none", MSMTPS "proxy_host localhost\nproxy_port 0\n",
	    AT(3) "bad value \"0\" for \"proxy_port\": expected a number from 1 to 65535" },
	{ "proxy_port alone", MSMTPS "proxy_port 9050\n", MSMTPS_IS " auth=off plain" },
	{ "proxy_port and proxy", OURS "proxy socks5://localhost\nproxy_port 9050\n",
	    AT(3) "\"proxy_port\" belongs to msmtp's \"proxy_host\": with \"proxy\", the port stands in the URL (line 2)" },
	{ "proxy_host and proxy", OURS "proxy socks5://localhost\nproxy_host localhost\n",
	    AT(3) "repeated key \"proxy_host\" (line 2)" },
	{ "proxy_host unset",
	    "defaults\nproxy_host localhost\nproxy_port 9050\naccount a\nhost mail.example.org\nproxy_host\n",
	    "a@4: smtp:mail.example.org:25 auth=off plain" },
	{ "tunnel_command", OURS "tunnel_command ssh gate nc \"$1\" \"$2\"\n",
	    OURS_IS " tunnel=ssh gate nc \"$1\" \"$2\"" },
	{ "tunnel_command unset",
	    "account a\nserver smtps://mail.example.org\ntunnel_command x\naccount b : a\ntunnel_command \"\"\n",
	    "a@1: smtps:mail.example.org:465 tunnel=x\n"
	    "b@4: smtps:mail.example.org:465" },
	{ "tunnel_command and proxy", OURS "tunnel_command x\nproxy socks5://localhost\n",
	    AT(3) "an account has either a proxy or \"tunnel_command\", not both (line 2)" },
	{ "tunnel_command and proxy_host", MSMTPS "proxy_host localhost\ntunnel_command x\n",
	    AT(3) "an account has either a proxy or \"tunnel_command\", not both (line 2)" },
	{ "child's tunnel_command in place of the proxy",
	    "account a\nserver smtps://mail.example.org\nproxy http://p.example\n"
	    "account b : a\nproxy \"\"\ntunnel_command x\n",
	    "a@1: smtps:mail.example.org:465 http=p.example:8080\n"
	    "b@4: smtps:mail.example.org:465 tunnel=x" },
	{ "source_ip", OURS "source_ip 192.0.2.1\n", OURS_IS " source=192.0.2.1" },
	{ "source_ip, IPv6", MSMTPS "source_ip 2001:db8::1\n",
	    MSMTPS_IS " auth=off plain source=2001:db8::1" },
	{ "source_ip and proxy", OURS "source_ip 192.0.2.1\nproxy socks5://localhost\n",
	    OURS_IS " socks5=localhost:1080 source=192.0.2.1" },
	{ "source_ip a name", OURS "source_ip localhost\n",
	    AT(2) "bad value \"localhost\" for \"source_ip\": expected an IPv4 or IPv6 address" },
	{ "source_ip half", OURS "source_ip 192.0.2\n",
	    AT(2) "bad value \"192.0.2\" for \"source_ip\": expected an IPv4 or IPv6 address" },
	{ "source_ip and tunnel_command", OURS "tunnel_command x\nsource_ip 192.0.2.1\n",
	    AT(3) "\"tunnel_command\" connects by itself: \"source_ip\" would not count (line 2)" },
	{ "source_ip unset",
	    "defaults\nsource_ip 192.0.2.1\naccount a\nserver smtps://mail.example.org\nsource_ip \"\"\n",
	    "a@3: smtps:mail.example.org:465" },

	/* what the server is asked for */
	{ "require_tls", OURS "require_tls yes\n", OURS_IS " require_tls" },
	{ "require_tls no", OURS "require_tls no\ntls_certcheck off\n", OURS_IS " unverified" },
	{ "require_tls maybe", OURS "require_tls always\n",
	    AT(2) "bad value \"always\" for \"require_tls\": expected yes or no" },
	{ "require_tls with anybody", OURS "tls_certcheck off\nrequire_tls yes\n",
	    AT(3) "\"require_tls\" wants certificates checked, and \"tls_certcheck off\" does not (line 2)" },
	{ "deliver_by", OURS "deliver_by 30m\n", OURS_IS " by=1800R" },
	{ "deliver_by return", OURS "deliver_by 1 \t return\n", OURS_IS " by=1R" },
	{ "deliver_by notify", OURS "deliver_by 365d notify\n", OURS_IS " by=31536000N" },
	{ "deliver_by too long", OURS "deliver_by 366d\n",
	    AT(2) "bad value \"366d\" for \"deliver_by\": expected a time, and return or notify behind it" },
	{ "deliver_by 0", OURS "deliver_by 0 notify\n",
	    AT(2) "bad value \"0 notify\" for \"deliver_by\": expected a time, and return or notify behind it" },
	{ "deliver_by off", OURS "deliver_by off\n",
	    AT(2) "bad value \"off\" for \"deliver_by\": expected a time, and return or notify behind it" },
	{ "deliver_by with another word", OURS "deliver_by 30m drop\n",
	    AT(2) "bad value \"30m drop\" for \"deliver_by\": expected a time, and return or notify behind it" },
	{ "deliver_by with two words", OURS "deliver_by 30m return notify\n",
	    AT(2) "bad value \"30m return notify\" for \"deliver_by\": expected a time, and return or notify behind it" },
	{ "hold_for", OURS "hold_for 2h\n", OURS_IS " hold=7200" },
	{ "hold_for the longest", OURS "hold_for 31536000\n", OURS_IS " hold=31536000" },
	{ "hold_for too long", OURS "hold_for 31536001\n",
	    AT(2) "bad value \"31536001\" for \"hold_for\": expected " A_TIME },
	{ "hold_for nothing", OURS "hold_for 0\n",
	    AT(2) "bad value \"0\" for \"hold_for\": expected " A_TIME },
	{ "hold_for off", OURS "hold_for off\n",
	    AT(2) "bad value \"off\" for \"hold_for\": expected " A_TIME },
	{ "mt_priority", OURS "mt_priority 9\n", OURS_IS " priority=9" },
	{ "mt_priority negative", OURS "mt_priority -9\n", OURS_IS " priority=-9" },
	{ "mt_priority 0", OURS "mt_priority 0\n", OURS_IS " priority=0" },
	{ "mt_priority 10", OURS "mt_priority 10\n",
	    AT(2) "bad value \"10\" for \"mt_priority\": expected a number from -9 to 9" },
	{ "mt_priority -10", OURS "mt_priority -10\n",
	    AT(2) "bad value \"-10\" for \"mt_priority\": expected a number from -9 to 9" },
	{ "mt_priority a word", OURS "mt_priority high\n",
	    AT(2) "bad value \"high\" for \"mt_priority\": expected a number from -9 to 9" },
	{ "mt_priority a sign", OURS "mt_priority -\n",
	    AT(2) "bad value \"-\" for \"mt_priority\": expected a number from -9 to 9" },
	{ "requests unset",
	    "account a\nserver smtps://mail.example.org\ndeliver_by 1h\nhold_for 1m\nmt_priority 1\n"
	    "account b : a\ndeliver_by \"\"\nhold_for \"\"\nmt_priority \"\"\n",
	    "a@1: smtps:mail.example.org:465 by=3600R hold=60 priority=1\n"
	    "b@6: smtps:mail.example.org:465" },

	/* the rest */
	{ "timeout", OURS "timeout 90\nconnect_timeout 5s\n",
	    OURS_IS " timeout=90000 connect=5000" },
	{ "timeout in minutes", OURS "timeout 2m\nconnect_timeout 1h\n",
	    OURS_IS " timeout=120000 connect=3600000" },
	{ "timeout in days", OURS "timeout 5D\n", OURS_IS " timeout=432000000" },
	{ "timeout off", MSMTPS "timeout off\n", MSMTPS_IS " auth=off plain timeout=-1" },
	{ "timeout 0", OURS "timeout 0\n",
	    AT(2) "bad value \"0\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "timeout too long", OURS "timeout 366d\n",
	    AT(2) "bad value \"366d\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "timeout overflow", OURS "timeout 99999999999999999999\n",
	    AT(2) "bad value \"99999999999999999999\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or "
		  "5d, or off" },
	{ "timeout unit", OURS "timeout 5 minutes\n",
	    AT(2) "bad value \"5 minutes\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "timeout negative", OURS "timeout -1\n",
	    AT(2) "bad value \"-1\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "features", OURS "chunking never\npipelining auto\n", OURS_IS " no_chunking" },
	{ "pipelining never", OURS "pipelining never\n", OURS_IS " no_pipelining" },
	{ "chunking on", OURS "chunking on\n",
	    AT(2) "bad value \"on\" for \"chunking\": expected auto or never" },
	{ "size_limit", OURS "size_limit 35M\n", OURS_IS " size=36700160" },
	{ "size_limit in octets", OURS "size_limit 1000\n", OURS_IS " size=1000" },
	{ "size_limit off", OURS "size_limit off\n", OURS_IS },
	{ "size_limit overflow", OURS "size_limit 9999999999G\n",
	    AT(2) "bad value \"9999999999G\" for \"size_limit\": expected a number of octets, or one with K, M or "
		  "G behind it, or off" },
	{ "size_limit word", OURS "size_limit big\n",
	    AT(2) "bad value \"big\" for \"size_limit\": expected a number of octets, or one with K, M or G behind "
		  "it, or off" },
	{ "log_file", OURS "log_file /var/log/sendoff.log\n", OURS_IS " log=/var/log/sendoff.log" },
	{ "log_file in the home", OURS "log_file ~/sendoff.log\n",
	    OURS_IS " log=/home/me/sendoff.log" },
	{ "logfile -", MSMTPS "logfile -\n",
	    AT(2) "\"logfile -\": nothing is logged to standard output" },
	{ "log_file and logfile", OURS "log_file /a\nlogfile /b\n",
	    AT(3) "repeated key \"logfile\" (line 2)" },
	{ "syslog off", OURS "syslog off\n", OURS_IS " no_syslog" },
	{ "syslog facility", MSMTPS "syslog LOG_MAIL\n", MSMTPS_IS " auth=off plain" },
	{ "syslog wrong facility", MSMTPS "syslog LOG_KERN\n",
	    AT(2) "bad value \"LOG_KERN\" for \"syslog\": expected on, off, or a facility such as LOG_MAIL" },

	/* the queue's place */
	{ "queue_dir", OURS "queue_dir /var/q\n", OURS_IS "\nqueue: /var/q" },
	{ "queue_dir in the home", OURS "queue_dir ~/q\n", OURS_IS "\nqueue: /home/me/q" },
	{ "queue_dir with spaces", OURS "queue_dir \" /a b\\\\ \"\n",
	    AT(2) "bad value for \"queue_dir\": expected a path that begins with \"/\" or \"~/\"" },
	{ "queue_dir in quotes", OURS "queue_dir \"/a b\\\\\"\n", OURS_IS "\nqueue: /a b\\" },
	{ "queue_dir none", OURS "queue_dir none\n", OURS_IS "\nqueue: none" },
	{ "queue_dir none in capitals", OURS "queue_dir None\n",
	    AT(2) "bad value for \"queue_dir\": expected a path that begins with \"/\" or \"~/\"" },
	{ "queue_dir unset", OURS "queue_dir \"\"\n", OURS_IS },
	{ "queue_dir without value", OURS "queue_dir\n",
	    AT(2) "\"queue_dir\" needs a value: a path that begins with \"/\" or \"~/\", or none" },
	{ "queue_dir without value, msmtp", MSMTPS "queue_dir\n",
	    AT(2) "\"queue_dir\" needs a value: a path that begins with \"/\" or \"~/\", or none" },
	{ "queue_dir, relative", OURS "queue_dir q\n",
	    AT(2) "bad value for \"queue_dir\": expected a path that begins with \"/\" or \"~/\"" },
	{ "queue_dir makes no account", "queue_dir /q\naccount a\n" OURS "account default : a\n",
	    "a@2: smtps:mail.example.org:465\ndefault@4: smtps:mail.example.org:465\nqueue: /q" },
	{ "queue_dir alone", "queue_dir /q\n", "\nqueue: /q" },
	{ "queue_dir in defaults", BOTH "defaults\nqueue_dir /q\n", A_IS "\nqueue: /q" },
	{ "queue_dir in msmtp's manner", MSMTPS "queue_dir /q\n",
	    MSMTPS_IS " auth=off plain\nqueue: /q" },
	{ "queue_dir in an account", BOTH "queue_dir /q\n", AT(3) WHOLE },
	{ "queue_dir in the account default", "account default\nqueue_dir none\n", AT(2) WHOLE },
	{ "queue_dir in an account behind defaults", "defaults\n" BOTH "queue_dir \"\"\n",
	    AT(4) WHOLE },
	{ "queue_dir twice", "queue_dir /a\n" BOTH "defaults\nqueue_dir /b\n",
	    AT(5) "repeated key \"queue_dir\" (line 1)" },
	{ "queue_dir twice, msmtp", MSMTPS "queue_dir /a\nqueue_dir /a\n",
	    AT(3) "repeated key \"queue_dir\" (line 2)" },

	/* the queue's times */
	{ "queue's defaults",
	    OURS "wait 10s\nexpire 5d\nretry 1m..1h\nconnections 2\nrate off\ndelivery now\n",
	    OURS_IS },
	{ "wait", OURS "wait 2m\n", OURS_IS " wait=120000" },
	{ "wait, least", OURS "wait 1\n", OURS_IS " wait=1000" },
	{ "wait, most", OURS "wait 365d\n", OURS_IS " wait=31536000000" },
	{ "wait, more", OURS "wait 366d\n",
	    AT(2) "bad value \"366d\" for \"wait\": expected " A_TIME ", or off" },
	{ "wait off", OURS "wait off\n", OURS_IS " wait=-1" },
	{ "wait 0", OURS "wait 0\n",
	    AT(2) "bad value \"0\" for \"wait\": expected " A_TIME ", or off "
		  "hint: without waiting: delivery background" },
	{ "wait unset", "defaults\nwait off\naccount a\n" OURS "wait \"\"\n",
	    "a@3: smtps:mail.example.org:465" },
	{ "wait without value", OURS "wait\n", AT(2) "\"wait\" needs a value: " A_TIME ", or off" },
	{ "wait, empty", MSMTPS "wait\n", MSMTPS_IS " auth=off plain" },
	{ "expire", OURS "expire 2d\n", OURS_IS " expire=172800" },
	{ "expire, least", OURS "expire 60\n", OURS_IS " expire=60" },
	{ "expire, less", OURS "expire 59s\n",
	    AT(2) "bad value \"59s\" for \"expire\": expected " AN_EXPIRY },
	{ "expire, most", OURS "expire 365d\n", OURS_IS " expire=31536000" },
	{ "expire, more", OURS "expire 31536001\n",
	    AT(2) "bad value \"31536001\" for \"expire\": expected " AN_EXPIRY },
	{ "expire off", OURS "expire off\n",
	    AT(2) "bad value \"off\" for \"expire\": expected " AN_EXPIRY },
	{ "expire 0", OURS "expire 0\n",
	    AT(2) "bad value \"0\" for \"expire\": expected " AN_EXPIRY },
	{ "retry", OURS "retry 5m..2h\n", OURS_IS " retry=300..7200" },
	{ "retry, one time", OURS "retry 90\n", OURS_IS " retry=90..90" },
	{ "retry, the same twice", OURS "retry 60..1m\n", OURS_IS " retry=60..60" },
	{ "retry, widest", OURS "retry 1s..7d\n", OURS_IS " retry=1..604800" },
	{ "retry, more", OURS "retry 1s..604801\n",
	    AT(2) "bad value \"1s..604801\" for \"retry\": expected " A_RETRY },
	{ "retry, one time, more", OURS "retry 604801\n",
	    AT(2) "bad value \"604801\" for \"retry\": expected " A_RETRY },
	{ "retry, less", OURS "retry 0..1m\n",
	    AT(2) "bad value \"0..1m\" for \"retry\": expected " A_RETRY },
	{ "retry, the wrong way round", OURS "retry 61..1m\n",
	    AT(2) "bad value \"61..1m\" for \"retry\": expected " A_RETRY },
	{ "retry off", OURS "retry off\n",
	    AT(2) "bad value \"off\" for \"retry\": expected " A_RETRY },
	{ "retry to off", OURS "retry 1m..off\n",
	    AT(2) "bad value \"1m..off\" for \"retry\": expected " A_RETRY },
	{ "retry from off", OURS "retry off..1m\n",
	    AT(2) "bad value \"off..1m\" for \"retry\": expected " A_RETRY },
	{ "retry without end", OURS "retry 1m..\n",
	    AT(2) "bad value \"1m..\" for \"retry\": expected " A_RETRY },
	{ "retry without begin", OURS "retry ..1m\n",
	    AT(2) "bad value \"..1m\" for \"retry\": expected " A_RETRY },
	{ "retry, dots", OURS "retry ..\n",
	    AT(2) "bad value \"..\" for \"retry\": expected " A_RETRY },
	{ "retry, three times", OURS "retry 1..2..3\n",
	    AT(2) "bad value \"1..2..3\" for \"retry\": expected " A_RETRY },
	{ "retry, three dots", OURS "retry 1...3\n",
	    AT(2) "bad value \"1...3\" for \"retry\": expected " A_RETRY },

	/* the queue's pace */
	{ "connections", OURS "connections 20\n", OURS_IS " connections=20" },
	{ "connections, least", OURS "connections 1\n", OURS_IS " connections=1" },
	{ "connections, more", OURS "connections 21\n",
	    AT(2) "bad value \"21\" for \"connections\": expected a number from 1 to 20" },
	{ "connections 0", OURS "connections 0\n",
	    AT(2) "bad value \"0\" for \"connections\": expected a number from 1 to 20" },
	{ "connections a word", OURS "connections off\n",
	    AT(2) "bad value \"off\" for \"connections\": expected a number from 1 to 20" },
	{ "connections, overflow", OURS "connections 4294967297\n",
	    AT(2) "bad value \"4294967297\" for \"connections\": expected a number from 1 to 20" },
	{ "rate", OURS "rate 30/min\n", OURS_IS " rate=30" },
	{ "rate, a number", OURS "rate 1\n", OURS_IS " rate=1" },
	{ "rate, most", OURS "rate 1000000/min\n", OURS_IS " rate=1000000" },
	{ "rate, more", OURS "rate 1000001/min\n",
	    AT(2) "bad value \"1000001/min\" for \"rate\": expected " A_RATE },
	{ "rate 0", OURS "rate 0\n", AT(2) "bad value \"0\" for \"rate\": expected " A_RATE },
	{ "rate an hour", OURS "rate 30/h\n",
	    AT(2) "bad value \"30/h\" for \"rate\": expected " A_RATE },
	{ "rate a nothing", OURS "rate 30/\n",
	    AT(2) "bad value \"30/\" for \"rate\": expected " A_RATE },
	{ "rate of nothing", OURS "rate /min\n",
	    AT(2) "bad value \"/min\" for \"rate\": expected " A_RATE },
	{ "rate off", "defaults\nrate 2\naccount a\n" OURS "rate off\n",
	    "a@3: smtps:mail.example.org:465" },

	/* when, and where else */
	{ "delivery background", OURS "delivery background\n", OURS_IS " background" },
	{ "delivery queue", OURS "delivery queue\n", OURS_IS " queue_only" },
	{ "delivery now", "defaults\ndelivery queue\naccount a\n" OURS "delivery now\n",
	    "a@3: smtps:mail.example.org:465" },
	{ "delivery later", OURS "delivery later\n",
	    AT(2) "bad value \"later\" for \"delivery\": expected now, background or queue" },
	{ "delivery in the background without queue",
	    "queue_dir none\n" OURS "delivery background\n",
	    AT(3) "\"delivery\" wants a queue, and \"queue_dir\" says that there is none (line 1)" },
	{ "delivery queue without queue",
	    "account a\n" OURS "delivery queue\ndefaults\nqueue_dir none\n",
	    AT(3) "\"delivery\" wants a queue, and \"queue_dir\" says that there is none (line 5)" },
	{ "delivery queue inherited, without queue",
	    "queue_dir none\ndefaults\ndelivery queue\n" BOTH,
	    AT(3) "\"delivery\" wants a queue, and \"queue_dir\" says that there is none (line 1)" },
	{ "delivery now without queue", "queue_dir none\n" OURS "delivery now\n",
	    "default@2: smtps:mail.example.org:465\nqueue: none" },
	{ "fallback", BOTH "fallback b\naccount b\n" OURS,
	    A_IS " fallback=b\nb@4: smtps:mail.example.org:465" },
	{ "fallback to one above", BOTH "account b\n" OURS "fallback a\n",
	    A_IS "\nb@3: smtps:mail.example.org:465 fallback=a" },
	{ "fallback to the unnamed account", OURS "account b\n" OURS "fallback default\n",
	    OURS_IS "\nb@2: smtps:mail.example.org:465 fallback=default" },
	{ "fallback without value", BOTH "fallback\n",
	    AT(3) "\"fallback\" needs a value: the name of an account" },
	{ "fallback to nobody", BOTH "\nfallback b\n",
	    AT(4) "there is no account \"b\" to fall back to" },
	{ "fallback to half a name", BOTH "fallback aa\naccount aab\n" OURS,
	    AT(3) "there is no account \"aa\" to fall back to" },
	{ "fallback to what is no text", BOTH "fallback \xff\n",
	    AT(3) "bad value \"\\xFF\" for \"fallback\": expected the name of an account" },
	{ "fallback to a parent", BOTH "fallback b\naccount b\nuser me\n",
	    AT(3) "an account to fall back to must be one that can be used: conf:4: account \"b\" has no server" },
	{ "fallback of a parent", "account a\nfallback b\naccount b\n" OURS,
	    "a@1: fallback=b problem=conf:1: account \"a\" has no server\nb@3: smtps:mail.example.org:465" },
	{ "fallback inherited", BOTH "fallback c\naccount b : a\naccount c\n" OURS,
	    A_IS
	    " fallback=c\nb@4: smtps:mail.example.org:465 fallback=c\nc@5: smtps:mail.example.org:465" },
	{ "fallback taken back",
	    "defaults\nfallback b\naccount a\n" OURS "account b\n" OURS "fallback \"\"\n",
	    "a@3: smtps:mail.example.org:465 fallback=b\nb@5: smtps:mail.example.org:465" },
	{ "fallback to itself", BOTH "fallback a\n",
	    AT(3) "the account \"a\" falls back to itself hint: to end it, write there: fallback \"\"" },
	{ "fallback to itself, inherited", BOTH "fallback b\naccount b : a\n",
	    AT(3) "the account \"b\" falls back to itself hint: to end it, write there: fallback \"\"" },
	{ "fallback to itself, by defaults",
	    "defaults\nfallback b\naccount a\n" OURS "account b\n" OURS,
	    AT(2) "the account \"b\" falls back to itself hint: to end it, write there: fallback \"\"" },
	{ "fallback in a circle of two", BOTH "fallback b\naccount b\n" OURS "fallback a\n",
	    AT(6) "accounts fall back to each other in a circle: b, a hint: to end it, write there: fallback \"\"" },
	{ "fallback in a circle of three",
	    "defaults\n" OURS "account a\nfallback b\naccount b\nfallback c\n"
	    "account c\nfallback a\n",
	    AT(8) "accounts fall back to each other in a circle: c, a, b hint: to end it, write there: fallback \"\"" },
	{ "fallback into a circle",
	    "defaults\n" OURS "account b\nfallback c\naccount c\nfallback b\n"
	    "account d\nfallback b\n",
	    AT(6) "accounts fall back to each other in a circle: c, b hint: to end it, write there: fallback \"\"" },
	{ "fallback in a row",
	    "defaults\n" OURS "account a\nfallback b\naccount b\nfallback c\naccount c\n",
	    "a@3: smtps:mail.example.org:465 fallback=b\nb@5: smtps:mail.example.org:465 fallback=c\n"
	    "c@7: smtps:mail.example.org:465" },

	/* repeated */
	{ "repeated", OURS "user a\nuser b\n", AT(3) "repeated key \"user\" (line 2)" },
	{ "repeated, three times", OURS "user a\nuser b\nuser c\n",
	    AT(4) "repeated key \"user\" (line 2)" },
	{ "repeated, msmtp", MSMTPS "user a\nuser b\nuser c\n",
	    MSMTPS_IS " user=c auth=off plain\n"
		      "warning: conf:4: repeated key \"user\": this line counts, not line 2" },
	{ "repeated in defaults",
	    "defaults\nuser a\nuser b\naccount x\nserver smtps://mail.example.org\n",
	    "x@4: smtps:mail.example.org:465 user=b\n"
	    "warning: conf:3: repeated key \"user\": this line counts, not line 2" },
	{ "repeated, twice the host", "host a\nhost b\n",
	    "default@1: smtp:b:25 auth=off plain\n"
	    "warning: conf:2: repeated key \"host\": this line counts, not line 1" },

	/* msmtp */
	{ "host", MSMTPS, MSMTPS_IS " auth=off plain" },
	{ "host with port", MSMTPS "port 587\n",
	    "default@1: smtp:mail.example.org:587 auth=off plain" },
	{ "host with tls", MSMTPS "tls on\n", MSMTPS_IS " auth=off starttls" },
	{ "host with bare tls", MSMTPS "tls\nauth\nsyslog\nuser me\n",
	    MSMTPS_IS " user=me starttls" },
	{ "host with tls without starttls", MSMTPS "tls on\ntls_starttls off\n",
	    OURS_IS " auth=off implicit" },
	{ "host with tls_nostarttls", MSMTPS "tls on\ntls_nostarttls\n",
	    OURS_IS " auth=off implicit" },
	{ "host with tls without starttls, port", MSMTPS "tls on\ntls_starttls off\nport 587\n",
	    "default@1: smtps:mail.example.org:587 auth=off implicit" },
	{ "host with tls off", MSMTPS "tls off\n", MSMTPS_IS " auth=off plain" },
	{ "host with tls none", MSMTPS "tls none\n", MSMTPS_IS " auth=off plain explicit_none" },
	{ "host with tls implicit", MSMTPS "tls implicit\n", OURS_IS " auth=off implicit" },
	{ "host with tls starttls", MSMTPS "tls starttls\n", MSMTPS_IS " auth=off starttls" },
	{ "host contradicts itself", MSMTPS "tls starttls\ntls_starttls off\n",
	    AT(3) "\"tls\" and \"tls_starttls\" contradict each other (line 2)" },
	{ "host, tls off, tls_starttls on", MSMTPS "tls_starttls on\n",
	    MSMTPS_IS " auth=off plain" },
	{ "host has no login by default", MSMTPS "user me\npassword x\n",
	    MSMTPS_IS " user=me literal=x@3 auth=off plain" },
	{ "host with login", MSMTPS "user me\nauth on\n", MSMTPS_IS " user=me plain" },
	{ "host with brackets", "host [::1]\n", "default@1: smtp:::1:25 auth=off plain" },
	{ "host IPv6", "host ::1\n", "default@1: smtp:::1:25 auth=off plain" },
	{ "host that is none", "host smtps://me:geheim@a\n",
	    AT(1) "bad value for \"host\": expected the name or the address of a server" },
	{ "port that is none", MSMTPS "port smtp\n",
	    AT(2) "bad value \"smtp\" for \"port\": expected a number from 1 to 65535" },
	{ "host keeps backslashes", MSMTPS "password \"a\\\\b\\\"c\"\n",
	    MSMTPS_IS " literal=a\\\\b\\\"c@2 auth=off plain" },
	{ "host and server", MSMTPS "server smtps://mail.example.org\n",
	    AT(2) "an account has either \"server\" or msmtp's \"host\", not both (line 1)" },
	{ "port and server", OURS "port 465\n",
	    AT(2) "\"port\" belongs to msmtp's \"host\": with \"server\", the port stands in the URL (line 1)" },
	{ "tls_starttls and server", OURS "tls_starttls on\n",
	    AT(2) "\"tls_starttls\" belongs to msmtp's \"host\": with \"server\", smtp:// means STARTTLS (line 1)" },
	{ "protocol smtp", MSMTPS "protocol smtp\n", MSMTPS_IS " auth=off plain" },
	{ "protocol lmtp", MSMTPS "protocol lmtp\nport 24\n",
	    "default@1: lmtp:mail.example.org:24 auth=off plain" },
	{ "protocol lmtp without port", MSMTPS "protocol lmtp\n",
	    AT(1) "LMTP has no port of its own: \"port\" is missing" },
	{ "protocol lmtp with tls", MSMTPS "protocol lmtp\nport 24\ntls on\n",
	    "default@1: lmtp:mail.example.org:24 auth=off starttls" },
	{ "protocol lmtp with tls from the start",
	    MSMTPS "protocol lmtp\nport 24\ntls on\ntls_starttls off\n",
	    "default@1: lmtp:mail.example.org:24 auth=off implicit" },
	{ "protocol esmtp", MSMTPS "protocol esmtp\n",
	    AT(2) "bad value \"esmtp\" for \"protocol\": expected smtp or lmtp" },
	{ "protocol and server", OURS "protocol lmtp\n",
	    AT(2) "\"protocol\" belongs to msmtp's \"host\": with \"server\", write lmtp://HOST:PORT (line 1)" },
	{ "socket", MSMTPS "socket /run/x\n", "default@1: unix:/run/x:0 auth=off plain" },
	{ "socket in the home", MSMTPS "socket ~/x\nport 25\n",
	    "default@1: unix:/home/me/x:0 auth=off plain" },
	{ "socket, lmtp", MSMTPS "socket /run/x\nprotocol lmtp\n",
	    "default@1: lmtp-unix:/run/x:0 auth=off plain" },
	{ "socket without host", "socket /run/x\n",
	    "default@1: problem=conf:1: account \"default\" has no server" },
	{ "socket, relative", MSMTPS "socket x\n",
	    AT(2) "bad value for \"socket\": expected a path that begins with \"/\" or \"~/\"" },
	{ "socket with tls", MSMTPS "tls on\nsocket /run/x\n",
	    AT(3) "a \"socket\" has no TLS (line 2)" },
	{ "socket and server", OURS "socket /run/x\n",
	    AT(2) "\"socket\" belongs to msmtp's \"host\": with \"server\", write unix:/PATH or lmtp:/PATH (line 1)" },
	{ "socket unset",
	    "account a\nhost mail.example.org\nsocket /run/x\naccount b : a\nsocket\n",
	    "a@1: unix:/run/x:0 auth=off plain\n"
	    "b@4: smtp:mail.example.org:25 auth=off plain" },
	{ "ignored keys",
	    MSMTPS "auto_from off\n"
		   "dsn_notify off\n"
		   "dsn_return off\n"
		   "set_from_header auto\n"
		   "set_date_header auto\n"
		   "set_msgid_header on\n"
		   "add_missing_from_header on\n"
		   "add_missing_date_header\n"
		   "remove_bcc_headers on\n"
		   "keepbcc on\n"
		   "undisclosed_recipients off\n"
		   "allow_from_override on\nallow_from_override\n"
		   "tls_force_sslv3\n"
		   "tls_min_dh_prime_bits\n"
		   "logfile_time_format %s\n"
		   "aliases\n",
	    MSMTPS_IS " auth=off plain" },
	{ "set_from_header on", MSMTPS "set_from_header on\n",
	    AT(2) "this version cannot do \"set_from_header\", and without it the message would keep its own From "
		  "header" },
	{ "allow_from_override off", MSMTPS "allow_from_override off\n",
	    AT(2) "this version cannot do \"allow_from_override\", and without it senders given with -f would be "
		  "used" },
	{ "undisclosed_recipients", MSMTPS "undisclosed_recipients\n",
	    AT(2) "this version cannot do \"undisclosed_recipients\", and without it To and Cc would be shown" },
	{ "dsn_notify", MSMTPS "dsn_notify failure\n",
	    AT(2) "this version cannot do \"dsn_notify\", and without it the reports asked for would not come" },
	{ "eval", MSMTPS "eval echo user me\n",
	    AT(2) "this version cannot do \"eval\", and without it the line it makes would be missing" },
	{ "key of an earlier version", OURS "window 8\n",
	    AT(2) "this version cannot do \"window\", and without it a long queue would take more time: set "
		  "connections instead" },
	{ "key of a later version", OURS "password_env MAIL_PASSWORD\n",
	    AT(2) "this version cannot do \"password_env\", and without it there would be no password" },

	/* blocks */
	{ "account", "account work\nserver smtps://mail.example.org\n",
	    "work@1: smtps:mail.example.org:465" },
	{ "two accounts",
	    "account a\nserver smtps://mail.example.org\naccount b\nserver smtps://mail.example.org\nuser me\n",
	    "a@1: smtps:mail.example.org:465\n"
	    "b@3: smtps:mail.example.org:465 user=me" },
	{ "default and account", OURS "account b\nserver smtps://mail.example.org\n",
	    OURS_IS "\n"
		    "b@2: smtps:mail.example.org:465" },
	{ "account without server", "account a\nuser me\n",
	    "a@1: user=me problem=conf:1: account \"a\" has no server" },
	{ "same account twice", "account a\nserver smtps://mail.example.org\naccount a\n",
	    AT(3) "the account \"a\" is there already (line 1)" },
	{ "default twice", OURS "account default\n",
	    AT(2) "the account \"default\" is there already (line 1)" },
	{ "account without name", "account\n", AT(1) "\"account\" needs a value: a name" },
	{ "account of two words", "account my mail\n",
	    AT(1) "the name of an account is one word of UTF-8, without commas" },
	{ "account without parent's name", "account a :\n",
	    AT(1) "the name of an account is missing behind \":\"" },
	{ "account inherits",
	    "account a\nserver smtps://mail.example.org\nuser me\nfrom a@b.example\naccount b : a\nfrom c@d.example\n",
	    "a@1: smtps:mail.example.org:465 user=me from=a@b.example\n"
	    "b@5: smtps:mail.example.org:465 user=me from=c@d.example" },
	{ "default is an account",
	    "account a\nserver smtps://mail.example.org\naccount default : a\n",
	    "a@1: smtps:mail.example.org:465\n"
	    "default@3: smtps:mail.example.org:465" },
	{ "no space around the colon",
	    "account a\nserver smtps://mail.example.org\naccount default:a\n",
	    "a@1: smtps:mail.example.org:465\n"
	    "default@3: smtps:mail.example.org:465" },
	{ "two parents",
	    "account a\n"
	    "server smtps://mail.example.org\n"
	    "user x\n"
	    "account b\n"
	    "user y\n"
	    "local_to z@b.example\n"
	    "account c : a, b\n"
	    "account d : b a\n",
	    "a@1: smtps:mail.example.org:465 user=x\n"
	    "b@4: user=y local_to=z@b.example problem=conf:4: account \"b\" has no server\n"
	    "c@7: smtps:mail.example.org:465 user=y local_to=z@b.example\n"
	    "d@8: smtps:mail.example.org:465 user=x local_to=z@b.example" },
	{ "grandparents",
	    "account a\nserver smtps://mail.example.org\nuser x\naccount b : a\naccount c : b\n",
	    "a@1: smtps:mail.example.org:465 user=x\n"
	    "b@4: smtps:mail.example.org:465 user=x\n"
	    "c@5: smtps:mail.example.org:465 user=x" },
	{ "unknown parent", "account b : a\n", AT(1) "there is no account \"a\" above this line" },
	{ "parent below",
	    "account b : c\nserver smtps://mail.example.org\naccount c\nserver smtps://mail.example.org\n",
	    AT(1) "there is no account \"c\" above this line" },
	{ "own parent", "account b : b\n", AT(1) "there is no account \"b\" above this line" },
	{ "defaults",
	    "defaults\n"
	    "tls on\n"
	    "account a\n"
	    "host mail.example.org\n"
	    "account b\n"
	    "host b.example\n"
	    "tls off\n",
	    "a@3: smtp:mail.example.org:25 auth=off starttls\n"
	    "b@5: smtp:b.example:25 auth=off plain" },
	{ "defaults later",
	    "account a\n"
	    "server smtps://mail.example.org\n"
	    "defaults\n"
	    "user me\n"
	    "account b\n"
	    "server smtps://mail.example.org\n"
	    "account c : a\n",
	    "a@1: smtps:mail.example.org:465\n"
	    "b@5: smtps:mail.example.org:465 user=me\n"
	    "c@7: smtps:mail.example.org:465 user=me" },
	{ "defaults twice",
	    "defaults\n"
	    "user me\n"
	    "timeout 5\n"
	    "defaults\n"
	    "user you\n"
	    "account a\n"
	    "server smtps://mail.example.org\n",
	    "a@6: smtps:mail.example.org:465 user=you timeout=5000" },
	{ "defaults are not handed on",
	    "defaults\n"
	    "user x\n"
	    "account a\n"
	    "server smtps://mail.example.org\n"
	    "defaults\n"
	    "user y\n"
	    "account b : a\n",
	    "a@3: smtps:mail.example.org:465 user=x\n"
	    "b@7: smtps:mail.example.org:465 user=y" },
	{ "defaults with a value", "defaults on\n", AT(1) "\"defaults\" takes no value" },
	{ "wrong value in defaults", "defaults\ntimeout soon\n",
	    AT(2) "bad value \"soon\" for \"timeout\": expected a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "child replaces the password",
	    "account a\nserver smtps://mail.example.org\npassword x\naccount b : a\npassword_command y\n",
	    "a@1: smtps:mail.example.org:465 literal=x@3\n"
	    "b@4: smtps:mail.example.org:465 command=y@5" },
	{ "child takes the password back",
	    "account a\nserver smtps://mail.example.org\npassword x\naccount b : a\npassword \"\"\n",
	    "a@1: smtps:mail.example.org:465 literal=x@3\n"
	    "b@4: smtps:mail.example.org:465" },
	{ "child replaces servers",
	    "account a\nserver smtps://a.example\nserver smtps://b.example\naccount b : a\nserver smtps://c.example\n",
	    "a@1: smtps:a.example:465 smtps:b.example:465\n"
	    "b@4: smtps:c.example:465" },
	{ "child mixes", "account a\nserver smtps://mail.example.org\n\naccount b : a\nhost x\n",
	    AT(5) "an account has either \"server\" or msmtp's \"host\", not both (line 2)" },
	{ "msmtp's example",
	    "# Set default values for all following accounts.\n"
	    "defaults\n"
	    "auth           on\n"
	    "tls            on\n"
	    "tls_trust_file /etc/ssl/certs/ca-certificates.crt\n"
	    "logfile        /var/log/msmtp.log\n"
	    "\n"
	    "# A freemail service\n"
	    "account        freemail\n"
	    "host           smtp.freemail.example\n"
	    "port           587\n"
	    "from           joe_smith@freemail.example\n"
	    "user           joe.smith\n"
	    "password       geheim\n"
	    "\n"
	    "# A second mail address at the same service\n"
	    "account        freemail2 : freemail\n"
	    "from           joey@freemail.example\n"
	    "\n"
	    "# The provider\n"
	    "account        provider\n"
	    "host           mail.provider.example\n"
	    "from           smithjoe@provider.example\n"
	    "user           123456789\n"
	    "passwordeval   \"gpg --quiet --for-your-eyes-only --no-tty --decrypt ~/.msmtp-provider.gpg\"\n"
	    "tls_starttls   off\n"
	    "\n"
	    "account default : freemail\n",
	    "freemail@9: smtp:smtp.freemail.example:587 user=joe.smith literal=geheim@14 starttls "
	    "trust=/etc/ssl/certs/ca-certificates.crt from=joe_smith@freemail.example "
	    "log=/var/log/msmtp.log\n"
	    "freemail2@17: smtp:smtp.freemail.example:587 user=joe.smith literal=geheim@14 starttls "
	    "trust=/etc/ssl/certs/ca-certificates.crt from=joey@freemail.example log=/var/log/msmtp.log\n"
	    "provider@21: smtps:mail.provider.example:465 user=123456789 command=gpg --quiet "
	    "--for-your-eyes-only --no-tty --decrypt ~/.msmtp-provider.gpg@25 implicit "
	    "trust=/etc/ssl/certs/ca-certificates.crt from=smithjoe@provider.example log=/var/log/msmtp.log\n"
	    "default@28: smtp:smtp.freemail.example:587 user=joe.smith literal=geheim@14 starttls "
	    "trust=/etc/ssl/certs/ca-certificates.crt from=joe_smith@freemail.example log=/var/log/msmtp.log" },
	{ "a system's msmtprc",
	    "# A system wide configuration file\n"
	    "account default\n"
	    "host mailhub.oursite.example\n"
	    "from root@oursite.example\n"
	    "add_missing_from_header on\n"
	    "set_msgid_header on\n"
	    "tls on\n"
	    "tls_starttls off\n"
	    "tls_trust_file system\n"
	    "syslog LOG_MAIL\n",
	    "default@2: smtps:mailhub.oursite.example:465 auth=off implicit from=root@oursite.example" },
	{ "bare tls", OURS "tls\n", OURS_IS },
	{ "msmtp's keys without value",
	    MSMTPS
	    "ntlmdomain\nproxy_host\nproxy_port\nsocket\nsource_ip\ntls_cert_file\ntls_key_file\ntls_crl_file\n"
	    "tls_fingerprint\n",
	    MSMTPS_IS " auth=off plain" },
	{ "host with auth but no user", MSMTPS "auth on\n",
	    MSMTPS_IS " plain problem=conf:2: account \"default\" has \"auth\" but no \"user\"" },
	{ "dots in a host", "server smtps://.example.org\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
		  "brackets" },
	{ "percent in a user", OURS "user a%b@c\n", OURS_IS " user=a%b@c" },
	{ "second line of the password is ignored by nobody", OURS "password a\npassword b\n",
	    AT(3) "repeated key \"password\" (line 2)" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* A text of count times piece, behind `before`. */
static void
parse_many(struct buf *got, const char *before, const char *piece, size_t count, const char *after)
{
	struct buf text = BUF_INIT(8 << 20);

	buf_adds(&text, before);
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s", piece);
	buf_adds(&text, after);
	buf_clear(got);
	parse(got, text.data, text.len);
	buf_release(&text);
}

static void
test_limits(void **state)
{
	struct buf got = BUF_INIT(8 << 20);

	(void)state;
	parse_many(&got, OURS "user ", "x", 65536 - 5, "\n");
	assert_int_equal(got.len, strlen(OURS_IS " user=") + 65536 - 5);
	parse_many(&got, OURS "user ", "x", 65537 - 5, "\n");
	assert_string_equal(got.data, AT(2) "the line is longer than 65536 octets");
	parse_many(&got, "", "#\n", 1 << 19, "");
	assert_string_equal(got.data, "");
	parse_many(&got, "", "#\n", 1 << 19, "\n");
	assert_string_equal(got.data, "error: conf: larger than 1048576 octets");
	parse_many(&got, OURS "password ", "x", 8192, "\n");
	assert_int_equal(got.len, strlen(OURS_IS " literal=@2") + 8192);
	parse_many(&got, OURS "password ", "x", 8193, "\n");
	assert_string_equal(got.data, AT(2) "the password is longer than 8192 octets");
	parse_many(&got, OURS, "from a@b\n", 257, "");
	assert_string_equal(got.data, AT(258) "more than 256 lines of \"from\"");
	parse_many(&got, OURS "from", " a@b", 257, "");
	assert_string_equal(got.data, AT(2) "an account has at most 256 addresses and patterns");
	parse_many(&got, OURS, "tls_fingerprint " SHA1_PIN "\n", 64, "");
	assert_null(strstr(got.data, "error"));
	parse_many(&got, OURS, "tls_fingerprint " SHA1_PIN "\n", 65, "");
	assert_string_equal(got.data, AT(66) "an account has at most 64 fingerprints");
	parse_many(&got, OURS, "tls_fingerprint \"\"\n", 257, "");
	assert_string_equal(got.data, OURS_IS);
	parse_many(&got, "server lmtp:/", "x", 106, "\n");
	assert_null(strstr(got.data, "error"));
	parse_many(&got, "server unix:/", "x", 107, "\n");
	assert_string_equal(got.data,
	    AT(1) "bad value for \"server\": the path of a socket has at most 107 octets");
	buf_release(&got);
}

static void
test_too_many_accounts(void **state)
{
	struct buf text = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "account a%d\n", i);
	parse(&got, text.data, text.len);
	assert_null(strstr(got.data, "error"));
	assert_non_null(strstr(got.data, "\na999@1000:"));
	buf_adds(&text, "account b\n");
	buf_clear(&got);
	parse(&got, text.data, text.len);
	assert_string_equal(got.data, AT(1001) "more than 1000 accounts");
	buf_release(&text);
	buf_release(&got);
}

/* Each falls back to the next one, the last to none, or to the first. */
static void
test_many_fallbacks(void **state)
{
	struct buf text = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);

	(void)state;
	buf_adds(&text, "defaults\n" OURS);
	for (int i = 0; i < 999; i++)
		buf_addf(&text, "account a%d\nfallback a%d\n", i, i + 1);
	buf_adds(&text, "account a999\n");
	parse(&got, text.data, text.len);
	assert_null(strstr(got.data, "error"));
	assert_non_null(strstr(got.data,
	    "\na998@1999: smtps:mail.example.org:465 fallback=a999\n"));
	buf_adds(&text, "fallback a0\n");
	buf_clear(&got);
	parse(&got, text.data, text.len);
	assert_non_null(strstr(got.data,
	    AT(2002) "accounts fall back to each other in a circle: a999, a0, a1, a2, "));
	buf_release(&text);
	buf_release(&got);
}

static void
test_nul(void **state)
{
	static const char text[] = OURS "# a\0b\n";
	struct buf got = BUF_INIT(1 << 20);

	(void)state;
	parse(&got, text, sizeof(text) - 1);
	assert_string_equal(got.data, AT(2) "there is a NUL in the line: is this a text file?");
	buf_release(&got);
}

/* No row may show the secrets that the rows hold. */
static void
test_no_secret_in_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		if (strncmp(rows[i].want, "error: ", 7) == 0)
			assert_null(strstr(rows[i].want, "geheim"));
}

int
main(void)
{
	static struct CMUnitTest tests[ROWS + 6] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_accounts),
		cmocka_unit_test(test_many_fallbacks),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_no_secret_in_errors),
	};

	setenv("HOME", "/home/me", 1);
	for (size_t i = 0; i < ROWS; i++)
		tests[i + 6] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, &rows[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
