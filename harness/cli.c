/* SPDX-License-Identifier: MIT */
/* cli.c - parsing by table, and what is wrong said with what would be right. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "units.h"

void cli_error(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	fflush(stdout);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	/* Messages quote files, and a terminal would obey what a binary one holds. */
	for (char *c = text; c && *c; c++)
		if (iscntrl((unsigned char)*c) && *c != '\n' && *c != '\t')
			*c = '?';
	/* main() sets glibc's own name of the program to "reclaimbench SUBCOMMAND". */
	fprintf(stderr, "%s: %s\n", program_invocation_name, text ? text : fmt);
	free(text);
}

/* ---------------------------------------------------------------- nearest name */

#define NEAREST_MAX 64

static size_t cli_min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance with insertion, deletion, replacement, and swap of two neighbours at cost 1 each. */
static size_t cli_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t n_a = strlen(a);
	size_t n_b = strlen(b);

	if (n_a > NEAREST_MAX || n_b > NEAREST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			row[j] = cli_min3(row[j - 1] + 1, above[j] + 1,
					  above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = cli_min3(row[j], above2[j - 2] + 1, SIZE_MAX);
		}
	}
	return rows[n_a % 3][n_b];
}

const char *cli_nearest(const char *text, const char *const *names, size_t n_names)
{
	size_t limit = strlen(text) / 3 > 1 ? strlen(text) / 3 : 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n_names; i++) {
		size_t distance = cli_distance(text, names[i]);

		if (distance <= limit) {
			nearest = names[i];
			limit = distance > 0 ? distance - 1 : 0;
		}
	}
	return nearest;
}

/* ---------------------------------------------------------------- parsing */

static size_t cli_n_options(const struct cli_command *command)
{
	size_t n = 0;

	while (command->options[n].name)
		n++;
	return n;
}

static int cli_unknown_option(const struct cli_command *command, const char *name, size_t length)
{
	size_t n = cli_n_options(command);
	const char **names = calloc(n + 1, sizeof(*names));
	const char *nearest = NULL;
	char text[NEAREST_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)(length < NEAREST_MAX ? length : NEAREST_MAX),
		 name);
	if (names) {
		for (size_t i = 0; i < n; i++)
			names[i] = command->options[i].name;
		names[n] = "help";
		nearest = cli_nearest(text, names, n + 1);
	}
	if (nearest)
		cli_error("unknown option --%s; did you mean --%s?", text, nearest);
	else
		cli_error("unknown option --%s; `reclaimbench %s --help` lists the options", text,
			  command->name);
	free(names);
	return EXIT_USAGE;
}

/* One option at argv[*i]; steps *i over a value that stands apart. */
static int cli_parse_option(struct cli_args *args, int argc, char **argv, int *i)
{
	const struct cli_option *options = args->command->options;
	const char *name = argv[*i] + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] == '=' ? name + length + 1 : NULL;
	size_t k = 0;

	while (options[k].name &&
	       (strncmp(options[k].name, name, length) != 0 || options[k].name[length] != '\0'))
		k++;
	if (!options[k].name)
		return cli_unknown_option(args->command, name, length);
	if (args->values[k]) {
		cli_error("option --%s is given twice", options[k].name);
		return EXIT_USAGE;
	}
	if (!options[k].arg && value) {
		cli_error("option --%s takes no value, but \"%s\" was given", options[k].name,
			  value);
		return EXIT_USAGE;
	}
	if (!options[k].arg) {
		args->values[k] = "";
		return 0;
	}
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value) {
		cli_error("option --%s needs a value: --%s=%s", options[k].name, options[k].name,
			  options[k].arg);
		return EXIT_USAGE;
	}
	args->values[k] = value;
	return 0;
}

static int cli_add_operand(struct cli_args *args, const char *text)
{
	if (*args->command->operands == '\0') {
		cli_error("unexpected operand \"%s\"; `%s` takes options only", text,
			  args->command->name);
		return EXIT_USAGE;
	}
	args->operands[args->n_operands++] = text;
	return 0;
}

static int cli_parse_all(struct cli_args *args, int argc, char **argv)
{
	bool options_ended = false;
	int code = 0;

	for (int i = 1; i < argc && code == 0; i++) {
		const char *arg = argv[i];

		if (options_ended || arg[0] != '-' || arg[1] == '\0') {
			code = cli_add_operand(args, arg);
		} else if (strcmp(arg, "--") == 0) {
			options_ended = true;
		} else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			cli_print_help(args->command);
			return -1;
		} else if (arg[1] != '-') {
			cli_error("unknown option %s; options are long: --name=value", arg);
			code = EXIT_USAGE;
		} else {
			code = cli_parse_option(args, argc, argv, &i);
		}
	}
	return code;
}

