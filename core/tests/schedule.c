/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h.
 *
 * All state below belongs to the thread whose turn it is; handing over the turn (sem_post) orders it.  Mutexes are the
 * real ones, only tried: a thread that does not get one waits until its holder's unlock says that it may try again.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perturb.h"
#include "tests/schedule.h"

/* What libFuzzer looks at is the code under test. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

#define NO_LIMIT UINT64_MAX
#define MAX_RUNNERS 64
/* Longer than any wait but that for a cycle that is forced after two minutes. */
#define MAX_JUMP_NS UINT64_C(10000000000)

struct runner {
	pthread_t thread;
	sem_t turn;
	void *(*start)(void *);
	void *arg;
	const void *waits_for; /* a mutex, a condition, a runner that is joined; NULL: it may run */
	uint64_t until_ns;
	bool is_used, has_ended;
};

static struct {
	struct runner runners[MAX_RUNNERS];
	unsigned n_runners; /* slots in use are below it */
	uint64_t random, now_ns, step_ns, sum;
	unsigned n_jumps, max_jumps;
	cpu_set_t processors; /* those of the calling thread before */
} schedule;
static _Thread_local struct runner *self; /* NULL: this thread is not scheduled */

_Thread_local struct perturb perturb_self;

/* In place of the functions they are named after: the Makefile renames what the library calls. */
int scheduled_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			     void *arg);
int scheduled_pthread_join(pthread_t thread, void **result);
int scheduled_pthread_mutex_lock(pthread_mutex_t *mutex);
int scheduled_pthread_mutex_trylock(pthread_mutex_t *mutex);
int scheduled_pthread_mutex_unlock(pthread_mutex_t *mutex);
int scheduled_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int scheduled_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				     const struct timespec *until);
int scheduled_pthread_cond_signal(pthread_cond_t *cond);
int scheduled_pthread_cond_broadcast(pthread_cond_t *cond);
int scheduled_sched_yield(void);
int scheduled_nanosleep(const struct timespec *length, struct timespec *left);
int scheduled_clock_gettime(clockid_t clock, struct timespec *ts);

/* ---------------------------------------------------------------- whose turn it is */

