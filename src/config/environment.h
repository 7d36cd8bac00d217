/* SPDX-License-Identifier: ISC */
/*
 * What the environment says of the person who calls.  In a set-id process only TERM counts.
 */
#ifndef SENDOFF_CONFIG_ENVIRONMENT_H
#define SENDOFF_CONFIG_ENVIRONMENT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

/*
 * The effective user's home: $HOME where it is an absolute path, else what the password database
 * says; NULL where that knows nothing either.  The caller frees it.
 */
char *home_dir(void);

/*
 * The path that text means: an absolute one as it is, one that begins with "~/" in the home.
 * Errors: ERR_CONFIG (neither of both, or no home known), ERR_SYSTEM (memory).
 */
int home_expand(struct span text, char **path, struct err *err);

/* The folder for unnamed files: $TMPDIR where it is an absolute path, else "/tmp". */
const char *temp_dir(void);

/* The command of the editor, for the shell: $VISUAL, else $EDITOR, else "vi". */
const char *editor_command(void);

/* True where nothing on the terminal can be written over: TERM is "dumb" or not set. */
bool terminal_is_dumb(void);

#endif
