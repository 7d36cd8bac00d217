/* SPDX-License-Identifier: ISC */
#include "command/help.h"

#include "base/buf.h"
#include "command/option.h"
#include "command/queue.h"
#include "command/send_option.h"
#include "config/keys.h"

enum { SEND_COLUMN = 28 }; /* octets before what an option of `sendoff send` means */

static void
add_option(struct buf *out, const struct option_row *row)
{
	const char *argument = row->argument != NULL ? row->argument : "";

	if (row->letter != '\0')
		buf_addf(out, "-%c%s%s", row->letter, row->arity == ARITY_ARGUMENT ? " " : "",
		    argument);
	if (row->name != NULL)
		buf_addf(out, "%s--%s%s%s", row->letter != '\0' ? ", " : "", row->name,
		    argument[0] != '\0' ? "=" : "", argument);
}

static void
print_options(FILE *out)
{
	struct buf text = BUF_INIT(256);

	for (size_t i = 0; option_row(i) != NULL; i++) {
		if (option_row(i)->what == NULL)
			continue;
		buf_clear(&text);
		add_option(&text, option_row(i));
		fprintf(out, "  %-24s  %s\n", text.data, option_row(i)->what);
	}
	buf_release(&text);
}

/* The letters that are accepted for the sake of callers, and mean nothing here. */
static void
print_ignored(FILE *out)
{
	fputs("Accepted and ignored:", out);
	for (size_t i = 0; option_row(i) != NULL; i++)
		if (option_row(i)->apply == NULL)
			fprintf(out, " -%c", option_row(i)->letter);
	fputs("\n", out);
}

static void
print_queue_commands(FILE *out)
{
	static const char *const operands[] = {
		[QUEUE_NONE] = "",
		[QUEUE_ONE] = " ID",
		[QUEUE_ANY] = " [ID...]",
		[QUEUE_SOME] = " ID...|ALL",
	};
	struct buf text = BUF_INIT(256);

	fputs("\nsendoff queue, where messages wait that could not be sent:\n", out);
	for (size_t i = 0; queue_row(i) != NULL; i++) {
		const struct queue_row *row = queue_row(i);

		buf_clear(&text);
		buf_addf(&text, "%s", row->name);
		for (size_t k = 0; queue_option_row(k) != NULL; k++)
			if ((row->options & queue_option_row(k)->option) != 0)
				buf_addf(&text, " [%s]", queue_option_row(k)->text);
		buf_adds(&text, operands[row->operands]);
		fprintf(out, "  %-34s  %s\n", text.data, row->what);
	}
	buf_release(&text);
}

void
help_print(FILE *out)
{
	fputs("usage: sendmail [OPTION...] [--] [RECIPIENT...] < message\n"
	      "       sendmail -t [OPTION...] < message\n"
	      "       sendoff [-C FILE] [OPTION...] [--] RECIPIENT... < message\n"
	      "       sendoff [-C FILE] send [OPTION...] [--] RECIPIENT... < text\n"
	      "       sendoff [-C FILE] queue COMMAND [OPTION] [ID...]\n"
	      "       sendoff help [keys] | version\n"
	      "\n"
	      "Hands a message to the mail server that the configuration names.\n"
	      "\n",
	    out);
	print_options(out);
	fputs(
	    "  -C FILE, --config=FILE    the configuration; only for sendoff, only as first argument\n\n",
	    out);
	print_ignored(out);
	fputs(
	    "\nsendoff send makes a message of text and files, and sends it: sendoff send --help\n",
	    out);
	print_queue_commands(out);
	fputs(
	    "\nManuals: sendoff(1), sendoff-send(1), sendoff-queue(1), sendoff.conf(5), sendmail(8)\n",
	    out);
}

void
help_print_keys(FILE *out)
{
	fputs("The keys of the configuration. Each begins a line, with its value behind it:\n\n",
	    out);
	for (size_t i = 0; key_row(i) != NULL; i++) {
		const struct key *key = key_row(i);

		fprintf(out, "  %s%s%s", key->name, key->form[0] != '\0' ? " " : "", key->form);
		if (key->initial != NULL)
			fprintf(out, " (default: %s)", key->initial);
		fprintf(out, "\n      %s\n", key->what);
	}
	fputs("\nManual: sendoff.conf(5)\n", out);
}

static void
add_send_option(struct buf *out, const struct send_row *row)
{
	const char *argument = row->argument != NULL ? row->argument : "";

	if (row->letter != '\0')
		buf_addf(out, "-%c%s", row->letter, row->name != NULL ? ", " : "");
	else
		buf_adds(out, "    ");
	if (row->name != NULL && row->arity == ARITY_ATTACHED)
		buf_addf(out, "--%s[=%s]", row->name, argument);
	else if (row->name != NULL)
		buf_addf(out, "--%s%s%s", row->name, argument[0] != '\0' ? "=" : "", argument);
}

void
help_print_send(FILE *out)
{
	struct buf text = BUF_INIT(256);

	fputs(
	    "usage: sendoff [-C FILE] send [OPTION...] [--] RECIPIENT... < text\n"
	    "\n"
	    "Makes a message of text and files, and sends it. Options may stand behind recipients.\n"
	    "\n",
	    out);
	for (size_t i = 0; send_row(i) != NULL; i++) {
		buf_clear(&text);
		add_send_option(&text, send_row(i));
		if (text.len > SEND_COLUMN)
			fprintf(out, "  %s\n  %-*s  %s\n", text.data, SEND_COLUMN, "",
			    send_row(i)->what);
		else
			fprintf(out, "  %-*s  %s\n", SEND_COLUMN, text.data, send_row(i)->what);
	}
	fputs("\nManual: sendoff-send(1)\n", out);
	buf_release(&text);
}

void
help_version(FILE *out)
{
	fputs("sendoff " VERSION "\n", out);
}
