// SPDX-License-Identifier: Apache-2.0
// What the parts of cgroup.h share: the hierarchies as mountinfo tells of them, and the handle. Tests make layouts of
// plain folders with it, so that each layout's files and values are checked on any machine.
#pragma once

#include "sys/cgroup.h"

// One mounted hierarchy. A layout that was not read from mountinfo has no file system magic to check.
struct berth_cgroup_mount {
	char *point; // where it is mounted
	char **controllers; // v1: of the superblock ("cpu", "cpuacct", "name=systemd"); v2: those offered by the kernel
	bool v2;
	bool optional; // no controller in it: only there so that the container shows up in it
};

struct berth_cgroup_mounts {
	enum berth_cgroup_layout kind;
	GPtrArray *list; // of struct berth_cgroup_mount
	bool fake; // plain folders in place of cgroup file systems
};

// From the text of /proc/<pid>/mountinfo. Never fails: what cannot be read is no hierarchy.
struct berth_cgroup_mounts *berth_cgroup_mounts_parse(const char *mountinfo);
struct berth_cgroup_mounts *berth_cgroup_mounts_load(void);
struct berth_cgroup_mount *berth_cgroup_mounts_add(struct berth_cgroup_mounts *mounts, const char *point,
						   const char *controllers, bool v2);
void berth_cgroup_mounts_free(struct berth_cgroup_mounts *mounts);
typedef struct berth_cgroup_mounts berth_cgroup_mounts;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_cgroup_mounts, berth_cgroup_mounts_free)

// berth_cgroup_create() and _open() on a given layout.
bool berth_cgroup_create_in(const struct berth_cgroup_mounts *mounts, const char *path, struct berth_cgroup **ret,
			    GError **error);
bool berth_cgroup_open_in(const struct berth_cgroup_mounts *mounts, const char *path, struct berth_cgroup **ret,
			  GError **error);

// berth_cgroup_create_below() on a given layout, `own` being the own group.
bool berth_cgroup_create_below_in(const struct berth_cgroup_mounts *mounts, const char *own, const char *name,
				  const char *const *needed, struct berth_cgroup **ret, GError **error);
// The own group by the text of /proc/self/cgroup.
char *berth_cgroup_own_parse(const char *text, GError **error);

struct berth_cgroup_folder {
	int fd; // O_PATH
	char **controllers;
	bool v2;
	bool optional;
	bool made; // it was not there before
};

struct berth_cgroup {
	enum berth_cgroup_layout kind;
	bool adopted; // may be there with processes in it
	char *path; // normalised
	GArray *folders; // of struct berth_cgroup_folder
	struct berth_cgroup_mounts *mounts; // what it was begun on; NULL: it was there
};

// The folder with the controller, or NULL. On v2 the one folder, whatever the controller.
const struct berth_cgroup_folder *berth_cgroup_find(const struct berth_cgroup *cgroup, const char *controller);

// Like berth_cgroup_read() without an error: NULL when there is no such file.
char *berth_cgroup_peek(const struct berth_cgroup *cgroup, const char *controller, const char *file);

// One small file of a group, without its last newline; and one write to it, which returns 0 or an errno value.
char *berth_cgroup_read_text(int folder, const char *file, GError **error);
int berth_cgroup_write_text(int folder, const char *file, const char *value);

// v2: lets the folder's children have every controller that it has itself, as far as the kernel lets it.
void berth_cgroup_enable_controllers(int folder);

// The mounted hierarchy's folder, O_PATH; -1 with errno when something else is mounted there.
int berth_cgroup_open_mount(const struct berth_cgroup_mounts *mounts, const struct berth_cgroup_mount *mount);

// Removes an empty group by its descriptor and last component. Returns 0 (also when it is gone) or an errno value.
int berth_cgroup_remove_folder(int folder, const char *name);

// Reduces rules to v1's mode ("all but these", else "none but these") and its entries, appended to `list` (of struct
// berth_device_rule); BERTH_ERROR_NOT_IMPLEMENTED: a hole in an entry.
bool berth_cgroup_reduce_devices(const struct berth_device_rule *rules, size_t count, bool *ret_all, GArray *list,
				 GError **error);

// The number after `key` in text of lines "key number"; 0 without it.
uint64_t berth_cgroup_number(const char *text, const char *key);

// What the group has read from and written to one device, one kind of operation: in bytes or in their number.
struct berth_cgroup_block {
	uint64_t major, minor;
	const char *op; // "Read", "Write", "Discard"; of version 1 also "Sync", "Async", "Total"
	bool bytes;
	uint64_t value;
};
typedef void berth_cgroup_block_fn(void *data, const struct berth_cgroup_block *block);
void berth_cgroup_block_each(const struct berth_cgroup *cgroup, berth_cgroup_block_fn *each, void *data);
