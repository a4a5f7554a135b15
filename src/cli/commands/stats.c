// SPDX-License-Identifier: Apache-2.0
// What containers use, again and again. Each refresh asks for one sample of each container, so that a hundred of them
// need one connection; the processors' share is reckoned from two samples.
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "spec/api-stats.h"

#include "base/error.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLE "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"
#define UNKNOWN "--"
#define REPAINT "\033[H\033[J" // the cursor to the corner, and what is below it away

struct options {
	bool all, no_stream, no_trunc;
	char *format;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Show all containers (default shows just running)"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"no-stream", 0, BERTH_FLAG_SWITCH, AT(no_stream), NULL,
	 "Disable streaming stats and only pull the first result"},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Do not truncate output"},
	{0},
};

static const struct berth_column columns[] = {
	{"BlockIO", "BLOCK I/O"},   {"CPUPerc", "CPU %"},
	{"Container", "CONTAINER"}, {"ID", "CONTAINER ID"},
	{"MemPerc", "MEM %"},       {"MemUsage", "MEM USAGE / LIMIT"},
	{"Name", "NAME"},           {"NetIO", "NET I/O"},
	{"PIDs", "PIDS"},           {0},
};
static const struct berth_listing listing = {columns, NULL};

static void set(json_t *row, const char *name, char *value)
{
	json_object_set_new(row, name, json_string(value));
	g_free(value);
}

// What of the memory could not be had back at once.
static uint64_t used_memory(const struct api_stats_memory *memory)
{
	const json_t *cache = json_object_get(memory->stats, "total_inactive_file"); // v1

	if (!cache)
		cache = json_object_get(memory->stats, "inactive_file");
	uint64_t bytes = (uint64_t) json_integer_value(cache);
	return bytes < memory->usage ? memory->usage - bytes : memory->usage;
}

static char *memory_share(const struct api_stats_memory *memory)
{
	double share = memory->limit ? 100 * (double) used_memory(memory) / (double) memory->limit : 0;

	return g_strdup_printf("%.2f%%", share);
}

static char *processors(const struct api_stats_cpu *now, const struct api_stats_cpu *before)
{
	if (!now->system) // it does not run
		return g_strdup("0.00%");
	if (!before || !before->system || before->usage->total > now->usage->total)
		return g_strdup(UNKNOWN);
	double used = (double) (now->usage->total - before->usage->total);
	double had = (double) now->system - (double) before->system;
	double online = now->online ? (double) now->online : (double) json_array_size(now->usage->per_cpu);
	return g_strdup_printf("%.2f%%", had > 0 ? used / had * online * 100 : 0.0);
}

static char *pair(uint64_t first, uint64_t second)
{
	g_autofree char *left = berth_bytes_format((int64_t) first), *right = berth_bytes_format((int64_t) second);

	return g_strdup_printf("%s / %s", left, right);
}

static char *network(const struct api_stats *stats)
{
	uint64_t received = 0, sent = 0;
	GHashTableIter iter;
	void *interface;

	if (stats->networks) {
		g_hash_table_iter_init(&iter, stats->networks);
		while (g_hash_table_iter_next(&iter, NULL, &interface)) {
			received += ((struct api_stats_network *) interface)->rx_bytes;
			sent += ((struct api_stats_network *) interface)->tx_bytes;
		}
	}
	return pair(received, sent);
}

static char *blocks(const struct api_stats_block *block)
{
	uint64_t read = 0, written = 0;

	for (guint i = 0; block->service_bytes && i < block->service_bytes->len; i++) {
		const struct api_stats_block_entry *entry = block->service_bytes->pdata[i];
		if (entry->op && g_ascii_strcasecmp(entry->op, "read") == 0)
			read += entry->value;
		else if (entry->op && g_ascii_strcasecmp(entry->op, "write") == 0)
			written += entry->value;
	}
	return pair(read, written);
}

static json_t *make_row(const char *container, const struct api_stats *stats, const struct api_stats_cpu *before,
			const struct options *options)
{
	json_t *row = json_object();
	const char *name = stats->name ? stats->name : "";
	g_autofree char *used = berth_size_format((int64_t) used_memory(stats->memory), true);
	g_autofree char *limit = berth_size_format((int64_t) stats->memory->limit, true);

	set(row, "Container", g_strdup(container));
	set(row, "ID", berth_id_format(stats->id ? stats->id : "", options->no_trunc));
	set(row, "Name", g_strdup(*name == '/' ? name + 1 : name));
	set(row, "CPUPerc", processors(stats->cpu, before));
	set(row, "MemUsage", g_strdup_printf("%s / %s", used, limit));
	set(row, "MemPerc", memory_share(stats->memory));
	set(row, "NetIO", network(stats));
	set(row, "BlockIO", blocks(stats->block));
	set(row, "PIDs", g_strdup_printf("%" G_GUINT64_FORMAT, stats->pids->current));
	return row;
}

