// SPDX-License-Identifier: Apache-2.0
// User namespaces of containers: what --userns asks for, which ids of the host a container gets for its own, and the
// namespace itself. Which ids a container needs is never read out of its image.
#pragma once

#include "engine/record.h"

#include <stddef.h>

#define BERTH_USERS_SIZE 65536 // ids of a container, unless it asks for another number
// Where they are taken from if /etc/subuid and /etc/subgid name neither berth nor containers nor root: a part of what
// systemd keeps for containers.
#define BERTH_USERS_FIRST INT64_C(0x40000000)
#define BERTH_USERS_COUNT INT64_C(0x20000000)

enum berth_users_mode { BERTH_USERS_HOST, BERTH_USERS_AUTO, BERTH_USERS_KEEP_ID, BERTH_USERS_JOIN };

struct berth_users_pin {
	int64_t container, host, count;
};

struct berth_users_wanted {
	enum berth_users_mode mode;
	int64_t size;
	GArray *uids, *gids; // of struct berth_users_pin: ids that are to be these of the host
	int64_t uid, gid; // of keep-id: the container's
	char *container; // whose namespace is joined
};

// "host", "auto[:size=N,uidmapping=C:H:N,gidmapping=…]", "keep-id:[uid=,gid=,]hostuid=,hostgid=", "container:NAME"; ""
// is `standard` ("host" or "auto"). BERTH_ERROR_INVALID: "invalid userns mode: …".
bool berth_users_parse(const char *text, const char *standard, struct berth_users_wanted *ret, GError **error);
void berth_users_wanted_clear(struct berth_users_wanted *wanted);

// A range of the host's ids.
struct berth_users_range {
	int64_t first, count;
};

// The ranges of the first of `names` (NULL-terminated) that has any in the text of subuid(5) or subgid(5); a new GArray
// of struct berth_users_range, the standard one if there is none. Lines that are none are passed over.
GArray *berth_users_ranges(const char *text, const char *const *names);
// The first `size` ids in a row that are in `ranges` and not in `used` (which gets sorted). -1: there are none.
int64_t berth_users_find(const GArray *ranges, GArray *used, int64_t size);
// The maps of a container: its ids 0 to size-1 are those from `first` on, but for the pinned ones. Two new arrays of
// struct oci_id_mapping. BERTH_ERROR_INVALID: pins overlap.
GPtrArray *berth_users_map(const GArray *pins, int64_t first, int64_t size, GError **error);

// The host's id of a container's id; -1: it has none.
int64_t berth_users_host_id(const GPtrArray *map, int64_t id);
