// SPDX-License-Identifier: Apache-2.0
#include "build/context/remote.h"

#include "base/error.h"

#include <string.h>

struct berth_build_tree *berth_build_remote_open(const char *remote,
						 G_GNUC_UNUSED const struct berth_build_tree_options *options,
						 G_GNUC_UNUSED GBytes **ret_dockerfile, GError **error)
{
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: distant contexts are not supported yet", remote);
	return NULL;
}

struct berth_build_tree *berth_build_url_open(const char *url,
					      G_GNUC_UNUSED const struct berth_build_tree_options *options,
					      G_GNUC_UNUSED const char *checksum, G_GNUC_UNUSED char **ret_name,
					      GError **error)
{
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: distant files are not supported yet", url);
	return NULL;
}

bool berth_build_is_git(const char *source)
{
	return g_str_has_prefix(source, "git://") || g_str_has_prefix(source, "git@");
}

struct berth_build_tree *berth_build_git_open(const char *source,
					      G_GNUC_UNUSED const struct berth_build_tree_options *options,
					      G_GNUC_UNUSED const char *checksum, G_GNUC_UNUSED bool keep_git,
					      GError **error)
{
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: git repositories are not supported yet", source);
	return NULL;
}
