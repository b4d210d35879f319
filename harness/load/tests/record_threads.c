/* SPDX-License-Identifier: MIT */
/* record_threads.c - a program for test_record.c to record: known numbers of blocks of telling
 * sizes, made and freed across threads, with a fork amid, all functions of the allocator, and an
 * end by _exit(). */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 4
#define N_BLOCKS 5000

/* Blocks on their way from the thread that made them to the next one, which frees them. */
static void *blocks[N_THREADS][N_BLOCKS];
static pthread_barrier_t barrier;

static void *work(void *arg)
{
	const long id = (long)arg;
	void **next = blocks[(id + 1) % N_THREADS];

	for (int i = 0; i < N_BLOCKS; i++)
		blocks[id][i] = malloc(1001);
	pthread_barrier_wait(&barrier);
	/* All threads free and grow at once: addresses go from one to the other. */
	for (int i = 0; i < N_BLOCKS; i++) {
		void *grown = realloc(next[i], 3003 + (size_t)i % 2 * 30000);

		free(malloc(1001));
		free(grown);
	}
	return NULL;
}

static void all_functions(void)
{
	volatile size_t too_many = (size_t)-1;
	void *p = NULL;
	void *all[8] = {calloc(7, 11),	   memalign(64, 78), aligned_alloc(64, 128),
			valloc(79),	   pvalloc(80),	     reallocarray(NULL, 9, 9),
			realloc(NULL, 82), strdup("83")};

	if (posix_memalign(&p, 64, 84) == 0)
		free(p);
	for (int i = 0; i < 8; i++)
		free(all[i]);
	free(NULL);
	p = reallocarray(NULL, too_many, 2);
	if (p)
		abort();
}

int main(int argc, char **argv)
{
	pthread_t threads[N_THREADS];
	void *kept = malloc(4004);
	int status = 0;

	(void)argv;
	all_functions();
	pthread_barrier_init(&barrier, NULL, N_THREADS);
	for (long i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	const pid_t child = fork(); /* while they allocate */

	if (child == 0) {
		free(kept);
		free(malloc(5005));
		_exit(0);
	}
	waitpid(child, &status, 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	if (argc > 1) { /* live at the end */
		kept = malloc(6006);
		snprintf(kept, 6006, "%d", status);
	}
	_exit(status ? 9 : 3);
}
