/* SPDX-License-Identifier: MIT */
/* trace_csv.c - the own CSV: op,key,size,timestamp_ns; keys have no comma, quote or backslash. */
#include "load/trace_internal.h"

#include <errno.h>
#include <string.h>

const char trace_csv_header[] = "op,key,size,timestamp_ns";

/* A century: beyond this a time is damage, and ns and ticks stay far below 2^63. */
#define TRACE_CSV_MAX_NS (UINT64_C(3155760000) * 1000000000)

struct trace_csv_row {
	const char *fields[4];
	size_t lens[4];
	uint64_t
		first_ns; /* of the first row: times count from there, be they from a start or of a calendar */
	bool has_first;
};

bool trace_csv_is_header(const char *head, size_t len)
{
	const size_t n = sizeof(trace_csv_header) - 1;

	return len > n && memcmp(head, trace_csv_header, n) == 0 &&
	       (head[n] == '\n' || head[n] == '\r');
}

/* Cut at the commas; false when there are not exactly three. */
static bool trace_csv_split(const char *line, size_t len, struct trace_csv_row *row)
{
	for (int i = 0; i < 4; i++) {
		const char *comma = memchr(line, ',', len);
		const size_t n = comma ? (size_t)(comma - line) : len;

		if (!comma != (i == 3))
			return false;
		row->fields[i] = line;
		row->lens[i] = n;
		line += n + 1;
		len -= i < 3 ? n + 1 : n;
	}
	return true;
}

static const struct {
	char letter;
	enum op_type type;
	const char *name;
} trace_csv_ops[] = {
	[TRACE_CSV_INSERT] = {'I', OP_INSERT, "I"},
	[TRACE_CSV_DELETE] = {'D', OP_DELETE, "D"},
	[TRACE_CSV_UPDATE] = {'U', OP_UPDATE, "U"},
	[TRACE_CSV_GET] = {'G', OP_GET, "G"},
};
#define TRACE_CSV_N_OPS 4

static int trace_csv_op(struct trace_decoder *d, const struct trace_csv_row *row,
			struct trace_event *event)
{
	char quoted[LOAD_QUOTE_BYTES];

	for (int i = 0; i < TRACE_CSV_N_OPS; i++) {
		if (row->lens[0] != 1 || row->fields[0][0] != trace_csv_ops[i].letter)
			continue;
		event->type = trace_csv_ops[i].type;
		d->stats->kinds[i].n_rows++;
		d->stats->kinds[i].n_ops++;
		return 0;
	}
	return trace_bad_row(d, "op %s is not known; I, D, U or G was expected",
			     load_quote(quoted, row->fields[0], row->lens[0]));
}

static int trace_csv_row(struct trace_decoder *d, const char *line, size_t len,
			 struct trace_csv_row *row, struct trace_event *event)
{
	char quoted[LOAD_QUOTE_BYTES];
	uint64_t size_bytes, time_ns;

	if (!trace_csv_split(line, len, row))
		return trace_bad_row(d, "%s does not have 4 fields; %s was expected",
				     load_quote(quoted, line, len), trace_csv_header);
	if (row->lens[1] == 0)
		return trace_bad_row(d, "the key is empty; %s was expected", trace_csv_header);
	if (!trace_parse_u64(row->fields[2], row->lens[2], &size_bytes))
		return trace_bad_row(d, "size %s is not a number of bytes",
				     load_quote(quoted, row->fields[2], row->lens[2]));
	if (!trace_parse_u64(row->fields[3], row->lens[3], &time_ns))
		return trace_bad_row(d, "timestamp %s is not a number of ns",
				     load_quote(quoted, row->fields[3], row->lens[3]));
	if (!row->has_first)
		row->first_ns = time_ns;
	row->has_first = true;
	if (time_ns < row->first_ns + event->time)
		return trace_bad_row(d, "timestamp %s is below the one before; times must not fall",
				     load_quote(quoted, row->fields[3], row->lens[3]));
	event->time = time_ns - row->first_ns;
	if (event->time > TRACE_CSV_MAX_NS)
		return trace_bad_row(d, "timestamp %s is more than a century after the first row's",
				     load_quote(quoted, row->fields[3], row->lens[3]));
	event->size_bytes = trace_clip_u32(size_bytes);
	return trace_csv_op(d, row, event);
}

int trace_csv_decode(struct trace_decoder *d, trace_csv_key_fn *key_of, void *ctx)
{
	struct trace_event event = {0};
	struct trace_csv_row row = {.has_first = false};
	char quoted[LOAD_QUOTE_BYTES];
	char *line;
	size_t len;
	int rc = input_line(d->in, &line, &len, d->error);

	for (int i = 0; i < TRACE_CSV_N_OPS; i++)
		d->stats->kinds[i].name = trace_csv_ops[i].name;
	if (rc < 0)
		return rc;
	if (rc == 0 || strcmp(line, trace_csv_header) != 0)
		return trace_bad_row(d, "the header is %s; %s was expected",
				     rc ? load_quote(quoted, line, len) : "missing",
				     trace_csv_header);
	while ((rc = input_line(d->in, &line, &len, d->error)) > 0) {
		event.row = d->stats->n_rows;
		rc = trace_csv_row(d, line, len, &row, &event);
		if (!rc)
			rc = key_of(d, ctx, row.fields[1], row.lens[1], &event.key);
		if (!rc)
			rc = d->emit(d, &event);
		if (rc)
			return rc;
		d->stats->n_rows++;
	}
	return rc;
}

bool trace_csv_has_hex_keys(const char *head, size_t len)
{
	const char *end = head + len;
	const char *p = memchr(head, '\n', len);

	/* Only rows that lie in the head as a whole. */
	while (p && p + 1 < end && memchr(p + 1, '\n', (size_t)(end - p - 1))) {
		const char *eol = memchr(p + 1, '\n', (size_t)(end - p - 1));
		struct trace_csv_row row;
		uint64_t key;

		if (trace_csv_split(p + 1, (size_t)(eol - p - 1), &row) &&
		    !trace_parse_hex(row.fields[1], row.lens[1], &key))
			return false;
		p = eol;
	}
	return true;
}
