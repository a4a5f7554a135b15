// SPDX-License-Identifier: Apache-2.0
// A registry for tests of the HTTP layer, beside the fake engine: what it was asked for is in fake_last(). Names choose
// what happens: "missing", "denied" and "unknown" are refused, "slow" is work until its client leaves.
#include "api/tests/fake-engine.h"
#include "base/error.h"

#include <string.h>

#define DIGEST "sha256:2222222222222222222222222222222222222222222222222222222222222222"

struct berth_registries *berth_engine_registries(struct berth_engine *engine)
{
	return (struct berth_registries *) engine;
}

static void note_transfer(struct berth_images *images, const char *what, const char *name,
			  const struct berth_transfer_options *options)
{
	const struct berth_credentials *credentials = options->credentials;

	fake_note((struct berth_engine *) images, "%s %s %d %s %s:%s", what, name, options->all_tags,
		  options->platform ? options->platform : "-",
		  credentials && credentials->username ? credentials->username : "",
		  credentials && credentials->password ? credentials->password : "");
}

static bool refuse(struct berth_engine *engine, const char *name, const struct berth_transfer_options *options,
		   GError **error)
{
	if (strstr(name, "missing"))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "MANIFEST_UNKNOWN: manifest unknown");
	if (strstr(name, "denied"))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "DENIED: requested access is denied");
	if (strstr(name, "unknown"))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "NAME_UNKNOWN: repository name not known");
	if (!strstr(name, "slow"))
		return true;
	fake_add_stream(engine, 1);
	while (!options->canceled(options->data))
		g_usleep(1000);
	fake_add_stream(engine, -1);
	return berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
}

bool berth_images_pull(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error)
{
	note_transfer(images, "pull", name, options);
	if (!refuse((struct berth_engine *) images, name, options, error))
		return false;
	options->progress(options->data, &(struct api_progress){.status = (char *) (uintptr_t) "Pulling from a/b",
								.id = (char *) (uintptr_t) "1"});
	return !strstr(name, "broken") || berth_error_set(error, BERTH_ERROR_NOT_FOUND, "blob: broken");
}

bool berth_images_push(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error)
{
	note_transfer(images, "push", name, options);
	return refuse((struct berth_engine *) images, name, options, error);
}

bool berth_images_remote_manifest(struct berth_images *images, const char *name,
				  const struct berth_transfer_options *options, struct berth_manifest *ret,
				  GError **error)
{
	note_transfer(images, "manifest", name, options);
	if (!refuse((struct berth_engine *) images, name, options, error))
		return false;
	ret->media_type = g_strdup(OCI_MEDIA_INDEX);
	ret->digest = g_strdup(DIGEST);
	ret->text = g_strdup("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"" DIGEST
			     "\",\"size\":1,"
			     "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\"}}]}");
	ret->length = strlen(ret->text);
	return true;
}

bool berth_images_push_index(struct berth_images *images, const char *name, const struct oci_index *index,
			     char *const *sources, const struct berth_transfer_options *options, char **ret_digest,
			     G_GNUC_UNUSED GError **error)
{
	g_autofree char *list = g_strjoinv("|", (char **) sources);
	g_autofree char *what = g_strdup_printf("index %u %s", index->manifests->len, list);

	note_transfer(images, what, name, options);
	*ret_digest = g_strdup(DIGEST);
	return true;
}

struct oci_platform *berth_engine_remote_platform(G_GNUC_UNUSED struct berth_engine *engine, const char *name,
						  G_GNUC_UNUSED const struct berth_manifest *manifest,
						  G_GNUC_UNUSED const struct berth_transfer_options *options,
						  GError **error)
{
	berth_error_set(error, BERTH_ERROR_INVALID, "%s: has no configuration", name);
	return NULL;
}

bool berth_registries_login(struct berth_registries *registries, const struct berth_credentials *credentials,
			    char **ret_identity_token, GError **error)
{
	fake_note((struct berth_engine *) registries, "login %s %s", credentials->username,
		  credentials->server_address);
	if (strcmp(credentials->password, "secret") != 0)
		return berth_error_set(error, BERTH_ERROR_UNAUTHORIZED, "unauthorized: incorrect username or password");
	*ret_identity_token = g_strdup("refresh");
	return true;
}

void berth_found_repository_free(struct berth_found_repository *found)
{
	g_free(found->name);
	g_free(found->description);
	g_free(found);
}

GPtrArray *berth_registries_search(struct berth_registries *registries, const char *term, int limit,
				   const struct berth_credentials *credentials, G_GNUC_UNUSED GError **error)
{
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify) berth_found_repository_free);

	fake_note((struct berth_engine *) registries, "search %s %d %s", term, limit,
		  credentials ? credentials->username : "-");
	for (int i = 0; i < 2; i++) {
		struct berth_found_repository *found = g_new0(struct berth_found_repository, 1);
		found->name = g_strdup(i ? "b/c" : "a");
		found->stars = i ? 3 : 10;
		found->official = i == 0;
		g_ptr_array_add(all, found);
	}
	return all;
}
