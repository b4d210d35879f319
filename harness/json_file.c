/* SPDX-License-Identifier: MIT */
/* json_file.c - see json_file.h. */
#include "json_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* jansson's allocator has no argument to carry it. */
static _Thread_local bool is_short;

static void *json_file_malloc(size_t size)
{
	void *p = malloc(size);

	if (!p)
		is_short = true;
	return p;
}

/* For the process: what it gives is malloc's, so what was made before is freed as ever. */
static void json_begin(void)
{
	json_set_alloc_funcs(json_file_malloc, free);
	is_short = false;
	errno = 0;
}

static json_t *json_end(json_t *json, bool is_damaged)
{
	if (is_short) {
		json_decref(json);
		errno = ENOMEM;
		return NULL;
	}
	if (is_damaged)
		errno = 0;
	return json;
}

json_t *json_file_load(const char *path, json_error_t *what)
{
	json_error_t unused;
	json_t *json;

	if (!what)
		what = &unused;
	json_begin();
	json = json_load_file(path, 0, what);
	return json_end(json, !json && what->line >= 0);
}

json_t *json_text_load(const char *text, json_error_t *what)
{
	json_t *json;

	json_begin();
	json = json_loads(text, 0, what);
	return json_end(json, !json);
}
