// SPDX-License-Identifier: Apache-2.0
// What is accepted keeps what the header promises. The first byte chooses the platform; the text behind it is a
// manifest or index, or, after a NUL, a configuration to go with it.
#include "base/limits.h"
#include "image/manifest-read.h"
#include "image/platform.h"
#include "store/blob.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct oci_manifest *manifest, const struct oci_descriptor *chosen)
{
	g_assert_true(!manifest != !chosen);
	if (chosen)
		g_assert_true(berth_digest_valid(chosen->digest) && chosen->size <= BERTH_LIMIT_MANIFEST);
	if (!manifest)
		return;
	g_assert_true(berth_digest_valid(manifest->config->digest) && manifest->layers->len <= BERTH_LIMIT_LAYERS);
	for (guint i = 0; i < manifest->layers->len; i++) {
		const struct oci_descriptor *layer = manifest->layers->pdata[i];
		g_assert_true(berth_digest_valid(layer->digest) && layer->size >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const platforms[] = {NULL, "linux/arm/v7", "linux/amd64/v3", "linux/arm64"};
	struct oci_manifest *manifest = NULL;
	struct oci_descriptor *chosen = NULL;

	if (size == 0)
		return 0;
	g_autoptr(oci_platform) platform = berth_platform_parse(platforms[data[0] % G_N_ELEMENTS(platforms)], NULL);
	const char *text = (const char *) data + 1, *config = memchr(text, '\0', size - 1);
	size_t length = config ? (size_t) (config - text) : size - 1;
	if (berth_manifest_read(text, length, "fuzz", platform, &manifest, &chosen, NULL))
		check(manifest, chosen);
	g_autoptr(oci_image) image = manifest && config ? berth_document_parse_text(&oci_image_document, config + 1,
										    size - 2 - length, "config", NULL)
							: NULL;
	if (image && berth_manifest_check_image(manifest, image, NULL))
		g_assert_cmpuint(g_strv_length(image->rootfs->diff_ids), ==, manifest->layers->len);
	oci_manifest_free(manifest);
	oci_descriptor_free(chosen);
	return 0;
}
