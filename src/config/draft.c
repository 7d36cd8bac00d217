/* SPDX-License-Identifier: ISC */
#include "config/draft.h"

#include <stdlib.h>
#include <string.h>

#include "config/value.h"

int
draft_init(struct draft *draft, const char *name, struct err *err)
{
	*draft = (struct draft){ .starttls = true };
	account_init(&draft->account);
	draft->account.name = strdup(name);
	return draft->account.name == NULL ? err_memory(err) : 0;
}

void
draft_release(struct draft *draft)
{
	account_release(&draft->account);
	free(draft->host);
	draft->host = NULL;
	free(draft->socket);
	draft->socket = NULL;
}

void
draft_take(struct draft *draft, struct account *account)
{
	*account = draft->account;
	account_init(&draft->account);
	draft_release(draft);
}

int
draft_add_server(struct draft *draft, enum server_scheme scheme, struct span host, uint16_t port, struct err *err)
{
	struct account *a = &draft->account;
	struct server *servers = reallocarray(a->servers, a->server_count + 1, sizeof(*servers));

	if (servers == NULL)
		return err_memory(err);
	a->servers = servers;
	servers[a->server_count] = (struct server){ scheme, span_dup(host), port };
	if (servers[a->server_count].host == NULL)
		return err_memory(err);
	a->server_count++;
	return 0;
}

/* Two lines that cannot both hold; the later one is to blame. */
static int
disagree(const struct draft *draft, enum field a, enum field b, struct err *err, const char *sentence)
{
	struct origin first = draft->origins[a], last = draft->origins[b];
	struct buf other = BUF_INIT(ERR_TEXT_MAX);

	if (first.source == last.source && first.line > last.line) {
		first = draft->origins[b];
		last = draft->origins[a];
	}
	origin_add_short(&other, first, last);
	origin_err(last, err, "%s (%s)", sentence, other.data);
	buf_release(&other);
	return -1;
}

/* msmtp's meaning of `tls on`: with STARTTLS where nothing else is said. */
static enum tls_mode
host_tls(const struct draft *draft)
{
	switch (draft->tls) {
	case TLS_WORD_ON:
		return draft->starttls ? TLS_STARTTLS : TLS_IMPLICIT;
	case TLS_WORD_IMPLICIT:
		return TLS_IMPLICIT;
	case TLS_WORD_STARTTLS:
		return TLS_STARTTLS;
	case TLS_WORD_DEFAULT:
	case TLS_WORD_OFF:
	case TLS_WORD_NONE:
		break;
	}
	return TLS_NONE;
}

static bool
starttls_disagrees(const struct draft *draft)
{
	if (!draft_has(draft, FIELD_TLS_STARTTLS))
		return false;
	return draft->starttls ? draft->tls == TLS_WORD_IMPLICIT : draft->tls == TLS_WORD_STARTTLS;
}

/* An account in msmtp's manner, with msmtp's ports and defaults. */
static int
finish_host(struct draft *draft, struct err *err)
{
	struct account *a = &draft->account;
	enum server_scheme scheme;
	uint16_t port = draft->port;

	if (draft_has(draft, FIELD_SERVER))
		return disagree(draft, FIELD_SERVER, FIELD_HOST, err,
		    "an account has either \"server\" or msmtp's \"host\", not both");
	if (starttls_disagrees(draft))
		return disagree(draft, FIELD_TLS, FIELD_TLS_STARTTLS, err,
		    "\"tls\" and \"tls_starttls\" contradict each other");
	a->tls = host_tls(draft);
	if (!draft_has(draft, FIELD_AUTH))
		a->auth_off = true;
	if (draft->socket != NULL)
		return draft_add_server(draft, draft->lmtp ? SERVER_LMTP_UNIX : SERVER_UNIX, span_of(draft->socket), 0, err);
	scheme = draft->lmtp ? SERVER_LMTP : a->tls == TLS_IMPLICIT ? SERVER_SMTPS : SERVER_SMTP;
	if (draft->lmtp && port == 0)
		return origin_err(draft->origins[FIELD_HOST], err, "LMTP has no port of its own: \"port\" is missing");
	if (port == 0)
		port = scheme == SERVER_SMTPS ? 465 : 25;
	return draft_add_server(draft, scheme, span_of(draft->host), port, err);
}

