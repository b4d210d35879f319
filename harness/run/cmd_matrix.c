/* SPDX-License-Identifier: MIT */
/* cmd_matrix.c - `reclaimbench matrix`: options, the machine's identity, and matrix_run(). */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/env.h"
#include "run/config.h"
#include "run/matrix.h"
#include "units.h"

extern const struct cli_command cmd_matrix;

static const struct cli_option matrix_options[] = {
	{"out", "DIR", "reclaimbench-matrix",
	 "where results go; DIR/run.csv holds them all in the end"},
	{"dry-run", NULL, NULL, "print the cells and the time they will take, and run nothing"},
	{"resume", NULL, NULL, "go on with the matrix in DIR: nothing is lost or run twice"},
	{"retry-failed", NULL, NULL, "with --resume: run failed repetitions again"},
	{"allow-mixed", NULL, NULL,
	 "go on although the program, the machine or the job file is another"},
	{"shard", "I/N", "1/1",
	 "only the I-th of N parts, by hash of the cell; `merge` puts them together"},
	{"order-seed", "N", "1", "seed of the order in which cells are interleaved"},
	{"strict", NULL, NULL, "refuse to run where the environment record warns"},
	{"quiet", NULL, NULL, "no progress on stderr"},
	{NULL, NULL, NULL, NULL},
};

/* More parts than a matrix may have cells. */
#define MATRIX_MAX_SHARDS 100000

static int matrix_parse_shard(struct matrix_plan *plan, const char *text)
{
	const char *slash = strchr(text, '/');
	uint64_t shard, n_shards;
	char first[32];

	if (slash && (size_t)(slash - text) < sizeof(first))
		snprintf(first, sizeof(first), "%.*s", (int)(slash - text), text);
	else
		slash = NULL;
	if (slash && !units_parse_count(first, &shard) &&
	    !units_parse_count(slash + 1, &n_shards) && shard >= 1 && shard <= n_shards &&
	    n_shards <= MATRIX_MAX_SHARDS) {
		plan->shard = (unsigned)shard;
		plan->n_shards = (unsigned)n_shards;
		return 0;
	}
	cli_error("--shard=%s: it is I/N with I from 1 to N and N at most %d, as 2/8", text,
		  MATRIX_MAX_SHARDS);
	return EXIT_USAGE;
}

static int matrix_parse(struct matrix_plan *plan, const struct cli_args *args)
{
	if (args->n_operands != 1) {
		cli_error("%zu job files given; it is `matrix FILE.ini`", args->n_operands);
		return EXIT_USAGE;
	}
	plan->out_dir = cli_get(args, "out");
	plan->resume = cli_given(args, "resume") != NULL;
	plan->retry_failed = cli_given(args, "retry-failed") != NULL;
	plan->allow_mixed = cli_given(args, "allow-mixed") != NULL;
	plan->quiet = cli_given(args, "quiet") != NULL;
	if (plan->retry_failed && !plan->resume) {
		cli_error("--retry-failed goes with --resume");
		return EXIT_USAGE;
	}
	if (cli_get_count(args, "order-seed", 0, UINT64_MAX, &plan->order_seed))
		return EXIT_USAGE;
	return matrix_parse_shard(plan, cli_get(args, "shard"));
}

/* Under --strict a matrix does not start where the record warns. */
static int matrix_check_env(struct env *env, bool is_strict)
{
	if (is_strict)
		env_make_strict(env);
	for (size_t i = 0; is_strict && i < env_count(env); i++) {
		const struct env_fact *fact = env_fact(env, i);

		if (fact->level == ENV_FAIL)
			cli_error("%s = %s: %s", fact->key, fact->value, fact->reason);
	}
	if (!is_strict || !env_count_level(env, ENV_FAIL))
		return 0;
	cli_error("not run under --strict; `reclaimbench env --suggest` prints what would cure it");
	return EXIT_CHECK_FAILED;
}

/* `binary`, which the plan points to, has PATH_MAX bytes. */
static int matrix_start(struct matrix_plan *plan, const struct matrix_job *job,
			const struct cli_args *args, char *binary)
{
	const ssize_t n = readlink("/proc/self/exe", binary, PATH_MAX - 1);
	struct env *env = NULL;
	int code = EXIT_USAGE;

	if (n < 0) {
		cli_error("/proc/self/exe: %s", strerror(errno));
		return EXIT_USAGE;
	}
	binary[n] = '\0';
	plan->binary = binary;
	if (cli_given(args, "dry-run"))
		return matrix_dry_run(job, plan);
	if (env_collect(&env, "")) {
		cli_error("out of memory");
	} else {
		plan->env_id = env_id(env);
		code = matrix_check_env(env, cli_given(args, "strict") != NULL);
		if (!code)
			code = matrix_run(job, plan);
	}
	env_destroy(env);
	return code;
}

static int matrix_main(int argc, char **argv)
{
	struct matrix_plan plan = {.quiet = false};
	char binary[PATH_MAX];
	struct matrix_job job = {.path = NULL};
	struct cli_args args;
	char message[1024];
	int code = cli_parse(&args, &cmd_matrix, argc, argv);

	if (!code)
		code = matrix_parse(&plan, &args);
	if (!code &&
	    matrix_job_read(&job, args.operands[0], run_options, message, sizeof(message))) {
		cli_error("%s", message);
		code = EXIT_USAGE;
	}
	if (!code)
		code = matrix_start(&plan, &job, &args, binary);
	matrix_job_fini(&job);
	cli_free(&args);
	return code < 0 ? EXIT_GOOD : code;
}

const struct cli_command cmd_matrix = {
	.name = "matrix",
	.operands = "FILE.ini",
	.summary = "run all cells of a job file, each repetition a fresh process, interleaved",
	.examples =
		"reclaimbench matrix scripts/matrices/staged.ini --dry-run\n"
		"reclaimbench matrix scripts/matrices/staged.ini --out=results/staged\n"
		"reclaimbench matrix scripts/matrices/staged.ini --out=results/staged --resume\n"
		"reclaimbench matrix scripts/matrices/staged.ini --out=part2 --shard=2/8\n",
	.options = matrix_options,
	.main = matrix_main,
};
