/* SPDX-License-Identifier: ISC */
/*
 * From what a delivery came to, to what is recorded; and what that means to who reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery/backoff.h"
#include "delivery/settle.h"
#include "script.h"
#include "store/failure.h"
#include "store/store.h"
#include "with_err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { RECIPIENTS = 4, HOUR_MS = 3600 * 1000, EXPIRE_S = 10 * 3600 };

static const int64_t now_ms = 1800000000000;
static struct account account = { .expire_s = EXPIRE_S, .retry_min_s = 60, .retry_max_s = 3600 };
/* Messages and deliveries that are made up. */

/* It was tried every hour. */
static void
add_history(struct item *item, int64_t from_ms)
{
	struct record record = { .type = RECORD_ATTEMPT, .attempt = 1 };

	for (record.time_ms = from_ms; record.time_ms < now_ms; record.time_ms += HOUR_MS)
		record_write(&item->tail, &record);
}

static void
make_item(struct item *item, size_t recipients, const char *sender, unsigned notify, int64_t age_ms)
{
	item_init(item);
	item->envelope.sender = strdup(sender);
	item->envelope.recipients = calloc(recipients, sizeof(*item->envelope.recipients));
	item->envelope.count = item->envelope.cap = recipients;
	item->recipients = calloc(recipients, sizeof(*item->recipients));
	assert_true(item->envelope.sender != NULL && item->envelope.recipients != NULL &&
	    item->recipients != NULL);
	for (size_t i = 0; i < recipients; i++) {
		item->envelope.recipients[i].notify = notify;
		err_init(&item->recipients[i].err);
	}
	item->queued_ms = now_ms - age_ms;
	add_history(item, item->queued_ms);
}

static void
apply_script(struct item *item, const char *script)
{
	struct buf records = BUF_INIT(SIZE_MAX);

	script_write(&records, script, 0);
	assert_int_equal(item_apply(item, (struct span){ records.data, records.len }, &err), 0);
	buf_release(&records);
}

/* What a letter stands for: see rows. */
static void
make_failure(char letter, struct err *out)
{
	static const struct {
		char letter;
		enum err_kind kind;
		int code;
		bool in_doubt;
	} failures[] = {
		{ 't', ERR_TEMPORARY, 450, false },
		{ 'u', ERR_RECIPIENT_UNKNOWN, 550, false },
		{ 'm', ERR_MESSAGE, 0, false },
		{ 'v', ERR_SERVICE, 554, false },
		{ 'd', ERR_LOST, 0, true },
		{ 'e', ERR_REFUSED, 250, true },
		{ 'l', ERR_LOGIN, 535, false },
		{ 'c', ERR_CONFIG, 0, false },
		{ 'x', ERR_CERTIFICATE, 0, false },
		{ 'b', ERR_BUG, 0, false },
		{ 'h', ERR_HOLD, 0, false },
	};

	for (size_t i = 0; i < COUNT(failures); i++)
		if (failures[i].letter == letter) {
			err_set(out, failures[i].kind, "%s", err_name(failures[i].kind));
			out->reply_code = failures[i].code;
			out->in_doubt = failures[i].in_doubt;
			return;
		}
	fail_msg("no failure '%c'", letter);
}

static void
make_delivery(struct delivery *d, const struct envelope *envelope, const char *outcomes)
{
	memset(d, 0, sizeof(*d));
	buf_init(&d->server, 100);
	buf_init(&d->tls, 100);
	buf_init(&d->policy.header, 100);
	buf_init(&d->policy.before, 100);
	d->account = &account;
	assert_int_equal(transaction_init(&d->tx, envelope, NULL, &err), 0);
	for (size_t i = 0; i < envelope->count; i++) {
		struct outcome *outcome = &d->tx.outcomes[i];

		outcome->state = outcomes[i] == 'a' ? OUTCOME_ACCEPTED :
		    outcomes[i] == 's'              ? OUTCOME_SETTLED :
						      OUTCOME_FAILED;
		if (outcome->state == OUTCOME_FAILED)
			make_failure(outcomes[i], &outcome->err);
	}
}

/* Records in words: "accepted 0-1; waiting 2 temporary; attempt; next". */
static void
describe_ranges(struct span ranges, struct buf *out)
{
	uint32_t first, count;

	while (record_next_range(&ranges, &first, &count)) {
		buf_addf(out, " %u", first);
		if (count > 1)
			buf_addf(out, "-%u", first + count - 1);
	}
}

