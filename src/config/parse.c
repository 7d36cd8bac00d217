/* SPDX-License-Identifier: ISC */
#include "config/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/environment.h"
#include "config/keys.h"
#include "config/nearest.h"
#include "config/other_keys.h"
#include "config/owned.h"
#include "config/section.h"
#include "config/value.h"

enum { KEY_SHOWN_MAX = 40 }; /* octets of an unknown key that errors show */

struct config_parser {
	struct config *config;
	config_file_reader *read;
	struct config_file *files; /* all that were read, the newest first */
	size_t file_count;
	unsigned depth;
	struct section defaults;
	struct section whole;     /* what holds for the whole configuration */
	struct section *sections; /* one an account, in the order of config->accounts; the last may
				     be open */
	size_t section_count;
	struct section *open;   /* where settings go; NULL: before the first account or defaults
				   line */
	size_t begun;           /* account and defaults lines so far */
	struct origin included; /* an include line that began sections of its own and ended; line
				   0: none since */
};

typedef int directive_handler(struct config_parser *, const struct line *, struct err *);

static directive_handler begin_account, begin_defaults, include;
static int parse_lines(struct config_parser *p, const struct config_file *file, struct err *err);

static const struct directive {
	const char *name;
	directive_handler *handle;
} directives[] = {
	{ "account", begin_account },
	{ "defaults", begin_defaults },
	{ "include", include },
};

enum { DIRECTIVES = sizeof(directives) / sizeof(directives[0]) };

/* Makes the account of the section whose last line was read. */
static int
close_section(struct config_parser *p, struct err *err)
{
	struct section *section = p->open;
	struct account account;

	p->open = NULL;
	p->included = (struct origin){ NULL, 0 };
	if (section == NULL)
		return 0;
	if (draft_account(section, &p->config->warnings, &account, err) == -1)
		return -1;
	if (section != &p->defaults)
		return config_add(p->config, &account, err);
	/* It was made to have its errors told, even where no account uses the defaults. */
	account_release(&account);
	return 0;
}

static struct section *
find_section(struct config_parser *p, struct span name)
{
	for (size_t i = 0; i < p->section_count; i++)
		if (span_is(name, p->sections[i].name))
			return &p->sections[i];
	return NULL;
}

static int
add_section(struct config_parser *p, struct span name, struct origin at, struct err *err)
{
	struct section *sections;

	if (p->section_count == ACCOUNTS_MAX)
		return origin_err(at, err, "more than %d accounts", ACCOUNTS_MAX);
	sections = reallocarray(p->sections, p->section_count + 1, sizeof(*sections));
	if (sections == NULL)
		return err_memory(err);
	p->sections = sections;
	if (section_init(&sections[p->section_count], name, at, err) == -1)
		return -1;
	p->open = &sections[p->section_count++];
	return section_inherit(p->open, &p->defaults, FROM_DEFAULTS, err);
}

/* An error about a foreign word: sentence, the word in quotes, the rest. */
static int
word_err(struct origin at, struct err *err, const char *before, struct span word, const char *after)
{
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 2);

	text_printable(&shown, word, false);
	origin_err(at, err, "%s \"%s\"%s", before, shown.data, after);
	buf_release(&shown);
	return -1;
}

static int
check_name(struct config_parser *p, struct span name, struct origin at, struct err *err)
{
	struct span rest = name;
	struct span word = value_word(&rest);
	const struct section *same = find_section(p, name);
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	if (name.len == 0)
		return origin_err(at, err, "\"account\" needs a value: a name");
	if (word.len != name.len || !value_is_text(name))
		return origin_err(at, err,
		    "the name of an account is one word of UTF-8, without commas");
	if (same == NULL)
		return 0;
	buf_adds(&place, " is there already (");
	origin_add_short(&place, same->at, at);
	buf_addc(&place, ')');
	word_err(at, err, "the account", name, place.data);
	buf_release(&place);
	return -1;
}

static int
inherit(struct config_parser *p, struct span parents, struct origin at, struct err *err)
{
	struct span word;

	for (word = value_word(&parents); word.len > 0; word = value_word(&parents)) {
		const struct section *parent = find_section(p, word);

		if (parent == NULL || parent == p->open)
			return word_err(at, err, "there is no account", word, " above this line");
		if (section_inherit(p->open, parent, FROM_PARENT, err) == -1)
			return -1;
	}
	return 0;
}

