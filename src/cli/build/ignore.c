// SPDX-License-Identifier: Apache-2.0
#include "cli/build/ignore.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/ignore.h"

#include <string.h>

#define FILE_MAX (1 << 20) // bytes of a .dockerignore

struct berth_build_ignore {
	berth_ignore *patterns; // NULL: everything is sent
};

// *ret_text NULL without error: it is not there.
static bool read_one(int folder, const char *name, char **ret_text, size_t *ret_size, GError **error)
{
	g_autoptr(GError) failure = NULL;

	*ret_text = berth_read_file_at(folder, name, FILE_MAX, ret_size, &failure);
	if (*ret_text || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

struct berth_build_ignore *berth_build_ignore_read(int folder, const char *dockerfile, GError **error)
{
	g_autofree char *own = dockerfile ? g_strconcat(dockerfile, ".dockerignore", NULL) : NULL;
	g_autofree char *text = NULL;
	size_t size = 0;

	if ((own && !read_one(folder, own, &text, &size, error)) ||
	    (!text && !read_one(folder, ".dockerignore", &text, &size, error)))
		return NULL;
	struct berth_build_ignore *ignore = g_new0(struct berth_build_ignore, 1);
	if (!text)
		return ignore;
	ignore->patterns = berth_ignore_parse(text, size, error);
	if (ignore->patterns)
		return ignore;
	g_prefix_error(error, ".dockerignore: ");
	g_free(ignore);
	return NULL;
}

void berth_build_ignore_free(struct berth_build_ignore *ignore)
{
	g_clear_pointer(&ignore->patterns, berth_ignore_free);
	g_free(ignore);
}

enum berth_tar_pick berth_build_ignore_pick(const struct berth_build_ignore *ignore, const char *name, bool folder)
{
	if (!ignore->patterns || !berth_ignore_matches(ignore->patterns, name))
		return BERTH_TAR_TAKE;
	return folder && !berth_ignore_skips_folder(ignore->patterns, name) ? BERTH_TAR_LOOK : BERTH_TAR_LEAVE;
}
