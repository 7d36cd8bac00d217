/* SPDX-License-Identifier: ISC */
#include "command/sendmail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique.h"
#include "command/queue.h"
#include "command/report.h"
#include "command/run_queue.h"
#include "command/transcript.h"
#include "config/account.h"
#include "config/temp.h"
#include "format/codec.h"
#include "message/message.h"
#include "queue/route.h"
#include "queue/store.h"
#include "queue/submit.h"

enum { TEXT_MAX = 1024 };	/* octets of names */

/* What one call works on. */
struct job {
	const struct options *options;
	struct config config;
	const struct account *account;
	struct envelope envelope;
	struct envelope author;		/* its sender is who would send if the envelope's were not the null sender */
	struct message message;
	struct store store;		/* the queue, where there is one already */
};

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

/* A person reads what we print: then success has words too, and nobody is kept waiting by a clock. */
static bool
is_watched(const struct job *job)
{
	return isatty(STDERR_FILENO) || job->options->verbose;
}

static bool
is_silent(const struct job *job)
{
	return job->options->errors == ERRORS_QUIET;
}

/* Nobody will read what is printed. */
static bool
stderr_is_null(void)
{
	struct stat status;

	return fstat(STDERR_FILENO, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

static bool
wants_mail(const struct job *job)
{
	enum error_mode errors = job->options->errors;

	return errors == ERRORS_MAIL || errors == ERRORS_MAIL_ZERO || (errors == ERRORS_PRINT && stderr_is_null());
}

static enum delivery_when
when_to_deliver(const struct job *job)
{
	switch (job->options->when) {
	case WHEN_NOW:
		return DELIVERY_NOW;
	case WHEN_BACKGROUND:
		return DELIVERY_BACKGROUND;
	case WHEN_QUEUE:
		return DELIVERY_QUEUE;
	default:
		return job->account->delivery;
	}
}

static void
report(const struct job *job, const struct submission *s)
{
	report_log_submission(job->account, s);
	if (s->behind || is_silent(job))
		return;
	if (s->fate == FATE_REFUSED || s->fate == FATE_UNSENT || (s->fate == FATE_QUEUED && is_watched(job)))
		report_submission(stderr, job->account, s);
}

/* Another process has the message from here on. */
static void
leave(struct submission *s)
{
	const struct job *job = s->arg;

	s->fate = FATE_QUEUED;
	if (is_watched(job))
		report_submission(stderr, job->account, s);
	_exit(EXIT_SUCCESS);
}

static int
verdict(const struct job *job, const struct submission *s, struct err *err)
{
	if (s->fate == FATE_SENT || s->fate == FATE_QUEUED)
		return 0;
	if (s->fate == FATE_REFUSED && s->queued && job->options->errors == ERRORS_MAIL_ZERO)
		return 0;
	err->kind = delivery_verdict(&s->delivery);
	/* It could not be queued either: whatever it was, the caller is to try again. */
	if (s->fate == FATE_UNSENT && s->queue_err.kind != ERR_CONFIG)
		err->kind = ERR_TEMPORARY;
	return -1;
}

static int
send_message(struct job *job, struct err *err)
{
	struct transcript transcript;
	struct submission s = {
		.config = &job->config,
		.account = job->account,
		.envelope = &job->envelope,
		.message = &job->message,
		.store = &job->store,
		.queue_path = job->config.queue_dir,
		.config_path = job->options->config,
		.when = when_to_deliver(job),
		.wait_ms = is_watched(job) ? -1 : job->account->wait_ms,
		.mail_refusals = wants_mail(job),
		.dialogue = job->options->verbose ? &transcript.watch : NULL,
		.watch = { .attempt = report_attempt, .trouble = report_trouble },
		.leave = leave,
		.arg = job,
	};
	int result;

	transcript_init(&transcript, stderr);
	result = submit(&s, err);
	transcript_release(&transcript);
	if (result == 0) {
		report(job, &s);
		result = verdict(job, &s, err);
	}
	submission_release(&s);
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

	if (read_command_line(job, err) < 0 || read_config(job, err) < 0)
		return -1;
	if (delivers)
		open_store(job);
	if ((delivers || job->options->from_headers) && read_message(job, err) < 0)
		return -1;
	if (route(job, err) < 0)
		return -1;
	return delivers ? send_message(job, err) : print_routes(job);
}

/* What went wrong before there was a delivery: to the log, unless the account wants none; -oeq keeps it off the terminal. */
static void
log_failure(const struct job *job, struct err *err)
{
	if (err->what.len == 0)
		return;
	if (job->account == NULL || job->account->syslog)
		report_log_error(err);
	if (is_silent(job))
		buf_clear(&err->what);
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
		log_failure(&job, err);
	message_release(&job.message);
	envelope_release(&job.envelope);
	envelope_release(&job.author);
	store_close(&job.store);
	config_release(&job.config);
	return result;
}
