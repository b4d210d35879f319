/* SPDX-License-Identifier: MIT */
/* export_dir.c - exports from the files beside run.csv: histograms and traces. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/export.h"
#include "report/hdr_log.h"
#include "report/intern.h"
#include "report/text.h"
#include "report/timeline.h"
#include "report/trace_json.h"

/* "cell/rep/strategy/options/stage/role/object/phase/state/metric", what is empty left out; behind it the number of
 * the run where that is not the first. */
static char *export_tag(const struct histfile_row *row, uint32_t run)
{
	const char *parts[] = {row->strategy, row->options, row->stage,	      row->role,
			       row->object,   row->phase,   row->table_state, row->metric};
	struct text_buffer buffer;
	FILE *out = text_open(&buffer);

	if (!out)
		return NULL;
	text_write_token(out, row->cell_id);
	fprintf(out, "/rep=%u", row->rep);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!*parts[i])
			continue;
		fputc('/', out);
		text_write_token(out, parts[i]);
	}
	if (!strcmp(row->kind, "censored"))
		fputs("/censored", out);
	if (run > 1)
		fprintf(out, "/run=%" PRIu32, run);
	return text_close(&buffer);
}

/* The tags written so far, and how often. */
struct export_tags {
	struct intern texts;
	uint32_t *n_times; /* by id */
};

/* The tag of a row.  Rows of histograms.csv bear no run, but those of a later run of a cell come with the names that
 * stand there already.  The caller frees; NULL when memory is short. */
static char *export_next_tag(struct export_tags *tags, const struct histfile_row *row)
{
	char *tag = export_tag(row, 1);
	const uint32_t id = tag ? intern_add(&tags->texts, tag, strlen(tag)) : INTERN_NONE;

	if (id != INTERN_NONE && ++tags->n_times[id] == 1)
		return tag;
	free(tag);
	return id == INTERN_NONE ? NULL : export_tag(row, tags->n_times[id]);
}

int export_hdr(FILE *out, const char *dir, char *error, size_t error_size)
{
	struct export_tags tags = {.n_times = NULL};
	struct histfile file;
	char *path;
	int rc;

	if (asprintf(&path, "%s/" HISTFILE_NAME, dir) < 0) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	rc = histfile_read(path, &file, error, error_size);
	free(path);
	if (rc < 0)
		return rc;
	rc = intern_init(&tags.texts);
	/* Ids count from 1: 0 is the empty text. */
	tags.n_times = calloc(file.n_rows + 1, sizeof(*tags.n_times));
	if (!tags.n_times)
		rc = -ENOMEM;
	hdr_log_begin(out);
	for (size_t i = 0; i < file.n_rows && !rc; i++) {
		char *tag;

		/* What had begun before the stage is no duration of its own. */
		if (!strcmp(file.rows[i].kind, "entered"))
			continue;
		tag = export_next_tag(&tags, &file.rows[i]);
		rc = tag ? hdr_log_write(out, tag, &file.rows[i]) : -ENOMEM;
		free(tag);
	}
	if (rc)
		snprintf(error, error_size, "out of memory");
	free(tags.n_times);
	intern_fini(&tags.texts);
	histfile_free(&file);
	return rc;
}

/* A stage of one cell and repetition, while its samples come. */
struct trace_reader {
	struct trace_json *t;
	char *name; /* for people: strategy, options, repetition */
	struct intern
		names; /* so far: of several cells, or runs, with one name the later bear a number */
	char *stage;   /* of the row before */
	unsigned tid;
	uint64_t begin_ns, last_ns;
	uint64_t n_cycles; /* of the row before, or of this one where a repetition begins */
};

static void trace_end_stage(struct trace_reader *r)
{
	if (r->stage)
		trace_json_span(r->t, r->tid, "stage", r->stage, r->begin_ns,
				r->last_ns - r->begin_ns);
	free(r->stage);
	r->stage = NULL;
}

