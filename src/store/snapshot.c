// SPDX-License-Identifier: Apache-2.0
// What is common to all drivers: records, names, states. Every step that makes something visible or takes it away is
// one rename inside one transaction, so that two threads cannot meet half-way; what a crash leaves between the two is
// a folder without a record or a record without a folder, and berth_snapshots_sweep() removes both.
//
// Folders whose names begin with a dot are no snapshots: ".new-…" is being filled, ".gone-…" being deleted.
#include "store/snapshot-internal.h"
#include "store/tree.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "sys/mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define KIND BERTH_SNAPSHOT_KIND

static bool check_id(const char *id, GError **error)
{
	size_t length = strlen(id);

	if (length > 0 && length <= BERTH_LIMIT_SNAPSHOT_ID && id[0] != '.' &&
	    strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.:-") == length)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid snapshot id \"%s\": 1 to %d letters, digits, \"_\", \".\", \":\" and \"-\"", id,
			       BERTH_LIMIT_SNAPSHOT_ID);
}

static int open_inner(int folder, const char *name, const char *id, GError **error)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		berth_error_set_errno(error, errno, "open the folder of snapshot %s", id);
	return fd;
}

static int open_folder(const struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autofree char *name = berth_snapshot__folder("", id);

	return open_inner(snapshots->folder, name, id, error);
}

static int open_content(const struct berth_snapshots *snapshots, const char *id, GError **error)
{
	berth_fd folder = open_folder(snapshots, id, error);

	return folder < 0 ? -1 : open_inner(folder, "fs", id, error);
}

static struct berth_snapshot_record *look_up(struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);

	return transaction ? berth_snapshot__get(transaction, id, error) : NULL;
}

static bool forget(struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);

	return transaction && berth_record_remove(transaction, KIND, id, error) &&
	       berth_transaction_commit(transaction, error);
}

