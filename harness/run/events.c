/* SPDX-License-Identifier: MIT */
/* events.c - counters of the strategy's threads; see events.h. */
#include "run/events.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool events_holds(const pid_t *tids, unsigned n, pid_t tid)
{
	for (unsigned i = 0; i < n; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

int events_collectors_find(struct events_collectors *c, const struct pmu_set *set,
			   const pid_t *tids, unsigned n_tids)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int error = 0;

	if (tasks == NULL)
		return -errno;
	while (error == 0 && c->n < EVENTS_MAX_COLLECTORS && (entry = readdir(tasks)) != NULL) {
		const pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || tid == gettid() || events_holds(tids, n_tids, tid) ||
		    events_holds(c->tids, c->n, tid))
			continue;
		error = pmu_open(&c->threads[c->n], set, tid);
		if (error == 0)
			c->tids[c->n++] = tid;
	}
	closedir(tasks);
	return error;
}

void events_collectors_close(struct events_collectors *c)
{
	for (unsigned i = 0; i < c->n; i++)
		pmu_close(c->threads[i]);
	c->n = 0;
}

void events_collectors_begin(struct events_collectors *c)
{
	for (unsigned i = 0; i < c->n; i++)
		pmu_read(c->threads[i], &c->begin[i]);
}

void events_collectors_end(struct events_collectors *c)
{
	for (unsigned i = 0; i < c->n; i++)
		pmu_read(c->threads[i], &c->end[i]);
}
