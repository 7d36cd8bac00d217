/* SPDX-License-Identifier: ISC */
#include "smtp/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "format/reply.h"

int
transaction_init(struct transaction *tx, const struct envelope *envelope,
    const struct message *message, struct err *err)
{
	memset(tx, 0, sizeof(*tx));
	tx->envelope = envelope;
	tx->message = message;
	buf_init(&tx->acceptance, ERR_TEXT_MAX);
	tx->outcomes = calloc(envelope->count > 0 ? envelope->count : 1, sizeof(*tx->outcomes));
	if (tx->outcomes == NULL)
		return err_memory(err);
	for (size_t i = 0; i < envelope->count; i++)
		err_init(&tx->outcomes[i].err);
	return 0;
}

void
transaction_release(struct transaction *tx)
{
	for (size_t i = 0; tx->outcomes != NULL && i < tx->envelope->count; i++)
		err_release(&tx->outcomes[i].err);
	free(tx->outcomes);
	tx->outcomes = NULL;
	buf_release(&tx->acceptance);
}

void
transaction_begin_turn(struct transaction *tx)
{
	tx->named = tx->answers_due = 0;
	tx->utf8 = tx->mail_refused = tx->data_ready = tx->announced = tx->nested =
	    tx->content_unsent = false;
	tx->ends_at = UINT64_MAX;
}

void
transaction_fail_one(struct transaction *tx, size_t recipient, const struct err *err)
{
	struct outcome *outcome = &tx->outcomes[recipient];

	if (outcome->state == OUTCOME_SETTLED)
		return;
	if (outcome->state == OUTCOME_NAMED)
		tx->named--;
	outcome->state = OUTCOME_FAILED;
	err_copy(&outcome->err, err);
}

/* Part of this turn, and without an outcome. */
static bool
is_tried(const struct transaction *tx, size_t recipient)
{
	return tx->outcomes[recipient].state == OUTCOME_TRIED ||
	    tx->outcomes[recipient].state == OUTCOME_NAMED;
}

void
transaction_fail(struct transaction *tx, const struct err *err)
{
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (is_tried(tx, i) || tx->outcomes[i].state == OUTCOME_PENDING)
			transaction_fail_one(tx, i, err);
}

void
transaction_break(struct transaction *tx, const struct err *err, bool in_doubt)
{
	for (size_t i = 0; i < tx->envelope->count; i++) {
		bool tried = is_tried(tx, i);

		if (!tried && tx->outcomes[i].state != OUTCOME_PENDING)
			continue;
		transaction_fail_one(tx, i, err);
		tx->outcomes[i].err.in_doubt = tried && in_doubt;
	}
}

void
transaction_take_back(struct transaction *tx)
{
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (is_tried(tx, i))
			tx->outcomes[i].state = OUTCOME_PENDING;
	tx->named = 0;
	tx->announced = false;
}

void
transaction_accept_one(struct transaction *tx, size_t recipient)
{
	if (tx->outcomes[recipient].state == OUTCOME_SETTLED)
		return;
	if (tx->outcomes[recipient].state == OUTCOME_NAMED)
		tx->named--;
	tx->outcomes[recipient].state = OUTCOME_ACCEPTED;
}

void
transaction_accept(struct transaction *tx)
{
	for (size_t i = 0; i < tx->envelope->count && tx->named > 0; i++)
		if (tx->outcomes[i].state == OUTCOME_NAMED)
			transaction_accept_one(tx, i);
}

bool
transaction_in_doubt(const struct transaction *tx)
{
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_FAILED && tx->outcomes[i].err.in_doubt)
			return true;
	return false;
}

int64_t
transaction_hold_until_s(const struct transaction *tx, int64_t now_ms)
{
	const struct requests *r = &tx->requests;

	if (r->hold_until_s > 0)
		return r->hold_until_s > now_ms / 1000 ? r->hold_until_s : 0;
	if (r->hold_for_s == 0)
		return 0;
	return now_ms / 1000 +
	    (r->hold_for_s < EHLO_SECONDS_MAX ? r->hold_for_s : EHLO_SECONDS_MAX);
}

int64_t
transaction_time_left_s(const struct transaction *tx, int64_t now_ms)
{
	int64_t now_s = now_ms / 1000, hold_until_s = transaction_hold_until_s(tx, now_ms);
	int64_t left = tx->requests.deliver_by_s < EHLO_SECONDS_MAX ? tx->requests.deliver_by_s :
								      EHLO_SECONDS_MAX;

	/* A clock that was set back has taken no time. */
	if (tx->begin_ms > 0 && tx->begin_ms < now_ms)
		left -= (now_ms - tx->begin_ms) / 1000;
	if (hold_until_s > 0)
		left += hold_until_s - now_s;
	if (left > EHLO_SECONDS_MAX)
		return EHLO_SECONDS_MAX;
	return left > -EHLO_SECONDS_MAX ? left : -EHLO_SECONDS_MAX;
}

int
transaction_check_time(const struct transaction *tx, int64_t now_ms, struct err *err)
{
	const struct requests *r = &tx->requests;

	if (r->deliver_by_s == 0 || !r->deliver_by_return ||
	    transaction_time_left_s(tx, now_ms) > 0)
		return 0;
	err_set(err, ERR_MESSAGE,
	    "it was to be delivered within %lld seconds, which are over (deliver_by)",
	    r->deliver_by_s);
	memcpy(err->enhanced, "5.4.7", sizeof("5.4.7"));
	return -1;
}

size_t
transaction_count(const struct transaction *tx, enum outcome_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < tx->envelope->count; i++)
		n += tx->outcomes[i].state == state;
	return n;
}
