// SPDX-License-Identifier: Apache-2.0
#include "api/tests/fake-engine.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "spec/api-container.h"
#include "spec/api-system.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#define IMAGE_ID "sha256:1111111111111111111111111111111111111111111111111111111111111111"

struct berth_engine {
	pthread_mutex_t lock;
	char *last, *event;
	int exit_status; // -1: runs
	int streams;
	unsigned events; // sent so far
};

struct berth_engine *fake_engine_new(void)
{
	struct berth_engine *engine = g_new0(struct berth_engine, 1);

	pthread_mutex_init(&engine->lock, NULL);
	engine->exit_status = -1;
	return engine;
}

void fake_engine_free(struct berth_engine *engine)
{
	pthread_mutex_destroy(&engine->lock);
	g_free(engine->last);
	g_free(engine->event);
	g_free(engine);
}

void fake_note(struct berth_engine *engine, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	pthread_mutex_lock(&engine->lock);
	g_free(engine->last);
	engine->last = g_strdup_vprintf(format, arguments);
	pthread_mutex_unlock(&engine->lock);
	va_end(arguments);
}

char *fake_last(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	char *last = g_strdup(engine->last);
	pthread_mutex_unlock(&engine->lock);
	return last;
}

void fake_exit(struct berth_engine *engine, int status)
{
	pthread_mutex_lock(&engine->lock);
	engine->exit_status = status;
	pthread_mutex_unlock(&engine->lock);
}

static int exit_status(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	int status = engine->exit_status;
	pthread_mutex_unlock(&engine->lock);
	return status;
}

void fake_event(struct berth_engine *engine, const char *action)
{
	pthread_mutex_lock(&engine->lock);
	g_free(engine->event);
	engine->event = g_strdup(action);
	engine->events++;
	pthread_mutex_unlock(&engine->lock);
}

int fake_streams(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	int streams = engine->streams;
	pthread_mutex_unlock(&engine->lock);
	return streams;
}

void fake_add_stream(struct berth_engine *engine, int by)
{
	pthread_mutex_lock(&engine->lock);
	engine->streams += by;
	pthread_mutex_unlock(&engine->lock);
}

static bool find(const char *container, GError **error)
{
	return strcmp(container, "box") == 0 ||
	       berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", container);
}

struct berth_images *berth_engine_images(struct berth_engine *engine)
{
	return (struct berth_images *) engine;
}

void berth_objects_free(GPtrArray *objects, const struct berth_document *document)
{
	for (guint i = 0; objects && i < objects->len; i++)
		berth_document_free(document, objects->pdata[i]);
	if (objects)
		g_ptr_array_unref(objects);
}

struct api_container_created *berth_engine_container_create(struct berth_engine *engine, const char *name,
							    const struct api_container_create *create, GError **error)
{
	if (g_strcmp0(name, "taken") == 0) {
		berth_error_set(error, BERTH_ERROR_CONFLICT,
				"Conflict. The container name \"/taken\" is already in use");
		return NULL;
	}
	fake_note(engine, "create %s %s", name ? name : "-", create->config.image);
	struct api_container_created *created = berth_document_new(&api_container_created_document);
	created->id = g_strdup("abc");
	return created;
}

bool berth_engine_container_start(struct berth_engine *engine, const char *container, const char *checkpoint,
				  G_GNUC_UNUSED const char *folder, GError **error)
{
	if (checkpoint)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "checkpoint %s does not exist", checkpoint);
	fake_note(engine, "start %s", container);
	if (strcmp(container, "running") == 0)
		return berth_error_set(error, BERTH_ERROR_NOT_MODIFIED, "container running: is running already");
	return find(container, error);
}

bool berth_engine_container_stop(struct berth_engine *engine, const char *container, const char *signal,
				 int64_t timeout, GError **error)
{
	fake_note(engine, "stop %s %s %" G_GINT64_FORMAT, container, signal ? signal : "-", timeout);
	return find(container, error);
}

