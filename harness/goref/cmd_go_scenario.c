/* SPDX-License-Identifier: MIT */
/* cmd_go_scenario.c - `reclaimbench go-scenario NAME`: a scenario by its name, and the short table at its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "goref/go_scenario.h"

static int go_scenario_main(int argc, char **argv);

static const struct go_scenario go_scenarios[] = {
	{"staged", "lifetime percentiles at 1k, 5k, 10k operations per second and unthrottled",
	 NULL},
	{"lifecycle", "time in the phases ghost, grace and sweep", NULL},
	{"capacity", "small against large maps: delay from death to free", NULL},
	{"mixed", "delete, insert and growth together", NULL},
	{"ghost", "a growth that stops, an iterated map that pins, and the cure",
	 go_scenario_ghost},
	{"deterministic", "1,000 keys, one delete each 10 ms, cycles by hand",
	 go_scenario_deterministic},
	{"alignment-in-time", "each delete's offset to its cycle, its marking and its sweep",
	 go_scenario_alignment},
	{"heap-curve", "live bytes, objects and next goal when deletes begin",
	 go_scenario_heap_curve},
	{"assist", "what allocating threads pay while marking is on", go_scenario_assist},
};
enum { N_GO_SCENARIOS = sizeof(go_scenarios) / sizeof(go_scenarios[0]) };

static const struct cli_option go_scenario_options[] = {
	{"keys", "N", NULL,
	 "entries of the map, 16 to 2^26 (default: the scenario's); not those of a job file"},
	{"dur", "TIME", NULL,
	 "length of a stage (default: the scenario's); not those of a job file"},
	{"seed", "N", "1", "of all random numbers; not those of a job file"},
	{"data", "FILE", NULL,
	 "also write every observation as CSV (alignment-in-time, heap-curve, assist)"},
	{"out", "DIR", "reclaimbench-scenario", "job files: where results go"},
	{"list", NULL, NULL, "print the names and end"},
	CLI_OPTIONS_END,
};

const struct cli_command cmd_go_scenario = {
	.name = "go-scenario",
	.operands = "NAME",
	.summary = "run a scenario by its name and print its short table",
	.examples = "reclaimbench go-scenario --list\nreclaimbench go-scenario ghost --keys=2^10\n"
		    "reclaimbench go-scenario staged --out=results/staged\n",
	.options = go_scenario_options,
	.main = go_scenario_main,
};

/* This program again, with other arguments.  Its exit code. */
static int go_scenario_child(const char *const *argv)
{
	const pid_t pid = fork();
	int status;

	if (pid < 0) {
		cli_error("cannot be started: %s", strerror(errno));
		return EXIT_CELLS_FAILED;
	}
	if (pid == 0) {
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_CELLS_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CELLS_FAILED;
}

static int go_scenario_job(const char *name, const char *out)
{
	char path[256], out_option[4096];
	const char *const matrix[] = {"reclaimbench", "matrix", path, out_option, NULL};
	const char *const table[] = {"reclaimbench", "table", out, NULL};

	snprintf(path, sizeof(path), "scripts/matrices/%s.ini", name);
	if (access(path, R_OK) != 0) {
		cli_error("%s is not here: run it from the top of the repository", path);
		return EXIT_USAGE;
	}
	snprintf(out_option, sizeof(out_option), "--out=%.4000s", out);
	const int code = go_scenario_child(matrix);

	/* Cells may have failed: the table says of which there is something to show. */
	if (code != EXIT_GOOD && code != EXIT_CELLS_FAILED)
		return code;
	const int shown = go_scenario_child(table);

	return code ? code : shown;
}

static int go_scenario_parse(const struct cli_args *args, struct go_scenario_options *o)
{
	*o = (struct go_scenario_options){.out = stdout};
	if (cli_get_count(args, "seed", 0, UINT64_MAX, &o->seed) ||
	    cli_get_count(args, "keys", 16, UINT64_C(1) << 26, &o->n_keys) ||
	    cli_get_time_ns(args, "dur", 50000000, UINT64_C(3600000000000), &o->duration_ns))
		return EXIT_USAGE;
	if (cli_given(args, "data")) {
		o->data = fopen(cli_given(args, "data"), "we");
		if (!o->data) {
			cli_error("--data=%s cannot be written: %s", cli_given(args, "data"),
				  strerror(errno));
			return EXIT_USAGE;
		}
	}
	return 0;
}

static int go_scenario_run(const struct cli_args *args, const struct go_scenario *s)
{
	struct go_scenario_options o;
	int code;

	if (!s->run)
		return go_scenario_job(s->name, cli_get(args, "out"));
	code = go_scenario_parse(args, &o);
	if (code)
		return code;
	code = s->run(&o);
	if (o.data && fclose(o.data) != 0) {
		cli_error("--data=%s cannot be written: %s", cli_given(args, "data"),
			  strerror(errno));
		code = EXIT_CELLS_FAILED;
	}
	return code;
}

static int go_scenario_named(const struct cli_args *args)
{
	const char *names[N_GO_SCENARIOS];

	if (args->n_operands != 1) {
		cli_error("name one scenario; --list shows them");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < N_GO_SCENARIOS; i++) {
		names[i] = go_scenarios[i].name;
		if (strcmp(args->operands[0], names[i]) == 0)
			return go_scenario_run(args, &go_scenarios[i]);
	}
	const char *nearest = cli_nearest(args->operands[0], names, N_GO_SCENARIOS);

	cli_error("unknown scenario \"%s\"%s%s; --list shows them", args->operands[0],
		  nearest ? "; nearest is " : "", nearest ? nearest : "");
	return EXIT_USAGE;
}

static int go_scenario_main(int argc, char **argv)
{
	struct cli_args args;
	int code = cli_parse(&args, &cmd_go_scenario, argc, argv);

	if (code) {
		cli_free(&args);
		return code < 0 ? EXIT_GOOD : code;
	}
	if (cli_given(&args, "list"))
		for (size_t i = 0; i < N_GO_SCENARIOS; i++)
			printf("%-18s %s%s\n", go_scenarios[i].name, go_scenarios[i].summary,
			       go_scenarios[i].run ? "" : " (job file)");
	else
		code = go_scenario_named(&args);
	cli_free(&args);
	return code;
}
