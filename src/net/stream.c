/* SPDX-License-Identifier: ISC */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"

/* The lowest layer: a socket.  `self` points at the stream's descriptor. */

static enum stream_result
socket_recv(void *self, void *data, size_t cap, size_t *got, struct err *err)
{
	ssize_t n;

	do
		n = recv(*(const int *)self, data, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return STREAM_OK;
	}
	if (n == 0)
		return STREAM_END;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return STREAM_AGAIN;
	err_sys(err, ERR_LOST, "the connection broke");
	return STREAM_FAILED;
}

static enum stream_result
socket_send(void *self, const void *data, size_t len, size_t *sent, struct err *err)
{
	ssize_t n;

	do
		n = send(*(const int *)self, data, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		*sent = (size_t)n;
		return STREAM_OK;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return STREAM_AGAIN;
	err_sys(err, ERR_LOST, "the connection broke");
	return STREAM_FAILED;
}

static bool
socket_pending(const void *self)
{
	(void)self;
	return false;
}

static unsigned
socket_events(const void *self, unsigned wanted)
{
	(void)self;
	return wanted;
}

static void
socket_close(void *self)
{
	(void)self;
}

static const struct stream_layer socket_layer = {
	socket_recv,
	socket_send,
	socket_pending,
	socket_events,
	socket_close,
};

void
stream_init(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->command = (struct child)CHILD_INIT;
	buf_init(&s->peer, 1024);
	buf_init(&s->in, STREAM_INPUT_MAX);
	buf_init(&s->out, STREAM_OUTPUT_MAX);
}

void
stream_release(struct stream *s)
{
	if (s->layer != NULL)
		s->layer->close(s->self);
	if (s->fd >= 0)
		close(s->fd);
	if (s->command.guard > 0) {
		child_wait(&s->command, deadline_in(STREAM_COMMAND_END_MS));
		child_kill(&s->command);
	}
	buf_release(&s->peer);
	buf_release(&s->in);
	buf_release(&s->out);
	stream_init(s);
}

int
stream_open_socket(struct stream *s, int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	s->fd = fd;
	s->layer = &socket_layer;
	s->self = &s->fd;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(err, ERR_SYSTEM, "cannot set up the socket");
	return 0;
}

/* Tells the watcher how much content went by before anything else is shown. */
static void
show_content(struct stream *s)
{
	struct buf text = BUF_INIT(64);

	if (s->content_shown == 0 || s->watch == NULL)
		return;
	buf_addf(&text, "(%llu octets of content)\r\n", (unsigned long long)s->content_shown);
	s->watch->sent(s->watch->arg, (struct span){ text.data, text.len });
	s->content_shown = 0;
	buf_release(&text);
}

static void
show_sent(struct stream *s, enum stream_kind kind, const void *data, size_t len)
{
	if (s->watch == NULL)
		return;
	if (kind == STREAM_CONTENT) {
		s->content_shown += len;
		if (s->watch->content != NULL)
			s->watch->content(s->watch->arg, len);
		return;
	}
	show_content(s);
	if (kind == STREAM_SECRET)
		s->watch->sent(s->watch->arg, span_of("********"));
	else
		s->watch->sent(s->watch->arg, (struct span){ data, len });
}

void
stream_put(struct stream *s, enum stream_kind kind, const void *data, size_t len)
{
	if (kind == STREAM_SECRET)
		s->out.secret = true;
	buf_add(&s->out, data, len);
	s->put_total += len;
	show_sent(s, kind, data, len);
}

char *
stream_reserve(struct stream *s, size_t len)
{
	return buf_reserve(&s->out, len);
}

void
stream_commit_content(struct stream *s, size_t len)
{
	show_sent(s, STREAM_CONTENT, s->out.data + s->out.len, len);
	buf_commit(&s->out, len);
	s->put_total += len;
}

size_t
stream_queued(const struct stream *s)
{
	return s->out.len - s->out_sent;
}

enum stream_result
stream_flush(struct stream *s, struct err *err)
{
	if (!buf_ok(&s->out)) {
		err_memory(err);
		return STREAM_FAILED;
	}
	while (stream_queued(s) > 0) {
		size_t sent = 0;
		enum stream_result result = s->layer->send(s->self, s->out.data + s->out_sent,
		    stream_queued(s), &sent, err);

		if (result != STREAM_OK) {
			/* What is sent makes room, for a long flight is queued while it is sent. */
			buf_consume(&s->out, s->out_sent);
			s->out_sent = 0;
			return result;
		}
		s->out_sent += sent;
		s->sent_total += sent;
	}
	buf_clear(&s->out);
	s->out.secret = false;
	s->out_sent = 0;
	return STREAM_OK;
}

enum stream_result
stream_fill(struct stream *s, struct err *err)
{
	enum stream_result result;
	size_t got = 0;
	char *room;

	buf_consume(&s->in, s->in_taken);
	s->in_taken = 0;
	if (s->in.len == STREAM_INPUT_MAX)
		return STREAM_OK;
	room = buf_reserve(&s->in, STREAM_INPUT_MAX - s->in.len);
	if (room == NULL) {
		err_memory(err);
		return STREAM_FAILED;
	}
	result = s->layer->recv(s->self, room, STREAM_INPUT_MAX - s->in.len, &got, err);
	if (result == STREAM_OK) {
		if (s->watch != NULL) {
			show_content(s);
			s->watch->received(s->watch->arg, (struct span){ room, got });
		}
		buf_commit(&s->in, got);
	} else {
		s->in.data[s->in.len] = '\0';
	}
	if (result == STREAM_END)
		s->ended = true;
	return result;
}

bool
stream_take_line(struct stream *s, struct span *line)
{
	const char *start = s->in.data + s->in_taken;
	const char *lf = memchr(start, '\n', s->in.len - s->in_taken);

	if (lf == NULL)
		return false;
	line->data = start;
	line->len = (size_t)(lf - start);
	s->in_taken += line->len + 1;
	if (line->len > 0 && start[line->len - 1] == '\r')
		line->len--;
	return true;
}

bool
stream_take(struct stream *s, size_t len, struct span *octets)
{
	if (s->in.len - s->in_taken < len)
		return false;
	*octets = (struct span){ s->in.data + s->in_taken, len };
	s->in_taken += len;
	return true;
}

bool
stream_line_too_long(const struct stream *s)
{
	size_t len = s->in.len - s->in_taken;

	return len == STREAM_INPUT_MAX && memchr(s->in.data + s->in_taken, '\n', len) == NULL;
}

bool
stream_has_input(const struct stream *s)
{
	return s->in_taken < s->in.len || (s->layer != NULL && s->layer->pending(s->self));
}

static short
poll_events(unsigned events)
{
	return (short)((events & STREAM_READABLE ? POLLIN : 0) |
	    (events & STREAM_WRITABLE ? POLLOUT : 0));
}

int
stream_wait(struct stream *s, unsigned events, int64_t deadline, struct err *err)
{
	struct pollfd pfd = { s->fd, poll_events(s->layer->events(s->self, events)), 0 };
	int n;

	/* First, for a server that drips octets is always ready and never done. */
	if (deadline_poll_ms(deadline) == 0)
		return err_set(err, ERR_TIMEOUT, "the server did not answer in time");
	if ((events & STREAM_READABLE) && s->layer->pending(s->self))
		return 0;
	n = wait_poll(&pfd, 1, deadline);
	if (n > 0)
		return 0;
	if (n == 0)
		return err_set(err, ERR_TIMEOUT, "the server did not answer in time");
	return err_sys(err, ERR_SYSTEM, "poll");
}
