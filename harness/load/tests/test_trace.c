/* SPDX-License-Identifier: MIT */
/* test_trace.c - parsers on small hand-made traces, good and broken; sharding, repetition and pacing. */
#include "load/keytab.h"
#include "load/trace.h"
#include "load/trace_replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define HEADER "op,key,size,timestamp_ns\n"

static const struct trace_options any = {.format = TRACE_AUTO};

static struct trace *load_n(const char *name, const void *data, size_t len,
			    const struct trace_options *options)
{
	struct load_error error = {""};
	struct trace *t = NULL;

	if (trace_load_memory(&t, data, len, name, options, &error))
		fail_msg("%s", error.text);
	return t;
}

static struct trace *load(const char *name, const char *text, const struct trace_options *options)
{
	return load_n(name, text, strlen(text), options);
}

static void expect_bad_n(const void *data, size_t len, const struct trace_options *options,
			 const char *a, const char *b)
{
	struct load_error error = {""};
	struct trace *t = NULL;
	const int err = trace_load_memory(&t, data, len, "f", options, &error);

	assert_null(t);
	if (err != -EINVAL || !strstr(error.text, a) || !strstr(error.text, b))
		fail_msg("%d: %s; \"%s\" and \"%s\" were expected", err, error.text, a, b);
}

static void expect_bad(const char *text, const struct trace_options *options, const char *a,
		       const char *b)
{
	expect_bad_n(text, strlen(text), options, a, b);
}

static void expect_op(const struct trace *t, size_t i, enum op_type type, uint64_t key,
		      uint32_t size_bytes, uint64_t time)
{
	assert_true(i < t->n_ops + t->n_closing);
	assert_int_equal(t->ops[i].type, type);
	assert_int_equal(t->ops[i].key, key);
	assert_int_equal(t->ops[i].size_bytes, size_bytes);
	assert_int_equal(t->ops[i].time, time);
	assert_int_equal(t->ops[i].is_closing, i >= t->n_ops);
}

static void test_malloc_csv(void **state)
{
	struct trace *t = load("x", HEADER "I,a0,16,0\nI,B0,4294967296,5\nU,a0,20,5\nD,a0,20,9\n"
					   "D,c0,0,9\nI,b0,1,10\nG,c0,0,11\nI,c0,7,12\n",
			       &any);

	(void)state;
	assert_int_equal(t->format, TRACE_MALLOC_CSV);
	assert_int_equal(t->n_ops, 8);
	expect_op(t, 0, OP_INSERT, 0xa0, 16, 0);
	expect_op(t, 1, OP_INSERT, 0xb0, UINT32_MAX, 5);
	expect_op(t, 2, OP_UPDATE, 0xa0, 20, 5);
	expect_op(t, 3, OP_DELETE, 0xa0, 20, 9);
	expect_op(t, 4, OP_DELETE, 0xc0, 0, 9);
	expect_op(t, 6, OP_GET, 0xc0, 0, 11);
	assert_int_equal(t->stats.n_rows, 8);
	assert_int_equal(t->stats.n_delete_misses, 1);
	assert_int_equal(t->stats.n_overwrites, 1);
	assert_int_equal(t->stats.n_get_misses, 1);
	assert_int_equal(t->stats.n_distinct_keys, 3);
	assert_int_equal(t->stats.n_live_peak, 2);
	assert_int_equal(t->stats.n_live_end, 2);
	assert_int_equal(t->stats.duration, 12);
	/* What is live at the end is deleted behind it, oldest first. */
	assert_int_equal(t->n_closing, 2);
	expect_op(t, 8, OP_DELETE, 0xb0, UINT32_MAX, 12);
	expect_op(t, 9, OP_DELETE, 0xc0, 7, 12);
	trace_free(t);
}

/* CRLF, and a last line without its LF. */
static void test_line_ends(void **state)
{
	struct trace *t = load("x", "op,key,size,timestamp_ns\r\nI,a,1,0\r\nD,a,1,3", &any);

	(void)state;
	assert_int_equal(t->format, TRACE_MALLOC_CSV);
	assert_int_equal(t->n_ops, 2);
	expect_op(t, 1, OP_DELETE, 0xa, 1, 3);
	trace_free(t);
}

