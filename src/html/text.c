/* SPDX-License-Identifier: ISC */
#include "html/text.h"

#include <stdio.h>
#include <string.h>

#include "html/attribute.h"
#include "html/element.h"
#include "html/entity.h"
#include "html/list.h"
#include "html/page.h"
#include "html/token.h"

enum {
	DEPTH_MAX = 256, /* elements within one another that matter; what is deeper has no effect
			    but lines */
	AHEAD_TIMES = 4, /* how often HTML may be read for what comes: lists in lists that count
			    down are read once each */
	SPAN_MAX = 1000, /* columns or rows of a cell (HTML, attributes of table cells) */
};

struct open {
	const struct html_element *element;
	struct span name;              /* as it stands in the HTML */
	size_t prefix;                 /* for page_pop() */
	long number;                   /* HTML_NUMBERED: of the next item … */
	long step;                     /* … and from there to the one after it … */
	enum html_numbering numbering; /* … and how they are written */
	bool plain;                    /* HTML_LIST: its items have no mark */
	bool hidden;                   /* nothing in it is seen */
};

struct walk {
	struct page page;
	const struct html_reader *reader;
	size_t ahead;                     /* octets that may still be read ahead */
	struct open stack[DEPTH_MAX + 1]; /* one more, which is hidden: nothing is pushed in that */
	unsigned depth;
	unsigned long over[HTML_ROLES];   /* elements that were too deep */
	unsigned long within[HTML_ROLES]; /* elements that are open in the hidden one */
	unsigned long same;               /* of these, those of its name */
	bool skip_opaque;                 /* the element whose content comes next is hidden */
};

struct role {
	bool kept; /* stands on the stack until it ends */
	void (*begin)(struct walk *w, struct open *open, struct span attributes);
	void (*end)(struct walk *w, struct open *open);
};

static const struct role roles[HTML_ROLES];

/* The stack. */

/* The innermost element; there is one. */
static struct open *
top(struct walk *w)
{
	return &w->stack[w->depth - 1];
}

static bool
is_hiding(struct walk *w)
{
	return w->depth > 0 && top(w)->hidden;
}

/* Ends all that stands above the first `depth` elements. */
static void
close_to(struct walk *w, unsigned depth)
{
	while (w->depth > depth) {
		struct open *open = top(w);

		if (!open->hidden && roles[open->element->role].end != NULL)
			roles[open->element->role].end(w, open);
		/* What was too deep stood in this one. */
		if (w->depth == DEPTH_MAX)
			memset(w->over, 0, sizeof(w->over));
		w->depth--;
	}
}

/*
 * True where what concerns elements of that role does not reach beyond an element of the role
 * `found`.
 */
static bool
is_barrier(enum html_role found, enum html_role role)
{
	return found == HTML_TABLE || (found == HTML_CELL && role != HTML_TABLE);
}

/*
 * The depth below the innermost element of that name; or the whole depth, where no end tag reaches
 * one.
 */
static unsigned
find(const struct walk *w, const struct html_element *e)
{
	for (unsigned i = w->depth; i > 0; i--) {
		if (w->stack[i - 1].element == e)
			return i - 1;
		if (is_barrier(w->stack[i - 1].element->role, e->role))
			break;
	}
	return w->depth;
}

/* The same by role; what is `until` is not passed. */
static unsigned
find_role(const struct walk *w, enum html_role role, enum html_role until)
{
	for (unsigned i = w->depth; i > 0; i--) {
		enum html_role found = w->stack[i - 1].element->role;

		if (found == role)
			return i - 1;
		if (found == until || is_barrier(found, role))
			break;
	}
	return w->depth;
}

/* Ends the innermost element of that role. */
static void
close_role(struct walk *w, enum html_role role, enum html_role until)
{
	close_to(w, find_role(w, role, until));
}

/* The list that an item belongs to; NULL where it has none. */
static struct open *
find_list(struct walk *w)
{
	unsigned depth = w->depth, plain = find_role(w, HTML_LIST, HTML_NUMBERED);
	unsigned numbered = find_role(w, HTML_NUMBERED, HTML_LIST);

	if (plain < depth)
		return &w->stack[plain];
	return numbered < depth ? &w->stack[numbered] : NULL;
}

