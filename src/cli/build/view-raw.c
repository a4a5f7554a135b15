// SPDX-License-Identifier: Apache-2.0
// A build as lines of JSON in the form of BuildKit's SolveStatus, each of what has changed.
#include "base/json.h"
#include "base/moment.h"
#include "cli/build/view-internal.h"

#include <string.h>

static const char *digest_of(const struct berth_build_vertex *vertex, char *room, size_t size)
{
	if (vertex->digest && *vertex->digest)
		return vertex->digest;
	g_snprintf(room, size, "%d", (int) vertex->id);
	return room;
}

static void set_moment(json_t *json, const char *name, int64_t at)
{
	if (at == 0)
		return;
	char text[BERTH_MOMENT_SIZE];
	berth_moment_format(at, text);
	json_object_set_new(json, name, json_string(text));
}

static json_t *inputs_of(const struct berth_build_view *view, const struct berth_build_vertex *vertex)
{
	json_t *digests = json_array(), *input;
	size_t i;

	json_array_foreach(vertex->inputs, i, input)
	{
		char room[24];
		for (guint j = 0; j < view->vertices->len; j++) {
			const struct berth_build_vertex *other = view->vertices->pdata[j];
			if (other->id == json_integer_value(input))
				json_array_append_new(digests, json_string(digest_of(other, room, sizeof room)));
		}
	}
	return digests;
}

static json_t *print_vertex(const struct berth_build_view *view, const struct berth_build_vertex *vertex)
{
	char room[24];
	json_t *json = json_pack("{s:s, s:s}", "digest", digest_of(vertex, room, sizeof room), "name", vertex->name);

	if (vertex->inputs)
		json_object_set_new(json, "inputs", inputs_of(view, vertex));
	set_moment(json, "started", vertex->started);
	set_moment(json, "completed", vertex->ended);
	if (vertex->cached)
		json_object_set_new(json, "cached", json_true());
	if (vertex->failure || vertex->canceled)
		json_object_set_new(json, "error", json_string(vertex->failure ? vertex->failure : "canceled"));
	return json_pack("{s:[o]}", "vertexes", json);
}

static json_t *print_log(const struct berth_build_vertex *vertex, const struct api_build_event *event)
{
	char room[24];
	const char *text = event->text ? event->text : "";
	g_autofree char *data = g_base64_encode((const guchar *) text, strlen(text));
	char at[BERTH_MOMENT_SIZE];

	berth_moment_format(event->at, at);

	return json_pack("{s:[{s:s, s:I, s:s, s:s}]}", "logs", "vertex", digest_of(vertex, room, sizeof room), "stream",
			 (json_int_t) event->stream, "data", data, "timestamp", at);
}

static json_t *print_status(const struct berth_build_vertex *vertex, const struct api_build_event *event)
{
	char room[24];
	char at[BERTH_MOMENT_SIZE];

	berth_moment_format(event->at, at);

	return json_pack("{s:[{s:s, s:s, s:I, s:I, s:s}]}", "statuses", "id", event->name ? event->name : "", "vertex",
			 digest_of(vertex, room, sizeof room), "current", (json_int_t) event->current, "total",
			 (json_int_t) event->total, "timestamp", at);
}

void berth_build_raw__event(struct berth_build_view *view, const struct berth_build_vertex *vertex,
			    const struct api_build_event *event)
{
	BERTH_AUTO_JSON json_t *json = strcmp(event->kind, "log") == 0      ? print_log(vertex, event)
				       : strcmp(event->kind, "status") == 0 ? print_status(vertex, event)
									    : print_vertex(view, vertex);
	g_autofree char *text = berth_json_text(json);

	fprintf(view->options.out, "%s\n", text);
	fflush(view->options.out);
}
