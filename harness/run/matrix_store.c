/* SPDX-License-Identifier: MIT */
/* matrix_store.c - folders that appear whole, and the journal of them. */
#include "run/matrix_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_file.h"
#include "mkdirs.h"
#include "run/matrix_job.h"

#define NAME_BYTES 64

/* A temporary name holds the process's id: what a killed one left running cannot write into ours. */
static void store_name(char *name, const char *id, unsigned rep, bool is_temporary)
{
	if (is_temporary)
		snprintf(name, NAME_BYTES, ".tmp-%s-%04u-%d", id, rep, (int)getpid());
	else
		snprintf(name, NAME_BYTES, "%s-%04u", id, rep);
}

/* Tried again for a while: a child that dies with its killed parent may still hold a file or the lock. */
#define RETRIES 200
#define RETRY_WAIT_US 10000

static int store_remove(const char *path)
{
	int err = matrix_remove_tree(path);

	for (int i = 0; i < RETRIES && (err == -ENOTEMPTY || err == -EEXIST); i++) {
		usleep(RETRY_WAIT_US);
		err = matrix_remove_tree(path);
	}
	return err;
}

static int store_lock(int fd)
{
	int err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;

	for (int i = 0; i < RETRIES && err == -EWOULDBLOCK; i++) {
		usleep(RETRY_WAIT_US);
		err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	}
	return err;
}

static int store_path(const struct matrix_store *store, char *path, const char *name,
		      const char *file)
{
	const int n = snprintf(path, PATH_MAX, "%s/cells/%s%s%s", store->dir, name,
			       *file ? "/" : "", file);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int store_fail(char *error, size_t error_size, int err, const char *what)
{
	snprintf(error, error_size, "%s: %s", what, strerror(-err));
	return err;
}

/* ---------------------------------------------------------------- opening */

static int store_make_folders(struct matrix_store *store, char *error, size_t error_size)
{
	char path[PATH_MAX];
	const int err = mkdirs(store->dir);

	if (err)
		return store_fail(error, error_size, err, store->dir);
	snprintf(path, sizeof(path), "%s/cells", store->dir);
	if (mkdir(path, 0777) && errno != EEXIST)
		return store_fail(error, error_size, -errno, path);
	store->cells_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->cells_fd < 0)
		return store_fail(error, error_size, -errno, path);
	snprintf(path, sizeof(path), "%s/lock", store->dir);
	store->lock_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (store->lock_fd < 0)
		return store_fail(error, error_size, -errno, path);
	if (store_lock(store->lock_fd)) {
		snprintf(error, error_size, "%s: another matrix runs in it; choose another --out",
			 store->dir);
		return -EWOULDBLOCK;
	}
	return 0;
}

/* Compare what stands in DIR/matrix.json with what shall run. */
static int store_check_identity(const struct matrix_store *store, const json_t *before, char *error,
				size_t error_size)
{
	static const char *const keys[] = {"build", "binary", "machine", "job", "shard"};
	static const char *const words[] = {"build", "program file", "machine", "job file",
					    "shard"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *was = json_string_value(json_object_get(before, keys[i]));
		const char *is = json_string_value(json_object_get(store->identity, keys[i]));

		if (was && is && !strcmp(was, is))
			continue;
		snprintf(error, error_size,
			 "%s: begun with another %s (%s, now %s); go on with that one, or give "
			 "--allow-mixed, "
			 "or choose another --out",
			 store->dir, words[i], was ? was : "?", is ? is : "?");
		return -EXDEV;
	}
	return 0;
}

static int store_identify(struct matrix_store *store, bool resume, bool allow_mixed, char *error,
			  size_t error_size)
{
	char path[PATH_MAX];
	json_error_t what;
	json_t *before;
	int err;

	snprintf(path, sizeof(path), "%s/matrix.json", store->dir);
	if (access(path, F_OK)) {
		if (errno != ENOENT)
			return store_fail(error, error_size, -errno, path);
		err = matrix_write_json(path, store->identity);
		return err ? store_fail(error, error_size, err, path) : 0;
	}
	if (!resume) {
		snprintf(error, error_size,
			 "%s: it holds a matrix already; give --resume to go on with it, or choose "
			 "another "
			 "--out",
			 store->dir);
		return -EEXIST;
	}
	before = json_file_load(path, &what);
	if (!before && errno)
		return store_fail(error, error_size, -errno, path);
	if (!before) {
		snprintf(error, error_size, "%s:%d: %s", path, what.line, what.text);
		return -EINVAL;
	}
	err = allow_mixed ? 0 : store_check_identity(store, before, error, error_size);
	json_decref(before);
	if (err || !allow_mixed)
		return err;
	err = matrix_write_json(path, store->identity);
	return err ? store_fail(error, error_size, err, path) : 0;
}

