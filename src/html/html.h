/* SPDX-License-Identifier: ISC */
/*
 * HTML as plain text, for the other half of a multipart/alternative; and what else must be known of
 * it.  Pure.
 *
 * Paragraphs and headings are separated by empty lines; list items have "* " or their number, as
 * start, reversed, value, type and style say it (1, b, B, ii, II), but where lists that count down
 * stand too deep in one another; links keep their address in <> behind their words, unless it is
 * those words or leads nowhere outside of the HTML, and made absolute where a base element says to
 * what; images have their alternative text in []; pre and line breaks stay; blockquote is quoted
 * with "> "; what is struck out (del, s, strike, line-through) stands between "~~" and "~~".  What
 * is raised or lowered has '^' or '_' before it, where it would be read as one with what it stands
 * behind: "2^10", "H_2O", "x^(n+1)", but "31st".
 *
 * Tables become rows with their cells side by side, each wrapped within its column; where they do
 * not fit, lines of "Name: value" for each row, if they have names of columns, else one cell after
 * the other.  The latter is what always becomes of tables with lists or tables in them; and, unless
 * each cell fits in one line, of those that only put things where they are: one row or one column,
 * role=presentation.
 *
 * Dropped are script, style, head (the title is no text either), template, noscript, comments and
 * what nobody sees: by the hidden attribute, or by display:none, visibility:hidden, font-size:0,
 * max-height:0, opacity:0 or mso-hide:all in a style attribute.  Visibility and size may be set
 * again within.  The last does not hide links: it is how newsletters give a button to all programs
 * but Outlook, which has one drawn by other means.  aria-hidden hides nothing from readers.
 *
 * References are decoded; lines are filled to 76 columns, words are never broken, but where Chinese
 * and Japanese break theirs.  Any octets are read, with LF or CRLF, which makes no difference: what
 * is no HTML comes out as text, what is no UTF-8 as U+FFFD, control characters not at all.
 * Time and memory are linear in the length, whatever the HTML: text has at most 48 octets for each
 * of it, and what is nested deeper than 512 elements is text all the same.
 */
#ifndef SENDOFF_HTML_HTML_H
#define SENDOFF_HTML_HTML_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends the text of the HTML (UTF-8), with LF line ends, ending with one unless it is empty.
 * Fails as a buf does: out's ceiling, or memory.
 */
void html_to_text(struct span html, struct buf *out);

/*
 * The next value of a src attribute of an img element from *rest on, where it is not empty:
 * references decoded, without white space at its ends, appended to out; its place in the HTML in
 * *at (the octets between the quotes, or the bare value).  False where there is none left: *rest is
 * empty then.
 */
bool html_next_image(struct span *rest, struct span *at, struct buf *out);

enum { HTML_META_MAX = 1024 }; /* octets in which the charset must stand */

/*
 * Where the charset stands that the HTML names for itself: in the first <meta charset> or <meta
 * http-equiv=content-type content="…charset=…"> that has one, in the first HTML_META_MAX octets
 * (HTML, prescan a byte stream to determine its encoding).  Empty where there is none.
 */
struct span html_meta_charset(struct span html);

#endif
