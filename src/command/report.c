/* SPDX-License-Identifier: ISC */
#include "command/report.h"

#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "command/view.h"

enum { NAMED_MAX = 20 }; /* addresses in one line of the log */

static void
print_lines(FILE *out, const char *label, const struct buf *text)
{
	struct span rest = { text->data, text->len };

	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		fprintf(out, "  %s: %.*s\n", label, (int)line.len, line.data);
	}
}

void
report_error(FILE *out, const char *account, const struct err *err)
{
	struct buf what = BUF_INIT(5 * ERR_TEXT_MAX), shown = BUF_INIT(5 * ERR_TEXT_MAX);
	const char *hint = err_hint_text(err);

	text_printable(&what, (struct span){ err->what.data, err->what.len }, false);
	fputs("sendoff: ", out);
	if (account != NULL && err->peer.len > 0)
		fprintf(out, "%s (%s): ", account, err->peer.data);
	else if (account != NULL)
		fprintf(out, "%s: ", account);
	fprintf(out, "%s\n", what.data);
	print_lines(out, "server", &err->reply);
	if (hint != NULL) {
		text_printable(&shown, span_of(hint), false);
		fprintf(out, "  hint: %s\n", shown.data);
	}
	buf_release(&what);
	buf_release(&shown);
}

/*
 * The addresses of that fate, with the words before them, separated by ", "; nothing where there
 * are none.
 */
static void
print_addresses(FILE *out, const char *words, const struct delivery *d, enum outcome_state state,
    bool in_doubt)
{
	for (size_t i = 0; i < d->tx.envelope->count; i++) {
		const struct outcome *outcome = &d->tx.outcomes[i];

		if (outcome->state != state || outcome->err.in_doubt != in_doubt)
			continue;
		fprintf(out, "%s%s", words, d->tx.envelope->recipients[i].address);
		words = ", ";
	}
}

static bool
any_in_doubt(const struct delivery *d)
{
	for (size_t i = 0; i < d->tx.envelope->count; i++)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED && d->tx.outcomes[i].err.in_doubt)
			return true;
	return false;
}

/* The server cannot hold the message until its time. */
static bool
cannot_hold(const struct delivery *d)
{
	return delivery_verdict(d) == ERR_HOLD;
}

static void
print_fate(FILE *out, const struct delivery *d)
{
	if (transaction_count(&d->tx, OUTCOME_ACCEPTED) > 0) {
		print_addresses(out, "  message: sent to ", d, OUTCOME_ACCEPTED, false);
		print_addresses(out, "; not sent to ", d, OUTCOME_FAILED, false);
		print_addresses(out,
		    "; in doubt (no clear answer came after the whole message) for ", d,
		    OUTCOME_FAILED, true);
		fputc('\n', out);
	} else if (any_in_doubt(d)) {
		fputs(
		    "  message: in doubt: no clear answer came after the whole message, so that it may have been delivered; "
		    "sending it again may deliver it twice\n",
		    out);
	} else if (err_is_temporary(delivery_verdict(d)) && !cannot_hold(d)) {
		fputs("  message: not sent and not queued: send it again later\n", out);
	} else {
		fputs("  message: not sent\n", out);
	}
}

/* It is in the queue because it was to be, or because the server cannot hold it: until when. */
static void
print_kept(FILE *out, const struct submission *s)
{
	struct buf when = BUF_INIT(64);

	view_time(s->item.not_before_ms, &when);
	if (s->hold)
		fprintf(out, "queued as %s, and held until: sendoff queue release %s\n", s->item.id,
		    s->item.id);
	else
		fprintf(out,
		    "queued as %s, to be sent at %s%s; it needs a run of the queue then: the runner waits for it\n",
		    s->item.id, when.data, s->tried ? ": the server cannot hold it" : "");
	buf_release(&when);
}

/* The message is in the queue: where to look, and when it goes on. */
static void
print_queued(FILE *out, const struct submission *s)
{
	char when[32] = "soon";
	time_t next = (time_t)(s->item.next_ms / 1000);
	struct tm local;

	if (s->tried && transaction_count(&s->delivery.tx, OUTCOME_ACCEPTED) > 0) {
		print_addresses(out, "  message: sent to ", &s->delivery, OUTCOME_ACCEPTED, false);
		fputc('\n', out);
	}
	if (s->hold || s->item.not_before_ms > 0) {
		print_kept(out, s);
		return;
	}
	if (s->item.next_ms > 0 && localtime_r(&next, &local) != NULL)
		strftime(when, sizeof(when), "%H:%M", &local);
	fprintf(out, "  message: queued as %s (next try %s): sendoff queue show %s\n", s->item.id,
	    when, s->item.id);
}

