// SPDX-License-Identifier: Apache-2.0
// From a target back to all that it needs: a stage is planned when something asks for it, so that what nothing asks for
// is not even looked at.
#include "build/plan/internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "image/platform.h"
#include "image/record.h"
#include "spec/oci-runtime.h"

#include <string.h>

#define IMAGE_SCHEME "docker-image://"

void *berth_plan__own(struct berth_plan *plan, void *memory)
{
	g_ptr_array_add(plan->memory, memory);
	return memory;
}

static void free_image(void *image)
{
	berth_document_free(&oci_image_document, image);
}

static void free_layers(void *data)
{
	GPtrArray *layers = data;

	for (guint i = 0; i < layers->len; i++)
		berth_image_layer_free(layers->pdata[i]);
	g_ptr_array_unref(layers);
}

static void free_file(void *file)
{
	berth_dockerfile_free(file);
}

void berth_plan_free(struct berth_plan *plan)
{
	if (!plan)
		return;
	for (unsigned i = 0; plan->stages && i < plan->file->stages_count; i++) {
		struct berth_plan_stage *stage = &plan->stages[i];
		g_clear_pointer(&stage->environment, g_ptr_array_unref);
		g_clear_pointer(&stage->declared, g_ptr_array_unref);
		g_clear_pointer(&stage->steps, g_ptr_array_unref);
	}
	g_free(plan->stages);
	g_clear_pointer(&plan->globals, g_ptr_array_unref);
	g_hash_table_unref(plan->pulled);
	g_ptr_array_unref(plan->places);
	g_ptr_array_unref(plan->steps);
	g_ptr_array_unref(plan->images_made);
	g_ptr_array_unref(plan->layers_made);
	g_ptr_array_unref(plan->files);
	g_ptr_array_unref(plan->memory);
	g_free(plan);
}

static bool is_layered(enum berth_dockerfile_kind kind)
{
	return kind == BERTH_DOCKERFILE_RUN || kind == BERTH_DOCKERFILE_COPY || kind == BERTH_DOCKERFILE_ADD ||
	       kind == BERTH_DOCKERFILE_WORKDIR;
}

static unsigned count_layered(const struct berth_dockerfile_instruction *instructions, unsigned count)
{
	unsigned layered = 0;

	for (unsigned i = 0; i < count; i++)
		layered += is_layered(instructions[i].kind);
	return layered;
}

bool berth_plan__count(struct berth_plan *plan, size_t bytes, GError **error)
{
	plan->made += bytes;
	return plan->made <= BERTH_LIMIT_EXPANSION_ALL ||
	       berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "the variables of all stages and steps together are larger than %d bytes",
			       BERTH_LIMIT_EXPANSION_ALL);
}

size_t berth_plan__size(const GPtrArray *texts)
{
	size_t size = 0;

	for (guint i = 0; i < texts->len; i++)
		size += strlen(texts->pdata[i]) + 1;
	return size;
}

// What a stage begins with.
static bool count_stage(struct berth_plan *plan, const struct berth_plan_stage *stage, GError **error)
{
	const GPtrArray *history = stage->image->history;
	size_t size = 2 * berth_plan__size(stage->environment);

	for (guint i = 0; history && i < history->len; i++) {
		const struct oci_history *entry = history->pdata[i];
		size += sizeof *entry + (entry->created_by ? strlen(entry->created_by) : 0);
	}
	return berth_plan__count(plan, size, error);
}

// A stage on another one has all that is known at its end; its triggers come due.
static void inherit(struct berth_plan *plan, struct berth_plan_stage *stage, const struct berth_plan_stage *from)
{
	stage->image = berth_document_copy(&oci_image_document, from->image);
	g_ptr_array_add(plan->images_made, stage->image);
	stage->last = from->last;
	stage->platform = from->platform;
	for (guint i = 0; i < from->environment->len; i++)
		g_ptr_array_add(stage->environment, g_strdup(from->environment->pdata[i]));
	for (guint i = 0; i < from->declared->len; i++)
		g_ptr_array_add(stage->declared, g_strdup(from->declared->pdata[i]));
}

