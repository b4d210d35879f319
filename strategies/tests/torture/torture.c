/* SPDX-License-Identifier: MIT */
/* torture.c - random scenarios for some time: every strategy in turn, with options, map policies, heap, threads,
 * stalls and sizes drawn from a seed.  `torture SECONDS [SEED]` prints a table; each scenario is a process of its
 * own, and is named by its number when it fails, so that `torture --one SEED NUMBER` runs it again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "perturb.h"
#include "registry.h"
#include "tests/controls/scenario.h"
#include "tests/option_draw.h"

#ifdef RECLAIMBENCH_SANITIZED
#define SCALE 8
#define IS_AUDITED false /* its locks would hide races; and the sanitizer watches by itself */
#else
#define SCALE 1
#define IS_AUDITED true
#endif
#define MAX_STRATEGIES 32
#define CHILD_LIMIT_S 120

struct tally {
	unsigned n_runs, n_failed;
	struct scenario_result sum;
};

/* splitmix64 (Vigna, public domain). */
static uint64_t torture_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
static uint64_t one_of(uint64_t *state, uint64_t n)
{
	return torture_random(state) % n;
}

/* Half of the options, each at some value; most batches are small, which makes frees soon, and there
 * may be 16 markers and processors: at the start of many a wake-up once went astray. */
static void draw_options(const struct reclaim_ops *ops, uint64_t *random, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ops->n_options; i++) {
		const struct reclaim_option *o = &ops->options[i];
		const unsigned pick = (unsigned)one_of(random, 128);
		char value[96];

		if (one_of(random, 2))
			continue;
		option_draw(value, sizeof(value), o, pick);
		if (!strcmp(o->name, "batch") && pick < 96)
			snprintf(value, sizeof(value), "%u", 1 + pick % 16);
		if (!strcmp(o->unit, "threads") || !strcmp(o->unit, "processors"))
			snprintf(value, sizeof(value), "%u", 1 + pick % 16);
		n += (size_t)snprintf(text + n, size - n, "%s%s=%s", n ? "," : "", o->name, value);
	}
}

static void draw(struct scenario *s, const struct reclaim_ops *ops, uint64_t seed, char *options,
		 size_t size)
{
	static const uint64_t n_keys[] = {16, 64, 300, 2000, 20000};
	uint64_t random = seed;

	draw_options(ops, &random, options, size);
	*s = (struct scenario){
		.ops = ops,
		.options = options[0] ? options : NULL,
		.mode = one_of(&random, 3) ? HMAP_PAYLOAD : HMAP_PLAIN,
		.unlink = one_of(&random, 2) ? HMAP_UNLINK_EMPTY : HMAP_UNLINK_GO,
		.alloc = one_of(&random, 3) || ops->flags & NEEDS_SPAN_HEAP ? HEAP_SPAN
									    : HEAP_MALLOC,
		.audit = IS_AUDITED,
		.check_flags = strstr(options, "bits=span") ? AUDIT_IMPRECISE : 0,
		.n_threads = 1 + (unsigned)one_of(&random, 6),
		.n_rounds = 1 + (unsigned)one_of(&random, 3),
		.n_ops = (200 + one_of(&random, 3000)) / SCALE,
		.n_keys = n_keys[one_of(&random, sizeof(n_keys) / sizeof(n_keys[0]))],
		.stall_1_in = one_of(&random, 2) ? 64 : 0,
		.iterates = one_of(&random, 3) == 0,
		.seed = torture_random(&random),
	};
}

static void describe(const struct scenario *s, FILE *out)
{
	fprintf(out,
		"%s:%s mode=%s unlink=%s alloc=%s threads=%u rounds=%u ops=%llu keys=%llu "
		"stalls=%u iterates=%d",
		s->ops->name, s->options ? s->options : "",
		s->mode == HMAP_PAYLOAD ? "payload" : "plain",
		s->unlink == HMAP_UNLINK_EMPTY ? "empty" : "go",
		s->alloc == HEAP_SPAN ? "span" : "malloc", s->n_threads, s->n_rounds,
		(unsigned long long)s->n_ops, (unsigned long long)s->n_keys, s->stall_1_in,
		s->iterates);
}

