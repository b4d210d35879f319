/* SPDX-License-Identifier: MIT */
/* trace_json.c - trace-event JSON, written event by event. */
#include "report/trace_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "report/text.h"

enum { TRACE_JSON_PID = 1 };

void trace_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text) {
		const size_t len = text_utf8_length(text);
		const unsigned char c = (unsigned char)*text;

		if (!len) {
			fputs("\\ufffd", out);
			text++;
			continue;
		}
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fwrite(text, 1, len, out);
		text += len;
	}
	fputc('"', out);
}

static void trace_json_check(struct trace_json *t)
{
	if (!t->error && ferror(t->out))
		t->error = errno ? -errno : -EIO;
}

void trace_json_begin(struct trace_json *t, FILE *out, uint64_t cap)
{
	memset(t, 0, sizeof(*t));
	t->out = out;
	t->cap = cap;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", out);
	fprintf(out,
		"{\"ph\":\"M\",\"pid\":%d,\"tid\":0,\"name\":\"process_name\","
		"\"args\":{\"name\":\"reclaimbench\"}}",
		TRACE_JSON_PID);
	trace_json_check(t);
}

/* Whether one more event fits; counts it either way. */
static bool trace_json_admit(struct trace_json *t)
{
	if (t->error)
		return false;
	if (t->n_events >= t->cap) {
		t->n_dropped++;
		return false;
	}
	t->n_events++;
	return true;
}

/* The members every event has, without the closing brace. */
static void trace_json_head(struct trace_json *t, char phase, unsigned tid, const char *category,
			    const char *name, uint64_t at_ns)
{
	fprintf(t->out,
		",\n{\"ph\":\"%c\",\"pid\":%d,\"tid\":%u,\"ts\":%" PRIu64 ".%03u,\"cat\":", phase,
		TRACE_JSON_PID, tid, at_ns / 1000, (unsigned)(at_ns % 1000));
	trace_json_string(t->out, category);
	fputs(",\"name\":", t->out);
	trace_json_string(t->out, name);
}

void trace_json_thread(struct trace_json *t, unsigned tid, const char *name)
{
	if (t->error)
		return;
	fprintf(t->out,
		",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%u,\"name\":\"thread_name\",\"args\":{"
		"\"name\":",
		TRACE_JSON_PID, tid);
	trace_json_string(t->out, name);
	fputs("}}", t->out);
	trace_json_check(t);
}

void trace_json_span(struct trace_json *t, unsigned tid, const char *category, const char *name,
		     uint64_t start_ns, uint64_t duration_ns)
{
	if (!trace_json_admit(t))
		return;
	trace_json_head(t, 'X', tid, category, name, start_ns);
	fprintf(t->out, ",\"dur\":%" PRIu64 ".%03u}", duration_ns / 1000,
		(unsigned)(duration_ns % 1000));
	trace_json_check(t);
}

void trace_json_instant(struct trace_json *t, unsigned tid, const char *category, const char *name,
			uint64_t at_ns)
{
	if (!trace_json_admit(t))
		return;
	trace_json_head(t, 'i', tid, category, name, at_ns);
	fputs(",\"s\":\"t\"}", t->out);
	trace_json_check(t);
}

void trace_json_counter(struct trace_json *t, const char *name, const char *series, uint64_t at_ns,
			double value)
{
	if (!isfinite(value) || !trace_json_admit(t))
		return;
	trace_json_head(t, 'C', 0, "gauge", name, at_ns);
	fputs(",\"args\":{", t->out);
	trace_json_string(t->out, series);
	fprintf(t->out, ":%.17g}}", value);
	trace_json_check(t);
}

void trace_json_drop(struct trace_json *t, uint64_t n)
{
	t->n_dropped += n;
}

int trace_json_end(struct trace_json *t)
{
	fprintf(t->out,
		"\n],\"otherData\":{\"events\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"cap\":%" PRIu64
		"}}\n",
		t->n_events, t->n_dropped, t->cap);
	if (fflush(t->out) && !t->error)
		t->error = -errno;
	trace_json_check(t);
	return t->error;
}
