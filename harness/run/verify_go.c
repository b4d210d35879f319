/* SPDX-License-Identifier: MIT */
/* verify_go.c - see verify_go.h.  The hash comes from the recording: the map gets a hash function that looks keys up
 * in what was read so far, so that no seed and no hash function of Go's need be known. */
#include "run/verify_go.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "hmap.h"
#include "registry.h"

/* Key to recorded hash: open addressing, grown at half full. */
struct recorded_hashes {
	uint64_t *keys, *hashes;
	uint8_t *used;
	uint64_t mask, n;
};

static uint64_t recorded_slot(const struct recorded_hashes *h, uint64_t key)
{
	uint64_t i = key * UINT64_C(0x9e3779b97f4a7c15) >> 20 & h->mask;

	while (h->used[i] && h->keys[i] != key)
		i = (i + 1) & h->mask;
	return i;
}

static int recorded_init(struct recorded_hashes *h, uint64_t n_slots)
{
	*h = (struct recorded_hashes){.mask = n_slots - 1};
	h->keys = calloc(n_slots, sizeof(*h->keys));
	h->hashes = calloc(n_slots, sizeof(*h->hashes));
	h->used = calloc(n_slots, 1);
	return h->keys && h->hashes && h->used ? 0 : -ENOMEM;
}

static void recorded_fini(struct recorded_hashes *h)
{
	free(h->keys);
	free(h->hashes);
	free(h->used);
}

static int recorded_put(struct recorded_hashes *h, uint64_t key, uint64_t hash)
{
	uint64_t i;

	if (2 * h->n >= h->mask) {
		struct recorded_hashes bigger;

		if (recorded_init(&bigger, 4 * (h->mask + 1))) {
			recorded_fini(&bigger);
			return -ENOMEM;
		}
		for (uint64_t k = 0; k <= h->mask; k++)
			if (h->used[k])
				recorded_put(&bigger, h->keys[k], h->hashes[k]);
		recorded_fini(h);
		*h = bigger;
	}
	i = recorded_slot(h, key);
	h->n += !h->used[i];
	h->used[i] = 1;
	h->keys[i] = key;
	h->hashes[i] = hash;
	return 0;
}

static uint64_t recorded_hash(uint64_t key, uint64_t seed)
{
	const struct recorded_hashes *h = (const struct recorded_hashes *)(uintptr_t)seed;

	return h->hashes[recorded_slot(h, key)];
}

/* One line of the recording. */
struct golden_line {
	uint64_t n;
	char op;
	uint64_t key, hash, count;
	unsigned b, noverflow, growing, same_size;
	uint64_t nevacuate, old_evacuated, digest;
};

static bool golden_parse(const char *text, struct golden_line *g)
{
	int end = 0;

	return sscanf(text,
		      "%" SCNu64 " %c %" SCNu64 " %" SCNu64 " %" SCNu64 " %u %u %u %u %" SCNu64
		      " %" SCNu64 " %" SCNx64 " %n",
		      &g->n, &g->op, &g->key, &g->hash, &g->count, &g->b, &g->noverflow,
		      &g->growing, &g->same_size, &g->nevacuate, &g->old_evacuated, &g->digest,
		      &end) == 12 &&
	       text[end] == '\0' && (g->op == 'i' || g->op == 'd');
}

struct replay {
	struct clock clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *m;
	struct recorded_hashes hashes;
};

static void replay_fini(struct replay *p)
{
	if (p->m)
		hmap_destroy(p->m, p->t);
	if (p->t)
		reclaim_unregister(p->t);
	if (p->r)
		reclaim_destroy(p->r);
	recorded_fini(&p->hashes);
}

static int replay_init(struct replay *p, char *message, size_t message_size)
{
	struct reclaim_config domain = {.ops = reclaim_strategy_find("leak"), .max_threads = 1};
	struct hmap_config map = {
		.mode = HMAP_PLAIN, .unlink = HMAP_UNLINK_GO, .hash = recorded_hash};
	int err;

	memset(p, 0, sizeof(*p));
	/* Nothing is timed: no calibration. */
	clock_init(&p->clock, true);
	domain.clock = &p->clock;
	map.seed = (uint64_t)(uintptr_t)&p->hashes;
	err = recorded_init(&p->hashes, 1 << 16);
	if (!err)
		err = reclaim_create(&p->r, &domain, message, message_size);
	if (!err)
		p->t = reclaim_register(p->r, ROLE_MUTATOR);
	if (!err && !p->t)
		err = -ENOMEM;
	if (!err)
		err = hmap_create(&p->m, p->r, p->t, &map);
	return err;
}

