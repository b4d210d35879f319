/* SPDX-License-Identifier: MIT */
/* record-malloc.c - preloaded into a program, writes its allocator calls as a malloc CSV trace
 * (op,key,size,timestamp_ns; harness/load/trace.h).  scripts/record-malloc runs it.
 *
 * Exact order.  One lock covers a row's time stamp and its place in the file.  The row of a free is
 * written before the block is given back, that of an allocation after it was got, and a realloc
 * holds the lock from before to after: so an address is never inserted by one thread before its
 * delete by another is written, and times do not fall.
 *
 * Nothing is lost.  Rows go to a shared mapping of the file, so they survive _exit() and signals;
 * what is behind the last row of the last mapping are NUL bytes, which the script removes.  The
 * file is opened anew for each mapping: no descriptor is held that the program could close or meet.
 *
 * fork: the child stops recording, or (RECORD_MALLOC_CHILDREN) goes on in a file of its own, which
 * begins with an insert for each block it inherited.  exec: the new image starts the file over.
 *
 * It never calls an allocator itself; what it keeps (the size of each block) lies in its own
 * mappings.
 *
 * Environment: RECORD_MALLOC_OUT, absolute path; RECORD_MALLOC_PID, the process to record;
 * RECORD_MALLOC_CHILDREN, non-empty: others too, into OUT.PID.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RECORD_WINDOW_BYTES (UINT64_C(1) << 20) /* 25,000 rows per mapping */
#define RECORD_BOOT_BYTES 65536			/* what dlsym() allocates: below 1 KiB in glibc */
#define RECORD_ROW_BYTES 64			/* I + 16 hex + two numbers of 20 digits */
#define RECORD_MIN_SLOTS 65536

enum record_state { RECORD_UNSET, RECORD_ON, RECORD_OFF };

struct record_block {
	uintptr_t address; /* 0: empty */
	uint64_t size_bytes;
};

/* The one recorder of the process; all of it under `lock`, but `real`, which is written once before
 * threads exist.  A preloaded library has nowhere else to keep it. */
static struct {
	pthread_mutex_t lock;
	enum record_state state;
	char path[PATH_MAX];
	char *window; /* mapping of the file at window_at */
	uint64_t window_at;
	uint64_t used; /* bytes of the window */
	uint64_t first_ns;
	bool has_first;
	struct record_block *blocks;
	uint64_t n_slots; /* a power of two */
	uint64_t n_blocks;
} record = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	void *(*memalign)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
} real;

/* Served while dlsym() looks for the real functions. */
static char record_boot[RECORD_BOOT_BYTES] __attribute__((aligned(16)));
static size_t record_boot_used;
static bool record_is_booting;

/* This thread is inside the recorder: a signal handler that allocates goes straight to the
 * allocator. */
static _Thread_local bool record_is_inside __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------------------- start */

static void record_say(const char *text)
{
	const ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* nobody left to tell */
}

static void record_find(void **function, const char *name)
{
	*function = dlsym(RTLD_NEXT, name);
	if (!*function) {
		record_say("record-malloc: the allocator lacks ");
		record_say(name);
		record_say("\n");
		_exit(127);
	}
}

/* Runs in the first allocator call of the process, when it has one thread. */
static void record_boot_real(void)
{
	record_is_booting = true;
	record_find((void **)&real.calloc, "calloc");
	record_find((void **)&real.realloc, "realloc");
	record_find((void **)&real.free, "free");
	record_find((void **)&real.memalign, "memalign");
	record_find((void **)&real.posix_memalign, "posix_memalign");
	record_find((void **)&real.aligned_alloc, "aligned_alloc");
	record_find((void **)&real.valloc, "valloc");
	record_find((void **)&real.pvalloc, "pvalloc");
	record_find((void **)&real.malloc, "malloc");
	record_is_booting = false;
}

static void record_ready(void)
{
	if (!real.malloc && !record_is_booting)
		record_boot_real();
}

static bool record_is_boot(const void *p)
{
	return (const char *)p >= record_boot && (const char *)p < record_boot + RECORD_BOOT_BYTES;
}