/* account NAME [: PARENT[,PARENT...]] */
static int
begin_account(struct config_parser *p, const struct line *line, struct err *err)
{
	struct span parents = line->value;
	struct span name = span_trim(span_cut(&parents, ':'));
	bool has_colon = memchr(line->value.data, ':', line->value.len) != NULL;

	if (close_section(p, err) == -1 || check_name(p, name, line->at, err) == -1)
		return -1;
	if (has_colon && span_trim(parents).len == 0)
		return origin_err(line->at, err, "the name of an account is missing behind \":\"");
	if (add_section(p, name, line->at, err) == -1)
		return -1;
	p->begun++;
	return inherit(p, parents, line->at, err);
}

static int
begin_defaults(struct config_parser *p, const struct line *line, struct err *err)
{
	if (close_section(p, err) == -1)
		return -1;
	if (line->value.len > 0)
		return origin_err(line->at, err, "\"defaults\" takes no value");
	section_reopen(&p->defaults, line->at);
	p->open = &p->defaults;
	p->begun++;
	return 0;
}

/* The file that is meant: relative to the one that includes it. */
static int
include_path(const struct line *line, char **path, struct err *err)
{
	const char *name = line->at.file->name;
	const char *slash = strrchr(name, '/');
	struct buf plain = BUF_INIT(CONFIG_LINE_MAX);
	int result = 0;

	if (line->quoted)
		grammar_unescape(&plain, line->value);
	else
		buf_add(&plain, line->value.data, line->value.len);
	if (plain.data[0] == '/' || plain.data[0] == '~')
		result = home_expand((struct span){ plain.data, plain.len }, path, err);
	else if (asprintf(path, "%.*s%s", slash != NULL ? (int)(slash - name) + 1 : 0, name,
		     plain.data) == -1)
		result = err_memory(err);
	buf_release(&plain);
	return result;
}

static int
check_include(const struct config_parser *p, const struct line *line, struct err *err)
{
	if (line->value.len == 0)
		return err_set(err, ERR_CONFIG, "\"include\" needs a value: a file");
	if (p->read == NULL)
		return err_set(err, ERR_CONFIG, "\"include\" is not possible here");
	if (p->depth == INCLUDE_DEPTH_MAX)
		return err_set(err, ERR_CONFIG,
		    "files include each other more than %d deep: does one include itself?",
		    INCLUDE_DEPTH_MAX);
	if (p->file_count == INCLUDE_FILES_MAX)
		return err_set(err, ERR_CONFIG, "more than %d files", INCLUDE_FILES_MAX);
	return 0;
}

static int
read_included(struct config_parser *p, const struct line *line, struct config_file **file,
    struct err *err)
{
	char *path = NULL;
	int result;

	if (check_include(p, line, err) == -1 || include_path(line, &path, err) == -1)
		return -1;
	result = p->read(path, file, err);
	free(path);
	return result;
}

static void
keep_file(struct config_parser *p, struct config_file *file)
{
	file->next = p->files;
	p->files = file;
	p->file_count++;
	p->config->stamp = owned_stamp(p->config->stamp, &file->status);
}

/*
 * The file's lines count as if they stood here.  Where they begin sections of their own, the lines
 * behind the include would silently join the last of these: then a line that says where they belong
 * has to come first.
 */
static int
include(struct config_parser *p, const struct line *line, struct err *err)
{
	struct config_file *file;
	size_t begun = p->begun;
	int result;

	if (read_included(p, line, &file, err) == -1)
		return origin_wrap(line->at, err);
	keep_file(p, file);
	p->depth++;
	result = parse_lines(p, file, err);
	p->depth--;
	if (result == -1 || p->begun == begun)
		return result;
	result = close_section(p, err);
	p->included = line->at;
	return result;
}

/*
 * A key that cannot have been meant as such is a word too many, or perhaps a password: it is not
 * shown.
 */
