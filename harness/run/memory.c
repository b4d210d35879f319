/* SPDX-License-Identifier: MIT */
/* memory.c - a table that would not fit into memory is refused before anything is allocated. */
#include "run/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "cli.h"
#include "hmap.h"
#include "units.h"

/* MemAvailable, or what the address space is limited to; 0: unknown. */
static uint64_t memory_available_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kib = 0, bytes;
	struct rlimit limit;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	if (f)
		fclose(f);
	bytes = kib * 1024;
	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    (!bytes || limit.rlim_cur < bytes))
		bytes = limit.rlim_cur;
	return bytes;
}

int run_check_memory_of(const char *option, uint64_t n_keys, double bytes_per_key, const char *cure)
{
	const double need = (double)n_keys * bytes_per_key;
	const uint64_t have = memory_available_bytes();
	char need_text[32], have_text[32];

	if (!have || need < 0.9 * (double)have)
		return 0;
	cli_error("--%s=%" PRIu64
		  ": tables of so many keys need about %s, and %s of memory are available; take "
		  "%s",
		  option, n_keys, units_format_bytes(need_text, sizeof(need_text), need),
		  units_format_bytes(have_text, sizeof(have_text), (double)have), cure);
	return EXIT_USAGE;
}

int run_check_memory(const char *option, uint64_t n_keys, size_t value_bytes)
{
	/* While a table doubles, the old array is there too.  A table is between 3.25 and 6.5 entries a bucket
	 * full; beside each payload lie stamps and bits. */
	const double bucket_bytes = (double)HMAP_BUCKET_BYTES / 3.25 * 1.5;

	return run_check_memory_of(option, n_keys, bucket_bytes + (double)value_bytes + 32,
				   "fewer keys");
}
