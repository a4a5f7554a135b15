// SPDX-License-Identifier: Apache-2.0
// What a build reads: its contexts, each brought in when it is first asked for, the Dockerfile in the first of them,
// and the files behind stages and images.
#include "build/solve/building.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "build/solve/events.h"
#include "build/solve/step.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DOCKERFILE "Dockerfile"

int berth_building_work(struct berth_building *building, GError **error)
{
	if (building->work >= 0)
		return building->work;
	if (mkdirat(building->builder->work, building->id, 0700) < 0 && errno != EEXIST)
		berth_error_set_errno(error, errno, "make the folder of build %s", building->id);
	else {
		building->work =
			openat(building->builder->work, building->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (building->work < 0)
			berth_error_set_errno(error, errno, "open the folder of build %s", building->id);
	}
	return building->work;
}

static GHashTable *credentials(const struct berth_build_request *request)
{
	GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < request->secret_count; i++)
		g_hash_table_insert(table, (void *) request->secrets[i].id, request->secrets[i].value);
	return table;
}

void berth_building_tree_options(struct berth_building *building, struct berth_build_tree_options *ret,
				 GHashTable **ret_secrets)
{
	const struct berth_build_request *request = building->request;

	*ret_secrets = credentials(request);
	*ret = (struct berth_build_tree_options){
		.work = -1,
		.ssh = {request->agent, request->known_hosts, request->data},
		.credentials = *ret_secrets,
		.canceled = berth_building_canceled,
		.data = building,
	};
}

struct opening {
	const struct berth_build_source *source;
	const struct berth_build_tree_options *options;
	GBytes **dockerfile;
	struct berth_build_tree *tree;
};

static bool open_archive(void *data, int archive, GError **error)
{
	struct opening *this = data;
	const struct berth_build_source source = {.tar = archive, .name = this->source->name};

	this->tree = berth_build_tree_open(&source, this->options, this->dockerfile, error);
	return this->tree != NULL;
}

static struct berth_build_tree *open_source(const struct berth_building *building, struct opening *this, GError **error)
{
	const struct berth_build_request *request = building->request;

	if (!this->source->listed)
		return berth_build_tree_open(this->source, this->options, this->dockerfile, error);
	return request->archive(request->data, this->source->name, open_archive, this, error) ? this->tree : NULL;
}

// `building->opening` must be held, or nothing else may run yet.
static struct berth_build_tree *open_tree(struct berth_building *building, size_t index, GBytes **ret_dockerfile,
					  GError **error)
{
	const struct berth_build_source *source = &building->request->sources[index];
	g_autoptr(GHashTable) secrets = NULL;
	struct berth_build_tree_options options;
	g_autofree char *name = g_strdup_printf("[%s%s] load build context", source->name ? "context " : "internal",
						source->name ? source->name : "");
	GError *failure = NULL;

	if (source->text)
		return berth_build_tree_empty();
	berth_building_tree_options(building, &options, &secrets);
	options.dockerfile = index == 0 ? building->dockerfile_name : NULL;
	if ((options.work = berth_building_work(building, error)) < 0)
		return NULL;
	unsigned vertex = berth_building_begin(building, name);
	struct opening opening = {source, &options, ret_dockerfile, NULL};
	struct berth_build_tree *tree = open_source(building, &opening, &failure);
	berth_building_end(building, vertex, failure);
	if (failure)
		g_propagate_error(error, failure);
	return tree;
}

struct berth_build_tree *berth_building_tree(struct berth_building *building, int context, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&building->opening);
	struct berth_build_tree **tree = &building->trees[context];

	if ((size_t) context >= building->request->source_count) { // none was given
		berth_error_set(error, BERTH_ERROR_INVALID, "there is no build context");
		return NULL;
	}
	if (!*tree)
		*tree = open_tree(building, (size_t) context, NULL, error);
	return *tree;
}

struct berth_build_tree *berth_step_tree(struct berth_building_step *this, int context, GError **error)
{
	struct berth_building *building = this->building;
	size_t count = building->request->source_count;

	if (!this->exact && (size_t) context < count && building->request->sources[context].listed) {
		BERTH_AUTO_UNLOCK locker = berth_lock(&building->opening);
		struct berth_build_tree **claim = &building->claims[context];
		if (!building->trees[context]) {
			this->claimed = true;
			if (!*claim)
				*claim = berth_build_tree_claimed(building->request->sources[context].tar, error);
			return *claim;
		}
	}
	return berth_building_tree(building, context, error);
}

struct berth_build_tree *berth_building_source(struct berth_building *building, const struct berth_plan_source *source,
					       GError **error)
{
	if (source->context >= 0) {
		struct berth_build_tree *tree = berth_building_tree(building, source->context, error);
		return tree ? berth_build_tree_ref(tree) : NULL;
	}
	struct berth_build_layer *layer = berth_building_layer_of(source->step);
	if (!layer)
		return berth_build_tree_empty();
	int folder = berth_build_layer_mount(building->builder, layer, error);
	return folder < 0 ? NULL : berth_build_tree_of(folder);
}

static GBytes *read_dockerfile(struct berth_building *building, GError **error)
{
	const struct berth_build_request *request = building->request;
	g_autoptr(GError) local = NULL;
	GBytes *text = NULL;

	if (request->dockerfile_text)
		return g_bytes_ref(request->dockerfile_text);
	if (request->source_count == 0) {
		berth_error_set(error, BERTH_ERROR_INVALID, "there is neither a build context nor a Dockerfile");
		return NULL;
	}
	if (request->sources[0].text)
		return g_bytes_ref(request->sources[0].text);
	building->trees[0] = open_tree(building, 0, &text, error);
	if (!building->trees[0] || text)
		return text;
	text = berth_build_tree_read(building->trees[0], building->dockerfile_name, BERTH_LIMIT_DOCKERFILE, &local);
	if (!text && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		berth_error_set(error, BERTH_ERROR_INVALID,
				"failed to read dockerfile: open %s: no such file or directory",
				building->dockerfile_name);
	else if (!text)
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "failed to read dockerfile: ");
	return text;
}

bool berth_building_dockerfile(struct berth_building *building, GError **error)
{
	struct berth_dockerfile_place place = {0};
	gsize length;

	building->dockerfile_name = building->request->dockerfile ? building->request->dockerfile : DOCKERFILE;
	building->dockerfile_text = read_dockerfile(building, error);
	if (!building->dockerfile_text)
		return false;
	unsigned vertex = berth_building_begin(building, "[internal] load build definition from Dockerfile");
	const char *text = g_bytes_get_data(building->dockerfile_text, &length);
	GError *failure = NULL;
	building->file = berth_dockerfile_parse(text ? text : "", length, &place, &failure);
	berth_building_end(building, vertex, failure);
	if (building->file)
		return true;
	if (place.first_line > 0) {
		g_autofree char *excerpt = berth_dockerfile_excerpt(text, length, building->dockerfile_name, &place);
		char *message = g_strconcat(failure->message, "\n", excerpt, NULL);
		g_free(failure->message);
		failure->message = message;
	}
	g_propagate_error(error, failure);
	return false;
}

void berth_building_sources_clear(struct berth_building *building)
{
	for (size_t i = 0; i < building->request->source_count + 1; i++) {
		berth_build_tree_unref(building->trees[i]);
		berth_build_tree_unref(building->claims[i]);
	}
	g_free(building->trees);
	g_free(building->claims);
	if (building->work < 0)
		return;
	berth_fd_clear(&building->work);
	berth_remove_tree_at(building->builder->work, building->id, NULL);
}
