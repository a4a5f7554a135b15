// SPDX-License-Identifier: Apache-2.0
// Who a container's process is: "user", "user:group", names or numbers, resolved by the container's own /etc/passwd and
// /etc/group, which are read beneath its root, as data. A number is always a number, whatever the files call so.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BERTH_USER_ID_MAX INT32_MAX

struct berth_user {
	uint32_t uid, gid;
	char *home; // "/" when unknown
	GArray *groups; // of uint32_t: gid first, then the supplementary ones, no number twice
};

// Resolves `text` ("" and NULL: root) and the groups to add (may be NULL) beneath `root_fd`. Files that are missing,
// are no regular files or are larger than BERTH_LIMIT_PASSWD count as empty. BERTH_ERROR_INVALID: "unable to find user
// x: no matching entries in passwd file", "unable to find group x: …", a number out of range.
bool berth_user_resolve(int root_fd, const char *text, char *const *group_add, struct berth_user *ret, GError **error);
// The same from the files' text, which may be NULL.
bool berth_user_resolve_text(const char *passwd, const char *group, const char *text, char *const *group_add,
			     struct berth_user *ret, GError **error);
void berth_user_clear(struct berth_user *user);
