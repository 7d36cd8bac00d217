/* SPDX-License-Identifier: ISC */
#include "delivery/transport.h"

#include <string.h>

#include "config/scheme.h"

static enum smtp_tls
tls_mode(const struct account *account, const struct scheme *scheme)
{
	static const enum smtp_tls modes[] = {
		[TLS_IMPLICIT] = SMTP_TLS_IMPLICIT,
		[TLS_STARTTLS] = SMTP_TLS_STARTTLS,
		[TLS_NONE] = SMTP_TLS_NONE,
	};

	return modes[scheme->socket || account->tls == TLS_DEFAULT ? scheme->tls : account->tls];
}

static enum smtp_secret
secret_kind(const struct account *a)
{
	if (a->secret_source == SECRET_NONE)
		return SMTP_SECRET_NONE;
	return a->secret_source == SECRET_TOKEN ? SMTP_SECRET_TOKEN : SMTP_SECRET_PASSWORD;
}

static int
open_smtp(struct transport *t, const struct account *a, const struct server *server,
    const struct buf *secret, const struct stream_watch *watch, struct err *err)
{
	const struct scheme *scheme = scheme_of(server->scheme);
	const struct smtp_settings settings = {
		.host = server->host,
		.port = server->port,
		.socket = scheme->socket ? server->host : NULL,
		.proxy = a->proxy,
		.proxy_host = a->proxy_host,
		.proxy_port = a->proxy_port,
		.proxy_user = a->proxy_user,
		.proxy_password = a->proxy_password,
		.tunnel_command = a->tunnel_command,
		.source_ip = a->source_ip,
		.connect_timeout_ms = a->connect_timeout_ms,
		.lmtp = scheme->lmtp,
		.domain = a->domain,
		.timeout_ms = a->timeout_ms,
		.no_pipelining = a->pipelining == SETTING_NEVER,
		.no_chunking = a->chunking == SETTING_NEVER,
		.tls_mode = tls_mode(a, scheme),
		.plain_anywhere = a->tls_explicit_none,
		.tls = {
			.host = a->tls_host,
			.trust_file = a->tls_trust_file,
			.crl_file = a->tls_crl_file,
			.priorities = a->tls_priorities,
			.only_tls13 = a->tls_only13,
			.cert_file = a->tls_cert_file,
			.key_file = a->tls_key_file,
			.pins = a->tls_fingerprints.items,
			.pin_count = a->tls_fingerprints.count,
			.verify = a->tls_verify,
		},
		.no_dane = a->dane == SETTING_NEVER,
		.user = a->auth_off ? NULL : a->user,
		.secret_kind = secret_kind(a),
		.secret = secret,
		.mechanisms = a->auth.items,
		.mechanism_count = a->auth.count,
		.ntlm_domain = a->ntlm_domain,
		.insecure_login = a->insecure_auth,
		.watch = watch,
	};
	int result = smtp_open(&t->smtp, &settings, err);

	buf_add(&t->peer, t->smtp.stream.peer.data, t->smtp.stream.peer.len);
	tls_describe(&t->smtp.stream, &t->tls);
	t->mechanism = t->smtp.mechanism;
	t->offers.eightbit = t->smtp.offers.eightbitmime;
	t->offers.dsn = t->smtp.offers.dsn;
	return result;
}

static bool
may_send_smtp(const struct transport *t)
{
	return smtp_may_send(&t->smtp);
}

static int
send_smtp(struct transport *t, struct transaction *tx, const struct around *around, struct err *err)
{
	return smtp_send(&t->smtp, tx, around, err);
}

static void
close_smtp(struct transport *t)
{
	smtp_close(&t->smtp);
}

static const struct transport_kind smtp_kind = {
	.open = open_smtp,
	.may_send = may_send_smtp,
	.send = send_smtp,
	.close = close_smtp,
};

void
transport_init(struct transport *t)
{
	memset(t, 0, sizeof(*t));
	buf_init(&t->peer, ERR_TEXT_MAX);
	buf_init(&t->tls, ERR_TEXT_MAX);
}

void
transport_release(struct transport *t)
{
	transport_close(t);
	buf_release(&t->peer);
	buf_release(&t->tls);
}

int
transport_open(struct transport *t, const struct account *account, const struct server *server,
    const struct buf *secret, const struct stream_watch *watch, struct err *err)
{
	buf_clear(&t->peer);
	buf_clear(&t->tls);
	t->kind = &smtp_kind;
	if (t->kind->open(t, account, server, secret, watch, err) == 0)
		return 0;
	transport_close(t);
	return -1;
}

bool
transport_may_send(const struct transport *t)
{
	return t->kind != NULL && t->kind->may_send(t);
}

int
transport_send(struct transport *t, struct transaction *tx, const struct around *around,
    struct err *err)
{
	return t->kind->send(t, tx, around, err);
}

void
transport_close(struct transport *t)
{
	if (t->kind != NULL)
		t->kind->close(t);
	t->kind = NULL;
}
