/* SPDX-License-Identifier: ISC */
/*
 * What a session is told: where the server is, how it is reached, and what may be done there.
 */
#ifndef SENDOFF_SMTP_SETTINGS_H
#define SENDOFF_SMTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/proxy.h"
#include "net/stream.h"
#include "net/tls.h"

enum smtp_tls {
	SMTP_TLS_NONE,
	SMTP_TLS_STARTTLS, /* required */
	SMTP_TLS_IMPLICIT,
};

enum smtp_secret {
	SMTP_SECRET_NONE,
	SMTP_SECRET_PASSWORD,
	SMTP_SECRET_TOKEN, /* OAuth 2.0 */
};

/* All pointers are borrowed, and valid as long as the session is open; NULL where none is said. */
struct smtp_settings {
	/* The server, and the way to it. */
	const char *host; /* name or address without brackets */
	uint16_t port;
	const char *socket; /* the path of a Unix socket, in place of all else in this group */
	enum proxy_kind proxy;
	const char *proxy_host;
	uint16_t proxy_port;
	const char *proxy_user, *proxy_password;
	const char *tunnel_command; /* what to talk to instead of a socket */
	const char *source_ip;      /* the address to connect from */
	int64_t connect_timeout_ms; /* reaching the server; -1: no limit */

	bool lmtp;          /* RFC 2033, not SMTP */
	const char *domain; /* the name to greet with; NULL: this host's, else an address literal */
	int64_t timeout_ms; /* a whole transaction without its content; -1: no limit */
	bool no_pipelining, no_chunking; /* not used, even where they are offered */

	enum smtp_tls tls_mode;
	bool plain_anywhere;     /* without TLS, to servers on other machines too */
	struct tls_settings tls; /* host NULL: `host`; the TLSA records are the session's to fill */
	bool no_dane;            /* TLSA records are not looked for */

	const char *user; /* NULL: no login */
	enum smtp_secret secret_kind;
	const struct buf *secret; /* only until the session is open */
	char *const *mechanisms;  /* to try, in this order, upper case */
	size_t mechanism_count;   /* 0: choose */
	const char *ntlm_domain;
	bool insecure_login; /* without TLS and a verified certificate, too */

	const struct stream_watch *watch;
};

#endif