/* "sweepgen:batch=64 #1"; counters are told apart by it alone. */
static char *trace_unit_name(const struct trace_reader *r, const struct timeline_row *row)
{
	char *name, *numbered;

	if (asprintf(&name, "%s%s%s #%u", row->strategy, *row->options ? ":" : "", row->options,
		     row->rep) < 0)
		return NULL;
	if (intern_find(&r->names, name, strlen(name)) == INTERN_NONE)
		return name;
	if (asprintf(&numbered, "%s (%u)", name, r->tid + 1) < 0)
		numbered = NULL;
	free(name);
	return numbered;
}

static const char *trace_begin_unit(struct trace_reader *r, const struct timeline_row *row)
{
	trace_end_stage(r);
	free(r->name);
	r->name = trace_unit_name(r, row);
	if (!r->name || intern_add(&r->names, r->name, strlen(r->name)) == INTERN_NONE)
		return "out of memory";
	r->n_cycles = row->n_cycles;
	trace_json_thread(r->t, ++r->tid, r->name);
	return NULL;
}

static const char *trace_row(void *ctx, const struct timeline_row *row)
{
	struct trace_reader *r = ctx;
	const uint64_t at_ns = row->time_ns;
	const char *problem = row->begins ? trace_begin_unit(r, row) : NULL;

	if (problem)
		return problem;
	if (!r->stage || strcmp(r->stage, row->stage)) {
		if (r->stage)
			r->last_ns = at_ns;
		trace_end_stage(r);
		r->stage = strdup(row->stage);
		if (!r->stage)
			return "out of memory";
		r->begin_ns = at_ns;
		trace_json_instant(r->t, r->tid, "stage", row->stage, at_ns);
	}
	r->last_ns = at_ns;
	trace_json_counter(r->t, "limbo bytes", r->name, at_ns, (double)row->limbo_bytes);
	trace_json_counter(r->t, "resident bytes", r->name, at_ns, (double)row->rss_bytes);
	trace_json_counter(r->t, "operations per second", r->name, at_ns, row->ops_per_s);
	/* Cycles are counted in the timeline, not timed: the sample that shows one more marks it. */
	if (row->n_cycles > r->n_cycles)
		trace_json_instant(r->t, r->tid, "cycle", "cycle ended before this sample", at_ns);
	r->n_cycles = row->n_cycles;
	return NULL;
}

static int export_trace_timeline(FILE *out, const char *path, char *error, size_t error_size)
{
	struct trace_json t;
	struct trace_reader r = {.t = &t};
	int rc;

	rc = intern_init(&r.names);
	if (rc) {
		snprintf(error, error_size, "out of memory");
		return rc;
	}
	trace_json_begin(&t, out, TRACE_JSON_CAP);
	rc = timeline_read(path, trace_row, &r, error, error_size);
	trace_end_stage(&r);
	free(r.name);
	intern_fini(&r.names);
	if (rc < 0)
		return rc;
	rc = trace_json_end(&t);
	if (rc)
		snprintf(error, error_size, "%s", strerror(-rc));
	return rc;
}

static int export_copy(FILE *out, FILE *in)
{
	char buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		fwrite(buf, 1, n, out);
	return ferror(in) ? -EIO : 0;
}

int export_trace(FILE *out, const char *dir, char *error, size_t error_size)
{
	char *path;
	FILE *in;
	int rc;

	if (asprintf(&path, "%s/trace.json", dir) < 0) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	in = fopen(path, "re");
	if (in) {
		rc = export_copy(out, in);
		if (rc)
			snprintf(error, error_size, "%s: %s", path, strerror(-rc));
		fclose(in);
		free(path);
		return rc;
	}
	free(path);
	if (asprintf(&path, "%s/timeline.csv", dir) < 0) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	rc = export_trace_timeline(out, path, error, error_size);
	free(path);
	return rc;
}
