/* SPDX-License-Identifier: ISC */
#include "html/element.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Sorted, as bsearch() wants them. */
static const struct html_element elements[] = {
	{ "a", HTML_LINK, 0 },
	{ "address", HTML_BLOCK, 1 },
	{ "area", HTML_EMPTY, 0 },
	{ "article", HTML_BLOCK, 2 },
	{ "aside", HTML_BLOCK, 2 },
	{ "audio", HTML_DROPPED, 0 },
	{ "base", HTML_META, 0 },
	{ "basefont", HTML_META, 0 },
	{ "bgsound", HTML_META, 0 },
	{ "blockquote", HTML_QUOTE, 2 },
	{ "body", HTML_ROOT, 0 },
	{ "br", HTML_BREAK, 0 },
	{ "canvas", HTML_DROPPED, 0 },
	{ "caption", HTML_BLOCK, 1 },
	{ "center", HTML_BLOCK, 1 },
	{ "col", HTML_EMPTY, 0 },
	{ "dd", HTML_DETAIL, 1 },
	{ "details", HTML_BLOCK, 1 },
	{ "dialog", HTML_BLOCK, 1 },
	{ "dir", HTML_LIST, 2 },
	{ "div", HTML_BLOCK, 1 },
	{ "dl", HTML_LIST, 2 },
	{ "dt", HTML_TERM, 1 },
	{ "embed", HTML_EMPTY, 0 },
	{ "fieldset", HTML_BLOCK, 2 },
	{ "figcaption", HTML_BLOCK, 1 },
	{ "figure", HTML_BLOCK, 2 },
	{ "footer", HTML_BLOCK, 1 },
	{ "form", HTML_BLOCK, 1 },
	{ "frame", HTML_EMPTY, 0 },
	{ "h1", HTML_BLOCK, 2 },
	{ "h2", HTML_BLOCK, 2 },
	{ "h3", HTML_BLOCK, 2 },
	{ "h4", HTML_BLOCK, 2 },
	{ "h5", HTML_BLOCK, 2 },
	{ "h6", HTML_BLOCK, 2 },
	{ "head", HTML_HEAD, 0 },
	{ "header", HTML_BLOCK, 1 },
	{ "hgroup", HTML_BLOCK, 1 },
	{ "hr", HTML_RULE, 2 },
	{ "html", HTML_ROOT, 0 },
	{ "iframe", HTML_DROPPED, 0 },
	{ "img", HTML_IMAGE, 0 },
	{ "input", HTML_INPUT, 0 },
	{ "keygen", HTML_EMPTY, 0 },
	{ "legend", HTML_BLOCK, 1 },
	{ "li", HTML_ITEM, 1 },
	{ "link", HTML_META, 0 },
	{ "listing", HTML_PRE, 2 },
	{ "main", HTML_BLOCK, 1 },
	{ "menu", HTML_LIST, 2 },
	{ "meta", HTML_META, 0 },
	{ "nav", HTML_BLOCK, 1 },
	{ "noembed", HTML_DROPPED, 0 },
	{ "noframes", HTML_DROPPED, 0 },
	{ "noscript", HTML_DROPPED, 0 },
	{ "ol", HTML_NUMBERED, 2 },
	{ "optgroup", HTML_BLOCK, 1 },
	{ "option", HTML_BLOCK, 1 },
	{ "p", HTML_PARAGRAPH, 2 },
	{ "param", HTML_EMPTY, 0 },
	{ "plaintext", HTML_OPAQUE, 2 },
	{ "pre", HTML_PRE, 2 },
	{ "q", HTML_PHRASE, 0 },
	{ "script", HTML_META, 0 },
	{ "section", HTML_BLOCK, 1 },
	{ "select", HTML_BLOCK, 1 },
	{ "source", HTML_EMPTY, 0 },
	{ "style", HTML_META, 0 },
	{ "summary", HTML_BLOCK, 1 },
	{ "svg", HTML_DROPPED, 0 },
	{ "table", HTML_TABLE, 2 },
	{ "tbody", HTML_ROW, 0 },
	{ "td", HTML_CELL, 0 },
	{ "template", HTML_DROPPED, 0 },
	{ "textarea", HTML_OPAQUE, 1 },
	{ "tfoot", HTML_ROW, 0 },
	{ "th", HTML_CELL, 0 },
	{ "thead", HTML_ROW, 0 },
	{ "title", HTML_META, 0 },
	{ "tr", HTML_ROW, 0 },
	{ "track", HTML_EMPTY, 0 },
	{ "ul", HTML_LIST, 2 },
	{ "video", HTML_DROPPED, 0 },
	{ "wbr", HTML_EMPTY, 0 },
	{ "xmp", HTML_OPAQUE, 2 },
};

static const struct html_element unknown = { "", HTML_INLINE, 0 };

static int
compare(const void *key, const void *row)
{
	const struct span *name = key;
	const char *other = ((const struct html_element *)row)->name;

	for (size_t i = 0; i < name->len; i++) {
		int order = (unsigned char)ascii_lower(name->data[i]) - (unsigned char)other[i];

		if (order != 0)
			return order;
	}
	return other[name->len] == '\0' ? 0 : -1;
}

const struct html_element *
html_element_find(struct span name)
{
	const struct html_element *found;

	found = bsearch(&name, elements, sizeof(elements) / sizeof(elements[0]),
	    sizeof(elements[0]), compare);
	return found != NULL ? found : &unknown;
}

bool
html_element_is_empty(const struct html_element *e)
{
	switch (e->role) {
	case HTML_META:
	case HTML_EMPTY:
	case HTML_BREAK:
	case HTML_RULE:
	case HTML_IMAGE:
	case HTML_INPUT:
		return true;
	default:
		return false;
	}
}
