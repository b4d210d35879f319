/* SPDX-License-Identifier: MIT */
/* test_report.c - the HTML page: all parts there, everything escaped, nothing fetched, and a real browser loads it
 * without a complaint, shows every figure and sorts its tables. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "cli.h"
#include "run/config.h"
#include "synthetic.h"

extern char **environ;
extern const struct cli_command cmd_report;
extern const struct cli_command cmd_run;

/* Is a program on the PATH? */
static bool has_program(const char *name)
{
	const char *set = getenv("PATH");
	char *path = strdup(set ? set : "/usr/bin");
	bool is_there = false;

	for (char *dir = strtok(path, ":"); dir && !is_there; dir = strtok(NULL, ":")) {
		char file[512];

		snprintf(file, sizeof(file), "%s/%s", dir, name);
		is_there = access(file, X_OK) == 0;
	}
	free(path);
	return is_there;
}

static const char ENV[] =
	"{\"schema\":1,\"facts\":{\"cpu.model\":\"made <b>up</b>\",\"cpu.governor\":\"unknown\"},"
	"\"warnings\":[{\"key\":\"cpu.governor\",\"level\":\"warn\",\"reason\":\"cannot be told\","
	"\"suggest\":\"cpupower frequency-set -g performance\"}]}";

static char *make_report(char *dir, size_t size, const struct synthetic_strategy *strategies,
			 unsigned n_keys)
{
	char path[512];
	char name[] = "report";
	char quiet[] = "--quiet";
	char *argv[] = {name, quiet, dir, NULL};
	FILE *out;

	synthetic_dir(dir, size);
	synthetic_make(dir, strategies, 2, n_keys);
	snprintf(path, sizeof(path), "%s/env.json", dir);
	out = fopen(path, "w");
	fputs(ENV, out);
	fclose(out);
	assert_int_equal(cmd_report.main(3, argv), EXIT_GOOD);
	return synthetic_read(dir, "report.html", NULL);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void expect(const char *html, const char *what)
{
	if (!strstr(html, what))
		fail_msg("the page does not hold: %s", what);
}

static void test_contents(void **state)
{
	char dir[256];
	char *html;

	(void)state;
	if (!has_program("gnuplot")) {
		print_message("skipped: gnuplot is not installed (apt-get install gnuplot-nox)\n");
		skip();
	}
	html = make_report(dir, sizeof(dir), synthetic_plain, 2);
	/* Seven figures per setting, the heat map and the sizes. */
	assert_int_equal(count(html, "<figure "), 16);
	assert_int_equal(count(html, "<svg "), 16);
	expect(html, "lowest P99 of the lifetime of a deleted value: <b>immediate</b> (");
	expect(html, "under <b>leak</b> more than half of the objects had not been freed");
	expect(html, "Little&#39;s law holds</span> in all 27 stages");
	expect(html, " 2 failed");
	expect(html, "killed by signal 9");
	expect(html, "made &lt;b&gt;up&lt;/b&gt;");
	expect(html, "cpupower frequency-set -g performance");
	expect(html,
	       "reclaimbench run --strategy=sweepgen:batch=64,gogc=50 --threads=1 --keys=1024");
	expect(html, "--stages=1k:5s,5k:5s,max:5s");
	assert_null(strstr(html, "://"));
	assert_null(strstr(html, "src="));
	free(html);
	synthetic_remove(dir);
}

static void test_escaping(void **state)
{
	char dir[256];
	char *html;

	(void)state;
	if (!has_program("gnuplot"))
		skip();
	html = make_report(dir, sizeof(dir), synthetic_hostile, 1);
	assert_null(strstr(html, "<script>alert"));
	/* The page's own script is the only one. */
	assert_int_equal(count(html, "<script"), 1);
	expect(html, "a&quot;b&#39;c&lt;script&gt;alert(1)&lt;/script&gt;:$(touch pwned)");
	/* Quoted for a shell, then escaped for HTML. */
	expect(html, "reclaimbench run &#39;--strategy=a&quot;b&#39;\\&#39;&#39;c&lt;script&gt;");
	free(html);
	synthetic_remove(dir);
}

/* A command of the page as the program reads it; the scenario's stages with their lengths. */
static void check_command(char *line, const struct synthetic_load *load, const char *strategy)
{
	struct run_config config = {0};
	struct cli_args args;
	char *argv[32];
	char *save;
	int argc = 0;

	/* Plain names only: nothing is quoted. */
	assert_null(strpbrk(line, "'\"&"));
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	assert_string_equal(argv[0], "reclaimbench");
	assert_int_equal(cli_parse(&args, &cmd_run, argc - 1, argv + 1), 0);
	assert_int_equal(run_config_parse(&config, &args), 0);
	assert_string_equal(config.ops->name, strategy);
	assert_true(config.n_threads == 2 && config.n_keys == 65536 && config.seed == 7 &&
		    config.sample_1_in == 1);
	for (size_t i = 0; i < config.stages.n; i++) {
		assert_string_equal(config.stages.stage[i].name, load->stages[i].stage);
		assert_int_equal(config.stages.stage[i].duration_ns,
				 (uint64_t)(load->stages[i].stage_s * 1e9 + 0.5));
	}
	assert_null(load->stages[config.stages.n].stage);
	run_config_fini(&config);
	cli_free(&args);
}

static void test_commands(void **state)
{
	char name[] = "report";
	char quiet[] = "--quiet";
	char dir[256];
	char *argv[] = {name, quiet, dir, NULL};
	char *html;
	char *at;
	size_t n = 0;

	(void)state;
	if (!has_program("gnuplot"))
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make_loads(dir, false);
	assert_int_equal(cmd_report.main(3, argv), EXIT_GOOD);
	html = synthetic_read(dir, "report.html", NULL);
	at = strstr(html, "How to reproduce");
	assert_non_null(at);
	/* The paced one names a trace that is not there; its stages are checked as text. */
	expect(html, "--trace=t.csv --seed=7 --stages=max:2s --out=DIR");
	for (char *next; (at = strstr(at, "reclaimbench run ")) != NULL && n < 4; at = next) {
		next = strchr(at, '\n');
		*next++ = '\0';
		check_command(at, &synthetic_loads[n / 2], n % 2 ? "rcu" : "leak");
		n++;
	}
	assert_int_equal(n, 4);
	free(html);
	synthetic_remove(dir);
}

/* One repetition of three that fails a check is seen, where the median of them would hide it. */
static void test_worst_check(void **state)
{
	char name[] = "report";
	char quiet[] = "--quiet";
	char dir[256];
	char *argv[] = {name, quiet, dir, NULL};
	char *html;

	(void)state;
	if (!has_program("gnuplot"))
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make_run(dir, synthetic_plain, 3, 1, 1.75, "r1");
	assert_int_equal(cmd_report.main(3, argv), EXIT_GOOD);
	html = synthetic_read(dir, "report.html", NULL);
	expect(html, "Little&#39;s law fails</span> in 15 of 15 stages");
	expect(html, "<td data-v=\"1.75\" class=\"bad\" title=\"ok\">1.7500</td>");
	assert_null(strstr(html, ">1.0004</td>"));
	expect(html, " title=\"ok\">1.0400</td>");
	free(html);
	synthetic_remove(dir);
}

static void test_errors(void **state)
{
	char name[] = "report";
	char missing[] = "/no/such/dir";
	char output[] = "--output=/dev/full/x";
	char dir[256];
	char *none[] = {name, NULL};
	char *bad[] = {name, missing, NULL};
	char *unwritable[] = {name, output, dir, NULL};

	(void)state;
	assert_int_equal(cmd_report.main(1, none), EXIT_USAGE);
	assert_int_equal(cmd_report.main(2, bad), EXIT_USAGE);
	if (!has_program("gnuplot"))
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 1, 1);
	assert_int_equal(cmd_report.main(3, unwritable), EXIT_CHECK_FAILED);
	synthetic_remove(dir);
}

