/* SPDX-License-Identifier: MIT */
/* main.c - finds the subcommand and calls it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "cli.h"

#define COMMAND(name) extern const struct cli_command cmd_##name;
#include "commands.def"
#undef COMMAND

#define COMMAND(name) &cmd_##name,
static const struct cli_command *const commands[] = {
#include "commands.def"
	NULL,
};
#undef COMMAND
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]) - 1)

static const struct cli_command *main_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static int main_unknown(const char *name)
{
	const char *names[N_COMMANDS + 1];
	const char *nearest;

	for (size_t i = 0; commands[i]; i++)
		names[i] = commands[i]->name;
	names[N_COMMANDS] = "help";
	nearest = cli_nearest(name, names, N_COMMANDS + 1);
	if (nearest)
		cli_error("unknown subcommand \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		cli_error("unknown subcommand \"%s\"; `reclaimbench --help` lists them", name);
	return EXIT_USAGE;
}

static void main_help(FILE *f)
{
	fprintf(f, "Usage: reclaimbench SUBCOMMAND [OPTION...]\n\n"
		   "Compare memory-reclamation strategies on one concurrent hash map.\n\n"
		   "Subcommands:\n");
	for (size_t i = 0; commands[i]; i++)
		fprintf(f, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(f, "  %-11s %s\n\n", "help", "help on a subcommand: its options, with examples");
	fprintf(f, "Examples:\n"
		   "  reclaimbench run --strategy=sweepgen --stages=1k:5s,max:5s --out=DIR\n"
		   "  reclaimbench matrix scripts/matrices/staged.ini --out=DIR\n"
		   "  reclaimbench report DIR\n"
		   "  reclaimbench help compare\n\n");
	fprintf(f,
		"Numbers take k, M, G, Ki, Mi, Gi and 2^n; times ns, us, ms, s, m and h.\n"
		"Exit codes: 0 good; 1 a check or comparison failed; 2 usage or unreadable input;\n"
		"3 inconclusive (when asked); 4 not comparable; 5 cells failed; 130 "
		"interrupted.\n");
}

static int main_version(void)
{
	const struct build_info *build = build_info();

	printf("reclaimbench %s\n", build->version);
	printf("commit %s%s, build %s\n", build->commit, build->is_dirty ? " (changed)" : "",
	       build->build_id);
	printf("%s, %s%s%s\n", build->compiler,
	       build->has_assertions ? "assertions" : "no assertions",
	       *build->sanitizer ? ", sanitizer " : "", build->sanitizer);
	return EXIT_GOOD;
}

/* What cannot be written (a full disk, a closed pipe) must not look like success. */
static int main_finish(int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error("standard output cannot be written: %s", strerror(errno));
		return code == EXIT_GOOD ? EXIT_USAGE : code;
	}
	return code;
}

static int main_run(const struct cli_command *command, int argc, char **argv)
{
	char name[128];
	int code;

	snprintf(name, sizeof(name), "reclaimbench %s", command->name);
	program_invocation_name = name;
	code = main_finish(command->main(argc, argv));
	program_invocation_name = argv[0];
	return code;
}

int main(int argc, char **argv)
{
	static char program[] = "reclaimbench";
	const char *name = argc > 1 ? argv[1] : "";
	const struct cli_command *command = main_find(name);

	program_invocation_name = program;
	if (command)
		return main_run(command, argc - 1, argv + 1);
	if (strcmp(name, "help") == 0 && argc > 2 && strcmp(argv[2], "--help") != 0) {
		command = main_find(argv[2]);
		if (!command)
			return main_unknown(argv[2]);
		cli_print_help(command);
		return main_finish(EXIT_GOOD);
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		main_help(stdout);
		return main_finish(EXIT_GOOD);
	}
	if (strcmp(name, "--version") == 0)
		return main_finish(main_version());
	if (strcmp(name, "man") == 0) {
		cli_print_man(commands);
		return main_finish(EXIT_GOOD);
	}
	if (strcmp(name, "completion") == 0) {
		cli_print_completion(commands);
		return main_finish(EXIT_GOOD);
	}
	if (argc < 2) {
		main_help(stderr);
		return EXIT_USAGE;
	}
	return main_unknown(name);
}
