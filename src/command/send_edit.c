/* SPDX-License-Identifier: ISC */
#include "command/send_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wait.h"
#include "command/send_draft.h"
#include "command/send_part.h"
#include "config/environment.h"
#include "format/header.h"

enum {
	TEXT_MAX = 64 * 1024 * 1024, /* octets of the text */
	FIELDS_MAX = 1024 * 1024,    /* … of headers */
	PIECE = 64 * 1024,
	LINE_SHOWN = 100, /* octets of a line that is no header */
};

void
edit_init(struct edit *edit)
{
	edit->path = NULL;
	buf_init(&edit->fields, FIELDS_MAX);
	buf_init(&edit->text, TEXT_MAX);
}

/* The file that is edited. */

static void
add_list(struct buf *out, const char *name, const struct word_list *list, bool always)
{
	if (list->count == 0 && !always)
		return;
	buf_addf(out, "%s: ", name);
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
	buf_addc(out, '\n');
}

static void
add_field(struct buf *out, const char *name, const char *value, bool always)
{
	if (value != NULL || always)
		buf_addf(out, "%s: %s\n", name, value != NULL ? value : "");
}

static void
write_fields(struct buf *out, const struct send_options *o)
{
	add_field(out, "From", o->from, false);
	add_list(out, "To", &o->to, true);
	add_list(out, "Cc", &o->cc, false);
	add_list(out, "Bcc", &o->bcc, false);
	add_field(out, "Subject", o->subject, true);
	add_field(out, "Reply-To", o->reply_to, false);
	add_field(out, "In-Reply-To", o->in_reply_to, false);
	add_field(out, "References", o->references, false);
	for (size_t i = 0; i < o->headers.count; i++)
		buf_addf(out, "%s\n", o->headers.items[i]);
	buf_addc(out, '\n');
}

static int
read_all(int fd, const char *path, struct buf *out, struct err *err)
{
	ssize_t got;

	do {
		char *to = buf_reserve(out, PIECE);

		if (to == NULL)
			return err_set(err, ERR_MESSAGE, "%s is too long to be edited", path);
		got = read(fd, to, PIECE);
		if (got < 0 && errno != EINTR)
			return err_sys(err, ERR_NO_INPUT, "cannot read %s", path);
		buf_commit(out, got > 0 ? (size_t)got : 0);
	} while (got != 0);
	return 0;
}

/* The text so far: what was given; what a person would type is typed in the editor. */
static int
read_text(struct buf *out, const struct send_options *o, struct err *err)
{
	const char *path = o->body_file;
	int fd, result;

	if (o->body != NULL) {
		buf_adds(out, o->body);
		return 0;
	}
	if (path == NULL && o->text_file != NULL && !o->html)
		path = o->text_file;
	if (path == NULL && (!send_draft_wants_stdin(o) || isatty(STDIN_FILENO)))
		return 0;
	if (path == NULL || send_path_is_stdin(path))
		return read_all(STDIN_FILENO, "standard input", out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, ERR_NO_INPUT, "cannot read %s", path);
	result = read_all(fd, path, out, err);
	close(fd);
	return result;
}

static int
write_file(struct edit *edit, const struct buf *content, struct err *err)
{
	size_t done = 0;
	ssize_t n = 1;
	int fd;

	if (asprintf(&edit->path, "%s/sendoff-XXXXXX.eml", temp_dir()) < 0) {
		edit->path = NULL;
		err_memory(err);
		return -1;
	}
	fd = mkostemps(edit->path, (int)strlen(".eml"), O_CLOEXEC);
	if (fd < 0) {
		err_sys(err, ERR_CANT_CREATE, "cannot make a file to be edited in %s", temp_dir());
		free(edit->path);
		edit->path = NULL;
		return -1;
	}
	while (done < content->len && n > 0) {
		n = write(fd, content->data + done, content->len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return n > 0 ? 0 : err_sys(err, ERR_CANT_CREATE, "cannot write %s", edit->path);
}

/* The editor. */

/*
 * In the child: the shell, for the command may have arguments; its terminal is ours, also where our
 * input is a pipe.
 */
static void
become_editor(const char *path)
{
	const char *editor = editor_command();
	/* Where the command is a simple one, the shell makes way for the editor: Ctrl-C would end a
	 * shell that waits for it, amid the editing. */
	bool simple = strpbrk(editor, "|&;<>()$`\\\"'*?[#~=%!{}\n") == NULL;
	char *command = NULL;

	if (!isatty(STDIN_FILENO)) {
		int fd = open("/dev/tty", O_RDWR);

		if (fd >= 0)
			dup2(fd, STDIN_FILENO);
	}
	wait_forget();
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (asprintf(&command, "%s%s \"$@\"", simple ? "exec " : "", editor) > 0)
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
	_exit(127);
}

/* Ctrl-C and Ctrl-\ are the editor's while it runs. */
static int
run_editor(const char *path, struct err *err)
{
	void (*interrupt)(int) = signal(SIGINT, SIG_IGN), (*quit)(int) = signal(SIGQUIT, SIG_IGN);
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		become_editor(path);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, interrupt);
	signal(SIGQUIT, quit);
	if (pid < 0)
		return err_sys(err, ERR_SYSTEM, "cannot start the editor");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, "the editor (%s) failed: nothing is sent",
	    editor_command());
}

