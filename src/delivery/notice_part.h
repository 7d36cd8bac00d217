/* SPDX-License-Identifier: ISC */
/*
 * What the files of a notice share: notice.c makes the message, notice_text.c the part for people,
 * notice_status.c the one for programs.  For them alone.
 *
 * They append to a buf and leave buf_ok() to the caller; lines end with CRLF, and nothing that
 * comes from elsewhere can end one.
 */
#ifndef SENDOFF_DELIVERY_NOTICE_PART_H
#define SENDOFF_DELIVERY_NOTICE_PART_H

#include "delivery/notice.h"

struct notice_work {
	const struct item *item;
	const struct notice_facts *facts;
	enum notice notice;
	size_t count;   /* recipients it is about */
	bool seven_bit; /* a server would not take the message as it is: what goes to it now must be
			   plain */
	bool global;    /* an address is not in ASCII, and may be written so (RFC 6533) */
	bool whole;     /* the message goes back, not its header alone */
};

enum {
	NOTICE_COLUMNS = 76,     /* octets of a line that can be broken */
	NOTICE_WORDS_MAX = 1024, /* octets of what a server said, or of a sentence, that are told */
};

/* Appends the text for people. */
void notice_text(const struct notice_work *work, struct buf *out);

/*
 * Appends the fields about the message, and those about one recipient (RFC 3464 sections 2.2 and
 * 2.3).
 */
void notice_status_message(const struct notice_work *work, struct buf *out);
void notice_status_recipient(const struct notice_work *work, size_t recipient, struct buf *out);

/*
 * Appends the server's words as one line, its code once in front, and not yet printable; nothing
 * where none spoke.
 */
void notice_add_reply(struct buf *out, const struct err *err);

/* Appends the time (RFC 5322), local; nothing where it cannot be told. */
void notice_add_date(struct buf *out, int64_t ms);

/* The first max octets, without half a character at the end. */
struct span notice_cut(struct span text, size_t max);

/*
 * Appends the words of printable text behind what fills `column` octets of the line; a line that
 * grows too long goes on behind CRLF and indent.  Several spaces become one.
 */
void notice_add_words(struct buf *out, size_t column, const char *indent, struct span text);

#endif
