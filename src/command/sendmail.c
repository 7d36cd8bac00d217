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
#include "command/report.h"
#include "command/transcript.h"
#include "config/account.h"
#include "config/temp.h"
#include "format/codec.h"
#include "message/message.h"
#include "queue/delivery.h"
#include "queue/route.h"

enum { TEXT_MAX = 1024 };	/* octets of names */

/* What one call works on. */
struct job {
	const struct options *options;
	struct config config;
	const struct account *account;
	struct envelope envelope;
	struct envelope author;		/* its sender is who would send if the envelope's were not the null sender */
	struct message message;
};

/* The modes that deliver nothing. */
static int
other_mode(const struct options *options, struct err *err)
{
	switch (options->mode) {
	case MODE_SMTP:
		return err_set(err, ERR_UNAVAILABLE, "-bs (SMTP on standard input) is not in this version");
	case MODE_LIST_QUEUE:
		return err_set(err, ERR_UNAVAILABLE, "there is no queue in this version, so there is none to list");
	case MODE_DAEMON:
		return err_set(err, ERR_UNAVAILABLE, "-bd (the service) is not in this version");
	case MODE_RUN_QUEUE:
		return err_set(err, ERR_UNAVAILABLE, "there is no queue in this version, so there is none to run");
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

static int
read_message(struct job *job, struct err *err)
{
	struct message_input input = {
		.fd = STDIN_FILENO,
		.dot_ends = !job->options->dot_is_data && isatty(STDIN_FILENO),
		.place.dir = temp_dir(),
		.size_limit = job->account->size_limit,
	};

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

static int
route(struct job *job, struct err *err)
{
	struct buf login = BUF_INIT(TEXT_MAX), gecos = BUF_INIT(TEXT_MAX);
	int result;

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

static void
report(const struct job *job, const struct delivery *d, bool failed)
{
	struct err log_err;

	err_init(&log_err);
	if (report_log_delivery(job->account, d, &log_err) < 0) {
		/* The message is sent all the same, and some callers take any octet for a failure. */
		report_log_error(&log_err);
		if (isatty(STDERR_FILENO))
			report_error(stderr, NULL, &log_err);
	}
	err_release(&log_err);
	if (failed && job->options->errors != ERRORS_QUIET)
		report_delivery(stderr, job->account, d);
}

static int
send_message(struct job *job, struct err *err)
{
	struct transcript transcript;
	struct delivery d;
	int result;

	transcript_init(&transcript, stderr);
	result = deliver(&d, job->account, &job->envelope, &job->message,
	    job->options->verbose ? &transcript.watch : NULL, err);
	transcript_release(&transcript);
	if (err->kind == ERR_NONE) {
		report(job, &d, result < 0);
		err->kind = delivery_verdict(&d);
	}
	delivery_release(&d);
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
	if (read_command_line(job, err) < 0)
		return -1;
	if (job->options->when == WHEN_QUEUE)
		return err_set(err, ERR_UNAVAILABLE, "there is no queue in this version: -odq cannot keep the message");
	if (read_config(job, err) < 0)
		return -1;
	if ((job->options->mode == MODE_DELIVER || job->options->from_headers) && read_message(job, err) < 0)
		return -1;
	if (route(job, err) < 0)
		return -1;
	return job->options->mode == MODE_VERIFY ? print_routes(job) : send_message(job, err);
}

/* What went wrong before there was a delivery: to the log, unless the account wants none; -oeq keeps it off the terminal. */
static void
log_failure(const struct job *job, struct err *err)
{
	if (err->what.len == 0)
		return;
	if (job->account == NULL || job->account->syslog)
		report_log_error(err);
	if (job->options->errors == ERRORS_QUIET)
		buf_clear(&err->what);
}

int
sendmail_run(const struct options *options, struct err *err)
{
	struct job job = { .options = options, .config = CONFIG_INIT };
	int result;

	if (is_other_mode(options->mode))
		return other_mode(options, err);
	envelope_init(&job.envelope);
	envelope_init(&job.author);
	message_init(&job.message);
	result = run(&job, err);
	if (result < 0)
		log_failure(&job, err);
	message_release(&job.message);
	envelope_release(&job.envelope);
	envelope_release(&job.author);
	config_release(&job.config);
	return result;
}
