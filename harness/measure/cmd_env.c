/* SPDX-License-Identifier: MIT */
/* cmd_env.c - `reclaimbench env`: what here harms measuring, and the commands that would cure it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "measure/env.h"
#include "term.h"

extern const struct cli_command cmd_env;

static void env_print_facts(const struct env *env, bool has_color)
{
	static const enum term_style styles[] = {TERM_DIM, TERM_YELLOW, TERM_RED};

	for (size_t i = 0; i < env_count(env); i++) {
		const struct env_fact *fact = env_fact(env, i);

		printf("%s%s%s  %-27s %s\n", term_style(has_color, styles[fact->level]),
		       env_level_names[fact->level], term_style(has_color, TERM_RESET), fact->key,
		       fact->value);
		if (fact->level != ENV_INFO)
			printf("      %-27s ^ %s\n", "", fact->reason);
	}
	printf("env_id %s; %zu warnings, %zu failures\n", env_id(env),
	       env_count_level(env, ENV_WARN), env_count_level(env, ENV_FAIL));
}

/* Lines that a person may run; nothing is run here. */
static void env_print_suggestions(const struct env *env)
{
	for (size_t i = 0; i < env_count(env); i++) {
		const struct env_fact *fact = env_fact(env, i);

		if (fact->level != ENV_INFO && *fact->suggest)
			printf("# %s is %s: %s\n%s\n", fact->key, fact->value, fact->reason,
			       fact->suggest);
	}
}

static int env_print(const struct cli_args *args, struct env *env, bool has_color)
{
	int err = 0;

	if (cli_given(args, "strict"))
		env_make_strict(env);
	if (cli_given(args, "out"))
		err = env_write(env, cli_given(args, "out"));
	else if (cli_given(args, "json"))
		err = env_print_json(env, stdout);
	else if (cli_given(args, "suggest"))
		env_print_suggestions(env);
	else
		env_print_facts(env, has_color);
	if (err) {
		cli_error("%s cannot be written: %s",
			  cli_given(args, "out") ? cli_given(args, "out") : "the record",
			  strerror(-err));
		return EXIT_USAGE;
	}
	return env_count_level(env, ENV_FAIL) > 0 ? EXIT_CHECK_FAILED : EXIT_GOOD;
}

static const struct cli_option env_options[] = {
	{"strict", NULL, NULL, "treat warnings as failures: exit code 1"},
	{"suggest", NULL, NULL, "print the commands that would cure what is warned of; runs none"},
	{"json", NULL, NULL, "print the record as env.json has it"},
	{"out", "FILE", NULL, "write the record to this file"},
	{"root", "DIR", NULL, "read copies of /proc, /sys and /etc below this folder"},
	CLI_OPTION_COLOR,
	CLI_OPTIONS_END,
};

static int env_main(int argc, char **argv)
{
	struct cli_args args;
	struct env *env = NULL;
	bool has_color = false;
	size_t when;
	int code = cli_parse(&args, &cmd_env, argc, argv);

	if (code == 0)
		code = cli_get_choice(&args, "color", &when);
	if (code != 0 || term_color(cli_get(&args, "color"), stdout, &has_color) != 0)
		goto out;
	if (env_collect(&env, cli_given(&args, "root") ? cli_given(&args, "root") : "") != 0) {
		cli_error("out of memory");
		code = EXIT_USAGE;
		goto out;
	}
	code = env_print(&args, env, has_color);
out:
	env_destroy(env);
	cli_free(&args);
	return code < 0 ? EXIT_GOOD : code;
}

const struct cli_command cmd_env = {
	.name = "env",
	.operands = "",
	.summary = "show what this machine and build are like, and what of it harms measuring",
	.examples = "reclaimbench env\n"
		    "reclaimbench env --strict && reclaimbench matrix scripts/matrices/staged.ini\n"
		    "reclaimbench env --suggest",
	.options = env_options,
	.main = env_main,
};
