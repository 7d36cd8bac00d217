/* SPDX-License-Identifier: ISC */
#include "command/option.h"

#include <string.h>
#include <strings.h>

enum {
	INTERVAL_MAX_MS = 2000000000, /* of -qTIME: 23 days */
	PERSISTENT_MS = 60000,        /* -qp without a time */
};

/* A word of a fixed set, and what it stands for. */
struct choice {
	const char *text;
	int value;
};

/* The value of text in a list that ends with a NULL text; -1 where it is not in it. */
static int
look_up(const struct choice *words, struct span text, bool (*is)(struct span, const char *))
{
	for (; words->text != NULL; words++)
		if (is(text, words->text))
			return words->value;
	return -1;
}

static int
apply_body(struct options *options, const char *value, struct err *err)
{
	(void)options;
	/* A hint only: what the message holds decides. */
	if (strcasecmp(value, "7BIT") == 0 || strcasecmp(value, "8BITMIME") == 0)
		return 0;
	return err_set(err, ERR_USAGE, "-B takes 7BIT or 8BITMIME, not %s", value);
}

static int
apply_mode(struct options *options, const char *value, struct err *err)
{
	static const struct choice modes[] = {
		{ "m", MODE_DELIVER },
		{ "s", MODE_SMTP },
		{ "p", MODE_LIST_QUEUE },
		{ "i", MODE_ALIASES },
		{ "v", MODE_VERIFY },
		{ "d", MODE_DAEMON },
		{ "D", MODE_DAEMON },
		{ NULL, 0 },
	};
	int mode = look_up(modes, span_of(value), span_is);

	if (mode < 0)
		return err_set(err, ERR_USAGE,
		    "-b%s is not a mode of this program; it has -bm, -bs, -bp, -bi, -bv and -bd",
		    value);
	options->mode = (enum sendmail_mode)mode;
	return 0;
}

static int
apply_sender(struct options *options, const char *value, struct err *err)
{
	(void)err;
	options->sender = value;
	return 0;
}

static int
apply_full_name(struct options *options, const char *value, struct err *err)
{
	if (span_has_control(span_of(value)))
		return err_set(err, ERR_USAGE, "the name given with -F has control characters");
	options->full_name = value;
	return 0;
}

static int
apply_account(struct options *options, const char *value, struct err *err)
{
	(void)err;
	options->account = value;
	return 0;
}

static int
apply_dot(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->dot_is_data = true;
	return 0;
}

int
option_notify(const char *option, const char *value, unsigned *notify, struct err *err)
{
	static const struct choice words[] = {
		{ "never", NOTIFY_NEVER },
		{ "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE },
		{ "delay", NOTIFY_DELAY },
		{ NULL, 0 },
	};
	struct span rest = span_of(value);

	*notify = 0;
	do {
		int word = look_up(words, span_trim(span_cut(&rest, ',')), span_is_nocase);

		if (word < 0)
			return err_set(err, ERR_USAGE,
			    "%s takes never, or a list of success, failure and delay, not %s",
			    option, value);
		*notify |= (unsigned)word;
	} while (rest.len > 0);
	if ((*notify & NOTIFY_NEVER) != 0 && *notify != NOTIFY_NEVER)
		return err_set(err, ERR_USAGE, "%s never goes with nothing else", option);
	return 0;
}

static int
apply_notify(struct options *options, const char *value, struct err *err)
{
	return option_notify("-N", value, &options->notify, err);
}

static int
apply_return(struct options *options, const char *value, struct err *err)
{
	static const struct choice words[] = { { "full", RETURN_FULL }, { "hdrs", RETURN_HEADERS },
		{ NULL, 0 } };
	int word = look_up(words, span_of(value), span_is_nocase);

	if (word < 0)
		return err_set(err, ERR_USAGE, "-R takes full or hdrs, not %s", value);
	options->ret = (enum dsn_return)word;
	return 0;
}

static int
apply_envid(struct options *options, const char *value, struct err *err)
{
	/* RFC 3461 section 4.4 */
	if (strlen(value) > 100 || value[0] == '\0' || span_has_control(span_of(value)))
		return err_set(err, ERR_USAGE,
		    "-V takes an envelope id of 1 to 100 printable characters");
	options->envid = value;
	return 0;
}

static int
apply_headers(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->from_headers = true;
	return 0;
}

static int
apply_verbose(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->verbose = true;
	return 0;
}

/* The milliseconds of a unit of time; 0: there is no such unit. */
static int64_t
unit_ms(char unit)
{
	static const struct {
		char letter;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 },
		{ 'w', 604800000 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].letter == unit)
			return units[i].ms;
	return 0;
}