/* Ends what stands in the innermost table.  False where there is none. */
static bool
close_in_table(struct walk *w)
{
	unsigned table = find_role(w, HTML_TABLE, HTML_TABLE);

	if (table == w->depth)
		return false;
	close_to(w, table + 1);
	return true;
}

/* Elements, one role after the other. */

static void
begin_lines(struct walk *w, struct open *open, struct span attributes)
{
	(void)attributes;
	page_lines(&w->page, open->element->lines);
}

static void
end_lines(struct walk *w, struct open *open)
{
	page_lines(&w->page, open->element->lines);
}

static void
begin_break(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	(void)attributes;
	page_break(&w->page);
}

static void
begin_rule(struct walk *w, struct open *open, struct span attributes)
{
	size_t before;

	(void)attributes;
	page_lines(&w->page, open->element->lines);
	/* The push alone is what counts: a rule stands in no row. */
	before = page_push(&w->page, "", false);
	for (size_t n = FILL_COLUMNS - w->page.fill.prefix_len; n > 0; n--)
		page_char(&w->page, '-');
	page_lines(&w->page, open->element->lines);
	page_pop(&w->page, before);
}

static void
begin_image(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	/* Counts who reads. */
	if (html_number_value(attributes, "width", 0, 2) < 2 &&
	    html_number_value(attributes, "height", 0, 2) < 2)
		return;
	page_image(&w->page, html_value(attributes, "alt"));
}

static void
put_words(struct walk *w, const char *words)
{
	page_text(&w->page, span_of(words), HTML_IN_RAW);
}

static void
begin_input(struct walk *w, struct open *open, struct span attributes)
{
	bool checked = html_value(attributes, "checked").data != NULL;
	struct span type = html_trim(html_value(attributes, "type"));

	(void)open;
	if (span_is_nocase(type, "checkbox"))
		put_words(w, checked ? "[x]" : "[ ]");
	else if (span_is_nocase(type, "radio"))
		put_words(w, checked ? "(x)" : "( )");
	else if (span_is_nocase(type, "image"))
		page_image(&w->page, html_value(attributes, "alt"));
	else if (span_is_nocase(type, "submit") || span_is_nocase(type, "button") ||
	    span_is_nocase(type, "reset"))
		page_image(&w->page, html_value(attributes, "value"));
	else if (!span_is_nocase(type, "hidden") && !span_is_nocase(type, "password") &&
	    !span_is_nocase(type, "file"))
		page_text(&w->page, html_value(attributes, "value"), HTML_IN_VALUE);
}

static void
begin_term(struct walk *w, struct open *open, struct span attributes)
{
	close_role(w, HTML_DETAIL, HTML_LIST);
	begin_lines(w, open, attributes);
}

static void
begin_opaque(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	w->skip_opaque = html_is_hidden(attributes);
}

/*
 * The list that is on top of the stack begins or ends: within another one it stands close to its
 * item.
 */
static void
put_list_lines(struct walk *w)
{
	w->depth--;
	page_lines(&w->page, find_list(w) != NULL ? 1 : 2);
	w->depth++;
}

/* A list that counts down ends with 1, unless it says where it begins. */
static void
begin_numbers(struct walk *w, struct open *open, struct span attributes)
{
	const long none = HTML_NUMBER_MOST + 1L;
	long start = html_number_value(attributes, "start", -HTML_NUMBER_MOST, none);
	bool reversed = html_value(attributes, "reversed").data != NULL,
	     counted = reversed && start == none;

	if (start == none)
		start = counted ? html_count_items(w->reader, &w->ahead) : 1;
	if (counted && start == 0) {
		start = 1;
		reversed = false;
	}
	open->number = start;
	open->step = reversed ? -1 : 1;
	open->numbering = html_numbering_of(attributes, HTML_DECIMAL);
}

