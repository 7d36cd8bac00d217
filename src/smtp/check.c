/* SPDX-License-Identifier: ISC */
#include "smtp/check.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "format/date.h"
#include "format/domain.h"
#include "smtp/wire.h"

/* In the measures of file managers; what was attached has grown by a third. */
static void
hint_at_size(uint64_t octets, uint64_t limit, struct err *err)
{
	struct buf size = BUF_INIT(64), most = BUF_INIT(64);

	text_size(&size, octets);
	text_size(&most, limit);
	err_hint(err,
	    "that is %s, with attachments encoded, and the server takes %s: send less, or where to fetch it",
	    size.data, most.data);
	buf_release(&size);
	buf_release(&most);
}

/* Why the server could not take this message as it is; 0 where it can. */
static int
check_message(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	const struct message *m = tx->message;
	uint64_t longest = m->header_line_max > m->body_line_max ? m->header_line_max :
								   m->body_line_max;

	if (s->offers.size && s->offers.size_max > 0 && message_size(m) > s->offers.size_max) {
		err_set(err, ERR_MESSAGE,
		    "the message has %" PRIu64 " octets, and the server takes %" PRIu64,
		    message_size(m), s->offers.size_max);
		hint_at_size(message_size(m), s->offers.size_max, err);
		memcpy(err->enhanced, "5.3.4", sizeof("5.3.4"));
		return -1;
	}
	if ((m->header_8bit || m->body_8bit) && !s->offers.eightbitmime)
		return err_set(err, ERR_MESSAGE,
		    "the message has 8-bit text, and the server takes only 7-bit (no 8BITMIME)");
	if (m->body_nul)
		return err_set(err, ERR_MESSAGE,
		    "the message has NUL octets, which cannot be sent");
	if (longest > MESSAGE_LINE_MAX)
		return err_set(err, ERR_MESSAGE,
		    "the message has a line of %" PRIu64 " octets, and SMTP carries %d", longest,
		    MESSAGE_LINE_MAX);
	return 0;
}

/*
 * SMTPUTF8 is needed by the local part of an address alone, or by an address in the header that is
 * left: domains have become ASCII where they could (message/convert.h).
 */
static bool
needs_utf8(const struct transaction *tx)
{
	const struct envelope *e = tx->envelope;
	bool needs = span_has_8bit(mailbox_local(e->sender)) ||
	    message_has_utf8_addresses(tx->message);

	for (size_t i = 0; i < e->count && !needs; i++)
		needs = tx->outcomes[i].state != OUTCOME_SETTLED &&
		    span_has_8bit(mailbox_local(e->recipients[i].address));
	return needs;
}

static int
check_domain(const char *address, struct err *err)
{
	struct buf ascii = BUF_INIT(1024);
	const char *domain = mailbox_domain(address);
	int result = domain != NULL && span_has_8bit(span_of(domain)) ?
	    domain_to_ascii(domain, &ascii, err) :
	    0;

	buf_release(&ascii);
	return result;
}

/* Decides on SMTPUTF8, and whether all addresses can be written without it. */
static int
check_addresses(const struct smtp *s, struct transaction *tx, struct err *err)
{
	int result = check_domain(tx->envelope->sender, err);

	for (size_t i = 0; i < tx->envelope->count && result == 0; i++)
		if (tx->outcomes[i].state != OUTCOME_SETTLED)
			result = check_domain(tx->envelope->recipients[i].address, err);
	if (result < 0)
		return -1;
	tx->utf8 = needs_utf8(tx);
	if (!tx->utf8 || s->offers.smtputf8)
		return 0;
	err_set(err, ERR_ADDRESS,
	    "an address of the message is not in ASCII, and the server cannot take it (no SMTPUTF8)");
	memcpy(err->enhanced, "5.6.7", sizeof("5.6.7"));
	return -1;
}

/* What was asked for and must not be left out in silence. */
static int
check_requests(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	const struct requests *r = &tx->requests;

	/* RFC 8689 section 4.2.1: our own hop too must be TLS, and the server the one we mean. */
	if (r->require_tls && (!s->offers.requiretls || !s->stream.verified)) {
		if (s->stream.verified)
			err_set(err, ERR_SERVICE,
			    "require_tls is set, and the server cannot promise it (no REQUIRETLS)");
		else
			err_set(err, ERR_SERVICE,
			    "require_tls is set, and this connection is not verified TLS");
		memcpy(err->enhanced, "5.7.30", sizeof("5.7.30"));
		return -1;
	}
	return 0;
}

