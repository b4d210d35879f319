/* SPDX-License-Identifier: MIT */
/* matrix_job.c - sections, inheritance and lists become cells. */
#define XXH_INLINE_ALL
#include "run/matrix_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "load/stages.h"
#include "report/text.h"
#include "run/matrix_ini.h"
#include "run/matrix_list.h"
#include "units.h"

#define MAX_CONDITIONS 16u
#define MAX_RULES 64u
/* Fork, exec, filling and draining the map, writing and syncing: measured as below 1 s at 2^16 keys. */
#define OVERHEAD_NS 1000000000u
#define MINUTE_NS 60000000000u

struct job_rule {
	struct matrix_condition conditions[MAX_CONDITIONS];
	size_t n;
};

/* One section, resolved. */
struct job_section {
	const struct matrix_section *ini;
	const struct matrix_entry *
		*entries; /* per option of `run`, after inheritance; NULL: not given */
	const struct matrix_entry *reps, *time_limit;
	struct matrix_list *lists; /* per option */
	struct job_rule *rules;
	size_t n_rules;
};

struct job_reader {
	struct matrix_job *job;
	struct matrix_ini ini;
	const struct matrix_entry *program; /* of [global]; NULL: cells of `run` */
	char *error;
	size_t error_size;
};

static const char *const own_keys[] = {"reps", "time-limit", "inherit", "exclude", "program", NULL};
/* Options of `run` that the matrix sets itself. */
static const char *const taken_keys[] = {"out", "rep", "run-id", "cell-id", NULL};

