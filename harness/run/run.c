/* SPDX-License-Identifier: MIT */
/* run.c - one repetition: prefill, warm-up, stages, cost of tracking; see run.h. */
#include "run/run.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "measure/env.h"
#include "run/audit_run.h"
#include "run/cost.h"
#include "run/rows.h"
#include "run/stage.h"
#include "run/terminal.h"

struct run {
	const struct run_config *config;
	struct clock clock;
	struct run_output output;
	struct run_source source; /* .trace is NULL without --trace */
	struct env *env;
	struct env_cpu_times cpu_begin;
	struct run_instance *in;
	struct pmu_set *events;
	struct terminal_checks checks;
	struct cost cost;
	bool is_interrupted, is_audit_bad;
	bool is_sleep_only;
	uint64_t zero_ticks; /* of the timeline */
};

/* NULL: generated operations. */
static const struct run_source *run_source(const struct run *run)
{
	return run->source.trace != NULL ? &run->source : NULL;
}

static uint64_t run_left_ns(const struct run *run, size_t next_stage)
{
	uint64_t ns =
		run->config->tracking_cost ? UINT64_C(2) * (COST_ROUNDS + 1) * COST_SEGMENT_NS : 0;

	for (size_t i = next_stage; i < run->config->stages.n; i++)
		ns += run->config->stages.stage[i].duration_ns;
	return ns;
}

/* Load that is not reported.  0 or -errno. */
static int run_warmup(struct run *run)
{
	const struct run_config *config = run->config;
	struct stage warmup = config->stages.stage[0];
	struct stage_result *s;
	int error;

	if (config->warmup_ns == 0)
		return 0;
	warmup.duration_ns = config->warmup_ns;
	warmup.n_churn = 0;
	warmup.stall_ns = 0;
	terminal_progress(config, "warm-up", run_left_ns(run, 0) + config->warmup_ns);
	/* It has starts of its own, beyond those of all stages. */
	error = stage_run(&s, run->in, &warmup, STAGES_MAX, 0);
	if (error == 0)
		run->is_interrupted = s->is_interrupted;
	stage_result_free(s);
	return error;
}

static int run_report_stage(struct run *run, const struct stage_result *s)
{
	struct rows rows;
	int error;

	rows_init(&rows, &run->output, run->in, s);
	error = rows_stage(&rows);
	if (error == 0)
		error = run_output_timeline(&run->output, s);
	if (error == 0)
		error = run_output_histograms(&run->output, s);
	run_output_trace(&run->output, run->in, s, run->zero_ticks);
	run->checks.n_law_bad += rows.n_law_bad > 0;
	terminal_stage(&rows, &run->checks);
	if (s->sampler.n_dropped > 0)
		cli_error("timeline.csv: stage %s lasted longer than %zu samples; the last %zu are "
			  "not in "
			  "it (--sample-every)",
			  s->spec->name, s->sampler.n, s->sampler.n_dropped);
	if (!run->config->quiet)
		rows_law_print(&rows, stdout);
	if (run->config->gc_log)
		rows_gc_print(&rows, stdout);
	if (error != 0) {
		cli_error("rows of stage %s: %s", s->spec->name, strerror(-error));
		return error;
	}
	return run_output_flush(&run->output);
}

static int run_one_stage(struct run *run, size_t i)
{
	const struct stages *stages = &run->config->stages;
	struct stage_result *s;
	char what[96];
	int error;

	snprintf(what, sizeof(what), "stage %zu/%zu %s", i + 1, stages->n, stages->stage[i].name);
	terminal_progress(run->config, what, run_left_ns(run, i));
	if (run->zero_ticks == 0)
		run->zero_ticks = clock_ticks(&run->clock);
	error = stage_run(&s, run->in, &stages->stage[i], (unsigned)i, run->zero_ticks);
	if (error != 0)
		cli_error("stage %s failed: %s", stages->stage[i].name, strerror(-error));
	else
		error = run_report_stage(run, s);
	audit_run_checkpoint(run->in);
	if (error == 0)
		run->is_interrupted = s->is_interrupted;
	stage_result_free(s);
	return error;
}

static int run_stages(struct run *run)
{
	int error = run_instance_prefill(run->in);

	if (error == -EINTR) {
		run->is_interrupted = true;
		return 0;
	}
	if (error != 0) {
		cli_error("the map cannot be filled with --keys=%llu: %s",
			  (unsigned long long)run->config->n_keys, strerror(-error));
		return error;
	}
	error = run_warmup(run);
	if (error != 0)
		cli_error("the warm-up failed: %s", strerror(-error));
	run->in->steady = run->config->steady_text != NULL ? &run->config->steady : NULL;
	for (size_t i = 0; i < run->config->stages.n && error == 0 && !run->is_interrupted; i++)
		error = run_one_stage(run, i);
	return error;
}

