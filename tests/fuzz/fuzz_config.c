/* SPDX-License-Identifier: ISC */
/*
 * Configuration files: whatever they hold, each account that comes out is whole, and each error
 * says where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/account.h"
#include "fuzz.h"

/* The fallbacks come to an end, at an account that can be used. */
static void
check_fallbacks(const struct config *config, const struct account *account)
{
	for (size_t i = 0; account->fallback != NULL; i++) {
		check(i < config->count);
		account = config_find(config, account->fallback);
		check(account != NULL && account->problem == NULL);
	}
}

static void
check_account(const struct config *config, const struct account *account)
{
	const char *address = account_address(account);
	const struct account *found;
	struct err err;

	check(account->name[0] != '\0' && account->origin != NULL);
	check((account->secret_source == SECRET_NONE) == (account->secret_origin == NULL));
	check(account->problem != NULL || account->server_count > 0);
	for (size_t i = 0; i < account->server_count; i++)
		check(account->servers[i].host[0] != '\0');
	for (size_t i = 0; i < account->from.count; i++)
		check(account->from.items[i][0] != '\0');
	check(account->expire_s >= 60 && account->retry_min_s >= 1 &&
	    account->retry_max_s >= account->retry_min_s);
	check(account->wait_ms == -1 || account->wait_ms >= 1000);
	check(account->connections >= 1 && account->connections <= 20);
	check_fallbacks(config, account);
	err_init(&err);
	if (config_account(config, account->name, NULL, &found, &err) == 0)
		check(found == account && account->problem == NULL);
	else
		check(account->problem != NULL && err.kind == ERR_CONFIG);
	err_release(&err);
	check(address == NULL || strchr(address, '@') != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct err err;

	err_init(&err);
	if (config_parse(&config, "conf", (const char *)data, size, &err) == -1) {
		check(err.kind == ERR_CONFIG && strncmp(err.what.data, "conf:", 5) == 0);
		check(config.count == 0 && config.accounts == NULL);
	}
	check((config.stamp == 0) == (config.path == NULL));
	check(config.queue_dir == NULL || config.queue_dir[0] == '/');
	for (size_t i = 0; i < config.count; i++)
		check_account(&config, &config.accounts[i]);
	config_release(&config);
	err_release(&err);
	return 0;
}
