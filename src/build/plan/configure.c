// SPDX-License-Identifier: Apache-2.0
// Instructions that change an image's configuration, and their lines in its history, in BuildKit's words.
#include "build/plan/internal.h"

#include "base/error.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define COMMENT "buildkit.dockerfile.v0"
#define PORT_MAX 65535

typedef const struct berth_dockerfile_instruction INSTRUCTION;

void berth_plan__history(struct berth_plan_stage *stage, char *created_by, bool layer)
{
	struct oci_history *history = berth_document_new(&oci_history_document);

	history->created_by = created_by;
	history->comment = g_strdup(COMMENT);
	history->empty_layer = !layer;
	if (!stage->image->history)
		stage->image->history = berth_objects_new();
	g_ptr_array_add(stage->image->history, history);
}

static void set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static void set_env(char ***list, const char *key, const char *value)
{
	g_autofree char *pair = g_strconcat(key, "=", value, NULL);
	size_t length = strlen(key) + 1;

	for (char **entry = *list; entry && *entry; entry++)
		if (strncmp(*entry, pair, length) == 0) {
			set_text(entry, pair);
			return;
		}
	berth_strings_add(list, g_strdup(pair));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void add_to_set(char ***set, const char *text)
{
	if (*set && g_strv_contains((const char *const *) *set, text))
		return;
	berth_strings_add(set, g_strdup(text));
	qsort(*set, g_strv_length(*set), sizeof **set, by_text);
}

static bool set_pairs(struct berth_plan_stage *stage, INSTRUCTION *instruction)
{
	struct oci_image_execution *config = stage->image->config;
	bool env = instruction->kind == BERTH_DOCKERFILE_ENV;
	g_autoptr(GString) text = g_string_new(env ? "ENV" : "LABEL");

	for (unsigned i = 0; i < instruction->pairs.count; i++) {
		const struct berth_dockerfile_pair *pair = &instruction->pairs.items[i];
		const char *value = pair->value ? pair->value : "";
		if (env) {
			set_env(&config->env, pair->key, value);
			berth_plan__variable_set(stage->environment, pair->key, value);
		} else {
			if (!config->labels)
				config->labels = berth_map_new();
			g_hash_table_insert(config->labels, g_strdup(pair->key), g_strdup(value));
		}
		g_string_append_printf(text, " %s=%s", pair->key, value);
	}
	berth_plan__history(stage, g_strdup(text->str), false);
	return true;
}

static bool set_command(struct berth_plan_stage *stage, INSTRUCTION *instruction)
{
	struct oci_image_execution *config = stage->image->config;
	char **words = berth_plan__words(stage->image, &instruction->command);
	g_autofree char *shown = berth_plan__go_list((const char *const *) words, true);

	if (instruction->kind == BERTH_DOCKERFILE_CMD) {
		g_strfreev(config->cmd);
		config->cmd = words;
		config->args_escaped = true;
		stage->cmd_set = true;
		berth_plan__history(stage, g_strconcat("CMD ", shown, NULL), false);
		return true;
	}
	g_strfreev(config->entrypoint);
	config->entrypoint = words;
	if (!stage->cmd_set)
		g_clear_pointer(&config->cmd, g_strfreev);
	berth_plan__history(stage, g_strconcat("ENTRYPOINT ", shown, NULL), false);
	return true;
}

static bool parse_port(const char *text, unsigned *ret)
{
	char *end;
	guint64 value = g_ascii_strtoull(text, &end, 10);

	*ret = (unsigned) value;
	return g_ascii_isdigit(*text) && *end == '\0' && value <= PORT_MAX;
}

static bool expose_one(struct oci_image_execution *config, const char *word, GPtrArray *shown, GError **error)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
	g_auto(GStrv) halves = g_strsplit(word, "/", 2);
	g_autofree char *protocol = g_ascii_strdown(halves[0] && halves[1] && *halves[1] ? halves[1] : "tcp", -1);
	// "[address:[host:]]port": what is not the container's own means nothing here.
	const char *last = halves[0] ? strrchr(halves[0], ':') : NULL;
	g_auto(GStrv) range = g_strsplit(last ? last + 1 : (halves[0] ? halves[0] : ""), "-", 2);
	unsigned first, end;

	if (!range[0] || !parse_port(range[0], &first) || !parse_port(range[1] ? range[1] : range[0], &end) ||
	    end < first)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid containerPort: %s", word);
	if (!g_strv_contains(protocols, protocol))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid proto: %s", protocol);
	for (unsigned port = first; port <= end; port++) {
		char *name = g_strdup_printf("%u/%s", port, protocol);
		g_ptr_array_add(shown, name);
		berth_strings_add(&config->exposed_ports, g_strdup(name));
	}
	return true;
}

