/* SPDX-License-Identifier: ISC */
/*
 * HTML as plain text, for the other half of a multipart/alternative.  Pure.
 *
 * Paragraphs and headings are separated by empty lines; list items have "* " or their number, as
 * start, reversed, value, type and style say it (1, b, B, ii, II), but where lists that count down
 * stand too deep in one another; links keep their address in <> behind their words, unless it is
 * those words or leads nowhere outside of the HTML; images have their alternative text in [];
 * tables become rows with their cells apart where they fit and each cell is one line, else one cell
 * a line; pre and line breaks stay; blockquote is quoted with "> "; script, style, head (the title
 * is no text either), template, noscript, comments and what the hidden attribute or the style
 * attribute hides are dropped; entities are decoded; lines are filled to 76 columns, words are
 * never broken, but where Chinese and Japanese break theirs.
 *
 * Any octets are read, with LF or CRLF, which makes no difference: what is no HTML comes out as
 * text, what is no UTF-8 as U+FFFD, control characters not at all.
 * Time and memory are linear in the length, whatever the HTML: text has at most 48 octets for each
 * of it, and what is nested deeper than 256 elements is text all the same.
 */
#ifndef SENDOFF_HTML_TEXT_H
#define SENDOFF_HTML_TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* Appends the text of the HTML (UTF-8), with LF line ends, ending with one unless it is empty. */
void html_to_text(struct span html, struct buf *out);

/*
 * The next value of a src attribute of an img element from *rest on, where it is not empty:
 * entities decoded, without white space at its ends, appended to out; its place in the HTML in *at
 * (the octets between the quotes, or the bare value). False where there is none left: *rest is
 * empty then.
 */
bool html_next_image(struct span *rest, struct span *at, struct buf *out);

#endif
