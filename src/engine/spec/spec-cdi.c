// SPDX-License-Identifier: Apache-2.0
// What CDI devices change in the configuration.
#include "engine/spec/spec-internal.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char *type_of(mode_t mode)
{
	return S_ISBLK(mode) ? "b" : S_ISCHR(mode) ? "c" : S_ISFIFO(mode) ? "p" : NULL;
}

// What the specification does not say of a node is the host's.
static bool fill_node(const struct berth_cdi_node *node, struct oci_device *device, GError **error)
{
	const char *host = node->host_path && *node->host_path ? node->host_path : node->path;
	bool known = node->type && *node->type && node->major != BERTH_UNSET && node->minor != BERTH_UNSET;
	struct stat status;

	device->path = g_strdup(node->path);
	device->type = g_strdup(node->type);
	device->major = node->major;
	device->minor = node->minor;
	if (!known) {
		if (stat(host, &status) < 0)
			return berth_error_set_errno(error, errno, "CDI device injection failed: device node %s", host);
		const char *type = type_of(status.st_mode);
		if (!type || (node->type && *node->type && !g_str_equal(node->type, type)))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "CDI device injection failed: %s is no such device node", host);
		g_free(device->type);
		device->type = g_strdup(type);
		device->major = major(status.st_rdev);
		device->minor = minor(status.st_rdev);
		device->file_mode = status.st_mode & 07777;
		device->uid = status.st_uid;
		device->gid = status.st_gid;
	}
	if (node->file_mode != BERTH_UNSET)
		device->file_mode = node->file_mode & 07777;
	if (node->uid != BERTH_UNSET)
		device->uid = node->uid;
	if (node->gid != BERTH_UNSET)
		device->gid = node->gid;
	return true;
}

static void drop_same(GPtrArray *devices, const char *path)
{
	for (guint i = devices->len; i-- > 0;) {
		struct oci_device *device = devices->pdata[i];
		if (!g_str_equal(device->path, path))
			continue;
		berth_document_free(&oci_device_document, device);
		g_ptr_array_remove_index(devices, i);
	}
}

static bool add_node(struct berth_spec *spec, const struct berth_cdi_node *node, GError **error)
{
	struct oci_linux_section *section = spec->config->os_linux;
	struct oci_device *device = berth_document_new(&oci_device_document);

	drop_same(section->devices, node->path);
	g_ptr_array_add(section->devices, device);
	if (!fill_node(node, device, error))
		return false;
	if (g_str_equal(device->type, "p") || spec->host->privileged)
		return true;
	struct oci_device_rule *rule = berth_document_new(&oci_device_rule_document);
	rule->allow = true;
	rule->type = g_strdup(g_str_equal(device->type, "u") ? "c" : device->type);
	rule->major = device->major;
	rule->minor = device->minor;
	rule->access = g_strdup(node->permissions && *node->permissions ? node->permissions : "rwm");
	g_ptr_array_add(section->resources->devices, rule);
	return true;
}

static void add_mount(struct berth_spec *spec, const struct berth_cdi_mount *wanted)
{
	struct oci_mount *mount = berth_document_new(&oci_mount_document);
	g_autoptr(GStrvBuilder) options = g_strv_builder_new();
	bool bind = !wanted->type || !*wanted->type || g_str_equal(wanted->type, "bind");

	mount->destination = g_strdup(wanted->container_path);
	mount->type = g_strdup(bind ? "bind" : wanted->type);
	mount->source = g_strdup(wanted->host_path);
	if (wanted->options)
		g_strv_builder_addv(options, (const char **) wanted->options);
	if (bind && !(wanted->options && (g_strv_contains((const char *const *) wanted->options, "bind") ||
					  g_strv_contains((const char *const *) wanted->options, "rbind"))))
		g_strv_builder_add(options, "rbind");
	mount->options = g_strv_builder_end(options);
	g_ptr_array_add(spec->config->mounts, mount);
}

