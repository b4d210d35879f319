/* SPDX-License-Identifier: MIT */
/* cli_print.c - help, man page and bash completion, all from the option tables. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "term.h"

/* ---------------------------------------------------------------- help */

/* Words of `text` from column `column` on, wrapped at `width` and indented to `indent`. */
static void cli_print_wrapped(const char *text, unsigned column, unsigned indent, unsigned width)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > indent && column + 1 + length > width) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)length, text);
		column += (unsigned)length;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

#define HELP_INDENT 28

static void cli_print_option(const struct cli_option *option, unsigned width)
{
	char help[1024];
	int column;

	column = printf("  --%s%s%s", option->name, option->arg ? "=" : "",
			option->arg ? option->arg : "");
	if (column + 1 > HELP_INDENT) {
		putchar('\n');
		column = 0;
	}
	printf("%*s", HELP_INDENT - column, "");
	snprintf(help, sizeof(help), "%s%s%s%s", option->help, option->deflt ? " (default " : "",
		 option->deflt ? option->deflt : "", option->deflt ? ")" : "");
	cli_print_wrapped(help, HELP_INDENT, HELP_INDENT, width);
}

/* The lines of `text`, each behind `prefix`. */
static void cli_print_lines(const char *text, const char *prefix)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("%s%.*s\n", prefix, (int)length, text);
		text += length;
		text += *text == '\n';
	}
}

void cli_print_help(const struct cli_command *command)
{
	unsigned width = term_width(stdout);
	static const struct cli_option help = {"help", NULL, NULL, "print this and exit"};

	if (width > 100)
		width = 100;
	if (width < HELP_INDENT + 20)
		width = HELP_INDENT + 20;
	printf("Usage: reclaimbench %s [OPTION...]%s%s\n\n", command->name,
	       *command->operands ? " " : "", command->operands);
	cli_print_wrapped(command->summary, 0, 0, width);
	printf("\nOptions:\n");
	for (const struct cli_option *option = command->options; option->name; option++)
		cli_print_option(option, width);
	cli_print_option(&help, width);
	if (command->examples && *command->examples) {
		printf("\nExamples:\n");
		cli_print_lines(command->examples, "  ");
	}
}

/* ---------------------------------------------------------------- man page */

/* Text for troff: no line may begin with a control character, backslashes are escaped, and a hyphen is the
 * one that can be copied into a shell. */
