// SPDX-License-Identifier: Apache-2.0
#include "api/tests/fake-build.h"

#include "base/error.h"
#include "base/fd.h"
#include "spec/api-build.h"

#include <string.h>

#define IMAGE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define DIGEST "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define FAILURE "process \"/bin/sh -c false\" did not complete successfully: exit code: 7"

struct berth_builder {
	struct berth_engine *engine;
};

struct berth_builder *fake_builder_new(struct berth_engine *engine)
{
	struct berth_builder *builder = g_new0(struct berth_builder, 1);

	builder->engine = engine;
	return builder;
}

void berth_builder_free(struct berth_builder *builder)
{
	g_free(builder);
}

static void add_table(GString *out, const char *name, GHashTable *table)
{
	g_autoptr(GList) keys = table ? g_list_sort(g_hash_table_get_keys(table), (GCompareFunc) strcmp) : NULL;

	for (GList *key = keys; key; key = key->next) {
		const char *value = g_hash_table_lookup(table, key->data);
		g_string_append_printf(out, " %s:%s=%s", name, (char *) key->data, value ? value : "(null)");
	}
}

static void add_list(GString *out, const char *name, char *const *list)
{
	for (; list && *list; list++)
		g_string_append_printf(out, " %s:%s", name, *list);
}

static void add_sources(GString *out, const struct berth_build_request *request)
{
	for (size_t i = 0; i < request->source_count; i++) {
		const struct berth_build_source *source = &request->sources[i];
		char bytes[64] = "";
		ssize_t length = source->tar >= 0 ? berth_read_full(source->tar, bytes, sizeof bytes - 1) : 0;
		if (source->text)
			g_string_append_printf(out, " text");
		g_string_append_printf(out, " source:%s=%s%.*s", source->name ? source->name : "",
				       source->remote ? source->remote : "", (int) MAX(length, 0), bytes);
	}
	for (size_t i = 0; i < request->secret_count; i++)
		g_string_append_printf(out, " secret:%s=%.*s", request->secrets[i].id,
				       (int) g_bytes_get_size(request->secrets[i].value),
				       (const char *) g_bytes_get_data(request->secrets[i].value, NULL));
	if (request->dockerfile_text)
		g_string_append_printf(out, " dockerfile=%.*s", (int) g_bytes_get_size(request->dockerfile_text),
				       (const char *) g_bytes_get_data(request->dockerfile_text, NULL));
}

static char *describe(const struct berth_build_request *request)
{
	GString *out = g_string_new("build");
	const struct api_host_config *limits = request->limits;

	if (request->dockerfile)
		g_string_append_printf(out, " -f %s", request->dockerfile);
	add_sources(out, request);
	add_list(out, "t", request->tags);
	add_table(out, "arg", request->arguments);
	add_table(out, "label", request->labels);
	add_list(out, "platform", request->platforms);
	add_list(out, "from", request->cache_from);
	add_list(out, "host", limits->extra_hosts);
	g_string_append_printf(out, "%s%s%s", request->no_cache ? " no-cache" : "", request->pull ? " pull" : "",
			       request->squash ? " squash" : "");
	if (limits->memory || limits->cpu_shares || limits->cpu_quota || limits->shm_size || limits->cpuset_cpus)
		g_string_append_printf(out, " limits %d %d %d %d %d %d %s", (int) limits->memory,
				       (int) limits->memory_swap, (int) limits->cpu_shares, (int) limits->cpu_period,
				       (int) limits->cpu_quota, (int) limits->shm_size,
				       limits->cpuset_cpus ? limits->cpuset_cpus : "");
	if (request->network)
		g_string_append_printf(out, " network %s", request->network);
	if (request->credentials)
		g_string_append_printf(out, " credentials %u", g_hash_table_size(request->credentials));
	return g_string_free(out, FALSE);
}

static void tell(const struct berth_build_listener *listener, enum berth_build_event_kind kind, unsigned vertex,
		 const char *text)
{
	static const char *const names[] = {"[internal] load build definition from Dockerfile", "[1/3] FROM busybox",
					    "[2/3] RUN echo hello", "[3/3] COPY . /"};
	const struct berth_build_event event = {
		.kind = kind,
		.vertex = vertex,
		.name = names[vertex],
		.digest = DIGEST,
		.stage = vertex ? "0" : "",
		.position = vertex,
		.positions = vertex ? 3 : 0,
		.line = (int) vertex,
		.stream = 1,
		.text = text,
		.length = text ? strlen(text) : 0,
	};

	listener->event(listener->data, &event);
}

static void tell_instructions(const struct berth_build_listener *listener)
{
	static const char *const texts[] = {"FROM busybox", "RUN echo hello", "COPY . /", "CMD true"};

	for (int i = 0; i < 4; i++)
		listener->event(listener->data, &(struct berth_build_event){.kind = BERTH_BUILD_INSTRUCTION,
									    .text = texts[i],
									    .length = strlen(texts[i]),
									    .line = i + 1});
}

