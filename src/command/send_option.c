/* SPDX-License-Identifier: ISC */
#include "command/send_option.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command/send_part.h"
#include "command/send_time.h"
#include "config/nearest.h"
#include "config/value.h"
#include "format/date.h"
#include "format/header.h"

enum { KEY_LEN_MAX = 200 }; /* octets of an idempotency key */

/*
 * Such text stands in headers, where a line break would begin another one: it is refused as a
 * whole.
 */
static int
check_line(const char *option, const char *value, struct err *err)
{
	return strpbrk(value, "\r\n") == NULL ?
	    0 :
	    err_set(err, ERR_USAGE, "--%s: a line break in its value", option);
}

/* The member that the row sets. */
static void *
member(struct send_options *options, const struct send_row *row)
{
	return (char *)options + row->offset;
}

static int
set_text(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	const char **to = member(options, row);

	if (check_line(row->name, value, err) < 0)
		return -1;
	*to = value;
	return 0;
}

/* Text of any number of lines. */
static int
set_body(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)row;
	(void)err;
	options->body = value;
	return 0;
}

static int
set_file(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	const char **to = member(options, row);

	if (value[0] == '\0')
		return err_set(err, ERR_USAGE, "--%s needs the name of a file", row->name);
	*to = value;
	return 0;
}

static int
set_flag(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	bool *to = member(options, row);

	(void)value;
	(void)err;
	*to = true;
	return 0;
}

static int
add_word(struct word_list *list, const char *word, struct err *err)
{
	const char **items = reallocarray(list->items, list->count + 2, sizeof(*items));

	if (items == NULL)
		return err_memory(err);
	items[list->count++] = word;
	items[list->count] = NULL;
	list->items = items;
	return 0;
}

static int
add_addresses(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	if (check_line(row->name, value, err) < 0)
		return -1;
	return add_word(member(options, row), value, err);
}

static const struct send_row *find_name(struct span name);

/* The option that --header means where the header has one of its own. */
static const struct send_row *
row_for_header(struct span name)
{
	static const char *const names[] = { "to", "cc", "bcc", "subject", "from", "reply-to",
		"in-reply-to", "references" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is_nocase(name, names[i]))
			return find_name(span_of(names[i]));
	return NULL;
}

int
send_options_header(struct send_options *options, const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');
	struct span name = { value, colon != NULL ? (size_t)(colon - value) : 0 };
	const struct send_row *own;

	if (check_line("header", value, err) < 0)
		return -1;
	if (colon == NULL || header_classify(span_of(value)) != HEADER_FIELD)
		return err_set(err, ERR_USAGE, "--header takes \"Name: value\"");
	name = span_trim(name);
	own = row_for_header(name);
	if (own != NULL)
		return own->apply(options, own, colon + 1 + strspn(colon + 1, " \t"), err);
	if (span_starts_nocase(name, "Content-") || span_is_nocase(name, "MIME-Version") ||
	    span_starts_nocase(name, "Resent-"))
		return err_set(err, ERR_USAGE, "--header cannot set %.*s", (int)name.len,
		    name.data);
	return add_word(&options->headers, value, err);
}

static int
add_header(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)row;
	return send_options_header(options, value, err);
}

static int
set_html(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	if (value == NULL) {
		options->html = true;
		return 0;
	}
	return set_file(options, row, value, err);
}

static int
add_part(struct send_options *options, const struct send_row *row, const char *value,
    enum part_role role, struct err *err)
{
	struct compose_part *parts = reallocarray(options->parts, options->part_count + 1,
	    sizeof(*parts));
	char **words = reallocarray(options->part_words, options->part_count + 1, sizeof(*words)),
	     option[32] = "--";

	if (parts != NULL)
		options->parts = parts;
	if (words != NULL)
		options->part_words = words;
	if (parts == NULL || words == NULL)
		return err_memory(err);
	strncat(option, row->name, sizeof(option) - strlen(option) - 1);
	words[options->part_count] = NULL;
	options->part_count++;
	return send_part_parse(option, value, role, &parts[options->part_count - 1],
	    &words[options->part_count - 1], err);
}

static int
add_attachment(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	return add_part(options, row, value, PART_ATTACHED, err);
}

static int
add_inline(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	return add_part(options, row, value, PART_INLINE, err);
}

