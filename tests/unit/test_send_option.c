/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/receipt.h"
#include "command/send_option.h"
#include "command/send_part.h"
#include "command/send_time.h"
#include "format/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct err err;
static struct send_options options;
static char *parsed_words[64]; /* what the options point to */
static int parsed_count;

/* 2026-11-22 12:00:30 UTC */
static const int64_t now_ms = 1795348830000;

static void
forget(void)
{
	send_options_release(&options);
	while (parsed_count > 0)
		free(parsed_words[--parsed_count]);
}

/*
 * Parses words that are separated by spaces; '~' is an empty word, '_' stands for a space in one.
 */
static int
parse(const char *line)
{
	struct span rest = span_of(line);

	forget();
	while (rest.len > 0) {
		char *word = span_dup(span_cut(&rest, ' '));

		for (char *p = word; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		if (strcmp(word, "~") == 0)
			*word = '\0';
		parsed_words[parsed_count++] = word;
	}
	return send_options_parse(&options, parsed_count, parsed_words, now_ms, &err);
}

static void
check_parse(const char *line)
{
	if (parse(line) != 0)
		fail_msg("%s: %s", line, err.what.data);
}

static void
check_list(const struct word_list *list, const char *expected)
{
	struct buf text = BUF_INIT(1000);

	for (size_t i = 0; i < list->count; i++)
		buf_addf(&text, "%s|", list->items[i]);
	assert_string_equal(text.data, expected);
	if (list->count > 0)
		assert_null(list->items[list->count]);
	buf_release(&text);
}

static void
words_and_values(void **state)
{
	(void)state;
	check_parse(
	    "a@x -s one --subject=two -cb@x --cc c@x -b d@x,e@x f@x --to=g@x -qHX-A:_1 --header X-B:2");
	check_list(&options.to, "a@x|f@x|g@x|");
	check_list(&options.cc, "b@x|c@x|");
	check_list(&options.bcc, "d@x,e@x|");
	check_list(&options.headers, "X-A: 1|X-B:2|");
	assert_string_equal(options.subject, "two");
	assert_true(options.quiet);
	check_parse("-s -x --body --raw -- -a --html");
	assert_string_equal(options.subject, "-x");
	assert_string_equal(options.body, "--raw");
	check_list(&options.to, "-a|--html|");
	assert_false(options.raw || options.html);
	check_parse("");
	check_list(&options.to, "");
	forget();
}

static void
html_with_and_without_a_file(void **state)
{
	(void)state;
	check_parse("--html a@x");
	assert_true(options.html);
	assert_null(options.html_file);
	check_list(&options.to, "a@x|");
	check_parse("--html=f a@x");
	assert_false(options.html);
	assert_string_equal(options.html_file, "f");
	assert_int_equal(parse("--html="), -1);
	forget();
}

static void
headers_that_are_options(void **state)
{
	(void)state;
	check_parse("-H SUBJECT:_x -H from:a@x -H To:_b@x -H Bcc:c@x -H Subjects:_y");
	assert_string_equal(options.subject, "x");
	assert_string_equal(options.from, "a@x");
	check_list(&options.to, "b@x|");
	check_list(&options.bcc, "c@x|");
	check_list(&options.headers, "Subjects: y|");
	forget();
}

static void
requests(void **state)
{
	(void)state;
	check_parse(
	    "--require-tls --deliver-by 90;notify --mt-priority -9 --dsn success,delay --priority HIGH");
	assert_true(options.requests.require_tls && options.requests.has_priority);
	assert_int_equal(options.requests.deliver_by_s, 90);
	assert_false(options.requests.deliver_by_return);
	assert_int_equal(options.requests.priority, -9);
	assert_int_equal(options.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_int_equal(options.priority, 1);
	check_parse("--deliver-by=2h --mt-priority=9 --priority low");
	assert_int_equal(options.requests.deliver_by_s, 7200);
	assert_true(options.requests.deliver_by_return);
	assert_int_equal(options.requests.priority, 9);
	assert_int_equal(options.priority, 5);
	forget();
}

static void
times(void **state)
{
	(void)state;
	check_parse("--in 365d");
	assert_int_equal(options.not_before_ms, now_ms + 365LL * 86400000);
	check_parse("--at 2026-11-22T12:00:31Z");
	assert_int_equal(options.not_before_ms, now_ms + 1000);
	assert_int_equal(parse("--at 2026-11-22T12:00:30Z"), -1);
	assert_non_null(strstr(err.what.data, "is over"));
	forget();
}

/*
 * A server's time has whole seconds, and is not before ours; what it is to wait for is not waited
 * for here.
 */
static void
future_release(void **state)
{
	static char first[] = "--future-release", second[] = "--in=1s";
	char *words[] = { first, second };

	(void)state;
	forget();
	assert_int_equal(send_options_parse(&options, COUNT(words), words, now_ms + 1, &err), 0);
	assert_int_equal(options.requests.hold_until_s, now_ms / 1000 + 2);
	send_options_release(&options);
	check_parse("--in 2h --future-release");
	assert_int_equal(options.not_before_ms, 0);
	assert_int_equal(options.requests.hold_until_s, now_ms / 1000 + 7200);
	check_parse("--future-release --at 2026-11-22T12:00:31Z --no-queue");
	assert_int_equal(options.requests.hold_until_s, now_ms / 1000 + 1);
	check_parse("--future-release --at 9999-12-31T23:59:59Z");
	assert_int_equal(options.requests.hold_until_s, DATE_UTC_MAX);
	check_parse("--in 2h");
	assert_int_equal(options.requests.hold_until_s, 0);
	forget();
}

/* What is refused; the sentence holds the text. */
static const char *const refusals[][2] = {
	{ "--nope", "no option --nope" },
	{ "-Z", "no option -Z" },
	{ "-qZ", "no option -Z" },
	{ "--", "" },
	{ "-s", "-s needs a value" },
	{ "-qs", "-s needs a value" },
	{ "--to", "--to needs a value" },
	{ "--quiet=1", "takes no value" },
	{ "-\001", "no such option" },
	{ "-\xc3\xa9", "no such option" },
	{ "--subject=a\nb", "a line break" },
	{ "-s a\rb", "a line break" },
	{ "a@x\nb", "a line break" },
	{ "-a f\ng", "line break" },
	{ "-a ;name=x", "needs the name of a file" },
	{ "-a x;", "knows no \"\"" },
	{ "-a x;foo", "knows no \"foo\"" },
	{ "-a x;cid=y", "knows no \"cid=y\"" },
	{ "--inline x;cid=", "nothing stands" },
	{ "-H a", "takes \"Name: value\"" },
	{ "-H :a", "takes \"Name: value\"" },
	{ "-H _a:b", "takes \"Name: value\"" },
	{ "-H Content-ID:x", "cannot set Content-ID" },
	{ "-H resent-date:x", "cannot set resent-date" },
	{ "--mt-priority 10", "-9 to 9" },
	{ "--mt-priority -", "-9 to 9" },
	{ "--mt-priority +1", "-9 to 9" },
	{ "--deliver-by off", "takes a time" },
	{ "--deliver-by 1h;", "" },
	{ "--in off", "takes a time" },
	{ "--in 0", "takes a time" },
	{ "--in 366d", "takes a time" },
	{ "--idempotency-key ~", "takes 1 to 200" },
	{ "--raw --text x", "--raw does not go with --text" },
	{ "-t --body x", "--raw does not go with --body" },
	{ "--hold --at 23:00", "does not go with" },
	{ "-a - --text -", "one thing alone" },
	{ "-", "nobody" },
	{ "--future-release", "needs a time: --at or --in" },
	{ "--future-release --hold", "does not go with --future-release" },
	{ "--future-release --at 9999-12-31T23:59:59-00:01", "a year behind 9999" },
	{ "--no-queue --in 1h", "--no-queue does not go with --at" },
	{ "-- -", "nobody" },
	{ "--output ~", "needs the name of a file" },
};

static void
refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		int result = parse(refusals[i][0]);

		if (refusals[i][1][0] == '\0') {
			assert_int_equal(result, 0);
			continue;
		}
		if (result == 0 || err.kind != ERR_USAGE ||
		    strstr(err.what.data, refusals[i][1]) == NULL)
			fail_msg("\"%s\": \"%s\"", refusals[i][0], err.what.data);
	}
	forget();
}

