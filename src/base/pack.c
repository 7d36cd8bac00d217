/* SPDX-License-Identifier: ISC */
#include "base/pack.h"

#include <string.h>

void
pack_number(struct buf *out, uint64_t number)
{
	buf_add(out, (const char *)&number, sizeof(number));
}

void
pack_text(struct buf *out, struct span text)
{
	pack_number(out, text.len);
	buf_add(out, text.data, text.len);
}

/* The next `len` octets; NULL where there are not so many. */
static const char *
take(struct unpack *in, uint64_t len)
{
	const char *at = in->rest.data;

	if (in->broken || len > in->rest.len) {
		in->broken = true;
		return NULL;
	}
	in->rest.data += len;
	in->rest.len -= (size_t)len;
	return at;
}

uint64_t
unpack_number(struct unpack *in)
{
	uint64_t number = 0;
	const char *at = take(in, sizeof(number));

	if (at != NULL)
		memcpy(&number, at, sizeof(number));
	return number;
}

uint64_t
unpack_below(struct unpack *in, uint64_t max)
{
	uint64_t number = unpack_number(in);

	if (number <= max)
		return number;
	in->broken = true;
	return 0;
}

struct span
unpack_text(struct unpack *in)
{
	uint64_t len = unpack_number(in);
	const char *at = take(in, len);

	return at != NULL ? (struct span){ at, (size_t)len } : (struct span){ "", 0 };
}

void
unpack_buf(struct unpack *in, struct buf *to)
{
	struct span text = unpack_text(in);

	buf_clear(to);
	buf_add(to, text.data, text.len);
	if (!buf_ok(to))
		in->broken = true;
}
