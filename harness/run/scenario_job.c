/* SPDX-License-Identifier: MIT */
/* scenario_job.c - scenarios that are job files: where the file is, who runs it, and each cell in its own process. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/matrix_job.h"
#include "run/scenario.h"

static const struct scenario_program *const programs[] = {
	&scenario_ghost,      &scenario_deterministic, &scenario_alignment,
	&scenario_heap_curve, &scenario_assist,
};
#define N_PROGRAMS (sizeof(programs) / sizeof(programs[0]))

/* ---------------------------------------------------------------- where */

bool scenario_job_is_path(const char *name)
{
	const size_t n = strlen(name);

	return strchr(name, '/') || (n > 4 && !strcmp(name + n - 4, ".ini"));
}

bool scenario_job_find(const char *name, char *path, size_t size)
{
	static const char *const below[] = {"/../scripts/matrices", "/../../scripts/matrices",
					    "/../share/reclaimbench/matrices"};
	char program[PATH_MAX];
	ssize_t n;

	if (scenario_job_is_path(name)) {
		snprintf(path, size, "%s", name);
		if (!access(path, R_OK))
			return true;
		cli_error("%s cannot be read: %s", path, strerror(errno));
		return false;
	}
	snprintf(path, size, "scripts/matrices/%s.ini", name);
	if (!access(path, R_OK))
		return true;
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = '\0';
	if (strrchr(program, '/'))
		*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		snprintf(path, size, "%s%s/%s.ini", program, below[i], name);
		if (!access(path, R_OK))
			return true;
	}
	cli_error("scripts/matrices/%s.ini is neither here nor beside the program; run it from the "
		  "top of the repository, or give the file's path",
		  name);
	return false;
}

/* ---------------------------------------------------------------- children */

/* Wait for it.  Its exit code; a child that was killed counts as failed. */
static int job_wait(pid_t pid, const char *what)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			cli_error("%s: %s", what, strerror(errno));
			return EXIT_CELLS_FAILED;
		}
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cli_error("%s was killed by signal %d (%s)", what, WTERMSIG(status),
		  strsignal(WTERMSIG(status)));
	return EXIT_CELLS_FAILED;
}

