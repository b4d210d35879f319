/* SPDX-License-Identifier: MIT */
/* sampler.h - a thread that looks at gauges every few ms during a stage: limbo, live bytes, resident
 * memory, throughput.  It reads counters that others write without disturbing them (relaxed loads), and is
 * not registered with the domain.
 */
#ifndef RECLAIMBENCH_RUN_SAMPLER_H
#define RECLAIMBENCH_RUN_SAMPLER_H

#include "report/csv.h"
#include "run/instance.h"

struct sampler {
	struct run_instance *in;
	const char *stage;
	uint64_t begin_ticks; /* of the stage */
	uint64_t zero_ticks;  /* of the timeline */
	pthread_t pthread;
	atomic_bool stop;
	int statm_fd;
	struct report_sample *samples; /* [n_max], made beforehand */
	size_t n, n_max;
	size_t n_dropped; /* beyond n_max */
	uint64_t cpu_ns;
	uint64_t peak_limbo_bytes, peak_limbo_objects, peak_rss_bytes, peak_os_bytes;
	double sum_limbo_bytes, sum_rss_bytes;
	size_t n_taken;
};

/* Start; 0 or -errno.  `stage` must outlive the samples.  Stop with sampler_stop(). */
int sampler_start(struct sampler *s, struct run_instance *in, const char *stage,
		  uint64_t begin_ticks, uint64_t zero_ticks, uint64_t duration_ns)
	__attribute__((warn_unused_result));
/* Take a last sample, and join.  The samples stay until sampler_fini(). */
void sampler_stop(struct sampler *s);
void sampler_fini(struct sampler *s);

/* What the domain holds at this moment: limbo, live, garbage, objects, the heap's and the process's bytes
 * (`statm_fd`: /proc/self/statm, -1: unknown, 0), the collector's goal; the rest of `out` is left alone.  Any thread. */
void sampler_look(struct reclaim *r, int statm_fd, struct report_sample *out);

#endif
