/* SPDX-License-Identifier: MIT */
/* controls.c - runs one fault on purpose with many seeds, each in a process of its own, and the sound version of the
 * same code with more: `controls NAME SEEDS SOUND FIRST` prints a row of results/reference/controls.csv, seeds
 * FIRST and on; `controls` alone lists the names.  `controls NAME replay SEED` runs one seed and prints what is found.  Built by make controls. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "perturb.h"
#include "registry.h"
#include "tests/controls/scenario.h"
#include "tests/schedule.h"

#define FAULT(name) (UINT64_C(1) << AUDIT_##name)
/* Which faults name a control: what the broken line itself does, at the first place where it can be seen.
 *
 * Memory that is freed too early is seen by whoever uses it then: by the free, if a reader has said that it holds it;
 * by a reader that finds it freed, or freed and handed out again, or, when it is handed out again before the reader
 * says what it holds, finds another key's value in it; or by the heap, when a writer that stood on the bucket has
 * written into its poison.  What such a writer does to a bucket that is in use again (a broken map, a missed key) is
 * damage that any fault could do: it does not count. */
#define FREED_TOO_EARLY                                                                            \
	(FAULT(FREE_HELD) | FAULT(READ_FREED) | FAULT(READ_REUSED) | FAULT(READ_WRONG) |           \
	 FAULT(WRITE_FREED))

/* A child's exit code: this plus the fault's number; 0: nothing found. */
#define EXIT_FAULT 64
/* In place of a fault: a thread followed poison before anybody had told the audit where it stood.  What was read was
 * freed, so it counts where read_freed does; the row says that it was the processor who noticed. */
#define OUTCOME_POISON_FOLLOWED AUDIT_N_FAULTS
#define N_OUTCOMES (AUDIT_N_FAULTS + 1)
#define CHILD_LIMIT_S 300 /* of a hang: a busy machine is slow */
/* The sound version has nothing to be caught by, and runs all its rounds: so many at most. */
#define MAX_SOUND_ROUNDS 4u
#define N_AT_ONCE 8u
/* SAN=replay: threads one at a time, so that a seed always does the same.  A round is over in milliseconds, so there may be
 * more of them: of 100 seeds of no_barrier four were not named in 16 rounds. */
#ifdef RECLAIMBENCH_SCHEDULED
#define ROUNDS_FACTOR 8u
#define SCHEDULE_STEP_NS 500
#define SCHEDULE_MAX_JUMPS 1000000u /* of the clock: most are a stalled reader's */
#else
#define ROUNDS_FACTOR 1u
#endif

struct control_case {
	enum control control;
	const char *strategy, *options;
	enum hmap_mode mode;
	enum hmap_unlink unlink;
	uint64_t n_keys, n_ops;
	unsigned n_rounds;
	uint64_t expected; /* faults that name it */
};

