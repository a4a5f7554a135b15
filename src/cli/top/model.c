// SPDX-License-Identifier: Apache-2.0
#include "cli/top/model.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/session.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LOG_BYTES (256 << 10) // of a log's end that are read at most

const char *const top_sort_names[TOP_SORTS] = {"cpu", "memory", "network", "io", "pids", "name"};

static void container_free(void *data)
{
	struct top_container *container = data;

	g_free(container->id);
	g_free(container->name);
	g_free(container->image);
	g_free(container->state);
	g_free(container->status);
	g_free(container);
}

struct top_model *top_model_new(struct berth_client *client)
{
	struct top_model *model = g_new0(struct top_model, 1);

	model->client = client;
	model->containers = g_ptr_array_new_with_free_func(container_free);
	model->shown = g_ptr_array_new();
	return model;
}

void top_model_free(struct top_model *model)
{
	g_clear_pointer(&model->pending, berth_answer_free);
	g_ptr_array_unref(model->containers);
	g_ptr_array_unref(model->shown);
	g_free(model->filter);
	g_free(model->selected);
	g_free(model->trouble);
	g_free(model->message);
	g_free(model->doing);
	g_free(model);
}

static void set(char **member, const char *value)
{
	g_free(*member);
	*member = g_strdup(value ? value : "");
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t) value : 0;
}

static struct top_container *find(const struct top_model *model, const char *id)
{
	for (guint i = 0; i < model->containers->len; i++) {
		struct top_container *container = model->containers->pdata[i];
		if (strcmp(container->id, id) == 0)
			return container;
	}
	return NULL;
}

// Takes over the list of containers: new ones are added, those that are gone removed.
static void take_list(struct top_model *model, const json_t *list)
{
	const json_t *entry;
	size_t i;

	for (guint j = 0; j < model->containers->len; j++)
		((struct top_container *) model->containers->pdata[j])->seen = false;
	json_array_foreach(list, i, entry)
	{
		const char *id = text(entry, "Id");
		const char *name = json_string_value(json_array_get(json_object_get(entry, "Names"), 0));
		if (!id)
			continue;
		struct top_container *container = find(model, id);
		if (!container) {
			container = g_new0(struct top_container, 1);
			container->id = g_strdup(id);
			g_ptr_array_add(model->containers, container);
		}
		set(&container->name, name && *name == '/' ? name + 1 : name);
		set(&container->image, text(entry, "Image"));
		set(&container->state, text(entry, "State"));
		set(&container->status, text(entry, "Status"));
		container->seen = true;
	}
	for (guint j = model->containers->len; j > 0; j--)
		if (!((struct top_container *) model->containers->pdata[j - 1])->seen)
			g_ptr_array_remove_index(model->containers, j - 1);
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (double) (now - before) / seconds : 0;
}

static void take_traffic(struct top_container *container, const json_t *stats, double seconds)
{
	json_t *networks = json_object_get(stats, "networks"), *interface;
	const json_t *entries = json_object_get(json_object_get(stats, "blkio_stats"), "io_service_bytes_recursive");
	const json_t *entry;
	uint64_t rx = 0, tx = 0, read = 0, written = 0;
	const char *name;
	size_t i;

	json_object_foreach(networks, name, interface)
	{
		rx += number(interface, "rx_bytes");
		tx += number(interface, "tx_bytes");
	}
	json_array_foreach(entries, i, entry)
	{
		const char *op = text(entry, "op");
		if (op && g_ascii_strcasecmp(op, "read") == 0)
			read += number(entry, "value");
		else if (op && g_ascii_strcasecmp(op, "write") == 0)
			written += number(entry, "value");
	}
	container->received = rate(rx, container->rx, seconds);
	container->sent = rate(tx, container->tx, seconds);
	container->read = rate(read, container->block_read, seconds);
	container->written = rate(written, container->block_written, seconds);
	container->rx = rx;
	container->tx = tx;
	container->block_read = read;
	container->block_written = written;
}

static void take_memory(struct top_container *container, const json_t *memory)
{
	const json_t *details = json_object_get(memory, "stats");
	const json_t *cache = json_object_get(details, "total_inactive_file"); // v1
	uint64_t usage = number(memory, "usage");
	uint64_t inactive = cache ? number(details, "total_inactive_file") : number(details, "inactive_file");

	container->memory =
		inactive < usage ? usage - inactive : usage; // what could be had back at once is not counted
	container->limit = number(memory, "limit");
	container->memory_share = container->limit ? 100 * (double) container->memory / (double) container->limit : 0;
}