static bool is_whole(const struct api_stats *stats)
{
	return stats->cpu && stats->cpu->usage && stats->memory && stats->pids && stats->block;
}

static struct api_stats *ask(struct berth_cli *cli, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/stats", container, false);

	berth_path_add(path, "stream", "0");
	berth_path_add(path, "one-shot", "1");
	g_autoptr(api_stats) stats =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_stats_document, error);
	if (stats && !is_whole(stats)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the engine's answer about container %s is incomplete",
				container);
		return NULL;
	}
	return g_steal_pointer(&stats);
}

// The containers that are there now, as short ids.
static char **list(struct berth_cli *cli, const struct options *options, GError **error)
{
	BERTH_AUTO_JSON json_t *containers = berth_client_json(
		cli->client, "GET", options->all ? "/containers/json?all=1&brief=1" : "/containers/json?brief=1", NULL,
		error);
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	const json_t *container;
	size_t i;

	if (!containers)
		return NULL;
	json_array_foreach(containers, i, container)
	{
		const char *id = json_string_value(json_object_get(container, "Id"));
		g_autofree char *name = berth_id_format(id ? id : "", options->no_trunc);
		g_strv_builder_add(names, name);
	}
	return g_strv_builder_end(names);
}

// A sample of each; one that has gone meanwhile is left out. `before` has the processors' times of the last samples by
// id, and gets the new ones. NULL with *error.
static json_t *sample(struct berth_cli *cli, const struct options *options, char **containers, GHashTable *before,
		      GError **error)
{
	BERTH_AUTO_JSON json_t *rows = json_array();

	for (char **container = containers; *container; container++) {
		g_autoptr(GError) failure = NULL;
		g_autoptr(api_stats) stats = ask(cli, *container, &failure);
		if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			continue;
		if (failure) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return NULL;
		}
		json_array_append_new(rows,
				      make_row(*container, stats, g_hash_table_lookup(before, stats->id), options));
		g_hash_table_replace(before, g_strdup(stats->id), g_steal_pointer(&stats->cpu));
	}
	return g_steal_pointer(&rows);
}

static bool show(const struct options *options, const json_t *rows, GError **error)
{
	if (!options->no_stream && isatty(STDOUT_FILENO))
		fputs(REPAINT, stdout);
	return berth_listing_print(&listing, options->format, TABLE, rows, error) && fflush(stdout) == 0;
}

// Whether all that were named are there.
static bool check(struct berth_cli *cli, char **containers, GError **error)
{
	for (; *containers; containers++) {
		g_autoptr(api_stats) stats = ask(cli, *containers, error);
		if (!stats)
			return false;
	}
	return true;
}

static void free_cpu(void *cpu)
{
	api_stats_cpu_free(cpu);
}

static int stats_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	struct options with_format = *(const struct options *) data; // the format may be borrowed from config.json
	const struct options *options = &with_format;
	g_autoptr(GHashTable) before = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_cpu);

	with_format.format = (char *) (uintptr_t) berth_config_format(cli, "statsFormat", with_format.format);
	if (!check(cli, arguments, error))
		return 1;
	for (bool first = true;; first = false) {
		g_auto(GStrv) listed = *arguments ? g_strdupv(arguments) : list(cli, options, error);
		BERTH_AUTO_JSON json_t *rows = listed ? sample(cli, options, listed, before, error) : NULL;
		if (!rows)
			return 1;
		if (!(first && options->no_stream) && !show(options, rows, error))
			return 1;
		if ((options->no_stream && !first) || (*arguments && json_array_size(rows) == 0) || ferror(stdout))
			return 0;
		g_usleep(G_USEC_PER_SEC);
	}
}

const struct berth_command berth_command_stats = {
	.arguments = "[CONTAINER...]",
	.summary = "Display a live stream of container(s) resource usage statistics",
	.flags = flags,
	.options_size = sizeof(struct options),
	.max_arguments = -1,
	.completes = "running",
	.listing = &listing,
	.main = stats_main,
};