void cli_free(struct cli_args *args)
{
	free(args->values);
	free(args->operands);
	*args = (struct cli_args){0};
}

int cli_parse(struct cli_args *args, const struct cli_command *command, int argc, char **argv)
{
	int code;

	*args = (struct cli_args){.command = command};
	/* Released by cli_free(). */
	args->values = calloc(cli_n_options(command) + 1, sizeof(*args->values));
	args->operands = calloc((size_t)argc + 1, sizeof(*args->operands));
	if (args->values && args->operands) {
		code = cli_parse_all(args, argc, argv);
	} else {
		cli_error("out of memory");
		code = EXIT_USAGE;
	}
	if (code != 0)
		cli_free(args);
	return code;
}

/* ---------------------------------------------------------------- values */

static size_t cli_option_index(const struct cli_args *args, const char *name)
{
	const struct cli_option *options = args->command->options;
	size_t k = 0;

	while (options[k].name && strcmp(options[k].name, name) != 0)
		k++;
	if (!options[k].name) {
		fprintf(stderr, "cli: \"%s\" is not in the option table of %s\n", name,
			args->command->name);
		abort();
	}
	return k;
}

const char *cli_given(const struct cli_args *args, const char *name)
{
	return args->values[cli_option_index(args, name)];
}

const char *cli_get(const struct cli_args *args, const char *name)
{
	size_t k = cli_option_index(args, name);

	return args->values[k] ? args->values[k] : args->command->options[k].deflt;
}

int cli_get_count(const struct cli_args *args, const char *name, uint64_t min, uint64_t max,
		  uint64_t *out)
{
	const char *text = cli_get(args, name);
	uint64_t value;
	int err;

	if (!text)
		return 0;
	err = units_parse_count(text, &value);
	if (err == -EINVAL) {
		cli_error("--%s=%s is not a whole number; write 1000, 64k, 4Ki or 2^16", name,
			  text);
		return EXIT_USAGE;
	}
	if (err || value < min || value > max) {
		cli_error("--%s=%s is out of range; it must be %" PRIu64 " to %" PRIu64, name, text,
			  min, max);
		return EXIT_USAGE;
	}
	*out = value;
	return 0;
}

int cli_get_time_ns(const struct cli_args *args, const char *name, uint64_t min_ns, uint64_t max_ns,
		    uint64_t *out_ns)
{
	const char *text = cli_get(args, name);
	char low[32];
	char high[32];
	uint64_t value;
	int err;

	if (!text)
		return 0;
	err = units_parse_time(text, &value);
	if (err == -EINVAL) {
		cli_error("--%s=%s is not a time; write a number with ns, us, ms, s, m or h", name,
			  text);
		return EXIT_USAGE;
	}
	if (err || value < min_ns || value > max_ns) {
		cli_error("--%s=%s is out of range; it must be %s to %s", name, text,
			  units_format_ns(low, sizeof(low), (double)min_ns),
			  units_format_ns(high, sizeof(high), (double)max_ns));
		return EXIT_USAGE;
	}
	*out_ns = value;
	return 0;
}

int cli_get_fraction(const struct cli_args *args, const char *name, double *out)
{
	const char *text = cli_get(args, name);
	int err;

	if (!text)
		return 0;
	err = units_parse_fraction(text, out);
	if (err) {
		cli_error("--%s=%s is not a share from 0 to 1; write 2%% or 0.02", name, text);
		return EXIT_USAGE;
	}
	return 0;
}

int cli_get_choice(const struct cli_args *args, const char *name, size_t *out)
{
	const struct cli_option *option = &args->command->options[cli_option_index(args, name)];
	const char *text = cli_get(args, name);
	const char *word = option->arg;

	if (!text)
		return 0;
	for (size_t index = 0; word; index++) {
		size_t length = strcspn(word, "|");

		if (strlen(text) == length && strncmp(word, text, length) == 0) {
			*out = index;
			return 0;
		}
		word = word[length] ? word + length + 1 : NULL;
	}
	cli_error("--%s=%s is unknown; it must be one of %s", name, text, option->arg);
	return EXIT_USAGE;
}
