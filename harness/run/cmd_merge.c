/* SPDX-License-Identifier: MIT */
/* cmd_merge.c - `reclaimbench merge`: shards become one result, and what is missing or doubled is told. */
#define XXH_INLINE_ALL
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "cli.h"
#include "json_file.h"
#include "mkdirs.h"
#include "report/table.h"
#include "run/matrix_job.h"
#include "run/matrix_store.h"

#define MESSAGE_BYTES 1024
/* Gaps that are named one by one. */
#define MAX_NAMED 10
/* Of a cell's id. */
#define MERGE_ID_DIGITS 16

extern const struct cli_command cmd_merge;

static const struct cli_option merge_options[] = {
	{"out", "DIR", NULL, "where the merged files go; it must not hold a run.csv"},
	{"allow-gaps", NULL, NULL, "merge although cells or shards are missing"},
	{"allow-mixed", NULL, NULL, "merge although builds, machines or job files differ"},
	{NULL, NULL, NULL, NULL},
};

struct merge {
	const struct cli_args *args;
	json_t **identities; /* per folder; NULL: no matrix, a single run */
	const char *out;
};

static void merge_path(char *path, const char *dir, const char *file)
{
	snprintf(path, PATH_MAX, "%s/%s", dir, file);
}

/* ---------------------------------------------------------------- what belongs together */

/* What `matrix` writes of a cell, and no more repetitions than it runs: each is looked for.  0 or EXIT_USAGE. */
static int merge_check_cell(const char *path, const json_t *cell, size_t at)
{
	const char *id = json_string_value(json_object_get(cell, "id"));
	const json_t *reps = json_object_get(cell, "reps");
	const json_int_t n_reps = json_integer_value(reps);

	if (!id || strlen(id) != MERGE_ID_DIGITS ||
	    strspn(id, "0123456789abcdef") != MERGE_ID_DIGITS) {
		cli_error("%s: cell %zu: \"id\" is '%.40s'; it must be %d hexadecimal digits", path,
			  at + 1, id ? id : "", MERGE_ID_DIGITS);
		return EXIT_USAGE;
	}
	if (json_is_integer(reps) && n_reps >= 1 && n_reps <= MATRIX_MAX_REPS)
		return 0;
	if (json_is_integer(reps))
		cli_error("%s: cell %s: \"reps\" is %" JSON_INTEGER_FORMAT "; it must be 1 to %d",
			  path, id, n_reps, MATRIX_MAX_REPS);
	else
		cli_error("%s: cell %s: \"reps\" is no whole number; it must be 1 to %d", path, id,
			  MATRIX_MAX_REPS);
	return EXIT_USAGE;
}

static int merge_check_identity(const char *path, const json_t *identity)
{
	const json_t *cells = json_object_get(identity, "cells");
	int code = 0;

	if (!json_is_array(cells) || json_array_size(cells) > MATRIX_MAX_CELLS) {
		cli_error("%s: \"cells\" must be a list of at most %d cells, as `matrix` writes it",
			  path, MATRIX_MAX_CELLS);
		return EXIT_USAGE;
	}
	for (size_t at = 0; at < json_array_size(cells) && !code; at++)
		code = merge_check_cell(path, json_array_get(cells, at), at);
	return code;
}

static int merge_read_identities(struct merge *m)
{
	for (size_t i = 0; i < m->args->n_operands; i++) {
		char path[PATH_MAX];
		json_error_t what;

		merge_path(path, m->args->operands[i], "matrix.json");
		if (access(path, F_OK) && errno == ENOENT)
			continue;
		m->identities[i] = json_file_load(path, &what);
		if (!m->identities[i]) {
			if (errno)
				cli_error("%s: %s", path, strerror(errno));
			else
				cli_error("%s:%d: %s", path, what.line, what.text);
			return EXIT_USAGE;
		}
		if (merge_check_identity(path, m->identities[i]))
			return EXIT_USAGE;
	}
	return 0;
}

static const char *merge_text(const json_t *identity, const char *key)
{
	const char *text = json_string_value(json_object_get(identity, key));

	return text ? text : "?";
}