static void test_bad_csv_names_the_line(void **state)
{
	static const struct trace_options malloc_csv = {.format = TRACE_MALLOC_CSV};

	(void)state;
	expect_bad("", &any, "f: is empty", "trace was expected");
	expect_bad("", &malloc_csv, "f: is empty", "trace was expected");
	expect_bad("hello\nworld\n", &any, "f:1", "--trace-format");
	expect_bad("hello\n", &malloc_csv, "f:1: the header is \"hello\"", "op,key,size");
	expect_bad(HEADER, &any, "f: holds no operation", "malloc-csv");
	expect_bad(HEADER "I,a,1\n", &any, "f:2: \"I,a,1\" does not have 4 fields", "op,key");
	expect_bad(HEADER "I,a,1,0\nI,b,1,0,9\n", &any, "f:3", "4 fields");
	expect_bad(HEADER "I,a,1,0\n\n", &any, "f:3", "4 fields");
	expect_bad(HEADER "X,a,1,0\n", &any, "f:2: op \"X\"", "I, D, U or G");
	expect_bad(HEADER "II,a,1,0\n", &any, "f:2: op \"II\"", "I, D, U or G");
	expect_bad(HEADER "I,,1,0\n", &malloc_csv, "f:2: the key is empty", "op,key");
	expect_bad(HEADER "I,zz,1,0\n", &malloc_csv, "f:2: key \"zz\"", "paths-csv");
	expect_bad(HEADER "I,11112222333344445,1,0\n", &malloc_csv, "f:2: key", "16 hex");
	expect_bad(HEADER "I,a,-1,0\n", &any, "f:2: size \"-1\"", "bytes");
	expect_bad(HEADER "I,a,1,1e3\n", &any, "f:2: timestamp \"1e3\"", "ns");
	expect_bad(HEADER "I,a,1,18446744073709551616\n", &any, "f:2: timestamp", "ns");
	expect_bad(HEADER "I,a,1,5\nD,a,1,4\n", &any, "f:3: timestamp \"4\"", "must not fall");
	expect_bad_n(HEADER "I,a,1,0\nI,\0,1,0\n", sizeof(HEADER) + 16, &any, "f:3: binary",
		     "text");
}

static void test_overlong_line(void **state)
{
	char *text = malloc(1 << 20);
	const size_t n = strlen(HEADER);

	(void)state;
	memset(text, 'a', 1 << 20);
	memcpy(text, HEADER "I,", n + 2);
	text[(1 << 20) - 1] = '\0';
	expect_bad(text, &any, "f:2: a line longer than 16384", "one record a line");
	/* The longest line taken. */
	memcpy(text + n + 16384 - 4, ",1,0\n", 6);
	struct trace *t = load("x.paths.csv", text, &any);

	assert_int_equal(t->n_ops, 1);
	trace_free(t);
	free(text);
}

static void test_limit_of_operations(void **state)
{
	const struct trace_options options = {.max_ops = 2};
	const char *const text = HEADER "I,a,1,0\nI,b,1,0\nI,c,1,0\n";
	struct load_error error;
	struct trace *t = NULL;

	(void)state;
	assert_int_equal(trace_load_memory(&t, text, strlen(text), "f", &options, &error), -E2BIG);
	assert_non_null(strstr(error.text, "more than 2 operations"));
	t = load_n("f", text, strlen(text) - 8, &options); /* closing deletes do not count */
	assert_int_equal(t->n_ops + t->n_closing, 4);
	trace_free(t);
}

static uint64_t hash_of_length(const void *data, size_t len)
{
	(void)data;
	return len;
}

static void test_paths_and_collisions(void **state)
{
	const char *const text = HEADER "I,wt/x,0,0\nG,wt/y,0,5\nG,wt/x,0,5\nI,wt,1,6\nU,wt/x,9,7\n"
					"G,wt/z,0,8\nG,wt/y,0,9\n";
	struct trace_options options = {.format = TRACE_AUTO};
	struct trace *t = load("f", text, &options);

	(void)state;
	assert_int_equal(t->format, TRACE_PATHS_CSV);
	assert_int_equal(t->stats.n_collisions, 0);
	assert_int_equal(t->stats.n_distinct_keys, 4);
	assert_int_equal(t->stats.n_get_misses, 3);
	assert_true(t->ops[0].key == t->ops[2].key && t->ops[0].key != t->ops[1].key);
	trace_free(t);
	/* With the length as hash, y and z fall on x: two strings collide, however often they come. */
	options.hash_string = hash_of_length;
	t = load("f", text, &options);
	assert_int_equal(t->stats.n_collisions, 2);
	assert_int_equal(t->stats.n_distinct_keys, 2);
	trace_free(t);
}

