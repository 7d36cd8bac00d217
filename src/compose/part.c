/* SPDX-License-Identifier: ISC */
/*
 * A file as a part: attachments give back the very octets, so all of them are base64, also text;
 * but messages, for which MIME allows no encoding.
 */
#include "compose/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "compose/work.h"
#include "format/header.h"
#include "format/media.h"
#include "format/parameter.h"

enum {
	TYPE_MAX = 1024,              /* octets of a type with its parameters */
	TYPES_FILE_MAX = 1024 * 1024, /* octets of the system's list of types that are read */
	ID_MAX = 900,                 /* octets of a content id: fits a line */
};

static const char types_file[] = "/etc/mime.types";
static const char unknown_type[] = "application/octet-stream";

void
compose_name(const struct compose_part *part, struct buf *out)
{
	const char *name = part->name, *slash;

	if (name == NULL) {
		slash = strrchr(part->path, '/');
		name = slash != NULL ? slash + 1 : part->path;
	}
	parameter_file_name(out, span_of(name));
}

/* Content-ID. */

static bool
is_id(struct span id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.data[i] <= ' ' || id.data[i] >= 127 ||
		    strchr("<>()\"\\,;:[]", id.data[i]) != NULL)
			return false;
	return id.len > 0 && id.len <= ID_MAX;
}

/* Of the name, what can stand in an address. */
static void
add_id_of_name(struct buf *out, struct span name)
{
	for (size_t i = 0; i < name.len && out->len < ID_MAX; i++) {
		char c = name.data[i];
		bool fits = ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' ||
		    c == '.';

		buf_addc(out, fits ? c : '_');
	}
}

static bool
is_id_taken(const struct composer *w, const struct buf *id)
{
	struct buf framed = BUF_INIT(2 * ID_MAX);
	bool taken;

	buf_addf(&framed, "<%s>", id->data);
	taken = memmem(w->ids.data, w->ids.len, framed.data, framed.len) != NULL;
	buf_release(&framed);
	return taken;
}

/* The one that is given, which must be good, and occur once. */
static int
add_given_id(struct composer *w, const char *id, struct buf *out)
{
	if (!is_id(span_of(id)))
		return err_set(w->err, ERR_USAGE,
		    "a content id cannot have spaces, quotes, brackets or be empty");
	buf_adds(out, id);
	if (is_id_taken(w, out))
		return err_set(w->err, ERR_USAGE, "the content id %s is given twice", out->data);
	return 0;
}

/* One out of the name, which another part may have, too. */
static void
add_made_id(struct composer *w, const struct compose_part *part, struct buf *out)
{
	struct buf name = BUF_INIT(COMPOSE_NAME_MAX);

	compose_name(part, &name);
	add_id_of_name(out, (struct span){ name.data, name.len });
	buf_release(&name);
	if (!is_id_taken(w, out))
		return;
	buf_addc(out, '@');
	composer_add_name(w, out);
}

int
compose_content_id(struct composer *w, const struct compose_part *part, struct buf *out)
{
	if (part->content_id == NULL)
		add_made_id(w, part, out);
	else if (add_given_id(w, part->content_id, out) != 0)
		return -1;
	buf_addf(&w->ids, "<%s>", out->data);
	return buf_ok(out) && buf_ok(&w->ids) ? 0 : err_memory(w->err);
}

/* The type. */

