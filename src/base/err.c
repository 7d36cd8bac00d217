/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

struct err_row {
	const char *name;
	int exit_status;
	bool temporary;
	const char *hint;
};

static const struct err_row kinds[ERR_KINDS] = {
	[ERR_NONE] = { "none", EX_OK, false, NULL },
	[ERR_USAGE] = { "usage", EX_USAGE, false, NULL },
	[ERR_NO_RECIPIENT] = { "no-recipient", EX_USAGE, false,
	    "name a recipient as argument, or give -t and a To, Cc or Bcc header" },
	[ERR_ADDRESS] = { "address", EX_DATAERR, false, NULL },
	[ERR_MESSAGE] = { "message", EX_DATAERR, false, NULL },
	[ERR_NO_INPUT] = { "no-input", EX_NOINPUT, false, NULL },
	[ERR_HOST_UNKNOWN] = { "host-unknown", EX_NOHOST, false,
	    "check the server's name in the configuration" },
	[ERR_RECIPIENT_UNKNOWN] = { "recipient-unknown", EX_NOUSER, false, "check the address" },
	[ERR_REFUSED] = { "refused", EX_DATAERR, false, NULL },
	[ERR_SERVICE] = { "service-refused", EX_UNAVAILABLE, false, NULL },
	[ERR_UNAVAILABLE] = { "unavailable", EX_UNAVAILABLE, false, NULL },
	[ERR_BUG] = { "bug", EX_SOFTWARE, false,
	    "please report this with the command and the configuration" },
	[ERR_SYSTEM] = { "system", EX_OSERR, true, NULL },
	[ERR_CANT_CREATE] = { "cannot-create", EX_CANTCREAT, true, NULL },
	[ERR_IO] = { "input-output", EX_IOERR, false, NULL },
	[ERR_TEMPORARY] = { "temporary", EX_TEMPFAIL, true, NULL },
	[ERR_HOLD] = { "cannot-hold", EX_UNAVAILABLE, true,
	    "where there is a queue, it waits there until then" },
	[ERR_RESOLVE] = { "resolve", EX_TEMPFAIL, true,
	    "is this machine connected, and /etc/resolv.conf right?" },
	[ERR_CONNECT] = { "connect", EX_TEMPFAIL, true,
	    "is the server's port right, and not blocked by a firewall?" },
	[ERR_TIMEOUT] = { "timeout", EX_TEMPFAIL, true, NULL },
	[ERR_LOST] = { "connection-lost", EX_TEMPFAIL, true, NULL },
	[ERR_PROTOCOL] = { "protocol", EX_PROTOCOL, false, NULL },
	[ERR_TLS] = { "tls", EX_PROTOCOL, false, NULL },
	[ERR_CERTIFICATE] = { "certificate", EX_PROTOCOL, false, NULL },
	[ERR_LOGIN] = { "login", EX_NOPERM, false, NULL },
	[ERR_SECRET] = { "secret", EX_TEMPFAIL, true,
	    "does the command for the password wait for something that nobody sees?" },
	[ERR_PERMISSION] = { "permission", EX_NOPERM, false, NULL },
	[ERR_CONFIG] = { "configuration", EX_CONFIG, false, NULL },
};

void
err_init(struct err *e)
{
	memset(e, 0, sizeof(*e));
	buf_init(&e->what, ERR_TEXT_MAX);
	buf_init(&e->reply, ERR_TEXT_MAX);
	buf_init(&e->peer, ERR_TEXT_MAX);
	buf_init(&e->hint, ERR_TEXT_MAX);
}

void
err_release(struct err *e)
{
	buf_release(&e->what);
	buf_release(&e->reply);
	buf_release(&e->peer);
	buf_release(&e->hint);
}

void
err_clear(struct err *e)
{
	err_release(e);
	err_init(e);
}

void
err_move(struct err *to, struct err *from)
{
	if (to == from)
		return;
	err_release(to);
	*to = *from;
	err_init(from);
}

void
err_copy(struct err *to, const struct err *from)
{
	struct err copy = *from;

	buf_init(&copy.what, ERR_TEXT_MAX);
	buf_init(&copy.reply, ERR_TEXT_MAX);
	buf_init(&copy.peer, ERR_TEXT_MAX);
	buf_init(&copy.hint, ERR_TEXT_MAX);
	buf_add(&copy.what, from->what.data, from->what.len);
	buf_add(&copy.reply, from->reply.data, from->reply.len);
	buf_add(&copy.peer, from->peer.data, from->peer.len);
	buf_add(&copy.hint, from->hint.data, from->hint.len);
	err_move(to, &copy);
}

/*
 * Formats into out; what does not fit its ceiling is cut off, for an error must never fail itself.
 */
static void __attribute__((format(printf, 2, 0)))
set_text(struct buf *out, const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT((size_t)1 << 20);

	buf_addv(&text, fmt, ap);
	buf_clear(out);
	buf_add(out, text.data, text.len < out->max ? text.len : out->max);
	buf_release(&text);
}

/* Fills e anew.  The sentence is made before e is emptied, for it may quote what e says. */
static void __attribute__((format(printf, 3, 0)))
fill(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
{
	struct buf what = BUF_INIT(ERR_TEXT_MAX);

	set_text(&what, fmt, ap);
	err_clear(e);
	e->kind = kind;
	e->local = kind == ERR_SYSTEM;
	e->what = what;
}

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, kind, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_told(struct err *e, enum err_kind kind)
{
	err_clear(e);
	e->kind = kind;
	e->told = true;
	return -1;
}

bool
err_is_local(int error)
{
	switch (error) {
	case EACCES:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case EMFILE:
	case ENETDOWN:
	case ENETUNREACH:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EPERM:
		return true;
	default:
		return false;
	}
}

int
err_sys(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	fill(e, kind, fmt, ap);
	va_end(ap);
	e->sys_errno = saved;
	e->local = e->local || err_is_local(saved);
	buf_addf(&e->what, ": %s", strerror(saved));
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);
	va_list ap;

	va_start(ap, fmt);
	set_text(&text, fmt, ap);
	va_end(ap);
	buf_adds(&text, ": ");
	buf_add(&text, e->what.data, e->what.len);
	if (buf_ok(&text)) {
		buf_release(&e->what);
		e->what = text;
	} else {
		buf_release(&text);
	}
	return -1;
}

int
err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(&e->hint, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_memory(struct err *e)
{
	return err_set(e, ERR_SYSTEM, "out of memory");
}

int
err_exit_status(enum err_kind kind)
{
	return kinds[kind].exit_status;
}

enum err_kind
err_kind_for(int exit_status)
{
	for (unsigned kind = ERR_NONE; kind < ERR_KINDS; kind++)
		if (kinds[kind].exit_status == exit_status)
			return (enum err_kind)kind;
	return ERR_BUG;
}

const char *
err_name(enum err_kind kind)
{
	return kinds[kind].name;
}

enum err_kind
err_kind_named(struct span name)
{
	for (unsigned kind = ERR_NONE; kind < ERR_KINDS; kind++)
		if (span_is(name, kinds[kind].name))
			return (enum err_kind)kind;
	return ERR_TEMPORARY;
}

bool
err_is_temporary(enum err_kind kind)
{
	return kinds[kind].temporary;
}

const char *
err_hint_text(const struct err *e)
{
	return e->hint.len > 0 ? e->hint.data : kinds[e->kind].hint;
}