/* Same columns, so the name decides, then the keys; --trace-format overrules both. */
static void test_detection_of_csv(void **state)
{
	static const struct {
		const char *name, *text;
		enum trace_format_id asked, found;
	} cases[] = {
		{"dir.paths.x/a", HEADER "I,ab,0,0\n", TRACE_AUTO, TRACE_MALLOC_CSV},
		{"a.paths.csv", HEADER "I,ab,0,0\n", TRACE_AUTO, TRACE_PATHS_CSV},
		{"a", HEADER "I,ab,0,0\nI,ab/c,0,0\n", TRACE_AUTO, TRACE_PATHS_CSV},
		{"a", HEADER "I,ab,0,0\n", TRACE_PATHS_CSV, TRACE_PATHS_CSV},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct trace_options options = {.format = cases[i].asked};
		struct trace *t = load(cases[i].name, cases[i].text, &options);

		assert_int_equal(t->format, cases[i].found);
		trace_free(t);
	}
}

static void test_format_names(void **state)
{
	struct load_error error;
	enum trace_format_id id;

	(void)state;
	for (int i = 0; i < TRACE_N_FORMATS; i++) {
		assert_int_equal(trace_parse_format(trace_format_name((enum trace_format_id)i), &id,
						    &error),
				 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(trace_parse_format("aosq", &id, &error), -EINVAL);
	assert_non_null(strstr(error.text, "\"aosq\""));
	assert_non_null(strstr(error.text, "malloc-csv, paths-csv, aosp, u32le or cachelib"));
}

static void test_aosp(void **state)
{
	struct trace *t = load("x",
			       "7: malloc 0xa0 16\n9: calloc 0xb0 3 5\n7: realloc 0xa0 0xa0 32\n"
			       "7: realloc 0xc0 0xa0 64\n9: realloc 0xd0 0x0 8\n7: free 0x0\n"
			       "9: memalign 0xe0 64 100\n9: free 0xc0\n7: realloc 0x0 0xb0 0\n"
			       "7: realloc 0x0 0xd0 9\n9: thread_done 0x0\n7: malloc 0x0 5\n",
			       &any);

	(void)state;
	assert_int_equal(t->format, TRACE_AOSP);
	assert_int_equal(t->clock, TRACE_CLOCK_ROWS);
	assert_int_equal(t->stats.n_rows, 12);
	assert_int_equal(t->stats.n_skipped_rows, 2);
	assert_int_equal(t->stats.n_tids, 2);
	assert_int_equal(t->n_ops, 10);
	expect_op(t, 0, OP_INSERT, 0xa0, 16, 0);
	expect_op(t, 1, OP_INSERT, 0xb0, 15, 1);
	expect_op(t, 2, OP_UPDATE, 0xa0, 32, 2);
	expect_op(t, 3, OP_DELETE, 0xa0, 0, 3);
	expect_op(t, 4, OP_INSERT, 0xc0, 64, 3);
	expect_op(t, 5, OP_INSERT, 0xd0, 8, 4);
	expect_op(t, 6, OP_INSERT, 0xe0, 100, 6);
	expect_op(t, 7, OP_DELETE, 0xc0, 0, 7);
	expect_op(t, 8, OP_DELETE, 0xb0, 0, 8);
	expect_op(t, 9, OP_THREAD_DONE, 0, 0, 10);
	assert_int_equal(t->ops[0].tid, 0);
	assert_int_equal(t->ops[1].tid, 1);
	assert_int_equal(t->ops[9].tid, 1);
	assert_int_equal(t->stats.n_live_end, 2);
	assert_int_equal(t->stats.n_live_peak, 4);
	assert_int_equal(t->stats.n_distinct_keys, 5);
	trace_free(t);
}

static void test_bad_aosp(void **state)
{
	(void)state;
	expect_bad("7: malloc 0xa0 16\n7: mallok 0xa0 16\n", &any, "f:2: \"mallok\"", "thread_done");
	expect_bad("7: malloc 0xa0 16\nmalloc 0xa0 16\n", &any, "f:2", "begin with a thread");
	expect_bad("7: malloc 0xa0 16\n\n", &any, "f:2", "begin with a thread");
	expect_bad("7: malloc 0xa0\n", &any, "f:1: field 2 of malloc", "decimal");
	expect_bad("7: malloc a0 16\n", &any, "f:1: field 1 of malloc is \"a0\"", "pointer");
	expect_bad("7: malloc 0x 16\n", &any, "f:1: field 1 of malloc", "pointer");
	expect_bad("7: malloc 0xa0 16 4\n", &any, "f:1: \"4\" after the last field", "nothing more");
	expect_bad("7: malloc 0x11112222333344445 16\n", &any, "f:1: field 1", "pointer");
}

static void put_keys(unsigned char *out, const uint32_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < 4; j++)
			out[4 * i + (size_t)j] = (unsigned char)(keys[i] >> (8 * j));
}

/* a b a c d a, and LRU of 2: c puts b out, d puts a out, then a is missing and puts c out. */
static void test_lru_by_hand(void **state)
{
	static const uint32_t keys[] = {0x04030201, 2, 0x04030201, 3, 4, 0x04030201};
	const struct trace_options options = {.format = TRACE_AUTO, .evict = {EVICT_LRU, 2}};
	unsigned char data[sizeof(keys)];

	(void)state;
	put_keys(data, keys, 6);
	struct trace *t = load_n("x", data, sizeof(data), &options);

	assert_int_equal(t->format, TRACE_U32LE);
	assert_int_equal(t->stats.n_rows, 6);
	assert_int_equal(t->n_ops, 6 + 5 + 3);
	expect_op(t, 0, OP_GET, 0x04030201, 0, 0);
	expect_op(t, 1, OP_INSERT, 0x04030201, 0, 0);
	expect_op(t, 4, OP_GET, 0x04030201, 0, 2);
	expect_op(t, 5, OP_GET, 3, 0, 3);
	expect_op(t, 6, OP_INSERT, 3, 0, 3);
	expect_op(t, 7, OP_DELETE, 2, 0, 3);
	expect_op(t, 10, OP_DELETE, 0x04030201, 0, 4);
	expect_op(t, 13, OP_DELETE, 3, 0, 5);
	assert_int_equal(t->stats.n_get_misses, 5);
	assert_int_equal(t->stats.n_live_peak, 2);
	trace_free(t);
}

/* a b a c c c a with idle:2: at row 3 b (row 1) may stay, at row 4 it goes; at row 5 a (row 2) goes, and at row 6
 * it is inserted again. */
static void test_idle_by_hand(void **state)
{
	static const uint32_t keys[] = {1, 2, 1, 3, 3, 3, 1};
	const struct trace_options options = {.format = TRACE_U32LE, .evict = {EVICT_IDLE, 2}};
	unsigned char data[sizeof(keys)];

	(void)state;
	put_keys(data, keys, 7);
	struct trace *t = load_n("x", data, sizeof(data), &options);

	assert_int_equal(t->n_ops, 7 + 4 + 2);
	expect_op(t, 7, OP_GET, 3, 0, 4);
	expect_op(t, 8, OP_DELETE, 2, 0, 4);
	expect_op(t, 10, OP_DELETE, 1, 0, 5);
	expect_op(t, 12, OP_INSERT, 1, 0, 6);
	trace_free(t);
}

static void test_bad_u32le(void **state)
{
	const struct trace_options lru = {.format = TRACE_U32LE, .evict = {EVICT_LRU, 2}};

	(void)state;
	expect_bad_n("\1\0\0\0\2", 5, &any, "f: format u32le has no deletes", "--evict=lru:KEYS");
	expect_bad_n("\1\0\0\0\2\0", 6, &lru, "f: byte 4: 2 bytes are left", "4 bytes");
	const struct trace_options csv = {.format = TRACE_AUTO, .evict = {EVICT_LRU, 2}};

	expect_bad(HEADER "I,a,1,0\n", &csv, "deletes of its own", "leave --evict out");
}

static void test_evict_syntax(void **state)
{
	static const char *const bad[] = {"", "lru", "lru:", "lru:0", "lru:x", "fifo:3", "idle:-1",
					  "idle:5G"};
	struct load_error error;
	struct evict_policy p;

	(void)state;
	assert_int_equal(evict_parse("lru:10k", &p, &error), 0);
	assert_true(p.kind == EVICT_LRU && p.n == 10000);
	assert_int_equal(evict_parse("idle:2^10", &p, &error), 0);
	assert_true(p.kind == EVICT_IDLE && p.n == 1024);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (evict_parse(bad[i], &p, &error) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(error.text, "lru:10k"));
	}
}