static void
long_keys(void **state)
{
	char word[300] = "--idempotency-key=";
	size_t at = strlen(word);

	(void)state;
	memset(word + at, 'x', 200);
	check_parse(word);
	word[at + 200] = 'x';
	assert_int_equal(parse(word), -1);
	forget();
}

/* A file that goes along. */
static const struct {
	const char *value;
	enum part_role role;
	const char *path, *name, *type, *cid;
} parts[] = {
	{ "a.pdf", PART_ATTACHED, "a.pdf", NULL, NULL, NULL },
	{ "a;name=b c.pdf;type=text/plain", PART_ATTACHED, "a", "b c.pdf", "text/plain", NULL },
	{ "a;type=x/y;name=b=c", PART_ATTACHED, "a", "b=c", "x/y", NULL },
	{ "a;cid=l;name=n", PART_INLINE, "a", "n", NULL, "l" },
	{ "-;name=n", PART_ATTACHED, "/dev/stdin", "n", NULL, NULL },
	{ "/dev/fd/0", PART_ATTACHED, "/dev/stdin", NULL, NULL, NULL },
	{ "/proc/self/fd/0;name=n", PART_ATTACHED, "/dev/stdin", "n", NULL, NULL },
	{ "tests/unit/test_send_option.c", PART_ATTACHED, "tests/unit/test_send_option.c", NULL,
	    NULL, NULL },
};

