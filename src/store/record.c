/* SPDX-License-Identifier: ISC */
#include "store/record.h"

#include <string.h>

#include "base/checksum.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Numbers. */

static void
put(unsigned char *to, uint64_t value, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t
get(const void *from, size_t octets)
{
	const unsigned char *p = from;
	uint64_t value = 0;

	while (octets > 0)
		value = value << 8 | p[--octets];
	return value;
}

/* The block. */

static const char magic[8] = { 's', 'e', 'n', 'd', 'o', 'f', 'f', '\n' };

enum { /* where its parts begin; what lies between HEAD_SUM_AT and SUM_AT is 0 */
	VERSION_AT = 8,
	BODY_LEN_AT = 16,
	HEAD_LEN_AT = 24,
	BODY_SUM_AT = 32,
	HEAD_SUM_AT = 36,
	SUM_AT = BLOCK_SIZE - 4,
};

void
block_write(unsigned char out[static BLOCK_SIZE], const struct block *block)
{
	memset(out, 0, BLOCK_SIZE);
	memcpy(out, magic, sizeof(magic));
	put(out + VERSION_AT, block->version, 4);
	put(out + BODY_LEN_AT, block->body_len, 8);
	put(out + HEAD_LEN_AT, block->head_len, 8);
	put(out + BODY_SUM_AT, block->body_sum, 4);
	put(out + HEAD_SUM_AT, block->head_sum, 4);
	put(out + SUM_AT, checksum(0, out, SUM_AT), 4);
}

enum block_result
block_read(const unsigned char in[static BLOCK_SIZE], struct block *block)
{
	if (memcmp(in, magic, sizeof(magic)) != 0)
		return BLOCK_FOREIGN;
	/* Before the checksum: another version may keep it elsewhere. */
	block->version = (uint32_t)get(in + VERSION_AT, 4);
	if (block->version != FORMAT_VERSION)
		return block->version < FORMAT_VERSION ? BLOCK_EARLIER : BLOCK_LATER;
	if (get(in + SUM_AT, 4) != checksum(0, in, SUM_AT))
		return BLOCK_DAMAGED;
	block->body_len = get(in + BODY_LEN_AT, 8);
	block->head_len = get(in + HEAD_LEN_AT, 8);
	block->body_sum = (uint32_t)get(in + BODY_SUM_AT, 4);
	block->head_sum = (uint32_t)get(in + HEAD_SUM_AT, 4);
	return BLOCK_OK;
}

/* Records. */

enum {
	RECORD_HEAD = 9, /* octets of a record before its payload: length, checksum, type */
	FIELD_HEAD = 5,  /* octets of a field before its content: tag, length */
	NUMBER_SIZE = 8, /* octets of a number as a field's content */
};

enum form {
	FORM_NUMBER, /* 0 is not written */
	FORM_FLAG,   /* one octet, 1; false is not written */
	FORM_TEXT,   /* an empty one is not written */
};

/* Tags are for ever: they are in people's files. */
static const struct field {
	unsigned char tag;
	unsigned char form;
	size_t offset; /* of the member in struct record */
} fields[] = {
	{ 1, FORM_NUMBER, offsetof(struct record, time_ms) },
	{ 2, FORM_NUMBER, offsetof(struct record, next_ms) },
	{ 3, FORM_NUMBER, offsetof(struct record, attempt) },
	{ 4, FORM_NUMBER, offsetof(struct record, uid) },
	{ 5, FORM_NUMBER, offsetof(struct record, notify) },
	{ 6, FORM_NUMBER, offsetof(struct record, ret) },
	{ 7, FORM_NUMBER, offsetof(struct record, facts) },
	{ 8, FORM_NUMBER, offsetof(struct record, header_line_max) },
	{ 9, FORM_NUMBER, offsetof(struct record, body_line_max) },
	{ 10, FORM_NUMBER, offsetof(struct record, state) },
	{ 11, FORM_NUMBER, offsetof(struct record, notice) },
	{ 12, FORM_NUMBER, offsetof(struct record, code) },
	{ 13, FORM_NUMBER, offsetof(struct record, at) },
	{ 14, FORM_NUMBER, offsetof(struct record, length) },
	{ 15, FORM_NUMBER, offsetof(struct record, deliver_by) },
	{ 16, FORM_NUMBER, offsetof(struct record, hold_for) },
	{ 17, FORM_NUMBER, offsetof(struct record, priority) },
	{ 18, FORM_NUMBER, offsetof(struct record, hold_until) },
	{ 19, FORM_NUMBER, offsetof(struct record, by) },
	{ 32, FORM_FLAG, offsetof(struct record, in_doubt) },
	{ 33, FORM_FLAG, offsetof(struct record, needs_utf8) },
	{ 34, FORM_FLAG, offsetof(struct record, taken) },
	{ 35, FORM_FLAG, offsetof(struct record, require_tls) },
	{ 36, FORM_FLAG, offsetof(struct record, deliver_by_return) },
	{ 37, FORM_FLAG, offsetof(struct record, expanded) },
	{ 64, FORM_TEXT, offsetof(struct record, recipients) },
	{ 65, FORM_TEXT, offsetof(struct record, account) },
	{ 66, FORM_TEXT, offsetof(struct record, sender) },
	{ 67, FORM_TEXT, offsetof(struct record, envid) },
	{ 68, FORM_TEXT, offsetof(struct record, address) },
	{ 69, FORM_TEXT, offsetof(struct record, original) },
	{ 70, FORM_TEXT, offsetof(struct record, server) },
	{ 71, FORM_TEXT, offsetof(struct record, tls) },
	{ 72, FORM_TEXT, offsetof(struct record, auth) },
	{ 73, FORM_TEXT, offsetof(struct record, kind) },
	{ 74, FORM_TEXT, offsetof(struct record, enhanced) },
	{ 75, FORM_TEXT, offsetof(struct record, text) },
	{ 76, FORM_TEXT, offsetof(struct record, reply) },
	{ 77, FORM_TEXT, offsetof(struct record, orcpt_type) },
	{ 78, FORM_TEXT, offsetof(struct record, orcpt) },
};

static void
add_field(struct buf *out, unsigned char tag, struct span content)
{
	unsigned char head[FIELD_HEAD];

	/* Too much for a record anyway, and its length would not fit. */
	if (content.len > RECORD_MAX)
		out->failed = true;
	head[0] = tag;
	put(head + 1, content.len, 4);
	buf_add(out, head, sizeof(head));
	buf_add(out, content.data, content.len);
}

static void
write_field(struct buf *out, const struct field *field, const struct record *record)
{
	const char *member = (const char *)record + field->offset;
	unsigned char octets[NUMBER_SIZE];
	struct span text;
	uint64_t number;
	bool flag;

	switch (field->form) {
	case FORM_NUMBER:
		memcpy(&number, member, sizeof(number));
		put(octets, number, NUMBER_SIZE);
		if (number != 0)
			add_field(out, field->tag,
			    (struct span){ (const char *)octets, NUMBER_SIZE });
		break;
	case FORM_FLAG:
		memcpy(&flag, member, sizeof(flag));
		if (flag)
			add_field(out, field->tag, (struct span){ "\001", 1 });
		break;
	default:
		memcpy(&text, member, sizeof(text));
		if (text.len > 0)
			add_field(out, field->tag, text);
		break;
	}
}

void
record_write(struct buf *out, const struct record *record)
{
	unsigned char head[RECORD_HEAD] = { 0 };
	size_t at = out->len, len;

	head[8] = (unsigned char)record->type;
	buf_add(out, head, sizeof(head));
	for (size_t i = 0; i < COUNT(fields); i++)
		write_field(out, &fields[i], record);
	if (!buf_ok(out))
		return;
	len = out->len - at - RECORD_HEAD;
	if (len > RECORD_MAX) {
		buf_truncate(out, at);
		out->failed = true;
		return;
	}
	put(head, len, 4);
	put(head + 4, checksum(0, out->data + at + 8, len + 1), 4);
	memcpy(out->data + at, head, 8);
}

static const struct field *
find_field(unsigned char tag)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].tag == tag)
			return &fields[i];
	return NULL;
}

