/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "routing/route.h"

enum { NAMES_MAX = 6 };

/*
 * The name of this host, for the code under test: this program's gethostname() stands in for the C
 * library's.
 */
static const char *host_name;

int gethostname(char *name, size_t size);

int
gethostname(char *name, size_t size)
{
	if (host_name == NULL || strlen(host_name) + 1 > size)
		return -1;
	strcpy(name, host_name);
	return 0;
}

#define NAS "nas.example.net"

/* Accounts. */
#define OWN "from alice@example.org\n"
#define PATTERN "from *@example.org\n"
#define TO "local_to admin@example.org\n"
#define DOMAIN "local_domain lan.example.org\n"

/*
 * Recipients: the host's name, the account's settings, what was given, and, with '|' between them,
 * what goes out, as "address" or "address<original>".
 */
static const struct {
	const char *host;
	const char *settings;
	const char *given[NAMES_MAX];
	const char *routed;
} recipients[] = {
	/* Addresses elsewhere stay as they are, whatever the account says. */
	{ NAS, "", { "bob@example.net" }, "bob@example.net" },
	{ NAS, OWN TO DOMAIN, { "bob@example.net" }, "bob@example.net" },
	{ NAS, OWN TO, { "Bob@Example.NET" }, "Bob@Example.NET" },
	{ NAS, OWN TO, { "bob@example.net", "eve@example.net" },
	    "bob@example.net|eve@example.net" },
	{ NAS, OWN TO, { "root@[127.0.0.1]" }, "root@[127.0.0.1]" },
	{ NAS, OWN TO, { "root@sub." NAS }, "root@sub." NAS },
	{ NAS, OWN TO, { "root@nas.example.org" }, "root@nas.example.org" },
	{ NAS, OWN TO, { "root@nasty" }, "root@nasty" },
	{ NAS, OWN TO, { "root@na" }, "root@na" },
	/* Bare names. */
	{ NAS, OWN, { "root" }, "alice@example.org<root>" },
	{ NAS, TO, { "root" }, "admin@example.org<root>" },
	{ NAS, DOMAIN, { "root" }, "root@lan.example.org<root>" },
	{ NAS, OWN TO, { "root" }, "admin@example.org<root>" },
	{ NAS, OWN DOMAIN, { "root" }, "root@lan.example.org<root>" },
	{ NAS, TO DOMAIN, { "root" }, "admin@example.org<root>" },
	{ NAS, "user alice@example.org\npassword x\n", { "root" }, "alice@example.org<root>" },
	{ NAS, PATTERN "from bob@example.org\n", { "root" }, "bob@example.org<root>" },
	/* Names at this host. */
	{ NAS, TO, { "root@" NAS }, "admin@example.org<root@" NAS ">" },
	{ NAS, TO, { "root@NAS.Example.Net" }, "admin@example.org<root@NAS.Example.Net>" },
	{ NAS, TO, { "root@nas" }, "admin@example.org<root@nas>" },
	{ NAS, TO, { "root@localhost" }, "admin@example.org<root@localhost>" },
	{ NAS, TO, { "root@LOCALHOST" }, "admin@example.org<root@LOCALHOST>" },
	{ NAS, TO, { "root@localhost.localdomain" },
	    "admin@example.org<root@localhost.localdomain>" },
	{ NAS, DOMAIN, { "root@" NAS }, "root@lan.example.org<root@" NAS ">" },
	{ NAS, DOMAIN, { "root@localhost" }, "root@lan.example.org<root@localhost>" },
	{ NAS, OWN, { "root@nas" }, "alice@example.org<root@nas>" },
	{ "nas", TO, { "root@nas" }, "admin@example.org<root@nas>" },
	{ "nas", TO, { "root@" NAS }, "root@" NAS },
	{ NULL, TO, { "root@localhost" }, "admin@example.org<root@localhost>" },
	{ NULL, TO, { "root@" NAS }, "root@" NAS },
	{ "", TO, { "root" }, "admin@example.org<root>" },
	{ "", TO, { "bob@example.net" }, "bob@example.net" },
	/*
	 * Where the local domain is this host's own name, its names are known to the account's
	 * server.
	 */
	{ NAS, "local_domain " NAS "\n", { "bob@" NAS, "bob" }, "bob@" NAS },
	{ NAS, TO "local_domain " NAS "\n", { "bob@" NAS }, "bob@" NAS },
	{ NAS, TO DOMAIN, { "bob@lan.example.org" }, "bob@lan.example.org" },
	/* Quoted local parts: an '@' in one is no domain's. */
	{ NAS, OWN TO, { "\"root@localhost\"@example.net" }, "\"root@localhost\"@example.net" },
	{ NAS, OWN TO, { "\"a@b\"@nas" }, "admin@example.org<\"a@b\"@nas>" },
	{ NAS, DOMAIN, { "\"a b\"@localhost" }, "\"a b\"@lan.example.org<\"a b\"@localhost>" },
	{ NAS, DOMAIN, { "\"a b\"" }, "\"a b\"@lan.example.org<\"a b\">" },
	{ NAS, DOMAIN, { "\"a@b\"" }, "\"a@b\"@lan.example.org<\"a@b\">" },
	{ NAS, TO, { "\"a@b\"" }, "admin@example.org<\"a@b\">" },
	{ NAS, DOMAIN, { "\"root@localhost\"" },
	    "\"root@localhost\"@lan.example.org<\"root@localhost\">" },
	{ NAS, DOMAIN, { "\"a\\\"b\"" }, "\"a\\\"b\"@lan.example.org<\"a\\\"b\">" },
	/* Each address once, in the order of its first. */
	{ NAS, TO, { "root", "daemon", "root@nas" }, "admin@example.org<root>" },
	{ NAS, TO, { "admin@example.org", "root" }, "admin@example.org" },
	{ NAS, TO, { "root", "admin@example.org" }, "admin@example.org<root>" },
	{ NAS, TO, { "bob@example.net", "root", "eve@example.net" },
	    "bob@example.net|admin@example.org<root>|eve@example.net" },
	{ NAS, DOMAIN, { "root", "daemon", "root@localhost" },
	    "root@lan.example.org<root>|daemon@lan.example.org<daemon>" },
	{ NAS, OWN, { "root", "alice@EXAMPLE.org" }, "alice@example.org<root>" },
	{ NAS, OWN, { NULL }, "" },
};

