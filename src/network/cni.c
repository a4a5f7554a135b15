// SPDX-License-Identifier: Apache-2.0
// The driver `cni`: a network is one of the host's CNI configuration lists. Addresses, routes and published ports are
// its plugins'. Options of a network:
//
//	cni.config              the list's name in the folders of configurations, or its path; else the network's name
//	cni.conflist            the list itself, as JSON
//	cni.args                CNI_ARGS: "K=V;K2=V2"; of an endpoint, too
//	cni.capability.<name>   what plugins that declare the capability are given, as JSON; of an endpoint, too
//
// What DEL needs is kept in <state folder>/cni/<network>/<endpoint>.json, from before the ADD until after the DEL, so
// that addresses come back also when the engine was killed or the host went down.
#include "network/cni.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "network/network-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static char *const *paths_of(const struct berth_networks *networks)
{
	static char *const usual[] = {(char *) "/usr/lib/cni", (char *) "/opt/cni/bin", NULL};

	return networks->cni_paths ? networks->cni_paths : usual;
}

static struct berth_cni_list *load_list(const struct berth_networks *networks, const struct berth_network *network,
					GError **error)
{
	static char *const usual[] = {(char *) "/etc/cni/net.d", NULL};
	const char *text = berth_network__option(network, "cni.conflist");
	const char *name = berth_network__option(network, "cni.config");

	if (text)
		return berth_cni_list_parse(text, strlen(text), "option cni.conflist", error);
	return berth_cni_list_find(networks->cni_folders ? networks->cni_folders : usual, name ? name : network->name,
				   error);
}

static bool check_options(GHashTable *options, bool endpoint, GError **error)
{
	GHashTableIter iter;
	void *key;

	if (!options)
		return true;
	g_hash_table_iter_init(&iter, options);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		bool known = g_str_equal(key, "cni.args") || g_str_has_prefix(key, "cni.capability.") ||
			     (!endpoint && (g_str_equal(key, "cni.config") || g_str_equal(key, "cni.conflist") ||
					    g_str_equal(key, "com.docker.network.container_iface_prefix")));
		if (!known)
			return berth_error_set(error, BERTH_ERROR_INVALID, "driver cni: unknown option %s%s",
					       (char *) key, endpoint ? " of an endpoint" : "");
	}
	return true;
}

static bool check_demands(const struct berth_network *network, GError **error)
{
	const char *what = network->pools && network->pools->len > 0 ? "a subnet or gateway"
			   : network->internal                       ? "internal"
			   : network->ipv6                           ? "IPv6"
			   : g_strcmp0(network->ipam_driver ? network->ipam_driver : "default", "default") != 0
				   ? "an IPAM driver"
				   : NULL;

	return !what || berth_error_set(error, BERTH_ERROR_INVALID,
					"driver cni: %s cannot be asked for: the configuration list says it", what);
}

static bool check_plugins(const struct berth_networks *networks, const struct berth_cni_list *list, GError **error)
{
	for (guint i = 0; i < list->plugins->len; i++) {
		const struct berth_cni_plugin *plugin = list->plugins->pdata[i];
		g_autofree char *path = berth_cni_find(paths_of(networks), plugin->type, error);
		if (!path)
			return g_prefix_error(error, "%s: ", list->source), false;
	}
	return true;
}

