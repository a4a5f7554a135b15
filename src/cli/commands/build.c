// SPDX-License-Identifier: Apache-2.0
// `build`.
#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/build/agent.h"
#include "cli/build/context.h"
#include "cli/build/debug.h"
#include "cli/build/output.h"
#include "cli/build/view.h"
#include "cli/build/wanted.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/credentials.h"
#include "cli/style.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_ROWS 24
#define DEFAULT_COLUMNS 80
#define TICK 100 // milliseconds between two looks at the clock
#define BLOCK (64 << 10)

// A build on this side.
struct build {
	struct berth_cli *cli;
	const struct berth_build_options *options;
	struct berth_build_context context;
	GPtrArray *sinks;
	struct berth_build_agents *agents;
	struct berth_build_wanted *wanted;
	struct berth_build_outputs *outputs;
	struct berth_build_view *view;
	char *id;
	struct api_build_event *result; // NULL: none came
	char *failure; // what the engine said
	bool shown; // how it failed was
	bool begun; // an event came
};

// What is seen

static void terminal_size(G_GNUC_UNUSED void *data, unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize size;
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;

	*ret_rows = known && size.ws_row > 0 ? size.ws_row : DEFAULT_ROWS;
	*ret_columns = known && size.ws_col > 0 ? size.ws_col : DEFAULT_COLUMNS;
}

static int64_t real_now(G_GNUC_UNUSED void *data)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

// It answers only: nothing is built.
static bool is_question(const struct berth_build_options *options)
{
	return options->check || !g_str_has_prefix(options->call, "build");
}

static bool find_look(const struct berth_build_options *options, enum berth_build_look *ret, GError **error)
{
	const char *word = options->progress ? options->progress : g_getenv("BUILDKIT_PROGRESS");
	const char *kind = g_getenv("TERM");
	bool terminal = isatty(STDERR_FILENO) && !(kind && strcmp(kind, "dumb") == 0);

	if (options->quiet || is_question(options))
		*ret = BERTH_BUILD_NOTHING;
	else if (!word || !*word || strcmp(word, "auto") == 0)
		*ret = terminal ? BERTH_BUILD_LIVE : BERTH_BUILD_PLAIN;
	else if (strcmp(word, "plain") == 0)
		*ret = BERTH_BUILD_PLAIN;
	else if (strcmp(word, "tty") == 0)
		*ret = BERTH_BUILD_LIVE;
	else if (strcmp(word, "rawjson") == 0)
		*ret = BERTH_BUILD_RAW;
	else if (strcmp(word, "quiet") == 0)
		*ret = BERTH_BUILD_NOTHING;
	else
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid progress mode %s: expected auto, plain, tty, quiet or rawjson", word);
	if (*ret == BERTH_BUILD_LIVE && !isatty(STDERR_FILENO))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "--progress=tty: failed to get console: standard error is no terminal");
	return true;
}

static bool make_view(struct build *this, GError **error)
{
	struct berth_build_view_options options = {.out = stderr, .size = terminal_size, .now = real_now};
	const char *plain = g_getenv("NO_COLOR");

	if (!find_look(this->options, &options.look, error))
		return false;
	options.colours = options.look == BERTH_BUILD_LIVE && !(plain && *plain) &&
			  !(this->cli->colour && strcmp(this->cli->colour, "never") == 0);
	this->view = berth_build_view_new(&options);
	return true;
}

static void on_sent(void *data, int64_t bytes)
{
	berth_build_view_sent(((struct build *) data)->view, bytes);
}

// The stream

static bool read_output(struct build *this, struct berth_answer *answer, const struct api_build_event *event,
			GError **error)
{
	g_autofree char *block = g_malloc(BLOCK);

	for (int64_t left = event->bytes; left > 0;) {
		ssize_t count = berth_answer_read_between(answer, block, (size_t) MIN(left, BLOCK), error);
		if (count == 0)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "the engine left in the middle of an output");
		if (count < 0 || !berth_build_outputs_write(this->outputs, event->output, block, (size_t) count, error))
			return false;
		left -= count;
	}
	return true;
}