/* xorshift64* (Vigna, public domain). */
static uint64_t schedule_draw(uint64_t below)
{
	schedule.random ^= schedule.random >> 12;
	schedule.random ^= schedule.random << 25;
	schedule.random ^= schedule.random >> 27;
	return (schedule.random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

/* One of `n`, added to the sum. */
static unsigned schedule_choose(unsigned n)
{
	const unsigned i = n > 1 ? (unsigned)schedule_draw(n) : 0;

	schedule.sum = (schedule.sum ^ i ^ schedule.now_ns) * UINT64_C(0x9e3779b97f4a7c15);
	return i;
}

static bool runner_can_run(const struct runner *r)
{
	return r->is_used && !r->has_ended && (!r->waits_for || r->until_ns <= schedule.now_ns);
}

/* Nobody can run: on to the first time limit.  A thread that looks at the time now and then does not end a wait of
 * others for ever, and a cycle that comes after minutes is no answer to a wake-up that was lost. */
static void schedule_jump(void)
{
	uint64_t first = NO_LIMIT;

	for (unsigned i = 0; i < schedule.n_runners; i++) {
		const struct runner *r = &schedule.runners[i];

		if (r->is_used && !r->has_ended && r->until_ns < first)
			first = r->until_ns;
	}
	if (first == NO_LIMIT || first - schedule.now_ns > MAX_JUMP_NS ||
	    ++schedule.n_jumps > schedule.max_jumps) {
		fprintf(stderr, "not so: some thread can go on (a deadlock, or a lost wake-up)\n");
		abort();
	}
	schedule.now_ns = first;
}

static struct runner *schedule_next(void)
{
	struct runner *can_run[MAX_RUNNERS];
	unsigned n;

	for (;;) {
		n = 0;
		for (unsigned i = 0; i < schedule.n_runners; i++)
			if (runner_can_run(&schedule.runners[i]))
				can_run[n++] = &schedule.runners[i];
		if (n)
			break;
		schedule_jump();
	}
	n = n > 1 ? (unsigned)schedule_draw(n) : 0;
	schedule.sum =
		(schedule.sum ^ (uint64_t)(can_run[n] - schedule.runners) ^ schedule.now_ns) *
		UINT64_C(0x9e3779b97f4a7c15);
	return can_run[n];
}

static void runner_wait(struct runner *r)
{
	while (sem_wait(&r->turn) && errno == EINTR)
		;
}

/* Perhaps another's turn; returns when it is this thread's again. */
static void schedule_turn(void)
{
	struct runner *me = self, *next;

	schedule.now_ns += schedule.step_ns;
	next = schedule_next();
	if (next == me)
		return;
	sem_post(&next->turn);
	runner_wait(me);
}

/* Wait until told (schedule_wake) or late; returns whether it was late. */
static bool schedule_wait(const void *what, uint64_t until_ns)
{
	bool is_late;

	self->waits_for = what;
	self->until_ns = until_ns;
	schedule_turn();
	is_late = self->waits_for;
	self->waits_for = NULL;
	self->until_ns = NO_LIMIT;
	return is_late;
}

static void schedule_wake(const void *what)
{
	for (unsigned i = 0; i < schedule.n_runners; i++)
		if (schedule.runners[i].waits_for == what)
			schedule.runners[i].waits_for = NULL;
}

/* ---------------------------------------------------------------- atomic accesses */

void perturb_set_seed(uint64_t seed)
{
	(void)seed;
}

void perturb_thread(uint64_t index)
{
	(void)index;
}

void perturb_act(struct perturb *p)
{
	/* Between 1 and 1,024 accesses, few as likely as many. */
	p->left = 1 + (uint32_t)schedule_draw(UINT64_C(1) << (1 + schedule_draw(10)));
	schedule_turn();
}

void perturb_sleep(struct perturb *p)
{
	(void)p;
	schedule_wait(p, schedule.now_ns + 20000 + schedule_draw(100000));
}

/* ---------------------------------------------------------------- begin and end */

static void runner_begin(struct runner *r)
{
	self = r;
	perturb_self = (struct perturb){.state = 1, .left = 1 + (uint32_t)schedule_draw(64)};
}

static void runner_end(void)
{
	self = NULL;
	perturb_self.state = 0;
}

static struct runner *runner_make(void)
{
	for (unsigned i = 0; i < MAX_RUNNERS; i++) {
		struct runner *r = &schedule.runners[i];

		if (r->is_used)
			continue;
		*r = (struct runner){.is_used = true, .until_ns = NO_LIMIT};
		sem_init(&r->turn, 0, 0);
		if (schedule.n_runners <= i)
			schedule.n_runners = i + 1;
		return r;
	}
	fprintf(stderr, "not so: at most %d threads at once\n", MAX_RUNNERS);
	abort();
}

/* One thread runs at a time: on one processor, handing over the turn takes a third of the time. */
static void schedule_pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	sched_getaffinity(0, sizeof(schedule.processors), &schedule.processors);
	sched_setaffinity(0, sizeof(one), &one);
}

void schedule_begin(uint64_t seed, uint64_t step_ns, unsigned max_jumps)
{
	struct runner *r;

	memset(&schedule, 0, sizeof(schedule));
	schedule_pin();
	schedule.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	schedule.now_ns = 1000000000;
	schedule.step_ns = step_ns;
	schedule.max_jumps = max_jumps;
	r = runner_make();
	r->thread = pthread_self();
	runner_begin(r);
}

uint64_t schedule_end(void)
{
	runner_end();
	for (unsigned i = 1; i < schedule.n_runners; i++)
		if (schedule.runners[i].is_used) {
			fprintf(stderr, "not so: every thread has been joined\n");
			abort();
		}
	sem_destroy(&schedule.runners[0].turn);
	sched_setaffinity(0, sizeof(schedule.processors), &schedule.processors);
	return schedule.sum;
}

uint64_t schedule_sum(void)
{
	return schedule.sum;
}

/* ---------------------------------------------------------------- threads */

static void *runner_main(void *arg)
{
	struct runner *r = arg, *next;
	void *result;

	runner_wait(r);
	runner_begin(r);
	result = r->start(r->arg);
	r->has_ended = true;
	schedule_wake(r);
	next = schedule_next();
	runner_end();
	sem_post(&next->turn);
	return result;
}

int scheduled_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			     void *arg)
{
	struct runner *r;
	int err;

	if (!self)
		return pthread_create(thread, attr, start, arg);
	r = runner_make();
	r->start = start;
	r->arg = arg;
	err = pthread_create(&r->thread, attr, runner_main, r);
	*thread = r->thread;
	r->is_used = !err;
	return err;
}