/* Rows that `run`, `merge` or `scenario` wrote there: the matrix would put its own run.csv in their place. */
static int store_check_vacant(const char *dir, char *error, size_t error_size)
{
	char rows[PATH_MAX], identity[PATH_MAX];

	snprintf(rows, sizeof(rows), "%s/run.csv", dir);
	snprintf(identity, sizeof(identity), "%s/matrix.json", dir);
	if (access(rows, F_OK) || !access(identity, F_OK))
		return 0;
	snprintf(error, error_size,
		 "%s: it holds a run.csv that is no matrix's, which would be replaced; choose "
		 "another --out",
		 dir);
	return -EEXIST;
}

/* Enter the name on a line of the journal.  0; -EBADMSG: it is none of a journal; -ENOMEM. */
static int store_read_line(json_t *names, const char *line, size_t length)
{
	json_t *entry;
	const char *name;
	int err = -EBADMSG;

	if (line[length - 1] != '\n')
		return err;
	entry = json_text_load(line, NULL);
	if (!entry)
		return errno ? -errno : err;
	name = json_string_value(json_object_get(entry, "cell"));
	if (name)
		err = json_object_set_new(names, name, json_true()) ? -ENOMEM : 0;
	json_decref(entry);
	return err;
}

/* The names in the journal, as a JSON object used as a set, and how many bytes of it are good: *good is below the size
 * only where the last line is torn.  0 or -errno; -EBADMSG: line *line_number is damaged. */
static int store_read_names(FILE *f, json_t *names, off_t *good, size_t *line_number)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int err = 0;

	*good = 0;
	*line_number = 0;
	while (!err && (errno = 0, n = getline(&line, &size, f)) > 0) {
		++*line_number;
		err = store_read_line(names, line, (size_t)n);
		if (!err)
			*good += n;
	}
	/* Torn is what nothing follows: the next getline() finds the end, and nothing but the end. */
	if (err == -EBADMSG && (errno = 0, getline(&line, &size, f)) < 0)
		err = 0;
	if (!err && !feof(f))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

/* NULL: *err is -errno, `error` says what it was, and the file is as before.  A torn last line is cut off. */
static json_t *store_read_journal(int fd, const char *path, int *err, char *error,
				  size_t error_size)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "r");
	json_t *names = f ? json_object() : NULL;
	size_t line_number = 0;
	off_t good = 0;

	*err = !f ? -errno : names ? store_read_names(f, names, &good, &line_number) : -ENOMEM;
	if (f)
		fclose(f);
	else if (copy >= 0)
		close(copy);
	if (!*err && ftruncate(fd, good))
		*err = -errno;
	if (!*err)
		return names;
	if (*err == -EBADMSG)
		snprintf(error, error_size,
			 "%s:%zu: no line of a journal, and more behind it; remove the file, it is "
			 "made again from what is finished",
			 path, line_number);
	else
		(void)store_fail(error, error_size, *err, path);
	json_decref(names);
	return NULL;
}

static int store_append(struct matrix_store *store, const char *name,
			const struct matrix_result *result)
{
	json_t *entry = json_pack("{s:s, s:s, s:f, s:s}", "cell", name, "status",
				  result->is_failed ? "failed" : "ok", "seconds", result->elapsed_s,
				  "reason", result->reason);
	char *text = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
	char *line = NULL;
	int err = -ENOMEM;

	if (text && asprintf(&line, "%s\n", text) > 0) {
		const ssize_t length = (ssize_t)strlen(line);

		/* One write: whole, or torn at the end of the file, which the next start cuts off. */
		err = write(store->journal_fd, line, (size_t)length) == length
			      ? 0
			      : -(errno ? errno : EIO);
		if (!err && fsync(store->journal_fd))
			err = -errno;
	}
	free(line);
	free(text);
	json_decref(entry);
	return err;
}

static int store_read_result(const struct matrix_store *store, const char *name,
			     struct matrix_result *result)
{
	char path[PATH_MAX];
	json_t *json;

	*result = (struct matrix_result){.is_failed = false};
	if (store_path(store, path, name, "result.json"))
		return -ENAMETOOLONG;
	/* Damaged is as good as missing; but for want of memory a finished one must not count as missing. */
	json = json_file_load(path, NULL);
	if (!json)
		return errno ? -errno : -ENOENT;
	const char *reason = json_string_value(json_object_get(json, "reason"));