static bool
is_key_like(struct span key)
{
	for (size_t i = 0; i < key.len; i++)
		if (!ascii_is_alpha(key.data[i]) && !ascii_is_digit(key.data[i]) &&
		    key.data[i] != '_' && key.data[i] != '-')
			return false;
	return key.len <= KEY_SHOWN_MAX;
}

static const char *
nearest_key(struct span word)
{
	struct nearest nearest;

	nearest_begin(&nearest, word);
	for (size_t i = 0; key_row(i) != NULL; i++)
		nearest_try(&nearest, key_row(i)->name);
	for (size_t i = 0; i < DIRECTIVES; i++)
		nearest_try(&nearest, directives[i].name);
	for (size_t i = 0; other_key(i) != NULL; i++)
		nearest_try(&nearest, other_key(i)->name);
	return nearest.name;
}

static int
unknown_key(const struct line *line, struct err *err)
{
	struct span rest = line->key;
	struct span before = span_cut(&rest, '=');
	struct buf meant = BUF_INIT(ERR_TEXT_MAX);
	const char *name;

	if (before.len < line->key.len && is_key_like(before))
		return word_err(line->at, err, "there must be a space, not \"=\", behind", before,
		    "");
	if (!is_key_like(line->key))
		return origin_err(line->at, err, "the line does not begin with a key");
	name = nearest_key(line->key);
	if (name != NULL)
		buf_addf(&meant, " (did you mean \"%s\"?)", name);
	word_err(line->at, err, "unknown key", line->key, meant.data);
	buf_release(&meant);
	return -1;
}

/* Where a setting goes: lines before the first account or defaults are the account "default". */
static int
open_section(struct config_parser *p, struct origin at, struct err *err)
{
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	if (p->open != NULL)
		return 0;
	if (p->included.line == 0)
		return add_section(p, span_of("default"), at, err);
	origin_add_short(&place, p->included, at);
	origin_err(at, err,
	    "an \"account\" or \"defaults\" line must come first: the file included (%s) has some",
	    place.data);
	buf_release(&place);
	return -1;
}

/*
 * A key that holds for all accounts may not stand in one of them: it would look like that account's
 * own.
 */
static int
add_for_whole(struct config_parser *p, const struct key *key, const struct line *line,
    struct err *err)
{
	if (p->begun > 0 && p->open != &p->defaults)
		return origin_err(line->at, err,
		    "\"%s\" holds for all accounts: it stands before the first "
		    "\"account\" line, or below a \"defaults\" line",
		    key->name);
	return section_add(&p->whole, key, line, err);
}

static int
add_setting(struct config_parser *p, const struct line *line, struct err *err)
{
	const struct key *key = key_find(line->key);
	const struct other_key *other = other_key_find(line->key);
	struct span rest = line->value;

	/* Other programs write "key = value". */
	if (!line->quoted && span_is(span_cut(&rest, ' '), "="))
		return word_err(line->at, err, "there must be no \"=\" behind", line->key, "");
	if (key != NULL && (key->flags & KEY_WHOLE) != 0)
		return add_for_whole(p, key, line, err);
	if (key != NULL)
		return open_section(p, line->at, err) == 0 ? section_add(p->open, key, line, err) :
							     -1;
	if (other == NULL)
		return unknown_key(line, err);
	if (other->harmless(line->value))
		return 0;
	return origin_err(line->at, err, "this version cannot do \"%s\", and without it %s",
	    other->name, other->reason);
}

static int
parse_lines(struct config_parser *p, const struct config_file *file, struct err *err)
{
	struct grammar grammar;
	struct line line;

	grammar_begin(&grammar, file);
	for (;;) {
		directive_handler *handle = add_setting;

		if (grammar_next(&grammar, &line, err) == -1)
			return -1;
		if (line.key.len == 0)
			return 0;
		for (size_t i = 0; i < DIRECTIVES; i++)
			if (span_is(line.key, directives[i].name))
				handle = directives[i].handle;
		if (handle(p, &line, err) == -1)
			return -1;
	}
}

/* The line in which an account sets that place in the draft; there must be one. */
static struct origin
origin_of(const struct config_parser *p, size_t account, size_t place)
{
	return section_find(&p->sections[account], place)->line.at;
}

