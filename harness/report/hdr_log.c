/* SPDX-License-Identifier: MIT */
/* hdr_log.c - HdrHistogram's V2 encoding: counts as ZigZag LEB128, deflated, in base64. */
#include "report/hdr_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Two significant digits need 200 values of unit resolution: 256 sub-buckets, of which the upper half is used from
 * the second bucket on. */
enum { HDR_DIGITS = 2, HDR_SUB_BITS = 8, HDR_HALF = 128, HDR_HALF_BITS = 7, HDR_MAX_BITS = 42 };
enum { HDR_N_COUNTS = (HDR_MAX_BITS - HDR_SUB_BITS + 2) * HDR_HALF };
enum { HDR_COOKIE = 0x1c849313, HDR_COMPRESSED_COOKIE = 0x1c849314, HDR_HEADER_BYTES = 40 };

static size_t hdr_index(uint64_t value)
{
	const unsigned bits = 64u - (unsigned)__builtin_clzll(value | 255u);
	const unsigned bucket = bits - HDR_SUB_BITS;

	return ((size_t)(bucket + 1) << HDR_HALF_BITS) + (size_t)(value >> bucket) - HDR_HALF;
}

/* Values beyond the range share its last cell. */
static uint64_t hdr_clamp(uint64_t value)
{
	const uint64_t last = (1ull << HDR_MAX_BITS) - 1;

	return value < last ? value : last;
}

/* Our bins as counts; returns how many there are up to the last one that is not 0. */
static size_t hdr_counts(const struct histfile_row *row, uint64_t *counts)
{
	size_t n = 0;

	for (size_t i = 0; i < row->n_bins; i++) {
		const uint64_t low = row->bins[i].low;
		uint64_t middle = low + (hist_high(hist_bin(low)) - 1 - low) / 2;
		size_t at;

		/* The maximum is exact; the rest of its bin stays below it. */
		if (row->max >= low && middle > row->max)
			middle = row->max;
		at = hdr_index(hdr_clamp(middle));
		counts[at] += row->bins[i].count;
		if (i + 1 == row->n_bins && row->max > middle && row->bins[i].count) {
			counts[at]--;
			at = hdr_index(hdr_clamp(row->max));
			counts[at]++;
		}
		if (at + 1 > n)
			n = at + 1;
	}
	return n;
}

static unsigned char *hdr_put_be(unsigned char *p, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*p++ = (unsigned char)(value >> (8 * i));
	return p;
}

static unsigned char *hdr_put_zigzag(unsigned char *p, int64_t value)
{
	uint64_t bits = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

	for (; bits >= 0x80; bits >>= 7)
		*p++ = (unsigned char)(bits | 0x80);
	*p++ = (unsigned char)bits;
	return p;
}

/* The payload before compression; returns its length.  At most 9 bytes a count. */
static size_t hdr_encode(unsigned char *buf, const uint64_t *counts, size_t n)
{
	unsigned char *p = buf + HDR_HEADER_BYTES;
	const double ratio = 1;
	uint64_t ratio_bits;

	for (size_t i = 0; i < n;) {
		size_t zeros = 0;

		while (i + zeros < n && !counts[i + zeros])
			zeros++;
		if (zeros > 1)
			p = hdr_put_zigzag(p, -(int64_t)zeros);
		else
			p = hdr_put_zigzag(p, (int64_t)counts[i]);
		i += zeros > 1 ? zeros : 1;
	}
	memcpy(&ratio_bits, &ratio, sizeof(ratio_bits));
	unsigned char *head = hdr_put_be(buf, HDR_COOKIE, 4);

	head = hdr_put_be(head, (uint64_t)(p - buf - HDR_HEADER_BYTES), 4);
	head = hdr_put_be(head, 0, 4); /* normalizing offset */
	head = hdr_put_be(head, HDR_DIGITS, 4);
	head = hdr_put_be(head, 1, 8);
	head = hdr_put_be(head, 1ull << HDR_MAX_BITS, 8);
	hdr_put_be(head, ratio_bits, 8);
	return (size_t)(p - buf);
}

static void hdr_write_base64(FILE *out, const unsigned char *data, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		const unsigned bits = (unsigned)data[i] << 16 |
				      (i + 1 < n ? (unsigned)data[i + 1] << 8 : 0) |
				      (i + 2 < n ? (unsigned)data[i + 2] : 0);

		fputc(digits[bits >> 18], out);
		fputc(digits[bits >> 12 & 63], out);
		fputc(i + 1 < n ? digits[bits >> 6 & 63] : '=', out);
		fputc(i + 2 < n ? digits[bits & 63] : '=', out);
	}
}

void hdr_log_begin(FILE *out)
{
	fputs("#[Histogram log format version 1.3]\n"
	      "#[StartTime: 0.000 (seconds since the run began)]\n"
	      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
	      "Histogram\"\n",
	      out);
}

int hdr_log_write(FILE *out, const char *tag, const struct histfile_row *row)
{
	uint64_t *counts = calloc(HDR_N_COUNTS, sizeof(*counts));
	unsigned char *plain = malloc(HDR_HEADER_BYTES + 9 * HDR_N_COUNTS);
	unsigned char *packed = malloc(8 + compressBound(HDR_HEADER_BYTES + 9 * HDR_N_COUNTS));
	uLongf packed_len = compressBound(HDR_HEADER_BYTES + 9 * HDR_N_COUNTS);
	int rc = -ENOMEM;
	size_t n;

	if (!counts || !plain || !packed)
		goto out;
	rc = 0;
	n = hdr_counts(row, counts);
	if (!n)
		goto out;
	n = hdr_encode(plain, counts, n);
	if (compress2(packed + 8, &packed_len, plain, n, Z_BEST_COMPRESSION) != Z_OK) {
		rc = -ENOMEM;
		goto out;
	}
	hdr_put_be(hdr_put_be(packed, HDR_COMPRESSED_COOKIE, 4), packed_len, 4);
	fprintf(out, "Tag=%s,%.3f,%.3f,%.3f,", tag, row->stage_start_s, row->stage_s,
		(double)row->max / 1e6);
	hdr_write_base64(out, packed, packed_len + 8);
	fputc('\n', out);
out:
	free(counts);
	free(plain);
	free(packed);
	return rc;
}
