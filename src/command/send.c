/* SPDX-License-Identifier: ISC */
#include "command/send.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "command/help.h"
#include "command/job.h"
#include "command/receipt.h"
#include "command/report.h"
#include "command/send_draft.h"
#include "command/send_edit.h"
#include "command/send_once.h"
#include "command/send_option.h"
#include "command/send_show.h"
#include "command/view.h"
#include "config/environment.h"
#include "format/header.h"

enum { RECEIPT_MAX = 16 * 1024 * 1024 };

/* One call. */
struct send {
	struct send_options options;
	struct job job;
	struct send_draft draft;
	struct edit edit;
	struct once once;
	bool told; /* what became of it is known */
};

/* Nothing is to be sent: what there is shall be seen. */
static bool
only_shows(const struct send_options *o)
{
	return o->dry_run || o->output != NULL;
}

static int
add_recipients(struct job *job, const struct word_list *list, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (job_add_recipients(job, list->items[i], err) < 0)
			return -1;
	return 0;
}

static int
check_list(const char *option, const char *list, struct err *err)
{
	struct address_list addresses = ADDRESS_LIST_INIT;
	int result = list != NULL ? address_parse(&addresses, span_of(list), 0, err) : 0;

	address_list_release(&addresses);
	return result < 0 ? err_wrap(err, "%s", option) : 0;
}

/* All that can be said of the command line alone. */
static int
read_addresses(struct send *send, struct err *err)
{
	const struct send_options *o = &send->options;
	struct job *job = &send->job;

	job->envelope.notify_each = o->notify;
	if (add_recipients(job, &o->to, err) < 0 || add_recipients(job, &o->cc, err) < 0 ||
	    add_recipients(job, &o->bcc, err) < 0 || check_list("--reply-to", o->reply_to, err) < 0)
		return -1;
	if (o->from != NULL && job_set_sender(job, o->from, "--from", err) < 0)
		return -1;
	if (o->from != NULL && job->envelope.sender[0] == '\0')
		return err_set(err, ERR_USAGE, "--from needs an address");
	if (job->envelope.count == 0 && !o->from_headers && o->output == NULL)
		return err_set(err, ERR_NO_RECIPIENT, "nobody to send to");
	job->envelope.requests = o->requests;
	return 0;
}

/* A message as it is tells who it is from, where nobody else does. */
static int
take_base_sender(struct send *send, struct err *err)
{
	const struct buf *header = &send->draft.base.header;
	struct address_list list = ADDRESS_LIST_INIT;
	struct header_field from;
	struct err ignored;
	int result = 0;

	if (send->job.envelope.sender != NULL ||
	    !header_find((struct span){ header->data, header->len }, "From", &from))
		return 0;
	err_init(&ignored);
	if (address_parse(&list, from.body, 0, &ignored) == 0 && list.count > 0)
		result = envelope_set_sender(&send->job.envelope, &list.items[0], err);
	address_list_release(&list);
	err_release(&ignored);
	return result;
}

static int
read_base(struct send *send, const struct spool_place *place, struct err *err)
{
	struct job *job = &send->job;

	if (send_draft_read_base(&send->draft, place, err) < 0 || take_base_sender(send, err) < 0)
		return -1;
	if (!send->options.from_headers)
		return 0;
	if (message_recipients(&send->draft.base, &job->envelope, err) < 0)
		return -1;
	if (job->envelope.count == 0 && send->options.output == NULL)
		return err_set(err, ERR_NO_RECIPIENT,
		    "nobody to send to: no recipient in To, Cc or Bcc");
	return 0;
}

/* The account goes by From; who is told of failures is another matter. */
static int
settle_sender(struct send *send, struct err *err)
{
	struct job *job = &send->job;
	const char *sender = send->options.envelope_from;

	if (job_choose_account(job, err) < 0)
		return -1;
	/* What the password database calls the caller is for programs that know no better. */
	job->full_name = job->account->full_name != NULL ? job->account->full_name : "";
	if (sender == NULL)
		return 0;
	job->sender_apart = true;
	return job_set_sender(job, sender, "--envelope-from", err);
}

/* A person shall know what is waited for. */
static void
prompt(const struct send *send)
{
	if (!send->draft.reads_stdin || !isatty(STDIN_FILENO) || send->options.quiet)
		return;
	fputs("Type the text; Ctrl-D on a line of its own ends it (--edit opens an editor).\n",
	    stderr);
}

static void
warn_of_nothing(const struct send *send)
{
	if (send->job.message.body.size == 0 && isatty(STDERR_FILENO) && !send->options.quiet)
		fputs("sendoff: the message has no text\n", stderr);
}

/* The message as it will go out, but for Date and Message-ID. */
static int
make_message(struct send *send, struct err *err)
{
	struct spool_place place;

	job_spool(&send->job, &place);
	if (send_draft_open(&send->draft, err) < 0)
		return -1;
	if (send->options.key != NULL && once_name(&send->once, send->options.key, err) < 0)
		return -1;
	send->draft.compose.seed = send->options.key != NULL ? send->once.seed : NULL;
	if (send->options.raw && read_base(send, &place, err) < 0)
		return -1;
	if (settle_sender(send, err) < 0)
		return -1;
	prompt(send);
	if (send_draft_make(&send->draft, &place, &send->job.message, err) < 0)
		return -1;
	warn_of_nothing(send);
	return 0;
}

