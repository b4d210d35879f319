/* SPDX-License-Identifier: MIT */
/* cmd_scenario.c - `reclaimbench scenario NAME`: what happens inside the collector and the map, which no stage of
 * `run` shows. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "mkdirs.h"
#include "run/memory.h"
#include "run/scenario.h"

extern const struct cli_command cmd_scenario;

static const struct scenario_entry {
	const char *name, *summary;
	int (*run)(struct scenario *s); /* NULL: scripts/matrices/NAME.ini */
} scenario_list[] = {
	{"granularity",
	 "mark bit in the header, beside the objects, one a span: bytes, time, false retention",
	 scenario_granularity},
	{"mark-cost", "marking by occupancy, layout, barrier, evacuation progress, huge pages",
	 scenario_mark_cost},
	{"pause-window", "marking inside 10 ms windows each 50, 10 or 5 ms", scenario_pause_window},
	{"co-occurrence", "delete latency classes against the distance to pauses and sweeps",
	 scenario_co_occurrence},
	{"parallel-growth", "one growth worked off by 1..n writers", scenario_parallel_growth},
	{"stale-reader", "what a reader that stays holds under each strategy: inspect --why of all",
	 scenario_stale_reader},
	{"work",
	 "cost against table size and against the number of retired objects, with exponents",
	 scenario_work},
	{"staged", "lifetime percentiles at 1k, 5k, 10k operations per second and unthrottled",
	 NULL},
	{"lifecycle", "time in the phases ghost, grace and sweep", NULL},
	{"capacity", "small against large maps: delay from death to free", NULL},
	{"mixed", "delete, insert and growth together", NULL},
	{"ghost", "a growth that stops, an iterated map that pins, and the cure", NULL},
	{"deterministic", "1,000 keys, one delete each 10 ms, cycles by hand", NULL},
	{"alignment-in-time", "each delete's offset to its cycle, its marking and its sweep", NULL},
	{"heap-curve", "live bytes, objects and next goal when deletes begin", NULL},
	{"assist", "what allocating threads pay while marking is on", NULL},
};
#define N_SCENARIOS (sizeof(scenario_list) / sizeof(scenario_list[0]))

static const struct cli_option scenario_options[] = {
	{"from", "N", "2^10", "keys of the smallest table; 0: an empty map"},
	{"to", "N", "2^16", "keys of the largest table; sizes go up by 4"},
	{"rounds", "N", "5", "measurements of each point, of which the median is taken (1 to 101)"},
	{"threads", "N", "2", "most writers of parallel-growth (1 to 64)"},
	{"duration", "TIME", "500ms", "of each point that runs under load"},
	{"seed", "N", "1", "of keys and their order"},
	{"out", "DIR", NULL,
	 "write DIR/run.csv and DIR/env.json too (default for job files of `run` cells: "
	 "reclaimbench-NAME)"},
	{"resume", NULL, NULL,
	 "job files of `run` cells: go on with what DIR holds; what is finished there does not run "
	 "again"},
	{"dry-run", NULL, NULL, "job files: print the cells, and run nothing"},
	{"list", NULL, NULL, "print the names, and run nothing"},
	CLI_OPTIONS_END,
};

static const struct scenario_entry *scenario_find(const char *name)
{
	const char *names[N_SCENARIOS], *nearest;

	for (size_t i = 0; i < N_SCENARIOS; i++) {
		names[i] = scenario_list[i].name;
		if (strcmp(names[i], name) == 0)
			return &scenario_list[i];
	}
	nearest = cli_nearest(name, names, N_SCENARIOS);
	if (nearest)
		cli_error("no scenario \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		cli_error("no scenario \"%s\"; `reclaimbench scenario` lists them", name);
	return NULL;
}

static void scenario_print_list(void)
{
	for (size_t i = 0; i < N_SCENARIOS; i++)
		printf("%-18s %s%s\n", scenario_list[i].name, scenario_list[i].summary,
		       scenario_list[i].run ? "" : " (job file)");
}

static int scenario_parse(struct scenario *s, const struct cli_args *args)
{
	uint64_t n_rounds, n_threads;
	int code = cli_get_count(args, "from", 0, UINT64_C(1) << 32, &s->min_keys);

	if (!code)
		code = cli_get_count(args, "to", 0, UINT64_C(1) << 40, &s->max_keys);
	if (!code)
		code = cli_get_count(args, "rounds", 1, SCENARIO_MAX_ROUNDS, &n_rounds);
	if (!code)
		code = cli_get_count(args, "threads", 1, 64, &n_threads);
	if (!code)
		code = cli_get_time_ns(args, "duration", 10000000, UINT64_C(600000000000),
				       &s->duration_ns);
	if (!code)
		code = cli_get_count(args, "seed", 1, UINT64_MAX, &s->seed);
	if (code)
		return code;
	s->n_rounds = (unsigned)n_rounds;
	s->max_threads = (unsigned)n_threads;
	if (s->min_keys > s->max_keys) {
		cli_error("--from=%s is more than --to=%s", cli_get(args, "from"),
			  cli_get(args, "to"));
		return EXIT_USAGE;
	}
	return run_check_memory("to", s->max_keys, SCENARIO_VALUE_BYTES);
}