static const char *const priorities[] = { "high", "normal", "low", NULL };

static int
set_priority(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	static const int numbers[] = { 1, 0, 5 };

	(void)row;
	for (size_t i = 0; priorities[i] != NULL; i++)
		if (strcasecmp(value, priorities[i]) == 0) {
			options->priority = numbers[i];
			return 0;
		}
	return err_set(err, ERR_USAGE, "--priority takes high, normal or low");
}

static int
set_require_tls(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)row;
	(void)value;
	(void)err;
	options->requests.require_tls = true;
	return 0;
}

/* As in the configuration, with a semicolon: "2h;notify". */
static int
set_deliver_by(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	struct span rest = span_of(value), time = span_cut(&rest, ';');
	int64_t ms;

	(void)row;
	if (!value_duration(time, &ms) || ms < 0 ||
	    (rest.len > 0 && !span_is(rest, "return") && !span_is(rest, "notify")))
		return err_set(err, ERR_USAGE,
		    "--deliver-by takes a time as \"2h\", and \";return\" or \";notify\" behind it");
	options->requests.deliver_by_s = ms / 1000;
	options->requests.deliver_by_return = !span_is(rest, "notify");
	return 0;
}

static int
set_mt_priority(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	bool negative = value[0] == '-';
	const char *digit = value + negative;

	(void)row;
	if (!ascii_is_digit(digit[0]) || digit[1] != '\0')
		return err_set(err, ERR_USAGE, "--mt-priority takes a number from -9 to 9");
	options->requests.has_priority = true;
	options->requests.priority = negative ? '0' - digit[0] : digit[0] - '0';
	return 0;
}

static int
set_raw(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)value;
	(void)err;
	options->raw = true;
	options->from_headers = options->from_headers || row->letter == 't';
	return 0;
}

static int
set_notify(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)row;
	return option_notify("--dsn", value, &options->notify, err);
}

static int
set_time(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	(void)row;
	if (!send_time_parse(value, options->now_ms, &options->not_before_ms)) {
		err_set(err, ERR_USAGE,
		    "--at takes a time as \"08:30\" or \"2030-01-31T08:30\" (with \"Z\" or \"+01:00\")");
		return err_hint(err, "in some time from now: --in 2h");
	}
	if (options->not_before_ms <= options->now_ms)
		return err_set(err, ERR_USAGE, "--at: %s is over", value);
	return 0;
}

static int
set_delay(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	int64_t ms;

	(void)row;
	if (!value_duration(span_of(value), &ms) || ms < 0)
		return err_set(err, ERR_USAGE,
		    "--in takes a time as \"90s\", \"30m\", \"2h\" or \"5d\"");
	options->not_before_ms = options->now_ms + ms;
	return 0;
}

static int
set_key(struct send_options *options, const struct send_row *row, const char *value,
    struct err *err)
{
	if (value[0] == '\0' || strlen(value) > KEY_LEN_MAX || span_has_control(span_of(value)))
		return err_set(err, ERR_USAGE, "--%s takes 1 to %d printable characters", row->name,
		    KEY_LEN_MAX);
	options->key = value;
	return 0;
}

const char *const send_files[] = { NULL }, *const send_accounts[] = { NULL };

static const char *const notify_words[] = { "never", "success", "failure", "delay", "failure,delay",
	"success,failure,delay", NULL };

#define AT(name) offsetof(struct send_options, name)

