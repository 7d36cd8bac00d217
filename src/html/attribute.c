/* SPDX-License-Identifier: ISC */
#include "html/attribute.h"

#include <string.h>

#include "html/entity.h"
#include "html/token.h"

long
html_number_value(struct span attributes, const char *name, long least, long none)
{
	struct span value = html_trim(html_value(attributes, name));
	bool negative = value.len > 0 && value.data[0] == '-';
	size_t i = negative;
	long number = 0;

	if (i == value.len || !ascii_is_digit(value.data[i]))
		return none;
	for (; i < value.len && ascii_is_digit(value.data[i]) && number <= HTML_NUMBER_MOST; i++)
		number = number * 10 + (value.data[i] - '0');
	if (number > HTML_NUMBER_MOST)
		number = HTML_NUMBER_MOST;
	if (negative)
		number = -number;
	return number < least ? none : number;
}

bool
html_value_is(struct span attributes, const char *name, const char *value)
{
	return span_is_nocase(html_trim(html_value(attributes, name)), value);
}

struct span
html_next_style(struct span *style, const char *property)
{
	while (style->len > 0) {
		struct span declared = span_cut(style, ';');
		struct span name = html_trim(span_cut(&declared, ':')), word = html_trim(declared);
		size_t n = 0;

		while (n < word.len && word.data[n] != '!' &&
		    !html_is_space((unsigned char)word.data[n]))
			n++;
		word.len = n;
		if (n > 0 && span_is_nocase(name, property))
			return word;
	}
	return *style;
}

bool
html_style_is(struct span attributes, const char *property, const char *value)
{
	struct span style = html_value(attributes, "style"),
		    word = html_next_style(&style, property);

	for (; word.len > 0; word = html_next_style(&style, property))
		if (span_is_nocase(word, value))
			return true;
	return false;
}

bool
html_is_hidden(struct span attributes)
{
	return html_value(attributes, "hidden").data != NULL ||
	    html_style_is(attributes, "display", "none") ||
	    html_style_is(attributes, "visibility", "hidden");
}
