// SPDX-License-Identifier: Apache-2.0
// The names file of a network: which names its containers have and which addresses these mean. The engine writes it
// whole and atomically, every container's monitor maps it and looks names up in place, so that a thousand containers
// share one copy. No I/O here.
//
// The text is lines, sorted by their bytes, of a key and values, separated by spaces:
//
//	berth-names 1 front
//	172.18.0.2 web.front          an address and the name that it has
//	web 172.18.0.2 fd12::2        a name (lower case) and its addresses
//
// The first line, which is not sorted, has the format's version and the network's name.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct berth_name {
	const char *name; // as people write it
	const char *ipv4, *ipv6; // without prefix length; NULL: none
	bool reverse; // its addresses have this name
};
// `network`: behind the name in answers to reverse look-ups (web.front). Names of several containers are joined. What
// can be no name (empty, with spaces, an address) or no address is left out. The caller frees the text.
char *berth_names_print(const char *network, const struct berth_name *names, size_t count);

// Calls `each` for every value of the key, until it returns false. False: there is no such key. `text` may be anything:
// nothing outside its `length` bytes is read, and a text of another version has no keys. Letters of the key compare
// without case. A key that is not there but ends in the network's name is looked up without that (web.front: web).
typedef bool berth_names_fn(void *data, const char *value, size_t length);
bool berth_names_find(const char *text, size_t length, const char *key, berth_names_fn *each, void *data);
