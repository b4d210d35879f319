/* SPDX-License-Identifier: MIT */
/* cmd_compare.c - `reclaimbench compare`: options, reading, exit code. */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "report/compare.h"
#include "term.h"

#define MESSAGE_BYTES 1024

extern const struct cli_command cmd_compare;

static const struct cli_option compare_options_table[] = {
	{"by", "COLUMN", NULL, "compare the texts of this column inside one file, e.g. strategy"},
	{"base", "TEXT", NULL,
	 "with --by: what the others are compared with; the first in the file otherwise"},
	{"alpha", "SHARE", "0.05",
	 "largest probability of any false alarm, over all figures together"},
	{"min-effect", "SHARE", "5%", "changes up to this are of no interest"},
	{"metric", "GLOB,..",
	 "throughput,lifetime:p50,lifetime:p99,response:p99,limbo_bytes:max,rss_bytes:max,cpu_time:"
	 "mean",
	 "only these: METRIC or METRIC:STAT; '*' for all.  All share alpha, so many need more "
	 "repetitions; without this option lifetime is of all objects together"},
	{"where", "COLUMN=GLOB,..", NULL,
	 "only rows for which all hold, e.g. stage=max,strategy=mark*"},
	{"fail-on", "WHAT,..", "regression", "regression (exit 1), inconclusive (exit 3), or none"},
	{"allow-mixed", NULL, NULL,
	 "compare results of other machines, builds and metric sets all the same"},
	{"allow-build", NULL, NULL,
	 "compare results of two builds (the usual case before a merge)"},
	{"format", "text|csv|markdown|json", "text", "how to print"},
	CLI_OPTION_COLOR,
	{"resamples", "N", "2000", "resamples of the bootstrap"},
	{"seed", "N", "1", "seed of the bootstrap"},
	{NULL, NULL, NULL, NULL},
};

struct compare_call {
	struct compare_options options;
	bool fail_on_regression;
	bool fail_on_inconclusive;
	size_t format;
	bool is_colored;
};

static int compare_parse_fail_on(struct compare_call *call, const char *text)
{
	while (*text) {
		const size_t length = strcspn(text, ",");

		if (length == strlen("regression") && !strncmp(text, "regression", length)) {
			call->fail_on_regression = true;
		} else if (length == strlen("inconclusive") &&
			   !strncmp(text, "inconclusive", length)) {
			call->fail_on_inconclusive = true;
		} else if (length != strlen("none") || strncmp(text, "none", length)) {
			cli_error("--fail-on: \"%.*s\" is unknown; it is a list of regression and "
				  "inconclusive, or none",
				  (int)length, text);
			return EXIT_USAGE;
		}
		text += length + (text[length] == ',');
	}
	return 0;
}

/* Columns whose texts can be variants: factors of the load, not figures. */
static int compare_parse_by(struct compare_call *call, const struct cli_args *args)
{
	static const enum table_column allowed[] = {
		COL_strategy, COL_options, COL_scenario,    COL_threads,       COL_keys,
		COL_mix,      COL_dist,	   COL_unlink,	    COL_alloc,	       COL_arrival,
		COL_trace,    COL_stage,   COL_value_bytes, COL_garbage_bytes,
	};
	const char *by = cli_get(args, "by");

	call->options.by = -1;
	if (!by)
		return 0;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (!strcmp(by, table_column_name(allowed[i])))
			call->options.by = (int)allowed[i];
	}
	if (call->options.by < 0) {
		cli_error("--by=%s: that is no factor of the load; try strategy, options, "
			  "scenario, threads, "
			  "keys, mix, dist, unlink, alloc, arrival, trace, stage, value_bytes or "
			  "garbage_bytes",
			  by);
		return EXIT_USAGE;
	}
	return 0;
}

