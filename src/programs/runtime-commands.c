// SPDX-License-Identifier: Apache-2.0
// The commands on containers that exist, and those on none.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "runtime-features-json.h"

struct berth_container *runtime_load(struct runtime_program *program, const char *id, GError **error)
{
	struct berth_container *container = NULL;

	return berth_container_load(&program->runtime, id, &container, error) ? container : NULL;
}

int runtime_print_json(const json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2));

	puts(text);
	free(text);
	return 0;
}

static int state(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		 GError **error)
{
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);
	g_autoptr(oci_state) now = container ? berth_container_state(container, error) : NULL;

	if (!now)
		return -1;
	BERTH_AUTO_JSON json_t *json = berth_document_print(&oci_state_document, now, 0);
	return runtime_print_json(json);
}

const struct runtime_command runtime_command_state = {"state", "ID", "Print a container's state", NULL, 0, 1, 1, state};

static int pause_container(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
			   GError **error)
{
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);

	return container && berth_container_freeze(container, error) ? 0 : -1;
}

static int resume(struct runtime_program *program, G_GNUC_UNUSED const void *data, char *const *arguments,
		  GError **error)
{
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);

	return container && berth_container_thaw(container, error) ? 0 : -1;
}

const struct runtime_command runtime_command_pause = {
	"pause", "ID", "Freeze all processes of a container", NULL, 0, 1, 1, pause_container};
const struct runtime_command runtime_command_resume = {"resume", "ID",  "Thaw a paused container", NULL, 0, 1,
						       1,        resume};

static json_t *parse(const unsigned char *text, size_t length, GError **error)
{
	return berth_json_parse((const char *) text, length, "a built-in document", error);
}

static int features(G_GNUC_UNUSED struct runtime_program *program, G_GNUC_UNUSED const void *data,
		    G_GNUC_UNUSED char *const *arguments, GError **error)
{
	BERTH_AUTO_JSON json_t *json = parse(runtime_features_json, sizeof runtime_features_json, error);

	return json ? runtime_print_json(json) : -1;
}

const struct runtime_command runtime_command_features = {
	"features", "", "Print what this runtime can do", NULL, 0, 0, 0, features};
