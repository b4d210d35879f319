/* SPDX-License-Identifier: MIT */
/* memory.h - whether a table fits into memory. */
#ifndef RECLAIMBENCH_RUN_MEMORY_H
#define RECLAIMBENCH_RUN_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Refuse tables that would not fit into memory, before anything is allocated: EXIT_USAGE after saying how much
 * is needed and how much there is.  `option`: whose value n_keys is. */
int run_check_memory(const char *option, uint64_t n_keys, size_t value_bytes)
	__attribute__((warn_unused_result));
/* The same of `bytes_per_key`, whatever they are spent on.  `cure`: what to take instead. */
int run_check_memory_of(const char *option, uint64_t n_keys, double bytes_per_key, const char *cure)
	__attribute__((warn_unused_result));

#endif
