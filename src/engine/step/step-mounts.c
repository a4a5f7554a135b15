// SPDX-License-Identifier: Apache-2.0
// What is mounted into a step of a build, and the mount points that are made in its root for that.
#include "engine/step/step.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"
#include "engine/secret/secrets.h"
#include "engine/volume/volumes-internal.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TMPFS_MODE 01777
#define CONTENT_MODE 0400

static bool is_tmpfs(const struct berth_build_mount *mount)
{
	return mount->tree < 0 && !mount->content;
}

// The record

static char **options_of(const struct berth_build_mount *mount)
{
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();

	if (!is_tmpfs(mount)) {
		g_strv_builder_add_many(options, "rbind", "rprivate", mount->read_only ? "ro" : "rw", NULL);
		return g_strv_builder_end(options);
	}
	g_autofree char *top = g_strdup_printf("mode=%" G_GINT64_MODIFIER "o",
					       mount->mode == BERTH_UNSET ? (int64_t) TMPFS_MODE : mount->mode);
	g_strv_builder_add_many(options, "nosuid", "nodev", mount->read_only ? "ro" : "rw", top, NULL);
	if (mount->size > 0) {
		g_autofree char *size = g_strdup_printf("size=%" G_GINT64_FORMAT, mount->size);
		g_strv_builder_add(options, size);
	}
	const struct {
		const char *name;
		int64_t value;
	} owners[] = {{"uid", mount->uid}, {"gid", mount->gid}};
	for (size_t i = 0; i < G_N_ELEMENTS(owners); i++) {
		if (owners[i].value == BERTH_UNSET || owners[i].value == 0)
			continue;
		g_autofree char *owner = g_strdup_printf("%s=%" G_GINT64_FORMAT, owners[i].name, owners[i].value);
		g_strv_builder_add(options, owner);
	}
	return g_strv_builder_end(options);
}

bool berth_engine__step_plan_mounts(const struct berth_build_step *step, struct berth_container_record *record,
				    GError **error)
{
	if (step->mount_count > BERTH_LIMIT_MOUNTS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d mounts", BERTH_LIMIT_MOUNTS);
	for (size_t i = 0; i < step->mount_count; i++) {
		const struct berth_build_mount *wanted = &step->mounts[i];
		if (wanted->target[0] != '/' || g_str_equal(wanted->target, "/"))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "mount target \"%s\" is no absolute path beneath the root",
					       wanted->target);
		struct berth_container_mount *mount = berth_document_new(&berth_container_mount_document);
		mount->type = g_strdup(is_tmpfs(wanted) ? "tmpfs" : "bind");
		mount->destination = g_strdup(wanted->target);
		mount->source = is_tmpfs(wanted) ? NULL : g_strdup("");
		mount->writable = !wanted->read_only;
		mount->options = options_of(wanted);
		mount->uid = mount->gid = BERTH_UNSET;
		g_ptr_array_add(record->mounts, mount);
	}
	return true;
}

// Sources

// A copy of the mount that it lies on, whose top it is. A kernel that copies no detached mount lets it be attached.
static bool attach_tree(struct berth_engine *engine, const char *id, unsigned number, int tree, char **ret,
			GError **error)
{
	g_autoptr(GError) problem = NULL;
	berth_fd copy = berth_mount_clone(tree, "", true, &problem);

	return berth_volumes_point(engine->volumes, id, number, copy < 0 ? tree : copy, ret, error);
}

static bool write_content(int folder, const char *name, const struct berth_build_mount *mount, GError **error)
{
	gsize length;
	const void *bytes = g_bytes_get_data(mount->content, &length);
	berth_fd fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	uid_t uid = mount->uid == BERTH_UNSET ? 0 : (uid_t) mount->uid;
	gid_t gid = mount->gid == BERTH_UNSET ? 0 : (gid_t) mount->gid;
	mode_t mode = mount->mode == BERTH_UNSET ? CONTENT_MODE : (mode_t) mount->mode & 07777;

	if (length > BERTH_LIMIT_SECRET_VALUE)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is larger than %d bytes", mount->target,
				       (int) BERTH_LIMIT_SECRET_VALUE);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return berth_error_set_errno(error, errno, "make the file at %s", mount->target);
	return berth_write_all(fd, bytes, length, mount->target, error);
}

