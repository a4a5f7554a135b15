// SPDX-License-Identifier: Apache-2.0
// The container's configuration: the request's, filled up from the image's.
#include "engine/plan/plan-internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "engine/plan/signal.h"

#include <string.h>

static bool has_variable(char *const *env, const char *entry)
{
	size_t length = strcspn(entry, "=");

	for (; env && *env; env++)
		if (strncmp(*env, entry, length) == 0 && ((*env)[length] == '=' || (*env)[length] == '\0'))
			return true;
	return false;
}

// The image's variables follow the request's; a name that the request has, be it to unset it, is the request's.
static void merge_env(char ***env, char *const *image)
{
	g_autoptr(GPtrArray) merged = g_ptr_array_new();

	for (char **entry = *env; entry && *entry; entry++)
		g_ptr_array_add(merged, *entry);
	for (; image && *image; image++)
		if (!has_variable(*env, *image))
			g_ptr_array_add(merged, g_strdup(*image));
	g_ptr_array_add(merged, NULL);
	g_free(*env);
	*env = (char **) g_ptr_array_free(g_steal_pointer(&merged), FALSE);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void merge_set(char ***set, char *const *image)
{
	g_autoptr(GPtrArray) merged = g_ptr_array_new();

	for (char **entry = *set; entry && *entry; entry++)
		g_ptr_array_add(merged, *entry);
	for (; image && *image; image++)
		if (!*set || !g_strv_contains((const char *const *) *set, *image))
			g_ptr_array_add(merged, g_strdup(*image));
	if (merged->len == 0)
		return;
	g_ptr_array_sort(merged, compare);
	g_ptr_array_add(merged, NULL);
	g_free(*set);
	*set = (char **) g_ptr_array_free(g_steal_pointer(&merged), FALSE);
}

static void merge_labels(GHashTable **labels, GHashTable *image)
{
	GHashTableIter iter;
	void *name, *value;

	if (!image)
		return;
	if (!*labels)
		*labels = berth_map_new();
	g_hash_table_iter_init(&iter, image);
	while (g_hash_table_iter_next(&iter, &name, &value))
		if (!g_hash_table_contains(*labels, name))
			g_hash_table_insert(*labels, g_strdup(name), g_strdup(value));
}

// A new entrypoint makes the image's arguments meaningless; [""] means none.
static void merge_command(struct api_container_config *config, const struct oci_image_execution *image)
{
	if (!berth_plan_is_set(config->entrypoint)) {
		if (!berth_plan_is_set(config->cmd)) {
			g_strfreev(config->cmd);
			config->cmd = g_strdupv(image->cmd);
		}
		if (!config->entrypoint)
			config->entrypoint = g_strdupv(image->entrypoint);
	}
}

static void merge_text(char **text, const char *image)
{
	if (*text && **text)
		return;
	g_free(*text);
	*text = g_strdup(image);
}

static bool check_env(char *const *env, GError **error)
{
	if (env && g_strv_length((char **) env) > BERTH_LIMIT_ENVIRONMENT)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d environment variables",
				       BERTH_LIMIT_ENVIRONMENT);
	for (; env && *env; env++)
		if (!**env || **env == '=')
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid environment variable: %s", *env);
	return true;
}

void berth_plan_fill_config(struct api_container_config *config, const struct oci_image_execution *image)
{
	merge_text(&config->user, image->user);
	merge_text(&config->working_dir, image->working_dir);
	merge_text(&config->stop_signal, image->stop_signal);
	merge_env(&config->env, image->env);
	merge_set(&config->exposed_ports, image->exposed_ports);
	merge_set(&config->volumes, image->volumes);
	merge_labels(&config->labels, image->labels);
	merge_command(config, image);
	if (!config->shell)
		config->shell = g_strdupv(image->shell);
	if (!config->on_build)
		config->on_build = g_strdupv(image->on_build);
}

static bool merge(struct berth_plan *plan, GError **error)
{
	static const struct oci_image_execution nothing = {0};
	struct api_container_config *config = plan->config;
	const struct oci_image_execution *image = plan->input->image->config ? plan->input->image->config : &nothing;

	if (!check_env(config->env, error) || !check_env(image->env, error))
		return false;
	berth_plan_fill_config(config, image);
	if (!config->labels)
		config->labels = berth_map_new();
	if (config->entrypoint && config->entrypoint[0] && !*config->entrypoint[0] && !config->entrypoint[1])
		g_clear_pointer(&config->entrypoint, g_strfreev);
	return berth_plan_healthcheck(plan, image->healthcheck, error);
}

static bool check_host_name(const char *what, const char *name, GError **error)
{
	if (!name || !*name)
		return true;
	if (strlen(name) > BERTH_LIMIT_HOSTNAME)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid %s \"%.20s...\": is longer than %d bytes",
				       what, name, BERTH_LIMIT_HOSTNAME);
	if (!berth_plan_is_plain(name) || strpbrk(name, " /\\"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid %s \"%s\": has spaces, slashes or control characters", what, name);
	return true;
}

static bool check_working_dir(struct api_container_config *config, GError **error)
{
	if (!config->working_dir || !*config->working_dir)
		return true;
	if (*config->working_dir != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the working directory '%s' is invalid, it needs to be an absolute path",
				       config->working_dir);
	char *clean = g_canonicalize_filename(config->working_dir, "/");
	g_free(config->working_dir);
	config->working_dir = clean;
	return true;
}

static bool check(const struct berth_plan *plan, GError **error)
{
	struct api_container_config *config = plan->config;

	if (!berth_plan_is_set(config->entrypoint) && !berth_plan_is_set(config->cmd))
		return berth_error_set(error, BERTH_ERROR_INVALID, "No command specified");
	if (!check_host_name("hostname", config->hostname, error) ||
	    !check_host_name("domainname", config->domainname, error) || !check_env(config->env, error) ||
	    !check_working_dir(config, error))
		return false;
	if (!berth_plan_is_plain(config->user))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid user: has control characters");
	if (config->stop_signal && *config->stop_signal && berth_signal_parse(config->stop_signal, error) == 0)
		return false;
	if (config->stop_timeout != BERTH_UNSET && config->stop_timeout < -1)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid stop timeout %" G_GINT64_FORMAT ": seconds, or -1 for ever",
				       config->stop_timeout);
	return true;
}

bool berth_plan_config(struct berth_plan *plan, GError **error)
{
	return merge(plan, error) && check(plan, error);
}
