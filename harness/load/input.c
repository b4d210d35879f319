/* SPDX-License-Identifier: MIT */
/* input.c - read, decompress, cut into lines. */
#include "load/input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_PEEK_BYTES 65536
#define INPUT_RAW_BYTES 65536	     /* compressed bytes read at once */
#define INPUT_BUFFER_BYTES (1 << 18) /* decompressed; well above the longest line and the peek */

enum input_kind { INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };

struct input {
	const char *name;
	FILE *file; /* NULL: all of it is in raw already */
	enum input_kind kind;
	bool is_raw_end;    /* nothing more to read from the file */
	bool is_frame_open; /* inside a gzip member or zstd frame */
	bool is_end;	    /* nothing more to decompress */
	const unsigned char *raw;
	size_t raw_len;
	unsigned char *raw_buffer; /* what raw points to when there is a file */
	z_stream gzip;
	bool is_gzip_begun;
	ZSTD_DStream *zstd;
	char *buffer; /* decompressed bytes [begin, end) are not given out yet */
	size_t begin;
	size_t end;
	uint64_t line;
	uint64_t offset; /* of `begin` in the decompressed input */
};

const char *input_name(const struct input *in)
{
	return in->name;
}

uint64_t input_line_number(const struct input *in)
{
	return in->line;
}

uint64_t input_offset(const struct input *in)
{
	return in->offset;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->is_gzip_begun)
		inflateEnd(&in->gzip);
	ZSTD_freeDStream(in->zstd);
	if (in->file)
		fclose(in->file);
	free(in->raw_buffer);
	free(in->buffer);
	free(in);
}

static int input_no_memory(const char *name, struct load_error *error)
{
	return load_fail(error, ENOMEM, "%s: no memory to read it", name);
}

/* Have raw bytes to work on, unless the input ends. */
static int input_read_raw(struct input *in, struct load_error *error)
{
	if (in->raw_len || in->is_raw_end)
		return 0;
	errno = 0;
	in->raw = in->raw_buffer;
	in->raw_len = fread(in->raw_buffer, 1, INPUT_RAW_BYTES, in->file);
	if (ferror(in->file)) {
		const int err = errno ? errno : EIO;

		return load_fail(error, err, "%s: cannot be read: %s", in->name, strerror(err));
	}
	in->is_raw_end = in->raw_len < INPUT_RAW_BYTES;
	return 0;
}

static int input_begin(struct input *in, struct load_error *error)
{
	static const unsigned char gzip_magic[] = {0x1f, 0x8b};
	static const unsigned char zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	const int err = input_read_raw(in, error);

	if (err)
		return err;
	if (in->raw_len == 0)
		return load_fail(error, EINVAL, "%s: is empty; a trace was expected", in->name);
	if (in->raw_len >= sizeof(gzip_magic) && !memcmp(in->raw, gzip_magic, sizeof(gzip_magic))) {
		in->kind = INPUT_GZIP;
		if (inflateInit2(&in->gzip, 15 + 16) != Z_OK)
			return input_no_memory(in->name, error);
		in->is_gzip_begun = true;
		in->is_frame_open = true;
	} else if (in->raw_len >= sizeof(zstd_magic) &&
		   !memcmp(in->raw, zstd_magic, sizeof(zstd_magic))) {
		in->kind = INPUT_ZSTD;
		in->zstd = ZSTD_createDStream();
		if (!in->zstd)
			return input_no_memory(in->name, error);
		in->is_frame_open = true;
	}
	return 0;
}

static struct input *input_create(const char *name)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->name = name;
	in->buffer = malloc(INPUT_BUFFER_BYTES + 1); /* and a NUL behind a last line without LF */
	if (!in->buffer) {
		free(in);
		return NULL;
	}
	return in;
}

int input_open_file(struct input **out, const char *path, struct load_error *error)
{
	struct input *in = input_create(path);
	int err;

	if (!in)
		return input_no_memory(path, error);
	in->file = fopen(path, "rb");
	if (!in->file) {
		err = load_fail(error, errno, "%s: cannot be opened: %s", path, strerror(errno));
		goto fail;
	}
	in->raw_buffer = malloc(INPUT_RAW_BYTES);
	if (!in->raw_buffer) {
		err = input_no_memory(path, error);
		goto fail;
	}
	err = input_begin(in, error);
	if (err)
		goto fail;
	*out = in;
	return 0;

fail:
	input_close(in);
	return err;
}

int input_open_memory(struct input **out, const void *data, size_t len, const char *name,
		      struct load_error *error)
{
	struct input *in = input_create(name);

	if (!in)
		return input_no_memory(name, error);
	in->raw = data;
	in->raw_len = len;
	in->is_raw_end = true;
	const int err = input_begin(in, error);

	if (err) {
		input_close(in);
		return err;
	}
	*out = in;
	return 0;
}

static int input_damaged(const struct input *in, const char *kind, const char *what,
			 struct load_error *error)
{
	return load_fail(error, EINVAL,
			 "%s:%llu: %s data %s after %llu decompressed bytes; copy or make the file "
			 "again",
			 in->name, (unsigned long long)in->line + 1, kind, what,
			 (unsigned long long)(in->offset + in->end - in->begin));
}

static void input_use_raw(struct input *in, size_t n_left)
{
	in->raw += in->raw_len - n_left;
	in->raw_len = n_left;
}

