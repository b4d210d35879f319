/* SPDX-License-Identifier: MIT */
/* evict.c - both policies on one list ordered by last access. */
#include "load/evict.h"

#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int evict_parse(const char *text, struct evict_policy *out, struct load_error *error)
{
	struct evict_policy p = {.kind = EVICT_NONE};
	char quoted[LOAD_QUOTE_BYTES];
	const char *number = NULL;

	if (strncmp(text, "lru:", 4) == 0) {
		p.kind = EVICT_LRU;
		number = text + 4;
	} else if (strncmp(text, "idle:", 5) == 0) {
		p.kind = EVICT_IDLE;
		number = text + 5;
	}
	/* Nodes are numbered in 32 bits. */
	if (!number || units_parse_count(number, &p.n) || p.n == 0 || p.n > UINT32_MAX / 2)
		return load_fail(error, EINVAL,
				 "%s is not an eviction policy; write lru:KEYS such as lru:10k, or "
				 "idle:ROWS such as idle:100k",
				 load_quote(quoted, text, strlen(text)));
	*out = p;
	return 0;
}

int evict_init(struct evict *e, const struct evict_policy *policy)
{
	*e = (struct evict){.policy = *policy, .n_nodes = 1, .n_nodes_max = 1024};
	e->nodes = calloc(e->n_nodes_max, sizeof(*e->nodes));
	return e->nodes ? 0 : -ENOMEM;
}

void evict_fini(struct evict *e)
{
	keytab_fini(&e->index);
	free(e->nodes);
	e->nodes = NULL;
}

static void evict_unlink(struct evict *e, uint32_t i)
{
	struct evict_node *node = &e->nodes[i];

	e->nodes[node->older].newer = node->newer;
	e->nodes[node->newer].older = node->older;
}

static void evict_link_newest(struct evict *e, uint32_t i)
{
	struct evict_node *head = &e->nodes[0];

	e->nodes[i].older = head->older;
	e->nodes[i].newer = 0;
	e->nodes[head->older].newer = i;
	head->older = i;
}

/* The number of an unused node; 0 when memory is exhausted. */
static uint32_t evict_take_node(struct evict *e)
{
	if (e->spare) {
		const uint32_t i = e->spare;

		e->spare = e->nodes[i].newer;
		return i;
	}
	if (e->n_nodes == e->n_nodes_max) {
		struct evict_node *more = realloc(e->nodes, 2 * e->n_nodes_max * sizeof(*e->nodes));

		if (!more || e->n_nodes_max > UINT32_MAX / 4) {
			e->nodes = more ? more : e->nodes;
			return 0;
		}
		e->nodes = more;
		e->n_nodes_max *= 2;
	}
	return (uint32_t)e->n_nodes++;
}

int evict_access(struct evict *e, uint64_t key, uint64_t row)
{
	uint64_t *number = keytab_put(&e->index, key);
	const bool is_held = number && *number;

	if (!number)
		return -ENOMEM;
	if (is_held) {
		evict_unlink(e, (uint32_t)*number);
	} else {
		*number = evict_take_node(e);
		if (!*number) {
			*number = UINT64_MAX; /* an entry without a value would break the table */
			return -ENOMEM;
		}
	}
	evict_link_newest(e, (uint32_t)*number);
	e->nodes[*number].key = key;
	e->nodes[*number].row = row;
	return is_held;
}

bool evict_next(struct evict *e, uint64_t row, uint64_t *key)
{
	const uint32_t oldest = e->nodes[0].newer;
	bool must_go = false;

	if (oldest == 0)
		return false;
	if (e->policy.kind == EVICT_LRU)
		must_go = e->index.n > e->policy.n;
	else if (e->policy.kind == EVICT_IDLE)
		must_go = row - e->nodes[oldest].row > e->policy.n;
	if (!must_go)
		return false;
	*key = e->nodes[oldest].key;
	evict_unlink(e, oldest);
	e->nodes[oldest].newer = e->spare;
	e->spare = oldest;
	keytab_remove(&e->index, keytab_find(&e->index, *key));
	return true;
}
