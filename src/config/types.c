/* SPDX-License-Identifier: ISC */
#include "config/types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/environment.h"
#include "config/keys.h"
#include "config/owned.h"
#include "config/secret.h"
#include "config/value.h"
#include "format/address.h"
#include "format/mechanism.h"
#include "net/tls.h"

enum {
	SHOWN_MAX = 80, /* octets of a wrong value that errors show */
	FROM_MAX = 256, /* addresses and patterns an account can have */
	PINS_MAX = 64,  /* … and fingerprints */
	SOCKS_PORT = 1080,
	RETRY_MAX_S = 7 * 86400,
	RATE_MAX = 1000000, /* messages a minute */
};

static void *
at(void *base, size_t place)
{
	return (char *)base + place;
}

/* Appends what the key expects for a value, as errors say it. */
static void
add_expected(struct buf *out, const struct key *key)
{
	struct span rest = span_of(key->form);

	if (key->expected != NULL || key->type->expected != NULL) {
		buf_adds(out, key->expected != NULL ? key->expected : key->type->expected);
		return;
	}
	if (key->limit != 0) {
		buf_addf(out, "a number from 1 to %u", key->limit);
		return;
	}
	while (rest.len > 0) {
		struct span word = span_cut(&rest, '|');

		buf_add(out, word.data, word.len);
		if (rest.len > 0)
			buf_adds(out, memchr(rest.data, '|', rest.len) != NULL ? ", " : " or ");
	}
}

static int
expected(const struct value *value, struct span shown, struct err *err)
{
	const struct key *key = value->key;
	struct buf text = BUF_INIT(ERR_TEXT_MAX), form = BUF_INIT(ERR_TEXT_MAX);

	if (shown.len > SHOWN_MAX)
		shown.len = SHOWN_MAX;
	text_printable(&text, shown, false);
	add_expected(&form, key);
	if ((key->flags & KEY_NO_ECHO) != 0)
		err_set(err, ERR_CONFIG, "bad value for \"%s\": expected %s", key->name, form.data);
	else
		err_set(err, ERR_CONFIG, "bad value \"%s\" for \"%s\": expected %s", text.data,
		    key->name, form.data);
	buf_release(&text);
	buf_release(&form);
	return -1;
}

/* 0 where the value is right, else an error that says what is. */
static int
expect(const struct value *value, bool right, struct err *err)
{
	return right ? 0 : expected(value, value->text, err);
}

int
type_set(struct draft *draft, const struct key *key, struct span text, struct origin origin,
    struct err *err)
{
	struct value value = { key, text, origin, draft, at(draft, key->place) };
	struct buf form = BUF_INIT(ERR_TEXT_MAX);

	if (text.len > 0 && (key->flags & KEY_NO_VALUE) != 0)
		return err_set(err, ERR_CONFIG, "\"%s\" takes no value", key->name);
	if (text.len == 0 && (key->flags & KEY_BARE_IS_ON) != 0)
		value.text = span_of("on");
	if (value.text.len > 0 || (key->flags & KEY_NO_VALUE) != 0)
		return key->type->set(&value, err);
	add_expected(&form, key);
	err_set(err, ERR_CONFIG, "\"%s\" needs a value: %s", key->name, form.data);
	buf_release(&form);
	return -1;
}

static void
free_string(void *base, size_t place)
{
	char **string = at(base, place);

	free(*string);
	*string = NULL;
}

static void
free_list(void *base, size_t place)
{
	string_list_release(at(base, place));
}

/* Texts */

static int
replace(char **string, struct span text, struct err *err)
{
	char *copy = span_dup(text);

	if (copy == NULL)
		return err_memory(err);
	free(*string);
	*string = copy;
	return 0;
}

static int
set_text(const struct value *value, struct err *err)
{
	if (!value->key->type->fits(value->text))
		return expected(value, value->text, err);
	return replace(value->place, value->text, err);
}

const struct type type_text = { set_text, free_string, value_is_text, "text in UTF-8" };
const struct type type_host = { set_text, free_string, value_is_host,
	"the name or the address of a server" };
const struct type type_ehlo = { set_text, free_string, value_is_ehlo,
	"a domain name in ASCII, or an address in brackets" };
const struct type type_ip = { set_text, free_string, value_is_ip, "an IPv4 or IPv6 address" };

static int
set_bare_host(const struct value *value, struct err *err)
{
	if (!value_is_host(value->text))
		return expected(value, value->text, err);
	return replace(value->place, value_unbracket(value->text), err);
}

