/* SPDX-License-Identifier: MIT */
/* html_page.c - frame, figures and environment of the report. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json_file.h"
#include "report/html.h"
#include "report/text.h"

#define HTML_ASSET(name, file)                                                                     \
	__asm__(".section .rodata\n"                                                               \
		".global html_asset_" #name "\n"                                                   \
		".type html_asset_" #name ", %object\n"                                            \
		"html_asset_" #name ":\n"                                                          \
		".incbin \"harness/report/" file "\"\n"                                            \
		".byte 0\n"                                                                        \
		".size html_asset_" #name ", . - html_asset_" #name "\n"                           \
		".previous\n");                                                                    \
	extern const char html_asset_##name[]

HTML_ASSET(css, "report.css");
HTML_ASSET(js, "report.js");

void html_printf(FILE *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			fputc(*fmt, out);
			continue;
		}
		fmt++;
		if (*fmt == 's')
			text_write_html(out, va_arg(args, const char *));
		else if (*fmt == 'd')
			fprintf(out, "%d", va_arg(args, int));
		else if (*fmt == 'u')
			fprintf(out, "%u", va_arg(args, unsigned));
		else if (*fmt == 'z' && *++fmt == 'u')
			fprintf(out, "%zu", va_arg(args, size_t));
		else if (*fmt == '%')
			fputc('%', out);
		else
			abort(); /* a programming error */
	}
	va_end(args);
}

void html_begin(FILE *out, const char *title)
{
	/* The policy lets nothing be fetched from anywhere. */
	html_printf(out,
		    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
		    "<title>%s</title>\n<style>\n",
		    title);
	fputs(html_asset_css, out);
	fputs("</style>\n</head>\n<body>\n", out);
}

void html_end(FILE *out)
{
	fputs("<script>\n", out);
	fputs(html_asset_js, out);
	fputs("</script>\n</body>\n</html>\n", out);
}

/* Write a line of SVG with `prefix` put before each id and each reference to one. */
static void html_svg_line(FILE *out, const char *line, const char *prefix)
{
	static const char *const marks[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};

	while (*line) {
		size_t i;

		for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
			if (!strncmp(line, marks[i], strlen(marks[i])))
				break;
		if (i == sizeof(marks) / sizeof(marks[0])) {
			fputc(*line++, out);
			continue;
		}
		fputs(marks[i], out);
		fputs(prefix, out);
		line += strlen(marks[i]);
	}
}

/* Lines that only matter to a file of its own. */
static bool html_svg_drops(const char *line)
{
	static const char *const begins[] = {"<?xml", " xmlns", "<title>", "<desc>",
					     "<rect x=\"0\" y=\"0\""};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(line, begins[i], strlen(begins[i])))
			return true;
	return false;
}

int html_svg(FILE *out, const char *path, const char *label, size_t index)
{
	FILE *in = fopen(path, "re");
	char prefix[32];
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (!in)
		return -errno;
	snprintf(prefix, sizeof(prefix), "f%zu-", index);
	while (errno = 0, getline(&line, &size, in) > 0) {
		if (html_svg_drops(line))
			continue;
		if (!strncmp(line, "<svg", 4))
			html_printf(out, "<svg role=\"img\" aria-label=\"%s\"\n", label);
		else
			html_svg_line(out, line, prefix);
	}
	/* Not the end: a read error, or no memory for the line. */
	if (!feof(in))
		rc = errno ? -errno : -EIO;
	free(line);
	fclose(in);
	return rc;
}

static int html_figure(FILE *out, const struct plot_dir *p, size_t i)
{
	const struct figure_info *info = &p->set.list[i];
	char *path;
	int rc;

	if (asprintf(&path, "%s/%s.svg", p->plots, info->name) < 0)
		return -ENOMEM;
	html_printf(out, "<figure id=\"%s\"><div class=\"scroll\">\n", info->name);
	rc = html_svg(out, path, info->title, i);
	html_printf(out,
		    "</div><figcaption>%s%s%s. Script and data: <code>plots/%s.gp</code>, "
		    "<code>.dat</code>; redraw with <code>gnuplot %s.gp</code> "
		    "there.</figcaption></figure>\n",
		    info->title, *info->setting ? ", " : "", info->setting, info->name, info->name);
	free(path);
	return rc;
}

