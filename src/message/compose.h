/* SPDX-License-Identifier: ISC */
/*
 * Makes a message of its parts: text, HTML, inline parts, attachments (RFC 2045 to 2049, 2183, 2231, 2387).
 *
 *	text                        the text
 *	text, HTML                  multipart/alternative: text, HTML
 *	HTML with inline parts      multipart/related: HTML, the inline parts (in the alternative)
 *	any of them, attachments    multipart/mixed: that, the attachments
 *	a message as it is, parts   its own headers; its content becomes the first part of a multipart/mixed, or the parts are
 *	                            added to the one it is
 *
 * Memory does not grow with what is attached: everything is encoded on its way into the message's spool.
 */
#ifndef SENDOFF_MESSAGE_COMPOSE_H
#define SENDOFF_MESSAGE_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "message/message.h"

enum part_role { PART_ATTACHED, PART_INLINE };

/* A file that goes along. */
struct compose_part {
	enum part_role role;
	const char *path;	/* as given; a FIFO or /dev/stdin too */
	int fd;			/* open for reading, borrowed: compose_open() */
	const char *name;	/* the name that the receiver sees; NULL: the path's last component */
	const char *type;	/* "type/subtype", with parameters; NULL: by name and content */
	const char *content_id;	/* PART_INLINE: without <>; NULL: the name */
};

struct compose {
	/*
	 * Headers: text in UTF-8; NULL or empty: no such header.  Addresses are lists as people write them ("Bob Müller
	 * <bob@example.org>, eve@example.org"); that they can be parsed was seen before.
	 */
	const char *subject;
	const char *from, *to, *cc, *reply_to;
	const char *in_reply_to, *references;	/* message ids, with <> */
	const char *const *headers;		/* "Name: value" each, of the caller's own; NULL behind the last */
	int priority;				/* 1 high, 5 low, 0 none: X-Priority and Importance */
	/* What is said: descriptors are read to their end. */
	int text_fd;				/* -1: none */
	struct span text;			/* … or this; data NULL: none */
	int html_fd;
	struct span html;
	const char *charset;			/* of text and HTML; NULL: UTF-8 where it is, else found out */
	const char *html_dir;			/* where <img src> of the HTML is looked for and taken along; NULL: not at all */
	const struct message *base;		/* a message as it is, to which the parts are added; or NULL */
	const struct compose_part *parts;
	size_t part_count;
};

/*
 * Opens what is to be attached: all of them, before anything is made, so that nothing is sent where one cannot be read.
 * Errors: ERR_NO_INPUT (missing, unreadable, a directory: names it).
 */
int compose_open(struct compose_part *parts, size_t count, struct err *err);
void compose_close(struct compose_part *parts, size_t count);

/*
 * Makes the message (message_init()ed; its header without Date and Message-ID, which message_complete() adds; its facts).
 * The spool is made in `place`.
 * Errors: ERR_USAGE (a header or name with CR, LF or NUL, or no header at all), ERR_NO_INPUT (reading failed, or a file grew
 * or shrank below its first length while it was read), ERR_MESSAGE (a charset that is not known, text that is not in it, a
 * header that is too long), ERR_CANT_CREATE, ERR_TEMPORARY, ERR_SYSTEM.
 */
int compose_message(const struct compose *compose, const struct spool_place *place, struct message *message,
    struct err *err);

#endif