/* False for a content that is none of the field's form. */
static bool
read_field(const struct field *field, struct span content, struct record *record)
{
	char *member = (char *)record + field->offset;
	uint64_t number;
	bool flag = true;

	switch (field->form) {
	case FORM_NUMBER:
		if (content.len != NUMBER_SIZE)
			return false;
		number = get(content.data, NUMBER_SIZE);
		memcpy(member, &number, sizeof(number));
		return true;
	case FORM_FLAG:
		if (!span_is(content, "\001"))
			return false;
		memcpy(member, &flag, sizeof(flag));
		return true;
	default:
		memcpy(member, &content, sizeof(content));
		return true;
	}
}

static bool
read_fields(struct span payload, struct record *record)
{
	while (payload.len > 0) {
		const struct field *field;
		struct span content;

		if (payload.len < FIELD_HEAD)
			return false;
		content = (struct span){ payload.data + FIELD_HEAD,
			(size_t)get(payload.data + 1, 4) };
		if (content.len > payload.len - FIELD_HEAD)
			return false;
		field = find_field((unsigned char)payload.data[0]);
		if (field != NULL && !read_field(field, content, record))
			return false;
		payload.data += FIELD_HEAD + content.len;
		payload.len -= FIELD_HEAD + content.len;
	}
	return true;
}

