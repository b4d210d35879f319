/* SPDX-License-Identifier: MIT */
/* text.c - escaping for HTML, gnuplot, shells, CSV and token formats, and texts in memory. */
#include "report/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

size_t text_utf8_length(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t code;
	size_t len;

	if (p[0] < 0x80)
		return p[0] ? 1 : 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
		code = p[0] & 0x1fu;
	} else if ((p[0] & 0xf0) == 0xe0) {
		len = 3;
		code = p[0] & 0x0fu;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		code = p[0] & 0x07u;
	} else {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = (code << 6) | (p[i] & 0x3fu);
	}
	/* Overlong forms, surrogates and what lies beyond Unicode. */
	if ((len == 3 && code < 0x800) || (len == 4 && (code < 0x10000 || code > 0x10ffff)) ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

void text_make_utf8(char *text)
{
	while (*text) {
		const size_t len = text_utf8_length(text);

		if (!len)
			*text = '?';
		text += len ? len : 1;
	}
}

static bool text_is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static void text_write_html_ascii(FILE *out, char c)
{
	switch (c) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		fputc(text_is_control((unsigned char)c) ? ' ' : c, out);
	}
}

void text_write_html(FILE *out, const char *text)
{
	while (*text) {
		const size_t len = text_utf8_length(text);

		if (!len)
			fputs("\xef\xbf\xbd", out);
		else if (len == 1)
			text_write_html_ascii(out, *text);
		else
			fwrite(text, 1, len, out);
		text += len ? len : 1;
	}
}

/* What DejaVu Sans can draw: gnuplot's cairo terminals cover half the picture with a box for a character
 * that no font has; nor may a name turn the direction of the text. */
static bool text_is_drawable(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned code = len == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
			      : len == 3
				      ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu)
				      : 0x10000;

	return (code >= 0xa0 && code < 0x250) || (code >= 0x386 && code < 0x482) ||
	       (code >= 0x2010 && code < 0x2028) || (code >= 0x2190 && code < 0x2300) ||
	       code == 0x2713 || code == 0x2717;
}

void text_write_gnuplot(FILE *out, const char *text)
{
	fputc('\'', out);
	while (*text) {
		const size_t len = text_utf8_length(text);

		if (!len || (len > 1 && !text_is_drawable(text, len)))
			fputc('?', out);
		else if (*text == '\'')
			fputs("\xe2\x80\x99",
			      out); /* gnuplot 5.4 misreads a doubled one at the start */
		else if (text_is_control((unsigned char)*text))
			fputc(' ', out);
		else
			fwrite(text, 1, len, out);
		text += len ? len : 1;
	}
	fputc('\'', out);
}

void text_write_shell(FILE *out, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_-./:=,+%@^";

	if (*text && strspn(text, harmless) == strlen(text)) {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	}
	fputc('\'', out);
}

void text_write_csv(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void text_write_token(FILE *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		fputc(c < 0x80 && (isalnum(c) || strchr("._+-:=%", c)) ? c : '_', out);
	}
}

/* Of a stream: 0 is an error, which ferror() and fclose() tell. */
static ssize_t text_keep(void *ctx, const char *data, size_t n)
{
	struct text_buffer *b = ctx;

	if (n >= b->room - b->size) { /* one more for the '\0' */
		const size_t room = 2 * (b->size + n + 1);
		char *more = realloc(b->text, room);

		if (!more)
			return 0;
		b->text = more;
		b->room = room;
	}
	memcpy(b->text + b->size, data, n);
	b->size += n;
	return (ssize_t)n;
}

FILE *text_open(struct text_buffer *b)
{
	*b = (struct text_buffer){.text = calloc(1, 1), .room = 1};
	if (b->text)
		b->stream = fopencookie(b, "w", (cookie_io_functions_t){.write = text_keep});
	if (!b->stream)
		free(b->text);
	return b->stream;
}

char *text_close(struct text_buffer *b)
{
	const int is_bad = ferror(b->stream);

	if (fclose(b->stream) || is_bad) {
		free(b->text);
		return NULL;
	}
	b->text[b->size] = '\0';
	return b->text;
}
