// SPDX-License-Identifier: Apache-2.0
// Device rules. On v1 a group is in one of two modes, "all but these" or "none but these", and a rule adds or removes
// an entry of exactly its own numbers; so the rules are reduced to a mode and its entries, and a rule that would need a
// hole in an entry is refused rather than ignored, as the kernel would do.
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "sys/bpf-devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct entries {
	bool allow_all; // the mode: all but the entries; else none but the entries
	GArray *list; // of struct berth_device_rule; `allow` has no meaning
};

static bool is_all(const struct berth_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read && rule->write && rule->mknod;
}

static bool same_device(const struct berth_device_rule *left, const struct berth_device_rule *right)
{
	return left->type == right->type && left->major == right->major && left->minor == right->minor;
}

static bool overlaps(const struct berth_device_rule *left, const struct berth_device_rule *right)
{
	return left->type == right->type && (left->major < 0 || right->major < 0 || left->major == right->major) &&
	       (left->minor < 0 || right->minor < 0 || left->minor == right->minor) &&
	       ((left->read && right->read) || (left->write && right->write) || (left->mknod && right->mknod));
}

static char *rule_text(const struct berth_device_rule *rule)
{
	g_autofree char *major = rule->major < 0 ? g_strdup("*") : g_strdup_printf("%" G_GINT64_FORMAT, rule->major);
	g_autofree char *minor = rule->minor < 0 ? g_strdup("*") : g_strdup_printf("%" G_GINT64_FORMAT, rule->minor);
	return g_strdup_printf("%c %s:%s %s%s%s", rule->type, major, minor, rule->read ? "r" : "",
			       rule->write ? "w" : "", rule->mknod ? "m" : "");
}

static void entries_add(struct entries *entries, const struct berth_device_rule *rule)
{
	for (unsigned i = 0; i < entries->list->len; i++) {
		struct berth_device_rule *entry = &g_array_index(entries->list, struct berth_device_rule, i);
		if (same_device(entry, rule)) {
			entry->read |= rule->read;
			entry->write |= rule->write;
			entry->mknod |= rule->mknod;
			return;
		}
	}
	g_array_append_val(entries->list, *rule);
}

// Takes the rule's accesses off every entry. An entry that is wider than the rule cannot have a hole.
static bool entries_remove(struct entries *entries, const struct berth_device_rule *rule, GError **error)
{
	for (unsigned i = entries->list->len; i > 0; i--) {
		struct berth_device_rule *entry = &g_array_index(entries->list, struct berth_device_rule, i - 1);
		if (!overlaps(entry, rule))
			continue;
		if ((rule->major >= 0 && rule->major != entry->major) ||
		    (rule->minor >= 0 && rule->minor != entry->minor)) {
			g_autofree char *hole = rule_text(rule);
			g_autofree char *whole = rule_text(entry);
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
					       "cgroup v1 cannot make the exception \"%s\" from the earlier rule "
					       "\"%s\"",
					       hole, whole);
		}
		entry->read &= !rule->read;
		entry->write &= !rule->write;
		entry->mknod &= !rule->mknod;
		if (!entry->read && !entry->write && !entry->mknod)
			g_array_remove_index(entries->list, i - 1);
	}
	return true;
}

static bool entries_apply(struct entries *entries, const struct berth_device_rule *rule, GError **error)
{
	if (is_all(rule)) {
		entries->allow_all = rule->allow;
		g_array_set_size(entries->list, 0);
		return true;
	}
	if (rule->type == 'a') {
		struct berth_device_rule split = *rule;
		split.type = 'b';
		if (!entries_apply(entries, &split, error))
			return false;
		split.type = 'c';
		return entries_apply(entries, &split, error);
	}
	if (rule->allow != entries->allow_all)
		entries_add(entries, rule);
	else
		return entries_remove(entries, rule, error);
	return true;
}

// The kernel's devices.list: what the group has now. In the mode "all but these" it does not show its entries.
static bool entries_read(struct entries *entries, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		char type, major[16], minor[16], access[8];
		if (sscanf(*line, "%c %15[^:]:%15s %7s", &type, major, minor, access) != 4)
			continue;
		if (type == 'a')
			return false;
		struct berth_device_rule entry = {
			.type = type,
			.major = *major == '*' ? -1 : g_ascii_strtoll(major, NULL, 10),
			.minor = *minor == '*' ? -1 : g_ascii_strtoll(minor, NULL, 10),
			.read = strchr(access, 'r'),
			.write = strchr(access, 'w'),
			.mknod = strchr(access, 'm'),
		};
		g_array_append_val(entries->list, entry);
	}
	return true;
}

