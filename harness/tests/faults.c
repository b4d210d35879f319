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
 *     FAULT_LIVE=FILE  at exit, who allocated what was never freed is written there: a line "object+offset n" for
 *                      each place in the code that called malloc or one of its kin
 *
 * Each process counts its own calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
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

extern void __libc_free(void *p);

static uint64_t alloc_at, write_at;
static const char *dir, *count_file, *live_file;
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
	live_file = getenv("FAULT_LIVE");
	store_relaxed(&n_allocs, 0); /* counts order nothing, here and below */
}

/* ---------------------------------------------------------------- what was never freed */

enum { N_LIVE = 1 << 17 };

/* Open addressing; an address keeps its entry for good.  Under live_lock. */
static struct {
	const void *address, *site; /* site NULL: freed */
} live[N_LIVE];
static atomic_flag live_lock = ATOMIC_FLAG_INIT;
static bool is_live_full;

static void faults_lock(void)
{
	while (atomic_flag_test_and_set_explicit(&live_lock, memory_order_acquire))
		;
}
static void faults_unlock(void)
{
	atomic_flag_clear_explicit(&live_lock, memory_order_release);
}

/* `site` NULL: freed. */
static void *faults_note(void *address, const void *site)
{
	size_t i = ((uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 47;

	if (!address || !live_file)
		return address;
	faults_lock();
	for (size_t n = 0; n < N_LIVE; n++, i = (i + 1) % N_LIVE) {
		if (live[i].address && live[i].address != address)
			continue;
		if (live[i].address || site) {
			live[i].address = address;
			live[i].site = site;
		}
		faults_unlock();
		return address;
	}
	is_live_full = true;
	faults_unlock();
	return address;
}

struct site {
	const void *address;
	unsigned n;
};

static int faults_by_address(const void *a, const void *b)
{
	const uintptr_t left = (uintptr_t)((const struct site *)a)->address;
	const uintptr_t right = (uintptr_t)((const struct site *)b)->address;

	return left < right ? -1 : left > right;
}

static void faults_write_live(FILE *out)
{
	static struct site sites[N_LIVE];
	size_t n = 0;

	faults_lock();
	for (size_t i = 0; i < N_LIVE; i++)
		if (live[i].site)
			sites[n++] = (struct site){live[i].site, 1};
	faults_unlock();
	qsort(sites, n, sizeof(sites[0]), faults_by_address);
	for (size_t i = 0, next; i < n; i = next) {
		Dl_info info = {0};

		for (next = i; next < n && sites[next].address == sites[i].address;)
			next++;
		if (dladdr(sites[i].address, &info) && info.dli_fname)
			fprintf(out, "%s+%#zx %zu\n", strrchr(info.dli_fname, '/') + 1,
				(size_t)((const char *)sites[i].address -
					 (const char *)info.dli_fbase),
				next - i);
	}
	if (is_live_full)
		fprintf(out, "table-full 1\n");
}

/* A file of its own writing, beside all that is counted. */
static void faults_end_file(const char *path, void (*write_it)(FILE *out))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int fd;

	if (!path)
		return;
	out = open_memstream(&text, &size);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (!out || fd < 0)
		return;
	write_it(out);
	if (fclose(out) || syscall(SYS_write, fd, text, size) != (long)size)
		abort();
	close(fd);
}

static void faults_write_count(FILE *out)
{
	fprintf(out, "%llu %llu\n", (unsigned long long)load_relaxed(&n_allocs),
		(unsigned long long)load_relaxed(&n_writes));
}

static __attribute__((destructor)) void faults_end(void)
{
	const char *live_to = live_file;

	live_file = NULL; /* what is allocated from here on is this file's own */
	alloc_at = 0;
	faults_end_file(count_file, faults_write_count);
	faults_end_file(live_to, faults_write_live);
}

/* ---------------------------------------------------------------- memory and files */

static int faults_no_memory(void)
{
	if (add_relaxed(&n_allocs, 1) + 1 != alloc_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

#define CALLER() __builtin_return_address(0)

void *malloc(size_t size)
{
	return faults_no_memory() ? NULL : faults_note(__libc_malloc(size), CALLER());
}
void *calloc(size_t n, size_t size)
{
	return faults_no_memory() ? NULL : faults_note(__libc_calloc(n, size), CALLER());
}
void free(void *p)
{
	faults_note(p, NULL);
	__libc_free(p);
}
void *realloc(void *old, size_t size)
{
	void *p;

	if (faults_no_memory())
		return NULL;
	faults_note(old, NULL);
	p = __libc_realloc(old, size);
	if (p || !size)
		return faults_note(p, CALLER());
	faults_note(old, CALLER()); /* still there */
	return NULL;
}
void *aligned_alloc(size_t alignment, size_t size)
{
	return faults_no_memory() ? NULL : faults_note(__libc_memalign(alignment, size), CALLER());
}
int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = faults_no_memory() ? NULL : __libc_memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*out = faults_note(p, CALLER());
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
/* So that ftell() tells whether an appended file is empty. */
static int faults_stream_seek(void *cookie, off64_t *offset, int whence)
{
	const off64_t at = lseek64((int)(intptr_t)cookie, *offset, whence);

	if (at < 0)
		return -1;
	*offset = at;
	return 0;
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
					  .seek = faults_stream_seek,
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

static long faults_step_s(void)
{
	static atomic_int n_steps;

	return getenv("FAULT_STEP") ? 3600L * (1 + add_relaxed(&n_steps, 1)) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*next)(clockid_t, struct timespec *);
	int result;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	result = next(id, ts);
	if (id == CLOCK_REALTIME)
		ts->tv_sec -= faults_step_s();
	return result;
}

time_t time(time_t *seconds)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (seconds)
		*seconds = ts.tv_sec;
	return ts.tv_sec;
}
