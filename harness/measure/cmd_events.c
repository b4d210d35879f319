/* SPDX-License-Identifier: MIT */
/* cmd_events.c - `reclaimbench events`: which counters have a name, and which really count here. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "measure/pmu.h"
#include "term.h"
#include "units.h"

extern const struct cli_command cmd_events;

struct events_tally {
	bool has_color;
	bool only_counting;
	size_t n_counting;
	size_t n_known;
};

/* Long enough for a counter that stands still to be told from one that counts (pmu_value.c). */
#define EVENTS_TRIAL_NS 1500000

static void events_spin(void)
{
	uint64_t end_ns = clock_monotonic_ns() + EVENTS_TRIAL_NS;

	while (clock_monotonic_ns() < end_ns)
		;
}

static void events_print(struct events_tally *tally, const char *name, const struct pmu_value *v)
{
	bool is_counting = v->state == PMU_OK || v->state == PMU_ESTIMATED;
	char number[32] = "";

	tally->n_known++;
	tally->n_counting += is_counting;
	if (tally->only_counting && !is_counting)
		return;
	if (is_counting)
		units_format_count(number, sizeof(number), v->value);
	printf("%-44s %s%-13s%s %9s  %s\n", name,
	       term_style(tally->has_color, is_counting ? TERM_GREEN : TERM_YELLOW),
	       pmu_state_names[v->state], term_style(tally->has_color, TERM_RESET), number,
	       v->reason);
}

/* Open, count for a moment, say what came of it.  0, or an exit code. */
static int events_try(void *ctx, const char *name)
{
	struct pmu_snapshot begin;
	struct pmu_snapshot end;
	struct pmu_value v = {.state = PMU_NOT_AVAILABLE};
	struct pmu_thread *thread = NULL;
	struct pmu_set *set;
	char message[256] = "";
	int err;

	err = pmu_set_create(&set, name, &pmu_kernel, message, sizeof(message));
	if (err) {
		/* Some names of the processor are only whole with a unit mask behind them. */
		snprintf(v.reason, sizeof(v.reason), "needs a unit mask: %s:MASK", name);
		events_print(ctx, name, &v);
		return EXIT_GOOD;
	}
	err = pmu_open(&thread, set, 0);
	if (!err) {
		pmu_read(thread, &begin);
		events_spin();
		pmu_read(thread, &end);
		v = pmu_delta(thread, 0, &begin, &end);
		events_print(ctx, name, &v);
	}
	pmu_close(thread);
	pmu_set_destroy(set);
	if (err)
		cli_error("%s: %s", name, strerror(-err));
	return err ? EXIT_CHECK_FAILED : EXIT_GOOD;
}

static int events_try_given(const struct cli_args *args, struct events_tally *tally)
{
	int code = EXIT_GOOD;

	for (size_t i = 0; i < args->n_operands && code == EXIT_GOOD; i++) {
		char message[256] = "";
		struct pmu_set *set;

		if (pmu_set_create(&set, args->operands[i], &pmu_kernel, message,
				   sizeof(message)) ||
		    pmu_set_count(set) != 1) {
			cli_error("%s",
				  *message ? message : "one event per operand, without commas");
			return EXIT_USAGE;
		}
		pmu_set_destroy(set);
		code = events_try(tally, args->operands[i]);
	}
	return code;
}

static const struct cli_option events_options[] = {
	{"all", NULL, NULL, "the names of this processor too, not the generic ones alone"},
	{"counting", NULL, NULL, "only those that really count here"},
	CLI_OPTION_COLOR,
	CLI_OPTIONS_END,
};

static int events_main(int argc, char **argv)
{
	struct events_tally tally = {0};
	struct cli_args args;
	size_t when;
	int code = cli_parse(&args, &cmd_events, argc, argv);

	if (code == 0)
		code = cli_get_choice(&args, "color", &when);
	if (code == 0 && term_color(cli_get(&args, "color"), stdout, &tally.has_color) == 0) {
		tally.only_counting = cli_given(&args, "counting") != NULL;
		if (args.n_operands > 0)
			code = events_try_given(&args, &tally);
		else
			code = pmu_for_each_name(cli_given(&args, "all") != NULL, events_try,
						 &tally);
	}
	if (tally.n_known > 0)
		printf("%zu of %zu events count here\n", tally.n_counting, tally.n_known);
	cli_free(&args);
	return code < 0 ? EXIT_GOOD : code;
}

const struct cli_command cmd_events = {
	.name = "events",
	.operands = "[EVENT...]",
	.summary = "list the counters that have a name, and try which really count here",
	.examples = "reclaimbench events --counting\n"
		    "reclaimbench events cycles instructions context-switches",
	.options = events_options,
	.main = events_main,
};
