/* SPDX-License-Identifier: ISC */
#include "config/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/draft.h"

/* Whose manners hold: they differ in what quotes, empty values and repeated keys mean. */
enum manner {
	MANNER_OPEN, /* neither server nor host: a parent */
	MANNER_OURS,
	MANNER_MSMTP,
};

int
block_init(struct block *block, struct span name, struct origin at, struct err *err)
{
	*block = (struct block){ .name = span_dup(name), .at = at };
	return block->name == NULL ? err_memory(err) : 0;
}

void
block_release(struct block *block)
{
	free(block->name);
	free(block->entries);
	*block = (struct block){ .name = NULL };
}

void
block_reopen(struct block *block, struct origin at)
{
	block->at = at;
	for (size_t i = 0; i < block->count; i++)
		block->entries[i].inherited = FROM_DEFAULTS;
}

static int
append(struct block *block, const struct entry *entry, struct err *err)
{
	struct entry *entries = reallocarray(block->entries, block->count + 1, sizeof(*entries));

	if (entries == NULL)
		return err_memory(err);
	block->entries = entries;
	entries[block->count++] = *entry;
	return 0;
}

static struct entry *
find(const struct block *block, enum field field)
{
	for (size_t i = 0; i < block->count; i++)
		if (block->entries[i].key->field == field)
			return &block->entries[i];
	return NULL;
}

struct origin
block_origin(const struct block *block, enum field field)
{
	struct origin at = { NULL, 0 };

	for (size_t i = 0; i < block->count; i++)
		if (block->entries[i].key->field == field)
			at = block->entries[i].line.at;
	return at;
}

static void
drop(struct block *block, enum field field)
{
	size_t kept = 0;

	for (size_t i = 0; i < block->count; i++)
		if (block->entries[i].key->field != field)
			block->entries[kept++] = block->entries[i];
	block->count = kept;
}

static size_t
count_field(const struct block *block, enum field field)
{
	size_t n = 0;

	for (size_t i = 0; i < block->count; i++)
		n += block->entries[i].key->field == field ? 1 : 0;
	return n;
}

static bool
is_other_secret(const struct entry *old, const struct entry *new)
{
	return new->key->field == FIELD_SECRET &&new->key != old->key;
}

/*
 * Two lines that give the password in different ways: which one would be right is anybody's guess.
 */
static bool
is_second_secret(const struct entry *old, const struct entry *new)
{
	return is_other_secret(old, new) && old->line.value.len > 0 && new->line.value.len > 0;
}

static int
second_secret(const struct entry *old, const struct entry *new, struct err *err)
{
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	origin_add_short(&place, old->line.at, new->line.at);
	origin_err(new->line.at, err, "\"%s\" is one password too many: there is \"%s\" (%s)",
	    new->key->doc.name, old->key->doc.name, place.data);
	buf_release(&place);
	return -1;
}

static int
add_again(struct block *block, struct entry *old, struct entry *new, struct err *err)
{
	if (is_second_secret(old, new))
		return second_secret(old, new, err);
	/* An empty one says nothing about the other's. */
	if (is_other_secret(old, new)) {
		if (new->line.value.len > 0)
			*old = *new;
		return 0;
	}
	if ((new->key->flags &KEY_REPEATS) == 0) {
		new->first = old->first.line != 0 ? old->first : old->line.at;
		*old = *new;
		return 0;
	}
	/* An empty one takes back those before it. */
	if (new->line.value.len == 0 && (new->key->flags &KEY_UNSETS) != 0)
		drop(block, new->key->field);
	if (count_field(block, new->key->field) == BLOCK_REPEATS_MAX)
		return origin_err(new->line.at, err, "more than %d lines of \"%s\"",
		    BLOCK_REPEATS_MAX, new->key->doc.name);
	return append(block, new, err);
}

int
block_add(struct block *block, const struct key *key, const struct line *line, struct err *err)
{
	struct entry new = { .key = key, .line = *line, .inherited = OWN };
	struct entry *old = find(block, key->field);

	if (old != NULL && old->inherited == OWN)
		return add_again(block, old, &new, err);
	drop(block, key->field);
	return append(block, &new, err);
}

int
block_inherit(struct block *block, const struct block *from, enum inheritance how, struct err *err)
{
	bool replaced[FIELDS] = { false };

	for (size_t i = 0; i < from->count; i++) {
		struct entry entry = from->entries[i];
		enum field field = entry.key->field;

		if (how == FROM_PARENT && entry.inherited == FROM_DEFAULTS)
			continue;
		if (!replaced[field])
			drop(block, field);
		replaced[field] = true;
		entry.inherited = how;
		if (append(block, &entry, err) == -1)
			return -1;
	}
	return 0;
}

