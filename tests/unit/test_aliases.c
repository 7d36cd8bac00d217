/* SPDX-License-Identifier: ISC */
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

#include "config/aliases.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct err err;

/* Names without a domain, and those at "here". */
static bool
is_here(const char *mailbox, const void *arg)
{
	const char *at = strrchr(mailbox, '@');

	(void)arg;
	return at == NULL || strcmp(at, "@here") == 0;
}

/*
 * What a name comes to: addresses with '|' between them; "none": it has no alias; else the error's
 * sentence.
 */
static void
describe(const struct aliases *aliases, const char *name, struct buf *out)
{
	struct address_list list = ADDRESS_LIST_INIT;
	bool found;

	err_clear(&err);
	if (aliases_expand(aliases, span_of(name), is_here, NULL, &list, &found, &err) < 0) {
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_int_equal(list.count, 0);
		buf_adds(out, err.what.data);
	} else if (!found) {
		assert_int_equal(list.count, 0);
		buf_adds(out, "none");
	}
	for (size_t i = 0; i < list.count; i++)
		buf_addf(out, "%s%s", i > 0 ? "|" : "", list.items[i].mailbox);
	address_list_release(&list);
}

#define A "alice@example.org"
#define B "bob@example.org"
#define C "carol@example.org"
#define COMMAND "… is a command or a file, and mail is delivered to addresses alone"

static const struct {
	const char *text, *name, *comes_to;
} rows[] = {
	/* The file's form. */
	{ "", "root", "none" },
	{ "\n \n\t\n\n", "root", "none" },
	{ "root: " A "\n", "root", A },
	{ "root: " A, "root", A },
	{ "root: " A "\r\n", "root", A },
	{ "root:" A, "root", A },
	{ "root  :\t" A "  \n", "root", A },
	{ "root: " A ", " B "\n", "root", A "|" B },
	{ "root: " A ",\n " B "\n", "root", A "|" B },
	{ "root: " A "\n , " B ",\n\t" C "\n", "root", A "|" B "|" C },
	{ "root:\n " A "\n", "root", A },
	{ "root: ,," A ",,\n", "root", A },
	{ "# root: " B "\nroot: " A "\n", "root", A },
	{ "root: " A "\n#bob: " B "\n", "bob", "none" },
	{ "#a comment\n\nroot: " A "\n", "root", A },
	{ "root: " A ",\n# comment\n#\n " B "\nbob: " C "\n", "root", A "|" B },
	{ "root: " A ",\n# comment\n " B "\nbob: " C "\n", "bob", C },
	{ "root: " A ",\n  # comment, " B "\n\t" C "\n  #\n", "root", A "|" C },
	{ "root: " A "\n \r\n\t, " C "\r\n", "root", A "|" C },
	{ "# comment\n#\nroot: " A "\n", "root", A },
	{ "root: " A " # " B "\n", "root",
	    "file:1: the alias root: cannot parse the address \"" A " # " B
	    "\": text behind the address (missing comma?)" },
	{ "root: " A "\nroot: " B "\n", "root", A },
	{ "root:\n", "root", "none" },
	{ "root: ,\n", "root", "none" },
	{ "root: nobody\nnobody:\n", "root", "none" },
	{ "root: nobody, " A "\nnobody:\n", "root", A },
	/* Names. */
	{ "Root: " A "\n", "rOOT", A },
	{ "\"root\": " A "\n", "root", A },
	{ "\"a:b\": " A "\n", "\"a:b\"", A },
	{ "\"a b\": " A "\n", "\"a b\"", A },
	{ "\"a\\\"b\": " A "\n", "\"a\\\"b\"", A },
	{ "root: " A "\n", "roo", "none" },
	{ "root: " A "\n", "root2", "none" },
	{ "root: " A "\n", "", "none" },
	/* Elements. */
	{ "root: Alice <" A ">\n", "root", A },
	{ "root: \"Doe, Alice\" <" A ">\n", "root", A },
	{ "root: " A " (one, two), " B "\n", "root", A "|" B },
	{ "root: \"a,b\"@example.org, " B "\n", "root", "\"a,b\"@example.org|" B },
	{ "root: \\root\n", "root", "root" },
	{ "root: \\root, " A "\n", "root", "root|" A },
	{ "root: alice\n", "root", "alice" },
	{ "root: alice@here\n", "root", "alice" },
	{ "root: alice@elsewhere\n", "root", "alice@elsewhere" },
	{ "root: " A ", " A "\n", "root", A "|" A },
	/* Chains. */
	{ "root: admin\nadmin: " A "\n", "root", A },
	{ "root: Admin@here\nadmin: " A "\n", "root", A },
	{ "root: admin, " B "\nadmin: " A ", ops\nops: " C "\n", "root", A "|" C "|" B },
	{ "root: \"ad min\"\n\"ad min\": " A "\n", "root", A },
	/* Back where they came from. */
	{ "root: root\n", "root", "root" },
	{ "root: root, " A "\n", "root", "root|" A },
	{ "root: admin\nadmin: root, " A "\n", "root", "root|" A },
	/* Two ways to the same: one is enough, and nobody else gets it. */
	{ "root: a, b\na: c\nb: c\nc: " C "\n", "root", C },
	{ "root: a, a, b\na: " A "\nb: " B ", a\n", "root", A "|" B },
	/* What this is not. */
	{ "root: \"|/bin/cat\"\n", "root", "file:1: the alias root: |" COMMAND },
	{ "root: |/bin/cat\n", "root", "file:1: the alias root: |" COMMAND },
	{ "root: /var/mail/root\n", "root", "file:1: the alias root: /" COMMAND },
	{ "root: \"/var/mail/root\"\n", "root", "file:1: the alias root: /" COMMAND },
	{ "root: " A ", |x\n", "root", "file:1: the alias root: |" COMMAND },
	{ "x: |x\nroot: " A "\n", "root", A },
	{ "\n\nx: |x\nroot: x\n", "root",
	    "file:4: the alias root: file:3: the alias x: |" COMMAND },
	{ "root: :include:/etc/list\n", "root",
	    "file:1: the alias root: :include: wants a path that begins with \"/\"" },
	{ "root: \":include:/etc/list\"\n", "root",
	    "file:1: the alias root: :include: wants a path that begins with \"/\"" },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT(10000);
		struct aliases *aliases;

		err_clear(&err);
		if (aliases_parse("file", span_of(rows[i].text), &aliases, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.what.data);
		describe(aliases, rows[i].name, &out);
		if (strcmp(out.data, rows[i].comes_to) != 0)
			fail_msg("%s\n%s comes to %s, not to %s", rows[i].text, rows[i].name,
			    out.data, rows[i].comes_to);
		aliases_free(aliases);
		buf_release(&out);
	}
}

