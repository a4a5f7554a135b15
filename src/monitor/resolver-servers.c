// SPDX-License-Identifier: Apache-2.0
// Who is asked for other names: given ones, or those of the host's resolv.conf (see resolv.conf(5)), which is read anew
// when it has changed.
#include "monitor/resolver-internal.h"

#include "base/fd.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#define TIMEOUT 2000 // milliseconds; less than what askers wait, so that another server can be asked while they do
#define ATTEMPTS 2
#define MOST_ATTEMPTS 5
#define LOSSES 2 // one after the other, after which a server is asked last …
#define DEAD_TIME (30 * G_USEC_PER_SEC) // … for so long

// "10.0.0.1", "fd00::1", "fe80::1%eth0". False: it is none.
static bool parse_address(const char *text, uint16_t port, union berth_resolver_address *ret)
{
	g_auto(GStrv) parts = g_strsplit(text, "%", 2);

	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return true;
	}
	if (!parts[0] || inet_pton(AF_INET6, parts[0], &ret->v6.sin6_addr) != 1)
		return false;
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	ret->v6.sin6_scope_id = parts[1] ? if_nametoindex(parts[1]) : 0;
	return true;
}

static struct berth_resolver_servers *servers_new(void)
{
	struct berth_resolver_servers *servers =
		g_malloc0(sizeof *servers + BERTH_LIMIT_DNS_SERVERS * sizeof servers->list[0]);

	servers->references = 1;
	servers->timeout = TIMEOUT;
	servers->attempts = ATTEMPTS;
	return servers;
}

struct berth_resolver_servers *berth_resolver__servers_ref(struct berth_resolver_servers *servers)
{
	servers->references++;
	return servers;
}

void berth_resolver__servers_unref(struct berth_resolver_servers *servers)
{
	if (servers && --servers->references == 0)
		g_free(servers);
}

static void add(struct berth_resolver_servers *servers, const char *address, uint16_t port)
{
	if (servers->count < BERTH_LIMIT_DNS_SERVERS &&
	    parse_address(address, port, &servers->list[servers->count].address))
		servers->count++;
}

static unsigned number_of(const char *text, unsigned least, unsigned most)
{
	return (unsigned) CLAMP(g_ascii_strtoull(text, NULL, 10), least, most);
}

static void take_option(struct berth_resolver_servers *servers, const char *option)
{
	if (g_str_has_prefix(option, "timeout:"))
		servers->timeout = 1000 * number_of(option + strlen("timeout:"), 1, BERTH_LIMIT_DNS_PATIENCE);
	else if (g_str_has_prefix(option, "attempts:"))
		servers->attempts = number_of(option + strlen("attempts:"), 1, MOST_ATTEMPTS);
	else if (strcmp(option, "rotate") == 0)
		servers->rotate = true;
}

// Keywords begin their lines; # and ; begin comments only there.
static void read_host_file(struct berth_resolver_servers *servers, const char *path, uint16_t port)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_DNS_HOST_FILE, NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", 0);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit_set(*line, " \t\r", 0);
		bool server = strcmp(words[0] ? words[0] : "", "nameserver") == 0;
		bool options = strcmp(words[0] ? words[0] : "", "options") == 0;
		for (char **word = words + 1; (server || options) && *word; word++) {
			if (!**word)
				continue;
			if (options) {
				take_option(servers, *word);
			} else {
				add(servers, *word, port);
				break;
			}
		}
	}
	if (servers->count == 0) // as resolv.conf(5) says
		add(servers, "127.0.0.1", port);
}

struct berth_resolver_servers *berth_resolver__servers(struct berth_resolver_servers **current, char *const *addresses,
						       const char *host_file, uint16_t port)
{
	bool given = addresses && *addresses;
	struct berth_resolver_stamp stamp = {0};

	if (*current && given)
		return *current;
	if (*current)
		stamp = (*current)->stamp;
	if (!given && !berth_resolver__stamp(host_file, &stamp) && *current)
		return *current;
	struct berth_resolver_servers *servers = servers_new();
	servers->stamp = stamp;
	for (char *const *address = given ? addresses : NULL; address && *address; address++)
		add(servers, *address, port);
	if (!given)
		read_host_file(servers, host_file, port);
	berth_resolver__servers_unref(*current);
	*current = servers;
	return servers;
}

void berth_resolver__servers_order(struct berth_resolver_servers *servers, uint8_t *ret)
{
	int64_t now = g_get_monotonic_time();
	unsigned first = servers->rotate && servers->count > 0 ? servers->next++ % servers->count : 0, count = 0;

	for (int dead = 0; dead < 2; dead++)
		for (unsigned i = 0; i < servers->count; i++) {
			unsigned number = (first + i) % servers->count;
			if ((servers->list[number].dead_until > now) == dead)
				ret[count++] = (uint8_t) number;
		}
}

void berth_resolver__server_lost(struct berth_resolver_server *server)
{
	if (++server->losses >= LOSSES)
		server->dead_until = g_get_monotonic_time() + DEAD_TIME;
}

void berth_resolver__server_answered(struct berth_resolver_server *server)
{
	server->losses = 0;
	server->dead_until = 0;
}
