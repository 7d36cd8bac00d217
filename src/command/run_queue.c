/* SPDX-License-Identifier: ISC */
#include "command/run_queue.h"

#include <unistd.h>

#include "command/report.h"
#include "command/transcript.h"
#include "store/open.h"
#include "submission/runner.h"

/* Once, while the caller waits. */
static int
run_here(struct store *store, const struct config *config, const struct run_options *options,
    struct err *err)
{
	struct run_result result;

	return run_once(store, config, options, &result, err);
}

/* Every interval: in this process, or in one that nobody waits for. */
static int
stay(const struct options *options, const struct runner *runner, struct err *err)
{
	pid_t pid = options->foreground ? 0 : fork();
	int result;

	if (pid < 0)
		return err_sys(err, ERR_SYSTEM, "cannot start a process to run the queue");
	if (pid > 0)
		return 0;
	if (!options->foreground)
		runner_leave_caller();
	result = runner_stay(runner, options->interval_ms, err);
	/* Nobody reads what main() prints. */
	if (result < 0 && !options->foreground)
		report_log_error(err);
	return result;
}

static int
run_open(const struct options *options, struct store *store, const struct config *config,
    const struct stream_watch *dialogue, struct err *err)
{
	const struct run_options run = {
		.now = true,
		.selection = { .selectors = options->selectors,
		    .selector_count = options->selector_count },
		.watch = { .attempt = report_attempt,
		    .trouble = report_trouble,
		    .stream = dialogue },
	};
	const struct runner runner = {
		.queue_path = config->queue_dir,
		.config_path = config->given,
		.watch = { .attempt = report_attempt, .trouble = report_trouble },
	};

	if (options->interval_ms > 0)
		return stay(options, &runner, err);
	if (store->dir < 0)
		return 0;
	return options->foreground || options->verbose ? run_here(store, config, &run, err) :
							 runner_run(&runner, &run, err);
}

int
run_queue(const struct options *options, struct err *err)
{
	struct store store = STORE_INIT;
	struct config config = CONFIG_INIT;
	struct transcript transcript;
	bool missing;
	int result;

	transcript_init(&transcript, stderr);
	result = queue_open(&store, options->config, &config, &missing, err);
	if (result == 0 && config.count == 0)
		result = err_set(err, ERR_CONFIG,
		    "there is no configuration to run the queue with");
	if (result == 0)
		result = run_open(options, &store, &config,
		    options->verbose ? &transcript.watch : NULL, err);
	transcript_release(&transcript);
	store_close(&store);
	config_release(&config);
	return result;
}