static void begin_environment(struct berth_plan_stage *stage)
{
	struct oci_image_execution *config = stage->image->config;

	for (char **pair = config->env; pair && *pair; pair++) {
		const char *end = strchr(*pair, '=');
		g_autofree char *key = end ? g_strndup(*pair, (gsize) (end - *pair)) : g_strdup(*pair);
		berth_plan__variable_set(stage->environment, key, end ? end + 1 : "");
	}
	if (!berth_plan__variable(stage->environment, "PATH")) {
		berth_strings_add(&config->env, g_strdup("PATH=" OCI_DEFAULT_PATH));
		berth_plan__variable_set(stage->environment, "PATH", OCI_DEFAULT_PATH);
	}
}

static bool dispatch(struct berth_plan *plan, struct berth_plan_stage *stage,
		     const struct berth_dockerfile_instruction *instruction, GError **error)
{
	struct berth_dockerfile_scope scope = {berth_plan__lookup, stage->environment, plan->file->escape, NULL,
					       &plan->made};

	if (instruction->kind == BERTH_DOCKERFILE_ARG)
		return berth_plan__argument(plan, stage, instruction, error);
	const struct berth_dockerfile_instruction *expanded =
		berth_dockerfile_instruction_expand(instruction, &scope, plan->memory, error);
	return expanded && berth_plan__add(plan, stage, expanded, error);
}

static bool dispatch_all(struct berth_plan *plan, struct berth_plan_stage *stage,
			 const struct berth_dockerfile_instruction *instructions, unsigned count, unsigned line,
			 GError **error)
{
	for (unsigned i = 0; i < count; i++) {
		if (dispatch(plan, stage, &instructions[i], error))
			continue;
		g_prefix_error(error, "line %u: ", line ? line : instructions[i].first_line);
		return false;
	}
	return true;
}

// What a base image wants done in whoever builds on it.
static bool parse_triggers(struct berth_plan *plan, struct berth_plan_stage *stage, GPtrArray *files, GError **error)
{
	char **triggers = stage->image->config->on_build;

	for (char **trigger = triggers; trigger && *trigger; trigger++) {
		berth_dockerfile *file = berth_dockerfile_parse_trigger(*trigger, error);
		if (!file) {
			g_prefix_error(error, "ONBUILD %s: ", *trigger);
			return false;
		}
		g_ptr_array_add(plan->files, file);
		g_ptr_array_add(files, file);
		stage->positions += count_layered(file->arguments, file->arguments_count);
	}
	g_clear_pointer(&stage->image->config->on_build, g_strfreev);
	return true;
}

static bool begin_image(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name, GPtrArray *triggers,
			GError **error)
{
	struct berth_plan_step *step = berth_plan__base(plan, stage, name, stage->platform, &stage->image, error);

	if (!step)
		return false;
	if (!parse_triggers(plan, stage, triggers, error))
		return false;
	step->positions = stage->positions;
	step->name = berth_plan__own(plan,
				     g_strdup_printf("[%s%s%s%s1/%u] %s", plan->several_platforms ? plan->platform : "",
						     plan->several_platforms ? " " : "", stage->name,
						     *stage->name ? " " : "", stage->positions, step->text));
	// An image without layers is nothing to stand on.
	if (step->layers->len == 0)
		stage->last = NULL;
	return true;
}

static bool begin_context(struct berth_plan *plan, struct berth_plan_stage *stage, int context, GPtrArray *triggers,
			  GError **error)
{
	const struct berth_build_source *source = &plan->request->sources[context];

	if (source->remote && g_str_has_prefix(source->remote, IMAGE_SCHEME))
		return begin_image(plan, stage, source->remote + strlen(IMAGE_SCHEME), triggers, error);
	if (!(stage->image = berth_plan__scratch(plan, stage->platform, error)))
		return false;
	struct berth_plan_step *step = berth_plan__step(plan, stage, BERTH_PLAN_TREE);
	step->source.context = context;
	step->text = berth_plan__own(plan, g_strdup_printf("[context %s] load", source->name));
	step->name = step->text;
	berth_plan__history(stage, g_strdup_printf("COPY / / # context %s", source->name), true);
	step->history = stage->image->history->len - 1;
	return true;
}

