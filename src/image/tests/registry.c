// SPDX-License-Identifier: Apache-2.0
#include "image/tests/registry.h"

#include "image/images-internal.h"
#include "image/tests/tarball.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>

#define PIECE (64 << 10)
#define PIECE_TIME 5000 // microseconds

static void object_free(gpointer data)
{
	struct registry_object *object = data;

	g_free(object->media_type);
	g_bytes_unref(object->bytes);
	g_free(object);
}

static void put(struct registry *registry, char *path, const char *media_type, const void *data, size_t length)
{
	struct registry_object *object = g_new(struct registry_object, 1);

	object->media_type = g_strdup(media_type);
	object->bytes = g_bytes_new(data, length);
	pthread_mutex_lock(&registry->lock);
	g_hash_table_replace(registry->objects, path, object);
	pthread_mutex_unlock(&registry->lock);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text,
				   const char *header, const char *value)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (char *) text, MHD_RESPMEM_MUST_COPY);

	if (header)
		MHD_add_response_header(response, header, value);
	return answer(connection, status, response);
}

struct piece {
	GBytes *bytes;
	gsize first;
};

static ssize_t give_slowly(void *data, uint64_t position, char *buffer, size_t size)
{
	const struct piece *piece = data;
	gsize length;
	const char *bytes = g_bytes_get_data(piece->bytes, &length);
	gsize at = piece->first + position, count = MIN(size, length - at);

	if (count == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	memcpy(buffer, bytes + at, count);
	g_usleep(PIECE_TIME);
	return (ssize_t) count;
}

static void piece_free(void *data)
{
	g_bytes_unref(((struct piece *) data)->bytes);
	g_free(data);
}

static struct MHD_Response *content(const struct registry *registry, const struct registry_object *object, gsize first)
{
	gsize length;
	const char *data = g_bytes_get_data(object->bytes, &length);

	if (!registry->slow)
		return MHD_create_response_from_buffer(length - first, (char *) data + first, MHD_RESPMEM_MUST_COPY);
	struct piece *piece = g_new(struct piece, 1);
	*piece = (struct piece){g_bytes_ref(object->bytes), first};
	return MHD_create_response_from_callback(length - first, PIECE, give_slowly, piece, piece_free);
}

static enum MHD_Result answer_object(const struct registry *registry, struct MHD_Connection *connection,
				     const struct registry_object *object, const char *range)
{
	gsize length, first = 0;
	const char *data = g_bytes_get_data(object->bytes, &length);
	g_autofree char *digest = tarball_digest(data, length);

	if (range && g_str_has_prefix(range, "bytes="))
		first = MIN(length, (gsize) g_ascii_strtoull(range + strlen("bytes="), NULL, 10));
	struct MHD_Response *response = content(registry, object, first);
	if (object->media_type) {
		MHD_add_response_header(response, "Content-Type", object->media_type);
		MHD_add_response_header(response, "Docker-Content-Digest", digest);
	}
	if (range) {
		g_autofree char *text = g_strdup_printf("bytes %zu-%zu/%zu", first, length - 1, length);
		MHD_add_response_header(response, "Content-Range", text);
	}
	return answer(connection, range ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
}

static enum MHD_Result answer_tags(struct registry *registry, struct MHD_Connection *connection, const char *url)
{
	g_autofree char *prefix = g_strdup_printf("%.*smanifests/", (int) (strlen(url) - strlen("tags/list")), url);
	g_autoptr(GString) text = g_string_new("{\"name\":\"x\",\"tags\":[");
	g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(registry->objects), (GCompareFunc) strcmp);
	bool first = true;

	for (GList *path = paths; path; path = path->next) {
		const char *tag = (char *) path->data + strlen(prefix);
		if (!g_str_has_prefix(path->data, prefix) || strchr(tag, ':'))
			continue;
		g_string_append_printf(text, "%s\"%s\"", first ? "" : ",", tag);
		first = false;
	}
	g_string_append(text, "]}");
	return answer_text(connection, MHD_HTTP_OK, text->str, "Content-Type", "application/json");
}

// The lock is held.
static enum MHD_Result get(struct registry *registry, struct MHD_Connection *connection, const char *url)
{
	const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");

	while (g_strcmp0(registry->wait_path, url) == 0)
		pthread_cond_wait(&registry->gone_on, &registry->lock);
	const struct registry_object *object = g_hash_table_lookup(registry->objects, url);
	if (object)
		return answer_object(registry, connection, object, range);
	if (g_str_equal(url, "/v2/"))
		return answer_text(connection, MHD_HTTP_OK, "{}", NULL, NULL);
	if (g_str_has_suffix(url, "/tags/list"))
		return answer_tags(registry, connection, url);
	return answer_text(connection, MHD_HTTP_NOT_FOUND,
			   "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"unknown\"}]}", "Content-Type",
			   "application/json");
}

// A mount, or the beginning of an upload.
static enum MHD_Result post(struct registry *registry, struct MHD_Connection *connection, const char *url)
{
	const char *digest = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "mount");
	const char *from = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "from");
	g_autofree char *repository = g_strndup(url, strlen(url) - strlen("uploads/"));

	if (digest && from) {
		g_autofree char *source = g_strconcat("/v2/", from, "/blobs/", digest, NULL);
		struct registry_object *there = g_hash_table_lookup(registry->objects, source);
		if (there) {
			struct registry_object *object = g_new0(struct registry_object, 1);
			object->bytes = g_bytes_ref(there->bytes);
			char *path = g_strconcat(repository, digest, NULL);
			g_hash_table_replace(registry->objects, path, object);
			return answer_text(connection, MHD_HTTP_CREATED, "", "Location", path);
		}
	}
	g_autofree char *place = g_strdup_printf("%suploads/%u", repository, registry->uploads++);
	return answer_text(connection, MHD_HTTP_ACCEPTED, "", "Location", place);
}

