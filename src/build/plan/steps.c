// SPDX-License-Identifier: Apache-2.0
// Instructions that make layers: RUN, COPY, ADD, WORKDIR.
#include "build/plan/internal.h"

#include "base/error.h"

#include <string.h>

#define PIPES "/dev/pipes/" // where a heredoc that begins with "#!" is a file

typedef const struct berth_dockerfile_instruction INSTRUCTION;

// "[build 2/5] RUN make"
static const char *full_name(struct berth_plan *plan, const struct berth_plan_step *step)
{
	const struct berth_plan_stage *stage = step->stage;
	g_autofree char *width = g_strdup_printf("%u", stage->positions);

	return berth_plan__own(plan,
			       g_strdup_printf("[%s%s%s%s%*u/%u] %s", plan->several_platforms ? plan->platform : "",
					       plan->several_platforms ? " " : "", stage->name, *stage->name ? " " : "",
					       (int) strlen(width), step->position, stage->positions, step->text));
}

struct berth_plan_step *berth_plan__step(struct berth_plan *plan, struct berth_plan_stage *stage,
					 enum berth_plan_kind kind)
{
	struct berth_plan_step *step = berth_plan__own(plan, g_new0(struct berth_plan_step, 1));

	step->kind = kind;
	step->stage = stage;
	step->source.context = -1;
	if (!stage)
		return step;
	step->parent = stage->last;
	step->position = ++stage->position;
	step->positions = stage->positions;
	step->first_line = stage->source->first_line;
	step->last_line = stage->source->last_line;
	step->no_cache = stage->no_cache;
	g_ptr_array_add(stage->steps, step);
	stage->last = step;
	return step;
}

static struct berth_plan_step *begin(struct berth_plan *plan, struct berth_plan_stage *stage, enum berth_plan_kind kind,
				     INSTRUCTION *instruction)
{
	struct berth_plan_step *step = berth_plan__step(plan, stage, kind);
	const char *rest = instruction->text + strlen(instruction->word);
	g_autofree char *word = g_ascii_strup(instruction->word, -1);

	step->instruction = instruction;
	step->text = berth_plan__own(plan, g_strconcat(word, rest, NULL));
	step->name = full_name(plan, step);
	step->first_line = instruction->first_line;
	step->last_line = instruction->last_line;
	step->folder = berth_plan__own(plan, g_strdup(stage->image->config->working_dir));
	step->user = berth_plan__own(plan, g_strdup(stage->image->config->user));
	return step;
}

static void remember(struct berth_plan_step *step, struct berth_plan_stage *stage, char *created_by)
{
	berth_plan__history(stage, created_by, true);
	step->history = stage->image->history->len - 1;
}

// "|2 a=1 b=2 /bin/sh -c make"
static char *command_text(const struct berth_plan_stage *stage, char *const *words)
{
	GString *text = g_string_new("RUN");

	if (stage->declared->len > 0)
		g_string_append_printf(text, " |%u", stage->declared->len);
	for (guint i = 0; i < stage->declared->len; i++) {
		const char *value = berth_plan__variable(stage->environment, stage->declared->pdata[i]);
		g_string_append_printf(text, " %s=%s", (const char *) stage->declared->pdata[i], value ? value : "");
	}
	for (; *words; words++)
		g_string_append_printf(text, " %s", *words);
	g_string_append(text, " # buildkit");
	return g_string_free(text, FALSE);
}

static const char *const *own_list(struct berth_plan *plan, char **list)
{
	for (char **entry = list; *entry; entry++)
		berth_plan__own(plan, *entry);
	return berth_plan__own(plan, list);
}

static bool add_mounts(struct berth_plan *plan, struct berth_plan_stage *stage, struct berth_plan_step *step,
		       GError **error)
{
	const struct berth_dockerfile_run *run = &step->instruction->run;

	step->mounts = berth_plan__own(plan, g_new0(struct berth_plan_mount, run->mounts_count + 1));
	for (unsigned i = 0; i < run->mounts_count; i++) {
		const struct berth_dockerfile_mount *mount = &run->mounts[i];
		struct berth_plan_mount *to = &step->mounts[step->mount_count++];
		*to = (struct berth_plan_mount){mount, {-1, NULL}, false};
		if (mount->from) {
			if (!berth_plan__from(plan, stage, mount->from, &to->source, error))
				return false;
			to->has_source = true;
		} else if (mount->type == BERTH_DOCKERFILE_MOUNT_BIND) {
			to->source.context = 0;
			to->has_source = true;
		}
	}
	return true;
}

