/* SPDX-License-Identifier: ISC */
#include "config/value.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "config/scheme.h"

bool
value_switch(struct span text, bool *on)
{
	if (span_is_nocase(text, "on") || span_is_nocase(text, "yes")) {
		*on = true;
		return true;
	}
	if (span_is_nocase(text, "off") || span_is_nocase(text, "no")) {
		*on = false;
		return true;
	}
	return false;
}

/* Decimal digits only, at most max; takes them off the front of *text. */
static bool
cut_number(struct span *text, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < text->len && ascii_is_digit(text->data[i]); i++) {
		n = n * 10 + (uint64_t)(text->data[i] - '0');
		if (n > max)
			return false;
	}
	if (i == 0)
		return false;
	text->data += i;
	text->len -= i;
	*number = n;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and a unit of the table, which ends with NULL. */
static bool
number_with_unit(struct span text, const struct unit *units, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (!cut_number(&text, max, &n))
		return false;
	for (; units->name != NULL; units++) {
		if (!span_is_nocase(text, units->name))
			continue;
		if (n > max / units->factor)
			return false;
		*out = n * units->factor;
		return true;
	}
	return false;
}

bool
value_duration(struct span text, int64_t *ms)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "s", 1 },
		{ "m", 60 },
		{ "h", 3600 },
		{ "d", 86400 },
		{ NULL, 0 },
	};
	uint64_t seconds;

	if (span_is_nocase(text, "off")) {
		*ms = -1;
		return true;
	}
	if (!number_with_unit(text, units, UINT64_C(365) * 86400, &seconds) || seconds == 0)
		return false;
	*ms = (int64_t)seconds * 1000;
	return true;
}

bool
value_size(struct span text, uint64_t *octets)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "k", 1 << 10 },
		{ "m", 1 << 20 },
		{ "g", 1 << 30 },
		{ NULL, 0 },
	};

	if (span_is_nocase(text, "off")) {
		*octets = 0;
		return true;
	}
	return number_with_unit(text, units, INT64_MAX, octets);
}

bool
value_count(struct span text, unsigned max, unsigned *count)
{
	uint64_t n;

	if (!cut_number(&text, max, &n) || n == 0 || text.len > 0)
		return false;
	*count = (unsigned)n;
	return true;
}

bool
value_range(struct span text, int64_t *min_s, int64_t *max_s)
{
	const char *dots = memmem(text.data, text.len, "..", 2);
	struct span first = text, last = text;
	int64_t min_ms, max_ms;

	if (dots != NULL) {
		first.len = (size_t)(dots - text.data);
		last = (struct span){ dots + 2, text.len - first.len - 2 };
	}
	if (!value_duration(first, &min_ms) || !value_duration(last, &max_ms) || min_ms < 0 ||
	    max_ms < min_ms)
		return false;
	*min_s = min_ms / 1000;
	*max_s = max_ms / 1000;
	return true;
}

bool
value_port(struct span text, uint16_t *port)
{
	unsigned n;

	if (!value_count(text, UINT16_MAX, &n))
		return false;
	*port = (uint16_t)n;
	return true;
}

bool
value_is_text(struct span text)
{
	return utf8_valid(text) && !span_has_control(text);
}

static bool
has_only(struct span text, const char *punctuation)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) &&
		    (c == '\0' || strchr(punctuation, c) == NULL))
			return false;
	}
	return text.len > 0;
}

/*
 * Letters beyond ASCII are left to the IDNA conversion, which knows which of them may stand in a
 * name.
 */
static bool
is_name(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_8bit(text.data[i]) && !has_only((struct span){ text.data + i, 1 }, ".-_"))
			return false;
	return text.len > 0 && utf8_valid(text) && text.data[0] != '.' && text.data[0] != '-';
}

static bool
is_ipv6(struct span text)
{
	struct span zone = text;
	struct span address = span_cut(&zone, '%');

	if (memchr(address.data, ':', address.len) == NULL || !has_only(address, ":."))
		return false;
	return address.len == text.len || has_only(zone, "-_.");
}

bool
value_is_host(struct span text)
{
	return is_name(text) || is_ipv6(value_unbracket(text));
}

bool
value_is_ip(struct span text)
{
	unsigned char address[sizeof(struct in6_addr)];
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
}

bool
value_is_ehlo(struct span text)
{
	struct span inner = value_unbracket(text);

	if (inner.len < text.len)
		return has_only(inner, ".:-");
	return is_name(text) && !span_has_8bit(text);
}

struct span
value_unbracket(struct span host)
{
	if (host.len < 2 || host.data[0] != '[' || host.data[host.len - 1] != ']')
		return host;
	return (struct span){ host.data + 1, host.len - 2 };
}

static bool
is_separator(char c)
{
	return ascii_is_space(c) || c == ',';
}