static const struct control_case cases[] = {
	{CONTROL_no_exclusion, "immediate", NULL, HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 48, 400, 16,
	 FREED_TOO_EARLY},
	{CONTROL_epoch_early, "ebr", "batch=1", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 48, 400, 16,
	 FREED_TOO_EARLY},
	{CONTROL_exit_drops, "ebr", NULL, HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 64, 300, 2, FAULT(LOST)},
	{CONTROL_handshake_skips, "sweepgen", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 48,
	 500, 16, FAULT(LEFT_OUT)},
	{CONTROL_no_barrier, "mark", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 600, 600, 16,
	 FAULT(UNMARKED)},
	{CONTROL_plain_mark, "mark", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 200, 500, 16,
	 FAULT(UNMARKED)},
	{CONTROL_aba, "sweepgen", "trigger=hand", HMAP_PLAIN, HMAP_UNLINK_GO, 24, 800, 40,
	 FAULT(READ_WRONG)},
	/* The keys are not there yet; what is inserted meanwhile is overwritten, and its payload leaked. */
	{CONTROL_mark_before_copy, "sweepgen", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 600,
	 400, 80, FAULT(KEY_MISSED) | FAULT(MAP_INVALID) | FAULT(LEAKED)},
	{CONTROL_alloc_white, "mark", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 600, 500, 16,
	 FAULT(UNMARKED)},
	{CONTROL_stale_mark, "mark", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 64, 300, 2,
	 FAULT(NOT_FOUND)},
	{CONTROL_sweep_twice, "sweepgen", "trigger=hand", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 300, 500,
	 16, FAULT(SWEPT_TWICE) | FAULT(DOUBLE_FREE) | FAULT(SPAN_STATE)},
	/* The second time it may have been freed. */
	{CONTROL_double_retire, "ebr", NULL, HMAP_PLAIN, HMAP_UNLINK_EMPTY, 600, 400, 3,
	 FAULT(DOUBLE_RETIRE) | FAULT(RETIRE_FREED)},
	{CONTROL_shared_bit, "mark", "trigger=hand,bits=header", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY,
	 200, 200, 2, FAULT(MAP_INVALID)},
	{CONTROL_early_exit, "ebr", "batch=1", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 32, 400, 16,
	 FREED_TOO_EARLY},
	{CONTROL_leak_chain, "sweepgen", "trigger=hand", HMAP_PLAIN, HMAP_UNLINK_EMPTY, 600, 300, 3,
	 FAULT(LEAKED)},
	{CONTROL_no_recheck, "hazard", "batch=1", HMAP_PAYLOAD, HMAP_UNLINK_EMPTY, 32, 500, 16,
	 FREED_TOO_EARLY},
	/* Either alone frees nothing that is in use: counting makes up for closing, closing for counting. */
	{CONTROL_close_early, "mark", "trigger=hand,markers=3,procs=16", HMAP_PAYLOAD,
	 HMAP_UNLINK_EMPTY, 600, 400, 16, FAULT(LEFT_OUT)},
	{CONTROL_count_early, "mark", "trigger=hand,markers=3,procs=16", HMAP_PAYLOAD,
	 HMAP_UNLINK_EMPTY, 600, 400, 16, FAULT(LEFT_OUT)},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static void schedule_from(uint64_t seed)
{
#ifdef RECLAIMBENCH_SCHEDULED
	schedule_begin(seed, SCHEDULE_STEP_NS, SCHEDULE_MAX_JUMPS);
#else
	(void)seed;
#endif
}

static void show(const char *what)
{
#ifdef RECLAIMBENCH_SCHEDULED
	printf("schedule %016llx: ", (unsigned long long)schedule_sum());
#endif
	printf("%s\n", what);
	fflush(stdout);
}

static void found(void *ctx, enum audit_fault fault, const char *what)
{
	if (*(bool *)ctx)
		show(what);
	_exit(EXIT_FAULT + (int)fault);
}

/* Poison is no address a processor knows: following it is a general protection fault, which has no address of its
 * own.  Only what is safe in a handler. */
static void on_segv(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	_exit(info->si_code == SI_KERNEL ? EXIT_FAULT + OUTCOME_POISON_FOLLOWED : 3);
}

static void run_seed(const struct control_case *c, bool is_broken, uint64_t seed, bool is_verbose)
{
	const unsigned n_rounds = is_broken			   ? c->n_rounds * ROUNDS_FACTOR
				  : c->n_rounds < MAX_SOUND_ROUNDS ? c->n_rounds
								   : MAX_SOUND_ROUNDS;
	const struct scenario s = {.ops = reclaim_strategy_find(c->strategy),
				   .options = c->options,
				   .mode = c->mode,
				   .unlink = c->unlink,
				   .alloc = HEAP_SPAN,
				   .audit = true,
				   .n_threads = 3,
				   .n_rounds = n_rounds,
				   .n_ops = c->n_ops,
				   .n_keys = c->n_keys,
				   .stall_1_in = 16,
				   .seed = seed,
				   .on_fault = found,
				   .ctx = &is_verbose};
	struct scenario_result result;
	char message[256] = "";

	const struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &action, NULL);
	control_chosen = is_broken ? c->control : CONTROL_none;
	perturb_set_seed(seed);
	schedule_from(seed);
	if (scenario_run(&s, &result, message, sizeof(message))) {
		fprintf(stderr, "%s: %s\n", c->strategy, message);
		_exit(2);
	}
	snprintf(message, sizeof(message),
		 "nothing found: %llu operations, %llu growths, %llu checkpoints, %llu objects "
		 "freed",
		 (unsigned long long)result.n_ops, (unsigned long long)result.n_growths,
		 (unsigned long long)result.n_checkpoints, (unsigned long long)result.n_freed);
	if (is_verbose)
		show(message);
	_exit(0);
}

static pid_t start_child(const struct control_case *c, bool is_broken, uint64_t seed,
			 bool is_verbose)
{
	const pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		if (!is_verbose && !freopen("/dev/null", "w", stderr))
			_exit(2);
		alarm(CHILD_LIMIT_S);
		run_seed(c, is_broken, seed, is_verbose);
	}
	return pid;
}

/* The child's exit code; -signal when it was killed. */
static int wait_for_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 2;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *outcome_name(int outcome)
{
	return outcome == OUTCOME_POISON_FOLLOWED ? "poison_followed" : audit_fault_names[outcome];
}

