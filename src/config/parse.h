/* SPDX-License-Identifier: ISC */
/*
 * From lines to accounts: account, defaults and include, and the settings between them.
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