/* No place for local names: the sentence. */
static const struct {
	const char *settings;
	const char *given[NAMES_MAX];
	const char *sentence;
} nowhere[] = {
	{ "", { "root" },
	    "root is a name on this host, and the account \"default\" does not say where its mail goes" },
	{ "", { "root@nas" },
	    "root@nas is a name on this host, and the account \"default\" does not say where its mail goes" },
	{ PATTERN, { "root" },
	    "root is a name on this host, and the account \"default\" does not say where its mail goes" },
	{ "user alice\npassword x\n", { "root" },
	    "root is a name on this host, and the account \"default\" does not say where its mail goes" },
	{ "", { "bob@example.net", "root" },
	    "root is a name on this host, and the account \"default\" does not say where its mail goes" },
};

/* Senders: NULL is none, "" the null sender. */
static const struct {
	const char *host;
	const char *settings;
	const char *given;
	const char *sender;
} senders[] = {
	/* None. */
	{ NAS, OWN, NULL, "alice@example.org" },
	{ NAS, OWN DOMAIN TO, NULL, "alice@example.org" },
	{ NAS, PATTERN DOMAIN, NULL, "carl@lan.example.org" },
	{ NAS, "user alice@example.org\npassword x\n", NULL, "alice@example.org" },
	{ NAS, "user alice\npassword x\n", NULL, "carl@" NAS },
	{ NAS, DOMAIN, NULL, "carl@lan.example.org" },
	{ NAS, TO, NULL, "carl@" NAS },
	{ NAS, "", NULL, "carl@" NAS },
	{ "nas", "", NULL, "carl@nas" },
	{ NULL, "", NULL, "carl@localhost" },
	{ "", "", NULL, "carl@localhost" },
	{ "(none)", "", NULL, "carl@localhost" },
	{ "nas.", "", NULL, "carl@localhost" },
	{ "my nas", "", NULL, "carl@localhost" },
	{ "my_nas", "", NULL, "carl@my_nas" },
	/* The null sender stays. */
	{ NAS, "", "", "" },
	{ NAS, OWN DOMAIN, "", "" },
	/* One without a domain. */
	{ NAS, OWN, "root", "alice@example.org" },
	{ NAS, DOMAIN, "root", "root@lan.example.org" },
	{ NAS, OWN DOMAIN, "root", "root@lan.example.org" },
	{ NAS, TO, "root", "carl@" NAS },
	{ NAS, DOMAIN, "\"a b\"", "\"a b\"@lan.example.org" },
	{ NAS, DOMAIN, "\"a@b\"", "\"a@b\"@lan.example.org" },
	{ NAS, OWN, "\"a@b\"", "alice@example.org" },
	/* Others. */
	{ NAS, OWN DOMAIN, "bob@example.net", "bob@example.net" },
	{ NAS, OWN DOMAIN, "root@localhost", "root@localhost" },
	{ NAS, OWN, "\"a@b\"@example.net", "\"a@b\"@example.net" },
};