static void
check_text(const char *is, const char *expected)
{
	if (expected == NULL)
		assert_null(is);
	else
		assert_string_equal(is, expected);
}

static void
parts_with_details(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++) {
		struct compose_part part;
		char *word;

		assert_int_equal(send_part_parse("-a", parts[i].value, parts[i].role, &part, &word,
				     &err),
		    0);
		check_text(part.path, parts[i].path);
		check_text(part.name, parts[i].name);
		check_text(part.type, parts[i].type);
		check_text(part.content_id, parts[i].cid);
		assert_int_equal(part.fd, -1);
		free(word);
	}
}

/* Points in time, in Berlin; 0: none. */
static const struct {
	const char *text;
	int64_t s;
} points[] = {
	{ "2026-11-24T08:30", 1795505400 },
	{ "2026-11-24 08:30:07", 1795505407 },
	{ "2026-11-24T08:30Z", 1795509000 },
	{ "2026-11-24T08:30:00+05:30", 1795489200 },
	{ "2026-11-24T08:30-0800", 1795537800 },
	{ "2028-02-29T00:00Z", 1835395200 },
	{ "2026-07-01T12:00", 1782900000 },
	{ "13:01", 1795348860 },
	{ "13:00", 1795435200 },
	{ "00:00", 1795388400 },
	{ "23:59", 1795388340 },
	{ "2026-02-29T00:00Z", 0 },
	{ "2026-13-01T00:00Z", 0 },
	{ "2026-00-01T00:00Z", 0 },
	{ "2026-11-00T00:00Z", 0 },
	{ "2026-11-24T24:00Z", 0 },
	{ "2026-11-24T08:60Z", 0 },
	{ "2026-11-24T08:30Zx", 0 },
	{ "2026-11-24T08:30+25:00", 0 },
	{ "2026-11-24T08:30+1", 0 },
	{ "2026-11-24", 0 },
	{ "26-11-24T08:30", 0 },
	{ "24:00", 0 },
	{ "8:30", 0 },
	{ "08:30:00", 0 },
	{ "08:3", 0 },
	{ "", 0 },
	{ "now", 0 },
	{ "-1:00", 0 },
	{ "2026-11-24T08:30 Z", 0 },
};

static void
points_in_time(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < COUNT(points); i++) {
		int64_t ms = 0;
		bool valid = send_time_parse(points[i].text, now_ms, &ms);

		if (valid != (points[i].s != 0) || (valid && ms != points[i].s * 1000))
			fail_msg("\"%s\": %lld", points[i].text, valid ? (long long)ms / 1000 : 0);
	}
}

/*
 * The hour that comes twice in October, the first of them that is still to come; the one that March
 * has not.
 */
