/* SPDX-License-Identifier: MIT */
/* test_matrix.c - whole matrices against a stand-in for `run`: failures, SIGKILL and resume, Ctrl-C, a full
 * disk, shards and merge.  The stand-in is a shell script whose behaviour a cell chooses by value-bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/table.h"
#include "report/text.h"
#include "run/config.h"
#include "run/matrix.h"
#include "run/matrix_progress.h"
#include "run/matrix_store.h"

extern const struct cli_command cmd_matrix;
extern const struct cli_command cmd_merge;

#ifdef RECLAIMBENCH_SANITIZED
#define N_KILLS 6
#else
#define N_KILLS 25
#endif

struct fixture {
	char dir[64]; /* of this test: job files, the stand-in, results */
	char binary[128], job[128], out[128];
	char cgroup[160]; /* that the matrix shall run in; "": where it is */
	struct matrix_plan plan;
};

/* 0: good; 8: good, slow; 16: gives up; 24: crashes; 32: hangs; 40: a check failed; 48: torn file;
 * 56: killed; 64: rows of another cell; 72: no file; 80: big; 96: takes memory without end; 104: gives up, in
 * bytes that are no UTF-8; 112: a long line in which a cut falls into a character. */
static const char *const script =
	"for a in \"$@\"; do case $a in\n"
	"--out=*) out=${a#*=};; --cell-id=*) cell=${a#*=};; --rep=*) rep=${a#*=};;\n"
	"--run-id=*) run=${a#*=};; --value-bytes=*) how=${a#*=};; --keys=*) keys=${a#*=};;\n"
	"--seed=*) seed=${a#*=};; --scenario=*) scenario=${a#*=};; esac; done\n"
	"echo \"running $keys\"\n"
	"row() { echo "
	"\"1,$run,b,e,$1,leak,,$scenario,1,$keys,50/25/"
	"25,uniform,$how,4096,empty,span,poisson,,\"\\\n"
	"\"$seed,$rep,max,5,,mutator,all,,all,throughput,rate,1000,ops/s,higher,1,1,ok,\"; }\n"
	"[ \"$how\" = 72 ] && exit 0\n"
	"echo " /* the header is put here */
	;
static const char *const script_end =
	" >\"$out/run.csv\"\n"
	"[ \"$how\" = 64 ] && cell=0000\n"
	"row $cell >>\"$out/run.csv\"; row $cell | sed s/,rate,/,mean,/ >>\"$out/run.csv\"\n"
	"case $how in 8) sleep 0.02;; 16) echo 'no such thing' >&2; exit 3;; 24) kill -SEGV $$;;\n"
	"32) sleep 1000;; 40) echo 'little: off' >&2; exit 1;; 48) printf '1,torn' "
	">>\"$out/run.csv\";;\n"
	"56) kill -KILL $$;; 80) head -c 200000 /dev/zero >\"$out/big\" || exit 9;;\n"
	"96) exec awk 'BEGIN { for (s = \"x\"; ; ) s = s s }';;\n"
	"104) printf 'no \\377 such \\303(\\n' >&2; exit 3;;\n"
	"112) awk 'BEGIN { for (; i < 200; i++) s = s \"\xc3\xa4\"; print s }' >&2; exit 3;; esac\n"
	"exit 0\n";

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char header[1024];
	char text[8192];

	snprintf(f->dir, sizeof(f->dir), "/tmp/test_matrix.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->binary, sizeof(f->binary), "%s/run.sh", f->dir);
	snprintf(f->job, sizeof(f->job), "%s/job.ini", f->dir);
	snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	report_csv_header(false, header, sizeof(header));
	snprintf(text, sizeof(text), "#!/bin/sh\n%s%s%s", script, header, script_end);
	write_text(f->binary, text);
	assert_int_equal(chmod(f->binary, 0755), 0);
	f->plan = (struct matrix_plan){
		.binary = f->binary,
		.out_dir = f->out,
		.shard = 1,
		.n_shards = 1,
		.order_seed = 1,
		.env_id = "env1",
		.quiet = true,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	matrix_remove_tree(f->dir);
	free(f);
	return 0;
}

/* Run the job in a child process whose output goes nowhere; returns its pid. */
static pid_t matrix_fork(const struct fixture *f)
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	struct matrix_job job;
	char error[512];
	const int none = open("/dev/null", O_WRONLY);
	int code = 99;

	if (!getenv("TEST_VERBOSE")) {
		dup2(none, STDOUT_FILENO);
		dup2(none, STDERR_FILENO);
	}
	close(none);
	if (*f->cgroup) {
		char procs[192];

		snprintf(procs, sizeof(procs), "%s/cgroup.procs", f->cgroup);
		write_text(procs, "0");
	}
	if (!matrix_job_read(&job, f->job, run_options, error, sizeof(error)))
		code = matrix_run(&job, &f->plan);
	matrix_job_fini(&job);
	_exit(code);
}

