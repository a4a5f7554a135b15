// SPDX-License-Identifier: Apache-2.0
// `berth top` without a container: a live view of all. It is a program of its own so that no other command loads
// ncurses; berth executes it.
#include "base/flags.h"
#include "cli/context.h"
#include "cli/top/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "command -v bash >/dev/null 2>&1 && exec bash || exec sh"

struct options {
	char *program;
	int64_t delay;
	bool all, colours;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Begin with all containers"},
	{"colours", 0, BERTH_FLAG_SWITCH, AT(colours), NULL, "Use colours"},
	{"delay", 0, BERTH_FLAG_DURATION, AT(delay), NULL, "Time between two samples", "1s"},
	{"program", 0, BERTH_FLAG_TEXT, AT(program), NULL, "Path of berth, for shells"},
	{0},
};

struct program {
	const struct options *options;
	struct top_model *model;
	struct top_view view;
	bool over;
	GString *typed; // a filter that is being typed, or NULL
	bool removing; // the question is asked
};

static void ask(struct program *program, char *question)
{
	g_free(program->view.question);
	program->view.question = question;
}

static void load_log(struct program *program)
{
	g_clear_pointer(&program->view.log, g_strfreev);
	if (program->view.pane == TOP_PANE_LOG)
		program->view.log = top_model_log(program->model);
}

static void sort_by(struct program *program, enum top_sort sort)
{
	program->model->sort = sort;
	top_model_arrange(program->model);
}

