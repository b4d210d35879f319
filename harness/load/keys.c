/* SPDX-License-Identifier: MIT */
/* keys.c - distributions of keys. */
#include "load/keys.h"

#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_THETA_DEFAULT 0.99
#define KEYS_THETA_MAX 8.0 /* one key takes 99.6 % of all draws */
#define KEYS_WAVE_SHARE 8

static int keys_fail(struct load_error *error, const char *text)
{
	char quoted[LOAD_QUOTE_BYTES];

	return load_fail(
		error, EINVAL,
		"%s is not a distribution; write uniform, zipf=THETA (0 to 8), hot=F:P (shares "
		"of keys and operations, 0 to 1), fifo or waves=N",
		load_quote(quoted, text, strlen(text)));
}

static bool keys_parse_theta(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= 0 && *out <= KEYS_THETA_MAX;
}

/* "F:P". */
static bool keys_parse_hot(const char *text, struct keys_dist *out)
{
	char fraction[16];
	const size_t len = strcspn(text, ":");

	if (text[len] != ':' || len >= sizeof(fraction))
		return false;
	memcpy(fraction, text, len);
	fraction[len] = '\0';
	return units_parse_fraction(fraction, &out->hot_fraction) == 0 &&
	       units_parse_fraction(text + len + 1, &out->hot_share) == 0 &&
	       out->hot_fraction > 0 && out->hot_fraction <= 1 && out->hot_share >= 0 &&
	       out->hot_share <= 1;
}

int keys_parse_dist(const char *text, struct keys_dist *out, struct load_error *error)
{
	const size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : NULL;
	struct keys_dist d = {.theta = KEYS_THETA_DEFAULT, .hot_fraction = 0.1, .hot_share = 0.9};
	bool is_good = true;

	if (len == 7 && memcmp(text, "uniform", 7) == 0) {
		d.kind = KEYS_UNIFORM;
		is_good = !value;
	} else if (len == 4 && memcmp(text, "fifo", 4) == 0) {
		d.kind = KEYS_FIFO;
		is_good = !value;
	} else if (len == 4 && memcmp(text, "zipf", 4) == 0) {
		d.kind = KEYS_ZIPF;
		is_good = !value || keys_parse_theta(value, &d.theta);
	} else if (len == 3 && memcmp(text, "hot", 3) == 0) {
		d.kind = KEYS_HOT;
		is_good = !value || keys_parse_hot(value, &d);
	} else if (len == 5 && memcmp(text, "waves", 5) == 0) {
		d.kind = KEYS_WAVES;
		is_good = !value || (units_parse_count(value, &d.wave_keys) == 0 &&
				     d.wave_keys > 0 && d.wave_keys <= KEYS_MAX);
	} else {
		is_good = false;
	}
	if (!is_good)
		return keys_fail(error, text);
	*out = d;
	return 0;
}

void keys_init(struct keys *k, const struct keys_dist *dist, const struct mix *mix, uint64_t n_keys,
	       uint64_t seed)
{
	uint64_t state = seed;

	memset(k, 0, sizeof(*k));
	k->dist = *dist;
	k->n_keys = n_keys;
	k->n_universe = n_keys;
	if (mix->insert_pct && mix->delete_pct)
		k->n_universe =
			(n_keys * (mix->insert_pct + mix->delete_pct) + mix->insert_pct - 1) /
			mix->insert_pct;
	if (k->dist.wave_keys == 0)
		k->dist.wave_keys = n_keys / KEYS_WAVE_SHARE ? n_keys / KEYS_WAVE_SHARE : 1;
	k->n_hot = (uint64_t)(dist->hot_fraction * (double)k->n_universe);
	if (k->n_hot == 0)
		k->n_hot = 1;
	k->seed_mix = rng_splitmix64(&state);
	while ((k->n_universe - 1) >> (2 * k->permute_half_bits))
		k->permute_half_bits++;
	if (dist->kind == KEYS_ZIPF)
		zipf_init(&k->zipf, k->n_universe, dist->theta);
}

/* A seeded permutation of [0, n_universe): four rounds of a Feistel network over the next even
 * number of bits, walked until it falls into the range (less than four steps on average). */
static uint64_t keys_permute(const struct keys *k, uint64_t i)
{
	const unsigned bits = k->permute_half_bits;
	const uint64_t mask = (UINT64_C(1) << bits) - 1;

	do {
		uint64_t left = i >> bits;
		uint64_t right = i & mask;

		for (uint64_t round = 1; round <= 4; round++) {
			const uint64_t f = rng_mix64(right ^ k->seed_mix ^ (round << 48)) & mask;
			const uint64_t new_right = left ^ f;

			left = right;
			right = new_right;
		}
		i = (left << bits) | right;
	} while (i >= k->n_universe);
	return i;
}

uint64_t keys_prefill(const struct keys *k, uint64_t i, unsigned n_threads)
{
	if (keys_is_ordered(&k->dist))
		return keys_scatter(k, keys_ordered_id((unsigned)(i % n_threads), i / n_threads));
	return keys_scatter(k, keys_permute(k, i));
}
