/* SPDX-License-Identifier: MIT */
/* cli.h - one table per subcommand, from which parsing, --help, the man page and the bash completion
 * are all made.  An option that is not in the table does not exist.
 *
 * A subcommand lives in one file, harness/.../cmd_NAME.c, and defines `const struct cli_command
 * cmd_NAME`; commands.def has a line for each.
 *
 * Called from the main thread only.
 */
#ifndef RECLAIMBENCH_CLI_H
#define RECLAIMBENCH_CLI_H

#include <stddef.h>
#include <stdint.h>

/* Exit codes (DESIGN section 6). */
enum {
	EXIT_GOOD = 0,
	EXIT_CHECK_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INCONCLUSIVE = 3,
	EXIT_NOT_COMPARABLE = 4,
	EXIT_CELLS_FAILED = 5,
	EXIT_INTERRUPTED = 130,
};

struct cli_option {
	const char *name; /* without dashes: "value-bytes" */
	const char
		*arg; /* placeholder of the value: "N", "FILE", "DIR"; "go|empty" lists the values
			    * (for the completion; the command checks); NULL: a flag without a value */
	const char *deflt; /* default as text, shown in --help; NULL: none */
	const char *help;  /* one sentence, with the unit */
};

/* Options that several commands share: put them into the table as they are. */
#define CLI_OPTION_QUIET                                                                           \
	{                                                                                          \
		"quiet", NULL, NULL, "no progress, no table: only errors and files"                \
	}
#define CLI_OPTION_COLOR                                                                           \
	{                                                                                          \
		"color", "auto|always|never", "auto",                                              \
			"colour; auto: on a terminal, unless NO_COLOR is set"                      \
	}
#define CLI_OPTIONS_END                                                                            \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

struct cli_command {
	const char *name;
	const char *operands;		  /* e.g. "BASE.csv NEW.csv"; "" when it takes none */
	const char *summary;		  /* one line */
	const char *examples;		  /* lines, each a command */
	const struct cli_option *options; /* ends with name == NULL */
	int (*main)(int argc,
		    char **argv); /* argv[0] is the subcommand's name; returns an exit code */
};

/* What was given on the command line. */
struct cli_args {
	const struct cli_command *command;
	const char **
		values; /* per option of the table: the text given, "" for a flag, NULL if absent */
	const char **operands;
	size_t n_operands;
};

/* Parse `--name=value`, `--name value`, `--flag`, `--` and operands.  Prints --help itself.
 * Returns 0; EXIT_USAGE after printing what is wrong and what is nearest to it; or -1 when --help
 * was printed and the caller shall return EXIT_GOOD.  Operands given to a command whose `operands` is ""
 * are refused; how many there must be is the command's to check.  Free with cli_free(); on any
 * result but 0 nothing is held (cli_free() does no harm then). */
int cli_parse(struct cli_args *args, const struct cli_command *command, int argc, char **argv)
	__attribute__((warn_unused_result));
void cli_free(struct cli_args *args);

/* The text given for an option, or its default from the table, or NULL.  Aborts when `name` is not in
 * the table (a programming error). */
const char *cli_get(const struct cli_args *args, const char *name);
/* As cli_get(), but NULL when it was not given. */
const char *cli_given(const struct cli_args *args, const char *name);

/* cli_get() as a number within [min, max]: 0, or EXIT_USAGE after printing the option, the text, and what
 * would be right.  For options with a default; without one and not given, *out is left alone. */
int cli_get_count(const struct cli_args *args, const char *name, uint64_t min, uint64_t max,
		  uint64_t *out) __attribute__((warn_unused_result));
int cli_get_time_ns(const struct cli_args *args, const char *name, uint64_t min_ns, uint64_t max_ns,
		    uint64_t *out_ns) __attribute__((warn_unused_result));
int cli_get_fraction(const struct cli_args *args, const char *name, double *out)
	__attribute__((warn_unused_result));
/* One of the words of the option's `arg` ("go|empty"): its index from 0. */
int cli_get_choice(const struct cli_args *args, const char *name, size_t *out)
	__attribute__((warn_unused_result));

/* Print "reclaimbench SUBCOMMAND: message" to stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The name nearest to `text` (edit distance at most a third of its length, at least 1), or NULL. */
const char *cli_nearest(const char *text, const char *const *names, size_t n_names);

/* To stdout; as wide as the terminal. */
void cli_print_help(const struct cli_command *command);
/* The man page (troff) and the bash completion, for all commands; NULL-terminated list. */
void cli_print_man(const struct cli_command *const *commands);
void cli_print_completion(const struct cli_command *const *commands);

#endif
