/* SPDX-License-Identifier: ISC */
#include "store/item_part.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/failure.h"

enum { NOTE_MAX = 2000 }; /* octets of item.note */

void
item_init(struct item *item)
{
	memset(item, 0, sizeof(*item));
	item->fd = -1;
	envelope_init(&item->envelope);
	message_init(&item->message);
	buf_init(&item->note, NOTE_MAX);
	buf_init(&item->tail, SIZE_MAX);
}

void
item_release(struct item *item)
{
	for (size_t i = 0; item->recipients != NULL && i < item->envelope.count; i++)
		err_release(&item->recipients[i].err);
	free(item->recipients);
	free(item->account);
	envelope_release(&item->envelope);
	item->message.body.fd = -1;
	message_release(&item->message);
	buf_release(&item->note);
	buf_release(&item->tail);
	if (item->fd >= 0)
		close(item->fd);
	item_init(item);
}

int64_t
item_begin_ms(const struct item *item)
{
	int64_t begin_ms = item->begin_ms > item->queued_ms ? item->begin_ms : item->queued_ms;
	int64_t hold_until_ms = item->envelope.requests.hold_until_s * 1000;

	return hold_until_ms > begin_ms ? hold_until_ms : begin_ms;
}

bool
item_may_repeat(const struct item *item)
{
	return item->in_doubt || item->notice_in_doubt != NOTICE_NONE;
}

size_t
item_count(const struct item *item, enum item_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < item->envelope.count; i++)
		count += item->recipients[i].state == state;
	return count;
}

static struct span
span_in(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

int
item_nonsense(struct err *err, const char *what)
{
	return err_set(err, ERR_MESSAGE, "%s", what);
}

enum item_result
item_result_of(int rc, const struct err *err)
{
	if (rc == 0)
		return ITEM_OK;
	return err->kind == ERR_MESSAGE ? ITEM_DAMAGED : ITEM_FAILED;
}

enum item_result
item_end_of_records(enum record_result result, const char *where, struct err *err)
{
	switch (result) {
	case RECORD_LATER:
		err_set(err, ERR_MESSAGE,
		    "a later version of sendoff wrote a record in its %s that this one does not know",
		    where);
		return ITEM_LATER;
	case RECORD_NONSENSE:
		err_set(err, ERR_MESSAGE, "a record in its %s makes no sense", where);
		return ITEM_DAMAGED;
	case RECORD_TORN:
		err_set(err, ERR_MESSAGE, "a record in its %s is damaged", where);
		return ITEM_DAMAGED;
	default:
		return ITEM_OK;
	}
}

/* The tail: what each record means. */

/*
 * What is said of it goes to terminals and into notices: no control characters, whatever the file
 * says.
 */
static void
make_printable(struct buf *text)
{
	struct buf out = BUF_INIT(SIZE_MAX);

	text_printable(&out, span_in(text), true);
	if (out.len != text->len) {
		buf_clear(text);
		buf_add(text, out.data, out.len < text->max ? out.len : text->max);
	}
	buf_release(&out);
}

/* Appends text, made printable, in one line; what does not fit is left out. */
static void
add_to_note(struct buf *note, struct span text)
{
	while (text.len > 0 && note->len + 4 <= note->max) {
		unsigned n = utf8_length(text);

		n = n > 0 ? n : 1;
		text_printable(note,
		    text.data[0] == '\n' ? span_of(" ") : (struct span){ text.data, n }, false);
		text.data += n;
		text.len -= n;
	}
}

static void
note_failure(struct item *item, const struct err *failure)
{
	if (item->failed)
		return;
	buf_clear(&item->note);
	add_to_note(&item->note, span_in(&failure->what));
	if (failure->reply.len > 0)
		add_to_note(&item->note, span_of(": "));
	add_to_note(&item->note, span_in(&failure->reply));
}

/* The last failure of one who has not got the message, or nothing. */
static void
note_last_failure(struct item *item)
{
	const struct item_recipient *last = NULL;

	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		if (r->err.kind != ERR_NONE && (last == NULL || r->tried_ms >= last->tried_ms))
			last = r;
	}
	buf_clear(&item->note);
	if (last != NULL)
		note_failure(item, &last->err);
}

static int
apply_sending(struct item *item, const struct record *record, struct err *err)
{
	if (record->notice > NOTICE_RELAYED)
		return item_nonsense(err, "a record in its tail tells of an unknown notice");
	item->sent_ms = record->time_ms;
	if (record->notice != NOTICE_NONE) {
		item->notice_sending = (enum notice)record->notice;
		return 0;
	}
	for (size_t i = 0; i < item->envelope.count; i++) {
		struct item_recipient *r = &item->recipients[i];

		if (r->state != ITEM_WAITING)
			continue;
		r->sending = true;
		r->tried_ms = record->time_ms;
	}
	return 0;
}

