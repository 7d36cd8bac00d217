/* SPDX-License-Identifier: ISC */
#include "command/sendmail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/job.h"
#include "command/queue.h"
#include "command/run_queue.h"
#include "config/environment.h"
#include "format/codec.h"
#include "format/domain.h"
#include "message/message.h"

enum { TEXT_MAX = 1024 }; /* octets of names */

/* The modes that take no message. */
static int
other_mode(const struct options *options, struct err *err)
{
	switch (options->mode) {
	case MODE_SMTP:
		return err_set(err, ERR_UNAVAILABLE,
		    "-bs (SMTP on standard input) is not in this version");
	case MODE_LIST_QUEUE:
		return mailq_print(stdout, options->config, err);
	case MODE_DAEMON:
		return err_set(err, ERR_UNAVAILABLE, "-bd (the service) is not in this version");
	case MODE_RUN_QUEUE:
		return run_queue(options, err);
	default:
		return 0;
	}
}

static bool
is_other_mode(enum sendmail_mode mode)
{
	return mode != MODE_DELIVER && mode != MODE_VERIFY;
}

static int
set_envid(struct envelope *envelope, const char *text, struct err *err)
{
	struct buf xtext = BUF_INIT(TEXT_MAX);

	xtext_add(&xtext, span_of(text));
	envelope->envid = strdup(xtext.data);
	buf_release(&xtext);
	return envelope->envid != NULL ? 0 : err_memory(err);
}

/*
 * The envelope as far as the command line tells it: all of it is checked before standard input is
 * read.
 */
static int
read_command_line(struct job *job, const struct options *options, struct err *err)
{
	job->envelope.notify_each = options->notify;
	job->envelope.ret = options->ret;
	if (options->envid != NULL && set_envid(&job->envelope, options->envid, err) < 0)
		return -1;
	if (options->sender != NULL && job_set_sender(job, options->sender, "-f", err) < 0)
		return -1;
	for (size_t i = 0; i < options->operand_count; i++)
		if (job_add_recipients(job, options->operands[i], err) < 0)
			return -1;
	if (job->envelope.count == 0 && !options->from_headers)
		return err_set(err, ERR_NO_RECIPIENT, "nobody to send to");
	return 0;
}

static int
read_config(struct job *job, struct err *err)
{
	return job_load_config(job, err) < 0 ? -1 : job_choose_account(job, err);
}

static int
read_message(struct job *job, const struct options *options, struct err *err)
{
	struct message_input input = {
		.fd = STDIN_FILENO,
		.dot_ends = !options->dot_is_data && isatty(STDIN_FILENO),
		.size_limit = job->account->size_limit,
	};

	job_spool(job, &input.place);
	if (message_read(&job->message, &input, err) < 0)
		return -1;
	if (!options->from_headers)
		return 0;
	if (message_recipients(&job->message, &job->envelope, err) < 0)
		return -1;
	return job->envelope.count > 0 ?
	    0 :
	    err_set(err, ERR_NO_RECIPIENT, "nobody to send to: no recipient in To, Cc or Bcc");
}

/* -bv: where each recipient would go. */
static int
print_routes(const struct job *job)
{
	const struct server *server = &job->account->servers[0];
	struct buf name = BUF_INIT(ERR_TEXT_MAX);

	host_port_add(&name, server->host, server->port);
	for (size_t i = 0; i < job->envelope.count; i++) {
		const struct recipient *r = &job->envelope.recipients[i];

		if (r->original != NULL)
			printf("%s -> ", r->original);
		printf("%s: account %s, server %s\n", r->address, job->account->name, name.data);
	}
	buf_release(&name);
	return 0;
}

static int
run(struct job *job, const struct options *options, struct err *err)
{
	bool delivers = options->mode == MODE_DELIVER;

	if (read_command_line(job, options, err) < 0)
		return -1;
	if (read_config(job, err) < 0) {
		job->is_lost = delivers;
		return -1;
	}
	if (delivers)
		job_open_store(job);
	if ((delivers || options->from_headers) && read_message(job, options, err) < 0)
		return -1;
	if (job_prepare(job, delivers, err) < 0) {
		/* The aliases are at fault, not the message. */
		job->is_lost = delivers && err->kind == ERR_CONFIG;
		return -1;
	}
	return delivers ? job_hand_over(job, err) : print_routes(job);
}

/*
 * Without a configuration there is no way for the message: it is read all the same, and kept where
 * its sender will find it, for cron and many others look at no exit status.
 */
static void
rescue(struct job *job)
{
	const struct message_input input = { .fd = STDIN_FILENO, .place.dir = temp_dir() };
	struct err ignored;

	err_init(&ignored);
	if (!isatty(STDIN_FILENO) && message_read(&job->message, &input, &ignored) == 0)
		job_save_letter(job);
	err_release(&ignored);
}

int
sendmail_run(const struct options *options, struct err *err)
{
	struct job job;
	int result;

	if (is_other_mode(options->mode))
		return other_mode(options, err);
	job_init(&job);
	job.config_path = options->config;
	job.account_name = options->account;
	job.full_name = options->full_name;
	job.errors = options->errors;
	job.when = options->when;
	job.verbose = options->verbose;
	result = run(&job, options, err);
	if (result < 0) {
		bool unconfigured = job.is_lost && job.account == NULL;

		job_tell_failure(&job, err);
		if (unconfigured)
			rescue(&job);
	}
	if (job_is_silent(&job))
		err->told = true;
	job_release(&job);
	return result;
}
