// SPDX-License-Identifier: Apache-2.0
// Who has which port of the host: containers by what is noted here, everybody else by trying to bind a socket. The
// socket is kept, so that nobody else takes the port unawares; it listens to nothing, and what comes is thrown away.
#include "network/firewall-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/socket-holder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EPHEMERAL_FIRST 32768 // the kernel's default
#define EPHEMERAL_LAST 60999
#define SETTING_MAX (64 << 10) // of a file in /proc/sys
// A process that is just being started has copies of our sockets until it is executed: so long a port that was given
// back may seem to be in use.
#define SETTLING (200 * 1000) // microseconds
#define SETTLING_PAUSE 1000

struct taken {
	char *owner;
	struct berth_address address; // family 0: any, of both
	int sockets[2]; // IPv4, IPv6
};

// What is asked for.
struct wish {
	const char *owner;
	int protocol;
	struct berth_address address;
	uint16_t port;
	int64_t settled; // monotonic microseconds
};

static void free_one(void *data)
{
	struct taken *taken = data;

	berth_fd_clear(&taken->sockets[0]);
	berth_fd_clear(&taken->sockets[1]);
	g_free(taken->owner);
	g_free(taken);
}

void berth_firewall__free_taken(void *taken)
{
	g_ptr_array_unref(taken);
}

static void *key_of(int protocol, uint16_t port)
{
	return GUINT_TO_POINTER((guint) protocol << 16 | port);
}

static bool overlaps(const struct berth_address *a, const struct berth_address *b)
{
	if (!a->family || !b->family)
		return true;
	return a->family == b->family &&
	       (berth_address_is_any(a) || berth_address_is_any(b) || memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0);
}

static const struct taken *find_taken(struct berth_firewall *firewall, const struct wish *wish)
{
	const GPtrArray *list = g_hash_table_lookup(firewall->taken, key_of(wish->protocol, wish->port));

	for (guint i = 0; list && i < list->len; i++) {
		const struct taken *taken = g_ptr_array_index(list, i);
		if (overlaps(&taken->address, &wish->address))
			return taken;
	}
	return NULL;
}

static char *place(const struct wish *wish)
{
	if (!wish->address.family)
		return g_strdup_printf("0.0.0.0:%u", wish->port);
	g_autofree char *address = berth_address_text(&wish->address);
	return g_strdup_printf(wish->address.family == AF_INET ? "%s:%u" : "[%s]:%u", address, wish->port);
}

// An id of 64 digits is shown as long as everybody writes it.
static int shown_length(const char *owner)
{
	return strlen(owner) == 64 && strspn(owner, "0123456789abcdef") == 64 ? 12 : 255;
}

static bool refuse(const struct wish *wish, const char *by, GError **error)
{
	g_autofree char *where = place(wish);

	return berth_error_set(error, BERTH_ERROR_CONFLICT, "Bind for %s failed: port is already allocated%s%s", where,
			       *by ? ": by " : "", by);
}

static bool refuse_holder(const struct wish *wish, int family, GError **error)
{
	const uint8_t *address =
		wish->address.family && !berth_address_is_any(&wish->address) ? wish->address.bytes : NULL;
	struct berth_socket_holder holder;
	g_autofree char *by = NULL;

	berth_socket_find_holder(family, wish->protocol, address, wish->port, &holder);
	g_strcanon(holder.name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS " -_.:/@+()[]", '?');
	by = holder.pid ? g_strdup_printf("%s (pid %d)", holder.name, holder.pid)
			: g_strdup("a process of the host that cannot be seen from here");
	return refuse(wish, by, error);
}

static int open_socket(int family, int protocol)
{
	struct sock_filter nothing[] = {{.code = BPF_RET | BPF_K}}; // keeps no byte of any packet
	struct sock_fprog program = {.len = 1, .filter = nothing};
	int fd = socket(family, (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, protocol);
	int on = 1;

	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (protocol == IPPROTO_TCP) // what is left of a server that has ended is nobody's
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
	return fd;
}

static bool bind_socket(int fd, const struct wish *wish, int family)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(wish->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(wish->port)};
	int off = 0;

	if (family == AF_INET)
		memcpy(&in.sin_addr, wish->address.bytes, sizeof in.sin_addr);
	else
		memcpy(&in6.sin6_addr, wish->address.bytes, sizeof in6.sin6_addr);
	if (bind(fd, family == AF_INET ? (struct sockaddr *) &in : (struct sockaddr *) &in6,
		 family == AF_INET ? sizeof in : sizeof in6) < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off); // others shall not share it
	return true;
}

enum outcome { TAKEN, IN_USE, FAILED };

static enum outcome try_family(const struct wish *wish, int family, int *ret_socket, GError **error)
{
	berth_fd fd = open_socket(family, wish->protocol);

	// Where the kernel does not speak that protocol or family, no process of the host has the port.
	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT || errno == EAFNOSUPPORT))
		return TAKEN;
	bool bound = fd >= 0 && bind_socket(fd, wish, family);
	while (!bound && fd >= 0 && errno == EADDRINUSE && g_get_monotonic_time() < wish->settled) {
		g_usleep(SETTLING_PAUSE);
		bound = bind_socket(fd, wish, family);
	}
	if (bound) {
		*ret_socket = berth_fd_steal(&fd);
		return TAKEN;
	}
	int errnum = errno;
	if (errnum == EADDRINUSE) {
		refuse_holder(wish, family, error);
		return IN_USE;
	}
	g_autofree char *where = place(wish);
	if (errnum == EADDRNOTAVAIL)
		berth_error_set(error, BERTH_ERROR_INVALID,
				"Bind for %s failed: cannot assign requested address: no interface of this host has it",
				where);
	else
		berth_error_set_errno(error, errnum, "Bind for %s failed", where);
	return FAILED;
}

