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

int berth_build_live_take_agent(struct berth_build_live *live, const char *name, GError **error)
{
	struct berth_build_lives *lives = live->lives;
	gint64 end = g_get_monotonic_time() + (gint64) AGENT_SECONDS * G_USEC_PER_SEC;
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
