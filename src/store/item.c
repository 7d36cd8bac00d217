/* SPDX-License-Identifier: ISC */
#include "store/item.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "format/date.h"
#include "store/failure.h"

enum {
	FIRST_RECIPIENTS = 4,
	NOTE_MAX = 2000, /* octets of item.note */
};

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

static int
nonsense(struct err *err, const char *what)
{
	return err_set(err, ERR_MESSAGE, "%s", what);
}

/* Of what returns -1 with an error. */
static enum item_result
result_of(int rc, const struct err *err)
{
	if (rc == 0)
		return ITEM_OK;
	return err->kind == ERR_MESSAGE ? ITEM_DAMAGED : ITEM_FAILED;
}

/* What the reading of records came to; `where`: "head" or "tail". */
static enum item_result
end_of_records(enum record_result result, const char *where, struct err *err)
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

/* The head, written. */

enum {
	PRIORITY_ZERO = 10
}; /* a record's number for the priority 0; 0 means that none is asked for */

static void
write_requests(const struct requests *requests, struct record *record)
{
	record->require_tls = requests->require_tls;
	record->deliver_by = (uint64_t)requests->deliver_by_s;
	record->deliver_by_return = requests->deliver_by_return;
	record->hold_for = (uint64_t)requests->hold_for_s;
	record->hold_until = (uint64_t)requests->hold_until_s;
	record->priority = requests->has_priority ? (uint64_t)(requests->priority + PRIORITY_ZERO) :
						    0;
}

static void
write_envelope(const struct item *item, struct buf *out)
{
	const struct envelope *e = &item->envelope;
	const struct message *m = &item->message;
	struct record record = {
		.type = RECORD_ENVELOPE,
		.time_ms = item->queued_ms,
		.uid = item->submitter.uid,
		.by = item->submitter.by,
	};

	record.account = span_of(item->account != NULL ? item->account : "");
	record.sender = span_of(e->sender != NULL ? e->sender : "");
	record.ret = e->ret;
	record.envid = span_of(e->envid != NULL ? e->envid : "");
	record.facts = (m->header_8bit ? FACT_HEADER_8BIT : 0u) |
	    (m->body_8bit ? FACT_BODY_8BIT : 0u) | (m->body_utf8 ? FACT_BODY_UTF8 : 0u) |
	    (m->body_nul ? FACT_BODY_NUL : 0u) | (e->envid == NULL ? FACT_NULL_ENVID : 0u) |
	    (e->sender_needs_utf8 ? FACT_SENDER_UTF8 : 0u);
	record.header_line_max = m->header_line_max;
	record.body_line_max = m->body_line_max;
	write_requests(&e->requests, &record);
	record_write(out, &record);
}

static void
write_recipient(const struct recipient *recipient, struct buf *out)
{
	struct record record = {
		.type = RECORD_RECIPIENT,
		.needs_utf8 = recipient->needs_utf8,
		.notify = recipient->notify,
		.expanded = recipient->expanded,
	};

	record.address = span_of(recipient->address);
	record.original = span_of(recipient->original != NULL ? recipient->original : "");
	record.orcpt_type = span_of(recipient->orcpt != NULL ? recipient->orcpt_type : "");
	record.orcpt = span_of(recipient->orcpt != NULL ? recipient->orcpt : "");
	record_write(out, &record);
}

int
item_write_head(const struct item *item, struct buf *out, struct err *err)
{
	struct record header = { .type = RECORD_HEADER, .text = span_in(&item->message.header) };

	write_envelope(item, out);
	for (size_t i = 0; i < item->envelope.count && buf_ok(out); i++)
		write_recipient(&item->envelope.recipients[i], out);
	record_write(out, &header);
	if (buf_ok(out))
		return 0;
	if (out->max - out->len > (size_t)RECORD_MAX)
		return err_memory(err);
	return err_set(err, ERR_CANT_CREATE, "the message has too many recipients to be queued");
}

/* The head, read. */