/*
 * "1h30m", "15": sendmail's times, where a number without unit means minutes.  -1: it is none, or
 * above INTERVAL_MAX_MS.
 */
static int64_t
parse_interval(const char *text)
{
	int64_t sum = 0;

	do {
		int64_t number = 0, unit;

		if (!ascii_is_digit(*text))
			return -1;
		for (; ascii_is_digit(*text) && number < INTERVAL_MAX_MS; text++)
			number = 10 * number + (*text - '0');
		unit = unit_ms(*text != '\0' ? *text++ : 'm');
		if (unit == 0 || number > (INTERVAL_MAX_MS - sum) / unit)
			return -1;
		sum += number * unit;
	} while (*text != '\0');
	return sum;
}

static int
refuse_queue(const char *value, struct err *err)
{
	char letter = value[value[0] == '!'];

	if (letter == 'Q' || letter == 'G')
		return err_set(err, ERR_USAGE,
		    "-q%s: this program has neither quarantine nor queue groups", value);
	err_set(err, ERR_USAGE, "-q%s makes no sense", value);
	return err_hint(err,
	    "-q tries all queued mail once, -q15m keeps running, -qf is -q in the foreground; "
	    "-qI, -qR and -qS choose by id, recipient and sender");
}

/* -q[!]Itext: the text is there, or is the next word, which parse_cluster() gives. */
static int
add_selector(struct options *options, const char *value, struct err *err)
{
	struct selector *selector = &options->selectors[options->selector_count];
	const char *letter = value + (value[0] == '!');

	if (options->selector_count == SELECTORS_MAX)
		return err_set(err, ERR_USAGE, "more than %d times -qI, -qR or -qS", SELECTORS_MAX);
	selector->kind = *letter == 'I' ? SELECT_ID_PART :
	    *letter == 'R'              ? SELECT_RECIPIENT :
					  SELECT_SENDER;
	selector->is_not = value[0] == '!';
	selector->text = letter[1] != '\0' ? letter + 1 : NULL;
	options->selector_count++;
	return 0;
}

/* -q, -qTIME, with f or p before the time. */
static int
set_interval(struct options *options, const char *value, struct err *err)
{
	const char *time = value + (value[0] == 'f' || value[0] == 'p');
	int64_t interval_ms = time[0] != '\0' ? parse_interval(time) :
	    value[0] == 'p'                   ? PERSISTENT_MS :
						0;

	if (interval_ms < 0)
		return refuse_queue(value, err);
	options->foreground = options->foreground || value[0] == 'f';
	if (time[0] != '\0' || value[0] == 'p')
		options->interval_ms = interval_ms;
	return 0;
}

static int
apply_queue(struct options *options, const char *value, struct err *err)
{
	char letter = value[value[0] == '!'];
	bool selects = letter == 'I' || letter == 'R' || letter == 'S';

	/* -bd -q15m is one daemon that also runs the queue; mailq -q lists it. */
	if (options->mode != MODE_DAEMON && options->mode != MODE_LIST_QUEUE)
		options->mode = MODE_RUN_QUEUE;
	return selects ? add_selector(options, value, err) : set_interval(options, value, err);
}

static int
apply_errors(struct options *options, const char *value, struct err *err)
{
	static const struct choice words[] = {
		{ "p", ERRORS_PRINT },
		{ "q", ERRORS_QUIET },
		{ "m", ERRORS_MAIL },
		{ "w", ERRORS_MAIL },
		{ "e", ERRORS_MAIL_ZERO },
		{ NULL, 0 },
	};
	int word = look_up(words, span_of(value), span_is);

	if (word < 0)
		return err_set(err, ERR_USAGE, "-oe takes m, p, q, w or e, not %s", value);
	options->errors = (enum error_mode)word;
	return 0;
}

/* -oX…: only what has a meaning here is looked at. */
static int
apply_old_option(struct options *options, const char *value, struct err *err)
{
	static const struct choice words[] = {
		{ "di", DELIVERY_NOW },
		{ "db", DELIVERY_BACKGROUND },
		{ "dq", DELIVERY_QUEUE },
		{ "dd", DELIVERY_QUEUE },
		{ NULL, 0 },
	};
	int when = look_up(words, span_of(value), span_is);

	if (strcmp(value, "i") == 0)
		options->dot_is_data = true;
	else if (when >= 0)
		options->when = (enum delivery_when)when;
	else if (value[0] == 'e')
		return apply_errors(options, value + 1, err);
	return 0;
}

static int
apply_help(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->help = true;
	return 0;
}

static int
apply_version(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->version = true;
	return 0;
}