static bool add_run(struct berth_plan *plan, struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	struct berth_plan_step *step = begin(plan, stage, BERTH_PLAN_RUN, instruction);
	char **words;

	if (instruction->run.script) {
		const struct berth_dockerfile_heredoc *file = &instruction->heredocs[0];
		g_autofree char *path = g_strconcat(PIPES, file->name, NULL);
		const char *const file_words[] = {path, NULL};
		const struct berth_dockerfile_command command = {true, file_words};
		words = berth_plan__words(stage->image, &command);
		step->script = file->text;
	} else {
		words = berth_plan__words(stage->image, &instruction->run.command);
	}
	step->arguments = own_list(plan, words);
	step->script_name = step->script ? instruction->heredocs[0].name : NULL;
	if (!berth_plan__count(plan, berth_plan__size(stage->environment), error))
		return false;
	g_autoptr(GPtrArray) environment = g_ptr_array_new();
	for (guint i = 0; i < stage->environment->len; i++)
		g_ptr_array_add(environment, g_strdup(stage->environment->pdata[i]));
	g_ptr_array_add(environment, NULL);
	step->environment = own_list(plan, (char **) g_ptr_array_steal(environment, NULL));
	remember(step, stage, command_text(stage, words));
	return add_mounts(plan, stage, step, error);
}

static char *copy_text(INSTRUCTION *instruction)
{
	GString *text = g_string_new(instruction->kind == BERTH_DOCKERFILE_ADD ? "ADD" : "COPY");
	const struct berth_dockerfile_copy *copy = &instruction->copy;

	if (copy->parents)
		g_string_append(text, " --parents");
	if (copy->chown)
		g_string_append_printf(text, " --chown=%s", copy->chown);
	if (copy->chmod)
		g_string_append_printf(text, " --chmod=%s", copy->chmod);
	for (size_t i = 0; copy->sources && copy->sources[i]; i++)
		g_string_append_printf(text, " %s", copy->sources[i]);
	for (unsigned i = 0; i < instruction->heredocs_count; i++)
		g_string_append_printf(text, " <<%s", instruction->heredocs[i].name);
	g_string_append_printf(text, " %s # buildkit", copy->destination);
	return g_string_free(text, FALSE);
}

static bool add_copy(struct berth_plan *plan, struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	struct berth_plan_source source = {.context = 0};

	if (instruction->kind == BERTH_DOCKERFILE_COPY && instruction->copy.from &&
	    !berth_plan__from(plan, stage, instruction->copy.from, &source, error))
		return false;
	struct berth_plan_step *step = begin(plan, stage, BERTH_PLAN_COPY, instruction);
	step->source = source;
	remember(step, stage, copy_text(instruction));
	return true;
}

static bool add_folder(struct berth_plan *plan, struct berth_plan_stage *stage, INSTRUCTION *instruction)
{
	char **folder = &stage->image->config->working_dir;
	char *path = berth_plan__folder(*folder, instruction->value);

	g_free(*folder);
	*folder = path;
	if (g_str_equal(path, "/")) { // which is there
		berth_plan__history(stage, g_strdup("WORKDIR /"), false);
		return true;
	}
	struct berth_plan_step *step = begin(plan, stage, BERTH_PLAN_WORKDIR, instruction);
	step->target = berth_plan__own(plan, g_strdup(path));
	remember(step, stage, g_strconcat("WORKDIR ", path, NULL));
	return true;
}

bool berth_plan__add(struct berth_plan *plan, struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	switch (instruction->kind) {
	case BERTH_DOCKERFILE_RUN:
		return add_run(plan, stage, instruction, error);
	case BERTH_DOCKERFILE_COPY:
	case BERTH_DOCKERFILE_ADD:
		return add_copy(plan, stage, instruction, error);
	case BERTH_DOCKERFILE_WORKDIR:
		return add_folder(plan, stage, instruction);
	default:
		return berth_plan__configure(stage, instruction, error);
	}
}
