/* SPDX-License-Identifier: ISC */
#include "command/run_queue.h"

#include <unistd.h>

#include "command/report.h"
#include "command/transcript.h"
#include "store/open.h"
#include "submission/runner.h"

static int
run_open(const struct options *options, struct store *store, const struct config *config,
    const struct stream_watch *dialogue, struct err *err)
{
	const struct due_rules rules = {
		.now = true,
		.selection = { .selectors = options->selectors,
		    .selector_count = options->selector_count },
	};
	const struct runner runner = {
		.queue_path = config->queue_dir,
		.config_path = config->given,
		.watch = { .attempt = report_attempt, .trouble = report_trouble },
		.uid = getuid(),
	};
	const struct lane_terms terms = {
		.store = store,
		.config = config,
		.rules = rules,
		.watch = { .attempt = report_attempt,
		    .trouble = report_trouble,
		    .stream = dialogue },
		.uid = getuid(),
	};
	struct run_result result;

	if (options->interval_ms > 0)
		return options->foreground ? runner_stay(&runner, options->interval_ms, err) :
					     runner_stay_behind(&runner, options->interval_ms, err);
	if (store->dir < 0)
		return 0;
	return options->foreground || options->verbose ? run_once(&terms, &result, err) :
							 runner_run(&runner, &rules, err);
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
