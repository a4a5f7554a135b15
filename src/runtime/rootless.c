// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootless.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *read_text(const char *path)
{
	char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_PASSWD, NULL, NULL);

	return text ? text : g_strdup("");
}

// From /etc/passwd itself: a static program has no name services. Who is known elsewhere only is known by number.
static char *user_name(uid_t uid)
{
	g_autofree char *text = read_text("/etc/passwd");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, ":", 4);
		int64_t number;
		if (g_strv_length(fields) == 4 &&
		    g_ascii_string_to_signed(fields[2], 10, 0, G_MAXUINT32, &number, NULL) && number == uid)
			return g_strdup(fields[0]);
	}
	return NULL;
}

static void add_mapping(GPtrArray *mappings, int64_t inside, int64_t outside, int64_t size)
{
	struct oci_id_mapping *mapping = berth_document_new(&oci_id_mapping_document);

	mapping->container_id = inside;
	mapping->host_id = outside;
	mapping->size = size;
	g_ptr_array_add(mappings, mapping);
}

// The ranges that `text`, in the form of /etc/subuid, gives to a user, by name (NULL: unknown) or number; as mappings
// of the ids from 1 on, a new GPtrArray of struct oci_id_mapping.
static GPtrArray *ranges_of(const char *text, const char *name, uid_t uid)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *number = g_strdup_printf("%u", (unsigned) uid);
	GPtrArray *ranges = berth_objects_new();
	int64_t next = 1, start, count;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, ":", 4);
		if (g_strv_length(fields) != 3 ||
		    !(g_str_equal(fields[0], number) || g_strcmp0(fields[0], name) == 0) ||
		    !g_ascii_string_to_signed(fields[1], 10, 1, G_MAXUINT32 - 1, &start, NULL) ||
		    !g_ascii_string_to_signed(fields[2], 10, 1, G_MAXUINT32 - start, &count, NULL))
			continue;
		count = MIN(count, (int64_t) G_MAXUINT32 - next);
		if (count <= 0)
			break;
		add_mapping(ranges, next, start, count);
		next += count;
	}
	return ranges;
}

static GPtrArray *map(int64_t own, const char *file, const char *name, const char *helper)
{
	g_autofree char *program = g_find_program_in_path(helper);
	g_autofree char *text = program ? read_text(file) : g_strdup("");
	GPtrArray *mappings = ranges_of(text, name, getuid());
	struct oci_id_mapping *first = berth_document_new(&oci_id_mapping_document);

	*first = (struct oci_id_mapping){.host_id = own, .size = 1};
	g_ptr_array_insert(mappings, 0, first);
	return mappings;
}

static bool has_user_namespace(const struct oci_linux_section *section)
{
	for (guint i = 0; section && section->namespaces && i < section->namespaces->len; i++) {
		const struct oci_namespace *namespace = section->namespaces->pdata[i];
		if (g_strcmp0(namespace->type, "user") == 0)
			return true;
	}
	return false;
}

bool berth_rootless_adapt(struct oci_config *config, G_GNUC_UNUSED GError **error)
{
	if (has_user_namespace(config->os_linux))
		return true;
	if (!config->os_linux)
		config->os_linux = berth_document_new(&oci_linux_section_document);
	struct oci_linux_section *section = config->os_linux;
	struct oci_namespace *namespace = berth_document_new(&oci_namespace_document);
	namespace->type = g_strdup("user");
	if (!section->namespaces)
		section->namespaces = berth_objects_new();
	g_ptr_array_add(section->namespaces, namespace);
	if (section->uid_mappings && section->uid_mappings->len)
		return true;
	g_autofree char *name = user_name(getuid());
	g_clear_pointer(&section->uid_mappings, g_ptr_array_unref);
	g_clear_pointer(&section->gid_mappings, g_ptr_array_unref);
	section->uid_mappings = map(geteuid(), "/etc/subuid", name, "newuidmap");
	section->gid_mappings = map(getegid(), "/etc/subgid", name, "newgidmap");
	return true;
}
