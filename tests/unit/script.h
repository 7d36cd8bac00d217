/* SPDX-License-Identifier: ISC */
/*
 * Tails of queue files as text, and queued messages as text, for tables of cases.
 *
 * A script is words; digits are recipients, by number:
 *
 *	[ (		a batch begins: the first since the message was taken, or another
 *	S Sf Sd Sr	SENDING: the message, or a notice (failed, delayed, relayed)
 *	w01 d01		OUTCOME waiting, not in doubt and in doubt
 *	a01 q01		… accepted; accepted by a server that knows no DSN
 *	r01 z01		… refused, settled
 *	A Af		ATTEMPT, of the message or a notice
 *	Nf01 Nd01 Nr01	NOTICE
 *	n H U F R T	NEXT, HOLD, RELEASE, FAILED, RETRY, AT
 *
 * Each record's time is its number in the script.
 */
#ifndef SENDOFF_UNIT_SCRIPT_H
#define SENDOFF_UNIT_SCRIPT_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/file.h"
#include "store/item.h"

static enum notice
script_notice(const char **word)
{
	static const char letters[] = "fdr";
	const char *at = **word != '\0' ? strchr(letters, **word) : NULL;

	if (at == NULL)
		return NOTICE_NONE;
	(*word)++;
	return (enum notice)(NOTICE_FAILED + (at - letters));
}

static void
script_outcome(struct record *r, char letter)
{
	static const char letters[] = "warz";

	r->type = RECORD_OUTCOME;
	r->state = letter == 'd' ? ITEM_WAITING :
	    letter == 'q'        ? ITEM_ACCEPTED :
				   (uint64_t)(strchr(letters, letter) - letters);
	r->in_doubt = letter == 'd';
	r->notice = letter == 'q' ? NOTICE_RELAYED : NOTICE_NONE;
	if (letter == 'w' || letter == 'd' || letter == 'r') {
		r->kind = span_of(letter == 'r' ? "refused" : "temporary");
		r->text = span_of(letter == 'r' ? "refused" : letter == 'd' ? "lost" : "later");
		r->reply = span_of("450 4.2.1 words");
		r->code = 450;
		r->enhanced = span_of("4.2.1");
		r->server = span_of("host:25");
	}
}

static void
script_record(struct buf *out, const char *word, int64_t number)
{
	struct record r = { .time_ms = number };
	struct buf ranges = BUF_INIT(10000);
	char letter = *word++;

	switch (letter) {
	case 'S':
		r.type = RECORD_SENDING;
		r.attempt = 1;
		r.notice = script_notice(&word);
		break;
	case 'A':
		r.type = RECORD_ATTEMPT;
		r.attempt = (uint64_t)number;
		r.notice = script_notice(&word);
		break;
	case 'N':
		r.type = RECORD_NOTICE;
		r.notice = script_notice(&word);
		break;
	case 'n':
	case 'T':
		r.type = letter == 'n' ? RECORD_NEXT : RECORD_AT;
		r.next_ms = 1000 + number;
		break;
	case 'F':
		r.type = RECORD_FAILED;
		r.text = span_of("cannot");
		break;
	case 'H':
	case 'U':
	case 'R':
		r.type = letter == 'H' ? RECORD_HOLD :
		    letter == 'U'      ? RECORD_RELEASE :
					 RECORD_RETRY;
		r.uid = 7;
		break;
	default:
		script_outcome(&r, letter);
		break;
	}
	for (; isdigit((unsigned char)*word); word++)
		record_add_range(&ranges, (uint32_t)(*word - '0'), 1);
	r.recipients = (struct span){ ranges.data, ranges.len };
	record_write(out, &r);
	buf_release(&ranges);
}

/* Appends what the script says to a tail of which `before` octets are there. */
static void
script_write(struct buf *out, const char *script, size_t before)
{
	struct span rest = span_of(script);
	struct buf batch = BUF_INIT(SIZE_MAX);
	int64_t number = 0;
	char kind = '\0';

	while (rest.len > 0 || kind != '\0') {
		char *word = span_dup(span_cut(&rest, ' '));

		if (*word == '[' || *word == '(' || *word == '\0') {
			if (kind != '\0')
				file_add_batch(out, before + out->len, kind == '[',
				    (struct span){ batch.data, batch.len });
			buf_clear(&batch);
			kind = *word;
		} else {
			script_record(kind != '\0' ? &batch : out, word, ++number);
		}
		free(word);
	}
	buf_release(&batch);
}

/* The item in words: "waiting? accepted; in doubt, attempts 1". */
static void
script_describe(struct buf *out, const struct item *item)
{
	static const char *const states[] = { "waiting", "accepted", "refused", "settled" };
	static const char *const notices[] = { "", ", failure notice in doubt",
		", delay notice in doubt", ", relay notice in doubt" };

	for (size_t i = 0; i < item->envelope.count; i++) {
		const struct item_recipient *r = &item->recipients[i];

		buf_addf(out, "%s%s%s%s%s", i > 0 ? " " : "", states[r->state],
		    r->err.in_doubt ? "?" : "", r->sending ? "!" : "",
		    r->delay_told ? "+delay" : "");
		if (r->state == ITEM_ACCEPTED && !r->relay_told)
			buf_adds(out, "+untold");
	}
	buf_adds(out, item->in_doubt ? ", in doubt" : "");
	buf_adds(out, notices[item->notice_in_doubt]);
	buf_adds(out, item->held ? ", held" : "");
	buf_adds(out, item->not_before_ms > 0 ? ", timed" : "");
	buf_adds(out, item->failed ? ", failed" : "");
	if (item->attempts > 0)
		buf_addf(out, ", attempts %u", item->attempts);
}

#endif
