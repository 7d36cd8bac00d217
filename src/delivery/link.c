/* SPDX-License-Identifier: ISC */
#include "delivery/link.h"

#include <string.h>

#include "base/clock.h"
#include "config/secret.h"
#include "delivery/breaker.h"
#include "net/tls.h"

enum {
	NAME_MAX_LEN = 1024, /* octets of a breaker's name */
	FALLBACKS_MAX = 16,  /* accounts in a chain; config/ sees to it that it has an end */
};

void
link_init(struct link *link, const struct config *config, const struct account *account,
    struct store *store, const struct stream_watch *watch)
{
	memset(link, 0, sizeof(*link));
	link->config = config;
	link->account = account;
	link->store = store;
	link->watch = watch;
	buf_init(&link->peer, ERR_TEXT_MAX);
	buf_init(&link->tls, ERR_TEXT_MAX);
}

void
link_close(struct link *link)
{
	if (link->open)
		smtp_close(&link->smtp);
	link->open = false;
	link->sent = 0;
}

void
link_release(struct link *link)
{
	link_close(link);
	buf_release(&link->peer);
	buf_release(&link->tls);
}

/* The server could not be used now, another may: nothing of the message has been shown to it. */
static bool
may_try_next(const struct err *err)
{
	switch (err->kind) {
	case ERR_HOST_UNKNOWN:
	case ERR_RESOLVE:
	case ERR_CONNECT:
	case ERR_TIMEOUT:
	case ERR_LOST:
	case ERR_TEMPORARY:
		return true;
	default:
		return false;
	}
}

/* True where the breaker of that name is open; err is what it keeps then. */
static bool
is_left_alone(struct link *link, const struct account *account, const struct buf *name,
    bool server, struct err *err)
{
	uint64_t stamp = link->config != NULL ? link->config->stamp : 0;
	struct breaker breaker;
	bool open;

	if (link->now || (link->reached && server))
		return false;
	breaker_init(&breaker);
	breaker_read(link->store, name->data, &breaker);
	open = breaker_is_open(&breaker, clock_wall_ms(), account->retry_max_s, stamp);
	if (open) {
		if (link->until_ms == 0 || breaker.until_ms < link->until_ms)
			link->until_ms = breaker.until_ms;
		err_move(err, &breaker.err);
		err_wrap(err, "not tried again yet");
	}
	breaker_release(&breaker);
	return open;
}

static void
note_failure(struct link *link, const struct account *account, const struct buf *name,
    const struct err *failure)
{
	uint64_t stamp = link->config != NULL ? link->config->stamp : 0;
	struct breaker breaker;

	breaker_init(&breaker);
	breaker_read(link->store, name->data, &breaker);
	breaker_fail(link->store, name->data, &breaker, failure, clock_wall_ms(),
	    account->retry_min_s, account->retry_max_s, stamp);
	if (link->until_ms == 0 || breaker.until_ms < link->until_ms)
		link->until_ms = breaker.until_ms;
	breaker_release(&breaker);
}

static void
note_session(struct link *link)
{
	buf_clear(&link->peer);
	buf_add(&link->peer, link->smtp.stream.peer.data, link->smtp.stream.peer.len);
	buf_clear(&link->tls);
	tls_describe(&link->smtp.stream, &link->tls);
	link->mechanism = link->smtp.mechanism;
}

/* Opens a session with this server and no other.  1: it is left alone for now. */
static int
open_server(struct link *link, const struct account *account, const struct server *server,
    const struct buf *secret, struct err *err)
{
	struct buf name = BUF_INIT(NAME_MAX_LEN);
	int result = 0;

	breaker_server_name(server, &name);
	if (is_left_alone(link, account, &name, true, err)) {
		buf_release(&name);
		return 1;
	}
	link->tried = true;
	memset(&link->smtp, 0, sizeof(link->smtp));
	result = smtp_open(&link->smtp, account, server, secret, link->watch, err);
	note_session(link);
	if (result == 0) {
		link->open = true;
		link->used = account;
		link->server = server;
		breaker_close(link->store, name.data);
	} else {
		smtp_close(&link->smtp);
		if (may_try_next(err))
			note_failure(link, account, &name, err);
	}
	buf_release(&name);
	return result;
}

