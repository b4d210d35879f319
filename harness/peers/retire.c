/* SPDX-License-Identifier: MIT */
/* retire.c - what it costs to get from retire to free: CPU time of the whole process, background threads included,
 * per object.  One thread retires a batch of buckets, polls as between operations, and drains.  Strategies through
 * their table, and the two libraries called directly. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "peers/bench.h"
#include "peers/retire.h"
#include "registry.h"

uint64_t retire_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double retire_batch(struct reclaim_thread *t, void **objects)
{
	uint64_t begin_ns;

	for (unsigned i = 0; i < RETIRE_N; i++) {
		objects[i] = reclaim_alloc(t, OBJ_BUCKET, RETIRE_BYTES, false);
		if (!objects[i])
			return -1;
	}
	begin_ns = retire_cpu_ns();
	for (unsigned i = 0; i < RETIRE_N; i++) {
		reclaim_enter(t);
		reclaim_retire(t, objects[i], false);
		reclaim_exit(t);
		if (i % PEER_POLL_OPS == 0)
			reclaim_poll(t);
	}
	t->ops->drain(t);
	return (double)(retire_cpu_ns() - begin_ns) / RETIRE_N;
}

/* Through the table: a domain of that strategy, without stamps. */
static int retire_strategy(const char *name, void **objects, double *ns, unsigned n_rounds)
{
	struct clock clock;
	struct reclaim_config config = {
		.ops = reclaim_strategy_find(name), .heap = {.kind = HEAP_SPAN}, .clock = &clock};
	struct reclaim_thread *t;
	struct reclaim *r;
	char message[128];
	int err = 0;

	clock_init(&clock, false);
	if (reclaim_create(&r, &config, message, sizeof(message)))
		return -ENOMEM;
	t = reclaim_register(r, ROLE_MUTATOR);
	if (!t)
		err = -ENOMEM;
	/* The first round warms up. */
	for (unsigned i = 0; !err && i <= n_rounds; i++) {
		const double figure = retire_batch(t, objects);

		if (figure < 0)
			err = -ENOMEM;
		if (i)
			ns[i - 1] = figure;
	}
	if (t)
		reclaim_unregister(t);
	reclaim_destroy(r);
	return err;
}

static const struct {
	const char *name;
	int (*run)(void **objects, double *ns, unsigned n_rounds); /* NULL: a strategy */
} retire_kinds[] = {
	{"sweepgen", NULL},
#ifdef HAVE_CK
	{"ebr", NULL},	    {"ck_epoch, directly", retire_ck_epoch},
#endif
#ifdef HAVE_URCU
	{"rcu", NULL},	    {"call_rcu, directly", retire_call_rcu},
#endif
};
_Static_assert(sizeof(retire_kinds) / sizeof(retire_kinds[0]) <= BENCH_N_RETIRE, "room for all");

int bench_retire(const struct bench_options *o, struct bench_retire *out, unsigned *n,
		 char *message, size_t message_size)
{
	void **objects = malloc(RETIRE_N * sizeof(*objects));
	int err = objects ? 0 : -ENOMEM;

	*n = 0;
	for (size_t k = 0; !err && k < sizeof(retire_kinds) / sizeof(retire_kinds[0]); k++) {
		struct bench_retire *to = &out[*n];

		to->name = retire_kinds[k].name;
		if (!retire_kinds[k].run && !reclaim_strategy_find(to->name))
			continue;
		err = retire_kinds[k].run ? retire_kinds[k].run(objects, to->ns, o->n_rounds)
					  : retire_strategy(to->name, objects, to->ns, o->n_rounds);
		++*n;
	}
	free(objects);
	if (err)
		snprintf(message, message_size, "out of memory");
	return err;
}
