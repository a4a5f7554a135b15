// SPDX-License-Identifier: Apache-2.0
#include "api/build-request.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

// Parameters that hold JSON

static json_t *read_json(const struct berth_request *request, const char *name, json_type type, GError **error)
{
	const char *text = berth_request_text(request, name);
	json_error_t problem;

	if (!text || !*text || strcmp(text, "null") == 0)
		return NULL;
	json_t *json = json_loads(text, 0, &problem);
	if (!json || json_typeof(json) != type) {
		json_decref(json);
		berth_error_set(error, BERTH_ERROR_INVALID, "query parameter %s: expected a JSON %s%s%s", name,
				type == JSON_OBJECT ? "object" : "array", json ? "" : ": ", json ? "" : problem.text);
		return NULL;
	}
	size_t size = type == JSON_OBJECT ? json_object_size(json) : json_array_size(json);
	if (size <= BERTH_LIMIT_BUILD_LIST)
		return json;
	json_decref(json);
	berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "query parameter %s: has more than %d elements", name,
			BERTH_LIMIT_BUILD_LIST);
	return NULL;
}

// {"NAME": "value"}; `nulls`: a value may be null.
static GHashTable *map_of(const json_t *json, const char *name, bool nulls, GError **error)
{
	GHashTable *map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) (uintptr_t) json, key, value)
	{
		if (!json_is_string(value) && !(nulls && json_is_null(value))) {
			berth_error_set(error, BERTH_ERROR_INVALID, "query parameter %s: %s: expected a string", name,
					key);
			g_hash_table_unref(map);
			return NULL;
		}
		g_hash_table_insert(map, g_strdup(key), g_strdup(json_string_value(value)));
	}
	return map;
}

static bool read_map(const struct berth_request *request, const char *name, bool nulls, GHashTable **ret,
		     GError **error)
{
	GError *failure = NULL;
	BERTH_AUTO_JSON json_t *json = read_json(request, name, JSON_OBJECT, &failure);

	if (json)
		*ret = map_of(json, name, nulls, &failure);
	if (!failure)
		return true;
	g_propagate_error(error, failure);
	return false;
}

