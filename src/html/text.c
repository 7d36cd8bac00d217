/* SPDX-License-Identifier: ISC */
/*
 * HTML as text: what each element does, and which elements are open.
 */
#include <stdio.h>
#include <string.h>

#include "html/html.h"
#include "html/page.h"

enum {
	DEPTH_MAX = 512,  /* elements within one another that matter */
	AHEAD_TIMES = 4,  /* how often HTML may be read for what comes: lists in lists that count
			     down are read once each */
	SHIFTED_MAX = 64, /* octets of what is raised or lowered that are looked at */
	ROMAN_MOST = 3999,
	NUMBER_SIZE = 24, /* octets of any number, with its NUL */
	KEY_SIZE = 16,    /* … of any name of an element, with spaces and its NUL */
};

/* What an element does: see elements[]. */
enum role {
	INLINE,
	ROOT,
	HEAD,
	VOID,
	DROPPED,
	BREAK,
	RULE,
	IMAGE,
	INPUT,
	SHIFTED,
	STRUCK,
	PHRASE,
	LINK,
	BLOCK,
	PARAGRAPH,
	OPAQUE,
	PRE,
	DETAIL,
	LIST,
	NUMBERED,
	ITEM,
	TABLE,
	ROWS,
	ROW,
	CELL
};

#define BIT(role) (1U << (role))

enum {
	/* These have no content … */
	VOIDS = BIT(VOID) | BIT(BREAK) | BIT(RULE) | BIT(IMAGE) | BIT(INPUT) | BIT(ROWS) |
	    BIT(ROOT),
	/* … these need not be known to be open, unless they are hidden or the like … */
	UNKEPT = BIT(INLINE) | BIT(PARAGRAPH),
	/* … these need no end tag … */
	OPTIONAL = UNKEPT | BIT(ITEM) | BIT(DETAIL) | BIT(ROW) | BIT(CELL),
	/* … and the end tags of these reach no further than the block that they stand in. */
	INLINES = BIT(INLINE) | BIT(SHIFTED) | BIT(STRUCK) | BIT(PHRASE) | BIT(LINK),
	LISTS = BIT(LIST) | BIT(NUMBERED),
	TABLES = BIT(TABLE) | BIT(CELL),
};

struct element {
	enum role role;
	unsigned lines;     /* 1: stands on lines of its own; 2: between empty ones */
	const char *prefix; /* of its lines, or SHIFTED: its mark; NULL: none */
	const char *names;
};

static const struct element elements[] = {
	{ ROOT, 0, NULL, " html body " }, /* never hidden */
	{ HEAD, 0, NULL, " head " },
	/* No content, or none that is read; this may stand in a head. */
	{ VOID, 0, NULL,
	    " base basefont bgsound link meta script style title area col embed frame "
	    "keygen param source track wbr " },
	/* Their content is no text. */
	{ DROPPED, 0, NULL, " audio canvas iframe noembed noframes noscript svg template video " },
	{ BREAK, 0, NULL, " br " },
	{ RULE, 2, NULL, " hr " },
	{ IMAGE, 0, NULL, " img " },
	{ INPUT, 0, NULL, " input " },
	{ SHIFTED, 0, "^", " sup " },
	{ SHIFTED, 0, "_", " sub " },
	{ STRUCK, 0, NULL, " del s strike " },
	{ PHRASE, 0, NULL, " q " },
	{ LINK, 0, NULL, " a " },
	{ BLOCK, 1, NULL,
	    " address caption center details dialog div figcaption footer form header "
	    "hgroup legend main nav optgroup section select summary " },
	{ BLOCK, 2, NULL, " article aside fieldset figure h1 h2 h3 h4 h5 h6 " },
	/* Ended by the next block. */
	{ PARAGRAPH, 1, NULL, " option " },
	{ PARAGRAPH, 2, NULL, " p " },
	/* Text, but no tags in it. */
	{ OPAQUE, 1, NULL, " textarea " },
	{ OPAQUE, 2, NULL, " plaintext xmp " },
	{ PRE, 2, NULL, " pre listing " },
	{ BLOCK, 2, "> ", " blockquote " },
	{ DETAIL, 1, "", " dt " },
	{ DETAIL, 1, "    ", " dd " },
	{ LIST, 2, NULL, " ul dl menu dir " },
	{ NUMBERED, 2, NULL, " ol " },
	{ ITEM, 1, "* ", " li " },
	{ TABLE, 2, NULL, " table " },
	{ ROWS, 0, NULL, " tbody tfoot thead " },
	{ ROW, 0, NULL, " tr " },
	{ CELL, 0, NULL, " td th " },
};

