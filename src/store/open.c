/* SPDX-License-Identifier: ISC */
#include "store/open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A file that the caller names must be there; without any, mail may have been queued before the
 * configuration was lost.
 */
static bool
is_unconfigured(const char *config_path, const struct err *err)
{
	return config_path == NULL && err->kind == ERR_CONFIG &&
	    (err->sys_errno == ENOENT || err->sys_errno == ENOTDIR);
}

static int
load(struct config *config, const char *config_path, struct err *err)
{
	struct err failure;
	int result;

	err_init(&failure);
	result = config_load(config, config_path, &failure);
	if (result < 0 && is_unconfigured(config_path, &failure)) {
		config->queue_dir = queue_dir_usual();
		result = 0;
	}
	if (result < 0)
		err_move(err, &failure);
	err_release(&failure);
	return result;
}

static int
open_dir(struct store *store, const char *path, bool *missing, struct err *err)
{
	struct err failure;
	int result;

	err_init(&failure);
	result = store_open(store, path, false, &failure);
	*missing = result < 0 && failure.sys_errno == ENOENT;
	if (*missing)
		result = 0;
	if (result < 0)
		err_move(err, &failure);
	err_release(&failure);
	return result;
}

int
queue_open(struct store *store, const char *config_path, struct config *config, bool *missing,
    struct err *err)
{
	struct config own = CONFIG_INIT, *used = config != NULL ? config : &own;
	int result = -1;

	*store = (struct store)STORE_INIT;
	*missing = false;
	if (load(used, config_path, err) == 0) {
		if (used->queue_dir != NULL)
			result = open_dir(store, used->queue_dir, missing, err);
		else
			err_set(err, ERR_CONFIG,
			    used->path != NULL ?
				"the configuration names no folder for a queue (queue_dir)" :
				"there is no configuration, and no home where a queue could be");
	}
	config_release(&own);
	return result;
}
