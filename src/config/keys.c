/* SPDX-License-Identifier: ISC */
#include "config/keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/home.h"
#include "config/secret.h"
#include "config/value.h"
#include "format/address.h"

typedef int setter(struct draft *, const struct key *, const struct value *, struct err *);

static setter set_server, set_host, set_port, set_text, set_password, set_password_file, set_password_command, set_auth;
static setter set_switch, set_from, set_address, set_tls, set_off, set_path, set_trust_file;
static setter set_duration, set_feature, set_size, set_log_file, set_syslog;

#define IN_DRAFT(member) offsetof(struct draft, member)
#define IN_ACCOUNT(member) offsetof(struct draft, account.member)

enum {
	SHOWN_MAX = 80,		/* octets of a wrong value that errors show */
	FROM_MAX = 256,		/* addresses and patterns an account can have */
};

#define A_TIME "a time such as 90, 90s, 10m, 2h or 5d, or off"
#define A_PATH "a path that begins with \"/\" or \"~/\""
#define A_TEXT "text in UTF-8"
#define A_COMMAND "a shell command"
#define A_DOMAIN "a domain name"
#define A_HOST "the name or the address of a server"
#define AN_URL "smtps://HOST[:PORT], smtp://HOST[:PORT] or unix:/PATH"

static const struct key keys[] = {
	{ { "server", "URL", "a server: " AN_URL "; repeated: tried in order" },
	    FIELD_SERVER, KEY_REPEATS | KEY_NO_ECHO, set_server, 0, NULL, AN_URL },
	{ { "host", "HOST", "a server in msmtp's manner, whose defaults then hold" },
	    FIELD_HOST, KEY_NO_ECHO, set_host, 0, value_is_host, A_HOST },
	{ { "port", "NUMBER", "the port of host" },
	    FIELD_PORT, 0, set_port, 0, NULL, "a number from 1 to 65535" },

	{ { "user", "NAME", "the login name" },
	    FIELD_USER, KEY_UNSETS, set_text, IN_ACCOUNT(user), value_is_text, A_TEXT },
	{ { "password", "PASSWORD", "the password itself" },
	    FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO | KEY_IS_SECRET, set_password, 0, NULL, "the password" },
	{ { "password_file", "FILE", "a file that holds the password" },
	    FIELD_SECRET, KEY_UNSETS, set_password_file, 0, NULL, A_PATH },
	{ { "password_command", "COMMAND", "a shell command that prints the password" },
	    FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO, set_password_command, 0, NULL, A_COMMAND },
	{ { "passwordeval", "COMMAND", "msmtp's name of password_command" },
	    FIELD_SECRET, KEY_UNSETS | KEY_NO_ECHO, set_password_command, 0, NULL, A_COMMAND },
	{ { "auth", "on|off|MECHANISM...", "whether and how to log in; mechanisms are tried in order" },
	    FIELD_AUTH, KEY_BARE_IS_ON, set_auth, 0, NULL,
	    "on, off, or some of plain, login, scram-sha-256, scram-sha-1" },
	{ { "insecure_auth", "yes|no", "log in even where no verified certificate tells who the server is" },
	    FIELD_INSECURE_AUTH, 0, set_switch, IN_ACCOUNT(insecure_auth), NULL, "yes or no" },

	{ { "from", "ADDRESS...", "addresses and patterns that this account sends for; the first is its own" },
	    FIELD_FROM, KEY_REPEATS | KEY_UNSETS, set_from, 0, NULL, "addresses, or patterns such as *@example.org" },
	{ { "full_name", "NAME", "the name in a From header that is added" },
	    FIELD_FULL_NAME, KEY_UNSETS, set_text, IN_ACCOUNT(full_name), value_is_text, A_TEXT },
	{ { "from_full_name", "NAME", "msmtp's name of full_name" },
	    FIELD_FULL_NAME, KEY_UNSETS, set_text, IN_ACCOUNT(full_name), value_is_text, A_TEXT },
	{ { "domain", "DOMAIN", "this machine's name for the server (EHLO)" },
	    FIELD_DOMAIN, KEY_UNSETS, set_text, IN_ACCOUNT(domain), value_is_ehlo,
	    A_DOMAIN " in ASCII, or an address in brackets" },
	{ { "local_domain", "DOMAIN", "the domain for addresses that have none" },
	    FIELD_LOCAL_DOMAIN, KEY_UNSETS, set_text, IN_ACCOUNT(local_domain), value_is_host, A_DOMAIN },
	{ { "maildomain", "DOMAIN", "msmtp's name of local_domain" },
	    FIELD_LOCAL_DOMAIN, KEY_UNSETS, set_text, IN_ACCOUNT(local_domain), value_is_host, A_DOMAIN },
	{ { "local_to", "ADDRESS", "where mail to local names goes" },
	    FIELD_LOCAL_TO, KEY_UNSETS, set_address, IN_ACCOUNT(local_to), NULL, "an address with a domain" },

	{ { "tls", "implicit|starttls|none", "how the connection is secured; also msmtp's on and off" },
	    FIELD_TLS, KEY_BARE_IS_ON, set_tls, 0, NULL, "implicit, starttls, none, on or off" },
	{ { "tls_starttls", "on|off", "msmtp: whether tls on means STARTTLS" },
	    FIELD_TLS_STARTTLS, KEY_BARE_IS_ON, set_switch, IN_DRAFT(starttls), NULL, "on or off" },
	{ { "tls_nostarttls", "", "msmtp: the same as tls_starttls off" },
	    FIELD_TLS_STARTTLS, KEY_NO_VALUE, set_off, IN_DRAFT(starttls), NULL, "" },
	{ { "tls_certcheck", "on|off", "msmtp: whether the server's certificate must be right" },
	    FIELD_TLS_CERTCHECK, KEY_BARE_IS_ON, set_switch, IN_ACCOUNT(tls_verify), NULL, "on or off" },
	{ { "tls_nocertcheck", "", "msmtp: the same as tls_certcheck off" },
	    FIELD_TLS_CERTCHECK, KEY_NO_VALUE, set_off, IN_ACCOUNT(tls_verify), NULL, "" },
	{ { "tls_trust_file", "FILE|system", "the certificates of the authorities to trust, PEM" },
	    FIELD_TLS_TRUST_FILE, KEY_UNSETS, set_trust_file, IN_ACCOUNT(tls_trust_file), NULL, A_PATH ", or system" },
	{ { "tls_priorities", "STRING", "GnuTLS priority string" },
	    FIELD_TLS_PRIORITIES, KEY_UNSETS, set_text, IN_ACCOUNT(tls_priorities), value_is_text, A_TEXT },
	{ { "tls_host", "HOST", "the name to expect in the server's certificate" },
	    FIELD_TLS_HOST, KEY_UNSETS, set_text, IN_ACCOUNT(tls_host), value_is_host, A_HOST },
	{ { "tls_host_override", "HOST", "msmtp's name of tls_host" },
	    FIELD_TLS_HOST, KEY_UNSETS, set_text, IN_ACCOUNT(tls_host), value_is_host, A_HOST },

	{ { "timeout", "TIME|off", "limit for handing a message over, without the time its content takes" },
	    FIELD_TIMEOUT, 0, set_duration, IN_ACCOUNT(timeout_ms), NULL, A_TIME },
	{ { "connect_timeout", "TIME|off", "limit for reaching the server" },
	    FIELD_CONNECT_TIMEOUT, 0, set_duration, IN_ACCOUNT(connect_timeout_ms), NULL, A_TIME },
	{ { "chunking", "auto|never", "use the server's CHUNKING extension" },
	    FIELD_CHUNKING, 0, set_feature, IN_ACCOUNT(chunking), NULL, "auto or never" },
	{ { "pipelining", "auto|never", "use the server's PIPELINING extension" },
	    FIELD_PIPELINING, 0, set_feature, IN_ACCOUNT(pipelining), NULL, "auto or never" },
	{ { "size_limit", "SIZE|off", "the largest message to send, in octets or with K, M or G" },
	    FIELD_SIZE_LIMIT, 0, set_size, IN_ACCOUNT(size_limit), NULL,
	    "a number of octets, or one with K, M or G behind it, or off" },
	{ { "log_file", "FILE", "a file for one line an attempt" },
	    FIELD_LOG_FILE, KEY_UNSETS, set_log_file, IN_ACCOUNT(log_file), NULL, A_PATH },
	{ { "logfile", "FILE", "msmtp's name of log_file" },
	    FIELD_LOG_FILE, KEY_UNSETS, set_log_file, IN_ACCOUNT(log_file), NULL, A_PATH },
	{ { "syslog", "on|off", "log to syslog too; msmtp's facility names mean on" },
	    FIELD_SYSLOG, KEY_BARE_IS_ON, set_syslog, IN_ACCOUNT(syslog), NULL,
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

static void *
target(struct draft *draft, const struct key *key)
{
	return (char *)draft + key->offset;
}

static int
expected(const struct key *key, struct span shown, struct err *err)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);

	if (shown.len > SHOWN_MAX)
		shown.len = SHOWN_MAX;
	text_printable(&text, shown, false);
	if ((key->flags & KEY_NO_ECHO) != 0)
		err_set(err, ERR_CONFIG, "bad value for \"%s\": expected %s", key->doc.name, key->expected);
	else
		err_set(err, ERR_CONFIG, "bad value \"%s\" for \"%s\": expected %s", text.data, key->doc.name,
		    key->expected);
	buf_release(&text);
	return -1;
}

