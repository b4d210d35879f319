/* SPDX-License-Identifier: MIT */
/* matrix_child.c - fork, wait with a limit, kill the group. */
#include "run/matrix_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

/* The kernel's count of processes killed for memory; 0 when it does not tell. */
static uint64_t child_oom_kills(void)
{
	FILE *f = fopen("/proc/vmstat", "r");
	unsigned long long value;
	char key[64];
	uint64_t n = 0;

	while (f && fscanf(f, "%63s %llu", key, &value) == 2) {
		if (!strcmp(key, "oom_kill"))
			n = value;
	}
	if (f)
		fclose(f);
	return n;
}

/* Where memory runs out, the kernel shall end this process, not the matrix or another program. */
static void child_offer_to_oom_killer(void)
{
	const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Without it the kernel takes the largest, which is most often this one too. */
	if (write(fd, "1000", 4) != 4)
		dprintf(STDERR_FILENO, "oom_score_adj: %s\n", strerror(errno));
	close(fd);
}

/* In the child: never returns. */
static void child_exec(char *const argv[], const char *log_path, pid_t parent)
{
	const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	const int none = open("/dev/null", O_RDONLY);
	sigset_t empty;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126); /* it died before the line above */
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	if (log < 0 || none < 0 || dup2(none, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	child_offer_to_oom_killer();
	execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Wait for the end of the child, a signal, or the limit. */
static enum matrix_end child_wait(int pid_fd, int signal_fd, uint64_t deadline_ns)
{
	struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};

	for (;;) {
		const uint64_t now = clock_monotonic_ns();
		const uint64_t left_ms = now < deadline_ns ? (deadline_ns - now) / 1000000 + 1 : 0;
		/* At most a day at once: poll takes an int. */
		const int n = poll(fds, 2, left_ms < 86400000 ? (int)left_ms : 86400000);

		if (n < 0 && errno != EINTR)
			return MATRIX_EXITED; /* waitpid() waits */
		if (n > 0 && fds[0].revents)
			return MATRIX_EXITED;
		if (n > 0 && fds[1].revents)
			return MATRIX_INTERRUPTED;
		if (n == 0 && clock_monotonic_ns() >= deadline_ns)
			return MATRIX_TIMED_OUT;
	}
}

struct matrix_outcome matrix_child_run(char *const argv[], const char *log_path, uint64_t limit_ns,
				       int signal_fd)
{
	const uint64_t begin = clock_monotonic_ns();
	const uint64_t oom_kills = child_oom_kills();
	const pid_t parent = getpid();
	struct matrix_outcome outcome = {MATRIX_EXITED, 0, 0, false};
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0)
		child_exec(argv, log_path, parent);
	if (pid < 0)
		return (struct matrix_outcome){MATRIX_NOT_STARTED, errno, 0, false};
	setpgid(pid, pid); /* here too: whoever comes first */
	const int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pid_fd < 0) {
		outcome.end = MATRIX_NOT_STARTED;
		outcome.code = errno;
	} else {
		outcome.end = child_wait(pid_fd, signal_fd, begin + limit_ns);
		close(pid_fd);
	}
	/* Whatever it has left behind goes too.  The child is not reaped yet, so the group is its own. */
	kill(-pid, SIGKILL);
	if (outcome.end != MATRIX_EXITED)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	outcome.elapsed_ns = clock_monotonic_ns() - begin;
	outcome.had_oom_kill = child_oom_kills() > oom_kills;
	if (outcome.end == MATRIX_EXITED && WIFSIGNALED(status)) {
		outcome.end = MATRIX_SIGNALLED;
		outcome.code = WTERMSIG(status);
	} else if (outcome.end == MATRIX_EXITED) {
		outcome.code = WEXITSTATUS(status);
	}
	return outcome;
}

void matrix_log_last_line(const char *log_path, char *buf, unsigned size)
{
	FILE *f = fopen(log_path, "r");
	char line[512];

	buf[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = '\0';
		for (char *p = line; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = ' ';
		}
		if (line[strspn(line, " ")])
			snprintf(buf, size, "%s", line);
	}
	if (f)
		fclose(f);
}