static void *record_boot_alloc(size_t size_bytes)
{
	void *p = record_boot + record_boot_used;

	if (size_bytes > RECORD_BOOT_BYTES - record_boot_used - 16)
		return NULL;
	record_boot_used += (size_bytes + 15) / 16 * 16;
	return p;
}

/* ------------------------------------------------------------- the file */

static void record_stop(const char *why)
{
	record.state = RECORD_OFF;
	record_say("record-malloc: recording ends here: ");
	record_say(why);
	record_say("\n");
}

/* Map the next window; blocks are reserved, as a full disk would be a SIGBUS later. */
static bool record_map(bool is_first)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | (is_first ? O_TRUNC : 0);
	const int fd = open(record.path, flags, 0644);
	void *window = MAP_FAILED;

	if (record.window)
		munmap(record.window, RECORD_WINDOW_BYTES);
	record.window = NULL;
	record.window_at = is_first ? 0 : record.window_at + RECORD_WINDOW_BYTES;
	record.used = 0;
	if (fd >= 0 &&
	    posix_fallocate(fd, (off_t)record.window_at, (off_t)RECORD_WINDOW_BYTES) == 0)
		window = mmap(NULL, RECORD_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			      (off_t)record.window_at);
	if (fd >= 0)
		close(fd);
	if (window == MAP_FAILED) {
		record_stop("the output cannot be written (no space?)");
		return false;
	}
	record.window = window;
	return true;
}

static void record_write(const char *text, size_t len)
{
	while (len && record.state == RECORD_ON) {
		size_t n = RECORD_WINDOW_BYTES - record.used;

		if (n == 0) {
			record_map(false);
			continue;
		}
		if (n > len)
			n = len;
		memcpy(record.window + record.used, text, n);
		record.used += n;
		text += n;
		len -= n;
	}
}