const struct type type_bare_host = { set_bare_host, free_string, NULL,
	"the name or the address of a server" };

/* The one mailbox that text is; NULL and no err where it is none. */
static int
parse_mailbox(struct span text, char **mailbox, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct err ignored;
	int result = 0;

	err_init(&ignored);
	*mailbox = NULL;
	if (address_parse(&list, text, ADDRESS_ONE, &ignored) == 0 && list.count == 1 &&
	    list.items[0].qualified) {
		*mailbox = strdup(list.items[0].mailbox);
		result = *mailbox == NULL ? err_memory(err) : 0;
	}
	address_list_release(&list);
	err_release(&ignored);
	return result;
}

static int
set_address(const struct value *value, struct err *err)
{
	char **string = value->place, *mailbox;

	if (parse_mailbox(value->text, &mailbox, err) == -1)
		return -1;
	if (mailbox == NULL)
		return expected(value, value->text, err);
	free(*string);
	*string = mailbox;
	return 0;
}

const struct type type_address = { set_address, free_string, NULL, "an address with a domain" };

/* Paths */

static int
set_path(const struct value *value, struct err *err)
{
	char **string = value->place, *path;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", value->key->name);
	free(*string);
	*string = path;
	return 0;
}

/* A file, or a name in a token (RFC 7512). */
static int
set_path_or_url(const struct value *value, struct err *err)
{
	if (!span_starts_nocase(value->text, "pkcs11:"))
		return set_path(value, err);
	if (!value_is_text(value->text))
		return expected(value, value->text, err);
	return replace(value->place, value->text, err);
}

static int
set_path_or_default(const struct value *value, struct err *err)
{
	if (span_is(value->text, strchr(value->key->form, '|') + 1))
		return 0;
	return set_path(value, err);
}

static int
set_aliases(const struct value *value, struct err *err)
{
	/* An empty name: no aliases, not even the system's.  NULL means that nothing was said. */
	if (span_is(value->text, "off"))
		return replace(value->place, span_of(""), err);
	return set_path(value, err);
}

static int
set_log_file(const struct value *value, struct err *err)
{
	/* Callers take any octet on standard output for a failure, or for their own data. */
	if (span_is(value->text, "-"))
		return err_set(err, ERR_CONFIG, "\"%s -\": nothing is logged to standard output",
		    value->key->name);
	return set_path(value, err);
}

#define A_PATH "a path that begins with \"/\" or \"~/\""

const struct type type_path = { set_path, free_string, NULL, A_PATH };
const struct type type_path_or_url = { set_path_or_url, free_string, NULL,
	A_PATH ", or a pkcs11: URL" };
const struct type type_path_or_default = { set_path_or_default, free_string, NULL, A_PATH };
const struct type type_aliases = { set_aliases, free_string, NULL, A_PATH ", or off" };
const struct type type_log_file = { set_log_file, free_string, NULL, A_PATH };

/* Words */

static int
set_switch(const struct value *value, struct err *err)
{
	return expect(value, value_switch(value->text, value->place), err);
}

static int
set_off(const struct value *value, struct err *err)
{
	(void)value;
	(void)err;
	*(bool *)value->place = false;
	return 0;
}

/* The number of the word among those of the key's form, from 0. */
static int
find_word(const struct value *value, unsigned *number, struct err *err)
{
	const struct key *key = value->key;
	struct span rest = span_of(key->form), text = value->text;

	for (*number = 0; rest.len > 0; ++*number) {
		struct span word = span_cut(&rest, '|');

		if (span_equal_nocase(word, text) &&
		    ((key->flags & KEY_ANY_CASE) != 0 ||
			memcmp(word.data, text.data, text.len) == 0))
			return 0;
	}
	return expected(value, text, err);
}

static_assert(sizeof(enum delivery_when) == sizeof(unsigned), "enums are stored as unsigned");

static int
set_word(const struct value *value, struct err *err)
{
	return find_word(value, value->place, err);
}

static int
set_either(const struct value *value, struct err *err)
{
	unsigned number;

	if (find_word(value, &number, err) == -1)
		return -1;
	*(bool *)value->place = number == 1;
	return 0;
}

