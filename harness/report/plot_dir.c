/* SPDX-License-Identifier: MIT */
/* plot_dir.c - opens a result directory and draws its figures. */
#include "report/plot_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int plot_dir_open(struct plot_dir *p, const char *dir, char *error, size_t error_size)
{
	struct stat st;
	int rc;

	memset(p, 0, sizeof(*p));
	p->dir = dir;
	if (stat(dir, &st)) {
		rc = -errno;
		snprintf(error, error_size, "%s: %s", dir, strerror(-rc));
		return rc;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(error, error_size, "%s: not a directory; give the one that holds run.csv",
			 dir);
		return -ENOTDIR;
	}
	if (asprintf(&p->csv, "%s/run.csv", dir) < 0)
		p->csv = NULL;
	if (asprintf(&p->timeline, "%s/timeline.csv", dir) < 0)
		p->timeline = NULL;
	if (asprintf(&p->plots, "%s/plots", dir) < 0)
		p->plots = NULL;
	if (!p->csv || !p->timeline || !p->plots) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	rc = table_read(&p->table, p->csv, error, error_size);
	if (rc)
		return rc;
	if (!table_n_rows(p->table)) {
		snprintf(error, error_size, "%s: has a header and no row", p->csv);
		return -EINVAL;
	}
	rc = results_make(&p->results, p->table);
	if (rc)
		snprintf(error, error_size, "out of memory");
	p->set = (struct figure_set){.results = &p->results,
				     .dir = p->plots,
				     .timeline_path = p->timeline,
				     .metric = "lifetime/total/p99",
				     .max_settings = 8};
	return rc;
}

int plot_dir_open_command(struct plot_dir *p, const struct cli_args *args)
{
	char error[600];

	memset(p, 0, sizeof(*p));
	if (args->n_operands != 1) {
		cli_error("give one directory, which holds run.csv");
		return EXIT_USAGE;
	}
	if (plot_dir_open(p, args->operands[0], error, sizeof(error))) {
		cli_error("%s", error);
		return EXIT_USAGE;
	}
	for (size_t i = 0; table_warning(p->table, i); i++)
		fprintf(stderr, "warning: %s\n", table_warning(p->table, i));
	p->set.object = cli_given(args, "object");
	return 0;
}

int plot_dir_draw(struct plot_dir *p, char *error, size_t error_size)
{
	int rc;

	if (mkdir(p->plots, 0777) && errno != EEXIST) {
		rc = -errno;
		snprintf(error, error_size, "%s: cannot be made: %s", p->plots, strerror(-rc));
		return rc;
	}
	rc = figures_draw(&p->set);
	if (rc)
		snprintf(error, error_size, "%s", *p->set.error ? p->set.error : strerror(-rc));
	return rc;
}

void plot_dir_close(struct plot_dir *p)
{
	figure_set_free(&p->set);
	if (p->table)
		results_free(&p->results);
	table_free(p->table);
	free(p->csv);
	free(p->timeline);
	free(p->plots);
	memset(p, 0, sizeof(*p));
}