static const struct send_row rows[] = {
	{ 0, "to", ARITY_ARGUMENT, "ADDRESS",
	    "a recipient, or a list of them, as without an option", NULL, add_addresses, AT(to) },
	{ 'c', "cc", ARITY_ARGUMENT, "ADDRESS", "a recipient in Cc", NULL, add_addresses, AT(cc) },
	{ 'b', "bcc", ARITY_ARGUMENT, "ADDRESS", "a recipient whom no header names", NULL,
	    add_addresses, AT(bcc) },
	{ 's', "subject", ARITY_ARGUMENT, "TEXT", "the subject", NULL, set_text, AT(subject) },
	{ 'f', "from", ARITY_ARGUMENT, "ADDRESS", "who it is from; else the account's address",
	    NULL, set_text, AT(from) },
	{ 'r', "from", ARITY_ARGUMENT, "ADDRESS", "the same as -f", NULL, set_text, AT(from) },
	{ 0, "envelope-from", ARITY_ARGUMENT, "ADDRESS", "who is told of failures; '' is nobody",
	    NULL, set_text, AT(envelope_from) },
	{ 0, "reply-to", ARITY_ARGUMENT, "ADDRESS", "who gets the answers", NULL, set_text,
	    AT(reply_to) },
	{ 0, "in-reply-to", ARITY_ARGUMENT, "ID", "the Message-ID of what is answered", NULL,
	    set_text, AT(in_reply_to) },
	{ 0, "references", ARITY_ARGUMENT, "IDS", "those of the thread", NULL, set_text,
	    AT(references) },
	{ 'H', "header", ARITY_ARGUMENT, "'NAME: VALUE'", "a header", NULL, add_header,
	    AT(headers) },
	{ 0, "body", ARITY_ARGUMENT, "TEXT", "the text; standard input is not read", NULL, set_body,
	    AT(body) },
	{ 0, "body-file", ARITY_ARGUMENT, "FILE", "the text is in a file; - is standard input",
	    send_files, set_file, AT(body_file) },
	{ 0, "html", ARITY_ATTACHED, "FILE", "HTML from a file; without a file: the text is HTML",
	    send_files, set_html, AT(html_file) },
	{ 0, "text", ARITY_ARGUMENT, "FILE", "the text beside the HTML; else it is made from it",
	    send_files, set_file, AT(text_file) },
	{ 'a', "attach", ARITY_ARGUMENT, "FILE[;name=NAME][;type=TYPE]", "a file to go along",
	    send_files, add_attachment, 0 },
	{ 'A', "attachment", ARITY_ARGUMENT, "FILE", "the same as -a", send_files, add_attachment,
	    0 },
	{ 0, "inline", ARITY_ARGUMENT, "FILE[;cid=ID]", "a file that the HTML shows", send_files,
	    add_inline, 0 },
	{ 0, "charset", ARITY_ARGUMENT, "NAME",
	    "the character set of text and HTML, where it is not UTF-8", NULL, set_text,
	    AT(charset) },
	{ 0, "priority", ARITY_ARGUMENT, "WORD", "high, normal or low", priorities, set_priority,
	    0 },
	{ 0, "require-tls", ARITY_NONE, NULL, "every server on the way must use verified TLS", NULL,
	    set_require_tls, 0 },
	{ 0, "deliver-by", ARITY_ARGUMENT, "TIME[;WORD]", "in that time, else return it, or notify",
	    NULL, set_deliver_by, 0 },
	{ 0, "mt-priority", ARITY_ARGUMENT, "NUMBER", "for the servers on the way: -9 to 9", NULL,
	    set_mt_priority, 0 },
	{ 0, "raw", ARITY_NONE, NULL, "standard input is a whole message; the rest is added to it",
	    NULL, set_raw, 0 },
	{ 't', NULL, ARITY_NONE, NULL, "as --raw, and to those in its To, Cc and Bcc too", NULL,
	    set_raw, 0 },
	{ 0, "account", ARITY_ARGUMENT, "NAME", "the account to use", send_accounts, set_text,
	    AT(account) },
	{ 0, "dsn", ARITY_ARGUMENT, "WHEN", "delivery reports: never, or success,failure,delay",
	    notify_words, set_notify, 0 },
	{ 0, "at", ARITY_ARGUMENT, "TIME",
	    "queue it, and send it then: 08:30, 2030-01-31T08:30+01:00", NULL, set_time, 0 },
	{ 0, "in", ARITY_ARGUMENT, "DURATION", "queue it, and send it in 90s, 30m, 2h, 5d", NULL,
	    set_delay, 0 },
	{ 0, "future-release", ARITY_NONE, NULL,
	    "with --at or --in: let the server hold it, if it can", NULL, set_flag,
	    AT(future_release) },
	{ 0, "hold", ARITY_NONE, NULL, "queue it until it is released", NULL, set_flag, AT(hold) },
	{ 0, "idempotency-key", ARITY_ARGUMENT, "KEY",
	    "send it once, however often this is called within a day", NULL, set_key, 0 },
	{ 0, "receipt", ARITY_NONE, NULL, "print what became of it", NULL, set_flag, AT(receipt) },
	{ 0, "json", ARITY_NONE, NULL, "print that, or what --dry-run shows, for programs", NULL,
	    set_flag, AT(json) },
	{ 0, "dry-run", ARITY_NONE, NULL, "show envelope, server and message, and send nothing",
	    NULL, set_flag, AT(dry_run) },
	{ 0, "output", ARITY_ARGUMENT, "FILE",
	    "write the message to a file (-: here), and send nothing", send_files, set_file,
	    AT(output) },
	{ 0, "edit", ARITY_NONE, NULL, "write headers and text in $VISUAL or $EDITOR", NULL,
	    set_flag, AT(edit) },
	{ 'v', "verbose", ARITY_NONE, NULL,
	    "show the SMTP dialogue on standard error, without secrets", NULL, set_flag,
	    AT(verbose) },
	{ 'q', "quiet", ARITY_NONE, NULL, "say nothing but errors, on a terminal too", NULL,
	    set_flag, AT(quiet) },
	{ 0, "no-queue", ARITY_NONE, NULL, "fail, where it cannot be sent now", NULL, set_flag,
	    AT(no_queue) },
	{ 0, "help", ARITY_NONE, NULL, "show this help", NULL, set_flag, AT(help) },
};

