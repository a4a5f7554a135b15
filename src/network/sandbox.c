// SPDX-License-Identifier: Apache-2.0
// The calling thread is in the container's namespace for as long as it takes to open what works in it.
#include "network/sandbox.h"

#include "base/error.h"
#include "base/fd.h"
#include "network/network-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DISABLE_IPV6 "/proc/sys/net/ipv6/conf/default/disable_ipv6"
#define LOOPBACK 1 // its index in every namespace
#define RETURN_TRIES 1000 // of a millisecond each

struct berth_sandbox {
	int namespace; // borrowed
	int host; // the namespace that we came from
	struct berth_netlink *route;
	int disable_ipv6; // the setting's file in that namespace; -1: no IPv6 there
	char disabled; // what it said
	GHashTable *indices; // of interfaces that were attached, by name
};

static bool enter(const struct berth_sandbox *sandbox, GError **error)
{
	return setns(sandbox->namespace, CLONE_NEWNET) == 0 ||
	       berth_error_set_errno(error, errno, "enter the container's network namespace");
}

// The kernel refuses this for want of memory only. A thread that stayed there would do the engine's work on the
// container's interfaces: rather none goes on.
static void leave(const struct berth_sandbox *sandbox)
{
	for (int i = 0; setns(sandbox->host, CLONE_NEWNET) < 0; i++) {
		if (i == RETURN_TRIES)
			abort();
		g_usleep(1000);
	}
}

struct berth_sandbox *berth_sandbox_open(int network_namespace, GError **error)
{
	g_autoptr(berth_sandbox) sandbox = g_new0(struct berth_sandbox, 1);

	sandbox->namespace = network_namespace;
	sandbox->disable_ipv6 = -1;
	sandbox->host = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (sandbox->host < 0) {
		berth_error_set_errno(error, errno, "open the engine's own network namespace");
		return NULL;
	}
	if (!enter(sandbox, error))
		return NULL;
	sandbox->route = berth_netlink_open(NETLINK_ROUTE, error);
	sandbox->disable_ipv6 = open(DISABLE_IPV6, O_RDWR | O_CLOEXEC);
	leave(sandbox);
	if (!sandbox->route)
		return NULL;
	berth_links__put_up(sandbox->route, LOOPBACK);
	if (!berth_netlink_send(sandbox->route, NULL, error))
		return g_prefix_error(error, "the container's loopback interface: "), NULL;
	if (sandbox->disable_ipv6 >= 0 && pread(sandbox->disable_ipv6, &sandbox->disabled, 1, 0) != 1)
		sandbox->disabled = '0';
	sandbox->indices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return g_steal_pointer(&sandbox);
}

void berth_sandbox_close(struct berth_sandbox *sandbox)
{
	if (!sandbox)
		return;
	berth_fd_clear(&sandbox->host);
	berth_fd_clear(&sandbox->disable_ipv6);
	berth_netlink_close(sandbox->route);
	g_clear_pointer(&sandbox->indices, g_hash_table_unref);
	g_free(sandbox);
}

int berth_sandbox_namespace(const struct berth_sandbox *sandbox)
{
	return sandbox->namespace;
}

int berth_sandbox__host_namespace(const struct berth_sandbox *sandbox)
{
	return sandbox->host;
}

struct berth_netlink *berth_sandbox_route(struct berth_sandbox *sandbox)
{
	return sandbox->route;
}

bool berth_sandbox_run(struct berth_sandbox *sandbox, bool (*work)(void *data, GError **error), void *data,
		       GError **error)
{
	if (!enter(sandbox, error))
		return false;
	bool done = work(data, error);
	leave(sandbox);
	return done;
}

void berth_sandbox__note_index(struct berth_sandbox *sandbox, const char *interface, int index)
{
	g_hash_table_replace(sandbox->indices, g_strdup(interface), GINT_TO_POINTER(index));
}

void berth_sandbox__forget_index(struct berth_sandbox *sandbox, const char *interface)
{
	g_hash_table_remove(sandbox->indices, interface);
}

bool berth_sandbox__index(struct berth_sandbox *sandbox, const char *interface, int *ret, GError **error)
{
	struct berth_link_state link;

	*ret = GPOINTER_TO_INT(g_hash_table_lookup(sandbox->indices, interface));
	if (*ret)
		return true;
	if (!berth_links__get(sandbox->route, interface, &link, error))
		return false;
	if (!link.index)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "the container has no network interface %s",
				       interface);
	berth_sandbox__note_index(sandbox, interface, *ret = link.index);
	return true;
}

