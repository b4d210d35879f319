/* SPDX-License-Identifier: MIT */
/* cmd_inspect.c - `reclaimbench inspect`: a map step by step, and why memory is held while a reader stays away. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "registry.h"
#include "run/inspect.h"
#include "run/memory.h"
#include "run/scenario.h"

extern const struct cli_command cmd_inspect;

static const struct cli_option inspect_options[] = {
	{"strategy", "NAME[:OPTIONS]", "sweepgen",
	 "the strategy, with its options separated by commas"},
	{"keys", "N", "1000", "entries (0: an empty map)"},
	{"unlink", "go|empty", "go", "what a delete does with overflow buckets that become empty"},
	{"huge-pages", NULL, NULL, "ask for huge pages"},
	{"why", NULL, NULL,
	 "a reader stays in its section while entries are deleted: what is held, by whom, since "
	 "when"},
	{"hold", "TIME", "50ms", "how long the reader stays"},
	CLI_OPTIONS_END,
};

/* The stalled reader. */
struct inspect_reader {
	struct scenario_map *m;
	pthread_t pthread;
	atomic_bool is_inside, must_leave;
	unsigned index;
	bool failed;
};

static void inspect_sleep_ms(unsigned ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

static void *inspect_read(void *arg)
{
	struct inspect_reader *reader = arg;
	struct reclaim_thread *t = reclaim_register(reader->m->r, ROLE_READER);
	uint64_t value = 0;

	reader->failed = !t;
	if (t) {
		reader->index = t->index;
		reclaim_enter(t);
		hmap_get(reader->m->map, t, 0, &value);
	}
	store_release(&reader->is_inside, true);	/* pairs with inspect_stall() */
	while (t && !load_acquire(&reader->must_leave)) /* pairs with inspect_stall() */
		inspect_sleep_ms(1);
	if (t) {
		reclaim_exit(t);
		reclaim_unregister(t);
	}
	return NULL;
}

/* What the strategy does on its own while a thread works. */
static void inspect_let_reclaim(struct scenario_map *m, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		reclaim_enter(m->t);
		reclaim_exit(m->t);
		reclaim_poll(m->t);
		inspect_sleep_ms(1);
	}
	if (m->t->ops->collect)
		m->t->ops->collect(m->t);
}

/* `*n_held`: objects that were held while the reader stayed. */
static int inspect_stall(struct scenario_map *m, uint64_t hold_ns, uint64_t *n_held)
{
	struct inspect_reader reader = {.m = m};
	const int error = -pthread_create(&reader.pthread, NULL, inspect_read, &reader);
	/* READER_LOCKS: the reader's stripe would stop the deletes. */
	const bool can_delete = !(m->t->flags & READER_LOCKS);

	*n_held = 0;
	if (error) {
		cli_error("a thread cannot be started: %s", strerror(-error));
		return EXIT_CELLS_FAILED;
	}
	while (!load_acquire(&reader.is_inside)) /* pairs with inspect_read() */
		inspect_sleep_ms(1);
	if (!reader.failed && can_delete) {
		for (uint64_t key = 0; key < m->n_keys; key++)
			scenario_delete(m, key);
		inspect_let_reclaim(m, (unsigned)(hold_ns / 1000000));
		printf("while thread %u (reader) stays in its section since before the deletes:\n",
		       reader.index);
		*n_held = inspect_why(m->r, m->map, m->t, stdout);
	} else if (!reader.failed) {
		printf("thread %u (reader) holds its bucket's stripe: deletes there wait, and "
		       "nothing is retired\n",
		       reader.index);
	}
	store_release(&reader.must_leave, true); /* pairs with inspect_read() */
	pthread_join(reader.pthread, NULL);
	inspect_let_reclaim(m, 20);
	if (m->t->ops->drain && !(m->t->flags & NEVER_FREES))
		m->t->ops->drain(m->t);
	printf("after it has left (%" PRIu64 " were held):\n", *n_held);
	inspect_why(m->r, m->map, m->t, stdout);
	return reader.failed ? EXIT_CELLS_FAILED : EXIT_GOOD;
}

