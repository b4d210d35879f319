/* SPDX-License-Identifier: MIT */
/* cmd_plot.c - `reclaimbench plot DIR`: every figure as PNG and SVG, with its script and data. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "report/plot_dir.h"
#include "units.h"

static const struct cli_option plot_options[] = {
	{"object", "CLASS", NULL,
	 "object class whose lifetimes are drawn: value, bucket, array, ... (default: the one with "
	 "most deaths)"},
	{"metric", "METRIC[/PHASE]/STAT", "lifetime/total/p99", "figure of the heat map"},
	{"max-settings", "N", "8", "draw the figures of one setting for the first N settings"},
	{"quiet", NULL, NULL, "print no list of figures"},
	{NULL, NULL, NULL, NULL},
};

static int cmd_plot_main(int argc, char **argv);

const struct cli_command cmd_plot = {
	.name = "plot",
	.operands = "DIR",
	.summary = "draw every figure of a result directory into DIR/plots",
	.examples = "reclaimbench plot results/reference\n"
		    "reclaimbench plot --object=bucket --metric=throughput/rate out\n",
	.options = plot_options,
	.main = cmd_plot_main,
};

static void cmd_plot_list(const struct plot_dir *p)
{
	size_t n_drawn = 0;

	for (size_t i = 0; i < p->set.n; i++) {
		const struct figure_info *info = &p->set.list[i];

		n_drawn += info->is_drawn;
		if (info->is_drawn)
			printf("%-34s %s/%s.png, .svg, .gp, .dat\n", info->name, p->plots,
			       info->name);
		else
			printf("%-34s skipped: %s\n", info->name, info->reason);
	}
	printf("%zu figures drawn, %zu skipped\n", n_drawn, p->set.n - n_drawn);
	if (p->results.n_settings > p->set.max_settings)
		printf("%zu settings are in the file; figures of one setting are for the first %zu "
		       "(--max-settings)\n",
		       p->results.n_settings, p->set.max_settings);
}

static int cmd_plot_run(const struct cli_args *args)
{
	struct plot_dir p;
	char error[600];
	uint64_t max_settings;
	int code = EXIT_USAGE;
	int rc;

	if (units_parse_count(cli_get(args, "max-settings"), &max_settings) || !max_settings) {
		cli_error("--max-settings=%s: should be a number from 1 on",
			  cli_get(args, "max-settings"));
		return EXIT_USAGE;
	}
	if (plot_dir_open_command(&p, args))
		goto out;
	p.set.metric = cli_get(args, "metric");
	p.set.max_settings = max_settings;
	rc = plot_dir_draw(&p, error, sizeof(error));
	if (rc) {
		cli_error("%s", error);
		/* A file beside run.csv is not what it should be. */
		code = rc == -EINVAL ? EXIT_USAGE : EXIT_CHECK_FAILED;
		goto out;
	}
	if (!cli_given(args, "quiet"))
		cmd_plot_list(&p);
	code = EXIT_GOOD;
out:
	plot_dir_close(&p);
	return code;
}

static int cmd_plot_main(int argc, char **argv)
{
	struct cli_args args;
	int rc = cli_parse(&args, &cmd_plot, argc, argv);

	if (rc)
		return rc < 0 ? EXIT_GOOD : rc;
	rc = cmd_plot_run(&args);
	cli_free(&args);
	return rc;
}