/* An empty text is none, and no null pointer. */
#define EMPTY \
	{ \
		"", 0 \
	}

static const struct record blank = {
	.recipients = EMPTY,
	.account = EMPTY,
	.sender = EMPTY,
	.envid = EMPTY,
	.address = EMPTY,
	.original = EMPTY,
	.orcpt_type = EMPTY,
	.orcpt = EMPTY,
	.server = EMPTY,
	.tls = EMPTY,
	.auth = EMPTY,
	.kind = EMPTY,
	.enhanced = EMPTY,
	.text = EMPTY,
	.reply = EMPTY,
};

enum record_result
record_read(struct span *rest, struct record *record)
{
	struct span payload;
	unsigned char type;
	bool known;

	if (rest->len == 0)
		return RECORD_END;
	if (rest->len < RECORD_HEAD)
		return RECORD_TORN;
	payload = (struct span){ rest->data + RECORD_HEAD, (size_t)get(rest->data, 4) };
	if (payload.len > RECORD_MAX || payload.len > rest->len - RECORD_HEAD ||
	    checksum(0, rest->data + 8, payload.len + 1) != get(rest->data + 4, 4))
		return RECORD_TORN;
	type = (unsigned char)rest->data[8];
	*record = blank;
	record->type = type < RECORD_OPTIONAL ? (enum record_type)type : RECORD_OPTIONAL;
	known = (type >= RECORD_ENVELOPE && type <= RECORD_HEADER) ||
	    (type >= RECORD_SENDING && type <= RECORD_AT);
	if (type < RECORD_OPTIONAL && !known)
		return RECORD_LATER;
	if (known && !read_fields(payload, record))
		return RECORD_NONSENSE;
	rest->data += RECORD_HEAD + payload.len;
	rest->len -= RECORD_HEAD + payload.len;
	return RECORD_OK;
}

bool
record_may_be(struct span rest, enum record_type type)
{
	return rest.len >= RECORD_HEAD && (unsigned char)rest.data[8] == type &&
	    get(rest.data, 4) <= COUNT(fields) * (FIELD_HEAD + NUMBER_SIZE);
}

/* Ranges. */

enum { RANGE_SIZE = 8 }; /* first and count, four octets each */

void
record_add_range(struct buf *ranges, uint32_t first, uint32_t count)
{
	unsigned char octets[RANGE_SIZE];

	put(octets, first, 4);
	put(octets + 4, count, 4);
	buf_add(ranges, octets, sizeof(octets));
}

bool
record_next_range(struct span *ranges, uint32_t *first, uint32_t *count)
{
	if (ranges->len < RANGE_SIZE)
		return false;
	*first = (uint32_t)get(ranges->data, 4);
	*count = (uint32_t)get(ranges->data + 4, 4);
	if (*count == 0 || *first > UINT32_MAX - *count)
		return false;
	ranges->data += RANGE_SIZE;
	ranges->len -= RANGE_SIZE;
	return true;
}
