/* SPDX-License-Identifier: ISC */
/*
 * What the halves of compose.h share: for compose*.c alone.
 *
 * compose.c has the structure; compose_header.c the header fields; compose_source.c what files
 * give; compose_part.c a file as a part; compose_text.c text and HTML; compose_base.c a message as
 * it is.
 */
#ifndef SENDOFF_COMPOSE_WORK_H
#define SENDOFF_COMPOSE_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "compose/compose.h"
#include "format/encode.h"
#include "format/fold.h"
#include "message/message.h"
#include "message/scan.h"
#include "message/spool.h"

enum {
	COMPOSE_BLOCK = 1024 * BASE64_LINE,  /* octets of a file that are read and encoded at a time
					      */
	COMPOSE_HEAD_MAX = 64 * 1024,        /* octets of a part's header fields */
	COMPOSE_HTML_MAX = 64 * 1024 * 1024, /* octets of HTML that is read as a whole: what is more
						can be attached */
	COMPOSE_NAME_MAX = 4096,             /* octets of a file name */
};

/* One message in the making. */
struct composer {
	const struct compose *compose;
	const struct spool_place *place;
	struct message *message;
	struct err *err;
	struct scan scan; /* what went to the body, but for base64 and a base: these are known */
	struct buf wire;  /* a block on its way to the spool */
	/*
	 * All boundaries are "=_" and this, a '_' and a digit: what goes out unencoded must not
	 * have it.
	 */
	struct buf root;
	unsigned names, boundaries; /* how many were made */
	struct span foreign; /* the boundary of a base that gets more parts: "--" and it; or empty
			      */
	bool multipart;      /* the message is one */
	bool binary;         /* the base says that of itself */
	struct buf ids;      /* the Content-IDs so far, each with <> */
};

/* Octets for the body: looked at; or, lines of 7-bit text, no longer than line_max, known. */
int composer_put(struct composer *w, struct span octets);
int composer_put_known(struct composer *w, struct span octets, uint64_t line_max);
/*
 * Octets that become lines of base64: all of a part, or pieces of it of which all but the last are
 * multiples of BASE64_LINE octets.
 */
int composer_put_base64(struct composer *w, struct span octets);
/* As composer_put(), for a buf, which may have failed. */
int composer_put_buf(struct composer *w, const struct buf *octets);
/* Appends lines of CRLF or LF with CRLF; after_cr: the octet before them was a CR. */
void composer_add_lines(struct buf *out, struct span lines, bool after_cr);
/*
 * Content that is not encoded: lines of CRLF or LF, with CRLF; found tells where the boundaries'
 * root is in it.
 */
int composer_put_lines(struct composer *w, struct span lines, struct search *root);
/* Fails where the root was found. */
int composer_check_root(struct composer *w, const struct search *root);

/* A name that nothing else has: letters and digits. */
void composer_add_name(struct composer *w, struct buf *out);
/* A boundary of its own. */
void composer_add_boundary(struct composer *w, struct buf *out);

/* Where the fields of a part stand: the message's own header, or a head of its own. */
struct head {
	struct composer *w;
	struct buf *out;
	bool top; /* out is the message's header */
	struct buf own;
};

/*
 * Lifetime: head_begin(), fields, head_end() once, which writes a head of its own to the body, the
 * empty line too.
 */
void head_begin(struct head *head, struct composer *w, bool top);
int head_end(struct head *head);
void head_field(struct head *head, const char *name, const char *body);

/* The header fields of the message but for those of its content. */
int compose_headers(struct composer *w);
/* True where compose gives a field of that name, which then stands in place of a base's. */
bool compose_gives(const struct compose *compose, struct span name);