/* All matrices are of one build, machine and job file. */
static int merge_check_same(const struct merge *m)
{
	static const char *const keys[] = {"build", "binary", "machine", "job"};
	const json_t *first = NULL;
	size_t first_at = 0;
	bool differ = false;

	for (size_t i = 0; i < m->args->n_operands; i++) {
		for (size_t k = 0; first && m->identities[i] && k < sizeof(keys) / sizeof(keys[0]);
		     k++) {
			const char *a = merge_text(first, keys[k]);
			const char *b = merge_text(m->identities[i], keys[k]);

			if (!strcmp(a, b))
				continue;
			cli_error("%s: another %s than %s (%s, %s)", m->args->operands[i], keys[k],
				  m->args->operands[first_at], b, a);
			differ = true;
		}
		if (!first && m->identities[i]) {
			first = m->identities[i];
			first_at = i;
		}
	}
	if (!differ || cli_given(m->args, "allow-mixed"))
		return 0;
	cli_error("not merged; give --allow-mixed to merge them all the same");
	return EXIT_NOT_COMPARABLE;
}

/* In how many of the folders a repetition is finished. */
static size_t merge_count(const struct merge *m, const char *id, int rep)
{
	size_t n = 0;

	for (size_t i = 0; i < m->args->n_operands; i++) {
		char path[PATH_MAX];
		char file[64];

		snprintf(file, sizeof(file), "cells/%.16s-%04d/result.json", id, rep);
		merge_path(path, m->args->operands[i], file);
		n += !access(path, F_OK);
	}
	return n;
}

/* Every repetition of every cell of the job stands in exactly one folder. */
static void merge_check_cells(struct merge *m, size_t *n_gaps, size_t *n_doubled)
{
	const json_t *identity = NULL;
	size_t at;
	const json_t *cell;

	*n_gaps = 0;
	*n_doubled = 0;
	for (size_t i = 0; i < m->args->n_operands && !identity; i++)
		identity = m->identities[i];
	json_array_foreach(json_object_get(identity, "cells"), at, cell)
	{
		const char *id = merge_text(cell, "id");
		const int n_reps = (int)json_integer_value(json_object_get(cell, "reps"));

		for (int rep = 1; rep <= n_reps; rep++) {
			const size_t n = merge_count(m, id, rep);

			if (n != 1 && *n_gaps + *n_doubled < MAX_NAMED)
				cli_error("cell %s repetition %d (%s %s) %s", id, rep,
					  merge_text(cell, "scenario"),
					  merge_text(cell, "settings"),
					  n ? "stands in several folders" : "is missing");
			*n_gaps += n == 0;
			*n_doubled += n > 1;
		}
	}
	if (*n_gaps + *n_doubled > MAX_NAMED)
		cli_error("... and %zu more", *n_gaps + *n_doubled - MAX_NAMED);
}

static int merge_check_complete(struct merge *m)
{
	size_t n_gaps, n_doubled;

	merge_check_cells(m, &n_gaps, &n_doubled);
	if (n_doubled) {
		cli_error("%zu repetitions are doubled; give each shard once", n_doubled);
		return EXIT_USAGE;
	}
	if (!n_gaps)
		return 0;
	if (cli_given(m->args, "allow-gaps")) {
		cli_error("%zu repetitions are missing; merged without them, as asked", n_gaps);
		return 0;
	}
	cli_error("%zu repetitions are missing; finish the shards (--resume), or give --allow-gaps",
		  n_gaps);
	return EXIT_CHECK_FAILED;
}

/* ---------------------------------------------------------------- rows */

struct merge_sources {
	char **paths;
	size_t n;
};

static void merge_sources_fini(struct merge_sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->paths[i]);
	free(s->paths);
	*s = (struct merge_sources){NULL, 0};
}

static int merge_add_source(struct merge_sources *s, const char *dir, const char *file)
{
	char **paths;

	/* Grow by doubling: the capacity is the next power of two. */
	if (!(s->n & (s->n - 1))) {
		paths = realloc(s->paths, (s->n ? 2 * s->n : 1) * sizeof(*paths));
		if (!paths)
			return -ENOMEM;
		s->paths = paths;
	}
	if (asprintf(&s->paths[s->n], "%s/%s", dir, file) < 0)
		return -ENOMEM;
	s->n++;
	return 0;
}