const struct send_row *
send_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

static const struct send_row *
find_name(struct span name)
{
	for (size_t i = 0; send_row(i) != NULL; i++)
		if (send_row(i)->name != NULL && span_is(name, send_row(i)->name))
			return send_row(i);
	return NULL;
}

static const struct send_row *
find_letter(char letter)
{
	for (size_t i = 0; send_row(i) != NULL; i++)
		if (send_row(i)->letter == letter)
			return send_row(i);
	return NULL;
}

/* Where parsing stands. */
struct parsing {
	struct send_options *options;
	char **next, **end; /* the words still to come */
};

static int
refuse_name(struct span name, struct err *err)
{
	struct nearest nearest;

	nearest_begin(&nearest, name);
	for (size_t i = 0; send_row(i) != NULL; i++)
		if (send_row(i)->name != NULL)
			nearest_try(&nearest, send_row(i)->name);
	err_set(err, ERR_USAGE, "sendoff send has no option --%.*s", (int)name.len, name.data);
	if (nearest.name != NULL)
		return err_hint(err, "did you mean --%s?", nearest.name);
	return err_hint(err, "sendoff send --help");
}

static int
refuse_letter(char letter, struct err *err)
{
	if (ascii_is_control(letter) || is_8bit(letter))
		err_set(err, ERR_USAGE, "sendoff send has no such option");
	else
		err_set(err, ERR_USAGE, "sendoff send has no option -%c", letter);
	return err_hint(err, "sendoff send --help");
}

/* "--name", "--name=value" or "--name value". */
static int
parse_long(struct parsing *p, const char *word, struct err *err)
{
	struct span rest = span_of(word + 2), name = span_cut(&rest, '=');
	const struct send_row *row = find_name(name);
	const char *value = word[2 + name.len] == '=' ? rest.data : NULL;

	if (row == NULL)
		return refuse_name(name, err);
	if (row->arity == ARITY_NONE && value != NULL)
		return err_set(err, ERR_USAGE, "--%s takes no value", row->name);
	if (row->arity == ARITY_ARGUMENT && value == NULL) {
		if (p->next == p->end)
			return err_set(err, ERR_USAGE, "--%s needs a value", row->name);
		value = *p->next++;
	}
	return row->apply(p->options, row, value, err);
}

/* "-qv", "-sTEXT", "-s TEXT". */
static int
parse_cluster(struct parsing *p, const char *word, struct err *err)
{
	for (const char *letter = word + 1; *letter != '\0'; letter++) {
		const struct send_row *row = find_letter(*letter);
		const char *value = letter + 1;

		if (row == NULL)
			return refuse_letter(*letter, err);
		if (row->arity == ARITY_NONE) {
			if (row->apply(p->options, row, NULL, err) < 0)
				return -1;
			continue;
		}
		if (*value == '\0' && p->next == p->end)
			return err_set(err, ERR_USAGE, "-%c needs a value", *letter);
		return row->apply(p->options, row, *value != '\0' ? value : *p->next++, err);
	}
	return 0;
}