static int
copy_text(char **to, struct span from, struct err *err)
{
	if (span_has_control(from))
		return nonsense(err, "a name or an address in its head holds a control character");
	free(*to);
	*to = span_dup(from);
	return *to != NULL ? 0 : err_memory(err);
}

static int
read_requests(const struct record *record, struct requests *requests, struct err *err)
{
	if (record->deliver_by > INT64_MAX || record->hold_for > INT64_MAX ||
	    record->hold_until > (uint64_t)DATE_UTC_MAX || record->priority > PRIORITY_ZERO + 9)
		return nonsense(err, "what its head asks of servers makes no sense");
	requests->require_tls = record->require_tls;
	requests->deliver_by_s = (long long)record->deliver_by;
	requests->deliver_by_return = record->deliver_by_return;
	requests->hold_for_s = (long long)record->hold_for;
	requests->hold_until_s = (long long)record->hold_until;
	requests->has_priority = record->priority > 0;
	requests->priority = requests->has_priority ? (int)record->priority - PRIORITY_ZERO : 0;
	return 0;
}

static int
read_envelope(struct item *item, const struct record *record, struct err *err)
{
	struct envelope *e = &item->envelope;
	struct message *m = &item->message;

	if (record->ret > RETURN_HEADERS)
		return nonsense(err, "what its head asks to be reported makes no sense");
	if (record->by > SUBMITTED_TCP)
		return nonsense(err, "its head tells of an unknown way to submit");
	item->queued_ms = record->time_ms;
	item->submitter = (struct submitter){ record->uid, (enum submitted_by)record->by };
	e->ret = (enum dsn_return)record->ret;
	e->sender_needs_utf8 = (record->facts & FACT_SENDER_UTF8) != 0;
	m->header_8bit = (record->facts & FACT_HEADER_8BIT) != 0;
	m->body_8bit = (record->facts & FACT_BODY_8BIT) != 0;
	m->body_utf8 = (record->facts & FACT_BODY_UTF8) != 0;
	m->body_nul = (record->facts & FACT_BODY_NUL) != 0;
	m->header_line_max = record->header_line_max;
	m->body_line_max = record->body_line_max;
	if (read_requests(record, &e->requests, err) != 0)
		return -1;
	if (copy_text(&item->account, record->account, err) != 0 ||
	    copy_text(&e->sender, record->sender, err) != 0)
		return -1;
	return (record->facts & FACT_NULL_ENVID) != 0 ? 0 :
							copy_text(&e->envid, record->envid, err);
}

static int
read_recipient(struct item *item, const struct record *record, struct err *err)
{
	struct envelope *e = &item->envelope;
	struct recipient *recipient;

	if (e->count == e->cap) {
		size_t cap = e->cap > 0 ? e->cap * 2 : FIRST_RECIPIENTS;

		recipient = reallocarray(e->recipients, cap, sizeof(*recipient));
		if (recipient == NULL)
			return err_memory(err);
		e->recipients = recipient;
		e->cap = cap;
	}
	recipient = &e->recipients[e->count++];
	*recipient = (struct recipient){ .needs_utf8 = record->needs_utf8,
		.notify = (unsigned)record->notify,
		.expanded = record->expanded };
	if (record->address.len == 0)
		return nonsense(err, "a recipient in its head has no address");
	if (record->notify > (NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY) ||
	    (record->orcpt.len > 0) != (record->orcpt_type.len > 0) ||
	    (record->expanded && record->orcpt.len == 0))
		return nonsense(err, "what its head asks to be reported makes no sense");
	if (copy_text(&recipient->address, record->address, err) != 0 ||
	    (record->original.len > 0 &&
		copy_text(&recipient->original, record->original, err) != 0))
		return -1;
	if (record->orcpt.len == 0)
		return 0;
	return copy_text(&recipient->orcpt_type, record->orcpt_type, err) != 0 ?
	    -1 :
	    copy_text(&recipient->orcpt, record->orcpt, err);
}

