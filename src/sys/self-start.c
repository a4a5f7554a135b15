// SPDX-License-Identifier: Apache-2.0
// What berth_self_protect() does, before the C library begins: an entry point for static programs. The program that
// executes itself once more would else initialise its libraries twice, which is some 0.4 ms where a hypervisor answers
// each CPUID. Nothing of any library can be called here: no errno, no thread's memory, no functions chosen by
// processor.
//
// Whatever does not succeed here is tried again by berth_self_protect(), which can also tell of it.
#include "sys/self-internal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

// Linux hands over: the arguments' count on the stack, above it the arguments, the environment and the auxiliary
// vector. The C library's own entry gets all that, and %rdx, untouched.
__asm__(".text\n"
	".globl berth_self_start\n"
	".type berth_self_start, @function\n"
	"berth_self_start:\n"
	"	mov	%rdx, %rbx\n"
	"	mov	%rsp, %rbp\n"
	"	mov	%rsp, %rdi\n"
	"	and	$-16, %rsp\n"
	"	call	berth_self_start_at\n"
	"	mov	%rbp, %rsp\n"
	"	mov	%rbx, %rdx\n"
	"	xor	%ebp, %ebp\n"
	"	jmp	_start\n"
	".size berth_self_start, . - berth_self_start\n");

// A guarded stack takes its canary from the thread's memory.
#define EARLY __attribute__((no_stack_protector))

void berth_self_start_at(uintptr_t *stack);

EARLY static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

EARLY static bool is_mark(const char *variable)
{
	const char *mark = BERTH_SELF_MARK "=";

	while (*mark && *mark == *variable) {
		mark++;
		variable++;
	}
	return !*mark;
}

EARLY static int clone_mount(void)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
	struct statfs fs;

	if (call(SYS_statfs, (long) "/proc/self/exe", (long) &fs, 0, 0, 0) < 0 || fs.f_flags & ST_RDONLY)
		return -1; // it is protected already
	long fd = call(SYS_open_tree, AT_FDCWD, (long) "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
	if (fd >= 0 &&
	    call(SYS_mount_setattr, fd, (long) "", AT_EMPTY_PATH, (long) &attributes, sizeof attributes) < 0) {
		call(SYS_close, fd, 0, 0, 0, 0);
		fd = -1;
	}
	return (int) fd;
}

__attribute__((used)) EARLY void berth_self_start_at(uintptr_t *stack)
{
	char **argv = (char **) (stack + 1), **envp = argv + *stack + 1, **end = envp;

	for (; *end; end++)
		if (is_mark(*end))
			return;
	int fd = clone_mount();
	if (fd < 0)
		return;
	// The mark is one variable more, in the place of the list's end, and that in the place of what follows it.
	char *follows = end[1];
	end[0] = (char *) BERTH_SELF_MARK "=1";
	end[1] = NULL;
	call(SYS_execveat, fd, (long) "", (long) argv, (long) envp, AT_EMPTY_PATH);
	end[0] = NULL;
	end[1] = follows;
	call(SYS_close, fd, 0, 0, 0, 0);
}