/* Appended to a copy of the page: looks at it as a reader does and leaves the verdict in the title. */
static const char PROBE[] =
	"<script>\"use strict\";\n"
	"window.addEventListener('load', () => {\n"
	"  const shown = [...document.querySelectorAll('figure svg')].filter((s) => {\n"
	"    const box = s.getBoundingClientRect();\n"
	"    return box.width > 200 && box.height > 100 && s.querySelectorAll('path, use, "
	"text').length > 10;\n"
	"  }).length;\n"
	"  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);\n"
	"  const dangling = [...document.querySelectorAll('use')].filter((u) =>\n"
	"    !document.getElementById((u.getAttribute('xlink:href') || '#').slice(1))).length;\n"
	"  const table = document.querySelector('table.sortable');\n"
	"  const heads = [...table.tHead.rows[0].cells];\n"
	"  const column = heads.findIndex((h) => h.textContent === 'P99');\n"
	"  const values = () => [...table.tBodies[0].rows].map((r) => "
	"Number(r.cells[column].dataset.v))\n"
	"    .filter((v) => !Number.isNaN(v));\n"
	"  const inOrder = (sign) => values().every((v, i, a) => !i || sign * (v - a[i - 1]) >= "
	"0);\n"
	"  heads[column].querySelector('button').click(); const up = inOrder(1);\n"
	"  heads[column].querySelector('button').click(); const down = inOrder(-1);\n"
	"  document.title = `figures ${shown} ids ${ids.length - new Set(ids).size} dangling "
	"${dangling}` +\n"
	"    ` up ${up} down ${down} wide ${document.documentElement.scrollWidth > "
	"window.innerWidth}`;\n"
	"});</script>\n";