static int
read_types(struct buf *out)
{
	int fd = open(types_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *to = buf_reserve(out, TYPES_FILE_MAX);
	ssize_t n = 0;

	while (fd >= 0 && to != NULL && out->len < TYPES_FILE_MAX) {
		n = read(fd, out->data + out->len, TYPES_FILE_MAX - out->len);
		if (n > 0)
			buf_commit(out, (size_t)n);
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (fd >= 0)
		close(fd);
	return n < 0 || to == NULL ? -1 : 0;
}

/* By the name; the system's list is read where the table knows nothing. */
static void
add_type_of_name(struct span name, struct buf *out)
{
	struct span extension = media_extension(name);
	const char *type = media_by_extension(extension);
	struct buf list = BUF_INIT(TYPES_FILE_MAX);

	if (type != NULL)
		buf_adds(out, type);
	else if (extension.len > 0 && read_types(&list) == 0)
		media_by_list((struct span){ list.data, list.len }, extension, out);
	buf_release(&list);
}

/* A file that becomes a part. */
struct file {
	struct composer *w;
	struct source source;
	struct buf name, type;
	struct scan scan;      /* of the whole, where it was looked at */
	struct search foreign; /* the base's boundary */
	bool is_message;       /* goes as it is */
};

static int
refuse_type(const struct file *f)
{
	struct buf shown = compose_shown(f->source.part->type);

	err_set(f->w->err, ERR_USAGE,
	    "\"%s\" cannot be the type of an attachment (\"type/subtype\" is wanted)", shown.data);
	buf_release(&shown);
	return -1;
}

/* The given type, or what the name or the first octets tell; empty where they tell nothing. */
static int
find_type(struct file *f)
{
	const char *given = f->source.part->type;
	struct span begin = { f->source.block.data, f->source.block.len };
	const char *by_signature;

	if (given != NULL) {
		if (!media_is_valid(span_of(given)) || media_is(span_of(given), "multipart/"))
			return refuse_type(f);
		buf_adds(&f->type, given);
		return 0;
	}
	add_type_of_name((struct span){ f->name.data, f->name.len }, &f->type);
	by_signature = f->type.len == 0 ? media_by_signature(begin) : NULL;
	if (by_signature != NULL)
		buf_adds(&f->type, by_signature);
	return 0;
}

static struct span
type_of(const struct file *f)
{
	return (struct span){ f->type.data, f->type.len };
}

/* Files without a known type whose first block cannot be text are not read twice. */
static bool
may_be_text(const struct file *f)
{
	struct scan scan = { .look_for_control = true };

	scan_add(&scan, (struct span){ f->source.block.data, f->source.block.len });
	return !scan.has_control && !scan.not_utf8;
}

/*
 * UTF-16 is told by its mark; what else is not UTF-8 has a name as well (RFC 1428), but HTML and
 * XML tell it themselves.
 */
static const char *
charset_of(const struct file *f)
{
	const char *begin = f->source.block.data;

	if (!f->scan.has_8bit)
		return "us-ascii";
	if (!f->scan.not_utf8)
		return "utf-8";
	if (f->source.block.len >= 2 &&
	    (memcmp(begin, "\xff\xfe", 2) == 0 || memcmp(begin, "\xfe\xff", 2) == 0))
		return "utf-16";
	return media_is(type_of(f), "text/html") || media_is(type_of(f), "text/xml") ?
	    NULL :
	    "unknown-8bit";
}

static void
add_charset(struct file *f)
{
	struct buf given = BUF_INIT(TYPE_MAX);
	const char *charset = charset_of(f);

	if (charset != NULL && !parameter_find(type_of(f), "charset", &given))
		buf_addf(&f->type, "; charset=%s", charset);
	buf_release(&given);
}

/* The file begins with header fields: as far as its first block tells. */
static bool
begins_with_header(const struct file *f)
{
	struct span rest = { f->source.block.data, f->source.block.len };
	bool any = false;

	while (rest.len > 0 && memchr(rest.data, '\n', rest.len) != NULL) {
		struct span line = span_cut(&rest, '\n');
		enum header_line kind;

		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		kind = header_classify(line);
		if (kind == HEADER_BLANK)
			return any;
		if (kind != HEADER_FIELD && (kind != HEADER_CONTINUATION || !any))
			return false;
		any = true;
	}
	return any;
}

/*
 * A message goes as it is, in 7bit or 8bit, where it can; no other encoding is allowed for one (RFC
 * 2046 section 5.2.1).
 */
static bool
can_be_message(const struct file *f, bool all_7bit)
{
	const struct scan *s = &f->scan;

	if (s->has_nul || s->bare_cr || s->line_max > MESSAGE_LINE_MAX || f->foreign.found ||
	    (all_7bit && s->has_8bit))
		return false;
	if (media_is(type_of(f), "message/rfc822") || media_is(type_of(f), "message/global"))
		return begins_with_header(f);
	return true;
}

/* Decides on what the whole file tells. */
static void
settle_scanned(struct file *f, bool all_7bit)
{
	if (media_is(type_of(f), "message/")) {
		f->is_message = can_be_message(f, all_7bit);
		if (!f->is_message) {
			buf_clear(&f->type);
			buf_adds(&f->type, unknown_type);
		}
		return;
	}
	if (f->type.len == 0 &&
	    (f->scan.has_control || f->scan.not_utf8 || f->source.block.len == 0)) {
		buf_adds(&f->type, unknown_type);
		return;
	}
	if (f->type.len == 0)
		buf_adds(&f->type, "text/plain");
	add_charset(f);
}

static int
settle_type(struct file *f, bool all_7bit)
{
	struct search *foreign = f->foreign.needle.len > 0 ? &f->foreign : NULL;
	bool closer;

	if (find_type(f) != 0)
		return -1;
	closer = f->type.len == 0 ?
	    may_be_text(f) :
	    media_is(type_of(f), "text/") || media_is(type_of(f), "message/");
	f->scan.look_for_control = f->type.len == 0;
	if (closer && source_scan(&f->source, &f->scan, foreign) != 0)
		return -1;
	if (closer)
		settle_scanned(f, all_7bit);
	else if (f->type.len == 0)
		buf_adds(&f->type, unknown_type);
	return buf_ok(&f->type) ? 0 : err_memory(f->w->err);
}

/* The head. */

static void
add_type_field(struct head *head, const struct file *f)
{
	struct buf name = BUF_INIT(COMPOSE_NAME_MAX);
	struct fold fold;

	fold_begin(&fold, head->out, span_of("Content-Type"));
	fold_text(&fold, type_of(f));
	if (!parameter_find(type_of(f), "name", &name)) {
		parameter_plain_name(&name, (struct span){ f->name.data, f->name.len });
		parameter_add(&fold, "name", (struct span){ name.data, name.len });
	}
	fold_end(&fold);
	head->out->failed = head->out->failed || !buf_ok(&name);
	buf_release(&name);
}

static void
add_disposition(struct head *head, const struct file *f)
{
	struct fold fold;

	fold_begin(&fold, head->out, span_of("Content-Disposition"));
	fold_token(&fold, " ",
	    span_of(f->source.part->role == PART_INLINE ? "inline" : "attachment"));
	parameter_add(&fold, "filename", (struct span){ f->name.data, f->name.len });
	fold_end(&fold);
}

static int
add_content_id(struct head *head, const struct file *f)
{
	struct buf id = BUF_INIT(2 * ID_MAX), framed = BUF_INIT(2 * ID_MAX);
	int rc = compose_content_id(f->w, f->source.part, &id);

	buf_addf(&framed, "<%s>", id.data);
	if (rc == 0)
		head_field(head, "Content-ID", framed.data);
	buf_release(&id);
	buf_release(&framed);
	return rc;
}

static const char *
encoding_of(const struct file *f)
{
	if (!f->is_message)
		return "base64";
	return f->scan.has_8bit ? "8bit" : "7bit";
}

static int
write_head(const struct file *f)
{
	struct head head;
	int rc = 0;

	head_begin(&head, f->w, false);
	add_type_field(&head, f);
	add_disposition(&head, f);
	head_field(&head, "Content-Transfer-Encoding", encoding_of(f));
	if (f->source.part->role == PART_INLINE)
		rc = add_content_id(&head, f);
	return head_end(&head) != 0 ? -1 : rc;
}

int
compose_file(struct composer *w, const struct compose_part *part, bool all_7bit)
{
	struct file f = {
		.w = w,
		.name = BUF_INIT(COMPOSE_NAME_MAX),
		.type = BUF_INIT(TYPE_MAX),
		.foreign = { .needle = w->foreign },
	};
	int rc = source_init(&f.source, w, part);

	compose_name(part, &f.name);
	if (rc == 0 && !buf_ok(&f.name))
		rc = err_set(w->err, ERR_USAGE,
		    "the name of an attachment is longer than %d octets", COMPOSE_NAME_MAX);
	if (rc == 0)
		rc = source_read(&f.source);
	if (rc == 0)
		rc = settle_type(&f, all_7bit);
	if (rc == 0)
		rc = write_head(&f);
	if (rc == 0)
		rc = f.is_message ? source_write_lines(&f.source) : source_write_base64(&f.source);
	source_release(&f.source);
	buf_release(&f.name);
	buf_release(&f.type);
	return rc;
}
