// SPDX-License-Identifier: Apache-2.0
#include "runtime/state.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct berth_field net_device_fields[] = {
	BERTH_STRING(struct berth_record_net_device, outer, "outer", BERTH_REQUIRED),
	BERTH_STRING(struct berth_record_net_device, inner, "inner", BERTH_REQUIRED),
	BERTH_INT64(struct berth_record_net_device, index, "index", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_record_net_device, up, "up", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_record_net_device, taken, "taken", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_record_net_device_document = {"netDevice", sizeof(struct berth_record_net_device),
								net_device_fields};

static const struct berth_field record_fields[] = {
	BERTH_INT64(struct berth_record, version, "version", BERTH_REQUIRED),
	BERTH_STRING(struct berth_record, id, "id", BERTH_REQUIRED),
	BERTH_STRING(struct berth_record, bundle, "bundle", BERTH_REQUIRED),
	BERTH_STRING(struct berth_record, rootfs, "rootfs", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_record, created, "created", BERTH_REQUIRED),
	BERTH_STRING(struct berth_record, cgroup, "cgroup", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_record, unit, "unit", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_record, user_unit, "userUnit", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct berth_record, pid, "pid", 0),
	BERTH_UINT64(struct berth_record, start_time, "startTime", 0),
	BERTH_MAP(struct berth_record, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_record, hooks, "hooks", &oci_hooks_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct berth_record, net_devices, "netDevices", &berth_record_net_device_document,
		      BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_record, network, "network", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_record, rdt, "rdt", &berth_rdt_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_record, listener_path, "listenerPath", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_record, listener_metadata, "listenerMetadata", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct berth_record, binds, "binds", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct berth_record, joined, "joined", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_record_document = {"state.json", sizeof(struct berth_record), record_fields};

int berth_state_open(const struct berth_runtime *runtime, const char *id, bool make, GError **error)
{
	g_autofree char *path = g_build_filename(runtime->state_root, id, NULL);

	if (make) {
		berth_fd root = berth_open_folder(runtime->state_root, true, 0700, error);
		if (root < 0)
			return -1;
		if (mkdirat(root, id, 0700) < 0 && errno != EEXIST) {
			berth_error_set_errno(error, errno, "make folder %s", path);
			return -1;
		}
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "container %s does not exist", id);
	else if (fd < 0)
		berth_error_set_errno(error, errno, "open folder %s", path);
	return fd;
}

int berth_state_lock(int folder, const char *id, bool make, GError **error)
{
	berth_fd lock = openat(folder, BERTH_STATE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
	struct stat st;
	int result;

	if (lock < 0 && errno == ENOENT) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "container %s does not exist", id);
		return -1;
	}
	do
		result = lock < 0 ? -1 : flock(lock, LOCK_EX);
	while (lock >= 0 && result < 0 && errno == EINTR);
	if (result < 0) {
		berth_error_set_errno(error, errno, "lock container %s", id);
		return -1;
	}
	// Who waited for a delete holds a lock that is gone.
	if (fstat(lock, &st) == 0 && st.st_nlink == 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "container %s does not exist", id);
		return -1;
	}
	return berth_fd_steal(&lock);
}

bool berth_state_locked(int folder)
{
	berth_fd lock = openat(folder, BERTH_STATE_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

bool berth_state_exists(int folder)
{
	return faccessat(folder, BERTH_STATE_FILE, F_OK, 0) == 0;
}

struct berth_record *berth_state_read(int folder, const char *id, GError **error)
{
	g_autoptr(GError) problem = NULL;
	size_t length = 0;
	g_autofree char *text = berth_read_file_at(folder, BERTH_STATE_FILE, BERTH_LIMIT_JSON, &length, &problem);

	if (!text) {
		if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			berth_error_set(error, BERTH_ERROR_NOT_FOUND, "container %s does not exist", id);
		else
			g_propagate_prefixed_error(error, g_steal_pointer(&problem), "container %s: ", id);
		return NULL;
	}
	struct berth_record *record =
		berth_document_parse_text(&berth_record_document, text, length, BERTH_STATE_FILE, error);
	if (record && record->version != BERTH_STATE_VERSION) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"container %s: state.json has version %d, this program knows %d", id,
				(int) record->version, BERTH_STATE_VERSION);
		g_clear_pointer(&record, berth_record_free);
	}
	return record;
}

bool berth_state_write(int folder, const struct berth_record *record, GError **error)
{
	g_autofree char *text = berth_document_print_text(&berth_record_document, record, 0);

	// Processes do not outlive the machine, nor does this folder: nothing is synced.
	return berth_write_file_at(folder, BERTH_STATE_FILE, text, strlen(text), 0600, false, error);
}

bool berth_state_remove(const struct berth_runtime *runtime, int folder, const char *id, GError **error)
{
	static const struct {
		const char *name;
		int flags;
	} files[] = {
		{BERTH_STATE_NOTIFY_SOCKET, 0}, {BERTH_STATE_NOTIFY, AT_REMOVEDIR},
		{BERTH_START_SOCKET, 0},        {BERTH_STATE_EXEC, 0},
		{BERTH_STATE_FILTER, 0},        {BERTH_STATE_FILE, 0},
		{BERTH_STATE_LOCK, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (unlinkat(folder, files[i].name, files[i].flags) < 0 && errno != ENOENT)
			return berth_error_set_errno(error, errno, "container %s: remove %s", id, files[i].name);
	g_autofree char *path = g_build_filename(runtime->state_root, id, NULL);
	if (rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
		return berth_error_set_errno(error, errno, "container %s: remove %s", id, path);
	return true;
}