/* What is true of an element and of those in it. */
enum state {
	HIDDEN = 1,  /* nothing in it is there */
	UNSEEN = 2,  /* nothing in it is seen, but where it says otherwise */
	TINY = 4,    /* the same of text */
	CROSSED = 8, /* it is struck out */
};

struct open {
	const struct element *element;
	struct span name; /* as it stands in the HTML */
	unsigned state;
	bool bracket;   /* SHIFTED: it stands in brackets */
	size_t prefix;  /* for page_pop() */
	long number;    /* NUMBERED: of the next item … */
	long step;      /* … from there to the one after it … */
	char numbering; /* … and how they are written: as its type attribute has it */
	bool plain;     /* a list whose items have no mark */
};

struct walk {
	struct page page;
	struct html_reader reader;
	size_t ahead; /* octets that may still be read ahead */
	struct open stack[DEPTH_MAX];
	unsigned depth;
	unsigned long deep; /* elements that are too deep, and need an end tag */
};

/* The name in lower case with a space before and behind it, as lists of names have it. */
static void
write_key(char key[KEY_SIZE], struct span name)
{
	size_t n = 0;

	key[0] = ' ';
	for (; n < name.len && n < KEY_SIZE - 3; n++)
		key[n + 1] = ascii_lower(name.data[n]);
	/* What is longer is in no list. */
	key[n + 1] = n == name.len ? ' ' : '\n';
	key[n + 2] = '\0';
}

static const struct element *
element_of(struct span name)
{
	static const struct element unknown = { INLINE, 0, NULL, "" };
	char key[KEY_SIZE];

	write_key(key, name);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (strstr(elements[i].names, key) != NULL)
			return &elements[i];
	return &unknown;
}

static bool
is_in(const struct element *e, unsigned roles)
{
	return (BIT(e->role) & roles) != 0;
}

/* What can be seen. */

/* "0", "0px", "0.0". */
static bool
is_zero(struct span value)
{
	size_t n = 0;

	while (n < value.len && (value.data[n] == '0' || value.data[n] == '.'))
		n++;
	return n > 0 && (n == value.len || !ascii_is_digit(value.data[n]));
}

/* The state of an element in one of that state. */
static unsigned
state_of(const struct element *e, struct span attributes, unsigned state)
{
	static const char *const strikes[] = { "text-decoration", "text-decoration-line" };
	struct span seen = html_style(attributes, "visibility");
	struct span size = html_style(attributes, "font-size");

	if (is_in(e, BIT(HEAD) | BIT(DROPPED)) || html_value(attributes, "hidden").data != NULL ||
	    span_is_nocase(html_style(attributes, "display"), "none") ||
	    is_zero(html_style(attributes, "max-height")) ||
	    is_zero(html_style(attributes, "opacity")) ||
	    (e->role != LINK && span_is_nocase(html_style(attributes, "mso-hide"), "all")))
		state |= HIDDEN;
	if (seen.len > 0)
		state = span_is_nocase(seen, "visible") ? state & ~UNSEEN : state | UNSEEN;
	if (is_zero(size))
		state |= TINY;
	else if (size.len > 0 && size.data[size.len - 1] != '%')
		state &= ~TINY;
	if (e->role == STRUCK)
		state |= CROSSED;
	for (size_t i = 0; i < 2; i++) {
		struct span line = html_style(attributes, strikes[i]);

		if (line.len > 0 && memmem(line.data, line.len, "line-through", 12) != NULL)
			state |= CROSSED;
	}
	return state;
}

static unsigned
current_state(const struct walk *w)
{
	return w->depth > 0 ? w->stack[w->depth - 1].state : 0;
}

