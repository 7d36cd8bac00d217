/* SPDX-License-Identifier: ISC */
/*
 * Accounts: what the configuration says, ready to use.  One account is one way to send: servers,
 * login, TLS and policy.  Values that the file does not set hold the defaults of the table in
 * keys.c.
 */
#ifndef SENDOFF_CONFIG_ACCOUNT_H
#define SENDOFF_CONFIG_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/proxy.h"

enum server_scheme {
	SERVER_SMTPS,     /* implicit TLS, 465 */
	SERVER_SMTP,      /* STARTTLS required, 587, unless tls is none */
	SERVER_LMTP,      /* LMTP (RFC 2033), plain unless tls says otherwise */
	SERVER_UNIX,      /* SMTP over a Unix socket */
	SERVER_LMTP_UNIX, /* LMTP over a Unix socket */
};

enum tls_mode {
	TLS_DEFAULT, /* by the scheme */
	TLS_IMPLICIT,
	TLS_STARTTLS,
	TLS_NONE,
};

enum setting { /* a feature of the server */
	SETTING_AUTO,
	SETTING_NEVER,
};

struct server {
	enum server_scheme scheme;
	char *host; /* name or address without brackets; the path for SERVER_UNIX */
	uint16_t port;
};

enum rewrite_from {     /* sender policy */
	REWRITE_AUTO,   /* addresses of this host become the account's own */
	REWRITE_ALWAYS, /* … and so do all that it does not send for */
	REWRITE_NEVER,
};

enum delivery_when {
	DELIVERY_NOW,        /* while the caller waits (-odi) */
	DELIVERY_BACKGROUND, /* queue, then deliver behind the caller's back (-odb) */
	DELIVERY_QUEUE,      /* queue only (-odq) */
	DELIVERY_DEFAULT,    /* of a call: as the account says */
};

enum secret_source {
	SECRET_NONE,
	SECRET_LITERAL, /* password */
	SECRET_FILE,    /* password_file */
	SECRET_COMMAND, /* password_command, run by /bin/sh -c */
	SECRET_TOKEN,   /* token_command, likewise: an OAuth 2.0 access token */
};

struct string_list {
	char **items;
	size_t count;
};

struct account {
	char *name;             /* "default" for keys outside of any account block */
	struct server *servers; /* tried in order */
	size_t server_count;
	char *user; /* NULL: no login */
	enum secret_source secret_source;
	struct buf secret;   /* the password, the file's name or the command; wiped on release */
	char *secret_origin; /* "file:line" where it stands, or NULL */
	bool auth_off; /* auth off, or msmtp's host without auth: no login though user is set */
	struct string_list auth; /* mechanisms in the order to try, upper case; empty: choose */
	char *ntlm_domain;       /* for NTLM, or NULL */
	bool insecure_auth;      /* log in without verified TLS */
	struct string_list from; /* addresses and patterns; the first address is the default sender
				  */
	char *full_name;         /* for a From header that is added, or NULL */
	char *domain;       /* the name for EHLO, or NULL: the host's, else an address literal */
	char *local_domain; /* for unqualified names, or NULL */
	char *local_to;     /* where mail to local names goes, or NULL: the account's own address */
	enum tls_mode tls;
	bool tls_explicit_none; /* `tls none` is written: plain text off this machine is wanted */
	bool tls_verify;        /* tls_certcheck */
	char *tls_trust_file;   /* NULL: the system's */
	char *tls_priorities;   /* GnuTLS priority string, or NULL */
	bool tls_only13;        /* tls_min 1.3 */
	char *tls_crl_file;     /* or NULL */
	char *tls_cert_file;    /* client certificate, file or pkcs11: URL; or NULL */
	char *tls_key_file;     /* its key, likewise; NULL: in the same place */
	struct string_list tls_fingerprints; /* pins, as tls.h has them */
	char *tls_host;     /* the name to expect in the certificate, or NULL: the server's */
	int64_t timeout_ms; /* a whole transaction without its content; -1: no limit */
	int64_t connect_timeout_ms; /* reaching the server; -1: no limit */
	enum proxy_kind proxy;
	char *proxy_host;
	uint16_t proxy_port;
	char *proxy_user, *proxy_password; /* or NULL */
	char *tunnel_command;              /* a command to talk to instead of a socket, or NULL */
	char *source_ip;                   /* or NULL */
	enum setting dane;                 /* look for TLSA records */
	bool require_tls;                  /* REQUIRETLS: every hop must use verified TLS */
	int64_t deliver_by_s;              /* DELIVERBY in seconds, 0: not asked for */
	bool deliver_by_return;            /* … and return it when late; else only tell */
	bool has_priority;
	int mt_priority;    /* MT-PRIORITY, -9 to 9 */
	int64_t hold_for_s; /* FUTURERELEASE in seconds, 0: not asked for */
	enum setting chunking, pipelining;
	uint64_t size_limit; /* octets of a message, 0: none */
	char *fallback;     /* the name of the account to use where this one's servers cannot be, or
			       NULL */
	char *aliases;      /* a file; NULL or "": none; the system's accounts have /etc/aliases */
	bool aliases_usual; /* the file is the system's usual one, and need not exist */
	enum rewrite_from rewrite_from;
	enum delivery_when delivery;
	int64_t wait_ms;  /* how long a caller waits for a delivery; -1: as long as it takes */
	int64_t expire_s; /* how long mail is tried again */
	int64_t retry_min_s, retry_max_s; /* between two attempts, growing from the one to the other
					   */
	unsigned connections;             /* at once to a server for a long queue, 1 to 20 */
	unsigned rate;                    /* messages a minute, 0: no limit */
	char *log_file;                   /* or NULL */
	bool syslog;                      /* log there, too */
	char *origin;                     /* "file:line" where the account begins */
	char *problem; /* "file:line: why it cannot be used" (a parent without server), or NULL */
};

