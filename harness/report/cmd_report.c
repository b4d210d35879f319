/* SPDX-License-Identifier: MIT */
/* cmd_report.c - `reclaimbench report DIR`: one self-contained HTML file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "report/html.h"

static const struct cli_option report_options[] = {
	{"output", "FILE", NULL, "the file to write (default: DIR/report.html)"},
	{"title", "TEXT", "reclaimbench report", "heading of the page"},
	{"object", "CLASS", NULL,
	 "object class whose lifetimes are shown: value, bucket, array, ... (default: the one with "
	 "most deaths)"},
	{"quiet", NULL, NULL, "print nothing"},
	{NULL, NULL, NULL, NULL},
};

static int cmd_report_main(int argc, char **argv);

const struct cli_command cmd_report = {
	.name = "report",
	.operands = "DIR",
	.summary = "write one self-contained HTML page about a result directory",
	.examples = "reclaimbench report out\n"
		    "reclaimbench report --title='nightly run' --output=nightly.html out\n",
	.options = report_options,
	.main = cmd_report_main,
};

static int cmd_report_write(FILE *out, const struct plot_dir *p, const char *title)
{
	int rc;

	html_begin(out, title);
	html_printf(out,
		    "<h1>%s</h1>\n<p class=\"soft\">How long deleted memory lives, and what it "
		    "costs to reclaim it "
		    "sooner. Made from <code>%s</code>.</p>\n",
		    title, p->csv);
	html_summary(out, p);
	rc = html_figures(out, p);
	html_tables(out, p);
	html_self_checks(out, p);
	if (!rc)
		rc = html_environment(out, p);
	if (!rc)
		rc = html_commands(out, p);
	html_end(out);
	if (!rc && ferror(out))
		rc = -EIO;
	return rc;
}

/* Write beside and rename: a page is whole or not there. */
static int cmd_report_file(const struct plot_dir *p, const char *path, const char *title)
{
	char *temporary;
	FILE *out;
	int rc;

	if (asprintf(&temporary, "%s.tmp", path) < 0) {
		cli_error("%s: out of memory", path);
		return -ENOMEM;
	}
	out = fopen(temporary, "we");
	if (!out) {
		rc = -errno;
	} else {
		rc = cmd_report_write(out, p, title);
		errno = 0;
		if (fclose(out) && (!rc || rc == -EIO))
			rc = errno ? -errno : -EIO;
		if (!rc && rename(temporary, path))
			rc = -errno;
		if (rc)
			unlink(temporary);
	}
	if (rc)
		cli_error("%s: %s", path, strerror(-rc));
	free(temporary);
	return rc;
}

static int cmd_report_run(const struct cli_args *args)
{
	struct plot_dir p;
	char error[600];
	char *path = NULL;
	int code = EXIT_USAGE;
	int rc;

	if (plot_dir_open_command(&p, args))
		goto out;
	code = EXIT_CHECK_FAILED;
	rc = plot_dir_draw(&p, error, sizeof(error));
	if (rc) {
		cli_error("%s", error);
		/* A file beside run.csv is not what it should be. */
		code = rc == -EINVAL ? EXIT_USAGE : EXIT_CHECK_FAILED;
		goto out;
	}
	if (cli_given(args, "output") ? (path = strdup(cli_given(args, "output"))) == NULL
				      : asprintf(&path, "%s/report.html", args->operands[0]) < 0) {
		path = NULL;
		cli_error("out of memory");
		goto out;
	}
	if (cmd_report_file(&p, path, cli_get(args, "title")))
		goto out;
	if (!cli_given(args, "quiet"))
		printf("%s\n", path);
	code = EXIT_GOOD;
out:
	free(path);
	plot_dir_close(&p);
	return code;
}

static int cmd_report_main(int argc, char **argv)
{
	struct cli_args args;
	int rc = cli_parse(&args, &cmd_report, argc, argv);

	if (rc)
		return rc < 0 ? EXIT_GOOD : rc;
	rc = cmd_report_run(&args);
	cli_free(&args);
	return rc;
}