static void take_stats(struct top_container *container, const json_t *stats, int64_t now)
{
	const json_t *cpu = json_object_get(stats, "cpu_stats");
	uint64_t total = number(json_object_get(cpu, "cpu_usage"), "total_usage"),
		 system = number(cpu, "system_cpu_usage");
	uint64_t online = MAX(number(cpu, "online_cpus"), 1);
	bool again = container->at && total >= container->cpu_total && system > container->cpu_system;
	double seconds = container->at ? (double) (now - container->at) / G_USEC_PER_SEC : 0;

	container->cpu = again ? (double) (total - container->cpu_total) / (double) (system - container->cpu_system) *
					 (double) online * 100
			       : 0;
	container->measured = again;
	memmove(container->history, container->history + 1, sizeof container->history - sizeof *container->history);
	container->history[TOP_HISTORY - 1] = container->cpu;
	take_traffic(container, stats, seconds);
	take_memory(container, json_object_get(stats, "memory_stats"));
	container->pids = number(json_object_get(stats, "pids_stats"), "current");
	container->cpu_total = total;
	container->cpu_system = system;
	container->at = now;
}

static void forget_stats(struct top_container *container)
{
	container->at = 0;
	container->measured = false;
	container->cpu = container->memory_share = container->received = container->sent = container->read =
		container->written = 0;
	container->memory = container->limit = container->pids = 0;
	container->rx = container->tx = container->block_read = container->block_written = 0;
}

void top_model_refresh(struct top_model *model)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *list = berth_client_json(
		model->client, "GET", model->all ? "/containers/json?all=1" : "/containers/json", NULL, &error);

	g_clear_pointer(&model->trouble, g_free);
	if (list)
		take_list(model, list);
	for (guint i = 0; list && i < model->containers->len; i++) {
		struct top_container *container = model->containers->pdata[i];
		bool runs = strcmp(container->state, "running") == 0 || strcmp(container->state, "paused") == 0;
		g_autofree char *path = g_strdup_printf("/containers/%s/stats?stream=0&one-shot=1", container->id);
		BERTH_AUTO_JSON json_t *stats = runs ? berth_client_json(model->client, "GET", path, NULL, NULL) : NULL;
		if (stats)
			take_stats(container, stats, g_get_monotonic_time());
		else
			forget_stats(container);
	}
	if (!list)
		model->trouble = g_strdup(error->message);
	top_model_arrange(model);
}

static int by_number(double left, double right)
{
	return left < right ? 1 : left > right ? -1 : 0; // the most first
}

static int compare(const void *a, const void *b, void *data)
{
	const struct top_model *model = data;
	const struct top_container *left = *(struct top_container *const *) a,
				   *right = *(struct top_container *const *) b;
	int order = 0;

	switch (model->sort) {
	case TOP_SORT_CPU:
		order = by_number(left->cpu, right->cpu);
		break;
	case TOP_SORT_MEMORY:
		order = by_number((double) left->memory, (double) right->memory);
		break;
	case TOP_SORT_NETWORK:
		order = by_number(left->received + left->sent, right->received + right->sent);
		break;
	case TOP_SORT_IO:
		order = by_number(left->read + left->written, right->read + right->written);
		break;
	case TOP_SORT_PIDS:
		order = by_number((double) left->pids, (double) right->pids);
		break;
	default:
		break;
	}
	if (order == 0)
		order = strcmp(left->name, right->name);
	return model->reverse ? -order : order;
}

static bool passes(const struct top_model *model, const struct top_container *container)
{
	return !model->filter || !*model->filter || strstr(container->name, model->filter) ||
	       strstr(container->image, model->filter) || strstr(container->status, model->filter);
}

static int index_of(const struct top_model *model, const char *id)
{
	for (guint i = 0; id && i < model->shown->len; i++)
		if (strcmp(((struct top_container *) model->shown->pdata[i])->id, id) == 0)
			return (int) i;
	return -1;
}

void top_model_arrange(struct top_model *model)
{
	g_ptr_array_set_size(model->shown, 0);
	for (guint i = 0; i < model->containers->len; i++)
		if (passes(model, model->containers->pdata[i]))
			g_ptr_array_add(model->shown, model->containers->pdata[i]);
	g_ptr_array_sort_with_data(model->shown, compare, model);
	if (index_of(model, model->selected) < 0) {
		g_clear_pointer(&model->selected, g_free);
		if (model->shown->len > 0)
			model->selected = g_strdup(((struct top_container *) model->shown->pdata[0])->id);
	}
}

