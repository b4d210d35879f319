/* SPDX-License-Identifier: MIT */
/* stages.c - parse --stages. */
#include "load/stages.h"

#include "units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A day: no stage of a benchmark is longer, and sums of 64 fit easily. */
#define STAGES_DURATION_MAX_NS (24u * 3600u * UINT64_C(1000000000))
/* Registering costs some microseconds: more often than this would be a stage of nothing else. */
#define STAGES_CHURN_MAX 1000000

/* A part of the text between two separators, and where it stands. */
struct stages_part {
	char text[STAGES_PART_BYTES];
	size_t at; /* character, from 1 */
};

/* Take the part up to one of `ends`; returns where it ends, or NULL when it is too long. */
static const char *stages_take(const char *base, const char *p, const char *ends,
			       struct stages_part *part)
{
	const size_t len = strcspn(p, ends);

	part->at = (size_t)(p - base) + 1;
	if (len >= sizeof(part->text))
		return NULL;
	memcpy(part->text, p, len);
	part->text[len] = '\0';
	return p + len;
}

static int stages_parse_rate(const struct stages_part *part, size_t n, struct stage *s,
			     struct load_error *error)
{
	const int err = units_parse_rate(part->text, &s->rate_per_s);

	if (err)
		return load_fail(error, -err,
				 "stage %zu, character %zu: rate \"%s\" is not understood; write "
				 "operations per second such as 5k, or max",
				 n, part->at, part->text);
	if (s->rate_per_s == 0 ||
	    (s->rate_per_s != STAGES_RATE_CLOSED && s->rate_per_s > STAGES_RATE_MAX))
		return load_fail(
			error, ERANGE,
			"stage %zu, character %zu: rate \"%s\" is out of range; write 1 to "
			"1G, or max",
			n, part->at, part->text);
	return 0;
}

static int stages_parse_duration(const struct stages_part *part, size_t n, struct stage *s,
				 struct load_error *error)
{
	const int err = units_parse_time(part->text, &s->duration_ns);

	if (err)
		return load_fail(
			error, -err,
			"stage %zu, character %zu: duration \"%s\" is not understood; write a "
			"time with its unit such as 5s or 500ms",
			n, part->at, part->text);
	if (s->duration_ns == 0 || s->duration_ns > STAGES_DURATION_MAX_NS)
		return load_fail(error, ERANGE,
				 "stage %zu, character %zu: duration \"%s\" is out of range; write "
				 "more than 0 and at most 24h",
				 n, part->at, part->text);
	return 0;
}

static int stages_parse_stall(const struct stages_part *part, const char *value, size_t n,
			      struct stage *s, struct load_error *error)
{
	if (strcmp(value, "forever") == 0) {
		s->stall_ns = STAGES_STALL_FOREVER;
		return 0;
	}
	if (units_parse_time(value, &s->stall_ns) || s->stall_ns == 0)
		return load_fail(error, EINVAL,
				 "stage %zu, character %zu: \"%s\" is not understood; write a time "
				 "above 0 such as stall=10ms, or stall=forever",
				 n, part->at, part->text);
	return 0;
}

static int stages_parse_churn(const struct stages_part *part, const char *value, size_t n,
			      struct stage *s, struct load_error *error)
{
	if (units_parse_count(value, &s->n_churn) || s->n_churn == 0 ||
	    s->n_churn > STAGES_CHURN_MAX)
		return load_fail(
			error, EINVAL,
			"stage %zu, character %zu: \"%s\" is not understood; write churn=N "
			"with N from 1 to 1M",
			n, part->at, part->text);
	return 0;
}

