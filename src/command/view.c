/* SPDX-License-Identifier: ISC */
#include "command/view.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "base/text.h"

enum { OUTPUT_SIZE = 64 * 1024 }; /* octets that are written at once */

enum view_state
view_state(const struct item *item)
{
	if (item->active)
		return VIEW_ACTIVE;
	if (item->held)
		return VIEW_HOLD;
	if (item->failed)
		return VIEW_FAILED;
	return item->attempts == 0 ? VIEW_INCOMING : VIEW_DEFERRED;
}

const char *
view_state_name(enum view_state state)
{
	static const char *const names[VIEW_STATES] = {
		[VIEW_INCOMING] = "incoming",
		[VIEW_ACTIVE] = "active",
		[VIEW_DEFERRED] = "deferred",
		[VIEW_HOLD] = "hold",
		[VIEW_FAILED] = "failed",
	};

	return names[state];
}

bool
view_is_pending(const struct item_recipient *recipient)
{
	return recipient->state == ITEM_WAITING || recipient->state == ITEM_REFUSED;
}

const char *
view_recipient_state_name(enum item_state state)
{
	switch (state) {
	case ITEM_WAITING:
		return "waiting";
	case ITEM_ACCEPTED:
		return "accepted";
	case ITEM_REFUSED:
		return "refused";
	default:
		return "settled";
	}
}

int64_t
view_next_ms(const struct item *item)
{
	if (item->held || item->failed)
		return -1;
	if (item->not_before_ms > item->next_ms)
		return item->not_before_ms;
	return item->next_ms > 0 ? item->next_ms : item->queued_ms;
}

/* The server's words on one line. */
static void
add_reply(const struct buf *reply, struct buf *out)
{
	size_t begin = out->len;

	buf_add(out, reply->data, reply->len);
	for (size_t i = begin; i < out->len; i++)
		if (out->data[i] == '\n')
			out->data[i] = ' ';
}

static void
add_error(const struct err *err, struct buf *out)
{
	if (err->reply.len > 0) {
		if (err->peer.len > 0)
			buf_addf(out, "host %s said: ", err->peer.data);
		add_reply(&err->reply, out);
		return;
	}
	if (err->peer.len > 0)
		buf_addf(out, "%s: ", err->peer.data);
	buf_add(out, err->what.data, err->what.len);
}

void
view_reason(const struct item *item, size_t recipient, struct buf *out)
{
	const struct item_recipient *r = &item->recipients[recipient];
	size_t begin = out->len;

	if (item->failed)
		buf_adds(out, "failed: ");
	else if (r->state == ITEM_REFUSED)
		buf_adds(out, "refused, the sender is to be told: ");
	if (r->err.kind != ERR_NONE)
		add_error(&r->err, out);
	else
		buf_add(out, item->note.data, item->note.len);
	if (r->state == ITEM_REFUSED && item->notice_in_doubt != NOTICE_NONE)
		buf_addf(out, "%sthe sender may be told twice", out->len > begin ? "; " : "");
	if (r->state == ITEM_WAITING && (item->in_doubt || r->err.in_doubt))
		buf_addf(out, "%spossible duplicate: an attempt ended without an answer",
		    out->len > begin ? "; " : "");
}

/* "90s", "2h": all of it, other than view_age(). */
static void
add_duration(int64_t s, struct buf *out)
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (s % units[i].seconds == 0) {
			buf_addf(out, "%" PRId64 "%c", s / units[i].seconds, units[i].name);
			return;
		}
}

/* "; " between what is asked for. */
static void
add_request(struct buf *out, size_t begin, const char *words)
{
	buf_addf(out, "%s%s", out->len > begin ? "; " : "", words);
}

void
view_notify(unsigned notify, struct buf *out)
{
	static const char *const words[] = { "never", "success", "failure", "delay" };
	size_t begin = out->len;

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((notify & 1U << i) != 0)
			buf_addf(out, "%s%s", out->len > begin ? "," : "", words[i]);
}

const char *
view_submitted_by(enum submitted_by by)
{
	switch (by) {
	case SUBMITTED_SOCKET:
		return "socket";
	case SUBMITTED_TCP:
		return "tcp";
	default:
		return "command";
	}
}

void
view_requests(const struct requests *r, struct buf *out)
{
	size_t begin = out->len;

	if (r->require_tls)
		add_request(out, begin, "verified TLS on the whole way");
	if (r->deliver_by_s > 0) {
		add_request(out, begin, "delivery within ");
		add_duration(r->deliver_by_s, out);
		buf_adds(out,
		    r->deliver_by_return ? ", else it comes back" : ", else its sender is told");
	}
	if (r->has_priority) {
		add_request(out, begin, "priority ");
		buf_addf(out, "%d", r->priority);
	}
	if (r->hold_until_s > 0) {
		add_request(out, begin, "not to be delivered before ");
		view_time(r->hold_until_s * 1000, out);
	} else if (r->hold_for_s > 0) {
		add_request(out, begin, "to be held by the server for ");
		add_duration(r->hold_for_s, out);
	}
}

void
view_age(int64_t ms, struct buf *out)
{
	int64_t s = ms > 0 ? ms / 1000 : 0;

	if (s < 60)
		buf_addf(out, "%" PRId64 "s", s);
	else if (s < 3600)
		buf_addf(out, "%" PRId64 "m", s / 60);
	else if (s < 2 * 86400)
		buf_addf(out, "%" PRId64 "h", s / 3600);
	else
		buf_addf(out, "%" PRId64 "d", s / 86400);
}

void
view_size(uint64_t octets, struct buf *out)
{
	static const char units[] = "KMGTPE";
	uint64_t unit = 1024;
	size_t i = 0;

	if (octets < unit) {
		buf_addf(out, "%" PRIu64, octets);
		return;
	}
	for (; units[i + 1] != '\0' && octets / unit >= 1000; i++)
		unit *= 1024;
	if (octets / unit < 10)
		buf_addf(out, "%" PRIu64 ".%" PRIu64 "%c", octets / unit,
		    octets % unit / (unit / 10 + 1), units[i]);
	else
		buf_addf(out, "%" PRIu64 "%c", octets / unit, units[i]);
}

void
view_time(int64_t ms, struct buf *out)
{
	time_t when = (time_t)(ms / 1000);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	buf_adds(out, text);
}

static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_8bit(text.data[i]) || ascii_is_control(text.data[i]))
			return false;
	return true;
}

void
view_add(struct buf *out, struct span text)
{
	if (is_plain(text))
		buf_add(out, text.data, text.len);
	else
		text_printable(out, text, false);
}

size_t
view_print(FILE *out, struct span text)
{
	struct buf shown = BUF_INIT(SIZE_MAX);
	size_t len;

	if (is_plain(text))
		return fwrite(text.data, 1, text.len, out);
	view_add(&shown, text);
	len = fwrite(shown.data, 1, shown.len, out);
	buf_release(&shown);
	return len;
}

size_t
view_print_text(FILE *out, const char *text)
{
	return view_print(out, span_of(text));
}

void
view_begin(FILE *out)
{
	signal(SIGPIPE, SIG_DFL);
	setvbuf(out, NULL, _IOFBF, OUTPUT_SIZE);
}
