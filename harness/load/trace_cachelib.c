/* SPDX-License-Identifier: MIT */
/* trace_cachelib.c - the CSV of CacheLib's cachebench: columns by the header's names, in any order.
 *
 * Needed: key and op.  Used when there: op_time (s; else the row number is the clock), op_count
 * (repetitions of the row), size (bytes), ttl (s, of a set).  GET* is a get, SET* an insert, DELETE
 * a delete.  A set with a TTL schedules a delete at op_time + TTL; a later set replaces the
 * deadline, a delete cancels it.  What is due goes before the next row.  Rows merged from several
 * hosts may step back in time: the clock then stands still.
 */
#include "load/expiry.h"
#include "load/names.h"
#include "load/trace_internal.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_CACHELIB_NS_PER_S UINT64_C(1000000000)
/* A century: beyond this a time or TTL is damage, and sums of two stay below 2^63 ns. */
#define TRACE_CACHELIB_MAX_S UINT64_C(3155760000)
/* The largest op_count of the public traces is in the thousands. */
#define TRACE_CACHELIB_MAX_COUNT 1000000

enum trace_cachelib_column {
	TRACE_CACHELIB_KEY,
	TRACE_CACHELIB_OP,
	TRACE_CACHELIB_OP_TIME,
	TRACE_CACHELIB_OP_COUNT,
	TRACE_CACHELIB_SIZE,
	TRACE_CACHELIB_TTL,
	TRACE_CACHELIB_N_COLUMNS,
};

static const char *const trace_cachelib_columns[TRACE_CACHELIB_N_COLUMNS] = {
	"key", "op", "op_time", "op_count", "size", "ttl"};

static const struct {
	const char *name;
	enum op_type type;
} trace_cachelib_words[] = {
	{"GET", OP_GET},	  {"GET_LEASE", OP_GET}, {"SET", OP_INSERT},
	{"SET_LEASE", OP_INSERT}, {"DELETE", OP_DELETE},
};
#define TRACE_CACHELIB_N_WORDS (sizeof(trace_cachelib_words) / sizeof(trace_cachelib_words[0]))

#define TRACE_CACHELIB_LINE_MAX (INPUT_LINE_MAX + 1)

struct trace_cachelib {
	struct trace_decoder *d;
	struct csv_parser csv;
	struct names names;
	struct expiry expiry;
	double ttl_scale;
	/* Columns of the header: which known one the i-th is. */
	int columns[TRACE_CACHELIB_N_COLUMNS]; /* number of each known one, -1: absent */
	int n_header;
	/* The row being cut into fields. */
	int n_fields;
	bool is_row_end;
	char text[TRACE_CACHELIB_LINE_MAX]; /* the known fields, each ended by NUL */
	size_t n_text;
	const char *fields[TRACE_CACHELIB_N_COLUMNS];
	size_t lens[TRACE_CACHELIB_N_COLUMNS];
	/* The clock. */
	bool has_first;
	uint64_t first_s;
	struct trace_event event;
};

static bool trace_cachelib_looks_like(const char *name, const char *head, size_t len)
{
	const char *eol = memchr(head, '\n', len);
	const size_t n = eol ? (size_t)(eol - head) : len;

	(void)name;
	return !trace_csv_is_header(head, len) && !memchr(head, '\0', n) &&
	       (memmem(head, n, ",key,", 5) || (n > 4 && !memcmp(head, "key,", 4))) &&
	       (memmem(head, n, ",op,", 4) || (n > 3 && !memcmp(head, "op,", 3)));
}

static void trace_cachelib_field(void *data, size_t len, void *ctx)
{
	struct trace_cachelib *c = ctx;
	const int number = c->n_fields++;

	for (int i = 0; i < TRACE_CACHELIB_N_COLUMNS; i++) {
		const bool is_header = c->n_header == 0;

		if (is_header) {
			if (len == strlen(trace_cachelib_columns[i]) &&
			    memcmp(data, trace_cachelib_columns[i], len) == 0 && c->columns[i] < 0)
				c->columns[i] = number;
			continue;
		}
		if (c->columns[i] != number)
			continue;
		/* Fields and their NULs are together no longer than the line with its commas. */
		memcpy(c->text + c->n_text, data, len);
		c->text[c->n_text + len] = '\0';
		c->fields[i] = c->text + c->n_text;
		c->lens[i] = len;
		c->n_text += len + 1;
	}
}