/* The first server that can be used.  What was tried tells more than what was left alone. */
static int
open_servers(struct link *link, const struct account *account, const struct buf *secret,
    struct err *err)
{
	struct err failure;
	bool tried = false;
	int result = -1;

	err_init(&failure);
	for (size_t i = 0; i < account->server_count && result != 0; i++) {
		err_clear(&failure);
		result = open_server(link, account, &account->servers[i], secret, &failure);
		if (result < 0 || !tried)
			err_move(err, &failure);
		tried = tried || result < 0;
		if (result < 0 && !may_try_next(err))
			break;
	}
	err_release(&failure);
	return result == 0 ? 0 : -1;
}

static int
get_secret(const struct account *account, struct buf *secret, struct err *err)
{
	if (account->user == NULL || account->auth_off ||
	    (account->secret_source == SECRET_NONE &&
		(account->tls_cert_file != NULL || account->auth.count > 0)))
		return 0;
	return account_secret(account, secret, err);
}

/* A token may have been withdrawn before its time: the command gets one chance to bring another. */
static int
open_with_new_token(struct link *link, const struct account *account, const struct buf *secret,
    struct err *err)
{
	struct buf again = BUF_INIT_SECRET(SECRET_MAX);
	struct err ignored;
	int result = -1;

	err_init(&ignored);
	if (account_new_token(account, &again, &ignored) == 0 &&
	    strcmp(again.data, secret->data) != 0) {
		err_clear(err);
		result = open_servers(link, account, &again, err);
	}
	err_release(&ignored);
	buf_release(&again);
	return result;
}

/* 1: another account may be tried. */
static int
open_account(struct link *link, const struct account *account, struct err *err)
{
	struct buf secret = BUF_INIT_SECRET(SECRET_MAX), name = BUF_INIT(NAME_MAX_LEN);
	int result = -1;

	breaker_account_name(account, &name);
	if (!is_left_alone(link, account, &name, false, err)) {
		result = get_secret(account, &secret, err);
		link->tried = link->tried || result < 0;
		if (result == 0)
			result = open_servers(link, account, &secret, err);
		if (result < 0 && err->kind == ERR_LOGIN && err->reply_code / 100 == 5 &&
		    account->secret_source == SECRET_TOKEN)
			result = open_with_new_token(link, account, &secret, err);
		if (result == 0)
			breaker_close(link->store, name.data);
		else if (may_try_next(err))
			result = 1;
		else
			note_failure(link, account, &name, err);
	}
	buf_release(&secret);
	buf_release(&name);
	return result;
}

int
link_open(struct link *link, struct err *err)
{
	const struct account *account = link->account;
	int result = 1;

	if (link->open && smtp_may_send(&link->smtp))
		return 0;
	link_close(link);
	link->until_ms = 0;
	link->tried = false;
	err_clear(err);
	for (unsigned i = 0; account != NULL && result > 0 && i < FALLBACKS_MAX; i++) {
		result = open_account(link, account, err);
		if (link->config == NULL || account->fallback == NULL)
			break;
		account = config_find(link->config, account->fallback);
	}
	return result == 0 ? 0 : -1;
}

void
link_broke(struct link *link, const struct err *err)
{
	struct buf name = BUF_INIT(NAME_MAX_LEN);

	if (link->open && link->sent == 0 && may_try_next(err)) {
		breaker_server_name(link->server, &name);
		note_failure(link, link->used, &name, err);
		link->now = link->reached = false;
	}
	buf_release(&name);
	link_close(link);
}
