/* SPDX-License-Identifier: ISC */
#include "message/phrase.h"

#include <string.h>

#include "format/fold.h"
#include "format/words.h"

enum { TEXT_MAX = 8192 }; /* octets of a name: what is more is cut off */

void
phrase_add(struct buf *out, struct span text)
{
	struct buf name = BUF_INIT(TEXT_MAX), phrase = BUF_INIT(8 * TEXT_MAX);
	struct fold fold;

	words_clean(&name, text);
	/* The longest name of a field that holds one. */
	fold_continue(&fold, &phrase, strlen("Resent-From:"));
	words_add_phrase(&fold, (struct span){ name.data, name.len });
	if (phrase.len > 0)
		buf_add(out, phrase.data + strlen(" "), phrase.len - strlen(" "));
	out->failed = out->failed || !buf_ok(&name) || !buf_ok(&phrase);
	buf_release(&name);
	buf_release(&phrase);
}