bool berth_engine_container_restart(struct berth_engine *engine, const char *container, const char *signal,
				    int64_t timeout, GError **error)
{
	fake_note(engine, "restart %s %s %" G_GINT64_FORMAT, container, signal ? signal : "-", timeout);
	return find(container, error);
}

bool berth_engine_container_kill(struct berth_engine *engine, const char *container, const char *signal, GError **error)
{
	fake_note(engine, "kill %s %s", container, signal ? signal : "-");
	return find(container, error);
}

bool berth_engine_container_pause(struct berth_engine *engine, const char *container, GError **error)
{
	fake_note(engine, "pause %s", container);
	return find(container, error);
}

bool berth_engine_container_unpause(struct berth_engine *engine, const char *container, GError **error)
{
	fake_note(engine, "unpause %s", container);
	return find(container, error);
}

bool berth_engine_container_rename(struct berth_engine *engine, const char *container, const char *name, GError **error)
{
	fake_note(engine, "rename %s %s", container, name);
	return find(container, error);
}

bool berth_engine_container_remove(struct berth_engine *engine, const char *container, bool force, bool volumes,
				   GError **error)
{
	fake_note(engine, "remove %s %d %d", container, force, volumes);
	return find(container, error);
}

bool berth_engine_link_remove(struct berth_engine *engine, const char *link, GError **error)
{
	fake_note(engine, "unlink %s", link);
	return find(link, error);
}

bool berth_engine_container_resize(struct berth_engine *engine, const char *container, unsigned width, unsigned height,
				   GError **error)
{
	fake_note(engine, "resize %s %ux%u", container, width, height);
	return find(container, error);
}

struct berth_wait {
	struct berth_engine *engine;
};

struct berth_wait *berth_engine_wait_register(struct berth_engine *engine, const char *container,
					      enum berth_wait_condition condition, GError **error)
{
	fake_note(engine, "wait %s %d", container, condition);
	if (!find(container, error))
		return NULL;
	struct berth_wait *wait = g_new0(struct berth_wait, 1);
	wait->engine = engine;
	return wait;
}

bool berth_engine_wait(struct berth_wait *wait, bool (*canceled)(void *data), void *data,
		       struct api_container_wait **ret, GError **error)
{
	fake_add_stream(wait->engine, 1);
	while (exit_status(wait->engine) < 0 && !canceled(data))
		g_usleep(10000);
	fake_add_stream(wait->engine, -1);
	if (exit_status(wait->engine) < 0)
		return berth_error_set(error, BERTH_ERROR_CANCELED, "waiting: canceled");
	*ret = berth_document_new(&api_container_wait_document);
	(*ret)->status_code = exit_status(wait->engine);
	return true;
}

void berth_wait_free(struct berth_wait *wait)
{
	g_free(wait);
}

bool berth_engine_container_attach_check(G_GNUC_UNUSED struct berth_engine *engine, const char *container,
					 bool *ret_tty, GError **error)
{
	*ret_tty = false;
	return find(container, error);
}

// As a monitor would: upper case back, until the client closes its side; then "bye" and the end.
static void *echo(void *data)
{
	berth_fd socket = GPOINTER_TO_INT(data);
	char buffer[256];
	ssize_t count;

	while ((count = read(socket, buffer, sizeof buffer)) != 0) {
		if (count < 0 && errno == EAGAIN) {
			g_usleep(1000);
			continue;
		}
		if (count < 0)
			return NULL;
		for (ssize_t i = 0; i < count; i++)
			buffer[i] = g_ascii_toupper(buffer[i]);
		if (!berth_write_all(socket, buffer, (size_t) count, "echo", NULL))
			return NULL;
	}
	berth_write_all(socket, "bye", 3, "echo", NULL);
	shutdown(socket, SHUT_WR);
	return NULL;
}

