/* SPDX-License-Identifier: MIT */
/* matrix_list.h - the values and conditions of a job file.  Pure but for memory. */
#ifndef RECLAIMBENCH_MATRIX_LIST_H
#define RECLAIMBENCH_MATRIX_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define MATRIX_MAX_VALUES 4096

struct matrix_list {
	char **values;
	size_t n;
};

/* Split the text of a key into its values, ranges written out.  0, -EINVAL (with what is wrong in `error`) or
 * -ENOMEM.  Release with matrix_list_fini(), after an error too. */
int matrix_list_parse(struct matrix_list *list, const char *key, const char *text, char *error,
		      size_t error_size) __attribute__((warn_unused_result));
void matrix_list_fini(struct matrix_list *list);

/* One condition of an exclude rule. */
struct matrix_condition {
	char key[64];
	char operator[3]; /* "=", "!=", "<", "<=", ">", ">=" */
	char text[192];
};

/* Split a rule at &.  At most `max` conditions; *n says how many.  0, or -EINVAL with what is wrong. */
int matrix_rule_parse(struct matrix_condition *conditions, size_t max, size_t *n, const char *text,
		      char *error, size_t error_size) __attribute__((warn_unused_result));
/* Whether it holds for a value; NULL is a value that is not given, which only != matches. */
bool matrix_condition_holds(const struct matrix_condition *condition, const char *value);
/* Whether < and > can be asked of the condition's text. */
bool matrix_text_is_number(const char *text);

#endif
