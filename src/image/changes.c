// SPDX-License-Identifier: Apache-2.0
// Dockerfile lines that change an image's configuration, as `import --change` takes them. Variables of the image's own
// environment are put in where the Dockerfile's builder does that.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"

#include <string.h>

#define DEFAULT_SHELL "/bin/sh", "-c"
#define PORT_MAX 65535

typedef struct oci_image_execution CONFIG;

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t");
}

static bool is_name_char(char c, bool first)
{
	return g_ascii_isalpha(c) || c == '_' || (!first && g_ascii_isdigit(c));
}

static const char *env_get(char *const *env, const char *name, size_t length)
{
	for (; env && *env; env++)
		if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
			return *env + length + 1;
	return "";
}

static void strv_set(char ***list, const char *text, size_t key_length)
{
	guint count = *list ? g_strv_length(*list) : 0;

	for (guint i = 0; i < count; i++)
		if (strncmp((*list)[i], text, key_length) == 0) {
			g_free((*list)[i]);
			(*list)[i] = g_strdup(text);
			return;
		}
	berth_strings_add(list, g_strdup(text));
}

static int compare(gconstpointer left, gconstpointer right, G_GNUC_UNUSED gpointer data)
{
	return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static void set_add(char ***set, const char *text)
{
	if (*set && g_strv_contains((const char *const *) *set, text))
		return;
	berth_strings_add(set, g_strdup(text));
	g_qsort_with_data(*set, (int) g_strv_length(*set), sizeof **set, compare, NULL);
}

static void set_list(char ***list, char **value)
{
	g_strfreev(*list);
	*list = value;
}

static void set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

// Appends the value of the variable behind a "$" at `text`. Returns what is behind it, or NULL.
static const char *expand(GString *to, const char *text, char *const *env, GError **error)
{
	bool braces = *text == '{';
	const char *name = text + braces, *end = name;

	while (is_name_char(*end, end == name))
		end++;
	if (braces && (end == name || *end != '}')) {
		berth_error_set(error, BERTH_ERROR_INVALID, "unsupported substitution: ${%s", name);
		return NULL;
	}
	if (end == name)
		g_string_append_c(to, '$');
	else
		g_string_append(to, env_get(env, name, (size_t) (end - name)));
	return end + braces;
}

// Reads one word (up to white space outside quotes; with `line` up to the end) with quotes and backslashes taken away
// and variables put in. Returns what is behind it, or NULL.
static const char *read_word(const char *text, bool line, char *const *env, GString *word, GError **error)
{
	char quote = '\0';

	while (*text && (quote || line || !g_ascii_isspace(*text))) {
		char c = *text++;
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
		else if (c == '\\' && *text && quote != '\'' && (!quote || strchr("\"$\\", *text)))
			g_string_append_c(word, *text++);
		else if (c == '$' && quote != '\'') {
			if (!(text = expand(word, text, env, error)))
				return NULL;
		} else
			g_string_append_c(word, c);
	}
	if (quote) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"unexpected end of statement while looking for matching "
				"%s-quote",
				quote == '"' ? "double" : "single");
		return NULL;
	}
	return text;
}

static char **read_words(const char *text, char *const *env, GError **error)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	for (text = skip_space(text); *text; text = skip_space(text)) {
		g_autoptr(GString) word = g_string_new(NULL);
		if (!(text = read_word(text, false, env, word, error)))
			return NULL;
		g_ptr_array_add(words, g_string_free(g_steal_pointer(&word), false));
	}
	g_ptr_array_add(words, NULL);
	return (char **) g_ptr_array_steal(words, NULL);
}

// A JSON array of strings; NULL if it is none (then the text is for the shell).
static char **read_array(const char *text)
{
	BERTH_AUTO_JSON json_t *json = *text == '[' ? berth_json_parse(text, strlen(text), "", NULL) : NULL;
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	size_t index;
	json_t *value;

	if (!json_is_array(json))
		return NULL;
	json_array_foreach(json, index, value)
	{
		if (!json_is_string(value))
			return NULL;
		g_ptr_array_add(list, g_strdup(json_string_value(value)));
	}
	g_ptr_array_add(list, NULL);
	return (char **) g_ptr_array_steal(list, NULL);
}

static char **read_command(const CONFIG *config, const char *text)
{
	static const char *const shell[] = {DEFAULT_SHELL, NULL};
	char **command = read_array(text);

	if (command)
		return command;
	command = g_strdupv(config->shell ? config->shell : (char **) shell);
	berth_strings_add(&command, g_strdup(text));
	return command;
}

