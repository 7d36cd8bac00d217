/* SPDX-License-Identifier: ISC */
#include "command/sendmail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique.h"
#include "command/dead_letter.h"
#include "command/job.h"
#include "command/queue.h"
#include "command/report.h"
#include "command/run_queue.h"
#include "config/account.h"
#include "config/temp.h"
#include "format/codec.h"
#include "format/header.h"
#include "message/message.h"
#include "message/resent.h"
#include "queue/route.h"
#include "queue/store.h"

enum { TEXT_MAX = 1024 };	/* octets of names */

/* The modes that take no message. */
static int
other_mode(const struct options *options, struct err *err)
{
	switch (options->mode) {
	case MODE_SMTP:
		return err_set(err, ERR_UNAVAILABLE, "-bs (SMTP on standard input) is not in this version");
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

/* Addresses on the command line may be lists, with names: "Bob <bob@example.org>, eve". */
static int
parse_operand(struct envelope *envelope, const char *text, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	int result = -1;

	if (span_has_control(span_of(text)))
		err_set(err, ERR_USAGE, "a recipient on the command line has control characters");
	else
		result = address_parse(&list, span_of(text), 0, err);
	for (size_t i = 0; result == 0 && i < list.count; i++)
		result = envelope_add(envelope, &list.items[i], err);
	address_list_release(&list);
	return result;
}

static int
parse_sender(struct envelope *envelope, const char *text, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	int result;

	if (span_has_control(span_of(text)))
		return err_set(err, ERR_USAGE, "the sender given with -f has control characters");
	result = address_parse(&list, span_of(text), ADDRESS_ONE | ADDRESS_NULL, err);
	if (result == 0)
		result = envelope_set_sender(envelope, &list.items[0], err);
	else
		err_wrap(err, "the sender given with -f");
	address_list_release(&list);
	return result;
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

/* The envelope as far as the command line tells it: all of it is checked before standard input is read. */
static int
read_command_line(struct job *job, struct err *err)
{
	const struct options *options = job->options;

	job->envelope.notify = options->notify;
	job->envelope.ret = options->ret;
	if (options->envid != NULL && set_envid(&job->envelope, options->envid, err) < 0)
		return -1;
	if (options->sender != NULL && parse_sender(&job->envelope, options->sender, err) < 0)
		return -1;
	for (size_t i = 0; i < options->operand_count; i++)
		if (parse_operand(&job->envelope, options->operands[i], err) < 0)
			return -1;
	if (job->envelope.count == 0 && !options->from_headers)
		return err_set(err, ERR_NO_RECIPIENT, "nobody to send to");
	return 0;
}

static void
say_warnings(const struct config *config)
{
	for (size_t i = 0; i < config->warnings.count; i++) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "sendoff: warning: %s\n", config->warnings.items[i]);
		log_syslog(LOG_WARNING, config->warnings.items[i]);
	}
}

static int
read_config(struct job *job, struct err *err)
{
	const char *sender = job->envelope.sender;

	if (config_load(&job->config, job->options->config, err) < 0)
		return -1;
	say_warnings(&job->config);
	return config_account(&job->config, job->options->account, sender, &job->account, err);
}

/*
 * The queue, so that a long message is spooled where it can stay.  What keeps it from being opened is told when it is needed:
 * most messages never wait.
 */
static void
open_store(struct job *job)
{
	struct err ignored;

	if (job->config.queue_dir == NULL)
		return;
	err_init(&ignored);
	store_open(&job->store, job->config.queue_dir, true, &ignored);
	err_release(&ignored);
}

static int
read_message(struct job *job, struct err *err)
{
	struct message_input input = {
		.fd = STDIN_FILENO,
		.dot_ends = !job->options->dot_is_data && isatty(STDIN_FILENO),
		.place.dir = temp_dir(),
		.size_limit = job->account->size_limit,
	};

	if (job->store.dir >= 0)
		store_spool(&job->store, &input.place);
	if (message_read(&job->message, &input, err) < 0)
		return -1;
	if (!job->options->from_headers)
		return 0;
	if (message_recipients(&job->message, &job->envelope, err) < 0)
		return -1;
	return job->envelope.count > 0 ? 0 :
	    err_set(err, ERR_NO_RECIPIENT, "nobody to send to: no recipient in To, Cc or Bcc");
}

/* The login name of the caller, and the full name that the password database has for it. */
static void
who_calls(struct buf *login, struct buf *full_name)
{
	const struct passwd *user = getpwuid(getuid());

	if (user == NULL) {
		buf_addf(login, "uid%lu", (unsigned long)getuid());
		return;
	}
	buf_adds(login, user->pw_name);
	buf_add(full_name, user->pw_gecos, strcspn(user->pw_gecos, ","));
}

/* Who the message is from, as a missing From header tells it: the sender, unless that is the null sender. */
static const char *
from_address(const struct job *job)
{
	return job->envelope.sender[0] != '\0' ? job->envelope.sender : job->author.sender;
}

static const char *
from_name(const struct job *job, const struct buf *gecos)
{
	if (job->options->full_name != NULL)
		return job->options->full_name;
	return job->account->full_name != NULL ? job->account->full_name : gecos->data;
}

/* The right side of a Message-ID: the sender's domain, for this host's name may mean nothing to anyone. */
static void
add_id_domain(const char *from, struct buf *out)
{
	const char *domain = from != NULL ? mailbox_domain(from) : NULL;

	if (domain != NULL && domain[0] != '[')
		buf_adds(out, domain);
	else
		route_host_name(out);
}

static int
complete_message(struct job *job, const struct buf *gecos, struct err *err)
{
	struct buf domain = BUF_INIT(TEXT_MAX), unique = BUF_INIT(TEXT_MAX);
	struct message_defaults defaults;
	int result;

	add_id_domain(from_address(job), &domain);
	unique_add(&unique);
	defaults = (struct message_defaults){
		.from = from_address(job),
		.full_name = from_name(job, gecos),
		.id_domain = domain.data,
		.now = time(NULL),
		.unique = unique.data,
	};
	result = buf_ok(&unique) ? message_complete(&job->message, &defaults, err) :
	    err_sys(err, ERR_SYSTEM, "no random numbers");
	buf_release(&domain);
	buf_release(&unique);
	return result;
}

/* A From, or Resent-From, will have to be added. */
static bool
lacks_from(const struct message *message)
{
	struct span header = { message->header.data, message->header.len };
	struct header_field from;

	return resent_newest(header).len > 0 || !header_find(header, "From", &from) || span_trim(from.body).len == 0;
}

/* Asking the password database costs more than all else that is done to a small message. */
static bool
needs_caller(const struct job *job)
{
	if (account_address(job->account) == NULL)
		return true;
	return job->options->mode == MODE_DELIVER && job->options->full_name == NULL && job->account->full_name == NULL &&
	    lacks_from(&job->message);
}

static int
route(struct job *job, struct err *err)
{
	struct buf login = BUF_INIT(TEXT_MAX), gecos = BUF_INIT(TEXT_MAX);
	int result;

	if (needs_caller(job))
		who_calls(&login, &gecos);
	result = route_sender(&job->envelope, job->account, login.data, err);
	if (result == 0)
		result = route_sender(&job->author, job->account, login.data, err);
	if (result == 0)
		result = route_recipients(&job->envelope, job->account, err);
	if (result == 0 && job->options->mode == MODE_DELIVER)
		result = complete_message(job, &gecos, err);
	buf_release(&login);
	buf_release(&gecos);
	return result;
}

/* -bv: where each recipient would go. */
static int
print_routes(const struct job *job)
{
	const struct server *server = &job->account->servers[0];

	for (size_t i = 0; i < job->envelope.count; i++) {
		const struct recipient *r = &job->envelope.recipients[i];

		if (r->original != NULL)
			printf("%s -> ", r->original);
		printf("%s: account %s, server %s", r->address, job->account->name, server->host);
		if (server->port != 0)
			printf(":%u", server->port);
		putchar('\n');
	}
	return 0;
}

static int
run(struct job *job, struct err *err)
{
	bool delivers = job->options->mode == MODE_DELIVER;

	if (read_command_line(job, err) < 0)
		return -1;
	if (read_config(job, err) < 0) {
		job->is_lost = delivers;
		return -1;
	}
	if (delivers)
		open_store(job);
	if ((delivers || job->options->from_headers) && read_message(job, err) < 0)
		return -1;
	if (route(job, err) < 0)
		return -1;
	return delivers ? job_hand_over(job, err) : print_routes(job);
}

/*
 * Without a configuration there is no way for the message: it is read all the same, and kept where its sender will find it,
 * for cron and many others look at no exit status.
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

/* What went wrong: to the log, unless the account wants none; -oeq keeps it off the terminal. */
static void
tell_failure(struct job *job, struct err *err)
{
	if (err->what.len == 0)
		return;
	if (job->account == NULL || job->account->syslog)
		report_log_error(err);
	if (!job->is_lost)
		return;
	if (!job_is_silent(job))
		report_error(stderr, NULL, err);
	buf_clear(&err->what);
	if (job->account == NULL)
		rescue(job);
	else
		job_save_letter(job);
}

int
sendmail_run(const struct options *options, struct err *err)
{
	struct job job = { .options = options, .config = CONFIG_INIT, .store = STORE_INIT };
	int result;

	if (is_other_mode(options->mode))
		return other_mode(options, err);
	envelope_init(&job.envelope);
	envelope_init(&job.author);
	message_init(&job.message);
	result = run(&job, err);
	if (result < 0)
		tell_failure(&job, err);
	if (job_is_silent(&job))
		buf_clear(&err->what);
	message_release(&job.message);
	envelope_release(&job.envelope);
	envelope_release(&job.author);
	store_close(&job.store);
	config_release(&job.config);
	return result;
}
