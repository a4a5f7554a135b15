// SPDX-License-Identifier: Apache-2.0
// Logs of several containers as one: a process for each of them asks the engine, and what they read is put together
// here, by the lines' times.
#include "cli/commands/logs-merge.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/style.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CHUNK (64 << 10)
#define TOGETHER 50 // milliseconds that a line waits for an older one of another container, where they are followed

// One stream of one container.
struct source {
	unsigned container;
	int stream;
	int fd; // -1: it has ended
	GString *text; // lines that are not printed yet
	size_t done; // of it
};

struct merge {
	const struct berth_logs_merge *options;
	struct source *sources;
	unsigned count;
	int width; // of the longest name
};

// The next line of a source, its newline not included; NULL if none is whole.
static const char *head(const struct source *source, size_t *ret_length)
{
	const char *begin = source->text->str + source->done;
	size_t left = source->text->len - source->done;
	const char *newline = left > 0 ? memchr(begin, '\n', left) : NULL;

	if (left == 0 || (!newline && source->fd >= 0))
		return NULL;
	*ret_length = newline ? (size_t) (newline - begin) : left;
	return begin;
}

// Times have one width, so they compare as text.
static struct source *oldest(const struct merge *merge)
{
	struct source *found = NULL;
	const char *first = NULL;
	size_t first_length = 0, length;

	for (unsigned i = 0; i < merge->count; i++) {
		const char *line = head(&merge->sources[i], &length);
		if (line && (!found || strncmp(line, first, MIN(length, first_length)) < 0)) {
			found = &merge->sources[i];
			first = line;
			first_length = length;
		}
	}
	return found;
}

// Takes the next word off a line.
static char *take_word(const char **line, size_t *length)
{
	const char *blank = memchr(*line, ' ', *length);
	size_t word = blank ? (size_t) (blank - *line) : *length;
	char *taken = g_strndup(*line, word);

	*line += word + (blank != NULL);
	*length -= word + (blank != NULL);
	return taken;
}

static void print_json(const char *name, const char *time, const char *details, int stream, const char *text,
		       size_t length)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize) length);
	BERTH_AUTO_JSON json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "container", name, "stream",
						 stream == 2 ? "stderr" : "stdout", "time", time, "log", valid);

	if (details)
		json_object_set_new(line, "details", json_string(details));
	g_autofree char *printed = berth_json_text(line);
	puts(printed);
}

static void print_line(const struct merge *merge, struct source *source)
{
	static const char *const colours[] = {BERTH_CYAN, BERTH_YELLOW, BERTH_GREEN, BERTH_MAGENTA, BERTH_BLUE};
	const struct berth_logs_merge *options = merge->options;
	const char *name = options->names[source->container];
	size_t length = 0, whole;
	const char *line = head(source, &length);

	whole = length + (source->text->len - source->done > length);
	g_autofree char *time = take_word(&line, &length);
	g_autofree char *details = options->details ? take_word(&line, &length) : NULL;
	if (options->json) {
		print_json(name, time, details, source->stream, line, length);
	} else {
		FILE *out = source->stream == 2 ? stderr : stdout;
		g_autofree char *padded = g_strdup_printf("%-*s |", merge->width, name);
		g_autofree char *prefix =
			berth_style_paint(options->colours, colours[source->container % G_N_ELEMENTS(colours)], padded);
		fprintf(out, "%s %s%s%s%s%.*s\n", prefix, options->timestamps ? time : "",
			options->timestamps ? " " : "", details ? details : "", details ? " " : "", (int) length, line);
	}
	source->done += whole;
	if (source->done == source->text->len) {
		g_string_truncate(source->text, 0);
		source->done = 0;
	}
}

static void fill(struct source *source)
{
	char buffer[CHUNK];
	ssize_t count = read(source->fd, buffer, sizeof buffer);

	if (count < 0 && errno == EINTR)
		return;
	if (count <= 0) {
		berth_fd_clear(&source->fd);
		return;
	}
	g_string_erase(source->text, 0, (gssize) source->done);
	source->done = 0;
	g_string_append_len(source->text, buffer, count);
}