/* The files of that name: of a matrix those of its finished cells (its own run.csv may be older than
 * they are), of a single run its own.  0 or -errno. */
static int merge_find_sources(const struct merge *m, const char *name, struct merge_sources *s)
{
	int err = 0;

	*s = (struct merge_sources){NULL, 0};
	for (size_t i = 0; i < m->args->n_operands && !err; i++) {
		const char *dir = m->args->operands[i];
		const json_t *cell;
		size_t at;

		if (!m->identities[i])
			err = merge_add_source(s, dir, name);
		json_array_foreach(json_object_get(m->identities[i], "cells"), at, cell)
		{
			const int n_reps = (int)json_integer_value(json_object_get(cell, "reps"));

			for (int rep = 1; rep <= n_reps && !err; rep++) {
				char file[128];
				char path[PATH_MAX];

				snprintf(file, sizeof(file), "cells/%.16s-%04d/%s",
					 merge_text(cell, "id"), rep, name);
				merge_path(path, dir, file);
				if (!access(path, F_OK))
					err = merge_add_source(s, dir, file);
				else if (errno != ENOENT)
					err = -errno;
			}
		}
	}
	return err;
}

/* One cell and repetition in one file; to find those that stand in two. */
struct merge_group {
	uint64_t key;
	size_t file;
	size_t line;
};

