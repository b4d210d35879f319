/* SPDX-License-Identifier: MIT */
/* matrix_cell.c - a cell as a command line, and as the columns of its rows. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/config.h"
#include "run/matrix.h"

extern const struct cli_command cmd_run;

void matrix_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

/* Add "--name=value", or "--name" when value is "". */
static bool argv_add(char **argv, size_t *n, const char *name, const char *value)
{
	if (asprintf(&argv[*n], "--%s%s%s", name, *value ? "=" : "", value) < 0) {
		argv[*n] = NULL;
		return false;
	}
	++*n;
	return true;
}

char **matrix_argv(const struct matrix_job *job, const struct matrix_cell *cell, unsigned rep,
		   const char *binary, const char *run_id, const char *cell_id, const char *out_dir)
{
	/* binary, run, the cell's options, and the six set here. */
	char **argv = calloc(job->n_options + 10, sizeof(*argv));
	char seed[32], rep_text[16];
	size_t n = 0;
	bool good;

	if (!argv)
		return NULL;
	snprintf(seed, sizeof(seed), "%" PRIu64, cell->seed + rep - 1);
	snprintf(rep_text, sizeof(rep_text), "%u", rep);
	argv[n++] = strdup(binary);
	argv[n++] = strdup("run");
	good = argv[0] && argv[1];
	for (size_t i = 0; i < job->n_options && good; i++) {
		const char *name = job->options[i].name;

		if (cell->values[i] && strcmp(name, "seed") && strcmp(name, "scenario"))
			good = argv_add(argv, &n, name, cell->values[i]);
	}
	good = good && argv_add(argv, &n, "scenario", cell->scenario) &&
	       argv_add(argv, &n, "seed", seed) && argv_add(argv, &n, "rep", rep_text) &&
	       argv_add(argv, &n, "run-id", run_id) && argv_add(argv, &n, "cell-id", cell_id) &&
	       argv_add(argv, &n, "out", out_dir);
	if (good)
		return argv;
	matrix_argv_free(argv);
	return NULL;
}

/* What `run` makes of the options, as the columns of a row. */
static int columns_fill(struct matrix_columns *c, const struct run_config *config)
{
	c->strategy = strdup(config->ops->name);
	c->options = strdup(config->strategy_options);
	if (!c->strategy || !c->options)
		return EXIT_USAGE;
	c->cell = run_config_columns(config);
	c->cell.cell_id = c->cell_id;
	c->cell.strategy = c->strategy;
	c->cell.options = c->options;
	run_config_cell_id(config, c->cell_id);
	return 0;
}

int matrix_columns_init(struct matrix_columns *c, const struct matrix_job *job,
			const struct matrix_cell *cell)
{
	struct run_config *config = calloc(1, sizeof(*config));
	int argc = 0;
	int code = EXIT_USAGE;

	*c = (struct matrix_columns){.args = calloc(1, sizeof(*c->args))};
	c->argv = matrix_argv(job, cell, 1, "reclaimbench", "-", "-", "-");
	if (!config || !c->args || !c->argv) {
		cli_error("out of memory");
		goto out;
	}
	while (c->argv[argc])
		argc++;
	code = cli_parse(c->args, &cmd_run, argc - 1, c->argv + 1);
	if (!code)
		code = run_config_parse(config, c->args);
	if (!code)
		code = columns_fill(c, config);
	run_config_fini(config);
	if (code)
		cli_error("%s:%u: so it stands in section [%s]", job->path, cell->line,
			  cell->scenario);
out:
	free(config);
	return code;
}

void matrix_columns_fini(struct matrix_columns *c)
{
	free(c->strategy);
	free(c->options);
	if (c->args)
		cli_free(c->args);
	free(c->args);
	matrix_argv_free(c->argv);
	*c = (struct matrix_columns){.args = NULL};
}

bool matrix_is_in_shard(const struct matrix_cell *cell, unsigned shard, unsigned n_shards)
{
	return strtoull(cell->id, NULL, 16) % n_shards == shard - 1;
}
