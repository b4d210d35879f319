/* SPDX-License-Identifier: MIT */
/* hdr_log.h - HdrHistogram's interval log, version 1.3, with V2 payloads (compressed, base64), as its Java and
 * JavaScript readers take it.  Two significant digits, values from 1 to 2^42 ns.
 *
 * A bin of ours is put at its middle; the highest at the exact maximum.  Threads: one.
 */
#ifndef RECLAIMBENCH_HDR_LOG_H
#define RECLAIMBENCH_HDR_LOG_H

#include <stdio.h>

#include "report/histfile.h"

/* The lines before the first histogram. */
void hdr_log_begin(FILE *out);
/* One histogram; nothing when it has no counts.  `tag` must hold no comma or blank.  0 or -ENOMEM. */
int hdr_log_write(FILE *out, const char *tag, const struct histfile_row *row);

#endif
