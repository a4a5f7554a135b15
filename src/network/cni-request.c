// SPDX-License-Identifier: Apache-2.0
// What plugins are given: what a container asks for, in the form of CNI's capabilities, and of that to each plugin what
// it declares.
#include "base/error.h"
#include "base/json.h"
#include "network/cni.h"

#include <string.h>

#define OPTION "cni.capability."

static json_t *port_mappings(const struct berth_endpoint *endpoint)
{
	json_t *mappings = json_array();

	for (guint i = 0; i < endpoint->ports->len; i++) {
		const struct berth_endpoint_port *port = endpoint->ports->pdata[i];
		json_t *mapping = json_pack("{sIsIss}", "hostPort", (json_int_t) port->host_port, "containerPort",
					    (json_int_t) port->port, "protocol", port->protocol);
		if (port->host_address && port->host_address[0])
			json_object_set_new(mapping, "hostIP", json_string(port->host_address));
		json_array_append_new(mappings, mapping);
	}
	return mappings;
}

static json_t *texts(char *const *list)
{
	json_t *array = json_array();

	for (size_t i = 0; list[i]; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

// Options that begin so are capabilities: what is behind is the name, the value is JSON.
static bool add_options(json_t *abilities, GHashTable *options, GError **error)
{
	GHashTableIter iter;
	void *key, *value;

	if (!options)
		return true;
	g_hash_table_iter_init(&iter, options);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const char *name = key;
		json_error_t wrong;
		if (!g_str_has_prefix(name, OPTION))
			continue;
		json_t *ability = json_loads(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
		if (!ability || !name[strlen(OPTION)]) {
			g_autofree char *words = g_utf8_make_valid(wrong.text, -1);
			json_decref(ability);
			return berth_error_set(error, BERTH_ERROR_INVALID, "option %s: its value is not JSON: %s", name,
					       words);
		}
		json_object_set_new(abilities, name + strlen(OPTION), ability);
	}
	return true;
}

// What the container says of name servers; NULL: nothing.
static json_t *dns_of(const struct berth_endpoint *endpoint)
{
	const struct {
		const char *key;
		char *const *list;
	} parts[] = {{"servers", endpoint->dns_servers},
		     {"searches", endpoint->dns_search},
		     {"options", endpoint->dns_options}};
	json_t *dns = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!parts[i].list || !*parts[i].list)
			continue;
		dns = dns ? dns : json_object();
		json_object_set_new(dns, parts[i].key, texts(parts[i].list));
	}
	return dns;
}

// What a plugin that declares it is told, and what no harm comes of if none does.
static void add_facts(json_t *abilities, const struct berth_endpoint *endpoint)
{
	json_t *dns = json_object_get(abilities, "dns") ? NULL : dns_of(endpoint);

	if (endpoint->names && endpoint->names[0])
		json_object_set_new(abilities, "aliases", texts(endpoint->names));
	if (endpoint->cgroup && !json_object_get(abilities, "cgroupPath"))
		json_object_set_new(abilities, "cgroupPath", json_string(endpoint->cgroup));
	if (dns)
		json_object_set_new(abilities, "dns", dns);
}

static bool is_fact(const char *ability)
{
	return g_str_equal(ability, "aliases") || g_str_equal(ability, "cgroupPath") || g_str_equal(ability, "dns");
}

json_t *berth_cni_abilities(const struct berth_network *network, const struct berth_endpoint *endpoint, GError **error)
{
	BERTH_AUTO_JSON json_t *abilities = json_object();

	if (!add_options(abilities, network->options, error) ||
	    (endpoint && !add_options(abilities, endpoint->options, error)))
		return NULL;
	if (endpoint && endpoint->ports && endpoint->ports->len > 0)
		json_object_set_new(abilities, "portMappings", port_mappings(endpoint));
	if (endpoint && (endpoint->ipv4 || endpoint->ipv6)) {
		json_t *addresses = json_array();
		if (endpoint->ipv4)
			json_array_append_new(addresses, json_string(endpoint->ipv4));
		if (endpoint->ipv6)
			json_array_append_new(addresses, json_string(endpoint->ipv6));
		json_object_set_new(abilities, "ips", addresses);
	}
	if (endpoint && endpoint->mac)
		json_object_set_new(abilities, "mac", json_string(endpoint->mac));
	if (endpoint)
		add_facts(abilities, endpoint);
	return json_incref(abilities);
}

static bool declares(const struct berth_cni_plugin *plugin, const char *ability)
{
	return json_is_true(json_object_get(json_object_get(plugin->config, "capabilities"), ability));
}

static const char *meaning_of(const char *ability)
{
	static const struct {
		const char *ability, *meaning;
	} meanings[] = {{"portMappings", "published ports"},
			{"ips", "an address of one's choice"},
			{"mac", "a MAC of one's choice"}};

	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
		if (g_str_equal(meanings[i].ability, ability))
			return meanings[i].meaning;
	return "what an option asks for";
}

bool berth_cni_abilities_check(const struct berth_cni_list *list, const json_t *abilities, const char *what,
			       GError **error)
{
	const char *ability;
	json_t *value;

	json_object_foreach((json_t *) abilities, ability, value)
	{
		bool declared = is_fact(ability);
		for (guint i = 0; i < list->plugins->len && !declared; i++)
			declared = declares(list->plugins->pdata[i], ability);
		if (!declared)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"%s: %s cannot be had there: no plugin of the CNI list \"%s\" declares the "
				"capability %s",
				what, meaning_of(ability), list->name, ability);
	}
	return true;
}

json_t *berth_cni_request(const struct berth_cni_list *list, const struct berth_cni_plugin *plugin, const char *version,
			  const json_t *abilities, const json_t *previous)
{
	json_t *request = json_copy(plugin->config);
	BERTH_AUTO_JSON json_t *runtime = json_object();
	const char *ability;
	json_t *value;

	json_object_foreach((json_t *) abilities, ability, value) if (declares(plugin, ability))
		json_object_set(runtime, ability, value);
	json_object_del(request, "capabilities");
	json_object_del(request, "cniVersions");
	json_object_set_new(request, "cniVersion", json_string(version));
	json_object_set_new(request, "name", json_string(list->name));
	if (json_object_size(runtime) > 0)
		json_object_set(request, "runtimeConfig", runtime);
	if (previous)
		json_object_set(request, "prevResult", (json_t *) previous);
	return request;
}
