/* SPDX-License-Identifier: ISC */
#include "smtp/login.h"

#include <string.h>

#include "base/text.h"
#include "format/codec.h"
#include "net/tls.h"
#include "smtp/sasl.h"
#include "smtp/wire.h"

enum {
	RESPONSE_MAX = 16384, /* octets of one response, in base64 */
	STEPS_MAX = 16,       /* challenges of one login: no mechanism has more than a few */
	BINDING_MAX = 64,     /* octets of a channel binding */
};

enum login_result {
	LOGIN_OK,
	LOGIN_NEXT, /* not with this mechanism: the error says why */
	LOGIN_FAILED,
};

/*
 * Queues "AUTH NAME", with the initial response where there is one and the line may be that long.
 */
static bool
queue_auth(struct smtp *s, const struct mechanism *mechanism, const struct buf *initial)
{
	struct buf text = BUF_INIT_SECRET(RESPONSE_MAX);
	bool fits;

	if (initial->len > 0)
		base64_add(&text, (struct span){ initial->data, initial->len });
	else
		buf_addc(&text, '=');
	fits = strlen("AUTH ") + strlen(mechanism->name) + 1 + text.len + 2 <= AUTH_LINE_MAX;
	stream_put(&s->stream, STREAM_TEXT, "AUTH ", strlen("AUTH "));
	stream_put(&s->stream, STREAM_TEXT, mechanism->name, strlen(mechanism->name));
	if (mechanism->client_first && fits) {
		stream_put(&s->stream, STREAM_TEXT, " ", 1);
		stream_put(&s->stream, STREAM_SECRET, text.data, text.len);
	}
	stream_put(&s->stream, STREAM_TEXT, "\r\n", 2);
	smtp_expect(s, VERB_AUTH, NULL, EVERY_RECIPIENT);
	buf_release(&text);
	return mechanism->client_first && fits;
}

static int
send_response(struct smtp *s, const struct buf *response, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(RESPONSE_MAX);

	base64_add(&text, (struct span){ response->data, response->len });
	if (!buf_ok(&text)) {
		buf_release(&text);
		return err_set(err, ERR_LOGIN, "the response is too long");
	}
	stream_put(&s->stream, STREAM_SECRET, text.data, text.len);
	stream_put(&s->stream, STREAM_TEXT, "\r\n", 2);
	smtp_expect(s, VERB_AUTH_STEP, NULL, EVERY_RECIPIENT);
	buf_release(&text);
	return smtp_exchange(s, UNTIL_REPLIED, err);
}

/* Gives the exchange up ("*", RFC 4954 section 4); the server's 501 to that says nothing new. */
static enum login_result
cancel(struct smtp *s, struct err *err)
{
	struct err lost;

	err_init(&lost);
	smtp_command(s, VERB_AUTH_STEP, NULL, EVERY_RECIPIENT, "*");
	if (smtp_exchange(s, UNTIL_REPLIED, &lost) < 0)
		err_move(err, &lost);
	err_release(&lost);
	smtp_place(s, VERB_AUTH, err);
	return s->broken ? LOGIN_FAILED : LOGIN_NEXT;
}

/* A refused token: the server's reason came as a challenge before the refusal. */
static void
add_token_error(const struct sasl *sasl, struct err *err)
{
	struct span words = sasl_token_error(sasl);

	if (words.len == 0)
		return;
	buf_adds(&err->reply, "\n334 ");
	text_printable(&err->reply, words, false);
}

/* What the last reply to the exchange means, when it is not 334. */
static enum login_result
judge(struct smtp *s, const struct sasl *sasl, const struct mechanism *mechanism, struct err *err)
{
	if (reply_class(&s->reply) == 2) {
		if (!mechanism->mutual || sasl_is_done(sasl)) {
			s->mechanism = mechanism->name;
			return LOGIN_OK;
		}
		err_set(err, ERR_LOGIN, "%s: the server did not prove that it knows the password",
		    mechanism->name);
		smtp_place(s, VERB_AUTH, err);
		return LOGIN_FAILED;
	}
	smtp_refused(s, VERB_AUTH, err);
	buf_addf(&err->what, " of %s (%s)", s->settings.user, mechanism->name);
	add_token_error(sasl, err);
	/*
	 * 504: no such mechanism; 534: too weak for this user; 500, 501 and 503 speak of the
	 * command, not of the password.
	 */
	return s->reply.code == 504 || s->reply.code == 534 ? LOGIN_NEXT : LOGIN_FAILED;
}

/* The response to the challenge that came last. */
static int
next_response(const struct smtp *s, struct sasl *sasl, const struct mechanism *mechanism,
    struct buf *response, struct err *err)
{
	struct buf challenge = BUF_INIT_SECRET(REPLY_LINE_MAX);
	int result;

