/* SPDX-License-Identifier: ISC */
/*
 * A connection as a two-way stream of bytes that never blocks by itself: reading goes on while
 * writing, and every wait has a deadline.  TLS is pushed on top of a plain stream by tls_start()
 * and changes nothing for its users.
 *
 * Output is queued by stream_put() and goes out by stream_flush(), as one piece where it fits: a
 * flight of commands is one write.  Input is read by stream_fill() and taken line by line.
 *
 * What passes can be watched (struct stream_watch).  Secrets are masked here, so that no watcher
 * ever sees one.
 */
#ifndef SENDOFF_NET_STREAM_H
#define SENDOFF_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/err.h"
#include "base/span.h"

enum {
	STREAM_INPUT_MAX = 16386, /* octets of input that wait to be taken: the longest line, with
				     its end */
	STREAM_OUTPUT_MAX = 256 * 1024, /* octets of output that wait to be sent */
	STREAM_PIECE = 16384,           /* octets of the largest TLS record */
	STREAM_COMMAND_END_MS = 1000,   /* in which a command may end by itself when the stream is
					   closed */
};

enum stream_result {
	STREAM_OK,
	STREAM_AGAIN,  /* not now: stream_wait() */
	STREAM_END,    /* the peer has closed (receiving only) */
	STREAM_FAILED, /* the error is filled */
};

enum stream_event {
	STREAM_READABLE = 1,
	STREAM_WRITABLE = 2,
};

enum stream_kind {
	STREAM_TEXT,    /* shown to the watcher as it is */
	STREAM_SECRET,  /* shown as stars; wiped from the queue once sent */
	STREAM_CONTENT, /* shown as its size */
};

/* The functions of one layer: the socket, or TLS on it. */
struct stream_layer {
	enum stream_result (*recv)(void *self, void *data, size_t cap, size_t *got,
	    struct err *err);
	enum stream_result (*send)(void *self, const void *data, size_t len, size_t *sent,
	    struct err *err);
	/* True where recv() would give something although the descriptor is not readable. */
	bool (*pending)(const void *self);
	/*
	 * The events of the descriptor that `wanted` waits for: TLS may have to write in order to
	 * read.
	 */
	unsigned (*events)(const void *self, unsigned wanted);
	void (*close)(void *self);
};

struct stream_watch {
	void (*sent)(void *arg, struct span text);
	void (*received)(void *arg, struct span text);
	void *arg;
	void (*content)(void *arg, size_t len); /* so many more octets of content are on their way;
						   NULL: not told */
};

struct stream {
	const struct stream_layer *layer;
	void *self;           /* the layer's; owned */
	int fd;               /* the socket, non-blocking; owned */
	struct child command; /* that is at its other end, or none; owned */
	bool local;           /* loopback, or a Unix socket */
	bool trusted_socket;  /* a Unix socket whose owner is root or this user */
	bool encrypted;
	bool verified;   /* encrypted, and the peer proved to be the one we meant */
	struct buf peer; /* "host:port" or the socket's path, for messages */
	struct buf in;
	size_t in_taken; /* octets of `in` that were taken already */
	bool ended;      /* the peer has closed */
	struct buf out;
	size_t out_sent;        /* octets of `out` that were sent already */
	uint64_t put_total;     /* octets queued, since the beginning */
	uint64_t sent_total;    /* … and sent: the peer may have the first so many of them, and no
				   other */
	uint64_t content_shown; /* octets of content since the watcher was last told */
	const struct stream_watch *watch;
};

void stream_init(struct stream *s);
/*
 * Closes it: politely under TLS, without waiting; but for a command, which has
 * STREAM_COMMAND_END_MS to end by itself, and then is killed with its process group.
 */
void stream_release(struct stream *s);

/* Takes over a connected socket, which becomes non-blocking.  Errors: ERR_SYSTEM. */
int stream_open_socket(struct stream *s, int fd, struct err *err);

/* Queues output.  What exceeds STREAM_OUTPUT_MAX fails in stream_flush(). */
void stream_put(struct stream *s, enum stream_kind kind, const void *data, size_t len);
/*
 * Room for content in the queue, so that it can be read into place: NULL where there is none; then
 * as after stream_put().
 */
char *stream_reserve(struct stream *s, size_t len);
void stream_commit_content(struct stream *s, size_t len);
/* Octets queued and not yet sent. */
size_t stream_queued(const struct stream *s);
/*
 * Sends as much as goes: STREAM_OK when the queue is empty, STREAM_AGAIN, STREAM_FAILED (ERR_LOST,
 * ERR_SYSTEM).
 */
enum stream_result stream_flush(struct stream *s, struct err *err);

/*
 * Reads once what is there: STREAM_OK (also where the buffer is full), STREAM_AGAIN, STREAM_END,
 * STREAM_FAILED.
 */
enum stream_result stream_fill(struct stream *s, struct err *err);
/*
 * Takes the next line off the input, without its CRLF or LF; it stays valid until the next
 * stream_fill().  False where no whole line is there.
 */
bool stream_take_line(struct stream *s, struct span *line);
/* The same for exactly len octets (len <= STREAM_INPUT_MAX). */
bool stream_take(struct stream *s, size_t len, struct span *octets);
/* True where the buffer is full and holds no whole line. */
bool stream_line_too_long(const struct stream *s);
/* True where octets wait that nobody has taken. */
bool stream_has_input(const struct stream *s);

/*
 * Waits for any of the events (enum stream_event, or'ed).  Errors: ERR_TIMEOUT (the deadline
 * passed), ERR_SYSTEM.
 */
int stream_wait(struct stream *s, unsigned events, int64_t deadline, struct err *err);

#endif
