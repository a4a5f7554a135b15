// SPDX-License-Identifier: Apache-2.0
// A root file system of nothing but busybox, as a tar archive of the oldest dialect that says all of it. Its times are
// zero, so that the same busybox always makes the same image.
#include "base/error.h"
#include "base/fd.h"
#include "cli/commands/bootstrap.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define BLOCK 512
#define REMEDY "install the package busybox-static (apt-get install busybox-static)"
#define LIMIT_PROGRAM (64 << 20)

static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"};

static const struct {
	const char *name;
	unsigned mode;
} folders[] = {
	{"bin/", 0755},      {"dev/", 0755}, {"etc/", 0755},      {"home/", 0755},      {"proc/", 0555},
	{"root/", 0700},     {"sys/", 0555}, {"tmp/", 01777},     {"usr/", 0755},       {"usr/bin/", 0755},
	{"usr/sbin/", 0755}, {"var/", 0755}, {"var/tmp/", 01777}, {"var/spool/", 0755}, {"var/spool/mail/", 0755},
	{"var/www/", 0755},
};

static const struct {
	const char *name, *text;
} files[] = {
	{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
		       "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
		       "bin:x:2:2:bin:/bin:/bin/false\n"
		       "sys:x:3:3:sys:/dev:/bin/false\n"
		       "mail:x:8:8:mail:/var/spool/mail:/bin/false\n"
		       "www-data:x:33:33:www-data:/var/www:/bin/false\n"
		       "nobody:x:65534:65534:nobody:/home:/bin/false\n"},
	{"etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\n"
		      "wheel:x:10:root\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n"},
};

struct tar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
		version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
G_STATIC_ASSERT(sizeof(struct tar) == BLOCK);

static void add(GByteArray *archive, const char *name, char type, unsigned mode, const char *link, const void *data,
		size_t size)
{
	static const char zeros[BLOCK];
	struct tar head = {.type = type, .magic = "ustar", .version = {'0', '0'}};
	unsigned sum = 0;

	g_strlcpy(head.name, name, sizeof head.name);
	g_strlcpy(head.link, link, sizeof head.link);
	g_snprintf(head.mode, sizeof head.mode, "%07o", mode);
	g_snprintf(head.uid, sizeof head.uid, "%07o", 0);
	g_snprintf(head.gid, sizeof head.gid, "%07o", 0);
	g_snprintf(head.size, sizeof head.size, "%011zo", size);
	g_snprintf(head.mtime, sizeof head.mtime, "%011o", 0);
	memset(head.checksum, ' ', sizeof head.checksum);
	for (size_t i = 0; i < sizeof head; i++)
		sum += ((const unsigned char *) &head)[i];
	g_snprintf(head.checksum, sizeof head.checksum, "%06o", sum);
	g_byte_array_append(archive, (const guint8 *) &head, sizeof head);
	if (size > 0)
		g_byte_array_append(archive, data, (guint) size);
	if (size % BLOCK)
		g_byte_array_append(archive, (const guint8 *) zeros, (guint) (BLOCK - size % BLOCK));
}

// A program that needs no interpreter runs without libraries.
static bool is_static(const char *program, size_t length)
{
	Elf64_Ehdr head;
	Elf64_Phdr segment;

	if (length < sizeof head)
		return false;
	memcpy(&head, program, sizeof head);
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (head.e_ident[EI_CLASS] != ELFCLASS64)
		return true; // of 32 bits: not looked into
	for (unsigned i = 0; i < head.e_phnum; i++) {
		size_t at = head.e_phoff + (size_t) i * sizeof segment;
		if (at > length || length - at < sizeof segment)
			return false;
		memcpy(&segment, program + at, sizeof segment);
		if (segment.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static char *read_busybox(const char **ret_path, size_t *ret_length, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autoptr(GError) failure = NULL;
		g_autofree char *program = berth_read_file_at(AT_FDCWD, places[i], LIMIT_PROGRAM, ret_length, &failure);
		*ret_path = places[i];
		if (program && is_static(program, *ret_length))
			return g_steal_pointer(&program);
		if (program) {
			berth_error_set(error, BERTH_ERROR_NOT_FOUND,
					"%s is linked to libraries of the host and cannot be an image: " REMEDY,
					places[i]);
			return NULL;
		}
	}
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "there is no busybox on this machine: " REMEDY);
	return NULL;
}

// The names that busybox answers to, one a line.
static char *list_applets(const char *busybox, GError **error)
{
	char *command[] = {(char *) busybox, (char *) "--list", NULL};
	g_autoptr(GError) failure = NULL;
	g_autofree char *list = NULL;
	int status;

	if (!g_spawn_sync(NULL, command, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &list, NULL, &status,
			  &failure) ||
	    !g_spawn_check_wait_status(status, &failure)) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s --list: %s", busybox, failure->message);
		return NULL;
	}
	return g_steal_pointer(&list);
}

int berth_bootstrap_busybox(GError **error)
{
	static const char end[2 * BLOCK];
	g_autoptr(GByteArray) archive = g_byte_array_new();
	const char *path;
	size_t length;
	g_autofree char *program = read_busybox(&path, &length, error);
	g_autofree char *list = program ? list_applets(path, error) : NULL;

	if (!list)
		return -1;
	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
		add(archive, folders[i].name, '5', folders[i].mode, "", NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		add(archive, files[i].name, '0', 0644, "", files[i].text, strlen(files[i].text));
	add(archive, "bin/busybox", '0', 0755, "", program, length);
	g_auto(GStrv) applets = g_strsplit(list, "\n", -1);
	for (char **applet = applets; *applet; applet++) {
		g_autofree char *name = g_strconcat("bin/", *applet, NULL);
		if (**applet && strcmp(*applet, "busybox") != 0 && strlen(name) < 100 && !strchr(*applet, '/'))
			add(archive, name, '2', 0777, "busybox", NULL, 0);
	}
	g_byte_array_append(archive, (const guint8 *) end, sizeof end);
	berth_fd fd = memfd_create("busybox.tar", MFD_CLOEXEC);
	if (fd < 0 || !berth_write_all(fd, archive->data, archive->len, "the archive", error) ||
	    lseek(fd, 0, SEEK_SET) < 0) {
		if (error && !*error)
			berth_error_set_errno(error, errno, "making the archive");
		return -1;
	}
	return berth_fd_steal(&fd);
}