static void
describe_record(const struct record *r, struct buf *out)
{
	static const char *const states[] = { "waiting", "accepted", "refused", "settled" };
	static const char *const notices[] = { "", " failed", " delayed", " relayed" };

	switch (r->type) {
	case RECORD_OUTCOME:
		buf_addf(out, "%s", states[r->state]);
		describe_ranges(r->recipients, out);
		buf_addf(out, "%s%.*s%s%s", r->kind.len > 0 ? " " : "", (int)r->kind.len,
		    r->kind.data, r->in_doubt ? " in doubt" : "",
		    r->notice == NOTICE_RELAYED ? " untold" : "");
		break;
	case RECORD_NOTICE:
		buf_addf(out, "notice%s", notices[r->notice]);
		describe_ranges(r->recipients, out);
		break;
	case RECORD_ATTEMPT:
		buf_addf(out, "attempt%s", notices[r->notice]);
		break;
	case RECORD_NEXT:
		buf_adds(out, "next");
		break;
	case RECORD_AT:
		buf_addf(out, "at %lld", (long long)r->next_ms);
		break;
	case RECORD_FAILED:
		buf_adds(out, "failed");
		break;
	default:
		fail_msg("a record of type %u", (unsigned)r->type);
	}
}

static void
describe_records(const struct buf *records, struct buf *out)
{
	struct span rest = { records->data, records->len };
	struct record record;

	assert_true(buf_ok(records));
	while (record_read(&rest, &record) == RECORD_OK) {
		if (out->len > 0)
			buf_adds(out, "; ");
		describe_record(&record, out);
	}
	assert_int_equal(rest.len, 0);
}

/* Attempts. */

#define ALICE "alice@example.org"
#define USUAL NULL, 0, 0, false, false
#define ALL (NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY)

/*
 * Four recipients; what was recorded before (script.h); what came of each now: accepted, temporary,
 * unknown, message, service (v), in doubt (d; e: with the server's words), login, configuration,
 * certificate (x), bug, or dealt with before (s).  Then the records, and what the message is after
 * them.
 */
static const struct {
	const char *before, *outcomes, *records, *after;
	const char *sender; /* NULL: alice */
	unsigned notify;
	int age_h;
	bool no_dsn, from_session;
} attempts[] = {
	{ "", "aaaa", "accepted 0-3; attempt", "accepted accepted accepted accepted, attempts 1",
	    USUAL },
	{ "", "atat", "accepted 0 2; waiting 1 3 temporary; attempt; next",
	    "accepted waiting accepted waiting, attempts 1", USUAL },
	{ "", "tttt", "waiting 0-3 temporary; attempt; next",
	    "waiting waiting waiting waiting, attempts 1", USUAL },
	{ "", "utua",
	    "accepted 3; refused 0 recipient-unknown; waiting 1 temporary; refused 2 recipient-unknown; attempt; next",
	    "refused waiting refused accepted, attempts 1", USUAL },
	{ "", "uuuu", "refused 0-3 recipient-unknown; attempt",
	    "refused refused refused refused, attempts 1", USUAL },
	{ "", "mmmm", "refused 0-3 message; attempt", "refused refused refused refused, attempts 1",
	    USUAL },
	/* What no trying mends, but said before the message was spoken of. */
	{ "", "vvvv", "refused 0-3 service-refused; attempt",
	    "refused refused refused refused, attempts 1", USUAL },
	{ "", "vvvv", "waiting 0-3 service-refused; attempt; next",
	    "waiting waiting waiting waiting, attempts 1", .from_session = true },
	/* Never refused: what is ours to mend, what is in doubt, what must not be. */
	{ "", "lcxb",
	    "waiting 0 login; waiting 1 configuration; waiting 2 certificate; waiting 3 bug; attempt; next",
	    "waiting waiting waiting waiting, attempts 1", USUAL },
	{ "", "dddd", "waiting 0-3 connection-lost in doubt; attempt; next",
	    "waiting? waiting? waiting? waiting?, in doubt, attempts 1", USUAL },
	{ "", "eaaa", "accepted 1-3; waiting 0 refused in doubt; attempt; next",
	    "waiting? accepted accepted accepted, in doubt, attempts 1", USUAL },
	/* Those who were dealt with before stay as they are. */
	{ "a0 r1 z2 A", "ssst", "waiting 3 temporary; attempt; next",
	    "accepted refused settled waiting, attempts 5", USUAL },
	{ "a012 A", "sssa", "accepted 3; attempt",
	    "accepted accepted accepted accepted, attempts 3", USUAL },
	/*
	 * Doubt does not end with an attempt that fails; it ends when the recipient has it, or is
	 * given up.
	 */
	{ "S d0123 A", "tatu",
	    "accepted 1; waiting 0 2 temporary; refused 3 recipient-unknown; attempt; next",
	    "waiting? accepted waiting? refused?, in doubt, attempts 4", USUAL },
	/* Too old. */
	{ "", "tttt", "waiting 0-3 temporary; attempt; next",
	    "waiting waiting waiting waiting, attempts 1", .age_h = 10 },
	{ "", "tttt", "refused 0-3 temporary; attempt",
	    "refused refused refused refused, attempts 1", .age_h = 11 },
	{ "", "atdu",
	    "accepted 0; refused 1 temporary; refused 2 connection-lost in doubt; refused 3 recipient-unknown; attempt",
	    "accepted refused refused? refused, attempts 1", .age_h = 11 },
	{ "", "llll", "waiting 0-3 login; attempt; failed",
	    "waiting waiting waiting waiting, failed, attempts 1", .age_h = 11 },
	{ "", "tccc", "refused 0 temporary; waiting 1-3 configuration; attempt; failed",
	    "refused waiting waiting waiting, failed, attempts 1", .age_h = 11 },
	{ "", "aaaa", "accepted 0-3; attempt", "accepted accepted accepted accepted, attempts 1",
	    .age_h = 1000 },
	/* The sender does not want to be told. */
	{ "", "utaa",
	    "accepted 2-3; settled 0 recipient-unknown; waiting 1 temporary; attempt; next",
	    "settled waiting accepted accepted, attempts 1", .notify = NOTIFY_NEVER },
	{ "", "uuuu", "settled 0-3 recipient-unknown; attempt",
	    "settled settled settled settled, attempts 1",
	    .notify = NOTIFY_SUCCESS | NOTIFY_DELAY },
	{ "", "tttt", "settled 0-3 temporary; attempt",
	    "settled settled settled settled, attempts 1", .notify = NOTIFY_NEVER, .age_h = 11 },
	/* The server will not tell him. */
	{ "", "aatt", "accepted 0-1 untold; waiting 2-3 temporary; attempt; next",
	    "accepted+untold accepted+untold waiting waiting, attempts 1", .notify = ALL,
	    .no_dsn = true },
	{ "", "aatt", "accepted 0-1; waiting 2-3 temporary; attempt; next",
	    "accepted accepted waiting waiting, attempts 1", .notify = ALL },
	{ "", "aaaa", "accepted 0-3; attempt", "accepted accepted accepted accepted, attempts 1",
	    .no_dsn = true },
	/* Nobody is there to be told: a person must see it, when nothing else is to be done. */
	{ "", "uuaa", "accepted 2-3; refused 0-1 recipient-unknown; attempt; failed",
	    "refused refused accepted accepted, failed, attempts 1", .sender = "" },
	{ "", "uaaa", "accepted 1-3; refused 0 recipient-unknown; attempt; failed",
	    "refused accepted accepted accepted, failed, attempts 1", .sender = "",
	    .notify = NOTIFY_NEVER },
	{ "", "utaa",
	    "accepted 2-3; refused 0 recipient-unknown; waiting 1 temporary; attempt; next",
	    "refused waiting accepted accepted, attempts 1", .sender = "" },
	{ "", "tttt", "refused 0-3 temporary; attempt; failed",
	    "refused refused refused refused, failed, attempts 1", .sender = "", .age_h = 11 },
	{ "", "aaaa", "accepted 0-3; attempt", "accepted accepted accepted accepted, attempts 1",
	    .sender = "", .notify = ALL, .no_dsn = true },
};

