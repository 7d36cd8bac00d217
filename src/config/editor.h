/* SPDX-License-Identifier: ISC */
/*
 * What the environment says of the person at the terminal.
 */
#ifndef SENDOFF_CONFIG_EDITOR_H
#define SENDOFF_CONFIG_EDITOR_H

#include <stdbool.h>

/*
 * The command of the editor, for the shell: $VISUAL, else $EDITOR, else "vi".  Not in a set-id
 * process: "vi".
 */
const char *editor_command(void);

/* True where nothing on the terminal can be written over: TERM is "dumb" or not set. */
bool terminal_is_dumb(void);

#endif
