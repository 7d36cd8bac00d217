/* SPDX-License-Identifier: ISC */
/*
 * Any octets as what a server sends: lines of replies, the text of a reply to EHLO, a challenge in
 * base64.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/codec.h"
#include "format/reply.h"
#include "fuzz.h"

static void
check_reply(const struct reply *r, struct span line)
{
	char enhanced[12];

	check(r->code >= 200 && r->code <= 559);
	check(reply_class(r) >= 2 && reply_class(r) <= 5);
	check(r->lines > 0 && r->lines <= REPLY_LINES_MAX && r->text.len <= REPLY_TEXT_MAX);
	check(r->complete == (line.len == 3 || line.data[3] == ' '));
	memset(enhanced, 'x', sizeof(enhanced));
	reply_enhanced(r, enhanced);
	check(memchr(enhanced, '\0', sizeof(enhanced)) != NULL);
	check(enhanced[0] == '\0' || enhanced[0] == '0' + reply_class(r));
	check(strspn(enhanced, "0123456789.") == strlen(enhanced));
}

static void
read_replies(struct span text)
{
	struct reply r;
	struct err err;

	reply_init(&r);
	err_init(&err);
	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');
		unsigned lines = r.lines;
		size_t len = r.text.len;

		if (reply_add_line(&r, line, &err) < 0) {
			check(err.kind == ERR_PROTOCOL);
			check(!span_has_control((struct span){ err.what.data, err.what.len }));
			check(utf8_valid((struct span){ err.what.data, err.what.len }));
			check(r.lines == lines && r.text.len == len && !r.complete);
			reply_clear(&r);
			continue;
		}
		check_reply(&r, line);
		if (r.complete)
			reply_clear(&r);
	}
	reply_release(&r);
	err_release(&err);
}

static void
read_ehlo(struct span text)
{
	struct ehlo e;
	struct span rest;

	ehlo_init(&e);
	ehlo_parse(&e, text);
	check(buf_ok(&e.mechanisms) && e.mechanisms.len <= 1024);
	check(e.size || e.size_max == 0);
	check(e.auth || e.mechanisms.len == 0);
	check(e.deliver_by_min_s >= 0 && e.deliver_by_min_s <= EHLO_SECONDS_MAX &&
	    (e.deliver_by || e.deliver_by_min_s == 0));
	check(e.hold_max_s >= 0 && e.hold_max_s <= EHLO_SECONDS_MAX && e.hold_until_max_s >= 0);
	check(e.future_release ||
	    (e.hold_max_s == EHLO_SECONDS_MAX && e.hold_until_max_s == INT64_MAX));
	rest = (struct span){ e.mechanisms.data, e.mechanisms.len };
	while (rest.len > 0) {
		struct span word = span_cut(&rest, ' ');
		char *name = span_dup(word);

		check(name != NULL && word.len > 0 && ehlo_has_mechanism(&e, name));
		check(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == word.len);
		free(name);
	}
	ehlo_release(&e);
}

/* What can be decoded has one form only: encoding gives the same text again. */
static void
read_base64(struct span text)
{
	struct buf octets = BUF_INIT(SIZE_MAX), again = BUF_INIT(SIZE_MAX);

	if (base64_decode(&octets, text)) {
		base64_add(&again, (struct span){ octets.data, octets.len });
		check(again.len == text.len &&
		    (text.len == 0 || memcmp(again.data, text.data, text.len) == 0));
	} else {
		check(octets.len == 0 && buf_ok(&octets) && octets.data[0] == '\0');
	}
	buf_release(&octets);
	buf_release(&again);
}

static void
write_codes(struct span octets)
{
	struct buf text = BUF_INIT(SIZE_MAX), back = BUF_INIT(SIZE_MAX);

	base64_add(&text, octets);
	check(base64_decode(&back, (struct span){ text.data, text.len }));
	check(back.len == octets.len &&
	    (octets.len == 0 || memcmp(back.data, octets.data, octets.len) == 0));
	buf_clear(&text);
	xtext_add(&text, octets);
	check(xtext_valid((struct span){ text.data, text.len }));
	xtext_valid(octets);
	buf_release(&text);
	buf_release(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };

	if (size == 0)
		return 0;
	read_replies(text);
	read_ehlo(text);
	read_base64(text);
	write_codes(text);
	return 0;
}
