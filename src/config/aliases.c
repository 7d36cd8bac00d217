/* SPDX-License-Identifier: ISC */
/*
 * The file is kept as lines "name: list"; lists are read when they are needed, so that an entry for
 * another program (a command) does no harm as long as nobody writes to its name.
 */
#include "config/aliases.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/owned.h"

struct alias {
	char *name; /* unquoted */
	char *list;
	unsigned line; /* where it begins */
};

struct aliases {
	char *file;
	bool may_include;
	struct alias *items;
	size_t count, cap;
};

/* One expansion. */
struct expansion {
	const struct aliases *aliases;
	enum gone { GONE_NOT, GONE_INTO, GONE_THROUGH } * gone; /* one for each alias */
	unsigned depth;
	bool too_deep; /* an error that need not be told of each alias and file on the way to it */
	alias_is_local *is_local;
	const void *arg;
	struct address_list *out;
	struct err *err;
};

static int expand_name(struct expansion *x, struct span name);

void
aliases_free(struct aliases *aliases)
{
	if (aliases == NULL)
		return;
	for (size_t i = 0; i < aliases->count; i++) {
		free(aliases->items[i].name);
		free(aliases->items[i].list);
	}
	free(aliases->items);
	free(aliases->file);
	free(aliases);
}

/*
 * The end of a quoted string that begins at text, behind its second quotation mark; NULL where it
 * has none.
 */
