/* SPDX-License-Identifier: ISC */
/*
 * Any octets as a line that a client says: what is taken is written, and read again as the same.
 */
#include <stdint.h>
#include <string.h>

#include "format/command.h"
#include "fuzz.h"

static bool
same(struct span a, struct span b)
{
	return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
	    (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static struct span
behind_verb(const struct buf *line, enum command_verb verb)
{
	struct span rest = { line->data, line->len };

	check(buf_ok(line) && command_verb(&rest) == verb);
	return rest;
}

static void
try_mail(struct span rest)
{
	struct buf text = BUF_INIT((size_t)4 * COMMAND_LINE_MAX), again = text, line = text;
	struct mail_command a, b;
	struct err err;

	err_init(&err);
	if (command_read_mail(rest, &a, &text, &err) == 0) {
		command_add_mail(&line, &a);
		check(command_read_mail(behind_verb(&line, COMMAND_MAIL), &b, &again, &err) == 0);
		check(same(a.path, b.path) && same(a.envid, b.envid) && same(a.auth, b.auth));
		check(a.has_size == b.has_size && a.size == b.size && a.body == b.body);
		check(a.utf8 == b.utf8 && a.ret == b.ret && a.require_tls == b.require_tls);
		check(a.has_by == b.has_by && a.by_return == b.by_return &&
		    a.by_trace == b.by_trace && a.by_s == b.by_s);
		check(a.hold_for_s == b.hold_for_s && a.hold_until_s == b.hold_until_s);
		check(a.has_priority == b.has_priority && a.priority == b.priority);
	} else {
		check(err.reply_code / 100 == 5 && err.enhanced[0] == '5');
	}
	err_release(&err);
	buf_release(&text);
	buf_release(&again);
	buf_release(&line);
}

static void
try_rcpt(struct span rest, bool utf8)
{
	struct buf text = BUF_INIT((size_t)4 * COMMAND_LINE_MAX), again = text, line = text;
	struct rcpt_command a, b;
	struct err err;

	err_init(&err);
	if (command_read_rcpt(rest, utf8, &a, &text, &err) == 0) {
		command_add_rcpt(&line, &a, utf8);
		check(utf8 || !span_has_8bit((struct span){ line.data, line.len }));
		rest = behind_verb(&line, COMMAND_RCPT);
		/* What is written without UTF-8 may be longer than ORCPT may be. */
		if (command_read_rcpt(rest, utf8, &b, &again, &err) == 0)
			check(same(a.path, b.path) && a.notify == b.notify &&
			    same(a.orcpt_type, b.orcpt_type) && same(a.orcpt, b.orcpt));
		else
			check(a.orcpt.data != NULL && line.len > COMMAND_ADDRESS_MAX);
	} else {
		check(err.reply_code / 100 == 5 && err.enhanced[0] == '5');
	}
	err_release(&err);
	buf_release(&text);
	buf_release(&again);
	buf_release(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	enum command_verb verb;

	if (size > COMMAND_LINE_MAX)
		return 0;
	verb = command_verb(&rest);
	if (verb == COMMAND_MAIL)
		try_mail(rest);
	if (verb == COMMAND_RCPT) {
		try_rcpt(rest, false);
		try_rcpt(rest, true);
	}
	return 0;
}
