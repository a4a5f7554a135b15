// SPDX-License-Identifier: Apache-2.0
#include "cli/build/options.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/container-options.h"
#include "spec/api.h"

#include <string.h>

#define AT(member) offsetof(struct berth_build_options, member)
#define TEXT BERTH_FLAG_TEXT
#define LIST BERTH_FLAG_LIST
#define SWITCH BERTH_FLAG_SWITCH
#define BYTES BERTH_FLAG_BYTES
#define INTEGER BERTH_FLAG_INTEGER
#define HIDDEN BERTH_FLAG_HIDDEN
#define REFUSED BERTH_FLAG_REFUSED
// clang-format off: one row, one line or two
const struct berth_flag berth_build_flags[] = {
	{"add-host", 0, LIST, AT(add_hosts), NULL, "Add a custom host-to-IP mapping (\"host:ip\")"},
	{"allow", 0, LIST, AT(allow), NULL,
	 "Allow extra privileged entitlement (\"network.host\", \"security.insecure\", \"device\")"},
	{"annotation", 0, LIST, AT(annotations), NULL, "Add annotation to the image (\"[TYPE[,TYPE]:]KEY=VALUE\")"},
	{"attest", 0, LIST, AT(attests), NULL, "Attestation parameters (\"type=sbom,generator=image\")"},
	{"build-arg", 0, LIST, AT(build_args), NULL, "Set build-time variables"},
	{"build-context", 0, LIST, AT(contexts), NULL, "Additional build contexts (\"name=path\")"},
	{"builder", 0, TEXT, AT(builder), NULL, "Builder instance: there is the engine's, \"default\"", NULL, HIDDEN},
	{"cache-from", 0, LIST, AT(cache_from), NULL,
	 "External cache sources (\"user/app:cache\", \"type=local,src=path\")"},
	{"cache-to", 0, LIST, AT(cache_to), NULL,
	 "Cache export destinations (\"user/app:cache\", \"type=local,dest=path\")"},
	{"call", 0, TEXT, AT(call), NULL, "Set method for evaluating build (\"check\", \"outline\", \"targets\")",
	 "build"},
	{"cgroup-parent", 0, TEXT, AT(cgroup_parent), NULL,
	 "Set the parent cgroup for the RUN instructions during build"},
	{"check", 0, SWITCH, AT(check), NULL, "Shorthand for \"--call=check\""},
	{"compress", 0, SWITCH, AT(compress), NULL, "Compress the build context: it is not, it goes to this machine",
	 NULL, HIDDEN},
	{"cpu-period", 0, INTEGER, AT(cpu_period), NULL, "Limit the CPU CFS (Completely Fair Scheduler) period"},
	{"cpu-quota", 0, INTEGER, AT(cpu_quota), NULL, "Limit the CPU CFS (Completely Fair Scheduler) quota"},
	{"cpu-shares", 'c', INTEGER, AT(cpu_shares), NULL, "CPU shares (relative weight)"},
	{"cpuset-cpus", 0, TEXT, AT(cpuset_cpus), NULL, "CPUs in which to allow execution (0-3, 0,1)"},
	{"cpuset-mems", 0, TEXT, AT(cpuset_mems), NULL, "MEMs in which to allow execution (0-3, 0,1)"},
	{"debug-on-failure", 0, SWITCH, AT(debug_on_failure), NULL,
	 "Keep the step that fails, to be entered with a shell"},
	{"detach", 0, SWITCH, 0, NULL, "a build ends with its client", NULL, HIDDEN | REFUSED},
	{"disable-content-trust", 0, SWITCH, AT(trust), NULL, "Skip image verification", "true", HIDDEN},
	{"file", 'f', TEXT, AT(file), NULL, "Name of the Dockerfile (default: \"PATH/Dockerfile\")"},
	{"force-rm", 0, SWITCH, AT(force_rm), NULL,
	 "Always remove intermediate containers: nothing of them is ever left", NULL, HIDDEN},
	{"iidfile", 0, TEXT, AT(iidfile), NULL, "Write the image ID to a file"},
	{"invoke", 0, TEXT, 0, NULL, "--debug-on-failure opens a shell in a step that failed", NULL, HIDDEN | REFUSED},
	{"isolation", 0, TEXT, AT(isolation), NULL, "Container isolation technology", NULL, HIDDEN},
	{"label", 0, LIST, AT(labels), NULL, "Set metadata for an image"},
	{"load", 0, SWITCH, AT(load), NULL, "Shorthand for \"--output=type=docker\""},
	{"memory", 'm', BYTES, AT(memory), NULL, "Memory limit of each step"},
	{"memory-swap", 0, BYTES, AT(memory_swap), NULL,
	 "Swap limit equal to memory plus swap: -1 to enable unlimited swap", NULL, BERTH_FLAG_NEGATIVE_OK},
	{"metadata-file", 0, TEXT, AT(metadata_file), NULL, "Write build result metadata to a file"},
	{"network", 0, TEXT, AT(network), NULL, "Set the networking mode for the RUN instructions during build"},
	{"no-cache", 0, SWITCH, AT(no_cache), NULL, "Do not use cache when building the image"},
	{"no-cache-filter", 0, LIST, AT(no_cache_filter), NULL, "Do not cache specified stages"},
	{"output", 'o', LIST, AT(outputs), NULL, "Output destination (\"type=local,dest=path\", a folder, or \"-\")"},
	{"platform", 0, TEXT, AT(platform), NULL, "Set target platform for build"},
	{"print", 0, TEXT, 0, NULL, "its name is --call", NULL, HIDDEN | REFUSED},
	{"progress", 0, TEXT, AT(progress), NULL,
	 "Set type of progress output (\"auto\", \"plain\", \"tty\", \"quiet\", \"rawjson\"). Use plain to show "
	 "container output"},
	{"provenance", 0, TEXT, AT(provenance), NULL, "Shorthand for \"--attest=type=provenance\""},
	{"pull", 0, SWITCH, AT(pull), NULL, "Always attempt to pull all referenced images"},
	{"push", 0, SWITCH, AT(push), NULL, "Shorthand for \"--output=type=registry\""},
	{"quiet", 'q', SWITCH, AT(quiet), NULL, "Suppress the build output and print image ID on success"},
	{"rm", 0, SWITCH, AT(rm), NULL, "Remove intermediate containers: nothing of them is ever left", "true", HIDDEN},
	{"sbom", 0, TEXT, AT(sbom), NULL, "Shorthand for \"--attest=type=sbom\""},
	{"secret", 0, LIST, AT(secrets), NULL, "Secret to expose to the build (\"id=mysecret[,src=path|env=NAME]\")"},
	{"security-opt", 0, LIST, AT(security_options), NULL, "Security options", NULL, HIDDEN},
	{"shm-size", 0, BYTES, AT(shm_size), NULL, "Shared memory size for build containers"},
	{"squash", 0, SWITCH, AT(squash), NULL, "Squash newly built layers into a single new layer"},
	{"ssh", 0, LIST, AT(ssh), NULL,
	 "SSH agent socket or keys to expose to the build (\"default|<id>[=<socket>|<key>[,<key>]]\")"},
	{"tag", 't', LIST, AT(tags), NULL, "Name and optionally a tag (\"name:tag\")"},
	{"target", 0, TEXT, AT(target), NULL, "Set the target build stage to build"},
	{"ulimit", 0, LIST, AT(ulimits), "ulimit", "Ulimit options"},
	{"userns", 0, TEXT, AT(userns), NULL, "User namespace of the RUN instructions (\"host\", \"auto\")"},
	{0},
};
// clang-format on

