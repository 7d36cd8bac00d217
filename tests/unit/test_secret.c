/* SPDX-License-Identifier: ISC */
/*
 * Passwords out of files and commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config/account.h"
#include "config/secret.h"

enum {
	LIMIT_MS = 10000, /* for commands that are expected to end by themselves */
	SHORT_MS = 150,   /* for commands that are expected not to */
	NOBODY = 65534,
};

static char path[] = "/tmp/sendoff-secret-XXXXXX";

static int
setup(void **state)
{
	int fd;

	(void)state;
	strcpy(strrchr(path, '-'), "-XXXXXX");
	fd = mkstemp(path);
	return fd == -1 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void
add_error(struct buf *out, const struct err *err)
{
	buf_clear(out);
	buf_addf(out, "%s: %s", err_name(err->kind), err->what.data);
	if (err->hint.len > 0)
		buf_addf(out, " hint: %s", err->hint.data);
}

/* The secret, or the error; a secret that is left over from before must be gone. */
static void
run(struct buf *got, const char *command, int64_t limit_ms)
{
	struct err err;

	err_init(&err);
	buf_clear(got);
	buf_adds(got, "left over");
	if (secret_command(command, deadline_in(limit_ms), got, &err) == -1) {
		assert_int_equal(got->len, 0);
		add_error(got, &err);
	}
	err_release(&err);
}

struct row {
	const char *command;
	const char *want;
};

static const struct row rows[] = {
	{ "echo secret", "secret" },
	{ "printf secret", "secret" },
	{ "printf 'secret\\r\\n'", "secret" },
	{ "printf 'secret\\r'",
	    "configuration: there is more than one line, the password must be the only one" },
	{ "printf 'secret\\n\\n'",
	    "configuration: there is more than one line, the password must be the only one" },
	{ "printf '\\nsecret\\n'",
	    "configuration: there is more than one line, the password must be the only one" },
	{ "printf 'secret\\nuser: me\\n'",
	    "configuration: there is more than one line, the password must be the only one" },
	{ "printf ' sec ret \\n'", " sec ret " },
	{ "printf 's\\303\\251cret\\n'", "s\303\251cret" },
	{ "printf 'sec\\000ret\\n'", "configuration: there is a NUL in the password" },
	{ "true", "configuration: there is no password, only an empty line or nothing" },
	{ "echo", "configuration: there is no password, only an empty line or nothing" },
	{ "printf '\\r\\n'", "configuration: there is no password, only an empty line or nothing" },
	{ "echo 'sec\"ret' | tr a-z A-Z", "SEC\"RET" },
	{ "echo secret; exit 1", "configuration: it failed with exit status 1" },
	{ "echo secret; exit 127", "configuration: it was not found (exit status 127)" },
	{ "/nonexistent/command 2>/dev/null", "configuration: it was not found (exit status 127)" },
	{ "echo secret; kill -9 $$", "configuration: it was ended by signal 9 (Killed)" },
	{ "cat; echo secret", "secret" },
	{ "cat <&0 && echo secret", "secret" },
	{ "printf sec; sleep 0.1; printf ret", "secret" },
	{ "printf secret; exec >&-; sleep 0.1", "secret" },
	{ "printf secret; exec >&-; sleep 0.1; exit 3",
	    "configuration: it failed with exit status 3" },
	{ "sleep 20 & echo secret", "secret" },
	{ "trap '' TERM; printf secret", "secret" },
};

static void
test_row(void **state)
{
	const struct row *row = *state;
	struct buf got = BUF_INIT_SECRET(1 << 16);

	run(&got, row->command, LIMIT_MS);
	assert_string_equal(got.data, row->want);
	buf_release(&got);
}

static void
test_length(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	run(&got, "head -c 8192 /dev/zero | tr '\\000' x", LIMIT_MS);
	assert_int_equal(got.len, 8192);
	run(&got, "head -c 8192 /dev/zero | tr '\\000' x; echo", LIMIT_MS);
	assert_int_equal(got.len, 8192);
	run(&got, "head -c 8193 /dev/zero | tr '\\000' x", LIMIT_MS);
	assert_string_equal(got.data, "configuration: the password is longer than 8192 octets");
	run(&got, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", LIMIT_MS);
	assert_string_equal(got.data, "configuration: it prints more than 8192 octets");
	buf_release(&got);
}

/*
 * Whatever a command does, it does not hold us longer than its limit, and its group goes with it.
 */
static void
test_limit(void **state)
{
	static const char *const commands[] = {
		"sleep 20",
		"printf secret; sleep 20",
		"trap '' TERM INT HUP; sleep 20",
		"sleep 20 & wait",
		"exec >&-; sleep 20",
		"kill -STOP $$",
		"kill -STOP 0",
		"sleep 20 | cat",
	};
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int64_t begin = clock_ms();

		run(&got, commands[i], SHORT_MS);
		assert_string_equal(got.data, "secret: it took too long");
		assert_true(clock_ms() - begin < LIMIT_MS);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
	buf_release(&got);
}

/* The group of the killed command is gone, its grandchildren too. */
static void
test_group(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16), command = BUF_INIT(4096);
	FILE *f;
	int pid = 0;

	(void)state;
	buf_addf(&command, "sh -c 'echo $$ > %s; exec sleep 20' & wait", path);
	run(&got, command.data, SHORT_MS);
	assert_string_equal(got.data, "secret: it took too long");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	/*
	 * It is a child of init's now, who may take a moment to reap it: a zombie counts as gone.
	 */
	for (int i = 0; i < 100 && kill(pid, 0) == 0; i++) {
		struct buf stat_line = BUF_INIT(4096);
		char line[256] = "";

		buf_addf(&stat_line, "/proc/%d/stat", pid);
		f = fopen(stat_line.data, "r");
		if (f != NULL && fgets(line, sizeof(line), f) != NULL &&
		    strstr(line, ") Z ") != NULL)
			pid = -1;
		if (f != NULL)
			fclose(f);
		buf_release(&stat_line);
		if (pid == -1)
			break;
		usleep(10000);
	}
	assert_true(pid == -1 || kill(pid, 0) == -1);
	buf_release(&got);
	buf_release(&command);
}

/* The caller's signals stay as they are, and the command has those of a login. */
static void
test_signals(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);
	struct sigaction now;
	sigset_t mask, before;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &before);
	run(&got, "kill -PIPE $$; echo secret", LIMIT_MS);
	assert_string_equal(got.data, "configuration: it was ended by signal 13 (Broken pipe)");
	run(&got, "kill -TERM $$; echo secret", LIMIT_MS);
	assert_string_equal(got.data, "configuration: it was ended by signal 15 (Terminated)");
	sigaction(SIGPIPE, NULL, &now);
	assert_true(now.sa_handler == SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, &mask);
	assert_int_equal(sigismember(&mask, SIGTERM), 1);
	signal(SIGPIPE, SIG_DFL);
	buf_release(&got);
}