static void
put_text(struct walk *w, struct span text, enum html_place place)
{
	w->page.struck = (current_state(w) & CROSSED) != 0;
	if ((current_state(w) & (HIDDEN | UNSEEN | TINY)) == 0)
		page_text(&w->page, text, place);
}

/* The elements that are open. */

/* The innermost one with one of these roles, if none of those stands above it; NULL: none. */
static struct open *
find(struct walk *w, unsigned roles, unsigned until)
{
	for (unsigned i = w->depth; i > 0; i--) {
		if (is_in(w->stack[i - 1].element, roles))
			return &w->stack[i - 1];
		if (is_in(w->stack[i - 1].element, until))
			break;
	}
	return NULL;
}

/* Ends that element, and all in it; NULL: none. */
static void
close(struct walk *w, const struct open *open)
{
	struct page *page = &w->page;

	while (open != NULL && w->depth > 0 && &w->stack[w->depth - 1] >= open) {
		const struct open *last = &w->stack[--w->depth];

		w->deep = 0;
		if ((last->state & HIDDEN) != 0)
			continue;
		switch (last->element->role) {
		case SHIFTED:
			if (last->bracket)
				page_char(page, ')');
			break;
		case PHRASE:
			if ((last->state & (UNSEEN | TINY)) == 0)
				page_char(page, '"');
			break;
		case LINK:
			page_link_end(page);
			break;
		case PRE:
			page_pre_end(page);
			break;
		case LIST:
		case NUMBERED:
			page_lines(page, find(w, LISTS, TABLES) != NULL ? 1 : 2);
			break;
		case TABLE:
			page_table_end(page);
			break;
		case ROW:
			page_row_end(page);
			break;
		case CELL:
			page_cell_end(page);
			break;
		default:
			page_lines(page, last->element->lines);
			if (last->element->prefix != NULL)
				page_pop(page, last->prefix);
			break;
		}
	}
}

/* Images, inputs, and what is raised or lowered. */

static void
put_image(struct walk *w, struct span attributes, const char *name)
{
	/* One of a single pixel counts who reads. */
	if (html_number_value(attributes, "width", 0, 2) >= 2 ||
	    html_number_value(attributes, "height", 0, 2) >= 2)
		page_image(&w->page, html_value(attributes, name));
}

static void
put_input(struct walk *w, struct span attributes)
{
	struct span type = html_trim(html_value(attributes, "type"));
	bool checked = html_value(attributes, "checked").data != NULL;
	char key[KEY_SIZE];

	write_key(key, type);
	if (strcmp(key, " checkbox ") == 0)
		put_text(w, span_of(checked ? "[x]" : "[ ]"), HTML_IN_RAW);
	else if (strcmp(key, " radio ") == 0)
		put_text(w, span_of(checked ? "(x)" : "( )"), HTML_IN_RAW);
	else if (strcmp(key, " image ") == 0)
		put_image(w, attributes, "alt");
	else if (strstr(" submit button reset ", key) != NULL)
		put_image(w, attributes, "value");
	else if (strstr(" hidden password file ", key) == NULL)
		put_text(w, html_value(attributes, "value"), HTML_IN_VALUE);
}

/* What may be read as one with what stands beside it. */
static bool
is_figure(uint32_t code)
{
	return (code < 0x80 && (ascii_is_alpha((char)code) || ascii_is_digit((char)code))) ||
	    (code >= 0x370 && code < 0x2000);
}

/*
 * A mark, where what is raised or lowered would be read as one with what it stands behind; and a
 * bracket (true), where it is more than a figure.  Not for "31st" and "Acme(R)".
 */