/* Whole sessions fail for everybody in the same words: those are said once. */
static bool
said_before(const struct delivery *d, size_t recipient)
{
	const struct err *err = &d->tx.outcomes[recipient].err;

	for (size_t i = recipient; i-- > 0;)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED)
			return strcmp(d->tx.outcomes[i].err.what.data, err->what.data) == 0;
	return false;
}

/* All is well: the server's words, on one line; and until when it holds the message. */
static void
print_success(FILE *out, const struct submission *s)
{
	struct span rest = { s->delivery.tx.acceptance.data, s->delivery.tx.acceptance.len };
	struct buf held = BUF_INIT(64);
	size_t count = s->envelope->count;

	if (count == 1)
		fprintf(out, "sent to %s:", s->envelope->recipients[0].address);
	else
		fprintf(out, "sent to %zu recipients:", count);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		fprintf(out, " %.*s", (int)line.len, line.data);
	}
	view_time(s->delivery.tx.held_until_s * 1000, &held);
	if (s->delivery.tx.held_until_s > 0)
		fprintf(out, "; the server holds it until %s", held.data);
	fputc('\n', out);
	buf_release(&held);
}

void
report_submission(FILE *out, const struct account *account, const struct submission *s)
{
	const struct delivery *d = &s->delivery;

	if (s->fate == FATE_SENT) {
		print_success(out, s);
		return;
	}
	/* Where the server cannot hold the message, and so it waits here, nothing has failed. */
	if (s->tried && !(s->queued && cannot_hold(d)))
		for (size_t i = 0; i < s->envelope->count; i++)
			if (d->tx.outcomes[i].state == OUTCOME_FAILED && !said_before(d, i))
				report_error(out, account->name, &d->tx.outcomes[i].err);
	if (s->fate == FATE_UNSENT && s->queue_err.what.len > 0)
		report_error(out, NULL, &s->queue_err);
	if (s->queued && s->fate == FATE_REFUSED)
		fprintf(out, "  message: not sent; a notice about it goes out as %s\n", s->item.id);
	else if (s->queued)
		print_queued(out, s);
	else
		print_fate(out, &s->delivery);
}

static void
log_recipients(struct buf *line, const struct envelope *envelope)
{
	struct buf names = BUF_INIT(LOG_FIELD_MAX);

	for (size_t i = 0; i < envelope->count && i < NAMED_MAX; i++) {
		if (names.len + strlen(envelope->recipients[i].address) + 1 > names.max)
			break;
		buf_addf(&names, "%s%s", i > 0 ? "," : "", envelope->recipients[i].address);
	}
	log_field(line, "to", names.data);
	log_number(line, "recipients", (long long)envelope->count);
	buf_release(&names);
}

/* The failure that speaks for the delivery; NULL where all is well. */
static const struct err *
main_error(const struct delivery *d)
{
	enum err_kind verdict = delivery_verdict(d);

	for (size_t i = 0; i < d->tx.envelope->count; i++)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED &&
		    d->tx.outcomes[i].err.kind == verdict)
			return &d->tx.outcomes[i].err;
	return NULL;
}

static void
log_failure(struct buf *line, const struct err *err)
{
	log_field(line, "error", err_name(err->kind));
	log_field(line, "text", err->what.data);
	if (err->reply_code != 0) {
		log_number(line, "code", err->reply_code);
		log_field(line, "refusal", err->reply.data);
	}
	if (err->in_doubt)
		log_field(line, "in_doubt", "yes");
}

static const char *
result_word(const struct delivery *d)
{
	size_t accepted = transaction_count(&d->tx, OUTCOME_ACCEPTED);

	if (accepted == d->tx.envelope->count)
		return "sent";
	if (accepted > 0)
		return "partly";
	return err_is_temporary(delivery_verdict(d)) ? "later" : "failed";
}

static void
log_message(struct buf *line, const struct account *account, const struct envelope *envelope,
    const struct message *message)
{
	struct buf id = BUF_INIT(1000);

	message_id(message, &id);
	log_field(line, "msgid", id.data);
	log_field(line, "from", envelope->sender);
	log_recipients(line, envelope);
	log_field(line, "account", account->name);
	buf_release(&id);
}

static void
log_acceptance(struct buf *line, const struct delivery *d)
{
	struct buf when = BUF_INIT(64);

	log_field(line, "reply", d->tx.acceptance.data);
	view_time(d->tx.held_until_s * 1000, &when);
	if (d->tx.held_until_s > 0)
		log_field(line, "held_until", when.data);
	buf_release(&when);
}

