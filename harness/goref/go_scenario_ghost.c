/* SPDX-License-Identifier: MIT */
/* go_scenario_ghost.c - memory that a map holds without using it: a growth that stops, an iterated map that pins, and
 * the cure (ghost.h). */
#include "goref/ghost.h"
#include "goref/go_scenario.h"

static void ghost_line(const struct go_scenario *g, const char *what, const char *setting,
		       uint64_t bytes, uint64_t final_bytes)
{
	const double over = 100.0 * ((double)bytes / (double)final_bytes - 1);
	struct go_scenario stage = *g;

	printf("  %-44s %12llu  %+7.1f %%\n", what, (unsigned long long)bytes, over);
	snprintf(stage.stage, sizeof(stage.stage), "%s", setting);
	go_scenario_row(&stage, "held_bytes", "max", "bytes", (double)bytes, 1);
	go_scenario_row(&stage, "held_over_final", "rate", "%", over, 1);
}

static void ghost_table(const struct go_scenario *g, const struct ghost_result *r)
{
	printf("A growth from 2^%u to 2^%u buckets, %llu entries.  Held after collections, bytes, "
	       "against the end:\n",
	       r->old_b, r->old_b + 1, (unsigned long long)r->n_entries);
	ghost_line(g, "before the growth", "before", r->before_bytes, r->ended_bytes);
	ghost_line(g, "begun, then no more writes", "stopped", r->stopped_bytes, r->ended_bytes);
	ghost_line(g, "the same, every entry read", "read", r->read_bytes, r->ended_bytes);
	ghost_line(g, "after the writes that end it", "ended", r->ended_bytes, r->ended_bytes);
	ghost_line(g, "stopped, then copied into a new map", "rebuilt", r->rebuilt_bytes,
		   r->ended_bytes);
	printf("Writes to end it: %llu of %llu old buckets.\n\n", (unsigned long long)r->n_writes,
	       1ULL << r->old_b);
	go_scenario_row(g, "growth_writes", "rate", "writes/bucket",
			(double)r->n_writes / (double)(1ULL << r->old_b), 1);
}

static void pin_line(const struct go_scenario *g, const struct pin_result *p, bool is_iterated)
{
	struct go_scenario stage = *g;

	printf("  %-30s %6llu deleted, %6llu freed while growing, %6llu after\n",
	       is_iterated ? "ranged over before the growth" : "never ranged over",
	       (unsigned long long)p->n_deleted, (unsigned long long)p->n_freed_growing,
	       (unsigned long long)p->n_freed_after);
	snprintf(stage.stage, sizeof(stage.stage), "%s",
		 is_iterated ? "iterated" : "never iterated");
	go_scenario_row(&stage, "freed_while_growing", "rate", "%",
			100.0 * (double)p->n_freed_growing / (double)p->n_deleted, p->n_deleted);
	go_scenario_row(&stage, "freed_after_growth", "rate", "%",
			100.0 * (double)p->n_freed_after / (double)p->n_deleted, p->n_deleted);
}

static int ghost_run(struct scenario *s, const struct cli_args *settings)
{
	struct go_scenario g = {.stage = "growth", .config.gogc_percent = GC_GOGC_OFF};
	struct pin_result p[2];
	struct ghost_result r;
	char message[512];

	if (go_scenario_read(&g, s, settings))
		return EXIT_USAGE;
	if (ghost_measure(&r, g.config.n_keys, s->seed, s->clock, message, sizeof(message)) ||
	    pin_measure(&p[0], g.config.n_keys, false, s->seed, s->clock, message,
			sizeof(message)) ||
	    pin_measure(&p[1], g.config.n_keys, true, s->seed, s->clock, message,
			sizeof(message))) {
		cli_error("%s", message);
		return EXIT_CELLS_FAILED;
	}
	ghost_table(&g, &r);
	printf("Values deleted while the map grows: freed before the growth's end, and after "
	       "it.\n");
	pin_line(&g, &p[0], false);
	pin_line(&g, &p[1], true);
	if (p[1].n_freed_growing == 0 && p[1].n_freed_after == p[1].n_deleted)
		return EXIT_GOOD;
	cli_error("an iterated map that grows must keep all deleted values until the growth ends, "
		  "and "
		  "none after it");
	return EXIT_CHECK_FAILED;
}

static const struct cli_option ghost_settings[] = {
	GO_SETTING_KEYS("2^16"),
	GO_SETTING_SEED,
	CLI_OPTIONS_END,
};

const struct scenario_program scenario_ghost = {
	.name = "ghost", .settings = ghost_settings, .run = ghost_run};