static int
replace(char **at, struct span text, struct err *err)
{
	char *copy = span_dup(text);

	if (copy == NULL)
		return err_memory(err);
	free(*at);
	*at = copy;
	return 0;
}

static int
set_text(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!key->check(value->text))
		return expected(key, value->text, err);
	return replace(target(draft, key), value->text, err);
}

static int
set_server(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct server_url url;

	if (value_server(value->text, &url, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	return draft_add_server(draft, url.scheme, url.host, url.port, err);
}

static int
set_host(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!key->check(value->text))
		return expected(key, value->text, err);
	return replace(&draft->host, value_unbracket(value->text), err);
}

static int
set_port(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_port(value->text, &draft->port) ? 0 : expected(key, value->text, err);
}

static int
set_secret(struct draft *draft, enum secret_source source, struct span text, struct origin at, struct err *err)
{
	struct account *a = &draft->account;
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	buf_clear(&a->secret);
	buf_add(&a->secret, text.data, text.len);
	origin_add(&place, at);
	free(a->secret_origin);
	a->secret_origin = strdup(place.data);
	buf_release(&place);
	if (!buf_ok(&a->secret) || a->secret_origin == NULL)
		return err_memory(err);
	a->secret_source = source;
	return 0;
}

static int
set_password(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (value->text.len > SECRET_MAX)
		return err_set(err, ERR_CONFIG, "the %s is longer than %d octets", key->doc.name, SECRET_MAX);
	return set_secret(draft, SECRET_LITERAL, value->text, value->at, err);
}

static int
set_password_file(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	char *path;
	int result;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	result = set_secret(draft, SECRET_FILE, span_of(path), value->at, err);
	free(path);
	return result;
}

static int
set_password_command(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	(void)key;
	return set_secret(draft, SECRET_COMMAND, value->text, value->at, err);
}

struct mechanism {
	const char *name;
	bool supported;
};

static const struct mechanism mechanisms[] = {
	{ "PLAIN", true },
	{ "LOGIN", true },
	{ "SCRAM-SHA-256", true },
	{ "SCRAM-SHA-1", true },
	{ "SCRAM-SHA-256-PLUS", false },
	{ "SCRAM-SHA-1-PLUS", false },
	{ "CRAM-MD5", false },
	{ "DIGEST-MD5", false },
	{ "EXTERNAL", false },
	{ "GSSAPI", false },
	{ "NTLM", false },
	{ "OAUTHBEARER", false },
	{ "XOAUTH2", false },
};

static const struct mechanism *
find_mechanism(struct span name)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (span_is_nocase(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

static int
add_mechanism(struct draft *draft, const struct key *key, struct span word, struct err *err)
{
	const struct mechanism *mechanism = find_mechanism(word);
	const struct string_list *auth = &draft->account.auth;

	if (mechanism == NULL)
		return expected(key, word, err);
	if (!mechanism->supported)
		return err_set(err, ERR_CONFIG, "this version cannot log in with %s", mechanism->name);
	for (size_t i = 0; i < auth->count; i++)
		if (strcmp(auth->items[i], mechanism->name) == 0)
			return err_set(err, ERR_CONFIG, "%s is named twice", mechanism->name);
	return string_list_add(&draft->account.auth, span_of(mechanism->name), err);
}

static int
set_auth(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct span rest = value->text;
	struct span word = value_word(&rest);
	bool on;

	if (value_switch(value->text, &on)) {
		draft->account.auth_off = !on;
		return 0;
	}
	if (word.len == 0)
		return expected(key, value->text, err);
	for (; word.len > 0; word = value_word(&rest))
		if (add_mechanism(draft, key, word, err) == -1)
			return -1;
	return 0;
}

static int
set_switch(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_switch(value->text, target(draft, key)) ? 0 : expected(key, value->text, err);
}

/* The one mailbox that text is; NULL and no err where it is none. */
static int
parse_mailbox(struct span text, char **mailbox, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct err ignored;
	int result = 0;

	err_init(&ignored);
	*mailbox = NULL;
	if (address_parse(&list, text, ADDRESS_ONE, &ignored) == 0 && list.count == 1 && list.items[0].qualified) {
		*mailbox = strdup(list.items[0].mailbox);
		result = *mailbox == NULL ? err_memory(err) : 0;
	}
	address_list_release(&list);
	err_release(&ignored);
	return result;
}

static int
set_address(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	char **at = target(draft, key);
	char *mailbox;

	if (parse_mailbox(value->text, &mailbox, err) == -1)
		return -1;
	if (mailbox == NULL)
		return expected(key, value->text, err);
	free(*at);
	*at = mailbox;
	return 0;
}

/* "*", or something with one '@' in which nothing has to be quoted. */
static bool
is_pattern(struct span text)
{
	size_t ats = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '@')
			ats++;
		if (ascii_is_control(text.data[i]) || strchr(" \"(),:;<>[\\]", text.data[i]) != NULL)
			return false;
	}
	return utf8_valid(text) && (ats == 1 || span_is(text, "*"));
}

/* msmtp puts the user's name for %U and the host's for %H, %C and %M. */
static bool
has_substitution(struct span text)
{
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.data[i] == '%' && strchr("UHCM", text.data[i + 1]) != NULL)
			return true;
	return false;
}

