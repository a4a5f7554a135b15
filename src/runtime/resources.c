// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources-internal.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

void berth_resources_warn(const struct berth_resources_context *context, const char *format, ...)
{
	if (!context->warn)
		return;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	context->warn(context->data, message);
}

static bool set_pids(const struct berth_resources_context *context, const struct oci_resources *resources,
		     GError **error)
{
	return berth_limit_set(context, resources, BERTH_PIDS_LIMIT, error);
}

// "2MB", "1GB": it becomes part of a file's name.
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;

	return digits > 0 && *text != '0' &&
	       (g_str_equal(unit, "KB") || g_str_equal(unit, "MB") || g_str_equal(unit, "GB"));
}

static bool set_huge_pages(const struct berth_resources_context *context, const struct oci_resources *resources,
			   GError **error)
{
	const GPtrArray *limits = resources->hugepage_limits;

	for (unsigned i = 0; limits && i < limits->len; i++) {
		const struct oci_hugepage_limit *limit = g_ptr_array_index(limits, i);
		const char *end = context->v2 ? "max" : "limit_in_bytes";
		if (!is_page_size(limit->page_size))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: hugepageLimits: page size '%s' is not like 2MB",
					       limit->page_size);
		g_autofree char *file = g_strdup_printf("hugetlb.%s.%s", limit->page_size, end);
		g_autofree char *reserved = g_strdup_printf("hugetlb.%s.rsvd.%s", limit->page_size, end);
		g_autofree char *value = limit->limit > INT64_MAX ? g_strdup(context->v2 ? "max" : "-1")
								  : g_strdup_printf("%" G_GUINT64_FORMAT, limit->limit);
		if (!berth_cgroup_write(context->cgroup, "hugetlb", file, value, error)) {
			g_prefix_error(error, "resources: hugepageLimits: ");
			return false;
		}
		// Reservations fail at mmap, in place of a signal at the first touch; kernels before 5.7 lack it.
		g_autoptr(GError) local = NULL;
		if (!berth_cgroup_write(context->cgroup, "hugetlb", reserved, value, &local) &&
		    !g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: hugepageLimits: ");
			return false;
		}
	}
	return true;
}

static bool set_network(const struct berth_resources_context *context, const struct oci_resources *resources,
			GError **error)
{
	const GPtrArray *priorities = resources->network->priorities;

	if (!berth_limit_set(context, resources, BERTH_NETWORK_CLASS, error))
		return false;
	for (unsigned i = 0; priorities && i < priorities->len; i++) {
		const struct oci_interface_priority *priority = g_ptr_array_index(priorities, i);
		g_autofree char *text = g_strdup_printf("%s %" G_GUINT64_FORMAT, priority->name, priority->priority);
		if (context->v2)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "resources: network.priorities: cgroup v2 has no such limit");
		if (!berth_cgroup_write(context->cgroup, "net_prio", "net_prio.ifpriomap", text, error)) {
			g_prefix_error(error, "resources: network.priorities: ");
			return false;
		}
	}
	return true;
}

static bool set_rdma(const struct berth_resources_context *context, const struct oci_resources *resources,
		     GError **error)
{
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, resources->rdma);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		const struct oci_rdma *rdma = value;
		g_autoptr(GString) text = g_string_new(name);
		if (rdma->hca_handles != BERTH_UNSET)
			g_string_append_printf(text, " hca_handle=%" G_GINT64_FORMAT, rdma->hca_handles);
		if (rdma->hca_objects != BERTH_UNSET)
			g_string_append_printf(text, " hca_object=%" G_GINT64_FORMAT, rdma->hca_objects);
		if (!berth_cgroup_write(context->cgroup, "rdma", "rdma.max", text->str, error)) {
			g_prefix_error(error, "resources: rdma: ");
			return false;
		}
	}
	return true;
}

// Files of v2 as they are, a line at a time as the kernel takes them. The last word: written after all others.
static bool set_unified(const struct berth_resources_context *context, const struct oci_resources *resources,
			GError **error)
{
	GHashTableIter iter;
	void *key, *value;

	if (!context->v2 && g_hash_table_size(resources->unified) > 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "resources: unified: needs cgroup v2");
	g_hash_table_iter_init(&iter, resources->unified);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const char *file = key;
		const char *dot = strchr(file, '.');
		if (strchr(file, '/') || strstr(file, "..") || !dot || dot == file)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: unified: '%s' is not the name of a cgroup file", file);
		g_autofree char *controller = g_strndup(file, (size_t) (dot - file));
		g_auto(GStrv) lines = g_strsplit(value, "\n", -1);
		for (char **line = lines; *line; line++) {
			if (!**line || berth_cgroup_write(context->cgroup, controller, file, *line, error))
				continue;
			g_prefix_error(error, "resources: unified: ");
			return false;
		}
	}
	return true;
}

