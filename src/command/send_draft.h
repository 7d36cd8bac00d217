/* SPDX-License-Identifier: ISC */
/*
 * From what was asked for to the message: files are opened, standard input is read, the message is
 * made.
 *
 * Lifetime: send_draft_init(), send_draft_open(), send_draft_read_base(), send_draft_make();
 * send_draft_release(), which may follow any of them.
 */
#ifndef SENDOFF_COMMAND_SEND_DRAFT_H
#define SENDOFF_COMMAND_SEND_DRAFT_H

#include "base/buf.h"
#include "base/err.h"
#include "command/send_option.h"
#include "compose/compose.h"
#include "message/message.h"

enum { DRAFT_FILES = 3 }; /* text, HTML, and the text beside it */

struct send_draft {
	struct send_options *options; /* borrowed; its parts are opened */
	struct compose compose;
	int files[DRAFT_FILES];         /* -1: none, or standard input */
	const char *paths[DRAFT_FILES]; /* theirs; borrowed */
	size_t file_count;
	struct buf to, cc; /* the lists as one */
	struct buf in_reply_to, references;
	char *html_dir;
	struct message base;
	bool reads_stdin; /* the text is what a person may be typing */
};

void send_draft_init(struct send_draft *draft, struct send_options *options);
void send_draft_release(struct send_draft *draft);

/* True where the text comes from standard input because nothing else was named. */
bool send_draft_wants_stdin(const struct send_options *options);

/*
 * Opens every file, so that nothing is sent where one of them is missing.
 * Errors: ERR_NO_INPUT (a file), ERR_USAGE (ids that are none), ERR_SYSTEM.
 */
int send_draft_open(struct send_draft *draft, struct err *err);

/* Reads the message that is the base.  Errors: those of message_read(). */
int send_draft_read_base(struct send_draft *draft, const struct spool_place *place,
    struct err *err);

/*
 * Makes the message (message_init()ed): without Date and Message-ID, and without From where none
 * was given.
 * Errors: those of compose_message().
 */
int send_draft_make(struct send_draft *draft, const struct spool_place *place,
    struct message *message, struct err *err);

#endif
