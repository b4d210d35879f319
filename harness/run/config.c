/* SPDX-License-Identifier: MIT */
/* config.c - the options of `reclaimbench run`. */
#include "run/config.h"

#define XXH_INLINE_ALL
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "registry.h"
#include "run/memory.h"
#include "units.h"

/* Of --sample-every when it is not given, as text and as a number. */
#define SAMPLE_EVERY "10ms"
#define SAMPLE_EVERY_NS 10000000u

const struct cli_option run_options[] = {
	{"strategy", "S[:opt=v,..]", "sweepgen",
	 "strategy and its options; `reclaimbench list` shows both"},
	{"threads", "N", "1", "mutators"},
	{"readers", "N", "0", "threads that only get, without pause, beside the mutators"},
	{"keys", "N", "2^16", "entries the map holds in the steady state"},
	{"mix", "G/I/D", "50/25/25", "shares of get, insert and delete in percent"},
	{"dist", "D", "uniform", "keys: uniform, zipf[=THETA], hot[=F:P], fifo, waves[=N]"},
	{"value-bytes", "N|trace", "64",
	 "payload per entry in bytes; 0: plain 64-bit values; trace: the sizes recorded in "
	 "--trace"},
	{"garbage-bytes", "N", "4096", "bytes allocated and dropped beside the map per operation"},
	{"stages", "RATE:TIME,..", "1k:5s,5k:5s,10k:5s,max:5s",
	 "offered operations per second and time (a trace: max:5s); faults: :stall=10ms, "
	 ":stall=forever, "
	 ":churn=N"},
	{"warmup", "TIME", "1s", "time at the first stage's rate before it, not reported"},
	{"steady", "PNN:LIMIT", NULL,
	 "end a stage when this percentile of its response times (p50, p90, p99, p999) has changed "
	 "by "
	 "at most LIMIT over its later half, known to within LIMIT, as p99:2%; the stage's own "
	 "time is "
	 "the time-out"},
	{"arrival", "poisson|constant", "poisson", "arrivals of the open-loop stages"},
	{"unlink", "go|empty", "empty",
	 "whether emptied overflow buckets stay, as in Go, or are unlinked and retired"},
	{"alloc", "span|malloc|jemalloc|mimalloc", "span",
	 "the heap: spans of its own, malloc(), or malloc() of a library that is preloaded"},
	{"huge-pages", NULL, NULL, "ask for huge pages for the heap"},
	{"pin", "none|cores|LIST", "none",
	 "pin workers: to the allowed processors in turn, or to those listed (0,2,4)"},
	{"trace", "FILE", NULL, "replay a recorded trace instead of generated operations"},
	{"trace-format", "FORMAT", NULL, "its format, when the file does not tell"},
	{"trace-pace", "max|Nx|RATE", "max",
	 "how stages `max` replay it: flat out, by its recorded times, or at a rate"},
	{"evict", "POLICY", NULL, "cache-key traces: lru:N or idle:N"},
	{"events", "A,B,..", NULL, "hardware and software events to count"},
	{"tracking", "on|off", "on", "stamp retired objects and record their lifetimes"},
	{"sample", "N", "1", "stamp one retired object in N"},
	{"tracking-cost", "on|off", "on",
	 "measure the cost of tracking: the cell with it on and off, in turns"},
	{"sample-every", "TIME", SAMPLE_EVERY, "distance of the timeline's samples"},
	{"audit", NULL, NULL, "poison what is freed and check every object's way (slow)"},
	{"gc-log", NULL, NULL, "print a line per collection cycle"},
	{"trace-json", NULL, NULL,
	 "write DIR/trace.json for Perfetto: cycle phases, what each thread did for the collector, "
	 "deletes, frees, bytes (of several repetitions, the last)"},
	{"seed", "N", "1", "of all random numbers"},
	{"reps", "N", "1", "repetitions, each a fresh process"},
	{"rep", "N", NULL, "number of this repetition, for the rows"},
	CLI_OPTION_QUIET,
	{"scenario", "NAME", "run", "for the rows"},
	{"run-id", "ID", NULL, "for the rows; default: made from time and process"},
	{"cell-id", "ID", NULL, "for the rows; default: a hash of the load and the strategy"},
	{"out", "DIR", "reclaimbench-out",
	 "where run.csv, timeline.csv, histograms.csv and env.json go; rows are appended"},
	{NULL, NULL, NULL, NULL},
};

