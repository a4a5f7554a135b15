// SPDX-License-Identifier: Apache-2.0
// Flows that the kernel goes on with though their port was withdrawn, leads elsewhere, or was published only after they
// began. To find them the kernel walks over all that it tracks, which takes it milliseconds whatever there is to be
// found: so what is to be looked for is noted, and one walk is made for all of it, without the firewall's lock.
#include "network/firewall-internal.h"

#include "sys/conntrack.h"

#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter/nf_conntrack_common.h>

#define FILTERS_AT_MOST 4

// What is looked for.
struct search {
	struct berth_firewall *firewall;
	GHashTable *withdrawn; // a published port's element and where it led (GBytes)
	GHashTable *published; // a published port's element (GBytes)
};

static GBytes *with_target(const struct berth_firewall__published *published)
{
	g_autoptr(GBytes) key = berth_firewall__published_key(published);
	GByteArray *bytes = g_byte_array_new();
	gsize length;
	const uint8_t *data = g_bytes_get_data(key, &length);

	g_byte_array_append(bytes, data, (guint) length);
	g_byte_array_append(bytes, published->address.bytes, sizeof published->address.bytes);
	g_byte_array_append(bytes, (const uint8_t *) &published->port, sizeof published->port);
	return g_byte_array_free_to_bytes(bytes);
}

static GHashTable *new_set(void)
{
	return g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
}

void berth_firewall__note_flows(struct berth_firewall *firewall, const struct berth_firewall__published *published,
				bool withdrawn)
{
	struct berth_firewall__flows flows = {*published, withdrawn};

	flows.published.owner = NULL;
	if (withdrawn || published->protocol != IPPROTO_TCP)
		g_array_append_val(firewall->flows, flows);
}

static bool has(GHashTable *set, GBytes *key)
{
	return g_hash_table_contains(set, key);
}

// As something published for the address that a flow came to, or for any.
static struct berth_firewall__published as_published(const struct berth_flow *flow, bool any)
{
	struct berth_firewall__published published = {.protocol = flow->protocol,
						      .any = any,
						      .host_port = flow->to.port,
						      .host.family = flow->family,
						      .address.family = flow->family,
						      .port = flow->reply_from.port};

	memcpy(published.host.bytes, flow->to.address, sizeof published.host.bytes);
	memcpy(published.address.bytes, flow->reply_from.address, sizeof published.address.bytes);
	return published;
}

// What is so now may have changed since it was noted: the same may be published again.
static bool is_withdrawn(const struct search *search, const struct berth_firewall__published *wanted)
{
	g_autoptr(GBytes) key = with_target(wanted);

	if (!has(search->withdrawn, key))
		return false;
	BERTH_AUTO_UNLOCK locker = berth_lock(&search->firewall->lock);
	const struct berth_firewall__published *now =
		berth_firewall__find_published(search->firewall->published, wanted);
	return !now || now->port != wanted->port ||
	       memcmp(now->address.bytes, wanted->address.bytes, sizeof now->address.bytes) != 0;
}

static bool is_published(const struct search *search, const struct berth_firewall__published *wanted)
{
	g_autoptr(GBytes) key = berth_firewall__published_key(wanted);

	if (!has(search->published, key))
		return false;
	BERTH_AUTO_UNLOCK locker = berth_lock(&search->firewall->lock);
	return berth_firewall__find_published(search->firewall->published, wanted) != NULL;
}

static bool is_stale(void *data, const struct berth_flow *flow)
{
	const struct search *search = data;

	if (flow->protocol == IPPROTO_TCP && !(flow->status & IPS_DST_NAT))
		return false;
	for (int any = 0; any < 2; any++) {
		struct berth_firewall__published wanted = as_published(flow, any);
		if (flow->status & IPS_DST_NAT ? is_withdrawn(search, &wanted) : is_published(search, &wanted))
			return true;
	}
	return false;
}

static bool is_asked(const GArray *filters, const struct berth_flow_filter *filter)
{
	for (guint i = 0; i < filters->len; i++) {
		const struct berth_flow_filter *other = &g_array_index(filters, struct berth_flow_filter, i);
		if (other->family == filter->family && other->protocol == filter->protocol &&
		    other->to_port == filter->to_port && !other->reply_from == !filter->reply_from &&
		    (!other->reply_from ||
		     memcmp(other->reply_from, filter->reply_from, filter->family == AF_INET ? 4 : 16) == 0))
			return true;
	}
	return false;
}

// Each filter is a walk: of more than a few, one for each family is cheaper.
static GArray *filters_of(const GArray *flows)
{
	const struct berth_flow_filter families[] = {{.family = AF_INET}, {.family = AF_INET6}};
	GArray *filters = g_array_new(FALSE, FALSE, sizeof(struct berth_flow_filter));

	for (guint i = 0; i < flows->len && filters->len <= FILTERS_AT_MOST; i++) {
		const struct berth_firewall__flows *item = &g_array_index(flows, struct berth_firewall__flows, i);
		struct berth_flow_filter filter = {.family = item->published.address.family};
		if (item->withdrawn)
			filter.reply_from = item->published.address.bytes;
		else {
			filter.protocol = item->published.protocol;
			filter.to_port = item->published.host_port;
		}
		if (!is_asked(filters, &filter))
			g_array_append_val(filters, filter);
	}
	if (filters->len > FILTERS_AT_MOST) {
		g_array_set_size(filters, 0);
		g_array_append_vals(filters, families, G_N_ELEMENTS(families));
	}
	return filters;
}

static bool forget(struct search *search, const GArray *flows, GError **error)
{
	g_autoptr(GArray) filters = filters_of(flows);

	for (guint i = 0; i < flows->len; i++) {
		const struct berth_firewall__flows *item = &g_array_index(flows, struct berth_firewall__flows, i);
		g_hash_table_add(item->withdrawn ? search->withdrawn : search->published,
				 item->withdrawn ? with_target(&item->published)
						 : berth_firewall__published_key(&item->published));
	}
	for (guint i = 0; i < filters->len; i++)
		if (!berth_flows_forget(&g_array_index(filters, struct berth_flow_filter, i), is_stale, search, NULL,
					error))
			return false;
	return true;
}

bool berth_firewall_is_settled(struct berth_firewall *firewall)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);

	return firewall->flows->len == 0;
}

bool berth_firewall_settle(struct berth_firewall *firewall, GError **error)
{
	pthread_mutex_lock(&firewall->lock);
	g_autoptr(GArray) flows = g_steal_pointer(&firewall->flows);
	firewall->flows = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall__flows));
	pthread_mutex_unlock(&firewall->lock);
	if (flows->len == 0)
		return true;
	g_autoptr(GHashTable) withdrawn = new_set(), published = new_set();
	struct search search = {firewall, withdrawn, published};
	return forget(&search, flows, error);
}