// A set as EXPOSE fills it: a range may bring thousands, which are sorted once.
static void tidy(char ***set)
{
	guint count = *set ? g_strv_length(*set) : 0, kept = 0;

	if (count == 0)
		return;
	qsort(*set, count, sizeof **set, by_text);
	for (guint i = 0; i < count; i++) {
		if (kept > 0 && g_str_equal((*set)[kept - 1], (*set)[i]))
			g_free((*set)[i]);
		else
			(*set)[kept++] = (*set)[i];
	}
	(*set)[kept] = NULL;
}

static bool set_ports(struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	g_autoptr(GPtrArray) shown = g_ptr_array_new_with_free_func(g_free);
	bool good = true;

	for (size_t i = 0; good && instruction->words[i]; i++)
		good = expose_one(stage->image->config, instruction->words[i], shown, error);
	tidy(&stage->image->config->exposed_ports);
	if (!good)
		return false;
	g_ptr_array_sort(shown, by_text);
	g_ptr_array_add(shown, NULL);
	g_autofree char *list = berth_plan__go_list((const char *const *) shown->pdata, false);
	berth_plan__history(stage, g_strconcat("EXPOSE ", list, NULL), false);
	return true;
}

static bool set_volumes(struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	g_autofree char *list = berth_plan__go_list(instruction->words, false);

	for (size_t i = 0; instruction->words[i]; i++) {
		if (!*instruction->words[i])
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "VOLUME specified can not be an empty string");
		add_to_set(&stage->image->config->volumes, instruction->words[i]);
	}
	berth_plan__history(stage, g_strconcat("VOLUME ", list, NULL), false);
	return true;
}

static bool is_number(const char *text, long from, long to)
{
	char *end;
	long value = strtol(text, &end, 10);

	return g_ascii_isdigit(*text) && *end == '\0' && value >= from && value <= to;
}

static bool is_signal(const char *text)
{
	g_autofree char *upper = g_ascii_strup(text, -1);
	const char *name = g_str_has_prefix(upper, "SIG") ? upper + 3 : upper;

	if (is_number(text, 1, SIGRTMAX))
		return true;
	if (g_str_has_prefix(name, "RTMIN"))
		return !name[5] || (name[5] == '+' && is_number(name + 6, 1, 30));
	if (g_str_has_prefix(name, "RTMAX"))
		return !name[5] || (name[5] == '-' && is_number(name + 6, 1, 30));
	for (int i = 1; i < 32; i++) {
		const char *known = sigabbrev_np(i);
		if (known && g_str_equal(known, name))
			return true;
	}
	return false;
}

static bool set_stop_signal(struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	if (!is_signal(instruction->value))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid signal: %s", instruction->value);
	set_text(&stage->image->config->stop_signal, instruction->value);
	berth_plan__history(stage, g_strconcat("STOPSIGNAL ", instruction->value, NULL), false);
	return true;
}

// As Go prints a time.Duration.
static char *duration(int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / 1000000000, rest = nanoseconds % 1000000000;

	if (nanoseconds > 0 && nanoseconds < 1000)
		return g_strdup_printf("%" G_GINT64_FORMAT "ns", nanoseconds);
	if (nanoseconds > 0 && seconds == 0) {
		double value = (double) nanoseconds / (nanoseconds < 1000000 ? 1e3 : 1e6);
		return g_strdup_printf("%.9g%s", value, nanoseconds < 1000000 ? "µs" : "ms");
	}
	g_autofree char *below = rest ? g_strdup_printf("%.9f", (double) rest / 1e9) : g_strdup("0.");
	char *end = below + strlen(below);
	while (end[-1] == '0')
		*--end = '\0';
	g_autofree char *second =
		g_strdup_printf("%" G_GINT64_FORMAT "%s", seconds % 60, g_str_equal(below, "0.") ? "" : below + 1);
	if (seconds < 60)
		return g_strconcat(second, "s", NULL);
	if (seconds < 3600)
		return g_strdup_printf("%" G_GINT64_FORMAT "m%ss", seconds / 60, second);
	return g_strdup_printf("%" G_GINT64_FORMAT "h%" G_GINT64_FORMAT "m%ss", seconds / 3600, seconds / 60 % 60,
			       second);
}