static void cli_print_troff(const char *text)
{
	bool is_line_start = true;

	for (; *text; text++) {
		if (is_line_start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
		is_line_start = *text == '\n';
	}
}

static void cli_print_man_option(const struct cli_option *option)
{
	printf(".TP\n\\fB\\-\\-");
	cli_print_troff(option->name);
	printf("\\fR");
	if (option->arg) {
		printf("=\\fI");
		cli_print_troff(option->arg);
		printf("\\fR");
	}
	putchar('\n');
	cli_print_troff(option->help);
	if (option->deflt) {
		printf("\n(default ");
		cli_print_troff(option->deflt);
		putchar(')');
	}
	putchar('\n');
}

static void cli_print_man_command(const struct cli_command *command)
{
	printf(".SS reclaimbench ");
	cli_print_troff(command->name);
	printf(" [OPTION...] ");
	cli_print_troff(command->operands);
	putchar('\n');
	cli_print_troff(command->summary);
	printf(".\n");
	for (const struct cli_option *option = command->options; option->name; option++)
		cli_print_man_option(option);
	if (command->examples && *command->examples) {
		printf(".PP\nExamples:\n.PP\n.nf\n");
		cli_print_troff(command->examples);
		printf("\n.fi\n");
	}
}

void cli_print_man(const struct cli_command *const *commands)
{
	static const char head[] =
		".TH RECLAIMBENCH 1\n"
		".ad l\n" /* long defaults cannot be adjusted */
		".SH NAME\n"
		"reclaimbench \\- compare memory-reclamation strategies on one concurrent hash "
		"map\n"
		".SH SYNOPSIS\n"
		".B reclaimbench\n.I SUBCOMMAND\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n"
		".br\n.B reclaimbench help\n.I SUBCOMMAND\n"
		".SH DESCRIPTION\n"
		"When a map deletes, how long does the dead memory live, and what does it cost to "
		"reclaim it sooner?\n"
		"Numbers take k, M, G, Ki, Mi, Gi and 2^n; times take ns, us, ms, s, m and h.\n"
		".SH SUBCOMMANDS\n";
	static const char tail[] =
		".SH EXIT STATUS\n"
		".TP\n.B 0\ngood\n"
		".TP\n.B 1\na check failed, or a comparison found a regression\n"
		".TP\n.B 2\nusage, or input that cannot be read\n"
		".TP\n.B 3\ninconclusive, when asked to tell\n"
		".TP\n.B 4\nnot comparable\n"
		".TP\n.B 5\ncells failed\n"
		".TP\n.B 130\ninterrupted; what was finished is written\n"
		".SH ENVIRONMENT\n"
		".TP\n.B NO_COLOR\nwhen set and not empty, colour is used only with "
		"\\-\\-color=always\n"
		".TP\n.B COLUMNS\nwidth of help text when standard output is no terminal\n";

	fputs(head, stdout);
	for (; *commands; commands++)
		cli_print_man_command(*commands);
	fputs(tail, stdout);
}

/* ---------------------------------------------------------------- bash completion */

/* Options of one command as completion words; those with a value end in "=". */
static void cli_print_completion_words(const struct cli_command *command)
{
	for (const struct cli_option *option = command->options; option->name; option++)
		printf("--%s%s ", option->name, option->arg ? "=" : "");
	printf("--help");
}

/* `--unlink=` completes to the words of "go|empty". */
static void cli_print_completion_values(const struct cli_command *command)
{
	for (const struct cli_option *option = command->options; option->name; option++) {
		if (!option->arg || !strchr(option->arg, '|'))
			continue;
		printf("\t%s:--%s) values=\"", command->name, option->name);
		for (const char *p = option->arg; *p; p++)
			putchar(*p == '|' ? ' ' : *p);
		printf("\" ;;\n");
	}
}

void cli_print_completion(const struct cli_command *const *commands)
{
	printf("# bash completion for reclaimbench; made by `reclaimbench completion`\n"
	       "_reclaimbench()\n{\n"
	       "\tlocal line word command option values words\n"
	       "\t# \"=\" separates words for readline; put the current one together again.\n"
	       "\tline=${COMP_LINE:0:COMP_POINT}\n"
	       "\tword=${line##*[[:space:]]}\n"
	       "\tcommand=${COMP_WORDS[1]}\n"
	       "\tCOMPREPLY=()\n"
	       "\tif ((COMP_CWORD == 1)); then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("help --help --version\" -- \"$word\")\n"
	       "\t\treturn\n\tfi\n"
	       "\tcase $command in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t%s) words=\"", commands[i]->name);
		cli_print_completion_words(commands[i]);
		printf("\" ;;\n");
	}
	printf("\thelp) words=\"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
	printf("\" ;;\n\tesac\n"
	       "\toption=${word%%%%=*}\n"
	       "\tcase $command:$option in\n");
	for (size_t i = 0; commands[i]; i++)
		cli_print_completion_values(commands[i]);
	printf("\tesac\n"
	       "\tif [[ $word == --*=* ]]; then\n"
	       "\t\tif [[ -n $values ]]; then\n"
	       "\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"${word#*=}\")\n"
	       "\t\telse\n"
	       "\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"${word#*=}\")\n"
	       "\t\tfi\n"
	       "\telif [[ $word == -* || $command == help ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	       "\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	       "\telse\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	       "\tfi\n"
	       "}\n"
	       "complete -F _reclaimbench reclaimbench\n");
}
