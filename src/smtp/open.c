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

/* How each scheme is reached, and spoken to. */
static const struct scheme {
	enum tls_mode tls; /* where the account does not say */
	bool socket;       /* the host is the path of a Unix socket: TLS makes no sense */
	const char *hello;
} schemes[] = {
	[SERVER_SMTPS] = { TLS_IMPLICIT, false, "EHLO" },
	[SERVER_SMTP] = { TLS_STARTTLS, false, "EHLO" },
	[SERVER_LMTP] = { TLS_NONE, false, "LHLO" },
	[SERVER_UNIX] = { TLS_NONE, true, "EHLO" },
	[SERVER_LMTP_UNIX] = { TLS_NONE, true, "LHLO" },
};

static const struct scheme *
scheme(const struct smtp *s)
{
	return &schemes[s->server->scheme];
}

static enum tls_mode
tls_mode(const struct smtp *s)
{
	return scheme(s)->socket || s->account->tls == TLS_DEFAULT ? scheme(s)->tls :
								     s->account->tls;
}

/* To the server itself, or to the proxy and through it. */
static int
connect_tcp(struct smtp *s, int64_t deadline, struct err *err)
{
	const struct account *a = s->account;
	const struct proxy_target target = { s->server->host, s->server->port, a->proxy_user,
		a->proxy_password };

	if (a->proxy == PROXY_NONE)
		return dial_tcp(&s->stream, s->server->host, s->server->port, a->source_ip,
		    deadline, err);
	if (dial_tcp(&s->stream, a->proxy_host, a->proxy_port, a->source_ip, deadline, err) < 0)
		return err_wrap(err, "the proxy");
	s->stream.local = false;
	buf_addf(&s->stream.peer, ", proxy for %s:%u", target.host, target.port);
	return a->proxy == PROXY_SOCKS5 ? proxy_socks5(&s->stream, &target, deadline, err) :
					  proxy_http(&s->stream, &target, deadline, err);
}

static int
connect_server(struct smtp *s, int64_t deadline, struct err *err)
{
	if (scheme(s)->socket)
		return dial_unix(&s->stream, s->server->host, err);
	if (s->account->tunnel_command == NULL)
		return connect_tcp(s, deadline, err);
	buf_addf(&s->stream.peer, "%s:%u", s->server->host, s->server->port);
	return proxy_command(&s->stream, s->account->tunnel_command, s->server->host,
	    s->server->port, err);
}

/* Plain text stays on this machine unless the account says otherwise in so many words. */
static int
check_plain(const struct smtp *s, struct err *err)
{
	if (tls_mode(s) != TLS_NONE || s->stream.local || s->account->tls_explicit_none)
		return 0;
	err_set(err, ERR_CONFIG, "without TLS only a server on this machine is used");
	return err_hint(err,
	    "use smtps:// or tls starttls; or, if everyone on the way may read the mail, write: tls none");
}

/*
 * A password goes to a server that proved who it is, or to a socket that only we or root can listen
 * on.
 */
static int
check_password_is_safe(const struct smtp *s, struct err *err)
{
	if (s->stream.verified || s->stream.trusted_socket || s->account->insecure_auth)
		return 0;
	err_set(err, ERR_CONFIG, "the password is not sent without TLS and a verified certificate");
	return err_hint(err,
	    "use smtps:// or tls starttls; or, if everyone on the way may read the password, write: "
	    "insecure_auth yes");
}

/*
 * What DNS says about the server's key, where DNSSEC vouches for it.  A lookup through a proxy
 * would tell the network what the proxy is to hide.
 */
static int
look_up_tlsa(const struct smtp *s, struct tlsa records[static DANE_RECORDS_MAX], size_t *count,
    struct err *err)
{
	const struct account *a = s->account;

	*count = 0;
	if (a->dane == SETTING_NEVER || a->proxy != PROXY_NONE || a->tunnel_command != NULL ||
	    a->tls_fingerprints.count > 0 || !a->tls_verify || s->stream.local)
		return 0;
	return dane_look_up(s->server->host, s->server->port, records, count, err);
}

static int
start_tls(struct smtp *s, struct err *err)
{
	const struct account *a = s->account;
	struct tlsa records[DANE_RECORDS_MAX];
	struct tls_settings settings = {
		.host = a->tls_host != NULL ? a->tls_host : s->server->host,
		.trust_file = a->tls_trust_file,
		.crl_file = a->tls_crl_file,
		.priorities = a->tls_priorities,
		.only_tls13 = a->tls_only13,
		.cert_file = a->tls_cert_file,
		.key_file = a->tls_key_file,
		.pins = a->tls_fingerprints.items,
		.pin_count = a->tls_fingerprints.count,
		.tlsa = records,
		.verify = a->tls_verify,
	};

	if (look_up_tlsa(s, records, &settings.tlsa_count, err) < 0)
		return -1;
	return tls_start(&s->stream, &settings,
	    deadline_min(s->deadline, deadline_in(a->connect_timeout_ms)), err);
}