static uint64_t seed_of(uint64_t seed, unsigned number)
{
	uint64_t state = seed * 1000003 + number;

	return torture_random(&state);
}

/* In a process of its own.  Exit code 0: nothing found. */
static int run_one(const struct reclaim_ops *ops, uint64_t seed, struct scenario_result *result)
{
	struct scenario s;
	char options[1024], message[256] = "";

	draw(&s, ops, seed, options, sizeof(options));
#ifdef RECLAIMBENCH_PERTURB
	perturb_set_seed(seed);
#endif
	if (scenario_run(&s, result, message, sizeof(message))) {
		fprintf(stderr, "torture: %s\n", message);
		return 2;
	}
	return result->n_faults != 0;
}

static int run_child(const struct reclaim_ops *ops, uint64_t seed, struct scenario_result *shared)
{
	const pid_t pid = fork();
	int status;

	if (pid < 0)
		return 2;
	if (pid == 0) {
		alarm(CHILD_LIMIT_S);
		exit(run_one(ops, seed, shared)); /* not _exit: leaks are looked for */
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 2;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void add(struct tally *t, const struct scenario_result *r)
{
	t->n_runs++;
	t->sum.n_ops += r->n_ops;
	t->sum.n_gets += r->n_gets;
	t->sum.n_checkpoints += r->n_checkpoints;
	t->sum.n_growths += r->n_growths;
	t->sum.n_freed += r->n_freed;
	t->sum.n_faults += r->n_faults;
}

static void print_row(const char *name, const struct tally *t)
{
	printf("%-10s %8u %12llu %12llu %9llu %12llu %11llu %7u\n", name, t->n_runs,
	       (unsigned long long)t->sum.n_ops, (unsigned long long)t->sum.n_gets,
	       (unsigned long long)t->sum.n_growths, (unsigned long long)t->sum.n_freed,
	       (unsigned long long)t->sum.n_checkpoints, t->n_failed);
}

static bool print_table(const struct tally *tallies, size_t n)
{
	struct tally all = {0};

	printf("%-10s %8s %12s %12s %9s %12s %11s %7s\n", "strategy", "runs", "operations", "gets",
	       "growths", "freed", "checkpoints", "failed");
	for (size_t i = 0; i < n; i++) {
		print_row(reclaim_strategies[i]->name, &tallies[i]);
		add(&all, &tallies[i].sum);
		all.n_runs += tallies[i].n_runs - 1;
		all.n_failed += tallies[i].n_failed;
	}
	print_row("all", &all);
	return all.n_failed == 0;
}

static int torture(double seconds, uint64_t seed)
{
	static struct tally tallies[MAX_STRATEGIES];
	const size_t n = reclaim_n_strategies;
	struct scenario_result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const uint64_t end_ns = clock_monotonic_ns() + (uint64_t)(seconds * 1e9);

	if (shared == MAP_FAILED || !n)
		return 2;
	/* Every strategy once at least, however short the time. */
	for (unsigned number = 0; number < n || clock_monotonic_ns() < end_ns; number++) {
		const struct reclaim_ops *ops = reclaim_strategies[number % n];
		int code;

		memset(shared, 0, sizeof(*shared));
		code = run_child(ops, seed_of(seed, number), shared);
		add(&tallies[number % n], shared);
		if (!code)
			continue;
		struct scenario s;
		char options[1024];

		tallies[number % n].n_failed++;
		draw(&s, ops, seed_of(seed, number), options, sizeof(options));
		fprintf(stderr, "torture: --one %llu %u ended with %d: ", (unsigned long long)seed,
			number, code);
		describe(&s, stderr);
		fputc('\n', stderr);
	}
	munmap(shared, sizeof(*shared));
	return print_table(tallies, n) ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct scenario_result result = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "--one")) {
		const unsigned number = (unsigned)atoi(argv[3]);

		return run_one(reclaim_strategies[number % reclaim_n_strategies],
			       seed_of(strtoull(argv[2], NULL, 10), number), &result);
	}
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: torture SECONDS [SEED] | torture --one SEED NUMBER\n");
		return 2;
	}
	return torture(strtod(argv[1], NULL),
		       argc == 3 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL));
}
