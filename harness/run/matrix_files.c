/* SPDX-License-Identifier: MIT */
/* matrix_files.c - whole files or none: concatenation, JSON, trees; declared in matrix_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_file.h"
#include "run/matrix_store.h"

/* fsync the folder a path lies in, so that a rename in it lasts. */
static int files_sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int err = 0;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	const int fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* Flush, sync and close a temporary file and give it its name; on any error it is removed. */
static int files_finish(FILE *f, const char *temporary, const char *path, int err)
{
	if (!err && (fflush(f) || fsync(fileno(f))))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (!err)
		return files_sync_folder_of(path);
	unlink(temporary);
	return err;
}

int matrix_write_json(const char *path, const json_t *json)
{
	char temporary[PATH_MAX];
	FILE *f;
	int err = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	if (json_dumpf(json, f, JSON_INDENT(1) | JSON_PRESERVE_ORDER) || fputc('\n', f) == EOF)
		err = errno ? -errno : -EIO;
	return files_finish(f, temporary, path, err);
}

/* Append one file: its header must be `header` (taken from the first), its last byte a line end. */
static int files_append(FILE *out, const char *path, char **header, char *error, size_t error_size)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	char buf[65536];
	char last = '\n';
	int err = 0;
	size_t n;

	if (!in)
		return errno == ENOENT ? 0 : -errno;
	errno = 0;
	const ssize_t length = getline(&line, &size, in);

	if (length < 0 && !feof(in)) {
		err = errno ? -errno : -EIO;
	} else if (length < 0) {
		snprintf(error, error_size, "%s: empty", path);
		err = -EINVAL;
	} else if (!*header) {
		*header = line;
		line = NULL;
		if (fputs(*header, out) == EOF)
			err = -errno;
	} else if (strcmp(line, *header)) {
		snprintf(error, error_size, "%s:1: other columns than the files before it", path);
		err = -EINVAL;
	}
	while (!err && (n = fread(buf, 1, sizeof(buf), in)) > 0) {
		last = buf[n - 1];
		if (fwrite(buf, 1, n, out) != n)
			err = -errno;
	}
	if (!err && ferror(in))
		err = -EIO;
	if (!err && last != '\n') {
		snprintf(error, error_size, "%s: the last line is torn", path);
		err = -EINVAL;
	}
	free(line);
	fclose(in);
	return err;
}

int matrix_concatenate(const char *path, char *const *files, size_t n_files, char *error,
		       size_t error_size)
{
	char temporary[PATH_MAX];
	char *header = NULL;
	FILE *out;
	int err = 0;

	error[0] = '\0';
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	out = fopen(temporary, "we");
	if (!out)
		err = -errno;
	for (size_t i = 0; out && !err && i < n_files; i++)
		err = files_append(out, files[i], &header, error, error_size);
	if (out && !header &&
	    !err) { /* nothing to put together: no file rather than an empty one */
		fclose(out);
		unlink(temporary);
		return 0;
	}
	if (out)
		err = files_finish(out, temporary, path, err);
	if (err && !*error)
		snprintf(error, error_size, "%s: %s", path, strerror(-err));
	free(header);
	return err;
}

/* In percent; below 0 when the file does not tell, or is none.  0 or -errno: it cannot be read. */
static int files_steal_pct(const char *path, double *pct)
{
	json_t *env;
	const char *text;

	*pct = -1;
	env = json_file_load(path, NULL);
	if (!env)
		return errno == ENOENT ? 0 : -errno;
	text = json_string_value(json_object_get(json_object_get(env, "facts"), "run.steal"));
	if (text && sscanf(text, "%lf %%", pct) != 1)
		*pct = -1;
	json_decref(env);
	return 0;
}

int matrix_choose_env(const char *path, char *const *files, size_t n_files, char *error,
		      size_t error_size)
{
	double most_pct = -2;
	size_t chosen = 0;

	for (size_t i = 0; i < n_files; i++) {
		double pct;
		const int err = files_steal_pct(files[i], &pct);

		if (err) {
			snprintf(error, error_size, "%s: %s", files[i], strerror(-err));
			return err;
		}
		if (pct > most_pct) {
			most_pct = pct;
			chosen = i;
		}
	}
	return matrix_concatenate(path, files + chosen, n_files ? 1 : 0, error, error_size);
}

static int files_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int matrix_remove_tree(const char *path)
{
	if (!nftw(path, files_remove, 16, FTW_DEPTH | FTW_PHYS) || errno == ENOENT)
		return 0;
	return -errno;
}
