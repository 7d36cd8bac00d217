/* SPDX-License-Identifier: ISC */
/*
 * What waits: a table for people, a line of JSON a message for programs.
 */
#include "command/json.h"
#include "command/queue_call.h"
#include "command/unusable.h"
#include "command/view.h"
#include "command/walk.h"

enum { TEXT_MAX = 3 * ERR_TEXT_MAX }; /* octets of a reason */

struct list {
	struct queue_call *call;
	struct unusable unusable;
	unsigned long messages, files; /* files: those that cannot be used */
	unsigned long later;           /* messages that a later version wrote */
	uint64_t octets;
	struct buf text;
};

/* JSON */

static void
json_reply(struct json *json, const struct err *err)
{
	json_begin(json, "last_reply", '{');
	json_number(json, "code", err->reply_code);
	json_text(json, "enhanced", err->enhanced[0] != '\0' ? err->enhanced : NULL);
	json_span(json, "text", (struct span){ err->reply.data, err->reply.len });
	json_end(json, '}');
}

static void
json_notify(struct json *json, unsigned notify)
{
	static const struct {
		unsigned flag;
		const char *name;
	} words[] = {
		{ NOTIFY_NEVER, "never" },
		{ NOTIFY_SUCCESS, "success" },
		{ NOTIFY_FAILURE, "failure" },
		{ NOTIFY_DELAY, "delay" },
	};

	json_begin(json, "notify", '[');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((notify & words[i].flag) != 0)
			json_text(json, NULL, words[i].name);
	json_end(json, ']');
}

static void
json_orcpt(struct json *json, const struct recipient *recipient)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	if (recipient->orcpt != NULL)
		buf_addf(&text, "%s;%s", recipient->orcpt_type, recipient->orcpt);
	json_text(json, "orcpt", text.len > 0 ? text.data : NULL);
	buf_release(&text);
}

static void
json_recipients(struct json *json, const struct item *item, bool all)
{
	struct buf reason = BUF_INIT(TEXT_MAX);

	json_begin(json, "recipients", '[');
	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct recipient *recipient = &item->envelope.recipients[i];
		const struct item_recipient *r = &item->recipients[i];

		if (!all && !view_is_pending(r))
			continue;
		buf_clear(&reason);
		view_reason(item, i, &reason);
		json_begin(json, NULL, '{');
		json_text(json, "address", recipient->address);
		if (reason.len > 0 && view_is_pending(r))
			json_span(json, "delay_reason", (struct span){ reason.data, reason.len });
		json_text(json, "original", recipient->original);
		json_notify(json, recipient->notify);
		json_orcpt(json, recipient);
		json_text(json, "state", view_recipient_state_name(r->state));
		json_seconds(json, "last_attempt", r->tried_ms);
		if (r->err.reply_code != 0)
			json_reply(json, &r->err);
		json_end(json, '}');
	}
	json_end(json, ']');
	buf_release(&reason);
}

/* The reply of the server that spoke last; NULL: none did. */
static const struct err *
last_reply(const struct item *item)
{
	const struct item_recipient *last = NULL;

	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		if (r->err.reply_code != 0 && (last == NULL || r->tried_ms > last->tried_ms))
			last = r;
	}
	return last != NULL ? &last->err : NULL;
}

/* Those that the message makes. */
static void
json_requests(struct json *json, const struct requests *r)
{
	json_begin(json, "requests", '{');
	if (r->require_tls)
		json_bool(json, "require_tls", true);
	if (r->deliver_by_s > 0) {
		json_number(json, "deliver_by", r->deliver_by_s);
		json_text(json, "deliver_by_mode", r->deliver_by_return ? "return" : "notify");
	}
	if (r->has_priority)
		json_number(json, "mt_priority", r->priority);
	if (r->hold_for_s > 0)
		json_number(json, "hold_for", r->hold_for_s);
	if (r->hold_until_s > 0)
		json_number(json, "hold_until", r->hold_until_s);
	json_end(json, '}');
}