/* Columns in another order than usual, quoted fields, and every rule for deadlines: k1 expires at 100 + 10;
 * k2's is replaced (from 112 to 130); k3's is cancelled by its delete; k4's by a set without TTL. */
static void test_cachelib_deadlines(void **state)
{
	struct trace *t = load("x",
			       "key,op,ttl,op_time,op_count,extra,size\n"
			       "k1,SET,10,100,1,,11\n"
			       "\"k2\",SET,12,100,1,\"a,\"\"b\",22\n"
			       "k3,SET_LEASE,5,101,1,,33\n"
			       "k4,SET,5,101,1,,44\n"
			       "k3,DELETE,0,102,2,,0\n"
			       "k4,SET,0,103,1,,45\n"
			       "k2,SET,26,104,1,,23\n"
			       "k1,GET,0,109,3,,0\n"
			       "k1,GET_LEASE,0,110,1,,0\n"
			       "k2,GET,0,129,1,,0\n"
			       "k2,GET,0,131,1,,0\n",
			       &any);
	const uint64_t s = 1000000000;

	(void)state;
	assert_int_equal(t->format, TRACE_CACHELIB);
	assert_int_equal(t->clock, TRACE_CLOCK_NS);
	assert_int_equal(t->stats.n_rows, 11);
	assert_int_equal(t->stats.n_expired, 2);
	assert_int_equal(t->stats.n_ops[OP_GET], 6);
	assert_int_equal(t->stats.n_ops[OP_DELETE], 4);
	assert_int_equal(t->stats.n_delete_misses, 1);
	assert_int_equal(t->stats.n_overwrites, 2);
	assert_int_equal(t->n_ops, 6 + 6 + 4);
	const uint64_t k1 = t->ops[0].key;
	const uint64_t k2 = t->ops[1].key;

	expect_op(t, 1, OP_INSERT, k2, 22, 0);
	expect_op(t, 10, OP_GET, k1, 0, 9 * s);
	expect_op(t, 11, OP_DELETE, k1, 0, 10 * s); /* due before the row of the same second */
	expect_op(t, 12, OP_GET, k1, 0, 10 * s);
	expect_op(t, 13, OP_GET, k2, 0, 29 * s);
	expect_op(t, 14, OP_DELETE, k2, 0, 30 * s);
	expect_op(t, 15, OP_GET, k2, 0, 31 * s);
	assert_int_equal(t->stats.n_get_misses, 2);
	assert_int_equal(t->stats.n_live_end, 1); /* k4 */
	trace_free(t);
}

