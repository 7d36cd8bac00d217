/* SPDX-License-Identifier: ISC */
/*
 * An account while its lines are put together: the account itself, and what only makes sense once
 * all lines are known.
 */
#ifndef SENDOFF_CONFIG_DRAFT_H
#define SENDOFF_CONFIG_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/account.h"
#include "config/grammar.h"

enum field {
	FIELD_SERVER,
	FIELD_HOST,
	FIELD_PORT,
	FIELD_PROTOCOL,
	FIELD_SOCKET,
	FIELD_USER,
	FIELD_SECRET,
	FIELD_AUTH,
	FIELD_NTLM_DOMAIN,
	FIELD_INSECURE_AUTH,
	FIELD_FROM,
	FIELD_FULL_NAME,
	FIELD_DOMAIN,
	FIELD_LOCAL_DOMAIN,
	FIELD_LOCAL_TO,
	FIELD_ALIASES,
	FIELD_REWRITE_FROM,
	FIELD_TLS,
	FIELD_TLS_STARTTLS,
	FIELD_TLS_CERTCHECK,
	FIELD_TLS_TRUST_FILE,
	FIELD_TLS_FINGERPRINT,
	FIELD_TLS_CRL_FILE,
	FIELD_TLS_CERT_FILE,
	FIELD_TLS_KEY_FILE,
	FIELD_TLS_MIN,
	FIELD_DANE,
	FIELD_TLS_PRIORITIES,
	FIELD_TLS_HOST,
	FIELD_PROXY,
	FIELD_PROXY_PORT,
	FIELD_TUNNEL_COMMAND,
	FIELD_SOURCE_IP,
	FIELD_REQUIRE_TLS,
	FIELD_DELIVER_BY,
	FIELD_HOLD_FOR,
	FIELD_MT_PRIORITY,
	FIELD_TIMEOUT,
	FIELD_CONNECT_TIMEOUT,
	FIELD_CHUNKING,
	FIELD_PIPELINING,
	FIELD_SIZE_LIMIT,
	FIELD_QUEUE_DIR,
	FIELD_DELIVERY,
	FIELD_WAIT,
	FIELD_EXPIRE,
	FIELD_RETRY,
	FIELD_FALLBACK,
	FIELD_CONNECTIONS,
	FIELD_RATE,
	FIELD_LOG_FILE,
	FIELD_SYSLOG,
	FIELDS
};

enum tls_word {
	TLS_WORD_DEFAULT,
	TLS_WORD_ON,  /* msmtp's */
	TLS_WORD_OFF, /* msmtp's */
	TLS_WORD_IMPLICIT,
	TLS_WORD_STARTTLS,
	TLS_WORD_NONE,
};

struct draft {
	struct account account;
	char *host;          /* msmtp's host, without brackets, or NULL */
	uint16_t port;       /* msmtp's port, or 0 */
	bool lmtp;           /* msmtp's protocol lmtp */
	char *socket;        /* msmtp's socket, or NULL */
	uint16_t proxy_port; /* msmtp's proxy_port, or 0 */
	bool proxy_is_url;   /* `proxy`, not msmtp's proxy_host */
	enum tls_word tls;
	bool starttls;                 /* msmtp's tls_starttls: true */
	char *queue_dir;               /* the whole configuration's; NULL: none */
	struct origin origins[FIELDS]; /* where the value of a field stands; line 0: it has its
					  default */
};

/* A draft of the account `name`, with all defaults.  Errors: ERR_SYSTEM. */
int draft_init(struct draft *draft, const char *name, struct err *err);
void draft_release(struct draft *draft);

static inline bool
draft_has(const struct draft *draft, enum field field)
{
	return draft->origins[field].line != 0;
}

/*
 * Works out the servers and TLS from what msmtp's keys say together, and checks that the values
 * agree with each other. `at` is where the account begins.  An account that can only be a parent of
 * others gets its `problem`.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int draft_finish(struct draft *draft, struct origin at, struct err *err);

/* Moves the account out; the draft is released. */
void draft_take(struct draft *draft, struct account *account);

/* Adds a server at the end of the account's.  Errors: ERR_SYSTEM. */
int draft_add_server(struct draft *draft, enum server_scheme scheme, struct span host,
    uint16_t port, struct err *err);

/* Account and list life, for account.c and for those who build them. */
void account_init(struct account *account);
void account_release(struct account *account);
/*
 * Moves the account into config, behind the others; on failure it is released.  Errors: ERR_SYSTEM.
 */
int config_add(struct config *config, struct account *account, struct err *err);
int string_list_add(struct string_list *list, struct span item, struct err *err);
void string_list_release(struct string_list *list);

#endif