/* Rows that belong to no stage. */
static void run_row(struct run *run, const char *metric, const char *stat, double value,
		    const char *unit, const char *better, const char *reason, int *error)
{
	const struct report_stage stage = {.stage = "", .stage_s = NAN, .offered_ops_per_s = NAN};
	const struct report_row row = {
		.role = "process",
		.object = "all",
		.metric = metric,
		.stat = stat,
		.value = value,
		.unit = unit,
		.better = better,
		.n = 1,
		.sampled_1_in = 1,
		.status = isnan(value) ? "not_available" : "ok",
		.reason = reason,
	};

	run_output_row(&run->output, &stage, &row, error);
}

static void run_trace_rows(struct run *run, int *error)
{
	const struct trace_stats *t = &run->source.trace->stats;

	run_row(run, "trace_rows", "count", (double)t->n_rows, "rows", "",
		"sharded by the key's hash; repeated with other keys", error);
	run_row(run, "trace_keys", "count", (double)t->n_distinct_keys, "keys", "", "", error);
	run_row(run, "trace_collisions", "count", (double)t->n_collisions, "keys", "",
		"strings whose hash was taken", error);
	run_row(run, "trace_live_peak", "count", (double)t->n_live_peak, "entries", "", "", error);
}

static int run_whole_rows(struct run *run)
{
	int error = 0;

	run_row(run, "clock_skew", "max", (double)run->clock.skew_ticks * run->clock.ns_per_tick,
		"ns", "lower", run->clock.name, &error);
	run_row(run, "clock_read", "p50", run->clock.read_cost_ns, "ns", "lower", run->clock.name,
		&error);
	if (run->source.trace != NULL)
		run_trace_rows(run, &error);
	if (run->config->tracking_cost) {
		run_row(run, "tracking_cost", "p50", run->cost.ratio, "ratio", "lower",
			run->cost.reason, &error);
		run_row(run, "tracking_cost", "low", run->cost.low, "ratio", "", run->cost.reason,
			&error);
		run_row(run, "tracking_cost", "high", run->cost.high, "ratio", "", run->cost.reason,
			&error);
	}
	return error != 0 ? error : run_output_flush(&run->output);
}

static int run_cost(struct run *run)
{
	if (!run->config->tracking_cost)
		return 0;
	if (run->is_interrupted) {
		run->cost.ratio = run->cost.low = run->cost.high = NAN;
		snprintf(run->cost.reason, sizeof(run->cost.reason), "interrupted");
		return 0;
	}
	terminal_progress(run->config, "cost of tracking", run_left_ns(run, STAGES_MAX));
	cost_measure(&run->cost, run->config, &run->clock, run_source(run));
	terminal_progress_end(run->config);
	run->is_interrupted = run->cost.is_interrupted;
	return 0;
}

/* What the audit costs: the cell with and without it, in turns. */
static void run_audit_cost(struct run *run)
{
	struct cost cost;

	if (!run->config->audit || run->config->quiet || run->is_interrupted)
		return;
	cost_measure_audit(&cost, run->config, &run->clock, run_source(run));
	run->is_interrupted = cost.is_interrupted;
	if (isnan(cost.ratio))
		printf("audit: its cost was not measured: %s\n", cost.reason);
	else
		printf("audit: %.0f ns per operation with it, %.0f without: %.2f x\n",
		       cost.ns_per_op_on, cost.ns_per_op_off, cost.ratio);
}

static int run_exit_code(const struct run *run, int error)
{
	if (run->is_interrupted)
		return EXIT_INTERRUPTED;
	if (error != 0)
		return EXIT_CELLS_FAILED;
	if (run->is_audit_bad || run->checks.n_little_bad > 0 ||
	    run->checks.n_conservation_bad > 0 || run->checks.n_law_bad > 0)
		return EXIT_CHECK_FAILED;
	return EXIT_GOOD;
}

static int run_in_process(struct run *run)
{
	char message[512];
	int error;

	if (run_instance_create(&run->in, run->config, &run->clock, run_source(run), run->events,
				run->config->tracking, message, sizeof(message)) != 0) {
		cli_error("%s", message);
		return EXIT_USAGE;
	}
	run->is_sleep_only = run->in->pace_mode == PACE_SLEEP_ONLY;
	terminal_header(run->config);
	error = run_stages(run);
	run->is_audit_bad = !audit_run_verdict(run->in);
	run_instance_destroy(run->in);
	run->in = NULL;
	if (error == 0)
		error = run_cost(run);
	run_audit_cost(run);
	if (error == 0)
		error = run_whole_rows(run);
	terminal_footer(&run->checks, run->config->tracking_cost ? &run->cost : NULL,
			run->config->quiet);
	return run_exit_code(run, error);
}