static void
check_counts(const struct settlement *s, const struct item *item)
{
	assert_int_equal(s->accepted, item_count(item, ITEM_ACCEPTED));
	assert_int_equal(s->waiting, item_count(item, ITEM_WAITING));
	assert_int_equal(s->refused, item_count(item, ITEM_REFUSED));
	assert_int_equal(s->settled, item_count(item, ITEM_SETTLED));
	assert_int_equal(s->failed, item->failed);
	assert_int_equal(s->next_ms, item->next_ms);
	assert_true(s->next_ms == 0 || s->next_ms > now_ms);
}

static void
check_texts(const char *outcomes, const struct buf *records, const char *expected,
    const struct item *item, const char *after)
{
	struct buf out = BUF_INIT(SIZE_MAX);

	describe_records(records, &out);
	if (strcmp(out.data, expected) != 0)
		fail_msg("%s: %s\nnot %s", outcomes, out.data, expected);
	buf_clear(&out);
	script_describe(&out, item);
	if (strcmp(out.data, after) != 0)
		fail_msg("%s: %s\nnot %s", outcomes, out.data, after);
	buf_release(&out);
}

/* Of one that is not queued the same is told. */
static void
check_new(const struct item *item, const struct delivery *d, const char *expected,
    const struct settlement *as_queued)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX), out = BUF_INIT(SIZE_MAX);
	struct settlement s;

	settle_new_attempt(&item->envelope, d, &account, now_ms, &records, &s);
	describe_records(&records, &out);
	assert_string_equal(out.data, expected);
	assert_int_equal(s.accepted, as_queued->accepted);
	assert_int_equal(s.waiting, as_queued->waiting);
	assert_int_equal(s.refused, as_queued->refused);
	assert_int_equal(s.settled, as_queued->settled);
	assert_int_equal(s.failed, as_queued->failed);
	assert_int_equal(s.relay_notice, as_queued->relay_notice);
	buf_release(&records);
	buf_release(&out);
}

