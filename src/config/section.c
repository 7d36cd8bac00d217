/* SPDX-License-Identifier: ISC */
#include "config/section.h"

#include <stdlib.h>

int
section_init(struct section *section, struct span name, struct origin at, struct err *err)
{
	*section = (struct section){ .name = span_dup(name), .at = at };
	return section->name == NULL ? err_memory(err) : 0;
}

void
section_release(struct section *section)
{
	free(section->name);
	free(section->statements);
	*section = (struct section){ .name = NULL };
}

void
section_reopen(struct section *section, struct origin at)
{
	section->at = at;
	for (size_t i = 0; i < section->count; i++)
		section->statements[i].inherited = FROM_DEFAULTS;
}

struct statement *
section_find(const struct section *section, size_t place)
{
	for (size_t i = section->count; i-- > 0;)
		if (section->statements[i].key->place == place)
			return &section->statements[i];
	return NULL;
}

static void
drop(struct section *section, size_t place)
{
	size_t kept = 0;

	for (size_t i = 0; i < section->count; i++)
		if (section->statements[i].key->place != place)
			section->statements[kept++] = section->statements[i];
	section->count = kept;
}

static int
append(struct section *section, const struct statement *statement, struct err *err)
{
	struct statement *statements = reallocarray(section->statements, section->count + 1,
	    sizeof(*statements));

	if (statements == NULL)
		return err_memory(err);
	section->statements = statements;
	statements[section->count++] = *statement;
	return 0;
}

/* One more line of a key that adds. */
static int
append_again(struct section *section, const struct statement *added, struct err *err)
{
	size_t n = 0;

	/* An empty one takes back those before it. */
	if (added->line.value.len == 0 && (added->key->flags & KEY_UNSETS) != 0)
		drop(section, added->key->place);
	for (size_t i = 0; i < section->count; i++)
		n += section->statements[i].key->place == added->key->place ? 1 : 0;
	if (n == SECTION_REPEATS_MAX)
		return origin_err(added->line.at, err, "more than %d lines of \"%s\"",
		    SECTION_REPEATS_MAX, added->key->name);
	return append(section, added, err);
}

/* The password is given in two ways: which one would be right is anybody's guess. */
static int
second_secret(const struct statement *old, const struct statement *added, struct err *err)
{
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	origin_add_short(&place, old->line.at, added->line.at);
	origin_err(added->line.at, err, "\"%s\" is one password too many: there is \"%s\" (%s)",
	    added->key->name, old->key->name, place.data);
	buf_release(&place);
	return -1;
}

int
section_add(struct section *section, const struct key *key, const struct line *line,
    struct err *err)
{
	struct statement added = { .key = key, .line = *line, .inherited = OWN };
	struct statement *old = section_find(section, key->place);
	bool other_secret = old != NULL && key != old->key && key->place == IN_ACCOUNT(secret);

	if (old == NULL || old->inherited != OWN) {
		drop(section, key->place);
		return append(section, &added, err);
	}
	if ((key->flags & KEY_REPEATS) != 0)
		return append_again(section, &added, err);
	if (other_secret && line->value.len > 0 && old->line.value.len > 0)
		return second_secret(old, &added, err);
	/* An empty line says nothing about another way to the password. */
	if (other_secret && line->value.len == 0)
		return 0;
	if (!other_secret)
		added.first = old->first.line != 0 ? old->first : old->line.at;
	*old = added;
	return 0;
}

/* True where `from` hands a setting on. */
static bool
is_handed_on(const struct statement *statement, enum inheritance how)
{
	return how == FROM_DEFAULTS || statement->inherited != FROM_DEFAULTS;
}

int
section_inherit(struct section *section, const struct section *from, enum inheritance how,
    struct err *err)
{
	/* A key that adds has several lines: those that are replaced go before the first comes. */
	for (size_t i = 0; i < from->count; i++)
		if (is_handed_on(&from->statements[i], how))
			drop(section, from->statements[i].key->place);
	for (size_t i = 0; i < from->count; i++) {
		struct statement statement = from->statements[i];

		if (!is_handed_on(&statement, how))
			continue;
		statement.inherited = how;
		if (append(section, &statement, err) == -1)
			return -1;
	}
	return 0;
}