int scheduled_pthread_join(pthread_t thread, void **result)
{
	struct runner *r = NULL;
	int err;

	for (unsigned i = 0; self && i < schedule.n_runners; i++)
		if (schedule.runners[i].is_used &&
		    pthread_equal(schedule.runners[i].thread, thread))
			r = &schedule.runners[i];
	if (!r)
		return pthread_join(thread, result);
	while (!r->has_ended)
		schedule_wait(r, NO_LIMIT);
	err = pthread_join(thread, result);
	sem_destroy(&r->turn);
	r->is_used = false;
	return err;
}

/* ---------------------------------------------------------------- locks and conditions */

/* One of four: locks are taken often. */
static void schedule_sometimes(void)
{
	if (!schedule_draw(4))
		schedule_turn();
}

int scheduled_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int err;

	if (!self)
		return pthread_mutex_lock(mutex);
	schedule_sometimes();
	while ((err = pthread_mutex_trylock(mutex)) == EBUSY)
		schedule_wait(mutex, NO_LIMIT);
	return err;
}

int scheduled_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	if (self)
		schedule_sometimes();
	return pthread_mutex_trylock(mutex);
}

int scheduled_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	const int err = pthread_mutex_unlock(mutex);

	if (self) {
		schedule_wake(mutex);
		schedule_sometimes();
	}
	return err;
}

static int schedule_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_ns)
{
	bool is_late;

	pthread_mutex_unlock(mutex);
	schedule_wake(mutex);
	is_late = schedule_wait(cond, until_ns);
	scheduled_pthread_mutex_lock(mutex);
	return is_late ? ETIMEDOUT : 0;
}

int scheduled_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return self ? schedule_cond_wait(cond, mutex, NO_LIMIT) : pthread_cond_wait(cond, mutex);
}

/* Every condition that is waited for with a limit here goes by CLOCK_MONOTONIC. */
int scheduled_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				     const struct timespec *until)
{
	if (!self)
		return pthread_cond_timedwait(cond, mutex, until);
	return schedule_cond_wait(cond, mutex,
				  (uint64_t)until->tv_sec * 1000000000u + (uint64_t)until->tv_nsec);
}

int scheduled_pthread_cond_signal(pthread_cond_t *cond)
{
	struct runner *waiting[MAX_RUNNERS];
	unsigned n = 0;

	if (!self)
		return pthread_cond_signal(cond);
	for (unsigned i = 0; i < schedule.n_runners; i++)
		if (schedule.runners[i].waits_for == cond)
			waiting[n++] = &schedule.runners[i];
	if (n)
		waiting[schedule_choose(n)]->waits_for = NULL;
	return 0;
}

int scheduled_pthread_cond_broadcast(pthread_cond_t *cond)
{
	if (!self)
		return pthread_cond_broadcast(cond);
	schedule_wake(cond);
	return 0;
}

int scheduled_sched_yield(void)
{
	if (!self)
		return sched_yield();
	schedule_turn();
	return 0;
}

/* ---------------------------------------------------------------- time */

int scheduled_nanosleep(const struct timespec *length, struct timespec *left)
{
	if (!self)
		return nanosleep(length, left);
	schedule_wait(length, schedule.now_ns + (uint64_t)length->tv_sec * 1000000000u +
				      (uint64_t)length->tv_nsec);
	return 0;
}

/* Every clock is the same here, a thread's own included. */
int scheduled_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!self)
		return clock_gettime(clock, ts);
	schedule.now_ns += schedule.step_ns;
	*ts = (struct timespec){.tv_sec = (time_t)(schedule.now_ns / 1000000000u),
				.tv_nsec = (long)(schedule.now_ns % 1000000000u)};
	return 0;
}

/* In place of the C library's.  liburcu's worker sleeps 10 ms between two batches: a fuzzer has better use for them. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
					 .tv_nsec = timeout_ms % 1000 * 1000000};

	if (!n && timeout_ms >= 0)
		return sched_yield();
	return ppoll(fds, n, timeout_ms < 0 ? NULL : &timeout, NULL);
}

#ifdef __clang__
#pragma clang attribute pop
#endif
