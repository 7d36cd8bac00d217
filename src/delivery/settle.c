/* SPDX-License-Identifier: ISC */
#include "delivery/settle.h"

#include <inttypes.h>
#include <string.h>

#include "base/unique.h"
#include "delivery/age.h"
#include "delivery/backoff.h"
#include "delivery/notice.h"
#include "store/failure.h"

enum {
	DELAY_AFTER_MS = 4 * 3600 * 1000, /* when a delay is worth a notice */
	STEPS = 5,
	STEP_MIN_MS = 600 * 1000,         /* the least time that a step may count for */
	REASONS_MAX = STORE_TAIL_MAX / 2, /* octets of a tail that tell reasons; the rest is for
					     what must be recorded */
	REASONS_SHARE = 64, /* how much of what is left for them an attempt may take */
};

/* What is asked of the message: of a queued one by its item, of a new one nothing has been. */
struct subject {
	const struct envelope *envelope;
	const struct item_recipient *recipients; /* NULL: all are waiting */
	unsigned attempts;
	bool expired;
	size_t tail_len;
};

/* One attempt on its way into records. */
struct settling {
	struct subject subject;
	const struct account *account;
	const struct delivery *delivery; /* NULL: untried, and why tells the reason */
	const struct err *why;
	int64_t now_ms;
	struct buf *records;
	struct settlement *out;
	/* Recipients that ended alike, one after the other: they share a record. */
	enum item_state state;
	const struct err *err; /* NULL: accepted, or no group yet */
	bool tells_success;    /* … and the sender is to be told so */
	bool brief;            /* its reasons are not told in full */
	size_t full_until;     /* octets of `records` from which on they are not */
	struct buf ranges;
	uint32_t first, count;
};

/*
 * A step of the clock, or a night's sleep, counts for a fifth of the time that a message has, so
 * that nothing is given up before it was tried that often.
 */
static int64_t
age_of(const struct item *item, const struct account *account, int64_t now_ms)
{
	return age_ms(item, now_ms, account->expire_s * 1000 / STEPS + STEP_MIN_MS);
}

/* `times`: expire, or a multiple of it. */
static bool
is_expired(const struct item *item, const struct account *account, int64_t now_ms, int64_t times)
{
	return age_of(item, account, now_ms) > account->expire_s * 1000 * times;
}

int64_t
settle_expire_ms(const struct item *item, const struct account *account, int64_t now_ms)
{
	int64_t left_ms = account->expire_s * 1000 - age_of(item, account, now_ms);

	return left_ms > 0 ? now_ms + left_ms : now_ms;
}

static struct subject
subject_of(const struct item *item, const struct account *account, int64_t now_ms)
{
	return (struct subject){
		.envelope = &item->envelope,
		.recipients = item->recipients,
		.attempts = item->attempts,
		.expired = is_expired(item, account, now_ms, 1),
		.tail_len = item->tail.len,
	};
}

static enum item_state
state_before(const struct settling *s, size_t i)
{
	return s->subject.recipients != NULL ? s->subject.recipients[i].state : ITEM_WAITING;
}

/* What the person who runs this must mend; it is no news for the sender. */
static bool
is_ours_to_mend(enum err_kind kind)
{
	switch (kind) {
	case ERR_LOGIN:
	case ERR_PERMISSION:
	case ERR_CONFIG:
	case ERR_TLS:
	case ERR_CERTIFICATE:
		return true;
	default:
		return false;
	}
}

/* The failure of a recipient in this attempt; NULL: none, or he had no part in it. */
static const struct err *
failure_of(const struct settling *s, size_t i)
{
	if (s->delivery == NULL)
		return state_before(s, i) == ITEM_WAITING ? s->why : NULL;
	return s->delivery->tx.outcomes[i].state == OUTCOME_FAILED ?
	    &s->delivery->tx.outcomes[i].err :
	    NULL;
}

/*
 * Refused for good: the sender is told, does not want to be, or there is none, which fails the
 * message in the end.
 */
static enum item_state
refused_state(const struct settling *s, size_t i)
{
	if (s->subject.envelope->sender[0] == '\0')
		return ITEM_REFUSED;
	return notice_is_wanted(s->subject.envelope, i, NOTICE_FAILED) ? ITEM_REFUSED :
									 ITEM_SETTLED;
}

static enum item_state
state_after(struct settling *s, size_t i, const struct err *err)
{
	if (s->delivery != NULL && delivery_is_final(s->delivery, i))
		return refused_state(s, i);
	if (!s->subject.expired)
		return ITEM_WAITING;
	if (!is_ours_to_mend(err->kind))
		return refused_state(s, i);
	s->out->failed = true;
	return ITEM_WAITING;
}