static void
begin_list(struct walk *w, struct open *open, struct span attributes)
{
	put_list_lines(w);
	if (open->element->role == HTML_NUMBERED)
		begin_numbers(w, open, attributes);
	open->plain = html_style_is(attributes, "list-style", "none") ||
	    html_style_is(attributes, "list-style-type", "none");
}

static void
end_list(struct walk *w, struct open *open)
{
	(void)open;
	put_list_lines(w);
}

static void
begin_item(struct walk *w, struct open *open, struct span attributes)
{
	struct open *list = find_list(w);
	char number[HTML_NUMBER_SIZE], mark[HTML_NUMBER_SIZE + 2] = "* ";

	if (list != NULL && list->element->role == HTML_NUMBERED) {
		list->number = html_number_value(attributes, "value", -HTML_NUMBER_MOST,
		    list->number);
		html_number(number, list->number, html_numbering_of(attributes, list->numbering));
		snprintf(mark, sizeof(mark), "%s. ", number);
		list->number += list->step;
	}
	page_lines(&w->page, 1);
	open->prefix = page_push(&w->page, list != NULL && list->plain ? "" : mark, true);
}

static void
end_item(struct walk *w, struct open *open)
{
	page_lines(&w->page, 1);
	page_pop(&w->page, open->prefix);
}

static void
begin_detail(struct walk *w, struct open *open, struct span attributes)
{
	(void)attributes;
	page_lines(&w->page, 1);
	open->prefix = page_push(&w->page, "    ", false);
}

static void
begin_quote(struct walk *w, struct open *open, struct span attributes)
{
	(void)attributes;
	page_lines(&w->page, 2);
	open->prefix = page_push(&w->page, "> ", false);
}

static void
end_quote(struct walk *w, struct open *open)
{
	page_lines(&w->page, 2);
	page_pop(&w->page, open->prefix);
}

static void
begin_phrase(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	(void)attributes;
	page_char(&w->page, '"');
}

static void
end_phrase(struct walk *w, struct open *open)
{
	(void)open;
	page_char(&w->page, '"');
}

static void
begin_pre(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	(void)attributes;
	page_pre_begin(&w->page);
}

static void
end_pre(struct walk *w, struct open *open)
{
	(void)open;
	page_pre_end(&w->page);
}

static void
begin_link(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	page_link_begin(&w->page, html_value(attributes, "href"));
}

static void
end_link(struct walk *w, struct open *open)
{
	(void)open;
	page_link_end(&w->page);
}

static void
begin_table(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	(void)attributes;
	page_table_begin(&w->page);
}

static void
end_table(struct walk *w, struct open *open)
{
	(void)open;
	page_table_end(&w->page);
}

static void
begin_row(struct walk *w, struct open *open, struct span attributes)
{
	(void)open;
	(void)attributes;
	page_row_end(&w->page);
}

static void
begin_cell(struct walk *w, struct open *open, struct span attributes)
{
	unsigned span = (unsigned)html_number_value(attributes, "colspan", 1, 1);
	unsigned rows = (unsigned)html_number_value(attributes, "rowspan", 1, 1);
	bool right = html_value_is(attributes, "align", "right") ||
	    html_style_is(attributes, "text-align", "right");

	page_cell_begin(&w->page, span < SPAN_MAX ? span : SPAN_MAX, rows,
	    span_is_nocase(open->name, "th"), right);
}

static void
end_cell(struct walk *w, struct open *open)
{
	(void)open;
	page_cell_end(&w->page);
}

