// SPDX-License-Identifier: Apache-2.0
// What IPAM plugins have given is written down before anybody uses it, in <state folder>/ipam/<network>/: the network
// with its pools as "network", and of each endpoint its addresses, a line each, in a file named by its id. So what a
// killed engine had asked for and had no time to record is given back at the next start.
#include "network/ipam.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "network/network-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NETWORK_FILE "network"

static int open_notes(const struct berth_networks *networks, const char *network, bool make, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/ipam/%s", networks->state_folder, network);

	return berth_open_folder(path, make, 0700, error);
}

static bool write_note(const struct berth_networks *networks, const char *network, const char *name, const char *text,
		       GError **error)
{
	berth_fd folder = open_notes(networks, network, true, error);

	return folder >= 0 && berth_write_file_at(folder, name, text, strlen(text), 0600, true, error);
}

bool berth_ipam__note_pools(const struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autofree char *text = berth_document_print_text(&berth_network_document, network, 0);

	return write_note(networks, network->id, NETWORK_FILE, text, error);
}

bool berth_ipam__note_endpoint(const struct berth_networks *networks, const struct berth_endpoint *endpoint,
			       GError **error)
{
	g_autofree char *text =
		g_strdup_printf("%s\n%s\n", endpoint->ipv4 ? endpoint->ipv4 : "", endpoint->ipv6 ? endpoint->ipv6 : "");

	return write_note(networks, endpoint->network, endpoint->id, text, error);
}

void berth_ipam__forget_endpoint(const struct berth_networks *networks, const struct berth_endpoint *endpoint)
{
	berth_fd folder = open_notes(networks, endpoint->network, false, NULL);

	if (folder >= 0)
		unlinkat(folder, endpoint->id, 0);
}

void berth_ipam__forget_network(const struct berth_networks *networks, const char *network)
{
	g_autofree char *path = g_build_filename(networks->state_folder, "ipam", NULL);
	berth_fd folder = berth_open_folder(path, false, 0, NULL);

	if (folder >= 0)
		berth_remove_tree_at(folder, network, NULL);
}

// Names of what is in a folder; none if there is no such folder.
static GPtrArray *list_names(const char *path)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_name[0] != '.')
			g_ptr_array_add(names, g_strdup(entry->d_name));
	if (folder)
		closedir(folder);
	return names;
}

// Whether an endpoint that is there has the address.
static bool has_address(struct berth_networks *networks, struct berth_network_known *known, const char *address)
{
	GHashTableIter iter;
	const struct berth_endpoint *endpoint;
	bool found = false;

	pthread_mutex_lock(&networks->lock);
	g_hash_table_iter_init(&iter, known->endpoints);
	while (!found && g_hash_table_iter_next(&iter, NULL, (void **) &endpoint))
		found = g_strcmp0(endpoint->ipv4, address) == 0 || g_strcmp0(endpoint->ipv6, address) == 0;
	pthread_mutex_unlock(&networks->lock);
	return found;
}

// Gives back the addresses of an endpoint that is not there. `known` NULL: nor is its network.
static bool clear_endpoint(struct berth_networks *networks, const struct berth_network *network,
			   struct berth_network_known *known, int folder, const char *id, GError **error)
{
	g_autofree char *text = berth_read_file_at(folder, id, BERTH_LIMIT_PLUGIN_FILE, NULL, error);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", 3) : NULL;
	bool cleared = lines != NULL;

	for (size_t i = 0; cleared && lines[i] && i < 2; i++)
		if (*lines[i] && !(known && has_address(networks, known, lines[i])))
			cleared = berth_ipam__give_back(networks, network, lines[i], error);
	if (cleared)
		unlinkat(folder, id, 0);
	return cleared;
}

static struct berth_network *read_network(int folder, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(folder, NETWORK_FILE, BERTH_LIMIT_JSON, &length, error);

	return text ? berth_document_parse_text(&berth_network_document, text, length, NETWORK_FILE, error) : NULL;
}

static bool clear_network(struct berth_networks *networks, const char *path, const char *id, GError **error)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, id);
	g_autofree char *whole = g_build_filename(path, id, NULL);
	g_autoptr(GPtrArray) names = list_names(whole);
	berth_fd folder = berth_open_folder(whole, false, 0, error);
	g_autoptr(berth_network) network = folder >= 0 && !known ? read_network(folder, error) : NULL;
	bool cleared = folder >= 0 && (known || network);

	for (guint i = 0; cleared && i < names->len; i++)
		if (!g_str_equal(names->pdata[i], NETWORK_FILE) &&
		    !berth_networks__has_endpoint(networks, known, names->pdata[i]))
			cleared = clear_endpoint(networks, known ? known->network : network, known, folder,
						 names->pdata[i], error);
	if (!cleared || known)
		return cleared;
	return berth_ipam_release_pools(networks, network, error);
}

bool berth_ipam__sweep(struct berth_networks *networks, GError **error)
{
	g_autofree char *path = g_build_filename(networks->state_folder, "ipam", NULL);
	g_autoptr(GPtrArray) all = list_names(path);
	bool swept = true;

	for (guint i = 0; i < all->len; i++)
		swept = clear_network(networks, path, all->pdata[i], swept ? error : NULL) && swept;
	return swept;
}
