/* SPDX-License-Identifier: ISC */
#include "command/history.h"

#include <inttypes.h>

#include "command/view.h"

enum { NAMED_MAX = 3 }; /* recipients that an event names for people */

/*
 * The next record that tells of an event; false at the end.  The item was read from these records,
 * so they make sense.
 */
static bool
next_event(struct span *rest, struct record *record)
{
	do {
		if (record_read(rest, record) != RECORD_OK)
			return false;
	} while (record->type == RECORD_BATCH || record->type == RECORD_OPTIONAL);
	return true;
}

static const char *
notice_name(uint64_t notice)
{
	switch (notice) {
	case NOTICE_FAILED:
		return "failed";
	case NOTICE_DELAYED:
		return "delayed";
	default:
		return "relayed";
	}
}

/* Recipients: one call of each() for every one that the record is about and the envelope has. */

static void
each_recipient(const struct item *item, struct span ranges,
    void (*each)(void *arg, const char *address), void *arg)
{
	uint32_t first, count;

	while (record_next_range(&ranges, &first, &count))
		for (uint32_t i = 0; i < count && (uint64_t)first + i < item->envelope.count; i++)
			each(arg, item->envelope.recipients[first + i].address);
}

/* For people */

struct naming {
	FILE *out;
	size_t named;
};

static void
name_recipient(void *arg, const char *address)
{
	struct naming *naming = arg;

	if (naming->named++ >= NAMED_MAX)
		return;
	fputs(naming->named > 1 ? ", " : "", naming->out);
	view_print_text(naming->out, address);
}

static void
print_recipients(FILE *out, const struct item *item, const struct record *record)
{
	struct naming naming = { out, 0 };

	each_recipient(item, record->recipients, name_recipient, &naming);
	if (naming.named > NAMED_MAX)
		fprintf(out, " and %zu more", naming.named - NAMED_MAX);
}

static void
print_part(FILE *out, const char *before, struct span text)
{
	if (text.len == 0)
		return;
	fputs(before, out);
	view_print(out, text);
}

static void
print_outcome(FILE *out, const struct item *item, const struct record *record)
{
	print_recipients(out, item, record);
	fprintf(out, ": %s", view_recipient_state_name((enum item_state)record->state));
	print_part(out, ": ", record->text);
	print_part(out, ": ", record->reply);
	fputs(record->in_doubt ? " (in doubt)" : "", out);
}

static void
print_attempt(FILE *out, const struct record *record)
{
	fprintf(out, "attempt %" PRIu64 " ended", record->attempt);
	print_part(out, ", account ", record->account);
	print_part(out, ", server ", record->server);
	print_part(out, ", ", record->tls);
	print_part(out, ", login by ", record->auth);
	print_part(out, ": ", record->text);
}

static void
print_next(FILE *out, int64_t next_ms)
{
	struct buf text = BUF_INIT(64);

	view_time(next_ms, &text);
	fprintf(out, "next attempt: %s", next_ms > 0 ? text.data : "at any time");
	buf_release(&text);
}

static void
print_at(FILE *out, int64_t next_ms)
{
	struct buf text = BUF_INIT(64);

	view_time(next_ms, &text);
	fprintf(out, "not to be sent before %s", text.data);
	buf_release(&text);
}

static void
print_what(FILE *out, const struct item *item, const struct record *record)
{
	switch (record->type) {
	case RECORD_SENDING:
		if (record->notice == NOTICE_NONE)
			fprintf(out, "attempt %" PRIu64 ": the message's end goes out",
			    record->attempt);
		else
			fprintf(out, "a notice goes out: %s", notice_name(record->notice));
		break;
	case RECORD_OUTCOME:
		print_outcome(out, item, record);
		break;
	case RECORD_ATTEMPT:
		print_attempt(out, record);
		break;
	case RECORD_NEXT:
		print_next(out, record->next_ms);
		break;
	case RECORD_AT:
		print_at(out, record->next_ms);
		break;
	case RECORD_NOTICE:
		fprintf(out, "the sender was told (%s) about ", notice_name(record->notice));
		print_recipients(out, item, record);
		break;
	case RECORD_FAILED:
		fputs("failed", out);
		print_part(out, ": ", record->text);
		break;
	default:
		fprintf(out, "%s, by the user %" PRIu64, record_type_name(record->type),
		    record->uid);
	}
}

void
history_print(FILE *out, const struct item *item)
{
	struct span rest = { item->tail.data, item->tail.len };
	struct record record;

	while (next_event(&rest, &record)) {
		struct buf when = BUF_INIT(64);

		if (record.time_ms > 0)
			view_time(record.time_ms, &when);
		fprintf(out, "    %-25s  ", when.data);
		print_what(out, item, &record);
		fputc('\n', out);
		buf_release(&when);
	}
}

/* For programs */

static void
json_recipient(void *arg, const char *address)
{
	json_text(arg, NULL, address);
}

static void
json_part(struct json *json, const char *name, struct span text)
{
	if (text.len > 0)
		json_span(json, name, text);
}

static void
json_event(struct json *json, const struct record *record)
{
	json_text(json, "event", record_type_name(record->type));
	json_seconds(json, "time", record->time_ms);
	if (record->attempt > 0)
		json_number(json, "attempt", (int64_t)record->attempt);
	if (record->type == RECORD_NEXT || record->type == RECORD_AT)
		json_seconds(json, "next_attempt", record->next_ms);
	if (record->notice != NOTICE_NONE)
		json_text(json, "notice", notice_name(record->notice));
	if (record->type == RECORD_HOLD || record->type == RECORD_RELEASE ||
	    record->type == RECORD_RETRY)
		json_number(json, "uid", (int64_t)record->uid);
	json_part(json, "account", record->account);
	json_part(json, "server", record->server);
	json_part(json, "tls", record->tls);
	json_part(json, "auth", record->auth);
	json_part(json, "error", record->kind);
	json_part(json, "text", record->text);
	if (record->code != 0)
		json_number(json, "code", (int64_t)record->code);
	json_part(json, "enhanced", record->enhanced);
	json_part(json, "reply", record->reply);
}

static void
json_outcome(struct json *json, const struct item *item, const struct record *record)
{
	if (record->type != RECORD_OUTCOME && record->type != RECORD_NOTICE)
		return;
	if (record->type == RECORD_OUTCOME) {
		json_text(json, "state", view_recipient_state_name((enum item_state)record->state));
		json_bool(json, "in_doubt", record->in_doubt);
	}
	json_begin(json, "recipients", '[');
	each_recipient(item, record->recipients, json_recipient, json);
	json_end(json, ']');
}

void
history_json(struct json *json, const struct item *item)
{
	struct span rest = { item->tail.data, item->tail.len };
	struct record record;

	json_begin(json, "history", '[');
	while (next_event(&rest, &record)) {
		json_begin(json, NULL, '{');
		json_event(json, &record);
		json_outcome(json, item, &record);
		json_end(json, '}');
	}
	json_end(json, ']');
}