/* ---------------------------------------------------------------- strategy */

static int config_unknown_strategy(const char *name)
{
	for (size_t i = 0; reclaim_strategies_absent[i].name; i++) {
		if (strcmp(name, reclaim_strategies_absent[i].name) != 0)
			continue;
		cli_error("--strategy=%s is not in this build: install %s and build again", name,
			  reclaim_strategies_absent[i].package);
		return EXIT_USAGE;
	}
	const char *names[256];
	size_t n = 0;

	while (n < 256 && reclaim_strategies[n] != NULL) {
		names[n] = reclaim_strategies[n]->name;
		n++;
	}
	const char *nearest = cli_nearest(name, names, n);

	if (strchr(name, ',') != NULL)
		cli_error(
			"--strategy=%s: one strategy a run; `reclaimbench matrix` compares several",
			name);
	else if (nearest != NULL)
		cli_error("--strategy=%s is unknown; did you mean %s?", name, nearest);
	else
		cli_error("--strategy=%s is unknown; `reclaimbench list` names them all", name);
	return EXIT_USAGE;
}

static int config_strategy(struct run_config *c, const struct cli_args *args)
{
	const char *text = cli_get(args, "strategy");
	const char *colon = strchr(text, ':');
	char *name = colon != NULL ? strndup(text, (size_t)(colon - text)) : strdup(text);

	c->strategy_options = strdup(colon != NULL ? colon + 1 : "");
	if (name == NULL || c->strategy_options == NULL) {
		free(name);
		cli_error("out of memory");
		return EXIT_USAGE;
	}
	c->ops = reclaim_strategy_find(name);
	const int code = c->ops != NULL ? 0 : config_unknown_strategy(name);

	free(name);
	return code;
}

/* ---------------------------------------------------------------- load */

static int config_load_error(const char *option, const char *text, const struct load_error *error)
{
	cli_error("--%s=%s: %s", option, text, error->text);
	return EXIT_USAGE;
}

static int config_load(struct run_config *c, const struct cli_args *args)
{
	struct load_error error = {""};

	c->mix_text = cli_get(args, "mix");
	c->dist_text = cli_get(args, "dist");
	c->stages_text = cli_get(args, "stages");
	if (cli_given(args, "trace") != NULL && cli_given(args, "stages") == NULL)
		c->stages_text = "max:5s";
	c->arrival_text = cli_get(args, "arrival");
	if (mix_parse(c->mix_text, &c->mix, &error) != 0)
		return config_load_error("mix", c->mix_text, &error);
	if (keys_parse_dist(c->dist_text, &c->dist, &error) != 0)
		return config_load_error("dist", c->dist_text, &error);
	if (stages_parse(c->stages_text, &c->stages, &error) != 0)
		return config_load_error("stages", c->stages_text, &error);
	if (sched_parse_arrival(c->arrival_text, &c->arrival) != 0) {
		cli_error("--arrival=%s is unknown; it must be poisson or constant",
			  c->arrival_text);
		return EXIT_USAGE;
	}
	return 0;
}

static int config_value_bytes(struct run_config *c, const struct cli_args *args)
{
	uint64_t value_bytes = RUN_MIN_VALUE_BYTES, garbage_bytes;
	int code = 0;

	c->is_value_traced = strcmp(cli_get(args, "value-bytes"), "trace") == 0;
	if (c->is_value_traced && cli_given(args, "trace") == NULL) {
		cli_error("--value-bytes=trace needs --trace=FILE");
		return EXIT_USAGE;
	}
	if (!c->is_value_traced)
		code = cli_get_count(args, "value-bytes", 0, RUN_MAX_VALUE_BYTES, &value_bytes);
	if (code != 0)
		return code;
	if (value_bytes > 0 && value_bytes < RUN_MIN_VALUE_BYTES) {
		cli_error("--value-bytes=%" PRIu64
			  " is out of range; it must be 0 (plain values) or "
			  "at least 8",
			  value_bytes);
		return EXIT_USAGE;
	}
	code = cli_get_count(args, "garbage-bytes", 0, RUN_MAX_VALUE_BYTES, &garbage_bytes);
	c->value_bytes = value_bytes;
	c->garbage_bytes = garbage_bytes;
	if (code == 0 && garbage_bytes > 0 && garbage_bytes < 8) {
		cli_error("--garbage-bytes=%" PRIu64 " is out of range; it must be 0 (none) or at "
			  "least 8",
			  garbage_bytes);
		return EXIT_USAGE;
	}
	return code;
}