static char *record_put_decimal(char *out, uint64_t n)
{
	char digits[20];
	int i = 0;

	do {
		digits[i++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (i)
		*out++ = digits[--i];
	return out;
}

static char *record_put_hex(char *out, uint64_t n)
{
	int shift = 60;

	while (shift && !(n >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[(n >> shift) & 15];
	return out;
}

static uint64_t record_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void record_row(char op, uintptr_t address, uint64_t size_bytes, uint64_t now_ns)
{
	char row[RECORD_ROW_BYTES];
	char *end = row;

	if (!record.has_first) {
		record.first_ns = now_ns;
		record.has_first = true;
	}
	*end++ = op;
	*end++ = ',';
	end = record_put_hex(end, address);
	*end++ = ',';
	end = record_put_decimal(end, size_bytes);
	*end++ = ',';
	end = record_put_decimal(end, now_ns - record.first_ns);
	*end++ = '\n';
	record_write(row, (size_t)(end - row));
}

/* ------------------------------------------------------------- sizes of blocks */

static uint64_t record_home(uintptr_t address)
{
	return ((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (record.n_slots - 1);
}

static struct record_block *record_probe(uintptr_t address)
{
	uint64_t i = record_home(address);

	while (record.blocks[i].address && record.blocks[i].address != address)
		i = (i + 1) & (record.n_slots - 1);
	return &record.blocks[i];
}

static bool record_grow(void)
{
	struct record_block *old = record.blocks;
	const uint64_t n_old = record.n_slots;
	const uint64_t n_new = n_old ? 2 * n_old : RECORD_MIN_SLOTS;
	void *blocks = mmap(NULL, n_new * sizeof(*old), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (blocks == MAP_FAILED) {
		record_stop("no memory for the table of blocks");
		return false;
	}
	record.blocks = blocks;
	record.n_slots = n_new;
	for (uint64_t i = 0; i < n_old; i++)
		if (old[i].address)
			*record_probe(old[i].address) = old[i];
	if (old)
		munmap(old, n_old * sizeof(*old));
	return true;
}

static void record_remember(uintptr_t address, uint64_t size_bytes)
{
	if (2 * (record.n_blocks + 1) > record.n_slots && !record_grow())
		return;
	struct record_block *block = record_probe(address);

	record.n_blocks += block->address == 0;
	*block = (struct record_block){address, size_bytes};
}

/* Forget a block; false when it is not known. */
static bool record_forget(uintptr_t address, uint64_t *size_bytes)
{
	const uint64_t mask = record.n_slots - 1;
	struct record_block *block = record.n_slots ? record_probe(address) : NULL;

	if (!block || !block->address)
		return false;
	*size_bytes = block->size_bytes;
	uint64_t hole = (uint64_t)(block - record.blocks);

	record.blocks[hole].address = 0;
	record.n_blocks--;
	for (uint64_t i = (hole + 1) & mask; record.blocks[i].address; i = (i + 1) & mask) {
		/* An entry may fill the hole unless its home lies cyclically in (hole, i]. */
		const uint64_t from_home = (i - record_home(record.blocks[i].address)) & mask;

		if (from_home < ((i - hole) & mask))
			continue;
		record.blocks[hole] = record.blocks[i];
		record.blocks[i].address = 0;
		hole = i;
	}
	return true;
}

/* ------------------------------------------------------------- processes */

static void record_begin_file(void)
{
	static const char header[] = "op,key,size,timestamp_ns\n";

	record.has_first = false;
	if (record_map(true))
		record_write(header, sizeof(header) - 1);
}

/* OUT, or OUT.PID for another process than the one asked for.  False: it is not to be recorded. */
static bool record_set_path(const char *out, bool is_child)
{
	char *end = record.path;
	const size_t len = strlen(out);

	if (len + 24 > sizeof(record.path))
		return false;
	memcpy(end, out, len);
	end += len;
	if (is_child) {
		*end++ = '.';
		end = record_put_decimal(end, (uint64_t)getpid());
	}
	*end = '\0';
	return true;
}

static bool record_wants_children(void)
{
	const char *children = getenv("RECORD_MALLOC_CHILDREN");

	return children && *children;
}

static void record_fork_prepare(void)
{
	record_is_inside = true;
	pthread_mutex_lock(&record.lock);
}

static void record_fork_parent(void)
{
	pthread_mutex_unlock(&record.lock);
	record_is_inside = false;
}

static void record_fork_child(void)
{
	const char *out = getenv("RECORD_MALLOC_OUT");
	const bool is_wanted = record.state == RECORD_ON && record_wants_children();

	/* The window is the parent's: it must not be written, nor its place taken for ours. */
	if (record.window)
		munmap(record.window, RECORD_WINDOW_BYTES);
	record.window = NULL;
	record.state = RECORD_OFF;
	if (is_wanted && out && record_set_path(out, true)) {
		const uint64_t now_ns = record_now_ns();

		record.state = RECORD_ON;
		record_begin_file();
		for (uint64_t i = 0; i < record.n_slots; i++)
			if (record.blocks[i].address)
				record_row('I', record.blocks[i].address,
					   record.blocks[i].size_bytes, now_ns);
	}
	pthread_mutex_unlock(&record.lock);
	record_is_inside = false;
}

/* Decide whether this process is recorded; with the lock held, at its first allocation. */
static void record_begin(void)
{
	const char *out = getenv("RECORD_MALLOC_OUT");
	const char *pid = getenv("RECORD_MALLOC_PID");
	const bool is_child = pid && strtol(pid, NULL, 10) != (long)getpid();

	record.state = RECORD_OFF;
	if (!out || (is_child && !record_wants_children()) || !record_set_path(out, is_child))
		return;
	record.state = RECORD_ON;
	record_begin_file();
}

__attribute__((constructor)) static void record_at_start(void)
{
	pthread_atfork(record_fork_prepare, record_fork_parent, record_fork_child);
}

/* Begin a row: false when nothing is to be recorded here and now. */
static bool record_enter(void)
{
	record_ready();
	if (record_is_inside || record_is_booting)
		return false;
	record_is_inside = true;
	pthread_mutex_lock(&record.lock);
	if (record.state == RECORD_UNSET)
		record_begin();
	if (record.state == RECORD_ON)
		return true;
	pthread_mutex_unlock(&record.lock);
	record_is_inside = false;
	return false;
}

static void record_leave(void)
{
	pthread_mutex_unlock(&record.lock);
	record_is_inside = false;
}

static void *record_allocated(void *p, uint64_t size_bytes)
{
	const int saved_errno = errno;

	if (p && record_enter()) {
		record_remember((uintptr_t)p, size_bytes);
		record_row('I', (uintptr_t)p, size_bytes, record_now_ns());
		record_leave();
	}
	errno = saved_errno;
	return p;
}

/* ------------------------------------------------------------- the allocator's functions */

#define RECORD_PUBLIC __attribute__((visibility("default")))

RECORD_PUBLIC void *malloc(size_t size)
{
	record_ready();
	return record_is_booting ? record_boot_alloc(size)
				 : record_allocated(real.malloc(size), size);
}

RECORD_PUBLIC void *calloc(size_t n, size_t size)
{
	record_ready();
	/* The boot memory is zero and never given out twice. */
	return record_is_booting ? record_boot_alloc(n * size)
				 : record_allocated(real.calloc(n, size), n * size);
}

RECORD_PUBLIC void *memalign(size_t alignment, size_t size)
{
	record_ready();
	return record_allocated(real.memalign(alignment, size), size);
}

RECORD_PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
	record_ready();
	return record_allocated(real.aligned_alloc(alignment, size), size);
}

RECORD_PUBLIC int posix_memalign(void **out, size_t alignment, size_t size)
{
	record_ready();
	const int err = real.posix_memalign(out, alignment, size);

	if (!err)
		record_allocated(*out, size);
	return err;
}

RECORD_PUBLIC void *valloc(size_t size)
{
	record_ready();
	return record_allocated(real.valloc(size), size);
}

RECORD_PUBLIC void *pvalloc(size_t size)
{
	record_ready();
	return record_allocated(real.pvalloc(size), size);
}

RECORD_PUBLIC void free(void *p)
{
	const int saved_errno = errno;
	uint64_t size_bytes;

	if (!p || record_is_boot(p))
		return;
	if (record_enter()) {
		if (record_forget((uintptr_t)p, &size_bytes))
			record_row('D', (uintptr_t)p, size_bytes, record_now_ns());
		record_leave();
	}
	real.free(p);
	errno = saved_errno;
}

/* A block that dlsym() got moves to the allocator. */
static void *record_realloc_boot(void *p, size_t size)
{
	void *q = malloc(size);
	const size_t n_left = (size_t)(record_boot + RECORD_BOOT_BYTES - (char *)p);

	return q ? memcpy(q, p, size < n_left ? size : n_left) : NULL;
}

RECORD_PUBLIC void *realloc(void *p, size_t size)
{
	uint64_t old_bytes;

	if (!p)
		return malloc(size);
	if (record_is_boot(p))
		return record_realloc_boot(p, size);
	if (!record_enter())
		return real.realloc(p, size);
	const uintptr_t from = (uintptr_t)p;
	const uint64_t before_ns = record_now_ns();
	void *q = real.realloc(p, size);
	const int saved_errno = errno;
	const uintptr_t to = (uintptr_t)q;

	if (q && to == from && record_forget(from, &old_bytes)) {
		record_row('U', to, size, record_now_ns());
	} else {
		/* Moved, or freed (size 0); a failed one changes nothing. */
		if ((q || size == 0) && to != from && record_forget(from, &old_bytes))
			record_row('D', from, old_bytes, before_ns);
		if (q)
			record_row('I', to, size, record_now_ns());
	}
	if (q)
		record_remember(to, size);
	record_leave();
	errno = saved_errno;
	return q;
}

RECORD_PUBLIC void *reallocarray(void *p, size_t n, size_t size)
{
	size_t product;

	if (__builtin_mul_overflow(n, size, &product)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, product);
}
