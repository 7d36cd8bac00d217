/* SPDX-License-Identifier: ISC */
/*
 * HTML as plain text, for the other half of a multipart/alternative.  Pure.
 *
 * Paragraphs and headings are separated by empty lines; list items have "* " or their number; links keep their address in
 * <> behind their words, unless it is those words; images have their alternative text in []; tables become rows with their
 * cells apart; pre and line breaks stay; blockquote is quoted with "> "; script, style, head (but the title is no text
 * either) and comments are dropped; entities are decoded; lines are filled to 76 columns, words are never broken.
 * Any octets are read: what is no HTML comes out as text.
 */
#ifndef SENDOFF_FORMAT_HTML_TEXT_H
#define SENDOFF_FORMAT_HTML_TEXT_H

#include "base/buf.h"
#include "base/span.h"

/* Appends the text of the HTML (UTF-8), with LF line ends, ending with one unless it is empty. */
void html_to_text(struct span html, struct buf *out);

/*
 * The next value of a src attribute of an img element from *rest on, entities decoded, appended to out; its place in the
 * HTML in *at (the octets between the quotes, or the bare value).  False where there is none left.
 */
bool html_next_image(struct span *rest, struct span *at, struct buf *out);

#endif
