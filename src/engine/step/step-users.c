// SPDX-License-Identifier: Apache-2.0
// The user namespace of a build's step, if it gets one of its own: as a container's, with the same choice of what needs
// the host's. Its ids are no other container's as long as it, or what it hands on to the next step, is there. On disk
// its files have the ids that they have for the step, whoever uses the layer.
#include "engine/step/step.h"

#include "base/error.h"
#include "engine/life/users-standard.h"
#include "engine/life/users-take.h"
#include "sys/mount.h"

#include <fcntl.h>

// The choice

// What stands in no file system's folder lies on a tmpfs.
static bool maps(struct berth_engine *engine, const struct berth_build_mount *mount)
{
	if (mount->tree < 0 && !mount->content)
		return true;
	int tree = mount->tree >= 0 ? berth_mount_clone(mount->tree, "", true, NULL)
				    : berth_mount_new("tmpfs", "step", NULL, 0, NULL);
	bool mapped = tree >= 0 && berth_engine__users_maps(engine, tree, true);
	if (tree >= 0)
		berth_engine__close_late(engine, tree);
	return mapped;
}

bool berth_engine__step_users_choose(struct berth_engine *engine, const struct berth_build_step *step,
				     struct berth_container_record *record, GError **error)
{
	bool given = step->limits && step->limits->userns_mode && *step->limits->userns_mode;
	g_auto(GStrv) warnings = NULL;

	if (!given && g_strcmp0(record->host_config->userns_mode, "auto") == 0 &&
	    !berth_engine__users_standard(engine, record, &warnings, error))
		return false;
	const char *mode = record->host_config->userns_mode;
	if (!mode || !*mode || g_str_equal(mode, "host"))
		return true;
	for (size_t i = 0; i < step->mount_count; i++) {
		if (maps(engine, &step->mounts[i]))
			continue;
		if (given)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "mount at %s: its file system does not map ids (files of a stage, and "
					       "what is written to and then dropped, lie on an overlay), which a user "
					       "namespace of the step's own needs: use --userns host",
					       step->mounts[i].target);
		g_debug("step %s is in the host's user namespace: what is mounted at %s does not map ids",
			step->snapshot, step->mounts[i].target);
		g_free(record->host_config->userns_mode);
		record->host_config->userns_mode = g_strdup("host");
		return true;
	}
	return true;
}

// The ids

static void reserve(struct berth_engine *engine, const struct berth_container_users *users)
{
	if (!engine->users_of_steps)
		engine->users_of_steps = g_ptr_array_new();
	g_ptr_array_add(engine->users_of_steps, (void *) users);
}

void berth_engine__step_users_let_go(struct berth_engine *engine, const struct berth_container_users *users)
{
	if (!users)
		return;
	pthread_mutex_lock(&engine->lock);
	g_ptr_array_remove_fast(engine->users_of_steps, (void *) users);
	pthread_mutex_unlock(&engine->lock);
}

static bool duplicate(int from, int *ret, GError **error)
{
	*ret = fcntl(from, F_DUPFD_CLOEXEC, 3);
	return *ret >= 0 || berth_error_set_errno(error, errno, "keep the user namespace of a step");
}

// That of the step before, whose network namespace belongs to it.
static bool take_over(struct berth_engine_container *container, const struct berth_engine_step_network *shared,
		      GError **error)
{
	container->record->users = berth_document_copy(&berth_container_users_document, shared->users);
	return duplicate(shared->user_namespace, &container->users_ready.user, error);
}

static bool hand_on(struct berth_engine_container *container, struct berth_engine_step_network *shared, GError **error)
{
	struct berth_users_ready *ready = &container->users_ready;

	if (ready->user < 0)
		ready->user = berth_engine__users_make(container->record->users, error);
	return ready->user >= 0 && duplicate(ready->user, &shared->user_namespace, error);
}

bool berth_engine__step_users_take(struct berth_engine *engine, struct berth_engine_container *container,
				   GError **error)
{
	struct berth_engine_step *step = container->step;
	struct berth_engine_step_network *shared = step->network;

	if (shared && shared->users)
		return take_over(container, shared, error);
	pthread_mutex_lock(&engine->lock);
	bool taken = berth_engine__users_take(engine, container, error);
	const struct berth_container_users *users = taken ? container->record->users : NULL;
	if (users && shared)
		reserve(engine, shared->users = berth_document_copy(&berth_container_users_document, users));
	else if (users)
		reserve(engine, step->users = users);
	pthread_mutex_unlock(&engine->lock);
	if (!users)
		return taken;
	berth_engine__users_spare_want(engine);
	return !shared || hand_on(container, shared, error);
}
