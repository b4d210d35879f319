/* SPDX-License-Identifier: MIT */
/* cmd_peers.c - `reclaimbench peers`: the shared map against the tables people use. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "load/mix.h"
#include "peers/bench.h"
#include "run/memory.h"
#include "units.h"

extern const struct cli_command cmd_peers;

#define MAX_CELLS (BENCH_MAX_LIST * BENCH_MAX_LIST * 2 * BENCH_MAX_LIST)
/* Beyond, no machine at hand could have tried it. */
#define MAX_KEYS (UINT64_C(1) << 26)
/* Of a peer's table, the mean of all ten: 826 MiB at 2^20 keys. */
#define PEER_BYTES_PER_KEY 83.0

static const struct cli_option peers_options_table[] = {
	{"keys", "N,..", "2^10,2^16,2^20,2^22", "entries in the table, powers of two"},
	{"threads", "N,..", "1,2", "threads that operate"},
	{"mix", "G/I/D,..", "100/0/0,90/5/5,50/25/25",
	 "shares of get, insert and delete, in percent"},
	{"peers", "NAME,..", "all", "which peers; `--peers=list` names them"},
	{"rounds", "N", "5", "interleaved rounds; at least 5 for figures to keep"},
	{"slice", "TIME", "100ms", "one peer's time in one round"},
	{"age", "TIME", "2s",
	 "how long tables are aged by 50/25/25 before the aged cells, whose tables stand beside "
	 "the fresh ones: twice the memory; 0: no such cells"},
	{"pages", "huge|small", "huge", "advice on huge pages, the same for all"},
	{"only", "PART", "all", "check (answers), tables, retire, or all"},
	{"seed", "N", "1", "seed of keys, operations and hash"},
	{"out", "DIR", NULL, "write run.csv and env.json there"},
	{NULL, NULL, NULL, NULL},
};

/* The one thing a signal handler may touch. */
static volatile sig_atomic_t peers_is_interrupted;

static void peers_on_signal(int signal_number)
{
	(void)signal_number;
	peers_is_interrupted = 1;
}

struct peers_call {
	struct bench_options o;
	bool has_check, has_tables, has_retire;
	const char *out;
};

/* ---------------------------------------------------------------- options */

static int peers_counts(const char *option, const char *text, uint64_t max, bool power_of_two,
			uint64_t *out, unsigned *n)
{
	char copy[256], *rest = copy, *item;

	/* A list that is cut would end in another number. */
	if (strlen(text) >= sizeof(copy)) {
		cli_error("--%s: longer than %zu bytes", option, sizeof(copy) - 1);
		return EXIT_USAGE;
	}
	snprintf(copy, sizeof(copy), "%s", text);
	*n = 0;
	while ((item = strsep(&rest, ",")) != NULL) {
		uint64_t value;

		if (*n == BENCH_MAX_LIST) {
			cli_error("--%s: more than %d values", option, BENCH_MAX_LIST);
			return EXIT_USAGE;
		}
		if (units_parse_count(item, &value) || value == 0 || value > max ||
		    (power_of_two && (value & (value - 1)))) {
			cli_error("--%s: \"%s\" is not a %s of 1 to %" PRIu64, option, item,
				  power_of_two ? "power of two" : "number", max);
			return EXIT_USAGE;
		}
		out[(*n)++] = value;
	}
	return 0;
}

static int peers_mixes(const char *text, struct bench_options *o)
{
	char copy[256], *rest = copy, *item;

	if (strlen(text) >= sizeof(copy)) {
		cli_error("--mix: longer than %zu bytes", sizeof(copy) - 1);
		return EXIT_USAGE;
	}
	snprintf(copy, sizeof(copy), "%s", text);
	while ((item = strsep(&rest, ",")) != NULL) {
		struct bench_mix *mix = &o->mixes[o->n_mixes];
		struct load_error error;
		struct mix parsed;

		if (o->n_mixes == BENCH_MAX_LIST || strlen(item) >= sizeof(mix->name) ||
		    mix_parse(item, &parsed, &error)) {
			cli_error("--mix: \"%s\" is not GET/INSERT/DELETE in percent, 100 "
				  "together, e.g. 90/5/5",
				  item);
			return EXIT_USAGE;
		}
		mix->get_pct = parsed.get_pct;
		mix->insert_pct = parsed.insert_pct;
		mix->delete_pct = parsed.delete_pct;
		snprintf(mix->name, sizeof(mix->name), "%s", item);
		o->n_mixes++;
	}
	return 0;
}