static bool deliver_contents(struct berth_engine *engine, const struct berth_build_step *step, const char *id,
			     GArray *sources, guint first, GError **error)
{
	g_autofree char *path = NULL;
	berth_fd folder = -1;
	guint count = 0;

	for (size_t i = 0; i < step->mount_count; i++)
		count += step->mounts[i].content != NULL;
	if (count == 0)
		return true;
	folder = berth_engine__secrets_mount(engine, id, count, &path, error);
	for (size_t i = 0; folder >= 0 && i < step->mount_count; i++) {
		g_autofree char *name = g_strdup_printf("file/%zu", i);
		if (!step->mounts[i].content)
			continue;
		if (!write_content(folder, name, &step->mounts[i], error))
			return false;
		g_array_index(sources, struct berth_spec_source, first + i).path = g_build_filename(path, name, NULL);
	}
	return folder >= 0;
}

// Mount points

// The components of `path` that are not there yet, from the first one on.
static void note_missing(GPtrArray *stubs, int root, const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", 0);
	g_autoptr(GString) so_far = g_string_new(NULL);

	for (char **part = parts; *part; part++) {
		if (!**part)
			continue;
		g_string_append_printf(so_far, "/%s", *part);
		g_autoptr(GError) problem = NULL;
		berth_fd there = berth_root_open(root, so_far->str, O_PATH, 0, &problem);
		if (there < 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			g_ptr_array_add(stubs, g_strdup(so_far->str));
	}
}

static void note_stubs(struct berth_engine_step *step, int root)
{
	static const char *const made[] = {"/proc", "/dev", "/sys", "/etc/resolv.conf", "/etc/hosts"};

	step->stubs = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		note_missing(step->stubs, root, made[i]);
	for (size_t i = 0; i < step->wanted->mount_count; i++)
		note_missing(step->stubs, root, step->wanted->mounts[i].target);
}

static void remove_stub(int root, const char *path)
{
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_root_open(root, parent, O_PATH | O_DIRECTORY, 0, NULL);
	struct stat status;

	if (folder < 0 || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(status.st_mode))
		unlinkat(folder, name, AT_REMOVEDIR); // only if it is empty
	else if (S_ISREG(status.st_mode) && status.st_size == 0)
		unlinkat(folder, name, 0);
}

void berth_engine__step_tidy(struct berth_engine_step *step)
{
	for (guint i = step->stubs ? step->stubs->len : 0; step->root >= 0 && i > 0; i--)
		remove_stub(step->root, step->stubs->pdata[i - 1]);
	g_clear_pointer(&step->stubs, g_ptr_array_unref);
	berth_fd_clear(&step->root);
}

bool berth_engine__step_mount(struct berth_engine *engine, struct berth_engine_container *container, int root,
			      GArray *sources, GError **error)
{
	struct berth_engine_step *step = container->step;

	if (!step)
		return true;
	step->root = fcntl(root, F_DUPFD_CLOEXEC, 3);
	if (step->root < 0)
		return berth_error_set_errno(error, errno, "keep the root of a step");
	note_stubs(step, root);
	guint first = sources->len - (guint) step->wanted->mount_count;
	for (size_t i = 0; i < step->wanted->mount_count; i++) {
		struct berth_spec_source *source = &g_array_index(sources, struct berth_spec_source, first + i);
		if (step->wanted->mounts[i].tree >= 0 &&
		    !attach_tree(engine, container->id, first + (guint) i, step->wanted->mounts[i].tree, &source->path,
				 error)) {
			g_prefix_error(error, "mount at %s: ", step->wanted->mounts[i].target);
			return false;
		}
	}
	return deliver_contents(engine, step->wanted, container->id, sources, first, error);
}