bool berth_engine_container_attach(struct berth_engine *engine, G_GNUC_UNUSED const char *container, int socket,
				   const struct berth_engine_attach *attach, GError **error)
{
	pthread_t thread;

	fake_note(engine, "attach %d%d%d%d%d %s", attach->in, attach->out, attach->err, attach->logs, attach->stream,
		  attach->detach_keys ? attach->detach_keys : "-");
	if (attach->detach_keys)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "too many clients");
	if (!attach->in)
		return berth_write_all(socket, "output", 6, "attach", error);
	int copy = dup(socket);
	if (pthread_create(&thread, NULL, echo, GINT_TO_POINTER(copy)) != 0)
		g_error("no thread");
	pthread_detach(thread);
	return true;
}

GPtrArray *berth_engine_container_list(struct berth_engine *engine, const struct berth_list_query *query,
				       G_GNUC_UNUSED GError **error)
{
	GPtrArray *list = g_ptr_array_new();
	struct api_container_summary *summary = berth_document_new(&api_container_summary_document);
	char **status = query->filters ? g_hash_table_lookup(query->filters, "status") : NULL;

	fake_note(engine, "list %d %d %" G_GINT64_FORMAT " %s", query->all, query->size, query->limit,
		  status && status[0] ? status[0] : "-");
	summary->id = g_strdup("abc");
	summary->image_id = g_strdup(IMAGE_ID);
	g_ptr_array_add(list, summary);
	return list;
}

struct api_container_inspect *berth_engine_container_inspect(struct berth_engine *engine, const char *container,
							     bool size, GError **error)
{
	fake_note(engine, "inspect %s %d", container, size);
	if (!find(container, error))
		return NULL;
	struct api_container_inspect *inspect = berth_document_new(&api_container_inspect_document);
	inspect->id = g_strdup("box");
	return inspect;
}

bool berth_engine_container_stats(struct berth_engine *engine, const char *container, enum berth_stats_mode mode,
				  berth_stats_fn *each, void *data, GError **error)
{
	g_autoptr(api_stats) stats = berth_document_new(&api_stats_document);

	(void) engine;
	if (!find(container, error))
		return false;
	while (each(data, stats) && mode == BERTH_STATS_STREAM)
		;
	return true;
}

struct api_container_top *berth_engine_container_top(struct berth_engine *engine, const char *container,
						     const char *ps_arguments, GError **error)
{
	fake_note(engine, "top %s %s", container, ps_arguments ? ps_arguments : "-");
	return find(container, error) ? berth_document_new(&api_container_top_document) : NULL;
}

bool berth_engine_tell_prune(struct berth_engine *engine, const char *type, int64_t reclaimed, GError **error)
{
	(void) engine;
	(void) type;
	(void) reclaimed;
	(void) error;
	return true;
}

struct api_prune_report *berth_engine_container_prune(struct berth_engine *engine, G_GNUC_UNUSED GHashTable *filters,
						      G_GNUC_UNUSED GError **error)
{
	fake_note(engine, "prune");
	return berth_document_new(&api_prune_report_document);
}

bool berth_engine_container_logs_check(struct berth_engine *engine, const char *container, bool *ret_tty,
				       GError **error)
{
	(void) engine;
	*ret_tty = false;
	return find(container, error);
}

bool berth_engine_container_logs(struct berth_engine *engine, G_GNUC_UNUSED const char *container,
				 const struct berth_engine_logs *query, berth_log_fn *each, void *data, GError **error)
{
	static const char attributes[] = "{\"b\":\"2 3\",\"a\":\"1\"}";
	static const struct berth_engine_log_record records[] = {
		{1, 1500000000000000000, "hello\n", 6, attributes, sizeof attributes - 1},
		{2, 1500000000000000001, "oh\n", 3, NULL, 0},
	};
	bool wanted = each(data, &records[0]) && each(data, &records[1]);

	fake_note(engine, "logs %d%d%d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, query->out,
		  query->err, query->follow, query->since, query->until, query->tail);
	if (query->tail == 13)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "log file: broken");
	fake_add_stream(engine, 1);
	while (query->follow && wanted && exit_status(engine) < 0) {
		g_usleep(10000);
		wanted = each(data, NULL);
	}
	fake_add_stream(engine, -1);
	return true;
}