	if (!base64_decode(&challenge, (struct span){ s->reply.text.data, s->reply.text.len }))
		result = err_set(err, ERR_PROTOCOL, "%s: the server's challenge is not base64",
		    mechanism->name);
	else
		result = sasl_step(sasl, (struct span){ challenge.data, challenge.len }, response,
		    err);
	buf_release(&challenge);
	return result;
}

/*
 * Answers the challenges until the server has decided.  `held`: the initial response waits for an
 * empty challenge.
 */
static enum login_result
answer(struct smtp *s, struct sasl *sasl, const struct mechanism *mechanism, struct buf *response,
    bool held, struct err *err)
{
	for (unsigned step = 0; s->reply.code == 334; step++) {
		if (step == STEPS_MAX) {
			err_set(err, ERR_PROTOCOL, "%s: the server's challenges do not end",
			    mechanism->name);
			return cancel(s, err);
		}
		if (!(held && step == 0) && next_response(s, sasl, mechanism, response, err) < 0)
			return cancel(s, err);
		if (send_response(s, response, err) < 0)
			return LOGIN_FAILED;
	}
	return judge(s, sasl, mechanism, err);
}

static enum login_result
converse(struct smtp *s, struct sasl *sasl, const struct mechanism *mechanism, struct err *err)
{
	struct buf response = BUF_INIT_SECRET(RESPONSE_MAX);
	enum login_result result = LOGIN_NEXT;
	bool sent;

	if (!mechanism->client_first ||
	    sasl_step(sasl, (struct span){ NULL, 0 }, &response, err) == 0) {
		sent = queue_auth(s, mechanism, &response);
		result = LOGIN_FAILED;
		if (smtp_exchange(s, UNTIL_REPLIED, err) == 0)
			result = answer(s, sasl, mechanism, &response,
			    mechanism->client_first && !sent, err);
	}
	buf_release(&response);
	return result;
}

static enum login_result
try_mechanism(struct smtp *s, const struct mechanism *mechanism, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	struct buf binding = BUF_INIT(BINDING_MAX);
	struct sasl_credentials credentials = {
		.user = w->user,
		.secret = w->secret,
		.host = w->socket != NULL ? w->socket : w->host,
		.port = w->port,
		.domain = w->ntlm_domain,
		.binding = &binding,
	};
	enum login_result result = LOGIN_NEXT;
	struct sasl *sasl = NULL;

	if (mechanism->binding && !tls_channel_binding(&s->stream, &binding))
		err_set(err, ERR_LOGIN, "%s: the connection has no channel binding",
		    mechanism->name);
	else if (sasl_begin(&sasl, mechanism, &credentials, err) == 0)
		result = converse(s, sasl, mechanism, err);
	sasl_end(sasl);
	buf_release(&binding);
	return result;
}

/* Is it what we have, and the server offers? */
static bool
is_usable(const struct smtp *s, const struct mechanism *mechanism)
{
	const struct smtp_settings *w = &s->settings;
	bool equipped = true;

	switch (mechanism->proof) {
	case PROOF_CERTIFICATE:
		equipped = w->tls.cert_file != NULL;
		break;
	case PROOF_TOKEN:
		equipped = w->secret_kind == SMTP_SECRET_TOKEN;
		break;
	case PROOF_PASSWORD:
		equipped = w->secret_kind == SMTP_SECRET_PASSWORD;
		break;
	case PROOF_TICKET:
		break;
	}
	return equipped && (!mechanism->binding || s->stream.encrypted) &&
	    ehlo_has_mechanism(&s->offers, mechanism->name);
}

static int
none_fits(const struct smtp *s, struct err *err)
{
	struct buf offered = BUF_INIT(1024);

	text_printable(&offered,
	    (struct span){ s->offers.mechanisms.data, s->offers.mechanisms.len }, false);
	if (!s->offers.auth || offered.len == 0)
		err_set(err, ERR_LOGIN, "the server offers no login (AUTH)");
	else
		err_set(err, ERR_LOGIN, "the server offers no login that can be used here, only %s",
		    offered.data);
	buf_release(&offered);
	smtp_place(s, VERB_AUTH, err);
	return s->stream.encrypted ?
	    -1 :
	    err_hint(err, "many servers offer it only over TLS: use smtps:// or tls starttls");
}

int
smtp_login(struct smtp *s, struct err *err)
{
	const struct smtp_settings *w = &s->settings;
	const bool named = w->mechanism_count > 0;
	bool tried = false;

	for (size_t i = 0; named ? i < w->mechanism_count : mechanism_at(i) != NULL; i++) {
		const struct mechanism *mechanism = named ?
		    mechanism_find(span_of(w->mechanisms[i])) :
		    mechanism_at(i);
		enum login_result result;

		if (mechanism == NULL || (!named && mechanism->on_request) ||
		    !is_usable(s, mechanism))
			continue;
		result = try_mechanism(s, mechanism, err);
		if (result != LOGIN_NEXT)
			return result == LOGIN_OK ? 0 : -1;
		tried = true;
	}
	return tried ? -1 : none_fits(s, err);
}
