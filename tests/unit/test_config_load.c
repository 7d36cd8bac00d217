/* SPDX-License-Identifier: ISC */
/*
 * Configuration files: where they are looked for, whose they must be, what they include; the choice
 * of an account; and that the manual has every key.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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
#include "config/keys.h"
#include "config/other_keys.h"
#include "config/owned.h"

#define OURS "server smtps://mail.example.org\n"

#define WHOLE \
	"\"queue_dir\" holds for all accounts: it stands before the first \"account\" line, or below a \"defaults\" line"

enum { NOBODY = 65534, NO_USER = 54321 };

static char folder[] = "/tmp/sendoff-config-XXXXXX";

static void
add_error(struct buf *out, const struct err *err)
{
	buf_addf(out, "error: %s", err->what.data);
	if (err->hint.len > 0)
		buf_addf(out, " hint: %s", err->hint.data);
}

static const char choices[] = "account work\n"
			      "server smtps://work.example\n"
			      "from me@work.example *@lists.work.example\n"
			      "account home\n"
			      "server smtps://home.example\n"
			      "from *@home.example Me@Private.example\n"
			      "user me@home.example\n"
			      "account parent\n"
			      "from p@parent.example\n"
			      "account bare\n"
			      "server smtps://bare.example\n"
			      "user bare@bare.example\n"
			      "account nobody\n"
			      "server smtps://bare.example\n"
			      "user nobody\n";

struct choice {
	const char *text;
	const char *name, *sender;
	const char *want; /* the account's name and address, or the error */
};

static const struct choice choice_rows[] = {
	{ choices, "home", NULL, "home Me@Private.example" },
	{ choices, "home", "me@work.example", "home Me@Private.example" },
	{ choices, "bare", NULL, "bare bare@bare.example" },
	{ choices, "nobody", NULL, "nobody -" },
	{ choices, NULL, "me@work.example", "work me@work.example" },
	{ choices, NULL, "ME@WORK.EXAMPLE", "work me@work.example" },
	{ choices, NULL, "x@lists.work.example", "work me@work.example" },
	{ choices, NULL, "x@home.example", "home Me@Private.example" },
	{ choices, NULL, "p@parent.example", "error: conf:8: account \"parent\" has no server" },
	{ choices, NULL, "x@elsewhere.example",
	    "error: conf has no account \"default\", and none for this sender, only: work, home, parent, bare, nobody "
	    "hint: choose one with -a NAME, or add: account default : NAME" },
	{ choices, NULL, NULL,
	    "error: conf has no account \"default\", and none for this sender, only: work, home, parent, bare, nobody "
	    "hint: choose one with -a NAME, or add: account default : NAME" },
	{ choices, "wrok", NULL,
	    "error: conf has no account \"wrok\", only: work, home, parent, bare, nobody" },
	{ OURS "user <me@example.org>\n", NULL, NULL, "default -" },
	{ OURS "from *\naccount b\n" OURS "from me@b.example\n", NULL, "me@b.example",
	    "default -" },
	{ OURS "account b\n" OURS "from me@b.example\n", NULL, "me@b.example", "b me@b.example" },
	{ OURS "account b\n" OURS "from me@b.example\n", NULL, "me@c.example", "default -" },
	{ OURS "account b\n" OURS "from *\n", NULL, "", "default -" },
	{ "account b\n" OURS "from me@b.example\n", NULL, "me@c.example", "b me@b.example" },
	{ "account b\n", NULL, NULL, "error: conf:1: account \"b\" has no server" },
	{ "", NULL, NULL,
	    "error: conf has no account \"default\", and none for this sender, only: none "
	    "hint: choose one with -a NAME, or add: account default : NAME" },
};

static void
choose(struct buf *out, const struct config *config, const struct choice *row)
{
	const struct account *account;
	struct err err;

	err_init(&err);
	if (config_account(config, row->name, row->sender, &account, &err) == -1) {
		add_error(out, &err);
	} else {
		const char *address = account_address(account);

		buf_addf(out, "%s %s", account->name, address != NULL ? address : "-");
	}
	err_release(&err);
}

