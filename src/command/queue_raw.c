/* SPDX-License-Identifier: ISC */
/*
 * The file of one message, record by record: `sendoff queue show --raw`.
 */
#include <inttypes.h>
#include <string.h>

#include "command/queue_call.h"
#include "command/view.h"
#include "store/raw.h"

enum { LINE_MAX = 256 };

/* A line of the table; the fields of a record are indented below. */
static void
print_row(FILE *out, uint64_t at, const char *what, uint64_t len, const char *checksum)
{
	fprintf(out, "%10" PRIu64 "  %-10s %10" PRIu64 "  %s\n", at, what, len, checksum);
}

static const char *
verdict(bool is_right)
{
	return is_right ? "ok" : "wrong";
}

/* Text of several lines, a header block for example, is shown in as many. */
static void
print_text(FILE *out, struct span text)
{
	const char *before = memchr(text.data, '\n', text.len) != NULL ? "\n                " : " ";

	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		fputs(before, out);
		view_print(out, line);
	}
}

static void
print_ranges(FILE *out, struct span ranges)
{
	uint32_t first, count;

	while (record_next_range(&ranges, &first, &count)) {
		fprintf(out, " %" PRIu32, first);
		if (count > 1)
			fprintf(out, "-%" PRIu32, first + count - 1);
	}
	if (ranges.len > 0)
		fputs(" and octets that are no range", out);
}

static void
print_field(FILE *out, const struct record_field *field)
{
	struct span name = field->name != NULL ? span_of(field->name) : span_of("");
	struct buf when = BUF_INIT(LINE_MAX);

	if (field->name != NULL)
		fprintf(out, "            %s", field->name);
	else
		fprintf(out, "            field %u", field->tag);
	if (field->is_number)
		fprintf(out, " %" PRIu64, field->number);
	else if (span_is(name, "recipients"))
		print_ranges(out, field->content);
	else
		print_text(out, field->content);
	if (field->is_number && field->number <= INT64_MAX && name.len > 3 &&
	    memcmp(name.data + name.len - 3, "_ms", 3) == 0) {
		view_time((int64_t)field->number, &when);
		fprintf(out, " (%s)", when.data);
	}
	fputc('\n', out);
	buf_release(&when);
}

/* What can be read of a record whose checksum is wrong may be wrong, too, and is shown. */
static void
print_record(FILE *out, uint64_t at, const struct raw_piece *piece)
{
	const char *name = record_type_name(piece->frame.type);
	struct span payload = piece->frame.payload;
	struct record_field field;
	char number[LINE_MAX];

	snprintf(number, sizeof(number), "type %u", piece->frame.type);
	print_row(out, at, name != NULL ? name : number, piece->len,
	    verdict(piece->kind == RAW_RECORD));
	while (record_next_field(&payload, &field))
		print_field(out, &field);
	if (payload.len > 0)
		fprintf(out, "            %zu octets that are no field\n", payload.len);
}

static void
print_records(FILE *out, uint64_t at, struct span records)
{
	struct raw_piece piece;

	for (; raw_next(&records, &piece); at += piece.len)
		if (piece.kind == RAW_OCTETS)
			print_row(out, at, "no record", piece.len, "-");
		else
			print_record(out, at, &piece);
}

static void
print_block(FILE *out, const struct raw_file *file)
{
	static const char *const words[] = {
		[BLOCK_OK] = "ok",
		[BLOCK_FOREIGN] = "this is no queued message",
		[BLOCK_EARLIER] = "an earlier format",
		[BLOCK_LATER] = "a later format",
		[BLOCK_DAMAGED] = "wrong",
	};

	if (!file->has_block) {
		fprintf(out, "the file has %" PRIu64 " octets, too few for a queued message\n",
		    file->size);
		return;
	}
	print_row(out, 0, "block", BLOCK_SIZE, words[file->result]);
	if (file->result != BLOCK_FOREIGN)
		fprintf(out, "            version %" PRIu32 "\n", file->block.version);
	if (file->result != BLOCK_OK)
		return;
	fprintf(out, "            body_len %" PRIu64 "\n            head_len %" PRIu64 "\n",
	    file->block.body_len, file->block.head_len);
	if (!file->fits)
		fprintf(out, "            the file has %" PRIu64 " octets: it is cut short\n",
		    file->size);
}

int
queue_raw(struct queue_call *call, struct err *err)
{
	struct raw_file file;
	struct span head, tail;
	FILE *out = call->out;
	enum store_result result = raw_read(&call->store, call->ids[0], &file, err);

	if (result != STORE_OK) {
		raw_release(&file);
		return queue_cannot(result, call->ids[0], err);
	}
	fprintf(out, "%10s  %-10s %10s  %s\n", "OCTET", "RECORD", "LENGTH", "CHECKSUM");
	print_block(out, &file);
	head = tail = (struct span){ file.records.data, file.records.len };
	if (file.fits) {
		head.len = (size_t)file.block.head_len;
		tail.data += head.len;
		tail.len -= head.len;
		print_row(out, BLOCK_SIZE, "body", file.block.body_len, verdict(file.body_ok));
		print_row(out, file.records_at, "head", head.len, verdict(file.head_ok));
		print_records(out, file.records_at, head);
		print_row(out, file.records_at + head.len, "tail", tail.len, "-");
		print_records(out, file.records_at + head.len, tail);
	} else {
		/* Where the body ends is not known: records are looked for in all of it. */
		print_records(out, file.records_at, tail);
	}
	if (file.cut)
		fputs("there is more than is shown here\n", out);
	raw_release(&file);
	return 0;
}