/* Run chromium on a page; everything it prints goes to DIR/dom.txt and DIR/log.txt. */
static void browse(const char *program, const char *dir, const char *page, int width)
{
	posix_spawn_file_actions_t actions;
	char url[512];
	char profile[512];
	char size[64];
	char dom[512];
	char log[512];
	pid_t pid;
	int status;
	char *argv[] = {
		(char *)program, (char *)"--headless=new", (char *)"--disable-gpu",
		(char *)"--no-first-run", (char *)"--dump-dom", (char *)"--enable-logging=stderr",
		(char *)"--virtual-time-budget=5000", profile, size,
		/* The browser's own sandbox refuses to run as root, as in a container. */
		geteuid() ? (char *)"--disable-extensions" : (char *)"--no-sandbox", url, NULL};

	snprintf(url, sizeof(url), "file://%s/%s", dir, page);
	snprintf(profile, sizeof(profile), "--user-data-dir=%s/profile", dir);
	snprintf(size, sizeof(size), "--window-size=%d,900", width);
	snprintf(dom, sizeof(dom), "%s/dom.txt", dir);
	snprintf(log, sizeof(log), "%s/log.txt", dir);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, dom, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	assert_int_equal(posix_spawnp(&pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check_browser(const char *program, const struct synthetic_strategy *strategies,
			  unsigned n_keys, int width, const char *verdict)
{
	char dir[256];
	char base[] = "/tmp/reclaimbench-page-XXXXXX";
	char path[512];
	char *html = make_report(dir, sizeof(dir), strategies, n_keys);
	char *text;
	FILE *out;

	/* A path without quotes: this is not about the browser's URL parser. */
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/page.html", base);
	out = fopen(path, "w");
	fprintf(out, "%s%s", html, PROBE);
	fclose(out);
	free(html);
	browse(program, base, "page.html", width);
	text = synthetic_read(base, "log.txt", NULL);
	if (strstr(text, "CONSOLE"))
		fail_msg("the browser's console says: %s", strstr(text, "CONSOLE"));
	free(text);
	text = synthetic_read(base, "dom.txt", NULL);
	if (!strstr(text, verdict)) {
		char *title = strstr(text, "<title>");

		fail_msg("expected '%s', the page says '%.120s'", verdict, title ? title : text);
	}
	free(text);
	synthetic_remove_tree(base);
	synthetic_remove(dir);
}

static void test_browser(void **state)
{
	const char *program = has_program("chromium")	     ? "chromium"
			      : has_program("google-chrome") ? "google-chrome"
							     : NULL;

	(void)state;
	if (!program || !has_program("gnuplot")) {
		print_message("skipped: needs chromium and gnuplot (apt-get install chromium "
			      "gnuplot-nox)\n");
		skip();
		return;
	}
	check_browser(program, synthetic_plain, 1, 1200,
		      "figures 8 ids 0 dangling 0 up true down true wide false");
	check_browser(program, synthetic_hostile, 1, 500,
		      "figures 8 ids 0 dangling 0 up true down true wide false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents), cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_commands), cmocka_unit_test(test_worst_check),
		cmocka_unit_test(test_errors),	 cmocka_unit_test(test_browser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
