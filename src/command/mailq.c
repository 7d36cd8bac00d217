/* SPDX-License-Identifier: ISC */
/*
 * mailq as Postfix prints it, for people who know that, and for scripts: check_mailq, logwatch and
 * many others read the status characters, the columns and the last line.
 */
#include <string.h>
#include <time.h>

#include "command/queue.h"
#include "command/view.h"
#include "command/walk.h"
#include "store/open.h"

enum {
	REASON_END = 76, /* reasons end in this column, where they are short enough */
	REASON_MAX = 3 * ERR_TEXT_MAX,
};

struct mailq {
	FILE *out;
	struct store *store;
	uint64_t octets;
	unsigned long messages;
	unsigned long unusable, later;
	struct buf reason, last; /* of a recipient, and of the one before it */
	struct buf shown;
};

/* Postfix's mark behind the id: '*' is being sent; '!' stays until a person does something. */
static char
status_character(const struct item *item)
{
	switch (view_state(item)) {
	case VIEW_ACTIVE:
		return '*';
	case VIEW_HOLD:
	case VIEW_FAILED:
		return '!';
	default:
		return ' ';
	}
}

static void
print_sender(FILE *out, const struct item *item)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t when = (time_t)(item->queued_ms / 1000);
	struct tm tm = { 0 };

	if (localtime_r(&when, &tm) == NULL)
		gmtime_r(&(time_t){ 0 }, &tm);
	fprintf(out, "%s%c %7llu %.3s %.3s %2d %02d:%02d:%02d  ", item->id, status_character(item),
	    (unsigned long long)item->size, days + 3 * tm.tm_wday, months + 3 * tm.tm_mon,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	view_print_text(out,
	    item->envelope.sender[0] != '\0' ? item->envelope.sender : "MAILER-DAEMON");
	fputc('\n', out);
}

/* On a line of its own, which its recipients follow; not again for the next who has the same. */
static void
print_reason(struct mailq *mailq)
{
	const struct buf *reason = &mailq->reason, *last = &mailq->last;

	if (reason->len == last->len && memcmp(reason->data, last->data, last->len) == 0)
		return;
	buf_clear(&mailq->shown);
	view_add(&mailq->shown, (struct span){ reason->data, reason->len });
	fprintf(mailq->out, "%*s(%s)\n",
	    mailq->shown.len < REASON_END ? (int)(REASON_END - mailq->shown.len) : 0, "",
	    mailq->shown.data);
	buf_clear(&mailq->last);
	buf_add(&mailq->last, reason->data, reason->len);
}

/*
 * Those who wait without a reason come first, or they would seem to have that of the one before
 * them.  Returns true where others are left.
 */
static bool
print_recipients(struct mailq *mailq, const struct item *item, bool with_reason)
{
	bool others = false;

	for (size_t i = 0; i < item->envelope.count; i++) {
		if (!view_is_pending(&item->recipients[i]))
			continue;
		buf_clear(&mailq->reason);
		view_reason(item, i, &mailq->reason);
		if ((mailq->reason.len > 0) != with_reason) {
			others = true;
			continue;
		}
		if (with_reason)
			print_reason(mailq);
		fprintf(mailq->out, "%41s", "");
		view_print_text(mailq->out, item->envelope.recipients[i].address);
		fputc('\n', mailq->out);
	}
	return others;
}

static void
print_message(struct mailq *mailq, const struct item *item)
{
	if (mailq->messages++ == 0)
		fputs("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n",
		    mailq->out);
	else
		fputc('\n', mailq->out);
	mailq->octets += item->size;
	print_sender(mailq->out, item);
	buf_clear(&mailq->last);
	if (print_recipients(mailq, item, false))
		print_recipients(mailq, item, true);
}

static bool
step(void *arg, const char *id)
{
	struct mailq *mailq = arg;
	enum store_result result;
	struct item item;
	struct err err;

	err_init(&err);
	result = store_look(mailq->store, id, false, &item, &err);
	if (result == STORE_OK)
		print_message(mailq, &item);
	else if (result == STORE_LATER)
		mailq->later++;
	else if (result != STORE_GONE)
		mailq->unusable++;
	item_release(&item);
	err_release(&err);
	return !ferror(mailq->out);
}

static bool
count_foreign(void *arg, const char *name)
{
	struct mailq *mailq = arg;

	(void)name;
	mailq->unusable++;
	return true;
}

static void
print_end(const struct mailq *mailq)
{
	if (mailq->messages == 0)
		fputs("Mail queue is empty\n", mailq->out);
	else
		fprintf(mailq->out, "\n-- %llu Kbytes in %lu Request%s.\n",
		    (unsigned long long)(mailq->octets / 1024), mailq->messages,
		    mailq->messages == 1 ? "" : "s");
	/* Not on standard output: they are no lines that Postfix has. */
	if (mailq->later > 0)
		fprintf(stderr,
		    "sendoff: %lu message%s in %s by a later version of sendoff: sendoff queue list\n",
		    mailq->later, mailq->later == 1 ? "" : "s", mailq->store->path);
	if (mailq->unusable > 0)
		fprintf(stderr,
		    "sendoff: %lu file%s in %s that cannot be used: sendoff queue list\n",
		    mailq->unusable, mailq->unusable == 1 ? "" : "s", mailq->store->path);
}

static int
print_queue(FILE *out, struct store *store, struct err *err)
{
	struct mailq mailq = {
		.out = out,
		.store = store,
		.reason = BUF_INIT(REASON_MAX),
		.last = BUF_INIT(REASON_MAX),
		.shown = BUF_INIT(5 * REASON_MAX),
	};
	int result = walk_messages(store, step, &mailq, err);

	if (result == 0)
		result = walk_foreign(store, count_foreign, &mailq, err);
	if (result == 0)
		print_end(&mailq);
	buf_release(&mailq.reason);
	buf_release(&mailq.last);
	buf_release(&mailq.shown);
	return result;
}

int
mailq_print(FILE *out, const char *config_path, struct err *err)
{
	struct config config = CONFIG_INIT;
	struct store store;
	bool missing;
	int result = queue_open(&store, config_path, &config, &missing, err);
	/* Whoever wants no queue has an empty one. */
	bool none = result < 0 && config.path != NULL && config.queue_dir == NULL;

	view_begin(out);
	if (none)
		err_clear(err);
	if (none || missing)
		result = fputs("Mail queue is empty\n", out) == EOF ?
		    err_sys(err, ERR_IO, "cannot write to standard output") :
		    0;
	else if (result == 0)
		result = print_queue(out, &store, err);
	store_close(&store);
	config_release(&config);
	return result;
}