bool berth_build_check(const struct berth_build_options *options, GError **error)
{
	static const char *const calls[] = {"build", "check", "outline", "targets", NULL};
	g_auto(GStrv) call = g_strsplit(options->call, ",", 2);

	if (!call[0] || !g_strv_contains(calls, call[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid argument \"%s\" for \"--call\" flag: expected build, check, outline or "
				       "targets",
				       options->call);
	if (options->isolation && *options->isolation && strcmp(options->isolation, "default") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--isolation %s: Linux has none but the default one",
				       options->isolation);
	if (options->builder && *options->builder && strcmp(options->builder, "default") != 0)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"--builder %s: there is no such builder: the engine builds itself; another engine "
			"is chosen by -H or --context",
			options->builder);
	if (!options->trust)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--disable-content-trust=false: Docker's content trust is not supported");
	if (options->security_options)
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"--security-opt: what RUN executes always has the engine's own security options; "
			"RUN --security=insecure with --allow security.insecure is there for more");
	if (options->debug_on_failure && !isatty(STDIN_FILENO))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--debug-on-failure: standard input is no terminal");
	if (options->push && options->load)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "push and load may not be set together at the moment");
	return true;
}

// Sinks

static void sink_free(void *data)
{
	struct berth_build_sink *sink = data;

	g_free(sink->type);
	g_free(sink->destination);
	g_hash_table_unref(sink->attributes);
	g_free(sink);
}

