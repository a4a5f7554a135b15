// SPDX-License-Identifier: Apache-2.0
// Keeps the kernel's tables equal to memory. Memory is changed first; then the elements that differ are sent, or, where
// the tables are not there (any more), all of it. If the kernel refuses, memory is as before.
#include "network/firewall-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define LOOK_AFTER_MS 200 // a change of the host's rules; more of them mostly come at once
#define MEND_WINDOW_US (10 * G_USEC_PER_SEC) // in which there are as many mends at once as firewall->mends holds
#define AGAIN_MS 1000 // then one by one; and as seldom are the host's rules read where they change all the time

bool berth_publish_policy_parse(const char *text, enum berth_publish_policy *ret, GError **error)
{
	static const char *const names[] = {
		[BERTH_PUBLISH_FIREWALL] = "firewall", [BERTH_PUBLISH_OPEN] = "open", [BERTH_PUBLISH_LOCAL] = "local"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_strcmp0(text, names[i]) == 0) {
			*ret = (enum berth_publish_policy) i;
			return true;
		}
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid publish policy '%s': it is one of firewall, open and local", text ? text : "");
}

// A name that needs no quotes in nft's language.
static bool check_table(const char *table, GError **error)
{
	if (*table && strlen(table) <= BERTH_FIREWALL_TABLE_MAX && g_ascii_isalpha(*table) &&
	    strspn(table, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_") == strlen(table))
		return true;
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"invalid name '%s' of an nftables table: a letter, then letters, digits, - and _, at most "
		"%d in all",
		table, BERTH_FIREWALL_TABLE_MAX);
}

static void free_published(void *data)
{
	struct berth_firewall__published *published = data;

	g_free(published->owner);
	g_free(published);
}

static void free_list(void *list)
{
	g_ptr_array_unref(list);
}

GPtrArray *berth_firewall__new_list(void)
{
	return g_ptr_array_new_with_free_func(free_published);
}

static bool open_poller(struct berth_firewall *firewall, GError **error)
{
	struct epoll_event event = {.events = EPOLLIN};

	firewall->poller = epoll_create1(EPOLL_CLOEXEC);
	firewall->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (firewall->poller < 0 || firewall->timer < 0 ||
	    epoll_ctl(firewall->poller, EPOLL_CTL_ADD, firewall->timer, &event) < 0)
		return berth_error_set_errno(error, errno, "watch nftables");
	return true;
}

struct berth_firewall *berth_firewall_new(const struct berth_firewall_options *options, GError **error)
{
	const char *table = options->table ? options->table : "berth";

	if (!check_table(table, error))
		return NULL;
	struct berth_firewall *firewall = g_new0(struct berth_firewall, 1);
	pthread_mutex_init(&firewall->lock, NULL);
	firewall->table = g_strdup(table);
	firewall->policy = options->publish;
	firewall->networks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	firewall->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	firewall->owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_list);
	firewall->published = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
	firewall->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
	firewall->flows = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall__flows));
	firewall->taken = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, berth_firewall__free_taken);
	firewall->poller = firewall->timer = firewall->watch = -1;
	if (open_poller(firewall, error))
		return firewall;
	berth_firewall_free(firewall, true);
	return NULL;
}

void berth_firewall_free(struct berth_firewall *firewall, bool keep)
{
	if (!firewall)
		return;
	if (!keep && firewall->nft) {
		berth_nft_remove(firewall->nft, NFPROTO_INET, firewall->table, NULL);
		berth_nft_remove(firewall->nft, NFPROTO_BRIDGE, firewall->table, NULL);
	}
	berth_fd_clear(&firewall->watch);
	berth_fd_clear(&firewall->timer);
	berth_fd_clear(&firewall->poller);
	berth_nft_close(firewall->nft);
	g_array_unref(firewall->flows);
	g_hash_table_unref(firewall->links);
	g_hash_table_unref(firewall->published);
	g_hash_table_unref(firewall->owners);
	g_hash_table_unref(firewall->ports);
	g_hash_table_unref(firewall->networks);
	g_hash_table_unref(firewall->taken);
	g_free(firewall->filtered);
	g_free(firewall->table);
	pthread_mutex_destroy(&firewall->lock);
	g_free(firewall);
}

// Sockets are opened when the first thing is asked of the kernel: in the namespace that is the host's.
static bool open_sockets(struct berth_firewall *firewall, GError **error)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (firewall->nft)
		return true;
	g_autoptr(berth_nft) nft = berth_nft_open(error);
	berth_fd watch = nft ? berth_nft_watch(error) : -1;
	if (watch < 0)
		return false;
	if (epoll_ctl(firewall->poller, EPOLL_CTL_ADD, watch, &event) < 0)
		return berth_error_set_errno(error, errno, "watch nftables");
	firewall->nft = g_steal_pointer(&nft);
	firewall->watch = berth_fd_steal(&watch);
	return true;
}