// The sections in the order in which they are written.
static const struct section {
	size_t member;
	bool (*set)(const struct berth_resources_context *context, const struct oci_resources *resources,
		    GError **error);
} sections[] = {
	{offsetof(struct oci_resources, devices), berth_resources_set_devices},
	{offsetof(struct oci_resources, memory), berth_resources_set_memory},
	{offsetof(struct oci_resources, cpu), berth_resources_set_cpu},
	{offsetof(struct oci_resources, pids), set_pids},
	{offsetof(struct oci_resources, block_io), berth_resources_set_block_io},
	{offsetof(struct oci_resources, hugepage_limits), set_huge_pages},
	{offsetof(struct oci_resources, network), set_network},
	{offsetof(struct oci_resources, rdma), set_rdma},
	{offsetof(struct oci_resources, unified), set_unified},
};

bool berth_resources_apply(const struct oci_resources *resources, const struct berth_cgroup *cgroup, bool update,
			   void (*warn_with)(void *data, const char *message), void *data, GError **error)
{
	static const struct oci_resources none = {0};
	struct berth_resources_context context = {cgroup, berth_cgroup_fd(cgroup) >= 0, warn_with, data, update};

	if (!resources) {
		if (update)
			return true;
		resources = &none;
	}
	if (berth_cgroup_kind(cgroup) == BERTH_CGROUP_NONE) {
		if (resources == &none)
			return true;
		berth_resources_warn(&context,
				     "resources: no cgroup file system is mounted: the container has no limits");
		return true;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
		const struct section *section = &sections[i];
		// What is absent is not written, and stays; but for the devices of a new container.
		bool always = section->set == berth_resources_set_devices && !update;
		if ((always || *(void *const *) ((const char *) resources + section->member)) &&
		    !section->set(&context, resources, error))
			return false;
	}
	return true;
}

static bool is_limit(int64_t value)
{
	return value != BERTH_UNSET && value > 0;
}

// cgroup.* are files of every group.
static void add_unified(GHashTable *unified, GHashTable *names)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, unified);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		char *name = g_strndup(key, strcspn(key, "."));
		if (*name && !g_str_equal(name, "cgroup"))
			g_hash_table_add(names, name);
		else
			g_free(name);
	}
}

char **berth_resources_controllers(const struct oci_resources *resources)
{
	static const enum berth_limit memory[] = {BERTH_MEMORY_LIMIT, BERTH_MEMORY_RESERVATION, BERTH_MEMORY_SWAP};
	static const enum berth_limit cpu[] = {BERTH_CPU_SHARES,          BERTH_CPU_PERIOD, BERTH_CPU_QUOTA,
					       BERTH_CPU_BURST,           BERTH_CPU_IDLE,   BERTH_CPU_REALTIME_PERIOD,
					       BERTH_CPU_REALTIME_RUNTIME};
	static const struct {
		const char *name;
		const enum berth_limit *limits;
		size_t count;
	} table[] = {{"memory", memory, G_N_ELEMENTS(memory)}, {"cpu", cpu, G_N_ELEMENTS(cpu)}};
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0; resources && i < G_N_ELEMENTS(table); i++)
		for (size_t j = 0; j < table[i].count; j++)
			if (is_limit(berth_limit_get(resources, table[i].limits[j])))
				g_hash_table_add(names, g_strdup(table[i].name));
	if (resources && (is_limit(berth_limit_get(resources, BERTH_PIDS_LIMIT)) ||
			  berth_limit_get(resources, BERTH_PIDS_LIMIT) == 0))
		g_hash_table_add(names, g_strdup("pids"));
	if (resources && resources->cpu &&
	    ((resources->cpu->cpus && *resources->cpu->cpus) || (resources->cpu->mems && *resources->cpu->mems)))
		g_hash_table_add(names, g_strdup("cpuset"));
	if (resources && resources->block_io)
		g_hash_table_add(names, g_strdup("io"));
	if (resources && resources->hugepage_limits && resources->hugepage_limits->len)
		g_hash_table_add(names, g_strdup("hugetlb"));
	if (resources && resources->rdma && g_hash_table_size(resources->rdma))
		g_hash_table_add(names, g_strdup("rdma"));
	if (resources && resources->unified)
		add_unified(resources->unified, names);

	g_autofree char **keys = (char **) g_hash_table_get_keys_as_array(names, NULL);
	return g_strdupv(keys);
}
