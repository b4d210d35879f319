/* SPDX-License-Identifier: MIT */
/* json_file.h - JSON from a file or a line, whole or not at all. */
#ifndef RECLAIMBENCH_JSON_FILE_H
#define RECLAIMBENCH_JSON_FILE_H

#include <jansson.h>

/* json_load_file(), but want of memory is an error: jansson 2.14 leaves out a character where its buffer for a string
 * or a number cannot grow (load.c, lex_save()).  NULL: errno is 0 where the text is damaged (`what` says where; it may be
 * NULL), otherwise why it could not be read.  The caller owns the result.  Any thread. */
json_t *json_file_load(const char *path, json_error_t *what);
/* The same of a text. */
json_t *json_text_load(const char *text, json_error_t *what);

#endif