// A list as JSON, or given several times.
static bool read_cache_from(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error)
{
	char *const *given = berth_request_list(request, "cachefrom");
	GError *failure = NULL;

	if (given && given[0] && given[0][0] != '[' && strcmp(given[0], "null") != 0) {
		wanted->cache_from = g_strdupv((char **) (uintptr_t) given);
		return true;
	}
	BERTH_AUTO_JSON json_t *json = read_json(request, "cachefrom", JSON_ARRAY, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	GStrvBuilder *list = g_strv_builder_new();
	for (size_t i = 0; i < json_array_size(json); i++)
		if (json_is_string(json_array_get(json, i)))
			g_strv_builder_add(list, json_string_value(json_array_get(json, i)));
	wanted->cache_from = g_strv_builder_end(list);
	g_strv_builder_unref(list);
	return true;
}

static void output_clear(void *data)
{
	struct berth_build_output *output = data;

	g_free((char *) (uintptr_t) output->type);
	g_clear_pointer(&output->attributes, g_hash_table_unref);
}

// [{"Type": "tar", "Attrs": {"dest": "x"}}]
static bool read_outputs(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error)
{
	GError *failure = NULL;
	BERTH_AUTO_JSON json_t *json = read_json(request, "outputs", JSON_ARRAY, &failure);

	wanted->outputs = g_array_new(FALSE, TRUE, sizeof(struct berth_build_output));
	g_array_set_clear_func(wanted->outputs, output_clear);
	if (!failure && json_array_size(json) > BERTH_LIMIT_BUILD_OUTPUTS)
		berth_error_set(&failure, BERTH_ERROR_RESOURCE_EXHAUSTED, "query parameter outputs: more than %d",
				BERTH_LIMIT_BUILD_OUTPUTS);
	for (size_t i = 0; !failure && i < json_array_size(json); i++) {
		const json_t *one = json_array_get(json, i), *attributes = json_object_get(one, "Attrs");
		const char *type = json_string_value(json_object_get(one, "Type"));
		if (!type) {
			berth_error_set(&failure, BERTH_ERROR_INVALID, "query parameter outputs: one has no Type");
			break;
		}
		struct berth_build_output output = {.type = g_strdup(type), .fd = -1};
		output.attributes = map_of(attributes, "outputs", false, &failure);
		g_array_append_val(wanted->outputs, output);
	}
	if (!failure)
		return true;
	g_propagate_error(error, failure);
	return false;
}

// Limits of what runs

static bool read_ulimits(struct api_host_config *limits, const struct berth_request *request, GError **error)
{
	GError *failure = NULL;
	BERTH_AUTO_JSON json_t *json = read_json(request, "ulimits", JSON_ARRAY, &failure);

	for (size_t i = 0; !failure && i < json_array_size(json); i++) {
		struct api_ulimit *ulimit =
			berth_document_parse(&api_ulimit_document, json_array_get(json, i), &failure);
		if (!limits->ulimits)
			limits->ulimits = berth_objects_new();
		if (ulimit)
			g_ptr_array_add(limits->ulimits, ulimit);
	}
	if (!failure)
		return true;
	g_prefix_error(&failure, "query parameter ulimits: ");
	g_propagate_error(error, failure);
	return false;
}

static char *text_of(const struct berth_request *request, const char *name)
{
	const char *text = berth_request_text(request, name);

	return text && *text ? g_strdup(text) : NULL;
}

static bool read_limits(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error)
{
	struct api_host_config *limits = wanted->limits = berth_document_new(&api_host_config_document);

	limits->memory = berth_request_integer(request, "memory", 0);
	limits->memory_swap = berth_request_integer(request, "memswap", 0);
	limits->cpu_shares = berth_request_integer(request, "cpushares", 0);
	limits->cpu_period = berth_request_integer(request, "cpuperiod", 0);
	limits->cpu_quota = berth_request_integer(request, "cpuquota", 0);
	limits->cpuset_cpus = text_of(request, "cpusetcpus");
	limits->cpuset_mems = text_of(request, "cpusetmems");
	limits->cgroup_parent = text_of(request, "cgroupparent");
	limits->userns_mode = text_of(request, "userns");
	limits->shm_size = berth_request_integer(request, "shmsize", 0);
	limits->extra_hosts = g_strdupv((char **) (uintptr_t) berth_request_list(request, "extrahosts"));
	wanted->request.limits = limits;
	if (limits->memory < 0 || limits->shm_size < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter %s: is negative",
				       limits->memory < 0 ? "memory" : "shmsize");
	// A step knows of no other container, and of no user who asks.
	if (limits->userns_mode && strcmp(limits->userns_mode, "host") != 0 &&
	    strcmp(limits->userns_mode, "auto") != 0 && !g_str_has_prefix(limits->userns_mode, "auto:"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "query parameter userns: \"%s\": expected host or auto", limits->userns_mode);
	return read_ulimits(limits, request, error);
}

// What is refused

static bool check_refused(const struct berth_request *request, GError **error)
{
	const char *version = berth_request_text(request, "version"), *remote = berth_request_text(request, "remote"),
		   *isolation = berth_request_text(request, "isolation"),
		   *security = berth_request_text(request, "securityopt");

	if ((version && strcmp(version, "2") == 0) || (remote && strcmp(remote, "client-session") == 0))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "building with BuildKit's protocol is not supported by this version of Berth: "
				       "set DOCKER_BUILDKIT=0, or use berth build, which has BuildKit's features");
	if (isolation && *isolation && strcmp(isolation, "default") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "isolation %s: Linux has none but the default one",
				       isolation);
	if (security && *security && strcmp(security, "null") != 0 && strcmp(security, "[]") != 0)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "query parameter securityopt: what RUN executes always has the engine's own "
				       "security options; RUN --security=insecure is there for more");
	return true;
}

static bool check_tags(char *const *tags, GError **error)
{
	for (; tags && *tags; tags++) {
		struct berth_image_name name = {0};
		if (!berth_image_name_parse(*tags, &name, error))
			return false;
		bool digest = name.digest;
		berth_image_name_clear(&name);
		if (digest)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "refusing to create a tag with a digest reference: %s", *tags);
	}
	return true;
}

static bool read_allowed(struct berth_build_request *build, const struct berth_request *request, GError **error)
{
	for (char *const *name = berth_request_list(request, "allow"); name && *name; name++) {
		if (strcmp(*name, "security.insecure") == 0)
			build->allow_insecure = true;
		else if (strcmp(*name, "network.host") == 0)
			build->allow_host_network = true;
		else if (strcmp(*name, "device") == 0 || g_str_has_prefix(*name, "device="))
			build->allow_devices = true;
		else
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "entitlement %s: expected security.insecure, network.host or device",
					       *name);
	}
	return true;
}