static void test_cachelib_scaled_ttl(void **state)
{
	const struct trace_options options = {.ttl_scale = 0.001};
	struct trace *t = load("x", "op_time,key,op,ttl\n5,a,SET,3600\n8,b,GET,0\n9,b,GET,0\n",
			       &options);

	(void)state;
	assert_int_equal(t->stats.n_expired, 1);
	expect_op(t, 2, OP_DELETE, t->ops[0].key, 0, UINT64_C(3600000000));
	trace_free(t);
}

/* The newer files of the family have no times and no TTL: rows are the clock. */
static void test_cachelib_without_times(void **state)
{
	struct trace *t = load("x", "key,op,size,op_count,key_size\na,SET,5,1,1\na,GET,5,2,1\n", &any);

	(void)state;
	assert_int_equal(t->clock, TRACE_CLOCK_ROWS);
	assert_int_equal(t->n_ops, 3);
	expect_op(t, 2, OP_GET, t->ops[0].key, 5, 1);
	trace_free(t);
}

static void test_bad_cachelib(void **state)
{
	static const struct trace_options cachelib = {.format = TRACE_CACHELIB};

	(void)state;
	expect_bad("op_time,op,size\n1,GET,0\n", &cachelib, "f:1: the header has no column key",
		   "expected");
	expect_bad("key,op_time,size\n", &cachelib, "f:1: the header has no column op", "expected");
	expect_bad("key,op,size\na,GET\n", &any, "f:2: 2 fields", "3 were expected");
	expect_bad("key,op,size\na,GET,1,2\n", &any, "f:2: 4 fields", "3 were expected");
	expect_bad("key,op,size\na,GOT,1\n", &any, "f:2: op \"GOT\"", "SET_LEASE");
	expect_bad("key,op,size\na,GET,x\n", &any, "f:2: size is \"x\"", "whole number");
	expect_bad("key,op,size\na,GET,1\n\n", &any, "f:3", "CSV record");
	expect_bad("key,op,size\n\"a,GET,1\nb,GET,1\n", &any, "f:2", "CSV record");
	expect_bad("key,op,size\n\"a\"b,GET,1\n", &any, "f:2", "CSV record");
	expect_bad("key,op,op_count\na,GET,1000001\n", &any, "f:2: op_count", "1000000");
	expect_bad("key,op,ttl\na,SET,5\n", &any, "f:2: a ttl without", "op_time");
	expect_bad("key,op,op_time\na,SET,5\na,SET,9999999999\n", &any, "f:3: op_time", "century");
}

/* ------------------------------------------------------------- compression */