// ext4 puts what is made in a folder near it, and walks over what was deleted there lately (up to five minutes ago) for
// each new file: a layer that is unpacked after another one was deleted would take many times as long. Folders in one
// that is marked as the top of a hierarchy are spread over the disk instead. Other file systems know no such mark.
static void spread(int folder)
{
	int flags;

	if (ioctl(folder, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		ioctl(folder, FS_IOC_SETFLAGS, &flags);
	}
}

struct berth_snapshots *berth_snapshots_open(const char *root_folder, struct berth_database *database,
					     const char *driver, GError **error)
{
	g_autofree char *path = g_build_filename(root_folder, "snapshots", NULL);
	struct berth_snapshots *snapshots = g_new0(struct berth_snapshots, 1);

	snapshots->database = database;
	snapshots->folder = -1;
	if (g_mkdir_with_parents(path, 0700) < 0 ||
	    (snapshots->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		berth_error_set_errno(error, errno, "make or open folder %s", path);
	else {
		spread(snapshots->folder);
		if ((snapshots->driver = berth_snapshot_driver_choose(snapshots->folder, database, driver, error)))
			return snapshots;
	}
	berth_snapshots_free(snapshots);
	return NULL;
}

void berth_snapshots_free(struct berth_snapshots *snapshots)
{
	if (!snapshots)
		return;
	berth_fd_clear(&snapshots->folder);
	g_free(snapshots);
}

const char *berth_snapshots_driver(const struct berth_snapshots *snapshots)
{
	return snapshots->driver->name;
}

enum berth_whiteouts berth_snapshots_whiteouts(const struct berth_snapshots *snapshots)
{
	return snapshots->driver->whiteouts;
}

void berth_snapshots_on_commit(struct berth_snapshots *snapshots, berth_commit_fn *commit, void *data)
{
	snapshots->commit = commit;
	snapshots->commit_data = data;
}

static bool record_new(struct berth_snapshots *snapshots, const char *id, const char *parent, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);
	g_autoptr(berth_snapshot_record) there = NULL;

	if (!transaction || !berth_snapshot__find(transaction, id, &there, error))
		return false;
	if (there)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s exists already", id);
	g_autoptr(berth_snapshot_record) above = parent ? berth_snapshot__get(transaction, parent, error) : NULL;
	if (parent && !above)
		return false;
	if (above && !above->committed && !above->frozen)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "snapshot %s cannot be the parent of %s: it is not committed", parent, id);
	struct berth_snapshot_record record = {.parent = (char *) parent};
	return berth_snapshot__put(transaction, id, &record, error) && berth_transaction_commit(transaction, error);
}

static bool fill_folder(struct berth_snapshots *snapshots, const char *name, const char *id, const char *parent,
			berth_snapshot_limit_fn *limit, void *data, GError **error)
{
	berth_fd above = parent ? open_content(snapshots, parent, error) : -1;
	if (parent && above < 0)
		return false;
	if (mkdirat(snapshots->folder, name, 0700) < 0)
		return berth_error_set_errno(error, errno, "make the folder of snapshot %s", id);
	berth_fd folder = open_inner(snapshots->folder, name, id, error);
	return folder >= 0 && (!limit || limit(data, folder, error)) &&
	       snapshots->driver->prepare(folder, above, error);
}

static bool make_folder(struct berth_snapshots *snapshots, const char *id, const char *parent,
			berth_snapshot_limit_fn *limit, void *data, GError **error)
{
	g_autofree char *final = berth_snapshot__folder("", id), *temporary = berth_snapshot__folder(".new-", id);

	if (fill_folder(snapshots, temporary, id, parent, limit, data, error)) {
		BERTH_FAILPOINT("snapshot.prepare.filled");
		if (renameat(snapshots->folder, temporary, snapshots->folder, final) == 0)
			return true;
		berth_error_set_errno(error, errno, "rename the folder of snapshot %s", id);
	}
	berth_remove_tree_at(snapshots->folder, temporary, NULL);
	return false;
}

bool berth_snapshot_prepare(struct berth_snapshots *snapshots, const char *id, const char *parent, GError **error)
{
	return berth_snapshot_prepare_limited(snapshots, id, parent, NULL, NULL, error);
}

bool berth_snapshot_prepare_limited(struct berth_snapshots *snapshots, const char *id, const char *parent,
				    berth_snapshot_limit_fn *limit, void *data, GError **error)
{
	if (!check_id(id, error) || (parent && !check_id(parent, error)) || !record_new(snapshots, id, parent, error))
		return false;
	BERTH_FAILPOINT("snapshot.prepare.recorded");
	if (make_folder(snapshots, id, parent, limit, data, error))
		return true;
	g_prefix_error(error, "prepare snapshot %s: ", id);
	forget(snapshots, id, NULL);
	return false;
}

static bool refuse_users(struct berth_transaction *transaction, const char *id, GError **error)
{
	g_auto(GStrv) users = berth_record_users(transaction, KIND, id, error);

	if (!users)
		return false;
	if (users[0])
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is in use by %s", id, users[0]);
	return true;
}

// Renames a folder together with the commit of the transaction that says so. A folder that is missing is no error:
// then a crash of the machine took it, and the record is what is left to be mended. With `sync` the rename is on the
// disk before anybody can see the record: who builds on it may be on the disk before us.
static bool rename_with(struct berth_snapshots *snapshots, struct berth_transaction *transaction, const char *from,
			const char *to, bool sync, GError **error)
{
	bool renamed = renameat(snapshots->folder, from, snapshots->folder, to) == 0, good = true;

	if (!renamed && errno != ENOENT)
		return berth_error_set_errno(error, errno, "rename the snapshot folder %s to %s", from, to);
	BERTH_FAILPOINT("snapshot.rename.renamed");
	if (sync && fsync(snapshots->folder) < 0)
		good = berth_error_set_errno(error, errno, "sync the folder of snapshots");
	BERTH_FAILPOINT("snapshot.rename.synced");
	if (good && berth_transaction_commit(transaction, error))
		return true;
	if (renamed)
		renameat(snapshots->folder, to, snapshots->folder, from);
	return false;
}

// *ret_exists: there is such a layer already, and nothing was done.
static bool become_layer(struct berth_snapshots *snapshots, const char *id, const char *chain_id, bool *ret_exists,
			 GError **error)
{
	g_autofree char *from = berth_snapshot__folder("", id), *to = berth_snapshot__folder("", chain_id);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);
	if (!transaction)
		return false;
	g_autoptr(berth_snapshot_record) record = berth_snapshot__get(transaction, id, error), there = NULL;
	if (!record)
		return false;
	if (record->committed)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is committed already", id);
	if (!berth_snapshot__find(transaction, chain_id, &there, error))
		return false;
	*ret_exists = there != NULL;
	if (there && !there->committed)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s exists and is not committed",
				       chain_id);
	if (there)
		return true;
	record->committed = true;
	return refuse_users(transaction, id, error) && berth_snapshot__put(transaction, chain_id, record, error) &&
	       berth_record_remove(transaction, KIND, id, error) &&
	       rename_with(snapshots, transaction, from, to, true, error);
}

