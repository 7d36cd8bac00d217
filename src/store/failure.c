/* SPDX-License-Identifier: ISC */
#include "store/failure.h"

#include <string.h>

static struct span
span_in(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

void
failure_write(struct record *record, const struct err *err)
{
	record->kind = span_of(err_name(err->kind));
	record->code = (uint64_t)err->reply_code;
	record->enhanced = span_of(err->enhanced);
	record->text = span_in(&err->what);
	record->reply = span_in(&err->reply);
	record->server = span_in(&err->peer);
	record->in_doubt = err->in_doubt;
}

static void
take(struct buf *to, struct span from)
{
	buf_clear(to);
	buf_add(to, from.data, from.len < to->max ? from.len : to->max);
}

void
failure_read(const struct record *record, struct err *err)
{
	err_clear(err);
	err->kind = err_kind_named(record->kind);
	err->reply_code = record->code < 1000 ? (int)record->code : 0;
	if (record->enhanced.len < sizeof(err->enhanced))
		memcpy(err->enhanced, record->enhanced.data, record->enhanced.len);
	err->in_doubt = record->in_doubt;
	take(&err->what, record->text);
	take(&err->reply, record->reply);
	take(&err->peer, record->server);
}
