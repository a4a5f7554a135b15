// SPDX-License-Identifier: Apache-2.0
// Mounts that the user or the image asks for. Every option comes from a list of those allowed, so nothing that a client
// or an image writes reaches the kernel unread. No destination lies in /proc, where a mount would lie to the
// container's own processes about masks and labels (CVE-2015-3631, CVE-2019-16884); every destination is absolute and
// without "..", and is resolved inside the root only, by the runtime.
#include "engine/plan/plan-mounts.h"

#include "base/error.h"
#include "base/limits.h"
#include "volume/volume.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

// What lxcfs provides may cover its namesake.
static const char *const allowed_in_proc[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
					      "/proc/stat",    "/proc/swaps",     "/proc/uptime",
					      "/proc/loadavg", "/proc/slabinfo",  NULL};
const char *const berth_plan__propagations[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave", NULL};

static bool has_destination(const struct berth_plan *plan, const char *path)
{
	for (guint i = 0; i < plan->record->mounts->len; i++) {
		const struct berth_container_mount *mount = plan->record->mounts->pdata[i];
		if (g_str_equal(mount->destination, path))
			return true;
	}
	return false;
}

// The destination without "." and "..", or NULL.
static char *check_destination(const char *path, GError **error)
{
	if (!path || *path != '/') {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid mount path: '%s' mount path must be absolute",
				path ? path : "");
		return NULL;
	}
	g_autofree char *clean = g_canonicalize_filename(path, "/");
	if (strlen(clean) >= PATH_MAX || !berth_plan_is_plain(clean))
		berth_error_set(error, BERTH_ERROR_INVALID,
				"invalid mount path: is longer than %d bytes or has control characters", PATH_MAX - 1);
	else if (g_str_equal(clean, "/"))
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid specification: destination can't be '/'");
	else if ((g_str_equal(clean, "/proc") || g_str_has_prefix(clean, "/proc/")) &&
		 !g_strv_contains(allowed_in_proc, clean))
		berth_error_set(error, BERTH_ERROR_INVALID,
				"invalid mount path: '%s': nothing may be mounted over /proc", path);
	else
		return g_steal_pointer(&clean);
	return NULL;
}

// Adds a mount of this type there; the caller fills it in.
struct berth_container_mount *berth_plan__mount_add(struct berth_plan *plan, const char *type, const char *destination,
						    GError **error)
{
	g_autofree char *clean = check_destination(destination, error);

	if (!clean)
		return NULL;
	if (plan->record->mounts->len >= BERTH_LIMIT_MOUNTS) {
		berth_error_set(error, BERTH_ERROR_INVALID, "more than %d mounts", BERTH_LIMIT_MOUNTS);
		return NULL;
	}
	if (has_destination(plan, clean)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "Duplicate mount point: %s", clean);
		return NULL;
	}
	struct berth_container_mount *mount = berth_document_new(&berth_container_mount_document);
	mount->type = g_strdup(type);
	mount->destination = g_steal_pointer(&clean);
	mount->mode = g_strdup("");
	mount->propagation = g_strdup("");
	mount->writable = true;
	mount->listed = true;
	g_ptr_array_add(plan->record->mounts, mount);
	return mount;
}

// Read-only goes down to the mounts beneath, unless that was asked not to be.
void berth_plan__mount_bind_options(struct berth_container_mount *mount, const char *propagation, bool recursive,
				    bool read_only_recursive)
{
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();

	g_strv_builder_add(options, recursive ? "rbind" : "bind");
	if (!mount->writable)
		g_strv_builder_add(options, recursive && read_only_recursive ? "rro" : "ro");
	g_strv_builder_add(options, propagation);
	g_strfreev(mount->options);
	mount->options = g_strv_builder_end(options);
	g_free(mount->propagation);
	mount->propagation = g_strdup(propagation);
}

// A volume, which is made with the container if it is not there. One without a name gets one from what it is for, so
// that planning again gives the same.
struct berth_container_mount *berth_plan__mount_volume(struct berth_plan *plan, const char *name,
						       const char *destination, bool read_only, GError **error)
{
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "volume", destination, error);

	if (!mount)
		return NULL;
	if (name && *name) {
		mount->name = g_strdup(name);
	} else {
		g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
		g_checksum_update(sum, (const unsigned char *) plan->input->id, -1);
		g_checksum_update(sum, (const unsigned char *) mount->destination, -1);
		mount->name = g_strdup(g_checksum_get_string(sum));
		mount->anonymous = true;
	}
	const char *driver = plan->host->volume_driver;
	// Empty: whichever has it, and local if it is to be made.
	mount->driver = g_strdup(driver ? driver : "");
	mount->writable = !read_only;
	berth_plan__mount_bind_options(mount, "rprivate", true, true);
	g_clear_pointer(&mount->propagation, g_free);
	mount->propagation = g_strdup("");
	return mount;
}

