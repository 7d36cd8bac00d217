/* SPDX-License-Identifier: ISC */
#include "config/draft.h"

#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/secret.h"
#include "config/section.h"
#include "format/mechanism.h"

/*
 * An empty value takes a setting back; in our manner it has to be written as "", so that it is no
 * oversight.
 */
static bool
means_default(const struct statement *statement, enum manner manner)
{
	return statement->line.value.len == 0 && (statement->key->flags & KEY_UNSETS) != 0 &&
	    (statement->line.quoted || manner != MANNER_OURS);
}

struct origin
draft_origin(const struct draft *draft, size_t place)
{
	const struct statement *statement = section_find(draft->section, place);

	if (statement == NULL || means_default(statement, draft->manner))
		return (struct origin){ NULL, 0 };
	return statement->line.at;
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
disagree(const struct draft *draft, size_t a, size_t b, const char *sentence, struct err *err)
{
	struct origin first = draft_origin(draft, a), last = draft_origin(draft, b);
	struct buf other = BUF_INIT(ERR_TEXT_MAX);

	if (first.file == last.file && first.line > last.line) {
		first = last;
		last = draft_origin(draft, a);
	}
	origin_add_short(&other, first, last);
	origin_err(last, err, "%s (%s)", sentence, other.data);
	buf_release(&other);
	return -1;
}

static int
check_contradictions(const struct draft *draft, struct err *err)
{
	for (size_t i = 0; contradiction_row(i) != NULL; i++) {
		const struct contradiction *c = contradiction_row(i);

		if (draft_has(draft, c->a) && draft_has(draft, c->b) &&
		    (c->holds == NULL || c->holds(draft)))
			return disagree(draft, c->a, c->b, c->sentence, err);
	}
	return 0;
}

/* An account in msmtp's manner, with msmtp's ports and defaults. */
static int
finish_host(struct draft *draft, struct err *err)
{
	struct account *a = &draft->account;
	enum server_scheme scheme;
	unsigned port = draft->port;

	if (draft->tls == TLS_WORD_ON)
		a->tls = draft->starttls ? TLS_STARTTLS : TLS_IMPLICIT;
	else if (a->tls == TLS_DEFAULT)
		a->tls = TLS_NONE;
	if (!draft_has(draft, IN_ACCOUNT(auth)))
		a->auth_off = true;
	if (draft->socket != NULL)
		return draft_add_server(draft, draft->lmtp ? SERVER_LMTP_UNIX : SERVER_UNIX,
		    span_of(draft->socket), 0, err);
	scheme = draft->lmtp ? SERVER_LMTP : a->tls == TLS_IMPLICIT ? SERVER_SMTPS : SERVER_SMTP;
	if (draft->lmtp && port == 0)
		return origin_err(draft_origin(draft, IN_DRAFT(host)), err,
		    "LMTP has no port of its own: \"port\" is missing");
	if (port == 0)
		port = scheme == SERVER_SMTPS ? 465 : 25;
	return draft_add_server(draft, scheme, span_of(draft->host), (uint16_t)port, err);
}

enum { /* the words of `tls` as bits, and a set of them */
	ON = 1 << TLS_WORD_ON,
	IMPLICIT = 1 << TLS_WORD_IMPLICIT,
	STARTTLS = 1 << TLS_WORD_STARTTLS,
	UNSAID = 1 << TLS_WORD_UNSAID,
	PLAIN = 1 << TLS_WORD_OFF | 1 << TLS_WORD_NONE,
};

/* Which words of `tls` each kind of server can have. */
static const struct agreement {
	int words;
	const char *contradiction;
} agreements[] = {
	[SERVER_SMTPS] = { UNSAID | ON | IMPLICIT,
	    "smtps:// has TLS from the start: another word behind \"tls\" contradicts it" },
	[SERVER_SMTP] = { UNSAID | ON | STARTTLS | PLAIN,
	    "smtp:// has STARTTLS: write smtps:// for implicit TLS" },
	[SERVER_LMTP] = { UNSAID | IMPLICIT | STARTTLS | PLAIN,
	    "lmtp:// does not say which TLS is on: write tls starttls or tls implicit" },
	[SERVER_UNIX] = { UNSAID | PLAIN, "unix: has no TLS" },
	[SERVER_LMTP_UNIX] = { UNSAID | PLAIN, "lmtp:/PATH has no TLS" },
};

static int
check_servers(const struct draft *draft, struct err *err)
{
	for (size_t i = 0; i < draft->account.server_count; i++) {
		const struct agreement *agreement = &agreements[draft->account.servers[i].scheme];

		if ((agreement->words & 1 << draft->tls) == 0)
			return disagree(draft, IN_DRAFT(tls), IN_ACCOUNT(servers),
			    agreement->contradiction, err);
	}
	return 0;
}

static int
set_problem(struct draft *draft, struct origin at, struct err *err, const char *what)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);

	origin_add(&text, at);
	buf_addf(&text, ": account \"%s\" %s", draft->account.name, what);
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
	struct origin at = draft_origin(draft, IN_ACCOUNT(auth));

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
find_problem(struct draft *draft, struct err *err)
{
	const struct account *a = &draft->account;

	if (a->server_count == 0)
		return set_problem(draft, draft->section->at, err, "has no server");
	if (draft_has(draft, IN_ACCOUNT(auth)) && !a->auth_off && a->user == NULL)
		return set_problem(draft, draft_origin(draft, IN_ACCOUNT(auth)), err,
		    "has \"auth\" but no \"user\"");
	if (!a->auth_off && !can_log_in(a))
		return set_login_problem(draft, err);
	if (a->tls_key_file != NULL && a->tls_cert_file == NULL)
		return set_problem(draft, draft_origin(draft, IN_ACCOUNT(tls_key_file)), err,
		    "has \"tls_key_file\" but no \"tls_cert_file\"");
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

/* Checks that the values agree with each other, and works out what they say together. */
static int
finish(struct draft *draft, struct err *err)
{
	static const enum tls_mode modes[] = {
		[TLS_WORD_IMPLICIT] = TLS_IMPLICIT,
		[TLS_WORD_STARTTLS] = TLS_STARTTLS,
		[TLS_WORD_NONE] = TLS_NONE,
		[TLS_WORD_ON] = TLS_DEFAULT,
		[TLS_WORD_OFF] = TLS_NONE,
		[TLS_WORD_UNSAID] = TLS_DEFAULT,
	};
	struct account *a = &draft->account;
	int result = 0;

	if (check_contradictions(draft, err) == -1)
		return -1;
	if (draft->proxy_port != 0 && a->proxy != PROXY_NONE)
		a->proxy_port = (uint16_t)draft->proxy_port;
	tell_tokens(a);
	a->tls_explicit_none = draft->tls == TLS_WORD_NONE;
	if (draft->manner == MANNER_MSMTP || draft->manner == MANNER_OURS)
		a->tls = modes[draft->tls];
	if (draft->manner == MANNER_MSMTP)
		result = finish_host(draft, err);
	else if (draft->manner == MANNER_OURS)
		result = check_servers(draft, err);
	return result == 0 ? find_problem(draft, err) : -1;
}

/* A line that says again what another one has said. */
static int
check_repeated(const struct statement *statement, enum manner manner, struct string_list *warnings,
    struct err *err)
{
	struct buf text = BUF_INIT(ERR_TEXT_MAX);
	int result;

	if (statement->inherited != OWN || statement->first.line == 0)
		return 0;
	if (manner == MANNER_OURS) {
		origin_add_short(&text, statement->first, statement->line.at);
		result = err_set(err, ERR_CONFIG, "repeated key \"%s\" (%s)", statement->key->name,
		    text.data);
	} else {
		origin_add(&text, statement->line.at);
		buf_addf(&text, ": repeated key \"%s\": this line counts, not ",
		    statement->key->name);
		origin_add_short(&text, statement->first, statement->line.at);
		result = string_list_add(warnings, span_of(text.data), err);
	}
	buf_release(&text);
	return result;
}

/* Puts what a line says into the draft. */
static int
apply(struct draft *draft, const struct statement *statement, struct err *err)
{
	const struct line *line = &statement->line;
	struct buf plain = BUF_INIT_SECRET(CONFIG_LINE_MAX);
	struct span text = line->value;
	int result;

	if (means_default(statement, draft->manner))
		return 0;
	/* msmtp knows no backslashes. */
	if (line->quoted && draft->manner != MANNER_MSMTP) {
		grammar_unescape(&plain, line->value);
		text = (struct span){ plain.data, plain.len };
	}
	result = buf_ok(&plain) ? type_set(draft, statement->key, text, line->at, err) :
				  err_memory(err);
	buf_release(&plain);
	return result;
}

static int
set_defaults(struct draft *draft, struct err *err)
{
	const struct origin nowhere = { NULL, 0 };

	for (size_t i = 0; key_row(i) != NULL; i++) {
		const struct key *key = key_row(i);

		if (key->initial != NULL &&
		    type_set(draft, key, span_of(key->initial), nowhere, err) == -1)
			return -1;
	}
	return 0;
}

static void
draft_release(struct draft *draft)
{
	keys_release(draft, sizeof(*draft));
	account_release(&draft->account);
}

/* A draft with all that the section says; nothing is left of it after a failure. */
static int
fill(struct draft *draft, const struct section *section, enum manner manner,
    struct string_list *warnings, struct err *err)
{
	int result;

	*draft = (struct draft){ .section = section, .manner = manner, .tls = TLS_WORD_UNSAID };
	buf_init_secret(&draft->account.secret, SECRET_SETTING_MAX);
	result = set_defaults(draft, err);
	for (size_t i = 0; result == 0 && i < section->count; i++) {
		const struct statement *statement = &section->statements[i];

		result = check_repeated(statement, manner, warnings, err);
		if (result == 0)
			result = apply(draft, statement, err);
		if (result == -1)
			origin_wrap(statement->line.at, err);
	}
	if (result == -1)
		draft_release(draft);
	return result;
}

static enum manner
manner_of(const struct section *section)
{
	if (section_find(section, IN_ACCOUNT(servers)) != NULL)
		return MANNER_OURS;
	return section_find(section, IN_DRAFT(host)) != NULL ? MANNER_MSMTP : MANNER_OPEN;
}

int
draft_account(const struct section *section, struct string_list *warnings, struct account *account,
    struct err *err)
{
	struct buf origin = BUF_INIT(ERR_TEXT_MAX);
	struct draft draft;
	int result = fill(&draft, section, manner_of(section), warnings, err);

	if (result == -1)
		return -1;
	origin_add(&origin, section->at);
	draft.account.name = strdup(section->name);
	draft.account.origin = strdup(origin.data);
	buf_release(&origin);
	if (draft.account.name == NULL || draft.account.origin == NULL)
		result = err_memory(err);
	else
		result = finish(&draft, err);
	if (result == 0) {
		*account = draft.account;
		draft.account = (struct account){ .name = NULL };
	}
	draft_release(&draft);
	return result;
}

int
draft_whole(const struct section *section, struct config *config, struct err *err)
{
	struct draft draft;

	if (fill(&draft, section, MANNER_OURS, &config->warnings, err) == -1)
		return -1;
	config->queue_dir = draft_has(&draft, IN_DRAFT(queue_dir)) ? draft.queue_dir :
								     queue_dir_usual();
	draft.queue_dir = NULL;
	draft_release(&draft);
	return 0;
}