/* ---------------------------------------------------------------- the rest */

/* "0,2,4-7": processors. */
static int config_pin_list(struct run_config *c, const char *text)
{
	const char *at = text;

	while (*at != '\0') {
		char *end;
		unsigned long first, last;

		/* strtoul() would wrap a sign around, and what is too large is ULONG_MAX. */
		if (!isdigit((unsigned char)*at))
			goto bad;
		first = strtoul(at, &end, 10);
		last = first;
		if (*end == '-') {
			at = end + 1;
			if (!isdigit((unsigned char)*at))
				goto bad;
			last = strtoul(at, &end, 10);
			if (last < first)
				goto bad;
		}
		for (; first <= last; first++) {
			if (c->n_pin_cpus == RUN_MAX_THREADS || last >= 1u << 16)
				goto bad;
			c->pin_cpus[c->n_pin_cpus++] = (unsigned)first;
		}
		if (*end != '\0' && *end != ',')
			goto bad;
		at = *end == ',' ? end + 1 : end;
	}
	if (c->n_pin_cpus > 0)
		return 0;
bad:
	cli_error("--pin=%s is unknown; it must be none, cores, or processors like 0,2,4-7", text);
	return EXIT_USAGE;
}

static int config_pin(struct run_config *c, const struct cli_args *args)
{
	const char *text = cli_get(args, "pin");

	c->pin_text = text;
	if (strcmp(text, "none") == 0)
		c->pin = RUN_PIN_NONE;
	else if (strcmp(text, "cores") == 0)
		c->pin = RUN_PIN_CORES;
	else
		c->pin = RUN_PIN_LIST;
	return c->pin == RUN_PIN_LIST ? config_pin_list(c, text) : 0;
}

static int config_counts(struct run_config *c, const struct cli_args *args)
{
	uint64_t threads, readers, reps, rep = 1, sample;

	if (cli_get_count(args, "threads", 1, RUN_MAX_THREADS, &threads) != 0 ||
	    cli_get_count(args, "readers", 0, RUN_MAX_THREADS, &readers) != 0 ||
	    cli_get_count(args, "keys", 1, KEYS_MAX, &c->n_keys) != 0 ||
	    cli_get_count(args, "seed", 0, UINT64_MAX, &c->seed) != 0 ||
	    cli_get_count(args, "reps", 1, 1000, &reps) != 0 ||
	    cli_get_count(args, "rep", 1, 1000000, &rep) != 0 ||
	    cli_get_count(args, "sample", 1, UINT32_MAX, &sample) != 0)
		return EXIT_USAGE;
	c->n_threads = (unsigned)threads;
	c->n_readers = (unsigned)readers;
	if (reps > 1 && cli_given(args, "rep") != NULL) {
		cli_error("--rep names one repetition, --reps runs several; give one of them");
		return EXIT_USAGE;
	}
	c->n_reps = (unsigned)reps;
	c->rep = (unsigned)rep;
	c->sample_1_in = (uint32_t)sample;
	return 0;
}

static int config_times(struct run_config *c, const struct cli_args *args)
{
	const uint64_t hour_ns = UINT64_C(3600000000000);

	if (cli_get_time_ns(args, "warmup", 0, hour_ns, &c->warmup_ns) != 0 ||
	    cli_get_time_ns(args, "sample-every", 1000000, hour_ns, &c->sample_every_ns) != 0)
		return EXIT_USAGE;
	c->steady_text = cli_given(args, "steady");
	if (c->steady_text == NULL || steady_parse(c->steady_text, &c->steady) == 0)
		return 0;
	cli_error("--steady=%s is not understood; write p50, p90, p99 or p999 and a limit above 0, "
		  "such "
		  "as p99:2%%",
		  c->steady_text);
	return EXIT_USAGE;
}

