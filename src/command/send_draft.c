/* SPDX-License-Identifier: ISC */
#include "command/send_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/send_part.h"

enum { FIELD_MAX = 1024 * 1024 }; /* octets of a header: what is more is no header */

void
send_draft_init(struct send_draft *draft, struct send_options *options)
{
	*draft = (struct send_draft){ .options = options,
		.compose = { .text_fd = -1, .html_fd = -1 } };
	buf_init(&draft->to, FIELD_MAX);
	buf_init(&draft->cc, FIELD_MAX);
	buf_init(&draft->in_reply_to, FIELD_MAX);
	buf_init(&draft->references, FIELD_MAX);
	message_init(&draft->base);
}

void
send_draft_release(struct send_draft *draft)
{
	for (size_t i = 0; i < draft->file_count; i++)
		if (draft->files[i] >= 0)
			close(draft->files[i]);
	compose_close(draft->options->parts, draft->options->part_count);
	buf_release(&draft->to);
	buf_release(&draft->cc);
	buf_release(&draft->in_reply_to);
	buf_release(&draft->references);
	free(draft->html_dir);
	message_release(&draft->base);
}

bool
send_draft_wants_stdin(const struct send_options *options)
{
	if (options->raw || options->body != NULL || options->body_file != NULL ||
	    options->html_file != NULL || (options->text_file != NULL && !options->html))
		return false;
	for (size_t i = 0; i < options->part_count; i++)
		if (send_path_is_stdin(options->parts[i].path))
			return false;
	return true;
}

/*
 * Opens a file with text, a FIFO without waiting for its writer; standard input stays what it is.
 */
static int
open_text(struct send_draft *draft, const char *path, int *fd, struct err *err)
{
	struct stat st;

	*fd = STDIN_FILENO;
	if (send_path_is_stdin(path))
		return 0;
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return err_sys(err, ERR_NO_INPUT, "cannot read %s", path);
	draft->paths[draft->file_count] = path;
	draft->files[draft->file_count++] = *fd;
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return err_sys(err, ERR_NO_INPUT, "cannot read %s", path);
	}
	return 0;
}

/* Where the images are that the HTML names: beside its file. */
static int
set_html_dir(struct send_draft *draft, const char *path, struct err *err)
{
	const char *slash = path != NULL && !send_path_is_stdin(path) ? strrchr(path, '/') : NULL;

	if (slash == NULL)
		draft->html_dir = strdup(".");
	else
		draft->html_dir = slash == path ? strdup("/") :
						  strndup(path, (size_t)(slash - path));
	draft->compose.html_dir = draft->html_dir;
	return draft->html_dir != NULL ? 0 : err_memory(err);
}

/* The text, or with --html the HTML: what was given, a file, or standard input. */
static int
open_body(struct send_draft *draft, struct err *err)
{
	const struct send_options *o = draft->options;
	int *fd = o->html ? &draft->compose.html_fd : &draft->compose.text_fd;

	if (o->html && set_html_dir(draft, o->body_file, err) < 0)
		return -1;
	if (o->body != NULL) {
		*(o->html ? &draft->compose.html : &draft->compose.text) = span_of(o->body);
		return 0;
	}
	if (o->body_file != NULL)
		return open_text(draft, o->body_file, fd, err);
	draft->reads_stdin = send_draft_wants_stdin(o);
	if (draft->reads_stdin)
		*fd = STDIN_FILENO;
	return 0;
}

/*
 * Waits until all FIFOs have a writer.  All are open, so that their writers may come in any order.
 */
static int
wait_for_writers(const struct send_draft *draft, struct err *err)
{
	for (size_t i = 0; i < draft->file_count; i++) {
		struct pollfd pollfd = { .fd = draft->files[i], .events = POLLIN };
		int flags = fcntl(draft->files[i], F_GETFL), result;

		do
			result = poll(&pollfd, 1, -1);
		while (result < 0 && errno == EINTR);
		if (result < 0 || flags < 0 ||
		    fcntl(draft->files[i], F_SETFL, flags & ~O_NONBLOCK) < 0)
			return err_sys(err, ERR_NO_INPUT, "cannot read %s", draft->paths[i]);
	}
	return 0;
}