static int stages_parse_modifier(const struct stages_part *part, size_t n, struct stage *s,
				 struct load_error *error)
{
	if (strncmp(part->text, "stall=", 6) == 0 && s->stall_ns == 0)
		return stages_parse_stall(part, part->text + 6, n, s, error);
	if (strncmp(part->text, "churn=", 6) == 0 && s->n_churn == 0)
		return stages_parse_churn(part, part->text + 6, n, s, error);
	return load_fail(error, EINVAL,
			 "stage %zu, character %zu: modifier \"%s\" is not known or given twice; "
			 "write stall=TIME, stall=forever or churn=N",
			 n, part->at, part->text);
}

/* The rate and the modifiers as given, and #2, #3 where an earlier stage has that name. */
static void stages_set_name(struct stages *all, struct stage *s, const char *rate,
			    const char *modifiers, size_t modifiers_len)
{
	size_t n_same = 1;
	const size_t rate_len = strlen(rate);
	const size_t len = rate_len + modifiers_len;
	char base[STAGES_NAME_BYTES - 4]; /* room for #64 */

	/* Fits: three parts of less than STAGES_PART_BYTES, each modifier with its colon. */
	memcpy(base, rate, rate_len);
	memcpy(base + rate_len, modifiers, modifiers_len);
	base[len] = '\0';

	for (size_t i = 0; i < all->n; i++) {
		const char *other = all->stage[i].name;

		if (strncmp(other, base, len) == 0 && (other[len] == '\0' || other[len] == '#'))
			n_same++;
	}
	if (n_same == 1)
		snprintf(s->name, sizeof(s->name), "%s", base);
	else
		snprintf(s->name, sizeof(s->name), "%s#%zu", base, n_same);
}

/* Parse one stage; returns where it ends, NULL after an error. */
static const char *stages_parse_one(const char *text, const char *p, struct stages *out, int *err,
				    struct load_error *error)
{
	const size_t n = out->n + 1;
	struct stage *s = &out->stage[out->n];
	struct stages_part rate;
	struct stages_part part;
	const char *begin = p;

	memset(s, 0, sizeof(*s));
	p = stages_take(text, p, ":,", &rate);
	if (p && (rate.text[0] == '\0' || *p != ':')) {
		*err = load_fail(error, EINVAL,
				 "stage %zu, character %zu: \"%s\" is not a stage; write RATE:TIME "
				 "such as 5k:5s or max:5s",
				 n, rate.at, rate.text);
		return NULL;
	}
	if (p) {
		*err = stages_parse_rate(&rate, n, s, error);
		if (*err)
			return NULL;
		p = stages_take(text, p + 1, ":,", &part);
	}
	if (p) {
		*err = stages_parse_duration(&part, n, s, error);
		if (*err)
			return NULL;
	}
	const char *modifiers = p;

	while (p && *p == ':') {
		p = stages_take(text, p + 1, ":,", &part);
		if (p) {
			*err = stages_parse_modifier(&part, n, s, error);
			if (*err)
				return NULL;
		}
	}
	if (!p) {
		*err = load_fail(
			error, EINVAL,
			"stage %zu, character %zu: a part is longer than %d characters; write "
			"RATE:TIME such as 5k:5s",
			n, (size_t)(begin - text) + 1, STAGES_PART_BYTES - 1);
		return NULL;
	}
	stages_set_name(out, s, rate.text, modifiers, (size_t)(p - modifiers));
	return p;
}

int stages_parse(const char *text, struct stages *out, struct load_error *error)
{
	const char *p = text;
	int err = 0;

	out->n = 0;
	for (;;) {
		if (out->n == STAGES_MAX)
			return load_fail(
				error, ERANGE,
				"stage %d, character %zu: more stages than %d; split the run",
				STAGES_MAX + 1, (size_t)(p - text) + 1, STAGES_MAX);
		p = stages_parse_one(text, p, out, &err, error);
		if (!p)
			return err;
		out->n++;
		if (*p == '\0')
			return 0;
		p++;
	}
}

uint64_t stages_total_ns(const struct stages *s)
{
	uint64_t total_ns = 0;

	for (size_t i = 0; i < s->n; i++)
		total_ns += s->stage[i].duration_ns;
	return total_ns;
}
