// SPDX-License-Identifier: Apache-2.0
// Published ports: one element of a map each.
#include "network/firewall-internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>

#define COUNTERS_AT_MOST 64 // that are read one by one

void berth_published_free(struct berth_published *published)
{
	if (!published)
		return;
	g_free(published->host_address);
	g_free(published->address);
	g_free(published->bridge);
	g_free(published);
}

static bool parse_published(const struct berth_published *published, const char *owner,
			    struct berth_firewall__published *ret, GError **error)
{
	const char *host = published->host_address;

	if (published->protocol != IPPROTO_TCP && published->protocol != IPPROTO_UDP &&
	    published->protocol != IPPROTO_SCTP)
		return berth_error_set(error, BERTH_ERROR_INVALID, "ports of protocol %d cannot be published",
				       published->protocol);
	if (!published->port || !published->host_port)
		return berth_error_set(error, BERTH_ERROR_INVALID, "port 0 cannot be published");
	if (!berth_address_parse(published->address, &ret->address, error) ||
	    (host && !berth_address_parse(host, &ret->host, error)))
		return false;
	if (host && ret->host.family != ret->address.family)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "port %u of %s cannot lead to %s: addresses of IPv4 and IPv6 are not translated "
				       "into each other",
				       published->host_port, host, published->address);
	ret->any = !host || berth_address_is_any(&ret->host);
	ret->protocol = published->protocol;
	ret->host_port = published->host_port;
	ret->port = published->port;
	g_strlcpy(ret->bridge, published->bridge ? published->bridge : "", sizeof ret->bridge);
	ret->owner = g_strdup(owner);
	return true;
}

static bool parse_list(const char *owner, const GPtrArray *ports, GPtrArray *list, GError **error)
{
	if (ports && ports->len > BERTH_LIMIT_PUBLISHED_PORTS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%u published ports: at most %d are possible",
				       ports->len, BERTH_LIMIT_PUBLISHED_PORTS);
	for (guint i = 0; ports && i < ports->len; i++) {
		struct berth_firewall__published *published = g_new0(struct berth_firewall__published, 1);
		g_ptr_array_add(list, published);
		if (!parse_published(g_ptr_array_index(ports, i), owner, published, error))
			return false;
	}
	return true;
}

static bool is_same(const struct berth_firewall__published *a, const struct berth_firewall__published *b)
{
	return a->port == b->port && memcmp(a->address.bytes, b->address.bytes, 16) == 0 &&
	       g_str_equal(a->bridge, b->bridge);
}

// By what of the host they are reached by. The values are borrowed.
static GHashTable *index_of(const GPtrArray *list)
{
	GHashTable *index = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);

	for (guint i = 0; list && i < list->len; i++)
		g_hash_table_replace(index, berth_firewall__published_key(g_ptr_array_index(list, i)),
				     g_ptr_array_index(list, i));
	return index;
}

const struct berth_firewall__published *berth_firewall__find_published(GHashTable *index,
								       const struct berth_firewall__published *wanted)
{
	g_autoptr(GBytes) key = berth_firewall__published_key(wanted);

	return g_hash_table_lookup(index, key);
}

// What differs: published in the one and not, or otherwise, in the other.
static bool is_changed(const struct berth_firewall__published *published, GHashTable *other)
{
	const struct berth_firewall__published *twin = berth_firewall__find_published(other, published);

	return !twin || !is_same(published, twin);
}

static void add_difference(struct berth_firewall *firewall, GArray *items, const GPtrArray *list, GHashTable *other,
			   bool remove)
{
	for (guint i = 0; list && i < list->len; i++)
		if (is_changed(g_ptr_array_index(list, i), other))
			berth_firewall__add_published(items, firewall, g_ptr_array_index(list, i), remove);
}

static void note_list(struct berth_firewall *firewall, const GPtrArray *list, bool add)
{
	for (guint i = 0; list && i < list->len; i++) {
		struct berth_firewall__published *published = g_ptr_array_index(list, i);
		g_autoptr(GBytes) key = berth_firewall__published_key(published);
		if (add)
			g_hash_table_replace(firewall->published, g_bytes_ref(key), published);
		else
			g_hash_table_remove(firewall->published, key);
	}
}

static bool check_conflicts(struct berth_firewall *firewall, const char *owner, const GPtrArray *list,
			    GHashTable *index, GError **error)
{
	for (guint i = 0; i < list->len; i++) {
		const struct berth_firewall__published *published = g_ptr_array_index(list, i),
						       *other = berth_firewall__find_published(firewall->published,
											       published);
		if (other && g_str_equal(other->owner, owner))
			other = NULL;
		if (!other && berth_firewall__find_published(index, published) != published)
			other = published;
		if (other)
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "host port %u is published already: by container %s",
					       published->host_port, other->owner);
	}
	return true;
}