static int
parse_words(struct parsing *p, struct err *err)
{
	bool options = true;

	while (p->next < p->end) {
		const char *word = *p->next++;
		int result;

		if (options && strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		if (strcmp(word, "-") == 0)
			result = err_set(err, ERR_USAGE,
			    "\"-\" is nobody to send to; standard input is read anyway");
		else if (!options || word[0] != '-')
			/* A recipient, as by --to. */
			result = check_line("to", word, err) < 0 ?
			    -1 :
			    add_word(&p->options->to, word, err);
		else
			result = word[1] == '-' ? parse_long(p, word, err) :
						  parse_cluster(p, word, err);
		if (result < 0)
			return -1;
	}
	return 0;
}

/* Options of which each says where the same thing comes from, or which contradict each other. */
static int
check_pairs(const struct send_options *o, struct err *err)
{
	const struct pair {
		bool first, second;
		const char *names[2];
	} pairs[] = {
		{ o->body != NULL, o->body_file != NULL, { "--body", "--body-file" } },
		{ o->html, o->html_file != NULL, { "--html", "--html=FILE" } },
		{ o->text_file != NULL, !o->html && (o->body != NULL || o->body_file != NULL),
		    { "--text", "--body" } },
		{ o->raw, o->body != NULL || o->body_file != NULL, { "--raw", "--body" } },
		{ o->raw, o->html || o->html_file != NULL, { "--raw", "--html" } },
		{ o->raw, o->text_file != NULL, { "--raw", "--text" } },
		{ o->raw, o->edit, { "--raw", "--edit" } },
		{ o->no_queue, o->not_before_ms != 0 && !o->future_release,
		    { "--no-queue", "--at" } },
		{ o->no_queue, o->hold, { "--no-queue", "--hold" } },
		{ o->hold, o->not_before_ms != 0, { "--hold", "--at" } },
		{ o->hold, o->future_release, { "--hold", "--future-release" } },
		{ o->verbose, o->quiet, { "--verbose", "--quiet" } },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].first && pairs[i].second)
			return err_set(err, ERR_USAGE, "%s does not go with %s", pairs[i].names[0],
			    pairs[i].names[1]);
	return 0;
}

/* Standard input can be one thing. */
static int
check_stdin(const struct send_options *o, struct err *err)
{
	const char *const files[] = { o->body_file, o->html_file, o->text_file };
	unsigned count = o->raw;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		count += files[i] != NULL && send_path_is_stdin(files[i]);
	for (size_t i = 0; i < o->part_count; i++)
		count += send_path_is_stdin(o->parts[i].path);
	return count < 2 ?
	    0 :
	    err_set(err, ERR_USAGE, "standard input can be read for one thing alone");
}

/* The time is the server's to wait for, in whole seconds: not before. */
static int
settle_time(struct send_options *o, struct err *err)
{
	if (!o->future_release)
		return 0;
	if (o->not_before_ms == 0)
		return err_set(err, ERR_USAGE, "--future-release needs a time: --at or --in");
	o->requests.hold_until_s = (o->not_before_ms + 999) / 1000;
	o->not_before_ms = 0;
	if (o->requests.hold_until_s > DATE_UTC_MAX)
		return err_set(err, ERR_USAGE, "--at: no server can be told a year behind 9999");
	return 0;
}

int
send_options_parse(struct send_options *options, int argc, char **argv, int64_t now_ms,
    struct err *err)
{
	struct parsing parsing = { options, argv, argv + argc };

	*options = (struct send_options){ .now_ms = now_ms };
	if (parse_words(&parsing, err) < 0)
		return -1;
	if (options->help)
		return 0;
	return check_pairs(options, err) < 0 || check_stdin(options, err) < 0 ?
	    -1 :
	    settle_time(options, err);
}

void
send_options_release(struct send_options *options)
{
	free(options->to.items);
	free(options->cc.items);
	free(options->bcc.items);
	free(options->headers.items);
	for (size_t i = 0; i < options->part_count; i++)
		free(options->part_words[i]);
	free(options->part_words);
	free(options->parts);
	*options = (struct send_options){ .now_ms = 0 };
}