static void
test_attempts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attempts); i++) {
		struct buf records = BUF_INIT(STORE_TAIL_MAX);
		struct settlement settlement;
		struct delivery d;
		struct item item;

		make_item(&item, RECIPIENTS,
		    attempts[i].sender != NULL ? attempts[i].sender : ALICE, attempts[i].notify,
		    (int64_t)attempts[i].age_h * HOUR_MS);
		apply_script(&item, attempts[i].before);
		make_delivery(&d, &item.envelope, attempts[i].outcomes);
		d.has_dsn = !attempts[i].no_dsn;
		d.from_session = attempts[i].from_session;
		settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
		assert_int_equal(item_apply(&item, (struct span){ records.data, records.len },
				     &err),
		    0);
		check_texts(attempts[i].outcomes, &records, attempts[i].records, &item,
		    attempts[i].after);
		check_counts(&settlement, &item);
		if (attempts[i].before[0] == '\0' && attempts[i].age_h == 0)
			check_new(&item, &d, attempts[i].records, &settlement);
		delivery_release(&d);
		item_release(&item);
		buf_release(&records);
	}
}

/*
 * Each recipient has its own wishes: N, S, F, D, or none (-); an alias's first (E), which may have
 * failures told (e).  Then as above, and the notice that is due.
 */
static const struct {
	const char *wishes, *outcomes, *records;
	enum notice due;
	bool no_dsn;
} wishes[] = {
	{ "NF-S", "uuuu",
	    "settled 0 recipient-unknown; refused 1-2 recipient-unknown; settled 3 recipient-unknown; attempt",
	    NOTICE_FAILED, false },
	{ "NNSD", "uuuu", "settled 0-3 recipient-unknown; attempt", NOTICE_NONE, false },
	{ "SNS-", "aaaa", "accepted 0-3; attempt", NOTICE_NONE, false },
	{ "SNS-", "aaaa", "accepted 0 untold; accepted 1; accepted 2 untold; accepted 3; attempt",
	    NOTICE_RELAYED, true },
	{ "NN-D", "aaaa", "accepted 0-3; attempt", NOTICE_NONE, true },
	/* Only who has it is spoken of. */
	{ "SN--", "taaa", "accepted 1-3; waiting 0 temporary; attempt; next", NOTICE_NONE, true },
	/* The server knows nothing of the alias. */
	{ "EN-F", "aaaa", "accepted 0 untold; accepted 1-3; attempt", NOTICE_RELAYED, false },
	{ "EN-F", "taaa", "accepted 1-3; waiting 0 temporary; attempt; next", NOTICE_NONE, false },
	{ "EN-F", "uaaa", "accepted 1-3; settled 0 recipient-unknown; attempt", NOTICE_NONE,
	    false },
	{ "eN-F", "uaaa", "accepted 1-3; refused 0 recipient-unknown; attempt", NOTICE_FAILED,
	    false },
	{ "eSNF", "aaut",
	    "accepted 0-1 untold; settled 2 recipient-unknown; waiting 3 temporary; attempt; next",
	    NOTICE_RELAYED, true },
};

static void
set_wish(struct recipient *recipient, char letter)
{
	recipient->notify = letter == 'N' || letter == 'E' ? NOTIFY_NEVER :
	    letter == 'S'                                  ? NOTIFY_SUCCESS :
	    letter == 'F' || letter == 'e'                 ? NOTIFY_FAILURE :
	    letter == 'D'                                  ? NOTIFY_DELAY :
							     0;
	recipient->expanded = letter == 'E' || letter == 'e';
}

static void
test_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wishes); i++) {
		struct buf records = BUF_INIT(STORE_TAIL_MAX), out = BUF_INIT(SIZE_MAX);
		struct settlement settlement;
		struct delivery d;
		struct item item;

		make_item(&item, RECIPIENTS, ALICE, 0, 0);
		for (size_t k = 0; k < RECIPIENTS; k++)
			set_wish(&item.envelope.recipients[k], wishes[i].wishes[k]);
		make_delivery(&d, &item.envelope, wishes[i].outcomes);
		d.has_dsn = !wishes[i].no_dsn;
		settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
		describe_records(&records, &out);
		if (strcmp(out.data, wishes[i].records) != 0)
			fail_msg("%s %s: %s\nnot %s", wishes[i].wishes, wishes[i].outcomes,
			    out.data, wishes[i].records);
		assert_int_equal(item_apply(&item, (struct span){ records.data, records.len },
				     &err),
		    ITEM_OK);
		assert_int_equal(settle_due_notice(&item, now_ms), wishes[i].due);
		assert_int_equal(settlement.relay_notice, strstr(out.data, "untold") != NULL);
		delivery_release(&d);
		item_release(&item);
		buf_release(&records);
		buf_release(&out);
	}
}

/*
 * What no server holds until its time, an hour from now, waits here until then; where nobody was
 * asked, nothing was tried.
 */