static int
apply_outcome_to(struct item_recipient *r, const struct record *record, const struct err *failure,
    struct err *err)
{
	enum item_state state = (enum item_state)record->state;
	bool doubt = r->err.in_doubt;

	if ((r->state == ITEM_ACCEPTED || r->state == ITEM_SETTLED) && state != r->state)
		return item_nonsense(err, "a record in its tail changes what is settled");
	r->state = state;
	r->sending = false;
	r->tried_ms = record->time_ms;
	if (state == ITEM_ACCEPTED) {
		err_clear(&r->err);
		r->relay_told = record->notice != NOTICE_RELAYED;
		return 0;
	}
	/* SETTLED may come later than the refusal, and without it. */
	if (failure->kind != ERR_NONE)
		err_copy(&r->err, failure);
	r->err.in_doubt = r->err.in_doubt || doubt;
	return 0;
}

/* None of them beyond the envelope's. */
static int
check_ranges(const struct item *item, struct span ranges, struct err *err)
{
	uint32_t first, count;
	bool good = true;

	while (good && record_next_range(&ranges, &first, &count))
		good = (uint64_t)first + count <= item->envelope.count;
	if (good && ranges.len == 0)
		return 0;
	return item_nonsense(err, "a record in its tail tells of recipients that it does not have");
}

static int
apply_outcome(struct item *item, const struct record *record, struct err *err)
{
	struct span ranges = record->recipients;
	uint32_t first, count;
	struct err failure;
	int rc = 0;

	if (record->state > ITEM_SETTLED)
		return item_nonsense(err, "a record in its tail tells of an unknown outcome");
	if (check_ranges(item, ranges, err) != 0)
		return -1;
	err_init(&failure);
	if (record->kind.len > 0)
		failure_read(record, &failure);
	make_printable(&failure.what);
	make_printable(&failure.reply);
	make_printable(&failure.peer);
	while (rc == 0 && record_next_range(&ranges, &first, &count))
		for (uint32_t i = first; i < first + count && rc == 0; i++)
			rc = apply_outcome_to(&item->recipients[i], record, &failure, err);
	if (rc == 0 && failure.kind != ERR_NONE)
		note_failure(item, &failure);
	err_release(&failure);
	return rc;
}

static int
apply_attempt(struct item *item, const struct record *record, struct err *err)
{
	if (record->attempt > UINT_MAX)
		return item_nonsense(err, "a record in its tail has a number that is too large");
	if (record->notice > NOTICE_RELAYED)
		return item_nonsense(err, "a record in its tail tells of an unknown notice");
	item->attempts = (unsigned)record->attempt;
	item->tried_ms = record->time_ms;
	item->notice_tried = (enum notice)record->notice;
	if (record->notice != NOTICE_NONE) {
		item->notice_sending = item->notice_in_doubt = NOTICE_NONE;
		return 0;
	}
	for (size_t i = 0; i < item->envelope.count; i++)
		item->recipients[i].sending = false;
	return 0;
}

static void
tell_one(struct item_recipient *r, enum notice notice)
{
	if (notice == NOTICE_FAILED && r->state == ITEM_REFUSED)
		r->state = ITEM_SETTLED;
	else if (notice == NOTICE_DELAYED)
		r->delay_told = true;
	else if (notice == NOTICE_RELAYED)
		r->relay_told = true;
}

static int
apply_notice(struct item *item, const struct record *record, struct err *err)
{
	struct span ranges = record->recipients;
	uint32_t first, count;

	if (record->notice == NOTICE_NONE || record->notice > NOTICE_RELAYED)
		return item_nonsense(err, "a record in its tail tells of an unknown notice");
	if (check_ranges(item, ranges, err) != 0)
		return -1;
	while (record_next_range(&ranges, &first, &count))
		for (uint32_t i = first; i < first + count; i++)
			tell_one(&item->recipients[i], (enum notice)record->notice);
	if (item->notice_sending == (enum notice)record->notice)
		item->notice_sending = NOTICE_NONE;
	if (item->notice_in_doubt == (enum notice)record->notice)
		item->notice_in_doubt = NOTICE_NONE;
	return 0;
}

static void
apply_retry(struct item *item)
{
	/*
	 * What a person wants tried once more: of a message that had failed, those who were
	 * refused, too.
	 */
	for (size_t i = 0; item->failed && i < item->envelope.count; i++)
		if (item->recipients[i].state == ITEM_REFUSED)
			item->recipients[i].state = ITEM_WAITING;
	item->failed = false;
	item->next_ms = 0;
	note_last_failure(item);
}

