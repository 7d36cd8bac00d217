/* SPDX-License-Identifier: ISC */
#include "command/receipt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "command/json.h"
#include "command/view.h"

enum { VALUE_MAX = 5 * ERR_TEXT_MAX };

/* The server's name for it. */

/* What stands behind the words, up to the next space or closing mark. */
static struct span
id_behind(struct span reply, const char *words)
{
	const char *at = memmem(reply.data, reply.len, words, strlen(words));
	struct span id = { "", 0 };

	if (at == NULL)
		return id;
	at += strlen(words);
	id.data = at;
	while (at + id.len < reply.data + reply.len &&
	    strchr(" \t\r\n<>()[];,", at[id.len]) == NULL && at[id.len] != '\0')
		id.len++;
	return id;
}

/* The word before them. */
static struct span
id_before(struct span reply, const char *words)
{
	const char *end = memmem(reply.data, reply.len, words, strlen(words));
	const char *begin = end;

	if (end == NULL)
		return (struct span){ "", 0 };
	while (begin > reply.data && !ascii_is_space(begin[-1]) && begin[-1] != '\n')
		begin--;
	return (struct span){ begin, (size_t)(end - begin) };
}

struct span
receipt_server_id(struct span reply)
{
	static const struct {
		const char *words;
		bool behind;
	} forms[] = {
		{ "queued as ", true },             /* Postfix, OpenSMTPD's filters, GMX */
		{ " id=", true },                   /* Exim, GMX */
		{ "Message Queued (", true },       /* Haraka */
		{ " Message accepted for", false }, /* Sendmail, OpenSMTPD */
		{ " - gsmtp", false },              /* Gmail */
		{ "250 Ok ", true },                /* Amazon */
	};
	struct span id = { "", 0 };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && id.len == 0; i++)
		id = forms[i].behind ? id_behind(reply, forms[i].words) :
				       id_before(reply, forms[i].words);
	while (id.len > 0 && id.data[id.len - 1] == '.')
		id.len--;
	return id;
}

/* The lines. */

static void
add_line(struct buf *out, const char *name, struct span value)
{
	struct buf line = BUF_INIT(VALUE_MAX), shown = BUF_INIT(VALUE_MAX);

	if (value.len == 0)
		return;
	buf_add(&line, value.data, value.len < VALUE_MAX / 4 ? value.len : VALUE_MAX / 4);
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] == '\n')
			line.data[i] = ' ';
	text_printable(&shown, (struct span){ line.data, line.len }, false);
	buf_addf(out, "%s: %s\n", name, shown.data);
	buf_release(&line);
	buf_release(&shown);
}

static void
add_buf(struct buf *out, const char *name, const struct buf *value)
{
	add_line(out, name, (struct span){ value->data, value->len });
}

static const char *
state_of(const struct submission *s, size_t i)
{
	const struct outcome *outcome = &s->delivery.tx.outcomes[i];

	if (!s->tried)
		return "queued";
	if (outcome->state == OUTCOME_ACCEPTED)
		return "sent";
	if (delivery_is_final(&s->delivery, i))
		return "refused";
	if (s->fate == FATE_QUEUED)
		return "queued";
	return outcome->err.in_doubt ? "in-doubt" : "failed";
}

static void
add_recipient(struct buf *out, const struct submission *s, size_t i)
{
	const struct recipient *recipient = &s->envelope->recipients[i];
	const struct outcome *outcome = s->tried ? &s->delivery.tx.outcomes[i] : NULL;

	add_line(out, "recipient", span_of(recipient->address));
	if (recipient->original != NULL)
		add_line(out, "given-as", span_of(recipient->original));
	add_line(out, "state", span_of(state_of(s, i)));
	if (outcome == NULL)
		return;
	add_buf(out, "server", &s->delivery.server);
	if (outcome->state == OUTCOME_ACCEPTED) {
		const struct buf *reply = &s->delivery.tx.acceptance;

		add_buf(out, "reply", reply);
		add_line(out, "server-queue-id",
		    receipt_server_id((struct span){ reply->data, reply->len }));
	} else {
		add_buf(out, "error", &outcome->err.what);
		add_buf(out, "reply", &outcome->err.reply);
	}
}

static const char *
result_of(const struct submission *s)
{
	switch (s->fate) {
	case FATE_SENT:
		return "sent";
	case FATE_QUEUED:
		return "queued";
	case FATE_REFUSED:
		return "refused";
	default:
		return "failed";
	}
}

static void
add_next(struct buf *out, const struct submission *s)
{
	struct buf when = BUF_INIT(64);
	int64_t next_ms = s->queued && !s->hold ? view_next_ms(&s->item) : 0;

	if (next_ms > 0) {
		view_time(next_ms, &when);
		add_buf(out, "next-attempt", &when);
	}
	buf_release(&when);
}

/* Until when the server that took it holds it back. */
static void
add_held(struct buf *out, const struct submission *s)
{
	const struct transaction *tx = &s->delivery.tx;
	struct buf when = BUF_INIT(64);

	if (s->tried && tx->held_until_s > 0 && transaction_count(tx, OUTCOME_ACCEPTED) > 0) {
		view_time(tx->held_until_s * 1000, &when);
		add_buf(out, "held-until", &when);
	}
	buf_release(&when);
}

void
receipt_add(struct buf *out, const struct submission *s, int status)
{
	struct buf id = BUF_INIT(ERR_TEXT_MAX);

	message_id(s->message, &id);
	add_line(out, "result", span_of(result_of(s)));
	add_line(out, "queue-id", span_of(s->queued ? s->item.id : "none"));
	add_buf(out, "message-id", &id);
	add_line(out, "account", span_of(s->account->name));
	buf_addf(out, "size: %" PRIu64 "\nexit-status: %d\n", message_size(s->message), status);
	add_next(out, s);
	add_held(out, s);
	for (size_t i = 0; i < s->envelope->count; i++)
		add_recipient(out, s, i);
	buf_release(&id);
}

/* As JSON. */

/* "queue-id" is "queue_id" there, and "none" null. */
static void
print_member(struct json *json, struct span name, struct span value)
{
	char key[32] = "";

	for (size_t i = 0; i < name.len && i < sizeof(key) - 1; i++)
		key[i] = (char)(name.data[i] == '-' ? '_' : name.data[i]);
	if (strcmp(key, "queue_id") == 0 && span_is(value, "none"))
		json_null(json, key);
	else if (strcmp(key, "size") == 0 || strcmp(key, "exit_status") == 0)
		json_number(json, key, strtoll(value.data, NULL, 10));
	else
		json_span(json, key, value);
}

static void
print_json(FILE *out, struct span lines)
{
	struct json json = { out, false };
	bool recipients = false;

	json_begin(&json, NULL, '{');
	while (lines.len > 0) {
		struct span value = span_cut(&lines, '\n'), name = span_cut(&value, ':');

		value = span_trim(value);
		if (span_is(name, "recipient")) {
			if (recipients)
				json_end(&json, '}');
			else
				json_begin(&json, "recipients", '[');
			recipients = true;
			json_begin(&json, NULL, '{');
			name = span_of("address");
		}
		print_member(&json, name, value);
	}
	if (recipients) {
		json_end(&json, '}');
		json_end(&json, ']');
	}
	json_end(&json, '}');
	fputc('\n', out);
}

void
receipt_print(FILE *out, struct span lines, bool as_json)
{
	if (as_json)
		print_json(out, lines);
	else
		fwrite(lines.data, 1, lines.len, out);
}
