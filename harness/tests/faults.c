/* SPDX-License-Identifier: MIT */
/* faults.c - preloaded into `reclaimbench` by scripts/check-faults: makes the k-th call of a kind fail, as the
 * environment says.  Unset variables change nothing.
 *
 *     FAULT_ALLOC=K    the K-th malloc, calloc, realloc, aligned_alloc or posix_memalign (from 1) has no memory
 *     FAULT_WRITE=K    from the K-th on, writes to files below FAULT_DIR find the disk full
 *     FAULT_PERF=1     perf_event_open is not permitted
 *     FAULT_CLOCK=1    the kernel's clock source cannot be read, so the counter is not trusted
 *     FAULT_STEP=1     the wall clock steps back by an hour at each reading
 *     FAULT_COUNT=FILE at exit, "allocations writes" are written there
 *
 * Each process counts its own calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../../core/atomic.h" /* built alone, without the project's include path */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uint64_t alloc_at, write_at;
static const char *dir, *count_file;
static atomic_uint_fast64_t n_allocs, n_writes;

static uint64_t faults_number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static __attribute__((constructor)) void faults_begin(void)
{
	alloc_at = faults_number("FAULT_ALLOC");
	write_at = faults_number("FAULT_WRITE");
	dir = getenv("FAULT_DIR");
	count_file = getenv("FAULT_COUNT");
	store_relaxed(&n_allocs, 0); /* counts order nothing, here and below */
}

static __attribute__((destructor)) void faults_end(void)
{
	char text[64];
	int fd, n;

	if (!count_file)
		return;
	n = snprintf(text, sizeof(text), "%llu %llu\n", (unsigned long long)load_relaxed(&n_allocs),
		     (unsigned long long)load_relaxed(&n_writes));
	fd = open(count_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, text, (size_t)n) != n)
		abort();
	close(fd);
}

static int faults_no_memory(void)
{
	if (add_relaxed(&n_allocs, 1) + 1 != alloc_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return faults_no_memory() ? NULL : __libc_malloc(size);
}
void *calloc(size_t n, size_t size)
{
	return faults_no_memory() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *old, size_t size)
{
	return faults_no_memory() ? NULL : __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size)
{
	return faults_no_memory() ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = faults_no_memory() ? NULL : __libc_memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

/* A file below FAULT_DIR, and the disk is full by now. */
static int faults_disk_full(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	if (!dir)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || strncmp(path, dir, strlen(dir)) != 0)
		return 0;
	if (add_relaxed(&n_writes, 1) + 1 < write_at || !write_at)
		return 0;
	errno = ENOSPC;
	return 1;
}

ssize_t write(int fd, const void *data, size_t n)
{
	return faults_disk_full(fd) ? -1 : syscall(SYS_write, fd, data, n);
}

/* What stdio writes its buffers with is not interposed: its stream is given to our write() through fopencookie. */
static ssize_t faults_stream_write(void *cookie, const char *data, size_t n)
{
	const ssize_t done = write((int)(intptr_t)cookie, data, n);

	return done < 0 ? 0 : done;
}
static int faults_stream_close(void *cookie)
{
	return close((int)(intptr_t)cookie);
}

/* Their descriptors, which fileno() has to know: one thread opens files. */
static struct {
	FILE *stream;
	int fd;
} streams[16];

static FILE *faults_stream(int fd, const char *mode, cookie_io_functions_t io)
{
	static unsigned n;
	FILE *f = fopencookie((void *)(intptr_t)fd, mode, io);

	streams[n % 16].stream = f;
	streams[n++ % 16].fd = fd;
	return f;
}

int fileno(FILE *f)
{
	static int (*next)(FILE *);

	for (unsigned i = 0; i < 16; i++)
		if (streams[i].stream == f)
			return streams[i].fd;
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "fileno");
	return next(f);
}

FILE *fopen(const char *path, const char *mode)
{
	static FILE *(*next)(const char *, const char *);
	const cookie_io_functions_t io = {.write = faults_stream_write,
					  .close = faults_stream_close};
	int fd;

	if (getenv("FAULT_CLOCK") && strstr(path, "current_clocksource")) {
		errno = EACCES;
		return NULL;
	}
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "fopen");
	if (!dir || strncmp(path, dir, strlen(dir)) != 0 || mode[0] == 'r')
		return next(path, mode);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (mode[0] == 'w' ? O_TRUNC : O_APPEND),
		  0666);
	return fd < 0 ? NULL : faults_stream(fd, mode[0] == 'w' ? "w" : "a", io);
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_perf_event_open && getenv("FAULT_PERF")) {
		errno = EACCES;
		return -1;
	}
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*next)(clockid_t, struct timespec *);
	static atomic_int n_steps;
	int result;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	result = next(id, ts);
	if (id == CLOCK_REALTIME && getenv("FAULT_STEP"))
		ts->tv_sec -= 3600L * (1 + add_relaxed(&n_steps, 1));
	return result;
}
