/* SPDX-License-Identifier: ISC */
#include "message/message.h"

#include <string.h>

#include "base/span.h"
#include "format/header.h"

void
message_init(struct message *m)
{
	const struct spool_place none = { .dir = NULL };

	memset(m, 0, sizeof(*m));
	buf_init(&m->header, MESSAGE_HEADER_MAX);
	spool_init(&m->body, &none);
	m->body_utf8 = true;
}

void
message_release(struct message *m)
{
	buf_release(&m->header);
	spool_release(&m->body);
}

uint64_t
message_size(const struct message *m)
{
	return m->header.len + strlen("\r\n") + m->body.size;
}

void
message_header_facts(struct message *m)
{
	struct span rest = { m->header.data, m->header.len };

	m->header_8bit = span_has_8bit(rest);
	m->header_line_max = 0;
	while (rest.len > 0) {
		size_t len = span_cut(&rest, '\r').len;

		if (len > m->header_line_max)
			m->header_line_max = len;
		span_cut(&rest, '\n');
	}
}

void
message_body_facts(struct message *m, const struct scan *seen)
{
	m->body_8bit = m->body_8bit || seen->has_8bit;
	m->body_utf8 = m->body_utf8 && !seen->not_utf8;
	m->body_nul = m->body_nul || seen->has_nul;
	if (seen->line_max > m->body_line_max)
		m->body_line_max = seen->line_max;
}

void
message_id(const struct message *m, struct buf *out)
{
	struct span block = { m->header.data, m->header.len };
	struct header_field field;
	const char *open, *close;

	if (!header_find(block, "Message-ID", &field))
		return;
	open = memchr(field.body.data, '<', field.body.len);
	close = memchr(field.body.data, '>', field.body.len);
	if (open != NULL && close != NULL && open < close)
		buf_add(out, open, (size_t)(close - open) + 1);
	else
		header_unfold(out, field.body);
}
