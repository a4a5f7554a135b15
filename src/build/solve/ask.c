// SPDX-License-Identifier: Apache-2.0
// What is said about a Dockerfile: warnings beside a build, and answers in place of one.
#include "build/solve/building.h"

#include "base/error.h"
#include "base/limits.h"
#include "build/dockerfile/call.h"
#include "build/solve/events.h"

#include <string.h>

#define CHECK_ARGUMENT "BUILDKIT_DOCKERFILE_CHECK"
#define SYNTAX_ARGUMENT "BUILDKIT_SYNTAX"

static const char *argument(void *data, const char *name)
{
	const struct berth_building *building = data;

	return building->request->arguments ? g_hash_table_lookup(building->request->arguments, name) : NULL;
}

struct asking {
	struct berth_building *building;
	struct oci_image *image; // the last that was asked for
};

// Of images that are here: nothing is pulled for a warning.
static const char *const *environment(void *data, const char *name)
{
	struct asking *this = data;
	struct berth_images *images = this->building->builder->images;
	g_autofree char *id = berth_images_resolve(images, name, NULL);

	if (this->image)
		oci_image_free(this->image);
	this->image = id ? berth_images_config(images, id, NULL) : NULL;
	return this->image && this->image->config ? (const char *const *) this->image->config->env : NULL;
}

// What the context leaves out, if there is one that was sent; a build does not wait for it. What is wrong with it is
// said where it is applied.
static berth_ignore *ignored(struct berth_building *building)
{
	const struct berth_build_request *request = building->request;
	bool sent = request->source_count > 0 && request->sources[0].tar >= 0;
	struct berth_build_tree *tree = sent && request->call ? berth_building_tree(building, 0, NULL)
					: sent                ? building->trees[0]
							      : NULL;
	g_autofree char *own = g_strconcat(building->dockerfile_name, ".dockerignore", NULL);
	const char *const names[] = {own, ".dockerignore"};
	g_autoptr(GBytes) text = NULL;
	gsize size;

	for (size_t i = 0; tree && !text && i < G_N_ELEMENTS(names); i++)
		text = berth_build_tree_read(tree, names[i], BERTH_LIMIT_IGNORE_FILE, NULL);
	const char *bytes = text ? g_bytes_get_data(text, &size) : NULL;
	return bytes ? berth_ignore_parse(bytes, size, NULL) : NULL;
}

static berth_dockerfile_lint *look(struct berth_building *building, GError **error)
{
	struct asking asking = {building, NULL};
	const char *syntax = argument(building, SYNTAX_ARGUMENT);
	if (syntax && !berth_dockerfile_syntax_check(syntax, error))
		return NULL;
	g_autoptr(berth_ignore) ignore = ignored(building);
	const struct berth_dockerfile_lint_options options = {
		.check = argument(building, CHECK_ARGUMENT),
		.argument = argument,
		.argument_data = building,
		.ignore = ignore,
		.environment = environment,
		.environment_data = &asking,
	};
	berth_dockerfile_lint *lint = berth_dockerfile_lint_new(building->file, &options, error);

	if (asking.image)
		oci_image_free(asking.image);
	return lint;
}

static void tell(struct berth_building *building, const berth_dockerfile_lint *lint)
{
	for (guint i = 0; i < lint->warnings->len; i++) {
		const struct berth_dockerfile_warning *warning = lint->warnings->pdata[i];
		struct berth_build_event event = {.kind = BERTH_BUILD_WARNING,
						  .name = berth_dockerfile_rule_about(warning->rule)->name,
						  .stage = "",
						  .text = warning->detail,
						  .length = strlen(warning->detail),
						  .line = (int) warning->first_line,
						  .last_line = (int) warning->last_line};
		berth_building_tell(building, &event);
	}
}

bool berth_building_lint(struct berth_building *building, GError **error)
{
	g_autoptr(berth_dockerfile_lint) lint = look(building, error);

	if (!lint)
		return false;
	tell(building, lint);
	if (!lint->error)
		return true;
	g_autofree char *message = berth_dockerfile_lint_message(lint);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s", message);
}

static char *check(struct berth_building *building, bool json, GError **error)
{
	g_autoptr(berth_dockerfile_lint) lint = look(building, error);

	if (!lint)
		return NULL;
	tell(building, lint);
	return (json ? berth_dockerfile_check_json : berth_dockerfile_check_text)(building->file,
										  building->dockerfile_name, lint);
}

// "outline", or "outline,format=json"
bool berth_building_answer(struct berth_building *building, char **ret_answer, GError **error)
{
	g_auto(GStrv) words = g_strsplit(building->request->call, ",", -1);
	bool json = g_strv_contains((const char *const *) words, "format=json");
	const char *method = words[0] ? words[0] : "";

	if (g_str_equal(method, "check") || g_str_equal(method, "lint"))
		*ret_answer = check(building, json, error);
	else if (g_str_equal(method, "targets"))
		*ret_answer = (json ? berth_dockerfile_targets_json : berth_dockerfile_targets_text)(building->file);
	else if (g_str_equal(method, "outline"))
		*ret_answer = (json ? berth_dockerfile_outline_json : berth_dockerfile_outline_text)(
			building->file, building->request->target, argument, building, error);
	else
		berth_error_set(error, BERTH_ERROR_INVALID, "unknown call \"%s\": check, outline and targets are known",
				method);
	return *ret_answer != NULL;
}