	result->is_failed = json_is_true(json_object_get(json, "failed"));
	result->elapsed_s = json_number_value(json_object_get(json, "seconds"));
	snprintf(result->reason, sizeof(result->reason), "%s", reason ? reason : "");
	json_decref(json);
	return 0;
}

static int store_recover_entry(struct matrix_store *store, const json_t *journal, const char *name)
{
	struct matrix_result result;
	char path[PATH_MAX];
	int err = 0;

	if (!strncmp(name, ".tmp-", 5)) {
		err = store_path(store, path, name, "");
		return err ? err : store_remove(path);
	}
	if (name[0] == '.' || json_object_get(journal, name))
		return 0;
	err = store_read_result(store, name, &result);
	if (!err)
		err = store_append(store, name, &result);
	store->n_recovered += !err;
	return err == -ENOENT ? 0 : err;
}

/* Remove what was running, and enter what was finished but not yet in the journal. */
static int store_recover(struct matrix_store *store, const json_t *journal)
{
	const int fd = fcntl(store->cells_fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int err = -errno;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	rewinddir(d);
	err = 0;
	while (!err && (errno = 0, e = readdir(d)))
		err = store_recover_entry(store, journal, e->d_name);
	if (!err)
		err = -errno; /* of readdir() */
	closedir(d);
	return err;
}

int matrix_store_open(struct matrix_store *store, const char *dir, json_t *identity, bool resume,
		      bool allow_mixed, char *error, size_t error_size)
{
	char path[PATH_MAX];
	json_t *journal;
	int err;

	*store = (struct matrix_store){.lock_fd = -1, .cells_fd = -1, .journal_fd = -1};
	store->identity = identity;
	store->dir = strdup(dir);
	if (!store->dir || !identity)
		return store_fail(error, error_size, -ENOMEM, dir);
	if (!*dir || strlen(dir) + NAME_BYTES + 32 > PATH_MAX)
		return store_fail(error, error_size, *dir ? -ENAMETOOLONG : -ENOENT, "--out");
	err = store_check_vacant(dir, error, error_size);
	if (!err)
		err = store_make_folders(store, error, error_size);
	if (!err)
		err = store_identify(store, resume, allow_mixed, error, error_size);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/journal", store->dir);
	store->journal_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (store->journal_fd < 0)
		return store_fail(error, error_size, -errno, path);
	journal = store_read_journal(store->journal_fd, path, &err, error, error_size);
	if (!journal)
		return err;
	err = store_recover(store, journal);
	json_decref(journal);
	return err ? store_fail(error, error_size, err, store->dir) : 0;
}

void matrix_store_close(struct matrix_store *store)
{
	const int fds[] = {store->journal_fd, store->cells_fd, store->lock_fd};

	for (size_t i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	json_decref(store->identity);
	free(store->dir);
	*store = (struct matrix_store){.lock_fd = -1, .cells_fd = -1, .journal_fd = -1};
}

/* ---------------------------------------------------------------- one repetition */

int matrix_store_has(const struct matrix_store *store, const char *id, unsigned rep,
		     struct matrix_result *result)
{
	char name[NAME_BYTES];
	int err;

	store_name(name, id, rep, false);
	err = store_read_result(store, name, result);
	return err == -ENOENT ? 0 : err ? err : 1;
}

int matrix_store_begin(struct matrix_store *store, const char *id, unsigned rep, char *path)
{
	char name[NAME_BYTES];
	int err;

	store_name(name, id, rep, true);
	err = store_path(store, path, name, "");
	if (!err)
		err = matrix_remove_tree(path);
	if (!err && mkdir(path, 0777))
		err = -errno;
	return err;
}

/* fsync every file of a folder, then the folder. */
static int store_sync_folder(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	int err = d ? 0 : -errno;

	while (!err && (e = readdir(d))) {
		const int fd = e->d_name[0] == '.'
				       ? -1
				       : openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);

		if (e->d_name[0] == '.')
			continue;
		if (fd < 0 || fsync(fd))
			err = -errno;
		if (fd >= 0)
			close(fd);
	}
	if (!err && fsync(dirfd(d)))
		err = -errno;
	if (d)
		closedir(d);
	return err;
}

int matrix_store_commit(struct matrix_store *store, const char *id, unsigned rep,
			const struct matrix_result *result)
{
	char from_name[NAME_BYTES], to_name[NAME_BYTES];
	char from[PATH_MAX] = "", to[PATH_MAX] = "", file[PATH_MAX] = "";
	json_t *json = json_pack("{s:b, s:s, s:f}", "failed", result->is_failed, "reason",
				 result->reason, "seconds", result->elapsed_s);
	int err = json ? 0 : -ENOMEM;

	store_name(from_name, id, rep, true);
	store_name(to_name, id, rep, false);
	if (!err)
		err = store_path(store, from, from_name, "");
	if (!err)
		err = store_path(store, to, to_name, "");
	if (!err)
		err = store_path(store, file, from_name, "result.json");
	if (!err)
		err = matrix_write_json(file, json);
	json_decref(json);
	if (!err)
		err = store_sync_folder(from);
	if (!err && rename(from, to))
		err = -errno;
	if (!err && fsync(store->cells_fd))
		err = -errno;
	return err ? err : store_append(store, to_name, result);
}

void matrix_store_abandon(struct matrix_store *store, const char *id, unsigned rep)
{
	char name[NAME_BYTES];
	char path[PATH_MAX];

	store_name(name, id, rep, true);
	if (!store_path(store, path, name, ""))
		(void)matrix_remove_tree(path); /* the next start would remove it too */
}

int matrix_store_forget(struct matrix_store *store, const char *id, unsigned rep)
{
	char from_name[NAME_BYTES], to_name[NAME_BYTES];
	char from[PATH_MAX] = "", to[PATH_MAX] = "";
	int err;

	store_name(from_name, id, rep, false);
	store_name(to_name, id, rep, true);
	err = store_path(store, from, from_name, "");
	if (!err)
		err = store_path(store, to, to_name, "");
	/* Renamed first: it is gone at once, never half removed. */
	if (!err)
		err = matrix_remove_tree(to);
	if (!err && rename(from, to))
		err = -errno;
	return err ? err : matrix_remove_tree(to);
}

int matrix_store_probe(const struct matrix_store *store)
{
	/* More than a line of the journal, less than a result. */
	static const char bytes[65536];
	char path[PATH_MAX];
	int err = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/.probe", store->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	errno = 0;
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		err = -(errno ? errno : ENOSPC);
	else if (fsync(fd))
		err = -errno;
	close(fd);
	unlink(path);
	return err;
}

/* ---------------------------------------------------------------- all together */

/* Enter the path of a repetition's file if it is there.  0 or -errno. */
static int store_add_file(const struct matrix_store *store, const char *id, unsigned rep,
			  const char *file, char **files, size_t *n)
{
	char name[NAME_BYTES];
	char path[PATH_MAX];
	int err;

	store_name(name, id, rep, false);
	err = store_path(store, path, name, file);
	if (err)
		return err;
	if (access(path, F_OK))
		return errno == ENOENT ? 0 : -errno;
	files[*n] = strdup(path);
	if (!files[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

/* Paths of one file in all finished repetitions, in *files; the caller frees them, after an error too.
 * 0 or -errno: one that is left out would be missing from the result without a word. */
static int store_files(const struct matrix_store *store, const struct matrix_job *job,
		       const char *file, char ***files, size_t *n)
{
	size_t n_all = 0;
	int err;

	for (size_t i = 0; i < job->n_cells; i++)
		n_all += job->cells[i].n_reps;
	*files = calloc(n_all + 1, sizeof(**files));
	*n = 0;
	err = *files ? 0 : -ENOMEM;
	for (size_t i = 0; i < job->n_cells && !err; i++) {
		for (unsigned rep = 1; rep <= job->cells[i].n_reps && !err; rep++)
			err = store_add_file(store, job->cells[i].id, rep, file, *files, n);
	}
	return err;
}

int matrix_store_collect(struct matrix_store *store, const struct matrix_job *job, char *error,
			 size_t error_size)
{
	static const char *const names[] = {"run.csv", "timeline.csv", "histograms.csv",
					    "env.json"};
	int err = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++) {
		char path[PATH_MAX];
		size_t n;
		char **files;

		err = store_files(store, job, names[i], &files, &n);
		snprintf(path, sizeof(path), "%s/%s", store->dir, names[i]);
		if (err)
			(void)store_fail(error, error_size, err, path);
		else if (!strcmp(names[i], "env.json"))
			err = matrix_choose_env(path, files, n, error, error_size);
		else
			err = matrix_concatenate(path, files, n, error, error_size);
		for (size_t k = 0; files && k < n; k++)
			free(files[k]);
		free(files);
	}
	return err;
}