/* msmtp names the facility. */
static int
set_syslog(const struct value *value, struct err *err)
{
	static const char *const facilities[] = { "LOG_MAIL", "LOG_USER", "LOG_LOCAL0",
		"LOG_LOCAL1", "LOG_LOCAL2", "LOG_LOCAL3", "LOG_LOCAL4", "LOG_LOCAL5", "LOG_LOCAL6",
		"LOG_LOCAL7" };

	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (span_is(value->text, facilities[i])) {
			value->draft->account.syslog = true;
			return 0;
		}
	return set_switch(value, err);
}

const struct type type_switch = { set_switch, NULL, NULL, NULL };
const struct type type_off = { set_off, NULL, NULL, NULL };
const struct type type_word = { set_word, NULL, NULL, NULL };
const struct type type_either = { set_either, NULL, NULL, NULL };
const struct type type_syslog = { set_syslog, NULL, NULL,
	"on, off, or a facility such as LOG_MAIL" };

/* Numbers and times */

static int
set_count(const struct value *value, struct err *err)
{
	return expect(value, value_count(value->text, value->key->limit, value->place), err);
}

static int
set_size(const struct value *value, struct err *err)
{
	return expect(value, value_size(value->text, value->place), err);
}

static int
set_time(const struct value *value, struct err *err)
{
	return expect(value, value_duration(value->text, value->place), err);
}

static int
set_wait(const struct value *value, struct err *err)
{
	if (set_time(value, err) == 0)
		return 0;
	/* Who writes 0 does not want to wait at all, most likely. */
	return value->text.data[0] == '0' ? err_hint(err, "without waiting: delivery background") :
					    -1;
}

static int
set_period(const struct value *value, struct err *err)
{
	int64_t ms;

	if (!value_duration(value->text, &ms) || ms < (int64_t)value->key->limit * 1000)
		return expected(value, value->text, err);
	*(int64_t *)value->place = ms / 1000;
	return 0;
}

static int
set_retry(const struct value *value, struct err *err)
{
	int64_t min_s, max_s;

	if (!value_range(value->text, &min_s, &max_s) || max_s > RETRY_MAX_S)
		return expected(value, value->text, err);
	value->draft->account.retry_min_s = min_s;
	value->draft->account.retry_max_s = max_s;
	return 0;
}

/* "30m", or "30m return": late mail comes back (the default), or its sender is only told. */
static int
set_deliver_by(const struct value *value, struct err *err)
{
	struct span rest = value->text;
	struct span time = value_word(&rest);
	int64_t ms;

	rest = span_trim(rest);
	if (!value_duration(time, &ms) || ms < 0 ||
	    (rest.len > 0 && !span_is(rest, "return") && !span_is(rest, "notify")))
		return expected(value, value->text, err);
	value->draft->account.deliver_by_s = ms / 1000;
	value->draft->account.deliver_by_return = !span_is(rest, "notify");
	return 0;
}

/* -9 to 9 (RFC 6710). */
static int
set_priority(const struct value *value, struct err *err)
{
	struct span text = value->text;
	bool negative = text.len > 0 && text.data[0] == '-';

	text.data += negative;
	text.len -= negative;
	if (text.len != 1 || !ascii_is_digit(text.data[0]))
		return expected(value, value->text, err);
	value->draft->account.has_priority = true;
	value->draft->account.mt_priority = negative ? '0' - text.data[0] : text.data[0] - '0';
	return 0;
}

/* "30/min", "30" or "off". */
static int
set_rate(const struct value *value, struct err *err)
{
	struct span unit = value->text;
	struct span number = span_cut(&unit, '/');
	bool has_unit = number.len < value->text.len;
	unsigned *rate = &value->draft->account.rate;

	if (span_is_nocase(value->text, "off"))
		*rate = 0;
	else if ((has_unit && !span_is_nocase(unit, "min")) || !value_count(number, RATE_MAX, rate))
		return expected(value, value->text, err);
	return 0;
}

const struct type type_count = { set_count, NULL, NULL, NULL };
const struct type type_size = { set_size, NULL, NULL,
	"a number of octets, or one with K, M or G behind it, or off" };
const struct type type_time = { set_time, NULL, NULL,
	"a time such as 90, 90s, 10m, 2h or 5d, or off" };
const struct type type_wait = { set_wait, NULL, NULL,
	"a time such as 90, 90s, 10m, 2h or 5d, or off" };
const struct type type_period = { set_period, NULL, NULL, "a time such as 90, 90s, 10m, 2h or 5d" };
const struct type type_retry = { set_retry, NULL, NULL,
	"a time, or two as in 1m..1h, from 1s to 7d" };
const struct type type_deliver_by = { set_deliver_by, NULL, NULL,
	"a time, and return or notify behind it" };