static bool cni_check(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	struct berth_cni_call call = {.paths = paths_of(networks)};

	if (!check_options(network->options, false, error) || !check_demands(network, error))
		return false;
	if (berth_network__option(network, "cni.config") && berth_network__option(network, "cni.conflist"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "driver cni: cni.config and cni.conflist exclude each other");
	g_autoptr(berth_cni_list) list = load_list(networks, network, error);
	if (!list || !check_plugins(networks, list, error))
		return false;
	g_autofree char *version = berth_cni_negotiate(&call, list, true, error);
	BERTH_AUTO_JSON json_t *abilities = version ? berth_cni_abilities(network, NULL, error) : NULL;
	return abilities && berth_cni_abilities_check(list, abilities, network->name, error);
}

static bool cni_up(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	struct berth_cni_call call = {.paths = paths_of(networks)};
	g_autoptr(berth_cni_list) list = load_list(networks, network, error);
	g_autofree char *version = list ? berth_cni_negotiate(&call, list, false, error) : NULL;

	return version && berth_cni_status(&call, list, version, error);
}

// What is kept of an attachment

static char *folder_of(const struct berth_networks *networks, const char *network)
{
	return g_strdup_printf("%s/cni/%s", networks->state_folder, network);
}

static bool keep(const struct berth_networks *networks, const char *network, const char *endpoint, const json_t *state,
		 GError **error)
{
	g_autofree char *path = folder_of(networks, network);
	g_autofree char *name = g_strconcat(endpoint, ".json", NULL);
	g_autofree char *text = berth_json_text(state);
	berth_fd folder = berth_open_folder(path, true, 0700, error);

	return folder >= 0 && berth_write_file_at(folder, name, text, strlen(text), 0600, true, error);
}

static json_t *kept(const struct berth_networks *networks, const char *network, const char *endpoint)
{
	g_autofree char *path = g_strdup_printf("%s/cni/%s/%s.json", networks->state_folder, network, endpoint);
	size_t length;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, NULL);

	return text ? berth_json_parse(text, length, path, NULL) : NULL;
}

static void forget(const struct berth_networks *networks, const char *network, const char *endpoint)
{
	g_autofree char *path = g_strdup_printf("%s/cni/%s/%s.json", networks->state_folder, network, endpoint);

	unlink(path);
}

static const char *text_of(const json_t *state, const char *key)
{
	return json_string_value(json_object_get(state, key));
}

static struct berth_cni_call call_of(const struct berth_networks *networks, const json_t *state, const char *namespace)
{
	return (struct berth_cni_call){
		.paths = paths_of(networks),
		.container = text_of(state, "container"),
		.interface = text_of(state, "interface"),
		.arguments = text_of(state, "arguments"),
		.namespace = namespace,
	};
}

// The path by which plugins reach the container's namespace, for as long as we hold it.
static char *namespace_path(const struct berth_sandbox *sandbox)
{
	return g_strdup_printf("/proc/%d/fd/%d", (int) getpid(), berth_sandbox_namespace(sandbox));
}

// The result with the path that the namespace has now; NULL: there was none.
static json_t *result_of(const json_t *state, const char *namespace)
{
	const json_t *result = json_object_get(state, "result");

	return result ? berth_cni_result_moved(result, text_of(state, "namespace"), namespace) : NULL;
}

static bool delete (struct berth_networks *networks, const json_t *state, const char *namespace, GError **error)
{
	struct berth_cni_call call = call_of(networks, state, namespace ? namespace : "");
	g_autoptr(berth_cni_list) list =
		berth_cni_list_from(json_object_get(state, "config"), "the list kept for DEL", error);
	BERTH_AUTO_JSON json_t *result = result_of(state, namespace);

	return list && berth_cni_del(&call, list, text_of(state, "version"), json_object_get(state, "abilities"),
				     result, error);
}

static bool still_good(struct berth_networks *networks, const json_t *state, const char *namespace)
{
	struct berth_cni_call call = call_of(networks, state, namespace);
	g_autoptr(berth_cni_list) list = berth_cni_list_from(json_object_get(state, "config"), "the list kept", NULL);
	BERTH_AUTO_JSON json_t *result = result_of(state, namespace);

	return list && result &&
	       berth_cni_check(&call, list, text_of(state, "version"), json_object_get(state, "abilities"), result,
			       NULL);
}

// Endpoints

static char *arguments_of(const struct berth_network *network, const struct berth_endpoint *endpoint)
{
	const char *first = berth_network__option(network, "cni.args");
	const char *second = endpoint->options ? g_hash_table_lookup(endpoint->options, "cni.args") : NULL;

	if (first && second)
		return g_strdup_printf("%s;%s", first, second);
	return g_strdup(second ? second : first);
}

