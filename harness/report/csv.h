/* SPDX-License-Identifier: MIT */
/* csv.h - the only place that formats result rows: run.csv (one row per cell x repetition x
 * stage x metric) and timeline.csv (one row per sample).  RFC 4180, LF, %.17g in the C locale.
 *
 * Files are append-only.  A row reaches the file whole or not at all: rows are collected in memory
 * and written by report_file_flush(); when the disk fills, what was written of an unfinished row is cut
 * off again, and the rows before it are kept.
 *
 * Threads: one owner per struct report_file.
 */
#ifndef RECLAIMBENCH_REPORT_CSV_H
#define RECLAIMBENCH_REPORT_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define REPORT_SCHEMA 1

/* What is the same in all rows of one repetition of one cell.  Strings are the caller's and must outlive
 * the calls; NULL is written as an empty field. */
struct report_cell {
	const char *run_id, *build_id, *env_id, *cell_id;
	const char *strategy, *options, *scenario;
	uint64_t threads, keys;
	const char *mix, *dist;
	uint64_t value_bytes, garbage_bytes;
	const char *unlink, *alloc, *arrival, *trace;
	uint64_t seed, rep;
};

struct report_stage {
	const char *stage;	  /* as written in --stages: "5k" */
	double stage_s;		  /* measured length */
	double offered_ops_per_s; /* NaN: closed loop, written as an empty field */
};

struct report_row {
	const char *role, *object, *phase, *table_state;
	const char *metric, *stat;
	double value;		   /* NaN is written as an empty field */
	const char *unit, *better; /* "lower", "higher", "" */
	uint64_t n;
	uint64_t sampled_1_in;
	const char *status, *reason;
};

/* One sample of the timeline. */
struct report_sample {
	const char *stage;
	uint64_t
		time_ns; /* since the first measured stage began; warm-up is negative time and left out */
	uint64_t limbo_bytes, limbo_objects;
	uint64_t live_bytes;	/* allocated - limbo - freed, of the map */
	uint64_t garbage_bytes; /* allocated beside the map and not yet freed */
	uint64_t os_bytes;	/* held by the heap */
	uint64_t rss_bytes;
	uint64_t n_ops;	   /* since the stage began */
	double ops_per_s;  /* since the sample before */
	uint64_t n_cycles; /* since the run began */
	uint64_t heap_objects;
	uint64_t goal_bytes; /* the collector's next goal; 0: it has none */
};

struct report_file;

/* Open for appending; creates it and writes the header when it is new or empty.  A torn last row (a
 * process was killed) is cut off.  0 or -errno, and then `message` names the file and what to do: -EINVAL
 * also when it exists with another header.  `is_timeline` chooses the columns.  Close with
 * report_file_close(). */
int report_file_open(struct report_file **out, const char *path, bool is_timeline, char *message,
		     size_t message_size) __attribute__((warn_unused_result));
/* Flush and close; 0 or the first -errno of any write.  The struct is gone either way. */
int report_file_close(struct report_file *f);

/* Collect a row; nothing is written before the flush.  0 or -ENOMEM. */
int report_row_add(struct report_file *f, const struct report_cell *cell,
		   const struct report_stage *stage, const struct report_row *row);
int report_sample_add(struct report_file *f, const struct report_cell *cell,
		      const struct report_sample *sample);
/* Cut off a regular file of `*size` bytes what follows its last line end, a torn row; `*size` becomes what is left.
 * 0 or -errno. */
int report_cut_torn(int fd, off_t *size) __attribute__((warn_unused_result));

/* Write all collected rows; 0 or -errno (-ENOSPC: the disk is full).  After an error the file holds whole
 * rows only, and nothing more is written. */
int report_file_flush(struct report_file *f) __attribute__((warn_unused_result));

/* The header line of run.csv or timeline.csv, without line end, into buf (1 KiB is enough). */
void report_csv_header(bool is_timeline, char *buf, size_t size);

#endif
