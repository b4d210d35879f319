/* SPDX-License-Identifier: MIT */
/* go.c - mark as the real runtime does it: a preset.
 *
 * Source: Go 1.19.8.  A bucket array is one object with one mark bit; arrays with payloads are scanned whole, all
 * eight cells of each bucket whatever their tophash; arrays of plain values are not scanned, and keep their
 * overflow buckets alive (Go: hmap.extra; here: the has-overflow bits); GOGC pacer, lazy sweep.  What mark has
 * beyond that (bits per bucket and their placements, windows) is off and has no options here.
 */
#include "mark.h"

static const struct gc_kind go_kind = {.marks = true, .has_buckets = false};

static int go_init(struct reclaim *r)
{
	return gc_init(r, &go_kind);
}

static const struct reclaim_option go_options[] = {
	MARK_OPTIONS("all"),
};

const struct reclaim_ops go_ops = {
	.name = "go",
	.summary = "mark as Go does it: one bit per object, an array is one object, GOGC pacer",
	.source = "Go 1.19.8 runtime",
	.options = go_options,
	.n_options = sizeof(go_options) / sizeof(go_options[0]),
	.init = go_init,
	MARK_MEMBERS,
};