static bool job_is_in(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

static int job_fail(struct job_reader *r, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int job_fail(struct job_reader *r, unsigned line, const char *fmt, ...)
{
	va_list ap;
	const int n = line ? snprintf(r->error, r->error_size, "%s:%u: ", r->job->path, line)
			   : snprintf(r->error, r->error_size, "%s: ", r->job->path);

	if (n >= 0 && (size_t)n < r->error_size) {
		va_start(ap, fmt);
		vsnprintf(r->error + n, r->error_size - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

/* The option's index, or n_options. */
static size_t job_option(const struct matrix_job *job, const char *name)
{
	size_t i = 0;

	while (i < job->n_options && strcmp(job->options[i].name, name))
		i++;
	return i;
}

/* A text that lives as long as the job; NULL when memory is short.  Takes over `text`. */
static const char *job_keep(struct matrix_job *job, char *text)
{
	char **texts;

	if (!text)
		return NULL;
	/* Grow by doubling: the capacity is the next power of two. */
	if (!(job->n_texts & (job->n_texts - 1))) {
		texts = realloc(job->texts, (job->n_texts ? 2 * job->n_texts : 1) * sizeof(*texts));
		if (!texts) {
			free(text);
			return NULL;
		}
		job->texts = texts;
	}
	return job->texts[job->n_texts++] = text;
}

/* ---------------------------------------------------------------- sections */

static int job_check_key(struct job_reader *r, const struct matrix_entry *entry)
{
	const struct matrix_job *job = r->job;
	const char *names[256];
	size_t n = 0;

	if (!strcmp(entry->key, "program") && entry != r->program)
		return job_fail(r, entry->line, "'program' stands in [global] only, and once");
	if (r->program && !strcmp(entry->key, "time-limit"))
		return job_fail(r, entry->line, "'time-limit' is for cells of `reclaimbench run`");
	if (job_is_in(taken_keys, entry->key))
		return job_fail(r, entry->line, "'%s' is set by the matrix itself", entry->key);
	if (job_is_in(own_keys, entry->key) || job_option(job, entry->key) < job->n_options)
		return 0;
	for (size_t i = 0; i < job->n_options && n < 250; i++)
		names[n++] = job->options[i].name;
	for (size_t i = 0; own_keys[i]; i++)
		names[n++] = own_keys[i];
	const char *nearest = cli_nearest(entry->key, names, n);

	if (nearest)
		return job_fail(r, entry->line, "unknown key '%s'; did you mean '%s'?", entry->key,
				nearest);
	return job_fail(r, entry->line,
			"unknown key '%s'; a key is %s, or reps, time-limit, inherit or exclude",
			entry->key,
			r->program ? "a setting of the program"
				   : "an option of `reclaimbench run`");
}

static int job_add_rule(struct job_reader *r, struct job_section *s,
			const struct matrix_entry *entry)
{
	char what[256];
	struct job_rule *rule;

	if (s->n_rules == MAX_RULES)
		return job_fail(r, entry->line, "more than %u exclude rules", MAX_RULES);
	rule = &s->rules[s->n_rules++];
	const int err = matrix_rule_parse(rule->conditions, MAX_CONDITIONS, &rule->n, entry->text,
					  what, sizeof(what));

	if (err)
		return job_fail(r, entry->line, "exclude: %s", what);
	for (size_t i = 0; i < rule->n; i++) {
		if (job_option(r->job, rule->conditions[i].key) == r->job->n_options)
			return job_fail(r, entry->line, "exclude: '%s' is no %s",
					rule->conditions[i].key,
					r->program ? "setting of the program"
						   : "option of `reclaimbench run`");
	}
	return 0;
}

/* Take over the keys of a section; later calls override. */
static int job_take(struct job_reader *r, struct job_section *s, const struct matrix_section *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct matrix_entry *entry = &from->entries[i];
		int err = job_check_key(r, entry);

		if (!err && !strcmp(entry->key, "exclude"))
			err = job_add_rule(r, s, entry);
		if (err)
			return err;
		if (!strcmp(entry->key, "reps"))
			s->reps = entry;
		else if (!strcmp(entry->key, "time-limit"))
			s->time_limit = entry;
		else if (!job_is_in(own_keys, entry->key))
			s->entries[job_option(r->job, entry->key)] = entry;
	}
	return 0;
}

/* The section's parents first, then itself.  Parents stand above, so there is no circle. */
static int job_inherit(struct job_reader *r, struct job_section *s,
		       const struct matrix_section *section)
{
	const struct matrix_entry *inherit = matrix_ini_find(section, "inherit", 0);

	if (inherit) {
		const struct matrix_section *parent = matrix_ini_section(&r->ini, inherit->text);
		int err;

		if (!parent || parent >= section)
			return job_fail(r, inherit->line,
					"inherit: there is no section [%s] above this one",
					inherit->text);
		err = job_inherit(r, s, parent);
		if (err)
			return err;
	}
	return job_take(r, s, section);
}

static int job_flag(struct job_reader *r, const struct matrix_entry *entry,
		    struct matrix_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *text = list->values[i];

		if (strcmp(text, "yes") && strcmp(text, "no"))
			return job_fail(r, entry->line, "%s: '%s' is neither yes nor no",
					entry->key, text);
	}
	return 0;
}

static int job_split_lists(struct job_reader *r, struct job_section *s)
{
	char what[256];

	for (size_t i = 0; i < r->job->n_options; i++) {
		const struct matrix_entry *entry = s->entries[i];
		int err;

		if (!entry)
			continue;
		err = matrix_list_parse(&s->lists[i], entry->key, entry->text, what, sizeof(what));
		if (err == -EINVAL)
			return job_fail(r, entry->line, "%s: %s", entry->key, what);
		if (!err && !r->job->options[i].arg)
			err = job_flag(r, entry, &s->lists[i]);
		if (err)
			return err;
	}
	return 0;
}

/* ---------------------------------------------------------------- cells */

const char *matrix_cell_get(const struct matrix_job *job, const struct matrix_cell *cell,
			    const char *option)
{
	const size_t i = job_option(job, option);

	if (i == job->n_options)
		return NULL;
	return cell->values[i] ? cell->values[i] : job->options[i].deflt;
}

char *matrix_cell_text(const struct matrix_job *job, const struct matrix_cell *cell)
{
	struct text_buffer buffer;
	FILE *f = text_open(&buffer);
	const char *blank = "";

	if (!f)
		return NULL;
	for (size_t i = 0; i < job->n_options; i++) {
		if (!cell->values[i])
			continue;
		fprintf(f, "%s%s%s%s", blank, job->options[i].name, *cell->values[i] ? "=" : "",
			cell->values[i]);
		blank = " ";
	}
	return text_close(&buffer);
}

static bool job_is_excluded(const struct matrix_job *job, const struct job_section *s,
			    const struct matrix_cell *cell)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		bool all_hold = true;

		for (size_t k = 0; k < s->rules[i].n; k++) {
			const struct matrix_condition *c = &s->rules[i].conditions[k];

			all_hold &= matrix_condition_holds(c, matrix_cell_get(job, cell, c->key));
		}
		if (all_hold)
			return true;
	}
	return false;
}

/* Numbers of a cell that the matrix itself needs. */
static int job_fill_numbers(struct job_reader *r, const struct job_section *s,
			    struct matrix_cell *cell)
{
	struct stages stages;
	struct load_error what;
	const char *text;
	uint64_t n;

	cell->n_reps = 1;
	if (s->reps) {
		if (units_parse_count(s->reps->text, &n) || n < 1 || n > MATRIX_MAX_REPS)
			return job_fail(r, s->reps->line, "reps: '%s' is not a number from 1 to %d",
					s->reps->text, MATRIX_MAX_REPS);
		cell->n_reps = (unsigned)n;
	}
	cell->seed = 1;
	text = matrix_cell_get(r->job, cell, "seed");
	if (text && units_parse_count(text, &cell->seed))
		return job_fail(r, cell->line, "seed: '%s' is not a number", text);
	cell->expected_ns = OVERHEAD_NS;
	text = matrix_cell_get(r->job, cell, "stages");
	if (text && stages_parse(text, &stages, &what))
		return job_fail(r, cell->line, "[%s] stages: %s", cell->scenario, what.text);
	if (text)
		cell->expected_ns += stages_total_ns(&stages);
	text = matrix_cell_get(r->job, cell, "warmup");
	if (text && units_parse_time(text, &n))
		return job_fail(r, cell->line, "warmup: '%s' is not a time, as 500ms or 2s", text);
	if (text)
		cell->expected_ns += n;
	cell->limit_ns = 3 * cell->expected_ns + MINUTE_NS;
	if (s->time_limit &&
	    (units_parse_time(s->time_limit->text, &cell->limit_ns) || !cell->limit_ns))
		return job_fail(r, s->time_limit->line,
				"time-limit: '%s' is not a time, as 90s or 10m",
				s->time_limit->text);
	return 0;
}

static int job_fill_id(struct matrix_job *job, struct matrix_cell *cell)
{
	char *text = matrix_cell_text(job, cell);
	char *whole;

	if (!text)
		return -ENOMEM;
	const int n = asprintf(&whole, "%s\n%s", cell->scenario, text);

	free(text);
	if (n < 0)
		return -ENOMEM;
	snprintf(cell->id, sizeof(cell->id), "%016" PRIx64,
		 (uint64_t)XXH3_64bits(whole, (size_t)n));
	free(whole);
	return 0;
}

static int job_add_cell(struct job_reader *r, struct job_section *s, const size_t *at)
{
	struct matrix_job *job = r->job;
	struct matrix_cell cell = {.scenario = s->ini->name, .line = s->ini->line};
	const char *scenario;
	int err;

	cell.values = calloc(job->n_options + 1, sizeof(*cell.values));
	if (!job_keep(job, (char *)cell.values))
		/* cppcheck-suppress memleak ; job_keep() has freed it */
		return -ENOMEM;
	for (size_t i = 0; i < job->n_options; i++) {
		const char *value = s->lists[i].n ? s->lists[i].values[at[i]] : NULL;

		if (value && !job->options[i].arg)
			value = strcmp(value, "yes") ? NULL : "";
		if (value && *value) {
			value = job_keep(job, strdup(value));
			if (!value)
				return -ENOMEM;
		}
		cell.values[i] = value;
	}
	scenario = matrix_cell_get(job, &cell, "scenario");
	if (job_option(job, "scenario") < job->n_options &&
	    cell.values[job_option(job, "scenario")])
		cell.scenario = scenario;
	else
		cell.scenario = job_keep(job, strdup(cell.scenario));
	if (!cell.scenario)
		return -ENOMEM;
	if (job_is_excluded(job, s, &cell)) {
		job->n_excluded++;
		return 0;
	}
	if (job->n_cells == MATRIX_MAX_CELLS)
		return job_fail(r, cell.line, "more than %d cells", MATRIX_MAX_CELLS);
	err = job_fill_numbers(r, s, &cell);
	if (!err)
		err = job_fill_id(job, &cell);
	if (err)
		return err;
	if (!(job->n_cells & (job->n_cells - 1))) {
		const size_t n = job->n_cells ? 2 * job->n_cells : 1;
		struct matrix_cell *cells = realloc(job->cells, n * sizeof(*cells));

		if (!cells)
			return -ENOMEM;
		job->cells = cells;
	}
	job->cells[job->n_cells++] = cell;
	return 0;
}

/* All combinations; the last option of the table varies fastest. */
static int job_cross(struct job_reader *r, struct job_section *s)
{
	size_t *at = calloc(r->job->n_options + 1, sizeof(*at));
	size_t i;
	int err;

	if (!at)
		return -ENOMEM;
	do {
		err = job_add_cell(r, s, at);
		i = r->job->n_options;
		while (!err && i > 0 && (s->lists[i - 1].n < 2 || ++at[i - 1] == s->lists[i - 1].n))
			at[--i] = 0;
	} while (!err && i > 0);
	free(at);
	return err;
}

static int job_section(struct job_reader *r, const struct matrix_section *ini)
{
	const struct matrix_section *global = matrix_ini_section(&r->ini, "global");
	struct job_section s = {.ini = ini};
	int err = -ENOMEM;

	s.entries = calloc(r->job->n_options + 1, sizeof(*s.entries));
	s.lists = calloc(r->job->n_options + 1, sizeof(*s.lists));
	s.rules = calloc(MAX_RULES, sizeof(*s.rules));
	if (!s.entries || !s.lists || !s.rules)
		goto out;
	err = global ? job_take(r, &s, global) : 0;
	if (!err)
		err = job_inherit(r, &s, ini);
	if (!err)
		err = job_split_lists(r, &s);
	if (!err)
		err = job_cross(r, &s);
out:
	for (size_t i = 0; s.lists && i < r->job->n_options; i++)
		matrix_list_fini(&s.lists[i]);
	free(s.rules);
	free(s.lists);
	free(s.entries);
	return err;
}

static int job_compare_ids(const void *left, const void *right)
{
	const struct matrix_cell *const *x = left;
	const struct matrix_cell *const *y = right;

	return strcmp((*x)->id, (*y)->id);
}

/* Two sections of one scenario name may make the same cell. */
static int job_check_unique(struct job_reader *r)
{
	const struct matrix_job *job = r->job;
	const struct matrix_cell **sorted = malloc((job->n_cells + 1) * sizeof(*sorted));
	int err = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < job->n_cells; i++)
		sorted[i] = &job->cells[i];
	qsort(sorted, job->n_cells, sizeof(*sorted), job_compare_ids);
	for (size_t i = 1; i < job->n_cells && !err; i++) {
		if (!strcmp(sorted[i - 1]->id, sorted[i]->id))
			err = job_fail(r, sorted[i]->line,
				       "the same cell as one of line %u, in scenario %s",
				       sorted[i - 1]->line, sorted[i]->scenario);
	}
	free(sorted);
	return err;
}

