/* SPDX-License-Identifier: MIT */
/* cmd_list.c - `reclaimbench list`: the strategies of this build, what they promise, and their options. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "registry.h"

static int list_main(int argc, char **argv);

static const struct cli_option list_options[] = {
	{"short", NULL, NULL, "one line a strategy, without options"},
	CLI_OPTIONS_END,
};

const struct cli_command cmd_list = {
	.name = "list",
	.operands = "[STRATEGY...]",
	.summary =
		"list the strategies, what they promise, and their options with units and defaults",
	.examples = "reclaimbench list\nreclaimbench list --short\nreclaimbench list sweepgen mark",
	.options = list_options,
	.main = list_main,
};

static const struct {
	uint32_t flag;
	const char *text;
} list_flags[] = {
	{NEVER_FREES, "never frees"},
	{READER_LOCKS, "readers lock the stripe"},
	{NEEDS_PROTECT, "single pointers are protected"},
	{NEEDS_SECTION, "read sections cost something"},
	{NEEDS_QUIESCE, "threads must pass safepoints"},
	{BACKGROUND, "has a background thread"},
	{TRACES, "finds the dead by tracing"},
	{STALL_UNBOUNDED, "one stalled thread holds back all memory"},
	{SAFE_HIDDEN, "does not tell when an object became safe"},
	{NEEDS_SPAN_HEAP, "alloc=span only"},
};

static void list_option(const struct reclaim_option *o)
{
	char value[64];

	snprintf(value, sizeof(value), "%s=%s", o->name,
		 o->type == OPT_BOOL ? "off|on"
		 : o->choices	     ? o->choices
				     : "N");
	printf("    %-26s %s%s%s (default %s)\n", value, o->help, *o->unit ? "; " : "", o->unit,
	       o->deflt);
}

static void list_strategy(const struct reclaim_ops *ops, bool is_short)
{
	const char *separator = "    ";

	printf("%-10s %s\n", ops->name, ops->summary);
	if (is_short)
		return;
	for (size_t i = 0; i < sizeof(list_flags) / sizeof(list_flags[0]); i++)
		if (ops->flags & list_flags[i].flag) {
			printf("%s%s", separator, list_flags[i].text);
			separator = "; ";
		}
	if (*separator == ';')
		printf("\n");
	printf("    source: %s\n", ops->source);
	for (size_t i = 0; i < ops->n_options; i++)
		list_option(&ops->options[i]);
	printf("\n");
}

static int list_named(const struct cli_args *args, bool is_short)
{
	for (size_t i = 0; i < args->n_operands; i++) {
		const struct reclaim_ops *ops = reclaim_strategy_find(args->operands[i]);

		if (!ops) {
			cli_error("no strategy \"%s\"; `reclaimbench list --short` shows all",
				  args->operands[i]);
			return EXIT_USAGE;
		}
		list_strategy(ops, is_short);
	}
	return EXIT_GOOD;
}

static void list_all(bool is_short)
{
	for (size_t i = 0; reclaim_strategies[i]; i++)
		list_strategy(reclaim_strategies[i], is_short);
	for (size_t i = 0; reclaim_strategies_absent[i].name; i++)
		printf("%-10s not in this build: %s was absent\n",
		       reclaim_strategies_absent[i].name, reclaim_strategies_absent[i].package);
	if (!is_short)
		printf("Set options as --strategy=NAME:option=value,option=value\n");
}

static int list_main(int argc, char **argv)
{
	struct cli_args args;
	int status = cli_parse(&args, &cmd_list, argc, argv);

	if (status)
		return status < 0 ? EXIT_GOOD : status;
	const bool is_short = cli_given(&args, "short") != NULL;

	if (args.n_operands)
		status = list_named(&args, is_short);
	else
		list_all(is_short);
	cli_free(&args);
	return status;
}