/* A promise that late mail comes back; to tell of it alone is a wish. */
static int
check_deliver_by(const struct smtp *s, const struct transaction *tx, int64_t now_ms,
    struct err *err)
{
	int64_t left_s = transaction_time_left_s(tx, now_ms);

	if (tx->requests.deliver_by_s == 0 || !tx->requests.deliver_by_return)
		return 0;
	if (transaction_check_time(tx, now_ms, err) < 0)
		return -1;
	if (!s->offers.deliver_by)
		return err_set(err, ERR_SERVICE,
		    "deliver_by is set, and the server cannot promise it (no DELIVERBY)");
	if (left_s >= s->offers.deliver_by_min_s)
		return 0;
	return err_set(err, ERR_SERVICE,
	    "deliver_by leaves %" PRId64 " seconds, and the server promises no less than %" PRId64,
	    left_s, s->offers.deliver_by_min_s);
}

/* Why the server could not hold the message until then; it can wait here, too. */
static int
refuse_hold(const struct smtp *s, int64_t until_s, int64_t now_s, struct err *err)
{
	struct buf asked = BUF_INIT(64), most = BUF_INIT(64);

	date_add_utc(&asked, until_s);
	if (!s->offers.future_release) {
		err_set(err, ERR_HOLD,
		    "the server cannot hold the message until %s (no FUTURERELEASE)", asked.data);
	} else if (until_s - now_s > s->offers.hold_max_s) {
		err_set(err, ERR_HOLD,
		    "the server cannot hold the message until %s, but for %" PRId64
		    " seconds at most",
		    asked.data, s->offers.hold_max_s);
	} else {
		date_add_utc(&most, s->offers.hold_until_max_s);
		err_set(err, ERR_HOLD,
		    "the server cannot hold the message until %s, but until %s at most", asked.data,
		    most.data);
	}
	buf_release(&asked);
	buf_release(&most);
	return -1;
}

static int
check_hold_until(const struct smtp *s, const struct transaction *tx, int64_t now_ms,
    struct err *err)
{
	int64_t until_s = transaction_hold_until_s(tx, now_ms), now_s = now_ms / 1000;

	if (until_s == 0 ||
	    (s->offers.future_release && until_s - now_s <= s->offers.hold_max_s &&
		until_s <= s->offers.hold_until_max_s))
		return 0;
	return refuse_hold(s, until_s, now_s, err);
}

/*
 * A time that each message is to be held for is the account's wish: a server that cannot is the
 * wrong one.
 */
static int
check_hold_for(const struct smtp *s, const struct transaction *tx, int64_t now_ms, struct err *err)
{
	int64_t until_s = transaction_hold_until_s(tx, now_ms);
	struct buf most = BUF_INIT(64);

	if (until_s == 0)
		return 0;
	if (!s->offers.future_release)
		return err_set(err, ERR_SERVICE,
		    "the server cannot hold the message (no FUTURERELEASE)");
	if (tx->requests.hold_for_s > s->offers.hold_max_s)
		return err_set(err, ERR_SERVICE,
		    "hold_for is %lld seconds, and the server holds messages for %" PRId64
		    " at most",
		    tx->requests.hold_for_s, s->offers.hold_max_s);
	if (until_s <= s->offers.hold_until_max_s)
		return 0;
	date_add_utc(&most, s->offers.hold_until_max_s);
	err_set(err, ERR_SERVICE,
	    "hold_for is %lld seconds, and the server holds messages until %s at most",
	    tx->requests.hold_for_s, most.data);
	buf_release(&most);
	return -1;
}

/* What depends on the time. */
static int
check_times(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	int64_t now_ms = clock_wall_ms();

	if (check_deliver_by(s, tx, now_ms, err) < 0)
		return -1;
	return tx->requests.hold_until_s > 0 ? check_hold_until(s, tx, now_ms, err) :
					       check_hold_for(s, tx, now_ms, err);
}

int
smtp_check(const struct smtp *s, struct transaction *tx, struct err *err)
{
	/* An address that cannot be made ASCII is what 8-bit text is left for. */
	if (check_addresses(s, tx, err) == 0 && check_message(s, tx, err) == 0 &&
	    check_requests(s, tx, err) == 0 && check_times(s, tx, err) == 0)
		return 0;
	smtp_place(s, VERB_MAIL, err);
	return -1;
}
