/* SPDX-License-Identifier: ISC */
#include "command/help.h"

#include <stdbool.h>
#include <string.h>

#include "command/option.h"
#include "command/queue.h"
#include "command/send_option.h"
#include "config/account.h"
#include "store/open.h"

enum { IDS_MAX = 1000 }; /* offered at once: nobody reads more */

/* What the arguments of some options can be; the accounts come from the configuration. */
static const struct values {
	char letter;
	const char *words[12];
} values[] = {
	{ 'B', { "7BIT", "8BITMIME" } },
	{ 'N',
	    { "never", "success", "failure", "delay", "failure,delay", "success,failure,delay" } },
	{ 'R', { "full", "hdrs" } },
	{ 'b', { "m", "s", "p", "i", "v", "d" } },
	{ 'e', { "p", "q", "m", "w", "e" } },
	{ 'o', { "i", "di", "db", "dq", "ep", "eq", "em", "ew", "ee" } },
};

static bool
starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* One candidate, if it begins as what was typed. */
static void
offer(FILE *out, const char *candidate, const char *what, const char *typed)
{
	if (starts(candidate, typed))
		fprintf(out, "%s\t%s\n", candidate, what);
}

/* The accounts, each behind the prefix that stands in the same word ("--account="). */
static void
offer_accounts(FILE *out, const char *config, const char *prefix, const char *typed)
{
	struct config accounts = CONFIG_INIT;
	struct buf text = BUF_INIT(1024);
	struct err err;

	err_init(&err);
	if (config_load(&accounts, config, &err) == 0)
		for (size_t i = 0; i < accounts.count; i++) {
			buf_clear(&text);
			buf_addf(&text, "%s%s", prefix, accounts.accounts[i].name);
			offer(out, text.data, "account", typed);
		}
	config_release(&accounts);
	err_release(&err);
	buf_release(&text);
}

static void
offer_values(FILE *out, char letter, const char *typed)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		for (const char *const *word = values[i].words;
		     values[i].letter == letter && *word != NULL; word++)
			offer(out, *word, "", typed);
}

static void
offer_option(FILE *out, const struct option_row *row, const char *typed)
{
	struct buf text = BUF_INIT(64);

	if (row->letter != '\0') {
		buf_addf(&text, "-%c", row->letter);
		offer(out, text.data, row->what, typed);
	}
	if (row->name != NULL) {
		buf_clear(&text);
		buf_addf(&text, "--%s%s", row->name, row->arity == ARITY_ARGUMENT ? "=" : "");
		offer(out, text.data, row->what, typed);
	}
	buf_release(&text);
}

static void
offer_options(FILE *out, const char *typed, bool first)
{
	for (size_t i = 0; option_row(i) != NULL; i++)
		if (option_row(i)->what != NULL)
			offer_option(out, option_row(i), typed);
	if (first) {
		offer(out, "-C", "the configuration", typed);
		offer(out, "--config=", "the configuration", typed);
	}
}

static void
offer_commands(FILE *out, const char *typed, bool first)
{
	/* These need no configuration: "-C FILE" cannot stand before them. */
	if (first) {
		offer(out, "help", "show the options", typed);
		offer(out, "version", "show the version", typed);
	}
	offer(out, "send", "make a message, and send it", typed);
	offer(out, "queue", "the messages that wait", typed);
}

/* `sendoff queue …` */

static bool
is_among(const char *word, int count, char **words)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* The ids that are not named yet.  Only names are read: a person waits for them while typing. */
static void
offer_ids(FILE *out, struct store *store, int count, char **words, struct err *err)
{
	const char *typed = words[count - 1], *id;
	struct store_scan scan;
	unsigned offered = 0;
	bool foreign;

	if (store_scan_begin(&scan, store, err) < 0)
		return;
	while (offered < IDS_MAX && store_scan_next(&scan, &id, &foreign, err))
		if (!foreign && starts(id, typed) && !is_among(id, count - 1, words)) {
			offer(out, id, "message", typed);
			offered++;
		}
	store_scan_end(&scan);
}

static void
offer_messages(FILE *out, const char *config, const struct queue_row *row, int count, char **words)
{
	struct store store;
	struct err err;
	bool missing;

	if (row->operands == QUEUE_SOME)
		offer(out, "ALL", "every message", words[count - 1]);
	err_init(&err);
	if (queue_open(&store, config, NULL, &missing, &err) == 0 && !missing)
		offer_ids(out, &store, count, words, &err);
	store_close(&store);
	err_release(&err);
}

/* The words behind "queue", the last of which is being typed. */
static void
offer_queue(FILE *out, const char *config, int count, char **words)
{
	const char *typed = words[count - 1];
	const struct queue_row *row = count > 1 ? queue_find(words[0]) : NULL;

	if (count == 1)
		for (size_t i = 0; queue_row(i) != NULL; i++)
			offer(out, queue_row(i)->name, queue_row(i)->what, typed);
	if (row == NULL)
		return;
	if (typed[0] != '-') {
		if (row->operands != QUEUE_NONE && (row->operands != QUEUE_ONE || count == 2))
			offer_messages(out, config, row, count, words);
		return;
	}
	for (size_t i = 0; queue_option_row(i) != NULL; i++)
		if ((row->options & queue_option_row(i)->option) != 0)
			offer(out, queue_option_row(i)->text, queue_option_row(i)->what, typed);
}

/* `sendoff send …` */

