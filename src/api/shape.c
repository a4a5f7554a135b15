// SPDX-License-Identifier: Apache-2.0
#include "api/shape.h"
#include "spec/api-config.h"
#include "spec/api-container.h"
#include "spec/api-image.h"
#include "spec/api-mount.h"
#include "spec/api-system.h"

#include <string.h>

#define SHORT_ID 12
#define DANGLING "<none>"

// Versions since which something is as it is now.
#define STRUCTURED_SECURITY 125
#define PRIVATE_IPC 140
#define PRIVATE_CGROUPS 141
#define CONSOLE_SIZES 142
#define UNNAMED_IMAGES 143
#define ENDPOINT_ADDRESSES 144
#define RECURSIVE_READ_ONLY 144
#define START_INTERVALS 144
#define SUBPATHS 145
#define PLAIN_ALIASES 145
#define TMPFS_OPTIONS 146

static void forget(char **text)
{
	g_clear_pointer(text, g_free);
}

static void fall_back(char **text, const char *value)
{
	if (*text && **text)
		return;
	g_free(*text);
	*text = g_strdup(value);
}

static void shape_mount(struct api_mount *mount, unsigned version)
{
	if (mount->bind_options && version < PRIVATE_IPC)
		mount->bind_options->non_recursive = false;
	if (mount->bind_options && version < RECURSIVE_READ_ONLY)
		mount->bind_options->read_only_non_recursive = mount->bind_options->read_only_force_recursive = false;
	if (mount->volume_options && version < SUBPATHS)
		forget(&mount->volume_options->subpath);
	if (mount->tmpfs_options && version < TMPFS_OPTIONS)
		g_clear_pointer(&mount->tmpfs_options->options, json_decref);
}

static void shape_host_config(struct api_host_config *host, unsigned version)
{
	for (guint i = 0; host->mounts && i < host->mounts->len; i++)
		shape_mount(host->mounts->pdata[i], version);
	if (version < PRIVATE_IPC)
		fall_back(&host->ipc_mode, "shareable");
	if (version < PRIVATE_CGROUPS)
		fall_back(&host->cgroupns_mode, "host");
	if (version < CONSOLE_SIZES)
		g_clear_pointer(&host->console_size, json_decref);
	if (version < UNNAMED_IMAGES)
		g_clear_pointer(&host->annotations, g_hash_table_unref);
}

void berth_shape_connect(struct api_endpoint_settings *settings, unsigned version)
{
	if (version < ENDPOINT_ADDRESSES)
		forget(&settings->mac_address);
}

void berth_shape_create(struct api_container_create *create, unsigned version)
{
	GHashTable *endpoints = create->networking_config ? create->networking_config->endpoints_config : NULL;
	GHashTableIter iter;
	void *settings;

	if (!create->host_config && version < PRIVATE_CGROUPS)
		create->host_config = berth_document_new(&api_host_config_document);
	if (create->host_config)
		shape_host_config(create->host_config, version);
	if (create->config.healthcheck && version < START_INTERVALS)
		create->config.healthcheck->start_interval = 0;
	if (!endpoints)
		return;
	g_hash_table_iter_init(&iter, endpoints);
	while (g_hash_table_iter_next(&iter, NULL, &settings))
		if (settings)
			berth_shape_connect(settings, version);
}

static void add_once(GPtrArray *names, char *name)
{
	if (g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
		g_free(name);
	else
		g_ptr_array_add(names, name);
}

// Where names are looked up, the short id and the host's name were listed with the aliases.
static void shape_endpoint(struct api_endpoint_settings *settings, const struct api_container_inspect *inspect)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (char **alias = settings->aliases; alias && *alias; alias++)
		g_ptr_array_add(names, *alias);
	add_once(names, g_strndup(inspect->id, SHORT_ID));
	if (inspect->config && inspect->config->hostname && *inspect->config->hostname)
		add_once(names, g_strdup(inspect->config->hostname));
	g_ptr_array_add(names, NULL);
	g_free(settings->aliases);
	settings->aliases = (char **) g_ptr_array_steal(names, NULL);
}

void berth_shape_inspect(struct api_container_inspect *inspect, unsigned version)
{
	static const char *const without_names[] = {"none", "host", "bridge", "default", NULL};
	GHashTable *networks = inspect->network_settings ? inspect->network_settings->networks : NULL;
	GHashTableIter iter;
	void *name, *settings;

	if (version >= PLAIN_ALIASES || !networks)
		return;
	g_hash_table_iter_init(&iter, networks);
	while (g_hash_table_iter_next(&iter, &name, &settings))
		if (settings && !g_strv_contains(without_names, name))
			shape_endpoint(settings, inspect);
}

void berth_shape_image(struct api_image_summary *image, unsigned version)
{
	if (version >= UNNAMED_IMAGES || (image->repo_tags && image->repo_tags[0]))
		return;
	g_strfreev(image->repo_tags);
	image->repo_tags = g_strsplit(DANGLING ":" DANGLING, ",", -1);
	if (image->repo_digests && image->repo_digests[0])
		return;
	g_strfreev(image->repo_digests);
	image->repo_digests = g_strsplit(DANGLING "@" DANGLING, ",", -1);
}

// "name=seccomp,profile=builtin" was "seccomp".
void berth_shape_info(struct api_info *info, unsigned version)
{
	if (version >= STRUCTURED_SECURITY)
		return;
	for (char **option = info->security_options; option && *option; option++) {
		const char *name = g_str_has_prefix(*option, "name=") ? *option + strlen("name=") : *option;
		char *plain = g_strndup(name, strcspn(name, ","));
		g_free(*option);
		*option = plain;
	}
}
