/* SPDX-License-Identifier: ISC */
/*
 * Configuration: a file's text and what comes of it.  Accounts are written as one line each, with all that is not the
 * default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/account.h"

struct row {
	const char *name;
	const char *text;
	const char *want;	/* the accounts, or "error: sentence"; then " hint: …" where there is one, and warnings */
};

static void
add_list(struct buf *out, const char *name, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, i == 0 ? " %s=%s" : "%.0s,%s", name, list->items[i]);
}

static void
add_string(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_addf(out, " %s=%s", name, value);
}

static void
add_servers(struct buf *out, const struct account *a)
{
	static const char *const schemes[] = { "smtps", "smtp", "unix" };

	for (size_t i = 0; i < a->server_count; i++)
		buf_addf(out, " %s:%s:%u", schemes[a->servers[i].scheme], a->servers[i].host, a->servers[i].port);
}

static void
add_login(struct buf *out, const struct account *a)
{
	static const char *const sources[] = { "none", "literal", "file", "command" };

	add_string(out, "user", a->user);
	if (a->secret_source != SECRET_NONE)
		buf_addf(out, " %s=%s@%s", sources[a->secret_source], a->secret.data, strrchr(a->secret_origin, ':') + 1);
	buf_adds(out, a->auth_off ? " auth=off" : "");
	add_list(out, "auth", &a->auth);
	buf_adds(out, a->insecure_auth ? " insecure_auth" : "");
}

static void
add_tls(struct buf *out, const struct account *a)
{
	static const char *const modes[] = { "", " implicit", " starttls", " plain" };

	buf_adds(out, modes[a->tls]);
	buf_adds(out, a->tls_explicit_none ? " explicit_none" : "");
	buf_adds(out, a->tls_verify ? "" : " unverified");
	add_string(out, "trust", a->tls_trust_file);
	add_string(out, "priorities", a->tls_priorities);
	add_string(out, "tls_host", a->tls_host);
}

static void
add_rest(struct buf *out, const struct account *a)
{
	add_list(out, "from", &a->from);
	add_string(out, "full_name", a->full_name);
	add_string(out, "domain", a->domain);
	add_string(out, "local_domain", a->local_domain);
	add_string(out, "local_to", a->local_to);
	if (a->timeout_ms != 600000)
		buf_addf(out, " timeout=%lld", (long long)a->timeout_ms);
	if (a->connect_timeout_ms != 30000)
		buf_addf(out, " connect=%lld", (long long)a->connect_timeout_ms);
	buf_adds(out, a->chunking == SETTING_NEVER ? " no_chunking" : "");
	buf_adds(out, a->pipelining == SETTING_NEVER ? " no_pipelining" : "");
	if (a->size_limit != 0)
		buf_addf(out, " size=%llu", (unsigned long long)a->size_limit);
	add_string(out, "log", a->log_file);
	buf_adds(out, a->syslog ? "" : " no_syslog");
	add_string(out, "problem", a->problem);
}

static void
add_config(struct buf *out, const struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct account *a = &config->accounts[i];

		buf_addf(out, "%s%s@%s:", i == 0 ? "" : "\n", a->name, strrchr(a->origin, ':') + 1);
		add_servers(out, a);
		add_login(out, a);
		add_tls(out, a);
		add_rest(out, a);
	}
	for (size_t i = 0; i < config->warnings.count; i++)
		buf_addf(out, "\nwarning: %s", config->warnings.items[i]);
}

static void
add_error(struct buf *out, const struct err *err)
{
	buf_addf(out, "error: %s", err->what.data);
	if (err->hint.len > 0)
		buf_addf(out, " hint: %s", err->hint.data);
}

static void
parse(struct buf *out, const char *text, size_t len)
{
	struct config config;
	struct err err;

	err_init(&err);
	if (config_parse(&config, "conf", text, len, &err) == 0)
		add_config(out, &config);
	else
		add_error(out, &err);
	config_release(&config);
	err_release(&err);
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	struct buf got = BUF_INIT(1 << 20);

	parse(&got, row->text, strlen(row->text));
	assert_string_equal(got.data, row->want);
	buf_release(&got);
}
