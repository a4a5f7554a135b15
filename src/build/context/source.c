// SPDX-License-Identifier: Apache-2.0
// Where a context comes from: an archive that a client sends, a Dockerfile alone, a URL, a git repository.
#include "build/context/remote.h"
#include "build/context/tree-internal.h"

#include "base/error.h"

#define PROGRESS ((int64_t) 1 << 20) // bytes between two reports

// The bytes of an archive as they come, told of and given up when nobody wants them any more.
struct arriving {
	struct berth_source source;
	const struct berth_build_tree_options *options;
	const char *what;
	int64_t total, told;
};

static gssize read_arriving(void *data, void *buffer, size_t size, GError **error)
{
	struct arriving *this = data;
	const struct berth_build_tree_options *options = this->options;

	if (options->canceled && options->canceled(options->data)) {
		berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
		return -1;
	}
	gssize length = this->source.read(this->source.data, buffer, size, error);
	if (length <= 0)
		return length;
	this->total += length;
	if (options->progress && (this->told == 0 || this->total - this->told >= PROGRESS)) {
		options->progress(options->data, this->what, this->total, 0);
		this->told = this->total;
	}
	return length;
}

bool berth_build_tree_fill(struct berth_build_tree *tree, int archive, const struct berth_build_tree_options *options,
			   GError **error)
{
	struct arriving arriving = {berth_source_of_fd(archive), options, "transferring context", 0, 0};
	const struct berth_source source = {read_arriving, &arriving};

	if (!berth_build_unpack(tree, source, &berth_build_context_limits, error))
		return false;
	if (options->progress)
		options->progress(options->data, arriving.what, arriving.total, arriving.total);
	return true;
}

static struct berth_build_tree *open_archive(int archive, const struct berth_build_tree_options *options,
					     GError **error)
{
	g_autoptr(berth_build_tree) tree = berth_build_tree_new(options, error);

	if (!tree || !berth_build_tree_fill(tree, archive, options, error))
		return NULL;
	return g_steal_pointer(&tree);
}

static struct berth_build_tree *open_source(const struct berth_build_source *source,
					    const struct berth_build_tree_options *options, GBytes **ret_dockerfile,
					    GError **error)
{
	if (source->text) {
		if (ret_dockerfile)
			*ret_dockerfile = g_bytes_ref(source->text);
		return berth_build_tree_empty();
	}
	if (source->remote)
		return berth_build_remote_open(source->remote, options, ret_dockerfile, error);
	return open_archive(source->tar, options, error);
}

struct berth_build_tree *berth_build_tree_open(const struct berth_build_source *source,
					       const struct berth_build_tree_options *options, GBytes **ret_dockerfile,
					       GError **error)
{
	if (ret_dockerfile)
		*ret_dockerfile = NULL;
	g_autoptr(berth_build_tree) tree = open_source(source, options, ret_dockerfile, error);
	if (!tree)
		return NULL;
	bool all = options->ignore || source->remote;
	if (options->dockerfile && tree->name && !berth_build_tree_ignore(tree, options->dockerfile, all, error))
		return NULL;
	return g_steal_pointer(&tree);
}
