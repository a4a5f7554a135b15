// SPDX-License-Identifier: Apache-2.0
// What the engine gives containers that say nothing of it.
#include "engine/internal.h"

#include "base/error.h"

#include <string.h>

static bool is_set(const char *text)
{
	return text && *text;
}

static void set_text(char **text, const char *fallback)
{
	if (!is_set(*text) && fallback) {
		g_free(*text);
		*text = g_strdup(fallback);
	}
}

static bool has_ulimit(const struct api_host_config *host_config, const char *name, size_t length)
{
	for (guint i = 0; host_config->ulimits && i < host_config->ulimits->len; i++) {
		const struct api_ulimit *limit = host_config->ulimits->pdata[i];
		if (limit->name && strlen(limit->name) == length && strncmp(limit->name, name, length) == 0)
			return true;
	}
	return false;
}

// "nofile=1024:2048", or "nofile=1024" for both.
static bool add_ulimit(struct api_host_config *host_config, const char *text, GError **error)
{
	const char *equals = strchr(text, '=');
	int64_t soft, hard;

	if (!equals || equals == text)
		return berth_error_set(error, BERTH_ERROR_INVALID, "default ulimit \"%s\": is not NAME=SOFT[:HARD]",
				       text);
	if (has_ulimit(host_config, text, (size_t) (equals - text)))
		return true;
	g_auto(GStrv) numbers = g_strsplit(equals + 1, ":", 2);
	const char *last = numbers[0] && numbers[1] ? numbers[1] : numbers[0];
	if (!last || !g_ascii_string_to_signed(numbers[0], 10, -1, G_MAXINT64, &soft, NULL) ||
	    !g_ascii_string_to_signed(last, 10, -1, G_MAXINT64, &hard, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "default ulimit \"%s\": is not NAME=SOFT[:HARD]",
				       text);
	struct api_ulimit *limit = berth_document_new(&api_ulimit_document);
	limit->name = g_strndup(text, (gsize) (equals - text));
	limit->soft = soft;
	limit->hard = hard;
	if (!host_config->ulimits)
		host_config->ulimits = berth_objects_new();
	g_ptr_array_add(host_config->ulimits, limit);
	return true;
}

static bool has_option(char *const *options, const char *name)
{
	size_t length = strlen(name);

	for (; options && *options; options++)
		if (strncmp(*options, name, length) == 0 && strchr("=:", (*options)[length]))
			return true;
	return false;
}

bool berth_engine__defaults_apply(const struct berth_engine_defaults *defaults, struct api_host_config *host_config,
				  GError **error)
{
	for (char *const *limit = defaults->ulimits; limit && *limit; limit++)
		if (!add_ulimit(host_config, *limit, error))
			return false;
	if (host_config->shm_size == 0)
		host_config->shm_size = defaults->shm_size;
	set_text(&host_config->ipc_mode, defaults->ipc_mode);
	if (!host_config->privileged)
		set_text(&host_config->cgroupns_mode, defaults->cgroupns_mode);
	if (host_config->init < 0 && defaults->init)
		host_config->init = 1;
	if (defaults->no_new_privileges && !has_option(host_config->security_opt, "no-new-privileges"))
		berth_strings_add(&host_config->security_opt, g_strdup("no-new-privileges=true"));
	if (defaults->seccomp && !host_config->privileged && !has_option(host_config->security_opt, "seccomp"))
		berth_strings_add(&host_config->security_opt, g_strconcat("seccomp=", defaults->seccomp, NULL));
	return true;
}
