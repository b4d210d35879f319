/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `reclaimbench export DIR --format=...`: results in the formats of other tools. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "report/export.h"

static const struct cli_option export_options[] = {
	{"format", "wide|gbench|benchstat|hdr|trace", "wide", "what to write"},
	{"output", "FILE", NULL, "the file to write (default: standard output)"},
	{NULL, NULL, NULL, NULL},
};

static int cmd_export_main(int argc, char **argv);

const struct cli_command cmd_export = {
	.name = "export",
	.operands = "DIR",
	.summary = "write results as wide CSV, Google Benchmark JSON, benchstat text, HdrHistogram "
		   "log or trace events",
	.examples = "reclaimbench export --format=wide --output=wide.csv out\n"
		    "reclaimbench export --format=gbench out >new.json\n",
	.options = export_options,
	.main = cmd_export_main,
};

static const struct {
	const char *name;
	int (*of_table)(FILE *out, const struct table *t, char *error, size_t error_size);
	int (*of_dir)(FILE *out, const char *dir, char *error, size_t error_size);
} export_formats[] = {
	{"wide", export_wide, NULL},	       {"gbench", export_gbench, NULL},
	{"benchstat", export_benchstat, NULL}, {"hdr", NULL, export_hdr},
	{"trace", NULL, export_trace},
};
enum { EXPORT_N_FORMATS = sizeof(export_formats) / sizeof(export_formats[0]) };

/* 0, or -errno with `error`; -EINVAL and the like are the input's fault. */
static int cmd_export_write(FILE *out, size_t format, const char *dir, char *error,
			    size_t error_size)
{
	struct table *t = NULL;
	char *path;
	int rc;

	if (export_formats[format].of_dir)
		return export_formats[format].of_dir(out, dir, error, error_size);
	if (asprintf(&path, "%s/run.csv", dir) < 0) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	rc = table_read(&t, path, error, error_size);
	free(path);
	if (rc)
		return rc;
	for (size_t i = 0; table_warning(t, i); i++)
		fprintf(stderr, "warning: %s\n", table_warning(t, i));
	rc = export_formats[format].of_table(out, t, error, error_size);
	table_free(t);
	return rc;
}

/* To a file: beside it first, then renamed. */
static int cmd_export_file(const char *path, size_t format, const char *dir)
{
	char error[600];
	char *temporary;
	FILE *out;
	int code = EXIT_CHECK_FAILED;

	if (asprintf(&temporary, "%s.tmp", path) < 0) {
		cli_error("out of memory");
		return EXIT_CHECK_FAILED;
	}
	out = fopen(temporary, "we");
	if (!out) {
		cli_error("%s: %s", path, strerror(errno));
	} else if (cmd_export_write(out, format, dir, error, sizeof(error))) {
		cli_error("%s", error);
		fclose(out);
		unlink(temporary);
		code = EXIT_USAGE;
	} else if (ferror(out) | fclose(out) || rename(temporary, path)) {
		cli_error("%s: %s", path, strerror(errno ? errno : EIO));
		unlink(temporary);
	} else {
		code = EXIT_GOOD;
	}
	free(temporary);
	return code;
}

static int cmd_export_stdout(size_t format, const char *dir)
{
	char error[600];

	if (cmd_export_write(stdout, format, dir, error, sizeof(error))) {
		cli_error("%s", error);
		return EXIT_USAGE;
	}
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("standard output: %s", strerror(errno ? errno : EIO));
		return EXIT_CHECK_FAILED;
	}
	return EXIT_GOOD;
}

static int cmd_export_run(const struct cli_args *args)
{
	const char *name = cli_get(args, "format");
	size_t format = 0;

	if (args->n_operands != 1) {
		cli_error("give one directory, which holds run.csv");
		return EXIT_USAGE;
	}
	while (format < EXPORT_N_FORMATS && strcmp(export_formats[format].name, name))
		format++;
	if (format == EXPORT_N_FORMATS) {
		cli_error("--format=%s is not known; use wide, gbench, benchstat, hdr or trace",
			  name);
		return EXIT_USAGE;
	}
	if (cli_given(args, "output"))
		return cmd_export_file(cli_given(args, "output"), format, args->operands[0]);
	return cmd_export_stdout(format, args->operands[0]);
}

static int cmd_export_main(int argc, char **argv)
{
	struct cli_args args;
	int rc = cli_parse(&args, &cmd_export, argc, argv);

	if (rc)
		return rc < 0 ? EXIT_GOOD : rc;
	rc = cmd_export_run(&args);
	cli_free(&args);
	return rc;
}
