// SPDX-License-Identifier: Apache-2.0
// Uploads.
#include "base/error.h"
#include "distribution/internal.h"

bool berth_repository_has_blob(struct berth_repository *repository, const char *digest, bool *ret, GError **error)
{
	(void) repository, (void) digest, (void) ret;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "pushing is not there yet");
}

bool berth_repository_mount_blob(struct berth_repository *repository, const char *digest, const char *from,
				 bool *ret_mounted, GError **error)
{
	(void) repository, (void) digest, (void) from, (void) ret_mounted;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "pushing is not there yet");
}

bool berth_repository_upload(struct berth_repository *repository, struct berth_blobs *blobs,
			     const struct oci_descriptor *descriptor, berth_transfer_fn *progress, void *data,
			     GError **error)
{
	(void) repository, (void) blobs, (void) descriptor, (void) progress, (void) data;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "pushing is not there yet");
}

bool berth_repository_put_manifest(struct berth_repository *repository, const char *reference,
				   const struct berth_manifest *manifest, GError **error)
{
	(void) repository, (void) reference, (void) manifest;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "pushing is not there yet");
}