static const struct peer *peers_find(const char *name)
{
	for (size_t i = 0; peers[i]; i++)
		if (strcmp(peers[i]->name, name) == 0)
			return peers[i];
	return NULL;
}

static int peers_choose(const char *text, struct bench_options *o)
{
	char copy[512], *rest = copy, *item;

	if (strcmp(text, "all") == 0) {
		while (peers[o->n_peers]) {
			o->peers[o->n_peers] = peers[o->n_peers];
			o->n_peers++;
		}
		return 0;
	}
	snprintf(copy, sizeof(copy), "%s", text);
	while ((item = strsep(&rest, ",")) != NULL) {
		const struct peer *peer = peers_find(item);

		if (!peer) {
			cli_error("--peers: there is no \"%s\" in this build; `--peers=list` names "
				  "them",
				  item);
			return EXIT_USAGE;
		}
		if (bench_find(o, item) < 0)
			o->peers[o->n_peers++] = peer;
	}
	return 0;
}

static int peers_time(const char *option, const char *text, uint64_t min_ns, uint64_t *out_ns)
{
	if (units_parse_time(text, out_ns) == 0 && *out_ns <= UINT64_C(3600000000000) &&
	    (*out_ns >= min_ns || *out_ns == 0) &&
	    (*out_ns || !min_ns || strcmp(option, "age") == 0))
		return 0;
	cli_error("--%s: \"%s\" is not a time of %" PRIu64 " ms to 1 h, e.g. 100ms", option, text,
		  min_ns / 1000000);
	return EXIT_USAGE;
}

static int peers_only(const char *text, struct peers_call *call)
{
	const bool is_all = strcmp(text, "all") == 0;

	/* Nothing is timed whose answers were not checked. */
	call->has_tables = is_all || strcmp(text, "tables") == 0;
	call->has_check = call->has_tables || strcmp(text, "check") == 0;
	call->has_retire = is_all || strcmp(text, "retire") == 0;
	if (call->has_check || call->has_retire)
		return 0;
	cli_error("--only: \"%s\" is unknown; choose check, tables, retire or all", text);
	return EXIT_USAGE;
}

/* The tables of a size stand side by side, fresh and aged ones. */
static int peers_check_memory(const struct bench_options *o, const struct peers_call *call)
{
	const double bytes_per_key = PEER_BYTES_PER_KEY * o->n_peers * (o->age_ns > 0 ? 2 : 1);
	int err = 0;

	for (unsigned k = 0; k < o->n_keys && call->has_tables && !err; k++)
		err = run_check_memory_of("keys", o->keys[k], bytes_per_key,
					  "fewer keys or peers, or --age=0");
	return err;
}

static int peers_parse(const struct cli_args *args, struct peers_call *call)
{
	struct bench_options *o = &call->o;
	const char *pages = cli_get(args, "pages");
	uint64_t rounds[BENCH_MAX_LIST];
	unsigned n;
	int err = peers_counts("keys", cli_get(args, "keys"), MAX_KEYS, true, o->keys, &o->n_keys);

	if (!err)
		err = peers_counts("threads", cli_get(args, "threads"), 64, false, o->threads,
				   &o->n_threads);
	if (!err)
		err = peers_counts("rounds", cli_get(args, "rounds"), BENCH_MAX_ROUNDS, false,
				   rounds, &n);
	if (!err && n != 1) {
		cli_error("--rounds: \"%s\" is a list; give one number", cli_get(args, "rounds"));
		err = EXIT_USAGE;
	}
	if (!err)
		err = peers_mixes(cli_get(args, "mix"), o);
	if (!err)
		err = peers_choose(cli_get(args, "peers"), o);
	if (!err)
		err = peers_time("slice", cli_get(args, "slice"), 1000000, &o->slice_ns);
	if (!err)
		err = peers_time("age", cli_get(args, "age"), 1000000, &o->age_ns);
	if (!err)
		err = peers_only(cli_get(args, "only"), call);
	if (err)
		return err;
	if (units_parse_count(cli_get(args, "seed"), &o->seed)) {
		cli_error("--seed: \"%s\" is not a number", cli_get(args, "seed"));
		return EXIT_USAGE;
	}
	if (strcmp(pages, "huge") != 0 && strcmp(pages, "small") != 0) {
		cli_error("--pages: \"%s\" is unknown; choose huge or small", pages);
		return EXIT_USAGE;
	}
	o->n_rounds = (unsigned)rounds[0];
	o->huge_pages = strcmp(pages, "huge") == 0;
	o->is_interrupted = &peers_is_interrupted;
	call->out = cli_given(args, "out");
	return peers_check_memory(o, call);
}

