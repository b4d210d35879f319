/* SPDX-License-Identifier: MIT */
/* gnuplot.c - posix_spawn of gnuplot with its complaints caught in a pipe. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Read to the end; keep the last size - 1 bytes: warnings come first, the error that ends it last. */
static void gnuplot_listen(int fd, char *said, size_t size)
{
	size_t len = 0;
	char buf[512];
	ssize_t n;

	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		const size_t kept = (size_t)n < size - 1 ? (size_t)n : size - 1;
		const size_t excess = len + kept > size - 1 ? len + kept - (size - 1) : 0;

		memmove(said, said + excess, len - excess);
		memcpy(said + len - excess, buf + n - kept, kept);
		len += kept - excess;
	}
	said[len] = '\0';
}

static int gnuplot_spawn(pid_t *pid, const char *dir, const char *script, const char *format,
			 int err)
{
	posix_spawn_file_actions_t actions;
	char set_format[32];
	char name[] = "gnuplot";
	char defaults[] = "-d"; /* not the user's ~/.gnuplot */
	char execute[] = "-e";
	char path[128];
	char *argv[] = {name, defaults, execute, set_format, path, NULL};
	int rc;

	snprintf(set_format, sizeof(set_format), "fmt='%s'", format);
	snprintf(path, sizeof(path), "%s", script);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, err, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addchdir_np(&actions, dir);
	if (!rc)
		rc = posix_spawnp(pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

int gnuplot_run(const char *dir, const char *script, const char *format, char *said,
		size_t said_size)
{
	int fds[2];
	pid_t pid = -1;
	int status;
	int rc;

	*said = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	rc = gnuplot_spawn(&pid, dir, script, format, fds[1]);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		return rc;
	}
	gnuplot_listen(fds[0], said, said_size);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	/* glibc reports a missing program from posix_spawnp(); 127 is what other libraries do. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