static void
log_delivery(struct buf *line, const struct delivery *d)
{
	const struct err *err = main_error(d);

	log_field(line, "server", d->server.data);
	log_field(line, "tls", d->tls.len > 0 ? d->tls.data : "none");
	log_field(line, "auth", d->mechanism.len > 0 ? d->mechanism.data : "none");
	if (d->policy.before.len > 0)
		log_field(line, "rewritten", d->policy.before.data);
	log_number(line, "size", (long long)message_size(d->tx.message));
	log_number(line, "delay_ms", (long long)d->elapsed_ms);
	if (transaction_count(&d->tx, OUTCOME_ACCEPTED) > 0)
		log_acceptance(line, d);
	if (err != NULL)
		log_failure(line, err);
}

/* Writes the line where the account wants it. */
static void
log_line(const struct account *account, int priority, const struct buf *line)
{
	struct err err;

	if (account->syslog)
		log_syslog(priority, line->data);
	if (account->log_file == NULL)
		return;
	err_init(&err);
	if (log_file(account->log_file, line->data, &err) < 0) {
		/*
		 * Told on a terminal alone: the message goes its way all the same, and some callers
		 * take any octet for a failure.
		 */
		report_log_error(&err);
		if (isatty(STDERR_FILENO))
			report_error(stderr, NULL, &err);
	}
	err_release(&err);
}

static const char *
submission_word(const struct submission *s)
{
	switch (s->fate) {
	case FATE_SENT:
		return "sent";
	case FATE_QUEUED:
		return s->tried && transaction_count(&s->delivery.tx, OUTCOME_ACCEPTED) > 0 ?
		    "partly" :
		    "queued";
	default:
		return s->tried ? result_word(&s->delivery) : "failed";
	}
}

/* What only the person who runs this can mend shall be seen, though the message is safe. */
static int
submission_priority(const struct submission *s)
{
	if (s->fate == FATE_SENT || !s->tried)
		return LOG_INFO;
	return s->fate == FATE_QUEUED && err_is_temporary(delivery_verdict(&s->delivery)) ?
	    LOG_NOTICE :
	    LOG_ERR;
}

void
report_log_submission(const struct account *account, const struct submission *s)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);

	log_field(&line, "result", submission_word(s));
	if (s->queued)
		log_field(&line, "queue", s->item.id);
	log_message(&line, account, s->envelope, s->message);
	if (s->fate == FATE_REFUSED || s->fate == FATE_UNSENT)
		log_number(&line, "exit", err_exit_status(delivery_verdict(&s->delivery)));
	if (s->tried)
		log_delivery(&line, &s->delivery);
	log_line(account, submission_priority(s), &line);
	buf_release(&line);
}

static const char *
notice_word(enum notice notice)
{
	return notice == NOTICE_FAILED ? "failed" :
	    notice == NOTICE_DELAYED   ? "delayed" :
					 "relayed";
}

void
report_attempt(void *arg, const struct attempt *attempt)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);
	const struct item *item = attempt->item;
	bool well = attempt->delivery != NULL && delivery_verdict(attempt->delivery) == ERR_NONE;

	(void)arg;
	if (attempt->account == NULL || attempt->delivery == NULL) {
		report_trouble(NULL, item->id, attempt->err);
		return;
	}
	log_field(&line, "result", result_word(attempt->delivery));
	log_field(&line, "queue", item->id);
	if (attempt->notice != NOTICE_NONE)
		log_field(&line, "notice", notice_word(attempt->notice));
	if (attempt->repeats)
		log_field(&line, "possible_duplicate", "yes");
	log_message(&line, attempt->account, attempt->delivery->tx.envelope,
	    attempt->delivery->tx.message);
	log_delivery(&line, attempt->delivery);
	log_line(attempt->account, well ? LOG_INFO : LOG_NOTICE, &line);
	buf_release(&line);
}

void
report_trouble(void *arg, const char *name, const struct err *err)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);

	(void)arg;
	log_field(&line, "result", "failed");
	log_field(&line, "queue", name);
	log_failure(&line, err);
	log_syslog(LOG_ERR, line.data);
	buf_release(&line);
}

void
report_log_error(const struct err *err)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);

	log_field(&line, "result", "failed");
	log_number(&line, "exit", err_exit_status(err->kind));
	log_failure(&line, err);
	log_syslog(LOG_ERR, line.data);
	buf_release(&line);
}

void
report_log_saved(const struct err *err)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);

	log_field(&line, "result", "saved");
	log_field(&line, "text", err->what.data);
	log_syslog(LOG_ERR, line.data);
	buf_release(&line);
}