static void
count(struct settlement *out, enum item_state state)
{
	switch (state) {
	case ITEM_ACCEPTED:
		out->accepted++;
		break;
	case ITEM_WAITING:
		out->waiting++;
		break;
	case ITEM_REFUSED:
		out->refused++;
		break;
	default:
		out->settled++;
		break;
	}
}

/*
 * A thousand refusals, each in the server's words, attempt by attempt, would fill the tail; and
 * what cannot be recorded is sent again.
 */
static bool
is_brief(const struct settling *s)
{
	return s->records->len >= s->full_until;
}

/* What is said of a group: its first one's failure. */
static void
tell_failure(const struct settling *s, struct err *err)
{
	bool expired = s->state != ITEM_WAITING && err_is_temporary(s->err->kind);

	if (s->brief) {
		err_set(err, s->err->kind,
		    "it failed, like others: their reasons are too many to be kept");
		err->reply_code = s->err->reply_code;
		err->in_doubt = s->err->in_doubt;
		memcpy(err->enhanced, s->err->enhanced, sizeof(err->enhanced));
	} else {
		err_copy(err, s->err);
	}
	if (expired) {
		err_wrap(err, "not delivered within %" PRId64 " hours",
		    s->account->expire_s / 3600);
		memcpy(err->enhanced, "4.4.7", sizeof("4.4.7"));
	}
}

/* Writes the record of the group that has come to its end. */
static void
end_group(struct settling *s)
{
	struct record record = { .type = RECORD_OUTCOME, .time_ms = s->now_ms, .state = s->state };
	struct err err;

	if (s->count > 0)
		record_add_range(&s->ranges, s->first, s->count);
	s->count = 0;
	if (s->ranges.len == 0)
		return;
	err_init(&err);
	if (s->err != NULL) {
		tell_failure(s, &err);
		failure_write(&record, &err);
	} else if (s->tells_success) {
		record.notice = NOTICE_RELAYED;
		s->out->relay_notice = true;
	}
	record.recipients = (struct span){ s->ranges.data, s->ranges.len };
	record_write(s->records, &record);
	err_release(&err);
	buf_clear(&s->ranges);
}

static bool
same_failure(const struct err *a, const struct err *b, bool brief)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (brief)
		return a->kind == b->kind && a->in_doubt == b->in_doubt &&
		    a->reply_code == b->reply_code;
	return a->kind == b->kind && a->in_doubt == b->in_doubt &&
	    strcmp(a->what.data, b->what.data) == 0 && strcmp(a->reply.data, b->reply.data) == 0;
}

/*
 * The server does not tell the sender that it has the message for him.  An alias, it does not even
 * know.
 */
static bool
is_success_told(const struct settling *s, size_t i, enum item_state state)
{
	return state == ITEM_ACCEPTED && notice_is_wanted(s->subject.envelope, i, NOTICE_RELAYED) &&
	    (!s->delivery->has_dsn || s->subject.envelope->recipients[i].expanded);
}

static void
add_to_group(struct settling *s, size_t i, enum item_state state, const struct err *err)
{
	bool tells_success = is_success_told(s, i, state);

	if ((s->count > 0 || s->ranges.len > 0) &&
	    (s->state != state || s->tells_success != tells_success ||
		!same_failure(s->err, err, s->brief)))
		end_group(s);
	if (s->count == 0 && s->ranges.len == 0) {
		s->state = state;
		s->err = err;
		s->tells_success = tells_success;
		s->brief = is_brief(s);
	}
	if (s->count > 0 && s->first + s->count == i) {
		s->count++;
		return;
	}
	if (s->count > 0)
		record_add_range(&s->ranges, s->first, s->count);
	s->first = (uint32_t)i;
	s->count = 1;
}

static bool
was_accepted(const struct settling *s, size_t i)
{
	return s->delivery != NULL && s->delivery->tx.outcomes[i].state == OUTCOME_ACCEPTED;
}

/* Those who have it first: should the rest be torn off, they are on record. */
static void
write_outcomes(struct settling *s)
{
	size_t n = s->subject.envelope->count;

	for (size_t i = 0; i < n; i++)
		if (was_accepted(s, i)) {
			add_to_group(s, i, ITEM_ACCEPTED, NULL);
			s->out->accepted++;
		}
	end_group(s);
	for (size_t i = 0; i < n; i++) {
		const struct err *err = failure_of(s, i);
		enum item_state state;

		if (err == NULL && !was_accepted(s, i))
			count(s->out, state_before(s, i));
		if (err == NULL)
			continue;
		state = state_after(s, i, err);
		count(s->out, state);
		/* Of one who goes on waiting, the attempt itself says enough. */
		if (!is_brief(s) || state != ITEM_WAITING || err->in_doubt)
			add_to_group(s, i, state, err);
	}
	end_group(s);
}