static struct berth_build_sink *sink_new(const char *type)
{
	struct berth_build_sink *sink = g_new0(struct berth_build_sink, 1);

	sink->type = g_strdup(type);
	sink->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return sink;
}

static bool read_pair(struct berth_build_sink *sink, const char *field, GError **error)
{
	const char *equals = strchr(field, '=');
	// Keys of annotations are the user's.
	g_autofree char *name = !equals                                 ? NULL
				: g_str_has_prefix(field, "annotation") ? g_strndup(field, (gsize) (equals - field))
									: g_ascii_strdown(field, equals - field);

	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\": expected name=value", field);
	if (strcmp(name, "type") == 0) {
		g_free(sink->type);
		sink->type = g_strdup(equals + 1);
	} else if (strcmp(name, "dest") == 0) {
		g_free(sink->destination);
		sink->destination = g_strdup(equals + 1);
	} else {
		g_hash_table_insert(sink->attributes, g_steal_pointer(&name), g_strdup(equals + 1));
	}
	return true;
}

// "-" and a folder are short for type=tar,dest=- and type=local,dest=FOLDER.
static struct berth_build_sink *parse_sink(const char *text, GError **error)
{
	g_auto(GStrv) fields = berth_split_csv(text, error);
	struct berth_build_sink *sink = fields ? sink_new("") : NULL;
	bool fine = fields;

	if (fine && fields[0] && !fields[1] && !strchr(fields[0], '=')) {
		g_free(sink->type);
		sink->type = g_strdup(strcmp(text, "-") == 0 ? "tar" : "local");
		sink->destination = g_strdup(text);
	} else {
		for (char **field = fields; fine && *field; field++)
			fine = read_pair(sink, *field, error);
	}
	if (fine)
		return sink;
	g_prefix_error(error, "--output %s: ", text);
	if (sink)
		sink_free(sink);
	return NULL;
}

static bool finish_sink(struct berth_build_sink *sink, GError **error)
{
	static const char *const types[] = {"image", "registry", "local", "tar", "oci", "docker", "cacheonly", NULL};
	bool file = strcmp(sink->type, "tar") == 0 || strcmp(sink->type, "oci") == 0;
	bool local = strcmp(sink->type, "local") == 0;

	if (!*sink->type)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--output: type is required for output");
	if (!g_strv_contains(types, sink->type))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"--output: unknown type \"%s\": expected image, registry, local, tar, oci, docker or "
			"cacheonly",
			sink->type);
	if (local && (!sink->destination || strcmp(sink->destination, "-") == 0))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--output: dest is required for local output");
	if (file && !sink->destination)
		sink->destination = g_strdup("-");
	if (sink->destination && !file && !local && strcmp(sink->type, "docker") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--output: type %s has no dest", sink->type);
	const char *tar = g_hash_table_lookup(sink->attributes, "tar");
	sink->unpack = local || (tar && strcmp(tar, "false") == 0);
	g_hash_table_remove(sink->attributes, "tar");
	if (strcmp(sink->type, "docker") == 0 && !sink->destination) { // the engine is the one that it goes to
		g_free(sink->type);
		sink->type = g_strdup("image");
	}
	return true;
}

