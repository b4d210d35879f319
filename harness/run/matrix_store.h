/* SPDX-License-Identifier: MIT */
/* matrix_store.h - the folder of a matrix: what is finished stays, whatever happens.
 *
 *     DIR/matrix.json          what this matrix is: binary, machine, job file, shard, its cells
 *     DIR/cells/ID-REP/        one finished repetition: run.csv, ..., log.txt, result.json
 *     DIR/cells/.tmp-ID-REP-PID/  one that runs; a later start removes it
 *     DIR/journal              a JSON line for each that was finished, in order of time
 *     DIR/run.csv, timeline.csv, histograms.csv   all cells together, made anew when a matrix ends
 *     DIR/env.json             of the first cell
 *
 * A repetition is finished when its folder bears its final name: all its files are on the disk (fsync) before
 * the rename, so there is never half a one.  The journal follows; where the process was killed between the
 * two, the next start adds the line.  One process at a time: DIR/lock.
 *
 * One thread.
 */
#ifndef RECLAIMBENCH_MATRIX_STORE_H
#define RECLAIMBENCH_MATRIX_STORE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATRIX_REASON_BYTES 512

struct matrix_store {
	char *dir;
	int lock_fd, cells_fd, journal_fd;
	json_t *identity;   /* owned */
	size_t n_recovered; /* finished, but not in the journal when it was opened */
};

struct matrix_result {
	bool is_failed;
	char reason[MATRIX_REASON_BYTES]; /* "" when it is good */
	double elapsed_s;
};

/* Open or make DIR.  `identity` says what is to run; its members "build", "binary", "machine", "job" and
 * "shard" must be those of a DIR that is there already, unless allow_mixed.  `resume`: go on with what is
 * there; otherwise a DIR with a matrix in it is refused, and always one with rows of something else.  Takes
 * over `identity`.
 * 0 or -errno (-EEXIST: there is one and no resume, or such rows; -EXDEV: another one; -EWOULDBLOCK: in use), with what to
 * do in `error`.  Release with matrix_store_close(), after an error too. */
int matrix_store_open(struct matrix_store *store, const char *dir, json_t *identity, bool resume,
		      bool allow_mixed, char *error, size_t error_size)
	__attribute__((warn_unused_result));
void matrix_store_close(struct matrix_store *store);

/* 1: a repetition is finished, and its result; 0: it is not; or -errno: nobody can tell. */
int matrix_store_has(const struct matrix_store *store, const char *id, unsigned rep,
		     struct matrix_result *result) __attribute__((warn_unused_result));

/* An empty folder for a repetition; its path in `path` (PATH_MAX).  0 or -errno. */
int matrix_store_begin(struct matrix_store *store, const char *id, unsigned rep, char *path)
	__attribute__((warn_unused_result));
/* Make what stands in it the result.  0 or -errno; then it is not finished. */
int matrix_store_commit(struct matrix_store *store, const char *id, unsigned rep,
			const struct matrix_result *result) __attribute__((warn_unused_result));
/* Remove it. */
void matrix_store_abandon(struct matrix_store *store, const char *id, unsigned rep);
/* Forget a finished repetition, so that it runs again.  0 or -errno. */
int matrix_store_forget(struct matrix_store *store, const char *id, unsigned rep)
	__attribute__((warn_unused_result));

/* Whether DIR can still be written: 0 or -errno (-ENOSPC, -EROFS, -EACCES, -EDQUOT). */
int matrix_store_probe(const struct matrix_store *store);

/* Put the files of all finished repetitions of these cells together, cell by cell, repetition by repetition.
 * 0 or -errno with a text. */
struct matrix_job;
int matrix_store_collect(struct matrix_store *store, const struct matrix_job *job, char *error,
			 size_t error_size) __attribute__((warn_unused_result));

/* ---------------------------------------------------------------- pieces that merge uses too */

/* Append the rows of CSV files with one common header into `path` (temporary file, fsync, rename).  Files
 * that do not exist are passed over.  0; -EINVAL: a header differs or a file is torn; or -errno. */
int matrix_concatenate(const char *path, char *const *files, size_t n_files, char *error,
		       size_t error_size) __attribute__((warn_unused_result));
/* The env.json of a whole matrix: that of the repetition from which most time was stolen, so that a disturbed
 * one is not hidden behind a quiet one; all else in it is of the machine.  As above. */
int matrix_choose_env(const char *path, char *const *files, size_t n_files, char *error,
		      size_t error_size) __attribute__((warn_unused_result));
/* Write a JSON file whole or not at all. */
int matrix_write_json(const char *path, const json_t *json);
/* Remove a folder with all that is in it; 0 or -errno. */
int matrix_remove_tree(const char *path);

#endif
