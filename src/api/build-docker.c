// SPDX-License-Identifier: Apache-2.0
// A build in the words of Docker's classic builder, on which clients look: "Step 1/3 : FROM busybox", " ---> Running
// in", " ---> Using cache", "Successfully built". What of a step comes before its turn waits for it.
#include "api/build-stream-internal.h"
#include "base/limits.h"

#include <string.h>

#define SHORT_ID 12 // digits

// An instruction. Those that change no files are no vertex of the build.
struct step {
	char *text, *digest, *image;
	int line; // its first
	GString *log; // that waits
	bool cut; // it was too much
	bool vertex; // there is one; else it is done when its turn comes
	bool started, cached, ended;
	bool announced; // the stream has its headline
};

static void step_free(void *data)
{
	struct step *step = data;

	g_free(step->text);
	g_free(step->digest);
	g_free(step->image);
	g_string_free(step->log, TRUE);
	g_free(step);
}

void berth_build_docker__free(struct berth_build_stream *stream)
{
	g_clear_pointer(&stream->steps, g_ptr_array_unref);
	g_clear_pointer(&stream->vertices, g_hash_table_unref);
}

static char *short_id(const char *id)
{
	const char *colon = id ? strchr(id, ':') : NULL;

	return g_strndup(colon ? colon + 1 : id ? id : "", SHORT_ID);
}

static bool is_step(const struct step *step, const char *word)
{
	return g_ascii_strncasecmp(step->text, word, strlen(word)) == 0;
}

static void say_log(struct berth_build_stream *stream, const char *text, size_t length)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize) length);

	berth_build_stream__progress(stream, &(struct api_progress){.stream = valid});
}

static void announce(struct berth_build_stream *stream, struct step *step)
{
	g_autofree char *id = short_id(step->digest);

	if (step->announced)
		return;
	step->announced = true;
	berth_build_stream__say(stream, "Step %u/%u : %s", stream->current + 1, stream->steps->len, step->text);
	berth_build_stream__say(stream, "\n");
	if (is_step(step, "RUN ") && !step->cached)
		berth_build_stream__say(stream, " ---> Running in %s\n", id);
}

static void conclude(struct berth_build_stream *stream, const struct step *step)
{
	g_autofree char *digest = short_id(step->digest), *id = short_id(step->image ? step->image : step->digest);

	if (step->cached && !is_step(step, "FROM "))
		berth_build_stream__say(stream, " ---> Using cache\n");
	else if (is_step(step, "RUN "))
		berth_build_stream__say(stream, " ---> Removed intermediate container %s\n", digest);
	if (*id)
		berth_build_stream__say(stream, " ---> %s\n", id);
}

// Tells what is known of the current step, and of those behind it that have ended meanwhile.
static void advance(struct berth_build_stream *stream)
{
	while (stream->steps && stream->current < stream->steps->len) {
		struct step *step = stream->steps->pdata[stream->current];
		if (step->vertex && !step->started && !step->ended)
			return;
		announce(stream, step);
		if (step->log->len > 0)
			say_log(stream, step->log->str, step->log->len);
		g_string_truncate(step->log, 0);
		if (step->cut)
			berth_build_stream__say(stream, "[what it printed beyond %d bytes is left out]\n",
						BERTH_LIMIT_BUILD_STEP_LOG);
		step->cut = false;
		if (step->vertex && !step->ended)
			return;
		conclude(stream, step);
		stream->current++;
	}
}

static void add_step(struct berth_build_stream *stream, const struct berth_build_event *event)
{
	struct step *step = g_new0(struct step, 1);

	step->text = g_strndup(event->text, event->length);
	step->line = event->line;
	step->log = g_string_new(NULL);
	if (!stream->steps)
		stream->steps = g_ptr_array_new_with_free_func(step_free);
	g_ptr_array_add(stream->steps, step);
}

// The step that a vertex is of, by its line; of several platforms they are the same.
static void add_vertex(struct berth_build_stream *stream, const struct berth_build_event *event)
{
	if (!stream->vertices)
		stream->vertices = g_hash_table_new(NULL, NULL);
	for (guint i = 0; event->line > 0 && stream->steps && i < stream->steps->len; i++) {
		struct step *step = stream->steps->pdata[i];
		if (step->line != event->line)
			continue;
		step->vertex = true;
		g_free(step->digest);
		step->digest = g_strdup(event->digest);
		g_hash_table_insert(stream->vertices, GUINT_TO_POINTER(event->vertex), step);
	}
}

