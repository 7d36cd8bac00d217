/* SPDX-License-Identifier: ISC */
/*
 * All that is known of one message: for people, as JSON, or the message itself.
 */
#include <inttypes.h>

#include "command/content.h"
#include "command/history.h"
#include "command/json.h"
#include "command/queue_call.h"
#include "command/view.h"
#include "format/header.h"

enum { TEXT_MAX = 3 * ERR_TEXT_MAX }; /* octets of a reason */

static struct span
header_of(const struct item *item)
{
	return (struct span){ item->message.header.data, item->message.header.len };
}

/* For people */

static void
print_label(FILE *out, const char *label)
{
	fprintf(out, "%-11s ", label);
}

static void
print_line(FILE *out, const char *label, const char *text)
{
	print_label(out, label);
	view_print_text(out, text);
	fputc('\n', out);
}

/* "2026-11-22 00:22:28 +0100 (5m ago)" */
static void
add_when(struct buf *out, int64_t ms, int64_t now_ms)
{
	view_time(ms, out);
	buf_adds(out, ms > now_ms ? " (in " : " (");
	view_age(ms > now_ms ? ms - now_ms : now_ms - ms, out);
	buf_adds(out, ms > now_ms ? ")" : " ago)");
}

static void
print_state(FILE *out, const struct item *item, int64_t now_ms)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int64_t next_ms = view_next_ms(item);

	buf_adds(&text, view_state_name(view_state(item)));
	if (!item->active && next_ms > now_ms) {
		buf_adds(&text, "; next attempt ");
		add_when(&text, next_ms, now_ms);
	} else if (!item->active && next_ms >= 0) {
		buf_adds(&text, "; it is due");
	}
	print_line(out, "state", text.data);
	if (item->failed && item->note.len > 0)
		print_line(out, "note", item->note.data);
	if (item->in_doubt)
		print_line(out, "in doubt",
		    "an attempt ended without an answer: another may deliver it twice");
	if (item->notice_in_doubt != NOTICE_NONE)
		print_line(out, "in doubt",
		    "telling the sender ended without an answer: he may be told twice");
	buf_release(&text);
}

static void
print_times(FILE *out, const struct item *item, int64_t now_ms)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	add_when(&text, item->queued_ms, now_ms);
	print_line(out, "queued", text.data);
	buf_clear(&text);
	buf_addf(&text, "%u", item->attempts);
	if (item->tried_ms > 0) {
		buf_adds(&text, ", the last ");
		add_when(&text, item->tried_ms, now_ms);
	}
	print_line(out, "attempts", text.data);
	buf_release(&text);
}

/* What is asked of all recipients alike. */
static bool
is_notify_common(const struct envelope *e)
{
	for (size_t i = 1; i < e->count; i++)
		if (e->recipients[i].notify != e->recipients[0].notify)
			return false;
	return true;
}

static void
print_dsn(FILE *out, const struct envelope *envelope)
{
	static const char *const rets[] = { [RETURN_FULL] = "full", [RETURN_HEADERS] = "hdrs" };
	struct buf notify = BUF_INIT(TEXT_MAX);

	if (is_notify_common(envelope))
		view_notify(envelope->recipients[0].notify, &notify);
	if (notify.len > 0)
		print_line(out, "notify", notify.data);
	if (envelope->ret != RETURN_DEFAULT)
		print_line(out, "return", rets[envelope->ret]);
	if (envelope->envid != NULL)
		print_line(out, "envid", envelope->envid);
	buf_release(&notify);
}

static void
print_requests(FILE *out, const struct requests *requests)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	view_requests(requests, &text);
	if (text.len > 0)
		print_line(out, "asks for", text.data);
	buf_release(&text);
}

static void
print_envelope(FILE *out, const struct item *item, int64_t now_ms)
{
	struct buf id = BUF_INIT(TEXT_MAX);

	print_line(out, "id", item->id);
	print_state(out, item, now_ms);
	print_times(out, item, now_ms);
	message_id(&item->message, &id);
	print_line(out, "message-id", id.data);
	print_label(out, "size");
	fprintf(out, "%" PRIu64 " octets\n", item->size);
	print_line(out, "account", item->account);
	print_label(out, "user id");
	fprintf(out, "%" PRIu64, item->submitter.uid);
	if (item->submitter.by != SUBMITTED_COMMAND)
		fprintf(out, ", by %s", view_submitted_by(item->submitter.by));
	fputc('\n', out);
	print_dsn(out, &item->envelope);
	print_requests(out, &item->envelope.requests);
	print_line(out, "sender",
	    item->envelope.sender[0] != '\0' ? item->envelope.sender : "<> (the null sender)");
	buf_release(&id);
}

