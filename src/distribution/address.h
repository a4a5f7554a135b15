// SPDX-License-Identifier: Apache-2.0
// Addresses: authorities ("host[:port]"), networks, URLs, and which proxy is for which.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

// "host", "host:5000", "127.0.0.1:5000", "[::1]:5000".
bool berth_authority_valid(const char *authority);
bool berth_authority_has_port(const char *authority);
// "localhost", 127.0.0.0/8, ::1; with any port.
bool berth_authority_is_loopback(const char *authority);

struct berth_network {
	int family; // AF_INET, AF_INET6
	unsigned char address[16];
	unsigned bits;
};
// "10.0.0.0/8", "fd00::/8".
bool berth_network_parse(const char *text, struct berth_network *ret);
// Whether the address, or one that the name has, is in one of the networks (struct berth_network). Asks the resolver
// for names.
bool berth_authority_in(const char *authority, GPtrArray *networks);

bool berth_uri_is_http(GUri *uri); // http or https, with a host
char *berth_uri_authority(GUri *uri); // a new text, lower case, without the scheme's own port
char *berth_url_authority(const char *url); // likewise; "" when it is no URL
// Scheme, host and port are the same.
bool berth_url_same_origin(const char *a, const char *b);
// `reference` as it is meant in a document of `base`; NULL when it is not one of http(s). A new text.
char *berth_url_resolve(const char *base, const char *reference);

// HTTP_PROXY, HTTPS_PROXY and NO_PROXY, also in lower case, as Go's programs read them: NO_PROXY has names ("a.b" with
// all beneath it, ".a.b" only those), addresses, networks, each with an optional port, or "*". Loopback is never
// reached through a proxy.
struct berth_proxies;
struct berth_proxies *berth_proxies_new(void);
void berth_proxies_free(struct berth_proxies *proxies);
const char *berth_proxies_find(const struct berth_proxies *proxies, const char *url); // borrowed; NULL: none