static const struct {
	int64_t now_s;
	const char *text;
	int64_t s;
} odd_hours[] = {
	{ 1792843200, "2026-10-25T02:30", 1792888200 },
	{ 1792843200, "02:30", 1792888200 },
	{ 1792888199, "02:30", 1792888200 },
	{ 1792888200, "02:30", 1792891800 },
	{ 1792888200, "2026-10-25 02:30:00", 1792891800 },
	{ 1792891800, "02:30", 1792978200 },
	{ 1774699200, "2026-03-29T02:30", 1774747800 },
	{ 1774744200, "02:30", 1774747800 },
	{ 1792888200, "03:00", 1792893600 },
};

static void
odd_hours_in_time(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < COUNT(odd_hours); i++) {
		int64_t ms = 0;

		if (!send_time_parse(odd_hours[i].text, odd_hours[i].now_s * 1000, &ms) ||
		    ms != odd_hours[i].s * 1000)
			fail_msg("%zu: \"%s\": %lld", i, odd_hours[i].text, (long long)ms / 1000);
	}
}

/* What well-known servers answer. */
static const char *const replies[][2] = {
	{ "250 2.0.0 Ok: queued as 4WxYz12abcz1x9", "4WxYz12abcz1x9" },
	{ "250 OK id=1tEXyz-0000000ABC-1xYz", "1tEXyz-0000000ABC-1xYz" },
	{ "250 2.0.0 4AM8Uabc012345 Message accepted for delivery", "4AM8Uabc012345" },
	{ "250 2.0.0 1a2b3c4d Message accepted for delivery", "1a2b3c4d" },
	{ "250 2.0.0 OK  1763800000 af79cd13be357-8b3295f0000si1.42 - gsmtp",
	    "af79cd13be357-8b3295f0000si1.42" },
	{ "250 Ok 0102019a8d3e0000-1-000000", "0102019a8d3e0000-1-000000" },
	{ "250 2.0.0 Message Queued (4C7F8A10-0000.1)", "4C7F8A10-0000.1" },
	{ "250 2.0.0 Ok: queued as ", "" },
	{ "250 ok", "" },
	{ "", "" },
	{ "queued as", "" },
};

static void
server_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++) {
		struct span id = receipt_server_id(span_of(replies[i][0]));

		if (!span_is(id, replies[i][1]))
			fail_msg("\"%s\": \"%.*s\"", replies[i][0], (int)id.len, id.data);
	}
}

static void
receipts_as_json(void **state)
{
	static const char lines[] =
	    "result: sent\nqueue-id: none\nsize: 12\nexit-status: 0\nrecipient: a@x\nstate: sent\n"
	    "reply: 250 \"x\": y\nrecipient: b@x\nstate: queued\n";
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	receipt_print(out, span_of(lines), true);
	fclose(out);
	assert_string_equal(text,
	    "{\"result\": \"sent\", \"queue_id\": null, \"size\": 12, \"exit_status\": 0, \"recipients\": ["
	    "{\"address\": \"a@x\", \"state\": \"sent\", \"reply\": \"250 \\\"x\\\": y\"}, "
	    "{\"address\": \"b@x\", \"state\": \"queued\"}]}\n");
	free(text);
}

/* Each row can be found by the words of --help, and no two rows have the same letter. */
static void
rows(void **state)
{
	(void)state;
	for (size_t i = 0; send_row(i) != NULL; i++) {
		const struct send_row *row = send_row(i);

		assert_true(row->letter != '\0' || row->name != NULL);
		assert_true((row->arity == ARITY_NONE) == (row->argument == NULL));
		assert_non_null(row->apply);
		for (size_t k = 0; k < i; k++)
			assert_true(row->letter == '\0' || row->letter != send_row(k)->letter);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_values),
		cmocka_unit_test(html_with_and_without_a_file),
		cmocka_unit_test(headers_that_are_options),
		cmocka_unit_test(requests),
		cmocka_unit_test(times),
		cmocka_unit_test(future_release),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(parts_with_details),
		cmocka_unit_test(points_in_time),
		cmocka_unit_test(odd_hours_in_time),
		cmocka_unit_test(server_ids),
		cmocka_unit_test(receipts_as_json),
		cmocka_unit_test(rows),
	};
	int failed;

	err_init(&err);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	err_release(&err);
	return failed;
}
