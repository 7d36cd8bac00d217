/* SPDX-License-Identifier: ISC */
/*
 * The effective user's home, and paths that begin in it.
 */
#ifndef SENDOFF_CONFIG_HOME_H
#define SENDOFF_CONFIG_HOME_H

#include "base/err.h"
#include "base/span.h"

/*
 * $HOME where it is an absolute path (and this is no set-id process), else what the password
 * database says; NULL where that knows nothing either.  The caller frees it.
 */
char *home_dir(void);

/*
 * The path that text means: an absolute one as it is, one that begins with "~/" in the home.
 * Errors: ERR_CONFIG (neither of both, or no home known), ERR_SYSTEM (memory).
 */
int home_expand(struct span text, char **path, struct err *err);

#endif