/* ---------------------------------------------------------------- running */

static int peers_list(void)
{
	for (size_t i = 0; peers[i]; i++)
		printf("%-15s %s\n", peers[i]->name, peers[i]->summary);
	return EXIT_GOOD;
}

/* Each peer's answers; EXIT_CHECK_FAILED when one is wrong. */
static int peers_check_all(const struct bench_options *o)
{
	uint64_t threads = 1;
	int result = EXIT_GOOD;

	for (unsigned i = 0; i < o->n_threads; i++)
		threads = o->threads[i] > threads ? o->threads[i] : threads;
	printf("Answers against a plain array: ");
	for (unsigned p = 0; p < o->n_peers; p++) {
		char message[256] = "";
		const int64_t n_wrong = peers_check(o->peers[p], (unsigned)threads, 200000, o->seed,
						    message, sizeof(message));

		if (n_wrong == 0)
			continue;
		putchar('\n');
		if (n_wrong < 0)
			cli_error("%s: %s", o->peers[p]->name, message);
		else
			cli_error("%s: %" PRId64 " wrong answers; it is not timed against",
				  o->peers[p]->name, n_wrong);
		result = EXIT_CHECK_FAILED;
	}
	if (result == EXIT_GOOD)
		printf("all of %u peers right.\n\n", o->n_peers);
	return result;
}

/* All cells; what was measured before an interrupt or an error stays. */
static int peers_tables(const struct bench_options *o, struct bench_cell *cells, unsigned *n_cells)
{
	char message[256];

	bench_print_header(o);
	for (unsigned k = 0; k < o->n_keys; k++)
		for (unsigned t = 0; t < o->n_threads; t++) {
			unsigned n;
			const int err = bench_size(o, o->keys[k], (unsigned)o->threads[t],
						   cells + *n_cells, &n, message, sizeof(message));

			for (unsigned c = 0; c < n; c++)
				bench_print_cell(o, &cells[*n_cells + c]);
			*n_cells += n;
			if (err == -EINTR)
				return EXIT_INTERRUPTED;
			if (err) {
				cli_error("%s", message);
				return EXIT_CELLS_FAILED;
			}
		}
	return EXIT_GOOD;
}

static int peers_measure(const struct peers_call *call)
{
	const struct bench_options *o = &call->o;
	struct bench_cell *cells = calloc(MAX_CELLS, sizeof(*cells));
	struct bench_retire retire[BENCH_N_RETIRE];
	unsigned n_cells = 0, n_retire = 0;
	char message[256];
	int result = EXIT_GOOD;

	if (!cells) {
		cli_error("out of memory");
		return EXIT_CELLS_FAILED;
	}
	if (call->has_tables) {
		result = peers_tables(o, cells, &n_cells);
		bench_print_goals(o, cells, n_cells);
	}
	if (call->has_retire && result == EXIT_GOOD) {
		if (bench_retire(o, retire, &n_retire, message, sizeof(message))) {
			cli_error("%s", message);
			result = EXIT_CELLS_FAILED;
		}
		bench_print_retire(o, retire, n_retire);
	}
	if (call->out && bench_write(o, call->out, cells, n_cells, retire, n_retire) &&
	    result == EXIT_GOOD)
		result = EXIT_CELLS_FAILED;
	free(cells);
	return result;
}

static int peers_main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = peers_on_signal};
	struct peers_call call = {0};
	struct cli_args args;
	int result = cli_parse(&args, &cmd_peers, argc, argv);

	if (result)
		return result < 0 ? EXIT_GOOD : result;
	if (strcmp(cli_get(&args, "peers"), "list") == 0) {
		result = peers_list();
		goto out;
	}
	result = peers_parse(&args, &call);
	if (result)
		goto out;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (!call.o.huge_pages)
		peers_pages_forbid();
	if (call.has_check)
		result = peers_check_all(&call.o);
	if (!result)
		result = peers_measure(&call);
out:
	cli_free(&args);
	return result;
}

const struct cli_command cmd_peers = {
	.name = "peers",
	.operands = "",
	.summary = "compare the map with tables of liburcu, Concurrency Kit and plain ones",
	.examples = "reclaimbench peers\n"
		    "reclaimbench peers --keys=2^16 --threads=1 --mix=90/5/5 --age=0 --slice=20ms\n"
		    "reclaimbench peers --only=retire --rounds=11\n"
		    "reclaimbench peers --out=peers-here\n",
	.options = peers_options_table,
	.main = peers_main,
};