// `name` is expanded.
static bool begin_base(struct berth_plan *plan, struct berth_plan_stage *stage, const char *name, GPtrArray *triggers,
		       GError **error)
{
	const struct berth_dockerfile_stage *source = stage->source;
	int context = source->name ? berth_plan__context(plan, source->name) : -1;
	bool number = strspn(name, "0123456789") == strlen(name);
	int base = number ? -1 : berth_dockerfile_find_stage(plan->file, name, stage->index);

	if (context >= 0)
		return begin_context(plan, stage, context, triggers, error);
	if (base >= 0) {
		if (!berth_plan__stage(plan, (unsigned) base, error))
			return false;
		inherit(plan, stage, &plan->stages[base]);
		return parse_triggers(plan, stage, triggers, error);
	}
	stage->positions++;
	if ((context = berth_plan__context(plan, name)) >= 0)
		return begin_context(plan, stage, context, triggers, error);
	if (!g_str_equal(name, "scratch"))
		return begin_image(plan, stage, name, triggers, error);
	stage->positions--;
	stage->image = berth_plan__scratch(plan, stage->platform, error);
	return stage->image != NULL;
}

static bool begin_stage(struct berth_plan *plan, struct berth_plan_stage *stage, GPtrArray *triggers, GError **error)
{
	struct berth_dockerfile_scope scope = {berth_plan__lookup, plan->globals, plan->file->escape, NULL,
					       &plan->made};
	const struct berth_dockerfile_stage *source = stage->source;
	g_autofree char *name = berth_dockerfile_expand(&scope, source->base, error);
	g_autofree char *platform = NULL;

	stage->platform = plan->platform;
	stage->positions = count_layered(source->instructions, source->count);
	if (!name || (source->platform && !(platform = berth_dockerfile_expand(&scope, source->platform, error))))
		return false;
	if (!*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "base name (%s) should not be blank", source->base);
	if (platform && *platform) {
		g_autoptr(oci_platform) parsed = berth_platform_parse(platform, error);
		if (!parsed)
			return false;
		stage->platform = berth_plan__own(plan, berth_platform_string(parsed));
	}
	if (!begin_base(plan, stage, name, triggers, error))
		return false;
	begin_environment(stage);
	return count_stage(plan, stage, error);
}

static const char *stage_name(struct berth_plan *plan, unsigned index)
{
	const struct berth_dockerfile_stage *source = &plan->file->stages[index];

	if (source->name)
		return source->name;
	if (plan->file->stages_count == 1)
		return "";
	return berth_plan__own(plan, g_strdup_printf("stage-%u", index));
}

static bool is_listed(char *const *list, const struct berth_plan_stage *stage)
{
	for (; list && *list; list++)
		if (g_ascii_strcasecmp(*list, stage->name) == 0)
			return true;
	return false;
}

bool berth_plan__stage(struct berth_plan *plan, unsigned index, GError **error)
{
	struct berth_plan_stage *stage = &plan->stages[index];
	g_autoptr(GPtrArray) triggers = g_ptr_array_new();

	if (stage->planned)
		return true;
	stage->index = index;
	stage->source = &plan->file->stages[index];
	stage->name = stage_name(plan, index);
	stage->no_cache = plan->request->no_cache || is_listed(plan->request->no_cache_stages, stage);
	stage->environment = berth_plan__variables_new();
	stage->declared = g_ptr_array_new_with_free_func(g_free);
	stage->steps = g_ptr_array_new();
	if (!begin_stage(plan, stage, triggers, error)) {
		g_prefix_error(error, "line %u: ", stage->source->first_line);
		return false;
	}
	for (guint i = 0; i < triggers->len; i++) {
		const struct berth_dockerfile *file = triggers->pdata[i];
		if (!dispatch_all(plan, stage, file->arguments, file->arguments_count, stage->source->first_line,
				  error)) {
			g_prefix_error(error, "ONBUILD: ");
			return false;
		}
	}
	if (!dispatch_all(plan, stage, stage->source->instructions, stage->source->count, 0, error))
		return false;
	stage->planned = true;
	return true;
}