static bool set_health(struct berth_plan_stage *stage, INSTRUCTION *instruction)
{
	const struct berth_dockerfile_healthcheck *from = &instruction->healthcheck;
	struct oci_healthcheck *health = berth_document_new(&oci_healthcheck_document);

	if (from->type == BERTH_DOCKERFILE_HEALTH_NONE) {
		berth_strings_add(&health->test, g_strdup("NONE"));
	} else {
		berth_strings_add(&health->test, g_strdup(from->command.shell ? "CMD-SHELL" : "CMD"));
		for (size_t i = 0; from->command.words[i]; i++)
			berth_strings_add(&health->test, g_strdup(from->command.words[i]));
	}
	health->interval = from->interval;
	health->timeout = from->timeout;
	health->start_period = from->start_period;
	health->start_interval = from->start_interval;
	health->retries = from->retries;
	if (stage->image->config->healthcheck)
		berth_document_free(&oci_healthcheck_document, stage->image->config->healthcheck);
	stage->image->config->healthcheck = health;
	g_autofree char *test = berth_plan__go_list((const char *const *) health->test, false);
	g_autofree char *interval = duration(health->interval), *timeout = duration(health->timeout),
			*period = duration(health->start_period), *start = duration(health->start_interval);
	berth_plan__history(stage,
			    g_strdup_printf("HEALTHCHECK {Test:%s Interval:%s Timeout:%s StartPeriod:%s "
					    "StartInterval:%s Retries:%d}",
					    test, interval, timeout, period, start, from->retries),
			    false);
	return true;
}

static bool set_shell(struct berth_plan_stage *stage, INSTRUCTION *instruction)
{
	g_autofree char *list = berth_plan__go_list(instruction->words, false);

	g_strfreev(stage->image->config->shell);
	stage->image->config->shell = g_strdupv((char **) instruction->words);
	berth_plan__history(stage, g_strconcat("SHELL ", list, NULL), false);
	return true;
}

bool berth_plan__configure(struct berth_plan_stage *stage, INSTRUCTION *instruction, GError **error)
{
	struct oci_image *image = stage->image;

	switch (instruction->kind) {
	case BERTH_DOCKERFILE_ENV:
	case BERTH_DOCKERFILE_LABEL:
		return set_pairs(stage, instruction);
	case BERTH_DOCKERFILE_CMD:
	case BERTH_DOCKERFILE_ENTRYPOINT:
		return set_command(stage, instruction);
	case BERTH_DOCKERFILE_EXPOSE:
		return set_ports(stage, instruction, error);
	case BERTH_DOCKERFILE_VOLUME:
		return set_volumes(stage, instruction, error);
	case BERTH_DOCKERFILE_STOPSIGNAL:
		return set_stop_signal(stage, instruction, error);
	case BERTH_DOCKERFILE_HEALTHCHECK:
		return set_health(stage, instruction);
	case BERTH_DOCKERFILE_SHELL:
		return set_shell(stage, instruction);
	case BERTH_DOCKERFILE_USER:
		set_text(&image->config->user, instruction->value);
		berth_plan__history(stage, g_strconcat("USER ", instruction->value, NULL), false);
		return true;
	case BERTH_DOCKERFILE_MAINTAINER:
		set_text(&image->author, instruction->value);
		berth_plan__history(stage, g_strconcat("MAINTAINER ", instruction->value, NULL), false);
		return true;
	case BERTH_DOCKERFILE_ONBUILD: // no line in the history
		berth_strings_add(&image->config->on_build, g_strdup(instruction->value));
		return true;
	default:
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s does not change a configuration",
				       instruction->word);
	}
}
