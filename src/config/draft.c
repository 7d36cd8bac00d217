/* SPDX-License-Identifier: ISC */
#include "config/draft.h"

#include <stdlib.h>
#include <string.h>

#include "format/mechanism.h"

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
	free(draft->queue_dir);
	draft->queue_dir = NULL;
}

void
draft_take(struct draft *draft, struct account *account)
{
	*account = draft->account;
	account_init(&draft->account);
	draft_release(draft);
}

int
draft_add_server(struct draft *draft, enum server_scheme scheme, struct span host, uint16_t port,
    struct err *err)
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
disagree(const struct draft *draft, enum field a, enum field b, struct err *err,
    const char *sentence)
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
	if (draft->socket != NULL && a->tls != TLS_NONE)
		return disagree(draft, FIELD_TLS, FIELD_SOCKET, err, "a \"socket\" has no TLS");
	if (draft->socket != NULL)
		return draft_add_server(draft, draft->lmtp ? SERVER_LMTP_UNIX : SERVER_UNIX,
		    span_of(draft->socket), 0, err);
	scheme = draft->lmtp ? SERVER_LMTP : a->tls == TLS_IMPLICIT ? SERVER_SMTPS : SERVER_SMTP;
	if (draft->lmtp && port == 0)
		return origin_err(draft->origins[FIELD_HOST], err,
		    "LMTP has no port of its own: \"port\" is missing");
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
	    { [TLS_WORD_DEFAULT] = true,
		[TLS_WORD_ON] = true,
		[TLS_WORD_STARTTLS] = true,
		[TLS_WORD_OFF] = true,
		[TLS_WORD_NONE] = true } },
	[SERVER_LMTP] = { "lmtp:// does not say which TLS is on: write tls starttls or tls implicit",
	    { [TLS_WORD_DEFAULT] = true,
		[TLS_WORD_IMPLICIT] = true,
		[TLS_WORD_STARTTLS] = true,
		[TLS_WORD_OFF] = true,
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

/* What only goes with msmtp's host. */
static const struct misplaced {
	enum field field;
	const char *sentence;
} misplaced[] = {
	{ FIELD_PORT,
	    "\"port\" belongs to msmtp's \"host\": with \"server\", the port stands in the URL" },
	{ FIELD_PROTOCOL,
	    "\"protocol\" belongs to msmtp's \"host\": with \"server\", write lmtp://HOST:PORT" },
	{ FIELD_SOCKET,
	    "\"socket\" belongs to msmtp's \"host\": with \"server\", write unix:/PATH or lmtp:/PATH" },
	{ FIELD_TLS_STARTTLS,
	    "\"tls_starttls\" belongs to msmtp's \"host\": with \"server\", smtp:// means STARTTLS" },
};

static int
finish_server(struct draft *draft, struct err *err)
{
	for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++)
		if (draft_has(draft, misplaced[i].field))
			return disagree(draft, misplaced[i].field, FIELD_SERVER, err,
			    misplaced[i].sentence);
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

static bool
has_proof(const struct account *a, enum proof proof)
{
	switch (proof) {
	case PROOF_PASSWORD:
		return a->secret_source != SECRET_NONE && a->secret_source != SECRET_TOKEN;
	case PROOF_TOKEN:
		return a->secret_source == SECRET_TOKEN;
	case PROOF_CERTIFICATE:
		return a->tls_cert_file != NULL;
	case PROOF_TICKET:
		break;
	}
	return true;
}

static enum proof
proof_of(const struct account *a, size_t i)
{
	return mechanism_find(span_of(a->auth.items[i]))->proof;
}

/* Mechanisms are named, and the account has what one of them logs in with; or none is named. */
static bool
can_log_in(const struct account *a)
{
	for (size_t i = 0; i < a->auth.count; i++)
		if (has_proof(a, proof_of(a, i)))
			return true;
	return a->auth.count == 0;
}

/* What the first mechanism that is named logs in with, and the account has not. */
static int
set_login_problem(struct draft *draft, struct err *err)
{
	struct origin at = draft->origins[FIELD_AUTH];

	switch (proof_of(&draft->account, 0)) {
	case PROOF_TOKEN:
		return set_problem(draft, at, err,
		    "has no \"token_command\", which its \"auth\" wants");
	case PROOF_CERTIFICATE:
		return set_problem(draft, at, err,
		    "has no \"tls_cert_file\", which its \"auth\" wants");
	case PROOF_PASSWORD:
	case PROOF_TICKET:
		break;
	}
	if (draft->account.secret_source == SECRET_TOKEN)
		return set_problem(draft, at, err,
		    "has a token, and its \"auth\" wants a password");
	return set_problem(draft, at, err, "has no password, which its \"auth\" wants");
}

/*
 * Parents may lack what their children add, so that these are told only when the account is used.
 */
static int
find_problem(struct draft *draft, struct origin at, struct err *err)
{
	const struct account *a = &draft->account;

	if (a->server_count == 0)
		return set_problem(draft, at, err, "has no server");
	if (draft_has(draft, FIELD_AUTH) && !a->auth_off && a->user == NULL)
		return set_problem(draft, draft->origins[FIELD_AUTH], err,
		    "has \"auth\" but no \"user\"");
	if (!a->auth_off && !can_log_in(a))
		return set_login_problem(draft, err);
	if (a->tls_key_file != NULL && a->tls_cert_file == NULL)
		return set_problem(draft, draft->origins[FIELD_TLS_KEY_FILE], err,
		    "has \"tls_key_file\" but no \"tls_cert_file\"");
	return 0;
}

static bool
always(const struct draft *draft)
{
	(void)draft;
	return true;
}

static bool
proxy_is_url(const struct draft *draft)
{
	return draft->proxy_is_url;
}

static bool
verifies_nothing(const struct draft *draft)
{
	return !draft->account.tls_verify;
}

static bool
requires_what_it_does_not(const struct draft *draft)
{
	return draft->account.require_tls && verifies_nothing(draft);
}

/* Pairs of keys of which one would silently not count. */
static const struct contradiction {
	enum field a, b;
	bool (*holds)(const struct draft *draft);
	const char *sentence;
} contradictions[] = {
	{ FIELD_PROXY, FIELD_TUNNEL_COMMAND, always,
	    "an account has either a proxy or \"tunnel_command\", not both" },
	{ FIELD_SOURCE_IP, FIELD_TUNNEL_COMMAND, always,
	    "\"tunnel_command\" connects by itself: \"source_ip\" would not count" },
	{ FIELD_PROXY_PORT, FIELD_PROXY, proxy_is_url,
	    "\"proxy_port\" belongs to msmtp's \"proxy_host\": with \"proxy\", the port stands in the URL" },
	{ FIELD_TLS_MIN, FIELD_TLS_PRIORITIES, always,
	    "\"tls_priorities\" says which TLS to speak: \"tls_min\" would not count" },
	{ FIELD_TLS_FINGERPRINT, FIELD_TLS_CERTCHECK, verifies_nothing,
	    "with \"tls_certcheck off\" the certificate is not compared with \"tls_fingerprint\"" },
	{ FIELD_REQUIRE_TLS, FIELD_TLS_CERTCHECK, requires_what_it_does_not,
	    "\"require_tls\" wants certificates checked, and \"tls_certcheck off\" does not" },
};

static int
check_contradictions(const struct draft *draft, struct err *err)
{
	for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
		const struct contradiction *c = &contradictions[i];

		if (draft_has(draft, c->a) && draft_has(draft, c->b) && c->holds(draft))
			return disagree(draft, c->a, c->b, err, c->sentence);
	}
	return 0;
}

/* msmtp's passwordeval prints the token where auth names nothing that takes a password. */
static void
tell_tokens(struct account *a)
{
	bool token = false;

	for (size_t i = 0; i < a->auth.count; i++) {
		if (proof_of(a, i) == PROOF_PASSWORD)
			return;
		token |= proof_of(a, i) == PROOF_TOKEN;
	}
	if (token && a->secret_source == SECRET_COMMAND)
		a->secret_source = SECRET_TOKEN;
}

int
draft_finish(struct draft *draft, struct origin at, struct err *err)
{
	int result = 0;

	if (check_contradictions(draft, err) == -1)
		return -1;
	if (draft->proxy_port != 0 && draft->account.proxy != PROXY_NONE)
		draft->account.proxy_port = draft->proxy_port;
	tell_tokens(&draft->account);
	draft->account.tls_explicit_none = draft->tls == TLS_WORD_NONE;
	if (draft_has(draft, FIELD_HOST))
		result = finish_host(draft, err);
	else if (draft_has(draft, FIELD_SERVER))
		result = finish_server(draft, err);
	return result == 0 ? find_problem(draft, at, err) : -1;
}