static const struct role roles[HTML_ROLES] = {
	[HTML_BREAK] = { false, begin_break, NULL },
	[HTML_RULE] = { false, begin_rule, NULL },
	[HTML_IMAGE] = { false, begin_image, NULL },
	[HTML_INPUT] = { false, begin_input, NULL },
	[HTML_BLOCK] = { false, begin_lines, end_lines },
	[HTML_PARAGRAPH] = { false, begin_lines, end_lines },
	[HTML_TERM] = { false, begin_term, end_lines },
	[HTML_OPAQUE] = { false, begin_opaque, NULL },
	[HTML_LIST] = { true, begin_list, end_list },
	[HTML_NUMBERED] = { true, begin_list, end_list },
	[HTML_ITEM] = { true, begin_item, end_item },
	[HTML_DETAIL] = { true, begin_detail, end_item },
	[HTML_QUOTE] = { true, begin_quote, end_quote },
	[HTML_PHRASE] = { true, begin_phrase, end_phrase },
	[HTML_PRE] = { true, begin_pre, end_pre },
	[HTML_LINK] = { true, begin_link, end_link },
	[HTML_TABLE] = { true, begin_table, end_table },
	[HTML_ROW] = { false, begin_row, NULL },
	[HTML_CELL] = { true, begin_cell, end_cell },
};

/* What is hidden. */

/* True where an element of e's kind ends the hidden one, whose own end tag was left out. */
static bool
ends_hidden(const struct walk *w, const struct open *hidden, const struct html_element *e)
{
	bool in_list = w->within[HTML_LIST] + w->within[HTML_NUMBERED] > 0;
	bool in_table = w->within[HTML_TABLE] > 0;

	switch (hidden->element->role) {
	case HTML_HEAD:
		/* But for noscript and the like, only what has no place in a body stands in it. */
		return e->role != HTML_META && e->role != HTML_DROPPED && e->role != HTML_INLINE &&
		    e->role != HTML_HEAD && w->within[HTML_DROPPED] == 0;
	case HTML_PARAGRAPH:
		return e->lines > 0;
	case HTML_ITEM:
		return e->role == HTML_ITEM && !in_list;
	case HTML_TERM:
	case HTML_DETAIL:
		return (e->role == HTML_TERM || e->role == HTML_DETAIL) && !in_list;
	case HTML_ROW:
		return e->role == HTML_ROW && !in_table;
	case HTML_CELL:
		return (e->role == HTML_ROW || e->role == HTML_CELL) && !in_table;
	default:
		return false;
	}
}

/* A start tag in a hidden element.  True where that has ended, and the tag counts. */
static bool
start_in_hidden(struct walk *w, const struct html_token *token, const struct html_element *e)
{
	const struct open *hidden = top(w);

	if (ends_hidden(w, hidden, e)) {
		close_to(w, w->depth - 1);
		return true;
	}
	if (html_element_is_empty(e))
		return false;
	if (span_equal_nocase(token->name, hidden->name))
		w->same++;
	else
		w->within[e->role]++;
	return false;
}

/* An end tag in a hidden element; that of one around it ends both. */
static void
end_in_hidden(struct walk *w, const struct html_token *token, const struct html_element *e)
{
	const struct open *hidden = top(w);
	bool same = span_equal_nocase(token->name, hidden->name);

	if (same && w->same > 0)
		w->same--;
	else if (same)
		close_to(w, w->depth - 1);
	else if (w->within[e->role] > 0)
		w->within[e->role]--;
	else if (e->role == HTML_ROW && ends_hidden(w, hidden, e))
		close_in_table(w);
	else if (roles[e->role].kept)
		close_to(w, find(w, e));
}

static void
push_hidden(struct walk *w, const struct html_token *token, const struct html_element *e)
{
	w->stack[w->depth++] = (struct open){ .element = e, .name = token->name, .hidden = true };
	memset(w->within, 0, sizeof(w->within));
	w->same = 0;
}

/* Tags. */

/* Ends what cannot stand around e.  False where e cannot stand here. */
static bool
make_way(struct walk *w, const struct html_element *e)
{
	switch (e->role) {
	case HTML_ITEM:
		if (find_list(w) != NULL)
			close_role(w, HTML_ITEM, find_list(w)->element->role);
		else
			close_role(w, HTML_ITEM, HTML_TABLE);
		return true;
	case HTML_DETAIL:
		close_role(w, HTML_DETAIL, HTML_LIST);
		return true;
	case HTML_LINK:
		close_role(w, HTML_LINK, HTML_TABLE);
		return true;
	case HTML_TABLE:
		/* In a table, but in none of its cells. */
		if (w->depth > 0 && top(w)->element->role == HTML_TABLE)
			close_to(w, w->depth - 1);
		return true;
	case HTML_ROW:
	case HTML_CELL:
		return w->over[HTML_TABLE] == 0 && close_in_table(w);
	default:
		return true;
	}
}