struct config {
	struct account *accounts;
	size_t count;
	struct string_list warnings; /* sentences for standard error and log, "file:line: …" */
	char *path;                  /* the file that was read first */
	char *queue_dir; /* where mail waits, absolute; NULL: nowhere (queue_dir none, or no home
			    known) */
	uint64_t stamp;  /* changes when a file that was read, or a password_file, does (stat(2));
			    never 0 */
	char *given; /* for config_load() in another folder: the file that was named, absolute, or
			NULL */
};

#define CONFIG_INIT \
	{ \
		NULL, 0, { NULL, 0 }, NULL, NULL, 0, NULL \
	}

/*
 * The queue's directory where the configuration names none: for root /var/spool/sendoff
 * (LOCALSTATEDIR), for others $XDG_STATE_HOME/sendoff/queue (~/.local/state/sendoff/queue).  NULL
 * where no home is known.  The caller frees it.
 */
char *queue_dir_usual(void);

/*
 * Finds and reads the configuration.  `path` is the one given by -C, or NULL: then $SENDOFF_CONFIG,
 * else $XDG_CONFIG_HOME/sendoff/config (~/.config/sendoff/config) if it exists, else
 * SYSCONFDIR/sendoff.conf.  Environment variables are not used in a set-id process.
 * Errors: ERR_CONFIG (none found: the sentence names the places looked at and the hint how to
 * begin; unreadable; bad owner or mode; bad content with "file:line:"), ERR_SYSTEM.  On failure
 * config is empty.  sys_errno is ENOENT or ENOTDIR only where there is no file to begin with.
 */
int config_load(struct config *config, const char *path, struct err *err);
/* Reads text as if it were the file `name`: for tests and fuzzing.  `include` is refused. */
int config_parse(struct config *config, const char *name, const char *text, size_t len,
    struct err *err);
void config_release(struct config *config);

/*
 * Chooses an account: the named one; else the first whose `from` matches the sender (may be NULL);
 * else "default"; else the only one.  Errors: ERR_CONFIG (no such account: the sentence names those
 * there are).
 */
int config_account(const struct config *config, const char *name, const char *sender,
    const struct account **account, struct err *err);

/* The account of that name; NULL: none. */
const struct account *config_find(const struct config *config, const char *name);

/*
 * The account's own address: the first in `from` that is no pattern, else `user` where it is an
 * address, else NULL.
 */
const char *account_address(const struct account *account);

/*
 * Gets the password into `secret` (a secret buf).  A file must be readable by no one but its owner,
 * who is root or the effective user; a command has time until the deadline, but 60 s at most, its
 * standard input is /dev/null, its standard error ours, and its exit status must be 0.  One line
 * end is stripped from what file or command give; NUL, other line ends, or nothing at all are
 * refused, and so is more than 8192 octets. Errors: ERR_CONFIG (none configured, unreadable,
 * command failed), ERR_SECRET (the command took too long), ERR_SYSTEM.
 */
int account_secret(const struct account *account, int64_t deadline, struct buf *secret,
    struct err *err);

/*
 * Runs token_command once more after the server refused its token, with SENDOFF_TOKEN_REFUSED=1 in
 * its environment.
 * Errors: as account_secret().
 */
int account_new_token(const struct account *account, int64_t deadline, struct buf *token,
    struct err *err);

#endif