static bool find_target(struct berth_plan *plan, unsigned *ret, GError **error)
{
	const char *name = plan->request->target;

	*ret = plan->file->stages_count - 1;
	if (!name || !*name)
		return true;
	// By its name alone: a number is none.
	int found = strspn(name, "0123456789") == strlen(name)
			    ? -1
			    : berth_dockerfile_find_stage(plan->file, name, plan->file->stages_count);
	if (found < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "target stage \"%s\" could not be found", name);
	*ret = (unsigned) found;
	return true;
}

// Steps get their numbers: images that are only copied from first, then stage by stage.
static void number(struct berth_plan *plan)
{
	for (guint i = 0; i < plan->places->len; i++)
		g_ptr_array_add(plan->steps, plan->places->pdata[i]);
	for (unsigned i = 0; i < plan->file->stages_count; i++)
		for (guint k = 0; plan->stages[i].steps && k < plan->stages[i].steps->len; k++)
			g_ptr_array_add(plan->steps, plan->stages[i].steps->pdata[k]);
	for (guint i = 0; i < plan->steps->len; i++)
		((struct berth_plan_step *) plan->steps->pdata[i])->vertex = i;
}

// Each step is one layer more, an image has those it has: a build that would come to too many does not begin.
static bool check_depth(struct berth_plan *plan, GError **error)
{
	for (guint i = 0; i < plan->steps->len; i++) {
		struct berth_plan_step *step = plan->steps->pdata[i]; // behind its parent
		unsigned below = step->parent ? step->parent->depth : 0;
		step->depth = below + (step->kind == BERTH_PLAN_BASE ? step->layers->len : 1);
		if (step->kind != BERTH_PLAN_BASE && step->depth > BERTH_LIMIT_LAYERS)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "line %u: max depth exceeded: more than %d layers, with those of the "
					       "base image: RUN, COPY, ADD and WORKDIR make one each",
					       step->first_line, BERTH_LIMIT_LAYERS);
	}
	return true;
}

static void add_labels(struct berth_plan *plan)
{
	struct oci_image_execution *config = plan->target->image->config;
	GHashTableIter iter;
	void *key, *value;

	if (!plan->request->labels || g_hash_table_size(plan->request->labels) == 0)
		return;
	if (!config->labels)
		config->labels = berth_map_new();
	g_hash_table_iter_init(&iter, plan->request->labels);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(config->labels, g_strdup(key), g_strdup(value));
}

static bool make(struct berth_plan *plan, const char *platform, GError **error)
{
	g_autoptr(oci_platform) parsed = berth_platform_parse(platform, error);
	unsigned target;

	if (!parsed)
		return false;
	plan->platform = berth_plan__own(plan, berth_platform_string(parsed));
	if (!berth_plan_epoch(plan->request, &plan->epoch, error) || !berth_plan__globals(plan, error) ||
	    !find_target(plan, &target, error) || !berth_plan__stage(plan, target, error))
		return false;
	plan->target = &plan->stages[target];
	add_labels(plan);
	number(plan);
	return check_depth(plan, error);
}

struct berth_plan *berth_plan_new(const struct berth_plan_options *options, GError **error)
{
	g_autoptr(berth_plan) plan = g_new0(struct berth_plan, 1);
	char *const *platforms = options->request->platforms;

	plan->request = options->request;
	plan->file = options->file;
	plan->images = options->images;
	plan->lease = options->lease;
	plan->pull = options->pull;
	plan->pull_data = options->pull_data;
	plan->pulled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	plan->several_platforms = platforms && platforms[0] && platforms[1];
	plan->memory = g_ptr_array_new_with_free_func(g_free);
	plan->images_made = g_ptr_array_new_with_free_func(free_image);
	plan->layers_made = g_ptr_array_new_with_free_func(free_layers);
	plan->files = g_ptr_array_new_with_free_func(free_file);
	plan->steps = g_ptr_array_new();
	plan->places = g_ptr_array_new();
	plan->stages = g_new0(struct berth_plan_stage, options->file->stages_count);
	return make(plan, options->platform, error) ? g_steal_pointer(&plan) : NULL;
}