struct api_version *berth_engine_version(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED GError **error)
{
	struct api_version *version = berth_document_new(&api_version_document);

	version->version = g_strdup("0.1.0");
	return version;
}

struct api_info *berth_engine_info(G_GNUC_UNUSED struct berth_engine *engine, GError **error)
{
	berth_error_set(error, BERTH_ERROR_INTERNAL, "reading /proc/meminfo: \"<&>\" is broken");
	return NULL;
}

bool berth_engine_events(struct berth_engine *engine, int64_t since, int64_t until, G_GNUC_UNUSED GHashTable *filters,
			 berth_event_stream_fn *each, void *data, G_GNUC_UNUSED GError **error)
{
	unsigned seen = 0;
	bool wanted = true;

	fake_note(engine, "events %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, since, until);
	fake_add_stream(engine, 1);
	while (wanted && until == 0) {
		g_usleep(10000);
		pthread_mutex_lock(&engine->lock);
		g_autofree char *action = seen < engine->events ? g_strdup(engine->event) : NULL;
		seen = engine->events;
		pthread_mutex_unlock(&engine->lock);
		struct api_event event = {.action = action};
		wanted = each(data, action ? &event : NULL);
	}
	fake_add_stream(engine, -1);
	return true;
}

static struct api_network_summary *fake_network(void)
{
	struct api_network_summary *network = berth_document_new(&api_network_summary_document);

	network->name = g_strdup("net");
	network->id = g_strdup("000");
	return network;
}

static bool find_network(const char *network, GError **error)
{
	return strcmp(network, "net") == 0 ||
	       berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", network);
}

GPtrArray *berth_engine_network_list(struct berth_engine *engine, GHashTable *filters, G_GNUC_UNUSED GError **error)
{
	GPtrArray *list = g_ptr_array_new();
	char **driver = filters ? g_hash_table_lookup(filters, "driver") : NULL;

	fake_note(engine, "networks %s", driver && driver[0] ? driver[0] : "-");
	g_ptr_array_add(list, fake_network());
	return list;
}

struct api_network_summary *berth_engine_network_inspect(struct berth_engine *engine, const char *network,
							 GError **error)
{
	fake_note(engine, "network %s", network);
	return find_network(network, error) ? fake_network() : NULL;
}

struct api_network_created *berth_engine_network_create(struct berth_engine *engine,
							const struct api_network_create *create, GError **error)
{
	if (g_strcmp0(create->name, "taken") == 0) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "network with name taken already exists");
		return NULL;
	}
	fake_note(engine, "network-create %s %s %d %d", create->name, create->driver ? create->driver : "-",
		  create->internal, create->enable_ipv6);
	struct api_network_created *created = berth_document_new(&api_network_created_document);
	created->id = g_strdup("000");
	return created;
}

bool berth_engine_network_remove(struct berth_engine *engine, const char *network, GError **error)
{
	fake_note(engine, "network-remove %s", network);
	if (strcmp(network, "bridge") == 0)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "bridge is a pre-defined network and cannot be removed");
	return find_network(network, error);
}

struct api_network_prune_report *
berth_engine_network_prune(struct berth_engine *engine, G_GNUC_UNUSED GHashTable *filters, G_GNUC_UNUSED GError **error)
{
	struct api_network_prune_report *report = berth_document_new(&api_network_prune_report_document);

	fake_note(engine, "network-prune");
	report->networks_deleted = g_strsplit("net", ",", 0);
	return report;
}

bool berth_engine_network_connect(struct berth_engine *engine, const char *network, const char *container,
				  const struct api_endpoint_settings *settings, GError **error)
{
	fake_note(engine, "connect %s %s %s", network, container,
		  settings && settings->aliases ? settings->aliases[0] : "-");
	return find_network(network, error) && find(container, error);
}

bool berth_engine_network_disconnect(struct berth_engine *engine, const char *network, const char *container,
				     bool force, GError **error)
{
	fake_note(engine, "disconnect %s %s %d", network, container, force);
	return find_network(network, error) && find(container, error);
}

