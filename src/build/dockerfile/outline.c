// SPDX-License-Identifier: Apache-2.0
// The answer of `build --call=outline`: what a target takes.
#include "build/dockerfile/call-internal.h"
#include "build/dockerfile/call.h"

#include <string.h>

struct entry {
	const char *name, *description;
	char *value; // of an argument; owned
	bool required;
	unsigned first_line, last_line;
};

struct outline {
	const berth_dockerfile *file;
	berth_dockerfile_lookup argument;
	void *data;
	const struct berth_dockerfile_stage *target;
	bool *needed; // one for each stage
	GHashTable *globals; // values of ARG before the first FROM
	GPtrArray *memory;
	GArray *arguments, *secrets, *agents, *caches; // struct entry
	size_t made; // bytes that variables gave
};

static void entry_clear(void *data)
{
	g_free(((struct entry *) data)->value);
}

static GArray *new_entries(void)
{
	GArray *entries = g_array_new(FALSE, TRUE, sizeof(struct entry));

	g_array_set_clear_func(entries, entry_clear);
	return entries;
}

static const char *lookup(void *data, const char *name)
{
	struct outline *outline = data;

	return g_hash_table_lookup(outline->globals, name);
}

static struct entry *find(GArray *entries, const char *name)
{
	for (guint i = 0; i < entries->len; i++)
		if (g_str_equal(g_array_index(entries, struct entry, i).name, name))
			return &g_array_index(entries, struct entry, i);
	return NULL;
}

static char *expand(struct outline *outline, const char *text)
{
	struct berth_dockerfile_scope scope = {
		.lookup = lookup, .data = outline, .escape = outline->file->escape, .made = &outline->made};

	return berth_dockerfile_expand(&scope, text, NULL);
}

static void add_arguments(struct outline *outline, const struct berth_dockerfile_instruction *instruction, bool global)
{
	for (unsigned i = 0; i < instruction->pairs.count; i++) {
		const struct berth_dockerfile_pair *pair = &instruction->pairs.items[i];
		const char *given = outline->argument ? outline->argument(outline->data, pair->key) : NULL;
		g_autofree char *value = given         ? g_strdup(given)
					 : pair->value ? expand(outline, pair->value)
						       : g_strdup(lookup(outline, pair->key));
		struct entry entry = {.name = pair->key,
				      .description = pair->comment,
				      .first_line = instruction->first_line,
				      .last_line = instruction->last_line};
		struct entry *known = find(outline->arguments, pair->key);

		if (global && value)
			g_hash_table_insert(outline->globals, g_strdup(pair->key), g_strdup(value));
		if (known) {
			known->description = known->description ? known->description : pair->comment;
			continue;
		}
		entry.value = g_steal_pointer(&value);
		g_array_append_val(outline->arguments, entry);
	}
}

// The stages that a stage needs, before it.
static void need(struct outline *outline, unsigned index)
{
	const struct berth_dockerfile_stage *stage = &outline->file->stages[index];

	if (outline->needed[index])
		return;
	outline->needed[index] = true;
	g_autofree char *base = expand(outline, stage->base);
	int before = base ? berth_dockerfile_find_stage(outline->file, base, index) : -1;
	if (before >= 0)
		need(outline, (unsigned) before);
	for (unsigned i = 0; i < stage->count; i++) {
		const struct berth_dockerfile_instruction *instruction = &stage->instructions[i];
		if (instruction->kind == BERTH_DOCKERFILE_COPY && instruction->copy.from) {
			before = berth_dockerfile_find_stage(outline->file, instruction->copy.from, index);
			if (before >= 0)
				need(outline, (unsigned) before);
		}
		if (instruction->kind != BERTH_DOCKERFILE_RUN)
			continue;
		for (const char *const *text = instruction->run.mount_texts; *text; text++) {
			struct berth_dockerfile_mount mount;
			if (!berth_dockerfile__mount(*text, NULL, outline->memory, &mount, NULL, NULL) || !mount.from)
				continue;
			before = berth_dockerfile_find_stage(outline->file, mount.from, index);
			if (before >= 0)
				need(outline, (unsigned) before);
		}
	}
}

static void add_mount(GArray *entries, const char *name, bool required,
		      const struct berth_dockerfile_instruction *instruction)
{
	struct entry entry = {.name = name,
			      .required = required,
			      .first_line = instruction->first_line,
			      .last_line = instruction->last_line};
	struct entry *known = find(entries, name);

	if (known)
		known->required |= required;
	else
		g_array_append_val(entries, entry);
}

static const char *secret_name(const struct berth_dockerfile_mount *mount)
{
	if (mount->id || mount->source)
		return mount->id ? mount->id : mount->source;
	const char *slash = strrchr(mount->target, '/');
	return slash ? slash + 1 : mount->target;
}

static void add_mounts(struct outline *outline, const struct berth_dockerfile_instruction *instruction)
{
	struct berth_dockerfile_scope scope = {
		.lookup = lookup, .data = outline, .escape = outline->file->escape, .made = &outline->made};

	for (const char *const *text = instruction->run.mount_texts; *text; text++) {
		struct berth_dockerfile_mount mount;
		if (!berth_dockerfile__mount(*text, &scope, outline->memory, &mount, NULL, NULL))
			continue;
		if (mount.type == BERTH_DOCKERFILE_MOUNT_SECRET)
			add_mount(outline->secrets, secret_name(&mount), mount.required, instruction);
		if (mount.type == BERTH_DOCKERFILE_MOUNT_SSH)
			add_mount(outline->agents, mount.id ? mount.id : "default", mount.required, instruction);
		if (mount.type == BERTH_DOCKERFILE_MOUNT_CACHE && (mount.id || mount.target))
			add_mount(outline->caches, mount.id ? mount.id : mount.target, false, instruction);
	}
}

