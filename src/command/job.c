/* SPDX-License-Identifier: ISC */
#include "command/job.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique.h"
#include "command/report.h"
#include "config/environment.h"
#include "format/header.h"
#include "message/resent.h"
#include "routing/route.h"

enum { TEXT_MAX = 1024 }; /* octets of names */

void
job_init(struct job *job)
{
	*job = (struct job){ .config = CONFIG_INIT, .store = STORE_INIT };
	envelope_init(&job->envelope);
	envelope_init(&job->author);
	message_init(&job->message);
}

void
job_release(struct job *job)
{
	message_release(&job->message);
	envelope_release(&job->envelope);
	envelope_release(&job->author);
	store_close(&job->store);
	config_release(&job->config);
}

/* Addresses on the command line may be lists, with names: "Bob <bob@example.org>, eve". */
int
job_add_recipients(struct job *job, const char *list, struct err *err)
{
	struct address_list addresses = ADDRESS_LIST_INIT;
	int result = -1;

	if (span_has_control(span_of(list)))
		err_set(err, ERR_USAGE, "a recipient on the command line has control characters");
	else
		result = address_parse(&addresses, span_of(list), 0, err);
	for (size_t i = 0; result == 0 && i < addresses.count; i++)
		result = envelope_add(&job->envelope, &addresses.items[i], err);
	address_list_release(&addresses);
	return result;
}

int
job_set_sender(struct job *job, const char *address, const char *option, struct err *err)
{
	struct address_list list = ADDRESS_LIST_INIT;
	int result;

	if (span_has_control(span_of(address)))
		return err_set(err, ERR_USAGE, "the sender given with %s has control characters",
		    option);
	result = address_parse(&list, span_of(address), ADDRESS_ONE | ADDRESS_NULL, err);
	if (result == 0)
		result = envelope_set_sender(&job->envelope, &list.items[0], err);
	else
		err_wrap(err, "the sender given with %s", option);
	address_list_release(&list);
	return result;
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

int
job_load_config(struct job *job, struct err *err)
{
	if (config_load(&job->config, job->config_path, err) < 0)
		return -1;
	say_warnings(&job->config);
	return 0;
}

int
job_choose_account(struct job *job, struct err *err)
{
	return config_account(&job->config, job->account_name, job->envelope.sender, &job->account,
	    err);
}

void
job_open_store(struct job *job)
{
	struct err ignored;

	if (job->config.queue_dir == NULL)
		return;
	err_init(&ignored);
	store_open(&job->store, job->config.queue_dir, true, &ignored);
	err_release(&ignored);
}

void
job_spool(const struct job *job, struct spool_place *place)
{
	*place = (struct spool_place){ .dir = temp_dir() };
	if (job->store.dir >= 0) {
		store_spool(&job->store, place);
		place->other = temp_dir();
	}
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

/*
 * Who the message is from, as a missing From header tells it: the sender, unless that is the null
 * sender.
 */
static const char *
from_address(const struct job *job)
{
	return job->envelope.sender[0] != '\0' && !job->sender_apart ? job->envelope.sender :
								       job->author.sender;
}

static const char *
from_name(const struct job *job, const struct buf *gecos)
{
	if (job->full_name != NULL)
		return job->full_name;
	return job->account->full_name != NULL ? job->account->full_name : gecos->data;
}

/*
 * The right side of a Message-ID: the sender's domain, for this host's name may mean nothing to
 * anyone.
 */
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

	return resent_newest(header).len > 0 || !header_find(header, "From", &from) ||
	    span_trim(from.body).len == 0;
}

/* Asking the password database costs more than all else that is done to a small message. */
static bool
needs_caller(const struct job *job, bool complete)
{
	if (account_address(job->account) == NULL)
		return true;
	return complete && job->full_name == NULL && job->account->full_name == NULL &&
	    lacks_from(&job->message);
}

int
job_route(struct job *job, bool complete, struct err *err)
{
	struct buf login = BUF_INIT(TEXT_MAX), gecos = BUF_INIT(TEXT_MAX);
	int result;

	if (needs_caller(job, complete))
		who_calls(&login, &gecos);
	result = route_sender(&job->envelope, job->account, login.data, err);
	if (result == 0)
		result = route_sender(&job->author, job->account, login.data, err);
	if (result == 0)
		result = route_recipients(&job->envelope, job->account, err);
	if (result == 0 && complete)
		result = complete_message(job, &gecos, err);
	buf_release(&login);
	buf_release(&gecos);
	return result;
}

void
job_tell_failure(struct job *job, struct err *err)
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
	if (job->account != NULL)
		job_save_letter(job);
}
