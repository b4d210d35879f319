/* SPDX-License-Identifier: MIT */
/* input.h - bytes and lines of a trace: plain, gzip or zstd, told apart by their first bytes; from
 * a file or from memory.
 *
 * One owner, no locks.  Memory: a fixed buffer, whatever the input decompresses to.  Every error is
 * described in the struct load_error with the input's name and its line or byte; after one, only
 * input_close() may be called.
 */
#ifndef RECLAIMBENCH_INPUT_H
#define RECLAIMBENCH_INPUT_H

#include "load/load_error.h"

#include <stddef.h>
#include <stdint.h>

/* The longest line taken: paths end at 4,096 bytes, and lines of this length are not text. */
#define INPUT_LINE_MAX 16384

struct input;

/* 0 or -errno (-ENOENT, -EACCES, -EISDIR, -ENOMEM ...).  Close with input_close(). */
int input_open_file(struct input **out, const char *path, struct load_error *error)
	__attribute__((warn_unused_result));
/* `data` must live until input_close(); `name` too, it stands in messages. */
int input_open_memory(struct input **out, const void *data, size_t len, const char *name,
		      struct load_error *error) __attribute__((warn_unused_result));
void input_close(struct input *in); /* NULL is fine */

/* The name for messages; the last line given out (from 1); decompressed bytes given out. */
const char *input_name(const struct input *in);
uint64_t input_line_number(const struct input *in);
uint64_t input_offset(const struct input *in);

/* Look at the first bytes not yet given out (up to 64 KiB; less only near the end).  0 or -errno.
 */
int input_peek(struct input *in, const char **data, size_t *len, struct load_error *error)
	__attribute__((warn_unused_result));

/* The next line without its LF or CRLF, NUL-terminated, valid until the next call; the last one may
 * lack its LF.  1, 0 at the end, -EINVAL (too long, a NUL byte in it, damaged compression) or -EIO.
 */
int input_line(struct input *in, char **line, size_t *len, struct load_error *error)
	__attribute__((warn_unused_result));

/* Up to `want` bytes into `buf`; *got < want only at the end.  0 or -errno. */
int input_bytes(struct input *in, void *buf, size_t want, size_t *got, struct load_error *error)
	__attribute__((warn_unused_result));

#endif
