/* SPDX-License-Identifier: ISC */
#include "command/help.h"

#include "base/buf.h"
#include "command/option.h"

static void
add_option(struct buf *out, const struct option_row *row)
{
	const char *argument = row->argument != NULL ? row->argument : "";

	if (row->letter != '\0')
		buf_addf(out, "-%c%s%s", row->letter, row->arity == ARITY_ARGUMENT ? " " : "", argument);
	if (row->name != NULL)
		buf_addf(out, "%s--%s%s%s", row->letter != '\0' ? ", " : "", row->name, argument[0] != '\0' ? "=" : "", argument);
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

void
help_print(FILE *out)
{
	fputs("usage: sendmail [OPTION...] [--] [RECIPIENT...] < message\n"
	    "       sendmail -t [OPTION...] < message\n"
	    "       sendoff [-C FILE] [OPTION...] [--] RECIPIENT... < message\n"
	    "       sendoff help | version\n"
	    "\n"
	    "Hands a message to the mail server that the configuration names.\n"
	    "\n", out);
	print_options(out);
	fputs("  -C FILE, --config=FILE    the configuration; only for sendoff, only as first argument\n\n", out);
	print_ignored(out);
	fputs("\nManuals: sendoff(1), sendoff.conf(5), sendmail(8)\n", out);
}

void
help_version(FILE *out)
{
	fputs("sendoff " VERSION "\n", out);
}