static const struct {
	const char *before, *outcomes, *records, *after;
} kept[] = {
	{ "", "hhhh", "waiting 0-3 cannot-hold; at 1800003600000",
	    "waiting waiting waiting waiting, timed" },
	{ "w0123 A n", "hhhh", "waiting 0-3 cannot-hold; at 1800003600000",
	    "waiting waiting waiting waiting, timed, attempts 2" },
	{ "a0 A", "shhs", "waiting 1-2 cannot-hold; at 1800003600000",
	    "accepted waiting waiting waiting, timed, attempts 2" },
	/* A server before held it for some, or refused some. */
	{ "", "aahh", "accepted 0-1; waiting 2-3 cannot-hold; attempt; at 1800003600000",
	    "accepted accepted waiting waiting, timed, attempts 1" },
	{ "", "uhhh",
	    "refused 0 recipient-unknown; waiting 1-3 cannot-hold; attempt; at 1800003600000",
	    "refused waiting waiting waiting, timed, attempts 1" },
	{ "", "tttt", "waiting 0-3 temporary; attempt; next",
	    "waiting waiting waiting waiting, attempts 1" },
};

static void
test_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kept); i++) {
		struct buf records = BUF_INIT(STORE_TAIL_MAX);
		struct settlement settlement;
		struct delivery d;
		struct item item;

		/* Too old, if its time had not been to come. */
		make_item(&item, RECIPIENTS, ALICE, 0, (int64_t)1000 * HOUR_MS);
		item.envelope.requests.hold_until_s = now_ms / 1000 + 3600;
		apply_script(&item, kept[i].before);
		make_delivery(&d, &item.envelope, kept[i].outcomes);
		d.has_dsn = true;
		d.tx.requests = item.envelope.requests;
		settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
		assert_int_equal(item_apply(&item, (struct span){ records.data, records.len },
				     &err),
		    0);
		check_texts(kept[i].outcomes, &records, kept[i].records, &item, kept[i].after);
		assert_int_equal(settlement.waiting, item_count(&item, ITEM_WAITING));
		assert_int_equal(settlement.next_ms,
		    item.not_before_ms > 0 ? item.not_before_ms : item.next_ms);
		delivery_release(&d);
		item_release(&item);
		buf_release(&records);
	}
}

/*
 * A message that is never delivered, by clocks and machines that are not what they should be.  All
 * times are in hours since it was queued, and `expire` is 10 hours.
 */
enum { HOURS = 3600 * 1000, DAYS = 24 * HOURS };

static const struct {
	const char *name;
	int64_t ahead_ms[3]; /* the clock: at first, from `change` on, from `change_back` on */
	double change, change_back;
	double sleep, wake;    /* the machine is off in between; 0, 0: never */
	double least, most;    /* when the message is given up */
	unsigned attempts_min; /* by then */
} lives[] = {
	{ "a good clock", { 0 }, 0, 0, 0, 0, 10, 11.5, 14 },
	{ "behind when queued", { (int64_t)-10 * DAYS }, 0.01, 0, 0, 0, 7.5, 11.5, 12 },
	{ "far behind when queued", { (int64_t)-20000 * DAYS }, 0.01, 0, 0, 0, 7.5, 11.5, 12 },
	{ "far ahead when queued", { (int64_t)4000 * DAYS }, 0.01, 0, 0, 0, 10, 11.5, 14 },
	{ "ahead for an hour", { 0, (int64_t)4000 * DAYS, 0 }, 3, 4, 0, 0, 7.5, 11.5, 12 },
	{ "ahead for an hour, late", { 0, (int64_t)4000 * DAYS, 0 }, 7, 8, 0, 0, 8.5, 11.5, 12 },
	{ "back for an hour", { 0, (int64_t)-4000 * DAYS, 0 }, 3, 4, 0, 0, 7.5, 13, 12 },
	{ "ahead for good", { 0, (int64_t)4000 * DAYS, (int64_t)4000 * DAYS }, 3, 4, 0, 0, 7.5,
	    11.5, 12 },
	{ "back for good", { 0, (int64_t)-10 * DAYS, (int64_t)-10 * DAYS }, 3, 4, 0, 0, 10, 13,
	    14 },
	{ "asleep for a week, not tried before", { 0 }, 0, 0, 0.001, 168, 175.5, 179, 12 },
	{ "asleep for a week, tried once", { 0 }, 0, 0, 0.01, 168, 175.5, 179, 12 },
	{ "asleep for a week, after an hour", { 0 }, 0, 0, 1, 168, 174.9, 179, 12 },
	{ "asleep for a week, at the end", { 0 }, 0, 0, 9, 168, 168.5, 171, 13 },
	{ "asleep for an hour", { 0 }, 0, 0, 5, 6, 10, 11.5, 13 },
};

/* The clock's time, at that time since the message was queued. */
static int64_t
wall_ms(size_t row, int64_t ms)
{
	double hours = (double)ms / HOURS;
	int at = lives[row].change == 0 || hours < lives[row].change      ? 0 :
	    lives[row].change_back == 0 || hours < lives[row].change_back ? 1 :
									    2;

	return now_ms + ms + lives[row].ahead_ms[at];
}

/* True where the message was given up. */
static bool
try_once(struct item *item, int64_t at_ms)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settlement;
	struct delivery d;

	make_delivery(&d, &item->envelope, "t");
	settle_attempt(item, &d, &account, at_ms, &records, &settlement);
	assert_int_equal(item_apply(item, (struct span){ records.data, records.len }, &err),
	    ITEM_OK);
	buf_add(&item->tail, records.data, records.len);
	delivery_release(&d);
	buf_release(&records);
	return settlement.refused > 0;
}

