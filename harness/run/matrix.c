/* SPDX-License-Identifier: MIT */
/* matrix.c - the loop over repetitions and cells: start, judge, keep, tell. */
#define XXH_INLINE_ALL
#include "run/matrix.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "build_info.h"
#include "clock.h"
#include "json_file.h"
#include "load/rng.h"
#include "report/text.h"
#include "run/matrix_child.h"
#include "run/matrix_progress.h"
#include "run/matrix_store.h"

#define MESSAGE_BYTES 1024

/* One repetition of one cell, in the order they run. */
struct matrix_turn {
	size_t cell;
	unsigned rep;
};

struct matrix_state {
	const struct matrix_job *job;
	const struct matrix_plan *plan;
	struct matrix_store store;
	struct matrix_turn *turns;
	size_t n_turns;
	char run_id[64];
	int signal_fd;
	struct matrix_progress progress;
	size_t n_failed;
};

/* ---------------------------------------------------------------- the order */

/* Every repetition is a fresh shuffle of the cells (Fisher and Yates), so that drift of the machine hits all
 * cells alike.  The shuffle is of the whole matrix, whatever the shard. */
static int matrix_make_turns(struct matrix_state *m)
{
	const struct matrix_job *job = m->job;
	size_t *order = malloc((job->n_cells + 1) * sizeof(*order));
	unsigned most_reps = 0;
	size_t n_all = 0;

	for (size_t i = 0; i < job->n_cells; i++) {
		n_all += job->cells[i].n_reps;
		if (job->cells[i].n_reps > most_reps)
			most_reps = job->cells[i].n_reps;
	}
	m->turns = malloc((n_all + 1) * sizeof(*m->turns));
	if (!order || !m->turns) {
		free(order);
		return -ENOMEM;
	}
	for (unsigned rep = 1; rep <= most_reps; rep++) {
		struct rng rng;

		rng_seed(&rng, m->plan->order_seed, rep, 0);
		for (size_t i = 0; i < job->n_cells; i++) {
			const size_t k = (size_t)rng_below(&rng, i + 1);

			order[i] = order[k];
			order[k] = i;
		}
		for (size_t i = 0; i < job->n_cells; i++) {
			const struct matrix_cell *cell = &job->cells[order[i]];

			if (rep <= cell->n_reps &&
			    matrix_is_in_shard(cell, m->plan->shard, m->plan->n_shards))
				m->turns[m->n_turns++] = (struct matrix_turn){order[i], rep};
		}
	}
	free(order);
	return 0;
}

/* ---------------------------------------------------------------- what this matrix is */

/* 16 hex digits over the bytes of the program that is executed. */
static int matrix_hash_file(const char *path, char *hash)
{
	XXH3_state_t *state = XXH3_createState();
	FILE *f = fopen(path, "rbe");
	char buf[65536];
	size_t n;
	int err = !f ? -errno : state ? 0 : -ENOMEM;

	if (!err) {
		XXH3_64bits_reset(state);
		while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
			XXH3_64bits_update(state, buf, n);
		snprintf(hash, MATRIX_ID_BYTES, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(state));
	}
	if (f)
		fclose(f);
	XXH3_freeState(state);
	return err;
}

/* Names of files and sections may be any bytes, JSON is UTF-8.  NULL when memory is short. */
static json_t *matrix_json_text(const char *text)
{
	char *copy = strdup(text);
	json_t *json = NULL;

	if (copy) {
		text_make_utf8(copy);
		json = json_string(copy);
	}
	free(copy);
	return json;
}

/* The cells, for merge to find gaps. */
static json_t *matrix_list_cells(const struct matrix_job *job)
{
	json_t *cells = json_array();

	for (size_t i = 0; cells && i < job->n_cells; i++) {
		char *text = matrix_cell_text(job, &job->cells[i]);
		json_t *cell =
			text ? json_pack("{s:s, s:o, s:i, s:o}", "id", job->cells[i].id, "scenario",
					 matrix_json_text(job->cells[i].scenario), "reps",
					 (int)job->cells[i].n_reps, "settings",
					 matrix_json_text(text))
			     : NULL;

		free(text);
		if (!cell || json_array_append_new(cells, cell)) {
			json_decref(cells);
			return NULL;
		}
	}
	return cells;
}