struct fixture {
	struct config config;
	const struct account *account;
	struct envelope envelope;
	struct err err;
};

static void
set_up(struct fixture *f, const char *host, const char *settings)
{
	struct buf text = BUF_INIT(SIZE_MAX);

	host_name = host;
	err_init(&f->err);
	envelope_init(&f->envelope);
	buf_addf(&text, "server smtps://mail.example.org\n%s", settings);
	if (config_parse(&f->config, "test", text.data, text.len, &f->err) < 0 ||
	    config_account(&f->config, "default", NULL, &f->account, &f->err) < 0)
		fail_msg("%s: %s", settings, f->err.what.data);
	buf_release(&text);
}

static void
tear_down(struct fixture *f)
{
	envelope_release(&f->envelope);
	config_release(&f->config);
	err_release(&f->err);
}

static void
add_recipients(struct fixture *f, const char *const *given)
{
	for (size_t i = 0; i < NAMES_MAX && given[i] != NULL; i++) {
		struct address_list list = ADDRESS_LIST_INIT;

		assert_int_equal(address_parse(&list, span_of(given[i]), ADDRESS_ONE, &f->err), 0);
		assert_int_equal(envelope_add(&f->envelope, &list.items[0], &f->err), 0);
		address_list_release(&list);
	}
}

static void
show_recipients(struct buf *out, const struct envelope *envelope)
{
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		buf_addf(out, "%s%s", i > 0 ? "|" : "", r->address);
		if (r->original != NULL)
			buf_addf(out, "<%s>", r->original);
	}
}

static int
differs(size_t row, const char *settings, const char *wanted, const char *got)
{
	if (strcmp(wanted, got) == 0)
		return 0;
	print_error("row %zu, %s:\n  expected: %s\n  got:      %s\n", row, settings, wanted, got);
	return 1;
}

static void
routes_recipients(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);
		struct fixture f;

		set_up(&f, recipients[i].host, recipients[i].settings);
		add_recipients(&f, recipients[i].given);
		if (route_recipients(&f.envelope, f.account, &f.err) < 0)
			buf_add(&got, f.err.what.data, f.err.what.len);
		else
			show_recipients(&got, &f.envelope);
		failures += differs(i, recipients[i].settings, recipients[i].routed, got.data);
		buf_release(&got);
		tear_down(&f);
	}
	assert_int_equal(failures, 0);
}

/*
 * What is to be reported: a recipient is "NOTIFY address", "NOTIFY address type;orcpt" with an
 * ORCPT of its own.  NOTIFY: N, S, F, D; "-": not given.
 */
static const char reports_aliases[] = "one: dave@example.net\n"
				      "chain: one\n"
				      "two: dave@example.net, eve@example.net\n"
				      "same: dave@example.net, dave@Example.NET\n"
				      "local: carl, eve@example.net\n"
				      "j\xc3\xbcrgen: dave@example.net\n";

