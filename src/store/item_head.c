/* SPDX-License-Identifier: ISC */
/*
 * The head: what is known of a message when it is queued.
 */
#include <stdlib.h>
#include <string.h>

#include "format/date.h"
#include "store/item_part.h"

enum { FIRST_RECIPIENTS = 4 };

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
	const struct buf *text = &item->message.header;
	struct record header = { .type = RECORD_HEADER, .text = { text->data, text->len } };

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
		return item_nonsense(err,
		    "a name or an address in its head holds a control character");
	free(*to);
	*to = span_dup(from);
	return *to != NULL ? 0 : err_memory(err);
}

static int
read_requests(const struct record *record, struct requests *requests, struct err *err)
{
	if (record->deliver_by > INT64_MAX || record->hold_for > INT64_MAX ||
	    record->hold_until > (uint64_t)DATE_UTC_MAX || record->priority > PRIORITY_ZERO + 9)
		return item_nonsense(err, "what its head asks of servers makes no sense");
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
		return item_nonsense(err, "what its head asks to be reported makes no sense");
	if (record->by > SUBMITTED_TCP)
		return item_nonsense(err, "its head tells of an unknown way to submit");
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
		return item_nonsense(err, "a recipient in its head has no address");
	if (record->notify > (NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY) ||
	    (record->orcpt.len > 0) != (record->orcpt_type.len > 0) ||
	    (record->expanded && record->orcpt.len == 0))
		return item_nonsense(err, "what its head asks to be reported makes no sense");
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
		return item_nonsense(err, "its header block makes no sense");
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
	return item_nonsense(err, "a record in its head is out of place");
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
			return item_result_of(rc, err);
		last = record.type;
	}
	if (result != RECORD_END)
		return item_end_of_records(result, "head", err);
	rc = last == RECORD_HEADER ? make_recipients(item, err) :
				     item_nonsense(err, "its head is not complete");
	return item_result_of(rc, err);
}