/* The exit code, or 1000 + the signal. */
static int matrix_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int matrix_whole(const struct fixture *f)
{
	return matrix_wait(matrix_fork(f));
}

static struct table *result(const char *dir)
{
	char path[256], error[512];
	struct table *t;

	snprintf(path, sizeof(path), "%s/run.csv", dir);
	if (table_read(&t, path, error, sizeof(error)))
		fail_msg("%s", error);
	assert_null(table_warning(t, 0));
	return t;
}

/* How many rows have this text in a column and this repetition (0: any). */
static size_t count_rows(const struct table *t, enum table_column column, const char *text, int rep)
{
	size_t n = 0;

	for (size_t row = 0; row < table_n_rows(t); row++)
		n += !strcmp(table_text(t, row, column), text) &&
		     (!rep || table_number(t, row, COL_rep) == rep);
	return n;
}

/* Every one of n keys has its two rows in every repetition, and there is nothing else. */
static void expect_complete(const char *dir, int n_keys, int n_reps)
{
	struct table *t = result(dir);

	for (int key = 1; key <= n_keys; key++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", key);
		for (int rep = 1; rep <= n_reps; rep++) {
			const size_t n = count_rows(t, COL_keys, text, rep);

			if (n != 2)
				fail_msg("keys %d repetition %d: %zu rows", key, rep, n);
		}
	}
	assert_int_equal(table_n_rows(t), 2 * n_keys * n_reps);
	table_free(t);
}

static json_t *journal_line(FILE *f)
{
	char line[1024];

	return fgets(line, sizeof(line), f) ? json_loads(line, 0, NULL) : NULL;
}

/* The cells in the order they ended, "ID-REP" each. */
static size_t read_journal(const char *dir, char names[][32], size_t max)
{
	char path[256];
	json_t *entry;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/journal", dir);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while ((entry = journal_line(f))) {
		assert_true(n < max);
		memset(names[n], 0, 32);
		snprintf(names[n++], 32, "%s", json_string_value(json_object_get(entry, "cell")));
		json_decref(entry);
	}
	fclose(f);
	return n;
}

static void test_good(void **state)
{
	struct fixture *f = *state;
	char names[64][32] = {""}, again[64][32] = {""};

	write_text(f->job, "[a b]\nstrategy=leak\nkeys=1..8+1\nvalue-bytes=0\nreps=3\nseed=10\n");
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	expect_complete(f->out, 8, 3);
	struct table *t = result(f->out);

	assert_int_equal(count_rows(t, COL_scenario, "a b", 0), 48);
	assert_int_equal(count_rows(t, COL_seed, "10", 1),
			 16); /* a repetition, one seed for all cells */
	assert_int_equal(count_rows(t, COL_seed, "12", 3), 16);
	table_free(t);
	/* Interleaved: every repetition of all cells ends before the next begins, in changing order. */
	assert_int_equal(read_journal(f->out, names, 64), 24);
	for (int i = 0; i < 24; i++)
		assert_int_equal(atoi(strchr(names[i], '-') + 1), i / 8 + 1);
	bool same = true;

	for (int i = 0; i < 8; i++)
		same &= !strncmp(names[i], names[i + 8], 16);
	assert_false(same);
	/* The same seed, the same order; another seed, another one. */
	snprintf(f->out, sizeof(f->out), "%s/out2/deep/er", f->dir);
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	read_journal(f->out, again, 64);
	assert_memory_equal(names, again, sizeof(names[0]) * 24);
	snprintf(f->out, sizeof(f->out), "%s/out3", f->dir);
	f->plan.order_seed = 2;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	read_journal(f->out, again, 64);
	assert_memory_not_equal(names, again, sizeof(names[0]) * 24);
}

