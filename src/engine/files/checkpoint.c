// SPDX-License-Identifier: Apache-2.0
// Checkpoints: <data root>/containers/<id>/checkpoints/<name>, or <folder>/<name> where the user names one. One is made
// under another name and renamed, so it is whole or not there.
#include "engine/files/checkpoints.h"
#include "engine/files/files.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NEW ".new-"
#define NAME_MAX_LENGTH 128

static bool check_name(const char *name, GError **error)
{
	size_t length = name ? strlen(name) : 0;

	if (length > 0 && length <= NAME_MAX_LENGTH && g_ascii_isalnum(*name) &&
	    strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-") == length)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "Invalid checkpoint ID (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			       name ? name : "");
}

static char *path_of(struct berth_engine *engine, const struct berth_engine_container *container, const char *folder,
		     GError **error)
{
	if (!folder || !*folder)
		return g_build_filename(engine->containers_path, container->id, "checkpoints", NULL);
	if (*folder == '/')
		return g_strdup(folder);
	berth_error_set(error, BERTH_ERROR_INVALID, "checkpoint-dir %s: must be an absolute path", folder);
	return NULL;
}

// -1 without an error if there is none and it is not to be made.
static int open_folder(const char *path, bool make, GError **error)
{
	GError *problem = NULL;
	int fd = berth_open_folder(path, make, 0700, &problem);

	if (fd >= 0)
		return fd;
	if (!make && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_error_free(problem);
	else
		g_propagate_error(error, problem);
	return -1;
}

static bool is_there(int folder, const char *name)
{
	struct stat status;

	return folder >= 0 && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static bool missing(const struct berth_engine_container *container, const char *name, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "checkpoint %s does not exist for container %s", name,
			       container->record->name);
}

char *berth_engine__checkpoint_images(struct berth_engine *engine, const struct berth_engine_container *container,
				      const char *name, const char *folder, GError **error)
{
	g_autofree char *path = check_name(name, error) ? path_of(engine, container, folder, error) : NULL;
	GError *problem = NULL;

	if (!path)
		return NULL;
	berth_fd fd = open_folder(path, false, &problem);
	if (is_there(fd, name))
		return g_build_filename(path, name, NULL);
	if (problem)
		g_propagate_error(error, problem);
	else
		missing(container, name, error);
	return NULL;
}

bool berth_engine__has_own_network(const struct berth_container_record *record)
{
	return record->network && strcmp(record->network, "host") != 0 &&
	       !g_str_has_prefix(record->network, "container:");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static char **names_in(int folder, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		berth_error_set_errno(error, errno, "list the checkpoints");
		berth_fd_clear(&fd);
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(list));)
		if (check_name(entry->d_name, NULL) && is_there(folder, entry->d_name))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(list);
	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

char **berth_engine_checkpoint_list(struct berth_engine *engine, const char *text, const char *folder, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	g_autofree char *path = container ? path_of(engine, container, folder, error) : NULL;
	GError *problem = NULL;

	if (!path)
		return NULL;
	berth_fd fd = open_folder(path, false, &problem);
	if (problem)
		g_propagate_error(error, problem);
	return fd >= 0 ? names_in(fd, error) : problem ? NULL : g_new0(char *, 1);
}

static bool tell(struct berth_engine *engine, const struct berth_engine_container *container, const char *name,
		 GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();

	berth_engine__event_add(events, container, "checkpoint", "name", name, NULL);
	return berth_engine__tell(engine, events, error);
}

// In a folder of another name, which gets its own when all is written.
static bool dump(struct berth_engine *engine, struct berth_engine_container *container, int folder, const char *path,
		 const char *name, bool exits, GError **error)
{
	g_autofree char *new = g_strconcat(NEW, name, NULL), *images = g_build_filename(path, new, NULL);
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, error);

	if (!monitor || !berth_remove_tree_at(folder, new, error))
		return false;
	if (mkdirat(folder, new, 0700) < 0)
		return berth_error_set_errno(error, errno, "make %s", images);
	BERTH_FAILPOINT("container.checkpoint.folder");
	bool done = berth_monitor_checkpoint(monitor, images, !exits, berth_engine__has_own_network(container->record),
					     error);
	BERTH_FAILPOINT("container.checkpoint.written");
	if (done && renameat(folder, new, folder, name) < 0)
		done = berth_error_set_errno(error, errno, "name the checkpoint %s", name);
	if (!done)
		berth_remove_tree_at(folder, new, NULL);
	return done;
}

static bool create_claimed(struct berth_engine *engine, struct berth_engine_container *container, const char *name,
			   const char *folder, bool exits, GError **error)
{
	g_autofree char *path = path_of(engine, container, folder, error);

	if (!path)
		return false;
	if (!berth_engine__status_is(container, BERTH_STATUS_RUNNING))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "Container %s not running",
				       container->record->name);
	if (container->record->config->tty)
		return berth_error_set(error, BERTH_ERROR_INVALID, "checkpoint not supported on containers with tty");
	// CRIU reads the images as root of that namespace, to whom the folder is not open.
	if (container->record->users)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "checkpoint not supported on containers in a user namespace of their own (%s): "
				       "run it with --userns host",
				       container->record->host_config->userns_mode);
	berth_fd fd = open_folder(path, true, error);
	if (fd < 0)
		return false;
	if (is_there(fd, name))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "checkpoint with name %s already exists for container %s", name,
				       container->record->name);
	if (exits) // its end is no reason to start it again
		container->stopping = true;
	bool done = dump(engine, container, fd, path, name, exits, error);
	if (!done)
		container->stopping = false;
	return done && tell(engine, container, name, error);
}

bool berth_engine_checkpoint_create(struct berth_engine *engine, const char *text, const char *name, const char *folder,
				    bool exits, GError **error)
{
	if (!check_name(name, error))
		return false;
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	if (!container)
		return false;
	uint64_t before = berth_engine__exits(engine, container);
	bool done = create_claimed(engine, container, name, folder, exits, error);
	pthread_mutex_unlock(&container->operation);
	if (done && exits)
		berth_engine__wait_exit(engine, container, before, -1);
	berth_engine__container_unref(container);
	if (!done)
		g_prefix_error(error, "Cannot checkpoint container %s: ", text);
	return done;
}

bool berth_engine_checkpoint_remove(struct berth_engine *engine, const char *text, const char *name, const char *folder,
				    GError **error)
{
	if (!check_name(name, error))
		return false;
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	g_autofree char *path = container ? path_of(engine, container, folder, error) : NULL;
	GError *problem = NULL;
	berth_fd fd = path ? open_folder(path, false, &problem) : -1;
	bool done = false;

	if (problem)
		g_propagate_error(error, problem);
	else if (path && !is_there(fd, name))
		missing(container, name, error);
	else if (path)
		done = berth_remove_tree_at(fd, name, error);
	berth_engine__release(container);
	return done;
}