static void add_log(struct step *step, const struct berth_build_event *event)
{
	if (step->log->len + event->length <= BERTH_LIMIT_BUILD_STEP_LOG)
		g_string_append_len(step->log, event->text, (gssize) event->length);
	else
		step->cut = true;
}

void berth_build_docker__event(struct berth_build_stream *stream, const struct berth_build_event *event)
{
	if (event->kind == BERTH_BUILD_INSTRUCTION)
		add_step(stream, event);
	if (event->kind == BERTH_BUILD_PLANNED)
		add_vertex(stream, event);
	struct step *step =
		stream->vertices ? g_hash_table_lookup(stream->vertices, GUINT_TO_POINTER(event->vertex)) : NULL;
	if (!step || event->kind == BERTH_BUILD_INSTRUCTION || event->kind == BERTH_BUILD_PLANNED ||
	    event->kind == BERTH_BUILD_WARNING || event->kind == BERTH_BUILD_DEBUG)
		return;
	if (event->image) {
		g_free(step->image);
		step->image = g_strdup(event->image);
	}
	if (event->kind == BERTH_BUILD_LOG)
		add_log(step, event);
	step->started = step->started || event->kind == BERTH_BUILD_STARTED || event->kind == BERTH_BUILD_LOG;
	step->cached = step->cached || event->kind == BERTH_BUILD_CACHED;
	step->ended = step->ended || event->kind == BERTH_BUILD_CACHED || event->kind == BERTH_BUILD_DONE;
	advance(stream);
}

void berth_build_docker__end(struct berth_build_stream *stream, const struct berth_build_result *result,
			     char *const *tags)
{
	g_autofree char *id = short_id(result->image);

	if (stream->manner == BERTH_BUILD_DOCKER)
		advance(stream);
	if (!result->image)
		return;
	if (stream->manner == BERTH_BUILD_QUIET) {
		berth_build_stream__say(stream, "%s\n", result->image);
		return;
	}
	struct api_progress progress = {.aux = json_pack("{s:s}", "ID", result->image)};
	berth_build_stream__progress(stream, &progress);
	json_decref(progress.aux);
	berth_build_stream__say(stream, "Successfully built %s\n", id);
	for (; tags && *tags; tags++) {
		struct berth_image_name name = {0};
		if (!berth_image_name_parse(*tags, &name, NULL))
			continue;
		g_autofree char *familiar = berth_image_name_familiar(&name);
		berth_image_name_clear(&name);
		berth_build_stream__say(stream, "Successfully tagged %s\n", familiar);
	}
}

#define PROCESS "process \""
#define FAILED "\" did not complete successfully: exit code: "
char *berth_build_docker__exit(const char *message, int64_t *ret_code)
{
	const char *start = strstr(message, PROCESS), *end = start ? strstr(start, FAILED) : NULL;

	*ret_code = 0;
	if (!end)
		return NULL;
	*ret_code = g_ascii_strtoll(end + strlen(FAILED), NULL, 10);
	start += strlen(PROCESS);
	return g_strndup(start, (gsize) (end - start));
}

// Steps that failed, and those that ran beside them, have their say first.
static void tell_rest(struct berth_build_stream *stream)
{
	for (guint i = 0; stream->steps && i < stream->steps->len; i++) {
		struct step *step = stream->steps->pdata[i];
		if (!step->started || (step->ended && i < stream->current))
			continue;
		stream->current = i;
		announce(stream, step);
		if (step->log->len > 0)
			say_log(stream, step->log->str, step->log->len);
		g_string_truncate(step->log, 0);
	}
}

void berth_build_docker__fail(struct berth_build_stream *stream, const GError *failure)
{
	int64_t code;
	g_autofree char *command = berth_build_docker__exit(failure->message, &code);
	g_autofree char *text =
		command ? g_strdup_printf("The command '%s' returned a non-zero code: %" G_GINT64_FORMAT, command, code)
			: g_strdup(failure->message);
	struct api_error_detail detail = {.message = text, .code = code};

	tell_rest(stream);
	berth_build_stream__progress(stream, &(struct api_progress){.error = text, .error_detail = &detail});
}
