/* SPDX-License-Identifier: ISC */
/*
 * From lines to accounts.  The way of a line:
 *
 *	grammar_next()	cuts it out of the file, key and value apart
 *	key_find()	finds the key's row in the table, other_key_find() those not acted on
 *	section_add()	keeps it with the account's other lines, and what those inherit
 *	draft_account()	when the account ends: makes it of all its lines
 *	type_set()	puts one value into its place in the draft
 *	config_add()	takes the account
 */
#ifndef SENDOFF_CONFIG_PARSE_H
#define SENDOFF_CONFIG_PARSE_H

#include "base/err.h"
#include "config/account.h"
#include "config/grammar.h"

enum {
	INCLUDE_DEPTH_MAX = 8,
	INCLUDE_FILES_MAX = 100,
	ACCOUNTS_MAX = 1000,
};

/* Reads the file at `path`.  Errors: ERR_CONFIG, ERR_SYSTEM. */
typedef int config_file_reader(const char *path, struct config_file **file, struct err *err);

/*
 * Reads the accounts out of `first`, which it frees, into config, which is empty before and after a
 * failure.  `read` opens included files; NULL: include is refused.
 * Errors: ERR_CONFIG (with place), ERR_SYSTEM.
 */
int parse_file(struct config *config, struct config_file *first, config_file_reader *read,
    struct err *err);

#endif
