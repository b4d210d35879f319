/* SPDX-License-Identifier: MIT */
/* cmd_go_ghost.c - `reclaimbench go-ghost`: what a stopped growth keeps, what an iterated map pins, and the cure. */
#include <stdio.h>

#include "cli.h"
#include "goref/ghost.h"

static int go_ghost_main(int argc, char **argv);

static const struct cli_option go_ghost_options[] = {
	{"keys", "N", "2^16", "size that the map grows to, 16 to 2^26"},
	{"seed", "N", "1", "of all random numbers"},
	CLI_OPTIONS_END,
};

const struct cli_command cmd_go_ghost = {
	.name = "go-ghost",
	.operands = "",
	.summary = "bytes kept by a growth that stopped, values pinned by an iterated map, and the "
		   "cure",
	.examples = "reclaimbench go-ghost --keys=2^10\n",
	.options = go_ghost_options,
	.main = go_ghost_main,
};

static void go_ghost_line(const char *what, uint64_t bytes, uint64_t final_bytes)
{
	printf("  %-44s %12llu  %+7.1f %%\n", what, (unsigned long long)bytes,
	       100.0 * ((double)bytes / (double)final_bytes - 1));
}

static int go_ghost_print(uint64_t n_keys, uint64_t seed)
{
	struct ghost_result g;
	struct pin_result p[2];
	char message[512];
	struct clock clock;

	clock_init(&clock, false);
	if (ghost_measure(&g, n_keys, seed, &clock, message, sizeof(message)) ||
	    pin_measure(&p[0], n_keys, false, seed, &clock, message, sizeof(message)) ||
	    pin_measure(&p[1], n_keys, true, seed, &clock, message, sizeof(message))) {
		cli_error("%s", message);
		return EXIT_CELLS_FAILED;
	}
	printf("A growth from 2^%u to 2^%u buckets, %llu entries.  Held after collections, bytes, "
	       "against the end:\n",
	       g.old_b, g.old_b + 1, (unsigned long long)g.n_entries);
	go_ghost_line("before the growth", g.before_bytes, g.ended_bytes);
	go_ghost_line("begun, then no more writes", g.stopped_bytes, g.ended_bytes);
	go_ghost_line("the same, every entry read", g.read_bytes, g.ended_bytes);
	go_ghost_line("after the writes that end it", g.ended_bytes, g.ended_bytes);
	go_ghost_line("stopped, then copied into a new map", g.rebuilt_bytes, g.ended_bytes);
	printf("Writes to end it: %llu of %llu old buckets.\n\n", (unsigned long long)g.n_writes,
	       1ULL << g.old_b);
	printf("Values deleted while the map grows: freed before the growth's end, and after "
	       "it.\n");
	for (unsigned i = 0; i < 2; i++)
		printf("  %-30s %6llu deleted, %6llu freed while growing, %6llu after\n",
		       i ? "ranged over before the growth" : "never ranged over",
		       (unsigned long long)p[i].n_deleted, (unsigned long long)p[i].n_freed_growing,
		       (unsigned long long)p[i].n_freed_after);
	return EXIT_GOOD;
}

static int go_ghost_main(int argc, char **argv)
{
	uint64_t n_keys, seed;
	struct cli_args args;
	int code = cli_parse(&args, &cmd_go_ghost, argc, argv);

	if (code) {
		cli_free(&args);
		return code < 0 ? EXIT_GOOD : code;
	}
	code = cli_get_count(&args, "keys", 16, UINT64_C(1) << 26, &n_keys);
	if (!code)
		code = cli_get_count(&args, "seed", 0, UINT64_MAX, &seed);
	if (!code)
		code = go_ghost_print(n_keys, seed);
	cli_free(&args);
	return code;
}