static void test_failures(void **state)
{
	static const struct {
		const char *value_bytes, *reason;
	} rows[] = {
		{"16", "it gave up (exit 3): no such thing"},
		{"24", "killed by SIGSEGV: running 7"},
		{"32", "not finished after 1 s (time-limit); killed"},
		{"40", "a check failed (exit 1): little: off"},
		{"48", "it left no usable run.csv: run.csv"},
		{"56", "killed by SIGKILL from outside: running 7"},
		{"64", "run.csv:2: rows of cell 0000 repetition 1, want"},
		{"72", "it left no usable run.csv: run.csv: No such file"},
	};
	struct fixture *f = *state;
	struct table *t;

	write_text(f->job, "[a]\nstrategy=leak\nkeys=7\nvalue-bytes=0,16,24,32,40,48,56,64,72,"
			   "88\ntime-limit=1s\n");
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED);
	t = result(f->out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t at = 0;

		while (at < table_n_rows(t) &&
		       (strcmp(table_text(t, at, COL_value_bytes), rows[i].value_bytes) ||
			table_status(t, at) != STATUS_FAILED))
			at++;
		if (at == table_n_rows(t))
			fail_msg("no failed row for %s", rows[i].value_bytes);
		if (!strcmp(rows[i].value_bytes,
			    "48")) /* torn: which of two words depends on where */
			assert_non_null(strstr(table_text(t, at, COL_reason), "torn"));
		else if (!strstr(table_text(t, at, COL_reason), rows[i].reason))
			fail_msg("got '%s', want '%s'", table_text(t, at, COL_reason),
				 rows[i].reason);
		assert_string_equal(table_text(t, at, COL_metric), "run");
		assert_string_equal(table_text(t, at, COL_keys), "7");
		/* Rows only of what came to its end: the failed check keeps its own. */
		assert_int_equal(count_rows(t, COL_value_bytes, rows[i].value_bytes, 0),
				 strcmp(rows[i].value_bytes, "40") ? 1 : 3);
	}
	assert_int_equal(count_rows(t, COL_value_bytes, "0", 0), 2); /* the others went on */
	assert_int_equal(count_rows(t, COL_value_bytes, "88", 0), 2);
	table_free(t);
	/* Resumed: the failed ones stay, unless they shall run again. */
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED);
	write_text(f->job, "[a]\nstrategy=leak\nkeys=7\nvalue-bytes=0\n");
	assert_int_equal(matrix_whole(f), EXIT_USAGE); /* another job file */
	f->plan.allow_mixed = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
}

/* Names and logs may be any bytes: what failed is a row with a reason, and the others run. */
static void test_bytes(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct table *t;

	snprintf(f->job, sizeof(f->job), "%s/j\xff.ini", f->dir);
	write_text(f->job, "[a \xff]\nstrategy=leak\nkeys=7\nvalue-bytes=104,112,0\nreps=2\n");
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED);
	t = result(f->out);
	assert_int_equal(count_rows(t, COL_status, "failed", 0), 4);
	assert_int_equal(count_rows(t, COL_reason, "it gave up (exit 3): no ? such ?(", 0), 2);
	assert_int_equal(count_rows(t, COL_value_bytes, "0", 0), 4);
	assert_int_equal(count_rows(t, COL_scenario, "a \xff", 0), 8);
	for (size_t row = 0; row < table_n_rows(t); row++)
		for (const char *at = table_text(t, row, COL_reason); *at;) {
			const size_t length = text_utf8_length(at);

			assert_true(length > 0);
			at += length;
		}
	table_free(t);
	snprintf(path, sizeof(path), "%s/matrix.json", f->out);
	json_t *identity = json_load_file(path, 0, NULL);

	snprintf(path, sizeof(path), "%s/j?.ini", f->dir);
	assert_string_equal(json_string_value(json_object_get(identity, "job_file")), path);
	json_decref(identity);
}

