/* SPDX-License-Identifier: MIT */
/* c_headers.hh - the C headers, as C++ reads them: no bindings in between.
 *
 * Two words differ.  `class` is a name in C and a keyword here, so it reads as class_.  _Static_assert is
 * static_assert.  What the headers include themselves comes first, so that neither reaches it.
 */
#ifndef RECLAIMBENCH_MICRO_C_HEADERS_HH
#define RECLAIMBENCH_MICRO_C_HEADERS_HH

#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdatomic.h>

#include <pthread.h>
#include <sched.h>
#include <sys/types.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define class class_
#define _Static_assert static_assert
extern "C" {
#include "clock.h"
#include "gc/gc.h"
#include "heap_span.h"
#include "hist.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "life.h"
#include "measure/pmu.h"
#include "reclaim.h"
#include "registry.h"
}
#undef class
#undef _Static_assert

#endif
