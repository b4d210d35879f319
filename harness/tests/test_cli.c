/* SPDX-License-Identifier: MIT */
/* test_cli.c - the option table: parsing, what is refused and how, suggestions, what is printed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "term.h"

static const struct cli_option options[] = {
	{"threads", "N", "1", "mutator threads"},
	{"unlink", "go|empty", "empty", "when an empty bucket is unlinked"},
	{"warmup", "TIME", "1s", "time before the first stage"},
	{"share", "FRACTION", "2%", "a share"},
	{"audit", NULL, NULL, "check each access"},
	{"out", "DIR", NULL, "where the files go"},
	CLI_OPTIONS_END,
};
static const struct cli_command with_operands = {
	.name = "try",
	.operands = "FILE...",
	.summary = "a command of this test",
	.examples = "reclaimbench try --threads=2 a.csv\n.dotted \\back",
	.options = options,
};
static const struct cli_command without_operands = {
	.name = "bare", .operands = "", .summary = "takes options only", .options = options};

/* What a function writes to a stream, caught in a file. */
struct caught {
	FILE *stream;
	int saved_fd;
	FILE *file;
};

static struct caught catch_begin(FILE *stream)
{
	struct caught c = {.stream = stream};

	fflush(stream);
	c.saved_fd = dup(fileno(stream));
	c.file = tmpfile();
	assert_non_null(c.file);
	dup2(fileno(c.file), fileno(stream));
	return c;
}

/* The caller frees the text. */
static char *catch_end(struct caught *c)
{
	char *text;
	long size;

	fflush(c->stream);
	dup2(c->saved_fd, fileno(c->stream));
	close(c->saved_fd);
	fseek(c->file, 0, SEEK_END);
	size = ftell(c->file);
	rewind(c->file);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, c->file), size);
	fclose(c->file);
	return text;
}

#define PARSE(args, command, ...)                                                                  \
	cli_parse((args), (command),                                                               \
		  (int)(sizeof((char *[]){"try", __VA_ARGS__}) / sizeof(char *)),                  \
		  (char *[]){"try", __VA_ARGS__})

static void test_parse(void **state)
{
	struct cli_args args;

	(void)state;
	assert_int_equal(PARSE(&args, &with_operands, "--threads=4", "a", "--unlink", "go",
			       "--audit", "-", "--", "--out=x"),
			 0);
	assert_string_equal(cli_get(&args, "threads"), "4");
	assert_string_equal(cli_given(&args, "unlink"), "go");
	assert_string_equal(cli_given(&args, "audit"), "");
	assert_null(cli_given(&args, "warmup"));
	assert_string_equal(cli_get(&args, "warmup"), "1s");
	assert_null(cli_get(&args, "out"));
	assert_int_equal(args.n_operands, 3);
	assert_string_equal(args.operands[0], "a");
	assert_string_equal(args.operands[1], "-");
	assert_string_equal(args.operands[2], "--out=x");
	cli_free(&args);
}

static void refuses(const struct cli_command *command, const char *a, const char *b,
		    const char *says)
{
	struct caught c = catch_begin(stderr);
	struct cli_args args;
	char *argv[] = {"try", (char *)a, (char *)b, NULL};
	int code = cli_parse(&args, command, b ? 3 : 2, argv);
	char *text;

	cli_free(&args);
	text = catch_end(&c);
	assert_int_equal(code, EXIT_USAGE);
	if (!strstr(text, says))
		fail_msg("\"%s\" does not say \"%s\"", text, says);
	free(text);
}

static void test_refuse(void **state)
{
	(void)state;
	refuses(&with_operands, "--thread=4", NULL, "did you mean --threads?");
	refuses(&with_operands, "--hlep", NULL, "did you mean --help?");
	refuses(&with_operands, "--zzzzzzz=4", NULL, "`reclaimbench try --help` lists");
	refuses(&with_operands, "--thread=4", "--threads=4", "unknown option --thread;");
	refuses(&with_operands, "--threads", NULL, "needs a value: --threads=N");
	refuses(&with_operands, "--audit=yes", NULL, "takes no value, but \"yes\"");
	refuses(&with_operands, "--audit", "--audit", "given twice");
	refuses(&with_operands, "--threads=1", "--threads=2", "--threads is given twice");
	refuses(&with_operands, "-t", NULL, "unknown option -t");
	refuses(&without_operands, "file", NULL, "unexpected operand \"file\"");
}

static void value_refused(const char *arg, const char *says)
{
	struct caught c = catch_begin(stderr);
	struct cli_args args;
	uint64_t n = 77;
	size_t choice = 77;
	double share = 77;
	int code = PARSE(&args, &with_operands, (char *)arg);
	char *text;

	if (code == 0 && cli_given(&args, "threads"))
		code = cli_get_count(&args, "threads", 1, 64, &n);
	else if (code == 0 && cli_given(&args, "warmup"))
		code = cli_get_time_ns(&args, "warmup", 1000000, 60000000000, &n);
	else if (code == 0 && cli_given(&args, "unlink"))
		code = cli_get_choice(&args, "unlink", &choice);
	else if (code == 0 && cli_given(&args, "share"))
		code = cli_get_fraction(&args, "share", &share);
	cli_free(&args);
	text = catch_end(&c);
	assert_int_equal(code, EXIT_USAGE);
	assert_true(n == 77 && choice == 77 && share == 77);
	if (!strstr(text, says))
		fail_msg("\"%s\" does not say \"%s\"", text, says);
	free(text);
}