static void wait_for_cancel(struct berth_builder *builder, const struct berth_build_listener *listener)
{
	fake_add_stream(builder->engine, 1);
	while (!listener->canceled(listener->data))
		g_usleep(1000);
	fake_add_stream(builder->engine, -1);
}

static bool use_agent(const struct berth_build_request *request, GError **error)
{
	berth_fd agent = request->agent(request->data, "default", true, error);

	return agent >= 0 && berth_write_all(agent, "ping", 4, "the agent", error);
}

// The third step runs beside the second and is faster.
static bool build(struct berth_builder *builder, const struct berth_build_request *request,
		  const struct berth_build_listener *listener, GError **error)
{
	const char *target = request->target ? request->target : "";

	tell_instructions(listener);
	for (unsigned i = 0; i < 4; i++)
		tell(listener, BERTH_BUILD_PLANNED, i, NULL);
	tell(listener, BERTH_BUILD_CACHED, 1, NULL);
	tell(listener, BERTH_BUILD_STARTED, 2, NULL);
	tell(listener, BERTH_BUILD_STARTED, 3, NULL);
	tell(listener, BERTH_BUILD_LOG, 3, "later\n");
	tell(listener, BERTH_BUILD_DONE, 3, NULL);
	tell(listener, BERTH_BUILD_LOG, 2, "hello\n");
	if (strcmp(target, "slow") == 0) {
		wait_for_cancel(builder, listener);
		return berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
	}
	if (strcmp(target, "agent") == 0 && !use_agent(request, error))
		return false;
	if (strcmp(target, "fail") == 0) {
		tell(listener, BERTH_BUILD_FAILED, 2, FAILURE);
		return berth_error_set(error, BERTH_ERROR_INVALID, "failed to solve: " FAILURE);
	}
	tell(listener, BERTH_BUILD_DONE, 2, NULL);
	return true;
}

bool berth_build(struct berth_builder *builder, const struct berth_build_request *request,
		 const struct berth_build_listener *listener, struct berth_build_result *ret, GError **error)
{
	g_autofree char *about = describe(request);

	fake_note(builder->engine, "%s", about);
	if (request->target && strcmp(request->target, "bad") == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "dockerfile parse error on line 1: x");
	if (!build(builder, request, listener, error))
		return false;
	for (size_t i = 0; i < request->output_count; i++)
		if (request->outputs[i].fd >= 0 &&
		    !berth_write_all(request->outputs[i].fd, "bytes\n", 6, "an output", error))
			return false;
	ret->image = g_strdup(IMAGE);
	return true;
}

void berth_build_result_clear(struct berth_build_result *result)
{
	g_free(result->image);
	*result = (struct berth_build_result){0};
}

GPtrArray *berth_builder_cache_list(G_GNUC_UNUSED struct berth_builder *builder, G_GNUC_UNUSED GError **error)
{
	GPtrArray *records = g_ptr_array_new();
	struct api_build_cache *record = berth_document_new(&api_build_cache_document);

	record->id = g_strdup("record1");
	record->type = g_strdup("regular");
	record->size = 1000;
	record->parents = g_strsplit("record0", " ", -1);
	g_ptr_array_add(records, record);
	return records;
}

bool berth_builder_prune(struct berth_builder *builder, const struct berth_build_prune *prune, char ***ret_ids,
			 int64_t *ret_bytes, G_GNUC_UNUSED GError **error)
{
	fake_note(builder->engine, "prune %d %d %d %d %d", prune->all, (int) prune->keep_bytes,
		  (int) prune->max_used_bytes, (int) prune->min_free_bytes,
		  prune->filters ? (int) g_hash_table_size(prune->filters) : 0);
	*ret_ids = g_strsplit("record1", " ", -1);
	*ret_bytes = 1000;
	return true;
}

bool berth_builder_mount_export(struct berth_builder *builder, const char *id, const char *space,
				bool (*write)(void *data, const void *bytes, size_t length), void *data, GError **error)
{
	fake_note(builder->engine, "export %s %s", id, space ? space : "-");
	if (g_str_equal(id, "missing"))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such cache mount: %s", id);
	return write(data, "bytes\n", 6);
}

bool berth_builder_mount_import(struct berth_builder *builder, const char *id, const char *space,
				G_GNUC_UNUSED int archive, G_GNUC_UNUSED GError **error)
{
	fake_note(builder->engine, "import %s %s", id, space ? space : "-");
	return true;
}

bool berth_build_is_kept(G_GNUC_UNUSED struct berth_builder *builder, const char *failed_step)
{
	return g_str_equal(failed_step, "kept");
}

bool berth_build_resize(struct berth_builder *builder, const char *failed_step, unsigned height, unsigned width,
			G_GNUC_UNUSED GError **error)
{
	fake_note(builder->engine, "resize %s %ux%u", failed_step, width, height);
	return true;
}

bool berth_build_debug(struct berth_builder *builder, const char *failed_step, const struct berth_build_debug *debug,
		       int *ret_exit_code, G_GNUC_UNUSED GError **error)
{
	fake_note(builder->engine, "debug %s %d %d", failed_step, debug->height, debug->width);
	*ret_exit_code = 0;
	return true;
}
