// SPDX-License-Identifier: Apache-2.0
// A process that is born in namespaces which its parent is not in. Somebody has to go there first: a helper, which
// shares the caller's memory and descriptors while the caller waits for it (as vfork() has it), so that it costs no
// copy of them. It runs on a stack of its own; the process jumps back from there, in its copy of the memory, to where
// the caller waits.
#include "sys/process.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE (64 << 10)

struct order {
	const struct berth_process_birth *birth;
	void *back[5]; // of __builtin_setjmp()
	pid_t pid; // the result, with the two behind it
	int pidfd, errnum;
	size_t joined;
};

// Not instrumented: sanitizers do not know this stack.
__attribute__((no_sanitize("address", "thread", "undefined"))) static int help(void *data)
{
	struct order *order = data;
	const struct berth_process_birth *birth = order->birth;

	for (; order->joined < birth->count; order->joined++)
		if (setns(birth->namespaces[order->joined], (int) birth->kinds[order->joined]) < 0) {
			order->errnum = errno;
			_exit(1);
		}
	order->pid = berth_process_clone(birth->flags | CLONE_PARENT, birth->cgroup_fd, &order->pidfd);
	if (order->pid == 0)
		__builtin_longjmp(order->back, 1);
	order->errnum = errno;
	_exit(0);
}

// Returns twice, like fork().
__attribute__((noinline)) static void run_helper(struct order *order, char *stack)
{
	if (__builtin_setjmp(order->back))
		return;
	pid_t helper = clone(help, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, order);
	if (helper < 0)
		order->errnum = errno;
	while (helper > 0 && waitpid(helper, NULL, __WALL) < 0 && errno == EINTR)
		;
}

pid_t berth_process_clone_into(const struct berth_process_birth *birth, int *ret_pidfd, unsigned *ret_refused)
{
	struct order order = {.birth = birth, .pid = -1, .pidfd = -1, .errnum = ESRCH};
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, before;

	*ret_refused = 0;
	if (stack == MAP_FAILED)
		return -1;
	// A handler of the caller's must not run in the helper.
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	// The process is born with this: in namespaces that others are in it must not be traced from its first moment.
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	if (dumpable == 1)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	run_helper(&order, stack);
	if (order.pid != 0 && dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_SIZE);
	if (order.pid < 0 && order.joined < birth->count)
		*ret_refused = birth->kinds[order.joined];
	*ret_pidfd = order.pidfd;
	errno = order.errnum;
	return order.pid;
}
