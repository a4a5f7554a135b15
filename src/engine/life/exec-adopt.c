// SPDX-License-Identifier: Apache-2.0
// What a new engine learns of execs that an earlier one started: from the monitor what they are and how they ended, and
// from the database whether that was told.
#include "engine/life/exec.h"

#include "base/json.h"

struct search {
	GHashTable *missing; // ids of ended ones that no event was found of
};

static bool look_at(void *data, G_GNUC_UNUSED int64_t row, const json_t *event)
{
	const json_t *attributes = json_object_get(json_object_get(event, "Actor"), "Attributes");
	const char *action = json_string_value(json_object_get(event, "Action"));
	const char *id = json_string_value(json_object_get(attributes, "execID"));

	if (id && g_strcmp0(action, "exec_die") == 0)
		g_hash_table_remove(((struct search *) data)->missing, id);
	return true;
}

// The ends in the list that have not been told: id -> struct berth_monitor_exec, borrowed.
static GHashTable *untold(struct berth_engine *engine, const GPtrArray *list)
{
	struct search search = {g_hash_table_new(g_str_hash, g_str_equal)};
	int64_t since = G_MAXINT64;

	for (guint i = 0; i < list->len; i++) {
		struct berth_monitor_exec *told = list->pdata[i];
		if (told->running)
			continue;
		g_hash_table_insert(search.missing, told->id, told);
		since = MIN(since, told->exited_at);
	}
	if (g_hash_table_size(search.missing) == 0)
		return search.missing;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, NULL);
	if (transaction)
		berth_event_each(transaction, 0, since, look_at, &search, NULL);
	return search.missing;
}

static void learn(struct berth_engine *engine, struct berth_engine_container *container,
		  const struct berth_monitor_exec *told, bool tell)
{
	g_autofree char *code = g_strdup_printf("%" G_GINT64_FORMAT, told->exit_code);
	g_autoptr(api_exec_config) config =
		told->about ? berth_document_parse(&api_exec_config_document, told->about, NULL) : NULL;

	if (!config || !config->cmd || !config->cmd[0])
		return; // not by an engine
	g_autoptr(berth_engine_exec) exec = berth_engine__exec_learn(engine, container, told->id, config);
	if (!exec) { // it is known here
		if (!told->running)
			berth_engine__exec_told(engine, container, told, true);
		return;
	}
	berth_engine__exec_started(engine, exec, told->pid);
	if (!told->running && berth_engine__exec_ended(engine, exec, told->exit_code) && tell)
		berth_engine__exec_tell(engine, exec, "exec_die", "exitCode", code, NULL);
}

void berth_engine__execs_adopt(struct berth_engine *engine, struct berth_engine_container *container,
			       struct berth_monitor *monitor)
{
	g_autoptr(GPtrArray) list = berth_monitor_exec_list(monitor, NULL); // an older monitor has none

	if (!list || list->len == 0)
		return;
	g_autoptr(GHashTable) missing = untold(engine, list);
	for (guint i = 0; i < list->len; i++) {
		const struct berth_monitor_exec *told = list->pdata[i];
		learn(engine, container, told, g_hash_table_contains(missing, told->id));
	}
}