// What `entry` has beyond the list's entry of the same numbers. False if that is nothing.
static bool beyond(const struct berth_device_rule *entry, const struct entries *entries, struct berth_device_rule *ret)
{
	*ret = *entry;
	for (unsigned i = 0; i < entries->list->len; i++) {
		const struct berth_device_rule *other = &g_array_index(entries->list, struct berth_device_rule, i);
		if (same_device(entry, other)) {
			ret->read &= !other->read;
			ret->write &= !other->write;
			ret->mknod &= !other->mknod;
		}
	}
	return ret->read || ret->write || ret->mknod;
}

static bool write_rule(int file, const char *name, const char *rule, GError **error)
{
	if (write(file, rule, strlen(rule)) >= 0)
		return true;
	return berth_error_set_errno(error, errno, "write \"%s\" to %s", rule, name);
}

static bool write_entries(int file, const char *name, const struct entries *entries, const struct entries *without,
			  GError **error)
{
	for (unsigned i = 0; i < entries->list->len; i++) {
		struct berth_device_rule rest;
		if (!beyond(&g_array_index(entries->list, struct berth_device_rule, i), without, &rest))
			continue;
		g_autofree char *text = rule_text(&rest);
		if (!write_rule(file, name, text, error))
			return false;
	}
	return true;
}

// Where the group is in the mode "none but these" already, only the difference is written, first what is added: its
// processes never lack a device that both the old rules and the new allow.
static bool set_v1(const struct berth_cgroup *cgroup, int folder, const struct entries *wanted, GError **error)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct berth_device_rule));
	struct entries present = {false, list};
	g_autofree char *text = berth_cgroup_read(cgroup, "devices", "devices.list", error);
	if (!text)
		return false;
	bool same_mode = entries_read(&present, text) && !wanted->allow_all;
	if (!same_mode)
		g_array_set_size(list, 0);

	berth_fd allow = openat(folder, "devices.allow", O_WRONLY | O_CLOEXEC);
	berth_fd deny = openat(folder, "devices.deny", O_WRONLY | O_CLOEXEC);
	if (allow < 0 || deny < 0)
		return berth_error_set_errno(error, errno, "open devices.allow and devices.deny");
	if (wanted->allow_all)
		return write_rule(allow, "devices.allow", "a", error) &&
		       write_entries(deny, "devices.deny", wanted, &present, error);
	return (same_mode || write_rule(deny, "devices.deny", "a", error)) &&
	       write_entries(allow, "devices.allow", wanted, &present, error) &&
	       write_entries(deny, "devices.deny", &present, wanted, error);
}

static bool check_rules(const struct berth_device_rule *rules, size_t count, GError **error)
{
	if (count > BERTH_LIMIT_DEVICE_RULES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "more than %d device rules",
				       BERTH_LIMIT_DEVICE_RULES);
	for (size_t i = 0; i < count; i++)
		if (!strchr("abc", rules[i].type) || !rules[i].type || rules[i].major > INT32_MAX ||
		    rules[i].minor > INT32_MAX || rules[i].major < -1 || rules[i].minor < -1)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "device rule %zu: type '%c', numbers %" G_GINT64_FORMAT
					       ":%" G_GINT64_FORMAT " are not those of a device",
					       i, rules[i].type ? rules[i].type : '?', rules[i].major, rules[i].minor);
	return true;
}

bool berth_cgroup_reduce_devices(const struct berth_device_rule *rules, size_t count, bool *ret_all, GArray *list,
				 GError **error)
{
	struct entries entries = {false, list};
	bool good = check_rules(rules, count, error);

	for (size_t i = 0; good && i < count; i++)
		good = entries_apply(&entries, &rules[i], error);
	*ret_all = entries.allow_all;
	return good;
}

bool berth_cgroup_set_devices(const struct berth_cgroup *cgroup, const struct berth_device_rule *rules, size_t count,
			      GError **error)
{
	const struct berth_cgroup_folder *folder = berth_cgroup_find(cgroup, "devices");
	bool good = check_rules(rules, count, error);

	if (good && !folder)
		good = berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "the controller devices is not available");
	if (good && folder->v2) {
		size_t last = count;
		while (last > 0 && !is_all(&rules[last - 1]))
			last--;
		// Everything before the last rule on all devices has no effect.
		size_t first = last > 0 ? last - 1 : 0;
		bool everything = last > 0 && last == count && rules[first].allow;
		good = berth_bpf_devices_attach(folder->fd, rules + first, count - first, everything, error);
	} else if (good) {
		g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct berth_device_rule));
		struct entries entries = {false, list};
		good = berth_cgroup_reduce_devices(rules, count, &entries.allow_all, list, error) &&
		       set_v1(cgroup, folder->fd, &entries, error);
	}
	if (!good)
		g_prefix_error(error, "cgroup %s: device rules: ", cgroup->path);
	return good;
}
