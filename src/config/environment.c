/* SPDX-License-Identifier: ISC */
#include "config/environment.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
home_dir(void)
{
	const char *home = secure_getenv("HOME");
	const struct passwd *user;

	if (home != NULL && home[0] == '/')
		return strdup(home);
	user = getpwuid(geteuid());
	return user != NULL && user->pw_dir[0] == '/' ? strdup(user->pw_dir) : NULL;
}

int
home_expand(struct span text, char **path, struct err *err)
{
	bool in_home = text.len > 1 && text.data[0] == '~' && text.data[1] == '/';
	char *home;
	int n;

	if (!in_home && (text.len == 0 || text.data[0] != '/'))
		return err_set(err, ERR_CONFIG, "expected a path that begins with \"/\" or \"~/\"");
	if (!in_home) {
		*path = span_dup(text);
		return *path == NULL ? err_memory(err) : 0;
	}
	home = home_dir();
	if (home == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"~\" means nothing here: HOME is not set, and user %ld has no home",
		    (long)geteuid());
	n = asprintf(path, "%s%.*s", strcmp(home, "/") == 0 ? "" : home, (int)text.len - 1,
	    text.data + 1);
	free(home);
	return n == -1 ? err_memory(err) : 0;
}

const char *
temp_dir(void)
{
	const char *dir = secure_getenv("TMPDIR");

	return dir != NULL && dir[0] == '/' ? dir : "/tmp";
}

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