// The end of an upload: all of a blob; or a manifest.
static enum MHD_Result put_request(struct registry *registry, struct MHD_Connection *connection, const char *url,
				   const GByteArray *body)
{
	const char *digest = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "digest");
	const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
	const char *upload = strstr(url, "/uploads/");
	g_autofree char *found = tarball_digest(body->data, body->len);
	struct registry_object *object = g_new0(struct registry_object, 1);
	char *path;

	if (upload && g_strcmp0(digest, found) != 0) {
		g_free(object);
		return answer_text(connection, MHD_HTTP_BAD_REQUEST, "", NULL, NULL);
	}
	object->bytes = g_bytes_new(body->data, body->len);
	if (upload) {
		path = g_strdup_printf("%.*s/%s", (int) (upload - url), url, digest);
	} else {
		path = g_strdup(url);
		object->media_type = g_strdup(type);
		struct registry_object *by_digest = g_new0(struct registry_object, 1);
		by_digest->bytes = g_bytes_ref(object->bytes);
		by_digest->media_type = g_strdup(type);
		g_hash_table_replace(registry->objects,
				     g_strdup_printf("%.*s/%s", (int) (strrchr(url, '/') - url), url, found),
				     by_digest);
	}
	g_hash_table_replace(registry->objects, path, object);
	return answer_text(connection, MHD_HTTP_CREATED, "", "Docker-Content-Digest", found);
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload_data, size_t *upload_size, void **state)
{
	struct registry *registry = data;
	enum MHD_Result result;

	(void) version;
	if (!*state) {
		*state = g_byte_array_new();
		return MHD_YES;
	}
	if (*upload_size > 0) {
		g_byte_array_append(*state, (const guint8 *) upload_data, (guint) *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
	pthread_mutex_lock(&registry->lock);
	g_string_append_printf(registry->log, "%s %s%s%s\n", method, url, range ? " " : "", range ? range : "");
	if (g_str_equal(method, "POST"))
		result = post(registry, connection, url);
	else if (g_str_equal(method, "PUT"))
		result = put_request(registry, connection, url, *state);
	else
		result = get(registry, connection, url);
	pthread_mutex_unlock(&registry->lock);
	return result;
}

static void finish(void *data, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void) data, (void) connection, (void) code;
	if (*state)
		g_byte_array_unref(*state);
}

struct registry *registry_new(void)
{
	struct registry *registry = g_new0(struct registry, 1);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	pthread_mutex_init(&registry->lock, NULL);
	pthread_cond_init(&registry->gone_on, NULL);
	registry->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free);
	registry->log = g_string_new(NULL);
	registry->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
					    NULL, handle, registry, MHD_OPTION_SOCK_ADDR, &address,
					    MHD_OPTION_NOTIFY_COMPLETED, finish, NULL, MHD_OPTION_END);
	g_assert_nonnull(registry->daemon);
	registry->host =
		g_strdup_printf("127.0.0.1:%u", MHD_get_daemon_info(registry->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	return registry;
}

void registry_free(struct registry *registry)
{
	registry_go_on(registry);
	MHD_stop_daemon(registry->daemon);
	g_hash_table_unref(registry->objects);
	g_string_free(registry->log, true);
	pthread_cond_destroy(&registry->gone_on);
	pthread_mutex_destroy(&registry->lock);
	g_free(registry->host);
	g_free(registry);
}

char *registry_blob(struct registry *registry, const char *repository, const void *data, size_t length)
{
	char *digest = tarball_digest(data, length);

	put(registry, g_strconcat("/v2/", repository, "/blobs/", digest, NULL), NULL, data, length);
	return digest;
}

char *registry_manifest(struct registry *registry, const char *repository, const char *tag, const char *media_type,
			const char *text)
{
	char *digest = tarball_digest(text, strlen(text));

	if (tag)
		put(registry, g_strconcat("/v2/", repository, "/manifests/", tag, NULL), media_type, text,
		    strlen(text));
	put(registry, g_strconcat("/v2/", repository, "/manifests/", digest, NULL), media_type, text, strlen(text));
	return digest;
}

void registry_falsify(struct registry *registry, const char *repository, const char *digest, const char *content)
{
	put(registry, g_strconcat("/v2/", repository, "/blobs/", digest, NULL), NULL, content, strlen(content));
}

void registry_remove(struct registry *registry, const char *path)
{
	pthread_mutex_lock(&registry->lock);
	g_assert_true(g_hash_table_remove(registry->objects, path));
	pthread_mutex_unlock(&registry->lock);
}

char *registry_text(struct registry *registry, const char *repository, const char *object)
{
	g_autofree char *path = g_strconcat("/v2/", repository, "/", object, NULL);
	char *text = NULL;

	pthread_mutex_lock(&registry->lock);
	const struct registry_object *there = g_hash_table_lookup(registry->objects, path);
	if (there) {
		gsize length;
		const char *data = g_bytes_get_data(there->bytes, &length);
		text = g_strndup(data, length);
	}
	pthread_mutex_unlock(&registry->lock);
	return text;
}

guint registry_count(struct registry *registry, const char *text)
{
	guint count = 0;

	pthread_mutex_lock(&registry->lock);
	for (const char *at = registry->log->str; (at = strstr(at, text)); at += strlen(text))
		count++;
	pthread_mutex_unlock(&registry->lock);
	return count;
}

void registry_forget_log(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	g_string_truncate(registry->log, 0);
	pthread_mutex_unlock(&registry->lock);
}

void registry_wait(struct registry *registry, const char *path)
{
	pthread_mutex_lock(&registry->lock);
	registry->wait_path = g_strdup(path);
	pthread_mutex_unlock(&registry->lock);
}

void registry_go_on(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	g_clear_pointer(&registry->wait_path, g_free);
	pthread_cond_broadcast(&registry->gone_on);
	pthread_mutex_unlock(&registry->lock);
}

static void add_layer(struct registry *registry, const struct registry_image *image, guint i, GString *layers,
		      GString *diff_ids)
{
	g_autoptr(GByteArray) bytes = NULL;
	if (image->filter && !*image->filter)
		bytes = g_byte_array_ref((GByteArray *) image->layers[i]);
	else
		bytes = tarball_compress(image->layers[i], image->filter ? image->filter : "gzip");
	g_autofree char *digest = registry_blob(registry, image->repository, bytes->data, bytes->len);
	g_autofree char *diff_id = tarball_digest(image->layers[i]->data, image->layers[i]->len);
	const char *comma = i > 0 ? "," : "";

	g_string_append_printf(layers, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%u", comma,
			       image->layer_type ? image->layer_type : OCI_MEDIA_LAYER_GZIP, digest, bytes->len);
	if (image->url)
		g_string_append_printf(layers, ",\"urls\":[\"%s\"]", image->url);
	g_string_append_c(layers, '}');
	g_string_append_printf(diff_ids, "%s\"%s\"", comma, i == 0 && image->diff_id ? image->diff_id : diff_id);
}

char *registry_image(struct registry *registry, const struct registry_image *image, gsize *ret_size)
{
	g_autoptr(GString) layers = g_string_new(NULL), diff_ids = g_string_new(NULL);

	for (guint i = 0; i < image->count; i++)
		add_layer(registry, image, i, layers, diff_ids);
	for (guint i = 0; i < image->more_diff_ids; i++)
		g_string_append_printf(diff_ids, ",\"sha256:%064u\"", i);
	g_autofree char *config = g_strdup_printf(
		"{\"os\":\"%s\",\"architecture\":\"%s\",\"variant\":\"%s\",\"config\":{\"Cmd\":[\"sh\"]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		image->os ? image->os : "linux", image->architecture ? image->architecture : berth_image_architecture(),
		image->variant ? image->variant : "", diff_ids->str);
	g_autofree char *id = registry_blob(registry, image->repository, config, strlen(config));
	g_autofree char *text = g_strdup_printf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST
						"\",\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
						"\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
						id, strlen(config), layers->str);
	if (ret_size)
		*ret_size = strlen(text);
	return registry_manifest(registry, image->repository, image->tag, OCI_MEDIA_MANIFEST, text);
}