/* Every listed processor must be one this process may run on. */
static int run_check_pins(const struct run_config *config)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return 0;
	for (unsigned i = 0; i < config->n_pin_cpus; i++) {
		if (config->pin_cpus[i] < CPU_SETSIZE && CPU_ISSET(config->pin_cpus[i], &allowed))
			continue;
		cli_error("--pin: processor %u does not exist or is not allowed here",
			  config->pin_cpus[i]);
		return EXIT_USAGE;
	}
	return 0;
}

static int run_open_events(struct run *run)
{
	char message[512];

	if (run->config->events_text == NULL ||
	    pmu_set_create(&run->events, run->config->events_text, &pmu_kernel, message,
			   sizeof(message)) == 0)
		return 0;
	cli_error("--events=%s: %s", run->config->events_text, message);
	return EXIT_USAGE;
}

/* ---------------------------------------------------------------- environment */

static void run_env_number(struct run *run, const char *key, double value, int *error)
{
	char text[64];

	snprintf(text, sizeof(text), "%.17g", value);
	const int e = env_add(run->env, key, text, ENV_INFO, NULL);

	if (*error == 0)
		*error = e;
}

static int run_env_text(struct run *run, const char *key, const char *value)
{
	return env_add(run->env, key, value, ENV_INFO, NULL);
}

/* What only the run knows. */
static int run_env_facts(struct run *run)
{
	const struct run_config *config = run->config;
	struct env_cpu_times cpu_end;
	int error = run_env_text(run, "run.id", run->output.run_id);

	if (error == 0)
		error = run_env_text(run, "run.strategy", config->ops->name);
	if (error == 0)
		error = run_env_text(run, "run.alloc", config->alloc_text);
	if (error == 0)
		error = run_env_text(run, "run.pin", config->pin_text);
	if (error == 0)
		error = run_env_text(run, "run.pace",
				     run->is_sleep_only ? "sleep only: more threads than processors"
							: "sleep, then spin");
	if (error == 0)
		error = run_env_text(run, "run.clock", run->clock.name);
	run_env_number(run, "run.clock_read_ns", run->clock.read_cost_ns, &error);
	run_env_number(run, "run.clock_skew_ns",
		       (double)run->clock.skew_ticks * run->clock.ns_per_tick, &error);
	run_env_number(run, "run.seed", (double)config->seed, &error);
	run_env_number(run, "run.threads", config->n_threads, &error);
	env_cpu_times("", &cpu_end);
	if (error == 0)
		error = env_add_steal(run->env, &run->cpu_begin, &cpu_end);
	return error;
}

static int run_write_env(struct run *run)
{
	char path[4200];
	int error = run_env_facts(run);

	snprintf(path, sizeof(path), "%.4000s/env.json", run->config->out_dir);
	if (error == 0)
		error = env_write(run->env, path);
	if (error != 0)
		cli_error("%s: cannot be written: %s", path, strerror(-error));
	return error;
}

/* ---------------------------------------------------------------- all of it */

static int run_with_output(struct run *run)
{
	int code = EXIT_USAGE;

	if (env_collect(&run->env, "") != 0) {
		cli_error("out of memory");
		return EXIT_USAGE;
	}
	env_cpu_times("", &run->cpu_begin);
	clock_init(&run->clock, false);
	if (run_output_open(&run->output, run->config, build_info()->build_id, env_id(run->env)) ==
	    0) {
		code = run_in_process(run);
		if (code != EXIT_USAGE && run_write_env(run) != 0 && code == EXIT_GOOD)
			code = EXIT_CELLS_FAILED;
	}
	if (run_output_close(&run->output) != 0 && code == EXIT_GOOD)
		code = EXIT_CELLS_FAILED;
	env_destroy(run->env);
	return code;
}

int run_once(struct run_config *config)
{
	struct run run = {.config = config, .cost = {.ratio = NAN, .low = NAN, .high = NAN}};
	sigset_t signals, before;
	int code = run_check_pins(config);

	if (code == 0)
		code = run_open_events(&run);
	if (code == 0 && config->trace_path != NULL)
		code = run_source_load(&run.source, config);
	/* Before any thread exists: all inherit it, and only the main thread waits for them. */
	run_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	if (code == 0)
		code = run_with_output(&run);
	run_source_free(&run.source);
	if (run.events != NULL)
		pmu_set_destroy(run.events);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}
