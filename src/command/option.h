/* SPDX-License-Identifier: ISC */
/*
 * sendmail's command line: one table row an option.  Parsing, --help, the manual's check and the
 * completions are all made from this table.
 *
 * What callers pass is not always theirs: web programs hand strangers' text to sendmail's
 * arguments.  So no option of this grammar reads, writes or runs a file that the command line
 * names.
 */
#ifndef SENDOFF_COMMAND_OPTION_H
#define SENDOFF_COMMAND_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "delivery/due.h"
#include "message/envelope.h"

enum sendmail_mode {
	MODE_DELIVER,    /* -bm */
	MODE_SMTP,       /* -bs */
	MODE_LIST_QUEUE, /* -bp */
	MODE_ALIASES,    /* -bi */
	MODE_VERIFY,     /* -bv */
	MODE_DAEMON,     /* -bd */
	MODE_RUN_QUEUE,  /* -q */
};

enum error_mode {
	ERRORS_PRINT,     /* -oep */
	ERRORS_QUIET,     /* -oeq: the exit status only */
	ERRORS_MAIL,      /* -oem, -oew: by mail as well, and the exit status */
	ERRORS_MAIL_ZERO, /* -oee: by mail as well, and exit status 0 */
};

enum { SELECTORS_MAX = 16 }; /* of -qI, -qR and -qS */

struct options {
	enum sendmail_mode mode;
	enum error_mode errors;
	enum delivery_when when;
	bool foreground;     /* -qf */
	int64_t interval_ms; /* -qTIME; 0: once */
	struct selector selectors[SELECTORS_MAX];
	size_t selector_count;
	bool from_headers; /* -t */
	bool dot_is_data;  /* -i, -oi */
	bool verbose;      /* -v */
	bool help, version;
	const char *sender;    /* -f, -r; NULL: not given */
	const char *full_name; /* -F */
	const char *account;   /* -a, --account */
	const char *config;    /* -C, --config; only as sendoff's first argument */
	const char *envid;     /* -V */
	unsigned notify;       /* -N */
	enum dsn_return ret;   /* -R */
	char **operands;       /* the rest of argv */
	size_t operand_count;
};

enum option_arity {
	ARITY_NONE,     /* -t */
	ARITY_ATTACHED, /* -q15m: what follows in the same word, if anything */
	ARITY_ARGUMENT, /* -f x, -fx */
};

struct option_row {
	char letter;      /* 0: a long option only */
	const char *name; /* long name without its dashes, or NULL */
	enum option_arity arity;
	const char *argument; /* what its argument is called; NULL: it has none */
	const char *what;     /* one line for --help; NULL: accepted and ignored */
	int (*apply)(struct options *options, const char *value, struct err *err); /* NULL: ignored
										    */
};

/* Row i of the table, or NULL behind the last. */
const struct option_row *option_row(size_t i);

/*
 * Parses argv[1] and on.  Options end at the first operand or behind "--"; a later word that begins
 * with '-' is refused unless "--" came before.  `own_name` is true where the program is called
 * sendoff, which allows -C as first argument.
 * Errors: ERR_USAGE (the sentence names the option).
 */
int options_parse(struct options *options, int argc, char **argv, bool own_name, struct err *err);

/*
 * "never", or a list of "success", "failure" and "delay", as the value of an option.  Errors:
 * ERR_USAGE.
 */
int option_notify(const char *option, const char *value, unsigned *notify, struct err *err);

#endif