struct span
value_word(struct span *rest)
{
	struct span word;
	bool quoted = false;
	size_t n;

	while (rest->len > 0 && is_separator(rest->data[0])) {
		rest->data++;
		rest->len--;
	}
	for (n = 0; n < rest->len && (quoted || !is_separator(rest->data[n])); n++)
		if (rest->data[n] == '"')
			quoted = !quoted;
	word = (struct span){ rest->data, n };
	rest->data += n;
	rest->len -= n;
	return word;
}

static int
unix_path(struct span path, const struct scheme *scheme, struct server_url *url, struct err *err)
{
	if (path.len == 0 || path.data[0] != '/')
		return err_set(err, ERR_CONFIG,
		    "expected a path that begins with \"/\" behind \"%s\"", scheme->prefix);
	if (path.len > UNIX_PATH_MAX)
		return err_set(err, ERR_CONFIG, "the path of a socket has at most %d octets",
		    UNIX_PATH_MAX);
	*url = (struct server_url){ scheme->scheme, path, 0 };
	return 0;
}

/* Cuts the port off the end of the authority, and the brackets off an IPv6 address. */
static bool
split_authority(struct span *authority, struct span *port)
{
	const char *colon = memrchr(authority->data, ':', authority->len);
	const char *bracket = memrchr(authority->data, ']', authority->len);

	*port = (struct span){ authority->data, 0 };
	if (colon != NULL && (bracket == NULL || bracket < colon)) {
		size_t n = (size_t)(colon - authority->data);

		*port = (struct span){ colon + 1, authority->len - n - 1 };
		authority->len = n;
		if (port->len == 0)
			return false;
	}
	if (bracket == NULL)
		return is_name(*authority);
	*authority = value_unbracket(*authority);
	return is_ipv6(*authority);
}

static int
authority_url(struct span authority, const struct scheme *scheme, struct server_url *url,
    struct err *err)
{
	struct server_url result = { scheme->scheme, authority, scheme->port };
	struct span port;

	if (memchr(authority.data, '@', authority.len) != NULL) {
		err_set(err, ERR_CONFIG, "the URL holds a user");
		return err_hint(err,
		    "write the name behind \"user\"; sendoff.conf(5) tells where passwords stand");
	}
	if (authority.len > 0 && authority.data[authority.len - 1] == '/')
		result.host.len--;
	if (!split_authority(&result.host, &port))
		return err_set(err, ERR_CONFIG,
		    "expected %sHOST or %sHOST:PORT, an IPv6 address in brackets", scheme->prefix,
		    scheme->prefix);
	if (port.len > 0 && !value_port(port, &result.port))
		return err_set(err, ERR_CONFIG, "a port is a number from 1 to 65535");
	if (result.port == 0)
		return err_set(err, ERR_CONFIG, "%sHOST needs a port behind it", scheme->prefix);
	*url = result;
	return 0;
}

int
value_server(struct span text, struct server_url *url, struct err *err)
{
	const struct scheme *scheme = scheme_find(text);

	if (scheme == NULL)
		return err_set(err, ERR_CONFIG,
		    "expected smtps://HOST[:PORT], smtp://HOST[:PORT], unix:/PATH, "
		    "lmtp://HOST:PORT or lmtp:/PATH");
	text.data += strlen(scheme->prefix);
	text.len -= strlen(scheme->prefix);
	if (scheme->later)
		return err_set(err, ERR_CONFIG, "this version cannot deliver to %s",
		    scheme->prefix);
	return scheme->socket ? unix_path(text, scheme, url, err) :
				authority_url(text, scheme, url, err);
}

bool
value_proxy(struct span text, struct proxy_url *url)
{
	static const struct {
		const char *prefix;
		enum proxy_kind kind;
		uint16_t port;
	} kinds[] = {
		{ "socks5://", PROXY_SOCKS5, 1080 },
		{ "http://", PROXY_HTTP, 8080 },
	};
	struct proxy_url result = { .kind = PROXY_NONE };
	struct span port;
	const char *at;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && result.kind == PROXY_NONE; i++)
		if (span_starts_nocase(text, kinds[i].prefix)) {
			result.kind = kinds[i].kind;
			result.port = kinds[i].port;
			text.data += strlen(kinds[i].prefix);
			text.len -= strlen(kinds[i].prefix);
		}
	at = memrchr(text.data, '@', text.len);
	if (at != NULL) {
		result.password = (struct span){ text.data, (size_t)(at - text.data) };
		result.user = span_cut(&result.password, ':');
		text.len -= (size_t)(at - text.data) + 1;
		text.data = at + 1;
	}
	if (text.len > 0 && text.data[text.len - 1] == '/')
		text.len--;
	result.host = text;
	if (result.kind == PROXY_NONE || (at != NULL && result.user.len == 0) ||
	    !split_authority(&result.host, &port) ||
	    (port.len > 0 && !value_port(port, &result.port)))
		return false;
	*url = result;
	return true;
}

static int
hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
value_unescape(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.data[i] != '%') {
			buf_addc(out, text.data[i]);
			continue;
		}
		high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
		if (low < 0 || high + low == 0)
			return false;
		buf_addc(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}
