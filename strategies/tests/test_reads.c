/* SPDX-License-Identifier: MIT */
/* test_reads.c - what a lookup executes, looked at instruction by instruction: under the deferred strategies (no
 * section, no protection, no lock) it holds no fence, no atomic read-modify-write and no store outside the stack.
 *
 * A child process makes the lookups.  It makes all memory but its stack read-only first, so that a store is a
 * SIGSEGV; its parent single-steps it (ptrace) and decodes the prefixes and the few opcodes that matter. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "box.h"
#include "hmap.h"

#define N_KEYS 1200u /* B=7 or 8 */
#define N_LOOKUPS 40u
#define MAX_STEPS 2000000u

#if defined(__x86_64__) && !defined(RECLAIMBENCH_SANITIZED) && !defined(RECLAIMBENCH_AUDIT)
#define CAN_STEP 1
#else
#define CAN_STEP 0 /* instrumented code stores on its own; other processors have other opcodes */
#endif

struct reads {
	struct clock clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map;
};

/* What the parent saw between the two marks. */
struct seen {
	unsigned n_instructions, n_locked, n_fences, n_stores;
	bool is_done; /* all lookups answered, and rightly */
};

#if CAN_STEP
static void reads_create(struct reads *f, const struct reclaim_ops *ops, bool is_growing)
{
	const struct hmap_config hc = {
		.mode = HMAP_PAYLOAD, .unlink = HMAP_UNLINK_EMPTY, .value_bytes = 32, .seed = 1};
	struct reclaim_config rc = {.ops = ops, .clock = &f->clock, .tracking = true};
	struct hmap_state state;
	char message[256];

	/* No cycle may be in the air when the child is made: it has no collector. */
	for (size_t i = 0; i < ops->n_options; i++)
		if (!strcmp(ops->options[i].name, "trigger"))
			rc.options = "trigger=hand";
	clock_init(&f->clock, false);
	assert_int_equal(reclaim_create(&f->r, &rc, message, sizeof(message)), 0);
	f->t = reclaim_register(f->r, ROLE_READER);
	assert_non_null(f->t);
	assert_int_equal(hmap_create(&f->map, f->r, f->t, &hc), 0);
	for (uint64_t k = 0; k < 16 * N_KEYS; k++) {
		reclaim_enter(f->t);
		assert_int_equal(hmap_insert(f->map, f->t, k, k), HMAP_INSERTED);
		reclaim_exit(f->t);
		reclaim_poll(f->t);
		hmap_state(f->map, f->t, &state);
		if (k >= N_KEYS && state.is_growing == is_growing)
			return;
	}
	fail_msg("the map never came to be %s", is_growing ? "growing" : "at rest");
}

static void reads_destroy(struct reads *f)
{
	hmap_destroy(f->map, f->t);
	if (!(f->t->flags & NEVER_FREES))
		reclaim_ops(f->r)->drain(f->t);
	reclaim_unregister(f->t);
	reclaim_destroy(f->r);
}

/* Not inlined, not merged: their addresses tell the parent where to look. */
__attribute__((noinline)) static void mark_begin(void)
{
	__asm__ volatile("nop; nop" ::: "memory");
}

/* `n_wrong` is in RDI then. */
__attribute__((noinline)) static void mark_end(unsigned n_wrong)
{
	__asm__ volatile("nop; nop; nop" : : "r"(n_wrong) : "memory");
}

static void freeze_range(unsigned long begin, unsigned long end)
{
	if (begin < end)
		mprotect((void *)begin, end - begin, PROT_READ);
}

/* All writable memory becomes read-only, but for the stack, and the page in which the kernel keeps the
 * thread's processor number (rseq). */
static void freeze(void)
{
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	const unsigned long kept =
		((unsigned long)__builtin_thread_pointer() + (unsigned long)__rseq_offset) & -page;
	FILE *maps = fopen("/proc/self/maps", "re");
	struct {
		unsigned long begin, end;
	} found[512];
	char line[512];
	size_t n = 0;

	while (maps && n < 512 && fgets(line, sizeof(line), maps)) {
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s", &found[n].begin, &found[n].end, rights) == 3 &&
		    rights[1] == 'w' && !strstr(line, "[stack]"))
			n++;
	}
	/* Not closed: that would free, and so store. */
	for (size_t i = 0; i < n; i++) {
		if (kept < found[i].begin || kept >= found[i].end) {
			freeze_range(found[i].begin, found[i].end);
		} else {
			freeze_range(found[i].begin, kept);
			freeze_range(kept + page, found[i].end);
		}
	}
}