static void
test_clocks(void **state)
{
	enum { MINUTE = 60 * 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(lives); i++) {
		struct item item;
		double hours = 0;
		bool over = false;
		int64_t ms;

		make_item(&item, 1, ALICE, 0, 0);
		item.queued_ms = wall_ms(i, 0);
		for (ms = 0; !over && hours < 500; ms += MINUTE / 3) {
			hours = (double)ms / HOURS;
			if (hours > lives[i].sleep && hours < lives[i].wake)
				continue;
			if (backoff_is_due(item.next_ms, wall_ms(i, ms), account.retry_max_s))
				over = try_once(&item, wall_ms(i, ms + 1000));
		}
		if (!over || hours < lives[i].least || hours > lives[i].most ||
		    item.attempts < lives[i].attempts_min)
			fail_msg("%s: %s after %.2f hours and %u attempts", lives[i].name,
			    over ? "given up" : "alive", hours, item.attempts);
		item_release(&item);
	}
}

/* Its wait was wanted: it is as old as it could have been sent. */
static void
test_age(void **state)
{
	const struct record release = { .type = RECORD_RELEASE, .time_ms = now_ms - HOUR_MS };
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settlement;
	struct delivery d;
	struct item item;

	(void)state;
	make_item(&item, 1, ALICE, 0, (int64_t)1000 * HOUR_MS);
	make_delivery(&d, &item.envelope, "t");
	assert_int_equal(settle_expire_ms(&item, &account, now_ms), now_ms);
	record_write(&item.tail, &release);
	assert_int_equal(settle_expire_ms(&item, &account, now_ms), now_ms + 9 * HOUR_MS);
	settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
	assert_int_equal(settlement.waiting, 1);
	delivery_release(&d);
	item_release(&item);
	buf_release(&records);
}

/* What is told of an attempt that goes on: only who has it, and had it not. */
static const struct {
	const char *before, *outcomes, *records;
	bool no_dsn, ended;
} accepted[] = {
	{ "", "tttt", "", false, false },
	{ "", "uuuu", "", false, false },
	{ "", "adta", "accepted 0 3", false, false },
	{ "", "aaaa", "accepted 0-3 untold", true, false },
	{ "a0 A", "saat", "accepted 1-2", false, false },
	{ "a01", "aaaa", "accepted 2-3", false, false },
	{ "S", "atat", "accepted 0 2", false, false },
	{ "S", "atat", "accepted 0 2; attempt", false, true },
	{ "S a0", "atat", "accepted 2; attempt", false, true },
	{ "S", "tttt", "attempt", false, true },
};

static void
test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct buf records = BUF_INIT(STORE_TAIL_MAX), out = BUF_INIT(SIZE_MAX);
		struct delivery d;
		struct item item;

		make_item(&item, RECIPIENTS, ALICE, ALL, 0);
		apply_script(&item, accepted[i].before);
		make_delivery(&d, &item.envelope, accepted[i].outcomes);
		d.has_dsn = !accepted[i].no_dsn;
		settle_accepted(&item, &d, accepted[i].ended, now_ms, &records);
		describe_records(&records, &out);
		assert_string_equal(out.data, accepted[i].records);
		if (accepted[i].before[0] == '\0') {
			buf_clear(&records);
			buf_clear(&out);
			settle_new_accepted(&item.envelope, &d, accepted[i].ended, now_ms,
			    &records);
			describe_records(&records, &out);
			assert_string_equal(out.data, accepted[i].records);
		}
		delivery_release(&d);
		item_release(&item);
		buf_release(&records);
		buf_release(&out);
	}
}

/* A failure that is nobody's but the configuration's: it never goes back to the sender. */
static void
test_untried(void **state)
{
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settlement;
	struct item item;
	struct err why;

	(void)state;
	err_init(&why);
	make_failure('c', &why);
	make_item(&item, RECIPIENTS, ALICE, 0, 0);
	apply_script(&item, "a0 A");
	settle_untried(&item, &account, &why, now_ms, &records, &settlement);
	assert_int_equal(item_apply(&item, (struct span){ records.data, records.len }, &err), 0);
	check_texts("untried", &records, "waiting 1-3 configuration; attempt; next", &item,
	    "accepted waiting waiting waiting, attempts 3");
	check_counts(&settlement, &item);
	buf_clear(&records);
	item.queued_ms -= (int64_t)11 * HOUR_MS;
	add_history(&item, item.queued_ms);
	item.next_ms = 0;
	settle_untried(&item, &account, &why, now_ms, &records, &settlement);
	assert_int_equal(item_apply(&item, (struct span){ records.data, records.len }, &err), 0);
	check_texts("untried", &records, "waiting 1-3 configuration; attempt; failed", &item,
	    "accepted waiting waiting waiting, failed, attempts 4");
	check_counts(&settlement, &item);
	item_release(&item);
	buf_release(&records);
	err_release(&why);
}

/* Notices. */

