/* SPDX-License-Identifier: ISC */
/*
 * The structure of the message, and what goes to its body.
 */
#include "compose/compose.h"

#include <stdlib.h>
#include <string.h>

#include "base/unique.h"
#include "compose/work.h"
#include "html/html.h"

enum { ROOT_MAX = 64, IDS_MAX = 1024 * 1024, BOUNDARY_MAX = 70 };

/* To the body. */

static int
spool(struct composer *w, struct span octets)
{
	return spool_write(&w->message->body, octets.data, octets.len, w->err);
}

int
composer_put(struct composer *w, struct span octets)
{
	scan_add(&w->scan, octets);
	return spool(w, octets);
}

static void
note_line(struct composer *w, uint64_t len)
{
	if (len > w->scan.line_max)
		w->scan.line_max = len;
}

int
composer_put_known(struct composer *w, struct span octets, uint64_t line_max)
{
	note_line(w, line_max);
	return spool(w, octets);
}

int
composer_put_base64(struct composer *w, struct span octets)
{
	enum { PIECE = SPOOL_PIECE_MAX / (ENCODE_COLUMNS + 2) * BASE64_LINE };
	struct spool *body = &w->message->body;

	while (octets.len > 0) {
		struct span piece = { octets.data, octets.len < PIECE ? octets.len : PIECE };
		size_t len = (size_t)base64_lines_length(piece.len);
		char *place = spool_reserve(body, len, w->err);

		if (place == NULL)
			return -1;
		base64_put_lines(place, piece);
		if (spool_commit(body, len, w->err) != 0)
			return -1;
		note_line(w, len < ENCODE_COLUMNS + 2 ? len - 2 : ENCODE_COLUMNS);
		octets.data += piece.len;
		octets.len -= piece.len;
	}
	return 0;
}

int
composer_put_buf(struct composer *w, const struct buf *octets)
{
	if (!buf_ok(octets))
		return err_memory(w->err);
	return composer_put(w, (struct span){ octets->data, octets->len });
}

void
composer_add_lines(struct buf *out, struct span lines, bool after_cr)
{
	while (lines.len > 0) {
		const char *lf = memchr(lines.data, '\n', lines.len);
		size_t len = lf != NULL ? (size_t)(lf - lines.data) : lines.len;

		buf_add(out, lines.data, len);
		if (lf == NULL)
			return;
		if (len > 0)
			after_cr = lines.data[len - 1] == '\r';
		buf_adds(out, after_cr ? "\n" : "\r\n");
		after_cr = false;
		lines.data += len + 1;
		lines.len -= len + 1;
	}
}

int
composer_put_lines(struct composer *w, struct span lines, struct search *root)
{
	while (lines.len > 0) {
		struct span piece = { lines.data,
			lines.len < COMPOSE_BLOCK ? lines.len : COMPOSE_BLOCK };

		buf_clear(&w->wire);
		composer_add_lines(&w->wire, piece, w->scan.after_cr);
		if (composer_put_buf(w, &w->wire) != 0)
			return -1;
		search_add(root, (struct span){ w->wire.data, w->wire.len });
		lines.data += piece.len;
		lines.len -= piece.len;
	}
	return 0;
}

int
composer_check_root(struct composer *w, const struct search *root)
{
	if (!root->found || !w->multipart)
		return 0;
	return err_set(w->err, ERR_TEMPORARY,
	    "the boundary between the parts of the message occurs within one of them");
}

void
composer_add_name(struct composer *w, struct buf *out)
{
	if (w->compose->seed == NULL)
		unique_add(out);
	else
		buf_addf(out, "%s%u", w->compose->seed, w->names++);
}

void
composer_add_boundary(struct composer *w, struct buf *out)
{
	buf_addf(out, "%s_%u", w->root.data, w->boundaries++);
	out->failed = out->failed || !buf_ok(&w->root);
}

/* Heads. */

void
head_begin(struct head *head, struct composer *w, bool top)
{
	*head = (struct head){ .w = w, .top = top, .own = BUF_INIT(COMPOSE_HEAD_MAX) };
	head->out = top ? &w->message->header : &head->own;
}

void
head_field(struct head *head, const char *name, const char *body)
{
	struct fold fold;

	fold_begin(&fold, head->out, span_of(name));
	fold_text(&fold, span_of(body));
	fold_end(&fold);
}

int
head_end(struct head *head)
{
	int rc = 0;

	if (!head->top) {
		buf_adds(&head->own, "\r\n");
		rc = composer_put_buf(head->w, &head->own);
	}
	buf_release(&head->own);
	return rc;
}

/* The tree. */

struct entity {
	const char *subtype;      /* of a multipart; NULL: a leaf */
	const char *related_type; /* of the first part of multipart/related */
	struct text_part *text;   /* a leaf: text, or a file */
	const struct compose_part *file;
	struct entity *children, *next;
	bool has_8bit; /* a multipart: known before it is written */
};

static int write_entity(struct composer *w, const struct entity *e, bool top, bool nested);

