// SPDX-License-Identifier: Apache-2.0
// COPY and ADD, and a named context that is a stage's base.
#include "build/solve/step.h"

#include "base/error.h"
#include "base/fd.h"

#include <string.h>

bool berth_step_is_link(const struct berth_plan_step *step)
{
	return step->kind == BERTH_PLAN_COPY && step->instruction->copy.link;
}

// Names of owners are those of the root. A number needs none.
static int open_names(struct berth_building_step *this, GError **error)
{
	const struct berth_plan_step *step = this->step;
	const char *owner = step->kind == BERTH_PLAN_COPY ? step->instruction->copy.chown : NULL;
	struct berth_build_layer *below = berth_building_layer_of(step->parent);

	if (!owner || strspn(owner, "0123456789:") == strlen(owner) || !below)
		return -1;
	return berth_build_layer_mount(this->building->builder, below, error);
}

static void fill_sources(const struct berth_plan_step *step, GArray *sources, GPtrArray *texts)
{
	const struct berth_dockerfile_instruction *instruction = step->instruction;

	for (size_t i = 0; instruction->copy.sources && instruction->copy.sources[i]; i++) {
		const struct berth_build_copy_source source = {instruction->copy.sources[i], NULL};
		g_array_append_val(sources, source);
	}
	for (unsigned i = 0; i < instruction->heredocs_count; i++) {
		const struct berth_dockerfile_heredoc *heredoc = &instruction->heredocs[i];
		GBytes *text = g_bytes_new_static(heredoc->text, strlen(heredoc->text));
		const struct berth_build_copy_source source = {heredoc->name, text};
		g_ptr_array_add(texts, text);
		g_array_append_val(sources, source);
	}
}

// A context as a root: all that is in it.
static void fill_tree(GArray *sources)
{
	const struct berth_build_copy_source all = {"/", NULL};

	g_array_append_val(sources, all);
}

static void unref_text(void *text)
{
	g_bytes_unref(text);
}

// Without a request's source the first context is an empty one: heredocs and URLs need none.
static struct berth_build_tree *open_source(struct berth_building_step *this, GError **error)
{
	const struct berth_plan_source *source = &this->step->source;

	if (source->context == 0 && this->building->request->source_count == 0)
		return berth_build_tree_empty();
	if (source->context < 0)
		return berth_building_source(this->building, source, error);
	struct berth_build_tree *tree = berth_step_tree(this, source->context, error);
	return tree ? berth_build_tree_ref(tree) : NULL;
}

// Whether nothing else will read the context any more. A cache may lie in a context that has a name.
static bool is_last(struct berth_building_step *this)
{
	struct berth_building *building = this->building;
	int context = this->step->source.context;

	if (context < 0 || (building->imports && context > 0))
		return false;
	BERTH_AUTO_UNLOCK locker = berth_lock(&building->lock);
	return building->readers[context] == 1;
}

bool berth_step_copy_find(struct berth_building_step *this, struct berth_build_copied **ret, GError **error)
{
	static const struct berth_dockerfile_copy whole = {.destination = "/"};
	const struct berth_plan_step *step = this->step;
	const struct berth_dockerfile_copy *copy = step->kind == BERTH_PLAN_COPY ? &step->instruction->copy : &whole;
	g_autoptr(berth_build_tree) tree = open_source(this, error);
	g_autoptr(GArray) sources = g_array_new(FALSE, FALSE, sizeof(struct berth_build_copy_source));
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(unref_text);
	struct berth_build_tree_options options;
	g_autoptr(GHashTable) secrets = NULL;
	GError *failure = NULL;

	if (!tree)
		return false;
	berth_building_tree_options(this->building, &options, &secrets);
	if ((options.work = berth_building_work(this->building, error)) < 0)
		return false;
	berth_fd names = open_names(this, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (step->kind == BERTH_PLAN_COPY)
		fill_sources(step, sources, texts);
	else
		fill_tree(sources);
	const struct berth_build_copy wanted = {
		.add = step->kind == BERTH_PLAN_COPY && step->instruction->kind == BERTH_DOCKERFILE_ADD,
		.tree = tree,
		.last = is_last(this),
		.from_context = step->source.context >= 0,
		.sources = (const void *) sources->data,
		.source_count = sources->len,
		.destination = copy->destination,
		.folder = step->folder && *step->folder ? step->folder : "/",
		.chown = copy->chown,
		.chmod = copy->chmod,
		.link = copy->link,
		.parents = copy->parents,
		.keep_git_dir = copy->keep_git_dir,
		.unpack = copy->unpack_given ? copy->unpack : -1,
		.checksum = copy->checksum,
		.excludes = (char *const *) copy->excludes,
		.epoch = this->plan->epoch,
		.options = &options,
	};
	*ret = berth_build_copy_find(&wanted, names, error);
	return *ret != NULL;
}

static void add_copy(const struct berth_building_step *this, struct berth_build_key *key)
{
	const struct berth_dockerfile_copy *copy = &this->step->instruction->copy;

	berth_build_key_add(key, "folder", this->step->folder);
	berth_build_key_add(key, "destination", copy->destination);
	berth_build_key_add(key, "chown", copy->chown);
	berth_build_key_add(key, "chmod", copy->chmod);
	berth_build_key_add(key, "link", copy->link ? "yes" : NULL);
	berth_build_key_add(key, "parents", copy->parents ? "yes" : NULL);
	berth_build_key_list(key, "exclude", copy->excludes);
}

void berth_step_copy_key(struct berth_building_step *this, struct berth_build_copied *copied,
			 struct berth_build_key *key)
{
	const struct berth_plan_step *step = this->step;

	berth_build_key_add(key, "content", berth_build_copied_digest(copied));
	if (step->kind == BERTH_PLAN_COPY)
		add_copy(this, key);
}

// The layer below counts for what names of owners mean.
char *berth_step_copy_alias(struct berth_building_step *this)
{
	const struct berth_plan_step *step = this->step;
	const struct berth_dockerfile_instruction *instruction = step->instruction;

	if (step->kind != BERTH_PLAN_COPY || instruction->kind != BERTH_DOCKERFILE_COPY || step->source.context >= 0 ||
	    instruction->heredocs_count > 0)
		return NULL;
	const struct berth_build_layer *below = berth_building_layer_of(step->parent);
	const struct berth_build_layer *from = berth_building_layer_of(step->source.step);
	g_autoptr(berth_build_key) key = berth_build_key_new("copy of layers");
	g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, this->plan->epoch);

	berth_build_key_add(key, "platform", step->stage->platform);
	berth_build_key_add(key, "state", below ? below->chain_id : "scratch");
	berth_build_key_add(key, "from", from ? from->chain_id : "scratch");
	berth_build_key_add(key, "epoch", epoch);
	berth_build_key_list(key, "source", (const char *const *) instruction->copy.sources);
	add_copy(this, key);
	return berth_build_key_end(key);
}

bool berth_step_copy(struct berth_building_step *this, struct berth_build_copied *copied, const char *snapshot,
		     GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(this->building->builder->store);
	berth_fd content = berth_snapshot_open_content(snapshots, snapshot, error), root = -1;

	if (content < 0)
		return false;
	if (berth_step_is_link(this->step) && berth_snapshots_whiteouts(snapshots) == BERTH_WHITEOUTS_OVERLAY)
		return berth_build_copy_make_layer(copied, content, error);
	return berth_snapshot_mount(snapshots, snapshot, &root, error) &&
	       berth_build_copy_make(copied, root, content, error);
}
