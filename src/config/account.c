/* SPDX-License-Identifier: ISC */
#include "config/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/draft.h"
#include "config/keys.h"
#include "format/address.h"

void
account_release(struct account *account)
{
	keys_release(account, sizeof(*account));
	free(account->name);
	free(account->origin);
	free(account->problem);
	*account = (struct account){ .name = NULL };
}

int
string_list_add(struct string_list *list, struct span item, struct err *err)
{
	char **items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (items == NULL)
		return err_memory(err);
	list->items = items;
	items[list->count] = span_dup(item);
	if (items[list->count] == NULL)
		return err_memory(err);
	list->count++;
	return 0;
}

void
string_list_release(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){ NULL, 0 };
}

int
config_add(struct config *config, struct account *account, struct err *err)
{
	struct account *accounts = reallocarray(config->accounts, config->count + 1,
	    sizeof(*accounts));

	if (accounts == NULL) {
		account_release(account);
		return err_memory(err);
	}
	config->accounts = accounts;
	accounts[config->count++] = *account;
	return 0;
}

void
config_release(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		account_release(&config->accounts[i]);
	free(config->accounts);
	string_list_release(&config->warnings);
	free(config->path);
	free(config->queue_dir);
	free(config->given);
	*config = (struct config)CONFIG_INIT;
}

const struct account *
config_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->accounts[i].name, name) == 0)
			return &config->accounts[i];
	return NULL;
}

static const struct account *
find_by_sender(const struct config *config, const char *sender)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct string_list *from = &config->accounts[i].from;

		for (size_t k = 0; k < from->count; k++)
			if (address_matches(span_of(sender), from->items[k]))
				return &config->accounts[i];
	}
	return NULL;
}

/* Without a name: by the sender, else the account "default", else the only one there is. */
static const struct account *
find_fitting(const struct config *config, const char *sender)
{
	const struct account *account = NULL;

	if (sender != NULL && sender[0] != '\0')
		account = find_by_sender(config, sender);
	if (account == NULL)
		account = config_find(config, "default");
	if (account == NULL && config->count == 1)
		account = &config->accounts[0];
	return account;
}

static int
no_account(const struct config *config, const char *name, struct err *err)
{
	struct buf names = BUF_INIT(ERR_TEXT_MAX / 2);
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 4);

	for (size_t i = 0; i < config->count; i++) {
		buf_adds(&names, i == 0 ? "" : ", ");
		text_printable(&names, span_of(config->accounts[i].name), false);
	}
	if (config->count == 0)
		buf_adds(&names, "none");
	if (name != NULL) {
		text_printable(&shown, span_of(name), false);
		err_set(err, ERR_CONFIG, "%s has no account \"%s\", only: %s", config->path,
		    shown.data, names.data);
	} else {
		err_set(err, ERR_CONFIG,
		    "%s has no account \"default\", and none for this sender, only: %s",
		    config->path, names.data);
		err_hint(err, "choose one with -a NAME, or add: account default : NAME");
	}
	buf_release(&names);
	buf_release(&shown);
	return -1;
}

int
config_account(const struct config *config, const char *name, const char *sender,
    const struct account **account, struct err *err)
{
	const struct account *found = name != NULL ? config_find(config, name) :
						     find_fitting(config, sender);

	if (found == NULL)
		return no_account(config, name, err);
	if (found->problem != NULL)
		return err_set(err, ERR_CONFIG, "%s", found->problem);
	*account = found;
	return 0;
}

/* True where text is an address and nothing else, so that it can be used as it stands. */
static bool
is_address(const char *text)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct err err;
	bool is = false;

	err_init(&err);
	if (address_parse(&list, span_of(text), ADDRESS_ONE, &err) == 0)
		is = list.count == 1 && list.items[0].qualified &&
		    strcmp(list.items[0].mailbox, text) == 0;
	address_list_release(&list);
	err_release(&err);
	return is;
}

const char *
account_address(const struct account *account)
{
	for (size_t i = 0; i < account->from.count; i++)
		if (strchr(account->from.items[i], '*') == NULL)
			return account->from.items[i];
	return account->user != NULL && is_address(account->user) ? account->user : NULL;
}