static void
add_child(struct entity *parent, struct entity *child)
{
	struct entity **at = &parent->children;

	while (*at != NULL)
		at = &(*at)->next;
	*at = child;
	parent->has_8bit = parent->has_8bit || child->has_8bit;
}

static int
write_multipart_head(struct composer *w, const struct entity *e, const struct buf *boundary,
    bool top)
{
	struct buf type = BUF_INIT(COMPOSE_HEAD_MAX);
	struct head head;

	buf_addf(&type, "multipart/%s;", e->subtype);
	if (e->related_type != NULL)
		buf_addf(&type, " type=\"%s\";", e->related_type);
	buf_addf(&type, " boundary=\"%s\"", boundary->data);
	head_begin(&head, w, top);
	head_field(&head, "Content-Type", type.data);
	/* Whether the whole message is 8-bit is known in the end: finish() adds the field. */
	if (!top && e->has_8bit)
		head_field(&head, "Content-Transfer-Encoding", "8bit");
	head.out->failed = head.out->failed || !buf_ok(&type) || !buf_ok(boundary);
	buf_release(&type);
	return head_end(&head);
}

static int
write_multipart(struct composer *w, const struct entity *e, bool top)
{
	struct buf boundary = BUF_INIT(BOUNDARY_MAX), line = BUF_INIT(BOUNDARY_MAX + 16);
	int rc;

	w->multipart = true;
	composer_add_boundary(w, &boundary);
	rc = write_multipart_head(w, e, &boundary, top);
	for (const struct entity *child = e->children; child != NULL && rc == 0;
	     child = child->next) {
		buf_clear(&line);
		buf_addf(&line, "%s--%s\r\n", child == e->children ? "" : "\r\n", boundary.data);
		rc = composer_put_buf(w, &line);
		if (rc == 0)
			rc = write_entity(w, child, false, !top);
	}
	buf_clear(&line);
	buf_addf(&line, "\r\n--%s--", boundary.data);
	if (rc == 0)
		rc = composer_put_buf(w, &line);
	buf_release(&boundary);
	buf_release(&line);
	return rc;
}

/* nested: the multipart around it is not the outermost. */
static int
write_entity(struct composer *w, const struct entity *e, bool top, bool nested)
{
	if (e->subtype != NULL)
		return write_multipart(w, e, top);
	if (e->text != NULL)
		return text_part_write(w, e->text, top);
	return compose_file(w, e->file, nested);
}

/* Everything that a message without a base is made of. */
struct tree {
	struct text_part text, html;
	bool has_text, has_html;
	struct images images;
	struct entity mixed, alternative, related, text_leaf, html_leaf;
	struct entity *files; /* parts and images */
	size_t file_count;
};

static bool
is_given(int fd, struct span text)
{
	return fd >= 0 || text.data != NULL;
}

/* Text that nobody wrote is made of the HTML; where that has none, as an image has not, none is. */
static int
make_text(struct composer *w, struct tree *t, const struct buf *html)
{
	struct buf text = BUF_INIT(2 * (size_t)COMPOSE_HTML_MAX);
	int rc;

	html_to_text((struct span){ html->data, html->len }, &text);
	t->has_text = text.len > 0;
	rc = buf_ok(&text) ? text_part_set(w, &t->text, (struct span){ text.data, text.len }) :
			     err_memory(w->err);
	buf_release(&text);
	return rc;
}

static int
take_images(struct composer *w, struct tree *t, struct buf *html)
{
	if (compose_images(w, html, &t->images) != 0)
		return -1;
	return t->images.count > 0 ?
	    text_part_set(w, &t->html, (struct span){ html->data, html->len }) :
	    0;
}

static int
read_html(struct composer *w, struct tree *t)
{
	const struct compose *c = w->compose;
	bool whole = !t->has_text || c->html_dir != NULL;
	struct buf html = BUF_INIT(4 * (size_t)COMPOSE_HTML_MAX);
	int rc = text_part_read(w, &t->html, c->html_fd, c->html,
	    whole ? COMPOSE_HTML_MAX : UINT64_MAX);

	if (rc == 0 && whole)
		rc = text_part_get(w, &t->html, &html);
	if (rc == 0 && !t->has_text)
		rc = make_text(w, t, &html);
	if (rc == 0 && c->html_dir != NULL)
		rc = take_images(w, t, &html);
	buf_release(&html);
	return rc;
}

static int
read_texts(struct composer *w, struct tree *t)
{
	const struct compose *c = w->compose;

	t->has_html = is_given(c->html_fd, c->html);
	t->has_text = is_given(c->text_fd, c->text) || (!t->has_html && c->part_count == 0);
	if (t->has_text && text_part_read(w, &t->text, c->text_fd, c->text, UINT64_MAX) != 0)
		return -1;
	if (t->has_html && read_html(w, t) != 0)
		return -1;
	return text_part_settle(&t->text) == 0 ? text_part_settle(&t->html) : -1;
}

static struct entity *
add_file(struct tree *t, const struct compose_part *part)
{
	struct entity *e = &t->files[t->file_count++];

	*e = (struct entity){ .file = part };
	return e;
}

