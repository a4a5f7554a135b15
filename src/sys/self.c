// SPDX-License-Identifier: Apache-2.0
#include "sys/self.h"
#include "sys/self-internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

bool berth_self_protected(void)
{
	struct statvfs fs;

	if (statvfs("/proc/self/exe", &fs) == 0 && fs.f_flag & ST_RDONLY)
		return true;
	berth_fd fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

int berth_self_clone(const char *program)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
	berth_fd fd = open_tree(AT_FDCWD, program, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
		return -1;
	return berth_fd_steal(&fd);
}

static int sealed_copy(void)
{
	struct stat st;
	berth_fd program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	berth_fd copy = memfd_create("berth", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (copy < 0 && errno == EINVAL) // before Linux 6.3
		copy = memfd_create("berth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (program < 0 || copy < 0 || fstat(program, &st) < 0)
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, program, NULL, (size_t) left);
		if (n <= 0)
			return -1;
		left -= n;
	}
	if (fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return berth_fd_steal(&copy);
}

bool berth_self_protect(char *const *argv)
{
	bool again = getenv(BERTH_SELF_MARK) != NULL;

	unsetenv(BERTH_SELF_MARK);
	if (berth_self_protected())
		return true;
	if (again) {
		errno = EPERM;
		return false;
	}
	berth_fd fd = berth_self_clone("/proc/self/exe");
	if (fd < 0)
		fd = sealed_copy();
	if (fd < 0)
		return false;
	setenv(BERTH_SELF_MARK, "1", 1);
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	unsetenv(BERTH_SELF_MARK);
	return false;
}

#ifndef MADV_POPULATE_READ // Linux 5.14
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static int map_segments(struct dl_phdr_info *object, G_GNUC_UNUSED size_t size, G_GNUC_UNUSED void *data)
{
	const uintptr_t page = (uintptr_t) getpagesize();
	uintptr_t constant = 0; // the end of what nobody writes to any more

	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type == PT_GNU_RELRO)
			constant = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
	}
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		bool writable = segment->p_flags & PF_W;
		uintptr_t begin = object->dlpi_addr + segment->p_vaddr;
		uintptr_t end = begin + segment->p_memsz;
		begin = (writable ? MAX(begin, constant) : begin) & ~(page - 1);
		if (segment->p_type == PT_LOAD && begin < end)
			madvise((void *) begin, end - begin, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	}
	return 0;
}

void berth_self_wake(void)
{
	dl_iterate_phdr(map_segments, NULL);
}

static int release_code(struct dl_phdr_info *object, G_GNUC_UNUSED size_t size, G_GNUC_UNUSED void *data)
{
	const uintptr_t page = (uintptr_t) getpagesize();

	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
		// What was written to would be lost.
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			madvise((void *) begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void berth_self_rest(void)
{
	dl_iterate_phdr(release_code, NULL);
}