// The text of the Dockerfile, for the source around a failure.
static char *source_of(const struct build *this)
{
	gsize size;
	const char *text = this->context.text ? g_bytes_get_data(this->context.text, &size) : NULL;

	return text ? g_strndup(text, size) : NULL;
}

static void end_view(struct build *this, const char *failure)
{
	g_autofree char *source = source_of(this);

	berth_build_view_end(this->view, failure, source,
			     this->context.dockerfile ? this->context.dockerfile : "Dockerfile");
}

// The build waits until the shell is over.
static void enter(struct build *this, const struct api_build_event *event)
{
	const char *failure = event->text ? event->text : "failed";
	g_autoptr(GError) error = NULL;

	end_view(this, failure);
	berth_build_view_error(stderr, failure);
	this->shown = true;
	if (!berth_build_enter(this->cli, event->failed_step, &error))
		fprintf(stderr, "--debug-on-failure: %s\n", error->message);
}

static bool take_event(struct build *this, struct berth_answer *answer, struct api_build_event *event, GError **error)
{
	if (!this->begun && this->agents)
		berth_build_agents_start(this->agents, this->cli, this->id);
	this->begun = true;
	if (strcmp(event->kind, "output") == 0)
		return read_output(this, answer, event, error);
	if (strcmp(event->kind, "wanted") == 0)
		return berth_build_wanted_send(this->wanted, event->name ? event->name : "", error);
	if (strcmp(event->kind, "debug") == 0)
		enter(this, event);
	else if (strcmp(event->kind, "error") == 0)
		this->failure = g_strdup(event->text ? event->text : "failed");
	else if (strcmp(event->kind, "result") == 0)
		this->result = berth_document_copy(&api_build_event_document, event);
	else
		berth_build_view_event(this->view, event);
	return true;
}

static void wait_for_line(struct build *this, struct berth_answer *answer)
{
	struct pollfd fd = {berth_answer_fd(answer), POLLIN, 0};

	while (!berth_answer_has_line(answer) && !berth_answer_ready(answer) && poll(&fd, 1, TICK) == 0)
		berth_build_view_tick(this->view);
}

static bool read_stream(struct build *this, struct berth_answer *answer, GError **error)
{
	GError *failure = NULL;

	for (;;) {
		wait_for_line(this, answer);
		BERTH_AUTO_JSON json_t *line = berth_answer_line(answer, &failure);
		if (!line)
			break;
		g_autoptr(api_build_event) event = berth_document_parse(&api_build_event_document, line, &failure);
		if (!event || !take_event(this, answer, event, &failure))
			break;
	}
	if (!failure && !this->result && !this->failure)
		berth_error_set(&failure, BERTH_ERROR_UNAVAILABLE, "the engine left before the build was over");
	if (!failure)
		return true;
	g_propagate_error(error, failure);
	return false;
}

// The request

static bool request(struct build *this, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/build", NULL, false);
	g_auto(GStrv) proxies = berth_config_proxies(this->cli, berth_client_host(this->cli->client));

	berth_path_add(path, "buildid", this->id);
	berth_build_context_query(&this->context, path);
	if (!berth_build_query(this->options, this->sinks, proxies, path, error))
		return false;
	char *config = berth_registry_config(this->cli);
	const struct berth_call call = {
		.method = "POST",
		.path = path->str,
		.upload = true,
		.produce = berth_build_context_send,
		.produce_data = &this->context,
		.registry_config = config,
		.build_parts = true,
	};
	g_autoptr(berth_answer) answer = berth_client_call(this->cli->client, &call, error);
	berth_secret_free(config);
	return answer && read_stream(this, answer, error);
}

// Results

static bool write_file(const char *path, const char *text, GError **error)
{
	return !path || (text && berth_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, false, error)) ||
	       (!text && berth_error_set(error, BERTH_ERROR_INVALID, "%s: the build has no such result", path));
}