static void trace_cachelib_row_end(int end, void *ctx)
{
	struct trace_cachelib *c = ctx;

	(void)end;
	c->is_row_end = true;
}

/* Cut a line into c->fields. */
static int trace_cachelib_cut(struct trace_cachelib *c, const char *line, size_t len)
{
	char quoted[LOAD_QUOTE_BYTES];

	c->n_fields = 0;
	c->n_text = 0;
	c->is_row_end = false;
	if (csv_parse(&c->csv, line, len, trace_cachelib_field, trace_cachelib_row_end, c) != len ||
	    csv_parse(&c->csv, "\n", 1, trace_cachelib_field, trace_cachelib_row_end, c) != 1 ||
	    !c->is_row_end)
		return trace_bad_row(c->d,
				     "%s is not a CSV record; fields apart by commas, quotes "
				     "doubled within quotes, one record a line, were expected",
				     load_quote(quoted, line, len));
	return 0;
}

static int trace_cachelib_header(struct trace_cachelib *c)
{
	char *line;
	size_t len;
	int rc = input_line(c->d->in, &line, &len, c->d->error);

	if (rc <= 0)
		return rc ? rc : trace_bad_row(c->d, "the header is missing");
	for (int i = 0; i < TRACE_CACHELIB_N_COLUMNS; i++)
		c->columns[i] = -1;
	rc = trace_cachelib_cut(c, line, len);
	if (rc)
		return rc;
	c->n_header = c->n_fields;
	if (c->columns[TRACE_CACHELIB_KEY] < 0 || c->columns[TRACE_CACHELIB_OP] < 0)
		return trace_bad_row(
			c->d,
			"the header has no column %s; a header such as "
			"op_time,key,key_size,op,op_count,size,cache_hits,ttl was expected",
			c->columns[TRACE_CACHELIB_KEY] < 0 ? "key" : "op");
	return 0;
}

/* A number's column, or its default where the file does not have the column. */
static int trace_cachelib_number(struct trace_cachelib *c, enum trace_cachelib_column column,
				 uint64_t deflt, uint64_t max, uint64_t *out)
{
	char quoted[LOAD_QUOTE_BYTES];

	if (c->columns[column] < 0) {
		*out = deflt;
		return 0;
	}
	if (!trace_parse_u64(c->fields[column], c->lens[column], out) || *out > max)
		return trace_bad_row(c->d, "%s is %s; a whole number up to %llu was expected",
				     trace_cachelib_columns[column],
				     load_quote(quoted, c->fields[column], c->lens[column]),
				     (unsigned long long)max);
	return 0;
}

static int trace_cachelib_word(struct trace_cachelib *c, size_t *word)
{
	const char *text = c->fields[TRACE_CACHELIB_OP];
	char quoted[LOAD_QUOTE_BYTES];

	for (*word = 0; *word < TRACE_CACHELIB_N_WORDS; ++*word)
		if (strcmp(text, trace_cachelib_words[*word].name) == 0)
			return 0;
	return trace_bad_row(c->d,
			     "op %s is not known; GET, GET_LEASE, SET, SET_LEASE or DELETE was "
			     "expected",
			     load_quote(quoted, text, c->lens[TRACE_CACHELIB_OP]));
}

/* Set the event's time, and do what is due until then. */
static int trace_cachelib_clock(struct trace_cachelib *c)
{
	uint64_t time_s;
	struct trace_event event = c->event;
	int rc = trace_cachelib_number(c, TRACE_CACHELIB_OP_TIME, 0, UINT64_MAX / 2, &time_s);

	if (rc)
		return rc;
	c->event.row = c->d->stats->n_rows;
	if (c->columns[TRACE_CACHELIB_OP_TIME] < 0) {
		c->event.time = c->event.row;
		return 0;
	}
	if (!c->has_first) {
		c->first_s = time_s;
		c->has_first = true;
	}
	if (time_s > c->first_s && time_s - c->first_s > TRACE_CACHELIB_MAX_S)
		return trace_bad_row(c->d,
				     "op_time %llu is more than a century after the first row's",
				     (unsigned long long)time_s);
	const uint64_t time =
		time_s > c->first_s ? (time_s - c->first_s) * TRACE_CACHELIB_NS_PER_S : 0;

	if (time > c->event.time)
		c->event.time = time;
	event.type = OP_DELETE;
	event.size_bytes = 0;
	event.row = c->event.row;
	while (!rc && expiry_next(&c->expiry, c->event.time, &event.key, &event.time)) {
		c->d->stats->n_expired++;
		rc = c->d->emit(c->d, &event);
	}
	return rc;
}