static int config_switch(const struct cli_args *args, const char *name, bool *out)
{
	size_t choice = 0;
	const int code = cli_get_choice(args, name, &choice);

	*out = choice == 0; /* "on|off" */
	return code;
}

static int config_choices(struct run_config *c, const struct cli_args *args)
{
	size_t unlink = 0, alloc = 0;

	if (cli_get_choice(args, "unlink", &unlink) != 0 ||
	    cli_get_choice(args, "alloc", &alloc) != 0 ||
	    config_switch(args, "tracking", &c->tracking) != 0 ||
	    config_switch(args, "tracking-cost", &c->tracking_cost) != 0)
		return EXIT_USAGE;
	c->unlink = unlink == 0 ? HMAP_UNLINK_GO : HMAP_UNLINK_EMPTY;
	c->alloc = alloc == 0 ? HEAP_SPAN : HEAP_MALLOC;
	c->unlink_text = cli_get(args, "unlink");
	c->alloc_text = cli_get(args, "alloc");
	c->audit = cli_given(args, "audit") != NULL;
	c->gc_log = cli_given(args, "gc-log") != NULL;
	c->quiet = cli_given(args, "quiet") != NULL;
	c->trace_json = cli_given(args, "trace-json") != NULL;
	c->huge_pages = cli_given(args, "huge-pages") != NULL;
	c->tracking_cost = c->tracking_cost && c->tracking;
	return 0;
}

static int config_trace(struct run_config *c, const struct cli_args *args)
{
	static const char *const only_with_trace[] = {"trace-format", "trace-pace", "evict"};

	struct load_error error = {""};

	c->trace_path = cli_given(args, "trace");
	c->trace_format = cli_get(args, "trace-format");
	c->trace_pace = cli_get(args, "trace-pace");
	c->evict_text = cli_get(args, "evict");
	for (size_t i = 0; c->trace_path == NULL && i < 3; i++) {
		if (cli_given(args, only_with_trace[i]) == NULL)
			continue;
		cli_error("--%s needs --trace=FILE", only_with_trace[i]);
		return EXIT_USAGE;
	}
	if (c->trace_format != NULL &&
	    trace_parse_format(c->trace_format, &c->trace_options.format, &error) != 0)
		return config_load_error("trace-format", c->trace_format, &error);
	if (c->evict_text != NULL &&
	    evict_parse(c->evict_text, &c->trace_options.evict, &error) != 0)
		return config_load_error("evict", c->evict_text, &error);
	if (trace_parse_pace(c->trace_pace, &c->pace, &error) != 0)
		return config_load_error("trace-pace", c->trace_pace, &error);
	return 0;
}

unsigned run_config_n_workers(const struct run_config *c)
{
	bool has_stall = false;

	for (size_t i = 0; i < c->stages.n; i++)
		has_stall |= c->stages.stage[i].stall_ns != 0;
	return c->n_threads + c->n_readers + has_stall;
}

/* The strategy's options, the heap it needs, and its threads: the workers, who makes the map, and
 * the collector. */
static int config_check_strategy(const struct run_config *c)
{
	const unsigned n_collectors = (c->ops->flags & BACKGROUND) != 0;
	const struct reclaim_config rc = {.ops = c->ops,
					  .options = c->strategy_options,
					  .heap = {.kind = c->alloc},
					  .max_threads =
						  run_config_n_workers(c) + 1 + n_collectors};
	char message[512];

	if (reclaim_check(&rc, message, sizeof(message)) == 0)
		return 0;
	cli_error("%s", message);
	return EXIT_USAGE;
}

int run_config_parse(struct run_config *c, const struct cli_args *args)
{
	memset(c, 0, sizeof(*c));
	c->out_dir = cli_get(args, "out");
	c->scenario = cli_get(args, "scenario");
	c->run_id = cli_get(args, "run-id");
	c->cell_id = cli_get(args, "cell-id");
	c->events_text = cli_get(args, "events");
	if (config_strategy(c, args) != 0 || config_load(c, args) != 0 ||
	    config_counts(c, args) != 0 || config_value_bytes(c, args) != 0 ||
	    config_times(c, args) != 0 || config_choices(c, args) != 0 ||
	    config_pin(c, args) != 0 || config_trace(c, args) != 0 || config_check_strategy(c) != 0)
		return EXIT_USAGE;
	/* A trace brings keys of its own. */
	return c->trace_path ? 0 : run_check_memory("keys", c->n_keys, c->value_bytes);
}

