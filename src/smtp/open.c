/* SPDX-License-Identifier: ISC */
/*
 * From nothing to a session that can send: connect, greeting, EHLO, TLS, login.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "format/domain.h"
#include "net/dane.h"
#include "net/dial.h"
#include "net/proxy.h"
#include "net/tls.h"
#include "smtp/login.h"
#include "smtp/session.h"
#include "smtp/wire.h"

enum { HOST_NAME_LEN = 256 };

/* To the server itself, or to the proxy and through it. */
static int
connect_tcp(struct smtp *s, int64_t deadline, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	const struct proxy_target target = { w->host, w->port, w->proxy_user, w->proxy_password };

	if (w->proxy == PROXY_NONE)
		return dial_tcp(&s->stream, w->host, w->port, w->source_ip, deadline, err);
	if (dial_tcp(&s->stream, w->proxy_host, w->proxy_port, w->source_ip, deadline, err) < 0)
		return err_wrap(err, "the proxy");
	s->stream.local = false;
	buf_adds(&s->stream.peer, ", proxy for ");
	host_port_add(&s->stream.peer, w->host, w->port);
	return w->proxy == PROXY_SOCKS5 ? proxy_socks5(&s->stream, &target, deadline, err) :
					  proxy_http(&s->stream, &target, deadline, err);
}

/* The silence of a port that waits for a TLS handshake is worth a word. */
static int
hint_at_tls(struct err *err)
{
	return err_hint(err,
	    "if this port speaks TLS from the start, configure smtps:// (msmtp: tls_starttls off)");
}

static int
connect_server(struct smtp *s, int64_t deadline, struct err *err)
{
	const struct smtp_settings *w = &s->settings;

	if (w->socket != NULL)
		return dial_unix(&s->stream, w->socket, deadline, err);
	if (w->tunnel_command == NULL)
		return connect_tcp(s, deadline, err);
	host_port_add(&s->stream.peer, w->host, w->port);
	if (proxy_command(&s->stream, w->tunnel_command, w->host, w->port, deadline, err) < 0)
		return -1;
	if (w->tls_mode == SMTP_TLS_IMPLICIT || proxy_await(&s->stream, deadline, err) == 0)
		return 0;
	return err->kind == ERR_TIMEOUT ? hint_at_tls(err) : -1;
}

/*
 * Plain text stays on this machine unless told otherwise in so many words; and a password goes to a
 * server that proved who it is, or to a socket that only we or root can listen on.
 */
static int
check_plain(const struct smtp *s, struct err *err)
{
	if (s->settings.tls_mode != SMTP_TLS_NONE || s->stream.local || s->settings.plain_anywhere)
		return 0;
	err_set(err, ERR_CONFIG, "without TLS only a server on this machine is used");
	return err_hint(err,
	    "use smtps:// or tls starttls; or, if everyone on the way may read the mail, write: tls none");
}

static int
check_password_is_safe(const struct smtp *s, struct err *err)
{
	if (s->stream.verified || s->stream.trusted_socket || s->settings.insecure_login)
		return 0;
	err_set(err, ERR_CONFIG, "the password is not sent without TLS and a verified certificate");
	return err_hint(err,
	    "use smtps:// or tls starttls; or, if everyone on the way may read the password, write: "
	    "insecure_auth yes");
}

static int
start_tls(struct smtp *s, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	struct tlsa records[DANE_RECORDS_MAX];
	struct tls_settings tls = w->tls;

	if (tls.host == NULL)
		tls.host = w->host;
	tls.tlsa = records;
	/*
	 * What DNS says about the server's key, where DNSSEC vouches for it.  A lookup through a
	 * proxy would tell the network what the proxy is to hide.
	 */
	if (!w->no_dane && w->proxy == PROXY_NONE && w->tunnel_command == NULL &&
	    tls.pin_count == 0 && tls.verify && !s->stream.local &&
	    dane_look_up(w->host, w->port,
		deadline_min(s->deadline, deadline_in(w->connect_timeout_ms)), records,
		&tls.tlsa_count, err) < 0)
		return -1;
	return tls_start(&s->stream, &tls,
	    deadline_min(s->deadline, deadline_in(w->connect_timeout_ms)), err);
}

static int
read_greeting(struct smtp *s, struct err *err)
{
	smtp_expect(s, VERB_GREETING, NULL, EVERY_RECIPIENT);
	if (smtp_ask(s, VERB_GREETING, err) == 0)
		return 0;
	if (err->kind == ERR_PROTOCOL)
		err_hint(err, "is this the port of a mail server?");
	if (err->kind == ERR_TIMEOUT && !s->stream.encrypted && !s->stream.local)
		hint_at_tls(err);
	return -1;
}

/*
 * Microsoft's servers offer CHUNKING, but refuse good messages in it ("552 5.3.4 Header size
 * exceeds fixed maximum size") or fall silent behind it.
 */
