/* SPDX-License-Identifier: ISC */
#include "command/send_once.h"

#include <string.h>

#include "base/clock.h"
#include "command/report.h"
#include "command/view.h"

enum { CHUNK = 64 * 1024 }; /* octets of the body that are read at once */

static void
add_text(struct digest *d, const char *text)
{
	/* With its NUL, so that nothing of one can be taken for the beginning of the next. */
	digest_add(d, text != NULL ? text : "", strlen(text != NULL ? text : "") + 1);
}

static void
add_envelope(struct digest *d, const struct job *job)
{
	const struct envelope *e = &job->envelope;
	struct buf text = BUF_INIT(1000);

	add_text(d, e->sender);
	for (size_t i = 0; i < e->count; i++)
		add_text(d, e->recipients[i].address);
	buf_addf(&text, "%u %d %lld %d %d %d %d", e->notify_each, e->requests.require_tls,
	    e->requests.deliver_by_s, e->requests.deliver_by_return, e->requests.has_priority,
	    e->requests.priority, job->hold);
	add_text(d, text.data);
	add_text(d, job->account->name);
	buf_release(&text);
}

static int
add_message(struct digest *d, const struct message *m, struct err *err)
{
	static char scratch[CHUNK];
	const char *data;
	uint64_t at = 0;
	size_t got;

	digest_add(d, m->header.data, m->header.len);
	digest_add(d, "\r\n", 2);
	do {
		if (spool_read(&m->body, at, scratch, sizeof(scratch), &data, &got, err) < 0)
			return -1;
		digest_add(d, data, got);
		at += got;
	} while (got > 0);
	return 0;
}

int
once_digest(struct once *once, const struct job *job, struct err *err)
{
	struct digest digest;
	int result = digest_begin(&digest, err);

	if (result < 0)
		return -1;
	add_envelope(&digest, job);
	result = add_message(&digest, &job->message, err);
	if (result < 0)
		digest_end(&digest, NULL, err);
	else
		result = digest_end(&digest, once->content, err);
	return result;
}

int
once_name(struct once *once, const char *key, struct err *err)
{
	struct digest digest;

	if (digest_begin(&digest, err) < 0)
		return -1;
	digest_add(&digest, key, strlen(key));
	if (digest_end(&digest, once->name, err) < 0)
		return -1;
	memcpy(once->seed, once->name, sizeof(once->seed) - 1);
	return 0;
}

/* The process that had it is gone: it may have been sent, or not. */
static int
refuse_doubt(const struct once *once, const char *key, struct err *err)
{
	struct buf when = BUF_INIT(64);

	view_time(once->reservation.begun_ms, &when);
	err_set(err, ERR_TEMPORARY,
	    "the key \"%s\" is in doubt: it was used at %s for the message %s, and what became of it is "
	    "not known",
	    key, when.data, once->reservation.message_id.data);
	err->in_doubt = true;
	err_hint(err,
	    "look for it in the log and with: sendoff queue list; to send it again, though it may arrive twice, "
	    "give another key");
	buf_release(&when);
	return -1;
}

static int
use(struct once *once, enum reservation_result result, const char *key, struct err *err)
{
	switch (result) {
	case RESERVATION_FREE:
		once->taken = true;
		return 0;
	case RESERVATION_DONE:
		return 1;
	case RESERVATION_BUSY:
		return err_set(err, ERR_TEMPORARY,
		    "the key \"%s\" is in use: another process is sending with it", key);
	case RESERVATION_OTHER:
		return err_set(err, ERR_USAGE,
		    "the key \"%s\" was used for another message less than a day ago", key);
	case RESERVATION_DOUBT:
		return refuse_doubt(once, key, err);
	default:
		return -1;
	}
}

int
once_take(struct once *once, struct job *job, const struct send_options *options, struct err *err)
{
	struct buf id = BUF_INIT(1000);
	enum reservation_result found;
	int result;

	if (job->config.queue_dir == NULL)
		return err_set(err, ERR_CONFIG,
		    "an idempotency key is kept with the queue, and there is none (queue_dir)");
	if (job->store.dir < 0 && store_open(&job->store, job->config.queue_dir, true, err) < 0)
		return -1;
	message_id(&job->message, &id);
	once->met = true;
	found = reservation_take(&once->reservation, &job->store, once->name, once->content,
	    id.data, clock_wall_ms(), err);
	result = use(once, found, options->key, err);
	buf_release(&id);
	return result;
}

int
once_sending(struct once *once, struct err *err)
{
	return once->taken ? reservation_sending(&once->reservation, clock_wall_ms(), err) : 0;
}

static bool
any(const struct submission *s, enum outcome_state state, bool in_doubt)
{
	for (size_t i = 0; s->tried && i < s->envelope->count; i++)
		if (s->delivery.tx.outcomes[i].state == state &&
		    (!in_doubt || s->delivery.tx.outcomes[i].err.in_doubt))
			return true;
	return false;
}

void
once_told(struct once *once, const struct submission *s, int status, const struct buf *receipt)
{
	bool kept = s->fate != FATE_UNSENT || any(s, OUTCOME_ACCEPTED, false);
	bool doubt = s->fate == FATE_UNSENT && any(s, OUTCOME_FAILED, true);
	struct err err;

	if (!once->taken)
		return;
	once->taken = false;
	err_init(&err);
	if (!kept && !doubt)
		reservation_forget(&once->reservation);
	else if (!doubt &&
	    reservation_done(&once->reservation, status, receipt, clock_wall_ms(), &err) < 0)
		report_log_error(&err);
	err_release(&err);
}

void
once_release(struct once *once)
{
	if (once->taken)
		reservation_forget(&once->reservation);
	if (once->met)
		reservation_release(&once->reservation);
}
