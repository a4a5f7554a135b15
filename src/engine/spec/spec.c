// SPDX-License-Identifier: Apache-2.0
#include "engine/spec/spec-internal.h"

#include "base/error.h"

#include <string.h>
#include <unistd.h>

#define OCI_VERSION "1.2.0"

bool berth_spec_is(const char *mode, const char *value)
{
	return mode && g_str_equal(mode, value);
}

bool berth_spec_uses_init(const struct berth_spec *spec)
{
	const char *mode = spec->host->pid_mode;

	return spec->host->init == 1 && !berth_spec_is(mode, "host") && !(mode && g_str_has_prefix(mode, "container:"));
}

// A container has its own of each namespace unless it was told to share the host's.
static void add_namespaces(struct berth_spec *spec)
{
	const struct api_host_config *host = spec->host;
	const struct {
		const char *type;
		bool own;
		const char *path; // NULL: a new one
	} table[] = {
		{"user", spec->record->users != NULL, spec->input->user_namespace},
		{"mount", true},
		{"pid", !berth_spec_is(host->pid_mode, "host"), spec->input->pid_namespace},
		{"ipc", !berth_spec_is(host->ipc_mode, "host"), spec->input->ipc_namespace},
		{"uts", !berth_spec_is(host->uts_mode, "host")},
		{"network", !berth_spec_is(spec->record->network, "host"),
		 spec->input->network_namespace ? spec->input->network_namespace : spec->input->new_network},
		{"cgroup", !berth_spec_is(host->cgroupns_mode, "host")},
	};

	spec->config->os_linux->namespaces = berth_objects_new();
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (!table[i].own)
			continue;
		struct oci_namespace *namespace = berth_document_new(&oci_namespace_document);
		namespace->type = g_strdup(table[i].type);
		namespace->path = g_strdup(table[i].path);
		g_ptr_array_add(spec->config->os_linux->namespaces, namespace);
	}
}

static void set_default_sysctl(GHashTable *sysctls, const char *name, const char *value)
{
	g_autofree char *path = g_strconcat("/proc/sys/", name, NULL);

	if (!g_hash_table_contains(sysctls, name) && access(g_strdelimit(path, ".", '/'), F_OK) == 0)
		g_hash_table_insert(sysctls, g_strdup(name), g_strdup(value));
}

// In a network of its own a container may bind low ports and ping without capabilities, as Docker lets it.
static void add_sysctls(struct berth_spec *spec)
{
	GHashTable *sysctls = berth_map_new();
	GHashTableIter iter;
	void *name, *value;
	const struct berth_container_users *users = spec->record->users;
	// Both ends have to be groups that there are.
	const struct oci_id_mapping *first = users ? users->gids->pdata[0] : NULL;
	g_autofree char *groups = g_strdup_printf("0 %" G_GINT64_FORMAT, first ? first->size - 1 : INT32_MAX);

	if (spec->host->sysctls) {
		g_hash_table_iter_init(&iter, spec->host->sysctls);
		while (g_hash_table_iter_next(&iter, &name, &value))
			g_hash_table_insert(sysctls, g_strdup(name), g_strdup(value));
	}
	if (!berth_spec_is(spec->record->network, "host") && !spec->input->network_namespace) {
		set_default_sysctl(sysctls, "net.ipv4.ip_unprivileged_port_start", "0");
		set_default_sysctl(sysctls, "net.ipv4.ping_group_range", groups);
	}
	spec->config->os_linux->sysctl = sysctls;
}

static void set_names(struct berth_spec *spec)
{
	const struct api_container_config *config = spec->record->config;
	const char *domain = config->domainname;

	if (berth_spec_is(spec->host->uts_mode, "host"))
		return;
	spec->config->hostname = g_strdup(config->hostname);
	if (domain && *domain)
		spec->config->domainname = g_strdup(domain);
}

// "<parent>/<id>" from the hierarchies' mount points.
static char *cgroups_path(const struct berth_spec *spec)
{
	const char *own = spec->host->cgroup_parent;
	const char *parent = own && *own ? own : spec->input->cgroup_parent;

	return g_build_filename("/", parent, spec->record->id, NULL);
}

static void add_annotations(struct berth_spec *spec)
{
	GHashTableIter iter;
	void *name, *value;

	if (!spec->host->annotations)
		return;
	spec->config->annotations = berth_map_new();
	g_hash_table_iter_init(&iter, spec->host->annotations);
	while (g_hash_table_iter_next(&iter, &name, &value))
		g_hash_table_insert(spec->config->annotations, g_strdup(name), g_strdup(value));
}

static GPtrArray *copy_map(const GPtrArray *map)
{
	GPtrArray *copy = berth_objects_new();

	for (guint i = 0; i < map->len; i++)
		g_ptr_array_add(copy, berth_document_copy(&oci_id_mapping_document, map->pdata[i]));
	return copy;
}

static bool fill(struct berth_spec *spec, GError **error)
{
	struct oci_config *config = spec->config;

	config->oci_version = g_strdup(OCI_VERSION);
	config->root = berth_document_new(&oci_root_document);
	config->root->path = g_strdup("rootfs"); // the monitor hands the root over by descriptor
	config->root->readonly = spec->host->readonly_rootfs;
	config->os_linux = berth_document_new(&oci_linux_section_document);
	config->os_linux->cgroups_path = cgroups_path(spec);
	if (spec->record->users) {
		config->os_linux->uid_mappings = copy_map(spec->record->users->uids);
		config->os_linux->gid_mappings = copy_map(spec->record->users->gids);
	}
	add_namespaces(spec);
	add_sysctls(spec);
	set_names(spec);
	add_annotations(spec);
	return berth_spec_process(spec, error) && berth_spec_mounts(spec, error) && berth_spec_devices(spec, error) &&
	       berth_spec_resources(spec, error) && berth_spec_cdi(spec, error);
}

struct oci_config *berth_spec_make(const struct berth_spec_input *input, GError **error)
{
	g_autoptr(oci_config) config = berth_document_new(&oci_config_document);
	struct berth_spec spec = {
		.input = input,
		.record = input->record,
		.host = input->record->host_config,
		.config = config,
	};

	if (!berth_security_capabilities(spec.host, &spec.capabilities, error) ||
	    !berth_security_parse(spec.host->security_opt, &spec.security, error))
		return NULL;
	bool filled = fill(&spec, error);
	berth_security_clear(&spec.security);
	return filled ? g_steal_pointer(&config) : NULL;
}