struct bind_mode {
	bool read_only, no_copy, label;
	const char *propagation;
};

// "ro,rslave,z". Of each kind there may be one.
static bool parse_mode(const char *text, struct bind_mode *mode, GError **error)
{
	static const char *const consistencies[] = {"consistent", "cached", "delegated", NULL};
	g_auto(GStrv) words = g_strsplit(text, ",", 0);
	unsigned access = 0, labels = 0, copies = 0, propagation = 0, consistency = 0;

	*mode = (struct bind_mode){0};
	for (char **word = words; *word; word++) {
		const char *const *known = berth_plan__propagations;
		while (*known && !g_str_equal(*known, *word))
			known++;
		if (*known) {
			mode->propagation = *known;
			propagation++;
		} else if (g_str_equal(*word, "ro") || g_str_equal(*word, "rw")) {
			mode->read_only = g_str_equal(*word, "ro");
			access++;
		} else if (g_ascii_strcasecmp(*word, "z") == 0) {
			mode->label = true;
			labels++;
		} else if (g_str_equal(*word, "nocopy")) {
			mode->no_copy = true;
			copies++;
		} else if (g_strv_contains(consistencies, *word)) {
			consistency++;
		} else {
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mode: %s", text);
		}
	}
	if (access > 1 || labels > 1 || copies > 1 || propagation > 1 || consistency > 1)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mode: %s", text);
	return true;
}

// Without SELinux there is nothing to label.
static bool check_label(struct berth_plan *plan, bool label, const char *what, GError **error)
{
	return !label || !berth_plan_abilities(plan)->selinux ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "%s: SELinux labels (z, Z) are not in this version: label the folder by chcon(1)", what);
}

static bool add_bind_source(struct berth_plan *plan, const char *source, const char *destination, const char *text,
			    const struct bind_mode *mode, GError **error)
{
	if (mode->no_copy)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid mount config for type \"bind\": field VolumeOptions must not be "
				       "specified");
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "bind", destination, error);
	if (!mount)
		return false;
	mount->source = g_canonicalize_filename(source, "/");
	mount->writable = !mode->read_only;
	mount->make_source = true;
	g_free(mount->mode);
	mount->mode = g_strdup(text);
	berth_plan__mount_bind_options(mount, mode->propagation ? mode->propagation : "rprivate", true, true);
	return true;
}

static bool add_bind_volume(struct berth_plan *plan, const char *name, const char *destination, const char *text,
			    const struct bind_mode *mode, GError **error)
{
	if (!berth_volume_name_check(name, error))
		return g_prefix_error(error, "create %s: ", name), false;
	if (mode->propagation)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid mode: %s: propagation is of binds", text);
	struct berth_container_mount *mount = berth_plan__mount_volume(plan, name, destination, mode->read_only, error);
	if (!mount)
		return false;
	mount->no_copy = mode->no_copy;
	g_free(mount->mode);
	mount->mode = g_strdup(*text ? text : "z"); // as Docker shows it
	return true;
}