// What is known before the ADD. `abilities` is of an earlier one, or NULL.
static json_t *plan(struct berth_networks *networks, const struct berth_network *network,
		    const struct berth_endpoint *endpoint, const char *namespace, json_t *earlier, GError **error)
{
	struct berth_cni_call call = {.paths = paths_of(networks)};
	g_autofree char *arguments = arguments_of(network, endpoint);

	if (!check_options(endpoint->options, true, error))
		return NULL;
	g_autoptr(berth_cni_list) list = load_list(networks, network, error);
	g_autofree char *version = list ? berth_cni_negotiate(&call, list, false, error) : NULL;
	BERTH_AUTO_JSON json_t *abilities = !version  ? NULL
					    : earlier ? json_incref(earlier)
						      : berth_cni_abilities(network, endpoint, error);
	if (!abilities || !berth_cni_abilities_check(list, abilities, "the container", error))
		return NULL;
	json_t *state =
		json_pack("{sssssssssOsO}", "container", endpoint->container, "interface", endpoint->interface,
			  "namespace", namespace, "version", version, "config", list->document, "abilities", abilities);
	if (arguments)
		json_object_set_new(state, "arguments", json_string(arguments));
	return state;
}

// An address that was asked for is there.
static bool has_address(const struct berth_endpoint *endpoint, const char *wanted)
{
	const char *given = wanted && strchr(wanted, ':') ? endpoint->ipv6 : endpoint->ipv4;

	return !wanted || (given && g_str_has_prefix(given, wanted) && strchr("/", given[strlen(wanted)]));
}

static bool finish(struct berth_networks *networks, struct berth_endpoint *endpoint, json_t *state, json_t *result,
		   GError **error)
{
	g_autofree char *ipv4 = g_strdup(endpoint->ipv4), *ipv6 = g_strdup(endpoint->ipv6);

	json_object_set(state, "result", result);
	if (!keep(networks, endpoint->network, endpoint->id, state, error))
		return false;
	json_decref(endpoint->state);
	endpoint->state = json_incref(state);
	berth_cni_result_apply(result, endpoint);
	if (has_address(endpoint, ipv4) && has_address(endpoint, ipv6))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "the CNI list gave another address than %s",
			       ipv4 ? ipv4 : ipv6);
}

static bool cni_attach(struct berth_networks *networks, const struct berth_network *network,
		       struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	g_autofree char *namespace = namespace_path(sandbox);
	BERTH_AUTO_JSON json_t *earlier = json_incref(json_object_get(endpoint->state, "abilities"));

	if (endpoint->state) {
		if (still_good(networks, endpoint->state, namespace))
			return true;
		delete (networks, endpoint->state, namespace, NULL);
	}
	BERTH_AUTO_JSON json_t *state = plan(networks, network, endpoint, namespace, earlier, error);
	if (!state || !keep(networks, network->id, endpoint->id, state, error))
		return false;
	BERTH_FAILPOINT("network.cni.planned");
	struct berth_cni_call call = call_of(networks, state, namespace);
	g_autoptr(berth_cni_list) list = berth_cni_list_from(json_object_get(state, "config"), "the list", error);
	BERTH_AUTO_JSON json_t *result = NULL;
	if (list)
		result = berth_cni_add(&call, list, text_of(state, "version"), json_object_get(state, "abilities"),
				       error);
	BERTH_FAILPOINT("network.cni.added");
	return result && finish(networks, endpoint, state, result, error);
}

static bool cni_detach(struct berth_networks *networks, const struct berth_network *network,
		       const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	g_autofree char *namespace = sandbox ? namespace_path(sandbox) : NULL;
	BERTH_AUTO_JSON json_t *state = kept(networks, network->id, endpoint->id);

	if (!state) // there was no ADD, or there was a DEL
		return true;
	if (!delete (networks, state, namespace, error))
		return false;
	BERTH_FAILPOINT("network.cni.deleted");
	forget(networks, network->id, endpoint->id);
	return true;
}

