/* SPDX-License-Identifier: ISC */
/*
 * /etc/aliases (sendmail's aliases(5)): names of this host, and who gets their mail.
 *
 * 	name: address, "quoted name", :include:/file, other
 *
 * Names are compared without case and may be quoted; lists go on in lines that begin with space; a
 * line that begins with # is a comment, also between those of a list.
 * root, root@thishost and postmaster work alike.  Chains are followed, loops found.  "|command" and
 * "/file" are refused: this is no local mailer.
 */
#ifndef SENDOFF_CONFIG_ALIASES_H
#define SENDOFF_CONFIG_ALIASES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "format/address.h"

struct aliases;

/*
 * Reads the file, which must be owned as configuration must (owned.h).  *aliases: NULL on failure,
 * to be freed by aliases_free().  Errors: ERR_CONFIG (missing: sys_errno is ENOENT; bad line:
 * "file:line: …"), ERR_SYSTEM.
 */
int aliases_read(const char *path, struct aliases **aliases, struct err *err);
/* Reads text as if it were the file `name`: for tests and fuzzing; :include: is refused. */
int aliases_parse(const char *name, struct span text, struct aliases **aliases, struct err *err);
void aliases_free(struct aliases *aliases);

/*
 * Tells whether an address (as struct address has it) is a name of this host, and so may have an
 * alias.
 */
typedef bool alias_is_local(const char *mailbox, const void *arg);

/*
 * Appends to out the addresses that a local name comes to: names without an alias as they are
 * (without a domain).  The same address may come twice; the same alias is gone into once.  False in
 * *found: the name has no alias, or it comes to nobody, and nothing was appended.  A name whose
 * chain comes back to itself stands for itself (root: root, admin@example.org), as in other
 * mailers, and so does one behind a backslash.
 * Errors: ERR_CONFIG (a command or file; an address that cannot be read; more than ALIASES_MAX
 * addresses; a chain of more than ALIAS_DEPTH_MAX), ERR_SYSTEM.
 */
int aliases_expand(const struct aliases *aliases, struct span name, alias_is_local *is_local,
    const void *arg, struct address_list *out, bool *found, struct err *err);

enum {
	ALIASES_MAX = 10000,
	ALIAS_DEPTH_MAX = 50,
	ALIAS_FILE_MAX = 4 * 1024 * 1024, /* octets of the file, and of an included one */
};

#endif
