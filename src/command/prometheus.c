/* SPDX-License-Identifier: ISC */
/*
 * The queue in numbers, in Prometheus' text exposition format.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "command/queue_call.h"
#include "command/view.h"
#include "command/walk.h"
#include "delivery/breaker.h"
#include "format/domain.h"

enum { NAME_MAX_LEN = 8192 };

struct numbers {
	struct queue_call *call;
	unsigned long messages[VIEW_STATES];
	unsigned long in_doubt, files, later;
	uint64_t octets;
	int64_t oldest_ms; /* since 1970; 0: there is no message */
};

static bool
step(void *arg, const char *id)
{
	struct numbers *n = arg;
	enum store_result result;
	struct item item;
	struct err err;

	err_init(&err);
	result = store_look(&n->call->store, id, false, &item, &err);
	if (result == STORE_OK) {
		n->messages[view_state(&item)]++;
		n->in_doubt += item_may_repeat(&item);
		n->octets += item.size;
		if (n->oldest_ms == 0 || item.queued_ms < n->oldest_ms)
			n->oldest_ms = item.queued_ms;
	} else if (result == STORE_LATER) {
		n->later++;
	} else if (result != STORE_GONE) {
		n->files++;
	}
	item_release(&item);
	err_release(&err);
	return true;
}

static bool
count_foreign(void *arg, const char *name)
{
	struct numbers *n = arg;

	(void)name;
	n->files++;
	return true;
}

static void
print_head(FILE *out, const char *name, const char *what)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, what, name);
}

static void
print_number(FILE *out, const char *name, const char *what, uint64_t number)
{
	print_head(out, name, what);
	fprintf(out, "%s %" PRIu64 "\n", name, number);
}

/*
 * A label's value: backslash, quotation mark and line end are escaped, and all else is printable
 * UTF-8.
 */
static void
print_label(FILE *out, const char *name, const char *value)
{
	struct buf shown = BUF_INIT(5 * NAME_MAX_LEN);

	text_printable(&shown, span_of(value), false);
	fprintf(out, "%s=\"", name);
	for (const char *p = shown.data; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"')
			fputc('\\', out);
		fputc(*p, out);
	}
	fputc('"', out);
	buf_release(&shown);
}

static void
print_queue(FILE *out, const struct numbers *n)
{
	int64_t age_ms = n->oldest_ms > 0 ? n->call->now_ms - n->oldest_ms : 0;

	print_head(out, "sendoff_queue_messages", "Messages in the queue.");
	for (int state = 0; state < VIEW_STATES; state++)
		fprintf(out, "sendoff_queue_messages{state=\"%s\"} %lu\n",
		    view_state_name((enum view_state)state), n->messages[state]);
	print_number(out, "sendoff_queue_octets", "Octets of all messages in the queue.",
	    n->octets);
	print_number(out, "sendoff_queue_oldest_seconds", "Age of the oldest message in the queue.",
	    age_ms > 0 ? (uint64_t)age_ms / 1000 : 0);
	print_number(out, "sendoff_queue_in_doubt",
	    "Messages that may have been delivered, and are tried again.", n->in_doubt);
	print_number(out, "sendoff_queue_later_messages",
	    "Messages that a later version of sendoff wrote.", n->later);
	print_number(out, "sendoff_queue_unusable_files",
	    "Files in the queue that are foreign or damaged.", n->files);
}

/* What all processes leave alone for a while: the breaker of that name. */
static void
print_pause(FILE *out, struct queue_call *call, const struct account *account, const char *breaker,
    const char *server)
{
	struct breaker b;

	breaker_init(&b);
	breaker_read(&call->store, breaker, &b);
	fputs("sendoff_paused{", out);
	print_label(out, "account", account->name);
	fputc(',', out);
	print_label(out, "server", server);
	fprintf(out, "} %d\n",
	    breaker_is_open(&b, call->now_ms, account->retry_max_s, call->config.stamp));
	breaker_release(&b);
}

static bool
named_before(const struct account *account, size_t server)
{
	const struct server *s = &account->servers[server];

	for (size_t i = 0; i < server; i++)
		if (strcmp(account->servers[i].host, s->host) == 0 &&
		    account->servers[i].port == s->port)
			return true;
	return false;
}

static void
print_account(FILE *out, struct queue_call *call, const struct account *account)
{
	struct buf breaker = BUF_INIT(BREAKER_NAME_MAX), server = BUF_INIT(NAME_MAX_LEN);

	breaker_account_name(account, &breaker);
	print_pause(out, call, account, breaker.data, "");
	for (size_t i = 0; i < account->server_count; i++) {
		const struct server *s = &account->servers[i];

		if (named_before(account, i))
			continue;
		buf_clear(&breaker);
		buf_clear(&server);
		breaker_server_name(account, s, &breaker);
		host_port_add(&server, s->host, s->port);
		print_pause(out, call, account, breaker.data, server.data);
	}
	buf_release(&breaker);
	buf_release(&server);
}

static void
print_pauses(FILE *out, struct queue_call *call)
{
	if (call->missing || call->config.count == 0)
		return;
	print_head(out, "sendoff_paused",
	    "1 where a server, or an account's login, failed and is left alone for now.");
	for (size_t i = 0; i < call->config.count; i++)
		print_account(out, call, &call->config.accounts[i]);
}

int
prometheus_print(struct queue_call *call, struct err *err)
{
	struct numbers n = { .call = call };

	if (!call->missing &&
	    (walk_messages(&call->store, step, &n, err) < 0 ||
		walk_foreign(&call->store, count_foreign, &n, err) < 0))
		return -1;
	print_queue(call->out, &n);
	print_pauses(call->out, call);
	return 0;
}
