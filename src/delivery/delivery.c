/* SPDX-License-Identifier: ISC */
#include "delivery/delivery.h"

#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "config/environment.h"
#include "message/convert.h"

/* What the server shall do: as the message wishes, else as the account does. */
static struct requests
requests_of(const struct account *account, const struct envelope *envelope)
{
	struct requests r = envelope->requests;

	r.require_tls = r.require_tls || account->require_tls;
	if (r.deliver_by_s == 0) {
		r.deliver_by_s = account->deliver_by_s;
		r.deliver_by_return = account->deliver_by_return;
	}
	if (!r.has_priority) {
		r.has_priority = account->has_priority;
		r.priority = account->mt_priority;
	}
	if (r.hold_for_s == 0)
		r.hold_for_s = account->hold_for_s;
	return r;
}

/* The account's limit is kept before anyone is asked to take the message. */
static int
check_size(const struct account *account, const struct message *message, struct err *err)
{
	if (account->size_limit == 0 || message_size(message) <= account->size_limit)
		return 0;
	return err_set(err, ERR_MESSAGE,
	    "the message has %llu octets, and the account \"%s\" allows %llu",
	    (unsigned long long)message_size(message), account->name,
	    (unsigned long long)account->size_limit);
}

int
delivery_init(struct delivery *d, const struct account *account, const struct envelope *envelope,
    const struct message *message, struct err *err)
{
	memset(d, 0, sizeof(*d));
	buf_init(&d->server, ERR_TEXT_MAX);
	buf_init(&d->tls, ERR_TEXT_MAX);
	buf_init(&d->mechanism, ERR_TEXT_MAX);
	d->account = account;
	d->began_ms = clock_ms();
	d->envelope = *envelope;
	d->message = *message;
	if (transaction_init(&d->tx, &d->envelope, &d->message, err) < 0)
		return -1;
	if (check_size(account, message, err) < 0 ||
	    policy_apply(&d->policy, account, envelope, message, err) < 0) {
		transaction_fail(&d->tx, err);
		return -1;
	}
	if (d->policy.sender != NULL)
		d->envelope.sender = d->policy.sender;
	if (d->policy.header.len > 0) {
		d->message.header = d->policy.header;
		message_header_facts(&d->message);
	}
	d->tx.requests = requests_of(account, envelope);
	return 0;
}

static void
drop_converted(struct delivery *d)
{
	if (d->form != FORM_ORIGINAL)
		message_release(&d->converted);
	d->form = FORM_ORIGINAL;
}

void
delivery_release(struct delivery *d)
{
	transaction_release(&d->tx);
	drop_converted(d);
	policy_release(&d->policy);
	buf_release(&d->server);
	buf_release(&d->tls);
	buf_release(&d->mechanism);
}

static void
copy(struct buf *to, const struct buf *from)
{
	buf_clear(to);
	buf_add(to, from->data, from->len);
}

static void
note_link(struct delivery *d, const struct link *link)
{
	copy(&d->server, &link->transport.peer);
	copy(&d->tls, &link->transport.tls);
	buf_clear(&d->mechanism);
	buf_adds(&d->mechanism, link->transport.mechanism != NULL ? link->transport.mechanism : "");
	if (link->open) {
		d->account = link->used;
		d->has_dsn = link->transport.offers.dsn;
	}
}

/* Nobody may be left without an outcome: that would pass for success. */
static void
settle(struct delivery *d)
{
	struct err err;

	err_init(&err);
	err_set(&err, ERR_BUG, "a recipient was left without an outcome");
	transaction_fail(&d->tx, &err);
	err_release(&err);
	d->elapsed_ms = clock_ms() - d->began_ms;
}

/* Trying again cannot mend it, where it is said of a message or a recipient. */
static bool
is_for_good(enum err_kind kind)
{
	switch (kind) {
	case ERR_ADDRESS:
	case ERR_MESSAGE:
	case ERR_RECIPIENT_UNKNOWN:
	case ERR_REFUSED:
	case ERR_SERVICE:
		return true;
	default:
		return false;
	}
}

/* Opens the link, and sees who it is. */
static int
reach(struct delivery *d, struct link *link, struct err *err)
{
	int result = link_open(link, err);

	note_link(d, link);
	if (result == 0)
		return 0;
	d->from_session = transaction_count(&d->tx, OUTCOME_FAILED) +
		transaction_count(&d->tx, OUTCOME_ACCEPTED) ==
	    0;
	/* Between two turns, it is no word about those whose turn would have come. */
	if (!d->from_session && is_for_good(err->kind))
		err->kind = ERR_TEMPORARY;
	transaction_fail(&d->tx, err);
	return -1;
}