/* What an address lacks is the administrator's to mend: the parser says what, we where. */
static const char *const unreadable[] = { "root: a b", "root: <a", "root: a@", "root: a..b@c",
	"root: \\", "root: \"", "root: (", "root: a@b@c" };

static void
test_unreadable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unreadable); i++) {
		struct buf out = BUF_INIT(10000);
		struct aliases *aliases;

		assert_int_equal(aliases_parse("file", span_of(unreadable[i]), &aliases, &err), 0);
		describe(aliases, "root", &out);
		if (strncmp(out.data, "file:1: the alias root: ", 24) != 0)
			fail_msg("%s comes to %s", unreadable[i], out.data);
		aliases_free(aliases);
		buf_release(&out);
	}
}

#define EXPECTED "expected a name, a colon and addresses"

/* Lines that are none; '0' stands for a NUL. */
static const struct {
	const char *text, *error;
} bad[] = {
	{ "root\n", "file:1: " EXPECTED },
	{ "root " A "\n", "file:1: " EXPECTED },
	{ ": " A "\n", "file:1: " EXPECTED },
	{ "\"root: " A "\n", "file:1: " EXPECTED },
	{ "\n# x\nroot: " A ",\n " B "\nbob\n", "file:5: " EXPECTED },
	{ "root: " A "\n# x\n " B "\nbob\n", "file:4: " EXPECTED },
	{ "root: a0, " A "\n", "file:1: " EXPECTED },
	{ "root0x: " A "\n", "file:1: " EXPECTED },
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *text = strdup(bad[i].text);
		size_t len = strlen(text);
		struct aliases *aliases;

		for (size_t k = 0; k < len; k++)
			text[k] = text[k] == '0' ? '\0' : text[k];
		err_clear(&err);
		assert_int_equal(aliases_parse("file", (struct span){ text, len }, &aliases, &err),
		    -1);
		assert_null(aliases);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.what.data, bad[i].error);
		free(text);
	}
}

/* a1: a2, a2: a3 …: as deep as that, and an address at its end. */
static void
chain(unsigned depth, struct buf *out)
{
	for (unsigned i = 1; i < depth; i++)
		buf_addf(out, "a%u: a%u\n", i, i + 1);
	buf_addf(out, "a%u: " A "\n", depth);
}

