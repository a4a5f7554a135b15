// SPDX-License-Identifier: Apache-2.0
// Records of snapshots against their folders. One transaction holds both still: a snapshot comes and goes by a rename
// within one.
#include "store/snapshot-internal.h"
#include "store/store-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LEFTOVER "folder snapshots/"
#define STALE_SECONDS 3600 // a folder that is being made or deleted for longer is a leftover

struct checking {
	struct berth_snapshots *snapshots;
	GHashTable *folders; // of all records; those that were met are taken out
	GPtrArray *layers, *writable, *leftovers; // pairs: object or folder, cause
	int64_t count;
};

static void add(GPtrArray *pairs, char *name, const char *cause)
{
	g_ptr_array_add(pairs, name);
	g_ptr_array_add(pairs, g_strdup(cause));
}

static bool is_folder(int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// What is missing of a snapshot; NULL: nothing.
static const char *find_missing(const struct berth_snapshots *snapshots, const char *name, const char *parent)
{
	bool overlay = snapshots->driver->whiteouts == BERTH_WHITEOUTS_OVERLAY;
	berth_fd folder = openat(snapshots->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return "its folder is missing";
	if (!is_folder(folder, "fs"))
		return "its folder fs is missing";
	if (overlay && !is_folder(folder, "work"))
		return "its folder work is missing";
	if (overlay && !parent && !is_folder(folder, "base"))
		return "its folder base is missing";
	return NULL;
}

static void check_record(void *data, const char *id, const char *parent, bool committed)
{
	struct checking *this = data;
	char *name = g_strdelimit(g_strdup(id), ":", '-');
	const char *missing = find_missing(this->snapshots, name, parent);

	this->count++;
	if (missing)
		add(committed ? this->layers : this->writable, g_strconcat("snapshot ", id, NULL), missing);
	g_hash_table_add(this->folders, name);
}

static bool is_stale(int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ctime < time(NULL) - STALE_SECONDS;
}

static bool find_leftovers(struct checking *this, GError **error)
{
	int fd = openat(this->snapshots->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		berth_fd_clear(&fd);
		return berth_error_set_errno(error, errno, "list the snapshots");
	}
	for (struct dirent *entry; (entry = readdir(list));) {
		const char *name = entry->d_name;
		if (g_str_equal(name, ".") || g_str_equal(name, "..") || g_hash_table_contains(this->folders, name))
			continue;
		if (name[0] != '.')
			add(this->leftovers, g_strconcat(LEFTOVER, name, NULL), "no snapshot has it");
		else if (is_stale(this->snapshots->folder, name))
			add(this->leftovers, g_strconcat(LEFTOVER, name, NULL), "it was half made or half deleted");
	}
	closedir(list);
	return true;
}

static bool look(struct checking *this, bool repair, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(this->snapshots->database, error);

	if (!transaction || !berth_snapshots_each(this->snapshots, transaction, check_record, this, error) ||
	    !find_leftovers(this, error))
		return false;
	for (guint i = 0; repair && i < this->leftovers->len; i += 2)
		if (!berth_remove_tree_at(this->snapshots->folder,
					  (const char *) this->leftovers->pdata[i] + strlen(LEFTOVER), error))
			return false;
	return true;
}

bool berth_snapshots_check(struct berth_snapshots *snapshots, bool repair, berth_snapshot_broken_fn *found, void *data,
			   int64_t *ret_count, GError **error)
{
	g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *pairs[] = {[BERTH_FAULT_LAYER] = g_ptr_array_new_with_free_func(g_free),
			      [BERTH_FAULT_WRITABLE] = g_ptr_array_new_with_free_func(g_free),
			      [BERTH_FAULT_LEFTOVER] = g_ptr_array_new_with_free_func(g_free)};
	struct checking this = {
		snapshots, folders, pairs[BERTH_FAULT_LAYER], pairs[BERTH_FAULT_WRITABLE], pairs[BERTH_FAULT_LEFTOVER],
		0};
	bool done = look(&this, repair, error);

	*ret_count = this.count;
	for (size_t fault = 0; fault < G_N_ELEMENTS(pairs); fault++) {
		for (guint i = 0; done && i < pairs[fault]->len; i += 2)
			found(data, pairs[fault]->pdata[i], pairs[fault]->pdata[i + 1],
			      (enum berth_snapshot_fault) fault);
		g_ptr_array_unref(pairs[fault]);
	}
	return done;
}