static int trace_cachelib_deadline(struct trace_cachelib *c)
{
	uint64_t ttl_s;
	const int rc =
		trace_cachelib_number(c, TRACE_CACHELIB_TTL, 0, TRACE_CACHELIB_MAX_S, &ttl_s);

	if (rc || c->event.type == OP_GET)
		return rc;
	if (c->event.type == OP_DELETE || ttl_s == 0) {
		expiry_cancel(&c->expiry, c->event.key);
		return 0;
	}
	if (c->columns[TRACE_CACHELIB_OP_TIME] < 0)
		return trace_bad_row(c->d,
				     "a ttl without a column op_time cannot be scheduled; add "
				     "the column, or leave ttl out");
	const double ttl_ns = (double)ttl_s * c->ttl_scale * (double)TRACE_CACHELIB_NS_PER_S;
	const uint64_t deadline =
		c->event.time + (ttl_ns < 0x1p62 ? (uint64_t)ttl_ns : UINT64_C(1) << 62);

	return expiry_set(&c->expiry, c->event.key, deadline) ? trace_no_memory(c->d) : 0;
}

static int trace_cachelib_row(struct trace_cachelib *c, const char *line, size_t len)
{
	struct trace_stats *stats = c->d->stats;
	uint64_t count;
	uint64_t size_bytes;
	size_t word;
	int rc = trace_cachelib_cut(c, line, len);

	if (rc)
		return rc;
	if (c->n_fields != c->n_header)
		return trace_bad_row(c->d, "%d fields; %d were expected, as in the header",
				     c->n_fields, c->n_header);
	if ((rc = trace_cachelib_word(c, &word)) || (rc = trace_cachelib_clock(c)) ||
	    (rc = trace_cachelib_number(c, TRACE_CACHELIB_OP_COUNT, 1, TRACE_CACHELIB_MAX_COUNT,
					&count)) ||
	    (rc = trace_cachelib_number(c, TRACE_CACHELIB_SIZE, 0, UINT64_MAX, &size_bytes)))
		return rc;
	if (names_key(&c->names, c->fields[TRACE_CACHELIB_KEY], c->lens[TRACE_CACHELIB_KEY],
		      &c->event.key))
		return trace_no_memory(c->d);
	c->event.type = trace_cachelib_words[word].type;
	c->event.size_bytes = trace_clip_u32(size_bytes);
	for (uint64_t i = 0; i < count && !rc; i++)
		rc = c->d->emit(c->d, &c->event);
	if (!rc)
		rc = trace_cachelib_deadline(c);
	stats->kinds[word].n_rows++;
	stats->kinds[word].n_ops += count;
	stats->n_rows++;
	return rc;
}

static int trace_cachelib_rows(struct trace_cachelib *c)
{
	char *line;
	size_t len;
	int rc = trace_cachelib_header(c);

	while (!rc && (rc = input_line(c->d->in, &line, &len, c->d->error)) > 0)
		rc = trace_cachelib_row(c, line, len);
	return rc;
}

static int trace_cachelib_decode(struct trace_decoder *d, enum trace_clock *clock)
{
	struct trace_cachelib *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return trace_no_memory(d);
	c->d = d;
	c->ttl_scale = d->options->ttl_scale > 0 ? d->options->ttl_scale : 1;
	names_init(&c->names, d->options->hash_string);
	for (size_t i = 0; i < TRACE_CACHELIB_N_WORDS; i++)
		d->stats->kinds[i].name = trace_cachelib_words[i].name;
	if (csv_init(&c->csv, CSV_STRICT | CSV_STRICT_FINI)) {
		rc = trace_no_memory(d);
	} else {
		rc = trace_cachelib_rows(c);
		csv_free(&c->csv);
	}
	*clock = c->columns[TRACE_CACHELIB_OP_TIME] < 0 ? TRACE_CLOCK_ROWS : TRACE_CLOCK_NS;
	d->stats->n_collisions = c->names.n_collisions;
	names_fini(&c->names);
	expiry_fini(&c->expiry);
	free(c);
	return rc;
}

const struct trace_format trace_format_cachelib = {
	.name = "cachelib",
	.looks_like = trace_cachelib_looks_like,
	.decode = trace_cachelib_decode,
};