static int
add_from(struct draft *draft, const struct key *key, struct span word, struct err *err)
{
	struct string_list *from = &draft->account.from;
	char *mailbox = NULL;
	int result;

	if (from->count == FROM_MAX)
		return err_set(err, ERR_CONFIG, "an account has at most %d addresses and patterns", FROM_MAX);
	if (has_substitution(word))
		return err_set(err, ERR_CONFIG, "this version cannot put names for %%U, %%H, %%C and %%M in \"%s\"",
		    key->doc.name);
	if (memchr(word.data, '*', word.len) != NULL)
		return is_pattern(word) ? string_list_add(from, word, err) : expected(key, word, err);
	if (parse_mailbox(word, &mailbox, err) == -1)
		return -1;
	if (mailbox == NULL)
		return expected(key, word, err);
	result = string_list_add(from, span_of(mailbox), err);
	free(mailbox);
	return result;
}

static int
set_from(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct span rest = value->text;
	struct span word = value_word(&rest);

	if (word.len == 0)
		return expected(key, value->text, err);
	for (; word.len > 0; word = value_word(&rest))
		if (add_from(draft, key, word, err) == -1)
			return -1;
	return 0;
}

static int
set_tls(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	static const char *const words[] = {
		[TLS_WORD_ON] = "on",
		[TLS_WORD_OFF] = "off",
		[TLS_WORD_IMPLICIT] = "implicit",
		[TLS_WORD_STARTTLS] = "starttls",
		[TLS_WORD_NONE] = "none",
	};

	for (enum tls_word word = TLS_WORD_ON; word <= TLS_WORD_NONE; word++)
		if (span_is_nocase(value->text, words[word])) {
			draft->tls = word;
			return 0;
		}
	return expected(key, value->text, err);
}