/* HTML, and what is shown in it. */
static struct entity *
plant_html(struct composer *w, struct tree *t)
{
	t->html_leaf = (struct entity){ .text = &t->html,
		.has_8bit = strcmp(t->html.encoding, "8bit") == 0 };
	t->related = (struct entity){ .subtype = "related", .related_type = "text/html" };
	add_child(&t->related, &t->html_leaf);
	for (size_t i = 0; i < t->images.count; i++)
		add_child(&t->related, add_file(t, &t->images.items[i].part));
	for (size_t i = 0; i < w->compose->part_count; i++)
		if (w->compose->parts[i].role == PART_INLINE)
			add_child(&t->related, add_file(t, &w->compose->parts[i]));
	return t->html_leaf.next != NULL ? &t->related : &t->html_leaf;
}

/* What is said; NULL: nothing. */
static struct entity *
plant_body(struct composer *w, struct tree *t)
{
	if (!t->has_text)
		return t->has_html ? plant_html(w, t) : NULL;
	t->text_leaf = (struct entity){ .text = &t->text,
		.has_8bit = strcmp(t->text.encoding, "8bit") == 0 };
	if (!t->has_html)
		return &t->text_leaf;
	t->alternative = (struct entity){ .subtype = "alternative" };
	add_child(&t->alternative, &t->text_leaf);
	add_child(&t->alternative, plant_html(w, t));
	return &t->alternative;
}

static struct entity *
plant(struct composer *w, struct tree *t)
{
	struct entity *body = plant_body(w, t);

	t->mixed = (struct entity){ .subtype = "mixed" };
	for (size_t i = 0; i < w->compose->part_count; i++) {
		const struct compose_part *part = &w->compose->parts[i];

		if (t->has_html && part->role == PART_INLINE)
			continue;
		if (t->mixed.children == NULL && body != NULL)
			add_child(&t->mixed, body);
		add_child(&t->mixed, add_file(t, part));
	}
	return t->mixed.children != NULL ? &t->mixed : body;
}

static int
write_tree(struct composer *w, struct tree *t)
{
	size_t files = t->images.count + w->compose->part_count;

	t->files = calloc(files + 1, sizeof(*t->files));
	if (t->files == NULL)
		return err_memory(w->err);
	head_field(&(struct head){ .w = w, .out = &w->message->header, .top = true },
	    "MIME-Version", "1.0");
	return write_entity(w, plant(w, t), true, false);
}

static int
compose_parts(struct composer *w)
{
	struct tree tree = { .has_text = false };
	int rc;

	text_part_init(w, &tree.text, "plain");
	text_part_init(w, &tree.html, "html");
	rc = read_texts(w, &tree);
	if (rc == 0)
		rc = write_tree(w, &tree);
	text_part_release(&tree.text);
	text_part_release(&tree.html);
	images_release(&tree.images);
	free(tree.files);
	return rc;
}

/* The whole. */

static int
check_header(struct composer *w)
{
	struct message *m = w->message;

	if (buf_ok(&m->header))
		return 0;
	if (m->header.len + COMPOSE_HEAD_MAX < m->header.max)
		return err_memory(w->err);
	return err_set(w->err, ERR_MESSAGE, "the header block is larger than %d octets",
	    MESSAGE_HEADER_MAX);
}

/* The outermost multipart says what is in it (RFC 2045 section 6.4). */
static void
add_encoding(struct composer *w)
{
	if (w->multipart && (w->binary || w->message->body_8bit))
		buf_addf(&w->message->header, "Content-Transfer-Encoding: %s\r\n",
		    w->binary ? "binary" : "8bit");
}

/* The last line gets its end; the facts are taken over. */
static int
finish(struct composer *w)
{
	struct message *m = w->message;

	if (w->scan.line > 0 && composer_put(w, span_of("\r\n")) != 0)
		return -1;
	scan_end(&w->scan);
	message_body_facts(m, &w->scan);
	add_encoding(w);
	if (check_header(w) != 0)
		return -1;
	message_header_facts(m);
	return spool_finish(&m->body, w->err);
}

static int
make(struct composer *w)
{
	if (!buf_ok(&w->root))
		return err_set(w->err, ERR_TEMPORARY, "the system gives no random numbers");
	if (compose_headers(w) != 0 || check_header(w) != 0)
		return -1;
	if ((w->compose->base != NULL ? compose_base(w) : compose_parts(w)) != 0)
		return -1;
	return finish(w);
}

int
compose_message(const struct compose *compose, const struct spool_place *place,
    struct message *message, struct err *err)
{
	struct composer w = {
		.compose = compose,
		.place = place,
		.message = message,
		.err = err,
		.wire = BUF_INIT(2 * COMPOSE_BLOCK),
		.root = BUF_INIT(ROOT_MAX),
		.ids = BUF_INIT(IDS_MAX),
	};
	int rc;

	spool_init(&message->body, place);
	buf_adds(&w.root, "=_");
	composer_add_name(&w, &w.root);
	rc = make(&w);
	buf_release(&w.wire);
	buf_release(&w.root);
	buf_release(&w.ids);
	return rc;
}
