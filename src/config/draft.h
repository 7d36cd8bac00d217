/* SPDX-License-Identifier: ISC */
/*
 * An account while its section is put together: the account itself, and what only makes sense once
 * all lines are known.
 */
#ifndef SENDOFF_CONFIG_DRAFT_H
#define SENDOFF_CONFIG_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/account.h"
#include "config/grammar.h"

struct section;

enum tls_word { /* in the order of the key's form */
	TLS_WORD_IMPLICIT,
	TLS_WORD_STARTTLS,
	TLS_WORD_NONE,
	TLS_WORD_ON,  /* msmtp's */
	TLS_WORD_OFF, /* msmtp's */
	TLS_WORD_UNSAID,
};

/* Whose manners hold: they differ in what quotes, empty values and repeated keys mean. */
enum manner {
	MANNER_OPEN, /* neither server nor host: a parent */
	MANNER_OURS,
	MANNER_MSMTP,
};

struct draft {
	struct account account; /* stands first, so that a place in it is one in the draft */
	const struct section *section;
	enum manner manner;
	char *host;          /* msmtp's host, without brackets, or NULL */
	unsigned port;       /* msmtp's port, or 0 */
	bool lmtp;           /* msmtp's protocol lmtp */
	char *socket;        /* msmtp's socket, or NULL */
	unsigned proxy_port; /* msmtp's proxy_port, or 0 */
	bool proxy_is_url;   /* `proxy`, not msmtp's proxy_host */
	enum tls_word tls;
	bool starttls;   /* msmtp's tls_starttls */
	char *queue_dir; /* the whole configuration's; NULL: none */
};

/* A setting's place in a draft, and in the draft's account. */
#define IN_DRAFT(member) offsetof(struct draft, member)
#define IN_ACCOUNT(member) offsetof(struct draft, account.member)

/* Where the value of a place stands; line 0: it has its default. */
struct origin draft_origin(const struct draft *draft, size_t place);

static inline bool
draft_has(const struct draft *draft, size_t place)
{
	return draft_origin(draft, place).line != 0;
}

/*
 * Makes the account of a section: its values, checked against each other, and servers and TLS from
 * what msmtp's keys say together.  An account that can only be a parent of others gets its
 * `problem`.  Warnings about repeated keys go to `warnings`.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int draft_account(const struct section *section, struct string_list *warnings,
    struct account *account, struct err *err);

/*
 * Puts into config what the section says of the whole configuration (KEY_WHOLE), and defaults for
 * the rest.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int draft_whole(const struct section *section, struct config *config, struct err *err);

/* Adds a server at the end of the account's.  Errors: ERR_SYSTEM. */
int draft_add_server(struct draft *draft, enum server_scheme scheme, struct span host,
    uint16_t port, struct err *err);

/* What an account holds, freed; for those who build them. */
void account_release(struct account *account);
/*
 * Moves the account into config, behind the others; on failure it is released.  Errors: ERR_SYSTEM.
 */
int config_add(struct config *config, struct account *account, struct err *err);
int string_list_add(struct string_list *list, struct span item, struct err *err);
void string_list_release(struct string_list *list);

#endif
