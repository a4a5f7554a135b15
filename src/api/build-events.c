// SPDX-License-Identifier: Apache-2.0
// A build as events: a line of JSON for each, and outputs among them as they are written.
#include "api/build-stream-internal.h"
#include "base/error.h"
#include "base/fd.h"
#include "spec/api-build.h"

#include <fcntl.h>
#include <string.h>

#define OUTPUT_BLOCK (256 << 10)
#define THREAD_STACK (256 << 10)

struct output {
	struct berth_build_stream *stream;
	unsigned number;
	int fd; // that is read
	pthread_t thread;
};

static const char *const kinds[] = {
	[BERTH_BUILD_INSTRUCTION] = "instruction",
	[BERTH_BUILD_PLANNED] = "planned",
	[BERTH_BUILD_STARTED] = "started",
	[BERTH_BUILD_LOG] = "log",
	[BERTH_BUILD_STATUS] = "status",
	[BERTH_BUILD_CACHED] = "cached",
	[BERTH_BUILD_DONE] = "done",
	[BERTH_BUILD_FAILED] = "failed",
	[BERTH_BUILD_CANCELED] = "canceled",
	[BERTH_BUILD_WARNING] = "warning",
	[BERTH_BUILD_DEBUG] = "debug",
};

static void put_line(struct berth_build_stream *stream, const struct api_build_event *line)
{
	g_autofree char *text =
		berth_document_print_text(&api_build_event_document, line, berth_request_version(stream->request));
	g_autofree char *whole = g_strconcat(text, "\n", NULL);

	berth_build_stream__put(stream, whole, strlen(whole));
}

static json_t *print_inputs(const struct berth_build_event *event)
{
	json_t *inputs = event->input_count > 0 ? json_array() : NULL;

	for (size_t i = 0; i < event->input_count; i++)
		json_array_append_new(inputs, json_integer(event->inputs[i]));
	return inputs;
}

#define TEXT(value) ((char *) (uintptr_t) (value))
void berth_build_events__event(struct berth_build_stream *stream, const struct berth_build_event *event)
{
	bool is_log = event->kind == BERTH_BUILD_LOG;
	g_autofree char *text = !event->text ? NULL
				: is_log     ? g_utf8_make_valid(event->text, (gssize) event->length)
					     : g_utf8_make_valid(event->text, -1);
	struct api_build_event line = {
		.kind = TEXT(kinds[event->kind]),
		.vertex = event->kind == BERTH_BUILD_INSTRUCTION ? BERTH_UNSET : event->vertex,
		.name = event->kind == BERTH_BUILD_DEBUG ? NULL : TEXT(event->name),
		.failed_step = event->kind == BERTH_BUILD_DEBUG ? TEXT(event->name) : NULL,
		.digest = TEXT(event->digest),
		.stage = TEXT(event->stage),
		.image = TEXT(event->image),
		.position = event->position,
		.positions = event->positions,
		.inputs = print_inputs(event),
		.line = event->line,
		.last_line = event->last_line,
		.stream = event->stream,
		.text = text,
		.current = event->current,
		.total = event->total,
		.at = event->at ? event->at : g_get_real_time() * 1000,
	};

	put_line(stream, &line);
	if (line.inputs)
		json_decref(line.inputs);
}

static void *read_output(void *data)
{
	struct output *output = data;
	g_autofree char *block = g_malloc(OUTPUT_BLOCK);
	ssize_t count;

	while ((count = read(output->fd, block, OUTPUT_BLOCK)) > 0 || (count < 0 && errno == EINTR)) {
		if (count < 0)
			continue;
		pthread_mutex_lock(&output->stream->lock);
		put_line(output->stream, &(struct api_build_event){.kind = TEXT("output"),
								   .vertex = BERTH_UNSET,
								   .output = output->number,
								   .bytes = count});
		berth_build_stream__put(output->stream, block, (size_t) count);
		pthread_mutex_unlock(&output->stream->lock);
	}
	return NULL;
}

static void output_free(void *data)
{
	struct output *output = data;

	berth_fd_clear(&output->fd);
	g_free(output);
}

int berth_build_stream_output(struct berth_build_stream *stream, unsigned number, GError **error)
{
	pthread_attr_t attributes;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0) {
		berth_error_set_errno(error, errno, "making a pipe for an output");
		return -1;
	}
	struct output *output = g_new0(struct output, 1);
	*output = (struct output){stream, number, pair[0], 0};
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	int failure = pthread_create(&output->thread, &attributes, read_output, output);
	pthread_attr_destroy(&attributes);
	if (failure != 0) {
		close(pair[1]);
		output_free(output);
		berth_error_set_errno(error, failure, "starting a thread for an output");
		return -1;
	}
	if (!stream->outputs)
		stream->outputs = g_ptr_array_new_with_free_func(output_free);
	g_ptr_array_add(stream->outputs, output);
	return pair[1];
}

void berth_build_stream_finish_outputs(struct berth_build_stream *stream)
{
	for (guint i = 0; stream->outputs && i < stream->outputs->len; i++)
		pthread_join(((struct output *) stream->outputs->pdata[i])->thread, NULL);
	g_clear_pointer(&stream->outputs, g_ptr_array_unref);
}

void berth_build_events__free(struct berth_build_stream *stream)
{
	berth_build_stream_finish_outputs(stream);
}

void berth_build_events__want(struct berth_build_stream *stream, const char *context)
{
	put_line(stream,
		 &(struct api_build_event){.kind = TEXT("wanted"), .vertex = BERTH_UNSET, .name = TEXT(context)});
}

void berth_build_events__end(struct berth_build_stream *stream, const struct berth_build_result *result)
{
	put_line(stream, &(struct api_build_event){.kind = TEXT("result"),
						   .vertex = BERTH_UNSET,
						   .image = result->image,
						   .digest = result->digest,
						   .answer = result->answer,
						   .metadata = result->metadata});
}

void berth_build_events__fail(struct berth_build_stream *stream, const GError *failure)
{
	int64_t code;
	g_autofree char *command G_GNUC_UNUSED = berth_build_docker__exit(failure->message, &code);

	put_line(stream, &(struct api_build_event){
				 .kind = TEXT("error"), .vertex = BERTH_UNSET, .text = failure->message, .code = code});
}