static int
open_texts(struct send_draft *draft, struct err *err)
{
	const struct send_options *o = draft->options;

	if (open_body(draft, err) < 0)
		return -1;
	if (o->text_file != NULL &&
	    open_text(draft, o->text_file, &draft->compose.text_fd, err) < 0)
		return -1;
	if (o->html_file != NULL &&
	    (open_text(draft, o->html_file, &draft->compose.html_fd, err) < 0 ||
		set_html_dir(draft, o->html_file, err) < 0))
		return -1;
	return wait_for_writers(draft, err);
}

/* Message-IDs, each with its angle brackets, which people leave out. */
static int
add_ids(struct buf *out, const char *option, const char *text, struct err *err)
{
	struct span rest = span_of(text);

	while (rest.len > 0) {
		struct span word = span_trim(span_cut(&rest, ' '));
		bool bare = word.len > 0 && word.data[0] != '<';

		if (word.len == 0)
			continue;
		if (memchr(word.data + !bare, '<', word.len - !bare) != NULL ||
		    span_has_control(word) || span_is(word, "<>") ||
		    (bare ? memchr(word.data, '>', word.len) != NULL :
			    word.data[word.len - 1] != '>'))
			return err_set(err, ERR_USAGE,
			    "%s takes Message-IDs, as <1234@example.org>", option);
		buf_addf(out, "%s%s%.*s%s", out->len > 0 ? " " : "", bare ? "<" : "", (int)word.len,
		    word.data, bare ? ">" : "");
	}
	return 0;
}

static int
set_thread(struct send_draft *draft, struct err *err)
{
	const struct send_options *o = draft->options;
	const char *references = o->references != NULL ? o->references : o->in_reply_to;

	if (o->in_reply_to != NULL &&
	    add_ids(&draft->in_reply_to, "--in-reply-to", o->in_reply_to, err) < 0)
		return -1;
	/* RFC 5322 section 3.6.4 */
	if (references != NULL && add_ids(&draft->references, "--references", references, err) < 0)
		return -1;
	draft->compose.in_reply_to = draft->in_reply_to.data;
	draft->compose.references = draft->references.data;
	return 0;
}

static void
join(struct buf *out, const struct word_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i][strspn(list->items[i], " \t,")] != '\0')
			buf_addf(out, "%s%s", out->len > 0 ? ", " : "", list->items[i]);
}

/* A message as it is names its recipients itself. */
static int
set_headers(struct send_draft *draft, struct err *err)
{
	const struct send_options *o = draft->options;
	struct compose *c = &draft->compose;

	if (!o->raw) {
		join(&draft->to, &o->to);
		join(&draft->cc, &o->cc);
	}
	if (!buf_ok(&draft->to) || !buf_ok(&draft->cc))
		return err_set(err, ERR_MESSAGE, "the header would be too long");
	c->to = draft->to.data;
	c->cc = draft->cc.data;
	c->subject = o->subject;
	c->from = o->from;
	c->reply_to = o->reply_to;
	c->headers = o->headers.items;
	c->priority = o->priority;
	c->charset = o->charset;
	return set_thread(draft, err);
}

int
send_draft_open(struct send_draft *draft, struct err *err)
{
	struct send_options *o = draft->options;

	if (set_headers(draft, err) < 0 || compose_open(o->parts, o->part_count, err) < 0)
		return -1;
	draft->compose.parts = o->parts;
	draft->compose.part_count = o->part_count;
	return o->raw ? 0 : open_texts(draft, err);
}

int
send_draft_read_base(struct send_draft *draft, const struct spool_place *place, struct err *err)
{
	const struct message_input input = { .fd = STDIN_FILENO, .place = *place };

	draft->compose.base = &draft->base;
	return message_read(&draft->base, &input, err);
}

/* Nothing is added to the message as it is. */
static bool
is_base_alone(const struct send_draft *draft)
{
	const struct compose *c = &draft->compose;

	return c->base != NULL && c->part_count == 0 && c->subject == NULL && c->from == NULL &&
	    c->reply_to == NULL && c->headers == NULL && c->priority == 0 &&
	    draft->in_reply_to.len == 0 && draft->references.len == 0;
}

int
send_draft_make(struct send_draft *draft, const struct spool_place *place, struct message *message,
    struct err *err)
{
	if (!is_base_alone(draft))
		return compose_message(&draft->compose, place, message, err);
	message_release(message);
	*message = draft->base;
	message_init(&draft->base);
	return 0;
}