struct api_container_updated *berth_engine_container_update(struct berth_engine *engine, const char *container,
							    struct api_container_update *update, GError **error)
{
	fake_note(engine, "update %s %d %d%s%s", container,
		  update->publish_add ? (int) g_hash_table_size(update->publish_add) : -1,
		  update->publish_rm ? (int) g_hash_table_size(update->publish_rm) : -1, update->has_limits ? " " : "",
		  update->has_limits ? update->limits.restart_policy->name : "");
	return find(container, error) ? berth_document_new(&api_container_updated_document) : NULL;
}

// Images. A load or import reads the whole body and tells of its length; a body that begins with "bad" is refused after
// 3 bytes.
static int64_t drain(int fd, GError **error)
{
	char buffer[4096];
	int64_t total = 0;
	ssize_t count;

	while ((count = read(fd, buffer, sizeof buffer)) > 0) {
		if (total == 0 && count >= 3 && memcmp(buffer, "bad", 3) == 0) {
			berth_error_set(error, BERTH_ERROR_INVALID, "archive: not a tar");
			return -1;
		}
		total += count;
	}
	if (count < 0)
		berth_error_set_errno(error, errno, "reading the archive");
	return count < 0 ? -1 : total;
}

char *berth_images_import(struct berth_images *images, int fd, const char *name, char *const *changes,
			  const char *message, const char *platform, berth_progress_fn *progress, void *data,
			  GError **error)
{
	g_autofree char *lines = changes ? g_strjoinv("|", (char **) changes) : NULL;
	int64_t size = drain(fd, error);

	fake_note((struct berth_engine *) images, "import %s [%s] %s %s %" G_GINT64_FORMAT, name ? name : "-",
		  lines ? lines : "", message ? message : "-", platform ? platform : "-", size);
	if (size < 0)
		return NULL;
	if (size == 4) {
		progress(data, &(struct api_progress){.status = (char *) (uintptr_t) "Importing"});
		berth_error_set(error, BERTH_ERROR_INVALID, "layer: broken in the middle");
		return NULL;
	}
	return g_strdup(IMAGE_ID);
}

bool berth_images_load(struct berth_images *images, int fd, berth_progress_fn *progress, void *data, GError **error)
{
	int64_t size = drain(fd, error);

	fake_note((struct berth_engine *) images, "load %" G_GINT64_FORMAT, size);
	if (size < 0)
		return false;
	progress(data, &(struct api_progress){.status = (char *) (uintptr_t) "Loading layer"});
	progress(data, &(struct api_progress){.stream = (char *) (uintptr_t) "Loaded image: busybox:latest\n"});
	return true;
}

#define SAVED_SIZE (1 << 20)

struct berth_image_save {
	int64_t given;
	bool broken;
};

struct berth_image_save *berth_images_save(struct berth_images *images, char *const *names, int64_t *ret_size,
					   GError **error)
{
	g_autofree char *list = g_strjoinv(" ", (char **) names);

	for (char *const *name = names; *name; name++) {
		g_autofree char *id = berth_images_resolve(images, *name, error);
		if (!id)
			return NULL;
	}
	struct berth_image_save *save = g_new0(struct berth_image_save, 1);
	fake_note((struct berth_engine *) images, "save %s", list);
	save->broken = strchr(list, '@');
	*ret_size = SAVED_SIZE;
	return save;
}

void berth_image_save_free(struct berth_image_save *save)
{
	g_free(save);
}

gssize berth_image_save_read(struct berth_image_save *save, void *data, size_t size, GError **error)
{
	if (save->broken && save->given > SAVED_SIZE / 2) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "blob: broken");
		return -1;
	}
	size = MIN(size, (size_t) (SAVED_SIZE - save->given));
	memset(data, 0, size);
	save->given += (int64_t) size;
	return (gssize) size;
}