static void add_hook(struct oci_config *config, const struct berth_cdi_hook *wanted)
{
	if (!config->hooks)
		config->hooks = berth_document_new(&oci_hooks_document);
	struct oci_hooks *hooks = config->hooks;
	const struct {
		const char *name;
		GPtrArray **list;
	} table[] = {
		{"prestart", &hooks->prestart},
		{"createRuntime", &hooks->create_runtime},
		{"createContainer", &hooks->create_container},
		{"startContainer", &hooks->start_container},
		{"poststart", &hooks->poststart},
		{"poststop", &hooks->poststop},
	};
	struct oci_hook *hook = berth_document_new(&oci_hook_document);

	hook->path = g_strdup(wanted->path);
	hook->args = g_strdupv(wanted->args);
	hook->env = g_strdupv(wanted->env);
	hook->timeout = wanted->timeout;
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (!g_str_equal(table[i].name, wanted->name))
			continue;
		if (!*table[i].list)
			*table[i].list = berth_objects_new();
		g_ptr_array_add(*table[i].list, hook);
		return;
	}
	g_assert_not_reached(); // berth_cdi_parse() has checked it
}

static void set_rdt(struct oci_linux_section *section, const struct berth_cdi_rdt *wanted)
{
	struct oci_intel_rdt *rdt = berth_document_new(&oci_intel_rdt_document);

	rdt->clos_id = g_strdup(wanted->clos_id);
	rdt->schemata = g_strdupv(wanted->schemata);
	rdt->l3_cache_schema = g_strdup(wanted->l3_cache_schema);
	rdt->mem_bw_schema = g_strdup(wanted->mem_bw_schema);
	rdt->enable_monitoring = wanted->monitoring || wanted->cmt || wanted->mbm;
	berth_document_free(&oci_intel_rdt_document, section->intel_rdt);
	section->intel_rdt = rdt;
}

static void add_env(struct oci_process *process, char *const *env)
{
	g_autoptr(GStrvBuilder) all = g_strv_builder_new();

	for (char **own = process->env; own && *own; own++) {
		bool replaced = false;
		for (char *const *entry = env; entry && *entry && !replaced; entry++)
			replaced = strncmp(*own, *entry, strcspn(*entry, "=") + 1) == 0;
		if (!replaced)
			g_strv_builder_add(all, *own);
	}
	if (env)
		g_strv_builder_addv(all, (const char **) env);
	g_strfreev(process->env);
	process->env = g_strv_builder_end(all);
}

static bool apply(struct berth_spec *spec, const struct berth_cdi_edits *edits, GError **error)
{
	struct oci_process *process = spec->config->process;
	json_t *gid;
	size_t i;

	add_env(process, edits->env);
	json_array_foreach(edits->additional_gids, i, gid) if (json_integer_value(gid) != 0)
		json_array_append(process->user->additional_gids, gid);
	for (guint k = 0; edits->nodes && k < edits->nodes->len; k++)
		if (!add_node(spec, edits->nodes->pdata[k], error))
			return false;
	for (guint k = 0; edits->mounts && k < edits->mounts->len; k++)
		add_mount(spec, edits->mounts->pdata[k]);
	for (guint k = 0; edits->hooks && k < edits->hooks->len; k++)
		add_hook(spec->config, edits->hooks->pdata[k]);
	if (edits->rdt)
		set_rdt(spec->config->os_linux, edits->rdt);
	return true;
}

bool berth_spec_cdi(struct berth_spec *spec, GError **error)
{
	if (!json_array_size(spec->host->device_requests))
		return true;
	g_auto(GStrv) names = berth_cdi_requests(spec->host->device_requests, error);
	if (!names || !*names)
		return names != NULL;
	GPtrArray *list = berth_cdi_find(spec->input->cdi_folders, names, error);
	bool fine = list != NULL;
	for (guint i = 0; fine && i < list->len; i++)
		fine = apply(spec, list->pdata[i], error);
	berth_cdi_edits_list_free(list);
	return fine;
}
