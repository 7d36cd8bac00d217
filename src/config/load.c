/* SPDX-License-Identifier: ISC */
/*
 * Where the configuration lies, and how it gets in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/account.h"
#include "config/environment.h"
#include "config/owned.h"
#include "config/parse.h"

#define SYSTEM_FILE SYSCONFDIR "/sendoff.conf"
#define SYSTEM_ALIASES "/etc/aliases" /* as every mailer has it, whatever our own prefix is */
#define SYSTEM_QUEUE LOCALSTATEDIR "/spool/sendoff"

static int
read_config_file(const char *path, struct config_file **file, struct err *err)
{
	struct config_file *made = config_file_new(path);
	struct stat status;
	int fd, result;

	if (made == NULL)
		return err_memory(err);
	result = owned_open(path, &fd, &status, err);
	if (result == 0) {
		made->is_private = (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
		made->status = status;
		if (status.st_size > CONFIG_FILE_MAX)
			result = err_set(err, ERR_CONFIG, "larger than %d octets", CONFIG_FILE_MAX);
		else
			result = owned_read(fd, &status, &made->text, err);
		if (result == -1)
			err_wrap(err, "%s", path);
		close(fd);
	}
	if (result == 0)
		*file = made;
	else
		config_file_free(made);
	return result;
}

/*
 * `file` in the folder `base`, else in the home's folder `usual`; NULL where no home is known or
 * memory is out.
 */
static char *
own_path(const char *base, const char *usual, const char *file)
{
	char *home, *path = NULL;

	/* The XDG specification wants relative paths to be ignored. */
	if (base != NULL && base[0] == '/')
		return asprintf(&path, "%s/%s", base, file) == -1 ? NULL : path;
	home = home_dir();
	if (home != NULL &&
	    asprintf(&path, "%s/%s/%s", strcmp(home, "/") == 0 ? "" : home, usual, file) == -1)
		path = NULL;
	free(home);
	return path;
}

char *
queue_dir_usual(void)
{
	if (geteuid() == 0)
		return strdup(SYSTEM_QUEUE);
	return own_path(secure_getenv("XDG_STATE_HOME"), ".local/state", "sendoff/queue");
}

/*
 * Daemons that give up root often keep HOME=/root, where they may not look.  What may lie there is
 * no configuration of theirs, and their mail must go all the same: by the system's.
 */
static bool
home_is_foreign(void)
{
	char *home = home_dir();
	struct stat status;
	bool foreign = home != NULL && (stat(home, &status) == -1 || status.st_uid != geteuid());

	free(home);
	return foreign;
}

static bool
is_missing(const struct err *err)
{
	return err->sys_errno == ENOENT || err->sys_errno == ENOTDIR;
}

static int
none_found(const char *user, struct err *err)
{
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 2);

	if (user != NULL)
		text_printable(&shown, span_of(user), false);
	err_set(err, ERR_CONFIG, "there is no configuration: no %s%s%s", shown.data,
	    user != NULL ? ", and no " : "", SYSTEM_FILE);
	err->sys_errno = ENOENT;
	buf_release(&shown);
	return err_hint(err, "write one of them; sendoff.conf(5) begins with an example");
}

/* The first of the usual places where there is a file. */
static int
read_usual(const char *user, struct config_file **file, struct err *err)
{
	struct err failure;
	int result = -1;
	bool next = user == NULL;

	err_init(&failure);
	if (user != NULL) {
		result = read_config_file(user, file, &failure);
		next = result == -1 &&
		    (is_missing(&failure) || (failure.sys_errno == EACCES && home_is_foreign()));
	}
	if (next)
		result = read_config_file(SYSTEM_FILE, file, &failure);
	if (result == -1 && next && is_missing(&failure))
		none_found(user, err);
	else if (result == -1)
		err_move(err, &failure);
	err_release(&failure);
	return result;
}

/*
 * A password_file that cannot be looked at adds nothing, so that the stamp changes when the file
 * comes.
 */
static void
stamp_password_files(struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct account *a = &config->accounts[i];
		struct stat status;

		if (a->secret_source == SECRET_FILE && stat(a->secret.data, &status) == 0)
			config->stamp = owned_stamp(config->stamp, &status);
	}
}

/* The system's accounts take the system's aliases, unless they name others, or none. */
static int
use_system_aliases(struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->count; i++) {
		struct account *a = &config->accounts[i];

		if (a->aliases != NULL)
			continue;
		a->aliases = strdup(SYSTEM_ALIASES);
		a->aliases_usual = true;
		if (a->aliases == NULL) {
			config_release(config);
			return err_memory(err);
		}
	}
	return 0;
}

/*
 * A process that goes on behind its caller's back leaves this folder, and reads the configuration
 * anew: it needs an absolute name.
 */
static int
remember(struct config *config, const char *path, struct err *err)
{
	char *here = path[0] != '/' ? get_current_dir_name() : NULL;

	if (here == NULL)
		config->given = strdup(path);
	else if (asprintf(&config->given, "%s/%s", here, path) < 0)
		config->given = NULL;
	free(here);
	if (config->given != NULL)
		return 0;
	config_release(config);
	return err_memory(err);
}

int
config_load(struct config *config, const char *path, struct err *err)
{
	const char *variable = secure_getenv("SENDOFF_CONFIG");
	struct config_file *file = NULL;
	char *user;
	int result;

	*config = (struct config)CONFIG_INIT;
	if (path == NULL && variable != NULL && variable[0] != '\0')
		path = variable;
	if (path != NULL) {
		result = read_config_file(path, &file, err);
	} else {
		/* The user's own file, whether it exists or not. */
		user = own_path(secure_getenv("XDG_CONFIG_HOME"), ".config", "sendoff/config");
		result = read_usual(user, &file, err);
		free(user);
	}
	if (result == -1)
		return -1;
	if (parse_file(config, file, read_config_file, err) == -1) {
		/*
		 * A file that is included and missing does not mean that there is no configuration.
		 */
		err->sys_errno = 0;
		return -1;
	}
	stamp_password_files(config);
	if (path != NULL && remember(config, path, err) < 0)
		return -1;
	return strcmp(config->path, SYSTEM_FILE) == 0 ? use_system_aliases(config, err) : 0;
}

int
config_parse(struct config *config, const char *name, const char *text, size_t len, struct err *err)
{
	struct config_file *file = config_file_new(name);

	*config = (struct config)CONFIG_INIT;
	if (file == NULL)
		return err_memory(err);
	if (len > CONFIG_FILE_MAX) {
		config_file_free(file);
		err_set(err, ERR_CONFIG, "larger than %d octets", CONFIG_FILE_MAX);
		return err_wrap(err, "%s", name);
	}
	buf_add(&file->text, text, len);
	file->is_private = true;
	if (!buf_ok(&file->text)) {
		config_file_free(file);
		return err_memory(err);
	}
	return parse_file(config, file, NULL, err);
}
