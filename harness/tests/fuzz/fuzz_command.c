/* SPDX-License-Identifier: MIT */
/* fuzz_command.c - lines as the arguments of `reclaimbench run`: refused with a usage error, or a configuration
 * within its bounds.  Nothing is run. */
#include "tests/fuzz/fuzz.h"

#include "run/config.h"

#define MAX_ARGS 24

static const struct cli_command command = {
	.name = "run", .operands = "", .summary = "", .examples = "", .options = run_options};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_ARGS + 2] = {(char *)"run"};
	char *text = fuzz_text(data, size), *rest = text;
	struct cli_args args;
	int argc = 1;

	while (argc <= MAX_ARGS && (argv[argc] = strsep(&rest, "\n")))
		argc++;
	argv[argc] = NULL;
	if (!cli_parse(&args, &command, argc, argv)) {
		struct run_config config = {0};
		const int code = run_config_parse(&config, &args);

		FUZZ_CHECK(code == 0 || code == EXIT_USAGE);
		if (!code) {
			char id[17];

			FUZZ_CHECK(config.ops && config.n_threads <= RUN_MAX_THREADS);
			FUZZ_CHECK(config.stages.n >= 1);
			run_config_cell_id(&config, id);
		}
		run_config_fini(&config);
		cli_free(&args);
	}
	free(text);
	return 0;
}