static void
test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choice_rows) / sizeof(choice_rows[0]); i++) {
		const struct choice *row = &choice_rows[i];
		struct buf got = BUF_INIT(1 << 16);
		struct config config;
		struct err err;

		err_init(&err);
		assert_int_equal(config_parse(&config, "conf", row->text, strlen(row->text), &err),
		    0);
		choose(&got, &config, row);
		assert_string_equal(got.data, row->want);
		config_release(&config);
		err_release(&err);
		buf_release(&got);
	}
}

static void
test_find(void **state)
{
	struct config config;
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(config_parse(&config, "conf", choices, strlen(choices), &err), 0);
	assert_ptr_equal(config_find(&config, "work"), &config.accounts[0]);
	assert_ptr_equal(config_find(&config, "parent"), &config.accounts[2]);
	assert_null(config_find(&config, "Work"));
	assert_null(config_find(&config, "default"));
	assert_null(config_find(&config, ""));
	config_release(&config);
	assert_null(config_find(&config, "work"));
	err_release(&err);
}

static void
test_keys(void **state)
{
	size_t n;

	(void)state;
	for (n = 0; key_row(n) != NULL; n++) {
		const struct key *key = key_row(n);

		assert_true(key->name[0] != '\0');
		assert_true(key->what[0] != '\0');
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(key_row(i)->name, key->name);
	}
	assert_true(n > 30);
}

/* 0, or the kind of the error that this line of an account is. */
static int
try_line(const char *name, struct span value)
{
	struct buf text = BUF_INIT(1024);
	struct config config;
	struct err err;
	int kind = 0;

	err_init(&err);
	buf_addf(&text, "account parent\n%s %.*s\n", name, (int)value.len, value.data);
	if (config_parse(&config, "conf", text.data, text.len, &err) == -1)
		kind = (int)err.kind;
	config_release(&config);
	err_release(&err);
	buf_release(&text);
	return kind;
}

/* What the table tells people of a key is what the key takes: the words in its form, its default.
 */
static void
test_forms(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; key_row(i) != NULL; i++) {
		const struct key *key = key_row(i);
		struct span rest = span_of(key->form), word;

		if ((key->flags & KEY_WHOLE) != 0)
			continue;
		if (key->initial != NULL)
			assert_int_equal(try_line(key->name, span_of(key->initial)), 0);
		for (word = span_cut(&rest, '|'); word.len > 0; word = span_cut(&rest, '|')) {
			/* The others are placeholders. */
			if (strspn(word.data, "abcdefghijklmnopqrstuvwxyz.0123456789") < word.len)
				continue;
			if (try_line(key->name, word) != 0)
				fail_msg("%s does not take %.*s", key->name, (int)word.len,
				    word.data);
			tried++;
		}
		if (key->form[0] == '\0')
			assert_int_equal(try_line(key->name, span_of("on")), ERR_CONFIG);
	}
	assert_true(tried > 30);
}

/* Every key stands in the manual. */
static void
test_manual(void **state)
{
	struct buf text = BUF_INIT(1 << 20), item = BUF_INIT(256);
	FILE *f = fopen("man/sendoff.conf.5", "r");
	size_t n;
	int c;

	(void)state;
	if (f == NULL)
		skip();
	for (c = getc(f); c != EOF; c = getc(f))
		buf_addc(&text, (char)c);
	fclose(f);
	for (n = 0; key_row(n) != NULL; n++) {
		buf_clear(&item);
		buf_addf(&item, "\n.It Ic %s", key_row(n)->name);
		if (strstr(text.data, item.data) == NULL)
			fail_msg("%s is not in the manual", key_row(n)->name);
	}
	for (n = 0; other_key(n) != NULL; n++) {
		buf_clear(&item);
		buf_addf(&item, "Ic %s", other_key(n)->name);
		if (strstr(text.data, item.data) == NULL)
			fail_msg("%s is not in the manual", other_key(n)->name);
	}
	buf_release(&item);
	buf_release(&text);
}

/* Makes folder/name, with its folders, 0600. */
static void
make_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

/*
 * Loads; what it says goes to out, with $ for the folder: the accounts' names and users, or the
 * error.
 */
