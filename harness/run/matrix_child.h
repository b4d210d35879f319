/* SPDX-License-Identifier: MIT */
/* matrix_child.h - runs a program as a child with a time limit, and says how it ended. */
#ifndef RECLAIMBENCH_MATRIX_CHILD_H
#define RECLAIMBENCH_MATRIX_CHILD_H

#include <stdbool.h>
#include <stdint.h>

enum matrix_end {
	MATRIX_EXITED,	    /* by itself; code */
	MATRIX_SIGNALLED,   /* killed by somebody else; code is the signal */
	MATRIX_TIMED_OUT,   /* killed here */
	MATRIX_INTERRUPTED, /* killed here, because this process got a signal of `signal_fd` */
	MATRIX_NOT_STARTED, /* code is errno */
};

struct matrix_outcome {
	enum matrix_end end;
	int code;
	uint64_t elapsed_ns;
	bool had_oom_kill; /* the kernel killed something for memory meanwhile (/proc/vmstat) */
};

/* Run argv[0] (a path, no search, no shell) with its stdout and stderr appended to `log_path`, in a process
 * group of its own that is killed as a whole.  `signal_fd` is a signalfd of blocked signals, or -1; the child
 * starts with none blocked.  If this process dies, however, the kernel kills the child.
 * Call from the thread that lives on (the death signal follows the thread). */
struct matrix_outcome matrix_child_run(char *const argv[], const char *log_path, uint64_t limit_ns,
				       int signal_fd);

/* The last line of a log, without control characters, into buf; "" when there is none. */
void matrix_log_last_line(const char *log_path, char *buf, unsigned size);

#endif