static int input_inflate(struct input *in, struct load_error *error)
{
	z_stream *z = &in->gzip;

	if (!in->is_frame_open) {
		/* Further members may follow; gzip files are concatenated that way. */
		inflateReset(z);
		in->is_frame_open = true;
	}
	/* Lengths are below 4 GiB only for files; memory may be larger. */
	const size_t n_in = in->raw_len < INPUT_RAW_BYTES ? in->raw_len : INPUT_RAW_BYTES;

	z->next_in = (unsigned char *)(uintptr_t)in->raw;
	z->avail_in = (uInt)n_in;
	z->next_out = (unsigned char *)in->buffer + in->end;
	z->avail_out = (uInt)(INPUT_BUFFER_BYTES - in->end);
	const int rc = inflate(z, Z_NO_FLUSH);

	input_use_raw(in, in->raw_len - (n_in - z->avail_in));
	in->end = INPUT_BUFFER_BYTES - z->avail_out;
	if (rc == Z_STREAM_END)
		in->is_frame_open = false;
	else if (rc == Z_MEM_ERROR)
		return input_no_memory(in->name, error);
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return input_damaged(in, "gzip", z->msg ? z->msg : "is damaged", error);
	return 0;
}

static int input_zstd(struct input *in, struct load_error *error)
{
	ZSTD_inBuffer from = {in->raw, in->raw_len, 0};
	ZSTD_outBuffer to = {in->buffer, INPUT_BUFFER_BYTES, in->end};
	const size_t rc = ZSTD_decompressStream(in->zstd, &to, &from);

	input_use_raw(in, from.size - from.pos);
	in->end = to.pos;
	if (ZSTD_isError(rc))
		return input_damaged(in, "zstd", ZSTD_getErrorName(rc), error);
	in->is_frame_open = rc != 0;
	return 0;
}

static void input_copy(struct input *in)
{
	const size_t room = INPUT_BUFFER_BYTES - in->end;
	const size_t n = in->raw_len < room ? in->raw_len : room;

	memcpy(in->buffer + in->end, in->raw, n);
	in->end += n;
	input_use_raw(in, in->raw_len - n);
}

/* Decompress until `want` bytes lie in the buffer, or the input ends. */
static int input_fill(struct input *in, size_t want, struct load_error *error)
{
	if (in->end - in->begin >= want || in->is_end)
		return 0;
	memmove(in->buffer, in->buffer + in->begin, in->end - in->begin);
	in->end -= in->begin;
	in->begin = 0;
	while (in->end < want) {
		const size_t before = in->end;
		int err = input_read_raw(in, error);

		if (err)
			return err;
		const size_t raw_before = in->raw_len;

		if (in->raw_len == 0 && !in->is_frame_open) {
			in->is_end = true;
			return 0;
		}
		if (in->kind == INPUT_PLAIN)
			input_copy(in);
		else
			err = in->kind == INPUT_GZIP ? input_inflate(in, error)
						     : input_zstd(in, error);
		if (err)
			return err;
		if (in->end == before && in->raw_len == raw_before && in->is_frame_open)
			return input_damaged(in, in->kind == INPUT_GZIP ? "gzip" : "zstd",
					     "ends early", error);
	}
	return 0;
}

int input_peek(struct input *in, const char **data, size_t *len, struct load_error *error)
{
	const int err = input_fill(in, INPUT_PEEK_BYTES, error);

	if (err)
		return err;
	*data = in->buffer + in->begin;
	*len = in->end - in->begin;
	if (*len > INPUT_PEEK_BYTES)
		*len = INPUT_PEEK_BYTES;
	return 0;
}

static void input_take(struct input *in, size_t n)
{
	in->begin += n;
	in->offset += n;
}

int input_line(struct input *in, char **line, size_t *len, struct load_error *error)
{
	char *lf = memchr(in->buffer + in->begin, '\n', in->end - in->begin);

	if (!lf) {
		const int err = input_fill(in, INPUT_LINE_MAX + 2, error);

		if (err)
			return err;
		if (in->begin == in->end)
			return 0;
		lf = memchr(in->buffer + in->begin, '\n', in->end - in->begin);
	}
	char *begin = in->buffer + in->begin;
	size_t n = lf ? (size_t)(lf - begin) : in->end - in->begin;

	in->line++;
	if (n > INPUT_LINE_MAX)
		return load_fail(
			error, EINVAL,
			"%s:%llu: a line longer than %d bytes; one record a line was expected",
			in->name, (unsigned long long)in->line, INPUT_LINE_MAX);
	input_take(in, n + (lf != NULL));
	if (memchr(begin, '\0', n))
		return load_fail(error, EINVAL,
				 "%s:%llu: binary data (a NUL byte); text was expected", in->name,
				 (unsigned long long)in->line);
	if (n && begin[n - 1] == '\r')
		n--;
	begin[n] = '\0';
	*line = begin;
	*len = n;
	return 1;
}

int input_bytes(struct input *in, void *buf, size_t want, size_t *got, struct load_error *error)
{
	*got = 0;
	while (*got < want) {
		if (in->begin == in->end) {
			const int err = input_fill(in, INPUT_PEEK_BYTES, error);

			if (err)
				return err;
			if (in->begin == in->end)
				return 0;
		}
		size_t n = in->end - in->begin;

		if (n > want - *got)
			n = want - *got;
		memcpy((char *)buf + *got, in->buffer + in->begin, n);
		input_take(in, n);
		*got += n;
	}
	return 0;
}
