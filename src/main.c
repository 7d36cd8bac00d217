/* SPDX-License-Identifier: ISC */
/*
 * The name this program is called by decides what it is.  The only place that exits, and that
 * prints the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/err.h"
#include "base/process.h"
#include "command/help.h"
#include "command/option.h"
#include "command/queue.h"
#include "command/report.h"
#include "command/send.h"
#include "command/sendmail.h"

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
run_help(int argc, char **argv, struct err *err)
{
	(void)err;
	if (argc > 2 && strcmp(argv[2], "keys") == 0)
		help_print_keys(stdout);
	else
		help_print(stdout);
	return 0;
}

static int
run_version(int argc, char **argv, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)err;
	help_version(stdout);
	return 0;
}

static int
run_complete(int argc, char **argv, struct err *err)
{
	(void)err;
	complete_print(stdout, argc - 2, argv + 2);
	return 0;
}

/* The words that "-C FILE" takes in front of a command: 0, 1 or 2; *config_path: the file. */
static int
config_words(int argc, char **argv, const char **config_path)
{
	const char *word = argc > 2 ? argv[1] : "";
	int count = 0;

	*config_path = NULL;
	if (strncmp(word, "--config=", strlen("--config=")) == 0) {
		*config_path = word + strlen("--config=");
		count = 1;
	} else if (argc > 3 && (strcmp(word, "-C") == 0 || strcmp(word, "--config") == 0)) {
		*config_path = argv[2];
		count = 2;
	}
	return count;
}

static int
run_queue_command(int argc, char **argv, struct err *err)
{
	const char *config_path;
	int at = 2 + config_words(argc, argv, &config_path);

	return queue_command(config_path, argc - at, argv + at, err);
}

static int
run_send_command(int argc, char **argv, struct err *err)
{
	const char *config_path;
	int at = 2 + config_words(argc, argv, &config_path);

	return send_command(config_path, argc - at, argv + at, err);
}

/* `sendoff COMMAND`. */
static const struct command {
	const char *name;
	bool takes_config; /* -C FILE may stand before it */
	int (*run)(int argc, char **argv, struct err *err);
} commands[] = {
	{ "help", false, run_help },
	{ "version", false, run_version },
	{ "send", true, run_send_command },
	{ "queue", true, run_queue_command },
	{ "-h", false, run_help },
	{ "__complete", false, run_complete },
};

/* The command of that name; NULL: none. */
static const struct command *
command_named(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/*
 * Under its own name the program takes commands; sendmail's grammar is meant where the first
 * argument begins with '-' or holds an '@', or where there is none and the input comes from a pipe
 * or file.
 */
static const struct command *
find_command(int argc, char **argv, struct err *err)
{
	const char *config_path;
	int skipped = config_words(argc, argv, &config_path);
	const struct command *command;

	if (argc < 2)
		return isatty(STDIN_FILENO) ? command_named("help") : NULL;
	command = command_named(argv[1 + skipped]);
	if (skipped > 0)
		return command != NULL && command->takes_config ? command : NULL;
	if (command != NULL && (argv[1][0] != '-' || argc == 2))
		return command;
	if (argv[1][0] != '-' && strchr(argv[1], '@') == NULL) {
		err_set(err, ERR_USAGE, "there is no command \"%s\"", argv[1]);
		err_hint(err, "sendoff help; to send to a local name: sendoff -- %s", argv[1]);
	}
	return NULL;
}

static int
run_sendmail(int argc, char **argv, const char *name, struct err *err)
{
	bool own_name = strcmp(name, "sendoff") == 0;
	struct options options;

	if (options_parse(&options, argc, argv, own_name, err) < 0) {
		report_log_error(err);
		return -1;
	}
	if (options.help)
		return run_help(argc, argv, err);
	if (options.version)
		return run_version(argc, argv, err);
	if (strcmp(name, "mailq") == 0)
		options.mode = MODE_LIST_QUEUE;
	if (strcmp(name, "newaliases") == 0)
		options.mode = MODE_ALIASES;
	return sendmail_run(&options, err);
}

static int
run(int argc, char **argv, struct err *err)
{
	const char *name = argc > 0 ? base_name(argv[0]) : "sendmail";
	const struct command *command = strcmp(name, "sendoff") == 0 ?
	    find_command(argc, argv, err) :
	    NULL;

	if (err->kind != ERR_NONE)
		return -1;
	return command != NULL ? command->run(argc, argv, err) :
				 run_sendmail(argc, argv, name, err);
}

/*
 * Descriptors 0 to 2 that the caller closed: none of them may become a socket or file of ours, for
 * we print to 2.
 */
static void
fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			exit(EX_OSERR);
}

/*
 * What callers leave behind must not matter: a umask that keeps us out of our own files; an ignored
 * SIGCHLD, which would hide how a password command ended; a caller that stops reading our standard
 * error must not kill a delivery, nor a limit for files do so without a word.  Core dumps could
 * hold a password.
 */
static void
settle_process(void)
{
	fill_descriptors();
	umask(umask(0) & (S_IRWXG | S_IRWXO));
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0);
}

int
main(int argc, char **argv)
{
	struct err err;
	int result, status = 0;

	argv = process_init(argc, argv);
	if (argv == NULL)
		exit(EX_OSERR);
	settle_process();
	err_init(&err);
	result = run(argc, argv, &err);
	if (result == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		result = err_sys(&err, ERR_IO, "cannot write to standard output");
	if (result < 0) {
		status = err_exit_status(err.kind);
		if (!err.told)
			report_error(stderr, NULL, &err);
	}
	err_release(&err);
	process_release();
	exit(status);
}
