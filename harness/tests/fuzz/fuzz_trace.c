/* SPDX-License-Identifier: MIT */
/* fuzz_trace.c - bytes as a trace in the format that the environment variable FUZZ_FORMAT names ("auto": told by
 * its content, and decompressed).  What is accepted must add up: operations counted are operations decoded, and
 * the closing deletes leave nothing live. */
#include "tests/fuzz/fuzz.h"

#include "load/trace.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct trace_options options;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_FORMAT");
	struct load_error error;

	(void)argc;
	(void)argv;
	if (trace_parse_format(name ? name : "auto", &options.format, &error)) {
		fprintf(stderr, "FUZZ_FORMAT: %s\n", error.text);
		exit(2);
	}
	options.max_ops = 1 << 18;
	return 0;
}

static void trace_add_up(const struct trace *t)
{
	const struct trace_stats *s = &t->stats;
	uint64_t n = 0;

	for (unsigned i = 0; i < OP_N_TYPES; i++)
		n += s->n_ops[i];
	FUZZ_CHECK(n == t->n_ops);
	FUZZ_CHECK(t->n_closing == s->n_live_end);
	FUZZ_CHECK(s->n_live_end <= s->n_distinct_keys && s->n_live_peak <= s->n_distinct_keys);
	for (size_t i = 0; i < t->n_ops + t->n_closing; i++) {
		FUZZ_CHECK(t->ops[i].type < OP_N_TYPES);
		FUZZ_CHECK(t->ops[i].tid < s->n_tids || t->ops[i].tid == 0);
		FUZZ_CHECK(t->ops[i].is_closing == (i >= t->n_ops));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct load_error error = {""};
	struct trace *t = NULL;
	void *copy;
	int err;

	options.evict = (struct evict_policy){.kind = EVICT_NONE};
	options.ttl_scale = 0;
	if (options.format == TRACE_U32LE) {
		if (size < 2)
			return 0;
		/* The first two bytes: which policy, and how much it holds. */
		options.evict.kind = data[0] & 1 ? EVICT_LRU : EVICT_IDLE;
		options.evict.n = 1 + data[1];
		data += 2;
		size -= 2;
	}
	copy = malloc(size + !size);
	FUZZ_CHECK(copy);
	memcpy(copy, data, size);
	err = trace_load_memory(&t, copy, size, "f", &options, &error);
	if (err)
		FUZZ_CHECK(!t && error.text[0]);
	else
		trace_add_up(t);
	trace_free(t);
	free(copy);
	return 0;
}