static const struct {
	const char *given[NAMES_MAX];
	const char *routed; /* … with "!" behind the one that stands for the alias's success */
} reports[] = {
	/* Without a wish there is nothing to be named. */
	{ { "- one" }, "- dave@example.net" },
	{ { "- two" }, "- dave@example.net|- eve@example.net" },
	{ { "F bob@example.net", "- root" }, "F bob@example.net|- admin@example.org" },
	/* One address: RFC 3461 section 5.2.7.2. */
	{ { "S one" }, "S dave@example.net rfc822;one@nas.example.net" },
	{ { "SFD chain" }, "SFD dave@example.net rfc822;chain@nas.example.net" },
	{ { "N one" }, "N dave@example.net rfc822;one@nas.example.net" },
	{ { "FD one@localhost" }, "FD dave@example.net rfc822;one@localhost" },
	{ { "S same" }, "S dave@example.net rfc822;same@nas.example.net" },
	{ { "S root" }, "S admin@example.org rfc822;root@nas.example.net" },
	{ { "F j\xc3\xbcrgen" }, "F dave@example.net utf-8;j\xc3\xbcrgen@nas.example.net" },
	/* Several: section 5.2.7.3 (c). */
	{ { "F two" },
	    "F dave@example.net rfc822;two@nas.example.net|"
	    "F eve@example.net rfc822;two@nas.example.net" },
	{ { "N two" },
	    "N dave@example.net rfc822;two@nas.example.net|"
	    "N eve@example.net rfc822;two@nas.example.net" },
	{ { "SFD two" },
	    "FD dave@example.net rfc822;two@nas.example.net!|"
	    "FD eve@example.net rfc822;two@nas.example.net" },
	{ { "S two" },
	    "N dave@example.net rfc822;two@nas.example.net!|"
	    "N eve@example.net rfc822;two@nas.example.net" },
	{ { "S local" },
	    "N admin@example.org rfc822;local@nas.example.net!|"
	    "N eve@example.net rfc822;local@nas.example.net" },
	/* An ORCPT that is there already stays. */
	{ { "F one rfc822;list@x" }, "F dave@example.net rfc822;list@x" },
	{ { "- one x400;c=fr" }, "- dave@example.net x400;c=fr" },
	{ { "S two rfc822;list@x" },
	    "N dave@example.net rfc822;list@x!|N eve@example.net rfc822;list@x" },
	{ { "F bob@example.net rfc822;list@x", "F one" },
	    "F bob@example.net rfc822;list@x|F dave@example.net rfc822;one@nas.example.net" },
	/* Named twice: what either asked for, and the name that came first. */
	{ { "D dave@example.net", "F one" }, "FD dave@example.net" },
	{ { "F one", "D dave@example.net" }, "FD dave@example.net rfc822;one@nas.example.net" },
	{ { "N dave@example.net", "SF two" },
	    "F dave@example.net|F eve@example.net rfc822;two@nas.example.net!" },
	{ { "- dave@example.net", "N one" }, "- dave@example.net" },
	{ { "N one", "- dave@example.net" }, "- dave@example.net rfc822;one@nas.example.net" },
};

static void
add_asked(struct fixture *f, const char *given)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct span rest = span_of(given), notify = span_cut(&rest, ' '),
		    address = span_cut(&rest, ' ');
	struct recipient like = { 0 };

	for (size_t i = 0; i < notify.len; i++)
		like.notify |= notify.data[i] == 'N' ? NOTIFY_NEVER :
		    notify.data[i] == 'S'            ? NOTIFY_SUCCESS :
		    notify.data[i] == 'F'            ? NOTIFY_FAILURE :
		    notify.data[i] == 'D'            ? NOTIFY_DELAY :
						       0u;
	if (rest.len > 0) {
		char *type = span_dup(span_cut(&rest, ';'));

		assert_int_equal(recipient_set_orcpt(&like, type, rest, &f->err), 0);
		free(type);
	}
	assert_int_equal(address_parse(&list, address, ADDRESS_ONE, &f->err), 0);
	assert_int_equal(envelope_add_like(&f->envelope, &list.items[0], &like, &f->err), 0);
	free(like.orcpt_type);
	free(like.orcpt);
	address_list_release(&list);
}

static void
show_reports(struct buf *out, const struct envelope *envelope)
{
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		buf_addf(out, "%s%s%s%s%s%s %s", i > 0 ? "|" : "", r->notify == 0 ? "-" : "",
		    (r->notify & NOTIFY_NEVER) != 0 ? "N" : "",
		    (r->notify & NOTIFY_SUCCESS) != 0 ? "S" : "",
		    (r->notify & NOTIFY_FAILURE) != 0 ? "F" : "",
		    (r->notify & NOTIFY_DELAY) != 0 ? "D" : "", r->address);
		if (r->orcpt != NULL)
			buf_addf(out, " %s;%s", r->orcpt_type, r->orcpt);
		buf_adds(out, r->expanded ? "!" : "");
	}
}

static void
hands_on_what_is_to_be_reported(void **state)
{
	char path[] = "/tmp/test_route-XXXXXX";
	int fd = mkstemp(path), failures = 0;
	struct buf settings = BUF_INIT(1000);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, reports_aliases, strlen(reports_aliases)),
	    strlen(reports_aliases));
	close(fd);
	buf_addf(&settings, TO "aliases %s\n", path);
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct buf got = BUF_INIT(SIZE_MAX);
		struct fixture f;

		set_up(&f, NAS, settings.data);
		for (size_t k = 0; k < NAMES_MAX && reports[i].given[k] != NULL; k++)
			add_asked(&f, reports[i].given[k]);
		if (route_recipients(&f.envelope, f.account, &f.err) < 0)
			buf_add(&got, f.err.what.data, f.err.what.len);
		else
			show_reports(&got, &f.envelope);
		failures += differs(i, reports[i].given[0], reports[i].routed, got.data);
		buf_release(&got);
		tear_down(&f);
	}
	unlink(path);
	buf_release(&settings);
	assert_int_equal(failures, 0);
}