void
queue_json_members(struct json *json, const struct item *item, bool all)
{
	const struct err *reply = last_reply(item);

	json_text(json, "queue_name", view_state_name(view_state(item)));
	json_text(json, "queue_id", item->id);
	json_number(json, "arrival_time", item->queued_ms / 1000);
	json_number(json, "message_size", (int64_t)item->size);
	json_bool(json, "forced_expire", false);
	json_text(json, "sender",
	    item->envelope.sender[0] != '\0' ? item->envelope.sender : "MAILER-DAEMON");
	json_recipients(json, item, all);
	json_text(json, "account", item->account);
	json_number(json, "uid", (int64_t)item->submitter.uid);
	json_text(json, "submitted_by", view_submitted_by(item->submitter.by));
	json_number(json, "attempts", item->attempts);
	json_seconds(json, "next_attempt", view_next_ms(item));
	json_seconds(json, "last_attempt", item->tried_ms);
	if (reply != NULL)
		json_reply(json, reply);
	else
		json_null(json, "last_reply");
	json_bool(json, "in_doubt", item->in_doubt);
	json_bool(json, "notice_in_doubt", item->notice_in_doubt != NOTICE_NONE);
	json_span(json, "note", (struct span){ item->note.data, item->note.len });
	json_requests(json, &item->envelope.requests);
}

static void
print_json(struct list *list, const struct item *item)
{
	struct json json = { list->call->out, false };

	json_begin(&json, NULL, '{');
	queue_json_members(&json, item, false);
	json_end(&json, '}');
	fputc('\n', list->call->out);
}

/* With Postfix's members too, for programs that expect them of every line. */
static void
print_json_unusable(struct list *list, const struct unusable_file *file)
{
	struct json json = { list->call->out, false };

	json_begin(&json, NULL, '{');
	json_text(&json, "queue_name", file->later ? "later" : "unusable");
	json_text(&json, "queue_id", file->name);
	json_number(&json, "arrival_time", file->changed_ms / 1000);
	json_number(&json, "message_size", (int64_t)file->size);
	json_bool(&json, "forced_expire", false);
	json_text(&json, "sender", "");
	json_begin(&json, "recipients", '[');
	json_end(&json, ']');
	json_text(&json, "note", file->why);
	json_end(&json, '}');
	fputc('\n', list->call->out);
}

/* The table */

/* Age, size and state, in columns. */
static void
print_columns(struct list *list, int64_t since_ms, uint64_t size, const char *state)
{
	FILE *out = list->call->out;

	buf_clear(&list->text);
	view_age(list->call->now_ms - since_ms, &list->text);
	fprintf(out, "  %4s", list->text.data);
	buf_clear(&list->text);
	view_size(size, &list->text);
	fprintf(out, "  %5s  %-8s", list->text.data, state);
}

static void
print_next(struct list *list, const struct item *item)
{
	int64_t next_ms = item->active ? -1 : view_next_ms(item);

	buf_clear(&list->text);
	if (next_ms < 0)
		buf_addc(&list->text, '-');
	else if (next_ms <= list->call->now_ms)
		buf_adds(&list->text, "now");
	else
		view_age(next_ms - list->call->now_ms, &list->text);
	fprintf(list->call->out, "  %4s  ", list->text.data);
}

static void
print_addresses(FILE *out, const struct item *item)
{
	size_t shown = 0, more = 0;

	view_print_text(out, item->envelope.sender[0] != '\0' ? item->envelope.sender : "<>");
	fputs(" -> ", out);
	for (size_t i = 0; i < item->envelope.count; i++) {
		if (!view_is_pending(&item->recipients[i]))
			continue;
		if (shown == 2) {
			more++;
			continue;
		}
		fputs(shown++ > 0 ? ", " : "", out);
		view_print_text(out, item->envelope.recipients[i].address);
	}
	if (more > 0)
		fprintf(out, " and %zu more", more);
	fputs(shown == 0 ? "(all have it; the sender is to be told)\n" : "\n", out);
}