static void
test_children_ignored(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	run(&got, "echo secret", LIMIT_MS);
	signal(SIGCHLD, SIG_DFL);
	assert_string_equal(got.data, "secret");
	buf_release(&got);
}

static int
count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1 ? 1 : 0;
	return n;
}

static void
test_descriptors(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);
	int before = count_descriptors();

	(void)state;
	run(&got, "echo secret", LIMIT_MS);
	run(&got, "sleep 20", SHORT_MS);
	run(&got, "false", LIMIT_MS);
	assert_int_equal(count_descriptors(), before);
	buf_release(&got);
}

/* A caller without standard input and output, as some daemons are. */
static void
test_closed_standard_descriptors(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);
	int in = fcntl(0, F_DUPFD_CLOEXEC, 10), out = fcntl(1, F_DUPFD_CLOEXEC, 10);

	(void)state;
	close(0);
	close(1);
	run(&got, "cat; echo secret", LIMIT_MS);
	dup2(in, 0);
	dup2(out, 1);
	close(in);
	close(out);
	assert_string_equal(got.data, "secret");
	buf_release(&got);
}

/* Our standard input is the message. */
static void
test_input_is_not_ours(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);
	int in = fcntl(0, F_DUPFD_CLOEXEC, 10), ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "Subject: hello\n", 15), 15);
	dup2(ends[0], 0);
	close(ends[1]);
	run(&got, "cat; echo secret", LIMIT_MS);
	dup2(in, 0);
	close(in);
	close(ends[0]);
	assert_string_equal(got.data, "secret");
	buf_release(&got);
}