#define OOM_LIMIT "268435456"

/* Make a cgroup with a limit of memory, of version 1 or 2; false where that is not permitted. */
static bool make_cgroup(char *dir, size_t size)
{
	static const char *const roots[][2] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
					       {"/sys/fs/cgroup", "memory.max"}};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		char path[192];

		snprintf(dir, size, "%s/reclaimbench-test-%d", roots[i][0], (int)getpid());
		snprintf(path, sizeof(path), "%s/%s", dir, roots[i][1]);
		if (mkdir(dir, 0777) == 0 && access(path, W_OK) == 0) {
			write_text(path, OOM_LIMIT);
			return true;
		}
		rmdir(dir);
	}
	return false;
}

/* The kernel kills a cell that takes more memory than there is: a failed row says so, and the others run. */
static void test_out_of_memory(void **state)
{
	struct fixture *f = *state;
	size_t at = 0;

	if (!make_cgroup(f->cgroup, sizeof(f->cgroup))) {
		print_message("skipped: a limit of memory needs the right to make a cgroup\n");
		skip();
	}
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..3+1\nvalue-bytes=0,96\ntime-limit=100s\n");
	const int code = matrix_whole(f);

	for (int i = 0; rmdir(f->cgroup) && i < 100; i++)
		usleep(10000); /* until the kernel has let the last process go */
	assert_int_equal(code, EXIT_CELLS_FAILED);
	struct table *t = result(f->out);

	assert_int_equal(table_n_rows(t), 3 * 2 + 3);
	assert_int_equal(count_rows(t, COL_value_bytes, "0", 0), 6);
	for (; at < table_n_rows(t); at++) {
		if (!strcmp(table_text(t, at, COL_value_bytes), "0"))
			continue;
		assert_int_equal(table_status(t, at), STATUS_FAILED);
		if (strncmp(table_text(t, at, COL_reason), "killed by SIGKILL for want of memory",
			    36))
			fail_msg("reason: %s", table_text(t, at, COL_reason));
	}
	table_free(t);
}

static void test_retry_failed(void **state)
{
	struct fixture *f = *state;
	char names[8][32];
	char flag[160], text[4096];

	/* It fails as long as the file is not there. */
	snprintf(flag, sizeof(flag), "%s/flag", f->dir);
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\nvalue-bytes=0,8\n");
	FILE *old = fopen(f->binary, "r");
	const size_t n = fread(text, 1, sizeof(text) - 1, old);

	text[n] = '\0';
	fclose(old);
	FILE *new = fopen(f->binary, "w");

	fprintf(new, "#!/bin/sh\ncase \"$*\" in *value-bytes=8*) [ -e %s ] || exit 4;; esac\n%s",
		flag, text + strlen("#!/bin/sh\n"));
	fclose(new);
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED);
	write_text(flag, "");
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED); /* a failure is a result */
	f->plan.retry_failed = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	struct table *t = result(f->out);

	assert_int_equal(table_n_rows(t), 4);
	table_free(t);
	assert_int_equal(read_journal(f->out, names, 8), 3);
}