const struct type type_priority = { set_priority, NULL, NULL, "a number from -9 to 9" };
const struct type type_rate = { set_rate, NULL, NULL,
	"a number of messages such as 30/min, or off" };

/* Server and proxy */

static int
set_server(const struct value *value, struct err *err)
{
	struct server_url url;

	if (value_server(value->text, &url, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", value->key->name);
	return draft_add_server(value->draft, url.scheme, url.host, url.port, err);
}

static void
free_servers(void *base, size_t place)
{
	struct account *a = base;

	(void)place;
	for (size_t i = 0; i < a->server_count; i++)
		free(a->servers[i].host);
	free(a->servers);
	a->servers = NULL;
	a->server_count = 0;
}

const struct type type_server = { set_server, free_servers, NULL,
	"smtps://HOST[:PORT], smtp://HOST[:PORT], unix:/PATH, lmtp://HOST:PORT or lmtp:/PATH" };

/* Where a password stands, nobody else may be able to read. */
static int
check_private(const struct value *value, struct err *err)
{
	struct buf path = BUF_INIT(ERR_TEXT_MAX);

	if (value->at.file->is_private)
		return 0;
	shell_word(&path, value->at.file->name);
	err_set(err, ERR_CONFIG, "a password stands here, and others can read the file");
	err_hint(err, "chmod 600 %s", path.data);
	buf_release(&path);
	return -1;
}

/* A part of a URL as it is meant. */
static int
replace_unescaped(char **string, struct span text, const struct value *value, struct err *err)
{
	struct buf plain = BUF_INIT_SECRET(CONFIG_LINE_MAX);
	int result;

	if (!value_unescape(text, &plain))
		result = expected(value, text, err);
	else if (!buf_ok(&plain))
		result = err_memory(err);
	else
		result = replace(string, (struct span){ plain.data, plain.len }, err);
	buf_release(&plain);
	return result;
}

static int
set_proxy(const struct value *value, struct err *err)
{
	struct account *a = &value->draft->account;
	struct proxy_url url;

	if (!value_proxy(value->text, &url))
		return expected(value, value->text, err);
	if (url.password.len > 0 && check_private(value, err) == -1)
		return -1;
	a->proxy = url.kind;
	a->proxy_port = url.port;
	value->draft->proxy_is_url = true;
	if (replace(&a->proxy_host, url.host, err) == -1)
		return -1;
	if (url.user.len == 0)
		return 0;
	if (replace_unescaped(&a->proxy_user, url.user, value, err) == -1)
		return -1;
	return replace_unescaped(&a->proxy_password, url.password, value, err);
}

/* msmtp's proxies are SOCKS5. */
static int
set_proxy_host(const struct value *value, struct err *err)
{
	value->draft->account.proxy = PROXY_SOCKS5;
	value->draft->account.proxy_port = SOCKS_PORT;
	return set_bare_host(value, err);
}

static void
free_proxy(void *base, size_t place)
{
	struct account *a = base;

	free_string(base, place);
	free(a->proxy_user);
	a->proxy_user = NULL;
	if (a->proxy_password != NULL)
		wipe(a->proxy_password, strlen(a->proxy_password));
	free(a->proxy_password);
	a->proxy_password = NULL;
}

const struct type type_proxy = { set_proxy, free_proxy, NULL,
	"socks5://[USER:PASSWORD@]HOST[:PORT] or http://[USER:PASSWORD@]HOST[:PORT]" };
const struct type type_proxy_host = { set_proxy_host, free_proxy, NULL,
	"the name or the address of a server" };

/* Login */

static int
set_secret(const struct value *value, enum secret_source source, struct span text, struct err *err)
{
	struct account *a = &value->draft->account;
	struct buf place = BUF_INIT(ERR_TEXT_MAX);
	int result;

	buf_clear(&a->secret);
	buf_add(&a->secret, text.data, text.len);
	origin_add(&place, value->at);
	a->secret_source = source;
	result = buf_ok(&a->secret) ? replace(&a->secret_origin, span_of(place.data), err) :
				      err_memory(err);
	buf_release(&place);
	return result;
}

static int
set_password(const struct value *value, struct err *err)
{
	if (check_private(value, err) == -1)
		return -1;
	if (value->text.len > SECRET_MAX)
		return err_set(err, ERR_CONFIG, "the %s is longer than %d octets", value->key->name,
		    SECRET_MAX);
	return set_secret(value, SECRET_LITERAL, value->text, err);
}

static int
set_password_file(const struct value *value, struct err *err)
{
	char *path;
	int result;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", value->key->name);
	result = set_secret(value, SECRET_FILE, span_of(path), err);
	free(path);
	return result;
}

static int
set_password_command(const struct value *value, struct err *err)
{
	return set_secret(value, SECRET_COMMAND, value->text, err);
}

static int
set_token_command(const struct value *value, struct err *err)
{
	return set_secret(value, SECRET_TOKEN, value->text, err);
}

static void
free_secret(void *base, size_t place)
{
	struct account *a = base;

	buf_release(at(base, place));
	free(a->secret_origin);
	a->secret_origin = NULL;
}

const struct type type_password = { set_password, free_secret, NULL, "the password" };
const struct type type_password_file = { set_password_file, free_secret, NULL, A_PATH };
const struct type type_password_command = { set_password_command, free_secret, NULL,
	"a shell command" };
const struct type type_token_command = { set_token_command, free_secret, NULL, "a shell command" };

static int
set_auth(const struct value *value, struct err *err)
{
	struct string_list *auth = &value->draft->account.auth;
	struct span rest = value->text;
	bool on;

	if (value_switch(value->text, &on)) {
		value->draft->account.auth_off = !on;
		return 0;
	}
	for (struct span word = value_word(&rest); word.len > 0; word = value_word(&rest)) {
		const struct mechanism *mechanism = mechanism_find(word);

		if (mechanism == NULL)
			return expected(value, word, err);
		for (size_t i = 0; i < auth->count; i++)
			if (strcmp(auth->items[i], mechanism->name) == 0)
				return err_set(err, ERR_CONFIG, "%s is named twice",
				    mechanism->name);
		if (string_list_add(auth, span_of(mechanism->name), err) == -1)
			return -1;
	}
	return auth->count == 0 ? expected(value, value->text, err) : 0;
}

const struct type type_auth = { set_auth, free_list, NULL,
	"on, off, or some of plain, login, cram-md5, scram-sha-256, scram-sha-1, scram-sha-256-plus, scram-sha-1-plus, "
	"external, oauthbearer, xoauth2, gssapi, digest-md5, ntlm" };

/* Lists */

/* "*", or something with one '@' in which nothing has to be quoted. */
static bool
is_pattern(struct span text)
{
	size_t ats = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '@')
			ats++;
		if (ascii_is_control(text.data[i]) ||
		    strchr(" \"(),:;<>[\\]", text.data[i]) != NULL)
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
add_from(const struct value *value, struct span word, struct err *err)
{
	struct string_list *from = value->place;
	char *mailbox = NULL;
	int result;

	if (from->count == FROM_MAX)
		return err_set(err, ERR_CONFIG, "an account has at most %d addresses and patterns",
		    FROM_MAX);
	if (has_substitution(word))
		return err_set(err, ERR_CONFIG,
		    "this version cannot put names for %%U, %%H, %%C and %%M in \"%s\"",
		    value->key->name);
	if (memchr(word.data, '*', word.len) != NULL)
		return is_pattern(word) ? string_list_add(from, word, err) :
					  expected(value, word, err);
	if (parse_mailbox(word, &mailbox, err) == -1)
		return -1;
	if (mailbox == NULL)
		return expected(value, word, err);
	result = string_list_add(from, span_of(mailbox), err);
	free(mailbox);
	return result;
}

static int
set_from(const struct value *value, struct err *err)
{
	struct span rest = value->text;
	struct span word = value_word(&rest);

	if (word.len == 0)
		return expected(value, value->text, err);
	for (; word.len > 0; word = value_word(&rest))
		if (add_from(value, word, err) == -1)
			return -1;
	return 0;
}

static int
set_fingerprint(const struct value *value, struct err *err)
{
	struct string_list *pins = value->place;
	char *text = span_dup(value->text);
	bool valid = text != NULL && tls_pin_is_valid(text);

	free(text);
	if (!valid)
		return expected(value, value->text, err);
	if (pins->count == PINS_MAX)
		return err_set(err, ERR_CONFIG, "an account has at most %d fingerprints", PINS_MAX);
	return string_list_add(pins, value->text, err);
}

const struct type type_from = { set_from, free_list, NULL,
	"addresses, or patterns such as *@example.org" };
const struct type type_fingerprint = { set_fingerprint, free_list, NULL,
	"sha256//BASE64 of a key, or a certificate's SHA-256 or SHA-1 in hexadecimal" };
