/* SPDX-License-Identifier: ISC */
#include "config/editor.h"

#include <stdlib.h>
#include <string.h>

static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0';
}

const char *
editor_command(void)
{
	const char *visual = secure_getenv("VISUAL"), *editor = secure_getenv("EDITOR");

	if (is_set(visual))
		return visual;
	return is_set(editor) ? editor : "vi";
}

bool
terminal_is_dumb(void)
{
	const char *term = getenv("TERM");

	return !is_set(term) || strcmp(term, "dumb") == 0;
}