static void
says_where_local_names_cannot_go(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		struct fixture f;

		set_up(&f, NAS, nowhere[i].settings);
		add_recipients(&f, nowhere[i].given);
		assert_int_equal(route_recipients(&f.envelope, f.account, &f.err), -1);
		assert_int_equal(f.err.kind, ERR_ADDRESS);
		failures += differs(i, nowhere[i].settings, nowhere[i].sentence, f.err.what.data);
		assert_string_equal(err_hint_text(&f.err),
		    "set local_to (an address) or local_domain in the configuration");
		tear_down(&f);
	}
	assert_int_equal(failures, 0);
}

static void
settles_the_sender(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct fixture f;

		set_up(&f, senders[i].host, senders[i].settings);
		if (senders[i].given != NULL)
			f.envelope.sender = strdup(senders[i].given);
		if (route_sender(&f.envelope, f.account, "carl", &f.err) < 0)
			failures += differs(i, senders[i].settings, senders[i].sender,
			    f.err.what.data);
		else
			failures += differs(i, senders[i].settings, senders[i].sender,
			    f.envelope.sender);
		tear_down(&f);
	}
	assert_int_equal(failures, 0);
}

/* Login names that are no local part as they stand: Active Directory's, and ones with a space. */
static void
makes_an_address_of_every_login(void **state)
{
	static const struct {
		const char *login, *sender;
	} logins[] = {
		{ "www-data", "www-data@" NAS },
		{ "j.doe", "j.doe@" NAS },
		{ "uid4711", "uid4711@" NAS },
		{ "machine$", "machine$@" NAS },
		{ "DOM\\bob", "\"DOM\\\\bob\"@" NAS },
		{ "Guest User", "\"Guest User\"@" NAS },
		{ "bob@corp.example", "\"bob@corp.example\"@" NAS },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		struct fixture f;

		set_up(&f, NAS, "");
		if (route_sender(&f.envelope, f.account, logins[i].login, &f.err) < 0)
			failures += differs(i, logins[i].login, logins[i].sender, f.err.what.data);
		else
			failures += differs(i, logins[i].login, logins[i].sender,
			    f.envelope.sender);
		tear_down(&f);
	}
	assert_int_equal(failures, 0);
}

/* Many recipients that all become the same one, and many that stay. */
static void
routes_long_lists(void **state)
{
	enum { MANY = 10000 };
	struct fixture f;

	(void)state;
	set_up(&f, NAS, TO);
	for (int i = 0; i < MANY; i++) {
		struct buf name = BUF_INIT(100);
		const char *given[NAMES_MAX] = { NULL };

		buf_addf(&name, i % 2 == 0 ? "user%d" : "user%d@example.net", i);
		given[0] = name.data;
		add_recipients(&f, given);
		buf_release(&name);
	}
	assert_int_equal(route_recipients(&f.envelope, f.account, &f.err), 0);
	assert_int_equal(f.envelope.count, MANY / 2 + 1);
	assert_string_equal(f.envelope.recipients[0].address, "admin@example.org");
	assert_string_equal(f.envelope.recipients[0].original, "user0");
	assert_string_equal(f.envelope.recipients[MANY / 2].address, "user9999@example.net");
	tear_down(&f);
}

static void
names_the_host(void **state)
{
	static const char *const names[][2] = {
		{ NAS, NAS },
		{ "nas", "nas" },
		{ "nas_1", "nas_1" },
		{ "", "localhost" },
		{ NULL, "localhost" },
		{ "(none)", "localhost" },
		{ "my nas", "localhost" },
		{ "n\nas", "localhost" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf name = BUF_INIT(SIZE_MAX);

		host_name = names[i][0];
		route_host_name(&name);
		assert_string_equal(name.data, names[i][1]);
		buf_release(&name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_recipients),
		cmocka_unit_test(hands_on_what_is_to_be_reported),
		cmocka_unit_test(says_where_local_names_cannot_go),
		cmocka_unit_test(settles_the_sender),
		cmocka_unit_test(makes_an_address_of_every_login),
		cmocka_unit_test(routes_long_lists),
		cmocka_unit_test(names_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