static size_t gzip(const void *data, size_t len, unsigned char *out, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

#define N_ROWS 20000
#define ROOM (N_ROWS * 40)

/* A CSV of N_ROWS rows, larger than every buffer on the way. */
static size_t make_csv(char *text)
{
	size_t n = (size_t)sprintf(text, HEADER);

	for (unsigned i = 0; i < N_ROWS; i++)
		n += (size_t)sprintf(text + n, "%c,%x,%u,%u\n", "ID"[i % 2], i / 2 * 7919, i % 977,
				     i * 3);
	return n;
}

static void test_compressed_is_the_same(void **state)
{
	char *text = malloc(ROOM);
	unsigned char *packed = malloc(ROOM);
	const size_t n = make_csv(text);
	struct trace *plain = load_n("x", text, n, &any);

	(void)state;
	assert_int_equal(plain->n_ops, N_ROWS);
	for (int kind = 0; kind < 4; kind++) {
		/* gzip, two gzip members, zstd, two zstd frames; cut in the middle of a line. */
		const size_t cut = kind % 2 ? n / 2 : n;
		size_t len;

		if (kind < 2) {
			len = gzip(text, cut, packed, ROOM);
			if (cut < n)
				len += gzip(text + cut, n - cut, packed + len, ROOM - len);
		} else {
			len = ZSTD_compress(packed, ROOM, text, cut, 3);
			if (cut < n)
				len += ZSTD_compress(packed + len, ROOM - len, text + cut, n - cut,
						     3);
		}
		struct trace *t = load_n("x", packed, len, &any);

		assert_int_equal(t->n_ops, plain->n_ops);
		assert_memory_equal(t->ops, plain->ops, t->n_ops * sizeof(*t->ops));
		trace_free(t);
	}
	trace_free(plain);
	free(packed);
	free(text);
}

static void test_damaged_compression(void **state)
{
	char *text = malloc(ROOM);
	unsigned char *packed = malloc(ROOM);
	const size_t n = make_csv(text);
	size_t len = gzip(text, n, packed, ROOM);

	(void)state;
	expect_bad_n(packed, len - 1, &any, "gzip data ends early", "decompressed bytes");
	expect_bad_n(packed, len / 2, &any, "gzip data ends early", "decompressed bytes");
	expect_bad_n(packed, 12, &any, "gzip data ends early", "decompressed bytes");
	packed[len - 6] ^= 1; /* in the CRC */
	expect_bad_n(packed, len, &any, "gzip data incorrect data check", "copy or make");
	packed[len - 6] ^= 1;
	memcpy(packed + len, "tail", 4);
	expect_bad_n(packed, len + 4, &any, "gzip data incorrect header check", "copy or make");
	len = ZSTD_compress(packed, ROOM, text, n, 3);
	expect_bad_n(packed, len - 1, &any, "zstd data ends early", "decompressed bytes");
	expect_bad_n(packed, 6, &any, "zstd data ends early", "decompressed bytes");
	memset(packed + len / 2, 0xff, 64);
	expect_bad_n(packed, len, &any, "zstd data", "copy or make");
	free(packed);
	free(text);
}

static void test_files(void **state)
{
	char path[] = "/tmp/test_trace.XXXXXX";
	const int fd = mkstemp(path);
	const char *const text = HEADER "I,a,1,0\n";
	struct load_error error;
	struct trace *t = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(trace_load(&t, path, &any, &error), 0);
	assert_int_equal(t->n_ops, 1);
	trace_free(t);
	unlink(path);
	assert_int_equal(trace_load(&t, path, &any, &error), -ENOENT);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(trace_load(&t, "/tmp", &any, &error), -EISDIR);
	assert_non_null(strstr(error.text, "/tmp: cannot be read: Is a directory"));
}

/* ------------------------------------------------------------- sharding and replay */

static void test_shards_keep_the_order_per_key(void **state)
{
	char *text = malloc(ROOM);
	struct trace *t = load_n("x", text, make_csv(text), &any);
	struct trace_shards shards;
	size_t n_ops = 0;

	(void)state;
	for (unsigned n = 1; n <= 5; n += 2) {
		assert_int_equal(trace_shards_make(&shards, t, n), 0);
		n_ops = 0;
		for (unsigned i = 0; i < n; i++) {
			const struct trace_shard *s = &shards.shard[i];
			struct keytab live = {0};

			n_ops += s->n_ops;
			assert_true(s->n_ops > t->n_ops / n / 2);
			/* Balanced as a whole, so balanced in each shard, if order is kept. */
			for (size_t j = 0; j < s->n_ops; j++) {
				uint64_t *found = keytab_find(&live, s->ops[j].key);

				assert_int_equal(found != NULL, s->ops[j].type == OP_DELETE);
				if (found)
					keytab_remove(&live, found);
				else
					*keytab_put(&live, s->ops[j].key) = 1;
			}
			assert_int_equal(live.n, s->n_closing);
			keytab_fini(&live);
		}
		assert_int_equal(n_ops, t->n_ops);
		trace_shards_free(&shards);
	}
	trace_free(t);
	free(text);
}

static void test_thread_done_goes_to_its_worker(void **state)
{
	struct trace *t = load("x", "7: malloc 0xa0 1\n8: malloc 0xb0 1\n9: thread_done 0x0\n"
				    "8: thread_done 0x0\n",
			       &any);
	struct trace_shards shards;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 2), 0);
	for (unsigned i = 0; i < 2; i++) {
		unsigned n_done = 0;

		for (size_t j = 0; j < shards.shard[i].n_ops; j++) {
			if (shards.shard[i].ops[j].type != OP_THREAD_DONE)
				continue;
			n_done++;
			assert_int_equal(shards.shard[i].ops[j].tid % 2, i);
		}
		assert_int_equal(n_done, 1);
	}
	trace_shards_free(&shards);
	trace_free(t);
}