// Reads from those of whom the next line is not known. Returns how many there are; *ret_read: something was read.
static unsigned read_headless(struct merge *merge, bool *ret_read)
{
	g_autofree struct pollfd *polled = g_new0(struct pollfd, merge->count);
	unsigned headless = 0;
	size_t length;

	for (unsigned i = 0; i < merge->count; i++) {
		bool wanted = merge->sources[i].fd >= 0 && !head(&merge->sources[i], &length);
		polled[i] = (struct pollfd){wanted ? merge->sources[i].fd : -1, POLLIN, 0};
		headless += wanted;
	}
	*ret_read = false;
	if (headless == 0)
		return 0;
	bool patient = !merge->options->follow || !oldest(merge);
	if (patient)
		fflush(stdout);
	if (poll(polled, merge->count, patient ? -1 : TOGETHER) > 0)
		for (unsigned i = 0; i < merge->count; i++)
			if (polled[i].revents) {
				fill(&merge->sources[i]);
				*ret_read = true;
			}
	return headless;
}

static void put_together(struct merge *merge)
{
	for (;;) {
		bool read;
		unsigned headless = read_headless(merge, &read);
		struct source *source = oldest(merge);
		if (!source && headless == 0)
			return;
		// While more comes an older line may be among it; where nothing does, nobody waits for it.
		if (source && (headless == 0 || (merge->options->follow && !read)))
			print_line(merge, source);
	}
}

// Starts the process that reads one container's log.
static pid_t start(struct merge *merge, unsigned container, GError **error)
{
	struct source *sources = &merge->sources[2 * container];
	int pipes[2][2];

	for (int i = 0; i < 2; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return berth_error_set_errno(error, errno, "make a pipe"), -1;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		g_autoptr(GError) failure = NULL;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		bool copied = merge->options->copy(merge->options->data, merge->options->names[container], pipes[0][1],
						   pipes[1][1], &failure);
		if (!copied)
			fprintf(stderr, "%s: %s\n", merge->options->names[container], failure->message);
		_exit(copied ? 0 : 1);
	}
	for (int i = 0; i < 2; i++) {
		close(pipes[i][1]);
		sources[i] = (struct source){container, i + 1, pipes[i][0], g_string_new(NULL), 0};
	}
	return pid < 0 ? (berth_error_set_errno(error, errno, "start a process"), -1) : pid;
}

int berth_logs_merge(const struct berth_logs_merge *options, GError **error)
{
	unsigned containers = g_strv_length(options->names);
	struct merge merge = {.options = options, .count = 2 * containers};
	g_autofree pid_t *pids = g_new0(pid_t, containers);
	int status = 0;
	bool started = true;

	merge.sources = g_new0(struct source, merge.count);
	for (unsigned i = 0; i < merge.count; i++)
		merge.sources[i] = (struct source){.fd = -1, .text = g_string_new(NULL)};
	for (unsigned i = 0; started && i < containers; i++) {
		merge.width = MAX(merge.width, (int) strlen(options->names[i]));
		g_string_free(merge.sources[2 * i].text, TRUE);
		g_string_free(merge.sources[2 * i + 1].text, TRUE);
		pids[i] = start(&merge, i, error);
		started = pids[i] > 0;
	}
	if (started)
		put_together(&merge);
	for (unsigned i = 0; i < merge.count; i++) {
		berth_fd_clear(&merge.sources[i].fd);
		g_string_free(merge.sources[i].text, TRUE);
	}
	g_free(merge.sources);
	for (unsigned i = 0; i < containers; i++) {
		int ended = 0;
		if (pids[i] > 0 && waitpid(pids[i], &ended, 0) == pids[i] && ended != 0)
			status = 1;
	}
	return started ? status : 1;
}
