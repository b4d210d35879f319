/* SPDX-License-Identifier: MIT */
/* test_input.c - compressed, damaged and missing files; parsers fed with damage. */
#include "load/rng.h"
#include "load/tests/trace_test.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

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
	memset(packed + len, 't', 4);
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
	struct load_error error = {""};
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

/* Every parser gets seeded damage to good input: bytes changed, dropped, doubled, cut off.  It must
 * decline or accept, and what it accepts must add up. */
static void damage(struct rng *rng, unsigned char *data, size_t *len)
{
	const unsigned n = 1 + (unsigned)rng_below(rng, 4);

	for (unsigned i = 0; i<n && * len> 1; i++) {
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
		"7: malloc 0xa0 16\n9: calloc 0xb0 3 5\n7: realloc 0xc0 0xa0 32\n9: thread_done "
		"0x0\n",
		"key,op,ttl,op_time,op_count\nk1,SET,9,100,1\n\"k2\",SET,1,104,1\nk1,DELETE,0,131,"
		"2\n",
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
		cmocka_unit_test(test_compressed_is_the_same),
		cmocka_unit_test(test_damaged_compression),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_damaged_input_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