static int compare_parse(struct compare_call *call, const struct cli_args *args)
{
	struct compare_options *o = &call->options;
	uint64_t n_resamples = 0;
	int code = compare_parse_by(call, args);

	o->base = cli_get(args, "base");
	o->metrics = cli_get(args, "metric");
	o->is_short = !cli_given(args, "metric");
	o->where = cli_get(args, "where");
	o->allow_machine = cli_given(args, "allow-mixed") != NULL;
	o->allow_metrics = o->allow_machine;
	o->allow_build = o->allow_machine || cli_given(args, "allow-build");
	if (!code)
		code = cli_get_fraction(args, "alpha", &o->alpha);
	if (!code)
		code = cli_get_fraction(args, "min-effect", &o->min_effect);
	if (!code)
		code = cli_get_count(args, "resamples", 100, 1000000, &n_resamples);
	if (!code)
		code = cli_get_count(args, "seed", 0, UINT64_MAX, &o->seed);
	if (!code)
		code = cli_get_choice(args, "format", &call->format);
	if (!code)
		code = compare_parse_fail_on(call, cli_get(args, "fail-on"));
	if (!code && (o->alpha <= 0 || o->alpha >= 0.5)) {
		cli_error("--alpha=%s: it must be above 0 and below 0.5", cli_get(args, "alpha"));
		code = EXIT_USAGE;
	}
	if (!code && term_color(cli_get(args, "color"), stdout, &call->is_colored)) {
		cli_error("--color=%s: it is auto, always or never", cli_get(args, "color"));
		code = EXIT_USAGE;
	}
	o->n_resamples = (size_t)n_resamples;
	return code;
}

static int compare_check_operands(const struct cli_args *args)
{
	const bool is_by = cli_given(args, "by") != NULL;

	if (args->n_operands == (is_by ? 1u : 2u)) {
		if (is_by || !cli_given(args, "base"))
			return 0;
		cli_error("--base goes with --by");
		return EXIT_USAGE;
	}
	cli_error("%zu files given; it is `compare BASE.csv NEW.csv`, or `compare --by=strategy "
		  "FILE.csv`",
		  args->n_operands);
	return EXIT_USAGE;
}

static int compare_exit_code(const struct comparison *c, const struct compare_call *call)
{
	if (c->n_failed)
		return EXIT_CELLS_FAILED;
	if (call->fail_on_regression && c->n_verdicts[COMPARE_REGRESSION])
		return EXIT_CHECK_FAILED;
	if (call->fail_on_inconclusive &&
	    (c->n_verdicts[COMPARE_INCONCLUSIVE] || c->n_verdicts[COMPARE_TOO_FEW]))
		return EXIT_INCONCLUSIVE;
	return EXIT_GOOD;
}

static int compare_read(struct table *tables[2], const struct cli_args *args)
{
	char message[MESSAGE_BYTES];

	for (size_t i = 0; i < args->n_operands; i++) {
		if (table_read(&tables[i], args->operands[i], message, sizeof(message))) {
			cli_error("%s", message);
			return EXIT_USAGE;
		}
		for (size_t w = 0; table_warning(tables[i], w); w++)
			cli_error("warning: %s", table_warning(tables[i], w));
	}
	return 0;
}

static int compare_run(const struct compare_call *call, const struct table *const tables[2])
{
	struct comparison c;
	char message[MESSAGE_BYTES];
	int err = compare_tables(&c, tables, &call->options, message, sizeof(message));
	int code;

	if (err) {
		cli_error("%s", message);
		code = err == -EXDEV ? EXIT_NOT_COMPARABLE : EXIT_USAGE;
	} else if (compare_print(&c, &call->options, (enum compare_format)call->format,
				 call->is_colored, stdout)) {
		cli_error("out of memory");
		code = EXIT_USAGE;
	} else {
		code = compare_exit_code(&c, call);
		if (c.is_blind)
			cli_error("warning: no outcome of these repetitions could have been a "
				  "regression; the last notes say what would do");
	}
	comparison_free(&c);
	return code;
}

static int compare_main(int argc, char **argv)
{
	struct compare_call call = {.options = {.by = -1}};
	struct table *tables[2] = {NULL, NULL};
	struct cli_args args;
	int code = cli_parse(&args, &cmd_compare, argc, argv);

	if (!code)
		code = compare_check_operands(&args);
	if (!code)
		code = compare_parse(&call, &args);
	if (!code)
		code = compare_read(tables, &args);
	if (!code)
		code = compare_run(&call, (const struct table *const *)tables);
	table_free(tables[0]);
	table_free(tables[1]);
	cli_free(&args);
	return code < 0 ? EXIT_GOOD : code;
}

const struct cli_command cmd_compare = {
	.name = "compare",
	.operands = "BASE.csv [NEW.csv]",
	.summary = "compare two results, or the strategies of one, with a noise-aware verdict",
	.examples = "reclaimbench compare --allow-build before/run.csv after/run.csv\n"
		    "reclaimbench compare --by=strategy --base=leak results/run.csv\n"
		    "reclaimbench compare --metric='throughput,lifetime:p99' "
		    "--fail-on=regression,inconclusive "
		    "a.csv b.csv\n",
	.options = compare_options_table,
	.main = compare_main,
};