/* The row whose argument stands behind the word; NULL: none's does. */
static const struct send_row *
send_awaiting(const char *before)
{
	size_t len = strlen(before);

	for (size_t i = 0; send_row(i) != NULL && len > 1; i++) {
		const struct send_row *row = send_row(i);

		if (row->arity != ARITY_ARGUMENT)
			continue;
		if (row->name != NULL && starts(before, "--") && strcmp(before + 2, row->name) == 0)
			return row;
		if (before[0] == '-' && before[1] != '-' && row->letter != '\0' &&
		    before[len - 1] == row->letter)
			return row;
	}
	return NULL;
}

/* The row whose "--name=" the word begins with; *prefix: the octets of that. */
static const struct send_row *
send_begun(const char *typed, size_t *prefix)
{
	*prefix = strcspn(typed, "=") + 1;
	for (size_t i = 0; send_row(i) != NULL && starts(typed, "--") && strchr(typed, '=') != NULL;
	     i++) {
		const struct send_row *row = send_row(i);

		if (row->name != NULL && row->arity != ARITY_NONE &&
		    strlen(row->name) + 3 == *prefix &&
		    strncmp(typed + 2, row->name, *prefix - 3) == 0)
			return row;
	}
	return NULL;
}

/* What the row's argument can be, behind the first octets of the word. */
static void
offer_send_values(FILE *out, const char *config, const struct send_row *row, const char *typed,
    size_t prefix)
{
	struct buf text = BUF_INIT(256);
	char before[64] = "";

	if (prefix < sizeof(before))
		memcpy(before, typed, prefix);
	if (row->words == send_files)
		fputs(":files\n", out);
	else if (row->words == send_accounts)
		offer_accounts(out, config, before, typed);
	for (size_t i = 0; row->words != NULL && row->words[i] != NULL; i++) {
		buf_clear(&text);
		buf_addf(&text, "%s%s", before, row->words[i]);
		offer(out, text.data, "", typed);
	}
	buf_release(&text);
}

static void
offer_send_option(FILE *out, const struct send_row *row, const char *typed)
{
	struct buf text = BUF_INIT(64);

	if (row->letter != '\0') {
		buf_addf(&text, "-%c", row->letter);
		offer(out, text.data, row->what, typed);
	}
	if (row->name != NULL && row->arity != ARITY_ARGUMENT) {
		buf_clear(&text);
		buf_addf(&text, "--%s", row->name);
		offer(out, text.data, row->what, typed);
	}
	/* -r is -f by another letter. */
	if (row->name != NULL && row->arity != ARITY_NONE && row->letter != 'r') {
		buf_clear(&text);
		buf_addf(&text, "--%s=", row->name);
		offer(out, text.data, row->what, typed);
	}
	buf_release(&text);
}

static void
offer_send(FILE *out, const char *config, int count, char **words)
{
	const char *typed = words[count - 1];
	const struct send_row *row;
	size_t prefix = 0;

	for (int i = 0; i < count - 1; i++)
		if (strcmp(words[i], "--") == 0)
			return;
	row = count > 1 ? send_awaiting(words[count - 2]) : NULL;
	if (row == NULL)
		row = send_begun(typed, &prefix);
	else
		prefix = 0;
	if (row != NULL) {
		offer_send_values(out, config, row, typed, prefix);
		return;
	}
	for (size_t i = 0; typed[0] == '-' && send_row(i) != NULL; i++)
		offer_send_option(out, send_row(i), typed);
}

/* The option whose argument the last word is; 0: it is none's. */
static char
awaiting(const char *before)
{
	size_t len = strlen(before);

	if (strcmp(before, "--account") == 0)
		return 'a';
	if (strcmp(before, "--config") == 0)
		return 'C';
	if (before[0] != '-' || before[1] == '-' || len != 2)
		return '\0';
	for (size_t i = 0; option_row(i) != NULL; i++)
		if (option_row(i)->letter == before[1] && option_row(i)->arity == ARITY_ARGUMENT)
			return before[1];
	return '\0';
}

/* The configuration that the words name themselves; *taken: how many of them do. */
static const char *
named_config(int count, char **words, int *taken)
{
	*taken = 0;
	if (count > 1 && starts(words[0], "--config=")) {
		*taken = 1;
		return words[0] + strlen("--config=");
	}
	if (count > 2 && (strcmp(words[0], "-C") == 0 || strcmp(words[0], "--config") == 0)) {
		*taken = 2;
		return words[1];
	}
	return NULL;
}

void
complete_print(FILE *out, int count, char **words)
{
	const char *word = count > 0 ? words[count - 1] : "";
	char option = count > 1 ? awaiting(words[count - 2]) : '\0';
	int taken;
	const char *config = named_config(count, words, &taken);

	if (count > taken + 1 && strcmp(words[taken], "send") == 0)
		offer_send(out, config, count - taken - 1, words + taken + 1);
	else if (count > taken + 1 && strcmp(words[taken], "queue") == 0)
		offer_queue(out, config, count - taken - 1, words + taken + 1);
	else if (option == 'C' || (count == 1 && starts(word, "--config=")))
		fputs(":files\n", out);
	else if (option == 'a')
		offer_accounts(out, config, "", word);
	else if (starts(word, "--account="))
		offer_accounts(out, config, "--account=", word);
	else if (option != '\0')
		offer_values(out, option, word);
	else if (word[0] == '-')
		offer_options(out, word, count == 1);
	else if (count == 2 && strcmp(words[0], "help") == 0)
		offer(out, "keys", "show the keys of the configuration", word);
	else if (count <= 1 || count == taken + 1)
		offer_commands(out, word, count <= 1);
}
