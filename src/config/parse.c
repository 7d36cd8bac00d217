/* SPDX-License-Identifier: ISC */
#include "config/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/block.h"
#include "config/home.h"
#include "config/keys.h"
#include "config/nearest.h"
#include "config/other_keys.h"
#include "config/owned.h"
#include "config/value.h"

enum { KEY_SHOWN_MAX = 40 }; /* octets of an unknown key that errors show */

struct parser {
	struct config *config;
	source_reader *read;
	struct source *sources; /* all that were read, the newest first */
	size_t source_count;
	unsigned depth;
	struct block defaults;
	struct block whole;   /* what holds for the whole configuration */
	struct block *blocks; /* one an account, in the order of config->accounts; the last may be
				 open */
	size_t block_count;
	struct block *open; /* where settings go; NULL: before the first account or defaults line */
	size_t begun;       /* account and defaults lines so far */
	struct origin included; /* an include line that began blocks of its own and ended; line 0:
				   none since */
};

typedef int directive_handler(struct parser *, const struct line *, struct err *);

static directive_handler begin_account, begin_defaults, include;
static int parse_lines(struct parser *p, const struct source *source, struct err *err);

struct directive {
	const char *name;
	directive_handler *handle;
};

static const struct directive directives[] = {
	{ "account", begin_account },
	{ "defaults", begin_defaults },
	{ "include", include },
};

enum { DIRECTIVES = sizeof(directives) / sizeof(directives[0]) };

static const struct directive *
find_directive(struct span name)
{
	for (size_t i = 0; i < DIRECTIVES; i++)
		if (span_is(name, directives[i].name))
			return &directives[i];
	return NULL;
}

static int
build_account(struct parser *p, struct err *err)
{
	struct account account;

	if (block_build(p->open, &p->config->warnings, &account, err) == -1)
		return -1;
	return config_add(p->config, &account, err);
}

/*
 * Builds the defaults into nothing, so that what is wrong in them is told even where no account
 * uses them.
 */
static int
check_defaults(struct parser *p, struct err *err)
{
	struct account account;

	if (block_build(&p->defaults, &p->config->warnings, &account, err) == -1)
		return -1;
	account_release(&account);
	return 0;
}

static int
close_block(struct parser *p, struct err *err)
{
	int result = 0;

	if (p->open == &p->defaults)
		result = check_defaults(p, err);
	else if (p->open != NULL)
		result = build_account(p, err);
	p->open = NULL;
	p->included = (struct origin){ NULL, 0 };
	return result;
}

static struct block *
find_block(struct parser *p, struct span name)
{
	for (size_t i = 0; i < p->block_count; i++)
		if (span_is(name, p->blocks[i].name))
			return &p->blocks[i];
	return NULL;
}