static int
convert(struct delivery *d, enum delivery_form form, struct err *err)
{
	const struct spool_place place = { .dir = temp_dir() };
	struct message converted;

	message_init(&converted);
	if (message_convert(&d->message, form == FORM_FOR_8BIT, &place, &converted, err) < 0) {
		message_release(&converted);
		if (form == FORM_FOR_7BIT && (d->message.header_8bit || d->message.body_8bit))
			err_hint(err, "the server takes 7-bit text only (no 8BITMIME)");
		return -1;
	}
	drop_converted(d);
	d->converted = converted;
	d->form = form;
	return 0;
}

int
delivery_adapt(struct delivery *d, const struct link *link, struct err *err)
{
	bool eightbit = link->transport.offers.eightbit;
	enum delivery_form form = eightbit ? FORM_FOR_8BIT : FORM_FOR_7BIT;

	if (!convert_is_needed(&d->message, eightbit)) {
		d->tx.message = &d->message;
		return 0;
	}
	if (d->form != form && convert(d, form, err) < 0)
		return -1;
	d->tx.message = &d->converted;
	return 0;
}

size_t
delivery_undecided(const struct delivery *d)
{
	return transaction_count(&d->tx, OUTCOME_PENDING) +
	    transaction_count(&d->tx, OUTCOME_TRIED) + transaction_count(&d->tx, OUTCOME_NAMED);
}

/* Who waits has the error for his outcome; the session is none the worse for it. */
static int
fail_message(struct delivery *d, struct err *err)
{
	transaction_fail(&d->tx, err);
	err_clear(err);
	return 0;
}

/* Turns, over one session or several, until nobody is pending. */
static int
send_turns(struct delivery *d, struct link *link, const struct around *around, struct err *err)
{
	size_t pending;
	int result;

	do {
		pending = delivery_undecided(d);
		/* The server has heard of one that is announced: its time was checked then. */
		if (!d->tx.announced && transaction_check_time(&d->tx, clock_wall_ms(), err) < 0)
			return fail_message(d, err);
		result = reach(d, link, err);
		if (result == 0 && delivery_adapt(d, link, err) < 0)
			return fail_message(d, err);
		if (result == 0) {
			result = transport_send(&link->transport, &d->tx, around, err);
			if (result < 0)
				link_broke(link, err);
		}
		if (result < 0)
			return result;
		link->sent++;
	} while (transaction_count(&d->tx, OUTCOME_PENDING) > 0 &&
	    (transaction_count(&d->tx, OUTCOME_PENDING) < pending ||
		!transport_may_send(&link->transport)));
	if (transaction_count(&d->tx, OUTCOME_PENDING) == 0)
		return 0;
	err_set(err, ERR_TEMPORARY, "the server takes no recipient at all");
	return fail_message(d, err);
}

int
deliver(struct delivery *d, struct link *link, const struct around *around, struct err *err)
{
	int result = send_turns(d, link, around, err);

	settle(d);
	return result;
}

bool
delivery_is_final(const struct delivery *d, size_t recipient)
{
	const struct outcome *outcome = &d->tx.outcomes[recipient];

	return outcome->state == OUTCOME_FAILED && !d->from_session && !outcome->err.in_doubt &&
	    is_for_good(outcome->err.kind);
}

/* The place of a kind among several: the lower speaks first. */
static unsigned
precedence(enum err_kind kind)
{
	static const int order[] = { EX_TEMPFAIL, EX_NOUSER, EX_DATAERR, EX_UNAVAILABLE };
	unsigned i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (err_exit_status(kind) == order[i])
			break;
	return i;
}

enum err_kind
delivery_verdict(const struct delivery *d)
{
	enum err_kind verdict = ERR_NONE;

	for (size_t i = 0; i < d->tx.envelope->count; i++) {
		const struct outcome *outcome = &d->tx.outcomes[i];

		if (outcome->state == OUTCOME_FAILED &&
		    (verdict == ERR_NONE || precedence(outcome->err.kind) < precedence(verdict)))
			verdict = outcome->err.kind;
	}
	return verdict;
}
