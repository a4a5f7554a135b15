// SPDX-License-Identifier: Apache-2.0
#include "api/build-live.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/lock.h"

#include <pthread.h>
#include <string.h>

#define AGENT_SECONDS 10 // that a build waits for a connection to an agent
#define AGENT_LOOK_NANOSECONDS 100000000 // between two looks whether it is cancelled

struct berth_build_lives {
	pthread_mutex_t lock;
	pthread_cond_t given; // an agent was
	GHashTable *builds; // struct berth_build_live by id
};

struct berth_build_live {
	struct berth_build_lives *lives;
	char *id;
	int canceled; // atomic
	GPtrArray *agents; // of struct agent, that nobody has taken
	struct archive *archive; // that the build waits for, or uses; NULL: none
};

// A context on its way: on the stack of who wants it.
struct archive {
	const char *name;
	int fd; // -1: it has not been given yet
	bool taken; // by the build: who gave it waits
};

struct agent {
	char *name;
	int fd;
};

static void agent_free(void *data)
{
	struct agent *agent = data;

	berth_fd_clear(&agent->fd);
	g_free(agent->name);
	g_free(agent);
}

struct berth_build_lives *berth_build_lives_new(void)
{
	struct berth_build_lives *lives = g_new0(struct berth_build_lives, 1);

	pthread_mutex_init(&lives->lock, NULL);
	berth_cond_init(&lives->given);
	lives->builds = g_hash_table_new(g_str_hash, g_str_equal);
	return lives;
}

void berth_build_lives_free(struct berth_build_lives *lives)
{
	g_hash_table_unref(lives->builds);
	pthread_mutex_destroy(&lives->lock);
	pthread_cond_destroy(&lives->given);
	g_free(lives);
}

struct berth_build_live *berth_build_live_begin(struct berth_build_lives *lives, const char *id, GError **error)
{
	struct berth_build_live *live = NULL;

	pthread_mutex_lock(&lives->lock);
	if (g_hash_table_contains(lives->builds, id)) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "build %s: one with this id is under way", id);
	} else {
		live = g_new0(struct berth_build_live, 1);
		live->lives = lives;
		live->id = g_strdup(id);
		live->agents = g_ptr_array_new_with_free_func(agent_free);
		g_hash_table_insert(lives->builds, live->id, live);
	}
	pthread_mutex_unlock(&lives->lock);
	return live;
}

void berth_build_live_end(struct berth_build_live *live)
{
	pthread_mutex_lock(&live->lives->lock);
	g_hash_table_remove(live->lives->builds, live->id);
	pthread_mutex_unlock(&live->lives->lock);
	g_ptr_array_unref(live->agents);
	g_free(live->id);
	g_free(live);
}

bool berth_build_live_canceled(const struct berth_build_live *live)
{
	return g_atomic_int_get(&live->canceled) != 0;
}

static int take(struct berth_build_live *live, const char *name)
{
	for (guint i = 0; i < live->agents->len; i++) {
		struct agent *agent = live->agents->pdata[i];
		if (strcmp(agent->name, name) == 0) {
			int fd = berth_fd_steal(&agent->fd);
			g_ptr_array_remove_index(live->agents, i);
			return fd;
		}
	}
	return -1;
}

int berth_build_live_take_agent(struct berth_build_live *live, const char *name, bool wait, GError **error)
{
	struct berth_build_lives *lives = live->lives;
	gint64 end = g_get_monotonic_time() + (wait ? (gint64) AGENT_SECONDS * G_USEC_PER_SEC : 0);
	int fd;

	pthread_mutex_lock(&lives->lock);
	while ((fd = take(live, name)) < 0 && !berth_build_live_canceled(live) && g_get_monotonic_time() < end)
		berth_cond_wait_for(&lives->given, &lives->lock, AGENT_LOOK_NANOSECONDS);
	pthread_mutex_unlock(&lives->lock);
	if (fd < 0)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"ssh agent %s: the client has not connected it; give it with --ssh %s", name, name);
	return fd;
}