static void
test_limits(void **state)
{
	struct buf text = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
	struct aliases *aliases;

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		buf_clear(&text);
		buf_clear(&out);
		chain(ALIAS_DEPTH_MAX + over, &text);
		assert_int_equal(aliases_parse("file", (struct span){ text.data, text.len },
				     &aliases, &err),
		    0);
		describe(aliases, "a1", &out);
		assert_true((strcmp(out.data, A) == 0) == (over == 0));
		assert_true((strstr(out.data, "a chain of more than 50 aliases") != NULL) ==
		    (over == 1));
		aliases_free(aliases);

		buf_clear(&text);
		buf_clear(&out);
		buf_adds(&text, "root: ");
		for (unsigned i = 0; i < ALIASES_MAX + over; i++)
			buf_addf(&text, "u%u@x,", i);
		assert_int_equal(aliases_parse("file", (struct span){ text.data, text.len },
				     &aliases, &err),
		    0);
		describe(aliases, "root", &out);
		assert_true((strstr(out.data, "u9999@x") != NULL) == (over == 0));
		assert_true((strstr(out.data, "more than 10000 addresses") != NULL) == (over == 1));
		aliases_free(aliases);
	}
	buf_release(&text);
	buf_release(&out);
}

/* Files. */

static char folder[] = "/tmp/test_aliases-XXXXXX";

static const char *
write_file(const char *name, const char *text, mode_t mode)
{
	static char path[4][100];
	static unsigned next;
	FILE *file;

	next = (next + 1) % COUNT(path);
	snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
	unlink(path[next]);
	file = fopen(path[next], "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path[next], mode), 0);
	return path[next];
}

static void
check_file(const char *path, const char *comes_to)
{
	struct buf out = BUF_INIT(10000);
	struct aliases *aliases;

	err_clear(&err);
	if (aliases_read(path, &aliases, &err) < 0) {
		assert_null(aliases);
		assert_int_equal(err.kind, ERR_CONFIG);
		buf_adds(&out, err.what.data);
	} else {
		describe(aliases, "root", &out);
		aliases_free(aliases);
	}
	if (strstr(out.data, comes_to) == NULL)
		fail_msg("it comes to %s, not to %s", out.data, comes_to);
	buf_release(&out);
}

static void
test_files(void **state)
{
	char text[300];

	(void)state;
	check_file(write_file("aliases", "root: " A "\n", 0600), A);
	check_file(write_file("aliases", "root: " A "\n", 0644), A);
	check_file(write_file("aliases", "root: " A "\n", 0664), "others can write");
	check_file(folder, "is a directory");
	check_file("/nonexistent/aliases", "there is no file");
	assert_true(err.sys_errno != 0);

	snprintf(text, sizeof(text), "root: " A ", \":include:%s\"\nbob: " B "\n",
	    write_file("list", "# of us\n\n" C ", bob\n  dave@example.org  \n", 0600));
	check_file(write_file("aliases", text, 0600), A "|" C "|" B "|dave@example.org");
	snprintf(text, sizeof(text), "root: :include:%s\n", write_file("list", A "\n", 0666));
	check_file(write_file("aliases", text, 0600), "others can write");
	check_file(write_file("aliases", "root: :include:/nonexistent\n", 0600),
	    "there is no file /nonexistent");
	check_file(write_file("aliases", "root: :include:list\n", 0600),
	    "wants a path that begins with \"/\"");
	snprintf(text, sizeof(text), "root: :include:%s\n",
	    write_file("list", A "\r\n# of us\r\n" B "\r\n", 0600));
	check_file(write_file("aliases", text, 0600), A "|" B);
	/* What is wrong is told with its place. */
	write_file("list", A "\n\na b\n", 0600);
	check_file(write_file("aliases", text, 0600), "list:3: cannot parse");
	/* A list that has itself in it. */
	snprintf(text, sizeof(text), ":include:%s/list\n", folder);
	write_file("list", text, 0600);
	snprintf(text, sizeof(text), "root: :include:%s/list\n", folder);
	check_file(write_file("aliases", text, 0600),
	    "aliases:1: the alias root: a chain of more than 50 aliases");
}

static int
setup(void **state)
{
	(void)state;
	err_init(&err);
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char path[100];

	(void)state;
	err_release(&err);
	snprintf(path, sizeof(path), "%s/list", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/aliases", folder);
	unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