static bool
chunks_badly(const char *host)
{
	static const char *const domains[] = { "outlook.com", "office365.com", "hotmail.com" };
	size_t len = host != NULL ? strlen(host) : 0;

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		size_t tail = strlen(domains[i]);

		if (len >= tail && span_is_nocase(span_of(host + len - tail), domains[i]))
			return true;
	}
	return false;
}

static int
say_ehlo(struct smtp *s, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	struct buf name = BUF_INIT(HOST_NAME_LEN);
	char own[HOST_NAME_LEN] = "";

	/*
	 * A name with a dot, or else our address: servers want no other (RFC 5321 section 4.1.3).
	 */
	if (w->domain != NULL)
		buf_adds(&name, w->domain);
	else if (gethostname(own, sizeof(own) - 1) == 0 && strchr(own, '.') != NULL &&
	    domain_is_host_name(own))
		buf_adds(&name, own);
	else
		dial_local_literal(&s->stream, &name);
	smtp_command(s, VERB_EHLO, NULL, EVERY_RECIPIENT, "%s %s", w->lmtp ? "LHLO" : "EHLO",
	    name.data);
	buf_release(&name);
	if (smtp_ask(s, VERB_EHLO, err) < 0)
		return -1;
	ehlo_parse(&s->offers, (struct span){ s->reply.text.data, s->reply.text.len });
	s->offers.pipelining = s->offers.pipelining && !w->no_pipelining;
	s->offers.chunking = s->offers.chunking && !w->no_chunking && !chunks_badly(w->host);
	return 0;
}

/* STARTTLS (RFC 3207): required, and all that was learned before it is forgotten. */
static int
upgrade(struct smtp *s, struct err *err)
{
	if (!s->offers.starttls) {
		err_set(err, ERR_TLS, "the server does not offer STARTTLS");
		smtp_place(s, VERB_STARTTLS, err);
		return err_hint(err,
		    "someone on the way may have removed the offer; where the server has port 465, use smtps://");
	}
	smtp_command(s, VERB_STARTTLS, NULL, EVERY_RECIPIENT, "STARTTLS");
	if (smtp_ask(s, VERB_STARTTLS, err) < 0)
		return -1;
	if (start_tls(s, err) < 0) {
		s->broken = true;
		smtp_place(s, VERB_STARTTLS, err);
		return -1;
	}
	return say_ehlo(s, err);
}

void
smtp_init(struct smtp *s, const struct smtp_settings *settings)
{
	memset(s, 0, sizeof(*s));
	s->settings = *settings;
	s->deadline = deadline_in(settings->timeout_ms);
	stream_init(&s->stream);
	s->stream.watch = settings->watch;
	ehlo_init(&s->offers);
	reply_init(&s->reply);
}

/* From nothing to where mail can be sent. */
static int
open_session(struct smtp *s, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	int64_t deadline = deadline_min(deadline_in(w->connect_timeout_ms), s->deadline);

	if (connect_server(s, deadline, err) < 0) {
		s->broken = true;
		return -1;
	}
	if (check_plain(s, err) < 0)
		return -1;
	if (w->tls_mode == SMTP_TLS_IMPLICIT && start_tls(s, err) < 0) {
		s->broken = true;
		return -1;
	}
	if (read_greeting(s, err) < 0 || say_ehlo(s, err) < 0 ||
	    (w->tls_mode == SMTP_TLS_STARTTLS && upgrade(s, err) < 0))
		return -1;
	return w->user == NULL || (check_password_is_safe(s, err) == 0 && smtp_login(s, err) == 0) ?
	    0 :
	    -1;
}

int
smtp_open(struct smtp *s, const struct smtp_settings *settings, struct err *err)
{
	int result;

	smtp_init(s, settings);
	result = open_session(s, err);
	s->settings.secret = NULL;
	if (result < 0 && err->peer.len == 0)
		buf_add(&err->peer, s->stream.peer.data, s->stream.peer.len);
	return result;
}

void
smtp_close(struct smtp *s)
{
	struct err ignored;

	/* QUIT's answer is awaited (RFC 5321 section 4.1.1.10), but nobody's mail depends on it. */
	if (!s->broken && s->stream.fd >= 0 && (s->quit || s->due == 0)) {
		err_init(&ignored);
		s->deadline = DEADLINE_NONE;
		if (!s->quit)
			smtp_command(s, VERB_QUIT, NULL, EVERY_RECIPIENT, "QUIT");
		smtp_exchange(s, UNTIL_REPLIED, &ignored);
		err_release(&ignored);
	}
	stream_release(&s->stream);
	ehlo_release(&s->offers);
	reply_release(&s->reply);
	free(s->fifo);
	s->fifo = NULL;
}
