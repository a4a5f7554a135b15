// SPDX-License-Identifier: Apache-2.0
// Groups below the caller's own one, which an ordinary user may make where the own group was delegated to them, and the
// handing on of a group to the user of a container. v2 only: its rules make that safe.
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SELF_CGROUP_MAX (64 << 10)
#define DELEGATE_LIST "/sys/kernel/cgroup/delegate"
#define MOVE_ROUNDS 20 // processes that are forked while others are moved come in the next round

#define REMEDY                                                                                                         \
	"run it in a delegated group (systemd-run --user --scope -p Delegate=yes …) or with --cgroup-manager systemd"

static bool has_word(const char *text, const char *word)
{
	g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
	return g_strv_contains((const char *const *) words, word);
}

char *berth_cgroup_own_parse(const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		if (!g_str_has_prefix(*line, "0::/"))
			continue;
		char *path = *line + strlen("0::");
		if (g_str_has_prefix(path, "/..") || g_str_has_suffix(path, " (deleted)")) {
			berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					"the own cgroup %s is outside of this cgroup namespace or removed", path);
			return NULL;
		}
		if (g_str_has_suffix(path, "/" BERTH_CGROUP_CALLERS))
			path[strlen(path) - strlen("/" BERTH_CGROUP_CALLERS)] = '\0';
		return g_strdup(*path ? path : "/");
	}
	berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "this process is in no cgroup of version 2");
	return NULL;
}

char *berth_cgroup_own(GError **error)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/self/cgroup", SELF_CGROUP_MAX, NULL, error);
	return text ? berth_cgroup_own_parse(text, error) : NULL;
}

// Everything that is in the group goes to its leaf.
static bool move_processes(int own, const char *path, GError **error)
{
	if (mkdirat(own, BERTH_CGROUP_CALLERS, 0755) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "cgroup %s: make group " BERTH_CGROUP_CALLERS, path);
	berth_fd leaf = openat(own, BERTH_CGROUP_CALLERS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (leaf < 0)
		return berth_error_set_errno(error, errno, "cgroup %s: open group " BERTH_CGROUP_CALLERS, path);

	for (int round = 0; round < MOVE_ROUNDS; round++) {
		g_autofree char *text = berth_cgroup_read_text(own, "cgroup.procs", error);
		g_auto(GStrv) pids = g_strsplit(text ? text : "", "\n", -1);
		if (!text)
			return false;
		if (!*text)
			return true;
		for (char **pid = pids; *pid; pid++) {
			int errnum = **pid ? berth_cgroup_write_text(leaf, "cgroup.procs", *pid) : 0;
			if (errnum && errnum != ESRCH)
				return berth_error_set_errno(error, errnum,
							     "cgroup %s: move process %s to " BERTH_CGROUP_CALLERS,
							     path, *pid);
		}
	}
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "cgroup %s: new processes keep appearing in it", path);
}

static bool all_enabled(int own, const char *const *needed)
{
	g_autofree char *enabled = berth_cgroup_read_text(own, "cgroup.subtree_control", NULL);

	for (const char *const *word = needed; word && *word; word++)
		if (!has_word(enabled, *word))
			return false;
	return true;
}

// Lets groups below `own` have the needed controllers; each that cannot be is an error of its own.
static bool enable_needed(int own, const char *path, const char *const *needed, GError **error)
{
	g_autofree char *offered = berth_cgroup_read_text(own, "cgroup.controllers", NULL);

	for (const char *const *word = needed; word && *word; word++)
		if (!has_word(offered, *word))
			return berth_error_set(
				error, BERTH_ERROR_UNAVAILABLE,
				"cgroup %s: the controller %s is not delegated to it (it has: %s): " REMEDY, path,
				*word, offered && *offered ? offered : "none");
	if (all_enabled(own, needed)) // what is not needed moves nobody
		return berth_cgroup_enable_controllers(own), true;
	berth_cgroup_enable_controllers(own);
	if (all_enabled(own, needed))
		return true;
	if (!move_processes(own, path, error))
		return false;
	berth_cgroup_enable_controllers(own);
	for (const char *const *word = needed; word && *word; word++) {
		g_autofree char *change = g_strconcat("+", *word, NULL);
		int errnum = berth_cgroup_write_text(own, "cgroup.subtree_control", change);
		if (errnum)
			return berth_error_set_errno(
				error, errnum, "cgroup %s: enable the controller %s for groups below it", path, *word);
	}
	return true;
}

static const struct berth_cgroup_mount *unified(const struct berth_cgroup_mounts *mounts)
{
	return mounts->kind == BERTH_CGROUP_V2 && mounts->list->len > 0 ? g_ptr_array_index(mounts->list, 0) : NULL;
}