void top_model_move(struct top_model *model, int by)
{
	int at = index_of(model, model->selected) + by;

	if (model->shown->len == 0)
		return;
	at = CLAMP(at, 0, (int) model->shown->len - 1);
	g_free(model->selected);
	model->selected = g_strdup(((struct top_container *) model->shown->pdata[at])->id);
}

struct top_container *top_model_selected(const struct top_model *model)
{
	int at = index_of(model, model->selected);

	return at < 0 ? NULL : model->shown->pdata[at];
}

// Reads what a log's answer has, its frames taken off; of a terminal's there are none.
static char *read_log(struct berth_answer *answer)
{
	bool framed = strcmp(berth_answer_type(answer), "application/vnd.docker.multiplexed-stream") == 0;
	g_autoptr(GString) raw = g_string_new(NULL), log = g_string_new(NULL);
	char buffer[8192];
	ssize_t count;

	while (raw->len < LOG_BYTES && (count = berth_answer_read(answer, buffer, sizeof buffer, NULL)) > 0)
		g_string_append_len(raw, buffer, count);
	if (!framed)
		return g_string_free(g_steal_pointer(&raw), FALSE);
	for (size_t at = 0; at + 8 <= raw->len;) {
		const unsigned char *head = (const unsigned char *) raw->str + at;
		size_t length = (size_t) head[4] << 24 | (size_t) head[5] << 16 | (size_t) head[6] << 8 | head[7];
		at += 8;
		length = MIN(length, raw->len - at);
		g_string_append_len(log, raw->str + at, (gssize) length);
		at += length;
	}
	return g_string_free(g_steal_pointer(&log), FALSE);
}

char **top_model_log(struct top_model *model)
{
	const struct top_container *container = top_model_selected(model);
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_answer) answer = NULL;

	if (container) {
		g_autofree char *path =
			g_strdup_printf("/containers/%s/logs?stdout=1&stderr=1&tail=%d", container->id, TOP_LOG_LINES);
		answer = berth_client_call(model->client, &(struct berth_call){.method = "GET", .path = path}, &error);
	}
	g_autofree char *log = answer ? read_log(answer) : g_strdup(error ? error->message : "");
	g_autofree char *whole = g_utf8_make_valid(log, -1);
	g_auto(GStrv) lines = g_strsplit(g_strchomp(whole), "\n", -1);
	for (char **line = lines; *line; line++) {
		char *to = *line;
		for (const char *from = *line; *from; from++)
			if ((unsigned char) *from >= ' ' && *from != 0x7f)
				*to++ = *from;
			else if (*from == '\t')
				*to++ = ' ';
		*to = 0;
	}
	return g_steal_pointer(&lines);
}

static void tell(struct top_model *model, char *message)
{
	g_free(model->message);
	model->message = message;
}

void top_model_act(struct top_model *model, const char *method, const char *path, const char *doing)
{
	const struct top_container *container = top_model_selected(model);
	g_autoptr(GError) error = NULL;

	if (!container)
		return;
	if (model->pending) {
		tell(model, g_strdup_printf("wait: %s", model->doing));
		return;
	}
	g_autofree char *whole = g_strconcat("/containers/", container->id, path, NULL);
	model->pending =
		berth_client_begin(model->client, &(struct berth_call){.method = method, .path = whole}, &error);
	if (!model->pending) {
		tell(model, g_strdup(error->message));
		return;
	}
	g_free(model->doing);
	model->doing = g_strdup_printf("%s %s", doing, container->name);
	tell(model, g_strdup_printf("%s ...", model->doing));
}

bool top_model_poll(struct top_model *model)
{
	g_autoptr(GError) error = NULL;

	if (!model->pending)
		return false;
	struct pollfd wait = {.fd = berth_answer_fd(model->pending), .events = POLLIN};
	if (poll(&wait, 1, 0) <= 0)
		return false;
	if (berth_answer_wait(model->pending, &error))
		tell(model, g_strdup_printf("%s: done", model->doing));
	else
		tell(model, g_strdup_printf("%s: %s", model->doing, error->message));
	g_clear_pointer(&model->pending, berth_answer_free);
	return true;
}
