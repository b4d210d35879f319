/* SPDX-License-Identifier: MIT */
/* trace_test.h - what the tests of traces share: loading from text, expecting operations and
 * errors. */
#ifndef RECLAIMBENCH_TRACE_TEST_H
#define RECLAIMBENCH_TRACE_TEST_H

#include "load/trace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADER "op,key,size,timestamp_ns\n"

static const struct trace_options any = {.format = TRACE_AUTO};

static inline struct trace *load_n(const char *name, const void *data, size_t len,
				   const struct trace_options *options)
{
	struct load_error error = {""};
	struct trace *t = NULL;

	if (trace_load_memory(&t, data, len, name, options, &error))
		fail_msg("%s", error.text);
	return t;
}

static inline struct trace *load(const char *name, const char *text,
				 const struct trace_options *options)
{
	return load_n(name, text, strlen(text), options);
}

static inline void expect_bad_n(const void *data, size_t len, const struct trace_options *options,
				const char *a, const char *b)
{
	struct load_error error = {""};
	struct trace *t = NULL;
	const int err = trace_load_memory(&t, data, len, "f", options, &error);

	assert_null(t);
	if (err != -EINVAL || !strstr(error.text, a) || !strstr(error.text, b))
		fail_msg("%d: %s; \"%s\" and \"%s\" were expected", err, error.text, a, b);
}

static inline void expect_bad(const char *text, const struct trace_options *options, const char *a,
			      const char *b)
{
	expect_bad_n(text, strlen(text), options, a, b);
}

static inline void expect_op(const struct trace *t, size_t i, enum op_type type, uint64_t key,
			     uint32_t size_bytes, uint64_t time)
{
	assert_true(i < t->n_ops + t->n_closing);
	assert_int_equal(t->ops[i].type, type);
	assert_int_equal(t->ops[i].key, key);
	assert_int_equal(t->ops[i].size_bytes, size_bytes);
	assert_int_equal(t->ops[i].time, time);
	assert_int_equal(t->ops[i].is_closing, i >= t->n_ops);
}

#define N_ROWS 20000
#define ROOM (N_ROWS * 40)

/* A CSV of N_ROWS rows, larger than every buffer on the way. */
static inline size_t make_csv(char *text)
{
	size_t n = (size_t)sprintf(text, HEADER);

	for (unsigned i = 0; i < N_ROWS; i++)
		n += (size_t)sprintf(text + n, "%c,%x,%u,%u\n", "ID"[i % 2], i / 2 * 7919, i % 977,
				     i * 3);
	return n;
}

#endif