struct agreement {
	const char *contradiction;
	bool tls[TLS_WORD_NONE + 1];
};

/* Which words of `tls` each kind of server can have. */
static const struct agreement agreements[] = {
	[SERVER_SMTPS] = { "smtps:// has TLS from the start: another word behind \"tls\" contradicts it",
	    { [TLS_WORD_DEFAULT] = true, [TLS_WORD_ON] = true, [TLS_WORD_IMPLICIT] = true } },
	[SERVER_SMTP] = { "smtp:// has STARTTLS: write smtps:// for implicit TLS",
	    { [TLS_WORD_DEFAULT] = true, [TLS_WORD_ON] = true, [TLS_WORD_STARTTLS] = true, [TLS_WORD_OFF] = true,
	    [TLS_WORD_NONE] = true } },
	[SERVER_LMTP] = { "lmtp:// has no TLS from the start: write tls starttls or tls none",
	    { [TLS_WORD_DEFAULT] = true, [TLS_WORD_ON] = true, [TLS_WORD_STARTTLS] = true, [TLS_WORD_OFF] = true,
	    [TLS_WORD_NONE] = true } },
	[SERVER_UNIX] = { "unix: has no TLS",
	    { [TLS_WORD_DEFAULT] = true, [TLS_WORD_OFF] = true, [TLS_WORD_NONE] = true } },
	[SERVER_LMTP_UNIX] = { "lmtp:/PATH has no TLS",
	    { [TLS_WORD_DEFAULT] = true, [TLS_WORD_OFF] = true, [TLS_WORD_NONE] = true } },
};

static enum tls_mode
server_tls(const struct draft *draft)
{
	static const enum tls_mode modes[] = {
		[TLS_WORD_DEFAULT] = TLS_DEFAULT,
		[TLS_WORD_ON] = TLS_DEFAULT,
		[TLS_WORD_OFF] = TLS_NONE,
		[TLS_WORD_IMPLICIT] = TLS_IMPLICIT,
		[TLS_WORD_STARTTLS] = TLS_STARTTLS,
		[TLS_WORD_NONE] = TLS_NONE,
	};

	return modes[draft->tls];
}

static int
finish_server(struct draft *draft, struct err *err)
{
	if (draft_has(draft, FIELD_PORT))
		return disagree(draft, FIELD_PORT, FIELD_SERVER, err,
		    "\"port\" belongs to msmtp's \"host\": with \"server\", the port stands in the URL");
	if (draft_has(draft, FIELD_TLS_STARTTLS))
		return disagree(draft, FIELD_TLS_STARTTLS, FIELD_SERVER, err,
		    "\"tls_starttls\" belongs to msmtp's \"host\": with \"server\", smtp:// means STARTTLS");
	for (size_t i = 0; i < draft->account.server_count; i++) {
		const struct agreement *agreement = &agreements[draft->account.servers[i].scheme];

		if (agreement->tls[draft->tls])
			continue;
		return disagree(draft, FIELD_TLS, FIELD_SERVER, err, agreement->contradiction);
	}
	draft->account.tls = server_tls(draft);
	return 0;
}

static int
set_problem(struct draft *draft, struct origin at, struct err *err, const char *fmt)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);

	origin_add(&text, at);
	buf_addf(&text, ": account \"%s\" %s", draft->account.name, fmt);
	draft->account.problem = strdup(text.data);
	buf_release(&text);
	return draft->account.problem == NULL ? err_memory(err) : 0;
}

/* Parents may lack what their children add, so that these are told only when the account is used. */
static int
find_problem(struct draft *draft, struct origin at, struct err *err)
{
	const struct account *a = &draft->account;

	if (a->server_count == 0)
		return set_problem(draft, at, err, "has no server");
	if (draft_has(draft, FIELD_AUTH) && !a->auth_off && a->user == NULL)
		return set_problem(draft, draft->origins[FIELD_AUTH], err, "has \"auth\" but no \"user\"");
	return 0;
}

int
draft_finish(struct draft *draft, struct origin at, struct err *err)
{
	int result = 0;

	draft->account.tls_explicit_none = draft->tls == TLS_WORD_NONE;
	if (draft_has(draft, FIELD_HOST))
		result = finish_host(draft, err);
	else if (draft_has(draft, FIELD_SERVER))
		result = finish_server(draft, err);
	return result == 0 ? find_problem(draft, at, err) : -1;
}