/* Killed with SIGKILL at many moments, resumed until it is whole: no row lost, doubled or torn. */
static void test_killed_and_resumed(void **state)
{
	struct fixture *f = *state;
	int n_killed = 0;
	int code = -1;
	unsigned delay_us = 3000;
	char names[64][32];

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..10+1\nvalue-bytes=8\nreps=2\n");
	for (int round = 0; round < N_KILLS && code; round++) {
		const pid_t pid = matrix_fork(f);

		usleep(delay_us);
		delay_us += 7919; /* another moment each time */
		kill(pid, SIGKILL);
		code = matrix_wait(pid);
		if (code != 1000 + SIGKILL && code != EXIT_GOOD)
			fail_msg("round %d: code %d", round, code);
		n_killed += code != EXIT_GOOD;
		f->plan.resume = true;
	}
	assert_true(n_killed > 2);
	if (code)
		code = matrix_whole(f);
	assert_int_equal(code, EXIT_GOOD);
	expect_complete(f->out, 10, 2);
	const size_t n = read_journal(f->out, names, 64);

	assert_int_equal(n, 20);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++)
			assert_string_not_equal(names[i], names[k]);
	}
	print_message("killed %d times\n", n_killed);
}

static void test_torn_journal(void **state)
{
	struct fixture *f = *state;
	char path[160];
	char names[8][32];

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..3+1\nvalue-bytes=0\n");
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/journal", f->out);
	/* As if it was killed in the last line: the folder is whole, so only the line is written again. */
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 10), 0);
	snprintf(path, sizeof(path), "%s/run.csv", f->out);
	unlink(path);
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	expect_complete(f->out, 3, 1);
	assert_int_equal(read_journal(f->out, names, 8), 3);
}

/* Damaged in the middle, or not to be read: refused, and left as it is. */
static void test_damaged_journal(void **state)
{
	struct fixture *f = *state;
	char path[160];
	char names[8][32];
	struct stat st;

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..3+1\nvalue-bytes=0\n");
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/journal", f->out);
	assert_int_equal(stat(path, &st), 0);
	FILE *journal = fopen(path, "r+");

	assert_non_null(journal);
	fputc('x', journal);
	fclose(journal);
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
	const off_t before = st.st_size;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, before);
	/* As the message says. */
	unlink(path);
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	assert_int_equal(read_journal(f->out, names, 8), 3);
	/* Too few descriptors for the journal's second one. */
	assert_int_equal(stat(path, &st), 0);
	for (rlim_t n = 6; n < 12; n++) {
		struct rlimit limit, few;
		struct stat now;

		getrlimit(RLIMIT_NOFILE, &limit);
		few = (struct rlimit){n, limit.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		(void)matrix_whole(f);
		setrlimit(RLIMIT_NOFILE, &limit);
		assert_int_equal(stat(path, &now), 0);
		assert_int_equal(now.st_size, st.st_size);
	}
}

static void test_refuses(void **state)
{
	struct fixture *f = *state;

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\nvalue-bytes=0\n");
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	assert_int_equal(matrix_whole(f), EXIT_USAGE); /* there is one already */
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	f->plan.env_id = "env2";
	assert_int_equal(matrix_whole(f), EXIT_USAGE); /* another machine */
	f->plan.env_id = "env1";
	f->plan.n_shards = 2;
	assert_int_equal(matrix_whole(f), EXIT_USAGE); /* another shard */
	f->plan.n_shards = 1;
	FILE *binary = fopen(f->binary, "a");

	fputs("# changed\n", binary);
	fclose(binary);
	assert_int_equal(matrix_whole(f), EXIT_USAGE); /* another program */
	f->plan.allow_mixed = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	/* A value that `run` refuses is found before anything runs. */
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\nmix=1/2/3\n");
	snprintf(f->out, sizeof(f->out), "%s/out2", f->dir);
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
	assert_int_not_equal(access(f->out, F_OK), 0);
	f->plan.binary = "/no/such/program";
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\n");
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
}

/* Rows that `run` or `merge` wrote stay; a matrix goes elsewhere, resumed or not. */
static void test_rows_of_others(void **state)
{
	struct fixture *f = *state;
	char path[256], text[16] = "";

	assert_int_equal(mkdir(f->out, 0777), 0);
	snprintf(path, sizeof(path), "%s/run.csv", f->out);
	write_text(path, "rows of a run");
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\nvalue-bytes=0\n");
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
	f->plan.resume = f->plan.allow_mixed = true;
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "rows of a run");
	snprintf(path, sizeof(path), "%s/cells", f->out); /* and nothing is put beside them */
	assert_int_not_equal(access(path, F_OK), 0);
}