static void set_timer(struct berth_firewall *firewall, int milliseconds)
{
	struct itimerspec now, wanted = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000L}};

	if (timerfd_gettime(firewall->timer, &now) == 0 && (now.it_value.tv_sec || now.it_value.tv_nsec))
		return; // it is running
	timerfd_settime(firewall->timer, 0, &wanted, NULL);
}

static void look_later(struct berth_firewall *firewall)
{
	bool recently = g_get_monotonic_time() - firewall->looked < AGAIN_MS * G_TIME_SPAN_MILLISECOND;

	set_timer(firewall, recently ? AGAIN_MS : LOOK_AFTER_MS);
}

// Reads what was changed since it was last read; `own` transactions of these touched our tables and were ours.
static void take_changes(struct berth_firewall *firewall, unsigned own)
{
	struct berth_nft_changes changes;

	berth_nft_changed(firewall->watch, firewall->table, &changes);
	if (changes.table > own || (changes.lost && own == 0))
		firewall->damaged = true;
	if (changes.all > own || changes.lost) {
		firewall->stale = true;
		look_later(firewall);
	}
}

// What filters the host's input, as it is now.
static bool read_filter(struct berth_firewall *firewall, GError **error)
{
	struct berth_firewall__host *host = berth_firewall__read_host(firewall->table, error);

	if (!host)
		return false;
	g_free(firewall->filtered);
	firewall->filtered = berth_firewall__input_filter(host);
	firewall->stale = false;
	firewall->looked = g_get_monotonic_time();
	berth_firewall__free_host(host);
	return true;
}

static bool should_be_open(const struct berth_firewall *firewall)
{
	return firewall->policy == BERTH_PUBLISH_OPEN ||
	       (firewall->policy == BERTH_PUBLISH_FIREWALL && !firewall->filtered);
}

static void add_everything(struct berth_firewall *firewall, GArray *items)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, firewall->networks);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		berth_firewall__add_network(items, value, false);
	g_hash_table_iter_init(&iter, firewall->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		berth_firewall__add_port(items, firewall, value, false);
	g_hash_table_iter_init(&iter, firewall->published);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		berth_firewall__add_published(items, firewall, value, false);
	g_hash_table_iter_init(&iter, firewall->links);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		for (guint i = 0; i < ((const GArray *) value)->len; i++)
			berth_firewall__add_link(
				items, &g_array_index((GArray *) value, struct berth_firewall__link, i), false);
	if (firewall->open)
		berth_firewall__add_open(items, true);
	if (firewall->loopback6)
		berth_firewall__add_loopback6(items, true);
}

static bool is_empty(const struct berth_firewall *firewall)
{
	return g_hash_table_size(firewall->networks) == 0 && g_hash_table_size(firewall->ports) == 0 &&
	       g_hash_table_size(firewall->published) == 0;
}

static bool remove_tables(struct berth_firewall *firewall, GError **error)
{
	bool removed = berth_nft_remove(firewall->nft, NFPROTO_INET, firewall->table, error) &&
		       berth_nft_remove(firewall->nft, NFPROTO_BRIDGE, firewall->table, error);

	take_changes(firewall, 2);
	firewall->damaged = false;
	firewall->present = false;
	return removed;
}

bool berth_firewall__rebuild(struct berth_firewall *firewall, GError **error)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));

	if (!open_sockets(firewall, error))
		return false;
	if (is_empty(firewall))
		return remove_tables(firewall, error);
	if (!firewall->present && !read_filter(firewall, error))
		return false;
	firewall->open = should_be_open(firewall);
	firewall->loopback6 = berth_firewall__can_loopback6();
	add_everything(firewall, items);
	g_autofree char *commands = berth_firewall__commands(firewall->table, items);
	take_changes(firewall, 0);
	firewall->damaged = !berth_nft_run(commands, error);
	if (firewall->damaged)
		return false;
	firewall->present = true;
	firewall->build++;
	take_changes(firewall, 1);
	return true;
}

// Sends the elements of one of the two tables.
static bool send_items(struct berth_firewall *firewall, const GArray *items, bool bridge, GError **error)
{
	g_autoptr(GArray) elements = g_array_new(FALSE, FALSE, sizeof(struct berth_nft_element));

	for (guint i = 0; i < items->len; i++) {
		const struct berth_firewall_item *item = &g_array_index(items, struct berth_firewall_item, i);
		if (berth_firewall__is_bridge_set(item->set) == bridge)
			g_array_append_val(elements, item->element);
	}
	if (elements->len == 0)
		return true;
	take_changes(firewall, 0);
	bool sent = berth_nft_elements(firewall->nft, bridge ? NFPROTO_BRIDGE : NFPROTO_INET, firewall->table,
				       (struct berth_nft_element *) (void *) elements->data, elements->len, error);
	take_changes(firewall, 1);
	return sent;
}