static void
load(struct buf *out, const char *path)
{
	struct config config;
	struct err err;
	char *at;

	err_init(&err);
	if (config_load(&config, path, &err) == -1)
		add_error(out, &err);
	for (size_t i = 0; i < config.count; i++)
		buf_addf(out, "%s%s=%s", i > 0 ? " " : "", config.accounts[i].name,
		    config.accounts[i].user != NULL ? config.accounts[i].user : "-");
	config_release(&config);
	err_release(&err);
	for (at = strstr(out->data, folder); at != NULL; at = strstr(out->data, folder))
		buf_splice(out, (size_t)(at - out->data), strlen(folder), "$", 1);
}

static void
expect_load(const char *name, const char *want)
{
	struct buf path = BUF_INIT(4096), got = BUF_INIT(1 << 16);

	if (name != NULL)
		buf_addf(&path, "%s/%s", folder, name);
	load(&got, name != NULL ? path.data : NULL);
	assert_string_equal(got.data, want);
	buf_release(&path);
	buf_release(&got);
}

/* Sets a variable to folder/name. */
static void
set_variable(const char *variable, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	setenv(variable, path, 1);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	unsetenv("SENDOFF_CONFIG");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) == -1)
		return -1;
	set_variable("HOME", "home");
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void
test_places(void **state)
{
	(void)state;
	if (access("/etc/sendoff.conf", F_OK) == 0)
		skip();
	expect_load(NULL,
	    "error: there is no configuration: no $/home/.config/sendoff/config, and no "
	    "/etc/sendoff.conf hint: write one of them; sendoff.conf(5) begins with an example");
	make_file("home/.config/sendoff/config", OURS "user home\n");
	expect_load(NULL, "default=home");
	set_variable("XDG_CONFIG_HOME", "xdg");
	expect_load(NULL,
	    "error: there is no configuration: no $/xdg/sendoff/config, and no /etc/sendoff.conf "
	    "hint: write one of them; sendoff.conf(5) begins with an example");
	make_file("xdg/sendoff/config", OURS "user xdg\n");
	expect_load(NULL, "default=xdg");
	setenv("XDG_CONFIG_HOME", "xdg", 1);
	expect_load(NULL, "default=home");
	set_variable("SENDOFF_CONFIG", "env");
	expect_load(NULL, "error: there is no file $/env");
	make_file("env", OURS "user env\n");
	expect_load(NULL, "default=env");
	make_file("option", OURS "user option\n");
	expect_load("option", "default=option");
	expect_load("nothing", "error: there is no file $/nothing");
	setenv("SENDOFF_CONFIG", "", 1);
	expect_load(NULL, "default=home");
}

static void
test_home_from_password_database(void **state)
{
	struct buf got = BUF_INIT(1 << 16);

	(void)state;
	if (access("/etc/sendoff.conf", F_OK) == 0 || geteuid() != 0)
		skip();
	unsetenv("HOME");
	load(&got, NULL);
	assert_non_null(strstr(got.data, "no /root/.config/sendoff/config"));
	setenv("HOME", "relative", 1);
	buf_clear(&got);
	load(&got, NULL);
	assert_non_null(strstr(got.data, "no /root/.config/sendoff/config"));
	buf_release(&got);
}

/* An own file that cannot be used is not passed over. */
static void
test_broken_own_file(void **state)
{
	(void)state;
	make_file("home/.config/sendoff/config", OURS "usr home\n");
	expect_load(NULL,
	    "error: $/home/.config/sendoff/config:2: unknown key \"usr\" (did you mean \"user\"?)");
	make_file("home/.config/sendoff/config", OURS "include missing\n");
	expect_load(NULL,
	    "error: $/home/.config/sendoff/config:2: there is no file $/home/.config/sendoff/missing");
	expect_load("home/.config/sendoff/config/x",
	    "error: there is no file $/home/.config/sendoff/config/x");
}

static void
change_mode(const char *name, mode_t mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(chmod(path, mode), 0);
}

struct mode_row {
	mode_t mode;
	const char *text;
	const char *want;
};

