// SPDX-License-Identifier: Apache-2.0
// Executes a program for which some system calls do not exist, as on an older kernel: a seccomp filter answers ENOSYS.
//
//	deny-syscalls KERNEL|NAME[,…] PROGRAM [ARGUMENT…]
//
// KERNEL is a version: "5.4" denies all calls of the table that came later. The filter stays with all that the program
// starts. Without CAP_SYS_ADMIN it needs no_new_privs, and set-id programs do not work then.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	unsigned number;
	int major, minor; // the kernel that brought it
} calls[] = {
	{"open_tree", SYS_open_tree, 5, 2},
	{"move_mount", SYS_move_mount, 5, 2},
	{"fsopen", SYS_fsopen, 5, 2},
	{"fsconfig", SYS_fsconfig, 5, 2},
	{"fsmount", SYS_fsmount, 5, 2},
	{"fspick", SYS_fspick, 5, 2},
	{"clone3", SYS_clone3, 5, 3},
	{"openat2", SYS_openat2, 5, 6},
	{"faccessat2", SYS_faccessat2, 5, 8},
	{"close_range", SYS_close_range, 5, 9},
	{"mount_setattr", SYS_mount_setattr, 5, 12},
};

static bool is_denied(size_t i, const char *wanted)
{
	size_t length = strlen(calls[i].name);
	int major, minor;

	if (sscanf(wanted, "%d.%d", &major, &minor) == 2)
		return calls[i].major > major || (calls[i].major == major && calls[i].minor > minor);
	for (const char *at = wanted; (at = strstr(at, calls[i].name)); at += length)
		if ((at == wanted || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

static int install(const char *wanted)
{
	struct sock_filter code[2 * COUNT(calls) + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog program = {1, code};

	for (size_t i = 0; i < COUNT(calls); i++) {
		if (!is_denied(i, wanted))
			continue;
		code[program.len++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
		code[program.len++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[program.len++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (program.len == 2) {
		fprintf(stderr, "deny-syscalls: nothing in \"%s\" is denied\n", wanted);
		return -1;
	}
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	perror("deny-syscalls: install the filter");
	return -1;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "Usage: deny-syscalls KERNEL|NAME[,...] PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (install(argv[1]) < 0)
		return 2;
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
