/* SPDX-License-Identifier: ISC */
#include "config/setters.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/home.h"
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
	EXPIRE_MIN_MS = 60000,
	RETRY_MAX_S = 7 * 86400,
	CONNECTIONS_MAX = 20,
	RATE_MAX = 1000000, /* messages a minute */
};

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
		err_set(err, ERR_CONFIG, "bad value for \"%s\": expected %s", key->doc.name,
		    key->expected);
	else
		err_set(err, ERR_CONFIG, "bad value \"%s\" for \"%s\": expected %s", text.data,
		    key->doc.name, key->expected);
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

int
set_text(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!key->check(value->text))
		return expected(key, value->text, err);
	return replace(target(draft, key), value->text, err);
}

int
set_server(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct server_url url;

	if (value_server(value->text, &url, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	return draft_add_server(draft, url.scheme, url.host, url.port, err);
}

int
set_host(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!key->check(value->text))
		return expected(key, value->text, err);
	return replace(&draft->host, value_unbracket(value->text), err);
}

int
set_port(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_port(value->text, target(draft, key)) ? 0 : expected(key, value->text, err);
}

/* Where a password stands, nobody else may be able to read. */
static int
check_private(const struct value *value, struct err *err)
{
	struct buf path = BUF_INIT(ERR_TEXT_MAX);

	if (value->at.source->is_private)
		return 0;
	shell_word(&path, value->at.source->name);
	err_set(err, ERR_CONFIG, "a password stands here, and others can read the file");
	err_hint(err, "chmod 600 %s", path.data);
	buf_release(&path);
	return -1;
}

static int
set_secret(struct draft *draft, enum secret_source source, struct span text, struct origin at,
    struct err *err)
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

int
set_password(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (check_private(value, err) == -1)
		return -1;
	if (value->text.len > SECRET_MAX)
		return err_set(err, ERR_CONFIG, "the %s is longer than %d octets", key->doc.name,
		    SECRET_MAX);
	return set_secret(draft, SECRET_LITERAL, value->text, value->at, err);
}

int
set_password_file(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	char *path;
	int result;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	result = set_secret(draft, SECRET_FILE, span_of(path), value->at, err);
	free(path);
	return result;
}

int
set_password_command(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	(void)key;
	return set_secret(draft, SECRET_COMMAND, value->text, value->at, err);
}

static int
add_mechanism(struct draft *draft, const struct key *key, struct span word, struct err *err)
{
	const struct mechanism *mechanism = mechanism_find(word);
	const struct string_list *auth = &draft->account.auth;

	if (mechanism == NULL)
		return expected(key, word, err);
	for (size_t i = 0; i < auth->count; i++)
		if (strcmp(auth->items[i], mechanism->name) == 0)
			return err_set(err, ERR_CONFIG, "%s is named twice", mechanism->name);
	return string_list_add(&draft->account.auth, span_of(mechanism->name), err);
}

int
set_token_command(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	(void)key;
	return set_secret(draft, SECRET_TOKEN, value->text, value->at, err);
}

int
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

int
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
	if (address_parse(&list, text, ADDRESS_ONE, &ignored) == 0 && list.count == 1 &&
	    list.items[0].qualified) {
		*mailbox = strdup(list.items[0].mailbox);
		result = *mailbox == NULL ? err_memory(err) : 0;
	}
	address_list_release(&list);
	err_release(&ignored);
	return result;
}

int
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
add_from(struct draft *draft, const struct key *key, struct span word, struct err *err)
{
	struct string_list *from = &draft->account.from;
	char *mailbox = NULL;
	int result;

	if (from->count == FROM_MAX)
		return err_set(err, ERR_CONFIG, "an account has at most %d addresses and patterns",
		    FROM_MAX);
	if (has_substitution(word))
		return err_set(err, ERR_CONFIG,
		    "this version cannot put names for %%U, %%H, %%C and %%M in \"%s\"",
		    key->doc.name);
	if (memchr(word.data, '*', word.len) != NULL)
		return is_pattern(word) ? string_list_add(from, word, err) :
					  expected(key, word, err);
	if (parse_mailbox(word, &mailbox, err) == -1)
		return -1;
	if (mailbox == NULL)
		return expected(key, word, err);
	result = string_list_add(from, span_of(mailbox), err);
	free(mailbox);
	return result;
}

