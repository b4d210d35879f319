/* SPDX-License-Identifier: MIT */
/* config.h - what one run shall do: the options of `reclaimbench run`, checked, in plain numbers.
 *
 * Filled once by run_config_parse() and read-only after.  Texts stay the command line's.
 */
#ifndef RECLAIMBENCH_RUN_CONFIG_H
#define RECLAIMBENCH_RUN_CONFIG_H

#include "cli.h"
#include "hmap.h"
#include "load/keys.h"
#include "load/mix.h"
#include "load/sched.h"
#include "load/stages.h"
#include "load/trace_replay.h"
#include "measure/steady.h"
#include "reclaim.h"
#include "report/csv.h"

/* Payload bounds.  Above 1 GiB an entry is a typing error, or a broken trace. */
#define RUN_MIN_VALUE_BYTES 8
#define RUN_MAX_VALUE_BYTES (UINT64_C(1) << 30)

/* Workers at once; the domain allows 4,096 records, collectors and churn included. */
#define RUN_MAX_THREADS 2048

enum run_pin { RUN_PIN_NONE, RUN_PIN_CORES, RUN_PIN_LIST };

struct run_config {
	const struct reclaim_ops *ops;
	char *strategy_options; /* owned; "" when none */
	unsigned n_threads;	/* mutators */
	unsigned n_readers;	/* threads that only get, closed loop */
	uint64_t n_keys;
	struct mix mix;
	struct keys_dist dist;
	size_t value_bytes;   /* 0: plain values; the least one when is_value_traced */
	bool is_value_traced; /* payloads have the sizes that the trace recorded */
	size_t garbage_bytes;
	struct stages stages;
	uint64_t warmup_ns;
	struct steady_rule steady; /* by which a stage may end early; limit 0: none */
	enum sched_arrival arrival;
	enum hmap_unlink unlink;
	enum heap_kind alloc;
	enum run_pin pin;
	unsigned pin_cpus[RUN_MAX_THREADS]; /* RUN_PIN_LIST: used in turn */
	unsigned n_pin_cpus;
	uint64_t seed;
	unsigned n_reps;
	unsigned rep;
	uint32_t sample_1_in;
	uint64_t sample_every_ns; /* of the timeline */
	bool tracking;
	bool tracking_cost;
	bool audit;
	bool gc_log;
	bool quiet; /* prints only errors, and checks that failed */
	bool trace_json;
	bool huge_pages;
	const char *out_dir;
	const char *scenario;
	const char *run_id;  /* NULL: made from time and process */
	const char *cell_id; /* NULL: a hash of the load and the strategy */
	/* As given or by default, for the rows. */
	const char *mix_text, *dist_text, *stages_text, *arrival_text, *unlink_text, *alloc_text;
	const char *pin_text;
	const char *steady_text; /* NULL: none */
	const char *events_text; /* NULL: none */
	const char *trace_path;	 /* NULL: generated load */
	const char *trace_format, *trace_pace, *evict_text;
	struct trace_options trace_options;
	struct trace_pace pace; /* of the option; a source has the one in use */
};

extern const struct cli_option run_options[];

/* Check and convert.  0 or EXIT_USAGE after saying what is wrong.  `args` must outlive the config.  Release
 * with run_config_fini(), after an error too. */
int run_config_parse(struct run_config *config, const struct cli_args *args);
void run_config_fini(struct run_config *config);
/* Mutators, readers, and a stalled reader where a stage wants one. */
unsigned run_config_n_workers(const struct run_config *config);

/* 16 hex digits over everything that makes two runs the same cell: every option that changes what is measured or how;
 * not the repetition and the seed, which tell its samples apart, nor --quiet, the ids and where results go. */
void run_config_cell_id(const struct run_config *config, char id[17]);
/* The columns of a row that the options decide; the ids are left empty.  The texts are those of `config`. */
struct report_cell run_config_columns(const struct run_config *config);

#endif
