/* SPDX-License-Identifier: ISC */
/*
 * Images that HTML shows by a relative path: taken along, and shown by their Content-ID (RFC 2392)
 * instead.
 */
#include "compose/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compose/work.h"
#include "html/html.h"

enum {
	IMAGES_MAX = 500,  /* each is an open file */
	SOURCE_MAX = 4096, /* octets of a src */
	ID_MAX = 64,       /* … of a Content-ID that is made here */
};

static void
release_image(struct image *image)
{
	if (image->part.fd >= 0)
		close(image->part.fd);
	free(image->path);
	free(image->content_id);
}

void
images_release(struct images *images)
{
	for (size_t i = 0; i < images->count; i++)
		release_image(&images->items[i]);
	free(images->items);
	*images = (struct images){ 0 };
}

/* What a digit stands for; 16 where c is none. */
static unsigned
hex_value(char c)
{
	if (ascii_is_digit(c))
		return (unsigned)(c - '0');
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* At a '%': the octet that it stands for with what follows; -1 where it stands for itself. */
static int
escaped_octet(struct span text)
{
	unsigned high = text.len > 2 ? hex_value(text.data[1]) : 16,
		 low = text.len > 2 ? hex_value(text.data[2]) : 16;

	return high < 16 && low < 16 ? (int)(high << 4 | low) : -1;
}

/*
 * Appends the path that a relative reference stands for (RFC 3986 section 2.1): without query and
 * fragment, and without the line ends and tabs with which it was wrapped (WHATWG, URL).
 */
static void
add_path(struct buf *out, struct span reference)
{
	for (size_t i = 0; i < reference.len; i++) {
		char c = reference.data[i];
		int octet = c == '%' ?
		    escaped_octet((struct span){ reference.data + i, reference.len - i }) :
		    -1;

		if (c == '?' || c == '#')
			return;
		if (octet >= 0)
			i += 2;
		if (octet >= 0 || strchr("\r\n\t", c) == NULL || c == '\0')
			buf_addc(out, octet >= 0 ? (char)octet : c);
	}
}

/* No scheme, no host, not from the root: what lies beside the HTML. */
static bool
is_relative(struct span reference)
{
	size_t i = 0;

	if (reference.len == 0 || reference.data[0] == '/' || reference.data[0] == '\\' ||
	    reference.data[0] == '#')
		return false;
	while (i < reference.len && strchr(":/?#", reference.data[i]) == NULL)
		i++;
	return i == reference.len || reference.data[i] != ':';
}

/* The next component of a path that must stay below where it begins; false where it would not. */
static bool
take_component(struct span *path, struct buf *component)
{
	struct span part = span_cut(path, '/');

	while (path->len > 0 && (part.len == 0 || span_is(part, ".")))
		part = span_cut(path, '/');
	buf_clear(component);
	buf_add(component, part.data, part.len);
	return part.len > 0 && !span_is(part, ".") && !span_is(part, "..");
}

/*
 * Opens what lies below dir, component by component: no symbolic link is followed, so that nothing
 * can lead out of it. -1 with ELOOP or ENOTDIR where something else than a file in folders is
 * there.
 */
static int
open_below(int dir, struct span path)
{
	struct buf component = BUF_INIT(SOURCE_MAX);
	int at = dir;
	bool good = true;

	while (good && at >= 0 && path.len > 0) {
		int last = at;

		good = take_component(&path, &component) && buf_ok(&component);
		at = good ? openat(last, component.data,
				O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				    (path.len > 0 ? O_PATH | O_DIRECTORY : O_RDONLY)) :
			    -1;
		if (last != dir)
			close(last);
	}
	buf_release(&component);
	if (!good)
		errno = ELOOP;
	return at;
}

/* The same, of regular files alone. */
static int
open_file_below(int dir, struct span path)
{
	int fd = open_below(dir, path);
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = ELOOP;
	return -1;
}

static struct image *
add_image(struct images *images)
{
	size_t cap = images->cap > 0 ? images->cap * 2 : 8;
	struct image *items;

	if (images->count == images->cap) {
		items = reallocarray(images->items, cap, sizeof(*items));
		if (items == NULL)
			return NULL;
		images->items = items;
		images->cap = cap;
	}
	return &images->items[images->count++];
}

/* A Content-ID that occurs once in the world: no one but this HTML refers to it. */
static char *
make_id(struct composer *w)
{
	struct buf id = BUF_INIT(ID_MAX);
	char *copy;

	composer_add_name(w, &id);
	buf_adds(&id, "@image");
	copy = buf_ok(&id) ? span_dup((struct span){ id.data, id.len }) : NULL;
	buf_release(&id);
	return copy;
}

static int
refuse_image(const char *path, struct err *err)
{
	int saved = errno;
	struct buf shown = compose_shown(path);

	errno = saved;
	err_sys(err, ERR_NO_INPUT, "cannot take along %s, which the HTML shows", shown.data);
	buf_release(&shown);
	return -1;
}

static struct image *
find_image(const struct images *images, const struct buf *path)
{
	for (size_t i = 0; i < images->count; i++)
		if (strcmp(images->items[i].path, path->data) == 0)
			return &images->items[i];
	return NULL;
}

/* *found NULL: it is not to be taken along. */
static int
open_image(struct composer *w, struct images *images, const struct buf *path, struct image **found)
{
	int fd = open_file_below(images->dir, (struct span){ path->data, path->len });
	struct image image = { .part = { .role = PART_INLINE, .fd = fd } };

	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? 0 : refuse_image(path->data, w->err);
	image.part.path = image.path = span_dup((struct span){ path->data, path->len });
	image.part.content_id = image.content_id = make_id(w);
	if (image.path != NULL && image.content_id != NULL && images->count < IMAGES_MAX)
		*found = add_image(images);
	if (*found != NULL) {
		**found = image;
		return 0;
	}
	release_image(&image);
	if (images->count < IMAGES_MAX)
		return err_memory(w->err);
	return err_set(w->err, ERR_MESSAGE, "the HTML shows more than %d images", IMAGES_MAX);
}

/*
 * The image that the reference is to, made a part where it is shown for the first time; NULL: it is
 * not taken along.
 */
static int
look_up(struct composer *w, struct images *images, const struct buf *reference,
    struct image **image)
{
	struct buf path = BUF_INIT(SOURCE_MAX);
	struct span src = { reference->data, reference->len };
	int rc = 0;

	*image = NULL;
	src = span_trim(src);
	if (is_relative(src))
		add_path(&path, src);
	if (buf_ok(&path) && path.len > 0 && path.data[0] != '/' &&
	    memchr(path.data, '\0', path.len) == NULL) {
		*image = find_image(images, &path);
		if (*image == NULL)
			rc = open_image(w, images, &path, image);
	}
	buf_release(&path);
	return rc;
}

/* The HTML, with other references. */
static int
replace_references(struct composer *w, const struct buf *html, struct images *images,
    struct buf *out)
{
	struct buf reference = BUF_INIT(html->max);
	struct span rest = { html->data, html->len }, at;
	const char *done = html->data;
	int rc = 0;

	while (rc == 0 && html_next_image(&rest, &at, &reference)) {
		struct image *image;

		rc = look_up(w, images, &reference, &image);
		buf_clear(&reference);
		if (rc != 0 || image == NULL)
			continue;
		buf_add(out, done, (size_t)(at.data - done));
		buf_addf(out, "cid:%s", image->content_id);
		done = at.data + at.len;
	}
	buf_add(out, done, (size_t)(html->data + html->len - done));
	buf_release(&reference);
	return rc == 0 && !buf_ok(out) ? err_memory(w->err) : rc;
}

int
compose_images(struct composer *w, struct buf *html, struct images *images)
{
	struct buf out = BUF_INIT(html->max);
	int rc;

	images->dir = open(w->compose->html_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (images->dir < 0)
		return refuse_image(w->compose->html_dir, w->err);
	rc = replace_references(w, html, images, &out);
	close(images->dir);
	if (rc != 0) {
		buf_release(&out);
		return rc;
	}
	buf_release(html);
	*html = out;
	return 0;
}