static enum outcome try_port(struct berth_firewall *firewall, const struct wish *wish, GError **error)
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct taken *holder = find_taken(firewall, wish);
	enum outcome outcome = TAKEN;

	if (holder) {
		g_autofree char *by = g_strdup_printf("container %.*s", shown_length(holder->owner), holder->owner);
		refuse(wish, by, error);
		return IN_USE;
	}
	struct taken *taken = g_new0(struct taken, 1);
	*taken = (struct taken){.owner = g_strdup(wish->owner), .address = wish->address, .sockets = {-1, -1}};
	for (int i = 0; i < 2 && outcome == TAKEN; i++)
		if (!wish->address.family || wish->address.family == families[i])
			outcome = try_family(wish, families[i], &taken->sockets[i], error);
	if (outcome != TAKEN) {
		free_one(taken);
		return outcome;
	}
	GPtrArray *list = g_hash_table_lookup(firewall->taken, key_of(wish->protocol, wish->port));
	if (!list) {
		list = g_ptr_array_new_with_free_func(free_one);
		g_hash_table_insert(firewall->taken, key_of(wish->protocol, wish->port), list);
	}
	g_ptr_array_add(list, taken);
	return TAKEN;
}

static char *read_setting(const char *name)
{
	return berth_read_file_at(AT_FDCWD, name, SETTING_MAX, NULL, NULL);
}

// Ports that the administrator keeps free ("8080,9148-9200").
static bool is_reserved(const char *list, uint16_t port)
{
	while (list && g_ascii_isdigit(*list)) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (port >= first && port <= last)
			return true;
		list = *end == ',' ? end + 1 : "";
	}
	return false;
}

static bool take_ephemeral(struct berth_firewall *firewall, struct wish *wish, GError **error)
{
	g_autofree char *range = read_setting("/proc/sys/net/ipv4/ip_local_port_range"),
			*reserved = read_setting("/proc/sys/net/ipv4/ip_local_reserved_ports");
	unsigned first = EPHEMERAL_FIRST, last = EPHEMERAL_LAST;

	if (range && (sscanf(range, "%u %u", &first, &last) != 2 || first > last || !first || last > UINT16_MAX)) {
		first = EPHEMERAL_FIRST;
		last = EPHEMERAL_LAST;
	}
	if (firewall->next_port < first || firewall->next_port > last) // not the same ones after every start
		firewall->next_port = (uint16_t) (first + g_random_int() % (last - first + 1));
	for (unsigned tries = 0; tries <= last - first; tries++) {
		g_autoptr(GError) problem = NULL;
		wish->port = firewall->next_port;
		firewall->next_port = (uint16_t) (wish->port == last ? first : wish->port + 1u);
		enum outcome outcome = is_reserved(reserved, wish->port) ? IN_USE : try_port(firewall, wish, &problem);
		if (outcome == FAILED)
			g_propagate_error(error, g_steal_pointer(&problem));
		if (outcome != IN_USE)
			return outcome == TAKEN;
	}
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "no port of the host is free between %u and %u (net.ipv4.ip_local_port_range)", first,
			       last);
}

static bool take_range(struct berth_firewall *firewall, struct wish *wish, uint16_t first, uint16_t last,
		       GError **error)
{
	g_autoptr(GError) problem = NULL;

	for (unsigned port = first; port <= last; port++) {
		g_clear_error(&problem);
		wish->port = (uint16_t) port;
		enum outcome outcome = try_port(firewall, wish, &problem);
		if (outcome == TAKEN)
			return true;
		if (outcome == FAILED)
			break;
	}
	g_propagate_error(error, g_steal_pointer(&problem));
	if (first != last)
		g_prefix_error(error, "none of the ports %u-%u is free: ", first, last);
	return false;
}

static bool parse_wish(const char *owner, int protocol, const char *host_address, struct wish *ret, GError **error)
{
	*ret = (struct wish){.owner = owner, .protocol = protocol};
	return !host_address || berth_address_parse(host_address, &ret->address, error);
}

bool berth_firewall_port_take(struct berth_firewall *firewall, const char *owner, int protocol,
			      const char *host_address, uint16_t first, uint16_t last, uint16_t *ret, GError **error)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	struct wish wish;

	if (!parse_wish(owner, protocol, host_address, &wish, error))
		return false;
	wish.settled = firewall->settled;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP)
		return berth_error_set(error, BERTH_ERROR_INVALID, "ports of protocol %d cannot be published",
				       protocol);
	if (last < first || (!first && last))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid range of ports %u-%u", first, last);
	if (!(first ? take_range(firewall, &wish, first, last, error) : take_ephemeral(firewall, &wish, error)))
		return false;
	*ret = wish.port;
	return true;
}

void berth_firewall_port_release(struct berth_firewall *firewall, const char *owner, int protocol,
				 const char *host_address, uint16_t port)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	GPtrArray *list = g_hash_table_lookup(firewall->taken, key_of(protocol, port));
	struct wish wish;

	if (!parse_wish(owner, protocol, host_address, &wish, NULL))
		return;
	for (guint i = 0; list && i < list->len; i++) {
		const struct taken *taken = g_ptr_array_index(list, i);
		if (!g_str_equal(taken->owner, owner) || taken->address.family != wish.address.family ||
		    memcmp(taken->address.bytes, wish.address.bytes, sizeof wish.address.bytes) != 0)
			continue;
		g_ptr_array_remove_index_fast(list, i);
		firewall->settled = g_get_monotonic_time() + SETTLING;
		break;
	}
	if (list && list->len == 0)
		g_hash_table_remove(firewall->taken, key_of(protocol, port));
}
