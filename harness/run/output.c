/* SPDX-License-Identifier: MIT */
/* output.c - opening, writing and closing the files of a run. */
#include "run/output.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mkdirs.h"
#include "report/histfile.h"

enum { OUTPUT_ROWS, OUTPUT_TIMELINE, OUTPUT_HISTOGRAMS, OUTPUT_TRACE, OUTPUT_N };
static const char *const output_names[] = {"run.csv", "timeline.csv", HISTFILE_NAME, "trace.json"};

static void output_ids(struct run_output *out, const struct run_config *config)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (config->run_id != NULL)
		snprintf(out->run_id, sizeof(out->run_id), "%s", config->run_id);
	else
		snprintf(out->run_id, sizeof(out->run_id), "%" PRIx64 "-%x",
			 (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
			 (unsigned)getpid());
	if (config->cell_id != NULL)
		snprintf(out->cell_id, sizeof(out->cell_id), "%s", config->cell_id);
	else
		run_config_cell_id(config, out->cell_id);
}

static int output_open_histograms(struct run_output *out)
{
	const char *path = out->paths[OUTPUT_HISTOGRAMS];
	struct stat status = {0};
	int error = 0;

	out->histograms = fopen(path, "a+e");
	if (out->histograms == NULL || fstat(fileno(out->histograms), &status) != 0)
		error = -errno;
	else if (S_ISREG(status.st_mode))
		error = report_cut_torn(fileno(out->histograms), &status.st_size);
	if (error == 0 && (!S_ISREG(status.st_mode) || status.st_size == 0))
		error = histfile_write_header(out->histograms);
	if (error != 0)
		cli_error("%s: cannot be written: %s", path, strerror(-error));
	return error;
}

static int output_open_trace(struct run_output *out)
{
	const char *path = out->paths[OUTPUT_TRACE];

	out->trace = fopen(path, "we");
	if (out->trace != NULL)
		return 0;
	const int error = -errno;

	cli_error("--trace-json: %s: cannot be written: %s", path, strerror(-error));
	return error;
}

int run_output_open(struct run_output *out, const struct run_config *config, const char *build_id,
		    const char *env_id)
{
	char message[4400];
	int error;

	memset(out, 0, sizeof(*out));
	error = mkdirs(config->out_dir);
	if (error != 0) {
		cli_error("--out=%s cannot be made: %s", config->out_dir, strerror(-error));
		return error;
	}
	for (unsigned i = 0; i < OUTPUT_N; i++)
		snprintf(out->paths[i], sizeof(out->paths[i]), "%.4000s/%s", config->out_dir,
			 output_names[i]);
	output_ids(out, config);
	out->cell = run_config_columns(config);
	out->cell.run_id = out->run_id;
	out->cell.build_id = build_id;
	out->cell.env_id = env_id;
	out->cell.cell_id = out->cell_id;
	error = report_file_open(&out->rows, out->paths[OUTPUT_ROWS], false, message,
				 sizeof(message));
	if (error == 0)
		error = report_file_open(&out->timeline, out->paths[OUTPUT_TIMELINE], true, message,
					 sizeof(message));
	if (error != 0) {
		cli_error("%s", message);
		return error;
	}
	error = output_open_histograms(out);
	return error == 0 && config->trace_json ? output_open_trace(out) : error;
}

void run_output_row(struct run_output *out, const struct report_stage *stage,
		    const struct report_row *row, int *error)
{
	const int e = report_row_add(out->rows, &out->cell, stage, row);

	if (*error == 0)
		*error = e;
}

int run_output_timeline(struct run_output *out, const struct stage_result *s)
{
	int error = 0;

	for (size_t i = 0; i < s->sampler.n && error == 0; i++)
		error = report_sample_add(out->timeline, &out->cell, &s->sampler.samples[i]);
	return error;
}

/* ---------------------------------------------------------------- histograms */

static struct histfile_key output_key(const struct run_output *out, const struct stage_result *s)
{
	return (struct histfile_key){
		.cell_id = out->cell_id,
		.strategy = out->cell.strategy,
		.options = out->cell.options,
		.rep = (unsigned)out->cell.rep,
		.stage = s->spec->name,
		.stage_start_s = (double)s->start_ns * 1e-9,
		.stage_s = s->seconds,
		.role = "mutator",
		.unit = "ns",
	};
}

