/* SPDX-License-Identifier: MIT */
/* source.c - loads the trace of a run; see source.h. */
#include "run/source.h"

#include <string.h>

/* A pace that is a rate makes `max` stages open-loop ones. */
static void source_apply_rate(const struct run_source *source, struct run_config *config)
{
	for (size_t i = 0; source->pace.kind == TRACE_PACE_RATE && i < config->stages.n; i++)
		if (config->stages.stage[i].rate_per_s == STAGES_RATE_CLOSED)
			config->stages.stage[i].rate_per_s = source->pace.rate_per_s;
}

int run_source_load(struct run_source *source, struct run_config *config)
{
	struct load_error error = {""};

	memset(source, 0, sizeof(*source));
	source->pace = config->pace;
	if (trace_load(&source->trace, config->trace_path, &config->trace_options, &error) != 0) {
		cli_error("%s", error.text);
		return EXIT_USAGE;
	}
	if (source->trace->n_ops == 0) {
		cli_error("%s: holds no operation", config->trace_path);
		return EXIT_USAGE;
	}
	if (trace_check_pace(source->trace, &source->pace, &error) != 0) {
		cli_error("--trace-pace=%s: %s", config->trace_pace, error.text);
		return EXIT_USAGE;
	}
	if (trace_shards_make(&source->shards, source->trace, config->n_threads) != 0) {
		cli_error("%s: out of memory", config->trace_path);
		return EXIT_USAGE;
	}
	config->n_keys =
		source->trace->stats.n_live_peak > 0 ? source->trace->stats.n_live_peak : 1;
	source_apply_rate(source, config);
	return 0;
}

void run_source_free(struct run_source *source)
{
	trace_shards_free(&source->shards);
	trace_free(source->trace);
	memset(source, 0, sizeof(*source));
}
