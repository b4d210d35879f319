/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share: made-up bytes as a text or as a file, and a check that stays in every
 * build.  One thread; a target is a process of its own (scripts/fuzz). */
#ifndef RECLAIMBENCH_FUZZ_H
#define RECLAIMBENCH_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libFuzzer's entry: called for each input; 0: keep it if it reaches something new. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(claim)                                                                          \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The bytes and a NUL, in a block of their own, so that a step beyond it is seen.  free() it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* A file in memory; it keeps its path, and is emptied before it is filled. */
struct fuzz_file {
	int fd; /* 0: not made yet */
	char path[32];
};

static inline const char *fuzz_file_fill(struct fuzz_file *f, const uint8_t *data, size_t size)
{
	if (!f->fd) {
		f->fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_CHECK(f->fd > 0);
		snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	}
	FUZZ_CHECK(!ftruncate(f->fd, 0));
	FUZZ_CHECK(pwrite(f->fd, data, size, 0) == (ssize_t)size);
	return f->path;
}

#endif
