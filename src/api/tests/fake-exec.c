// SPDX-License-Identifier: Apache-2.0
// Execs of the fake engine: there is one, "e"; "bad" cannot be executed.
#include "api/tests/fake-engine.h"
#include "base/error.h"
#include "base/fd.h"

#include <string.h>

char *berth_engine_exec_create(struct berth_engine *engine, const char *container, const struct api_exec_config *config,
			       GError **error)
{
	g_autofree char *command = config->cmd ? g_strjoinv(" ", config->cmd) : g_strdup("");

	if (!config->cmd) {
		berth_error_set(error, BERTH_ERROR_INVALID, "No exec command specified");
		return NULL;
	}
	fake_note(engine, "exec-create %s %s %d%d%d%d%d %zu %s", container, config->user ? config->user : "-",
		  config->attach_stdin, config->attach_stdout, config->attach_stderr, config->tty, config->privileged,
		  json_array_size(config->console_size), command);
	return g_strdup("e");
}

bool berth_engine_exec_check(G_GNUC_UNUSED struct berth_engine *engine, const char *exec, GError **error)
{
	return strcmp(exec, "e") == 0 || strcmp(exec, "bad") == 0 ||
	       berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such exec instance: %s", exec);
}

bool berth_engine_exec_start(struct berth_engine *engine, const char *exec, const struct berth_engine_exec_start *start,
			     GError **error)
{
	fake_note(engine, "exec-start %s %d%d %ux%u", exec, start->socket >= 0, start->tty, start->width,
		  start->height);
	if (strcmp(exec, "bad") == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "exec: \"bad\": not found");
	return start->socket < 0 || berth_write_all(start->socket, "output", 6, "exec", error);
}

bool berth_engine_exec_resize(struct berth_engine *engine, const char *exec, unsigned width, unsigned height,
			      GError **error)
{
	fake_note(engine, "exec-resize %s %ux%u", exec, width, height);
	return berth_engine_exec_check(engine, exec, error);
}

struct api_exec_inspect *berth_engine_exec_inspect(struct berth_engine *engine, const char *exec, GError **error)
{
	if (!berth_engine_exec_check(engine, exec, error))
		return NULL;
	struct api_exec_inspect *inspect = berth_document_new(&api_exec_inspect_document);
	inspect->id = g_strdup(exec);
	inspect->running = true;
	return inspect;
}
