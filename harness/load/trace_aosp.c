/* SPDX-License-Identifier: MIT */
/* trace_aosp.c - the text of AOSP's memory_replay:
 *
 *     TID: malloc PTR SIZE        TID: realloc NEW_PTR OLD_PTR SIZE
 *     TID: calloc PTR NMEMB SIZE  TID: free PTR
 *     TID: memalign PTR ALIGNMENT SIZE
 *     TID: thread_done 0x0
 *
 * The null pointer is 0x0: nothing was allocated, or freed.  No times: the row number is the clock.
 */
#include "load/keytab.h"
#include "load/trace_internal.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_AOSP_MAX_ARGS 3

enum trace_aosp_word {
	TRACE_AOSP_MALLOC,
	TRACE_AOSP_CALLOC,
	TRACE_AOSP_MEMALIGN,
	TRACE_AOSP_REALLOC,
	TRACE_AOSP_FREE,
	TRACE_AOSP_THREAD_DONE,
	TRACE_AOSP_N_WORDS,
};

/* 'p' pointer, 'n' number. */
static const struct {
	const char *name;
	const char *args;
} trace_aosp_words[TRACE_AOSP_N_WORDS] = {
	[TRACE_AOSP_MALLOC] = {"malloc", "pn"},
	[TRACE_AOSP_CALLOC] = {"calloc", "pnn"},
	[TRACE_AOSP_MEMALIGN] = {"memalign", "pnn"},
	[TRACE_AOSP_REALLOC] = {"realloc", "ppn"},
	[TRACE_AOSP_FREE] = {"free", "p"},
	[TRACE_AOSP_THREAD_DONE] = {"thread_done", "p"},
};

struct trace_aosp_row {
	enum trace_aosp_word word;
	uint64_t tid;
	uint64_t args[TRACE_AOSP_MAX_ARGS];
};

static bool trace_aosp_looks_like(const char *name, const char *head, size_t len)
{
	size_t i = 0;

	(void)name;
	while (i < len && head[i] >= '0' && head[i] <= '9')
		i++;
	if (i == 0 || i + 3 > len || head[i] != ':' || head[i + 1] != ' ')
		return false;
	return head[i + 2] >= 'a' && head[i + 2] <= 'z';
}

/* The next field, fields being apart by blanks; its length is 0 at the end of the line. */
static const char *trace_aosp_field(const char **p, size_t *len)
{
	const char *field = *p + strspn(*p, " \t");

	*len = strcspn(field, " \t");
	*p = field + *len;
	return field;
}

static bool trace_aosp_arg(char type, const char *text, size_t len, uint64_t *out)
{
	if (type == 'n')
		return trace_parse_u64(text, len, out);
	return len > 2 && text[0] == '0' && text[1] == 'x' &&
	       trace_parse_hex(text + 2, len - 2, out);
}

static int trace_aosp_parse_args(struct trace_decoder *d, const char *p, struct trace_aosp_row *row)
{
	const char *types = trace_aosp_words[row->word].args;
	char quoted[LOAD_QUOTE_BYTES];
	const char *field;
	size_t len;

	for (size_t i = 0; types[i]; i++) {
		field = trace_aosp_field(&p, &len);
		if (!trace_aosp_arg(types[i], field, len, &row->args[i]))
			return trace_bad_row(d, "field %zu of %s is %s; %s was expected", i + 1,
					     trace_aosp_words[row->word].name,
					     load_quote(quoted, field, len),
					     types[i] == 'n' ? "a decimal number"
							     : "a pointer such as 0xb6027400");
	}
	field = trace_aosp_field(&p, &len);
	if (len)
		return trace_bad_row(d, "%s after the last field of %s; nothing more was expected",
				     load_quote(quoted, field, len),
				     trace_aosp_words[row->word].name);
	return 0;
}

static int trace_aosp_parse(struct trace_decoder *d, const char *line, size_t line_len,
			    struct trace_aosp_row *row)
{
	char quoted[LOAD_QUOTE_BYTES];
	const char *p = line;
	size_t len;
	const char *field = trace_aosp_field(&p, &len);

