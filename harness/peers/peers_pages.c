/* SPDX-License-Identifier: MIT */
/* peers_pages.c - the same kind of pages for all peers, whoever allocated them: the advice is given to every large
 * anonymous mapping of the process. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "peers/peers.h"

#define HUGE_BYTES (UINT64_C(1) << 21)
/* Linux 6.1; older kernels refuse it, and then khugepaged may come later. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void pages_advise_range(uint64_t begin, uint64_t end)
{
	begin = (begin + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	end &= ~(HUGE_BYTES - 1);
	if (begin >= end)
		return;
	/* Best effort: an address range that cannot have huge pages keeps small ones, and so would it for
	 * every peer. */
	(void)madvise((void *)(uintptr_t)begin, end - begin, MADV_HUGEPAGE);
}

/* Ranges that hold memory already are collapsed one huge page at a time; those that hold none are left alone. */
static void pages_collapse_range(uint64_t begin, uint64_t end)
{
	unsigned char resident[HUGE_BYTES / 4096];

	begin = (begin + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	for (; begin + HUGE_BYTES <= end; begin += HUGE_BYTES) {
		if (mincore((void *)(uintptr_t)begin, HUGE_BYTES, resident) == 0 &&
		    memchr(resident, 1, sizeof(resident)))
			(void)madvise((void *)(uintptr_t)begin, HUGE_BYTES, MADV_COLLAPSE);
	}
}

void peers_pages_advise(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t begin, end, inode;
		char mode[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %" SCNu64, &begin, &end, mode,
			   &inode) != 4)
			continue;
		if (inode || strncmp(mode, "rw", 2) != 0 || end - begin < HUGE_BYTES ||
		    strstr(line, "[stack"))
			continue;
		pages_advise_range(begin, end);
		/* A reserved arena is large and mostly empty: its filled part has had the advice before it was
		 * touched. */
		if (end - begin <= (UINT64_C(8) << 30))
			pages_collapse_range(begin, end);
	}
	fclose(maps);
}

void peers_pages_forbid(void)
{
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}