static void
write_attempt(struct settling *s, enum notice notice)
{
	const struct delivery *d = s->delivery;
	struct record record = { .type = RECORD_ATTEMPT, .time_ms = s->now_ms, .notice = notice };

	record.attempt = s->subject.attempts + 1;
	record.account = span_of(s->account->name);
	if (d != NULL) {
		record.account = span_of(d->account->name);
		record.server = (struct span){ d->server.data, d->server.len };
		record.tls = (struct span){ d->tls.data, d->tls.len };
		record.auth = (struct span){ d->mechanism.data, d->mechanism.len };
		record.text = (struct span){ d->tx.acceptance.data, d->tx.acceptance.len };
	}
	record_write(s->records, &record);
}

static void
write_next(struct settling *s)
{
	struct record record = { .type = RECORD_NEXT, .time_ms = s->now_ms };

	s->out->next_ms = backoff_next_ms(s->now_ms, s->subject.attempts + 1,
	    s->account->retry_min_s, s->account->retry_max_s, unique_chance());
	record.next_ms = s->out->next_ms;
	record_write(s->records, &record);
}

/* The server cannot hold the message until its time: so it is held here. */
static bool
is_kept(const struct settling *s)
{
	const struct delivery *d = s->delivery;

	for (size_t i = 0; d != NULL && i < s->subject.envelope->count; i++)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED &&
		    d->tx.outcomes[i].err.kind == ERR_HOLD)
			return true;
	return false;
}

/* … and nobody was asked to take it. */
static bool
is_untouched(const struct settling *s)
{
	for (size_t i = 0; i < s->subject.envelope->count; i++) {
		const struct outcome *outcome = &s->delivery->tx.outcomes[i];

		if (outcome->state == OUTCOME_ACCEPTED ||
		    (outcome->state == OUTCOME_FAILED && outcome->err.kind != ERR_HOLD))
			return false;
	}
	return true;
}

static void
write_at(struct settling *s)
{
	struct record record = { .type = RECORD_AT, .time_ms = s->now_ms };

	s->out->next_ms = s->delivery->tx.requests.hold_until_s * 1000;
	record.next_ms = s->out->next_ms;
	record_write(s->records, &record);
}

static void
write_failed(struct settling *s, const char *text)
{
	struct record record = { .type = RECORD_FAILED, .time_ms = s->now_ms };

	s->out->failed = true;
	record.text = span_of(text);
	record_write(s->records, &record);
}

static void
begin(struct settling *s)
{
	*s->out = (struct settlement){ .next_ms = 0 };
	s->full_until = s->records->len;
	if (s->subject.tail_len < REASONS_MAX)
		s->full_until += (REASONS_MAX - s->subject.tail_len) / REASONS_SHARE;
	buf_init(&s->ranges, RECORD_MAX);
}

static void
settle_all(struct settling *s)
{
	begin(s);
	write_outcomes(s);
	buf_release(&s->ranges);
	if (!is_kept(s) || !is_untouched(s))
		write_attempt(s, NOTICE_NONE);
	if (s->out->failed)
		write_failed(s, "login, TLS or configuration were wrong for too long");
	else if (s->subject.envelope->sender[0] == '\0' && s->out->refused > 0 &&
	    s->out->waiting == 0)
		write_failed(s, "refused, and there is no sender to tell");
	else if (s->out->waiting > 0 && is_kept(s))
		write_at(s);
	else if (s->out->waiting > 0)
		write_next(s);
}

void
settle_attempt(const struct item *item, const struct delivery *d, const struct account *account,
    int64_t now_ms, struct buf *records, struct settlement *settlement)
{
	struct settling s = { .subject = subject_of(item, account, now_ms),
		.account = account,
		.delivery = d,
		.now_ms = now_ms,
		.records = records,
		.out = settlement };

	settle_all(&s);
}

void
settle_new_attempt(const struct envelope *envelope, const struct delivery *d,
    const struct account *account, int64_t now_ms, struct buf *records,
    struct settlement *settlement)
{
	struct settling s = { .subject = { .envelope = envelope },
		.account = account,
		.delivery = d,
		.now_ms = now_ms,
		.records = records,
		.out = settlement };

	settle_all(&s);
}

static void
accept_some(struct settling *s, bool ended)
{
	begin(s);
	for (size_t i = 0; i < s->subject.envelope->count; i++)
		if (was_accepted(s, i) && state_before(s, i) == ITEM_WAITING)
			add_to_group(s, i, ITEM_ACCEPTED, NULL);
	end_group(s);
	buf_release(&s->ranges);
	if (ended)
		write_attempt(s, NOTICE_NONE);
}

