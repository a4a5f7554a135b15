// SPDX-License-Identifier: Apache-2.0
// The document of a CDI specification, and what must be true of it.
#include "engine/plan/cdi.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/plan/yaml.h"

#include <string.h>

#define NODE struct berth_cdi_node
static const struct berth_field node_fields[] = {
	BERTH_STRING(NODE, path, "path", BERTH_REQUIRED),
	BERTH_STRING(NODE, host_path, "hostPath", BERTH_OMIT_EMPTY),
	BERTH_STRING(NODE, type, "type", BERTH_OMIT_EMPTY),
	BERTH_STRING(NODE, permissions, "permissions", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(NODE, major, "major", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(NODE, minor, "minor", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(NODE, file_mode, "fileMode", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(NODE, uid, "uid", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(NODE, gid, "gid", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_document node_document = {"deviceNodes", sizeof(NODE), node_fields, true};

#define MOUNT struct berth_cdi_mount
static const struct berth_field mount_fields[] = {
	BERTH_STRING(MOUNT, host_path, "hostPath", BERTH_REQUIRED),
	BERTH_STRING(MOUNT, container_path, "containerPath", BERTH_REQUIRED),
	BERTH_STRING(MOUNT, type, "type", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(MOUNT, options, "options", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_document mount_document = {"mounts", sizeof(MOUNT), mount_fields, true};

#define HOOK struct berth_cdi_hook
static const struct berth_field hook_fields[] = {
	BERTH_STRING(HOOK, name, "hookName", BERTH_REQUIRED),    BERTH_STRING(HOOK, path, "path", BERTH_REQUIRED),
	BERTH_STRINGS(HOOK, args, "args", BERTH_OMIT_EMPTY),     BERTH_STRINGS(HOOK, env, "env", BERTH_OMIT_EMPTY),
	BERTH_INT64(HOOK, timeout, "timeout", BERTH_OMIT_EMPTY), {0},
};
static const struct berth_document hook_document = {"hooks", sizeof(HOOK), hook_fields, true};

#define RDT struct berth_cdi_rdt
static const struct berth_field rdt_fields[] = {
	BERTH_STRING(RDT, clos_id, "closID", BERTH_OMIT_EMPTY),
	BERTH_STRING(RDT, l3_cache_schema, "l3CacheSchema", BERTH_OMIT_EMPTY),
	BERTH_STRING(RDT, mem_bw_schema, "memBwSchema", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(RDT, schemata, "schemata", BERTH_OMIT_EMPTY),
	BERTH_BOOL(RDT, cmt, "enableCMT", BERTH_OMIT_EMPTY),
	BERTH_BOOL(RDT, mbm, "enableMBM", BERTH_OMIT_EMPTY),
	BERTH_BOOL(RDT, monitoring, "enableMonitoring", BERTH_OMIT_EMPTY),
	{0},
};
static const struct berth_document rdt_document = {"intelRdt", sizeof(RDT), rdt_fields, true};

static const struct berth_document net_device_document = {"netDevices", sizeof(int), (struct berth_field[]){{0}}};

#define EDITS struct berth_cdi_edits
static const struct berth_field edits_fields[] = {
	BERTH_STRINGS(EDITS, env, "env", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(EDITS, nodes, "deviceNodes", &node_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(EDITS, mounts, "mounts", &mount_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(EDITS, hooks, "hooks", &hook_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(EDITS, additional_gids, "additionalGids", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(EDITS, rdt, "intelRdt", &rdt_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(EDITS, net_devices, "netDevices", &net_device_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_cdi_edits_document = {"containerEdits", sizeof(EDITS), edits_fields, true};

#define DEVICE struct berth_cdi_device
static const struct berth_field device_fields[] = {
	BERTH_STRING(DEVICE, name, "name", BERTH_REQUIRED),
	BERTH_MAP(DEVICE, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(DEVICE, edits, "containerEdits", &berth_cdi_edits_document, BERTH_REQUIRED),
	{0},
};
static const struct berth_document device_document = {"devices", sizeof(DEVICE), device_fields, true};

#define SPEC struct berth_cdi_spec
static const struct berth_field spec_fields[] = {
	BERTH_STRING(SPEC, version, "cdiVersion", BERTH_REQUIRED),
	BERTH_STRING(SPEC, kind, "kind", BERTH_REQUIRED),
	BERTH_MAP(SPEC, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(SPEC, devices, "devices", &device_document, BERTH_REQUIRED),
	BERTH_OBJECT(SPEC, edits, "containerEdits", &berth_cdi_edits_document, BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_cdi_spec_document = {"CDI specification", sizeof(SPEC), spec_fields, true};

static bool wrong(GError **error, const char *property, const char *value, const char *why)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s: \"%.64s\" %s", property, value ? value : "", why);
}

// Letters, digits and what is in `more`; begins and ends with a letter or digit.
static bool is_name(const char *text, const char *more, bool letter_first)
{
	size_t length = strlen(text);

	if (length == 0 || length > BERTH_LIMIT_CDI_NAME || !g_ascii_isalnum(text[length - 1]) ||
	    !(letter_first ? g_ascii_isalpha(*text) : g_ascii_isalnum(*text)))
		return false;
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr(more, *text))
			return false;
	return true;
}

static bool is_kind(const char *kind)
{
	const char *slash = strchr(kind, '/');
	g_autofree char *vendor = slash ? g_strndup(kind, (gsize) (slash - kind)) : NULL;

	return vendor && is_name(vendor, "_-.", true) && is_name(slash + 1, "_-.", true);
}

bool berth_cdi_name_parse(const char *name, char **ret_kind, char **ret_device, GError **error)
{
	const char *equals = strchr(name, '=');
	g_autofree char *kind = equals ? g_strndup(name, (gsize) (equals - name)) : NULL;

	if (!kind || !is_kind(kind) || !is_name(equals + 1, "_-.:", false))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid CDI device name \"%.128s\": it is like vendor.com/class=name", name);
	*ret_kind = g_steal_pointer(&kind);
	*ret_device = g_strdup(equals + 1);
	return true;
}

static bool check_node(const struct berth_cdi_node *node, GError **error)
{
	static const char *const types[] = {"", "b", "c", "u", "p", NULL};

	if (*node->path != '/' || (node->host_path && *node->host_path && *node->host_path != '/'))
		return wrong(error, "deviceNodes: path", node->path, "is not absolute");
	if (node->type && !g_strv_contains(types, node->type))
		return wrong(error, "deviceNodes: type", node->type, "is none of b, c, u and p");
	if (node->permissions && strspn(node->permissions, "rwm") != strlen(node->permissions))
		return wrong(error, "deviceNodes: permissions", node->permissions, "is more than r, w and m");
	return true;
}

static bool check_hook(const struct berth_cdi_hook *hook, GError **error)
{
	static const char *const names[] = {
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL};

	if (!g_strv_contains(names, hook->name))
		return wrong(error, "hooks: hookName", hook->name, "is no hook of the OCI specification");
	if (*hook->path != '/')
		return wrong(error, "hooks: path", hook->path, "is not absolute");
	return hook->timeout >= 0 || wrong(error, "hooks: timeout", hook->name, "must not be negative");
}

static bool check_gids(const json_t *gids, GError **error)
{
	const json_t *gid;
	size_t i;

	if (gids && !json_is_array(gids))
		return wrong(error, "additionalGids", "", "is no array");
	json_array_foreach(gids, i, gid) if (!json_is_integer(gid) || json_integer_value(gid) < 0 ||
					     json_integer_value(gid) > INT32_MAX) return wrong(error, "additionalGids",
											       "", "has what is no id");
	return true;
}

static bool check_edits(const struct berth_cdi_edits *edits, GError **error)
{
	if (!edits)
		return true;
	for (char **entry = edits->env; entry && *entry; entry++)
		if (!strchr(*entry, '=') || **entry == '=')
			return wrong(error, "env", *entry, "is not NAME=value");
	for (guint i = 0; edits->nodes && i < edits->nodes->len; i++)
		if (!check_node(edits->nodes->pdata[i], error))
			return false;
	for (guint i = 0; edits->mounts && i < edits->mounts->len; i++) {
		const struct berth_cdi_mount *mount = edits->mounts->pdata[i];
		if (*mount->container_path != '/' || !*mount->host_path)
			return wrong(error, "mounts: containerPath", mount->container_path, "is not absolute");
	}
	for (guint i = 0; edits->hooks && i < edits->hooks->len; i++)
		if (!check_hook(edits->hooks->pdata[i], error))
			return false;
	if (edits->net_devices && edits->net_devices->len)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "netDevices: are of version 1.1, which is not implemented");
	return check_gids(edits->additional_gids, error);
}

static bool check_devices(const struct berth_cdi_spec *spec, GError **error)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	if (spec->devices->len > BERTH_LIMIT_CDI_DEVICES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "devices: more than %d",
				       BERTH_LIMIT_CDI_DEVICES);
	for (guint i = 0; i < spec->devices->len; i++) {
		const struct berth_cdi_device *device = spec->devices->pdata[i];
		if (!is_name(device->name, "_-.:", false))
			return wrong(error, "devices: name", device->name, "is no name of a device");
		if (!g_hash_table_add(names, device->name))
			return wrong(error, "devices: name", device->name, "is there twice");
		if (!check_edits(device->edits, error))
			return g_prefix_error(error, "devices: %s: ", device->name), false;
	}
	return true;
}

static bool check(const struct berth_cdi_spec *spec, GError **error)
{
	static const char *const versions[] = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
					       "0.6.0", "0.7.0", "0.8.0", "1.0.0", NULL};

	if (!g_strv_contains(versions, spec->version))
		return wrong(error, "cdiVersion", spec->version, "is none of 0.1.0 to 1.0.0");
	if (!is_kind(spec->kind))
		return wrong(error, "kind", spec->kind, "is not like vendor.com/class");
	return check_devices(spec, error) && check_edits(spec->edits, error);
}

static struct berth_cdi_spec *parse(const json_t *json, const char *what, GError **error)
{
	g_autoptr(berth_cdi_spec) spec = berth_document_parse(&berth_cdi_spec_document, json, error);

	if (spec && check(spec, error))
		return g_steal_pointer(&spec);
	g_prefix_error(error, "%s: ", what);
	return NULL;
}

struct berth_cdi_spec *berth_cdi_parse(const char *text, size_t length, const char *what, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, length, what, error);

	return json ? parse(json, what, error) : NULL;
}

struct berth_cdi_spec *berth_cdi_parse_yaml(const char *text, size_t length, const char *what, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_yaml_parse(text, length, what, error);

	return json ? parse(json, what, error) : NULL;
}