static const struct mode_row modes[] = {
	{ 0600, OURS "password x\n", "default=-" },
	{ 0400, OURS "password x\n", "default=-" },
	{ 0644, OURS, "default=-" },
	{ 0644, OURS "password_command x\n", "default=-" },
	{ 0644, OURS "password \"\"\n", "default=-" },
	{ 0640, OURS "password x\n",
	    "error: $/it's:2: a password stands here, and others can read the file hint: chmod 600 '$/it'\\''s'" },
	{ 0604, OURS "password x\n",
	    "error: $/it's:2: a password stands here, and others can read the file hint: chmod 600 '$/it'\\''s'" },
	{ 0644, OURS "proxy socks5://localhost\n", "default=-" },
	{ 0644, OURS "proxy http://me@proxy.example\n", "default=-" },
	{ 0600, OURS "proxy http://me:x@proxy.example\n", "default=-" },
	{ 0644, OURS "proxy http://me:x@proxy.example\n",
	    "error: $/it's:2: a password stands here, and others can read the file hint: chmod 600 '$/it'\\''s'" },
	{ 0644, OURS "token_command x\n", "default=-" },
	{ 0620, OURS, "error: others can write $/it's hint: chmod go-w '$/it'\\''s'" },
	{ 0602, OURS, "error: others can write $/it's hint: chmod go-w '$/it'\\''s'" },
};

static void
test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		make_file("it's", modes[i].text);
		change_mode("it's", modes[i].mode);
		expect_load("it's", modes[i].want);
	}
}

static void
change_owner(const char *name, uid_t uid)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(chown(path, uid, (gid_t)-1), 0);
}

static void
test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make_file("conf", OURS);
	change_owner("conf", NOBODY);
	expect_load("conf", "error: $/conf belongs to nobody, not to root hint: chown 0 $/conf");
	assert_int_equal(seteuid(NOBODY), 0);
	expect_load("conf", "default=-");
	assert_int_equal(seteuid(0), 0);
	change_owner("conf", 0);
	assert_int_equal(seteuid(NOBODY), 0);
	expect_load("conf", "error: cannot open $/conf: Permission denied");
	assert_int_equal(seteuid(0), 0);
	change_owner("conf", 1);
	change_mode("conf", 0644);
	assert_int_equal(seteuid(NOBODY), 0);
	expect_load("conf",
	    "error: $/conf belongs to daemon, not to root or nobody hint: chown 65534 $/conf");
	assert_int_equal(seteuid(0), 0);
}

/* HOME=/root is what daemons that gave up root often have: no reason to fail. */
static void
test_foreign_home(void **state)
{
	(void)state;
	if (geteuid() != 0 || access("/etc/sendoff.conf", F_OK) == 0)
		skip();
	make_file("home/.config/sendoff/config", OURS);
	change_mode("home", 0700);
	assert_int_equal(seteuid(NOBODY), 0);
	expect_load(NULL,
	    "error: there is no configuration: no $/home/.config/sendoff/config, and no "
	    "/etc/sendoff.conf hint: write one of them; sendoff.conf(5) begins with an example");
	assert_int_equal(seteuid(0), 0);
	change_owner("home", NOBODY);
	assert_int_equal(seteuid(NOBODY), 0);
	expect_load(NULL, "error: cannot open $/home/.config/sendoff/config: Permission denied");
	assert_int_equal(seteuid(0), 0);
}

static void
test_kinds_of_file(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_load("fifo", "error: $/fifo is not a regular file");
	expect_load("", "error: $/ is a directory");
	make_file("target", OURS);
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("target", path), 0);
	expect_load("link", "default=-");
}

static void
test_include(void **state)
{
	(void)state;
	make_file("conf", "include sub/a\nuser me\ninclude sub/b\n");
	make_file("sub/a", OURS);
	make_file("sub/b", "include c\naccount z : x\n");
	make_file("sub/c", "account x\n" OURS "user you\n");
	expect_load("conf", "default=me x=you z=you");
	make_file("home/own", "user home\n");
	make_file("conf", OURS "include ~/own\n");
	expect_load("conf", "default=home");
	make_file("conf", OURS "include \"sub/a b\"\n");
	make_file("sub/a b", "user \"a b\"\n");
	expect_load("conf", "default=a b");
}

struct include_row {
	const char *conf;
	const char *other;
	const char *want;
};

