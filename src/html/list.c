/* SPDX-License-Identifier: ISC */
#include "html/list.h"

#include <stdio.h>
#include <string.h>

#include "html/attribute.h"
#include "html/element.h"
#include "html/entity.h"

enum { ROMAN_MOST = 3999 };

/* By a type attribute, or a value of list-style-type. */
static enum html_numbering
numbering_named(struct span type, enum html_numbering none)
{
	static const struct {
		const char *name;
		enum html_numbering numbering;
	} names[] = {
		{ "lower-alpha", HTML_LOWER_LETTER },
		{ "lower-latin", HTML_LOWER_LETTER },
		{ "upper-alpha", HTML_UPPER_LETTER },
		{ "upper-latin", HTML_UPPER_LETTER },
		{ "lower-roman", HTML_LOWER_ROMAN },
		{ "upper-roman", HTML_UPPER_ROMAN },
		{ "decimal", HTML_DECIMAL },
	};
	/* In the order of enum html_numbering; here alone, capitals are other ones. */
	static const char letters[] = "1aAiI";
	const char *letter = type.len == 1 && type.data[0] != '\0' ? strchr(letters, type.data[0]) :
								     NULL;

	if (letter != NULL)
		return (enum html_numbering)(letter - letters);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is_nocase(type, names[i].name))
			return names[i].numbering;
	return none;
}

enum html_numbering
html_numbering_of(struct span attributes, enum html_numbering none)
{
	static const char *const properties[] = { "list-style-type", "list-style" };
	enum html_numbering numbering = numbering_named(html_trim(html_value(attributes, "type")),
	    none);

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		struct span style = html_value(attributes, "style"),
			    word = html_next_style(&style, properties[i]);

		for (; word.len > 0; word = html_next_style(&style, properties[i]))
			numbering = numbering_named(word, numbering);
	}
	return numbering;
}

/* z is followed by aa. */
static void
put_letters(char to[HTML_NUMBER_SIZE], long number)
{
	char reversed[HTML_NUMBER_SIZE];
	size_t n = 0;

	for (; number > 0; number = (number - 1) / 26)
		reversed[n++] = (char)('a' + (number - 1) % 26);
	for (size_t i = 0; i < n; i++)
		to[i] = reversed[n - 1 - i];
	to[n] = '\0';
}

static void
put_roman(char to[HTML_NUMBER_SIZE], long number)
{
	static const struct {
		long value;
		const char *digits;
	} steps[] = {
		{ 1000, "m" },
		{ 900, "cm" },
		{ 500, "d" },
		{ 400, "cd" },
		{ 100, "c" },
		{ 90, "xc" },
		{ 50, "l" },
		{ 40, "xl" },
		{ 10, "x" },
		{ 9, "ix" },
		{ 5, "v" },
		{ 4, "iv" },
		{ 1, "i" },
	};
	char *end = to;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (; number >= steps[i].value; number -= steps[i].value)
			end = stpcpy(end, steps[i].digits);
}

void
html_number(char to[HTML_NUMBER_SIZE], long number, enum html_numbering numbering)
{
	bool roman = numbering == HTML_LOWER_ROMAN || numbering == HTML_UPPER_ROMAN;

	if (numbering == HTML_DECIMAL || number < 1 || (roman && number > ROMAN_MOST)) {
		snprintf(to, HTML_NUMBER_SIZE, "%ld", number);
		return;
	}
	(roman ? put_roman : put_letters)(to, number);
	if (numbering == HTML_UPPER_LETTER || numbering == HTML_UPPER_ROMAN)
		for (char *p = to; *p != '\0'; p++)
			*p = (char)(*p - 'a' + 'A');
}

/* What stands in a list, as it is read ahead. */
struct inside {
	unsigned long lists, tables; /* that are open in it */
	long items;                  /* of its own */
};

/* False: the list ends here. */
static bool
note_inside(struct inside *inside, const struct html_token *token)
{
	const struct html_element *e = html_element_find(token->name);
	unsigned long *open = e->role == HTML_TABLE ? &inside->tables : &inside->lists;
	bool begins = token->kind == HTML_START;

	/* The cell that the list stands in. */
	if (e->role == HTML_ROW || e->role == HTML_CELL)
		return inside->tables > 0;
	if (e->role == HTML_ITEM && begins && inside->lists + inside->tables == 0 &&
	    !html_is_hidden(token->attributes))
		inside->items++;
	if (e->role != HTML_LIST && e->role != HTML_NUMBERED && e->role != HTML_TABLE)
		return true;
	if (!begins && *open == 0)
		return false;
	*open = begins ? *open + 1 : *open - 1;
	return true;
}

long
html_count_items(const struct html_reader *reader, size_t *ahead)
{
	struct html_reader at = *reader;
	struct inside inside = { 0 };
	struct html_token token;
	size_t read = 0;
	bool ends = false;

	while (!ends && read < *ahead && html_next(&at, &token)) {
		if (token.kind == HTML_START || token.kind == HTML_END)
			ends = !note_inside(&inside, &token);
		read = reader->rest.len - at.rest.len;
	}
	*ahead -= read < *ahead ? read : *ahead;
	return *ahead > 0 ? inside.items : 0;
}