bool berth_snapshot_commit(struct berth_snapshots *snapshots, const char *id, const char *chain_id, GError **error)
{
	bool exists = false;

	if (!check_id(id, error) || !check_id(chain_id, error))
		return false;
	if (snapshots->commit)
		snapshots->commit(snapshots->commit_data, KIND, chain_id);
	berth_fd content = berth_snapshot_open_content(snapshots, id, error);
	if (content < 0)
		return false;
	if (!berth_snapshot_exists(snapshots, chain_id) && syncfs(content) < 0)
		return berth_error_set_errno(error, errno, "sync snapshot %s", id);
	if (!become_layer(snapshots, id, chain_id, &exists, error)) {
		g_prefix_error(error, "commit snapshot %s: ", id);
		return false;
	}
	BERTH_FAILPOINT("snapshot.commit.committed");
	return !exists || berth_snapshot_remove(snapshots, id, error);
}

bool berth_snapshot_exists(struct berth_snapshots *snapshots, const char *id)
{
	g_autoptr(berth_snapshot_record) record = look_up(snapshots, id, NULL);

	return record != NULL;
}

static void close_all(int *layers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		berth_fd_clear(&layers[i]);
	g_free(layers);
}

int berth_snapshots_map(const struct berth_snapshots *snapshots, int user_namespace, GError **error)
{
	berth_fd tree = berth_mount_clone(snapshots->folder, "", false, error);

	if (tree < 0 || !berth_mount_map_ids(tree, user_namespace, false, error))
		return g_prefix_error(error, "the folder of snapshots: "), -1;
	return berth_fd_steal(&tree);
}

bool berth_snapshot_mount(struct berth_snapshots *snapshots, const char *id, int *ret_tree_fd, GError **error)
{
	return berth_snapshot_mount_as(snapshots, id, NULL, ret_tree_fd, error);
}

// The folders of a snapshot and of its parents, nearest first, in the folder `base`. Within one transaction: names
// change in one, too (berth_store_settle()).
static int *open_chain(struct berth_snapshots *snapshots, int base, const char *id, size_t *ret_count,
		       bool *ret_writable, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);
	g_autoptr(berth_snapshot_record) record = transaction ? berth_snapshot__get(transaction, id, error) : NULL;
	g_auto(GStrv) chain = record ? berth_record_chain(transaction, KIND, id, error) : NULL;
	size_t count = 0, length = chain ? g_strv_length(chain) : 0;

	if (!chain)
		return NULL;
	int *layers = g_new(int, length);
	for (; count < length; count++) {
		g_autofree char *name = berth_snapshot__folder("", chain[count]);
		if ((layers[count] = open_inner(base, name, chain[count], error)) < 0)
			break;
	}
	*ret_count = count;
	*ret_writable = !record->committed && !record->frozen;
	if (count == length)
		return layers;
	close_all(layers, count);
	return NULL;
}

static int mount_it(struct berth_snapshots *snapshots, const char *id, const struct berth_snapshot_owner *owner,
		    GError **error)
{
	const struct berth_snapshot_driver *driver = snapshots->driver;
	struct berth_snapshot_owner here = owner ? *owner : (struct berth_snapshot_owner){.folders = -1};
	berth_fd mapped = -1;
	bool writable;
	size_t count;

	if (owner && driver->in_mapped && here.folders < 0) {
		mapped = here.folders = berth_snapshots_map(snapshots, owner->user_namespace, error);
		if (mapped < 0)
			return -1;
	}
	int base = owner && driver->in_mapped ? here.folders : snapshots->folder;
	int *layers = open_chain(snapshots, base, id, &count, &writable, error);
	if (!layers)
		return -1;
	int tree = driver->mount(layers, count, writable, owner ? &here : NULL, error);
	close_all(layers, count);
	return tree;
}