static int
apply(struct item *item, const struct record *record, struct err *err)
{
	switch (record->type) {
	case RECORD_SENDING:
		return apply_sending(item, record, err);
	case RECORD_OUTCOME:
		return apply_outcome(item, record, err);
	case RECORD_ATTEMPT:
		return apply_attempt(item, record, err);
	case RECORD_NEXT:
		item->next_ms = record->next_ms;
		return 0;
	case RECORD_NOTICE:
		return apply_notice(item, record, err);
	case RECORD_AT:
		if (record->next_ms < 0)
			return item_nonsense(err, "a record in its tail has a time that is none");
		item->not_before_ms = item->begin_ms = record->next_ms;
		item->timed_ms = record->time_ms;
		return 0;
	case RECORD_HOLD:
		item->held = true;
		return 0;
	case RECORD_RELEASE:
		item->held = false;
		item->not_before_ms = 0;
		item->begin_ms = record->time_ms;
		/* Nor is a server to hold it any more. */
		item->envelope.requests.hold_until_s = 0;
		return 0;
	case RECORD_FAILED:
		item->failed = true;
		buf_clear(&item->note);
		add_to_note(&item->note, record->text);
		return 0;
	case RECORD_RETRY:
		apply_retry(item);
		return 0;
	case RECORD_OPTIONAL:
		return 0;
	default:
		return item_nonsense(err, "a record in its tail is out of place");
	}
}

/* Doubt. */

/* Who sent let go of the message without a word of what came of it: that was an attempt, too. */
static void
doubt(struct item *item)
{
	const struct item_recipient *last = NULL;

	for (size_t i = 0; i < item->envelope.count; i++) {
		struct item_recipient *r = &item->recipients[i];

		if (!r->sending)
			continue;
		r->sending = false;
		err_set(&r->err, ERR_LOST, "sending was cut off; it may have been delivered");
		r->err.in_doubt = true;
		last = r;
	}
	if (last != NULL)
		note_failure(item, &last->err);
	if (last != NULL || item->notice_sending != NOTICE_NONE) {
		item->attempts++;
		item->tried_ms = item->sent_ms;
	}
	if (item->notice_sending != NOTICE_NONE)
		item->notice_in_doubt = item->notice_sending;
	item->notice_sending = NOTICE_NONE;
}

static void
sum_up_doubt(struct item *item)
{
	item->in_doubt = false;
	for (size_t i = 0; i < item->envelope.count; i++)
		if (item->recipients[i].state == ITEM_WAITING && item->recipients[i].err.in_doubt)
			item->in_doubt = true;
}

/* The tail as a whole. */

enum item_result
item_apply(struct item *item, struct span records, struct err *err)
{
	enum record_result result;
	struct record record;

	for (result = record_read(&records, &record); result == RECORD_OK;
	     result = record_read(&records, &record))
		if (apply(item, &record, err) != 0)
			return item_result_of(-1, err);
	if (result == RECORD_END)
		sum_up_doubt(item);
	return item_end_of_records(result, "tail", err);
}

/* Where in the tail the reading is. */
struct reading {
	struct span all, rest;
	size_t until; /* where the present batch ends */
};

/* The next record, and it is where one may be. */
static enum record_result
next_record(struct reading *r, struct record *record)
{
	size_t at = r->all.len - r->rest.len;
	struct span rest = r->rest;
	enum record_result result = record_read(&rest, record);

	if (result == RECORD_END || result == RECORD_TORN)
		return result;
	if (result == RECORD_OK && record->type == RECORD_BATCH) {
		if (record->at != at)
			return RECORD_TORN;
		at = r->all.len - rest.len;
		r->until = record->length <= SIZE_MAX - at ? at + (size_t)record->length : SIZE_MAX;
	} else if (at >= r->until) {
		return RECORD_TORN;
	}
	if (result == RECORD_OK)
		r->rest = rest;
	return result;
}

/* True where a batch begins at or behind `from`. */
static bool
has_batch(struct span tail, size_t from)
{
	for (; from < tail.len; from++) {
		struct span rest = { tail.data + from, tail.len - from };
		struct record record;

		if (record_may_be(rest, RECORD_BATCH) && record_read(&rest, &record) == RECORD_OK &&
		    record.at == from)
			return true;
	}
	return false;
}

enum item_result
item_read_tail(struct item *item, struct span tail, struct err *err)
{
	struct reading reading = { tail, tail, 0 };
	enum record_result result;
	struct record record;

	for (result = next_record(&reading, &record); result == RECORD_OK;
	     result = next_record(&reading, &record)) {
		if (record.type == RECORD_BATCH && record.taken)
			doubt(item);
		else if (record.type != RECORD_BATCH && apply(item, &record, err) != 0)
			return item_result_of(-1, err);
	}
	item->torn = result == RECORD_TORN;
	if (result != RECORD_END && !item->torn)
		return item_end_of_records(result, "tail", err);
	if (item->torn && has_batch(tail, tail.len - reading.rest.len + 1))
		return item_result_of(item_nonsense(err,
					  "a record in its tail is damaged, and others follow it"),
		    err);
	if (!item->active)
		doubt(item);
	sum_up_doubt(item);
	buf_add(&item->tail, tail.data, tail.len - reading.rest.len);
	return item_result_of(buf_ok(&item->tail) ? 0 : err_memory(err), err);
}