static bool
put_shifted(struct walk *w, char mark)
{
	struct span rest = w->reader.rest, content = html_trim(span_cut(&rest, '<'));
	struct buf decoded = BUF_INIT(3 * SHIFTED_MAX);
	uint32_t first = '0', before = w->page.last;
	bool letters = content.len > 1, figure = true;

	if (content.len > SHIFTED_MAX ||
	    (content.len == 0 && (rest.len == 0 || rest.data[0] == '/')))
		return false;
	html_decode(&decoded, content, HTML_IN_TEXT);
	rest = (struct span){ decoded.data, decoded.len };
	if (rest.len > 0)
		first = html_take(&rest);
	while (rest.len > 0) {
		uint32_t code = html_take(&rest);

		figure = figure && (is_figure(code) || code == '.' || code == ',');
	}
	for (size_t i = 0; i < decoded.len; i++)
		letters = letters && ascii_is_alpha(decoded.data[i]);
	buf_release(&decoded);
	if ((!is_figure(before) && before != ')' && before != ']') || (mark == '^' && letters) ||
	    (!is_figure(first) && first != '+' && first != '-' && first != 0x2212 && first != '('))
		return false;
	page_char(&w->page, (unsigned char)mark);
	if (figure || first == '(')
		return false;
	page_char(&w->page, '(');
	return true;
}

/* Lists. */

/* By its type attribute or its style; `none` where neither has one of these. */
static char
numbering_of(struct span attributes, char none)
{
	static const char *const names[] = { "1decimal", "alower-alpha", "alower-latin",
		"Aupper-alpha", "Aupper-latin", "ilower-roman", "Iupper-roman" };
	struct span type = html_trim(html_value(attributes, "type"));
	struct span style = html_style(attributes, "list-style-type");
	struct span list = html_style(attributes, "list-style");

	if (style.len == 0)
		style = span_cut(&list, ' ');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is_nocase(style, names[i] + 1))
			return names[i][0];
	/* Here alone, capitals are other ones. */
	if (type.len != 1 || type.data[0] == '\0' || strchr("1aAiI", type.data[0]) == NULL)
		return none;
	return type.data[0];
}

/*
 * Writes the number in letters or Roman digits; in decimal where it cannot be written so: letters
 * begin with 1, and z is followed by aa; Roman numbers end with 3999.
 */
static void
write_number(char to[NUMBER_SIZE], long number, char numbering)
{
	static const struct {
		short value;
		char digits[3];
	} steps[] = { { 1000, "m" }, { 900, "cm" }, { 500, "d" }, { 400, "cd" }, { 100, "c" },
		{ 90, "xc" }, { 50, "l" }, { 40, "xl" }, { 10, "x" }, { 9, "ix" }, { 5, "v" },
		{ 4, "iv" }, { 1, "i" } };
	char lower = ascii_lower(numbering), *at = to;

	if (lower == '1' || number < 1 || (lower == 'i' && number > ROMAN_MOST)) {
		snprintf(to, NUMBER_SIZE, "%ld", number);
		return;
	}
	for (size_t i = 0; lower == 'i' && i < sizeof(steps) / sizeof(steps[0]); i++)
		for (; number >= steps[i].value; number -= steps[i].value)
			at = stpcpy(at, steps[i].digits);
	for (long rest = number; lower == 'a' && rest > 0; rest = (rest - 1) / 26)
		*++at = '\0';
	for (; lower == 'a' && number > 0; number = (number - 1) / 26)
		*--at = (char)('a' + (number - 1) % 26);
	for (at = to; numbering != lower && *at != '\0'; at++)
		*at = (char)(*at - 'a' + 'A');
}

/*
 * The items of the list whose start tag was read last, without those of lists and tables within it.
 * 0 where what may be read ahead does not suffice.
 */
static long
count_items(struct walk *w)
{
	struct html_reader at = w->reader;
	struct html_token token;
	unsigned long in_lists = 0, in_tables = 0;
	size_t read = 0;
	long items = 0;
	bool ends = false;

	while (!ends && read < w->ahead && html_next(&at, &token)) {
		const struct element *e = element_of(token.name);
		unsigned long *in = e->role == TABLE ? &in_tables : &in_lists;

		read = w->reader.rest.len - at.rest.len;
		if (token.kind != HTML_START && token.kind != HTML_END)
			continue;
		if (is_in(e, BIT(ROWS) | BIT(ROW) | BIT(CELL)))
			ends = in_tables == 0; /* the cell that the list stands in ends */
		else if (is_in(e, LISTS | BIT(TABLE)) && token.kind == HTML_START)
			++*in;
		else if (is_in(e, LISTS | BIT(TABLE)))
			ends = (*in)-- == 0;
		else if (e->role == ITEM && token.kind == HTML_START && in_lists + in_tables == 0)
			items += (state_of(e, token.attributes, 0) & HIDDEN) == 0;
	}
	w->ahead -= read < w->ahead ? read : w->ahead;
	return w->ahead > 0 ? items : 0;
}