static void
push(struct walk *w, const struct html_token *token, const struct html_element *e)
{
	struct open unkept = { .element = e, .name = token->name };
	const struct role *role = &roles[e->role];

	if (role->kept && w->depth == DEPTH_MAX) {
		w->over[e->role]++;
		page_lines(&w->page, e->lines);
		return;
	}
	if (!make_way(w, e)) {
		page_lines(&w->page, 1);
		return;
	}
	if (html_is_hidden(token->attributes) && e->role != HTML_OPAQUE) {
		if (!html_element_is_empty(e))
			push_hidden(w, token, e);
		return;
	}
	if (role->kept)
		w->stack[w->depth++] = unkept;
	if (role->begin != NULL)
		role->begin(w, role->kept ? top(w) : &unkept, token->attributes);
}

static void
start(struct walk *w, const struct html_token *token)
{
	const struct html_element *e = html_element_find(token->name);

	if (is_hiding(w) && !start_in_hidden(w, token, e))
		return;
	if (e->role == HTML_HEAD || e->role == HTML_DROPPED)
		push_hidden(w, token, e);
	else if (e->role != HTML_ROOT)
		push(w, token, e);
}

static void
end(struct walk *w, const struct html_token *token)
{
	const struct html_element *e = html_element_find(token->name);
	struct open unkept = { .element = e, .name = token->name };

	if (is_hiding(w)) {
		end_in_hidden(w, token, e);
	} else if (w->over[e->role] > 0) {
		w->over[e->role]--;
		page_lines(&w->page, e->lines);
	} else if (e->role == HTML_ROW) {
		if (w->over[HTML_TABLE] == 0 && close_in_table(w))
			page_row_end(&w->page);
	} else if (roles[e->role].kept) {
		close_to(w, find(w, e));
	} else if (roles[e->role].end != NULL) {
		roles[e->role].end(w, &unkept);
	}
}

static void
content(struct walk *w, const struct html_token *token)
{
	const struct html_element *e = html_element_find(token->name);
	bool textarea = span_is_nocase(token->name, "textarea");

	if (e->role != HTML_OPAQUE || is_hiding(w) || w->skip_opaque)
		return;
	page_pre_begin(&w->page);
	page_text(&w->page, token->text, textarea ? HTML_IN_TEXT : HTML_IN_RAW);
	page_pre_end(&w->page);
}

static void
take(struct walk *w, const struct html_token *token)
{
	switch (token->kind) {
	case HTML_TEXT:
		if (!is_hiding(w))
			page_text(&w->page, token->text, HTML_IN_TEXT);
		break;
	case HTML_START:
		start(w, token);
		break;
	case HTML_END:
		end(w, token);
		break;
	case HTML_CONTENT:
		content(w, token);
		break;
	}
}

void
html_to_text(struct span html, struct buf *out)
{
	struct html_reader reader = HTML_READER_INIT(html);
	struct html_token token;
	struct walk w;

	memset(&w, 0, sizeof(w));
	w.reader = &reader;
	w.ahead = AHEAD_TIMES * html.len;
	page_init(&w.page, out);
	while (buf_ok(out) && html_next(&reader, &token))
		take(&w, &token);
	close_to(&w, 0);
	page_end(&w.page);
	page_release(&w.page);
}

bool
html_next_image(struct span *rest, struct span *at, struct buf *out)
{
	struct html_reader reader = HTML_READER_INIT(*rest);
	struct html_token token;

	while (html_next(&reader, &token)) {
		if (token.kind != HTML_START || html_element_find(token.name)->role != HTML_IMAGE)
			continue;
		*at = html_value(token.attributes, "src");
		if (html_trim(*at).len == 0)
			continue;
		html_add_value(out, html_trim(*at));
		*rest = reader.rest;
		return true;
	}
	*rest = reader.rest;
	return false;
}
