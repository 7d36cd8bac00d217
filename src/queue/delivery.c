/* SPDX-License-Identifier: ISC */
#include "queue/delivery.h"

#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "config/secret.h"
#include "net/tls.h"
#include "smtp/session.h"



/* The server could not be used now, another may: nothing of the message has been shown to it. */
static bool
may_try_next(const struct err *err)
{
	switch (err->kind) {
	case ERR_HOST_UNKNOWN:
	case ERR_RESOLVE:
	case ERR_CONNECT:
	case ERR_TIMEOUT:
	case ERR_LOST:
	case ERR_TEMPORARY:
		return true;
	default:
		return false;
	}
}

static void
note_session(struct delivery *d, const struct smtp *s)
{
	buf_clear(&d->server);
	buf_add(&d->server, s->stream.peer.data, s->stream.peer.len);
	buf_clear(&d->tls);
	tls_describe(&s->stream, &d->tls);
	d->mechanism = s->mechanism;
}

/* Opens a session with the first server that can be used.  The caller closes s either way. */
static int
open_any(struct delivery *d, struct smtp *s, const struct account *account, const struct buf *secret,
    const struct stream_watch *watch, struct err *err)
{
	int result = -1;

	for (size_t i = 0; i < account->server_count; i++) {
		if (i > 0)
			smtp_close(s);
		result = smtp_open(s, account, &account->servers[i], secret, watch, err);
		note_session(d, s);
		if (result == 0 || !may_try_next(err))
			break;
	}
	return result;
}

/* Turns over one session until nobody is pending, or the session can take no more. */
static int
send_turns(struct delivery *d, struct smtp *s, struct err *err)
{
	const struct around around = { .last = true };
	int result;

	do {
		size_t pending = transaction_count(&d->tx, OUTCOME_PENDING);

		result = smtp_send(s, &d->tx, &around, err);
		if (result == 0 && transaction_count(&d->tx, OUTCOME_PENDING) == pending)
			return err_set(err, ERR_TEMPORARY, "the server takes no recipient at all");
	} while (result == 0 && transaction_count(&d->tx, OUTCOME_PENDING) > 0 && smtp_may_send(s));
	return result;
}

static int
send_over(struct delivery *d, const struct account *account, const struct buf *secret, const struct stream_watch *watch,
    struct err *err)
{
	struct smtp s;
	int result;

	do {
		memset(&s, 0, sizeof(s));
		result = open_any(d, &s, account, secret, watch, err);
		if (result == 0)
			result = send_turns(d, &s, err);
		if (account->server_count > 0)
			smtp_close(&s);
	} while (result == 0 && transaction_count(&d->tx, OUTCOME_PENDING) > 0);
	return result;
}

/* A token may have been withdrawn before its time: the command gets one chance to bring another. */
static int
send_with_new_token(struct delivery *d, const struct account *account, struct buf *secret,
    const struct stream_watch *watch, struct err *err)
{
	struct buf again = BUF_INIT_SECRET(SECRET_MAX);
	struct err ignored;
	int result = -1;

	err_init(&ignored);
	if (account_new_token(account, &again, &ignored) == 0 && strcmp(again.data, secret->data) != 0) {
		err_clear(err);
		result = send_over(d, account, &again, watch, err);
	}
	err_release(&ignored);
	buf_release(&again);
	return result;
}

static int
send_all(struct delivery *d, const struct account *account, struct buf *secret, const struct stream_watch *watch,
    struct err *err)
{
	int result = send_over(d, account, secret, watch, err);

	if (result < 0 && err->kind == ERR_LOGIN && err->reply_code / 100 == 5 && account->secret_source == SECRET_TOKEN)
		result = send_with_new_token(d, account, secret, watch, err);
	return result;
}

/* The account's wishes for what the server shall do. */
static struct requests
requests_of(const struct account *account)
{
	return (struct requests){
		.require_tls = account->require_tls,
		.deliver_by_s = account->deliver_by_s,
		.deliver_by_return = account->deliver_by_return,
		.has_priority = account->has_priority,
		.priority = account->mt_priority,
		.hold_for_s = account->hold_for_s,
	};
}

/* The account's limit is kept before anyone is asked to take the message. */
static int
check_size(const struct account *account, const struct message *message, struct err *err)
{
	if (account->size_limit == 0 || message_size(message) <= account->size_limit)
		return 0;
	return err_set(err, ERR_MESSAGE, "the message has %llu octets, and the account \"%s\" allows %llu",
	    (unsigned long long)message_size(message), account->name, (unsigned long long)account->size_limit);
}

static int
get_secret(const struct account *account, struct buf *secret, struct err *err)
{
	if (account->user == NULL || account->auth_off ||
	    (account->secret_source == SECRET_NONE && (account->tls_cert_file != NULL || account->auth.count > 0)))
		return 0;
	return account_secret(account, secret, err);
}

/* Nobody may be left without an outcome: that would pass for success. */
static void
settle(struct transaction *tx, struct err *err)
{
	err_set(err, ERR_BUG, "a recipient was left without an outcome");
	transaction_fail(tx, err);
}

static void
run(struct delivery *d, const struct account *account, const struct stream_watch *watch)
{
	struct buf secret = BUF_INIT_SECRET(SECRET_MAX);
	struct err err;

	err_init(&err);
	d->tx.requests = requests_of(account);
	if (check_size(account, d->tx.message, &err) < 0 || get_secret(account, &secret, &err) < 0 ||
	    send_all(d, account, &secret, watch, &err) < 0)
		transaction_fail(&d->tx, &err);
	settle(&d->tx, &err);
	buf_release(&secret);
	err_release(&err);
}

int
deliver(struct delivery *d, const struct account *account, const struct envelope *envelope,
    const struct message *message, const struct stream_watch *watch, struct err *err)
{
	int64_t began = clock_ms();

	memset(d, 0, sizeof(*d));
	buf_init(&d->server, ERR_TEXT_MAX);
	buf_init(&d->tls, ERR_TEXT_MAX);
	if (transaction_init(&d->tx, envelope, message, err) < 0)
		return -1;
	run(d, account, watch);
	d->elapsed_ms = clock_ms() - began;
	return delivery_verdict(d) == ERR_NONE ? 0 : -1;
}

void
delivery_release(struct delivery *d)
{
	transaction_release(&d->tx);
	buf_release(&d->server);
	buf_release(&d->tls);
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