bool berth_firewall__apply(struct berth_firewall *firewall, const GArray *items, GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (!firewall->synced)
		return true;
	if (!firewall->present || firewall->damaged)
		return berth_firewall__rebuild(firewall, error);
	if (send_items(firewall, items, false, &problem) && send_items(firewall, items, true, &problem))
		return true;
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) // somebody removed our tables
		return berth_firewall__rebuild(firewall, error);
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

bool berth_firewall_sync(struct berth_firewall *firewall, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;

	GHashTableIter iter;
	void *list;

	firewall->synced = true;
	if (!berth_firewall__rebuild(firewall, error))
		return false;
	g_hash_table_iter_init(&iter, firewall->owners);
	while (g_hash_table_iter_next(&iter, NULL, &list)) {
		if (!berth_firewall__allow_loopback(firewall, list, error))
			return false;
		for (guint i = 0; i < ((GPtrArray *) list)->len; i++)
			berth_firewall__note_flows(firewall, ((GPtrArray *) list)->pdata[i], false);
	}
	return true;
}

int berth_firewall_watch(struct berth_firewall *firewall)
{
	return firewall->poller;
}

// Whether tables may be put back now. They may not where that was done too often just before.
static bool may_mend(struct berth_firewall *firewall)
{
	gint64 now = g_get_monotonic_time(), *oldest = &firewall->mends[firewall->mend];

	if (*oldest && now - *oldest < MEND_WINDOW_US) {
		gint64 last = firewall->mends[(firewall->mend + G_N_ELEMENTS(firewall->mends) - 1) %
					      G_N_ELEMENTS(firewall->mends)];
		if (now - last < AGAIN_MS * G_TIME_SPAN_MILLISECOND)
			return false;
	}
	*oldest = now;
	firewall->mend = (firewall->mend + 1) % G_N_ELEMENTS(firewall->mends);
	return true;
}

// The host's rules may say something else now about who may come in.
static bool follow_host(struct berth_firewall *firewall, GError **error)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));

	bool can_loopback6 = berth_firewall__can_loopback6();

	if (!read_filter(firewall, error))
		return false;
	if (should_be_open(firewall) != firewall->open)
		berth_firewall__add_open(items, !firewall->open);
	if (can_loopback6 != firewall->loopback6)
		berth_firewall__add_loopback6(items, can_loopback6);
	firewall->open = should_be_open(firewall);
	firewall->loopback6 = can_loopback6;
	return items->len == 0 || berth_firewall__apply(firewall, items, error);
}

static bool look(struct berth_firewall *firewall, GError **error)
{
	uint64_t expirations = 0;
	bool expired = read(firewall->timer, &expirations, sizeof expirations) > 0;

	if (!firewall->nft)
		return true;
	take_changes(firewall, 0);
	if (firewall->damaged && firewall->present && may_mend(firewall))
		return berth_firewall__rebuild(firewall, error);
	return !firewall->stale || !expired || !firewall->present || follow_host(firewall, error);
}

bool berth_firewall_look(struct berth_firewall *firewall, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	bool done = look(firewall, error);

	if (firewall->damaged && firewall->present)
		set_timer(firewall, AGAIN_MS);
	else if (firewall->stale && firewall->present)
		look_later(firewall);
	return done;
}

char *berth_firewall_restriction(struct berth_firewall *firewall)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;

	if (firewall->policy == BERTH_PUBLISH_LOCAL)
		return g_strdup("published ports are open to this host and its containers only, as the engine's "
				"--published-ports=local says");
	if (firewall->policy == BERTH_PUBLISH_OPEN || !open_sockets(firewall, NULL))
		return NULL;
	take_changes(firewall, 0);
	if (firewall->stale || !firewall->present)
		follow_host(firewall, NULL);
	if (!firewall->filtered)
		return NULL;
	return g_strdup_printf("published ports are open to this host and its containers only, because the host's "
			       "firewall filters what comes in (%s); the engine's --published-ports=open opens them to "
			       "everybody",
			       firewall->filtered);
}

char *berth_firewall_obstacle(struct berth_firewall *firewall)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	g_autoptr(GPtrArray) bridges = g_ptr_array_new();
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, firewall->networks);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (!((struct berth_firewall__network *) value)->internal)
			g_ptr_array_add(bridges, ((struct berth_firewall__network *) value)->interface);
	g_ptr_array_add(bridges, NULL);
	struct berth_firewall__host *host = bridges->len > 1 ? berth_firewall__read_host(firewall->table, NULL) : NULL;
	if (!host)
		return NULL;
	char *words = berth_firewall__forward_filter(host, (const char *const *) bridges->pdata);
	berth_firewall__free_host(host);
	return words;
}
