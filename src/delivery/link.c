/* SPDX-License-Identifier: ISC */
#include "delivery/link.h"

#include <string.h>

#include "base/clock.h"
#include "config/secret.h"
#include "delivery/breaker.h"

enum { FALLBACKS_MAX = 16 }; /* accounts in a chain; config/ sees to it that it has an end */

void
link_init(struct link *link, const struct config *config, const struct account *account,
    struct store *store, const struct stream_watch *watch)
{
	memset(link, 0, sizeof(*link));
	link->config = config;
	link->account = account;
	link->store = store;
	link->watch = watch;
	transport_init(&link->transport);
}

void
link_close(struct link *link)
{
	transport_close(&link->transport);
	link->open = false;
	link->sent = 0;
}

void
link_release(struct link *link)
{
	link_close(link);
	transport_release(&link->transport);
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

static uint64_t
stamp_of(const struct link *link)
{
	return link->config != NULL ? link->config->stamp : 0;
}

static void
note_until(struct link *link, const struct breaker *breaker)
{
	if (link->until_ms == 0 || breaker->until_ms < link->until_ms)
		link->until_ms = breaker->until_ms;
}

/* True where the breaker of that name is open; err is what it keeps then. */
static bool
is_left_alone(struct link *link, const struct account *account, const struct buf *name,
    struct err *err)
{
	struct breaker breaker;
	bool open;

	breaker_init(&breaker);
	breaker_read(link->store, name->data, &breaker);
	open = breaker_is_open(&breaker, clock_wall_ms(), account->retry_max_s, stamp_of(link));
	if (open) {
		note_until(link, &breaker);
		err_move(err, &breaker.err);
		err_wrap(err, "not tried again yet");
	}
	breaker_release(&breaker);
	return open;
}

/* What is this process's own trouble is no word about a server or a login: others may use it. */
static void
note_failure(struct link *link, const struct account *account, const struct buf *name,
    const struct err *failure)
{
	struct breaker breaker;

	if (failure->local)
		return;
	breaker_init(&breaker);
	breaker_read(link->store, name->data, &breaker);
	breaker_fail(link->store, name->data, &breaker, failure, clock_wall_ms(),
	    account->retry_min_s, account->retry_max_s, stamp_of(link));
	note_until(link, &breaker);
	breaker_release(&breaker);
}

/*
 * Opens a session with the first of the account's servers that can be used.  On failure err is that
 * of the last server that was tried, which tells more than what was left alone.
 */
static int
open_servers(struct link *link, const struct account *account, const struct buf *secret,
    struct err *err)
{
	struct buf name = BUF_INIT(BREAKER_NAME_MAX);
	struct err failure;
	bool tried = false, opened = false, next = true;

	err_init(&failure);
	for (size_t i = 0; i < account->server_count && !opened && next; i++) {
		const struct server *server = &account->servers[i];

		err_clear(&failure);
		buf_clear(&name);
		breaker_server_name(account, server, &name);
		if (!link->now && !link->reached && is_left_alone(link, account, &name, &failure)) {
			if (!tried)
				err_move(err, &failure);
			continue;
		}
		tried = link->tried = true;
		opened = transport_open(&link->transport, account, server, secret, link->watch,
			     &failure) == 0;
		if (opened) {
			link->used = account;
			link->server = server;
			breaker_close(link->store, name.data);
		} else {
			next = may_try_next(&failure);
			if (next)
				note_failure(link, account, &name, &failure);
			err_move(err, &failure);
		}
	}
	link->open = opened;
	err_release(&failure);
	buf_release(&name);
	return opened ? 0 : -1;
}

static bool
needs_secret(const struct account *account)
{
	return account->user != NULL && !account->auth_off &&
	    (account->secret_source != SECRET_NONE ||
		(account->tls_cert_file == NULL && account->auth.count == 0));
}

/* With the account's secret; a token may have been withdrawn before its time. */
static int
log_in(struct link *link, const struct account *account, struct err *err)
{
	struct buf secret = BUF_INIT_SECRET(SECRET_MAX), again = BUF_INIT_SECRET(SECRET_MAX);
	struct err ignored;
	int result = 0;

	err_init(&ignored);
	if (needs_secret(account))
		result = account_secret(account, deadline_in(account->timeout_ms), &secret, err);
	if (result < 0)
		link->tried = true;
	else
		result = open_servers(link, account, &secret, err);
	/* The command gets one chance to bring another. */
	if (result < 0 && account->secret_source == SECRET_TOKEN && err->kind == ERR_LOGIN &&
	    err->reply_code / 100 == 5 &&
	    account_new_token(account, deadline_in(account->timeout_ms), &again, &ignored) == 0 &&
	    strcmp(again.data, secret.data) != 0) {
		err_clear(err);
		result = open_servers(link, account, &again, err);
	}
	err_release(&ignored);
	buf_release(&secret);
	buf_release(&again);
	return result;
}

int
link_open(struct link *link, struct err *err)
{
	const struct account *account = link->account;
	struct buf name = BUF_INIT(BREAKER_NAME_MAX);
	bool next = true;

	if (link->open && transport_may_send(&link->transport))
		return 0;
	link_close(link);
	link->until_ms = 0;
	link->tried = false;
	err_clear(err);
	/* Each account of the chain, as long as those before it could not be reached. */
	for (unsigned i = 0; account != NULL && next && i < FALLBACKS_MAX; i++) {
		buf_clear(&name);
		breaker_account_name(account, &name);
		if (!link->now && is_left_alone(link, account, &name, err))
			break;
		if (log_in(link, account, err) == 0) {
			breaker_close(link->store, name.data);
			break;
		}
		next = may_try_next(err);
		if (!next)
			note_failure(link, account, &name, err);
		account = link->config != NULL && account->fallback != NULL ?
		    config_find(link->config, account->fallback) :
		    NULL;
	}
	buf_release(&name);
	return link->open ? 0 : -1;
}

void
link_broke(struct link *link, const struct err *err)
{
	struct buf name = BUF_INIT(BREAKER_NAME_MAX);

	if (link->open && link->sent == 0 && may_try_next(err)) {
		breaker_server_name(link->used, link->server, &name);
		note_failure(link, link->used, &name, err);
		link->now = link->reached = false;
	}
	buf_release(&name);
	link_close(link);
}
