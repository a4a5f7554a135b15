// SPDX-License-Identifier: Apache-2.0
// Which driver a store has. It is decided when the store is made and kept in a record: layers of one driver mean
// nothing to another.
#include "store/snapshot-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"

#include <fcntl.h>
#include <sys/stat.h>

#define KIND "snapshot-driver" // one record; its name is the driver's

static const struct berth_snapshot_driver *const drivers[] = {&berth_snapshot_overlay, &berth_snapshot_copy};

static bool probe(int snapshots, const struct berth_snapshot_driver *driver, GError **error)
{
	static const char name[] = ".probe";

	if (!driver->probe)
		return true;
	if (!berth_remove_tree_at(snapshots, name, error))
		return false;
	if (mkdirat(snapshots, name, 0700) < 0)
		return berth_error_set_errno(error, errno, "make a folder for snapshots");
	berth_fd folder = openat(snapshots, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = folder < 0 ? berth_error_set_errno(error, errno, "open a folder of snapshots")
			       : driver->probe(folder, error);
	return berth_remove_tree_at(snapshots, name, good ? error : NULL) && good;
}

static const struct berth_snapshot_driver *find(const char *name, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (g_str_equal(drivers[i]->name, name))
			return drivers[i];
	berth_error_set(error, BERTH_ERROR_INVALID, "unknown snapshot driver \"%s\": overlay and copy are known", name);
	return NULL;
}

static bool note_name(void *data, const char *id, const char *name, const json_t *document)
{
	(void) id, (void) document;
	*(char **) data = g_strdup(name);
	return false;
}

static bool record(struct berth_transaction *transaction, const struct berth_snapshot_driver *driver, GError **error)
{
	BERTH_AUTO_JSON json_t *nothing = json_object();

	return berth_record_put(transaction, KIND, "driver", driver->name, nothing, NULL, 0, error) &&
	       berth_transaction_commit(transaction, error);
}

// The first that works. That overlay does not is no failure, unless it is one that may pass: what is chosen stays.
static const struct berth_snapshot_driver *find_working(int snapshots, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
		g_autoptr(GError) local = NULL;
		if (probe(snapshots, drivers[i], &local))
			return drivers[i];
		if (i + 1 < G_N_ELEMENTS(drivers) &&
		    !g_error_matches(local, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED))
			continue;
		g_propagate_error(error, g_steal_pointer(&local));
		break;
	}
	return NULL;
}

const struct berth_snapshot_driver *berth_snapshot_driver_choose(int snapshots, struct berth_database *database,
								 const char *wanted, GError **error)
{
	const struct berth_snapshot_driver *driver = NULL;
	g_autofree char *made_with = NULL;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(database, error);

	if (!transaction || !berth_record_each(transaction, KIND, note_name, &made_with, error))
		return NULL;
	if (wanted && made_with && !g_str_equal(wanted, made_with)) {
		berth_error_set(error, BERTH_ERROR_CONFLICT,
				"the data root was made with snapshot driver %s, not %s; use that driver or another "
				"data root",
				made_with, wanted);
		return NULL;
	}
	const char *name = wanted ? wanted : made_with;
	if (!name)
		driver = find_working(snapshots, error);
	else if ((driver = find(name, error)) && !probe(snapshots, driver, error))
		return NULL;
	return driver && (made_with || record(transaction, driver, error)) ? driver : NULL;
}