/* Every line ends with CRLF; no CR or LF elsewhere, no NUL. */
static bool
is_wire_form(struct span text)
{
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return false;
	while (text.len > 0) {
		const char *lf = memchr(text.data, '\n', text.len),
			   *cr = memchr(text.data, '\r', text.len);

		if (lf == NULL || cr == NULL || cr + 1 != lf)
			return false;
		text.len -= (size_t)(lf + 1 - text.data);
		text.data = lf + 1;
	}
	return true;
}

static int
read_header(struct item *item, const struct record *record, bool with_header, struct err *err)
{
	struct message *m = &item->message;

	if (record->text.len > MESSAGE_HEADER_MAX || (with_header && !is_wire_form(record->text)))
		return nonsense(err, "its header block makes no sense");
	item->size = record->text.len + strlen("\r\n") + m->body.size;
	if (with_header)
		buf_add(&m->header, record->text.data, record->text.len);
	return buf_ok(&m->header) ? 0 : err_memory(err);
}

/* The head's records in their order: `last` is the one before. */
static int
read_head_record(struct item *item, unsigned last, const struct record *record, bool with_header,
    struct err *err)
{
	if (record->type == RECORD_ENVELOPE && last == 0)
		return read_envelope(item, record, err);
	if (record->type == RECORD_RECIPIENT &&
	    (last == RECORD_ENVELOPE || last == RECORD_RECIPIENT))
		return read_recipient(item, record, err);
	if (record->type == RECORD_HEADER && last == RECORD_RECIPIENT)
		return read_header(item, record, with_header, err);
	return nonsense(err, "a record in its head is out of place");
}

static int
make_recipients(struct item *item, struct err *err)
{
	item->recipients = calloc(item->envelope.count, sizeof(*item->recipients));
	if (item->recipients == NULL)
		return err_memory(err);
	for (size_t i = 0; i < item->envelope.count; i++)
		err_init(&item->recipients[i].err);
	return 0;
}

enum item_result
item_read_head(struct item *item, struct span head, bool with_header, struct err *err)
{
	enum record_result result;
	struct record record;
	unsigned last = 0;
	int rc;

	for (result = record_read(&head, &record); result == RECORD_OK;
	     result = record_read(&head, &record)) {
		if (record.type == RECORD_OPTIONAL)
			continue;
		rc = read_head_record(item, last, &record, with_header, err);
		if (rc != 0)
			return result_of(rc, err);
		last = record.type;
	}
	if (result != RECORD_END)
		return end_of_records(result, "head", err);
	rc = last == RECORD_HEADER ? make_recipients(item, err) :
				     nonsense(err, "its head is not complete");
	return result_of(rc, err);
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
		return nonsense(err, "a record in its tail tells of an unknown notice");
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
		return nonsense(err, "a record in its tail changes what is settled");
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

/* The next range of recipients, none beyond the envelope's: 1, 0 where none is left, -1. */
static int
next_range(const struct item *item, struct span *ranges, uint32_t *first, uint32_t *count,
    struct err *err)
{
	if (ranges->len == 0)
		return 0;
	if (record_next_range(ranges, first, count) &&
	    (uint64_t)*first + *count <= item->envelope.count)
		return 1;
	return nonsense(err, "a record in its tail tells of recipients that it does not have");
}

/* What it says of those in the ranges. */
static int
apply_outcome_to_all(struct item *item, const struct record *record, const struct err *failure,
    struct err *err)
{
	struct span ranges = record->recipients;
	uint32_t first, count;
	int rc;

	for (rc = next_range(item, &ranges, &first, &count, err); rc > 0;
	     rc = next_range(item, &ranges, &first, &count, err))
		for (uint32_t i = first; i < first + count; i++)
			if (apply_outcome_to(&item->recipients[i], record, failure, err) != 0)
				return -1;
	return rc;
}

static int
apply_outcome(struct item *item, const struct record *record, struct err *err)
{
	struct err failure;
	int rc;

	if (record->state > ITEM_SETTLED)
		return nonsense(err, "a record in its tail tells of an unknown outcome");
	err_init(&failure);
	if (record->kind.len > 0)
		failure_read(record, &failure);
	make_printable(&failure.what);
	make_printable(&failure.reply);
	make_printable(&failure.peer);
	rc = apply_outcome_to_all(item, record, &failure, err);
	if (rc == 0 && failure.kind != ERR_NONE)
		note_failure(item, &failure);
	err_release(&failure);
	return rc;
}

static int
apply_attempt(struct item *item, const struct record *record, struct err *err)
{
	if (record->attempt > UINT_MAX)
		return nonsense(err, "a record in its tail has a number that is too large");
	if (record->notice > NOTICE_RELAYED)
		return nonsense(err, "a record in its tail tells of an unknown notice");
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
	int rc;

	if (record->notice == NOTICE_NONE || record->notice > NOTICE_RELAYED)
		return nonsense(err, "a record in its tail tells of an unknown notice");
	for (rc = next_range(item, &ranges, &first, &count, err); rc > 0;
	     rc = next_range(item, &ranges, &first, &count, err))
		for (uint32_t i = first; i < first + count; i++)
			tell_one(&item->recipients[i], (enum notice)record->notice);
	if (item->notice_sending == (enum notice)record->notice)
		item->notice_sending = NOTICE_NONE;
	if (item->notice_in_doubt == (enum notice)record->notice)
		item->notice_in_doubt = NOTICE_NONE;
	return rc;
}

static int
apply_failed(struct item *item, const struct record *record)
{
	item->failed = true;
	buf_clear(&item->note);
	add_to_note(&item->note, record->text);
	return 0;
}

static int
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
	return 0;
}

