/* SPDX-License-Identifier: ISC */
#include "smtp/lines.h"

#include <string.h>

#include "base/clock.h"
#include "format/command.h"
#include "format/domain.h"
#include "smtp/wire.h"

enum { PATH_MAX_LEN = 1024 }; /* octets of a mailbox with A-labels */

/* The path between < and >: as it is, or with A-labels in `text` where SMTPUTF8 is not in use. */
static struct span
path_of(const struct transaction *tx, const char *address, struct buf *text)
{
	const char *domain = mailbox_domain(address);
	struct err ignored;

	if (tx->utf8 || domain == NULL || !span_has_8bit(span_of(domain)))
		return span_of(address);
	buf_add(text, address, (size_t)(domain - address));
	err_init(&ignored);
	/* That it can be done was seen by smtp_check(). */
	domain_to_ascii(domain, text, &ignored);
	err_release(&ignored);
	return (struct span){ text->data, text->len };
}

/*
 * What the sender asked for, as far as the server offers it; smtp_check() has seen to what must be
 * offered.
 */
static void
set_requests(const struct smtp *s, struct transaction *tx, struct mail_command *mail)
{
	const struct requests *r = &tx->requests;
	int64_t now_ms = clock_wall_ms();

	mail->require_tls = r->require_tls;
	mail->has_priority = r->has_priority && s->offers.mt_priority;
	mail->priority = r->priority;
	mail->has_by = r->deliver_by_s > 0 && s->offers.deliver_by;
	mail->by_return = r->deliver_by_return;
	mail->by_s = transaction_time_left_s(tx, now_ms);
	/*
	 * Since it was checked, the time may have come to its end; mode R has no 0 (RFC 2852
	 * section 4).
	 */
	if (mail->by_return && mail->by_s <= 0)
		mail->by_s = 1;
	tx->held_until_s = transaction_hold_until_s(tx, now_ms);
	if (r->hold_until_s > 0)
		mail->hold_until_s = tx->held_until_s;
	else if (tx->held_until_s > 0)
		mail->hold_for_s = r->hold_for_s;
}

void
smtp_queue_mail(struct smtp *s, struct transaction *tx)
{
	const struct message *m = tx->message;
	const struct envelope *e = tx->envelope;
	struct buf line = BUF_INIT(STREAM_INPUT_MAX), ascii = BUF_INIT(PATH_MAX_LEN);
	bool has_8bit = m->header_8bit || m->body_8bit;
	struct mail_command mail = {
		.path = path_of(tx, e->sender, &ascii),
		.has_size = s->offers.size,
		.size = message_size(m),
		.body = s->offers.eightbitmime && has_8bit ? BODY_8BITMIME : BODY_UNSAID,
		.utf8 = tx->utf8,
		.ret = s->offers.dsn ? e->ret : RETURN_DEFAULT,
	};

	if (s->offers.dsn && e->envid != NULL)
		mail.envid = span_of(e->envid);
	set_requests(s, tx, &mail);
	command_add_mail(&line, &mail);
	smtp_line(s, VERB_MAIL, tx, EVERY_RECIPIENT, &line);
	buf_release(&line);
	buf_release(&ascii);
	s->mails++;
}

void
smtp_queue_rcpt(struct smtp *s, struct transaction *tx, size_t recipient)
{
	const struct recipient *to = &tx->envelope->recipients[recipient];
	struct buf line = BUF_INIT(STREAM_INPUT_MAX), ascii = BUF_INIT(PATH_MAX_LEN);
	struct rcpt_command rcpt = { .path = path_of(tx, to->address, &ascii) };

	if (s->offers.dsn)
		rcpt.notify = to->notify;
	/* The original recipient (RFC 3461 section 4.2) is at submission the one that is named. */
	if (s->offers.dsn && to->orcpt != NULL) {
		rcpt.orcpt_type = span_of(to->orcpt_type);
		rcpt.orcpt = span_of(to->orcpt);
	} else if (rcpt.notify != 0) {
		rcpt.orcpt_type = span_of(span_has_8bit(rcpt.path) ? "utf-8" : "rfc822");
		rcpt.orcpt = rcpt.path;
	}
	command_add_rcpt(&line, &rcpt, tx->utf8);
	smtp_line(s, VERB_RCPT, tx, recipient, &line);
	tx->outcomes[recipient].state = OUTCOME_TRIED;
	buf_release(&line);
	buf_release(&ascii);
}
