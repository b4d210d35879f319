/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `reclaimbench run`: one cell, one or several repetitions. */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/config.h"
#include "run/run.h"

/* Repetitions are fresh processes: this program again, with --rep=K in place of --reps=N. */
static char **run_child_argv(int argc, char **argv, char *rep_option)
{
	char **child = calloc((size_t)argc + 3, sizeof(*child));
	int n = 0;

	if (child == NULL)
		return NULL;
	child[n++] = (char *)"reclaimbench";
	child[n++] = argv[0];
	child[n++] = rep_option;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--reps=", 7) == 0)
			continue;
		if (strcmp(argv[i], "--reps") == 0)
			i++;
		else
			child[n++] = argv[i];
	}
	return child;
}

/* Returns the child's exit code.  Signals from the terminal reach the child too; a parent that ends ends it. */
static int run_child(char **child)
{
	const pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0) {
		cli_error("a repetition cannot be started: %s", strerror(errno));
		return EXIT_CELLS_FAILED;
	}
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(EXIT_INTERRUPTED); /* it ended before that took hold */
		execv("/proc/self/exe", child);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_CELLS_FAILED;
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM ||
				    WTERMSIG(status) == SIGHUP))
		return EXIT_INTERRUPTED; /* before its first stage: it had no handler yet */
	if (WIFSIGNALED(status)) {
		cli_error("a repetition was ended by signal %d", WTERMSIG(status));
		return EXIT_CELLS_FAILED;
	}
	return WEXITSTATUS(status);
}

static int run_repetitions(const struct run_config *config, int argc, char **argv)
{
	void (*before)(int) = signal(SIGINT, SIG_IGN);
	int worst = EXIT_GOOD;

	for (unsigned rep = 1; rep <= config->n_reps && worst != EXIT_INTERRUPTED; rep++) {
		char option[32];

		snprintf(option, sizeof(option), "--rep=%u", rep);
		char **child = run_child_argv(argc, argv, option);

		if (child == NULL)
			return EXIT_CELLS_FAILED;
		if (!config->quiet)
			printf("repetition %u of %u\n", rep, config->n_reps);
		fflush(stdout);
		const int code = run_child(child);

		free(child);
		if (code > worst)
			worst = code;
	}
	signal(SIGINT, before);
	return worst;
}

/* ---------------------------------------------------------------- --alloc=jemalloc|mimalloc */

static const struct {
	const char *alloc, *library, *package;
} run_allocators[] = {
	{"jemalloc", "libjemalloc.so.2", "libjemalloc2"},
	{"mimalloc", "libmimalloc.so.2", "libmimalloc2.0"},
};

/* Does malloc() come from a shared object of this name? */
static bool run_malloc_is(const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, "malloc");
	Dl_info info;

	return symbol && dladdr(symbol, &info) && info.dli_fname && strstr(info.dli_fname, name);
}

/* This program again, with the library in front.  Returns only if that cannot be done. */
static void run_with_preload(const char *library, int argc, char **argv)
{
	const char *before = getenv("LD_PRELOAD");
	char **again = calloc((size_t)argc + 2, sizeof(*again));
	char *preload = NULL;

	if (asprintf(&preload, "%s%s%s", library, before ? ":" : "", before ? before : "") < 0)
		preload = NULL;
	if (again && preload && !setenv("LD_PRELOAD", preload, 1)) {
		again[0] = (char *)"reclaimbench";
		memcpy(again + 1, argv, (size_t)argc * sizeof(*again));
		execv("/proc/self/exe", again);
	}
	free(preload);
	free(again);
}

/* An allocator must be there before anything is allocated, so it is preloaded by running this program again.  0 when
 * the one asked for is in use, or none is. */
static int run_preload(const char *alloc, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(run_allocators) / sizeof(run_allocators[0]); i++) {
		const char *library = run_allocators[i].library, *before = getenv("LD_PRELOAD");

		if (strcmp(alloc, run_allocators[i].alloc) != 0 || run_malloc_is(library))
			continue;
		if (!before || !strstr(before, library))
			run_with_preload(library, argc, argv);
		cli_error("--alloc=%s: %s could not be preloaded; install the package %s, or use "
			  "--alloc=malloc",
			  alloc, library, run_allocators[i].package);
		return EXIT_USAGE;
	}
	return 0;
}

static int run_main(int argc, char **argv);

const struct cli_command cmd_run = {
	.name = "run",
	.operands = "",
	.summary = "run one strategy under staged load and record lifetimes",
	.examples =
		"reclaimbench run --strategy=sweepgen --stages=1k:5s,max:5s\n"
		"reclaimbench run --strategy=sweepgen:gogc=50 --dist=fifo --keys=2^16 --out=DIR\n"
		"reclaimbench run --trace=own-gitlog.malloc.csv.gz --trace-pace=1x --out=DIR\n",
	.options = run_options,
	.main = run_main,
};

static int run_main(int argc, char **argv)
{
	struct run_config config;
	struct cli_args args;
	int code = cli_parse(&args, &cmd_run, argc, argv);

	if (code != 0) {
		cli_free(&args);
		return code < 0 ? EXIT_GOOD : code;
	}
	code = run_config_parse(&config, &args);
	if (code == 0)
		code = run_preload(config.alloc_text, argc, argv);
	if (code == 0 && config.n_reps > 1 && cli_given(&args, "rep") == NULL)
		code = run_repetitions(&config, argc, argv);
	else if (code == 0)
		code = run_once(&config);
	run_config_fini(&config);
	cli_free(&args);
	return code;
}