char *berth_build_local_cache(const char *text, const char *key, GHashTable *attributes)
{
	g_auto(GStrv) fields = berth_split_csv(text, NULL);
	g_autofree char *folder = NULL;
	bool local = false;

	for (char **field = fields; field && *field; field++) {
		g_auto(GStrv) pair = g_strsplit(*field, "=", 2);
		if (strcmp(*field, "type=local") == 0) {
			local = true;
		} else if (pair[0] && pair[1] && strcmp(pair[0], key) == 0) {
			g_free(folder);
			folder = g_strdup(pair[1]);
		} else if (attributes && pair[0]) {
			g_hash_table_insert(attributes, g_strdup(pair[0]), g_strdup(pair[1] ? pair[1] : ""));
		}
	}
	return local ? g_steal_pointer(&folder) : NULL;
}

// A cache for a folder of this machine comes as an archive, as results do.
static void add_caches(const struct berth_build_options *options, GPtrArray *sinks)
{
	for (char **text = options->cache_to; text && *text; text++) {
		struct berth_build_sink *sink = sink_new("cache");
		sink->destination = berth_build_local_cache(*text, "dest", sink->attributes);
		sink->unpack = true;
		if (!sink->destination) {
			sink_free(sink);
			continue;
		}
		if (sinks->len == 0) // the image is wanted all the same
			g_ptr_array_add(sinks, sink_new("image"));
		g_ptr_array_add(sinks, sink);
	}
}

// "index,manifest[linux/arm64]:KEY=VALUE", as buildx has it, in the exporters' words: "annotation-index.KEY".
static bool add_annotation(GHashTable *attributes, const char *text, GError **error)
{
	const char *equals = strchr(text, '='), *colon = equals ? memchr(text, ':', (size_t) (equals - text)) : NULL;
	const char *key = colon ? colon + 1 : text;

	if (!equals || equals == key)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--annotation %s: expected [TYPE:]KEY=VALUE", text);
	g_autofree char *types = colon ? g_strndup(text, (gsize) (colon - text)) : g_strdup("");
	g_auto(GStrv) all = g_strsplit(types, ",", 0);
	static char *const usual[] = {(char *) "", NULL};
	for (char *const *type = colon ? all : usual; *type; type++) {
		if (colon && (!**type || **type == '['))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "--annotation %s: expected a type before \":\": manifest, index, "
					       "manifest-descriptor or index-descriptor",
					       text);
		g_hash_table_insert(
			attributes,
			g_strdup_printf("annotation%s%s.%.*s", **type ? "-" : "", *type, (int) (equals - key), key),
			g_strdup(equals + 1));
	}
	return true;
}

// To all results that can have them.
static bool add_annotations(char *const *annotations, GPtrArray *sinks, GError **error)
{
	static const char *const able[] = {"image", "registry", "oci", "docker", NULL};
	bool taken = false;

	if (!annotations)
		return true;
	if (sinks->len == 0)
		g_ptr_array_add(sinks, sink_new("image"));
	for (guint i = 0; i < sinks->len; i++) {
		struct berth_build_sink *sink = sinks->pdata[i];
		if (!g_strv_contains(able, sink->type))
			continue;
		taken = true;
		for (char *const *text = annotations; *text; text++)
			if (**text && !add_annotation(sink->attributes, *text, error))
				return false;
	}
	return taken || berth_error_set(error, BERTH_ERROR_INVALID,
					"--annotation: this build has no image as its result: files cannot be "
					"annotated");
}

GPtrArray *berth_build_sinks(const struct berth_build_options *options, GError **error)
{
	g_autoptr(GPtrArray) sinks = g_ptr_array_new_with_free_func(sink_free);
	bool image = false;

	for (char **text = options->outputs; text && *text; text++) {
		struct berth_build_sink *sink = parse_sink(*text, error);
		if (!sink)
			return NULL;
		g_ptr_array_add(sinks, sink);
		if (!finish_sink(sink, error))
			return NULL;
		image = image || strcmp(sink->type, "image") == 0 || strcmp(sink->type, "registry") == 0;
		if (options->push && strcmp(sink->type, "image") == 0)
			g_hash_table_insert(sink->attributes, g_strdup("push"), g_strdup("true"));
	}
	if (options->push && !image) {
		struct berth_build_sink *sink = sink_new("image");
		g_hash_table_insert(sink->attributes, g_strdup("push"), g_strdup("true"));
		g_ptr_array_add(sinks, sink);
	} else if (options->load && !image) {
		g_ptr_array_add(sinks, sink_new("image"));
	}
	if (!add_annotations(options->annotations, sinks, error))
		return NULL;
	add_caches(options, sinks);
	return g_steal_pointer(&sinks);
}

