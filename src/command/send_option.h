/* SPDX-License-Identifier: ISC */
/*
 * The command line of `sendoff send`: one table row an option, as in option.h.  Options may stand
 * behind recipients; "--" ends them.
 *
 * These options read and write files.  So nothing of sendmail's grammar leads here: what strangers
 * may say to sendmail, they cannot say to this.
 */
#ifndef SENDOFF_COMMAND_SEND_OPTION_H
#define SENDOFF_COMMAND_SEND_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "command/option.h"
#include "compose/compose.h"
#include "message/envelope.h"

/* Words of the command line, in their order. */
struct word_list {
	const char **items; /* NULL behind the last; NULL itself where there are none */
	size_t count;
};

struct send_options {
	int64_t now_ms;               /* since 1970: times are counted from it */
	struct word_list to, cc, bcc; /* lists of addresses each; operands are in to */
	struct word_list headers;     /* "Name: value" */
	const char *subject, *from, *envelope_from, *reply_to, *in_reply_to, *references;
	const char *body, *body_file;
	bool html;             /* --html: the body is HTML */
	const char *html_file; /* --html=FILE */
	const char *text_file;
	struct compose_part *parts; /* not open */
	char **part_words;          /* what they point to, one for each; owned */
	size_t part_count;
	const char *charset;
	int priority; /* as in struct compose */
	struct requests requests;
	bool raw;          /* standard input is a whole message */
	bool from_headers; /* … and its headers name recipients */
	const char *account;
	unsigned notify;       /* enum notify, or'ed */
	int64_t not_before_ms; /* since 1970, 0: at once */
	bool future_release;   /* the server is to hold it: requests.hold_until_s, and not_before_ms
				  is 0 */
	bool hold;
	const char *key; /* --idempotency-key */
	bool receipt, json, dry_run, edit, verbose, quiet, no_queue, help;
	const char *output;
};

struct send_row {
	char letter;      /* 0: a long option only */
	const char *name; /* without its dashes, or NULL */
	enum option_arity arity;
	const char *argument;     /* what its argument is called; NULL: it has none */
	const char *what;         /* one line for --help */
	const char *const *words; /* what the argument can be, for completion: NULL behind the last;
				     send_files, … */
	int (*apply)(struct send_options *options, const struct send_row *row, const char *value,
	    struct err *err);
	size_t offset; /* of the member that it sets, where apply() serves several rows */
};

/* Values of `words`: file names, the accounts of the configuration. */
extern const char *const send_files[], *const send_accounts[];

/* Row i of the table, or NULL behind the last. */
const struct send_row *send_row(size_t i);

/*
 * Parses the words behind "send"; times are counted from now_ms (since 1970).  *options is the
 * caller's, for send_options_release(), whatever comes back; what it points to lies in argv, or is
 * its own.
 * Errors: ERR_USAGE (the sentence names the option), ERR_SYSTEM (memory).
 */
int send_options_parse(struct send_options *options, int argc, char **argv, int64_t now_ms,
    struct err *err);
/*
 * "Name: value", as --header takes it: what has an option of its own sets that.  Errors: ERR_USAGE,
 * ERR_SYSTEM.
 */
int send_options_header(struct send_options *options, const char *header, struct err *err);
void send_options_release(struct send_options *options);

#endif