/* The number of the account that this one falls back to; the count of accounts: to none. */
static int
find_fallback(const struct config_parser *p, size_t account, size_t *next, struct err *err)
{
	const struct config *config = p->config;
	const char *name = config->accounts[account].fallback;
	const struct account *found;
	struct origin at;

	*next = config->count;
	if (name == NULL)
		return 0;
	at = origin_of(p, account, IN_ACCOUNT(fallback));
	found = config_find(config, name);
	if (found == NULL)
		return word_err(at, err, "there is no account", span_of(name), " to fall back to");
	if (found->problem != NULL)
		return origin_err(at, err,
		    "an account to fall back to must be one that can be used: %s", found->problem);
	*next = (size_t)(found - config->accounts);
	return 0;
}

static int
circle(const struct config_parser *p, const size_t *next, size_t from, struct err *err)
{
	const struct account *accounts = p->config->accounts;
	struct origin at = origin_of(p, from, IN_ACCOUNT(fallback));
	struct buf names = BUF_INIT(ERR_TEXT_MAX / 2);

	text_printable(&names, span_of(accounts[from].name), false);
	for (size_t i = next[from]; i != from; i = next[i]) {
		buf_adds(&names, ", ");
		text_printable(&names, span_of(accounts[i].name), false);
	}
	if (next[from] == from)
		origin_err(at, err, "the account \"%s\" falls back to itself", names.data);
	else
		origin_err(at, err, "accounts fall back to each other in a circle: %s", names.data);
	buf_release(&names);
	return err_hint(err, "to end it, write there: fallback \"\"");
}

static int
check_fallbacks(const struct config_parser *p, struct err *err)
{
	size_t count = p->config->count;
	size_t *next = calloc(count + 1, sizeof(*next));
	int result = 0;

	if (next == NULL)
		return err_memory(err);
	for (size_t i = 0; result == 0 && i < count; i++)
		result = find_fallback(p, i, &next[i], err);
	for (size_t i = count; result == 0 && i-- > 0;) {
		size_t k = next[i];

		/* Whoever has not come back after as many steps as there are accounts never will.
		 */
		for (size_t steps = 0; k != count && k != i && steps < count; steps++)
			k = next[k];
		if (k == i)
			result = circle(p, next, i, err);
	}
	free(next);
	return result;
}

/* Without a queue, mail can only go while its caller waits. */
static int
check_deliveries(const struct config_parser *p, struct err *err)
{
	const struct statement *none = section_find(&p->whole, IN_DRAFT(queue_dir));

	if (p->config->queue_dir != NULL || none == NULL)
		return 0;
	for (size_t i = 0; i < p->config->count; i++) {
		struct buf place = BUF_INIT(ERR_TEXT_MAX);
		struct origin at;

		if (p->config->accounts[i].delivery == DELIVERY_NOW)
			continue;
		at = origin_of(p, i, IN_ACCOUNT(delivery));
		origin_add_short(&place, none->line.at, at);
		origin_err(at, err,
		    "\"delivery\" wants a queue, and \"queue_dir\" says that there is none (%s)",
		    place.data);
		buf_release(&place);
		return -1;
	}
	return 0;
}

static void
parser_release(struct config_parser *p)
{
	for (size_t i = 0; i < p->section_count; i++)
		section_release(&p->sections[i]);
	free(p->sections);
	section_release(&p->defaults);
	section_release(&p->whole);
	config_file_free(p->files);
}

int
parse_file(struct config *config, struct config_file *first, config_file_reader *read,
    struct err *err)
{
	struct config_parser p = { .config = config, .read = read };
	struct origin top = { first, 1 };
	int result = 0;

	keep_file(&p, first);
	config->path = strdup(first->name);
	if (config->path == NULL)
		result = err_memory(err);
	if (result == -1 || section_init(&p.defaults, span_of("defaults"), top, err) == -1 ||
	    section_init(&p.whole, span_of("all accounts"), top, err) == -1 ||
	    parse_lines(&p, first, err) == -1 || close_section(&p, err) == -1 ||
	    /* From here on, all accounts are known. */
	    draft_whole(&p.whole, config, err) == -1 || check_fallbacks(&p, err) == -1 ||
	    check_deliveries(&p, err) == -1)
		result = -1;
	parser_release(&p);
	if (result == -1)
		config_release(config);
	return result;
}
