// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-output.h"

#include "base/limits.h"
#include "base/moment.h"
#include "monitor/log-process.h"

#define FILE_PATIENCE 30000 // milliseconds for a slow disk at the end; the container has ended, but is not told to have

enum { FILES, TARGET, PROCESSES };

struct berth_log_output {
	const struct berth_monitor_settings *settings;
	struct berth_log_output_setup setup;
	struct berth_log_writer *writer; // NULL: this process writes no files
	struct berth_log_process *processes[PROCESSES]; // NULL: not needed
	unsigned ending; // processes that have not ended
	bool failed; // the last write; one of a series is told of
};

static enum berth_log_format format_of(const struct berth_monitor_settings *settings)
{
	return g_strcmp0(settings->log_format, "local") == 0 ? BERTH_LOG_LOCAL : BERTH_LOG_JSON;
}

struct berth_log_writer *berth_log_settings_open(const struct berth_monitor_settings *settings, GError **error)
{
	const struct berth_log_file_options options = {
		.format = format_of(settings),
		.max_size = settings->log_max_size,
		.max_file = settings->log_max_file,
		.compress = settings->log_compress,
		.attributes = settings->log_attributes,
	};

	return berth_log_writer_open(settings->log_path, &options, error);
}

static void process_has_room(void *data)
{
	struct berth_log_output *output = data;
	output->setup.has_room(output->setup.data);
}

static void process_warns(void *data, const char *message)
{
	struct berth_log_output *output = data;
	output->setup.warn(output->setup.data, message);
}

static void process_ended(void *data)
{
	struct berth_log_output *output = data;

	if (--output->ending == 0)
		output->setup.ended(output->setup.data);
}

static bool start_process(struct berth_log_output *output, int which, struct berth_loop *loop, GError **error)
{
	const struct berth_monitor_settings *settings = output->settings;
	bool async = which == TARGET && settings->log_target->async;
	struct berth_log_process_setup setup = {
		.settings = settings,
		.file = which == FILES,
		.target = which == TARGET,
		.limit = BERTH_LIMIT_LOG_QUEUE,
		.limit_lines = async ? settings->log_target->buffer_limit : 0,
		.never_waits = settings->log_never_waits || async,
		.has_room = process_has_room,
		.warn = process_warns,
		.ended = process_ended,
		.data = output,
	};

	if (settings->log_never_waits)
		setup.limit = CLAMP(settings->log_buffer, 1, BERTH_LIMIT_LOG_ASYNC);
	else if (async)
		setup.limit = BERTH_LIMIT_LOG_ASYNC;
	output->processes[which] = berth_log_process_start(loop, &setup, error);
	return output->processes[which];
}

struct berth_log_output *berth_log_output_new(struct berth_loop *loop, const struct berth_monitor_settings *settings,
					      const struct berth_log_output_setup *setup, GError **error)
{
	struct berth_log_output *output = g_new0(struct berth_log_output, 1);
	bool file = settings->log_path && *settings->log_path;

	output->settings = settings;
	output->setup = *setup;
	bool ok = (!settings->log_target || start_process(output, TARGET, loop, error)) &&
		  (!file || !settings->log_never_waits || start_process(output, FILES, loop, error));
	if (ok && file && !settings->log_never_waits) {
		output->writer = berth_log_settings_open(settings, error);
		ok = output->writer;
	}
	if (!ok)
		g_clear_pointer(&output, berth_log_output_free);
	return output;
}

bool berth_log_output_has_room(const struct berth_log_output *output)
{
	for (int i = 0; i < PROCESSES; i++)
		if (output->processes[i] && !berth_log_process_has_room(output->processes[i]))
			return false;
	return true;
}

void berth_log_output_add(struct berth_log_output *output, int stream, const void *data, size_t length)
{
	int64_t now = berth_moment_now();
	g_autoptr(GError) error = NULL;

	if (output->writer) {
		bool written = berth_log_writer_add(output->writer, stream, data, length, now, &error);
		if (!written && !output->failed)
			output->setup.warn(output->setup.data, error->message);
		output->failed = !written;
	}
	for (int i = 0; i < PROCESSES; i++)
		if (output->processes[i])
			berth_log_process_add(output->processes[i], stream, data, length, now);
}

void berth_log_output_end(struct berth_log_output *output)
{
	g_autoptr(GError) error = NULL;

	if (output->writer && !berth_log_writer_flush(output->writer, &error))
		output->setup.warn(output->setup.data, error->message);
	for (int i = 0; i < PROCESSES; i++)
		output->ending += output->processes[i] != NULL;
	if (output->ending == 0) {
		output->setup.ended(output->setup.data);
		return;
	}
	for (int i = 0; i < PROCESSES; i++)
		if (output->processes[i])
			berth_log_process_end(output->processes[i], FILE_PATIENCE);
}

uint64_t berth_log_output_lost(const struct berth_log_output *output)
{
	uint64_t lost = 0;

	for (int i = 0; i < PROCESSES; i++)
		lost += output->processes[i] ? berth_log_process_lost(output->processes[i]) : 0;
	return lost;
}

struct berth_log_reader *berth_log_output_read(const struct berth_log_output *output, bool out, bool err,
					       GError **error)
{
	const struct berth_log_query query = {.format = format_of(output->settings),
					      .out = out,
					      .err = err,
					      .tail = -1,
					      .follow = true,
					      .patience = -1};

	return output->writer ? berth_log_reader_open(output->settings->log_path, &query, error) : NULL;
}

const uint8_t *berth_log_output_pending(const struct berth_log_output *output, int stream, size_t *ret_length)
{
	return berth_log_writer_pending(output->writer, stream, ret_length);
}

void berth_log_output_free(struct berth_log_output *output)
{
	if (!output)
		return;
	for (int i = 0; i < PROCESSES; i++)
		berth_log_process_free(output->processes[i]);
	berth_log_writer_free(output->writer);
	g_free(output);
}