static bool parse_bind(struct berth_plan *plan, const char *bind, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(bind, ":", 0);
	guint count = g_strv_length(parts);
	const char *text = count == 3 ? parts[2] : "";
	struct bind_mode mode = {0};

	if (count < 1 || count > 3 || !*parts[0] || (count > 1 && !*parts[1]) || (count == 3 && !*text) ||
	    (count == 2 && *parts[1] != '/' && parse_mode(parts[1], &mode, NULL)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "is not [source:]destination[:mode]");
	if ((count == 3 && !parse_mode(text, &mode, error)) || !check_label(plan, mode.label, bind, error))
		return false;
	if (count == 1)
		return berth_plan__mount_volume(plan, NULL, parts[0], false, error) != NULL;
	if (*parts[0] != '/')
		return add_bind_volume(plan, parts[0], parts[1], text, &mode, error);
	return add_bind_source(plan, parts[0], parts[1], text, &mode, error);
}

static bool add_binds(struct berth_plan *plan, GError **error)
{
	for (char **bind = plan->host->binds; bind && *bind; bind++)
		if (!parse_bind(plan, *bind, error))
			return g_prefix_error(error, "invalid volume specification: '%s': ", *bind), false;
	return true;
}

static bool is_number(const char *text, const char *digits, const char *suffixes)
{
	size_t length = strspn(text, digits);

	return length > 0 && length < 20 &&
	       (text[length] == '\0' || (strchr(suffixes, text[length]) && !text[length + 1]));
}

static bool is_tmpfs_option(const char *option)
{
	static const char *const flags[] = {
		"ro",          "rw",         "suid",        "nosuid",        "dev",      "nodev",
		"exec",        "noexec",     "sync",        "async",         "dirsync",  "remount",
		"mand",        "nomand",     "atime",       "noatime",       "diratime", "nodiratime",
		"relatime",    "norelatime", "strictatime", "nostrictatime", "defaults", "private",
		"rprivate",    "shared",     "rshared",     "slave",         "rslave",   "unbindable",
		"runbindable", NULL};
	const char *value = strchr(option, '=');
	size_t length = strcspn(option, "=");
	g_autofree char *name = g_strndup(option, length);
	static const char decimal[] = "0123456789", memory_policy[] = "abcdefghijklmnopqrstuvwxyz0123456789:=-";

	if (!value)
		return g_strv_contains(flags, option) && !g_str_equal(option, "remount");
	value++;
	if (g_str_equal(name, "size"))
		return is_number(value, decimal, "kKmMgG%");
	if (g_str_equal(name, "nr_inodes") || g_str_equal(name, "nr_blocks"))
		return is_number(value, decimal, "kKmMgG");
	if (g_str_equal(name, "mode"))
		return is_number(value, "01234567", "");
	if (g_str_equal(name, "uid") || g_str_equal(name, "gid"))
		return is_number(value, decimal, "");
	return g_str_equal(name, "mpol") && *value && strspn(value, memory_policy) == strlen(value);
}

bool berth_plan__tmpfs_option(struct berth_container_mount *mount, GStrvBuilder *options, const char *option,
			      GError **error)
{
	if (!is_tmpfs_option(option))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid tmpfs option \"%s\"", option);
	if (g_str_equal(option, "ro") || g_str_equal(option, "rw"))
		mount->writable = option[1] == 'w';
	g_strv_builder_add(options, option);
	return true;
}

GStrvBuilder *berth_plan__tmpfs_defaults(void)
{
	GStrvBuilder *options = g_strv_builder_new();

	g_strv_builder_add(options, "noexec"); // what follows may undo these
	g_strv_builder_add(options, "nosuid");
	g_strv_builder_add(options, "nodev");
	return options;
}

static bool add_tmpfs(struct berth_plan *plan, const char *destination, const char *text, GError **error)
{
	struct berth_container_mount *mount = berth_plan__mount_add(plan, "tmpfs", destination, error);
	g_autoptr(GStrvBuilder) options = berth_plan__tmpfs_defaults();
	g_auto(GStrv) words = g_strsplit(text, ",", 0);

	if (!mount)
		return false;
	mount->listed = false;
	for (char **word = words; *word; word++)
		if (**word && !berth_plan__tmpfs_option(mount, options, *word, error))
			return false;
	mount->options = g_strv_builder_end(options);
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool add_tmpfs_map(struct berth_plan *plan, GError **error)
{
	bool added = true;

	if (!plan->host->tmpfs)
		return true;
	g_autoptr(GList) destinations = g_list_sort(g_hash_table_get_keys(plan->host->tmpfs), compare);
	for (const GList *item = destinations; item && added; item = item->next)
		added = add_tmpfs(plan, item->data, g_hash_table_lookup(plan->host->tmpfs, item->data), error);
	return added;
}
// Volumes of the configuration, the image's too: where nothing else is mounted.
static bool add_volumes(struct berth_plan *plan, GError **error)
{
	for (char **volume = plan->config->volumes; volume && *volume; volume++) {
		g_autofree char *clean = check_destination(*volume, error);
		if (!clean ||
		    (!has_destination(plan, clean) && !berth_plan__mount_volume(plan, NULL, clean, false, error)))
			return g_prefix_error(error, "volume '%s': ", *volume), false;
	}
	return true;
}

// What other containers have: where the request itself mounts nothing.
static bool add_from(struct berth_plan *plan, GError **error)
{
	const GPtrArray *from = plan->input->volumes_from;

	for (guint i = 0; from && i < from->len; i++) {
		const struct berth_container_mount *mount = from->pdata[i];
		if (has_destination(plan, mount->destination))
			continue;
		if (plan->record->mounts->len >= BERTH_LIMIT_MOUNTS)
			return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d mounts", BERTH_LIMIT_MOUNTS);
		g_ptr_array_add(plan->record->mounts, berth_document_copy(&berth_container_mount_document, mount));
	}
	return true;
}

bool berth_plan_mounts(struct berth_plan *plan, GError **error)
{
	return add_binds(plan, error) && berth_plan__mount_objects(plan, error) && add_tmpfs_map(plan, error) &&
	       add_from(plan, error) && add_volumes(plan, error);
}