// "A=b C='d e'", or, as in old files, "A the rest". Calls `set` for each.
static bool read_pairs(CONFIG *config, const char *keyword, const char *text,
		       void (*set)(CONFIG *, const char *, const char *), GError **error)
{
	size_t first = strcspn(text, " \t"), equals = strcspn(text, "=");

	if (equals >= first) {
		g_autofree char *name = g_strndup(text, first);
		g_autoptr(GString) value = g_string_new(NULL);
		text = skip_space(text + first);
		if (!*text)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s must have two arguments", keyword);
		if (!read_word(text, true, config->env, value, error))
			return false;
		set(config, name, value->str);
		return true;
	}
	g_auto(GStrv) words = read_words(text, config->env, error);
	for (char **word = words; words && *word; word++) {
		char *sign = strchr(*word, '=');
		if (!sign)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "Syntax error - can't find = in \"%s\". Must be of the form: name=value",
					       *word);
		if (sign == *word)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s names can not be blank", keyword);
		*sign = '\0';
		set(config, *word, sign + 1);
	}
	return words != NULL;
}

static void set_env(CONFIG *config, const char *name, const char *value)
{
	g_autofree char *text = g_strconcat(name, "=", value, NULL);

	strv_set(&config->env, text, strlen(name) + 1);
}

static void set_label(CONFIG *config, const char *name, const char *value)
{
	if (!config->labels)
		config->labels = berth_map_new();
	g_hash_table_insert(config->labels, g_strdup(name), g_strdup(value));
}

static bool change_env(CONFIG *config, const char *text, GError **error)
{
	return read_pairs(config, "ENV", text, set_env, error);
}

static bool change_label(CONFIG *config, const char *text, GError **error)
{
	return read_pairs(config, "LABEL", text, set_label, error);
}

static bool change_cmd(CONFIG *config, const char *text, G_GNUC_UNUSED GError **error)
{
	set_list(&config->cmd, read_command(config, text));
	return true;
}

static bool change_entrypoint(CONFIG *config, const char *text, G_GNUC_UNUSED GError **error)
{
	set_list(&config->entrypoint, read_command(config, text));
	return true;
}

static bool read_port(const char *text, const char **end, guint64 *ret)
{
	char *behind;

	if (!g_ascii_isdigit(*text))
		return false;
	*ret = g_ascii_strtoull(text, &behind, 10);
	*end = behind;
	return *ret > 0 && *ret <= PORT_MAX;
}

static bool expose(CONFIG *config, const char *text, GError **error)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
	const char *slash = strchr(text, '/'), *end;
	g_autofree char *protocol = g_ascii_strdown(slash ? slash + 1 : "tcp", -1);
	guint64 first, last;

	if (!read_port(text, &end, &first) || (last = first, *end == '-' && !read_port(end + 1, &end, &last)) ||
	    (*end && end != slash) || last < first)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid containerPort: %s", text);
	if (!g_strv_contains(protocols, protocol))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid proto: %s", protocol);
	for (guint64 port = first; port <= last; port++) {
		g_autofree char *entry = g_strdup_printf("%" G_GUINT64_FORMAT "/%s", port, protocol);
		berth_strings_add(&config->exposed_ports, g_strdup(entry));
	}
	return true;
}

static bool change_expose(CONFIG *config, const char *text, GError **error)
{
	g_auto(GStrv) words = read_words(text, config->env, error);

	for (char **word = words; words && *word; word++)
		if (!expose(config, *word, error))
			return false;
	// A whole range was appended; the set is sorted and without doubles.
	g_auto(GStrv) all = g_steal_pointer(&config->exposed_ports);
	g_qsort_with_data(all, all ? (int) g_strv_length(all) : 0, sizeof *all, compare, NULL);
	for (char **port = all; all && *port; port++)
		if (port == all || !g_str_equal(port[-1], *port))
			berth_strings_add(&config->exposed_ports, g_strdup(*port));
	return words != NULL;
}

static bool one_word(const CONFIG *config, const char *keyword, const char *text, char **ret, GError **error)
{
	g_auto(GStrv) words = read_words(text, config->env, error);

	if (!words)
		return false;
	if (g_strv_length(words) != 1 || !*words[0])
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s requires exactly one argument", keyword);
	*ret = g_strdup(words[0]);
	return true;
}

static bool change_user(CONFIG *config, const char *text, GError **error)
{
	g_autofree char *user = NULL;

	if (!one_word(config, "USER", text, &user, error))
		return false;
	set_text(&config->user, user);
	return true;
}

static bool change_workdir(CONFIG *config, const char *text, GError **error)
{
	const char *before = config->working_dir && *config->working_dir ? config->working_dir : "/";
	g_autofree char *folder = NULL;

	if (!one_word(config, "WORKDIR", text, &folder, error))
		return false;
	g_autofree char *path = g_canonicalize_filename(folder, before);
	set_text(&config->working_dir, path);
	return true;
}

static bool change_stop_signal(CONFIG *config, const char *text, GError **error)
{
	g_autofree char *name = NULL;

	if (!one_word(config, "STOPSIGNAL", text, &name, error))
		return false;
	for (const char *c = name; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '+' && *c != '-')
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid signal: %s", name);
	set_text(&config->stop_signal, name);
	return true;
}

