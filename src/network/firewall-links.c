// SPDX-License-Identifier: Apache-2.0
// Links: ports of a container that another one may reach, though containers of their network do not reach each other.
// Their packets go by the host, which answers the question for the other's MAC itself (bridge.c, proxy_arp_pvlan).
#include "network/firewall-internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <netinet/in.h>
#include <string.h>

static bool parse_link(const struct berth_firewall_link *link, struct berth_firewall__link *ret, GError **error)
{
	*ret = (struct berth_firewall__link){.protocol = link->protocol, .port = link->port};
	if (!berth_address_parse(link->from, &ret->from, error) || !berth_address_parse(link->to, &ret->to, error))
		return false;
	return (ret->from.family == AF_INET && ret->to.family == AF_INET) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "a link leads from one IPv4 address to another, not %s to %s", link->from, link->to);
}

static bool is_in(const GArray *list, const struct berth_firewall__link *link)
{
	for (guint i = 0; list && i < list->len; i++)
		if (memcmp(&g_array_index(list, struct berth_firewall__link, i), link, sizeof *link) == 0)
			return true;
	return false;
}

// Another owner may have the very same: two names of one container.
static bool is_others(const struct berth_firewall *firewall, const char *owner, const struct berth_firewall__link *link)
{
	GHashTableIter iter;
	void *key, *list;

	g_hash_table_iter_init(&iter, firewall->links);
	while (g_hash_table_iter_next(&iter, &key, &list))
		if (!g_str_equal(key, owner) && is_in(list, link))
			return true;
	return false;
}

static void add_difference(const struct berth_firewall *firewall, const char *owner, GArray *items, const GArray *list,
			   const GArray *other, bool remove)
{
	for (guint i = 0; list && i < list->len; i++) {
		const struct berth_firewall__link *link = &g_array_index(list, struct berth_firewall__link, i);
		if (!is_in(other, link) && !is_others(firewall, owner, link))
			berth_firewall__add_link(items, link, remove);
	}
}

static void put_list(struct berth_firewall *firewall, const char *owner, GArray *list)
{
	if (list && list->len > 0)
		g_hash_table_replace(firewall->links, g_strdup(owner), g_array_ref(list));
	else
		g_hash_table_remove(firewall->links, owner);
}

bool berth_firewall_links_set(struct berth_firewall *firewall, const char *owner,
			      const struct berth_firewall_link *links, size_t count, GError **error)
{
	g_autoptr(GArray) now = g_array_new(FALSE, TRUE, sizeof(struct berth_firewall__link)), before = NULL;
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));

	if (count > BERTH_LIMIT_PUBLISHED_PORTS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%zu ports behind links: at most %d are possible",
				       count, BERTH_LIMIT_PUBLISHED_PORTS);
	for (size_t i = 0; i < count; i++) {
		struct berth_firewall__link link;
		if (!parse_link(&links[i], &link, error))
			return false;
		if (!is_in(now, &link))
			g_array_append_val(now, link);
	}
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	before = g_hash_table_lookup(firewall->links, owner);
	if (before)
		g_array_ref(before);
	put_list(firewall, owner, now);
	add_difference(firewall, owner, items, before, now, true);
	add_difference(firewall, owner, items, now, before, false);
	if (items->len == 0 || berth_firewall__apply(firewall, items, error))
		return true;
	put_list(firewall, owner, before);
	return false;
}
