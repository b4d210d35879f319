/* SPDX-License-Identifier: MIT */
/* test_trace.c - parsers on small hand-made traces, good and broken. */
#include "load/tests/trace_test.h"

static void test_malloc_csv(void **state)
{
	struct trace *t = load("x",
			       HEADER "I,a0,16,0\nI,B0,4294967296,5\nU,a0,20,5\nD,a0,20,9\n"
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

/* Times of a calendar count from the first row's. */
static void test_csv_times_begin_at_the_first_row(void **state)
{
	struct trace *t = load("x",
			       HEADER "I,a0,16,1760000000000000000\nI,b0,16,1760000000000000005\n"
				      "D,a0,16,1760000000000000009\n",
			       &any);

	(void)state;
	expect_op(t, 0, OP_INSERT, 0xa0, 16, 0);
	expect_op(t, 1, OP_INSERT, 0xb0, 16, 5);
	expect_op(t, 2, OP_DELETE, 0xa0, 16, 9);
	assert_int_equal(t->stats.duration, 9);
	trace_free(t);
	expect_bad(HEADER "I,a0,16,7\nD,a0,16,9000000000000000000\n", &any, "f:3: timestamp",
		   "century");
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
	struct load_error error = {""};
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
	/* With the length as hash, y and z fall on x: two strings collide, however often they come.
	 */
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
	struct load_error error = {""};
	enum trace_format_id id;

	(void)state;
	for (int i = 0; i < TRACE_N_FORMATS; i++) {
		assert_int_equal(
			trace_parse_format(trace_format_name((enum trace_format_id)i), &id, &error),
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
	expect_bad("7: malloc 0xa0 16\n7: mallok 0xa0 16\n", &any, "f:2: \"mallok\"",
		   "thread_done");
	expect_bad("7: malloc 0xa0 16\nmalloc 0xa0 16\n", &any, "f:2", "begin with a thread");
	expect_bad("7: malloc 0xa0 16\n\n", &any, "f:2", "begin with a thread");
	expect_bad("7: malloc 0xa0\n", &any, "f:1: field 2 of malloc", "decimal");
	expect_bad("7: malloc a0 16\n", &any, "f:1: field 1 of malloc is \"a0\"", "pointer");
	expect_bad("7: malloc 0x 16\n", &any, "f:1: field 1 of malloc", "pointer");
	expect_bad("7: malloc 0xa0 16 4\n", &any, "f:1: \"4\" after the last field",
		   "nothing more");
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

/* a b a c c c a with idle:2: at row 3 b (row 1) may stay, at row 4 it goes; at row 5 a (row 2)
 * goes, and at row 6 it is inserted again. */
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
	static const char *const bad[] = {"",	   "lru",    "lru:",	"lru:0",
					  "lru:x", "fifo:3", "idle:-1", "idle:5G"};
	struct load_error error = {""};
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

/* Columns in another order than usual, quoted fields, and every rule for deadlines: k1 expires at
 * 100 + 10; k2's is replaced (from 112 to 130); k3's is cancelled by its delete; k4's by a set
 * without TTL. */
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
	struct trace *t =
		load("x", "op_time,key,op,ttl\n5,a,SET,3600\n8,b,GET,0\n9,b,GET,0\n", &options);

	(void)state;
	assert_int_equal(t->stats.n_expired, 1);
	expect_op(t, 2, OP_DELETE, t->ops[0].key, 0, UINT64_C(3600000000));
	trace_free(t);
}

/* The newer files of the family have no times and no TTL: rows are the clock. */
static void test_cachelib_without_times(void **state)
{
	struct trace *t =
		load("x", "key,op,size,op_count,key_size\na,SET,5,1,1\na,GET,5,2,1\n", &any);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malloc_csv),
		cmocka_unit_test(test_csv_times_begin_at_the_first_row),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
