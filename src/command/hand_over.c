/* SPDX-License-Identifier: ISC */
/*
 * The message is complete: it is handed over, and the caller told what became of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command/dead_letter.h"
#include "command/job.h"
#include "command/report.h"
#include "command/transcript.h"
#include "queue/submit.h"

enum { PATH_LEN_MAX = 4096 };

/* A person reads what we print: then success has words too, and nobody is kept waiting by a clock. */
static bool
is_watched(const struct job *job)
{
	return isatty(STDERR_FILENO) || job->options->verbose;
}

bool
job_is_silent(const struct job *job)
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
	if (s->behind || job_is_silent(job))
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
	/* What came of the attempt is told by who goes on with it. */
	s->tried = false;
	report_log_submission(job->account, s);
	if (is_watched(job))
		report_submission(stderr, job->account, s);
	_exit(EXIT_SUCCESS);
}

/* Neither sent nor queued: many callers do not look at the exit status, and this message is all there is. */
void
job_save_letter(const struct job *job)
{
	struct buf path = BUF_INIT(PATH_LEN_MAX);
	struct err err;

	err_init(&err);
	if (dead_letter_save(&job->message, job->envelope.sender, &path, &err) == 0) {
		err_set(&err, ERR_CANT_CREATE, "the message is saved in %s", path.data);
		report_log_error(&err);
	}
	if (!job_is_silent(job))
		fprintf(stderr, "  message: %s\n", err.what.data);
	err_release(&err);
	buf_release(&path);
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

int
job_hand_over(struct job *job, struct err *err)
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
		.watch = { .attempt = report_attempt, .trouble = report_trouble },
		.leave = leave,
		.arg = job,
	};
	int result;

	transcript_init(&transcript, stderr);
	if (job->options->verbose)
		s.dialogue = &transcript.watch;
	result = submit(&s, err);
	transcript_release(&transcript);
	if (result == 0) {
		report(job, &s);
		if (s.fate == FATE_UNSENT && s.queue_path != NULL)
			job_save_letter(job);
		result = verdict(job, &s, err);
	}
	job->is_lost = result < 0 && !s.tried;
	submission_release(&s);
	return result;
}
