/* SPDX-License-Identifier: MIT */
/* mkdirs.c - directories for results. */
#include "mkdirs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int mkdirs(const char *path)
{
	char part[PATH_MAX];

	/* Names of files in it must fit, too. */
	if (strlen(path) >= sizeof(part) - 32)
		return -ENAMETOOLONG;
	strcpy(part, path);
	for (char *at = part + 1; part[0] != '\0' && *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0777) != 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(part, 0777) == 0 || errno == EEXIST ? 0 : -errno;
}
