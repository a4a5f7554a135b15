// SPDX-License-Identifier: Apache-2.0
// The builder: what its builds share.
#include "build/solve/builder.h"

#include "base/error.h"
#include "base/fd.h"
#include "build/solve/cache-mount.h"

#include <fcntl.h>
#include <sys/stat.h>

#define WORK "work"
#define MOUNTS "mounts"

static int open_folder(int parent, const char *name, GError **error)
{
	int fd = -1;

	if ((mkdirat(parent, name, 0700) < 0 && errno != EEXIST) ||
	    (fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		berth_error_set_errno(error, errno, "make the builder's folder %s", name);
	return fd;
}

// What lies in the work folder is of builds that a crash ended.
static bool open_folders(struct berth_builder *builder, GError **error)
{
	berth_fd root = berth_open_folder(berth_store_root(builder->store), false, 0, error);
	berth_fd folder = root < 0 ? -1 : open_folder(root, "build", error);

	if (folder < 0 || !berth_remove_tree_at(folder, WORK, error) ||
	    (builder->work = open_folder(folder, WORK, error)) < 0 ||
	    (builder->mounts = open_folder(folder, MOUNTS, error)) < 0)
		return false;
	return berth_cache_mounts_sweep(builder, error);
}

struct berth_builder *berth_builder_new(const struct berth_builder_options *options, GError **error)
{
	struct berth_builder *builder = g_new0(struct berth_builder, 1);

	builder->store = options->store;
	builder->images = options->images;
	builder->host = options->host;
	builder->parallel = options->parallel ? options->parallel : g_get_num_processors();
	builder->work = builder->mounts = -1;
	pthread_mutex_init(&builder->naming, NULL);
	pthread_mutex_init(&builder->flying, NULL);
	pthread_mutex_init(&builder->holding, NULL);
	pthread_mutex_init(&builder->making, NULL);
	berth_cond_init(&builder->landed);
	berth_cond_init(&builder->released);
	builder->pending = g_ptr_array_new();
	builder->fresh = g_hash_table_new(g_str_hash, g_str_equal);
	builder->flights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	builder->failed = g_hash_table_new(g_str_hash, g_str_equal);
	builder->using = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	builder->collector = berth_collector_new();
	builder->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (open_folders(builder, error))
		return builder;
	berth_builder_free(builder);
	return NULL;
}

void berth_builder_free(struct berth_builder *builder)
{
	if (!builder)
		return;
	berth_collector_free(builder->collector);
	g_hash_table_unref(builder->using);
	g_hash_table_unref(builder->failed);
	g_hash_table_unref(builder->held);
	g_hash_table_unref(builder->flights);
	g_hash_table_unref(builder->fresh);
	g_ptr_array_unref(builder->pending);
	berth_fd_clear(&builder->work);
	berth_fd_clear(&builder->mounts);
	pthread_cond_destroy(&builder->released);
	pthread_cond_destroy(&builder->landed);
	pthread_mutex_destroy(&builder->making);
	pthread_mutex_destroy(&builder->holding);
	pthread_mutex_destroy(&builder->flying);
	pthread_mutex_destroy(&builder->naming);
	g_free(builder);
}