// With the lock. False: it did not come.
static bool wait_for_archive(struct berth_build_live *live, struct archive *archive,
			     const struct berth_build_live_taker *taker, GError **error)
{
	struct berth_build_lives *lives = live->lives;
	gint64 end = g_get_monotonic_time() + (gint64) BERTH_LIMIT_BUILD_ARCHIVE_SECONDS * G_USEC_PER_SEC;

	while (archive->fd < 0) {
		if (taker->canceled(taker->data))
			return berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
		if (g_get_monotonic_time() >= end)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "the client has listed context \"%s\", but does not send it",
					       archive->name);
		berth_cond_wait_for(&lives->given, &lives->lock, AGENT_LOOK_NANOSECONDS);
	}
	return true;
}

bool berth_build_live_take_archive(struct berth_build_live *live, const char *name,
				   const struct berth_build_live_taker *taker, GError **error)
{
	struct berth_build_lives *lives = live->lives;
	struct archive archive = {name, -1, false};

	pthread_mutex_lock(&lives->lock);
	live->archive = &archive;
	pthread_mutex_unlock(&lives->lock);
	taker->ask(taker->data, name);
	pthread_mutex_lock(&lives->lock);
	bool good = wait_for_archive(live, &archive, taker, error);
	pthread_mutex_unlock(&lives->lock);
	good = good && taker->use(taker->use_data, archive.fd, error);
	pthread_mutex_lock(&lives->lock);
	live->archive = NULL;
	pthread_cond_broadcast(&lives->given);
	while (archive.taken) // whoever gave it looks at it a last time
		berth_cond_wait_for(&lives->given, &lives->lock, AGENT_LOOK_NANOSECONDS);
	pthread_mutex_unlock(&lives->lock);
	return good;
}

// With the lock.
static struct berth_build_live *find(struct berth_build_lives *lives, const char *id, GError **error)
{
	struct berth_build_live *live = g_hash_table_lookup(lives->builds, id);

	if (!live)
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "build %s: none of this id is under way", id);
	return live;
}

bool berth_build_lives_check(struct berth_build_lives *lives, const char *id, GError **error)
{
	pthread_mutex_lock(&lives->lock);
	bool found = find(lives, id, error);
	pthread_mutex_unlock(&lives->lock);
	return found;
}

bool berth_build_lives_cancel(struct berth_build_lives *lives, const char *id, GError **error)
{
	pthread_mutex_lock(&lives->lock);
	struct berth_build_live *live = find(lives, id, error);
	if (live)
		g_atomic_int_set(&live->canceled, 1);
	pthread_mutex_unlock(&lives->lock);
	return live;
}

static bool give(struct berth_build_lives *lives, const char *id, const char *name, int fd, GError **error)
{
	struct berth_build_live *live = find(lives, id, error);

	if (!live)
		return false;
	if (live->agents->len >= BERTH_LIMIT_BUILD_AGENTS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "build %s: %d connections to agents wait already", id, BERTH_LIMIT_BUILD_AGENTS);
	struct agent *agent = g_new0(struct agent, 1);
	agent->name = g_strdup(name);
	agent->fd = fd;
	g_ptr_array_add(live->agents, agent);
	pthread_cond_broadcast(&lives->given);
	return true;
}

bool berth_build_lives_give_agent(struct berth_build_lives *lives, const char *id, const char *name, int fd,
				  GError **error)
{
	pthread_mutex_lock(&lives->lock);
	bool given = give(lives, id, name, fd, error);
	pthread_mutex_unlock(&lives->lock);
	if (!given)
		close(fd);
	return given;
}

static bool give_archive(struct berth_build_lives *lives, const char *id, const char *name, int fd, GError **error)
{
	struct berth_build_live *live = find(lives, id, error);

	if (!live)
		return false;
	struct archive *archive = live->archive;
	if (fd < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "build %s: context %s: the body is empty", id, name);
	if (!archive || archive->fd >= 0 || strcmp(archive->name, name) != 0)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "build %s: context %s is not wanted now", id, name);
	archive->fd = fd;
	archive->taken = true;
	pthread_cond_broadcast(&lives->given);
	while (live->archive == archive) // `live` is there as long as `taken` says so
		berth_cond_wait_for(&lives->given, &lives->lock, AGENT_LOOK_NANOSECONDS);
	archive->taken = false;
	pthread_cond_broadcast(&lives->given);
	return true;
}

bool berth_build_lives_give_archive(struct berth_build_lives *lives, const char *id, const char *name, int fd,
				    GError **error)
{
	pthread_mutex_lock(&lives->lock);
	bool given = give_archive(lives, id, name, fd, error);
	pthread_mutex_unlock(&lives->lock);
	return given;
}
