// SPDX-License-Identifier: Apache-2.0
// The program's own file, kept from containers. A process that is about to become a container's program is still this
// program in /proc/self/exe, and `#!/proc/self/exe` even executes this program inside the container; what opened it
// there could later open it for writing and change the host's binary. So a program that makes containers executes
// itself once again, at its start, from a clone of its file's mount that is read-only and attached nowhere: through
// that mount nobody can write, whatever their capabilities.
#pragma once

// To be called first in main(). Returns when the program runs protected (or the kernel does not let it: then errno
// tells and false is returned; the caller decides). The environment variable BERTH_SELF marks the second run and is
// removed.
#include <stdbool.h>
bool berth_self_protect(char *const *argv);

// berth_self_start() is an entry point for static programs (the linker's -e): it does the same before the C library
// begins, which then begins once instead of twice. berth_self_protect() is called nevertheless.

// Whether /proc/self/exe lies on a read-only mount.
bool berth_self_protected(void);

// Such a clone of the mount of a program's file, for whoever starts that program often: executed through it, the
// program finds itself protected. -1 with errno if the kernel does not let it.
int berth_self_clone(const char *program);

// Maps all of the program at once, for one that has time now and will have none later.
void berth_self_wake(void);

// Gives back what the program's code and constants occupy of this process's memory; the kernel maps again from its page
// cache what is used again. For a program that has done its work and now mostly sleeps.
void berth_self_rest(void);
