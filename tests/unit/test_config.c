/* SPDX-License-Identifier: ISC */
/*
 * Configuration: a file's text and what comes of it.  Accounts are written as one line each, with all that is not the
 * default.
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
	const char *want;	/* the accounts and warnings, or "error: sentence", " hint: …" where there is one */
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
		[SERVER_UNIX] = "unix",
	};

	for (size_t i = 0; i < a->server_count; i++)
		buf_addf(out, " %s:%s:%u", schemes[a->servers[i].scheme], a->servers[i].host, a->servers[i].port);
}

static void
add_login(struct buf *out, const struct account *a)
{
	static const char *const sources[] = { "none", "literal", "file", "command" };

	add_string(out, "user", a->user);
	if (a->secret_source != SECRET_NONE)
		buf_addf(out, " %s=%s@%s", sources[a->secret_source], a->secret.data,
		    strrchr(a->secret_origin, ':') + 1);
	buf_adds(out, a->auth_off ? " auth=off" : "");
	add_list(out, "auth", &a->auth);
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
	add_string(out, "priorities", a->tls_priorities);
	add_string(out, "tls_host", a->tls_host);
}

static void
add_rest(struct buf *out, const struct account *a)
{
	add_list(out, "from", &a->from);
	add_string(out, "full_name", a->full_name);
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
add_config(struct buf *out, const struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct account *a = &config->accounts[i];

		buf_addf(out, "%s%s@%s:", i == 0 ? "" : "\n", a->name, strrchr(a->origin, ':') + 1);
		add_servers(out, a);
		add_login(out, a);
		add_tls(out, a);
		add_rest(out, a);
	}
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

static struct row rows[] = {
	/* grammar */
	{ "nothing", "", "" },
	{ "only comments", "# a\n\n   # b\n\t\n", "" },
	{ "one line", OURS, OURS_IS },
	{ "no line end", "server smtps://mail.example.org", OURS_IS },
	{ "CRLF", "server smtps://a.example\r\nuser me\r\n", "default@1: smtps:a.example:465 user=me" },
	{ "byte order mark", "\xef\xbb\xbfserver smtps://a.example\n", "default@1: smtps:a.example:465" },
	{ "space everywhere", "\t server \t smtps://a.example\t \n  user   me  you \n",
	    "default@1: smtps:a.example:465 user=me  you" },
	{ "hash in a value", OURS "password a#b # c\n", OURS_IS " literal=a#b # c@2" },
	{ "quotes go", OURS "user \"me\"\n", OURS_IS " user=me" },
	{ "quotes keep space", OURS "user \" me \"\n", OURS_IS " user= me " },
	{ "escapes in quotes", OURS "password \"a\\\"b\\\\c\\d\"\n", OURS_IS " literal=a\"b\\c\\d@2" },
	{ "no escapes without quotes", OURS "password a\\\\b\\\"\n", OURS_IS " literal=a\\\\b\\\"@2" },
	{ "inner quotes stay", OURS "password_command pass \"my mail\" x\n", OURS_IS " command=pass \"my mail\" x@2" },
	{ "one quote is a quote", OURS "password \"ab\n", OURS_IS " literal=\"ab@2" },
	{ "quotes within quotes", OURS "password_command \"pass \"x\" y\"\n", OURS_IS " command=pass \"x\" y@2" },
	{ "equals sign", "user = me\nserver smtps://mail.example.org\n",
	    AT(1) "there must be no \"=\" behind \"user\"" },
	{ "equals sign at the key", "password=geheim\n",
	    AT(1) "there must be a space, not \"=\", behind \"password\"" },
	{ "a password alone in a line", OURS "p4$$w0rd!\n", AT(2) "the line does not begin with a key" },
	{ "upper case key", "Server smtps://a.example\n", AT(1) "unknown key \"Server\" (did you mean \"server\"?)" },
	{ "control character", OURS "user m\033e\n", AT(2) "there is a control character in the line" },
	{ "control character in a comment", OURS "# \014\n", OURS_IS },
	{ "unknown key", OURS "pasword x\n", AT(2) "unknown key \"pasword\" (did you mean \"password\"?)" },
	{ "unknown key, letters swapped", OURS "usre x\n", AT(2) "unknown key \"usre\" (did you mean \"user\"?)" },
	{ "unknown key, nothing near", OURS "frobnicate x\n", AT(2) "unknown key \"frobnicate\"" },
	{ "unknown key near an msmtp key", "tls_fingerprnt\n",
	    AT(1) "unknown key \"tls_fingerprnt\" (did you mean \"tls_fingerprint\"?)" },
	{ "unknown key near a directive", "acount x\n", AT(1) "unknown key \"acount\" (did you mean \"account\"?)" },

	/* missing values */
	{ "user without value", OURS "user\n", AT(2) "\"user\" needs a value: text in UTF-8" },
	{ "user unset", OURS "user \"\"\n", OURS_IS },
	{ "msmtp unsets without value", MSMTPS "user\npassword\ntls_trust_file\n", MSMTPS_IS " auth=off plain" },
	{ "server without value", "server\n",
	    AT(1) "\"server\" needs a value: smtps://HOST[:PORT], smtp://HOST[:PORT] or unix:/PATH" },
	{ "host without value", "host\n", AT(1) "\"host\" needs a value: the name or the address of a server" },
	{ "from without value", OURS "from\n",
	    AT(2) "\"from\" needs a value: addresses, or patterns such as *@example.org" },
	{ "timeout without value", MSMTPS "timeout\n",
	    AT(2) "\"timeout\" needs a value: a time such as 90, 90s, 10m, 2h or 5d, or off" },
	{ "include without value", "include\n", AT(1) "\"include\" needs a value: a file" },
	{ "include in parsed text", "include x\n", AT(1) "\"include\" is not possible here" },

	/* server */
	{ "smtps with port", "server smtps://mail.example.org:4650\n", "default@1: smtps:mail.example.org:4650" },
	{ "smtp", "server smtp://mail.example.org\n", "default@1: smtp:mail.example.org:587" },
	{ "smtp with port", "server smtp://mail.example.org:25/\n", MSMTPS_IS },
	{ "scheme in capitals", "server SMTPS://Mail.Example.ORG\n", "default@1: smtps:Mail.Example.ORG:465" },
	{ "IPv4", "server smtps://192.0.2.1\n", "default@1: smtps:192.0.2.1:465" },
	{ "IPv6", "server smtps://[2001:db8::1]\n", "default@1: smtps:2001:db8::1:465" },
	{ "IPv6 with port and zone", "server smtp://[fe80::1%eth0]:2525\n", "default@1: smtp:fe80::1%eth0:2525" },
	{ "IPv6 without brackets", "server smtps://2001:db8::1\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST or smtps://HOST:PORT, an IPv6 address in "
	    "brackets" },
	{ "international name", "server smtps://b\xc3\xbc""cher.example\n",
	    "default@1: smtps:b\xc3\xbc""cher.example:465" },
	{ "unix", "server unix:/run/mail.sock\n", "default@1: unix:/run/mail.sock:0" },
	{ "unix, relative", "server unix:mail.sock\n",
	    AT(1) "bad value for \"server\": expected a path that begins with \"/\" behind \"unix:\"" },
	{ "several servers", "server smtps://a.example\nserver smtp://b.example\nserver unix:/c\n",
	    "default@1: smtps:a.example:465 smtp:b.example:587 unix:/c:0" },
	{ "no scheme", "server mail.example.org\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST[:PORT], smtp://HOST[:PORT] or unix:/PATH" },
	{ "unknown scheme", "server http://mail.example.org\n",
	    AT(1) "bad value for \"server\": expected smtps://HOST[:PORT], smtp://HOST[:PORT] or unix:/PATH" },
	{ "scheme of a later version", "server maildir:/home/me/Mail\n",
	    AT(1) "bad value for \"server\": this version cannot deliver to maildir:" },
	{ "lmtp", "server lmtp://localhost:24\n",
	    AT(1) "bad value for \"server\": this version cannot deliver to lmtp:" },
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
	{ "password file in the home", OURS "password_file ~/secret\n", OURS_IS " file=/home/me/secret@2" },
	{ "password file, relative", OURS "password_file secret\n",
	    AT(2) "bad value for \"password_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "password and command", OURS "password a\npassword_command b\n",
	    AT(3) "\"password_command\" is one password too many: there is \"password\" (line 2)" },
	{ "file and password", OURS "password_file /a\n\npassword b\n",
	    AT(4) "\"password\" is one password too many: there is \"password_file\" (line 2)" },
	{ "command under two names", OURS "password_command a\npasswordeval b\n",
	    AT(3) "\"passwordeval\" is one password too many: there is \"password_command\" (line 2)" },
	{ "empty password and command", MSMTPS "password\npasswordeval b\n", MSMTPS_IS " command=b@3 auth=off plain" },
	{ "auth on", OURS "user me\nauth on\n", OURS_IS " user=me" },
	{ "auth off", OURS "user me\nauth off\n", OURS_IS " user=me auth=off" },
	{ "auth names", OURS "user me\nauth Plain, login scram-sha-256,SCRAM-SHA-1\n",
	    OURS_IS " user=me auth=PLAIN,LOGIN,SCRAM-SHA-256,SCRAM-SHA-1" },
	{ "auth without user", OURS "auth plain\n",
	    OURS_IS " auth=PLAIN problem=conf:2: account \"default\" has \"auth\" but no \"user\"" },
	{ "auth not known", OURS "user me\nauth pain\n",
	    AT(3) "bad value \"pain\" for \"auth\": expected on, off, or some of plain, login, scram-sha-256, "
	    "scram-sha-1" },
	{ "auth not in this version", OURS "user me\nauth plain cram-md5\n",
	    AT(3) "this version cannot log in with CRAM-MD5" },
	{ "auth xoauth2", MSMTPS "user me\nauth xoauth2\n", AT(3) "this version cannot log in with XOAUTH2" },
	{ "auth plus", MSMTPS "user me\nauth scram-sha-256-plus\n",
	    AT(3) "this version cannot log in with SCRAM-SHA-256-PLUS" },
	{ "auth named twice", OURS "user me\nauth plain PLAIN\n", AT(3) "PLAIN is named twice" },
	{ "auth of commas", OURS "user me\nauth ,\n",
	    AT(3) "bad value \",\" for \"auth\": expected on, off, or some of plain, login, scram-sha-256, "
	    "scram-sha-1" },
	{ "insecure_auth yes", OURS "insecure_auth yes\n", OURS_IS " insecure_auth" },
	{ "insecure_auth no", OURS "insecure_auth no\n", OURS_IS },
	{ "insecure_auth maybe", OURS "insecure_auth maybe\n",
	    AT(2) "bad value \"maybe\" for \"insecure_auth\": expected yes or no" },

	/* from */
	{ "from", OURS "from me@example.org\n", OURS_IS " from=me@example.org" },
	{ "from, several", OURS "from me@example.org, you@example.org *@b.example\nfrom *@*.c.example\n",
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
	{ "domain not ASCII", OURS "domain b\xc3\xbc""cher.example\n",
	    AT(2) "bad value \"b\xc3\xbc""cher.example\" for \"domain\": expected a domain name in ASCII, or an "
	    "address in brackets" },
	{ "domain with a space", OURS "domain a b\n",
	    AT(2) "bad value \"a b\" for \"domain\": expected a domain name in ASCII, or an address in brackets" },
	{ "local_domain", OURS "local_domain example.org\n", OURS_IS " local_domain=example.org" },
	{ "maildomain", OURS "maildomain example.org\n", OURS_IS " local_domain=example.org" },
	{ "local_to", OURS "local_to me@example.org\n", OURS_IS " local_to=me@example.org" },
	{ "local_to unqualified", OURS "local_to me\n",
	    AT(2) "bad value \"me\" for \"local_to\": expected an address with a domain" },

	/* tls */
	{ "tls implicit with smtps", OURS "tls implicit\n", OURS_IS " implicit" },
	{ "tls starttls with smtp", "server smtp://a.example\ntls starttls\n",
	    "default@1: smtp:a.example:587 starttls" },
	{ "tls none with smtp", "server smtp://a.example\ntls none\n",
	    "default@1: smtp:a.example:587 plain explicit_none" },
	{ "tls off with smtp", "server smtp://a.example\ntls off\n", "default@1: smtp:a.example:587 plain" },
	{ "tls on with smtps", OURS "tls on\n", OURS_IS },
	{ "tls none with smtps", OURS "tls none\n",
	    AT(2) "smtps:// has TLS from the start: another word behind \"tls\" contradicts it (line 1)" },
	{ "tls starttls with smtps", OURS "tls starttls\n",
	    AT(2) "smtps:// has TLS from the start: another word behind \"tls\" contradicts it (line 1)" },
	{ "tls implicit with smtp", "tls implicit\nserver smtp://a.example\n",
	    AT(2) "smtp:// has STARTTLS: write smtps:// for implicit TLS (line 1)" },
	{ "tls none with unix", "server unix:/a\ntls none\n", "default@1: unix:/a:0 plain explicit_none" },
	{ "tls implicit with unix", "server unix:/a\ntls implicit\n", AT(2) "unix: has no TLS (line 1)" },
	{ "tls maybe", OURS "tls maybe\n",
	    AT(2) "bad value \"maybe\" for \"tls\": expected implicit, starttls, none, on or off" },
	{ "tls_trust_file", OURS "tls_trust_file /etc/ca.pem\n", OURS_IS " trust=/etc/ca.pem" },
	{ "tls_trust_file system", OURS "tls_trust_file system\n", OURS_IS },
	{ "tls_trust_file relative", OURS "tls_trust_file ca.pem\n",
	    AT(2) "bad value for \"tls_trust_file\": expected a path that begins with \"/\" or \"~/\"" },
	{ "tls_priorities", OURS "tls_priorities NORMAL:-VERS-TLS1.2\n", OURS_IS " priorities=NORMAL:-VERS-TLS1.2" },
	{ "tls_host", OURS "tls_host mx.example.org\n", OURS_IS " tls_host=mx.example.org" },
	{ "tls_host_override", MSMTPS "tls_host_override mx.example.org\n",
	    MSMTPS_IS " auth=off plain tls_host=mx.example.org" },
	{ "tls_certcheck off", OURS "tls_certcheck off\n", OURS_IS " unverified" },
	{ "tls_nocertcheck", MSMTPS "tls_nocertcheck\n", MSMTPS_IS " auth=off plain unverified" },
	{ "tls_nocertcheck with value", MSMTPS "tls_nocertcheck on\n", AT(2) "\"tls_nocertcheck\" takes no value" },

	/* the rest */
	{ "timeout", OURS "timeout 90\nconnect_timeout 5s\n", OURS_IS " timeout=90000 connect=5000" },
	{ "timeout in minutes", OURS "timeout 2m\nconnect_timeout 1h\n", OURS_IS " timeout=120000 connect=3600000" },
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
	{ "chunking on", OURS "chunking on\n", AT(2) "bad value \"on\" for \"chunking\": expected auto or never" },
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
	{ "log_file in the home", OURS "log_file ~/sendoff.log\n", OURS_IS " log=/home/me/sendoff.log" },
	{ "logfile -", MSMTPS "logfile -\n", AT(2) "\"logfile -\": nothing is logged to standard output" },
	{ "log_file and logfile", OURS "log_file /a\nlogfile /b\n", AT(3) "repeated key \"logfile\" (line 2)" },
	{ "syslog off", OURS "syslog off\n", OURS_IS " no_syslog" },
	{ "syslog facility", MSMTPS "syslog LOG_MAIL\n", MSMTPS_IS " auth=off plain" },
	{ "syslog wrong facility", MSMTPS "syslog LOG_KERN\n",
	    AT(2) "bad value \"LOG_KERN\" for \"syslog\": expected on, off, or a facility such as LOG_MAIL" },

	/* repeated */
	{ "repeated", OURS "user a\nuser b\n", AT(3) "repeated key \"user\" (line 2)" },
	{ "repeated, three times", OURS "user a\nuser b\nuser c\n", AT(4) "repeated key \"user\" (line 2)" },
	{ "repeated, msmtp", MSMTPS "user a\nuser b\nuser c\n",
	    MSMTPS_IS " user=c auth=off plain\n"
	    "warning: conf:4: repeated key \"user\": this line counts, not line 2" },
	{ "repeated in defaults", "defaults\nuser a\nuser b\naccount x\nserver smtps://mail.example.org\n",
	    "x@4: smtps:mail.example.org:465 user=b\n"
	    "warning: conf:3: repeated key \"user\": this line counts, not line 2" },
	{ "repeated, twice the host", "host a\nhost b\n",
	    "default@1: smtp:b:25 auth=off plain\n"
	    "warning: conf:2: repeated key \"host\": this line counts, not line 1" },

	/* msmtp */
	{ "host", MSMTPS, MSMTPS_IS " auth=off plain" },
	{ "host with port", MSMTPS "port 587\n", "default@1: smtp:mail.example.org:587 auth=off plain" },
	{ "host with tls", MSMTPS "tls on\n", MSMTPS_IS " auth=off starttls" },
	{ "host with bare tls", MSMTPS "tls\nauth\nsyslog\nuser me\n", MSMTPS_IS " user=me starttls" },
	{ "host with tls without starttls", MSMTPS "tls on\ntls_starttls off\n", OURS_IS " auth=off implicit" },
	{ "host with tls_nostarttls", MSMTPS "tls on\ntls_nostarttls\n", OURS_IS " auth=off implicit" },
	{ "host with tls without starttls, port", MSMTPS "tls on\ntls_starttls off\nport 587\n",
	    "default@1: smtps:mail.example.org:587 auth=off implicit" },
	{ "host with tls off", MSMTPS "tls off\n", MSMTPS_IS " auth=off plain" },
	{ "host with tls none", MSMTPS "tls none\n", MSMTPS_IS " auth=off plain explicit_none" },
	{ "host with tls implicit", MSMTPS "tls implicit\n", OURS_IS " auth=off implicit" },
	{ "host with tls starttls", MSMTPS "tls starttls\n", MSMTPS_IS " auth=off starttls" },
	{ "host contradicts itself", MSMTPS "tls starttls\ntls_starttls off\n",
	    AT(3) "\"tls\" and \"tls_starttls\" contradict each other (line 2)" },
	{ "host, tls off, tls_starttls on", MSMTPS "tls_starttls on\n", MSMTPS_IS " auth=off plain" },
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
	{ "protocol lmtp", MSMTPS "protocol lmtp\n",
	    AT(2) "this version cannot do \"protocol\", and without it LMTP would be taken for SMTP" },
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
	    "ntlmdomain\n"
	    "logfile_time_format %s\n"
	    "proxy_host\n"
	    "aliases\n",
	    MSMTPS_IS " auth=off plain" },
	{ "aliases", MSMTPS "aliases /etc/aliases\n",
	    AT(2) "this version cannot do \"aliases\", and without it mail to local names would go elsewhere" },
	{ "proxy_host", MSMTPS "proxy_host localhost\n",
	    AT(2) "this version cannot do \"proxy_host\", and without it the connection would go around the proxy" },
	{ "set_from_header on", MSMTPS "set_from_header on\n",
	    AT(2) "this version cannot do \"set_from_header\", and without it the message would keep its own From "
	    "header" },
	{ "allow_from_override off", MSMTPS "allow_from_override off\n",
	    AT(2) "this version cannot do \"allow_from_override\", and without it senders given with -f would be "
	    "used" },
	{ "undisclosed_recipients", MSMTPS "undisclosed_recipients\n",
	    AT(2) "this version cannot do \"undisclosed_recipients\", and without it To and Cc would be shown" },
	{ "tls_fingerprint", MSMTPS "tls_fingerprint 00:11\n",
	    AT(2) "this version cannot do \"tls_fingerprint\", and without it the certificate would not be "
	    "compared with it" },
	{ "dsn_notify", MSMTPS "dsn_notify failure\n",
	    AT(2) "this version cannot do \"dsn_notify\", and without it the reports asked for would not come" },
	{ "eval", MSMTPS "eval echo user me\n",
	    AT(2) "this version cannot do \"eval\", and without it the line it makes would be missing" },
	{ "socket", MSMTPS "socket /run/x\n",
	    AT(2) "this version cannot do \"socket\", and without it the connection would go elsewhere; write: "
	    "server unix:/PATH" },
	{ "key of a later version", OURS "password_env MAIL_PASSWORD\n",
	    AT(2) "this version cannot do \"password_env\", and without it there would be no password" },

	/* blocks */
	{ "account", "account work\nserver smtps://mail.example.org\n", "work@1: smtps:mail.example.org:465" },
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
	{ "default twice", OURS "account default\n", AT(2) "the account \"default\" is there already (line 1)" },
	{ "account without name", "account\n", AT(1) "\"account\" needs a value: a name" },
	{ "account of two words", "account my mail\n",
	    AT(1) "the name of an account is one word of UTF-8, without commas" },
	{ "account without parent's name", "account a :\n", AT(1) "the name of an account is missing behind \":\"" },
	{ "account inherits",
	    "account a\nserver smtps://mail.example.org\nuser me\nfrom a@b.example\naccount b : a\nfrom c@d.example\n",
	    "a@1: smtps:mail.example.org:465 user=me from=a@b.example\n"
	    "b@5: smtps:mail.example.org:465 user=me from=c@d.example" },
	{ "default is an account", "account a\nserver smtps://mail.example.org\naccount default : a\n",
	    "a@1: smtps:mail.example.org:465\n"
	    "default@3: smtps:mail.example.org:465" },
	{ "no space around the colon", "account a\nserver smtps://mail.example.org\naccount default:a\n",
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
	{ "grandparents", "account a\nserver smtps://mail.example.org\nuser x\naccount b : a\naccount c : b\n",
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
	parse_many(&got, "server unix:/", "x", 107, "\n");
	assert_string_equal(got.data, AT(1) "bad value for \"server\": the path of a socket has at most 107 octets");
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
	static struct CMUnitTest tests[ROWS + 4] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_accounts),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_no_secret_in_errors),
	};

	setenv("HOME", "/home/me", 1);
	for (size_t i = 0; i < ROWS; i++)
		tests[i + 4] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, &rows[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