struct file_row {
	const char *content;
	size_t len;
	mode_t mode;
	const char *want;
};

#define CONTENT(s) s, sizeof(s) - 1
#define ONE_LINE "configuration: @: there is more than one line, the password must be the only one"

static const struct file_row files[] = {
	{ CONTENT("secret\n"), 0600, "secret" },
	{ CONTENT("secret"), 0400, "secret" },
	{ CONTENT("secret\r\n"), 0600, "secret" },
	{ CONTENT(" secret "), 0600, " secret " },
	{ CONTENT("secret\n\n"), 0600, ONE_LINE },
	{ CONTENT("secret\rx"), 0600, ONE_LINE },
	{ CONTENT(""), 0600,
	    "configuration: @: there is no password, only an empty line or nothing" },
	{ CONTENT("\n"), 0600,
	    "configuration: @: there is no password, only an empty line or nothing" },
	{ CONTENT("sec\0ret\n"), 0600, "configuration: @: there is a NUL in the password" },
	{ CONTENT("secret\n"), 0640, "configuration: others can read @ hint: chmod 600 @" },
	{ CONTENT("secret\n"), 0604, "configuration: others can read @ hint: chmod 600 @" },
	{ CONTENT("secret\n"), 0610, "configuration: others can read @ hint: chmod 600 @" },
	{ CONTENT("secret\n"), 0620, "configuration: others can write @ hint: chmod go-w @" },
};

static void
write_file(const char *content, size_t len, mode_t mode)
{
	FILE *f;

	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

/* As account_secret() does it for an account with these values; path becomes @ in errors. */
static void
get(struct buf *got, enum secret_source source, const char *setting)
{
	char name[] = "me", origin[] = "conf:1", place[] = "conf:3";
	struct account account = {
		.name = name, .origin = origin, .secret_source = source, .secret_origin = place
	};
	struct err err;
	char *at;

	err_init(&err);
	buf_init_secret(&account.secret, 4096);
	buf_adds(&account.secret, setting);
	buf_clear(got);
	buf_adds(got, "left over");
	if (account_secret(&account, DEADLINE_NONE, got, &err) == -1) {
		assert_int_equal(got->len, 0);
		add_error(got, &err);
	}
	for (at = strstr(got->data, path); at != NULL; at = strstr(got->data, path))
		buf_splice(got, (size_t)(at - got->data), strlen(path), "@", 1);
	buf_release(&account.secret);
	err_release(&err);
}

static void
test_files(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(files[i].content, files[i].len, files[i].mode);
		get(&got, SECRET_FILE, path);
		assert_string_equal(got.data, files[i].want);
	}
	buf_release(&got);
}

static void
test_file_length(void **state)
{
	static char text[8194];
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	memset(text, 'x', sizeof(text));
	write_file(text, 8192, 0600);
	get(&got, SECRET_FILE, path);
	assert_int_equal(got.len, 8192);
	text[8192] = '\n';
	write_file(text, 8193, 0600);
	get(&got, SECRET_FILE, path);
	assert_int_equal(got.len, 8192);
	write_file(text, 8194, 0600);
	get(&got, SECRET_FILE, path);
	assert_string_equal(got.data, "configuration: @: the password is longer than 8192 octets");
	get(&got, SECRET_FILE, "/dev/zero");
	assert_string_equal(got.data, "configuration: /dev/zero is not a regular file");
	buf_release(&got);
}

static void
test_file_missing(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	get(&got, SECRET_FILE, "/nonexistent/secret");
	assert_string_equal(got.data, "configuration: there is no file /nonexistent/secret");
	buf_release(&got);
}