static int
refuse_file(struct options *options, const char *value, struct err *err)
{
	(void)options;
	(void)value;
	err_set(err, ERR_USAGE,
	    "no option of sendmail's names a file here: -C, -D and -X are refused");
	return err_hint(err,
	    "another configuration: sendoff -C FILE as first argument, or the environment's SENDOFF_CONFIG");
}

static const struct option_row rows[] = {
	{ 't', NULL, ARITY_NONE, NULL, "take the recipients from To, Cc and Bcc too",
	    apply_headers },
	{ 'f', NULL, ARITY_ARGUMENT, "ADDRESS", "envelope sender; '' or '<>' is the null sender",
	    apply_sender },
	{ 'r', NULL, ARITY_ARGUMENT, "ADDRESS", "the same as -f", apply_sender },
	{ 'F', NULL, ARITY_ARGUMENT, "NAME", "full name for a From header that is added",
	    apply_full_name },
	{ 'a', "account", ARITY_ARGUMENT, "NAME", "the account to use", apply_account },
	{ 'i', NULL, ARITY_NONE, NULL,
	    "a line with only a dot does not end the message on a terminal", apply_dot },
	{ 'B', NULL, ARITY_ARGUMENT, "TYPE", "7BIT or 8BITMIME: a hint, the message itself decides",
	    apply_body },
	{ 'N', NULL, ARITY_ARGUMENT, "WHEN", "delivery reports: never, or success,failure,delay",
	    apply_notify },
	{ 'R', NULL, ARITY_ARGUMENT, "WHAT", "what a report returns: full or hdrs", apply_return },
	{ 'V', NULL, ARITY_ARGUMENT, "ENVID", "envelope id for delivery reports", apply_envid },
	{ 'b', NULL, ARITY_ARGUMENT, "MODE",
	    "m: deliver; v: show where to; p: list queue; i: nothing; s, d: not here", apply_mode },
	{ 'q', NULL, ARITY_ATTACHED, "TIME",
	    "try queued mail, once or every TIME; f: foreground; I, R, S TEXT: which",
	    apply_queue },
	{ 'o', NULL, ARITY_ARGUMENT, "OPTION",
	    "i: as -i; di, db, dq: now, in the background, queue; eX: as -e", apply_old_option },
	{ 'e', NULL, ARITY_ARGUMENT, "MODE",
	    "errors: p print (default), q exit status only; m, w, e by mail", apply_errors },
	{ 'v', NULL, ARITY_NONE, NULL, "show the SMTP dialogue on standard error, without secrets",
	    apply_verbose },
	{ 0, "help", ARITY_NONE, NULL, "show this help", apply_help },
	{ 0, "version", ARITY_NONE, NULL, "show the version", apply_version },
	{ 'C', NULL, ARITY_ARGUMENT, "FILE", NULL, refuse_file },
	{ 'D', NULL, ARITY_ARGUMENT, "FILE", NULL, refuse_file },
	{ 'X', NULL, ARITY_ARGUMENT, "FILE", NULL, refuse_file },
	{ 'A', NULL, ARITY_ARGUMENT, "X", NULL, NULL },
	{ 'd', NULL, ARITY_ATTACHED, "LEVEL", NULL, NULL },
	{ 'E', NULL, ARITY_ATTACHED, "X", NULL, NULL },
	{ 'G', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'h', NULL, ARITY_ARGUMENT, "HOPS", NULL, NULL },
	{ 'I', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'J', NULL, ARITY_ATTACHED, "X", NULL, NULL },
	{ 'L', NULL, ARITY_ARGUMENT, "TAG", NULL, NULL },
	{ 'M', NULL, ARITY_ARGUMENT, "MACRO", NULL, NULL },
	{ 'm', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'n', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'O', NULL, ARITY_ARGUMENT, "OPTION=VALUE", NULL, NULL },
	{ 'p', NULL, ARITY_ARGUMENT, "PROTOCOL", NULL, NULL },
	{ 'Q', NULL, ARITY_ATTACHED, "REASON", NULL, NULL },
	{ 's', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'T', NULL, ARITY_ARGUMENT, "TIME", NULL, NULL },
	{ 'U', NULL, ARITY_NONE, NULL, NULL, NULL },
	{ 'x', NULL, ARITY_NONE, NULL, NULL, NULL },
};

const struct option_row *
option_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

static const struct option_row *
find_letter(char letter)
{
	for (size_t i = 0; option_row(i) != NULL; i++)
		if (option_row(i)->letter == letter)
			return option_row(i);
	return NULL;
}

static const struct option_row *
find_name(struct span name)
{
	for (size_t i = 0; option_row(i) != NULL; i++)
		if (option_row(i)->name != NULL && span_is(name, option_row(i)->name))
			return option_row(i);
	return NULL;
}

