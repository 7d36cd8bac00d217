/* SPDX-License-Identifier: ISC */
#include "smtp/check.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "format/domain.h"
#include "smtp/wire.h"

/* In the measures of file managers; what was attached has grown by a third. */
static void
hint_at_size(uint64_t octets, uint64_t limit, struct err *err)
{
	struct buf size = BUF_INIT(64), most = BUF_INIT(64);

	text_size(&size, octets);
	text_size(&most, limit);
	err_hint(err, "that is %s, with attachments encoded, and the server takes %s: send less, or where to fetch it",
	    size.data, most.data);
	buf_release(&size);
	buf_release(&most);
}

/* Why the server could not take this message as it is; 0 where it can. */
static int
check_message(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	const struct message *m = tx->message;
	uint64_t longest = m->header_line_max > m->body_line_max ? m->header_line_max : m->body_line_max;

	if (s->offers.size && s->offers.size_max > 0 && message_size(m) > s->offers.size_max) {
		err_set(err, ERR_MESSAGE, "the message has %" PRIu64 " octets, and the server takes %" PRIu64,
		    message_size(m), s->offers.size_max);
		hint_at_size(message_size(m), s->offers.size_max, err);
		memcpy(err->enhanced, "5.3.4", sizeof("5.3.4"));
		return -1;
	}
	if ((m->header_8bit || m->body_8bit) && !s->offers.eightbitmime)
		return err_set(err, ERR_MESSAGE, "the message has 8-bit text, and the server takes only 7-bit (no 8BITMIME)");
	if (m->body_nul)
		return err_set(err, ERR_MESSAGE, "the message has NUL octets, which cannot be sent");
	if (longest > MESSAGE_LINE_MAX)
		return err_set(err, ERR_MESSAGE, "the message has a line of %" PRIu64 " octets, and SMTP carries %d", longest,
		    MESSAGE_LINE_MAX);
	return 0;
}

/* SMTPUTF8 is needed by the local part of an address alone, or by an address in the header, which we do not change. */
static bool
needs_utf8(const struct transaction *tx)
{
	const struct envelope *e = tx->envelope;
	bool needs = span_has_8bit(mailbox_local(e->sender)) || message_has_utf8_addresses(tx->message);

	for (size_t i = 0; i < e->count && !needs; i++)
		needs = tx->outcomes[i].state != OUTCOME_SETTLED && span_has_8bit(mailbox_local(e->recipients[i].address));
	return needs;
}

static int
check_domain(const char *address, struct err *err)
{
	struct buf ascii = BUF_INIT(1024);
	const char *domain = mailbox_domain(address);
	int result = domain != NULL && span_has_8bit(span_of(domain)) ? domain_to_ascii(domain, &ascii, err) : 0;

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
	err_set(err, ERR_ADDRESS, "an address of the message is not in ASCII, and the server cannot take it (no SMTPUTF8)");
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
			err_set(err, ERR_SERVICE, "require_tls is set, and the server cannot promise it (no REQUIRETLS)");
		else
			err_set(err, ERR_SERVICE, "require_tls is set, and this connection is not verified TLS");
		memcpy(err->enhanced, "5.7.30", sizeof("5.7.30"));
		return -1;
	}
	if (r->deliver_by_s > 0 && r->deliver_by_return && !s->offers.deliver_by)
		return err_set(err, ERR_SERVICE, "deliver_by is set, and the server cannot promise it (no DELIVERBY)");
	if (r->hold_for_s > 0 && !s->offers.future_release)
		return err_set(err, ERR_SERVICE, "the server cannot hold the message (no FUTURERELEASE)");
	return 0;
}

int
smtp_check(const struct smtp *s, struct transaction *tx, struct err *err)
{
	if (check_message(s, tx, err) == 0 && check_addresses(s, tx, err) == 0 && check_requests(s, tx, err) == 0)
		return 0;
	smtp_place(s, VERB_MAIL, err);
	return -1;
}
