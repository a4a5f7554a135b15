// SPDX-License-Identifier: Apache-2.0
#include "engine/plan-internal.h"

#include "base/error.h"
#include "base/flags.h"

#include <string.h>

void berth_plan_warn(struct berth_plan *plan, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_ptr_array_add(plan->warnings, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

bool berth_plan_is_plain(const char *text)
{
	for (; text && *text; text++)
		if (g_ascii_iscntrl(*text))
			return false;
	return true;
}

bool berth_plan_is_set(char *const *list)
{
	return list && *list;
}

static struct berth_container_record *new_record(const struct berth_plan_input *input)
{
	struct berth_container_record *record = berth_document_new(&berth_container_record_document);

	record->version = BERTH_RECORD_VERSION;
	record->id = g_strdup(input->id);
	record->name = g_strdup(input->name);
	record->image = g_strdup(input->image_id);
	record->created = input->created;
	record->config = berth_document_copy(&api_container_config_document, &input->create->config);
	record->host_config = input->create->host_config
				      ? berth_document_copy(&api_host_config_document, input->create->host_config)
				      : berth_document_new(&api_host_config_document);
	record->mounts = berth_objects_new();
	record->state = berth_document_new(&berth_container_state_document);
	record->state->status = g_strdup(BERTH_STATUS_CREATED);
	return record;
}

const struct berth_abilities *berth_plan_abilities(struct berth_plan *plan)
{
	if (plan->given)
		return plan->given;
	if (!plan->loaded)
		berth_abilities_load(&plan->own);
	plan->loaded = true;
	return &plan->own;
}

struct berth_container_record *berth_plan_make_for(const struct berth_plan_input *input,
						   const struct berth_abilities *abilities, char ***ret_warnings,
						   GError **error)
{
	g_autoptr(berth_container_record) record = new_record(input);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	struct berth_plan plan = {
		.input = input,
		.given = abilities,
		.record = record,
		.config = record->config,
		.host = record->host_config,
		.warnings = warnings,
	};

	bool made = berth_plan_config(&plan, error) && berth_plan_host(&plan, error) &&
		    berth_plan_resources(&plan, error) && berth_plan_mounts(&plan, error);
	berth_abilities_clear(&plan.own);
	if (!made)
		return NULL;
	g_ptr_array_add(warnings, NULL);
	*ret_warnings = (char **) g_ptr_array_free(g_steal_pointer(&warnings), FALSE);
	return g_steal_pointer(&record);
}

struct berth_container_record *berth_plan_make(const struct berth_plan_input *input, char ***ret_warnings,
					       GError **error)
{
	return berth_plan_make_for(input, NULL, ret_warnings, error);
}

bool berth_plan_limits(struct api_host_config *host_config, char ***ret_warnings, GError **error)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	struct berth_plan plan = {.host = host_config, .warnings = warnings};

	bool fine = berth_plan_resources(&plan, error) && berth_plan_restart(host_config, error);
	berth_abilities_clear(&plan.own);
	if (!fine)
		return false;
	g_ptr_array_add(warnings, NULL);
	*ret_warnings = (char **) g_ptr_array_free(g_steal_pointer(&warnings), FALSE);
	return true;
}

#define DEFAULT_LOG_SIZE (20 << 20)
#define DEFAULT_LOG_FILES 5
#define LOG_FILES_MAX 1000

static bool log_option(const char *name, const char *value, struct berth_plan_log *log, int *compress, GError **error)
{
	static const char *const unsupported[] = {"labels", "labels-regex",    "env", "env-regex",
						  "tag",    "max-buffer-size", NULL};

	if (g_str_equal(name, "max-size")) {
		bool unlimited = g_str_equal(value, "-1");
		log->max_size = -1;
		return unlimited || (berth_bytes_parse(value, &log->max_size, NULL) && log->max_size > 0) ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "max-size must be a positive number or -1: \"%s\"",
				       value);
	}
	if (g_str_equal(name, "max-file"))
		return g_ascii_string_to_signed(value, 10, 1, LOG_FILES_MAX, &log->max_file, NULL) ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "max-file must be 1 to %d: \"%s\"", LOG_FILES_MAX,
				       value);
	if (g_str_equal(name, "compress")) {
		*compress = g_str_equal(value, "true");
		return *compress || g_str_equal(value, "false") ||
		       berth_error_set(error, BERTH_ERROR_INVALID, "compress must be true or false: \"%s\"", value);
	}
	if (g_str_equal(name, "mode") && g_str_equal(value, "blocking"))
		return true;
	if (g_str_equal(name, "mode") || g_strv_contains(unsupported, name))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "log opt '%s=%s' for json-file log driver is not in this version", name, value);
	return berth_error_set(error, BERTH_ERROR_INVALID, "unknown log opt '%s' for json-file log driver", name);
}

bool berth_plan_log(const struct api_log_config *config, struct berth_plan_log *ret, GError **error)
{
	static const char *const known[] = {"local",   "syslog", "journald", "gelf",    "fluentd",
					    "awslogs", "splunk", "etwlogs",  "gcplogs", NULL};
	const char *type = config->type ? config->type : "json-file";
	int compress = -1;
	GHashTableIter iter;
	void *name, *value;

	*ret = (struct berth_plan_log){.max_size = DEFAULT_LOG_SIZE, .max_file = DEFAULT_LOG_FILES};
	ret->none = g_str_equal(type, "none");
	if (g_strv_contains(known, type))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "log driver '%s' is not in this version; there are json-file and none", type);
	if (!ret->none && !g_str_equal(type, "json-file"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "logger: no log driver named '%s' is registered",
				       type);
	if (ret->none || !config->config)
		return ret->compress = !ret->none, true;
	g_hash_table_iter_init(&iter, config->config);
	while (g_hash_table_iter_next(&iter, &name, &value))
		if (!log_option(name, value, ret, &compress, error))
			return false;
	bool rotates = ret->max_size > 0 && ret->max_file > 1;
	if (compress == 1 && !rotates)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "compress cannot be true when max-file is less than 2 or max-size is not set");
	ret->compress = compress != 0 && rotates;
	return true;
}