/* Three passes: other keys in each, nothing left over but from the last, times going on. */
static void test_passes(void **state)
{
	struct trace *t = load("x", HEADER "I,a,1,0\nI,b,1,10\nD,a,1,20\nG,b,0,30\n", &any);
	const struct trace_pace pace = {.kind = TRACE_PACE_RECORDED, .speed = 2};
	struct keytab seen = {0};
	struct keytab live = {0};
	struct trace_shards shards;
	struct trace_replay r;
	double start_ns;
	struct op op;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 1), 0);
	trace_replay_init(&r, t, &shards, 0, &pace);
	for (int i = 0; i < 3 * 5; i++) {
		static const double times[] = {0, 10, 20, 30, 30};
		static const enum op_type types[] = {OP_INSERT, OP_INSERT, OP_DELETE, OP_GET,
						     OP_DELETE};

		assert_true(trace_replay_next(&r, &op, &start_ns));
		assert_int_equal(op.type, types[i % 5]);
		assert_true(start_ns == (31 * (i / 5) + times[i % 5]) / 2);
		assert_int_equal(op.value, i);
		*keytab_put(&seen, op.key) = 1;
		if (op.type == OP_INSERT)
			*keytab_put(&live, op.key) = 1;
		else if (op.type == OP_DELETE)
			keytab_remove(&live, keytab_find(&live, op.key));
	}
	assert_int_equal(seen.n, 3 * 2);
	assert_int_equal(live.n, 0);
	keytab_fini(&seen);
	keytab_fini(&live);
	trace_shards_free(&shards);
	trace_free(t);
}

static void test_empty_shard_ends(void **state)
{
	struct trace *t = load("x", HEADER "I,a,1,0\n", &any);
	const struct trace_pace pace = {.kind = TRACE_PACE_MAX};
	struct trace_shards shards;
	unsigned n_empty = 0;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 4), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct trace_replay r;
		double start_ns;
		struct op op;

		trace_replay_init(&r, t, &shards, i, &pace);
		n_empty += !trace_replay_next(&r, &op, &start_ns);
	}
	assert_int_equal(n_empty, 3);
	trace_shards_free(&shards);
	trace_free(t);
}

