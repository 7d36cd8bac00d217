/* SPDX-License-Identifier: ISC */
#include "command/report.h"

#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "base/text.h"

enum { NAMED_MAX = 20 };	/* addresses in one line of the log */

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

/* The addresses of that fate, with the words before them, separated by ", "; nothing where there are none. */
static void
print_addresses(FILE *out, const char *words, const struct delivery *d, enum outcome_state state, bool in_doubt)
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

static void
print_fate(FILE *out, const struct delivery *d)
{
	if (transaction_count(&d->tx, OUTCOME_ACCEPTED) > 0) {
		print_addresses(out, "  message: sent to ", d, OUTCOME_ACCEPTED, false);
		print_addresses(out, "; not sent to ", d, OUTCOME_FAILED, false);
		print_addresses(out, "; in doubt (no clear answer came after the whole message) for ", d, OUTCOME_FAILED, true);
		fputc('\n', out);
	} else if (any_in_doubt(d)) {
		fputs("  message: in doubt: no clear answer came after the whole message, so that it may have been delivered; "
		    "sending it again may deliver it twice\n", out);
	} else if (err_is_temporary(delivery_verdict(d))) {
		fputs("  message: not sent and not queued: send it again later\n", out);
	} else {
		fputs("  message: not sent\n", out);
	}
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

void
report_delivery(FILE *out, const struct account *account, const struct delivery *d)
{
	for (size_t i = 0; i < d->tx.envelope->count; i++)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED && !said_before(d, i))
			report_error(out, account->name, &d->tx.outcomes[i].err);
	print_fate(out, d);
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
		if (d->tx.outcomes[i].state == OUTCOME_FAILED && d->tx.outcomes[i].err.kind == verdict)
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
log_delivery(struct buf *line, const struct account *account, const struct delivery *d)
{
	const struct err *err = main_error(d);
	struct buf id = BUF_INIT(1000);

	log_field(line, "result", result_word(d));
	message_id(d->tx.message, &id);
	log_field(line, "msgid", id.data);
	log_field(line, "from", d->tx.envelope->sender);
	log_recipients(line, d->tx.envelope);
	log_field(line, "account", account->name);
	log_field(line, "server", d->server.data);
	log_field(line, "tls", d->tls.len > 0 ? d->tls.data : "none");
	log_field(line, "auth", d->mechanism != NULL ? d->mechanism : "none");
	log_number(line, "size", (long long)message_size(d->tx.message));
	log_number(line, "delay_ms", (long long)d->elapsed_ms);
	log_number(line, "exit", err_exit_status(delivery_verdict(d)));
	if (transaction_count(&d->tx, OUTCOME_ACCEPTED) > 0)
		log_field(line, "reply", d->tx.acceptance.data);
	if (err != NULL)
		log_failure(line, err);
	buf_release(&id);
}

int
report_log_delivery(const struct account *account, const struct delivery *d, struct err *log_err)
{
	struct buf line = BUF_INIT(LOG_LINE_MAX);
	int result = 0;

	log_delivery(&line, account, d);
	if (account->syslog)
		log_syslog(delivery_verdict(d) == ERR_NONE ? LOG_INFO : LOG_ERR, line.data);
	if (account->log_file != NULL)
		result = log_file(account->log_file, line.data, log_err);
	buf_release(&line);
	return result;
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