static bool is_expected(const struct control_case *c, int outcome)
{
	if (outcome == OUTCOME_POISON_FOLLOWED)
		outcome = AUDIT_READ_FREED;
	return c->expected >> outcome & 1;
}

static const char *outcome_text(int code)
{
	static char text[32];

	if (code >= EXIT_FAULT && code < EXIT_FAULT + N_OUTCOMES)
		return outcome_name(code - EXIT_FAULT);
	snprintf(text, sizeof(text), code < 0 ? "signal %d" : "exit %d", code < 0 ? -code : code);
	return text;
}

/* Faults found, most frequent first: "read_freed 14; free_held 6". */
static void print_names(const unsigned *n_by_outcome)
{
	unsigned left[N_OUTCOMES];
	const char *separator = "";

	memcpy(left, n_by_outcome, sizeof(left));
	for (;;) {
		int best = 0;

		for (int i = 1; i < N_OUTCOMES; i++)
			if (left[i] > left[best])
				best = i;
		if (!left[best])
			return;
		printf("%s%s %u", separator, outcome_name(best), left[best]);
		left[best] = 0;
		separator = "; ";
	}
}

/* Exit codes of n seeds, N_AT_ONCE at a time: a perturbed thread sleeps and yields most of its time. */
static void run_seeds(const struct control_case *c, bool is_broken, unsigned first, unsigned n,
		      int *codes)
{
	pid_t pids[N_AT_ONCE];

	fflush(stdout);
	for (unsigned i = 0; i < n + N_AT_ONCE; i++) {
		if (i >= N_AT_ONCE && i - N_AT_ONCE < n)
			codes[i - N_AT_ONCE] = wait_for_child(pids[i % N_AT_ONCE]);
		if (i < n)
			pids[i % N_AT_ONCE] = start_child(c, is_broken, first + i, false);
	}
}

static int run_case(const struct control_case *c, unsigned n_seeds, unsigned n_sound,
		    unsigned first)
{
	unsigned n_by_outcome[N_OUTCOMES] = {0}, n_caught = 0, n_alarms = 0;
	int *codes = calloc(n_seeds + n_sound + 1, sizeof(*codes));

	if (!codes)
		return 2;
	run_seeds(c, true, first, n_seeds, codes);
	run_seeds(c, false, first, n_sound, codes + n_seeds);
	for (unsigned i = 0; i < n_seeds; i++) {
		const int outcome = codes[i] - EXIT_FAULT;

		if (outcome >= 0 && outcome < N_OUTCOMES && is_expected(c, outcome)) {
			n_caught++;
			n_by_outcome[outcome]++;
		} else {
			fprintf(stderr, "%s, seed %u: not named: %s\n", control_names[c->control],
				first + i, outcome_text(codes[i]));
		}
	}
	for (unsigned i = n_seeds; i < n_seeds + n_sound; i++) {
		if (!codes[i])
			continue;
		n_alarms++;
		fprintf(stderr, "%s, seed %u: the sound version alarms: %s\n",
			control_names[c->control], first + i - n_seeds, outcome_text(codes[i]));
	}
	printf("%s,\"%s%s%s\",\"%s\",", control_names[c->control], c->strategy,
	       c->options ? ":" : "", c->options ? c->options : "", control_texts[c->control]);
	print_names(n_by_outcome);
	printf(",%u,%u,%u,%u,%u\n", n_caught, n_seeds, n_alarms, n_sound, first);
	free(codes);
	return n_caught == n_seeds && n_alarms == 0 ? 0 : 1;
}

static int say(int code)
{
	if (code < 0)
		printf("ended by signal %d\n", -code);
	return code != 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		for (size_t i = 0; i < N_CASES; i++)
			if (reclaim_strategy_find(cases[i].strategy))
				printf("%s\n", control_names[cases[i].control]);
		return 0;
	}
	for (size_t i = 0; i < N_CASES && (argc == 4 || argc == 5); i++) {
		if (strcmp(argv[1], control_names[cases[i].control]))
			continue;
		if (argc == 5)
			return run_case(&cases[i], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]),
					(unsigned)atoi(argv[4]));
		if (!strcmp(argv[2], "replay"))
			return say(wait_for_child(
				start_child(&cases[i], true, strtoull(argv[3], NULL, 10), true)));
		if (!strcmp(argv[2], "sound"))
			return say(wait_for_child(
				start_child(&cases[i], false, strtoull(argv[3], NULL, 10), true)));
		break;
	}
	fprintf(stderr,
		"usage: controls [NAME SEEDS SOUND FIRST | NAME replay SEED | NAME sound SEED]\n");
	return 2;
}