static const struct include_row includes[] = {
	{ OURS "include nothing\n", "", "error: $/conf:2: there is no file $/nothing" },
	{ OURS "include other\nuser you\n", "user me\n",
	    "error: $/conf:3: repeated key \"user\" ($/other:1)" },
	{ OURS "include other\n", "user me\nusr x\n",
	    "error: $/other:2: unknown key \"usr\" (did you mean \"user\"?)" },
	{ OURS "include other\nuser me\n", "account x\n",
	    "error: $/conf:3: an \"account\" or \"defaults\" line must come first: the file included (line 2) has "
	    "some" },
	{ OURS "include other\naccount y\nuser me\n", "account x\nuser you\n",
	    "default=- x=you y=me" },
	{ "include conf\n", "",
	    "error: $/conf:1: files include each other more than 8 deep: does one include itself?" },
	{ "include other\n", "include conf\n",
	    "error: $/conf:1: files include each other more than 8 deep: does one include itself?" },
	{ "include\n", "", "error: $/conf:1: \"include\" needs a value: a file" },
	{ "include .\n", "", "error: $/conf:1: $/. is a directory" },
	{ "include other\nqueue_dir /a\n" OURS, "queue_dir /b\n",
	    "error: $/conf:2: repeated key \"queue_dir\" ($/other:1)" },
	{ "include other\nqueue_dir /a\n", "account x\n" OURS, "error: $/conf:2: " WHOLE },
	{ "account x\n" OURS "include other\n", "queue_dir /a\n", "error: $/other:1: " WHOLE },
	{ "account x\n" OURS "fallback y\ninclude other\n", "account y\n" OURS "fallback x\n",
	    "error: $/other:3: accounts fall back to each other in a circle: y, x "
	    "hint: to end it, write there: fallback \"\"" },
	{ "queue_dir none\ninclude other\n", OURS "delivery queue\n",
	    "error: $/other:2: \"delivery\" wants a queue, and \"queue_dir\" says that there is none ($/conf:1)" },
};

static void
test_wrong_includes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(includes) / sizeof(includes[0]); i++) {
		make_file("conf", includes[i].conf);
		make_file("other", includes[i].other);
		expect_load("conf", includes[i].want);
	}
}

/* The file where the password stands is the one that must be private. */
static void
test_included_modes(void **state)
{
	(void)state;
	make_file("conf", OURS "include other\n");
	make_file("other", "password x\n");
	change_mode("conf", 0644);
	expect_load("conf", "default=-");
	change_mode("other", 0644);
	expect_load("conf",
	    "error: $/other:1: a password stands here, and others can read the file hint: "
	    "chmod 600 $/other");
	change_mode("other", 0666);
	expect_load("conf", "error: $/conf:2: others can write $/other hint: chmod go-w $/other");
}

static void
test_depth(void **state)
{
	struct buf name = BUF_INIT(64), text = BUF_INIT(256);

	(void)state;
	for (int i = 0; i < 9; i++) {
		buf_clear(&name);
		buf_clear(&text);
		buf_addf(&name, "f%d", i);
		buf_addf(&text, i == 0 ? OURS "#%d\n" : "include f%d\n", i - 1);
		make_file(name.data, text.data);
	}
	expect_load("f8", "default=-");
	make_file("conf", "include f8\n");
	expect_load("conf",
	    "error: $/f1:1: files include each other more than 8 deep: does one include itself?");
	buf_release(&name);
	buf_release(&text);
}

static void
test_too_many_files(void **state)
{
	struct buf text = BUF_INIT(1 << 16);

	(void)state;
	for (int i = 0; i < 99; i++)
		buf_adds(&text, "include other\n");
	make_file("other", "# nothing\n");
	make_file("conf", text.data);
	expect_load("conf", "");
	buf_adds(&text, "include other\n");
	make_file("conf", text.data);
	expect_load("conf", "error: $/conf:100: more than 100 files");
	buf_release(&text);
}

static void
test_too_large(void **state)
{
	char path[256];

	(void)state;
	make_file("conf", "# a comment that goes on\n");
	snprintf(path, sizeof(path), "%s/conf", folder);
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	expect_load("conf", "error: $/conf: larger than 1048576 octets");
}