/* Wait until some repetitions are finished. */
static void wait_for_journal(const char *dir, size_t n)
{
	char path[256];
	char names[256][32];

	snprintf(path, sizeof(path), "%s/journal", dir);
	for (int i = 0; i < 2000; i++) {
		if (!access(path, F_OK) && read_journal(dir, names, 256) >= n)
			return;
		usleep(10000);
	}
	fail_msg("no progress");
}

static void test_interrupt(void **state)
{
	struct fixture *f = *state;

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..20+1\nvalue-bytes=8\nreps=2\n");
	const pid_t pid = matrix_fork(f);

	wait_for_journal(f->out, 3);
	kill(pid, SIGINT);
	assert_int_equal(matrix_wait(pid), EXIT_INTERRUPTED);
	struct table *t = result(f->out); /* what was finished is there */
	const size_t n_rows = table_n_rows(t);

	table_free(t);
	assert_in_range(n_rows, 6, 78);
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..20+1\nvalue-bytes=8\nreps=2\n");
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	expect_complete(f->out, 20, 2);
	/* A hanging child goes with it. */
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\nvalue-bytes=32\ntime-limit=1h\n");
	snprintf(f->out, sizeof(f->out), "%s/out2", f->dir);
	f->plan.resume = false;
	const pid_t hanging = matrix_fork(f);

	usleep(200000);
	kill(hanging, SIGTERM);
	assert_int_equal(matrix_wait(hanging), EXIT_INTERRUPTED);
}

