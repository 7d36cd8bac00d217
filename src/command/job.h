/* SPDX-License-Identifier: ISC */
/*
 * One message on its way, in whichever grammar it was asked for: job.c has what sendmail.c and
 * send.c do alike until the message is complete, hand_over.c hands it over and tells what became of
 * it.
 *
 * Lifetime: job_init(), what the caller wants and the envelope, then the functions in their order
 * here; job_release().
 */
#ifndef SENDOFF_COMMAND_JOB_H
#define SENDOFF_COMMAND_JOB_H

#include <stdbool.h>

#include "command/option.h"
#include "config/account.h"
#include "message/envelope.h"
#include "message/message.h"
#include "store/store.h"
#include "submission/submit.h"

struct job {
	/* What the caller wants; borrowed. */
	const char *config_path;  /* NULL: the usual ones */
	const char *account_name; /* NULL: by the sender */
	const char *full_name; /* for a From that is added; NULL: the account's, else the caller's
				*/
	enum error_mode errors;
	enum delivery_when when;
	bool verbose;
	bool quiet;         /* nothing is said where all is well, on a terminal too */
	bool tells_success; /* a line on a terminal says that it was sent */
	bool patient;       /* delivery takes as long as it takes */
	bool no_queue;
	bool sender_apart; /* the envelope's sender says nothing about who the message is from */
	int64_t not_before_ms; /* as in struct submission */
	bool hold;
	bool shows_progress; /* a line on a terminal shows how far a long message is */
	/*
	 * Called before the message can be anywhere else than here (submission.commit); and when it
	 * is known what became of it, with the exit status, in the process that the caller waits
	 * for: where that fails, it is the failure of a call in which all else went well.  NULL:
	 * neither is wanted.
	 */
	int (*commit)(void *arg, struct err *err);
	int (*told)(void *arg, const struct submission *s, int status, struct err *err);
	void *arg; /* of both */

	struct config config;
	const struct account *account; /* NULL: none, yet */
	struct envelope envelope;
	struct message message;
	struct store store; /* the queue, where it could be opened */
	bool is_lost;       /* the message has no place to go */
};

void job_init(struct job *job);
void job_release(struct job *job);

/*
 * Addresses as a list, with names, to the envelope's recipients.  Errors: ERR_USAGE, ERR_ADDRESS,
 * ERR_SYSTEM.
 */
int job_add_recipients(struct job *job, const char *list, struct err *err);
/* The envelope's sender; `option` is where it stands.  Errors: the same. */
int job_set_sender(struct job *job, const char *address, const char *option, struct err *err);

/* The configuration, and its warnings told.  Errors: those of config_load(). */
int job_load_config(struct job *job, struct err *err);
/* The account.  Errors: those of config_account(). */
int job_choose_account(struct job *job, struct err *err);

/*
 * Opens the queue, so that a long message is spooled where it can stay.  What keeps it from being
 * opened is told when it is needed: most messages never wait.
 */
void job_open_store(struct job *job);
/* Where the body is to be spooled. */
void job_spool(const struct job *job, struct spool_place *place);

/*
 * Settles the sender and the recipients' addresses; `complete`: and the message's headers.  Errors:
 * those of route.h and message_complete().
 */
int job_prepare(struct job *job, bool complete, struct err *err);

/* Prints "account NAME, server HOST:PORT". */
void job_print_server(const struct job *job);

/*
 * Sends or queues the message, and tells.  Returns 0, or -1 with the exit status in err's kind;
 * what the caller has been told by then is marked so (err_told()).
 */
int job_hand_over(struct job *job, struct err *err);

/*
 * A failure that job_hand_over() has not told: to the log, and, where the message has no place to
 * go, to the caller.
 */
void job_tell_failure(struct job *job, struct err *err);

/* Keeps the message in ~/dead.letter, and says so, or why not. */
void job_save_letter(const struct job *job);

/* -oeq: nothing is printed. */
bool job_is_silent(const struct job *job);

#endif