// What was asked instead of building. Status 1 if a check found something.
static int print_answer(const struct build *this, GError **error)
{
	const char *call = this->options->check ? "check" : this->options->call, *answer = this->result->answer;

	if (!answer) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "the engine answered nothing to --call=%s", call);
		return 1;
	}
	g_autofree char *text = berth_style_clean(answer);
	printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
	if (!g_str_has_prefix(call, "check"))
		return 0;
	BERTH_AUTO_JSON json_t *json = *answer == '{' ? json_loads(answer, 0, NULL) : NULL;
	bool clean = json ? json_array_size(json_object_get(json, "warnings")) == 0
			  : g_str_has_prefix(answer, "Check complete, no warnings found.");
	return clean ? 0 : 1;
}

static int conclude(struct build *this, GError **error)
{
	const struct api_build_event *result = this->result;

	if (is_question(this->options))
		return print_answer(this, error);
	if (!write_file(this->options->iidfile, result->image, error) ||
	    !write_file(this->options->metadata_file, result->metadata ? result->metadata : "{}", error))
		return 1;
	bool quiet = this->options->quiet || g_strcmp0(this->options->progress, "quiet") == 0;
	if (quiet && result->image && !berth_build_outputs_use_stdout(this->sinks))
		puts(result->image);
	return 0;
}

static int run(struct build *this, GError **error)
{
	this->wanted = berth_build_wanted_new(this->cli, &this->context, this->id);
	bool done = request(this, error);
	g_autofree char *unread = berth_build_wanted_end(g_steal_pointer(&this->wanted));
	if (this->failure && unread) { // the engine saw no more than that it ended early
		g_free(this->failure);
		this->failure = g_steal_pointer(&unread);
	}

	if (!this->shown)
		end_view(this, this->failure);
	bool success = done && this->result;
	GError *problem = NULL;
	if (!berth_build_outputs_end(g_steal_pointer(&this->outputs), success, &problem) && success) {
		g_propagate_error(error, problem);
		return 1;
	}
	g_clear_error(&problem);
	if (done && this->failure && !this->shown)
		berth_build_view_error(stderr, this->failure);
	return success ? conclude(this, error) : 1;
}

static void build_clear(struct build *this)
{
	berth_build_agents_free(this->agents);
	if (this->outputs)
		berth_build_outputs_end(this->outputs, false, NULL);
	g_clear_pointer(&this->view, berth_build_view_free);
	g_clear_pointer(&this->sinks, g_ptr_array_unref);
	berth_build_context_clear(&this->context);
	api_build_event_free(this->result);
	g_free(this->failure);
	g_free(this->id);
}

static int build_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	struct build this = {.cli = cli, .options = data, .context = {.folder = -1}, .id = g_uuid_string_random()};
	GError *failure = NULL;
	int status = 1;

	if (this.options->iidfile)
		unlink(this.options->iidfile);
	bool fine = berth_build_check(this.options, &failure) &&
		    (this.sinks = berth_build_sinks(this.options, &failure)) &&
		    berth_build_context_open(&this.context, this.options, arguments[0], &failure);
	if (fine)
		this.agents = berth_build_agents_new(this.options->ssh, &failure);
	if (!failure && make_view(&this, &failure) && (this.outputs = berth_build_outputs_new(this.sinks, &failure))) {
		this.context.progress = on_sent;
		this.context.data = &this;
		// What is asked about is answered without a cache, and what is built anew needs every file.
		this.context.lists = !this.options->no_cache && !is_question(this.options);
		status = run(&this, &failure);
	}
	build_clear(&this);
	if (failure)
		g_propagate_error(error, failure);
	return status;
}

const struct berth_command berth_command_build = {
	.arguments = "PATH | URL | -",
	.summary = "Build an image from a Dockerfile",
	.description =
		"The context is a folder, an archive or a Dockerfile on standard input (\"-\"), or the address of an "
		"archive, a Dockerfile or a git repository. What .dockerignore names is not sent.",
	.flags = berth_build_flags,
	.options_size = sizeof(struct berth_build_options),
	.min_arguments = 1,
	.max_arguments = 1,
	.main = build_main,
};