static void
print_server_words(FILE *out, const struct err *err)
{
	struct span rest = { err->reply.data, err->reply.len };

	while (rest.len > 0) {
		fputs("              ", out);
		view_print(out, span_cut(&rest, '\n'));
		fputc('\n', out);
	}
}

/* What is asked of this recipient alone, and what reports call it. */
static void
print_reports(FILE *out, const struct envelope *envelope, const struct recipient *recipient)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	view_notify(recipient->notify, &text);
	if (text.len > 0 && !is_notify_common(envelope))
		fprintf(out, "            notify %s\n", text.data);
	if (recipient->orcpt != NULL) {
		fputs("            reported as ", out);
		view_print_text(out, recipient->orcpt_type);
		fputc(';', out);
		view_print_text(out, recipient->orcpt);
		fputc('\n', out);
	}
	buf_release(&text);
}

static void
print_recipient(FILE *out, const struct item *item, size_t i)
{
	const struct recipient *recipient = &item->envelope.recipients[i];
	const struct item_recipient *r = &item->recipients[i];

	print_label(out, "recipient");
	view_print_text(out, recipient->address);
	if (recipient->original != NULL) {
		fputs(", given as ", out);
		view_print_text(out, recipient->original);
	}
	fprintf(out, ": %s%s\n", view_recipient_state_name(r->state),
	    r->err.in_doubt ? ", in doubt" : "");
	print_reports(out, &item->envelope, recipient);
	if (r->err.kind == ERR_NONE)
		return;
	fputs("            ", out);
	if (r->err.peer.len > 0) {
		view_print_text(out, r->err.peer.data);
		fputs(": ", out);
	}
	view_print_text(out, r->err.what.data);
	fputc('\n', out);
	print_server_words(out, &r->err);
}

static void
print_header(FILE *out, const struct item *item)
{
	struct span rest = header_of(item);

	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		fputs("    ", out);
		view_print(out, line);
		fputc('\n', out);
	}
}

static int
print_item(struct queue_call *call, const struct item *item)
{
	FILE *out = call->out;

	print_envelope(out, item, call->now_ms);
	for (size_t i = 0; i < item->envelope.count; i++)
		print_recipient(out, item, i);
	if (item->tail.len > 0) {
		fputs("\nhistory\n", out);
		history_print(out, item);
	}
	fputs("\nheader\n", out);
	print_header(out, item);
	return 0;
}

/* For programs */

static void
json_header(struct json *json, const struct item *item)
{
	struct span rest = header_of(item);
	struct buf body = BUF_INIT(MESSAGE_HEADER_MAX);
	struct header_field field;

	json_begin(json, "header", '[');
	while (header_next(&rest, &field)) {
		buf_clear(&body);
		header_unfold(&body, field.body);
		json_begin(json, NULL, '{');
		json_span(json, "name", field.name);
		json_span(json, "body", (struct span){ body.data, body.len });
		json_end(json, '}');
	}
	json_end(json, ']');
	buf_release(&body);
}

static int
print_json(struct queue_call *call, const struct item *item)
{
	struct json json = { call->out, false };
	struct buf id = BUF_INIT(MESSAGE_HEADER_MAX);

	message_id(&item->message, &id);
	json_begin(&json, NULL, '{');
	queue_json_members(&json, item, true);
	json_span(&json, "message_id", (struct span){ id.data, id.len });
	json_text(&json, "envid", item->envelope.envid);
	history_json(&json, item);
	json_header(&json, item);
	json_end(&json, '}');
	fputc('\n', call->out);
	buf_release(&id);
	return 0;
}

int
queue_show(struct queue_call *call, struct err *err)
{
	const char *id = call->ids[0];
	enum store_result result;
	struct item item;
	int status;

	if (!queue_check_id(call, id, err))
		return -1;
	if ((call->options & QUEUE_RAW) != 0)
		return queue_raw(call, err);
	result = store_look(&call->store, id, true, &item, err);
	if (result != STORE_OK)
		status = queue_cannot(result, id, err);
	else if ((call->options & QUEUE_MESSAGE) != 0)
		status = content_print(call->out, &item.message, err);
	else
		status = (call->options & QUEUE_JSON) != 0 ? print_json(call, &item) :
							     print_item(call, &item);
	item_release(&item);
	return status;
}
