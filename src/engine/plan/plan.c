// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan-internal.h"

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