/* The first reason there is: the message's own page has them all. */
static void
print_reason(struct list *list, const struct item *item)
{
	buf_clear(&list->text);
	for (size_t i = 0; i < item->envelope.count && list->text.len == 0; i++)
		if (view_is_pending(&item->recipients[i]))
			view_reason(item, i, &list->text);
	if (list->text.len == 0)
		return;
	fputs("            ", list->call->out);
	view_print(list->call->out, (struct span){ list->text.data, list->text.len });
	fputc('\n', list->call->out);
}

static void
print_heading(struct list *list)
{
	if (list->messages + list->files == 0)
		fputs("ID           AGE   SIZE  STATE     NEXT  FROM -> TO\n", list->call->out);
}

static void
print_row(struct list *list, const struct item *item)
{
	print_heading(list);
	fputs(item->id, list->call->out);
	print_columns(list, item->queued_ms, item->size, view_state_name(view_state(item)));
	print_next(list, item);
	print_addresses(list->call->out, item);
	print_reason(list, item);
}

static void
print_row_unusable(struct list *list, const struct unusable_file *file)
{
	FILE *out = list->call->out;
	size_t width;

	print_heading(list);
	width = view_print_text(out, file->name);
	fprintf(out, "%*s", width < QUEUE_ID_LEN ? (int)(QUEUE_ID_LEN - width) : 0, "");
	print_columns(list, file->changed_ms, file->size, file->later ? "later" : "unusable");
	fputs("     -  ", out);
	view_print_text(out, file->why);
	fputc('\n', out);
}

static void
print_sum(struct list *list)
{
	FILE *out = list->call->out;

	if (list->messages == 0) {
		fputs(list->files + list->later > 0 ? "\nno message waits" : "the queue is empty",
		    out);
	} else {
		buf_clear(&list->text);
		view_size(list->octets, &list->text);
		fprintf(out, "\n%lu message%s, %s octets", list->messages,
		    list->messages == 1 ? "" : "s", list->text.data);
	}
	if (list->later > 0)
		fprintf(out, "; %lu message%s by a later version of sendoff", list->later,
		    list->later == 1 ? "" : "s");
	if (list->files > 0)
		fprintf(out, "; %lu file%s in %s cannot be used", list->files,
		    list->files == 1 ? "" : "s", list->call->store.path);
	fputc('\n', out);
}

/* Both */

static bool
is_json(const struct list *list)
{
	return (list->call->options & QUEUE_JSON) != 0;
}

static bool
step(void *arg, const char *id)
{
	struct list *list = arg;
	enum store_result result;
	struct item item;
	struct err err;

	err_init(&err);
	result = store_look(&list->call->store, id, false, &item, &err);
	if (result == STORE_OK) {
		is_json(list) ? print_json(list, &item) : print_row(list, &item);
		list->messages++;
		list->octets += item.size;
	} else if (result != STORE_GONE) {
		unusable_add(&list->unusable, id);
	}
	item_release(&item);
	err_release(&err);
	return !ferror(list->call->out);
}

static void
show_unusable(void *arg, const struct unusable_file *file)
{
	struct list *list = arg;

	is_json(list) ? print_json_unusable(list, file) : print_row_unusable(list, file);
	if (file->later)
		list->later++;
	else
		list->files++;
}

static int
print_list(struct list *list, struct err *err)
{
	struct store *store = &list->call->store;
	int result = walk_messages(store, step, list, err);

	if (result == 0)
		result = unusable_show(&list->unusable, store, show_unusable, list, err);
	list->files += list->unusable.more;
	return result;
}

int
queue_list(struct queue_call *call, struct err *err)
{
	struct list list = { .call = call, .text = BUF_INIT(TEXT_MAX) };
	int result = 0;

	if ((call->options & QUEUE_PROMETHEUS) != 0)
		return prometheus_print(call, err);
	unusable_init(&list.unusable);
	if (!call->missing)
		result = print_list(&list, err);
	if (result == 0 && !is_json(&list))
		print_sum(&list);
	unusable_release(&list.unusable);
	buf_release(&list.text);
	return result;
}