/* The last line is read, however many octets come before it. */
static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 100, 16382, 16383, 16384, 16385, 32767, 32768, 32769,
		100000, (1 << 20) - 1, 1 << 20 };
	struct buf text = BUF_INIT(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buf_clear(&text);
		while (text.len < sizes[i] - strlen(OURS "user me"))
			buf_adds(&text, "\n");
		buf_adds(&text, OURS "user me");
		assert_int_equal(text.len, sizes[i]);
		make_file("conf", text.data);
		expect_load("conf", "default=me");
	}
	make_file("conf", "");
	expect_load("conf", "");
	buf_release(&text);
}

static int
errno_of_load(const char *path)
{
	struct config config;
	struct err err;
	int result;

	err_init(&err);
	assert_int_equal(config_load(&config, path, &err), -1);
	result = err.sys_errno;
	err_release(&err);
	return result;
}

/* Nothing to begin with is another thing than a file that is wrong. */
static void
test_errno(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/conf", folder);
	assert_int_equal(errno_of_load(path), ENOENT);
	make_file("conf", "include missing\n");
	assert_int_equal(errno_of_load(path), 0);
	make_file("conf", OURS "include conf/missing\n");
	assert_int_equal(errno_of_load(path), 0);
	make_file("conf", "nonsense\n");
	assert_int_equal(errno_of_load(path), 0);
	if (access("/etc/sendoff.conf", F_OK) != 0)
		assert_int_equal(errno_of_load(NULL), ENOENT);
}

static void
expect_usual_queue(const char *want)
{
	struct buf shown = BUF_INIT(4096);
	char *dir = queue_dir_usual();

	assert_non_null(dir);
	buf_adds(&shown, dir);
	free(dir);
	if (strncmp(shown.data, folder, strlen(folder)) == 0)
		buf_splice(&shown, 0, strlen(folder), "$", 1);
	assert_string_equal(shown.data, want);
	buf_release(&shown);
}

