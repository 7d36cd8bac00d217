/* SPDX-License-Identifier: ISC */
/*
 * The types of values: how a value gets from the file to its place, and what frees it there.  The
 * rows in keys.c name them.
 */
#ifndef SENDOFF_CONFIG_TYPES_H
#define SENDOFF_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "config/grammar.h"

struct draft;
struct key;

struct value {
	const struct key *key;
	struct span text;    /* as it was written; not empty, except for KEY_NO_VALUE */
	struct origin at;    /* where it was written */
	struct draft *draft; /* for which it is meant */
	void *place;         /* the key's, in the draft */
};

struct type {
	/* Puts the value into its place.  Errors: ERR_CONFIG without place, ERR_SYSTEM. */
	int (*set)(const struct value *value, struct err *err);
	/* Frees what is at the place in a draft or an account; NULL: nothing is to be freed. */
	void (*release)(void *base, size_t place);
	bool (*fits)(struct span text); /* what the text must be, where several types share `set` */
	const char *expected; /* in errors: "expected …"; NULL: a number up to the key's limit, or
				 the words in the key's form */
};

/* A text is kept as it is, as a string. */
extern const struct type type_text;
extern const struct type type_host; /* a name or an address */
extern const struct type type_ehlo;
extern const struct type type_ip;
extern const struct type type_bare_host; /* like type_host, without the brackets of an address */

extern const struct type type_address;         /* a string: one mailbox with a domain */
extern const struct type type_path;            /* a string: absolute */
extern const struct type type_path_or_url;     /* … or a pkcs11: URL */
extern const struct type type_path_or_default; /* … or the word in the key's form, which leaves the
						  place empty */

extern const struct type type_switch; /* a bool: yes, no, on or off */
extern const struct type type_off;    /* a bool that becomes false */
extern const struct type type_either; /* a bool: false for the first of the two words in the key's
					 form */
extern const struct type type_word;   /* an enum, whose names are the words in the key's form */

extern const struct type type_time;   /* int64_t, in milliseconds; -1: off */
extern const struct type type_period; /* int64_t, in seconds, at least the key's limit */
extern const struct type type_count;  /* unsigned, from 1 to the key's limit */
extern const struct type type_size;   /* uint64_t, in octets; 0: off */

/* For one key each, or for those that share its place. */
extern const struct type type_server;
extern const struct type type_password, type_password_file, type_password_command,
    type_token_command;
extern const struct type type_auth, type_from, type_fingerprint;
extern const struct type type_proxy, type_proxy_host;
extern const struct type type_deliver_by, type_priority;
extern const struct type type_aliases, type_wait, type_retry, type_rate;
extern const struct type type_log_file, type_syslog;

/*
 * Puts a value into the draft, at the key's place.  Where the text is empty, the key must allow it.
 * Errors: ERR_CONFIG without place, ERR_SYSTEM.
 */
int type_set(struct draft *draft, const struct key *key, struct span text, struct origin at,
    struct err *err);

#endif
