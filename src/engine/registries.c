// SPDX-License-Identifier: Apache-2.0
// How the engine reaches registries, and what of a registry's image is read without pulling it.
#include "engine/internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

struct berth_registries *berth_engine_registries(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_registries *registries = engine->registries;
	pthread_mutex_unlock(&engine->lock);
	return registries;
}

static json_t *strings(char *const *texts)
{
	json_t *array = json_array();

	for (; texts && *texts; texts++)
		json_array_append_new(array, json_string(*texts));
	return array;
}

static json_t *index_config(const char *name, json_t *mirrors, bool secure)
{
	return json_pack("{s:s, s:o, s:b, s:b}", "Name", name, "Mirrors", mirrors, "Secure", secure, "Official",
			 strcmp(name, "docker.io") == 0);
}

// An entry "URL" is a mirror of docker.io, "HOST=URL" of another host.
static void add_mirror(json_t *hosts, json_t *all, const char *entry)
{
	const char *equals = strchr(entry, '='), *scheme = strstr(entry, "://");
	bool named = equals && (!scheme || equals < scheme);
	g_autofree char *host = named ? g_strndup(entry, (size_t) (equals - entry)) : g_strdup("docker.io");
	const char *url = named ? equals + 1 : entry;
	json_t *config = json_object_get(hosts, host);

	if (!config)
		json_object_set_new(hosts, host, config = index_config(host, json_array(), true));
	json_array_append_new(json_object_get(config, "Mirrors"), json_string(url));
	if (!named)
		json_array_append_new(all, json_string(url));
}

json_t *berth_engine__registry_config(const struct berth_registries_options *options)
{
	json_t *ranges = json_pack("[s, s]", "::1/128", "127.0.0.0/8"), *hosts = json_object(), *mirrors = json_array();

	json_object_set_new(hosts, "docker.io", index_config("docker.io", json_array(), true));
	for (char *const *mirror = options->mirrors; mirror && *mirror; mirror++)
		add_mirror(hosts, mirrors, *mirror);
	for (char *const *entry = options->insecure; entry && *entry; entry++) {
		json_t *config = json_object_get(hosts, *entry);
		if (strchr(*entry, '/'))
			json_array_append_new(ranges, json_string(*entry));
		else if (config)
			json_object_set_new(config, "Secure", json_false());
		else
			json_object_set_new(hosts, *entry, index_config(*entry, json_array(), false));
	}
	return json_pack("{s:[], s:[], s:o, s:o, s:o, s:o}", "AllowNondistributableArtifactsCIDRs",
			 "AllowNondistributableArtifactsHostnames", "InsecureRegistryCIDRs", ranges, "IndexConfigs",
			 hosts, "Mirrors", mirrors, "CertificateFolders", strings(options->certificates));
}

// A small blob is read by way of the store, which checks it; what nothing refers to is collected there.
static char *read_blob(struct berth_engine *engine, struct berth_repository *repository,
		       const struct oci_descriptor *descriptor, size_t *ret_length, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(engine->store);

	if (descriptor->size < 0 || descriptor->size > BERTH_LIMIT_MANIFEST) {
		berth_error_set(error, BERTH_ERROR_INVALID, "configuration %s: is larger than the limit of %d bytes",
				descriptor->digest, BERTH_LIMIT_MANIFEST);
		return NULL;
	}
	g_autoptr(berth_lease) lease = berth_lease_new(engine->store);
	berth_lease_add(lease, "blob", descriptor->digest);
	if (berth_blob_exists(blobs, descriptor->digest))
		return berth_blob_read(blobs, descriptor->digest, BERTH_LIMIT_MANIFEST, ret_length, error);
	struct berth_ingest *ingest = berth_blob_ingest(blobs, NULL, NULL, error);
	if (!ingest)
		return NULL;
	if (!berth_repository_fetch(repository, descriptor, ingest, NULL, NULL, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	if (!berth_ingest_commit(ingest, descriptor->digest, descriptor->size, NULL, error))
		return NULL;
	return berth_blob_read(blobs, descriptor->digest, BERTH_LIMIT_MANIFEST, ret_length, error);
}

struct oci_platform *berth_engine_remote_platform(struct berth_engine *engine, const char *name,
						  const struct berth_manifest *manifest,
						  const struct berth_transfer_options *options, GError **error)
{
	g_autoptr(oci_manifest) parsed =
		berth_document_parse_text(&oci_manifest_document, manifest->text, manifest->length, "manifest", error);
	struct berth_image_name image = {0};
	size_t length;

	if (!parsed)
		return NULL;
	if (!parsed->config || !parsed->config->digest || !berth_digest_valid(parsed->config->digest)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: its manifest has no valid configuration", name);
		return NULL;
	}
	if (!berth_image_name_parse(name, &image, error))
		return NULL;
	g_autoptr(berth_repository) repository = berth_repository_new(
		options->registries, &(struct berth_repository_options){.domain = image.domain,
									.path = image.path,
									.credentials = options->credentials,
									.canceled = options->canceled,
									.data = options->data});
	berth_image_name_clear(&image);
	g_autofree char *text = read_blob(engine, repository, parsed->config, &length, error);
	if (!text)
		return NULL;
	return berth_document_parse_text(&oci_platform_document, text, length, "configuration", error);
}