// What is kept of containers that are gone

// Ids of what is kept in a folder: a new array. With `ending` names that have it, without it.
static GPtrArray *list_kept(const char *path, const char *ending)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_name[0] != '.' && g_str_has_suffix(entry->d_name, ending))
			g_ptr_array_add(names, g_strndup(entry->d_name, strlen(entry->d_name) - strlen(ending)));
	if (folder)
		closedir(folder);
	return names;
}

// DEL for all that is kept of the network but for endpoints that are there.
static bool clean(struct berth_networks *networks, const char *network, struct berth_network_known *known,
		  GError **error)
{
	g_autofree char *path = folder_of(networks, network);
	g_autoptr(GPtrArray) endpoints = list_kept(path, ".json");
	bool cleaned = true;

	for (guint i = 0; i < endpoints->len; i++) {
		const char *endpoint = endpoints->pdata[i];
		if (berth_networks__has_endpoint(networks, known, endpoint))
			continue;
		BERTH_AUTO_JSON json_t *state = kept(networks, network, endpoint);
		if (!state || delete (networks, state, NULL, cleaned ? error : NULL))
			forget(networks, network, endpoint);
		else
			cleaned = false;
	}
	return cleaned;
}

static json_t *attachments(struct berth_networks *networks, struct berth_network_known *known)
{
	json_t *valid = json_array();
	GHashTableIter iter;
	const struct berth_endpoint *endpoint;

	pthread_mutex_lock(&networks->lock);
	g_hash_table_iter_init(&iter, known->endpoints);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &endpoint))
		json_array_append_new(valid, json_pack("{ssss}", "containerID", endpoint->container, "ifname",
						       endpoint->interface ? endpoint->interface : "eth0"));
	pthread_mutex_unlock(&networks->lock);
	return valid;
}

static bool collect(struct berth_networks *networks, struct berth_network_known *known, GError **error)
{
	struct berth_cni_call call = {.paths = paths_of(networks)};
	g_autoptr(berth_cni_list) list = load_list(networks, known->network, error);
	g_autofree char *version = list ? berth_cni_negotiate(&call, list, false, error) : NULL;
	BERTH_AUTO_JSON json_t *valid = attachments(networks, known);

	return version && berth_cni_gc(&call, list, version, valid, error);
}

bool berth_cni__sweep(struct berth_networks *networks, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/cni", networks->state_folder);
	g_autoptr(GPtrArray) all = list_kept(path, "");
	bool swept = true;

	for (guint i = 0; i < all->len; i++) {
		g_autoptr(berth_network_known) known = berth_networks__find(networks, all->pdata[i]);
		g_autofree char *folder = folder_of(networks, all->pdata[i]);
		swept = clean(networks, all->pdata[i], known, swept ? error : NULL) && swept;
		if (known)
			swept = collect(networks, known, swept ? error : NULL) && swept;
		else
			rmdir(folder);
	}
	return swept;
}

static bool cni_down(G_GNUC_UNUSED struct berth_networks *networks, G_GNUC_UNUSED const struct berth_network *network,
		     G_GNUC_UNUSED GError **error)
{
	return true;
}

static bool cni_remove(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/cni", networks->state_folder);
	berth_fd folder = berth_open_folder(path, false, 0, NULL);

	clean(networks, network->id, NULL, NULL);
	return folder < 0 || berth_remove_tree_at(folder, network->id, error);
}

const struct berth_network_driver berth_network_cni = {
	.name = "cni",
	.chooses_mac = true,
	.publishes = true,
	.check = cni_check,
	.up = cni_up,
	.down = cni_down,
	.remove = cni_remove,
	.attach = cni_attach,
	.detach = cni_detach,
};