static bool read_manner(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error)
{
	const char *progress = berth_request_text(request, "progress");

	wanted->manner = berth_request_switch(request, "q", false) ? BERTH_BUILD_QUIET : BERTH_BUILD_DOCKER;
	if (progress && strcmp(progress, "events") == 0)
		wanted->manner = BERTH_BUILD_EVENTS;
	else if (progress && *progress)
		return berth_error_set(error, BERTH_ERROR_INVALID, "query parameter progress: \"%s\": expected events",
				       progress);
	return true;
}

// Tags: one that is empty is none.
static void read_words(struct berth_build_wanted *wanted, const struct berth_request *request)
{
	struct berth_build_request *build = &wanted->request;
	char *const *tags = berth_request_list(request, "t");
	const char *platform = berth_request_given(request, "platform");

	build->dockerfile = berth_request_given(request, "dockerfile");
	build->tags = tags && tags[0] && *tags[0] ? tags : NULL;
	build->target = berth_request_given(request, "target");
	build->network = berth_request_given(request, "networkmode");
	build->provenance = berth_request_given(request, "provenance");
	build->sbom = berth_request_given(request, "sbom");
	build->call = berth_request_given(request, "call");
	build->no_cache = berth_request_switch(request, "nocache", false);
	build->pull = berth_request_switch(request, "pull", false);
	build->squash = berth_request_switch(request, "squash", false);
	build->keep_failed = berth_request_switch(request, "keepfailed", false);
	build->no_cache_stages = berth_request_list(request, "nocachefilter");
	build->cache_to = berth_request_list(request, "cacheto");
	wanted->platforms = platform ? g_strsplit(platform, ",", -1) : NULL;
	build->platforms = wanted->platforms;
}

bool berth_build_wanted_read(struct berth_build_wanted *wanted, const struct berth_request *request, GError **error)
{
	struct berth_build_request *build = &wanted->request;

	wanted->sources = g_array_new(FALSE, TRUE, sizeof(struct berth_build_source));
	read_words(wanted, request);
	if (!check_refused(request, error) || !check_tags(build->tags, error) || !read_manner(wanted, request, error) ||
	    !read_allowed(build, request, error) || !read_limits(wanted, request, error) ||
	    !read_map(request, "buildargs", true, &build->arguments, error) ||
	    !read_map(request, "labels", false, &build->labels, error) || !read_cache_from(wanted, request, error) ||
	    !read_outputs(wanted, request, error))
		return false;
	build->cache_from = wanted->cache_from;
	return !build->keep_failed || wanted->manner == BERTH_BUILD_EVENTS ||
	       berth_error_set(
		       error, BERTH_ERROR_INVALID,
		       "query parameter keepfailed: needs a stream of events (progress=events), which says what "
		       "can be entered");
}

void berth_build_wanted_clear(struct berth_build_wanted *wanted)
{
	g_clear_pointer(&wanted->request.arguments, g_hash_table_unref);
	g_clear_pointer(&wanted->request.labels, g_hash_table_unref);
	g_clear_pointer(&wanted->sources, g_array_unref);
	g_clear_pointer(&wanted->outputs, g_array_unref);
	g_strfreev(wanted->cache_from);
	g_strfreev(wanted->platforms);
	if (wanted->limits)
		berth_document_free(&api_host_config_document, wanted->limits);
}

// "https://index.docker.io/v1/" -> "docker.io"
static char *host_of(const char *address)
{
	const char *scheme = strstr(address, "://"), *start = scheme ? scheme + 3 : address;
	g_autofree char *host = g_strndup(start, strcspn(start, "/"));

	if (strcmp(host, "index.docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0)
		return g_strdup("docker.io");
	return g_steal_pointer(&host);
}

static void free_credentials(void *data)
{
	berth_credentials_free(data);
}

GHashTable *berth_build_credentials(const char *header)
{
	size_t length;
	char *text = berth_request_decode(header, &length);

	if (!text)
		return NULL;
	BERTH_AUTO_JSON json_t *json = json_loadb(text, length, 0, NULL);
	explicit_bzero(text, length);
	g_free(text);
	if (!json_is_object(json) || json_object_size(json) == 0)
		return NULL;
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_credentials);
	const char *key;
	json_t *value;
	json_object_foreach(json, key, value)
	{
		struct berth_credentials *credentials = berth_document_parse(&berth_credentials_document, value, NULL);
		if (credentials)
			g_hash_table_insert(table, host_of(key), credentials);
	}
	return table;
}