static void
begin_numbers(struct walk *w, struct open *open, struct span attributes)
{
	const long none = HTML_NUMBER_MOST + 1L;

	open->numbering = numbering_of(attributes, '1');
	open->number = html_number_value(attributes, "start", -HTML_NUMBER_MOST, none);
	open->step = html_value(attributes, "reversed").data != NULL ? -1 : 1;
	/* One that counts down ends with 1, unless it says where it begins; or it counts up. */
	if (open->number == none) {
		open->number = open->step < 0 ? count_items(w) : 1;
		open->step = open->number == 0 ? 1 : open->step;
		open->number = open->number == 0 ? 1 : open->number;
	}
}

static void
begin_item(struct walk *w, struct open *open, struct span attributes)
{
	struct open *list = find(w, LISTS, TABLES);
	char mark[NUMBER_SIZE + 2] = "* ";

	if (list != NULL && list->element->role == NUMBERED) {
		list->number = html_number_value(attributes, "value", -HTML_NUMBER_MOST,
		    list->number);
		write_number(mark, list->number, numbering_of(attributes, list->numbering));
		stpcpy(mark + strlen(mark), ". ");
		list->number += list->step;
	}
	open->prefix = page_push(&w->page, list != NULL && list->plain ? "" : mark, true);
}

/* Tags. */

/* The element is on the stack, unless it is one that is not kept. */
static void
begin_element(struct walk *w, struct open *open, struct span attributes)
{
	struct page *page = &w->page;
	struct table_cell cell = { .header = span_is_nocase(open->name, "th") };

	page->struck = (open->state & CROSSED) != 0;
	switch (open->element->role) {
	case BREAK:
		page_break(page);
		break;
	case RULE:
		page_rule(page);
		break;
	case IMAGE:
		if ((open->state & UNSEEN) == 0)
			put_image(w, attributes, "alt");
		break;
	case INPUT:
		put_input(w, attributes);
		break;
	case SHIFTED:
		if ((open->state & (UNSEEN | TINY)) == 0)
			open->bracket = put_shifted(w, open->element->prefix[0]);
		break;
	case PHRASE:
		if ((open->state & (UNSEEN | TINY)) == 0)
			page_char(page, '"');
		break;
	case LINK:
		page_link_begin(page, html_value(attributes, "href"));
		break;
	case PRE:
		page_pre_begin(page);
		break;
	case LIST:
	case NUMBERED:
		w->depth--;
		page_lines(page, find(w, LISTS, TABLES) != NULL ? 1 : 2);
		w->depth++;
		if (open->element->role == NUMBERED)
			begin_numbers(w, open, attributes);
		open->plain = span_starts_nocase(html_style(attributes, "list-style"), "none") ||
		    span_starts_nocase(html_style(attributes, "list-style-type"), "none");
		break;
	case ITEM:
		begin_item(w, open, attributes);
		break;
	case TABLE:
		page_table_begin(page, html_value_is(attributes, "role", "presentation"));
		break;
	case ROWS:
	case ROW:
		page_row_end(page);
		break;
	case CELL:
		cell.right = html_value_is(attributes, "align", "right") ||
		    span_is_nocase(html_style(attributes, "text-align"), "right");
		page_cell_begin(page, cell, html_number_value(attributes, "colspan", 1, 1),
		    html_number_value(attributes, "rowspan", 1, 1));
		break;
	default:
		page_lines(page, open->element->lines);
		if (open->element->prefix != NULL)
			open->prefix = page_push(page, open->element->prefix, false);
		break;
	}
}