/* A disk of 1 MB: what was finished stays, and when there is room again it goes on. */
static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	char big[200];

	if (mkdir(f->out, 0777) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", f->out, "tmpfs", 0, "size=1m")) {
		print_message("skipped: a small disk needs the right to mount one\n");
		skip();
	}
	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..12+1\nvalue-bytes=80\n");
	assert_int_equal(matrix_whole(f), EXIT_CELLS_FAILED);
	/* Make room: what the stand-in wrote beside its rows. */
	char names[64][32];
	const size_t n = read_journal(f->out, names, 64);

	assert_in_range(n, 2, 5);
	for (size_t i = 0; i < n; i++) {
		snprintf(big, sizeof(big), "%s/cells/%s/big", f->out, names[i]);
		unlink(big);
	}
	assert_int_equal(mount("none", f->out, "tmpfs", MS_REMOUNT, "size=20m"), 0);
	f->plan.resume = true;
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	expect_complete(f->out, 12, 1);
	/* Unwritable in mid-matrix. */
	assert_int_equal(mount("none", f->out, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(matrix_whole(f), EXIT_USAGE);
	expect_complete(f->out, 12, 1);
	umount(f->out);
}

static int merge(char *a, char *b, char *c, char *out, char *option)
{
	char name[] = "merge";
	char *argv[] = {name, out, a, b, c, option, NULL};
	const int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
	const int none = open("/dev/null", O_WRONLY);
	int argc = 2;
	int code;

	for (int i = 2; i < 6; i++) {
		if (argv[i])
			argv[argc++] = argv[i];
	}
	argv[argc] = NULL;
	fflush(stdout);
	if (!getenv("TEST_VERBOSE")) {
		dup2(none, STDOUT_FILENO);
		dup2(none, STDERR_FILENO);
	}
	code = cmd_merge.main(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	close(none);
	return code;
}

/* A matrix.json that no matrix wrote is refused at once: each repetition it names would be looked for. */
static void test_merge_checks_the_matrix(void **state)
{
	static const char *const cells[] = {
		"[{\"id\": \"0123456789abcdef\", \"reps\": 100000000}]",
		"[{\"id\": \"0123456789abcdef\", \"reps\": 4294967297}]",
		"[{\"id\": \"0123456789abcdef\", \"reps\": 0}]",
		"[{\"id\": \"0123456789abcdef\", \"reps\": 1.5}]",
		"[{\"id\": \"0123456789abcdef\"}]",
		"[{\"id\": \"../../x\", \"reps\": 1}]",
		"[{\"reps\": 1}]",
		"[7]",
		"{}",
		"null",
	};
	struct fixture *f = *state;
	char part[128], path[160], out[160], text[256];

	snprintf(part, sizeof(part), "%s/part", f->dir);
	snprintf(path, sizeof(path), "%s/matrix.json", part);
	snprintf(out, sizeof(out), "--out=%s/merged", f->dir);
	assert_int_equal(mkdir(part, 0777), 0);
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		snprintf(text, sizeof(text), "{\"cells\": %s}\n", cells[i]);
		write_text(path, text);
		assert_int_equal(merge(part, NULL, NULL, out, NULL), EXIT_USAGE);
	}
	/* Good, with nothing finished. */
	write_text(path, "{\"cells\": [{\"id\": \"0123456789abcdef\", \"reps\": 2}]}\n");
	assert_int_equal(merge(part, NULL, NULL, out, NULL), EXIT_CHECK_FAILED);
}

/* I/N in numbers that are not cut to 32 bits. */
static void test_shard_is_a_number(void **state)
{
	static const char *const bad[] = {"4294967297/4",
					  "1/4294967300",
					  "-4294967295/4",
					  "0/4",
					  "5/4",
					  "1/100001",
					  "1",
					  "/4",
					  "1/",
					  "1/4/2",
					  " 1/4",
					  "1/4 ",
					  "0000000000000000000000000000001x/4"};
	struct fixture *f = *state;
	char name[] = "matrix", dry[] = "--dry-run", shard[80], out[160];

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1\n");
	snprintf(out, sizeof(out), "--out=%s/none", f->dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(shard, sizeof(shard), "--shard=%s", bad[i]);
		assert_int_equal(
			cmd_matrix.main(5, (char *[]){name, dry, out, shard, f->job, NULL}),
			EXIT_USAGE);
	}
	snprintf(shard, sizeof(shard), "--shard=1/4");
	assert_int_equal(cmd_matrix.main(5, (char *[]){name, dry, out, shard, f->job, NULL}),
			 EXIT_GOOD);
}

static void test_shards_and_merge(void **state)
{
	struct fixture *f = *state;
	char parts[3][128], out[160], option_gaps[] = "--allow-gaps",
				      option_mixed[] = "--allow-mixed";
	char path[300];

	write_text(f->job, "[a]\nstrategy=leak\nkeys=1..20+1\nvalue-bytes=0\nreps=2\n");
	f->plan.n_shards = 3;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(parts[i], sizeof(parts[i]), "%s/part%u", f->dir, i);
		f->plan.out_dir = parts[i];
		f->plan.shard = i + 1;
		assert_int_equal(matrix_whole(f), EXIT_GOOD);
	}
	snprintf(out, sizeof(out), "--out=%s/merged", f->dir);
	assert_int_equal(merge(parts[0], parts[1], NULL, out, NULL), EXIT_CHECK_FAILED); /* a gap */
	assert_int_equal(merge(parts[0], parts[1], parts[0], out, NULL), EXIT_USAGE); /* doubled */
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, NULL), EXIT_GOOD);
	expect_complete(out + strlen("--out="), 20, 2);
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, NULL),
			 EXIT_USAGE); /* there already */
	snprintf(out, sizeof(out), "--out=%s/merged2", f->dir);
	assert_int_equal(merge(parts[0], parts[1], NULL, out, option_gaps), EXIT_GOOD);
	/* A shard of another machine. */
	snprintf(out, sizeof(out), "--out=%s/merged3", f->dir);
	matrix_remove_tree(parts[2]);
	f->plan.env_id = "env2";
	assert_int_equal(matrix_whole(f), EXIT_GOOD);
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, NULL), EXIT_NOT_COMPARABLE);
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, option_mixed), EXIT_GOOD);
	/* A torn file. */
	snprintf(out, sizeof(out), "--out=%s/merged4", f->dir);
	char names[64][32];

	assert_true(read_journal(parts[0], names, 64) > 0);
	snprintf(path, sizeof(path), "%s/run.csv", parts[0]);
	unlink(path); /* what counts is the cells: this one may be older than they are */
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, option_mixed), EXIT_GOOD);
	expect_complete(out + strlen("--out="), 20, 2);
	snprintf(out, sizeof(out), "--out=%s/merged5", f->dir);
	snprintf(path, sizeof(path), "%s/cells/%s/run.csv", parts[0], names[0]);
	FILE *torn = fopen(path, "a");

	fputs("1,run", torn);
	fclose(torn);
	assert_int_equal(merge(parts[0], parts[1], parts[2], out, option_mixed), EXIT_USAGE);
	snprintf(path, sizeof(path), "%s/run.csv", out + strlen("--out="));
	assert_int_not_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Progress shows what the mutators did, whatever readers did beside them. */