/* Who is told of the failure, where all else went well, must not send it again. */
static int
print_receipt(const struct send *send, const struct buf *receipt, struct err *err)
{
	if (!send->options.receipt && !send->options.json)
		return 0;
	receipt_print(stdout, (struct span){ receipt->data, receipt->len }, send->options.json);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	err_sys(err, ERR_IO, "cannot write to standard output");
	return err_hint(err, "the message is sent or queued all the same: do not send it again");
}

/* For the job: in the process that the caller waits for. */
static int
told(void *arg, const struct submission *s, int status, struct err *err)
{
	struct send *send = arg;
	struct buf receipt = BUF_INIT(RECEIPT_MAX);
	int result;

	send->told = true;
	receipt_add(&receipt, s, status);
	once_told(&send->once, s, status, &receipt);
	result = print_receipt(send, &receipt, err);
	buf_release(&receipt);
	return result;
}

static int
commit(void *arg, struct err *err)
{
	struct send *send = arg;

	return once_sending(&send->once, err);
}

/* What was sent with this key is not sent again. */
static int
repeat(const struct send *send, struct err *err)
{
	const struct reservation *before = &send->once.reservation;
	struct buf when = BUF_INIT(64);
	int result = print_receipt(send, &before->receipt, err);

	view_time(before->begun_ms, &when);
	if (before->status != 0) {
		err_set(err, err_kind_for(before->status),
		    "the key \"%s\" was used at %s, and not everybody got the message: "
		    "nothing is tried again",
		    send->options.key, when.data);
		result = err_hint(err, "the receipt tells why; to try it again, give another key");
	} else if (isatty(STDERR_FILENO) && !send->options.quiet) {
		fprintf(stderr, "sent already, at %s, with this key: %s\n", when.data,
		    before->message_id.data);
	}
	buf_release(&when);
	return result;
}

static int
send_it(struct send *send, struct err *err)
{
	int before = 0;

	if (send->options.key != NULL)
		before = once_take(&send->once, &send->job, &send->options, err);
	if (before < 0)
		return -1;
	return before > 0 ? repeat(send, err) : job_hand_over(&send->job, err);
}

static int
run(struct send *send, struct err *err)
{
	const struct send_options *o = &send->options;
	struct job *job = &send->job;

	if (read_addresses(send, err) < 0 || job_load_config(job, err) < 0)
		return -1;
	/* What is only shown leaves nothing behind. */
	if (!only_shows(o))
		job_open_store(job);
	if (make_message(send, err) < 0)
		return -1;
	if (o->key != NULL && !only_shows(o) && once_digest(&send->once, job, err) < 0)
		return -1;
	if (job_prepare(job, true, err) < 0)
		return -1;
	return only_shows(o) ? send_show(job, o, err) : send_it(send, err);
}

/* In the editor first: what the options say afterwards is what counts. */
static int
edit_and_run(struct send *send, struct err *err)
{
	int result;

	if (!send->options.edit)
		return run(send, err);
	result = edit_run(&send->edit, &send->options, err);
	if (result > 0) {
		fputs("sendoff: nothing was written: nothing is sent\n", stderr);
		edit_end(&send->edit, false);
		return 0;
	}
	if (result == 0)
		result = run(send, err);
	return result;
}

static void
fill_job(struct send *send, const char *config_path)
{
	const struct send_options *o = &send->options;
	struct job *job = &send->job;

	job_init(job);
	job->config_path = config_path;
	job->account_name = o->account;
	job->verbose = o->verbose;
	job->quiet = o->quiet;
	job->tells_success = true;
	job->shows_progress = !o->quiet && !o->verbose && isatty(STDERR_FILENO) &&
	    !terminal_is_dumb();
	job->patient = o->receipt || o->json;
	job->no_queue = o->no_queue;
	job->not_before_ms = o->not_before_ms;
	job->hold = o->hold;
	job->commit = commit;
	job->told = told;
	job->arg = send;
}

/* What was said and what is left to say: the message, and what a person wrote, must not be lost. */
static void
finish(struct send *send, int result, struct err *err)
{
	if (result < 0)
		job_tell_failure(&send->job, err);
	if (send->edit.path != NULL && result < 0 && !err->told) {
		report_error(stderr, NULL, err);
		err->told = true;
	}
	edit_end(&send->edit, result < 0);
	once_release(&send->once);
	send_draft_release(&send->draft);
	job_release(&send->job);
}

int
send_command(const char *config_path, int argc, char **argv, struct err *err)
{
	struct send send = { .told = false };
	int result = send_options_parse(&send.options, argc, argv, clock_wall_ms(), err);

	if (result == 0 && send.options.help) {
		help_print_send(stdout);
	} else if (result == 0) {
		fill_job(&send, config_path);
		send_draft_init(&send.draft, &send.options);
		edit_init(&send.edit);
		result = edit_and_run(&send, err);
		finish(&send, result, err);
	}
	send_options_release(&send.options);
	return result;
}