static const char *
quoted_end(struct span text)
{
	for (size_t i = 1; i < text.len; i++) {
		if (text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			return text.data + i + 1;
	}
	return NULL;
}

/* Cuts the name off the line, up to its colon. */
static bool
cut_name(struct span *line, struct span *name)
{
	const char *end = line->data, *colon;

	if (line->len > 0 && line->data[0] == '"') {
		end = quoted_end(*line);
		if (end == NULL)
			return false;
	}
	colon = memchr(end, ':', (size_t)(line->data + line->len - end));
	if (colon == NULL)
		return false;
	*name = span_trim((struct span){ line->data, (size_t)(colon - line->data) });
	line->len -= (size_t)(colon + 1 - line->data);
	line->data = colon + 1;
	return name->len > 0;
}

static int
add_alias(struct aliases *aliases, struct span name, struct span list, unsigned line,
    struct err *err)
{
	struct buf unquoted = BUF_INIT(ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX);
	struct alias *alias;

	if (aliases->count == aliases->cap) {
		size_t cap = aliases->cap > 0 ? aliases->cap * 2 : 16;
		struct alias *items = reallocarray(aliases->items, cap, sizeof(*items));

		if (items == NULL)
			return err_memory(err);
		aliases->items = items;
		aliases->cap = cap;
	}
	address_unquote(name, &unquoted);
	alias = &aliases->items[aliases->count++];
	*alias = (struct alias){ strdup(unquoted.data), span_dup(span_trim(list)), line };
	buf_release(&unquoted);
	return alias->name != NULL && alias->list != NULL ? 0 : err_memory(err);
}

/* Takes the next line off the text, without space around it; empty where it is a comment. */
static struct span
take_line(struct span *rest)
{
	struct span line = span_cut(rest, '\n');

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	line = span_trim(line);
	if (line.len > 0 && line.data[0] == '#')
		line.len = 0;
	return line;
}

/*
 * Takes the next entry off the text: a line and those that continue it, the latter's ends as
 * spaces.  A comment stands between such lines, too.
 */
static void
take_entry(struct span *rest, unsigned *line, struct buf *entry)
{
	do {
		struct span text = take_line(rest);

		++*line;
		buf_add(entry, text.data, text.len);
		buf_addc(entry, ' ');
	} while (rest->len > 0 && (ascii_is_space(rest->data[0]) || rest->data[0] == '#'));
}

static int
parse_entry(struct aliases *aliases, struct span text, unsigned line, struct err *err)
{
	struct span name;

	if (text.len == 0)
		return 0;
	if (memchr(text.data, '\0', text.len) != NULL || !cut_name(&text, &name))
		return err_set(err, ERR_CONFIG, "%s:%u: expected a name, a colon and addresses",
		    aliases->file, line);
	return add_alias(aliases, name, text, line, err);
}

static int
parse(struct aliases *aliases, struct span rest, struct err *err)
{
	struct buf entry = BUF_INIT(ALIAS_FILE_MAX);
	unsigned line = 0;
	int result = 0;

	while (rest.len > 0 && result == 0) {
		unsigned begin = line + 1;

		buf_clear(&entry);
		take_entry(&rest, &line, &entry);
		result = buf_ok(&entry) ?
		    parse_entry(aliases, span_trim((struct span){ entry.data, entry.len }), begin,
			err) :
		    err_memory(err);
	}
	buf_release(&entry);
	return result;
}

static int
make(const char *name, struct span text, bool may_include, struct aliases **aliases,
    struct err *err)
{
	struct aliases *made = calloc(1, sizeof(*made));

	*aliases = NULL;
	if (made == NULL)
		return err_memory(err);
	made->may_include = may_include;
	made->file = strdup(name);
	if (made->file == NULL ? err_memory(err) < 0 : parse(made, text, err) < 0) {
		aliases_free(made);
		return -1;
	}
	*aliases = made;
	return 0;
}

int
aliases_parse(const char *name, struct span text, struct aliases **aliases, struct err *err)
{
	return make(name, text, false, aliases, err);
}

/* The whole file, which must be somebody's whom we trust. */
static int
read_whole(const char *path, struct buf *text, struct err *err)
{
	struct stat status;
	int fd, result;

	if (owned_open(path, &fd, &status, err) < 0)
		return -1;
	result = owned_read(fd, &status, text, err);
	close(fd);
	if (result < 0)
		return err_wrap(err, "%s", path);
	return text->len < text->max ?
	    0 :
	    err_set(err, ERR_CONFIG, "%s: larger than %d octets", path, ALIAS_FILE_MAX);
}

int
aliases_read(const char *path, struct aliases **aliases, struct err *err)
{
	struct buf text = BUF_INIT(ALIAS_FILE_MAX);
	int result = read_whole(path, &text, err);

	*aliases = NULL;
	if (result == 0)
		result = make(path, (struct span){ text.data, text.len }, true, aliases, err);
	buf_release(&text);
	return result;
}

/*
 * Takes the next element off a list: up to a comma that stands in no quotes, comment or brackets.
 */
static struct span
take_element(struct span *list)
{
	size_t i, depth = 0;
	struct span element;

	for (i = 0; i < list->len; i++) {
		char c = list->data[i];
		struct span rest = { list->data + i, list->len - i };
		const char *end = c == '"' ? quoted_end(rest) : NULL;

		if (end != NULL)
			i = (size_t)(end - list->data) - 1;
		else if (c == '\\')
			i++;
		else if (c == '(' || c == '<')
			depth++;
		else if ((c == ')' || c == '>') && depth > 0)
			depth--;
		else if (c == ',' && depth == 0)
			break;
	}
	if (i > list->len)
		i = list->len;
	element = span_trim((struct span){ list->data, i });
	i += i < list->len;
	list->data += i;
	list->len -= i;
	return element;
}

static int
add_address(struct expansion *x, struct span text)
{
	if (x->out->count >= ALIASES_MAX)
		return err_set(x->err, ERR_CONFIG, "%s: an alias comes to more than %d addresses",
		    x->aliases->file, ALIASES_MAX);
	return address_parse(x->out, text, ADDRESS_ONE, x->err);
}

/* An address is gone into further where it is a name of this host. */
static int
expand_address(struct expansion *x, struct span text)
{
	struct address_list list = ADDRESS_LIST_INIT;
	int result = address_parse(&list, text, ADDRESS_ONE, x->err);

	if (result == 0 && x->is_local(list.items[0].mailbox, x->arg))
		result = expand_name(x,
		    (struct span){ list.items[0].mailbox, list.items[0].local_len });
	else if (result == 0)
		result = add_address(x, text);
	address_list_release(&list);
	return result;
}

static int expand_list(struct expansion *x, struct span list);

/* The lines of an included file are lists; # begins a comment. */
static int
expand_file(struct expansion *x, struct span path)
{
	struct buf text = BUF_INIT(ALIAS_FILE_MAX), name = BUF_INIT(4096);
	struct span rest;
	unsigned line = 0;
	int result;

	address_unquote(path, &name);
	if (!x->aliases->may_include || name.data[0] != '/' || !buf_ok(&name))
		result = err_set(x->err, ERR_CONFIG,
		    ":include: wants a path that begins with \"/\"");
	else
		result = read_whole(name.data, &text, x->err);
	rest = (struct span){ text.data, text.len };
	while (result == 0 && rest.len > 0) {
		line++;
		result = expand_list(x, take_line(&rest));
		if (result < 0 && !x->too_deep)
			err_wrap(x->err, "%s:%u", name.data, line);
	}
	buf_release(&text);
	buf_release(&name);
	return result;
}

static int
expand_element(struct expansion *x, struct span element)
{
	struct span bare = element;

	if (bare.data[0] == '"' && bare.len > 1)
		bare = (struct span){ bare.data + 1, bare.len - 1 };
	if (bare.data[0] == '|' || bare.data[0] == '/')
		return err_set(x->err, ERR_CONFIG,
		    "%c… is a command or a file, and mail is delivered to addresses alone",
		    bare.data[0]);
	if (span_starts_nocase(bare, ":include:"))
		return expand_file(x, span_trim((struct span){ bare.data + 9, bare.len - 9 }));
	if (element.data[0] == '\\')
		return add_address(x, (struct span){ element.data + 1, element.len - 1 });
	return expand_address(x, element);
}

static int
expand_list(struct expansion *x, struct span list)
{
	int result = 0;

	if (x->depth == ALIAS_DEPTH_MAX) {
		x->too_deep = true;
		return err_set(x->err, ERR_CONFIG, "a chain of more than %d aliases",
		    ALIAS_DEPTH_MAX);
	}
	x->depth++;
	while (result == 0 && list.len > 0) {
		struct span element = take_element(&list);

		if (element.len > 0)
			result = expand_element(x, element);
	}
	x->depth--;
	return result;
}

/* The alias of a name; the count where it has none. */
static size_t
find(const struct aliases *aliases, struct span name)
{
	struct buf unquoted = BUF_INIT(ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX);
	size_t i;

	address_unquote(name, &unquoted);
	for (i = 0; i < aliases->count; i++)
		if (span_is_nocase((struct span){ unquoted.data, unquoted.len },
			aliases->items[i].name))
			break;
	buf_release(&unquoted);
	return i;
}

static int
expand_name(struct expansion *x, struct span name)
{
	size_t i = find(x->aliases, name);
	const struct alias *alias;

	/*
	 * Back where it came from: it stands for itself.  On another way to what is there already:
	 * that is enough.
	 */
	if (i == x->aliases->count || x->gone[i] == GONE_INTO)
		return add_address(x, name);
	if (x->gone[i] == GONE_THROUGH)
		return 0;
	x->gone[i] = GONE_INTO;
	alias = &x->aliases->items[i];
	if (expand_list(x, span_of(alias->list)) < 0) {
		if (x->too_deep && x->depth > 0)
			return -1;
		return err_wrap(x->err, "%s:%u: the alias %s", x->aliases->file, alias->line,
		    alias->name);
	}
	x->gone[i] = GONE_THROUGH;
	return 0;
}

int
aliases_expand(const struct aliases *aliases, struct span name, alias_is_local *is_local,
    const void *arg, struct address_list *out, bool *found, struct err *err)
{
	struct expansion x = {
		.aliases = aliases, .is_local = is_local, .arg = arg, .out = out, .err = err
	};
	size_t count = out->count;
	int result;

	*found = find(aliases, name) < aliases->count;
	if (!*found)
		return 0;
	x.gone = calloc(aliases->count, sizeof(*x.gone));
	if (x.gone == NULL)
		return err_memory(err);
	result = expand_name(&x, name);
	free(x.gone);
	if (result < 0) {
		while (out->count > count)
			free(out->items[--out->count].mailbox);
		/*
		 * What stands in the file is the administrator's, whatever the address in it lacks.
		 */
		err->kind = err->kind == ERR_ADDRESS ? ERR_CONFIG : err->kind;
	}
	/* Mail to nobody would be lost without a word. */
	*found = out->count > count;
	return result;
}
