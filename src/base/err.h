/* SPDX-License-Identifier: ISC */
/*
 * The one error of this program: filled once, where the failure happens, and printed once, by
 * main.c.
 *
 * A function that can fail takes a `struct err *` as its last parameter and returns 0 or -1.  On -1
 * the error is filled; on 0 it is untouched.  Callers above may add context with err_wrap() and a
 * hint with err_hint(), and pass it on.  From the kind follow, by the table in err.c, the exit
 * status (sysexits.h), the DSN status class, the word in the log and the hint where none was set.
 */
#ifndef SENDOFF_BASE_ERR_H
#define SENDOFF_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

enum err_kind {
	ERR_NONE,
	ERR_USAGE,             /* the command line is wrong */
	ERR_NO_RECIPIENT,      /* nobody to send to */
	ERR_ADDRESS,           /* an address cannot be parsed or used */
	ERR_MESSAGE,           /* the message cannot be sent as it is */
	ERR_NO_INPUT,          /* no message on standard input */
	ERR_HOST_UNKNOWN,      /* the server's name does not exist */
	ERR_RECIPIENT_UNKNOWN, /* the server knows no such recipient */
	ERR_REFUSED,           /* the server refused recipient or message for good */
	ERR_SERVICE,           /* refused for good at greeting, EHLO or MAIL */
	ERR_UNAVAILABLE,       /* this program cannot do that (yet) */
	ERR_BUG,               /* must not happen */
	ERR_SYSTEM,            /* the operating system refused something */
	ERR_CANT_CREATE,       /* a file cannot be made or written */
	ERR_IO,                /* reading the message failed */
	ERR_TEMPORARY,         /* the server said: later */
	ERR_HOLD,        /* the server cannot hold the message until its time: here it can wait */
	ERR_RESOLVE,     /* no answer about the server's name */
	ERR_CONNECT,     /* the server cannot be reached */
	ERR_TIMEOUT,     /* the server did not answer, or too slowly */
	ERR_LOST,        /* the server closed the connection */
	ERR_PROTOCOL,    /* what the server says is not SMTP */
	ERR_TLS,         /* no secure connection */
	ERR_CERTIFICATE, /* the server's certificate cannot be trusted */
	ERR_LOGIN,       /* login refused or impossible */
	ERR_SECRET,      /* the password cannot be had now */
	ERR_PERMISSION,  /* no permission */
	ERR_CONFIG,      /* the configuration is wrong or missing */
	ERR_KINDS
};

enum { ERR_TEXT_MAX = 8192 }; /* octets of sentence and of server's words that are kept */

struct err {
	enum err_kind kind;
	int sys_errno;     /* errno, or 0 */
	int library_code;  /* GnuTLS's or libgsasl's own code, or 0 */
	int reply_code;    /* SMTP reply, or 0 */
	char enhanced[12]; /* "5.7.8" (RFC 3463), or "" */
	bool in_doubt;     /* the server may have taken the message all the same */
	bool local; /* this process's own trouble, and no word about anybody else: ERR_SYSTEM, or
		       err_is_local() */
	bool told;  /* whoever is to hear of it has: only the exit status is left */
	const char *stage; /* what was going on: a static gerund, "logging in"; or NULL */
	struct buf what;   /* one sentence, ours, without the program's name or a final stop */
	struct buf reply;  /* the server's words, printable, lines separated by LF; or empty */
	struct buf peer;   /* "host:port", or empty */
	struct buf hint;   /* what to do next, or empty */
};

void err_init(struct err *e);
void err_release(struct err *e);
/* Back to the state after err_init(). */
void err_clear(struct err *e);
/* Replaces *to by *from, which is left empty. */
void err_move(struct err *to, struct err *from);
void err_copy(struct err *to, const struct err *from);

/*
 * Fills e; what stood there before is dropped.  Always -1, so that `return err_set(…)` reads well.
 */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, and appends ": " and the text of errno, which is kept in sys_errno. */
int err_sys(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * True for errors that say more of this process and its surroundings than of whom it talks to: no
 * permission, descriptors, memory, route or address.
 */
bool err_is_local(int error);
/* Puts "context: " before the sentence.  Always -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the hint.  Always -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A failure that has been told already, perhaps as several: the kind gives the exit status. Always
 * -1.
 */
int err_told(struct err *e, enum err_kind kind);

/* Memory is out.  Always -1. */
int err_memory(struct err *e);

/* By the table of kinds. */
int err_exit_status(enum err_kind kind);     /* sysexits.h; 0 for ERR_NONE */
enum err_kind err_kind_for(int exit_status); /* one that has it; ERR_BUG for a status that none has
					      */
const char *err_name(enum err_kind kind);    /* one word for the log: "login" */
enum err_kind err_kind_named(struct span name); /* the reverse; ERR_TEMPORARY for a word that is
						   none */
bool err_is_temporary(enum err_kind kind);      /* trying again later may help */

/* The hint of e, or the one its kind has; NULL where there is none. */
const char *err_hint_text(const struct err *e);

#endif
