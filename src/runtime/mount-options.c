// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount-options.h"

#include "base/error.h"

#include <string.h>
#include <sys/mount.h>

#define ATIME MOUNT_ATTR__ATIME

// Attributes of a mount. With an "r" before its name each works on the mounts beneath too.
static const struct {
	const char *name;
	uint64_t set, clear;
} attributes[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0},
	{"rw", 0, MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID, 0},
	{"suid", 0, MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV, 0},
	{"dev", 0, MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC, 0},
	{"exec", 0, MOUNT_ATTR_NOEXEC},
	{"noatime", MOUNT_ATTR_NOATIME, ATIME},
	{"atime", MOUNT_ATTR_RELATIME, ATIME},
	{"strictatime", MOUNT_ATTR_STRICTATIME, ATIME},
	{"nostrictatime", MOUNT_ATTR_RELATIME, ATIME},
	{"relatime", MOUNT_ATTR_RELATIME, ATIME},
	{"norelatime", 0, 0},
	{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
	{"diratime", 0, MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
	{"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

static const struct {
	const char *name;
	uint64_t flag;
} propagations[] = {
	{"shared", MS_SHARED},
	{"slave", MS_SLAVE},
	{"private", MS_PRIVATE},
	{"unbindable", MS_UNBINDABLE},
};

// Flags of a file system, and what is no more than a wish of mount(8). The first reach a new file system as they are,
// and mean nothing to a bind mount.
static const char *const file_system_flags[] = {"sync", "dirsync", "lazytime", "mand", NULL};
static const char *const ignored[] = {"defaults",   "async",  "nolazytime", "nomand", "iversion",
				      "noiversion", "silent", "loud",       NULL};

uint64_t berth_mount_propagation(const char *name, bool *ret_recursive)
{
	*ret_recursive = *name == 'r';
	name += *ret_recursive;
	for (size_t i = 0; i < G_N_ELEMENTS(propagations); i++)
		if (g_str_equal(propagations[i].name, name))
			return propagations[i].flag;
	return 0;
}

static void change(struct berth_mount_change *to, uint64_t set, uint64_t clear)
{
	to->set = (to->set & ~clear) | set;
	to->clear = (to->clear & ~set) | clear;
	if (clear & ATIME) // the kernel wants the whole mask cleared to set one of its values
		to->clear |= ATIME;
}

static bool parse_attribute(const char *name, struct berth_mount_options *ret)
{
	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
		bool own = g_str_equal(attributes[i].name, name);
		bool deep = !own && *name == 'r' && g_str_equal(attributes[i].name, name + 1);
		if (own || deep) {
			change(own ? &ret->own : &ret->deep, attributes[i].set, attributes[i].clear);
			return true;
		}
	}
	return false;
}

// Options that runtimes have added.
static bool parse_extension(const char *name, struct berth_mount_options *ret)
{
	const struct {
		const char *name;
		bool *set;
	} extensions[] = {
		{"tmpcopyup", &ret->copy_up},
		{"copy-symlink", &ret->copy_link},
		{"src-nofollow", &ret->source_link},
		{"dest-nofollow", &ret->target_link},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
		if (g_str_equal(name, extensions[i].name)) {
			*extensions[i].set = true;
			return true;
		}
	}
	bool recursive = g_str_has_prefix(name, "ridmap");
	const char *rest = recursive ? name + strlen("ridmap") : name + strlen("idmap");
	if ((!recursive && !g_str_has_prefix(name, "idmap")) || (*rest && *rest != '='))
		return false;
	ret->idmap = true;
	ret->idmap_recursive = recursive;
	g_clear_pointer(&ret->idmap_text, g_free);
	if (*rest)
		ret->idmap_text = g_strdup(rest + 1);
	return true;
}

static bool parse_one(const char *name, bool bind, struct berth_mount_options *ret, GError **error)
{
	bool recursive = false;
	uint64_t propagation = berth_mount_propagation(name, &recursive);

	if (propagation) {
		ret->propagation = propagation;
		ret->propagation_recursive = recursive;
	} else if (g_str_equal(name, "bind") || g_str_equal(name, "rbind")) {
		ret->bind = true;
		ret->recursive_bind |= *name == 'r';
	} else if (g_str_equal(name, "remount")) {
		ret->remount = true;
	} else if (!parse_extension(name, ret) && !parse_attribute(name, ret) && !g_strv_contains(ignored, name) &&
		   !g_str_has_prefix(name, "x-")) {
		if (!bind)
			g_ptr_array_add(ret->data, g_strdup(name));
		else if (!g_strv_contains(file_system_flags, name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "unknown option \"%s\" of a bind mount",
					       name);
	}
	return true;
}

bool berth_mount_options_parse(char *const *options, bool bind, struct berth_mount_options *ret, GError **error)
{
	g_auto(GStrv) none = g_new0(char *, 1);
	const char *const *list = (const char *const *) (options ? options : none);

	*ret = (struct berth_mount_options){.data = g_ptr_array_new_with_free_func(g_free), .deep.recursive = true};
	bind = bind || g_strv_contains(list, "bind") || g_strv_contains(list, "rbind");
	ret->bind = bind;
	for (; *list; list++) {
		if (!parse_one(*list, bind, ret, error)) {
			berth_mount_options_clear(ret);
			return false;
		}
	}
	g_ptr_array_add(ret->data, NULL);
	return true;
}

void berth_mount_options_clear(struct berth_mount_options *options)
{
	g_clear_pointer(&options->data, g_ptr_array_unref);
	g_clear_pointer(&options->idmap_text, g_free);
}