/* The child: hits and misses.  It does not come back: the parent ends it at mark_end(). */
static void child_reads(struct reads *f, bool is_frozen)
{
	unsigned n_wrong = 0;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	if (is_frozen)
		freeze();
	__asm__ volatile("int3"); /* raise() would store */
	mark_begin();
	for (uint64_t i = 0; i < N_LOOKUPS; i++) {
		const uint64_t key = i % 4 ? i * 29 : N_KEYS * 20 + i;
		uint64_t value;

		reclaim_enter(f->t);
		n_wrong += hmap_get(f->map, f->t, key, &value) != (i % 4 != 0);
		reclaim_exit(f->t);
		reclaim_poll(f->t);
	}
	mark_end(n_wrong);
	_exit(0);
}

/* Count what the instruction at `rip` is.  Intel SDM volume 2, sections 2.1 (prefixes) and the pages of LOCK,
 * XCHG, MFENCE, LFENCE, SFENCE. */
static void look(pid_t pid, unsigned long rip, struct seen *seen)
{
	unsigned char code[16];
	bool is_locked = false;
	size_t i = 0;

	for (size_t word = 0; word < 2; word++) {
		const long bytes = ptrace(PTRACE_PEEKTEXT, pid, (void *)(rip + 8 * word), NULL);

		memcpy(code + 8 * word, &bytes, 8);
	}
	for (; i < 12; i++) {
		if (code[i] == 0xf0)
			is_locked = true;
		else if (!strchr("\x66\x67\xf2\xf3\x2e\x36\x3e\x26\x64\x65", code[i]) || !code[i])
			break;
	}
	if ((code[i] & 0xf0) == 0x40) /* REX */
		i++;
	/* XCHG with memory locks by itself. */
	if ((code[i] == 0x86 || code[i] == 0x87) && code[i + 1] < 0xc0)
		is_locked = true;
	seen->n_instructions++;
	seen->n_locked += is_locked;
	seen->n_fences += code[i] == 0x0f && code[i + 1] == 0xae && code[i + 2] >= 0xe8;
}

/* Step through the child's lookups.  false: this process may not trace. */
static bool watch(struct reads *f, bool is_frozen, struct seen *seen)
{
	struct user_regs_struct regs = {0};
	const pid_t pid = fork();
	bool may_trace = true, is_inside = false;
	int status;

	assert_true(pid >= 0);
	if (!pid)
		child_reads(f, is_frozen);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (WIFSTOPPED(status) && regs.rip != (unsigned long)mark_end) {
		may_trace = !ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (regs.rip == (unsigned long)mark_begin)
			is_inside = true;
		if (WSTOPSIG(status) != SIGTRAP || !may_trace || seen->n_instructions > MAX_STEPS)
			break;
		if (is_inside && regs.rip != (unsigned long)mark_end)
			look(pid, regs.rip, seen);
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			break;
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (may_trace && is_frozen && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV)
		seen->n_stores++;
	else if (may_trace)
		seen->is_done = regs.rip == (unsigned long)mark_end && regs.rdi == 0;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return may_trace;
}
#endif

static void check_reads(const struct reclaim_ops *ops, bool is_growing, bool is_clean)
{
#if CAN_STEP
	struct reads f = {0};
	struct seen seen = {0};
	bool may_trace;

	reads_create(&f, ops, is_growing);
	may_trace = watch(&f, is_clean, &seen);
	reads_destroy(&f);
	if (!may_trace) {
		print_message("skipped: this process may not trace its child\n");
		skip();
		return;
	}
	assert_true(seen.n_instructions > 0 && (seen.is_done || seen.n_stores));
	if (is_clean != (seen.n_locked + seen.n_fences + seen.n_stores == 0))
		fail_msg("%s: %u lookups, %u instructions: %u locked, %u fences, %u stores",
			 ops->name, N_LOOKUPS, seen.n_instructions, seen.n_locked, seen.n_fences,
			 seen.n_stores);
#else
	(void)ops;
	(void)is_growing;
	(void)is_clean;
	print_message("skipped: looks at x86-64 code that nothing instruments\n");
	skip();
#endif
}

static void test_deferred_reads_are_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < reclaim_n_strategies; i++) {
		const struct reclaim_ops *ops = reclaim_strategies[i];

		if (ops->flags & (NEEDS_SECTION | NEEDS_PROTECT | READER_LOCKS))
			continue;
		check_reads(ops, false, true);
		check_reads(ops, true, true);
	}
}

/* The check can fail: these lock, fence or protect. */
static void test_others_are_seen(void **state)
{
	static const char *const names[] = {"immediate", "ebr", "hazard"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct reclaim_ops *ops = reclaim_strategy_find(names[i]);

		if (ops)
			check_reads(ops, false, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deferred_reads_are_plain),
		cmocka_unit_test(test_others_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
