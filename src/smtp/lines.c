/* SPDX-License-Identifier: ISC */
#include "smtp/lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "format/codec.h"
#include "format/date.h"
#include "format/domain.h"
#include "smtp/wire.h"

/* The path between < and >: as it is, or with A-labels where SMTPUTF8 is not in use. */
static void
add_path(const struct transaction *tx, const char *address, struct buf *line)
{
	const char *domain = mailbox_domain(address);
	struct err ignored;

	if (tx->utf8 || domain == NULL || !span_has_8bit(span_of(domain))) {
		buf_adds(line, address);
		return;
	}
	buf_add(line, address, (size_t)(domain - address));
	err_init(&ignored);
	/* That it can be done was seen by smtp_check(). */
	domain_to_ascii(domain, line, &ignored);
	err_release(&ignored);
}

/* For how long, or until when: RFC 4865 section 3 has no both. */
static void
add_hold(struct transaction *tx, int64_t now_ms, struct buf *line)
{
	tx->held_until_s = transaction_hold_until_s(tx, now_ms);
	if (tx->held_until_s == 0)
		return;
	if (tx->requests.hold_until_s == 0) {
		buf_addf(line, " HOLDFOR=%lld", tx->requests.hold_for_s);
	} else {
		buf_adds(line, " HOLDUNTIL=");
		date_add_utc(line, tx->held_until_s);
	}
}

/* Since it was checked, the time may have come to its end; mode R has no 0 (RFC 2852 section 4). */
static void
add_deliver_by(const struct transaction *tx, int64_t now_ms, struct buf *line)
{
	int64_t left_s = transaction_time_left_s(tx, now_ms);

	if (tx->requests.deliver_by_return)
		buf_addf(line, " BY=%" PRId64 ";R", left_s > 0 ? left_s : 1);
	else
		buf_addf(line, " BY=%" PRId64 ";N", left_s);
}

/*
 * What the sender asked for, as far as the server offers it; smtp_check() has seen to what must be
 * offered.
 */
static void
add_requests(const struct smtp *s, struct transaction *tx, struct buf *line)
{
	const struct requests *r = &tx->requests;
	int64_t now_ms = clock_wall_ms();

	if (r->require_tls)
		buf_adds(line, " REQUIRETLS");
	if (r->deliver_by_s > 0 && s->offers.deliver_by)
		add_deliver_by(tx, now_ms, line);
	add_hold(tx, now_ms, line);
	if (r->has_priority && s->offers.mt_priority)
		buf_addf(line, " MT-PRIORITY=%d", r->priority);
}

void
smtp_queue_mail(struct smtp *s, struct transaction *tx)
{
	const struct message *m = tx->message;
	const struct envelope *e = tx->envelope;
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_adds(&line, "MAIL FROM:<");
	add_path(tx, e->sender, &line);
	buf_adds(&line, ">");
	if (s->offers.size)
		buf_addf(&line, " SIZE=%" PRIu64, message_size(m));
	if (s->offers.eightbitmime && (m->header_8bit || m->body_8bit))
		buf_adds(&line, " BODY=8BITMIME");
	if (tx->utf8)
		buf_adds(&line, " SMTPUTF8");
	if (s->offers.dsn && e->ret != RETURN_DEFAULT)
		buf_addf(&line, " RET=%s", e->ret == RETURN_FULL ? "FULL" : "HDRS");
	if (s->offers.dsn && e->envid != NULL)
		buf_addf(&line, " ENVID=%s", e->envid);
	add_requests(s, tx, &line);
	smtp_command(s, VERB_MAIL, tx, EVERY_RECIPIENT, "%s", line.data);
	buf_release(&line);
	s->mails++;
}

static void
add_notify(struct buf *line, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{ NOTIFY_NEVER, "NEVER" },
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_addf(line, "%s%s", before, words[i].word);
		before = ",";
	}
}

/* The original recipient (RFC 3461 section 4.2); at submission the one that RCPT names. */
static void
add_orcpt(const struct transaction *tx, const struct recipient *recipient, struct buf *line)
{
	struct buf own = BUF_INIT(1024);
	const char *type = recipient->orcpt_type, *address = recipient->orcpt;

	if (address == NULL) {
		add_path(tx, recipient->address, &own);
		type = span_has_8bit((struct span){ own.data, own.len }) ? "utf-8" : "rfc822";
		address = own.data;
	}
	buf_addf(line, " ORCPT=%s;", type);
	if (span_is_nocase(span_of(type), "utf-8"))
		utf8_xtext_add(line, span_of(address), !tx->utf8);
	else
		xtext_add(line, span_of(address));
	buf_release(&own);
}

void
smtp_queue_rcpt(struct smtp *s, struct transaction *tx, size_t recipient)
{
	const struct recipient *to = &tx->envelope->recipients[recipient];
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_adds(&line, "RCPT TO:<");
	add_path(tx, to->address, &line);
	buf_addc(&line, '>');
	if (s->offers.dsn)
		add_notify(&line, to->notify);
	if (s->offers.dsn && (to->notify != 0 || to->orcpt != NULL))
		add_orcpt(tx, to, &line);
	smtp_line(s, VERB_RCPT, tx, recipient, &line);
	tx->outcomes[recipient].state = OUTCOME_TRIED;
	buf_release(&line);
}