static int
add_block(struct parser *p, struct span name, struct origin at, struct err *err)
{
	struct block *blocks;

	if (p->block_count == ACCOUNTS_MAX)
		return origin_err(at, err, "more than %d accounts", ACCOUNTS_MAX);
	blocks = reallocarray(p->blocks, p->block_count + 1, sizeof(*blocks));
	if (blocks == NULL)
		return err_memory(err);
	p->blocks = blocks;
	if (block_init(&blocks[p->block_count], name, at, err) == -1)
		return -1;
	p->open = &blocks[p->block_count++];
	return block_inherit(p->open, &p->defaults, FROM_DEFAULTS, err);
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
check_name(struct parser *p, struct span name, struct origin at, struct err *err)
{
	struct span rest = name;
	struct span word = value_word(&rest);
	const struct block *same = find_block(p, name);
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
inherit(struct parser *p, struct span parents, struct origin at, struct err *err)
{
	struct span word;

	for (word = value_word(&parents); word.len > 0; word = value_word(&parents)) {
		const struct block *parent = find_block(p, word);

		if (parent == NULL || parent == p->open)
			return word_err(at, err, "there is no account", word, " above this line");
		if (block_inherit(p->open, parent, FROM_PARENT, err) == -1)
			return -1;
	}
	return 0;
}

/* account NAME [: PARENT[,PARENT...]] */
static int
begin_account(struct parser *p, const struct line *line, struct err *err)
{
	struct span parents = line->value;
	struct span name = span_trim(span_cut(&parents, ':'));
	bool has_colon = memchr(line->value.data, ':', line->value.len) != NULL;

	if (close_block(p, err) == -1 || check_name(p, name, line->at, err) == -1)
		return -1;
	if (has_colon && span_trim(parents).len == 0)
		return origin_err(line->at, err, "the name of an account is missing behind \":\"");
	if (add_block(p, name, line->at, err) == -1)
		return -1;
	p->begun++;
	return inherit(p, parents, line->at, err);
}

static int
begin_defaults(struct parser *p, const struct line *line, struct err *err)
{
	if (close_block(p, err) == -1)
		return -1;
	if (line->value.len > 0)
		return origin_err(line->at, err, "\"defaults\" takes no value");
	block_reopen(&p->defaults, line->at);
	p->open = &p->defaults;
	p->begun++;
	return 0;
}

/* The file that is meant: relative to the one that includes it. */
static int
include_path(const struct line *line, char **path, struct err *err)
{
	const char *name = line->at.source->name;
	const char *slash = strrchr(name, '/');
	struct buf plain = BUF_INIT(SOURCE_LINE_MAX);
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
check_include(const struct parser *p, const struct line *line, struct err *err)
{
	if (line->value.len == 0)
		return err_set(err, ERR_CONFIG, "\"include\" needs a value: a file");
	if (p->read == NULL)
		return err_set(err, ERR_CONFIG, "\"include\" is not possible here");
	if (p->depth == INCLUDE_DEPTH_MAX)
		return err_set(err, ERR_CONFIG,
		    "files include each other more than %d deep: does one include itself?",
		    INCLUDE_DEPTH_MAX);
	if (p->source_count == INCLUDE_FILES_MAX)
		return err_set(err, ERR_CONFIG, "more than %d files", INCLUDE_FILES_MAX);
	return 0;
}

static int
read_included(struct parser *p, const struct line *line, struct source **source, struct err *err)
{
	char *path = NULL;
	int result;

	if (check_include(p, line, err) == -1 || include_path(line, &path, err) == -1)
		return -1;
	result = p->read(path, source, err);
	free(path);
	return result;
}

static void
keep_source(struct parser *p, struct source *source)
{
	source->next = p->sources;
	p->sources = source;
	p->source_count++;
	p->config->stamp = owned_stamp(p->config->stamp, &source->status);
}

/*
 * The file's lines count as if they stood here.  Where they begin blocks of their own, the lines
 * behind the include would silently join the last of these: then a line that says where they belong
 * has to come first.
 */
static int
include(struct parser *p, const struct line *line, struct err *err)
{
	struct source *source;
	size_t begun = p->begun;
	int result;

	if (read_included(p, line, &source, err) == -1)
		return origin_wrap(line->at, err);
	keep_source(p, source);
	p->depth++;
	result = parse_lines(p, source, err);
	p->depth--;
	if (result == -1 || p->begun == begun)
		return result;
	result = close_block(p, err);
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
nearest_key(struct span key)
{
	struct nearest nearest;
	const struct config_key *ours;
	const struct other_key *other;
	size_t i;

	nearest_begin(&nearest, key);
	for (i = 0, ours = config_key(0); ours != NULL; ours = config_key(++i))
		nearest_try(&nearest, ours->name);
	for (i = 0; i < DIRECTIVES; i++)
		nearest_try(&nearest, directives[i].name);
	for (i = 0, other = other_key(0); other != NULL; other = other_key(++i))
		nearest_try(&nearest, other->name);
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
open_block(struct parser *p, struct origin at, struct err *err)
{
	struct buf place = BUF_INIT(ERR_TEXT_MAX);

	if (p->open != NULL)
		return 0;
	if (p->included.line == 0)
		return add_block(p, span_of("default"), at, err);
	origin_add_short(&place, p->included, at);
	origin_err(at, err,
	    "an \"account\" or \"defaults\" line must come first: the file included (%s) has some",
	    place.data);
	buf_release(&place);
	return -1;
}

/* Other programs' "key = value". */
static bool
begins_with_equals(const struct line *line)
{
	struct span rest = line->value;
	struct span word = span_cut(&rest, ' ');

	return !line->quoted && span_is(word, "=");
}

/* There is one value for all accounts: in one of them it would look like that account's own. */
static int
add_for_whole(struct parser *p, const struct key *key, const struct line *line, struct err *err)
{
	if (p->begun > 0 && p->open != &p->defaults)
		return origin_err(line->at, err,
		    "\"%s\" holds for all accounts: it stands before the first "
		    "\"account\" line, or below a \"defaults\" line",
		    key->doc.name);
	return block_add(&p->whole, key, line, err);
}

static int
add_setting(struct parser *p, const struct line *line, struct err *err)
{
	const struct key *key = key_find(line->key);
	const struct other_key *other = other_key_find(line->key);

	if (begins_with_equals(line))
		return word_err(line->at, err, "there must be no \"=\" behind", line->key, "");
	if (key != NULL && (key->flags & KEY_WHOLE) != 0)
		return add_for_whole(p, key, line, err);
	if (key != NULL)
		return open_block(p, line->at, err) == 0 ? block_add(p->open, key, line, err) : -1;
	if (other == NULL)
		return unknown_key(line, err);
	if (other->harmless(line->value))
		return 0;
	return origin_err(line->at, err, "this version cannot do \"%s\", and without it %s",
	    other->name, other->reason);
}

static int
parse_lines(struct parser *p, const struct source *source, struct err *err)
{
	struct grammar grammar;
	struct line line;
	int result;

	grammar_begin(&grammar, source);
	for (result = grammar_next(&grammar, &line, err); result == 0 && line.key.len > 0;
	     result = grammar_next(&grammar, &line, err)) {
		const struct directive *directive = find_directive(line.key);

		result = directive != NULL ? directive->handle(p, &line, err) :
					     add_setting(p, &line, err);
		if (result == -1)
			return -1;
	}
	return result;
}

static struct origin
origin_of(const struct parser *p, size_t account, enum field field)
{
	return block_origin(&p->blocks[account], field);
}

/*
 * next[i] becomes the number of the account that number i falls back to; the count of accounts: to
 * none.
 */
static int
find_fallbacks(const struct parser *p, size_t *next, struct err *err)
{
	const struct config *config = p->config;

	for (size_t i = 0; i < config->count; i++) {
		const char *name = config->accounts[i].fallback;
		const struct account *found = name != NULL ? config_find(config, name) : NULL;

		next[i] = found != NULL ? (size_t)(found - config->accounts) : config->count;
		if (name != NULL && found == NULL)
			return word_err(origin_of(p, i, FIELD_FALLBACK), err, "there is no account",
			    span_of(name), " to fall back to");
		if (found != NULL && found->problem != NULL)
			return origin_err(origin_of(p, i, FIELD_FALLBACK), err,
			    "an account to fall back to must be one "
			    "that can be used: %s",
			    found->problem);
	}
	return 0;
}

static bool
comes_back(const size_t *next, size_t count, size_t from)
{
	size_t i = next[from];

	for (size_t steps = 0; i != count && i != from && steps < count; steps++)
		i = next[i];
	return i == from;
}

static int
circle(const struct parser *p, const size_t *next, size_t from, struct err *err)
{
	const struct account *accounts = p->config->accounts;
	struct origin at = origin_of(p, from, FIELD_FALLBACK);
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
check_fallbacks(const struct parser *p, struct err *err)
{
	size_t count = p->config->count;
	size_t *next = calloc(count + 1, sizeof(*next));
	int result;

	if (next == NULL)
		return err_memory(err);
	result = find_fallbacks(p, next, err);
	for (size_t i = count; result == 0 && i-- > 0;)
		if (comes_back(next, count, i))
			result = circle(p, next, i, err);
	free(next);
	return result;
}

static int
check_deliveries(const struct parser *p, struct err *err)
{
	struct origin none = block_origin(&p->whole, FIELD_QUEUE_DIR);
	struct buf place = BUF_INIT(ERR_TEXT_MAX);
	int result = 0;

	if (p->config->queue_dir != NULL || none.line == 0)
		return 0;
	for (size_t i = 0; result == 0 && i < p->config->count; i++) {
		struct origin at = origin_of(p, i, FIELD_DELIVERY);

		if (p->config->accounts[i].delivery == DELIVERY_NOW)
			continue;
		origin_add_short(&place, none, at);
		result = origin_err(at, err,
		    "\"delivery\" wants a queue, and \"queue_dir\" says that there is none "
		    "(%s)",
		    place.data);
	}
	buf_release(&place);
	return result;
}

/* What can be told only when all accounts are known. */
static int
finish(struct parser *p, struct err *err)
{
	if (close_block(p, err) == -1 || block_settle(&p->whole, p->config, err) == -1 ||
	    check_fallbacks(p, err) == -1)
		return -1;
	return check_deliveries(p, err);
}

static void
parser_release(struct parser *p)
{
	for (size_t i = 0; i < p->block_count; i++)
		block_release(&p->blocks[i]);
	free(p->blocks);
	block_release(&p->defaults);
	block_release(&p->whole);
	source_free(p->sources);
}

int
parse_source(struct config *config, struct source *first, source_reader *read, struct err *err)
{
	struct parser p = { .config = config, .read = read };
	int result;

	keep_source(&p, first);
	config->path = strdup(first->name);
	if (config->path == NULL)
		result = err_memory(err);
	else
		result = block_init(&p.defaults, span_of("defaults"), (struct origin){ first, 1 },
		    err);
	if (result == 0)
		result = block_init(&p.whole, span_of("all accounts"), (struct origin){ first, 1 },
		    err);
	if (result == 0)
		result = parse_lines(&p, first, err);
	if (result == 0)
		result = finish(&p, err);
	parser_release(&p);
	if (result == -1)
		config_release(config);
	return result;
}