bool berth_snapshot_mount_as(struct berth_snapshots *snapshots, const char *id,
			     const struct berth_snapshot_owner *owner, int *ret_tree_fd, GError **error)
{
	*ret_tree_fd = mount_it(snapshots, id, owner, error);
	if (*ret_tree_fd < 0)
		g_prefix_error(error, "mount snapshot %s: ", id);
	return *ret_tree_fd >= 0;
}

int berth_snapshot_open_content(struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autoptr(berth_snapshot_record) record = look_up(snapshots, id, error);

	if (!record)
		return -1;
	if (record->committed || record->frozen) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is committed: it cannot be written", id);
		return -1;
	}
	return open_content(snapshots, id, error);
}

bool berth_snapshot_freeze(struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);
	g_autoptr(berth_snapshot_record) record = transaction ? berth_snapshot__get(transaction, id, error) : NULL;

	if (!record)
		return false;
	if (record->committed)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is committed already", id);
	record->frozen = true;
	return berth_snapshot__put(transaction, id, record, error) && berth_transaction_commit(transaction, error);
}

void berth_snapshot_trees_clear(struct berth_snapshot_trees *trees)
{
	berth_fd_clear(&trees->top);
	berth_fd_clear(&trees->base);
}

bool berth_snapshot_trees_open(struct berth_snapshots *snapshots, const char *id, struct berth_snapshot_trees *ret,
			       GError **error)
{
	g_autoptr(berth_snapshot_record) record = look_up(snapshots, id, error);
	berth_fd folder = record ? open_folder(snapshots, id, error) : -1, base = -1;
	berth_fd top = folder >= 0 ? open_inner(folder, "fs", id, error) : -1;
	struct stat copied;

	if (top < 0)
		return false;
	if (record->parent && !berth_snapshot_mount(snapshots, record->parent, &base, error))
		return false;
	*ret = (struct berth_snapshot_trees){.whiteouts = snapshots->driver->whiteouts,
					     .frozen = record->frozen || record->committed};
	ret->copied = fstatat(folder, BERTH_SNAPSHOT_COPIED, &copied, AT_SYMLINK_NOFOLLOW) == 0;
	if (ret->copied)
		ret->since = copied.st_mtim;
	ret->top = berth_fd_steal(&top);
	ret->base = berth_fd_steal(&base);
	return true;
}

static bool compare(struct berth_snapshots *snapshots, const char *id, berth_tree_change_fn *each, void *data,
		    GError **error)
{
	struct berth_snapshot_trees trees;

	if (!berth_snapshot_trees_open(snapshots, id, &trees, error))
		return false;
	bool good = berth_tree_compare(&trees, each, data, error);
	berth_snapshot_trees_clear(&trees);
	return good;
}

struct listener {
	berth_change_fn *each;
	void *data;
};

static bool tell(void *data, const char *path, enum berth_change change, const struct stat *status, GError **error)
{
	struct listener *listener = data;

	(void) status;
	return listener->each(listener->data, path, change, error);
}

bool berth_snapshot_changes(struct berth_snapshots *snapshots, const char *id, berth_change_fn *each, void *data,
			    GError **error)
{
	struct listener listener = {each, data};

	return compare(snapshots, id, tell, &listener, error);
}

struct adding {
	struct berth_usage *usage;
	GHashTable *seen; // inodes with more than one name
};

static bool add_usage(void *data, const char *path, enum berth_change change, const struct stat *status, GError **error)
{
	struct adding *adding = data;

	(void) path, (void) change, (void) error;
	if (!status)
		return true;
	if (!S_ISDIR(status->st_mode) && status->st_nlink > 1) {
		gint64 inode = (gint64) status->st_ino;
		if (!g_hash_table_add(adding->seen, g_memdup2(&inode, sizeof inode)))
			return true;
	}
	adding->usage->inodes++;
	if (S_ISREG(status->st_mode) || S_ISLNK(status->st_mode))
		adding->usage->bytes += status->st_size;
	return true;
}

bool berth_snapshot_usage(struct berth_snapshots *snapshots, const char *id, struct berth_usage *ret, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	struct adding adding = {ret, seen};

	*ret = (struct berth_usage){0};
	return compare(snapshots, id, add_usage, &adding, error);
}

