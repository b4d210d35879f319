/* SPDX-License-Identifier: MIT */
/* test_record.c - scripts/record-malloc records programs, and what it records can be replayed. */
#include "load/trace.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
	char path[64];
};

static int make_folder(void **state)
{
	struct folder *f = malloc(sizeof(*f));

	strcpy(f->path, "/tmp/test_record.XXXXXX");
	*state = f;
	return mkdtemp(f->path) ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", f->path);
	const int rc = system(command);

	free(f);
	return rc;
}

/* Run the script with its words on stderr kept in FOLDER/said; returns its exit status. */
static int record(const struct folder *f, const char *args)
{
	char command[512];

	snprintf(command, sizeof(command), "scripts/record-malloc %s >%s/out 2>%s/said </dev/null",
		 args, f->path, f->path);
	const int rc = system(command);

	assert_true(WIFEXITED(rc));
	return WEXITSTATUS(rc);
}

static bool said(const struct folder *f, const char *what)
{
	char path[128];
	char text[4096];

	snprintf(path, sizeof(path), "%s/said", f->path);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	const size_t n = fread(text, 1, sizeof(text) - 1, file);

	fclose(file);
	text[n] = '\0';
	return strstr(text, what) != NULL;
}

static struct trace *load(const char *path)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	struct load_error error = {""};
	struct trace *t = NULL;

	if (trace_load(&t, path, &options, &error))
		fail_msg("%s", error.text);
	assert_int_equal(t->format, TRACE_MALLOC_CSV);
	/* Whatever was recorded, it adds up. */
	assert_int_equal(t->stats.n_delete_misses, 0);
	assert_int_equal(t->stats.n_update_misses, 0);
	assert_int_equal(t->stats.n_overwrites, 0);
	return t;
}

static uint64_t count(const struct trace *t, enum op_type type, uint32_t size_bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n_ops; i++)
		n += t->ops[i].type == type && t->ops[i].size_bytes == size_bytes;
	return n;
}

static void test_ordinary_program(void **state)
{
	const struct folder *f = *state;
	char args[256];
	char path[128];

	snprintf(path, sizeof(path), "%s/ls.malloc.csv.gz", f->path);
	snprintf(args, sizeof(args), "-o %s /bin/ls -l /", path);
	assert_int_equal(record(f, args), 0);
	assert_true(said(f, "deletes of unknown blocks 0, inserts over live ones 0"));
	struct trace *t = load(path);

	assert_true(t->stats.n_ops[OP_INSERT] > 20 && t->stats.n_ops[OP_DELETE] > 10);
	trace_free(t);
}

static void test_threads_fork_and_exit(void **state)
{
	const struct folder *f = *state;
	char args[256];
	char path[128];

	snprintf(path, sizeof(path), "%s/t.malloc.csv.gz", f->path);
	snprintf(args, sizeof(args), "-o %s build/record_threads keep", path);
	assert_int_equal(record(f, args), 3);
	struct trace *t = load(path);

	/* 4 threads x 5,000 blocks made before the barrier and as many after it. */
	assert_int_equal(count(t, OP_INSERT, 1001), 40000);
	/* Each of the 20,000 grows, half of them to 33,003 bytes: inserted anew, or updated in
	 * place. */
	assert_int_equal(count(t, OP_INSERT, 3003) + count(t, OP_UPDATE, 3003), 10000);
	assert_int_equal(count(t, OP_INSERT, 33003) + count(t, OP_UPDATE, 33003), 10000);
	assert_int_equal(count(t, OP_DELETE, 3003), 10000);
	assert_int_equal(count(t, OP_DELETE, 33003), 10000);
	assert_int_equal(count(t, OP_DELETE, 1001) + count(t, OP_UPDATE, 3003) +
				 count(t, OP_UPDATE, 33003),
			 40000);
	/* The fork's child is no part of it; the last block before _exit() is. */
	assert_int_equal(count(t, OP_INSERT, 4004), 1);
	assert_int_equal(count(t, OP_DELETE, 4004), 0);
	assert_int_equal(count(t, OP_INSERT, 5005), 0);
	assert_int_equal(count(t, OP_INSERT, 6006), 1);
	/* calloc, memalign, aligned_alloc, valloc, pvalloc, reallocarray, realloc, strdup,
	 * posix_memalign. */
	static const uint32_t sizes[] = {77, 78, 128, 79, 80, 81, 82, 3, 84};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(count(t, OP_INSERT, sizes[i]) >= 1);
		assert_int_equal(count(t, OP_INSERT, sizes[i]), count(t, OP_DELETE, sizes[i]));
	}
	trace_free(t);
}

/* The child's file begins with what it inherited, so that it adds up, too. */
static void test_children(void **state)
{
	const struct folder *f = *state;
	char args[256];
	char path[128];
	glob_t children;

	snprintf(path, sizeof(path), "%s/c.malloc.csv.gz", f->path);
	snprintf(args, sizeof(args), "--children -o %s build/record_threads", path);
	assert_int_equal(record(f, args), 3);
	trace_free(load(path));
	strcat(path, ".*.gz");
	assert_int_equal(glob(path, 0, NULL, &children), 0);
	assert_int_equal(children.gl_pathc, 1);
	struct trace *t = load(children.gl_pathv[0]);

	assert_int_equal(count(t, OP_INSERT, 4004), 1);
	assert_int_equal(count(t, OP_DELETE, 4004), 1);
	assert_int_equal(count(t, OP_INSERT, 5005), 1);
	assert_int_equal(count(t, OP_DELETE, 5005), 1);
	trace_free(t);
	globfree(&children);
}

/* The process stays the same over an exec; its last image is what was asked for. */
static void test_exec(void **state)
{
	const struct folder *f = *state;
	char args[256];
	char path[128];

	snprintf(path, sizeof(path), "%s/e.malloc.csv.gz", f->path);
	snprintf(args, sizeof(args), "-o %s /bin/sh -c 'exec build/record_threads'", path);
	assert_int_equal(record(f, args), 3);
	struct trace *t = load(path);

	assert_int_equal(count(t, OP_INSERT, 1001), 40000);
	trace_free(t);
}

static void test_bad_usage(void **state)
{
	const struct folder *f = *state;

	assert_int_equal(record(f, ""), 2);
	assert_true(said(f, "no program given"));
	assert_int_equal(record(f, "--wrong ls"), 2);
	assert_true(said(f, "--wrong is not known"));
	assert_int_equal(record(f, "no-such-program-here"), 2);
	assert_true(said(f, "no-such-program-here is not found"));
	assert_int_equal(record(f, "-o /no/such/folder/x.gz ls"), 2);
	assert_true(said(f, "/no/such/folder/x.gz does not exist"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_program),
		cmocka_unit_test(test_threads_fork_and_exit),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_bad_usage),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