/* Root has the machine's, whatever its environment says. */
static void
test_usual_queue(void **state)
{
	bool root = geteuid() == 0;

	(void)state;
	set_variable("XDG_STATE_HOME", "state");
	if (root) {
		expect_usual_queue(LOCALSTATEDIR "/spool/sendoff");
		assert_int_equal(seteuid(NOBODY), 0);
	}
	expect_usual_queue("$/state/sendoff/queue");
	setenv("XDG_STATE_HOME", "state", 1);
	expect_usual_queue("$/home/.local/state/sendoff/queue");
	setenv("XDG_STATE_HOME", "", 1);
	expect_usual_queue("$/home/.local/state/sendoff/queue");
	unsetenv("XDG_STATE_HOME");
	expect_usual_queue("$/home/.local/state/sendoff/queue");
	setenv("HOME", "/", 1);
	expect_usual_queue("/.local/state/sendoff/queue");
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void
load_queue_dir(const char *conf, char **dir)
{
	struct buf path = BUF_INIT(4096);
	struct config config;
	struct err err;

	err_init(&err);
	make_file("conf", conf);
	buf_addf(&path, "%s/conf", folder);
	assert_int_equal(config_load(&config, path.data, &err), 0);
	*dir = config.queue_dir;
	config.queue_dir = NULL;
	config_release(&config);
	err_release(&err);
	buf_release(&path);
}

static void
test_queue_dir(void **state)
{
	char *dir, *usual = queue_dir_usual();

	(void)state;
	load_queue_dir(OURS, &dir);
	assert_string_equal(dir, usual);
	free(dir);
	load_queue_dir(OURS "queue_dir \"\"\n", &dir);
	assert_string_equal(dir, usual);
	free(dir);
	load_queue_dir(OURS "queue_dir ~/mail/queue\n", &dir);
	assert_string_equal(dir + strlen(folder), "/home/mail/queue");
	free(dir);
	load_queue_dir(OURS "queue_dir none\n", &dir);
	assert_null(dir);
	free(usual);
}

/* Somebody whom nobody knows: there is no queue then, and nothing else is wrong. */
static void
test_no_home(void **state)
{
	char *dir;

	(void)state;
	if (geteuid() != 0 || getpwuid(NO_USER) != NULL)
		skip();
	unsetenv("HOME");
	assert_int_equal(chown(folder, NO_USER, (gid_t)-1), 0);
	assert_int_equal(seteuid(NO_USER), 0);
	assert_null(queue_dir_usual());
	load_queue_dir(OURS "delivery background\n", &dir);
	assert_null(dir);
	set_variable("XDG_STATE_HOME", "state");
	load_queue_dir(OURS, &dir);
	assert_string_equal(dir + strlen(folder), "/state/sendoff/queue");
	free(dir);
	assert_int_equal(seteuid(0), 0);
}

static uint64_t
stamp_of(const char *name)
{
	struct buf path = BUF_INIT(4096);
	struct config config;
	struct err err;
	uint64_t stamp;

	err_init(&err);
	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(config_load(&config, path.data, &err), 0);
	stamp = config.stamp;
	config_release(&config);
	err_release(&err);
	buf_release(&path);
	assert_true(stamp != 0);
	return stamp;
}

/* What is done to a file changes the stamp, once. */
static void
expect_change(uint64_t *stamp)
{
	uint64_t now = stamp_of("conf");

	assert_true(now != *stamp);
	assert_true(now == stamp_of("conf"));
	*stamp = now;
}

static void
set_mtime(const char *name, time_t s, long ns)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { s, ns } };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
test_stamp(void **state)
{
	struct buf conf = BUF_INIT(4096);
	char path[256];
	uint64_t stamp;

	(void)state;
	buf_addf(&conf, OURS "include other\npassword_file %s/secret\n", folder);
	make_file("other", "user me\n");
	make_file("conf", conf.data);
	stamp = stamp_of("conf");
	assert_true(stamp == stamp_of("conf"));
	make_file("secret", "x");
	expect_change(&stamp);
	make_file("secret", "xy");
	expect_change(&stamp);
	set_mtime("secret", 1000000000, 1);
	expect_change(&stamp);
	set_mtime("other", 1000000000, 1);
	expect_change(&stamp);
	set_mtime("other", 1000000000, 2);
	expect_change(&stamp);
	set_mtime("conf", 1000000001, 2);
	expect_change(&stamp);
	/*
	 * What was wrong with a file may have been who can read it.  The clock of files may tick
	 * every 10 ms only.
	 */
	usleep(30000);
	change_mode("secret", 0644);
	expect_change(&stamp);
	make_file("elsewhere", "x");
	assert_true(stamp == stamp_of("conf"));
	snprintf(path, sizeof(path), "%s/secret", folder);
	assert_int_equal(unlink(path), 0);
	expect_change(&stamp);
	buf_release(&conf);
}

/* Each part counts by itself, and in its place. */
static void
test_stamp_parts(void **state)
{
	struct stat base = { 0 };
	uint64_t none = owned_stamp(0, &base), stamps[8];
	size_t n = 0;

	(void)state;
	assert_true(none != 0);
	assert_true(owned_stamp(none, &base) != none);
#define PART(member) \
	do { \
		struct stat one = base; \
		one.member = 1; \
		stamps[n++] = owned_stamp(0, &one); \
	} while (0)
	PART(st_dev);
	PART(st_ino);
	PART(st_size);
	PART(st_mtim.tv_sec);
	PART(st_mtim.tv_nsec);
	PART(st_ctim.tv_sec);
	PART(st_ctim.tv_nsec);
#undef PART
	stamps[n++] = none;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(stamps[i] != stamps[k]);
	base.st_atim.tv_sec = 1;
	base.st_nlink = 2;
	assert_true(owned_stamp(0, &base) == none);
}

static void
test_stamp_of_text(void **state)
{
	struct config a, b;
	struct err err;

	(void)state;
	err_init(&err);
	assert_int_equal(config_parse(&a, "a", OURS, strlen(OURS), &err), 0);
	assert_int_equal(config_parse(&b, "b", choices, strlen(choices), &err), 0);
	assert_true(a.stamp != 0 && a.stamp == b.stamp);
	config_release(&a);
	config_release(&b);
	err_release(&err);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_manual),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_home_from_password_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_own_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_home, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds_of_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_include, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_includes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_included_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usual_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_home, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stamp, setup, teardown),
		cmocka_unit_test(test_stamp_parts),
		cmocka_unit_test(test_stamp_of_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