int scenario_open_rows(struct scenario *s)
{
	char path[4200], message[512];
	int error;

	if (!s->dir)
		return 0;
	error = mkdirs(s->dir);
	if (error) {
		cli_error("--out=%s: %s", s->dir, strerror(-error));
		return EXIT_USAGE;
	}
	snprintf(path, sizeof(path), "%.4000s/run.csv", s->dir);
	if (report_file_open(&s->rows, path, false, message, sizeof(message))) {
		cli_error("%s", message);
		s->rows = NULL;
		return EXIT_USAGE;
	}
	s->has_rows = true;
	return 0;
}

int scenario_close_rows(struct scenario *s, int code)
{
	int error;

	if (!s->rows)
		return code;
	error = report_file_close(s->rows);
	s->rows = NULL;
	error = error ? error : s->error;
	if (error) {
		cli_error("--out=%s: %s", s->dir, strerror(-error));
		return EXIT_CELLS_FAILED;
	}
	return code;
}

static int scenario_write_env(const struct scenario *s, int code)
{
	char path[4200];
	int error;

	if (!s->dir || code == EXIT_USAGE)
		return code;
	snprintf(path, sizeof(path), "%.4000s/env.json", s->dir);
	error = env_write(s->env, path);
	if (error)
		cli_error("%s: %s", path, strerror(-error));
	return error ? EXIT_CELLS_FAILED : code;
}

/* `path`: of its job file; NULL: its code. */
static int scenario_run(struct scenario *s, const struct scenario_entry *entry, const char *path,
			const struct cli_args *args)
{
	const bool is_dry = cli_given(args, "dry-run") != NULL;
	struct clock clock;
	int code;

	clock_init(&clock, false);
	/* cppcheck-suppress autoVariables ; it is used below this call only */
	s->clock = &clock;
	if (env_collect(&s->env, "")) {
		cli_error("out of memory");
		return EXIT_USAGE;
	}
	s->build_id = build_info()->build_id;
	s->env_id = env_id(s->env);
	snprintf(s->run_id, sizeof(s->run_id), "%.30s-%lld-%d", s->name, (long long)time(NULL),
		 (int)getpid());
	if (path) {
		code = scenario_job_run(s, path, is_dry, cli_given(args, "resume") != NULL);
	} else {
		code = scenario_open_rows(s);
		/* Once now: a run that is cut short has its environment, too. */
		if (!code)
			code = scenario_write_env(s, 0);
		if (!code)
			code = scenario_close_rows(s, entry->run(s));
	}
	if (!is_dry && s->has_rows)
		code = scenario_write_env(s, code);
	env_destroy(s->env);
	return code;
}

/* What a job file sets is not for the command line: the run would not be what the file says. */
static int scenario_check_options(const struct cli_args *args, const char *path)
{
	static const char *const for_code[] = {"from",	  "to",	      "rounds",
					       "threads", "duration", "seed"};
	static const char *const for_jobs[] = {"dry-run", "resume"};

	for (size_t i = 0; path && i < sizeof(for_code) / sizeof(for_code[0]); i++) {
		if (cli_given(args, for_code[i])) {
			cli_error("--%s: %s says what is run; copy it, change the copy, and give "
				  "its path",
				  for_code[i], path);
			return EXIT_USAGE;
		}
	}
	for (size_t i = 0; !path && i < sizeof(for_jobs) / sizeof(for_jobs[0]); i++) {
		if (cli_given(args, for_jobs[i])) {
			cli_error("--%s is for scenarios that are job files", for_jobs[i]);
			return EXIT_USAGE;
		}
	}
	return 0;
}

static int scenario_named(struct scenario *s, const struct cli_args *args)
{
	const struct scenario_entry *entry = NULL;
	const char *name = args->operands[0];
	bool is_job = scenario_job_is_path(name);
	char path[4200];
	int code;

	if (args->n_operands > 1) {
		cli_error("one scenario at a time; \"%s\" is one too many", args->operands[1]);
		return EXIT_USAGE;
	}
	if (!is_job) {
		entry = scenario_find(name);
		if (!entry)
			return EXIT_USAGE;
		is_job = !entry->run;
	}
	if (is_job && !scenario_job_find(name, path, sizeof(path)))
		return EXIT_USAGE;
	code = scenario_check_options(args, is_job ? path : NULL);
	if (!code)
		code = scenario_parse(s, args);
	s->name = entry ? entry->name : "job";
	s->dir = cli_given(args, "out");
	return code ? code : scenario_run(s, entry, is_job ? path : NULL, args);
}

static int scenario_main(int argc, char **argv)
{
	struct scenario s = {0};
	struct cli_args args;
	int code = cli_parse(&args, &cmd_scenario, argc, argv);

	if (code)
		return code < 0 ? EXIT_GOOD : code;
	if (args.n_operands == 0 || cli_given(&args, "list"))
		scenario_print_list();
	else
		code = scenario_named(&s, &args);
	cli_free(&args);
	return code;
}

const struct cli_command cmd_scenario = {
	.name = "scenario",
	.operands = "[NAME|FILE.ini]",
	.summary =
		"run a scenario by its name, or a job file, and print its short table; alone, list "
		"them",
	.examples = "reclaimbench scenario --list\n"
		    "reclaimbench scenario ghost\n"
		    "reclaimbench scenario staged --out=results/staged\n"
		    "reclaimbench scenario my-ghost.ini --dry-run\n"
		    "reclaimbench scenario granularity --to=2^20 --out=DIR\n",
	.options = scenario_options,
	.main = scenario_main,
};