int html_figures(FILE *out, const struct plot_dir *p)
{
	bool is_any_skipped = false;
	int rc = 0;

	fputs("<h2 id=\"figures\">Figures</h2>\n", out);
	for (size_t i = 0; i < p->set.n && !rc; i++) {
		is_any_skipped = is_any_skipped || !p->set.list[i].is_drawn;
		if (p->set.list[i].is_drawn)
			rc = html_figure(out, p, i);
	}
	if (!is_any_skipped)
		return rc;
	fputs("<h3>Not drawn</h3>\n<ul>\n", out);
	for (size_t i = 0; i < p->set.n; i++)
		if (!p->set.list[i].is_drawn)
			html_printf(out, "<li>%s%s%s: %s</li>\n", p->set.list[i].title,
				    *p->set.list[i].setting ? ", " : "", p->set.list[i].setting,
				    p->set.list[i].reason);
	fputs("</ul>\n", out);
	return rc;
}

static const char *html_json_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void html_env_warnings(FILE *out, json_t *env)
{
	json_t *warnings = json_object_get(env, "warnings");
	json_t *facts = json_object_get(env, "facts");
	json_t *warning;
	size_t i;

	if (!json_array_size(warnings)) {
		fputs("<p class=\"good\">Nothing that harms measuring was found.</p>\n", out);
		return;
	}
	html_printf(out,
		    "<p>%zu properties of this machine or build harm measuring, or cannot be "
		    "told:</p>\n"
		    "<div class=\"scroll\"><table><thead><tr><th class=\"text\">property</th><th "
		    "class=\"text\">value"
		    "</th><th class=\"text\">level</th><th class=\"text\">why it "
		    "matters</th></tr></thead><tbody>\n",
		    json_array_size(warnings));
	json_array_foreach(warnings, i, warning)
	{
		const char *key = html_json_text(warning, "key");

		html_printf(
			out,
			"<tr><td class=\"text\"><code>%s</code></td><td class=\"text wrap\">%s</td>"
			"<td class=\"text %s\">%s</td><td class=\"text wrap\">%s",
			key, html_json_text(facts, key),
			strcmp(html_json_text(warning, "level"), "fail") ? "soft" : "bad",
			html_json_text(warning, "level"), html_json_text(warning, "reason"));
		if (*html_json_text(warning, "suggest"))
			html_printf(out, "<br><code>%s</code>", html_json_text(warning, "suggest"));
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void html_env_facts(FILE *out, json_t *env)
{
	json_t *facts = json_object_get(env, "facts");
	const char *key;
	json_t *value;

	html_printf(out,
		    "<details><summary>All %zu properties recorded</summary><div "
		    "class=\"scroll\"><table><tbody>\n",
		    json_object_size(facts));
	json_object_foreach(facts, key, value) html_printf(
		out,
		"<tr><td class=\"text\"><code>%s</code></td><td class=\"text wrap\">%s</td></tr>\n",
		key, json_string_value(value) ? json_string_value(value) : "");
	fputs("</tbody></table></div></details>\n", out);
}

int html_environment(FILE *out, const struct plot_dir *p)
{
	json_error_t error;
	json_t *env;
	char *path;

	if (asprintf(&path, "%s/env.json", p->dir) < 0)
		return -ENOMEM;
	fputs("<h2 id=\"environment\">Environment</h2>\n", out);
	env = json_file_load(path, &error);
	free(path);
	if (!env && errno == ENOMEM)
		return -ENOMEM;
	if (!env) {
		html_printf(out,
			    "<p class=\"bad\">There is no readable env.json (%s): nobody can say "
			    "on what these "
			    "figures were measured.</p>\n",
			    error.text);
		return 0;
	}
	html_env_warnings(out, env);
	html_env_facts(out, env);
	json_decref(env);
	return 0;
}
