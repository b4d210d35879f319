/* SPDX-License-Identifier: MIT */
/* cmd_go_compare.c - `reclaimbench go-compare DIR`: does the model do what the real runtime does? */
#include <stdio.h>

#include "cli.h"
#include "goref/reference.h"

static int go_compare_main(int argc, char **argv);

static const struct cli_option go_compare_options[] = {
	CLI_OPTIONS_END,
};

const struct cli_command cmd_go_compare = {
	.name = "go-compare",
	.operands = "DIR",
	.summary = "compare the stages that scripts/go-reference recorded: run.csv, data of the "
		   "figures, the table",
	.examples = "make go-reference ARGS=--quick\n"
		    "reclaimbench go-compare results/reference/go\n",
	.options = go_compare_options,
	.main = go_compare_main,
};

static int go_compare_dir(const char *dir)
{
	struct reference ref;
	char message[1024];
	int code = EXIT_USAGE;
	int n_failed;

	if (reference_read(&ref, dir, message, sizeof(message)) ||
	    reference_write_rows(&ref, message, sizeof(message)) ||
	    reference_write_figures(&ref, message, sizeof(message)))
		goto out;
	n_failed = reference_checks(&ref, stdout, message, sizeof(message));
	if (n_failed < 0)
		goto out;
	code = n_failed ? EXIT_CHECK_FAILED : EXIT_GOOD;
out:
	if (code == EXIT_USAGE)
		cli_error("%s", message);
	reference_fini(&ref);
	return code;
}

static int go_compare_main(int argc, char **argv)
{
	struct cli_args args;
	int code = cli_parse(&args, &cmd_go_compare, argc, argv);

	if (code) {
		cli_free(&args);
		return code < 0 ? EXIT_GOOD : code;
	}
	if (args.n_operands == 1) {
		code = go_compare_dir(args.operands[0]);
	} else {
		cli_error("name one folder that scripts/go-reference has written");
		code = EXIT_USAGE;
	}
	cli_free(&args);
	return code;
}