void run_config_fini(struct run_config *c)
{
	free(c->strategy_options);
	c->strategy_options = NULL;
}

/* ---------------------------------------------------------------- the cell's id */

static void id_texts(XXH3_state_t *state, const char *const *texts)
{
	for (; *texts != NULL; texts++)
		XXH3_64bits_update(state, *texts, strlen(*texts));
}

static void id_numbers(XXH3_state_t *state, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void id_numbers(XXH3_state_t *state, const char *fmt, ...)
{
	char text[128]; /* five numbers */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	XXH3_64bits_update(state, text, strlen(text));
}

/* What came to be part of the id later, or is a cell's only now and then: where it is not given the id is what it was,
 * so that results compare with older ones. */
static void id_options(XXH3_state_t *state, const struct run_config *c)
{
	const struct {
		bool is_there;
		const char *name, *text;
	} options[] = {
		{c->is_value_traced, "|sizes", ""},
		{c->steady_text != NULL, "|steady=", c->steady_text},
		{c->pin != RUN_PIN_NONE, "|pin=", c->pin_text},
		{c->events_text != NULL, "|events=", c->events_text},
		{c->gc_log, "|gc-log", ""},
		{c->trace_json, "|trace-json", ""},
		{c->tracking && !c->tracking_cost, "|tracking-cost=off", ""},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].is_there)
			id_texts(state,
				 (const char *const[]){options[i].name, options[i].text, NULL});
	if (c->sample_every_ns != SAMPLE_EVERY_NS)
		id_numbers(state, "|sample-every=%" PRIu64, c->sample_every_ns);
}

void run_config_cell_id(const struct run_config *c, char id[17])
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	id_texts(&state, (const char *const[]){c->ops->name, "|", c->strategy_options, "|",
					       c->scenario, NULL});
	id_numbers(&state, "|%u|%u|%" PRIu64 "|", c->n_threads, c->n_readers, c->n_keys);
	id_texts(&state, (const char *const[]){c->mix_text, "|", c->dist_text, NULL});
	id_numbers(&state, "|%zu|%zu|", c->value_bytes, c->garbage_bytes);
	id_texts(&state, (const char *const[]){c->stages_text, NULL});
	id_numbers(&state, "|%" PRIu64 "|", c->warmup_ns);
	id_texts(&state, (const char *const[]){c->arrival_text, "|", c->unlink_text, "|",
					       c->alloc_text, NULL});
	id_numbers(&state, "|%u|%d%d%d|", c->sample_1_in, c->tracking, c->audit, c->huge_pages);
	if (c->trace_path)
		id_texts(&state,
			 (const char *const[]){c->trace_path, "|", c->trace_pace, "|",
					       c->evict_text ? c->evict_text : "", "|",
					       c->trace_format ? c->trace_format : "", NULL});
	else
		id_texts(&state, (const char *const[]){"|||", NULL});
	id_options(&state, c);
	snprintf(id, 17, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(&state));
}

struct report_cell run_config_columns(const struct run_config *c)
{
	/* A trace brings keys and operations of its own. */
	const bool is_drawn = c->trace_path == NULL;

	return (struct report_cell){
		.strategy = c->ops->name,
		.options = c->strategy_options,
		.scenario = c->scenario,
		.threads = c->n_threads,
		.keys = c->n_keys,
		.mix = is_drawn ? c->mix_text : NULL,
		.dist = is_drawn ? c->dist_text : NULL,
		.value_bytes = c->value_bytes,
		.garbage_bytes = c->garbage_bytes,
		.unlink = c->unlink_text,
		.alloc = c->alloc_text,
		.arrival = c->arrival_text,
		.trace = c->trace_path,
		.seed = c->seed,
		.rep = c->rep,
	};
}