static enum manner
manner_of(const struct block *block)
{
	if (find(block, FIELD_SERVER) != NULL)
		return MANNER_OURS;
	return find(block, FIELD_HOST) != NULL ? MANNER_MSMTP : MANNER_OPEN;
}

static int
check_repeated(const struct entry *entry, enum manner manner, struct string_list *warnings,
    struct err *err)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);
	int result;

	if (entry->inherited != OWN || entry->first.line == 0)
		return 0;
	if (manner == MANNER_OURS) {
		origin_add_short(&text, entry->first, entry->line.at);
		err_set(err, ERR_CONFIG, "repeated key \"%s\" (%s)", entry->key->doc.name,
		    text.data);
		buf_release(&text);
		return -1;
	}
	origin_add(&text, entry->line.at);
	buf_addf(&text, ": repeated key \"%s\": this line counts, not ", entry->key->doc.name);
	origin_add_short(&text, entry->first, entry->line.at);
	result = string_list_add(warnings, span_of(text.data), err);
	buf_release(&text);
	return result;
}

/*
 * An empty value takes a setting back; in our manner it has to be written as "", so that it is no
 * oversight.
 */
static bool
means_default(const struct entry *entry, enum manner manner)
{
	return entry->line.value.len == 0 && (entry->key->flags & KEY_UNSETS) != 0 &&
	    (entry->line.quoted || manner != MANNER_OURS);
}

static int
check_form(const struct entry *entry, struct err *err)
{
	const struct key *key = entry->key;
	bool empty = entry->line.value.len == 0;

	if ((key->flags & KEY_NO_VALUE) != 0)
		return empty ? 0 : err_set(err, ERR_CONFIG, "\"%s\" takes no value", key->doc.name);
	if (empty && (key->flags & KEY_BARE_IS_ON) == 0)
		return err_set(err, ERR_CONFIG, "\"%s\" needs a value: %s", key->doc.name,
		    key->expected);
	return 0;
}

static int
set(struct draft *draft, const struct entry *entry, struct span text, struct err *err)
{
	struct value value = { text, entry->line.at };

	if (text.len == 0 && (entry->key->flags & KEY_BARE_IS_ON) != 0)
		value.text = span_of("on");
	if (entry->key->set(draft, entry->key, &value, err) == -1)
		return -1;
	draft->origins[entry->key->field] = entry->line.at;
	return 0;
}

static int
apply(struct draft *draft, const struct entry *entry, enum manner manner, struct err *err)
{
	struct buf plain = BUF_INIT_SECRET(SOURCE_LINE_MAX);
	int result;

	if (means_default(entry, manner))
		return 0;
	if (check_form(entry, err) == -1)
		return -1;
	/* msmtp knows no backslashes. */
	if (!entry->line.quoted || manner == MANNER_MSMTP)
		return set(draft, entry, entry->line.value, err);
	grammar_unescape(&plain, entry->line.value);
	result = buf_ok(&plain) ? set(draft, entry, (struct span){ plain.data, plain.len }, err) :
				  err_memory(err);
	buf_release(&plain);
	return result;
}

static int
fill(struct draft *draft, const struct block *block, enum manner manner,
    struct string_list *warnings, struct err *err)
{
	for (size_t i = 0; i < block->count; i++) {
		const struct entry *entry = &block->entries[i];

		if (check_repeated(entry, manner, warnings, err) == -1 ||
		    apply(draft, entry, manner, err) == -1)
			return origin_wrap(entry->line.at, err);
	}
	return 0;
}

static int
set_origin(struct account *account, struct origin at, struct err *err)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);

	origin_add(&text, at);
	account->origin = strdup(text.data);
	buf_release(&text);
	return account->origin == NULL ? err_memory(err) : 0;
}

int
block_build(const struct block *block, struct string_list *warnings, struct account *account,
    struct err *err)
{
	struct draft draft;

	if (draft_init(&draft, block->name, err) == -1 ||
	    set_origin(&draft.account, block->at, err) == -1 ||
	    fill(&draft, block, manner_of(block), warnings, err) == -1 ||
	    draft_finish(&draft, block->at, err) == -1) {
		draft_release(&draft);
		return -1;
	}
	draft_take(&draft, account);
	return 0;
}

int
block_settle(const struct block *block, struct config *config, struct err *err)
{
	struct draft draft;
	int result = draft_init(&draft, block->name, err);

	if (result == 0)
		result = fill(&draft, block, MANNER_OURS, &config->warnings, err);
	if (result == 0) {
		config->queue_dir = draft_has(&draft, FIELD_QUEUE_DIR) ? draft.queue_dir :
									 queue_dir_usual();
		draft.queue_dir = NULL;
	}
	draft_release(&draft);
	return result;
}
