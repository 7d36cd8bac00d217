/* SPDX-License-Identifier: ISC */
/*
 * The forms that values have.  A function that answers false, or leaves an err that says why, has
 * changed nothing.
 */
#ifndef SENDOFF_CONFIG_VALUE_H
#define SENDOFF_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "config/account.h"

enum { UNIX_PATH_MAX = 107 }; /* octets that sockaddr_un has room for (unix(7)) */

/* "on" or "yes", "off" or "no". */
bool value_switch(struct span text, bool *on);
/* Seconds, or a number with s, m, h or d behind it; from 1 s to 365 days.  "off": -1. */
bool value_duration(struct span text, int64_t *ms);
/* Octets, or a number with K, M or G behind it (powers of 1024).  "off": 0. */
bool value_size(struct span text, uint64_t *octets);
/* 1 to max, in decimal digits. */
bool value_count(struct span text, unsigned max, unsigned *count);
/* "1m..1h", in seconds, the first at most the second; "90s" alone is both. */
bool value_range(struct span text, int64_t *min_s, int64_t *max_s);
/* 1 to 65535. */
bool value_port(struct span text, uint16_t *port);

/* UTF-8. */
bool value_is_text(struct span text);
/* A host name (it may be international) or an IPv4 or IPv6 address. */
bool value_is_host(struct span text);
/* An IPv4 or IPv6 address, without brackets. */
bool value_is_ip(struct span text);
/*
 * What may stand behind EHLO: a name in ASCII, or an address literal in brackets (RFC 5321 section
 * 4.1.3).
 */
bool value_is_ehlo(struct span text);

/*
 * Cuts the next word off the front of *rest; between words stand spaces and commas, but not inside
 * of double quotes.
 */
struct span value_word(struct span *rest);

/* Takes off the brackets of an address literal, where there are some. */
struct span value_unbracket(struct span host);

/* A server's URL in parts.  host is the path for a Unix socket. */
struct server_url {
	enum server_scheme scheme;
	struct span host;
	uint16_t port;
};

/*
 * smtps://HOST[:PORT], smtp://HOST[:PORT], lmtp://HOST:PORT, unix:/PATH or lmtp:/PATH; a slash
 * behind HOST or PORT is allowed.
 * Errors: ERR_CONFIG; the sentence never shows the text, for a password may stand in it.
 */
int value_server(struct span text, struct server_url *url, struct err *err);

/*
 * A proxy's URL in parts: socks5://[USER:PASSWORD@]HOST[:PORT], or http://….  user is empty where
 * there is none; user and password may still have %XX in them.
 */
struct proxy_url {
	enum proxy_kind kind;
	struct span host, user, password;
	uint16_t port;
};

bool value_proxy(struct span text, struct proxy_url *url);

/*
 * Appends the text with the octets that %XX stand for (RFC 3986 section 2.1); false where a '%' is
 * none, or a NUL.
 */
bool value_unescape(struct span text, struct buf *out);

#endif
