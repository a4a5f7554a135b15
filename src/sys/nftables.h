// SPDX-License-Identifier: Apache-2.0
// nftables, in process: tables, chains and rules as text through libnftables (loaded at the first use, so that who
// needs no network does without it); elements of sets and maps, which come and go with containers and ports, as netlink
// messages of our own, whose cost does not depend on how many there are.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Carries out nft(8)'s commands in the caller's network namespace, all or none. The error has nft's own words.
bool berth_nft_run(const char *commands, GError **error);
// The same, and gives what they print ("list table …"); `json` for nft -j. The caller frees it.
char *berth_nft_list(const char *commands, bool json, GError **error);

// Elements. `key` and `data` are in the kernel's own form: in network byte order, each part of a concatenation padded
// to four bytes. No data for a set.
struct berth_nft_element {
	bool remove; // removing what is not there is no error; adding what is there with other data replaces it
	const char *set; // its name in the table
	uint8_t key[64], key_end[64], data[32];
	size_t key_length, data_length;
	bool interval; // of concatenations: from key to key_end
};

struct berth_nft; // a socket in the network namespace that it was opened in; one thread at a time
struct berth_nft *berth_nft_open(GError **error);
void berth_nft_close(struct berth_nft *nft);
typedef struct berth_nft berth_nft;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_nft, berth_nft_close)

// Changes elements of sets of one table, all or none, in this order. `family` is NFPROTO_INET, NFPROTO_BRIDGE ….
// NOT_FOUND: there is no such table or set (any more).
bool berth_nft_elements(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *elements,
			size_t count, GError **error);

// Whether the element is there, has a counter (its set says so), and nothing was found by it yet.
bool berth_nft_unused(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *element);

// A socket that becomes readable when anybody changes the rules of this network namespace, ourselves included; for
// poll(2). -1 on failure.
int berth_nft_watch(GError **error);
// What has been told there since it was last read. Who has just changed something reads it in the same critical section
// and knows how many of the changes were its own.
struct berth_nft_changes {
	unsigned all; // transactions
	unsigned table; // those that touched a table of the name asked for, in any family
	bool lost; // there were more than the socket holds
};
void berth_nft_changed(int watch, const char *table, struct berth_nft_changes *ret);

// Whether there is a table of that name.
bool berth_nft_exists(struct berth_nft *nft, int family, const char *table);
// Removes it with all that is in it; that there is none is no error.
bool berth_nft_remove(struct berth_nft *nft, int family, const char *table, GError **error);