static char *sinks_json(const GPtrArray *sinks)
{
	BERTH_AUTO_JSON json_t *list = json_array();

	for (guint i = 0; i < sinks->len; i++) {
		const struct berth_build_sink *sink = sinks->pdata[i];
		json_t *attributes = json_object();
		GHashTableIter iter;
		void *name, *value;
		g_hash_table_iter_init(&iter, sink->attributes);
		while (g_hash_table_iter_next(&iter, &name, &value))
			json_object_set_new(attributes, name, json_string(value));
		json_array_append_new(list, json_pack("{s:s, s:o}", "Type", sink->type, "Attrs", attributes));
	}
	return berth_json_text(list);
}

// The query

// "NAME=value" lists as a JSON object; one without a value has it from the environment, or is left out.
static json_t *pairs_json(char *const *pairs, bool environment)
{
	json_t *object = json_object();

	for (; pairs && *pairs; pairs++) {
		const char *equals = strchr(*pairs, '=');
		g_autofree char *name = equals ? g_strndup(*pairs, (gsize) (equals - *pairs)) : g_strdup(*pairs);
		const char *value = equals ? equals + 1 : environment ? g_getenv(name) : "";
		if (value)
			json_object_set_new(object, name, json_string(value));
	}
	return object;
}

static void add_json(GString *path, const char *name, const json_t *json)
{
	g_autofree char *text = berth_json_text(json);

	if (json_object_size(json) + json_array_size(json) > 0)
		berth_path_add(path, name, text);
}

static void add_maps(const struct berth_build_options *options, char *const *proxies, GString *path)
{
	BERTH_AUTO_JSON json_t *arguments = pairs_json(options->build_args, true);
	BERTH_AUTO_JSON json_t *labels = pairs_json(options->labels, false);
	BERTH_AUTO_JSON json_t *from = json_array();

	for (; proxies && *proxies; proxies++) {
		const char *equals = strchr(*proxies, '=');
		g_autofree char *name = g_strndup(*proxies, (gsize) (equals - *proxies));
		if (!json_object_get(arguments, name))
			json_object_set_new(arguments, name, json_string(equals + 1));
	}
	for (guint i = 0; options->cache_from && options->cache_from[i]; i++) {
		g_autofree char *folder = berth_build_local_cache(options->cache_from[i], "src", NULL);
		g_autofree char *sent = g_strdup_printf("type=local,source=cache:%u", i);
		json_array_append_new(from, json_string(folder ? sent : options->cache_from[i]));
	}
	add_json(path, "buildargs", arguments);
	add_json(path, "labels", labels);
	add_json(path, "cachefrom", from);
}

static bool add_ulimits(const struct berth_build_options *options, GString *path, GError **error)
{
	GPtrArray *ulimits = NULL;
	BERTH_AUTO_JSON json_t *list = json_array();

	bool fine = berth_parse_ulimits(options->ulimits, &ulimits, error);
	for (guint i = 0; fine && ulimits && i < ulimits->len; i++)
		json_array_append_new(list,
				      berth_document_print(&api_ulimit_document, ulimits->pdata[i], API_VERSION_MAX));
	for (guint i = 0; ulimits && i < ulimits->len; i++)
		berth_document_free(&api_ulimit_document, ulimits->pdata[i]);
	if (ulimits)
		g_ptr_array_unref(ulimits);
	add_json(path, "ulimits", list);
	return fine;
}

static void add_list(GString *path, const char *name, char *const *values)
{
	for (; values && *values; values++)
		berth_path_add(path, name, *values);
}

