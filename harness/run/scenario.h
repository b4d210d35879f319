/* SPDX-License-Identifier: MIT */
/* scenario.h - what the scenarios about the collector's insides share: a domain with one map, rows, a table.
 *
 * A scenario measures one thing that no stage of `run` shows.  Each figure goes to DIR/run.csv as a row and to
 * standard output as a line of a table.  Main thread, but where a scenario starts threads of its own.
 */
#ifndef RECLAIMBENCH_RUN_SCENARIO_H
#define RECLAIMBENCH_RUN_SCENARIO_H

#include "cli.h"
#include "hmap.h"
#include "measure/env.h"
#include "reclaim.h"
#include "report/csv.h"

#define SCENARIO_VALUE_BYTES 64

struct scenario {
	const char *name;
	const struct clock *clock;
	uint64_t min_keys, max_keys; /* sizes of the tables: from, to, in steps of 4 */
	unsigned n_rounds;
	unsigned max_threads;
	uint64_t duration_ns;
	uint64_t seed;
	struct report_file *rows; /* NULL: no --out */
	bool has_rows;		  /* DIR/run.csv was written here, not by `matrix` */
	const char *dir;
	struct env *env;
	char run_id[64];
	const char *build_id, *env_id;
	int error; /* first -errno of a row */

	/* Of a job file's cell; 0 else. */
	const char *section;
	unsigned rep;  /* 1, 2, ... */
	bool is_first; /* prints what stands above a table's lines */
};

/* A scenario whose settings stand in a job file (`program = NAME` in its [global]).  run() is called once for each
 * cell and repetition, in a process of its own; it returns an exit code, after a message where it is not 0. */
struct scenario_program {
	const char *name;
	const struct cli_option
		*settings; /* the keys; the texts of one cell are read by cli_get() */
	int (*run)(struct scenario *s, const struct cli_args *settings);
};
extern const struct scenario_program scenario_ghost, scenario_deterministic, scenario_alignment,
	scenario_heap_curve, scenario_assist; /* ../goref/go_scenario_*.c */

/* Run a job file: of a program, its cells; else `matrix` and then `table`.  An exit code; s->dir NULL: no files for
 * a program, "reclaimbench-NAME" for a matrix of NAME.ini.  `is_dry`: print the cells only; `is_resumed`: a matrix goes on.
 * scenario_job.c. */
int scenario_job_run(struct scenario *s, const char *path, bool is_dry, bool is_resumed);
/* Whether a name is a job file's path: it has a / or ends in .ini. */
bool scenario_job_is_path(const char *name);
/* Where the job file of a scenario is: the path itself, or by its name below scripts/matrices of this folder, of the
 * folder above the program's, or where `make install` put it.  False after a message. */
bool scenario_job_find(const char *name, char *path, size_t size);

/* Open DIR/run.csv for appending, DIR made when there is none: 0 or EXIT_USAGE after a message.  Nothing without
 * s->dir. */
int scenario_open_rows(struct scenario *s) __attribute__((warn_unused_result));
/* Close it: `code`, or EXIT_CELLS_FAILED after a message when rows were lost. */
int scenario_close_rows(struct scenario *s, int code);

/* A domain, this thread, a map. */
struct scenario_map {
	const struct scenario *s;
	const char *strategy, *options;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map;
	enum hmap_mode mode;
	uint64_t n_keys; /* for the rows */
};

struct scenario_setup {
	const char *strategy, *options;
	enum hmap_mode mode;
	enum hmap_unlink unlink;
	bool huge_pages, tracking;
	hmap_hash_fn *hash;
	const struct hmap_hooks *hooks;
};

/* 0, or -errno after saying what is wrong.  Release with scenario_map_close(), after an error too. */
int scenario_map_open(struct scenario_map *m, const struct scenario *s,
		      const struct scenario_setup *setup) __attribute__((warn_unused_result));
void scenario_map_close(struct scenario_map *m);
/* Insert keys [from, to).  0 or -ENOMEM. */
int scenario_fill(struct scenario_map *m, uint64_t from, uint64_t to)
	__attribute__((warn_unused_result));
/* Delete one key; whether it was there. */
bool scenario_delete(struct scenario_map *m, uint64_t key);
/* Overwrite until no growth is going on.  0 or -ENOMEM. */
int scenario_settle(struct scenario_map *m) __attribute__((warn_unused_result));

/* One figure. */
struct scenario_value {
	const char *setting; /* what was varied: "live=25%"; goes to `stage` */
	const char *metric, *stat, *unit, *better;
	double value; /* NAN: not_available, `reason` says why */
	uint64_t n;
	const char *reason;
	const char *status; /* NULL: ok, or not_available where `value` is NAN */
};
void scenario_row(struct scenario *s, const struct scenario_map *m, const struct scenario_value *v);

static inline uint64_t scenario_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
/* A scenario's exit code from its error (0 or -errno), which is said. */
int scenario_end(const struct scenario *s, int error) __attribute__((warn_unused_result));
/* Median; sorts in place. */
double scenario_median(double *values, unsigned n);
#define SCENARIO_MAX_ROUNDS 101

/* The scenarios: an exit code.  Each prints its table. */
int scenario_granularity(struct scenario *s);  /* scenario_mark.c */
int scenario_mark_cost(struct scenario *s);    /* scenario_cost.c */
int scenario_pause_window(struct scenario *s); /* scenario_pause.c */
int scenario_co_occurrence(struct scenario *s);
int scenario_parallel_growth(struct scenario *s); /* scenario_growth.c */
int scenario_stale_reader(struct scenario *s);	  /* cmd_inspect.c */
int scenario_work(struct scenario *s);		  /* scenario_work.c */

#endif