/* Insert until a growth has begun that the keys do not end, if there is one. */
static int inspect_steps(struct scenario_map *m)
{
	struct hmap_state state;
	uint64_t key = 0;

	printf("empty:\n");
	inspect_map(m->map, m->t, stdout);
	if (m->n_keys == 0)
		return 0;
	for (bool has_shown = false; key < m->n_keys; key++) {
		const bool is_last_quarter = key >= m->n_keys / 4 * 3;

		if (scenario_fill(m, key, key + 1))
			return -ENOMEM;
		hmap_state(m->map, m->t, &state);
		if (!has_shown && state.is_growing && is_last_quarter) {
			printf("\na growth has begun, %" PRIu64 " entries:\n", state.count);
			inspect_map(m->map, m->t, stdout);
			has_shown = true;
		}
	}
	printf("\nfilled with %" PRIu64 " entries:\n", m->n_keys);
	inspect_map(m->map, m->t, stdout);
	if (scenario_settle(m))
		return -ENOMEM;
	for (key = 0; key < m->n_keys / 2; key++)
		scenario_delete(m, key);
	printf("\nno growth going on, half of the entries deleted:\n");
	inspect_map(m->map, m->t, stdout);
	return 0;
}

static int inspect_run(const struct cli_args *args, const struct scenario *s, uint64_t n_keys,
		       uint64_t hold_ns, bool unlink_empty)
{
	char name[64];
	const char *text = cli_get(args, "strategy"), *colon = strchr(text, ':');
	struct scenario_setup setup = {
		.options = colon ? colon + 1 : "",
		.mode = HMAP_PAYLOAD,
		.unlink = unlink_empty ? HMAP_UNLINK_EMPTY : HMAP_UNLINK_GO,
		.huge_pages = cli_given(args, "huge-pages") != NULL,
		.tracking = true,
	};
	struct scenario_map m;
	uint64_t n_held;
	int code = EXIT_GOOD;

	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	setup.strategy = name;
	if (scenario_map_open(&m, s, &setup)) {
		scenario_map_close(&m);
		return EXIT_USAGE;
	}
	m.n_keys = n_keys;
	if (cli_given(args, "why")) {
		if (scenario_fill(&m, 0, n_keys))
			code = EXIT_CELLS_FAILED;
		else
			code = inspect_stall(&m, hold_ns, &n_held);
	} else if (inspect_steps(&m)) {
		code = EXIT_CELLS_FAILED;
	}
	scenario_map_close(&m);
	return code;
}

static int stale_reader_of(struct scenario *s, const char *strategy)
{
	const struct scenario_setup setup = {.strategy = strategy,
					     .options = "",
					     .mode = HMAP_PAYLOAD,
					     .unlink = HMAP_UNLINK_GO,
					     .tracking = true};
	struct scenario_map m;
	uint64_t n_held;
	int code = scenario_map_open(&m, s, &setup) ? EXIT_CELLS_FAILED : EXIT_GOOD;

	m.n_keys = s->max_keys;
	if (!code && scenario_fill(&m, 0, m.n_keys))
		code = EXIT_CELLS_FAILED;
	if (!code) {
		printf("%s\n", strategy);
		code = inspect_stall(&m, s->duration_ns, &n_held);
	}
	if (!code) {
		const struct scenario_value v = {.setting = "stalled",
						 .metric = "held_objects",
						 .stat = "count",
						 .unit = "objects",
						 .better = "lower",
						 .value = (double)n_held,
						 .n = m.n_keys,
						 .reason = ""};

		scenario_row(s, &m, &v);
	}
	scenario_map_close(&m);
	return code;
}

int scenario_stale_reader(struct scenario *s)
{
	int code = EXIT_GOOD;

	for (size_t i = 0; !code && reclaim_strategies[i]; i++)
		code = stale_reader_of(s, reclaim_strategies[i]->name);
	return code;
}

static int inspect_main(int argc, char **argv)
{
	struct scenario s = {.name = "inspect", .seed = 1};
	struct clock clock;
	struct cli_args args;
	uint64_t n_keys = 0, hold_ns = 0;
	size_t unlink_policy = 0;
	int code = cli_parse(&args, &cmd_inspect, argc, argv);

	if (code)
		return code < 0 ? EXIT_GOOD : code;
	code = cli_get_count(&args, "keys", 0, UINT64_C(1) << 40, &n_keys);
	if (!code)
		code = cli_get_choice(&args, "unlink", &unlink_policy);
	if (!code)
		code = cli_get_time_ns(&args, "hold", 1000000, UINT64_C(60000000000), &hold_ns);
	if (!code)
		code = run_check_memory("keys", n_keys, SCENARIO_VALUE_BYTES);
	if (!code) {
		clock_init(&clock, false);
		s.clock = &clock;
		code = inspect_run(&args, &s, n_keys, hold_ns, unlink_policy == 1);
	}
	cli_free(&args);
	return code;
}

const struct cli_command cmd_inspect = {
	.name = "inspect",
	.operands = "",
	.summary = "the state of a map step by step; --why: what is held, by whom, since when",
	.examples = "reclaimbench inspect --keys=2^12\n"
		    "reclaimbench inspect --why --strategy=ebr --hold=100ms\n",
	.options = inspect_options,
	.main = inspect_main,
};