static void
test_file_of_others(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	if (geteuid() != 0)
		skip();
	write_file("secret\n", 7, 0600);
	assert_int_equal(seteuid(NOBODY), 0);
	get(&got, SECRET_FILE, path);
	assert_int_equal(seteuid(0), 0);
	assert_string_equal(got.data, "configuration: cannot open @: Permission denied");
	assert_int_equal(chown(path, NOBODY, (gid_t)-1), 0);
	get(&got, SECRET_FILE, path);
	assert_string_equal(got.data,
	    "configuration: @ belongs to nobody, not to root hint: chown 0 @");
	buf_release(&got);
}

static void
test_sources(void **state)
{
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	get(&got, SECRET_NONE, "");
	assert_string_equal(got.data,
	    "configuration: conf:1: account \"me\" has no password hint: add "
	    "password_command, password_file or password; sendoff.conf(5) tells how");
	get(&got, SECRET_LITERAL, "secret");
	assert_string_equal(got.data, "secret");
	get(&got, SECRET_COMMAND, "echo secret");
	assert_string_equal(got.data, "secret");
	get(&got, SECRET_COMMAND, "exit 2 # geheim");
	assert_string_equal(got.data,
	    "configuration: conf:3: the command for the password: it failed with exit status 2");
	buf_release(&got);
}

/* The token, asked for again after it was refused; then the command can tell. */
static void
new_token(struct buf *got, const char *command)
{
	char name[] = "me", origin[] = "conf:1", place[] = "conf:3";
	struct account account = { .name = name,
		.origin = origin,
		.secret_source = SECRET_TOKEN,
		.secret_origin = place };
	struct err err;

	err_init(&err);
	buf_init_secret(&account.secret, SECRET_SETTING_MAX);
	buf_adds(&account.secret, command);
	buf_clear(got);
	if (account_new_token(&account, DEADLINE_NONE, got, &err) == -1)
		add_error(got, &err);
	buf_release(&account.secret);
	err_release(&err);
}

static void
test_tokens(void **state)
{
	static char longest[SECRET_SETTING_MAX];
	struct buf got = BUF_INIT_SECRET(1 << 16);

	(void)state;
	unsetenv("SENDOFF_TOKEN_REFUSED");
	get(&got, SECRET_TOKEN, "echo token$SENDOFF_TOKEN_REFUSED");
	assert_string_equal(got.data, "token");
	new_token(&got, "echo token$SENDOFF_TOKEN_REFUSED");
	assert_string_equal(got.data, "token1");
	new_token(&got, "sh -c 'echo $SENDOFF_TOKEN_REFUSED'");
	assert_string_equal(got.data, "1");
	get(&got, SECRET_TOKEN, "exit 2 # geheim");
	assert_string_equal(got.data,
	    "configuration: conf:3: the command for the token: it failed with exit status 2");
	new_token(&got, "exit 3");
	assert_string_equal(got.data,
	    "configuration: conf:3: the command for the token: it failed with exit status 3");
	memset(longest, '#', sizeof(longest) - 1);
	memcpy(longest, "echo a ", 7);
	new_token(&got, longest);
	assert_string_equal(got.data, "a");
	buf_release(&got);
}

int
main(void)
{
	enum { ROWS = sizeof(rows) / sizeof(rows[0]), OTHERS = 14 };
	static struct CMUnitTest tests[ROWS + OTHERS] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_limit),
		cmocka_unit_test_setup_teardown(test_group, setup, teardown),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_children_ignored),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_closed_standard_descriptors),
		cmocka_unit_test(test_input_is_not_ours),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_length, setup, teardown),
		cmocka_unit_test(test_file_missing),
		cmocka_unit_test_setup_teardown(test_file_of_others, setup, teardown),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_tokens),
	};
	static struct row states[ROWS];

	for (size_t i = 0; i < ROWS; i++) {
		states[i] = rows[i];
		tests[OTHERS + i] = (struct CMUnitTest){ rows[i].command, test_row, NULL, NULL,
			&states[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
