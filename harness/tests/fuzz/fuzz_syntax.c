/* SPDX-License-Identifier: MIT */
/* fuzz_syntax.c - bytes as the short texts of the command line: the first byte chooses which, the rest is the text.
 * What is refused leaves a text for the user; what is accepted lies within its documented bounds. */
#include "tests/fuzz/fuzz.h"

#include "load/evict.h"
#include "load/keys.h"
#include "load/mix.h"
#include "load/sched.h"
#include "load/stages.h"
#include "load/trace_replay.h"
#include "reclaim_internal.h"
#include "registry.h"
#include "run/matrix_list.h"
#include "units.h"

static void syntax_stages(const char *text)
{
	struct load_error error = {""};
	struct stages s;

	if (stages_parse(text, &s, &error)) {
		FUZZ_CHECK(error.text[0]);
		return;
	}
	FUZZ_CHECK(s.n >= 1 && s.n <= STAGES_MAX);
	for (size_t i = 0; i < s.n; i++) {
		FUZZ_CHECK(s.stage[i].duration_ns > 0);
		FUZZ_CHECK(strlen(s.stage[i].name) < STAGES_NAME_BYTES);
		FUZZ_CHECK(s.stage[i].rate_per_s == STAGES_RATE_CLOSED ||
			   s.stage[i].rate_per_s <= STAGES_RATE_MAX);
	}
	(void)stages_total_ns(&s);
}

static void syntax_units(const char *text)
{
	uint64_t n = 77;
	double f = 77;
	char buf[32];

	if (units_parse_count(text, &n))
		FUZZ_CHECK(n == 77);
	units_format_count(buf, sizeof(buf), (double)n);
	units_format_bytes(buf, sizeof(buf), (double)n);
	n = 77;
	if (units_parse_time(text, &n))
		FUZZ_CHECK(n == 77);
	units_format_ns(buf, sizeof(buf), (double)n);
	n = 77;
	if (units_parse_rate(text, &n))
		FUZZ_CHECK(n == 77);
	if (units_parse_fraction(text, &f))
		FUZZ_CHECK(f == 77);
	else
		FUZZ_CHECK(f >= 0 && f <= 1);
}

/* Options of a strategy, whose table gives type and bounds. */
static void syntax_options(const struct reclaim_ops *ops, const char *text)
{
	char message[256] = "";
	char *state = calloc(1, ops->state_bytes + !ops->state_bytes);

	FUZZ_CHECK(state);
	if (reclaim_options_parse(ops, text, state, message, sizeof(message)))
		FUZZ_CHECK(message[0]);
	free(state);
}

static void syntax_load(const char *text)
{
	struct load_error error = {""};
	struct mix mix;
	struct keys_dist dist;
	struct evict_policy evict;
	struct trace_pace pace;
	enum trace_format_id format;
	enum sched_arrival arrival;

	if (!mix_parse(text, &mix, &error))
		FUZZ_CHECK(mix.get_pct + mix.insert_pct + mix.delete_pct == 100);
	if (!evict_parse(text, &evict, &error))
		FUZZ_CHECK(evict.n > 0 || evict.kind == EVICT_NONE);
	if (keys_parse_dist(text, &dist, &error) | trace_parse_pace(text, &pace, &error) |
	    trace_parse_format(text, &format, &error))
		FUZZ_CHECK(error.text[0]);
	(void)sched_parse_arrival(text, &arrival);
}

static void syntax_list(const char *text)
{
	static const char *const keys[] = {"keys", "strategy", "stages", "warmup"};
	struct matrix_condition conditions[4];
	char error[512];
	size_t n;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct matrix_list list = {0};

		error[0] = '\0';
		if (matrix_list_parse(&list, keys[i], text, error, sizeof(error)))
			FUZZ_CHECK(error[0]);
		matrix_list_fini(&list);
	}
	error[0] = '\0';
	if (matrix_rule_parse(conditions, 4, &n, text, error, sizeof(error)))
		FUZZ_CHECK(error[0]);
	else
		for (size_t i = 0; i < n; i++)
			(void)matrix_condition_holds(&conditions[i], "2^16");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	switch (data[0]) {
	case 's':
		syntax_stages(text);
		break;
	case 'u':
		syntax_units(text);
		break;
	case 'l':
		syntax_load(text);
		break;
	case 'x':
		syntax_list(text);
		break;
	default:
		syntax_options(reclaim_strategies[data[0] % reclaim_n_strategies], text);
	}
	free(text);
	return 0;
}
