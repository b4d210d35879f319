/* SPDX-License-Identifier: MIT */
/* model.h - the reference program's stages (harness/goref/runtime/main.go) on this project's map and the
 * preset `go`: the same operations in the same loop, watched in the same way.
 *
 * One thread does all operations, as in the reference; the collector has its own.  A stage is made, run,
 * looked at and unmade; nothing is shared between stages.
 *
 * WHO WRITES WHAT.  struct model: the calling thread.  Each struct model_log: the thread that frees (the
 * caller or the collector), through its life recorder's observer; read by the caller after
 * model_run(), when all is quiet.
 */
#ifndef RECLAIMBENCH_GOREF_MODEL_H
#define RECLAIMBENCH_GOREF_MODEL_H

#include "gc/gc_log.h"
#include "gc/gc_pacer.h"
#include "hmap.h"
#include "load/rng.h"
#include "measure/watch_acts.h"
#include "reclaim.h"

enum model_scenario { MODEL_VALUE_DELETE, MODEL_OLDBUCKETS, MODEL_MAP_DROP, MODEL_N_SCENARIOS };
extern const char *const model_scenario_names[MODEL_N_SCENARIOS];

enum { MODEL_VALUE_BYTES = 64, MODEL_MAX_LOGS = 4 };

struct model;

struct model_config {
	enum model_scenario scenario;
	/* NULL: the scenario's operation.  Otherwise this one, on the scenario's first map. */
	void (*op)(struct model *m);
	void *op_ctx;
	double rate_per_s;     /* 0: unthrottled */
	uint64_t gogc_percent; /* GC_GOGC_OFF: cycles by hand only */
	const char *options;   /* of the strategy, beside gogc; "" when none */
	uint64_t n_keys;
	uint64_t duration_ns;
	uint64_t
		n_ops_min; /* the stage goes on until so many are done, however late; 0: by its duration alone */
	uint64_t garbage_bytes; /* per operation */
	uint32_t sample_1_in;
	uint64_t seed;
	uint64_t rep;	    /* for the row */
	bool watch_threads; /* fill `acts` */
};

/* A life that ended in the stage. */
struct model_event {
	uint64_t dead_ticks, freed_ticks;
};

struct model_log {
	struct model *model;
	struct model_event *events; /* mapped, not touched before it is needed */
	size_t n;
	size_t n_lost;	 /* did not fit */
	uint32_t thread; /* reclaim_thread.index of who frees */
};

/* Growths watched by `oldbuckets`. */
struct model_growths {
	uint64_t *ns, *writes; /* from begin to end */
	size_t n, max;
};

struct model {
	const struct model_config *config;
	const struct clock *clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map, *next_map;
	struct rng rng;
	uint64_t *keys; /* value_delete: the live ones */
	enum obj_class watched;
	uint64_t n_ops;
	uint64_t begin_ticks, end_ticks;
	int error; /* first -errno of an operation */
	/* oldbuckets */
	bool is_growing;
	uint64_t growth_begin_ticks, n_writes;
	uint64_t n_idle; /* operations left that only make garbage */
	struct model_growths growths;
	/* map_drop */
	uint64_t period, drop_at;
	struct model_log logs[MODEL_MAX_LOGS];
	unsigned n_logs;
	uint64_t n_censored;	      /* dead, not freed when the stage ended */
	struct reclaim_totals totals; /* at its end */
	struct watch_acts watch;
	struct acts_sample acts; /* what threads did for the collector in the stage */
};

/* Make the domain and the first map, run the stage.  0 or -errno with a message.  Release with
 * model_free(), whatever it returned.  `config` and `clock` must outlive it. */
int model_run(struct model *m, const struct model_config *config, const struct clock *clock,
	      char *message, size_t message_size) __attribute__((warn_unused_result));
void model_free(struct model *m);

/* One operation of the scenario / the first map (model_ops.c). */
void model_op(struct model *m);
void model_scenario_op(struct model *m);
int model_prepare(struct model *m);
/* Delete the live key i of value_delete; garbage of one operation. */
bool model_delete_key(struct model *m, uint64_t i);
void model_garbage(struct model *m);
/* B from which a map grows on its way to n keys, and the entries it holds just before. */
unsigned model_old_b(uint64_t n_keys);
uint64_t model_threshold(unsigned b);

/* The reference's columns, and three of the per-event law after them (model_row.c). */
extern const char model_header[];
/* What the rows say, from the events and the collector's log. */
struct model_summary {
	uint64_t *lifetime_ns; /* sorted */
	size_t n;
	size_t n_in_mark;
	size_t n_cycles
		[4]; /* lifetimes by the ends of marking that they span; [3]: three and more */
	size_t n_mark_cycles1, n_mark_cycles2plus;
	uint64_t *interval_ns; /* sorted: between ends of marking */
	size_t n_intervals;
	uint64_t n_gc_cycles;
	uint64_t *lag_ns; /* sorted: end of marking to freed */
	size_t n_lags;
	double *u; /* sorted */
	size_t n_u;
	double ks; /* of u, to the uniform law; NaN without one */
	uint64_t pause_total_ns, pause_max_ns;
};
/* 0 or -ENOMEM; release with model_summary_free(). */
int model_summarise(struct model_summary *s, struct model *m) __attribute__((warn_unused_result));
void model_summary_free(struct model_summary *s);
void model_print_row(const struct model *m, const struct model_summary *s, FILE *out);
void model_print_gc_log(const struct model *m, FILE *out);
/* Every lifetime with the phase at its death and its U: the reference's dump, and a column.  0 or -errno. */
int model_dump(struct model *m, const char *path) __attribute__((warn_unused_result));

/* U = (L - m - s) / T of an event (GO-FACTS section 3); false: the log does not reach that far. */
bool model_law(const struct gc_log *log, const struct model_event *e, double *u, bool *is_in_mark);

#endif
