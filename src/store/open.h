/* SPDX-License-Identifier: ISC */
/*
 * Which queue: the configuration's, or where there is no configuration at all the usual one.
 */
#ifndef SENDOFF_STORE_OPEN_H
#define SENDOFF_STORE_OPEN_H

#include "config/account.h"
#include "store/store.h"

/*
 * Opens the queue of the configuration that config_load() finds with config_path, to be looked at
 * and worked on; it is not made.  *missing: there is none yet, which is as good as an empty one;
 * the store is closed then. config may be NULL; else it gets the configuration, which is empty
 * where there is none.
 * Errors: ERR_CONFIG (the configuration is wrong, or says queue_dir none), those of store_open().
 */
int queue_open(struct store *store, const char *config_path, struct config *config, bool *missing,
    struct err *err);

#endif