bool berth_snapshot_detach(struct berth_snapshots *snapshots, const char *id, berth_wanted_fn *wanted, void *data,
			   char **ret_name, GError **error)
{
	g_autofree char *name = berth_snapshot__folder("", id), *prefix = NULL, *gone = NULL;
	g_autoptr(berth_transaction) transaction = NULL;

	*ret_name = NULL;
	if (!check_id(id, error) || !(transaction = berth_transaction_begin(snapshots->database, error)))
		return false;
	g_autoptr(berth_snapshot_record) record = NULL;
	if (!refuse_users(transaction, id, error) || !berth_snapshot__find(transaction, id, &record, error))
		return false;
	if (!record)
		return true;
	if (wanted && wanted(data, id))
		return true;
	// The moment makes the name one of its own: the same id may come and go again while this one is deleted.
	prefix = g_strdup_printf(".gone-%" G_GINT64_FORMAT "-", berth_moment_now());
	gone = berth_snapshot__folder(prefix, id);
	if (!berth_record_remove(transaction, KIND, id, error) ||
	    !rename_with(snapshots, transaction, name, gone, false, error))
		return false;
	*ret_name = g_steal_pointer(&gone);
	return true;
}

bool berth_snapshots_delete(struct berth_snapshots *snapshots, const char *name, GError **error)
{
	return berth_remove_tree_at(snapshots->folder, name, error);
}

bool berth_snapshot_remove(struct berth_snapshots *snapshots, const char *id, GError **error)
{
	g_autofree char *name = NULL;

	if (!berth_snapshot_detach(snapshots, id, NULL, NULL, &name, error))
		return false;
	BERTH_FAILPOINT("snapshot.remove.detached");
	return !name || berth_snapshots_delete(snapshots, name, error);
}

struct each_call {
	berth_snapshot_fn *each;
	void *data;
	GError **error;
	bool failed;
};

static bool call_each(void *data, const char *id, const char *name, const json_t *document)
{
	struct each_call *call = data;
	g_autoptr(berth_snapshot_record) record =
		berth_document_parse(&berth_snapshot_record_document, document, call->error);

	(void) name;
	if (record)
		call->each(call->data, id, record->parent, record->committed);
	call->failed = !record;
	return record != NULL;
}

bool berth_snapshots_each(struct berth_snapshots *snapshots, struct berth_transaction *transaction,
			  berth_snapshot_fn *each, void *data, GError **error)
{
	struct each_call call = {each, data, error, false};

	(void) snapshots;
	return berth_record_each(transaction, KIND, call_each, &call, error) && !call.failed;
}

static void note_folder(void *data, const char *id, const char *parent, bool committed)
{
	(void) parent, (void) committed;
	g_hash_table_insert(data, berth_snapshot__folder("", id), g_strdup(id));
}

// Removes the folders that have no record; what stays in `expected` are the records without a folder.
static bool sweep_folders(struct berth_snapshots *snapshots, GHashTable *expected, GError **error)
{
	g_autoptr(GPtrArray) strangers = g_ptr_array_new_with_free_func(g_free);
	int fd = openat(snapshots->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		berth_fd_clear(&fd);
		return berth_error_set_errno(error, errno, "list the snapshots");
	}
	for (struct dirent *entry; (errno = 0, entry = readdir(list));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, "..") &&
		    !g_hash_table_remove(expected, entry->d_name))
			g_ptr_array_add(strangers, g_strdup(entry->d_name));
	int failed = errno;
	closedir(list);
	if (failed) // what was not met is not known to be gone
		return berth_error_set_errno(error, failed, "list the snapshots");
	for (guint i = 0; i < strangers->len; i++)
		if (!berth_remove_tree_at(snapshots->folder, strangers->pdata[i], error))
			return false;
	return true;
}

bool berth_snapshots_sweep(struct berth_snapshots *snapshots, GError **error)
{
	g_autoptr(GHashTable) expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(snapshots->database, error);
	GHashTableIter iter;
	void *id;

	if (!transaction || !berth_snapshots_each(snapshots, transaction, note_folder, expected, error) ||
	    !sweep_folders(snapshots, expected, error))
		return false;
	g_hash_table_iter_init(&iter, expected);
	while (g_hash_table_iter_next(&iter, NULL, &id))
		if (!berth_record_remove(transaction, KIND, id, error))
			return false;
	return berth_transaction_commit(transaction, error);
}