static json_t *matrix_identity(const struct matrix_state *m)
{
	char binary[MATRIX_ID_BYTES];
	char shard[32];

	if (matrix_hash_file(m->plan->binary, binary))
		return NULL;
	snprintf(shard, sizeof(shard), "%u/%u", m->plan->shard, m->plan->n_shards);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:o}", "format", 1, "build",
			 build_info()->build_id, "binary", binary, "machine", m->plan->env_id,
			 "job", m->job->hash, "job_file", matrix_json_text(m->job->path), "shard",
			 shard, "run_id", m->run_id, "cells", matrix_list_cells(m->job));
}

/* A matrix that goes on keeps its run_id: its rows are one run.  0 or -errno: it cannot be read. */
static int matrix_choose_run_id(struct matrix_state *m)
{
	char path[PATH_MAX];
	json_t *before;
	const char *id = m->plan->run_id;

	snprintf(m->run_id, sizeof(m->run_id), "%" PRIx64 "-%x", (uint64_t)time(NULL),
		 (unsigned)getpid());
	if (snprintf(path, sizeof(path), "%s/matrix.json", m->plan->out_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	before = m->plan->resume ? json_file_load(path, NULL) : NULL;
	/* Damaged: matrix_store_open() tells where. */
	if (m->plan->resume && !before && errno && errno != ENOENT)
		return -errno;
	if (!id)
		id = json_string_value(json_object_get(before, "run_id"));
	if (id)
		snprintf(m->run_id, sizeof(m->run_id), "%s", id);
	json_decref(before);
	return 0;
}

/* ---------------------------------------------------------------- one repetition */

/* How a child ended, in words; true when its rows count. */
static bool matrix_judge(const struct matrix_outcome *o, const struct matrix_cell *cell,
			 const char *log, char *reason)
{
	char last[256];

	reason[0] = '\0';
	matrix_log_last_line(log, last, sizeof(last));
	switch (o->end) {
	case MATRIX_NOT_STARTED:
		snprintf(reason, MATRIX_REASON_BYTES, "not started: %s", strerror(o->code));
		return false;
	case MATRIX_TIMED_OUT:
		snprintf(reason, MATRIX_REASON_BYTES,
			 "not finished after %.0f s (time-limit); killed",
			 (double)cell->limit_ns * 1e-9);
		return false;
	case MATRIX_SIGNALLED:
		snprintf(reason, MATRIX_REASON_BYTES, "killed by SIG%s%s%s%s",
			 sigabbrev_np(o->code) ? sigabbrev_np(o->code) : "?",
			 o->code != SIGKILL ? ""
			 : o->had_oom_kill  ? " for want of memory"
					    : " from outside",
			 *last ? ": " : "", last);
		return false;
	default:
		break;
	}
	if (o->code)
		snprintf(reason, MATRIX_REASON_BYTES, "%s (exit %d)%s%s",
			 o->code == 1 ? "a check failed" : "it gave up", o->code, *last ? ": " : "",
			 last);
	return o->code <= 1;
}

/* The row of a failed repetition, appended to what its rows are, or alone. */
static int matrix_write_failed(const struct matrix_state *m, const struct matrix_columns *columns,
			       const struct matrix_cell *cell, unsigned rep, const char *folder,
			       const char *reason)
{
	const struct report_stage stage = {.stage = "", .stage_s = NAN, .offered_ops_per_s = NAN};
	const struct report_row row = {
		.role = "process",
		.object = "",
		.phase = "",
		.table_state = "",
		.metric = "run",
		.stat = "count",
		.value = NAN,
		.unit = "",
		.better = "",
		.sampled_1_in = 1,
		.status = "failed",
		.reason = reason,
	};
	struct report_cell c = columns->cell;
	struct report_file *f;
	char path[PATH_MAX];
	char message[MESSAGE_BYTES];
	int err, close_err;

	c.run_id = m->run_id;
	c.build_id = build_info()->build_id;
	c.env_id = m->plan->env_id;
	c.scenario = cell->scenario;
	c.rep = rep;
	c.seed = cell->seed + rep - 1;
	if (snprintf(path, sizeof(path), "%s/run.csv", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	err = report_file_open(&f, path, false, message, sizeof(message));
	if (err)
		return err;
	err = report_row_add(f, &c, &stage, &row);
	close_err = report_file_close(f);
	return err ? err : close_err;
}

/* Rows of a repetition that went wrong are not for use; its log stays. */
static void matrix_drop_rows(const char *folder)
{
	static const char *const names[] = {"run.csv", "timeline.csv", "histograms.csv"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) < (int)sizeof(path))
			unlink(path);
	}
}

/* Judge, complete and keep what a child left.  0 or -errno: it could not be kept. */
static int matrix_keep(struct matrix_state *m, const struct matrix_turn *turn,
		       const struct matrix_columns *columns, const struct matrix_outcome *outcome,
		       const char *folder, const char *log, struct matrix_result *result)
{
	const struct matrix_cell *cell = &m->job->cells[turn->cell];
	bool has_rows = matrix_judge(outcome, cell, log, result->reason);
	int err = 0;

	result->elapsed_s = (double)outcome->elapsed_ns * 1e-9;
	if (has_rows && !matrix_read_figures(&m->progress.last, folder, columns->cell_id, turn->rep,
					     result->reason, sizeof(result->reason)))
		has_rows = false;
	/* What a log says may be any bytes, and cut anywhere. */
	text_make_utf8(result->reason);
	result->is_failed = *result->reason;
	if (result->is_failed) {
		/* A full disk makes every cell fail: that is not the cell's fault, so it runs again later. */
		err = matrix_store_probe(&m->store);
		if (!err && !has_rows)
			matrix_drop_rows(folder);
		if (!err)
			err = matrix_write_failed(m, columns, cell, turn->rep, folder,
						  result->reason);
	}
	if (!err)
		err = matrix_store_commit(&m->store, cell->id, turn->rep, result);
	return err;
}

/* 0; EXIT_INTERRUPTED; or EXIT_CELLS_FAILED when the folder cannot be written any more. */
static int matrix_turn_run(struct matrix_state *m, const struct matrix_turn *turn)
{
	const struct matrix_cell *cell = &m->job->cells[turn->cell];
	struct matrix_result result = {.is_failed = false};
	struct matrix_columns columns;
	struct matrix_outcome outcome = {MATRIX_NOT_STARTED, ENOMEM, 0, false};
	char folder[PATH_MAX] = "";
	char log[PATH_MAX + 16];
	char **argv = NULL;
	int code = matrix_columns_init(&columns, m->job, cell);
	int err = code ? 0 : matrix_store_begin(&m->store, cell->id, turn->rep, folder);

	if (code || err)
		goto out;
	snprintf(log, sizeof(log), "%s/log.txt", folder);
	argv = matrix_argv(m->job, cell, turn->rep, m->plan->binary, m->run_id, columns.cell_id,
			   folder);
	if (argv)
		outcome = matrix_child_run(argv, log, cell->limit_ns, m->signal_fd);
	if (outcome.end == MATRIX_INTERRUPTED) {
		matrix_store_abandon(&m->store, cell->id, turn->rep);
		code = EXIT_INTERRUPTED;
		goto out;
	}
	err = matrix_keep(m, turn, &columns, &outcome, folder, log, &result);
	if (!err)
		matrix_progress_done(&m->progress, cell, result.is_failed ? result.reason : NULL,
				     outcome.elapsed_ns);
	m->n_failed += !err && result.is_failed;
out:
	if (err) {
		matrix_progress_clear(&m->progress);
		cli_error("%s: %s; what is finished stays there, go on with --resume when it can "
			  "be written "
			  "again",
			  m->plan->out_dir, strerror(-err));
		matrix_store_abandon(&m->store, cell->id, turn->rep);
		code = EXIT_CELLS_FAILED;
	}
	matrix_argv_free(argv);
	matrix_columns_fini(&columns);
	return code;
}

/* ---------------------------------------------------------------- all */

/* Finished repetitions leave the list; failed ones too, unless they shall run again. */
static int matrix_skip_finished(struct matrix_state *m)
{
	size_t n_left = 0;

	for (size_t i = 0; i < m->n_turns; i++) {
		const struct matrix_cell *cell = &m->job->cells[m->turns[i].cell];
		struct matrix_result result;
		int is_there = matrix_store_has(&m->store, cell->id, m->turns[i].rep, &result);

		if (is_there < 0)
			return is_there;
		if (is_there && result.is_failed && m->plan->retry_failed) {
			const int err = matrix_store_forget(&m->store, cell->id, m->turns[i].rep);

			if (err)
				return err;
			is_there = 0;
		}
		m->n_failed += is_there && result.is_failed;
		if (!is_there)
			m->turns[n_left++] = m->turns[i];
	}
	matrix_progress_init(&m->progress, m->n_turns, m->n_turns - n_left, m->plan->quiet);
	m->n_turns = n_left;
	for (size_t i = 0; i < n_left; i++)
		m->progress.expected_left_ns += m->job->cells[m->turns[i].cell].expected_ns;
	return 0;
}

static int matrix_loop(struct matrix_state *m)
{
	int code = 0;

	for (size_t i = 0; i < m->n_turns && !code; i++) {
		matrix_progress_start(&m->progress, m->job, &m->job->cells[m->turns[i].cell],
				      m->turns[i].rep);
		code = matrix_turn_run(m, &m->turns[i]);
	}
	matrix_progress_clear(&m->progress);
	return code;
}

static int matrix_finish(struct matrix_state *m, int code)
{
	char message[MESSAGE_BYTES];
	const int err = matrix_store_collect(&m->store, m->job, message, sizeof(message));

	if (err) {
		cli_error("%s; the finished cells are in %s/cells, go on with --resume", message,
			  m->plan->out_dir);
		code = code ? code : EXIT_CELLS_FAILED;
	}
	if (code == EXIT_INTERRUPTED)
		cli_error("interrupted; %zu of %zu repetitions are in %s, go on with --resume",
			  m->progress.n_done, m->progress.n_all, m->plan->out_dir);
	if (m->progress.n_unsteady)
		cli_error("steady=0: in %zu repetitions stages were ended by their time-out, see "
			  "the rows "
			  "`steady`",
			  m->progress.n_unsteady);
	if (!code && m->n_failed) {
		cli_error("%zu of %zu repetitions failed; their reasons are in %s/run.csv, their "
			  "logs in "
			  "cells/*/log.txt",
			  m->n_failed, m->progress.n_all, m->plan->out_dir);
		code = EXIT_CELLS_FAILED;
	}
	if (!code && !m->plan->quiet)
		printf("%zu repetitions in %s/run.csv\n", m->progress.n_all, m->plan->out_dir);
	return code;
}

/* Signals that end a matrix are read from a descriptor, so that nothing happens between two lines. */
static int matrix_block_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int matrix_run(const struct matrix_job *job, const struct matrix_plan *plan)
{
	struct matrix_state m = {.job = job, .plan = plan, .signal_fd = -1};
	char message[MESSAGE_BYTES] = "out of memory";
	sigset_t before;
	int code = matrix_check_cells(job);
	int err;

	if (code)
		return code;
	err = matrix_choose_run_id(&m);
	if (err) {
		cli_error("%s/matrix.json: %s", plan->out_dir, strerror(-err));
		return EXIT_USAGE;
	}
	m.signal_fd = matrix_block_signals(&before);
	err = matrix_store_open(&m.store, plan->out_dir, matrix_identity(&m), plan->resume,
				plan->allow_mixed, message, sizeof(message));
	if (!err) {
		err = matrix_make_turns(&m);
		if (!err)
			err = matrix_skip_finished(&m);
		if (err)
			snprintf(message, sizeof(message), "%s: %s", plan->out_dir, strerror(-err));
	}
	if (err) {
		cli_error("%s", message);
		code = EXIT_USAGE;
	} else {
		code = matrix_finish(&m, matrix_loop(&m));
	}
	matrix_store_close(&m.store);
	free(m.turns);
	if (m.signal_fd >= 0) {
		struct signalfd_siginfo taken;

		/* Take what was answered, or it would end this process when it is unblocked. */
		while (read(m.signal_fd, &taken, sizeof(taken)) > 0)
			;
		close(m.signal_fd);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}

int matrix_dry_run(const struct matrix_job *job, const struct matrix_plan *plan)
{
	uint64_t total_ns = 0;
	size_t n_cells = 0, n_reps = 0;
	const int code = matrix_check_cells(job);

	if (code)
		return code;
	printf("%-16s  %-12s  %4s  %6s  %s\n", "cell", "scenario", "reps", "s/rep", "settings");
	for (size_t i = 0; i < job->n_cells; i++) {
		const struct matrix_cell *cell = &job->cells[i];
		char *text;

		if (!matrix_is_in_shard(cell, plan->shard, plan->n_shards))
			continue;
		text = matrix_cell_text(job, cell);
		if (!text) {
			cli_error("out of memory");
			return EXIT_USAGE;
		}
		printf("%-16s  %-12s  %4u  %6.1f  %s\n", cell->id, cell->scenario, cell->n_reps,
		       (double)cell->expected_ns * 1e-9, text);
		free(text);
		total_ns += cell->n_reps * cell->expected_ns;
		n_reps += cell->n_reps;
		n_cells++;
	}
	printf("%zu cells", n_cells);
	if (plan->n_shards > 1)
		printf(" of %zu (shard %u/%u)", job->n_cells, plan->shard, plan->n_shards);
	if (job->n_excluded)
		printf(", %zu excluded", job->n_excluded);
	printf(", %zu repetitions, about ", n_reps);
	matrix_print_duration(stdout, total_ns);
	putchar('\n');
	return EXIT_GOOD;
}