	if (len < 2 || field[len - 1] != ':' || !trace_parse_u64(field, len - 1, &row->tid))
		return trace_bad_row(d,
				     "%s does not begin with a thread; \"TID: malloc PTR SIZE\" "
				     "or the like was expected",
				     load_quote(quoted, line, line_len));
	field = trace_aosp_field(&p, &len);
	for (int i = 0; i < TRACE_AOSP_N_WORDS; i++) {
		if (strlen(trace_aosp_words[i].name) != len ||
		    memcmp(field, trace_aosp_words[i].name, len) != 0)
			continue;
		row->word = (enum trace_aosp_word)i;
		return trace_aosp_parse_args(d, p, row);
	}
	return trace_bad_row(d,
			     "%s is not known; malloc, calloc, memalign, realloc, free or "
			     "thread_done was expected",
			     load_quote(quoted, field, len));
}

static int trace_aosp_op(struct trace_decoder *d, struct trace_event *event, enum op_type type,
			 uint64_t key, uint64_t size_bytes)
{
	event->type = type;
	event->key = key;
	event->size_bytes = trace_clip_u32(size_bytes);
	return d->emit(d, event);
}

static int trace_aosp_realloc(struct trace_decoder *d, struct trace_event *event,
			      const struct trace_aosp_row *row)
{
	const uint64_t to = row->args[0];
	const uint64_t from = row->args[1];
	int err = 0;

	if (to == from && to)
		return trace_aosp_op(d, event, OP_UPDATE, to, row->args[2]);
	/* realloc(p, 0) may free p and return null; a failed one (null, size > 0) leaves p alone.
	 */
	if (from && (to || row->args[2] == 0))
		err = trace_aosp_op(d, event, OP_DELETE, from, 0);
	if (!err && to)
		err = trace_aosp_op(d, event, OP_INSERT, to, row->args[2]);
	return err;
}

static int trace_aosp_emit(struct trace_decoder *d, struct trace_event *event,
			   const struct trace_aosp_row *row)
{
	uint64_t product;

	switch (row->word) {
	case TRACE_AOSP_REALLOC:
		return trace_aosp_realloc(d, event, row);
	case TRACE_AOSP_FREE:
		if (row->args[0])
			return trace_aosp_op(d, event, OP_DELETE, row->args[0], 0);
		break;
	case TRACE_AOSP_THREAD_DONE:
		return trace_aosp_op(d, event, OP_THREAD_DONE, 0, 0);
	case TRACE_AOSP_CALLOC:
		if (__builtin_mul_overflow(row->args[1], row->args[2], &product))
			product = UINT64_MAX;
		if (row->args[0])
			return trace_aosp_op(d, event, OP_INSERT, row->args[0], product);
		break;
	default: /* malloc PTR SIZE, memalign PTR ALIGNMENT SIZE */
		product = row->args[row->word == TRACE_AOSP_MEMALIGN ? 2 : 1];
		if (row->args[0])
			return trace_aosp_op(d, event, OP_INSERT, row->args[0], product);
		break;
	}
	d->stats->n_skipped_rows++;
	return 0;
}

/* Threads are numbered from 0 as they appear; the table holds the number plus 1. */
static int trace_aosp_tid(struct trace_decoder *d, struct keytab *tids, uint64_t tid, uint32_t *out)
{
	uint64_t *number = keytab_put(tids, tid);

	if (!number)
		return trace_no_memory(d);
	if (*number == 0)
		*number = ++d->stats->n_tids;
	*out = (uint32_t)(*number - 1);
	return 0;
}

static int trace_aosp_decode(struct trace_decoder *d, enum trace_clock *clock)
{
	struct trace_event event = {0};
	struct trace_aosp_row row;
	struct keytab tids = {0};
	char *line;
	size_t len;
	int rc;

	*clock = TRACE_CLOCK_ROWS;
	for (int i = 0; i < TRACE_AOSP_N_WORDS; i++)
		d->stats->kinds[i].name = trace_aosp_words[i].name;
	while ((rc = input_line(d->in, &line, &len, d->error)) > 0) {
		event.row = event.time = d->stats->n_rows++;
		rc = trace_aosp_parse(d, line, len, &row);
		if (!rc)
			rc = trace_aosp_tid(d, &tids, row.tid, &event.tid);
		if (!rc)
			rc = trace_aosp_emit(d, &event, &row);
		if (rc)
			break;
		d->stats->kinds[row.word].n_rows++;
		d->stats->kinds[row.word].n_ops++;
	}
	keytab_fini(&tids);
	return rc;
}

const struct trace_format trace_format_aosp = {
	.name = "aosp",
	.looks_like = trace_aosp_looks_like,
	.decode = trace_aosp_decode,
};