/* Ends what cannot stand around e.  False where e cannot stand here. */
static bool
make_way(struct walk *w, const struct element *e)
{
	struct open *table = find(w, BIT(TABLE), 0), *row = find(w, BIT(ROW), BIT(TABLE));

	if (!is_in(e, BIT(VOID) | BIT(DROPPED) | BIT(INLINE)))
		close(w, find(w, BIT(HEAD), BIT(DROPPED)));
	if (e->lines > 0)
		close(w, find(w, BIT(PARAGRAPH) | BIT(SHIFTED), TABLES));
	if (e->role == LINK)
		close(w, find(w, BIT(LINK), TABLES));
	else if (is_in(e, BIT(ITEM) | BIT(DETAIL)))
		close(w, find(w, BIT(e->role), LISTS | TABLES));
	else if (e->role == TABLE)
		close(w, find(w, BIT(TABLE), BIT(CELL))); /* in a table, but in none of its cells */
	if (!is_in(e, BIT(ROWS) | BIT(ROW) | BIT(CELL)))
		return true;
	if (table != NULL)
		close(w, (e->role == CELL && row != NULL ? row : table) + 1);
	return table != NULL;
}

static void
start(struct walk *w, const struct html_token *token)
{
	struct open open = { .element = element_of(token->name), .name = token->name };
	const struct element *e = open.element;
	unsigned outer;
	bool keep;

	if (e->role == ROOT)
		return;
	if (span_is_nocase(token->name, "base") && w->page.base.len == 0)
		w->page.base = html_value(token->attributes, "href");
	/* Rows and cells belong to a table that is too deep, too. */
	if (w->deep > 0 ? is_in(e, BIT(ROWS) | BIT(ROW) | BIT(CELL)) : !make_way(w, e)) {
		page_lines(&w->page, 1);
		return;
	}
	outer = current_state(w);
	open.state = state_of(e, token->attributes, outer);
	keep = !is_in(e, VOIDS) && (!is_in(e, UNKEPT) || (open.state | outer) != 0);
	if (keep && w->depth == DEPTH_MAX) {
		w->deep += !is_in(e, OPTIONAL);
		page_lines(&w->page, (open.state & HIDDEN) == 0 ? e->lines : 0);
		return;
	}
	if (keep)
		w->stack[w->depth++] = open;
	if ((open.state & HIDDEN) == 0)
		begin_element(w, keep ? &w->stack[w->depth - 1] : &open, token->attributes);
}

static void
end(struct walk *w, const struct html_token *token)
{
	const struct element *e = element_of(token->name);

	if (is_in(e, VOIDS))
		return;
	for (unsigned i = w->deep == 0 ? w->depth : 0; i > 0; i--) {
		const struct open *open = &w->stack[i - 1];
		enum role role = open->element->role;

		if (open->element == e && span_equal_nocase(open->name, token->name)) {
			close(w, open);
			return;
		}
		if (role == TABLE || (role == CELL && !is_in(e, BIT(TABLE) | BIT(ROW))) ||
		    (is_in(e, INLINES) && open->element->lines > 0))
			break;
	}
	if ((current_state(w) & HIDDEN) == 0)
		page_lines(&w->page, e->lines);
	if (w->deep > 0)
		w->deep -= !is_in(e, OPTIONAL);
}

void
html_to_text(struct span html, struct buf *out)
{
	struct html_token token;
	struct walk w;

	memset(&w, 0, sizeof(w));
	w.reader.rest = html;
	w.ahead = AHEAD_TIMES * html.len;
	page_init(&w.page, out);
	while (buf_ok(out) && html_next(&w.reader, &token)) {
		if (token.kind == HTML_TEXT)
			put_text(&w, token.text, HTML_IN_TEXT);
		else if (token.kind == HTML_START)
			start(&w, &token);
		else if (token.kind == HTML_END)
			end(&w, &token);
		else if (element_of(token.name)->role == OPAQUE &&
		    (current_state(&w) & HIDDEN) == 0) {
			page_pre_begin(&w.page);
			put_text(&w, token.text,
			    span_is_nocase(token.name, "textarea") ? HTML_IN_TEXT : HTML_IN_RAW);
			page_pre_end(&w.page);
		}
	}
	close(&w, w.stack);
	page_end(&w.page);
}