static void add_stage(struct outline *outline, const struct berth_dockerfile_stage *stage)
{
	for (unsigned i = 0; i < stage->count; i++) {
		const struct berth_dockerfile_instruction *instruction = &stage->instructions[i];
		if (instruction->kind == BERTH_DOCKERFILE_ARG)
			add_arguments(outline, instruction, false);
		if (instruction->kind == BERTH_DOCKERFILE_RUN)
			add_mounts(outline, instruction);
	}
}

static struct outline *outline_free(struct outline *outline)
{
	if (!outline)
		return NULL;
	g_free(outline->needed);
	g_hash_table_unref(outline->globals);
	g_ptr_array_unref(outline->memory);
	g_array_unref(outline->arguments);
	g_array_unref(outline->secrets);
	g_array_unref(outline->agents);
	g_array_unref(outline->caches);
	g_free(outline);
	return NULL;
}
typedef struct outline outline_object;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(outline_object, outline_free)

static struct outline *outline_new(const berth_dockerfile *file, const char *target, berth_dockerfile_lookup argument,
				   void *data, GError **error)
{
	int index =
		target ? berth_dockerfile_find_stage(file, target, file->stages_count) : (int) file->stages_count - 1;

	if (index < 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "target stage \"%s\" could not be found", target);
		return NULL;
	}
	struct outline *outline = g_new0(struct outline, 1);
	*outline = (struct outline){
		.file = file,
		.argument = argument,
		.data = data,
		.target = &file->stages[index],
		.needed = g_new0(bool, file->stages_count),
		.globals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.memory = g_ptr_array_new_with_free_func(g_free),
		.arguments = new_entries(),
		.secrets = new_entries(),
		.agents = new_entries(),
		.caches = new_entries(),
	};
	for (unsigned i = 0; i < file->arguments_count; i++)
		add_arguments(outline, &file->arguments[i], true);
	need(outline, (unsigned) index);
	for (unsigned i = 0; i < file->stages_count; i++)
		if (outline->needed[i])
			add_stage(outline, &file->stages[i]);
	return outline;
}

static json_t *entries_json(const GArray *entries, const char *name_key)
{
	json_t *array = json_array();

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		json_t *object = json_object();

		json_object_set_new(object, name_key, json_string(entry->name));
		if (entry->description)
			json_object_set_new(object, "description", json_string(entry->description));
		if (entry->value && *entry->value)
			json_object_set_new(object, "value", json_string(entry->value));
		if (entry->required)
			json_object_set_new(object, "required", json_true());
		json_object_set_new(object, "location",
				    berth_dockerfile__location(entry->first_line, entry->last_line));
		json_array_append_new(array, object);
	}
	return array;
}

static void add_json(json_t *document, const char *key, const char *name_key, const GArray *entries)
{
	if (entries->len > 0)
		json_object_set_new(document, key, entries_json(entries, name_key));
}

char *berth_dockerfile_outline_json(const berth_dockerfile *file, const char *target, berth_dockerfile_lookup argument,
				    void *argument_data, GError **error)
{
	g_autoptr(outline_object) outline = outline_new(file, target, argument, argument_data, error);
	json_t *document;

	if (!outline)
		return NULL;
	document = json_object();
	if (outline->target->name)
		json_object_set_new(document, "name", json_string(outline->target->name));
	if (outline->target->comment)
		json_object_set_new(document, "description", json_string(outline->target->comment));
	add_json(document, "args", "name", outline->arguments);
	add_json(document, "secrets", "name", outline->secrets);
	add_json(document, "ssh", "name", outline->agents);
	add_json(document, "cache", "ID", outline->caches);
	json_object_set_new(document, "sources", berth_dockerfile__sources(file));
	return berth_dockerfile__indented(document);
}

// A table of one kind of entry: its name, then for arguments value and description, else whether it is required.
static void add_table(GString *out, const char *title, const GArray *entries, bool values)
{
	size_t width = strlen(title), value_width = strlen("VALUE");

	if (entries->len == 0)
		return;
	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		width = MAX(width, strlen(entry->name));
		value_width = MAX(value_width, entry->value ? strlen(entry->value) : 0);
	}
	g_string_append_printf(out, "\n%-*s    ", (int) width, title);
	if (values)
		g_string_append_printf(out, "%-*s    DESCRIPTION\n", (int) value_width, "VALUE");
	else
		g_string_append(out, "REQUIRED\n");
	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		g_string_append_printf(out, "%-*s    ", (int) width, entry->name);
		if (values)
			g_string_append_printf(out, "%-*s    %s", (int) value_width, entry->value ? entry->value : "",
					       entry->description ? entry->description : "");
		else
			g_string_append(out, entry->required ? "true" : "");
		while (out->str[out->len - 1] == ' ')
			g_string_truncate(out, out->len - 1);
		g_string_append_c(out, '\n');
	}
}

char *berth_dockerfile_outline_text(const berth_dockerfile *file, const char *target, berth_dockerfile_lookup argument,
				    void *argument_data, GError **error)
{
	g_autoptr(outline_object) outline = outline_new(file, target, argument, argument_data, error);
	GString *out;

	if (!outline)
		return NULL;
	out = g_string_new(NULL);
	if (outline->target->name)
		g_string_append_printf(out, "TARGET:      %s\n", outline->target->name);
	if (outline->target->comment)
		g_string_append_printf(out, "DESCRIPTION: %s\n", outline->target->comment);
	add_table(out, "BUILD ARG", outline->arguments, true);
	add_table(out, "SECRET", outline->secrets, false);
	add_table(out, "SSH", outline->agents, false);
	add_table(out, "CACHE MOUNT", outline->caches, false);
	return g_string_free(out, FALSE);
}