static void replay_compare(struct replay *p, const struct golden_line *g,
			   struct verify_go_result *out)
{
	const uint64_t evacuated = hmap_n_old_evacuated(p->m);
	const uint64_t digest = hmap_layout_digest(p->m);
	struct hmap_state s;

	hmap_state(p->m, p->t, &s);
	if (s.b > out->max_b)
		out->max_b = s.b;
	out->n_growths = s.n_growths;
	out->n_same_size += g->same_size && s.is_growing && s.nevacuate <= 1;
	if (s.count == g->count && s.b == g->b && s.noverflow == g->noverflow &&
	    s.is_growing == g->growing && (s.is_growing && s.is_same_size) == g->same_size &&
	    s.nevacuate == g->nevacuate && evacuated == g->old_evacuated && digest == g->digest)
		return;
	snprintf(out->difference, sizeof(out->difference),
		 "operation %" PRIu64 ": count %" PRIu64 " (Go %" PRIu64
		 "), B %u (%u), noverflow %u (%u), growing "
		 "%d (%u), same-size %d (%u), nevacuate %" PRIu64 " (%" PRIu64
		 "), evacuated %" PRIu64 " (%" PRIu64 "), digest %s",
		 g->n, s.count, g->count, s.b, g->b, s.noverflow, g->noverflow, s.is_growing,
		 g->growing, s.is_same_size, g->same_size, s.nevacuate, g->nevacuate, evacuated,
		 g->old_evacuated, digest == g->digest ? "equal" : "different");
}

static int replay_line(struct replay *p, const struct golden_line *g, struct verify_go_result *out)
{
	if (recorded_put(&p->hashes, g->key, g->hash))
		return -ENOMEM;
	reclaim_enter(p->t);
	if (g->op == 'i') {
		if (hmap_insert(p->m, p->t, g->key, g->key) == HMAP_NO_MEMORY)
			return -ENOMEM;
	} else {
		hmap_delete(p->m, p->t, g->key);
	}
	reclaim_exit(p->t);
	reclaim_poll(p->t);
	out->n_operations++;
	if (!out->difference[0])
		replay_compare(p, g, out);
	if (!out->difference[0])
		out->n_agreed++;
	return 0;
}

int verify_go(const char *path, struct verify_go_result *out, char *message, size_t message_size)
{
	struct replay replay;
	uint64_t line = 0;
	char text[512];
	gzFile file;
	int err, zerr;

	memset(out, 0, sizeof(*out));
	file = gzopen(path, "rb");
	if (!file) {
		err = errno ? -errno : -ENOMEM;
		snprintf(message, message_size, "%s: %s", path, strerror(-err));
		return err;
	}
	err = replay_init(&replay, message, message_size);
	while (!err && gzgets(file, text, sizeof(text))) {
		struct golden_line g;

		line++;
		text[strcspn(text, "\r\n")] = '\0';
		if (text[0] == '#' || text[0] == '\0')
			continue;
		if (!golden_parse(text, &g)) {
			snprintf(message, message_size,
				 "%s:%" PRIu64
				 ": expected `n i|d key hash count B noverflow growing samesize "
				 "nevacuate oldEvacuated digest`, found \"%.60s\"",
				 path, line, text);
			err = -EINVAL;
		} else {
			err = replay_line(&replay, &g, out);
			if (err)
				snprintf(message, message_size, "%s:%" PRIu64 ": %s", path, line,
					 strerror(-err));
		}
	}
	if (!err) {
		const char *why = gzerror(file, &zerr);

		if (zerr != Z_OK && zerr != Z_STREAM_END) {
			snprintf(message, message_size, "%s: after line %" PRIu64 ": %s", path,
				 line, *why ? why : "truncated");
			err = -EINVAL;
		} else if (out->n_operations == 0) {
			snprintf(message, message_size, "%s: holds no operation", path);
			err = -EINVAL;
		}
	}
	replay_fini(&replay);
	gzclose(file);
	return err;
}
