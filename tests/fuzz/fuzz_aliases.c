/* SPDX-License-Identifier: ISC */
/*
 * /etc/aliases, whatever it holds: names come to addresses, to themselves, or to an error that says
 * where.
 */
#include <stdint.h>
#include <string.h>

#include "config/aliases.h"
#include "fuzz.h"

enum { NAMES = 8 };

static bool
is_here(const char *mailbox, const void *arg)
{
	(void)arg;
	return strchr(mailbox, '@') == NULL;
}

/* What it comes to can be sent to; the same is found each time. */
static void
check_name(const struct aliases *aliases, struct span name)
{
	struct address_list list = ADDRESS_LIST_INIT;
	size_t counts[2] = { 0, 0 };
	struct err err;
	bool found;

	err_init(&err);
	for (unsigned i = 0; i < 2; i++) {
		size_t before = list.count;

		if (aliases_expand(aliases, name, is_here, NULL, &list, &found, &err) < 0) {
			check(err.kind == ERR_CONFIG && err.what.len > 0);
			check(list.count == before);
		} else {
			check(found == (list.count > before));
		}
		counts[i] = list.count - before;
	}
	check(counts[0] == counts[1] && counts[0] <= ALIASES_MAX);
	for (size_t i = 0; i < list.count; i++) {
		check(list.items[i].mailbox[0] != '\0');
		check(!span_has_control(span_of(list.items[i].mailbox)));
	}
	address_list_release(&list);
	err_release(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size }, rest = text;
	struct aliases *aliases;
	struct err err;

	err_init(&err);
	if (aliases_parse("aliases", text, &aliases, &err) < 0) {
		check(aliases == NULL && err.kind == ERR_CONFIG &&
		    strncmp(err.what.data, "aliases:", 8) == 0);
		err_release(&err);
		return 0;
	}
	/* Names as they stand there, and some that do not. */
	for (unsigned i = 0; i < NAMES && rest.len > 0; i++) {
		struct span line = span_cut(&rest, '\n');

		check_name(aliases, span_trim(span_cut(&line, ':')));
	}
	check_name(aliases, span_of("root"));
	check_name(aliases, span_of(""));
	aliases_free(aliases);
	err_release(&err);
	return 0;
}