static int
apply_at(struct item *item, const struct record *record, struct err *err)
{
	if (record->next_ms < 0)
		return nonsense(err, "a record in its tail has a time that is none");
	item->not_before_ms = item->begin_ms = record->next_ms;
	item->timed_ms = record->time_ms;
	return 0;
}

static int
apply_release(struct item *item, const struct record *record)
{
	item->held = false;
	item->not_before_ms = 0;
	item->begin_ms = record->time_ms;
	/* Nor is a server to hold it any more. */
	item->envelope.requests.hold_until_s = 0;
	return 0;
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
		return apply_at(item, record, err);
	case RECORD_HOLD:
		item->held = true;
		return 0;
	case RECORD_RELEASE:
		return apply_release(item, record);
	case RECORD_FAILED:
		return apply_failed(item, record);
	case RECORD_RETRY:
		return apply_retry(item);
	case RECORD_OPTIONAL:
		return 0;
	default:
		return nonsense(err, "a record in its tail is out of place");
	}
}

/* Doubt. */

static void
doubt_one(struct item_recipient *r)
{
	r->sending = false;
	err_set(&r->err, ERR_LOST, "sending was cut off; it may have been delivered");
	r->err.in_doubt = true;
}

/* Who sent let go of the message without a word of what came of it: that was an attempt, too. */
static void
doubt(struct item *item)
{
	const struct item_recipient *last = NULL;

	for (size_t i = 0; i < item->envelope.count; i++)
		if (item->recipients[i].sending) {
			last = &item->recipients[i];
			doubt_one(&item->recipients[i]);
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
			return result_of(-1, err);
	if (result == RECORD_END)
		sum_up_doubt(item);
	return end_of_records(result, "tail", err);
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
			return result_of(-1, err);
	}
	item->torn = result == RECORD_TORN;
	if (result != RECORD_END && !item->torn)
		return end_of_records(result, "tail", err);
	if (item->torn && has_batch(tail, tail.len - reading.rest.len + 1))
		return result_of(nonsense(err,
				     "a record in its tail is damaged, and others follow it"),
		    err);
	if (!item->active)
		doubt(item);
	sum_up_doubt(item);
	buf_add(&item->tail, tail.data, tail.len - reading.rest.len);
	return result_of(buf_ok(&item->tail) ? 0 : err_memory(err), err);
}