char *berth_images_resolve(G_GNUC_UNUSED struct berth_images *images, const char *name_or_id, GError **error)
{
	if (g_str_has_prefix(name_or_id, "busybox") || g_str_has_suffix(name_or_id, "library/busybox"))
		return g_strdup(IMAGE_ID);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such image: %s", name_or_id);
	return NULL;
}

bool berth_images_tag(struct berth_images *images, const char *name_or_id, const char *new_name, GError **error)
{
	g_autofree char *id = berth_images_resolve(images, name_or_id, error);

	fake_note((struct berth_engine *) images, "tag %s %s", name_or_id, new_name);
	return id;
}

GPtrArray *berth_images_remove(struct berth_images *images, const char *name_or_id, bool force, bool prune,
			       GError **error)
{
	g_autofree char *id = berth_images_resolve(images, name_or_id, error);

	fake_note((struct berth_engine *) images, "rmi %s %d %d", name_or_id, force, prune);
	return id ? g_ptr_array_new() : NULL;
}

GPtrArray *berth_images_list(struct berth_images *images, GHashTable *filters, bool all, G_GNUC_UNUSED GError **error)
{
	GPtrArray *list = g_ptr_array_new();
	struct api_image_summary *image = berth_document_new(&api_image_summary_document);

	fake_note((struct berth_engine *) images, "images %d %d", all, filters ? (int) g_hash_table_size(filters) : -1);
	image->id = g_strdup(IMAGE_ID);
	g_ptr_array_add(list, image);
	return list;
}

struct api_image_inspect *berth_images_inspect(struct berth_images *images, const char *name_or_id, GError **error)
{
	g_autofree char *id = berth_images_resolve(images, name_or_id, error);

	if (!id)
		return NULL;
	fake_note((struct berth_engine *) images, "image %s", name_or_id);
	struct api_image_inspect *image = berth_document_new(&api_image_inspect_document);
	image->id = g_strdup(id);
	return image;
}

struct api_image_tree *berth_images_tree(struct berth_images *images, char *const *names, GError **error)
{
	struct api_image_tree *tree = berth_document_new(&api_image_tree_document);

	(void) images, (void) names, (void) error;
	tree->images = berth_objects_new();
	tree->layers = berth_objects_new();
	return tree;
}

struct api_check_report *berth_images_check(struct berth_images *images, bool repair, GError **error)
{
	struct api_check_report *report = berth_document_new(&api_check_report_document);

	(void) images, (void) error;
	report->problems = berth_objects_new();
	report->whole = repair;
	return report;
}

GPtrArray *berth_images_history(struct berth_images *images, const char *name_or_id, GError **error)
{
	g_autofree char *id = berth_images_resolve(images, name_or_id, error);

	return id ? g_ptr_array_new() : NULL;
}

uint64_t berth_engine_generation(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	uint64_t generation = engine->events;
	pthread_mutex_unlock(&engine->lock);
	return generation;
}

// Nobody is asked.
bool berth_engine_authorizes(G_GNUC_UNUSED struct berth_engine *engine)
{
	return false;
}

bool berth_engine_authorize(G_GNUC_UNUSED struct berth_engine *engine,
			    G_GNUC_UNUSED const struct berth_authorization *request, G_GNUC_UNUSED char ***ret_plugins,
			    G_GNUC_UNUSED GError **error)
{
	g_assert_not_reached();
}

bool berth_engine_authorize_answer(G_GNUC_UNUSED struct berth_engine *engine, G_GNUC_UNUSED char *const *plugins,
				   G_GNUC_UNUSED const struct berth_authorization *request,
				   G_GNUC_UNUSED unsigned status, G_GNUC_UNUSED GHashTable *headers,
				   G_GNUC_UNUSED const void *body, G_GNUC_UNUSED size_t length,
				   G_GNUC_UNUSED GError **error)
{
	g_assert_not_reached();
}

void berth_engine_metrics(G_GNUC_UNUSED struct berth_engine *engine, GString *out)
{
	g_string_append(out, "fake_metric 1\n");
}