/* Where parsing stands: the words still to come. */
struct words {
	char **next;
	char **end;
};

static int
apply(struct options *options, const struct option_row *row, const char *value, struct err *err)
{
	return row->apply != NULL ? row->apply(options, value, err) : 0;
}

/* "--name", "--name=value" or "--name value". */
static int
parse_long(struct options *options, const char *word, struct words *words, struct err *err)
{
	struct span rest = span_of(word + 2);
	struct span name = span_cut(&rest, '=');
	const struct option_row *row = find_name(name);
	bool has_value = word[2 + name.len] == '=';

	if (row == NULL)
		return err_set(err, ERR_USAGE, "unknown option --%.*s", (int)name.len, name.data);
	if (row->arity == ARITY_NONE)
		return has_value ? err_set(err, ERR_USAGE, "--%s takes no value", row->name) :
				   apply(options, row, "", err);
	if (has_value)
		return apply(options, row, rest.data, err);
	if (words->next == words->end)
		return err_set(err, ERR_USAGE, "--%s needs a value", row->name);
	return apply(options, row, *words->next++, err);
}

/* "-qI text": a selector without text takes the next word. */
static int
complete_selector(struct options *options, struct words *words, struct err *err)
{
	struct selector *last = options->selectors + options->selector_count;

	if (options->selector_count == 0 || (--last)->text != NULL)
		return 0;
	/* Where a script's variable is empty, all mail must not be meant. */
	if (words->next == words->end || (*words->next)[0] == '\0')
		return err_set(err, ERR_USAGE, "-qI, -qR and -qS need a text");
	last->text = *words->next++;
	return 0;
}

/*
 * "-ti", "-fx", "-f x": letters until one takes what is left of the word, or the next word, as its
 * argument.
 */
static int
parse_cluster(struct options *options, const char *word, struct words *words, struct err *err)
{
	for (const char *p = word + 1; *p != '\0'; p++) {
		const struct option_row *row = find_letter(*p);

		if (row == NULL)
			return err_set(err, ERR_USAGE,
			    ascii_is_control(*p) || is_8bit(*p) ? "unknown option" :
								  "unknown option -%c",
			    *p);
		if (row->arity == ARITY_NONE) {
			if (apply(options, row, "", err) < 0)
				return -1;
			continue;
		}
		if (row->arity == ARITY_ATTACHED || p[1] != '\0')
			return apply(options, row, p + 1, err) < 0 ?
			    -1 :
			    complete_selector(options, words, err);
		if (words->next == words->end)
			return err_set(err, ERR_USAGE, "-%c needs an argument", *p);
		return apply(options, row, *words->next++, err);
	}
	return 0;
}

/*
 * Where the program is called by its own name, its caller is no stranger: the first argument may
 * name a file.
 */
static int
parse_config(struct options *options, struct words *words, struct err *err)
{
	const char *word = words->next < words->end ? *words->next : "";

	if (strncmp(word, "--config=", strlen("--config=")) == 0) {
		options->config = word + strlen("--config=");
		words->next++;
		return 0;
	}
	if (strcmp(word, "-C") != 0 && strcmp(word, "--config") != 0)
		return 0;
	if (words->end - words->next < 2)
		return err_set(err, ERR_USAGE, "%s needs a file", word);
	options->config = words->next[1];
	words->next += 2;
	return 0;
}

static int
check_operands(const struct options *options, struct err *err)
{
	for (size_t i = 0; i < options->operand_count; i++)
		if (options->operands[i][0] == '-') {
			err_set(err, ERR_USAGE,
			    i > 0 ? "the option %s stands behind a recipient" :
				    "%s is no recipient",
			    options->operands[i]);
			return err_hint(err,
			    "options come first; if it is a recipient, write -- before the recipients");
		}
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv, bool own_name, struct err *err)
{
	struct words words = { argv + (argc > 0 ? 1 : 0), argv + argc };
	bool ended = false;

	memset(options, 0, sizeof(*options));
	options->when = DELIVERY_DEFAULT;
	if (own_name && parse_config(options, &words, err) < 0)
		return -1;
	while (words.next < words.end && !ended) {
		const char *word = *words.next;

		if (word[0] != '-' || word[1] == '\0')
			break;
		words.next++;
		ended = strcmp(word, "--") == 0;
		if (ended)
			break;
		if (word[1] == '-' ? parse_long(options, word, &words, err) < 0 :
				     parse_cluster(options, word, &words, err) < 0)
			return -1;
	}
	options->operands = words.next;
	options->operand_count = (size_t)(words.end - words.next);
	return ended ? 0 : check_operands(options, err);
}