void
settle_accepted(const struct item *item, const struct delivery *d, bool ended, int64_t now_ms,
    struct buf *records)
{
	struct settlement settlement;
	struct settling s = { .subject = subject_of(item, d->account, now_ms),
		.account = d->account,
		.delivery = d,
		.now_ms = now_ms,
		.records = records,
		.out = &settlement };

	accept_some(&s, ended);
}

void
settle_new_accepted(const struct envelope *envelope, const struct delivery *d, bool ended,
    int64_t now_ms, struct buf *records)
{
	struct settlement settlement;
	struct settling s = { .subject = { .envelope = envelope },
		.account = d->account,
		.delivery = d,
		.now_ms = now_ms,
		.records = records,
		.out = &settlement };

	accept_some(&s, ended);
}

void
settle_untried(const struct item *item, const struct account *account, const struct err *why,
    int64_t now_ms, struct buf *records, struct settlement *settlement)
{
	struct settling s = { .subject = subject_of(item, account, now_ms),
		.account = account,
		.why = why,
		.now_ms = now_ms,
		.records = records,
		.out = settlement };

	settle_all(&s);
}

/* Who is spoken of is told, or as good as told. */
static void
write_notice(struct settling *s, const struct item *item, enum notice notice)
{
	struct record record = { .type = RECORD_NOTICE, .time_ms = s->now_ms, .notice = notice };

	buf_init(&s->ranges, RECORD_MAX);
	for (size_t i = 0; i < item->envelope.count; i++)
		if (notice_concerns(item, i, notice))
			record_add_range(&s->ranges, (uint32_t)i, 1);
	record.recipients = (struct span){ s->ranges.data, s->ranges.len };
	record_write(s->records, &record);
	buf_release(&s->ranges);
}

static void
fail_notice(struct settling *s, const struct err *err)
{
	struct buf text = BUF_INIT(4 * ERR_TEXT_MAX);

	buf_addf(&text, "the notice to <%s> could not be delivered: %s %s",
	    s->subject.envelope->sender, err->what.data, err->reply.data);
	write_failed(s, text.data);
	buf_release(&text);
}

/* A sender of this host may be several people: one who is told is enough. */
static const struct outcome *
best_outcome(const struct delivery *d)
{
	for (size_t i = 0; i < d->tx.envelope->count; i++)
		if (d->tx.outcomes[i].state == OUTCOME_ACCEPTED)
			return &d->tx.outcomes[i];
	return &d->tx.outcomes[0];
}

void
settle_notice(const struct item *item, const struct delivery *d, const struct account *account,
    enum notice notice, int64_t now_ms, struct buf *records, struct settlement *settlement)
{
	struct settling s = { .subject = subject_of(item, account, now_ms),
		.account = account,
		.delivery = d,
		.now_ms = now_ms,
		.records = records,
		.out = settlement };
	const struct outcome *outcome = best_outcome(d);
	bool given_up;

	*settlement = (struct settlement){ .next_ms = 0 };
	for (size_t i = 0; i < item->envelope.count; i++)
		count(settlement, item->recipients[i].state);
	given_up = outcome->state != OUTCOME_ACCEPTED &&
	    (delivery_is_final(d, 0) || is_expired(item, account, now_ms, 2));
	/* What tells of no failure is not worth a person's time. */
	if (outcome->state == OUTCOME_ACCEPTED || (given_up && notice != NOTICE_FAILED))
		write_notice(&s, item, notice);
	write_attempt(&s, notice);
	if (given_up && notice == NOTICE_FAILED)
		fail_notice(&s, &outcome->err);
	else if (outcome->state != OUTCOME_ACCEPTED)
		write_next(&s);
}

static bool
concerns_any(const struct item *item, enum notice notice)
{
	for (size_t i = 0; i < item->envelope.count; i++)
		if (notice_concerns(item, i, notice))
			return true;
	return false;
}

enum notice
settle_due_notice(const struct item *item, int64_t now_ms)
{
	if (item->failed)
		return NOTICE_NONE;
	if (concerns_any(item, NOTICE_FAILED))
		return NOTICE_FAILED;
	if (concerns_any(item, NOTICE_RELAYED))
		return NOTICE_RELAYED;
	if (concerns_any(item, NOTICE_DELAYED) &&
	    age_ms(item, now_ms, DELAY_AFTER_MS) > DELAY_AFTER_MS)
		return NOTICE_DELAYED;
	return NOTICE_NONE;
}

bool
settle_has_news(const struct item *item, int64_t now_ms)
{
	return item->notice_tried == NOTICE_NONE && settle_due_notice(item, now_ms) != NOTICE_NONE;
}

bool
settle_is_done(const struct item *item)
{
	if (item->failed)
		return false;
	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		if (r->state != ITEM_SETTLED && (r->state != ITEM_ACCEPTED || !r->relay_told))
			return false;
	}
	return true;
}
