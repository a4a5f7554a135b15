// SPDX-License-Identifier: Apache-2.0
#include "cli/build/output.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/tar-read.h"
#include "cli/extract.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct target {
	const struct berth_build_sink *sink; // NULL destination: nothing comes
	int fd; // -1: none
	char *part; // name of the file until it is whole; NULL: as it is
	pid_t pid; // of who unpacks; 0: nobody
};

struct berth_build_outputs {
	GArray *targets; // of struct target, one for each sink
};

static bool is_stdout(const struct berth_build_sink *sink)
{
	return g_strcmp0(sink->destination, "-") == 0;
}

bool berth_build_outputs_use_stdout(const GPtrArray *sinks)
{
	for (guint i = 0; i < sinks->len; i++)
		if (is_stdout(sinks->pdata[i]))
			return true;
	return false;
}

static gssize read_pipe(void *data, void *buffer, size_t size, GError **error)
{
	const int *fd = data;
	ssize_t count;

	do
		count = read(*fd, buffer, size);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		berth_error_set_errno(error, errno, "reading the output");
	return count;
}

// In a process of its own.
static bool unpack(int from, int folder, GError **error)
{
	const struct berth_copy_plan plan = {0};
	const struct berth_extract extract = {.folder = folder, .plan = &plan, .owners = geteuid() == 0};
	g_autoptr(berth_tar_reader) reader = berth_tar_reader_new(read_pipe, &from);

	return berth_extract(reader, &extract, error) && berth_tar_reader_drain(reader, error);
}

static bool start_unpacking(struct target *target, GError **error)
{
	const char *path = target->sink->destination;
	int pair[2];

	if (g_mkdir_with_parents(path, 0777) < 0)
		return berth_error_set_errno(error, errno, "--output %s", path);
	berth_fd folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return berth_error_set_errno(error, errno, "--output %s", path);
	fflush(NULL);
	target->pid = fork();
	if (target->pid == 0) {
		g_autoptr(GError) failure = NULL;
		close(pair[1]);
		bool done = unpack(pair[0], folder, &failure);
		if (!done)
			fprintf(stderr, "berth: --output %s: %s\n", path, failure->message);
		_exit(done ? 0 : 1);
	}
	close(pair[0]);
	target->fd = pair[1];
	return target->pid > 0 || berth_error_set_errno(error, errno, "starting a process");
}

static bool open_file(struct target *target, GError **error)
{
	const char *path = target->sink->destination;
	struct stat status;

	if (is_stdout(target->sink)) {
		if (isatty(STDOUT_FILENO))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "--output: dest file is required for %s exporter. refusing to write to "
					       "console",
					       target->sink->type);
		target->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
		target->fd = open(path, O_WRONLY | O_CLOEXEC); // a pipe, a device
	} else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		return berth_error_set(error, BERTH_ERROR_INVALID, "--output: destination file %s is a directory",
				       path);
	} else {
		target->part = g_strdup_printf("%s.part-%d", path, (int) getpid());
		target->fd = open(target->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	}
	return target->fd >= 0 || berth_error_set_errno(error, errno, "--output %s", path);
}

struct berth_build_outputs *berth_build_outputs_new(const GPtrArray *sinks, GError **error)
{
	struct berth_build_outputs *outputs = g_new0(struct berth_build_outputs, 1);

	outputs->targets = g_array_new(FALSE, TRUE, sizeof(struct target));
	for (guint i = 0; i < sinks->len; i++) {
		struct target target = {.sink = sinks->pdata[i], .fd = -1};
		bool fine = !target.sink->destination ||
			    (target.sink->unpack ? start_unpacking : open_file)(&target, error);
		g_array_append_val(outputs->targets, target);
		if (fine)
			continue;
		berth_build_outputs_end(outputs, false, NULL);
		return NULL;
	}
	return outputs;
}

bool berth_build_outputs_write(struct berth_build_outputs *outputs, int64_t number, const void *bytes, size_t length,
			       GError **error)
{
	const struct target *target = number >= 0 && number < outputs->targets->len
					      ? &g_array_index(outputs->targets, struct target, number)
					      : NULL;

	if (!target || target->fd < 0)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "the engine sent an output that was not asked for");
	return berth_write_all(target->fd, bytes, length, target->sink->destination, error);
}

static bool end_target(struct target *target, bool success, GError **error)
{
	int status = 0;
	bool fine = true;

	if (target->pid > 0) {
		while (waitpid(target->pid, &status, 0) < 0 && errno == EINTR)
			;
		fine = (WIFEXITED(status) && WEXITSTATUS(status) == 0) || !success ||
		       berth_error_set(error, BERTH_ERROR_INTERNAL, "--output %s: was not unpacked as a whole",
				       target->sink->destination);
	}
	if (target->part && success && rename(target->part, target->sink->destination) < 0)
		fine = berth_error_set_errno(error, errno, "--output %s", target->sink->destination);
	else if (target->part && !success)
		unlink(target->part);
	g_clear_pointer(&target->part, g_free);
	return fine;
}

bool berth_build_outputs_end(struct berth_build_outputs *outputs, bool success, GError **error)
{
	bool fine = true;

	// All of them first: a process that unpacks has the ends of the pipes of those before it, and they end after
	// it.
	for (guint i = 0; i < outputs->targets->len; i++)
		berth_fd_clear(&g_array_index(outputs->targets, struct target, i).fd);
	for (guint i = 0; i < outputs->targets->len; i++) {
		struct target *target = &g_array_index(outputs->targets, struct target, i);
		fine = end_target(target, success && fine, fine ? error : NULL) && fine;
	}
	g_array_unref(outputs->targets);
	g_free(outputs);
	return fine;
}