static int job_hash_file(struct matrix_job *job)
{
	XXH3_state_t *state = XXH3_createState();
	FILE *f = fopen(job->path, "rb");
	char buf[4096];
	size_t n;
	int err = 0;

	if (!f || !state) {
		err = f ? -ENOMEM : -errno;
		goto out;
	}
	XXH3_64bits_reset(state);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		XXH3_64bits_update(state, buf, n);
	if (ferror(f))
		err = -EIO;
	snprintf(job->hash, sizeof(job->hash), "%016" PRIx64, (uint64_t)XXH3_64bits_digest(state));
out:
	if (f)
		fclose(f);
	XXH3_freeState(state);
	return err;
}

/* Which program the file is for, and whether it is the one that is asked for. */
static int job_check_program(struct job_reader *r, const char *program)
{
	const struct matrix_section *global = matrix_ini_section(&r->ini, "global");

	r->program = global ? matrix_ini_find(global, "program", 0) : NULL;
	if (r->program && !program)
		return job_fail(r, r->program->line,
				"program = %s: run it by `reclaimbench scenario %s`",
				r->program->text, r->job->path);
	if (program && (!r->program || strcmp(r->program->text, program)))
		return job_fail(r, 0, "it is not for program = %s", program);
	return 0;
}

int matrix_job_program(const char *path, char *name, size_t name_size, char *error,
		       size_t error_size)
{
	const struct matrix_section *global;
	const struct matrix_entry *program;
	struct matrix_ini ini = {.n = 0};
	int err;

	snprintf(error, error_size, "%s: out of memory", path);
	err = matrix_ini_read(&ini, path, error, error_size);
	global = err ? NULL : matrix_ini_section(&ini, "global");
	program = global ? matrix_ini_find(global, "program", 0) : NULL;
	snprintf(name, name_size, "%s", program ? program->text : "");
	matrix_ini_fini(&ini);
	return err;
}