static bool change_volume(CONFIG *config, const char *text, GError **error)
{
	g_auto(GStrv) folders = read_array(text);

	if (!folders && !(folders = read_words(text, config->env, error)))
		return false;
	for (char **folder = folders; *folder; folder++) {
		if (!**folder)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "VOLUME specified can not be an empty string");
		set_add(&config->volumes, *folder);
	}
	return true;
}

static bool change_on_build(CONFIG *config, const char *text, GError **error)
{
	static const char *const refused[] = {"FROM", "MAINTAINER", "ONBUILD"};
	g_autofree char *keyword = g_strndup(text, strcspn(text, " \t"));

	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		if (g_ascii_strcasecmp(keyword, refused[i]) == 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
					       refused[i]);
	berth_strings_add(&config->on_build, g_strdup(text));
	return true;
}

static bool change_shell(CONFIG *config, const char *text, GError **error)
{
	char **shell = read_array(text);

	if (!shell || !shell[0]) {
		g_strfreev(shell);
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "SHELL requires the arguments to be in JSON form, with at least one");
	}
	set_list(&config->shell, shell);
	return true;
}

static bool health_flag(struct oci_healthcheck *check, const char *flag, GError **error)
{
	const struct {
		const char *name;
		int64_t *value;
	} durations[] = {
		{"--interval=", &check->interval},
		{"--timeout=", &check->timeout},
		{"--start-period=", &check->start_period},
		{"--start-interval=", &check->start_interval},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(durations); i++)
		if (g_str_has_prefix(flag, durations[i].name))
			return berth_duration_parse(flag + strlen(durations[i].name), durations[i].value, error);
	if (g_str_has_prefix(flag, "--retries="))
		return g_ascii_string_to_signed(flag + strlen("--retries="), 10, 0, G_MAXINT32, &check->retries,
						NULL) ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected a number of at least 0", flag);
	return berth_error_set(error, BERTH_ERROR_INVALID, "Unknown flag: %s", flag);
}

static bool health_test(struct oci_healthcheck *check, const char *text, GError **error)
{
	g_autofree char *type = g_strndup(text, strcspn(text, " \t"));
	const char *command = skip_space(text + strlen(type));

	if (g_ascii_strcasecmp(type, "NONE") == 0) {
		if (*command)
			return berth_error_set(error, BERTH_ERROR_INVALID, "HEALTHCHECK NONE takes no arguments");
		berth_strings_add(&check->test, g_strdup("NONE"));
		return true;
	}
	if (g_ascii_strcasecmp(type, "CMD") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Unknown type \"%s\" in HEALTHCHECK (try CMD)",
				       type);
	if (!*command)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Missing command after HEALTHCHECK CMD");
	g_auto(GStrv) array = read_array(command);
	berth_strings_add(&check->test, g_strdup(array ? "CMD" : "CMD-SHELL"));
	for (char **word = array; array && *word; word++)
		berth_strings_add(&check->test, g_strdup(*word));
	if (!array)
		berth_strings_add(&check->test, g_strdup(command));
	return true;
}

static bool change_healthcheck(CONFIG *config, const char *text, GError **error)
{
	g_autoptr(oci_healthcheck) check = berth_document_new(&oci_healthcheck_document);

	while (g_str_has_prefix(text, "--")) {
		size_t length = strcspn(text, " \t");
		g_autofree char *flag = g_strndup(text, length);
		if (!health_flag(check, flag, error))
			return false;
		text = skip_space(text + length);
	}
	if (!health_test(check, text, error))
		return false;
	oci_healthcheck_free(config->healthcheck);
	config->healthcheck = g_steal_pointer(&check);
	return true;
}

static const struct {
	const char *keyword;
	bool (*change)(CONFIG *config, const char *text, GError **error);
} instructions[] = {
	{"CMD", change_cmd},
	{"ENTRYPOINT", change_entrypoint},
	{"ENV", change_env},
	{"EXPOSE", change_expose},
	{"HEALTHCHECK", change_healthcheck},
	{"LABEL", change_label},
	{"ONBUILD", change_on_build},
	{"SHELL", change_shell},
	{"STOPSIGNAL", change_stop_signal},
	{"USER", change_user},
	{"VOLUME", change_volume},
	{"WORKDIR", change_workdir},
};

bool berth_image_change(struct oci_image_execution *config, const char *line, GError **error)
{
	g_autofree char *text = g_strstrip(g_strdup(line));
	g_autofree char *given = g_strndup(text, strcspn(text, " \t"));
	g_autofree char *keyword = g_ascii_strup(given, -1);
	const char *rest = skip_space(text + strlen(given));

	if (strpbrk(text, "\r\n"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a change must be one line: \"%s\"", text);
	for (size_t i = 0; i < G_N_ELEMENTS(instructions); i++) {
		if (!g_str_equal(keyword, instructions[i].keyword))
			continue;
		if (!*rest)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s requires at least one argument",
					       keyword);
		if (instructions[i].change(config, rest, error))
			return true;
		g_prefix_error(error, "change \"%s\": ", text);
		return false;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s is not a valid change command",
			       *keyword ? keyword : "\"\"");
}