static int job_exec(const char *const *argv)
{
	fflush(NULL);
	const pid_t pid = fork();

	if (pid < 0) {
		cli_error("%s cannot be started: %s", argv[1], strerror(errno));
		return EXIT_CELLS_FAILED;
	}
	if (pid == 0) {
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return job_wait(pid, argv[1]);
}

/* ---------------------------------------------------------------- matrix */

/* "reclaimbench-staged" for any staged.ini: another file has another folder. */
static void job_default_dir(const char *path, char *dir, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const size_t n = strlen(name);

	snprintf(dir, size, "reclaimbench-%.*s",
		 (int)(n > 4 && !strcmp(name + n - 4, ".ini") ? n - 4 : n), name);
}

static int job_run_matrix(const struct scenario *s, const char *path, bool is_dry, bool is_resumed)
{
	char dir[PATH_MAX], out[PATH_MAX + 8];
	const char *const matrix[] = {"reclaimbench",
				      "matrix",
				      path,
				      out,
				      is_dry ? "--dry-run" : is_resumed ? "--resume" : NULL,
				      NULL};
	const char *const table[] = {"reclaimbench", "table", dir, NULL};
	int code, shown;

	if (s->dir)
		snprintf(dir, sizeof(dir), "%s", s->dir);
	else
		job_default_dir(path, dir, sizeof(dir));
	snprintf(out, sizeof(out), "--out=%s", dir);
	code = job_exec(matrix);
	/* Cells may have failed: the table says of which there is something to show. */
	if (is_dry || (code != EXIT_GOOD && code != EXIT_CELLS_FAILED && code != EXIT_CHECK_FAILED))
		return code;
	shown = job_exec(table);
	return code ? code : shown;
}

/* ---------------------------------------------------------------- programs */

struct job_run {
	struct scenario *s;
	const struct scenario_program *program;
	const struct matrix_job *job;
};

/* The child: one cell, its rows, its exit code. */
static int job_cell(struct job_run *run, const struct matrix_cell *cell)
{
	const struct cli_command command = {.name = "scenario", .options = run->job->options};
	const struct cli_args settings = {.command = &command, .values = cell->values};
	int code = scenario_open_rows(run->s);

	if (code)
		return code;
	code = run->program->run(run->s, &settings);
	if (code == EXIT_USAGE)
		cli_error("%s:%u: [%s] has settings that do not fit", run->job->path, cell->line,
			  cell->scenario);
	return scenario_close_rows(run->s, code);
}

static int job_fork_cell(struct job_run *run, const struct matrix_cell *cell)
{
	fflush(NULL);
	const pid_t pid = fork();

	if (pid < 0) {
		cli_error("[%s] cannot be started: %s", cell->scenario, strerror(errno));
		return EXIT_CELLS_FAILED;
	}
	if (pid == 0)
		exit(job_cell(run, cell));
	return job_wait(pid, cell->scenario);
}

static int job_run_cells(struct job_run *run)
{
	unsigned n_reps = 1;
	int worst = EXIT_GOOD;

	run->s->is_first = true;
	run->s->has_rows = run->s->dir != NULL; /* the children write them */
	for (unsigned rep = 1; rep <= n_reps; rep++) {
		for (size_t i = 0; i < run->job->n_cells; i++) {
			const struct matrix_cell *cell = &run->job->cells[i];
			int code;

			if (cell->n_reps > n_reps)
				n_reps = cell->n_reps;
			if (rep > cell->n_reps)
				continue;
			run->s->section = cell->scenario;
			run->s->seed = cell->seed + rep - 1;
			run->s->rep = rep;
			code = job_fork_cell(run, cell);
			if (code == EXIT_USAGE)
				return code;
			worst = code > worst ? code : worst;
			run->s->is_first = false;
		}
	}
	return worst;
}

static void job_print_cells(const struct matrix_job *job)
{
	for (size_t i = 0; i < job->n_cells; i++) {
		char *text = matrix_cell_text(job, &job->cells[i]);

		printf("%-18s reps=%u %s\n", job->cells[i].scenario, job->cells[i].n_reps,
		       text ? text : "");
		free(text);
	}
}

static int job_run_program(struct scenario *s, const char *path, const char *name, bool is_dry)
{
	const char *names[N_PROGRAMS];
	struct job_run run = {.s = s};
	struct matrix_job job = {.n_cells = 0};
	char message[1024];
	int code = EXIT_GOOD;

	for (size_t i = 0; i < N_PROGRAMS; i++) {
		names[i] = programs[i]->name;
		if (!strcmp(name, names[i]))
			run.program = programs[i];
	}
	if (!run.program) {
		const char *nearest = cli_nearest(name, names, N_PROGRAMS);

		cli_error("%s: program = %s is not known%s%s", path, name,
			  nearest ? "; did you mean " : "", nearest ? nearest : "");
		return EXIT_USAGE;
	}
	run.job = &job;
	if (matrix_job_read_for(&job, path, name, run.program->settings, message,
				sizeof(message))) {
		cli_error("%s", message);
		code = EXIT_USAGE;
	} else if (is_dry) {
		job_print_cells(&job);
	} else {
		code = job_run_cells(&run);
	}
	matrix_job_fini(&job);
	return code;
}

int scenario_job_run(struct scenario *s, const char *path, bool is_dry, bool is_resumed)
{
	char program[64], message[1024];

	if (matrix_job_program(path, program, sizeof(program), message, sizeof(message))) {
		cli_error("%s", message);
		return EXIT_USAGE;
	}
	if (!program[0])
		return job_run_matrix(s, path, is_dry, is_resumed);
	if (is_resumed) {
		cli_error(
			"--resume: %s is for program = %s, whose cells all run anew; leave it out",
			path, program);
		return EXIT_USAGE;
	}
	return job_run_program(s, path, program, is_dry);
}