/* What a file gives, or a text. */
struct source {
	const struct compose_part *part;
	const char *text; /* what it is called, where it is no file that goes along: "text"; or NULL
			   */
	struct span given; /* text that is in memory already; data NULL: it is read */
	struct composer *w;
	int fd;      /* the part's, or its own, where that is not open */
	off_t begin; /* where the file is read from */
	bool sized;  /* a regular file, of the size that it began with */
	uint64_t size;
	uint64_t total;   /* octets read since the begin */
	struct buf block; /* what was read last: COMPOSE_BLOCK octets, or less at the end */
	bool ended;       /* nothing is read behind the end: a terminal would go on */
	bool kept;        /* what is read goes to the copy too: for what cannot be read twice */
	bool copied;      /* the copy is read */
	struct spool copy;
};

/* Lifetime: one of the first three, source_read() to the end, source_release(). */
int source_init(struct source *s, struct composer *w, const struct compose_part *part);
/* Text from where the descriptor stands (-1: none), or that is given; what: see above. */
int source_init_text(struct source *s, struct composer *w, const char *what, int fd,
    struct span given);
/* What will be written to its copy, for source_again(). */
void source_init_copy(struct source *s, struct composer *w);
void source_release(struct source *s);
/* Reads the next block; of no octets at the end. */
int source_read(struct source *s);
/*
 * From the first block on: reads to the end, looking at all of it (and for what is searched); then
 * begins again.
 */
int source_scan(struct source *s, struct scan *scan, struct search *search);
/* The first block of what was written to the copy, which is complete. */
int source_again(struct source *s);
/*
 * From the block that was read on: all of it to the body, in base64, or in lines that are not
 * encoded.
 */
int source_write_base64(struct source *s);
int source_write_lines(struct source *s);

/* A part out of a file.  all_7bit: not in 8bit, the multipart around it says so. */
int compose_file(struct composer *w, const struct compose_part *part, bool all_7bit);

/* A text or HTML, on its way to a part: as long as it likes, so it stands in a spool. */
struct text_part {
	const char *subtype;  /* "plain", "html" */
	struct source source; /* its copy: UTF-8, in lines with CRLF */
	struct scan scan;     /* of the copy */
	uint64_t added;       /* octets of the copy that are CRs which the text had not */
	const char *encoding, *charset;
};

/*
 * Lifetime: text_part_init(); text_part_read(), or text_part_set(), which may also take the place
 * of what was read; text_part_settle(), text_part_write(), text_part_release().
 *
 * text_part_read(): more than max octets are refused.
 */
void text_part_init(struct composer *w, struct text_part *text, const char *subtype);
void text_part_release(struct text_part *text);
int text_part_read(struct composer *w, struct text_part *text, int fd, struct span given,
    uint64_t max);
/* The octets, which are UTF-8. */
int text_part_set(struct composer *w, struct text_part *text, struct span octets);
/* Appends what it is, with CRLF: for HTML, which is looked at as a whole. */
int text_part_get(struct composer *w, struct text_part *text, struct buf *out);
/* What it is encoded in. */
int text_part_settle(struct text_part *text);
/* top: it is the whole message. */
int text_part_write(struct composer *w, struct text_part *text, bool top);

/* The images that HTML shows and which are taken along. */
struct image {
	char *path, *content_id; /* owned, as is its descriptor */
	struct compose_part part;
};

struct images {
	struct image *items;
	size_t count, cap;
	int dir; /* open while they are looked for */
};

/* Lifetime: all zeros, compose_images(), which replaces the HTML; images_release(). */
int compose_images(struct composer *w, struct buf *html, struct images *images);
void images_release(struct images *images);

/* A message as it is, and the parts. */
int compose_base(struct composer *w);

/*
 * The content id of a part, without <>; ERR_USAGE where the one that is given cannot stand there.
 */
int compose_content_id(struct composer *w, const struct compose_part *part, struct buf *out);
/* The part's name as the receiver sees it. */
void compose_name(const struct compose_part *part, struct buf *out);

/* Path, as it may be shown; the caller releases it. */
struct buf compose_shown(const char *path);

#endif