bool berth_cgroup_create_below_in(const struct berth_cgroup_mounts *mounts, const char *own, const char *name,
				  const char *const *needed, struct berth_cgroup **ret, GError **error)
{
	const struct berth_cgroup_mount *mount = unified(mounts);

	if (!mount)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "cgroups of version 1 cannot be delegated to ordinary users: boot with "
				       "systemd.unified_cgroup_hierarchy=1 or use --cgroup-manager disabled");
	if (!*name || strchr(name, '/') || *name == '.')
		return berth_error_set(error, BERTH_ERROR_INVALID, "cgroup name '%s': must be a plain name", name);
	berth_fd root = berth_cgroup_open_mount(mounts, mount);
	berth_fd folder =
		root < 0 ? -1 : openat(root, own[1] ? own + 1 : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open the own cgroup %s in %s", own, mount->point);

	bool made = mkdirat(folder, name, 0755) == 0;
	if (!made && (errno == EACCES || errno == EPERM || errno == EROFS))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "cgroup %s: user %d may not make groups in it (%s): " REMEDY, own,
				       (int) geteuid(), berth_error_text(errno));
	if (!made && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make cgroup %s in the own cgroup %s", name, own);
	g_autofree char *path = g_build_filename(own, name, NULL);
	bool good = enable_needed(folder, own, needed, error) && berth_cgroup_open_in(mounts, path, ret, error);
	if (good && !made) {
		g_autofree char *processes = berth_cgroup_peek(*ret, "pids", "cgroup.procs");
		good = !processes || !*processes ||
		       berth_error_set(error, BERTH_ERROR_CONFLICT, "cgroup %s: there are processes in it already",
				       path);
		if (!good)
			g_clear_pointer(ret, berth_cgroup_free);
	}
	if (!good && made)
		unlinkat(folder, name, AT_REMOVEDIR);
	return good;
}

bool berth_cgroup_create_below(const char *name, const char *const *needed, struct berth_cgroup **ret, GError **error)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	g_autofree char *own = mounts->kind == BERTH_CGROUP_V2 ? berth_cgroup_own(error) : g_strdup("/");

	return own && berth_cgroup_create_below_in(mounts, own, name, needed, ret, error);
}

static bool give_files(const struct berth_cgroup *cgroup, int folder, uid_t uid, GError **error)
{
	static const char *const always[] = {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads", NULL};

	// Kernels before 4.15 have no list.
	g_autofree char *text = berth_read_file_at(AT_FDCWD, DELEGATE_LIST, SELF_CGROUP_MAX, NULL, NULL);
	g_auto(GStrv) listed = text ? g_strsplit(g_strchomp(text), "\n", -1) : NULL;
	const char *const *files = text ? (const char *const *) listed : always;
	for (; *files; files++) {
		if (!**files || strchr(*files, '/'))
			continue;
		if (fchownat(folder, *files, uid, (gid_t) -1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "give cgroup %s to user %d: %s", cgroup->path,
						     (int) uid, *files);
	}
	return true;
}

bool berth_cgroup_give(const struct berth_cgroup *cgroup, uid_t uid, GError **error)
{
	int folder = berth_cgroup_fd(cgroup);
	struct stat st;

	if (folder < 0)
		return true;
	if (fstat(folder, &st) < 0)
		return berth_error_set_errno(error, errno, "cgroup %s", cgroup->path);
	if (st.st_uid == uid)
		return true;
	if (fchownat(folder, "", uid, (gid_t) -1, AT_EMPTY_PATH) < 0)
		return berth_error_set_errno(error, errno, "give cgroup %s to user %d", cgroup->path, (int) uid);
	return give_files(cgroup, folder, uid, error);
}

bool berth_cgroup_delegate(const struct berth_cgroup *cgroup, const char *name, uid_t uid, pid_t pid, GError **error)
{
	g_autofree char *path = g_build_filename(cgroup->path, name, NULL);
	g_autoptr(berth_cgroup) child = NULL;
	int folder = berth_cgroup_fd(cgroup);

	if (folder < 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "cgroup %s: delegating is not safe with cgroups of version 1", path);
	if (!*name || strchr(name, '/') || *name == '.')
		return berth_error_set(error, BERTH_ERROR_INVALID, "cgroup name '%s': must be a plain name", name);
	if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make cgroup %s", path);
	if (!berth_cgroup_open(path, &child, error) || !berth_cgroup_join(child, pid, error))
		return false;
	berth_cgroup_enable_controllers(folder);
	return berth_cgroup_give(child, uid, error);
}
