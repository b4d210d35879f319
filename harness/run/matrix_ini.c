/* SPDX-License-Identifier: MIT */
/* matrix_ini.c - reads a job file by inih, which tells neither lines nor cut ones: the reader does. */
#include "run/matrix_ini.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* inih cuts longer names of sections and keys without a word (MAX_SECTION, MAX_NAME in its ini.c). */
#define INI_NAME_MAX 49u

struct ini_reader {
	FILE *file;
	const char *path;
	unsigned line;
	bool is_continued; /* the line begins with a blank: it goes on with the value above */
	struct matrix_ini *ini;
	char *error;
	size_t error_size;
	int failed;
};

static void ini_fail(struct ini_reader *r, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void ini_fail(struct ini_reader *r, int err, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (r->failed)
		return;
	r->failed = err;
	n = snprintf(r->error, r->error_size, "%s:%u: ", r->path, r->line);
	if (n < 0 || (size_t)n >= r->error_size)
		return;
	va_start(ap, fmt);
	vsnprintf(r->error + n, r->error_size - (size_t)n, fmt, ap);
	va_end(ap);
}

/* inih's reader: one line.  After a failure the file seems to end. */
static char *ini_read_line(char *buf, int size, void *user)
{
	struct ini_reader *r = user;
	int length = 0;
	int c = EOF;

	if (r->failed)
		return NULL;
	while (length < size - 1 && (c = getc(r->file)) > 0) {
		buf[length++] = (char)c;
		if (c == '\n')
			break;
	}
	buf[length] = '\0';
	if (c == EOF && !length)
		return NULL;
	r->line++;
	if (c == '\0') { /* text ends there for inih, and the rest would be lost without a word */
		ini_fail(r, -EINVAL, "a NUL byte; a job file is text");
		return NULL;
	}
	r->is_continued = *buf == ' ' || *buf == '\t';
	if (c != '\n' && c != EOF) {
		ini_fail(r, -EINVAL,
			 "a line longer than %d characters; go on in the next line, indented",
			 size - 2);
		return NULL;
	}
	if (*buf == '[' && strcspn(buf, "]") > INI_NAME_MAX) {
		ini_fail(r, -EINVAL, "a section name longer than %u characters", INI_NAME_MAX - 1);
		return NULL;
	}
	return buf;
}

static struct matrix_section *ini_section_of(struct matrix_ini *ini, const char *name,
					     unsigned line)
{
	struct matrix_section *sections;

	for (size_t i = 0; i < ini->n; i++) {
		if (!strcmp(ini->sections[i].name, name))
			return &ini->sections[i];
	}
	sections = realloc(ini->sections, (ini->n + 1) * sizeof(*sections));
	if (!sections)
		return NULL;
	ini->sections = sections;
	sections[ini->n] = (struct matrix_section){.name = strdup(name), .line = line};
	if (!sections[ini->n].name)
		return NULL;
	return &sections[ini->n++];
}

/* Where the text ends: at its last character before a comment, which inih leaves on continued lines. */
static size_t ini_comment_at(const char *text)
{
	const char *comment = text;
	size_t length;

	while ((comment = strchr(comment, ';')) && comment > text &&
	       !isspace((unsigned char)comment[-1]))
		comment++;
	length = comment ? (size_t)(comment - text) : strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	return length;
}

/* Append to the text of the section's last entry. */
static int ini_continue(struct ini_reader *r, struct matrix_section *section, const char *text)
{
	struct matrix_entry *entry = &section->entries[section->n - 1];
	const size_t length = strcspn(text, "=:,|. ");
	const int end = (int)ini_comment_at(text);
	char *joined;

	/* An indented "key = value" is meant as a key of its own, but inih takes it for more text. */
	if (text[length + strspn(text + length, " \t")] == '=' && strcmp(entry->key, "strategy") &&
	    strcmp(entry->key, "exclude")) {
		ini_fail(r, -EINVAL,
			 "an indented line goes on with the value of '%s'; write keys at the "
			 "beginning of the line",
			 entry->key);
		return 0;
	}
	if (asprintf(&joined, "%s%.*s", entry->text, end, text) < 0)
		return -ENOMEM;
	free(entry->text);
	entry->text = joined;
	return 1;
}

static int ini_add(struct matrix_section *section, const char *key, const char *text, unsigned line)
{
	struct matrix_entry *entries =
		realloc(section->entries, (section->n + 1) * sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	section->entries = entries;
	entries[section->n] = (struct matrix_entry){strdup(key), strdup(text), line};
	section->n++;
	return entries[section->n - 1].key && entries[section->n - 1].text ? 0 : -ENOMEM;
}

/* inih's handler: nonzero is good. */
static int ini_on_key(void *user, const char *section_name, const char *key, const char *text)
{
	struct ini_reader *r = user;
	struct matrix_section *section;
	const struct matrix_entry *before;

	if (r->failed)
		return 0;
	if (!*section_name) {
		ini_fail(r, -EINVAL, "'%s' before any section; begin with [global] or a [name]",
			 key);
		return 0;
	}
	section = ini_section_of(r->ini, section_name, r->line);
	if (!section) {
		ini_fail(r, -ENOMEM, "out of memory");
		return 0;
	}
	if (r->is_continued && section->n && !strcmp(section->entries[section->n - 1].key, key)) {
		const int good = ini_continue(r, section, text);

		if (good < 0)
			ini_fail(r, -ENOMEM, "out of memory");
		return good > 0;
	}
	before = matrix_ini_find(section, key, 0);
	if (before && strcmp(key, "exclude")) {
		ini_fail(r, -EINVAL,
			 "'%s' stands already at line %u; a list of values is written with commas",
			 key, before->line);
		return 0;
	}
	if (ini_add(section, key, text, r->line))
		ini_fail(r, -ENOMEM, "out of memory");
	return !r->failed;
}

int matrix_ini_read(struct matrix_ini *ini, const char *path, char *error, size_t error_size)
{
	struct ini_reader r = {.path = path, .ini = ini, .error = error, .error_size = error_size};
	int bad_line;

	*ini = (struct matrix_ini){NULL, 0};
	error[0] = '\0';
	r.file = fopen(path, "r");
	if (!r.file) {
		const int err = errno;

		snprintf(error, error_size, "%s: %s", path, strerror(err));
		return -err;
	}
	bad_line = ini_parse_stream(ini_read_line, &r, ini_on_key, &r);
	if (ferror(r.file) && !r.failed) {
		r.failed = -EIO;
		snprintf(error, error_size, "%s: it cannot be read", path);
	}
	fclose(r.file);
	if (!r.failed && bad_line) {
		r.line = (unsigned)(bad_line > 0 ? bad_line : 0);
		ini_fail(&r, bad_line == -2 ? -ENOMEM : -EINVAL,
			 "neither [section] nor key = value nor a comment");
	}
	return r.failed;
}

void matrix_ini_fini(struct matrix_ini *ini)
{
	for (size_t i = 0; i < ini->n; i++) {
		for (size_t k = 0; k < ini->sections[i].n; k++) {
			free(ini->sections[i].entries[k].key);
			free(ini->sections[i].entries[k].text);
		}
		free(ini->sections[i].entries);
		free(ini->sections[i].name);
	}
	free(ini->sections);
	*ini = (struct matrix_ini){NULL, 0};
}

const struct matrix_entry *matrix_ini_find(const struct matrix_section *section, const char *key,
					   size_t nth)
{
	for (size_t i = 0; i < section->n; i++) {
		if (!strcmp(section->entries[i].key, key) && !nth--)
			return &section->entries[i];
	}
	return NULL;
}

const struct matrix_section *matrix_ini_section(const struct matrix_ini *ini, const char *name)
{
	for (size_t i = 0; i < ini->n; i++) {
		if (!strcmp(ini->sections[i].name, name))
			return &ini->sections[i];
	}
	return NULL;
}
