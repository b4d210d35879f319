/* SPDX-License-Identifier: MIT */
/* matrix_list.c - lists, ranges and exclude rules; the syntax is told in matrix_job.h. */
#include "run/matrix_list.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

/* Keys whose texts hold commas: only | separates their values. */
static const char *const keys_with_commas[] = {"stages", "events", "pin", "evict", NULL};

void matrix_list_fini(struct matrix_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->values[i]);
	free(list->values);
	*list = (struct matrix_list){NULL, 0};
}

static int matrix_list_add(struct matrix_list *list, const char *text, size_t length, char *error,
			   size_t error_size)
{
	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (!length) {
		snprintf(error, error_size, "an empty value in the list");
		return -EINVAL;
	}
	if (list->n == MATRIX_MAX_VALUES) {
		snprintf(error, error_size, "more than %d values", MATRIX_MAX_VALUES);
		return -EINVAL;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (strlen(list->values[i]) == length && !memcmp(list->values[i], text, length)) {
			snprintf(error, error_size, "'%s' stands twice in the list",
				 list->values[i]);
			return -EINVAL;
		}
	}
	char **values = realloc(list->values, (list->n + 1) * sizeof(*values));

	if (!values)
		return -ENOMEM;
	list->values = values;
	list->values[list->n] = strndup(text, length);
	if (!list->values[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

/* ---------------------------------------------------------------- ranges */

struct matrix_range {
	uint64_t first, last, step;
	bool is_geometric;
	const char *unit; /* "" or "ns" */
};

static int matrix_parse_number(const char *text, const char *unit, uint64_t *out)
{
	return *unit ? units_parse_time(text, out) : units_parse_count(text, out);
}

/* "A..B*F" or "A..B+S" into its parts: 1 when it is a range, 0 when not, -EINVAL when it is a bad one. */
static int matrix_range_parse(struct matrix_range *range, const char *text, char *error,
			      size_t error_size)
{
	char first[64], last[64];
	const char *dots = strstr(text, "..");
	const char *step = dots ? dots + 2 + strcspn(dots + 2, "*+") : NULL;

	if (!dots || dots == text || !isdigit((unsigned char)*text))
		return 0;
	snprintf(first, sizeof(first), "%.*s", (int)(dots - text), text);
	snprintf(last, sizeof(last), "%.*s", (int)(step - dots - 2), dots + 2);
	range->unit = units_parse_count(first, &range->first) ? "ns" : "";
	range->is_geometric = *step == '*';
	if (!*step) {
		snprintf(error, error_size,
			 "'%s': a range needs its step: A..B*FACTOR or A..B+STEP", text);
		return -EINVAL;
	}
	if (matrix_parse_number(first, range->unit, &range->first) ||
	    matrix_parse_number(last, range->unit, &range->last) ||
	    matrix_parse_number(step + 1, range->is_geometric ? "" : range->unit, &range->step)) {
		snprintf(error, error_size,
			 "'%s': not a range of numbers or times, as 2^10..2^22*4", text);
		return -EINVAL;
	}
	if (!range->first || range->first > range->last || range->step < 1u + range->is_geometric) {
		snprintf(error, error_size,
			 "'%s': a range begins above 0, goes up, and its factor is 2 or more",
			 text);
		return -EINVAL;
	}
	return 1;
}

static int matrix_list_add_range(struct matrix_list *list, const struct matrix_range *range,
				 char *error, size_t error_size)
{
	uint64_t value = range->first;

	for (;;) {
		char text[40];
		const int n = snprintf(text, sizeof(text), "%" PRIu64 "%s", value, range->unit);
		const int err = matrix_list_add(list, text, (size_t)n, error, error_size);
		uint64_t next;

		if (err)
			return err;
		if (range->is_geometric ? __builtin_mul_overflow(value, range->step, &next)
					: __builtin_add_overflow(value, range->step, &next))
			return 0;
		if (next > range->last)
			return 0;
		value = next;
	}
}

/* ---------------------------------------------------------------- lists */

/* Where the value that begins at `text` ends.  In strategies a comma before opt=value does not end it. */
static size_t matrix_value_length(const char *key, const char *text, const char *separators)
{
	size_t length = strcspn(text, separators);

	while (!strcmp(key, "strategy") && text[length] == ',') {
		const char *next = text + length + 1;
		const size_t next_length = strcspn(next, separators);
		const char *equals = memchr(next, '=', next_length);
		const char *colon = memchr(next, ':', next_length);

		if (!equals || (colon && colon < equals))
			break;
		length += 1 + next_length;
	}
	return length;
}

static int matrix_list_add_value(struct matrix_list *list, const char *text, size_t length,
				 char *error, size_t error_size)
{
	char value[128];
	struct matrix_range range;
	int is_range = 0;

	if (length < sizeof(value)) {
		const size_t blanks = strspn(text, " \t");

		if (blanks < length) {
			snprintf(value, sizeof(value), "%.*s", (int)(length - blanks),
				 text + blanks);
			value[strcspn(value, " \t")] = '\0';
			is_range = matrix_range_parse(&range, value, error, error_size);
		}
	}
	if (is_range < 0)
		return is_range;
	if (is_range)
		return matrix_list_add_range(list, &range, error, error_size);
	return matrix_list_add(list, text, length, error, error_size);
}

int matrix_list_parse(struct matrix_list *list, const char *key, const char *text, char *error,
		      size_t error_size)
{
	const char *separators = ",";

	*list = (struct matrix_list){NULL, 0};
	for (size_t i = 0; keys_with_commas[i]; i++) {
		if (!strcmp(key, keys_with_commas[i]))
			separators = "|";
	}
	if (strchr(text, '|'))
		separators = "|";
	for (;;) {
		const size_t length = matrix_value_length(key, text, separators);
		const int err = matrix_list_add_value(list, text, length, error, error_size);

		if (err)
			return err;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

/* ---------------------------------------------------------------- conditions */

/* A count, a rate ("max" is the largest) or a time in ns. */
static bool matrix_number(const char *text, uint64_t *out)
{
	return !units_parse_count(text, out) || !units_parse_time(text, out) ||
	       !units_parse_rate(text, out);
}

bool matrix_text_is_number(const char *text)
{
	uint64_t number;

	return matrix_number(text, &number);
}

bool matrix_condition_holds(const struct matrix_condition *c, const char *value)
{
	uint64_t left, right;

	if (!value)
		return !strcmp(c->operator, "!=");
	const bool are_numbers = matrix_number(value, &left) && matrix_number(c->text, &right);

	if (!strcmp(c->operator, "=") || !strcmp(c->operator, "!=")) {
		const bool is_equal = !fnmatch(c->text, value, 0) || (are_numbers && left == right);

		return is_equal == (c->operator[0] == '=');
	}
	if (!are_numbers)
		return false;
	if (c->operator[0] == '<')
		return left < right || (c->operator[1] && left == right);
	return left > right || (c->operator[1] && left == right);
}

static int matrix_condition_parse(struct matrix_condition *c, const char *text, size_t length,
				  char *error, size_t error_size)
{
	char copy[256];

	if (length >= sizeof(copy)) {
		snprintf(error, error_size, "a condition longer than %zu characters",
			 sizeof(copy) - 1);
		return -EINVAL;
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)length, text);
	const char *key = copy + strspn(copy, " \t");
	const size_t key_length = strcspn(key, " \t=!<>");
	const char *op = key + key_length + strspn(key + key_length, " \t");
	const size_t op_length = strspn(op, "=!<>");
	const char *value = op + op_length + strspn(op + op_length, " \t");
	size_t value_length = strlen(value);

	while (value_length && isspace((unsigned char)value[value_length - 1]))
		value_length--;
	snprintf(c->key, sizeof(c->key), "%.*s", (int)key_length, key);
	snprintf(c->operator, sizeof(c->operator), "%.*s", (int)op_length, op);
	snprintf(c->text, sizeof(c->text), "%.*s", (int)value_length, value);
	static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};
	bool is_known = false;

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		is_known |= op_length <= 2 && !strcmp(c->operator, operators[i]);
	if (!*c->key || !is_known || !*c->text || value_length >= sizeof(c->text)) {
		snprintf(error, error_size,
			 "'%s' is no condition; write KEY=GLOB, KEY!=GLOB, or KEY>=NUMBER with <, "
			 "<=, >, >=",
			 key);
		return -EINVAL;
	}
	if ((c->operator[0] == '<' || c->operator[0] == '>') && !matrix_text_is_number(c->text)) {
		snprintf(error, error_size, "'%s' after %s is no number, time or rate", c->text,
			 c->operator);
		return -EINVAL;
	}
	return 0;
}

int matrix_rule_parse(struct matrix_condition *conditions, size_t max, size_t *n, const char *text,
		      char *error, size_t error_size)
{
	*n = 0;
	for (;;) {
		const size_t length = strcspn(text, "&");
		int err;

		if (*n == max) {
			snprintf(error, error_size, "more than %zu conditions in a rule", max);
			return -EINVAL;
		}
		err = matrix_condition_parse(&conditions[*n], text, length, error, error_size);
		if (err)
			return err;
		++*n;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}