static bool set_born_without(struct berth_sandbox *sandbox, char value, GError **error)
{
	return sandbox->disable_ipv6 < 0 || sandbox->disabled == '1' ||
	       pwrite(sandbox->disable_ipv6, &value, 1, 0) == 1 ||
	       berth_error_set_errno(error, errno, "write %c to %s of the container", value, DISABLE_IPV6);
}

bool berth_sandbox__without_ipv6(struct berth_sandbox *sandbox, GError **error)
{
	return set_born_without(sandbox, '1', error);
}

bool berth_sandbox__with_ipv6_again(struct berth_sandbox *sandbox, GError **error)
{
	return set_born_without(sandbox, '0', error);
}

// "10.1.0.0/16 via 172.18.0.9", or without a gateway: on the link
static bool put_further_route(struct berth_netlink *route, int index, const char *text, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 0);
	guint count = g_strv_length(words);
	struct berth_subnet destination;
	struct berth_address gateway;

	if (count != 1 && (count != 3 || !g_str_equal(words[1], "via")))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "route \"%s\": expected SUBNET or SUBNET via ADDRESS", text);
	if (!berth_subnet_parse(words[0], &destination, NULL, error) ||
	    (count == 3 && !berth_address_parse(words[2], &gateway, error)))
		return g_prefix_error(error, "route \"%s\": ", text), false;
	if (count == 3 && gateway.family != destination.address.family)
		return berth_error_set(error, BERTH_ERROR_INVALID, "route \"%s\": the two are of different families",
				       text);
	berth_links__put_route(route, index, &destination, count == 3 ? &gateway : NULL);
	return true;
}

bool berth_sandbox__put_addresses(struct berth_sandbox *sandbox, int index, const struct berth_endpoint *endpoint,
				  GError **error)
{
	if (endpoint->ipv4)
		berth_links__put_address(sandbox->route, index, endpoint->ipv4);
	if (endpoint->ipv6)
		berth_links__put_address(sandbox->route, index, endpoint->ipv6);
	for (char **text = endpoint->routes; text && *text; text++)
		if (!put_further_route(sandbox->route, index, *text, error))
			return berth_netlink_discard(sandbox->route), false;
	return true;
}

static void remove_default(struct berth_netlink *route, int family)
{
	struct rtmsg header = {
		.rtm_family = (uint8_t) family, .rtm_table = RT_TABLE_MAIN, .rtm_scope = RT_SCOPE_NOWHERE};

	berth_netlink_begin(route, RTM_DELROUTE, 0, &header, sizeof header);
	berth_netlink_forgive(route, ESRCH);
	berth_netlink_forgive(route, ENOENT); // IPv6 has not had any route yet
}

static bool put_default(struct berth_sandbox *sandbox, const struct berth_endpoint *endpoint, const char *text,
			GError **error)
{
	struct berth_address gateway;
	int index;

	if (!berth_address_parse(text, &gateway, error) ||
	    !berth_sandbox__index(sandbox, endpoint->interface, &index, error))
		return g_prefix_error(error, "default route by %s: ", text), false;
	berth_links__put_route(sandbox->route, index, NULL, &gateway);
	return true;
}

bool berth_sandbox_default_routes(struct berth_sandbox *sandbox, const GPtrArray *endpoints, GError **error)
{
	const struct berth_endpoint *by = NULL, *by6 = NULL;

	for (guint i = 0; i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		int index;
		// Looked up before the batch begins.
		if ((endpoint->is_default || endpoint->is_default6) &&
		    !berth_sandbox__index(sandbox, endpoint->interface, &index, error))
			return false;
		if (endpoint->is_default && endpoint->gateway)
			by = endpoint;
		if (endpoint->is_default6 && endpoint->gateway6)
			by6 = endpoint;
	}
	if (!by)
		remove_default(sandbox->route, AF_INET);
	if (!by6 && sandbox->disable_ipv6 >= 0)
		remove_default(sandbox->route, AF_INET6);
	if ((by && !put_default(sandbox, by, by->gateway, error)) ||
	    (by6 && !put_default(sandbox, by6, by6->gateway6, error)))
		return berth_netlink_discard(sandbox->route), false;
	if (!berth_netlink_send(sandbox->route, NULL, error))
		return g_prefix_error(error, "set the container's default route: "), false;
	return true;
}