static int output_lifetimes(struct run_output *out, const struct stage_result *s)
{
	struct histfile_key key = output_key(out, s);
	int error = 0;

	key.metric = "lifetime";
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++) {
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			const struct life_hist *h = s->life.hist[c][state];

			key.object = obj_class_names[c];
			key.table_state = life_state_names[state];
			for (unsigned p = 0; h != NULL && p < LIFE_N_PHASES && error == 0; p++) {
				key.phase = life_phase_names[p];
				error = histfile_write_life(out->histograms, &key, &h[p]);
			}
		}
	}
	return error;
}

static int output_latencies(struct run_output *out, const struct stage_result *s,
			    enum reclaim_role role)
{
	const struct role_stats *stats = &s->role[role];
	struct histfile_key key = output_key(out, s);
	int error;

	key.role = reclaim_role_names[role];
	key.metric = "lateness";
	key.object = "all";
	error = histfile_write_hist(out->histograms, &key, &stats->lateness);
	for (unsigned i = 0; i < RUN_N_OPS && error == 0; i++) {
		key.object = run_op_names[i];
		key.metric = "response";
		error = histfile_write_hist(out->histograms, &key, &stats->response[i]);
		key.metric = "service";
		if (error == 0)
			error = histfile_write_hist(out->histograms, &key, &stats->service[i]);
	}
	return error;
}

int run_output_histograms(struct run_output *out, const struct stage_result *s)
{
	int error = output_lifetimes(out, s);

	if (error == 0)
		error = output_latencies(out, s, ROLE_MUTATOR);
	if (error == 0)
		error = output_latencies(out, s, ROLE_READER);
	return error;
}

void run_output_trace(struct run_output *out, const struct run_instance *in,
		      const struct stage_result *s, uint64_t zero_ticks)
{
	const struct reclaim_ops *ops = reclaim_ops(in->r);

	if (out->trace == NULL)
		return;
	if (!out->has_events)
		trace_out_begin(&out->events, out->trace, in->clock, zero_ticks);
	out->has_events = true;
	trace_out_stage(&out->events, s, ops->gc_log != NULL ? ops->gc_log(in->r) : NULL);
}

/* ---------------------------------------------------------------- writing */

static int output_failed(const struct run_output *out, unsigned which, int error)
{
	cli_error("%s: cannot be written: %s; rows written before are kept", out->paths[which],
		  strerror(-error));
	return error;
}

int run_output_flush(struct run_output *out)
{
	int error = report_file_flush(out->rows);

	if (error != 0)
		return output_failed(out, OUTPUT_ROWS, error);
	error = report_file_flush(out->timeline);
	if (error != 0)
		return output_failed(out, OUTPUT_TIMELINE, error);
	if (fflush(out->histograms) != 0 || ferror(out->histograms))
		return output_failed(out, OUTPUT_HISTOGRAMS, errno != 0 ? -errno : -EIO);
	return 0;
}

/* Without a stage there is nothing to show, but a file that viewers can read. */
static int output_close_trace(struct run_output *out)
{
	int error;

	if (!out->has_events)
		trace_json_begin(&out->events.json, out->trace, TRACE_JSON_CAP);
	error = trace_out_end(&out->events);
	if (fclose(out->trace) != 0 && error == 0)
		error = -errno;
	return error;
}

int run_output_close(struct run_output *out)
{
	int error = 0, e;

	if (out->rows != NULL && (e = report_file_close(out->rows)) != 0)
		error = output_failed(out, OUTPUT_ROWS, e);
	if (out->timeline != NULL && (e = report_file_close(out->timeline)) != 0)
		error = output_failed(out, OUTPUT_TIMELINE, e);
	if (out->histograms != NULL && fclose(out->histograms) != 0)
		error = output_failed(out, OUTPUT_HISTOGRAMS, -errno);
	if (out->trace != NULL && (e = output_close_trace(out)) != 0)
		error = output_failed(out, OUTPUT_TRACE, e);
	return error;
}
