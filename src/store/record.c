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
#define MEMBER(tag, form, member) \
	{ \
		(tag), (form), offsetof(struct record, member), #member \
	}

static const struct field {
	unsigned char tag;
	unsigned char form;
	size_t offset; /* of the member in struct record */
	const char *name;
} fields[] = {
	MEMBER(1, FORM_NUMBER, time_ms),
	MEMBER(2, FORM_NUMBER, next_ms),
	MEMBER(3, FORM_NUMBER, attempt),
	MEMBER(4, FORM_NUMBER, uid),
	MEMBER(5, FORM_NUMBER, notify),
	MEMBER(6, FORM_NUMBER, ret),
	MEMBER(7, FORM_NUMBER, facts),
	MEMBER(8, FORM_NUMBER, header_line_max),
	MEMBER(9, FORM_NUMBER, body_line_max),
	MEMBER(10, FORM_NUMBER, state),
	MEMBER(11, FORM_NUMBER, notice),
	MEMBER(12, FORM_NUMBER, code),
	MEMBER(13, FORM_NUMBER, at),
	MEMBER(14, FORM_NUMBER, length),
	MEMBER(15, FORM_NUMBER, deliver_by),
	MEMBER(16, FORM_NUMBER, hold_for),
	MEMBER(17, FORM_NUMBER, priority),
	MEMBER(18, FORM_NUMBER, hold_until),
	MEMBER(19, FORM_NUMBER, by),
	MEMBER(32, FORM_FLAG, in_doubt),
	MEMBER(33, FORM_FLAG, needs_utf8),
	MEMBER(34, FORM_FLAG, taken),
	MEMBER(35, FORM_FLAG, require_tls),
	MEMBER(36, FORM_FLAG, deliver_by_return),
	MEMBER(37, FORM_FLAG, expanded),
	MEMBER(64, FORM_TEXT, recipients),
	MEMBER(65, FORM_TEXT, account),
	MEMBER(66, FORM_TEXT, sender),
	MEMBER(67, FORM_TEXT, envid),
	MEMBER(68, FORM_TEXT, address),
	MEMBER(69, FORM_TEXT, original),
	MEMBER(70, FORM_TEXT, server),
	MEMBER(71, FORM_TEXT, tls),
	MEMBER(72, FORM_TEXT, auth),
	MEMBER(73, FORM_TEXT, kind),
	MEMBER(74, FORM_TEXT, enhanced),
	MEMBER(75, FORM_TEXT, text),
	MEMBER(76, FORM_TEXT, reply),
	MEMBER(77, FORM_TEXT, orcpt_type),
	MEMBER(78, FORM_TEXT, orcpt),
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

/* The next field of a payload: its tag and content; false where what is left is none. */
static bool
take_field(struct span *payload, unsigned char *tag, struct span *content)
{
	size_t len;

	if (payload->len < FIELD_HEAD)
		return false;
	len = (size_t)get(payload->data + 1, 4);
	if (len > payload->len - FIELD_HEAD)
		return false;
	*tag = (unsigned char)payload->data[0];
	*content = (struct span){ payload->data + FIELD_HEAD, len };
	payload->data += FIELD_HEAD + len;
	payload->len -= FIELD_HEAD + len;
	return true;
}

static bool
read_fields(struct span payload, struct record *record)
{
	while (payload.len > 0) {
		const struct field *field;
		struct span content;
		unsigned char tag;

		if (!take_field(&payload, &tag, &content))
			return false;
		field = find_field(tag);
		if (field != NULL && !read_field(field, content, record))
			return false;
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

bool
record_frame(struct span rest, struct record_frame *frame)
{
	uint64_t len;

	if (rest.len < RECORD_HEAD)
		return false;
	len = get(rest.data, 4);
	if (len > RECORD_MAX || len > rest.len - RECORD_HEAD)
		return false;
	frame->type = (unsigned char)rest.data[8];
	frame->payload = (struct span){ rest.data + RECORD_HEAD, (size_t)len };
	frame->len = RECORD_HEAD + (size_t)len;
	frame->whole = checksum(0, rest.data + 8, (size_t)len + 1) == get(rest.data + 4, 4);
	return true;
}

enum record_result
record_read(struct span *rest, struct record *record)
{
	struct record_frame frame;
	unsigned char type;

	if (rest->len == 0)
		return RECORD_END;
	if (!record_frame(*rest, &frame) || !frame.whole)
		return RECORD_TORN;
	type = frame.type;
	*record = blank;
	record->type = type < RECORD_OPTIONAL ? (enum record_type)type : RECORD_OPTIONAL;
	if (type < RECORD_OPTIONAL && record_type_name(type) == NULL)
		return RECORD_LATER;
	if (type < RECORD_OPTIONAL && !read_fields(frame.payload, record))
		return RECORD_NONSENSE;
	rest->data += frame.len;
	rest->len -= frame.len;
	return RECORD_OK;
}

bool
record_next_field(struct span *payload, struct record_field *out)
{
	const struct field *field;

	if (!take_field(payload, &out->tag, &out->content))
		return false;
	field = find_field(out->tag);
	out->name = field != NULL ? field->name : NULL;
	out->is_number = field != NULL && field->form != FORM_TEXT &&
	    out->content.len <= NUMBER_SIZE;
	out->number = out->is_number ? get(out->content.data, out->content.len) : 0;
	return true;
}

const char *
record_type_name(unsigned char type)
{
	static const char *const names[] = {
		[RECORD_ENVELOPE] = "envelope",
		[RECORD_RECIPIENT] = "recipient",
		[RECORD_HEADER] = "header",
		[RECORD_SENDING] = "sending",
		[RECORD_OUTCOME] = "outcome",
		[RECORD_ATTEMPT] = "attempt",
		[RECORD_NEXT] = "next",
		[RECORD_NOTICE] = "notice",
		[RECORD_HOLD] = "hold",
		[RECORD_RELEASE] = "release",
		[RECORD_FAILED] = "failed",
		[RECORD_RETRY] = "retry",
		[RECORD_BATCH] = "batch",
		[RECORD_AT] = "at",
	};

	return type < COUNT(names) ? names[type] : NULL;
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