static int
set_off(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	bool *at = target(draft, key);

	(void)value;
	(void)err;
	*at = false;
	return 0;
}

static int
set_path(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	char **at = target(draft, key);
	char *path;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	free(*at);
	*at = path;
	return 0;
}

static int
set_trust_file(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (span_is(value->text, "system"))
		return 0;
	return set_path(draft, key, value, err);
}

static int
set_duration(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_duration(value->text, target(draft, key)) ? 0 : expected(key, value->text, err);
}

static int
set_feature(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	enum setting *at = target(draft, key);

	if (!span_is(value->text, "auto") && !span_is(value->text, "never"))
		return expected(key, value->text, err);
	*at = span_is(value->text, "never") ? SETTING_NEVER : SETTING_AUTO;
	return 0;
}

static int
set_size(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_size(value->text, target(draft, key)) ? 0 : expected(key, value->text, err);
}

static int
set_log_file(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	/* Callers take any octet on standard output for a failure, or for their own data. */
	if (span_is(value->text, "-"))
		return err_set(err, ERR_CONFIG, "\"%s -\": nothing is logged to standard output", key->doc.name);
	return set_path(draft, key, value, err);
}

static int
set_syslog(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	static const char *const facilities[] = {
		"LOG_MAIL", "LOG_USER", "LOG_LOCAL0", "LOG_LOCAL1", "LOG_LOCAL2", "LOG_LOCAL3", "LOG_LOCAL4",
		"LOG_LOCAL5", "LOG_LOCAL6", "LOG_LOCAL7",
	};

	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (span_is(value->text, facilities[i])) {
			draft->account.syslog = true;
			return 0;
		}
	return set_switch(draft, key, value, err);
}