int matrix_job_read(struct matrix_job *job, const char *path, const struct cli_option *options,
		    char *error, size_t error_size)
{
	return matrix_job_read_for(job, path, NULL, options, error, error_size);
}

int matrix_job_read_for(struct matrix_job *job, const char *path, const char *program,
			const struct cli_option *options, char *error, size_t error_size)
{
	struct job_reader r = {.job = job, .error = error, .error_size = error_size};
	int err;

	memset(job, 0, sizeof(*job));
	snprintf(error, error_size, "%s: out of memory", path);
	job->options = options;
	while (options[job->n_options].name)
		job->n_options++;
	job->path = strdup(path);
	if (!job->path)
		return -ENOMEM;
	err = matrix_ini_read(&r.ini, path, error, error_size);
	if (!err)
		err = job_check_program(&r, program);
	if (!err)
		err = job_hash_file(job);
	for (size_t i = 0; i < r.ini.n && !err; i++) {
		if (strcmp(r.ini.sections[i].name, "global"))
			err = job_section(&r, &r.ini.sections[i]);
	}
	if (!err)
		err = job_check_unique(&r);
	if (!err && !job->n_cells)
		err = job_fail(&r, 0, "no cell%s",
			       job->n_excluded
				       ? " is left by the exclude rules"
				       : ": it needs a [section] with a key beside [global]");
	matrix_ini_fini(&r.ini);
	return err;
}

void matrix_job_fini(struct matrix_job *job)
{
	for (size_t i = 0; i < job->n_texts; i++)
		free(job->texts[i]);
	free(job->texts);
	free(job->cells);
	free(job->path);
	memset(job, 0, sizeof(*job));
}