// "type=provenance,mode=max" and "type=sbom,generator=x", as the flags of their own have them.
static bool read_attest(const char *text, char **provenance, char **sbom, GError **error)
{
	g_auto(GStrv) fields = berth_split_csv(text, error);
	const char *type = NULL;

	if (!fields)
		return false;
	g_autoptr(GStrvBuilder) rest = g_strv_builder_new();
	for (char **field = fields; *field; field++) {
		if (g_str_has_prefix(*field, "type="))
			type = *field + strlen("type=");
		else
			g_strv_builder_add(rest, *field);
	}
	if (!type || (strcmp(type, "provenance") != 0 && strcmp(type, "sbom") != 0))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--attest %s: expected type=provenance or type=sbom",
				       text);
	g_auto(GStrv) words = g_strv_builder_end(rest);
	char **to = *type == 'p' ? provenance : sbom;
	g_free(*to);
	*to = words[0] ? g_strjoinv(",", words) : g_strdup("true");
	return true;
}

static bool add_attestations(const struct berth_build_options *options, GString *path, GError **error)
{
	g_autofree char *provenance = g_strdup(options->provenance), *sbom = g_strdup(options->sbom);

	for (char **attest = options->attests; attest && *attest; attest++)
		if (!read_attest(*attest, &provenance, &sbom, error))
			return false;
	if (provenance && strcmp(provenance, "false") != 0)
		berth_path_add(path, "provenance", provenance);
	if (sbom && strcmp(sbom, "false") != 0)
		berth_path_add(path, "sbom", sbom);
	return true;
}

static void add_number(GString *path, const char *name, int64_t value)
{
	if (value != 0)
		berth_path_add_integer(path, name, value);
}

static void add_limits(const struct berth_build_options *options, GString *path)
{
	add_number(path, "memory", options->memory);
	add_number(path, "memswap", options->memory_swap);
	add_number(path, "cpushares", options->cpu_shares);
	add_number(path, "cpuperiod", options->cpu_period);
	add_number(path, "cpuquota", options->cpu_quota);
	add_number(path, "shmsize", options->shm_size);
	berth_path_add(path, "cpusetcpus", options->cpuset_cpus);
	berth_path_add(path, "cpusetmems", options->cpuset_mems);
	berth_path_add(path, "cgroupparent", options->cgroup_parent);
	berth_path_add(path, "userns", options->userns);
}

static void add_switch(GString *path, const char *name, bool value)
{
	if (value)
		berth_path_add_switch(path, name, true);
}

bool berth_build_query(const struct berth_build_options *options, const GPtrArray *sinks, char *const *proxies,
		       GString *path, GError **error)
{
	const char *call = options->check ? "check" : options->call;
	g_auto(GStrv) filters = options->no_cache_filter ? berth_split_values(options->no_cache_filter) : NULL;
	g_autofree char *outputs = sinks->len > 0 ? sinks_json(sinks) : NULL;
	g_auto(GStrv) hosts = NULL;

	if (!berth_parse_hosts(options->add_hosts, &hosts, error))
		return false;
	berth_path_add(path, "progress", "events");
	add_list(path, "t", options->tags);
	berth_path_add(path, "target", options->target);
	berth_path_add(path, "platform", options->platform);
	berth_path_add(path, "networkmode", options->network);
	add_list(path, "extrahosts", hosts);
	if (options->debug_on_failure)
		berth_path_add_switch(path, "keepfailed", true);
	add_list(path, "nocachefilter", filters);
	for (char **cache = options->cache_to; cache && *cache; cache++) {
		g_autofree char *folder = berth_build_local_cache(*cache, "dest", NULL);
		berth_path_add(path, "cacheto", folder ? NULL : *cache);
	}
	add_list(path, "allow", options->allow);
	for (char **ssh = options->ssh; ssh && *ssh; ssh++) {
		g_autofree char *id = g_strndup(*ssh, strcspn(*ssh, "="));
		berth_path_add(path, "ssh", id);
	}
	add_switch(path, "knownhosts", options->ssh != NULL);
	add_switch(path, "nocache", options->no_cache);
	add_switch(path, "pull", options->pull);
	add_switch(path, "squash", options->squash);
	berth_path_add(path, "outputs", outputs);
	if (!g_str_has_prefix(call, "build"))
		berth_path_add(path, "call", call);
	add_maps(options, proxies, path);
	add_limits(options, path);
	return add_ulimits(options, path, error) && add_attestations(options, path, error);
}
