/* SPDX-License-Identifier: ISC */
#include "config/home.h"

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

static int
in_home(struct span below, char **path, struct err *err)
{
	char *home = home_dir();
	int n;

	if (home == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"~\" means nothing here: HOME is not set, and user %ld has no home",
		    (long)geteuid());
	n = asprintf(path, "%s/%.*s", strcmp(home, "/") == 0 ? "" : home, (int)below.len,
	    below.data);
	free(home);
	return n == -1 ? err_memory(err) : 0;
}

int
home_expand(struct span text, char **path, struct err *err)
{
	if (text.len > 1 && text.data[0] == '~' && text.data[1] == '/')
		return in_home((struct span){ text.data + 2, text.len - 2 }, path, err);
	if (text.len == 0 || text.data[0] != '/')
		return err_set(err, ERR_CONFIG, "expected a path that begins with \"/\" or \"~/\"");
	*path = span_dup(text);
	return *path == NULL ? err_memory(err) : 0;
}
