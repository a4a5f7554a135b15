// SPDX-License-Identifier: Apache-2.0
// A bundle into a registry: what it has is not sent again, and what names lead to comes last.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>

struct berth_repository *berth_build_repository(const struct berth_build_out *out, const struct berth_image_name *name,
						bool push)
{
	GHashTable *all = out->request->credentials;
	const struct berth_credentials *own = all ? g_hash_table_lookup(all, name->domain) : NULL;
	const struct berth_repository_options options = {
		.domain = name->domain,
		.path = name->path,
		.push = push,
		.credentials = own,
		.canceled = out->listener ? out->listener->canceled : NULL,
		.data = out->listener ? out->listener->data : NULL,
	};

	return berth_repository_new(out->host->registries(out->host->data), &options);
}

static bool push_blob(const struct berth_build_out *out, struct berth_repository *repository,
		      const struct oci_descriptor *blob, GError **error)
{
	bool there;

	return berth_repository_has_blob(repository, blob->digest, &there, error) &&
	       (there || berth_repository_upload(repository, berth_store_blobs(out->store), blob, NULL, NULL, error));
}

static bool push_manifest(const struct berth_build_out *out, struct berth_repository *repository,
			  const struct oci_descriptor *descriptor, const char *reference, GError **error)
{
	struct berth_manifest manifest = {.media_type = descriptor->media_type, .digest = descriptor->digest};

	manifest.text = berth_blob_read(berth_store_blobs(out->store), descriptor->digest, BERTH_LIMIT_MANIFEST,
					&manifest.length, error);
	bool put = manifest.text && berth_repository_put_manifest(repository, reference, &manifest, error);
	g_free(manifest.text);
	return put;
}

bool berth_build_push_bundle(const struct berth_build_out *out, const struct berth_build_bundle *bundle,
			     const char *text, bool by_digest, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(text, &name, error))
		return false;
	g_autoptr(berth_repository) repository = berth_build_repository(out, &name, true);
	bool done = true;
	for (guint i = 0; done && i < bundle->blobs->len; i++)
		done = push_blob(out, repository, bundle->blobs->pdata[i], error);
	for (guint i = 0; done && bundle->manifests->len > 1 && i < bundle->manifests->len; i++) {
		const struct oci_descriptor *manifest = bundle->manifests->pdata[i];
		done = push_manifest(out, repository, manifest, manifest->digest, error);
	}
	done = done && push_manifest(out, repository, bundle->root, by_digest ? bundle->root->digest : name.tag, error);
	if (!done)
		g_prefix_error(error, "failed to push %s: ", text);
	berth_image_name_clear(&name);
	return done;
}