/* The silence of a port that waits for a TLS handshake is worth a word. */
static int
read_greeting(struct smtp *s, struct err *err)
{
	smtp_expect(s, VERB_GREETING, NULL, EVERY_RECIPIENT);
	if (smtp_ask(s, VERB_GREETING, err) == 0)
		return 0;
	if (err->kind == ERR_PROTOCOL)
		err_hint(err, "is this the port of a mail server?");
	if (err->kind == ERR_TIMEOUT && !s->stream.encrypted && !s->stream.local)
		err_hint(err,
		    "if this port speaks TLS from the start, configure smtps:// (msmtp: tls_starttls off)");
	return -1;
}

/* A name with a dot, or else our address: servers want no other (RFC 5321 section 4.1.3). */
static void
add_own_name(const struct smtp *s, struct buf *out)
{
	char name[HOST_NAME_LEN] = "";

	if (s->account->domain != NULL) {
		buf_adds(out, s->account->domain);
		return;
	}
	if (gethostname(name, sizeof(name) - 1) == 0 && strchr(name, '.') != NULL &&
	    domain_is_host_name(name))
		buf_adds(out, name);
	else
		dial_local_literal(&s->stream, out);
}

static int
say_ehlo(struct smtp *s, struct err *err)
{
	struct buf name = BUF_INIT(HOST_NAME_LEN);
	int result;

	add_own_name(s, &name);
	smtp_command(s, VERB_EHLO, NULL, EVERY_RECIPIENT, "%s %s", scheme(s)->hello, name.data);
	buf_release(&name);
	result = smtp_ask(s, VERB_EHLO, err);
	if (result == 0)
		ehlo_parse(&s->offers, (struct span){ s->reply.text.data, s->reply.text.len });
	return result;
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

static int
introduce(struct smtp *s, struct err *err)
{
	if (tls_mode(s) == TLS_IMPLICIT && start_tls(s, err) < 0) {
		s->broken = true;
		return -1;
	}
	if (read_greeting(s, err) < 0 || say_ehlo(s, err) < 0)
		return -1;
	return tls_mode(s) == TLS_STARTTLS ? upgrade(s, err) : 0;
}

void
smtp_init(struct smtp *s, const struct account *account, const struct server *server,
    const struct stream_watch *watch)
{
	memset(s, 0, sizeof(*s));
	s->account = account;
	s->server = server;
	s->deadline = deadline_in(account->timeout_ms);
	stream_init(&s->stream);
	s->stream.watch = watch;
	ehlo_init(&s->offers);
	reply_init(&s->reply);
}

int
smtp_open(struct smtp *s, const struct account *account, const struct server *server,
    const struct buf *secret, const struct stream_watch *watch, struct err *err)
{
	int64_t deadline = deadline_in(account->connect_timeout_ms);
	int result;

	smtp_init(s, account, server, watch);
	result = connect_server(s, deadline_min(deadline, s->deadline), err);
	if (result < 0)
		s->broken = true;
	if (result == 0)
		result = check_plain(s, err);
	if (result == 0)
		result = introduce(s, err);
	if (result == 0 && account->user != NULL && !account->auth_off)
		result = check_password_is_safe(s, err) < 0 ? -1 : smtp_login(s, secret, err);
	if (result < 0 && err->peer.len == 0)
		buf_add(&err->peer, s->stream.peer.data, s->stream.peer.len);
	return result;
}

/* QUIT's answer is awaited (RFC 5321 section 4.1.1.10), but nobody's mail depends on it. */
static void
say_goodbye(struct smtp *s)
{
	struct err ignored;

	err_init(&ignored);
	if (!s->quit)
		smtp_command(s, VERB_QUIT, NULL, EVERY_RECIPIENT, "QUIT");
	smtp_exchange(s, 0, 0, &ignored);
	err_release(&ignored);
}

void
smtp_close(struct smtp *s)
{
	if (!s->broken && s->stream.fd >= 0 && (s->quit || s->due == 0))
		say_goodbye(s);
	stream_release(&s->stream);
	ehlo_release(&s->offers);
	reply_release(&s->reply);
	free(s->fifo);
	s->fifo = NULL;
}
