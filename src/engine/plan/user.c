// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/user.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"

#include <string.h>

void berth_user_clear(struct berth_user *user)
{
	g_clear_pointer(&user->home, g_free);
	g_clear_pointer(&user->groups, g_array_unref);
}

static void add_group(struct berth_user *user, uint32_t gid)
{
	for (guint i = 0; i < user->groups->len; i++)
		if (g_array_index(user->groups, uint32_t, i) == gid)
			return;
	g_array_append_val(user->groups, gid);
}

// Whether the text is all digits; then *ret is its value, or the range is wrong.
static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool read_number(const char *text, uint32_t *ret, GError **error)
{
	guint64 value = 0;

	if (!g_ascii_string_to_unsigned(text, 10, 0, BERTH_USER_ID_MAX, &value, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: uids and gids must be in range 0-%d", text,
				       BERTH_USER_ID_MAX);
	*ret = (uint32_t) value;
	return true;
}

// The next line of passwd or group with at least `fields` fields, split; NULL at the end.
static char **next_entry(const char **text, int fields)
{
	while (*text && **text) {
		const char *end = strchrnul(*text, '\n');
		g_autofree char *line = g_strndup(*text, (gsize) (end - *text));

		*text = *end ? end + 1 : end;
		g_strstrip(line);
		g_auto(GStrv) parts = g_strsplit(line, ":", 0);
		if ((int) g_strv_length(parts) >= fields)
			return g_steal_pointer(&parts);
	}
	return NULL;
}

static bool entry_number(const char *text, uint32_t *ret)
{
	return is_number(text) && read_number(text, ret, NULL);
}

// Finds the account; *ret_name is its name, NULL for a number without an entry.
static bool find_account(const char *passwd, const char *wanted, struct berth_user *user, char **ret_name,
			 GError **error)
{
	bool number = is_number(wanted);
	char **entry;

	if (number && !read_number(wanted, &user->uid, error))
		return false;
	while ((entry = next_entry(&passwd, 6))) {
		g_auto(GStrv) parts = entry;
		uint32_t uid, gid;
		if (!*parts[0] || !entry_number(parts[2], &uid) || !entry_number(parts[3], &gid))
			continue;
		if (number ? uid != user->uid : strcmp(parts[0], wanted) != 0)
			continue;
		user->uid = uid;
		user->gid = gid;
		user->home = g_strdup(*parts[5] == '/' ? parts[5] : "/");
		*ret_name = g_strdup(parts[0]);
		return true;
	}
	return number || berth_error_set(error, BERTH_ERROR_INVALID,
					 "unable to find user %s: no matching entries in passwd file", wanted);
}

static bool find_group(const char *group, const char *wanted, uint32_t *ret, GError **error)
{
	char **entry;

	if (is_number(wanted))
		return read_number(wanted, ret, error);
	while ((entry = next_entry(&group, 3))) {
		g_auto(GStrv) parts = entry;
		if (strcmp(parts[0], wanted) == 0 && entry_number(parts[2], ret))
			return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "unable to find group %s: no matching entries in group file",
			       wanted);
}

static void add_memberships(const char *group, const char *name, struct berth_user *user)
{
	char **entry;

	while ((entry = next_entry(&group, 4))) {
		g_auto(GStrv) parts = entry;
		g_auto(GStrv) members = g_strsplit(parts[3], ",", 0);
		uint32_t gid;
		if (g_strv_contains((const char *const *) members, name) && entry_number(parts[2], &gid))
			add_group(user, gid);
	}
}

static bool resolve(const char *passwd, const char *group, const char *text, char *const *group_add,
		    struct berth_user *user, GError **error)
{
	const char *spec = text && *text ? text : "0";
	const char *colon = strchr(spec, ':');
	g_autofree char *account = colon ? g_strndup(spec, (gsize) (colon - spec)) : g_strdup(spec);
	const char *group_part = colon && colon[1] ? colon + 1 : NULL;
	g_autofree char *name = NULL;

	if (!find_account(passwd, *account ? account : "0", user, &name, error))
		return false;
	if (group_part && !find_group(group, group_part, &user->gid, error))
		return false;
	add_group(user, user->gid);
	if (name && !group_part)
		add_memberships(group, name, user);
	for (char *const *wanted = group_add; wanted && *wanted; wanted++) {
		uint32_t gid = 0;
		if (!find_group(group, *wanted, &gid, error))
			return false;
		add_group(user, gid);
	}
	return true;
}

bool berth_user_resolve_text(const char *passwd, const char *group, const char *text, char *const *group_add,
			     struct berth_user *ret, GError **error)
{
	struct berth_user user = {.groups = g_array_new(FALSE, FALSE, sizeof(uint32_t))};

	if (!resolve(passwd, group, text, group_add, &user, error)) {
		berth_user_clear(&user);
		return false;
	}
	if (!user.home)
		user.home = g_strdup("/");
	*ret = user;
	return true;
}

static char *read_accounts(int root_fd, const char *path)
{
	berth_fd fd = berth_root_open_regular(root_fd, path, NULL);

	return fd >= 0 ? berth_read_fd(fd, BERTH_LIMIT_PASSWD, NULL, path, NULL) : NULL;
}

bool berth_user_resolve(int root_fd, const char *text, char *const *group_add, struct berth_user *ret, GError **error)
{
	g_autofree char *passwd = read_accounts(root_fd, "/etc/passwd");
	g_autofree char *group = read_accounts(root_fd, "/etc/group");

	return berth_user_resolve_text(passwd, group, text, group_add, ret, error);
}
