/* SPDX-License-Identifier: ISC */
/*
 * Makes a message of its parts: text, HTML, inline parts, attachments (RFC 2045 to 2049, 2183,
 * 2231, 2387, 2392).
 *
 * 	text                       the text
 * 	text, HTML                 multipart/alternative: text, HTML
 * 	HTML alone                 the same, with a text made of the HTML; text/html alone, where
 * 	                           that is blank
 * 	HTML with inline parts     multipart/related: HTML, the inline parts (in the alternative)
 * 	any of them, attachments   multipart/mixed: that, the attachments (inline parts too,
 * 	                           where there is no HTML)
 * 	attachments alone          multipart/mixed: the attachments
 * 	a message as it is, parts  its own headers; its content becomes the first part of a
 * 	                           multipart/mixed, or the parts are added to the one it is
 *
 * Text goes as it is (7bit, or 8bit in UTF-8) where its lines allow it, else in quoted-printable or
 * base64, whichever is shorter; a reader gets its lines, whatever ended them, the last one with an
 * end.  Attachments give back the very octets: all of them are base64, those with text, too.
 * Messages as attachments (message/…) are no more than 7bit or 8bit can be, as RFC 2046 section
 * 5.2.1 wants: they get CRLF line ends; where they have NULs, lone CRs, lines over 998 octets or no
 * header, or are attached inline in 8bit, they go as application/octet-stream in base64.
 *
 * Memory does not grow with text or with what is attached: everything is encoded on its way into
 * the message's spool.  Only HTML that is looked at as a whole, because a text is made from it or
 * images are looked for, is held in memory: at most 64 MiB of it.
 *
 * Text and HTML become UTF-8.  HTML goes as it is otherwise, but for the charset that a meta
 * element at its begin names, which becomes "utf-8": readers heed the part's Content-Type (RFC 2854
 * section 6), but what they save has the meta element alone.
 */
#ifndef SENDOFF_COMPOSE_COMPOSE_H
#define SENDOFF_COMPOSE_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "message/message.h"

enum part_role { PART_ATTACHED, PART_INLINE };

/* A file that goes along. */
struct compose_part {
	enum part_role role;
	const char *path; /* as given; a FIFO or /dev/stdin too */
	int fd; /* open for reading, borrowed: compose_open(); -1: opened by its path when it is
		   read */
	/*
	 * The name that the receiver sees; NULL: the path's last component.  '/', control
	 * characters and octets that are no UTF-8 become '_'.
	 */
	const char *name;
	/*
	 * "type/subtype", with parameters, no multipart; NULL: by the name, by what it begins with,
	 * and, where neither tells, text/plain for UTF-8 without control characters,
	 * application/octet-stream else.  text/… without a charset gets the one that is found.
	 */
	const char *type;
	const char *content_id; /* PART_INLINE: without <>; NULL: the name, '_' for what cannot
				   stand there */
};

struct compose {
	/*
	 * Headers: text in UTF-8; NULL or empty: no such header.  Addresses are lists as people
	 * write them ("Bob Müller <bob@example.org>, eve@example.org"); that they can be parsed was
	 * seen before.
	 */
	const char *subject;
	const char *from, *to, *cc, *reply_to;
	const char *in_reply_to, *references; /* message ids, with <> */
	/*
	 * "Name: value" each, of the caller's own, in UTF-8; NULL behind the last; NULL: none.
	 * They stand behind those above.  Values in ASCII stay as they are, but for folding, others
	 * are encoded; Subject and Comments are text, From, Sender and the like are lists of
	 * addresses.  Refused: what is made here (MIME-Version, Content-Type and the like), Bcc,
	 * and a second From, To, Subject and whatever else a message has once.
	 */
	const char *const *headers;
	int priority; /* 1 high, 5 low, 0 none: X-Priority and Importance */
	/* What is said: descriptors are read to their end. */
	int text_fd;      /* -1: none */
	struct span text; /* … or this; data NULL: none */
	int html_fd;
	struct span html;
	/*
	 * Of text and HTML; NULL: found out (charset_guess()).  HTML that is not UTF-8 can tell it
	 * itself, by <meta charset> or <meta http-equiv=content-type> in its first 1024 octets;
	 * what is UTF-8 is that, whatever it says.
	 */
	const char *charset;
	/*
	 * Where <img src> of the HTML is looked for and taken along: relative paths below it, no
	 * symbolic links followed; what is elsewhere stays as it is.  NULL: not at all.
	 */
	const char *html_dir;
	/*
	 * A message as it is, to which the parts are added; or NULL.  Text and HTML are not used
	 * then.  Headers above which a message has once take the place of the base's.  A base that
	 * is no multipart/mixed, or that does not end as one should, becomes the first part as it
	 * is, signed and encrypted ones too.
	 */
	const struct message *base;
	const struct compose_part *parts;
	size_t part_count;
	/*
	 * What boundaries and Content-IDs are made of, letters and digits, at most 32: the same
	 * parts come to the same message then.  NULL: names that occur once in the world.
	 */
	const char *seed;
};

/*
 * Opens what is to be attached: all of them, before anything is made, so that nothing is sent where
 * one cannot be read. FIFOs are not waited for here, but where they are read.  "/dev/stdin" is the
 * descriptor, from where it stands.  Of many files only some stay open.
 * Errors: ERR_NO_INPUT (missing, unreadable, a directory, a device: names it); none is open then.
 */
int compose_open(struct compose_part *parts, size_t count, struct err *err);
void compose_close(struct compose_part *parts, size_t count);

/*
 * Makes the message (message_init()ed; its header without Date and Message-ID, which
 * message_complete() adds; its facts).  The spool is made in `place`.
 * Errors: ERR_USAGE (a header that is none, is refused, or has CR, LF or another control character;
 * a type or content id that is none), ERR_ADDRESS (a list of addresses: names the header),
 * ERR_NO_INPUT (reading failed, or the size of a file changed while it was read; an image of the
 * HTML that is missing), ERR_MESSAGE (a charset that is not known, text that is not in it, a header
 * that is too long, HTML that is too large), ERR_IO (the base, the copy of a text),
 * ERR_CANT_CREATE, ERR_TEMPORARY (no random numbers; a boundary that occurs in a part), ERR_SYSTEM.
 */
int compose_message(const struct compose *compose, const struct spool_place *place,
    struct message *message, struct err *err);

#endif
