// SPDX-License-Identifier: Apache-2.0
// The seam of the builder while there is none: what it would build is refused.
#include "base/error.h"
#include "build/build.h"
#include "spec/api-build.h"

struct berth_builder {
	int nothing;
};

struct berth_builder *berth_builder_new(G_GNUC_UNUSED const struct berth_builder_options *options,
					G_GNUC_UNUSED GError **error)
{
	return g_new0(struct berth_builder, 1);
}

void berth_builder_free(struct berth_builder *builder)
{
	g_free(builder);
}

bool berth_build(G_GNUC_UNUSED struct berth_builder *builder, G_GNUC_UNUSED const struct berth_build_request *request,
		 G_GNUC_UNUSED const struct berth_build_listener *listener,
		 G_GNUC_UNUSED struct berth_build_result *ret, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "Building images is not supported by this version of Berth");
}

void berth_build_result_clear(struct berth_build_result *result)
{
	g_free(result->image);
	g_free(result->digest);
	g_free(result->answer);
	g_free(result->metadata);
	g_free(result->failed_step);
	*result = (struct berth_build_result){0};
}

// What nobody could make is not there.
GPtrArray *berth_builder_cache_list(G_GNUC_UNUSED struct berth_builder *builder, G_GNUC_UNUSED GError **error)
{
	return g_ptr_array_new();
}

bool berth_builder_prune(G_GNUC_UNUSED struct berth_builder *builder,
			 G_GNUC_UNUSED const struct berth_build_prune *prune, char ***ret_ids, int64_t *ret_bytes,
			 G_GNUC_UNUSED GError **error)
{
	*ret_ids = g_new0(char *, 1);
	*ret_bytes = 0;
	return true;
}
