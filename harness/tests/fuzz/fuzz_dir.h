/* SPDX-License-Identifier: MIT */
/* fuzz_dir.h - a folder for targets whose readers take one: made once, in memory where the system has that, and removed
 * when the process ends as it should. */
#ifndef RECLAIMBENCH_FUZZ_DIR_H
#define RECLAIMBENCH_FUZZ_DIR_H

#include <fcntl.h>
#include <sys/stat.h>

#include "run/matrix_store.h"
#include "tests/fuzz/fuzz.h"

static char fuzz_dir_path[32];

static inline void fuzz_dir_remove(void)
{
	(void)matrix_remove_tree(fuzz_dir_path);
}

/* True when it was made by this call: then it is empty. */
static inline bool fuzz_dir_make(void)
{
	if (fuzz_dir_path[0])
		return false;
	strcpy(fuzz_dir_path, "/dev/shm/fuzz.XXXXXX");
	if (!mkdtemp(fuzz_dir_path)) {
		strcpy(fuzz_dir_path, "/tmp/fuzz.XXXXXX");
		FUZZ_CHECK(mkdtemp(fuzz_dir_path));
	}
	atexit(fuzz_dir_remove);
	return true;
}

/* "DIR/name" in a buffer that the next call writes anew. */
static inline const char *fuzz_dir_name(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir_path, name);
	return path;
}

static inline void fuzz_dir_folder(const char *name)
{
	FUZZ_CHECK(!mkdir(fuzz_dir_name(name), 0777));
}

/* A file of the folder, made or filled anew. */
static inline void fuzz_dir_fill(const char *name, const void *data, size_t size)
{
	const int fd = open(fuzz_dir_name(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
	close(fd);
}

/* The input as two files: bytes up to the first NUL, and those behind it. */
static inline void fuzz_dir_two(const char *first, const char *second, const uint8_t *data,
				size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	const size_t n = nul ? (size_t)(nul - data) : size;

	fuzz_dir_fill(first, data, n);
	fuzz_dir_fill(second, data + n + !!nul, size - n - !!nul);
}

#endif