static int
read_back(const struct edit *edit, struct buf *out, struct err *err)
{
	/* By name: editors write a new file and rename it. */
	int fd = open(edit->path, O_RDONLY | O_CLOEXEC | O_NOCTTY), result;

	if (fd < 0)
		return err_sys(err, ERR_NO_INPUT, "cannot read %s", edit->path);
	result = read_all(fd, edit->path, out, err);
	close(fd);
	return result;
}

/* What it says then. */

/* The octets of the header block; the line that ends it is behind them. */
static size_t
header_len(struct span text)
{
	struct span rest = text;

	while (rest.len > 0) {
		struct span after = rest, line = span_cut(&after, '\n');
		enum header_line kind;

		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		kind = header_classify(line);
		if (kind != HEADER_FIELD && kind != HEADER_CONTINUATION)
			break;
		rest = after;
	}
	return text.len - rest.len;
}

static void
forget_headers(struct send_options *o)
{
	o->to.count = o->cc.count = o->bcc.count = o->headers.count = 0;
	free(o->headers.items);
	o->headers.items = NULL;
	o->from = o->subject = o->reply_to = o->in_reply_to = o->references = NULL;
}

/* Each field as --header would have it; empty ones are none. */
static int
take_fields(struct edit *edit, struct span block, struct send_options *o, struct err *err)
{
	struct header_field field;

	/* Nothing may move what the options point to. */
	if (buf_reserve(&edit->fields, 2 * block.len + 16) == NULL)
		return err_set(err, ERR_MESSAGE, "the header is too long");
	forget_headers(o);
	while (header_next(&block, &field)) {
		size_t at = edit->fields.len;

		if (span_trim(field.body).len == 0)
			continue;
		buf_addf(&edit->fields, "%.*s: ", (int)field.name.len, field.name.data);
		header_unfold(&edit->fields, field.body);
		buf_add(&edit->fields, "", 1);
		if (send_options_header(o, edit->fields.data + at, err) < 0)
			return -1;
	}
	return 0;
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_space(text.data[i]) && text.data[i] != '\r' && text.data[i] != '\n')
			return false;
	return true;
}

/*
 * An empty line ends the headers.  Another one that is none is a slip: what stands below it, such
 * as a Bcc, is not meant to be read by all.
 */
static int
end_header(size_t len, struct span *body, struct err *err)
{
	struct span rest = *body, line = span_cut(&rest, '\n');

	if (is_blank(line))
		*body = rest;
	else if (len > 0)
		return err_set(err, ERR_USAGE,
		    "\"%.*s\" is not a header: a name, a colon and a value are wanted",
		    (int)(line.len < LINE_SHOWN ? line.len : LINE_SHOWN), line.data);
	return 0;
}

static int
take_all(struct edit *edit, struct span text, struct send_options *o, struct err *err)
{
	size_t len = header_len(text);
	struct span body = { text.data + len, text.len - len };

	if (memchr(text.data, '\0', text.len) != NULL)
		return err_set(err, ERR_MESSAGE, "the text has a NUL");
	if (end_header(len, &body, err) < 0 ||
	    take_fields(edit, (struct span){ text.data, len }, o, err) < 0)
		return -1;
	buf_add(&edit->text, body.data, body.len);
	o->body = edit->text.data;
	o->body_file = NULL;
	if (!o->html)
		o->text_file = NULL;
	return 0;
}

int
edit_run(struct edit *edit, struct send_options *options, struct err *err)
{
	struct buf before = BUF_INIT(TEXT_MAX + FIELDS_MAX),
		   after = BUF_INIT(TEXT_MAX + FIELDS_MAX);
	size_t fields_len;
	bool has_text, unchanged;
	int result = -1;

	write_fields(&before, options);
	fields_len = before.len;
	if (read_text(&before, options, err) == 0 && write_file(edit, &before, err) == 0 &&
	    run_editor(edit->path, err) == 0 && read_back(edit, &after, err) == 0) {
		has_text = !is_blank((struct span){
		    before.data + fields_len, before.len - fields_len });
		unchanged = after.len == before.len &&
		    memcmp(after.data, before.data, after.len) == 0;
		if (is_blank((struct span){ after.data, after.len }) || (unchanged && !has_text))
			result = 1;
		else
			result = take_all(edit, (struct span){ after.data, after.len }, options,
			    err);
	}
	buf_release(&before);
	buf_release(&after);
	return result;
}

void
edit_end(struct edit *edit, bool keep)
{
	/* The editor may have taken it away. */
	if (edit->path != NULL && keep && access(edit->path, F_OK) == 0)
		fprintf(stderr, "  message: what was written is kept in %s\n", edit->path);
	else if (edit->path != NULL && !keep)
		unlink(edit->path);
	free(edit->path);
	edit->path = NULL;
	buf_release(&edit->fields);
	buf_release(&edit->text);
}
