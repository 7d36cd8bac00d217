/* SPDX-License-Identifier: ISC */
/*
 * The message is complete: it is handed over, and the caller told what became of it.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/wait.h"
#include "command/dead_letter.h"
#include "command/job.h"
#include "command/progress.h"
#include "command/report.h"
#include "command/transcript.h"
#include "submission/submit.h"

enum { PATH_LEN_MAX = 4096 };

/*
 * A person reads what we print: then success has words too, and nobody is kept waiting by a clock.
 */
static bool
is_watched(const struct job *job)
{
	return isatty(STDERR_FILENO) || job->verbose;
}

bool
job_is_silent(const struct job *job)
{
	return job->errors == ERRORS_QUIET;
}

/* Nobody will read what is printed. */
static bool
stderr_is_null(void)
{
	struct stat status;

	return fstat(STDERR_FILENO, &status) == 0 && S_ISCHR(status.st_mode) &&
	    status.st_rdev == makedev(1, 3);
}

static bool
wants_mail(const struct job *job)
{
	enum error_mode errors = job->errors;

	return errors == ERRORS_MAIL || errors == ERRORS_MAIL_ZERO ||
	    (errors == ERRORS_PRINT && stderr_is_null());
}

static enum delivery_when
when_to_deliver(const struct job *job)
{
	if (job->not_before_ms > 0 || job->hold)
		return DELIVERY_QUEUE;
	if (job->when != DELIVERY_DEFAULT)
		return job->when;
	return job->no_queue ? DELIVERY_NOW : job->account->delivery;
}

/* On a terminal success has a line too. */
static bool
tells_success(const struct job *job, const struct submission *s)
{
	if (job->quiet || !is_watched(job))
		return false;
	return s->fate == FATE_QUEUED || (s->fate == FATE_SENT && job->tells_success);
}

static void
report(const struct job *job, const struct submission *s)
{
	report_log_submission(job->account, s);
	if (job_is_silent(job))
		return;
	if (s->fate == FATE_REFUSED || s->fate == FATE_UNSENT || tells_success(job, s))
		report_submission(stderr, job->account, s);
}

/* One message that is handed over. */
struct handing {
	struct job *job;
	struct transcript transcript;
	struct progress progress;
};

/* In the worker, before the caller is told anything, or is let go: the line is wiped out. */
static void
silence(void *arg)
{
	struct handing *handing = arg;

	progress_end(&handing->progress);
	transcript_release(&handing->transcript);
}

/*
 * Neither sent nor queued: many callers do not look at the exit status, and this message is all
 * there is.
 */
void
job_save_letter(const struct job *job)
{
	struct buf path = BUF_INIT(PATH_LEN_MAX);
	struct err err;

	err_init(&err);
	if (dead_letter_save(&job->message, job->envelope.sender, &path, &err) == 0) {
		err_set(&err, ERR_CANT_CREATE, "the message is saved in %s", path.data);
		report_log_saved(&err);
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
	if (s->fate == FATE_REFUSED && s->queued && job->errors == ERRORS_MAIL_ZERO)
		return 0;
	/* It could not be queued either: whatever it was, the caller is to try again. */
	if (s->fate == FATE_UNSENT && s->queue_err.kind != ERR_NONE &&
	    s->queue_err.kind != ERR_CONFIG)
		return err_told(err, ERR_TEMPORARY);
	return err_told(err, delivery_verdict(&s->delivery));
}

static int
commit(void *arg, struct err *err)
{
	const struct job *job = ((const struct handing *)arg)->job;

	return job->commit(job->arg, err);
}

/* What came of it, told to all who want to know. */
static int
tell(struct job *job, struct submission *s, struct err *err)
{
	struct err untold;
	int result;

	report(job, s);
	if (s->fate == FATE_UNSENT && s->runner.queue_path != NULL)
		job_save_letter(job);
	result = verdict(job, s, err);
	err_init(&untold);
	if (job->told != NULL &&
	    job->told(job->arg, s, result < 0 ? err_exit_status(err->kind) : 0, &untold) < 0 &&
	    result == 0) {
		err_move(err, &untold);
		result = -1;
	}
	err_release(&untold);
	return result;
}

static int64_t
wait_ms(const struct job *job)
{
	return is_watched(job) || job->patient ? -1 : job->account->wait_ms;
}

static const struct stream_watch *
dialogue(const struct handing *handing)
{
	if (handing->job->verbose)
		return &handing->transcript.watch;
	return handing->job->shows_progress ? &handing->progress.watch : NULL;
}

int
job_hand_over(struct job *job, struct err *err)
{
	struct handing handing = { .job = job };
	struct submission s = {
		.config = &job->config,
		.account = job->account,
		.envelope = &job->envelope,
		.message = &job->message,
		.submitter = { getuid(), SUBMITTED_COMMAND },
		.store = &job->store,
		.runner = { .queue_path = job->no_queue ? NULL : job->config.queue_dir,
		    .config_path = job->config.given,
		    .watch = { .attempt = report_attempt, .trouble = report_trouble },
		    .uid = getuid() },
		.when = when_to_deliver(job),
		.wait_ms = wait_ms(job),
		.mail_refusals = wants_mail(job),
		.not_before_ms = job->not_before_ms,
		.hold = job->hold,
		.dialogue = dialogue(&handing),
		.silence = silence,
		.commit = job->commit != NULL ? commit : NULL,
		.arg = &handing,
	};
	int result;

	transcript_init(&handing.transcript, stderr);
	progress_init(&handing.progress, stderr, message_size(&job->message));
	result = submit(&s, err);
	transcript_release(&handing.transcript);
	if (result == 0)
		result = tell(job, &s, err);
	if (s.signal != 0)
		wait_die_of(s.signal);
	job->is_lost = result < 0 && !s.tried && !s.queued;
	submission_release(&s);
	return result;
}