// What an owner had published and has now.
struct change {
	const GPtrArray *before, *now; // `before` may be NULL
	GHashTable *before_index, *now_index;
	bool used; // what is withdrawn may have flows
};

static bool carry_out(struct berth_firewall *firewall, const struct change *change, GError **error)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));

	note_list(firewall, change->before, false);
	note_list(firewall, change->now, true);
	add_difference(firewall, items, change->before, change->now_index, true);
	add_difference(firewall, items, change->now, change->before_index, false);
	if ((items->len == 0 || berth_firewall__apply(firewall, items, error)) &&
	    (!firewall->synced || berth_firewall__allow_loopback(firewall, change->now, error)))
		return true;
	note_list(firewall, change->now, false);
	note_list(firewall, change->before, true);
	g_array_set_size(items, 0);
	add_difference(firewall, items, change->now, change->before_index, true);
	add_difference(firewall, items, change->before, change->now_index, false);
	berth_firewall__apply(firewall, items, NULL);
	return false;
}

// Whether anything may have come by a port: its element counts, since it was put into the tables that are there now.
static bool was_used(struct berth_firewall *firewall, const struct berth_firewall__published *published)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));

	if (!firewall->present || firewall->damaged || published->build != firewall->build)
		return true;
	berth_firewall__add_published(items, firewall, published, true);
	return !berth_nft_unused(firewall->nft, NFPROTO_INET, firewall->table,
				 &g_array_index(items, struct berth_firewall_item, 0).element);
}

// Looked at just before elements are removed, so that the kernel's walk over all flows is spared where nothing ever
// came. Of many it is assumed that something did.
static void note_use(struct berth_firewall *firewall, struct change *change)
{
	change->used = change->before && change->before->len > COUNTERS_AT_MOST;
	for (guint i = 0; change->before && i < change->before->len && !change->used; i++) {
		const struct berth_firewall__published *published = g_ptr_array_index(change->before, i);
		change->used = is_changed(published, change->now_index) && was_used(firewall, published);
	}
}

// Those that are as they were keep their elements, the others have new ones.
static void note_build(struct berth_firewall *firewall, const struct change *change)
{
	for (guint i = 0; i < change->now->len; i++) {
		struct berth_firewall__published *published = g_ptr_array_index(change->now, i);
		const struct berth_firewall__published *twin =
			berth_firewall__find_published(change->before_index, published);
		published->build = twin && is_same(published, twin) ? twin->build : firewall->build;
	}
}

static bool note_change(struct berth_firewall *firewall, const char *owner, struct change *change, GError **error)
{
	if (!check_conflicts(firewall, owner, change->now, change->now_index, error))
		return false;
	note_use(firewall, change);
	if (!carry_out(firewall, change, error))
		return false;
	note_build(firewall, change);
	if (change->now->len)
		g_hash_table_replace(firewall->owners, g_strdup(owner), g_ptr_array_ref((GPtrArray *) change->now));
	else
		g_hash_table_remove(firewall->owners, owner);
	return true;
}

// What was withdrawn, or published without connections, has flows to be forgotten: by who settles.
static void note_flows(struct berth_firewall *firewall, const struct change *change)
{
	for (guint i = 0; change->used && i < change->before->len; i++)
		if (is_changed(g_ptr_array_index(change->before, i), change->now_index))
			berth_firewall__note_flows(firewall, g_ptr_array_index(change->before, i), true);
	for (guint i = 0; i < change->now->len; i++)
		if (!berth_firewall__find_published(change->before_index, g_ptr_array_index(change->now, i)))
			berth_firewall__note_flows(firewall, g_ptr_array_index(change->now, i), false);
}

bool berth_firewall_publish(struct berth_firewall *firewall, const char *owner, const GPtrArray *ports, GError **error)
{
	g_autoptr(GPtrArray) now = berth_firewall__new_list(), before = NULL;

	if (!parse_list(owner, ports, now, error))
		return false;
	g_autoptr(GHashTable) now_index = index_of(now), before_index = NULL;
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	before = g_hash_table_lookup(firewall->owners, owner);
	if (before)
		g_ptr_array_ref(before);
	before_index = index_of(before);
	struct change change = {before, now, before_index, now_index, true};
	if (!note_change(firewall, owner, &change, error))
		return false;
	if (firewall->synced)
		note_flows(firewall, &change);
	return true;
}
