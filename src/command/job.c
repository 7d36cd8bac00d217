/* SPDX-License-Identifier: ISC */
#include "command/job.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "command/report.h"
#include "config/environment.h"
#include "submission/prepare.h"

void
job_init(struct job *job)
{
	*job = (struct job){ .config = CONFIG_INIT, .store = STORE_INIT, .when = DELIVERY_DEFAULT };
	envelope_init(&job->envelope);
	message_init(&job->message);
}

void
job_release(struct job *job)
{
	message_release(&job->message);
	envelope_release(&job->envelope);
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
who_calls(void *arg, struct buf *login, struct buf *full_name)
{
	const struct passwd *user = getpwuid(getuid());

	(void)arg;
	if (user == NULL) {
		buf_addf(login, "uid%lu", (unsigned long)getuid());
		return;
	}
	buf_adds(login, user->pw_name);
	buf_add(full_name, user->pw_gecos, strcspn(user->pw_gecos, ","));
}

int
job_prepare(struct job *job, bool complete, struct err *err)
{
	const struct preparation p = {
		.account = job->account,
		.full_name = job->full_name,
		.sender_apart = job->sender_apart,
		.who = who_calls,
		.envelope = &job->envelope,
		.message = complete ? &job->message : NULL,
	};

	return prepare(&p, err);
}

void
job_tell_failure(struct job *job, struct err *err)
{
	if (err->told)
		return;
	if (job->account == NULL || job->account->syslog)
		report_log_error(err);
	if (!job->is_lost)
		return;
	if (!job_is_silent(job))
		report_error(stderr, NULL, err);
	err->told = true;
	if (job->account != NULL)
		job_save_letter(job);
}