static void test_pace_syntax(void **state)
{
	static const char *const bad[] = {"", "x", "0x", "-1x", "infx", "nanx", "0", "fast", "2G", "1xx"};
	struct trace *t = load("x", "7: malloc 0xa0 16\n", &any);
	struct load_error error;
	struct trace_pace p;

	(void)state;
	assert_int_equal(trace_parse_pace("max", &p, &error), 0);
	assert_int_equal(p.kind, TRACE_PACE_MAX);
	assert_int_equal(trace_check_pace(t, &p, &error), 0);
	assert_int_equal(trace_parse_pace("10k", &p, &error), 0);
	assert_true(p.kind == TRACE_PACE_RATE && p.rate_per_s == 10000);
	assert_int_equal(trace_parse_pace("0.5x", &p, &error), 0);
	assert_true(p.kind == TRACE_PACE_RECORDED && p.speed == 0.5);
	assert_int_equal(trace_check_pace(t, &p, &error), -EINVAL);
	assert_non_null(strstr(error.text, "aosp has no times"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (trace_parse_pace(bad[i], &p, &error) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(error.text, "write max, 1x"));
	}
	trace_free(t);
}

/* ------------------------------------------------------------- damaged on purpose */

/* Every parser gets seeded damage to good input: bytes changed, dropped, doubled, cut off.  It must decline or
 * accept, and what it accepts must add up. */
static void damage(struct rng *rng, unsigned char *data, size_t *len)
{
	const unsigned n = 1 + (unsigned)rng_below(rng, 4);

	for (unsigned i = 0; i < n && *len > 1; i++) {
		const size_t at = rng_below(rng, *len);
		const size_t other = rng_below(rng, *len);

		switch (rng_below(rng, 5)) {
		case 0:
			data[at] = (unsigned char)rng_next(rng);
			break;
		case 1:
			data[at] = (unsigned char)",:\n\r\"0 "[rng_below(rng, 7)];
			break;
		case 2:
			*len = at + 1;
			break;
		case 3:
			memmove(data + at, data + at + 1, *len - at - 1);
			--*len;
			break;
		default:
			data[at] = data[other];
		}
	}
}

static void expect_sound(const struct trace *t)
{
	uint64_t n = 0;

	for (int i = 0; i < OP_N_TYPES; i++)
		n += t->stats.n_ops[i];
	assert_int_equal(n, t->n_ops);
	assert_int_equal(t->n_closing, t->stats.n_live_end);
	assert_true(t->stats.n_live_end <= t->stats.n_live_peak);
	assert_true(t->stats.n_live_peak <= t->stats.n_distinct_keys);
}

static void test_damaged_input_is_safe(void **state)
{
	static const char *const texts[] = {
		HEADER "I,a0,16,0\nU,a0,20,5\nD,a0,20,9\nD,c0,0,9\n",
		HEADER "I,wt/x,0,0\nG,wt/y,0,5\nU,wt/x,9,7\n",
		"7: malloc 0xa0 16\n9: calloc 0xb0 3 5\n7: realloc 0xc0 0xa0 32\n9: thread_done 0x0\n",
		"key,op,ttl,op_time,op_count\nk1,SET,9,100,1\n\"k2\",SET,1,104,1\nk1,DELETE,0,131,2\n",
	};
#ifdef RECLAIMBENCH_SANITIZED
	const int n_rounds = 3000;
#else
	const int n_rounds = 30000;
#endif
	unsigned char data[1024];
	unsigned n_taken = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 11, 0, 0);
	for (int i = 0; i < n_rounds; i++) {
		const char *text = texts[i % 4];
		struct trace_options options = {.max_ops = 5000000};
		struct load_error error = {""};
		struct trace *t = NULL;
		size_t len = strlen(text);

		if (i / 4 % 3 == 0) {
			len = gzip(text, len, data, sizeof(data));
		} else if (i / 4 % 3 == 1) {
			len = ZSTD_compress(data, sizeof(data), text, len, 1);
		} else {
			memcpy(data, text, len);
		}
		damage(&rng, data, &len);
		options.format = (enum trace_format_id)rng_below(&rng, TRACE_N_FORMATS);
		if (options.format == TRACE_U32LE)
			options.evict = (struct evict_policy){EVICT_LRU, 3};
		if (trace_load_memory(&t, data, len, "f", &options, &error) == 0) {
			expect_sound(t);
			n_taken++;
		} else {
			assert_null(t);
			assert_true(error.text[0] == 'f' && error.text[1] == ':');
		}
		trace_free(t);
	}
	assert_true(n_taken > 0 && n_taken < (unsigned)n_rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malloc_csv),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_bad_csv_names_the_line),
		cmocka_unit_test(test_overlong_line),
		cmocka_unit_test(test_limit_of_operations),
		cmocka_unit_test(test_paths_and_collisions),
		cmocka_unit_test(test_detection_of_csv),
		cmocka_unit_test(test_format_names),
		cmocka_unit_test(test_aosp),
		cmocka_unit_test(test_bad_aosp),
		cmocka_unit_test(test_lru_by_hand),
		cmocka_unit_test(test_idle_by_hand),
		cmocka_unit_test(test_bad_u32le),
		cmocka_unit_test(test_evict_syntax),
		cmocka_unit_test(test_cachelib_deadlines),
		cmocka_unit_test(test_cachelib_scaled_ttl),
		cmocka_unit_test(test_cachelib_without_times),
		cmocka_unit_test(test_bad_cachelib),
		cmocka_unit_test(test_compressed_is_the_same),
		cmocka_unit_test(test_damaged_compression),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_shards_keep_the_order_per_key),
		cmocka_unit_test(test_thread_done_goes_to_its_worker),
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_empty_shard_ends),
		cmocka_unit_test(test_pace_syntax),
		cmocka_unit_test(test_damaged_input_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