int
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

int
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

int
set_off(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	bool *at = target(draft, key);

	(void)value;
	(void)err;
	*at = false;
	return 0;
}

int
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

/* A file, or a name in a token (RFC 7512). */
int
set_path_or_url(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	if (span_starts_nocase(value->text, "pkcs11:"))
		return set_text(draft, key, value, err);
	return set_path(draft, key, value, err);
}

int
set_tls_min(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!span_is(value->text, "1.2") && !span_is(value->text, "1.3"))
		return expected(key, value->text, err);
	draft->account.tls_only13 = span_is(value->text, "1.3");
	return 0;
}

int
set_fingerprint(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	struct string_list *pins = &draft->account.tls_fingerprints;
	char *text = span_dup(value->text);
	bool valid = text != NULL && tls_pin_is_valid(text);

	free(text);
	if (!valid)
		return expected(key, value->text, err);
	if (pins->count == PINS_MAX)
		return err_set(err, ERR_CONFIG, "an account has at most %d fingerprints", PINS_MAX);
	return string_list_add(pins, value->text, err);
}

int
set_trust_file(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	if (span_is(value->text, "system"))
		return 0;
	return set_path(draft, key, value, err);
}

int
set_duration(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_duration(value->text, target(draft, key)) ? 0 :
								 expected(key, value->text, err);
}

int
set_feature(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	enum setting *at = target(draft, key);

	if (!span_is(value->text, "auto") && !span_is(value->text, "never"))
		return expected(key, value->text, err);
	*at = span_is(value->text, "never") ? SETTING_NEVER : SETTING_AUTO;
	return 0;
}

/* "30m", or "30m return": late mail comes back (the default), or its sender is only told. */
int
set_deliver_by(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	struct span rest = value->text;
	struct span time = value_word(&rest);
	int64_t ms;

	rest = span_trim(rest);
	if (!value_duration(time, &ms) || ms < 0 ||
	    (rest.len > 0 && !span_is(rest, "return") && !span_is(rest, "notify")))
		return expected(key, value->text, err);
	draft->account.deliver_by_s = ms / 1000;
	draft->account.deliver_by_return = !span_is(rest, "notify");
	return 0;
}

int
set_hold(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	int64_t ms;

	if (!value_duration(value->text, &ms) || ms < 0)
		return expected(key, value->text, err);
	draft->account.hold_for_s = ms / 1000;
	return 0;
}

/* -9 to 9 (RFC 6710). */
int
set_priority(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct span text = value->text;
	bool negative = text.len > 0 && text.data[0] == '-';

	text.data += negative;
	text.len -= negative;
	if (text.len != 1 || !ascii_is_digit(text.data[0]))
		return expected(key, value->text, err);
	draft->account.has_priority = true;
	draft->account.mt_priority = negative ? '0' - text.data[0] : text.data[0] - '0';
	return 0;
}

/* A part of a URL as it is meant. */
static int
replace_unescaped(char **at, struct span text, const struct key *key, struct err *err)
{
	struct buf plain = BUF_INIT_SECRET(SOURCE_LINE_MAX);
	int result;

	if (!value_unescape(text, &plain))
		result = expected(key, text, err);
	else
		result = buf_ok(&plain) ? replace(at, (struct span){ plain.data, plain.len }, err) :
					  err_memory(err);
	buf_release(&plain);
	return result;
}

int
set_proxy(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct account *a = &draft->account;
	struct proxy_url url;

	if (!value_proxy(value->text, &url))
		return expected(key, value->text, err);
	if (url.password.len > 0 && check_private(value, err) == -1)
		return -1;
	a->proxy = url.kind;
	a->proxy_port = url.port;
	draft->proxy_is_url = true;
	if (replace(&a->proxy_host, url.host, err) == -1)
		return -1;
	if (url.user.len == 0)
		return 0;
	return replace_unescaped(&a->proxy_user, url.user, key, err) == -1 ?
	    -1 :
	    replace_unescaped(&a->proxy_password, url.password, key, err);
}

/* msmtp's proxies are SOCKS5. */
int
set_proxy_host(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	struct account *a = &draft->account;

	if (!key->check(value->text))
		return expected(key, value->text, err);
	a->proxy = PROXY_SOCKS5;
	a->proxy_port = SOCKS_PORT;
	return replace(&a->proxy_host, value_unbracket(value->text), err);
}