static void test_values(void **state)
{
	struct cli_args args;
	uint64_t n = 0;
	size_t choice = 9;
	double share = 0;

	(void)state;
	assert_int_equal(PARSE(&args, &with_operands, "--threads=2^6", "--unlink=go"), 0);
	assert_int_equal(cli_get_count(&args, "threads", 1, 64, &n), 0);
	assert_int_equal(n, 64);
	assert_int_equal(cli_get_time_ns(&args, "warmup", 0, UINT64_MAX, &n), 0);
	assert_int_equal(n, 1000000000);
	assert_int_equal(cli_get_choice(&args, "unlink", &choice), 0);
	assert_int_equal(choice, 0);
	assert_int_equal(cli_get_fraction(&args, "share", &share), 0);
	assert_true(share > 0.0199 && share < 0.0201);
	cli_free(&args);

	value_refused("--threads=abc", "--threads=abc is not a whole number");
	value_refused("--threads=65", "--threads=65 is out of range; it must be 1 to 64");
	value_refused("--threads=0", "it must be 1 to 64");
	value_refused("--threads=", "--threads= is not a whole number");
	value_refused("--warmup=5", "--warmup=5 is not a time");
	value_refused("--warmup=2m", "it must be 1.00 ms to 60.0 s");
	value_refused("--unlink=g", "--unlink=g is unknown; it must be one of go|empty");
	value_refused("--unlink=go|empty", "must be one of");
	value_refused("--share=2", "--share=2 is not a share");
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"run", "matrix", "compare", "plot", "report"};

	(void)state;
	assert_string_equal(cli_nearest("matirx", names, 5), "matrix");
	assert_string_equal(cli_nearest("rnu", names, 5), "run");
	assert_string_equal(cli_nearest("reprot", names, 5), "report");
	assert_string_equal(cli_nearest("plot", names, 5), "plot");
	assert_string_equal(cli_nearest("compar", names, 5), "compare");
	assert_null(cli_nearest("sweepgen", names, 5));
	assert_null(cli_nearest("", names, 5));
	assert_null(cli_nearest("run", names, 0));
}

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void test_help(void **state)
{
	struct caught c = catch_begin(stdout);
	struct cli_args args;
	int code = PARSE(&args, &with_operands, "--threads=1", "--help");
	char *text;

	(void)state;
	cli_free(&args);
	text = catch_end(&c);
	assert_int_equal(code, -1);
	contains(text, "Usage: reclaimbench try [OPTION...] FILE...\n");
	contains(text,
		 "  --unlink=go|empty         when an empty bucket is unlinked (default empty)\n");
	contains(text, "  --audit                   check each access\n");
	contains(text, "Examples:\n  reclaimbench try --threads=2 a.csv\n");
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_true(strcspn(line, "\n") <= 80);
	}
	free(text);
}

static void test_man(void **state)
{
	static const struct cli_command *const commands[] = {&with_operands, &without_operands,
							     NULL};
	struct caught c = catch_begin(stdout);
	char *text;

	(void)state;
	cli_print_man(commands);
	text = catch_end(&c);
	contains(text, ".SS reclaimbench try [OPTION...] FILE...\n");
	contains(text, ".SS reclaimbench bare");
	contains(text, "\\fB\\-\\-unlink\\fR=\\fIgo|empty\\fR\nwhen an empty bucket is unlinked\n");
	contains(text, "\n\\&.dotted \\eback\n");
	free(text);
}

static void test_completion(void **state)
{
	static const struct cli_command *const commands[] = {&with_operands, &without_operands,
							     NULL};
	struct caught c = catch_begin(stdout);
	char *text;

	(void)state;
	cli_print_completion(commands);
	text = catch_end(&c);
	contains(text, "\ttry) words=\"--threads= --unlink= --warmup= --share= --audit --out= "
		       "--help\" ;;\n");
	contains(text, "\ttry:--unlink) values=\"go empty\" ;;\n");
	contains(text, "compgen -W \"try bare help --help --version\"");
	free(text);
}

static void test_term(void **state)
{
	FILE *f = tmpfile();
	bool is_on = true;

	(void)state;
	assert_non_null(f);
	unsetenv("NO_COLOR");
	assert_false(term_is_terminal(f));
	assert_int_equal(term_color("auto", f, &is_on), 0);
	assert_false(is_on);
	assert_int_equal(term_color("always", f, &is_on), 0);
	assert_true(is_on);
	assert_string_equal(term_style(is_on, TERM_RED), "\033[31m");
	setenv("NO_COLOR", "1", 1);
	assert_int_equal(term_color(NULL, f, &is_on), 0);
	assert_false(is_on);
	assert_string_equal(term_style(is_on, TERM_RED), "");
	assert_int_equal(term_color("sometimes", f, &is_on), -EINVAL);
	setenv("COLUMNS", "132", 1);
	assert_int_equal(term_width(f), 132);
	setenv("COLUMNS", "wide", 1);
	assert_int_equal(term_width(f), 80);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	   cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_help),	   cmocka_unit_test(test_man),
		cmocka_unit_test(test_completion), cmocka_unit_test(test_term),
	};

	unsetenv("COLUMNS");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
