// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp-cache.h"

#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "seccomp-"
#define TRANSLATION 1 // to be raised whenever seccomp.c makes another program of the same section

static const char magic[8] = "BERTHBPF";

struct header {
	char magic[8];
	uint64_t length; // of the program that follows
	uint8_t checksum[32]; // its sha256
};

static void checksum_of(const void *data, size_t length, uint8_t ret[32])
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	size_t size = 32;

	g_checksum_update(checksum, data, (gssize) length);
	g_checksum_get_digest(checksum, ret, &size);
}

char *berth_seccomp_cache_name(const struct oci_seccomp *seccomp)
{
	struct oci_seccomp plain = *seccomp;
	plain.listener_path = NULL;
	plain.listener_metadata = NULL;

	const struct scmp_version *version = seccomp_version();
	g_autofree char *text = berth_document_print_text(&oci_seccomp_document, &plain, 0);
	g_autofree char *all = g_strdup_printf("%d %u.%u.%u %x\n%s", TRANSLATION, version->major, version->minor,
					       version->micro, seccomp_arch_native(), text);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
	return g_strconcat(PREFIX, digest, NULL);
}

// Ours, and writable by nobody else.
static bool is_trusted(const struct stat *status)
{
	return status->st_uid == geteuid() && (status->st_mode & 022) == 0;
}

static int open_cache(const char *cache_root, bool make)
{
	berth_fd folder = berth_open_folder(cache_root, make, 0700, NULL);
	struct stat status;

	if (folder < 0 || fstat(folder, &status) < 0 || !is_trusted(&status))
		return -1;
	return berth_fd_steal(&folder);
}

void *berth_seccomp_cache_load(const char *cache_root, const char *name, size_t limit, size_t *ret_length)
{
	berth_fd folder = open_cache(cache_root, false);
	if (folder < 0)
		return NULL;
	berth_fd fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	struct header header;
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || !is_trusted(&status))
		return NULL;
	if (berth_read_full(fd, &header, sizeof header) != sizeof header ||
	    memcmp(header.magic, magic, sizeof magic) != 0 || header.length == 0 || header.length > limit ||
	    (uint64_t) status.st_size != sizeof header + header.length)
		return NULL;

	g_autofree void *program = g_malloc(header.length);
	uint8_t checksum[32];
	if (berth_read_full(fd, program, header.length) != (ssize_t) header.length)
		return NULL;
	checksum_of(program, header.length, checksum);
	if (memcmp(checksum, header.checksum, sizeof checksum) != 0)
		return NULL;
	*ret_length = header.length;
	return g_steal_pointer(&program);
}

// Sections that differ from container to container must not fill the disk: beyond the limit all are thrown away, and
// those in use come back soon.
static void sweep(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	int count = 0;

	if (!listing) {
		berth_fd_clear(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(listing));)
		count += g_str_has_prefix(entry->d_name, PREFIX);
	rewinddir(listing);
	for (struct dirent *entry; count >= BERTH_LIMIT_SECCOMP_CACHE && (entry = readdir(listing));)
		if (g_str_has_prefix(entry->d_name, PREFIX))
			unlinkat(folder, entry->d_name, 0);
	closedir(listing);
}

void berth_seccomp_cache_store(const char *cache_root, const char *name, const void *program, size_t length)
{
	berth_fd folder = open_cache(cache_root, true);
	if (folder < 0)
		return;
	sweep(folder);

	struct header header = {.length = length};
	memcpy(header.magic, magic, sizeof magic);
	checksum_of(program, length, header.checksum);
	g_autofree char *file = g_malloc(sizeof header + length);
	memcpy(file, &header, sizeof header);
	memcpy(file + sizeof header, program, length);
	// Not synced: what a crash leaves half-written does not pass the checksum.
	berth_write_file_at(folder, name, file, sizeof header + length, 0600, false, NULL);
}
