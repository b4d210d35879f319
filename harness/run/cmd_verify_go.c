/* SPDX-License-Identifier: MIT */
/* cmd_verify_go.c - `reclaimbench verify-go FILE...`: does the map evolve as Go's does? */
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "run/verify_go.h"

static int verify_go_main(int argc, char **argv);

static const struct cli_option verify_go_options[] = {{0}};

const struct cli_command cmd_verify_go = {
	.name = "verify-go",
	.operands = "FILE...",
	.summary =
		"replay recordings of the real Go map and compare the layout after every operation",
	.examples = "reclaimbench verify-go golden.txt.gz",
	.options = verify_go_options,
	.main = verify_go_main,
};

static int verify_go_file(const char *path)
{
	struct verify_go_result result;
	char message[512] = "";

	if (verify_go(path, &result, message, sizeof(message))) {
		cli_error("%s", message);
		return EXIT_USAGE;
	}
	printf("%s: %" PRIu64 " of %" PRIu64 " operations agree with Go (up to B=%u, %" PRIu64
	       " growths)\n",
	       path, result.n_agreed, result.n_operations, result.max_b, result.n_growths);
	if (!result.difference[0])
		return EXIT_GOOD;
	printf("  first difference at %s\n", result.difference);
	return EXIT_CHECK_FAILED;
}

static int verify_go_main(int argc, char **argv)
{
	struct cli_args args;
	int status = cli_parse(&args, &cmd_verify_go, argc, argv);

	if (status)
		return status < 0 ? EXIT_GOOD : status;
	if (args.n_operands == 0) {
		cli_error("name a recording, e.g. golden.txt.gz");
		status = EXIT_USAGE;
	}
	for (size_t i = 0; i < args.n_operands && status != EXIT_USAGE; i++) {
		const int one = verify_go_file(args.operands[i]);

		status = one > status ? one : status;
	}
	cli_free(&args);
	return status;
}