static const struct {
	const char *before;
	enum notice notice;
	char outcome;
	int age_h;
	const char *records, *after;
	bool is_done;
} notices[] = {
	{ "r01 a23 A", NOTICE_FAILED, 'a', 0, "notice failed 0 1; attempt failed",
	    "settled settled accepted accepted, attempts 4", true },
	{ "r0 w1 a23 A", NOTICE_FAILED, 'a', 0, "notice failed 0; attempt failed",
	    "settled waiting accepted accepted, attempts 5", false },
	{ "r0123 A", NOTICE_FAILED, 't', 0, "attempt failed; next",
	    "refused refused refused refused, attempts 3", false },
	{ "r0123 A", NOTICE_FAILED, 'd', 0, "attempt failed; next",
	    "refused refused refused refused, attempts 3", false },
	{ "r0123 A", NOTICE_FAILED, 't', 20, "attempt failed; next",
	    "refused refused refused refused, attempts 3", false },
	/* The notice itself is too old, or refused: a person must see the message. */
	{ "r0123 A", NOTICE_FAILED, 't', 21, "attempt failed; failed",
	    "refused refused refused refused, failed, attempts 3", false },
	{ "r0123 A", NOTICE_FAILED, 'u', 0, "attempt failed; failed",
	    "refused refused refused refused, failed, attempts 3", false },
	{ "w0123 A", NOTICE_DELAYED, 'a', 5, "notice delayed 0 1 2 3; attempt delayed",
	    "waiting+delay waiting+delay waiting+delay waiting+delay, attempts 3", false },
	/* What tells of no failure is not worth a person's time. */
	{ "w0123 A", NOTICE_DELAYED, 'u', 5, "notice delayed 0 1 2 3; attempt delayed; next",
	    "waiting+delay waiting+delay waiting+delay waiting+delay, attempts 3", false },
	{ "w0123 A", NOTICE_DELAYED, 't', 5, "attempt delayed; next",
	    "waiting waiting waiting waiting, attempts 3", false },
	{ "q01 a23 A", NOTICE_RELAYED, 'a', 0, "notice relayed 0 1; attempt relayed",
	    "accepted accepted accepted accepted, attempts 4", true },
	{ "q01 a23 A", NOTICE_RELAYED, 'u', 0, "notice relayed 0 1; attempt relayed; next",
	    "accepted accepted accepted accepted, attempts 4", true },
	{ "q01 a23 A", NOTICE_RELAYED, 't', 20, "attempt relayed; next",
	    "accepted+untold accepted+untold accepted accepted, attempts 4", false },
	/* Or it would stay for ever. */
	{ "q01 a23 A", NOTICE_RELAYED, 't', 21, "notice relayed 0 1; attempt relayed; next",
	    "accepted accepted accepted accepted, attempts 4", true },
};

static void
test_notices(void **state)
{
	char none[] = "";
	struct recipient to = { .address = none };
	const struct envelope envelope = { .recipients = &to, .count = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(notices); i++) {
		const char outcomes[] = { notices[i].outcome, '\0' };
		struct buf records = BUF_INIT(STORE_TAIL_MAX);
		struct settlement settlement;
		struct delivery d;
		struct item item;

		make_item(&item, RECIPIENTS, ALICE, ALL, (int64_t)notices[i].age_h * HOUR_MS);
		apply_script(&item, notices[i].before);
		make_delivery(&d, &envelope, outcomes);
		settle_notice(&item, &d, &account, notices[i].notice, now_ms, &records,
		    &settlement);
		assert_int_equal(item_apply(&item, (struct span){ records.data, records.len },
				     &err),
		    0);
		check_texts(outcomes, &records, notices[i].records, &item, notices[i].after);
		assert_int_equal(settle_is_done(&item), notices[i].is_done);
		assert_int_equal(settlement.failed, item.failed);
		/* It does not keep a message from its turn. */
		assert_false(settle_has_news(&item, now_ms));
		delivery_release(&d);
		item_release(&item);
		buf_release(&records);
	}
}

