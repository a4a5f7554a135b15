// SPDX-License-Identifier: Apache-2.0
// Mounts that map ids (mounts[].uidMappings and gidMappings, options idmap and ridmap): a file's owner on its file
// system is seen, and written, as another id. The kernel takes the map from a user namespace, which is made for this
// and has no process after that. It asks for the rights over the file system, so the creator does it, before the mount
// is attached.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"

#include <sched.h>
#include <string.h>

static bool check_side(const struct oci_mount *mount, const GPtrArray *mappings, GError **error)
{
	for (guint i = 0; mappings && i < mappings->len; i++) {
		const struct oci_id_mapping *map = mappings->pdata[i];
		if (map->container_id < 0 || map->host_id < 0 || map->size <= 0 || map->container_id > G_MAXUINT32 ||
		    map->host_id > G_MAXUINT32 || map->size > G_MAXUINT32)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "mounts: %s: uidMappings and gidMappings: ids go from 0 to 4294967295",
					       mount->destination);
	}
	return true;
}

bool berth_idmap_mount_check(const struct oci_mount *mount, GError **error)
{
	bool uids = mount->uid_mappings && mount->uid_mappings->len;
	bool gids = mount->gid_mappings && mount->gid_mappings->len;

	if (uids != gids)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "mounts: %s: uidMappings and gidMappings: one needs the other",
				       mount->destination);
	return check_side(mount, mount->uid_mappings, error) && check_side(mount, mount->gid_mappings, error);
}

bool berth_idmap_mount_wanted(const struct berth_mount_step *step)
{
	return step->options.idmap || (step->mount->uid_mappings && step->mount->uid_mappings->len);
}

static void convert(const GPtrArray *mappings, GArray *ret)
{
	for (guint i = 0; mappings && i < mappings->len; i++) {
		const struct oci_id_mapping *mapping = mappings->pdata[i];
		struct berth_idmap map = {mapping->container_id, mapping->host_id, mapping->size};
		g_array_append_val(ret, map);
	}
}

static const struct oci_id_mapping *find_mapping(const GPtrArray *mappings, int64_t id)
{
	for (guint i = 0; mappings && i < mappings->len; i++) {
		const struct oci_id_mapping *mapping = mappings->pdata[i];
		if (id >= mapping->container_id && id - mapping->container_id < mapping->size)
			return mapping;
	}
	return NULL;
}

// What the container calls `map`.outside … is, by its user namespace's maps, one or more ranges of the host.
static bool append_relative(const GPtrArray *mappings, struct berth_idmap map, GArray *ret, GError **error)
{
	while (map.count > 0) {
		const struct oci_id_mapping *mapping = find_mapping(mappings, map.outside);
		if (!mapping)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"option idmap: the container's user namespace has no id %" G_GINT64_FORMAT,
				map.outside);
		int64_t step = map.outside - mapping->container_id;
		int64_t count = MIN(map.count, mapping->size - step);
		struct berth_idmap part = {map.inside, mapping->host_id + step, count};
		g_array_append_val(ret, part);
		map = (struct berth_idmap){map.inside + count, map.outside + count, map.count - count};
	}
	return true;
}

// "[@]file-host-count"
static bool parse_range(const char *text, const GPtrArray *mappings, GArray *ret, GError **error)
{
	bool relative = *text == '@';
	g_auto(GStrv) numbers = g_strsplit(text + relative, "-", -1);
	int64_t values[3] = {0};

	for (guint i = 0; i < 3; i++)
		if (g_strv_length(numbers) != 3 ||
		    !g_ascii_string_to_signed(numbers[i], 10, i == 2, G_MAXUINT32, &values[i], NULL))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "option idmap: %s is not \"file-host-count\" in numbers", text);
	struct berth_idmap map = {values[0], values[1], values[2]};
	if (relative)
		return append_relative(mappings, map, ret, error);
	g_array_append_val(ret, map);
	return true;
}

// crun's "uids=0-1000-1#1-2000-10;gids=@0-0-10".
static bool parse_text(const struct oci_linux_section *section, const char *text, GArray *uids, GArray *gids,
		       GError **error)
{
	g_auto(GStrv) sides = g_strsplit(text, ";", -1);

	for (char **side = sides; *side; side++) {
		bool uid = g_str_has_prefix(*side, "uids=");
		if (!uid && !g_str_has_prefix(*side, "gids="))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "option idmap: \"%s\" is neither uids= nor gids=", *side);
		g_auto(GStrv) ranges = g_strsplit(*side + strlen("uids="), "#", -1);
		for (char **range = ranges; *range; range++)
			if (!parse_range(*range, uid ? section->uid_mappings : section->gid_mappings, uid ? uids : gids,
					 error))
				return false;
	}
	if (!uids->len || !gids->len)
		return berth_error_set(error, BERTH_ERROR_INVALID, "option idmap: uids and gids are both needed");
	return true;
}

// The user namespace that the container joins by path.
static int joined_user(const struct berth_setup *setup)
{
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++)
		if (setup->join_flags[i] == CLONE_NEWUSER)
			return setup->join[i];
	return -1;
}

static bool collect(const struct berth_setup *setup, const struct berth_mount_step *step, GArray *uids, GArray *gids,
		    GError **error)
{
	const struct oci_mount *mount = step->mount;

	if (step->options.idmap_text)
		return parse_text(setup->section, step->options.idmap_text, uids, gids, error);
	if (mount->uid_mappings && mount->uid_mappings->len) {
		convert(mount->uid_mappings, uids);
		convert(mount->gid_mappings, gids);
		return true;
	}
	if (!(setup->new_namespaces & CLONE_NEWUSER))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "option idmap: without a user namespace it needs uidMappings and gidMappings");
	convert(setup->section->uid_mappings, uids);
	convert(setup->section->gid_mappings, gids);
	return true;
}

static bool takes_container_ids(const struct berth_mount_step *step)
{
	return !step->options.idmap_text && !(step->mount->uid_mappings && step->mount->uid_mappings->len);
}

bool berth_idmap_mount_apply(const struct berth_setup *setup, const struct berth_mount_step *step, int tree,
			     GError **error)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(struct berth_idmap));
	g_autoptr(GArray) gids = g_array_new(FALSE, FALSE, sizeof(struct berth_idmap));
	int joined = joined_user(setup);

	if (takes_container_ids(step) && joined >= 0)
		return berth_mount_map_ids(tree, joined, step->options.idmap_recursive, error);
	if (!collect(setup, step, uids, gids, error))
		return false;
	berth_fd user = berth_namespace_new_user((const struct berth_idmap *) uids->data, uids->len,
						 (const struct berth_idmap *) gids->data, gids->len, error);
	return user >= 0 && berth_mount_map_ids(tree, user, step->options.idmap_recursive, error);
}