int
set_protocol(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (!span_is(value->text, "smtp") && !span_is(value->text, "lmtp"))
		return expected(key, value->text, err);
	draft->lmtp = span_is(value->text, "lmtp");
	return 0;
}

int
set_socket(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	char *path;
	int result;

	if (home_expand(value->text, &path, err) == -1)
		return err_wrap(err, "bad value for \"%s\"", key->doc.name);
	result = replace(&draft->socket, span_of(path), err);
	free(path);
	return result;
}

int
set_size(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	return value_size(value->text, target(draft, key)) ? 0 : expected(key, value->text, err);
}

int
set_queue_dir(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	return span_is(value->text, "none") ? 0 : set_path(draft, key, value, err);
}

int
set_delivery(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	static const char *const words[] = {
		[DELIVERY_NOW] = "now",
		[DELIVERY_BACKGROUND] = "background",
		[DELIVERY_QUEUE] = "queue",
	};

	for (enum delivery_when when = DELIVERY_NOW; when <= DELIVERY_QUEUE; when++)
		if (span_is(value->text, words[when])) {
			draft->account.delivery = when;
			return 0;
		}
	return expected(key, value->text, err);
}

int
set_rewrite_from(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	static const char *const words[] = {
		[REWRITE_AUTO] = "auto",
		[REWRITE_ALWAYS] = "always",
		[REWRITE_NEVER] = "never",
	};

	for (enum rewrite_from how = REWRITE_AUTO; how <= REWRITE_NEVER; how++)
		if (span_is(value->text, words[how])) {
			draft->account.rewrite_from = how;
			return 0;
		}
	return expected(key, value->text, err);
}

int
set_wait(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	if (set_duration(draft, key, value, err) == 0)
		return 0;
	/* Somebody who does not want to wait at all, most likely. */
	return value->text.data[0] == '0' ? err_hint(err, "without waiting: delivery background") :
					    -1;
}

int
set_expire(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	int64_t ms;

	if (!value_duration(value->text, &ms) || ms < EXPIRE_MIN_MS)
		return expected(key, value->text, err);
	draft->account.expire_s = ms / 1000;
	return 0;
}

int
set_retry(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	int64_t min_s, max_s;

	if (!value_range(value->text, &min_s, &max_s) || max_s > RETRY_MAX_S)
		return expected(key, value->text, err);
	draft->account.retry_min_s = min_s;
	draft->account.retry_max_s = max_s;
	return 0;
}

int
set_connections(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err)
{
	unsigned *at = &draft->account.connections;

	return value_count(value->text, CONNECTIONS_MAX, at) ? 0 : expected(key, value->text, err);
}

/* "30/min", "30" or "off". */
int
set_rate(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	struct span unit = value->text;
	struct span number = span_cut(&unit, '/');

	if (span_is_nocase(value->text, "off")) {
		draft->account.rate = 0;
		return 0;
	}
	if (number.len < value->text.len && !span_is_nocase(unit, "min"))
		return expected(key, value->text, err);
	return value_count(number, RATE_MAX, &draft->account.rate) ?
	    0 :
	    expected(key, value->text, err);
}

int
set_log_file(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	/* Callers take any octet on standard output for a failure, or for their own data. */
	if (span_is(value->text, "-"))
		return err_set(err, ERR_CONFIG, "\"%s -\": nothing is logged to standard output",
		    key->doc.name);
	return set_path(draft, key, value, err);
}

int
set_aliases(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	/* Nothing, not even the system's: that must be kept apart from no word about it. */
	if (span_is(value->text, "off"))
		return replace(target(draft, key), span_of(""), err);
	return set_path(draft, key, value, err);
}

int
set_syslog(struct draft *draft, const struct key *key, const struct value *value, struct err *err)
{
	static const char *const facilities[] = {
		"LOG_MAIL",
		"LOG_USER",
		"LOG_LOCAL0",
		"LOG_LOCAL1",
		"LOG_LOCAL2",
		"LOG_LOCAL3",
		"LOG_LOCAL4",
		"LOG_LOCAL5",
		"LOG_LOCAL6",
		"LOG_LOCAL7",
	};

	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (span_is(value->text, facilities[i])) {
			draft->account.syslog = true;
			return 0;
		}
	return set_switch(draft, key, value, err);
}