static void test_figures_are_the_mutators(void **state)
{
	static const char *const columns = ""
#define COLUMN(name) #name ","
#include "report/columns.def"
#undef COLUMN
		;
	static const char *const rows[] = {"mutator,all,,all,throughput,rate,1000",
					   "reader,all,,all,throughput,rate,7"};
	char dir[] = "/tmp/test_matrix.XXXXXX", path[64], reason[256] = "";
	struct matrix_figures figures;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%.*s\n", (int)strlen(columns) - 1, columns);
	for (unsigned i = 0; i < 2; i++)
		fprintf(f,
			"1,r,b,e,c1,leak,,s,1,64,50/25/"
			"25,uniform,64,4096,empty,span,poisson,,7,0,max,5,,%s,"
			"ops/s,higher,1,1,ok,\n",
			rows[i]);
	assert_int_equal(fclose(f), 0);
	if (!matrix_read_figures(&figures, dir, "c1", 0, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_true(figures.ops_per_s == 1000);
	unlink(path);
	rmdir(dir);
}

static void write_env(const char *path, const char *run_id, const char *steal)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"facts\": {\"run.id\": \"%s\"%s%s%s}}\n", run_id,
		 steal ? ", \"run.steal\": \"" : "", steal ? steal : "", steal ? "\"" : "");
	write_text(path, text);
}

/* The record of a matrix is that of its most disturbed repetition. */
static void test_env_is_the_worst(void **state)
{
	static const char *const steals[] = {NULL, "0.00 %", "12.50 %", "9.99 %", "unknown"};
	struct fixture *f = *state;
	char paths[5][160];
	char *files[5];
	char out[160], error[256];

	for (int i = 0; i < 5; i++) {
		const char id[2] = {(char)('a' + i), '\0'};

		snprintf(paths[i], sizeof(paths[i]), "%s/env%d.json", f->dir, i);
		write_env(paths[i], id, steals[i]);
		files[i] = paths[i];
	}
	snprintf(out, sizeof(out), "%s/env.json", f->dir);
	assert_int_equal(matrix_choose_env(out, files, 5, error, sizeof(error)), 0);
	json_t *env = json_load_file(out, 0, NULL);
	const json_t *facts = json_object_get(env, "facts");

	assert_string_equal(json_string_value(json_object_get(facts, "run.id")), "c");
	json_decref(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_failures),
		TEST(test_retry_failed),
		TEST(test_killed_and_resumed),
		TEST(test_torn_journal),
		TEST(test_damaged_journal),
		TEST(test_refuses),
		TEST(test_rows_of_others),
		TEST(test_bytes),
		TEST(test_interrupt),
		TEST(test_shards_and_merge),
		TEST(test_merge_checks_the_matrix),
		TEST(test_shard_is_a_number),
		TEST(test_full_disk),
		TEST(test_out_of_memory),
		TEST(test_env_is_the_worst),
		cmocka_unit_test(test_figures_are_the_mutators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
