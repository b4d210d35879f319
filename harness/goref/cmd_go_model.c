/* SPDX-License-Identifier: MIT */
/* cmd_go_model.c - `reclaimbench go-model`: one stage of the reference program's load on this project's map,
 * as one row in the reference's columns.  scripts/go-reference runs it beside the real runtime. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "goref/model.h"
#include "units.h"

static int go_model_main(int argc, char **argv);

static const struct cli_option go_model_options[] = {
	{"scenario", "value_delete|oldbuckets|map_drop", "value_delete",
	 "what dies: values, old arrays, maps"},
	{"rate", "N|max", "5k", "operations per second, open loop; max: unthrottled"},
	{"gogc", "N", "100", "GOGC in percent, 1 to 1M"},
	{"keys", "N", "2^10", "entries of the map, 16 to 2^26"},
	{"dur", "TIME", "8s", "length of the stage"},
	{"garbage-bytes", "N", "4096", "bytes of unrelated garbage per operation; 0: none"},
	{"sample", "N", "1", "observe one death in N"},
	{"strategy-options", "OPT=V,..", NULL, "further options of the preset go, e.g. procs=2"},
	{"rep", "N", "1", "number of this repetition, for the row and the random numbers"},
	{"seed", "N", "1", "of all random numbers"},
	{"dump", "FILE", NULL, "also write every lifetime, the phase at death and U to this file"},
	{"gc-log", NULL, NULL, "print every cycle of the stage to stderr"},
	{"header", NULL, NULL, "print the header of the row and end"},
	CLI_OPTIONS_END,
};

const struct cli_command cmd_go_model = {
	.name = "go-model",
	.operands = "",
	.summary = "one stage of the Go reference's load on the preset go, in its columns",
	.examples =
		"reclaimbench go-model --scenario=value_delete --rate=5k --gogc=50 --keys=2^16\n"
		"reclaimbench go-model --scenario=oldbuckets --rate=10k --dump=lifetimes.csv\n",
	.options = go_model_options,
	.main = go_model_main,
};

static int go_model_rate(const struct cli_args *args, double *rate)
{
	const char *text = cli_get(args, "rate");
	uint64_t per_s;

	if (units_parse_rate(text, &per_s) != 0 || per_s == 0) {
		cli_error("--rate=%s: give operations per second, e.g. 5k, or max", text);
		return EXIT_USAGE;
	}
	*rate = per_s == UINT64_MAX ? 0 : (double)per_s;
	return 0;
}

static int go_model_parse(const struct cli_args *args, struct model_config *config)
{
	uint64_t sample;
	size_t scenario;

	config->options =
		cli_given(args, "strategy-options") ? cli_given(args, "strategy-options") : "";
	if (cli_get_choice(args, "scenario", &scenario) ||
	    go_model_rate(args, &config->rate_per_s) ||
	    cli_get_count(args, "gogc", 1, 1000000, &config->gogc_percent) ||
	    cli_get_count(args, "keys", 16, UINT64_C(1) << 26, &config->n_keys) ||
	    cli_get_time_ns(args, "dur", 10000000, UINT64_C(3600000000000), &config->duration_ns) ||
	    cli_get_count(args, "garbage-bytes", 0, 1 << 26, &config->garbage_bytes) ||
	    cli_get_count(args, "sample", 1, 1 << 20, &sample) ||
	    cli_get_count(args, "rep", 0, UINT32_MAX, &config->rep) ||
	    cli_get_count(args, "seed", 0, UINT64_MAX, &config->seed))
		return EXIT_USAGE;
	config->scenario = (enum model_scenario)scenario;
	config->sample_1_in = (uint32_t)sample;
	return 0;
}

static int go_model_report(struct model *m, const char *dump_path, bool is_gc_log)
{
	struct model_summary s;
	int error = model_summarise(&s, m);

	if (error) {
		cli_error("out of memory");
		return EXIT_CELLS_FAILED;
	}
	model_print_row(m, &s, stdout);
	model_summary_free(&s);
	if (is_gc_log)
		model_print_gc_log(m, stderr);
	if (dump_path)
		error = model_dump(m, dump_path);
	if (error)
		cli_error("--dump=%s cannot be written: %s", dump_path, strerror(-error));
	return error ? EXIT_CELLS_FAILED : EXIT_GOOD;
}

static int go_model_stage(const struct cli_args *args)
{
	struct model_config config = {0};
	char message[512] = "out of memory";
	struct clock clock;
	struct model m;
	int code = go_model_parse(args, &config);

	if (code)
		return code;
	clock_init(&clock, false);
	if (model_run(&m, &config, &clock, message, sizeof(message)) == 0) {
		code = go_model_report(&m, cli_given(args, "dump"),
				       cli_given(args, "gc-log") != NULL);
	} else {
		cli_error("%s", message);
		code = m.r ? EXIT_CELLS_FAILED : EXIT_USAGE;
	}
	model_free(&m);
	return code;
}

static int go_model_main(int argc, char **argv)
{
	struct cli_args args;
	int code = cli_parse(&args, &cmd_go_model, argc, argv);

	if (code) {
		cli_free(&args);
		return code < 0 ? EXIT_GOOD : code;
	}
	if (cli_given(&args, "header"))
		puts(model_header);
	else
		code = go_model_stage(&args);
	cli_free(&args);
	return code;
}