// A shell in the selected container has the terminal until it ends.
static void run_shell(struct program *program)
{
	struct top_container *container = top_model_selected(program->model);
	int status = 0;

	if (!container || strcmp(container->state, "running") != 0) {
		g_free(program->model->message);
		program->model->message = g_strdup("a shell needs a container that runs");
		return;
	}
	top_view_leave();
	printf("\nA shell in %s; leave it with exit.\n", container->name);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		execl(program->options->program, "berth", "exec", "-it", container->id, "sh", "-c", SHELL,
		      (char *) NULL);
		fprintf(stderr, "berth top: starting %s: %s\n", program->options->program, g_strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	top_view_return();
	g_free(program->model->message);
	program->model->message = g_strdup_printf("the shell in %s ended with status %d", container->name,
						  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// The filter is being typed.
static void type_filter(struct program *program, int key)
{
	GString *typed = program->typed;

	if (key == TOP_KEY_BACKSPACE && typed->len > 0)
		g_string_truncate(typed, typed->len - 1);
	else if (key >= ' ' && key < 127)
		g_string_append_c(typed, (char) key);
	else if (key == TOP_KEY_UP || key == TOP_KEY_DOWN) // k and j are letters here
		g_string_append_c(typed, key == TOP_KEY_UP ? 'k' : 'j');
	if (key == TOP_KEY_ESCAPE)
		g_string_truncate(typed, 0);
	g_free(program->model->filter);
	program->model->filter = g_strdup(typed->str);
	top_model_arrange(program->model);
	if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE) {
		g_string_free(typed, TRUE);
		program->typed = NULL;
		ask(program, NULL);
	} else {
		ask(program, g_strdup_printf("filter: %s_", typed->str));
	}
}

static void answer_removal(struct program *program, int key)
{
	program->removing = false;
	ask(program, NULL);
	if (key == 'y' || key == 'Y')
		top_model_act(program->model, "DELETE", "?force=1", "removing");
}

static void act(struct program *program, int key)
{
	const struct top_container *container = top_model_selected(program->model);
	bool runs = container && strcmp(container->state, "running") == 0;
	bool paused = container && strcmp(container->state, "paused") == 0;

	if (!container)
		return;
	if (key == 'x')
		top_model_act(program->model, "POST", runs || paused ? "/stop" : "/start",
			      runs || paused ? "stopping" : "starting");
	else if (key == 'r')
		top_model_act(program->model, "POST", "/restart", "restarting");
	else if (key == 'p')
		top_model_act(program->model, "POST", paused ? "/unpause" : "/pause",
			      paused ? "continuing" : "pausing");
	else if (key == 'e')
		run_shell(program);
	else if (key == 'd') {
		program->removing = true;
		ask(program, g_strdup_printf("remove %s with force? [y/N]", container->name));
	}
}

static void move(struct program *program, int key)
{
	int page = top_view_page(&program->view);
	int by = key == TOP_KEY_UP          ? -1
		 : key == TOP_KEY_DOWN      ? 1
		 : key == TOP_KEY_PAGE_UP   ? -page
		 : key == TOP_KEY_PAGE_DOWN ? page
		 : key == TOP_KEY_HOME      ? -G_MAXINT / 2
					    : G_MAXINT / 2;

	top_model_move(program->model, by);
	load_log(program);
}

static void set_pane(struct program *program, enum top_pane pane)
{
	program->view.pane = program->view.pane == pane ? TOP_PANE_NONE : pane;
	load_log(program);
}

static void handle(struct program *program, int key)
{
	struct top_model *model = program->model;
	const char *orders = "CMNIPA", *order = key > 0 && key < 128 ? strchr(orders, key) : NULL;

	if (program->typed)
		type_filter(program, key);
	else if (program->removing)
		answer_removal(program, key);
	else if (key >= TOP_KEY_UP && key <= TOP_KEY_END)
		move(program, key);
	else if (order && *order)
		sort_by(program, (enum top_sort)(order - orders));
	else if (key == 's')
		sort_by(program, (model->sort + 1) % TOP_SORTS);
	else if (key == 'R') {
		model->reverse = !model->reverse;
		top_model_arrange(model);
	} else if (key == '/') {
		program->typed = g_string_new(model->filter);
		type_filter(program, -1);
	} else if (key == 'a') {
		model->all = !model->all;
		top_model_refresh(model);
	} else if (key == 'l') {
		set_pane(program, TOP_PANE_LOG);
	} else if (key == 'h' || key == '?') {
		set_pane(program, TOP_PANE_HELP);
	} else if (key == TOP_KEY_ESCAPE) {
		g_clear_pointer(&model->filter, g_free);
		g_clear_pointer(&model->message, g_free);
		top_model_arrange(model);
	} else if (key == 'q') {
		program->over = true;
	} else {
		act(program, key);
	}
}

static void loop(struct program *program)
{
	int64_t delay = MAX(program->options->delay / 1000, G_USEC_PER_SEC / 10), next = 0;

	while (!program->over) {
		int64_t now = g_get_monotonic_time();
		if (top_model_poll(program->model) || now >= next) {
			top_model_refresh(program->model);
			load_log(program);
			next = g_get_monotonic_time() + delay;
		}
		top_view_paint(&program->view, program->model);
		int64_t left = (next - g_get_monotonic_time()) / 1000;
		int key = top_view_key((int) CLAMP(left, 1, program->model->pending ? 100 : 60000));
		if (key >= 0 && key != TOP_KEY_RESIZE)
			handle(program, key);
		if (key < 0 && !isatty(STDIN_FILENO))
			program->over = true;
	}
}

int main(int argc, char **argv)
{
	struct options options = {0};
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) arguments = NULL;
	bool help = false;

	if (!berth_flags_parse(flags, &options, argc, argv, 0, &arguments, &help, &error) || help || !options.program) {
		fprintf(stderr, "berth-top: %s\n", error ? error->message : "it is started by `berth top`");
		return 125;
	}
	struct berth_cli cli = {.program = "berth"};
	g_autofree char *context = berth_context_current(&cli);
	struct program program = {.options = &options, .view = {.colours = options.colours}};
	cli.context = context;
	if (!berth_cli_connect(&cli, &error) || !top_view_open(&program.view, &error)) {
		fprintf(stderr, "berth top: %s\n", error->message);
		return 1;
	}
	program.model = top_model_new(cli.client);
	program.model->all = options.all;
	loop(&program);
	top_view_close();
	top_model_free(program.model);
	g_strfreev(program.view.log);
	g_free(program.view.question);
	berth_client_free(cli.client);
	json_decref(cli.settings);
	berth_flags_clear(flags, &options);
	return 0;
}
