/* SPDX-License-Identifier: ISC */
#include "smtp/login.h"

#include <string.h>

#include "base/text.h"
#include "format/codec.h"
#include "smtp/sasl.h"
#include "smtp/wire.h"

enum { RESPONSE_MAX = 16384 };	/* octets of one response, in base64 */

enum login_result {
	LOGIN_OK,
	LOGIN_NEXT,		/* not with this mechanism: the error says why */
	LOGIN_FAILED,
};

/* Queues "AUTH NAME", with the initial response where there is one and the line may be that long. */
static bool
queue_auth(struct smtp *s, const struct sasl_mechanism *mechanism, const struct buf *initial)
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
	smtp_expect(s, VERB_AUTH, NULL, 0);
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
	smtp_expect(s, VERB_AUTH_STEP, NULL, 0);
	buf_release(&text);
	return smtp_exchange(s, 0, 0, err);
}

/* Gives the exchange up ("*", RFC 4954 section 4); the server's 501 to that says nothing new. */
static enum login_result
cancel(struct smtp *s, struct err *err)
{
	struct err lost;

	err_init(&lost);
	smtp_command(s, VERB_AUTH_STEP, NULL, 0, "*");
	if (smtp_exchange(s, 0, 0, &lost) < 0)
		err_move(err, &lost);
	err_release(&lost);
	smtp_place(s, VERB_AUTH, err);
	return s->broken ? LOGIN_FAILED : LOGIN_NEXT;
}

/* What the last reply to the exchange means, when it is not 334. */
static enum login_result
judge(struct smtp *s, const struct sasl *sasl, const struct sasl_mechanism *mechanism, struct err *err)
{
	if (reply_class(&s->reply) == 2) {
		if (!mechanism->mutual || sasl_is_done(sasl)) {
			s->mechanism = mechanism->name;
			return LOGIN_OK;
		}
		err_set(err, ERR_LOGIN, "%s: the server did not prove that it knows the password", mechanism->name);
		smtp_place(s, VERB_AUTH, err);
		return LOGIN_FAILED;
	}
	smtp_refused(s, VERB_AUTH, err);
	buf_addf(&err->what, " of %s (%s)", s->account->user, mechanism->name);
	/* 504: no such mechanism; 534: too weak for this user; 500, 501 and 503 speak of the command, not of the password. */
	return s->reply.code == 504 || s->reply.code == 534 ? LOGIN_NEXT : LOGIN_FAILED;
}

/* Answers the challenges until the server has decided. */
static enum login_result
answer(struct smtp *s, struct sasl *sasl, const struct sasl_mechanism *mechanism, struct buf *response, bool held,
    struct err *err)
{
	struct buf challenge = BUF_INIT_SECRET(REPLY_LINE_MAX);
	enum login_result result = LOGIN_OK;

	while (s->reply.code == 334 && result == LOGIN_OK) {
		buf_clear(&challenge);
		if (held) {
			held = false;
		} else if (!base64_decode(&challenge, (struct span){ s->reply.text.data, s->reply.text.len })) {
			err_set(err, ERR_PROTOCOL, "%s: the server's challenge is not base64", mechanism->name);
			result = cancel(s, err);
			break;
		} else if (sasl_step(sasl, (struct span){ challenge.data, challenge.len }, response, err) < 0) {
			result = cancel(s, err);
			break;
		}
		if (send_response(s, response, err) < 0)
			result = LOGIN_FAILED;
	}
	buf_release(&challenge);
	return result == LOGIN_OK ? judge(s, sasl, mechanism, err) : result;
}

static enum login_result
try_mechanism(struct smtp *s, const struct sasl_mechanism *mechanism, const struct buf *secret, struct err *err)
{
	struct buf response = BUF_INIT_SECRET(RESPONSE_MAX);
	enum login_result result = LOGIN_NEXT;
	struct sasl *sasl = NULL;
	bool sent;

	if (sasl_begin(&sasl, mechanism, s->account->user, secret, s->server->host, err) == 0 &&
	    (!mechanism->client_first || sasl_step(sasl, (struct span){ NULL, 0 }, &response, err) == 0)) {
		sent = queue_auth(s, mechanism, &response);
		result = LOGIN_FAILED;
		if (smtp_exchange(s, 0, 0, err) == 0)
			result = answer(s, sasl, mechanism, &response, mechanism->client_first && !sent, err);
	}
	sasl_end(sasl);
	buf_release(&response);
	return result;
}

/* The mechanism to try as number i: the account's own list, or ours; NULL behind the last. */
static const char *
candidate(const struct account *account, size_t i)
{
	if (account->auth.count > 0)
		return i < account->auth.count ? account->auth.items[i] : NULL;
	return sasl_mechanism(i) != NULL ? sasl_mechanism(i)->name : NULL;
}

static int
none_fits(const struct smtp *s, struct err *err)
{
	struct buf offered = BUF_INIT(1024);

	text_printable(&offered, (struct span){ s->offers.mechanisms.data, s->offers.mechanisms.len }, false);
	if (!s->offers.auth || offered.len == 0)
		err_set(err, ERR_LOGIN, "the server offers no login (AUTH)");
	else
		err_set(err, ERR_LOGIN, "the server offers no login that can be used here, only %s", offered.data);
	buf_release(&offered);
	smtp_place(s, VERB_AUTH, err);
	return s->stream.encrypted ? -1 : err_hint(err, "many servers offer it only over TLS: use smtps:// or tls starttls");
}

int
smtp_login(struct smtp *s, const struct buf *secret, struct err *err)
{
	bool tried = false;

	for (size_t i = 0; candidate(s->account, i) != NULL; i++) {
		const char *name = candidate(s->account, i);
		const struct sasl_mechanism *mechanism = sasl_find(name);
		enum login_result result;

		if (mechanism == NULL || !ehlo_has_mechanism(&s->offers, name))
			continue;
		result = try_mechanism(s, mechanism, secret, err);
		if (result != LOGIN_NEXT)
			return result == LOGIN_OK ? 0 : -1;
		tried = true;
	}
	return tried ? -1 : none_fits(s, err);
}