static int merge_group_order(const void *left, const void *right)
{
	const struct merge_group *x = left;
	const struct merge_group *y = right;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* A group per run of rows of one cell and repetition. */
static int merge_add_groups(struct merge_group **groups, size_t *n, const struct table *t,
			    size_t file)
{
	uint64_t last = 0;

	for (size_t row = 0; row < table_n_rows(t); row++) {
		char text[512];
		const int length =
			snprintf(text, sizeof(text), "%s\x1f%s", table_text(t, row, COL_cell_id),
				 table_text(t, row, COL_rep));
		const uint64_t key = XXH3_64bits(text, strnlen(text, (size_t)length));

		if (row && key == last)
			continue;
		last = key;
		if (!(*n & (*n - 1))) {
			struct merge_group *more =
				realloc(*groups, (*n ? 2 * *n : 1) * sizeof(*more));

			if (!more)
				return -ENOMEM;
			*groups = more;
		}
		(*groups)[(*n)++] = (struct merge_group){key, file, table_line(t, row)};
	}
	return 0;
}

static int merge_check_groups(const struct merge_sources *sources, struct merge_group *groups,
			      size_t n)
{
	if (n)
		qsort(groups, n, sizeof(*groups), merge_group_order);
	for (size_t i = 1; i < n; i++) {
		if (groups[i - 1].key != groups[i].key || groups[i - 1].file == groups[i].file)
			continue;
		cli_error("%s:%zu: the same cell and repetition as %s:%zu",
			  sources->paths[groups[i].file], groups[i].line,
			  sources->paths[groups[i - 1].file], groups[i - 1].line);
		return EXIT_USAGE;
	}
	return 0;
}

/* One file: whole and of this schema. */
static int merge_check_file(const char *path, struct merge_group **groups, size_t *n, size_t file)
{
	char message[MESSAGE_BYTES];
	struct table *t;
	int code = 0;

	if (table_read(&t, path, message, sizeof(message))) {
		cli_error("%s", message);
		return EXIT_USAGE;
	}
	for (size_t w = 0; table_warning(t, w); w++) {
		cli_error("%s", table_warning(t, w));
		code = EXIT_USAGE; /* a torn line: the part is damaged */
	}
	if (!code && merge_add_groups(groups, n, t, file)) {
		cli_error("out of memory");
		code = EXIT_USAGE;
	}
	table_free(t);
	return code;
}

/* Every run.csv is good, and nothing is in two of them. */
static int merge_check_rows(const struct merge *m)
{
	struct merge_group *groups = NULL;
	struct merge_sources sources;
	size_t n = 0;
	const int err = merge_find_sources(m, "run.csv", &sources);
	int code = err ? EXIT_USAGE : 0;

	if (err)
		cli_error("run.csv: %s", strerror(-err));
	for (size_t i = 0; i < sources.n && !code; i++)
		code = merge_check_file(sources.paths[i], &groups, &n, i);
	if (!code && !sources.n) {
		cli_error("no finished cell in the folders given");
		code = EXIT_USAGE;
	}
	if (!code)
		code = merge_check_groups(&sources, groups, n);
	free(groups);
	merge_sources_fini(&sources);
	return code;
}

/* ---------------------------------------------------------------- writing */

static int merge_write_file(const struct merge *m, const char *name, bool is_env)
{
	struct merge_sources sources;
	char path[PATH_MAX];
	char message[MESSAGE_BYTES];
	int err = merge_find_sources(m, name, &sources);

	merge_path(path, m->out, name);
	if (err)
		snprintf(message, sizeof(message), "%s: %s", name, strerror(-err));
	else
		err = (is_env ? matrix_choose_env : matrix_concatenate)(
			path, sources.paths, sources.n, message, sizeof(message));
	if (err)
		cli_error("%s", message);
	merge_sources_fini(&sources);
	return err ? EXIT_USAGE : 0;
}

/* The merged file is read again: units that differ between the parts show only there. */
static int merge_verify(const struct merge *m)
{
	char path[PATH_MAX];
	char message[MESSAGE_BYTES];
	struct table *t;

	merge_path(path, m->out, "run.csv");
	if (table_read(&t, path, message, sizeof(message))) {
		cli_error("%s; nothing is merged", message);
		unlink(path);
		return EXIT_USAGE;
	}
	printf("%zu rows of %zu folders in %s\n", table_n_rows(t), m->args->n_operands, path);
	table_free(t);
	return 0;
}

static int merge_write(const struct merge *m)
{
	/* run.csv last: where another file cannot be written there is no merged result. */
	static const char *const names[] = {"timeline.csv", "histograms.csv", "env.json",
					    "run.csv"};
	char path[PATH_MAX];
	int code = 0;

	code = mkdirs(m->out);
	if (code) {
		cli_error("--out=%s: %s", m->out, strerror(-code));
		return EXIT_USAGE;
	}
	merge_path(path, m->out, "run.csv");
	if (!access(path, F_OK)) {
		cli_error("%s is there already; choose another --out", path);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !code; i++)
		code = merge_write_file(m, names[i], !strcmp(names[i], "env.json"));
	return code ? code : merge_verify(m);
}

static int merge_run(struct merge *m)
{
	int code;

	m->out = cli_get(m->args, "out");
	if (!m->args->n_operands || !m->out) {
		cli_error("%s; it is `merge DIR... --out=DIR`",
			  m->out ? "no folder to merge is given" : "--out is missing");
		return EXIT_USAGE;
	}
	m->identities = calloc(m->args->n_operands, sizeof(*m->identities));
	if (!m->identities) {
		cli_error("out of memory");
		return EXIT_USAGE;
	}
	code = merge_read_identities(m);
	if (!code)
		code = merge_check_same(m);
	if (!code)
		code = merge_check_complete(m);
	if (!code)
		code = merge_check_rows(m);
	if (!code)
		code = merge_write(m);
	for (size_t i = 0; m->identities && i < m->args->n_operands; i++)
		json_decref(m->identities[i]);
	free(m->identities);
	return code;
}

static int merge_main(int argc, char **argv)
{
	struct cli_args args;
	struct merge m = {.args = &args};
	int code = cli_parse(&args, &cmd_merge, argc, argv);

	if (!code)
		code = merge_run(&m);
	cli_free(&args);
	return code < 0 ? EXIT_GOOD : code;
}

const struct cli_command cmd_merge = {
	.name = "merge",
	.operands = "DIR...",
	.summary = "put the shards of a matrix together, checked for gaps and doubles",
	.examples = "reclaimbench merge part1 part2 part3 --out=results/whole\n",
	.options = merge_options,
	.main = merge_main,
};
