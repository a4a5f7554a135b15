// SPDX-License-Identifier: Apache-2.0
// The order matters: a change of owner takes set-user-id bits and capabilities away, and everything changes times.
#include "image/unpack-attributes.h"

#include "base/error.h"
#include "base/fd.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define OVERLAY_PREFIX "trusted.overlay."
#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define PLAIN_MODE 0777 // what open(2) and mkdir(2) set by themselves, less the umask
#define STATUS_MAX (64 << 10)

// The umask cannot be read without setting it, but in /proc: other threads make files meanwhile.
struct berth_unpack_defaults berth_unpack_defaults_read(void)
{
	struct berth_unpack_defaults defaults = {geteuid(), getegid(), PLAIN_MODE};
	g_autofree char *status = berth_read_file_at(AT_FDCWD, "/proc/self/status", STATUS_MAX, NULL, NULL);
	const char *line = status ? strstr(status, "\nUmask:") : NULL;

	if (line)
		defaults.umask = (mode_t) g_ascii_strtoull(line + strlen("\nUmask:"), NULL, 8);
	return defaults;
}

bool berth_unpack_heritage_read(int folder, struct berth_unpack_heritage *ret, GError **error)
{
	struct stat status;

	if (fstat(folder, &status) < 0)
		return berth_error_set_errno(error, errno, "stat its folder");
	ret->group = (status.st_mode & S_ISGID) != 0;
	ret->acl = fgetxattr(folder, ACL_DEFAULT, NULL, 0) > 0;
	return true;
}

static void times_of(struct archive_entry *entry, struct timespec times[2])
{
	times[1] = (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
	times[0] = times[1];
	if (archive_entry_atime_is_set(entry))
		times[0] = (struct timespec){archive_entry_atime(entry), archive_entry_atime_nsec(entry)};
	for (int i = 0; i < 2; i++) {
		if (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000)
			times[i].tv_nsec = 0;
		if (times[i].tv_sec < 0 && times[i].tv_nsec > 0) { // "-1.5" is read as -1 and 0.5
			times[i].tv_sec--;
			times[i].tv_nsec = 1000000000 - times[i].tv_nsec;
		}
	}
}

bool berth_unpack_attributes_read(struct archive_entry *entry, const struct berth_id_maps *ids,
				  const struct berth_unpack_defaults *defaults, struct berth_unpack_heritage heritage,
				  struct berth_unpack_attributes *ret, GError **error)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "its owner %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " is no valid user and group",
				       uid, gid);
	*ret = (struct berth_unpack_attributes){
		.uid = (uid_t) uid,
		.gid = (gid_t) gid,
		.mode = archive_entry_perm(entry) & 07777,
		.entry = entry,
		.heritage = heritage,
		.defaults = defaults,
	};
	bool direct = !heritage.group && !heritage.acl && !(ret->mode & ~PLAIN_MODE) && !(ret->mode & defaults->umask);
	ret->made_with = direct ? ret->mode : archive_entry_filetype(entry) == AE_IFDIR ? 0700 : 0600;
	times_of(entry, ret->times);
	return berth_id_maps_to_host(ids, &ret->uid, &ret->gid, error);
}

static bool has_owner(const struct berth_unpack_attributes *this)
{
	return this->new && !this->heritage.group &&this->uid == this->defaults->uid &&this->gid == this->defaults->gid;
}

static bool has_mode(const struct berth_unpack_attributes *this)
{
	return this->new &&this->made_with == this->mode;
}

// By descriptor, or by name where `fd` is -1.
struct place {
	int fd;
	const char *path;
};

static bool set_xattr(struct place place, const char *name, const void *value, size_t size, GError **error)
{
	if (g_str_has_prefix(name, OVERLAY_PREFIX))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "extended attribute %s: it belongs to the overlay file system", name);
	int result =
		place.fd >= 0 ? fsetxattr(place.fd, name, value, size, 0) : lsetxattr(place.path, name, value, size, 0);
	return result == 0 || berth_error_set_errno(error, errno, "set extended attribute %s", name);
}

static void remove_xattr(struct place place, const char *name)
{
	if (place.fd >= 0)
		fremovexattr(place.fd, name);
	else
		lremovexattr(place.path, name);
}

static bool set_xattrs(const struct berth_unpack_attributes *this, struct place place, GError **error)
{
	const char *name;
	const void *value;
	size_t size;

	if (this->new &&this->heritage.acl) { // which nobody asked for here
		remove_xattr(place, ACL_ACCESS);
		remove_xattr(place, ACL_DEFAULT);
	}
	archive_entry_xattr_reset(this->entry);
	while (archive_entry_xattr_next(this->entry, &name, &value, &size) == ARCHIVE_OK)
		if (!set_xattr(place, name, value, size, error))
			return false;
	return true;
}

bool berth_unpack_attributes_set(const struct berth_unpack_attributes *this, int fd, bool folder, GError **error)
{
	if (!has_owner(this) && fchown(fd, this->uid, this->gid) < 0)
		return berth_error_set_errno(error, errno, "set its owner");
	if (!set_xattrs(this, (struct place){fd, NULL}, error))
		return false;
	if (!has_mode(this) && fchmod(fd, this->mode) < 0)
		return berth_error_set_errno(error, errno, "set its mode");
	return folder || futimens(fd, this->times) == 0 || berth_error_set_errno(error, errno, "set its times");
}

// A link has no mode, and fchmodat() would follow one that a container has put in the place of what was made (the
// way of CVE-2021-41089): the descriptor is of what is there itself, whatever it is by now.
static bool set_mode(int folder, const char *name, mode_t mode, GError **error)
{
	struct stat status;
	berth_fd fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0)
		return berth_error_set_errno(error, errno, "set its mode");
	if (S_ISLNK(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "set its mode: it is a link by now");
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	return fchmodat(AT_FDCWD, path, mode, 0) == 0 || berth_error_set_errno(error, errno, "set its mode");
}

bool berth_unpack_attributes_set_special(const struct berth_unpack_attributes *this, int folder, const char *name,
					 GError **error)
{
	if (!has_owner(this) && fchownat(folder, name, this->uid, this->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set its owner");
	if (archive_entry_xattr_count(this->entry) > 0 || this->heritage.acl) {
		g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", folder, name);
		if (!set_xattrs(this, (struct place){-1, path}, error))
			return false;
	}
	if (archive_entry_filetype(this->entry) != AE_IFLNK && !has_mode(this) &&
	    !set_mode(folder, name, this->mode, error))
		return false;
	return utimensat(folder, name, this->times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       berth_error_set_errno(error, errno, "set its times");
}