/* Which notice comes next. */
static const struct {
	const char *before;
	unsigned notify;
	int age_h;
	enum notice due;
	bool is_done;
	const char *sender;
} next[] = {
	{ "", 0, 0, NOTICE_NONE, false, ALICE },
	{ "a0123 A", 0, 0, NOTICE_NONE, true, ALICE },
	{ "z0123 A", 0, 0, NOTICE_NONE, true, ALICE },
	{ "a01 z23 A", 0, 0, NOTICE_NONE, true, ALICE },
	{ "r0 a123 A", 0, 0, NOTICE_FAILED, false, ALICE },
	{ "r0 w123 A", 0, 0, NOTICE_FAILED, false, ALICE },
	{ "r0 a123 A F", 0, 0, NOTICE_NONE, false, ALICE },
	{ "a0123 A F", 0, 0, NOTICE_NONE, false, ALICE },
	{ "r0 a123 A", NOTIFY_NEVER, 0, NOTICE_NONE, false, ALICE },
	{ "r0 a123 A", NOTIFY_SUCCESS, 0, NOTICE_NONE, false, ALICE },
	{ "r0 a123 A", ALL, 0, NOTICE_NONE, false, "" },
	{ "q0 a123 A", NOTIFY_SUCCESS, 0, NOTICE_RELAYED, false, ALICE },
	{ "q0 r1 a23 A", ALL, 0, NOTICE_FAILED, false, ALICE },
	{ "q0 w123 A", ALL, 5, NOTICE_RELAYED, false, ALICE },
	{ "w0123 A", ALL, 4, NOTICE_NONE, false, ALICE },
	{ "w0123 A", ALL, 5, NOTICE_DELAYED, false, ALICE },
	{ "w0123 A", NOTIFY_FAILURE, 5, NOTICE_NONE, false, ALICE },
	{ "w0123 A", 0, 5, NOTICE_NONE, false, ALICE },
	{ "w0123 A", ALL, 5, NOTICE_NONE, false, "" },
	/* Not tried yet: that is no delay of ours. */
	{ "", ALL, 5, NOTICE_NONE, false, ALICE },
	{ "w0123 A Nd012", ALL, 5, NOTICE_DELAYED, false, ALICE },
	{ "w0123 A Nd0123", ALL, 5, NOTICE_NONE, false, ALICE },
};

static void
test_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(next); i++) {
		struct item item;

		make_item(&item, RECIPIENTS, next[i].sender, next[i].notify,
		    (int64_t)next[i].age_h * HOUR_MS);
		apply_script(&item, next[i].before);
		if (settle_due_notice(&item, now_ms) != next[i].due ||
		    settle_is_done(&item) != next[i].is_done)
			fail_msg("row %zu: %d", i, (int)settle_due_notice(&item, now_ms));
		assert_int_equal(settle_has_news(&item, now_ms), next[i].due != NOTICE_NONE);
		item_release(&item);
	}
}

/* Many. */

/* Each of them refused in words of its own, which are long. */
static void
make_large(struct item *item, struct delivery *d, size_t recipients, const char *letters)
{
	char *outcomes = malloc(recipients + 1);

	assert_non_null(outcomes);
	for (size_t i = 0; i < recipients; i++)
		outcomes[i] = letters[i % strlen(letters)];
	make_item(item, recipients, ALICE, 0, 0);
	make_delivery(d, &item->envelope, outcomes);
	for (size_t i = 0; i < recipients; i++)
		if (d->tx.outcomes[i].state == OUTCOME_FAILED)
			buf_addf(&d->tx.outcomes[i].err.reply, "recipient %zu: %0400d", i, 7);
	free(outcomes);
}

/*
 * A message to as many as there can be is recorded, whatever the server says of each: who has it,
 * or never will, and who is in doubt.
 */
static void
check_large(const char *letters)
{
	enum { LARGE = 50000 };
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settlement;
	struct delivery d;
	struct item item;

	make_large(&item, &d, LARGE, letters);
	settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
	assert_true(buf_ok(&records));
	assert_int_equal(item_apply(&item, (struct span){ records.data, records.len }, &err), 0);
	check_counts(&settlement, &item);
	for (size_t i = 0; i < LARGE; i++) {
		assert_int_equal(item.recipients[i].state,
		    d.tx.outcomes[i].state == OUTCOME_ACCEPTED ? ITEM_ACCEPTED :
			delivery_is_final(&d, i)               ? ITEM_REFUSED :
								 ITEM_WAITING);
		assert_int_equal(item.recipients[i].err.in_doubt, d.tx.outcomes[i].err.in_doubt);
		if (item.recipients[i].state == ITEM_REFUSED)
			assert_int_equal(item.recipients[i].err.reply_code,
			    d.tx.outcomes[i].err.reply_code);
	}
	delivery_release(&d);
	item_release(&item);
	buf_release(&records);
}

static void
test_many(void **state)
{
	(void)state;
	check_large("t");
	check_large("at");
	check_large("ut");
	check_large("uv");
	check_large("uvde");
}

/* A tail has room for attempts until the end of time. */
static void
test_many_attempts(void **state)
{
	enum { FEW = 1000, ATTEMPTS = 1000 };
	struct buf records = BUF_INIT(STORE_TAIL_MAX);
	struct settlement settlement;
	struct delivery d;
	struct item item;

	(void)state;
	make_large(&item, &d, FEW, "t");
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		buf_clear(&records);
		settle_attempt(&item, &d, &account, now_ms, &records, &settlement);
		assert_true(buf_ok(&records));
		assert_int_equal(settlement.waiting, FEW);
		buf_add(&item.tail, records.data, records.len);
	}
	assert_true(item.tail.len < STORE_TAIL_MAX / 4 * 3);
	delivery_release(&d);
	item_release(&item);
	buf_release(&records);
}

static int
setup(void **state)
{
	static char name[] = "default";

	account.name = name;
	return setup_err(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_untried),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_many_attempts),
	};

	return cmocka_run_group_tests(tests, setup, teardown_err);
}
